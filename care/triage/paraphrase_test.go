package triage

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// said again: other ways of saying a text, made at random. What is heard in it is said as the lexicon knows it may be; around that come what people add to
// a message, their spelling, and how they type.
type paraphraser struct {
	*rand.Rand
	book *Book
}

var (
	greetings = []string{"", "", "", "hi, ", "hello doctor. ", "good morning, ", "please can someone help, ", "sorry to bother you but ", "I need some advice. ", "not sure if I should be asking here but "}
	partings  = []string{"", "", "", " thanks", ". please advise", ". what should I do?", ". can someone call me back", ". I would like to see someone", ". hope you can help", ". many thanks"}
	wordOf    = regexp.MustCompile(`[a-z]{7,}`)
)

// again says a text in another way.
func (p *paraphraser) again(text string) string {
	out := text
	h := p.book.Hear(text)
	for _, i := range p.Perm(len(h.Findings))[:min(2, len(h.Findings))] {
		f := h.Findings[i]
		at := strings.Index(strings.ToLower(out), strings.ToLower(f.Words))
		if f.Value != Yes || f.Words == "" || at < 0 || len(strings.ToLower(out)) != len(out) {
			continue
		}
		if says := p.says(f.Finding, f.Words); says != "" {
			out = out[:at] + says + out[at+len(f.Words):]
		}
	}
	switch p.IntN(6) {
	case 0:
		out = strings.ToLower(out)
	case 1:
		out = strings.ToUpper(out[:1]) + strings.ToLower(out[1:])
	case 2:
		out = strings.ReplaceAll(out, "'", "")
	case 3:
		out = strings.TrimRight(out, ".!")
	}
	if p.IntN(2) == 0 {
		out = p.misspell(out)
	}
	return greetings[p.IntN(len(greetings))] + out + partings[p.IntN(len(partings))]
}

// says is another way of saying a finding; "" where what was said is not, word for word, one of the ways the lexicon has: the words around it then belong to it.
func (p *paraphraser) says(finding int, said string) string {
	var ways []string
	for _, says := range p.book.Lexicon.Findings[finding].Says {
		for _, way := range expand(says) {
			ways = append(ways, strings.TrimLeft(way, "=~ "))
		}
	}
	if !slices.Contains(ways, strings.ToLower(said)) {
		return ""
	}
	return ways[p.IntN(len(ways))]
}

// misspell swaps two letters in the middle of a long word.
func (p *paraphraser) misspell(text string) string {
	words := wordOf.FindAllStringIndex(text, -1)
	if len(words) == 0 {
		return text
	}
	w := words[p.IntN(len(words))]
	i := w[0] + 2 + p.IntN(w[1]-w[0]-4)
	return text[:i] + string(text[i+1]) + string(text[i]) + text[i+2:]
}

// A paraphrase changes the chosen pack in at most 5 % of cases: other ways of saying the packs' own vignettes, made at random. The person chooses among the
// packs that are offered, so the choice changes where the pack of the first way is not offered any more. What people wrote who had seen neither packs nor lexicon is held
// apart, and is harder (TestHeldParaphrases).
func TestAParaphraseKeepsThePack(t *testing.T) {
	b := shippedBook(t)
	p := &paraphraser{rand.New(rand.NewPCG(5, 2026)), b}
	cases, first, lost, same := 0, 0, 0, 0
	for _, v := range development(t) {
		who := Person{Age: v.Age, Sex: v.Sex}
		pack := b.Begin(v.Text, who, Settings{}).Pack
		for range 3 {
			text := p.again(v.Text)
			if text == v.Text {
				same++
				continue
			}
			cases++
			other := b.Begin(text, who, Settings{})
			if other.Pack != pack {
				first++
			}
			if !slices.Contains(Offered(other.Candidates), pack) {
				if lost++; lost%20 == 0 {
					t.Logf("%s (%s) becomes %s: %s", v.Text, pack.Name, other.Pack.Name, text)
				}
			}
		}
	}
	t.Logf("of %d, another pack comes first in %d (%.1f %%) and the pack is not offered in %d (%.1f %%); %d came out as they were", cases, first, 100*float64(first)/float64(cases), lost,
		100*float64(lost)/float64(cases), same)
	if cases < 3000 || float64(lost) > 0.05*float64(cases) {
		t.Error("too many")
	}
}
