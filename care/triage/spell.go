package triage

// Spelling. A word that no phrase has and that is no ordinary English word is taken for the one word of the lexicon that is nearest:
// one letter added, left out, changed or exchanged with its neighbour in words of five letters and more, two in words of nine and more. The
// first letter must be right. Two words equally near are no answer.

const shortest, twoErrors = 5, 9

// newSpelling indexes the vocabulary by what leaving out one or two letters makes of its words.
func newSpelling(words []string) map[string][]string {
	near := map[string][]string{}
	for _, w := range words {
		if len(w) < shortest-1 {
			continue
		}
		for _, d := range deletions(w) {
			near[d] = append(near[d], w)
		}
	}
	return near
}

// deletions are w itself and w with one letter less, of long words also two.
func deletions(w string) []string {
	out := []string{w}
	for i := 1; i < len(w); i++ {
		out = append(out, w[:i]+w[i+1:])
	}
	if len(w) >= twoErrors-1 {
		for i := 1; i < len(w); i++ {
			one := w[:i] + w[i+1:]
			for j := i; j < len(one); j++ {
				out = append(out, one[:j]+one[j+1:])
			}
		}
	}
	return out
}

// spelled returns the word of the vocabulary that w is meant to be, "" where there is none or more than one.
func (l *listener) spelled(w string) string {
	if len(w) < shortest {
		return ""
	}
	limit := 1
	if len(w) >= twoErrors {
		limit = 2
	}
	best, at, tie := "", limit+1, false
	for _, d := range deletions(w) {
		for _, v := range l.near[d] {
			if v[0] != w[0] {
				continue
			}
			switch n := distance(w, v, limit); {
			case v != best && n == at && n <= limit && l.english.stem(v) == l.english.stem(best): // two forms of one word
			case n < at:
				best, at, tie = v, n, false
			case n == at && v != best && n <= limit:
				tie = true
			}
		}
	}
	if tie {
		return ""
	}
	return best
}

// distance is how many letters must be added, left out, changed or exchanged with a neighbour, limit+1 where it is more than that.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	var rows [3][64]int
	if len(b) >= len(rows[0]) {
		return limit + 1
	}
	before, last, now := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(b)]
}
