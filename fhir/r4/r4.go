// Package r4 holds plain structs for the resources Kith writes itself, and the two functions that fill and write them.
//
// A struct is the shortest way to say a new Task or to read three things off an Observation. It is not what the record
// keeps: a resource somebody else wrote is patched, never rebuilt from a struct. Even so nothing is lost on the way
// through: what has no field (extensions of primitives, members R4 does not have, the rarer types of an open choice)
// waits in More, and a date or number written in an unusual way is written back that way unless it was changed.
//
//	var reading r4.Observation
//	err := r4.Decode(res, &reading)
//	reading.Status = "amended"
//	data := r4.Encode(&reading)
//
// The fields are R4's elements under their own names with a capital letter (ID and URL excepted); a choice has a field
// for each type it may have (ValueQuantity, ValueString). Absent is "", nil, or a date or time whose year or hour is not
// known; booleans and numbers are pointers, since false and 0 are values. The structs are written by `make generate`.
package r4

import "github.com/kith-care/kith/fhir"

// More holds the members of an object that have no field, by their JSON name, each as JSON: "_birthDate" with the
// extensions of a primitive, "valueTiming", anything unknown. For a date or decimal it also keeps how it was written.
type More map[string][]byte

// Element is what every data type has besides its own elements. https://hl7.org/fhir/R4/element.html
type Element struct {
	ID        string
	Extension []Extension
	More      More
}

// BackboneElement is what every structure inside a resource has. https://hl7.org/fhir/R4/backboneelement.html
type BackboneElement struct {
	Element
	ModifierExtension []Extension
}

// Resource encodes x, a pointer to one of this package's resources, and reads it back as the record wants it. The error
// says what of x cannot be JSON, which only More and hand-made contained resources can bring about.
func Resource(x any) (*fhir.Resource, error) { return fhir.Parse(Encode(x)) }
