package intake

import (
	"context"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Difference is what a replay changes, or would change.
type Difference struct {
	Rows, Same, New, Changed, Deleted int
	Changes                           []Change // the first few
}

// Change is one resource that a replay changes. Before is nil where it is new, After where it is deleted.
type Change struct {
	Ref           string
	Before, After []byte
}

// mostChanges is how many changes a difference shows in full.
const mostChanges = 100

// Replay makes again what a feed's items received from one time to another hold, with the mapping as it is today. Dry writes nothing
// and answers what would differ; the first hundred changes are shown whole.
func (d *Desk) Replay(ctx context.Context, format *Format, feed string, from, to time.Time, dry bool) (*Difference, error) {
	f, err := d.Named(feed)
	if err != nil {
		return nil, err
	}
	if format, err = format.of(f); err != nil {
		return nil, err
	}
	lock := d.lock(feed)
	lock.Lock()
	defer lock.Unlock()
	diff := &Difference{}
	drops, err := d.filedBetween(ctx, feed, from, to)
	if err != nil {
		return nil, err
	}
	for _, files := range drops {
		x := d.newExtract(ctx, format, f)
		x.force = true
		x.dry = diff
		if !dry {
			x.dry, x.told = nil, diff
		}
		if err := x.drop(files); err != nil {
			return nil, err
		}
		for _, file := range files {
			if n := x.rows[file]; n != nil {
				diff.Rows += n.In
			}
		}
	}
	return diff, nil
}

// filedBetween are the filed items of a time, drop by drop, the oldest first.
func (d *Desk) filedBetween(ctx context.Context, feed string, from, to time.Time) ([][]*File, error) {
	var drops [][]*File
	at := map[string]int{}
	for before := int64(0); ; {
		items, err := d.Items(ctx, feed, before, 200)
		if err != nil {
			return nil, err
		}
		for _, it := range items {
			before = it.Number
			if it.Received.Before(from) || it.Received.After(to) || it.Status != Filed || it.Meta == nil {
				continue
			}
			f, err := it.file()
			if err != nil {
				return nil, err
			}
			i, ok := at[it.Drop]
			if !ok {
				i = len(drops)
				at[it.Drop] = i
				drops = append(drops, nil)
			}
			drops[i] = append(drops[i], f)
		}
		if len(items) < 200 {
			break
		}
	}
	for _, files := range drops {
		sortFiles(files)
	}
	sortDrops(drops)
	return drops, nil
}

// compare notes what a batch would change.
func (x *extract) compare(f *filing) error {
	for _, op := range f.ops {
		before, err := x.desk.Door.Get(x.ctx, x.desk.Who, op.Type, op.ID)
		if k := fhir.KindOf(err); err != nil && k != fhir.NotFound && k != fhir.Gone {
			return err
		}
		if err != nil {
			before = nil
		}
		x.differ(op, before)
	}
	return nil
}

func (x *extract) differ(op record.Op, before *record.Stored) {
	x.mu.Lock()
	defer x.mu.Unlock()
	c := Change{Ref: op.Type + "/" + op.ID}
	if before != nil {
		c.Before = before.Body
	}
	d := x.dry
	switch {
	case op.Method == record.Delete && before == nil:
		return
	case op.Method == record.Delete:
		d.Deleted++
	case before == nil:
		d.New++
		c.After = op.Resource.Bytes()
	default:
		if before.Says(op.Resource) {
			d.Same++
			return
		}
		d.Changed++
		c.After = op.Resource.Bytes()
	}
	if len(d.Changes) < mostChanges {
		d.Changes = append(d.Changes, c)
	}
}

// tellOf counts what a replay wrote.
func (x *extract) tellOf(results []record.Result) {
	if x.told == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, r := range results {
		switch r.Outcome {
		case record.Created:
			x.told.New++
		case record.Updated:
			x.told.Changed++
		case record.Deleted:
			x.told.Deleted++
		default:
			x.told.Same++
		}
	}
}
