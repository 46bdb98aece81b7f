package social

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/kith-care/kith/connect/fact"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// VisitsKind is the kind of feeds of home-care visits.
const VisitsKind = "visits"

// visit is one call at somebody's home, as agencies write it: a row of CSV or an object of JSON.
type visit struct {
	ID     string `json:"visitId"`
	Client struct {
		Ref         string `json:"ref"`
		NHSNumber   string `json:"nhsNumber"`
		Forename    string `json:"forename"`
		Surname     string `json:"surname"`
		DateOfBirth string `json:"dateOfBirth"`
		Postcode    string `json:"postcode"`
	} `json:"client"`
	Worker struct {
		Ref  string `json:"ref"`
		Name string `json:"name"`
	} `json:"worker"`
	PlannedStart   string   `json:"plannedStart"`
	PlannedEnd     string   `json:"plannedEnd"`
	Arrived        string   `json:"arrived"`
	Left           string   `json:"left"`
	TasksDone      []string `json:"tasksDone"`
	MedicinesGiven []string `json:"medicinesGiven"`
	NotGiven       []string `json:"medicinesNotGiven"` // each a name, and after a colon why
	Note           string   `json:"note"`

	line int64
	raw  string
}

// Visits reads a file of home-care visits: CSV with a header, lines of JSON, one array of JSON, or one visit. A visit that is said again counts as it
// was said last. Clock times are London's.
func Visits(ctx context.Context, d *intake.Desk, f *intake.Feed, it *intake.Item, raw []byte) (*intake.Reading, error) {
	body := bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\ufeff")))
	switch {
	case len(body) == 0:
		return nil, fhir.Errorf(fhir.Invalid, "%s is empty: it should hold visits", it.Name)
	case body[0] == '{' || body[0] == '[':
		return fact.Parts(ctx, d, f, it, func(s *fact.Sheet) error { return visitsJSON(ctx, s, body) })
	}
	return fact.Parts(ctx, d, f, it, func(s *fact.Sheet) error { return visitsCSV(ctx, s, body) })
}

func visitsJSON(ctx context.Context, s *fact.Sheet, body []byte) error {
	if body[0] == '[' {
		var all []json.RawMessage
		if err := json.Unmarshal(body, &all); err != nil {
			return fhir.Errorf(fhir.Invalid, "%s is no list of visits: %w", s.Item.Name, err)
		}
		for i, one := range all {
			if err := visitJSON(ctx, s, one, int64(i+1)); err != nil {
				return err
			}
		}
		return nil
	}
	if json.Valid(body) {
		return visitJSON(ctx, s, body, 1)
	}
	n := int64(0)
	for line := range bytes.Lines(body) {
		n++
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := visitJSON(ctx, s, line, n); err != nil {
				return err
			}
		}
	}
	return nil
}

func visitJSON(ctx context.Context, s *fact.Sheet, one []byte, line int64) error {
	if err := s.Turn(ctx); err != nil {
		return err
	}
	v := &visit{line: line, raw: string(one)}
	s.In++
	if err := json.Unmarshal(one, v); err != nil {
		s.Bad(line, v.raw, fmt.Errorf("the visit is no JSON of a visit: %w", err))
		return nil
	}
	return v.file(ctx, s)
}

func visitsCSV(ctx context.Context, s *fact.Sheet, body []byte) error {
	return s.Table(ctx, body, []string{"visit_id", "client_ref", "planned_start"}, func(r *intake.Row) error {
		get := r.Get
		v := &visit{line: r.Line, raw: r.Text(), ID: get("visit_id"), PlannedStart: get("planned_start"), PlannedEnd: get("planned_end"), Arrived: get("arrived"), Left: get("left"),
			TasksDone: several(get("tasks_done")), MedicinesGiven: several(get("medicines_given")), NotGiven: several(get("medicines_not_given")), Note: get("note")}
		v.Client.Ref, v.Client.NHSNumber, v.Client.Forename, v.Client.Surname = get("client_ref"), get("nhs_number"), get("forename"), get("surname")
		v.Client.DateOfBirth, v.Client.Postcode, v.Worker.Ref, v.Worker.Name = get("date_of_birth"), get("postcode"), get("worker_ref"), get("worker")
		return v.file(ctx, s)
	})
}

