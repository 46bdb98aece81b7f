// Package message is one inbox over all organisations: threads between people and those who care for them, and whatever must reach somebody.
//
// A message is a Communication in the person's record, so what may be read and written is decided like everything else there. Messages of one thread bear
// its identifier; either side may close a thread, saying why, and whoever answers then begins a new one that names the old (thread.go, write.go). A photograph is a
// Communication of its own that is part of its message, with all that it says of place and device left out (photo.go). Every message from a person has a Task
// with an owner until it is answered (own.go).
//
// What is for a person waits in the inbox, and goes on until they have read it: these pages, e-mail, text message, letter, in the order they prefer and in the
// format they need (cascade.go: pure; deliver.go). A CommunicationRequest of anybody's, such as a reminder of an appointment, goes the same way. Each step is
// kept as a Communication too, with what became of it, and is sent at most once, whatever happens to the program in between. What nobody can be reached by is a
// Task for a person. Replies by e-mail and text come back to their thread where that can be told (inbound.go).
package message

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Mailer, Texter and Printer carry things out of the house. key is the thing's own, by which it is known again. Of their errors fhir.Busy says that it was not sent
// and may be tried again, fhir.Unprocessable that it was refused for good; after any other nobody knows whether it went out.
type (
	// Mailer sends a plain text by e-mail and answers what the mail is called.
	Mailer interface {
		Mail(ctx context.Context, key, to, subject, text string) (string, error)
	}
	// Texter sends a text message to a number such as +447700900123.
	Texter interface {
		Text(ctx context.Context, key, to, text string) (string, error)
	}
	// Printer has a file printed and posted; kind is letter, large-print or braille. What has the same key is printed once, however often it is asked for.
	Printer interface {
		Print(ctx context.Context, key, kind, ending string, file []byte) (string, error)
	}
)

// Service keeps messages of one place. Door must be set; a channel whose carrier is nil is not there.
type Service struct {
	Door    *record.Door
	Name    string // of the place, where a message says of no organisation that it is from it
	Desk    string // a reference: who owns what belongs to nobody; "" for the place by name
	Link    string // the address at which people sign in to read
	Contact string // a telephone number for people whom a letter reaches
	Address []string
	Mail    Mailer
	Text    Texter
	Print   Printer
	Online  func(ctx context.Context, patient string) (bool, error) // whether somebody has an account; nil where nobody knows, and everybody may
	Waits   Waits                                                   // zero for those of a day
	Now     func() time.Time
	Every   time.Duration // how often what comes of time passing is looked at; 0 for a minute

	limit time.Duration // how long one sending may take, 0 for a minute: twice that after a process was killed, another does its work
}

// Waits are how long a step waits to be read before the next one is taken.
type Waits struct {
	App, Email, Text time.Duration
	Urgent           time.Duration // each of them, where it is urgent
	Answer           time.Duration // how long a team has to answer a person
}

// defaultWaits are a place's until it says otherwise.
var defaultWaits = Waits{App: 24 * time.Hour, Email: 24 * time.Hour, Text: 24 * time.Hour, Urgent: 2 * time.Hour, Answer: 24 * time.Hour}

// The code systems of what stands in the record.
const (
	threadSystem = "urn:kith:thread"
	kindSystem   = "urn:kith:message"
	taskSystem   = "urn:kith:task"
	// TeamSystem and TeamCode mark, as a characteristic, a HealthcareService that takes messages from people.
	TeamSystem = "urn:kith:message"
	TeamCode   = "takes-messages"
)

// The kinds of a Communication, as its category.
const (
	kindMessage    = "message"
	kindPhotograph = "photograph"
	kindClose      = "close"
	kindReminder   = "reminder"
	kindDelivery   = "delivery" // a step of the cascade
)

// The codes of Tasks.
const (
	answerCode  = "message-answer"  // a person waits for an answer
	reachCode   = "message-reach"   // somebody must be reached by a person
	unknownCode = "message-unknown" // a reply of which nobody knows whose it is
)

