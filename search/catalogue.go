package search

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/fhirpath"
)

// expression is the compiled path of a parameter on one type.
type expression struct {
	text string
	path *fhirpath.Expr
}

// Catalogue holds the search parameters in force: R4's own, and those that a place has added. It never changes; With
// makes another.
type Catalogue struct {
	custom map[spec.TypeID]map[string]*Param
}

// Param is the parameter of type t called code, nil where there is none.
func (c *Catalogue) Param(t spec.TypeID, code string) *Param {
	if c != nil {
		if p := c.custom[t][code]; p != nil {
			return p
		}
	}
	return base(t).byCode[code]
}

// All are the parameters of type t in order of code: R4's, then custom ones.
func (c *Catalogue) All(t spec.TypeID) []*Param {
	all := base(t).params
	if c == nil || len(c.custom[t]) == 0 {
		return all
	}
	return slices.Concat(all, c.Custom(t))
}

// Custom are the parameters of type t that are not R4's, in order of code.
func (c *Catalogue) Custom(t spec.TypeID) []*Param {
	if c == nil {
		return nil
	}
	var out []*Param
	for _, p := range c.custom[t] {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *Param) int { return strings.Compare(a.Code, b.Code) })
	return out
}

// With is the catalogue with custom parameters in place of those it had.
func (c *Catalogue) With(custom []*Param) *Catalogue {
	n := &Catalogue{custom: map[spec.TypeID]map[string]*Param{}}
	for _, p := range custom {
		if n.custom[p.Of] == nil {
			n.custom[p.Of] = map[string]*Param{}
		}
		n.custom[p.Of][p.Code] = p
	}
	return n
}

// NewParam compiles a custom parameter for one type. number is its number in the store.
func NewParam(t spec.TypeID, url, code, typ, expr string, targets []string, number int64) (*Param, error) {
	e, err := compile(expr)
	if err != nil {
		return nil, err
	}
	return &Param{URL: url, Code: code, Type: typ, Of: t, Targets: targets, Custom: number, expr: e}, nil
}

type typeParams struct {
	params []*Param
	byCode map[string]*Param
}

// base compiles R4's parameters of a type when they are first asked for: all of them at once would cost every start.
func base(t spec.TypeID) *typeParams {
	if int(t) >= len(bases) {
		return &typeParams{}
	}
	return bases[t]()
}

var bases = func() []func() *typeParams {
	out := make([]func() *typeParams, len(typeNames))
	for t := range out {
		out[t] = sync.OnceValue(func() *typeParams { return compileType(spec.TypeID(t)) })
	}
	return out
}()

func compileType(t spec.TypeID) *typeParams {
	tp := &typeParams{byCode: map[string]*Param{}}
	if t == 0 {
		return tp
	}
	var composites []*spec.SearchParameter
	for _, sp := range spec.Params(t.String()) {
		p := &Param{ID: sp.ID, URL: sp.URL, Code: sp.Code, Type: sp.Type, Of: t, Targets: sp.Target}
		if sp.Type == "composite" {
			composites = append(composites, sp)
		}
		// The expressions of R4 are constants: one that does not compile is a broken program, and a test compiles all.
		if e, err := compile(sp.For(t.String())); err == nil {
			p.expr = e
		}
		tp.params = append(tp.params, p)
		tp.byCode[p.Code] = p
	}
	for _, sp := range composites {
		p := tp.byCode[sp.Code]
		for _, c := range sp.Components {
			part := Component{Param: tp.byURL(c.Definition)}
			part.expr, _ = compile(c.Expression)
			p.Components = append(p.Components, part)
		}
	}
	return tp
}

func (tp *typeParams) byURL(url string) *Param {
	for _, p := range tp.params {
		if p.URL == url {
			return p
		}
	}
	return nil
}

func compile(expr string) (*expression, error) {
	if expr == "" {
		return nil, nil
	}
	p, err := fhirpath.Compile(expr)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the expression %q of a search parameter cannot be read: %w", expr, err)
	}
	return &expression{expr, p}, nil
}

// String names a parameter as a person would: "Observation?code".
func (p *Param) String() string { return fmt.Sprintf("%s?%s", p.Of, p.Code) }

// Served reports whether the parameter can be searched by: it has an expression that compiles.
func (p *Param) Served() bool { return p.expr != nil && (p.Type != "special" || p.Code == "near") }
