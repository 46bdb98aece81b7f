// Package spec knows FHIR R4 (4.0.1) as data: every type and element with its cardinality, choice, binding and
// constraints, every search parameter and every compartment.
//
// The facts stand in small tables beside this file, written from HL7's definitions by `make generate` and embedded in
// the program. They are parsed once, when first asked for, into values that never change, so any number of goroutines
// may read them. Nothing here evaluates anything: package fhirpath compiles the expressions, package validate applies
// the rules, package search the parameters.
//
// An element belongs to the type that defines it and is seen through every type that inherits it: TypeOf("Patient")
// lists id and text before Patient's own elements, in the order in which XML writes them. Anonymous structures
// ("Patient.contact") are types of their own, named by their path.
//
// Errata of R4 that make an expression impossible to evaluate are corrected in the generator, each with its reason.
package spec

import (
	_ "embed"
	"sync"
)

//go:generate go run ./generate -root ../..

var (
	//go:embed types.tsv
	typesTable string
	//go:embed constraints.tsv
	constraintsTable string
	//go:embed params.tsv
	paramsTable string
	//go:embed paramcodes.txt
	paramCodes string
	//go:embed compartments.tsv
	compartmentsTable string
)

// Version is the version of FHIR the tables describe.
const Version = "4.0.1"

var (
	types        = sync.OnceValue(readTypes)
	params       = sync.OnceValue(readParams)
	compartments = sync.OnceValue(readCompartments)
)

// cut takes the text up to the next sep off the front of *s.
func cut(s *string, sep byte) string {
	for i := 0; i < len(*s); i++ {
		if (*s)[i] == sep {
			head := (*s)[:i]
			*s = (*s)[i+1:]
			return head
		}
	}
	head := *s
	*s = ""
	return head
}

// count tells how many bytes c are in s.
func count(s string, c byte) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] == c {
			n++
		}
	}
	return n
}
