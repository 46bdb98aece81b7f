// Package home is the window on home care: which visits are planned, were made, are late or were missed, what was done at each and which medicines were
// given or not.
//
// What agencies write comes in through package connect as Encounters at home, MedicationAdministrations and Observations. Window reads a person's, as whoever
// looks may see them: the person, somebody they trust, the ward, the practice, the agency. A visit is late or missed by rules that are data (rules.go), and only
// where its provider has said something since it should have begun: silence is shown as silence. watch.go follows visits, and makes a Task for the provider of
// each that was missed and of each medicine that cannot wait and was not given.
package home

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Service shows visits and follows them. Door must be set.
type Service struct {
	Door  *record.Door
	Rules *Rules           // nil for Usual
	Owner string           // who has Tasks about visits whose provider is not known, "" for "Home care office"
	Now   func() time.Time // nil for the clock
	Log   *slog.Logger     // nil for the default
	Every time.Duration    // how often it is looked whether a visit was missed; 0 for 30 seconds
}

var me = access.Actor{ID: "kith/home", Name: "Kith, home care", Role: access.Kith, Purpose: "TREAT"}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func (s *Service) rules() *Rules {
	if s.Rules != nil {
		return s.Rules
	}
	return Usual()
}

func (s *Service) box() record.Box { return s.Door.Box("home") }

// Visit is one call at somebody's home.
type Visit struct {
	ID         string // of the Encounter
	Patient    string // id of the Patient
	Planned    time.Time
	PlannedEnd time.Time // zero where it is not said
	Came, Left time.Time // zero where nobody has
	State      State
	LateBy     time.Duration // of one that was made: how long after its planned start, where that is beyond the grace
	Worker     string
	Provider   string
	Did        []string
	Note       string
	Medicines  []Medicine
	Told       time.Time // of one that was missed: when its provider was given a Task; zero where they were not
	Answer     string    // what they did about it, "" where they have not said

	status string
	said   time.Time // when it was last written
	source string    // whose it is
	owner  *r4.Reference
}

// Medicine is what was given at a visit, or was not.
type Medicine struct {
	Name   string
	Given  bool
	Reason string    // why it was not given
	Urgent string    // the group of a medicine that cannot wait, where it was not given; "" otherwise
	Told   time.Time // of such a medicine: when the provider was given a Task; zero where they were not
	Answer string    // what they did about it, "" where they have not said

	id string
}

// Help is a service that somebody gets from the council.
type Help struct {
	Name  string
	Since time.Time
}

// Window is the home care of a person, as of now.
type Window struct {
	At       time.Time
	Heard    time.Time // when a provider last said something of their visits; zero for never
	Visits   []Visit   // from yesterday to a week ahead, in their order
	Services []Help
}

// How far the window reaches.
const (
	back  = 24 * time.Hour
	ahead = 7 * 24 * time.Hour
)

// Plannings are the extensions by which R4 says when a visit was planned.
const (
	plannedStart = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedStartDate"
	plannedEnd   = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedEndDate"
)

