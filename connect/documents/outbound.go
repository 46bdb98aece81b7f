package documents

import (
	"context"
	"encoding/base64"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/hl7"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Letter is what is to be sent: a document about a person, to an organisation. Referral, unless "", is the ServiceRequest that the
// letter is of.
type Letter struct {
	Document string // id of a DocumentReference whose content is a Binary of this record
	Referral string // id of a ServiceRequest
	To       string // ODS code of who is to have it
}

// Sent is a letter on its way.
type Sent struct {
	Task  string // id of the Task that says what became of it
	Route Route
}

// Route is a way to an organisation.
type Route struct {
	Kind    string // fhir, hl7 or paper
	Address string
}

// routes are the kinds of connection that Endpoint.connectionType may name, the best first.
// https://hl7.org/fhir/R4/valueset-endpoint-connection-type.html
var routes = []struct{ connection, kind string }{{"hl7-fhir-msg", "fhir"}, {"hl7v2-mllp", "hl7"}}

// Best is the best route to an organisation: what its Endpoints in the record offer, else paper.
func (s *Service) Best(ctx context.Context, who access.Actor, ods string) (Route, *r4.Organization, error) {
	page, err := s.Door.Find(ctx, who, "Organization?identifier="+odsSystem+"|"+ods+"&_count=10")
	if err != nil {
		return Route{}, nil, err
	}
	if len(page.Matches) == 0 {
		return Route{}, nil, fhir.Errorf(fhir.NotFound, "no organisation here has the ODS code %s", ods)
	}
	var org r4.Organization
	if err := page.Matches[0].Decode(&org); err != nil {
		return Route{}, nil, err
	}
	best, rank := Route{Kind: "paper"}, len(routes)
	for i := range page.Matches {
		endpoints, err := all[r4.Endpoint](ctx, s, "Endpoint?organization="+page.Matches[i].Ref()+"&status=active")
		if err != nil {
			return Route{}, nil, err
		}
		for _, e := range endpoints {
			for at, r := range routes {
				if e.ConnectionType != nil && e.ConnectionType.Code == r.connection && e.Address != "" && at < rank {
					best, rank = Route{r.kind, e.Address}, at
				}
			}
		}
	}
	return best, &org, nil
}

// Send puts a letter on its way and answers at once: Deliver does the rest. Who sends it is in the Task and in the audit.
func (s *Service) Send(ctx context.Context, who access.Actor, l Letter) (*Sent, error) {
	stored, err := s.Door.Get(ctx, who, "DocumentReference", l.Document)
	if err != nil {
		return nil, err
	}
	var doc r4.DocumentReference
	if err := stored.Decode(&doc); err != nil {
		return nil, err
	}
	if doc.Subject == nil {
		return nil, fhir.Errorf(fhir.Invalid, "DocumentReference/%s is about nobody: a letter must say whom it is about", l.Document)
	}
	if l.Referral != "" {
		if _, err := s.Door.Get(ctx, who, "ServiceRequest", l.Referral); err != nil {
			return nil, err
		}
	}
	route, org, err := s.Best(ctx, who, l.To)
	if err != nil {
		return nil, err
	}
	now := s.now()
	id := s.Door.NewID()
	t := &r4.Task{ID: id, Identifier: []r4.Identifier{{System: messageSystem, Value: id}}, Status: "requested", Intent: "order", Priority: "routine", Code: taskOf(sendCode, "Send this letter"), Description: kindOf(&doc) + " to " + org.Name,
		Focus: &r4.Reference{Reference: stored.Ref()}, For: doc.Subject, AuthoredOn: fhir.DateTimeOf(now), LastModified: fhir.DateTimeOf(now), Requester: &r4.Reference{Display: or(who.Name, who.ID)},
		Owner:          &r4.Reference{Reference: "Organization/" + org.ID, Identifier: &r4.Identifier{System: odsSystem, Value: l.To}, Display: org.Name},
		BusinessStatus: &r4.CodeableConcept{Text: route.Kind}, Restriction: &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(now.Add(deliveredWithin))}}}
	if l.Referral != "" {
		t.BasedOn = []r4.Reference{{Reference: "ServiceRequest/" + l.Referral}}
	}
	if route.Kind == "paper" {
		t.Code = taskOf(printCode, "Print this letter and post it: the receiver has no electronic address")
		t.Owner = s.desk()
	}
	o, err := op("Task", id, t)
	if err != nil {
		return nil, err
	}
	if _, err := s.Door.Commit(ctx, who, []record.Op{o}); err != nil {
		return nil, err
	}
	return &Sent{id, route}, nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Deliver sends what waits. What the other side refuses, or does not take, is tried again the next time; after four hours without
// success a person is told.
func (s *Service) Deliver(ctx context.Context) error {
	waiting, err := all[r4.Task](ctx, s, "Task?code="+taskSystem+"|"+sendCode+"&status=requested")
	if err != nil {
		return err
	}
	for i := range waiting {
		if err := s.one(ctx, &waiting[i]); err != nil {
			return err
		}
	}
	return nil
}

