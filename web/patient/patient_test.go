package patient

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/care/monitor"
	"github.com/kith-care/kith/care/triage"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

var (
	noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	ada  = access.Actor{ID: "Patient/ada", Name: "Ada Okafor", Role: "patient", Patient: "ada", Level: access.P9}
	kith = access.Actor{ID: "kith/test", Role: access.Kith}
)

// pages are the pages as whoever who points to sees them, of a record with Mrs Okafor, who takes apixaban, and Joy.
func pages(t *testing.T, who *access.Actor) (http.Handler, *record.Door) {
	t.Helper()
	s, door := siteOf(t, who)
	return s.Handler(), door
}

func siteOf(t *testing.T, who *access.Actor) (*Site, *record.Door) {
	t.Helper()
	now := func() time.Time { return noon }
	door, err := record.Open(t.Context(), record.Options{DB: "sqlite::memory:", Policy: access.Default(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	for _, text := range []string{
		`{"resourceType":"Patient","id":"ada","name":[{"given":["Ada"],"family":"Okafor"}],"birthDate":"1950-03-01","gender":"female"}`,
		`{"resourceType":"Patient","id":"joy","name":[{"given":["Joy"],"family":"Okafor"}],"birthDate":"1990-03-01","gender":"female"}`,
		`{"resourceType":"MedicationRequest","id":"m","status":"active","intent":"order","subject":{"reference":"Patient/ada"},"authoredOn":"2026-11-01","medicationCodeableConcept":{"text":"Apixaban 5mg tablets"}}`,
	} {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Commit(t.Context(), kith, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
			t.Fatal(err)
		}
	}
	book, err := triage.Load(triage.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	rules, err := monitor.ReadRules("")
	if err != nil {
		t.Fatal(err)
	}
	s := &Site{Places: seat.Places{Door: door, Who: func(*http.Request) (access.Actor, error) { return *who, nil }, Host: kit.Host{Now: now}}, Triage: &triage.Service{Door: door, Book: book, Now: now}, Rules: rules, Trust: &trust.Service{Door: door}}
	return s, door
}

func visit(t *testing.T, h http.Handler, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if form != nil {
		r = httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s may be kept", path)
	}
	return w
}

// follow sends a form and looks at the page to which it leads.
func follow(t *testing.T, h http.Handler, path string, form url.Values) (at, page string) {
	t.Helper()
	w := visit(t, h, path, form)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%s answers %d: %s", path, w.Code, w.Body)
	}
	at = w.Header().Get("Location")
	return at, visit(t, h, at, nil).Body.String()
}

var keyOnPage = regexp.MustCompile(`name="key" value="([^"]+)"`)

// finish answers every question with no, none or the first band, and answers the page of the outcome.
func finish(t *testing.T, h http.Handler, at, page string) string {
	t.Helper()
	for range 14 {
		key := keyOnPage.FindStringSubmatch(page)
		if key == nil {
			return page
		}
		answer := no
		switch {
		case strings.Contains(page, `value="none"`):
			answer = none
		case strings.Contains(page, `value="0"`):
			answer = "0"
		}
		at, page = follow(t, h, at, url.Values{"key": {key[1]}, "answer": {answer}})
	}
	t.Fatal("there is no end of questions")
	return ""
}

func want(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not say %q:\n%s", text, page)
		}
	}
}

// In her own words, confirmed, asked, told: and the practice has it in its queue.
func TestAskingForHelp(t *testing.T) {
	who := ada
	h, door := pages(t, &who)
	at, page := follow(t, h, "/my/ask", url.Values{"text": {"sore throat for two days, no fever"}})
	want(t, page, "What is it most about?", "sore throat for two days, no fever", "Sore throat", "None of these")
	if w := visit(t, h, at, url.Values{}); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "Choose what it is about") {
		t.Errorf("nothing chosen: %d", w.Code)
	}
	at, page = follow(t, h, at, url.Values{"answer": {"sore-throat"}})
	want(t, page, "Is any of this happening now?", "None of these")
	key := keyOnPage.FindStringSubmatch(page)[1]
	for _, wrong := range [][]string{nil, {"none", "1"}, {"99"}} {
		if w := visit(t, h, at, url.Values{"key": {key}, "answer": wrong}); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "There is a problem") {
			t.Errorf("%v is taken: %d", wrong, w.Code)
		}
	}
	page = finish(t, h, at, page)
	want(t, page, "Look after it yourself", "Get help sooner if things change", "Why we say this", "nhs.uk", "26 November at midday")
	found, err := door.Find(t.Context(), kith, "RiskAssessment?patient=ada")
	if err != nil || len(found.Matches) != 1 {
		t.Errorf("%d outcomes are kept: %v", len(found.Matches), err)
	}
	who = access.Actor{ID: "Patient/joy", Role: "patient", Patient: "joy", Level: access.P9}
	if w := visit(t, h, at, nil); w.Code != http.StatusNotFound {
		t.Errorf("somebody else is shown it: %d", w.Code)
	}
}

