package plan

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// At is how far an order has come.
type At string

// The steps of an order.
const (
	Asked     At = "asked"
	LookedAt  At = "looked-at"
	Sent      At = "sent"
	Ready     At = "ready"
	Collected At = "collected"
	Refused   At = "refused"
)

// along are the steps of what goes well.
var along = []At{Asked, LookedAt, Sent, Ready, Collected}

// Step is one step, with when it was reached; zero where it was not, or nobody said when.
type Step struct {
	At      At
	When    time.Time
	Reached bool
}

// Item is one medicine of an order.
type Item struct {
	ID, Name string // of the order's MedicationRequest
	Repeat   string
	Dose     string
	State    At
	When     time.Time // when it came there, zero where nobody said
	Why      string    // why it was refused
	Look     []string  // why somebody looks at it first
	Issued   time.Time // when the practice's own system issued it, zero where it has not said so
}

// items reads the medicines of an order and what became of each; nothing for those who may see no medicines.
func (s *Service) items(ctx context.Context, who access.Actor, t *r4.Task, o *Order) error {
	if d, err := s.Door.Decide(ctx, who, access.Read, "MedicationRequest", o.Patient); err != nil || !d.Permit {
		return err
	}
	var dispensed []r4.MedicationDispense
	var issues []r4.MedicationRequest
	if t.Status != "requested" {
		for m, err := range s.Door.All(ctx, who, "MedicationDispense?patient="+url.QueryEscape(o.Patient)) {
			if err != nil {
				return err
			}
			var d r4.MedicationDispense
			if err := m.Decode(&d); err != nil {
				return err
			}
			dispensed = append(dispensed, d)
		}
	}
	for m, err := range s.Door.All(ctx, who, "MedicationRequest?intent=order&patient="+url.QueryEscape(o.Patient)+"&authoredon=ge"+since(o.At).Format(time.DateOnly)) {
		if err != nil {
			return err
		}
		var x r4.MedicationRequest
		if err := m.Decode(&x); err != nil {
			return err
		}
		issues = append(issues, x)
	}
	for _, b := range t.BasedOn {
		ref := fhir.ParseReference(b.Reference)
		if ref.Type != "MedicationRequest" {
			continue
		}
		m, err := s.Door.Get(ctx, who, ref.Type, ref.ID)
		if absent(err) {
			continue // hidden from whoever asks
		}
		if err != nil {
			return err
		}
		var x r4.MedicationRequest
		if err := m.Decode(&x); err != nil {
			return err
		}
		if err := s.medicine(ctx, who, &x); err != nil {
			return err
		}
		o.Items = append(o.Items, itemOf(&x, t, dispensed, issues))
	}
	return nil
}

// itemOf says how far one medicine has come.
func itemOf(x *r4.MedicationRequest, t *r4.Task, dispensed []r4.MedicationDispense, issues []r4.MedicationRequest) Item {
	it := Item{ID: x.ID, Name: textOf(x.MedicationCodeableConcept), State: Asked, When: x.AuthoredOn.Low()}
	for _, in := range t.Input {
		if why, ask := strings.CutPrefix(textOf(in.Type), inAsk); ask && in.ValueReference != nil && in.ValueReference.Reference == "MedicationRequest/"+x.ID {
			it.Look = append(it.Look, why)
		}
	}
	if len(x.BasedOn) > 0 {
		it.Repeat = strings.TrimPrefix(x.BasedOn[0].Reference, "MedicationRequest/")
	}
	if len(x.DosageInstruction) > 0 {
		it.Dose = x.DosageInstruction[0].Text
	}
	for i := range issues {
		if it.Repeat != "" && basedOn(issues[i].BasedOn, it.Repeat) && issues[i].AuthoredOn.Year != 0 {
			it.Issued = issues[i].AuthoredOn.Low()
		}
	}
	switch {
	case x.Status == "cancelled" || x.Status == "stopped":
		it.State, it.When, it.Why = Refused, t.LastModified.Low(), textOf(x.StatusReason)
		return it
	case x.Status == "active" || x.Status == "completed":
		it.State, it.When = Sent, t.LastModified.Low()
	case !it.Issued.IsZero(): // the practice's own system was quicker than anybody who looked here
		it.State, it.When = Sent, it.Issued
	case t.Status != "requested":
		it.State, it.When = LookedAt, t.LastModified.Low()
	}
	for i := range dispensed {
		d := &dispensed[i]
		if !given(d, x) {
			continue
		}
		switch {
		case d.WhenHandedOver.Year != 0 || d.Status == "completed":
			it.State, it.When = Collected, time.Time{}
			if d.WhenHandedOver.Year != 0 {
				it.When = d.WhenHandedOver.Low()
			}
			return it
		case d.WhenPrepared.Year != 0:
			it.State, it.When = Ready, d.WhenPrepared.Low()
		}
	}
	return it
}

// given reports whether what a pharmacy gave out was of an order: it says so, or it is the same medicine, handed over or made ready since.
func given(d *r4.MedicationDispense, x *r4.MedicationRequest) bool {
	if d.Status == "cancelled" || d.Status == "entered-in-error" || d.Status == "stopped" || d.Status == "declined" {
		return false
	}
	for _, a := range d.AuthorizingPrescription {
		if a.Reference == "MedicationRequest/"+x.ID {
			return true
		}
	}
	if d.MedicationCodeableConcept == nil || x.MedicationCodeableConcept == nil {
		return false
	}
	at := d.WhenHandedOver
	if at.Year == 0 {
		at = d.WhenPrepared
	}
	if at.Year == 0 || at.Low().Before(x.AuthoredOn.Low()) {
		return false
	}
	codes := codesOf(x.MedicationCodeableConcept)
	return slices.ContainsFunc(codesOf(d.MedicationCodeableConcept), func(c string) bool { return slices.Contains(codes, c) })
}

// track makes the steps of an order: as far as the medicine that has come least far, those refused aside.
func (o *Order) track(t *r4.Task) {
	least, any := len(along)-1, false
	when := map[At]time.Time{Asked: o.At}
	for _, it := range o.Items {
		if it.State == Refused {
			continue
		}
		any = true
		least = min(least, slices.Index(along, it.State))
		if it.When.After(when[it.State]) {
			when[it.State] = it.When
		}
	}
	if t.Status == "completed" && when[Sent].IsZero() {
		when[Sent] = t.LastModified.Low()
	}
	if !any {
		o.Steps = []Step{{Asked, o.At, true}, {Refused, t.LastModified.Low(), len(o.Items) > 0}}
		return
	}
	for i, at := range along {
		step := Step{At: at, Reached: i <= least}
		if step.Reached {
			step.When = when[at]
		}
		o.Steps = append(o.Steps, step)
	}
}

// Open reports whether the practice has not said yet what becomes of an order.
func (o *Order) Open() bool { return open(o.State) }

func open(state string) bool { return slices.Contains(strings.Split(openStates, ","), state) }
