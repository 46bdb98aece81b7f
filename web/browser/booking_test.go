package browser

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/booking"
	"github.com/kith-care/kith/conformance/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	pages "github.com/kith-care/kith/web/booking"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

// Booking, changing, cancelling and undoing with a real browser: without JavaScript, with the keyboard alone, on a small telephone, and what axe knows of barriers
// on every page and every error; how many pages and activations it takes.
func TestBookingPagesWithARealBrowser(t *testing.T) {
	chromium := found(t, "../../scripts/chromium")
	if _, err := os.Stat("../node_modules/playwright-core"); err != nil {
		need.Skip(t, "web/node_modules is not there (scripts/setup css)")
	}
	input, err := json.Marshal(map[string]any{"chromium": chromium, "site": openBooking(t)})
	if err != nil {
		t.Fatal(err)
	}
	drive(t, "booking.mjs", input, 5)
}

// openBooking serves the pages of somebody who has signed in, is registered with a practice and waits for the hospital.
func openBooking(t *testing.T) string {
	t.Helper()
	door := record.Test(t)
	at := func(days int) string { return time.Now().AddDate(0, 0, days).UTC().Format(time.RFC3339) }
	for _, text := range []string{
		`{"resourceType":"Patient","id":"okafor","name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"1950-03-01","managingOrganization":{"identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"ZZ001"}}}`,
		`{"resourceType":"ServiceRequest","id":"hip","meta":{"source":"urn:kith:intake:hospital/1"},"status":"active","intent":"order","category":[{"coding":[{"system":"http://snomed.info/sct","code":"3457005"}]},{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0284","code":"O"}]}],"code":{"coding":[{"system":"http://snomed.info/sct","code":"183542009"}],"text":"Referral to orthopaedic service"},"subject":{"reference":"Patient/okafor"},"authoredOn":"` + at(-80) + `","reasonCode":[{"text":"Hip pain"}]}`,
		`{"resourceType":"Appointment","id":"hospital","meta":{"source":"urn:kith:intake:hospital/2"},"status":"booked","serviceType":[{"text":"Orthopaedics"}],"start":"` + at(60) + `","end":"` + at(61) + `","basedOn":[{"reference":"ServiceRequest/hip"}],"participant":[{"actor":{"reference":"Patient/okafor"},"status":"accepted"}]}`,
	} {
		r, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Commit(t.Context(), access.Actor{ID: "kith/test", Role: access.Kith}, []record.Op{{Method: record.Update, Type: r.Type(), ID: r.ID(), Resource: r}}); err != nil {
			t.Fatal(err)
		}
	}
	sessions, err := booking.ParseSessions([]byte(`
services: [{id: gp, name: See a GP, for: registered, kind: gp}, {id: blood-test, name: Blood test, for: anyone, kind: community, bring: Drink some water before you come.}]
places: [{id: mill-lane, name: Mill Lane Surgery, ods: ZZ001, street: 2 Mill Lane, town: Merrowby, postcode: ZZ1 1AA, telephone: 01632 960101}]
clinics:
  - {id: adebayo, service: gp, place: mill-lane, with: Dr Femi Adebayo, sessions: [{days: [mon, tue, wed, thu, fri], from: "09:00", to: "12:00", minutes: 10, modes: [in-person, telephone]}]}
  - {id: bloods, service: blood-test, place: mill-lane, sessions: [{days: [mon, tue, wed, thu, fri], from: "14:00", to: "16:00", minutes: 15}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	service := &booking.Service{Door: door, Sessions: sessions}
	if _, err := service.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	ada := access.Actor{ID: "Patient/okafor", Name: "Ada Okafor", Role: "patient", Patient: "okafor", Level: access.P9}
	site := &pages.Site{Booking: service, Places: seat.Places{Door: door, Who: func(*http.Request) (access.Actor, error) { return ada, nil }, Signed: true, Host: kit.Host{MadeUp: func() *kit.MadeUp { return &kit.MadeUp{Place: "Merrowby"} }}}}
	mux := http.NewServeMux()
	mux.Handle("/static/", kit.Static())
	mux.Handle("/", site.Handler())
	server := httptest.NewServer(http.NewCrossOriginProtection().Handler(mux))
	t.Cleanup(server.Close)
	return server.URL
}
