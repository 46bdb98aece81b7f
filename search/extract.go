package search

import (
	"math"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/fhirpath"
)

// each calls f with what the path finds in res until f returns false.
func (e *expression) each(res *fhir.Resource, f func(fhirpath.Item) bool) error {
	return e.eachOf(fhirpath.At(res.Root(), ""), f)
}

// eachOf is each on a resource whose type has been looked up already.
func (e *expression) eachOf(res fhirpath.Item, f func(fhirpath.Item) bool) error {
	if e == nil {
		return nil
	}
	return e.path.EachOf(res, nil, f)
}

// extractor collects the keys of one resource.
type extractor struct {
	base  string        // our own base URL: absolute references under it are ours
	on    fhirpath.Item // the resource
	param *Param
	keys  []Key
}

// item adds the keys of one value under the current parameter. A value of a type that the parameter cannot compare
// gives no key, as the specification says. https://hl7.org/fhir/R4/search.html#ptypes
func (x *extractor) item(it fhirpath.Item) {
	typ, v := it.ModelType(), it.Value()
	if it.Computed() {
		x.computed(it)
		return
	}
	switch x.param.Type {
	case "token":
		x.token(typ, v)
	case "string":
		x.text(typ, v)
	case "reference":
		x.reference(typ, v)
	case "date":
		if lo, hi, ok := dateRange(typ, v); ok {
			x.add(Key{Kind: DateKey, Lo: lo, Hi: hi})
		}
	case "number":
		switch typ {
		case "decimal", "integer", "positiveInt", "unsignedInt":
			x.code(NumberKey, v)
		case "Duration", "Age", "Quantity":
			x.code(NumberKey, v.Get("value"))
		case "Range":
			x.code(NumberKey, v.Get("low").Get("value"))
			x.code(NumberKey, v.Get("high").Get("value"))
		}
	case "quantity":
		x.quantity(typ, v)
	case "uri":
		x.code(URIKey, v)
	}
}

// computed adds the key of a value that stands nowhere in the resource, such as that of an exists().
func (x *extractor) computed(it fhirpath.Item) {
	code := []byte(it.Text())
	switch x.param.Type {
	case "token":
		x.add(Key{Kind: TokenKey, Code: code})
	case "string":
		x.add(Key{Kind: StringKey, Code: code})
	case "number":
		if _, ok := it.Decimal(); ok {
			x.add(Key{Kind: NumberKey, Code: code})
		}
	case "date":
		if d, ok := it.Moment(); ok {
			x.add(Key{Kind: DateKey, Lo: micros(d.Low()), Hi: micros(d.High())})
		}
	case "uri":
		x.add(Key{Kind: URIKey, Code: code})
	}
}

func (x *extractor) add(k Key) {
	k.Param = x.param.ID
	x.keys = append(x.keys, k)
}

func (x *extractor) code(kind Kind, v fhir.Value) {
	if b := textBytes(v); len(b) > 0 {
		x.add(Key{Kind: kind, Code: b})
	}
}

// textBytes is the text of a primitive without a copy where it has no escapes.
func textBytes(v fhir.Value) []byte {
	switch v.Kind() {
	case fhir.String:
		raw := v.Raw()
		raw = raw[1 : len(raw)-1]
		for _, c := range raw {
			if c == '\\' {
				return []byte(v.Text())
			}
		}
		return raw
	case fhir.Number, fhir.True, fhir.False:
		return v.Raw()
	}
	return nil
}

func (x *extractor) token(typ string, v fhir.Value) {
	switch typ {
	case "CodeableConcept":
		for c := range v.Get("coding").Items() {
			x.coding(c.Get("system"), c.Get("code"))
		}
	case "Coding":
		x.coding(v.Get("system"), v.Get("code"))
	case "Identifier":
		x.coding(v.Get("system"), v.Get("value"))
	case "ContactPoint":
		x.coding(fhir.Value{}, v.Get("value"))
	default:
		x.code(TokenKey, v)
	}
}

func (x *extractor) coding(system, code fhir.Value) {
	if system.Exists() || code.Exists() {
		x.add(Key{Kind: TokenKey, System: textBytes(system), Code: textBytes(code)})
	}
}

func (x *extractor) text(typ string, v fhir.Value) {
	var parts []string
	switch typ {
	case "HumanName":
		parts = []string{"family", "given", "prefix", "suffix", "text"}
	case "Address":
		parts = []string{"line", "city", "district", "state", "postalCode", "country", "text"}
	default:
		x.code(StringKey, v)
		return
	}
	for _, name := range parts {
		for part := range v.Get(name).Items() {
			x.code(StringKey, part)
		}
	}
}

func (x *extractor) reference(typ string, v fhir.Value) {
	if typ != "Reference" {
		x.code(ReferenceKey, v) // canonical or uri
		return
	}
	if s := v.Get("reference"); s.Kind() == fhir.String {
		ref := fhir.ParseReference(s.Text())
		if _, known := spec.Resource(ref.Type); known && (ref.Base == "" || ref.Base == x.base) {
			x.add(Key{Kind: ReferenceKey, System: []byte(ref.Type), Code: []byte(ref.ID)})
		} else if s := ref.String(); s != "" && s[0] != '#' {
			x.add(Key{Kind: ReferenceKey, Code: []byte(s)})
		}
	}
	if id := v.Get("identifier"); id.Get("value").Exists() {
		x.add(Key{Kind: LogicalKey, System: textBytes(id.Get("system")), Code: textBytes(id.Get("value"))})
	}
}

func (x *extractor) quantity(typ string, v fhir.Value) {
	switch typ {
	case "Range":
		x.quantity("Quantity", v.Get("low"))
		x.quantity("Quantity", v.Get("high"))
	case "Money":
		if value := textBytes(v.Get("value")); value != nil {
			x.add(Key{Kind: QuantityKey, Code: value, System: []byte("urn:iso:std:iso:4217"), Unit: append(textBytes(v.Get("currency")), 0)})
		}
	default:
		value := textBytes(v.Get("value"))
		if value == nil {
			return
		}
		code, unit := textBytes(v.Get("code")), textBytes(v.Get("unit"))
		both := make([]byte, 0, len(code)+len(unit)+1)
		both = append(both, code...)
		if string(unit) != string(code) {
			both = append(append(both, 0), unit...)
		}
		x.add(Key{Kind: QuantityKey, Code: value, System: textBytes(v.Get("system")), Unit: both})
	}
}

// dateRange is the half-open range of microseconds that a date, Period or Timing covers; an open end is unbounded.
func dateRange(typ string, v fhir.Value) (lo, hi int64, ok bool) {
	switch typ {
	case "Period":
		lo, hi = math.MinInt64, math.MaxInt64
		start, end := v.Get("start"), v.Get("end")
		if l, _, good := dateRange("dateTime", start); good {
			lo = l
		}
		if _, h, good := dateRange("dateTime", end); good {
			hi = h
		}
		return lo, hi, start.Exists() || end.Exists()
	case "Timing":
		lo, hi = math.MaxInt64, math.MinInt64
		for e := range v.Get("event").Items() {
			if l, h, good := dateRange("dateTime", e); good {
				lo, hi, ok = min(lo, l), max(hi, h), true
			}
		}
		if l, h, good := dateRange("Period", v.Get("repeat").Get("boundsPeriod")); good {
			lo, hi, ok = min(lo, l), max(hi, h), true
		}
		return lo, hi, ok
	}
	d, err := fhir.ParseDateTime(textBytes(v))
	if err != nil {
		return 0, 0, false
	}
	return micros(d.Low()), micros(d.High()), true
}
