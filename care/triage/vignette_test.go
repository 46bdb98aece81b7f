package triage

import (
	"bufio"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// development are the vignettes that packs were written with. They show that a change breaks nothing; how good triage is they do not show.
func development(t testing.TB) (all []*Vignette) {
	t.Helper()
	files, _ := filepath.Glob("testdata/vignettes/*.jsonl")
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(file); lines.Scan(); {
			v, err := ParseVignette(lines.Bytes())
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			all = append(all, v)
		}
		file.Close()
	}
	if len(all) < 90 {
		t.Fatalf("there are %d vignettes", len(all))
	}
	return all
}

func TestDevelopmentVignettes(t *testing.T) {
	r, err := shippedBook(t).Evaluate(development(t), Settings{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, ran := range r.Ran {
		if v, o := ran.Vignette, ran.Outcome; o.Level < v.Level-1 {
			t.Errorf("%s needs %s and is sent to %s", v.ID, v.Level, o.Level)
		}
		if ran.Outcome.Asked > 12 {
			t.Errorf("%s: %d questions", ran.Vignette.ID, ran.Outcome.Asked)
		}
	}
	if r.Exact.Part() < 0.85 || r.Questions.Median > 6 {
		t.Errorf("%.0f %% right, %d questions in the middle", 100*r.Exact.Part(), r.Questions.Median)
	}
}

// Twins say the same and have another record: the record must matter.
func TestTwinsWithAnotherRecord(t *testing.T) {
	b := shippedBook(t)
	for _, c := range []struct {
		text, record string
		with, less   Level // with the record, and at most without
	}{
		{"I banged my head on a cupboard", `{"medicines":["Warfarin 1mg tablets"]}`, Emergency, SameDay},
		{"I have had a fever of 38.3 since last night", `{"events":[{"what":"chemotherapy","daysAgo":9}]}`, Emergency, SameDay},
		{"I have had a fever of 38.3 since last night", `{"medicines":["Methotrexate 2.5mg tablets"]}`, SameDay, Routine},
		{"I have tummy cramps", `{"pregnant":true}`, SameDay, Routine},
		{"My throat is sore", `{"medicines":["Carbimazole 5mg tablets"]}`, SameDay, Routine},
		{"I have had diarrhoea since yesterday", `{"medicines":["Lithium carbonate 400mg tablets"]}`, SameDay, Routine},
		{"I have had back pain for a week, it hurts most at night", `{"conditions":["Malignant tumour of prostate"]}`, Emergency, SameDay},
	} {
		run := func(record string) Level {
			age := 44.0
			r, err := b.Run(&Vignette{Text: c.text, Age: &age, Sex: femaleID, Record: []byte(record)}, Settings{}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			return r.Outcome.Level
		}
		if with, without := run(c.record), run("{}"); with < c.with || without > c.less {
			t.Errorf("%q: with %s %s, without %s", c.text, c.record, with, without)
		}
	}
}

func BenchmarkVignette(b *testing.B) {
	book := shippedBook(b)
	all := development(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := book.Run(all[i%len(all)], Settings{}, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHear(b *testing.B) {
	lex := shippedBook(b).Lexicon
	for b.Loop() {
		lex.hear("Tummy pain started round my belly button yesterday and has moved down to the right, I feel sick and it hurts to walk, no fever or diarhoea")
	}
}
