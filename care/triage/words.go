package triage

import (
	_ "embed" // for ordinaryWords
	"strings"
	"unicode"
)

// wordsFile is words.yaml: which words of English say nothing, deny, or say the same.
type wordsFile struct {
	Author    string            `yaml:"author"`
	Reviewed  string            `yaml:"reviewed"`
	Fillers   []string          `yaml:"fillers"`
	Courtesy  []string          `yaml:"courtesy"`
	Articles  []string          `yaml:"articles"`
	Negators  []string          `yaml:"negators"`
	Cannot    []string          `yaml:"cannot"`
	Irregular map[string]string `yaml:"irregular"`
	Same      [][]string        `yaml:"same"`
	Idioms    []string          `yaml:"idioms"`
	Contrast  []string          `yaml:"contrast"`
	Fears     []string          `yaml:"fears"`
	Ordinary  []string          `yaml:"ordinary"`
	People    struct {
		Female []string `yaml:"female"`
		Male   []string `yaml:"male"`
		Any    []string `yaml:"any"`
		Adult  []string `yaml:"adult"`
	} `yaml:"people"`
}

// ordinaryWords are words of ordinary English that are near a word of the lexicon and are not taken for a misspelling of it: "spring" is not "spying".
// The words were chosen from SCOWL's list of common words (wordlist.aspell.net, © Kevin Atkinson, free to use and copy with that notice).
//
//go:embed ordinary.txt
var ordinaryWords string

// token is one word of a text or a phrase.
type token struct {
	raw   string // as written, in small letters
	stem  string // what it is compared by
	stop  bool   // a sentence ends before it
	comma bool   // a comma stands before it
	at    int    // its place among the words of the text
}

// english turns words into what they are compared by.
type english struct {
	filler, article map[string]bool
	courtesy        map[string]bool // around what is wrong: no sign of which complaint it is
	negator         map[string]bool
	cannot          map[string]bool
	irregular       map[string]string
	same            map[string]string     // one word to the one that stands for it
	sameLong        map[string][][]string // first stem of a phrase to the phrases: stems, and last what stands for them
	contrast, fear  map[string]bool
	ordinary        map[string]bool
	adult           map[string]bool
	temperature     string            // the stem of temperature
	people          map[string]string // a word for somebody to male, female or any
}

func newEnglish(w *wordsFile) *english {
	e := &english{filler: set(w.Fillers), courtesy: set(w.Courtesy), article: set(w.Articles), negator: set(w.Negators), cannot: set(w.Cannot), irregular: w.Irregular, same: map[string]string{}, sameLong: map[string][][]string{}}
	e.contrast, e.fear, e.ordinary, e.people = set(w.Contrast), set(w.Fears), set(w.Ordinary), map[string]string{}
	e.adult = set(w.People.Adult)
	for _, word := range strings.Fields(ordinaryWords) {
		e.ordinary[word] = true
	}
	for sex, words := range map[string][]string{femaleID: w.People.Female, maleID: w.People.Male, anySex: w.People.Any} {
		for _, word := range words {
			e.people[word] = sex
		}
	}
	for _, group := range w.Same {
		head := e.stem(group[0])
		if strings.Contains(group[0], " ") {
			head = strings.ReplaceAll(group[0], " ", "-")
		}
		for _, word := range group {
			if !strings.Contains(word, " ") {
				e.same[word], e.same[e.stem(word)] = head, head
				continue
			}
			var stems []string
			for _, t := range e.split(word) {
				stems = append(stems, e.stem(t.raw))
			}
			e.sameLong[stems[0]] = append(e.sameLong[stems[0]], append(stems, head))
		}
	}
	e.temperature = e.stem("temperature")
	return e
}

func set(words []string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}

const cannotStem, notStem = "cannot", "not"

// anySex stands for somebody whose sex is not said.
const anySex = "any"

// contractions are what "n't" and its careless spellings stand for.
var contractions = map[string]string{"dont": notStem, "doesnt": notStem, "didnt": notStem, "isnt": notStem, "wasnt": notStem, "arent": notStem, "havent": notStem, "hasnt": notStem, "hadnt": notStem,
	"wont": notStem, "wouldnt": notStem, "cant": cannotStem, "couldnt": cannotStem}

