package fhir

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Unit is a UCUM unit, reduced exactly: value in the unit × factor (+ offset) = value in the base units of dims.
// https://ucum.org/ucum
type Unit struct {
	factor ratio
	offset ratio // only of temperatures
	dims   dims
	scaled bool // has an offset, so it stands alone
}

// The base units, in the order canonical units are written. Kith keeps the mole as a base unit, since an amount of
// substance is never meant as a plain number, and radians as UCUM does.
var baseUnits = [...]string{"m", "s", "g", "rad", "K", "C", "cd", "mol"}

// dims are the powers of the base units, and of up to two arbitrary units such as [iU], which convert to nothing.
type dims struct {
	base  [len(baseUnits)]int8
	other [2]power
}

type power struct {
	id  int16 // 1-based index in arbitraryUnits; 0 where unused
	exp int8
}

// ratio is num/den × 10^exp, num and den without common factors and without zeros at the end.
type ratio struct {
	num, den int64
	exp      int16
}

var one = ratio{1, 1, 0}

// ParseUnit reads a UCUM expression in the case-sensitive form, e.g. mm[Hg], 10*9/L, kg/m2, {score}.
func ParseUnit(code string) (Unit, error) {
	p := unitParser{code: code, units: unitTable()}
	u, ok := p.term()
	if !ok || p.at != len(code) || len(code) > 200 {
		return Unit{}, Errorf(Invalid, "%q is not a UCUM unit", shorten(code))
	}
	return u, nil
}

// Commensurable reports whether values in u and v can be compared.
func (u Unit) Commensurable(v Unit) bool { return u.dims == v.dims }

// Special reports whether the unit is not proportional to its amount (temperatures on a scale, logarithms, slopes): its
// values compare and convert, but are not added or multiplied.
func (u Unit) Special() bool {
	if u.scaled {
		return true
	}
	for _, p := range u.dims.other {
		if p.id > firstSpecial {
			return true
		}
	}
	return false
}

// Plain reports whether the unit is a bare number such as 1, % or {score}.
func (u Unit) Plain() bool { return u.dims == (dims{}) }

// Factor is the exact size of the unit in base units.
func (u Unit) Factor() *big.Rat { return u.factor.rat() }

// Base is the exact value in base units.
func (u Unit) Base(value Decimal) *big.Rat {
	r := new(big.Rat).Mul(value.Rat(), u.factor.rat())
	if u.scaled {
		r.Add(r, u.offset.rat())
	}
	return r
}

// From is the exact value in u of a value in base units.
func (u Unit) From(base *big.Rat) *big.Rat {
	r := new(big.Rat).Set(base)
	if u.scaled {
		r.Sub(r, u.offset.rat())
	}
	return r.Quo(r, u.factor.rat())
}

// Canonical is the expression in base units, "1" where there are none.
func (u Unit) Canonical() string {
	if u.dims == (dims{}) {
		return "1"
	}
	b := make([]byte, 0, 32)
	for i, exp := range u.dims.base {
		b = appendPower(b, baseUnits[i], exp)
	}
	for _, p := range u.dims.other {
		if p.id != 0 {
			b = appendPower(b, arbitraryUnits[p.id-1], p.exp)
		}
	}
	return string(b)
}

func appendPower(b []byte, unit string, exp int8) []byte {
	if exp == 0 {
		return b
	}
	if len(b) > 0 {
		b = append(b, '.')
	}
	b = append(b, unit...)
	if exp != 1 {
		b = strconv.AppendInt(b, int64(exp), 10)
	}
	return b
}

// Canonical is a value and its UCUM unit in base units, so that 1.2 g and 1200 mg are found by the same key; false
// where code is not UCUM. A value that has no finite decimal form (a reading per minute, in seconds) is rounded to 20
// significant digits or a little more.
func Canonical(value Decimal, code string) (Decimal, string, bool) {
	u, err := ParseUnit(code)
	if err != nil {
		return Decimal{}, "", false
	}
	if u.factor.den == 1 && !u.scaled {
		d := value.Mul(Decimal{coef: u.factor.num})
		d.scale -= int32(u.factor.exp)
		return d, u.Canonical(), true
	}
	return roundSignificant(u.Base(value), 20), u.Canonical(), true
}

func roundSignificant(r *big.Rat, digits int) Decimal {
	if r.Sign() == 0 {
		return Decimal{}
	}
	magnitude := len(r.Num().Text(10)) - len(r.Denom().Text(10))
	return DecimalOf(r, max(digits-magnitude, 0))
}

