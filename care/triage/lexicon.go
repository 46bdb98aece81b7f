package triage

import (
	"regexp"
	"strconv"
	"strings"
)

// Finding is something that somebody has or has not, or a number: a symptom, a sign, or a fact of the record.
type Finding struct {
	ID      string   `yaml:"id"`
	Name    string   `yaml:"name"`    // as it stands in a sentence: "a stiff neck"
	Ask     string   `yaml:"ask"`     // as asked of the person: "Is your neck stiff?"; empty where it is never asked
	Other   string   `yaml:"other"`   // as asked about somebody else, where changing you to they reads wrongly
	Snomed  string   `yaml:"snomed"`  // SNOMED CT
	Says    []string `yaml:"says"`    // how people say it
	Implies []string `yaml:"implies"` // findings that are present where this one is
	Rules   []string `yaml:"rules-out"`
	Prior   float64  `yaml:"prior"` // how likely it is among those who are asked; 0 for 0.1
	Number  *Number  `yaml:"number"`
	Record  *Place   `yaml:"record"` // of a fact: where the record has it

	file     string
	line     int
	fact     bool
	implies  []int
	rulesOut []int
}

// Number is what a finding that is a number measures.
type Number struct {
	Unit  string  `yaml:"unit"` // years, days, °C, weeks or points
	Min   float64 `yaml:"min"`  // below this it is no such number
	Max   float64 `yaml:"max"`
	Bands []Band  `yaml:"bands"` // the answers to choose from, lowest first
	Means []Means `yaml:"means"`
}

// Band is one answer of a question about a number: up to, and without, Below. The last has no Below.
type Band struct {
	Name  string  `yaml:"name"`
	Below float64 `yaml:"below"`
}

// Means says which finding a number from From, or below Below, is.
type Means struct {
	From    *float64 `yaml:"from"`
	Below   *float64 `yaml:"below"`
	Finding string   `yaml:"finding"`

	finding int
}

// Place is where a record has a fact.
type Place struct {
	In     string   `yaml:"in"`     // conditions, medicines, allergies, events or pregnancy
	Codes  []string `yaml:"codes"`  // SNOMED CT and dm+d
	Within int      `yaml:"within"` // days; 0 for any time
	Ever   bool     `yaml:"ever"`   // also where it is over: a stroke before is one for ever
}

type findingsFile struct {
	Area     string     `yaml:"area"`
	Author   string     `yaml:"author"`
	Reviewed string     `yaml:"reviewed"`
	Findings []*Finding `yaml:"findings"`
}

// Lexicon is all findings and how people say them, compiled.
type Lexicon struct {
	Findings  []*Finding
	byID      map[string]int
	impliedBy [][]int // by finding: those that imply it
	listener  *listener
	known     map[string]bool // names of conditions, medicines and events that matter to no rule
}

// The findings that the engine itself fills.
const (
	ageID, durationID, temperatureID, severityID, weeksID = "age", "duration", "temperature", "severity", "weeks-pregnant"
	maleID, femaleID, pregnantID                          = "male", "female", "pregnant"
	notUnderstoodID                                       = "not-understood"
)

var conceptID = regexp.MustCompile(`^[1-9]\d{5,17}$`)

func newLexicon(findings []*Finding, faults *faults) *Lexicon {
	lex := &Lexicon{Findings: findings, byID: map[string]int{}}
	for i, f := range findings {
		if have, ok := lex.byID[f.ID]; ok {
			faults.add(f.file, f.line, "%s stands already in %s:%d", f.ID, findings[have].file, findings[have].line)
			continue
		}
		lex.byID[f.ID] = i
		f.check(faults)
	}
	for _, id := range []string{ageID, durationID, temperatureID, severityID, weeksID, maleID, femaleID, pregnantID} {
		if _, ok := lex.byID[id]; !ok {
			faults.add("findings", 0, "%s must be there: the engine fills it", id)
		}
	}
	lex.impliedBy = make([][]int, len(findings))
	for i, f := range findings {
		resolve := func(ids []string) (out []int) {
			for _, id := range ids {
				n, ok := lex.byID[id]
				if !ok || n == i {
					faults.add(f.file, f.line, "%s names %q, which is no other finding", f.ID, id)
					continue
				}
				out = append(out, n)
			}
			return out
		}
		f.implies, f.rulesOut = resolve(f.Implies), resolve(f.Rules)
		for _, n := range f.implies {
			lex.impliedBy[n] = append(lex.impliedBy[n], i)
		}
		if f.Number != nil {
			for j := range f.Number.Means {
				m := &f.Number.Means[j]
				if at := resolve([]string{m.Finding}); at != nil {
					m.finding = at[0]
				}
				if (m.From == nil) == (m.Below == nil) {
					faults.add(f.file, f.line, "%s: means has either from or below", f.ID)
				}
			}
		}
	}
	lex.checkCircles(faults)
	lex.listener = newListener(lex, faults)
	return lex
}

