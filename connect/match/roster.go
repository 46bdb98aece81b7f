package match

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
)

// Roster is one file, or two, cleaned and ready to be compared. Equal values are kept once, so a row costs about 60 bytes.
type Roster struct {
	live     bool    // an Index: rows come and go
	register bool    // the rows are a record's Patients: pairs are as rare as an Index takes them to be
	counted  float64 // how many of a pair the counts hold: 2, or 1 where somebody is only asked about
	linkage  bool    // two files: pairs are between them, never within
	rows     []row
	ids      []string
	dicts    [fieldCount]*dictionary
	groups   map[string][]uint16
	sizes    [2]int
	found    [][]pair        // candidates that Learn found, for Run
	Silent   [fieldCount]int // values that were there and said nothing: wrong check digits, impossible dates, placeholders
}

type row struct {
	values [fieldCount]uint32 // number of the value in the field's dictionary; 0 is absent
	also   []also             // further values
	file   uint8
	nobody bool // the forename is a placeholder, as babies and twins have before they are named
}

type also struct {
	field Field
	value uint32
}

// dictionary holds a field's values. Forenames and surnames share one, so that swapped ones are seen.
type dictionary struct {
	words   []word
	number  map[string]uint32
	counts  [2][]uint32 // rows with the value; the second is of surnames
	filled  [2]int
	rares   [2][]uint8        // how rare a value is, in eighths of a bit; nil where counts still change
	tokens  map[string]uint32 // of addresses: the number of each word
	common  []uint32          // rows with the word, by its number
	bits    []float32         // what each word tells, by its number; 0 is a word nobody has
	total   int
	weighed int // total when bits were made
}

// word is a value with what comparing it needs.
type word struct {
	text   string
	name   *name   // of forenames and surnames
	tokens []token // of addresses
}

type name struct {
	joined  string
	sound   uint32
	letters uint32 // which of a to z there are; bit 26 is everything else
	groups  []uint16
	tokens  []string // where there are several
}

type token struct {
	text   string
	number uint32
}

// borrowed is the first number of values that are in no dictionary, of somebody who is only asked about.
const borrowed = 1 << 31

// word is a value by its number; own are the values in no dictionary.
func (r *Roster) word(f Field, n uint32, own []word) *word {
	if n >= borrowed {
		return &own[n-borrowed]
	}
	return &r.dicts[f].words[n]
}

func newDictionary() *dictionary {
	return &dictionary{words: make([]word, 1), number: map[string]uint32{}, counts: [2][]uint32{{0}, {0}}, tokens: map[string]uint32{}, common: []uint32{0}, bits: []float32{0}}
}

// New cleans people of one file (b nil: find those who are there twice) or of two (find those in both).
func New(a, b []Person, testNumbers bool) (*Roster, error) {
	r := &Roster{counted: 2, linkage: b != nil, groups: nicknames(), sizes: [2]int{len(a), len(b)}}
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
		r.dicts[f] = newDictionary()
	}
	r.dicts[Surname] = r.dicts[Forename]
	r.rows, r.ids = make([]row, len(all)), make([]string, len(all))
	for i, e := range all {
		if i > 0 && all[i-1].file == e.file && all[i-1].p.ID == e.p.ID {
			return nil, fmt.Errorf("id %q stands twice in file %d", e.p.ID, e.file+1)
		}
		r.ids[i], r.rows[i].file = e.p.ID, e.file
	}
	// Cleaning is the work of many; numbering the values is done in the order of the rows.
	const stretch = 4096
	cleaned := make([]chan []tidy, (len(all)+stretch-1)/stretch)
	for c := range cleaned {
		cleaned[c] = make(chan []tidy, 1)
	}
	next, ahead := atomic.Int64{}, make(chan bool, 64)
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for {
				ahead <- true
				c := int(next.Add(1)) - 1
				if c >= len(cleaned) {
					<-ahead
					return
				}
				part := all[c*stretch : min((c+1)*stretch, len(all))]
				out := make([]tidy, len(part))
				for i := range part {
					out[i] = tidied(part[i].p, testNumbers)
				}
				cleaned[c] <- out
			}
		}()
	}
	for c := range cleaned {
		for i, t := range <-cleaned[c] {
			to := &r.rows[c*stretch+i]
			to.values, to.also, to.nobody = r.take(&t)
		}
		<-ahead
	}
	r.weigh()
	return r, nil
}

// weigh settles what words and values tell, once the values are all there.
func (r *Roster) weigh() {
	r.dicts[Address].weigh()
	for f := range fieldCount {
		d, role := r.dicts[f], roleOf(f)
		d.rares[role] = make([]uint8, len(d.words))
		for v := range d.words {
			d.rares[role][v] = r.rareNow(f, uint32(v))
		}
	}
}

// tidy is a cleaned person.
type tidy struct {
	values [fieldCount]string
	also   []Value
	silent [fieldCount]bool // something was there and said nothing
	nobody bool
}

