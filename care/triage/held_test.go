package triage

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"
)

// held reads a file of vignettes that nobody who wrote the rules has read.
func held(t *testing.T, name string) (all []*Vignette) {
	t.Helper()
	heldLines(t, name, func(line []byte) {
		v, err := ParseVignette(line)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	})
	return all
}

func heldLines(t *testing.T, name string, use func([]byte)) {
	t.Helper()
	file, err := os.Open("testdata/held/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		use(lines.Bytes())
	}
}

// What is aimed at, of vignettes that were held apart: docs/triage.md has the figures with their intervals.
func TestHeldApart(t *testing.T) {
	all := held(t, "held.jsonl")
	r, err := shippedBook(t).Evaluate(all, Settings{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	emergencies := 0
	for _, v := range all {
		if v.Level >= Emergency {
			emergencies++
		}
	}
	if len(all) != 220 || emergencies < 60 {
		t.Fatalf("%d vignettes, %d emergencies", len(all), emergencies)
	}
	for _, figure := range []struct {
		name  string
		share float64
		ok    bool
	}{
		{"right", r.Group.Part(), r.Group.Part() >= 0.80}, {"emergencies", r.Groups[2].Part(), r.Groups[2].Part() >= 0.97}, {"self-care", r.Groups[0].Part(), r.Groups[0].Part() >= 0.80},
		{"over-triage", r.Over.Part(), r.Over.Part() <= 0.12}, {"safe", r.Safe.Part(), r.Safe.Part() >= 0.97},
	} {
		t.Logf("%s: %.1f %%", figure.name, 100*figure.share)
		if !figure.ok {
			t.Errorf("%s: %.1f %%, which is not what is aimed at", figure.name, 100*figure.share)
		}
	}
	if t.Logf("questions: %d in the middle", r.Questions.Median); r.Questions.Median > 6 {
		t.Error("too many questions")
	}
}

// The same words with another record: whoever needs help sooner is never told to wait longer.
func TestHeldTwins(t *testing.T) {
	all := held(t, "twins.jsonl")
	r, err := shippedBook(t).Evaluate(all, Settings{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for i := 0; i+1 < len(r.Ran); i += 2 {
		a, b := r.Ran[i], r.Ran[i+1]
		if a.Vignette.Text != b.Vignette.Text || a.Vignette.Level == b.Vignette.Level {
			t.Fatalf("%s and %s are no twins", a.Vignette.ID, b.Vignette.ID)
		}
		want, got := a.Vignette.Level < b.Vignette.Level, int(b.Outcome.Level-a.Outcome.Level)
		switch {
		case got == 0:
		case got > 0 == want:
			told++
		default:
			t.Errorf("%s and %s come out the wrong way round: %s and %s", a.Vignette.ID, b.Vignette.ID, a.Outcome.Level, b.Outcome.Level)
		}
	}
	t.Logf("%d of %d pairs are told apart, the right way round", told, len(all)/2)
	if len(all) != 48 || told < 12 {
		t.Error("the record does not matter enough")
	}
}

// However somebody says it, it is about the same: the pack of the first way is offered for the others, so that the person can choose it. That 5 % of them lose it is aimed at,
// and more do (docs/triage.md, "What falls short"); the bounds here keep it from getting worse.
func TestHeldParaphrases(t *testing.T) {
	b := shippedBook(t)
	pack := func(text string) string { return b.Begin(text, Person{}, Settings{}).Pack.Name }
	cases, changed, lost := 0, 0, 0
	heldLines(t, "paraphrases.jsonl", func(line []byte) {
		var p struct {
			ID    string   `json:"id"`
			Texts []string `json:"texts"`
		}
		if err := json.Unmarshal(line, &p); err != nil {
			t.Fatal(err)
		}
		first := pack(p.Texts[0])
		for _, text := range p.Texts[1:] {
			cases++
			if pack(text) != first {
				changed++
			}
			if !slices.ContainsFunc(Offered(b.Begin(text, Person{}, Settings{}).Candidates), func(p *Pack) bool { return p.Name == first }) {
				lost++
			}
		}
	})
	t.Logf("of %d paraphrases another pack comes first in %d (%.1f %%), and the pack is not offered in %d (%.1f %%)", cases, changed, 100*float64(changed)/float64(cases), lost, 100*float64(lost)/float64(cases))
	if cases != 240 || float64(changed) > 0.27*float64(cases) || float64(lost) > 0.07*float64(cases) {
		t.Error("more than there were")
	}
}
