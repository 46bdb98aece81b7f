// Package fhirxml turns FHIR resources from XML into JSON and back. https://hl7.org/fhir/R4/xml.html
//
// Inside, Kith knows JSON only: XML is a language spoken at the door. One table (package spec) says for every element
// whether it repeats, what type it has and where it stands in the order XML demands, so the same two walks serve every
// resource type. Digits of decimals, ids and extensions of primitives, narrative, contained resources and the entries of
// bundles come through unchanged; comments, processing instructions and white space between elements do not, and a
// carriage return in a narrative becomes a line feed, as XML has it.
//
// Reading is strict: what has no place in R4 is refused with the path of the element at fault. Elements may come in any
// order, as they often do, although the specification fixes it; they are written in the right one. A document type, and
// with it every entity beyond XML's own five, is refused, so no input can make this package read a file or grow without
// bound.
package fhirxml

import (
	"strconv"

	"github.com/kith-care/kith/fhir"
)

const (
	fhirSpace  = "http://hl7.org/fhir"
	xhtmlSpace = "http://www.w3.org/1999/xhtml"
	xsiSpace   = "http://www.w3.org/2001/XMLSchema-instance"
	xmlSpace   = "http://www.w3.org/XML/1998/namespace"
)

// step is one step of the path to the element being converted; the path is only written out for an error.
type step struct {
	name  string
	index int // in a repeating element, else -1
}

type trail []step

func (t trail) String() string {
	var b []byte
	for i, s := range t {
		if i > 0 {
			b = append(b, '.')
		}
		b = append(b, s.name...)
		if s.index >= 0 {
			b = append(b, '[')
			b = strconv.AppendInt(b, int64(s.index), 10)
			b = append(b, ']')
		}
	}
	return string(b)
}

// child is the trail one step further.
func (t trail) child(name string) trail { return append(t, step{name, -1}) }

func (t trail) fail(format string, args ...any) error {
	return fhir.Errorf(fhir.Invalid, format, args...).At(t.String())
}
