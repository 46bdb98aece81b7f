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

	"github.com/kith-care/kith/care/triage"
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
	book, err := triage.Load(triage.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	for kind, all := range book.Texts() {
		for _, text := range all {
			out[text] = "care/triage, " + kind
		}
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

// How soon, and where to, is the same in Welsh as in English, whatever triage says.
func TestWelshAdviceIsAsUrgent(t *testing.T) {
	book, err := triage.Load(triage.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	said := book.Texts()
	welsh := words.In("cy")
	for english, cy := range map[string]string{"now": "nawr", "today": "heddiw", "a&e": "achosion brys", "999": "999", "111": "111", "ambulance": "ambiwlans"} {
		word := regexp.MustCompile(`\b` + english + `\b`)
		for _, text := range slices.Concat(said[triage.TextAdvice], said[triage.TextReasons], said[triage.TextTitles]) {
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
