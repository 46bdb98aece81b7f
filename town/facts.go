package town

import (
	"math"
	"slices"
	"time"
)

// fact is one thing a practice wrote down, before any supplier's format. The formats are writers over facts: what two
// systems say of one fact differs only in how they say it.
type fact struct {
	n         int // number within the person; every system's key follows from it
	kind      factKind
	code      *clinical // nil for consultations, slots and medicines
	drug      *drug     // of plans and issues
	when      time.Time // clinically, by the clock on the wall
	precision precision
	recorded  time.Time // when it was entered
	edited    time.Time // when value or text was corrected, zero for never
	deleted   time.Time // when it was struck out, zero for never
	ended     time.Time // of problems and plans, zero while they last
	late      bool      // its row misses the extract it belongs to and comes with the next
	by        *practitioner

	value, was, unit string // was is the value before the correction
	low, high        string
	text             string
	in               *fact // the consultation
	of               *fact // the plan of an issue, the panel of a result, the slot of a consultation
	problem          *fact // what it was done for
	isProblem        bool
	significant      bool

	dose, quantity string
	repeat         bool
	step           int       // days between issues of a plan
	last           time.Time // the last issue of a plan
	place          string    // where: surgery, telephone, home visit …
	minutes        int
	missed         bool // a slot nobody came to
	urgent         bool
}

type factKind uint8

const (
	consultationFact factKind = iota
	observationFact           // a value or a finding
	reportFact                // the head of a panel: no value of its own
	conditionFact
	procedureFact
	allergyFact
	immunisationFact
	familyFact
	requestFact // an investigation asked for
	specimenFact
	referralFact
	planFact
	issueFact
	slotFact
	diaryFact
)

// precision is how exactly the clinical date is known.
type precision byte

const (
	exact   precision = iota // date and time
	byDay                    // date
	byMonth                  // month
	byYear
)

// Density is how much a practice has written about each person.
type Density string

// The densities: full histories are those of §10 of the specification of feeds; sixty facts a person where a town is
// large; a tenth of full for the demonstration; and what was written and sent in the month before the first extracts, with what that refers to, to
// try what depends on how many people there are.
const (
	Full   Density = "full"
	Sixty  Density = "sixty"
	Tenth  Density = "tenth"
	Lately Density = "lately"
)

// Densities are all of them.
var Densities = []Density{Full, Sixty, Tenth, Lately}

// share of the full volumes.
func (d Density) share() float64 {
	switch d {
	case Full:
		return 1
	case Tenth:
		return 0.1
	case Lately:
		return 0
	}
	return 0.058
}

// chart is a person with everything general practice has written about them.
type chart struct {
	p     *person
	b     *background
	l     *life
	facts []*fact
}

// chart draws person i's chart. What is corrected or struck out is so after the bulk extract of the day bulk.
func (t Town) chart(i int, place *place, density Density, bulk time.Time) *chart {
	c := &chart{p: t.draw(i, place)}
	c.b = c.p.behind()
	c.l = live(c.p, place)
	c.lived()
	c.fill(density)
	c.unsettle(bulk)
	if density == Lately {
		c.since(bulk.AddDate(0, -1, 0))
	}
	return c
}

// since leaves of a chart what was written since a day, and what that refers to.
func (c *chart) since(day time.Time) {
	keep := map[*fact]bool{}
	var with func(*fact)
	with = func(f *fact) {
		if f != nil && !keep[f] {
			keep[f] = true
			with(f.in)
			with(f.of)
			with(f.problem)
		}
	}
	for _, f := range c.facts {
		if !f.recorded.Before(day) {
			with(f)
		}
	}
	c.facts = slices.DeleteFunc(c.facts, func(f *fact) bool { return !keep[f] })
}

// add numbers a fact. Nothing is known before birth or after the record ends.
func (c *chart) add(f *fact) *fact {
	f.n = len(c.facts)
	if f.recorded.IsZero() {
		f.recorded = f.when.Add(7 * time.Minute)
	}
	if f.recorded.Before(f.when) && f.kind != slotFact && f.kind != diaryFact {
		f.recorded = f.when
	}
	c.facts = append(c.facts, f)
	return f
}

// seen is when a fact's row first stands in an extract.
func (f *fact) seen() time.Time {
	if f.late {
		return f.recorded.Add(day)
	}
	return f.recorded
}

// at is the value as it stood at a time.
func (f *fact) at(t time.Time) string {
	if !f.edited.IsZero() && t.Before(f.edited) {
		return f.was
	}
	return f.value
}

// issued is how many times a plan was issued by a time.
func (f *fact) issued(t time.Time) int {
	if t.Before(f.when) {
		return 0
	}
	if t.After(f.last) {
		t = f.last
	}
	if f.step == 0 {
		return 1
	}
	return 1 + int(t.Sub(f.when)/(time.Duration(f.step)*day))
}

