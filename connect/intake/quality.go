package intake

import "github.com/kith-care/kith/fhir"

// quality counts the data-quality checks of a resource that a feed has made: is a patient's identity complete, is an entry coded in the
// terminology of the NHS.
func quality(res *fhir.Resource, notes map[string]int) {
	root := res.Root()
	check := func(name string, pass bool) {
		notes[Checked+name]++
		if !pass {
			notes[Failed+name]++
		}
	}
	if res.Type() == "Patient" {
		number, postcode := false, false
		for id := range root.Get("identifier").Items() {
			number = number || id.Get("system").Is("https://fhir.nhs.uk/Id/nhs-number")
		}
		for a := range root.Get("address").Items() {
			postcode = postcode || a.Get("postalCode").Exists()
		}
		check("NHS number", number)
		check("birth date", root.Get("birthDate").Exists())
		check("postcode", postcode)
		return
	}
	for _, element := range []string{"code", "medicationCodeableConcept", "vaccineCode"} {
		if c := root.Get(element); c.Exists() {
			check("coded in SNOMED CT or dm+d", standard(c))
			return
		}
	}
}

func standard(concept fhir.Value) bool {
	for c := range concept.Get("coding").Items() {
		if s := c.Get("system"); s.Is("http://snomed.info/sct") || s.Is("https://dmd.nhs.uk") {
			return true
		}
	}
	return false
}