// several splits a column of many values, which stand with semicolons between them.
func several(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ";") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// times of a visit, as London's clocks showed them.
type times struct {
	plannedStart, plannedEnd, arrived, left fhir.DateTime
	over                                    bool // the worker left, nobody knows when
}

var visitTimes = []string{"2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05", "02/01/2006 15:04"}

func (v *visit) times(s *fact.Sheet) (t times, err error) {
	allSure := true
	for _, x := range []struct {
		name, value string
		to          *fhir.DateTime
	}{{"planned start", v.PlannedStart, &t.plannedStart}, {"planned end", v.PlannedEnd, &t.plannedEnd}, {"arrived", v.Arrived, &t.arrived}, {"left", v.Left, &t.left}} {
		at, sure, err := fact.Moment(x.value, visitTimes...)
		if err != nil {
			return t, fmt.Errorf("%s: %w", x.name, err)
		}
		if !sure {
			s.Note("a time in the hour of a clock change")
		}
		allSure = allSure && sure
		*x.to = at
	}
	switch {
	case t.plannedStart.Year == 0 && t.arrived.Year == 0:
		return t, errors.New("the visit was neither planned nor made: it has no time")
	case t.left.Year != 0 && t.arrived.Year == 0:
		return t, errors.New("the worker left without having arrived")
	}
	// What was done and given must not be lost for a time that cannot be.
	if t.left, err = fact.Order(t.arrived, t.left, allSure); err != nil {
		s.Note("a worker who left before arriving: when is left out")
		t.left, t.over = fhir.DateTime{}, true
	}
	if t.plannedEnd, err = fact.Order(t.plannedStart, t.plannedEnd, allSure); err != nil {
		s.Note("a visit planned to end before it begins: the end is left out")
		t.plannedEnd = fhir.DateTime{}
	}
	return t, nil
}

// file puts what a visit says on the sheet. The error is the record's; a fault of the visit quarantines it.
func (v *visit) file(ctx context.Context, s *fact.Sheet) error {
	if v.ID == "" || v.Client.Ref == "" {
		s.Bad(v.line, v.raw, errors.New("the visit says no visit id or no client: nothing says what or whom it is about"))
		return nil
	}
	born, err := fact.Day(v.Client.DateOfBirth, days...)
	if err != nil {
		s.Bad(v.line, v.raw, fmt.Errorf("date of birth: %w", err))
		return nil
	}
	t, err := v.times(s)
	if err != nil {
		s.Bad(v.line, v.raw, err)
		return nil
	}
	place := fmt.Sprintf("line-%d", v.line)
	p := fact.Person{NHSNumber: v.Client.NHSNumber, Forename: v.Client.Forename, Surname: v.Client.Surname, Born: born, Postcode: v.Client.Postcode}
	s.Put("Patient", v.Client.Ref, place, p.Patient(s.Feed.Name, v.Client.Ref))
	if v.Worker.Ref != "" {
		s.Put("Practitioner", v.Worker.Ref, place, &r4.Practitioner{Identifier: []r4.Identifier{fact.Source(s.Feed.Name, v.Worker.Ref)}, Name: fact.List(named(v.Worker.Name))})
	}
	s.Put("Encounter", v.ID, place, v.encounter(s, t))
	if err := v.medicines(ctx, s, t, place); err != nil {
		return err
	}
	return v.done(ctx, s, t, place)
}

func named(s string) *r4.HumanName {
	if s == "" {
		return nil
	}
	return &r4.HumanName{Text: s}
}

