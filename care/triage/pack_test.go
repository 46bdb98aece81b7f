package triage

import (
	"strings"
	"testing"
	"testing/fstest"
)

func shippedBook(t testing.TB) *Book {
	t.Helper()
	b, err := Load(Shipped())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestShippedPacksAreRight(t *testing.T) { shippedBook(t) }

func TestWhatIsWrongWithAPackIsNamedWithItsLine(t *testing.T) {
	whole, err := shipped.ReadFile("packs/headache.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"title: Headache", "title: Headache\ntitel: x", "packs/headache.yaml:4: field titel not found"},
		{"when: sudden-headache or", "when: suden-headache or", `there is no finding "suden-headache"`},
		{"at-least: call-999", "at-least: ambulance", `there is no level "ambulance"`},
		{"hazard: T-02", "hazard: H2", `the hazard "H2"`},
		{"source: sah", "source: nowhere", `there is no source "nowhere"`},
		{"version: 1.0.0", "version: one", "is not three numbers"},
		{"add: -35", "add: 35", "a benign pattern lowers the score"},
		{"{one: duration}", "{any: [duration]}", "a question of its own"},
		{"when: age >= 50}", "when: age >= old}", "not followed by a number"},
	} {
		text := strings.Replace(string(whole), c.old, c.new, 1)
		if text == string(whole) {
			t.Fatalf("%q is not in the pack", c.old)
		}
		_, err := Load(Shipped(), fstest.MapFS{"packs/headache.yaml": {Data: []byte(text)}})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "packs/headache.yaml:") {
			t.Errorf("%s: got %v, want %q with file and line", c.new, err, c.want)
		}
	}
}

// Every floor and every benign pattern has words on which it must hold, and words as like as can be on which it must not.
func TestEveryRuleHoldsOnItsExampleOnly(t *testing.T) {
	for _, fault := range shippedBook(t).TryExamples() {
		t.Error(fault)
	}
}
