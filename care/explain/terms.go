package explain

import (
	"strings"

	"github.com/kith-care/kith/fhir"
)

// Term is something that a resource says by a code or in words.
type Term struct {
	Kind    string // what patients call this kind of thing: Conditions, Results, …
	Concept fhir.Value
}

// termsOf are the elements of each type that a patient sees, with what that kind of thing is called.
var termsOf = map[string]struct {
	kind     string
	elements []string
}{
	"AllergyIntolerance":       {"Allergies", []string{"code"}},
	"Appointment":              {"Visits", []string{"serviceType", "reasonCode", "appointmentType"}},
	"CarePlan":                 {"Plans", []string{"category"}},
	"Condition":                {"Conditions", []string{"code"}},
	"DiagnosticReport":         {"Results", []string{"code"}},
	"DocumentReference":        {"Letters", []string{"type"}},
	"Encounter":                {"Visits", []string{"type", "serviceType", "reasonCode"}},
	"FamilyMemberHistory":      {"Family history", []string{"condition.code"}},
	"Immunization":             {"Vaccinations", []string{"vaccineCode"}},
	"MedicationAdministration": {"Medicines", []string{"medicationCodeableConcept"}},
	"MedicationRequest":        {"Medicines", []string{"medicationCodeableConcept"}},
	"MedicationStatement":      {"Medicines", []string{"medicationCodeableConcept"}},
	"Observation":              {"Results", []string{"code", "component.code"}},
	"Procedure":                {"Procedures", []string{"code"}},
	"ServiceRequest":           {"Referrals", []string{"code", "reasonCode"}},
}

// Types are the types of resource that have terms.
func Types() []string {
	return []string{"AllergyIntolerance", "Appointment", "CarePlan", "Condition", "DiagnosticReport", "DocumentReference", "Encounter", "FamilyMemberHistory", "Immunization",
		"MedicationAdministration", "MedicationRequest", "MedicationStatement", "Observation", "Procedure", "ServiceRequest"}
}

// Terms are the terms of a resource that a patient sees, in the order of its elements.
func Terms(root fhir.Value) []Term {
	t := termsOf[root.Get("resourceType").Text()]
	var out []Term
	for _, element := range t.elements {
		for _, concept := range at(root, element) {
			out = append(out, Term{t.kind, concept})
		}
	}
	return out
}

func at(v fhir.Value, element string) []fhir.Value {
	values := []fhir.Value{v}
	for name := range strings.SplitSeq(element, ".") {
		var next []fhir.Value
		for _, v := range values {
			member := v.Get(name)
			switch {
			case member.Kind() == fhir.Array:
				for item := range member.Items() {
					next = append(next, item)
				}
			case member.Exists():
				next = append(next, member)
			}
		}
		values = next
	}
	return values
}

// coded reports whether a concept has a code that says something: "unknown" says nothing.
func coded(concept fhir.Value) bool {
	for c := range concept.Get("coding").Items() {
		if c.Get("code").Text() != "" && !strings.Contains(c.Get("system").Text(), "NullFlavor") {
			return true
		}
	}
	return false
}

// wordsOf is what a concept says to a reader.
func wordsOf(concept fhir.Value) string {
	if t := concept.Get("text").Text(); t != "" {
		return t
	}
	for c := range concept.Get("coding").Items() {
		if d := c.Get("display").Text(); d != "" {
			return d
		}
	}
	for c := range concept.Get("coding").Items() {
		if code := c.Get("code").Text(); code != "" {
			return code
		}
	}
	return ""
}
