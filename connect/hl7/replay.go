package hl7

import (
	"context"

	"time"

	"github.com/kith-care/kith/connect/intake"
)

// Replay maps again what the feed received from one time to another, with the mapping as it is today. Dry writes nothing
// and answers what would differ; the first hundred changes are shown whole. What a newer message says stays.
func (f *Feed) Replay(ctx context.Context, from, to time.Time, dry bool) (*intake.Difference, error) {
	var items []*intake.Item
	for before := int64(0); ; {
		page, err := f.desk.Items(ctx, f.name, before, 500)
		if err != nil {
			return nil, err
		}
		for _, it := range page {
			before = it.Number
			if !it.Received.Before(from) && it.Received.Before(to) {
				items = append(items, it)
			}
		}
		if len(page) < 500 || page[len(page)-1].Received.Before(from) {
			break
		}
	}
	diff := &intake.Difference{}
	for i := len(items) - 1; i >= 0; i-- { // the oldest first
		if err := f.again(ctx, items[i], dry, diff); err != nil {
			return diff, err
		}
	}
	return diff, nil
}

// again maps one item again; a message that was refused because of its control id stays so.
func (f *Feed) again(ctx context.Context, it *intake.Item, dry bool, diff *intake.Difference) error {
	raw, err := f.desk.Raw(ctx, it)
	if err != nil {
		return err
	}
	msg, err := Parse(raw)
	if err != nil {
		return nil // it could not be read then and cannot be read now
	}
	defer f.turns.take(Patients(msg, f.name))()
	if err := f.sameID(ctx, it, idKey(msg)); err != nil {
		return nil
	}
	look := &look{f: f, ctx: ctx, have: map[Ref]held{}}
	filing, err := Map(msg, Config{Feed: f.name, Item: it.Number, Received: it.Received, Place: f.Place, Seen: look.seenAt}, look.current)
	if look.err != nil {
		return look.err
	}
	if err != nil {
		return nil
	}
	diff.Rows++
	diff.Same += len(filing.Confirmed)
	for _, d := range filing.Resources {
		ref := Ref{d.Resource.Type(), d.Resource.ID()}
		change := intake.Change{Ref: ref.String(), After: d.Resource.Bytes()}
		if old := look.have[ref].res; old != nil {
			change.Before = old.Bytes()
			diff.Changed++
		} else {
			diff.New++
		}
		if len(diff.Changes) < 100 {
			diff.Changes = append(diff.Changes, change)
		}
	}
	diff.Deleted += len(filing.Deletes)
	if dry || len(filing.Resources)+len(filing.Deletes)+len(filing.Merges) == 0 {
		return nil
	}
	if err := f.once(ctx, it, msg, idKey(msg), false); err != nil {
		return err
	}
	return nil
}