// Of is the window on the home care of a person, as somebody may see it. Forbidden where they may not.
func (s *Service) Of(ctx context.Context, who access.Actor, patient string) (*Window, error) {
	if d, err := s.Door.Decide(ctx, who, access.Read, "Encounter", patient); err != nil || !d.Permit {
		if err == nil {
			err = fhir.Errorf(fhir.Forbidden, "%s", d.Sentence())
		}
		return nil, err
	}
	now := s.now()
	w := &Window{At: now}
	day := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
	page, err := s.Door.Find(ctx, who, "Encounter?class=HH&_count=200&patient="+patient+"&date=ge"+day(now.Add(-back-12*time.Hour))+"&date=le"+day(now.Add(ahead)))
	if err != nil {
		return nil, err
	}
	by := map[string]*Visit{}
	for i := range page.Matches {
		v, err := visitOf(&page.Matches[i])
		if err != nil {
			return nil, err
		}
		if v.at().Before(startOfDay(now).Add(-back)) {
			continue
		}
		w.Visits = append(w.Visits, *v)
	}
	slices.SortFunc(w.Visits, func(a, b Visit) int { return a.at().Compare(b.at()) })
	var refs []string
	heard := map[string]time.Time{}
	for i := range w.Visits {
		v := &w.Visits[i]
		by[v.ID] = v
		refs = append(refs, "Encounter/"+v.ID)
		if _, known := heard[v.source]; !known {
			if heard[v.source], err = s.heard(ctx, v.source); err != nil {
				return nil, err
			}
		}
		if v.said.After(heard[v.source]) {
			heard[v.source] = v.said
		}
	}
	for i := range w.Visits {
		v := &w.Visits[i]
		v.State = s.rules().state(v, heard[v.source], now)
		if by := v.Came.Sub(v.Planned); v.State == Done && !v.Planned.IsZero() && !v.Came.IsZero() && by > minutes(s.rules().Grace) {
			v.LateBy = by
		}
		if heard[v.source].After(w.Heard) {
			w.Heard = heard[v.source]
		}
	}
	if len(refs) > 0 {
		if err := s.given(ctx, who, patient, strings.Join(refs, ","), by); err != nil {
			return nil, err
		}
		if err := s.did(ctx, who, patient, strings.Join(refs, ","), by); err != nil {
			return nil, err
		}
	}
	if err := s.answers(ctx, who, w); err != nil {
		return nil, err
	}
	w.Services, err = s.services(ctx, who, patient)
	return w, err
}

func startOfDay(t time.Time) time.Time { return t.Truncate(24 * time.Hour) }

// at is when a visit stands in the order of visits.
func (v *Visit) at() time.Time {
	if !v.Planned.IsZero() {
		return v.Planned
	}
	return v.Came
}

// visitOf reads a visit from its Encounter.
func visitOf(m *record.Stored) (*Visit, error) {
	var e r4.Encounter
	if err := m.Decode(&e); err != nil {
		return nil, err
	}
	v := &Visit{ID: e.ID, status: e.Status, said: m.Updated}
	if e.Subject != nil {
		v.Patient = strings.TrimPrefix(e.Subject.Reference, "Patient/")
	}
	if e.Meta != nil {
		v.source, _, _ = strings.Cut(e.Meta.Source, "#")
		if feed, _, ok := strings.Cut(v.source, "/"); ok {
			v.source = feed // urn:kith:intake:FEED/ITEM
		}
	}
	for _, x := range e.Extension {
		switch x.URL {
		case plannedStart:
			v.Planned = x.ValueDateTime.Low()
		case plannedEnd:
			v.PlannedEnd = x.ValueDateTime.Low()
		}
	}
	came := e.Status == "finished" || e.Status == "in-progress" || e.Status == "arrived" || e.Status == "onleave"
	if p := e.Period; p != nil && p.Start.Year != 0 {
		switch {
		case came:
			v.Came = p.Start.Low()
			if p.End.Year != 0 {
				v.Left = p.End.Low()
			}
		case v.Planned.IsZero():
			v.Planned = p.Start.Low()
		}
	}
	for _, p := range e.Participant {
		if p.Individual != nil && p.Individual.Display != "" {
			v.Worker = p.Individual.Display
		}
	}
	if v.owner = e.ServiceProvider; v.owner != nil {
		v.Provider = v.owner.Display
	}
	return v, nil
}

// given adds the medicines of visits. Somebody who may not see medicines sees the visits all the same.
func (s *Service) given(ctx context.Context, who access.Actor, patient, refs string, by map[string]*Visit) error {
	for m, err := range s.Door.All(ctx, who, "MedicationAdministration?patient="+patient+"&context="+refs) {
		if fhir.KindOf(err) == fhir.Forbidden && err != nil {
			return nil
		}
		if err != nil {
			return err
		}
		var a r4.MedicationAdministration
		if err := m.Decode(&a); err != nil {
			return err
		}
		if a.Context == nil || by[strings.TrimPrefix(a.Context.Reference, "Encounter/")] == nil {
			continue
		}
		v := by[strings.TrimPrefix(a.Context.Reference, "Encounter/")]
		v.Medicines = append(v.Medicines, s.medicine(&a))
	}
	for _, v := range by {
		slices.SortStableFunc(v.Medicines, func(a, b Medicine) int { return strings.Compare(a.Name, b.Name) })
	}
	return nil
}

