package audit

import (
	"flag"
	"fmt"
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
	"github.com/kith-care/kith/care/carry"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

var update = flag.Bool("update", false, "write the goldens again")

// place is a record in which several people and programs have looked at Mrs Okafor's and at somebody else's record.
func place(t *testing.T) (*Site, *access.Actor) {
	t.Helper()
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { now = now.Add(time.Minute); return now }
	d, err := record.Open(t.Context(), record.Options{DB: "sqlite::memory:", Policy: access.Everyone{}, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	feed := access.Actor{ID: "kith/intake", Role: access.Kith}
	for _, text := range []string{`{"resourceType":"Patient","id":"okafor","name":[{"family":"Okafor"}]}`, `{"resourceType":"Patient","id":"secretary","name":[{"family":"Secretary"}]}`,
		`{"resourceType":"Observation","id":"o","status":"final","code":{"text":"Weight"},"subject":{"reference":"Patient/okafor"}}`,
		`{"resourceType":"Observation","id":"p","status":"final","code":{"text":"Weight"},"subject":{"reference":"Patient/secretary"}}`,
		`{"resourceType":"Organization","id":"sr","name":"Station Road Medical Centre","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"M81001"}]}`} {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Commit(t.Context(), feed, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
			t.Fatal(err)
		}
	}
	jessop := access.Actor{ID: "Practitioner/1", Name: "Dr A. Jessop", Role: "clinician", Organization: "M81001", Purpose: "TREAT", From: "10.1.2.3:4000"}
	desk := access.Actor{ID: "Practitioner/2", Name: "P. Nwosu", Role: "receptionist", Organization: "ZZ9", Purpose: "PATADMIN"}
	self := access.Actor{ID: "Patient/okafor", Name: "Ada Okafor", Role: "patient", Patient: "okafor", Purpose: "PATRQT"}
	get := func(who access.Actor, typ, id string) {
		if _, err := d.Get(t.Context(), who, typ, id); err != nil {
			t.Fatal(err)
		}
	}
	find := func(who access.Actor, query string) {
		if _, err := d.Find(t.Context(), who, query); err != nil {
			t.Fatal(err)
		}
	}
	get(jessop, "Patient", "okafor")
	find(jessop, "Observation?patient=okafor")
	get(self, "Observation", "o")
	now = now.Add(24 * time.Hour)
	find(desk, "Patient?name=secretary,okafor") // shows two people
	get(desk, "Patient", "secretary")
	who := &self
	return &Site{Places: seat.Places{Door: d, Who: func(*http.Request) (access.Actor, error) {
		if who.ID == "" {
			return access.Actor{}, fhir.Errorf(fhir.Forbidden, "Sign in first.")
		}
		return *who, nil
	}, Host: kit.Host{Now: func() time.Time { return now }}}, Privacy: "Merrowby shared record, privacy officer"}, who
}

func ask(t *testing.T, s *Site, method, path string, form url.Values) (int, string, http.Header) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header()
}

var chains = regexp.MustCompile(`[0-9a-f]{16}\.(\d+)`)

func golden(t *testing.T, name, got string) {
	t.Helper()
	got = chains.ReplaceAllString(got, "chain.$1")
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("%s differs (go test -update writes it again): %v", path, err)
	}
}

func TestWhoLookedAtMyRecord(t *testing.T) {
	s, who := place(t)
	status, body, header := ask(t, s, "GET", "/my/seen", nil)
	if status != 200 || header.Get("Cache-Control") != "no-store" || header.Get("Content-Security-Policy") == "" {
		t.Errorf("%d %v", status, header)
	}
	golden(t, "looked.golden.html", body)
	for _, want := range []string{"Dr A. Jessop", "Station Road Medical Centre", "looked at your test results and measurements", "To care for you", "Friday 20 November 2026", "Saturday 21 November 2026", "The computer system"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	// Nothing of the other person whom the receptionist's search also showed, nor from where she works.
	for _, not := range []string{"secretary", "10.1.2.3", "Observation", "TREAT"} {
		if strings.Contains(body, not) {
			t.Errorf("the page says %q", not)
		}
	}
	if who.ID, who.Patient = "Practitioner/1", ""; true {
		if status, _, _ := ask(t, s, "GET", "/my/seen", nil); status != 403 {
			t.Errorf("somebody who is no patient: %d", status)
		}
	}
	if who.ID = ""; true {
		if status, _, _ := ask(t, s, "GET", "/my/seen", nil); status != 403 {
			t.Errorf("nobody: %d", status)
		}
	}
}

func TestSayingThatALookIsWrong(t *testing.T) {
	s, who := place(t)
	_, body, _ := ask(t, s, "GET", "/my/seen", nil)
	_, rest, ok := strings.Cut(body, `href="/my/seen/wrong?entry=`)
	if !ok {
		t.Fatal("no link to say so")
	}
	entry, _, _ := strings.Cut(rest, `"`)
	status, body, _ := ask(t, s, "GET", "/my/seen/wrong?entry="+entry, nil)
	if status != 200 {
		t.Errorf("%d", status)
	}
	golden(t, "wrong.golden.html", body)
	for range 2 { // pressed twice
		status, _, header := ask(t, s, "POST", "/my/seen/wrong", url.Values{"entry": {entry}, "why": {"I do not know this person"}})
		if status != 303 || header.Get("Location") != "/my/seen?did=told" {
			t.Errorf("%d %v", status, header)
		}
	}
	page, err := s.Door.Find(t.Context(), access.Actor{ID: "Practitioner/privacy"}, "Task?code=urn:kith:task|access-questioned&patient=okafor")
	if err != nil || len(page.Matches) != 1 {
		t.Fatalf("%d Tasks: %v", len(page.Matches), err)
	}
	text := string(page.Matches[0].Body)
	for _, want := range []string{"P. Nwosu", "I do not know this person", `"AuditEvent/` + entry, `"end":"2026-11-2`, "privacy officer"} {
		if !strings.Contains(text, want) {
			t.Errorf("the Task does not say %q: %s", want, text)
		}
	}
	if status, body, _ := ask(t, s, "POST", "/my/seen/wrong", url.Values{"entry": {entry}, "why": {strings.Repeat("x", 2001)}}); status != 422 || !strings.Contains(body, "2,000 letters or fewer") || !strings.Contains(body, "Error: What looks wrong?") {
		t.Errorf("too long: %d", status)
	}
	// Somebody else's entry, none at all, and nobody.
	other := entryOf(t, s, "secretary")
	for _, id := range []string{other, "x.1", ""} {
		if status, _, _ := ask(t, s, "POST", "/my/seen/wrong", url.Values{"entry": {id}}); status != 404 {
			t.Errorf("entry %q: %d", id, status)
		}
	}
	if who.ID, who.Patient = "Practitioner/1", ""; true {
		if status, _, _ := ask(t, s, "POST", "/my/seen/wrong", url.Values{"entry": {entry}}); status != 403 {
			t.Errorf("somebody who is no patient: %d", status)
		}
	}
}

// entryOf is an entry about one patient alone.
func entryOf(t *testing.T, s *Site, patient string) string {
	t.Helper()
	page, err := s.Door.Trail(t.Context(), access.Actor{ID: "kith/test", Role: access.Kith}, record.TrailQuery{Patient: patient})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Entries {
		if fmt.Sprint(e.Patients) == "["+patient+"]" && strings.Contains(e.What, "Patient/"+patient) {
			return e.ID
		}
	}
	t.Fatal("there is none")
	return ""
}

func TestPrivacyOfficerSearchesTheTrail(t *testing.T) {
	s, who := place(t)
	_, _, _ = ask(t, s, "POST", "/my/seen/wrong", url.Values{"entry": {entryOf(t, s, "okafor")}})
	if status, _, _ := ask(t, s, "GET", "/audit", nil); status != 403 {
		t.Errorf("a patient: %d", status)
	}
	*who = access.Actor{ID: "Practitioner/9", Name: "R. Vale", Role: "privacy", Organization: "M81001", Purpose: "PATSFTY"}
	for path, want := range map[string][]string{
		"/audit": {"A patient says that somebody looked at their record wrongly"},
		"/audit?patient=okafor&from=20-Nov-2026&to=20-Nov-2026": {"Dr A. Jessop", "looked at Observation", "Station Road Medical Centre"},
		"/audit?actor=Practitioner%2F2":                         {"looked at Patient/secretary", `href="/person/secretary"`, "name=secretary,okafor"},
		"/audit?patient=nobody":                                 {"No entry was found"},
	} {
		status, body, _ := ask(t, s, "GET", path, nil)
		for _, w := range want {
			if status != 200 || !strings.Contains(body, w) {
				t.Errorf("%s: %d does not say %q", path, status, w)
			}
		}
	}
	status, body, _ := ask(t, s, "GET", "/audit?from=yesterday&patient=%20a/b", nil)
	if status != 400 || strings.Count(body, "nhsuk-error-message") != 2 || !strings.Contains(body, "<title>Error:") {
		t.Errorf("wrong input: %d", status)
	}
	_, body, _ = ask(t, s, "GET", "/audit?actor=Practitioner%2F1", nil)
	golden(t, "officer.golden.html", body)
}

func TestThingsAreSaidInWords(t *testing.T) {
	for what, want := range map[string]string{
		"Patient/okafor/$everything": "looked at your whole record",
		"Patient/a, Observation/b":   "looked at your name, address and other details; looked at your test results and measurements",
		"Slot?start=2026":            "looked at other parts of your record",
		"":                           "looked at your record",
		"break glass Patient/a: unconscious on arrival": "opened your record in an emergency, past the usual limits",
		"match: link Patient/a":                         "checked which records are yours",
		"export: Observation, Patient":                  "took a copy of your test results and measurements; took a copy of your name, address and other details",
		"notify x: Condition":                           "was sent what is new in your health problems",
	} {
		if got := strings.Join(did(&record.TrailEntry{What: what, Action: access.Read}, words.In("en")), "; "); got != want {
			t.Errorf("%q: %q, want %q", what, got, want)
		}
	}
}

// Whoever opens a link to a summary is somebody, and stands among those who looked.
func TestAnOpenedLinkIsAmongThoseWhoLooked(t *testing.T) {
	e := &record.TrailEntry{Who: carry.Opener, Name: "Somebody with the link “Holiday”", Role: access.Kith, Purpose: "PATRQT"}
	if computer(e) || did(e, words.In("en"))[0] != "opened the link and saw your summary" || reason(e, words.In("en")) != "Because you asked" {
		t.Errorf("%v %v %s", computer(e), did(e, words.In("en")), reason(e, words.In("en")))
	}
}
