// Package monitor watches what people measure at home and tells somebody when it is time.
//
// A CarePlan says what is measured of whom, how often, and their own limits (plan.go). Each reading that comes into the record, whatever way it came, is held
// against the person's own limits, then the service's, then their own normal: a median of 28 days, and how far readings usually are from it (judge.go,
// series.go: pure, no record). What comes of it is a Flag and a Task with the reason (watch.go, tell.go); a person has one open episode at a time. Readings
// that do not come are told too. A Task that nobody takes up goes to the next on the rota (escalate.go). Why a Task is there, why.go says; Board is the virtual ward.
//
// What is remembered of a person stands in the box and is written in the transaction that writes Task and place, so that a process killed at any moment leaves
// nothing told twice and nothing untold. Readings are read again from the record.
//
// NEWS2 is in news2.go. Rules and scores are data: service.json, news2.json. Replay plays histories through the same rules.
package monitor

import (
	"context"
	"encoding/json"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/work"
)

// Service watches for one place. Door and Rules must be set.
type Service struct {
	Door  *record.Door
	Rules *Rules
	Rota  Rota // who is told first, and who next; empty for an organisation's name only
	Now   func() time.Time
	Every time.Duration // how often what comes of time passing is looked at; 0 for 10 seconds

	box       record.Box
	holder    string // this process
	mark      string // what the box should say of who wrote last
	marks     int
	people    map[string]*watched // by the smallest id of the Patients who are the person
	whose     map[string]string   // Patient → key of people
	since     time.Time           // when whose was last looked up
	plans     bool                // all plans are read
	loaded    int                 // people whose readings were read into memory
	kept      map[string][]byte   // what the box remembers of people; nil where it must be read
	waitedAt  time.Time           // when readings that wait for a plan were last looked at
	escalated time.Time           // when Tasks were last looked through
}

// watched is one person whom a plan is about.
type watched struct {
	key     string
	group   []string // the Patients who are the person
	plan    *Plan
	person  *Person   // nil where it must be read
	due     time.Time // when something is due if no reading comes; zero for never, or not known
	started bool      // due has been found out
	fetched []Sent    // readings that were read ahead; nil for none
}

// me is in whose name monitoring reads and writes.
var me = access.Actor{ID: "kith/monitor", Name: "Monitoring", Role: access.Kith, Purpose: "TREAT"}

func (s *Service) every() time.Duration {
	if s.Every == 0 {
		return 10 * time.Second
	}
	return s.Every
}

// follower is the name under which the place in the feed is kept.
const follower = "monitor"

// Run watches until ctx ends. One process of those that serve a record does at a time.
func (s *Service) Run(ctx context.Context) error {
	s.begin()
	return s.box.Follow(ctx, me, record.Following{Name: follower, Types: []string{"Observation", "CarePlan", "Goal", "ServiceRequest", "Task"}, Do: s.changed, Regularly: s.regularly, Every: min(s.every(), time.Second)})
}

func (s *Service) begin() {
	if s.holder == "" {
		s.box, s.holder = s.Door.Box("monitor"), work.Holder()
		s.forget()
	}
}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// forget drops what is in memory: another process, or a commit that failed, may have left it behind.
func (s *Service) forget() {
	s.people, s.whose, s.since, s.plans, s.loaded = map[string]*watched{}, map[string]string{}, time.Time{}, false, 0
	s.kept = nil
}

// mine finds out whether this process also wrote last. Where it did not, everything is read again.
func (s *Service) mine(ctx context.Context, t *telling) error {
	said, err := s.box.Get(ctx, "process", "last")
	if err != nil {
		return err
	}
	if s.mark == "" || string(said) != s.mark {
		s.forget()
		t.marked = true
	}
	if err := s.refresh(ctx); err != nil {
		return err
	}
	return s.remembered(ctx)
}

// stateOf is what is remembered of the Patients who are one person; what was remembered of them apart, before anybody knew, becomes one.
func (s *Service) stateOf(key string, group []string, t *telling) (State, error) {
	var out State
	for _, id := range group {
		value := s.kept[id]
		if value == nil {
			continue
		}
		var one State
		if err := json.Unmarshal(value, &one); err != nil {
			return out, fhir.Errorf(fhir.Broken, "what is remembered of the readings of Patient/%s cannot be read: %w", id, err)
		}
		out = joined(out, one)
		if id != key {
			t.items = append(t.items, record.BoxItem{Kind: "person", Key: id})
			delete(s.kept, id)
			t.touch(key)
		}
	}
	return out, nil
}

// joined is what is remembered of two who are one: the older open episode stays open.
func joined(a, b State) State {
	switch {
	case a.Episode == nil:
		a.Episode = b.Episode
	case b.Episode != nil:
		if b.Episode.Opened.Before(a.Episode.Opened) {
			a.Episode, b.Episode = b.Episode, a.Episode
		}
		for kind, at := range b.Episode.Kinds {
			a.Episode.Kinds[kind] = at
		}
	}
	a.Past = append(a.Past, b.Past...)
	for kind, c := range b.Rechecks {
		if a.Rechecks == nil {
			a.Rechecks = map[string]Recheck{}
		}
		a.Rechecks[kind] = c
	}
	for _, m := range []struct {
		into *map[string]time.Time
		from map[string]time.Time
	}{{&a.Averaged, b.Averaged}, {&a.Asked, b.Asked}, {&a.Told, b.Told}} {
		for kind, at := range m.from {
			*m.into = with(*m.into, kind, at)
		}
	}
	return a
}
