package monitor

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
)

//go:embed news2.json
var news2JSON []byte

// news2 is the Royal College of Physicians' table, as data: bands, codes, and what each total asks for.
var news2 = readNEWS2(news2JSON)

// news2Table is a scoring table. Bands stand from the lowest up; the last has no end.
type news2Table struct {
	Name, Author, Source, Version, Review string
	Youngest                              int    // age in years from which it may be used
	Most                                  int    // minutes between the first and the last measurement of one score
	Total                                 string // SNOMED CT
	Parts                                 map[string]news2Part
	Responses                             []Response // the first that fits holds
}

type news2Part struct {
	Code, Display string
	Places        int // decimals to which a value is rounded before it is looked up
	Bands         []struct {
		To     *fhirNumber
		Points int
	}
}

// fhirNumber is a number of the table with its digits.
type fhirNumber struct{ fhir.Decimal }

// UnmarshalJSON keeps the digits.
func (n *fhirNumber) UnmarshalJSON(b []byte) (err error) {
	n.Decimal, err = fhir.ParseDecimal(b)
	return err
}

// Response is what a score asks for.
type Response struct {
	From      int    // of totals from this one on
	Single    int    // of one measurement with so many points; 0 for any
	Frequency string // how often to measure again, in words
	Urgency   string // none, ward, urgent or emergency
	Within    string // how soon somebody must look, as 1h; "" for no limit
	Words     string
}

func readNEWS2(text []byte) *news2Table {
	t := &news2Table{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(t); err != nil {
		panic(err) // it is built in
	}
	return t
}

// Consciousness is ACVPU.
type Consciousness string

// The levels of consciousness; everything but Alert scores 3.
const (
	Alert        Consciousness = "A"
	Confusion    Consciousness = "C" // new confusion
	Voice        Consciousness = "V"
	Pain         Consciousness = "P"
	Unresponsive Consciousness = "U"
)

// Vitals is one set of measurements, and what must be known of the person to score it.
type Vitals struct {
	Respiration   *fhir.Decimal // a minute
	Saturation    *fhir.Decimal // SpO2, per cent
	Oxygen        *bool         // true on oxygen, false on air
	Systolic      *fhir.Decimal // mmHg
	Pulse         *fhir.Decimal // a minute
	Consciousness Consciousness
	Temperature   *fhir.Decimal // °C
	// Scale2 names the recorded clinical decision that the oxygen target is 88–92 % (a reference such as Observation/…); "" for scale 1.
	Scale2   string
	Age      int // years; below 0 where nobody knows
	Pregnant bool
}

// NEWS2 is a score with what it was made of.
type NEWS2 struct {
	Total    int
	Parts    []NEWS2Points // in the order of the chart
	Scale    int           // of oxygen saturation: 1 or 2
	Decision string        // why scale 2
	Response Response
	Vitals   Vitals
}

// NEWS2Points is what one measurement scores.
type NEWS2Points struct {
	Part   string // its name in the table
	Points int
}

// ScoreNEWS2 scores a set of vital signs: https://www.rcp.ac.uk/resources/national-early-warning-score-news-2/
//
// It refuses (Unprocessable), with the reason, whoever the score is not for (under 16, pregnant, or of unknown age) and a set that is not whole: a score of
// what happens to be there would look lower than it is.
func ScoreNEWS2(v Vitals) (*NEWS2, error) { return news2.score(v) }

func (t *news2Table) score(v Vitals) (*NEWS2, error) {
	switch {
	case v.Age < 0:
		return nil, fhir.Errorf(fhir.Unprocessable, "%s needs the age: it is not for people under %d", t.Name, t.Youngest)
	case v.Age < t.Youngest:
		return nil, fhir.Errorf(fhir.Unprocessable, "%s is not for people under %d: use the place's chart for children", t.Name, t.Youngest)
	case v.Pregnant:
		return nil, fhir.Errorf(fhir.Unprocessable, "%s is not for use in pregnancy: use the place's maternity chart", t.Name)
	}
	if missing := v.missing(); missing != nil {
		return nil, fhir.Errorf(fhir.Unprocessable, "%s needs the whole set; missing: %s", t.Name, strings.Join(missing, ", "))
	}
	n := &NEWS2{Scale: 1, Vitals: v}
	saturation := "saturation1"
	if v.Scale2 != "" {
		n.Scale, n.Decision = 2, v.Scale2
		saturation = map[bool]string{false: "saturation2air", true: "saturation2oxygen"}[*v.Oxygen]
	}
	most := 0
	for _, m := range []struct {
		part  string
		value fhir.Decimal
	}{{"respiration", *v.Respiration}, {saturation, *v.Saturation}, {"oxygen", oneIf(*v.Oxygen)}, {"systolic", *v.Systolic}, {"pulse", *v.Pulse}, {"consciousness", oneIf(v.Consciousness != Alert)}, {"temperature", *v.Temperature}} {
		points := t.Parts[m.part].points(m.value)
		n.Parts = append(n.Parts, NEWS2Points{m.part, points})
		n.Total += points
		most = max(most, points)
	}
	n.Response = t.response(n.Total, most)
	return n, nil
}

func (v *Vitals) missing() (words []string) {
	for _, m := range []struct {
		there bool
		word  string
	}{{v.Respiration != nil, "respiration rate"}, {v.Saturation != nil, "oxygen saturation"}, {v.Oxygen != nil, "air or oxygen"}, {v.Systolic != nil, "systolic blood pressure"}, {v.Pulse != nil, "pulse"},
		{v.Consciousness != "", "consciousness"}, {v.Temperature != nil, "temperature"}} {
		if !m.there {
			words = append(words, m.word)
		}
	}
	return words
}

func oneIf(b bool) fhir.Decimal {
	if b {
		return fhir.MakeDecimal(1, 0)
	}
	return fhir.MakeDecimal(0, 0)
}

// points are those of the first band that the value, rounded, does not exceed.
func (p news2Part) points(value fhir.Decimal) int {
	value = value.Round(p.Places)
	for _, b := range p.Bands {
		if b.To == nil || value.Cmp(b.To.Decimal) <= 0 {
			return b.Points
		}
	}
	return 0 // the last band has no end
}

func (t *news2Table) response(total, most int) Response {
	for _, r := range t.Responses {
		if total >= r.From && most >= r.Single {
			return r
		}
	}
	return Response{}
}

// Deadline is when somebody must have looked at a score of a time; zero where there is no limit.
func (r Response) Deadline(at time.Time) time.Time {
	if d, err := time.ParseDuration(r.Within); err == nil {
		return at.Add(d)
	}
	return time.Time{}
}
