package conformance

import (
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// parameter is a SearchParameter resource.
func parameter(id, code, typ, base, expression string) string {
	return `{"resourceType":"SearchParameter","id":"` + id + `","url":"http://kith.test/` + id + `","name":"` + strings.ReplaceAll(id, "-", "") + `","status":"active","description":"x","code":"` + code +
		`","type":"` + typ + `","base":["` + strings.ReplaceAll(base, ",", `","`) + `"],"expression":"` + expression + `"}`
}

func put(t testing.TB, d *record.Door, raw string) {
	t.Helper()
	res, err := fhir.Parse([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Commit(t.Context(), tester, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
		t.Fatal(err)
	}
}

// built waits until a parameter can be searched by, and reports whether it was refused with its progress before.
func built(t *testing.T, d *record.Door, query string) (refused bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		_, err := d.Find(t.Context(), tester, query)
		if err == nil {
			return refused
		}
		if fhir.KindOf(err) != fhir.Unsupported || !strings.Contains(err.Error(), "being built") || !strings.Contains(err.Error(), "reached") {
			t.Fatalf("%s: %v", query, err)
		}
		refused = true
	}
	t.Fatalf("%s is never ready", query)
	return false
}

// customParameters adds search parameters to a record that is full, changes and removes them.
func customParameters(t *testing.T, d *record.Door, w *world) {
	compare := func(query string, f func(*world, object) bool) {
		t.Helper()
		typ, _, _ := strings.Cut(query, "?")
		var want []string
		for _, r := range w.types[typ] {
			if f(w, r) {
				want = append(want, typ+"/"+r["id"].(string))
			}
		}
		got, _, _ := found(t, d, escaped(query+"&_count=200"))
		if diff := difference(got, want); diff != "" || len(want) == 0 {
			t.Errorf("%s: %d found, %d by a plain reading: %s", query, len(got), len(want), diff)
		}
	}
	put(t, d, parameter("issued", "issued", "date", "Observation", "Observation.issued"))
	if !built(t, d, "Observation?issued=2015") {
		t.Error("the parameter was never refused: it cannot have been built on line")
	}
	compare("Observation?issued=ge2018&code=8302-2", func(_ *world, r object) bool {
		return token(r, "code", "*", "8302-2") && dated(spansAt(t, r, "issued"), "ge", spanOf(t, "2018"))
	})
	compare("Observation?issued:missing=true", not(present("issued")))
	compare("Observation?issued=2015-03", func(_ *world, r object) bool { return dated(spansAt(t, r, "issued"), "eq", spanOf(t, "2015-03")) })

	maiden := "Patient.extension.where(url='http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName').value"
	put(t, d, parameter("maiden", "maiden-name", "string", "Patient", maiden))
	put(t, d, parameter("ssn", "has-ssn", "token", "Patient", "Patient.identifier.where(system='http://hl7.org/fhir/sid/us-ssn').exists()"))
	put(t, d, parameter("total", "total", "quantity", "Claim,ExplanationOfBenefit", "(Claim | ExplanationOfBenefit).total.ofType(Money)"))
	put(t, d, parameter("visit", "visit", "reference", "Claim", "Claim.item.encounter"))
	for _, q := range []string{"Patient?maiden-name=x", "Patient?has-ssn=true", "Claim?total=1", "ExplanationOfBenefit?total=1", "Claim?visit=1"} {
		built(t, d, q)
	}
	names := func(r object) []string {
		var out []string
		for _, e := range at(r, "extension") {
			if e.(object)["url"] == "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName" {
				out = append(out, textsAt(e, "valueString")...)
			}
		}
		return out
	}
	compare("Patient?maiden-name=le", func(_ *world, r object) bool { return starts(names(r), "le") })
	compare("Patient?maiden-name:contains=an&gender=female", func(_ *world, r object) bool { return contains(names(r), "an") && token(r, "gender", "*", "female") })
	compare("Patient?has-ssn=true", has("identifier", "http://hl7.org/fhir/sid/us-ssn", ""))
	compare("Patient?has-ssn:not=false", has("identifier", "http://hl7.org/fhir/sid/us-ssn", ""))
	compare("Claim?total=gt5000", func(_ *world, r object) bool { return quantity(t, r, "total", "gt", "5000", nil) })
	compare("Claim?total=lt130|urn:iso:std:iso:4217|USD&patient="+abram, func(w *world, r object) bool {
		return refersTo("patient", "Patient/"+abram)(w, r) && quantity(t, r, "total", "lt", "130", nil)
	})
	compare("Claim?visit=Encounter/17b801ac-58e3-4f6b-8b48-8e33f3a36086", refersTo("item.encounter", "Encounter/17b801ac-58e3-4f6b-8b48-8e33f3a36086"))
	compare("Claim?visit.class=EMER", through("item.encounter", has("class", "*", "EMER")))
	compare("Encounter?_has:Claim:visit:total=gt5000", referredBy("Claim", "item.encounter", func(_ *world, r object) bool { return quantity(t, r, "total", "gt", "5000", nil) }))

	_, included, _ := found(t, d, "Claim?visit=Encounter/17b801ac-58e3-4f6b-8b48-8e33f3a36086&_include=Claim:visit")
	if diff := difference(included, []string{"Encounter/17b801ac-58e3-4f6b-8b48-8e33f3a36086"}); diff != "" {
		t.Errorf("_include=Claim:visit: %s", diff)
	}
	matches, included, _ := found(t, d, "Encounter?_id=17b801ac-58e3-4f6b-8b48-8e33f3a36086&_revinclude=Claim:visit")
	if len(matches) != 1 || len(included) == 0 {
		t.Errorf("_revinclude=Claim:visit: %v, %v", matches, included)
	}
	sorted, _, _ := found(t, d, "Patient?_sort=-maiden-name,_id&_count=30")
	for i := 1; i < len(sorted); i++ {
		before, after := level{of: names, desc: true}, level{of: func(r object) []string { return []string{r["id"].(string)} }}
		a, b := w.byRef[sorted[i-1]], w.byRef[sorted[i]]
		if c := before.compare(a, b); c > 0 || c == 0 && after.compare(a, b) > 0 {
			t.Errorf("_sort=-maiden-name: %s stands before %s", sorted[i-1], sorted[i])
			break
		}
	}
	if len(sorted) != len(w.types["Patient"]) {
		t.Errorf("_sort=-maiden-name shows %d patients of %d", len(sorted), len(w.types["Patient"]))
	}

	// What is written from now on is found at once, and what is rewritten by what it says now.
	put(t, d, `{"resourceType":"Patient","id":"later","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName","valueString":"Zyxwv"}]}`)
	if got, _, _ := found(t, d, "Patient?maiden-name=zyx"); difference(got, []string{"Patient/later"}) != "" {
		t.Errorf("a new patient is found as %v", got)
	}
	put(t, d, `{"resourceType":"Patient","id":"later","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName","valueString":"Abc"}]}`)
	if got, _, _ := found(t, d, "Patient?maiden-name=zyx"); len(got) != 0 {
		t.Errorf("a changed patient is still found as %v", got)
	}
	remove(t, d, "Patient", "later")

	// Another definition under the same name, and none.
	put(t, d, parameter("maiden", "maiden-name", "string", "Patient", "Patient.name.prefix"))
	put(t, d, parameter("maiden", "maiden-name", "string", "Patient", "Patient.name.family"))
	put(t, d, parameter("maiden", "maiden-name", "string", "Patient", "Patient.name.prefix"))
	built(t, d, "Patient?maiden-name=x")
	compare("Patient?maiden-name=mr", func(_ *world, r object) bool { return starts(textsAt(r, "name.prefix"), "mr") })
	remove(t, d, "SearchParameter", "maiden")
	if _, err := d.Find(t.Context(), tester, "Patient?maiden-name=x"); fhir.KindOf(err) != fhir.Invalid {
		t.Errorf("a parameter that was deleted answers %v", err)
	}
	for what, raw := range map[string]string{
		"R4's own":      parameter("bad", "gender", "token", "Patient", "Patient.gender"),
		"no expression": parameter("bad", "x", "token", "Patient", ""),
		"bad syntax":    parameter("bad", "x", "token", "Patient", "Patient.name.where("),
		"unknown type":  parameter("bad", "x", "token", "Starship", "Starship.name"),
		"a composite":   parameter("bad", "x", "composite", "Patient", "Patient.name"),
	} {
		res, err := fhir.Parse([]byte(raw))
		if err == nil {
			_, err = d.Commit(t.Context(), tester, []record.Op{{Method: record.Update, Type: "SearchParameter", ID: "bad", Resource: res}})
		}
		if fhir.KindOf(err) != fhir.Unprocessable {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func remove(t testing.TB, d *record.Door, typ, id string) {
	t.Helper()
	if _, err := d.Commit(t.Context(), tester, []record.Op{{Method: record.Delete, Type: typ, ID: id}}); err != nil {
		t.Fatal(err)
	}
}

func TestAddedSearchParameters(t *testing.T) {
	w := newWorld(t)
	storetest.Each(t, func(t *testing.T, db string) {
		d := record.TestOn(t, db)
		w.load(t, d)
		customParameters(t, d, w)
	})
}
