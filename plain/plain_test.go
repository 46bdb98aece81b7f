package plain

import (
	"math"
	"strings"
	"testing"
)

func TestGradesOfWorkedExamples(t *testing.T) {
	for _, c := range []struct {
		text                        string
		sentences, words, syllables int
		grade                       float64
	}{
		{"The cat sat on the mat.", 1, 6, 6, -1.45},
		// Wikipedia's example, which it gives as 11.3. https://en.wikipedia.org/wiki/Flesch–Kincaid_readability_tests
		{"The Australian platypus is seemingly a hybrid of a mammal and reptilian creature.", 1, 13, 24, 11.26},
		{"Take your tablets each day. Do not stop them. Ask for help if you feel faint.", 3, 16, 17, -0.97},
		{"Your reading was 5.2 today. A normal one is below 6!", 2, 11, 15, 2.65},
		{"One line\nAnother line", 2, 4, 6, 2.89},
		{"", 0, 0, 0, 0},
	} {
		n := Count(c.text)
		if n != (Counts{c.sentences, c.words, c.syllables}) {
			t.Errorf("%q: %+v", c.text, n)
		}
		if got := Grade(c.text); math.Abs(got-c.grade) > 0.01 {
			t.Errorf("%q: grade %.2f, want %.2f", c.text, got, c.grade)
		}
	}
}

func TestSyllables(t *testing.T) {
	for word, want := range map[string]int{"heart": 1, "kidney": 2, "medicine": 3, "blood": 1, "pressure": 2, "table": 2, "tablets": 2, "breathe": 1, "used": 1, "needed": 2, "infection": 3, "diabetes": 4, "cholesterol": 4,
		"asthma": 2, "die": 1, "diet": 2, "doctor": 2, "nurse": 1, "people": 2, "checked": 1, "hospital": 3, "vaccine": 2, "pharmacist": 3, "GP": 1, "38": 1, "bleeds": 1, "smokes": 1, "changes": 2, "illnesses": 3, "couples": 2} {
		if got := Syllables(word); got != want {
			t.Errorf("%s: %d, want %d", word, got, want)
		}
	}
}

func TestHardWordsHavePlainerOnes(t *testing.T) {
	if got := Hard("Renal function was monitored. The kidneys are fine."); strings.Join(got, "; ") != "renal: of the kidneys; monitored: checked" {
		t.Error(got)
	}
	if got := Hard("Your kidneys work well."); got != nil {
		t.Error(got)
	}
}

func FuzzGrade(f *testing.F) {
	f.Add("Ask for help.")
	f.Fuzz(func(t *testing.T, text string) {
		if g := Grade(text); math.IsNaN(g) || math.IsInf(g, 0) {
			t.Errorf("%q: %v", text, g)
		}
		if c := Count(text); c.Syllables < c.Words || c.Words < c.Sentences {
			t.Errorf("%q: %+v", text, c)
		}
	})
}
