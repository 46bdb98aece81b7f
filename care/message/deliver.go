package message

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// deliveryKind is what deliveries are called in the box.
const deliveryKind = "delivery"

// fresh is how old something may be that is told: what a source sends of years past was told then.
const fresh = 48 * time.Hour

// told puts a message to a person into the queue, once.
func (s *Service) told(ctx context.Context, c *r4.Communication, created bool) error {
	if !created || !toPerson(c) || fromPerson(c) || coded(c.Category, kindSystem, kindDelivery) || coded(c.Category, kindSystem, kindPhotograph) || coded(c.Category, kindSystem, kindReminder) ||
		c.Status != "completed" || s.now().Sub(timeOf(c.Sent)) > fresh || c.Received.Precision() != 0 {
		return nil
	}
	ref := "Communication/" + c.ID
	return s.enqueue(ctx, delivery{Key: idOf("", ref), Ref: ref, Inbox: c.ID, Patient: patientOf(c.Subject), Urgent: hurries(c.Priority)}, time.Time{})
}

// requested puts what somebody asked to be sent into the queue: a CommunicationRequest to a person, for its time.
func (s *Service) requested(ctx context.Context, c *record.Stored) error {
	var r r4.CommunicationRequest
	if err := c.Decode(&r); err != nil {
		return err
	}
	patient := whose(&r)
	if patient == "" || r.Status != "active" || r.DoNotPerform != nil && *r.DoNotPerform {
		return nil
	}
	deadline, err := s.deadline(ctx, &r)
	if err != nil {
		return err
	}
	ref := "CommunicationRequest/" + r.ID
	return s.enqueue(ctx, delivery{Key: idOf("", ref), Ref: ref, Patient: patient, Urgent: hurries(r.Priority), Deadline: deadline}, occurs(&r))
}

// whose is the Patient whom a request is to reach, "" where it is for somebody else.
func whose(r *r4.CommunicationRequest) string {
	for _, to := range r.Recipient {
		if id := patientOf(&to); id != "" && (r.Subject == nil || r.Subject.Reference == to.Reference) {
			return id
		}
	}
	return ""
}

func occurs(r *r4.CommunicationRequest) time.Time {
	if r.OccurrencePeriod != nil {
		return timeOf(r.OccurrencePeriod.Start)
	}
	return timeOf(r.OccurrenceDateTime)
}

func hurries(priority string) bool {
	return priority == "urgent" || priority == "asap" || priority == "stat"
}

// deadline is when a request is no use any more: the end of its period, or the beginning of the appointment it is about.
func (s *Service) deadline(ctx context.Context, r *r4.CommunicationRequest) (time.Time, error) {
	if r.OccurrencePeriod != nil && r.OccurrencePeriod.End.Precision() != 0 {
		return r.OccurrencePeriod.End.High(), nil
	}
	a, err := s.appointment(ctx, r.About)
	if err != nil || a == nil {
		return time.Time{}, err
	}
	return timeOf(a.Start), nil
}

// appointment is the appointment that something is about, nil for none.
func (s *Service) appointment(ctx context.Context, about []r4.Reference) (*r4.Appointment, error) {
	for _, ref := range about {
		if strings.HasPrefix(ref.Reference, "Appointment/") {
			a, ok, err := get[r4.Appointment](ctx, s, me, ref.Reference)
			if err != nil || ok {
				return &a, err
			}
		}
	}
	return nil, nil
}

// enqueue begins a delivery at its time. One that began already goes on as it is; one that did not takes its new time.
func (s *Service) enqueue(ctx context.Context, d delivery, at time.Time) error {
	return s.box().Decide(ctx, func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
		have, err := record.ReadJSON[delivery](read, deliveryKind, d.Key)
		if err != nil || have != nil && (have.Steps != nil || have.Over != "") {
			return record.Noted{}, err
		}
		return record.Noted{Items: []record.BoxItem{record.JSONItem(deliveryKind, d.Key, d)}, Jobs: []record.Job{{Name: d.Key, Due: at}}}, nil
	})
}

// do takes a delivery as far as it goes now, and says when to go on.
func (s *Service) do(ctx context.Context, j record.Job) (record.Settle, error) {
	d, err := s.delivery(ctx, j.Name)
	if err != nil || d == nil {
		return nil, err
	}
	for {
		due, err := s.advance(ctx, d)
		if err != nil || d.Over != "" {
			return nil, err
		}
		if due.After(s.now()) {
			return func(func(kind, key string) ([]byte, error)) (record.Noted, error) {
				return record.Noted{Jobs: []record.Job{{Name: d.Key, Due: due}}}, nil
			}, nil
		}
	}
}

func (s *Service) delivery(ctx context.Context, key string) (*delivery, error) {
	return record.ReadJSON[delivery](func(kind, key string) ([]byte, error) { return s.box().Get(ctx, kind, key) }, deliveryKind, key)
}

