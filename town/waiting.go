package town

import (
	"math"
	"slices"
	"strings"
	"time"
)

// pathway is one wait of the kind England counts: from the day the hospital had the referral to the day treatment began or it was
// clear that there would be none. It is played to its end, which may lie beyond the town's last day: then the person waits.
// NHS England, Referral to treatment consultant-led waiting times: rules suite.
type pathway struct {
	n                   int
	specialty, referral string // the practice's code
	code, display, text string // why
	by                  *practitioner
	urgent              bool
	ubrn                string
	referred            time.Time // the clock starts
	accepted            time.Time
	bookings            []*booking
	decided             time.Time // put on the list for a bed, zero for never
	offers              []offer
	admitted            time.Time
	length              time.Duration
	operation           *operation
	stay                *visit
	stopped             time.Time // the clock stops
	why                 rtt
}

// booking is an appointment in a clinic.
type booking struct {
	made, first, at time.Time // first is the time before it was moved
	moved           time.Time // when it was, zero for never
	cancelled       time.Time // zero for never
	missed          bool
	visit           *visit // where it was kept
}

func (b *booking) kept() bool { return !b.missed && b.cancelled.IsZero() }

// offer is a day for admission; withdrawn is zero where it stood.
type offer struct{ made, day, withdrawn time.Time }

// rtt is a status of the NHS Data Dictionary's REFERRAL TO TREATMENT PERIOD STATUS.
type rtt string

const (
	rttFirst    rtt = "10"
	rttNext     rtt = "20"
	rttTreated  rtt = "30"
	rttWatched  rtt = "32"
	rttMissed   rtt = "33"
	rttNoNeed   rtt = "34"
	rttDeclined rtt = "35"
	rttDied     rtt = "36"
)

const (
	waitsBack    = 3.2      // years: longer than anybody waits
	validateEach = 84 * day // NHS England asks trusts to look through their lists every twelve weeks
)

var rttName = map[rtt]string{rttFirst: "First activity", rttNext: "Subsequent activity", rttTreated: "Start of first definitive treatment", rttWatched: "Start of active monitoring by the clinician",
	rttMissed: "Did not attend the first appointment", rttNoNeed: "Decision not to treat", rttDeclined: "Patient declined offered treatment", rttDied: "Patient died before treatment"}

// waits reports whether the clock runs at a time.
func (w *pathway) waits(at time.Time) bool { return !at.Before(w.referred) && at.Before(w.stopped) }

// removed reports whether it ended without anything being done.
func (w *pathway) removed() bool { return w.why != rttTreated && w.why != rttWatched }

// dropped reports whether the referral came to nothing: nobody decided in a clinic that nothing was needed.
func (w *pathway) dropped() bool {
	return w.removed() && (w.why != rttNoNeed || w.seen().IsZero() || w.seen().After(w.stopped))
}

// await draws whom the practice refers, and how each wait goes. Clinics and operations that the record has anyway were waited for too.
func (l *life) await() {
	p := l.h.p
	seen := map[string]bool{}
	first := slices.Clone(l.visits)
	slices.SortStableFunc(first, func(a, b *visit) int { return a.at.Compare(b.at) })
	for _, v := range first {
		if v.kind != outpatient || seen[v.by.role] || v.by.role == midwifeRole || v.by.role == "Obstetrics" {
			continue
		}
		seen[v.by.role] = true
		_, text, _ := strings.Cut(v.reason, ": ")
		w := l.pathway(v.by.role, referralCode[v.by.role], v.by)
		w.text = text
		if v.about != nil {
			w.code, w.display = v.about.code, v.about.display
		}
		d := w.dice(p)
		l.backwards(w, d, v.at, 0.8, 3)
		w.bookings = []*booking{{made: w.before(v.at, 20+d.IntN(25)), first: v.at, at: v.at, visit: v}}
		w.stopped, w.why = v.at, rttTreated
		l.onto(w)
	}
	for _, x := range slices.Clone(l.procedures) {
		if x.at == nil {
			continue
		}
		w := l.pathway(x.at.by.role, referralCode[x.at.by.role], x.at.by)
		w.text, w.operation, w.stay, w.length = x.text, x.operation, x.at, x.at.length
		w.code, w.display = x.code, x.display
		d := w.dice(p)
		l.backwards(w, d, x.at.at, 1.2, 8)
		at := l.hour(d, w.referred.Add(time.Duration(0.45*float64(x.at.at.Sub(w.referred)))))
		w.bookings = []*booking{{made: w.before(at, 30), first: at, at: at}}
		w.decided, w.admitted, w.stopped, w.why = at.Add(20*time.Minute), x.at.at, x.at.at, rttTreated
		l.offered(w, d)
		l.onto(w)
	}
	d := roll(p.town.Seed, p.i, "waiting")
	for back := waitsBack; ; {
		back -= d.ExpFloat64() / (refers(math.Max(0, p.age(after(p.end, -back)))) * math.Sqrt(p.luck))
		if back <= 0.003 {
			return
		}
		on := workday(after(p.end, -back)).Add(9*time.Hour + time.Duration(d.IntN(480))*time.Minute)
		if on.Before(p.born.Add(40*day)) || !on.Before(p.end.Add(-time.Hour)) {
			continue
		}
		weights := make([]float64, len(complaints))
		for i := range complaints {
			x := &complaints[i]
			if !(x.women && !p.female || x.men && p.female) && p.age(on) > x.ages[0]-5 {
				weights[i] = curve(p.age(on), x.ages...)
			}
		}
		l.refer(&complaints[d.weighted(weights...)], on)
	}
}

