package kith_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	quoted   = regexp.MustCompile("`([^`\n]+)`")
	linked   = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	target   = regexp.MustCompile(`(?m)^([a-z][a-z-]*):`)
	makes    = regexp.MustCompile(`\bmake ([a-z][a-z-]*)`)
	fenced   = regexp.MustCompile("(?s)```.*?```")
	testName = regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w*`)
)

// A document that names a file promises that the file is there.
func TestDocumentsNameFilesThatExist(t *testing.T) {
	tops := folders(t)
	for _, doc := range documents(t) {
		text := read(t, doc)
		for _, m := range quoted.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			path := strings.TrimSuffix(strings.Fields(m[1] + " ")[0], "/")
			top, _, nested := strings.Cut(path, "/")
			if !nested || !slices.Contains(tops, top) || strings.ContainsAny(path, "{}<>$…=") {
				continue
			}
			if found, _ := filepath.Glob(path); len(found) == 0 {
				t.Errorf("%s names %s, which is not there", doc, path)
			}
		}
		for _, m := range linked.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(doc), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", doc, m[1])
			}
		}
	}
}

func TestDocumentsNameMakeTargetsThatExist(t *testing.T) {
	var targets []string
	for _, m := range target.FindAllStringSubmatch(read(t, "Makefile"), -1) {
		targets = append(targets, m[1])
	}
	for _, want := range []string{"demo", "test", "check", "bench", "build", "generate"} {
		if !slices.Contains(targets, want) {
			t.Errorf("Makefile has no target %s", want)
		}
	}
	for _, doc := range documents(t) {
		text := read(t, doc)
		code := strings.Join(append(quoted.FindAllString(text, -1), fenced.FindAllString(text, -1)...), "\n")
		for _, m := range makes.FindAllStringSubmatch(code, -1) {
			if !slices.Contains(targets, m[1]) {
				t.Errorf("%s says make %s: there is no such target", doc, m[1])
			}
		}
	}
}

// Plain make is the first thing a newcomer types.
func TestMakeAloneListsTargets(t *testing.T) {
	out, err := exec.Command("make", "--no-print-directory").CombinedOutput()
	if err != nil {
		t.Fatalf("make: %v\n%s", err, out)
	}
	for _, want := range []string{"make demo ", "make test ", "make check ", "make bench ", "make build ", "make generate "} {
		if !strings.Contains(string(out), want) {
			t.Errorf("make does not list %q:\n%s", want, out)
		}
	}
}

// Every control in the hazard log rests on a test; a test that was renamed away leaves the hazard uncontrolled.
func TestHazardsNameTestsThatExist(t *testing.T) {
	named := testName.FindAllString(read(t, "docs/safety.md"), -1)
	if len(named) < 10 {
		t.Fatalf("docs/safety.md names %d tests", len(named))
	}
	have := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((Test|Fuzz)[A-Z]\w*)\(`)
	for _, path := range testFiles(t) {
		for _, m := range function.FindAllStringSubmatch(read(t, path), -1) {
			have[m[1]] = true
		}
	}
	for _, name := range named {
		if !have[name] {
			t.Errorf("docs/safety.md rests on %s, which does not exist", name)
		}
	}
}

// documents returns the Markdown files people read.
func documents(t *testing.T) []string {
	t.Helper()
	docs, _ := filepath.Glob("docs/*.md")
	for _, name := range []string{"README.md", "CONTRIBUTING.md"} {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("%s is missing", name)
			continue
		}
		docs = append(docs, name)
	}
	if len(docs) < 3 {
		t.Fatalf("only %v", docs)
	}
	return docs
}

// folders returns the names of the top folders, so that `a/b` is taken for a path only where a is one of them.
func folders(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "bin" {
			names = append(names, e.Name())
		}
	}
	return names
}

func testFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, "_test.go") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
