// Package terms knows codes: what a code is called, which codes lie below it, which value sets it belongs to and what it
// is in another system. https://hl7.org/fhir/R4/terminology-module.html
//
// R4's own code systems, value sets and concept maps (HL7 v2 and v3 tables included) are embedded as small tables, read
// one by one when first asked for. On top of them lie the CodeSystem, ValueSet and ConceptMap resources of the record,
// reached through a Source the caller gives. Of the terminologies too large or licensed to embed (SNOMED CT, LOINC, dm+d,
// ICD-10) only the codes that R4's value sets list one by one are known, without their descriptions; languages, MIME
// types, currencies, units and URIs are not listed but checked by their grammar.
//
// Three answers are possible to "is this code in that value set": yes, no, and not known here. The last is never taken
// for one of the others.
package terms

import (
	"context"
	"strings"
	"sync"

	"github.com/kith-care/kith/fhir"
)

// Source finds conformance resources in the record.
type Source interface {
	// Canonical returns the resource of a type (CodeSystem, ValueSet or ConceptMap) with that canonical URL ("url" or
	// "url|version", then of that version), nil if there is none. A code system and a value set may share a URL.
	Canonical(ctx context.Context, resourceType, url string) (*fhir.Resource, error)
}

// Terms answers from the embedded tables and, where there is one, Source. The zero value works. It may be used by many
// goroutines.
type Terms struct {
	Source Source

	mu     sync.Mutex
	parsed map[string]parsed // by canonical URL as asked for; the resources of Source
}

// Concept is a code with what is known of it.
type Concept struct {
	System, Code string
	Display      string
	Abstract     bool // groups others and is not itself recorded
	Inactive     bool // deprecated or retired
}

// Relation is how two codes of one system lie to each other.
type Relation uint8

// The relations of $subsumes. https://hl7.org/fhir/R4/codesystem-operation-subsumes.html
const (
	Unrelated Relation = iota
	Same
	Subsumes   // the first is an ancestor of the second
	SubsumedBy // the first is a descendant of the second
)

var relationNames = [...]string{"not-subsumed", "equivalent", "subsumes", "subsumed-by"}

// String is the relation as FHIR codes it.
func (r Relation) String() string { return relationNames[r] }

// Lookup finds a code; false if its system is not known here or has no such code.
func (t *Terms) Lookup(ctx context.Context, system, code string) (Concept, bool, error) {
	s, err := t.system(ctx, system)
	if err != nil || s == nil {
		return Concept{}, false, err
	}
	c := s.find(code)
	if c == nil {
		return Concept{}, false, nil
	}
	return s.public(c), true, nil
}

// Display is what to call a code when nobody said: its display, or "" if it is not known here.
func (t *Terms) Display(ctx context.Context, system, code string) (string, error) {
	c, _, err := t.Lookup(ctx, system, code)
	return c.Display, err
}

// Subsumes tells how a lies to b in a system. The error is NotFound where the system is not known here or a code is not
// in it.
func (t *Terms) Subsumes(ctx context.Context, system, a, b string) (Relation, error) {
	s, err := t.mustSystem(ctx, system)
	if err != nil {
		return Unrelated, err
	}
	first, second := s.find(a), s.find(b)
	for code, c := range map[string]*concept{a: first, b: second} {
		if c == nil {
			return Unrelated, fhir.Errorf(fhir.NotFound, "the code system %s has no code %q", system, code)
		}
	}
	switch {
	case first == second:
		return Same, nil
	case s.below(second, first):
		return Subsumes, nil
	case s.below(first, second):
		return SubsumedBy, nil
	}
	return Unrelated, nil
}

// Descendants lists the code and all codes below it, for :below. A code the system does not have has none. The error is
// NotFound where the system is not known here.
func (t *Terms) Descendants(ctx context.Context, system, code string) ([]Concept, error) {
	return t.related(ctx, system, code, (*codeSystem).below)
}

// Ancestors lists the code and all codes above it, for :above.
func (t *Terms) Ancestors(ctx context.Context, system, code string) ([]Concept, error) {
	return t.related(ctx, system, code, func(s *codeSystem, other, c *concept) bool { return s.below(c, other) })
}

func (t *Terms) related(ctx context.Context, system, code string, is func(s *codeSystem, other, c *concept) bool) ([]Concept, error) {
	s, err := t.mustSystem(ctx, system)
	if err != nil {
		return nil, err
	}
	c := s.find(code)
	if c == nil {
		return nil, nil
	}
	var all []Concept
	for i := range s.concepts {
		if other := &s.concepts[i]; other == c || is(s, other, c) {
			all = append(all, s.public(other))
		}
	}
	return all, nil
}

// mustSystem is system with an error where it is not known.
func (t *Terms) mustSystem(ctx context.Context, url string) (*codeSystem, error) {
	s, err := t.system(ctx, url)
	if err == nil && s == nil {
		err = fhir.Errorf(fhir.NotFound, "the code system %q is not known here", url)
	}
	return s, err
}

// splitCanonical takes "url|version" apart; a fragment is dropped.
func splitCanonical(canonical string) (url, version string) {
	url, version, _ = strings.Cut(canonical, "|")
	url, _, _ = strings.Cut(url, "#")
	return url, version
}

// satisfies reports whether something of version has is what was asked for; a shorter version asked covers those that
// continue it ("4.0" covers "4.0.1").
func satisfies(has, asked string) bool {
	return asked == "" || has == asked || strings.HasPrefix(has, asked+".")
}
