package record

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/search"
	"github.com/kith-care/kith/store"
)

// Link makes Patients one person: a search for one of them finds what any of them has. Nothing of theirs is changed.
func (d *Door) Link(ctx context.Context, who access.Actor, patients ...string) error {
	return d.relate(ctx, who, "link", patients, func(w *store.Writer) error { return w.Link(ctx, patients) })
}

// Unlink makes a Patient a person of their own again; everything is as it was before Link.
func (d *Door) Unlink(ctx context.Context, who access.Actor, patient string) error {
	return d.relate(ctx, who, "unlink", []string{patient}, func(w *store.Writer) error { return w.Unlink(ctx, patient) })
}

func (d *Door) relate(ctx context.Context, who access.Actor, what string, patients []string, write func(*store.Writer) error) error {
	var shown []*store.Version
	for _, id := range patients {
		ref, err := refOf("Patient", id)
		if err != nil {
			return err
		}
		v, err := d.store.Get(ctx, ref)
		if err != nil {
			return err
		}
		if v.Op >= store.Delete {
			return fhir.Errorf(fhir.Gone, "Patient/%s was deleted", id)
		}
		if err := d.mayLink(ctx, who, v); err != nil {
			return d.audit.refused(ctx, who, access.Update, what+" "+v.Ref(), err, v)
		}
		shown = append(shown, v)
	}
	if err := d.audit.disclosed(ctx, who, access.Update, what+" Patient/"+strings.Join(patients, ", Patient/"), shown...); err != nil {
		return err
	}
	if err := d.store.Write(ctx, write); err != nil {
		return err
	}
	return d.related(ctx, patients)
}

// mayLink asks whether somebody may say who is one person with whom, and may see this Patient.
func (d *Door) mayLink(ctx context.Context, who access.Actor, v *store.Version) error {
	decision, err := d.Decide(ctx, who, access.Update, "Linkage", "")
	if err != nil {
		return err
	}
	if !decision.Permit {
		return fhir.Errorf(fhir.Forbidden, "%s", decision.Sentence())
	}
	if v.Op >= store.Delete {
		return nil
	}
	return d.permit(ctx, who, access.Read, v)
}

// related takes note that some Patients are one person now, or no longer.
func (d *Door) related(ctx context.Context, patients []string) error {
	d.circles.relate(patients)
	return d.store.LoadLinks(ctx)
}

// Relation is a change to who is one person with whom: the Patients of Apart become persons of their own, then those of One
// become one person, with whoever they are one person with.
type Relation struct {
	Apart, One []string
}

// unchanged checks that items are as somebody read them.
func (b Box) unchanged(ctx context.Context, w *store.Writer, was []BoxItem) error {
	keys := map[string][]string{}
	for _, it := range was {
		keys[it.Kind] = append(keys[it.Kind], it.Key)
	}
	now := map[string]map[string][]byte{}
	for kind, list := range keys {
		var err error
		if now[kind], err = w.BoxMany(ctx, b.room, kind, list); err != nil {
			return err
		}
	}
	for _, it := range was {
		if !bytes.Equal(now[it.Kind][it.Key], it.Value) {
			return fhir.Errorf(fhir.Conflict, "%s %s of %s was changed by someone else meanwhile", it.Kind, it.Key, b.room)
		}
	}
	return nil
}

// Relate makes relations, in their order, and keeps what a room has to say of them, in one transaction. It is Link and Unlink for
// a room that must not forget why. Patients that were deleted meanwhile are not linked. What the room has read and
// decided by is was: where somebody has changed one of these since, nothing is written and the error is a Conflict.
func (b Box) Relate(ctx context.Context, who access.Actor, relations []Relation, was []BoxItem, items ...BoxItem) error {
	d := b.d
	relations = slices.Clone(relations)
	var refs []store.Ref
	seen := map[string]bool{}
	var what strings.Builder
	for _, r := range relations {
		for _, half := range []struct {
			verb string
			ids  []string
		}{{"unlink", r.Apart}, {"link", r.One}} {
			for i, id := range half.ids {
				ref, err := refOf("Patient", id)
				if err != nil {
					return err
				}
				if !seen[id] {
					seen[id] = true
					refs = append(refs, ref)
				}
				if i == 0 {
					what.WriteString(" " + half.verb)
				}
				what.WriteString(" Patient/" + id)
			}
		}
	}
	if len(refs) > 0 {
		found, err := d.store.Many(ctx, refs, 0)
		if err != nil {
			return err
		}
		gone := map[string]bool{}
		for _, v := range found {
			if err := d.mayLink(ctx, who, v); err != nil {
				return d.audit.refused(ctx, who, access.Update, b.room+":"+what.String(), err, v)
			}
			gone[v.ID] = v.Op >= store.Delete
		}
		for i := range relations {
			relations[i].One = slices.DeleteFunc(slices.Clone(relations[i].One), func(id string) bool { return gone[id] })
		}
		if err := d.audit.disclosed(ctx, who, access.Update, b.room+":"+what.String(), found...); err != nil {
			return err
		}
	}
	err := d.store.Write(ctx, func(w *store.Writer) error {
		if err := b.unchanged(ctx, w, was); err != nil {
			return err
		}
		var apart []string
		var one [][]string
		settle := func() error {
			if apart == nil && one == nil {
				return nil
			}
			err := w.Relate(ctx, apart, one...)
			apart, one = nil, nil
			return err
		}
		for _, r := range relations {
			if len(r.Apart) > 0 && one != nil { // taking apart comes after what was joined before it
				if err := settle(); err != nil {
					return err
				}
			}
			apart = append(apart, r.Apart...)
			if len(r.One) > 1 {
				one = append(one, r.One)
			}
		}
		if err := settle(); err != nil {
			return err
		}
		for _, it := range items {
			if err := w.Box(ctx, store.BoxItem{Room: b.room, Kind: it.Kind, Key: it.Key, Value: it.Value}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(relations) == 0 {
		return err
	}
	return d.related(ctx, slices.Sorted(maps.Keys(seen)))
}

// people widens a condition on a patient to all Patients who are the same person.
func (d *Door) people(ctx context.Context, c *search.Cond, seq int64) error {
	if c.Param == nil || c.Param.Type != "reference" || c.Modifier != "" && c.Modifier != "Patient" {
		return nil
	}
	for _, v := range c.Values {
		if v.HasSystem || v.Type != "Patient" && (v.Type != "" || c.Param.Code != "patient") {
			continue
		}
		group, err := d.store.Person(ctx, []string{v.Code}, seq)
		if err != nil {
			return err
		}
		for _, id := range group[1:] {
			c.Values = append(c.Values, search.Value{Type: "Patient", Code: id})
		}
	}
	return nil
}

// Person are the ids of the Patients who are the same person as one of them now, itself among them. It says who belongs together
// and nothing of anybody.
func (d *Door) Person(ctx context.Context, patient string) ([]string, error) {
	return d.store.Person(ctx, []string{patient}, 0)
}
