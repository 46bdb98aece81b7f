package record_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

var (
	kith     = access.Actor{ID: "kith/test", Role: access.Kith}
	doctor   = access.Actor{ID: "Practitioner/doc", Name: "Dr Doc", Role: "clinician", Organization: "A", Purpose: "TREAT"}
	hospital = access.Actor{ID: "Practitioner/hosp", Name: "Dr Hosp", Role: "clinician", Organization: "H", Purpose: "TREAT"}
)

// guarded opens a record under the policy that Kith comes with.
func guarded(t *testing.T, db string, now func() time.Time) *record.Door {
	t.Helper()
	d, err := record.Open(t.Context(), record.Options{DB: db, Base: "http://kith.test/fhir", Policy: access.Default(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// have puts resources into a record, each as "Type/id {…}".
func have(t *testing.T, d *record.Door, lines ...string) {
	t.Helper()
	var ops []record.Op
	for _, line := range lines {
		name, body, _ := strings.Cut(line, " ")
		typ, id, _ := strings.Cut(name, "/")
		res, err := fhir.Parse([]byte(`{"resourceType":"` + typ + `","id":"` + id + `",` + strings.TrimPrefix(body, "{")))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		ops = append(ops, record.Op{Method: record.Update, Type: typ, ID: id, Resource: res})
	}
	if _, err := d.Commit(t.Context(), kith, ops); err != nil {
		t.Fatal(err)
	}
}

func sees(t *testing.T, d *record.Door, who access.Actor, typ, id string) bool {
	t.Helper()
	_, err := d.Get(t.Context(), who, typ, id)
	if err != nil && fhir.KindOf(err) != fhir.NotFound {
		t.Fatal(err)
	}
	return err == nil
}

const (
	practiceA = `Organization/a {"identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A"}]}`
	hospitalH = `Organization/h {"identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"H"}]}`
	adaAtA    = `Patient/ada {"name":[{"family":"Okafor"}],"birthDate":"1950-03-01","managingOrganization":{"reference":"Organization/a"}}`
	adaObs    = `Observation/o {"status":"final","code":{"text":"x"},"subject":{"reference":"Patient/ada"}}`
)

// Of a person whose whereabouts are withheld, whoever is not close is shown the name and nothing that leads to them, in no way of asking.
func TestWhereaboutsAreWithheld(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := guarded(t, db, nil)
		have(t, d, practiceA, hospitalH,
			`Patient/fay {"meta":{"source":"urn:kith:intake:emis-a/1","security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Hidden Row</div>"},
			"identifier":[{"system":"urn:kith:source:emis-a","value":"77"},{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],"name":[{"family":"Lane","given":["Fay"]}],"birthDate":"1988-02-02",
			"telecom":[{"system":"phone","value":"01632960000"}],"address":[{"line":["9 Hidden Row"],"city":"Merrowby","postalCode":"ZZ9 9ZZ"}],"contact":[{"address":{"text":"Hidden Row"}}],"managingOrganization":{"reference":"Organization/a"}}`,
			`RelatedPerson/mum {"patient":{"reference":"Patient/fay"},"address":[{"line":["9 Hidden Row"]}]}`)
		have(t, d, `Patient/fay {"meta":{"source":"urn:kith:intake:emis-a/1","security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]},
			"identifier":[{"system":"urn:kith:source:emis-a","value":"77"},{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],"name":[{"family":"Lane","given":["Fay"]}],"birthDate":"1988-02-02",
			"telecom":[{"system":"phone","value":"01632960000"}],"address":[{"line":["9 Hidden Row"],"city":"Merrowby","postalCode":"ZZ9 9ZZ"}],"managingOrganization":{"reference":"Organization/a"}}`)
		for _, query := range []string{"Patient?family=Lane", "Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|9990000018", "Patient?birthdate=1988-02-02", "RelatedPerson?_id=mum"} {
			for _, who := range []access.Actor{doctor, hospital} {
				page, err := d.Find(t.Context(), who, query)
				if err != nil || len(page.Matches) != 1 {
					t.Fatalf("%s finds nobody by %s: %v", who.Name, query, err)
				}
				if told := strings.Contains(string(page.Matches[0].Body), "Hidden Row"); told != (who.ID == doctor.ID) {
					t.Errorf("%s is told where she lives by %s: %v", who.Name, query, told)
				}
			}
		}
		for _, query := range []string{"address=9 Hidden", "address-city=Merrowby", "address-postalcode=ZZ9 9ZZ", "telecom=01632960000", "phone=01632960000", "organization=Organization/a", "identifier=urn:kith:source:emis-a|77", "identifier=77",
			"organization.identifier=A", "address:missing=false", "_source=urn:kith:intake:emis-a/1", "_content=Hidden", "_text=Hidden", "_filter=address-city eq \"Merrowby\""} {
			if page, err := d.Find(t.Context(), hospital, "Patient?"+query); err == nil && len(page.Matches) != 0 {
				t.Errorf("she is found by %s", query)
			}
		}
		for _, words := range []string{"Hidden", "01632960000", "ZZ9", "Organization/a", "emis-a"} {
			got, err := d.Get(t.Context(), hospital, "Patient", "fay")
			if err != nil {
				t.Fatal(err)
			}
			old, err := d.GetVersion(t.Context(), hospital, "Patient", "fay", 1)
			if err != nil {
				t.Fatal(err)
			}
			all, err := d.Changes(t.Context(), hospital, record.Log{Type: "Patient", Limit: 10})
			if err != nil || len(all) != 2 {
				t.Fatal(len(all), err)
			}
			if text := string(got.Body) + string(old.Body) + string(all[0].Body) + string(all[1].Body); strings.Contains(text, words) {
				t.Errorf("%q is told: %s", words, text)
			}
		}
		if page, err := d.Find(t.Context(), hospital, "Patient?family=Lane&_sort=address-city&_revinclude=RelatedPerson:patient"); err != nil || len(page.Included) != 1 || strings.Contains(string(page.Included[0].Body), "Hidden") {
			t.Errorf("an include tells, or fails: %v", err)
		}
	})
}

// What somebody gave is over when they take it back: at once in this process, and within a minute in every other.
func TestTrustEndsAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		here, there := guarded(t, db, nil), guarded(t, db, nil)
		trust := func(status string) string {
			return `Consent/x {"status":"` + status + `","scope":{"coding":[{"code":"patient-privacy"}]},"category":[{"coding":[{"system":"` + record.ConsentSystem + `","code":"trusted"}]}],"patient":{"reference":"Patient/ada"},"provision":{"type":"permit","actor":[{"role":{"text":"x"},"reference":{"reference":"Patient/joy"}}],"action":[{"coding":[{"system":"` + record.TrustSystem + `","code":"see"}]}]}}`
		}
		have(t, here, practiceA, adaAtA, adaObs, `Patient/joy {"birthDate":"1980-01-01"}`)
		joy := access.Actor{ID: "Patient/joy", Role: "patient", Patient: "joy", Level: access.P9}
		if sees(t, here, joy, "Observation", "o") || sees(t, there, joy, "Observation", "o") {
			t.Fatal("she sees before she may")
		}
		have(t, here, trust("active"))
		if !sees(t, here, joy, "Observation", "o") {
			t.Error("she does not see what she was given")
		}
		if page, err := here.Find(t.Context(), joy, "Observation?_sort=-date"); err != nil || len(page.Matches) != 1 {
			t.Errorf("a search over all she may see: %v", err)
		}
		soon := func(want bool) {
			t.Helper()
			for end := time.Now().Add(30 * time.Second); sees(t, there, joy, "Observation", "o") != want; time.Sleep(50 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("the other process does not know yet")
				}
			}
		}
		soon(true)
		have(t, here, trust("inactive"))
		if sees(t, here, joy, "Observation", "o") {
			t.Error("she still sees")
		}
		soon(false)
	})
}

