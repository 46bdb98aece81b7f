package spec

import (
	"iter"
	"maps"
)

// TypeKind tells what sort of type a Type is.
type TypeKind uint8

const (
	Primitive    TypeKind = iota + 1 // a JSON string, number or boolean, with an optional _member for id and extensions
	Complex                          // a data type such as HumanName
	ResourceType                     // a resource type, the abstract ones included
	Backbone                         // an anonymous structure inside another type, named by its path
)

// Type is one type of R4. https://hl7.org/fhir/R4/datatypes.html
type Type struct {
	Name        string // "Patient", "HumanName", "code", "Patient.contact"
	Kind        TypeKind
	Base        string // the type inherited from, "" for Element and Resource
	Abstract    bool
	Elements    []Element    // inherited ones first, in the order of the specification; empty members of a primitive's value
	Required    []int        // Order of the elements that must be there
	Constraints []Constraint // the type's own; those of Base apply as well (AllConstraints)
	ID          TypeID       // of a concrete resource type, else 0

	number uint32
	base   *Type
}

// Element is one member of a type.
type Element struct {
	Name        string // in JSON, without [x]: "value" of Observation.value[x]
	Path        string // where it is defined, without [x]: "Observation.value", "DomainResource.text"
	Order       int    // its place in Type.Elements
	Min, Max    int    // Max is -1 where any number may stand
	Choice      bool   // value[x]: the type's name follows Name
	Types       []TypeRef
	Content     string // path of the element whose content this one repeats ("Questionnaire.item"), "" nearly always
	Binding     *Binding
	Constraints []Constraint
	Summary     bool // shown by _summary=true
	Modifier    bool // changes the meaning of what it stands in
	Attribute   bool // an attribute in XML
	XHTML       bool // XHTML content
}

// TypeRef is one type an element may have.
type TypeRef struct {
	Code    string   // "Quantity", "Reference", "BackboneElement", "Resource"
	Profile string   // "SimpleQuantity" where only that profile of Code is allowed
	Targets []string // resource types a Reference or canonical may point to; empty or "Resource" for any
}

// Binding is the value set an element's codes come from.
type Binding struct {
	Strength string // required, extensible, preferred, example
	ValueSet string // canonical, with |version where R4 gives one
	Max      string // value set that no code may leave although the binding is weaker than required, else ""
}

// Constraint is an invariant of a type or element. https://hl7.org/fhir/R4/conformance-rules.html#constraints
type Constraint struct {
	Key        string // "obs-6"
	Severity   string // error or warning
	Human      string
	Expression string // FHIRPath, evaluated on the type or element it stands on
}

// TypeOf returns the type of that name or, for an anonymous structure, of that path; nil if R4 has none.
func TypeOf(name string) *Type { return types().byName[name] }

// TypeNames lists every named type of R4: resources, data types and primitives, abstract ones included, in order.
func TypeNames() []string { return types().names }

// Child finds the element a JSON member stands for, inherited ones included, and the name of the type it has there:
// "valueQuantity" is value[x] as "Quantity", "contact" is "Patient.contact", "contained" is "Resource". The members of
// primitives that begin with _ are the caller's.
func (t *Type) Child(jsonName string) (el *Element, typ string, ok bool) {
	c := types().child(t.number, jsonName)
	if c == nil {
		return nil, "", false
	}
	return c.element, c.typ, true
}

// ChildType is Child for walking: it also gives the child's Type, nil only for a child that is any resource.
func (t *Type) ChildType(jsonName string) (el *Element, child *Type, ok bool) {
	c := types().child(t.number, jsonName)
	if c == nil {
		return nil, nil, false
	}
	return c.element, c.child, true
}

// Element finds an element by its name without a type: "value" of Observation, also "identifier".
func (t *Type) Element(name string) *Element {
	for i := range t.Elements {
		if t.Elements[i].Name == name {
			return &t.Elements[i]
		}
	}
	return nil
}

// Is reports whether t is the named type or inherits from it.
func (t *Type) Is(name string) bool {
	for ; t != nil; t = t.base {
		if t.Name == name {
			return true
		}
	}
	return false
}

// AllConstraints lists the constraints of t's bases and then its own.
func (t *Type) AllConstraints() []Constraint {
	if t.base == nil {
		return t.Constraints
	}
	inherited := t.base.AllConstraints()
	return append(inherited[:len(inherited):len(inherited)], t.Constraints...)
}

// TypeID numbers the concrete resource types of R4 from 1 in alphabetical order. The numbers are written into stores
// and never change.
type TypeID uint16

// Resource returns the number of a concrete resource type.
func Resource(name string) (TypeID, bool) {
	t := types().byName[name]
	if t == nil || t.ID == 0 {
		return 0, false
	}
	return t.ID, true
}

// String returns the type's name, "" for a number that is none.
func (id TypeID) String() string {
	if names := types().resources; id > 0 && int(id) <= len(names) {
		return names[id-1]
	}
	return ""
}

// ResourceNames lists the concrete resource types of R4 in the order of their TypeID. The slice must not be changed.
func ResourceNames() []string { return types().resources }

// AllTypes ranges over every type of R4, the anonymous structures included, in no order.
func AllTypes() iter.Seq[*Type] { return maps.Values(types().byName) }
