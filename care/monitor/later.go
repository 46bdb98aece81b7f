package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// startingFor is how long, each time, it is found out of people who have not been looked at since the program began when something is due. Changes wait so long.
const startingFor = 100 * time.Millisecond

// farBehind is from how many changes on, that are still to be looked at, nothing is taken for missing.
const farBehind = 20_000

// regularly says what comes of time passing: readings nobody confirmed, readings that have not come, readings that waited for a plan, and Tasks that nobody has
// taken up.
func (s *Service) regularly(ctx context.Context) (ops []record.Op, items []record.BoxItem, err error) {
	defer s.orForget(&err)
	t := s.telling(ctx)
	if err := s.mine(ctx, t); err != nil {
		return nil, nil, err
	}
	if err := s.waited(ctx, t); err != nil {
		return nil, nil, err
	}
	now, until := s.now(), time.Now().Add(startingFor)
	place, err := s.Door.Place(ctx, follower)
	if err != nil {
		return nil, nil, err
	}
	behind, err := s.Door.Behind(ctx, follower)
	if err != nil {
		return nil, nil, err
	}
	for _, key := range sorted(s.people) {
		w := s.people[key]
		switch {
		case w.person == nil && !w.started && w.plan.expects():
			if time.Now().After(until) {
				continue
			}
		case w.due.IsZero() || now.Before(w.due):
			continue
		}
		if err := s.load(ctx, t, w, place+1); err != nil {
			return nil, nil, err
		}
		w.started = true
		if behind > farBehind { // what has not come may be on its way
			continue
		}
		events := w.person.Due(s.Rules, w.plan, now)
		if len(events) > 0 {
			t.touch(key)
		}
		if err := t.events(w, events, ""); err != nil {
			return nil, nil, err
		}
		w.due = w.person.next(s.Rules, w.plan)
	}
	if s.now().Sub(s.escalated) < s.every() {
		return t.done()
	}
	s.escalated = s.now()
	if err := s.escalate(ctx, t); err != nil {
		return nil, nil, err
	}
	return t.done()
}

// remembered reads, once after the program began or another process wrote, what is remembered of everybody, and finds the readings that wait to be confirmed.
func (s *Service) remembered(ctx context.Context) error {
	if s.kept != nil {
		return nil
	}
	kept := map[string][]byte{}
	for after := ""; ; {
		items, err := s.box.List(ctx, "person", after, 1000)
		if err != nil {
			return err
		}
		for _, it := range items {
			after = it.Key
			kept[it.Key] = it.Value
			w := s.people[s.whose[it.Key]]
			if w == nil || !bytes.Contains(it.Value, []byte(`"rechecks"`)) {
				continue
			}
			var state State
			if err := json.Unmarshal(it.Value, &state); err != nil {
				return fhir.Errorf(fhir.Broken, "what is remembered of the readings of Patient/%s cannot be read: %w", it.Key, err)
			}
			if due := (&Person{State: state}).next(s.Rules, &Plan{}); w.person == nil && !due.IsZero() {
				w.due = due
			}
		}
		if len(items) < 1000 {
			s.kept = kept
			return nil
		}
	}
}

// expects reports whether readings are expected at all.
func (p *Plan) expects() bool {
	for _, k := range p.Kinds {
		if k.Every > 0 {
			return true
		}
	}
	return false
}

// waited looks again, every few rounds, at readings from home whose person had no plan when they came.
func (s *Service) waited(ctx context.Context, t *telling) error {
	const rounds = 6
	if time.Since(s.waitedAt) < rounds*s.every() {
		return nil
	}
	s.waitedAt = time.Now()
	for after := ""; ; {
		items, err := s.box.List(ctx, "waiting", after, 500)
		if err != nil {
			return err
		}
		for _, it := range items {
			after = it.Key
			var patient string
			var until int64
			if _, err := fmt.Sscanf(string(it.Value), "%s %d", &patient, &until); err != nil {
				return fhir.Errorf(fhir.Broken, "the reading %s waits for %q: %w", it.Key, it.Value, err)
			}
			w, err := s.known(ctx, patient, true)
			if err != nil {
				return err
			}
			if w == nil && s.now().Unix() < until {
				continue
			}
			t.items = append(t.items, record.BoxItem{Kind: "waiting", Key: it.Key})
			if w == nil {
				continue
			}
			c, err := s.Door.Get(ctx, me, "Observation", it.Key)
			if k := fhir.KindOf(err); err != nil && k != fhir.NotFound && k != fhir.Gone {
				return err
			}
			if err != nil {
				continue
			}
			var o r4.Observation
			if err := c.Decode(&o); err != nil {
				return err
			}
			if err := s.judge(ctx, t, w, &o, c); err != nil {
				return err
			}
		}
		if len(items) < 500 {
			return nil
		}
	}
}
