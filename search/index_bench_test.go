package search

import (
	"testing"

	"github.com/kith-care/kith/fhir"
)

const benchObservation = `{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"vital-signs"}],"text":"vital-signs"}],"code":{"coding":[{"system":"http://loinc.org","code":"8480-6","display":"Systolic blood pressure"}],"text":"Systolic blood pressure"},"subject":{"reference":"Patient/p1"},"encounter":{"reference":"Encounter/e1"},"effectiveDateTime":"2020-01-02T03:04:05Z","issued":"2020-01-02T03:04:05Z","valueQuantity":{"value":128.0,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}`

// BenchmarkIndex is the cost of making all keys of one Observation: paid at every write.
func BenchmarkIndex(b *testing.B) {
	res, err := fhir.Parse([]byte(benchObservation))
	if err != nil {
		b.Fatal(err)
	}
	ix := Indexer{Base: "http://kith.test/fhir"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ix.Index(res, "o1"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMatch is the cost of holding one row against a condition on code and value: paid for every candidate.
func BenchmarkMatch(b *testing.B) {
	res, err := fhir.Parse([]byte(benchObservation))
	if err != nil {
		b.Fatal(err)
	}
	index, err := (&Indexer{}).Index(res, "o1")
	if err != nil {
		b.Fatal(err)
	}
	q, err := (&Parser{}).Parse("Observation", "code=http://loinc.org|8480-6&value-quantity=gt120")
	if err != nil {
		b.Fatal(err)
	}
	row := Row{Type: q.Types[0], ID: "o1", Keys: index.Keys}
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := q.Match(&row); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
