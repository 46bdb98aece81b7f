package triage

import "slices"

// index notes where each word stands, and how far words are apart: fillers count nothing, "and" one, commas two.
func (s *speech) index() {
	s.place = make([]int, len(s.tokens))
	s.byStem = make(map[string][]int, len(s.tokens))
	n := 0
	for i, t := range s.tokens {
		if t.comma {
			n += 2
		} else if t.raw == "and" || t.raw == "or" {
			n++
		}
		if !s.l.english.filler[t.raw] {
			n++
		}
		s.place[i] = n
		stem := t.stem
		if s.l.english.negator[t.raw] {
			stem = notStem
		}
		s.byStem[stem] = append(s.byStem[stem], i)
	}
}

// match is a phrase that the text has.
type match struct {
	phrase   int
	from, to int // words, both included
	words    []int
}

// phrases hears every phrase, the exact ones first: what lies within those is not heard by itself.
func (s *speech) phrases() {
	var found []match
	taken := make([]bool, len(s.tokens))
	var later []int
	seen := map[int]bool{}
	for stem := range s.byStem {
		for _, p := range s.l.byRare[stem] {
			if seen[p] {
				continue
			}
			seen[p] = true
			if s.l.phrases[p].exact {
				found = append(found, s.exact(p)...)
			} else {
				later = append(later, p)
			}
		}
	}
	found = s.idiomsFirst(found)
	for _, m := range found {
		for i := m.from; i <= m.to && !s.l.phrases[m.phrase].open; i++ {
			taken[i] = true
		}
	}
	slices.Sort(later)
	for _, p := range later {
		found = append(found, s.loose(p, taken)...)
	}
	slices.SortFunc(found, func(a, b match) int {
		if a.from != b.from {
			return a.from - b.from
		}
		return a.phrase - b.phrase
	})
	for _, m := range found {
		if s.l.phrases[m.phrase].finding != idiomatic {
			s.say(m)
		}
	}
}

// idiomsFirst leaves out the exact phrases that share words with an idiom at least as long ("a cold drink" is no cold), and those that lie within a longer
// phrase that hides its words ("hay fever" is no fever).
func (s *speech) idiomsFirst(found []match) (out []match) {
	for _, m := range found {
		hidden := false
		for _, other := range found {
			by := &s.l.phrases[other.phrase]
			within := other.from <= m.from && m.to <= other.to && len(other.words) > len(m.words)
			over := other.from <= m.to && m.from <= other.to && len(other.words) >= len(m.words)
			hidden = hidden || s.l.phrases[m.phrase].finding != by.finding && (!by.open && within || by.finding == idiomatic && over)
		}
		if !hidden {
			out = append(out, m)
		}
	}
	return out
}

// exact finds a phrase word by word as it stands.
func (s *speech) exact(p int) (out []match) {
	stems := s.l.phrases[p].stems
	for _, i := range s.byStem[stems[0]] {
		n := 0
		for n < len(stems) && i+n < len(s.tokens) && (n == 0 || !s.tokens[i+n].stop) && (s.tokens[i+n].stem == stems[n] || s.l.english.negator[s.tokens[i+n].raw] && stems[n] == notStem) {
			n++
		}
		if n == len(stems) {
			m := match{phrase: p, from: i, to: i + n - 1}
			for j := m.from; j <= m.to; j++ {
				m.words = append(m.words, j)
			}
			out = append(out, m)
		}
	}
	return out
}

// loose finds a phrase whose words stand near each other in one clause; with a negator among them, in their order.
func (s *speech) loose(p int, taken []bool) (out []match) {
	ph := &s.l.phrases[p]
	slack := 2
	if len(ph.stems) > 2 {
		slack = 3
	}
	for _, at := range s.byStem[ph.stems[ph.rare]] {
		if taken[at] {
			continue
		}
		words := make([]int, len(ph.stems))
		words[ph.rare] = at
		ok := true
		for i := ph.rare - 1; i >= 0 && ok; i-- {
			words[i], ok = s.nearest(ph, i, words, i+1, taken)
		}
		for i := ph.rare + 1; i < len(words) && ok; i++ {
			words[i], ok = s.nearest(ph, i, words, ph.rare, taken)
		}
		if !ok {
			continue
		}
		from, to := slices.Min(words), slices.Max(words)
		if s.clause[from] != s.clause[to] || s.place[to]-s.place[from]+1-len(words) > slack {
			continue
		}
		out = append(out, match{phrase: p, from: from, to: to, words: words})
	}
	return out
}

// nearest is the word of the text that stands for word i of a phrase, nearest to the one that word anchor stands for.
func (s *speech) nearest(ph *phrase, i int, words []int, anchor int, taken []bool) (int, bool) {
	best := -1
	for _, j := range s.byStem[ph.stems[i]] {
		if taken[j] || s.clause[j] != s.clause[words[ph.rare]] || j == words[ph.rare] {
			continue
		}
		if ph.ordered { // after what came before, before what comes after
			if i < ph.rare && j > words[i+1] || i > ph.rare && j < words[i-1] {
				continue
			}
			if (ph.stems[i] == notStem || ph.stems[i] == cannotStem) && i < ph.rare && s.place[words[i+1]]-s.place[j] > 3 {
				continue
			}
		}
		if i > ph.rare && slices.Contains(words[ph.rare:i], j) || i < ph.rare && slices.Contains(words[i+1:ph.rare+1], j) {
			continue
		}
		if at := s.place[words[anchor]]; best < 0 || gap(s.place[j], at) < gap(s.place[best], at) {
			best = j
		}
	}
	return best, best >= 0
}

func gap(a, b int) int { return max(a-b, b-a) }