// pathway begins one.
func (l *life) pathway(specialty, referral string, by *practitioner) *pathway {
	if referral == "" {
		referral = "183521007"
	}
	return &pathway{n: len(l.pathways), specialty: specialty, referral: referral, by: by}
}

func (w *pathway) dice(p *person) dice {
	d := roll(p.town.Seed, p.i*64+w.n, "pathway")
	w.ubrn = ubrn(d)
	return d
}

// onto keeps a pathway that began in the person's life.
func (l *life) onto(w *pathway) {
	if w.referred.Before(l.h.p.born.Add(day)) || len(l.pathways) >= 60 {
		return
	}
	l.pathways = append(l.pathways, w)
	for _, b := range w.bookings {
		if b.visit != nil {
			b.visit.pathway = w
		} else if b.kept() && b.at.Before(l.h.p.end.Add(-2*time.Hour)) {
			b.visit = &visit{kind: outpatient, reason: w.specialty + " clinic: " + w.text, by: w.by, at: b.at, length: 25 * time.Minute, pathway: w}
			l.keep(b.visit)
		}
	}
	if w.stay != nil {
		w.stay.pathway = w
	} else if !w.admitted.IsZero() && w.admitted.Before(l.h.p.end.Add(-2*time.Hour)) {
		w.stay = &visit{kind: admission, reason: w.operation.text, by: w.by, at: w.admitted, length: w.length, pathway: w}
		l.keep(w.stay)
		l.procedures = append(l.procedures, &done{w.operation, w.admitted.Truncate(day), w.by, w.stay})
	}
}

// backwards dates the referral that led to something at a time.
func (l *life) backwards(w *pathway, d dice, at time.Time, slow, least float64) {
	weeks := waits(d.Float64()) * slow
	w.urgent = d.chance(0.12)
	if w.urgent {
		weeks *= 0.4
	}
	weeks = math.Max(weeks, least)
	w.referred = workday(at.Truncate(day).Add(-time.Duration(weeks*7*24) * time.Hour).Truncate(day)).Add(10*time.Hour + time.Duration(d.IntN(400))*time.Minute)
	w.accepted = workday(w.referred.Truncate(day).Add(time.Duration(1+d.IntN(6)) * day)).Add(14 * time.Hour)
}

// before is some days before a time, but not before the referral was accepted.
func (w *pathway) before(at time.Time, days int) time.Time {
	made := workday(at.Truncate(day).Add(-time.Duration(days) * day)).Add(11 * time.Hour)
	if !made.After(w.accepted) {
		made = w.accepted.Add(90 * time.Minute)
	}
	return made
}

// hour is a time in clinic hours of a day.
func (l *life) hour(d dice, on time.Time) time.Time {
	return workday(on.Truncate(day)).Add(8*time.Hour + 30*time.Minute + time.Duration(d.IntN(54))*10*time.Minute)
}

// refer plays a wait from a referral on. Of a hundred people about four decline what is offered and three need it no more when the list is
// looked through; of first appointments six in a hundred are missed, six cancelled by the hospital and eight moved.
func (l *life) refer(x *complaint, on time.Time) {
	w := l.pathway(x.specialty, x.referral, nil)
	d := w.dice(l.h.p)
	w.by = l.place.who(x.specialty, hospital, d)
	w.code, w.display, w.text, w.referred = x.code, x.display, x.text, on
	w.accepted = workday(on.Truncate(day).Add(time.Duration(2+d.IntN(11)) * day)).Add(14 * time.Hour)
	bed := x.operation != nil && d.chance(x.admitted)
	weeks := waits(d.Float64()) * x.slow * map[bool]float64{true: 1.25, false: 0.92}[bed]
	if w.urgent = d.chance(0.12); w.urgent {
		weeks *= 0.4
	}
	at := func(share float64) time.Time {
		t := l.hour(d, on.Add(time.Duration(share*weeks*7*24)*time.Hour))
		if soonest := w.accepted.Add(3 * day); t.Before(soonest) {
			t = l.hour(d, soonest.Add(day))
		}
		return t
	}
	switch {
	case bed:
		last := l.book(w, d, at(0.45))
		if !w.stopped.IsZero() {
			break
		}
		w.decided = last.Add(20 * time.Minute)
		w.admitted = workday(at(1).Truncate(day)).Add(7*time.Hour + 30*time.Minute)
		if soonest := w.decided.Add(10 * day); w.admitted.Before(soonest) {
			w.admitted = workday(soonest.Truncate(day).Add(day)).Add(7*time.Hour + 30*time.Minute)
		}
		w.operation, w.length = x.operation, 9*time.Hour+time.Duration(x.nights)*day
		w.stopped, w.why = w.admitted, rttTreated
		l.offered(w, d)
	case d.chance(0.7):
		if last := l.book(w, d, at(1)); w.stopped.IsZero() {
			w.stopped, w.why = last, [...]rtt{rttTreated, rttWatched, rttNoNeed}[d.weighted(70, 18, 12)]
		}
	default:
		last := l.book(w, d, at(0.6))
		if !w.stopped.IsZero() {
			break
		}
		again := at(1)
		if !again.After(last.Add(14 * day)) {
			again = l.hour(d, last.Add(28*day))
		}
		w.bookings = append(w.bookings, &booking{made: w.before(again, 20), first: again, at: again})
		if b := w.bookings[len(w.bookings)-1]; b.made.Before(last) {
			b.made = last.Add(time.Hour)
		}
		w.stopped, w.why = again, rttTreated
	}
	if why := [...]rtt{"", rttDeclined, rttNoNeed}[d.weighted(93, 4, 3)]; why != "" {
		early := workday(w.referred.Truncate(day).Add(time.Duration((0.35 + 0.6*d.Float64()) * float64(w.stopped.Sub(w.referred))))).Truncate(day).Add(15*time.Hour + 10*time.Minute)
		if early.After(w.accepted) && early.Before(w.stopped) {
			w.stopped, w.why = early, why
		}
	}
	if p := l.h.p; !p.died.IsZero() && !w.stopped.Before(p.end) {
		w.stopped, w.why = workday(p.died.Add(3*day)).Truncate(day).Add(9*time.Hour), rttDied
	}
	w.cut(l.h.p)
	l.onto(w)
}

