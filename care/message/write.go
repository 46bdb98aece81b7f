package message

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/words"
)

// Draft is what somebody writes.
type Draft struct {
	Patient string // whose record it is in
	Thread  string // the thread that is answered, "" for a new one
	To      string // of a new one: the reference of a team that takes messages
	Subject string // of a new one
	Words   string
	Photos  []Photo
	Once    string // names what is sent, so that sending it twice is one message
	ForThem bool   // staff write down what the person says, at the desk or on the telephone
	Medium  string // email or text, "" for these pages
}

// Limits of what may be written, in characters, and of photographs with one message.
const (
	MostWords   = 4000
	MostSubject = 120
	MostPhotos  = 3
)

// Write keeps a message and answers its thread: a new one also where the thread answered is closed. The errors are Invalid, with the place of what is wrong
// (words, subject, to, photo), and what the policy says.
func (s *Service) Write(ctx context.Context, who access.Actor, d Draft) (thread string, err error) {
	d.Words, d.Subject = strings.TrimSpace(d.Words), strings.TrimSpace(d.Subject)
	switch {
	case d.Words == "" && len(d.Photos) == 0:
		return "", refuse(fhir.Invalid, "words", words.Text("Write a message"))
	case utf8.RuneCountInString(d.Words) > MostWords:
		return "", refuse(fhir.Invalid, "words", words.Text("Write no more than 4,000 characters"))
	case utf8.RuneCountInString(d.Subject) > MostSubject:
		return "", refuse(fhir.Invalid, "subject", words.Text("Write no more than 120 characters"))
	case len(d.Photos) > MostPhotos:
		return "", refuse(fhir.Invalid, "photo", TooManyPhotos)
	}
	c, err := s.compose(ctx, who, &d)
	if err != nil {
		return "", err
	}
	key := ""
	if d.Once != "" {
		key = idOf("", who.ID, d.Patient, d.Once)
	}
	ops, err := withPhotos(c, d.Photos, key)
	if err != nil {
		return "", err
	}
	made, err := s.Door.Commit(ctx, who, ops)
	if err != nil {
		return "", err
	}
	if made[0].Outcome == record.Matched { // it was sent before
		before, _, err := get[r4.Communication](ctx, s, who, made[0].Ref())
		return threadOf(&before), err
	}
	return threadOf(c), nil
}

// formSystem is the system of the identifiers by which what is sent twice is known again.
const formSystem = "urn:kith:form"

// once is the operation that makes a Communication unless one was made of the same key; "" always makes one.
func once(c *r4.Communication, key string) (record.Op, error) {
	o := record.Op{Method: record.Create, Type: "Communication"}
	if key != "" {
		c.Identifier = append(slices.Clone(c.Identifier), r4.Identifier{System: formSystem, Value: key})
		o.IfNoneExist = "identifier=" + formSystem + "|" + key
	}
	var err error
	o.Resource, err = fhir.Parse(r4.Encode(c))
	return o, err
}

// refuse is an error whose sentence is for whoever wrote, in English: pages show it in the reader's language.
func refuse(kind fhir.ErrKind, at, text string) error {
	return fhir.Errorf(kind, "%s", text).At(at)
}

// compose is the Communication of a draft.
func (s *Service) compose(ctx context.Context, who access.Actor, d *Draft) (*r4.Communication, error) {
	now := fhir.DateTimeOf(s.now())
	person := &r4.Reference{Reference: "Patient/" + d.Patient}
	c := &r4.Communication{Status: "completed", Category: kind(kindMessage), Subject: person, Sent: now, Medium: mediums(d.Medium)}
	if d.Words != "" {
		c.Payload = []r4.CommunicationPayload{{ContentString: d.Words}}
	}
	team := r4.Reference{}
	thread := d.Thread
	if d.Thread != "" {
		before, err := s.Thread(ctx, who, d.Patient, d.Thread)
		if err != nil {
			return nil, err
		}
		if !before.Answerable() {
			return nil, refuse(fhir.Invalid, "words", words.Text("Nobody reads answers to this message. Write a new one"))
		}
		last := before.Entries[len(before.Entries)-1]
		team, d.Subject = r4.Reference{Reference: before.TeamRef, Display: before.Team}, before.Subject
		answered := r4.Reference{Reference: "Communication/" + last.ID}
		if before.Closed {
			thread = s.Door.NewID()
			answered.Identifier = &r4.Identifier{System: threadSystem, Value: before.ID}
		}
		c.InResponseTo = []r4.Reference{answered}
	} else {
		var err error
		if team, err = s.team(ctx, who, d); err != nil {
			return nil, err
		}
		thread = s.Door.NewID()
	}
	c.Identifier = []r4.Identifier{{System: threadSystem, Value: thread}}
	c.About = []r4.Reference{team}
	if d.Subject != "" {
		c.Topic = &r4.CodeableConcept{Text: d.Subject}
	}
	c.Sender, c.Note = senderOf(who, d)
	c.Recipient = []r4.Reference{team}
	if !fromPerson(c) {
		c.Recipient = []r4.Reference{*person}
	}
	return c, nil
}