// Who is one person shares one circle, and no longer when they are taken apart.
func TestClosenessFollowsThePerson(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		here, there := guarded(t, db, nil), guarded(t, db, nil)
		have(t, here, practiceA, hospitalH, adaAtA, adaObs, `Patient/ada-h {"name":[{"family":"Okafor"}],"managingOrganization":{"reference":"Organization/h"}}`)
		both := func(want bool) {
			t.Helper()
			if sees(t, here, hospital, "Observation", "o") != want {
				t.Errorf("here it is not %v", want)
			}
			for end := time.Now().Add(30 * time.Second); sees(t, there, hospital, "Observation", "o") != want; time.Sleep(50 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("there it is not %v yet", want)
				}
			}
		}
		both(false)
		if err := here.Link(t.Context(), kith, "ada", "ada-h"); err != nil {
			t.Fatal(err)
		}
		both(true)
		if err := here.Unlink(t.Context(), kith, "ada-h"); err != nil {
			t.Fatal(err)
		}
		both(false)
	})
}

// In an emergency a record opens with a reason, for some hours, and the person and the privacy officer are told.
func TestBreakingTheGlass(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
		d := guarded(t, db, func() time.Time { return now })
		have(t, d, practiceA, hospitalH, adaAtA, adaObs)
		if _, err := d.Find(t.Context(), hospital, "Observation?patient=ada"); fhir.KindOf(err) != fhir.Forbidden || !strings.Contains(err.Error(), "emergency") {
			t.Fatalf("the refusal does not say what would unlock it: %v", err)
		}
		for _, c := range []struct {
			who    access.Actor
			reason string
			want   fhir.ErrKind
		}{
			{hospital, "short", fhir.Invalid},
			{hospital, "          ", fhir.Invalid},
			{access.Actor{ID: "Practitioner/r", Role: "receptionist", Organization: "H"}, "she has collapsed here", fhir.Forbidden},
			{access.Actor{ID: "Patient/ben", Role: "patient", Patient: "ben", Level: access.P9}, "she has collapsed here", fhir.Forbidden},
			{access.Actor{ID: "Practitioner/hosp", Role: "clinician", Organization: "H", App: &access.Client{ID: "app"}}, "she has collapsed here", fhir.Forbidden},
		} {
			if _, err := d.BreakGlass(t.Context(), c.who, "ada", c.reason); fhir.KindOf(err) != c.want {
				t.Errorf("%s %q: %v", c.who.Role, c.reason, err)
			}
		}
		until, err := d.BreakGlass(t.Context(), hospital, "ada", "she has collapsed here")
		if err != nil || !until.Equal(now.Add(4*time.Hour)) {
			t.Fatal(until, err)
		}
		if !sees(t, d, hospital, "Observation", "o") {
			t.Error("the record is not open")
		}
		if other := (access.Actor{ID: "Practitioner/other", Role: "clinician", Organization: "H"}); sees(t, d, other, "Observation", "o") {
			t.Error("it is open to a colleague too")
		}
		for _, query := range []string{"Task?patient=ada&status=requested", "Communication?patient=ada", "Consent?patient=ada&status=active"} {
			if page, err := d.Find(t.Context(), kith, query); err != nil || len(page.Matches) != 1 || !strings.Contains(string(page.Matches[0].Body), "collapsed") {
				t.Errorf("%s: %v", query, err)
			}
		}
		now = until.Add(time.Second)
		if sees(t, d, hospital, "Observation", "o") {
			t.Error("it stays open")
		}
		nameless := access.Actor{ID: "account/7", Name: "Dr New", Role: "clinician", Organization: "H"} // of whom there is no Practitioner yet
		if _, err := d.BreakGlass(t.Context(), nameless, "ada", "she has collapsed here"); err != nil {
			t.Fatal(err)
		}
		if !sees(t, d, nameless, "Observation", "o") {
			t.Error("the record is not open to somebody who has an account and no Practitioner")
		}
		forged := `{"resourceType":"Consent","status":"active","scope":{"text":"x"},"category":[{"coding":[{"system":"` + record.ConsentSystem + `","code":"emergency-access"}]}],"patient":{"reference":"Patient/ada"},"provision":{"type":"permit","actor":[{"role":{"text":"x"},"reference":{"reference":"Practitioner/hosp"}}]}}`
		res, err := fhir.Parse([]byte(forged))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Commit(context.Background(), doctor, []record.Op{{Method: record.Create, Type: "Consent", Resource: res}}); fhir.KindOf(err) != fhir.Forbidden {
			t.Errorf("an emergency was written by hand: %v", err)
		}
	})
}

// A resource that a transaction brings for a person whom it brings too is decided by what their Patient says.
func TestNewcomers(t *testing.T) {
	d := guarded(t, "sqlite::memory:", nil)
	have(t, d, practiceA, hospitalH)
	bundle := func(organization string) []record.Op {
		p, err := fhir.Parse([]byte(`{"resourceType":"Patient","managingOrganization":{"reference":"Organization/` + organization + `"}}`))
		if err != nil {
			t.Fatal(err)
		}
		o, err := fhir.Parse([]byte(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"urn:uuid:1"}}`))
		if err != nil {
			t.Fatal(err)
		}
		return []record.Op{{Method: record.Create, Type: "Patient", Resource: p, FullURL: "urn:uuid:1"}, {Method: record.Create, Type: "Observation", Resource: o}}
	}
	if _, err := d.Commit(t.Context(), doctor, bundle("a")); err != nil {
		t.Errorf("registered at the doctor's own practice: %v", err)
	}
	if _, err := d.Commit(t.Context(), doctor, bundle("h")); fhir.KindOf(err) != fhir.Forbidden {
		t.Errorf("registered elsewhere: %v", err)
	}
}
