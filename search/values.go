package search

import (
	"math"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// modifiers are those of each type of parameter; reference parameters also take the name of a resource type.
// https://hl7.org/fhir/R4/search.html#modifiers
var modifiers = map[string]string{
	"number":    "missing not",
	"date":      "missing not",
	"quantity":  "missing not",
	"string":    "missing exact contains not text",
	"token":     "missing text not in not-in below above of-type",
	"reference": "missing identifier not below above text",
	"uri":       "missing below above not",
	"composite": "missing not",
	"special":   "missing",
}

// values parses the comma-separated values of c for the type of its parameter.
func (p *Parser) values(c *Cond, name, value string) error {
	param := c.Param
	if c.Modifier != "" && !hasWord(modifiers[param.Type], c.Modifier) {
		_, isType := spec.Resource(c.Modifier)
		if !isType || param.Type != "reference" {
			return fhir.Errorf(fhir.Unsupported, "%s: the modifier :%s cannot be used with %s, a %s parameter", name, c.Modifier, param.Code, param.Type)
		}
	}
	if c.Modifier == "missing" {
		if value != "true" && value != "false" {
			return invalid(name, value, "true or false")
		}
		c.Values = []Value{{Code: value}}
		return nil
	}
	if c.Modifier == "in" || c.Modifier == "not-in" {
		c.Values = []Value{{Code: value}}
		return nil
	}
	for part := range split(value, ',') {
		v, err := p.value(param, c.Modifier, name, part)
		if err != nil {
			return err
		}
		c.Values = append(c.Values, v)
	}
	if c.Modifier == "not" {
		inner := *c
		inner.Modifier = ""
		*c = Cond{Op: Not, Kids: []Cond{inner}, Source: c.Source}
	}
	return nil
}

func hasWord(list, word string) bool {
	for w := range strings.FieldsSeq(list) {
		if w == word {
			return true
		}
	}
	return false
}

func (p *Parser) value(param *Param, modifier, name, s string) (Value, error) {
	if s == "" {
		return Value{}, invalid(name, s, "a value")
	}
	if modifier == "text" {
		return Value{Code: Fold(unquote(s))}, nil
	}
	switch param.Type {
	case "token":
		v, err := tokenValue(name, s, modifier)
		if param.implied(v.System) {
			v.System, v.HasSystem = "", v.Code == ""
		}
		return v, err
	case "string":
		s = unquote(s)
		if modifier != "exact" {
			s = Fold(s)
		}
		return Value{Code: s}, nil
	case "reference":
		if modifier == "identifier" {
			return tokenValue(name, s, "")
		}
		return p.referenceValue(param, modifier, name, unquote(s))
	case "date":
		return p.dateValue(name, s)
	case "number":
		prefix, s := cutPrefix(s)
		b, err := bounds(name, s)
		return Value{Prefix: prefix, Num: b}, err
	case "quantity":
		return quantityValue(name, s)
	case "uri":
		return Value{Code: unquote(s)}, nil
	case "composite":
		return p.compositeValue(param, name, s)
	case "special":
		return p.specialValue(param, name, s)
	}
	return Value{}, fhir.Errorf(fhir.Unsupported, "the search parameter %s of type %s is not served here", name, param.Type)
}

func tokenValue(name, s, modifier string) (Value, error) {
	parts := cutAll(s, '|')
	switch {
	case modifier == "of-type":
		if len(parts) != 3 || parts[1] == "" || parts[2] == "" {
			return Value{}, invalid(name, s, "system|type|value")
		}
		return Value{System: unquote(parts[0]), HasSystem: true, Type: unquote(parts[1]), Code: unquote(parts[2])}, nil
	case len(parts) == 1:
		return Value{Code: unquote(parts[0])}, nil
	case len(parts) == 2 && s != "|":
		return Value{System: unquote(parts[0]), HasSystem: true, Code: unquote(parts[1])}, nil
	}
	return Value{}, invalid(name, s, "code, system|code, |code or system|")
}

func (p *Parser) referenceValue(param *Param, modifier, name, s string) (Value, error) {
	typ := ""
	if _, ok := spec.Resource(modifier); ok {
		typ = modifier
	}
	ref := fhir.ParseReference(s)
	if ref.Base != "" && ref.Base == p.Base {
		ref.Base = ""
	}
	switch {
	case ref.Type != "" && ref.Base == "":
		if _, ok := spec.Resource(ref.Type); !ok {
			return Value{}, fhir.Errorf(fhir.Invalid, "%s=%s: there is no resource type %q", name, s, ref.Type)
		}
		if typ != "" && typ != ref.Type {
			return Value{}, fhir.Errorf(fhir.Invalid, "%s=%s: the reference is not to a %s", name, s, typ)
		}
		return Value{Type: ref.Type, Code: ref.ID}, nil
	case fhir.ValidID(s):
		if typ == "" && len(param.Targets) == 1 && param.Targets[0] != "Resource" {
			typ = param.Targets[0]
		}
		return Value{Type: typ, Code: s}, nil
	}
	return Value{Code: ref.String(), HasSystem: true}, nil // HasSystem: as a whole, no Type/id
}

func (p *Parser) dateValue(name, s string) (Value, error) {
	prefix, s := cutPrefix(s)
	d, err := fhir.ParseDateTime(strings.Replace(s, " ", "+", 1)) // an unescaped + of a zone arrives as a space
	if err != nil {
		return Value{}, invalid(name, s, "a date or time such as 2026, 2026-11, 2026-11-20 or 2026-11-20T09:30:00Z, after an optional eq ne gt lt ge le sa eb or ap")
	}
	lo, hi := d.Low(), d.High()
	if prefix == "ap" {
		// "Approximately" is ours to define: a tenth of the distance to now, as the specification suggests.
		slack := p.Now().Sub(lo).Abs() / 10
		lo, hi = lo.Add(-slack), hi.Add(slack)
	}
	return Value{Prefix: prefix, Lo: micros(lo), Hi: micros(hi)}, nil
}

// micros clamps to the range of microseconds that an int64 holds.
func micros(t time.Time) int64 {
	if s := t.Unix(); s > math.MaxInt64/2_000_000 || s < math.MinInt64/2_000_000 {
		if s > 0 {
			return math.MaxInt64
		}
		return math.MinInt64
	}
	return t.UnixMicro()
}

var prefixes = [...]string{"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"}

func cutPrefix(s string) (prefix, rest string) {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return p, s[2:]
		}
	}
	return "eq", s
}

