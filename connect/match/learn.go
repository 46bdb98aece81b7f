package match

import (
	"cmp"
	"math"
	"slices"
	"sync"
)

// seen is a sampled pair while learning.
type seen struct {
	pair
	straight, crossed agreement
	canCross          bool
}

const (
	sampled    = 1_500_000 // pairs of which m is learned, at most about so many
	random     = 500_000   // pairs taken at random, of which u is counted
	priorPairs = 40        // a prior of m weighs as much as so many true pairs
	rounds     = 25
)

// Learn returns settings for the roster: u from random pairs, m and the share of true pairs by expectation-maximisation over
// the candidates, with u fixed (as Splink does: Linacre et al. 2022). Pairs that blocking leaves out count as no pairs.
func (r *Roster) Learn(tell func(done, total int64)) *Settings {
	s := Default()
	pairs, rate := r.sample(tell)
	s.Households = r.families(pairs)
	chance, drawn := r.chance()
	s.Roof = roofWorth(pairs, chance, drawn)
	share := 0.0
	for range rounds {
		m := s.model(r)
		var counts [fieldCount][maxLevels]float64
		var total, crossed float64
		var here, there, both, either float64 // of true pairs with postcode and address: those where one, the other, both disagree
		for i := range pairs {
			g := &pairs[i].straight
			w := m.weight(g)
			if pairs[i].canCross {
				if v := m.weight(&pairs[i].crossed); v > w {
					g, w = &pairs[i].crossed, v
				}
			}
			if w < -20 {
				continue
			}
			p := 1 / (1 + math.Exp2(-w))
			total += p
			if g.cross {
				crossed += p
			}
			if g.levels[Postcode] != 0 && g.levels[Address] != 0 {
				either += p
				away, elsewhere := g.levels[Postcode] <= 2, g.levels[Address] == 1
				if away {
					here += p
				}
				if elsewhere {
					there += p
				}
				if away && elsewhere {
					both += p
				}
			}
			for f := range fieldCount {
				counts[f][g.levels[f]] += p
			}
		}
		s.Share = max(total/rate/r.people(), 1/r.people()/2)
		if either > priorPairs {
			base := (there + 1) / (either + 2)
			lift := math.Log2(max((both+.5)/(here+1)/base, 1))
			s.Moved = 1 - .5*min(lift/-math.Log2(base), 1)
		}
		s.Swapped = (crossed + priorPairs*.01) / (total + priorPairs)
		true_ := min(s.Share*r.people()/r.universe(), .5)
		for f := range fieldCount {
			levels := s.Fields[f].Levels
			said := total - counts[f][0]
			var sum float64
			for l := range levels {
				levels[l].M = (counts[f][l+1] + priorPairs*priors[f][0][l]) / (said + priorPairs)
				u := max(chance[f][l+1]-true_*levels[l].M*drawn[f], 0) // what true pairs among the random ones explain is not chance
				const weighs = 2000
				levels[l].U = (u + weighs*priors[f][1][l]) / (drawn[f] + weighs)
				sum += levels[l].U
			}
			for l := range levels {
				levels[l].U /= sum
			}
		}
		if math.Abs(s.Share-share) < 1e-5*s.Share {
			break
		}
		share = s.Share
	}
	return s
}

// sample compares a fixed choice of the candidates; rate is the share of them that it is.
func (r *Roster) sample(tell func(done, total int64)) (pairs []seen, rate float64) {
	rate = min(1, sampled/(float64(len(r.rows)+1)*30))
	limit := uint64(rate * math.MaxUint32)
	var mu sync.Mutex
	r.found = nil
	r.candidates(tell, func(_ int, batch []pair) {
		var own []seen
		batch = slices.Clone(batch)
		for _, p := range batch {
			if rate < 1 && hash(7, uint64(p.a), uint64(p.b))&math.MaxUint32 > limit {
				continue
			}
			s := seen{pair: p}
			s.straight, s.crossed, s.canCross = r.compare(&r.rows[p.a], &r.rows[p.b], nil)
			own = append(own, s)
		}
		mu.Lock()
		pairs = append(pairs, own...)
		r.found = append(r.found, batch)
		mu.Unlock()
	})
	slices.SortFunc(pairs, func(x, y seen) int { return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b)) }) // sums in one order
	pairs = slices.CompactFunc(pairs, func(x, y seen) bool { return x.pair == y.pair })
	return pairs, rate
}

