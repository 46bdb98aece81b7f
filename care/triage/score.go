package triage

import "math"

// Settings are what a place decides. The zero value is what Kith ships.
type Settings struct {
	Lambda    float64 // how much worse one level too late is than one too early; 0 for DefaultLambda
	Questions int     // the most questions that are asked; 0 for 12
}

// DefaultLambda is the point on the curve that is shipped; docs/triage.md shows the curve and says why.
const DefaultLambda = 2

func (c Settings) lambda() float64 {
	if c.Lambda <= 0 {
		return DefaultLambda
	}
	return c.Lambda
}

func (c Settings) questions() int {
	if c.Questions <= 0 {
		return 12
	}
	return c.Questions
}

// points are what a pack's score comes to: at the least, at the most, and as expected where each unknown is as likely as its prior.
type points struct{ low, high, mean float64 }

// points adds up the weights and, below them, the benign patterns.
func (p *Pack) points(s *State, open []bool) points {
	base := float64(p.Score.Base)
	sum := points{base, base, base}
	add := func(r *Rule, by int) {
		v := float64(by)
		switch r.Holds(s) {
		case Yes:
			sum.low, sum.high, sum.mean = sum.low+v, sum.high+v, sum.mean+v
		case Unknown:
			if r.touches(open) {
				sum.low, sum.high = sum.low+math.Min(v, 0), sum.high+math.Max(v, 0)
				sum.mean += v * r.chance(s, open)
			}
		}
	}
	for _, w := range p.Score.Weights {
		add(w.when, w.Add)
	}
	for _, b := range p.Benign {
		add(b.when, b.Add)
	}
	return sum
}

// Chances are how likely each level is what the person needs.
type Chances [Levels]float64

// chances is the ordinal logistic model: P(level ≥ k) = σ((points − θk) / 10).
func (p *Pack) chances(points float64) (c Chances) {
	above := 1.0
	for k := range Levels - 1 {
		next := 1 / (1 + math.Exp(-(points-float64(p.Score.Thresholds[k]))/scale))
		c[k], above = above-next, next
	}
	c[Levels-1] = above
	return c
}

// raised is the distribution of the greater of two: the score's level, and the level that floors set.
func (c Chances) raised(floor Level) Chances {
	for k := range floor {
		c[floor] += c[k]
		c[k] = 0
	}
	return c
}

// cost is what deciding a costs on average: λ times the square of the steps too late, one for each step too early.
func (c Chances) cost(a Level, lambda float64) (sum float64) {
	for k, p := range c {
		switch d := float64(Level(k) - a); {
		case d > 0:
			sum += p * lambda * d * d
		case d < 0:
			sum -= p * d
		}
	}
	return sum
}

// decide is the level from floor up that costs least; of two that cost the same the more urgent. Points alone come to the same day at most: an emergency
// is what a floor says, never a sum of small reasons.
func (c Chances) decide(floor Level, lambda float64) Level {
	best := floor
	for a := floor + 1; a <= SameDay; a++ {
		if c.cost(a, lambda) <= c.cost(best, lambda) {
			best = a
		}
	}
	return best
}

// decide is the level of a number of points and a floor.
func (p *Pack) decide(points float64, floor Level, lambda float64) Level {
	return p.chances(points).decide(floor, lambda)
}
