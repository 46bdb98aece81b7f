package search

import (
	"fmt"
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
	rare     bool // of references or identifiers, which select few rows
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
	if len(q.Types) == 1 && q.Within != nil && len(patients) == 0 && (best == nil || best[0].Kind > PartPatient || best[0].Kind == PartKey && !best[0].rare) {
		if own := q.whole(q.Types[0]); own.Kind != PartType {
			best, patients = []Part{own}, own.Patients
		}
	}
	if len(patients) > 0 && (best[0].Kind == PartPatient || best[0].Kind == PartKey) {
		if hashes := q.clinical(); hashes != nil {
			best = []Part{{Kind: PartClinical, Type: q.Types[0], Patients: patients, Hashes: hashes}}
		}
	}
	if len(q.Types) == 1 && (best == nil || best[0].Kind > PartRange) {
		if parts := q.rangePart(); parts != nil {
			best = parts
		}
	}
	if len(best) == 1 && best[0].Kind == PartKey && best[0].main {
		q.valued(&best[0])
	}
	if best == nil {
		for _, t := range q.Types {
			best = append(best, q.whole(t))
		}
	}
	p.Parts = best
	p.Exact = len(q.Where) == 0 || len(q.Where) <= 2 && best[0].Kind <= PartPatient
	p.order()
	if q.Eyes == nil {
		p.Counted = q.counted()
	}
	return p
}

// whole reaches all of a type that the asker may see.
func (q *Query) whole(t spec.TypeID) Part {
	switch {
	case q.Within != nil && t == patientType:
		return Part{Kind: PartID, Type: t, IDs: q.Within}
	case q.Within != nil && len(compartments[t]) > 0:
		return Part{Kind: PartPatient, Type: t, Patients: q.Within}
	}
	return Part{Kind: PartType, Type: t}
}

func partsCost(parts []Part) int {
	n := 0
	for _, p := range parts {
		width := max(1, len(p.Hashes), len(p.Patients))
		n += (int(p.Kind)*100 + 1) * 10
		if p.Kind == PartKey && p.rare {
			n -= 1500
		}
		n += width
	}
	return n
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
