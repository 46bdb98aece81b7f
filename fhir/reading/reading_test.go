package reading

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

func spoken(measures []Measure) string {
	var out []string
	for _, m := range measures {
		own, _ := m.Own()
		out = append(out, fmt.Sprintf("%s %s %s (%.1f)", m.Kind.Name, m.Value, m.Unit.Code, own.Float64()))
	}
	return strings.Join(out, "; ")
}

func TestWordsAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]string{
		"182/104":                      "systolic 182 mm[Hg] (182.0); diastolic 104 mm[Hg] (104.0)",
		"BP 182 over 104":              "systolic 182 mm[Hg] (182.0); diastolic 104 mm[Hg] (104.0)",
		"bp: 182/104 mmHg, pulse 76":   "systolic 182 mm[Hg] (182.0); diastolic 104 mm[Hg] (104.0); heart-rate 76 /min (76.0)",
		"My pulse is 76, BP 182/104":   "systolic 182 mm[Hg] (182.0); diastolic 104 mm[Hg] (104.0); heart-rate 76 /min (76.0)",
		"24.3/13.9 kPa":                "systolic 24.3 kPa (182.3); diastolic 13.9 kPa (104.3)",
		"sats 94%":                     "saturation 94 % (94.0)",
		"Oxygen 91 heart rate 104":     "heart-rate 104 /min (104.0); saturation 91 % (91.0)",
		"weight 80.5":                  "weight 80.5 kg (80.5)",
		"80.5kg":                       "weight 80.5 kg (80.5)",
		"178 lbs":                      "weight 178 [lb_av] (80.7)",
		"12st 10lb":                    "weight 178 [lb_av] (80.7)",
		"12 stone 4, BP 182/104":       "systolic 182 mm[Hg] (182.0); diastolic 104 mm[Hg] (104.0); weight 172 [lb_av] (78.0)",
		"12 stone":                     "weight 168 [lb_av] (76.2)",
		"temp 38.4":                    "temperature 38.4 Cel (38.4)",
		"temperature 101.1F":           "temperature 101.1 [degF] (38.4)",
		"sugar 7.2":                    "glucose 7.2 mmol/L (7.2)",
		"glucose 130 mg/dl":            "glucose 130 mg/dL (7.2)",
		"breathing 22, sats 93, hr 88": "heart-rate 88 /min (88.0); saturation 93 % (93.0); respiratory-rate 22 /min (22.0)",
	} {
		got, err := Words(text)
		if err != nil || spoken(got) != want {
			t.Errorf("%q: %s %v, want %s", text, spoken(got), err, want)
		}
	}
	for text, why := range map[string]string{
		"I feel dizzy": "no reading", "": "no reading", "82": "no reading", "182/104 at 9 this morning": "of which nobody can say", "weight 80 kg and 81 kg": "nobody can say", "180/100 then 170/95": "nobody can say",
	} {
		if got, err := Words(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %s %v, want %q", text, spoken(got), err, why)
		}
	}
}

// What is read from a message is a reading that can be filed or a fault; nothing panics.
func FuzzWords(f *testing.F) {
	for _, text := range []string{"182/104 pulse 76", "12st 4lb", "sats 94%", "24.3/13.9 kPa", "temp 38.4 c", "weight 80.5"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		measures, err := Words(text)
		if err == nil && len(measures) == 0 {
			t.Error("neither numbers nor a fault")
		}
		for _, m := range measures {
			if _, ok := m.Own(); !ok {
				t.Errorf("%q is in a unit that is none of %s", text, m.Kind.Name)
			}
		}
	})
}

func TestTheSameReadingByEveryWayIsTheSameObservation(t *testing.T) {
	at, err := fhir.ParseDateTime("2026-11-20T09:30:00Z")
	if err != nil {
		t.Fatal(err)
	}
	said, err := Words("182/104 pulse 76")
	if err != nil {
		t.Fatal(err)
	}
	var first string
	for _, route := range Routes {
		r := Reading{Subject: &r4.Reference{Reference: "Patient/p"}, Start: at, Measures: said, Route: route, Ref: func(string) *r4.Reference { return &r4.Reference{Reference: "Observation/a"} }}
		parts, _, err := r.Observations()
		if err != nil || len(parts) != 2 {
			t.Fatalf("%s: %d parts, %v", route, len(parts), err)
		}
		var text string
		for _, p := range parts {
			if Came(p.Observation) != route {
				t.Errorf("%s came by %q", route, Came(p.Observation))
			}
			if route != Device && p.Name == "" && (len(p.Observation.Note) != 1 || p.Observation.Note[0].Text != route.words()) {
				t.Errorf("%s is not said in words: %+v", route, p.Observation.Note)
			}
			p.Observation.Meta, p.Observation.Note = nil, nil
			text += string(r4.Encode(p.Observation))
		}
		if first == "" {
			first = text
		}
		if text != first {
			t.Errorf("by %s: %s, by %s: %s", route, text, Routes[0], first)
		}
	}
	for _, bad := range []Reading{{Start: at, Route: Device}, {Measures: said, Route: Device}, {Start: at, Measures: said}, {Start: at, Measures: said, Route: "pigeon"},
		{Start: at, Route: Text, Measures: []Measure{Of(Systolic, Number("104"), mmHg), Of(Diastolic, Number("182"), mmHg)}}, {Start: at, Route: Text, Measures: []Measure{Of(Weight, Number("8000"), kilogram)}}} {
		if _, _, err := bad.Observations(); err == nil {
			t.Errorf("%+v is a reading", bad)
		}
	}
}

func TestWhatElseAMessageSaysIsNoticed(t *testing.T) {
	for text, want := range map[string]bool{"BP 142/88, pulse 72": true, "my blood pressure today is 142 over 88 mmHg": true, "SpO2 94% HR 88": true, "12st 4lb": true, "BP 142/88 and I feel dizzy": false, "182/104 help": false, "142/88 🙂": true} {
		if Only(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
