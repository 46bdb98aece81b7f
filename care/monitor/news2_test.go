package monitor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
)

func dec(t testing.TB, s string) *fhir.Decimal {
	t.Helper()
	d, err := fhir.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return &d
}

// well is somebody who scores nothing.
func well(t testing.TB) Vitals {
	air := false
	return Vitals{Respiration: dec(t, "16"), Saturation: dec(t, "97"), Oxygen: &air, Systolic: dec(t, "120"), Pulse: dec(t, "70"), Consciousness: Alert, Temperature: dec(t, "37.0"), Age: 70}
}

// Both sides of every edge of the college's chart.
func TestNEWS2EveryBandEdge(t *testing.T) {
	for _, c := range []struct {
		part   string
		oxygen bool
		scale2 bool
		points string // "value:points …"
	}{
		{"respiration", false, false, "1:3 8:3 9:1 11:1 12:0 20:0 21:2 24:2 25:3 60:3"},
		{"saturation", false, false, "70:3 91:3 92:2 93:2 94:1 95:1 96:0 100:0"},
		{"saturation", true, false, "91:3 92:2 93:2 94:1 95:1 96:0 100:0"},
		{"saturation", false, true, "83:3 84:2 85:2 86:1 87:1 88:0 92:0 93:0 94:0 95:0 96:0 97:0 100:0"},
		{"saturation", true, true, "83:3 84:2 85:2 86:1 87:1 88:0 92:0 93:1 94:1 95:2 96:2 97:3 100:3"},
		{"systolic", false, false, "60:3 90:3 91:2 100:2 101:1 110:1 111:0 219:0 220:3 260:3"},
		{"pulse", false, false, "30:3 40:3 41:1 50:1 51:0 90:0 91:1 110:1 111:2 130:2 131:3 200:3"},
		{"temperature", false, false, "34.0:3 35.0:3 35.04:3 35.05:1 35.1:1 36.0:1 36.04:1 36.05:0 36.1:0 38.0:0 38.04:0 38.05:1 38.1:1 39.0:1 39.04:1 39.05:2 39.1:2 41:2"},
		{"consciousness", false, false, "A:0 C:3 V:3 P:3 U:3"},
		{"oxygen", true, false, "x:2"}, {"oxygen", false, false, "x:0"},
	} {
		for pair := range strings.FieldsSeq(c.points) {
			value, want, _ := strings.Cut(pair, ":")
			v := well(t)
			v.Oxygen = &c.oxygen
			if c.scale2 {
				v.Scale2 = "Observation/target"
			}
			switch c.part {
			case "respiration":
				v.Respiration = dec(t, value)
			case "saturation":
				v.Saturation = dec(t, value)
			case "systolic":
				v.Systolic = dec(t, value)
			case "pulse":
				v.Pulse = dec(t, value)
			case "temperature":
				v.Temperature = dec(t, value)
			case "consciousness":
				v.Consciousness = Consciousness(value)
			}
			n, err := ScoreNEWS2(v)
			if err != nil {
				t.Fatal(err)
			}
			got := -1
			for _, p := range n.Parts {
				if strings.HasPrefix(p.Part, c.part) {
					got = p.Points
				}
			}
			if fmt.Sprint(got) != want {
				t.Errorf("%s of %s (oxygen %v, scale 2 %v) scores %d, want %s", c.part, value, c.oxygen, c.scale2, got, want)
			}
		}
	}
}

func TestNEWS2AsksForWhatTheCollegeSays(t *testing.T) {
	for _, c := range []struct {
		change    func(*Vitals)
		total     int
		frequency string
		within    string
	}{
		{func(*Vitals) {}, 0, "every 12 hours", ""},
		{func(v *Vitals) { v.Pulse = dec(t, "95") }, 1, "every 4 to 6 hours", ""},
		{func(v *Vitals) { v.Pulse, v.Respiration, v.Temperature = dec(t, "95"), dec(t, "22"), dec(t, "38.5") }, 4, "every 4 to 6 hours", ""},
		{func(v *Vitals) { v.Respiration = dec(t, "25") }, 3, "every hour", "1h"}, // a single 3
		{func(v *Vitals) { v.Pulse, v.Respiration, v.Saturation = dec(t, "95"), dec(t, "22"), dec(t, "93") }, 5, "every hour", "1h"},
		{func(v *Vitals) { v.Pulse, v.Respiration, v.Saturation = dec(t, "115"), dec(t, "22"), dec(t, "93") }, 6, "every hour", "1h"},
		{func(v *Vitals) { v.Pulse, v.Respiration, v.Saturation = dec(t, "131"), dec(t, "22"), dec(t, "93") }, 7, "continuously", "30m"},
	} {
		v := well(t)
		c.change(&v)
		n, err := ScoreNEWS2(v)
		if err != nil {
			t.Fatal(err)
		}
		if n.Total != c.total || n.Response.Frequency != c.frequency || n.Response.Within != c.within {
			t.Errorf("%+v: %d %+v, want %d %s %s", n.Parts, n.Total, n.Response, c.total, c.frequency, c.within)
		}
	}
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	if d := (Response{Within: "30m"}).Deadline(at); !d.Equal(at.Add(30 * time.Minute)) {
		t.Error(d)
	}
}

func TestNEWS2IsRefusedForWhomItIsNotFor(t *testing.T) {
	for why, change := range map[string]func(*Vitals){
		"not for people under 16":      func(v *Vitals) { v.Age = 15 },
		"needs the age":                func(v *Vitals) { v.Age = -1 },
		"pregnancy":                    func(v *Vitals) { v.Pregnant = true },
		"missing: consciousness":       func(v *Vitals) { v.Consciousness = "" },
		"missing: air or oxygen, puls": func(v *Vitals) { v.Oxygen, v.Pulse = nil, nil },
	} {
		v := well(t)
		change(&v)
		if n, err := ScoreNEWS2(v); fhir.KindOf(err) != fhir.Unprocessable || !strings.Contains(err.Error(), why) {
			t.Errorf("%+v, %v, want %q", n, err, why)
		}
	}
	v := well(t)
	v.Age = 16
	if _, err := ScoreNEWS2(v); err != nil {
		t.Error(err)
	}
}

// SNOMED CT's identifiers end in a check digit (Verhoeff's).
func TestNEWS2CodesHaveRightCheckDigits(t *testing.T) {
	codes := []string{news2.Total}
	for _, p := range news2.Parts {
		codes = append(codes, p.Code)
	}
	for _, c := range codes {
		if !verhoeff(c) {
			t.Errorf("%s is no SNOMED CT identifier", c)
		}
	}
}

func verhoeff(s string) bool {
	perm := []int{1, 5, 7, 6, 2, 8, 3, 0, 9, 4}
	c := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		for range i {
			d = perm[d]
		}
		c = dihedral(c, d)
	}
	return c == 0
}

// dihedral multiplies in the group of the pentagon's symmetries.
func dihedral(a, b int) int {
	switch {
	case a < 5 && b < 5:
		return (a + b) % 5
	case a < 5:
		return 5 + (a+b)%5
	case b < 5:
		return 5 + (a-b)%5
	}
	return (a - b + 5) % 5
}
