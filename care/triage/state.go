package triage

import (
	"math"
	"slices"
)

// State is what is known: of each finding yes, no or unknown, of each number a span.
type State struct {
	lex    *Lexicon
	yes    []Tri
	num    []Span
	unsure []bool // asked, and answered "not sure"
}

// NewState is a state in which nothing is known.
func (lex *Lexicon) NewState() *State {
	s := &State{lex: lex, yes: make([]Tri, len(lex.Findings)), num: make([]Span, len(lex.Findings)), unsure: make([]bool, len(lex.Findings))}
	for i := range s.num {
		s.num[i] = Open()
	}
	return s
}

func (s *State) clone() *State {
	return &State{lex: s.lex, yes: slices.Clone(s.yes), num: slices.Clone(s.num), unsure: slices.Clone(s.unsure)}
}

// put copies from into s, which was cloned from a state of the same lexicon, without allocating.
func (s *State) put(from *State) {
	copy(s.yes, from.yes)
	copy(s.num, from.num)
	copy(s.unsure, from.unsure)
}

// Set makes a finding known, with what follows from it. What is known already stays: the first word holds.
func (s *State) Set(finding int, v Tri) {
	if v == Unknown || s.yes[finding] != Unknown {
		return
	}
	s.yes[finding] = v
	s.unsure[finding] = false
	f := s.lex.Findings[finding]
	if v == Yes {
		for _, n := range f.implies {
			s.Set(n, Yes)
		}
		for _, n := range f.rulesOut {
			s.Set(n, No)
		}
		return
	}
	for _, n := range s.lex.impliedBy[finding] {
		s.Set(n, No)
	}
}

// SetNumber makes a number known, with the findings that it means.
func (s *State) SetNumber(finding int, v Span) {
	if !s.num[finding].open() {
		return
	}
	s.num[finding] = v
	s.unsure[finding] = false
	if s.lex.Findings[finding].Number == nil {
		return
	}
	for _, m := range s.lex.Findings[finding].Number.Means {
		if m.From != nil {
			s.Set(m.finding, v.compare(">=", *m.From))
		} else {
			s.Set(m.finding, v.compare("<", *m.Below))
		}
	}
}

// known reports whether a finding or number is known, or was asked in vain.
func (s *State) known(finding int) bool {
	return s.yes[finding] != Unknown || !s.num[finding].open() || s.unsure[finding]
}

// chance is how likely the rule is to hold, where findings are taken as independent and each unknown one as likely as its prior.
func (r *Rule) chance(s *State, open []bool) float64 { return r.node.chance(s, open) }

func (n *node) chance(s *State, open []bool) float64 {
	switch n.kind {
	case nodeFinding, nodeCompare:
		v := n.holds(s)
		switch {
		case v == Yes:
			return 1
		case v == No || !open[n.finding]:
			return 0
		}
		return s.lex.Findings[n.finding].prior()
	case nodeNot:
		return 1 - n.parts[0].chance(s, open)
	case nodeAnd:
		p := 1.0
		for i := range n.parts {
			if p *= n.parts[i].chance(s, open); p == 0 {
				return 0
			}
		}
		return p
	case nodeOr:
		q := 1.0
		for i := range n.parts {
			q *= 1 - n.parts[i].chance(s, open)
		}
		return 1 - q
	}
	var of [16]float64 // how likely exactly so many of the parts hold
	of[0] = 1
	for i := range n.parts {
		p := n.parts[i].chance(s, open)
		for k := min(i+1, len(of)-1); k > 0; k-- {
			of[k] = of[k]*(1-p) + of[k-1]*p
		}
		of[0] *= 1 - p
	}
	sum := 0.0
	for k := n.of; k < len(of); k++ {
		sum += of[k]
	}
	return math.Min(sum, 1)
}
