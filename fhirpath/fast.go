package fhirpath

import (
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// path is an expression that only walks down: the shape of nearly every search parameter.
type path struct {
	start *member // the leading name, which may be a type; nil for a path that starts with $this
	steps []step
}

type step struct {
	member *member
	spec   *typeSpec // as, ofType
	test   node      // where: an equalsText or refersTo
}

// plainPaths takes an expression apart into paths; nil where it is anything else.
func plainPaths(n node) []path {
	if u, ok := n.(*union); ok {
		left := plainPaths(u.left)
		right := plainPaths(u.right)
		if left == nil || right == nil {
			return nil
		}
		return append(left, right...)
	}
	var p path
	if !p.add(n) {
		return nil
	}
	return []path{p}
}

// add appends the steps of n, from the start of the path on.
func (p *path) add(n node) bool {
	switch n := n.(type) {
	case *member:
		if n.input == nil {
			p.start = n
			return true
		}
		if !p.add(n.input) {
			return false
		}
		p.steps = append(p.steps, step{member: n})
		return true
	case *special:
		return n.name == "$this"
	case *typeNode:
		if !n.as || n.spec.unknown != "" || !p.add(n.input) {
			return false
		}
		p.steps = append(p.steps, step{spec: &n.spec})
		return true
	case *ofType:
		if n.spec.unknown != "" || n.spec.named || !p.add(n.input) {
			return false
		}
		p.steps = append(p.steps, step{spec: &n.spec})
		return true
	case *call:
		if n.input == nil || !p.add(n.input) {
			return false
		}
		switch n.name {
		case "where":
			test := plainTest(n.args[0])
			p.steps = append(p.steps, step{test: test})
			return test != nil
		case "extension":
			if lit, ok := n.args[0].(*literal); ok && len(lit.value) == 1 && lit.value[0].sys.kind == String {
				p.steps = append(p.steps, step{member: newMember(n.input, "extension")},
					step{test: &equalsText{path: []*member{newMember(nil, "url")}, text: lit.value[0].sys.s}})
				return true
			}
		}
	}
	return false
}

// plainTest recognises the criteria search parameters use: a.b = 'text' and resolve() is Type; nil for any other.
func plainTest(n node) node {
	if r, ok := n.(*refersTo); ok && r.input == nil {
		return r
	}
	eq, ok := n.(*equality)
	if !ok || eq.op != "=" {
		return nil
	}
	lit, ok := eq.right.(*literal)
	if !ok || len(lit.value) != 1 || lit.value[0].sys.kind != String {
		return nil
	}
	var p path
	if !p.add(eq.left) || p.start == nil || p.start.isType {
		return nil
	}
	e := &equalsText{path: []*member{p.start}, text: lit.value[0].sys.s, whole: n}
	for _, s := range p.steps {
		if s.member == nil {
			return nil
		}
		e.path = append(e.path, s.member)
	}
	return e
}

// walk streams one evaluation of plain paths. It lives on the stack: nothing of it is kept.
type walk struct {
	expr  *Expr
	on    Item
	env   *Env
	f     func(Item) bool
	scope *scope // made when a criterion needs one
	err   error
}

func (w *walk) path(p *path) bool {
	if p.start == nil || p.start.isType && p.start.names(w.on) {
		return w.from(p.steps, w.on)
	}
	return w.member(p.start, p.steps, w.on)
}

func (w *walk) member(m *member, rest []step, it Item) bool {
	if it.sys != nil {
		if part, ok := it.sys.part(m.name); ok {
			return w.from(rest, part)
		}
		return true
	}
	// Most elements asked for are structures that are not there.
	if t := it.typ; t != nil && t.Kind != spec.Primitive {
		if f := m.find(t); f.how == plainElement {
			return w.structures(it.v.Get(m.name), f.child, rest)
		}
	}
	c := m.open(it)
	for child, ok := c.next(); ok; child, ok = c.next() {
		if !w.from(rest, child) {
			return false
		}
	}
	return true
}

// structures goes on from one structure or a list of them.
func (w *walk) structures(v fhir.Value, typ *spec.Type, rest []step) bool {
	switch v.Kind() {
	case fhir.Absent, fhir.Null:
		return true
	case fhir.Array:
		for e := v.First(); e.Exists(); e = e.Next() {
			if e.Kind() != fhir.Null && !w.from(rest, Item{v: e, typ: typ}) {
				return false
			}
		}
		return true
	}
	return w.from(rest, Item{v: v, typ: typ})
}

// from takes the remaining steps from an item; false ends the walk.
func (w *walk) from(steps []step, it Item) bool {
	for i := range steps {
		s := &steps[i]
		switch {
		case s.member != nil:
			return w.member(s.member, steps[i+1:], it)
		case s.spec != nil:
			if !s.spec.matches(it) {
				return true
			}
		default:
			ok, err := w.test(s.test, it)
			if err != nil {
				w.err = err
				return false
			}
			if !ok {
				return true
			}
		}
	}
	return w.f(it)
}

func (w *walk) test(n node, it Item) (bool, error) {
	switch n := n.(type) {
	case *equalsText:
		if yes, sure := n.test(it); sure {
			return yes, nil
		}
		if n.whole == nil {
			return false, nil
		}
		return w.general(n.whole, it)
	case *refersTo:
		if typ, sure := referredType(it); sure {
			return n.is(string(typ)), nil
		}
	}
	return w.general(n, it)
}

func (w *walk) general(n node, it Item) (bool, error) {
	if w.scope == nil {
		w.scope = newScope(w.expr, w.on, w.env)
	}
	out, err := n.eval(w.scope.with(it, 0))
	if err != nil {
		return false, err
	}
	t, err := truthOf(out)
	return t == yes, err
}

// equalsText is a.b = 'text', the commonest criterion.
type equalsText struct {
	path  []*member
	text  string
	whole node // the same criterion in full
}

func (e *equalsText) eval(s *scope) (Collection, error) { return e.whole.eval(s) }

// test compares a single string; where there are several, or something other than a string, it is not sure.
func (e *equalsText) test(it Item) (equal, sure bool) {
	for _, m := range e.path {
		if it.sys != nil {
			return false, false
		}
		c := m.open(it)
		first, ok := c.next()
		if !ok {
			return false, true
		}
		if _, more := c.next(); more {
			return false, false
		}
		it = first
	}
	if it.v.Kind() != fhir.String || it.typ != nil && (it.typ.Name == "date" || it.typ.Name == "dateTime" || it.typ.Name == "instant" || it.typ.Name == "time") {
		return false, false
	}
	return it.v.Is(e.text), true
}
