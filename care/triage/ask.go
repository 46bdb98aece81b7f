package triage

import "slices"

// Interview is one person being asked. It is a value of what was said and answered: the same always leads to the same.
type Interview struct {
	Book       *Book
	Settings   Settings
	Heard      *Heard
	Candidates []*Pack // best first; general is last
	Pack       *Pack
	Asked      int // questions

	state   *State
	facts   []Fact
	pending []*Question // not asked yet, screens first
	screens int         // how many of pending are screens
}

// Person is what is known of somebody before they say anything. The zero value is nobody known.
type Person struct {
	Age    *float64 // in years
	Sex    string   // male, female or ""
	Record bool     // a record was read: a fact that it has not and that nobody says is not so
	Facts  []Fact
}

// Begin hears a text and chooses the first candidate; Choose changes that.
func (b *Book) Begin(text string, who Person, settings Settings) *Interview {
	v := &Interview{Book: b, Settings: settings, Heard: b.Hear(text), facts: who.Facts}
	v.state = b.state(v.Heard, who)
	v.Candidates = b.candidates(v.Heard, v.state)
	v.Choose(v.Candidates[0])
	return v
}

// state is what a text and a record say. What the text says comes first: a record may be old.
func (b *Book) state(h *Heard, who Person) *State {
	lex := b.Lexicon
	s := lex.NewState()
	for _, value := range []Tri{Yes, No} {
		for _, f := range h.Findings {
			if f.Value != value {
				continue
			}
			if days, ok := h.Days[f.Finding]; ok && value == Yes {
				if r := lex.Findings[f.Finding].Record; r != nil && r.Within > 0 && days > r.Within {
					continue // an operation years ago
				}
			}
			s.Set(f.Finding, value)
		}
		if value == Yes {
			for n, span := range h.Numbers {
				s.SetNumber(n, span)
			}
		}
	}
	sex, age := who.Sex, h.Age
	if who.Age != nil {
		age = Span{*who.Age, *who.Age}
	}
	if sex == "" {
		sex = h.Sex
	}
	if sex == "" && s.yes[lex.byID[pregnantID]] == Yes {
		sex = femaleID
	}
	switch sex {
	case maleID:
		s.Set(lex.byID[maleID], Yes)
		s.Set(lex.byID[femaleID], No)
		s.Set(lex.byID[pregnantID], No)
	case femaleID:
		s.Set(lex.byID[femaleID], Yes)
		s.Set(lex.byID[maleID], No)
	}
	if !age.open() {
		s.SetNumber(lex.byID[ageID], age)
	}
	for _, f := range who.Facts {
		s.Set(f.Finding, Yes)
		if f.Weeks > 0 {
			s.SetNumber(lex.byID[weeksID], Span{float64(f.Weeks), float64(f.Weeks)})
		}
	}
	for n, f := range lex.Findings {
		if who.Record && f.Record != nil {
			s.Set(n, No)
		}
	}
	return s
}

