package plan

import (
	"strings"
	"testing"

	"github.com/kith-care/kith/plain"
)

// What programmes and the list of medicines say to people can be read at the age of nine to eleven. Titles of sources are their authors'.
func TestProgrammesAreEasyToRead(t *testing.T) {
	book, err := Load(Shipped())
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, p := range book.Programmes {
		all := append(append([]string{p.Title + ".", p.What}, p.Before...), p.Stop...)
		for _, w := range p.Weeks {
			all = append(append(all, w.Title+"."), w.Do...)
		}
		texts[p.Name] = strings.Join(all, "\n")
	}
	var why []string
	for _, m := range book.AskFirst {
		why = append(why, m.Why)
	}
	texts["ask first"] = strings.Join(why, "\n")
	if len(texts) < 7 {
		t.Fatalf("%d texts", len(texts))
	}
	for name, text := range texts {
		if hard := plain.Hard(text); len(hard) > 0 {
			t.Errorf("%s: %s", name, strings.Join(hard, "; "))
		}
		n, grade := plain.Count(text), plain.Grade(text)
		if n.Words < 50 {
			t.Errorf("%s has %d words, too few to measure", name, n.Words)
		}
		if grade > 6 {
			t.Errorf("%s: grade %.1f", name, grade)
		}
		t.Logf("%s: %d words, grade %.1f", name, n.Words, grade)
	}
}
