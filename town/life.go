package town

import (
	"math"
	"slices"
	"strings"
	"time"
)

// life is everything recorded about a person, before it is written as FHIR.
type life struct {
	h             *health
	place         *place
	d             dice
	problems      []*condition
	courses       []*course
	allergies     []*reaction
	visits        []*visit
	immunisations []*immunisation
	procedures    []*done
	pathways      []*pathway
}

// condition is a problem someone has, or an illness they had.
type condition struct {
	of      *problem // nil for an illness
	code    string
	display string
	text    string
	onset   time.Time
	ended   time.Time // zero while it lasts
	by      *practitioner
	at      *visit // where it was diagnosed, when that visit is in the record
	kept    bool   // on the list of problems though it passes
	id      string
}

// course is a medicine someone was prescribed.
type course struct {
	medicine
	repeat  bool
	from    time.Time // first prescribed
	issued  time.Time // last prescribed
	stopped bool      // by someone, or by death
	by      *practitioner
	why     *condition
	at      *visit
}

type reaction struct {
	*allergy
	since  time.Time
	severe bool
	by     *practitioner
}

// visit is one contact; what was measured and prescribed there hangs on it.
type visit struct {
	at      time.Time
	length  time.Duration
	kind    visitKind
	reason  string
	by      *practitioner
	panels  []string
	id      string
	tests   time.Time // when blood was taken, zero for none
	about   *condition
	birth   *birth   // a delivery
	pathway *pathway // what was waited for
}

type visitKind int

const (
	surgery visitKind = iota
	telephone
	review
	emergency
	outpatient
	admission
)

type immunisation struct {
	vaccine
	on time.Time
	by *practitioner
}

type done struct {
	*operation
	on time.Time
	by *practitioner
	at *visit
}

// How far back the record goes, in years.
const (
	reviewsBack   = 5
	illnessesBack = 4
)

// live plays a person's life up to the end of their record.
func live(p *person, place *place) *life {
	l := &life{h: &health{p: p, since: map[string]time.Time{}}, place: place, d: roll(p.town.Seed, p.i, "life")}
	l.fallIll()
	l.react()
	l.treat()
	l.reviews()
	l.checks()
	l.illnesses()
	l.clinics()
	l.childhood()
	l.immunise()
	l.await()
	l.conceive()
	slices.SortStableFunc(l.visits, func(a, b *visit) int { return a.at.Compare(b.at) })
	return l
}

// fallIll draws the long-term problems and when each began.
func (l *life) fallIll() {
	p := l.h.p
	age := p.age(p.end)
	for i := range problems {
		q := &problems[i]
		d := roll(p.town.Seed, p.i, "problem "+q.key)
		if q.among != "" && !l.h.has(q.among, p.end) || !d.chance(q.howCommon(p, age)) {
			continue
		}
		// It began at the age where the curve had reached some part of what it is now: steep curves mean recent onsets.
		now, part, began := q.howCommon(p, age), d.Float64(), age
		for began > 1 && q.howCommon(p, began-1) >= now*part {
			began--
		}
		began = math.Max(math.Max(began, age-28), 0.6) + 0.4*d.Float64()
		onset := workday(after(p.born, math.Min(began, age-0.1)))
		if !onset.Before(p.end) {
			onset = workday(p.end.Add(-20 * day))
		}
		if onset.Before(p.born) {
			continue
		}
		l.h.since[q.key] = onset
		l.problems = append(l.problems, &condition{of: q, code: q.code, display: q.display, text: q.text, onset: onset, by: l.anyGP()})
	}
}

func (l *life) react() {
	d := roll(l.h.p.town.Seed, l.h.p.i, "allergies")
	age := l.h.p.age(l.h.p.end)
	for i := range allergies {
		a := &allergies[i]
		chance := a.chance
		if a.category == "medication" {
			chance *= curve(age, 0, 0.1, 20, 0.7, 60, 1.3)
		}
		if d.chance(chance) {
			since := after(l.h.p.born, age*(0.1+0.8*d.Float64()))
			l.allergies = append(l.allergies, &reaction{a, since, d.chance(a.severe), l.anyGP()})
		}
	}
}

