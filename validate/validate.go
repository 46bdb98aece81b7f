// Package validate says whether a resource is what R4 allows, element by element.
//
// Structure is cheap enough to run at every write: names, types, cardinality, choices, the grammar of primitives,
// required bindings to R4's own value sets, what references may point to, and the rules for contained resources and
// extensions. Full adds what $validate asks for besides: every invariant of R4, evaluated as FHIRPath, the bindings that
// only advise, and the value sets of the record.
//
// Both give a list of issues, each with the FHIRPath of the element at fault; none means that all is well. What was not
// checked (a profile, a value set that is not known here) is said as an issue of its own, never passed over.
package validate

import (
	"strconv"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// Severity is how bad an issue is, as OperationOutcome codes it.
type Severity string

// The severities. Only an Error makes a resource invalid.
const (
	Error       Severity = "error"
	Warning     Severity = "warning"
	Information Severity = "information"
)

// Issue is one thing that is not as it should be.
type Issue struct {
	Severity   Severity
	Code       string // of https://hl7.org/fhir/R4/valueset-issue-type.html: structure, required, value, invariant, …
	Expression string // FHIRPath of the element at fault
	Message    string
	Key        string // of the invariant that fails, else ""
}

// Valid reports whether no issue is an Error.
func Valid(issues []Issue) bool {
	for _, i := range issues {
		if i.Severity == Error {
			return false
		}
	}
	return true
}

// maxIssues is after how many issues a check gives up: nobody reads more.
const maxIssues = 100

// Err makes one error of the first Error in issues, of kind Unprocessable; nil if there is none.
func Err(issues []Issue) error {
	for _, i := range issues {
		if i.Severity == Error {
			return fhir.Errorf(fhir.Unprocessable, "%s", i.Message).At(i.Expression)
		}
	}
	return nil
}

// Outcome is an OperationOutcome of the issues, in JSON; without any it says that all is well.
func Outcome(issues []Issue) []byte {
	out := []byte(`{"resourceType":"OperationOutcome","issue":[`)
	if len(issues) == 0 {
		issues = []Issue{{Severity: Information, Code: "informational", Message: "No issues found"}}
	}
	for i, issue := range issues {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"severity":"`...)
		out = append(out, issue.Severity...)
		out = append(out, `","code":"`...)
		out = append(out, issue.Code...)
		out = append(out, `","details":{"text":`...)
		out = appendString(out, issue.Message)
		out = append(out, '}')
		if issue.Key != "" {
			out = append(out, `,"diagnostics":`...)
			out = appendString(out, "R4's rule "+issue.Key)
		}
		if issue.Expression != "" {
			out = append(out, `,"expression":[`...)
			out = appendString(out, issue.Expression)
			out = append(out, ']')
		}
		out = append(out, '}')
	}
	return append(out, ']', '}')
}

// appendString appends s as a JSON string.
func appendString(out []byte, s string) []byte {
	out = append(out, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c < ' ':
			const hex = "0123456789abcdef"
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}

// step is one step of the path to the element at hand; the path is only written out for an issue.
type step struct {
	el    *spec.Element
	typ   string // of a choice, else ""
	name  string // where there is no element: an unknown member
	index int    // in an array, else -1
}

// expression writes a path as FHIRPath: Observation.value.ofType(Quantity).code, Patient.name[0].given[1].
func expression(root string, trail []step) string {
	b := append(make([]byte, 0, 64), root...)
	for _, s := range trail {
		b = append(b, '.')
		if s.el != nil {
			b = append(b, s.el.Name...)
		} else {
			b = append(b, s.name...)
		}
		if s.typ != "" {
			b = append(b, ".ofType("...)
			b = append(append(b, s.typ...), ')')
		}
		if s.index >= 0 {
			b = append(b, '[')
			b = append(strconv.AppendInt(b, int64(s.index), 10), ']')
		}
	}
	return string(b)
}
