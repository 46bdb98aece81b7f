package fhirpath

import (
	"bytes"
	"strconv"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// Item is one result: an element of a resource, or a value that was computed.
type Item struct {
	v   fhir.Value // the element; for a primitive that has extensions but no value, null or absent
	ext fhir.Value // the object that holds a primitive's id and extensions
	typ *spec.Type // nil where the model does not know
	sys *value     // a computed value
}

// Collection is a list of results in order.
type Collection []Item

// At is the element v as an item, with the FHIR type of that name ("" where it is not known or v is a resource).
func At(v fhir.Value, typ string) Item {
	if typ == "" {
		return Item{v: v, typ: resourceType(v)}
	}
	return Item{v: v, typ: spec.TypeOf(typ)}
}

// Text is a System.String, for Env.Vars.
func Text(s string) Item { return text(s) }

// Number is a System.Decimal.
func Number(d fhir.Decimal) Item { return decimal(d) }

// Truth is a System.Boolean.
func Truth(b bool) Item { return boolean(b) }

// resourceType is the type of a resource by its resourceType, nil where there is none.
func resourceType(v fhir.Value) *spec.Type {
	raw := v.Get("resourceType").Raw()
	if len(raw) < 2 {
		return nil
	}
	return spec.TypeOf(string(raw[1 : len(raw)-1]))
}

// text, integer and the others make computed items.
func text(s string) Item { return Item{sys: &value{kind: String, s: s}} }
func integer(n int64) Item {
	if n >= 0 && n < int64(len(smallNumbers)) {
		return Item{sys: &smallNumbers[n]}
	}
	return Item{sys: &value{kind: Integer, n: n}}
}
func decimal(d fhir.Decimal) Item { return Item{sys: &value{kind: Decimal, d: d}} }
func computed(v value) Item       { return Item{sys: &v} }
func one(it Item, ok bool) Collection {
	if !ok {
		return nil
	}
	return Collection{it}
}

var (
	trueItem  = Item{sys: &value{kind: Boolean, n: 1}}
	falseItem = Item{sys: &value{kind: Boolean}}
)

func boolean(b bool) Item {
	if b {
		return trueItem
	}
	return falseItem
}

// smallNumbers are most of what count() and literals give.
var smallNumbers = func() (all [16]value) {
	for n := range all {
		all[n] = value{kind: Integer, n: int64(n)}
	}
	return all
}()

// truth is a collection of one boolean. Collections are never changed once made, so two are enough.
func truth(b bool) Collection {
	if b {
		return trueItems
	}
	return falseItems
}

var (
	trueItems  = Collection{trueItem}[:1:1]
	falseItems = Collection{falseItem}[:1:1]
)

// Value is the element in the resource, absent for a computed value. For a primitive that has only extensions it may
// be null or absent.
func (it Item) Value() fhir.Value { return it.v }

// Extra is the object that holds a primitive's id and extensions ("_birthDate"), absent where there is none.
func (it Item) Extra() fhir.Value { return it.ext }

// Computed reports whether the item was computed and stands nowhere in a resource.
func (it Item) Computed() bool { return it.sys != nil }

// ModelType is the FHIR type of an element: "Quantity", "Patient.contact"; "" for a computed value and where the model
// does not know.
func (it Item) ModelType() string {
	if it.typ == nil || it.typ == systemString {
		return ""
	}
	return it.typ.Name
}

// Is reports whether the item is an element of the FHIR type or of one derived from it.
func (it Item) Is(typ string) bool { return it.typ.Is(typ) }

// Type is the qualified name of the item's type: "FHIR.Quantity", "System.String".
func (it Item) Type() string {
	namespace, name := it.typeName()
	return namespace + "." + name
}

func (it Item) typeName() (namespace, name string) {
	switch {
	case it.sys != nil:
		return "System", it.sys.kind.String()
	case it.typ == systemString:
		return "System", "String"
	case it.typ == nil:
		if k := it.jsonKind(); k != none {
			return "System", k.String()
		}
		return "System", "Any"
	case it.typ.Kind == spec.Backbone:
		return "FHIR", it.typ.Base
	}
	return "FHIR", it.typ.Name
}

// jsonKind is what kind of System value a JSON value without a FHIR type is.
func (it Item) jsonKind() Kind {
	switch it.v.Kind() {
	case fhir.String:
		return String
	case fhir.True, fhir.False:
		return Boolean
	case fhir.Number:
		if raw := it.v.Raw(); bytes.IndexByte(raw, '.') < 0 && bytes.IndexByte(raw, 'e') < 0 && bytes.IndexByte(raw, 'E') < 0 && len(raw) < 19 {
			if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil && n >= -1<<31 && n < 1<<31 {
				return Integer
			}
			return Long
		}
		return Decimal
	}
	return none
}

// Text is the item as a string: the value of a primitive, or a computed value as toString() writes it; "" for anything
// else.
func (it Item) Text() string {
	if it.sys == nil {
		return it.v.Text()
	}
	return it.sys.String()
}

// Bool is the value of a boolean; ok is false for anything else.
func (it Item) Bool() (b, ok bool) {
	if it.sys != nil {
		return it.sys.n != 0, it.sys.kind == Boolean
	}
	k := it.v.Kind()
	return k == fhir.True, k == fhir.True || k == fhir.False
}

// Decimal is the value of a number; ok is false for anything else.
func (it Item) Decimal() (d fhir.Decimal, ok bool) {
	v, ok := it.system()
	if !ok {
		return fhir.Decimal{}, false
	}
	return v.number()
}

// Moment is the value of a date, dateTime or instant; ok is false for anything else.
func (it Item) Moment() (t fhir.DateTime, ok bool) {
	v, ok := it.system()
	return v.t, ok && (v.kind == Date || v.kind == DateTime)
}

// hasValue tells an element with a value from one that has only extensions.
func (it Item) hasValue() bool {
	return it.sys != nil || it.v.Exists() && it.v.Kind() != fhir.Null
}

// Path is where the item stands, as a FHIRPath: "Patient.name[0].given[1]"; "" for a computed value.
func (it Item) Path() string {
	if it.v.Exists() {
		return it.v.Path()
	}
	return it.ext.Path()
}

// AppendJSON appends the item as JSON: an element as it stands, a computed value as a boolean, a number or the string
// that toString() writes. A Long is a string, as FHIR writes 64-bit integers.
func (it Item) AppendJSON(b []byte) []byte {
	if it.sys == nil {
		if raw := it.v.Raw(); len(raw) > 0 {
			return append(b, raw...)
		}
		return append(b, "null"...)
	}
	switch it.sys.kind {
	case Boolean, Integer, Decimal:
		return append(b, it.sys.String()...)
	case TypeInfo:
		b = appendQuoted(append(b, `{"namespace":`...), it.sys.space)
		return append(appendQuoted(append(b, `,"name":`...), it.sys.s), '}')
	}
	return appendQuoted(b, it.sys.String())
}