// checkCircles refuses findings that imply themselves by way of others.
func (lex *Lexicon) checkCircles(faults *faults) {
	for start, f := range lex.Findings {
		seen := make([]bool, len(lex.Findings))
		var walk func(n int) bool
		walk = func(n int) bool {
			for _, m := range lex.Findings[n].implies {
				if m == start {
					return true
				}
				if !seen[m] {
					seen[m] = true
					if walk(m) {
						return true
					}
				}
			}
			return false
		}
		if walk(start) {
			faults.add(f.file, f.line, "%s implies itself", f.ID)
		}
	}
}

func (f *Finding) check(faults *faults) {
	bad := func(format string, args ...any) { faults.add(f.file, f.line, f.ID+": "+format, args...) }
	switch {
	case !ruleName.MatchString(f.ID) || reserved[f.ID]:
		bad("an id is small letters, figures and hyphens, and none of and, or, not, of")
	case f.Name == "":
		bad("a name is needed")
	case f.Snomed != "" && !conceptID.MatchString(f.Snomed):
		bad("%q is no SNOMED CT code", f.Snomed)
	case f.Prior < 0 || f.Prior >= 1:
		bad("a prior is from 0 to below 1")
	case f.Ask != "" && !strings.HasSuffix(f.Ask, "?"):
		bad("a question ends with a question mark")
	case f.Record != nil && !f.fact:
		bad("what the record says stands in facts.yaml")
	}
	if n := f.Number; n != nil {
		if !(n.Max > n.Min) {
			bad("a number has min and max")
		}
		for i, b := range n.Bands {
			last := i == len(n.Bands)-1
			if b.Name == "" || (b.Below == 0) != last || i > 0 && !last && b.Below <= n.Bands[i-1].Below {
				bad("bands have names and rise, and only the last has no below")
			}
		}
		if f.Ask != "" && len(n.Bands) < 2 {
			bad("a number that is asked has bands")
		}
	}
	if r := f.Record; r != nil {
		switch r.In {
		case "conditions", "medicines", "allergies", "events", "pregnancy":
		default:
			bad("a record has conditions, medicines, allergies, events, pregnancy, not %q", r.In)
		}
		for _, c := range r.Codes {
			if !conceptID.MatchString(c) {
				bad("%q is no code of SNOMED CT or dm+d", c)
			}
		}
	}
}

// prior is how likely the finding is among those who are asked.
func (f *Finding) prior() float64 {
	if f.Prior == 0 {
		return 0.1
	}
	return f.Prior
}

// Question is the finding as asked of the person, or about somebody else.
func (f *Finding) Question(other bool) string { return address(f.Ask, f.Other, other) }

var toThey = strings.NewReplacer("make you ", "make them ", "touch you ", "touch them ", "of you ", "of them ", "of you,", "of them,", "bitten you", "bitten them", "stung you", "stung them", "get you ", "get them ",
	"to your", "to their", "for your", "for their", "with your", "with their", "about your", "about their", "to you", "to them", "for you", "for them", "stop you", "stop them", "stopped you", "stopped them", "stops you", "stops them", "told you", "told them", "with you", "with them", "hurts you", "hurts them", "about you", "about them",
	"you're", "they're", "You're", "They're", "yourself", "themselves", "yours", "theirs", "your", "their", "Your", "Their", "you", "they", "You", "They")

// address changes a question from you to they, which takes the same verbs.
func address(ask, other string, third bool) string {
	switch {
	case !third:
		return ask
	case other != "":
		return other
	}
	return toThey.Replace(ask)
}

func itoa(n int) string { return strconv.Itoa(n) }
