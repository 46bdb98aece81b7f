package access

import (
	"bufio"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// Table is a policy as it was read: data that a clinician, a privacy officer and a lawyer can review line by line.
type Table struct {
	Name, Version, Author, Source string

	classes []string
	classOf []uint8 // by type; 0 for a type that nobody but this program reaches
	labels  []label
	roles   []string
	rules   []rule
	shown   []shown
	dissent []string // roles that a person's dissent keeps out
	optOut  []string // purposes to which the national data opt-out applies
	stages  []stage
	visit   time.Duration // how long after a visit its organisation is close
	due     time.Duration // how long before a visit
	waiting time.Duration // how long a referral or task without an end is one
	glass   time.Duration // how long a record stays open after an emergency
}

// label is a mark of sensitivity.
type label struct {
	name  string
	codes []Code
}

// Code is a code with its system.
type Code struct{ System, Code string }

// rule permits: a role may do actions on classes where it is so close, for so many purposes, at such a level.
type rule struct {
	role     string
	actions  uint8
	classes  []uint8
	close    closeness
	level    Level
	purposes []string // nil for any
}

// shown says which labels somebody sees.
type shown struct {
	role   string
	close  closeness
	labels Labels
}

// stage is how someone trusted may act for a child from an age until the next stage.
type stage struct {
	from   int
	always []string // scopes that hold without a review
	review []string // scopes that hold once the stage has been reviewed
	person bool     // only what the young person agreed to themselves
}

// closeness is how close somebody is to a person, as a set.
type closeness uint16

const (
	anyone closeness = 1 << iota
	treating
	own
	self
	see
	book
	message
	manage
	glass
	agreed
	nobodys
)

var closenesses = map[string]closeness{"anyone": anyone, "treating": treating, "own": own, "self": self, "see": see, "book": book, "message": message,
	"manage": manage, "glass": glass, "agreed": agreed, "nobody": nobodys}

// Parse reads a policy. The form is that of policy.txt: a word that says what a line is, then what it says; # begins a
// comment, and a line that begins with a space goes on with the one before. The error names the line.
func Parse(r io.Reader) (*Table, error) {
	names := spec.ResourceNames()
	t := &Table{classes: []string{""}, classOf: make([]uint8, len(names)+1)}
	lines := bufio.NewScanner(r)
	var whole string
	start, n := 0, 0
	flush := func() error {
		text := whole
		whole = ""
		if strings.TrimSpace(text) == "" {
			return nil
		}
		if err := t.line(strings.Fields(text)); err != nil {
			return fhir.Errorf(fhir.Invalid, "line %d of the policy: %w", start, err)
		}
		return nil
	}
	for lines.Scan() {
		n++
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text != "" && (text[0] == ' ' || text[0] == '\t') {
			whole += " " + text
			continue
		}
		if err := flush(); err != nil {
			return nil, err
		}
		whole, start = text, n
	}
	if err := lines.Err(); err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the policy cannot be read: %w", err)
	}
	if err := flush(); err != nil {
		return nil, err
	}
	return t, t.complete()
}

func (t *Table) line(words []string) error {
	rest := words[1:]
	text := strings.Join(rest, " ")
	switch words[0] {
	case "policy":
		t.Name = text
	case "version":
		t.Version = text
	case "author":
		t.Author = text
	case "source":
		t.Source = text
	case "class":
		return t.class(rest)
	case "label":
		return t.label(rest)
	case "role":
		if len(rest) != 1 || slices.Contains(t.roles, rest[0]) {
			return fhir.Errorf(fhir.Invalid, "a role is one word, said once, not %q", text)
		}
		t.roles = append(t.roles, rest[0])
	case "may":
		return t.may(rest)
	case "sees":
		return t.sees(rest)
	case "dissent":
		t.dissent = rest
	case "optout":
		t.optOut = rest
	case "stage":
		return t.stage(rest)
	case "days", "hours":
		return t.span(words[0], rest)
	default:
		return fhir.Errorf(fhir.Invalid, "a line begins with policy, version, author, source, class, label, role, may, sees, dissent, optout, stage, days or hours, not %q", words[0])
	}
	return nil
}

