package family

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
	"github.com/kith-care/kith/care/behalf"
	"github.com/kith-care/kith/care/booking"
	"github.com/kith-care/kith/care/carer"
	"github.com/kith-care/kith/care/carry"
	"github.com/kith-care/kith/care/explain"
	"github.com/kith-care/kith/care/growing"
	"github.com/kith-care/kith/care/home"
	"github.com/kith-care/kith/care/message"
	"github.com/kith-care/kith/care/near"
	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/care/release"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/web/audit"
	"github.com/kith-care/kith/web/kit"
	webrecord "github.com/kith-care/kith/web/record"
	"github.com/kith-care/kith/web/seat"
)

var update = flag.Bool("update", false, "write goldens again")

var (
	noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	kith = access.Actor{ID: "kith/test", Role: access.Kith}
	ada  = access.Actor{ID: "Patient/ada", Name: "Ada Okafor", Role: "patient", Patient: "ada", Level: access.P9, Purpose: "PATRQT"}
	joy  = access.Actor{ID: "Patient/joy", Name: "Joy Okafor", Role: "patient", Patient: "joy", Level: access.P9, Purpose: "PATRQT"}
	dee  = access.Actor{ID: "Patient/dee", Name: "Dee Shah", Role: "patient", Patient: "dee", Level: access.P9, Purpose: "PATRQT"}
	max  = access.Actor{ID: "Patient/max", Name: "Max Shah", Role: "patient", Patient: "max", Level: access.P9, Purpose: "PATRQT"}
	rita = access.Actor{ID: "Practitioner/rita", Name: "Rita", Role: "receptionist", Organization: "A81001", Purpose: "TREAT"}
	nia  = access.Actor{ID: "Practitioner/nia", Name: "Nurse Nia", Role: "nurse", Organization: "A81001", Purpose: "TREAT"}
	tina = access.Actor{ID: "Practitioner/tina", Name: "Tina Holt", Role: "careworker", Organization: "ZZHC", Purpose: "TREAT"}
)

// town is a place with Ada, who has home care and is cared for by her daughter Joy, who is registered elsewhere; and Dee, who is 12, with her father Max.
var town = []string{
	`{"resourceType":"Organization","id":"surgery","name":"Merrow Surgery","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A81001"}]}`,
	`{"resourceType":"Organization","id":"other","name":"Station Road","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"B81001"}]}`,
	`{"resourceType":"Patient","id":"ada","name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"1950-03-01","managingOrganization":{"reference":"Organization/surgery"}}`,
	`{"resourceType":"Patient","id":"joy","name":[{"family":"Okafor","given":["Joy"]}],"birthDate":"1980-03-01","managingOrganization":{"reference":"Organization/other"}}`,
	`{"resourceType":"Patient","id":"dee","name":[{"family":"Shah","given":["Dee"]}],"birthDate":"2014-06-01","managingOrganization":{"reference":"Organization/surgery"}}`,
	`{"resourceType":"Patient","id":"max","name":[{"family":"Shah","given":["Max"]}],"birthDate":"1980-03-01","managingOrganization":{"reference":"Organization/surgery"}}`,
	`{"resourceType":"Condition","id":"asthma","code":{"text":"Asthma"},"subject":{"reference":"Patient/dee"},"recordedDate":"2024-03-01"}`,
	`{"resourceType":"Condition","id":"private","meta":{"security":[{"system":"https://kith.care/fhir/CodeSystem/label","code":"not-for-trusted"}]},"code":{"text":"Talked about contraception"},"subject":{"reference":"Patient/dee"},"recordedDate":"2026-03-01"}`,
	`{"resourceType":"CarePlan","id":"plan","status":"active","intent":"plan","category":[{"coding":[{"system":"urn:kith:plan","code":"monitoring"}]}],"subject":{"reference":"Patient/ada"},"activity":[{"detail":{"status":"in-progress","code":{"text":"Blood pressure"},"scheduledTiming":{"repeat":{"frequency":1,"period":1,"periodUnit":"d"}}}}]}`,
	`{"resourceType":"Appointment","id":"eyes","status":"booked","serviceType":[{"text":"Eye clinic"}],"start":"2026-12-01T10:00:00Z","end":"2026-12-01T10:30:00Z","participant":[{"actor":{"reference":"Patient/ada"},"status":"accepted"}]}`,
	visit("v1", "finished", "2026-11-26T08:00:00Z", `"start":"2026-11-26T08:50:00Z","end":"2026-11-26T09:10:00Z"`),
	visit("v2", "cancelled", "2026-11-26T09:00:00Z", `"start":"2026-11-26T09:00:00Z"`),
	visit("v3", "planned", "2026-11-26T11:00:00Z", `"start":"2026-11-26T11:00:00Z"`),
	visit("v4", "planned", "2026-11-27T08:00:00Z", `"start":"2026-11-27T08:00:00Z"`),
	`{"resourceType":"MedicationAdministration","id":"m1","status":"completed","medicationCodeableConcept":{"text":"Amlodipine 5mg tablets"},"subject":{"reference":"Patient/ada"},"context":{"reference":"Encounter/v1"},"effectivePeriod":{"start":"2026-11-26T08:50:00Z"}}`,
	`{"resourceType":"MedicationAdministration","id":"m2","status":"not-done","statusReason":[{"text":"None left"}],"medicationCodeableConcept":{"text":"Insulin glargine 100units/ml"},"subject":{"reference":"Patient/ada"},"context":{"reference":"Encounter/v1"},"effectivePeriod":{"start":"2026-11-26T08:50:00Z"}}`,
	`{"resourceType":"Observation","id":"did","status":"final","code":{"text":"What was done at a home care visit"},"subject":{"reference":"Patient/ada"},"encounter":{"reference":"Encounter/v1"},"component":[{"code":{"text":"Washed and dressed"},"valueBoolean":true}],"note":[{"text":"In good spirits"}]}`,
	`{"resourceType":"Task","id":"missed","status":"requested","intent":"order","priority":"stat","authoredOn":"2026-11-26T11:01:00Z","for":{"reference":"Patient/ada"},"code":{"coding":[{"system":"urn:kith:task","code":"visit-missed"}],"text":"A home care visit was missed"},"description":"Nobody came to the visit planned for 09:00 on Thursday 26 November.","owner":{"identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"ZZHC"},"display":"Merrowby Home Care"},"restriction":{"period":{"end":"2026-11-26T12:01:00Z"}}}`,
}

