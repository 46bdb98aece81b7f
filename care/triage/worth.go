package triage

import "slices"

// gain is how much lower the expected cost will be once q is answered: the value of the answer. Of several boxes the cases are that none is ticked, and
// that one is.
func (v *Interview) gain(q *Question, items []int, open []bool) float64 {
	lex := v.Book.Lexicon
	w := v.state.world(open)
	now := v.cost(w, open)
	after := 0.0
	try := w.clone()
	less := slices.Clone(open)
	for _, n := range items {
		less[n] = false
	}
	if number := lex.Findings[items[0]].Number; number != nil {
		low := number.Min
		for i, b := range number.Bands {
			try.put(w)
			try.SetNumber(items[0], b.span(low, number.Max, i == len(number.Bands)-1))
			after += v.cost(try, less) / float64(len(number.Bands))
			low = b.Below
		}
		return now - after
	}
	none, sum := 1.0, 0.0
	for _, n := range items {
		p := lex.Findings[n].prior()
		none *= 1 - p
		sum += p
	}
	for i := range items {
		try.put(w)
		try.Set(items[i], Yes)
		for j := range items {
			try.Set(items[j], No)
		}
		after += (1 - none) * lex.Findings[items[i]].prior() / sum * v.cost(try, less)
	}
	try.put(w)
	for _, n := range items {
		try.Set(n, No)
	}
	return now - after - none*v.cost(try, less)
}

// cost is what deciding now, as well as can be, would cost on average.
func (v *Interview) cost(s *State, open []bool) float64 {
	c := v.Pack.chances(v.Pack.points(s, open).mean)
	_, certain, _ := v.Book.holding(s, v.Pack, open)
	c = c.raised(certain)
	if certain < Call999 {
		c = v.mayRise(c, s, open, certain)
	}
	lambda := v.Settings.lambda()
	return c.cost(c.decide(certain, lambda), lambda)
}

// mayRise moves the part of the chances that floors not yet known would raise.
func (v *Interview) mayRise(c Chances, s *State, open []bool, certain Level) Chances {
	var below [Levels]float64 // how likely no open floor of that level holds
	for k := range below {
		below[k] = 1
	}
	floors, _ := v.Book.floors(s, v.Pack)
	for _, f := range floors {
		if f.Level > certain && f.when.touches(open) && f.when.Holds(s) == Unknown {
			below[f.Level] *= 1 - f.when.chance(s, open)
		}
	}
	out, rest := Chances{}, 1.0
	for k := Call999; k > certain; k-- {
		share := rest * (1 - below[k])
		for i, p := range c.raised(k) {
			out[i] += share * p
		}
		rest *= below[k]
	}
	for i, p := range c {
		out[i] += rest * p
	}
	return out
}
