package monitor

import (
	"testing"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

func observation(t testing.TB, text string) *r4.Observation {
	t.Helper()
	res, err := fhir.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var o r4.Observation
	if err := r4.Decode(res, &o); err != nil {
		t.Fatal(err)
	}
	return &o
}

const (
	pressureText = `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"subject":{"reference":"Patient/p"},"effectiveDateTime":"2026-11-20T09:00:00Z","component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":13.3,"unit":"kPa","system":"http://unitsofmeasure.org","code":"kPa"}},{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":60,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`
	alertText    = `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://snomed.info/sct","code":"1104441000000107"}]},"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"130987000"}]}}`
	airText      = `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"3151-8"}]},"valueQuantity":{"value":2,"unit":"L/min","system":"http://unitsofmeasure.org","code":"L/min"}}`
)

func number(code, value, unit string) string {
	return `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"` + code + `"}]},"valueQuantity":{"value":` + value + `,"unit":"` + unit + `","system":"http://unitsofmeasure.org","code":"` + unit + `"}}`
}

// A set of Observations, one of them in kPa and one in °F, is scored, and the score stands in the record and is read back.
func TestNEWS2InAndOutOfFHIR(t *testing.T) {
	v := Vitals{Age: 80}
	for _, text := range []string{pressureText, alertText, airText, number("9279-1", "22", "/min"), number("2708-6", "90", "%"), number("8867-4", "112", "/min"), number("8310-5", "101.1", "[degF]")} {
		if !v.Take(observation(t, text)) {
			t.Errorf("nothing was taken of %s", text)
		}
	}
	if v.Take(observation(t, `{"resourceType":"Observation","status":"entered-in-error","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"valueQuantity":{"value":70,"system":"http://unitsofmeasure.org","code":"/min"}}`)) {
		t.Error("what was taken back counts")
	}
	goal := r4.Goal{ID: "g", LifecycleStatus: "active", Target: []r4.GoalTarget{{Measure: &r4.CodeableConcept{Coding: []r4.Coding{{System: loinc, Code: "2708-6"}}}, DetailRange: &r4.Range{Low: &r4.Quantity{Value: dec(t, "88")}, High: &r4.Quantity{Value: dec(t, "92")}}}}}
	one, err := ScoreNEWS2(v)
	if err != nil {
		t.Fatal(err)
	}
	v.Scale2 = Decision([]r4.Goal{goal})
	two, err := ScoreNEWS2(v)
	if err != nil {
		t.Fatal(err)
	}
	// 22/min 2, 90 % 3 or 0, oxygen 2, 99.8 mmHg 2, 112/min 2, confusion 3, 38.4 °C 1
	if one.Total != 15 || two.Total != 12 || two.Scale != 2 {
		t.Errorf("scale 1: %d %+v, scale 2: %d %+v", one.Total, one.Parts, two.Total, two.Parts)
	}
	goal.LifecycleStatus = "completed"
	if d := Decision([]r4.Goal{goal}); d != "" {
		t.Errorf("a decision that is over counts: %s", d)
	}
	door := record.Test(t)
	o := two.Observation("Patient/p", start, "Observation/a")
	o.ID = "news"
	for _, text := range []string{`{"resourceType":"Patient","id":"p"}`, string(r4.Encode(o))} {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Commit(t.Context(), me, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
			t.Fatal(err)
		}
	}
	page, err := door.Find(t.Context(), me, "Observation?patient=p&code=http://snomed.info/sct|1104051000000101")
	if err != nil || len(page.Matches) != 1 {
		t.Fatal(err)
	}
	if total, ok := NEWS2Total(observation(t, string(page.Matches[0].Body))); !ok || total != 12 {
		t.Errorf("read back as %d %v", total, ok)
	}
}