// advance does the next thing about a delivery and writes it down, or says when there is something to do.
func (s *Service) advance(ctx context.Context, d *delivery) (due time.Time, err error) {
	now := s.now()
	if d.Over != "" {
		return now, nil
	}
	n, err := s.needs().Known(ctx, me, d.Patient)
	if fhir.KindOf(err) == fhir.NotFound {
		return now, s.end(ctx, d, overCancelled)
	}
	if err != nil {
		return now, err
	}
	over, err := s.overAlready(ctx, d, &n)
	if err != nil {
		return now, err
	}
	if over != "" {
		return now, s.end(ctx, d, over)
	}
	if d.Steps == nil {
		return now, s.begin(ctx, d, &n)
	}
	cur := &d.Steps[d.At]
	switch cur.State {
	case planned:
		if !cur.Until.IsZero() && now.Before(cur.Until) {
			return cur.Until, nil
		}
		if at := decent(cur.Channel, d.Urgent, now); at.After(now) {
			return at, nil
		}
		return now, s.take(ctx, d, &n)
	case sending:
		if cur.Channel == need.Letter { // a printer knows it by its key, so that asking again makes no second one
			cur.State = planned
			return now, s.keep(ctx, d)
		}
		cur.State, cur.Why = unknown, "The program ended while it was being sent, so nobody knows whether it was."
		s.went(d, cur, now)
		return now, s.keep(ctx, d)
	}
	at, next := d.due(now)
	switch {
	case !next:
		return at, nil
	case (cur.State == sent || cur.State == unknown) && last(cur.Channel):
		return now, s.end(ctx, d, map[bool]string{true: overPosted, false: overPerson}[cur.Channel == need.Letter])
	case d.At+1 == len(d.Steps): // the last step is a Task for a person, which cannot fail
		return now, s.end(ctx, d, overPerson)
	}
	d.At++
	return now, s.keep(ctx, d)
}

// overAlready is how a delivery has ended by what others did, "" where it has not.
func (s *Service) overAlready(ctx context.Context, d *delivery, n *need.Need) (string, error) {
	if n.Died {
		return overDied, nil
	}
	if d.Inbox != "" {
		c, ok, err := get[r4.Communication](ctx, s, me, "Communication/"+d.Inbox)
		switch {
		case err != nil:
			return "", err
		case !ok || c.Status == "entered-in-error":
			return overCancelled, nil
		case c.Received.Precision() != 0:
			return overRead, nil
		}
	}
	if strings.HasPrefix(d.Ref, "CommunicationRequest/") {
		r, ok, err := get[r4.CommunicationRequest](ctx, s, me, d.Ref)
		if err != nil {
			return "", err
		}
		if !ok || r.Status != "active" {
			return overCancelled, nil
		}
	}
	if !d.Deadline.IsZero() && !s.now().Before(d.Deadline) {
		return overLate, nil
	}
	return "", nil
}

// begin plans the steps, and puts what was asked for into the inbox.
func (s *Service) begin(ctx context.Context, d *delivery, n *need.Need) error {
	can := able{Email: s.Mail != nil, Text: s.Text != nil, Print: s.Print != nil, Online: true}
	if s.Online != nil {
		var err error
		if can.Online, err = s.Online(ctx, d.Patient); err != nil {
			return err
		}
	}
	d.Steps = plan(n, can)
	if d.Inbox != "" {
		return s.keep(ctx, d)
	}
	r, _, err := get[r4.CommunicationRequest](ctx, s, me, d.Ref)
	if err != nil {
		return err
	}
	c := &r4.Communication{ID: idOf("inbox-", d.Ref), BasedOn: []r4.Reference{{Reference: d.Ref}}, Status: "completed", Category: append(kind(kindReminder), r.Category...), Priority: r.Priority,
		Subject: &r4.Reference{Reference: "Patient/" + d.Patient}, Recipient: []r4.Reference{{Reference: "Patient/" + d.Patient}}, Sender: r.Sender, About: r.About, Sent: fhir.DateTimeOf(s.now())}
	if c.Sender == nil || fromPerson(&r4.Communication{Sender: c.Sender}) {
		c.Sender = &r4.Reference{Display: s.name()}
	}
	for _, p := range r.Payload {
		c.Payload = append(c.Payload, r4.CommunicationPayload{ContentString: p.ContentString, ContentAttachment: p.ContentAttachment, ContentReference: p.ContentReference})
	}
	for _, about := range append(slices.Clone(r.ReasonCode), r.Category...) { // what it is about, as a heading
		if about.Text != "" {
			c.Topic = &r4.CodeableConcept{Text: about.Text}
			break
		}
	}
	if teamRef(c.Sender.Reference) { // who sends it also reads answers
		c.Identifier = []r4.Identifier{{System: threadSystem, Value: c.ID}}
		c.About = append([]r4.Reference{*c.Sender}, c.About...)
	}
	o, err := op("Communication", c.ID, c)
	if err != nil {
		return err
	}
	d.Inbox = c.ID
	return s.keep(ctx, d, o)
}

