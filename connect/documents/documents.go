// Package documents replaces the fax: whatever comes in becomes a document that somebody owns, and what goes out is followed until the
// other side has it.
//
// In: a file (File), an HL7 document or a FHIR message becomes a DocumentReference, whoever filed it. Watch gives each a Task with an owner:
// the practice where the person is registered, or the Owner of what is nobody's. A Task that nobody has taken up after a day is escalated; nothing is
// unowned for longer.
//
// Out: Send makes a Task for a letter or a referral to an organisation and picks the best route that the receiver's Endpoints
// have: a FHIR message, then HL7 v2, then paper (a Task to print and post). Deliver sends what waits, tries again, and notes both
// acknowledgements: that the other side has it, and that somebody there has dealt with it. What is not delivered after four hours is
// escalated to a person.
//
// Handler takes FHIR messages of others, answers them, and reads their acknowledgements. A message is
// https://hl7.org/fhir/R4/messaging.html. Rules: Kith's feeds specification, section 7.
package documents

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Service follows documents of one place. Door and Organization must be set.
type Service struct {
	Door *record.Door
	// Organization is the ODS code of whose documents these are; Name is what others call it.
	Organization, Name string
	// Owner is who owns what belongs to nobody: a reference such as Organization/desk, "" for the organisation of Organization.
	Owner string
	// Intake is where messages were kept, so that their senders can be told what became of them; nil to tell nobody.
	Intake *intake.Desk
	// Endpoint is the address at which others reach our Handler.
	Endpoint string
	// Sender says who sends a message; nil where whoever reaches Handler may.
	Sender func(*http.Request) (access.Actor, error)
	Now    func() time.Time
	Every  time.Duration // how often what waits is looked at; 0 for 30 seconds
	Who    access.Actor  // zero for the system's own
	// Post sends bytes to an address and answers what comes back; nil for HTTP. MLLP sends an HL7 message; nil for the network.
	Post func(ctx context.Context, address string, body []byte) ([]byte, error)
	MLLP func(ctx context.Context, address string, message []byte) (accepted bool, text string, err error)
}

// The codes of our Tasks.
const (
	taskSystem = "urn:kith:task"
	reviewCode = "document-review"
	sendCode   = "document-send"
	printCode  = "document-print"
)

// Limits of time, from the specification of feeds, section 7.
const (
	ownedWithin     = 24 * time.Hour
	deliveredWithin = 4 * time.Hour
)

const (
	odsSystem     = "https://fhir.nhs.uk/Id/ods-organization-code"
	messageSystem = "urn:kith:message"
)

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now().UTC()
	}
	return time.Now().UTC()
}

func (s *Service) who() access.Actor {
	if s.Who.ID != "" {
		return s.Who
	}
	return access.Actor{ID: "kith/documents", Name: "Documents", Role: access.Kith, Purpose: "TREAT"}
}

// Run watches, delivers and escalates until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	every := s.Every
	if every == 0 {
		every = 30 * time.Second
	}
	watched := make(chan error, 1)
	go func() { watched <- s.Watch(ctx) }()
	for ctx.Err() == nil {
		if err := errors.Join(s.Deliver(ctx), s.Escalate(ctx), s.TellSenders(ctx)); err != nil && ctx.Err() == nil {
			slog.Error("documents could not be followed up", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
	return <-watched
}

// op writes a struct of fhir/r4 under its own id.
func op(typ, id string, resource any) (record.Op, error) {
	res, err := fhir.Parse(r4.Encode(resource))
	return record.Op{Method: record.Update, Type: typ, ID: id, Resource: res}, err
}

func taskOf(code, words string) *r4.CodeableConcept {
	return &r4.CodeableConcept{Coding: []r4.Coding{{System: taskSystem, Code: code}}, Text: words}
}

// changeTask alters a task; somebody else's change in between is seen, and the change made again.
func (s *Service) changeTask(ctx context.Context, id string, how func(*r4.Task)) error {
	_, err := s.Door.Commit(ctx, s.who(), []record.Op{{Method: record.Patch, Type: "Task", ID: id, Patch: func(res *fhir.Resource) (*fhir.Resource, error) {
		var t r4.Task
		if err := r4.Decode(res, &t); err != nil {
			return nil, err
		}
		how(&t)
		t.Meta = nil
		t.LastModified = fhir.DateTimeOf(s.now())
		return fhir.Parse(r4.Encode(&t))
	}}})
	return err
}

// all is every match of a search, decoded.
func all[T any](ctx context.Context, s *Service, query string) ([]T, error) {
	var out []T
	for m, err := range s.Door.All(ctx, s.who(), query) {
		if err != nil {
			return nil, err
		}
		var t T
		if err := m.Decode(&t); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}
