package record

import (
	"context"
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
		if err := d.permit(ctx, who, access.Update, v); err != nil {
			return d.audit.refused(ctx, who, access.Update, what+" "+v.Ref(), err)
		}
		shown = append(shown, v)
	}
	if err := d.audit.disclosed(ctx, who, access.Update, what+" Patient/"+strings.Join(patients, ", Patient/"), shown...); err != nil {
		return err
	}
	if err := d.store.Write(ctx, write); err != nil {
		return err
	}
	return d.store.LoadLinks(ctx)
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
