package booking

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Request is what somebody says when they book.
type Request struct {
	Slot        string
	Mode        Mode     // "" for the first that the Slot has
	Reason      string   // in their own words; "" for none
	Interpreter string   // language of the interpreter they need; "" for none
	Needs       []string // what helps them: codes such as step-free, or words
	Telephone   string   // on which they are called; "" for the one of the record
}

const mostReason = 500 // characters of a reason

func (r *Request) check() error {
	switch {
	case len([]rune(r.Reason)) > mostReason:
		return fhir.Errorf(fhir.Invalid, "the reason is longer than %d letters", mostReason)
	case len([]rune(r.Interpreter)) > 60 || len(r.Needs) > 12 || len([]rune(r.Telephone)) > 30:
		return fhir.Errorf(fhir.Invalid, "what is asked for is longer than it can be")
	}
	return nil
}

// Book books a Slot for a patient, whether or not they hold it: a hold that has ended does not matter while nobody else has the Slot. Of all who want one Slot exactly
// one gets it; the others get ErrTaken. The appointment is pending where the Slot’s own system must confirm it.
func (s *Service) Book(ctx context.Context, who access.Actor, patient string, r Request) (*Appointment, error) {
	if err := s.may(ctx, who, access.Create, patient); err != nil {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	o, _, err := s.bookable(ctx, patient, r.Slot)
	if err != nil {
		return nil, err
	}
	if err := s.clash(ctx, patient, o.Start, o.End, ""); err != nil {
		return nil, err
	}
	a := &r4.Appointment{ID: s.Door.NewID(), Meta: ours(), Identifier: []r4.Identifier{{System: ReferenceSystem, Value: reference()}}, Created: fhir.DateTimeOf(s.now().UTC().Truncate(time.Second))}
	if o.referral != "" {
		a.BasedOn = []r4.Reference{{Reference: o.referral}}
	}
	r.fill(a, o, patient)
	slot, err := turned(o.slot, o.version, "busy")
	if err != nil {
		return nil, err
	}
	made, err := put("Appointment", a.ID, 0, a)
	if err != nil {
		return nil, err
	}
	ops := []record.Op{slot, made}
	if r.Interpreter != "" {
		ops = append(ops, s.interpreter(a, r.Interpreter, patient))
	}
	items := []record.BoxItem{{Kind: "hold", Key: o.Slot}, {Kind: "holder", Key: patient}, s.undoable(a.ID, undo{What: undoBook, Slot: o.Slot})}
	if _, err := s.box().Commit(ctx, acting(who), ops, items...); err != nil {
		if lost(err) {
			return nil, ErrTaken
		}
		return nil, err
	}
	s.given(o.slot, o.version)
	return s.shown(ctx, a)
}

// fill writes into an appointment what a Slot and a request say.
func (r *Request) fill(a *r4.Appointment, o *Offer, patient string) {
	mode := r.Mode
	if !slices.Contains(o.Modes, mode) {
		mode = o.Modes[0]
	}
	minutes := int(o.End.Sub(o.Start).Minutes())
	a.Status, a.Start, a.End, a.MinutesDuration = "booked", o.slot.Start, o.slot.End, &minutes
	if o.Confirm {
		a.Status = "pending"
	}
	a.Extension = []r4.Extension{mode.extension()}
	for _, n := range r.Needs {
		if n = strings.TrimSpace(n); n != "" {
			a.Extension = append(a.Extension, r4.Extension{URL: NeedURL, ValueString: n})
		}
	}
	a.ServiceType, a.Description, a.PatientInstruction, a.Comment = o.slot.ServiceType, o.Name, o.Bring, ""
	a.Slot = []r4.Reference{{Reference: "Slot/" + o.Slot}}
	a.ReasonCode = nil
	if r.Reason != "" {
		a.ReasonCode = []r4.CodeableConcept{{Text: r.Reason}}
	}
	if r.Telephone != "" {
		a.Comment = "Call on " + r.Telephone
	}
	a.Participant = []r4.AppointmentParticipant{{Actor: &r4.Reference{Reference: "Patient/" + patient}, Status: "accepted"}}
	add := func(ref r4.Reference) {
		if ref.Reference != "" || ref.Display != "" || ref.Identifier != nil {
			a.Participant = append(a.Participant, r4.AppointmentParticipant{Actor: &ref, Status: "accepted"})
		}
	}
	c := o.clinic
	add(r4.Reference{Reference: c.practitioner, Display: c.who})
	add(r4.Reference{Reference: c.location, Display: c.place})
	add(r4.Reference{Reference: c.offering})
	if c.ods != "" { // whose staff then look after this patient; R4 lets no Organization take part by reference
		add(r4.Reference{Identifier: &r4.Identifier{System: odsSystem, Value: c.ods}, Display: c.organization.Display})
	}
	if r.Interpreter != "" {
		a.Participant = append(a.Participant, r4.AppointmentParticipant{Type: []r4.CodeableConcept{*interpreterRole(r.Interpreter)}, Required: "required", Status: "needs-action"})
	}
}

const snomed = "http://snomed.info/sct"

const interpreterCode = "105429006"

// interpreterRole is SNOMED CT's "Interpreter" (from memory, to be reviewed) with the language in words.
func interpreterRole(language string) *r4.CodeableConcept {
	return &r4.CodeableConcept{Coding: []r4.Coding{{System: snomed, Code: interpreterCode, Display: "Interpreter"}}, Text: "Interpreter: " + language}
}

// interpreter is the Task to book one, with whoever gives the appointment.
func (s *Service) interpreter(a *r4.Appointment, language, patient string) record.Op {
	start := a.Start.Low()
	within := min(48*time.Hour, start.Sub(s.now()))
	op := s.taskOf(named("interpreter", a.ID), "interpreter", "Book an interpreter", "Book an interpreter for "+language+": "+describe(a), patient, a, within)
	return op
}

// interpreterFor is the language of the interpreter whom an appointment asks for, "" for none.
func interpreterFor(a *r4.Appointment) string {
	for i := range a.Participant {
		p := &a.Participant[i]
		if code, _ := codeIn(p.Type, snomed); p.Actor == nil && code == interpreterCode {
			return strings.TrimPrefix(firstText(p.Type), "Interpreter: ")
		}
	}
	return ""
}

// named is the id of what belongs to an appointment: the same whenever it is asked for, and no longer than an id may be.
func named(what, id string) string {
	if out := what + "-" + id; len(out) <= 64 {
		return out
	}
	sum := sha256.Sum256([]byte(id))
	return what + "-" + hex.EncodeToString(sum[:16])
}

// must is of structs of ours, which can always be JSON.
func must(res *fhir.Resource, err error) *fhir.Resource {
	if err != nil {
		panic("booking: " + err.Error())
	}
	return res
}

// clash refuses what overlaps another appointment of the same person.
func (s *Service) clash(ctx context.Context, patient string, start, end time.Time, but string) error {
	query := "Appointment?patient=Patient/" + patient + "&status=booked,pending&date=ge" + instant(start.Add(-4*time.Hour)) + "&date=lt" + instant(end)
	for m, err := range s.Door.All(ctx, me, query) {
		if err != nil {
			return err
		}
		var a r4.Appointment
		if err := m.Decode(&a); err != nil {
			return err
		}
		if a.ID != but && a.Start.Low().Before(end) && a.End.Clock.Known != 0 && start.Before(a.End.Low()) {
			return ErrClash
		}
	}
	return nil
}

// ErrClash is for whoever has another appointment at the same time.
var ErrClash = fhir.Errorf(fhir.Invalid, "there is another appointment at this time")

// reference is what people read out on the telephone: nothing that can be taken for something else.
func reference() string {
	const letters = "23456789CDFGHJKMNPQRTVWXYZ"
	var b [8]byte
	rand.Read(b[:])
	out := make([]byte, 0, 9)
	for i, x := range b {
		if i == 4 {
			out = append(out, '-')
		}
		out = append(out, letters[int(x)%len(letters)])
	}
	return string(out)
}

// Change moves an appointment to another Slot. The old time is kept for ten minutes, so that this can be undone. effect is the Key of the effect that was agreed to.
func (s *Service) Change(ctx context.Context, who access.Actor, patient, id, effect string, r Request) (*Appointment, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	a, version, err := s.standing(ctx, who, patient, id, effect)
	if err != nil {
		return nil, err
	}
	if fromElsewhere(a.Meta) {
		return nil, fhir.Errorf(fhir.Unsupported, "Appointment/%s is kept by another system: ask it for another time", id)
	}
	o, _, err := s.bookable(ctx, patient, r.Slot)
	if err != nil {
		return nil, err
	}
	if err := s.clash(ctx, patient, o.Start, o.End, id); err != nil {
		return nil, err
	}
	left, leave, err := s.leaves(ctx, a, patient)
	if err != nil {
		return nil, err
	}
	was := r4.Encode(a)
	r.fill(a, o, patient)
	slot, err := turned(o.slot, o.version, "busy")
	if err != nil {
		return nil, err
	}
	moved, err := put("Appointment", id, version, a)
	if err != nil {
		return nil, err
	}
	ops := append([]record.Op{slot, moved}, left...)
	if r.Interpreter != "" {
		ops = append(ops, s.interpreter(a, r.Interpreter, patient))
	}
	items := append([]record.BoxItem{{Kind: "hold", Key: o.Slot}, {Kind: "holder", Key: patient}, s.undoable(id, undo{What: undoChange, Was: was, Slot: o.Slot})}, leave...)
	if _, err := s.box().Commit(ctx, acting(who), ops, items...); err != nil {
		if lost(err) {
			return nil, ErrTaken
		}
		return nil, err
	}
	s.given(o.slot, o.version)
	return s.shown(ctx, a)
}

// standing is an appointment that has not begun, of which somebody agreed to leave it with this effect.
func (s *Service) standing(ctx context.Context, who access.Actor, patient, id, effect string) (*r4.Appointment, int64, error) {
	a, version, err := s.mine(ctx, who, access.Update, patient, id)
	if err != nil {
		return nil, 0, err
	}
	switch {
	case a.Status != "booked" && a.Status != "pending" && a.Status != "proposed" && a.Status != "waitlist":
		return nil, 0, fhir.Errorf(fhir.Conflict, "this appointment is %s: it can no longer be changed", a.Status)
	case a.Start.Year != 0 && !a.Start.Low().After(s.now()):
		return nil, 0, fhir.Errorf(fhir.Conflict, "this appointment has begun: it can no longer be changed")
	}
	now, err := s.effect(ctx, a)
	if err == nil && now.Key() != effect {
		err = ErrEffect
	}
	return a, version, err
}

// ErrEffect is for whoever agreed to something that is no longer so, such as a day before that became less than a day before.
var ErrEffect = fhir.Errorf(fhir.Conflict, "what this leads to has changed since it was said: read it again")

// leaves keeps the Slots of an appointment that is left, so that leaving can be undone: afterwards they are free.
func (s *Service) leaves(ctx context.Context, a *r4.Appointment, patient string) (ops []record.Op, items []record.BoxItem, err error) {
	for i := range a.Slot {
		id := idOf(&a.Slot[i], "Slot")
		if id == "" {
			continue
		}
		slot := new(r4.Slot)
		stored, err := s.get(ctx, "Slot", id, slot)
		if absent(err) {
			continue // it was taken away: there is nothing to free
		}
		if err != nil {
			return nil, nil, err
		}
		if slot.Status != "busy" {
			continue
		}
		op, err := turned(slot, stored.Version, "busy-tentative")
		if err != nil {
			return nil, nil, err
		}
		ops = append(ops, op)
		items = append(items, record.JSONItem("hold", id, hold{Patient: patient, Until: s.now().Add(UndoFor), Appointment: a.ID}))
	}
	return ops, items, nil
}

// Why somebody cancels, by HL7's codes.
var Why = []string{"pat-fb", "pat-cpp", "pat-mt", "pat-lt", "pat-dec", "pat-oth"}

// Cancel cancels an appointment of ours, or passes on the wish where another system keeps it. effect is the Key of the effect that was agreed to, why a code of Why or "".
func (s *Service) Cancel(ctx context.Context, who access.Actor, patient, id, effect, why string) (*Appointment, error) {
	a, version, err := s.standing(ctx, who, patient, id, effect)
	if err != nil {
		return nil, err
	}
	if why == "" {
		why = "pat"
	}
	if fromElsewhere(a.Meta) {
		if err := s.ask(ctx, who, patient, a, "declined", "", why); err != nil {
			return nil, err
		}
		return s.shown(ctx, a)
	}
	e, err := s.effect(ctx, a)
	if err != nil {
		return nil, err
	}
	ops, items, err := s.leaves(ctx, a, patient)
	if err != nil {
		return nil, err
	}
	was := r4.Encode(a)
	a.Status, a.CancelationReason = "cancelled", &r4.CodeableConcept{Coding: []r4.Coding{{System: cancelSystem, Code: why}}}
	op, err := put("Appointment", id, version, a)
	if err != nil {
		return nil, err
	}
	dropped, err := s.dropped(ctx, named("interpreter", id))
	if err != nil {
		return nil, err
	}
	ops = append(append(ops, op), dropped...)
	if e.Waiting { // they stay on the list, and somebody sees to it
		ops = append(ops, s.taskOf(named("rebook", a.ID), "rebook", "Offer another appointment", "Cancelled by the patient, who still waits: offer another appointment. "+describe(a), patient, a, 7*24*time.Hour))
	}
	items = append(items, s.undoable(id, undo{What: undoCancel, Was: was}))
	if _, err := s.box().Commit(ctx, acting(who), ops, items...); err != nil {
		return nil, err
	}
	return s.shown(ctx, a)
}

// taskOf is a Task about an appointment, for whoever gives it.
func (s *Service) taskOf(id, code, title, words, patient string, a *r4.Appointment, within time.Duration) record.Op {
	now := fhir.DateTimeOf(s.now().UTC().Truncate(time.Second))
	t := &r4.Task{ID: id, Status: "requested", Intent: "order", Priority: priority(within), Code: task(code, title), AuthoredOn: now, LastModified: now, Description: words,
		For: &r4.Reference{Reference: "Patient/" + patient}, Focus: &r4.Reference{Reference: "Appointment/" + a.ID}, Owner: giverOf(a),
		Restriction: &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(s.now().Add(within).UTC().Truncate(time.Second))}}}
	return record.Op{Method: record.Update, Type: "Task", ID: id, Resource: must(r4.Resource(t))}
}

func priority(within time.Duration) string {
	if within < 48*time.Hour {
		return "urgent"
	}
	return "routine"
}

// giverOf is whose an appointment is: the organisation that takes part, else whoever is named.
func giverOf(a *r4.Appointment) *r4.Reference {
	for _, p := range a.Participant {
		if p.Actor != nil && p.Actor.Identifier != nil && p.Actor.Identifier.System == odsSystem {
			return p.Actor
		}
	}
	return &r4.Reference{Display: "Appointments"}
}

func describe(a *r4.Appointment) string {
	out := a.Description
	if out == "" {
		out = firstText(a.ServiceType)
	}
	if a.Start.Year != 0 {
		out += ", " + whenText(a.Start.Low())
	}
	return out + "."
}
