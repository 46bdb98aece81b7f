package town

import (
	"math"
	"math/rand/v2"
)

// dice are the town's luck: the same numbers for the same seed, person and purpose, whatever else was drawn before.
type dice struct{ *rand.Rand }

// roll returns the dice of one purpose. Adding a purpose leaves all others as they were.
func roll(seed int64, who int, purpose string) dice {
	h := uint64(14695981039346656037)
	for _, c := range []byte(purpose) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return dice{rand.New(rand.NewPCG(uint64(seed)*0x9E3779B97F4A7C15+h, uint64(who)*0xD1342543DE82EF95+h))}
}

// chance is true with probability p.
func (d dice) chance(p float64) bool { return d.Float64() < p }

// around returns a normal number, never further than 2.5 deviations away: a made-up record needs no monsters.
func (d dice) around(mean, deviation float64) float64 {
	return mean + deviation*math.Max(-2.5, math.Min(2.5, d.NormFloat64()))
}

// weighted returns the index of one of the weights.
func (d dice) weighted(weights ...float64) int {
	var sum float64
	for _, w := range weights {
		sum += w
	}
	x := d.Float64() * sum
	for i, w := range weights {
		if x -= w; x < 0 {
			return i
		}
	}
	return len(weights) - 1
}

func pick[T any](d dice, from []T) T { return from[d.IntN(len(from))] }
