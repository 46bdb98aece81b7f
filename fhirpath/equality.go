package fhirpath

import (
	"strings"
	"unicode"

	"github.com/kith-care/kith/fhir"
)

type equality struct {
	op          string
	left, right node
}

func (n *equality) eval(s *scope) (Collection, error) {
	l, r, err := s.both(n.left, n.right)
	if err != nil {
		return nil, err
	}
	var t tri
	if n.op == "=" || n.op == "!=" {
		t = s.equalCollections(l, r)
	} else {
		t = triOf(s.equivalentCollections(l, r))
	}
	if n.op[0] == '!' {
		t = t.not()
	}
	return t.items(), nil
}

// equalCollections is "=": in order, empty where a side is empty. https://hl7.org/fhirpath/#equals
func (s *scope) equalCollections(l, r Collection) tri {
	if len(l) == 0 || len(r) == 0 {
		return empty
	}
	if len(l) != len(r) {
		return no
	}
	out := yes
	for i := range l {
		switch s.equal(l[i], r[i]) {
		case no:
			return no
		case empty:
			out = empty
		}
	}
	return out
}

// equal is "=" of two items.
func (s *scope) equal(a, b Item) tri {
	x, ok1 := a.system()
	y, ok2 := b.system()
	if ok1 && ok2 {
		t := s.equalValues(x, y)
		if t == yes && (a.ext.Exists() || b.ext.Exists()) && a.typ != nil && b.typ != nil {
			return triOf(s.sameMembers(Item{v: a.ext}, Item{v: b.ext}, s.equal))
		}
		return t
	}
	if q, r, ok := s.quantities(a, b); ok {
		return s.equalValues(q, r)
	}
	if ok1 != ok2 {
		return no
	}
	return triOf(s.sameElements(a, b, s.equal))
}

// quantities reads two items as quantities, where at least one is a System.Quantity.
func (s *scope) quantities(a, b Item) (x, y value, ok bool) {
	if (a.sys == nil || a.sys.kind != Quantity) && (b.sys == nil || b.sys.kind != Quantity) {
		return x, y, false
	}
	x, ok1, _ := s.quantity(a)
	y, ok2, _ := s.quantity(b)
	return x, y, ok1 && ok2
}

func (s *scope) equalValues(a, b value) tri {
	x, num1 := a.number()
	y, num2 := b.number()
	switch {
	case num1 && num2:
		return triOf(x.Cmp(y) == 0)
	case a.kind == Quantity && (b.kind == Quantity || num2), num1 && b.kind == Quantity:
		return equalQuantities(a.asQuantity(), b.asQuantity())
	case a.kind == Time && b.kind == Time, a.isMoment() && b.isMoment():
		order, known := compareMoments(a, b, s.env.Zone)
		if !known {
			return empty
		}
		return triOf(order == 0)
	case a.kind != b.kind:
		if a.kind == String && (b.isMoment() || b.kind == Time) {
			a = readString(b.kind, a.s)
		} else if b.kind == String && (a.isMoment() || a.kind == Time) {
			b = readString(a.kind, b.s)
		}
		if a.kind == String || b.kind == String || a.kind == Boolean || b.kind == Boolean {
			return no
		}
		if a.kind == b.kind || a.isMoment() && b.isMoment() {
			return s.equalValues(a, b)
		}
		return no
	case a.kind == Boolean:
		return triOf(a.n == b.n)
	}
	return triOf(a.s == b.s && a.space == b.space)
}

// sameElements compares two elements member by member, in any order of the members.
func (s *scope) sameElements(a, b Item, same func(a, b Item) tri) bool {
	if a.sys != nil || b.sys != nil {
		return false
	}
	if a.v.Exists() && a.v.Same(b.v) || !a.v.Exists() && a.ext.Same(b.ext) {
		return true
	}
	if a.v.Kind() == fhir.Object && b.v.Kind() == fhir.Object {
		if a.v.Get("resourceType").Text() != b.v.Get("resourceType").Text() {
			return false
		}
		return s.sameMembers(a, b, same)
	}
	if a.v.Kind() == fhir.Object || b.v.Kind() == fhir.Object || a.hasValue() != b.hasValue() {
		return false
	}
	return s.sameMembers(Item{v: a.ext}, Item{v: b.ext}, same)
}

func (s *scope) sameMembers(a, b Item, same func(a, b Item) tri) bool {
	if s.spend(1) != nil {
		return false
	}
	n := 0
	for m := a.v.First(); m.Exists(); m = m.Next() {
		n++
		name := m.Name()
		if !b.v.Get(name).Exists() {
			return false
		}
		if name == "resourceType" || strings.HasPrefix(name, "_") && a.v.Get(name[1:]).Exists() {
			continue
		}
		name = strings.TrimPrefix(name, "_")
		c, d := childrenNamed(a, a.v, name), childrenNamed(b, b.v, name)
		for {
			x, ok1 := c.next()
			y, ok2 := d.next()
			if ok1 != ok2 {
				return false
			}
			if !ok1 {
				break
			}
			if same(x, y) != yes {
				return false
			}
		}
	}
	return n == b.v.Len()
}

// equivalentCollections is "~": in any order, and never empty. https://hl7.org/fhirpath/#equivalent
func (s *scope) equivalentCollections(l, r Collection) bool {
	if len(l) != len(r) || s.spend(len(l)*len(l)) != nil {
		return false
	}
	used := make([]bool, len(r))
next:
	for _, a := range l {
		for i, b := range r {
			if !used[i] && s.equivalent(a, b) == yes {
				used[i] = true
				continue next
			}
		}
		return false
	}
	return true
}

// equivalent is "~" of two items: yes or no.
func (s *scope) equivalent(a, b Item) tri {
	x, ok1 := a.system()
	y, ok2 := b.system()
	if ok1 && ok2 {
		return triOf(s.equivalentValues(x, y))
	}
	if q, r, ok := s.quantities(a, b); ok {
		return triOf(s.equivalentValues(q, r))
	}
	if ok1 != ok2 {
		return no
	}
	// Without a value there is nothing by which primitives could differ: their ids and extensions do not count here.
	if !a.hasValue() && !b.hasValue() {
		return yes
	}
	return triOf(s.sameElements(a, b, s.equivalent))
}

func (s *scope) equivalentValues(a, b value) bool {
	x, num1 := a.number()
	y, num2 := b.number()
	switch {
	case num1 && num2:
		return equivalentDecimals(x, y)
	case a.kind == Quantity && (b.kind == Quantity || num2), num1 && b.kind == Quantity:
		return equivalentQuantities(a.asQuantity(), b.asQuantity())
	case a.kind == String && b.kind == String:
		return fold(a.s) == fold(b.s)
	}
	return s.equalValues(a, b) == yes
}

// equivalentDecimals compares at the precision of the less precise one, not counting trailing zeros.
func equivalentDecimals(x, y fhir.Decimal) bool {
	places := max(0, min(x.Trim().Scale(), y.Trim().Scale()))
	return x.Round(places).Cmp(y.Round(places)) == 0
}

// fold takes case and the kind of white space out of a string. https://hl7.org/fhirpath/#string-equivalence
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return unicode.ToLower(unicode.ToUpper(r))
	}, s)
}
