package spec

import (
	"slices"
	"strings"
)

// SearchParameter is one search parameter of R4. https://hl7.org/fhir/R4/searchparameter.html
type SearchParameter struct {
	ID         ParamID // of Code
	URL        string
	Code       string // as it stands in a query: "code-value-quantity"
	Type       string // number, date, string, token, reference, composite, quantity, uri, special
	Expression string // FHIRPath over all of Base; empty for _content, _text, _query and _filter; see For
	XPathUsage string // normal, phonetic, nearby, or empty
	Base       []string
	Target     []string // resource types a reference parameter may point to
	Components []Component

	Comparators, Modifiers, Chain []string // as published: empty says nothing
	OneValue, Once                bool     // multipleOr and multipleAnd are false
}

// Component is one part of a composite search parameter.
type Component struct {
	Definition string // URL of the parameter it is
	Expression string // FHIRPath relative to what the composite's own expression gives
}

// ParamID numbers the distinct codes of search parameters from 1. The numbers are written into stored keys and never
// change; "code" of Observation and of Condition share one.
type ParamID uint16

// ParamCode returns the number of a search parameter's code.
func ParamCode(code string) (ParamID, bool) {
	id, ok := params().ids[code]
	return id, ok
}

// String returns the code, "" for a number that is none.
func (id ParamID) String() string {
	if codes := params().codes; id > 0 && int(id) <= len(codes) {
		return codes[id-1]
	}
	return ""
}

// ParamCodes lists every code in the order of its ParamID. The slice must not be changed.
func ParamCodes() []string { return params().codes }

// Params lists the search parameters of a concrete resource type by code, those of Resource and DomainResource included;
// nil if R4 has no such type. The slice must not be changed.
func Params(resourceType string) []*SearchParameter { return params().byType[resourceType] }

// Param returns the search parameter of a resource type with that code, nil if there is none.
func Param(resourceType, code string) *SearchParameter {
	all := params().byType[resourceType]
	i, ok := slices.BinarySearchFunc(all, code, func(p *SearchParameter, code string) int { return strings.Compare(p.Code, code) })
	if !ok {
		return nil
	}
	return all[i]
}

// ParamByURL returns the search parameter with that canonical URL, nil if R4 has none.
func ParamByURL(url string) *SearchParameter { return params().byURL[url] }

// For returns the part of Expression that can match resources of one type: of the union that a shared parameter such
// as clinical-code is, only the terms that begin with that type (or with none).
func (p *SearchParameter) For(resourceType string) string {
	var kept []string
	for _, term := range unionTerms(p.Expression) {
		head := strings.TrimLeft(term, "(")
		end := strings.IndexFunc(head, func(r rune) bool { return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z') })
		if end >= 0 {
			head = head[:end]
		}
		t := TypeOf(head)
		if t == nil || t.Kind != ResourceType || head == resourceType || t.Abstract {
			kept = append(kept, term)
		}
	}
	return strings.Join(kept, " | ")
}

// unionTerms splits an expression at the | that stand in no bracket and no string.
func unionTerms(expression string) []string {
	var terms []string
	depth, from, quoted := 0, 0, false
	for i := 0; i < len(expression); i++ {
		switch c := expression[i]; {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '|' && depth == 0:
			terms = append(terms, strings.TrimSpace(expression[from:i]))
			from = i + 1
		}
	}
	return append(terms, strings.TrimSpace(expression[from:]))
}

// CompartmentDefinition says which resources belong to one person's, encounter's or device's compartment.
// https://hl7.org/fhir/R4/compartmentdefinition.html
type CompartmentDefinition struct {
	Name   string // "Patient"
	params map[string][]string
}

// Compartment returns the compartment of that name (Patient, Practitioner, RelatedPerson, Device, Encounter), else nil.
func Compartment(name string) *CompartmentDefinition { return compartments()[name] }

// CompartmentNames lists the compartments of R4 in alphabetical order.
func CompartmentNames() []string {
	return []string{"Device", "Encounter", "Patient", "Practitioner", "RelatedPerson"}
}

// Params lists the search parameters by which a resource of that type belongs to the compartment: "{def}" means the
// resource itself is the compartment; nil that such resources are never in it.
func (c *CompartmentDefinition) Params(resourceType string) []string { return c.params[resourceType] }
