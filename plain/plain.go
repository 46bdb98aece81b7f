// Package plain measures how hard a text is to read: the school grade of Flesch and Kincaid for passages, and a list of words that have plainer
// ones for anything shorter.
//
// The grade is a formula over sentences, words and syllables, and nothing more: it does not know whether a text is right, kind or clear. It finds long
// sentences and long words, which is what most often goes wrong.
//
// J. P. Kincaid and others, Derivation of New Readability Formulas, 1975. https://apps.dtic.mil/sti/citations/ADA006655
package plain

import (
	"strings"
	"unicode"
)

// Counts are what the grade is made of.
type Counts struct{ Sentences, Words, Syllables int }

// Count counts the sentences, words and syllables of an English text. A sentence ends with . ! ? or a line; a full stop within a number, or after a
// single letter, ends none. A number is a word of one syllable, however it is read out.
func Count(text string) Counts {
	var c Counts
	for line := range strings.SplitSeq(text, "\n") {
		open := false
		for word := range strings.FieldsSeq(line) {
			core := strings.TrimFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
			if core != "" {
				c.Words++
				c.Syllables += syllablesOf(core)
				open = true
			}
			if open && ends(word, core) {
				c.Sentences++
				open = false
			}
		}
		if open {
			c.Sentences++
		}
	}
	return c
}

// ends reports whether a sentence ends after a word.
func ends(word, core string) bool {
	word = strings.TrimRight(word, "”’\"')")
	switch {
	case strings.HasSuffix(word, "!"), strings.HasSuffix(word, "?"), strings.HasSuffix(word, ":"):
		return true
	case strings.HasSuffix(word, "."):
		return len([]rune(core)) > 1 || unicode.IsDigit([]rune(core + "0")[0])
	}
	return false
}

// syllablesOf counts the syllables of what stands between two spaces: parts with a hyphen or slash are words of their own.
func syllablesOf(word string) int {
	n := 0
	for part := range strings.FieldsFuncSeq(word, func(r rune) bool { return r == '-' || r == '–' || r == '/' }) {
		n += Syllables(part)
	}
	return max(n, 1)
}

// Syllables counts the syllables of one English word by its letters: groups of vowels, less a silent e. It is right for nine words of ten, and wrong by
// one for most of the others, as all such counts are.
func Syllables(word string) int {
	w := strings.ToLower(word)
	if strings.ContainsFunc(w, unicode.IsDigit) {
		return 1
	}
	if n, odd := oddOnes[strings.TrimSuffix(w, "s")]; odd {
		return n
	}
	n, before := 0, false
	letters := []rune(w)
	for i, r := range letters {
		vowel := strings.ContainsRune("aeiouyáéíóúŵŷ", r) && !(r == 'y' && i == 0)
		if vowel && !before {
			n++
		}
		before = vowel
	}
	switch {
	case strings.HasSuffix(w, "le") && len(w) > 2 && !vowelAt(w, len(w)-3):
		// ta-ble: the last one is heard
	case strings.HasSuffix(w, "es") && len(w) > 3 && !strings.ContainsAny(w[len(w)-3:len(w)-2], "sxzhcg") && !vowelAt(w, len(w)-3):
		if !(strings.HasSuffix(w, "les") && len(w) > 3 && !vowelAt(w, len(w)-4)) {
			n--
		}
	case strings.HasSuffix(w, "ed") && len(w) > 3 && !strings.ContainsAny(w[len(w)-3:len(w)-2], "td") && !vowelAt(w, len(w)-3):
		n--
	case strings.HasSuffix(w, "e") && len(w) > 2 && !vowelAt(w, len(w)-2):
		n--
	}
	for _, hiatus := range []string{"ia", "io", "iu", "eo", "ua", "uo", "iet", "ying"} { // di-et, vi-rus, flu-id
		at := strings.Index(w, hiatus)
		if at > 0 && !strings.Contains("tcsg", w[at-1:at]) && !strings.HasSuffix(w, "ian") && w[at-1] != 'q' && !strings.Contains(w, "quo") {
			n++
		}
	}
	return max(n, 1)
}

// oddOnes are words that the letters do not tell, without a last s.
var oddOnes = map[string]int{"people": 2, "someone": 2, "sometime": 2, "something": 2, "somewhere": 2, "medicine": 3, "fluid": 2, "being": 2, "diabete": 4, "diabetes": 4, "area": 3,
	"breathe": 1, "breathed": 1, "clothe": 1, "eye": 1, "business": 2, "every": 2, "everything": 3, "evening": 2, "hyphen": 2, "create": 2, "created": 3, "idea": 3, "science": 2, "quiet": 2, "diet": 2, "poem": 2,
	"heard": 1, "people's": 2, "usual": 3, "homecare": 2, "lifestyle": 2, "safely": 2, "likely": 2, "rarely": 2, "closely": 2, "sore": 1, "forearm": 2, "people’": 2, "does": 1, "goes": 1, "shoe": 1, "toe": 1, "use": 1, "used": 1,
	"pill": 1, "our": 1, "hour": 1, "your": 1, "year": 1, "iron": 2, "once": 1, "doe": 1, "goe": 1, "yes": 1, "shouldn’t": 2, "isn’t": 2}

func vowelAt(w string, i int) bool { return i >= 0 && strings.IndexByte("aeiouy", w[i]) >= 0 }

// Grade is the school grade (of the United States) at which a text can be read: 5 is what a child of ten or eleven reads. It says something of passages
// of 50 words and more. A text without words has grade 0.
func Grade(text string) float64 {
	c := Count(text)
	if c.Words == 0 {
		return 0
	}
	return 0.39*float64(c.Words)/float64(c.Sentences) + 11.8*float64(c.Syllables)/float64(c.Words) - 15.59
}