// view is what one practice holds of a chart: facts from its registration on, and what came with the person; nothing
// that was written elsewhere after they left.
type view struct {
	from, to time.Time // to is zero while the person stays
	erased   time.Time // when the practice deleted the patient outright, zero for never
	arrived  bool      // from another practice of the town, whose appointments stay there
}

// holds reports whether the practice ever holds a fact, and since when.
func (v *view) holds(f *fact) (since time.Time, ok bool) {
	if !v.to.IsZero() && !f.recorded.Before(v.to) || v.arrived && f.kind == slotFact && f.when.Before(v.from) {
		return time.Time{}, false
	}
	since = f.seen()
	if since.Before(v.from) {
		since = v.from.Add(20 * time.Hour)
	}
	return since, v.erased.IsZero() || since.Before(v.erased)
}

// erasedBy reports whether the practice has deleted the patient outright by a time.
func (v *view) erasedBy(t time.Time) bool {
	return !t.IsZero() && !v.erased.IsZero() && !v.erased.After(t)
}

// present reports whether a fact stands in the record at a time.
func (v *view) present(f *fact, now time.Time) bool {
	seen, ok := v.holds(f)
	deleted := v.happened(f.deleted)
	return ok && !seen.After(now) && (deleted.IsZero() || deleted.After(now))
}

// happened is a moment as the practice knows of it: not at all once the person has left.
func (v *view) happened(t time.Time) time.Time {
	if t.IsZero() || !v.to.IsZero() && !t.Before(v.to) || !v.erased.IsZero() && !t.Before(v.erased) {
		return time.Time{}
	}
	return t
}

// changes reports whether a fact's row differs between two extracts, and whether it is gone in the second. A row that
// came and went between the two is in neither.
func (v *view) changes(f *fact, before, now time.Time) (differs, gone bool) {
	seen, ok := v.holds(f)
	deleted := v.happened(f.deleted)
	switch {
	case !ok || seen.After(now):
		return false, false
	case !deleted.IsZero() && !deleted.After(before):
		return false, false
	case !deleted.IsZero() && !deleted.After(now):
		return !seen.After(before), true
	case seen.After(before):
		return true, false
	}
	between := func(t time.Time) bool { t = v.happened(t); return !t.IsZero() && t.After(before) && !t.After(now) }
	if between(f.edited) || f.kind != slotFact && between(f.ended) || (f.kind == slotFact || f.kind == diaryFact) && between(f.when) {
		return true, false
	}
	return f.kind == planFact && f.issued(v.last(now)) != f.issued(v.last(before)), false
}

// last is a time, or when the person left if that was before.
func (v *view) last(t time.Time) time.Time {
	if !v.to.IsZero() && v.to.Before(t) {
		return v.to
	}
	return t
}

// unsettle corrects and strikes out some facts after the bulk extract, at about the rate a practice does: one correction
// in 60 person-days, one deletion in 300. Some rows of parents come a day after their children's.
func (c *chart) unsettle(bulk time.Time) {
	d := roll(c.p.town.Seed, c.p.i, "unsettled")
	settled := 0
	for settled < len(c.facts) && len(c.facts) > 0 {
		if c.facts[settled].recorded.After(bulk) {
			break
		}
		settled++
	}
	for at := bulk; settled > 0; {
		at = at.Add(time.Duration(d.ExpFloat64() * 50 * float64(day)))
		if !at.Before(c.p.end) || at.Sub(bulk) > 900*day {
			break
		}
		f := c.facts[d.IntN(settled)]
		strike := d.chance(1.0 / 6)
		if f.recorded.After(bulk) || !f.edited.IsZero() || !f.deleted.IsZero() || f.isProblem {
			continue
		}
		switch {
		case strike && (f.kind == observationFact || f.kind == immunisationFact || f.kind == allergyFact || f.kind == diaryFact):
			f.deleted = at
		case f.kind == observationFact && f.value != "":
			f.edited, f.was = at, mistyped(f.value)
		}
	}
	for _, f := range c.facts {
		if f.kind == consultationFact && f.recorded.After(bulk) && d.chance(0.05) {
			f.late = true
		}
	}
}

// mistyped is a number with its first two digits swapped, or one more.
func mistyped(number string) string {
	if len(number) > 1 && number[0] != number[1] && number[1] >= '1' && number[1] <= '9' {
		return number[1:2] + number[:1] + number[2:]
	}
	return "1" + number
}

// busy is how much more than others a person's record holds: mean 1 over the town.
func (p *person) busy() float64 {
	return 0.93 * curve(p.age(p.end), 0, 0.12, 5, 0.35, 18, 0.5, 35, 0.75, 50, 1.05, 65, 1.6, 75, 2.2, 88, 2.7) * math.Sqrt(p.luck)
}