// me is in whose name messages are followed up.
var me = access.Actor{ID: "kith/message", Name: "Messages", Role: access.Kith, Purpose: "TREAT"}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now().UTC()
	}
	return time.Now().UTC()
}

func (s *Service) waits() Waits {
	w := s.Waits
	for _, d := range []struct{ have, usual *time.Duration }{{&w.App, &defaultWaits.App}, {&w.Email, &defaultWaits.Email}, {&w.Text, &defaultWaits.Text}, {&w.Urgent, &defaultWaits.Urgent}, {&w.Answer, &defaultWaits.Answer}} {
		if *d.have == 0 {
			*d.have = *d.usual
		}
	}
	return w
}

func (s *Service) box() record.Box { return s.Door.Box("message") }

func (s *Service) needs() *need.Service { return &need.Service{Door: s.Door, Now: s.Now} }

// Run follows messages, gives them owners and sends what must reach somebody, until ctx ends. Any number of processes may.
func (s *Service) Run(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.box().Work(ctx, record.Queue{Do: s.do, Limit: s.limit, Tries: forEver, Parallel: atOnce, Poll: 100 * time.Millisecond})
	}()
	every := s.Every
	if every == 0 {
		every = time.Minute
	}
	err := s.box().Follow(ctx, me, record.Following{Name: follower, Types: []string{"Communication", "CommunicationRequest"}, Do: s.changed, Regularly: s.regularly, Every: every})
	<-done
	return err
}

// atOnce is how many things are sent at a time: as many connections a mail server or gateway sees of one process.
const atOnce = 8

// forEver is how often a delivery is tried that the record, not a carrier, keeps from going on: it must not be lost by a database that is away for a day.
const forEver = 1 << 30

// follower is the name under which the place in the feed is kept.
const follower = "message"

// idOf is an id made of what it is of, the same each time.
func idOf(prefix string, parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p + "\x00"))
	}
	return prefix + hex.EncodeToString(h.Sum(nil)[:12])
}

// op writes a struct of fhir/r4 under its own id.
func op(typ, id string, resource any) (record.Op, error) {
	res, err := fhir.Parse(r4.Encode(resource))
	return record.Op{Method: record.Update, Type: typ, ID: id, Resource: res}, err
}

// change alters a resource as it is when it is written.
func change[T any](typ, id string, how func(*T)) record.Op {
	return record.Op{Method: record.Patch, Type: typ, ID: id, Patch: func(res *fhir.Resource) (*fhir.Resource, error) {
		var t T
		if err := r4.Decode(res, &t); err != nil {
			return nil, err
		}
		how(&t)
		return fhir.Parse(r4.Encode(&t))
	}}
}

// get reads a resource by its reference; ok is false where it is not there.
func get[T any](ctx context.Context, s *Service, who access.Actor, ref string) (out T, ok bool, err error) {
	r := fhir.ParseReference(ref)
	if r.Type == "" {
		return out, false, nil
	}
	m, err := s.Door.Get(ctx, who, r.Type, r.ID)
	if k := fhir.KindOf(err); err != nil && (k == fhir.NotFound || k == fhir.Gone) {
		return out, false, nil
	}
	if err != nil {
		return out, false, err
	}
	return out, true, m.Decode(&out)
}

// stands reports whether an error says that what was to be made is there already.
func stands(err error) bool {
	var at *record.OpError
	if errors.As(err, &at) {
		err = at.Err
	}
	k := fhir.KindOf(err)
	return err != nil && (k == fhir.Precondition || k == fhir.Conflict)
}

// coded reports whether one of some concepts has a code.
func coded(concepts []r4.CodeableConcept, system, code string) bool {
	for _, c := range concepts {
		for _, g := range c.Coding {
			if g.System == system && g.Code == code {
				return true
			}
		}
	}
	return false
}

func kind(code string) []r4.CodeableConcept {
	return []r4.CodeableConcept{{Coding: []r4.Coding{{System: kindSystem, Code: code}}}}
}
