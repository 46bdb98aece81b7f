package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store/storetest"
)

var tester = access.Actor{ID: "Practitioner/tester", Role: "test"}

func res(t testing.TB, s string) *fhir.Resource {
	t.Helper()
	r, err := fhir.Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func put(t testing.TB, d *Door, s string) *Stored {
	t.Helper()
	r := res(t, s)
	results, err := d.Commit(t.Context(), tester, []Op{{Method: Update, Type: r.Type(), ID: r.ID(), Resource: r}})
	if err != nil {
		t.Fatal(err)
	}
	return &results[0].Stored
}

func ids(t testing.TB, d *Door, query string) string {
	t.Helper()
	p, err := d.Find(t.Context(), tester, query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	var out []string
	for _, m := range p.Matches {
		out = append(out, m.ID)
	}
	for _, m := range p.Included {
		out = append(out, "+"+m.ID)
	}
	return strings.Join(out, " ")
}

func TestWriteReadFind(t *testing.T) { storetest.Each(t, writeReadFind) }

func writeReadFind(t *testing.T, db string) {
	d := TestOn(t, db)
	put(t, d, `{"resourceType":"Patient","id":"p1","name":[{"family":"Okafor","given":["Ada"]}],"gender":"female","birthDate":"1950-02-03","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}]}`)
	put(t, d, `{"resourceType":"Patient","id":"p2","name":[{"family":"Oké","given":["Ben"]}],"gender":"male","birthDate":"1960"}`)
	for i := range 5 {
		put(t, d, fmt.Sprintf(`{"resourceType":"Observation","id":"o%d","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"subject":{"reference":"Patient/p1"},"effectiveDateTime":"2020-01-0%d","valueQuantity":{"value":1%d0,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}`, i, 9-i, i))
	}
	for query, want := range map[string]string{
		"Patient?name=oka":                          "p1",
		"Patient?family=ok":                         "p1 p2",
		"Patient?family:exact=Oké":                  "p2",
		"Patient?gender=male":                       "p2",
		"Patient?birthdate=1960":                    "p2",
		"Patient?birthdate=ge1950&birthdate=lt1960": "p1",
		"Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|9990000018":              "p1",
		"Patient?identifier=9990000018":                                                "p1",
		"Patient?identifier=x|9990000018":                                              "",
		"Observation?patient=p1&code=http://loinc.org|8480-6":                          "o0 o1 o2 o3 o4",
		"Observation?patient=p1&code=8480-6&_sort=-date&_count=2":                      "o0 o1",
		"Observation?subject=Patient/p1&_sort=date":                                    "o4 o3 o2 o1 o0",
		"Observation?code=8480-6&value-quantity=gt125":                                 "o3 o4",
		"Observation?code=8480-6&value-quantity=gt16.25|http://unitsofmeasure.org|kPa": "o3 o4",
		"Observation?patient=p2":                                                       "",
		"Observation?subject:Patient.identifier=9990000018&_count=2":                   "o0 o1",
		"Patient?_has:Observation:patient:code=8480-6":                                 "p1",
		"Observation?_id=o1,o3&_include=Observation:subject":                           "o1 o3 +p1",
		"Patient?_id=p1&_revinclude=Observation:subject":                               "p1 +o0 +o1 +o2 +o3 +o4",
		"Patient?gender:not=male":                                                      "p1",
		"Patient?identifier:missing=true":                                              "p2",
		"Patient?_filter=gender eq male or family eq \"Okafor\"":                       "p1 p2",
	} {
		if got := ids(t, d, strings.ReplaceAll(strings.ReplaceAll(query, " ", "%20"), `"`, "%22")); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	p, err := d.Find(t.Context(), tester, "Observation?_summary=count")
	if err != nil || p.Total != 5 {
		t.Errorf("total %v, %v", p, err)
	}
}

func TestPagesAreAMoment(t *testing.T) { storetest.Each(t, pagesAreAMoment) }

func pagesAreAMoment(t *testing.T, db string) {
	d := TestOn(t, db)
	for i := range 7 {
		put(t, d, fmt.Sprintf(`{"resourceType":"Basic","id":"b%d","code":{"text":"x"}}`, i))
	}
	for _, sort := range []string{"", "&_sort=-_lastUpdated", "&_sort=_id", "&_sort=-_id"} {
		var seen []string
		next := "Basic?_count=3" + sort
		for next != "" {
			p, err := d.Find(t.Context(), tester, next)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range p.Matches {
				seen = append(seen, m.ID)
			}
			next = p.Next
			put(t, d, `{"resourceType":"Basic","id":"b6","code":{"text":"changed"}}`)
			put(t, d, fmt.Sprintf(`{"resourceType":"Observation","id":"n%d","status":"final","code":{"text":"x"}}`, len(seen)))
		}
		if len(seen) != 7 {
			t.Errorf("%s: pages showed %v", sort, seen)
		}
		var all []string
		for m, err := range d.All(t.Context(), tester, "Basic?_count=3"+sort) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, m.ID)
			put(t, d, fmt.Sprintf(`{"resourceType":"Basic","id":"b0","code":{"text":"%d"}}`, len(all)))
		}
		if slices.Sort(seen); !slices.Equal(slices.Sorted(slices.Values(all)), seen) {
			t.Errorf("%s: all pages walked show %v, page by page %v", sort, all, seen)
		}
	}
}

// Who stops early asks for no further page; a query that is wrong on a later page ends the walk with its error.
func TestAllStopsWhereItIsTold(t *testing.T) { storetest.Each(t, allStopsWhereItIsTold) }

func allStopsWhereItIsTold(t *testing.T, db string) {
	d := TestOn(t, db)
	for i := range 60 {
		put(t, d, fmt.Sprintf(`{"resourceType":"Basic","id":"b%d","code":{"text":"x"}}`, i))
	}
	audited := func() int64 {
		n, err := d.VerifyAudit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before, n := audited(), 0
	for range d.All(t.Context(), tester, "Basic?_count=1") {
		if n++; n == 2 {
			break
		}
	}
	if pages := audited() - before; pages != 2 {
		t.Errorf("who stopped at the second of one a page asked for %d pages", pages)
	}
	before, n = audited(), 0
	for _, err := range d.All(t.Context(), tester, "Basic") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if pages := audited() - before; n != 60 || pages != 1 {
		t.Errorf("%d matches on %d pages, want 60 on one", n, pages)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	n = 0
	for m, err := range d.All(ctx, tester, "Basic?_count=10") {
		if last = err; err != nil {
			continue
		}
		if n++; m == nil {
			t.Fatal("neither a match nor an error")
		}
		if n == 10 {
			cancel()
		}
	}
	if n != 10 || last == nil {
		t.Errorf("the walk whose second page failed showed %d matches and ended with %v", n, last)
	}
	for m, err := range d.All(t.Context(), tester, "Basic?nothing=1") {
		if m != nil || fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("an unknown parameter: %v, %v", m, err)
		}
	}
}

func TestConditionalCreateIsExact(t *testing.T) { storetest.Each(t, conditionalCreateIsExact) }

func conditionalCreateIsExact(t *testing.T, db string) {
	d := TestOn(t, db)
	var wg sync.WaitGroup
	created := make(chan string, 100)
	for range 100 {
		wg.Go(func() {
			r := res(t, `{"resourceType":"Patient","identifier":[{"system":"s","value":"1"}]}`)
			results, err := d.Commit(t.Context(), tester, []Op{{Method: Create, Type: "Patient", Resource: r, IfNoneExist: "identifier=s|1"}})
			if err != nil {
				t.Error(err)
				return
			}
			if results[0].Outcome == Created {
				created <- results[0].ID
			}
		})
	}
	wg.Wait()
	if len(created) != 1 {
		t.Errorf("%d were created, want 1", len(created))
	}
}

func TestTransactionIsAllOrNothing(t *testing.T) { storetest.Each(t, transactionIsAllOrNothing) }

func transactionIsAllOrNothing(t *testing.T, db string) {
	d := TestOn(t, db)
	_, err := d.Commit(t.Context(), tester, []Op{
		{Method: Create, Type: "Patient", Resource: res(t, `{"resourceType":"Patient"}`), FullURL: "urn:uuid:1"},
		{Method: Create, Type: "Observation", Resource: res(t, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"urn:uuid:2"}}`)},
	})
	var at *OpError
	if !errors.As(err, &at) || at.Index != 1 {
		t.Fatalf("%v, want an error of entry 1", err)
	}
	if got := ids(t, d, "Patient"); got != "" {
		t.Errorf("a failed transaction left %s", got)
	}
	_, err = d.Commit(t.Context(), tester, []Op{ // whose observation it is would hang on the order of entries
		{Method: Create, Type: "Patient", Resource: res(t, `{"resourceType":"Patient"}`), FullURL: "urn:uuid:1"},
		{Method: Create, Type: "Patient", Resource: res(t, `{"resourceType":"Patient"}`), FullURL: "urn:uuid:1"},
		{Method: Create, Type: "Observation", Resource: res(t, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"urn:uuid:1"}}`)},
	})
	if !errors.As(err, &at) || at.Index != 1 || !strings.Contains(err.Error(), "stands twice") {
		t.Errorf("one fullUrl of two patients: %v, want an error of entry 1", err)
	}
	results, err := d.Commit(t.Context(), tester, []Op{
		{Method: Create, Type: "Patient", Resource: res(t, `{"resourceType":"Patient"}`), FullURL: "urn:uuid:1"},
		{Method: Create, Type: "Observation", Resource: res(t, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"urn:uuid:1"}}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(t, d, "Observation?patient="+results[0].ID); got != results[1].ID {
		t.Errorf("the reference leads to %q, want %q", got, results[1].ID)
	}
}

func TestMergeAndUnmerge(t *testing.T) { storetest.Each(t, mergeAndUnmerge) }

func mergeAndUnmerge(t *testing.T, db string) {
	d := TestOn(t, db)
	for _, p := range []string{"a", "b", "c"} {
		put(t, d, `{"resourceType":"Patient","id":"`+p+`"}`)
		put(t, d, `{"resourceType":"Observation","id":"of-`+p+`","status":"final","code":{"coding":[{"system":"s","code":"x"}]},"subject":{"reference":"Patient/`+p+`"}}`)
	}
	before, err := d.Get(t.Context(), tester, "Observation", "of-b")
	if err != nil {
		t.Fatal(err)
	}
	expect := func(when, query, want string) {
		t.Helper()
		if got := ids(t, d, query); got != want {
			t.Errorf("%s: %s finds %q, want %q", when, query, got, want)
		}
	}
	if err := d.Link(t.Context(), tester, "a", "b"); err != nil {
		t.Fatal(err)
	}
	expect("linked", "Observation?patient=a", "of-a of-b")
	expect("linked", "Observation?subject=Patient/b&code=s|x", "of-a of-b")
	expect("linked", "Observation?patient=c", "of-c")
	if err := d.Link(t.Context(), tester, "b", "c"); err != nil {
		t.Fatal(err)
	}
	expect("all linked", "Observation?patient=a&_sort=-_lastUpdated", "of-c of-b of-a")
	page, err := d.Everything(t.Context(), tester, "a", Everything{})
	if err != nil || len(page.Matches) != 6 {
		t.Errorf("everything of the person: %d resources, %v; want 6", len(page.Matches), err)
	}
	if err := d.Unlink(t.Context(), tester, "b"); err != nil {
		t.Fatal(err)
	}
	expect("b taken out", "Observation?patient=b", "of-b")
	expect("b taken out", "Observation?patient=a", "of-a of-c")
	after, err := d.Get(t.Context(), tester, "Observation", "of-b")
	if err != nil || string(after.Body) != string(before.Body) {
		t.Errorf("the resource has changed: %s, %v", after.Body, err)
	}
}

func TestErase(t *testing.T) { storetest.Each(t, erase) }

func erase(t *testing.T, db string) {
	d := TestOn(t, db)
	put(t, d, `{"resourceType":"Patient","id":"p","name":[{"family":"Okafor"}],"birthDate":"1950-01-01"}`)
	put(t, d, `{"resourceType":"Patient","id":"p","name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"1950-01-01"}`)
	put(t, d, `{"resourceType":"Patient","id":"q","name":[{"family":"Okafor"}]}`)
	if err := d.Erase(t.Context(), tester, "Patient", "p", "asked by the patient"); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{"Patient?name=okafor": "q", "Patient?birthdate=1950-01-01": "", "Patient": "q", "Patient?_id=p": ""} {
		if got := ids(t, d, query); got != want {
			t.Errorf("%s finds %q, want %q", query, got, want)
		}
	}
	if _, err := d.Get(t.Context(), tester, "Patient", "p"); fhir.KindOf(err) != fhir.NotFound {
		t.Errorf("reading it answers %v", err)
	}
	changes, err := d.Changes(t.Context(), tester, Log{Limit: 10})
	if err != nil || len(changes) != 3 || changes[0].Body != nil || changes[1].ID != "" {
		t.Errorf("the feed shows %+v, %v", changes, err)
	}
	if p, err := d.Find(t.Context(), tester, "Patient?_summary=count"); err != nil || p.Total != 1 {
		t.Errorf("%+v, %v", p, err)
	}
}

// A condition that reads bodies must work on a connection that answers one statement at a time: in memory, and inside a
// PostgreSQL transaction.
func TestConditionsOnBodies(t *testing.T) {
	storetest.Each(t, conditionsOnBodies)
	t.Run("memory", func(t *testing.T) { conditionsOnBodies(t, "sqlite::memory:") })
}

func conditionsOnBodies(t *testing.T, db string) {
	d := TestOn(t, db)
	for i := range 5 {
		put(t, d, fmt.Sprintf(`{"resourceType":"Observation","id":"o%d","status":"final","code":{"coding":[{"system":"s","code":"c%d","display":"Blood pressure %d"}]},"valueQuantity":{"value":%d}}`, i, i%2, i, i))
	}
	for query, want := range map[string]string{
		"Observation?code:text=blood&_sort=-_lastUpdated": "o4 o3 o2 o1 o0",
		"Observation?code-value-quantity=s|c0$gt1":        "o2 o4",
	} {
		if got := ids(t, d, strings.ReplaceAll(query, "$", "%24")); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	_, err := d.Commit(t.Context(), tester, []Op{{Method: Create, Type: "Observation", IfNoneExist: "code:text=Blood%20pressure%203",
		Resource: res(t, `{"resourceType":"Observation","status":"final","code":{"text":"x"}}`)}})
	if err != nil {
		t.Error(err)
	}
}

func TestBoxAndRecordTogether(t *testing.T) { storetest.Each(t, boxAndRecordTogether) }

func boxAndRecordTogether(t *testing.T, db string) {
	d := TestOn(t, db)
	box := d.Box("match")
	patient := Op{Method: Update, Type: "Patient", ID: "p", Resource: res(t, `{"resourceType":"Patient","id":"p"}`)}
	bad := patient
	bad.IfMatch = 7
	if _, err := box.Commit(t.Context(), tester, []Op{bad}, BoxItem{"link", "a", []byte("1")}); fhir.KindOf(err) != fhir.Precondition {
		t.Errorf("%v", err)
	}
	if v, err := box.Get(t.Context(), "link", "a"); v != nil || err != nil {
		t.Errorf("a failed commit left %q, %v", v, err)
	}
	if _, err := box.Commit(t.Context(), tester, []Op{patient}, BoxItem{"link", "a", []byte("1")}, BoxItem{"link", "b", []byte{}}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Box("other").Commit(t.Context(), tester, nil, BoxItem{"link", "a", []byte("2")}); err != nil {
		t.Fatal(err)
	}
	items, err := box.List(t.Context(), "link", "", 10)
	if err != nil || len(items) != 2 || string(items[0].Value) != "1" || items[1].Key != "b" {
		t.Errorf("%v, %v", items, err)
	}
	if _, err := box.Commit(t.Context(), tester, nil, BoxItem{"link", "a", nil}); err != nil {
		t.Fatal(err)
	}
	if v, err := box.Get(t.Context(), "link", "a"); v != nil || err != nil {
		t.Errorf("%q is still there, %v", v, err)
	}
}

func TestEverythingBetweenDates(t *testing.T) { storetest.Each(t, everythingBetweenDates) }

func everythingBetweenDates(t *testing.T, db string) {
	d := TestOn(t, db)
	put(t, d, `{"resourceType":"Patient","id":"p","birthDate":"1950-01-01"}`)
	for _, year := range []string{"2018", "2019", "2020", "2021"} {
		put(t, d, `{"resourceType":"Observation","id":"o`+year+`","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p"},"effectiveDateTime":"`+year+`-06-01"}`)
	}
	put(t, d, `{"resourceType":"Observation","id":"undated","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p"}}`)
	page, err := d.Everything(t.Context(), tester, "p", Everything{Start: time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range page.Matches {
		got = append(got, m.ID)
	}
	if want := "p o2019 o2020 undated"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}