// treat prescribes for each problem; what is given for two problems is given once.
func (l *life) treat() {
	p := l.h.p
	given := map[string]bool{}
	for _, c := range l.problems {
		for _, m := range c.of.medicines {
			name, _, _ := strings.Cut(m.name, " ")
			if given[name] || m.chance > 0 && !l.d.chance(m.chance) || name == "Aspirin" && l.allergic("Aspirin") {
				continue
			}
			given[name] = true
			from := c.onset.Add(time.Duration(l.d.IntN(200)) * day)
			if !from.Before(p.end) {
				from = c.onset
			}
			x := &course{medicine: m, repeat: true, from: workday(from), by: p.gp, why: c}
			if l.d.chance(0.08) && years(from, p.end) > 1 {
				x.stopped = true
				x.issued = workday(after(from, years(from, p.end)*l.d.Float64()))
			} else {
				x.stopped = !p.died.IsZero()
				x.issued = workday(p.end.Add(-time.Duration(3+l.d.IntN(25)) * day))
			}
			if x.issued.Before(x.from) || x.issued.After(p.end) {
				x.issued = x.from
			}
			for _, s := range []struct{ kind, starts string }{{"statin", "Atorvastatin"}, {"sugar", "Metformin"}, {"pressure", "Amlodipine"}, {"pressure", "Ramipril"}, {"pressure", "Losartan"}, {"pressure", "Indapamide"}} {
				if name == s.starts && !x.stopped {
					l.takes(s.kind, x.from)
				}
			}
			l.courses = append(l.courses, x)
		}
	}
}

func (l *life) takes(kind string, from time.Time) {
	if since, ok := l.h.since["takes "+kind]; !ok || from.Before(since) {
		l.h.since["takes "+kind] = from
	}
}

func (l *life) allergic(text string) bool {
	return slices.ContainsFunc(l.allergies, func(r *reaction) bool { return r.text == text })
}

// reviews are the yearly ones, in the month of birth, for those with something to review, with blood taken a week before.
func (l *life) reviews() {
	p := l.h.p
	birthday := int(p.born.Month())
	for back := reviewsBack; back >= 0; back-- {
		on := workday(date(p.end.Year()-back, birthday, 2+p.i%24))
		var watch, reason []string
		for _, c := range l.problems {
			if c.of.watch == "" || c.onset.After(on) {
				continue
			}
			if len(reason) < 3 {
				reason = append(reason, c.text)
			}
			for panel := range strings.FieldsSeq(c.of.watch) {
				if slices.Contains(watch, panel) || panel == "lipids" && back%2 == 1 || panel == "weight" && back%2 == 1 && c.of.key != "heartfailure" {
					continue
				}
				watch = append(watch, panel)
			}
		}
		if watch == nil || on.After(p.end) || on.Before(p.born) || l.d.chance(0.1) {
			continue
		}
		if back%2 == 0 && p.age(on) > 16 {
			watch = append(watch, "smoking")
		}
		l.visit(review, on, "Yearly review: "+strings.Join(reason, ", "), l.anyNurse(), watch)
		half := workday(on.Add(182 * day))
		if half.After(p.end) {
			continue
		}
		if l.h.has("diabetes", half) || l.h.has("type1", half) {
			l.visit(review, half, "Diabetes check", l.anyNurse(), []string{"hba1c", "bp"})
		} else if l.h.has("ckd", half) {
			l.visit(review, half, "Kidney function check", l.anyNurse(), []string{"ue", "bp"})
		} else if l.h.has("hypertension", half) && l.d.chance(0.5) {
			l.visit(review, half, "Blood pressure check", l.anyNurse(), []string{"bp"})
		}
	}
}

// checks are for people without anything to review: now and then a blood pressure, and from 40 to 74 the health check.
func (l *life) checks() {
	p := l.h.p
	if len(l.visits) > 2 || p.age(p.end) < 18 {
		return
	}
	for back := 5.2 * l.d.Float64(); back < 9; back += 4.8 + l.d.Float64() {
		on := workday(after(p.end, -back))
		switch age := p.age(on); {
		case age >= 40 && age < 75 && l.d.chance(0.75):
			l.visit(review, on, "NHS health check", l.anyNurse(), []string{"bp", "weight", "lipids", "hba1c", "smoking"})
		case age >= 18 && l.d.chance(0.7):
			l.visit(surgery, on, "Registration check", l.anyNurse(), []string{"bp", "weight", "smoking"})
		}
	}
}

// illnesses come and go at the rate of the person's age.
func (l *life) illnesses() {
	p := l.h.p
	d := roll(p.town.Seed, p.i, "illness")
	for back := float64(illnessesBack); ; {
		age := p.age(after(p.end, -back))
		back -= d.ExpFloat64() / (often(math.Max(age, 0)) * math.Sqrt(p.luck))
		if back <= 0.01 {
			return
		}
		on := after(p.end, -back)
		if on.Before(p.born.Add(7 * day)) {
			continue
		}
		l.illness(d, on)
	}
}

