package documents

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// The events of our messages.
const (
	eventSystem   = "urn:kith:message-event"
	letterEvent   = "letter"
	referralEvent = "referral"
	dealtEvent    = "dealt-with"
)

// sendMessage sends a letter as a FHIR message and reads what comes back.
func (s *Service) sendMessage(ctx context.Context, address string, p *parcel) (string, error) {
	body, err := s.message(p)
	if err != nil {
		return "", err
	}
	answer, err := s.post(ctx, address, body)
	if err != nil {
		return "", err
	}
	header, err := headerOf(answer)
	if err != nil {
		return "", fhir.Errorf(fhir.Busy, "%s answers with something that is no message: %w", address, err)
	}
	if header.Response == nil || header.Response.Identifier != p.task.ID {
		return "", fhir.Errorf(fhir.Busy, "%s answers, but not to this letter", address)
	}
	if header.Response.Code != "ok" {
		return "", fhir.Errorf(fhir.Unprocessable, "%s refuses the letter (%s)", address, header.Response.Code)
	}
	return "acknowledged by a FHIR message", nil
}

// message is a Bundle of type message: header, letter, content, person, and the referral where there is one.
func (s *Service) message(p *parcel) ([]byte, error) {
	event := letterEvent
	if p.referral != nil {
		event = referralEvent
	}
	h := s.header(p.task.ID, event, p.to)
	h.Focus = []r4.Reference{{Reference: "urn:uuid:" + uuid(p.doc.ID)}}
	doc, patient, binary := p.doc, p.patient, p.binary
	resources := []any{}
	// What leaves refers to what goes with it, not to our record.
	subject := &r4.Reference{Reference: "urn:uuid:" + uuid(patient.ID)}
	doc.Subject, doc.Meta, patient.Meta, binary.Meta, binary.SecurityContext = subject, nil, nil, nil, nil
	patient.GeneralPractitioner, patient.ManagingOrganization, patient.Link = nil, nil, nil
	doc.Author, doc.Custodian, doc.Authenticator, doc.Context, doc.RelatesTo = []r4.Reference{{Display: s.Name}}, nil, nil, nil, nil
	for i := range doc.Content {
		if a := doc.Content[i].Attachment; a != nil && a.URL == "Binary/"+binary.ID {
			inner := *a
			inner.URL = "urn:uuid:" + uuid(binary.ID)
			doc.Content = append([]r4.DocumentReferenceContent(nil), doc.Content...)
			doc.Content[i].Attachment = &inner
		}
	}
	resources = append(resources, h, &doc, &binary, &patient)
	ids := []string{h.ID, doc.ID, binary.ID, patient.ID}
	if p.referral != nil {
		r := *p.referral
		r.Meta, r.Subject, r.Encounter, r.Performer, r.SupportingInfo = nil, subject, nil, nil, []r4.Reference{{Reference: "urn:uuid:" + uuid(doc.ID)}}
		r.Requester = &r4.Reference{Display: s.Name}
		h.Focus = append([]r4.Reference{{Reference: "urn:uuid:" + uuid(r.ID)}}, h.Focus...)
		resources, ids = append(resources, &r), append(ids, r.ID)
	}
	return s.bundle(resources, ids)
}

func (s *Service) header(id, event, to string) *r4.MessageHeader {
	return &r4.MessageHeader{ID: id, EventCoding: &r4.Coding{System: eventSystem, Code: event}, Source: &r4.MessageHeaderSource{Name: s.Name, Software: "Kith", Endpoint: or(s.Endpoint, "urn:kith:"+s.Organization)},
		Sender:      &r4.Reference{Identifier: &r4.Identifier{System: odsSystem, Value: s.Organization}, Display: s.Name},
		Destination: []r4.MessageHeaderDestination{{Endpoint: "urn:kith:" + to, Receiver: &r4.Reference{Identifier: &r4.Identifier{System: odsSystem, Value: to}}}}}
}

func (s *Service) bundle(resources []any, ids []string) ([]byte, error) {
	b := &r4.Bundle{Type: "message", Timestamp: fhir.DateTimeOf(s.now())}
	for i, r := range resources {
		res, err := fhir.Parse(r4.Encode(r))
		if err != nil {
			return nil, err
		}
		b.Entry = append(b.Entry, r4.BundleEntry{FullUrl: "urn:uuid:" + uuid(ids[i]), Resource: res})
	}
	return r4.Encode(b), nil
}

