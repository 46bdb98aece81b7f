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

// items reads the medicines of orders and what became of each, and from these how far each order has come; no medicines for those who may see none. All are asked for at
// once, so that a long queue takes not much longer than a short one.
func (s *Service) items(ctx context.Context, who access.Actor, tasks []r4.Task, orders []Order) error {
	may := map[string]bool{}      // whose medicines are seen
	var from time.Time            // when the first of these orders was made
	var patients, looked []string // whose they are, and of whom something may have been given out
	var wanted []string           // the medicines
	for i := range orders {
		o := &orders[i]
		if _, known := may[o.Patient]; !known {
			d, err := s.Door.Decide(ctx, who, access.Read, "MedicationRequest", o.Patient)
			if err != nil {
				return err
			}
			if may[o.Patient] = d.Permit; d.Permit {
				patients = append(patients, o.Patient)
			}
		}
		if !may[o.Patient] {
			continue
		}
		if from.IsZero() || o.At.Before(from) {
			from = o.At
		}
		if o.State != "requested" && !slices.Contains(looked, o.Patient) {
			looked = append(looked, o.Patient)
		}
		for _, b := range tasks[i].BasedOn {
			if ref := fhir.ParseReference(b.Reference); ref.Type == "MedicationRequest" {
				wanted = append(wanted, ref.ID)
			}
		}
	}
	requests, err := s.requests(ctx, who, wanted)
	if err != nil {
		return err
	}
	issues, err := s.issues(ctx, who, patients, from)
	if err != nil {
		return err
	}
	dispensed, err := s.dispensed(ctx, who, looked)
	if err != nil {
		return err
	}
	for i := range orders {
		o, t := &orders[i], &tasks[i]
		for _, b := range t.BasedOn {
			if x := requests[b.Reference]; x != nil && may[o.Patient] { // what is not there is hidden from whoever asks
				o.Items = append(o.Items, itemOf(x, t, dispensed[o.Patient], issues))
			}
		}
		o.track(t)
	}
	return nil
}

// manyIDs is how many ids or patients one search names.
const manyIDs = 100

// listed reads what a search finds of many ids.
func listed[T any](ctx context.Context, s *Service, who access.Actor, query string, ids []string, each func(*T) error) error {
	for some := range slices.Chunk(ids, manyIDs) {
		for m, err := range s.Door.All(ctx, who, query+url.QueryEscape(strings.Join(some, ","))) {
			if err != nil {
				return err
			}
			x := new(T)
			if err := m.Decode(x); err != nil {
				return err
			}
			if err := each(x); err != nil {
				return err
			}
		}
	}
	return nil
}

// requests are MedicationRequests by their references, each with its medicine.
func (s *Service) requests(ctx context.Context, who access.Actor, ids []string) (map[string]*r4.MedicationRequest, error) {
	out := map[string]*r4.MedicationRequest{}
	return out, listed(ctx, s, who, "MedicationRequest?_id=", ids, func(x *r4.MedicationRequest) error {
		out["MedicationRequest/"+x.ID] = x
		return s.medicine(ctx, who, x)
	})
}

// issues are the prescriptions that practices' own systems issued for people since a moment.
func (s *Service) issues(ctx context.Context, who access.Actor, patients []string, from time.Time) (out []r4.MedicationRequest, err error) {
	err = listed(ctx, s, who, "MedicationRequest?intent=order&authoredon=ge"+since(from).Format(time.DateOnly)+"&patient=", patients, func(x *r4.MedicationRequest) error {
		if len(x.BasedOn) > 0 {
			out = append(out, *x)
		}
		return nil
	})
	return out, err
}

// dispensed is what pharmacies gave out, by whom of these people it was for.
func (s *Service) dispensed(ctx context.Context, who access.Actor, patients []string) (map[string][]r4.MedicationDispense, error) {
	var seen []string // of whom whoever asks may see it
	for _, patient := range patients {
		d, err := s.Door.Decide(ctx, who, access.Read, "MedicationDispense", patient)
		if err != nil {
			return nil, err
		}
		if d.Permit {
			seen = append(seen, patient)
		}
	}
	patients = seen
	by := map[string][]r4.MedicationDispense{} // by the Patient in whose record it is
	err := listed(ctx, s, who, "MedicationDispense?patient=", patients, func(d *r4.MedicationDispense) error {
		by[patientOf(d.Subject)] = append(by[patientOf(d.Subject)], *d)
		return nil
	})
	if err != nil || len(by) == 0 {
		return nil, err
	}
	out := map[string][]r4.MedicationDispense{}
	for _, patient := range patients {
		group, err := s.Door.Person(ctx, patient)
		if err != nil {
			return nil, err
		}
		for _, id := range group {
			out[patient] = append(out[patient], by[id]...)
		}
	}
	return out, nil
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
		at := issues[i].AuthoredOn
		if it.Repeat != "" && basedOn(issues[i].BasedOn, it.Repeat) && at.Year != 0 && !at.Low().Before(since(t.AuthoredOn.Low())) {
			it.Issued = at.Low()
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