func visit(id, status, planned, period string) string {
	return `{"resourceType":"Encounter","id":"` + id + `","meta":{"source":"urn:kith:intake:agency/7"},"status":"` + status + `","class":{"code":"HH"},"subject":{"reference":"Patient/ada"},"extension":[{"url":"http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedStartDate","valueDateTime":"` + planned +
		`"}],"participant":[{"individual":{"display":"Tina Holt"}}],"serviceProvider":{"identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"ZZHC"},"display":"Merrowby Home Care"},"period":{` + period + `}}`
}

type place struct {
	http.Handler
	t    *testing.T
	door *record.Door
	now  func() time.Time
	who  access.Actor
	site *Site
}

func open(t *testing.T) *place { return openOn(t, "sqlite::memory:") }

func openOn(t *testing.T, db string) *place {
	t.Helper()
	p := &place{t: t, who: ada, now: func() time.Time { return noon }}
	door, err := record.Open(t.Context(), record.Options{DB: db, Policy: access.Default(), Now: p.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	p.door = door
	p.put(town...)
	p.site = siteOn(door, p.now, func() access.Actor { return p.who })
	p.Handler = p.site.Handler()
	return p
}

func siteOn(door *record.Door, now func() time.Time, who func() access.Actor) *Site {
	return &Site{Places: seat.Places{Door: door, Who: func(*http.Request) (access.Actor, error) { return who(), nil }, Host: kit.Host{Now: now}, Help: "01632 960000"},
		Visits: &home.Service{Door: door, Now: now}, Carers: &carer.Service{Door: door, Now: now}, Growing: &growing.Service{Door: door, Now: now}, Behalf: &behalf.Service{Door: door, Now: now}, Needs: &need.Service{Door: door, Now: now}}
}

func (p *place) put(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			p.t.Fatal(err)
		}
		if _, err := p.door.Commit(p.t.Context(), kith, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *place) trusts(giver, trusted, name string, scopes ...string) {
	p.t.Helper()
	if err := (&trust.Service{Door: p.door, Now: p.now}).Record(p.t.Context(), kith, giver, trusted, name, scopes, noon.AddDate(1, 0, 0), true); err != nil {
		p.t.Fatal(err)
	}
}

func look(t *testing.T, h http.Handler, path string, form url.Values) *httptest.ResponseRecorder {
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

// follow sends a form and reads the page it leads to.
func (p *place) follow(path string, form url.Values) string {
	p.t.Helper()
	w := look(p.t, p, path, form)
	if w.Code != http.StatusSeeOther {
		p.t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return look(p.t, p, w.Header().Get("Location"), nil).Body.String()
}

func says(t *testing.T, page string, want ...string) {
	t.Helper()
	for _, text := range want {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not say %q:\n%s", text, page)
		}
	}
}

func saysNot(t *testing.T, page string, not ...string) {
	t.Helper()
	for _, text := range not {
		if strings.Contains(page, text) {
			t.Errorf("the page says %q", text)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	got = regexp.MustCompile(`kith-[0-9a-f]{12}\.css`).ReplaceAllString(got, "kith.css")
	got = regexp.MustCompile(`value="[0-9a-z]{20}"`).ReplaceAllString(got, `value="KEY"`)
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

// The window on home care: for her, for whoever she trusts with seeing, for her practice; not for others.
func TestTheWindowOnHomeCare(t *testing.T) {
	p := open(t)
	page := look(t, p, "/my/visits", nil).Body.String()
	golden(t, "visits", page)
	says(t, page, "As of Thursday 26 November at midday", "Tina Holt", "Washed and dressed", "Amlodipine", "None left", "50 minutes late", "Nobody came", "medicine that cannot wait", "Late", "Planned", "Telephone 01632 960000")
	p.who = joy
	if w := look(t, p, "/for/ada/visits", nil); w.Code != http.StatusNotFound {
		t.Errorf("somebody whom nobody trusts: %d", w.Code)
	}
	p.trusts("ada", "joy", "My daughter Joy", "see")
	says(t, look(t, p, "/for/ada/visits", nil).Body.String(), "Home care visits: Ada Okafor", "Nobody came")
	p.who = nia
	says(t, look(t, p, "/person/ada/visits", nil).Body.String(), "Nobody came")
	p.who = rita
	if w := look(t, p, "/person/ada/visits", nil); w.Code != http.StatusForbidden {
		t.Errorf("a receptionist sees medicines: %d", w.Code)
	}
	p.who = dee
	says(t, look(t, p, "/my/visits", nil).Body.String(), "No home care visits are known")
}

// The agency's list: somebody takes it, has to say what was done, and says it.
func TestTheOfficeAnswers(t *testing.T) {
	p := open(t)
	p.who = tina
	page := look(t, p, "/visits", nil).Body.String()
	says(t, page, "Ada Okafor", "At once", "Take")
	p.follow("/visits/missed", url.Values{"take": {"yes"}})
	if w := look(t, p, "/visits/missed", url.Values{"words": {" "}}); w.Code != http.StatusBadRequest {
		t.Error(w.Code)
	} else {
		golden(t, "office", w.Body.String())
	}
	says(t, p.follow("/visits/missed", url.Values{"words": {"Anca came at 12"}}), "They and their family can read", "No visit has been missed")
	p.who = joy
	if w := look(t, p, "/visits", nil); w.Code != http.StatusNotFound {
		t.Errorf("a patient sees the office's list: %d", w.Code)
	}
}

// Joy's list for her mother: what the plan asks, an appointment, what she adds; ticked, taken back; errors. Then she registers as a carer.
func TestACarersList(t *testing.T) {
	p := open(t)
	p.trusts("ada", "joy", "My daughter Joy", "see", "book", "manage")
	p.who = joy
	w := look(t, p, "/for/ada/tasks/new", url.Values{"day": {"31"}, "month": {"2"}, "year": {"2027"}})
	if w.Code != http.StatusBadRequest {
		t.Error(w.Code)
	}
	golden(t, "add-wrong", w.Body.String())
	says(t, w.Body.String(), "Choose what it is", "Write what is to be done", "There is no such day")
	page := p.follow("/for/ada/tasks/new", url.Values{"kind": {"medicine"}, "text": {"Eye drops"}, "daily": {"yes"}, "mine": {"yes"}})
	says(t, page, "It is on the list", "Give a medicine: Eye drops", "You do this", "Measure something: Blood pressure", "Bring to an appointment: Eye clinic", "Send the reading", "Look in on them: Nobody came to the visit planned for 09:00")
	golden(t, "tasks", page)
	key := regexp.MustCompile(`value="(due-[0-9a-f]+)"`).FindStringSubmatch(page)[1]
	page = p.follow("/for/ada/tasks", url.Values{"key": {key}, "do": {"tick"}})
	says(t, page, "It is ticked off", "Done by Joy Okafor")
	p.who = ada
	says(t, look(t, p, "/my/tasks", nil).Body.String(), "Done by Joy Okafor", "Joy Okafor does this")
	p.who = nia
	says(t, p.follow("/person/ada/tasks/new", url.Values{"kind": {"other"}, "text": {"Elevate her legs"}}), "Elevate her legs", "Asked by Nurse Nia")
	p.who = joy
	for _, form := range []url.Values{{"key": {key}, "do": {"burn"}}, {"key": {"nothing"}, "do": {"tick"}}, {"key": {"../x"}, "do": {"take"}}} {
		if w := look(t, p, "/for/ada/tasks", form); w.Code != http.StatusNotFound {
			t.Errorf("%v: %d", form, w.Code)
		}
	}
	golden(t, "carer", look(t, p, "/for/ada/carer", nil).Body.String())
	says(t, p.follow("/for/ada/carer", url.Values{}), "You are registered as a carer", "since 26 November 2026", "/my/near?about=carer")
	p.who = max
	if w := look(t, p, "/for/ada/tasks", nil); w.Code != http.StatusNotFound {
		t.Errorf("a stranger: %d", w.Code)
	}
}

// A young person sees who sees what; what is confidential is on no page of her father's; asking reaches a person.
func TestAYoungPerson(t *testing.T) {
	p := open(t)
	p.trusts("dee", "max", "My father Max", "see", "manage")
	p.who = dee
	page := look(t, p, "/my/growing", nil).Body.String()
	golden(t, "growing", page)
	says(t, page, "You are 11 or older", "My father Max", "Asthma", "Nobody but staff", "Talked about contraception")
	if w := look(t, p, "/my/growing", url.Values{"text": {strings.Repeat("x", 1001)}}); w.Code != http.StatusBadRequest {
		t.Error(w.Code)
	}
	says(t, p.follow("/my/growing", url.Values{"text": {"Please not my letters"}}), "A nurse at your practice will talk with you", "You asked on 26 November 2026")
	p.who = max
	for _, path := range []string{"/for/dee/visits", "/for/dee/tasks", "/for/dee/carer"} {
		w := look(t, p, path, nil)
		saysNot(t, w.Body.String(), "contraception", "not my letters", "young person asks")
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	// Nor on the pages of her record, however he looks; she herself finds it there.
	glossary, err := explain.Load(explain.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	rules, err := release.Read(release.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	taken, err := carry.Open(t.Context(), carry.Options{Door: p.door, Base: "http://kith.test", Now: p.now})
	if err != nil {
		t.Fatal(err)
	}
	recordOf := (&webrecord.Site{Places: p.site.Places, Glossary: glossary, Release: &release.Service{Door: p.door, Now: p.now, Rules: rules}, Carry: taken}).Handler()
	for _, path := range []string{"/record", "/record/problems", "/record/results", "/record/summary"} {
		w := look(t, recordOf, "/for/dee"+path, nil)
		saysNot(t, w.Body.String(), "contraception")
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	says(t, look(t, recordOf, "/for/dee/record/problems", nil).Body.String(), "Asthma")
	p.who = dee
	says(t, look(t, recordOf, "/my/record/problems", nil).Body.String(), "contraception")
	p.who = max
	if w := look(t, p, "/for/dee/growing", nil); w.Code != http.StatusNotFound {
		t.Errorf("her father sees her page: %d", w.Code)
	}
	for _, who := range []access.Actor{ada, max} {
		p.who = who
		if w := look(t, p, "/my/growing", nil); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", who.ID, w.Code)
		}
	}
}

// Rita does four things with Ada at the desk. The sheet says them with their next steps, in the language and print that Ada needs; the trail names both.
func TestOnBehalfAndTheSheet(t *testing.T) {
	storetest.Each(t, onBehalfAndTheSheet)
}

func onBehalfAndTheSheet(t *testing.T, db string) {
	p := openOn(t, db)
	onBehalf := rita
	onBehalf.Purpose = seat.OnBehalf
	ctx := t.Context()
	needs := &need.Service{Door: p.door, Now: p.now}
	messages := &message.Service{Door: p.door, Now: p.now, Name: "Merrowby"}
	to, err := messages.Teams(ctx, onBehalf, "ada")
	if err != nil || len(to) == 0 {
		t.Fatal(to, err)
	}
	if _, err := messages.Write(ctx, onBehalf, message.Draft{Patient: "ada", To: to[0].Ref, Subject: "My tablets", Words: "Are the tablets ready?", ForThem: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := (&near.Service{Door: p.door, Now: p.now}).Refer(ctx, onBehalf, "ada", []string{"company"}, "She is alone", ""); err != nil {
		t.Fatal(err)
	}
	p.put(`{"resourceType":"Task","id":"by-somebody-else","status":"requested","intent":"order","for":{"reference":"Patient/ada"},"code":{"text":"Not today’s"}}`)
	desk, err := fhir.Parse([]byte(`{"resourceType":"Appointment","id":"hers","status":"booked","description":"Not on her behalf","start":"2026-12-09T10:00:00Z","end":"2026-12-09T10:10:00Z","participant":[{"actor":{"reference":"Patient/ada"},"status":"accepted"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.door.Commit(ctx, rita, []record.Op{{Method: record.Create, Type: "Appointment", Resource: desk}}); err != nil {
		t.Fatal(err)
	}
	book := &booking.Service{Door: p.door, Now: p.now}
	effect, err := book.Effect(ctx, onBehalf, "ada", "eyes")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := book.Cancel(ctx, onBehalf, "ada", "eyes", effect.Key(), ""); err != nil {
		t.Fatal(err)
	}
	p.who = rita
	page := look(t, p, "/person/ada/front/print", nil).Body.String()
	golden(t, "print", page)
	says(t, page, "What we did today", "With Rita", "Are the tablets ready?", "Meeting people", "You hear from us by Thursday 3 December at midday", "This is with: Link workers", `class="kith-standard"`, "01632 960000")
	saysNot(t, page, "Not today’s", "Not on her behalf")
	if err := needs.Set(ctx, onBehalf, "ada", need.Choice{Language: "cy", Format: need.LargePrint}); err != nil {
		t.Fatal(err)
	}
	page = look(t, p, "/person/ada/front/print", nil).Body.String()
	golden(t, "print-welsh-large", page)
	says(t, page, `lang="cy"`, `class="kith-large"`)
	saysNot(t, page, "What happens next")

	trail, err := p.door.Trail(ctx, kith, record.TrailQuery{Patient: "ada", Actor: rita.ID, Count: record.MaxCount})
	if err != nil {
		t.Fatal(err)
	}
	both := false
	for _, e := range trail.Entries {
		both = both || e.Who == "Practitioner/rita" && e.Name == "Rita" && e.Purpose == "PATRQT" && e.Action == access.Create && len(e.Patients) == 1 && e.Patients[0] == "ada"
	}
	if !both {
		t.Errorf("no entry names both: %+v", trail.Entries)
	}
	// What Rita does through a page names both as well, and Ada reads it: who, where, and that it was on her behalf.
	says(t, p.follow("/person/ada/tasks/new", url.Values{"kind": {"other"}, "text": {"Fetch her glasses"}}), "It is on the list")
	seen := &audit.Site{Places: seat.Places{Door: p.door, Who: func(*http.Request) (access.Actor, error) { return ada, nil }, Host: kit.Host{Now: p.now}}}
	says(t, look(t, seen.Handler(), "/my/seen", nil).Body.String(), "Rita at Merrow Surgery, on your behalf", "added to your messages", "changed your appointments")

	p.who = ada
	if w := look(t, p, "/person/ada/front/print", nil); w.Code != http.StatusNotFound {
		t.Errorf("a patient prints staff's sheet: %d", w.Code)
	}
	p.who = access.Actor{ID: "Practitioner/x", Name: "X", Role: "socialworker", Organization: "B81001", Purpose: "TREAT"}
	says(t, look(t, p, "/person/joy/front/print", nil).Body.String(), "Nothing was changed today")
}
