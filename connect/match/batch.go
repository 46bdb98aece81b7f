package match

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// inOneGo is how many links and questions of a batch are written in one transaction.
const inOneGo = 1000

// together matches all Patients there are at change upTo with one another. After a bulk load this is many times faster than
// finding the person of each, and comes to the same links by the same rules: the pairs are found by a Roster instead of the Index, and
// settled strongest first.
func (l *Linker) together(ctx context.Context, upTo int64) error {
	start := time.Now()
	l.s.seen, l.s.sources, l.s.same = 0, map[string]string{}, map[string][]string{}
	var err error
	if l.s.index, err = NewIndex(l.o.Settings, l.door.TestNumbers()); err != nil {
		return fhir.Errorf(fhir.Broken, "no index: %w", err)
	}
	all := map[string]subject{}
	if err := l.catchUp(ctx, upTo, all); err != nil {
		return err
	}
	people := make([]Person, 0, len(all))
	for _, s := range all {
		people = append(people, s.Person)
	}
	r, err := New(people, nil, l.door.TestNumbers())
	if err != nil {
		return fhir.Errorf(fhir.Broken, "no batch of Patients: %w", err)
	}
	r.register = true
	slog.Info("matching all Patients at once", "patients", len(people), "read in", time.Since(start))
	m := l.o.Settings.model(r)
	found := r.Run(l.o.Settings, false, func(_, _ int64) {})
	slices.SortStableFunc(found, func(x, y Scored) int {
		if x.Decision != y.Decision {
			return int(y.Decision) - int(x.Decision)
		}
		switch {
		case x.Weight > y.Weight:
			return -1
		case x.Weight < y.Weight:
			return 1
		}
		return 0
	})
	w := l.work()
	l.s.learn()
	for _, id := range slices.Sorted(maps.Keys(l.s.links)) { // what was linked and is no longer there, or has changed
		s, there := all[id]
		if !there {
			if err := w.vanished(ctx, id); err != nil {
				return err
			}
			continue
		}
		if err := w.review(ctx, &s); err != nil {
			return err
		}
	}
	links := 0
	for _, p := range found {
		g, weight := r.best(m, p.A, p.B)
		c := Candidate{ID: r.ids[p.B], Weight: weight, Decision: p.Decision, Parts: m.parts(&g, weight), Certain: certain(&g)}
		c.Clash = g.levels[NHS] == same(NHS) && !c.Certain && m.judge(&g, weight, false) == Ask
		c.Decision = m.judge(&g, weight, r.rows[p.A].nobody || r.rows[p.B].nobody)
		before := len(w.relations)
		if err := w.settle(ctx, r.ids[p.A], c); err != nil {
			return err
		}
		if links += len(w.relations) - before; len(w.order) >= inOneGo {
			if err := w.commit(ctx); err != nil {
				return err
			}
		}
	}
	if err := w.commit(ctx); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(l.s.same)) { // what sources say and no letter supports
		s := all[id]
		if err := w.place(ctx, &s, nil); err != nil {
			return err
		}
	}
	if err := w.consider(ctx, nil); err != nil {
		return err
	}
	value, err := json.Marshal(upTo)
	if err != nil {
		return err
	}
	if err := w.commit(ctx, record.BoxItem{Kind: placeKind, Key: "batch", Value: value}); err != nil {
		return err
	}
	l.s.batched = upTo
	slog.Info("matched all Patients", "patients", len(people), "links", links, "took", time.Since(start))
	return nil
}
