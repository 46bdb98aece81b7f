package browser

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/plan"
	"github.com/kith-care/kith/conformance/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	pages "github.com/kith-care/kith/web/plan"
	"github.com/kith-care/kith/web/seat"
)

// The care plan, goals and repeat prescriptions with a real browser: without JavaScript, with the keyboard alone, on a small telephone, and what axe knows of
// barriers on every page and every error; how many pages a repeat takes.
func TestPlanPagesWithARealBrowser(t *testing.T) {
	chromium := found(t, "../../scripts/chromium")
	if _, err := os.Stat("../node_modules/playwright-core"); err != nil {
		need.Skip(t, "web/node_modules is not there (scripts/setup css)")
	}
	site, desk := openPlan(t)
	input, err := json.Marshal(map[string]any{"chromium": chromium, "site": site, "desk": desk})
	if err != nil {
		t.Fatal(err)
	}
	drive(t, "plan.mjs", input, 6)
}

// openPlan serves the pages of somebody on three repeats who has signed in, and those of the nurse at their practice.
func openPlan(t *testing.T) (site, desk string) {
	t.Helper()
	door := record.Test(t)
	day := func(days int) string { return time.Now().AddDate(0, 0, days).UTC().Format(time.DateOnly) }
	texts := []string{`{"resourceType":"Patient","id":"okafor","name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"1950-03-01"}`,
		`{"resourceType":"CarePlan","id":"council","status":"active","intent":"plan","title":"Home care","subject":{"reference":"Patient/okafor"},"author":{"display":"Merrowby Council"},"activity":[{"detail":{"status":"in-progress","description":"A visit each morning"}}]}`,
		`{"resourceType":"Task","id":"quiet","status":"accepted","intent":"order","code":{"coding":[{"system":"urn:kith:task","code":"coach-quiet"}]},"description":"Nothing was heard for 7 days","for":{"reference":"Patient/okafor"},"authoredOn":"` + day(-1) + `","owner":{"display":"Health coaches"}}`}
	for id, one := range map[string]struct{ name, day string }{"ramipril": {"Ramipril 5mg capsules", day(-27)}, "atorva": {"Atorvastatin 20mg tablets", day(-3)}, "tramadol": {"Tramadol 50mg capsules", day(-40)}} {
		medicine := `"medicationCodeableConcept":{"text":"` + one.name + `"},"subject":{"reference":"Patient/okafor"}`
		texts = append(texts, `{"resourceType":"MedicationRequest","id":"`+id+`","status":"active","intent":"plan","courseOfTherapyType":{"coding":[{"code":"continuous"}]},`+medicine+`,"dosageInstruction":[{"text":"One a day"}]}`,
			`{"resourceType":"MedicationRequest","id":"`+id+`-1","status":"completed","intent":"order","basedOn":[{"reference":"MedicationRequest/`+id+`"}],`+medicine+`,"authoredOn":"`+one.day+`"}`)
	}
	for _, text := range texts {
		r, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Commit(t.Context(), access.Actor{ID: "kith/test", Role: access.Kith}, []record.Op{{Method: record.Update, Type: r.Type(), ID: r.ID(), Resource: r}}); err != nil {
			t.Fatal(err)
		}
	}
	book, err := plan.Load(plan.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	serve := func(who access.Actor) string {
		s := &pages.Site{Plan: &plan.Service{Door: door, Book: book}, Book: book, Places: seat.Places{Door: door, Who: func(*http.Request) (access.Actor, error) { return who, nil }, Signed: true, Host: kit.Host{MadeUp: func() *kit.MadeUp { return &kit.MadeUp{Place: "Merrowby"} }}}}
		mux := http.NewServeMux()
		mux.Handle("/static/", kit.Static())
		mux.Handle("/", s.Handler())
		server := httptest.NewServer(http.NewCrossOriginProtection().Handler(kit.Chooser(mux)))
		t.Cleanup(server.Close)
		return server.URL
	}
	return serve(access.Actor{ID: "Patient/okafor", Name: "Ada Okafor", Role: "patient", Patient: "okafor", Level: access.P9}), serve(access.Actor{ID: "Practitioner/nina", Name: "Nina Bell", Role: "nurse"})
}