// take sends by the current step. That it is being sent is written first, and by one process only.
func (s *Service) take(ctx context.Context, d *delivery, n *need.Need) error {
	cur := &d.Steps[d.At]
	now := s.now()
	if cur.Channel == need.Letter && !d.Deadline.IsZero() && now.Add(byPost).After(d.Deadline) {
		cur.State, cur.Why = skipped, "a letter would come too late"
		return s.keep(ctx, d)
	}
	why := closed(n, cur.Channel)
	if can := (able{s.Mail != nil, s.Text != nil, s.Print != nil, true}); !can.by(cur.Channel) {
		why = "the place sends nothing by it any more"
	}
	if why != "" { // an address was taken back meanwhile, or a carrier
		cur.State, cur.Why = skipped, why
		return s.keep(ctx, d)
	}
	if cur.Channel == need.App || cur.Channel == need.Telephone {
		cur.State = sent
		s.went(d, cur, now)
		if cur.Channel == need.App {
			return s.keep(ctx, d)
		}
		o, err := s.byPerson(ctx, d, n)
		if err != nil {
			return err
		}
		return s.keep(ctx, d, o)
	}
	p, err := s.parcel(ctx, d, n)
	if k := fhir.KindOf(err); err != nil && (k == fhir.Invalid || k == fhir.Unprocessable) { // such as an address no envelope shows
		cur.State, cur.Why = failed, sentence(err)
		return s.keep(ctx, d)
	}
	if err != nil {
		return err
	}
	if mine, err := s.claim(ctx, d); err != nil || !mine {
		return err
	}
	said, sendErr := s.send(ctx, d.stepKey(d.At), cur.Channel, p)
	cur.Said, cur.State = said, sent
	switch k := fhir.KindOf(sendErr); {
	case sendErr == nil:
		s.went(d, cur, now)
	case k == fhir.Busy:
		cur.Tries++
		cur.Why, cur.State, cur.Until = sentence(sendErr), planned, again(cur.Tries, now)
		if cur.Tries >= mostTries {
			cur.State = failed
		}
	case k == fhir.Unprocessable || k == fhir.Invalid:
		cur.Why, cur.State = sentence(sendErr), failed
	default:
		cur.Why, cur.State = sentence(sendErr), unknown
		s.went(d, cur, now)
	}
	return s.keep(context.WithoutCancel(ctx), d)
}

// claim writes down that a step is being sent. It is not this process's where another has.
func (s *Service) claim(ctx context.Context, d *delivery) (mine bool, err error) {
	err = s.box().Decide(ctx, func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
		have, err := record.ReadJSON[delivery](read, deliveryKind, d.Key)
		if mine = err == nil && have != nil && have.At == d.At && have.Steps != nil && have.Steps[have.At].State == planned; !mine {
			if have != nil {
				*d = *have
			}
			return record.Noted{}, err
		}
		have.Steps[have.At].State = sending
		return record.Noted{Items: []record.BoxItem{record.JSONItem(deliveryKind, d.Key, have)}}, nil
	})
	return mine, err
}

// send hands something to its carrier.
func (s *Service) send(ctx context.Context, key string, c need.Channel, p *parcel) (string, error) {
	switch c {
	case need.Email:
		return s.Mail.Mail(ctx, key, p.to, p.subject, p.text)
	case need.Text:
		return s.Text.Text(ctx, key, p.to, p.text)
	}
	return s.Print.Print(ctx, key, p.kind, p.ending, p.file)
}

// went notes that a step was done, and until when what follows waits.
func (s *Service) went(d *delivery, cur *step, now time.Time) {
	w := s.waits()
	cur.Sent, cur.Until = now, now.Add(w.wait(cur.Channel, d.Urgent))
}

// stepKey names one sending outside: whoever takes it knows it by this, and answers come back to it.
func (d *delivery) stepKey(i int) string { return fmt.Sprintf("%s-%d", d.Key, i) }

// keep writes how far a delivery has come, with its current step as it stands in the record.
func (s *Service) keep(ctx context.Context, d *delivery, ops ...record.Op) error {
	if d.Steps != nil {
		o, err := d.communication(d.At)
		if err != nil {
			return err
		}
		if o != nil {
			ops = append(ops, *o)
		}
	}
	_, err := s.box().Commit(ctx, me, ops, record.JSONItem(deliveryKind, d.Key, d))
	return err
}

// end writes that a delivery is over, and how.
func (s *Service) end(ctx context.Context, d *delivery, how string) error {
	d.Over = how
	var ops []record.Op
	if strings.HasPrefix(d.Ref, "CommunicationRequest/") && how != overCancelled {
		status := "completed"
		if how == overLate || how == overDied {
			status = "revoked"
		}
		ops = append(ops, change("CommunicationRequest", strings.TrimPrefix(d.Ref, "CommunicationRequest/"), func(r *r4.CommunicationRequest) {
			if r.Status == "active" {
				r.Status, r.StatusReason = status, &r4.CodeableConcept{Text: how}
			}
		}))
	}
	return s.keep(ctx, d, ops...)
}
