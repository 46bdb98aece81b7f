package fhir

import (
	"bytes"
	"strconv"
	"strings"
)

// PatchOp is one operation of a JSON Patch. https://www.rfc-editor.org/rfc/rfc6902#section-4
type PatchOp struct {
	Op    string // add, remove, replace, move, copy, test
	Path  string // JSON Pointer
	From  string // JSON Pointer, of move and copy
	Value []byte // JSON, of add, replace and test
}

// ParseJSONPatch reads a JSON Patch document; errors are Invalid.
func ParseJSONPatch(data []byte) ([]PatchOp, error) {
	r, err := Parse(append(append([]byte(`{"patch":`), data...), '}'))
	if err != nil {
		return nil, Errorf(Invalid, "the JSON Patch is not JSON: %v", err)
	}
	list := r.Root().Get("patch")
	if list.Kind() != Array || r.Root().Len() != 1 {
		return nil, Errorf(Invalid, "a JSON Patch is an array of operations")
	}
	var ops []PatchOp
	for v := range list.Items() {
		op, err := readOp(v)
		if err != nil {
			return nil, Errorf(Invalid, "JSON Patch operation %d: %v", len(ops)+1, err)
		}
		ops = append(ops, op)
	}
	return ops, nil
}

func readOp(v Value) (PatchOp, error) {
	op := PatchOp{Op: v.Get("op").Text(), Path: v.Get("path").Text(), From: v.Get("from").Text(), Value: v.Get("value").Raw()}
	needsFrom, needsValue := false, false
	switch op.Op {
	case "remove":
	case "add", "replace", "test":
		needsValue = true
	case "move", "copy":
		needsFrom = true
	default:
		return op, Errorf(Invalid, "op is one of add, remove, replace, move, copy and test, not %q", shorten(op.Op))
	}
	switch {
	case v.Get("path").Kind() != String || !isPointer(op.Path):
		return op, Errorf(Invalid, "path is missing or no JSON Pointer")
	case needsFrom && (v.Get("from").Kind() != String || !isPointer(op.From)):
		return op, Errorf(Invalid, "from is missing or no JSON Pointer")
	case needsValue && !v.Get("value").Exists():
		return op, Errorf(Invalid, "value is missing")
	}
	return op, nil
}

