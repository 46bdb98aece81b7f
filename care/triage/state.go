package triage

// State is what is known: of each finding yes, no or unknown, of each number a span.
type State struct {
	yes []Tri
	num []Span
}
