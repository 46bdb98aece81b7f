package fhirpath

import (
	"math/big"

	"github.com/kith-care/kith/fhir"
)

// math1 wraps a function of a single number or quantity.
func math1(f func(v value) (value, bool)) func(*call, *scope, Collection) (Collection, error) {
	return func(c *call, s *scope, in Collection) (Collection, error) {
		v, ok, err := s.amount(c, in)
		if err != nil || !ok {
			return nil, err
		}
		out, ok := f(v)
		return one(computed(out), ok), nil
	}
}

// amount is the single number or quantity a function works on.
func (s *scope) amount(c *call, in Collection) (value, bool, error) {
	v, ok, err := s.single(in, c.name+"()")
	if err != nil || !ok {
		return value{}, false, err
	}
	if _, number := v.number(); !number && v.kind != Quantity {
		return value{}, false, s.fail("%s() takes a number, not %s", c.name, v.kind)
	}
	return v, true, nil
}

func abs(v value) (value, bool) {
	switch v.kind {
	case Integer, Long:
		return wholeValue(fhir.MakeDecimal(v.n, 0).Abs(), v.kind)
	}
	v.d = v.d.Abs()
	return v, true
}

// whole rounds by a rule: a Decimal becomes an Integer, a Quantity keeps its unit.
func whole(v value, rule func(fhir.Decimal) fhir.Decimal) (value, bool) {
	switch v.kind {
	case Decimal:
		return wholeValue(rule(v.d), Integer)
	case Quantity:
		v.d = rule(v.d)
	}
	return v, true
}

func ceiling(v value) (value, bool) { return whole(v, fhir.Decimal.Ceil) }
func floor(v value) (value, bool)   { return whole(v, fhir.Decimal.Floor) }

func truncate(v value) (value, bool) {
	return whole(v, func(d fhir.Decimal) fhir.Decimal { return d.Trunc(0) })
}

// working is the precision, in bits, in which transcendental functions are calculated before they are rounded to
// decimalPlaces.
const working = 512

func float(r *big.Rat) *big.Float { return new(big.Float).SetPrec(working).SetRat(r) }

func rounded(f *big.Float) (value, bool) {
	r, _ := f.Rat(nil)
	if r == nil {
		return value{}, false
	}
	return bounded(fhir.DecimalOf(r, decimalPlaces))
}

func exponential(v value) (value, bool) {
	d, ok := v.number()
	if !ok {
		return value{}, false
	}
	f, ok := expFloat(float(d.Rat()))
	if !ok {
		return value{}, false
	}
	return rounded(f)
}

func naturalLog(v value) (value, bool) {
	d, ok := v.number()
	if !ok || d.Sign() <= 0 {
		return value{}, false
	}
	return rounded(lnFloat(float(d.Rat())))
}

func squareRoot(v value) (value, bool) {
	d, ok := v.number()
	if !ok || d.Sign() < 0 {
		return value{}, false
	}
	return rounded(new(big.Float).SetPrec(working).Sqrt(float(d.Rat())))
}

func logarithm(c *call, s *scope, in Collection) (Collection, error) {
	v, b, ok, err := s.operands(c, in)
	if err != nil || !ok {
		return nil, err
	}
	x, ok1 := v.number()
	y, ok2 := b.number()
	if !ok1 || !ok2 || x.Sign() <= 0 || y.Sign() <= 0 || y.Cmp(fhir.MakeDecimal(1, 0)) == 0 {
		return nil, nil
	}
	out, ok := rounded(new(big.Float).SetPrec(working).Quo(lnFloat(float(x.Rat())), lnFloat(float(y.Rat()))))
	return one(computed(out), ok), nil
}

// operands are the input and the one argument of log() and power().
func (s *scope) operands(c *call, in Collection) (v, arg value, ok bool, err error) {
	v, ok1, err := s.amount(c, in)
	if err != nil {
		return v, arg, false, err
	}
	a, err := c.arg(0, s)
	if err != nil {
		return v, arg, false, err
	}
	arg, ok2, err := s.amount(c, a)
	return v, arg, ok1 && ok2, err
}

func power(c *call, s *scope, in Collection) (Collection, error) {
	v, e, ok, err := s.operands(c, in)
	if err != nil || !ok {
		return nil, err
	}
	x, ok1 := v.number()
	y, ok2 := e.number()
	if !ok1 || !ok2 {
		return nil, nil
	}
	out, ok := raise(x, y, v.kind != Decimal && e.kind != Decimal)
	return one(computed(out), ok), nil
}

func raise(x, y fhir.Decimal, integers bool) (value, bool) {
	if n, ok := y.Int64(); ok && n >= -1000 && n <= 1000 {
		r := fhir.MakeDecimal(1, 0)
		for range max(n, -n) {
			v, ok := bounded(r.Mul(x))
			if !ok {
				return value{}, false
			}
			r = v.d
		}
		if n < 0 {
			q, ok := fhir.MakeDecimal(1, 0).Div(r, decimalPlaces)
			return decimalValue(q), ok
		}
		if integers {
			return wholeValue(r, Integer)
		}
		return bounded(r)
	}
	if x.Sign() <= 0 {
		return decimalValue(fhir.Decimal{}), x.Sign() == 0 && y.Sign() > 0
	}
	f := lnFloat(float(x.Rat()))
	f, ok := expFloat(f.Mul(f, float(y.Rat())))
	if !ok {
		return value{}, false
	}
	return rounded(f)
}

