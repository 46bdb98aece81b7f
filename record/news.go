package record

import (
	"context"
	"log/slog"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/store"
	"github.com/kith-care/kith/work"
)

// Whoever asked to be told of changes is told of what a search of theirs would find now and that was written since they were told last. News finds
// the next of it; Current reads one of them when it is sent, and decides once more.

// MaySubscribe refuses a search that somebody may not make, as a search would refuse it, or whoever may not ask to be told at all.
func (d *Door) MaySubscribe(ctx context.Context, who access.Actor, typ, query string) error {
	_, q, err := d.extracted(&Extract{Type: typ, Filters: []string{query}})
	if err != nil {
		return err
	}
	subscription, _ := spec.Resource("Subscription")
	err = d.ever(who, access.Create, subscription)
	if err == nil {
		err = d.MayExtract(who, typ)
	}
	e := d.eyes(ctx, nil, &who, access.Search)
	if err == nil && e != nil {
		err = e.open(q)
	}
	if err == nil {
		err = d.resolve(ctx, e, q, 0) // what names too much, or a terminology that is not known
	}
	if err != nil && fhir.KindOf(err) == fhir.Forbidden {
		return d.audit.refused(ctx, who, access.Search, "subscribe to "+typ+"?"+query, err)
	}
	return err
}

// News are numbers of versions of a type that were written after a change, are current, and that somebody may see and a search finds; and the
// change up to which was looked. More is true where there may be others. Nothing is shown, so nothing is written to the audit.
func (d *Door) News(ctx context.Context, who access.Actor, typ, query string, after int64) (numbers []int64, upTo int64, more bool, err error) {
	if err := d.MayExtract(who, typ); err != nil {
		return nil, after, false, err
	}
	seq, err := d.store.Seq(ctx)
	if err != nil || seq <= after {
		return nil, after, false, err
	}
	x := &Extract{Type: typ, Filters: []string{query}}
	t, q, err := d.extracted(x)
	if err != nil {
		return nil, after, false, err
	}
	rows, err := d.store.Scan(ctx, store.Scan{Type: t, Seq: seq, After: after, Limit: sliceRows})
	if err != nil {
		return nil, after, false, err
	}
	upTo = seq
	if more = len(rows) == sliceRows; more {
		upTo = rows[len(rows)-1].Rid
	}
	if len(rows) == 0 {
		return nil, upTo, false, nil
	}
	e := d.eyes(ctx, nil, &who, access.Search)
	if err := d.resolve(ctx, e, q, 0); err != nil {
		return nil, after, false, err
	}
	in := &extracting{d: d, ctx: ctx, x: x, e: e, q: q}
	kept, err := in.keep(rows)
	if err != nil {
		return nil, after, false, err
	}
	for _, v := range kept {
		numbers = append(numbers, v.Rid)
	}
	return numbers, upTo, more, nil
}

// Current is a version that News found, for sending it; nil where it is current no more, or may be seen no more. That it is shown stands in the
// audit before it is answered.
func (d *Door) Current(ctx context.Context, who access.Actor, why string, number int64) (*Stored, error) {
	versions, err := d.store.Numbered(ctx, []int64{number})
	if err != nil || len(versions) == 0 || !versions[0].Current() {
		return nil, err
	}
	versions, err = d.eyes(ctx, nil, &who, access.Read).keep(versions)
	if err != nil || len(versions) == 0 {
		return nil, err
	}
	return stored(versions[0]), d.audit.disclosed(ctx, who, access.Read, why, versions...)
}

// Wake calls do with the types of resources that were changed and the last of these changes, again and again until ctx ends, and writes what it
// answers in the transaction that notes how far it has come. It says of what type, and nothing of anybody. Of all processes one does it.
func (b Box) Wake(ctx context.Context, do func(ctx context.Context, types []string, last int64) (Noted, error)) {
	name := "wake/" + b.room
	if err := b.beginNow(ctx, name); err != nil && ctx.Err() == nil {
		slog.Warn("a follower begins with the first change of all", "follower", name, "error", err)
	}
	f := work.Follower{Store: b.d.store, Name: name, Wake: b.d.commits.next, Batch: 5000, Read: b.d.store.ChangedTypes}
	f.Do = func(ctx context.Context, changes []*store.Version, commit work.Commit) error {
		var types []string
		seen := map[spec.TypeID]bool{}
		for _, v := range changes {
			if !seen[v.Type] {
				seen[v.Type] = true
				types = append(types, v.Type.String())
			}
		}
		noted, err := do(ctx, types, changes[len(changes)-1].Rid)
		if err != nil {
			return err
		}
		return commit(func(w *store.Writer) error {
			return b.settle(ctx, w, func(func(kind, key string) ([]byte, error)) (Noted, error) { return noted, nil })
		})
	}
	f.Run(ctx)
}

// beginNow has a follower that has never run begin with what comes now: whoever it wakes has dealt with what was before.
func (b Box) beginNow(ctx context.Context, name string) error {
	place, err := b.d.store.Place(ctx, name)
	if err != nil || place > 0 {
		return err
	}
	return b.d.store.Write(ctx, func(w *store.Writer) error { return w.SavePlace(ctx, name, w.Base(), 0) })
}
