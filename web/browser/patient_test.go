package browser

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/care/monitor"
	"github.com/kith-care/kith/care/triage"
	"github.com/kith-care/kith/conformance/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/patient"
	"github.com/kith-care/kith/web/seat"
)

// Asking for help to each kind of outcome, and sending readings, with a real browser: with the keyboard alone, without JavaScript, on a small telephone, and
// what axe knows of barriers on every page and every error.
func TestPatientPagesWithARealBrowser(t *testing.T) {
	chromium := found(t, "../../scripts/chromium")
	if _, err := os.Stat("../node_modules/playwright-core"); err != nil {
		need.Skip(t, "web/node_modules is not there (scripts/setup css)")
	}
	input, err := json.Marshal(map[string]any{"chromium": chromium, "site": openPatient(t)})
	if err != nil {
		t.Fatal(err)
	}
	drive(t, "patient.mjs", input, 9)
}

// openPatient serves the pages of somebody who has signed in.
func openPatient(t *testing.T) string {
	t.Helper()
	door := record.Test(t)
	for _, text := range []string{
		`{"resourceType":"Patient","id":"okafor","name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"1950-03-01","gender":"female"}`,
		`{"resourceType":"MedicationRequest","id":"apixaban","status":"active","intent":"order","subject":{"reference":"Patient/okafor"},"authoredOn":"2026-11-01","medicationCodeableConcept":{"text":"Apixaban 5mg tablets"}}`,
	} {
		r, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Commit(t.Context(), access.Actor{ID: "kith/test", Role: access.Kith}, []record.Op{{Method: record.Update, Type: r.Type(), ID: r.ID(), Resource: r}}); err != nil {
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
	ada := access.Actor{ID: "Patient/okafor", Name: "Ada Okafor", Role: "patient", Patient: "okafor", Level: access.P9}
	site := &patient.Site{Places: seat.Places{Door: door, Who: func(*http.Request) (access.Actor, error) { return ada, nil }, Host: kit.Host{MadeUp: func() *kit.MadeUp { return &kit.MadeUp{Place: "Merrowby"} }}},
		Triage: &triage.Service{Door: door, Book: book}, Rules: rules, Trust: &trust.Service{Door: door}}
	mux := http.NewServeMux()
	mux.Handle("/static/", kit.Static())
	mux.Handle("/", site.Handler())
	server := httptest.NewServer(http.NewCrossOriginProtection().Handler(mux))
	t.Cleanup(server.Close)
	return server.URL
}
