package match

import (
	"runtime"
	"slices"
	"sync"
)

// neighbours is with how many others a row is compared in a block that nothing divides.
const neighbours = 6

// largestBlock bounds the rows that are all compared with one another; a larger block is divided by what else is known, and
// what still is too large is compared with its neighbours only. Small files can afford larger blocks.
func (r *Roster) largestBlock() int { return min(max(1_000_000/(len(r.rows)+1), 60), 1000) }

// hash of a fixed function: the same rows give the same blocks in every run.
func hash(kind uint64, parts ...uint64) uint64 {
	h := kind*0x9e3779b97f4a7c15 + 0x243f6a8885a308d3
	for _, p := range parts {
		h ^= p
		h *= 0xff51afd7ed558ccd
		h ^= h >> 32
		h *= 0xc4ceb9fe1a85ec53
		h ^= h >> 29
	}
	return max(h, 1)
}

// facts is what blocking needs of a row, as numbers; 0 is absent.
type facts struct {
	nhs, email, phone, first, last, place, town uint32 // numbers of values
	soundFirst, soundLast                       uint32
	born, year, month, day                      uint32
	rarest, second, area, district, street      uint64
}

func (r *Roster) facts(v *[fieldCount]uint32, own []word) (x facts) {
	x.nhs, x.email, x.phone, x.first, x.last, x.place, x.town = v[NHS], v[Email], v[Phone], v[Forename], v[Surname], v[Postcode], v[Town]
	if x.first != 0 {
		x.soundFirst = r.word(Forename, x.first, own).name.sound
	}
	if x.last != 0 {
		x.soundLast = r.word(Surname, x.last, own).name.sound
	}
	if v[DOB] != 0 {
		n := uint32(0)
		for _, c := range []byte(r.word(DOB, v[DOB], own).text) {
			n = n*10 + uint32(c-'0')
		}
		x.year, x.month, x.day = n/10000, n/100%100, n%100
		if x.day != 0 {
			x.born = n
		}
	}
	if x.place != 0 {
		p := r.word(Postcode, x.place, own).text
		x.area = text(p[:min(2, len(p))])
		if british(p) {
			p = p[:len(p)-3]
		}
		x.district = text(p)
	}
	if v[Address] != 0 { // its two most telling words
		tokens, worth := r.word(Address, v[Address], own).tokens, r.dicts[Address].bits
		if r.live {
			x.street = lasting(tokens)
			return x
		}
		one, two := -1, -1
		for t := range tokens {
			if one < 0 || worth[tokens[t].number] > worth[tokens[one].number] {
				one, two = t, one
			} else if two < 0 || worth[tokens[t].number] > worth[tokens[two].number] {
				two = t
			}
		}
		if one >= 0 {
			x.rarest = text(tokens[one].text)
			x.street = x.rarest
		}
		if two >= 0 {
			x.second = text(tokens[two].text)
			x.street = hash(1, min(x.rarest, x.second), max(x.rarest, x.second))
		}
	}
	return x
}

// lasting makes the key of a street from words chosen by how they look, not by how rare they are at the moment, so that a row is
// found again where it was put: the two longest that are not street, road and the like.
func lasting(tokens []token) uint64 {
	one, two := "", ""
	for _, t := range tokens {
		switch {
		case kindsOfStreet[t.text]:
		case len(t.text) > len(one):
			one, two = t.text, one
		case len(t.text) > len(two):
			two = t.text
		}
	}
	if one == "" || two == "" {
		return 0
	}
	return hash(1, text(one), text(two))
}

