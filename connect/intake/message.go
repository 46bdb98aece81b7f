package intake

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
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
	// Parts, unless nil, are what a long item says piece by piece, so that no memory holds all of it, and nothing else is set. They are
	// walked twice: nothing of an item is filed before all of it was read.
	Parts iter.Seq2[*Reading, error]
}

// read reads an item and validates what it says.
func (d *Desk) read(ctx context.Context, f *Feed, it *Item, raw []byte, read Reader) (*Reading, error) {
	r, err := read(ctx, d, f, it, raw)
	if err != nil {
		return nil, err
	}
	if r.Parts == nil {
		return r, d.validate(ctx, f, r)
	}
	for part, err := range r.Parts {
		if err == nil {
			err = d.validate(ctx, f, part)
		}
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (d *Desk) validate(ctx context.Context, f *Feed, r *Reading) (err error) {
	if r.Valid == nil {
		r.Valid, err = d.Validate(ctx, f, r.Ops)
	}
	return err
}

// parts are the parts of a reading, validated: itself where it has none.
func (d *Desk) parts(ctx context.Context, f *Feed, r *Reading) iter.Seq2[*Reading, error] {
	return func(yield func(*Reading, error) bool) {
		if r.Parts == nil {
			yield(r, nil)
			return
		}
		for part, err := range r.Parts {
			if err == nil {
				err = d.validate(ctx, f, part)
			}
			if !yield(part, err) {
				return
			}
		}
	}
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

// overtaken says that somebody else wrote, in between, what an item adds to.
type overtaken struct{ error }

// mostAgain is how often an item is read again because it was overtaken.
const mostAgain = 8

func (d *Desk) fileItem(ctx context.Context, it *Item, raw []byte, read Reader) error {
	for range mostAgain {
		err := d.fileOnce(ctx, it, raw, read)
		if _, again := errors.AsType[overtaken](err); !again {
			return err
		}
	}
	return fhir.Errorf(fhir.Busy, "%s keeps being overtaken by others that add to the same: it stays pending", it.Name)
}

func (d *Desk) fileOnce(ctx context.Context, it *Item, raw []byte, read Reader) error {
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
	if r.Parts == nil {
		was := *it
		_, err := d.File(ctx, it, r.Ops, d.take(it, r)...)
		if err == nil {
			return nil
		}
		if fhir.KindOf(err) == fhir.Precondition && slices.ContainsFunc(r.Ops, func(op record.Op) bool { return op.IfNone || op.IfMatch != 0 }) {
			*it = was
			return overtaken{err}
		}
		return d.refuse(ctx, it, err)
	}
	it.begin()
	for part, err := range d.parts(ctx, f, r) {
		if err == nil {
			bads := d.take(it, part)
			it.tally(part.Ops)
			_, err = d.box.Commit(ctx, d.Who, part.Ops, bads...)
		}
		if err != nil {
			return d.refuse(ctx, it, err)
		}
	}
	_, err = d.box.Commit(ctx, d.Who, nil, it.end(d.Now())...)
	return err
}

// mostPatients is how many of the Patients that an item is about are named in it.
const mostPatients = 20

// take adds to an item what a reading, or a part of one, says of it, and answers what it quarantines.
func (d *Desk) take(it *Item, r *Reading) (bads []record.BoxItem) {
	rows := r.Rows
	if rows.In == 0 {
		rows = Rows{In: len(r.Ops), Filed: len(r.Ops)}
	}
	for i, b := range r.Bad {
		b.Feed, b.Item, b.File, b.At = it.Feed, it.Number, it.Name, d.Now().UTC()
		bads = append(bads, b.box(it.lineKey(it.Rows.Quarantined+i+1)))
	}
	it.Rows.Add(rows)
	it.Patients = append(it.Patients, r.Patients[:min(len(r.Patients), max(mostPatients-len(it.Patients), 0))]...)
	if it.Notes == nil {
		it.Notes = r.Notes
	} else {
		for note, n := range r.Notes {
			it.Notes[note] += n
		}
	}
	it.Valid = r.Valid
	return bads
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
		was := *it
		it.Status, it.Reason, it.Rows, it.Notes, it.Patients = Pending, "", Rows{}, nil, nil
		it.begin()
		for part, err := range d.parts(ctx, f, r) {
			if err == nil {
				err = d.readAgain(ctx, it, part, diff, dry)
			}
			if err != nil {
				return nil, fmt.Errorf("item %d: %w", it.Number, err)
			}
		}
		if !dry {
			if _, err := d.box.Commit(ctx, d.Who, nil, append(it.end(d.Now()), it.released(&was)...)...); err != nil {
				return nil, fmt.Errorf("item %d: %w", it.Number, err)
			}
		}
	}
	return diff, nil
}

// readAgain compares what an item, or a part of it, says with the record, or files it once more.
func (d *Desk) readAgain(ctx context.Context, it *Item, r *Reading, diff *Difference, dry bool) error {
	diff.Rows += max(r.Rows.In, 1)
	x := &extract{desk: d, ctx: ctx, dry: diff}
	if dry {
		return x.compare(&filing{ops: r.Ops})
	}
	for i := range r.Ops {
		r.Ops[i].Same = r.Ops[i].Method == record.Update
	}
	bads := d.take(it, r)
	it.tally(r.Ops)
	results, err := d.box.Commit(ctx, d.Who, r.Ops, bads...)
	if err != nil {
		return err
	}
	x.told = diff
	x.tellOf(results)
	return nil
}

// released takes out of quarantine what is no longer refused of an item that was read again.
func (it *Item) released(was *Item) (out []record.BoxItem) {
	if was.Status == Quarantined {
		out = append(out, record.BoxItem{Kind: "bad/" + it.Feed, Key: oldestFirst(it.Number)})
	}
	for n := it.Rows.Quarantined + 1; n <= was.Rows.Quarantined; n++ {
		out = append(out, record.BoxItem{Kind: "bad/" + it.Feed, Key: it.lineKey(n)})
	}
	return out
}

// lineKey names the nth part of an item that is quarantined.
func (it *Item) lineKey(n int) string { return fmt.Sprintf("line/%s/%09d", oldestFirst(it.Number), n) }

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
