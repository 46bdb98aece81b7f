package fhirpath

import (
	"math/big"
	"strings"

	"github.com/kith-care/kith/fhir"
)

// calendarUnits are the calendar durations. https://hl7.org/fhirpath/#time-valued-quantities
var calendarUnits = map[string]string{
	"year": "year", "years": "year", "month": "month", "months": "month", "week": "week", "weeks": "week",
	"day": "day", "days": "day", "hour": "hour", "hours": "hour", "minute": "minute", "minutes": "minute",
	"second": "second", "seconds": "second", "millisecond": "millisecond", "milliseconds": "millisecond",
}

// calendarOf are the UCUM units of time that a FHIR Quantity may mean as calendar durations.
// https://hl7.org/fhir/R4/fhirpath.html#quantity
var calendarOf = map[string]string{
	"a": "year", "mo": "month", "wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond",
}

var ucumOf = map[string]string{
	"year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms",
}

// calendarMillis is how long a calendar duration is where nothing anchors it.
var calendarMillis = map[string]int64{
	"year": 365 * 86400_000, "month": 30 * 86400_000, "week": 7 * 86400_000, "day": 86400_000,
	"hour": 3600_000, "minute": 60_000, "second": 1000, "millisecond": 1,
}

func quantityOf(d fhir.Decimal, unit string) value {
	if word, ok := calendarUnits[unit]; ok {
		return value{kind: Quantity, d: d, s: word, calendar: true}
	}
	return value{kind: Quantity, d: d, s: unit}
}

// asQuantity is a number as a quantity in the unit 1.
func (v value) asQuantity() value {
	if d, ok := v.number(); ok {
		return value{kind: Quantity, d: d, s: "1"}
	}
	return v
}

func (v value) quantityString() string {
	if !v.calendar {
		return v.d.String() + " '" + v.s + "'"
	}
	if v.d.Cmp(fhir.MakeDecimal(1, 0)) == 0 {
		return v.d.String() + " " + v.s
	}
	return v.d.String() + " " + v.s + "s"
}

// quantity reads an item as a System.Quantity: one, or a FHIR Quantity in a UCUM unit. One with a comparator has no
// single value and fails. https://hl7.org/fhir/R4/fhirpath.html#quantity
func (s *scope) quantity(it Item) (value, bool, error) {
	if it.sys != nil {
		q := it.sys.asQuantity()
		return q, q.kind == Quantity, nil
	}
	if it.typ == nil || !it.typ.Is("Quantity") {
		v, ok := it.system()
		q := v.asQuantity()
		return q, ok && q.kind == Quantity, nil
	}
	d, err := fhir.ParseDecimal(it.v.Get("value").Raw())
	if err != nil {
		return value{}, false, nil
	}
	if c := it.v.Get("comparator"); c.Exists() {
		return value{}, false, s.fail("a quantity with the comparator %s has no single value", c.Text())
	}
	code := it.v.Get("code").Text()
	switch it.v.Get("system").Text() {
	case "http://unitsofmeasure.org":
		if code == "" {
			return value{}, false, nil
		}
		_, calendar := calendarOf[code]
		return value{kind: Quantity, d: d, s: code, both: calendar}, true, nil
	case "http://hl7.org/fhirpath/CodeSystem/calendar-units":
		q := quantityOf(d, code)
		return q, q.calendar, nil
	case "":
		if code == "" && !it.v.Get("unit").Exists() {
			return value{kind: Quantity, d: d, s: "1"}, true, nil
		}
	}
	return value{}, false, nil
}

// asCalendar and asUCUM choose the meaning of a FHIR quantity of time.
func (v value) asCalendar() value {
	return value{kind: Quantity, d: v.d, s: calendarOf[v.s], calendar: true}
}

func (v value) asUCUM() value {
	v.both = false
	return v
}

// agree settles which meaning the quantities of time among two have.
func agree(a, b value) (value, value) {
	switch {
	case a.both && b.calendar:
		a = a.asCalendar()
	case b.both && a.calendar:
		b = b.asCalendar()
	}
	return a.asUCUM(), b.asUCUM()
}

// measure is two quantities on one scale.
type measure struct {
	x, y         *big.Rat // values in base units
	sizeA, sizeB *big.Rat // of the units, in base units
	unitA, unitB fhir.Unit
}

