package triage

import (
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Names, within the commit, of what comes of an interview.
const (
	riskURL  = "urn:uuid:0b0d3c7e-2c55-4b0e-8e0b-5b6a3c1d9f01"
	groupURL = "urn:uuid:0b0d3c7e-2c55-4b0e-8e0b-5b6a3c1d9f02"
	taskURL  = "urn:uuid:0b0d3c7e-2c55-4b0e-8e0b-5b6a3c1d9f03"
)

// results are what comes of an interview: a RiskAssessment with the chances and why, a RequestGroup that says what to do, a Task in the one queue of staff
// where somebody must act, and a Provenance that pins the pack's version.
func (s *Service) results(k *kept, o *Outcome, response string) ([]record.Op, error) {
	now := fhir.DateTimeOf(s.now().UTC())
	subject := k.response.Subject
	plan := urn + o.Pack + ":plan|" + o.Version
	from := &r4.Reference{Reference: response}

	risk := &r4.RiskAssessment{Status: "final", Subject: subject, OccurrenceDateTime: now, Basis: []r4.Reference{*from}, Mitigation: strings.Join(o.Do, " "),
		Method: &r4.CodeableConcept{Coding: []r4.Coding{{System: urn + "plan", Code: o.Pack, Version: o.Version}}, Text: "Triage pack " + o.Pack + " " + o.Version}}
	for _, f := range o.Facts {
		if f.From != "" {
			risk.Basis = append(risk.Basis, r4.Reference{Reference: f.From, Display: f.Name})
		}
	}
	for l, p := range o.Chances {
		chance := fhir.MakeDecimal(int64(p*10_000+0.5), 4)
		risk.Prediction = append(risk.Prediction, r4.RiskAssessmentPrediction{Outcome: levelConcept(Level(l)), ProbabilityDecimal: &chance})
	}
	for _, why := range o.why() {
		risk.Note = append(risk.Note, r4.Annotation{Text: why})
	}

	group := &r4.RequestGroup{InstantiatesCanonical: []string{plan}, Status: "active", Intent: "proposal", Priority: priorities[o.Level], Subject: subject, AuthoredOn: now, Code: levelConcept(o.Level),
		BasedOn: []r4.Reference{*from}, // R4 lets no RiskAssessment be a reason here: the Provenance and the Task lead to it
		Action:  []r4.RequestGroupAction{{Title: o.Title, Description: strings.Join(append(append([]string{}, o.Do...), o.SafetyNet...), "\n"), Priority: priorities[o.Level]}}}
	ops := []record.Op{}
	var err error
	add := func(typ, url string, x any) {
		res, e := r4.Resource(x)
		if e != nil && err == nil {
			err = e
		}
		ops = append(ops, record.Op{Method: record.Create, Type: typ, Resource: res, FullURL: url})
	}
	targets := []r4.Reference{*from, {Reference: riskURL}, {Reference: groupURL}}
	add("RiskAssessment", riskURL, risk)
	if o.Level > SelfCare {
		group.Action[0].Resource = &r4.Reference{Reference: taskURL}
		add("Task", taskURL, s.task(k, o, now, from))
		targets = append(targets, r4.Reference{Reference: taskURL})
	}
	add("RequestGroup", groupURL, group)
	add("Provenance", "", &r4.Provenance{Target: targets, Recorded: now, Policy: []string{plan},
		Agent:  []r4.ProvenanceAgent{{Who: &r4.Reference{Display: me.Name}, OnBehalfOf: k.response.Author}},
		Entity: []r4.ProvenanceEntity{{Role: "source", What: &r4.Reference{Identifier: &r4.Identifier{System: urn + "plan", Value: plan}, Display: "Triage pack " + o.Pack + " " + o.Version}}}})
	return ops, err
}

func (s *Service) task(k *kept, o *Outcome, now fhir.DateTime, from *r4.Reference) *r4.Task {
	owner := s.Owner
	if owner == "" {
		owner = "Triage"
	}
	channel := k.said(channelItem).ValueCoding
	return &r4.Task{Status: "requested", Intent: "order", Priority: priorities[o.Level], AuthoredOn: now, LastModified: now,
		Code:        &r4.CodeableConcept{Coding: []r4.Coding{{System: "urn:kith:task", Code: "triage"}, {System: urn + "level", Code: o.LevelName}}, Text: "Triage: " + o.Title},
		Description: k.interview.Pack.Title + ": " + o.Title + ". " + strings.Join(o.why(), " "),
		Restriction: &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(s.now().Add(lookedAt[o.Level]).UTC())}},
		For:         k.response.Subject, Focus: &r4.Reference{Reference: riskURL}, ReasonReference: from, Requester: k.response.Author, Owner: &r4.Reference{Display: owner},
		Input: []r4.TaskInput{{Type: &r4.CodeableConcept{Text: "Channel"}, ValueCoding: channel}, {Type: &r4.CodeableConcept{Text: "In their own words"}, ValueString: k.said(textItem).ValueString}}}
}

// lookedAt is by when staff are to have looked at a request. Of those who were told to go to A&E or call 999 somebody makes sure that they did.
var lookedAt = map[Level]time.Duration{Routine: 7 * 24 * time.Hour, SameDay: 2 * time.Hour, Emergency: 30 * time.Minute, Call999: 10 * time.Minute}

func levelConcept(l Level) *r4.CodeableConcept {
	return &r4.CodeableConcept{Coding: []r4.Coding{{System: urn + "level", Code: l.String()}}, Text: l.Title()}
}

// why are the reasons in sentences: floors first, then the largest contributions.
func (o *Outcome) why() (out []string) {
	for _, f := range o.Floors {
		out = append(out, f.Says+" ("+f.Hazard+", "+f.Source.URL+")")
	}
	for i, c := range o.Contributions {
		if i == 5 {
			break
		}
		out = append(out, c.Words+": "+strconv.Itoa(c.Points)+" points.")
	}
	return out
}
