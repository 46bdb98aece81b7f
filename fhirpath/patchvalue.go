package fhirpath

import (
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

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
