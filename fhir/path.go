package fhir

import (
	"bytes"
	"strconv"
)

// RawName is the name under which v stands in its object as the bytes have it, with any escapes; nil in an array.
func (v Value) RawName() []byte {
	if v.r == nil || v.n == 0 {
		return nil
	}
	return rawName(v.r.data, v.node())
}

// End is where v ends in the bytes given to Parse.
func (v Value) End() int { return int(v.node().end) }

// Root is the whole resource v stands in, absent where v is.
func (v Value) Root() Value {
	if v.r == nil {
		return Value{}
	}
	return Value{v.r, 0}
}

// Parent is the object or array v stands in, absent for the root. It walks down from the root.
func (v Value) Parent() Value {
	if v.r == nil || v.n == 0 {
		return Value{}
	}
	parent := v.Root()
	for {
		child := parent.holding(v)
		if child == v {
			return parent
		}
		parent = child
	}
}

// holding is the child of v in which w stands.
func (v Value) holding(w Value) Value {
	c := v.First()
	for n := c.Next(); n.Exists() && n.n <= w.n; n = n.Next() {
		c = n
	}
	return c
}

// Path is where v stands in its resource, as a FHIRPath: "Patient.name[0].given[1]". A primitive's "_birthDate" is
// "Patient.birthDate". It walks down from the root, so ask for it only where somebody will read it.
func (v Value) Path() string {
	if v.r == nil {
		return ""
	}
	b := append(make([]byte, 0, 64), v.r.Type()...)
	for at := v.Root(); at != v; {
		child := at.holding(v)
		if at.Kind() == Array {
			b = append(b, '[')
			i := 0
			for c := at.First(); c != child; c = c.Next() {
				i++
			}
			b = append(strconv.AppendInt(b, int64(i), 10), ']')
		} else {
			if len(b) > 0 {
				b = append(b, '.')
			}
			b = append(b, bytes.TrimPrefix(child.RawName(), []byte{'_'})...)
		}
		at = child
	}
	return string(b)
}
