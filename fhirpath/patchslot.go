package fhirpath

import (
	"strconv"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// slot is where an item stands: under a name in a structure and, of a repeating element, at an index.
type slot struct {
	object  fhir.Value
	name    string // without the underscore
	index   int    // -1 where the element does not repeat
	pointer string // of the object
}

func slotOf(it Item) slot {
	v := it.place()
	s := slot{index: -1}
	if parent := v.Parent(); parent.Kind() == fhir.Array {
		s.index = 0
		for e := parent.First(); !e.Same(v); e = e.Next() {
			s.index++
		}
		v = parent
	}
	s.object, s.name = v.Parent(), v.Name()
	if !it.v.Exists() {
		s.name = strings.TrimPrefix(s.name, "_")
	}
	s.pointer = s.object.Pointer()
	return s
}

func (s slot) path(name string) string { return s.pointer + "/" + fhir.PointerName(name) }

// content is a value to write: the element and, of a primitive, what goes under the name with an underscore.
type content struct {
	value, extra []byte
}

// set writes an element that does not repeat.
func (s slot) set(c content) []fhir.PatchOp {
	var ops []fhir.PatchOp
	if c.value != nil {
		ops = append(ops, fhir.PatchOp{Op: "add", Path: s.path(s.name), Value: c.value})
	}
	if c.extra != nil {
		ops = append(ops, fhir.PatchOp{Op: "add", Path: s.path("_" + s.name), Value: c.extra})
	}
	return ops
}

// insertAt writes an element of a list before the one at an index, keeping the two lists of primitives in step.
func (s slot) insertAt(c content, index int) []fhir.PatchOp {
	values, extras := s.object.Get(s.name), s.object.Get("_"+s.name)
	at := "/" + strconv.Itoa(index)
	var ops []fhir.PatchOp
	if values.Exists() || c.value != nil {
		if !values.Exists() && extras.Len() == 0 {
			ops = append(ops, fhir.PatchOp{Op: "add", Path: s.path(s.name), Value: append(append([]byte{'['}, c.value...), ']')})
		} else {
			ops = append(s.pad(s.name, index), fhir.PatchOp{Op: "add", Path: s.path(s.name) + at, Value: orNull(c.value)})
		}
	}
	if extras.Exists() || c.extra != nil {
		ops = append(append(ops, s.pad("_"+s.name, index)...), fhir.PatchOp{Op: "add", Path: s.path("_"+s.name) + at, Value: orNull(c.extra)})
	}
	return ops
}

func orNull(b []byte) []byte {
	if b == nil {
		return []byte("null")
	}
	return b
}

// pad makes a list as long as needed with nulls.
func (s slot) pad(name string, length int) []fhir.PatchOp {
	list := s.object.Get(name)
	var ops []fhir.PatchOp
	if !list.Exists() {
		ops = append(ops, fhir.PatchOp{Op: "add", Path: s.path(name), Value: []byte("[]")})
	}
	for range length - list.Len() {
		ops = append(ops, fhir.PatchOp{Op: "add", Path: s.path(name) + "/-", Value: []byte("null")})
	}
	return ops
}

// othersIn reports whether a list has anything but what is at an index.
func othersIn(list fhir.Value, index int) bool {
	i := 0
	for e := range list.Items() {
		if i != index && e.Kind() != fhir.Null {
			return true
		}
		i++
	}
	return false
}

// typeAt is the type of an object of the resource, found on the way down to it.
func typeAt(root Item, object fhir.Value) *spec.Type {
	it := root
	for !it.v.Same(object) {
		next := Item{}
		var all Collection
		for _, c := range appendChildren(all, it) {
			inside := func(v fhir.Value) bool { return v.Exists() && v.Offset() <= object.Offset() && object.End() <= v.End() }
			if inside(c.v) {
				next = c
			} else if inside(c.ext) {
				if c.ext.Same(object) {
					return c.typ
				}
				next = c
			}
		}
		if !next.place().Exists() {
			return nil
		}
		it = next
	}
	return it.typ
}
