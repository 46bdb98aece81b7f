package match

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
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
	first, last, soundFirst, soundLast, born, year, month, day, place, district, town, street uint64
}

func (r *Roster) facts(i int) (x facts) {
	v := &r.rows[i].values
	x.first, x.last = uint64(v[Forename]), uint64(v[Surname])
	x.soundFirst, x.soundLast = uint64(r.dicts[Forename].words[v[Forename]].sound), uint64(r.dicts[Surname].words[v[Surname]].sound)
	if d := r.dicts[DOB].words[v[DOB]].text; d != "" {
		n := uint64(0)
		for _, c := range []byte(d) {
			n = n*10 + uint64(c-'0')
		}
		x.year, x.month, x.day = n/10000, n/100%100, n%100
		if x.day != 0 {
			x.born = n
		}
	}
	x.place = uint64(v[Postcode])
	if p := r.dicts[Postcode].words[v[Postcode]].text; p != "" {
		if british(p) {
			p = p[:len(p)-3]
		}
		x.district = text(p)
	}
	x.town = uint64(v[Town])
	if w := &r.dicts[Address].words[v[Address]]; len(w.tokens) > 0 { // its two most telling words
		one, two := -1, -1
		for t := range w.tokens {
			if one < 0 || w.weights[t] > w.weights[one] {
				one, two = t, one
			} else if two < 0 || w.weights[t] > w.weights[two] {
				two = t
			}
		}
		x.street = text(w.tokens[one])
		if two >= 0 {
			second := text(w.tokens[two])
			x.street = hash(1, min(x.street, second), max(x.street, second))
		}
	}
	return x
}

func text(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

const passes = 16

// key is the block of a row in a pass; 0 where the row takes no part in it.
func (r *Roster) key(pass int, i int, x *facts) uint64 {
	v := &r.rows[i].values
	of := func(parts ...uint64) uint64 {
		for _, p := range parts {
			if p == 0 {
				return 0
			}
		}
		return hash(uint64(pass), parts...)
	}
	switch pass {
	case 0:
		return of(uint64(v[NHS]))
	case 1:
		return of(uint64(v[Email]))
	case 2:
		return of(uint64(v[Phone]))
	case 3:
		return of(x.born, x.soundLast)
	case 4:
		return of(x.born, x.soundFirst)
	case 5:
		return of(x.born, x.district)
	case 6:
		return of(min(x.soundFirst, x.soundLast), max(x.soundFirst, x.soundLast)) // swapped or not
	case 7:
		return of(x.place)
	case 8:
		return of(x.street)
	case 9:
		return of(x.last, x.district)
	case 10:
		return of(x.first, x.district)
	case 11:
		return of(x.year, min(x.month, x.day), max(x.month, x.day)) // day and month swapped or not; also the date alone
	case 12:
		return of(x.last, x.year)
	case 13:
		return of(x.last, x.town)
	case 14:
		return of(x.first, x.town)
	case 15:
		if x.day != 0 && x.month != 0 && (x.soundFirst != 0 || x.soundLast != 0) {
			return of(x.month, x.day, max(x.soundFirst, x.soundLast)) // the year is wrong
		}
	}
	return 0
}

// finer divides a block that is too large.
func finer(x *facts, step int) uint64 {
	switch step {
	case 0:
		return hash(100, min(x.soundFirst, x.soundLast), max(x.soundFirst, x.soundLast))
	case 1:
		return hash(101, x.year)
	case 2:
		return hash(102, x.month, x.day)
	}
	return hash(103, x.place)
}

type pair struct{ a, b uint32 }

// candidates hands every pair worth comparing, once, to visit, in batches and from several goroutines at once.
func (r *Roster) candidates(tell func(done, total int64), visit func(worker int, batch []pair)) {
	n := len(r.rows)
	all := make([]facts, n)
	for i := range all {
		all[i] = r.facts(i)
	}
	keys := make([][]uint64, 0, passes)
	order := make([]uint32, 0, n)
	work := make(chan []pair, 4)
	var done atomic.Int64
	var wait sync.WaitGroup
	for w := range runtime.GOMAXPROCS(0) {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for batch := range work {
				visit(w, batch)
			}
		}()
	}
	batch := make([]pair, 0, 8192)
	for pass := range passes {
		own := make([]uint64, n)
		keys = append(keys, own)
		order = order[:0]
		for i := range n {
			if own[i] = r.key(pass, i, &all[i]); own[i] != 0 {
				order = append(order, uint32(i))
			}
		}
		emit := func(a, b uint32) {
			if r.linkage && r.rows[a].file == r.rows[b].file {
				return
			}
			for _, earlier := range keys[:pass] {
				if earlier[a] != 0 && earlier[a] == earlier[b] {
					return
				}
			}
			batch = append(batch, pair{min(a, b), max(a, b)})
			if len(batch) == cap(batch) {
				work <- batch
				batch = make([]pair, 0, 8192)
			}
		}
		r.divide(order, own, all, 0, emit)
		tell(done.Add(1), passes)
	}
	work <- batch
	close(work)
	wait.Wait()
}

// divide walks the blocks of order, whose keys are in own. A block that cannot be made small loses its key, so that later passes do
// not take its pairs for compared; the few neighbours compared here may then come twice, which the caller forgives.
func (r *Roster) divide(order []uint32, own []uint64, all []facts, step int, emit func(a, b uint32)) {
	slices.SortFunc(order, func(a, b uint32) int {
		switch {
		case own[a] != own[b]:
			if own[a] < own[b] {
				return -1
			}
			return 1
		case a < b:
			return -1
		}
		return 1
	})
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && own[order[to]] == own[order[from]] {
			to++
		}
		block := order[from:to]
		from = to
		switch {
		case len(block) <= r.largestBlock():
			for i, a := range block {
				for _, b := range block[i+1:] {
					emit(a, b)
				}
			}
		case step < 4:
			for _, a := range block {
				own[a] = hash(own[a], finer(&all[a], step))
			}
			r.divide(block, own, all, step+1, emit)
		default:
			for i, a := range block {
				own[a] = 0
				for _, b := range block[i+1 : min(i+1+neighbours, len(block))] {
					emit(a, b)
				}
			}
		}
	}
}
