package booking

import (
	"context"
	"fmt"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// Effect is what leaving an appointment leads to. Pages say it before anything is done; whoever agrees sends its Key back, so that nobody agrees to one thing
// and gets another.
type Effect struct {
	Late     bool      // less than 24 hours before: the time can hardly be given to anybody else
	Wish     bool      // the appointment is in another system: the wish is passed on, and it stands until that system says otherwise
	Waiting  bool      // it is based on a referral: the patient stays on the list
	First    bool      // it is the first appointment of that referral
	Since    time.Time // since when the wait counts; zero where there is none
	Before   int       // how often the patient has cancelled on this referral before
	Referral string    // ServiceRequest/ID
	Undo     bool      // it can be taken back for ten minutes
}

// Key names an effect.
func (e Effect) Key() string {
	return fmt.Sprintf("late=%t,wish=%t,waiting=%t,first=%t,before=%d", e.Late, e.Wish, e.Waiting, e.First, e.Before)
}

// facts are what an effect follows from.
type facts struct {
	start     time.Time
	elsewhere bool
	referral  *r4.ServiceRequest // active; nil for none
	others    []*r4.Appointment  // of that referral, besides this one
}

// effectOf says what leaving an appointment leads to. A cancellation by the patient never stops the clock of a wait: that takes a decision of a clinician
// (NHS England, Referral to treatment consultant-led waiting times: rules suite).
func effectOf(f facts, now time.Time) Effect {
	e := Effect{Late: f.start.Sub(now) < LateUnder, Wish: f.elsewhere, Undo: true}
	if f.referral == nil {
		return e
	}
	e.Waiting, e.First, e.Since, e.Referral = true, true, f.referral.AuthoredOn.Low(), "ServiceRequest/"+f.referral.ID
	for _, a := range f.others {
		switch a.Status {
		case "fulfilled", "arrived", "checked-in":
			e.First = false
		case "cancelled":
			if code, _ := codeIn(concepts(a.CancelationReason), cancelSystem); code != "" {
				e.Before++
			}
		}
	}
	return e
}

func concepts(c *r4.CodeableConcept) []r4.CodeableConcept {
	if c == nil {
		return nil
	}
	return []r4.CodeableConcept{*c}
}

// cancelSystem is of reasons for which a patient cancels.
const cancelSystem = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"

// Effect is what would come of cancelling or moving an appointment now.
func (s *Service) Effect(ctx context.Context, who access.Actor, patient, id string) (Effect, error) {
	a, _, err := s.mine(ctx, who, access.Update, patient, id)
	if err != nil {
		return Effect{}, err
	}
	return s.effect(ctx, a)
}

func (s *Service) effect(ctx context.Context, a *r4.Appointment) (Effect, error) {
	f := facts{start: a.Start.Low(), elsewhere: fromElsewhere(a.Meta)}
	for i := range a.BasedOn {
		id := idOf(&a.BasedOn[i], "ServiceRequest")
		if id == "" || f.referral != nil {
			continue
		}
		var r r4.ServiceRequest
		if _, err := s.get(ctx, "ServiceRequest", id, &r); err != nil {
			if absent(err) {
				continue
			}
			return Effect{}, err
		}
		if r.Status != "active" || !isWait(&r) {
			continue
		}
		f.referral = &r
		for m, err := range s.Door.All(ctx, me, "Appointment?based-on=ServiceRequest/"+id) {
			if err != nil {
				return Effect{}, err
			}
			other := new(r4.Appointment)
			if err := m.Decode(other); err != nil {
				return Effect{}, err
			}
			if other.ID != a.ID {
				f.others = append(f.others, other)
			}
		}
	}
	return effectOf(f, s.now()), nil
}

// mine is an appointment of a patient that somebody may do something with.
func (s *Service) mine(ctx context.Context, who access.Actor, action access.Action, patient, id string) (*r4.Appointment, int64, error) {
	if err := s.may(ctx, who, action, patient); err != nil {
		return nil, 0, err
	}
	stored, err := s.Door.Get(ctx, who, "Appointment", id) // as whoever asks: who may not see it learns nothing
	if err != nil {
		return nil, 0, err
	}
	a := new(r4.Appointment)
	if err := stored.Decode(a); err != nil {
		return nil, 0, err
	}
	group, err := s.Door.Person(ctx, patient)
	if err != nil {
		return nil, 0, err
	}
	for _, p := range a.Participant {
		for _, one := range group {
			if idOf(p.Actor, "Patient") == one {
				return a, stored.Version, nil
			}
		}
	}
	return nil, 0, fhir.Errorf(fhir.NotFound, "Appointment/%s is somebody else’s", id)
}
