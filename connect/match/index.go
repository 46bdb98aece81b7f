package match

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"
)

// Index holds people in memory and says at once who somebody is. It decides by settings that do not change; how common each value
// is, it counts as people come and go. It is safe for use by several goroutines at once.
type Index struct {
	mu          sync.RWMutex
	r           *Roster
	settings    *Settings
	testNumbers bool
	at          map[string]uint32 // the row of an id
	free        []uint32          // rows that were removed
	nodes       []node            // number 0 is none
	freeNode    uint32
	heads       []uint32 // the first node of a bucket; their number is a power of 2
	used        int      // nodes in buckets
}

// node is one reading of a row in one block.
type node struct{ next, mark, row uint32 }

// Candidate is somebody in an Index who may be the person asked about.
type Candidate struct {
	ID       string
	Weight   float64 // log2 odds that they are one person
	Decision Decision
	Parts    []Part // add up to the weight
	Certain  bool   // NHS number and birth date agree
	Clash    bool   // the NHS number agrees and the birth date, or the names, do not
}

// NewIndex makes an empty index that decides by s for ever; nil is Default.
func NewIndex(s *Settings, testNumbers bool) (*Index, error) {
	if s == nil {
		s = Default()
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	x := &Index{r: &Roster{live: true, counted: 2, groups: nicknames()}, settings: s, testNumbers: testNumbers, at: map[string]uint32{}, nodes: make([]node, 1), heads: make([]uint32, 1024)}
	for f := range x.r.dicts {
		x.r.dicts[f] = newDictionary()
	}
	x.r.dicts[Surname] = x.r.dicts[Forename]
	return x, nil
}

// Len is how many people there are.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.at)
}

// Add puts a person in, in the place of whoever had the ID.
func (x *Index) Add(p Person) error {
	if p.ID == "" {
		return fmt.Errorf("a person without an id cannot be put into the index")
	}
	t := tidied(&p, x.testNumbers)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.remove(p.ID)
	var i uint32
	if n := len(x.free); n > 0 {
		i, x.free = x.free[n-1], x.free[:n-1]
	} else {
		i = uint32(len(x.r.rows))
		x.r.rows, x.r.ids = append(x.r.rows, row{}), append(x.r.ids, "")
	}
	to := &x.r.rows[i]
	to.values, to.also, to.nobody = x.r.take(&t)
	x.r.ids[i], x.at[p.ID] = p.ID, i
	x.r.sizes[0]++
	x.reweigh(i)
	for key := range x.r.keysOf(to, nil) {
		x.hang(key, i)
	}
	if x.used > len(x.heads) {
		x.widen()
	}
	return nil
}

// reweigh keeps what the words of an address tell near what their counts say: those just counted at once, all of them now and then.
func (x *Index) reweigh(i uint32) {
	d := x.r.dicts[Address]
	if d.total > d.weighed+d.weighed/4 {
		d.weigh()
		return
	}
	for v := range x.r.rows[i].all(Address) {
		for _, t := range d.words[v].tokens {
			d.bits[t.number] = float32(math.Log2(float64(d.total+1) / float64(max(d.common[t.number], 1))))
		}
	}
}

// Remove takes a person out; false where there was none of that ID.
func (x *Index) Remove(id string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.remove(id)
}

func (x *Index) remove(id string) bool {
	i, ok := x.at[id]
	if !ok {
		return false
	}
	was := &x.r.rows[i]
	for key := range x.r.keysOf(was, nil) {
		x.unhang(key, i)
	}
	for f := range fieldCount {
		for v := range was.all(f) {
			x.r.dicts[f].count(f, v, -1)
		}
	}
	delete(x.at, id)
	*was, x.r.ids[i] = row{}, ""
	x.free = append(x.free, i)
	x.r.sizes[0]--
	return true
}

// onlinePasses are the passes of blocking whose blocks stay small in a register of a million.
var onlinePasses = [...]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15}

