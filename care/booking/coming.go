package booking

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
)

// Appointment is one as people read it.
type Appointment struct {
	ID         string
	Version    int64
	Reference  string // to read out on the telephone; "" for those of other systems
	Status     string // R4's: booked, pending, cancelled, fulfilled, noshow, …
	Start, End time.Time
	Timed      bool // it has a time; one on a list has none
	What       string
	Need       string // code of what was booked, "" for those of other systems
	With       string
	Place      string
	Address    []string
	Telephone  string
	Mode       Mode
	Reason     string
	Comment    string
	Bring      string
	Needs      []string
	Language   string    // of the interpreter who was asked for
	Elsewhere  bool      // another system keeps it
	Refused    bool      // its Slot's own system said no
	Asked      string    // what was asked of that system: declined or tentative; "" for nothing
	Until      time.Time // until when the last thing done can be undone; zero for not
	Did        string    // what that was: book, change, cancel or ask
}

// Coming reports whether it is still to come.
func (a *Appointment) Coming(now time.Time) bool {
	switch a.Status {
	case "booked", "pending", "arrived", "checked-in":
		return a.Timed && a.End.After(now)
	case "proposed", "waitlist":
		return !a.Timed || a.Start.After(now)
	}
	return false
}

// Standing reports whether it can still be changed or cancelled.
func (a *Appointment) Standing(now time.Time) bool {
	return (a.Status == "booked" || a.Status == "pending") && a.Timed && a.Start.After(now)
}

// Late reports whether leaving it now would be late.
func (a *Appointment) Late(now time.Time) bool { return a.Start.Sub(now) < LateUnder }

// listed is how many appointments of the past are shown.
const listed = 50

// Appointments are a patient's, from all organisations: those to come, the soonest first, and those that are over or cancelled, the latest first.
func (s *Service) Appointments(ctx context.Context, who access.Actor, patient string) (coming, past []*Appointment, err error) {
	if err := s.may(ctx, who, access.Read, patient); err != nil {
		return nil, nil, err
	}
	asked, err := s.asked(ctx, who, patient)
	if err != nil {
		return nil, nil, err
	}
	n := 0
	for m, err := range s.Door.All(ctx, who, "Appointment?patient=Patient/"+patient+"&_sort=-date&_count=200") {
		if err != nil {
			return nil, nil, err
		}
		a := new(r4.Appointment)
		if err := m.Decode(a); err != nil {
			return nil, nil, err
		}
		if a.Status == "entered-in-error" {
			continue
		}
		one := s.says(a, m.Version)
		one.Asked = asked[a.ID]
		if one.Coming(s.now()) {
			coming = append(coming, one)
		} else if n++; n <= listed {
			past = append(past, one)
		}
	}
	slices.SortStableFunc(coming, func(a, b *Appointment) int {
		if a.Timed != b.Timed { // those without a time stand last
			return map[bool]int{true: -1, false: 1}[a.Timed]
		}
		return cmp.Or(a.Start.Compare(b.Start), strings.Compare(a.ID, b.ID))
	})
	return coming, past, nil
}

// Appointment is one of a patient's, with where it is and what can be undone.
func (s *Service) Appointment(ctx context.Context, who access.Actor, patient, id string) (*Appointment, error) {
	a, version, err := s.mine(ctx, who, access.Read, patient, id)
	if err != nil {
		return nil, err
	}
	asked, err := s.asked(ctx, who, patient)
	if err != nil {
		return nil, err
	}
	one, err := s.shown(ctx, a)
	if err != nil {
		return nil, err
	}
	one.Version, one.Asked = version, asked[id]
	return one, nil
}