// cut leaves out what would have come after the clock stopped or the person died.
func (w *pathway) cut(p *person) {
	if !w.removed() {
		return
	}
	w.bookings = slices.DeleteFunc(w.bookings, func(b *booking) bool {
		return !b.made.Before(w.stopped) || w.why == rttDied && !b.made.Before(p.end)
	})
	for _, b := range w.bookings {
		if b.at.After(w.stopped) || w.why == rttDied && !b.at.Before(p.end) {
			b.missed = false
			if b.cancelled.IsZero() || b.cancelled.After(w.stopped) {
				b.cancelled = w.stopped
			}
			if b.moved.After(w.stopped) {
				b.moved, b.at = time.Time{}, b.first
			}
		}
	}
	if !w.decided.Before(w.stopped) || w.why == rttDied && !w.decided.Before(p.end) {
		w.decided = time.Time{}
	}
	if w.stopped.Before(w.admitted) || w.why == rttDied || w.decided.IsZero() {
		w.admitted = time.Time{}
	}
	w.offers = slices.DeleteFunc(w.offers, func(o offer) bool { return w.decided.IsZero() || !o.made.Before(w.stopped) })
}

// book makes the first appointment about a time, with what goes wrong with appointments, and returns when the patient was seen.
func (l *life) book(w *pathway, d dice, at time.Time) time.Time {
	b := &booking{made: w.before(at, 24+d.IntN(22)), first: at, at: at}
	w.bookings = []*booking{b}
	fate := d.weighted(80, 8, 6, 6)
	if at.Sub(w.accepted) < 45*day {
		return at
	}
	switch fate {
	case 1:
		b.first = l.hour(d, at.Add(-11*day))
		b.made = w.before(b.first, 21)
		b.moved = workday(b.first.Truncate(day).Add(-6 * day)).Add(12 * time.Hour)
	case 2:
		b.first = l.hour(d, at.Add(-28*day))
		b.at, b.made = b.first, w.before(b.first, 12)
		b.cancelled = b.first.Truncate(day).Add(-3*day + 9*time.Hour)
		w.bookings = append(w.bookings, &booking{made: b.cancelled.Add(40 * time.Minute), first: at, at: at})
	case 3:
		b.first = l.hour(d, at.Add(-30*day))
		b.at, b.made, b.missed = b.first, w.before(b.first, 10), true
		if d.chance(0.4) { // sent back to the practice
			w.stopped, w.why = b.at.Add(day).Truncate(day).Add(16*time.Hour), rttMissed
			return b.at
		}
		w.bookings = append(w.bookings, &booking{made: workday(b.at.Truncate(day).Add(2 * day)).Add(10 * time.Hour), first: at, at: at})
	}
	return at
}

// offered gives days for admission: one in twelve is withdrawn by the hospital, which offers another.
func (l *life) offered(w *pathway, d dice) {
	wait := w.admitted.Sub(w.decided)
	made := w.admitted.Truncate(day).Add(-time.Duration(12+d.IntN(16))*day + 11*time.Hour)
	if !made.After(w.decided) {
		made = w.decided.Add(2 * time.Hour)
	}
	if wait > 60*day && d.chance(0.08) {
		early := w.admitted.Add(-30 * day)
		w.offers = append(w.offers, offer{made: early.Add(-15 * day), day: early, withdrawn: early.Add(-20 * time.Hour)})
	}
	w.offers = append(w.offers, offer{made: made, day: w.admitted})
}