func (r ratio) rat() *big.Rat {
	out := big.NewRat(r.num, r.den)
	if r.exp < 0 {
		return out.Quo(out, new(big.Rat).SetInt(pow10(-int(r.exp))))
	}
	return out.Mul(out, new(big.Rat).SetInt(pow10(int(r.exp))))
}

func (r ratio) mul(s ratio) (ratio, bool) {
	g, h := gcd(r.num, s.den), gcd(s.num, r.den)
	num, ok1 := mul64(r.num/g, s.num/h)
	den, ok2 := mul64(r.den/h, s.den/g)
	if exp := int(r.exp) + int(s.exp); ok1 && ok2 && exp > -300 && exp < 300 {
		return reduce(num, den, exp), true
	}
	return ratio{}, false
}

func (r ratio) inverse() ratio { return reduce(r.den, r.num, -int(r.exp)) }

// reduce moves powers of ten into exp: first the zeros, then 2s and 5s of the denominator, so that a ratio with a
// finite decimal form has the denominator 1.
func reduce(num, den int64, exp int) ratio {
	g := gcd(num, den)
	num, den = num/g, den/g
	for num%10 == 0 && num != 0 {
		num, exp = num/10, exp+1
	}
	for den%10 == 0 {
		den, exp = den/10, exp-1
	}
	for _, f := range [...][2]int64{{2, 5}, {5, 2}} {
		for den%f[0] == 0 {
			n, ok := mul64(num, f[1])
			if !ok {
				break
			}
			num, den, exp = n, den/f[0], exp-1
		}
	}
	return ratio{num, den, int16(exp)}
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return max(a, -a, 1)
}

func (u Unit) mul(v Unit) (Unit, bool) {
	if u.scaled || v.scaled {
		return Unit{}, false
	}
	f, ok := u.factor.mul(v.factor)
	if !ok {
		return Unit{}, false
	}
	for i, exp := range v.dims.base {
		sum := int(u.dims.base[i]) + int(exp)
		if sum < -100 || sum > 100 {
			return Unit{}, false
		}
		u.dims.base[i] = int8(sum)
	}
	for _, p := range v.dims.other {
		if ok = ok && u.dims.add(p); !ok {
			return Unit{}, false
		}
	}
	return Unit{factor: f, dims: u.dims}, true
}

// add multiplies by a power of an arbitrary unit, keeping the two in order so that dims compare by ==.
func (d *dims) add(p power) bool {
	if p.id == 0 {
		return true
	}
	at := slices.IndexFunc(d.other[:], func(q power) bool { return q.id == p.id || q.id == 0 })
	if at < 0 {
		return false
	}
	sum := int(d.other[at].exp) + int(p.exp)
	if sum < -100 || sum > 100 {
		return false
	}
	d.other[at] = power{p.id, int8(sum)}
	if sum == 0 {
		d.other[at] = power{}
	}
	if a, b := d.other[0], d.other[1]; b.id != 0 && (a.id == 0 || a.id > b.id) {
		d.other[0], d.other[1] = b, a
	}
	return true
}

func (u Unit) inverse() (Unit, bool) {
	if u.scaled || u.factor.num == 0 {
		return Unit{}, false
	}
	u.factor = u.factor.inverse()
	for i := range u.dims.base {
		u.dims.base[i] = -u.dims.base[i]
	}
	for i := range u.dims.other {
		u.dims.other[i].exp = -u.dims.other[i].exp
	}
	return u, true
}

func (u Unit) pow(n int) (Unit, bool) {
	if n == 1 {
		return u, true
	}
	if u.scaled || n > 100 || n < -100 {
		return Unit{}, false
	}
	out, ok := Unit{factor: one}, true
	for range max(n, -n) {
		if out, ok = out.mul(u); !ok {
			return Unit{}, false
		}
	}
	if n < 0 {
		return out.inverse()
	}
	return out, true
}

// unitParser reads: term = ["/"] component {("." | "/") component}; component = "(" term ")" | number | atom [exponent]
// ["{" annotation "}"].
type unitParser struct {
	code  string
	at    int
	depth int
	units map[string]unitDef
}

func (p *unitParser) more() bool { return p.at < len(p.code) }

