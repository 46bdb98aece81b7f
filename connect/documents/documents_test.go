package documents

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/hl7"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

var clerk = access.Actor{ID: "Practitioner/clerk", Name: "A clerk", Role: "staff"}

// place is one organisation with its record.
type place struct {
	*Service
	desk *intake.Desk
	now  atomic.Int64
}

func newPlace(t *testing.T, db, ods, name string) *place {
	t.Helper()
	door := record.TestOn(t, db)
	desk, err := intake.Open(t.Context(), door)
	if err != nil {
		t.Fatal(err)
	}
	p := &place{desk: desk}
	p.now.Store(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC).UnixNano())
	clock := func() time.Time { return time.Unix(0, p.now.Load()).UTC() }
	p.Service = &Service{Door: door, Organization: ods, Name: name, Intake: desk, Now: clock}
	desk.Now = clock
	for _, f := range []intake.Feed{{Name: "letters", Kind: "letters", Title: "Letters"}, {Name: "scans", Kind: "documents", Title: "Scanned post"}} {
		if _, err := desk.Feed(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { p.Watch(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return p
}

func (p *place) put(t *testing.T, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		res, err := fhir.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Door.Commit(t.Context(), clerk, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
			t.Fatal(err)
		}
	}
}

// tasks are the tasks of a code, once there are n of them.
func (p *place) tasks(t *testing.T, code string, n int) []r4.Task {
	t.Helper()
	var out []r4.Task
	for range 200 {
		var err error
		if out, err = all[r4.Task](t.Context(), p.Service, "Task?code="+taskSystem+"|"+code); err != nil {
			t.Fatal(err)
		}
		if len(out) == n {
			return out
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%d tasks of %s, want %d", len(out), code, n)
	return nil
}

const okafor = `{"resourceType":"Patient","id":"okafor","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],"name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"1950-02-03","gender":"female"}`

func withLetter(t *testing.T, p *place, endpoints ...string) {
	t.Helper()
	p.put(t, okafor,
		`{"resourceType":"Organization","id":"hospital","name":"Merrowby General","identifier":[{"system":"`+odsSystem+`","value":"ZZ1"}]}`,
		`{"resourceType":"Binary","id":"text","contentType":"text/plain","data":"`+base64.StdEncoding.EncodeToString([]byte("Dear colleague, please see Mrs Okafor."))+`"}`,
		`{"resourceType":"DocumentReference","id":"letter","status":"current","docStatus":"final","description":"Referral letter","type":{"text":"Referral letter"},"subject":{"reference":"Patient/okafor"},"date":"2026-11-20T08:00:00Z","content":[{"attachment":{"contentType":"text/plain","url":"Binary/text"}}]}`,
		`{"resourceType":"ServiceRequest","id":"referral","status":"active","intent":"order","subject":{"reference":"Patient/okafor"},"code":{"text":"Cardiology"},"authoredOn":"2026-11-20"}`)
	p.put(t, endpoints...)
}

func endpoint(id, kind, address string) string {
	return fmt.Sprintf(`{"resourceType":"Endpoint","id":%q,"status":"active","connectionType":{"system":"http://terminology.hl7.org/CodeSystem/endpoint-connection-type","code":%q},"managingOrganization":{"reference":"Organization/hospital"},"payloadType":[{"text":"letters"}],"address":%q}`, id, kind, address)
}

// A practice refers Mrs Okafor to the hospital by a FHIR message; the hospital has it, deals with it, and the practice is told.
func TestALetterGoesToAnotherOrganisationAndBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		practice, hospital := newPlace(t, db, "ZZ001", "Mill Lane Surgery"), newPlace(t, "sqlite::memory:", "ZZ1", "Merrowby General")
		here := httptest.NewServer(practice.Handler(practice.desk, "letters"))
		defer here.Close()
		there := httptest.NewServer(hospital.Handler(hospital.desk, "letters"))
		defer there.Close()
		practice.Endpoint, hospital.Endpoint = here.URL, there.URL
		withLetter(t, practice, endpoint("hl7", "hl7v2-mllp", "mllp://127.0.0.1:1"), endpoint("fhir", "hl7-fhir-msg", there.URL))
		sent, err := practice.Send(t.Context(), clerk, Letter{Document: "letter", Referral: "referral", To: "ZZ1"})
		if err != nil || sent.Route.Kind != "fhir" {
			t.Fatalf("%+v %v", sent, err)
		}
		for range 2 { // delivering twice sends once
			if err := practice.Deliver(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		mine := practice.tasks(t, sendCode, 1)[0]
		if mine.Status != "received" || len(mine.Output) != 2 {
			t.Fatalf("after delivery the task says %s %+v %+v", mine.Status, mine.Output, mine.Note)
		}
		theirs := hospital.tasks(t, reviewCode, 1)[0]
		if theirs.Status != "requested" || theirs.For == nil || !strings.Contains(theirs.Description, "Mill Lane Surgery") {
			t.Fatalf("the hospital's task: %+v", theirs)
		}
		page, err := hospital.Door.Find(t.Context(), clerk, "ServiceRequest?subject="+theirs.For.Reference)
		if err != nil || len(page.Matches) != 1 {
			t.Fatalf("the referral did not come with the letter: %v", err)
		}
		var doc r4.DocumentReference
		if err := hospital.get(t.Context(), theirs.Focus.Reference, &doc); err != nil {
			t.Fatal(err)
		}
		var text r4.Binary
		if err := hospital.get(t.Context(), doc.Content[0].Attachment.URL, &text); err != nil || text.ContentType != "text/plain" {
			t.Fatalf("the letter's content did not come: %v", err)
		}
		if err := hospital.changeTask(t.Context(), theirs.ID, func(t *r4.Task) {
			t.Status, t.BusinessStatus = "completed", &r4.CodeableConcept{Text: "Seen in clinic on 3 December"}
		}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := hospital.TellSenders(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		mine = practice.tasks(t, sendCode, 1)[0]
		if mine.Status != "completed" || len(mine.Output) != 4 || mine.Output[2].ValueString != "Seen in clinic on 3 December" {
			t.Errorf("after the second acknowledgement the task says %s %+v", mine.Status, mine.Output)
		}
	})
}

func TestWhatIsNotDeliveredInFourHoursIsEscalated(t *testing.T) {
	p := newPlace(t, "sqlite::memory:", "ZZ001", "Mill Lane Surgery")
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	withLetter(t, p, endpoint("fhir", "hl7-fhir-msg", down.URL))
	if _, err := p.Send(t.Context(), clerk, Letter{Document: "letter", To: "ZZ1"}); err != nil {
		t.Fatal(err)
	}
	deliver := func() r4.Task {
		if err := p.Deliver(t.Context()); err != nil {
			t.Fatal(err)
		}
		return p.tasks(t, sendCode, 1)[0]
	}
	if task := deliver(); task.Status != "requested" || task.Priority != "routine" || len(task.Note) != 1 {
		t.Errorf("after one try: %s %s %+v", task.Status, task.Priority, task.Note)
	}
	p.now.Add(int64(4*time.Hour + time.Minute))
	if task := deliver(); task.Priority != "urgent" || !strings.Contains(task.Note[len(task.Note)-1].Text, "four hours") {
		t.Errorf("after four hours: %s %+v", task.Priority, task.Note)
	}
}

func TestRoutes(t *testing.T) {
	p := newPlace(t, "sqlite::memory:", "ZZ001", "Mill Lane Surgery")
	hospital := newPlace(t, "sqlite::memory:", "ZZ1", "Merrowby General")
	if _, err := hospital.desk.Feed(t.Context(), intake.Feed{Name: "hl7", Kind: "hl7"}); err != nil {
		t.Fatal(err)
	}
	feed, err := hl7.Open(hospital.desk, "hl7")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go feed.Serve(t.Context(), ln, nil, nil)
	withLetter(t, p)
	if sent, err := p.Send(t.Context(), clerk, Letter{Document: "letter", To: "ZZ1"}); err != nil || sent.Route.Kind != "paper" {
		t.Errorf("without an address: %+v %v", sent, err)
	}
	p.tasks(t, printCode, 1)
	p.put(t, endpoint("hl7", "hl7v2-mllp", "mllp://"+ln.Addr().String()))
	sent, err := p.Send(t.Context(), clerk, Letter{Document: "letter", Referral: "referral", To: "ZZ1"})
	if err != nil || sent.Route.Kind != "hl7" {
		t.Fatalf("%+v %v", sent, err)
	}
	if err := p.Deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	if task := p.tasks(t, sendCode, 1)[0]; task.Status != "received" {
		t.Errorf("by HL7 v2: %s %+v", task.Status, task.Note)
	}
	// At the hospital it is a document with an owner.
	if task := hospital.tasks(t, reviewCode, 1)[0]; task.Owner == nil || task.Owner.Identifier.Value != "ZZ1" {
		t.Errorf("the hospital's task has no owner: %+v", task)
	}
	for _, l := range []Letter{{Document: "nothing", To: "ZZ1"}, {Document: "letter", To: "ZZ9"}, {Document: "letter", Referral: "nothing", To: "ZZ1"}} {
		if _, err := p.Send(t.Context(), clerk, l); fhir.KindOf(err) != fhir.NotFound {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

func TestFilesBecomeDocumentsWithAnOwner(t *testing.T) {
	p := newPlace(t, "sqlite::memory:", "ZZ001", "Mill Lane Surgery")
	p.put(t, okafor, `{"resourceType":"Organization","id":"practice","name":"Station Road"}`,
		`{"resourceType":"EpisodeOfCare","id":"old","status":"active","patient":{"reference":"Patient/okafor"},"managingOrganization":{"reference":"Organization/older"},"period":{"start":"1999-01-01"}}`,
		`{"resourceType":"EpisodeOfCare","id":"e","status":"active","patient":{"reference":"Patient/okafor"},"managingOrganization":{"reference":"Organization/practice"},"period":{"start":"2001-01-01"}}`)
	pdf := []byte("%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer<<>>\n%%EOF\n")
	for range 2 {
		if _, err := p.desk.Receive(t.Context(), "scans", "9990000018_discharge_2026-11-19.pdf", pdf, File); err != nil {
			t.Fatal(err)
		}
	}
	task := p.tasks(t, reviewCode, 1)[0]
	if task.Owner.Reference != "Organization/practice" || task.For.Reference != "Patient/okafor" || !strings.HasPrefix(task.Description, "discharge") {
		t.Errorf("%+v", task)
	}
	if _, err := p.desk.Receive(t.Context(), "scans", "fax 12.txt", []byte("To whom it may concern"), File); err != nil {
		t.Fatal(err)
	}
	for _, task := range p.tasks(t, reviewCode, 2) {
		if task.For == nil && (task.Owner.Identifier.Value != "ZZ001" || !strings.Contains(task.Code.Text, "whose")) {
			t.Errorf("a document of nobody: %+v", task)
		}
	}
	for name, raw := range map[string][]byte{"cut.pdf": pdf[:20], "empty.pdf": nil, "program.exe": []byte("MZ\x90\x00\x03\x00")} {
		it, err := p.desk.Receive(t.Context(), "scans", name, raw, File)
		if err == nil || it.Status != intake.Quarantined {
			t.Errorf("%s was taken: %v", name, err)
		}
	}
	// Nobody looks for a day.
	if err := p.Escalate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, task := range p.tasks(t, reviewCode, 2) {
		if task.Priority == "urgent" {
			t.Error("it was escalated at once")
		}
	}
	p.now.Add(int64(25 * time.Hour))
	if err := p.Escalate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, task := range p.tasks(t, reviewCode, 2) {
		if task.Priority != "urgent" || task.Owner.Identifier == nil || len(task.Note) != 1 {
			t.Errorf("after a day: %+v", task)
		}
	}
}

func TestMessagesThatAreNone(t *testing.T) {
	p := newPlace(t, "sqlite::memory:", "ZZ001", "Mill Lane Surgery")
	server := httptest.NewServer(p.Handler(p.desk, "letters"))
	defer server.Close()
	header := `{"resource":{"resourceType":"MessageHeader","id":"m%d","eventCoding":{"system":"urn:kith:message-event","code":"%s"},"source":{"endpoint":"http://a"},"sender":{"identifier":{"value":"ZZ9"}}%s}}`
	for name, c := range map[string]struct {
		body   string
		status int
		says   string
	}{
		"not JSON":          {"hello", 400, "not a FHIR message"},
		"no bundle":         {okafor, 400, "no Bundle of type message"},
		"empty":             {`{"resourceType":"Bundle","type":"message"}`, 400, "no entries"},
		"no header":         {`{"resourceType":"Bundle","type":"message","entry":[{"resource":` + okafor + `}]}`, 400, "no MessageHeader"},
		"no letter":         {`{"resourceType":"Bundle","type":"message","entry":[` + fmt.Sprintf(header, 1, "letter", "") + `]}`, 200, "fatal-error"},
		"another event":     {`{"resourceType":"Bundle","type":"message","entry":[` + fmt.Sprintf(header, 2, "lunch", "") + `]}`, 200, "fatal-error"},
		"answer to nothing": {`{"resourceType":"Bundle","type":"message","entry":[` + fmt.Sprintf(header, 3, "dealt-with", `,"response":{"identifier":"x","code":"ok"}`) + `]}`, 400, "no letter of ours"},
	} {
		resp, err := http.Post(server.URL, "application/fhir+json", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		buf := make([]byte, 4096)
		n, _ := resp.Body.Read(buf)
		said.Write(buf[:n])
		resp.Body.Close()
		if resp.StatusCode != c.status || !strings.Contains(said.String(), c.says) {
			t.Errorf("%s: %d %s", name, resp.StatusCode, said.String())
		}
	}
}

// Only the organisation that a message names as its sender may send it, with a token that allows it to bring what it records.
func TestMessagesOfOthers(t *testing.T) {
	p := newPlace(t, "sqlite::memory:", "ZZ001", "Mill Lane Surgery")
	who := access.Actor{}
	var unknown error
	p.Sender = func(*http.Request) (access.Actor, error) { return who, unknown }
	server := httptest.NewServer(p.Handler(p.desk, "letters"))
	defer server.Close()
	body := `{"resourceType":"Bundle","type":"message","entry":[{"resource":{"resourceType":"MessageHeader","id":"m","eventCoding":{"system":"urn:kith:message-event","code":"lunch"},"source":{"endpoint":"http://a"},"sender":{"identifier":{"value":"ZZ9"}}}}]}`
	brings := &access.Client{ID: "c", Scopes: []access.Scope{{Context: "system", Type: "Bundle", May: "c"}}}
	for name, c := range map[string]struct {
		who    access.Actor
		err    error
		status int
	}{
		"nobody":            {access.Actor{}, fhir.Errorf(fhir.Forbidden, "no token"), 401},
		"a person":          {access.Actor{ID: "Practitioner/x", Role: "clinician", Organization: "ZZ9"}, nil, 401},
		"a reader":          {access.Actor{ID: "Device/x", Role: "system", Organization: "ZZ9", App: &access.Client{Scopes: []access.Scope{{Context: "system", Type: "*", May: "rs"}}}}, nil, 401},
		"without an app":    {access.Actor{ID: "Device/x", Role: "system", Organization: "ZZ9"}, nil, 401},
		"another's message": {access.Actor{ID: "Device/x", Role: "system", Organization: "ZZ8", App: brings}, nil, 401},
		"its own":           {access.Actor{ID: "Device/x", Role: "system", Organization: "ZZ9", App: brings}, nil, 200},
	} {
		who, unknown = c.who, c.err
		resp, err := http.Post(server.URL, "application/fhir+json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
}

func FuzzLetter(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Bundle","type":"message","entry":[{"resource":{"resourceType":"MessageHeader","id":"m","eventCoding":{"system":"urn:kith:message-event","code":"letter"}}},{"fullUrl":"urn:uuid:1","resource":{"resourceType":"DocumentReference","id":"d"}}]}`))
	s := &Service{}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := s.Letter(t.Context(), nil, &intake.Feed{Name: "letters"}, &intake.Item{Number: 1}, raw)
		if err == nil && len(r.Ops) == 0 {
			t.Error("a letter of nothing was taken")
		}
	})
}
