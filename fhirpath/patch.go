package fhirpath

import (
	"strconv"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// Patch applies a FHIRPath Patch, a Parameters resource whose parameters named "operation" say add, insert, delete,
// replace or move, one after the other. Every byte that no operation touches stays as it is. A Parameters resource that
// is no such patch is Invalid; an operation that finds nothing to work on, or too much, is Unprocessable; either names
// the operation, counted from 1. https://hl7.org/fhir/R4/fhirpatch.html
func Patch(r, parameters *fhir.Resource) (*fhir.Resource, error) {
	if parameters.Type() != "Parameters" {
		return nil, fhir.Errorf(fhir.Invalid, "a FHIRPath Patch is a Parameters resource, not %q", parameters.Type())
	}
	n := 0
	for v := range parameters.Root().Get("parameter").Items() {
		n++
		op, err := readOperation(v)
		if err == nil {
			r, err = op.apply(r)
		}
		if err != nil {
			return nil, fhir.Errorf(fhir.KindOf(err), "operation %d (%s %s): %v", n, op.typ, op.path, err)
		}
	}
	if n == 0 {
		return nil, fhir.Errorf(fhir.Invalid, "the FHIRPath Patch has no operations")
	}
	return r, nil
}

// operation is one parameter of a patch.
type operation struct {
	typ, path, name            string
	value                      fhir.Value // the part named value
	index, source, destination int        // -1 where not given
	expr                       *Expr
}

func readOperation(v fhir.Value) (operation, error) {
	op := operation{index: -1, source: -1, destination: -1}
	if !v.Get("name").Is("operation") {
		return op, fhir.Errorf(fhir.Invalid, "the parameter is called %q, not operation", v.Get("name").Text())
	}
	for part := range v.Get("part").Items() {
		switch name := part.Get("name").Text(); name {
		case "type":
			op.typ = anyText(part)
		case "path":
			op.path = anyText(part)
		case "name":
			op.name = anyText(part)
		case "value":
			op.value = part
		case "index", "source", "destination":
			i, err := strconv.Atoi(anyText(part))
			if err != nil || i < 0 {
				return op, fhir.Errorf(fhir.Invalid, "%s is a whole number from 0", name)
			}
			switch name {
			case "index":
				op.index = i
			case "source":
				op.source = i
			case "destination":
				op.destination = i
			}
		default:
			return op, fhir.Errorf(fhir.Invalid, "there is no part %q", name)
		}
	}
	needs := map[string]bool{"path": op.path != ""}
	switch op.typ {
	case "add":
		needs["name"], needs["value"] = op.name != "", op.value.Exists()
	case "insert":
		needs["index"], needs["value"] = op.index >= 0, op.value.Exists()
	case "replace":
		needs["value"] = op.value.Exists()
	case "move":
		needs["source"], needs["destination"] = op.source >= 0, op.destination >= 0
	case "delete":
	default:
		return op, fhir.Errorf(fhir.Invalid, "the type is one of add, insert, delete, replace and move")
	}
	for _, part := range [...]string{"path", "name", "value", "index", "source", "destination"} {
		if given, needed := needs[part]; needed && !given {
			return op, fhir.Errorf(fhir.Invalid, "the part %s is missing", part)
		}
	}
	var err error
	op.expr, err = Compile(op.path)
	return op, err
}

// anyText is a part's value whatever primitive it was sent as.
func anyText(part fhir.Value) string {
	for name, v := range part.Members() {
		if strings.HasPrefix(name, "value") {
			return v.Text()
		}
	}
	return ""
}

func (op *operation) apply(r *fhir.Resource) (*fhir.Resource, error) {
	found, err := op.expr.Eval(At(r.Root(), ""), nil)
	if err != nil {
		return nil, err
	}
	for _, it := range found {
		if it.Computed() || it.place().Root() != r.Root() {
			return nil, fhir.Errorf(fhir.Unprocessable, "the path must lead to elements of the resource")
		}
	}
	switch op.typ {
	case "insert":
		return op.insert(r, found)
	case "move":
		return op.move(r, found)
	case "delete":
		if len(found) == 0 {
			return r, nil
		}
	}
	if len(found) != 1 {
		return nil, fhir.Errorf(fhir.Unprocessable, "the path must lead to one element, not %d", len(found))
	}
	switch op.typ {
	case "add":
		return op.add(r, found[0])
	case "delete":
		return remove(r, found[0])
	}
	return op.replace(r, found[0])
}

// place is the JSON value of the item, or what stands in for it where it has none.
func (it Item) place() fhir.Value {
	if it.v.Exists() {
		return it.v
	}
	return it.ext
}

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

// add appends an element to a structure.
func (op *operation) add(r *fhir.Resource, to Item) (*fhir.Resource, error) {
	if to.typ == nil {
		return nil, fhir.Errorf(fhir.Unprocessable, "the type of %s is not known", to.Path())
	}
	e, name, c, err := op.content(to.typ, op.name)
	if err != nil {
		return nil, err
	}
	object, pointer := to.v, to.v.Pointer()
	if to.typ.Kind == spec.Primitive {
		if object = to.ext; !object.Exists() {
			return addExtra(r, to, name, c, e.Max != 1)
		}
		pointer = object.Pointer()
	}
	s := slot{object: object, name: name, pointer: pointer}
	if e.Max == 1 {
		if taken := existing(to.typ, object, e); taken != "" {
			return nil, fhir.Errorf(fhir.Unprocessable, "%s is already there: replace it", taken)
		}
		return r.Patch(s.set(c))
	}
	return r.Patch(s.insertAt(c, listLength(object, name)))
}

// existing is the JSON name under which an element that does not repeat is already there.
func existing(t *spec.Type, object fhir.Value, e *spec.Element) string {
	for name := range object.Members() {
		plain := strings.TrimPrefix(name, "_")
		if found, _, ok := t.Child(plain); ok && found == e {
			return plain
		}
	}
	return ""
}

// addExtra gives a primitive without an id or extensions its first.
func addExtra(r *fhir.Resource, to Item, name string, c content, list bool) (*fhir.Resource, error) {
	value := c.value
	if list {
		value = append(append([]byte{'['}, value...), ']')
	}
	object := append(append(append([]byte{'{'}, appendQuoted(nil, name)...), ':'), value...)
	object = append(object, '}')
	s := slotOf(to)
	if s.index < 0 {
		return r.Patch([]fhir.PatchOp{{Op: "add", Path: s.path("_" + s.name), Value: object}})
	}
	return r.Patch(append(s.pad("_"+s.name, listLength(s.object, s.name)), fhir.PatchOp{Op: "replace", Path: s.path("_"+s.name) + "/" + strconv.Itoa(s.index), Value: object}))
}

func listLength(object fhir.Value, name string) int {
	return max(object.Get(name).Len(), object.Get("_"+name).Len())
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

// insert puts an element into a list. Where the list is empty the path itself says which list it is.
func (op *operation) insert(r *fhir.Resource, found Collection) (*fhir.Resource, error) {
	s, owner, err := op.list(r, found)
	if err != nil {
		return nil, err
	}
	length := listLength(s.object, s.name)
	if op.index > length {
		return nil, fhir.Errorf(fhir.Unprocessable, "the index %d is beyond the end of the list of %d", op.index, length)
	}
	e, _, c, err := op.content(owner, s.name)
	if err != nil {
		return nil, err
	}
	if e.Max == 1 {
		return nil, fhir.Errorf(fhir.Unprocessable, "%s does not repeat", e.Path)
	}
	return r.Patch(s.insertAt(c, op.index))
}

// list is the one list all items stand in.
func (op *operation) list(r *fhir.Resource, found Collection) (slot, *spec.Type, error) {
	m, ok := op.expr.root.(*member)
	if !ok || m.isType && m.names(At(r.Root(), "")) {
		return slot{}, nil, fhir.Errorf(fhir.Unprocessable, "the path must end in the name of a list")
	}
	owners := Collection{At(r.Root(), "")}
	if m.input != nil {
		var err error
		if owners, err = m.input.eval(newScope(op.expr, owners[0], nil)); err != nil {
			return slot{}, nil, err
		}
	}
	if len(owners) != 1 || owners[0].typ == nil || owners[0].v.Kind() != fhir.Object {
		return slot{}, nil, fhir.Errorf(fhir.Unprocessable, "the list must belong to one element, not %d", len(owners))
	}
	s := slot{object: owners[0].v, name: m.name, pointer: owners[0].v.Pointer()}
	if len(found) > 0 {
		s = slotOf(found[0])
	}
	return s, owners[0].typ, nil
}

func (op *operation) move(r *fhir.Resource, found Collection) (*fhir.Resource, error) {
	s, _, err := op.list(r, found)
	if err != nil {
		return nil, err
	}
	length := listLength(s.object, s.name)
	if op.source >= length || op.destination >= length {
		return nil, fhir.Errorf(fhir.Unprocessable, "source %d and destination %d must be within the list of %d", op.source, op.destination, length)
	}
	var ops []fhir.PatchOp
	for _, name := range [...]string{s.name, "_" + s.name} {
		if s.object.Get(name).Exists() {
			ops = append(append(ops, s.pad(name, length)...), fhir.PatchOp{Op: "move", From: s.path(name) + "/" + strconv.Itoa(op.source),
				Path: s.path(name) + "/" + strconv.Itoa(op.destination)})
		}
	}
	return r.Patch(ops)
}

// remove takes an element out, and the list with the last of it, since FHIR has no empty lists.
func remove(r *fhir.Resource, it Item) (*fhir.Resource, error) {
	if !it.place().Parent().Exists() {
		return nil, fhir.Errorf(fhir.Unprocessable, "the whole resource cannot be deleted by a patch")
	}
	s := slotOf(it)
	var ops []fhir.PatchOp
	for _, name := range [...]string{s.name, "_" + s.name} {
		v := s.object.Get(name)
		switch {
		case !v.Exists():
		case s.index < 0 || !othersIn(v, s.index):
			ops = append(ops, fhir.PatchOp{Op: "remove", Path: s.path(name)})
		case s.index < v.Len():
			ops = append(ops, fhir.PatchOp{Op: "remove", Path: s.path(name) + "/" + strconv.Itoa(s.index)})
		}
	}
	return r.Patch(ops)
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

// replace puts a new value where the old one is; a choice may change its type with it.
func (op *operation) replace(r *fhir.Resource, it Item) (*fhir.Resource, error) {
	if !it.place().Parent().Exists() {
		return nil, fhir.Errorf(fhir.Unprocessable, "the whole resource cannot be replaced by a patch")
	}
	s := slotOf(it)
	owner := typeAt(At(r.Root(), ""), s.object)
	if owner == nil {
		return nil, fhir.Errorf(fhir.Unprocessable, "the type of what holds %s is not known", it.Path())
	}
	_, name, c, err := op.content(owner, s.name)
	if err != nil {
		return nil, err
	}
	if s.index >= 0 {
		return op.replaceInList(r, s, c)
	}
	var ops []fhir.PatchOp
	if name == s.name && c.value != nil && it.v.Exists() {
		ops = append(ops, fhir.PatchOp{Op: "replace", Path: s.path(name), Value: c.value})
		if s.object.Get("_" + s.name).Exists() {
			ops = append(ops, fhir.PatchOp{Op: "remove", Path: s.path("_" + s.name)})
		}
		return r.Patch(append(ops, slot{s.object, name, -1, s.pointer}.set(content{extra: c.extra})...))
	}
	for _, old := range [...]string{s.name, "_" + s.name} {
		if s.object.Get(old).Exists() {
			ops = append(ops, fhir.PatchOp{Op: "remove", Path: s.path(old)})
		}
	}
	return r.Patch(append(ops, slot{s.object, name, -1, s.pointer}.set(c)...))
}

func (op *operation) replaceInList(r *fhir.Resource, s slot, c content) (*fhir.Resource, error) {
	at := "/" + strconv.Itoa(s.index)
	ops := append(s.pad(s.name, s.index+1), fhir.PatchOp{Op: "replace", Path: s.path(s.name) + at, Value: orNull(c.value)})
	if extras := s.object.Get("_" + s.name); extras.Exists() || c.extra != nil {
		ops = append(append(ops, s.pad("_"+s.name, s.index+1)...), fhir.PatchOp{Op: "replace", Path: s.path("_"+s.name) + at, Value: orNull(c.extra)})
	}
	return r.Patch(ops)
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

// content makes the value for an element of a type: its JSON name, which of a choice depends on the value, and its JSON.
func (op *operation) content(owner *spec.Type, name string) (*spec.Element, string, content, error) {
	e := owner.Element(name)
	if e == nil {
		found, _, ok := owner.Child(name)
		if !ok {
			return nil, "", content{}, fhir.Errorf(fhir.Unprocessable, "%s has no element %q", owner.Name, name)
		}
		e = found
	}
	c, typ, err := partValue(op.value, elementType(e))
	if err != nil {
		return nil, "", content{}, err
	}
	if e.Choice {
		for _, ref := range e.Types {
			if ref.Code == typ {
				return e, e.Name + strings.ToUpper(typ[:1]) + typ[1:], c, nil
			}
		}
		return nil, "", content{}, fhir.Errorf(fhir.Unprocessable, "%s cannot be a %s", e.Path, typ)
	}
	if !fits(e, typ) {
		return nil, "", content{}, fhir.Errorf(fhir.Unprocessable, "%s cannot be a %s", e.Path, typ)
	}
	return e, e.Name, c, nil
}

// elementType is the type in which an element's own elements are found, nil for a choice.
func elementType(e *spec.Element) *spec.Type {
	switch {
	case e.Choice:
		return nil
	case e.Content != "":
		return spec.TypeOf(e.Content)
	}
	if t := spec.TypeOf(e.Path); t != nil {
		return t
	}
	return spec.TypeOf(e.Types[0].Code)
}

// fits reports whether a value of a type may stand for an element. Primitives are taken from any type of the same JSON
// kind, since Parameters cannot always name the exact one; "" is a structure given by its parts.
func fits(e *spec.Element, typ string) bool {
	want := elementType(e)
	got := spec.TypeOf(typ)
	switch {
	case want == nil:
		return false
	case typ == "":
		return want.Kind != spec.Primitive
	case got == nil:
		return false
	case want.Kind == spec.Primitive:
		return got.Kind == spec.Primitive && jsonShape(primitiveKind(want.Name)) == jsonShape(primitiveKind(got.Name))
	}
	return got.Is(want.Name) || want.Name == "Resource" && got.Kind == spec.ResourceType || want.Is(got.Name)
}

func jsonShape(k Kind) Kind {
	switch k {
	case Boolean:
		return Boolean
	case Integer, Decimal:
		return Decimal
	}
	return String
}

// partValue reads a part's value: value[x], a resource, or parts of its own for a structure without a name.
func partValue(part fhir.Value, typ *spec.Type) (content, string, error) {
	var c content
	name := ""
	for member, v := range part.Members() {
		after, isValue := strings.CutPrefix(member, "value")
		under, isExtra := strings.CutPrefix(member, "_value")
		switch {
		case isValue && after != "":
			c.value, name = v.Raw(), typeNamed(after)
		case isExtra && under != "":
			c.extra, name = v.Raw(), typeNamed(under)
		case member == "resource":
			c.value, name = v.Raw(), v.Get("resourceType").Text()
		case member == "part":
			object, err := partsObject(v, typ)
			return content{value: object}, "", err
		}
	}
	if c.value == nil && c.extra == nil {
		return c, "", fhir.Errorf(fhir.Invalid, "the value is missing")
	}
	return c, name, nil
}

// typeNamed turns the end of valueDateTime into dateTime, of valueHumanName into HumanName.
func typeNamed(s string) string {
	if spec.TypeOf(s) != nil {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// partsObject builds a structure from parts; parts of one name make a list where the element repeats.
func partsObject(parts fhir.Value, typ *spec.Type) ([]byte, error) {
	if typ == nil {
		return nil, fhir.Errorf(fhir.Unprocessable, "a choice needs a value of a named type, not parts")
	}
	b := []byte{'{'}
	done := map[string]bool{}
	for part := range parts.Items() {
		name := part.Get("name").Text()
		if name == "" {
			return nil, fhir.Errorf(fhir.Invalid, "a part has no name")
		}
		if done[name] {
			continue
		}
		done[name] = true
		var same []fhir.Value
		for p := range parts.Items() {
			if p.Get("name").Is(name) {
				same = append(same, p)
			}
		}
		var err error
		if b, err = appendParts(b, typ, name, same); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func appendParts(b []byte, typ *spec.Type, name string, parts []fhir.Value) ([]byte, error) {
	var values, extras [][]byte
	var e *spec.Element
	hasValue, hasExtra := false, false
	for _, part := range parts {
		op := operation{value: part}
		found, jsonName, c, err := op.content(typ, name)
		if err != nil {
			return nil, err
		}
		e, name = found, jsonName
		hasValue, hasExtra = hasValue || c.value != nil, hasExtra || c.extra != nil
		values, extras = append(values, orNull(c.value)), append(extras, orNull(c.extra))
	}
	if e.Max == 1 && len(parts) > 1 {
		return nil, fhir.Errorf(fhir.Unprocessable, "%s does not repeat", e.Path)
	}
	if hasValue {
		b = appendValues(b, name, values, e.Max != 1)
	}
	if hasExtra {
		b = appendValues(b, "_"+name, extras, e.Max != 1)
	}
	return b, nil
}

func appendValues(b []byte, name string, values [][]byte, list bool) []byte {
	if len(b) > 1 {
		b = append(b, ',')
	}
	b = append(appendQuoted(b, name), ':')
	if list {
		b = append(b, '[')
	}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, v...)
	}
	if list {
		b = append(b, ']')
	}
	return b
}
