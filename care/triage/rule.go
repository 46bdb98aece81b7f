package triage

import (
	"math"
	"strconv"
	"strings"

	"github.com/kith-care/kith/fhir"
)

// Tri is yes, no or unknown.
type Tri int8

// The three values; unknown is zero.
const (
	Unknown Tri = 0
	No      Tri = -1
	Yes     Tri = 1
)

// Rule is a condition over findings and facts, such as
//
//	fever and (stiff-neck or 2 of (drowsy, cold-hands, fast-breathing)) and age < 5 years
//
// What is not known makes a rule unknown only where it could decide it.
type Rule struct {
	text string
	node node
	uses []int // findings, each once
}

// String is the rule as it was written.
func (r *Rule) String() string { return r.text }

type nodeKind uint8

const (
	nodeFinding nodeKind = iota
	nodeCompare
	nodeNot
	nodeAnd // of is how many must hold: all
	nodeOr
	nodeOf
)

type node struct {
	kind    nodeKind
	of      int // nodeOf: how many
	finding int
	compare string
	value   float64
	parts   []node
}

// Holds is whether the rule holds in a state. A rule whose value is known stays so whatever else becomes known.
func (r *Rule) Holds(s *State) Tri { return r.node.holds(s) }

func (n *node) holds(s *State) Tri {
	switch n.kind {
	case nodeFinding:
		return s.yes[n.finding]
	case nodeCompare:
		return s.num[n.finding].compare(n.compare, n.value)
	case nodeNot:
		return -n.parts[0].holds(s)
	}
	yes, open := 0, 0
	for i := range n.parts {
		switch n.parts[i].holds(s) {
		case Yes:
			yes++
		case Unknown:
			open++
		}
	}
	switch {
	case yes >= n.of:
		return Yes
	case yes+open < n.of:
		return No
	}
	return Unknown
}

// Span is what is known of a number: it lies from Lo to Hi, both included. A number that is known has Lo = Hi; one of a band has Hi just below the
// next band's beginning.
type Span struct{ Lo, Hi float64 }

// Open is a number of which nothing is known.
func Open() Span { return Span{math.Inf(-1), math.Inf(1)} }

// below is the greatest number that is less than v.
func below(v float64) float64 { return math.Nextafter(v, math.Inf(-1)) }

func (s Span) open() bool { return math.IsInf(s.Lo, -1) && math.IsInf(s.Hi, 1) }

func (s Span) compare(with string, v float64) Tri {
	var all, none bool
	switch with {
	case "<":
		all, none = s.Hi < v, s.Lo >= v
	case "<=":
		all, none = s.Hi <= v, s.Lo > v
	case ">":
		all, none = s.Lo > v, s.Hi <= v
	case ">=":
		all, none = s.Lo >= v, s.Hi < v
	default:
		all, none = s.Lo == v && s.Hi == v, s.Hi < v || s.Lo > v
	}
	switch {
	case all:
		return Yes
	case none:
		return No
	}
	return Unknown
}

var reserved = map[string]bool{"and": true, "or": true, "not": true, "of": true}

// perUnit says how many of a number's own unit one of another is.
var perUnit = map[string]map[string]float64{
	"years":  {"years": 1, "year": 1, "months": 1.0 / 12, "month": 1.0 / 12, "weeks": 7 / 365.25, "week": 7 / 365.25, "days": 1 / 365.25, "day": 1 / 365.25},
	"days":   {"days": 1, "day": 1, "hours": 1.0 / 24, "hour": 1.0 / 24, "weeks": 7, "week": 7, "months": 30, "month": 30, "years": 365, "year": 365},
	"weeks":  {"weeks": 1, "week": 1},
	"°C":     {"°C": 1},
	"points": {},
}

// Rule compiles a condition.
func (lex *Lexicon) Rule(text string) (*Rule, error) {
	p := &ruleParser{lex: lex, words: ruleWords(text), rule: &Rule{text: text}}
	n, err := p.or()
	if err == nil && len(p.words) > 0 {
		err = fhir.Errorf(fhir.Invalid, "%q stands where the rule should end", p.words[0])
	}
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the rule %q: %s", text, err)
	}
	p.rule.node = n
	return p.rule, nil
}