func (l *life) illness(d dice, on time.Time) {
	p := l.h.p
	weights := make([]float64, len(illnesses))
	for i := range illnesses {
		weights[i] = curve(p.age(on), illnesses[i].ages...)
		if illnesses[i].text == "Urine infection" && !p.female {
			weights[i] *= 0.15
		}
	}
	x := &illnesses[d.weighted(weights...)]
	v := &visit{kind: surgery, by: p.gp, reason: x.text}
	if d.chance(0.35) {
		v.by = l.anyGP()
	}
	switch {
	case x.admit:
		v.kind, v.by = admission, l.place.who("Emergency medicine", hospital, d)
	case x.away:
		v.kind, v.by = emergency, l.place.who("Emergency medicine", hospital, d)
	case x.panel == "" && d.chance(0.4):
		v.kind = telephone
	}
	if x.panel != "" {
		v.panels = []string{x.panel}
	}
	if v.kind == surgery || v.kind == telephone {
		on = workday(on)
	}
	if !on.Before(p.end) {
		return
	}
	l.add(v, on)
	ended := on.Add(time.Duration(4+d.IntN(20)) * day)
	c := &condition{code: x.code, display: x.display, text: x.text, onset: on, by: v.by, at: v}
	if ended.Before(p.end) {
		c.ended = ended
	}
	l.problems = append(l.problems, c)
	for _, m := range x.medicines {
		if !d.chance(m.chance) {
			continue
		}
		if m.penicillin && l.allergic("Penicillin") {
			m = insteadOfPenicillin
		}
		l.courses = append(l.courses, &course{medicine: m, from: on, issued: on, by: v.by, why: c, at: v})
	}
}

// clinics are the hospital's: some with a problem are followed there, and some are operated on.
func (l *life) clinics() {
	p := l.h.p
	for _, c := range l.problems {
		if c.of == nil {
			continue
		}
		d := roll(p.town.Seed, p.i, "clinic "+c.of.key)
		if c.of.clinic != "" && d.chance(0.45) {
			by := l.place.who(c.of.clinic, hospital, d)
			for back := 4 * d.Float64(); back < 4; back += 0.8 + d.Float64() {
				if on := workday(after(p.end, -back-0.03)); on.After(c.onset) {
					l.add(&visit{kind: outpatient, reason: by.role + " clinic: " + c.text, by: by, about: c}, on)
				}
			}
		}
		if c.of.operation != nil && d.chance(c.of.operation.chance) {
			on := workday(after(c.onset, math.Min(0.3+2*d.Float64(), 0.8*years(c.onset, p.end))))
			v := &visit{kind: admission, reason: c.of.operation.text, by: l.place.who(c.of.operation.specialty, hospital, d)}
			if on.Before(c.onset) || !on.Before(p.end) {
				continue
			}
			l.add(v, on)
			l.procedures = append(l.procedures, &done{c.of.operation, on, v.by, v})
		}
	}
	d := roll(p.town.Seed, p.i, "appendix")
	if age := p.age(p.end); age > 16 && d.chance(0.055) {
		on := after(p.born, 9+d.Float64()*math.Min(age-10, 35))
		l.procedures = append(l.procedures, &done{&operation{code: "80146002", display: "Appendectomy", text: "Appendix removed"}, on, l.place.who("General surgery", hospital, d), nil})
	}
}

// visit adds a visit that asks for panels; blood for the laboratory is taken a week before a review.
func (l *life) visit(kind visitKind, on time.Time, reason string, by *practitioner, watch []string) {
	v := &visit{kind: kind, reason: reason, by: by, panels: watch}
	l.add(v, on)
	if kind == review && slices.ContainsFunc(watch, blood) {
		v.tests = workday(on.Add(-7 * day)).Add(8*time.Hour + time.Duration(l.d.IntN(24))*5*time.Minute)
		if v.tests.Before(l.h.p.born) {
			v.tests = time.Time{}
		}
	}
}

// add places a visit at an hour that its kind keeps.
func (l *life) add(v *visit, on time.Time) { l.addBy(l.d, v, on) }

// visitOn adds a visit by dice of its own.
func (l *life) visitOn(kind visitKind, on time.Time, reason string, by *practitioner, d dice) *visit {
	v := &visit{kind: kind, reason: reason, by: by}
	l.addBy(d, v, on)
	return v
}

func (l *life) addBy(d dice, v *visit, on time.Time) {
	v.length = [...]time.Duration{10 * time.Minute, 8 * time.Minute, 20 * time.Minute, 200 * time.Minute, 25 * time.Minute, 60 * time.Hour}[v.kind]
	switch v.kind {
	case emergency, admission:
		v.at = on.Add(time.Duration(d.IntN(24*12)) * 5 * time.Minute)
		v.length += time.Duration(d.IntN(18)) * v.length / 20
	default:
		v.at = on.Add(8*time.Hour + 30*time.Minute + time.Duration(d.IntN(9*6))*10*time.Minute)
	}
	l.keep(v)
}

// keep puts a visit into the record, which ends with the person's end.
func (l *life) keep(v *visit) {
	if !v.at.Before(l.h.p.end) {
		v.at = l.h.p.end.Add(-time.Hour)
	}
	if v.at.Add(v.length).After(l.h.p.end) {
		v.length = l.h.p.end.Sub(v.at)
	}
	l.visits = append(l.visits, v)
}

func (l *life) anyGP() *practitioner    { return l.place.who(gpRole, l.h.p.practice, l.d) }
func (l *life) anyNurse() *practitioner { return l.place.who(nurseRole, l.h.p.practice, l.d) }