func (s *Service) medicine(a *r4.MedicationAdministration) Medicine {
	m := Medicine{id: a.ID, Name: textOf(a.MedicationCodeableConcept), Given: a.Status == "completed" || a.Status == "in-progress"}
	if !m.Given {
		m.Urgent = s.rules().CannotWait(m.Name)
		for i := range a.StatusReason {
			m.Reason = textOf(&a.StatusReason[i])
		}
	}
	return m
}

// did adds what was done and noticed at visits.
func (s *Service) did(ctx context.Context, who access.Actor, patient, refs string, by map[string]*Visit) error {
	for m, err := range s.Door.All(ctx, who, "Observation?patient="+patient+"&encounter="+refs) {
		if err != nil {
			return err
		}
		var o r4.Observation
		if err := m.Decode(&o); err != nil {
			return err
		}
		if o.Encounter == nil || by[strings.TrimPrefix(o.Encounter.Reference, "Encounter/")] == nil {
			continue
		}
		v := by[strings.TrimPrefix(o.Encounter.Reference, "Encounter/")]
		for _, c := range o.Component {
			if c.ValueBoolean != nil && *c.ValueBoolean {
				v.Did = append(v.Did, textOf(c.Code))
			}
		}
		for _, n := range o.Note {
			v.Note = strings.TrimSpace(v.Note + " " + n.Text)
		}
	}
	return nil
}

// answers adds to missed visits, and to medicines that cannot wait, when the provider was told and what they did. The Task says no more than the visit, so that
// whoever sees one may know of the other.
func (s *Service) answers(ctx context.Context, who access.Actor, w *Window) (err error) {
	for i := range w.Visits {
		v := &w.Visits[i]
		if v.State == Missed {
			if v.Told, v.Answer, err = s.answer(ctx, who, taskID(missedCode, v.ID)); err != nil {
				return err
			}
		}
		for n := range v.Medicines {
			if m := &v.Medicines[n]; m.Urgent != "" {
				if m.Told, m.Answer, err = s.answer(ctx, who, taskID(medicineCode, m.id)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// answer is when a Task was made, zero where there is none, and what came of it.
func (s *Service) answer(ctx context.Context, who access.Actor, id string) (told time.Time, words string, err error) {
	as := me
	as.Helper = who.ID
	m, err := s.Door.Get(ctx, as, "Task", id)
	if err != nil {
		return told, "", ignore(err)
	}
	var t r4.Task
	if err := m.Decode(&t); err != nil {
		return told, "", err
	}
	for _, o := range t.Output {
		words = o.ValueString
	}
	return t.AuthoredOn.Low(), words, nil
}

// services are what somebody gets from the council now.
func (s *Service) services(ctx context.Context, who access.Actor, patient string) (out []Help, err error) {
	for m, err := range s.Door.All(ctx, who, "CarePlan?status=active&patient="+patient) {
		if fhir.KindOf(err) == fhir.Forbidden && err != nil {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		var c r4.CarePlan
		if err := m.Decode(&c); err != nil {
			return nil, err
		}
		// The council's submission makes a plan for each service, with the time of care it belongs to.
		if len(c.SupportingInfo) == 0 || !strings.HasPrefix(c.SupportingInfo[0].Reference, "EpisodeOfCare/") || c.Title == "" {
			continue
		}
		h := Help{Name: c.Title}
		if c.Period != nil && c.Period.Start.Year != 0 {
			h.Since = c.Period.Start.Low()
		}
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b Help) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// textOf is a concept in words.
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
