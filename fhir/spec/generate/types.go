package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

const (
	profiles   = "http://hl7.org/fhir/StructureDefinition/"
	fhirType   = profiles + "structuredefinition-fhir-type"
	maxBinding = profiles + "elementdefinition-maxValueSet"
)

type structure struct {
	ID, URL, Name, Kind, Type, Derivation, BaseDefinition string
	Abstract                                              bool
	Snapshot                                              struct{ Element []element }
}

type element struct {
	Path             string
	Representation   []string
	Min              int
	Max              string
	Base             struct{ Path string }
	Type             []typeRef
	ContentReference string
	Constraint       []constraint
	Binding          *binding
	IsModifier       bool
	IsSummary        bool
}

type typeRef struct {
	Extension              []extension
	Code                   string
	Profile, TargetProfile []string
}

type extension struct{ URL, ValueURL, ValueCanonical string }

type constraint struct{ Key, Severity, Human, Expression, Source string }

type binding struct {
	Extension          []extension
	Strength, ValueSet string
}

// constraintErrata are the expressions of R4 that, as they were published, fail on resources the rule allows or cannot
// be evaluated.
var constraintErrata = map[string]string{
	// An entry without a fullUrl gives an empty result, which is not true.
	"bdl-8": `fullUrl.exists() implies fullUrl.contains('/_history/').not()`,
	// The type is FHIR's boolean, not FHIRPath's Boolean.
	"que-7": `operator = 'exists' implies (answer is boolean)`,
	// A prediction without a probability gives an empty result.
	"ras-2": `probability.ofType(decimal).empty() or probability.ofType(decimal) <= 100`,
	// Quantities compare only in UCUM; doses are often in other units, the same for both.
	"rng-2": `low.value.empty() or high.value.empty() or (low.code | high.code).count() > 1 or (low.unit | high.unit).count() > 1 or low.value <= high.value`,
	// as() is defined for one item only; descendants() has many. Later versions of FHIR say ofType().
	"dom-3": `contained.where((('#'+id in (%resource.descendants().reference | %resource.descendants().ofType(canonical) | %resource.descendants().ofType(uri) | %resource.descendants().ofType(url))) or descendants().where(reference = '#').exists() or descendants().where(ofType(canonical) = '#').exists() or descendants().where(ofType(uri) = '#').exists()).not()).trace('unmatched', id).empty()`,
}

// idTypes gives Resource.id the type its regular expression and every later version say: id, not string.
var idTypes = map[string]string{"Resource.id": "id"}

