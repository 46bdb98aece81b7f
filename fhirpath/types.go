package fhirpath

import (
	"strings"

	"github.com/kith-care/kith/fhir/spec"
)

// systemString is the type of the few elements that R4 gives a System type: Resource.id, Element.id, Extension.url.
var systemString = &spec.Type{Name: "System.String", Kind: spec.Primitive}

// typeSpec names a type in an expression. Without a namespace it may be of either model.
type typeSpec struct {
	system  Kind // none where it is not of the System model
	any     bool // System.Any
	named   bool // written with its namespace System
	fhir    string
	unknown string // what nobody knows as a type: an error when it is asked about, with the R4 model
}

// resolveType finds FHIR.Patient, System.String, Patient, Quantity.
func resolveType(names []string, at int) (typeSpec, error) {
	switch {
	case len(names) == 2 && names[0] == "System":
		k, ok := systemKind(names[1])
		if !ok {
			return typeSpec{}, syntaxError(at, "System has no type %s", names[1])
		}
		return typeSpec{system: k, any: k == none, named: true}, nil
	case len(names) == 2 && names[0] == "FHIR":
		if spec.TypeOf(names[1]) == nil {
			return typeSpec{unknown: names[1]}, nil
		}
		return typeSpec{fhir: names[1]}, nil
	case len(names) > 1:
		name := strings.Join(names, ".")
		if spec.TypeOf(name) == nil {
			return typeSpec{unknown: name}, nil
		}
		return typeSpec{fhir: name}, nil
	}
	var t typeSpec
	k, ok := systemKind(names[0])
	if ok {
		t = typeSpec{system: k, any: k == none}
	}
	if spec.TypeOf(names[0]) != nil {
		t.fhir = names[0]
	} else if !ok {
		t.unknown = names[0]
	}
	return t, nil
}

func systemKind(name string) (Kind, bool) {
	for k, n := range kindNames[:TypeInfo] {
		if n == name {
			return Kind(k), true
		}
	}
	return none, false
}

// matches reports whether the item is of the type or one derived from it.
func (t typeSpec) matches(it Item) bool {
	switch {
	case it.sys != nil:
		return t.any || t.system != none && it.sys.kind == t.system
	case it.typ == nil:
		return t.any || t.system != none && it.jsonKind() == t.system
	case it.typ == systemString:
		return t.any || t.system == String
	}
	return t.fhir != "" && it.typ.Is(t.fhir)
}

// converted is a FHIR primitive as the System type it converts to, where that type was asked for by its full name.
func (t typeSpec) converted(it Item) (Item, bool) {
	if !t.named || it.sys != nil {
		return Item{}, false
	}
	v, ok := it.system()
	return computed(v), ok && v.kind == t.system
}

func (t typeSpec) check(s *scope) error {
	if t.unknown != "" {
		return s.fail("%s is not a type of FHIR R4 or of FHIRPath", t.unknown)
	}
	return nil
}

// typeNode is "is" and "as".
type typeNode struct {
	input node
	spec  typeSpec
	as    bool
}

func newTypeNode(input node, t typeSpec, as bool) node {
	if c, ok := input.(*call); ok && c.name == "resolve" && !as && t.fhir != "" {
		return &refersTo{c.input, t.fhir}
	}
	return &typeNode{input, t, as}
}

func (n *typeNode) eval(s *scope) (Collection, error) {
	if err := n.spec.check(s); err != nil {
		return nil, err
	}
	in, err := n.input.eval(s)
	if err != nil || len(in) == 0 {
		return nil, err
	}
	name := "is"
	if n.as {
		name = "as"
	}
	if len(in) > 1 {
		return nil, s.fail("%q takes a single item, not %d", name, len(in))
	}
	match := n.spec.matches(in[0])
	if !n.as {
		return truth(match), nil
	}
	return one(in[0], match), nil
}

type ofType struct {
	input node
	spec  typeSpec
}

func (n *ofType) eval(s *scope) (Collection, error) {
	if err := n.spec.check(s); err != nil {
		return nil, err
	}
	in, err := n.input.eval(s)
	if err != nil {
		return nil, err
	}
	var out Collection
	for _, it := range in {
		if n.spec.matches(it) {
			out = append(out, it)
		} else if v, ok := n.spec.converted(it); ok {
			out = append(out, v)
		}
	}
	return out, nil
}
