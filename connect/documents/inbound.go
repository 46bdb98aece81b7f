package documents

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// File reads a file that arrived as a document: a PDF, a picture, a text. The person is found by an NHS number in the file's name
// (9990000018_discharge_2026-11-20.pdf); where there is none, the document belongs to nobody yet and its Task says so. It is the Reader of feeds
// of kind documents.
func File(ctx context.Context, d *intake.Desk, f *intake.Feed, it *intake.Item, raw []byte) (*intake.Reading, error) {
	kind, err := contentOf(it.Name, raw)
	if err != nil {
		return nil, err
	}
	id := intake.ID(f.Name, "DocumentReference", it.SHA256)
	source := intake.Source(f.Name, it.Number, "file")
	binary := &r4.Binary{ID: intake.ID(f.Name, "Binary", it.SHA256), Meta: &r4.Meta{Source: source}, ContentType: kind, Data: base64.StdEncoding.EncodeToString(raw)}
	name := path.Base(it.Name)
	size := len(raw)
	doc := &r4.DocumentReference{ID: id, Meta: &r4.Meta{Source: source}, Identifier: []r4.Identifier{{System: "urn:kith:source:" + f.Name, Value: it.SHA256}}, Status: "current", DocStatus: "final", Description: name,
		Type: &r4.CodeableConcept{Text: typeOf(name)}, Date: fhir.DateTimeOf(it.Received), Author: []r4.Reference{{Display: f.Title}},
		Content: []r4.DocumentReferenceContent{{Attachment: &r4.Attachment{ContentType: kind, URL: "Binary/" + binary.ID, Title: name, Size: &size}}}}
	reading := &intake.Reading{Rows: intake.Rows{In: 1, Filed: 1}}
	if number := numberIn(name); number != "" {
		page, err := d.Door.Find(ctx, d.Who, "Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|"+number)
		if err != nil {
			return nil, err
		}
		if len(page.Matches) > 0 {
			doc.Subject = &r4.Reference{Reference: page.Matches[0].Ref()}
			binary.SecurityContext = doc.Subject
			reading.Patients = []string{page.Matches[0].ID}
		} else {
			doc.Description += " (nobody here has NHS number " + number + ")"
		}
	}
	for _, r := range []struct {
		typ, id string
		res     any
	}{{"Binary", binary.ID, binary}, {"DocumentReference", doc.ID, doc}} {
		o, err := op(r.typ, r.id, r.res)
		if err != nil {
			return nil, err
		}
		reading.Ops = append(reading.Ops, o)
	}
	return reading, nil
}

// contentOf says what a file is from its bytes, and refuses what no reader could open.
func contentOf(name string, raw []byte) (string, error) {
	if len(raw) == 0 {
		return "", fhir.Errorf(fhir.Invalid, "%s is empty", path.Base(name))
	}
	switch {
	case bytes.HasPrefix(raw, []byte("%PDF-")):
		if !bytes.Contains(raw[max(0, len(raw)-2048):], []byte("%%EOF")) {
			return "", fhir.Errorf(fhir.Invalid, "%s is a PDF that was cut off: its end is missing. Ask for it again", path.Base(name))
		}
		return "application/pdf", nil
	case bytes.HasPrefix(raw, []byte("II*\x00")), bytes.HasPrefix(raw, []byte("MM\x00*")):
		return "image/tiff", nil
	case bytes.HasPrefix(raw, []byte("PK\x03\x04")) && strings.HasSuffix(strings.ToLower(name), ".docx"):
		return "application/vnd.openxmlformats-officedocument.wordprocessingml.document", nil
	}
	switch kind := http.DetectContentType(raw); {
	case strings.HasPrefix(kind, "image/"):
		return kind, nil
	case strings.HasPrefix(kind, "text/plain"):
		return "text/plain; charset=utf-8", nil
	}
	return "", fhir.Errorf(fhir.Unsupported, "%s is neither a PDF, a picture, a Word document nor a text", path.Base(name))
}

// numberIn is an NHS number in a file's name, "" where there is none with a right check digit.
func numberIn(name string) string {
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return r < '0' || r > '9' }) {
		if len(part) != 10 {
			continue
		}
		sum := 0
		for i := range 9 {
			sum += int(part[i]-'0') * (10 - i)
		}
		if (11-sum%11)%11 == int(part[9]-'0') {
			return part
		}
	}
	return ""
}

// typeOf is what a file's name says it is: the words between the numbers.
func typeOf(name string) string {
	stem := strings.TrimSuffix(name, path.Ext(name))
	for part := range strings.FieldsFuncSeq(stem, func(r rune) bool { return r == '_' || r == '-' || r == ' ' || r == '.' || r >= '0' && r <= '9' }) {
		if len(part) > 2 {
			return part
		}
	}
	return "document"
}

