package terms

import (
	"context"

	"github.com/kith-care/kith/fhir"
)

type conceptMap struct {
	url, version   string
	source, target string // value sets
	groups         []mapGroup
}

type mapGroup struct {
	source, target string // code systems; empty where the map does not say
	elements       []mapElement
	unmapped       *unmapped
}

type mapElement struct {
	code  string
	match Match
}

// unmapped is what a map says of codes it does not list.
type unmapped struct {
	mode string // provided, fixed, other-map
	to   Concept
	url  string
}

// Match is one translation of a code.
type Match struct {
	Concept     Concept
	Equivalence string // of R4's ConceptMap: equivalent, equal, wider, narrower, inexact, unmatched, …
}

// Translate finds what a code of one system is by a concept map. An empty system asks for the code in any group, an
// empty target for any target system. No matches and no error mean that the map has none. The error is NotFound where
// the map is not known here.
func (t *Terms) Translate(ctx context.Context, conceptMap, system, code, target string) ([]Match, error) {
	return t.translate(ctx, conceptMap, system, code, target, &visit{steps: maxSteps})
}

func (t *Terms) translate(ctx context.Context, canonical, system, code, target string, via *visit) ([]Match, error) {
	if err := via.enter(canonical); err != nil {
		return nil, err
	}
	defer via.leave()
	m, err := t.conceptMap(ctx, canonical)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, fhir.Errorf(fhir.NotFound, "the concept map %q is not known here", canonical)
	}
	var all []Match
	for i := range m.groups {
		g := &m.groups[i]
		if system != "" && g.source != "" && system != g.source || target != "" && g.target != "" && target != g.target {
			continue
		}
		found := false
		for _, e := range g.elements {
			if e.code == code {
				found = true
				all = append(all, e.match)
			}
		}
		if found || g.unmapped == nil {
			continue
		}
		switch g.unmapped.mode {
		case "provided":
			all = append(all, Match{Concept{System: g.target, Code: code}, "equal"})
		case "fixed":
			all = append(all, Match{g.unmapped.to, "inexact"})
		case "other-map":
			more, err := t.translate(ctx, g.unmapped.url, system, code, target, via)
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
		}
	}
	return all, nil
}

func (t *Terms) conceptMap(ctx context.Context, canonical string) (*conceptMap, error) {
	res, err := t.resource(ctx, canonical, "ConceptMap")
	if err != nil {
		return nil, err
	}
	if res != nil {
		return res.conceptMap, nil
	}
	url, version := splitCanonical(canonical)
	if m := embeddedMap(url); m != nil && satisfies("4.0.1", version) {
		return m, nil
	}
	return nil, nil
}

// readConceptMap reads a ConceptMap resource.
func readConceptMap(root fhir.Value) *conceptMap {
	m := &conceptMap{
		url:     root.Get("url").Text(),
		version: root.Get("version").Text(),
		source:  root.Get("sourceUri").Text() + root.Get("sourceCanonical").Text(),
		target:  root.Get("targetUri").Text() + root.Get("targetCanonical").Text(),
	}
	for group := range root.Get("group").Items() {
		g := mapGroup{source: group.Get("source").Text(), target: group.Get("target").Text()}
		for e := range group.Get("element").Items() {
			code := e.Get("code").Text()
			for to := range e.Get("target").Items() {
				found := Concept{System: g.target, Code: to.Get("code").Text(), Display: to.Get("display").Text()}
				g.elements = append(g.elements, mapElement{code, Match{found, to.Get("equivalence").Text()}})
			}
		}
		if u := group.Get("unmapped"); u.Exists() {
			to := Concept{System: g.target, Code: u.Get("code").Text(), Display: u.Get("display").Text()}
			g.unmapped = &unmapped{mode: u.Get("mode").Text(), to: to, url: u.Get("url").Text()}
		}
		m.groups = append(m.groups, g)
	}
	return m
}