func (t *Table) class(words []string) error {
	if len(words) < 2 || slices.Contains(t.classes, words[0]) || len(t.classes) == maxClasses {
		return fhir.Errorf(fhir.Invalid, "a class has a name that is said once and types, and there are fewer than %d", maxClasses)
	}
	for _, name := range words[1:] {
		typ, ok := spec.Resource(name)
		switch {
		case !ok:
			return fhir.Errorf(fhir.Invalid, "there is no resource type %s in FHIR R4", name)
		case t.classOf[typ] != 0:
			return fhir.Errorf(fhir.Invalid, "%s is in the class %s already", name, t.classes[t.classOf[typ]])
		}
		t.classOf[typ] = uint8(len(t.classes))
	}
	t.classes = append(t.classes, words[0])
	return nil
}

// label reads "label NAME SYSTEM CODE…": the codes of a label, in one line for each system.
func (t *Table) label(words []string) error {
	if len(words) < 3 {
		return fhir.Errorf(fhir.Invalid, "a label has a name, a system and codes")
	}
	i := slices.IndexFunc(t.labels, func(l label) bool { return l.name == words[0] })
	if i < 0 {
		if len(t.labels) == 64 {
			return fhir.Errorf(fhir.Invalid, "there are at most 64 labels")
		}
		i = len(t.labels)
		t.labels = append(t.labels, label{name: words[0]})
	}
	for _, code := range words[2:] {
		t.labels[i].codes = append(t.labels[i].codes, Code{words[1], code})
	}
	return nil
}

// may reads "may ROLE ACTIONS CLASS,… when CLOSENESS,… [level N] [for PURPOSE,…]".
func (t *Table) may(words []string) error {
	if len(words) < 5 || words[3] != "when" {
		return fhir.Errorf(fhir.Invalid, "it is: may ROLE ACTIONS CLASS,… when CLOSENESS,… [level N] [for PURPOSE,…]")
	}
	r := rule{role: words[0]}
	if !slices.Contains(t.roles, r.role) {
		return fhir.Errorf(fhir.Invalid, "there is no role %s", r.role)
	}
	for _, c := range words[1] {
		bit := Action(string(c)).bit()
		if bit == 0 {
			return fhir.Errorf(fhir.Invalid, "an action is C, R, U or D, not %q", c)
		}
		r.actions |= bit
	}
	for name := range strings.SplitSeq(words[2], ",") {
		i := slices.Index(t.classes, name)
		if name == "all" {
			for i := range t.classes {
				r.classes = append(r.classes, uint8(i))
			}
			continue
		}
		if i <= 0 {
			return fhir.Errorf(fhir.Invalid, "there is no class %q", name)
		}
		r.classes = append(r.classes, uint8(i))
	}
	var err error
	if r.close, err = closenessOf(words[4]); err != nil {
		return err
	}
	for rest := words[5:]; len(rest) > 0; rest = rest[2:] {
		switch {
		case len(rest) == 1:
			return fhir.Errorf(fhir.Invalid, "%q stands alone", rest[0])
		case rest[0] == "level":
			n, err := strconv.Atoi(rest[1])
			if err != nil || n != 0 && n != 5 && n != 9 {
				return fhir.Errorf(fhir.Invalid, "a level is 0, 5 or 9, not %q", rest[1])
			}
			r.level = Level(n)
		case rest[0] == "for":
			r.purposes = strings.Split(rest[1], ",")
		default:
			return fhir.Errorf(fhir.Invalid, "level or for is meant, not %q", rest[0])
		}
	}
	t.rules = append(t.rules, r)
	return nil
}

func closenessOf(text string) (closeness, error) {
	var out closeness
	for word := range strings.SplitSeq(text, ",") {
		c, ok := closenesses[word]
		if !ok {
			return 0, fhir.Errorf(fhir.Invalid, "somebody is close as anyone, treating, own, self, see, book, message, manage, glass, agreed or nobody, not %q", word)
		}
		out |= c
	}
	return out, nil
}

