package booking

import (
	"context"
	"sync"
	"time"

	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/words"
)

// Run keeps Slots open ahead, ends holds, and follows Appointments, until ctx ends. Any number of processes may.
func (s *Service) Run(ctx context.Context) error {
	var all sync.WaitGroup
	all.Go(func() { s.tidy(ctx) })
	err := s.box().Follow(ctx, me, record.Following{Name: "booking", Types: []string{"Appointment"}, Do: s.changed})
	all.Wait()
	return err
}

func (s *Service) tidy(ctx context.Context) {
	every := s.Every
	if every == 0 {
		every = 5 * time.Second
	}
	var opened time.Time
	for tick := time.NewTicker(every); ; {
		if _, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.logger().Error("holds of Slots could not be ended", "error", err)
		}
		if s.now().Sub(opened) >= openEvery {
			if _, err := s.Open(ctx); err != nil && ctx.Err() == nil {
				s.logger().Error("Slots could not be made", "error", err)
			}
			if err := s.AskStillNeeded(ctx); err != nil && ctx.Err() == nil {
				s.logger().Error("people who wait could not be asked", "error", err)
			}
			opened = s.now()
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
	}
}

// reminded is the reminder of an appointment that was written last.
type reminded struct {
	Request string    `json:"request"` // id of the CommunicationRequest
	Start   time.Time `json:"start"`   // of which start it reminds
}

// remindBefore is how long before an appointment its reminder is sent, and least the time for which there is none: then whoever books knows.
const (
	remindBefore = 48 * time.Hour
	remindLeast  = 24 * time.Hour
)

// changed looks at Appointments that were changed, in whatever system: each that is to come has a reminder, one that is not has none, and its Slot is free.
func (s *Service) changed(ctx context.Context, changes []record.Stored) (ops []record.Op, items []record.BoxItem, err error) {
	last := map[string]*record.Stored{}
	for i := range changes {
		last[changes[i].ID] = &changes[i]
	}
	slots := map[string]bool{}
	for i := range changes {
		m := &changes[i]
		if last[m.ID] != m || m.Deleted {
			continue
		}
		a := new(r4.Appointment)
		if err := m.Decode(a); err != nil {
			return nil, nil, err
		}
		more, kept, err := s.remind(ctx, a)
		if err != nil {
			return nil, nil, err
		}
		ops, items = append(ops, more...), append(items, kept...)
		if wasRefused(a) {
			told, err := s.refusal(ctx, a)
			if err != nil {
				return nil, nil, err
			}
			ops = append(ops, told...)
		}
		free, err := s.leftOpen(ctx, a, slots)
		if err != nil {
			return nil, nil, err
		}
		ops = append(ops, free...)
	}
	return ops, items, nil
}

// remind writes the reminder of an appointment that is to come, and takes back one that is not true any more.
func (s *Service) remind(ctx context.Context, a *r4.Appointment) (ops []record.Op, items []record.BoxItem, err error) {
	had, err := record.ReadJSON[reminded](func(kind, key string) ([]byte, error) { return s.box().Get(ctx, kind, key) }, "reminded", a.ID)
	if err != nil {
		return nil, nil, err
	}
	patient := ""
	for _, p := range a.Participant {
		if id := idOf(p.Actor, "Patient"); id != "" {
			patient = id
		}
	}
	wants := a.Status == "booked" && patient != "" && a.Start.Year != 0 && a.Start.Low().Sub(s.now()) > remindLeast
	if had != nil && wants && had.Start.Equal(a.Start.Low()) || had == nil && !wants {
		return nil, nil, nil
	}
	if had != nil {
		if ops, err = s.revoked(ctx, had.Request); err != nil {
			return nil, nil, err
		}
		items = append(items, record.BoxItem{Kind: "reminded", Key: a.ID})
	}
	if !wants {
		return ops, items, nil
	}
	l, err := s.speaks(ctx, patient)
	if err != nil {
		return nil, nil, err
	}
	r := s.reminder(a, patient, l)
	op := record.Op{Method: record.Update, Type: "CommunicationRequest", ID: r.ID, Resource: must(r4.Resource(r))}
	item := record.JSONItem("reminded", a.ID, reminded{Request: r.ID, Start: a.Start.Low()})
	return append(ops, op), append(items[:0], item), nil
}

// revoked takes back what has not been sent.
func (s *Service) revoked(ctx context.Context, id string) ([]record.Op, error) {
	r := new(r4.CommunicationRequest)
	stored, err := s.get(ctx, "CommunicationRequest", id, r)
	if absent(err) {
		return nil, nil
	}
	if err != nil || r.Status != "active" && r.Status != "draft" && r.Status != "on-hold" {
		return nil, err
	}
	r.Status = "revoked"
	op, err := put("CommunicationRequest", id, stored.Version, r)
	return []record.Op{op}, err
}