func bounds(name, s string) (Bounds, error) {
	d, err := fhir.ParseDecimal(s)
	if err != nil {
		return Bounds{}, invalid(name, s, "a number, after an optional eq ne gt lt ge le sa eb or ap")
	}
	lo, hi := d.Range()
	return Bounds{d, lo, hi}, nil
}

func quantityValue(name, s string) (Value, error) {
	parts := cutAll(s, '|')
	if len(parts) != 1 && len(parts) != 3 {
		return Value{}, invalid(name, s, "number, number|system|code or number||unit")
	}
	prefix, num := cutPrefix(parts[0])
	b, err := bounds(name, num)
	v := Value{Prefix: prefix, Num: b}
	if len(parts) == 3 {
		v.System, v.Unit = unquote(parts[1]), unquote(parts[2])
	}
	return v, err
}

func (p *Parser) compositeValue(param *Param, name, s string) (Value, error) {
	parts := cutAll(s, '$')
	if len(parts) != len(param.Components) {
		want := "parts joined by $"
		if len(param.Components) == 2 {
			want = "two parts joined by $"
		}
		return Value{}, invalid(name, s, want)
	}
	var v Value
	for i, part := range parts {
		of := param.Components[i].Param
		if of == nil || part == "" {
			return Value{}, invalid(name, s, "a value in each part")
		}
		pv, err := p.value(of, "", name, part)
		if err != nil {
			return Value{}, err
		}
		v.Parts = append(v.Parts, pv)
	}
	return v, nil
}

// specialValue reads latitude|longitude[|distance[|unit]] of Location?near, the one special parameter of R4 that
// compares elements.
func (p *Parser) specialValue(param *Param, name, s string) (Value, error) {
	if param.Code != "near" {
		return Value{}, fhir.Errorf(fhir.Unsupported, "the search parameter %s is not served here", name)
	}
	parts := cutAll(s, '|')
	if len(parts) < 2 || len(parts) > 4 {
		return Value{}, invalid(name, s, "latitude|longitude|distance|km")
	}
	v := Value{Unit: "km"}
	for i, part := range parts {
		if i == 3 {
			switch part {
			case "km", "m", "[mi_us]", "mi":
				v.Unit = part
			default:
				return Value{}, invalid(name, s, "a distance in km, m or [mi_us]")
			}
			continue
		}
		b, err := bounds(name, part)
		if err != nil {
			return Value{}, err
		}
		v.Parts = append(v.Parts, Value{Num: b})
	}
	return v, nil
}

// split ranges over the parts of s between separators that no backslash escapes.
func split(s string, sep byte) func(func(string) bool) {
	return func(yield func(string) bool) {
		from := 0
		for i := 0; i < len(s); i++ {
			switch s[i] {
			case '\\':
				i++
			case sep:
				if !yield(s[from:i]) {
					return
				}
				from = i + 1
			}
		}
		yield(s[min(from, len(s)):])
	}
}

func cutAll(s string, sep byte) []string {
	var out []string
	for part := range split(s, sep) {
		out = append(out, part)
	}
	return out
}

// unquote removes the backslashes that kept , | $ and \ from being separators.
func unquote(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`,|$\`, s[i+1]) >= 0 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
