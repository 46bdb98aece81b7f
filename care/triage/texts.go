package triage

import (
	"maps"
	"slices"
	"strings"
)

// Kinds of texts, in the order in which people meet them.
const (
	TextTitles    = "titles"    // of levels and packs
	TextQuestions = "questions" // to oneself and about somebody else
	TextAnswers   = "answers"   // of questions about numbers
	TextFindings  = "findings"  // their names, which are boxes to tick
	TextAdvice    = "advice"    // what to do, and what would make it more urgent
	TextReasons   = "reasons"   // what floors and benign patterns say
	TextRules     = "rules"     // what joins the names of findings in a weight
)

// Texts are what the book says to people, by kind, each text once and in order, for whoever translates it.
func (b *Book) Texts() map[string][]string {
	found := map[string]map[string]bool{}
	add := func(kind string, texts ...string) {
		if found[kind] == nil {
			found[kind] = map[string]bool{}
		}
		for _, text := range texts {
			if text != "" {
				found[kind][text] = true
			}
		}
	}
	add(TextTitles, levelTitles[:]...)
	add(TextRules, joiningWords...)
	add(TextQuestions, anyOfThese, address(anyOfThese, "", true))
	for _, f := range b.Lexicon.Findings {
		add(TextFindings, f.Name)
		if f.Ask != "" {
			add(TextQuestions, f.Question(false), f.Question(true))
		}
		if f.Number != nil {
			for _, band := range f.Number.Bands {
				add(TextAnswers, band.Name)
			}
		}
	}
	for _, p := range append([]*Pack{b.Shared}, b.Packs...) {
		add(TextTitles, p.Title)
		for _, q := range slices.Concat(p.Screen, p.Questions) {
			add(TextQuestions, q.Ask, address(q.Ask, "", true))
		}
		for _, f := range p.Floors {
			add(TextReasons, f.Says)
		}
		for _, g := range p.Benign {
			add(TextReasons, g.Says)
		}
		for _, a := range p.Advice {
			add(TextAdvice, a.Do...)
			add(TextAdvice, a.SafetyNet...)
		}
	}
	out := map[string][]string{}
	for kind, texts := range found {
		out[kind] = slices.Sorted(maps.Keys(texts))
	}
	return out
}

// joiningWords are what a rule has between the names of findings, as people read it.
var joiningWords = []string{"and", "or", "not", "of at least", "of more than", "of at most", "of less than", "of", "days", "weeks", "years"}

// Explain is what a contribution was for, in a reader's language: t puts one of Texts into it.
func (b *Book) Explain(c Contribution, t func(string, ...any) string) string {
	if c.Words != b.Lexicon.words(c.Rule, asWritten) {
		return t(c.Words) // what a benign pattern says
	}
	return b.Lexicon.words(c.Rule, t)
}

func asWritten(text string, _ ...any) string { return text }

// comparisons are how a rule compares a number, as people read it.
var comparisons = map[string]string{">=": "of at least", ">": "of more than", "<=": "of at most", "<": "of less than", "=": "of"}

// words say a rule in the names of its findings.
func (lex *Lexicon) words(rule string, t func(string, ...any) string) string {
	words := strings.Fields(rule)
	for i, w := range words {
		bare := strings.Trim(w, "(),")
		said := bare
		if n, ok := lex.byID[bare]; ok {
			said = t(lex.Findings[n].Name)
		} else if compared, ok := comparisons[bare]; ok {
			said = t(compared)
		} else if slices.Contains(joiningWords, bare) {
			said = t(bare)
		}
		words[i] = strings.Replace(w, bare, said, 1)
	}
	return strings.Join(words, " ")
}