func writeTypes(from definitions) error {
	var all []structure
	err := each(from, "StructureDefinition", func(s structure) error {
		profile := s.URL == profiles+"SimpleQuantity" || s.URL == profiles+"MoneyQuantity"
		if profile {
			s.Type = s.Name
		}
		if profile || (s.Kind != "logical" && s.Derivation != "constraint" && s.URL == profiles+s.Type) {
			all = append(all, s)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b structure) int { return cmp.Compare(a.Type, b.Type) })
	byName := map[string]structure{}
	for _, s := range all {
		byName[s.Type] = s
	}
	var types table
	rules := map[string]constraint{}
	for _, s := range all {
		if err := writeType(&types, s, byName, rules); err != nil {
			return err
		}
	}
	var constraints table
	for _, key := range slices.Sorted(mapKeys(rules)) {
		c := rules[key]
		constraints.row(c.Key, c.Severity, c.Human, c.Expression)
	}
	if err := constraints.save("fhir/spec/constraints.tsv"); err != nil {
		return err
	}
	return types.save("fhir/spec/types.tsv")
}

// writeType writes the line of a type (=, name, kind, base, constraints) and a line for each element it adds to its base
// (path, cardinality, types, flags, binding, constraints).
func writeType(out *table, s structure, byName map[string]structure, rules map[string]constraint) error {
	base := strings.TrimPrefix(s.BaseDefinition, profiles)
	root := s.Snapshot.Element[0]
	inherited := map[string]bool{}
	for at, ok := byName[base]; ok; at, ok = byName[strings.TrimPrefix(at.BaseDefinition, profiles)] {
		for _, c := range at.Snapshot.Element[0].Constraint {
			inherited[c.Key] = true
		}
	}
	keys, err := constraintKeys(root, rules, func(c constraint) bool { return !inherited[c.Key] })
	if err != nil {
		return err
	}
	out.row("="+s.Type, kindOf(s), base, keys)
	for _, e := range s.Snapshot.Element[1:] {
		if e.Base.Path != e.Path || strings.HasPrefix(e.Path, "Quantity.") && s.Type != "Quantity" {
			continue // inherited, or the same in a profile of Quantity
		}
		if s.Kind == "primitive-type" {
			continue // the value itself, which is no element in JSON
		}
		// ele-1 is on every Element and ext-1 on every Extension: the element's own type says so.
		keys, err := constraintKeys(e, rules, func(c constraint) bool { return c.Key != "ele-1" && c.Key != "ext-1" })
		if err != nil {
			return err
		}
		out.row(e.Path, cardinality(e), typesOf(e), flagsOf(e), bindingOf(e), keys)
	}
	return nil
}

func kindOf(s structure) string {
	kind := map[string]string{"primitive-type": "primitive", "complex-type": "complex", "resource": "resource"}[s.Kind]
	if s.Abstract {
		kind += " abstract"
	}
	return kind
}

func cardinality(e element) string { return fmt.Sprintf("%d..%s", e.Min, e.Max) }

// typesOf writes Code(Target,Target) for references and Code!Profile where a profile of a type is asked for.
func typesOf(e element) string {
	if e.ContentReference != "" {
		return e.ContentReference
	}
	var all []string
	for _, t := range e.Type {
		code := t.Code
		if strings.HasPrefix(code, "http://hl7.org/fhirpath/") {
			for _, x := range t.Extension {
				if x.URL == fhirType {
					code = x.ValueURL
				}
			}
		}
		if better, ok := idTypes[e.Path]; ok {
			code = better
		}
		for _, p := range t.Profile {
			code += "!" + strings.TrimPrefix(p, profiles)
		}
		if len(t.TargetProfile) > 0 {
			var targets []string
			for _, p := range t.TargetProfile {
				targets = append(targets, strings.TrimPrefix(p, profiles))
			}
			code += "(" + strings.Join(targets, ",") + ")"
		}
		all = append(all, code)
	}
	return strings.Join(all, " ")
}

// flagsOf writes S for summary, M for modifier, A for an XML attribute, X for embedded XHTML.
func flagsOf(e element) string {
	flags := ""
	if e.IsSummary {
		flags += "S"
	}
	if e.IsModifier {
		flags += "M"
	}
	if slices.Contains(e.Representation, "xmlAttr") {
		flags += "A"
	}
	if len(e.Type) == 1 && e.Type[0].Code == "xhtml" {
		flags += "X"
	}
	return flags
}

func bindingOf(e element) string {
	if e.Binding == nil || e.Binding.ValueSet == "" {
		return ""
	}
	text := e.Binding.Strength + " " + e.Binding.ValueSet
	for _, x := range e.Binding.Extension {
		if x.URL == maxBinding {
			text += " " + x.ValueCanonical
		}
	}
	return text
}

// constraintKeys names the constraints of e that are wanted and notes their text. A key that R4 uses for two different
// rules gets a second name, key~path.
func constraintKeys(e element, rules map[string]constraint, want func(constraint) bool) (string, error) {
	var keys []string
	for _, c := range e.Constraint {
		if !want(c) {
			continue
		}
		c.Source = ""
		if better, ok := constraintErrata[c.Key]; ok {
			c.Expression = better
		}
		if c.Expression == "" {
			return "", fmt.Errorf("%s: constraint %s has no expression", e.Path, c.Key)
		}
		if had, ok := rules[c.Key]; ok && (had.Expression != c.Expression || had.Human != c.Human) {
			c.Key += "~" + e.Path
		}
		rules[c.Key] = c
		keys = append(keys, c.Key)
	}
	return strings.Join(keys, " "), nil
}
