package message

import (
	"bytes"
	"context"
	"flag"
	"image"
	"image/jpeg"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/message"
	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

var update = flag.Bool("update", false, "write goldens again")

var (
	noon  = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	ada   = access.Actor{ID: "Patient/ada", Name: "Ada Okafor", Role: "patient", Patient: "ada", Level: access.P5}
	joy   = access.Actor{ID: "Patient/joy", Name: "Joy Okafor", Role: "patient", Patient: "joy", Level: access.P9}
	nurse = access.Actor{ID: "Practitioner/bell", Name: "Nurse Bell", Role: "nurse", Organization: "A", Purpose: "TREAT"}
	desk  = access.Actor{ID: "Practitioner/nia", Name: "Nia", Role: "receptionist", Organization: "A", Purpose: "TREAT"}
	away  = access.Actor{ID: "Practitioner/x", Name: "Dr X", Role: "clinician", Organization: "B", Purpose: "TREAT"}
	kith  = access.Actor{ID: "kith/test", Role: access.Kith}
)

// place is the pages as whoever who is sees them.
type place struct {
	http.Handler
	site *Site
	who  access.Actor
	now  time.Time
}

func open(t *testing.T) *place {
	t.Helper()
	p := &place{who: ada, now: noon}
	now := func() time.Time { return p.now }
	door, err := record.Open(t.Context(), record.Options{DB: "sqlite::memory:", Policy: access.Default(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	for _, text := range []string{
		`{"resourceType":"Organization","id":"a","name":"Mill Lane Surgery","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A"}]}`,
		`{"resourceType":"Organization","id":"b","name":"Station Road","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"B"}]}`,
		`{"resourceType":"Organization","id":"h","name":"Merrowby General"}`,
		`{"resourceType":"HealthcareService","id":"eyes","active":true,"name":"Eye clinic","providedBy":{"reference":"Organization/h"},"characteristic":[{"coding":[{"system":"urn:kith:message","code":"takes-messages"}]}]}`,
		`{"resourceType":"Patient","id":"ada","name":[{"given":["Ada"],"family":"Okafor"}],"managingOrganization":{"reference":"Organization/a"},"telecom":[{"system":"email","value":"ada@example.org"}],"address":[{"line":["4 Mill Lane"],"city":"Merrowby"}]}`,
		`{"resourceType":"Patient","id":"joy","name":[{"given":["Joy"],"family":"Okafor"}],"managingOrganization":{"reference":"Organization/b"}}`,
		`{"resourceType":"Encounter","id":"e","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/ada"},"period":{"start":"2026-10-01"},"serviceProvider":{"reference":"Organization/h"}}`,
	} {
		put(t, door, text)
	}
	messages := &message.Service{Door: door, Now: now, Name: "Merrowby Shared Record"}
	p.site = &Site{Places: seat.Places{Host: kit.Host{Now: now}, Door: door, Who: func(*http.Request) (access.Actor, error) { return p.who, nil }}, Messages: messages, Needs: &need.Service{Door: door, Now: now}}
	p.Handler = p.site.Handler()
	return p
}

func put(t *testing.T, door *record.Door, text string) {
	t.Helper()
	res, err := fhir.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := door.Commit(t.Context(), kith, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
		t.Fatal(err)
	}
}

// visit asks for a page; a form is sent as pages send it, with a photograph where file is not nil.
func (p *place) visit(t *testing.T, path string, form url.Values, file []byte) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	switch {
	case file != nil:
		var body bytes.Buffer
		parts := multipart.NewWriter(&body)
		for name, values := range form {
			for _, v := range values {
				if err := parts.WriteField(name, v); err != nil {
					t.Fatal(err)
				}
			}
		}
		w, err := parts.CreateFormFile("photo", "IMG_0001.jpg")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(file); err != nil {
			t.Fatal(err)
		}
		parts.Close()
		r = httptest.NewRequest(http.MethodPost, path, &body)
		r.Header.Set("Content-Type", parts.FormDataContentType())
	case form != nil:
		r = httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s may be kept", path)
	}
	return w
}

// follow sends a form and looks at the page to which it leads.
func (p *place) follow(t *testing.T, path string, form url.Values, file []byte) (at, page string) {
	t.Helper()
	w := p.visit(t, path, form, file)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%s answers %d: %s", path, w.Code, w.Body)
	}
	at = w.Header().Get("Location")
	p.now = p.now.Add(time.Minute)
	return at, p.visit(t, at, nil, nil).Body.String()
}

func want(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not say %q:\n%s", text, page)
		}
	}
}