func (p *unitParser) take(c byte) bool {
	if p.more() && p.code[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *unitParser) term() (Unit, bool) {
	out, divide := Unit{factor: one}, p.take('/')
	for first := true; ; first = false {
		u, ok := p.component()
		if !ok {
			return Unit{}, false
		}
		if divide {
			if u, ok = u.inverse(); !ok {
				return Unit{}, false
			}
		}
		if first && !divide {
			out = u
		} else if out, ok = out.mul(u); !ok {
			return Unit{}, false
		}
		switch {
		case p.take('.'):
			divide = false
		case p.take('/'):
			divide = true
		default:
			return out, true
		}
	}
}

func (p *unitParser) component() (u Unit, ok bool) {
	switch {
	case !p.more():
		return Unit{}, false
	case p.take('('):
		if p.depth++; p.depth > 20 {
			return Unit{}, false
		}
		u, ok = p.term()
		p.depth--
		return u, ok && p.take(')')
	case p.code[p.at] == '{':
		return Unit{factor: one}, p.annotation()
	}
	start := p.at
	u, ok = p.atom(p.word())
	if !ok {
		p.at = start
		return Unit{}, false
	}
	return u, !p.more() || p.code[p.at] != '{' || p.annotation()
}

func (p *unitParser) annotation() bool {
	end := strings.IndexByte(p.code[p.at:], '}')
	if end < 0 {
		return false
	}
	for _, c := range []byte(p.code[p.at : p.at+end]) {
		if c < '!' || c > '~' {
			return false // UCUM is ASCII without spaces, annotations too
		}
	}
	p.at += end + 1
	return true
}

// word is the text up to the next operator outside square brackets.
func (p *unitParser) word() string {
	start := p.at
	for inside := false; p.more(); p.at++ {
		switch c := p.code[p.at]; {
		case c == '[':
			inside = true
		case c == ']':
			inside = false
		case inside:
		case c == '.' || c == '/' || c == '(' || c == ')' || c == '{' || c == '}':
			return p.code[start:p.at]
		}
	}
	return p.code[start:p.at]
}

// atom reads a number, or a unit with its prefix and exponent.
func (p *unitParser) atom(word string) (Unit, bool) {
	if n, err := strconv.ParseUint(word, 10, 32); err == nil && n > 0 {
		return Unit{factor: reduce(int64(n), 1, 0)}, true
	}
	name := strings.TrimRight(word, "0123456789")
	exp, digits := 1, word[len(name):]
	if sign := strings.TrimRight(name, "+-"); digits != "" && len(sign) == len(name)-1 {
		digits, name = word[len(sign):], sign
	}
	if digits != "" {
		n, err := strconv.Atoi(digits)
		if err != nil {
			return Unit{}, false
		}
		exp = n
	}
	// Ten to a power is written 10*3 or 10^3: its name begins with digits.
	if def, ok := p.units[name]; ok {
		return def.unit.pow(exp)
	}
	for _, length := range [...]int{1, 2} {
		if len(name) <= length {
			break
		}
		power, known := prefixes[name[:length]]
		def, ok := p.units[name[length:]]
		if !known || !ok || !def.metric {
			continue
		}
		u := def.unit
		u.factor.exp += power
		if name[length-1] == 'i' && length == 2 {
			u.factor, ok = def.unit.factor.mul(ratio{1 << (-power), 1, 0})
		}
		if !ok {
			return Unit{}, false
		}
		return u.pow(exp)
	}
	return Unit{}, false
}

type unitDef struct {
	unit   Unit
	metric bool
}

// unitTable reads the definitions below once; each uses only units above it.
var unitTable = sync.OnceValue(func() map[string]unitDef {
	units := make(map[string]unitDef, 400)
	for i, name := range baseUnits {
		u := Unit{factor: one}
		u.dims.base[i] = 1
		units[name] = unitDef{u, true}
	}
	for i, name := range arbitraryUnits {
		u := Unit{factor: one}
		u.dims.other[0] = power{int16(i + 1), 1}
		units[name] = unitDef{u, strings.Contains(metricArbitrary, " "+name+" ")}
	}
	for line := range strings.Lines(unitDefinitions) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		p := unitParser{code: f[1], units: units}
		u, ok := p.term()
		if len(f) > 2 && ok {
			factor := mustRatio(f[2])
			u.factor, ok = u.factor.mul(factor)
		}
		if len(f) > 3 {
			u.offset, u.scaled = mustRatio(f[3]), true
		}
		if !ok || p.at != len(f[1]) {
			panic("fhir: unit definition " + line)
		}
		name, metric := strings.CutSuffix(f[0], ":")
		units[name] = unitDef{u, metric}
	}
	return units
})

// mustRatio reads a number of the table, 5/9 or 0.45359237.
func mustRatio(s string) ratio {
	num, den, _ := strings.Cut(s, "/")
	n, err := ParseDecimal(num)
	d := Decimal{coef: 1}
	if den != "" && err == nil {
		d, err = ParseDecimal(den)
	}
	if err != nil || n.wide != nil || d.wide != nil {
		panic("fhir: unit definition " + s)
	}
	return reduce(n.coef, d.coef, int(d.scale)-int(n.scale))
}
