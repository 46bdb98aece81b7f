package kith_test

import (
	"go/ast"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"

	"github.com/kith-care/kith/care/explain"
	"github.com/kith-care/kith/care/message"
	"github.com/kith-care/kith/care/monitor"
	"github.com/kith-care/kith/care/plan"
	"github.com/kith-care/kith/care/triage"
	"github.com/kith-care/kith/plain"
	"github.com/kith-care/kith/words"
)

// texts are the English texts that people read in their language, each with a place where it is used: what templates give to t, h and n, and Go to
// T, N and words.Text.
func texts(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == ".git"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".html"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		tree := parse.New(path)
		tree.Mode = parse.SkipFuncCheck
		set := map[string]*parse.Tree{}
		if _, err := tree.Parse(string(text), "", "", set); err != nil {
			return err
		}
		for _, one := range set {
			said(one.Root, func(text string) { out[text] = path })
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range sources(t) {
		ast.Inspect(file.ast, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				return true
			}
			at := -1
			switch fun := call.Fun.(type) {
			case *ast.SelectorExpr:
				switch {
				case fun.Sel.Name == "T" || fun.Sel.Name == "Text" && isName(fun.X, "words"):
					at = 0
				case fun.Sel.Name == "N" && len(call.Args) >= 3:
					at = 2
				default:
					return true
				}
			case *ast.Ident:
				if fun.Name != "t" {
					return true
				}
				at = 0
			default:
				return true
			}
			if at < len(call.Args) {
				if lit, ok := call.Args[at].(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if text, err := strconv.Unquote(lit.Value); err == nil {
						out[text] = file.set.Position(lit.Pos()).String()
					}
				}
			}
			return true
		})
	}
	return out
}

// packTexts are what triage's packs say to people, by kind.
func packTexts(t *testing.T) map[string][]string {
	t.Helper()
	book, err := triage.Load(triage.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	return book.Texts()
}

// dataTexts are what the data Kith comes with says to people, by where it stands.
func dataTexts(t *testing.T) map[string][]string {
	t.Helper()
	glossary, err := explain.Load(explain.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	programmes, err := plan.Load(plan.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	rules, err := monitor.ReadRules("")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{"care/explain": glossary.Texts(), "care/plan": programmes.Texts(), "care/monitor": rules.Texts()}
	for kind, all := range packTexts(t) {
		out["care/triage, "+kind] = all
	}
	return out
}

// said finds the texts of a template.
func said(node parse.Node, found func(string)) {
	list := func(nodes ...*parse.ListNode) {
		for _, l := range nodes {
			if l != nil {
				for _, n := range l.Nodes {
					said(n, found)
				}
			}
		}
	}
	switch n := node.(type) {
	case *parse.ListNode:
		list(n)
	case *parse.ActionNode:
		said(n.Pipe, found)
	case *parse.IfNode:
		said(n.Pipe, found)
		list(n.List, n.ElseList)
	case *parse.RangeNode:
		said(n.Pipe, found)
		list(n.List, n.ElseList)
	case *parse.WithNode:
		said(n.Pipe, found)
		list(n.List, n.ElseList)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			said(n.Pipe, found)
		}
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			said(c, found)
		}
	case *parse.CommandNode:
		at := 0
		if name, ok := n.Args[0].(*parse.IdentifierNode); ok {
			at = map[string]int{"t": 1, "h": 1, "n": 3}[name.Ident]
		}
		for i, arg := range n.Args {
			if lit, ok := arg.(*parse.StringNode); ok && at > 0 && i == at {
				found(lit.Text)
				continue
			}
			said(arg, found)
		}
	}
}

// How soon, and where to, is the same in Welsh as in English, whatever triage, the glossary and the programmes say.
func TestWelshAdviceIsAsUrgent(t *testing.T) {
	said, welsh := dataTexts(t), words.In("cy")
	for english, cy := range map[string]string{"now": "nawr", "today": "heddiw", "a&e": "achosion brys", "999": "999", "111": "111", "ambulance": "ambiwlans"} {
		word := regexp.MustCompile(`\b` + english + `\b`)
		for _, text := range slices.Concat(said["care/triage, "+triage.TextAdvice], said["care/triage, "+triage.TextReasons], said["care/triage, "+triage.TextTitles], said["care/explain"], said["care/plan"], said["care/monitor"]) {
			if strings.Contains(text, "now and then") {
				continue
			}
			if word.MatchString(strings.ToLower(text)) != regexp.MustCompile(`\b`+cy+`\b`).MatchString(strings.ToLower(welsh.T(text))) {
				t.Errorf("%q says %q in one language alone: %q", text, english, welsh.T(text))
			}
		}
	}
}

// Welsh is complete: every text that a page or a letter uses has a Welsh one with the same places for values, and none is kept that nobody uses.
func TestNoTextLacksWelsh(t *testing.T) {
	used, welsh := texts(t), words.In("cy")
	if welsh.Code != "cy" {
		t.Fatal("Welsh is not offered")
	}
	if len(used) < 20 {
		t.Fatalf("only %d texts were found", len(used))
	}
	for place, all := range dataTexts(t) {
		for _, text := range all {
			used[text] = place
		}
	}
	for _, text := range slices.Sorted(maps.Keys(used)) {
		if !welsh.Has(text) {
			t.Errorf("%s: no Welsh for %q: add it to a file in words/cy", used[text], text)
		}
	}
	for _, text := range welsh.Keys() {
		if _, ok := used[text]; !ok {
			t.Errorf("words/cy: nothing says %q any more", text)
		}
	}
}

// What people read is plain: no word that has a plainer one, and what a page says altogether within the reach of a child of eleven (Flesch–Kincaid grade 6) in at least 95 of
// 100 pages. https://service-manual.nhs.uk/content/health-literacy
func TestTextsOfPagesArePlain(t *testing.T) {
	pages := map[string][]string{}
	for text, place := range texts(t) {
		bare := regexp.MustCompile(`<[^>]*>|%\[?\d*\]?[a-z]`).ReplaceAllString(text, "")
		if words := plain.Hard(bare); len(words) > 0 {
			t.Errorf("%s: %q: there are plainer words than %v", place, text, words)
		}
		page, _, _ := strings.Cut(place, ":")
		pages[page] = append(pages[page], bare)
	}
	long, hard := 0, 0
	for page, said := range pages {
		slices.Sort(said)
		passage := strings.Join(said, "\n")
		if plain.Count(passage).Words < 50 {
			continue
		}
		if long++; plain.Grade(passage) > 6 {
			hard++
			t.Logf("%s: grade %.1f", page, plain.Grade(passage))
		}
	}
	t.Logf("%d pages of 50 words and more, %d above grade 6", long, hard)
	if long < 20 || float64(hard) > 0.05*float64(long) {
		t.Errorf("%d of %d pages are above grade 6", hard, long)
	}
}

// What is said of a reading fits a text message in every language, since it answers a reading that came by one. 3GPP TS 23.038.
func TestWhatIsSaidOfReadingsFitsATextMessage(t *testing.T) {
	rules, err := monitor.ReadRules("")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range words.Offered() {
		for _, text := range rules.Texts() {
			if n := len([]rune(l.T(text))); n > message.MostSeptets {
				t.Errorf("%d letters: %s", n, l.T(text))
			}
		}
	}
}
