package triage

import (
	"context"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Service keeps interviews in the record, whichever way somebody asks for help. Door and Book must be set.
//
// An interview is a QuestionnaireResponse that grows: the words, the pack with its version, each answer. Nothing else is held between two questions, so
// any process may ask the next one. At the end one commit adds the outcome (keep.go).
//
// The record is read with Kith's own eyes, since a floor must hold also where the person may not see what it rests on; whoever asks is told only of
// the facts that they may read themselves.
type Service struct {
	Door     *record.Door
	Book     *Book
	Settings Settings
	Owner    string           // whose queue the Tasks are in, by name
	Now      func() time.Time // nil for the clock
}

// Channel is the way by which somebody asks for help.
type Channel string

// The channels. All end in one queue.
const (
	Web       Channel = "web"
	Telephone Channel = "telephone"
	Desk      Channel = "desk"
)

// Case is where an interview stands.
type Case struct {
	ID         string // of the QuestionnaireResponse
	Patient    string // id of whom it is about
	Text       string // in the person's own words
	At         time.Time
	Pack       *Pack
	Candidates []*Pack  // for the person to confirm
	Ask        *Ask     // the next question, nil at the end
	SoFar      Level    // where it would end if nothing more were said: whoever should call 999 is told so before they are asked
	Outcome    *Outcome // at the end
	Task       string   // the id of the Task for staff, "" for self-care
}

var me = access.Actor{ID: "kith/triage", Name: "Kith, triage", Role: access.Kith, Purpose: "TREAT"}

// Start hears a text and keeps the beginning of an interview about a patient. Whoever asks must be somebody who may read the Patient.
func (s *Service) Start(ctx context.Context, who access.Actor, patient, text string, channel Channel) (*Case, error) {
	if strings.TrimSpace(text) == "" {
		return nil, fhir.Errorf(fhir.Invalid, "nothing is said about what is wrong")
	}
	if channel != Web && channel != Telephone && channel != Desk {
		return nil, fhir.Errorf(fhir.Invalid, "%q is no way to ask for help: it is web, telephone or desk", channel)
	}
	if _, err := s.Door.Get(ctx, who, "Patient", patient); err != nil {
		return nil, err
	}
	person, err := s.Book.PersonOf(ctx, s.Door, me, patient, s.now())
	if err != nil {
		return nil, err
	}
	i := s.Book.Begin(text, person, s.Settings)
	k := &kept{who: who, interview: i, response: &r4.QuestionnaireResponse{Status: "in-progress", Subject: &r4.Reference{Reference: "Patient/" + patient},
		Authored: fhir.DateTimeOf(s.now().UTC()), Author: authorOf(who)}}
	k.say(textItem, r4.QuestionnaireResponseItemAnswer{ValueString: text})
	k.say(channelItem, r4.QuestionnaireResponseItemAnswer{ValueCoding: &r4.Coding{System: urn + "channel", Code: string(channel)}})
	k.choose(i.Pack)
	return s.keep(ctx, k)
}

// Choose makes another pack the one that is asked about, as long as nothing has been answered.
func (s *Service) Choose(ctx context.Context, who access.Actor, id, pack string) (*Case, error) {
	k, err := s.load(ctx, who, id)
	if err != nil {
		return nil, err
	}
	p := s.Book.Pack(pack)
	switch {
	case p == nil || p == s.Book.Shared:
		return nil, fhir.Errorf(fhir.NotFound, "there is no pack %q", pack)
	case k.interview.Asked > 0:
		return nil, fhir.Errorf(fhir.Conflict, "questions have been answered already: begin again")
	}
	k.interview.Choose(p)
	k.choose(p)
	return s.keep(ctx, k)
}

// Answer answers the question that is next: of each of its items yes, no or unknown, of a number its band, counted from 0, or −1 for not sure.
// key is that question's, so that an answer sent twice is a conflict and not the answer to another question.
func (s *Service) Answer(ctx context.Context, who access.Actor, id, key string, yes []Tri, band int) (*Case, error) {
	k, err := s.load(ctx, who, id)
	if err != nil {
		return nil, err
	}
	a := k.interview.Next()
	switch {
	case a == nil || a.Key() != key:
		return nil, fhir.Errorf(fhir.Conflict, "this question has been answered already")
	case a.Bands == nil && len(yes) != len(a.Items) || a.Bands != nil && (band < -1 || band >= len(a.Bands)):
		return nil, fhir.Errorf(fhir.Invalid, "the answer does not fit the question %q", a.Text)
	}
	if a.Bands != nil {
		yes = make([]Tri, len(a.Items))
	}
	k.answer(s.Book.Lexicon, a, yes, band)
	k.interview.Answer(a, yes, a.Span(band))
	return s.keep(ctx, k)
}

// Case is where an interview stands, without changing anything.
func (s *Service) Case(ctx context.Context, who access.Actor, id string) (*Case, error) {
	k, err := s.load(ctx, who, id)
	if err != nil {
		return nil, err
	}
	return s.caseOf(ctx, k)
}

// Key names the question in what is kept.
func (q *Ask) Key() string { return q.question.key }

// Span is what a band says, counted from 0; Open for −1.
func (q *Ask) Span(band int) Span {
	if band < 0 || band >= len(q.Bands) {
		return Open()
	}
	low := 0.0
	if band > 0 {
		low = q.Bands[band-1].Below
	}
	return q.Bands[band].span(low, q.most, band == len(q.Bands)-1)
}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func authorOf(who access.Actor) *r4.Reference {
	ref := &r4.Reference{Display: who.Name}
	if r := fhir.ParseReference(who.ID); r.Type == "Patient" || r.Type == "Practitioner" || r.Type == "RelatedPerson" {
		ref.Reference = who.ID
	}
	if ref.Reference == "" {
		ref.Identifier = &r4.Identifier{System: accounts, Value: who.ID}
	}
	return ref
}

// accounts is the system of whoever has an account and is no Practitioner of the record.
const accounts = "https://kith.care/fhir/account"

// wrote reports whether somebody is the author of what bears this reference.
func wrote(who access.Actor, author *r4.Reference) bool {
	mine := authorOf(who)
	if author == nil || who.ID == "" {
		return false
	}
	if mine.Reference != "" {
		return mine.Reference == author.Reference
	}
	return author.Identifier != nil && author.Identifier.System == accounts && author.Identifier.Value == mine.Identifier.Value
}
