// Package booking lets people find, hold, book, change and cancel appointments, and says how long a wait is.
//
// What can be booked stands in the record as HealthcareService, Schedule and Slot: our own clinics make theirs from a file of sessions (sessions.go, open.go),
// other systems bring theirs through package connect. Find looks for free Slots by need, place, time, way and language (find.go). A Slot is held while a form is
// filled in and the hold ends by itself (hold.go). Booking changes the Slot and makes the Appointment in one commit that asks for the Slot's version, so that of
// any number of people who want one Slot exactly one gets it (book.go). What a change or a cancellation leads to is said before it is done (effect.go) and can be
// taken back for ten minutes (undo.go).
//
// Appointments of other systems are shown like our own. To cancel or move one is a wish that is passed on: an AppointmentResponse and a Task (ask.go). A Slot
// whose own system must say yes is booked as pending, and that system's door in connect makes it booked.
//
// watch.go follows Appointments: reminders are CommunicationRequests, and a Slot whose Appointment was cancelled in another way is free again. waits.go reckons
// how long people wait, waiting.go reads it from referrals, and still.go asks those who wait whether they still need it: nobody is taken off a list by this package.
package booking

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Service books for one place. Door must be set.
type Service struct {
	Door     *record.Door
	Sessions *Sessions        // of our own clinics; nil for none
	Now      func() time.Time // nil for the clock
	Log      *slog.Logger     // nil for the default
	Every    time.Duration    // how often holds that are over are ended; 0 for 5 seconds
	Validate bool             // ask people who wait, every twelve weeks, whether they still need it

	mu      sync.Mutex
	clinics map[string]*clinic   // by id of the Schedule
	offered []*clinic            // of the HealthcareServices
	read    time.Time            // when both were read
	waits   map[string]*waits    // by code of the referral
	days    map[string]*freeDay  // by FoundBy
	gone    map[string]givenAway // Slots that this process gave away lately, by id
	reading sync.Mutex           // held while days are read
}

// How long things last.
const (
	HoldFor   = 10 * time.Minute // a Slot while a form is filled in
	UndoFor   = 10 * time.Minute // taking back what was done
	LateUnder = 24 * time.Hour   // a change so soon before is late: the time can hardly be given to somebody else
	farthest  = 12 * 7 * 24 * time.Hour
)

// Names of what is ours.
const (
	Source          = "urn:kith:booking"                              // meta.source of what this package makes
	ServiceSystem   = "https://kith.care/fhir/CodeSystem/bookable"    // what can be booked: gp, blood-test, …
	ForSystem       = "https://kith.care/fhir/CodeSystem/bookable-by" // HealthcareService.eligibility: registered, referred, anyone
	TagSystem       = "https://kith.care/fhir/CodeSystem/booking"     // meta.tag of Slots
	FreeSystem      = "https://kith.care/fhir/slots-free"             // Slot.identifier of a free Slot: SERVICE.ORGANISATION.DAY, by which those of a day are found
	TakenSystem     = "https://kith.care/fhir/slots-taken"            // the same of one that is not free
	Refused         = "refused"                                       // TagSystem, in Appointment.cancelationReason: the Slot's own system said no
	TagConfirm      = "confirm"                                       // a Slot that can be booked here and that its own system must confirm
	ReferenceSystem = "https://kith.care/fhir/booking-reference"      // Appointment.identifier: what people read out on the telephone
	NeedURL         = "https://kith.care/fhir/StructureDefinition/access-need"
	ChannelURL      = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-DeliveryChannel"
	channelSystem   = "https://fhir.hl7.org.uk/CodeSystem/UKCore-DeliveryChannel"
	odsSystem       = "https://fhir.nhs.uk/Id/ods-organization-code"
	intakeSource    = "urn:kith:intake:" // meta.source of what other systems said
	taskSystem      = "urn:kith:task"
	categorySystem  = "https://kith.care/fhir/CodeSystem/message-category"
)

// Mode is how somebody is seen.
type Mode string

// The modes.
const (
	InPerson  Mode = "in-person"
	Telephone Mode = "telephone"
	Video     Mode = "video"
)

// Modes are all of them, in the order in which pages list them.
var Modes = []Mode{InPerson, Telephone, Video}

var me = access.Actor{ID: "kith/booking", Name: "Kith, booking", Role: access.Kith, Purpose: "TREAT"}

// acting is this package at work for somebody: Slots are nobody's to change but ours, and the audit names whoever asked.
func acting(who access.Actor) access.Actor {
	if who.ID == "" {
		return me
	}
	return access.Actor{ID: who.ID, Name: who.Name, Role: access.Kith, Organization: who.Organization, Purpose: who.Purpose, From: who.From, Helper: who.Helper}
}

// may asks whether somebody may do something with appointments of a patient.
func (s *Service) may(ctx context.Context, who access.Actor, action access.Action, patient string) error {
	d, err := s.Door.Decide(ctx, who, action, "Appointment", patient)
	if err == nil && !d.Permit {
		err = fhir.Errorf(fhir.Forbidden, "%s", d.Sentence())
	}
	return err
}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func (s *Service) logger() *slog.Logger {
	if s.Log != nil {
		return s.Log
	}
	return slog.Default()
}

func (s *Service) box() record.Box { return s.Door.Box("booking") }

// get reads a resource as this package.
func (s *Service) get(ctx context.Context, typ, id string, into any) (*record.Stored, error) {
	m, err := s.Door.Get(ctx, me, typ, id)
	if err != nil {
		return nil, err
	}
	return m, m.Decode(into)
}

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

// fromElsewhere reports whether another system keeps something: what it says there counts, and here is a copy.
func fromElsewhere(meta *r4.Meta) bool {
	return meta != nil && strings.HasPrefix(meta.Source, intakeSource)
}

func tagged(meta *r4.Meta, code string) bool {
	if meta == nil {
		return false
	}
	for _, t := range meta.Tag {
		if t.System == TagSystem && t.Code == code {
			return true
		}
	}
	return false
}

func ours() *r4.Meta { return &r4.Meta{Source: Source} }

// idOf is the id in a reference to a resource of a type, "" where it is to something else.
func idOf(ref *r4.Reference, typ string) string {
	if ref == nil {
		return ""
	}
	if r := fhir.ParseReference(ref.Reference); r.Type == typ {
		return r.ID
	}
	return ""
}

func codeIn(list []r4.CodeableConcept, system string) (code, display string) {
	for _, c := range list {
		for _, k := range c.Coding {
			if k.System == system {
				if k.Display == "" {
					return k.Code, c.Text
				}
				return k.Code, k.Display
			}
		}
	}
	return "", ""
}

// textOf is a concept in words.
func textOf(c *r4.CodeableConcept) string {
	switch {
	case c == nil:
		return ""
	case c.Text != "":
		return c.Text
	case len(c.Coding) > 0 && c.Coding[0].Display != "":
		return c.Coding[0].Display
	case len(c.Coding) > 0:
		return c.Coding[0].Code
	}
	return ""
}

func firstText(list []r4.CodeableConcept) string {
	for i := range list {
		if t := textOf(&list[i]); t != "" {
			return t
		}
	}
	return ""
}

func task(code, title string) *r4.CodeableConcept {
	return &r4.CodeableConcept{Coding: []r4.Coding{{System: taskSystem, Code: code}}, Text: title}
}
