package plan

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/words"
)

// Queue is what waits for a practice, as whoever looks may see it: what is due first, a hundred at most; more where others wait behind them.
func (s *Service) Queue(ctx context.Context, who access.Actor) (out []Order, more bool, err error) {
	out, more, err = s.orders(ctx, who, "Task?code="+taskSystem+"|"+orderCode+"&status="+openStates+"&_sort=authored-on", mostOrders)
	slices.SortStableFunc(out, func(a, b Order) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Task, b.Task)) })
	return out, more, err
}

// Look says that somebody has begun to look at an order.
func (s *Service) Look(ctx context.Context, who access.Actor, task string) error {
	return s.changeTask(ctx, who, task, orderCode, func(t *r4.Task) error {
		t.Status, t.Owner = "accepted", &r4.Reference{Display: authorOf(who).Display}
		return nil
	})
}

// Answer says what becomes of each medicine of an order, by the id of its MedicationRequest: refused, with a reason that the person reads, or sent. Each must be
// answered, so that nothing is sent because somebody overlooked it. Kith sends no prescription: whoever answers has
// issued it in the practice's own system. They must be somebody who may change the person's medicines. Conflict where somebody else answered since it was read.
func (s *Service) Answer(ctx context.Context, who access.Actor, task string, version int64, send []string, refuse map[string]string) error {
	m, err := s.Door.Get(ctx, who, "Task", task)
	if err != nil {
		return err
	}
	var t r4.Task
	if err := m.Decode(&t); err != nil {
		return err
	}
	switch {
	case codeOf(t.Code, taskSystem) != orderCode:
		return fhir.Errorf(fhir.NotFound, "Task/%s is no order", task)
	case !open(t.Status) || m.Version != version:
		return fhir.Errorf(fhir.Conflict, "somebody else has seen to this order in the meantime")
	}
	if err := s.may(ctx, who, access.Update, "MedicationRequest", patientOf(t.For)); err != nil {
		return err
	}
	var ops []record.Op
	sent := 0
	for _, b := range t.BasedOn {
		ref := fhir.ParseReference(b.Reference)
		if ref.Type != "MedicationRequest" {
			continue
		}
		stored, err := s.Door.Get(ctx, who, ref.Type, ref.ID)
		if err != nil {
			return err // what somebody may not see they cannot answer for
		}
		var x r4.MedicationRequest
		if err := stored.Decode(&x); err != nil {
			return err
		}
		reason, no := refuse[ref.ID]
		if no == slices.Contains(send, ref.ID) {
			return fhir.Errorf(fhir.Invalid, "say of each medicine whether it is prescribed")
		}
		if reason = strings.TrimSpace(reason); no && reason == "" {
			return fhir.Errorf(fhir.Invalid, "write why it is refused")
		}
		if reason, err = tidy(reason); err != nil {
			return err
		}
		if no {
			x.Status, x.StatusReason = "cancelled", &r4.CodeableConcept{Text: reason}
			t.Output = append(t.Output, r4.TaskOutput{Type: &r4.CodeableConcept{Text: outRefused}, ValueReference: &r4.Reference{Reference: b.Reference}})
		} else {
			x.Status = "active"
			sent++
		}
		x.Recorder = recorderOf(who)
		op, err := put(ref.Type, ref.ID, stored.Version, &x)
		if err != nil {
			return err
		}
		ops = append(ops, op)
	}
	t.Status, t.Owner, t.LastModified = "completed", &r4.Reference{Display: authorOf(who).Display}, stamp(s.now())
	if sent == 0 {
		t.Status = "rejected"
	}
	op, err := put("Task", task, version, &t)
	if err != nil {
		return err
	}
	ops = append(ops, op)
	if len(t.Output) > 0 {
		if op, err = s.refusal(ctx, &t); err != nil {
			return err
		}
		ops = append(ops, op)
	}
	if _, err = s.Door.Commit(ctx, acting(who), ops); lost(err) {
		return fhir.Errorf(fhir.Conflict, "somebody else has seen to this order in the meantime")
	}
	return err
}

// RefusedText tells somebody, in a text message of at most 160 characters that names no medicine, that something they rely on does not come.
var RefusedText = words.Text("Something that you ordered on repeat was not prescribed. Sign in and look at your medicines to read why, or telephone your practice.")

// refusal is what is sent where something was refused: whoever waits for a medicine must not have to look for that.
func (s *Service) refusal(ctx context.Context, t *r4.Task) (record.Op, error) {
	l, err := (&need.Service{Door: s.Door, Now: s.Now}).Speaks(ctx, me, patientOf(t.For))
	if err != nil {
		return record.Op{}, err
	}
	now := stamp(s.now())
	r := &r4.CommunicationRequest{ID: named("refused", t.ID), Meta: &r4.Meta{Source: Source}, Status: "active", Priority: "routine", Category: []r4.CodeableConcept{*coded("urn:kith:message", "reminder", "")}, ReasonCode: []r4.CodeableConcept{{Text: l.T("Your repeat prescription")}},
		Subject: t.For, Recipient: []r4.Reference{*t.For}, About: []r4.Reference{{Reference: "Task/" + t.ID}}, Payload: []r4.CommunicationRequestPayload{{ContentString: l.T(RefusedText)}}, OccurrenceDateTime: now, AuthoredOn: now}
	if t.Meta != nil {
		r.Meta.Security = t.Meta.Security
	}
	return put("CommunicationRequest", r.ID, 0, r)
}

// recorderOf is who answered, where FHIR lets them be named there.
func recorderOf(who access.Actor) *r4.Reference {
	ref := authorOf(who)
	if !strings.HasPrefix(ref.Reference, "Practitioner/") {
		ref.Reference = ""
	}
	return ref
}
