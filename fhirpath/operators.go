package fhirpath

import (
	"slices"
	"strings"

	"github.com/kith-care/kith/fhir"
)

// tri is true, false or not known. https://hl7.org/fhirpath/#boolean-logic
type tri uint8

const (
	empty tri = iota
	no
	yes
)

func (t tri) items() Collection {
	if t == empty {
		return nil
	}
	return truth(t == yes)
}

func triOf(b bool) tri {
	if b {
		return yes
	}
	return no
}

func (t tri) not() tri {
	switch t {
	case yes:
		return no
	case no:
		return yes
	}
	return empty
}

// truthOf reads a collection where a boolean is needed: a single item that is no boolean counts as true.
func truthOf(c Collection) (tri, error) {
	switch len(c) {
	case 0:
		return empty, nil
	case 1:
		if v, ok := c[0].system(); ok && v.kind == Boolean {
			return triOf(v.n != 0), nil
		}
		if !c[0].hasValue() {
			return empty, nil
		}
		return yes, nil
	}
	return empty, fhir.Errorf(fhir.Unprocessable, "FHIRPath: true or false is needed, not %d items", len(c))
}

// literal is a fixed value; the empty collection is one, too.
type literal struct{ value Collection }

func (n *literal) eval(*scope) (Collection, error) { return n.value, nil }

// special is $this, $index or $total.
type special struct{ name string }

func (n *special) eval(s *scope) (Collection, error) {
	switch n.name {
	case "$index":
		return Collection{integer(int64(s.index))}, nil
	case "$total":
		return s.total, nil
	}
	return s.this, nil
}

// variable is %name.
type variable struct{ name string }

func (n *variable) eval(s *scope) (Collection, error) {
	for b := s.vars; b != nil; b = b.next {
		if b.name == n.name {
			return b.value, nil
		}
	}
	if v, ok := s.env.Vars[n.name]; ok {
		return v, nil
	}
	switch n.name {
	case "context":
		return Collection{s.on}, nil
	case "resource":
		return one(s.item(s.resource()), s.resource().Exists()), nil
	case "rootResource":
		return one(s.item(s.root()), s.root().Exists()), nil
	case "ucum":
		return Collection{text("http://unitsofmeasure.org")}, nil
	case "sct":
		return Collection{text("http://snomed.info/sct")}, nil
	case "loinc":
		return Collection{text("http://loinc.org")}, nil
	}
	if name, ok := strings.CutPrefix(n.name, "vs-"); ok {
		return Collection{text("http://hl7.org/fhir/ValueSet/" + name)}, nil
	}
	if name, ok := strings.CutPrefix(n.name, "ext-"); ok {
		return Collection{text("http://hl7.org/fhir/StructureDefinition/" + name)}, nil
	}
	return nil, s.fail("there is no variable %%%s", n.name)
}

// indexer is input[index].
type indexer struct{ input, index node }

func (n *indexer) eval(s *scope) (Collection, error) {
	in, err := n.input.eval(s)
	if err != nil {
		return nil, err
	}
	index, err := n.index.eval(s.fork())
	if err != nil || len(index) == 0 {
		return nil, err
	}
	i, err := s.wholeNumber(index, "an index")
	if err != nil || i < 0 || i >= int64(len(in)) {
		return nil, err
	}
	return Collection{in[i]}, nil
}

// wholeNumber reads a single Integer.
func (s *scope) wholeNumber(c Collection, what string) (int64, error) {
	if len(c) == 1 {
		if v, ok := c[0].system(); ok && (v.kind == Integer || v.kind == Long) {
			return v.n, nil
		}
	}
	return 0, s.fail("%s must be a single whole number, not %s", what, describe(c))
}

// describe names a collection in an error.
func describe(c Collection) string {
	switch len(c) {
	case 0:
		return "nothing"
	case 1:
		return c[0].Type()
	}
	return "several items"
}

type polarity struct {
	operand node
	minus   bool
}

func (n *polarity) eval(s *scope) (Collection, error) {
	c, err := n.operand.eval(s)
	if err != nil || len(c) == 0 {
		return nil, err
	}
	v, ok, err := s.single(c, "a sign")
	if err != nil || !ok {
		return nil, err
	}
	switch v.kind {
	case Integer, Long:
		if n.minus {
			v.n = -v.n
		}
	case Decimal, Quantity:
		if n.minus {
			v.d = v.d.Neg()
		}
	default:
		return nil, s.fail("a sign needs a number, not %s", describe(c))
	}
	return Collection{computed(v)}, nil
}

// single reads an operand that must be one value; not ok where it is empty or an element without a value.
func (s *scope) single(c Collection, what string) (value, bool, error) {
	switch len(c) {
	case 0:
		return value{}, false, nil
	case 1:
		if v, ok := c[0].system(); ok {
			return v, true, nil
		}
		if q, ok, err := s.quantity(c[0]); ok || err != nil {
			return q, ok, err
		}
		if !c[0].hasValue() {
			return value{}, false, nil
		}
		return value{}, false, s.fail("%s cannot work with %s", what, c[0].Type())
	}
	return value{}, false, s.fail("%s takes a single item, not %d", what, len(c))
}

func newBinary(op string, left, right node) node {
	switch op {
	case "and", "or", "xor", "implies":
		return &logic{op, left, right}
	case "|":
		return &union{left, right}
	case "=", "!=", "~", "!~":
		return &equality{op, left, right}
	case "<", "<=", ">", ">=":
		return &comparison{op, left, right}
	case "in":
		return &membership{left, right, op}
	case "contains":
		return &membership{right, left, op}
	}
	return &arithmetic{op, left, right}
}