// split cuts a text into words: small letters, n't as a word of its own kind, numbers with their decimals and units apart.
func (e *english) split(text string) []token {
	var out []token
	stop, comma := true, false
	runes := []rune(strings.ToLower(text))
	for i := 0; i < len(runes); {
		r := runes[i]
		switch {
		case unicode.IsLetter(r):
			j := i
			for j < len(runes) && (unicode.IsLetter(runes[j]) || (isQuote(runes[j]) && j+1 < len(runes) && unicode.IsLetter(runes[j+1]))) {
				j++
			}
			w := plainQuotes.Replace(string(runes[i:j]))
			out = append(out, token{raw: w, stop: stop, comma: comma})
			stop, comma, i = false, false, j
		case unicode.IsDigit(r):
			j := i
			for j < len(runes) && (unicode.IsDigit(runes[j]) || (runes[j] == '.' || runes[j] == ',' || runes[j] == '/') && j+1 < len(runes) && unicode.IsDigit(runes[j+1])) {
				j++
			}
			out = append(out, token{raw: strings.Replace(string(runes[i:j]), ",", ".", 1), stop: stop, comma: comma})
			stop, comma, i = false, false, j
		case strings.ContainsRune(".!?;:\n", r):
			stop = true
			i++
		case r == ',' || r == '(' || r == ')' || r == '–' || r == '—' || r == '-' && i > 0 && i+1 < len(runes) && runes[i-1] == ' ' && runes[i+1] == ' ':
			comma = true
			i++
		case r == '+':
			out = append(out, token{raw: "and", stop: stop, comma: comma})
			stop, comma = false, false
			i++
		default:
			i++
		}
	}
	for i := range out {
		out[i].at = i
		out[i].stem = e.stem(out[i].raw)
	}
	return out
}

// plainQuotes makes of any apostrophe the one of the keyboard.
var plainQuotes = strings.NewReplacer("’", "'", "‘", "'", "`", "'")

func isQuote(r rune) bool { return r == '\'' || r == '’' || r == '‘' || r == '`' }

// stem is what a word is compared by: without its ending, and one for all that say the same.
func (e *english) stem(w string) string {
	if s, ok := e.same[w]; ok {
		return s
	}
	if c, ok := contractions[strings.ReplaceAll(w, "'", "")]; ok {
		return c
	}
	if e.cannot[w] {
		return cannotStem
	}
	if strings.HasSuffix(w, "n't") {
		return notStem
	}
	w = strings.TrimSuffix(strings.TrimSuffix(w, "'s"), "'")
	for _, short := range []string{"'m", "'ve", "'re", "'d", "'ll"} {
		w = strings.TrimSuffix(w, short)
	}
	if s, ok := e.irregular[w]; ok {
		w = s
	} else {
		w = bare(w)
		if s, ok := e.irregular[w]; ok {
			w = s
		}
	}
	if s, ok := e.same[w]; ok {
		return s
	}
	return w
}

// bare takes off the endings of English verbs, nouns and adverbs. It need not be right, only the same for the forms of one word.
func bare(w string) string {
	n := len(w)
	switch {
	case n > 4 && strings.HasSuffix(w, "ies"):
		return w[:n-3] + "y"
	case n > 4 && (strings.HasSuffix(w, "sses") || strings.HasSuffix(w, "shes") || strings.HasSuffix(w, "ches") || strings.HasSuffix(w, "xes")):
		return w[:n-2]
	case n > 3 && strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") && !strings.HasSuffix(w, "us") && !strings.HasSuffix(w, "is"):
		return unE(w[:n-1])
	case n > 5 && strings.HasSuffix(w, "ing"):
		return undouble(w[:n-3])
	case n > 4 && strings.HasSuffix(w, "ed") && w[n-3] != 'e':
		if strings.HasSuffix(w, "ied") {
			return w[:n-3] + "y"
		}
		return undouble(w[:n-2])
	case n > 4 && strings.HasSuffix(w, "ly"):
		return unE(w[:n-2])
	}
	return unE(w)
}

// undouble makes stopp to stop, and leaves swell and pass.
func undouble(w string) string {
	if n := len(w); n > 3 && w[n-1] == w[n-2] && !strings.ContainsRune("lsz", rune(w[n-1])) {
		return w[:n-1]
	}
	return unE(w)
}

// unE takes the silent e off, so that breathe, breathing and breathed are one.
func unE(w string) string {
	if n := len(w); n > 3 && w[n-1] == 'e' && !strings.HasSuffix(w, "ee") {
		return w[:n-1]
	}
	return w
}
