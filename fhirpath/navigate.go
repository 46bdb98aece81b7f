package fhirpath

import (
	"bytes"
	"strings"
	"sync/atomic"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// member is a step to the children of one name.
type member struct {
	input  node // nil at the start of a path
	name   string
	under  string // "_name", where JSON keeps the id and extensions of a primitive
	isType bool   // the name may be that of a type: Patient.name

	last atomic.Pointer[found]
}

// found remembers what a name means in the type met last: the next item nearly always has the same type.
type found struct {
	parent *spec.Type
	child  *spec.Type
	how    meaning
}

type meaning uint8

const (
	unknownElement meaning = iota
	plainElement
	primitiveElement
	choiceElement
	resourceElement // of any resource type
)

func newMember(input node, name string) *member {
	return &member{input: input, name: name, under: "_" + name, isType: input == nil && name != "" && name[0] >= 'A' && name[0] <= 'Z'}
}

func (m *member) eval(s *scope) (Collection, error) {
	in := s.this
	if m.input != nil {
		var err error
		if in, err = m.input.eval(s); err != nil {
			return nil, err
		}
	}
	var out Collection
	for _, it := range in {
		if m.isType && m.names(it) {
			out = append(out, it)
			continue
		}
		if it.sys != nil {
			if part, ok := it.sys.part(m.name); ok {
				out = append(out, part)
			}
			continue
		}
		c := m.open(it)
		for child, ok := c.next(); ok; child, ok = c.next() {
			out = append(out, child)
		}
	}
	return out, nil
}

// names reports whether m is the name of the item's type, as at the start of Patient.name.
func (m *member) names(it Item) bool {
	if it.typ != nil {
		return it.typ.Is(m.name)
	}
	return it.v.Get("resourceType").Is(m.name)
}

// part is a component of a Quantity or of a type().
func (v *value) part(name string) (Item, bool) {
	switch {
	case v.kind == Quantity && name == "value":
		return decimal(v.d), true
	case v.kind == Quantity && (name == "unit" || name == "code"):
		return text(v.s), true
	case v.kind == TypeInfo && name == "name":
		return text(v.s), true
	case v.kind == TypeInfo && name == "namespace":
		return text(v.space), true
	}
	return Item{}, false
}

// find looks the name up in a type.
func (m *member) find(t *spec.Type) *found {
	if f := m.last.Load(); f != nil && f.parent == t {
		return f
	}
	f := &found{parent: t}
	// JSON's own name of a choice, valueQuantity, is understood as well as value.
	if el, child, ok := t.ChildType(m.name); ok {
		f.child = child
		switch {
		case el.Path == "Resource.id" || el.Path == "Element.id" || el.Path == "Extension.url":
			f.child, f.how = systemString, primitiveElement
		case child == nil:
			f.how = resourceElement
		case child.Kind == spec.Primitive:
			f.how = primitiveElement
		default:
			f.how = plainElement
		}
	} else if el := t.Element(m.name); el != nil && el.Choice {
		f.how = choiceElement
	}
	m.last.Store(f)
	return f
}

// children goes through the items one member gives.
type children struct {
	v, x  fhir.Value // the value and, of a primitive, what stands under "_name"
	typ   *spec.Type
	any   bool // resources of any type: their type is read from each
	array bool
}

// open finds the children of an element.
func (m *member) open(it Item) children {
	if it.typ == nil {
		obj := it.v
		if obj.Kind() != fhir.Object {
			obj = it.ext
		}
		return openArray(children{v: obj.Get(m.name), x: obj.Get(m.under)})
	}
	obj := it.v
	if it.typ.Kind == spec.Primitive {
		if obj = it.ext; !obj.Exists() {
			return children{}
		}
	}
	f := m.find(it.typ)
	c := children{typ: f.child}
	switch f.how {
	case plainElement:
		c.v = obj.Get(m.name)
	case primitiveElement:
		c.v, c.x = obj.Get(m.name), obj.Get(m.under)
	case resourceElement:
		c.v, c.any = obj.Get(m.name), true
	case choiceElement:
		c = m.choose(it.typ, obj)
	case unknownElement:
		if m.name == "resourceType" {
			c.v, c.typ = obj.Get(m.name), systemString
		}
	}
	return openArray(c)
}

// choose finds value[x] under whichever name it has.
func (m *member) choose(t *spec.Type, obj fhir.Value) (c children) {
	for v := obj.First(); v.Exists(); v = v.Next() {
		raw := v.RawName()
		under := len(raw) > 0 && raw[0] == '_'
		if under {
			raw = raw[1:]
		}
		if len(raw) <= len(m.name) || string(raw[:len(m.name)]) != m.name {
			continue
		}
		el, child, ok := t.ChildType(string(raw))
		if !ok || !el.Choice || el.Name != m.name || c.typ != nil && c.typ != child {
			continue
		}
		c.typ = child
		if under {
			c.x = v
		} else {
			c.v = v
		}
	}
	return c
}

func openArray(c children) children {
	if c.v.Kind() == fhir.Array {
		c.v, c.array = c.v.First(), true
		if c.x.Kind() == fhir.Array {
			c.x = c.x.First()
		} else {
			c.x = fhir.Value{}
		}
	} else if c.x.Kind() == fhir.Array && !c.v.Exists() {
		c.x, c.array = c.x.First(), true
	}
	return c
}

// next gives the children one by one. A null stands for a child only where it has an id or extensions.
func (c *children) next() (Item, bool) {
	for c.v.Exists() || c.x.Exists() {
		it := Item{v: c.v, typ: c.typ}
		if c.x.Kind() == fhir.Object {
			it.ext = c.x
		}
		if c.array {
			c.v, c.x = c.v.Next(), c.x.Next()
		} else {
			c.v, c.x = fhir.Value{}, fhir.Value{}
		}
		if k := it.v.Kind(); (k == fhir.Null || k == fhir.Absent) && !it.ext.Exists() {
			continue
		}
		if c.any {
			it.typ = resourceType(it.v)
		}
		return it, true
	}
	return Item{}, false
}

// appendChildren appends every child of an element. A resource's resourceType is its type, not a child.
func appendChildren(out Collection, it Item) Collection {
	if it.sys != nil {
		return out
	}
	obj := it.v
	if obj.Kind() != fhir.Object {
		obj = it.ext
	}
	for v := obj.First(); v.Exists(); v = v.Next() {
		name := v.Name()
		if name == "resourceType" {
			continue
		}
		if after, ok := strings.CutPrefix(name, "_"); ok {
			if obj.Get(after).Exists() {
				continue
			}
			name = after
		}
		c := childrenNamed(it, obj, name)
		for child, ok := c.next(); ok; child, ok = c.next() {
			out = append(out, child)
		}
	}
	return out
}

// childrenNamed opens the children under one JSON name.
func childrenNamed(it Item, obj fhir.Value, name string) children {
	c := children{v: obj.Get(name), x: obj.Get("_" + name)}
	if it.typ != nil {
		if el, child, ok := it.typ.ChildType(name); ok {
			c.typ, c.any = child, child == nil
			if child != nil && child.Kind != spec.Primitive {
				c.x = fhir.Value{}
			}
			if el.Path == "Resource.id" || el.Path == "Element.id" || el.Path == "Extension.url" {
				c.typ = systemString
			}
		}
	}
	return openArray(c)
}

// referenceOf is the reference an item makes: the text of a Reference's reference, or of a uri, as it stands in JSON.
func referenceOf(it Item) []byte {
	v := it.v
	if v.Kind() == fhir.Object {
		v = v.Get("reference")
	}
	if it.sys != nil {
		return []byte(it.sys.s)
	}
	if v.Kind() != fhir.String {
		return nil
	}
	raw := v.Raw()
	if raw = raw[1 : len(raw)-1]; bytes.IndexByte(raw, '\\') >= 0 {
		return []byte(v.Text())
	}
	return raw
}
