package match

import (
	"cmp"
	"math"
	"slices"
)

// What a second look finds. A first look weighs each pair alone, as if everybody were still free and nothing were known of a row
// but the row. Once most people are found, more is known: of two files, who is left over; of one, all that the rows of a person
// say together.

// largestPool bounds the pairs of rows left over that are all compared, whatever their blocks.
const largestPool = 4_000_000

// leftovers looks again at the rows of two files that have nobody yet. A pair of them is likelier to be one person than a pair of
// all rows is: where thirty rows are left in each file and all should be in both, one pair in thirty is true, not one in a
// thousand. How many of them are true is learned from them, as for the whole file. The link must be the best of both its rows,
// by the gap, among all rows left.
func (r *Roster) leftovers(m *model, found []Scored) []Scored {
	taken := make([]bool, len(r.rows))
	for i := range found {
		if found[i].Decision == One {
			taken[found[i].A], taken[found[i].B] = true, true
		}
	}
	var left [2][]uint32
	for i := range r.rows {
		if !taken[i] {
			left[r.rows[i].file] = append(left[r.rows[i].file], uint32(i))
		}
	}
	pool := float64(len(left[0])) * float64(len(left[1]))
	if pool == 0 {
		return found
	}
	var again []Scored
	known := map[pair]int{}
	for i := range found {
		if p := found[i]; !taken[p.A] && !taken[p.B] {
			known[pair{p.A, p.B}] = i
			again = append(again, p)
		}
	}
	if pool <= largestPool {
		for _, a := range left[0] {
			for _, b := range left[1] {
				if _, ok := known[pair{a, b}]; !ok {
					if _, w := r.best(m, a, b); w > worthKeeping {
						again = append(again, Scored{a, b, float32(w), Apart})
					}
				}
			}
		}
	}
	extra := m.poolPrior(again, pool) - m.prior
	if extra <= 0 {
		return found
	}
	richer := *m
	richer.prior += extra
	best, second := map[uint32]float64{}, map[uint32]float64{}
	weights := make([]float64, len(again))
	for i, p := range again {
		_, weights[i] = r.best(&richer, p.A, p.B)
		for _, row := range [2]uint32{p.A, p.B} {
			if was, ok := best[row]; !ok || weights[i] > was {
				if ok {
					second[row] = was
				}
				best[row] = weights[i]
			} else if was, ok := second[row]; !ok || weights[i] > was {
				second[row] = weights[i]
			}
		}
	}
	for i, p := range again {
		w := weights[i]
		g, _ := r.best(&richer, p.A, p.B)
		d := richer.decide(r, &g, w, pair{p.A, p.B})
		if d == One && (w < best[p.A] || w < best[p.B] || !m.beats(w, second, p.A) || !m.beats(w, second, p.B)) {
			d = Ask
		}
		if at, ok := known[pair{p.A, p.B}]; ok {
			found[at].Decision = max(found[at].Decision, d)
			if d == One {
				found[at].Weight = float32(w)
			}
		} else if d == One {
			found = append(found, Scored{p.A, p.B, float32(w), One})
		}
	}
	slices.SortFunc(found, byRows)
	return found
}

func (m *model) beats(w float64, second map[uint32]float64, row uint32) bool {
	other, ok := second[row]
	return !ok || w-other >= m.Gap
}

// poolPrior is the log2 odds that a pair of a pool of so many pairs is true, by expectation-maximisation over those that are not
// hopeless. Their weights hold the prior of the whole file.
func (m *model) poolPrior(pairs []Scored, pool float64) float64 {
	prior := max(m.prior, -math.Log2(pool))
	for range 50 {
		total := 0.0
		for _, p := range pairs {
			total += 1 / (1 + math.Exp2(m.prior-prior-float64(p.Weight)))
		}
		next := math.Log2(min(max(total, .5)/pool, .5))
		if math.Abs(next-prior) < 1e-3 {
			return next
		}
		prior = next
	}
	return prior
}