// Watch gives every document that comes in an owner, from where it left off, until ctx ends.
func (s *Service) Watch(ctx context.Context) error {
	return s.Door.Follow(ctx, s.who(), "documents", []string{"DocumentReference"}, func(ctx context.Context, changes []record.Stored) ([]record.Op, error) {
		var ops []record.Op
		for i := range changes {
			if changes[i].Deleted || !changes[i].Created {
				continue
			}
			o, err := s.owned(ctx, &changes[i])
			if err != nil {
				return nil, err
			}
			ops = append(ops, o...)
		}
		return ops, nil
	})
}

// owned is the Task of a new document, nothing where it needs none: one of our own, or one that came with a practice's record.
func (s *Service) owned(ctx context.Context, stored *record.Stored) ([]record.Op, error) {
	var doc r4.DocumentReference
	if err := stored.Decode(&doc); err != nil {
		return nil, err
	}
	source := ""
	if doc.Meta != nil {
		source = doc.Meta.Source
	}
	feed, rest, ok := intake.SourceOf(source)
	if !ok || !strings.Contains(rest, "#") {
		return nil, nil // written here, or a row of an extract: the practice has dealt with it
	}
	owner, err := s.ownerOf(ctx, doc.Subject)
	if err != nil {
		return nil, err
	}
	id := intake.ID(feed, "Task", reviewCode+"\x00"+stored.ID)
	now := s.now()
	words := "Look at this document"
	if doc.Subject == nil {
		words = "Find out whose document this is, and look at it"
	}
	t := &r4.Task{ID: id, Status: "requested", Intent: "order", Priority: "routine", Code: taskOf(reviewCode, words), Description: strings.TrimSpace(kindOf(&doc) + " from " + fromOf(&doc, feed)), Focus: &r4.Reference{Reference: stored.Ref()},
		For: doc.Subject, AuthoredOn: fhir.DateTimeOf(now), LastModified: fhir.DateTimeOf(now), Requester: &r4.Reference{Display: "Kith, documents"}, Owner: owner,
		Restriction: &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(now.Add(ownedWithin))}}}
	o, err := op("Task", id, t)
	o.Same = true
	return []record.Op{o}, err
}

func kindOf(doc *r4.DocumentReference) string {
	if doc.Type != nil {
		if doc.Type.Text != "" {
			return doc.Type.Text
		}
		if len(doc.Type.Coding) > 0 && doc.Type.Coding[0].Display != "" {
			return doc.Type.Coding[0].Display
		}
	}
	if doc.Description != "" {
		return doc.Description
	}
	return "Document"
}

func fromOf(doc *r4.DocumentReference, feed string) string {
	for _, a := range doc.Author {
		if a.Display != "" {
			return a.Display
		}
	}
	return feed
}

// desk is who owns what belongs to nobody.
func (s *Service) desk() *r4.Reference {
	if s.Owner != "" {
		return &r4.Reference{Reference: s.Owner, Display: "the desk"}
	}
	return &r4.Reference{Identifier: &r4.Identifier{System: odsSystem, Value: s.Organization}, Display: s.Name}
}

// ownerOf is who looks after somebody's documents: the organisation of their newest registration with a practice, else the desk.
func (s *Service) ownerOf(ctx context.Context, subject *r4.Reference) (*r4.Reference, error) {
	desk := s.desk()
	if subject == nil {
		return desk, nil
	}
	episodes, err := all[r4.EpisodeOfCare](ctx, s, "EpisodeOfCare?patient="+subject.Reference+"&status=active")
	if err != nil {
		return nil, err
	}
	newest, owner := "", desk
	for _, e := range episodes {
		if e.ManagingOrganization == nil || e.Period == nil {
			continue
		}
		if start := fmt.Sprint(e.Period.Start); start >= newest {
			newest, owner = start, e.ManagingOrganization
		}
	}
	return owner, nil
}

// Escalate tells a person of every document that nobody has taken up in a day.
func (s *Service) Escalate(ctx context.Context) error {
	now := s.now()
	tasks, err := all[r4.Task](ctx, s, "Task?code="+taskSystem+"|"+reviewCode+"&status=requested")
	if err != nil {
		return err
	}
	for _, t := range tasks {
		if t.Priority == "urgent" || t.Restriction == nil || t.Restriction.Period == nil || !t.Restriction.Period.End.Low().Before(now) {
			continue
		}
		err := s.changeTask(ctx, t.ID, func(t *r4.Task) {
			if t.Status != "requested" {
				return
			}
			t.Priority = "urgent"
			t.Note = append(t.Note, r4.Annotation{Time: fhir.DateTimeOf(now), Text: "Nobody has taken this up in a day. It goes to the desk."})
			t.Owner = s.desk()
		})
		if err != nil {
			return err
		}
	}
	return nil
}
