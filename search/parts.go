package search

import (
	"math"
	"strings"

	"github.com/kith-care/kith/fhir/spec"
)

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
		out = append(out, Part{Kind: PartKey, Type: t, Hashes: hashes, rare: true})
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
		part.rare = true
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
