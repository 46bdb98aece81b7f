package match

import (
	"context"
	"encoding/json"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// work is one step of matching: what it changes, until it is committed.
type work struct {
	l         *Linker
	s         *state
	edits     map[string]*edit
	order     []string // of the edits
	relations []record.Relation
	todo      []string // Patients to be considered once more
	reopened  []string // questions that what was linked since may answer, by the ids of their links
}

func (l *Linker) work() *work { return &work{l: l, s: l.s, edits: map[string]*edit{}} }

// again has Patients considered once more, with whoever else there is.
func (w *work) again(ids ...string) {
	for _, id := range ids {
		if !slices.Contains(w.todo, id) {
			w.todo = append(w.todo, id)
		}
	}
}

// link is a pair to be changed.
func (w *work) link(ctx context.Context, a, b string) (*edit, error) {
	id := pairID(a, b)
	if e := w.edits[id]; e != nil {
		return e, nil
	}
	value, err := w.l.box.Get(ctx, linkKind, id)
	if err != nil {
		return nil, err
	}
	e, err := editOf(id, value)
	if err != nil {
		return nil, err
	}
	w.edits[id] = e
	w.order = append(w.order, id)
	return e, nil
}

// commit writes everything in one transaction.
func (w *work) commit(ctx context.Context, more ...record.BoxItem) error {
	var was, items []record.BoxItem
	for _, id := range w.order {
		before, now, err := w.edits[id].items()
		if err != nil {
			return err
		}
		was, items = append(was, before), append(items, now...)
	}
	items = append(items, more...)
	if w.s.fresh {
		value, err := json.Marshal(w.s.learnt)
		if err != nil {
			return err
		}
		items, w.s.fresh = append(items, record.BoxItem{Kind: placeKind, Key: "learnt", Value: value}), false
	}
	if len(items) == 0 {
		return nil
	}
	err := w.l.box.Relate(ctx, w.l.o.Who, w.relations, was, items...)
	w.edits, w.order, w.relations = map[string]*edit{}, nil, nil
	return err
}

// consider finds the people of Patients that are new or changed, and of those that are to be looked at again.
func (w *work) consider(ctx context.Context, subjects []subject) error {
	for i := range subjects {
		if err := w.s.know(&subjects[i]); err != nil {
			return err
		}
	}
	if w.s.learn() {
		w.reopen(slices.Sorted(maps.Keys(w.s.links))...)
	}
	for {
		found := w.find(subjects)
		for i := range subjects {
			if err := w.review(ctx, &subjects[i]); err != nil {
				return err
			}
			if err := w.place(ctx, &subjects[i], found[i]); err != nil {
				return err
			}
		}
		if err := w.reconsider(ctx); err != nil {
			return err
		}
		if len(w.todo) == 0 {
			return nil
		}
		ids := w.todo
		w.todo, subjects = nil, nil
		for _, id := range ids {
			if _, there := w.s.sources[id]; !there {
				continue
			}
			stored, err := w.l.door.Get(ctx, w.l.o.Who, "Patient", id)
			if kind := fhir.KindOf(err); kind == fhir.Gone || kind == fhir.NotFound {
				continue // its own change is still to come
			}
			if err != nil {
				return err
			}
			s, err := readPatient(stored)
			if err != nil {
				return err
			}
			if err := w.s.know(&s); err != nil {
				return err
			}
			subjects = append(subjects, s)
		}
	}
}

// find asks the index about several people at once.
func (w *work) find(subjects []subject) [][]Candidate {
	found := make([][]Candidate, len(subjects))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(subjects)) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(subjects); i = int(next.Add(1)) - 1 {
				found[i] = w.s.index.nearest(subjects[i].ID)
			}
		})
	}
	wait.Wait()
	return found
}

// ask puts a pair into the queue. With are the other Patients whose words were weighed as well.
func (w *work) ask(ctx context.Context, id string, c Candidate, with []string, why string) error {
	e, err := w.link(ctx, id, c.ID)
	if err != nil {
		return err
	}
	e.Doubt = &Doubt{Since: w.l.o.Now().UTC(), Why: why, Weight: c.Weight, Parts: c.Parts, With: with, Settings: w.l.version}
	w.s.links.set(e.A, e.B, flagsOf(e.Link))
	return nil
}

func (w *work) join(ctx context.Context, id string, c Candidate, with []string, rule string) error {
	e, err := w.link(ctx, id, c.ID)
	if err != nil {
		return err
	}
	e.Doubt, e.Linked = nil, true
	e.Said = append(e.Said, Assertion{Same: true, Rule: rule, By: w.l.o.Who.ID, When: w.l.o.Now().UTC(), Weight: c.Weight, Parts: c.Parts, With: with, Settings: w.l.version})
	w.relations = append(w.relations, record.Relation{One: []string{id, c.ID}})
	w.s.links.set(e.A, e.B, flagsOf(e.Link))
	// Questions between Patients who are one person by now need no answer; those to others may have one.
	group := w.s.links.person(id)
	w.reopen(group...)
	for _, a := range group {
		for _, p := range slices.Clone(w.s.links[a]) {
			if p.flags&(doubted|linked) == doubted && a < p.other && slices.Contains(group, p.other) {
				if err := w.close(ctx, a, p.other); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// close takes back a question.
func (w *work) close(ctx context.Context, a, b string) error {
	e, err := w.link(ctx, a, b)
	if err != nil {
		return err
	}
	e.Doubt = nil
	w.s.links.set(e.A, e.B, flagsOf(e.Link))
	return nil
}
