package search

import (
	"fmt"
	"math"
	"strings"

	"github.com/kith-care/kith/fhir/spec"
)

// Plan is how the store answers a query: where candidates come from and in what order. Each candidate is still matched
// against the whole query, so a plan decides speed and never the answer.
type Plan struct {
	Query   *Query
	Parts   []Part // candidates are the union
	Order   Order
	Desc    bool
	Counted int64 // the counter that holds the number of matches, 0 for none
	Exact   bool  // nearly every candidate matches: fetch no more of them than needed
}

// Order is how the store brings candidates.
type Order uint8

// The orders of candidates.
const (
	ByWrite Order = iota // in the order they were written
	ByDate               // the clinical date of Clinical parts, latest first
	ByValue              // any order: results are sorted by their keys
)

// PartKind is an access path of the store.
type PartKind uint8

// The access paths, the most selective first.
const (
	PartID       PartKind = iota // Type and IDs
	PartClinical                 // Patients and Hashes
	PartKey                      // Hashes
	PartPatient                  // Type and Patients
	PartText                     // Param, and texts that begin with Prefix
	PartRange                    // Param, and ranges that touch Lo..Hi
	PartExtra                    // all that have keys under the custom Param
	PartType                     // all of a Type
)

var partNames = [...]string{"id", "patient and code", "key", "patient", "text", "range", "custom parameter", "type"}

// Part is one source of candidates.
type Part struct {
	Kind     PartKind
	Type     spec.TypeID
	IDs      []string
	Patients []string
	Hashes   []int64
	Param    int64
	Prefix   string
	Lo, Hi   int64
	Valued   bool // of a key part: only entries whose number lies from Low to High
	Low      float64
	High     float64
	main     bool // the hashes are of the type's main code
}

// Plan chooses the access path of a query whose chains are resolved.
func (q *Query) Plan() *Plan {
	p := &Plan{Query: q}
	var best []Part
	cost := 1 << 30
	patients := []string(nil)
	for _, c := range leaves(q.Where) {
		if len(q.Types) != 1 {
			break
		}
		parts := c.parts(q.Types[0])
		if parts == nil {
			continue
		}
		if len(parts) == 1 && parts[0].Kind == PartPatient {
			patients = parts[0].Patients
		}
		if n := partsCost(parts); n < cost {
			best, cost = parts, n
		}
	}
	if len(patients) > 0 && (best[0].Kind == PartPatient || best[0].Kind == PartKey) {
		if hashes := q.clinical(); hashes != nil {
			best = []Part{{Kind: PartClinical, Type: q.Types[0], Patients: patients, Hashes: hashes}}
		}
	}
	if len(q.Types) == 1 && (best == nil || best[0].Kind > PartRange) {
		best = q.rangePart()
	}
	if len(best) == 1 && best[0].Kind == PartKey && best[0].main {
		q.valued(&best[0])
	}
	if best == nil {
		for _, t := range q.Types {
			best = append(best, Part{Kind: PartType, Type: t})
		}
	}
	p.Parts = best
	p.Exact = len(q.Where) == 0 || len(q.Where) <= 2 && best[0].Kind <= PartPatient
	p.order()
	p.Counted = q.counted()
	return p
}

func partsCost(parts []Part) int {
	n := 0
	for _, p := range parts {
		width := max(1, len(p.Hashes), len(p.Patients))
		n += (int(p.Kind)*100 + 1) * 10
		if p.Kind == PartKey && p.Param != 0 { // a reference or identifier, not a code
			n -= 1500
		}
		n += width
	}
	return n
}

// leaves are the conditions that must all hold, with nested ands taken apart.
func leaves(conds []Cond) []*Cond {
	var out []*Cond
	for i := range conds {
		if conds[i].Op == And {
			out = append(out, leaves(conds[i].Kids)...)
		} else {
			out = append(out, &conds[i])
		}
	}
	return out
}