// both evaluates two operands, each in a scope of its own.
func (s *scope) both(left, right node) (l, r Collection, err error) {
	if l, err = left.eval(s.fork()); err != nil {
		return nil, nil, err
	}
	r, err = right.eval(s.fork())
	return l, r, err
}

type logic struct {
	op          string
	left, right node
}

func (n *logic) eval(s *scope) (Collection, error) {
	l, err := n.left.eval(s.fork())
	if err != nil {
		return nil, err
	}
	a, err := truthOf(l)
	if err != nil {
		return nil, err
	}
	switch {
	case n.op == "and" && a == no, n.op == "or" && a == yes, n.op == "implies" && a == no:
		return truth(n.op != "and"), nil
	}
	r, err := n.right.eval(s.fork())
	if err != nil {
		return nil, err
	}
	b, err := truthOf(r)
	if err != nil {
		return nil, err
	}
	return combine(n.op, a, b).items(), nil
}

func combine(op string, a, b tri) tri {
	switch op {
	case "and":
		if a == no || b == no {
			return no
		}
		if a == yes && b == yes {
			return yes
		}
	case "or":
		if a == yes || b == yes {
			return yes
		}
		if a == no && b == no {
			return no
		}
	case "xor":
		if a != empty && b != empty {
			return triOf(a != b)
		}
	case "implies":
		return combine("or", a.not(), b)
	}
	return empty
}

type union struct{ left, right node }

func (n *union) eval(s *scope) (Collection, error) {
	l, r, err := s.both(n.left, n.right)
	if err != nil {
		return nil, err
	}
	return s.distinct(slices.Concat(l, r))
}

type membership struct {
	item, list node
	op         string
}

func (n *membership) eval(s *scope) (Collection, error) {
	item, list, err := s.both(n.item, n.list)
	if err != nil || len(item) == 0 {
		return nil, err
	}
	if len(item) > 1 {
		return nil, s.fail("%q takes a single item, not %d", n.op, len(item))
	}
	found, err := s.holds(list, item[0])
	return truth(found), err
}

// holds reports whether a collection has an item equal to it.
func (s *scope) holds(list Collection, it Item) (bool, error) {
	for i, other := range list {
		if s.equal(other, it) == yes {
			return true, s.spend(i + 1)
		}
	}
	return false, s.spend(len(list))
}

// distinct keeps the first of equal items. Beyond a handful, items that cannot be equal are told apart by a key.
func (s *scope) distinct(in Collection) (Collection, error) {
	if len(in) < 2 {
		return in, nil
	}
	if err := s.spend(len(in)); err != nil {
		return nil, err
	}
	out := make(Collection, 0, len(in))
	seen := map[string]Collection{}
	for _, it := range in {
		key := ""
		if len(in) > 8 {
			key = equalityKey(it)
		}
		found, err := s.holds(seen[key], it)
		if err != nil {
			return nil, err
		}
		if !found {
			out = append(out, it)
			seen[key] = append(seen[key], it)
		}
	}
	return out, nil
}

// equalityKey is the same for equal items; unequal ones may share it.
func equalityKey(it Item) string {
	v, ok := it.system()
	if !ok {
		return "element"
	}
	switch v.kind {
	case String:
		return "s" + v.s
	case Integer, Long, Decimal:
		d, _ := v.number()
		return "n" + d.Trim().String()
	}
	return v.kind.String()
}

type comparison struct {
	op          string
	left, right node
}

func (n *comparison) eval(s *scope) (Collection, error) {
	l, r, err := s.both(n.left, n.right)
	if err != nil {
		return nil, err
	}
	if len(l) > 1 || len(r) > 1 {
		return nil, s.fail("%q compares single items, not %d and %d", n.op, len(l), len(r))
	}
	a, ok1, err := s.single(l, "\""+n.op+"\"")
	if err != nil {
		return nil, err
	}
	b, ok2, err := s.single(r, "\""+n.op+"\"")
	if err != nil || !ok1 || !ok2 {
		return nil, err
	}
	order, known, ok := s.compare(a, b)
	if !ok {
		return nil, s.fail("%q cannot compare %s with %s", n.op, a.kind, b.kind)
	}
	if !known {
		return nil, nil
	}
	switch n.op {
	case "<":
		return truth(order < 0), nil
	case "<=":
		return truth(order <= 0), nil
	case ">":
		return truth(order > 0), nil
	}
	return truth(order >= 0), nil
}

// compare orders two values; not known where precision or units leave it open, not ok where the types differ.
func (s *scope) compare(a, b value) (order int, known, ok bool) {
	x, num1 := a.number()
	y, num2 := b.number()
	switch {
	case num1 && num2:
		return x.Cmp(y), true, true
	case a.kind == Quantity && (b.kind == Quantity || num2), num1 && b.kind == Quantity:
		order, known = compareQuantities(a.asQuantity(), b.asQuantity())
		return order, known, true
	case a.kind == String && b.kind == String:
		return strings.Compare(a.s, b.s), true, true
	case a.kind == Time && b.kind == Time, a.isMoment() && b.isMoment():
		order, known = compareMoments(a, b, s.env.Zone)
		return order, known, true
	}
	// A FHIR date or time reaches a literal as the other's kind only through text.
	if a.kind == String && (b.isMoment() || b.kind == Time) {
		a = readString(b.kind, a.s)
	} else if b.kind == String && (a.isMoment() || a.kind == Time) {
		b = readString(a.kind, b.s)
	} else {
		return 0, false, false
	}
	if a.kind == String || b.kind == String {
		return 0, false, false
	}
	return s.compare(a, b)
}

func (v value) isMoment() bool { return v.kind == Date || v.kind == DateTime }
