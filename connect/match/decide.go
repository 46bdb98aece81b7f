package match

import (
	"cmp"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Decision says what becomes of a pair.
type Decision uint8

// Apart: two people, for all we know. Ask: a person should look. One: one person.
const (
	Apart Decision = iota
	Ask
	One
)

func (d Decision) String() string { return [...]string{"non-link", "review", "link"}[d] }

// Scored is a pair with its weight in bits. For two files A is of the first.
type Scored struct {
	A, B     uint32
	Weight   float32
	Decision Decision
}

// ID is the id of a row of a Scored pair.
func (r *Roster) ID(row uint32) string { return r.ids[row] }

// Len is the number of rows.
func (r *Roster) Len() int { return len(r.rows) }

// worthKeeping is the weight below which a pair is not even kept for a second look.
const worthKeeping = -12

// Run scores all candidate pairs and decides. With all, pairs that are apart are returned as well.
func (r *Roster) Run(s *Settings, all bool, tell func(done, total int64)) []Scored {
	m := s.model(r)
	var mu sync.Mutex
	var found []Scored
	r.visit(tell, func(_ int, batch []pair) {
		var own []Scored
		for _, p := range batch {
			if !all && !r.hopeful(m, &r.rows[p.a], &r.rows[p.b], nil) {
				continue
			}
			g, w := r.best(m, p.a, p.b)
			d := m.decide(r, &g, w, p)
			if d != Apart || all || w > worthKeeping {
				own = append(own, Scored{p.a, p.b, float32(w), d})
			}
		}
		mu.Lock()
		found = append(found, own...)
		mu.Unlock()
	})
	slices.SortFunc(found, byRows)
	found = slices.CompactFunc(found, func(x, y Scored) bool { return x.A == y.A && x.B == y.B })
	if r.linkage {
		r.rivals(m, found)
		r.alone(m, found)
		found = r.leftovers(m, found)
	} else {
		found = r.cluster(m, found)
	}
	if !all {
		found = slices.DeleteFunc(found, func(p Scored) bool { return p.Decision == Apart })
	}
	return found
}

// visit walks the candidates: those that Learn has just found, or finds them.
func (r *Roster) visit(tell func(done, total int64), do func(worker int, batch []pair)) {
	if r.found == nil {
		r.candidates(tell, do)
		return
	}
	work, total := make(chan []pair, len(r.found)), int64(len(r.found))
	for _, batch := range r.found {
		work <- batch
	}
	close(work)
	r.found = nil
	var done atomic.Int64
	var wait sync.WaitGroup
	for w := range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for batch := range work {
				do(w, batch)
				tell(done.Add(1), total)
			}
		})
	}
	wait.Wait()
}

func byRows(x, y Scored) int { return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B)) }

// decide applies the rules that need no weight, then the thresholds.
func (m *model) decide(r *Roster, g *agreement, w float64, p pair) Decision {
	return m.judge(g, w, r.rows[p.a].nobody || r.rows[p.b].nobody)
}

func (m *model) judge(g *agreement, w float64, nobody bool) Decision {
	if g.levels[NHS] == same(NHS) {
		switch {
		case g.levels[DOB] == same(DOB):
			return One
		case g.levels[DOB] == 1 || g.levels[DOB] == 2:
			return Ask // the number is one person's, the birth date another's
		case g.levels[Forename] == 1 && g.levels[Surname] == 1:
			return Ask
		}
	}
	switch {
	case w >= m.Link && nobody && g.levels[NHS] != same(NHS):
		return Ask // "Baby" may be either twin
	case w >= m.Link && w < m.Link+2*m.Gap && g.levels[DOB] == 1 && g.levels[Address] == 1 && !m.unique(g):
		return Ask // of the same name in the same town, but born and living elsewhere
	case w >= m.Link && g.levels[NHS] == 1 && w < m.Link+m.Gap:
		return Ask
	case w >= m.Link:
		return One
	case w >= m.Review:
		return Ask
	}
	return Apart
}

// unique reports whether something that is one person's alone agrees.
func (m *model) unique(g *agreement) bool {
	return g.levels[NHS] == same(NHS) || g.levels[Email] == same(Email) || g.levels[Phone] == same(Phone)
}

// alone links pairs a little below the threshold whose rows have nobody else. Where nearly everybody of the smaller file is in the other,
// a row without another candidate is more likely to belong to its only one: by 1 in (1 - share), and by 4 bits at most.
func (r *Roster) alone(m *model, found []Scored) {
	extra := min(-math.Log2(max(1-m.Share, 1.0/16)), 4)
	rows := map[uint32]int{}
	for i := range found {
		if found[i].Decision != Apart {
			rows[found[i].A]++
			rows[found[i].B]++
		}
	}
	for i := range found {
		p := &found[i]
		if p.Decision == Ask && float64(p.Weight) < m.Link && rows[p.A] == 1 && rows[p.B] == 1 {
			g, w := r.best(m, p.A, p.B)
			p.Decision = m.decide(r, &g, w+extra, pair{p.A, p.B})
		}
	}
}