// gather joins groups of one file that are one person by all that their rows say together: where one row has the birth date and
// another the surname, a third row with both can be like neither alone. For each field the best agreement of any two rows counts,
// less the chance that so many comparisons had. A row that could go to two groups goes to neither.
func (r *Roster) gather(m *model, found []Scored, of map[uint32]*[]uint32, refused map[pair]bool) {
	type groups struct{ a, b *[]uint32 }
	group := func(row uint32) *[]uint32 {
		if of[row] == nil {
			of[row] = &[]uint32{row}
		}
		return of[row]
	}
	changed := map[*[]uint32]bool{}
	for round := range 5 {
		seen := map[groups]bool{}
		profiles := map[*[]uint32]*row{}
		profile := func(g *[]uint32) *row {
			if profiles[g] == nil {
				profiles[g] = r.profile(*g)
			}
			return profiles[g]
		}
		type joint struct {
			groups
			weight float64
			low    pair
		}
		var joints []joint
		for i := range found {
			p := &found[i]
			a, b := group(p.A), group(p.B)
			if a == b || round == 0 && len(*a) == 1 && len(*b) == 1 || round > 0 && !changed[a] && !changed[b] {
				continue
			}
			if slices.Min(*a) > slices.Min(*b) {
				a, b = b, a
			}
			if seen[groups{a, b}] {
				continue
			}
			seen[groups{a, b}] = true
			g, w := r.bestOf(m, profile(a), profile(b), nil)
			if d := m.judge(&g, w, r.rows[p.A].nobody || r.rows[p.B].nobody); d == Apart || g.levels[NHS] == 1 || g.levels[NHS] == 2 {
				continue
			} else if d == Ask {
				w = min(w, m.Link-1)
			}
			joints = append(joints, joint{groups{a, b}, w, pair{slices.Min(*a), slices.Min(*b)}})
		}
		slices.SortFunc(joints, func(x, y joint) int {
			return cmp.Or(cmp.Compare(y.weight, x.weight), cmp.Compare(x.low.a, y.low.a), cmp.Compare(x.low.b, y.low.b))
		})
		best, rival := map[*[]uint32]float64{}, map[*[]uint32]float64{}
		for _, j := range joints { // strongest first
			for _, g := range [2]*[]uint32{j.a, j.b} {
				if _, ok := best[g]; !ok {
					best[g] = j.weight
				} else if _, ok := rival[g]; !ok {
					rival[g] = j.weight
				}
			}
		}
		clear(changed)
		used := map[*[]uint32]bool{}
		for _, j := range joints {
			if j.weight < m.Link || used[j.a] || used[j.b] || r.anyRefused(*j.a, *j.b, refused) || len(*j.a)+len(*j.b) > largestPerson {
				continue
			}
			clear := true
			for _, g := range [2]*[]uint32{j.a, j.b} {
				if other, ok := rival[g]; ok && j.weight-other < m.Gap && other >= m.Link && best[g] > j.weight {
					clear = false
				}
			}
			if !clear {
				continue
			}
			used[j.a], used[j.b] = true, true
			*j.a = append(*j.a, *j.b...)
			for _, row := range *j.b {
				of[row] = j.a
			}
			changed[j.a] = true
		}
		if len(changed) == 0 {
			return
		}
	}
}

func (r *Roster) anyRefused(a, b []uint32, refused map[pair]bool) bool {
	for _, x := range a {
		for _, y := range b {
			if refused[pair{min(x, y), max(x, y)}] {
				return true
			}
		}
	}
	return false
}

// profile is all that the rows of a person say, as one row: the commonest value of each field first, the others beside it.
func (r *Roster) profile(rows []uint32) *row {
	if len(rows) == 1 {
		return &r.rows[rows[0]]
	}
	p := &row{}
	for f := range fieldCount {
		counts := map[uint32]int{}
		for _, i := range rows {
			for v := range r.rows[i].all(f) {
				counts[v]++
			}
		}
		values := make([]uint32, 0, len(counts))
		for v := range counts {
			values = append(values, v)
		}
		slices.SortFunc(values, func(x, y uint32) int { return cmp.Or(cmp.Compare(counts[y], counts[x]), cmp.Compare(x, y)) })
		for i, v := range values {
			if i == 0 {
				p.values[f] = v
			} else {
				p.also = append(p.also, also{f, v})
			}
		}
	}
	return p
}
