package fhir

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// Decimal is a decimal number that keeps the digits it was written with: 1.50 is equal to 1.5 but prints as 1.50, and
// its implied precision (Range) is finer. The zero Decimal is 0. Arithmetic is exact unless it says otherwise.
// https://hl7.org/fhir/R4/datatypes.html#decimal
type Decimal struct {
	wide  *big.Int // the digits when they do not fit coef
	coef  int64
	scale int32 // value = digits × 10^-scale; negative for 1e3
}

// The widest numbers read. Real measurements stay within 18 digits; the limits keep 1e999999999 from filling memory.
const (
	maxDecimalDigits = 1000
	maxDecimalExp    = 1000
)

// MakeDecimal returns coef × 10^-scale.
func MakeDecimal(coef int64, scale int) Decimal { return Decimal{coef: coef, scale: int32(scale)} }

// ParseDecimal reads a number as FHIR and JSON write it, with an optional sign, fraction and exponent. It does not
// allocate for numbers of up to 18 digits.
func ParseDecimal[T ~string | ~[]byte](s T) (Decimal, error) {
	i, negative := 0, false
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		negative = s[i] == '-'
		i++
	}
	var coef int64
	start, digits, scale, point := i, 0, 0, false
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' && !point && i > start {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		if digits > 0 || c != '0' {
			digits++
		}
		if digits <= 18 {
			coef = coef*10 + int64(c-'0')
		}
		if point {
			scale++
		}
	}
	end := i
	if end == start || s[end-1] == '.' {
		return Decimal{}, notDecimal(s)
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		exp, ok := parseExponent(s[i+1:])
		if !ok {
			return Decimal{}, notDecimal(s)
		}
		scale -= exp
		i = len(s)
	}
	if i != len(s) {
		return Decimal{}, notDecimal(s)
	}
	if scale > maxDecimalExp || digits-scale > maxDecimalDigits {
		return Decimal{}, Errorf(Invalid, "the number %s has more digits than can be kept", shorten(string(s)))
	}
	if digits > 18 {
		text := strings.Replace(string(s[start:end]), ".", "", 1)
		wide, _ := new(big.Int).SetString(text, 10)
		if negative {
			wide.Neg(wide)
		}
		return fromBig(wide, scale), nil
	}
	if negative {
		coef = -coef
	}
	return Decimal{coef: coef, scale: int32(scale)}, nil
}

func parseExponent[T ~string | ~[]byte](s T) (int, bool) {
	i, negative := 0, false
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		negative = s[i] == '-'
		i++
	}
	if i == len(s) {
		return 0, false
	}
	exp := 0
	for ; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		if exp <= 10*maxDecimalExp {
			exp = exp*10 + int(s[i]-'0')
		}
	}
	if negative {
		exp = -exp
	}
	return exp, true
}

func notDecimal[T ~string | ~[]byte](s T) error {
	return Errorf(Invalid, "%q is not a decimal number", shorten(string(s)))
}

// shorten keeps an error readable when the text at fault is long.
func shorten(s string) string {
	if len(s) <= 60 {
		return s
	}
	return strings.ToValidUTF8(s[:60], "") + "…"
}

func fromBig(wide *big.Int, scale int) Decimal {
	if wide.IsInt64() {
		return Decimal{coef: wide.Int64(), scale: int32(scale)}
	}
	return Decimal{wide: wide, scale: int32(scale)}
}

// DecimalOf returns r rounded half away from zero to at most places digits after the point, without trailing zeros.
func DecimalOf(r *big.Rat, places int) Decimal {
	num := new(big.Int).Mul(r.Num(), pow10(places))
	return fromBig(divRound(num, r.Denom()), places).Trim()
}

// Scale returns the number of digits after the decimal point; it is negative for 1e3.
func (d Decimal) Scale() int { return int(d.scale) }

// Digits returns the number of digits kept, without leading zeros; 0 has one.
func (d Decimal) Digits() int {
	if d.wide != nil {
		return len(new(big.Int).Abs(d.wide).Text(10))
	}
	n := 1
	for m := magnitude(d.coef); m >= 10; m /= 10 {
		n++
	}
	return n
}

// Sign returns -1, 0 or 1.
func (d Decimal) Sign() int {
	switch {
	case d.wide != nil:
		return d.wide.Sign()
	case d.coef < 0:
		return -1
	case d.coef > 0:
		return 1
	}
	return 0
}

func (d Decimal) big() *big.Int {
	if d.wide != nil {
		return d.wide
	}
	return big.NewInt(d.coef)
}

