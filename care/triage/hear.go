package triage

import (
	"slices"
	"strings"
)

// Heard is what a text says.
type Heard struct {
	Findings []Hearing
	Numbers  map[int]Span // by finding: duration, temperature, …
	Age      Span         // of the person it is about, in years
	Sex      string       // male, female or ""
	Other    bool         // it is about somebody else than the writer
	Days     map[int]int  // of facts that happened: how many days ago

	features []string // the words and pairs of words that say something
}

// Hearing is one finding that was heard.
type Hearing struct {
	Finding int
	Value   Tri // Yes or No
	Words   string
	At      int // which word of the text it begins at
	Length  int // how many words of the phrase were heard
}

// speech is a text on its way through the ear.
type speech struct {
	l      *listener
	lex    *Lexicon
	tokens []token
	clause []int  // by token: which clause it stands in
	denied []bool // by token: a denial before it holds here
	feared []bool // it is feared or asked about, not said
	others []bool // it is said of somebody else than the patient, or of long ago
	place  []int  // by token: how many words that say something stand before it, commas counting as two
	byStem map[string][]int
	heard  *Heard
}

// Hear reads a text in plain English. It takes well under a millisecond for a hundred words.
func (b *Book) Hear(text string) *Heard { return b.Lexicon.hear(text) }

func (lex *Lexicon) hear(text string) *Heard {
	l := lex.listener
	s := &speech{l: l, lex: lex, heard: &Heard{Numbers: map[int]Span{}, Age: Open(), Days: map[int]int{}}}
	tokens := l.english.split(text)
	l.spell(tokens)
	s.people(tokens)
	s.tokens = l.english.join(tokens)
	s.heard.features = l.features(s.tokens)
	s.clauses()
	s.index()
	s.denials()
	s.fears()
	s.elsewhere()
	s.phrases()
	s.numbers()
	return s.heard
}

// spell gives words that no phrase has the stem of the word they are probably meant as.
func (l *listener) spell(tokens []token) {
	for i := range tokens {
		t := &tokens[i]
		if l.vocab[t.stem] == 0 && !l.english.plainWord(t.raw) && l.english.people[t.raw] == "" {
			if w := l.spelled(t.raw); w != "" {
				t.stem = l.english.stem(w)
			}
		}
	}
}

// plainWord is a word that is never a misspelling.
func (e *english) plainWord(raw string) bool {
	return e.filler[raw] || e.negator[raw] || e.cannot[raw] || e.contrast[raw] || e.ordinary[raw]
}

// clauses numbers the parts of the text within which words belong together.
func (s *speech) clauses() {
	s.clause = make([]int, len(s.tokens))
	n := 0
	for i, t := range s.tokens {
		if t.stop || s.l.english.contrast[t.raw] && t.raw != "just" && t.raw != "only" {
			n++
		}
		s.clause[i] = n
	}
}

var subjects = set([]string{"i", "he", "she", "they", "it", "we", "i'm", "he's", "she's", "it's", "i've", "they're", "im", "ive", "my", "his", "her", "there", "theres", "there's"})
var positive = set([]string{"has", "have", "having", "had", "feel", "feels", "feeling", "got", "is", "are", "was", "am", "with", "a", "an", "some", "also", "now", "still", "lots", "very"})

// denials marks the words that a negator denies. A denial reaches to the end of its sentence, to a contrast ("but"), to a new subject, and
// past a comma or "and" only in a list: one that goes on with "or", or one of "denies" and "without".
func (s *speech) denials() {
	e := s.l.english
	s.denied = make([]bool, len(s.tokens))
	on, list := false, false
	for i := 0; i < len(s.tokens); i++ {
		t := s.tokens[i]
		if t.stop || e.contrast[t.raw] {
			on = false
		}
		negates := (e.negator[t.raw] || t.stem == notStem) && !s.idle(i)
		if on && !negates && (t.comma || t.raw == "and") && s.ends(i, list) {
			on = false
		}
		if negates {
			on, list = true, strings.HasPrefix(t.raw, "den") || t.raw == "without" || t.raw == "negative" || t.raw == "absence"
			continue
		}
		s.denied[i] = on
	}
}

// idle reports whether a negator denies nothing: "not only", "no better", "not sure", "no idea".
func (s *speech) idle(i int) bool {
	if i+1 >= len(s.tokens) {
		return true
	}
	switch s.tokens[i+1].raw {
	case "only", "sure", "know", "idea", "better", "longer", "help", "helping", "helped", "stop", "stopped", "stopping", "settling", "settled", "touching", "touched", "working", "just", "worse":
		return true
	case "really", "think", "thinking":
		return false
	}
	return false
}

// ends reports whether a comma or "and" before word i ends a denial.
func (s *speech) ends(i int, list bool) bool {
	next := s.tokens[i].raw
	if next == "and" && i+1 < len(s.tokens) {
		next = s.tokens[i+1].raw
	}
	if subjects[next] || positive[next] && next != "a" && next != "an" {
		return true
	}
	if list {
		return false
	}
	for j := i; j < len(s.tokens) && !(j > i && s.tokens[j].stop) && !s.l.english.contrast[s.tokens[j].raw]; j++ {
		switch w := s.tokens[j].raw; {
		case w == "or" || w == "nor":
			return false
		case j > i && (subjects[w] || s.l.english.negator[w]):
			return true
		}
	}
	return true
}