// reminder is what is to be sent. Its words name nobody and no illness, so that they may stand on the screen of a locked telephone; they fit a text message.
func (s *Service) reminder(a *r4.Appointment, patient string, l *words.Lang) *r4.CommunicationRequest {
	start := a.Start.Low()
	due := start.Add(-remindBefore)
	if due.Before(s.now()) {
		due = s.now()
	}
	return &r4.CommunicationRequest{ID: named("reminder", a.ID+"-"+start.UTC().Format("20060102t1504")), Meta: ours(), Status: "active", Priority: "routine",
		Category: []r4.CodeableConcept{{Coding: []r4.Coding{{System: categorySystem, Code: "reminder"}}, Text: l.T("Reminder")}},
		Subject:  &r4.Reference{Reference: "Patient/" + patient}, Recipient: []r4.Reference{{Reference: "Patient/" + patient}}, About: []r4.Reference{{Reference: "Appointment/" + a.ID}},
		Payload: []r4.CommunicationRequestPayload{{ContentString: reminderText(l, start)}}, OccurrenceDateTime: london.DateTime(due), AuthoredOn: fhir.DateTimeOf(s.now().UTC().Truncate(time.Second)),
		Sender: organizationOf(a)}
}

// RefusedText tells, in a text message of at most 160 characters, somebody who asked for a time that another system must confirm that it said no.
var RefusedText = words.Text("The appointment time you asked for could not be booked: somebody else has it. Sign in to choose another time, or telephone your practice.")

// refusal is what is sent to somebody whose time was refused after they had gone.
func (s *Service) refusal(ctx context.Context, a *r4.Appointment) (ops []record.Op, err error) {
	now := fhir.DateTimeOf(s.now().UTC().Truncate(time.Second))
	for _, p := range a.Participant {
		patient := idOf(p.Actor, "Patient")
		if patient == "" {
			continue
		}
		l, err := s.speaks(ctx, patient)
		if err != nil {
			return nil, err
		}
		once := r4.Identifier{System: Source, Value: named("refused", a.ID)}
		r := &r4.CommunicationRequest{Identifier: []r4.Identifier{once}, Meta: ours(), Status: "active", Priority: "urgent", Category: []r4.CodeableConcept{{Coding: []r4.Coding{{System: categorySystem, Code: "appointment"}}, Text: l.T("About your appointment")}},
			Subject: p.Actor, Recipient: []r4.Reference{*p.Actor}, About: []r4.Reference{{Reference: "Appointment/" + a.ID}}, Payload: []r4.CommunicationRequestPayload{{ContentString: l.T(RefusedText)}}, OccurrenceDateTime: now, AuthoredOn: now}
		// Whoever changes the appointment again has it sent once all the same: what is there stays as it is.
		ops = append(ops, record.Op{Method: record.Create, Type: "CommunicationRequest", Resource: must(r4.Resource(r)), IfNoneExist: "identifier=" + once.System + "|" + once.Value})
	}
	return ops, nil
}

// reminderText is at most 160 characters.
func reminderText(l *words.Lang, start time.Time) string {
	return l.T("Reminder: you have an appointment on %s. Sign in to see where, or to change or cancel it.", l.When(start))
}

// speaks is the language in which somebody is written to.
func (s *Service) speaks(ctx context.Context, patient string) (*words.Lang, error) {
	return (&need.Service{Door: s.Door, Now: s.Now}).Speaks(ctx, me, patient)
}

// organizationOf is who gives an appointment, nil where it does not say.
func organizationOf(a *r4.Appointment) *r4.Reference {
	if o := giverOf(a); o.Identifier != nil {
		return o
	}
	return nil
}

// leftOpen frees the Slots of an appointment that was cancelled otherwise than through this package, unless another one has them.
func (s *Service) leftOpen(ctx context.Context, a *r4.Appointment, seen map[string]bool) (ops []record.Op, err error) {
	if a.Status != "cancelled" && a.Status != "entered-in-error" || fromElsewhere(a.Meta) {
		return nil, nil
	}
	for i := range a.Slot {
		id := idOf(&a.Slot[i], "Slot")
		if id == "" || seen[id] {
			continue
		}
		seen[id] = true
		slot := new(r4.Slot)
		stored, err := s.get(ctx, "Slot", id, slot)
		if absent(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if slot.Status != "busy" || fromElsewhere(slot.Meta) {
			continue
		}
		page, err := s.Door.Find(ctx, me, "Appointment?slot=Slot/"+id+"&status=booked,pending,arrived,checked-in,fulfilled&_count=1")
		if err != nil {
			return nil, err
		}
		if len(page.Matches) > 0 {
			continue
		}
		op, err := turned(slot, stored.Version, "free")
		if err != nil {
			return nil, err
		}
		ops = append(ops, op)
		s.back(slot)
	}
	return ops, nil
}
