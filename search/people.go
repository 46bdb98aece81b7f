package search

import (
	"slices"
	"strings"

	"github.com/kith-care/kith/fhir/spec"
)

// homeFirst are the parameters that decide whose record a resource lives in, in order, before any other parameter of
// the patient compartment.
var homeFirst = []string{"patient", "subject", "beneficiary", "individual", "for", "actor"}

// compartments holds, by type, the numbers of the reference parameters that put it into a patient's compartment.
// https://hl7.org/fhir/R4/compartmentdefinition-patient.html
var compartments = func() [][]spec.ParamID {
	out := make([][]spec.ParamID, len(typeNames))
	patient := spec.Compartment("Patient")
	for i, name := range spec.ResourceNames() {
		codes := slices.Clone(patient.Params(name))
		slices.SortStableFunc(codes, func(a, b string) int { return rank(a) - rank(b) })
		for _, code := range codes {
			if id, ok := spec.ParamCode(code); ok {
				out[i+1] = append(out[i+1], id)
			}
		}
		// R4 lists "subject" or "patient" as it pleases; the other one, where the type has it, leads to the same patient.
		for _, code := range []string{"patient", "subject"} {
			id, _ := spec.ParamCode(code)
			if len(codes) > 0 && spec.Param(name, code) != nil && !slices.Contains(out[i+1], id) {
				out[i+1] = append(out[i+1], id)
			}
		}
	}
	return out
}()

func rank(code string) int {
	if i := slices.Index(homeFirst, code); i >= 0 {
		return i
	}
	return len(homeFirst)
}

func inPatientCompartment(t spec.TypeID, p spec.ParamID) bool {
	return slices.Contains(compartments[t], p)
}

// patientsOf are the ids of the patients whose compartment a resource is in, the one whose record it lives in first.
func patientsOf(t spec.TypeID, id string, keys []Key) []string {
	if t == patientType {
		return []string{id}
	}
	var out []string
	for _, p := range compartments[t] {
		for i := range keys {
			if k := &keys[i]; k.Param == p && k.Kind == ReferenceKey && string(k.System) == "Patient" && !slices.Contains(out, string(k.Code)) {
				out = append(out, string(k.Code))
			}
		}
	}
	return out
}

var patientType, _ = spec.Resource("Patient")

func words(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[w] = true
	}
	return m
}
