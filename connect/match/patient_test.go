package match

import (
	"fmt"
	"testing"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

func TestPatientsAreRead(t *testing.T) {
	res, err := fhir.Parse([]byte(`{"resourceType":"Patient","id":"p","meta":{"source":"urn:kith:intake:ZZ1/77#PID"},
		"identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"4000745212","use":"old"},
			{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9434765919"},
			{"system":"https://zz1.example/mrn","value":"1234567890"},
			{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"4010232137","extension":[{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus","valueCodeableConcept":{"coding":[{"code":"05"}]}}]}],
		"name":[{"use":"maiden","family":"Thornley"},{"use":"nickname","given":["Addie"]},{"use":"official","family":"Okafor","given":["Ada","May"]},{"use":"anonymous","family":"X"}],
		"gender":"female","birthDate":"1950-02",
		"address":[{"use":"old","line":["1 Oak Road"],"postalCode":"ZZ2 2BB"},{"use":"home","line":["Flat 2","4 Orchard Close"],"city":"Merrowby","postalCode":"ZZ1 4AB"}],
		"telecom":[{"system":"phone","value":"01632 960111"},{"system":"fax","value":"1"},{"system":"email","value":"ada@example.org"},{"system":"phone","value":"07700 900111"}],
		"link":[{"other":{"reference":"Patient/q"},"type":"seealso"},{"other":{"reference":"Patient/p"},"type":"seealso"},{"other":{"reference":"RelatedPerson/r"},"type":"seealso"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var p r4.Patient
	if err := r4.Decode(res, &p); err != nil {
		t.Fatal(err)
	}
	s := subjectOf(&p)
	want := "{{p [9434765919 Ada Okafor 1950-02 female ZZ1 4AB Flat 2 4 Orchard Close Merrowby 01632 960111 ada@example.org] " +
		"[{nhs 4000745212} {forename Addie} {surname Thornley} {postcode ZZ2 2BB} {address 1 Oak Road} {phone 07700 900111}]} ZZ1 [q]}"
	if got := fmt.Sprint(s); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for source, want := range map[string]string{
		`"meta":{"source":"https://gp.example/fhir#abc"}`:                                              "https://gp.example/fhir",
		`"managingOrganization":{"reference":"Organization/1"}`:                                        "Organization/1",
		`"managingOrganization":{"identifier":{"system":"https://ods","value":"ZZ1"}}`:                 "https://ods|ZZ1",
		`"meta":{"source":"urn:kith:intake:ZZ003/SRPatient/9"},"managingOrganization":{"display":"x"}`: "ZZ003",
		`"active":true`: "",
	} {
		res, err := fhir.Parse([]byte(`{"resourceType":"Patient","id":"p",` + source + `}`))
		if err != nil {
			t.Fatal(err)
		}
		var p r4.Patient
		if err := r4.Decode(res, &p); err != nil {
			t.Fatal(err)
		}
		if got := sourceOf(&p); got != want {
			t.Errorf("%s is kept by %q, not %q", source, got, want)
		}
	}
}

// Whatever a Patient says, it can be put into an index, found and taken out again without a trace.
func FuzzPatient(f *testing.F) {
	f.Add(`{"resourceType":"Patient","name":[{"text":"Ada Okafor"}],"birthDate":"1950"}`)
	f.Add(`{"resourceType":"Patient","name":[{"family":"","given":[]},{"use":"old","family":"x"}],"address":[{"line":["1"]},{"use":"old","line":["2"]}],"telecom":[{"value":"0"}]}`)
	f.Add(`{"resourceType":"Patient","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9434765919"}],"link":[{"type":"seealso"}],"photo":[{}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		res, err := fhir.Parse([]byte(text))
		if err != nil || res.Type() != "Patient" {
			return
		}
		var p r4.Patient
		if r4.Decode(res, &p) != nil {
			return
		}
		s := subjectOf(&p)
		s.ID = "p"
		ethnicGroup(&p)
		x, err := NewIndex(nil, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Add(s.Person); err != nil {
			t.Fatal(err)
		}
		other := s.Person
		other.ID = "q"
		x.Find(other)
		if _, ok := x.Weigh(other, "p"); !ok || !x.Remove("p") || x.used != 0 {
			t.Errorf("%d places are left of %v", x.used, s)
		}
	})
}
