package trust

import (
	"flag"
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
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

var update = flag.Bool("update", false, "write the goldens again")

var (
	noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	ada  = access.Actor{ID: "Patient/ada", Role: "patient", Patient: "ada", Level: access.P9}
	joy  = access.Actor{ID: "Patient/joy", Role: "patient", Patient: "joy", Level: access.P9}
)

// site is the pages as whoever who points to sees them.
func site(t *testing.T, who *access.Actor) http.Handler {
	t.Helper()
	now := func() time.Time { return noon }
	door, err := record.Open(t.Context(), record.Options{DB: "sqlite::memory:", Policy: access.Default(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	for _, text := range []string{
		`{"resourceType":"Patient","id":"ada","name":[{"given":["Ada"],"family":"Okafor"}],"birthDate":"1950-03-01"}`,
		`{"resourceType":"Patient","id":"joy","name":[{"given":["Joy"],"family":"Okafor"}],"birthDate":"1980-03-01"}`,
	} {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Commit(t.Context(), access.Actor{ID: "kith/test", Role: access.Kith}, []record.Op{{Method: record.Update, Type: "Patient", ID: res.ID(), Resource: res}}); err != nil {
			t.Fatal(err)
		}
	}
	return (&Site{Trust: &trust.Service{Door: door, Now: now}, Places: seat.Places{Door: door, Signed: true, Who: func(*http.Request) (access.Actor, error) { return *who, nil }, Host: kit.Host{Now: now, MadeUp: func() *kit.MadeUp { return &kit.MadeUp{Place: "Merrowby"} }}}}).Handler()
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

// typed are the fields that a page carries, as a browser would send them back.
var typed = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// goOn sends a page's form with what somebody answers.
func goOn(t *testing.T, h http.Handler, path string, page *httptest.ResponseRecorder, answer url.Values) *httptest.ResponseRecorder {
	t.Helper()
	form := url.Values{}
	for _, m := range typed.FindAllStringSubmatch(page.Body.String(), -1) {
		form.Add(m[1], m[2])
	}
	for name, values := range answer {
		form[name] = values
	}
	return visit(t, h, path, form)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".html")
	got = chance.ReplaceAllString(got, "ABCD-EFGH-JKMN")
	got = regexp.MustCompile(`kith-[0-9a-f]{12}\.css`).ReplaceAllString(got, "kith.css")
	if *update {
		os.MkdirAll("testdata", 0o755)
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not as it was: go test -update, and look at the difference", path)
	}
}

// chance is what differs from time to time: codes, and ids made of them.
var chance = regexp.MustCompile(`(?i)[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}|[0-9a-f]{40}`)

var codeOnPage = regexp.MustCompile(`[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}`)

// One gives, the other accepts, the first takes it back: as they would on their telephones.
func TestAJourneyOfTwo(t *testing.T) {
	who := ada
	h := site(t, &who)
	const asking = "/my/trusted/new"
	golden(t, "nobody", visit(t, h, "/my/trusted", nil).Body.String())
	page := visit(t, h, asking, nil)
	golden(t, "who", page.Body.String())
	wrong := goOn(t, h, asking, page, url.Values{"name": {" "}})
	if wrong.Code != http.StatusUnprocessableEntity {
		t.Errorf("no name: %d", wrong.Code)
	}
	golden(t, "who-wrong", wrong.Body.String())
	page = goOn(t, h, asking, page, url.Values{"name": {"My daughter <Joy>"}})
	golden(t, "may", page.Body.String())
	wrong = goOn(t, h, asking, page, url.Values{"may": {"everything"}})
	if wrong.Code != http.StatusUnprocessableEntity || !strings.Contains(wrong.Body.String(), "Choose at least one thing") {
		t.Errorf("nothing chosen: %d", wrong.Code)
	}
	page = goOn(t, h, asking, page, url.Values{"may": {"book", "see"}})
	golden(t, "until", page.Body.String())
	if wrong = goOn(t, h, asking, page, nil); wrong.Code != http.StatusUnprocessableEntity {
		t.Errorf("no time chosen: %d", wrong.Code)
	}
	page = goOn(t, h, asking, page, url.Values{"long": {"year"}})
	golden(t, "check", page.Body.String())
	page = goOn(t, h, asking, page, nil)
	code := codeOnPage.FindString(page.Body.String())
	golden(t, "code", page.Body.String())

	who = joy
	const accepting = "/my/trusted/accept"
	page = visit(t, h, accepting, nil)
	golden(t, "accept", page.Body.String())
	if wrong = goOn(t, h, accepting, page, url.Values{"code": {""}}); wrong.Code != http.StatusUnprocessableEntity {
		t.Errorf("no code: %d", wrong.Code)
	}
	page = goOn(t, h, accepting, page, url.Values{"code": {strings.ToLower(code)}})
	golden(t, "born", page.Body.String())
	for _, born := range [][3]string{{"2", "3", "1950"}, {"31", "2", "1950"}, {"", "", ""}, {"1", "x", "1950"}} {
		if wrong = goOn(t, h, accepting, page, url.Values{"day": {born[0]}, "month": {born[1]}, "year": {born[2]}}); wrong.Code != http.StatusUnprocessableEntity || !strings.Contains(wrong.Body.String(), "There is a problem") {
			t.Errorf("born %v: %d", born, wrong.Code)
		}
	}
	done := goOn(t, h, accepting, page, url.Values{"day": {"1"}, "month": {"March"}, "year": {"1950"}})
	if done.Code != http.StatusSeeOther {
		t.Fatalf("not accepted: %d", done.Code)
	}
	golden(t, "to", visit(t, h, done.Header().Get("Location"), nil).Body.String())

	who = ada
	page = visit(t, h, "/my/trusted", nil)
	id := regexp.MustCompile(`/my/trusted/([^/"]+)/end`).FindStringSubmatch(page.Body.String())
	if id == nil {
		t.Fatal("she cannot stop it")
	}
	golden(t, "given", page.Body.String())
	if done := visit(t, h, "/my/trusted/"+id[1]+"/end", url.Values{}); done.Code != http.StatusSeeOther {
		t.Errorf("it does not stop: %d", done.Code)
	}
	golden(t, "over", visit(t, h, "/my/trusted?did=ended", nil).Body.String())
	who = joy
	if page := visit(t, h, "/my/trusted", nil); strings.Contains(page.Body.String(), "Ada") {
		t.Error("it is over, and still shown")
	}
}

func TestWhoIsNoPatientIsShownNothing(t *testing.T) {
	who := access.Actor{ID: "Practitioner/x", Role: "clinician", Organization: "A"}
	h := site(t, &who)
	for _, path := range []string{"/my/trusted", "/my/trusted/new", "/my/trusted/accept"} {
		if w := visit(t, h, path, nil); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	who = joy
	for _, path := range []string{"/my/trusted/nothing/end", "/my/trusted/_/end"} {
		if w := visit(t, h, path, url.Values{}); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	who.Level = access.P5
	if w := visit(t, h, "/my/trusted", nil); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "rove who you are") {
		t.Errorf("who has not shown who they are: %d", w.Code)
	}
}
