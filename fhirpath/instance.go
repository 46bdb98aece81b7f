package fhirpath

import (
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// instance makes a new element or resource: Coding { system: 'x', code: 'y' }.
type instance struct {
	typ    typeSpec
	names  []string
	values []node
}

func (n *instance) eval(s *scope) (Collection, error) {
	if err := n.typ.check(s); err != nil {
		return nil, err
	}
	if n.typ.fhir == "" {
		return nil, s.fail("only types of FHIR can be made with braces")
	}
	t := spec.TypeOf(n.typ.fhir)
	b := []byte{'{'}
	if t.Kind == spec.ResourceType {
		b = append(append(append(b, `"resourceType":"`...), t.Name...), '"')
	}
	for i, name := range n.names {
		v, err := n.values[i].eval(s.fork())
		if err != nil {
			return nil, err
		}
		if len(v) == 0 {
			continue
		}
		if b, err = s.appendMember(b, t, name, v); err != nil {
			return nil, err
		}
		if err := s.spend(len(b) / 16); err != nil {
			return nil, err
		}
	}
	r, err := fhir.Parse(append(b, '}'))
	if err != nil {
		return nil, s.fail("%s: %v", n.typ.fhir, err)
	}
	return Collection{{v: r.Root(), typ: t}}, nil
}

// appendMember writes one element, under the name its type gives it where it is a choice.
func (s *scope) appendMember(b []byte, t *spec.Type, name string, v Collection) ([]byte, error) {
	e := t.Element(name)
	if e == nil {
		return nil, s.fail("%s has no element %s", t.Name, name)
	}
	if e.Max == 1 && len(v) > 1 {
		return nil, s.fail("%s.%s takes one value, not %d", t.Name, name, len(v))
	}
	if e.Choice {
		code, ok := choiceFor(e, v[0])
		if !ok {
			return nil, s.fail("%s.%s cannot be %s", t.Name, name, v[0].Type())
		}
		name += strings.ToUpper(code[:1]) + code[1:]
	}
	if len(b) > 1 {
		b = append(b, ',')
	}
	b = append(appendQuoted(b, name), ':')
	if e.Max != 1 {
		b = append(b, '[')
	}
	for i, it := range v {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendElement(b, it)
	}
	if e.Max != 1 {
		b = append(b, ']')
	}
	return b, nil
}

// appendElement appends an item as it stands in a resource, where a quantity is a structure.
func appendElement(b []byte, it Item) []byte {
	if it.sys == nil || it.sys.kind != Quantity {
		return it.AppendJSON(b)
	}
	system := "http://unitsofmeasure.org"
	if it.sys.calendar {
		system = "http://hl7.org/fhirpath/CodeSystem/calendar-units"
	}
	b = append(append(append(b, `{"value":`...), it.sys.d.String()...), `,"unit":`...)
	b = appendQuoted(append(appendQuoted(append(appendQuoted(b, it.sys.s), `,"system":`...), system), `,"code":`...), it.sys.s)
	return append(b, '}')
}

// choiceFor is the type a value takes in a choice: its own, or the first that a System value converts to.
func choiceFor(e *spec.Element, it Item) (string, bool) {
	for _, ref := range e.Types {
		if it.typ != nil && it.typ.Name == ref.Code {
			return ref.Code, true
		}
	}
	v, ok := it.system()
	if !ok {
		return "", false
	}
	prefer := map[Kind]string{Boolean: "boolean", String: "string", Integer: "integer", Decimal: "decimal", Date: "date", DateTime: "dateTime", Time: "time", Quantity: "Quantity"}[v.kind]
	for _, ref := range e.Types {
		if ref.Code == prefer {
			return prefer, true
		}
	}
	for _, ref := range e.Types {
		if t := spec.TypeOf(ref.Code); t != nil && t.Kind == spec.Primitive && primitiveKind(ref.Code) == v.kind {
			return ref.Code, true
		}
	}
	return "", false
}