func isPointer(s string) bool {
	if s == "" {
		return true
	}
	if s[0] != '/' {
		return false
	}
	for i := strings.IndexByte(s, '~'); i >= 0; {
		if i+1 >= len(s) || s[i+1] != '0' && s[i+1] != '1' {
			return false
		}
		next := strings.IndexByte(s[i+1:], '~')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return true
}

// Patch applies the operations one after the other and gives the new resource; r stays as it is, and so does every byte
// that no operation touches. A test that fails is a Conflict; an operation that has nothing to work on is Unprocessable.
// Either names the operation, counted from 1, and its path, and then nothing is applied.
func (r *Resource) Patch(ops []PatchOp) (*Resource, error) {
	work := 0
	for i, op := range ops {
		data, err := r.apply(op)
		if err == nil && data != nil {
			if work += len(data); work > maxPatchWork {
				return nil, Errorf(TooLarge, "operation %d (%s %s): the patch makes more work than is allowed", i+1, op.Op, op.Path)
			}
			r, err = Parse(data)
		}
		if err != nil {
			return nil, Errorf(KindOf(err), "operation %d (%s %s): %v", i+1, op.Op, op.Path, err)
		}
	}
	return r, nil
}

// maxPatchWork is how many bytes the operations of a patch may write in all: a resource of 10 kB takes 6,000 of them.
// Copies can double a resource with every operation, and this keeps a small patch from filling the memory.
const maxPatchWork = 64 << 20

// apply gives the bytes after one operation, nil where it changes nothing.
func (r *Resource) apply(op PatchOp) ([]byte, error) {
	switch op.Op {
	case "add":
		return r.add(op.Path, op.Value)
	case "remove":
		v, err := r.at(op.Path)
		if err != nil {
			return nil, err
		}
		return r.remove(v)
	case "replace":
		v, err := r.at(op.Path)
		if err != nil {
			return nil, err
		}
		return r.splice(v.start(), v.End(), op.Value), nil
	case "move":
		return r.move(op)
	case "copy":
		v, err := r.at(op.From)
		if err != nil {
			return nil, err
		}
		return r.add(op.Path, v.Raw())
	case "test":
		return nil, r.test(op)
	}
	return nil, Errorf(Invalid, "there is no such operation")
}

func (r *Resource) move(op PatchOp) ([]byte, error) {
	v, err := r.at(op.From)
	if err != nil {
		return nil, err
	}
	if op.From == op.Path {
		return nil, nil
	}
	if strings.HasPrefix(op.Path, op.From+"/") {
		return nil, Errorf(Unprocessable, "%s cannot be moved into itself", op.From)
	}
	data, err := r.remove(v)
	if err != nil {
		return nil, err
	}
	without, err := Parse(data)
	if err != nil {
		return nil, err
	}
	return without.add(op.Path, v.Raw())
}

func (r *Resource) test(op PatchOp) error {
	v, err := r.at(op.Path)
	if err != nil {
		return Errorf(Conflict, "%v", err)
	}
	want, err := Parse(append(append([]byte(`{"v":`), op.Value...), '}'))
	if err != nil {
		return err
	}
	if !equalJSON(v, want.Root().Get("v")) {
		return Errorf(Conflict, "the value is %s, not %s", shorten(string(v.Raw())), shorten(string(op.Value)))
	}
	return nil
}

// equalJSON compares by RFC 6902 section 4.6: numbers as numbers, members in any order.
func equalJSON(v, w Value) bool {
	if v.Kind() != w.Kind() {
		return false
	}
	switch v.Kind() {
	case String:
		return v.Text() == w.Text()
	case Number:
		d, err1 := ParseDecimal(v.Raw())
		e, err2 := ParseDecimal(w.Raw())
		if err1 != nil || err2 != nil {
			return bytes.Equal(v.Raw(), w.Raw())
		}
		return d.Cmp(e) == 0
	case Object:
		for name, m := range v.Members() {
			if !equalJSON(m, w.Get(name)) {
				return false
			}
		}
		return v.Len() == w.Len()
	case Array:
		x, y := v.First(), w.First()
		for x.Exists() && y.Exists() && equalJSON(x, y) {
			x, y = x.Next(), y.Next()
		}
		return !x.Exists() && !y.Exists()
	}
	return true
}

// at finds what a JSON Pointer points to. https://www.rfc-editor.org/rfc/rfc6901
func (r *Resource) at(pointer string) (Value, error) {
	v := r.Root()
	for rest := pointer; rest != ""; {
		var name string
		name, rest = cutPointer(rest)
		next := v.Get(name)
		if v.Kind() == Array {
			if i, ok := arrayIndex(name); ok {
				next = v.item(i)
			}
		}
		if !next.Exists() {
			return Value{}, Errorf(Unprocessable, "there is nothing at %s", pointer[:len(pointer)-len(rest)])
		}
		v = next
	}
	return v, nil
}

// cutPointer takes the first name off a JSON Pointer.
func cutPointer(s string) (name, rest string) {
	name = s[1:]
	if i := strings.IndexByte(name, '/'); i >= 0 {
		name, rest = name[:i], name[i:]
	}
	return strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~"), rest
}

func arrayIndex(s string) (int, bool) {
	if len(s) > 1 && s[0] == '0' || len(s) > 9 || s == "" || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	i, err := strconv.Atoi(s)
	return i, err == nil
}

func (v Value) item(i int) Value {
	e := v.First()
	for ; i > 0 && e.Exists(); i-- {
		e = e.Next()
	}
	return e
}

// add adds or replaces a member, or inserts an element before the one at an index.
func (r *Resource) add(pointer string, value []byte) ([]byte, error) {
	if pointer == "" {
		return value, nil
	}
	slash := strings.LastIndexByte(pointer, '/')
	parent, err := r.at(pointer[:slash])
	if err != nil {
		return nil, err
	}
	name, _ := cutPointer(pointer[slash:])
	switch parent.Kind() {
	case Object:
		if v := parent.Get(name); v.Exists() {
			return r.splice(v.start(), v.End(), value), nil
		}
		member := append(append(appendJSONString(nil, name), ':'), value...)
		return r.insert(parent, parent.Len(), member), nil
	case Array:
		length := parent.Len()
		i, ok := arrayIndex(name)
		if name == "-" {
			i, ok = length, true
		}
		if !ok || i > length {
			return nil, Errorf(Unprocessable, "%q is no place in an array of %d", name, length)
		}
		return r.insert(parent, i, value), nil
	}
	return nil, Errorf(Unprocessable, "%s is neither an object nor an array", pointer[:slash])
}

// insert puts a member or element before the one at i, or at the end.
func (r *Resource) insert(parent Value, i int, what []byte) []byte {
	length := parent.Len()
	switch {
	case length == 0:
		at := parent.start() + 1
		return r.splice(at, at, what)
	case i == length:
		at := parent.item(i - 1).End()
		return r.splice(at, at, append([]byte{','}, what...))
	}
	at := parent.item(i).start()
	return r.splice(at, at, append(what[:len(what):len(what)], ','))
}

// remove takes out a member or element and the comma that goes with it.
func (r *Resource) remove(v Value) ([]byte, error) {
	parent := v.Parent()
	if !parent.Exists() {
		return nil, Errorf(Unprocessable, "the whole resource cannot be removed")
	}
	from, to := v.memberStart(), v.End()
	if next := v.Next(); next.Exists() {
		to = next.memberStart()
	} else if parent.First() != v {
		before := parent.First()
		for before.Next() != v {
			before = before.Next()
		}
		from = before.End()
	}
	return r.splice(from, to, nil), nil
}

func (v Value) start() int { return int(v.node().start) }

// memberStart is where a member begins with its name, or an element with its value.
func (v Value) memberStart() int {
	at := v.start()
	if len(v.RawName()) == 0 && v.Parent().Kind() != Object {
		return at
	}
	data := v.r.data
	at--
	for data[at] != ':' {
		at--
	}
	for data[at] != '"' {
		at--
	}
	return at - len(v.RawName()) - 1
}

// splice replaces a part of the resource's own bytes.
func (r *Resource) splice(from, to int, with []byte) []byte {
	root := r.Root()
	return Splice(r.data[root.start():root.End()], []Edit{{from - root.start(), to - root.start(), with}})
}

// Pointer is where v stands in its resource, as a JSON Pointer.
func (v Value) Pointer() string {
	if v.r == nil {
		return ""
	}
	var b []byte
	for at := v.Root(); at != v; {
		child := at.holding(v)
		b = append(b, '/')
		if at.Kind() == Array {
			i := 0
			for c := at.First(); c != child; c = c.Next() {
				i++
			}
			b = strconv.AppendInt(b, int64(i), 10)
		} else {
			b = append(b, PointerName(child.Name())...)
		}
		at = child
	}
	return string(b)
}

// PointerName is a member's name as a JSON Pointer writes it.
func PointerName(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// appendJSONString appends s as a JSON string.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			const hex = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
