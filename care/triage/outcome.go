package triage

import (
	"cmp"
	"math"
	"slices"
)

// Outcome is the level, with everything that led to it.
type Outcome struct {
	Level         Level          `json:"level"`
	LevelName     string         `json:"levelName"`
	Title         string         `json:"title"`
	Pack          string         `json:"pack"`
	Version       string         `json:"version"`
	Points        float64        `json:"points"`
	Chances       Chances        `json:"chances"`
	Floors        []Fired        `json:"floors,omitempty"`        // highest first
	Contributions []Contribution `json:"contributions,omitempty"` // largest first
	Facts         []UsedFact     `json:"facts,omitempty"`         // of the record
	Changes       []Change       `json:"changes,omitempty"`       // single answers that would change the level, nearest first
	Do            []string       `json:"do,omitempty"`
	SafetyNet     []string       `json:"safetyNet,omitempty"`
	AdviceSource  *Source        `json:"adviceSource,omitempty"`
	Asked         int            `json:"asked"`
	Unsure        []string       `json:"unsure,omitempty"` // asked, and not known
}

// Fired is a floor that held.
type Fired struct {
	ID     string `json:"id"`
	Pack   string `json:"pack"`
	Level  Level  `json:"level"`
	Says   string `json:"says"`
	Source Source `json:"source"`
	Hazard string `json:"hazard"`
	When   string `json:"when"`
}

// Contribution is what one weight or benign pattern added.
type Contribution struct {
	Rule   string `json:"rule"`
	Words  string `json:"words"`
	Points int    `json:"points"`
}

// UsedFact is a fact of the record that a rule used.
type UsedFact struct {
	Finding string `json:"finding"`
	Name    string `json:"name"`
	From    string `json:"from,omitempty"` // Condition/12
	Words   string `json:"words,omitempty"`
}

// Change is one answer that would have led to another level.
type Change struct {
	Finding string `json:"finding"`
	Name    string `json:"name"`
	To      string `json:"to"` // yes or no
	Level   Level  `json:"level"`
}

// Outcome is the level as things stand. What was never asked and not said is taken as not so; what was asked and not known counts as its prior in
// the score and as present in a floor.
func (v *Interview) Outcome() *Outcome {
	level, fired, pts := v.level(v.state)
	lex, p := v.Book.Lexicon, v.Pack
	o := &Outcome{Level: level, LevelName: level.String(), Title: level.Title(), Pack: p.Name, Version: p.Version, Points: math.Round(pts*10) / 10, Chances: p.chances(pts), Asked: v.Asked}
	used := map[int]bool{}
	for _, f := range fired {
		o.Floors = append(o.Floors, Fired{ID: f.ID, Pack: f.pack.Name, Level: f.Level, Says: f.Says, Source: f.pack.Sources[f.Source], Hazard: f.Hazard, When: f.When})
		note(used, f.when)
	}
	add := func(r *Rule, by int, words string) {
		if r.Holds(v.state) == Yes {
			o.Contributions = append(o.Contributions, Contribution{r.text, words, by})
			note(used, r)
		}
	}
	for _, w := range p.Score.Weights {
		add(w.when, w.Add, lex.words(w.when.text, asWritten))
	}
	for _, b := range p.Benign {
		add(b.when, b.Add, b.Says)
	}
	slices.SortStableFunc(o.Contributions, func(a, b Contribution) int { return cmp.Compare(abs(b.Points), abs(a.Points)) })
	for _, f := range v.facts {
		if used[f.Finding] || slices.ContainsFunc(lex.Findings[f.Finding].implies, func(n int) bool { return used[n] }) {
			o.Facts = append(o.Facts, UsedFact{lex.Findings[f.Finding].ID, lex.Findings[f.Finding].Name, f.From, f.Words})
		}
	}
	for n, f := range lex.Findings {
		if v.state.unsure[n] {
			o.Unsure = append(o.Unsure, f.ID)
		}
	}
	o.Changes = v.changes(level)
	v.advise(o)
	return o
}

