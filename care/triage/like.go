package triage

import "math"

// resemblance says how much a text sounds like what packs are about, where no complaint is heard in it: by the words that it shares with how a pack's
// complaints are said and with the examples of its rules, rare words counting more. It only ever orders what the person is asked to confirm.
type resemblance struct {
	rare  map[string]float64        // how telling a word is: the logarithm of how few packs use it
	words map[*Pack]map[string]bool // by stem
	size  map[*Pack]float64         // the root of how many words a pack has
}

// leastAlike is below what a text is like nothing: about two telling words.
const leastAlike = 0.55

func newResemblance(b *Book) *resemblance {
	r := &resemblance{rare: map[string]float64{}, words: map[*Pack]map[string]bool{}, size: map[*Pack]float64{}}
	used := map[string]int{}
	for _, p := range b.Packs {
		if p.Name == generalName {
			continue
		}
		words := map[string]bool{}
		take := func(text string) {
			for _, stem := range b.Lexicon.tellingWords(text) {
				words[stem] = true
			}
		}
		take(p.Title)
		for _, findings := range [][]int{p.complaint, p.hints} {
			for _, n := range findings {
				f := b.Lexicon.Findings[n]
				take(f.Name)
				for _, says := range f.Says {
					for _, text := range expand(says) {
						take(text)
					}
				}
			}
		}
		for _, f := range p.Floors {
			take(f.Example)
		}
		for _, g := range p.Benign {
			take(g.Example)
		}
		for w := range words {
			used[w]++
		}
		r.words[p], r.size[p] = words, math.Sqrt(float64(len(words)))
	}
	for w, n := range used {
		r.rare[w] = math.Log(float64(len(r.words)+1) / float64(n))
	}
	return r
}

// tellingWords are the stems of a text without its fillers, each once.
func (lex *Lexicon) tellingWords(text string) (out []string) {
	l := lex.listener
	seen := map[string]bool{}
	for _, t := range l.english.join(l.english.split(text)) {
		if l.english.filler[t.raw] || l.english.negator[t.raw] || l.english.people[t.raw] != "" || len(t.stem) < 3 || seen[t.stem] {
			continue
		}
		seen[t.stem] = true
		out = append(out, t.stem)
	}
	return out
}

// of is how much a text's words are a pack's.
func (r *resemblance) of(stems []string, p *Pack) float64 {
	sum := 0.0
	for _, s := range stems {
		if r.words[p][s] {
			sum += r.rare[s]
		}
	}
	return sum / r.size[p]
}
