package plan

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Goal is something somebody wants, in their own words, with one small step towards it.
type Goal struct {
	ID, Patient string
	Version     int64
	Words, Step string
	Began       time.Time
	Confidence  int        // when it began, 0 to 10; -1 where it was not said
	Programme   *Programme // nil for a goal without one
	Week        int        // of the programme, from 1
	WeekBegan   time.Time
	Coach       string    // who coaches, "" for nobody
	CoachSince  time.Time // zero where nobody does
	Ended       time.Time // zero while it goes on
	Reached     bool
	Checks      []Check // the newest first; only where they were asked for
	Next        bool    // the last check-in was below what the rules call confident: a smaller step is offered
}

// Extensions of a Goal.
const (
	programmeURL  = structure + "goal-programme" // name, version, step, began
	coachURL      = structure + "goal-coach"     // who, since
	confidenceURL = structure + "goal-confidence"
)

// NewGoal is what a goal begins with.
type NewGoal struct {
	Words, Step, Programme string
	Confidence             int // -1 where it is not said
}

// Begin makes a goal. Whoever does must be somebody who may change the person's plans.
func (s *Service) Begin(ctx context.Context, who access.Actor, patient string, n NewGoal) (id string, err error) {
	book, err := s.book()
	if err != nil {
		return "", err
	}
	if n.Words, err = tidy(n.Words); err != nil {
		return "", err
	}
	if n.Step, err = tidy(n.Step); err != nil {
		return "", err
	}
	p := book.Programme(n.Programme)
	switch {
	case n.Words == "":
		return "", fhir.Errorf(fhir.Invalid, "write what you want to be able to do")
	case n.Programme != "" && p == nil:
		return "", fhir.Errorf(fhir.Invalid, "there is no programme %q", n.Programme)
	case n.Step == "" && p == nil:
		return "", fhir.Errorf(fhir.Invalid, "write one small step")
	case n.Confidence < -1 || n.Confidence > 10:
		return "", fhir.Errorf(fhir.Invalid, "how sure you are is a number from 0 to 10")
	}
	if err := s.may(ctx, who, access.Update, "Goal", patient); err != nil {
		return "", err
	}
	now := s.now()
	g := &r4.Goal{ID: s.Door.NewID(), Meta: ours(), LifecycleStatus: "active", Category: []r4.CodeableConcept{*coded(PlanSystem, CoachGoal, "Goal with a coach")}, Description: &r4.CodeableConcept{Text: n.Words}, Subject: &r4.Reference{Reference: "Patient/" + patient},
		StartDate: fhir.DateOf(now.In(london.Zone)), ExpressedBy: authorOf(who)}
	g.Extension = []r4.Extension{{URL: structure + "goal-began", ValueDateTime: stamp(now)}}
	if n.Confidence >= 0 {
		g.Extension = append(g.Extension, r4.Extension{URL: confidenceURL, ValueInteger: &n.Confidence})
	}
	setStep(g, n.Step)
	if p != nil {
		setProgramme(g, p, 1, now)
	}
	op, err := put("Goal", g.ID, 0, g)
	if err != nil {
		return "", err
	}
	_, err = s.Door.Commit(ctx, acting(who), []record.Op{op})
	return g.ID, err
}

func setStep(g *r4.Goal, step string) {
	g.Target = nil
	if step != "" {
		g.Target = []r4.GoalTarget{{Measure: &r4.CodeableConcept{Text: "Next small step"}, DetailString: step}}
	}
}

func setProgramme(g *r4.Goal, p *Programme, week int, began time.Time) {
	g.Extension = slices.DeleteFunc(g.Extension, func(e r4.Extension) bool { return e.URL == programmeURL })
	one := r4.Extension{URL: programmeURL}
	one.Extension = []r4.Extension{{URL: "name", ValueCode: p.Name}, {URL: "version", ValueString: p.Version}, {URL: "step", ValueInteger: &week}, {URL: "began", ValueDateTime: stamp(began)}}
	g.Extension = append(g.Extension, one)
}

