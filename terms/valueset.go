package terms

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/kith-care/kith/fhir"
)

// valueSet is the definition of a value set, or only its expansion where that is all there is.
type valueSet struct {
	url, version     string
	include, exclude []component
}

// component is one include or exclude: all codes of a system, those listed, or those the filters keep; and only those
// that are in all of sets.
type component struct {
	system, version string
	sets            []string
	filters         []filter
	listed          bool
	codes           []Concept
	byCode          map[string]int32
}

type filter struct {
	property, op, value string
	pattern             *regexp.Regexp // of op regex; nil where value is none
}

func newFilter(property, op, value string) filter {
	f := filter{property: property, op: op, value: value}
	if op == "regex" {
		f.pattern, _ = regexp.Compile("^(?:" + value + ")$") // matches reports what cannot be compiled
	}
	return f
}

func (c *component) add(code, display string) {
	if c.byCode == nil {
		c.byCode = map[string]int32{}
	}
	c.listed = true
	c.byCode[code] = int32(len(c.codes))
	c.codes = append(c.codes, Concept{System: c.system, Code: code, Display: display})
}

// truth is yes, no, or not known here.
type truth uint8

const (
	unknown truth = iota
	no
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// visit keeps value sets that include each other from leading in a circle or, each naming the next many times, from
// costing more than any honest ones do.
type visit struct {
	open  []string // the value sets or maps being looked into
	steps int      // how many more may be looked into
}

// How many value sets may be looked into for one question, and for a whole expansion.
const (
	maxSteps          = 10_000
	maxExpansionSteps = 1_000_000
)

func (v *visit) enter(canonical string) error {
	if slices.Contains(v.open, canonical) {
		return fhir.Errorf(fhir.Invalid, "%s leads back to itself", canonical)
	}
	if v.steps--; v.steps < 0 {
		return fhir.Errorf(fhir.TooCostly, "%s is reached after too many other value sets or maps", canonical)
	}
	v.open = append(v.open, canonical)
	return nil
}

func (v *visit) leave() { v.open = v.open[:len(v.open)-1] }

// Contains reports whether a code is in a value set, and whether that is known here at all: it is not where the value
// set is missing or leans on a code system that is not known here. An empty system asks for the code in any system, as
// elements of the type code do, whose value set implies the system.
func (t *Terms) Contains(ctx context.Context, valueSet, system, code string) (in, known bool, err error) {
	is, err := t.contains(ctx, valueSet, system, code, &visit{steps: maxSteps})
	return is == yes, is != unknown, err
}

func (t *Terms) contains(ctx context.Context, canonical, system, code string, via *visit) (truth, error) {
	if err := via.enter(canonical); err != nil {
		return unknown, err
	}
	defer via.leave()
	v, err := t.set(ctx, canonical)
	if v == nil || err != nil {
		return unknown, err
	}
	return t.within(ctx, v, system, code, via)
}

func (t *Terms) within(ctx context.Context, v *valueSet, system, code string, via *visit) (truth, error) {
	is := no
	for i := range v.include {
		one, err := t.inComponent(ctx, &v.include[i], system, code, via)
		if err != nil {
			return unknown, err
		}
		if one == yes {
			is = yes
			break
		}
		if one == unknown {
			is = unknown
		}
	}
	if is == no {
		return no, nil
	}
	for i := range v.exclude {
		one, err := t.inComponent(ctx, &v.exclude[i], system, code, via)
		if err != nil {
			return unknown, err
		}
		if one == yes {
			return no, nil
		}
		if one == unknown {
			is = unknown
		}
	}
	return is, nil
}

func (t *Terms) inComponent(ctx context.Context, c *component, system, code string, via *visit) (truth, error) {
	is := yes
	if c.system != "" {
		if system != "" && system != c.system {
			return no, nil
		}
		var err error
		if is, err = t.inSystem(ctx, c, code); is == no || err != nil {
			return is, err
		}
	}
	for _, set := range c.sets {
		one, err := t.contains(ctx, set, system, code, via)
		if err != nil || one == no {
			return one, err
		}
		if one == unknown {
			is = unknown
		}
	}
	return is, nil
}

// inSystem asks only for what c says of its system.
func (t *Terms) inSystem(ctx context.Context, c *component, code string) (truth, error) {
	if c.listed {
		if _, ok := c.byCode[code]; ok {
			return yes, nil
		}
		s, err := t.system(ctx, c.canonical())
		if err != nil || s == nil || !s.fold {
			return no, err
		}
		return truthOf(slices.ContainsFunc(c.codes, func(one Concept) bool { return strings.EqualFold(one.Code, code) })), nil
	}
	s, err := t.system(ctx, c.canonical())
	if err != nil {
		return unknown, err
	}
	if s == nil {
		return byGrammar(c, code), nil
	}
	at := s.find(code)
	switch {
	case at == nil && s.partial:
		return unknown, nil
	case at == nil:
		return no, nil
	}
	is := yes
	for _, f := range c.filters {
		one, err := t.passes(ctx, s, at, f)
		if err != nil || one == no {
			return one, err
		}
		if one == unknown {
			is = unknown
		}
	}
	return is, nil
}

func (c *component) canonical() string {
	if c.version != "" {
		return c.system + "|" + c.version
	}
	return c.system
}

// passes applies one filter to a concept. https://hl7.org/fhir/R4/valueset-filter-operator.html
func (t *Terms) passes(ctx context.Context, s *codeSystem, c *concept, f filter) (truth, error) {
	hierarchy := f.property == "concept" || f.property == "code"
	switch f.op {
	case "is-a", "descendent-of", "is-not-a", "generalizes":
		if !hierarchy {
			return unknown, nil
		}
		of := s.find(f.value)
		if of == nil {
			return truthOf(f.op == "is-not-a"), nil
		}
		switch f.op {
		case "is-a":
			return truthOf(c == of || s.below(c, of)), nil
		case "is-not-a":
			return truthOf(c != of && !s.below(c, of)), nil
		case "generalizes":
			return truthOf(c == of || s.below(of, c)), nil
		}
		return truthOf(s.below(c, of)), nil
	case "in", "not-in":
		listed := slices.ContainsFunc(strings.Split(f.value, ","), func(one string) bool {
			return s.has(c, f.property, strings.TrimSpace(one))
		})
		return truthOf(listed == (f.op == "in")), nil
	case "=":
		return truthOf(s.has(c, f.property, f.value)), nil
	case "exists":
		return truthOf(s.hasAny(c, f.property) == (f.value == "true")), nil
	case "regex":
		for _, value := range s.values(c, f.property) {
			if matched, err := f.matches(value); matched || err != nil {
				return truthOf(matched), err
			}
		}
		return no, nil
	}
	return unknown, nil
}

// matches applies the regular expression of a filter to all of a value.
func (f filter) matches(value string) (bool, error) {
	if f.pattern == nil {
		return false, fhir.Errorf(fhir.Invalid, "the filter %q of a value set is no regular expression", f.value)
	}
	return f.pattern.MatchString(value), nil
}

// values lists what a concept has for a property; code and display are properties too.
func (s *codeSystem) values(c *concept, property string) []string {
	switch property {
	case "code", "concept":
		return []string{c.code}
	case "display":
		return []string{c.display}
	case "parent", "child":
		return s.relatives(c, property)
	}
	var all []string
	for _, p := range c.properties {
		if p.code == property {
			all = append(all, p.value)
		}
	}
	if all == nil && c.abstract && (property == "notSelectable" || property == "abstract") {
		all = []string{"true"}
	}
	if all == nil && c.inactive && property == "inactive" {
		all = []string{"true"}
	}
	return all
}

func (s *codeSystem) relatives(c *concept, property string) []string {
	var all []string
	for i := range s.concepts {
		upper, lower := &s.concepts[i], c
		if property == "child" {
			upper, lower = c, &s.concepts[i]
		}
		if slices.ContainsFunc(lower.parents, func(p int32) bool { return &s.concepts[p] == upper }) {
			all = append(all, s.concepts[i].code)
		}
	}
	return all
}

func (s *codeSystem) has(c *concept, property, value string) bool {
	return slices.ContainsFunc(s.values(c, property), func(one string) bool {
		return one == value || s.fold && strings.EqualFold(one, value)
	})
}

func (s *codeSystem) hasAny(c *concept, property string) bool { return len(s.values(c, property)) > 0 }

// set finds a value set as system finds a code system.
func (t *Terms) set(ctx context.Context, canonical string) (*valueSet, error) {
	url, version := splitCanonical(canonical)
	embedded := embeddedSet(url)
	if embedded != nil && version != "" && satisfies(embedded.version, version) {
		return embedded, nil
	}
	res, err := t.resource(ctx, canonical, "ValueSet")
	if err != nil {
		return nil, err
	}
	if res != nil {
		return res.set, nil
	}
	if version != "" {
		return nil, nil
	}
	return embedded, nil
}

// readValueSet reads a ValueSet resource; one that has only an expansion is what the expansion lists.
func readValueSet(root fhir.Value) *valueSet {
	v := &valueSet{url: root.Get("url").Text(), version: root.Get("version").Text()}
	compose := root.Get("compose")
	v.include, v.exclude = readComponents(compose.Get("include")), readComponents(compose.Get("exclude"))
	if !compose.Exists() {
		v.expanded(root.Get("expansion").Get("contains"))
	}
	return v
}

func readComponents(list fhir.Value) []component {
	var all []component
	for i := range list.Items() {
		c := component{system: i.Get("system").Text(), version: i.Get("version").Text()}
		for set := range i.Get("valueSet").Items() {
			c.sets = append(c.sets, set.Text())
		}
		for one := range i.Get("concept").Items() {
			c.add(one.Get("code").Text(), one.Get("display").Text())
		}
		for f := range i.Get("filter").Items() {
			c.filters = append(c.filters, newFilter(f.Get("property").Text(), f.Get("op").Text(), f.Get("value").Text()))
		}
		all = append(all, c)
	}
	return all
}

func (v *valueSet) expanded(contains fhir.Value) {
	for one := range contains.Items() {
		system := one.Get("system").Text()
		if code := one.Get("code").Text(); code != "" && !one.Get("abstract").Bool() {
			at := slices.IndexFunc(v.include, func(c component) bool { return c.system == system })
			if at < 0 {
				at = len(v.include)
				v.include = append(v.include, component{system: system})
			}
			v.include[at].add(code, one.Get("display").Text())
		}
		v.expanded(one.Get("contains"))
	}
}
