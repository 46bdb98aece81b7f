package booking

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/words"
)

// Choice is what somebody who waits answers when they are asked whether they still need it.
type Choice string

// The choices.
const (
	StillNeeded Choice = "yes"
	NotNeeded   Choice = "no"
	TalkToMe    Choice = "talk"
)

// Route is the way an answer came.
type Route string

// The routes. All take the same form.
const (
	ByWeb       Route = "web"
	ByText      Route = "text"
	ByLetter    Route = "letter"
	ByTelephone Route = "telephone"
)

// Questionnaire of the form, and the links of its two questions.
const (
	StillForm   = "urn:kith:booking:still-needed|1"
	stillLink   = "still-needed"
	wordsLink   = "words"
	routeLink   = "route"
	stillSystem = "https://kith.care/fhir/CodeSystem/still-needed"
)

// askEach is how often people who wait are asked: NHS England asks trusts to look through their lists every twelve weeks.
const askEach = 84 * 24 * time.Hour

// ReadChoice reads an answer as people write it in a text message: the first word, its number on the form, or Welsh. ok is false where a person must read it.
func ReadChoice(text string) (c Choice, ok bool) {
	word := strings.ToLower(strings.Trim(strings.TrimSpace(text), ".!?\"'“”‘’ "))
	for _, one := range []struct {
		choice Choice
		words  []string
	}{
		{StillNeeded, []string{"1", "yes", "y", "yes please", "yes i do", "ydw", "ie", "oes"}},
		{NotNeeded, []string{"2", "no", "n", "no thanks", "no thank you", "na", "nac ydw", "nage"}},
		{TalkToMe, []string{"3", "talk", "not sure", "unsure", "call", "call me", "siarad", "ddim yn siŵr", "ddim yn siwr"}},
	} {
		if slices.Contains(one.words, word) {
			return one.choice, true
		}
	}
	return "", false
}

// answer is what somebody said of a wait, and when.
type answer struct {
	choice Choice
	at     time.Time
}

// Answer keeps what somebody who waits says: on the web, by text message, on the letter's form or on the telephone. Who says that they do not need it, or is not
// sure, is rung by a person; nobody is taken off a list by an answer.
func (s *Service) Answer(ctx context.Context, who access.Actor, patient, referral string, c Choice, words string, by Route) error {
	if c != StillNeeded && c != NotNeeded && c != TalkToMe {
		return fhir.Errorf(fhir.Invalid, "the answer is yes, no or talk, not %q", c)
	}
	if len([]rune(words)) > mostReason {
		return fhir.Errorf(fhir.Invalid, "what is said is longer than %d letters", mostReason)
	}
	stored, err := s.Door.Get(ctx, who, "ServiceRequest", referral)
	if err != nil {
		return err
	}
	r := new(r4.ServiceRequest)
	if err := stored.Decode(r); err != nil {
		return err
	}
	group, err := s.Door.Person(ctx, patient)
	if err != nil {
		return err
	}
	if !isWait(r) || !slices.Contains(group, idOf(r.Subject, "Patient")) {
		return fhir.Errorf(fhir.NotFound, "ServiceRequest/%s is no wait of this patient", referral)
	}
	if r.Status != "active" {
		return fhir.Errorf(fhir.Conflict, "this wait has ended")
	}
	now := fhir.DateTimeOf(s.now().UTC().Truncate(time.Second))
	coding := func(code string) []r4.QuestionnaireResponseItemAnswer {
		return []r4.QuestionnaireResponseItemAnswer{{ValueCoding: &r4.Coding{System: stillSystem, Code: code}}}
	}
	q := &r4.QuestionnaireResponse{Meta: ours(), Questionnaire: StillForm, Status: "completed", Subject: r.Subject, Authored: now, BasedOn: []r4.Reference{{Reference: "ServiceRequest/" + referral}},
		Item: []r4.QuestionnaireResponseItem{{LinkId: stillLink, Text: "Do you still need this?", Answer: coding(string(c))}, {LinkId: routeLink, Text: "How it was answered", Answer: coding(string(by))}}}
	if words = strings.TrimSpace(words); words != "" {
		q.Item = append(q.Item, r4.QuestionnaireResponseItem{LinkId: wordsLink, Text: "Anything that has changed", Answer: []r4.QuestionnaireResponseItemAnswer{{ValueString: words}}})
	}
	const self = "urn:uuid:4f0e8a52-0e0c-4a0b-9f5c-2f7b6d3f1c70"
	ops := []record.Op{{Method: record.Create, Type: "QuestionnaireResponse", Resource: must(r4.Resource(q)), FullURL: self}}
	if c != StillNeeded || words != "" {
		title, said := "Talk to somebody who waits", "Is not sure whether they still need it: talk to them. "
		switch {
		case c == NotNeeded:
			title, said = "Somebody says that they need not wait any more", "Says that they do not need it any more. Talk to them before anything is changed: they are still on the list. "
		case c == StillNeeded:
			title, said = "Somebody who waits says what has changed", "Still needs it, and says what has changed. "
		}
		said += textOf(r.Code) + ", since " + r.AuthoredOn.String() + "."
		if words != "" {
			said += " In their words: " + words
		}
		owner := &r4.Reference{Display: "Waiting lists"}
		if len(r.Performer) > 0 {
			owner = &r.Performer[0]
		}
		t := &r4.Task{Status: "requested", Intent: "order", Priority: "routine", Code: task("still-needed", title), AuthoredOn: now, LastModified: now, Description: said, For: r.Subject, Focus: &r4.Reference{Reference: "ServiceRequest/" + referral},
			ReasonReference: &r4.Reference{Reference: self}, Owner: owner, Restriction: &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(s.now().Add(7 * 24 * time.Hour).UTC().Truncate(time.Second))}}}
		ops = append(ops, record.Op{Method: record.Create, Type: "Task", Resource: must(r4.Resource(t))})
	}
	_, err = s.Door.Commit(ctx, acting(who), ops)
	return err
}

