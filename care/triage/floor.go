package triage

import "slices"

// floors are the floors that stand in a state where pack p was chosen: its own, the shared ones, and those of every pack one of whose complaints is present.
func (b *Book) floors(s *State, p *Pack) []*Floor {
	out := slices.Concat(b.Shared.Floors, p.Floors)
	for _, other := range b.Packs {
		if other != p && other.about(s) {
			out = append(out, other.Floors...)
		}
	}
	return out
}

// about reports whether a complaint of the pack is present, in somebody whom it is for.
func (p *Pack) about(s *State) bool {
	if !p.suits(s) {
		return false
	}
	for _, n := range p.complaint {
		if s.yes[n] == Yes {
			return true
		}
	}
	return false
}

// suits reports whether the pack may be for the person: their age and sex do not speak against it.
func (p *Pack) suits(s *State) bool {
	age := s.num[s.lex.byID[ageID]]
	if age.compare("<", p.For.From) == Yes || p.For.Below > 0 && age.compare(">=", p.For.Below) == Yes {
		return false
	}
	return p.For.Sex == "" || s.yes[s.lex.byID[p.For.Sex]] != No
}

// touches reports whether a rule could still be decided by something that is open.
func (r *Rule) touches(open []bool) bool {
	for _, n := range r.uses {
		if open[n] {
			return true
		}
	}
	return false
}

// world is a state in which what is unknown and not open is not so: what nobody said and nobody will ask. Numbers stay unknown.
func (s *State) world(open []bool) *State {
	w := s.clone()
	for n := range w.yes {
		if w.yes[n] == Unknown && !open[n] {
			w.yes[n] = No
		}
	}
	return w
}

// holding are the floors that hold, and what level the highest sets; possible is the level if everything open turned out for the worst.
// s is a world.
func holding(floors []*Floor, s *State, open []bool) (fired []*Floor, certain, possible Level) {
	for _, f := range floors {
		switch f.when.Holds(s) {
		case Yes:
			fired = append(fired, f)
			certain, possible = max(certain, f.Level), max(possible, f.Level)
		case Unknown:
			if f.Level > possible && f.when.touches(open) {
				possible = f.Level
			}
		}
	}
	return fired, certain, possible
}
