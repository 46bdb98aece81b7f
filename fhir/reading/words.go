package reading

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/kith-care/kith/fhir"
)

// phrase is a way in which people write a number of some kind. Groups of find are numbers, but for those named unit.
type phrase struct {
	find  *regexp.Regexp
	kinds []*Kind
	units map[string]Unit // by what was written, "" for nothing
}

const (
	n  = `(\d{1,3}(?:\.\d{1,2})?)`
	is = `\s*(?:is|was|of|:|=|-)?\s*`
)

var (
	mmHg     = Unit{"mmHg", "mm[Hg]"}
	perMin   = Unit{"/min", "/min"}
	percent  = Unit{"%", "%"}
	kilogram = Unit{"kg", "kg"}
	pound    = Unit{"lb", "[lb_av]"}
)

// phrases are tried in this order; what one has read is not read again.
var phrases = []phrase{
	{regexp.MustCompile(`\b(?:bp|blood pressure)?` + is + `(\d{2,3}(?:\.\d)?)\s*(?:/|over)\s*(\d{1,3}(?:\.\d)?)\s*(?P<unit>kpa|mm ?hg)?`), []*Kind{Systolic, Diastolic}, map[string]Unit{"": mmHg, "mmhg": mmHg, "mm hg": mmHg, "kpa": {"kPa", "kPa"}}},
	{regexp.MustCompile(`\b(?:pulse|heart rate|hr)` + is + n), []*Kind{HeartRate}, map[string]Unit{"": perMin}},
	{regexp.MustCompile(`\b(?:oxygen|o2|sats?|spo2|saturation)` + is + n + `\s*%?`), []*Kind{Saturation}, map[string]Unit{"": percent}},
	{regexp.MustCompile(`\b(?:temp|temperature)` + is + n + `\s*°?\s*(?P<unit>c|f)?\b`), []*Kind{Temperature}, map[string]Unit{"": {"°C", "Cel"}, "c": {"°C", "Cel"}, "f": {"°F", "[degF]"}}},
	{regexp.MustCompile(`\b(?:sugar|glucose|bm)` + is + n + `\s*(?P<unit>mmol(?:/l)?|mg/dl)?`), []*Kind{Glucose}, map[string]Unit{"": {"mmol/L", "mmol/L"}, "mmol": {"mmol/L", "mmol/L"}, "mmol/l": {"mmol/L", "mmol/L"}, "mg/dl": {"mg/dL", "mg/dL"}}},
	{regexp.MustCompile(`\b(?:breaths?|breathing|respiration|rr)` + is + n), []*Kind{Breathing}, map[string]Unit{"": perMin}},
	{regexp.MustCompile(`(?:\bweight` + is + `)?` + n + `\s*(?P<unit>kg|kilos?|lbs?|pounds?)\b`), []*Kind{Weight}, map[string]Unit{"kg": kilogram, "kilo": kilogram, "kilos": kilogram, "lb": pound, "lbs": pound, "pound": pound, "pounds": pound}},
	{regexp.MustCompile(`\bweight` + is + n), []*Kind{Weight}, map[string]Unit{"": kilogram}},
}

// stones is a weight as many in Britain say it.
var stones = regexp.MustCompile(`\b(?:weight` + is + `)?(\d{1,2})\s*(?:st|stone)\b\s*(?:(\d{1,2}(?:\.\d)?)\s*(?:lbs?|pounds?)?)?`)

// Words reads what somebody wrote in a message, or said: "182/104 pulse 76", "12st 4lb", "sats 94". What has no unit is in the unit used in Britain. It
// is an error where no number can be told, where one is left over that nobody can say what it is, or where a kind comes twice: a person then reads the message.
func Words(text string) ([]Measure, error) {
	rest := " " + strings.ToLower(strings.NewReplacer("\u2013", "-", ",", " , ", ";", " ; ").Replace(text)) + " "
	var out, heavy []Measure
	if m := stones.FindStringSubmatchIndex(rest); m != nil {
		lb := Number("0")
		if m[4] >= 0 {
			lb = Number(rest[m[4]:m[5]])
		}
		heavy = append(heavy, Of(Weight, Number(rest[m[2]:m[3]]).Mul(Number("14")).Add(lb), pound))
		rest = rest[:m[0]] + " " + rest[m[1]:]
	}
	for _, p := range phrases {
		m := p.find.FindStringSubmatchIndex(rest)
		if m == nil {
			continue
		}
		said := ""
		if i := p.find.SubexpIndex("unit"); i >= 0 && m[2*i] >= 0 {
			said = rest[m[2*i]:m[2*i+1]]
		}
		u, ok := p.units[said]
		if !ok {
			return nil, fmt.Errorf("%q: %q is no unit of %s", text, said, p.kinds[0].Display)
		}
		for i, k := range p.kinds {
			v, err := fhir.ParseDecimal(rest[m[2*i+2]:m[2*i+3]])
			if err != nil {
				return nil, fmt.Errorf("%q: %w", text, err)
			}
			for _, have := range append(out, heavy...) {
				if have.Kind == k {
					return nil, fmt.Errorf("%q says %s twice", text, k.Display)
				}
			}
			out = append(out, Of(k, v, u))
		}
		rest = rest[:m[0]] + " " + rest[m[1]:]
	}
	out = append(out, heavy...) // a pressure leads, whatever was said first, so that the same message in another order is the same reading
	switch {
	case len(out) == 0:
		return nil, fmt.Errorf("%q has no reading that can be understood", text)
	case strings.ContainsAny(rest, "0123456789"):
		return nil, fmt.Errorf("%q has a number of which nobody can say what it is", text)
	}
	return out, nil
}

// ofReadings are the words that a message with readings has where it says nothing else.
var ofReadings = regexp.MustCompile(`^(?:bp|blood|pressure|pulse|heart|rate|hr|oxygen|o2|sats?|spo2|saturation|temp|temperature|sugar|glucose|bm|breaths?|breathing|respiration|rr|weight|over|kgs?|kilos?|st|stone|lbs?|pounds?|mmhg|mm|hg|kpa|mmol|mg|dl|l|bpm|min|c|f|my|is|was|of|and|today|readings?)$`)

// Only reports whether a message says nothing but its readings. What else somebody wrote must reach a person, too.
func Only(text string) bool {
	for _, word := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return (r < 'a' || r > 'z') && r != '2' || r == ' ' }) {
		if word = strings.Trim(word, "2"); word != "" && !ofReadings.MatchString(word) && word != "o" && word != "spo" {
			return false
		}
	}
	return true
}
