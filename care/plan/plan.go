// Package plan is the care plan in somebody's own words, their goals with a health coach, and their repeat prescriptions.
//
// A plan begins with the person's words: what matters, what they want, what helps when they are bad; then what was agreed, line by line, each with who wrote it and
// when. It is one CarePlan and one CareTeam a person; both sides change it, a part at a time, and nobody's words are lost when two do at once (words.go). What
// changed when, and by whom, is read from the record's own versions (history.go). Plans that feeds brought are shown and stay theirs (others.go).
//
// A goal is a FHIR Goal in the person's own words with one small step (goal.go). A check-in is an Observation: how it went, how hard it was, how sure they are (checkin.go). A
// programme of exercise or reading is data (programme.go) whose weekly step moves by pure rules (step.go). After seven quiet days a person is asked to get in
// touch: one Task a quiet spell, closed by the next check-in (quiet.go, watch.go).
//
// Repeat prescriptions are read from the record's MedicationRequests (repeat.go, read.go); an order is a draft MedicationRequest each and one Task for the practice
// (order.go). Kith prescribes nothing: staff say what became of an order in the practice's own system (practice.go), and track.go tells it step by step.
package plan

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Service keeps plans, goals and orders. Door must be set.
type Service struct {
	Door  *record.Door
	Book  *Book            // programmes and rules; nil for those Kith comes with
	Coach string           // who has people who have gone quiet, "" for "Health coaches"
	Now   func() time.Time // nil for the clock
	Every time.Duration    // how often it is looked who has gone quiet; 0 for a minute
}

// Names of what is ours.
const (
	Source       = "urn:kith:care-plan"                      // meta.source of what this package makes
	PlanSystem   = "https://kith.care/fhir/CodeSystem/plan"  // CarePlan.category, CareTeam.category, Goal.category
	AboutMe      = "about-me"                                // of PlanSystem: the plan in the person's own words
	CoachGoal    = "coach"                                   // of PlanSystem: a goal with check-ins
	CheckSystem  = "https://kith.care/fhir/CodeSystem/coach" // check-in, confidence, difficulty, and their answers
	RepeatSystem = "https://kith.care/fhir/repeat-order"     // MedicationRequest.identifier of an order: REPEAT.NUMBER
	structure    = "https://kith.care/fhir/StructureDefinition/"
	taskSystem   = "urn:kith:task"
	quietCode    = "coach-quiet"  // of taskSystem
	orderCode    = "repeat-order" // of taskSystem
	monitorPlan  = "urn:kith:plan"
	openStates   = "requested,received,accepted,in-progress,on-hold"
	mostWords    = 2000 // of one text, in letters
)

var me = access.Actor{ID: "kith/plan", Name: "Kith, plans", Role: access.Kith, Purpose: "TREAT"}

// acting is this package at work for somebody who was asked whether they may: the audit names them.
func acting(who access.Actor) access.Actor {
	if who.ID == "" {
		return me
	}
	return access.Actor{ID: who.ID, Name: who.Name, Role: access.Kith, Organization: who.Organization, Purpose: cmp.Or(who.Purpose, "TREAT"), From: who.From, Helper: who.Helper}
}

// may asks whether somebody may do something with a type in a person's record.
func (s *Service) may(ctx context.Context, who access.Actor, action access.Action, typ, patient string) error {
	d, err := s.Door.Decide(ctx, who, action, typ, patient)
	if err == nil && !d.Permit {
		err = fhir.Errorf(fhir.Forbidden, "%s", d.Sentence())
	}
	return err
}

// whole is a person by all their Patients: the first of them in order stands for them.
func (s *Service) whole(ctx context.Context, patient string) (first string, err error) {
	all, err := s.Door.Person(ctx, patient)
	if err != nil || len(all) == 0 {
		return patient, err
	}
	return slices.Min(all), nil
}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func (s *Service) box() record.Box { return s.Door.Box("plan") }

// put is the operation that writes x, a struct of fhir/r4, over the version that was read; 0 for one that must not be there yet.
func put(typ, id string, version int64, x any) (record.Op, error) {
	res, err := r4.Resource(x)
	return record.Op{Method: record.Update, Type: typ, ID: id, Resource: res, IfMatch: version, IfNone: version == 0}, err
}

// absent reports that there is nothing, or nothing any more.
func absent(err error) bool {
	k := fhir.KindOf(err)
	return k == fhir.NotFound || k == fhir.Gone
}

// lost reports that somebody else was first.
func lost(err error) bool {
	k := fhir.KindOf(err)
	return k == fhir.Precondition || k == fhir.Conflict
}

// named is an id that is made of others: the same for the same, in whatever process.
func named(what string, of ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(of, "\x00")))
	return what + "-" + hex.EncodeToString(sum[:12])
}

// authorOf refers to whoever writes something.
func authorOf(who access.Actor) *r4.Reference {
	ref := &r4.Reference{Display: cmp.Or(who.Name, "somebody at this machine")}
	if r := fhir.ParseReference(who.ID); r.Type == "Patient" || r.Type == "Practitioner" || r.Type == "RelatedPerson" {
		ref.Reference = who.ID
	}
	return ref
}

func ours() *r4.Meta { return &r4.Meta{Source: Source} }

func coded(system, code, text string) *r4.CodeableConcept {
	return &r4.CodeableConcept{Coding: []r4.Coding{{System: system, Code: code}}, Text: text}
}

// codeOf is the code of a system in a concept, "" where it has none.
func codeOf(c *r4.CodeableConcept, system string) string {
	if c == nil {
		return ""
	}
	for _, k := range c.Coding {
		if k.System == system {
			return k.Code
		}
	}
	return ""
}

func inCategory(list []r4.CodeableConcept, system, code string) bool {
	return slices.ContainsFunc(list, func(c r4.CodeableConcept) bool { return codeOf(&c, system) == code })
}

// textOf is a concept in words.
func textOf(c *r4.CodeableConcept) string {
	if c == nil {
		return ""
	}
	if c.Text != "" {
		return c.Text
	}
	for _, k := range c.Coding {
		if k.Display != "" {
			return k.Display
		}
	}
	for _, k := range c.Coding {
		return k.Code
	}
	return ""
}

// tidy is what somebody wrote, without blanks around it and at the ends of lines. Invalid where it is too long.
func tidy(text string) (string, error) {
	lines := strings.Split(strings.ReplaceAll(text, "\r", ""), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t")
	}
	text = strings.TrimSpace(strings.Join(lines, "\n"))
	if len([]rune(text)) > mostWords {
		return "", fhir.Errorf(fhir.Invalid, "what is written must have at most %d letters", mostWords)
	}
	return text, nil
}

func patientOf(ref *r4.Reference) string {
	if ref == nil {
		return ""
	}
	if r := fhir.ParseReference(ref.Reference); r.Type == "Patient" {
		return r.ID
	}
	return ""
}

func stamp(t time.Time) fhir.DateTime { return fhir.DateTimeOf(t.UTC().Truncate(time.Second)) }
