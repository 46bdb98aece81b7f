package patient

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/care/booking"
	"github.com/kith-care/kith/care/message"
	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// put writes resources as the program does.
func put(t *testing.T, door *record.Door, texts ...string) {
	t.Helper()
	for _, text := range texts {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Commit(t.Context(), kith, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
			t.Fatal(err)
		}
	}
}

// found is the one resource that a search finds.
func found(t *testing.T, door *record.Door, query string) string {
	t.Helper()
	page, err := door.Find(t.Context(), kith, query)
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Matches) != 1 {
		t.Fatalf("%s finds %d", query, len(page.Matches))
	}
	res, err := page.Matches[0].Resource()
	if err != nil {
		t.Fatal(err)
	}
	return string(res.Bytes())
}

// register has Ada registered at a practice.
func register(t *testing.T, door *record.Door) {
	t.Helper()
	put(t, door, `{"resourceType":"Organization","id":"surgery","name":"Merrow Surgery","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A81001"}]}`,
		`{"resourceType":"Patient","id":"ada","name":[{"given":["Ada"],"family":"Okafor"}],"birthDate":"1950-03-01","gender":"female","telecom":[{"system":"phone","value":"01632 960001"}],"managingOrganization":{"reference":"Organization/surgery"}}`)
}

// The same pages from all three places: Joy for her mother, who let her; a receptionist of the practice; and nobody else.
func TestPagesAreForWhoeverMayUseThem(t *testing.T) {
	who := ada
	h, door := pages(t, &who)
	register(t, door)
	want(t, visit(t, h, "/my", nil).Body.String(), "Hello, Ada", `href="/my/ask"`, `href="/my/trusted"`)
	want(t, visit(t, h, "/my/profile", nil).Body.String(), "What Merrow Surgery has", "01632 960001", "1 March 1950")

	joy := access.Actor{ID: "Patient/joy", Name: "Joy Okafor", Role: "patient", Patient: "joy", Level: access.P9}
	who = joy
	for _, path := range []string{"/for/ada", "/for/ada/readings", "/for/ada/profile", "/person/ada/front"} {
		if w := visit(t, h, path, nil); w.Code == http.StatusOK {
			t.Errorf("%s is shown to somebody whom nobody trusts", path)
		}
	}
	service := &trust.Service{Door: door, Now: func() time.Time { return noon }}
	if err := service.Record(t.Context(), kith, "ada", "joy", "Joy", []string{"see", "manage"}, noon.AddDate(1, 0, 0), true); err != nil {
		t.Fatal(err)
	}
	want(t, visit(t, h, "/my", nil).Body.String(), "People you act for", `href="/for/ada"`)
	page := visit(t, h, "/for/ada", nil).Body.String()
	want(t, page, "Acting for Ada Okafor", `href="/for/ada/ask"`)
	if strings.Contains(page, "/trusted") || strings.Contains(page, "/seen") {
		t.Error("what is Ada's alone is offered to Joy")
	}
	want(t, visit(t, h, "/for/ada/ask", nil).Body.String(), "What do they need help with?")
	_, page = follow(t, h, "/for/ada/readings", url.Values{"systolic": {"131"}, "diastolic": {"82"}})
	want(t, page, "Your reading was sent", "131")

	who = access.Actor{ID: "Practitioner/rita", Name: "Rita", Role: "receptionist", Organization: "A81001", Purpose: "TREAT"}
	want(t, visit(t, h, "/person/ada/front", nil).Body.String(), "On behalf of Ada Okafor", `href="/person/ada/ask"`)
	if w := visit(t, h, "/my", nil); w.Code != http.StatusForbidden {
		t.Errorf("staff see a patient's own page: %d", w.Code)
	}
	w := visit(t, h, "/person/ada/profile/change", url.Values{"what": {"telephone"}, "text": {" "}})
	if w.Code != http.StatusBadRequest {
		t.Errorf("a change that says nothing is taken: %d", w.Code)
	}
	want(t, w.Body.String(), "Write what it is now")
	_, page = follow(t, h, "/person/ada/profile/change", url.Values{"what": {"telephone"}, "text": {"01632 960002"}})
	want(t, page, "within 5 working days")
	want(t, found(t, door, "Task?patient=ada&code=urn:kith:task|details-changed"), "My telephone number: 01632 960002", "Practitioner/rita", "Reception")

	who = access.Actor{ID: "Practitioner/nia", Name: "Nia", Role: "nurse", Organization: "A81001", Purpose: "TREAT"}
	w = visit(t, h, "/person/ada/readings", url.Values{"pulse": {"72"}, "day": {"25"}, "month": {"11"}, "year": {"2026"}, "clock": {"8 o'clock"}})
	want(t, w.Body.String(), "Choose how you were told", "such as 08:30")
	follow(t, h, "/person/ada/readings", url.Values{"pulse": {"72"}, "way": {"paper"}, "day": {"25"}, "month": {"11"}, "year": {"2026"}, "clock": {"08:30"}})
	want(t, found(t, door, "Observation?patient=ada&code=http://loinc.org|8867-4"), "2026-11-25T08:30", "paper")
}