// one sends one letter and notes what came of it.
func (s *Service) one(ctx context.Context, t *r4.Task) error {
	ods := t.Owner.Identifier.Value
	route, _, err := s.Best(ctx, s.who(), ods)
	if err != nil {
		return err
	}
	said, sendErr := s.over(ctx, route, t)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	now := s.now()
	return s.changeTask(ctx, t.ID, func(t *r4.Task) {
		if t.Status != "requested" {
			return
		}
		t.BusinessStatus = &r4.CodeableConcept{Text: route.Kind}
		if sendErr == nil {
			t.Status = "received"
			t.Output = append(t.Output, r4.TaskOutput{Type: &r4.CodeableConcept{Text: "delivered"}, ValueString: said}, r4.TaskOutput{Type: &r4.CodeableConcept{Text: "delivered at"}, ValueDateTime: fhir.DateTimeOf(now)})
			return
		}
		why := sendErr.Error()
		if n := len(t.Note); n == 0 || t.Note[n-1].Text != why {
			t.Note = append(t.Note, r4.Annotation{Time: fhir.DateTimeOf(now), Text: why})
		}
		if t.Priority != "urgent" && t.Restriction.Period.End.Low().Before(now) {
			t.Priority = "urgent"
			t.Note = append(t.Note, r4.Annotation{Time: fhir.DateTimeOf(now), Text: "Not delivered in four hours. Telephone the receiver, or print and post the letter."})
		}
	})
}

// over sends a letter by a route. What is answered is what the other side said of it.
func (s *Service) over(ctx context.Context, route Route, t *r4.Task) (said string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	parcel, err := s.pack(ctx, t)
	if err != nil {
		return "", err
	}
	switch route.Kind {
	case "fhir":
		return s.sendMessage(ctx, route.Address, parcel)
	case "hl7":
		return s.sendHL7(ctx, route.Address, parcel)
	}
	return "", fhir.Errorf(fhir.Unsupported, "%s has no electronic address any more: print the letter and post it", t.Owner.Display)
}

// parcel is a letter with all that its receiver needs.
type parcel struct {
	task     *r4.Task
	to       string
	patient  r4.Patient
	doc      r4.DocumentReference
	binary   r4.Binary
	referral *r4.ServiceRequest
}

func (s *Service) pack(ctx context.Context, t *r4.Task) (*parcel, error) {
	p := &parcel{task: t, to: t.Owner.Identifier.Value}
	if err := s.get(ctx, t.Focus.Reference, &p.doc); err != nil {
		return nil, err
	}
	if err := s.get(ctx, p.doc.Subject.Reference, &p.patient); err != nil {
		return nil, err
	}
	for _, c := range p.doc.Content {
		if c.Attachment != nil && strings.HasPrefix(c.Attachment.URL, "Binary/") {
			if err := s.get(ctx, c.Attachment.URL, &p.binary); err != nil {
				return nil, err
			}
			break
		}
	}
	if p.binary.ID == "" {
		return nil, fhir.Errorf(fhir.Invalid, "%s has no content in this record", t.Focus.Reference)
	}
	for _, b := range t.BasedOn {
		p.referral = &r4.ServiceRequest{}
		if err := s.get(ctx, b.Reference, p.referral); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (s *Service) get(ctx context.Context, reference string, into any) error {
	typ, id, _ := strings.Cut(reference, "/")
	stored, err := s.Door.Get(ctx, s.who(), typ, id)
	if err != nil {
		return err
	}
	return stored.Decode(into)
}

// sendHL7 sends a letter as MDM^T02, with REF^I12 before it where it is a referral.
func (s *Service) sendHL7(ctx context.Context, address string, p *parcel) (string, error) {
	data, err := base64.StdEncoding.DecodeString(p.binary.Data)
	if err != nil {
		return "", fhir.Errorf(fhir.Broken, "Binary/%s cannot be read: %w", p.binary.ID, err)
	}
	h := hl7.Header{SendingApp: "KITH", SendingFacility: s.Organization, ReceivingFacility: p.to, Time: s.now(), ControlID: p.task.ID}
	message, err := hl7.Document(h, &p.patient, &p.doc, p.binary.ContentType, data)
	if err != nil {
		return "", err
	}
	messages := [][]byte{message}
	if p.referral != nil {
		h.ControlID += "R"
		referral, err := hl7.Referral(h, &p.patient, p.referral)
		if err != nil {
			return "", err
		}
		messages = [][]byte{referral, message}
	}
	said := ""
	for _, m := range messages {
		accepted, text, err := s.mllp(ctx, strings.TrimPrefix(address, "mllp://"), m)
		if err != nil {
			return "", fhir.Errorf(fhir.Busy, "%s does not answer: %w", address, err)
		}
		if !accepted {
			return "", fhir.Errorf(fhir.Unprocessable, "%s refuses the letter: %s", address, text)
		}
		said = strings.TrimSpace("acknowledged by HL7 v2 " + text)
	}
	return said, nil
}

func (s *Service) mllp(ctx context.Context, address string, message []byte) (bool, string, error) {
	if s.MLLP != nil {
		return s.MLLP(ctx, address, message)
	}
	c := hl7.Client{Addr: address}
	defer c.Close()
	a, err := c.Send(ctx, message)
	return a.Accepted(), strings.TrimSpace(a.Code + " " + a.Text), err
}