// shown is an appointment with where it is and what can be undone.
func (s *Service) shown(ctx context.Context, a *r4.Appointment) (*Appointment, error) {
	one := s.says(a, 0)
	c := new(clinic)
	for i := range a.Participant {
		p := &a.Participant[i]
		switch {
		case idOf(p.Actor, "Location") != "":
			c.location, c.place = p.Actor.Reference, p.Actor.Display
			if err := s.locate(ctx, c); err != nil {
				return nil, err
			}
		}
	}
	if c.place != "" {
		one.Place, one.Address, one.Telephone = c.place, c.address, c.telephone
	}
	u, err := s.undoOf(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	if u != nil {
		one.Until, one.Did = u.Until, u.What
	}
	return one, nil
}

// says takes from an Appointment what people read.
func (s *Service) says(a *r4.Appointment, version int64) *Appointment {
	one := &Appointment{ID: a.ID, Version: version, Status: a.Status, What: a.Description, Comment: a.Comment, Bring: a.PatientInstruction, Elsewhere: fromElsewhere(a.Meta), Language: interpreterFor(a), Reason: firstText(a.ReasonCode)}
	if a.Start.Year != 0 {
		one.Timed, one.Start, one.End = true, a.Start.Low(), a.End.Low()
		if a.End.Year == 0 {
			one.End = one.Start
		}
	}
	var name string
	if one.Need, name = codeIn(a.ServiceType, ServiceSystem); one.What == "" {
		one.What = name
	}
	if one.What == "" {
		one.What = cmp.Or(firstText(a.ServiceType), "Appointment")
	}
	for _, i := range a.Identifier {
		if i.System == ReferenceSystem {
			one.Reference = i.Value
		}
	}
	one.Refused = wasRefused(a)
	one.Mode = modesOf(a.Extension)[0]
	for _, e := range a.Extension {
		if e.URL == NeedURL {
			one.Needs = append(one.Needs, e.ValueString)
		}
	}
	for _, p := range a.Participant {
		switch {
		case p.Actor == nil:
		case idOf(p.Actor, "Patient") != "":
		case idOf(p.Actor, "Location") != "":
			one.Place = p.Actor.Display
		case idOf(p.Actor, "HealthcareService") != "":
		case p.Actor.Identifier != nil && p.Actor.Identifier.System == odsSystem:
			if one.Place == "" {
				one.Place = p.Actor.Display
			}
		case one.With == "":
			one.With = p.Actor.Display
		}
	}
	return one
}

// wasRefused reports whether the system of an appointment's Slot said no.
func wasRefused(a *r4.Appointment) bool {
	code, _ := codeIn(concepts(a.CancelationReason), TagSystem)
	return a.Status == "cancelled" && code == Refused
}

// whenText is a moment by London's clock, in the words of staff's Tasks.
func whenText(t time.Time) string { return t.In(london.Zone).Format("Monday 2 January 2006 at 15:04") }

// asked are, by Appointment, what a patient has asked of the system that keeps it.
func (s *Service) asked(ctx context.Context, who access.Actor, patient string) (map[string]string, error) {
	out := map[string]string{}
	for m, err := range s.Door.All(ctx, who, "AppointmentResponse?patient=Patient/"+patient) {
		if err != nil {
			return nil, err
		}
		var r r4.AppointmentResponse
		if err := m.Decode(&r); err != nil {
			return nil, err
		}
		if r.ParticipantStatus == "declined" || r.ParticipantStatus == "tentative" {
			out[idOf(r.Appointment, "Appointment")] = r.ParticipantStatus
		}
	}
	return out, nil
}

// Ask passes on the wish for another time of an appointment that another system keeps, in the patient's words.
func (s *Service) Ask(ctx context.Context, who access.Actor, patient, id, effect, words string) (*Appointment, error) {
	a, _, err := s.standing(ctx, who, patient, id, effect)
	if err != nil {
		return nil, err
	}
	if !fromElsewhere(a.Meta) {
		return nil, fhir.Errorf(fhir.Unsupported, "Appointment/%s is kept here: choose another time", id)
	}
	if len([]rune(words)) > mostReason {
		return nil, fhir.Errorf(fhir.Invalid, "what is asked for is longer than %d letters", mostReason)
	}
	if err := s.ask(ctx, who, patient, a, "tentative", words, ""); err != nil {
		return nil, err
	}
	return s.shown(ctx, a)
}