// uuid makes a UUID of an id of ours, the same each time.
func uuid(id string) string {
	h := intake.ID("uuid", "message", id)
	return h[:8] + "-" + h[8:12] + "-5" + h[13:16] + "-a" + h[17:20] + "-" + h[20:32]
}

func (s *Service) post(ctx context.Context, address string, body []byte) ([]byte, error) {
	if s.Post != nil {
		return s.Post(ctx, address, body)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "%q is no address: %w", address, err)
	}
	req.Header.Set("Content-Type", "application/fhir+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fhir.Errorf(fhir.Busy, "%s does not answer: %w", address, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxMessage))
	if err != nil {
		return nil, fhir.Errorf(fhir.Busy, "%s broke off: %w", address, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, fhir.Errorf(fhir.Busy, "%s answers %s", address, resp.Status)
	}
	return answer, nil
}

const maxMessage = 32 << 20

// headerOf is the MessageHeader of a message, its first entry.
func headerOf(body []byte) (*r4.MessageHeader, error) {
	res, err := fhir.Parse(body)
	if err != nil {
		return nil, err
	}
	if res.Type() != "Bundle" || !res.Root().Get("type").Is("message") {
		return nil, fhir.Errorf(fhir.Invalid, "it is no Bundle of type message")
	}
	for e := range res.Root().Get("entry").Items() {
		first := e.Get("resource").Resource()
		if first == nil || first.Type() != "MessageHeader" {
			return nil, fhir.Errorf(fhir.Invalid, "its first entry is no MessageHeader").At("Bundle.entry[0]")
		}
		h := &r4.MessageHeader{}
		return h, r4.Decode(first, h)
	}
	return nil, fhir.Errorf(fhir.Invalid, "it has no entries").At("Bundle.entry")
}

// Handler takes messages by POST, keeps and files them on a feed of kind letters, and answers. The answer is the technical
// acknowledgement: this side has it. That somebody has dealt with it, Dealt says later.
func (s *Service) Handler(desk *intake.Desk, feed string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "a message is sent by POST", http.StatusMethodNotAllowed)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
		if err != nil {
			http.Error(w, "the message is too large, or broke off", http.StatusRequestEntityTooLarge)
			return
		}
		if err := s.maySend(r, body); err != nil {
			w.Header().Set("WWW-Authenticate", `Bearer realm="Kith"`)
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		answer, err := s.Take(r.Context(), desk, feed, body)
		if err != nil {
			status := http.StatusBadRequest
			if k := fhir.KindOf(err); k == fhir.Busy || k == fhir.Broken || k == fhir.NoRoom {
				status = http.StatusServiceUnavailable
			}
			http.Error(w, err.Error(), status)
			return
		}
		w.Header().Set("Content-Type", "application/fhir+json")
		w.Write(answer)
	})
}

// maySend refuses whoever is not the sender that a message names: a backend service of that organisation that was allowed to bring
// what it records.
func (s *Service) maySend(r *http.Request, body []byte) error {
	if s.Sender == nil {
		return nil
	}
	who, err := s.Sender(r)
	if err != nil {
		return err
	}
	if who.Role != "system" || !who.App.Brings() {
		return fhir.Errorf(fhir.Forbidden, "the token is not one that may send messages: it needs system/*.c or system/Bundle.c")
	}
	h, err := headerOf(body)
	if err != nil {
		return nil // no message at all, which the answer says
	}
	if h.Sender == nil || h.Sender.Identifier == nil || h.Sender.Identifier.Value != who.Organization {
		return fhir.Errorf(fhir.Forbidden, "the message does not say that it is sent by %s, whose token it came with", who.Organization)
	}
	return nil
}

// Take files a message and gives its answer. One that came before gets the same answer again and changes nothing.
func (s *Service) Take(ctx context.Context, desk *intake.Desk, feed string, body []byte) ([]byte, error) {
	h, err := headerOf(body)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "this is not a FHIR message: %w", err)
	}
	if h.Response != nil {
		return s.acknowledged(ctx, h)
	}
	it, err := desk.Receive(ctx, feed, "message "+h.ID, body, s.Letter)
	code := "ok"
	switch {
	case err != nil && (it == nil || it.Status == intake.Pending):
		return nil, err
	case err != nil || it.Status != intake.Filed:
		code = "fatal-error"
	}
	to := ""
	if h.Sender != nil && h.Sender.Identifier != nil {
		to = h.Sender.Identifier.Value
	}
	answer := s.header(uuid(h.ID+" answer"), h.EventCoding.Code, to)
	answer.Response = &r4.MessageHeaderResponse{Identifier: h.ID, Code: code}
	return s.bundle([]any{answer}, []string{answer.ID})
}

