package monitor

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"
)

// sittings of one kind, one a day up to a day.
func daily(values ...float64) *Series {
	s := &Series{}
	for i, v := range values {
		s.Points = append(s.Points, Point{ID: fmt.Sprint(i), At: start.AddDate(0, 0, i-len(values)), Value: v})
	}
	return s
}

// Worked by hand: the median of 80.0 … 81.3 is 80.65, and half of them are no further than 0.35 away.
func TestBaselineIsMedianAndDeviation(t *testing.T) {
	r := rules(t)
	b, k := r.Baseline, *r.Kinds["weight"]
	b.Lag = 0
	var values []float64
	for i := range 14 {
		values = append(values, 80+float64(i)/10)
	}
	s := daily(values...)
	s.settle(&k, &b, nil, nil, time.Time{})
	base := baselineOf(s.sittings, start, &k, &b)
	if base == nil || base.N != 14 || math.Abs(base.Median-80.65) > 1e-9 || math.Abs(base.Scale-1.4826*0.35) > 1e-9 {
		t.Fatalf("%+v", base)
	}
	if z := base.z(82.0, "up"); math.Abs(z-1.35/(1.4826*0.35)) > 1e-9 {
		t.Errorf("z %v", z)
	}
	if z := base.z(79.3, "down"); math.Abs(z-1.35/(1.4826*0.35)) > 1e-9 {
		t.Errorf("z downwards %v", z)
	}
	if baselineOf(s.sittings[1:], start, &k, &b) != nil {
		t.Error("13 readings make a baseline")
	}
	steady := daily(80, 80, 80, 80, 80, 80, 80, 80, 80, 80, 80, 80, 80, 80)
	steady.settle(&k, &b, nil, nil, time.Time{})
	if base := baselineOf(steady.sittings, start, &k, &b); base.Scale != 0.4 {
		t.Errorf("the floor does not hold: %+v", base)
	}
}

// One reading, however odd, never raises alone; a little too much for long enough does.
func TestTrendAddsUpAndOneReadingNeverRaises(t *testing.T) {
	r := rules(t)
	b := r.Baseline
	if b.Cap-b.K >= b.H {
		t.Fatalf("one reading may add %v, and %v raises", b.Cap-b.K, b.H)
	}
	s := &Series{}
	for i, z := range []float64{100, 1.2, 1.2, 1.2} {
		s.sittings = append(s.sittings, sitting{at: start.AddDate(0, 0, i), n: 1, z: z, known: true})
		if got, over := s.trend(&b, time.Time{}), i > 0; (got > b.H) != over {
			t.Errorf("after %d readings the sum is %v", i+1, got)
		}
	}
	if got := s.trend(&b, start); math.Abs(got-2.1) > 1e-9 {
		t.Errorf("from the second on %v, want 3 × 0.7", got)
	}
}

// person plays readings of weight, one a day, and answers the events of the last.
type playing struct {
	p    Person
	plan *Plan
	r    *Rules
	n    int
}

func (y *playing) give(kind string, at time.Time, v float64) []Event {
	y.n++
	return y.p.Judge(y.r, y.plan, kind, Point{ID: fmt.Sprint("o", y.n), At: at, Value: v}, at)
}

func TestOneOpenEpisodeWithFrozenBaselineUntilThreeAreCalm(t *testing.T) {
	y := &playing{r: rules(t), plan: &Plan{Gender: "male"}}
	at := start
	next := func() time.Time { at = at.AddDate(0, 0, 1); return at }
	for i := range 30 {
		if ev := y.give("weight", next(), 80+0.2*float64(i%3-1)); len(ev) > 0 {
			t.Fatalf("day %d: %+v", i, ev)
		}
	}
	if ev := y.give("weight", next(), 81.5); len(ev) != 0 {
		t.Fatalf("one reading raised %+v", ev)
	}
	ev := y.give("weight", next(), 81.6)
	if len(ev) != 1 || !ev[0].Opens || !ev[0].Manual || ev[0].Rule != "personal" {
		t.Fatalf("two of three: %+v", ev)
	}
	frozen := *y.p.Episode.Baselines["weight"]
	for range 20 { // it goes on for long: nothing is told again, and what is usual stays what it was
		if ev := y.give("weight", next(), 82); len(ev) > 0 {
			t.Fatalf("told again: %+v", ev)
		}
	}
	if got := *y.p.Episode.Baselines["weight"]; got != frozen {
		t.Errorf("the baseline moved from %+v to %+v", frozen, got)
	}
	for i := range 3 {
		ev = y.give("weight", next(), 80.1)
		if (len(ev) == 1 && ev[0].Rule == "clear") != (i == 2) {
			t.Errorf("calm reading %d: %+v", i+1, ev)
		}
	}
	if y.p.Episode != nil || len(y.p.Past) != 1 {
		t.Error("the episode is not over")
	}
	y.give("weight", next(), 81.5) // the weeks at 82 are not his usual
	if ev := y.give("weight", next(), 81.6); len(ev) != 1 || !ev[0].Opens {
		t.Errorf("after an episode: %+v", ev)
	}
}

func TestAReadingThatIsLateRaisesNothingAndCounts(t *testing.T) {
	r := rules(t)
	p := Person{}
	old := Point{ID: "a", At: start.Add(-25 * time.Hour), Value: 200, Value2: 130, Two: true}
	if ev := p.Judge(r, &Plan{}, "pressure", old, start); len(ev) != 0 {
		t.Errorf("%+v", ev)
	}
	if n := len(p.Series["pressure"].Points); n != 1 {
		t.Errorf("%d readings", n)
	}
}

// The same readings, read again from the record after the program came back, say the same of the next.
func TestReadAgainItComesToTheSame(t *testing.T) {
	r := rules(t)
	for seed := range 20 {
		live, again := Person{}, Person{}
		var all []Point
		for i := range 60 {
			v := 80 + 0.3*math.Sin(float64(i*7+seed)) + 0.02*float64(i*seed%40)
			pt := Point{ID: fmt.Sprint(i), At: start.Add(time.Duration(i)*24*time.Hour + time.Duration(seed*i%200)*time.Minute), Value: v}
			a := live.Judge(r, &Plan{}, "weight", pt, pt.At)
			again.Series = nil
			for _, old := range all {
				again.Load(r, "weight", old)
			}
			b := again.Judge(r, &Plan{}, "weight", pt, pt.At)
			if x, y := asJSON(t, a), asJSON(t, b); x != y {
				t.Fatalf("seed %d, day %d: %s, read again %s", seed, i, x, y)
			}
			all = append(all, pt)
		}
	}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRulesThatCannotBe(t *testing.T) {
	for why, change := range map[string]func(*Rules){
		"no author":            func(r *Rules) { r.Author = "" },
		"no review date":       func(r *Rules) { r.Review = "" },
		"a reading alone":      func(r *Rules) { r.Baseline.Cap = 0.4 },
		"harm sideways":        func(r *Rules) { r.Kinds["weight"].Harm = "left" },
		"no floor":             func(r *Rules) { r.Kinds["weight"].Floor = 0 },
		"a limit of no source": func(r *Rules) { r.Kinds["pressure"].Limits[0].Source = "" },
		"a limit unconfirmed":  func(r *Rules) { r.Kinds["pressure"].Limits[0].Within = 0 },
		"staff before person":  func(r *Rules) { r.Missing.StaffTimes = 1 },
	} {
		r := rules(t)
		change(r)
		if err := r.check(); err == nil {
			t.Errorf("%s: accepted", why)
		}
	}
	if _, err := ReadRules("/nowhere"); err == nil {
		t.Error("rules that are not there were read")
	}
}
