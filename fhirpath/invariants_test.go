package fhirpath

import (
	"bufio"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kith-care/kith/conformance/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// TestInvariantsOnRealResources evaluates R4's invariants on the elements of real resources: none may fail to evaluate, and
// none of severity error may be broken but two that R4 wrote wrongly: ref-1 is empty, not true, for a reference by
// display alone, and ele-1 asks XHTML, which is no primitive, for a value.
func TestInvariantsOnRealResources(t *testing.T) {
	folder := need.Data(t, "patients/synthea-r4-A-ndjson")
	files, err := filepath.Glob(filepath.Join(folder, "*.ndjson*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no resources in %s: %v", folder, err)
	}
	c := checker{t: t, rules: map[string][]rule{}, failed: map[string]int{}}
	for _, file := range files {
		c.file(file, 25)
	}
	t.Logf("%d resources, %d evaluations", c.resources, c.evaluations)
	for _, key := range sortedKeys(c.failed) {
		t.Logf("%d times not met: %s", c.failed[key], key)
		if strings.HasPrefix(key, "error") && !strings.Contains(key, " ref-1:") && !strings.Contains(key, "xhtml ele-1:") {
			t.Errorf("an error on %d good elements: %s", c.failed[key], key)
		}
	}
	if c.resources < 100 || c.evaluations < 10_000 {
		t.Errorf("only %d resources and %d evaluations", c.resources, c.evaluations)
	}
}

type rule struct {
	spec.Constraint
	expr *Expr
}

type checker struct {
	t                      *testing.T
	rules                  map[string][]rule
	failed                 map[string]int
	resources, evaluations int
}

func (c *checker) file(name string, limit int) {
	f, err := os.Open(name)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var in io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			c.t.Fatal(err)
		}
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for ; limit > 0 && lines.Scan(); limit-- {
		r, err := fhir.Parse([]byte(lines.Text()))
		if err != nil {
			c.t.Fatal(err)
		}
		c.resources++
		c.element(At(r.Root(), ""))
	}
}

// element applies the rules of an element's type to it and goes on to its children.
func (c *checker) element(it Item) {
	if it.typ == nil || it.typ == systemString || it.sys != nil {
		return
	}
	for _, r := range c.rulesOf(it.typ) {
		c.evaluations++
		ok, err := r.expr.Test(it, nil)
		if err != nil {
			c.t.Errorf("%s at %s: %s: %v", r.Key, it.Path(), r.expr, err)
		} else if !ok {
			c.failed[r.Severity+" "+it.typ.Name+" "+r.Key+": "+r.Expression]++
		}
	}
	for _, child := range appendChildren(nil, it) {
		c.element(child)
	}
}

func (c *checker) rulesOf(typ *spec.Type) []rule {
	if rules, ok := c.rules[typ.Name]; ok {
		return rules
	}
	rules := []rule{}
	for _, k := range typ.AllConstraints() {
		if k.Expression != "" {
			rules = append(rules, rule{k, compile(c.t, k.Expression)})
		}
	}
	c.rules[typ.Name] = rules
	return rules
}
