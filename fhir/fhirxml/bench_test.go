package fhirxml

import (
	"os"
	"testing"

	"github.com/kith-care/kith/conformance/need"
	"github.com/kith-care/kith/fhir"
)

func BenchmarkToJSON(b *testing.B) {
	body, err := os.ReadFile(need.Data(b, "uk", "ukcore-r4", "structuredefinitions", "UKCore-Patient.xml"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := ToJSON(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFromJSON(b *testing.B) {
	body, err := os.ReadFile(need.Data(b, "uk", "ukcore-r4", "structuredefinitions", "UKCore-Patient.xml"))
	if err != nil {
		b.Fatal(err)
	}
	asJSON, err := ToJSON(body)
	if err != nil {
		b.Fatal(err)
	}
	res, err := fhir.Parse(asJSON)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(asJSON)))
	for b.Loop() {
		if _, err := FromJSON(res); err != nil {
			b.Fatal(err)
		}
	}
}
