package triage

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/kith-care/kith/fhir"
)

// Answers are answers given beforehand.
type Answers struct {
	lex   *Lexicon
	state *State
}

// ParseAnswers reads {"headache":"yes","stiff-neck":"no","temperature":38.9}: names are ids of findings or plain words, values yes, no, unknown, true, false or,
// of numbers, a number in the finding's unit.
func (b *Book) ParseAnswers(data []byte) (*Answers, error) {
	a := &Answers{b.Lexicon, b.Lexicon.NewState()}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "answers are one JSON object: %s", err)
	}
	for name, raw := range members {
		if err := a.read(name, strings.Trim(string(raw), `" `)); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *Answers) read(name, value string) error {
	if n, ok := a.lex.byID[name]; ok && a.lex.Findings[n].Number != nil {
		v, err := strconv.ParseFloat(value, 64)
		if number := a.lex.Findings[n].Number; err != nil || v < number.Min || v > number.Max {
			return fhir.Errorf(fhir.Invalid, "%s is %q, not a number from %g to %g", name, value, number.Min, number.Max)
		}
		a.state.SetNumber(n, Span{v, v})
		return nil
	}
	found, _, _ := a.lex.meant(name)
	if len(found) == 0 {
		return fhir.Errorf(fhir.Invalid, "there is no finding %q", name)
	}
	for _, n := range found {
		switch value {
		case "yes", "true":
			a.state.Set(n, Yes)
		case "no", "false":
			a.state.Set(n, No)
		case "unknown", "not sure", "null", "?":
			a.state.unsure[n] = true
		default:
			return fhir.Errorf(fhir.Invalid, "%s is %q, not yes, no or unknown", name, value)
		}
	}
	return nil
}

// To is how the answers answer a question: what they do not name is no, and a number is not known.
func (a *Answers) To(q *Ask) (yes []Tri, number Span) {
	t := Truth{state: a.state}
	yes, number = t.answer(q)
	for i, n := range q.Items {
		if a.state.unsure[n] && a.state.yes[n] == Unknown {
			yes[i] = Unknown
		}
	}
	return yes, number
}

// Decide is the level of a pack for a person and answers, without a text and without asking.
func (b *Book) Decide(p *Pack, who Person, a *Answers, settings Settings) *Outcome {
	v := &Interview{Book: b, Settings: settings, Heard: &Heard{}, facts: who.Facts}
	v.state = a.state.clone()
	known := b.state(&Heard{Age: Open()}, who)
	for n := range known.yes {
		v.state.Set(n, known.yes[n])
		v.state.SetNumber(n, known.num[n])
	}
	v.Choose(p)
	return v.Outcome()
}

// Read reads what somebody types to a question in a terminal: y, n or ? to one finding; numbers of boxes, none or ? to several; the number of a band or ?.
func (q *Ask) Read(line string) (yes []Tri, number Span, ok bool) {
	number = Open()
	line = strings.ToLower(strings.TrimSpace(line))
	yes = make([]Tri, len(q.Items))
	switch {
	case line == "?":
		return yes, number, true
	case q.Bands != nil:
		n, err := strconv.Atoi(line)
		if err != nil || n < 1 || n > len(q.Bands) {
			return nil, number, false
		}
		low := 0.0
		if n > 1 {
			low = q.Bands[n-2].Below
		}
		return yes, q.Bands[n-1].span(low, q.most, n == len(q.Bands)), true
	case q.Boxes != nil:
		for i := range yes {
			yes[i] = No
		}
		if line == "none" || line == "n" || line == "0" {
			return yes, number, true
		}
		words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == ',' })
		for _, w := range words {
			n, err := strconv.Atoi(w)
			if err != nil || n < 1 || n > len(yes) {
				return nil, number, false
			}
			yes[n-1] = Yes
		}
		return yes, number, len(words) > 0
	case line == "y" || line == "yes":
		return []Tri{Yes}, number, true
	case line == "n" || line == "no":
		return []Tri{No}, number, true
	}
	return nil, number, false
}

