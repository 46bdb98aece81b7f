package search

import (
	"testing"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// only is the rest of a row that is a body and nothing else.
type only struct{ res *fhir.Resource }

func (o only) Extra(int64) ([]byte, error)   { return nil, nil }
func (o only) Body() (*fhir.Resource, error) { return o.res, nil }

// FuzzQuery holds any query against any resource: nothing breaks, and a resource's own keys can be read back.
func FuzzQuery(f *testing.F) {
	observation := `{"resourceType":"Observation","id":"o","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"subject":{"reference":"Patient/1"},"effectiveDateTime":"2026-05-01T10:00:00Z","valueQuantity":{"value":120,"unit":"mmHg","code":"mm[Hg]","system":"http://unitsofmeasure.org"}}`
	for _, q := range []string{"", "code=http://loinc.org|8480-6", "patient=Patient/1&date=ge2026-05&_sort=-date", "value-quantity=gt119.5|http://unitsofmeasure.org|mm[Hg]", "code-value-quantity=8480-6$lt130",
		"subject:Patient.name:contains=oka&_include=Observation:subject", "_has:Provenance:target:recorded=2026", "_id=o&_lastUpdated=gt2020&_count=0&_summary=count", "code:not=x&status:missing=false",
		"_filter=code eq 8480-6 and (date ge 2026-01-01 or not(status eq final))", "code:in=http://x&subject:identifier=a|b&_tag=|x", "date=eq2026-02-30T25:61&value-quantity=1e999", "%zz=%&&==\\,\\$"} {
		f.Add("Observation", q, observation)
	}
	f.Add("Patient", "name=É&birthdate=lt1990&identifier=|9&address:exact=a\\,b", `{"resourceType":"Patient","id":"p","name":[{"family":"Éa"}],"birthDate":"1989-12"}`)
	f.Add("", "_type=Patient,Observation&_id=1", `{"resourceType":"Basic"}`)
	f.Fuzz(func(t *testing.T, typ, query, text string) {
		var index *Index
		res, err := fhir.Parse([]byte(text))
		if err == nil {
			index, err = (&Indexer{Base: "http://kith.test/fhir"}).Index(res, "x")
		}
		if err != nil {
			index = nil
		}
		q, err := (&Parser{Base: "http://kith.test/fhir"}).Parse(typ, query)
		if err != nil {
			if fhir.KindOf(err) == fhir.Broken {
				t.Errorf("%s?%q is refused as our own fault: %v", typ, query, err)
			}
			return
		}
		q.Plan()
		if id, ok := spec.Resource(typ); ok && index != nil && res.Type() == typ {
			q.Match(&Row{Type: id, ID: "x", Keys: index.Keys, Rest: only{res}}) // an error is an answer too; what must not happen is a panic
		}
	})
}
