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
	if n, ok := lex.byID[notUnderstoodID]; ok {
		understood := len(h.features) == 0 // nothing was said: answers were given without words
		for _, f := range h.Findings {
			understood = understood || f.Value == Yes
		}
		s.Set(n, map[bool]Tri{true: No, false: Yes}[understood])
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

// span is what a band says: from low up to, and without, where the next begins.
func (b Band) span(low, greatest float64, last bool) Span {
	if last {
		return Span{low, greatest}
	}
	return Span{low, below(b.Below)}
}
