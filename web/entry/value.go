package entry

import (
	"cmp"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/words"
)

// Categories in the order they are shown; what belongs to none comes last.
var Categories = []struct{ Code, Heading string }{
	{"laboratory", "Blood and other laboratory tests"}, {"vital-signs", "Measurements"}, {"imaging", "Imaging"}, {"procedure", "Procedures"},
	{"exam", "Examination"}, {"survey", "Questionnaires"}, {"social-history", "Way of life"}, {"", "Other"},
}

// TestKey is what makes two results the same test: their first code, else their name. Two names of one code are one
// test; one name with two codes (a calculated and a measured LDL) are two.
func TestKey(code fhir.Value, name string) string {
	c := kit.FirstOf(code.Get("coding"))
	if c.Get("code").Text() != "" {
		return c.Get("system").Text() + "|" + c.Get("code").Text()
	}
	return name
}

// Category is the category of an Observation by which it is shown, "" for none of them.
func Category(f Entry) string {
	for _, c := range Categories {
		if c.Code != "" && f.Has("category", c.Code) {
			return c.Code
		}
	}
	return ""
}

// ValueOf writes what was found, whatever kind of value it is.
func ValueOf(l *words.Lang, v fhir.Value) string {
	if text := simpleValue(l, v); text != "" {
		return text
	}
	if s, d, unit, ok := pressure(v); ok {
		return s + "/" + d + " " + unit
	}
	var parts []string
	for c := range v.Get("component").Items() {
		if text := simpleValue(l, c); text != "" {
			parts = append(parts, kit.Words(c.Get("code"))+" "+text)
		}
	}
	if parts != nil {
		return strings.Join(parts, ", ")
	}
	if why := kit.Words(v.Get("dataAbsentReason")); why != "" {
		return l.T("no value: %s", why)
	}
	return l.T("no value")
}

// Valued reports whether something was found.
func Valued(v fhir.Value) bool {
	if _, _, _, ok := pressure(v); ok || simpleValue(words.In("en"), v) != "" {
		return true
	}
	for c := range v.Get("component").Items() {
		if simpleValue(words.In("en"), c) != "" {
			return true
		}
	}
	return false
}

func simpleValue(l *words.Lang, v fhir.Value) string {
	switch {
	case v.Get("valueQuantity").Exists():
		return kit.Quantity(v.Get("valueQuantity"))
	case v.Get("valueCodeableConcept").Exists():
		return kit.Words(v.Get("valueCodeableConcept"))
	case v.Get("valueBoolean").Exists():
		return map[bool]string{true: l.T("Yes"), false: l.T("No")}[v.Get("valueBoolean").Bool()]
	case v.Get("valueDateTime").Exists():
		return kit.Date(v.Get("valueDateTime").Text())
	case v.Get("valueRange").Exists():
		return l.T("%s to %s", kit.Quantity(v.Get("valueRange").Get("low")), kit.Quantity(v.Get("valueRange").Get("high")))
	case v.Get("valueRatio").Exists():
		return kit.Quantity(v.Get("valueRatio").Get("numerator")) + ":" + kit.Quantity(v.Get("valueRatio").Get("denominator"))
	}
	for _, member := range []string{"valueString", "valueInteger", "valueTime"} {
		if text := v.Get(member).Text(); text != "" {
			return text
		}
	}
	return ""
}

// pressure returns the two numbers of a blood pressure. LOINC 8480-6 and 8462-4.
func pressure(v fhir.Value) (systolic, diastolic, unit string, ok bool) {
	for c := range v.Get("component").Items() {
		q := c.Get("valueQuantity")
		for coding := range c.Get("code").Get("coding").Items() {
			switch coding.Get("code").Text() {
			case "8480-6":
				systolic = kit.Digits(q.Get("value").Text())
			case "8462-4":
				diastolic = kit.Digits(q.Get("value").Text())
			default:
				continue
			}
			unit = q.Get("unit").Text()
			break
		}
	}
	return systolic, diastolic, kit.Unit(unit), systolic != "" && diastolic != ""
}

