package staff

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
)

// guardedPlace serves one person who is registered at practice A, to whoever is looking.
func guardedPlace(t *testing.T, who *access.Actor) http.Handler {
	t.Helper()
	now := today
	door, err := record.Open(context.Background(), record.Options{DB: "sqlite::memory:", Policy: access.Default(), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	kith := access.Actor{ID: "kith/test", Role: access.Kith}
	var entries []string
	for _, r := range []string{
		`{"resourceType":"Organization","id":"a","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A"}],"name":"Practice A"}`,
		`{"resourceType":"Patient","id":"ada","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],"name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"1950-03-01","managingOrganization":{"reference":"Organization/a"}}`,
		`{"resourceType":"Patient","id":"joy","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000026"}],"name":[{"family":"Okafor","given":["Joy"]}],"birthDate":"1980-03-01"}`,
		`{"resourceType":"Condition","id":"c","code":{"text":"Diabetes"},"subject":{"reference":"Patient/ada"}}`,
		`{"resourceType":"AllergyIntolerance","id":"i","code":{"text":"Penicillin"},"patient":{"reference":"Patient/ada"}}`,
		`{"resourceType":"Organization","id":"s","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"S"}],"name":"Practice S"}`,
		`{"resourceType":"CareTeam","id":"t","status":"active","subject":{"reference":"Patient/ada"},"participant":[{"member":{"reference":"Organization/s"}}]}`,
		`{"resourceType":"Consent","id":"n","status":"active","scope":{"coding":[{"code":"patient-privacy"}]},"category":[{"text":"x"}],"patient":{"reference":"Patient/ada"},"provision":{"type":"deny","actor":[{"role":{"text":"x"},"reference":{"reference":"Organization/s"}}],"class":[{"system":"http://hl7.org/fhir/resource-types","code":"AllergyIntolerance"}]}}`,
		`{"resourceType":"Appointment","id":"p","status":"booked","start":"2026-11-20T10:00:00Z","end":"2026-11-20T10:10:00Z","participant":[{"actor":{"reference":"Patient/ada"},"status":"accepted"}]}`,
	} {
		entries = append(entries, `{"resource":`+r+`}`)
	}
	putAs(t, door, kith, []byte(`{"resourceType":"Bundle","entry":[`+strings.Join(entries, ",")+`]}`))
	return (&Site{Door: door, Who: func(*http.Request) access.Actor { return *who }, Host: kit.Host{Now: func() time.Time { return now }}}).Handler()
}

func visit(t *testing.T, site http.Handler, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if form != nil {
		r = httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	site.ServeHTTP(w, r)
	return w
}

// A closed record says why it is closed, opens in an emergency to those who may, and says nothing more to anybody else.
func TestAClosedRecord(t *testing.T) {
	who := access.Actor{ID: "Practitioner/h", Name: "Dr Jessop", Role: "clinician", Organization: "H"}
	site := guardedPlace(t, &who)
	w := visit(t, site, "/person/ada", nil)
	golden(t, "closed.html", w.Body.String())
	if w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "Diabetes") {
		t.Errorf("%d: a closed record is shown", w.Code)
	}
	if w := visit(t, site, "/person/ada/open", url.Values{"reason": {"no"}}); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "Say why") {
		t.Errorf("no reason: %d", w.Code)
	}
	if w := visit(t, site, "/person/ada/open", url.Values{"reason": {strings.Repeat("x", 501)}}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a very long reason: %d", w.Code)
	}
	for name, other := range map[string]access.Actor{"receptionist": {ID: "Practitioner/r", Role: "receptionist", Organization: "H"}, "manager": {ID: "Practitioner/m", Role: "manager", Organization: "H"}} {
		mine := who
		who = other
		if w := visit(t, site, "/person/ada/open", url.Values{"reason": {"she has collapsed here"}}); w.Code != http.StatusForbidden && w.Code != http.StatusNotFound {
			t.Errorf("a %s opens it: %d", name, w.Code)
		}
		if w := visit(t, site, "/person/ada", nil); strings.Contains(w.Body.String(), "Open the record") || strings.Contains(w.Body.String(), "Diabetes") {
			t.Errorf("a %s is offered to open it, or shown it", name)
		}
		who = mine
	}
	w = visit(t, site, "/person/ada/open", url.Values{"reason": {"she has collapsed here"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/person/ada?open=16.00" {
		t.Fatalf("it does not open: %d %s", w.Code, w.Header().Get("Location"))
	}
	if w := visit(t, site, w.Header().Get("Location"), nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Diabetes") || !strings.Contains(w.Body.String(), "open to you until 16.00") {
		t.Errorf("it is not open: %d", w.Code)
	}
	if w := visit(t, site, "/person/ada/open", nil); w.Code != http.StatusSeeOther {
		t.Errorf("an open record is asked to be opened: %d", w.Code)
	}
}

// Who may see some of a record and not the rest is told what is not shown: no allergies shown is not no allergies.
func TestARecordOfWhichSomeIsKept(t *testing.T) {
	who := access.Actor{ID: "Practitioner/c", Role: "clinician", Organization: "A"}
	site := guardedPlace(t, &who)
	if w := visit(t, site, "/person/ada", nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Penicillin") || !strings.Contains(w.Body.String(), "there may be more than you see") {
		t.Errorf("the doctor: %d", w.Code)
	}
	who = access.Actor{ID: "Practitioner/r", Role: "receptionist", Organization: "A"}
	w := visit(t, site, "/person/ada", nil)
	if w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "Penicillin") || strings.Contains(w.Body.String(), "Open the record") {
		t.Errorf("the receptionist: %d", w.Code)
	}
	who = access.Actor{ID: "Practitioner/s", Role: "clinician", Organization: "S"}
	w = visit(t, site, "/person/ada", nil)
	if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, "Allergies: not shown to you") || strings.Contains(body, "Allergies: Not Known") || strings.Contains(body, "Penicillin") || !strings.Contains(body, "Diabetes") {
		t.Errorf("a doctor with whom allergies are not shared: %d", w.Code)
	}
}

// Trust is recorded, reviewed and ended at the desk of the practice, and not at another's.
func TestTrustAtTheDesk(t *testing.T) {
	who := access.Actor{ID: "Practitioner/r", Role: "receptionist", Organization: "A"}
	site := guardedPlace(t, &who)
	golden(t, "trusted.html", visit(t, site, "/person/ada/trusted", nil).Body.String())
	w := visit(t, site, "/person/ada/trusted", url.Values{})
	golden(t, "trusted-wrong.html", w.Body.String())
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("an empty form: %d", w.Code)
	}
	whole := url.Values{"nhs": {"999 000 0026"}, "born": {"1-Mar-1980"}, "name": {"her daughter Joy"}, "may": {"see", "book"}, "long": {"year"}, "by": {"person"}}
	if w := visit(t, site, "/person/ada/trusted", url.Values{"nhs": {"9990000034"}, "born": whole["born"], "name": whole["name"], "may": whole["may"], "long": whole["long"], "by": whole["by"]}); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "Nobody in the record") {
		t.Errorf("nobody of that number: %d", w.Code)
	}
	who.Organization = "B"
	if w := visit(t, site, "/person/ada/trusted", whole); w.Code != http.StatusForbidden {
		t.Errorf("another practice records it: %d", w.Code)
	}
	who.Organization = "A"
	if w := visit(t, site, "/person/ada/trusted", whole); w.Code != http.StatusSeeOther {
		t.Fatalf("it is not recorded: %d %s", w.Code, w.Body)
	}
	w = visit(t, site, "/person/ada/trusted?did=recorded", nil)
	id := regexp.MustCompile(`name="which" value="([^"]+)"`).FindStringSubmatch(w.Body.String())
	if id == nil || !strings.Contains(w.Body.String(), "her daughter Joy") {
		t.Fatal("it is not shown")
	}
	for _, do := range []string{"review", "end"} {
		if w := visit(t, site, "/person/ada/trusted", url.Values{"do": {do}, "which": {id[1]}}); w.Code != http.StatusSeeOther {
			t.Errorf("%s: %d", do, w.Code)
		}
	}
	if w := visit(t, site, "/person/ada/trusted", nil); !strings.Contains(w.Body.String(), ">over<") {
		t.Error("it is not over")
	}
}
