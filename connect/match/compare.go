package match

import (
	"iter"
	"math"
	"math/bits"
	"strings"
)

// agreement is how far each field of a pair agrees, how rare what is the same is, and how many values of it were held against
// each other, both in eighths of a bit.
type agreement struct {
	levels [fieldCount]uint8
	rare   [fieldCount]uint8
	many   [fieldCount]uint8
	cross  bool // forename against surname and the other way round
}

// compare holds two rows against each other; own are values that are in no dictionary. It is symmetric.
func (r *Roster) compare(a, b *row, own []word) (straight, crossed agreement, canCross bool) {
	x, y := &a.values, &b.values
	g := &straight
	for f := range fieldCount {
		if x[f] != 0 && y[f] != 0 {
			g.levels[f], g.rare[f] = r.agree(f, x[f], y[f], own)
		}
	}
	if len(a.also)+len(b.also) > 0 {
		r.compareAll(g, a, b, own)
	}
	if x[Forename] != 0 && x[Surname] != 0 && y[Forename] != 0 && y[Surname] != 0 &&
		(g.levels[Forename] < same(Forename) || g.levels[Surname] < same(Surname)) {
		one := r.surname(x[Forename], y[Surname], own)
		if one < 3 {
			return straight, crossed, false
		}
		if other := r.surname(x[Surname], y[Forename], own); other >= 3 {
			crossed, canCross = *g, true
			crossed.cross = true
			r.crossNames(&crossed, [2]uint32{x[Forename], y[Surname]}, [2]uint32{x[Surname], y[Forename]}, one, other)
		}
	}
	return straight, crossed, canCross
}

// agree compares two values of a field.
func (r *Roster) agree(f Field, x, y uint32, own []word) (level, rare uint8) {
	switch {
	case x == y && f == DOB && r.word(f, x, own).text[6:] == "00":
		return 4, 0
	case x == y:
		return same(f), r.rare(f, x)
	case f == Forename:
		return r.forename(x, y, own), 0
	case f == Surname:
		return r.surname(x, y, own), 0
	}
	return differing(f, r.word(f, x, own), r.word(f, y, own), r.dicts[f]), 0
}

// compareAll takes the best agreement of all values that two rows have of a field, and notes how many chances there were.
func (r *Roster) compareAll(g *agreement, a, b *row, own []word) {
	var seen [fieldCount]bool
	for _, side := range [2]*row{a, b} {
		for _, v := range side.also {
			f := v.field
			if seen[f] || a.values[f] == 0 || b.values[f] == 0 {
				continue
			}
			seen[f] = true
			combinations := 0
			for x := range a.all(f) {
				for y := range b.all(f) {
					combinations++
					if l, rare := r.agree(f, x, y, own); l > g.levels[f] || l == g.levels[f] && rare > g.rare[f] {
						g.levels[f], g.rare[f] = l, rare
					}
				}
			}
			g.many[f] = uint8(min(math.Log2(float64(combinations))*8, 255))
		}
	}
}

// all yields a row's values of a field, the current one first.
func (w *row) all(f Field) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		if w.values[f] == 0 || !yield(w.values[f]) {
			return
		}
		for _, v := range w.also {
			if v.field == f && !yield(v.value) {
				return
			}
		}
	}
}

func (r *Roster) rare(f Field, value uint32) uint8 {
	if known := r.dicts[f].rares[roleOf(f)]; int(value) < len(known) {
		return known[value]
	}
	return r.rareNow(f, value)
}

func (r *Roster) rareNow(f Field, value uint32) uint8 {
	return uint8(min(max(r.rarity(f, value), 0)*8, 255))
}

// crossNames fills in swapped names. In which of the two rows they stand right is not known, so the better of the two agreements
// counts as the forename's, whichever row came first.
func (r *Roster) crossNames(g *agreement, one, other [2]uint32, levelOne, levelOther uint8) {
	rareOne, rareOther := r.crossRarity(one), r.crossRarity(other)
	if levelOne < levelOther || levelOne == levelOther && rareOne < rareOther {
		levelOne, levelOther, rareOne, rareOther = levelOther, levelOne, rareOther, rareOne
	}
	if levelOne >= 4 { // the table of forenames has one more level: short forms
		levelOne++
	}
	g.levels[Forename], g.rare[Forename], g.many[Forename] = levelOne, rareOne, 0
	g.levels[Surname], g.rare[Surname], g.many[Surname] = levelOther, rareOther, 0
}

func (r *Roster) crossRarity(pair [2]uint32) uint8 {
	if pair[0] != pair[1] {
		return 0
	}
	return min(r.rare(Forename, pair[0]), r.rare(Surname, pair[0]))
}

func (r *Roster) forename(x, y uint32, own []word) uint8 {
	a, b := r.word(Forename, x, own).name, r.word(Forename, y, own).name
	if near(a, b) {
		return 5
	}
	for _, g := range a.groups {
		for _, h := range b.groups {
			if g == h {
				return 4
			}
		}
	}
	if a.tokens != nil && hasToken(a.tokens, b) || b.tokens != nil && hasToken(b.tokens, a) {
		return 4
	}
	if soundsAlike(a, b) {
		return 3
	}
	short, long := a.joined, b.joined
	if len(short) > len(long) {
		short, long = long, short
	}
	if (len(short) == 1 || len(short) >= 3) && strings.HasPrefix(long, short) {
		return 2
	}
	return 1
}

func (r *Roster) surname(x, y uint32, own []word) uint8 {
	if x == y {
		return same(Surname)
	}
	a, b := r.word(Surname, x, own).name, r.word(Surname, y, own).name
	switch {
	case near(a, b):
		return 4
	case soundsAlike(a, b):
		return 3
	case a.tokens != nil && hasToken(a.tokens, b) || b.tokens != nil && hasToken(b.tokens, a):
		return 2
	}
	return 1
}

