package browser

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/care/behalf"
	"github.com/kith-care/kith/care/carer"
	"github.com/kith-care/kith/care/growing"
	"github.com/kith-care/kith/care/home"
	needs "github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/conformance/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/family"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	webtrust "github.com/kith-care/kith/web/trust"
)

// Families and helpers with a real browser, each at an address of their own: somebody is trusted and no longer, visits at home, a carer's list, on behalf with the sheet to
// take home, a young person; without JavaScript, on a small telephone, in large print on paper, and what axe knows of barriers.
func TestFamilyPagesWithARealBrowser(t *testing.T) {
	chromium := found(t, "../../scripts/chromium")
	if _, err := os.Stat("../node_modules/playwright-core"); err != nil {
		need.Skip(t, "web/node_modules is not there (scripts/setup css)")
	}
	input, err := json.Marshal(map[string]any{"chromium": chromium, "sites": openFamily(t)})
	if err != nil {
		t.Fatal(err)
	}
	drive(t, "family.mjs", input, 7)
}

// openFamily serves the pages to several people, by name.
func openFamily(t *testing.T) map[string]string {
	t.Helper()
	door, err := record.Open(t.Context(), record.Options{DB: "sqlite::memory:", Policy: access.Default()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	now := time.Now().UTC().Truncate(time.Hour)
	visit := func(id, status string, hours int) string {
		at := now.Add(time.Duration(hours) * time.Hour).Format(time.RFC3339)
		return fmt.Sprintf(`{"resourceType":"Encounter","id":%q,"meta":{"source":"urn:kith:intake:agency/1"},"status":%q,"class":{"code":"HH"},"subject":{"reference":"Patient/ada"},"extension":[{"url":"http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedStartDate","valueDateTime":%q}],"participant":[{"individual":{"display":"Tina Holt"}}],"serviceProvider":{"identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"ZZHC"},"display":"Merrowby Home Care"},"period":{"start":%q}}`, id, status, at, at)
	}
	born := time.Now().AddDate(-12, -3, 0).Format(time.DateOnly)
	for _, text := range []string{
		`{"resourceType":"Organization","id":"surgery","name":"Mill Lane Surgery","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A81001"}]}`,
		`{"resourceType":"Patient","id":"ada","name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"1950-03-01","managingOrganization":{"reference":"Organization/surgery"}}`,
		`{"resourceType":"Patient","id":"joy","name":[{"family":"Okafor","given":["Joy"]}],"birthDate":"1980-03-01"}`,
		`{"resourceType":"Patient","id":"dee","name":[{"family":"Shah","given":["Dee"]}],"birthDate":"` + born + `","managingOrganization":{"reference":"Organization/surgery"}}`,
		`{"resourceType":"Patient","id":"max","name":[{"family":"Shah","given":["Max"]}],"birthDate":"1980-03-01"}`,
		`{"resourceType":"Condition","id":"asthma","code":{"text":"Asthma"},"subject":{"reference":"Patient/dee"},"recordedDate":"2024-03-01"}`,
		`{"resourceType":"Condition","id":"private","meta":{"security":[{"system":"https://kith.care/fhir/CodeSystem/label","code":"not-for-trusted"}]},"code":{"text":"Talked with the nurse alone"},"subject":{"reference":"Patient/dee"},"recordedDate":"2026-03-01"}`,
		visit("v1", "finished", -5), visit("v2", "cancelled", -3), visit("v3", "planned", -1), visit("v4", "planned", 20),
		`{"resourceType":"MedicationAdministration","id":"m","status":"not-done","statusReason":[{"text":"None left"}],"medicationCodeableConcept":{"text":"Insulin glargine 100units/ml"},"subject":{"reference":"Patient/ada"},"context":{"reference":"Encounter/v1"},"effectiveDateTime":"` + now.Add(-5*time.Hour).Format(time.RFC3339) + `"}`,
		`{"resourceType":"Task","id":"missed","status":"requested","intent":"order","priority":"urgent","authoredOn":"` + now.Format(time.RFC3339) + `","for":{"reference":"Patient/ada"},"code":{"coding":[{"system":"urn:kith:task","code":"visit-missed"}],"text":"A home care visit was missed"},"owner":{"identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"ZZHC"},"display":"Merrowby Home Care"},"restriction":{"period":{"end":"` + now.Add(time.Hour).Format(time.RFC3339) + `"}}}`,
		`{"resourceType":"CarePlan","id":"plan","status":"active","intent":"plan","category":[{"coding":[{"system":"urn:kith:plan","code":"monitoring"}]}],"subject":{"reference":"Patient/ada"},"activity":[{"detail":{"status":"in-progress","code":{"text":"Blood pressure"},"scheduledTiming":{"repeat":{"frequency":1,"period":1,"periodUnit":"d"}}}}]}`,
	} {
		r, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Commit(t.Context(), access.Actor{ID: "kith/test", Role: access.Kith}, []record.Op{{Method: record.Update, Type: r.Type(), ID: r.ID(), Resource: r}}); err != nil {
			t.Fatal(err)
		}
	}
	trusts := &trust.Service{Door: door}
	if err := trusts.Record(t.Context(), access.Actor{ID: "kith/test", Role: access.Kith}, "dee", "max", "My father Max", []string{"see"}, time.Now().AddDate(1, 0, 0), false); err != nil {
		t.Fatal(err)
	}
	if err := (&needs.Service{Door: door}).Set(t.Context(), access.Actor{ID: "kith/test", Role: access.Kith}, "ada", needs.Choice{Format: needs.LargePrint}); err != nil {
		t.Fatal(err)
	}
	patient := func(id, name string) access.Actor {
		return access.Actor{ID: "Patient/" + id, Name: name, Role: "patient", Patient: id, Level: access.P9, Purpose: "PATRQT"}
	}
	sites := map[string]string{}
	for name, who := range map[string]access.Actor{"ada": patient("ada", "Ada Okafor"), "joy": patient("joy", "Joy Okafor"), "dee": patient("dee", "Dee Shah"),
		"rita": {ID: "Practitioner/rita", Name: "Rita", Role: "receptionist", Organization: "A81001", Purpose: "TREAT"}, "tina": {ID: "Practitioner/tina", Name: "Tina Holt", Role: "careworker", Organization: "ZZHC", Purpose: "TREAT"}} {
		asks := func(*http.Request) (access.Actor, error) { return who, nil }
		host := kit.Host{MadeUp: func() *kit.MadeUp { return &kit.MadeUp{Place: "Merrowby"} }}
		site := &family.Site{Places: seat.Places{Door: door, Who: asks, Signed: true, Help: "01632 960000", Host: host}, Visits: &home.Service{Door: door}, Carers: &carer.Service{Door: door}, Growing: &growing.Service{Door: door}, Behalf: &behalf.Service{Door: door}, Needs: &needs.Service{Door: door}}
		mux := http.NewServeMux()
		mux.Handle("/static/", kit.Static())
		mux.Handle("/my/trusted", (&webtrust.Site{Places: seat.Places{Door: door, Who: asks, Signed: true, Host: host}, Trust: trusts}).Handler())
		mux.Handle("/my/trusted/", (&webtrust.Site{Places: seat.Places{Door: door, Who: asks, Signed: true, Host: host}, Trust: trusts}).Handler())
		mux.Handle("/", site.Handler())
		server := httptest.NewServer(kit.Chooser(http.NewCrossOriginProtection().Handler(mux)))
		t.Cleanup(server.Close)
		sites[name] = server.URL
	}
	return sites
}
