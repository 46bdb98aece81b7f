package kith_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// What is in go.mod stands in docs/dependencies.md with the same version, and the other way round: nothing comes in unseen.
func TestDependenciesAreReviewed(t *testing.T) {
	want := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\s*(?:require )?([\w.-]+\.[\w.-]+/\S+) (v\S+)`).FindAllStringSubmatch(read(t, "go.mod"), -1) {
		want[m[1]] = m[2]
	}
	if len(want) < 10 {
		t.Fatalf("go.mod names %d modules", len(want))
	}
	for line := range strings.Lines(read(t, "docs/dependencies.md")) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) != 6 || !strings.Contains(cells[0], "/") {
			continue
		}
		name := strings.TrimPrefix(cells[0], "| ")
		switch version, ok := want[name]; {
		case !ok:
			t.Errorf("docs/dependencies.md lists %s, which go.mod does not need", name)
		case version != cells[1]:
			t.Errorf("go.mod needs %s %s, and docs/dependencies.md reviewed %s", name, version, cells[1])
		}
		delete(want, name)
		if cells[2] == "" || cells[2] == "?" || cells[3] == "" || cells[3] == "?" {
			t.Errorf("%s: licence %q, why %q", name, cells[2], cells[3])
		}
		if _, err := time.Parse(time.DateOnly, cells[4]); err != nil {
			t.Errorf("%s: reviewed when? %q", name, cells[4])
		}
	}
	for name, version := range want {
		t.Errorf("go.mod needs %s %s, and docs/dependencies.md does not list it: read it, then say so there", name, version)
	}
}
