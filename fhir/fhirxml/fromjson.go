package fhirxml

import (
	"bytes"
	"html"
	"slices"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// FromJSON writes a resource as XML, its elements in the order of the specification. Errors are Invalid, or Unsupported
// for what XML cannot carry (an unknown member, a control character), and name the element at fault by its path.
func FromJSON(res *fhir.Resource) ([]byte, error) {
	return AppendXML(make([]byte, 0, len(res.Bytes())*3/2), res)
}

// AppendXML is FromJSON into a slice the caller has.
func AppendXML(out []byte, res *fhir.Resource) ([]byte, error) {
	w := writer{out: out}
	if err := w.resource(res.Root(), true); err != nil {
		return out, err
	}
	return w.out, nil
}

// Indented is FromJSON with every element on a line of its own, indented by its depth. Narratives stay as they are.
func Indented(res *fhir.Resource, indent string) ([]byte, error) {
	w := writer{out: make([]byte, 0, len(res.Bytes())*2), indent: indent}
	if err := w.resource(res.Root(), true); err != nil {
		return nil, err
	}
	return append(w.out, '\n'), nil
}

type writer struct {
	out    []byte
	indent string // of each level, "" to write no line ends
	depth  int
	trail  trail
	stack  []member // members of the objects being written, the innermost last
}

// member is one element of the object at hand: its value and what stands under _name.
type member struct {
	el               *spec.Element
	typ              *spec.Type // nil for any resource
	value, companion fhir.Value
	name             []byte // as in XML: with the type of a choice
}

func (w *writer) resource(v fhir.Value, root bool) error {
	name := v.Get("resourceType").Text()
	if root {
		w.trail = append(w.trail, step{name, -1})
	}
	if _, ok := spec.Resource(name); !ok {
		return fhir.Errorf(fhir.Unsupported, "R4 has no resource type %q", name).At(w.trail.String())
	}
	if !root {
		w.depth++
		defer func() { w.depth-- }()
		w.line()
	}
	w.out = append(append(w.out, '<'), name...)
	if root {
		w.out = append(w.out, ` xmlns="`+fhirSpace+`"`...)
	}
	return w.object(v, fhir.Value{}, spec.TypeOf(name), []byte(name))
}

// object writes the rest of the start tag, the children and the end tag of an object. For a primitive v holds its id and
// extensions (it may be absent) and value its value.
func (w *writer) object(v, value fhir.Value, t *spec.Type, name []byte) error {
	from := len(w.stack)
	if err := w.members(v, t); err != nil {
		return err
	}
	top := len(w.stack)
	for i := from + 1; i < top; i++ {
		if w.stack[i].el == w.stack[i-1].el {
			return w.trail.child(w.stack[i].el.Name).fail("stands twice, as %s and %s", w.stack[i-1].name, w.stack[i].name)
		}
	}
	i := from
	for ; i < top && w.stack[i].el.Attribute; i++ {
		m := w.stack[i]
		w.trail = w.trail.child(m.el.Name)
		if m.companion.Exists() {
			return w.unsupported("XML has no place for the extensions of an attribute")
		}
		if err := w.attribute(string(m.name), m.value, m.typ); err != nil {
			return err
		}
		w.trail = w.trail[:len(w.trail)-1]
	}
	if value.Exists() && value.Kind() != fhir.Null {
		if err := w.attribute("value", value, t); err != nil {
			return err
		}
	} else if top == from && t.Kind != spec.ResourceType {
		return w.trail.fail("an element must have a value or something in it")
	}
	if i == top {
		w.out = append(w.out, '/', '>')
		w.stack = w.stack[:from]
		return nil
	}
	w.out = append(w.out, '>')
	w.depth++
	for ; i < top; i++ {
		m := w.stack[i] // a copy: the stack moves
		w.trail = w.trail.child(string(m.name))
		if err := w.member(m); err != nil {
			return err
		}
		w.trail = w.trail[:len(w.trail)-1]
	}
	w.stack = w.stack[:from]
	w.depth--
	w.line()
	w.out = append(append(append(w.out, '<', '/'), name...), '>')
	return nil
}

// line begins a new line where lines are wanted.
func (w *writer) line() {
	if w.indent == "" {
		return
	}
	w.out = append(w.out, '\n')
	for range w.depth {
		w.out = append(w.out, w.indent...)
	}
}

// members puts the members of v on the stack: attributes first, then in the order of the specification.
func (w *writer) members(v fhir.Value, t *spec.Type) error {
	if v.Exists() && v.Kind() != fhir.Object {
		return w.trail.fail("an object must stand here")
	}
	from := len(w.stack)
	for m := v.First(); m.Exists(); m = m.Next() {
		name := m.RawName()
		if t.Kind == spec.ResourceType && string(name) == "resourceType" {
			continue
		}
		plain, isCompanion := bytes.CutPrefix(name, []byte("_"))
		el, typ, ok := t.ChildType(string(plain))
		if !ok || isCompanion && (typ == nil || typ.Kind != spec.Primitive) {
			w.trail = w.trail.child(string(name))
			return w.unsupported("%s has no such element", t.Name)
		}
		at := slices.IndexFunc(w.stack[from:], func(m member) bool { return m.el == el && bytes.Equal(m.name, plain) })
		if at < 0 {
			at = w.insert(from, member{el: el, typ: typ, name: plain})
		} else {
			at += from
		}
		if isCompanion {
			w.stack[at].companion = m
		} else {
			w.stack[at].value = m
		}
	}
	return nil
}

// insert puts m in its place among w.stack[from:] and returns that place.
func (w *writer) insert(from int, m member) int {
	before := func(a, b *spec.Element) bool {
		if a.Attribute != b.Attribute {
			return a.Attribute
		}
		return a.Order < b.Order
	}
	w.stack = append(w.stack, m)
	at := len(w.stack) - 1
	for at > from && before(m.el, w.stack[at-1].el) {
		w.stack[at] = w.stack[at-1]
		at--
	}
	w.stack[at] = m
	return at
}

// member writes one element, or all elements of an array.
func (w *writer) member(m member) error {
	values, companions := m.value, m.companion
	if m.el.Max == 1 {
		if values.Kind() == fhir.Array || companions.Kind() == fhir.Array {
			return w.trail.fail("one value must stand here, not an array")
		}
		return w.one(m, values, companions)
	}
	if values.Exists() && values.Kind() != fhir.Array || companions.Exists() && companions.Kind() != fhir.Array {
		return w.trail.fail("an array must stand here")
	}
	value, companion := values.First(), companions.First()
	if !value.Exists() && !companion.Exists() {
		return w.trail.fail("an array may not be empty")
	}
	last := len(w.trail) - 1
	for i := 0; value.Exists() || companion.Exists(); i++ {
		w.trail[last].index = i
		if err := w.one(m, value, companion); err != nil {
			return err
		}
		value, companion = value.Next(), companion.Next()
	}
	w.trail[last].index = -1
	return nil
}

func (w *writer) one(m member, value, companion fhir.Value) error {
	w.line()
	if m.el.XHTML {
		return w.narrative(value)
	}
	w.out = append(append(w.out, '<'), m.name...)
	switch {
	case m.typ == nil:
		w.out = append(w.out, '>')
		if err := w.resource(value, false); err != nil {
			return err
		}
		w.line()
		w.out = append(append(append(w.out, '<', '/'), m.name...), '>')
		return nil
	case m.typ.Kind == spec.Primitive:
		if companion.Kind() == fhir.Null {
			companion = fhir.Value{}
		}
		return w.object(companion, value, m.typ, m.name)
	default:
		if value.Kind() != fhir.Object {
			return w.trail.fail("an object must stand here")
		}
		return w.object(value, fhir.Value{}, m.typ, m.name)
	}
}

// attribute writes name="value" for a value whose JSON kind is the one its type wants.
func (w *writer) attribute(name string, v fhir.Value, t *spec.Type) error {
	ok := false
	switch v.Kind() {
	case fhir.True, fhir.False:
		ok = t.Name == "boolean"
	case fhir.Number:
		ok = t.Is("integer") || t.Name == "decimal"
	case fhir.String:
		ok = t.Name != "boolean" && t.Name != "decimal" && !t.Is("integer")
	}
	if !ok {
		return w.trail.fail("%s is no %s", abridged(v), t.Name)
	}
	text := v.Text()
	if text == "" {
		return w.trail.fail("a value may not be empty")
	}
	w.out = append(append(append(w.out, ' '), name...), '=', '"')
	var bad rune
	if w.out, bad = appendAttribute(w.out, text); bad != 0 {
		return w.unsupported("XML cannot carry the character %U", bad)
	}
	w.out = append(w.out, '"')
	return nil
}

// narrative writes the XHTML of a narrative as it is, once it is known to be well-formed. Names such as &nbsp;, which
// XML does not know, become numbers.
func (w *writer) narrative(v fhir.Value) error {
	if v.Kind() != fhir.String {
		return w.trail.fail("XHTML must stand here as a string")
	}
	text := strings.TrimSpace(v.Text())
	if strings.ContainsRune(text, '&') {
		text = numberedEntities(text)
	}
	s, err := scan([]byte(text))
	if err != nil {
		return w.trail.fail("the narrative cannot be written: %w", err)
	}
	root := &s.nodes[0]
	name := text[root.nameStart:root.nameEnd]
	if name != "div" || root.space != spaceXHTML && root.space != noSpace {
		return w.trail.fail("a narrative must be one <div> in the namespace %s", xhtmlSpace)
	}
	body := text[root.start:root.end] // without comments around it
	if root.space == noSpace {
		body = "<div xmlns=\"" + xhtmlSpace + "\"" + body[len("<div"):]
	}
	w.out = append(w.out, body...)
	return nil
}

// numberedEntities turns the names of HTML's characters into numbers, except the five that XML knows.
func numberedEntities(text string) string {
	var b strings.Builder
	for {
		at := strings.IndexByte(text, '&')
		if at < 0 {
			return b.String() + text
		}
		b.WriteString(text[:at])
		text = text[at:]
		end := strings.IndexByte(text[:min(len(text), 16)], ';') + 1
		known, _ := reference([]byte(text[:end]))
		decoded := html.UnescapeString(text[:end])
		if end == 0 || known > 0 || strings.ContainsAny(decoded, "&;") {
			end = max(end, 1)
			b.WriteString(text[:end])
		} else {
			for _, r := range decoded {
				writeNumbered(&b, r)
			}
		}
		text = text[end:]
	}
}

func writeNumbered(b *strings.Builder, r rune) {
	b.WriteString("&#x")
	for shift := 20; shift >= 0; shift -= 4 {
		if r>>shift > 0 {
			b.WriteByte("0123456789ABCDEF"[r>>shift&15])
		}
	}
	b.WriteByte(';')
}

func (w *writer) unsupported(format string, args ...any) error {
	return fhir.Errorf(fhir.Unsupported, format, args...).At(w.trail.String())
}

// abridged is a value for an error message.
func abridged(v fhir.Value) string {
	raw := v.Raw()
	if len(raw) > 40 {
		return string(raw[:40]) + "…"
	}
	return string(raw)
}
