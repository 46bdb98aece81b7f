package triage

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// idiomatic stands for a phrase that says no finding and hides its words.
const idiomatic = -1

// phrase is one way of saying a finding: its words, in any order near each other, or exact.
type phrase struct {
	finding int
	stems   []string
	exact   bool // these words as they stand, fillers too, with nothing between; what lies within them is not heard by itself
	open    bool // exact, and what lies within it is heard as well
	ordered bool // it denies something ("not breathing"), so the order tells
	rare    int  // the word by which it is found
}

var alternatives = regexp.MustCompile(`\(([^()]*)\)`)

// expand writes out the alternatives of a phrase: "(stiff|rigid) neck" is two.
func expand(says string) []string {
	at := alternatives.FindStringSubmatchIndex(says)
	if at == nil {
		return []string{says}
	}
	var out []string
	for _, word := range strings.Split(says[at[2]:at[3]], "|") {
		out = append(out, expand(says[:at[0]]+word+says[at[1]:])...)
	}
	return out
}

// parse makes a phrase of its words. Fillers are left out, unless there is nothing else.
func (e *english) parse(says string) phrase {
	text, exact := strings.CutPrefix(strings.TrimSpace(says), "=")
	text, open := strings.CutPrefix(text, "~")
	exact = exact || open
	tokens := e.join(e.split(text))
	exact = exact || e.hangsOnFillers(tokens)
	p := phrase{exact: exact, open: open}
	for _, t := range tokens {
		if e.filler[t.raw] && !exact {
			continue
		}
		s := t.stem
		if e.negator[t.raw] {
			s = notStem
		}
		if s == notStem || s == cannotStem {
			p.ordered = !exact
		}
		p.stems = append(p.stems, s)
	}
	if len(p.stems) == 0 {
		for _, t := range tokens {
			p.stems = append(p.stems, t.stem)
		}
	}
	return p
}

// hangsOnFillers reports whether a phrase without its fillers would be one word that says something else: "drinking very little".
func (e *english) hangsOnFillers(tokens []token) bool {
	left, dropped := 0, false
	for _, t := range tokens {
		if !e.filler[t.raw] {
			left++
		} else {
			dropped = dropped || !e.article[t.raw]
		}
	}
	return left == 1 && dropped
}

// join puts together words that say the same as one: "throwing up" becomes vomit.
func (e *english) join(in []token) []token {
	out := make([]token, 0, len(in))
	for i := 0; i < len(in); {
		best := 0
		var head string
		for _, long := range e.sameLong[in[i].stem] {
			n := len(long) - 1
			j := i + 1
			for k := 1; k < n; k++ {
				for j < len(in) && in[j].stem != long[k] && e.filler[in[j].raw] && !in[j].stop && !in[j].comma && j-i < 6 {
					j++
				}
				if j >= len(in) || in[j].stem != long[k] || in[j].stop || in[j].comma {
					j = -1
					break
				}
				j++
			}
			if j > 0 && j-i > best {
				best, head = j-i, long[n]
			}
		}
		if best == 0 {
			out = append(out, in[i])
			i++
			continue
		}
		t := in[i]
		t.stem, t.raw = head, head
		out = append(out, t)
		i += best
	}
	return out
}

// listener knows every phrase, by its rarest word.
type listener struct {
	english *english
	phrases []phrase
	byRare  map[string][]int
	vocab   map[string]int      // how many phrases have the word
	near    map[string][]string // vocabulary by what deleting one letter leaves, for spelling
}

func newListener(lex *Lexicon, faults *faults) *listener {
	var file wordsFile
	if _, ok := faults.read(shipped, "words.yaml", &file); !ok {
		return nil
	}
	l := &listener{english: newEnglish(&file), byRare: map[string][]int{}, vocab: map[string]int{}}
	for _, idiom := range file.Idioms {
		p := l.english.parse("=" + idiom)
		p.finding = idiomatic
		l.phrases = append(l.phrases, p)
	}
	said := map[string]int{}
	add := func(i int, says string, own bool) {
		f := lex.Findings[i]
		for _, text := range expand(says) {
			p := l.english.parse(text)
			p.finding = i
			key := p.key()
			other, have := said[key]
			switch {
			case p.ordered && len(p.stems) > 0 && p.stems[len(p.stems)-1] == notStem && !own:
				faults.add(f.file, f.line, "%s: what %q denies is a filler: write it as an exact phrase, with =", f.ID, says)
			case len(p.stems) == 0 && !own:
				faults.add(f.file, f.line, "%s: the phrase %q has no words", f.ID, says)
			case have && other != i && !own:
				faults.add(f.file, f.line, "%s: %q is how %s is said (%s:%d)", f.ID, text, lex.Findings[other].ID, lex.Findings[other].file, lex.Findings[other].line)
			case !have && len(p.stems) > 0:
				said[key] = i
				l.phrases = append(l.phrases, p)
			}
		}
	}
	for i, f := range lex.Findings {
		for _, says := range f.Says {
			add(i, says, false)
		}
	}
	for i, f := range lex.Findings {
		for _, says := range f.plain() {
			add(i, says, true)
		}
	}
	for _, p := range l.phrases {
		for _, s := range p.stems {
			l.vocab[s]++
		}
	}
	for i := range l.phrases {
		p := &l.phrases[i]
		for j, s := range p.stems {
			if l.vocab[s] < l.vocab[p.stems[p.rare]] && !p.exact {
				p.rare = j // an exact phrase is found by its first word
			}
		}
		l.byRare[p.stems[p.rare]] = append(l.byRare[p.stems[p.rare]], i)
	}
	l.near = newSpelling(l.spellable(lex, &file))
	return l
}

// spellable are the words that a misspelling may be meant as: those of phrases as they are written, and the other forms and words that say the same.
func (l *listener) spellable(lex *Lexicon, file *wordsFile) []string {
	words := map[string]bool{}
	add := func(text string) {
		for _, t := range l.english.split(text) {
			if !l.english.plainWord(t.raw) && l.vocab[t.stem] > 0 {
				words[t.raw] = true
			}
		}
	}
	for _, f := range lex.Findings {
		for _, says := range append(slices.Clone(f.Says), f.plain()...) {
			add(strings.NewReplacer("(", " ", ")", " ", "|", " ", "=", " ", "~", " ").Replace(says))
		}
	}
	for form := range file.Irregular {
		add(form)
	}
	for _, group := range file.Same {
		for _, w := range group {
			add(w)
		}
	}
	return slices.Sorted(maps.Keys(words))
}

// plain is the finding's own name and id as phrases, where nothing else is said so: what is listed as "stiff neck" is heard.
func (f *Finding) plain() []string {
	if f.Number != nil {
		return nil
	}
	return []string{f.Name, strings.ReplaceAll(f.ID, "-", " ")}
}

// key is the same for two phrases that would match the same texts.
func (p *phrase) key() string {
	switch {
	case p.exact:
		return "=" + strings.Join(p.stems, " ")
	case p.ordered:
		return strings.Join(p.stems, " ")
	}
	sorted := slices.Clone(p.stems)
	slices.Sort(sorted)
	return strings.Join(sorted, "+")
}