// Rat returns the exact value.
func (d Decimal) Rat() *big.Rat {
	if d.scale >= 0 {
		return new(big.Rat).SetFrac(d.big(), pow10(int(d.scale)))
	}
	return new(big.Rat).SetInt(new(big.Int).Mul(d.big(), pow10(-int(d.scale))))
}

// Int64 returns the value when it is whole and fits.
func (d Decimal) Int64() (int64, bool) {
	if d.scale == 0 && d.wide == nil {
		return d.coef, true
	}
	r := d.Rat()
	if !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Int64(), true
}

// IsInteger reports whether the value is whole: 2.00 is.
func (d Decimal) IsInteger() bool {
	return d.scale <= 0 || d.Rat().IsInt()
}

// Float64 returns the nearest float, for ranking and drawing only.
func (d Decimal) Float64() float64 {
	if d.wide == nil && d.scale == 0 {
		return float64(d.coef)
	}
	f, _ := d.Rat().Float64()
	return f
}

// Cmp returns -1, 0 or 1 as d is less than, equal to or greater than e.
func (d Decimal) Cmp(e Decimal) int {
	if d.wide == nil && e.wide == nil {
		if x, y, _, ok := align(d, e); ok {
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		}
	}
	x, y, _ := alignBig(d, e)
	return x.Cmp(y)
}

// align brings two narrow decimals to one scale, if they then still fit.
func align(d, e Decimal) (x, y int64, scale int32, ok bool) {
	switch {
	case d.scale == e.scale:
		return d.coef, e.coef, d.scale, true
	case d.scale < e.scale:
		x, ok = shift(d.coef, int(e.scale)-int(d.scale))
		return x, e.coef, e.scale, ok
	}
	y, ok = shift(e.coef, int(d.scale)-int(e.scale))
	return d.coef, y, d.scale, ok
}

// shift returns coef × 10^n, if it fits.
func shift(coef int64, n int) (int64, bool) {
	if coef == 0 {
		return 0, true
	}
	if n >= len(tens) {
		return 0, false
	}
	return mul64(coef, tens[n])
}

var tens = [...]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

func mul64(x, y int64) (int64, bool) {
	hi, lo := bits.Mul64(magnitude(x), magnitude(y))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	if (x < 0) != (y < 0) {
		return -int64(lo), true
	}
	return int64(lo), true
}

func magnitude(x int64) uint64 {
	if x < 0 {
		return uint64(-x)
	}
	return uint64(x)
}

func alignBig(d, e Decimal) (x, y *big.Int, scale int) {
	x, y = d.big(), e.big()
	switch {
	case d.scale < e.scale:
		x = new(big.Int).Mul(x, pow10(int(e.scale)-int(d.scale)))
	case d.scale > e.scale:
		y = new(big.Int).Mul(y, pow10(int(d.scale)-int(e.scale)))
	}
	return x, y, int(max(d.scale, e.scale))
}

