package fhirpath

import (
	"strconv"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// Kind is a type of the System model. https://hl7.org/fhirpath/#literals
type Kind uint8

// The System types.
const (
	none Kind = iota
	Boolean
	String
	Integer
	Long
	Decimal
	Date
	DateTime
	Time
	Quantity
	TypeInfo
)

var kindNames = [...]string{"Any", "Boolean", "String", "Integer", "Long", "Decimal", "Date", "DateTime", "Time", "Quantity", "TypeInfo"}

// String is the name of the type without its namespace.
func (k Kind) String() string { return kindNames[k] }

// value is one System value.
type value struct {
	kind     Kind
	calendar bool // Quantity: s is a calendar duration ("year"), not a UCUM unit
	both     bool // Quantity from a FHIR Quantity in a UCUM unit of time: it serves as calendar duration as well
	n        int64
	s        string // String; unit of a Quantity; name of a TypeInfo
	space    string // namespace of a TypeInfo
	d        fhir.Decimal
	t        fhir.DateTime // Date, DateTime, and Time in its Clock
}

func (v value) String() string {
	switch v.kind {
	case Boolean:
		return strconv.FormatBool(v.n != 0)
	case String:
		return v.s
	case Integer, Long:
		return strconv.FormatInt(v.n, 10)
	case Decimal:
		return v.d.String()
	case Date, DateTime:
		return v.t.String()
	case Time:
		return v.t.Clock.String()
	case Quantity:
		return v.quantityString()
	case TypeInfo:
		return v.space + "." + v.s
	}
	return ""
}

// number is the value of an Integer, Long or Decimal.
func (v value) number() (fhir.Decimal, bool) {
	switch v.kind {
	case Integer, Long:
		return fhir.MakeDecimal(v.n, 0), true
	case Decimal:
		return v.d, true
	}
	return fhir.Decimal{}, false
}

// system is the item as a System value, by FHIR's implicit conversion; false for elements that have none, such as a
// HumanName or a primitive without a value. A FHIR Quantity is not among them: see quantity.
// https://hl7.org/fhir/R4/fhirpath.html#types
func (it Item) system() (value, bool) {
	if it.sys != nil {
		return *it.sys, true
	}
	k := none
	if it.typ == nil {
		k = it.jsonKind()
	} else if it.typ.Kind == spec.Primitive {
		k = primitiveKind(it.typ.Name)
	}
	switch it.v.Kind() {
	case fhir.String:
		return readString(k, it.v.Text()), k != none
	case fhir.True:
		return value{kind: Boolean, n: 1}, k != none
	case fhir.False:
		return value{kind: Boolean}, k != none
	case fhir.Number:
		return readNumber(k, it.v.Raw()), k != none
	}
	return value{}, false
}

// primitiveKind is the System type a FHIR primitive converts to.
func primitiveKind(name string) Kind {
	switch name {
	case "boolean":
		return Boolean
	case "integer", "unsignedInt", "positiveInt":
		return Integer
	case "decimal":
		return Decimal
	case "date":
		return Date
	case "dateTime", "instant":
		return DateTime
	case "time":
		return Time
	}
	return String
}

// readString reads the text of a primitive. Text that is no date where a date belongs stays a string: it equals
// nothing but itself.
func readString(k Kind, s string) value {
	switch k {
	case Date, DateTime:
		if t, err := fhir.ParseDateTime(s); err == nil && (k == DateTime || t.Clock.Known == 0) {
			return value{kind: k, t: t}
		}
	case Time:
		if c, err := fhir.ParseTime(s); err == nil {
			return value{kind: k, t: fhir.DateTime{Clock: c}}
		}
	}
	return value{kind: String, s: s}
}

func readNumber(k Kind, raw []byte) value {
	d, err := fhir.ParseDecimal(raw)
	if err != nil {
		return value{kind: String, s: string(raw)}
	}
	if k == Integer || k == Long {
		if n, ok := d.Int64(); ok {
			return value{kind: k, n: n}
		}
	}
	return value{kind: Decimal, d: d}
}

// appendQuoted appends s as a JSON string.
func appendQuoted(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r == '\t':
			b = append(b, '\\', 't')
		case r == '\f':
			b = append(b, '\\', 'f')
		case r < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}