// keysOf yields the blocks of a row in all its readings; one can come twice.
func (r *Roster) keysOf(w *row, own []word) func(func(uint64) bool) {
	return func(yield func(uint64) bool) {
		for i := -1; i < len(w.also); i++ {
			values := w.values
			if i >= 0 {
				values[w.also[i].field] = w.also[i].value
			}
			f := r.facts(&values, own)
			for _, pass := range onlinePasses {
				if key := f.key(pass); key != 0 && !yield(key) {
					return
				}
			}
		}
	}
}

func (x *Index) bucket(key uint64) uint64 { return key & uint64(len(x.heads)-1) }

func (x *Index) hang(key uint64, row uint32) {
	n := x.freeNode
	if n == 0 {
		n = uint32(len(x.nodes))
		x.nodes = append(x.nodes, node{})
	} else {
		x.freeNode = x.nodes[n].next
	}
	head := &x.heads[x.bucket(key)]
	x.nodes[n] = node{*head, uint32(key >> 32), row}
	*head = n
	x.used++
}

// widen doubles the buckets. Nodes hold half of a key, which is not enough to say where they go, so the keys are made again.
func (x *Index) widen() {
	x.heads = make([]uint32, 2*len(x.heads))
	x.nodes, x.freeNode, x.used = x.nodes[:1], 0, 0
	for i, id := range x.r.ids {
		if id != "" {
			for key := range x.r.keysOf(&x.r.rows[i], nil) {
				x.hang(key, uint32(i))
			}
		}
	}
}

func (x *Index) unhang(key uint64, row uint32) {
	for at := &x.heads[x.bucket(key)]; *at != 0; at = &x.nodes[*at].next {
		if n := *at; x.nodes[n].row == row && x.nodes[n].mark == uint32(key>>32) {
			*at = x.nodes[n].next
			x.nodes[n].next, x.freeNode = x.freeNode, n
			x.used--
			return
		}
	}
}

const (
	longestWalk = 4000 // nodes of a bucket that are looked at
	mostFound   = 600  // candidates from one block
	mostAnswers = 20
)

// Find answers who may be p, likeliest first: those who are one person with p, those about whom someone should be asked, and of
// the others the nearest few. Somebody in the index under p's own ID is left out. Where two who are not one person themselves are
// nearly as good as each other, both are questions.
func (x *Index) Find(p Person) []Candidate {
	t := tidied(&p, x.testNumbers)
	x.mu.RLock()
	defer x.mu.RUnlock()
	probe, own := x.probe(&t)
	found := x.near(p.ID, probe, own)
	r := x.besides(p.ID)
	m := x.settings.model(r)
	for i := range found {
		for j := range found {
			if i == j || found[i].Decision != One || found[j].Decision != One || found[i].Weight-found[j].Weight >= m.Gap || found[i].Certain {
				continue
			}
			if _, w := x.r.best(m, x.at[found[i].ID], x.at[found[j].ID]); w < m.Link {
				found[i].Decision = Ask
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Candidate) int { return cmp.Compare(b.Decision, a.Decision) })
	return found
}

// nearest are those in the index who may be somebody in it, each weighed alone.
func (x *Index) nearest(id string) []Candidate {
	x.mu.RLock()
	defer x.mu.RUnlock()
	i, there := x.at[id]
	if !there {
		return nil
	}
	return x.near(id, &x.r.rows[i], nil)
}

// near are those who may be who a probe says, likeliest first, whoever else may be.
func (x *Index) near(id string, probe *row, own []word) []Candidate {
	r := x.besides(id)
	m := x.settings.model(r)
	type scored struct {
		row uint32
		g   agreement
		w   float64
		d   Decision
	}
	var found []scored
	for _, i := range x.around(probe, own) {
		other := &x.r.rows[i]
		if x.r.ids[i] == id || !r.hopeful(m, probe, other, own) {
			continue
		}
		g, w := r.bestOf(m, probe, other, own)
		if d := m.judge(&g, w, probe.nobody || other.nobody); d != Apart || w > worthKeeping {
			found = append(found, scored{i, g, w, d})
		}
	}
	slices.SortFunc(found, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.d, a.d), cmp.Compare(b.w, a.w), cmp.Compare(x.r.ids[a.row], x.r.ids[b.row]))
	})
	found = found[:min(len(found), mostAnswers)]
	out := make([]Candidate, len(found))
	for i, s := range found {
		c := Candidate{ID: x.r.ids[s.row], Weight: s.w, Decision: s.d, Parts: m.parts(&s.g, s.w), Certain: certain(&s.g)}
		c.Clash = s.g.levels[NHS] == same(NHS) && !c.Certain && s.d == Ask
		out[i] = c
	}
	return out
}

