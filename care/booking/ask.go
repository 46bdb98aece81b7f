package booking

import (
	"context"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// answeredWithin is by when somebody is to have passed on what a patient asks of another system.
const answeredWithin = 48 * time.Hour

// ask passes on what a patient wishes for an appointment that another system keeps: an AppointmentResponse, which that system's door in connect may send, and a
// Task for a person. The appointment itself stands as it is until its own system says otherwise.
func (s *Service) ask(ctx context.Context, who access.Actor, patient string, a *r4.Appointment, status, words, why string) error {
	id := named("asked", a.ID)
	r := &r4.AppointmentResponse{ID: id, Meta: ours(), Appointment: &r4.Reference{Reference: "Appointment/" + a.ID}, Actor: &r4.Reference{Reference: "Patient/" + patient}, ParticipantStatus: status, Comment: words}
	title, said := "Cancel an appointment", "The patient asks to cancel: "
	if status == "tentative" {
		title, said = "Offer another time", "The patient asks for another time: "
	}
	said += describe(a)
	if why != "" && why != "pat" {
		said += " Reason: " + why + "."
	}
	if words != "" {
		said += " In their words: " + words
	}
	within := min(answeredWithin, max(a.Start.Low().Sub(s.now()), time.Hour))
	ops := []record.Op{{Method: record.Update, Type: "AppointmentResponse", ID: id, Resource: must(r4.Resource(r))}, s.taskOf(named("ask", a.ID), "appointment-wish", title, said, patient, a, within)}
	_, err := s.box().Commit(ctx, acting(who), ops, s.undoable(a.ID, undo{What: undoAsk}))
	return err
}

// unask takes a wish back.
func (s *Service) unask(ctx context.Context, who access.Actor, a *r4.Appointment, items []record.BoxItem) error {
	var r r4.AppointmentResponse
	stored, err := s.get(ctx, "AppointmentResponse", named("asked", a.ID), &r)
	if err != nil {
		return err
	}
	r.ParticipantStatus, r.Comment = "accepted", ""
	op, err := put("AppointmentResponse", stored.ID, stored.Version, &r)
	if err != nil {
		return err
	}
	task, err := s.dropped(ctx, named("ask", a.ID))
	if err != nil {
		return err
	}
	if task == nil {
		return fhir.Errorf(fhir.Conflict, "somebody is seeing to this already: ring them to say that you would keep it")
	}
	_, err = s.box().Commit(ctx, acting(who), append(task, op), items...)
	return err
}
