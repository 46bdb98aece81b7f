package kit

import (
	"strings"

	"github.com/kith-care/kith/fhir"
)

// NotKnown stands where nothing is recorded: an empty place could be taken for "none".
const NotKnown = "Not Known"

const nhsNumber = "https://fhir.nhs.uk/Id/nhs-number"

// NHSNumber writes a number as 3, 3 and 4 digits, and leaves anything that is not ten digits as it is.
func NHSNumber(digits string) string {
	if len(digits) != 10 || strings.Trim(digits, "0123456789") != "" {
		return digits
	}
	return digits[:3] + " " + digits[3:6] + " " + digits[6:]
}

// NHSNumberOf returns a Patient's NHS number, grouped, or NotKnown.
func NHSNumberOf(patient fhir.Value) string {
	for id := range patient.Get("identifier").Items() {
		if id.Get("system").Is(nhsNumber) && id.Get("value").Text() != "" {
			return NHSNumber(id.Get("value").Text())
		}
	}
	return NotKnown
}

// NHSNumberDigits reads what someone typed as an NHS number: spaces and dashes are left out, ten digits and the check
// digit must be right. https://www.datadictionary.nhs.uk/attributes/nhs_number.html
func NHSNumberDigits(typed string) (digits string, err error) {
	digits = strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(strings.TrimSpace(typed))
	if len(digits) != 10 || strings.Trim(digits, "0123456789") != "" {
		return "", fhir.Errorf(fhir.Invalid, "An NHS number has 10 digits, like 999 000 0018")
	}
	sum := 0
	for i := range 10 {
		sum += int(digits[i]-'0') * (10 - i)
	}
	if sum%11 != 0 {
		return "", fhir.Errorf(fhir.Invalid, "%s is not an NHS number: one of its digits is wrong", NHSNumber(digits))
	}
	return digits, nil
}

// Name writes the official (else the first) HumanName of a person: FAMILY, Given (Mr).
// https://www.datadictionary.nhs.uk: family name in capitals, so that it is never taken for the given one.
func Name(names fhir.Value) string {
	var n fhir.Value
	for item := range names.Items() {
		if !n.Exists() || item.Get("use").Is("official") && !n.Get("use").Is("official") {
			n = item
		}
	}
	var given []string
	for g := range n.Get("given").Items() {
		given = append(given, g.Text())
	}
	var b strings.Builder
	b.WriteString(strings.ToUpper(n.Get("family").Text()))
	if len(given) > 0 {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strings.Join(given, " "))
	}
	if p := FirstOf(n.Get("prefix")).Text(); p != "" && b.Len() > 0 {
		b.WriteString(" (" + p + ")")
	}
	if b.Len() == 0 {
		if text := n.Get("text").Text(); text != "" {
			return text
		}
		return "Name " + NotKnown
	}
	return b.String()
}

// Gender writes an administrative gender.
func Gender(code string) string {
	switch code {
	case "male":
		return "Male"
	case "female":
		return "Female"
	case "other":
		return "Other"
	}
	return NotKnown
}

// Words returns what a CodeableConcept says to a reader: its text, else a display, else the bare code.
func Words(concept fhir.Value) string {
	if t := concept.Get("text").Text(); t != "" {
		return t
	}
	for c := range concept.Get("coding").Items() {
		if d := c.Get("display").Text(); d != "" {
			return d
		}
	}
	for c := range concept.Get("coding").Items() {
		if code := c.Get("code").Text(); code != "" {
			return "code " + code
		}
	}
	return ""
}

// Quantity writes a quantity with the digits it came with, its comparator and its unit.
func Quantity(q fhir.Value) string {
	unit := q.Get("unit").Text()
	if unit == "" {
		unit = q.Get("code").Text()
	}
	return strings.TrimSpace(q.Get("comparator").Text() + Digits(q.Get("value").Text()) + " " + Unit(unit))
}

// Unit writes what only UCUM writes as people do: 10*9/L as 10⁹/L, mm[Hg] as mmHg, {score} as score. All else stays.
// https://ucum.org/ucum
func Unit(unit string) string {
	if power, ok := strings.CutPrefix(unit, "10*"); ok && power != "" {
		if digit := strings.IndexByte("0123456789", power[0]); digit >= 0 {
			unit = "10" + []string{"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"}[digit] + power[1:]
		}
	}
	return strings.NewReplacer("mm[Hg]", "mmHg", "{", "", "}", "", "kg/m2", "kg/m²").Replace(unit)
}

// Digits leaves a number's digits alone unless there are more decimals than anyone measured: programs write
// 27.123456789. At least three digits that say something stay, so that 0.0005 never becomes 0.
func Digits(number string) string {
	whole, decimals, found := strings.Cut(number, ".")
	if !found || len(decimals) <= 3 || strings.ContainsAny(number, "eE") {
		return number
	}
	places := 2
	if strings.Trim(whole, "-0") == "" {
		places = 3 + len(decimals) - len(strings.TrimLeft(decimals, "0"))
	}
	d, err := fhir.ParseDecimal(number)
	if err != nil || len(decimals) <= places {
		return number
	}
	return d.Round(places).String()
}

// FirstOf returns the first of a repeating element, absent where there is none.
func FirstOf(v fhir.Value) fhir.Value {
	for item := range v.Items() {
		return item
	}
	return fhir.Value{}
}
