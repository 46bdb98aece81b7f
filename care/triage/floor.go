package triage

// floors are the floors that stand in a world where pack p was chosen: its own, the shared ones, and those of every pack one of whose complaints is
// present. Those from the second return on stand only if a complaint that is still open turns out to be present.
func (b *Book) floors(s *State, p *Pack) (all []*Floor, certain int) {
	all = make([]*Floor, 0, 256)
	all = append(append(all, b.Shared.Floors...), p.Floors...)
	var perhaps []*Pack
	for _, other := range b.Packs {
		if other == p {
			continue
		}
		switch other.about(s) {
		case Yes:
			all = append(all, other.Floors...)
		case Unknown:
			perhaps = append(perhaps, other)
		}
	}
	certain = len(all)
	for _, other := range perhaps {
		all = append(all, other.Floors...)
	}
	return all, certain
}

// about reports whether a complaint of the pack is present, in somebody whom it is for.
func (p *Pack) about(s *State) Tri {
	if !p.suits(s) {
		return No
	}
	best := No
	for _, n := range p.complaint {
		best = max(best, s.yes[n])
	}
	return best
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

// holding are the floors that hold in a world, and what level the highest sets; possible is the level if everything open turned out for the worst.
func (b *Book) holding(s *State, p *Pack, open []bool) (fired []*Floor, certain, possible Level) {
	floors, sure := b.floors(s, p)
	for i, f := range floors {
		if i >= sure && f.Level <= possible {
			continue
		}
		switch v := f.when.Holds(s); {
		case v == Yes && i < sure:
			fired = append(fired, f)
			certain, possible = max(certain, f.Level), max(possible, f.Level)
		case v == Yes, v == Unknown && f.Level > possible && f.when.touches(open):
			possible = max(possible, f.Level)
		}
	}
	return fired, certain, possible
}
