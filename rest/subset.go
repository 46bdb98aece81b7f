package rest

import (
	"slices"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/record"
)

// subset is the body with the elements that _summary or _elements ask for; the stored bytes themselves where neither
// does. https://hl7.org/fhir/R4/search.html#summary
func (q *request) subset(s *record.Stored) ([]byte, error) {
	if !strings.Contains(q.query, "_summary") && !strings.Contains(q.query, "_elements") {
		return s.Body, nil
	}
	summary, elements := q.param("_summary"), q.param("_elements")
	t := spec.TypeOf(s.Type)
	var keep func(t *spec.Type, e *spec.Element, top bool) bool
	switch {
	case summary == "true":
		keep = func(_ *spec.Type, e *spec.Element, _ bool) bool { return e.Summary || e.Min > 0 }
	case summary == "text":
		keep = func(_ *spec.Type, e *spec.Element, top bool) bool {
			return !top || e.Min > 0 || e.Name == "text" || e.Name == "id" || e.Name == "meta"
		}
	case summary == "data":
		keep = func(_ *spec.Type, e *spec.Element, top bool) bool { return !top || e.Name != "text" }
	case elements != "":
		return Elements(s, strings.Split(elements, ","))
	default:
		return s.Body, nil
	}
	return keptOf(s, t, keep)
}

// Elements is the body with the elements of the top level that are named, such as code or Observation.code; mandatory and modifier elements
// stay, and it is marked as not being all there is. https://hl7.org/fhir/R4/search.html#elements
func Elements(s *record.Stored, names []string) ([]byte, error) {
	names = slices.Clone(names)
	for i, name := range names {
		names[i] = strings.TrimPrefix(strings.TrimSpace(name), s.Type+".")
	}
	return keptOf(s, spec.TypeOf(s.Type), func(_ *spec.Type, e *spec.Element, top bool) bool {
		return !top || e.Min > 0 || e.Modifier && e.Name != "implicitRules" || e.Name == "id" || e.Name == "meta" || slices.Contains(names, e.Name)
	})
}

func keptOf(s *record.Stored, t *spec.Type, keep func(*spec.Type, *spec.Element, bool) bool) ([]byte, error) {
	res, err := s.Resource()
	if err != nil {
		return nil, err
	}
	b := appendSubset(make([]byte, 0, len(s.Body)), res.Root(), t, keep, true)
	return tagSubsetted(b)
}

func appendSubset(b []byte, v fhir.Value, t *spec.Type, keep func(*spec.Type, *spec.Element, bool) bool, top bool) []byte {
	b = append(b, '{')
	n := 0
	for name, m := range v.Members() {
		child := (*spec.Type)(nil)
		if name != "resourceType" {
			el, ct, ok := t.ChildType(strings.TrimPrefix(name, "_"))
			if !ok || !keep(t, el, top) {
				continue
			}
			child = ct
		}
		if n++; n > 1 {
			b = append(b, ',')
		}
		b = append(fhir.AppendString(b, name), ':')
		if child == nil || child.Kind != spec.Backbone {
			b = append(b, m.Raw()...)
			continue
		}
		if m.Kind() != fhir.Array {
			b = appendSubset(b, m, child, keep, false)
			continue
		}
		b = append(b, '[')
		for e := m.First(); e.Exists(); e = e.Next() {
			if !e.Same(m.First()) {
				b = append(b, ',')
			}
			b = appendSubset(b, e, child, keep, false)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// tagSubsetted marks a resource as not being all there is, so that nobody stores it back.
func tagSubsetted(b []byte) ([]byte, error) {
	const tag = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}`
	res, err := fhir.Parse(b)
	if err != nil {
		return nil, err
	}
	meta := res.Root().Get("meta")
	tags := meta.Get("tag")
	at, text := meta.Offset()+len(meta.Raw())-1, `,"tag":[`+tag+`]`
	if tags.Kind() == fhir.Array {
		at, text = tags.Offset()+len(tags.Raw())-1, ","+tag
	}
	return fhir.Splice(b, []fhir.Edit{{Start: at, End: at, With: []byte(text)}}), nil
}