func text(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// The first passes are for all files. Small ones, in which rows may be in a bad state, can afford the others too.
const (
	passes      = 25
	manyPasses  = 16
	smallRoster = 60_000
)

func (r *Roster) passes() int {
	if len(r.rows) <= smallRoster {
		return passes
	}
	return manyPasses
}

// key is the block of a row in a pass; 0 where the row takes no part in it.
func (x *facts) key(pass int) uint64 {
	both := func(a, b uint64) uint64 {
		if a == 0 || b == 0 {
			return 0
		}
		return hash(uint64(pass), a, b)
	}
	alone := func(a uint64) uint64 {
		if a == 0 {
			return 0
		}
		return hash(uint64(pass), a)
	}
	switch pass {
	case 0:
		return alone(uint64(x.nhs))
	case 1:
		return alone(uint64(x.email))
	case 2:
		return alone(uint64(x.phone))
	case 3:
		return both(uint64(x.born), uint64(x.soundLast))
	case 4:
		return both(uint64(x.born), uint64(x.soundFirst))
	case 5:
		return both(uint64(x.born), x.district)
	case 6:
		return both(uint64(min(x.soundFirst, x.soundLast)), uint64(max(x.soundFirst, x.soundLast))) // swapped or not
	case 7:
		return alone(uint64(x.place))
	case 8:
		return alone(x.street)
	case 9:
		return both(uint64(x.last), x.district)
	case 10:
		return both(uint64(x.first), x.district)
	case 11:
		if x.day != 0 { // day and month swapped or not; also the date alone
			return hash(11, uint64(x.year), uint64(min(x.month, x.day)), uint64(max(x.month, x.day)))
		}
	case 12:
		return both(uint64(x.last), uint64(x.year))
	case 13:
		return both(uint64(x.last), uint64(x.town))
	case 14:
		return both(uint64(x.first), uint64(x.town))
	case 15:
		if x.day != 0 && (x.soundFirst != 0 || x.soundLast != 0) {
			return hash(15, uint64(x.month), uint64(x.day), uint64(max(x.soundFirst, x.soundLast))) // the year is wrong
		}
	case 16:
		return alone(uint64(x.town))
	case 17:
		return both(uint64(x.soundLast), uint64(x.year))
	case 18:
		return both(uint64(x.soundFirst), uint64(x.year))
	case 19:
		return alone(x.rarest)
	case 20:
		return alone(x.second)
	case 21:
		return alone(uint64(x.first))
	case 22:
		return alone(uint64(x.last))
	case 23:
		return both(uint64(x.soundFirst), x.area)
	case 24:
		return both(uint64(x.soundLast), x.area)
	}
	return 0
}

// finer divides a block that is too large.
func (x *facts) finer(step int) uint64 {
	switch step {
	case 0:
		return hash(100, uint64(min(x.soundFirst, x.soundLast)), uint64(max(x.soundFirst, x.soundLast)))
	case 1:
		return hash(101, uint64(x.year))
	case 2:
		return hash(102, uint64(x.month), uint64(x.day))
	}
	return hash(103, uint64(x.place))
}

type pair struct{ a, b uint32 }

// reading is one way to see a row: with its own values, or with one of its further values in the place of its own.
type reading struct {
	facts
	row uint32
}

// blocks is the work of finding candidates: for each row the block it was in, by pass, so that no pair is compared twice.
type blocks struct {
	*Roster
	own  []uint32  // so many a row as there are passes
	read []reading // the first of each row is its own
	work chan blockBatch
	next blockBatch
}

// blockBatch is blocks of one pass: rows, and where each block ends. In a windowed one, rows meet their neighbours only.
type blockBatch struct {
	pass     int
	rows     []uint32
	ends     []uint32
	windowed bool
	pairs    int
}

type entry struct {
	key uint64
	of  uint32 // which reading
}

// candidates hands every pair worth comparing to visit, in batches and from several goroutines at once. A pair can come twice. The batch is visit's
// until it returns.
func (r *Roster) candidates(tell func(done, total int64), visit func(worker int, batch []pair)) {
	n := len(r.rows)
	k := &blocks{Roster: r, own: make([]uint32, n*r.passes()), read: make([]reading, n, n+n/8), work: make(chan blockBatch, 8)}
	for i := range n {
		k.read[i] = reading{r.facts(&r.rows[i].values, nil), uint32(i)}
	}
	for i := range n {
		for _, v := range r.rows[i].also {
			values := r.rows[i].values
			values[v.field] = v.value
			k.read = append(k.read, reading{r.facts(&values, nil), uint32(i)})
		}
	}
	var wait sync.WaitGroup
	for w := range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			var buffer []pair
			for batch := range k.work {
				buffer = k.pairs(w, &batch, buffer, visit)
			}
		})
	}
	entries, spare := make([]entry, 0, len(k.read)), make([]entry, len(k.read))
	for pass := range k.passes() {
		entries = entries[:0]
		for i := range k.read {
			if key := k.read[i].key(pass); key != 0 {
				entries = append(entries, entry{key, uint32(i)})
			}
		}
		k.next.pass = pass
		sortEntries(entries, spare)
		k.divide(entries, pass, 0)
		k.send()
		tell(int64(pass+1), int64(k.passes()))
	}
	close(k.work)
	wait.Wait()
}