// Letter reads a message with a letter in it: the Reader of feeds of kind letters. The person is one of this sender's own: who that is here,
// matching says.
func (s *Service) Letter(ctx context.Context, d *intake.Desk, f *intake.Feed, it *intake.Item, raw []byte) (*intake.Reading, error) {
	h, err := headerOf(raw)
	if err != nil {
		return nil, err
	}
	if h.ID == "" || h.EventCoding == nil || h.EventCoding.System != eventSystem || h.EventCoding.Code != letterEvent && h.EventCoding.Code != referralEvent {
		return nil, fhir.Errorf(fhir.Unsupported, "the message is about something else than a letter or a referral")
	}
	bundle, err := fhir.Parse(raw)
	if err != nil {
		return nil, err
	}
	reading := &intake.Reading{}
	ids := map[string]string{}
	docs := 0
	type one struct {
		url string
		res *fhir.Resource
	}
	var all []one
	for e := range bundle.Root().Get("entry").Items() {
		res := e.Get("resource").Resource()
		if res == nil {
			return nil, fhir.Errorf(fhir.Invalid, "an entry of the message has no resource")
		}
		switch res.Type() {
		case "MessageHeader":
			continue
		case "DocumentReference":
			docs++
		case "Binary", "Patient", "ServiceRequest", "Practitioner", "Organization":
		default:
			return nil, fhir.Errorf(fhir.Unsupported, "a letter carries no %s", res.Type())
		}
		url := e.Get("fullUrl").Text()
		ids[url] = res.Type() + "/" + intake.ID(f.Name, res.Type(), or(res.ID(), url))
		all = append(all, one{url, res})
	}
	if docs == 0 {
		return nil, fhir.Errorf(fhir.Invalid, "the message has no letter in it (no DocumentReference)")
	}
	for _, o := range all {
		typ, id, _ := strings.Cut(ids[o.url], "/")
		res, err := arrived(o.res, id, intake.Source(f.Name, it.Number, typ), ids)
		if err != nil {
			return nil, err
		}
		reading.Ops = append(reading.Ops, record.Op{Method: record.Update, Type: typ, ID: id, Resource: res, Same: true})
		if typ == "Patient" {
			reading.Patients = append(reading.Patients, id)
		}
	}
	return reading, nil
}

// arrived gives a resource of a message its id here, where it came from, and references to what came with it.
func arrived(res *fhir.Resource, id, source string, ids map[string]string) (*fhir.Resource, error) {
	text := string(res.Bytes())
	for url, ref := range ids {
		text = strings.ReplaceAll(text, `"`+url+`"`, `"`+ref+`"`)
	}
	parsed, err := fhir.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	ops := []fhir.PatchOp{}
	patch := func(path, value string) error {
		more, err := fhir.ParseJSONPatch([]byte(`[{"op":"add","path":"` + path + `","value":` + value + `}]`))
		ops = append(ops, more...)
		return err
	}
	meta := string(fhir.AppendString(nil, source))
	err = errors.Join(patch("/id", `"`+id+`"`), patch("/meta", `{"source":`+meta+`}`))
	if err != nil {
		return nil, err
	}
	return parsed.Patch(ops)
}

// Dealt tells the sender of a letter that somebody here has dealt with it: the second acknowledgement. Message is the id of their message.
func (s *Service) Dealt(ctx context.Context, address, to, message, what string) error {
	h := s.header(uuid(message+" dealt"), dealtEvent, to)
	h.Response = &r4.MessageHeaderResponse{Identifier: message, Code: "ok"}
	h.Reason = &r4.CodeableConcept{Text: what}
	body, err := s.bundle([]any{h}, []string{h.ID})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	_, err = s.post(ctx, address, body)
	return err
}

// told marks a Task whose document's sender knows that it was dealt with.
const told = "the sender was told"