func ruleWords(text string) []string {
	for _, sign := range []string{"(", ")", ","} {
		text = strings.ReplaceAll(text, sign, " "+sign+" ")
	}
	return strings.Fields(text)
}

type ruleParser struct {
	lex   *Lexicon
	words []string
	rule  *Rule
}

func (p *ruleParser) next() string {
	if len(p.words) == 0 {
		return ""
	}
	w := p.words[0]
	p.words = p.words[1:]
	return w
}

func (p *ruleParser) peek(word string) bool {
	if len(p.words) == 0 || p.words[0] != word {
		return false
	}
	p.words = p.words[1:]
	return true
}

func (p *ruleParser) or() (node, error) {
	return p.list("or", nodeOr, func() (node, error) { return p.list("and", nodeAnd, p.one) })
}

func (p *ruleParser) list(word string, kind nodeKind, part func() (node, error)) (node, error) {
	first, err := part()
	if err != nil {
		return node{}, err
	}
	all := node{kind: kind, of: 1, parts: []node{first}}
	for p.peek(word) {
		n, err := part()
		if err != nil {
			return node{}, err
		}
		all.parts = append(all.parts, n)
	}
	if len(all.parts) == 1 {
		return first, nil
	}
	if kind == nodeAnd {
		all.of = len(all.parts)
	}
	return all, nil
}

func (p *ruleParser) one() (node, error) {
	switch w := p.next(); {
	case w == "":
		return node{}, fhir.Errorf(fhir.Invalid, "it breaks off")
	case w == "not":
		n, err := p.one()
		return node{kind: nodeNot, parts: []node{n}}, err
	case w == "(":
		n, err := p.or()
		if err == nil && !p.peek(")") {
			err = fhir.Errorf(fhir.Invalid, "a bracket is not closed")
		}
		return n, err
	case w[0] >= '0' && w[0] <= '9':
		return p.several(w)
	default:
		return p.finding(w)
	}
}

// several reads what follows a number: of ( a, b, … ).
func (p *ruleParser) several(number string) (node, error) {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || !p.peek("of") || !p.peek("(") {
		return node{}, fhir.Errorf(fhir.Invalid, "%q is not followed by of ( … )", number)
	}
	all := node{kind: nodeOf, of: n}
	for {
		part, err := p.or()
		if err != nil {
			return node{}, err
		}
		all.parts = append(all.parts, part)
		if p.peek(")") {
			break
		}
		if !p.peek(",") {
			return node{}, fhir.Errorf(fhir.Invalid, "a comma or bracket is missing")
		}
	}
	if n >= len(all.parts) {
		return node{}, fhir.Errorf(fhir.Invalid, "%d of %d is no choice", n, len(all.parts))
	}
	return all, nil
}

func (p *ruleParser) finding(id string) (node, error) {
	i, ok := p.lex.byID[id]
	if !ok {
		return node{}, fhir.Errorf(fhir.Invalid, "there is no finding %q", id)
	}
	p.use(i)
	number := p.lex.Findings[i].Number
	if len(p.words) == 0 || !strings.Contains(" < <= > >= = ", " "+p.words[0]+" ") {
		if number != nil {
			return node{}, fhir.Errorf(fhir.Invalid, "%s is a number, and is compared with nothing", id)
		}
		return node{kind: nodeFinding, finding: i}, nil
	}
	if number == nil {
		return node{}, fhir.Errorf(fhir.Invalid, "%s is no number", id)
	}
	compare := p.next()
	value, err := strconv.ParseFloat(p.next(), 64)
	if err != nil {
		return node{}, fhir.Errorf(fhir.Invalid, "%s %s is not followed by a number", id, compare)
	}
	if len(p.words) > 0 {
		if by, ok := perUnit[number.Unit][p.words[0]]; ok {
			value *= by
			p.next()
		}
	}
	return node{kind: nodeCompare, finding: i, compare: compare, value: value}, nil
}

func (p *ruleParser) use(finding int) {
	for _, u := range p.rule.uses {
		if u == finding {
			return
		}
	}
	p.rule.uses = append(p.rule.uses, finding)
}