// chance counts how random pairs agree.
func (r *Roster) chance() (counts [fieldCount][maxLevels]float64, drawn [fieldCount]float64) {
	n := uint64(len(r.rows))
	take := func(a, b uint32) {
		g, _, _ := r.compare(&r.rows[a], &r.rows[b], nil)
		for f := range fieldCount {
			if g.levels[f] != 0 {
				counts[f][g.levels[f]]++
				drawn[f]++
			}
		}
	}
	firsts, seconds, offset := n, n, uint64(0)
	if r.linkage {
		firsts, seconds, offset = uint64(r.sizes[0]), uint64(r.sizes[1]), uint64(r.sizes[0])
	}
	if firsts == 0 || seconds == 0 {
		return counts, drawn
	}
	if r.universe() <= random {
		for a := range firsts {
			from := uint64(0)
			if !r.linkage {
				from = a + 1
			}
			for b := from; b < seconds; b++ {
				take(uint32(a), uint32(offset+b))
			}
		}
		return counts, drawn
	}
	for i := range uint64(random) {
		a, b := hash(8, i)%firsts, offset+hash(9, i)%seconds
		if a != b {
			take(uint32(a), uint32(b))
		}
	}
	return counts, drawn
}

// families reports whether the file has relatives in it: pairs of one surname under one roof whose forenames and birth dates have
// nothing in common. Registers of real places have about one for each person. Where they are fewer than six in a hundred of the
// pairs of one surname under one roof, there are no families to confuse, and a wholly different forename is a wrong one: guarding
// against twins would then question mostly true pairs. A file that cannot tell is taken to have families.
func (r *Roster) families(pairs []seen) bool {
	roof := Address
	if r.dicts[Address].total == 0 {
		roof = Postcode
	}
	var all, relatives float64
	for i := range pairs {
		g := &pairs[i].straight
		if g.levels[roof] != same(roof) || g.levels[Surname] != same(Surname) || g.levels[Forename] == 0 || g.levels[DOB] == 0 {
			continue
		}
		all++
		if g.levels[Forename] == 1 && g.levels[DOB] <= 2 {
			relatives++
		}
	}
	return all < 50 || relatives > .06*all
}

// roofWorth is what a further agreement about one household is worth. Where strangers of one postcode share street or town no more
// often than anybody, each is a fact of its own and counts whole; where they nearly always do, it counts by half.
func roofWorth(pairs []seen, chance [fieldCount][maxLevels]float64, drawn [fieldCount]float64) float64 {
	worth := 1.0
	told := false
	for _, f := range [...]Field{Address, Town} {
		high := same(f) - 1
		var neighbours, alike, anybody float64
		for i := range pairs {
			g := &pairs[i].straight
			if g.levels[Postcode] == same(Postcode) && g.levels[f] != 0 && g.levels[Forename] == 1 && g.levels[Surname] == 1 && g.levels[DOB] <= 2 {
				neighbours++
				if g.levels[f] >= high {
					alike++
				}
			}
		}
		for l := high; l <= same(f); l++ {
			anybody += chance[f][l]
		}
		if neighbours < 50 || drawn[f] == 0 {
			continue
		}
		told = true
		u := (anybody + 1) / (drawn[f] + 1000)
		lift := math.Log2(max((alike+.5)/(neighbours+.5)/u, 1))
		worth = min(worth, 1-.5*min(lift/-math.Log2(u), 1))
	}
	if !told {
		return .5
	}
	return worth
}
