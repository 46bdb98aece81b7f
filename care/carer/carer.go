// Package carer is the list of what somebody's carers do for them: to measure, to give a medicine, to bring them to an appointment, and what carers or staff add.
//
// What is due follows from the record (due.go): what the care plan asks to be measured, appointments to come. What somebody adds, and each tick, is a Task
// (tasks.go), so that all carers of a person, the person and the staff who care for them see one list, and who did what. Somebody registers as a carer
// (register.go): a Flag in their own record and a RelatedPerson in the record of whom they care for, and their practice is asked to offer them support.
package carer

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/words"
)

// Service keeps carers' lists. Door must be set.
type Service struct {
	Door *record.Door
	Now  func() time.Time // nil for the clock
}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// acting is this package at work for somebody, whom the audit names.
func acting(who access.Actor) access.Actor {
	return access.Actor{ID: who.ID, Name: who.Name, Role: access.Kith, Organization: who.Organization, Purpose: cmp.Or(who.Purpose, "TREAT"), From: who.From, Helper: who.Helper}
}

// Kind is what sort of thing is to be done.
type Kind struct{ Code, Title string }

// Kinds are all of them, in the order in which they are offered.
var Kinds = []Kind{{"measure", words.Text("Measure something")}, {"medicine", words.Text("Give a medicine")}, {"bring", words.Text("Bring to an appointment")}, {"other", words.Text("Something else")}}

// Item is one thing on the list.
type Item struct {
	Key   string // by which it is ticked: of what follows from the record, or of the Task
	Kind  string // of Kinds
	Text  string // what to do; of what follows from the record, what it is about
	Due   time.Time
	Daily bool   // it comes again each day
	Whose string // who does it, "" for anybody
	Mine  bool   // it is the one who looks
	Asked string // who asked for it; "" where it follows from the record
	Own   bool   // it is a Task and can be taken away
	Done  bool
	By    string // who did it
	At    time.Time
}

// may asks whether somebody may keep the list of a person: whoever may make Tasks for them, which are the person, somebody they trust with managing, and staff who care
// for them.
func (s *Service) may(ctx context.Context, who access.Actor, patient string) error {
	d, err := s.Door.Decide(ctx, who, access.Create, "Task", patient)
	if err == nil && !d.Permit {
		err = fhir.Errorf(fhir.Forbidden, "%s", d.Sentence())
	}
	return err
}

// today is the day in London by which daily things are counted.
func (s *Service) today() string { return s.now().In(london.Zone).Format(time.DateOnly) }

// List is what is to be done for a person, as one of their carers may see it: open things by when they are due, then what was done today.
func (s *Service) List(ctx context.Context, who access.Actor, patient string) ([]Item, error) {
	if err := s.may(ctx, who, patient); err != nil {
		return nil, err
	}
	items, err := s.due(ctx, who, patient)
	if err != nil {
		return nil, err
	}
	tasks, ticks, err := s.tasks(ctx, who, patient)
	if err != nil {
		return nil, err
	}
	items = append(items, tasks...)
	for i := range items {
		it := &items[i]
		if t, ok := ticks[tickOf(it, s.today())]; ok {
			it.Done, it.By, it.At = true, t.by, t.at
		}
	}
	slices.SortStableFunc(items, func(a, b Item) int {
		if a.Done != b.Done {
			if a.Done {
				return 1
			}
			return -1
		}
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Key, b.Key))
	})
	return items, nil
}

// tickOf is by what a tick is told: the thing, and of what comes again each day the day.
func tickOf(it *Item, today string) string {
	if it.Daily {
		return it.Key + "." + today
	}
	return it.Key
}

// find is one thing on the list.
func (s *Service) find(ctx context.Context, who access.Actor, patient, key string) (*Item, error) {
	items, err := s.List(ctx, who, patient)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(items, func(it Item) bool { return it.Key == key })
	if at < 0 {
		return nil, fhir.Errorf(fhir.NotFound, "there is nothing of this name on the list")
	}
	return &items[at], nil
}

func textOf(c *r4.CodeableConcept) string {
	switch {
	case c == nil:
		return ""
	case c.Text != "":
		return c.Text
	case len(c.Coding) > 0:
		return c.Coding[0].Display
	}
	return ""
}

// forbidden reports that whoever asks may not see one part; the rest of the list is there all the same.
func forbidden(err error) bool { return err != nil && fhir.KindOf(err) == fhir.Forbidden }

// authorOf refers to whoever does something.
func authorOf(who access.Actor) *r4.Reference {
	ref := &r4.Reference{Display: cmp.Or(who.Name, "somebody at this machine")}
	if r := fhir.ParseReference(who.ID); r.Type == "Patient" || r.Type == "Practitioner" {
		ref.Reference = who.ID
	}
	return ref
}

func idIn(ref *r4.Reference, typ string) string {
	if ref == nil {
		return ""
	}
	id, _ := strings.CutPrefix(ref.Reference, typ+"/")
	return id
}
