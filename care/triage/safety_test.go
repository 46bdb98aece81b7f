package triage

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// A hazard that a pack names has a line in the log, and each line of the log has a floor that controls it.
func TestHazardsOfPacksStandInTheLog(t *testing.T) {
	log, err := os.ReadFile("../../docs/safety.md")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, m := range regexp.MustCompile(`(?m)^\| (T-\d\d) \| .*\bTest[A-Z]`).FindAllSubmatch(log, -1) {
		lines = append(lines, string(m[1]))
	}
	b := shippedBook(t)
	var named []string
	for _, p := range append([]*Pack{b.Shared}, b.Packs...) {
		for _, f := range p.Floors {
			named = append(named, f.Hazard)
			if !slices.Contains(lines, f.Hazard) {
				t.Errorf("%s/%s controls %s, which has no line with a test in docs/safety.md", p.Name, f.ID, f.Hazard)
			}
		}
	}
	for _, line := range lines {
		if !slices.Contains(named, line) {
			t.Errorf("docs/safety.md has %s, which no floor controls", line)
		}
	}
}