// candidates are the packs that the findings speak for, best first, and at the end the general one. What is said first, and in more words, speaks louder.
func (b *Book) candidates(h *Heard, s *State) []*Pack {
	type ranked struct {
		pack  *Pack
		score float64
	}
	var all []ranked
	for _, p := range b.Packs {
		if p.Name == generalName || !p.suits(s) {
			continue
		}
		score, about := 0.0, false
		seen, counted := map[int]bool{}, map[int]bool{}
		for _, f := range h.Findings {
			if f.Value != Yes || seen[f.Finding] {
				continue
			}
			seen[f.Finding] = true
			early := 1 / (1 + float64(f.At)/12)
			switch i := b.Lexicon.firstOf(p.complaint, f.Finding); {
			case i >= 0:
				about = true
				if counted[i] {
					break // vomiting, and vomiting again and again, are one complaint
				}
				counted[i] = true
				score += (2 + 0.5*float64(f.Length) + 2*early) / (1 + 0.04*float64(i))
			case slices.Contains(p.hints, f.Finding):
				score += 0.8 + 0.4*early
			}
		}
		if !about && p.about(s) == Yes {
			about, score = true, score+2 // by what a number or another finding means
		}
		if about {
			if p.For != (For{}) {
				score += 1.6
			}
			all = append(all, ranked{p, score})
		}
	}
	slices.SortStableFunc(all, func(a, b ranked) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
	var out []*Pack
	for _, r := range all {
		out = append(out, r.pack)
	}
	return append(out, b.byName[generalName])
}

// firstOf is the place in a list of a finding, or of one that it implies; −1 where there is none.
func (lex *Lexicon) firstOf(list []int, finding int) int {
	best := slices.Index(list, finding)
	for _, n := range lex.Findings[finding].implies {
		if i := lex.firstOf(list, n); i >= 0 && (best < 0 || i < best) {
			best = i
		}
	}
	return best
}

// Choose makes p the pack, as the person confirms it.
func (v *Interview) Choose(p *Pack) {
	v.Pack = p
	v.pending, v.screens = nil, 0
	add := func(questions []Question) {
		for i := range questions {
			v.pending = append(v.pending, &questions[i])
		}
	}
	add(v.Book.Shared.Screen)
	add(p.Screen)
	v.screens = len(v.pending)
	add(v.Book.Shared.Questions)
	add(p.Questions)
}

// items are the findings of a question that are still worth asking.
func (v *Interview) items(q *Question) (out []int) {
	if q.when != nil && q.when.Holds(v.state) == No {
		return nil
	}
	for _, n := range q.items {
		if !v.state.known(n) && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// open are the findings that answers may still make known, or that were asked in vain.
func (v *Interview) open() []bool {
	lex := v.Book.Lexicon
	open := slices.Clone(v.state.unsure)
	var mark func(n int)
	mark = func(n int) {
		if open[n] || v.state.yes[n] != Unknown {
			return
		}
		open[n] = true
		for _, m := range lex.Findings[n].implies {
			mark(m)
		}
		if number := lex.Findings[n].Number; number != nil {
			for _, m := range number.Means {
				mark(m.finding)
			}
		}
	}
	for _, q := range v.pending {
		for _, n := range v.items(q) {
			mark(n)
		}
	}
	return open
}

// Ask is a question as it is put.
type Ask struct {
	Text   string
	Items  []int // findings; one of a number has Bands
	Boxes  []string
	Bands  []Band
	Screen bool

	question *Question
	most     float64 // of a number: no more than this
}

// Next is the question to ask now, nil where none is left that could change the level. Screens come first, in their order; of the others the one
// that is expected to save most.
func (v *Interview) Next() *Ask {
	if v.Asked >= v.Settings.questions() {
		return nil
	}
	open := v.open()
	low, high := v.bounds(open)
	if low == high {
		return nil
	}
	var best *Question
	most := -1.0
	screening := false
	for i, q := range v.pending {
		if screening = i < v.screens; !screening && best != nil && i == v.screens {
			break
		}
		items := v.items(q)
		if len(items) == 0 {
			continue
		}
		if screening {
			best = q
			break
		}
		if gain := v.gain(q, items, open); gain > most {
			best, most = q, gain
		}
	}
	if best == nil {
		return nil
	}
	return v.put(best)
}

// anyOfThese stands above boxes where a pack has no words of its own.
const anyOfThese = "Do you have any of these?"

func (v *Interview) put(q *Question) *Ask {
	lex := v.Book.Lexicon
	a := &Ask{Items: v.items(q), Text: q.Ask, question: q}
	a.Screen = slices.Contains(v.pending[:v.screens], q)
	if q.One != "" || len(a.Items) == 1 {
		f := lex.Findings[a.Items[0]]
		a.Text = f.Question(v.Heard.Other)
		if f.Number != nil {
			a.Bands, a.most = f.Number.Bands, f.Number.Max
		}
		return a
	}
	if a.Text == "" {
		a.Text = anyOfThese
	}
	a.Text = address(a.Text, "", v.Heard.Other)
	for _, n := range a.Items {
		a.Boxes = append(a.Boxes, lex.Findings[n].Name)
	}
	return a
}

// Answer is what somebody said to a question: of each item yes, no or unknown (not sure), of a number a span (Open for not sure).
func (v *Interview) Answer(a *Ask, yes []Tri, number Span) {
	v.Asked++
	for i, n := range a.Items {
		switch {
		case v.Book.Lexicon.Findings[n].Number != nil:
			if number.open() {
				v.state.unsure[n] = true
			} else {
				v.state.SetNumber(n, number)
			}
		case yes[i] == Unknown:
			v.state.unsure[n] = v.state.yes[n] == Unknown
		}
	}
	for _, value := range []Tri{Yes, No} {
		for i, n := range a.Items {
			if v.Book.Lexicon.Findings[n].Number == nil && yes[i] == value {
				v.state.Set(n, value)
			}
		}
	}
	for i, q := range v.pending {
		if q == a.question {
			if v.pending = slices.Delete(v.pending, i, i+1); i < v.screens {
				v.screens--
			}
			break
		}
	}
	if v.Pack.Name == generalName {
		v.turn(a, yes)
	}
}

// turn goes over from the general pack to the one whose complaint an answer brought up: somebody who says "I feel awful" and ticks chest pain is asked
// about chest pain.
func (v *Interview) turn(a *Ask, yes []Tri) {
	for i, n := range a.Items {
		if yes[i] != Yes {
			continue
		}
		var best *Pack
		at := 0
		for _, p := range v.Book.Packs {
			j := v.Book.Lexicon.firstOf(p.complaint, n)
			if j >= 0 && p.suits(v.state) && (best == nil || j < at) {
				best, at = p, j
			}
		}
		if best != nil {
			v.Choose(best)
			return
		}
	}
}

// bounds are the levels that would be decided if everything open turned out for the best, and for the worst.
func (v *Interview) bounds(open []bool) (low, high Level) {
	w := v.state.world(open)
	_, certain, possible := v.Book.holding(w, v.Pack, open)
	if certain == Call999 {
		return certain, certain
	}
	pts := v.Pack.points(w, open)
	lambda := v.Settings.lambda()
	return v.Pack.decide(pts.low, certain, lambda), v.Pack.decide(pts.high, possible, lambda)
}

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

// span is what a band says: from low up to, and without, where the next begins.
func (b Band) span(low, greatest float64, last bool) Span {
	if last {
		return Span{low, greatest}
	}
	return Span{low, below(b.Below)}
}
