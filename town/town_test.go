package town

import (
	"bytes"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/validate"
)

var sample = Town{Seed: 1, People: 3000}

func TestTheSameTownIsTheSameBytes(t *testing.T) {
	for _, i := range []int{0, 17, 2999} {
		a, b := draw(t, sample, i), draw(t, Town{Seed: 1, People: 5000}, i)
		if !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Errorf("person %d is another person in a larger town of the same seed", i)
		}
		if c := draw(t, Town{Seed: 2, People: 3000}, i); bytes.Equal(a.Bytes(), c.Bytes()) {
			t.Errorf("person %d is the same in town 1 and town 2", i)
		}
	}
}

func TestNobodyBeyondTheTown(t *testing.T) {
	for _, i := range []int{-1, 3000} {
		if _, err := sample.Person(i); err == nil || !strings.Contains(err.Error(), "0 to 2999") {
			t.Errorf("person %d: %v", i, err)
		}
	}
	if _, err := (Town{People: MostPeople + 1}).Person(0); err == nil {
		t.Error("a town of more people than NHS numbers is drawn")
	}
}

func TestNHSNumbersAreTestNumbersWithRightCheckDigitsAndAllDiffer(t *testing.T) {
	seen := map[string]int{}
	for i := range 200_000 {
		n := nhsNumber(7, i)
		if len(n) != 10 || n[:3] != "999" {
			t.Fatalf("person %d: %s", i, n)
		}
		sum := 0
		for k := range 10 {
			sum += int(n[k]-'0') * (10 - k)
		}
		if sum%11 != 0 {
			t.Fatalf("person %d: %s has a wrong check digit", i, n)
		}
		if other, ok := seen[n]; ok {
			t.Fatalf("persons %d and %d are both %s", other, i, n)
		}
		seen[n] = i
	}
	if digit, ok := checkDigit("943476591"); digit != 9 || !ok {
		t.Errorf("943 476 5919 is a well-known example; the check digit came out as %d", digit)
	}
}

// Every resource must be valid R4: members, cardinality, primitives, required bindings, invariants.
func TestNoTwoPeopleHaveOneEmailAddress(t *testing.T) {
	town := Town{Seed: 3, People: 20000}
	place, of := town.place(), map[string]int{}
	for i := range town.People {
		email := town.draw(i, place).behind().email
		if first, ok := of[email]; ok && email != "" {
			t.Fatalf("%s is of person %d and of person %d", email, first, i)
		}
		of[email] = i
	}
	if len(of) < 8000 {
		t.Errorf("%d of %d people have an address", len(of), town.People)
	}
}

