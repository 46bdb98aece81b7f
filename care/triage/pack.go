package triage

import (
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Pack is what is known about one complaint: who it is for, what to ask, the floors, the score and the advice.
type Pack struct {
	Name      string             `yaml:"pack"`
	Version   string             `yaml:"version"` // three numbers; an outcome names it
	Title     string             `yaml:"title"`
	Author    string             `yaml:"author"`
	Reviewed  string             `yaml:"reviewed"`  // yyyy-mm-dd
	ReviewBy  string             `yaml:"review-by"` // yyyy-mm-dd
	Sources   map[string]Source  `yaml:"sources"`
	For       For                `yaml:"for"`
	Complaint []string           `yaml:"complaint"` // findings that it is about: any of these present makes it a candidate
	Hints     []string           `yaml:"hints"`     // findings that speak for it where others are candidates, too
	Screen    []Question         `yaml:"screen"`    // red flags, asked before anything else
	Questions []Question         `yaml:"questions"`
	Floors    []*Floor           `yaml:"floors"`
	Score     Score              `yaml:"score"`
	Benign    []*Benign          `yaml:"benign"`
	Advice    map[string]*Advice `yaml:"advice"` // by the level's name

	file      string
	complaint []int
	hints     []int
	advice    [Levels]*Advice
}

// Source is a publication that a rule rests on.
type Source struct {
	Title string `yaml:"title"`
	URL   string `yaml:"url"`
}

// For says whom a pack is for. The zero value is everybody.
type For struct {
	From  float64 `yaml:"from"`  // age in years, from
	Below float64 `yaml:"below"` // age in years, below; 0 for no bound
	Sex   string  `yaml:"sex"`   // male, female, or "" for any
}

// Question is one question: about one finding, or about several at once with a box to tick for each.
type Question struct {
	One  string   `yaml:"one"`
	Any  []string `yaml:"any"`
	Ask  string   `yaml:"ask"`  // of Any: the sentence above the boxes; "Do you have any of these?" where empty
	When string   `yaml:"when"` // asked only where this is not known to be false

	key   string // its name in what is kept of an interview: headache-screen-1
	items []int
	when  *Rule
}

// Floor is a rule that sets a minimum. Nothing lowers what a floor sets.
type Floor struct {
	ID      string `yaml:"id"`
	When    string `yaml:"when"`
	AtLeast string `yaml:"at-least"` // a level's name
	Source  string `yaml:"source"`   // of the pack's sources
	Hazard  string `yaml:"hazard"`   // T-NN of docs/safety.md
	Says    string `yaml:"says"`     // one sentence for the person
	Example string `yaml:"example"`  // words on which it must fire; a test tries them
	Counter string `yaml:"counter"`  // words, as like as can be, on which it must not
	Level   Level  `yaml:"-"`

	pack *Pack
	when *Rule
}

// Score is an ordinal logistic model: P(level ≥ k) = σ((Base + Σ Add − Thresholds[k]) / 10), so ten points are one unit of log odds.
type Score struct {
	Base       int       `yaml:"base"`       // the points before anything is known
	Thresholds []int     `yaml:"thresholds"` // of the levels routine, same-day, emergency, call-999; empty for 40, 80, 135, 300
	Weights    []*Weight `yaml:"weights"`
}

// Weight adds points where its rule holds.
type Weight struct {
	When string `yaml:"when"`
	Add  int    `yaml:"add"`

	when *Rule
}

// Benign is a known harmless pattern of the record: it lowers the score, never a floor.
type Benign struct {
	ID      string `yaml:"id"`
	When    string `yaml:"when"`
	Add     int    `yaml:"add"` // below 0
	Source  string `yaml:"source"`
	Says    string `yaml:"says"`
	Example string `yaml:"example"`
	Counter string `yaml:"counter"`

	when *Rule
}

// Advice is what to do at a level.
type Advice struct {
	Do        []string `yaml:"do"`
	SafetyNet []string `yaml:"safety-net"` // what would make it more urgent, and what to do then
	Source    string   `yaml:"source"`
}

const scale = 10 // points of one unit of log odds

var (
	version  = regexp.MustCompile(`^\d+\.\d+\.\d+$`)
	ruleName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	hazard   = regexp.MustCompile(`^T-\d\d$`)
)

// compile resolves names and checks everything that can be checked without a text.
func (p *Pack) compile(lex *Lexicon, root *yaml.Node, faults *faults) {
	bad := func(line int, format string, args ...any) { faults.add(p.file, line, format, args...) }
	p.head(root, bad)
	names := func(ids []string, at ...any) (out []int) {
		for i, id := range ids {
			if n, ok := lex.byID[id]; ok {
				out = append(out, n)
			} else {
				bad(lineOf(root, append(at, i)...), "there is no finding %q", id)
			}
		}
		return out
	}
	rule := func(text string, at ...any) *Rule {
		r, err := lex.Rule(text)
		if err != nil {
			bad(lineOf(root, at...), "%s", err)
		}
		return r
	}
	source := func(key string, at ...any) {
		if _, ok := p.Sources[key]; !ok {
			bad(lineOf(root, at...), "there is no source %q", key)
		}
	}
	p.complaint, p.hints = names(p.Complaint, "complaint"), names(p.Hints, "hints")
	if len(p.Complaint) == 0 && p.Name != sharedName && p.Name != generalName {
		bad(lineOf(root), "complaint is empty: nothing would make it a candidate")
	}
	for member, questions := range map[string][]Question{"screen": p.Screen, "questions": p.Questions} {
		for i := range questions {
			q, at := &questions[i], []any{member, i}
			q.key = p.Name + "-" + member + "-" + itoa(i+1)
			if (q.One == "") == (len(q.Any) == 0) {
				bad(lineOf(root, at...), "a question has either one or any")
			}
			if q.One != "" {
				q.items = names([]string{q.One}, append(at, "one")...)
			} else {
				q.items = names(q.Any, append(at, "any")...)
			}
			for _, n := range q.items {
				if f := lex.Findings[n]; f.Ask == "" {
					bad(lineOf(root, at...), "%s has no ask, so it cannot be asked", f.ID)
				} else if f.Number != nil && q.One == "" {
					bad(lineOf(root, at...), "%s is a number, so it is a question of its own", f.ID)
				}
			}
			if q.When != "" {
				q.when = rule(q.When, append(at, "when")...)
			}
		}
	}
	seen := map[string]bool{}
	id := func(name string, line int) {
		if !ruleName.MatchString(name) || seen[name] {
			bad(line, "the id %q is not small letters, figures and hyphens, or there are two of it", name)
		}
		seen[name] = true
	}
	for i, f := range p.Floors {
		line := lineOf(root, "floors", i)
		id(f.ID, line)
		f.pack, f.when = p, rule(f.When, "floors", i, "when")
		level, err := ParseLevel(f.AtLeast)
		if err != nil {
			bad(lineOf(root, "floors", i, "at-least"), "%s", err)
		}
		f.Level = level
		source(f.Source, "floors", i, "source")
		if !hazard.MatchString(f.Hazard) {
			bad(line, "the hazard %q is not of the form T-NN", f.Hazard)
		}
		if f.Says == "" || f.Example == "" || f.Counter == "" {
			bad(line, "a floor has says, example and counter")
		}
	}
	p.compileScore(root, bad, rule, source, id)
	p.compileAdvice(root, bad, source)
}

func (p *Pack) head(root *yaml.Node, bad func(int, string, ...any)) {
	if !ruleName.MatchString(p.Name) || p.Title == "" || p.Author == "" {
		bad(lineOf(root), "pack, title and author are needed")
	}
	if !version.MatchString(p.Version) {
		bad(lineOf(root, "version"), "the version %q is not three numbers such as 1.0.0", p.Version)
	}
	reviewed, err := time.Parse(time.DateOnly, p.Reviewed)
	by, err2 := time.Parse(time.DateOnly, p.ReviewBy)
	if err != nil || err2 != nil || !by.After(reviewed) {
		bad(lineOf(root, "reviewed"), "reviewed and review-by are dates such as 2026-11-26, one after the other")
	}
	if len(p.Sources) == 0 {
		bad(lineOf(root), "sources is empty")
	}
	for key, s := range p.Sources {
		if s.Title == "" || !strings.HasPrefix(s.URL, "https://") {
			bad(lineOf(root, "sources", key), "a source has a title and an https address")
		}
	}
	if p.For.Sex != "" && p.For.Sex != "male" && p.For.Sex != "female" {
		bad(lineOf(root, "for"), "sex is male, female or left out")
	}
}

func (p *Pack) compileScore(root *yaml.Node, bad func(int, string, ...any), rule func(string, ...any) *Rule, source func(string, ...any), id func(string, int)) {
	s := &p.Score
	if len(s.Thresholds) == 0 {
		s.Thresholds = []int{40, 80, 135, 300}
	}
	rising := len(s.Thresholds) == Levels-1
	for i := 1; i < len(s.Thresholds); i++ {
		rising = rising && s.Thresholds[i] > s.Thresholds[i-1]
	}
	if !rising {
		bad(lineOf(root, "score", "thresholds"), "thresholds are four rising numbers")
	}
	for i, w := range s.Weights {
		w.when = rule(w.When, "score", "weights", i)
		if w.Add == 0 {
			bad(lineOf(root, "score", "weights", i), "a weight adds something")
		}
	}
	for i, b := range p.Benign {
		line := lineOf(root, "benign", i)
		id(b.ID, line)
		b.when = rule(b.When, "benign", i, "when")
		source(b.Source, "benign", i, "source")
		if b.Add >= 0 || b.Says == "" || b.Example == "" || b.Counter == "" {
			bad(line, "a benign pattern lowers the score, and has says, example and counter")
		}
	}
}

func (p *Pack) compileAdvice(root *yaml.Node, bad func(int, string, ...any), source func(string, ...any)) {
	for name, a := range p.Advice {
		level, err := ParseLevel(name)
		if err != nil {
			bad(lineOf(root, "advice", name), "%s", err)
			continue
		}
		source(a.Source, "advice", name)
		if len(a.Do) == 0 {
			bad(lineOf(root, "advice", name), "advice says what to do")
		}
		p.advice[level] = a
	}
	if p.Name != sharedName && (p.advice[SelfCare] == nil || len(p.advice[SelfCare].SafetyNet) == 0) {
		bad(lineOf(root, "advice"), "advice for self-care is needed, with a safety net")
	}
}