// TellSenders sends the second acknowledgement for letters that came as messages and have been dealt with here.
func (s *Service) TellSenders(ctx context.Context) error {
	if s.Intake == nil {
		return nil
	}
	done, err := all[r4.Task](ctx, s, "Task?code="+taskSystem+"|"+reviewCode+"&status=completed")
	if err != nil {
		return err
	}
	for i := range done {
		if slices.ContainsFunc(done[i].Output, func(o r4.TaskOutput) bool { return o.Type != nil && o.Type.Text == told }) {
			continue
		}
		if err := s.tell(ctx, &done[i]); err != nil && fhir.KindOf(err) != fhir.Busy {
			return err // one who does not answer is told the next time
		}
	}
	return nil
}

func (s *Service) tell(ctx context.Context, t *r4.Task) error {
	var doc r4.DocumentReference
	if err := s.get(ctx, t.Focus.Reference, &doc); err != nil {
		return err
	}
	said := "not asked for"
	if name, rest, ok := intake.SourceOf(doc.Meta.Source); ok {
		feed, err := s.Intake.Named(name)
		if err != nil {
			return err
		}
		if feed.Kind == "letters" {
			h, err := s.sender(ctx, rest)
			if err != nil {
				return err
			}
			what := "dealt with"
			if t.BusinessStatus != nil && t.BusinessStatus.Text != "" {
				what = t.BusinessStatus.Text
			}
			if err := s.Dealt(ctx, h.Source.Endpoint, h.Sender.Identifier.Value, h.ID, what); err != nil {
				return err
			}
			said = what
		}
	}
	return s.changeTask(ctx, t.ID, func(t *r4.Task) {
		t.Output = append(t.Output, r4.TaskOutput{Type: &r4.CodeableConcept{Text: told}, ValueString: said})
	})
}

// sender is the header of the message that an item holds.
func (s *Service) sender(ctx context.Context, rest string) (*r4.MessageHeader, error) {
	number, _, _ := strings.Cut(rest, "#")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return nil, fhir.Errorf(fhir.Broken, "%q names nothing that arrived", rest)
	}
	it, err := s.Intake.Item(ctx, n)
	if err != nil {
		return nil, err
	}
	raw, err := s.Intake.Raw(ctx, it)
	if err != nil {
		return nil, err
	}
	h, err := headerOf(raw)
	if err == nil && (h.Source == nil || h.Source.Endpoint == "" || h.Sender == nil || h.Sender.Identifier == nil) {
		err = fhir.Errorf(fhir.Invalid, "the message %s does not say where its sender is", h.ID)
	}
	return h, err
}

// acknowledged notes the second acknowledgement of a letter of ours.
func (s *Service) acknowledged(ctx context.Context, h *r4.MessageHeader) ([]byte, error) {
	id := h.Response.Identifier
	stored, err := s.Door.Get(ctx, s.who(), "Task", id)
	if err != nil {
		return nil, fhir.Errorf(fhir.NotFound, "no letter of ours has the id %s", id)
	}
	var t r4.Task
	if err := stored.Decode(&t); err != nil {
		return nil, err
	}
	if t.Owner == nil || t.Owner.Identifier == nil || h.Sender == nil || h.Sender.Identifier == nil || h.Sender.Identifier.Value != t.Owner.Identifier.Value {
		return nil, fhir.Errorf(fhir.Forbidden, "the letter %s was not sent to who acknowledges it", id)
	}
	what := "dealt with"
	if h.Reason != nil && h.Reason.Text != "" {
		what = h.Reason.Text
	}
	err = s.changeTask(ctx, id, func(t *r4.Task) {
		if t.Status == "completed" {
			return
		}
		t.Status = "completed"
		t.Output = append(t.Output, r4.TaskOutput{Type: &r4.CodeableConcept{Text: "dealt with"}, ValueString: what}, r4.TaskOutput{Type: &r4.CodeableConcept{Text: "dealt with at"}, ValueDateTime: fhir.DateTimeOf(s.now())})
	})
	if err != nil {
		return nil, err
	}
	answer := s.header(uuid(h.ID+" answer"), dealtEvent, h.Sender.Identifier.Value)
	answer.Response = &r4.MessageHeaderResponse{Identifier: h.ID, Code: "ok"}
	return s.bundle([]any{answer}, []string{answer.ID})
}
