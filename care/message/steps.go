package message

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// communication is a step as it stands in the record; nil while nothing has come of it.
func (d *delivery) communication(i int) (*record.Op, error) {
	one := &d.Steps[i]
	status := map[state]string{sent: "completed", unknown: "unknown", failed: "not-done", skipped: "not-done"}[one.State]
	if status == "" {
		return nil, nil
	}
	person := r4.Reference{Reference: "Patient/" + d.Patient}
	c := &r4.Communication{ID: idOf("sent-", d.stepKey(i)), Identifier: []r4.Identifier{{System: "urn:kith:delivery", Value: d.stepKey(i)}}, Status: status, Category: kind(kindDelivery), Medium: mediums(string(one.Channel)),
		Subject: &person, Recipient: []r4.Reference{person}, Sender: &r4.Reference{Display: me.Name}}
	if strings.HasPrefix(d.Ref, "CommunicationRequest/") {
		c.BasedOn = []r4.Reference{{Reference: d.Ref}}
	}
	if d.Inbox != "" {
		c.PartOf = []r4.Reference{{Reference: "Communication/" + d.Inbox}}
	}
	if !one.Sent.IsZero() {
		c.Sent = fhir.DateTimeOf(one.Sent)
	}
	if one.Why != "" && one.State != sent {
		c.StatusReason = &r4.CodeableConcept{Coding: []r4.Coding{{System: "urn:kith:delivery-state", Code: string(one.State)}}, Text: one.Why}
	}
	o, err := op("Communication", c.ID, c)
	o.Same = true
	return &o, err
}

// byPerson is the Task of reaching somebody by telephone, or in a way that a program cannot.
func (s *Service) byPerson(ctx context.Context, d *delivery, n *need.Need) (record.Op, error) {
	now := s.now()
	owner := s.desk()
	c, ok, err := get[r4.Communication](ctx, s, me, "Communication/"+d.Inbox)
	if err != nil {
		return record.Op{}, err
	}
	if ok {
		for _, a := range c.About {
			if !teamRef(a.Reference) {
				continue
			}
			if o, err := s.organisationOf(ctx, a.Reference); err != nil {
				return record.Op{}, err
			} else if o != nil {
				owner = &r4.Reference{Reference: "Organization/" + o.ID, Display: a.Display}
				if owner.Display == "" {
					owner.Display = o.Name
				}
				break
			}
		}
	}
	words := "Telephone them: they have a message that has not reached them"
	switch hand := byHand(n.Format); {
	case hand != "":
		words = "They need this message in " + strings.TrimPrefix(hand, "an ") + ": make it, or tell them another way"
	case n.Channel == need.Telephone:
		words = "Telephone them: they prefer that to anything written"
	case n.Phone == "":
		words = "Find out how to reach them: they have a message that has not reached them"
	}
	id := idOf("reach-", d.Key)
	t := &r4.Task{ID: id, Status: "requested", Intent: "order", Priority: "routine", Code: taskOf(reachCode, "Reach this person"), Description: words, Focus: &r4.Reference{Reference: "Communication/" + d.Inbox}, For: &r4.Reference{Reference: "Patient/" + d.Patient},
		AuthoredOn: fhir.DateTimeOf(now), LastModified: fhir.DateTimeOf(now), Requester: &r4.Reference{Display: me.Name}, Owner: owner, Restriction: &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(now.Add(s.waits().Answer))}}}
	if d.Urgent || !d.Deadline.IsZero() && d.Deadline.Before(now.Add(48*time.Hour)) {
		t.Priority = "urgent"
	}
	if thread := threadOf(&c); thread != "" {
		t.GroupIdentifier = &r4.Identifier{System: threadSystem, Value: thread}
	}
	return op("Task", id, t)
}

// sentence is what a carrier's error says to staff; what only operators understand stays in the log.
func sentence(err error) string {
	var e *fhir.Error
	if errors.As(err, &e) {
		return e.Msg
	}
	return "it could not be sent"
}

// mediums are the codes of a channel, as R4 proposes them. https://terminology.hl7.org/CodeSystem-v3-ParticipationMode.html
func mediums(channel string) []r4.CodeableConcept {
	code := map[string]string{"email": "EMAILWRIT", "text": "SMSWRIT", "letter": "MAILWRIT", "telephone": "PHONE", "app": "ONLINEWRIT"}[channel]
	if code == "" {
		return nil
	}
	return []r4.CodeableConcept{{Coding: []r4.Coding{{System: "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode", Code: code}}}}
}

// mediumOf is the channel that a code of R4 means where it is not these pages.
func mediumOf(code string) string {
	return map[string]string{"EMAILWRIT": "email", "SMSWRIT": "text", "MAILWRIT": "letter", "PHONE": "telephone"}[code]
}

// Failure is a step that did not reach somebody.
type Failure struct {
	Patient string
	Channel string // email, text, letter, app
	Why     string
	Unsure  bool // it may have been sent
	At      time.Time
}

// Failures are what did not reach people in the last days, as far as the asker may see it, the newest first.
func (s *Service) Failures(ctx context.Context, who access.Actor, patient string, days int) ([]Failure, error) {
	query := "Communication?category=" + kindSystem + "|" + kindDelivery + "&status=not-done,unknown&_lastUpdated=ge" + s.now().AddDate(0, 0, -days).Format("2006-01-02") + "&_sort=-_lastUpdated"
	if patient != "" {
		query += "&patient=" + patient
	}
	var out []Failure
	for m, err := range s.Door.All(ctx, who, query) {
		if err != nil {
			return nil, err
		}
		var c r4.Communication
		if err := m.Decode(&c); err != nil {
			return nil, err
		}
		f := Failure{Patient: patientOf(c.Subject), Unsure: c.Status == "unknown", At: m.Updated, Channel: "app"}
		if c.StatusReason != nil {
			f.Why = c.StatusReason.Text
		}
		for _, one := range c.Medium {
			for _, g := range one.Coding {
				if ch := mediumOf(g.Code); ch != "" {
					f.Channel = ch
				}
			}
		}
		if out = append(out, f); len(out) == 200 {
			break
		}
	}
	return out, nil
}