// At the desk somebody who may see no readings writes down what they are told on the telephone, is told what to say about it, and sees nothing that was sent before.
func TestAReadingToldAtTheDesk(t *testing.T) {
	who := ada
	h, door := pages(t, &who)
	register(t, door)
	follow(t, h, "/my/readings", url.Values{"systolic": {"131"}, "diastolic": {"82"}})
	who = access.Actor{ID: "Practitioner/rita", Name: "Rita", Role: "receptionist", Organization: "A81001", Purpose: "TREAT"}
	page := visit(t, h, "/person/ada/readings", nil).Body.String()
	once := onceOnPage.FindStringSubmatch(page)[1]
	form := url.Values{"once": {once}, "systolic": {"186"}, "diastolic": {"124"}, "way": {"telephone"}}
	for range 2 { // sent twice, it is there once
		page = visit(t, h, "/person/ada/readings", form).Body.String()
	}
	want(t, page, "Your reading was sent.", "186/124. Sit still 5 minutes", "kith-level--urgent", "What you have written down")
	if strings.Contains(page, "131") {
		t.Error("a receptionist sees what was sent before")
	}
	if w := visit(t, h, "/person/ada/readings", url.Values{"pulse": {"72"}}); w.Code != http.StatusBadRequest || strings.Contains(w.Body.String(), "131") {
		t.Errorf("how it was told is not asked: %d", w.Code)
	}
	want(t, found(t, door, "Observation?patient=ada&code=http://loinc.org|85354-9&performer=Practitioner/rita"), "186", "telephone")
	trail, err := door.Trail(t.Context(), access.Actor{ID: "kith/test", Role: access.Kith}, record.TrailQuery{Patient: "ada", Actor: who.ID, Count: record.MaxCount})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(trail.Entries, func(e record.TrailEntry) bool {
		return e.Action == access.Create && e.Purpose == "PATRQT" && strings.Contains(e.What, "Observation/")
	}) {
		t.Error("the audit does not say that Rita wrote it because she was asked")
	}
	who.ID, who.Organization = "Practitioner/far", "A81999"
	if w := visit(t, h, "/person/ada/readings", nil); w.Code != http.StatusForbidden {
		t.Errorf("of another practice: %d", w.Code)
	}
}

