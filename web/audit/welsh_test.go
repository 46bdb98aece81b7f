package audit

import (
	"io/fs"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/words"
	"github.com/kith-care/kith/words/wordstest"
)

// Who looked, saying that it is wrong, and what can go wrong there are in Welsh where that is chosen.
func TestNoEnglishIsLeftOnWelshPages(t *testing.T) {
	s, who := place(t)
	check := func(method, path string, form url.Values) string {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, kit.Speak(r, words.In("cy")))
		for _, line := range wordstest.English(w.Body.String()) {
			t.Errorf("%s in English: %s", path, line)
		}
		return w.Body.String()
	}
	entry := regexp.MustCompile(`wrong\?entry=([^"]+)"`).FindStringSubmatch(check("GET", "/my/seen?did=told", nil))
	if entry == nil {
		t.Fatal("no link to say that it is wrong")
	}
	check("GET", "/my/seen/wrong?entry="+entry[1], nil)
	check("POST", "/my/seen/wrong", url.Values{"entry": {entry[1]}, "why": {strings.Repeat("x", 2001)}})
	check("GET", "/my/seen/wrong?entry=x.1", nil)
	check("GET", "/my/seen?page=x", nil)
	who.Patient = ""
	check("GET", "/my/seen", nil)
}

// Whatever was done, and why, has Welsh words.
func TestEveryDeedHasWelshWords(t *testing.T) {
	cy := words.In("cy")
	for _, what := range []string{"", "Patient/a/$everything", "Patient/a, Observation/b", "Slot?start=2026", "break glass Patient/a: unconscious", "match: link Patient/a", record.Copied + "Observation, Patient", record.Sent + "x: Condition"} {
		for _, action := range []access.Action{access.Read, access.Search, access.Create, access.Update, access.Delete, "other"} {
			e := &record.TrailEntry{What: what, Action: action, Purpose: "TREAT"}
			for _, said := range append(did(e, cy), reason(e, cy)) {
				if left := wordstest.English(said); left != nil {
					t.Errorf("%s of %q: %s", action, what, said)
				}
			}
		}
	}
}

// commands are programs that somebody runs at the server by hand, which bear their own name.
var commands = []string{"kith/audit", "kith/debug", "kith/demo", "kith/glossary", "kith/restore", "kith/score", "kith/smart"}

// Every part of this program that looks at records has a name that a patient understands.
func TestEveryProgramHasAName(t *testing.T) {
	found := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`ID: "(kith/[a-z]+)"`).FindAllStringSubmatch(string(text), -1) {
			found++
			if programs[m[1]] == "" && !slices.Contains(commands, m[1]) {
				t.Errorf("%s: %s has no name in programs", path, m[1])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 20 {
		t.Errorf("only %d programs were found", found)
	}
}
