package search

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/terms"
)

// implied reports whether the elements of p are plain codes whose value set implies the system: Patient.gender holds
// "male" and means http://hl7.org/fhir/administrative-gender|male. https://hl7.org/fhir/R4/search.html#token
func (p *Param) implied(system string) bool {
	if p.Type != "token" || p.expr == nil || system == "" {
		return false
	}
	systems, ok := impliedSystems.Load(p)
	if !ok {
		systems, _ = impliedSystems.LoadOrStore(p, p.codeSystems())
	}
	return slices.Contains(systems.([]string), system)
}

// impliedSystems remembers codeSystems; the parameters are as many as R4 and the place define.
var impliedSystems sync.Map // *Param -> []string

// codeSystems are the systems of the value sets that the parameter's code elements are bound to.
func (p *Param) codeSystems() []string {
	systems := []string{}
	var known terms.Terms
	for path := range strings.SplitSeq(p.expr.text, "|") {
		el := elementAt(strings.TrimSpace(path))
		if el == nil || el.Binding == nil || len(el.Types) != 1 || el.Types[0].Code != "code" {
			continue
		}
		url, _, _ := strings.Cut(el.Binding.ValueSet, "|")
		e, err := known.Expand(context.Background(), url)
		if err != nil {
			continue
		}
		for _, c := range e.Concepts {
			if !slices.Contains(systems, c.System) {
				systems = append(systems, c.System)
			}
		}
	}
	return systems
}

// elementAt follows a plain path such as Patient.contact.gender, nil where it is not plain.
func elementAt(path string) *spec.Element {
	steps := strings.Split(path, ".")
	t := spec.TypeOf(steps[0])
	var el *spec.Element
	for _, s := range steps[1:] {
		if t == nil {
			return nil
		}
		var ok bool
		if el, t, ok = t.ChildType(s); !ok {
			return nil
		}
	}
	return el
}

// Coded is a value of p that is one code of a system, as a value set or a hierarchy lists it.
func (p *Param) Coded(system, code string) Value {
	if p.implied(system) {
		return Value{Code: code}
	}
	return Value{System: system, HasSystem: true, Code: code}
}
