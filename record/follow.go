package record

import (
	"context"
	"errors"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/store"
	"github.com/kith-care/kith/work"
)

// Follow calls do with every change of the types named (all where none is), in order and in batches, from where the
// follower of that name left off, until ctx ends. What do answers is committed together with the follower's place: each
// change is dealt with once, whatever happens in between, and by one process at a time. What who may not see is passed over.
func (d *Door) Follow(ctx context.Context, who access.Actor, name string, types []string, do func(ctx context.Context, changes []Stored) ([]Op, error)) error {
	return d.follow(ctx, who, "", Following{Name: name, Types: types, Do: func(ctx context.Context, changes []Stored) ([]Op, []BoxItem, error) {
		ops, err := do(ctx, changes)
		return ops, nil, err
	}})
}

// Following is how a room follows changes and keeps what it remembers of them in its box, in the transaction that saves its place.
type Following struct {
	Name  string
	Types []string // all where there are none
	Do    func(ctx context.Context, changes []Stored) ([]Op, []BoxItem, error)
	// Regularly, unless nil, says what comes of time passing. It is called every so often by the process that follows, never beside Do.
	Regularly func(ctx context.Context) ([]Op, []BoxItem, error)
	Every     time.Duration // how often; 0 for 10 s
}

// Follow is Door.Follow for a room that also writes into its box.
func (b Box) Follow(ctx context.Context, who access.Actor, f Following) error {
	return b.d.follow(ctx, who, b.room, f)
}

func (d *Door) follow(ctx context.Context, who access.Actor, room string, of Following) error {
	var ids []spec.TypeID
	for _, typ := range of.Types {
		t, ok := spec.Resource(typ)
		if !ok {
			return fhir.Errorf(fhir.NotFound, "there is no resource type %s in FHIR R4", typ)
		}
		ids = append(ids, t)
	}
	f := work.Follower{Store: d.store, Name: of.Name, Types: ids, Wake: d.commits.next, Every: of.Every}
	f.Do = func(ctx context.Context, versions []*store.Version, commit work.Commit) error {
		versions, err := d.eyes(ctx, nil, &who, access.Read).keep(versions)
		if err != nil {
			return err
		}
		changes := make([]Stored, len(versions))
		for i, v := range versions {
			changes[i] = *stored(v)
		}
		if err := d.audit.disclosed(ctx, who, access.Read, "follow "+of.Name, versions...); err != nil {
			return err
		}
		ops, items, err := of.Do(ctx, changes)
		if err != nil {
			return err
		}
		return d.commitWith(ctx, who, ops, inRoom(room, items), commit)
	}
	if of.Regularly != nil {
		f.Regularly = func(ctx context.Context, commit work.Commit) error {
			ops, items, err := of.Regularly(ctx)
			if err != nil || len(ops)+len(items) == 0 {
				return err
			}
			return d.commitWith(ctx, who, ops, inRoom(room, items), commit)
		}
	}
	f.Run(ctx)
	return ctx.Err()
}

func inRoom(room string, items []BoxItem) []store.BoxItem {
	keep := make([]store.BoxItem, len(items))
	for i, it := range items {
		keep[i] = store.BoxItem{Room: room, Kind: it.Kind, Key: it.Key, Value: it.Value}
	}
	return keep
}

// commitWith is Commit inside a transaction that also saves a follower's place.
func (d *Door) commitWith(ctx context.Context, who access.Actor, ops []Op, items []store.BoxItem, commit work.Commit) error {
	for try := 0; ; try++ {
		c, err := d.prepare(ctx, who, ops)
		if err != nil {
			return err
		}
		c.items = items
		var written []*store.Version
		err = commit(func(w *store.Writer) error {
			if len(ops)+len(items) == 0 {
				return nil
			}
			var err error
			if _, written, err = d.commits.apply(ctx, w, c); err != nil || len(ops) == 0 {
				return err
			}
			entry, err := d.audit.commitEntry(ctx, w, c, written, nil)
			if err != nil {
				return err
			}
			return d.audit.write(ctx, entry)
		})
		if !errors.Is(err, errMoved) || try == 20 {
			if err == nil && len(ops) > 0 {
				d.circles.drop(written)
				d.commits.announce()
			}
			return err
		}
		if err := d.catchUp(ctx, d.commits.defined.Load()); err != nil {
			return err
		}
	}
}

// next is closed at the next change that this process makes.
func (k *committer) next() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.wake
}

// Place is the number of the last change that the follower of that name has dealt with.
func (d *Door) Place(ctx context.Context, name string) (int64, error) {
	return d.store.Place(ctx, name)
}

// Behind is how many changes the follower of that name has not dealt with yet.
func (d *Door) Behind(ctx context.Context, name string) (int64, error) {
	place, err := d.store.Place(ctx, name)
	if err != nil {
		return 0, err
	}
	seq, err := d.store.Seq(ctx)
	return max(seq-place, 0), err
}