// encounter is the visit itself. When it was planned stands in the extensions that R5's elements have in R4.
func (v *visit) encounter(s *fact.Sheet, t times) *r4.Encounter {
	e := &r4.Encounter{Identifier: []r4.Identifier{fact.Source(s.Feed.Name, v.ID)}, Class: &r4.Coding{System: fact.HL7 + "v3-ActCode", Code: "HH", Display: "home health"},
		Type: fact.List(fact.Text("Home care visit")), Subject: s.Ref("Patient", v.Client.Ref)}
	for _, x := range []struct {
		name string
		at   fhir.DateTime
	}{{"plannedStartDate", t.plannedStart}, {"plannedEndDate", t.plannedEnd}} {
		if x.at.Year != 0 {
			e.Extension = append(e.Extension, r4.Extension{URL: "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter." + x.name, ValueDateTime: x.at})
		}
	}
	if by := s.Ref("Practitioner", v.Worker.Ref); by != nil {
		by.Display = v.Worker.Name
		e.Participant = []r4.EncounterParticipant{{Individual: by}}
	}
	// Whose visit it is cares for the person, and is asked where nobody comes.
	if s.Feed.Organization != "" {
		e.ServiceProvider = &r4.Reference{Type: "Organization", Identifier: &r4.Identifier{System: fact.ODSCode, Value: s.Feed.Organization}, Display: s.Feed.Title}
	}
	switch {
	case t.left.Year != 0 || t.over:
		e.Status, e.Period = "finished", period(t.arrived, t.left)
	case t.arrived.Year != 0:
		e.Status, e.Period = "in-progress", period(t.arrived, fhir.DateTime{})
	case v.missed(s, t):
		e.Status, e.Period = "cancelled", period(t.plannedStart, t.plannedEnd)
	default:
		e.Status, e.Period = "planned", period(t.plannedStart, t.plannedEnd)
	}
	return e
}

// missed reports whether nobody came although the time of the visit had passed when it was said.
func (v *visit) missed(s *fact.Sheet, t times) bool {
	end := t.plannedEnd
	if end.Year == 0 {
		end = t.plannedStart
	}
	return t.arrived.Year == 0 && end.Low().Before(s.Item.Received)
}

// medicines are what was given, and what was not and why. A visit that is written up again with fewer takes back the rest.
func (v *visit) medicines(ctx context.Context, s *fact.Sheet, t times, place string) error {
	if err := v.some(ctx, s, t, place, "m", v.MedicinesGiven, true); err != nil {
		return err
	}
	return v.some(ctx, s, t, place, "n", v.NotGiven, false)
}

func (v *visit) some(ctx context.Context, s *fact.Sheet, t times, place, mark string, medicines []string, given bool) error {
	key := func(n int) string { return fmt.Sprintf("%s-%s%d", v.ID, mark, n) }
	when := period(t.arrived, t.left)
	if when == nil {
		when = period(t.plannedStart, t.plannedEnd)
	}
	for i, medicine := range medicines {
		m := &r4.MedicationAdministration{Identifier: []r4.Identifier{fact.Source(s.Feed.Name, key(i+1))}, Status: "completed", MedicationCodeableConcept: fact.Text(medicine), Subject: s.Ref("Patient", v.Client.Ref),
			Context: s.Ref("Encounter", v.ID), EffectivePeriod: when}
		if !given {
			name, why, _ := strings.Cut(medicine, ":")
			m.Status, m.MedicationCodeableConcept = "not-done", fact.Text(strings.TrimSpace(name))
			if why = strings.TrimSpace(why); why != "" {
				m.StatusReason = fact.List(fact.Text(why))
			}
		}
		if by := s.Ref("Practitioner", v.Worker.Ref); by != nil {
			m.Performer = []r4.MedicationAdministrationPerformer{{Actor: by}}
		}
		s.Put("MedicationAdministration", key(i+1), place, m)
	}
	for n := len(medicines) + 1; ; n++ {
		if more, err := s.Drop(ctx, "MedicationAdministration", key(n)); err != nil || !more {
			return err
		}
	}
}

// done is what the worker did and noticed.
func (v *visit) done(ctx context.Context, s *fact.Sheet, t times, place string) error {
	if len(v.TasksDone) == 0 && v.Note == "" {
		_, err := s.Drop(ctx, "Observation", v.ID)
		return err
	}
	at := t.arrived
	if at.Year == 0 {
		at = t.plannedStart
	}
	o := &r4.Observation{Identifier: []r4.Identifier{fact.Source(s.Feed.Name, v.ID)}, Status: "final", Code: fact.Text("What was done at a home care visit"), Subject: s.Ref("Patient", v.Client.Ref),
		Encounter: s.Ref("Encounter", v.ID), EffectiveDateTime: at, Performer: fact.List(s.Ref("Practitioner", v.Worker.Ref)), Note: fact.Note(v.Note)}
	for _, task := range v.TasksDone {
		o.Component = append(o.Component, r4.ObservationComponent{Code: fact.Text(task), ValueBoolean: fact.Truth(true)})
	}
	s.Put("Observation", v.ID, place, o)
	return nil
}
