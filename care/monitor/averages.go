package monitor

import (
	"math"
	"slices"
	"time"

	"github.com/kith-care/kith/fhir/london"
)

// HomeMean is an average blood pressure at home.
type HomeMean struct {
	Systolic, Diastolic float64 // mmHg
	Days                int     // with readings that count
	Points              []string
}

// Stage is NICE NG136's stage of hypertension that an average at home is in, 0 for none.
func (a *AverageRules) Stage(m *HomeMean) int {
	for _, s := range a.Stages {
		if m.Systolic >= s.High || m.Diastolic >= s.High2 {
			return s.Stage
		}
	}
	return 0
}

// HomePressure is the mean of a time of measuring at home, as NICE NG136 has it: readings of the first day are left out, and those with an irregular pulse;
// there must be readings on at least so many days after the first. A day is London's. https://www.nice.org.uk/guidance/ng136
func HomePressure(points []Point, least int) (*HomeMean, bool) {
	m := &HomeMean{}
	first, days := "", map[string]bool{}
	for _, p := range points {
		day := p.At.In(london.Zone).Format(time.DateOnly)
		if first == "" {
			first = day
		}
		if day == first || p.Irregular || !p.Two {
			continue
		}
		m.Systolic, m.Diastolic = m.Systolic+p.Value, m.Diastolic+p.Value2
		m.Points = append(m.Points, p.ID)
		days[day] = true
	}
	n := float64(len(m.Points))
	if m.Days = len(days); m.Days < least || n == 0 {
		return nil, false
	}
	m.Systolic, m.Diastolic = m.Systolic/n, m.Diastolic/n
	return m, true
}

// GlucoseRules are those of continuous glucose, in mmol/L and shares of the time.
type GlucoseRules struct {
	Least       int     // days
	Share       float64 // of the values that a sensor should send: with less, no figure is to be relied on
	Hypo, Hyper float64
	GMI         [2]float64 // the glucose management indicator, per cent: the first, and the second times the mean in mg/dL
	Source      string
	Targets     map[string]GlucoseTarget // adult, older (or at high risk), pregnancy (type 1 diabetes)
}

// GlucoseTarget is what somebody's glucose is held against.
type GlucoseTarget struct {
	Low, High                                  float64 // the range
	InRange                                    float64 // more than
	BelowLow, BelowHypo, AboveHigh, AboveHyper float64 // less than; 0 where the target does not say
	CV                                         float64 // at most, in per cent; 0 where it does not say
}

// GlucoseFigures are those of continuous glucose over days.
type GlucoseFigures struct {
	Days       int
	Share      float64 // of the values that a sensor should have sent
	Mean       float64 // mmol/L
	InRange    float64 // shares of the values
	BelowLow   float64
	BelowHypo  float64
	AboveHigh  float64
	AboveHyper float64
	CV         float64 // per cent
	GMI        float64 // per cent
	Enough     bool    // there are enough days and values to rely on the figures
	Missed     []string
}

// Figures works the figures out of values in mmol/L that stand so far apart, over so many days. Missed says, in words, which targets are not met.
func (r *GlucoseRules) Figures(values []float64, apart time.Duration, days int, t GlucoseTarget) *GlucoseFigures {
	g := &GlucoseFigures{Days: days}
	n := float64(len(values))
	if n == 0 || days < 1 || apart <= 0 {
		return g
	}
	g.Share = n / (float64(days) * float64(24*time.Hour/apart))
	for _, v := range values {
		g.Mean += v / n
		switch {
		case v < t.Low:
			g.BelowLow += 1 / n
		case v > t.High:
			g.AboveHigh += 1 / n
		default:
			g.InRange += 1 / n
		}
		if v < r.Hypo {
			g.BelowHypo += 1 / n
		}
		if v > r.Hyper {
			g.AboveHyper += 1 / n
		}
	}
	var squares float64
	for _, v := range values {
		squares += (v - g.Mean) * (v - g.Mean)
	}
	if n > 1 {
		g.CV = 100 * math.Sqrt(squares/(n-1)) / g.Mean
	}
	g.GMI = r.GMI[0] + r.GMI[1]*g.Mean*mgPerMmol
	g.Enough = days >= r.Least && g.Share >= r.Share
	const little = 1e-9 // sums of shares are not exact
	for _, m := range []struct {
		missed bool
		words  string
	}{{g.InRange <= t.InRange+little, "too little in range"}, {t.BelowLow > 0 && g.BelowLow >= t.BelowLow-little, "too much low"}, {t.BelowHypo > 0 && g.BelowHypo >= t.BelowHypo-little, "too much very low"},
		{t.AboveHigh > 0 && g.AboveHigh >= t.AboveHigh-little, "too much high"}, {t.AboveHyper > 0 && g.AboveHyper >= t.AboveHyper-little, "too much very high"}, {t.CV > 0 && g.CV > t.CV, "varies too much"}} {
		if m.missed {
			g.Missed = append(g.Missed, m.words)
		}
	}
	return g
}

// mgPerMmol is how many mg/dL of glucose are 1 mmol/L.
const mgPerMmol = 18.016

// Gain is by how much a weight has grown in the days before the newest, in kg: the newest less the least.
func Gain(points []Point, days int) float64 {
	if len(points) == 0 {
		return 0
	}
	last := points[len(points)-1]
	least := slices.MinFunc(since(points, last.At.AddDate(0, 0, -days)), func(a, b Point) int {
		if a.Value < b.Value {
			return -1
		}
		return 1
	})
	return last.Value - least.Value
}
