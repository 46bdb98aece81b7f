package triage

import "slices"

// candidates are the packs that the findings speak for, and those whose requests the text is like, best first, and at the end the general one. What is said first, and
// in more words, speaks louder.
func (b *Book) candidates(h *Heard, s *State) []*Pack {
	type ranked struct {
		pack  *Pack
		score float64
	}
	var all []ranked
	for _, p := range b.Packs {
		if p.Name == generalName || !p.suits(s) {
			continue
		}
		score, about := 0.0, false
		seen, counted := map[int]bool{}, map[int]bool{}
		for _, f := range h.Findings {
			if f.Value != Yes || seen[f.Finding] {
				continue
			}
			seen[f.Finding] = true
			early := 1 / (1 + float64(f.At)/12)
			switch i := b.Lexicon.firstOf(p.complaint, f.Finding); {
			case i >= 0:
				about = true
				if counted[i] {
					break // vomiting, and vomiting again and again, are one complaint
				}
				counted[i] = true
				score += (2 + 0.5*float64(f.Length) + 2*early) / (1 + 0.04*float64(i))
			case slices.Contains(p.hints, f.Finding):
				score += 0.8 + 0.4*early
			}
		}
		if !about && p.about(s) == Yes {
			about, score = true, score+2 // by what a number or another finding means
		}
		if about {
			if p.For != (For{}) {
				score += 1.6
			}
			all = append(all, ranked{p, score})
		}
	}
	likes := b.alike.of(h.features)
	if likes != nil {
		likest := slices.Max(likes)
		for i := range all {
			at := b.alike.place(all[i].pack)
			all[i].score += likeWeight * max((likes[at]-likest)/spread, -farthest)
		}
		for i, p := range b.alike.packs {
			near := likeWeight * (likes[i] - likest) / spread
			if likes[i] >= leastLike && near > -leastNear && p.suits(s) && !slices.ContainsFunc(all, func(r ranked) bool { return r.pack == p }) {
				all = append(all, ranked{p, near})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b ranked) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
	var out []*Pack
	for _, r := range all {
		out = append(out, r.pack)
	}
	return append(out, b.byName[generalName])
}

// mostOffered is how many complaints are offered beside the general one.
const mostOffered = 5

// Offered are those of some candidates among which the person chooses: the likeliest, and the general one last; six at most.
func Offered(candidates []*Pack) []*Pack {
	last := len(candidates) - 1
	return append(slices.Clone(candidates[:min(last, mostOffered)]), candidates[last])
}

// firstOf is the place in a list of a finding, or of one that it implies; −1 where there is none.
func (lex *Lexicon) firstOf(list []int, finding int) int {
	best := slices.Index(list, finding)
	for _, n := range lex.Findings[finding].implies {
		if i := lex.firstOf(list, n); i >= 0 && (best < 0 || i < best) {
			best = i
		}
	}
	return best
}

// turn goes over from the general pack to the one whose complaint an answer brought up: somebody who says "I feel awful" and ticks chest pain is asked
// about chest pain.
func (v *Interview) turn(a *Ask, yes []Tri) {
	for i, n := range a.Items {
		if yes[i] != Yes {
			continue
		}
		var best *Pack
		at := 0
		for _, p := range v.Book.Packs {
			j := v.Book.Lexicon.firstOf(p.complaint, n)
			if j >= 0 && p.suits(v.state) && (best == nil || j < at) {
				best, at = p, j
			}
		}
		if best != nil {
			v.Choose(best)
			return
		}
	}
}