var (
	sheets = regexp.MustCompile(`kith-[0-9a-f]{12}\.css`)
	ids    = regexp.MustCompile(`(messages/|photo/|name="once" value=")[A-Za-z0-9-]{20,32}`)
)

func golden(t *testing.T, name, got string) {
	t.Helper()
	got = sheets.ReplaceAllString(ids.ReplaceAllString(got, "${1}ID"), "kith.css")
	path := filepath.Join("testdata", name+".golden.html")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || string(have) != got {
		t.Errorf("%s differs (go test -update writes it again): %v", path, err)
	}
}

func picture(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, image.NewRGBA(image.Rect(0, 0, 40, 30)), nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// She chooses to whom, writes with a photograph; a nurse answers; she reads it, the receipt is there, she closes it, and writing again begins a new one.
func TestAConversation(t *testing.T) {
	p := open(t)
	page := p.visit(t, "/my/messages", nil, nil).Body.String()
	want(t, page, "There are no messages yet.")
	page = p.visit(t, "/my/messages/new", nil, nil).Body.String()
	want(t, page, "Who is the message for?", "Mill Lane Surgery", "Eye clinic", "Merrowby General")
	if strings.Contains(page, "Station Road") {
		t.Error("she can write to a practice that is not hers")
	}
	golden(t, "choose", page)
	page = p.visit(t, "/my/messages/new?to=Organization/a", nil, nil).Body.String()
	golden(t, "write", page)
	form := url.Values{"to": {"Organization/a"}, "subject": {"My arm"}, "words": {"I have a rash\r\non my arm"}, "once": {"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}}
	at, page := p.follow(t, "/my/messages/new", form, picture(t))
	want(t, page, "Your message was sent.", "My arm", "With Mill Lane Surgery", `alt="Photograph 1"`)
	if again, _ := p.follow(t, "/my/messages/new", form, picture(t)); again != at {
		t.Errorf("sent twice, it is two: %s, %s", at, again)
	}
	here := strings.TrimSuffix(at, "?did=sent")
	src := regexp.MustCompile(`<img class="kith-photo" src="([^"]+)"`).FindStringSubmatch(page)
	if src == nil {
		t.Fatal("there is no photograph")
	}
	if w := p.visit(t, src[1], nil, nil); w.Code != 200 || w.Header().Get("Content-Type") != "image/jpeg" || !bytes.HasPrefix(w.Body.Bytes(), []byte("\xff\xd8\xff")) {
		t.Errorf("the photograph answers %d", w.Code)
	}
	thread := here[strings.LastIndexByte(here, '/')+1:]

	p.who = nurse
	staff := "/person/ada/messages/" + thread
	page = p.visit(t, staff, nil, nil).Body.String()
	want(t, page, "Ada Okafor", "Who is it from?", "I have a rash")
	keep := regexp.MustCompile(`action="([^"]+/photo/[^"]+)"`).FindStringSubmatch(page)
	if keep == nil {
		t.Fatal("a nurse cannot keep the photograph")
	}
	for range 2 {
		_, kept := p.follow(t, keep[1], url.Values{}, nil)
		want(t, kept, "The photograph is in the record")
	}
	found, err := p.site.Door.Find(t.Context(), kith, "DocumentReference?patient=ada")
	if err != nil || len(found.Matches) != 1 {
		t.Errorf("%d documents: %v", len(found.Matches), err)
	}
	p.who = desk
	if w := p.visit(t, keep[1], url.Values{}, nil); w.Code == http.StatusSeeOther || strings.Contains(p.visit(t, staff, nil, nil).Body.String(), "Keep in the record") {
		t.Error("the desk puts a photograph into the clinical record")
	}
	p.who = nurse
	_, page = p.follow(t, staff, url.Values{"words": {"Use the cream"}, "as": {"us"}}, nil)
	want(t, page, "Use the cream", "Nurse Bell")
	if strings.Contains(page, "Read on") {
		t.Error("it is read before she has read it")
	}

	p.who = ada
	page = p.visit(t, "/my/messages", nil, nil).Body.String()
	want(t, page, "You have 1 new message.", "New")
	golden(t, "inbox", page)
	page = p.visit(t, here, nil, nil).Body.String()
	golden(t, "thread", page)
	if page = p.visit(t, "/my/messages", nil, nil).Body.String(); strings.Contains(page, "new message") {
		t.Error("it is still new after she has read it")
	}
	p.who = nurse
	want(t, p.visit(t, staff, nil, nil).Body.String(), "Read on Thursday 26 November")

	p.who = ada
	golden(t, "close", p.visit(t, here+"/close", nil, nil).Body.String())
	if w := p.visit(t, here+"/close", url.Values{"why": {" "}}, nil); w.Code != 400 || !strings.Contains(w.Body.String(), "Say why you close it") {
		t.Errorf("without a reason: %d", w.Code)
	}
	_, page = p.follow(t, here+"/close", url.Values{"why": {"It is better"}}, nil)
	want(t, page, "The conversation is closed.", "Closed")
	if w := p.visit(t, here+"/close", url.Values{"why": {"Again"}}, nil); w.Code != http.StatusConflict {
		t.Errorf("closed twice: %d", w.Code)
	}
	next, page := p.follow(t, here, url.Values{"words": {"It is back"}}, nil)
	if strings.HasPrefix(next, here) {
		t.Error("it goes on in the closed one")
	}
	want(t, page, "It is back", "The conversation before this one", `href="`+here+`"`)
}

// What is wrong is said where it stands, and what was typed stays.
func TestWhatIsWrong(t *testing.T) {
	p := open(t)
	const at = "/my/messages/new"
	if w := p.visit(t, at+"?chosen=yes", nil, nil); w.Code != 400 || !strings.Contains(w.Body.String(), `href="#to"`) {
		t.Errorf("nobody chosen: %d", w.Code)
	}
	for name, c := range map[string]struct {
		words, to string
		file      []byte
		says      string
	}{
		"nothing":         {" ", "Organization/a", nil, "Write a message"},
		"too much":        {strings.Repeat("a", 4001), "Organization/a", nil, "4,000"},
		"somebody else's": {"Hello", "Organization/b", nil, "Who is the message for?"},
		"no photograph":   {"Hello there", "Organization/a", []byte("%PDF-1.4"), "not a photograph"},
		"HEIC":            {"Hello there", "Organization/a", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), "HEIC"},
		"a large one":     {"Hello there", "Organization/a", append([]byte("\xff\xd8\xff"), make([]byte, 8<<20)...), "8 MB"},
		"much too large":  {"Hello there", "Organization/a", make([]byte, 30<<20), "8 MB"},
	} {
		w := p.visit(t, at, url.Values{"to": {c.to}, "words": {c.words}, "subject": {"x"}}, c.file)
		if w.Code != 400 || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d, %q is not said", name, w.Code, c.says)
		}
		if c.file != nil && len(c.file) < 20<<20 && !strings.Contains(w.Body.String(), "Hello there") {
			t.Errorf("%s: what was typed is gone", name)
		}
	}
	for _, path := range []string{"/my/messages/none", "/my/messages/none/close", "/my/messages/none/photo/x", "/my/needs/none", "/my/messages/..%2f"} {
		if w := p.visit(t, path, nil, nil); w.Code != http.StatusNotFound {
			t.Errorf("%s answers %d", path, w.Code)
		}
	}
}

// Whom she trusts with messages reads and writes for her, named; whom she does not, sees nothing; nor does another practice.
func TestWhoMaySee(t *testing.T) {
	p := open(t)
	at, _ := p.follow(t, "/my/messages/new", url.Values{"to": {"Organization/a"}, "subject": {"My arm"}, "words": {"Private words"}}, picture(t))
	thread := strings.TrimSuffix(at[strings.LastIndexByte(at, '/')+1:], "?did=sent")
	page := p.visit(t, "/my/messages/"+thread, nil, nil).Body.String()
	photo := regexp.MustCompile(`photo/([^"]+)"><img`).FindStringSubmatch(page)[1]
	hidden := func(who access.Actor, base string) {
		t.Helper()
		p.who = who
		for _, path := range []string{base + "/messages", base + "/messages/" + thread, base + "/messages/" + thread + "/photo/" + photo, base + "/messages/new", base + "/needs"} {
			if w := p.visit(t, path, nil, nil); strings.Contains(w.Body.String(), "Private words") || strings.Contains(w.Body.String(), "My arm") || bytes.HasPrefix(w.Body.Bytes(), []byte("\xff\xd8\xff")) {
				t.Errorf("%s is shown %s", who.ID, path)
			}
		}
		if w := p.visit(t, base+"/messages/"+thread, url.Values{"words": {"x"}}, nil); w.Code == http.StatusSeeOther {
			t.Errorf("%s writes", who.ID)
		}
	}
	hidden(joy, "/for/ada")
	hidden(joy, "/my")
	hidden(away, "/person/ada")
	put(t, p.site.Door, `{"resourceType":"Consent","id":"c","status":"active","scope":{"coding":[{"code":"patient-privacy"}]},"category":[{"coding":[{"system":"`+record.ConsentSystem+`","code":"trusted"}]}],"patient":{"reference":"Patient/ada"},"dateTime":"2026-11-20","policyRule":{"text":"x"},"provision":{"type":"permit","period":{"start":"2026-11-20","end":"2027-11-20"},"actor":[{"role":{"text":"trusted"},"reference":{"reference":"Patient/joy"}}],"action":[{"coding":[{"system":"`+record.TrustSystem+`","code":"message"}]}]}}`)
	p.who = joy
	_, page = p.follow(t, "/for/ada/messages/"+thread, url.Values{"words": {"She is no better"}}, nil)
	want(t, page, "Joy Okafor", "She is no better")
	p.who = nurse
	want(t, p.visit(t, "/person/ada/messages/"+thread, nil, nil).Body.String(), "Joy Okafor", "She is no better")
}

// At the desk somebody writes down what she says; the page names both.
func TestWrittenDownAtTheDesk(t *testing.T) {
	p := open(t)
	p.who = desk
	_, page := p.follow(t, "/person/ada/messages/new", url.Values{"to": {"Organization/a"}, "subject": {"My tablets"}, "words": {"I have none left"}, "as": {"them"}}, nil)
	want(t, page, "Ada Okafor", "written down by Nia", "I have none left")
	p.who = ada
	page = p.visit(t, "/my/messages", nil, nil).Body.String()
	want(t, page, "My tablets", "Waiting for an answer")
}

// Staff see what waits, take it up, answer it, and see what did not reach anybody.
func TestWhatWaits(t *testing.T) {
	p := open(t)
	at, _ := p.follow(t, "/my/messages/new", url.Values{"to": {"Organization/a"}, "subject": {"My arm"}, "words": {"I have a rash"}}, nil)
	thread := strings.TrimSuffix(at[strings.LastIndexByte(at, '/')+1:], "?did=sent")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); p.site.Messages.Run(ctx) }()
	defer func() { stop(); <-done }()
	put(t, p.site.Door, `{"resourceType":"Communication","id":"sent-x","status":"not-done","category":[{"coding":[{"system":"urn:kith:message","code":"delivery"}]}],"statusReason":{"text":"there is no such address"},"medium":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationMode","code":"EMAILWRIT"}]}],"subject":{"reference":"Patient/ada"},"recipient":[{"reference":"Patient/ada"}]}`)
	p.who = nurse
	var page string
	for range 100 {
		if page = p.visit(t, "/messages", nil, nil).Body.String(); strings.Contains(page, "My arm") {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	want(t, page, "Ada Okafor", "My arm", "Mill Lane Surgery", "/person/ada/messages/"+thread, "There is no such address.", "E-mail")
	golden(t, "waiting", regexp.MustCompile(`answer-[0-9a-f]{24}`).ReplaceAllString(page, "answer-ID"))
	task := regexp.MustCompile(`action="/messages/(answer-[0-9a-f]+)"`).FindStringSubmatch(page)[1]
	_, page = p.follow(t, "/messages/"+task, url.Values{"did": {"take"}}, nil)
	want(t, page, "You have taken it.", "Nurse Bell", ">Answer<")
	p.who = desk
	if w := p.visit(t, "/messages/"+task, url.Values{"did": {"take"}}, nil); w.Code != http.StatusConflict {
		t.Errorf("somebody else takes it too: %d", w.Code)
	}
	for _, who := range []access.Actor{away, ada} {
		p.who = who
		if page := p.visit(t, "/messages", nil, nil).Body.String(); strings.Contains(page, "My arm") || strings.Contains(page, "no such address") {
			t.Errorf("%s sees what is none of theirs", who.ID)
		}
		if w := p.visit(t, "/messages/"+task, url.Values{"did": {"done"}}, nil); w.Code == http.StatusSeeOther {
			t.Errorf("%s says that it is done", who.ID)
		}
	}
}

// What she says once is kept, shown, and these pages follow it; the desk says it for her.
func TestNeeds(t *testing.T) {
	p := open(t)
	page := p.visit(t, "/my/needs", nil, nil).Body.String()
	want(t, page, "You have not said", "ada@example.org", "4 Mill Lane, Merrowby", "We do not know one")
	golden(t, "needs", page)
	golden(t, "need", p.visit(t, "/my/needs/format", nil, nil).Body.String())
	if w := p.visit(t, "/my/needs/format", url.Values{"answer": {"gold"}}, nil); w.Code != 400 || !strings.Contains(w.Body.String(), "Choose an answer") {
		t.Errorf("no answer: %d", w.Code)
	}
	w := p.visit(t, "/my/needs/format", url.Values{"answer": {"large-print"}}, nil)
	if w.Code != http.StatusSeeOther || !strings.Contains(strings.Join(w.Header()["Set-Cookie"], ";"), "kith-format=large") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := p.visit(t, "/my/needs/language", url.Values{"answer": {"cy"}}, nil); !strings.Contains(strings.Join(w.Header()["Set-Cookie"], ";"), "kith-words=cy") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	p.who = desk
	w = p.visit(t, "/person/ada/needs/channel", url.Values{"answer": {"letter"}}, nil)
	if w.Code != http.StatusSeeOther || len(w.Header()["Set-Cookie"]) > 0 {
		t.Errorf("at the desk: %d %v", w.Code, w.Header())
	}
	want(t, p.visit(t, "/person/ada/needs", nil, nil).Body.String(), "Ada Okafor", "Large print", "Cymraeg", "Letter")
	p.who = away
	if w := p.visit(t, "/person/ada/needs/channel", url.Values{"answer": {"text"}}, nil); w.Code == http.StatusSeeOther {
		t.Error("another practice sets it")
	}
}

// Every page in Welsh.
func TestInWelsh(t *testing.T) {
	p := open(t)
	for path, text := range map[string]string{"/my/messages": "Negeseuon", "/my/messages/new": "I bwy mae'r neges?", "/my/needs": "Cymraeg", "/my/needs/channel": "Sut hoffech"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept-Language", "cy")
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if text = strings.ReplaceAll(text, "'", "&#39;"); !strings.Contains(w.Body.String(), text) || !strings.Contains(w.Body.String(), `lang="cy"`) {
			t.Errorf("%s does not say %q:\n%s", path, text, w.Body)
		}
	}
}