// Somebody who said that they need large print and Welsh finds them on any device they sign in on, unless they chose otherwise there; and the hub says what is new.
func TestTheHubFollowsWhatSomebodyNeeds(t *testing.T) {
	who := ada
	site, door := siteOf(t, &who)
	now := func() time.Time { return noon }
	site.Needs, site.Messages, site.Booking = &need.Service{Door: door, Now: now}, &message.Service{Door: door, Now: now}, &booking.Service{Door: door, Now: now}
	put(t, door, `{"resourceType":"Appointment","id":"a1","status":"booked","start":"2026-12-01T09:30:00Z","end":"2026-12-01T09:40:00Z","description":"Blood test","participant":[{"actor":{"reference":"Patient/ada"},"status":"accepted"}]}`,
		`{"resourceType":"Appointment","id":"a0","status":"booked","start":"2026-11-01T09:30:00Z","end":"2026-11-01T09:40:00Z","description":"Long ago","participant":[{"actor":{"reference":"Patient/ada"},"status":"accepted"}]}`)
	h := site.Handler()
	page := visit(t, h, "/my", nil).Body.String()
	want(t, page, "Tuesday 1 December at 9:30am", "Blood test", `href="/my/appointments/a1"`)
	if strings.Contains(page, "Long ago") {
		t.Error("what is over is said to come")
	}
	if err := site.Needs.Set(t.Context(), ada, "ada", need.Choice{Language: "cy", Format: need.LargePrint}); err != nil {
		t.Fatal(err)
	}
	w := visit(t, h, "/my", nil)
	if w.Code != http.StatusSeeOther || len(w.Result().Cookies()) != 2 {
		t.Fatalf("%d %v", w.Code, w.Result().Cookies())
	}
	r := httptest.NewRequest(http.MethodGet, "/my", nil)
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	again := httptest.NewRecorder()
	h.ServeHTTP(again, r)
	want(t, again.Body.String(), `lang="cy"`, `class="kith-large"`, "Helô, Ada")
	r = httptest.NewRequest(http.MethodGet, "/my", nil)
	r.AddCookie(&http.Cookie{Name: "kith-words", Value: "en"})
	again = httptest.NewRecorder()
	h.ServeHTTP(again, r)
	want(t, again.Body.String(), "Hello, Ada")
}

// Every request has its steps and by when somebody hears, whichever room it is of; what is not hers is not there.
func TestWhatWasAskedForAndHowItStands(t *testing.T) {
	who := ada
	h, door := pages(t, &who)
	task := func(id, patient, code, status, more string) string {
		return `{"resourceType":"Task","id":"` + id + `","status":"` + status + `","intent":"order","authoredOn":"2026-11-25T09:00:00Z","lastModified":"2026-11-26T09:00:00Z","for":{"reference":"Patient/` + patient + `"},"owner":{"display":"Reception"},"code":{"coding":[{"system":"urn:kith:task","code":"` + code + `"}]}` + more + `}`
	}
	put(t, door,
		task("t1", "ada", "social-prescribing", "requested", `,"restriction":{"period":{"end":"2026-12-02T09:00:00Z"}},"input":[{"type":{"text":"words"},"valueString":"I am alone"}]`),
		task("t2", "ada", "details-changed", "requested", `,"restriction":{"period":{"end":"2026-11-26T08:00:00Z"}}`),
		task("t3", "ada", "repeat-order", "rejected", `,"statusReason":{"text":"Please come for a blood test first"}`),
		task("t4", "ada", "monitor-alert", "requested", ``),
		task("t5", "joy", "details-changed", "requested", ``),
		task("t6", "ada", "appointment-wish", "accepted", `,"focus":{"reference":"Appointment/a7"}`))
	page := visit(t, h, "/my/requests", nil).Body.String()
	want(t, page, "A link worker", "I am alone", "You hear by Wednesday 2 December at 9am", "This is late: it was due by Thursday 26 November at 8am", "Not done", "Please come for a blood test first", `href="/my/appointments/a7"`, "Somebody has it")
	if n := strings.Count(page, `class="kith-steps"`); n != 4 {
		t.Errorf("%d requests are shown: %s", n, page)
	}
	// One that begins with a question is there once it has come to its outcome.
	at, _ := follow(t, h, "/my/ask", url.Values{"text": {"cough for 4 weeks and losing weight"}})
	at, page = follow(t, h, at, url.Values{"answer": {"cough"}})
	finish(t, h, at, page)
	want(t, visit(t, h, "/my/requests", nil).Body.String(), "Help with a health problem", "cough for 4 weeks and losing weight", "You hear by", `href="`+at+`"`)
	want(t, visit(t, h, at, nil).Body.String(), "Why we say this")
}
