package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Reader turns one item that is no table (a message, a bundle, a device's file) into what it changes in the record. It is pure but
// for what it looks up through the desk's door. An error means that nothing of the item can be filed.
type Reader func(ctx context.Context, d *Desk, f *Feed, it *Item, raw []byte) (*Reading, error)

// Reading is what an item says.
type Reading struct {
	Ops      []record.Op
	Patients []string       // ids of Patients it is about, where they are few
	Rows     Rows           // of its entries or readings: In, Filed, Quarantined
	Bad      []Bad          // entries that could not be filed; the others are
	Notes    map[string]int // what was noticed, with how often
	// Valid says of what it writes, by reference, whether it validates: nil to have the desk validate as the feed is set.
	Valid map[string]bool
}

// read reads an item and validates what it says.
func (d *Desk) read(ctx context.Context, f *Feed, it *Item, raw []byte, read Reader) (*Reading, error) {
	r, err := read(ctx, d, f, it, raw)
	if err == nil && r.Valid == nil {
		r.Valid, err = d.Validate(ctx, f, r.Ops)
	}
	return r, err
}

// Receive keeps an item, reads it and files what it says. What came before and was filed is recognised. An item that cannot be
// understood, or that the record refuses, is quarantined with its reason, which is also the error.
func (d *Desk) Receive(ctx context.Context, feed, name string, raw []byte, read Reader) (*Item, error) {
	it, again, err := d.Keep(ctx, feed, name, raw)
	if err != nil || again && it.Status != Pending {
		return it, err
	}
	return it, d.fileItem(ctx, it, raw, read)
}

// ResumeItems files what a feed has pending, the oldest first: after a crash, or when a held feed is released.
func (d *Desk) ResumeItems(ctx context.Context, feed string, read Reader) error {
	for {
		items, err := d.PendingItems(ctx, feed, 0, 100)
		if err != nil || len(items) == 0 {
			return err
		}
		for _, it := range items {
			raw, err := d.Raw(ctx, it)
			if err != nil {
				return err
			}
			if err := d.fileItem(ctx, it, raw, read); err != nil && it.Status == Pending {
				return err
			}
		}
	}
}

func (d *Desk) fileItem(ctx context.Context, it *Item, raw []byte, read Reader) error {
	f, err := d.Named(it.Feed)
	if err != nil {
		return err
	}
	if f.Held != "" {
		return fhir.Errorf(fhir.Busy, "the feed %s is held: %s", f.Name, f.Held)
	}
	r, err := d.read(ctx, f, it, raw, read)
	if err != nil {
		return d.refuse(ctx, it, err)
	}
	it.Patients, it.Rows, it.Notes, it.Valid = r.Patients, r.Rows, r.Notes, r.Valid
	if it.Rows.In == 0 {
		it.Rows = Rows{In: len(r.Ops), Filed: len(r.Ops)}
	}
	var bads []record.BoxItem
	for i, b := range r.Bad {
		b.Feed, b.Item, b.File, b.At = it.Feed, it.Number, it.Name, d.Now().UTC()
		bads = append(bads, b.box(fmt.Sprintf("line/%s/%09d", oldestFirst(it.Number), i+1)))
	}
	if _, err := d.File(ctx, it, r.Ops, bads...); err != nil {
		return d.refuse(ctx, it, err)
	}
	return nil
}

// refuse quarantines an item for a fault of its own; a fault of the database is passed on and the item stays pending.
func (d *Desk) refuse(ctx context.Context, it *Item, why error) error {
	switch fhir.KindOf(why) {
	case fhir.Busy, fhir.NoRoom:
		return why
	case fhir.Broken:
		if _, refused := errors.AsType[*record.OpError](why); !refused {
			return why
		}
	}
	if ctx.Err() != nil {
		return why
	}
	if err := d.Quarantine(ctx, it, Bad{Reason: why.Error()}); err != nil {
		return err
	}
	return why
}

// ReplayItems is Replay for items that are no tables: each is read again, as it was, with today's Reader.
func (d *Desk) ReplayItems(ctx context.Context, read Reader, feed string, from, to time.Time, dry bool) (*Difference, error) {
	f, err := d.Named(feed)
	if err != nil {
		return nil, err
	}
	diff := &Difference{}
	items, err := d.between(ctx, feed, from, to)
	if err != nil {
		return nil, err
	}
	for _, it := range items {
		raw, err := d.Raw(ctx, it)
		if err != nil {
			return nil, err
		}
		r, err := d.read(ctx, f, it, raw, read)
		if err != nil {
			diff.Changes = append(diff.Changes, Change{Ref: fmt.Sprintf("item %d: %v", it.Number, err)})
			continue
		}
		diff.Rows += max(r.Rows.In, 1)
		x := &extract{desk: d, ctx: ctx, dry: diff}
		if dry {
			if err := x.compare(&filing{ops: r.Ops}); err != nil {
				return nil, err
			}
			continue
		}
		for i := range r.Ops {
			r.Ops[i].Same = r.Ops[i].Method == record.Update
		}
		it.Valid = r.Valid
		results, err := d.File(ctx, it, r.Ops)
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", it.Number, err)
		}
		x.told = diff
		x.tellOf(results)
	}
	return diff, nil
}

// between are the items of a time that were filed or quarantined, the oldest first.
func (d *Desk) between(ctx context.Context, feed string, from, to time.Time) ([]*Item, error) {
	var out []*Item
	for before := int64(0); ; {
		items, err := d.Items(ctx, feed, before, 200)
		if err != nil {
			return nil, err
		}
		for _, it := range items {
			before = it.Number
			if !it.Received.Before(from) && !it.Received.After(to) && it.Status != Pending {
				out = append(out, it)
			}
		}
		if len(items) < 200 || items[len(items)-1].Received.Before(from) {
			break
		}
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out, nil
}