// parts are the access paths that together reach every row the condition may hold for; nil where only a scan does.
func (c *Cond) parts(t spec.TypeID) []Part {
	switch {
	case c.Op == Or:
		var all []Part
		for i := range c.Kids {
			parts := c.Kids[i].parts(t)
			if parts == nil {
				return nil
			}
			all = append(all, parts...)
		}
		return mergeParts(all)
	case c.Op != Leaf:
		return nil
	case c.Set != nil && c.Param == nil:
		return []Part{{Kind: PartID, Type: t, IDs: idsOf(c.Set, t)}}
	case c.Param == nil:
		return nil
	case c.Param.Custom != 0:
		if c.Modifier == "missing" {
			return nil
		}
		return []Part{{Kind: PartExtra, Type: t, Param: c.Param.Custom}}
	case c.Param.Code == "_id" && c.Modifier == "":
		ids := make([]string, len(c.Values))
		for i, v := range c.Values {
			ids[i] = v.Code
		}
		return []Part{{Kind: PartID, Type: t, IDs: ids}}
	}
	switch c.Param.Type {
	case "reference":
		return c.referenceParts(t)
	case "token", "uri":
		return c.tokenParts(t)
	case "string":
		return c.textParts(t)
	case "composite":
		return c.compositeParts(t)
	}
	return nil
}

// compositeParts reaches the rows of a composite through one of its parts: where both hold, each does.
func (c *Cond) compositeParts(t spec.TypeID) []Part {
	if c.Modifier != "" {
		return nil
	}
	var best []Part
	for i, component := range c.Param.Components {
		one := Cond{Param: component.Param, Source: c.Source}
		for _, v := range c.Values {
			one.Values = append(one.Values, v.Parts[i])
		}
		if parts := one.parts(t); parts != nil && (best == nil || partsCost(parts) < partsCost(best)) {
			best = parts
		}
	}
	return best
}