func TestEveryResourceIsValid(t *testing.T) {
	bundles := []*fhir.Resource{shared(t, sample)}
	for i := range 120 {
		bundles = append(bundles, draw(t, sample, i*23))
	}
	kinds := map[string]int{}
	var validator validate.Validator
	for _, b := range bundles {
		for url, r := range entries(b) {
			kinds[r.Type()]++
			if url != r.Type()+"/"+r.ID() {
				t.Fatalf("%s holds %s/%s", url, r.Type(), r.ID())
			}
			issues, err := validator.Full(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			for _, issue := range issues {
				if issue.Severity == validate.Error {
					t.Errorf("%s: %s: %s", url, issue.Expression, issue.Message)
				}
			}
		}
	}
	for _, want := range strings.Fields("Organization Practitioner Patient Encounter Condition AllergyIntolerance MedicationRequest Observation Immunization Procedure ServiceRequest") {
		if kinds[want] == 0 {
			t.Errorf("no %s was drawn", want)
		}
	}
}

func TestEveryReferenceIsFound(t *testing.T) {
	staff := map[string]bool{}
	for url := range entries(shared(t, sample)) {
		staff[url] = true
	}
	for i := range 200 {
		b := draw(t, sample, i)
		own := map[string]bool{}
		for url := range entries(b) {
			if own[url] {
				t.Errorf("person %d has %s twice", i, url)
			}
			own[url] = true
		}
		for ref := range references(b.Root()) {
			if !own[ref] && !staff[ref] {
				t.Errorf("person %d refers to %s, which nobody has", i, ref)
			}
		}
	}
}

// Nothing may be recorded before birth or after the record ends; a dead person is prescribed nothing.
func TestNothingHappensOutsideALife(t *testing.T) {
	until := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	died := 0
	for i := range 1500 {
		b := draw(t, sample, i)
		var born, end string
		for _, r := range entries(b) {
			root := r.Root()
			if r.Type() == "Patient" {
				born, end = root.Get("birthDate").Text(), until.Format("2006-01-02")
				if d := root.Get("deceasedDateTime"); d.Exists() {
					end = d.Text()
					died++
				}
				continue
			}
			for _, member := range []string{"effectiveDateTime", "onsetDateTime", "recordedDate", "authoredOn", "occurrenceDateTime", "performedDateTime", "abatementDateTime"} {
				on := root.Get(member)
				if !on.Exists() {
					continue
				}
				if day := on.Text()[:10]; day < born || day > end {
					t.Errorf("person %d, born %s, ends %s: %s/%s.%s is %s", i, born, end, r.Type(), r.ID(), member, on.Text())
				}
			}
			if p := root.Get("period"); p.Exists() && (p.Get("start").Text()[:10] < born || p.Get("end").Text()[:10] > end || p.Get("end").Text() < p.Get("start").Text()) {
				t.Errorf("person %d, born %s, ends %s: Encounter %s", i, born, end, p.Raw())
			}
		}
	}
	if died == 0 {
		t.Error("nobody has died in Merrowby: the deceased banner is never tried")
	}
}

// People allergic to penicillin must not be given it, not even in a made-up record: pages are judged by it.
func TestNoPenicillinForTheAllergic(t *testing.T) {
	allergic := 0
	for i := range 3000 {
		var penicillin bool
		var given []string
		for _, r := range entries(draw(t, sample, i)) {
			switch r.Type() {
			case "AllergyIntolerance":
				penicillin = penicillin || r.Root().Get("code").Get("text").Is("Penicillin")
			case "MedicationRequest":
				given = append(given, r.Root().Get("medicationCodeableConcept").Get("text").Text())
			}
		}
		if !penicillin {
			continue
		}
		allergic++
		for _, name := range given {
			if strings.Contains(strings.ToLower(name), "cillin") {
				t.Errorf("person %d is allergic to penicillin and was given %s", i, name)
			}
		}
	}
	if allergic < 60 || allergic > 300 {
		t.Errorf("%d of 3,000 are allergic to penicillin; in England about 6 in 100 are", allergic)
	}
}

func BenchmarkPerson(b *testing.B) {
	town := Town{Seed: 1, People: MostPeople}
	for i := 0; b.Loop(); i++ {
		out, err := town.Person(i)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(out)))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "people/s")
}

func draw(t *testing.T, town Town, i int) *fhir.Resource {
	t.Helper()
	return parsed(t)(town.Person(i))
}

func shared(t *testing.T, town Town) *fhir.Resource {
	t.Helper()
	return parsed(t)(town.Shared())
}

func parsed(t *testing.T) func([]byte, error) *fhir.Resource {
	t.Helper()
	return func(data []byte, err error) *fhir.Resource {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
}

// entries walks a bundle: where each entry is put, and what.
func entries(b *fhir.Resource) iter.Seq2[string, *fhir.Resource] {
	return func(yield func(string, *fhir.Resource) bool) {
		for e := range b.Root().Get("entry").Items() {
			if !yield(e.Get("request").Get("url").Text(), e.Get("resource").Resource()) {
				return
			}
		}
	}
}

func references(v fhir.Value) iter.Seq[string] {
	return func(yield func(string) bool) { eachReference(v, yield) }
}

func eachReference(v fhir.Value, yield func(string) bool) bool {
	if v.Name() == "reference" && v.Kind() == fhir.String {
		return yield(v.Text())
	}
	for c := v.First(); c.Exists(); c = c.Next() {
		if !eachReference(c, yield) {
			return false
		}
	}
	return true
}
