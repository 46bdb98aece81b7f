package record_test

import (
	"strings"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// Whoever sees all of a type is told what the counter says, less what people have refused: the same as one finds by looking at each.
func TestCountsAreOfWhatIsSeen(t *testing.T) {
	policy, err := access.Parse(strings.NewReader(access.DefaultText + "\nmay system R clinical,task when anyone\nsees system all when anyone\n"))
	if err != nil {
		t.Fatal(err)
	}
	reports := access.Actor{ID: "Device/reports", Name: "Reports", Role: "system", Organization: "R", Purpose: "HOPERAT"}
	scoped := reports
	scoped.App = &access.Client{ID: "app", Scopes: []access.Scope{{Context: "system", Type: "Observation", May: "rs", Query: "status=final"}}}
	storetest.Each(t, func(t *testing.T, db string) {
		d, err := record.Open(t.Context(), record.Options{DB: db, Base: "http://kith.test/fhir", Policy: policy})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		observation := func(id, patient, more string) string {
			return `Observation/` + id + ` {"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"x"}]},"subject":{"reference":"Patient/` + patient + `"}` + more + `}`
		}
		have(t, d, practiceA, adaAtA, `Patient/bo {"name":[{"family":"Okoro"}]}`, `Patient/cy {"name":[{"family":"Lane"}]}`, `Patient/cy2 {"name":[{"family":"Lane"}]}`,
			observation("a1", "ada", ""), observation("a2", "ada", ""), observation("a3", "ada", `,"performer":[{"reference":"Patient/cy"}]`), observation("b1", "bo", ""),
			observation("b2", "bo", `,"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HIV"}]}`), observation("c1", "cy", ""), observation("c2", "cy2", ""),
			`Observation/n {"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"x"}]}}`, `Task/t {"status":"requested","intent":"order","for":{"reference":"Patient/ada"}}`)
		refuses := func(id, patient, provision string) string {
			return `Consent/` + id + ` {"status":"active","scope":{"coding":[{"code":"patient-privacy"}]},"category":[{"coding":[{"system":"https://kith.care/fhir/CodeSystem/consent-category","code":"sharing"}]}],"patient":{"reference":"Patient/` + patient + `"},"provision":` + provision + `}`
		}
		check := func(when string, who access.Actor, query string, want int) {
			t.Helper()
			page, err := d.Find(t.Context(), who, query+"&_count=100")
			if err != nil {
				t.Fatal(when, err)
			}
			for _, ask := range []string{"&_summary=count", "&_count=0"} {
				counted, err := d.Find(t.Context(), who, query+ask)
				if err != nil || counted.Total != int64(want) || len(page.Matches) != want {
					t.Errorf("%s, %s%s: counted %d, found %d, want %d (%v)", when, strings.TrimSuffix(query, "?"), ask, counted.Total, len(page.Matches), want, err)
				}
			}
		}
		check("at first", reports, "Observation?", 8)
		check("at first", reports, "Observation?code=http://loinc.org|x", 8)
		have(t, d, refuses("one", "bo", `{"type":"deny","securityLabel":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HIV"}]}`))
		check("one label refused", reports, "Observation?code=http://loinc.org|x", 7)
		have(t, d, strings.Replace(refuses("all", "cy", `{"type":"deny"}`), `"sharing"`, `"opt-out"`, 1))
		check("opted out", reports, "Observation?code=http://loinc.org|x", 5) // not a3 either, which is in the record of both
		check("opted out", reports, "Task?", 1)
		check("by an app", scoped, "Observation?", 5)
		if err := d.Link(t.Context(), kith, "cy", "cy2"); err != nil {
			t.Fatal(err)
		}
		check("two are one person", reports, "Observation?", 4)
	})
}
