//go:build cgo

// The plans in the golden file are those of the SQLite that cgo brings; the one without cgo is of another version.

package record

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/kith-care/kith/store/storetest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// explained are queries of every kind, in the order of the golden file.
var explained = []string{
	"Patient",
	"Patient?_id=p",
	"Patient?_id=p,q,r",
	"Patient?family=okafor",
	"Patient?family:exact=Okafor&birthdate=1950-02-03",
	"Patient?family:contains=kaf",
	"Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|9990000018",
	"Patient?birthdate=ge1950&birthdate=lt1960",
	"Patient?gender=female",
	"Patient?_sort=family,-birthdate",
	"Patient?_has:Observation:patient:code=http://loinc.org|8480-6",
	"Observation?patient=p",
	"Observation?patient=p,q",
	"Observation?patient=nobody",
	"Observation?patient=p&code=http://loinc.org|8480-6",
	"Observation?patient=p&code=http://loinc.org|8480-6&_sort=-date&_count=1",
	"Observation?patient=p&_sort=-date",
	"Observation?patient=p&category=vital-signs&date=ge2020",
	"Observation?code=http://loinc.org|8480-6",
	"Observation?code=8480-6,8462-4&_sort=-_lastUpdated",
	"Observation?code=8480-6&value-quantity=gt160",
	"Observation?code=8480-6&value-quantity=gt21|http://unitsofmeasure.org|kPa",
	"Observation?date=2020-05",
	"Observation?combo-code-value-quantity=8480-6$gt160",
	"Observation?subject:Patient.family=okafor&code=8480-6",
	"Observation?encounter=e",
	"Observation?code:in=http://hl7.org/fhir/ValueSet/observation-vitalsignresult",
	"Encounter?patient=p&_include=Encounter:service-provider",
	"Condition?_filter=code eq 38341003 and patient re Patient/p",
	"Questionnaire?url=http://kith.test/forms/a",
	"?_type=Patient,Practitioner&_lastUpdated=ge2020",
}

// TestExplainedSearches holds the plan and the SQL of each kind of search against testdata/explain.txt, both databases
// side by side, so that a change of either is read by someone. The databases' own plans depend on what is in them; that
// of SQLite on an empty record is stable and shows which index each statement uses.
func TestExplainedSearches(t *testing.T) {
	pg := explainAll(t, storetest.Postgres(t))
	lite := explainAll(t, storetest.SQLite(t))
	var b strings.Builder
	for i, query := range explained {
		if lite[i].Plan != pg[i].Plan {
			t.Errorf("%s is planned as %q on SQLite and as %q on PostgreSQL", query, lite[i].Plan, pg[i].Plan)
		}
		fmt.Fprintf(&b, "%s\n  plan      %s\n  sqlite    %s\n  postgres  %s\n", query, lite[i].Plan, lite[i].SQL, pg[i].SQL)
		for line := range strings.SplitSeq(lite[i].Database, "\n") {
			fmt.Fprintf(&b, "            %s\n", line)
		}
		b.WriteByte('\n')
	}
	const golden = "testdata/explain.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		got, had := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
		for i := range got {
			if i >= len(had) || got[i] != had[i] {
				t.Fatalf("%s differs at line %d (renew it with -update):\n%s", golden, i+1, got[i])
			}
		}
		t.Fatalf("%s has %d lines too many", golden, len(had)-len(got))
	}
}

func explainAll(t *testing.T, db string) []*Explanation {
	t.Helper()
	d := TestOn(t, db)
	put(t, d, `{"resourceType":"Patient","id":"p","name":[{"family":"Okafor"}]}`)
	put(t, d, `{"resourceType":"Patient","id":"q"}`)
	put(t, d, `{"resourceType":"Observation","id":"o","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"subject":{"reference":"Patient/p"}}`)
	var out []*Explanation
	for _, query := range explained {
		e, err := d.Explain(t.Context(), strings.ReplaceAll(query, " ", "%20"))
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		out = append(out, e)
	}
	return out
}
