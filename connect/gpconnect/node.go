package gpconnect

import (
	"strings"

	"github.com/kith-care/kith/fhir"
)

// node is a piece of JSON that can be changed: members keep their order, numbers and unknown members their bytes. A nil node
// is absent and every method that reads is safe on it.
type node struct {
	names  []string // of an object's members
	kids   []*node  // of an object or an array
	raw    []byte   // of anything else
	word   string   // what a string says
	isText bool
	isList bool
}

// treeOf copies a value so that it can be changed.
func treeOf(v fhir.Value) *node {
	switch v.Kind() {
	case fhir.Absent, fhir.Null:
		return nil
	case fhir.Object:
		n := &node{}
		for name, kid := range v.Members() {
			if k := treeOf(kid); k != nil {
				n.names, n.kids = append(n.names, name), append(n.kids, k)
			}
		}
		return n
	case fhir.Array:
		n := &node{isList: true}
		for kid := range v.Items() {
			k := treeOf(kid)
			if k == nil {
				k = &node{raw: []byte("null")} // a place in a list of primitives that only has extensions
			}
			n.kids = append(n.kids, k)
		}
		return n
	case fhir.String:
		return &node{raw: v.Raw(), word: v.Text(), isText: true}
	}
	return &node{raw: v.Raw()}
}

func (n *node) isObject() bool { return n != nil && n.raw == nil && !n.isList }

// resource writes the node as a resource; empty objects and lists, which JSON of FHIR may not have, are left out.
func (n *node) resource() (*fhir.Resource, error) { return fhir.Parse(n.append(nil)) }

