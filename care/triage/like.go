package triage

import (
	"math"
	"slices"
	"strings"
)

// likeness says how much a text sounds like those in which people ask about each complaint: the words and pairs of words that it shares with them, rare
// ones counting more (naive Bayes over asked/*.yaml, the packs' own phrases and the examples of their rules; Rennie et al., Tackling the Poor Assumptions of
// Naive Bayes Text Classifiers, ICML 2003, for the weights). It orders what the person is asked to confirm and speaks where no complaint is heard; floors, score
// and questions know nothing of it.
type likeness struct {
	packs []*Pack
	says  map[string][]float32 // by word or pair: how much it speaks for each pack, against its speaking for any
}

const (
	smooth     = 0.1 // a word that no text of a pack has counts as so much of one
	pairWeight = 0.5 // a pair repeats what its words said
	leastLike  = 3.0 // below this a text is like nothing: less than one telling word
	leastNear  = 4.0 // a pack of which no complaint is heard is offered where it is this near to the likest
	farthest   = 8.0 // a pack whose texts are all different is so far from the likest, and no farther
	spread     = 3.0 // how much likeness makes a pack e times as likely; words are not independent, so it is more than 1
	likeWeight = 0.6 // what likeness counts beside what was heard
)

func newLikeness(b *Book, asked map[string][]string) *likeness {
	l := &likeness{says: map[string][]float32{}}
	var counts []map[string]float64
	all, used := map[string]float64{}, map[string]int{}
	var sums []float64
	total := 0.0
	for _, p := range b.Packs {
		if p.Name == generalName {
			continue
		}
		count := map[string]float64{}
		add := func(text string, weight float64) {
			for _, f := range b.Lexicon.features(text) {
				count[f] += weight
			}
		}
		add(p.Title, 2)
		for _, text := range asked[p.Name] {
			add(text, 1)
		}
		for _, f := range p.Floors {
			add(f.Example, 0.5)
		}
		for _, n := range p.complaint {
			f := b.Lexicon.Findings[n]
			for _, says := range f.Says {
				ways := expand(says)
				for _, way := range ways {
					add(strings.TrimLeft(way, "=~ "), 1/math.Sqrt(float64(len(ways)*len(f.Says)))) // many ways of saying one thing are no more than one
				}
			}
		}
		sum := 0.0
		for f, n := range count {
			n = math.Log1p(n)
			count[f] = n
			sum += n
			all[f] += n
			used[f]++
		}
		l.packs, counts, sums = append(l.packs, p), append(counts, count), append(sums, sum)
		total += sum
	}
	vocabulary := float64(len(all))
	for f, n := range all {
		rare := math.Log(float64(len(l.packs)+1) / float64(used[f]))
		if strings.Contains(f, " ") {
			rare *= pairWeight
		}
		row := make([]float32, len(l.packs))
		usual := math.Log((n + smooth*float64(len(l.packs))) / (total + smooth*vocabulary*float64(len(l.packs))))
		for i := range l.packs {
			row[i] = float32(rare * (math.Log((counts[i][f]+smooth)/(sums[i]+smooth*vocabulary)) - usual))
		}
		l.says[f] = row
	}
	return l
}

// of is how much a text is like each of the packs, in their order; nil where it has no word that any of them knows.
func (l *likeness) of(features []string) []float64 {
	var sum []float64
	for _, f := range features {
		row, ok := l.says[f]
		if !ok {
			continue
		}
		if sum == nil {
			sum = make([]float64, len(l.packs))
		}
		for i, w := range row {
			sum[i] += float64(w)
		}
	}
	return sum
}

// place is where a pack stands in what of answers; −1 for the general one.
func (l *likeness) place(p *Pack) int { return slices.Index(l.packs, p) }

// features are the words of a text that say something, and the pairs that follow each other, by stem and rightly spelled.
func (lex *Lexicon) features(text string) []string {
	l := lex.listener
	tokens := l.english.split(text)
	l.spell(tokens)
	return l.features(l.english.join(tokens))
}

func (l *listener) features(tokens []token) (out []string) {
	before := ""
	for _, t := range tokens {
		switch {
		case l.english.negator[t.raw]:
			before = notStem
		case l.english.filler[t.raw] || l.english.courtesy[t.raw] || l.english.people[t.raw] != "" || len(t.stem) < 2 || t.raw[0] >= '0' && t.raw[0] <= '9':
		default:
			out = append(out, t.stem)
			if before != "" {
				out = append(out, before+" "+t.stem)
			}
			before = t.stem
		}
	}
	return out
}
