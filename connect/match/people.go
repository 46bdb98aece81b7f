package match

import (
	"math"
	"slices"
)

// A Patient is held against people, not against single Patients: against all that the Patients of one person say together. Where a
// service has no name and another has the name but not the street, each is like the practice's Patient, though neither is like the other.

// verdict is what all that is known of two people says of their being one.
type verdict struct {
	Candidate
	sure bool // as sure as two Patients of one source must be
}

// weighPeople holds two people against each other, each given by the ids of rows; false where one of them has no row. share is how
// likely somebody of their sources is to be known elsewhere.
func (x *Index) weighPeople(mine, theirs []string, share float64) (v verdict, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	a, b := x.rowsOf(mine), x.rowsOf(theirs)
	if len(a) == 0 || len(b) == 0 {
		return verdict{}, false
	}
	r := *x.r // its counts hold both
	m := x.settings.model(&r).expecting(share)
	g, w := r.bestOfPeople(m, a, b)
	v.Candidate = Candidate{ID: theirs[0], Weight: w, Decision: m.judge(&g, w, r.nameless(a) || r.nameless(b)), Parts: m.parts(&g, w)}
	if v.Decision == One && !g.underOneRoof() && (g.nameless() || g.levels[DOB] >= 1 && g.levels[DOB] <= 3 && g.levels[NHS] != same(NHS)) {
		v.Decision = Ask // neither a birth date alone nor a name alone is a person
	}
	v.Clash = g.levels[NHS] == same(NHS) && g.levels[DOB] != same(DOB) && v.Decision == Ask
	v.sure = r.sure(m, &g, w, a, b)
	return v, true
}

// apart reports whether two people contradict each other in what does not change: they are two, whoever is like both of them.
func (x *Index) apart(one, other []string) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	a, b := x.rowsOf(one), x.rowsOf(other)
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	r := *x.r
	m := x.settings.model(&r)
	g, w := r.bestOfPeople(m, a, b)
	return w < m.Link && (g.levels[NHS] == 1 || g.levels[NHS] == 2 || g.levels[Forename] == 1 || g.levels[Forename] == 3 || g.levels[DOB] >= 1 && g.levels[DOB] <= 3 || g.levels[Sex] == 1)
}

// numbered reports whether any of some rows has an NHS number.
func (x *Index) numbered(ids []string) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.ContainsFunc(x.rowsOf(ids), func(i uint32) bool { return x.r.rows[i].values[NHS] != 0 })
}

func (x *Index) rowsOf(ids []string) []uint32 {
	rows := make([]uint32, 0, len(ids))
	for _, id := range ids {
		if i, there := x.at[id]; there {
			rows = append(rows, i)
		}
	}
	return rows
}

// bestOfPeople compares the rows of two people as if each were one row that says all of it. How rare a value is, other people say:
// that ten rows of one person share a telephone does not make it common.
func (r *Roster) bestOfPeople(m *model, a, b []uint32) (agreement, float64) {
	p, q := r.profile(a), r.profile(b)
	straight, crossed, canCross := r.compare(p, q, nil)
	if len(a)+len(b) > 2 {
		r.rareAmongOthers(&straight, p, q, a, b)
		if canCross {
			r.rareAmongOthers(&crossed, p, q, a, b)
		}
	}
	w := m.weight(&straight)
	if canCross {
		if v := m.weight(&crossed); v > w {
			return crossed, v
		}
	}
	return straight, w
}

// rareAmongOthers counts how rare what agrees is without the rows of the two people themselves.
func (r *Roster) rareAmongOthers(g *agreement, p, q *row, a, b []uint32) {
	for f := range fieldCount {
		if f == Sex || g.levels[f] != same(f) || g.cross && (f == Forename || f == Surname) {
			continue
		}
		rare := uint8(0)
		for v := range p.all(f) {
			for u := range q.all(f) {
				if u == v {
					r.counted = float64(r.holders(f, v, a) + r.holders(f, v, b))
					rare = max(rare, r.rareNow(f, v))
				}
			}
		}
		g.rare[f] = max(rare, g.rare[f])
	}
	r.counted = 2
}

// holders is how many of some rows have a value.
func (r *Roster) holders(f Field, value uint32, rows []uint32) (n int) {
	for _, i := range rows {
		for v := range r.rows[i].all(f) {
			if v == value {
				n++
			}
		}
	}
	return n
}

