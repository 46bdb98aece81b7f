package validate

import (
	"context"
	"sync"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/terms"
)

// codeSet is an embedded value set, ready to be asked a million times.
type codeSet struct {
	canonical string
	codes     map[string][]string // systems by code; nil where the value set is a grammar
}

// requiredSets holds the value set of every required binding of R4 that is embedded; all but one are.
var requiredSets = sync.OnceValue(func() map[*spec.Binding]*codeSet {
	sets := map[*spec.Binding]*codeSet{}
	byURL := map[string]*codeSet{}
	for t := range spec.AllTypes() {
		for i := range t.Elements {
			b := t.Elements[i].Binding
			if b == nil || b.Strength != "required" {
				continue
			}
			set, ok := byURL[b.ValueSet]
			if !ok {
				set = newCodeSet(b.ValueSet)
				byURL[b.ValueSet] = set
			}
			if set != nil {
				sets[b] = set
			}
		}
	}
	return sets
})

func newCodeSet(canonical string) *codeSet {
	var embedded terms.Terms
	e, err := embedded.Expand(context.Background(), canonical)
	if err != nil {
		return nil
	}
	if len(e.Missing) > 0 {
		return &codeSet{canonical: canonical}
	}
	set := &codeSet{canonical: canonical, codes: make(map[string][]string, len(e.Concepts))}
	for _, c := range e.Concepts {
		set.codes[c.Code] = append(set.codes[c.Code], c.System)
	}
	return set
}

// has reports whether a code, a JSON string, is in the set, or cannot be known not to be. No system asks for any.
func (s *codeSet) has(system string, code fhir.Value) bool {
	if code.Kind() != fhir.String {
		return false
	}
	raw := code.Raw()
	for _, one := range s.codes[string(raw[1:len(raw)-1])] {
		if system == "" || one == system {
			return true
		}
	}
	// not listed as it is written: a grammar, a code whose case does not matter, or an escape
	var embedded terms.Terms
	in, known, err := embedded.Contains(context.Background(), s.canonical, system, code.Text())
	return in || !known || err != nil
}
