package release

import (
	"testing"
)

// What it costs a result to be looked at as it comes: one of no class, which most are, and one that is held.
func BenchmarkMark(b *testing.B) {
	for name, text := range map[string]string{
		"of no class": `{"resourceType":"Observation","id":"s","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"59261-8","display":"Hemoglobin A1c"}],"text":"HbA1c"},"subject":{"reference":"Patient/p"},"issued":"2026-11-26T08:00:00Z","valueQuantity":{"value":41}}`,
		"held":        psa,
	} {
		b.Run(name, func(b *testing.B) {
			p := open(b, "sqlite::memory:")
			res := parse(b, text)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.s.mark(b.Context(), "Observation/s", res); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
