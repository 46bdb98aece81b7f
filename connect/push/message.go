package push

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/kith-care/kith/connect/fact"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// Message reads a FHIR message: a Bundle that begins with a MessageHeader. The header is kept, what it is about is filed with all that came beside it;
// a referral also becomes a Task, so that somebody must take it on, and a DocumentReference with the message as it came.
func Message(ctx context.Context, d *intake.Desk, f *intake.Feed, it *intake.Item, raw []byte) (*intake.Reading, error) {
	res, err := parse(raw)
	if err != nil {
		return nil, err
	}
	return message(ctx, d, f, it, res)
}

// headerOf is the MessageHeader of a message.
func headerOf(bundle *fhir.Resource) (*r4.MessageHeader, error) {
	if bundle.Type() != "Bundle" || !bundle.Root().Get("type").Is("message") {
		return nil, fhir.Errorf(fhir.Invalid, "it is a %s, not a Bundle of type message", bundle.Type()).At("Bundle.type")
	}
	first := bundle.Root().Get("entry").First().Get("resource").Resource()
	if first == nil || first.Type() != "MessageHeader" {
		return nil, fhir.Errorf(fhir.Invalid, "a message begins with a MessageHeader").At("Bundle.entry[0]")
	}
	h := &r4.MessageHeader{}
	if err := r4.Decode(first, h); err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the MessageHeader cannot be read: %w", err).At("Bundle.entry[0]")
	}
	if h.EventCoding == nil && h.EventUri == "" {
		return nil, fhir.Errorf(fhir.Invalid, "the MessageHeader does not say what happened (event)").At("MessageHeader.event")
	}
	return h, nil
}

func message(ctx context.Context, d *intake.Desk, f *intake.Feed, it *intake.Item, bundle *fhir.Resource) (*intake.Reading, error) {
	header, err := headerOf(bundle)
	if err != nil {
		return nil, err
	}
	s := newSet(ctx, d, f, it, true)
	if header.Response != nil {
		s.notes["an answer to a message: "+header.Response.Code]++
	}
	n := -1
	for e := range bundle.Root().Get("entry").Items() {
		n++
		if e.Get("resource").Get("resourceType").Is("OperationOutcome") {
			continue // the details of an answer
		}
		s.take(e, n)
	}
	for _, focus := range header.Focus {
		x := s.named(focus.Reference)
		switch {
		case x == nil && header.Response == nil && !strings.Contains(focus.Reference, "://"):
			s.refuse(s.entries[0], errors.New("the message is about "+focus.Reference+", which is not in it"))
		case x != nil && x.typ == "ServiceRequest":
			if err := s.referral(bundle, header, focus.Reference, x); err != nil {
				return nil, err
			}
		}
	}
	return s.reading()
}

// named is the entry that a reference leads to.
func (s *set) named(ref string) *entry {
	to := s.names[ref]
	for _, x := range s.entries {
		if to != "" && to == x.typ+"/"+x.id {
			return x
		}
	}
	return nil
}

// states are what a request's state makes of the task of taking it on.
var states = map[string]string{"draft": "draft", "active": "requested", "on-hold": "on-hold", "revoked": "cancelled", "entered-in-error": "entered-in-error", "completed": "completed", "unknown": "requested"}

// referral makes the task of taking a referral on, and the document that it is.
func (s *set) referral(bundle *fhir.Resource, h *r4.MessageHeader, ref string, x *entry) error {
	request := &r4.ServiceRequest{}
	if err := r4.Decode(x.res, request); err != nil {
		s.refuse(x, err)
		return nil
	}
	what := "Referral"
	if request.Code != nil {
		if request.Code.Text != "" {
			what += ": " + request.Code.Text
		} else if len(request.Code.Coding) > 0 && request.Code.Coding[0].Display != "" {
			what += ": " + request.Code.Coding[0].Display
		}
	}
	about := &r4.Reference{Reference: ref}
	task := &r4.Task{Identifier: []r4.Identifier{fact.Source(s.feed.Name, x.id+"|task")}, Status: states[request.Status], Intent: "order", Code: fact.Text("Take on a referral"), Description: what, Focus: about, For: request.Subject,
		AuthoredOn: request.AuthoredOn, Requester: request.Requester, Owner: s.owner(h, request)}
	switch request.Priority {
	case "routine", "urgent", "asap", "stat":
		task.Priority = request.Priority
	}
	if h.Reason != nil && len(h.Reason.Coding) > 0 && h.Reason.Coding[0].Code == "delete" {
		task.Status = "cancelled"
	}
	document := &r4.DocumentReference{Identifier: []r4.Identifier{fact.Source(s.feed.Name, x.id+"|document")}, Status: "current", Type: fact.Text("Referral"), Description: what, Subject: request.Subject, Date: atLeastSecond(request.AuthoredOn),
		Content: []r4.DocumentReferenceContent{{Attachment: &r4.Attachment{ContentType: "application/fhir+json", Title: what, Data: base64.StdEncoding.EncodeToString(bundle.Bytes())}}},
		Context: &r4.DocumentReferenceContext{Related: []r4.Reference{*about}}}
	for _, made := range []struct {
		key  string
		x    any
		once bool
	}{{x.id + "|task", task, task.Status == "requested"}, {x.id + "|document", document, false}} {
		res, err := fhir.Parse(r4.Encode(made.x))
		if err != nil {
			return fhir.Errorf(fhir.Broken, "the task of %s cannot be written: %w", ref, err)
		}
		// What staff have done with the task meanwhile stays when the same referral comes again.
		s.add(&entry{res: res, place: x.place, key: made.key, once: made.once})
	}
	return nil
}