// team is to whom a new message goes, or, of staff who write to a person, in whose name.
func (s *Service) team(ctx context.Context, who access.Actor, d *Draft) (r4.Reference, error) {
	teams, err := s.Teams(ctx, who, d.Patient)
	if err != nil {
		return r4.Reference{}, err
	}
	i := slices.IndexFunc(teams, func(t Team) bool { return t.Ref == d.To })
	if i < 0 {
		return r4.Reference{}, refuse(fhir.Invalid, "to", words.Text("Choose who the message is for"))
	}
	return r4.Reference{Reference: teams[i].Ref, Display: teams[i].Name}, nil
}

// senderOf is who wrote it, and who wrote it down for them. Somebody whom a person trusts is named and not referred to: a reference would put the message into
// their own record too.
func senderOf(who access.Actor, d *Draft) (*r4.Reference, []r4.Annotation) {
	switch {
	case who.Role == "patient" && who.Patient == d.Patient:
		return &r4.Reference{Reference: "Patient/" + d.Patient}, nil
	case who.Role == "patient":
		return &r4.Reference{Type: "RelatedPerson", Display: who.Name}, nil
	case d.ForThem:
		return &r4.Reference{Reference: "Patient/" + d.Patient}, []r4.Annotation{{Text: who.Name}}
	}
	ref := &r4.Reference{Type: "Practitioner", Display: who.Name}
	if r := fhir.ParseReference(who.ID); r.Type == "Practitioner" || r.Type == "PractitionerRole" {
		ref.Reference, ref.Type = who.ID, ""
	}
	return ref, nil
}

// Names by which a message and its photographs refer to each other until they have ids.
const (
	messageURL = "urn:uuid:5b0c7c35-6a1e-4d0b-9a5e-3f6a5d9d8e00"
	photoURL   = "urn:uuid:5b0c7c35-6a1e-4d0b-9a5e-3f6a5d9d8e0%d" // from 1
)

// withPhotos are the operations of a message and its photographs: all are made, or none. The message names them, so that a conversation can be read without
// reading them.
func withPhotos(c *r4.Communication, photos []Photo, key string) ([]record.Op, error) {
	thread := slices.Clone(c.Identifier)
	for i := range photos {
		c.Payload = append(c.Payload, r4.CommunicationPayload{ContentReference: &r4.Reference{Reference: fmt.Sprintf(photoURL, i+1)}})
	}
	o, err := once(c, key)
	if err != nil {
		return nil, err
	}
	o.FullURL = messageURL
	ops := []record.Op{o}
	for i, p := range photos {
		size := len(p.JPEG)
		one := &r4.Communication{Identifier: thread, PartOf: []r4.Reference{{Reference: messageURL}}, Status: "completed", Category: kind(kindPhotograph), Subject: c.Subject, Sender: c.Sender, Recipient: c.Recipient, Sent: c.Sent,
			Payload: []r4.CommunicationPayload{{ContentAttachment: &r4.Attachment{ContentType: "image/jpeg", Data: base64.StdEncoding.EncodeToString(p.JPEG), Size: &size}}}}
		part := ""
		if key != "" {
			part = fmt.Sprint(key, "-photo-", i+1)
		}
		o, err := once(one, part)
		if err != nil {
			return nil, err
		}
		o.FullURL = fmt.Sprintf(photoURL, i+1)
		ops = append(ops, o)
	}
	return ops, nil
}

// Picture is a photograph of a person's message, as JPEG, for whoever may read that.
func (s *Service) Picture(ctx context.Context, who access.Actor, patient, id string) ([]byte, error) {
	c, err := s.photograph(ctx, who, patient, id)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(c.Payload[0].ContentAttachment.Data)
}

