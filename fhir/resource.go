package fhir

import (
	"iter"
)

// Resource is the bytes of one JSON object as they came, with a flat index over them. It never changes, so any number
// of goroutines may read it.
type Resource struct {
	data  []byte
	nodes []node
}

// Bytes are the resource as it came. They must not be changed.
func (r *Resource) Bytes() []byte {
	root := r.nodes[0]
	return r.data[root.start:root.end]
}

// Root is the object itself.
func (r *Resource) Root() Value { return Value{r, 0} }

// Type is the resourceType, "" where there is none.
func (r *Resource) Type() string { return r.Root().Get("resourceType").Text() }

// ID is the logical id, "" where there is none.
func (r *Resource) ID() string { return r.Root().Get("id").Text() }

// Kind is what sort of JSON value a Value is.
type Kind uint8

// The kinds of value. Absent is the zero Value: a member that is not there.
const (
	Absent Kind = iota
	Object
	Array
	String
	Number
	True
	False
	Null
)

// Value is a cursor on one JSON value of a resource; the zero Value is absent, and every method of it is safe to call.
type Value struct {
	r *Resource
	n uint32
}

func (v Value) node() *node { return &v.r.nodes[v.n] }

// Exists reports whether the value is there.
func (v Value) Exists() bool { return v.r != nil }

// Kind is what sort of value v is.
func (v Value) Kind() Kind {
	if v.r == nil {
		return Absent
	}
	switch k := v.node().kind; k {
	case kindObject, kindArray, kindString:
		return Kind(k)
	default:
		return Kind(k - 1)
	}
}

// First is the first member or element, absent where there is none.
func (v Value) First() Value {
	if v.r == nil {
		return Value{}
	}
	n := v.node()
	if n.kind > kindArray || int(v.n)+1 >= len(v.r.nodes) || v.r.nodes[v.n+1].start >= n.end {
		return Value{}
	}
	return Value{v.r, v.n + 1}
}

// Next is the member or element after v, absent after the last.
func (v Value) Next() Value {
	if v.r == nil || v.n == 0 {
		return Value{}
	}
	next := v.node().next
	if next == 0 {
		return Value{}
	}
	return Value{v.r, next}
}

// Get is the member called name, absent where v is no object or has no such member.
func (v Value) Get(name string) Value {
	if v.r == nil || v.node().kind != kindObject {
		return Value{}
	}
	nodes, data := v.r.nodes, v.r.data
	i := v.n + 1
	if int(i) >= len(nodes) || nodes[i].start >= nodes[v.n].end {
		return Value{}
	}
	odd := false
	for {
		n := &nodes[i]
		if n.nameLen == longName {
			odd = true
		} else if int(n.nameLen) == len(name) {
			from := n.start - uint32(n.nameBack)
			if string(data[from:from+uint32(n.nameLen)]) == name {
				return Value{v.r, i}
			}
		}
		if n.next == 0 {
			break
		}
		i = n.next
	}
	if !odd {
		return Value{}
	}
	return v.getSlow(name)
}

// getSlow finds a member whose name is written with escapes or is very long.
func (v Value) getSlow(name string) Value {
	for m := v.First(); m.Exists(); m = m.Next() {
		n := m.node()
		if n.nameLen == longName && nameOf(v.r.data, n) == name {
			return m
		}
	}
	return Value{}
}

// Members ranges over the members of an object in the order they came.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if v.Kind() != Object {
			return
		}
		for m := v.First(); m.Exists(); m = m.Next() {
			if !yield(m.Name(), m) {
				return
			}
		}
	}
}

// Items ranges over the elements of an array, or over v itself where v is no array; over nothing where v is absent.
func (v Value) Items() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		switch v.Kind() {
		case Absent:
		case Array:
			for e := v.First(); e.Exists(); e = e.Next() {
				if !yield(e) {
					return
				}
			}
		default:
			yield(v)
		}
	}
}

// Name is the name under which v stands in its object, "" in an array.
func (v Value) Name() string {
	if v.r == nil {
		return ""
	}
	return nameOf(v.r.data, v.node())
}

// Len is the number of members or elements.
func (v Value) Len() int {
	n := 0
	for m := v.First(); m.Exists(); m = m.Next() {
		n++
	}
	return n
}

// Raw is the value's bytes as they came.
func (v Value) Raw() []byte {
	if v.r == nil {
		return nil
	}
	n := v.node()
	return v.r.data[n.start:n.end]
}

// Text is a decoded string, or the digits of a number, or "true" or "false"; "" for anything else.
func (v Value) Text() string {
	if v.r == nil {
		return ""
	}
	n := v.node()
	switch n.kind {
	case kindString:
		return string(v.r.data[n.start+1 : n.end-1])
	case kindEscaped:
		return unescape(v.r.data[n.start+1 : n.end-1])
	case kindNumber, kindTrue, kindFalse:
		return string(v.r.data[n.start:n.end])
	}
	return ""
}

// Is reports whether v is the string s, without allocating.
func (v Value) Is(s string) bool {
	if v.r == nil {
		return false
	}
	n := v.node()
	if n.kind == kindString {
		return string(v.r.data[n.start+1:n.end-1]) == s
	}
	return n.kind == kindEscaped && v.Text() == s
}

// Bool is true where v is the literal true.
func (v Value) Bool() bool { return v.r != nil && v.node().kind == kindTrue }

// Offset is where v begins in the bytes given to Parse.
func (v Value) Offset() int { return int(v.node().start) }

// Same reports whether v and w are the same place in the same resource.
func (v Value) Same(w Value) bool { return v == w }

// Resource is the object v as a resource of its own. It shares the bytes; its index is copied, since places in an
// index are counted from its root. Nil where v is no object.
func (v Value) Resource() *Resource {
	if v.Kind() != Object {
		return nil
	}
	if v.n == 0 {
		return v.r
	}
	end := v.n + 1
	for int(end) < len(v.r.nodes) && v.r.nodes[end].start < v.node().end {
		end++
	}
	nodes := make([]node, end-v.n)
	for i := range nodes {
		nodes[i] = v.r.nodes[int(v.n)+i]
		if nodes[i].next != 0 {
			nodes[i].next -= v.n
		}
	}
	nodes[0].next, nodes[0].nameBack, nodes[0].nameLen = 0, 0, 0
	return &Resource{data: v.r.data, nodes: nodes}
}

// Edit replaces the bytes from Start up to End with With.
type Edit struct {
	Start, End int
	With       []byte
}

// Splice makes new bytes with the edits applied. They must be in order and must not overlap; every other byte stays.
func Splice(data []byte, edits []Edit) []byte {
	size := len(data)
	for _, e := range edits {
		size += len(e.With) - (e.End - e.Start)
	}
	out := make([]byte, 0, size)
	at := 0
	for _, e := range edits {
		out = append(out, data[at:e.Start]...)
		out = append(out, e.With...)
		at = e.End
	}
	return append(out, data[at:]...)
}
