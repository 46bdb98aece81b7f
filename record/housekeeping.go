package record

import (
	"context"
	"log/slog"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/search"
	"github.com/kith-care/kith/store"
)

// background runs f until it returns; Close ends its context and waits for it.
func (d *Door) background(f func(context.Context)) {
	if d.running.Err() != nil {
		return
	}
	d.tasks.Go(func() { f(d.running) })
}

// housekeeping looks once a second for what other processes have changed of what the door keeps at hand, folds the
// counters, and once a minute sweeps the keys of versions that were replaced a day ago.
func (d *Door) housekeeping(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	seen, err := d.conformance(ctx)
	if err != nil && ctx.Err() == nil {
		slog.Error("housekeeping failed", "error", err)
	}
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, err := d.conformance(ctx)
		if err == nil && now != seen {
			d.newTerms()
			if err = d.loadCatalogue(ctx); err == nil {
				seen = now
			}
		}
		if err == nil {
			err = d.store.FoldTallies(ctx)
		}
		if err == nil {
			err = d.store.LoadLinks(ctx)
		}
		if err == nil {
			err = d.circles.catchUp(ctx)
		}
		if err == nil {
			err = d.store.CountTables(ctx)
		}
		if err == nil && n%60 == 0 {
			err = d.sweep(ctx)
		}
		if err == nil && n%60 == 0 {
			err = d.circles.forget(ctx)
		}
		if err != nil && ctx.Err() == nil {
			slog.Error("housekeeping failed", "error", err)
		}
	}
}

// conformance is the newest change to what the door keeps at hand.
func (d *Door) conformance(ctx context.Context) (int64, error) {
	newest := int64(0)
	for _, name := range [...]string{"SearchParameter", "CodeSystem", "ValueSet", "ConceptMap"} {
		t, _ := spec.Resource(name)
		rid, err := d.store.Latest(ctx, t)
		if err != nil {
			return 0, err
		}
		newest = max(newest, rid)
	}
	return newest, nil
}

// sweep removes the keys of versions that no page still being read can need.
func (d *Door) sweep(ctx context.Context) error {
	before := d.now().Add(-store.KeepClosed).UnixMicro()
	for ctx.Err() == nil {
		old, err := d.store.Closed(ctx, before, 200)
		if err != nil || len(old) == 0 {
			return err
		}
		err = d.store.Write(ctx, func(w *store.Writer) error {
			for _, v := range old {
				if err := d.unindex(ctx, w, v); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *Door) unindex(ctx context.Context, w *store.Writer, v *store.Version) error {
	ix := &search.Index{}
	if v.Body != nil {
		res, err := fhir.Parse(v.Body)
		if err != nil {
			return err
		}
		indexer := search.Indexer{Catalogue: d.catalogue.Load(), Base: d.base}
		if ix, err = indexer.Index(res, v.ID); err != nil {
			return err
		}
	}
	return w.Unindex(ctx, v, ix)
}

// Erase removes every version of a resource, with its keys, for good. What stays is a tombstone in the change feed and
// the reason. The error is NotFound where there never was one.
func (d *Door) Erase(ctx context.Context, who access.Actor, typ, id, why string) error {
	ref, err := refOf(typ, id)
	if err != nil {
		return err
	}
	if why == "" {
		return fhir.Errorf(fhir.Invalid, "an erasure needs a reason")
	}
	head, err := d.store.Get(ctx, ref)
	if err != nil {
		return err
	}
	if err := d.permit(ctx, who, access.Delete, head); err != nil {
		return d.audit.refused(ctx, who, access.Delete, "erase "+head.Ref(), err, head)
	}
	if err := d.audit.disclosed(ctx, who, access.Delete, "erase "+head.Ref()+": "+why, head); err != nil {
		return err
	}
	err = d.store.Write(ctx, func(w *store.Writer) error {
		versions, err := w.Versions(ctx, ref)
		if err != nil {
			return err
		}
		for _, v := range versions {
			if err := d.unindex(ctx, w, v); err != nil {
				return err
			}
			if err := w.Erase(ctx, v, why); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		d.circles.drop([]*store.Version{head})
	}
	return err
}
