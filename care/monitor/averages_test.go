package monitor

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir/london"
)

// pressures are readings at clock times of London: "2026-11-16 08:00 150/92".
func pressures(t testing.TB, lines ...string) (out []Point) {
	t.Helper()
	for i, line := range lines {
		var day, clock string
		var up, down float64
		if _, err := fmt.Sscanf(line, "%s %s %f/%f", &day, &clock, &up, &down); err != nil {
			t.Fatal(err)
		}
		at, err := time.ParseInLocation("2006-01-02 15:04", day+" "+clock, london.Zone)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, Point{ID: fmt.Sprint("p", i), At: at, Value: up, Value2: down, Two: true})
	}
	return out
}

// Two readings twice a day; the first day is left out; the mean of the rest (NICE NG136).
func TestHomePressureLeavesOutTheFirstDay(t *testing.T) {
	points := pressures(t, "2026-11-16 08:00 190/110", "2026-11-16 08:02 188/108", "2026-11-16 20:00 180/100",
		"2026-11-17 08:00 140/90", "2026-11-17 08:02 138/88", "2026-11-17 20:00 142/90", "2026-11-17 20:02 140/88",
		"2026-11-18 08:00 136/86", "2026-11-19 08:00 138/88", "2026-11-20 08:00 136/84")
	m, ok := HomePressure(points, 4)
	if !ok || m.Days != 4 || math.Abs(m.Systolic-138.5714) > 0.001 || math.Abs(m.Diastolic-87.7143) > 0.001 || len(m.Points) != 7 {
		t.Errorf("%+v %v", m, ok)
	}
	if _, ok := HomePressure(points, 5); ok {
		t.Error("four days are taken for five")
	}
	if _, ok := HomePressure(points[:3], 1); ok {
		t.Error("the first day counts")
	}
	points[3].Irregular, points[4].Irregular = true, true
	if m, _ := HomePressure(points, 4); len(m.Points) != 5 {
		t.Errorf("readings with an irregular pulse count: %+v", m)
	}
}

// The first day is London's, also on the night when the clocks go back: half past midnight belongs to the new day.
func TestHomePressureOnTheDayTheClocksChange(t *testing.T) {
	points := pressures(t, "2026-10-24 23:30 180/100", "2026-10-25 00:30 140/90", "2026-10-25 23:30 142/92", "2026-10-26 08:00 144/94")
	m, ok := HomePressure(points, 2)
	if !ok || m.Days != 2 || len(m.Points) != 3 || m.Systolic != 142 {
		t.Errorf("%+v %v", m, ok)
	}
}

func TestStagesOfHypertensionAtEveryCut(t *testing.T) {
	a := rules(t).Kinds["pressure"].Average
	for _, c := range []struct {
		up, down float64
		want     int
	}{{134.9, 84.9, 0}, {135, 80, 1}, {120, 85, 1}, {149.9, 94.9, 1}, {150, 80, 2}, {120, 95, 2}} {
		if got := a.Stage(&HomeMean{Systolic: c.up, Diastolic: c.down}); got != c.want {
			t.Errorf("%v/%v is stage %d, want %d", c.up, c.down, got, c.want)
		}
	}
}

// A hundred values whose figures can be counted by hand.
func TestGlucoseFigures(t *testing.T) {
	r := rules(t).Glucose
	var values []float64
	add := func(n int, v float64) {
		for range n {
			values = append(values, v)
		}
	}
	add(1, 2.8)
	add(2, 3.5)
	add(75, 7.0)
	add(18, 12.0)
	add(4, 14.0)
	g := r.Figures(values, 5*time.Minute, 14, r.Targets["adult"])
	near := func(name string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-6 {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	mean := (2.8 + 7 + 525 + 216 + 56) / 100
	near("mean", g.Mean, mean)
	near("in range", g.InRange, 0.75)
	near("below 3.9", g.BelowLow, 0.03)
	near("below 3.0", g.BelowHypo, 0.01)
	near("above 10.0", g.AboveHigh, 0.22)
	near("above 13.9", g.AboveHyper, 0.04)
	near("GMI", g.GMI, 3.31+0.02392*mean*18.016)
	if g.Enough || len(g.Missed) != 1 || g.Missed[0] != "too much very low" {
		t.Errorf("100 values of 14 days: %+v", g)
	}
	if g := r.Figures([]float64{4, 4, 9.9, 9.9}, 5*time.Minute, 14, r.Targets["adult"]); len(g.Missed) != 1 || g.Missed[0] != "varies too much" {
		t.Errorf("a coefficient of variation of %.1f %%: %v", g.CV, g.Missed)
	}
	// Enough is 14 days and 70 % of the values of five minutes: 2,823 of 4,032.
	for n, want := range map[int]bool{2822: false, 2823: true} {
		if g := r.Figures(make([]float64, n), 5*time.Minute, 14, r.Targets["adult"]); g.Enough != want {
			t.Errorf("%d values: %v", n, g.Enough)
		}
	}
	if g := r.Figures(make([]float64, 4000), 5*time.Minute, 13, r.Targets["adult"]); g.Enough {
		t.Error("13 days are enough")
	}
	pregnant := r.Figures([]float64{3.5, 5, 7.8, 7.9}, 5*time.Minute, 14, r.Targets["pregnancy"])
	near("in range in pregnancy", pregnant.InRange, 0.75)
	older := r.Figures([]float64{5, 5, 11, 11}, 5*time.Minute, 14, r.Targets["older"])
	if len(older.Missed) == 0 || older.Missed[0] != "too little in range" {
		t.Errorf("just half in range, of an older person: %+v", older)
	}
}

func TestWeightGainOfThreeDays(t *testing.T) {
	var points []Point
	for i, kg := range []float64{80, 79.5, 80.2, 81, 81.6} {
		points = append(points, Point{At: start.AddDate(0, 0, i), Value: kg})
	}
	if g := Gain(points, 3); math.Abs(g-2.1) > 1e-9 {
		t.Errorf("%v", g)
	}
	if g := Gain(points, 2); math.Abs(g-1.4) > 1e-9 {
		t.Errorf("%v", g)
	}
}