// Keep puts a photograph of a message into the person's clinical record, as a document that whoever keeps it answers for. It is there once however often it is
// kept. Who may is decided as for any document.
func (s *Service) Keep(ctx context.Context, who access.Actor, patient, id string) error {
	c, err := s.photograph(ctx, who, patient, id)
	if err != nil {
		return err
	}
	author, _ := senderOf(who, &Draft{})
	key := idOf("keep-", id)
	d := &r4.DocumentReference{Identifier: []r4.Identifier{{System: formSystem, Value: key}}, Status: "current", DocStatus: "final", Type: &r4.CodeableConcept{Text: "Photograph from a message"}, Description: "Photograph that the person sent with a message", Subject: c.Subject,
		Date: fhir.DateTimeOf(s.now()), Author: []r4.Reference{*author}, Content: []r4.DocumentReferenceContent{{Attachment: c.Payload[0].ContentAttachment}},
		Context: &r4.DocumentReferenceContext{Period: &r4.Period{Start: c.Sent}, Related: []r4.Reference{{Reference: "Communication/" + id}}}}
	res, err := fhir.Parse(r4.Encode(d))
	if err != nil {
		return err
	}
	_, err = s.Door.Commit(ctx, who, []record.Op{{Method: record.Create, Type: "DocumentReference", Resource: res, IfNoneExist: "identifier=" + formSystem + "|" + key}})
	return err
}

// photograph is a photograph of a person's message.
func (s *Service) photograph(ctx context.Context, who access.Actor, patient, id string) (*r4.Communication, error) {
	none := fhir.Errorf(fhir.NotFound, "there is no such photograph")
	if !fhir.ValidID(id) {
		return nil, none
	}
	c, ok, err := get[r4.Communication](ctx, s, who, "Communication/"+id)
	if err != nil {
		return nil, err
	}
	if !ok || !coded(c.Category, kindSystem, kindPhotograph) || c.Subject == nil || len(c.Payload) == 0 || c.Payload[0].ContentAttachment == nil {
		return nil, none
	}
	group, err := s.Door.Person(ctx, patient)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(append(group, patient), patientOf(c.Subject)) {
		return nil, none
	}
	return &c, nil
}

// Close ends a thread for both sides, saying why. It is Conflict where it is closed already.
func (s *Service) Close(ctx context.Context, who access.Actor, patient, thread, why string, forThem bool) error {
	why = strings.TrimSpace(why)
	switch {
	case why == "":
		return refuse(fhir.Invalid, "why", words.Text("Say why you close it"))
	case utf8.RuneCountInString(why) > 200:
		return refuse(fhir.Invalid, "why", words.Text("Write no more than 200 characters"))
	}
	t, err := s.Thread(ctx, who, patient, thread)
	if err != nil {
		return err
	}
	if t.Closed {
		return fhir.Errorf(fhir.Conflict, "this conversation is closed already")
	}
	if !t.Answerable() {
		return fhir.Errorf(fhir.Invalid, "this message needs no closing").At("why")
	}
	last := t.Entries[len(t.Entries)-1]
	sender, note := senderOf(who, &Draft{Patient: patient, ForThem: forThem})
	person := r4.Reference{Reference: "Patient/" + patient}
	team := r4.Reference{Reference: t.TeamRef, Display: t.Team}
	c := &r4.Communication{Identifier: []r4.Identifier{{System: threadSystem, Value: t.ID}}, InResponseTo: []r4.Reference{{Reference: "Communication/" + last.ID}}, Status: "completed", Category: kind(kindClose), Subject: &person,
		Sender: sender, Note: note, About: []r4.Reference{team}, Recipient: []r4.Reference{team}, Sent: fhir.DateTimeOf(s.now()), Payload: []r4.CommunicationPayload{{ContentString: why}}}
	if !fromPerson(c) {
		c.Recipient = []r4.Reference{person}
	}
	// Its key is that of closing after this message, so that two who close at once close it once.
	o, err := once(c, idOf("close-", t.ID, last.ID))
	if err != nil {
		return err
	}
	made, err := s.Door.Commit(ctx, who, []record.Op{o})
	if err == nil && made[0].Outcome == record.Matched {
		return fhir.Errorf(fhir.Conflict, "this conversation is closed already")
	}
	return err
}

// Seen notes that the person has read what was written to them, or the team what the person wrote.
func (s *Service) Seen(ctx context.Context, who access.Actor, t *Thread, person bool) error {
	var ops []record.Op
	now := fhir.DateTimeOf(s.now())
	for _, e := range t.Entries {
		if e.FromPerson != person && e.Read.IsZero() {
			ops = append(ops, change("Communication", e.ID, func(c *r4.Communication) {
				if c.Received.Precision() == 0 {
					c.Received = now
				}
			}))
		}
	}
	if len(ops) == 0 {
		return nil
	}
	_, err := s.Door.Commit(ctx, who, ops)
	return err
}
