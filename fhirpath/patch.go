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