// owner is who is asked to take a referral on.
func (s *set) owner(h *r4.MessageHeader, request *r4.ServiceRequest) *r4.Reference {
	if len(request.Performer) > 0 {
		return &request.Performer[0]
	}
	if len(h.Destination) == 0 {
		return nil
	}
	d := h.Destination[0]
	if d.Receiver != nil {
		return d.Receiver
	}
	if d.Name == "" {
		return &r4.Reference{Type: "Organization", Display: d.Endpoint}
	}
	return &r4.Reference{Type: "Organization", Display: d.Name}
}

// atLeastSecond is a time that can be an instant, none where only the day is known.
func atLeastSecond(d fhir.DateTime) fhir.DateTime {
	if d.Precision() >= fhir.Second {
		return d
	}
	return fhir.DateTime{}
}

// Sender says who answers a message.
type Sender struct {
	Name, Endpoint string
	Now            func() time.Time // nil for time.Now
}

// Answer makes the message that acknowledges another: code ok, or fatal-error with the reason for which it was refused. A fault of ours that will pass
// is a transient-error: the sender may try again.
func (by Sender) Answer(to []byte, refused error) ([]byte, error) {
	bundle, err := parse(to)
	if err != nil {
		return nil, err
	}
	h, err := headerOf(bundle)
	if err != nil {
		return nil, err
	}
	now := time.Now
	if by.Now != nil {
		now = by.Now
	}
	id := uuid(by.Endpoint, h.ID)
	answer := &r4.MessageHeader{ID: id, EventCoding: h.EventCoding, EventUri: h.EventUri, Source: &r4.MessageHeaderSource{Name: by.Name, Endpoint: by.Endpoint}, Response: &r4.MessageHeaderResponse{Identifier: h.ID, Code: "ok"}}
	if h.Source != nil && h.Source.Endpoint != "" {
		answer.Destination = []r4.MessageHeaderDestination{{Name: h.Source.Name, Endpoint: h.Source.Endpoint}}
	}
	out := &r4.Bundle{ID: uuid(by.Endpoint, "bundle "+h.ID), Type: "message", Timestamp: fhir.DateTimeOf(now().UTC().Truncate(time.Second))}
	var more *fhir.Resource
	detail := uuid(by.Endpoint, "outcome "+h.ID)
	if refused != nil {
		answer.Response.Code = "fatal-error"
		code := "invalid"
		switch fhir.KindOf(refused) {
		case fhir.Busy, fhir.Broken, fhir.NoRoom:
			answer.Response.Code, code = "transient-error", "transient"
		}
		answer.Response.Details = &r4.Reference{Reference: "urn:uuid:" + detail}
		if more, err = r4.Resource(&r4.OperationOutcome{ID: detail, Issue: []r4.OperationOutcomeIssue{{Severity: "error", Code: code, Diagnostics: refused.Error()}}}); err != nil {
			return nil, err
		}
	}
	head, err := r4.Resource(answer)
	if err != nil {
		return nil, err
	}
	out.Entry = []r4.BundleEntry{{FullUrl: "urn:uuid:" + id, Resource: head}}
	if more != nil {
		out.Entry = append(out.Entry, r4.BundleEntry{FullUrl: "urn:uuid:" + detail, Resource: more})
	}
	return r4.Encode(out), nil
}

// uuid is the same for the same message, so that an answer sent twice is one.
func uuid(endpoint, of string) string {
	h := intake.ID(endpoint, "answer", of)
	return h[:8] + "-" + h[8:12] + "-5" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}
