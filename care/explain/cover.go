package explain

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Coverage is how much of a record is explained.
type Coverage struct {
	Kinds   []KindCoverage // in order of their names
	All     KindCoverage
	Missing []MissingTerm // the most frequent first
}

// KindCoverage is how much of one kind of thing is explained. A term is a code, or, where there is none, words.
type KindCoverage struct {
	Kind                  string
	Entries, Explained    int // places in the record that have a code
	Terms, ExplainedTerms int // different codes
	Uncoded, UncodedKnown int // places that have words only, and those of them that are explained
	terms, explained      map[string]bool
}

// MissingTerm is one that nothing explains.
type MissingTerm struct {
	Kind, Code, Words string
	Times             int
}

// Share is a part of a whole in per cent, 100 of nothing.
func Share(part, whole int) float64 {
	if whole == 0 {
		return 100
	}
	return 100 * float64(part) / float64(whole)
}

// Counter counts resources one by one.
type Counter struct {
	g       *Glossary
	kinds   map[string]*KindCoverage
	missing map[[3]string]int
}

// Count begins to count what the glossary explains.
func (g *Glossary) Count() *Counter {
	return &Counter{g, map[string]*KindCoverage{}, map[[3]string]int{}}
}

// Add counts the terms of a resource.
func (c *Counter) Add(root fhir.Value) {
	typ := root.Get("resourceType").Text()
	for _, t := range Terms(root) {
		words := wordsOf(t.Concept)
		if words == "" {
			continue
		}
		k := c.kinds[t.Kind]
		if k == nil {
			k = &KindCoverage{Kind: t.Kind, terms: map[string]bool{}, explained: map[string]bool{}}
			c.kinds[t.Kind] = k
		}
		known := c.g.Of(typ, t.Concept) != nil
		if !coded(t.Concept) {
			k.Uncoded++
			if known {
				k.UncodedKnown++
			}
			continue
		}
		code := keyOf(t.Concept)
		k.Entries++
		k.terms[code] = true
		if known {
			k.Explained++
			k.explained[code] = true
		} else {
			c.missing[[3]string{t.Kind, code, words}]++
		}
	}
}

// keyOf names a term: its SNOMED CT, LOINC or dm+d code where it has one, else the first.
func keyOf(concept fhir.Value) string {
	first := ""
	for c := range concept.Get("coding").Items() {
		key := c.Get("system").Text() + "|" + c.Get("code").Text()
		if s := c.Get("system").Text(); s == prefixes["sct"] || s == prefixes["loinc"] || s == prefixes["dmd"] {
			return key
		}
		first = cmp.Or(first, key)
	}
	return first
}

// Done is what was counted.
func (c *Counter) Done() *Coverage {
	out := &Coverage{All: KindCoverage{Kind: "All"}}
	for _, name := range slices.Sorted(maps.Keys(c.kinds)) {
		k := c.kinds[name]
		k.Terms, k.ExplainedTerms = len(k.terms), len(k.explained)
		a := &out.All
		a.Entries, a.Explained, a.Terms, a.ExplainedTerms = a.Entries+k.Entries, a.Explained+k.Explained, a.Terms+k.Terms, a.ExplainedTerms+k.ExplainedTerms
		a.Uncoded, a.UncodedKnown = a.Uncoded+k.Uncoded, a.UncodedKnown+k.UncodedKnown
		out.Kinds = append(out.Kinds, *k)
	}
	for key, times := range c.missing {
		out.Missing = append(out.Missing, MissingTerm{key[0], key[1], key[2], times})
	}
	slices.SortFunc(out.Missing, func(a, b MissingTerm) int {
		return cmp.Or(b.Times-a.Times, strings.Compare(a.Kind, b.Kind), strings.Compare(a.Code, b.Code), strings.Compare(a.Words, b.Words))
	})
	return out
}

// Cover counts what of a whole record is explained.
func (g *Glossary) Cover(ctx context.Context, door *record.Door, who access.Actor) (*Coverage, error) {
	c := g.Count()
	for _, typ := range Types() {
		for stored, err := range door.All(ctx, who, typ+"?") {
			if err != nil {
				return nil, err
			}
			res, err := stored.Resource()
			if err != nil {
				return nil, err
			}
			c.Add(res.Root())
		}
	}
	return c.Done(), nil
}