func abs(n int) int { return max(n, -n) }

func note(used map[int]bool, r *Rule) {
	for _, n := range r.uses {
		used[n] = true
	}
}

// level decides. A floor that somebody was asked about and did not know holds: the worst case.
func (v *Interview) level(known *State) (Level, []*Floor, float64) {
	s := known.world(known.unsure)
	fired, certain, _ := v.Book.holding(s, v.Pack, s.unsure)
	floors, sure := v.Book.floors(s, v.Pack)
	for _, f := range floors[:sure] {
		if f.Level > certain && f.when.Holds(s) == Unknown && f.when.supposing(s) {
			fired = append(fired, f)
		}
	}
	for _, f := range fired {
		certain = max(certain, f.Level)
	}
	slices.SortStableFunc(fired, func(a, b *Floor) int { return cmp.Compare(b.Level, a.Level) })
	pts := v.Pack.points(s, s.unsure).mean
	return v.Pack.decide(pts, certain, v.Settings.lambda()), fired, pts
}

// supposing reports whether the rule would hold if everything that was answered "not sure" were so, and nothing else that is unknown.
func (r *Rule) supposing(s *State) bool {
	any := false
	for _, n := range r.uses {
		any = any || s.unsure[n] && s.yes[n] == Unknown && s.lex.Findings[n].Number == nil
	}
	if !any {
		return false
	}
	worst := s.clone()
	for _, n := range r.uses {
		if worst.unsure[n] && s.lex.Findings[n].Number == nil {
			worst.Set(n, Yes)
		}
	}
	return r.Holds(worst) == Yes
}

// changes finds the single answers that would lead to another level: first what was asked or said, then what was not.
func (v *Interview) changes(level Level) (out []Change) {
	lex := v.Book.Lexicon
	tried := map[int]bool{}
	try := func(n int) {
		f := lex.Findings[n]
		if tried[n] || f.fact || f.Number != nil || f.Ask == "" || len(out) >= mostChanges {
			return
		}
		tried[n] = true
		to := Yes
		if v.state.yes[n] == Yes {
			to = No
		}
		other := v.flipped(n, to)
		if l, _, _ := v.level(other); l != level {
			out = append(out, Change{f.ID, f.Name, map[Tri]string{Yes: "yes", No: "no"}[to], l})
		}
	}
	for _, h := range v.Heard.Findings {
		try(h.Finding)
	}
	for _, questions := range [][]Question{v.Pack.Screen, v.Pack.Questions, v.Book.Shared.Screen} {
		for i := range questions {
			for _, n := range questions[i].items {
				try(n)
			}
		}
	}
	return out
}

const mostChanges = 6

// flipped is the state with one finding the other way round, and what followed from it alone undone.
func (v *Interview) flipped(n int, to Tri) *State {
	s := v.state.clone()
	s.yes[n] = Unknown
	if to == No {
		for _, m := range s.lex.impliedBy[n] {
			if s.yes[m] == Yes {
				s.yes[m] = Unknown
			}
		}
	} else {
		for _, m := range s.lex.Findings[n].implies {
			if s.yes[m] == No {
				s.yes[m] = Unknown
			}
		}
	}
	s.Set(n, to)
	return s
}

// advise adds what to do.
func (v *Interview) advise(o *Outcome) {
	a, p := v.Book.adviceOf(v.Pack, o.Level)
	if a == nil {
		return
	}
	source := p.Sources[a.Source]
	o.Do, o.SafetyNet, o.AdviceSource = a.Do, a.SafetyNet, &source
}

// adviceOf is the pack's advice for a level, or that of the general pack, with the pack whose it is; nil where neither has any.
func (b *Book) adviceOf(p *Pack, l Level) (*Advice, *Pack) {
	if p.advice[l] == nil {
		p = b.byName[generalName]
	}
	return p.advice[l], p
}
