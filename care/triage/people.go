package triage

import (
	"math"
	"strconv"
	"strings"
)

// people finds out whom a text is about, how old they are and of which sex: "my daughter (4)", "he's 3 months old", "I'm a 62 year old man".
func (s *speech) people(tokens []token) {
	e := s.l.english
	self := -1
	for i, t := range tokens {
		word := func(k int) string {
			if i+k >= 0 && i+k < len(tokens) {
				return tokens[i+k].raw
			}
			return ""
		}
		sex := e.person(t.raw)
		switch {
		case t.raw == "i" || t.raw == "i'm" || t.raw == "i've" || t.raw == "im" || t.raw == "ive":
			if self < 0 && told(word(0), word(1)) {
				self = i
			}
		case t.raw == "my" && self < 0 && !s.heard.Other && unitDays(word(2)) > 0 && word(3) == "old" && e.person(word(4)) == "":
			s.heard.Other = true
		case sex != "" && self < 0 && !s.heard.Other && s.patient(tokens, i):
			s.heard.Other = true
			s.setSex(sex)
		case t.raw == "my" && self < 0 && !s.heard.Other && !e.somebody(tokens[i+1:]):
			self = i
		case sex != "" && sex != anySex && s.heard.Other && s.heard.Sex == "" && self < 0:
			s.setSex(sex)
		case (t.raw == "man" || t.raw == "male" || t.raw == "woman" || t.raw == "female" || t.raw == "lady" || t.raw == "girl" || t.raw == "boy" || t.raw == "gentleman") && (i < 8 || isAge(word(-1))):
			s.setSex(sex)
		}
		s.ageAt(tokens, i)
	}
	s.grown(tokens, self)
}

// Writers about themselves are old enough to write, and a mother is no child, where nothing better is said.
const writes, grownUp, oldest = 12, 18, 125

// grown bounds an age that is not said.
func (s *speech) grown(tokens []token, self int) {
	if !s.heard.Age.open() {
		return
	}
	if self >= 0 && !s.heard.Other {
		s.heard.Age = Span{writes, oldest}
	}
	for i, t := range tokens {
		if s.heard.Other && i < 10 && s.l.english.person(t.raw) != "" {
			if s.l.english.adult[strings.TrimSuffix(t.raw, "'s")] {
				s.heard.Age = Span{grownUp, oldest}
			}
			if w := strings.TrimSuffix(t.raw, "'s"); w != "he" && w != "she" && w != "her" && w != "his" && w != "him" {
				return
			}
		}
	}
}

// told reports whether "I" is the beginning of what the writer has, not of what they do for somebody: "I have", not "I think", "I gave".
func told(i, next string) bool {
	switch next {
	case "think", "gave", "noticed", "am", "need", "want", "called", "took", "checked", "care", "look", "found", "wonder", "don't", "dont", "can't", "cannot", "know", "tried", "just":
		return next == "am" && i == "i" || next == "don't" || next == "can't" || next == "cannot" || next == "took"
	case "worried", "calling", "writing", "asking", "concerned", "ringing":
		return false
	}
	return true
}

// person is male, female or any of a word for somebody ("daughter", "he's"), "" of other words.
func (e *english) person(raw string) string {
	if sex := e.people[raw]; sex != "" {
		return sex
	}
	return e.people[strings.TrimSuffix(raw, "'s")]
}

// somebody reports whether the words after "my" come to a person: "my 3 year old son", "my lovely mum".
func (e *english) somebody(next []token) bool {
	for i := 0; i < len(next) && i < 5 && !next[i].stop && !next[i].comma; i++ {
		switch w := next[i].raw; {
		case w == "he" || w == "she" || w == "his" || w == "her" || w == "and" || w == "is" || w == "has":
			return false
		case e.person(w) != "":
			return true
		}
	}
	return len(next) > 2 && unitDays(next[1].raw) > 0 && next[2].raw == "old" // "my 4 month old"
}

// patient reports whether the person-word at i is whom the text is about: a subject or owner at the beginning of the text.
func (s *speech) patient(tokens []token, i int) bool {
	w := tokens[i].raw
	if i+1 < len(tokens) && (tokens[i+1].raw == "said" || tokens[i+1].raw == "says" || tokens[i+1].raw == "thinks" || tokens[i+1].raw == "told") {
		return false
	}
	if i > 0 {
		switch tokens[i-1].raw {
		case "with", "from", "by", "to", "at", "a", "an", "old":
			// "27 year old woman" is whom it is about, not somebody else; "my 3 year old son" is
			return tokens[i-1].raw == "old" && hasWord(tokens[:i], "my", "our") || tokens[i-1].raw == "a" && i > 6
		}
	}
	return w != "her" && w != "his" && w != "him" || i > 0 && i < 10
}