// fears marks what is feared or asked about: "worried it could be cancer". Symptoms that are feared are still said, facts are not.
func (s *speech) fears() {
	s.feared = make([]bool, len(s.tokens))
	on := false
	for i, t := range s.tokens {
		if t.stop || s.l.english.contrast[t.raw] || t.raw == "because" || t.raw == "as" {
			on = false
		}
		if s.l.english.fear[t.raw] || (t.raw == "might" || t.raw == "could") && i+1 < len(s.tokens) && s.tokens[i+1].raw == "be" {
			on = true
		}
		s.feared[i] = on
	}
}

// elsewhere marks what is said of others than the patient ("my dad had a heart attack") or of years ago.
func (s *speech) elsewhere() {
	s.others = make([]bool, len(s.tokens))
	on := false
	for i, t := range s.tokens {
		if t.stop || t.comma && subjects[t.raw] && t.raw != "my" {
			on = false
		}
		if subjects[t.raw] && t.raw != "my" && t.raw != "her" && t.raw != "his" {
			on = false
		}
		word := func(k int) string {
			if i+k < len(s.tokens) {
				return s.tokens[i+k].raw
			}
			return ""
		}
		if t.raw == "family" && word(1) == "history" || t.raw == "runs" && word(2) == "family" {
			on = true
		}
		if !s.heard.Other && !(word(1) == "baby" && len(s.byStem["pregnant"]) > 0) && (t.raw == "my" || t.raw == "our") && s.l.english.people[word(1)] != "" && s.toldOf(word(2), word(3)) {
			on = true
		}
		s.others[i] = on
	}
	for i, t := range s.tokens { // "three years ago", "last year", "as a child"
		if i > 0 && (t.raw == "ago" && strings.HasPrefix(s.tokens[i-1].raw, "year") || t.raw == "year" && s.tokens[i-1].raw == "last") || i > 1 && s.tokens[i-2].raw == "as" && s.tokens[i-1].raw == "a" && t.raw == "child" {
			for j := i; j >= 0 && s.clause[j] == s.clause[i] && i-j < 9; j-- {
				s.others[j] = true
				if s.tokens[j].comma {
					break
				}
			}
		}
	}
}

// toldOf reports whether these are the words after "my dad" that tell what he has or had.
func (s *speech) toldOf(words ...string) bool {
	for _, w := range words {
		switch w {
		case "had", "has", "have", "died", "was", "is", "with", "also", "got", "both", "all":
			return true
		}
	}
	return false
}

// say notes a match as present or absent.
func (s *speech) say(m match) {
	ph := &s.l.phrases[m.phrase]
	f := s.lex.Findings[ph.finding]
	value := Yes
	for _, i := range m.words {
		if s.denied[i] && !s.ownDenial(m, i) {
			value = No
		}
		if s.feared[i] && f.fact && value == Yes {
			return
		}
		if s.others[i] && (!f.fact || s.ofSomebodyElse(i)) {
			return
		}
	}
	if value == Yes && s.isFine(m.to+1) {
		value = No
	}
	var words []string
	for i := m.from; i <= m.to; i++ {
		words = append(words, s.tokens[i].raw)
	}
	s.heard.Findings = append(s.heard.Findings, Hearing{Finding: ph.finding, Value: value, Words: strings.Join(words, " "), At: m.from, Length: len(m.words)})
}

var fine = set([]string{"normal", "fine", "ok", "okay", "clear", "alright", "good"})

// isFine reports whether what stands before word i is said to be as it should: "my temperature is normal".
func (s *speech) isFine(i int) bool {
	for j := i; j < min(i+3, len(s.tokens)) && !s.tokens[j].stop && !s.tokens[j].comma; j++ {
		switch w := s.tokens[j].raw; {
		case fine[w]:
			return j+1 >= len(s.tokens) || s.tokens[j+1].raw != "otherwise"
		case w != "is" && w != "are" && w != "was" && w != "seems" && w != "all" && w != "were":
			return false
		}
	}
	return false
}

// ofSomebodyElse reports whether a word that is marked as said of others is said of another person, not of long ago: long ago is when facts happen.
func (s *speech) ofSomebodyElse(i int) bool {
	for j := i; j >= 0 && s.others[j]; j-- {
		if w := s.tokens[j].raw; w == "family" || s.l.english.people[w] != "" {
			return true
		}
	}
	return false
}

// ownDenial reports whether the denial over word i is one of the phrase's own words ("not breathing").
func (s *speech) ownDenial(m match, i int) bool {
	for _, j := range m.words {
		if j <= i && (s.tokens[j].stem == notStem || s.l.english.negator[s.tokens[j].raw]) {
			for k := j + 1; k < i; k++ { // another denial between the two?
				if s.tokens[k].stem == notStem && !slices.Contains(m.words, k) {
					return false
				}
			}
			return true
		}
	}
	return false
}
