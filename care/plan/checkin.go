package plan

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Check is one check-in.
type Check struct {
	ID         string
	At         time.Time
	By         string
	Outcome    Outcome
	Felt       Felt
	Confidence int // 0 to 10; -1 where it was not said
	Words      string
	Move       Move
}

// checks are the check-ins of a goal, the newest first.
func (s *Service) checks(ctx context.Context, who access.Actor, goal string) (out []Check, err error) {
	for m, err := range s.Door.All(ctx, who, "Observation?focus=Goal/"+url.QueryEscape(goal)+"&code="+CheckSystem+"|check-in&status=final") {
		if err != nil {
			return nil, err
		}
		var o r4.Observation
		if err := m.Decode(&o); err != nil {
			return nil, err
		}
		out = append(out, checkOf(&o))
	}
	slices.SortFunc(out, func(a, b Check) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) })
	return out, nil
}

func checkOf(o *r4.Observation) Check {
	c := Check{ID: o.ID, At: o.EffectiveDateTime.Low(), Outcome: Outcome(codeOf(o.ValueCodeableConcept, CheckSystem)), Confidence: -1}
	if len(o.Performer) > 0 {
		c.By = o.Performer[0].Display
	}
	if len(o.Note) > 0 {
		c.Words = o.Note[0].Text
	}
	for i := range o.Component {
		part := &o.Component[i]
		switch codeOf(part.Code, CheckSystem) {
		case "confidence":
			if part.ValueInteger != nil {
				c.Confidence = *part.ValueInteger
			}
		case "difficulty":
			c.Felt = Felt(codeOf(part.ValueCodeableConcept, CheckSystem))
		case "move":
			c.Move = Move(codeOf(part.ValueCodeableConcept, CheckSystem))
		}
	}
	return c
}

// CheckIn says how it went with a goal that was read at a version. The error is ErrChanged where somebody has checked in or changed it meanwhile, so that what
// is sent twice counts once.
func (s *Service) CheckIn(ctx context.Context, who access.Actor, patient, id string, version int64, c Check) (*Check, error) {
	book, err := s.book()
	if err != nil {
		return nil, err
	}
	if c.Words, err = tidy(c.Words); err != nil {
		return nil, err
	}
	switch {
	case c.Outcome != Done && c.Outcome != Partly && c.Outcome != Not:
		return nil, fhir.Errorf(fhir.Invalid, "choose how it went")
	case c.Felt != "" && c.Felt != TooHard && c.Felt != JustRight && c.Felt != TooEasy:
		return nil, fhir.Errorf(fhir.Invalid, "choose how hard it was")
	case c.Confidence < -1 || c.Confidence > 10:
		return nil, fhir.Errorf(fhir.Invalid, "how sure you are is a number from 0 to 10")
	}
	if err := s.may(ctx, who, access.Update, "Goal", patient); err != nil {
		return nil, err
	}
	g, r, err := s.goal(ctx, who, patient, id)
	if err != nil {
		return nil, err
	}
	if g.Version != version {
		return nil, ErrChanged
	}
	if !g.Ended.IsZero() {
		return nil, fhir.Errorf(fhir.Conflict, "this goal has come to its end")
	}
	now := s.now()
	if c.Move = Stay; g.Programme != nil {
		if c.Move = book.Rules.moveOf(g.Week, len(g.Programme.Weeks), g.WeekBegan, now, c.Outcome, c.Felt); c.Move != Stay {
			setProgramme(r, g.Programme, g.Week+map[Move]int{On: 1, Back: -1}[c.Move], now)
		}
	}
	c.ID, c.At, c.By = named("check", id, strconv.FormatInt(version, 10)), now, who.Name
	o := observation(g, &c, who)
	r.AchievementStatus = &r4.CodeableConcept{Coding: []r4.Coding{{System: "http://terminology.hl7.org/CodeSystem/goal-achievement", Code: map[Outcome]string{Done: "improving", Partly: "in-progress", Not: "no-progress"}[c.Outcome]}}}
	r.StatusDate = fhir.DateOf(now.In(london.Zone))
	first, err := put("Observation", o.ID, 0, o)
	if err != nil {
		return nil, err
	}
	second, err := put("Goal", id, version, r)
	if err != nil {
		return nil, err
	}
	if _, err = s.Door.Commit(ctx, acting(who), []record.Op{first, second}); lost(err) {
		return nil, ErrChanged
	}
	return &c, err
}

// observation is a check-in. The scale of 0 to 10 is our own: how sure somebody is that they can do the step.
func observation(g *Goal, c *Check, who access.Actor) *r4.Observation {
	o := &r4.Observation{ID: c.ID, Meta: ours(), Status: "final", Category: []r4.CodeableConcept{*coded("http://terminology.hl7.org/CodeSystem/observation-category", "survey", "")}, Code: coded(CheckSystem, "check-in", "How it went"), Subject: &r4.Reference{Reference: "Patient/" + g.Patient},
		Focus: []r4.Reference{{Reference: "Goal/" + g.ID}}, EffectiveDateTime: stamp(c.At), Performer: []r4.Reference{*authorOf(who)}, ValueCodeableConcept: coded(CheckSystem, string(c.Outcome), "")}
	if c.Words != "" {
		o.Note = []r4.Annotation{{AuthorReference: authorOf(who), Time: stamp(c.At), Text: c.Words}}
	}
	if c.Confidence >= 0 {
		o.Component = append(o.Component, r4.ObservationComponent{Code: coded(CheckSystem, "confidence", "How sure, 0 to 10"), ValueInteger: &c.Confidence})
	}
	if c.Felt != "" {
		o.Component = append(o.Component, r4.ObservationComponent{Code: coded(CheckSystem, "difficulty", "How hard it was"), ValueCodeableConcept: coded(CheckSystem, string(c.Felt), "")})
	}
	if g.Programme != nil {
		o.Component = append(o.Component, r4.ObservationComponent{Code: coded(CheckSystem, "week", "Week of the programme"), ValueInteger: &g.Week},
			r4.ObservationComponent{Code: coded(CheckSystem, "move", "Where the programme goes"), ValueCodeableConcept: coded(CheckSystem, string(c.Move), "")})
	}
	// Whether somebody was coached at the time stands with the check-in, so that coached and not can be held against each other later.
	coached := g.Coach != ""
	o.Component = append(o.Component, r4.ObservationComponent{Code: coded(CheckSystem, "coached", "Had a coach"), ValueBoolean: &coached})
	return o
}