func hasWord(tokens []token, words ...string) bool {
	for _, t := range tokens {
		for _, w := range words {
			if t.raw == w {
				return true
			}
		}
	}
	return false
}

func (s *speech) setSex(sex string) {
	if s.heard.Sex == "" && sex != anySex {
		s.heard.Sex = sex
	}
}

func isAge(w string) bool { n, err := strconv.Atoi(w); return err == nil && n < 120 || w == "old" }

var wordNumbers = map[string]float64{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
	"couple": 2, "few": 3, "several": 5, "half": 0.5, "a": 1, "an": 1}

// numberOf reads a number in figures or in a word.
func numberOf(w string) (float64, bool) {
	if n, ok := wordNumbers[w]; ok && w != "a" && w != "an" {
		return n, true
	}
	if w == "" || w[0] < '0' || w[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseFloat(w, 64)
	return n, err == nil && !math.IsInf(n, 0)
}

// unitDays is how many days a unit of time has, 0 for what is none.
func unitDays(w string) float64 {
	switch strings.TrimSuffix(w, "s") {
	case "min", "minute":
		return 1.0 / 1440
	case "hour", "hr", "h":
		return 1.0 / 24
	case "day":
		return 1
	case "night":
		return 1
	case "week", "wk":
		return 7
	case "fortnight":
		return 14
	case "month", "mth":
		return 30.4
	case "year", "yr":
		return 365.25
	case "weekend":
		return 2
	}
	return 0
}

// ageAt notes an age that is said at word i.
func (s *speech) ageAt(tokens []token, i int) {
	n, ok := numberOf(tokens[i].raw)
	if !ok || n < 0 || n > 120 || !s.heard.Age.open() {
		return
	}
	word := func(k int) string {
		if i+k >= 0 && i+k < len(tokens) {
			return tokens[i+k].raw
		}
		return ""
	}
	unit := unitDays(word(1))
	person := s.l.english.person(word(-1)) != ""
	switch {
	case unit > 0 && (word(2) == "old" || word(2) == "of" && word(3) == "age"):
		s.setAge(n * unit / 365.25)
	case word(1) == "yo" || word(1) == "y" && word(2) == "o" || word(1) == "yrs" && word(2) == "old":
		s.setAge(n)
	case person && unit == 0 && n >= 1 && word(1) != "out" && word(1) != "degrees" && word(1) != "c" && !strings.Contains(tokens[i].raw, "."): // "Dad 75"
		s.setAge(n)
	case word(-1) == "is" && (word(-2) == "who" || s.l.english.person(word(-2)) != "") && unit == 0: // "my daughter, who is 6"
		s.setAge(n)
	case word(-1) == "is" && s.l.english.person(word(-2)) != "" && unit > 1 && unit < 31 && (i+2 >= len(tokens) || tokens[i+2].stop || tokens[i+2].comma || word(2) == "and" || word(2) == "with"): // "baby is 7 weeks"
		s.setAge(n * unit / 365.25)
	case person && unit > 30 && unit < 31: // "my daughter, 18 months"
		s.setAge(n * unit / 365.25)
	case unit >= 365 && (s.l.english.person(word(2)) != ""):
		s.setAge(n)
	case word(-1) == "aged" || word(-1) == "age" || word(-1) == "turned":
		if unit > 0 {
			n *= unit / 365.25
		}
		s.setAge(n)
	case (person && tokens[i].comma || word(-1) == "i'm" || word(-1) == "im" || word(-1) == "am" && word(-2) == "i" || word(-1) == "he's" || word(-1) == "she's" || word(-1) == "is" && s.l.english.person(word(-2)) != "") && (unit == 0 || unit < 365.25 && tokens[i].comma) && !s.pregnantAt(tokens, i):
		if unit > 0 {
			n *= unit / 365.25
		}
		if word(1) != "weeks" && (i+1 >= len(tokens) || tokens[i+1].stop || tokens[i+1].comma || unit > 0 || subjects[word(1)] || word(1) == "and" || word(1) == "with" || word(1) == "has" || word(1) == "years" || word(1) == "who") {
			s.setAge(n)
		}
	case (word(1) == "m" || word(1) == "f" || word(1) == "male" || word(1) == "female") && i < 4:
		s.setAge(n)
		s.setSex(map[byte]string{'m': maleID, 'f': femaleID}[word(1)[0]])
	case unit > 365 && i < 8 && (word(-1) == "i'm" || word(-1) == "am"):
		s.setAge(n)
	}
}

func (s *speech) pregnantAt(tokens []token, i int) bool {
	for j := i; j < len(tokens) && j < i+4; j++ {
		if tokens[j].stem == "pregnant" {
			return true
		}
	}
	return false
}

func (s *speech) setAge(years float64) { s.heard.Age = Span{years, years} }