// unify brings two quantities to one scale; false where they cannot be compared. A calendar year or month and a UCUM
// duration have no common scale, except by equivalence (loose).
func unify(a, b value, loose bool) (m measure, ok bool) {
	a, b = agree(a, b)
	if a.calendar && b.calendar && !loose || a.calendar && b.calendar && a.s == b.s {
		return unifyCalendar(a, b), true
	}
	if a.calendar != b.calendar && !loose {
		if a.calendar && !definite(a.s, b.s) || b.calendar && !definite(b.s, a.s) {
			return m, false
		}
	}
	if a.calendar && b.calendar {
		return unifyCalendar(a, b), true
	}
	if !a.calendar && !b.calendar && a.s == b.s {
		one := big.NewRat(1, 1)
		return measure{x: a.d.Rat(), y: b.d.Rat(), sizeA: one, sizeB: one}, true
	}
	u, err1 := fhir.ParseUnit(a.ucum())
	v, err2 := fhir.ParseUnit(b.ucum())
	if err1 != nil || err2 != nil || !u.Commensurable(v) {
		return m, false
	}
	return measure{u.Base(a.d), v.Base(b.d), u.Factor(), v.Factor(), u, v}, true
}

func (v value) ucum() string {
	if v.calendar {
		return ucumOf[v.s]
	}
	return v.s
}

// definite reports whether a calendar duration has the length of its UCUM unit when it meets another UCUM unit: years
// and months, of either kind, have not.
func definite(calendar, ucum string) bool {
	return calendar != "year" && calendar != "month" && !strings.HasPrefix(ucum, "a") && !strings.HasPrefix(ucum, "mo")
}

func unifyCalendar(a, b value) measure {
	sizeA, sizeB := calendarSize(a.s, b.s), calendarSize(b.s, a.s)
	x, y := a.d.Rat(), b.d.Rat()
	return measure{x: x.Mul(x, sizeA), y: y.Mul(y, sizeB), sizeA: sizeA, sizeB: sizeB}
}

// calendarSize is the length of a unit: in months between years and months, else in milliseconds.
func calendarSize(unit, other string) *big.Rat {
	if (unit == "year" || unit == "month") && (other == "year" || other == "month") {
		if unit == "year" {
			return big.NewRat(12, 1)
		}
		return big.NewRat(1, 1)
	}
	return big.NewRat(calendarMillis[unit], 1)
}

func equalQuantities(a, b value) tri {
	m, ok := unify(a, b, false)
	if !ok {
		return empty
	}
	return triOf(m.x.Cmp(m.y) == 0)
}

func compareQuantities(a, b value) (order int, known bool) {
	m, ok := unify(a, b, false)
	if !ok {
		return 0, false
	}
	return m.x.Cmp(m.y), true
}

// equivalentQuantities compares in the finer unit, at the decimals of the less precise quantity.
func equivalentQuantities(a, b value) bool {
	m, ok := unify(a, b, true)
	if !ok {
		return false
	}
	finer, unit := m.sizeA, m.unitA
	if m.sizeB.Cmp(m.sizeA) < 0 {
		finer, unit = m.sizeB, m.unitB
	}
	if unit.Special() {
		return equivalentDecimals(fhir.DecimalOf(unit.From(m.x), decimalPlaces), fhir.DecimalOf(unit.From(m.y), decimalPlaces))
	}
	return equivalentDecimals(fhir.DecimalOf(m.x.Quo(m.x, finer), decimalPlaces), fhir.DecimalOf(m.y.Quo(m.y, finer), decimalPlaces))
}

// comparable reports whether two quantities can be compared.
func comparableQuantities(a, b value) bool {
	_, ok := unify(a, b, false)
	return ok
}

// decimalPlaces is how many digits after the point an inexact result keeps.
const decimalPlaces = 28

// addQuantities adds or subtracts, in the finer unit of the two; not ok where that means nothing.
func addQuantities(a, b value, minus bool) (value, bool) {
	a, b = agree(a, b)
	m, ok := unify(a, b, false)
	if !ok || unequal(a) || unequal(b) {
		return value{}, false
	}
	if minus {
		m.y.Neg(m.y)
	}
	if !a.calendar && !b.calendar && a.s == b.s {
		a.d = a.d.Add(signed(b.d, minus))
		return a, true
	}
	sum, unit, size := m.x.Add(m.x, m.y), a, m.sizeA
	if m.sizeB.Cmp(m.sizeA) < 0 {
		unit, size = b, m.sizeB
	}
	unit.d = fhir.DecimalOf(sum.Quo(sum, size), decimalPlaces)
	return unit, true
}