// Goals are somebody's goals, as whoever asks may see them: those that go on first, then the newest. Check-ins are those of the goals that go on.
func (s *Service) Goals(ctx context.Context, who access.Actor, patient string) (out []Goal, err error) {
	for m, err := range s.Door.All(ctx, who, "Goal?patient="+url.QueryEscape(patient)+"&category="+PlanSystem+"|"+CoachGoal) {
		if err != nil {
			return nil, err
		}
		g, err := s.goalOf(m)
		if err != nil {
			return nil, err
		}
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b Goal) int {
		return cmp.Or(order(a.Ended.IsZero(), b.Ended.IsZero()), b.Began.Compare(a.Began), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// order puts what is so before what is not.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// Goal is one of somebody's goals with its check-ins.
func (s *Service) Goal(ctx context.Context, who access.Actor, patient, id string) (*Goal, error) {
	g, _, err := s.goal(ctx, who, patient, id)
	if err != nil {
		return nil, err
	}
	if g.Checks, err = s.checks(ctx, who, id); err != nil {
		return nil, err
	}
	book, err := s.book()
	if err == nil && len(g.Checks) > 0 {
		c := g.Checks[0].Confidence
		g.Next = c >= 0 && c < book.Rules.Confident && g.Ended.IsZero()
	}
	return g, err
}

// goal reads a goal that is the person's own.
func (s *Service) goal(ctx context.Context, who access.Actor, patient, id string) (*Goal, *r4.Goal, error) {
	m, err := s.Door.Get(ctx, who, "Goal", id)
	if err != nil {
		return nil, nil, err
	}
	g, err := s.goalOf(m)
	if err != nil {
		return nil, nil, err
	}
	group, err := s.Door.Person(ctx, patient)
	if err != nil {
		return nil, nil, err
	}
	r := new(r4.Goal)
	if err := m.Decode(r); err != nil {
		return nil, nil, err
	}
	if g.Patient != patient && !slices.Contains(group, g.Patient) || !inCategory(r.Category, PlanSystem, CoachGoal) {
		return nil, nil, fhir.Errorf(fhir.NotFound, "Goal/%s is no goal of theirs", id)
	}
	return g, r, nil
}

func (s *Service) goalOf(m *record.Stored) (*Goal, error) {
	var r r4.Goal
	if err := m.Decode(&r); err != nil {
		return nil, err
	}
	book, err := s.book()
	if err != nil {
		return nil, err
	}
	g := &Goal{ID: m.ID, Version: m.Version, Patient: patientOf(r.Subject), Words: textOf(r.Description), Began: r.StartDate.LowIn(london.Zone), Confidence: -1, Reached: r.LifecycleStatus == "completed"}
	if len(r.Target) > 0 {
		g.Step = r.Target[0].DetailString
	}
	if r.LifecycleStatus == "completed" || r.LifecycleStatus == "cancelled" || r.LifecycleStatus == "entered-in-error" {
		if g.Ended = r.StatusDate.LowIn(london.Zone); r.StatusDate.Year == 0 {
			g.Ended = m.Updated
		}
	}
	for i := range r.Extension {
		e := &r.Extension[i]
		switch e.URL {
		case structure + "goal-began":
			g.Began = e.ValueDateTime.Low()
		case confidenceURL:
			if e.ValueInteger != nil {
				g.Confidence = *e.ValueInteger
			}
		case programmeURL, coachURL:
			for j := range e.Extension {
				g.known(&e.Extension[j], book)
			}
		}
	}
	return g, nil
}

// known takes one member of the extensions of a goal.
func (g *Goal) known(e *r4.Extension, book *Book) {
	switch e.URL {
	case "name":
		g.Programme = book.Programme(e.ValueCode)
	case "step":
		if e.ValueInteger != nil {
			g.Week = *e.ValueInteger
		}
	case "began":
		g.WeekBegan = e.ValueDateTime.Low()
	case "who":
		g.Coach = e.ValueString
	case "since":
		g.CoachSince = e.ValueDateTime.Low()
	}
}

// WeekOf is what the programme asks now, nil where there is none. A programme that has become shorter ends with its last week.
func (g *Goal) WeekOf() *Week {
	if g.Programme == nil || g.Week < 1 {
		return nil
	}
	return &g.Programme.Weeks[min(g.Week, len(g.Programme.Weeks))-1]
}

// ChangeStep puts another small step in place of the one that was read at a version.
func (s *Service) ChangeStep(ctx context.Context, who access.Actor, patient, id string, version int64, step string) error {
	step, err := tidy(step)
	if err != nil {
		return err
	}
	if step == "" {
		return fhir.Errorf(fhir.Invalid, "write one small step")
	}
	return s.changeGoal(ctx, who, patient, id, version, func(r *r4.Goal) { setStep(r, step) })
}

// End ends a goal: it was reached, or is left.
func (s *Service) End(ctx context.Context, who access.Actor, patient, id string, version int64, reached bool) error {
	return s.changeGoal(ctx, who, patient, id, version, func(r *r4.Goal) {
		r.LifecycleStatus, r.StatusDate = "cancelled", fhir.DateOf(s.now().In(london.Zone))
		if reached {
			r.LifecycleStatus = "completed"
			r.AchievementStatus = &r4.CodeableConcept{Coding: []r4.Coding{{System: "http://terminology.hl7.org/CodeSystem/goal-achievement", Code: "achieved"}}}
		}
	})
}

// BeCoach has whoever works here coach a goal from now on. Its Tasks name them; it gives them no access.
func (s *Service) BeCoach(ctx context.Context, who access.Actor, patient, id string, version int64) error {
	if who.Role == "patient" {
		return fhir.Errorf(fhir.Forbidden, "only staff can be a coach here")
	}
	return s.changeGoal(ctx, who, patient, id, version, func(r *r4.Goal) {
		r.Extension = slices.DeleteFunc(r.Extension, func(e r4.Extension) bool { return e.URL == coachURL })
		one := r4.Extension{URL: coachURL}
		one.Extension = []r4.Extension{{URL: "who", ValueString: authorOf(who).Display}, {URL: "since", ValueDateTime: stamp(s.now())}}
		r.Extension = append(r.Extension, one)
	})
}

func (s *Service) changeGoal(ctx context.Context, who access.Actor, patient, id string, version int64, change func(*r4.Goal)) error {
	if err := s.may(ctx, who, access.Update, "Goal", patient); err != nil {
		return err
	}
	g, r, err := s.goal(ctx, who, patient, id)
	if err != nil {
		return err
	}
	if g.Version != version {
		return ErrChanged
	}
	if !g.Ended.IsZero() {
		return fhir.Errorf(fhir.Conflict, "this goal has come to its end")
	}
	change(r)
	op, err := put("Goal", id, version, r)
	if err != nil {
		return err
	}
	if _, err = s.Door.Commit(ctx, acting(who), []record.Op{op}); lost(err) {
		return ErrChanged
	}
	return err
}