// sortEntries sorts by key, rows of one key in their order: by the digits of the key's first half, then what that leaves.
func sortEntries(entries, spare []entry) {
	if len(entries) < 5000 {
		slices.SortFunc(entries, byKey)
		return
	}
	from, to := entries, spare[:len(entries)]
	for digit := range 3 {
		shift := 31 + 11*digit
		var counts [2048]uint32
		for i := range from {
			counts[from[i].key>>shift&2047]++
		}
		sum := uint32(0)
		for d := range counts {
			counts[d], sum = sum, sum+counts[d]
		}
		for i := range from {
			d := from[i].key >> shift & 2047
			to[counts[d]] = from[i]
			counts[d]++
		}
		from, to = to, from
	}
	copy(entries, from)
	for i := 0; i < len(entries); {
		j, mixed := i+1, false
		for j < len(entries) && entries[j].key>>31 == entries[i].key>>31 {
			mixed = mixed || entries[j].key != entries[i].key
			j++
		}
		if mixed {
			slices.SortFunc(entries[i:j], byKey)
		}
		i = j
	}
}

func byKey(x, y entry) int {
	switch {
	case x.key != y.key:
		if x.key < y.key {
			return -1
		}
		return 1
	case x.of < y.of:
		return -1
	}
	return 1
}

// divide walks the blocks of sorted entries. A block that cannot be made small is not noted, so that later passes do not take its
// pairs for compared.
func (k *blocks) divide(entries []entry, pass, step int) {
	largest := k.largestBlock()
	for from := 0; from < len(entries); {
		to := from + 1
		for to < len(entries) && entries[to].key == entries[from].key {
			to++
		}
		block := entries[from:to]
		from = to
		switch {
		case len(block) == 1:
		case len(block) > largest && step < 4:
			for i := range block {
				block[i].key = hash(block[i].key, k.read[block[i].of].finer(step))
			}
			slices.SortFunc(block, byKey)
			k.divide(block, pass, step+1)
		default:
			windowed := len(block) > largest
			if windowed != k.next.windowed {
				k.send()
				k.next.windowed = windowed
			}
			for _, e := range block {
				row := k.read[e.of].row
				k.next.rows = append(k.next.rows, row)
				if int(e.of) < len(k.rows) && !windowed {
					k.own[int(row)*k.passes()+pass] = max(uint32(e.key>>32)^uint32(e.key), 1)
				}
			}
			k.next.ends = append(k.next.ends, uint32(len(k.next.rows)))
			if windowed {
				k.next.pairs += len(block) * neighbours
			} else {
				k.next.pairs += len(block) * (len(block) - 1) / 2
			}
			if k.next.pairs > 16384 {
				k.send()
			}
		}
	}
}

func (k *blocks) send() {
	if len(k.next.rows) > 0 {
		k.work <- k.next
	}
	k.next = blockBatch{pass: k.next.pass}
}

// pairs makes the pairs of a batch of blocks, without those that an earlier pass had.
func (k *blocks) pairs(worker int, batch *blockBatch, buffer []pair, visit func(worker int, batch []pair)) []pair {
	out := buffer[:0]
	stride := k.passes()
	from := uint32(0)
	for _, end := range batch.ends {
		block := batch.rows[from:end]
		from = end
		for i, a := range block {
			last := len(block)
			if batch.windowed {
				last = min(i+1+neighbours, last)
			}
			one := k.own[int(a)*stride:][:batch.pass]
		partners:
			for _, b := range block[i+1 : last] {
				if a == b || k.linkage && k.rows[a].file == k.rows[b].file {
					continue
				}
				other := k.own[int(b)*stride:][:batch.pass]
				for p := range one {
					if one[p] == other[p] && one[p] != 0 {
						continue partners
					}
				}
				out = append(out, pair{min(a, b), max(a, b)})
			}
		}
	}
	if len(out) > 0 {
		visit(worker, out)
	}
	return out
}
