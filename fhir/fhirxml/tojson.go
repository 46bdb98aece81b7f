package fhirxml

import (
	"bytes"
	"slices"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// ToJSON reads one FHIR resource in XML and writes it as JSON. Errors are Invalid (Unsupported for a resource type that
// R4 does not have) and name the element at fault by its path, or the line and column where the XML itself is broken.
func ToJSON(data []byte) ([]byte, error) { return AppendJSON(make([]byte, 0, len(data)), data) }

// AppendJSON is ToJSON into a slice the caller has.
func AppendJSON(out, data []byte) ([]byte, error) {
	s, err := scan(data)
	if err != nil {
		return out, err
	}
	r := reader{scanner: s, out: out}
	if err := r.resource(0); err != nil {
		return out, err
	}
	return r.out, nil
}

type reader struct {
	*scanner
	out   []byte
	trail trail
	stack []child // children of the elements being written, the innermost last
	text  []byte  // a value with its references resolved
}

// child is one element below the one at hand, with what the tables say of it.
type child struct {
	node uint32
	el   *spec.Element
	typ  *spec.Type // nil for any resource
}

func (r *reader) name(n *node) []byte { return r.data[n.nameStart:n.nameEnd] }

// resource writes the resource whose element is node i.
func (r *reader) resource(i uint32) error {
	n := &r.nodes[i]
	name := string(r.name(n))
	if len(r.trail) == 0 {
		r.trail = append(r.trail, step{name, -1})
	}
	if n.space != spaceFHIR {
		return r.trail.fail("<%s> is not in the namespace %s", name, fhirSpace)
	}
	if _, ok := spec.Resource(name); !ok {
		return fhir.Errorf(fhir.Unsupported, "R4 has no resource type %s", name).At(r.trail.String())
	}
	r.out = append(r.out, `{"resourceType":"`...)
	r.out = append(append(r.out, name...), '"')
	if _, err := r.members(n, spec.TypeOf(name), true); err != nil {
		return err
	}
	r.out = append(r.out, '}')
	return nil
}

// members writes the attributes and children of n as members of the JSON object begun and reports whether there were
// any. A primitive's value is not among them.
func (r *reader) members(n *node, t *spec.Type, begun bool) (some bool, err error) {
	if n.text {
		return false, r.trail.fail("text may stand in a narrative only")
	}
	for _, a := range r.attrs[n.attrs:n.attrEnd] {
		name := r.data[a.nameStart:a.nameEnd]
		switch {
		case a.space == spaceDeclaration, a.space == spaceXSI && len(r.trail) == 1,
			a.space == noSpace && t.Kind == spec.Primitive && string(name) == "value":
			continue
		}
		el, typ, ok := t.ChildType(string(name))
		if a.space != noSpace || !ok || !el.Attribute {
			return false, r.trail.fail("%s has no attribute %s", t.Name, name)
		}
		r.key("", name, &begun)
		if err := r.value(typ, r.data[a.from:a.to]); err != nil {
			return false, err
		}
	}
	from := len(r.stack)
	if err := r.children(n, t); err != nil {
		return false, err
	}
	top := len(r.stack)
	for i := from; i < top; {
		end := i + 1
		for end < top && r.stack[end].el == r.stack[i].el {
			end++
		}
		if err := r.group(i, end, &begun); err != nil {
			return false, err
		}
		i = end
	}
	r.stack = r.stack[:from]
	return begun, nil
}

// children puts the children of n on the stack in the order of the tables, where elements of one name stand together.
func (r *reader) children(n *node, t *spec.Type) error {
	from := len(r.stack)
	sorted := true
	for i := n.child; i != 0; i = r.nodes[i].next {
		c := &r.nodes[i]
		name := r.name(c)
		el, typ, ok := t.ChildType(string(name))
		switch {
		case ok && el.XHTML && c.space != spaceXHTML:
			return r.trail.child(string(name)).fail("a narrative must be in the namespace %s", xhtmlSpace)
		case !ok || el.Attribute || c.space != spaceFHIR && !el.XHTML:
			return r.trail.child(string(name)).fail("%s has no such element", t.Name)
		}
		if top := len(r.stack); top > from && r.stack[top-1].el.Order > el.Order {
			sorted = false
		}
		r.stack = append(r.stack, child{i, el, typ})
	}
	if !sorted {
		slices.SortStableFunc(r.stack[from:], func(a, b child) int { return a.el.Order - b.el.Order })
	}
	return nil
}

// group writes the elements r.stack[from:to], which are one element of the tables, as one member or, for a primitive
// with id or extensions, two.
func (r *reader) group(from, to int, begun *bool) error {
	c := r.stack[from]
	name := r.name(&r.nodes[c.node])
	repeats := c.el.Max != 1
	if !repeats && to > from+1 {
		return r.trail.child(c.el.Name).fail("may stand only once")
	}
	r.trail = r.trail.child(string(name))
	defer func() { r.trail = r.trail[:len(r.trail)-1] }()
	if c.typ == nil || c.typ.Kind != spec.Primitive || c.el.XHTML {
		r.key("", name, begun)
		return r.list(from, to, repeats, func(n *node) error { return r.complex(n, c) })
	}
	values, companions := false, false
	for _, c := range r.stack[from:to] {
		_, ok := r.valueOf(&r.nodes[c.node])
		values = values || ok
		companions = companions || r.hasMore(&r.nodes[c.node])
	}
	if values || !companions {
		r.key("", name, begun)
		if err := r.list(from, to, repeats, func(n *node) error { return r.primitive(n, c.typ) }); err != nil {
			return err
		}
	}
	if !companions {
		return nil
	}
	r.key("_", name, begun)
	return r.list(from, to, repeats, func(n *node) error { return r.companion(n, c.typ) })
}

// list writes r.stack[from:to], in an array where the element repeats.
func (r *reader) list(from, to int, repeats bool, write func(*node) error) error {
	if !repeats {
		return write(&r.nodes[r.stack[from].node])
	}
	last := len(r.trail) - 1
	for i := from; i < to; i++ {
		if i == from {
			r.out = append(r.out, '[')
		} else {
			r.out = append(r.out, ',')
		}
		r.trail[last].index = i - from
		if err := write(&r.nodes[r.stack[i].node]); err != nil {
			return err
		}
	}
	r.trail[last].index = -1
	r.out = append(r.out, ']')
	return nil
}

// key writes "name": with a comma in front if it is not the first.
func (r *reader) key(prefix string, name []byte, begun *bool) {
	if *begun {
		r.out = append(r.out, ',')
	}
	*begun = true
	r.out = append(append(r.out, '"'), prefix...)
	r.out = append(append(r.out, name...), '"', ':')
}

// complex writes an element that is an object, a narrative or a resource.
func (r *reader) complex(n *node, c child) error {
	if c.el.XHTML {
		return r.narrative(n)
	}
	if c.typ == nil {
		return r.inner(n)
	}
	r.out = append(r.out, '{')
	some, err := r.members(n, c.typ, false)
	if err == nil && !some {
		err = r.trail.fail("an element must have a value or something in it")
	}
	r.out = append(r.out, '}')
	return err
}

// inner writes the one resource inside contained, Bundle.entry.resource or Parameters.parameter.resource.
func (r *reader) inner(n *node) error {
	if n.text || n.child == 0 || r.nodes[n.child].next != 0 || r.hasAttribute(n) {
		return r.trail.fail("exactly one resource must stand here")
	}
	return r.resource(n.child)
}

// primitive writes the value of a primitive, null if it has none.
func (r *reader) primitive(n *node, t *spec.Type) error {
	if n.text {
		return r.trail.fail("text may stand in a narrative only")
	}
	value, ok := r.valueOf(n)
	switch {
	case ok:
		return r.value(t, value)
	case !r.hasMore(n):
		return r.trail.fail("an element must have a value or something in it")
	}
	r.out = append(r.out, "null"...)
	return nil
}

// companion writes the id and extensions of a primitive, null if it has none.
func (r *reader) companion(n *node, t *spec.Type) error {
	if !r.hasMore(n) {
		r.out = append(r.out, "null"...)
		return nil
	}
	r.out = append(r.out, '{')
	_, err := r.members(n, t, false)
	r.out = append(r.out, '}')
	return err
}

func (r *reader) valueOf(n *node) ([]byte, bool) {
	for _, a := range r.attrs[n.attrs:n.attrEnd] {
		if a.space == noSpace && string(r.data[a.nameStart:a.nameEnd]) == "value" {
			return r.data[a.from:a.to], true
		}
	}
	return nil, false
}

// hasMore reports whether a primitive has anything besides its value.
func (r *reader) hasMore(n *node) bool { return n.child != 0 || r.hasAttribute(n) }

func (r *reader) hasAttribute(n *node) bool {
	for _, a := range r.attrs[n.attrs:n.attrEnd] {
		if a.space != spaceDeclaration && !(a.space == noSpace && string(r.data[a.nameStart:a.nameEnd]) == "value") {
			return true
		}
	}
	return false
}

// value writes one value as the JSON its type wants.
func (r *reader) value(t *spec.Type, raw []byte) error {
	if len(raw) == 0 {
		return r.trail.fail("a value may not be empty")
	}
	switch t.Name {
	case "boolean":
		if string(raw) != "true" && string(raw) != "false" {
			return r.trail.fail("%q is no boolean", raw)
		}
		r.out = append(r.out, raw...)
	case "integer", "positiveInt", "unsignedInt", "decimal":
		if !number(raw, t.Name == "decimal") {
			return r.trail.fail("%q is no %s", raw, t.Name)
		}
		r.out = append(r.out, raw...)
	default:
		r.text = appendText(r.text[:0], raw, true)
		r.out = appendJSON(r.out, r.text)
	}
	return nil
}

// number reports whether raw is a number as JSON writes it.
func number(raw []byte, fraction bool) bool {
	rest := bytes.TrimPrefix(raw, []byte("-"))
	whole := digits(rest)
	if whole == 0 || rest[0] == '0' && whole > 1 {
		return false
	}
	rest = rest[whole:]
	if fraction && len(rest) > 0 && rest[0] == '.' {
		n := digits(rest[1:])
		if n == 0 {
			return false
		}
		rest = rest[n+1:]
	}
	if fraction && len(rest) > 0 && (rest[0] == 'e' || rest[0] == 'E') {
		rest = rest[1:]
		if len(rest) > 0 && (rest[0] == '+' || rest[0] == '-') {
			rest = rest[1:]
		}
		n := digits(rest)
		if n == 0 {
			return false
		}
		rest = rest[n:]
	}
	return len(rest) == 0
}

func digits(b []byte) int {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return n
}

// narrative writes XHTML as a JSON string: the bytes as they came where they stand on their own, else without
// prefixes and with the one declaration FHIR wants. https://hl7.org/fhir/R4/narrative.html
func (r *reader) narrative(n *node) error {
	raw := r.data[n.start:n.end]
	if n.rewrite {
		raw = unprefixed(raw)
	}
	if bytes.IndexByte(raw, '\r') >= 0 {
		raw = bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	}
	r.out = appendJSON(r.out, raw)
	return nil
}