func idsOf(set map[string]bool, t spec.TypeID) []string {
	prefix := t.String() + "/"
	ids := []string{}
	for ref := range set {
		if id, ok := strings.CutPrefix(ref, prefix); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

func mergeParts(all []Part) []Part {
	var out []Part
next:
	for _, p := range all {
		for i := range out {
			o := &out[i]
			if o.Kind == p.Kind && o.Type == p.Type && (p.Kind == PartKey || p.Kind == PartPatient || p.Kind == PartID) {
				o.Hashes = append(o.Hashes, p.Hashes...)
				o.Patients = append(o.Patients, p.Patients...)
				o.IDs = append(o.IDs, p.IDs...)
				continue next
			}
		}
		out = append(out, p)
	}
	return out
}

func (c *Cond) referenceParts(t spec.TypeID) []Part {
	if _, isType := spec.Resource(c.Modifier); c.Modifier != "" && c.Modifier != "identifier" && !isType {
		return nil
	}
	var patients []string
	var hashes []int64
	add := func(typ, id string) {
		if typ == "Patient" && inPatientCompartment(t, c.Param.ID) {
			patients = append(patients, id)
		} else {
			hashes = append(hashes, Hash(t, c.Param.ID, typ+"/"+id))
		}
	}
	for ref := range c.Set {
		typ, id, _ := strings.Cut(ref, "/")
		add(typ, id)
	}
	for _, v := range c.Values {
		switch {
		case c.Modifier == "identifier":
			if v.Code == "" {
				return nil
			}
			hashes = append(hashes, Hash(t, c.Param.ID, v.Code))
		case v.HasSystem:
			if !strings.Contains(v.Code, "|") && !strings.Contains(v.Code, "://") && !strings.HasPrefix(v.Code, "urn:") {
				return nil
			}
			if c.Param.Code == "derived-from" || c.Param.Code == "depends-on" || c.Param.Code == "instantiates-canonical" || hasCanonical(c.Param) {
				return nil // a canonical may carry a version: compare the rows
			}
			hashes = append(hashes, Hash(t, c.Param.ID, v.Code))
		case v.Type != "":
			add(v.Type, v.Code)
		case c.Param.Code == "patient":
			add("Patient", v.Code)
		default:
			for _, target := range c.Param.Targets {
				if target == "Resource" {
					return nil
				}
				add(target, v.Code)
			}
		}
	}
	if c.Set != nil && len(c.Set) == 0 {
		return []Part{{Kind: PartID, Type: t, IDs: []string{}}}
	}
	var out []Part
	if patients != nil {
		out = append(out, Part{Kind: PartPatient, Type: t, Patients: patients})
	}
	if hashes != nil && !unselective[c.Param.Code] {
		out = append(out, Part{Kind: PartKey, Type: t, Hashes: hashes, Param: 1})
	} else if hashes != nil {
		return nil
	}
	return out
}

// hasCanonical reports whether a reference parameter may hold canonical URLs, whose versions a search may leave open.
func hasCanonical(p *Param) bool {
	for _, target := range p.Targets {
		switch target {
		case "ActivityDefinition", "PlanDefinition", "Questionnaire", "Measure", "StructureDefinition", "Library", "ValueSet", "CodeSystem", "ConceptMap", "MessageDefinition", "OperationDefinition", "CapabilityStatement", "EventDefinition", "GraphDefinition", "SearchParameter", "StructureMap", "ImplementationGuide", "CompartmentDefinition", "ResearchDefinition", "ResearchElementDefinition", "EvidenceVariable", "Evidence", "NamingSystem", "TerminologyCapabilities", "ExampleScenario", "TestScript", "ChargeItemDefinition", "SubstanceSpecification":
			return true
		}
	}
	return false
}

func (c *Cond) tokenParts(t spec.TypeID) []Part {
	if c.Modifier != "" || unselective[c.Param.Code] {
		if c.Modifier == "" && c.Param.Code == "combo-code" {
			return c.comboParts(t)
		}
		if c.Modifier != "in" && c.Modifier != "below" || c.Param.Type == "uri" {
			return nil
		}
	}
	var hashes []int64
	for _, v := range c.Values {
		if v.Code == "" {
			return nil
		}
		hashes = append(hashes, Hash(t, c.Param.ID, v.Code))
	}
	part := Part{Kind: PartKey, Type: t, Hashes: hashes, main: c.Param.ID == mainOf(t).code}
	if c.Param.Code == "identifier" {
		part.Param = 1
	}
	return []Part{part}
}

// comboParts reaches Observation?combo-code through the keys of code and component-code, of which it is the union.
func (c *Cond) comboParts(t spec.TypeID) []Part {
	var hashes []int64
	for _, code := range []string{"code", "component-code"} {
		id, _ := spec.ParamCode(code)
		for _, v := range c.Values {
			if v.Code == "" {
				return nil
			}
			hashes = append(hashes, Hash(t, id, v.Code))
		}
	}
	return []Part{{Kind: PartKey, Type: t, Hashes: hashes}}
}

func (c *Cond) textParts(t spec.TypeID) []Part {
	if c.Modifier != "" && c.Modifier != "exact" {
		return nil
	}
	var out []Part
	for _, v := range c.Values {
		text := v.Code
		if v.Prefix == "ew" {
			return nil
		}
		if c.Modifier == "exact" {
			text = Fold(text)
		}
		text = textKey(text)
		if text == "" {
			return nil
		}
		out = append(out, Part{Kind: PartText, Type: t, Param: ParamNumber(t, c.Param.ID), Prefix: text})
	}
	return out
}

// rangePart is the part of time that all conditions on the type's main date leave open; nil unless it is bounded on both
// sides, since an open range selects too much to be sorted.
func (q *Query) rangePart() []Part {
	t := q.Types[0]
	part := Part{Kind: PartRange, Type: t, Lo: minTime, Hi: maxTime}
	for _, c := range leaves(q.Where) {
		if c.Op != Leaf || c.Param == nil || c.Param.ID != mainOf(t).date || c.Param.Type != "date" || c.Modifier != "" || len(c.Values) != 1 || c.Param.Code == "_lastUpdated" {
			continue
		}
		v := c.Values[0]
		part.Param = ParamNumber(t, c.Param.ID)
		switch v.Prefix {
		case "ne":
		case "gt", "ge", "sa":
			part.Lo = max(part.Lo, v.Lo)
		case "lt", "le", "eb":
			part.Hi = min(part.Hi, v.Hi)
		default:
			part.Lo, part.Hi = max(part.Lo, v.Lo), min(part.Hi, v.Hi)
		}
	}
	if part.Param == 0 || part.Lo == minTime || part.Hi == maxTime {
		return nil
	}
	return []Part{part}
}

// valued narrows a part by a plain condition on the type's main value. A condition with a unit may hold for values in
// other units, whose numbers say nothing, so it narrows nothing.
func (q *Query) valued(part *Part) {
	for _, c := range leaves(q.Where) {
		if c.Op != Leaf || c.Param == nil || c.Param.ID != mainOf(q.Types[0]).value || c.Param.ID == 0 || c.Modifier != "" || len(c.Values) != 1 || c.Values[0].System != "" {
			continue
		}
		n := &c.Values[0].Num
		low, high := math.Inf(-1), math.Inf(1)
		switch c.Values[0].Prefix {
		case "gt", "ge", "sa":
			low = n.Exact.Float64()
		case "lt", "le", "eb":
			high = n.Exact.Float64()
		case "eq":
			low, high = n.Low.Float64(), n.High.Float64()
		default:
			continue
		}
		// A little wider than asked: the numbers are rounded.
		part.Valued, part.Low, part.High = true, low-math.Abs(low)*1e-12, high+math.Abs(high)*1e-12
	}
}

const (
	minTime = -1 << 63
	maxTime = 1<<63 - 1
)

// clinical are the hashes of a plain condition on the type's main code, nil where there is none.
func (q *Query) clinical() []int64 {
	main := mainOf(q.Types[0]).code
	if main == 0 {
		return nil
	}
	for _, c := range leaves(q.Where) {
		if c.Op != Leaf || c.Param == nil || c.Param.ID != main || c.Param.Type != "token" || c.Modifier != "" && c.Modifier != "in" && c.Modifier != "below" {
			continue
		}
		if parts := c.tokenParts(q.Types[0]); parts != nil {
			return parts[0].Hashes
		}
		// A main code that is not kept globally, such as a category, still stands beside its patient.
		var hashes []int64
		for _, v := range c.Values {
			if v.Code == "" {
				return nil
			}
			hashes = append(hashes, Hash(q.Types[0], c.Param.ID, v.Code))
		}
		return hashes
	}
	return nil
}

func (p *Plan) order() {
	sort := p.Query.Sort
	if len(sort) == 0 {
		return
	}
	p.Desc = sort[0].Desc
	switch {
	case sort[0].Param.Code == "_lastUpdated" && len(sort) == 1:
	case len(sort) == 1 && sort[0].Desc && p.Parts[0].Kind == PartClinical && sort[0].Param.ID == mainOf(p.Query.Types[0]).date:
		p.Order = ByDate
	default:
		p.Order = ByValue
	}
}

// counted is the hash of the counter that knows the number of matches, 0 where none does.
func (q *Query) counted() int64 {
	if len(q.Types) != 1 {
		return 0
	}
	t := q.Types[0]
	if len(q.Where) == 0 {
		return TypeHash(t)
	}
	c := &q.Where[0]
	if len(q.Where) > 1 || c.Op != Leaf || c.Param == nil || c.Param.ID != mainOf(t).code || c.Param.ID == 0 || c.Modifier != "" || len(c.Values) != 1 {
		return 0
	}
	if v := c.Values[0]; v.HasSystem && v.Code != "" {
		return Hash(t, c.Param.ID, v.System+"|"+v.Code)
	}
	return 0
}

// String describes the plan in words, for kith explain.
func (p *Plan) String() string {
	var b strings.Builder
	for i, part := range p.Parts {
		if i > 0 {
			b.WriteString(" + ")
		}
		if i == 4 {
			fmt.Fprintf(&b, "%d more", len(p.Parts)-i)
			break
		}
		fmt.Fprintf(&b, "%s by %s", part.Type, partNames[part.Kind])
		switch part.Kind {
		case PartID:
			fmt.Fprintf(&b, " (%d)", len(part.IDs))
		case PartClinical, PartPatient:
			fmt.Fprintf(&b, " (%d)", len(part.Patients))
		case PartKey:
			fmt.Fprintf(&b, " (%d)", len(part.Hashes))
		case PartText:
			fmt.Fprintf(&b, " (%q…)", part.Prefix)
		}
	}
	b.WriteString([]string{", in order of writing", ", in order of date", ", sorted by value"}[p.Order])
	if p.Desc {
		b.WriteString(", descending")
	}
	if p.Counted != 0 {
		b.WriteString(", total from a counter")
	}
	return b.String()
}
