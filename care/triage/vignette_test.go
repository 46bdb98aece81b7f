package triage

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
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

// The blind vignettes measure and need not be passed, but every line must be read, and hardly anybody may be sent two levels too late.
func TestBlindVignettes(t *testing.T) {
	file, err := os.Open("testdata/blind/development.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var all []*Vignette
	for lines := bufio.NewScanner(file); lines.Scan(); {
		v, err := ParseVignette(lines.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	r, err := shippedBook(t).Evaluate(all, Settings{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 250 || r.Safe.Part() < 0.95 {
		t.Errorf("%d vignettes, %.1f %% at most one level too low", len(all), 100*r.Safe.Part())
	}
	t.Logf("right group %.1f %%, emergencies %.1f %%, self-care %.1f %%, over-triage %.1f %%", 100*r.Group.Part(), 100*r.Groups[2].Part(), 100*r.Groups[0].Part(), 100*r.Over.Part())
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
		{"I have had back pain for a week, it hurts most at night", `{"conditions":["Malignant tumour of prostate"]}`, SameDay, Routine},
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

func TestOtherPeoplesVignettesAreRead(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`{"text":"cough","level":0,"sex":"M","note":"mine"}`, ""},
		{`{"text":"cough"}`, "there is no level"},
		{`{"text":"cough","level":5}`, "levels are 0 to 4"},
		{`{"level":1}`, "neither text nor present"},
		{`{"text":1,"level":1}`, "cannot unmarshal"},
	} {
		v, err := ParseVignette([]byte(c.line))
		if c.want == "" && (err != nil || v.Sex != maleID) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %+v %v", c.line, v, err)
		}
	}
}

func TestARecordMayBeABundle(t *testing.T) {
	b := shippedBook(t)
	now := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	p, _, err := b.ReadRecord([]byte(`{"resourceType":"Bundle","type":"collection","entry":[
		{"resource":{"resourceType":"Patient","id":"a","gender":"female","birthDate":"1996-11-26"}},
		{"resource":{"resourceType":"Condition","id":"b","clinicalStatus":{"coding":[{"code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"195967001"}]},"subject":{"reference":"Patient/a"}}},
		{"resource":{"resourceType":"Condition","id":"old","clinicalStatus":{"coding":[{"code":"resolved"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"84757009"}]},"subject":{"reference":"Patient/a"}}},
		{"resource":{"resourceType":"MedicationRequest","id":"c","status":"active","intent":"order","authoredOn":"2026-10-01","medicationCodeableConcept":{"text":"Warfarin 1mg tablets"},"subject":{"reference":"Patient/a"}}},
		{"resource":{"resourceType":"Medication","id":"m","code":{"text":"Priadel 400mg tablets"}}},
		{"resource":{"resourceType":"MedicationRequest","id":"l","status":"active","intent":"order","authoredOn":"2026-10-01","medicationReference":{"reference":"Medication/m"},"subject":{"reference":"Patient/a"}}},
		{"resource":{"resourceType":"MedicationRequest","id":"d","status":"stopped","intent":"order","authoredOn":"2026-10-01","medicationCodeableConcept":{"text":"Prednisolone 5mg tablets"},"subject":{"reference":"Patient/a"}}},
		{"resource":{"resourceType":"Procedure","id":"e","status":"completed","code":{"text":"Hip replacement operation"},"performedDateTime":"2026-11-10","subject":{"reference":"Patient/a"}}},
		{"resource":{"resourceType":"Procedure","id":"f","status":"completed","code":{"text":"Gave birth"},"performedDateTime":"2020-11-10","subject":{"reference":"Patient/a"}}}]}`), now)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range p.Facts {
		got = append(got, b.Lexicon.Findings[f.Finding].ID+" "+f.From)
	}
	want := "asthma Condition/b, anticoagulant MedicationRequest/c, lithium MedicationRequest/l, recent-surgery Procedure/e, joint-replacement Procedure/e"
	if strings.Join(got, ", ") != want || p.Sex != femaleID || p.Age == nil || *p.Age < 29.9 || *p.Age > 30.1 {
		t.Errorf("facts %v, sex %s, age %v; want %s", got, p.Sex, p.Age, want)
	}
}

// tried is the least share of a pack's weights that must have a vignette on which they hold and one on which they do not. Floors and benign patterns have
// these beside them, every one.
const tried = 0.6

func TestWeightsAreTried(t *testing.T) {
	b := shippedBook(t)
	seen := map[*Weight][2]bool{}
	for _, v := range development(t) {
		who, _, err := b.Person(v, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		s := b.truth(v, b.state(b.Hear(v.Text), who)).state
		w := s.world(s.unsure)
		for _, p := range b.Packs {
			for _, weight := range p.Score.Weights {
				had := seen[weight]
				had[0] = had[0] || weight.when.Holds(w) == Yes && p.about(w) == Yes
				had[1] = had[1] || weight.when.Holds(w) == No
				seen[weight] = had
			}
		}
	}
	for _, p := range b.Packs {
		all := Share{}
		for _, w := range p.Score.Weights {
			if all.count(seen[w] == [2]bool{true, true}); seen[w] != [2]bool{true, true} {
				t.Logf("%s: %q holds on a vignette: %t, does not on another: %t", p.Name, w.When, seen[w][0], seen[w][1])
			}
		}
		if p.Name != generalName && all.Part() < tried {
			t.Errorf("%s: only %d of %d weights are tried by vignettes", p.Name, all.Of, all.All)
		}
	}
}

func TestATickedComplaintLeadsToItsPack(t *testing.T) {
	b := shippedBook(t)
	age := 40.0
	v := b.Begin("I just feel awful", Person{Age: &age, Sex: maleID, Record: true}, Settings{})
	if v.Pack.Name != generalName {
		t.Fatalf("the pack is %s", v.Pack.Name)
	}
	a := v.Next()
	yes := make([]Tri, len(a.Items))
	for i, n := range a.Items {
		if yes[i] = No; b.Lexicon.Findings[n].ID == "chest-pain" {
			yes[i] = Yes
		}
	}
	v.Answer(a, yes, Open())
	if v.Pack.Name != "chest-pain" || v.Asked != 1 {
		t.Errorf("after chest pain was ticked the pack is %s, %d asked", v.Pack.Name, v.Asked)
	}
	for a := v.Next(); a != nil; a = v.Next() {
		for _, n := range a.Items {
			if id := b.Lexicon.Findings[n].ID; id == "unconscious" || id == "chest-pain" {
				t.Errorf("%s is asked twice", id)
			}
		}
		v.Answer(a, make([]Tri, len(a.Items)), Open())
	}
}
