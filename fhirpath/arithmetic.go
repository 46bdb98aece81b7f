package fhirpath

import (
	"math"

	"github.com/kith-care/kith/fhir"
)

type arithmetic struct {
	op          string
	left, right node
}

func (n *arithmetic) eval(s *scope) (Collection, error) {
	l, r, err := s.both(n.left, n.right)
	if err != nil {
		return nil, err
	}
	what := "\"" + n.op + "\""
	a, ok1, err := s.single(l, what)
	if err != nil {
		return nil, err
	}
	b, ok2, err := s.single(r, what)
	if err != nil {
		return nil, err
	}
	if n.op == "&" {
		return s.join(a, b)
	}
	if !ok1 || !ok2 {
		return nil, nil
	}
	out, ok, err := s.calculate(n.op, a, b)
	if err != nil || !ok {
		return nil, err
	}
	return Collection{computed(out)}, nil
}

// join is "&": an operand that is empty counts as ”.
func (s *scope) join(a, b value) (Collection, error) {
	if a.kind != String && a.kind != none || b.kind != String && b.kind != none {
		return nil, s.fail("\"&\" joins strings, not %s and %s", a.kind, b.kind)
	}
	out := a.s + b.s
	return Collection{text(out)}, s.spend(len(out))
}

// calculate applies + - * / div mod; not ok where the result cannot be represented.
func (s *scope) calculate(op string, a, b value) (value, bool, error) {
	_, num1 := a.number()
	_, num2 := b.number()
	switch {
	case num1 && num2:
		v, ok := numbers(op, a, b)
		return v, ok, nil
	case (num1 || a.kind == Quantity) && (num2 || b.kind == Quantity):
		v, ok := quantities(op, a.asQuantity(), b.asQuantity())
		return v, ok, nil
	case a.kind == String && b.kind == String && op == "+":
		return value{kind: String, s: a.s + b.s}, true, s.spend(len(a.s) + len(b.s))
	case (a.isMoment() || a.kind == Time) && b.kind == Quantity && (op == "+" || op == "-"):
		v, err := s.addDuration(a, b, op == "-")
		return v, true, err
	case a.kind == Quantity && (b.isMoment() || b.kind == Time) && op == "+":
		v, err := s.addDuration(b, a, false)
		return v, true, err
	}
	return value{}, false, s.fail("%q cannot work with %s and %s", op, a.kind, b.kind)
}

// numbers calculates with Integer, Long and Decimal; an overflow is not ok.
func numbers(op string, a, b value) (value, bool) {
	x, _ := a.number()
	y, _ := b.number()
	var d fhir.Decimal
	switch op {
	case "+":
		d = x.Add(y)
	case "-":
		d = x.Sub(y)
	case "*":
		d = x.Mul(y)
	case "/":
		q, ok := x.Div(y, decimalPlaces)
		v, fits := bounded(q)
		return v, ok && fits
	case "div", "mod":
		q, rest, ok := x.QuoRem(y)
		if !ok {
			return value{}, false
		}
		if d = q; op == "mod" {
			d = rest
		}
		// 10 div 4.5 is the whole number 2.
		if op == "div" && (a.kind == Decimal || b.kind == Decimal) {
			return wholeValue(d, Integer)
		}
	}
	if a.kind == Decimal || b.kind == Decimal {
		return bounded(d)
	}
	return wholeValue(d, max(a.kind, b.kind))
}

// maxDigits is how many digits a decimal result may have before the point, and is rounded to after it: far more than the
// 28 that FHIRPath asks for, and few enough that no chain of operations can grow without end.
const maxDigits = 200

// bounded is a decimal result; an overflow is not ok.
func bounded(d fhir.Decimal) (value, bool) {
	if d.Digits()-d.Scale() > maxDigits {
		return value{}, false
	}
	return decimalValue(d.Round(maxDigits)), true
}

func decimalValue(d fhir.Decimal) value { return value{kind: Decimal, d: d} }

// wholeValue is d as an Integer or Long, if it fits.
func wholeValue(d fhir.Decimal, k Kind) (value, bool) {
	n, ok := d.Int64()
	if !ok || k == Integer && (n < math.MinInt32 || n > math.MaxInt32) {
		return value{}, false
	}
	return value{kind: k, n: n}, true
}

func quantities(op string, a, b value) (value, bool) {
	switch op {
	case "+", "-":
		return addQuantities(a, b, op == "-")
	case "*", "/":
		v, ok := multiply(a, b, op == "/")
		if !ok {
			return value{}, false
		}
		d, ok := bounded(v.d)
		v.d = d.d
		return v, ok
	}
	// div and mod work on what has no dimension, or the same one.
	m, ok := unify(a, b, false)
	if !ok || m.y.Sign() == 0 || unequal(a) || unequal(b) {
		return value{}, false
	}
	x, y := fhir.DecimalOf(m.x, decimalPlaces), fhir.DecimalOf(m.y, decimalPlaces)
	q, rest, ok := x.QuoRem(y)
	if op == "div" {
		return value{kind: Quantity, d: q, s: "1"}, ok
	}
	if a.s == b.s {
		return value{kind: Quantity, d: rest, s: a.s, calendar: a.calendar}, ok
	}
	return value{kind: Quantity, d: rest, s: "1"}, ok && m.unitA.Plain()
}
