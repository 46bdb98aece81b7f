package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// triageSays runs kith triage and returns what it prints.
func triageSays(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(append([]string{"triage"}, args...), &out, &errs); code != want {
		t.Fatalf("kith triage %s: exit code %d, want %d: %s", strings.Join(args, " "), code, want, errs.String())
	}
	return out.String() + errs.String()
}

func fileOf(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTriageEvaluatesVignettes(t *testing.T) {
	file := fileOf(t, "v.jsonl", `{"id":"a","text":"Sudden headache like a blow to the head, the worst of my life","age":40,"sex":"female","present":["sudden headache"],"absent":["fever"],"level":4}
{"id":"b","text":"A runny nose and a bit of a sore throat since yesterday","age":30,"sex":"male","record":{},"present":["runny nose","purple toes"],"absent":["fever"],"level":0}
{"id":"c","text":"I have a slight headache","age":30,"sex":"male","present":[],"absent":[],"level":4}
`)
	svg := filepath.Join(t.TempDir(), "curve.svg")
	out := triageSays(t, 0, "eval", file, "--show", "--svg", svg)
	for _, want := range []string{"3 vignettes at λ = 2", "2 of 3", "UNDER c: right is call-999", "purple toes", "questions: median", "   50 "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if drawing, err := os.ReadFile(svg); err != nil || !bytes.HasPrefix(drawing, []byte("<svg")) {
		t.Errorf("the curve: %v", err)
	}
	var report struct {
		Exact   struct{ Of, All int }
		Curve   []json.RawMessage
		Ignored map[string]int
	}
	if err := json.Unmarshal([]byte(triageSays(t, 0, "eval", file, "--json")), &report); err != nil || report.Exact.Of != 2 || report.Exact.All != 3 || len(report.Curve) < 10 || report.Ignored["purple toes"] != 1 {
		t.Errorf("JSON: %v %+v", err, report)
	}
	if out := triageSays(t, 1, "eval", fileOf(t, "bad.jsonl", `{"text":"x","level":7}`)); !strings.Contains(out, "bad.jsonl:1: the level is 7") {
		t.Errorf("a wrong level: %s", out)
	}
}

func TestTriageAsksAndAnswers(t *testing.T) {
	answers := fileOf(t, "answers.json", `{"stiff-neck":"yes","fever":"yes"}`)
	out := triageSays(t, 0, "ask", "I have a headache", "--answers", answers, "--age", "30", "--sex", "female")
	for _, want := range []string{"About: Headache", "Do you have any of these with your headache?", "Call 999 (level 4", "headache-meningitis, T-03; https://www.nhs.uk/"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	record := fileOf(t, "record.json", `{"medicines":["Apixaban 5mg tablets"]}`)
	if out := triageSays(t, 0, "ask", "I bumped my head", "--answers", fileOf(t, "none.json", "{}"), "--record", record, "--age", "40"); !strings.Contains(out, "Go to A&E now") || !strings.Contains(out, "Apixaban 5mg tablets") {
		t.Errorf("a blow to the head on apixaban:\n%s", out)
	}
	var outcome struct {
		Level   int
		Changes []struct{ Finding string }
	}
	text := triageSays(t, 0, "run", "--pack", "headache", "--answers", fileOf(t, "mild.json", `{"headache":"yes","duration":1}`), "--json")
	if err := json.Unmarshal([]byte(text), &outcome); err != nil || outcome.Level != 0 || len(outcome.Changes) == 0 {
		t.Errorf("run: %v\n%s", err, text)
	}
	triageSays(t, 1, "run", "--pack", "nothing", "--answers", answers)
	triageSays(t, 1, "run", "--pack", "headache", "--answers", fileOf(t, "wrong.json", `{"hedake-of-mars":"yes"}`))
}

func TestTriageListsAndChecksPacks(t *testing.T) {
	if out := triageSays(t, 0, "packs"); !strings.Contains(out, "headache") || !strings.Contains(out, "https://www.nhs.uk/symptoms/headaches/") {
		t.Errorf("packs:\n%s", out)
	}
	bad := fileOf(t, "packs/odd.yaml", "pack: odd\ntitel: Odd\n")
	if out := triageSays(t, 1, "check", filepath.Dir(filepath.Dir(bad))); !strings.Contains(out, "packs/odd.yaml:2: field titel not found") {
		t.Errorf("check:\n%s", out)
	}
	good := fileOf(t, "findings/local.yaml", "area: local\nfindings:\n  - {id: purple-toes, name: purple toes, ask: \"Are your toes purple?\", says: [purple toes]}\n")
	if out := triageSays(t, 0, "check", filepath.Dir(filepath.Dir(good))); !strings.Contains(out, "is sound") {
		t.Errorf("check:\n%s", out)
	}
	triageSays(t, 2, "dance")
	triageSays(t, 2)
}