// answers are what a patient said last of each wait. Whoever may see their referrals and not what they answered is told of no answers.
func (s *Service) answers(ctx context.Context, who access.Actor, patient string) (map[string]answer, error) {
	out := map[string]answer{}
	for m, err := range s.Door.All(ctx, who, "QuestionnaireResponse?patient=Patient/"+patient+"&questionnaire="+strings.ReplaceAll(StillForm, "|", "%7C")) {
		if fhir.KindOf(err) == fhir.Forbidden {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		var q r4.QuestionnaireResponse
		if err := m.Decode(&q); err != nil {
			return nil, err
		}
		for i := range q.BasedOn {
			id := idOf(&q.BasedOn[i], "ServiceRequest")
			if at := q.Authored.Low(); id != "" && !at.Before(out[id].at) {
				out[id] = answer{choiceOf(&q), at}
			}
		}
	}
	return out, nil
}

func choiceOf(q *r4.QuestionnaireResponse) Choice {
	for _, item := range q.Item {
		if item.LinkId == stillLink && len(item.Answer) > 0 && item.Answer[0].ValueCoding != nil {
			return Choice(item.Answer[0].ValueCoding.Code)
		}
	}
	return ""
}

// AskStillNeeded has everybody asked who has waited for twelve weeks, or for twelve weeks since they were asked or answered last. It does nothing unless Validate is set.
func (s *Service) AskStillNeeded(ctx context.Context) error {
	if !s.Validate {
		return nil
	}
	for m, err := range s.Door.All(ctx, me, referralQuery("status=active&authored=lt"+instant(s.now().Add(-askEach)))) {
		if err != nil {
			return err
		}
		var r r4.ServiceRequest
		if err := m.Decode(&r); err != nil {
			return err
		}
		patient := idOf(r.Subject, "Patient")
		if patient == "" || !isWait(&r) {
			continue
		}
		last, err := record.ReadJSON[time.Time](func(kind, key string) ([]byte, error) { return s.box().Get(ctx, kind, key) }, "asked", r.ID)
		if err != nil {
			return err
		}
		if last != nil && s.now().Sub(*last) < askEach {
			continue
		}
		if said, err := s.answers(ctx, me, patient); err != nil {
			return err
		} else if s.now().Sub(said[r.ID].at) < askEach {
			continue
		}
		l, err := s.speaks(ctx, patient)
		if err != nil {
			return err
		}
		q := &r4.CommunicationRequest{ID: named("still", r.ID+s.now().UTC().Format("-20060102")), Meta: ours(), Status: "active", Priority: "routine", Category: []r4.CodeableConcept{{Coding: []r4.Coding{{System: categorySystem, Code: "still-needed"}}, Text: l.T("Do you still need this?")}},
			Subject: r.Subject, Recipient: []r4.Reference{*r.Subject}, About: []r4.Reference{{Reference: "ServiceRequest/" + r.ID}}, Payload: []r4.CommunicationRequestPayload{{ContentString: l.T(StillText)}},
			OccurrenceDateTime: fhir.DateTimeOf(s.now().UTC().Truncate(time.Second)), AuthoredOn: fhir.DateTimeOf(s.now().UTC().Truncate(time.Second))}
		ops := []record.Op{{Method: record.Update, Type: "CommunicationRequest", ID: q.ID, Resource: must(r4.Resource(q))}}
		if _, err := s.box().Commit(ctx, me, ops, record.JSONItem("asked", r.ID, s.now())); err != nil {
			return err
		}
	}
	return nil
}

// StillText asks in a text message of at most 160 characters, naming nobody and nothing.
var StillText = words.Text("You are on a hospital waiting list. Do you still need it? Reply YES, NO or TALK (we will ring you), or sign in to answer. Nobody is taken off by a computer.")