// rivals turns a link into a question where a row has another that is nearly as good, or better, unless the two rivals are one
// person themselves.
func (r *Roster) rivals(m *model, found []Scored) {
	byRow := map[uint32][]int{}
	for i := range found {
		if found[i].Decision == One {
			byRow[found[i].A] = append(byRow[found[i].A], i)
			byRow[found[i].B] = append(byRow[found[i].B], i)
		}
	}
	var doubted []int
	for row, links := range byRow {
		for _, i := range links {
			for _, j := range links {
				if i == j || float64(found[i].Weight)-float64(found[j].Weight) >= m.Gap {
					continue
				}
				one, other := found[i].A, found[j].A
				if row == found[i].A {
					one, other = found[i].B, found[j].B
				}
				if _, w := r.best(m, one, other); w < m.Link {
					doubted = append(doubted, i)
				}
			}
		}
	}
	for _, i := range doubted {
		found[i].Decision = Ask
	}
}

// Clusters larger than this are not one person but a fault of the data.
const largestPerson = 100

// cluster joins links into people, strongest first. Two groups become one person only where all pairs between them together speak
// for it, so that a chain of weak links does not join strangers. All pairs of a person are links, with their own weights.
func (r *Roster) cluster(m *model, found []Scored) []Scored {
	strongest := make([]int, 0)
	refused, certain := map[pair]bool{}, map[pair]bool{} // certainly not one, whatever their other rows say
	for i := range found {
		switch {
		case found[i].Decision == One:
			strongest = append(strongest, i)
		case found[i].Decision == Ask && float64(found[i].Weight) >= m.Link:
			p := pair{found[i].A, found[i].B}
			refused[p] = true
			if g, _ := r.best(m, p.a, p.b); g.levels[NHS] != 0 || r.rows[p.a].nobody || r.rows[p.b].nobody {
				certain[p] = true
			}
		}
	}
	whole := make(map[int]float64, len(strongest)) // the guard makes many weights equal; what it took off still tells which is stronger
	for _, i := range strongest {
		g, _ := r.best(m, found[i].A, found[i].B)
		whole[i] = m.unguarded(&g)
	}
	slices.SortFunc(strongest, func(i, j int) int {
		return cmp.Or(cmp.Compare(found[j].Weight, found[i].Weight), cmp.Compare(whole[j], whole[i]), byRows(found[i], found[j]))
	})
	of := map[uint32]*[]uint32{}
	group := func(row uint32) *[]uint32 {
		if of[row] == nil {
			of[row] = &[]uint32{row}
		}
		return of[row]
	}
	for _, i := range strongest {
		a, b := group(found[i].A), group(found[i].B)
		if a == b {
			continue
		}
		if !r.join(m, *a, *b, refused) {
			found[i].Decision = Ask
			continue
		}
		*a = append(*a, *b...)
		for _, row := range *b {
			of[row] = a
		}
	}
	r.gather(m, found, of, certain)
	known := map[pair]int{}
	for i := range found {
		if a := of[found[i].A]; a != nil && a == of[found[i].B] {
			found[i].Decision = One
			known[pair{found[i].A, found[i].B}] = i
		}
	}
	for row, g := range of {
		for _, other := range *g {
			if row < other {
				if _, ok := known[pair{row, other}]; !ok {
					_, w := r.best(m, row, other)
					found = append(found, Scored{row, other, float32(w), One})
				}
			}
		}
	}
	slices.SortFunc(found, byRows)
	return found
}

func (r *Roster) join(m *model, a, b []uint32, refused map[pair]bool) bool {
	if len(a)+len(b) > largestPerson {
		return false
	}
	sum := 0.0
	for _, x := range a {
		for _, y := range b {
			if refused[pair{min(x, y), max(x, y)}] {
				return false
			}
			g, w := r.best(m, x, y)
			if g.levels[NHS] == same(NHS) && g.levels[DOB] == same(DOB) {
				w = max(w, m.Link)
			}
			if g.levels[NHS] == 1 && w < m.Link+m.Gap {
				return false // two numbers are two people, whoever is like both of them
			}
			sum += math.Max(w, -20)
		}
	}
	return sum/float64(len(a)*len(b)) >= 0
}

// Explain returns the pair's weight and the lines that add up to it.
func (r *Roster) Explain(s *Settings, a, b uint32) ([]Part, float64) {
	return r.explain(s.model(r), a, b)
}