func tidied(p *Person, testNumbers bool) (t tidy) {
	for f, v := range p.Values {
		t.values[f] = clean(Field(f), v, testNumbers)
		if t.values[f] == "" && strings.TrimSpace(v) != "" {
			t.silent[f] = true
			t.nobody = t.nobody || Field(f) == Forename && unborn(v)
		}
	}
	for _, v := range p.Also {
		text := clean(v.Field, v.Text, testNumbers)
		switch {
		case text == "" || text == t.values[v.Field] || slices.Contains(t.also, Value{v.Field, text}):
		case t.values[v.Field] == "":
			t.values[v.Field] = text
		default:
			t.also = append(t.also, Value{v.Field, text})
		}
	}
	return t
}

// take numbers and counts a person's values.
func (r *Roster) take(t *tidy) (values [fieldCount]uint32, more []also, nobody bool) {
	for f, text := range t.values {
		if t.silent[f] {
			r.Silent[f]++
		}
		if text != "" {
			values[f] = r.dicts[f].add(Field(f), text, r.groups)
		}
	}
	for _, v := range t.also {
		more = append(more, also{v.Field, r.dicts[v.Field].add(v.Field, v.Text, r.groups)})
	}
	return values, more, t.nobody
}

// newWord makes what comparing a value needs; the numbers of an address's words are left to its dictionary.
func newWord(f Field, text string, groups map[string][]uint16) word {
	w := word{text: text}
	switch f {
	case Forename, Surname:
		n := &name{joined: strings.ReplaceAll(text, " ", ""), groups: groups[text]}
		n.sound = soundex(n.joined)
		n.letters = letters(n.joined)
		if n.joined != text {
			n.tokens = strings.Fields(text)
			n.groups = groups[n.tokens[0]]
		}
		w.name = n
	case Address:
		for t := range strings.FieldsSeq(text) {
			w.tokens = append(w.tokens, token{text: t})
		}
	}
	return w
}

func letters(s string) (set uint32) {
	for i := range len(s) {
		if c := s[i] - 'a'; c < 26 {
			set |= 1 << c
		} else {
			set |= 1 << 26
		}
	}
	return set
}

func roleOf(f Field) int {
	if f == Surname {
		return 1
	}
	return 0
}

func (d *dictionary) add(f Field, text string, groups map[string][]uint16) uint32 {
	n, ok := d.number[text]
	if !ok {
		text = strings.Clone(text)
		w := newWord(f, text, groups)
		for t := range w.tokens {
			token := &w.tokens[t]
			if token.number, ok = d.tokens[token.text]; !ok {
				token.number = uint32(len(d.common))
				d.tokens[token.text] = token.number
				d.common, d.bits = append(d.common, 0), append(d.bits, 0)
			}
		}
		n = uint32(len(d.words))
		d.number[text] = n
		d.words = append(d.words, w)
		d.counts[0] = append(d.counts[0], 0)
		if f == Forename || f == Surname {
			d.counts[1] = append(d.counts[1], 0)
		}
	}
	d.count(f, n, 1)
	return n
}

// count makes a value commoner by one, or rarer.
func (d *dictionary) count(f Field, n uint32, by int) {
	role := roleOf(f)
	d.counts[role][n] = uint32(int(d.counts[role][n]) + by)
	d.filled[role] += by
	if f == Address {
		d.total += by
		for _, t := range d.words[n].tokens {
			d.common[t.number] = uint32(int(d.common[t.number]) + by)
		}
	}
}

// weigh gives each word of an address the bits it tells: "street" next to none, "tullaroop" many.
func (d *dictionary) weigh() {
	d.weighed = d.total
	d.bits[0] = float32(math.Log2(float64(d.total + 1)))
	for n, rows := range d.common[1:] {
		d.bits[n+1] = float32(math.Log2(float64(d.total+1) / float64(max(rows, 1))))
	}
}

// usual is how often a value of a field is met when the file cannot tell: one person in that many.
var usual = [fieldCount]float64{NHS: 1e6, Forename: 1500, Surname: 3000, DOB: 20000, Sex: 2, Postcode: 5000, Address: 10000, Town: 100, Phone: 1e6, Email: 1e6}

// rarity is -log2 of the share of other people who have the value: the count without this pair, smoothed by
// what is usual.
func (r *Roster) rarity(f Field, value uint32) float64 {
	const prior = 500
	d, role := r.dicts[f], roleOf(f)
	others := 0.0
	if value < borrowed {
		others = max(float64(d.counts[role][value])-r.counted, 0)
	}
	share := (others + prior/usual[f]) / (float64(d.filled[role]) + prior)
	if f == DOB && (r.live || r.register) {
		share = max(share, rarestDay)
	}
	return -math.Log2(share)
}

// rarestDay is the share of people born on one day at the least, about: days are many, but not as names are, of which some are nobody
// else's. A register in which nobody else was born on a day is small, and the day not proof.
const rarestDay = 1.0 / (90 * 365)

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
