package hl7

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// made is what a merge did, kept so that it can be undone.
type made struct {
	Merge
	Linked  bool  // the two Patients were not one person before
	Changed []Ref // resources in which From was written over by Into
}

// merge carries out what a message says of patients and stays. Patients are linked, which changes nothing of theirs; a
// stay that moves takes what was done in it along.
func (f *Feed) merge(ctx context.Context, it *intake.Item, merges []Merge) ([]record.Op, []record.BoxItem, error) {
	var ops []record.Op
	var all []made
	had, err := f.merges(ctx, it.Number)
	if err != nil {
		return nil, nil, err
	}
	for i, m := range merges {
		done := made{Merge: m}
		if i < len(had) { // the process ended between the merge and noting that the message was filed
			done = had[i]
		}
		var more []record.Op
		switch m.Kind {
		case MergePatient, Link:
			done.Linked = true
			err = f.desk.Door.Link(ctx, f.desk.Who, m.Into.ID, m.From.ID)
		case Unlink:
			err = f.desk.Door.Unlink(ctx, f.desk.Who, m.From.ID)
		case MoveEpisode:
			more, done.Changed, err = f.rewrite(ctx, m.What, m.From, m.Into, done.Changed)
		case MergeEpisode:
			more, done.Changed, err = f.rewrite(ctx, m.From, m.From, m.Into, done.Changed)
		}
		if err != nil {
			return nil, nil, err
		}
		ops = append(ops, more...)
		all = append(all, done)
	}
	value, err := json.Marshal(all)
	if err != nil {
		return nil, nil, err
	}
	return ops, []record.BoxItem{{Kind: "hl7-merge/" + f.name, Key: strconv.FormatInt(it.Number, 10), Value: value}}, nil
}

func (f *Feed) merges(ctx context.Context, item int64) ([]made, error) {
	value, err := f.box().Get(ctx, "hl7-merge/"+f.name, strconv.FormatInt(item, 10))
	if err != nil || value == nil {
		return nil, err
	}
	var all []made
	if err := json.Unmarshal(value, &all); err != nil {
		return nil, fhir.Errorf(fhir.Broken, "what the merge of item %d did cannot be read: %w", item, err)
	}
	return all, nil
}

// inStay are the types that say in which stay they belong, by their search parameter.
var inStay = []string{"Observation", "Condition", "Procedure", "ServiceRequest", "DiagnosticReport", "DocumentReference", "MedicationRequest"}

// rewrite puts a reference to Into wherever a stay, or what was done in it, refers to From. A stay that is merged into
// another becomes part of it.
func (f *Feed) rewrite(ctx context.Context, stay, from, into Ref, before []Ref) (ops []record.Op, changed []Ref, err error) {
	changed = before
	add := func(s *record.Stored) error {
		res, err := s.Resource()
		if err != nil {
			return err
		}
		next, err := replaced(res, from, into)
		if err != nil || next == nil {
			return err
		}
		ops = append(ops, record.Op{Method: record.Update, Type: s.Type, ID: s.ID, Resource: next, IfMatch: s.Version})
		changed = append(changed, Ref{s.Type, s.ID})
		return nil
	}
	kept, err := f.desk.Door.Get(ctx, f.desk.Who, "Encounter", stay.ID)
	if gone(err) {
		return nil, changed, nil // a stay nobody has heard of has nothing to move
	}
	if err != nil {
		return nil, nil, err
	}
	if from.Type == "Encounter" {
		part, err := partOf(kept, &into)
		if err != nil {
			return nil, nil, err
		}
		ops = append(ops, record.Op{Method: record.Update, Type: "Encounter", ID: stay.ID, Resource: part, IfMatch: kept.Version})
	} else if err := add(kept); err != nil {
		return nil, nil, err
	}
	for _, typ := range inStay {
		for m, err := range f.desk.Door.All(ctx, f.desk.Who, typ+"?encounter="+url.QueryEscape(stay.String())) {
			if err != nil {
				return nil, nil, err
			}
			if err := add(m); err != nil {
				return nil, nil, err
			}
		}
	}
	return ops, changed, nil
}

// replaced is a resource with one reference in place of another; nil where it has none to replace.
func replaced(res *fhir.Resource, from, into Ref) (*fhir.Resource, error) {
	var edits []fhir.Edit
	var walk func(v fhir.Value)
	walk = func(v fhir.Value) {
		switch v.Kind() {
		case fhir.Object:
			for name, member := range v.Members() {
				if name == "reference" && member.Is(from.String()) {
					edits = append(edits, fhir.Edit{Start: member.Offset(), End: member.End(), With: fhir.AppendString(nil, into.String())})
					continue
				}
				walk(member)
			}
		case fhir.Array:
			for one := range v.Items() {
				walk(one)
			}
		}
	}
	walk(res.Root())
	if edits == nil {
		return nil, nil
	}
	return fhir.Parse(fhir.Splice(res.Bytes(), edits))
}

// partOf makes a stay part of another, or of none.
func partOf(s *record.Stored, of *Ref) (*fhir.Resource, error) {
	res, err := s.Resource()
	if err != nil {
		return nil, err
	}
	var x r4.Encounter
	if err := r4.Decode(res, &x); err != nil {
		return nil, err
	}
	x.PartOf = nil
	if of != nil {
		x.PartOf = of.reference()
	}
	return r4.Resource(&x)
}

// unmerge undoes what the merges of an item did, the last first.
func (f *Feed) unmerge(ctx context.Context, item int64) error {
	all, err := f.merges(ctx, item)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fhir.Errorf(fhir.NotFound, "the item %d of %s merged nothing that is still merged", item, f.name)
	}
	var ops []record.Op
	for i := len(all) - 1; i >= 0; i-- {
		m := all[i]
		switch {
		case m.Linked:
			if err := f.desk.Door.Unlink(ctx, f.desk.Who, m.From.ID); err != nil {
				return err
			}
		case m.Kind == Unlink:
			if err := f.desk.Door.Link(ctx, f.desk.Who, m.Into.ID, m.From.ID); err != nil {
				return err
			}
		}
		back, err := f.putBack(ctx, m)
		if err != nil {
			return err
		}
		ops = append(ops, back...)
	}
	_, err = f.box().Commit(ctx, f.desk.Who, ops, record.BoxItem{Kind: "hl7-merge/" + f.name, Key: strconv.FormatInt(item, 10)})
	f.known.forget()
	return err
}

func (f *Feed) putBack(ctx context.Context, m made) ([]record.Op, error) {
	var ops []record.Op
	for _, ref := range m.Changed {
		s, err := f.desk.Door.Get(ctx, f.desk.Who, ref.Type, ref.ID)
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		res, err := s.Resource()
		if err != nil {
			return nil, err
		}
		if res, err = replaced(res, m.Into, m.From); err != nil {
			return nil, err
		}
		if res != nil {
			ops = append(ops, record.Op{Method: record.Update, Type: ref.Type, ID: ref.ID, Resource: res, IfMatch: s.Version})
		}
	}
	if m.Kind != MergeEpisode {
		return ops, nil
	}
	s, err := f.desk.Door.Get(ctx, f.desk.Who, "Encounter", m.From.ID)
	if gone(err) {
		return ops, nil
	}
	if err != nil {
		return nil, err
	}
	whole, err := partOf(s, nil)
	if err != nil {
		return nil, err
	}
	return append(ops, record.Op{Method: record.Update, Type: "Encounter", ID: m.From.ID, Resource: whole, IfMatch: s.Version}), nil
}
