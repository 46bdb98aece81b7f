package match

import "strings"

// agreement is how far each field of a pair agrees, and how rare what is the same is, in eighths of a bit.
type agreement struct {
	levels [fieldCount]uint8
	rare   [fieldCount]uint8
	cross  bool // forename against surname and the other way round
}

// compare holds two rows against each other. It is symmetric.
func (r *Roster) compare(a, b uint32) (straight, crossed agreement, canCross bool) {
	x, y := &r.rows[a].values, &r.rows[b].values
	var g agreement
	for f := range fieldCount {
		if f == Forename || f == Surname || x[f] == 0 || y[f] == 0 {
			continue
		}
		if x[f] == y[f] {
			r.equal(&g, f, x[f])
			if f == DOB && r.dicts[DOB].words[x[f]].text[6:] == "00" {
				g.levels[f] = 4
				g.rare[f] = 0
			}
			continue
		}
		g.levels[f] = r.level(f, x[f], y[f])
	}
	straight = g
	r.name(&straight, Forename, x[Forename], y[Forename])
	r.name(&straight, Surname, x[Surname], y[Surname])
	if x[Forename] != 0 && x[Surname] != 0 && y[Forename] != 0 && y[Surname] != 0 &&
		(straight.levels[Forename] < same(Forename) || straight.levels[Surname] < same(Surname)) {
		one, other := r.surname(x[Forename], y[Surname]), r.surname(x[Surname], y[Forename])
		if one >= 3 && other >= 3 {
			crossed, canCross = g, true
			crossed.cross = true
			r.crossNames(&crossed, [2]uint32{x[Forename], y[Surname]}, [2]uint32{x[Surname], y[Forename]}, one, other)
		}
	}
	return straight, crossed, canCross
}

func (r *Roster) equal(g *agreement, f Field, value uint32) {
	g.levels[f] = same(f)
	g.rare[f] = uint8(min(max(r.rarity(f, value), 0)*8, 255))
}

func (r *Roster) name(g *agreement, f Field, x, y uint32) {
	switch {
	case x == 0 || y == 0:
	case x == y:
		r.equal(g, f, x)
	case f == Forename:
		g.levels[f] = r.forename(x, y)
	default:
		g.levels[f] = r.surname(x, y)
	}
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
	g.levels[Forename], g.rare[Forename] = levelOne, rareOne
	g.levels[Surname], g.rare[Surname] = levelOther, rareOther
}

func (r *Roster) crossRarity(pair [2]uint32) uint8 {
	if pair[0] != pair[1] {
		return 0
	}
	return uint8(min(max(min(r.rarity(Forename, pair[0]), r.rarity(Surname, pair[0])), 0)*8, 255))
}

func (r *Roster) forename(x, y uint32) uint8 {
	a, b := &r.dicts[Forename].words[x], &r.dicts[Forename].words[y]
	if near(a.joined, b.joined) {
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

func (r *Roster) surname(x, y uint32) uint8 {
	if x == y {
		return same(Surname)
	}
	a, b := &r.dicts[Surname].words[x], &r.dicts[Surname].words[y]
	switch {
	case near(a.joined, b.joined):
		return 4
	case soundsAlike(a, b):
		return 3
	case a.tokens != nil && hasToken(a.tokens, b) || b.tokens != nil && hasToken(b.tokens, a):
		return 2
	}
	return 1
}

// near is one slip of the keyboard, in names long enough for that not to make another name. "Ann" and "Jan" are two people.
func near(a, b string) bool {
	return a == b || min(len(a), len(b)) >= 3 && max(len(a), len(b)) >= 4 && withinOne(a, b)
}

func soundsAlike(a, b *word) bool {
	similar := winkler(a.joined, b.joined)
	return similar >= 0.88 || similar >= 0.78 && a.sound == b.sound && a.sound != 0
}

func hasToken(tokens []string, w *word) bool {
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

// level compares two values that differ.
func (r *Roster) level(f Field, x, y uint32) uint8 {
	v, w := &r.dicts[f].words[x], &r.dicts[f].words[y]
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
		return address(v, w)
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
func address(a, b *word) uint8 {
	if a.text > b.text {
		a, b = b, a // words are taken greedily: the order must not matter
	}
	var shared float32
	var used uint64
	for i, t := range a.tokens {
		best, at := float32(0), -1
		for j, u := range b.tokens {
			if j >= 64 || used&(1<<j) != 0 {
				continue
			}
			if t == u {
				best, at = a.weights[i]+b.weights[j], j
				break
			}
			if len(t) >= 4 && len(u) >= 4 && withinOne(t, u) {
				if got := (a.weights[i] + b.weights[j]) * 0.9; got > best {
					best, at = got, j
				}
			}
		}
		if at >= 0 {
			used |= 1 << at
			shared += best
		}
	}
	switch share := shared / (a.sum + b.sum); {
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
