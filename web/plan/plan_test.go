package plan

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/care/near"
	"github.com/kith-care/kith/care/plan"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

var update = flag.Bool("update", false, "write the goldens again")

var (
	noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	kith = access.Actor{ID: "kith/test", Role: access.Kith}
	ada  = access.Actor{ID: "Patient/ada", Name: "Ada Okafor", Role: "patient", Patient: "ada", Level: access.P9, Purpose: "PATRQT"}
	joy  = access.Actor{ID: "Patient/joy", Name: "Joy Okafor", Role: "patient", Patient: "joy", Level: access.P9, Purpose: "PATRQT"}
	nina = access.Actor{ID: "Practitioner/nina", Name: "Nina Bell", Role: "nurse", Organization: "A81001", Purpose: "TREAT"}
	far  = access.Actor{ID: "Practitioner/far", Name: "Far", Role: "receptionist", Organization: "A81999", Purpose: "TREAT"}
	rita = access.Actor{ID: "Practitioner/rita", Name: "Rita Shah", Role: "receptionist", Organization: "A81001", Purpose: "TREAT"}
)

// place is the pages as whoever who points to sees them.
type place struct {
	http.Handler
	t    testing.TB
	who  access.Actor
	door *record.Door
	plan *plan.Service
	now  atomic.Int64
	lang string
}

