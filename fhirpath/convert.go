package fhirpath

import (
	"strings"

	"github.com/kith-care/kith/fhir"
)

// converter turns one item into a System type; not ok where it has no such reading.
// https://hl7.org/fhirpath/#conversion
type converter func(c *call, s *scope, it Item) (value, bool, error)

func conversion(to converter) func(*call, *scope, Collection) (Collection, error) {
	return func(c *call, s *scope, in Collection) (Collection, error) {
		if err := s.atMostOne(c, in); err != nil || len(in) == 0 || !in[0].hasValue() {
			return nil, err
		}
		v, ok, err := to(c, s, in[0])
		return one(computed(v), ok), err
	}
}

func converts(to converter) func(*call, *scope, Collection) (Collection, error) {
	return func(c *call, s *scope, in Collection) (Collection, error) {
		if err := s.atMostOne(c, in); err != nil || len(in) == 0 || !in[0].hasValue() {
			return nil, err
		}
		_, ok, err := to(c, s, in[0])
		return truth(ok), err
	}
}

func (s *scope) atMostOne(c *call, in Collection) error {
	if len(in) > 1 {
		return s.fail("%s() takes a single item, not %d", c.name, len(in))
	}
	return nil
}

func toBoolean(_ *call, _ *scope, it Item) (value, bool, error) {
	v, _ := it.system()
	out := value{kind: Boolean}
	switch v.kind {
	case Boolean:
		return v, true, nil
	case Integer, Long, Decimal:
		d, _ := v.number()
		if d.Cmp(fhir.MakeDecimal(1, 0)) == 0 {
			out.n = 1
			return out, true, nil
		}
		return out, d.Sign() == 0, nil
	case String:
		switch strings.ToLower(v.s) {
		case "true", "t", "yes", "y", "1", "1.0":
			out.n = 1
			return out, true, nil
		case "false", "f", "no", "n", "0", "0.0":
			return out, true, nil
		}
	}
	return out, false, nil
}

func toInteger(_ *call, _ *scope, it Item) (value, bool, error) {
	v, ok := toWhole(it, Integer)
	return v, ok, nil
}

func toLong(_ *call, _ *scope, it Item) (value, bool, error) {
	v, ok := toWhole(it, Long)
	return v, ok, nil
}

func toWhole(it Item, k Kind) (value, bool) {
	v, _ := it.system()
	switch v.kind {
	case Boolean:
		return value{kind: k, n: v.n}, true
	case Integer, Long:
		return wholeValue(fhir.MakeDecimal(v.n, 0), k)
	case String:
		d, err := fhir.ParseDecimal(v.s)
		if err != nil || strings.ContainsAny(v.s, ".eE") {
			return value{}, false
		}
		return wholeValue(d, k)
	}
	return value{}, false
}

func toDecimal(_ *call, _ *scope, it Item) (value, bool, error) {
	v, _ := it.system()
	switch v.kind {
	case Boolean:
		return decimalValue(fhir.MakeDecimal(v.n*10, 1)), true, nil
	case Integer, Long, Decimal:
		d, _ := v.number()
		return decimalValue(d), true, nil
	case String:
		d, err := fhir.ParseDecimal(v.s)
		return decimalValue(d), err == nil && !strings.ContainsAny(v.s, "eE"), nil
	}
	return value{}, false, nil
}

func toString(_ *call, s *scope, it Item) (value, bool, error) {
	if it.sys == nil {
		if _, ok := it.system(); ok {
			return value{kind: String, s: it.v.Text()}, true, nil
		}
		q, ok, err := s.quantity(it)
		return value{kind: String, s: q.quantityString()}, ok, err
	}
	return value{kind: String, s: it.sys.String()}, it.sys.kind != TypeInfo, nil
}

func toDate(_ *call, _ *scope, it Item) (value, bool, error) {
	v, _ := it.system()
	switch v.kind {
	case Date:
		return v, true, nil
	case DateTime:
		return dateOf(v.t), true, nil
	case String:
		t, err := fhir.ParseDateTime(v.s)
		return dateOf(t), err == nil, nil
	}
	return value{}, false, nil
}

func dateOf(t fhir.DateTime) value {
	return value{kind: Date, t: fhir.Date{Year: t.Year, Month: t.Month, Day: t.Day}}
}

func toDateTime(_ *call, _ *scope, it Item) (value, bool, error) {
	v, _ := it.system()
	switch v.kind {
	case Date, DateTime:
		v.kind = DateTime
		return v, true, nil
	case String:
		t, err := fhir.ParseDateTime(v.s)
		return value{kind: DateTime, t: t}, err == nil, nil
	}
	return value{}, false, nil
}

func toTime(_ *call, _ *scope, it Item) (value, bool, error) {
	v, _ := it.system()
	switch v.kind {
	case Time:
		return v, true, nil
	case String:
		t, err := fhir.ParseTime(strings.TrimPrefix(v.s, "T"))
		return value{kind: Time, t: fhir.DateTime{Clock: t}}, err == nil, nil
	}
	return value{}, false, nil
}

func toQuantity(c *call, s *scope, it Item) (value, bool, error) {
	q, ok, err := s.quantity(it)
	if err != nil {
		return value{}, false, err
	}
	if it.sys != nil && it.sys.kind == Long {
		return value{}, false, nil // not among the conversions FHIRPath defines
	}
	if v, single := it.system(); !ok && single {
		switch v.kind {
		case Boolean:
			q, ok = value{kind: Quantity, d: fhir.MakeDecimal(v.n*10, 1), s: "1"}, true
		case String:
			q, ok = parseQuantity(v.s)
		}
	}
	unit, given, err := c.text(0, s)
	if err != nil || !ok || !given {
		return q, ok, err
	}
	q, ok = convert(q, unit)
	return q, ok, nil
}

// parseQuantity reads "4 days", "10 'mg'" or a bare number.
func parseQuantity(s string) (value, bool) {
	end := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' && r != '+' && r != '-' })
	if end < 0 {
		end = len(s)
	}
	d, err := fhir.ParseDecimal(s[:end])
	if err != nil {
		return value{}, false
	}
	unit := strings.TrimLeft(s[end:], " \t\r\n")
	switch {
	case unit == "":
		return value{kind: Quantity, d: d, s: "1"}, true
	case len(unit) > 2 && unit[0] == '\'' && strings.IndexByte(unit[1:], '\'') == len(unit)-2:
		return quantityOf(d, unit[1:len(unit)-1]), true
	}
	word, ok := calendarUnits[unit]
	return value{kind: Quantity, d: d, s: word, calendar: true}, ok
}