func signed(d fhir.Decimal, minus bool) fhir.Decimal {
	if minus {
		return d.Neg()
	}
	return d
}

// unequal reports whether a unit is unknown or not proportional to its amount, so that nothing can be calculated in it.
func unequal(v value) bool {
	if v.calendar {
		return false
	}
	u, err := fhir.ParseUnit(v.s)
	return err != nil && v.s != "1" || u.Special()
}

// plain is a quantity without a dimension as a number.
func plain(v value) (*big.Rat, bool) {
	if v.calendar {
		return nil, false
	}
	if v.s == "1" {
		return v.d.Rat(), true
	}
	u, err := fhir.ParseUnit(v.s)
	if err != nil || !u.Plain() {
		return nil, false
	}
	return u.Base(v.d), true
}

// multiply multiplies or divides quantities; not ok where that means nothing, as for a product of calendar durations.
func multiply(a, b value, divide bool) (value, bool) {
	if unequal(a) || unequal(b) || divide && b.d.Sign() == 0 {
		return value{}, false
	}
	if n, ok := plain(b); ok {
		return scale(a, n, divide), true
	}
	if n, ok := plain(a); ok && !divide {
		return scale(b, n, false), true
	}
	a, b = a.asUCUM(), b.asUCUM()
	if a.calendar || b.calendar {
		return value{}, false
	}
	if !divide {
		return tidy(a.d.Mul(b.d).Rat(), timesUnit(a.s, b.s))
	}
	r := a.d.Rat()
	return tidy(r.Quo(r, b.d.Rat()), perUnit(a.s, b.s))
}

func scale(q value, n *big.Rat, divide bool) value {
	r := q.d.Rat()
	if divide {
		q.d = fhir.DecimalOf(r.Quo(r, n), decimalPlaces)
	} else {
		q.d = fhir.DecimalOf(r.Mul(r, n), decimalPlaces)
	}
	return q
}

func timesUnit(a, b string) string {
	switch {
	case a == "1":
		return b
	case b == "1":
		return a
	case a == b && strings.Trim(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ[]_'") == "":
		return a + "2"
	case strings.Contains(b, "/"):
		return a + ".(" + b + ")"
	}
	return a + "." + b
}

func perUnit(a, b string) string {
	if a == b {
		return "1"
	}
	if strings.ContainsAny(b, "./") {
		b = "(" + b + ")"
	}
	if a == "1" {
		return "1/" + b
	}
	return a + "/" + b
}

// tidy makes a number of what has no dimension left.
func tidy(r *big.Rat, unit string) (value, bool) {
	u, err := fhir.ParseUnit(unit)
	if err != nil {
		return value{}, false
	}
	if u.Plain() {
		r, unit = r.Mul(r, u.Factor()), "1"
	}
	return value{kind: Quantity, d: fhir.DecimalOf(r, decimalPlaces), s: unit}, true
}

// convert is toQuantity(unit). A UCUM duration of weeks and less becomes a calendar duration; the other way only seconds
// and milliseconds convert. A FHIR quantity of time converts to either.
func convert(q value, unit string) (value, bool) {
	to := quantityOf(fhir.MakeDecimal(1, 0), unit)
	if q.both && to.calendar {
		q = q.asCalendar()
	}
	q = q.asUCUM()
	if q.s == to.s && q.calendar == to.calendar {
		return q, true
	}
	if q.calendar && !to.calendar && !(calendarSecond(q) && calendarSecond(to)) {
		return value{}, false
	}
	if !q.calendar && to.calendar && (calendarOf[q.s] == "" || !definite(to.s, q.s)) {
		return value{}, false
	}
	if q.calendar && to.calendar {
		m := unifyCalendar(q, to)
		to.d = fhir.DecimalOf(m.x.Quo(m.x, m.sizeB), decimalPlaces)
		return to, true
	}
	u, err1 := fhir.ParseUnit(q.ucum())
	v, err2 := fhir.ParseUnit(to.ucum())
	if err1 != nil || err2 != nil || !u.Commensurable(v) {
		return value{}, false
	}
	to.d = fhir.DecimalOf(v.From(u.Base(q.d)), decimalPlaces)
	return to, true
}

// calendarSecond reports whether a duration is in seconds or less, where calendar and UCUM mean the same.
func calendarSecond(q value) bool {
	return q.s == "s" || q.s == "ms" || q.s == "second" || q.s == "millisecond"
}