func (n *node) append(out []byte) []byte {
	switch {
	case n.raw != nil:
		return append(out, n.raw...)
	case n.isList:
		out = append(out, '[')
		first := true
		for _, kid := range n.kids {
			if kid.empty() {
				continue
			}
			if !first {
				out = append(out, ',')
			}
			first = false
			out = kid.append(out)
		}
		return append(out, ']')
	}
	out = append(out, '{')
	first := true
	for i, kid := range n.kids {
		if kid.empty() {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(fhir.AppendString(out, n.names[i]), ':')
		out = kid.append(out)
	}
	return append(out, '}')
}

// empty reports whether nothing would be left of the node.
func (n *node) empty() bool {
	if n == nil {
		return true
	}
	if n.raw != nil {
		return n.isText && n.word == ""
	}
	for _, kid := range n.kids {
		if !kid.empty() && string(kid.raw) != "null" {
			return false
		}
	}
	return true
}

// get is the member along a path of names, nil where there is none. Of a list, it is the first item's.
func (n *node) get(path ...string) *node {
	for _, name := range path {
		if n != nil && n.isList {
			n = n.first()
		}
		if n == nil {
			return nil
		}
		var found *node
		for i, have := range n.names {
			if have == name {
				found = n.kids[i]
				break
			}
		}
		n = found
	}
	return n
}

func (n *node) first() *node {
	if n == nil || !n.isList {
		return n
	}
	if len(n.kids) == 0 {
		return nil
	}
	return n.kids[0]
}

// items are the items of a list, or the node itself where it is none.
func (n *node) items() []*node {
	if n == nil {
		return nil
	}
	if n.isList {
		return n.kids
	}
	return []*node{n}
}

// text is what a string says; of anything else, "".
func (n *node) text(path ...string) string {
	if n = n.get(path...); n == nil {
		return ""
	}
	return n.word
}

func (n *node) is(word string) bool { return n != nil && n.raw != nil && string(n.raw) == word }

// put sets a member; nil and what is empty removes it.
func (n *node) put(name string, kid *node) {
	for i, have := range n.names {
		if have == name {
			if kid == nil {
				n.names = append(n.names[:i:i], n.names[i+1:]...)
				n.kids = append(n.kids[:i:i], n.kids[i+1:]...)
				return
			}
			n.kids[i] = kid
			return
		}
	}
	if kid != nil {
		n.names, n.kids = append(n.names, name), append(n.kids, kid)
	}
}

// add appends items to a list member.
func (n *node) add(name string, more ...*node) {
	have := n.get(name)
	l := &node{isList: true, kids: append([]*node{}, have.items()...)}
	for _, m := range more {
		if m != nil {
			l.kids = append(l.kids, m)
		}
	}
	if len(l.kids) > 0 {
		n.put(name, l)
	}
}

// take removes a member and answers it.
func (n *node) take(name string) *node {
	kid := n.get(name)
	n.put(name, nil)
	return kid
}

// rename gives a member another name where the other is free; its companion of extensions goes with it.
func (n *node) rename(from, to string) {
	for _, prefix := range []string{"", "_"} {
		if kid := n.get(prefix + from); kid != nil && n.get(prefix+to) == nil {
			for i, have := range n.names {
				if have == prefix+from {
					n.names[i] = prefix + to
				}
			}
		}
	}
}

// many makes a list of a member that was single.
func (n *node) many(name string) {
	if kid := n.get(name); kid != nil && !kid.isList {
		n.put(name, list(kid))
	}
}

// one makes a single member of a list and answers what does not fit.
func (n *node) one(name string) []*node {
	kid := n.get(name)
	if kid == nil || !kid.isList {
		return nil
	}
	if len(kid.kids) == 0 {
		n.put(name, nil)
		return nil
	}
	n.put(name, kid.kids[0])
	return kid.kids[1:]
}

// copy is a node of its own.
func (n *node) copy() *node {
	if n == nil {
		return nil
	}
	c := *n
	c.names = append([]string(nil), n.names...)
	c.kids = make([]*node, len(n.kids))
	for i, kid := range n.kids {
		c.kids[i] = kid.copy()
	}
	return &c
}

// walk calls do for a node and all below it, objects before what is in them.
func (n *node) walk(do func(*node)) {
	if n == nil {
		return
	}
	do(n)
	for _, kid := range n.kids {
		kid.walk(do)
	}
}

func str(s string) *node {
	if s == "" {
		return nil
	}
	return &node{raw: fhir.AppendString(nil, s), word: s, isText: true}
}

func truth(b bool) *node {
	if b {
		return &node{raw: []byte("true")}
	}
	return &node{raw: []byte("false")}
}

func list(items ...*node) *node {
	l := &node{isList: true}
	for _, it := range items {
		if it != nil {
			l.kids = append(l.kids, it)
		}
	}
	if len(l.kids) == 0 {
		return nil
	}
	return l
}

// member is one of object.
type member struct {
	name string
	is   *node
}

func object(members ...member) *node {
	n := &node{}
	for _, m := range members {
		n.put(m.name, m.is)
	}
	return n
}

func word(name, is string) member      { return member{name, str(is)} }
func has(name string, is *node) member { return member{name, is} }

func coding(system, code, display string) *node {
	return object(word("system", system), word("code", code), word("display", display))
}

func concept(system, code, display string) *node {
	return object(has("coding", list(coding(system, code, display))))
}

// extension is one with a value; kind is the type's name with a capital.
func extension(url, kind string, value *node) *node {
	if value == nil {
		return nil
	}
	return object(word("url", url), has("value"+kind, value))
}

// valueOf is the value of an extension and its member's name.
func valueOf(extension *node) (string, *node) {
	if extension == nil {
		return "", nil
	}
	for i, name := range extension.names {
		if strings.HasPrefix(name, "value") {
			return name, extension.kids[i]
		}
	}
	return "", nil
}

// extended finds an extension by its URL.
func (n *node) extended(url string) *node {
	for _, e := range n.get("extension").items() {
		if e.text("url") == url {
			return e
		}
	}
	return nil
}

// takeExtension removes an extension and answers it.
func (n *node) takeExtension(url string) *node {
	e := n.extended(url)
	if e == nil {
		return nil
	}
	rest := &node{isList: true}
	for _, other := range n.get("extension").items() {
		if other != e {
			rest.kids = append(rest.kids, other)
		}
	}
	if len(rest.kids) == 0 {
		rest = nil
	}
	n.put("extension", rest)
	return e
}
