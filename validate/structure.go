package validate

import (
	"bytes"
	"fmt"
	"strings"
	"sync"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// Structure checks a resource against the definitions of R4, without evaluating expressions or asking the record. For a
// resource of 700 bytes it costs a few microseconds.
func Structure(res *fhir.Resource) []Issue {
	w := walkers.Get().(*walker)
	defer walkers.Put(w)
	*w = walker{trail: w.trail[:0]}
	w.resource(res.Root(), nil)
	return w.issues
}

var walkers = sync.Pool{New: func() any { return &walker{trail: make([]step, 0, 64)} }}

// walker goes through a resource once.
type walker struct {
	root   string // type of the outermost resource
	trail  []step
	issues []Issue
	// container is the resource whose contained ones a #reference means: the outermost, or the entry of a Bundle.
	container fhir.Value
	// inContained is set inside a contained resource.
	inContained bool
}

// resource checks a resource, which stands as el in another or is the outermost.
func (w *walker) resource(v fhir.Value, el *spec.Element) {
	if v.Kind() != fhir.Object {
		w.fail("structure", "a resource must stand here")
		return
	}
	name := v.Get("resourceType")
	if len(w.trail) == 0 {
		w.root = name.Text()
	}
	if name.Kind() != fhir.String {
		w.fail("structure", "resourceType is missing")
		return
	}
	t := resourceType(name)
	if t == nil {
		w.fail("structure", "R4 has no resource type %q", name.Text())
		return
	}
	before := *w
	contained := el != nil && el.Name == "contained"
	if contained {
		w.contained(v)
	} else {
		w.container, w.inContained = v, false
	}
	w.object(v, t)
	w.container, w.inContained = before.container, before.inContained
}

// resourceType finds the concrete type that name, a string, names.
func resourceType(name fhir.Value) *spec.Type {
	raw := name.Raw()
	t := spec.TypeOf(string(raw[1 : len(raw)-1]))
	if t == nil || t.ID == 0 {
		return nil
	}
	return t
}

// contained checks dom-2, dom-4, dom-5 and that a contained resource can be referred to.
// https://hl7.org/fhir/R4/references.html#contained
func (w *walker) contained(v fhir.Value) {
	meta := v.Get("meta")
	switch {
	case w.inContained || v.Get("contained").Exists():
		w.failKey("dom-2", "a contained resource may not contain others")
	case meta.Get("versionId").Exists() || meta.Get("lastUpdated").Exists():
		w.failKey("dom-4", "a contained resource has no version of its own: meta.versionId and meta.lastUpdated may not stand in it")
	case meta.Get("security").Exists():
		w.failKey("dom-5", "a contained resource may not have security labels of its own")
	case !v.Get("id").Exists():
		w.fail("required", "a contained resource needs an id to be referred to")
	}
	w.inContained = true
}

// seen notes the elements an object has, by their place in its type.
type seen [3]uint64

func (s *seen) has(order int) bool { return s[order>>6]&(1<<(order&63)) != 0 }
func (s *seen) set(order int)      { s[order>>6] |= 1 << (order & 63) }

// object checks the members of an object of type t. A primitive's _member is an object too.
func (w *walker) object(v fhir.Value, t *spec.Type) {
	var values, extras seen
	isResource := t.Kind == spec.ResourceType
	first := v.First()
	if !first.Exists() {
		w.fail("structure", "an object may not be empty")
		return
	}
	for m := first; m.Exists(); m = m.Next() {
		name := m.RawName()
		if isResource && string(name) == "resourceType" {
			continue
		}
		extra := len(name) > 0 && name[0] == '_'
		if extra {
			name = name[1:]
		}
		el, child, ok := t.ChildType(string(name))
		if !ok || extra && (child == nil || child.Kind != spec.Primitive || el.XHTML) {
			w.unknown(m, t)
			continue
		}
		of := &values
		if extra {
			of = &extras
		}
		s := step{el: el, index: -1}
		if el.Choice {
			s.typ = child.Name
			if of.has(el.Order) || values.has(el.Order) && !v.Get(string(name)).Exists() {
				w.trail = append(w.trail, step{el: el, index: -1})
				w.fail("structure", "%s may have one type only, and has two", el.Path)
				w.trail = w.trail[:len(w.trail)-1]
			}
		}
		of.set(el.Order)
		w.trail = append(w.trail, s)
		w.member(v, m, el, child, extra)
		w.trail = w.trail[:len(w.trail)-1]
	}
	for _, order := range t.Required {
		if !values.has(order) && !extras.has(order) {
			el := &t.Elements[order]
			w.trail = append(w.trail, step{el: el, index: -1})
			w.fail("required", "%s must have %s", t.Name, el.Name)
			w.trail = w.trail[:len(w.trail)-1]
		}
	}
	switch t.Name {
	case "Extension":
		w.extension(v)
	case "Reference":
		w.reference(v)
	}
}

// unknown reports a member R4 does not have, with what may have been meant.
func (w *walker) unknown(m fhir.Value, t *spec.Type) {
	name := m.Name()
	w.trail = append(w.trail, step{name: name, index: -1})
	defer func() { w.trail = w.trail[:len(w.trail)-1] }()
	if el := t.Element(name); el != nil && el.Choice {
		w.fail("structure", "%s must say its type in its name, such as %s%s", name, name, upperFirst(el.Types[0].Code))
		return
	}
	w.fail("structure", "%s has no element %s", t.Name, name)
}

func upperFirst(s string) string { return string(s[0]&^0x20) + s[1:] }

// member checks one member: an array where the element repeats, else one value.
func (w *walker) member(owner, m fhir.Value, el *spec.Element, t *spec.Type, extra bool) {
	isArray := m.Kind() == fhir.Array
	if el.Max == 1 {
		if isArray {
			w.fail("structure", "%s stands once; an array may not stand here", el.Path)
			return
		}
		w.value(m, el, t, extra)
		return
	}
	if !isArray {
		w.fail("structure", "%s may repeat and must be an array", el.Path)
		return
	}
	last := len(w.trail) - 1
	i := 0
	for item := m.First(); item.Exists(); item = item.Next() {
		w.trail[last].index = i
		if item.Kind() == fhir.Null && t != nil && t.Kind == spec.Primitive {
			w.null(owner, m, i, extra)
		} else {
			w.value(item, el, t, extra)
		}
		i++
	}
	w.trail[last].index = -1
	switch {
	case i == 0:
		w.fail("structure", "an array may not be empty")
	case el.Max > 0 && i > el.Max:
		w.fail("structure", "%s may stand %d times, not %d", el.Path, el.Max, i)
	}
}

// null checks that a null in an array of primitives only keeps a place: its _member or value stands opposite.
func (w *walker) null(owner, m fhir.Value, i int, extra bool) {
	name := m.RawName()
	var other fhir.Value
	if extra {
		other = owner.Get(string(name[1:]))
	} else {
		other = owner.Get("_" + string(name))
	}
	at := other.First()
	for ; i > 0; i-- {
		at = at.Next()
	}
	if !at.Exists() || at.Kind() == fhir.Null {
		w.fail("structure", "null may only keep the place of a value that has extensions instead")
	}
}

// value checks one value of type t, nil for any resource.
func (w *walker) value(v fhir.Value, el *spec.Element, t *spec.Type, extra bool) {
	switch {
	case t == nil:
		w.resource(v, el)
	case extra || t.Kind != spec.Primitive:
		if v.Kind() != fhir.Object {
			w.fail("structure", "%s must be an object", el.Path)
			return
		}
		w.object(v, t)
		if !extra && el.Binding != nil && el.Binding.Strength == "required" {
			w.codedObject(v, el, t)
		}
	default:
		if fault := checkPrimitive(v, t.Name); fault != "" {
			w.fail("value", "%s is no %s: %s", abridged(v), t.Name, fault)
			return
		}
		if el.Binding != nil && el.Binding.Strength == "required" {
			w.code(v, el)
		}
	}
}

// code checks a primitive against a required binding.
func (w *walker) code(v fhir.Value, el *spec.Element) {
	if set := requiredSets()[el.Binding]; set != nil && !set.has("", v) {
		w.fail("code-invalid", "%s is not in the value set %s", abridged(v), el.Binding.ValueSet)
	}
}

// codedObject checks a Coding, a CodeableConcept or a Quantity against a required binding: one of the codings must be
// from the value set.
func (w *walker) codedObject(v fhir.Value, el *spec.Element, t *spec.Type) {
	set := requiredSets()[el.Binding]
	if set == nil {
		return
	}
	switch t.Name {
	case "Coding", "Quantity":
		if code := v.Get("code"); code.Exists() && !set.has(v.Get("system").Text(), code) {
			w.fail("code-invalid", "%s is not in the value set %s", abridged(code), el.Binding.ValueSet)
		}
	case "CodeableConcept":
		found := false
		for coding := range v.Get("coding").Items() {
			found = found || set.has(coding.Get("system").Text(), coding.Get("code"))
		}
		if !found {
			w.fail("code-invalid", "none of the codes is in the value set %s", el.Binding.ValueSet)
		}
	}
}

// extension checks ext-1 and the URL: absolute, except inside another extension, where it is a name.
// https://hl7.org/fhir/R4/extensibility.html#Extension
func (w *walker) extension(v fhir.Value) {
	value := false
	for m := v.First(); m.Exists(); m = m.Next() {
		name := bytes.TrimPrefix(m.RawName(), []byte("_"))
		value = value || bytes.HasPrefix(name, []byte("value"))
	}
	if value == v.Get("extension").Exists() {
		w.failKey("ext-1", "an extension must have either a value or extensions, and not both")
	}
	url := v.Get("url")
	nested := len(w.trail) > 1 && w.trail[len(w.trail)-2].el != nil && strings.HasSuffix(w.trail[len(w.trail)-2].el.Path, "xtension")
	if url.Kind() == fhir.String && !nested && !absolute(url.Raw()) {
		w.fail("value", "the url of an extension must be absolute, not %s", abridged(url))
	}
}

// absolute reports whether raw, a JSON string, is a URI with a scheme.
func absolute(raw []byte) bool {
	colon := bytes.IndexByte(raw, ':')
	if colon < 2 {
		return false
	}
	for _, c := range raw[1:colon] {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.') {
			return false
		}
	}
	return raw[1] > '9'
}

func (w *walker) fail(code, format string, args ...any) {
	if len(w.issues) < maxIssues {
		w.issues = append(w.issues, Issue{Severity: Error, Code: code, Expression: expression(w.root, w.trail), Message: fmt.Sprintf(format, args...)})
	}
}

func (w *walker) failKey(key, message string) {
	if len(w.issues) < maxIssues {
		w.issues = append(w.issues, Issue{Severity: Error, Code: "invariant", Expression: expression(w.root, w.trail), Message: message, Key: key})
	}
}

// abridged is a value for a message.
func abridged(v fhir.Value) string {
	raw := v.Raw()
	if len(raw) > 60 {
		return string(raw[:60]) + "…"
	}
	return string(raw)
}