// What is dangerous is answered at once, and what the record knows counts.
func TestTheRecordCounts(t *testing.T) {
	who := ada
	h, door := pages(t, &who)
	at, page := follow(t, h, "/my/ask", url.Values{"text": {"crushing chest pain spreading to my left arm, sweating, it started 20 minutes ago"}})
	want(t, page, "Call 999 now. Do not go on with the questions first.", `href="tel:999"`)
	at, page = follow(t, h, at, url.Values{"answer": {"chest-pain"}})
	want(t, page, "Call 999 now. Do not go on with the questions first.")
	want(t, finish(t, h, at, page), "Call 999", "Do not wait for them")
	at, _ = follow(t, h, "/my/ask", url.Values{"text": {"I fell and banged my head on the kerb this morning, bit sore"}})
	at, page = follow(t, h, at, url.Values{"answer": {"general"}})
	page = finish(t, h, at, page)
	want(t, page, "Go to A&amp;E now", "From your health record", "Apixaban")
	found, err := door.Find(t.Context(), kith, "Task?code=urn:kith:task|triage&patient=ada&_count=10")
	if err != nil || len(found.Matches) != 2 {
		t.Fatalf("%d Tasks for staff: %v", len(found.Matches), err)
	}
	for _, m := range found.Matches {
		var task r4.Task
		res, err := m.Resource()
		if err == nil {
			err = r4.Decode(res, &task)
		}
		if err != nil || task.Restriction == nil || task.Restriction.Period == nil || task.Status != "requested" {
			t.Errorf("the Task does not say by when: %v %+v", err, task)
		}
	}
}

func TestNothingWritten(t *testing.T) {
	who := ada
	h, _ := pages(t, &who)
	for _, text := range []string{"", "   ", strings.Repeat("a", 2001), strings.Repeat("a", 100<<10)} {
		w := visit(t, h, "/my/ask", url.Values{"text": {text}})
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `href="#text"`) || strings.Contains(w.Body.String(), "no more than 2,000") != (len(text) > 2000) {
			t.Errorf("%.10q is taken, or not told why: %d", text, w.Code)
		}
	}
	who = access.Actor{ID: "Practitioner/1", Role: "nurse"}
	if w := visit(t, h, "/my/ask", nil); w.Code != http.StatusForbidden {
		t.Errorf("staff ask for themselves: %d", w.Code)
	}
}

var onceOnPage = regexp.MustCompile(`name="once" value="([^"]+)"`)

// A reading is sent once however often the form is; what cannot be is said where it stands.
func TestReadings(t *testing.T) {
	who := ada
	h, door := pages(t, &who)
	page := visit(t, h, "/my/readings", nil).Body.String()
	want(t, page, "You have sent none.")
	form := url.Values{"once": {onceOnPage.FindStringSubmatch(page)[1]}, "systolic": {"182"}, "diastolic": {"104"}, "pulse": {"76"}}
	for range 2 {
		_, page = follow(t, h, "/my/readings", form)
	}
	want(t, page, "Your reading was sent.", "182/104", "76 a minute", "measure again", "kith-level--urgent")
	found, err := door.Find(t.Context(), kith, "Observation?patient=ada&_tag=urn:kith:route|form")
	if err != nil || len(found.Matches) != 2 {
		t.Errorf("%d Observations: %v", len(found.Matches), err)
	}
	for name, wrong := range map[string]url.Values{
		"Enter at least one number": {}, "Enter both numbers": {"systolic": {"120"}}, "Enter both numbers of": {"diastolic": {"70"}}, "must be less": {"systolic": {"80"}, "diastolic": {"120"}},
		"must be a number": {"weight": {"heavy"}}, "cannot be right": {"temperature": {"368"}},
	} {
		w := visit(t, h, "/my/readings", wrong)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), name) || !strings.Contains(w.Body.String(), "There is a problem") {
			t.Errorf("%v: %d, %q is not said", wrong, w.Code, name)
		}
	}
}

// Whoever sits at the desk or on the telephone asks in somebody's name, on the same pages; a role that reads no records goes on with what it began, and
// nobody else does.
func TestStaffAskForSomebody(t *testing.T) {
	who := access.Actor{ID: "Practitioner/desk", Name: "Nia", Role: "receptionist", Organization: "A"}
	h, door := pages(t, &who)
	base := "/person/ada/ask"
	want(t, visit(t, h, base, nil).Body.String(), "What do they need help with?", "On the telephone", "At the desk")
	if w := visit(t, h, base, url.Values{"text": {"sore throat"}}); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "Choose how they ask") {
		t.Errorf("no way chosen: %d", w.Code)
	}
	at, page := follow(t, h, base, url.Values{"text": {"back pain for a month, bit of a limp"}, "way": {"telephone"}})
	want(t, page, "They said")
	if !strings.HasPrefix(at, base+"/") {
		t.Errorf("it goes on at %s", at)
	}
	at, page = follow(t, h, at, url.Values{"answer": {"back-pain"}})
	page = finish(t, h, at, page)
	want(t, page, "See somebody within a week", `href="`+base+`"`)
	for _, other := range []string{"/my/ask/", "/person/joy/ask/"} {
		if w := visit(t, h, other+at[strings.LastIndexByte(at, '/')+1:], nil); w.Code == http.StatusOK {
			t.Errorf("it is shown at %s", other)
		}
	}
	queue, err := triage.Queue(t.Context(), door, kith)
	if err != nil || len(queue) != 1 || queue[0].Channel != triage.Telephone || queue[0].Patient != "ada" || queue[0].Words != "back pain for a month, bit of a limp" || queue[0].Level != triage.Routine || queue[0].Taken {
		t.Errorf("the queue is %+v: %v", queue, err)
	}
	who = access.Actor{ID: "Practitioner/other", Role: "receptionist", Organization: "B"}
	if w := visit(t, h, at, nil); w.Code != http.StatusNotFound {
		t.Errorf("another desk is shown it: %d", w.Code)
	}
	who = ada
	if w := visit(t, h, base, nil); w.Code != http.StatusNotFound {
		t.Errorf("a patient asks in staff's place: %d", w.Code)
	}
}