func pow10(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// Add returns d + e, at the finer scale of the two.
func (d Decimal) Add(e Decimal) Decimal {
	if d.wide == nil && e.wide == nil {
		if x, y, scale, ok := align(d, e); ok {
			if sum := x + y; (sum > x) == (y > 0) {
				return Decimal{coef: sum, scale: scale}
			}
		}
	}
	x, y, scale := alignBig(d, e)
	return fromBig(new(big.Int).Add(x, y), scale)
}

// Sub returns d - e, at the finer scale of the two.
func (d Decimal) Sub(e Decimal) Decimal { return d.Add(e.Neg()) }

// Neg returns -d.
func (d Decimal) Neg() Decimal {
	if d.wide == nil && d.coef != math.MinInt64 {
		return Decimal{coef: -d.coef, scale: d.scale}
	}
	return fromBig(new(big.Int).Neg(d.big()), int(d.scale))
}

// Abs returns d without its sign.
func (d Decimal) Abs() Decimal {
	if d.Sign() < 0 {
		return d.Neg()
	}
	return d
}

// Mul returns d × e.
func (d Decimal) Mul(e Decimal) Decimal {
	if d.wide == nil && e.wide == nil {
		if p, ok := mul64(d.coef, e.coef); ok {
			return Decimal{coef: p, scale: d.scale + e.scale}
		}
	}
	return fromBig(new(big.Int).Mul(d.big(), e.big()), int(d.scale)+int(e.scale))
}

// Div returns d / e rounded half away from zero to at most places digits after the point; false when e is 0.
func (d Decimal) Div(e Decimal, places int) (Decimal, bool) {
	if e.Sign() == 0 {
		return Decimal{}, false
	}
	return DecimalOf(new(big.Rat).Quo(d.Rat(), e.Rat()), places), true
}

// QuoRem returns the whole quotient of d / e, cut towards zero, and the remainder; false when e is 0.
func (d Decimal) QuoRem(e Decimal) (q, r Decimal, ok bool) {
	if e.Sign() == 0 {
		return Decimal{}, Decimal{}, false
	}
	x, y, scale := alignBig(d, e)
	quo, rem := new(big.Int).QuoRem(x, y, new(big.Int))
	return fromBig(quo, 0), fromBig(rem, scale), true
}

// divRound returns x / y rounded half away from zero; y is positive.
func divRound(x, y *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(x, y, new(big.Int))
	if r.Abs(r).Lsh(r, 1).Cmp(y) >= 0 {
		q.Add(q, big.NewInt(int64(x.Sign())))
	}
	return q
}

// Round returns d rounded half away from zero to places digits after the point.
func (d Decimal) Round(places int) Decimal {
	if int(d.scale) <= places {
		return d
	}
	return fromBig(divRound(d.big(), pow10(int(d.scale)-places)), places)
}

// Trunc returns d cut towards zero to places digits after the point.
func (d Decimal) Trunc(places int) Decimal {
	if int(d.scale) <= places {
		return d
	}
	return fromBig(new(big.Int).Quo(d.big(), pow10(int(d.scale)-places)), places)
}

// Floor returns the greatest whole number not above d.
func (d Decimal) Floor() Decimal {
	t := d.Trunc(0)
	if t.Cmp(d) > 0 {
		return t.Sub(MakeDecimal(1, 0))
	}
	return t
}

// Ceil returns the least whole number not below d.
func (d Decimal) Ceil() Decimal { return d.Neg().Floor().Neg() }

// Pad returns d written with at least places digits after the point: 1.5 padded to 3 is 1.500.
func (d Decimal) Pad(places int) Decimal {
	if int(d.scale) >= places {
		return d
	}
	_, wide, scale := alignBig(Decimal{scale: int32(places)}, d)
	return fromBig(wide, scale)
}

// Trim returns d without trailing zeros after the point.
func (d Decimal) Trim() Decimal {
	if d.Sign() == 0 {
		return Decimal{}
	}
	if d.wide == nil {
		for d.scale > 0 && d.coef%10 == 0 {
			d.coef /= 10
			d.scale--
		}
		return d
	}
	ten, wide, scale := big.NewInt(10), d.wide, int(d.scale)
	for scale > 0 {
		q, r := new(big.Int).QuoRem(wide, ten, new(big.Int))
		if r.Sign() != 0 {
			break
		}
		wide, scale = q, scale-1
	}
	return fromBig(wide, scale)
}

// Range returns the values d may stand for by its precision, half a unit of the last digit each way: 5.40 is
// [5.395, 5.405). https://hl7.org/fhir/R4/search.html#number
func (d Decimal) Range() (low, high Decimal) {
	half := Decimal{coef: 5, scale: d.scale + 1}
	return d.Sub(half), d.Add(half)
}

// String writes d without an exponent.
func (d Decimal) String() string {
	if d.wide == nil && d.scale == 0 {
		return strconv.FormatInt(d.coef, 10)
	}
	return string(d.AppendText(make([]byte, 0, 24)))
}

// AppendText appends d without an exponent.
func (d Decimal) AppendText(b []byte) []byte {
	if d.Sign() < 0 {
		b = append(b, '-')
	}
	var digits []byte
	var room [20]byte
	if d.wide == nil {
		digits = strconv.AppendUint(room[:0], magnitude(d.coef), 10)
	} else {
		digits = new(big.Int).Abs(d.wide).Append(nil, 10)
	}
	scale := int(d.scale)
	switch {
	case scale < 0:
		b = append(b, digits...)
		if d.Sign() != 0 {
			for range -scale {
				b = append(b, '0')
			}
		}
		return b
	case scale == 0:
		return append(b, digits...)
	case scale >= len(digits):
		b = append(b, '0', '.')
		for range scale - len(digits) {
			b = append(b, '0')
		}
		return append(b, digits...)
	}
	whole := len(digits) - scale
	b = append(b, digits[:whole]...)
	b = append(b, '.')
	return append(b, digits[whole:]...)
}
