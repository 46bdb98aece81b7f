package match

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Roster is one file, or two, cleaned and ready to be compared. Equal values are kept once, so a row costs about 60 bytes.
type Roster struct {
	linkage bool // two files: pairs are between them, never within
	rows    []row
	ids     []string
	dicts   [fieldCount]*dictionary
	groups  map[string][]uint16
	sizes   [2]int
	Silent  [fieldCount]int // values that were there and said nothing: wrong check digits, impossible dates, placeholders
}

type row struct {
	values [fieldCount]uint32 // number of the value in the field's dictionary; 0 is absent
	file   uint8
	nobody bool // the forename is a placeholder, as babies and twins have before they are named
}

// dictionary holds a field's values. Forenames and surnames share one, so that swapped ones are seen.
type dictionary struct {
	words  []word
	number map[string]uint32
	counts [2][]uint32 // rows with the value; the second is of surnames
	filled [2]int
	tokens map[string]uint32 // of addresses: rows with the word
	total  int
}

// word is a value with what comparing it needs.
type word struct {
	text, joined string
	sound        uint32
	groups       []uint16
	tokens       []string
	weights      []float32
	sum          float32
}

// New cleans people of one file (b nil: find those who are there twice) or of two (find those in both).
func New(a, b []Person, testNumbers bool) (*Roster, error) {
	r := &Roster{linkage: b != nil, groups: nicknames(), sizes: [2]int{len(a), len(b)}}
	if uint64(len(a))+uint64(len(b)) >= math.MaxUint32 {
		return nil, fmt.Errorf("%d rows are more than one run can hold", len(a)+len(b))
	}
	type entry struct {
		p    *Person
		file uint8
	}
	all := make([]entry, 0, len(a)+len(b))
	for file, people := range [][]Person{a, b} {
		for i := range people {
			all = append(all, entry{&people[i], uint8(file)})
		}
	}
	slices.SortFunc(all, func(x, y entry) int { return cmp.Or(cmp.Compare(x.file, y.file), strings.Compare(x.p.ID, y.p.ID)) })
	for f := range r.dicts {
		r.dicts[f] = &dictionary{words: make([]word, 1), number: map[string]uint32{}, tokens: map[string]uint32{}}
	}
	r.dicts[Surname] = r.dicts[Forename]
	r.rows, r.ids = make([]row, len(all)), make([]string, len(all))
	for i, e := range all {
		if i > 0 && all[i-1].file == e.file && all[i-1].p.ID == e.p.ID {
			return nil, fmt.Errorf("id %q stands twice in file %d", e.p.ID, e.file+1)
		}
		r.ids[i], r.rows[i].file = e.p.ID, e.file
		for f, v := range e.p.Values {
			text := clean(Field(f), v, testNumbers)
			if text == "" {
				if strings.TrimSpace(v) != "" {
					r.Silent[f]++
					r.rows[i].nobody = r.rows[i].nobody || Field(f) == Forename
				}
				continue
			}
			r.rows[i].values[f] = r.dicts[f].add(Field(f), text, r.groups)
		}
	}
	r.dicts[Address].weigh()
	return r, nil
}

func (d *dictionary) add(f Field, text string, groups map[string][]uint16) uint32 {
	n, ok := d.number[text]
	if !ok {
		n = uint32(len(d.words))
		text = strings.Clone(text)
		d.number[text] = n
		w := word{text: text, joined: text}
		switch f {
		case Forename, Surname:
			w.joined = strings.ReplaceAll(text, " ", "")
			w.sound = soundex(w.joined)
			w.groups = groups[text]
			if w.joined != text {
				w.tokens = strings.Fields(text)
				w.groups = groups[w.tokens[0]]
			}
		case Town:
			w.sound = soundex(text)
		case Address:
			w.tokens = strings.Fields(text)
		}
		d.words = append(d.words, w)
	}
	role := 0
	if f == Surname {
		role = 1
	}
	for r := range d.counts {
		for len(d.counts[r]) < len(d.words) {
			d.counts[r] = append(d.counts[r], 0)
		}
	}
	d.counts[role][n]++
	d.filled[role]++
	if f == Address {
		for _, t := range d.words[n].tokens {
			d.tokens[t]++
		}
		d.total++
	}
	return n
}

// weigh gives each word of an address the bits it tells: "street" next to none, "tullaroop" many.
func (d *dictionary) weigh() {
	for i := range d.words {
		w := &d.words[i]
		w.weights = make([]float32, len(w.tokens))
		for t, token := range w.tokens {
			w.weights[t] = float32(math.Log2(float64(d.total+1) / float64(d.tokens[token])))
			w.sum += w.weights[t]
		}
	}
}

// usual is how often a value of a field is met when the file cannot tell: one person in that many.
var usual = [fieldCount]float64{NHS: 1e6, Forename: 1500, Surname: 3000, DOB: 20000, Sex: 2, Postcode: 5000, Address: 10000, Town: 100, Phone: 1e6, Email: 1e6}

// rarity is -log2 of the share of other people who have the value: the file's count without this pair, smoothed by
// what is usual.
func (r *Roster) rarity(f Field, value uint32) float64 {
	const prior = 500
	d, role := r.dicts[f], 0
	if f == Surname {
		role = 1
	}
	others := max(float64(d.counts[role][value])-2, 0)
	return -math.Log2((others + prior/usual[f]) / (float64(d.filled[role]) + prior))
}

// universe is the number of pairs there are.
func (r *Roster) universe() float64 {
	if r.linkage {
		return max(float64(r.sizes[0])*float64(r.sizes[1]), 1)
	}
	n := float64(len(r.rows))
	return max(n*(n-1)/2, 1)
}

// people is how many could at most have a counterpart.
func (r *Roster) people() float64 {
	if r.linkage {
		return float64(max(min(r.sizes[0], r.sizes[1]), 1))
	}
	return float64(max(len(r.rows), 1))
}