// lnFloat takes x = m·2^k with m from ½ to 1, and ln m = 2·artanh((m-1)/(m+1)).
func lnFloat(x *big.Float) *big.Float {
	m := new(big.Float).SetPrec(working)
	k := x.MantExp(m)
	one := big.NewFloat(1).SetPrec(working)
	low := new(big.Float).SetPrec(working).Sub(m, one)
	sum := artanh(low.Quo(low, new(big.Float).SetPrec(working).Add(m, one)))
	third := artanh(new(big.Float).SetPrec(working).Quo(one, big.NewFloat(3)))
	sum.Add(sum, third.Mul(third, big.NewFloat(float64(k))))
	return sum.Mul(sum, big.NewFloat(2))
}

// artanh is z + z³/3 + z⁵/5 + …, for |z| up to ⅓.
func artanh(z *big.Float) *big.Float {
	square := new(big.Float).SetPrec(working).Mul(z, z)
	sum, term := new(big.Float).SetPrec(working).Set(z), new(big.Float).SetPrec(working).Set(z)
	for n := int64(3); n < working; n += 2 {
		term.Mul(term, square)
		sum.Add(sum, new(big.Float).SetPrec(working).Quo(term, new(big.Float).SetInt64(n)))
	}
	return sum
}

// expFloat halves x ten times, sums the series and squares the result ten times.
func expFloat(x *big.Float) (*big.Float, bool) {
	if n, _ := x.Int64(); n > 2000 || n < -2000 {
		return new(big.Float), n < 0
	}
	r := new(big.Float).SetPrec(working).SetMantExp(x, -16)
	sum, term := big.NewFloat(1).SetPrec(working), big.NewFloat(1).SetPrec(working)
	for n := int64(1); n < 80; n++ {
		term.Mul(term, r)
		term.Quo(term, new(big.Float).SetInt64(n))
		sum.Add(sum, term)
	}
	for range 16 {
		sum.Mul(sum, sum)
	}
	return sum, true
}

func round(c *call, s *scope, in Collection) (Collection, error) {
	v, ok, err := s.amount(c, in)
	if err != nil {
		return nil, err
	}
	places, _, err := c.number(0, s)
	if err != nil || !ok {
		return nil, err
	}
	if places < 0 {
		return nil, s.fail("round() needs 0 or more digits, not %d", places)
	}
	switch v.kind {
	case Integer, Long:
		return Collection{decimal(fhir.MakeDecimal(v.n, 0))}, nil
	}
	v.d = v.d.Round(int(min(places, 1000)))
	return Collection{computed(v)}, nil
}

// maxBoundary is the most digits a boundary of a decimal is given to.
const maxBoundary = 28

// boundary is lowBoundary() and highBoundary(). https://hl7.org/fhirpath/#lowboundaryprecision-integer-decimal--date--datetime--time
func boundary(c *call, s *scope, in Collection) (Collection, error) {
	v, ok, err := s.single(in, c.name+"()")
	if err != nil || !ok {
		return nil, err
	}
	digits, given, err := c.number(0, s)
	if err != nil {
		return nil, err
	}
	high := c.name == "highBoundary"
	switch v.kind {
	case Integer, Long, Decimal, Quantity:
		d, number := v.number()
		if !number {
			d = v.d
		}
		if !given {
			digits = 8
		}
		if digits < 0 || digits > maxBoundary {
			return nil, nil
		}
		out := decimalBoundary(d, int(digits), high)
		if v.kind == Quantity {
			v.d = out
			return Collection{computed(v)}, nil
		}
		return Collection{decimal(out)}, nil
	case Date, DateTime, Time:
		if !given {
			digits = map[Kind]int64{Date: 8, DateTime: 17, Time: 9}[v.kind]
		}
		out, ok := momentBoundary(v, int(digits), high)
		return one(computed(out), ok), nil
	}
	return nil, s.fail("%s() takes a number, a date or a time, not %s", c.name, v.kind)
}

// decimalBoundary is the least or greatest value d may stand for, rounded outwards to the digits asked for.
func decimalBoundary(d fhir.Decimal, places int, high bool) fhir.Decimal {
	low, top := d.Range()
	shift := fhir.MakeDecimal(1, -places)
	back := fhir.MakeDecimal(1, places)
	if high {
		return top.Mul(shift).Ceil().Mul(back)
	}
	return low.Mul(shift).Floor().Mul(back)
}

func precision(c *call, s *scope, in Collection) (Collection, error) {
	v, ok, err := s.single(in, "precision()")
	if err != nil || !ok {
		return nil, err
	}
	switch v.kind {
	case Integer, Long, Decimal, Quantity:
		d, number := v.number()
		if !number {
			d = v.d
		}
		return Collection{integer(int64(max(d.Scale(), 0)))}, nil
	case Date, DateTime, Time:
		return Collection{integer(momentDigits(v))}, nil
	}
	return nil, s.fail("precision() takes a number, a date or a time, not %s", v.kind)
}

func comparable(c *call, s *scope, in Collection) (Collection, error) {
	if len(in) != 1 {
		return nil, s.fail("comparable() takes a single quantity, not %s", describe(in))
	}
	other, err := c.arg(0, s)
	if err != nil {
		return nil, err
	}
	if len(other) != 1 {
		return nil, s.fail("comparable() compares with a single quantity, not %s", describe(other))
	}
	a, ok1, err := s.quantity(in[0])
	if err != nil {
		return nil, err
	}
	b, ok2, err := s.quantity(other[0])
	return truth(ok1 && ok2 && comparableQuantities(a, b)), err
}