// nameless reports whether the rows have a placeholder, such as "Baby", and no forename.
func (r *Roster) nameless(rows []uint32) bool {
	placeholder := false
	for _, i := range rows {
		if r.rows[i].values[Forename] != 0 {
			return false
		}
		placeholder = placeholder || r.rows[i].nobody
	}
	return placeholder
}

// Two Patients of one source need so many bits above the threshold: one in 256 may be somebody's twin.
const oneSource = 3

// slips is how many times commoner a name is than its misspelling, and enoughNames how many Patients there must be for a name that no
// other has to be none.
const (
	slips       = 20
	enoughNames = 5000
)

// sure reports whether two people are so alike that even one source, which should know everybody once, has them twice: born on one
// day, of one sex, name and household, far above the threshold. A forename one letter off counts only where next to nobody else is
// called so: "Osar" is Oscar, but Kayden may be Jayden's twin.
func (r *Roster) sure(m *model, g *agreement, w float64, a, b []uint32) bool {
	if w < m.Link+oneSource || g.cross || g.levels[DOB] != same(DOB) || g.levels[Sex] == 1 || g.levels[Surname] < same(Surname)-1 || g.levels[Forename] < same(Forename)-1 {
		return false
	}
	if !g.underOneRoof() {
		return false
	}
	if g.levels[Forename] == same(Forename) {
		return true
	}
	p, q := r.profile(a), r.profile(b)
	others := func(v uint32) int {
		return int(r.dicts[Forename].counts[roleOf(Forename)][v]) - r.holders(Forename, v, a) - r.holders(Forename, v, b)
	}
	for v := range p.all(Forename) {
		for u := range q.all(Forename) {
			one, two := others(u), others(v)
			odd := min(one, two)*slips < max(one, two) || one+two == 0 && r.sizes[0] >= enoughNames
			if odd && near(r.word(Forename, u, nil).name, r.word(Forename, v, nil).name) {
				return true
			}
		}
	}
	return false
}

// nameless reports whether neither names nor a number speak for a pair.
func (g *agreement) nameless() bool {
	return g.levels[Forename] == 0 && g.levels[Surname] == 0 && g.levels[NHS] != same(NHS)
}

// underOneRoof reports whether two live in one place, or are reached in one way.
func (g *agreement) underOneRoof() bool {
	return g.levels[Postcode] == same(Postcode) || g.levels[Address] == same(Address) || g.levels[Phone] == same(Phone) || g.levels[Email] == same(Email)
}

// expecting is the model where share of people have a counterpart.
func (m *model) expecting(share float64) *model {
	out := *m
	out.perHead = math.Log2(share)
	out.prior = min(m.prior+out.perHead-m.perHead, -1)
	return &out
}

// A source's share of people who are known elsewhere is learned from those with an NHS number, and held to be that of the others. It
// begins as the settings have it, which weighs as much as this many people.
const sharePrior = 40

// mostShare leaves room for people nobody else knows.
const mostShare = 0.98

// shares counts for each source how likely its people are to be known elsewhere.
func (x *Index) shares(source map[string]string) map[string]float64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	names := map[string]int32{}
	number := func(id string) int32 {
		n, ok := names[source[id]]
		if !ok {
			n = int32(len(names) + 1)
			names[source[id]] = n
		}
		return n
	}
	const several = -1
	first := make([]int32, len(x.r.dicts[NHS].words)) // by NHS number: who has it
	for i, id := range x.r.ids {
		if v := x.r.rows[i].values[NHS]; v != 0 {
			switch n := number(id); first[v] {
			case 0:
				first[v] = n
			case n, several:
			default:
				first[v] = several
			}
		}
	}
	have, known := make([]float64, len(names)+1), make([]float64, len(names)+1)
	for i, id := range x.r.ids {
		if v := x.r.rows[i].values[NHS]; v != 0 {
			n := number(id)
			have[n]++
			if first[v] == several {
				known[n]++
			}
		}
	}
	out := make(map[string]float64, len(names))
	for name, n := range names {
		share := (known[n] + x.settings.Share*sharePrior) / (have[n] + sharePrior)
		out[name] = min(max(share, x.settings.Share), max(mostShare, x.settings.Share))
	}
	return out
}