// FlagOf is what the laboratory said of the value, and that it is not final. Nothing is flagged that they did not flag.
func FlagOf(f Entry) string {
	var flags []string
	for c := range f.V.Get("interpretation").Items() {
		for coding := range c.Get("coding").Items() {
			if word := map[string]string{"H": "High", "HH": "Very high", "HU": "Very high", "L": "Low", "LL": "Very low", "LU": "Very low", "A": "Abnormal", "AA": "Very abnormal"}[coding.Get("code").Text()]; word != "" {
				flags = append(flags, word)
				break
			}
		}
	}
	switch f.V.Get("status").Text() {
	case "preliminary", "registered":
		flags = append(flags, "Not final")
	case "corrected", "amended":
		flags = append(flags, "Corrected")
	}
	return strings.Join(flags, ", ")
}

// RangeOf writes the reference range; its unit is left out only where it is the value's own.
func RangeOf(v fhir.Value) string {
	r := kit.FirstOf(v.Get("referenceRange"))
	if text := r.Get("text").Text(); text != "" {
		return text
	}
	low, high := bound(r.Get("low"), v.Get("valueQuantity")), bound(r.Get("high"), v.Get("valueQuantity"))
	switch {
	case low != "" && high != "":
		return low + " – " + high
	case low != "":
		return low + " or more"
	case high != "":
		return high + " or less"
	}
	return ""
}

func bound(limit, value fhir.Value) string {
	if UnitOf(limit) == UnitOf(value) {
		return kit.Digits(limit.Get("value").Text())
	}
	return kit.Quantity(limit)
}

func UnitOf(q fhir.Value) string {
	return cmp.Or(q.Get("code").Text(), q.Get("unit").Text())
}

// ChartOf draws the values that have the unit of the latest; values in another unit are left out, and that is said:
// a line through two units would show a change that never was.
func ChartOf(l *words.Lang, name string, newest []Entry) (template.HTML, string) {
	c := kit.Chart{Words: l, Name: name, Low: math.NaN(), High: math.NaN()}
	unit, left := "", 0
	for i, f := range newest {
		p, u, ok := pointOf(l, f)
		if !ok {
			left++
			continue
		}
		if c.Points == nil {
			unit, c.Unit = u, kit.Unit(cmp.Or(f.V.Get("valueQuantity").Get("unit").Text(), u))
		}
		if u != unit {
			left++
			continue
		}
		if i == 0 {
			c.Low, c.High = limit(f.V, "low", u), limit(f.V, "high", u)
		}
		c.Points = append(c.Points, p)
	}
	slices.Reverse(c.Points)
	if len(c.Points) < 2 || left == 0 {
		return c.SVG(), ""
	}
	return c.SVG(), l.T("%d not drawn: another unit, or not a number", left)
}

func pointOf(l *words.Lang, f Entry) (p kit.Point, unit string, ok bool) {
	at, dated := kit.Moment(f.When())
	if !dated {
		return p, "", false
	}
	p = kit.Point{At: at, Pair: math.NaN(), Text: ValueOf(l, f.V)}
	if s, d, u, pair := pressure(f.V); pair {
		x, err1 := strconv.ParseFloat(s, 64)
		y, err2 := strconv.ParseFloat(d, 64)
		p.Value, p.Pair = x, y
		return p, u, err1 == nil && err2 == nil
	}
	q := f.V.Get("valueQuantity")
	x, err := strconv.ParseFloat(q.Get("value").Text(), 64)
	p.Value = x
	return p, UnitOf(q), err == nil
}

func limit(v fhir.Value, which, unit string) float64 {
	q := kit.FirstOf(v.Get("referenceRange")).Get(which)
	x, err := strconv.ParseFloat(q.Get("value").Text(), 64)
	if err != nil || UnitOf(q) != unit {
		return math.NaN()
	}
	return x
}
