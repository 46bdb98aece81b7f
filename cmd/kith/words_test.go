package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kith-care/kith/words"
)

// What a language lacks comes out as a file that can be filled in; once it is there whole, the language is offered.
func TestWordsCommand(t *testing.T) {
	t.Cleanup(func() { words.Use() })
	kith := func(want int, args ...string) string {
		t.Helper()
		var out, bad strings.Builder
		if code := run(append([]string{"words"}, args...), &out, &bad); code != want {
			t.Fatalf("kith words %v: exit %d: %s", args, code, bad.String())
		}
		return out.String() + bad.String()
	}
	line := func(text, code string) string {
		for one := range strings.Lines(text) {
			if strings.HasPrefix(one, code+" ") {
				return one
			}
		}
		return ""
	}
	kith(2)
	kith(2, "print")
	if said := kith(1, "missing", "xx"); !strings.Contains(said, `no language "xx"`) {
		t.Error(said)
	}
	if said := kith(0, "missing", "cy"); said != "# nothing is missing\n" {
		t.Error(said)
	}
	if said := line(kith(0, "list"), "pl"); strings.Contains(said, "offered") {
		t.Error(said)
	}
	if said := kith(1, "list", "--words", filepath.Join(t.TempDir(), "gone")); !strings.Contains(said, "/gone: ") {
		t.Error(said)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "pl"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pl", "all.yaml"), []byte(kith(0, "missing", "pl")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pl", "language.yaml"), []byte("reviewer: Jan Nowak\nreviewed: 2026-12-01\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := line(kith(0, "list", "--words", dir), "pl"); !strings.Contains(said, " 0 ") || !strings.Contains(said, "offered") || !strings.Contains(said, "by Jan Nowak, 2026-12-01") {
		t.Error(said)
	}
	if err := os.WriteFile(filepath.Join(dir, "pl", "all.yaml"), []byte("Call 999: Zadzwoń\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := kith(1, "list", "--words", dir); !strings.Contains(said, "pl/all.yaml") || !strings.Contains(said, "numbers") {
		t.Error(said)
	}
}