func open(t testing.TB) *place {
	t.Helper()
	y := &place{t: t, who: ada}
	y.now.Store(noon.UnixNano())
	clock := func() time.Time { return time.Unix(0, y.now.Load()).UTC() }
	door, err := record.Open(t.Context(), record.Options{DB: "sqlite::memory:", Policy: access.Default(), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	y.door = door
	drug := func(id, name, day string) []string {
		return []string{`{"resourceType":"MedicationRequest","id":"` + id + `","status":"active","intent":"plan","courseOfTherapyType":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy","code":"continuous"}]},"medicationCodeableConcept":{"text":"` + name + `"},"subject":{"reference":"Patient/ada"},"authoredOn":"2026-01-05","dosageInstruction":[{"text":"One to be taken each day"}],"dispenseRequest":{"quantity":{"value":28,"unit":"capsule"}}}`,
			`{"resourceType":"MedicationRequest","id":"` + id + `-1","status":"completed","intent":"order","basedOn":[{"reference":"MedicationRequest/` + id + `"}],"medicationCodeableConcept":{"text":"` + name + `"},"subject":{"reference":"Patient/ada"},"authoredOn":"` + day + `"}`}
	}
	y.put(`{"resourceType":"Organization","id":"surgery","name":"Merrow Surgery","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A81001"}]}`,
		`{"resourceType":"Patient","id":"ada","extension":[{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NominatedPharmacy","valueReference":{"display":"Market Pharmacy"}}],"name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"1950-03-01","managingOrganization":{"reference":"Organization/surgery"}}`,
		`{"resourceType":"Patient","id":"joy","name":[{"family":"Okafor","given":["Joy"]}],"birthDate":"1980-03-01"}`,
		`{"resourceType":"CarePlan","id":"council","meta":{"source":"urn:kith:intake:council/1"},"status":"active","intent":"plan","title":"Home care","description":"Help to get up","subject":{"reference":"Patient/ada"},"period":{"start":"2026-09-01"},"author":{"display":"Merrow Council"},"activity":[{"detail":{"status":"in-progress","description":"A visit each morning"}}]}`)
	y.put(drug("ramipril", "Ramipril 5mg capsules", "2026-10-28")...)
	y.put(drug("atorva", "Atorvastatin 20mg tablets", "2026-11-20")...)
	y.put(drug("tramadol", "Tramadol 50mg capsules", "2026-10-01")...)
	if _, err := near.Load(t.Context(), door, strings.NewReader("directory: Merrow\nreviewed: '2026-11-26'\nservices: [{name: Corner Pharmacy, what: Medicines, kinds: [pharmacy], street: 1 High Street, town: Merrow}]")); err != nil {
		t.Fatal(err)
	}
	if err := (&trust.Service{Door: door, Now: clock}).Record(t.Context(), kith, "ada", "joy", "Joy", []string{"see", "manage"}, noon.AddDate(1, 0, 0), true); err != nil {
		t.Fatal(err)
	}
	book, err := plan.Load(plan.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	y.plan = &plan.Service{Door: door, Book: book, Now: clock}
	s := &Site{Plan: y.plan, Book: book, Near: &near.Service{Door: door, Now: clock}, Places: seat.Places{Door: door, Who: func(*http.Request) (access.Actor, error) { return y.who, nil }, Host: kit.Host{Now: clock}}}
	y.Handler = s.Handler()
	return y
}

func (y *place) put(resources ...string) {
	y.t.Helper()
	for _, text := range resources {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			y.t.Fatalf("%v: %s", err, text)
		}
		if _, err := y.door.Commit(y.t.Context(), kith, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
			y.t.Fatal(err)
		}
	}
}

// visit looks at a page or sends a form; it answers the page, or where it leads.
func (y *place) visit(path string, form url.Values, status int) string {
	y.t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if form != nil {
		r = httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept-Language", y.lang)
	w := httptest.NewRecorder()
	y.ServeHTTP(w, r)
	if w.Code != status {
		y.t.Fatalf("%s: %d, not %d: %s", path, w.Code, status, w.Body)
	}
	if status == http.StatusSeeOther {
		return w.Header().Get("Location")
	}
	return w.Body.String()
}

func (y *place) golden(name, got string) {
	y.t.Helper()
	got = regexp.MustCompile(`kith-[0-9a-f]{12}\.css`).ReplaceAllString(got, "kith.css")
	got = regexp.MustCompile(`(prescriptions/|plan/goal/|coaching/|")[0-9a-z]{20}\b`).ReplaceAllString(got, "${1}ID")
	path := filepath.Join("testdata", name+".html")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			y.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		y.t.Fatal(err)
	}
	if got != string(want) {
		y.t.Errorf("%s is now (go test -update writes it):\n%s", path, got)
	}
}

func (y *place) says(page, want string) {
	y.t.Helper()
	if !strings.Contains(page, want) {
		y.t.Errorf("it does not say %q: %s", want, page)
	}
}

var versionIn = regexp.MustCompile(`name="version" value="(\d+)"`)

func version(page string) string { return versionIn.FindStringSubmatch(page)[1] }

// She writes what matters, her nurse what was agreed; of two who write the same, one sees both texts.
func TestAPlanInTheirOwnWords(t *testing.T) {
	y := open(t)
	y.golden("plan-empty", y.visit("/my/plan", nil, 200))
	page := y.visit("/my/plan/change/matters", nil, 200)
	y.golden("matters", page)
	if to := y.visit("/my/plan/change/matters", url.Values{"text": {"My cat Tom\r\nand my garden"}, "version": {version(page)}}, 303); to != "/my/plan?did=saved#matters" {
		t.Error(to)
	}
	y.now.Add(int64(time.Hour))
	y.who = nina
	page = y.visit("/person/ada/plan/change/agreed", nil, 200)
	y.visit("/person/ada/plan/change/agreed", url.Values{"text": {"Weigh once a week\nNurse calls on Mondays"}, "version": {version(page)}}, 303)
	late := y.visit("/person/ada/plan/change/matters", nil, 200)
	y.says(late, "Write it in the person’s own words.")
	y.who = ada
	page = y.visit("/my/plan/change/matters", nil, 200)
	y.visit("/my/plan/change/matters", url.Values{"text": {"My cat Tom"}, "version": {version(page)}}, 303)
	y.who = nina
	conflict := y.visit("/person/ada/plan/change/matters", url.Values{"text": {"Her cat and her garden"}, "version": {version(late)}}, 409)
	y.golden("conflict", conflict)
	y.says(conflict, "Her cat and her garden</textarea>")
	y.says(conflict, `<p class="kith-said">My cat Tom</p>`)
	y.visit("/person/ada/plan/change/matters", url.Values{"text": {"My cat Tom and my garden"}, "version": {version(conflict)}}, 303)
	y.visit("/person/ada/plan/change/matters", url.Values{"text": {strings.Repeat("x", 2001)}, "version": {"1"}}, 400)
	y.who = joy
	y.visit("/for/ada/plan/change/helps", url.Values{"text": {"Call Joy"}, "version": {"0"}}, 303)
	y.who = ada
	y.golden("plan", y.visit("/my/plan?did=saved", nil, 200))
	y.golden("history", y.visit("/my/plan/history", nil, 200))
	y.lang = "cy"
	y.golden("plan-cy", y.visit("/my/plan", nil, 200))
}

// A goal from the first question to its end, with and without a programme.
func TestAGoalAndItsCheckIns(t *testing.T) {
	y := open(t)
	y.golden("programmes", y.visit("/my/plan/programmes", nil, 200))
	y.golden("programme", y.visit("/my/plan/programmes/walking", nil, 200))
	y.golden("want", y.visit("/my/plan/goal/new?programme=walking", nil, 200))
	y.says(y.visit("/my/plan/goal/new", url.Values{"asked": {"words"}, "words": {" "}}, 400), "Write what you want to be able to do")
	y.golden("step", y.visit("/my/plan/goal/new", url.Values{"asked": {"words"}, "words": {"Walk to the shop"}}, 200))
	y.says(y.visit("/my/plan/goal/new", url.Values{"asked": {"step"}, "words": {"Walk to the shop"}}, 400), "Write one small step")
	sure := url.Values{"asked": {"step"}, "words": {"Walk to the shop"}, "step": {"To the gate each morning"}}
	y.golden("sure", y.visit("/my/plan/goal/new", sure, 200))
	sure.Set("asked", "sure")
	y.golden("sure-wrong", y.visit("/my/plan/goal/new", sure, 400))
	sure.Set("sure", "5")
	goal := y.visit("/my/plan/goal/new", sure, 303)
	y.golden("goal-begun", y.visit(goal, nil, 200))
	goal, _, _ = strings.Cut(goal, "?")

	page := y.visit(goal+"/check", nil, 200)
	y.golden("went", page)
	said := url.Values{"version": {version(page)}, "asked": {"went"}}
	y.says(y.visit(goal+"/check", said, 400), "Choose how it went")
	said.Set("went", "partly")
	said.Set("more", "It rained")
	y.visit(goal+"/check", said, 200)
	said.Set("asked", "sure")
	y.says(y.visit(goal+"/check", said, 400), "Choose how sure you are")
	said.Set("sure", "4")
	y.visit(goal+"/check", said, 303)
	y.says(y.visit(goal+"/check", said, 409), "you sent it twice")
	page = y.visit(goal+"?did=checked", nil, 200)
	y.golden("goal-checked", page)
	y.visit(goal+"/step", url.Values{"version": {version(page)}, "step": {""}}, 400)
	y.visit(goal+"/step", url.Values{"version": {version(page)}, "step": {"To the door"}}, 303)
	y.visit(goal+"/end", url.Values{"version": {version(page)}}, 409)
	page = y.visit(goal, nil, 200)
	y.visit(goal+"/end", url.Values{"version": {version(page)}, "reached": {"yes"}}, 303)
	y.says(y.visit(goal, nil, 200), "Reached on 26 November 2026")
	y.visit(goal+"/check", nil, 409)

	walk, _, _ := strings.Cut(y.visit("/my/plan/goal/new", url.Values{"programme": {"walking"}, "asked": {"sure"}, "words": {"Walk with the dog"}, "sure": {"-1"}}, 303), "?")
	page = y.visit(walk+"/check", nil, 200)
	said = url.Values{"version": {version(page)}, "asked": {"went"}, "went": {"done"}}
	y.golden("felt", y.visit(walk+"/check", said, 200))
	said.Set("asked", "felt")
	y.says(y.visit(walk+"/check", said, 400), "Choose how hard it was")
	said.Set("felt", "too-easy")
	said.Set("asked", "sure")
	said.Set("sure", "9")
	y.now.Add(int64(72 * time.Hour))
	y.visit(walk+"/check", said, 303)
	y.golden("goal-programme", y.visit(walk+"?did=checked", nil, 200))
	y.who = nina
	at := strings.Replace(walk, "/my/", "/person/ada/", 1)
	page = y.visit(at, nil, 200)
	y.visit(at+"/coach", url.Values{"version": {version(page)}}, 303)
	y.says(y.visit(at, nil, 200), "Your coach: Nina Bell")
	y.who = ada
	y.visit(walk+"/coach", url.Values{"version": {"1"}}, 404)
}

// A repeat in three pages, what is in the way of it, the practice's answer, and where it is.
func TestARepeatFromChoosingToCollecting(t *testing.T) {
	y := open(t)
	y.golden("repeats", y.visit("/my/prescriptions", nil, 200))
	y.golden("repeats-wrong", y.visit("/my/prescriptions/check", nil, 400))
	y.golden("check", y.visit("/my/prescriptions/check?item=ramipril&item=atorva", nil, 200))
	form := url.Values{"item": {"ramipril", "atorva"}, "pharmacy": {"other"}, "note": {"Big print labels please"}}
	y.golden("check-wrong", y.visit("/my/prescriptions/check", form, 400))
	form.Set("why", "I am away")
	form.Set("other", "Hill Pharmacy, Hill Road")
	order := y.visit("/my/prescriptions/check", form, 303)
	y.golden("ordered", y.visit(order, nil, 200))
	order, _, _ = strings.Cut(order, "?")
	y.says(y.visit("/my/prescriptions/check", form, 409), "This was ordered already")
	y.golden("repeats-ordered", y.visit("/my/prescriptions", nil, 200))
	y.who = joy
	y.says(y.visit("/for/ada/prescriptions", nil, 200), "Ordered on 26 November 2026. See where it is.")

	y.now.Add(int64(5 * 24 * time.Hour)) // nobody looks at it: both sides see that it is late
	y.who = ada
	y.says(y.visit(order, nil, 200), "This takes longer than it should")
	y.who = nina
	y.says(y.visit("/prescriptions", nil, 200), "30-Nov-2026, late")
	y.now.Add(-int64(5 * 24 * time.Hour))
	y.who = rita
	y.says(y.visit("/prescriptions", nil, 200), "2 medicines")
	y.who = access.Actor{ID: "Practitioner/x", Name: "X", Role: "nurse", Organization: "A81999", Purpose: "TREAT"}
	y.says(y.visit("/prescriptions", nil, 200), "No order waits.")
	y.who = nina
	page := y.visit("/prescriptions", nil, 200)
	y.golden("queue", page)
	id := regexp.MustCompile(`action="(/prescriptions/[0-9a-z]+)"`).FindStringSubmatch(page)[1]
	y.visit(id, url.Values{"look": {"yes"}}, 303)
	page = y.visit("/prescriptions?did=looked", nil, 200)
	items := regexp.MustCompile(`value="approve" id="(order-[0-9a-f]+)-yes"`).FindAllStringSubmatch(page, -1)
	if len(items) != 2 {
		t.Fatal(page)
	}
	one, two := items[0][1], items[1][1]
	answer := url.Values{"version": {version(page)}}
	y.says(y.visit(id, answer, 400), "Choose for each medicine")
	answer.Set("answer-"+one, "approve")
	y.says(y.visit(id, answer, 400), "Choose for each medicine")
	answer.Set("answer-"+two, "refuse")
	y.says(y.visit(id, answer, 400), "Write why it is not prescribed")
	answer.Set("reason-"+two, "You have enough until 18 December")
	if to := y.visit(id, answer, 303); to != "/prescriptions?did=sent" {
		t.Error(to)
	}
	y.visit(id, answer, 409)
	y.put(`{"resourceType":"MedicationDispense","id":"d","status":"completed","medicationCodeableConcept":{"text":"as asked"},"subject":{"reference":"Patient/ada"},"authorizingPrescription":[{"reference":"MedicationRequest/` + one + `"}],"whenHandedOver":"2026-11-26T16:00:00Z"}`)
	y.who = ada
	y.golden("collected", y.visit(order, nil, 200))
	y.lang = "cy"
	y.golden("repeats-cy", y.visit("/my/prescriptions", nil, 200))
}

// An order with nothing to look at first is answered in one press; one with something is not.
func TestAnOrderThatNeedsNoLookIsAnsweredAtOnce(t *testing.T) {
	y := open(t)
	y.visit("/my/prescriptions/check", url.Values{"item": {"ramipril"}}, 303)
	y.visit("/my/prescriptions/check", url.Values{"item": {"tramadol"}}, 303)
	y.who = nina
	page := y.visit("/prescriptions", nil, 200)
	if n := strings.Count(page, "All issued and sent"); n != 1 {
		t.Fatalf("%d can be answered at once: %s", n, page)
	}
	form := regexp.MustCompile(`action="(/prescriptions/[0-9a-z]+)" method="post"><input type="hidden" name="version" value="(\d+)"><input type="hidden" name="(answer-order-[0-9a-f]+)" value="approve"><button`).FindStringSubmatch(page)
	y.visit(form[1], url.Values{"version": {form[2]}, form[3]: {"approve"}}, 303)
	page = y.visit("/prescriptions", nil, 200)
	if strings.Contains(page, "Ramipril") || !strings.Contains(page, "It is a strong painkiller and a controlled medicine.") {
		t.Error(page)
	}
}

// A receptionist orders for somebody who telephones, sees what is prescribed for that alone, and the audit says that they asked.
func TestARepeatIsOrderedAtTheDesk(t *testing.T) {
	y := open(t)
	y.put(`{"resourceType":"MedicationDispense","id":"d","status":"completed","medicationCodeableConcept":{"text":"Something else"},"subject":{"reference":"Patient/ada"},"whenHandedOver":"2026-11-26T16:00:00Z"}`)
	y.who = rita
	shown := y.visit("/person/ada/prescriptions", nil, 200)
	y.says(shown, "Ramipril 5mg capsules")
	y.says(shown, "What do you want to order?")
	y.says(y.visit("/person/ada/prescriptions/check?item=ramipril", nil, 200), "Market Pharmacy")
	to := y.visit("/person/ada/prescriptions/check", url.Values{"item": {"ramipril"}}, 303)
	shown = y.visit(to, nil, 200)
	y.says(shown, "Ramipril 5mg capsules")
	y.says(shown, "Rita Shah")
	page := y.visit("/prescriptions", nil, 200)
	y.says(page, "1 medicine")
	y.says(page, "For somebody who may see medicines")
	if strings.Contains(page, "Ramipril") {
		t.Errorf("nobody asked, and a receptionist sees it: %s", page)
	}
	trail, err := y.door.Trail(t.Context(), kith, record.TrailQuery{Patient: "ada", Actor: rita.ID, Count: record.MaxCount})
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, e := range trail.Entries {
		if strings.Contains(e.What, "MedicationRequest") {
			looked++
			if e.Purpose != seat.OnBehalf {
				t.Errorf("%s %s is said to be for %s", e.Action, e.What, e.Purpose)
			}
		}
	}
	if looked == 0 {
		t.Error("the audit does not say that anything prescribed was looked at")
	}
}

// Who has gone quiet is taken, and it is said what came of it.
func TestPeopleWhoHaveGoneQuiet(t *testing.T) {
	y := open(t)
	y.put(`{"resourceType":"Task","id":"quiet-1","status":"requested","intent":"order","code":{"coding":[{"system":"urn:kith:task","code":"coach-quiet"}]},"description":"Nothing was heard for 7 days, last on Thursday 19 November, 09:00. Goal: “Walk”","for":{"reference":"Patient/ada"},"authoredOn":"2026-11-26T09:00:00Z","owner":{"display":"Health coaches"},"restriction":{"period":{"end":"2026-11-29T09:00:00Z"}}}`)
	y.who = nina
	y.golden("quiet", y.visit("/coaching", nil, 200))
	y.visit("/coaching/quiet-1", url.Values{"take": {"yes"}}, 303)
	y.golden("quiet-taken", y.visit("/coaching?did=taken", nil, 200))
	y.says(y.visit("/coaching/quiet-1", url.Values{"words": {" "}}, 400), "Write what came of it")
	y.visit("/coaching/quiet-1", url.Values{"words": {"She was on holiday"}}, 303)
	y.says(y.visit("/coaching?did=ended", nil, 200), "Nobody has gone quiet.")
	y.visit("/coaching/quiet-1", url.Values{"words": {"Again"}}, 409)
}

func TestWhatIsNotThere(t *testing.T) {
	y := open(t)
	for path, want := range map[string]int{"/my/plan/change/colour": 404, "/my/plan/goal/nothing": 404, "/my/plan/programmes/flying": 404, "/my/prescriptions/nothing": 404, "/person/ada/plan": 404, "/for/joy/plan": 404, "/my/plan/nowhere": 404, "/my/prescriptions/check?item=nothing": 400} {
		y.visit(path, nil, want)
	}
	y.visit("/my/prescriptions/check", url.Values{"item": {"nothing"}}, 400)
	y.who = far
	y.visit("/person/ada/prescriptions", nil, 403)
	y.who = access.Actor{ID: "Patient/joy", Name: "Joy", Role: "patient", Patient: "joy", Level: access.P5, Purpose: "PATRQT"}
	y.visit("/my/plan", nil, 403)
}
