package near

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
	"github.com/kith-care/kith/care/near"
	"github.com/kith-care/kith/care/triage"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

var update = flag.Bool("update", false, "write goldens again")

var (
	noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	kith = access.Actor{ID: "kith/test", Role: access.Kith}
	ada  = access.Actor{ID: "Patient/ada", Name: "Ada Okafor", Role: "patient", Patient: "ada", Level: access.P9, Purpose: "PATRQT"}
	rita = access.Actor{ID: "Practitioner/rita", Name: "Rita", Role: "receptionist", Organization: "A81001", Purpose: "TREAT"}
)

const directory = `
directory: Merrowby
reviewed: "2026-11-26"
services:
  - {name: Walking for health, what: A gentle walk with others, kinds: [move, company], helps: [low-mood], town: Merrowby, postcode: ZZ2 1AA, when: Tuesdays at 10am, phone: 01632 960100}
  - {name: Advice desk, what: Help with bills and debts, kinds: [money], town: Merrowby, postcode: ZZ1 5QB, web: "https://example.org/debt", cost: "£1", for: Everybody, by: Merrowby Advice, self: false}
`

func pages(t *testing.T, who *access.Actor) http.Handler {
	t.Helper()
	now := func() time.Time { return noon }
	door, err := record.Open(t.Context(), record.Options{DB: "sqlite::memory:", Policy: access.Default(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	for _, text := range []string{
		`{"resourceType":"Organization","id":"surgery","name":"Merrow Surgery","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A81001"}]}`,
		`{"resourceType":"Patient","id":"ada","name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"1950-03-01","managingOrganization":{"reference":"Organization/surgery"},"address":[{"postalCode":"ZZ2 1BB"}]}`,
	} {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Commit(t.Context(), kith, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := near.Load(t.Context(), door, strings.NewReader(directory)); err != nil {
		t.Fatal(err)
	}
	book, err := triage.Load(triage.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	s := &Site{Places: seat.Places{Door: door, Who: func(*http.Request) (access.Actor, error) { return *who, nil }, Host: kit.Host{Now: now}}, Near: &near.Service{Door: door, Now: now}, Book: book}
	return s.Handler()
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
	return w
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	got = regexp.MustCompile(`kith-[0-9a-f]{12}\.css`).ReplaceAllString(got, "kith.css")
	got = regexp.MustCompile(`/social/[0-9a-zA-Z-]+|"[0-9a-zA-Z-]{20,}-`).ReplaceAllString(got, "TASK")
	path := filepath.Join("testdata", name+".html")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is now (go test -update writes it):\n%s", path, got)
	}
}

// She finds what is near, asks for a link worker, Rita takes it and says what came of it, and she reads it.
func TestFromLookingToWhatCameOfIt(t *testing.T) {
	who := ada
	h := pages(t, &who)
	golden(t, "find", visit(t, h, "/my/near", nil).Body.String())
	page := visit(t, h, "/my/near?words-of=debt&postcode=", nil).Body.String()
	if strings.Contains(page, "Walking") || !strings.Contains(page, "1 service or group") {
		t.Error(page)
	}
	address := regexp.MustCompile(`/my/near/service/[^"]+`).FindString(page)
	golden(t, "one", visit(t, h, address, nil).Body.String())
	golden(t, "topics", visit(t, h, "/my/near/az", nil).Body.String())
	page = visit(t, h, "/my/near?about=low-mood", nil).Body.String()
	if strings.Contains(page, "Advice desk") || !strings.Contains(page, "What may help with: ") {
		t.Error(page)
	}
	if w := visit(t, h, "/my/near/link", url.Values{"text": {strings.Repeat("x", 1001)}}); w.Code != http.StatusBadRequest {
		t.Error(w.Code)
	} else {
		golden(t, "link-wrong", w.Body.String())
	}
	if w := visit(t, h, "/my/near/link", url.Values{"want": {"company"}, "text": {"I am alone"}}); w.Header().Get("Location") != "/my/near?did=asked" {
		t.Fatal(w.Code, w.Body)
	}
	if w := visit(t, h, "/my/near/link", url.Values{"want": {"money"}}); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "within 7 days") {
		t.Error(w.Code, w.Body)
	}
	golden(t, "asked", visit(t, h, "/my/near?did=asked", nil).Body.String())

	who = rita
	page = visit(t, h, "/social", nil).Body.String()
	task := regexp.MustCompile(`/social/[0-9a-zA-Z-]+`).FindString(page)
	if w := visit(t, h, task, url.Values{"take": {"yes"}}); w.Code != http.StatusSeeOther {
		t.Fatal(w.Code, w.Body)
	}
	golden(t, "social", visit(t, h, "/social?did=taken", nil).Body.String())
	if w := visit(t, h, task, url.Values{}); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "Choose what came of it") {
		t.Error(w.Code)
	}
	if w := visit(t, h, task, url.Values{"end": {"joined"}, "words": {"You walk on Tuesdays"}}); w.Code != http.StatusSeeOther {
		t.Fatal(w.Code, w.Body)
	}
	who = ada
	page = visit(t, h, "/my/near", nil).Body.String()
	if !strings.Contains(page, "You go to a service or group now") || !strings.Contains(page, "You walk on Tuesdays") {
		t.Error(page)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	who := ada
	h := pages(t, &who)
	for path, want := range map[string]int{"/my/near/service/nothing": 404, "/my/near/nowhere": 404, "/person/ada/near": 404, "/my/near?kind=nothing": 200, "/my/near/link?service=nothing": 404} {
		if w := visit(t, h, path, nil); w.Code != want {
			t.Errorf("%s: %d, not %d", path, w.Code, want)
		}
	}
}