// near is one slip of the keyboard, in names long enough for that not to make another name. "Ann" and "Jan" are two people.
func near(a, b *name) bool {
	if a.joined == b.joined {
		return true
	}
	x, y := len(a.joined), len(b.joined)
	return min(x, y) >= 3 && max(x, y) >= 4 && bits.OnesCount32(a.letters^b.letters) <= 2 && withinOne(a.joined, b.joined)
}

func soundsAlike(a, b *name) bool {
	least := 0.88
	if a.sound == b.sound && a.sound != 0 {
		least = 0.78
	}
	// Letters that only one of two names has are certainly unmatched, which settles most pairs without looking at the order.
	x, y := len(a.joined), len(b.joined)
	found := float64(min(x-bits.OnesCount32(a.letters&^b.letters), y-bits.OnesCount32(b.letters&^a.letters)))
	if x == 0 || y == 0 || found <= 0 {
		return false
	}
	prefix := 0
	for prefix < min(4, x, y) && a.joined[prefix] == b.joined[prefix] {
		prefix++
	}
	most := (found/float64(x) + found/float64(y) + 1) / 3
	if x <= 64 && y <= 64 && most+float64(prefix)*.1*(1-most) < least {
		return false
	}
	return winkler(a.joined, b.joined) >= least
}

func hasToken(tokens []string, w *name) bool {
	for _, t := range tokens {
		if len(t) > 2 && (t == w.joined || w.tokens != nil && contains(w.tokens, t)) {
			return true
		}
	}
	return false
}

func contains(tokens []string, t string) bool {
	for _, u := range tokens {
		if u == t {
			return true
		}
	}
	return false
}

// differing compares two values that differ.
func differing(f Field, v, w *word, d *dictionary) uint8 {
	a, b := v.text, w.text
	switch f {
	case NHS:
		if withinOne(a, b) {
			return 2
		}
	case DOB:
		return birth(a, b)
	case Postcode:
		return postcode(a, b)
	case Address:
		return address(v, w, d.bits)
	case Town:
		switch {
		case max(len(a), len(b)) > 3 && withinOne(a, b):
			return 3
		case winkler(a, b) >= 0.85:
			return 2
		}
	case Phone:
		if withinOne(a, b) {
			return 2
		}
	case Email:
		return email(a, b)
	}
	return 1
}

// birth compares two dates yyyymmdd that differ; 00 is a part not said.
func birth(a, b string) uint8 {
	year, month, day := a[:4] == b[:4], a[4:6] == b[4:6], a[6:] == b[6:]
	if a[6:] == "00" || b[6:] == "00" {
		switch {
		case year && (month || a[4:6] == "00" || b[4:6] == "00"):
			return 4
		case year:
			return 2
		}
		return 1
	}
	switch {
	case year && a[4:6] == b[6:] && a[6:] == b[4:6]:
		return 6
	case withinOne(a, b):
		return 5
	case year && (month || day) || month && day:
		return 3
	case year:
		return 2
	}
	return 1
}

// postcode compares two that differ: "SW1A1AA" has area SW, district SW1A and sector SW1A1. Others are compared by their beginning.
func postcode(a, b string) uint8 {
	if withinOne(a, b) {
		return 5
	}
	if british(a) && british(b) {
		da, db := a[:len(a)-3], b[:len(b)-3]
		switch {
		case da == db && a[len(da)] == b[len(db)]:
			return 4
		case da == db:
			return 3
		case area(a) == area(b):
			return 2
		}
		return 1
	}
	if len(a) > 2 && len(b) > 2 && a[:2] == b[:2] {
		return 2
	}
	return 1
}

func british(p string) bool {
	n := len(p)
	return n >= 5 && n <= 7 && letter(p[0]) && !letter(p[n-3]) && letter(p[n-2]) && letter(p[n-1])
}

func letter(c byte) bool { return c >= 'A' && c <= 'Z' }

func area(p string) string {
	if letter(p[1]) {
		return p[:2]
	}
	return p[:1]
}

// address shares words by what they tell; a word with one slip in it counts nearly whole.
func address(a, b *word, worth []float32) uint8 {
	if a.text > b.text {
		a, b = b, a // words are taken greedily: the order must not matter
	}
	tells := func(t *token) float32 {
		return worth[t.number] // number 0: no row has it
	}
	var shared, sum float32
	for j := range b.tokens {
		sum += tells(&b.tokens[j])
	}
	var used uint64
	for i := range a.tokens {
		t := &a.tokens[i]
		own := tells(t)
		sum += own
		best, at := float32(0), -1
		for j := range b.tokens {
			u := &b.tokens[j]
			if j >= 64 || used&(1<<j) != 0 {
				continue
			}
			if t.text == u.text {
				best, at = own+tells(u), j
				break
			}
			if len(t.text) >= 4 && len(u.text) >= 4 && withinOne(t.text, u.text) {
				if got := (own + tells(u)) * 0.9; got > best {
					best, at = got, j
				}
			}
		}
		if at >= 0 {
			used |= 1 << at
			shared += best
		}
	}
	switch share := shared / sum; {
	case share >= 0.8:
		return 4
	case share >= 0.5:
		return 3
	case share >= 0.25:
		return 2
	}
	return 1
}

func email(a, b string) uint8 {
	if withinOne(a, b) || winkler(a, b) >= 0.94 {
		return 3
	}
	m, _, _ := strings.Cut(a, "@")
	n, _, _ := strings.Cut(b, "@")
	if m == n {
		return 2
	}
	return 1
}