// Said says answers in words.
func (b *Book) Said(q *Ask, yes []Tri, number Span) string {
	lex := b.Lexicon
	if lex.Findings[q.Items[0]].Number != nil {
		if number.open() {
			return "not sure"
		}
		for _, band := range q.Bands {
			if band.Below == 0 || number.Hi < band.Below {
				return band.Name
			}
		}
	}
	var with []string
	for i, n := range q.Items {
		if yes[i] == Yes {
			with = append(with, lex.Findings[n].Name)
		}
	}
	switch {
	case len(q.Items) == 1 && yes[0] == Yes:
		return "yes"
	case len(with) > 0:
		return strings.Join(with, ", ")
	case slices.Contains(yes, Unknown):
		return "not sure"
	case len(q.Items) == 1:
		return "no"
	}
	return "none of these"
}

// Write prints the outcome for people.
func (o *Outcome) Write(w io.Writer) {
	fmt.Fprintf(w, "\n%s (level %d, %s; pack %s %s)\n", o.Title, o.Level, o.LevelName, o.Pack, o.Version)
	for _, d := range o.Do {
		fmt.Fprintf(w, "  %s\n", d)
	}
	for _, d := range o.SafetyNet {
		fmt.Fprintf(w, "  %s\n", d)
	}
	if o.AdviceSource != nil {
		fmt.Fprintf(w, "  From: %s, %s\n", o.AdviceSource.Title, o.AdviceSource.URL)
	}
	fmt.Fprintln(w, "\nWhy")
	for _, f := range o.Floors {
		fmt.Fprintf(w, "  at least %s: %s (%s/%s, %s; %s)\n", f.Level, f.Says, f.Pack, f.ID, f.Hazard, f.Source.URL)
	}
	for _, c := range o.Contributions {
		fmt.Fprintf(w, "  %+4d  %s\n", c.Points, c.Words)
	}
	fmt.Fprintf(w, "  %g points: ", o.Points)
	for k, p := range o.Chances {
		fmt.Fprintf(w, "%s %.0f %%  ", Level(k), 100*p)
	}
	fmt.Fprintf(w, "\n  %d questions asked\n", o.Asked)
	if len(o.Facts) > 0 {
		fmt.Fprintln(w, "\nFrom the record")
	}
	for _, f := range o.Facts {
		fmt.Fprintf(w, "  %s: %s %s\n", f.Name, f.Words, f.From)
	}
	if len(o.Changes) > 0 {
		fmt.Fprintln(w, "\nWhat would change this")
	}
	for _, c := range o.Changes {
		fmt.Fprintf(w, "  %s: %s would make it %s\n", c.Name, c.To, c.Level)
	}
}

// TryExamples runs the example and the counterexample of every floor and benign pattern, and says which do not come out as they should.
func (b *Book) TryExamples() (faults []error) {
	lex := b.Lexicon
	for _, p := range append([]*Pack{b.Shared}, b.Packs...) {
		try := func(id string, r *Rule, text string, want bool) {
			s := b.state(lex.hear(text), Person{})
			for n := range s.yes { // what the text does not say is not so
				if lex.Findings[n].Number == nil {
					s.Set(n, No)
				}
			}
			if got := r.Holds(s) == Yes; got != want {
				var heard []string
				for _, h := range lex.hear(text).Findings {
					heard = append(heard, map[Tri]string{Yes: "+", No: "-"}[h.Value]+lex.Findings[h.Finding].ID)
				}
				faults = append(faults, fhir.Errorf(fhir.Invalid, "%s must hold on %q: %t, and does: %t (heard %s)", r, text, want, got, strings.Join(heard, " ")).At(p.file+": "+id))
			}
		}
		for _, f := range p.Floors {
			try(f.ID, f.when, f.Example, true)
			try(f.ID, f.when, f.Counter, false)
		}
		for _, g := range p.Benign {
			try(g.ID, g.when, g.Example, true)
			try(g.ID, g.when, g.Counter, false)
		}
	}
	return faults
}