// Weigh holds p against somebody in the index, whatever block they are in; false where nobody has the ID.
func (x *Index) Weigh(p Person, id string) (Candidate, bool) {
	t := tidied(&p, x.testNumbers)
	x.mu.RLock()
	defer x.mu.RUnlock()
	i, ok := x.at[id]
	if !ok {
		return Candidate{}, false
	}
	probe, own := x.probe(&t)
	r := x.besides(p.ID)
	m := x.settings.model(r)
	g, w := r.bestOf(m, probe, &r.rows[i], own)
	c := Candidate{ID: id, Weight: w, Decision: m.judge(&g, w, probe.nobody || x.r.rows[i].nobody), Parts: m.parts(&g, w), Certain: certain(&g)}
	c.Clash = g.levels[NHS] == same(NHS) && !c.Certain && c.Decision == Ask
	return c, true
}

// besides is the roster as it looks to somebody of that ID, who may be counted in it or not.
func (x *Index) besides(id string) *Roster {
	r := *x.r
	if _, there := x.at[id]; !there {
		r.counted = 1
	}
	return &r
}

// clash reports whether two in the index have NHS numbers, and none in common.
func (x *Index) clash(a, b string) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	i, ok := x.at[a]
	j, there := x.at[b]
	if !ok || !there || x.r.rows[i].values[NHS] == 0 || x.r.rows[j].values[NHS] == 0 {
		return false
	}
	for one := range x.r.rows[i].all(NHS) {
		for other := range x.r.rows[j].all(NHS) {
			if one == other {
				return false
			}
		}
	}
	return true
}

func certain(g *agreement) bool { return g.levels[NHS] == same(NHS) && g.levels[DOB] == same(DOB) }

// probe is a row for somebody who is not in the index; values nobody has are borrowed.
func (x *Index) probe(t *tidy) (*row, []word) {
	var own []word
	number := func(f Field, text string) uint32 {
		d := x.r.dicts[f]
		if n, ok := d.number[text]; ok {
			return n
		}
		w := newWord(f, text, x.r.groups)
		for i := range w.tokens {
			w.tokens[i].number = d.tokens[w.tokens[i].text]
		}
		own = append(own, w)
		return borrowed + uint32(len(own)-1)
	}
	p := &row{nobody: t.nobody}
	for f, text := range t.values {
		if text != "" {
			p.values[f] = number(Field(f), text)
		}
	}
	for _, v := range t.also {
		p.also = append(p.also, also{v.Field, number(v.Field, v.Text)})
	}
	return p, own
}

// around are the rows of a probe's blocks, each once.
func (x *Index) around(probe *row, own []word) []uint32 {
	var rows []uint32
	for key := range x.r.keysOf(probe, own) {
		walked, of := 0, 0
		for n := x.heads[x.bucket(key)]; n != 0 && walked < longestWalk && of < mostFound; n = x.nodes[n].next {
			walked++
			if x.nodes[n].mark == uint32(key>>32) {
				rows = append(rows, x.nodes[n].row)
				of++
			}
		}
	}
	slices.Sort(rows)
	return slices.Compact(rows)
}
