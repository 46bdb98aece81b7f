package kith_test

import (
	"regexp"
	"strings"
	"testing"
)

// Every door has all of STRIDE, every threat has a control with a test that exists, or says that it has none yet.
func TestThreatsNameTestsThatExist(t *testing.T) {
	have := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((Test|Fuzz)[A-Z]\w*)\(`)
	for _, path := range testFiles(t) {
		for _, m := range function.FindAllStringSubmatch(read(t, path), -1) {
			have[m[1]] = true
		}
	}
	doors := map[string]string{}
	door, open := "", 0
	for line := range strings.Lines(read(t, "docs/security.md")) {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			door = strings.TrimSpace(name)
		}
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 || strings.Contains(line, "---") || strings.TrimSpace(cells[2]) == "threat" {
			continue
		}
		letter, tests := strings.TrimSpace(cells[1]), cells[4]
		if len(letter) != 1 || !strings.Contains("STRIDE", letter) {
			t.Errorf("%s: %q is no letter of STRIDE", door, letter)
		}
		doors[door] += letter
		named := testName.FindAllString(tests, -1)
		for _, name := range named {
			if !have[name] {
				t.Errorf("%s rests on %s, which does not exist", door, name)
			}
		}
		if strings.Contains(tests, "to be named:") {
			open++
		} else if len(named) == 0 && !strings.Contains(tests, "none:") {
			t.Errorf("%s: no test for %q", door, strings.TrimSpace(cells[2]))
		}
	}
	if len(doors) < 9 {
		t.Errorf("docs/security.md has %d doors", len(doors))
	}
	for door, letters := range doors {
		for _, l := range "STRIDE" {
			if !strings.ContainsRune(letters, l) {
				t.Errorf("%s has no threat of kind %c", door, l)
			}
		}
	}
	t.Logf("%d threats of %d doors still name no test", open, len(doors))
}