// sees reads "sees ROLE LABEL,… when CLOSENESS,…".
func (t *Table) sees(words []string) error {
	if len(words) != 4 || words[2] != "when" {
		return fhir.Errorf(fhir.Invalid, "it is: sees ROLE LABEL,… when CLOSENESS,…")
	}
	s := shown{role: words[0]}
	if !slices.Contains(t.roles, s.role) {
		return fhir.Errorf(fhir.Invalid, "there is no role %s", s.role)
	}
	for name := range strings.SplitSeq(words[1], ",") {
		if name == "all" {
			s.labels = ^Labels(0)
			continue
		}
		bit, ok := t.Label(name)
		if !ok {
			return fhir.Errorf(fhir.Invalid, "there is no label %q", name)
		}
		s.labels |= bit
	}
	var err error
	s.close, err = closenessOf(words[3])
	t.shown = append(t.shown, s)
	return err
}

// stage reads "stage AGE [always SCOPE,…] [reviewed SCOPE,…] [person]".
func (t *Table) stage(words []string) error {
	if len(words) == 0 {
		return fhir.Errorf(fhir.Invalid, "a stage begins at an age")
	}
	from, err := strconv.Atoi(words[0])
	if err != nil || len(t.stages) > 0 && from <= t.stages[len(t.stages)-1].from {
		return fhir.Errorf(fhir.Invalid, "stages begin at ages, in order, not at %q", words[0])
	}
	s := stage{from: from}
	for rest := words[1:]; len(rest) > 0; {
		switch {
		case rest[0] == "person":
			s.person, rest = true, rest[1:]
			continue
		case len(rest) > 1 && rest[0] == "always":
			s.always = strings.Split(rest[1], ",")
		case len(rest) > 1 && rest[0] == "reviewed":
			s.review = strings.Split(rest[1], ",")
		default:
			return fhir.Errorf(fhir.Invalid, "always, reviewed or person is meant, not %q", rest[0])
		}
		rest = rest[2:]
	}
	t.stages = append(t.stages, s)
	return nil
}

func (t *Table) span(unit string, words []string) error {
	if len(words) != 2 {
		return fhir.Errorf(fhir.Invalid, "it is: %s visit|due|waiting|glass NUMBER", unit)
	}
	n, err := strconv.Atoi(words[1])
	if err != nil || n < 1 {
		return fhir.Errorf(fhir.Invalid, "%q is no number of %s", words[1], unit)
	}
	d := time.Duration(n) * time.Hour
	if unit == "days" {
		d *= 24
	}
	switch words[0] {
	case "visit":
		t.visit = d
	case "due":
		t.due = d
	case "waiting":
		t.waiting = d
	case "glass":
		t.glass = d
	default:
		return fhir.Errorf(fhir.Invalid, "a span is visit, due, waiting or glass, not %q", words[0])
	}
	return nil
}

// complete reports what a policy must say and does not.
func (t *Table) complete() error {
	switch {
	case t.Name == "" || t.Version == "" || t.Author == "" || t.Source == "":
		return fhir.Errorf(fhir.Invalid, "a policy has a name, a version, an author and a source")
	case len(t.rules) == 0:
		return fhir.Errorf(fhir.Invalid, "the policy permits nothing")
	case t.visit == 0 || t.due == 0 || t.waiting == 0 || t.glass == 0:
		return fhir.Errorf(fhir.Invalid, "the policy must say how long visit, due, waiting and glass are")
	case len(t.stages) == 0 || t.stages[0].from != 0:
		return fhir.Errorf(fhir.Invalid, "the policy must say what someone trusted may do for a child from age 0")
	}
	return nil
}

// Label is the bit of a label.
func (t *Table) Label(name string) (Labels, bool) {
	i := slices.IndexFunc(t.labels, func(l label) bool { return l.name == name })
	if i < 0 {
		return 0, false
	}
	return 1 << i, true
}

// Codes calls f with every code that gives a resource a label.
func (t *Table) Codes(f func(c Code, l Labels)) {
	for i, l := range t.labels {
		for _, c := range l.codes {
			f(c, 1<<i)
		}
	}
}

// Roles are the roles that the policy knows.
func (t *Table) Roles() []string { return t.roles }

// Spans are how long after and before a visit, how long waiting, and how long after an emergency somebody is close.
func (t *Table) Spans() (visit, due, waiting, glass time.Duration) {
	return t.visit, t.due, t.waiting, t.glass
}
