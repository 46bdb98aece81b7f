package town

import (
	"fmt"
	"slices"
	"time"
)

// pregnancy is one of a woman's, however it ended.
type pregnancy struct {
	lmp       time.Time // the first day of the last period; everything is counted from it
	known     time.Time // when the practice was told
	ended     time.Time // with its hour; zero while it goes on
	ending    ending
	birth     *birth // of a live birth
	before    int    // how many pregnancies she had before, and how many children
	children  int
	secret    bool       // the practice never heard
	recent    bool       // its care is in the record, not only that it was
	condition *condition // as the list of problems has it, nil where it has nothing
	confirmed *visit
	booked    *visit
	bloods    *visit
	scans     []*visit
	checks    []*visit
	delivered *visit
	lost      *visit
	postnatal *visit
}

type ending byte

const (
	goesOn ending = iota
	bornAlive
	stillborn
	miscarried
	ectopic
	terminated
)

func (p *pregnancy) due() time.Time          { return p.lmp.Add(280 * day) }
func (p *pregnancy) week(n int) time.Time    { return p.lmp.Add(time.Duration(7*n) * day) }
func (p *pregnancy) weeks(at time.Time) int  { return int(at.Sub(p.lmp) / (7 * day)) }
func (p *pregnancy) over(at time.Time) bool  { return !p.ended.IsZero() && !at.Before(p.ended) }
func (p *pregnancy) going(at time.Time) bool { return !at.Before(p.lmp) && !p.over(at) }
func (p *pregnancy) said(at time.Time) string {
	return fmt.Sprintf("%d+%d", p.weeks(at), int(at.Sub(p.lmp)/day)%7)
}

const (
	lossesBack   = 12 // years for which miscarriages and terminations are drawn
	careBack     = 5  // years for which antenatal care is in the record
	codePregnant = "77386006"
)

// Of a thousand women of an age in a year, as many end a pregnancy. Terminations are those of the Abortion Statistics for
// England and Wales, 2022. One known pregnancy in eight miscarries, at 40 one in three; eleven in a thousand are ectopic; of a
// thousand babies four are stillborn (ONS).
var (
	terminations = []float64{15, 3, 17, 11, 19, 29, 22, 37, 26, 31, 30, 25, 34, 20, 38, 13, 42, 5, 46, 0.5, 48, 0}
	miscarriages = []float64{15, 0.09, 30, 0.09, 35, 0.12, 38, 0.18, 42, 0.34, 46, 0.5} // a pregnancy
)

// conceive draws a woman's pregnancies: those that led to the children of her household, those that ended early, and the one
// that goes on.
func (l *life) conceive() {
	p := l.h.p
	if !p.female || p.age(p.end) < 15 {
		return
	}
	var all []*pregnancy
	for i := range p.births {
		b := &p.births[i]
		all = append(all, &pregnancy{lmp: b.at.Truncate(day).Add(-time.Duration(b.days) * day), ended: b.at, ending: bornAlive, birth: b})
	}
	add := func(q *pregnancy) {
		from, to := q.lmp, q.ended
		if to.IsZero() {
			to = q.due()
		}
		for _, other := range all {
			end := other.ended
			if end.IsZero() {
				end = other.due()
			}
			if from.Before(end.Add(45*day)) && other.lmp.Before(to.Add(45*day)) {
				return
			}
		}
		all = append(all, q)
	}
	if d := roll(p.town.Seed, p.i, "expecting"); p.died.IsZero() && d.chance(fertile(p.age(p.end)+0.4)*p.likely()*40/52.18/1000) {
		add(&pregnancy{lmp: p.end.Add(-time.Duration(d.IntN(280)) * day)})
	}
	d := roll(p.town.Seed, p.i, "losses")
	for back := range lossesBack {
		on := after(p.end, -float64(back)-d.Float64())
		age := p.age(on)
		if age < 15 || age > 48 {
			continue
		}
		lost := curve(age, miscarriages...)
		rates := []float64{0.004 * fertile(age), fertile(age) * lost / (1 - lost), 0.015 * fertile(age), curve(age, terminations...)}
		var sum float64
		for _, r := range rates {
			sum += r
		}
		if !d.chance(sum / 1000) {
			continue
		}
		q := &pregnancy{ending: [...]ending{stillborn, miscarried, ectopic, terminated}[d.weighted(rates...)]}
		days := 0
		switch q.ending {
		case stillborn:
			days = 24*7 + d.IntN(16*7)
		case miscarried:
			days = 7 * int(curve(d.Float64(), 0, 5, 0.5, 8, 0.85, 12, 1, 22))
		case ectopic:
			days = 40 + d.IntN(18)
		case terminated:
			days = 7 * int(curve(d.Float64(), 0, 5, 0.6, 8, 0.9, 11, 1, 20))
			q.secret = d.chance(0.4)
		}
		q.ended = on.Add(time.Duration(9*60+d.IntN(700)) * time.Minute)
		q.lmp = on.Add(-time.Duration(days+d.IntN(7)) * day)
		add(q)
	}
	slices.SortStableFunc(all, func(a, b *pregnancy) int { return a.lmp.Compare(b.lmp) })
	children := 0
	for i, q := range all {
		q.before, q.children = i, children
		if q.birth != nil {
			children += len(q.birth.babies)
		}
		l.carry(q, roll(p.town.Seed, p.i, "pregnancy "+ymd(q.lmp)))
	}
}

// likely is how much more a woman who lives as she does has children than others of her age: mean about 1.
func (p *person) likely() float64 {
	switch {
	case p.couple:
		return 1.4
	case p.role == 2:
		return 0.25
	case p.role == 3:
		return 0.55
	}
	return 1
}

// folicAcid is what women take until the twelfth week; more of it where the risk is higher. NICE CG110 and NG201.
var (
	folicAcid   = tablets(0, "Folic acid 400microgram tablets", "One to be taken each day until the 12th week of pregnancy", "56")
	folicAcid5  = tablets(0, "Folic acid 5mg tablets", oneADay, "28")
	ironTablets = tablets(0, "Ferrous fumarate 210mg tablets", oneADay, "28")
	labetalol   = tablets(0, "Labetalol 200mg tablets", twoADay, "56")
	metformin   = tablets(0, "Metformin 500mg tablets", "One to be taken twice a day with meals", "56")
	maternal    = []medicine{folicAcid, folicAcid5, ironTablets, labetalol, metformin}
)

// carry plays a pregnancy up to its end or the end of the record: told to the practice at five to eight weeks, booked by a
// midwife by ten, scanned at twelve and twenty, seen ten times with a first child and seven with another (NICE NG201).
func (l *life) carry(q *pregnancy, d dice) {
	p := l.h.p
	q.known = q.lmp.Add(time.Duration(34+d.IntN(20)) * day)
	if !q.ended.IsZero() && !q.known.Before(q.ended) {
		q.known = q.ended.Add(-time.Duration(1+d.IntN(4)) * day).Truncate(day)
	}
	q.known = workday(q.known)
	q.recent = years(q.lmp, p.end) < careBack
	if q.secret || !q.known.Before(p.end.Add(-day)) {
		q.secret = true
		return
	}
	l.h.pregnancies = append(l.h.pregnancies, q)
	if q.recent {
		q.confirmed = l.visitOn(surgery, q.known, "Pregnant: test positive", p.gp, d)
		if d.chance(0.4) {
			q.confirmed.kind = telephone
		}
	}
	c := &condition{code: codePregnant, display: "Pregnant", text: "Pregnancy", onset: q.known, by: p.gp, at: q.confirmed, kept: true}
	if q.over(p.end.Add(-time.Minute)) {
		c.ended = q.ended
	}
	q.condition = c
	l.problems = append(l.problems, c)
	if q.recent {
		l.antenatal(q, d)
	}
	l.deliver(q, d)
}

// reached reports whether a pregnancy came as far as a day, and the record too.
func (l *life) reached(q *pregnancy, on time.Time) bool {
	return on.Before(l.h.p.end.Add(-day)) && (q.ended.IsZero() || on.Before(q.ended.Add(-day).Truncate(day)))
}

// antenatal is the care before birth.
func (l *life) antenatal(q *pregnancy, d dice) {
	p := l.h.p
	midwife, consultant := l.place.who(midwifeRole, hospital, d), l.place.who("Obstetrics", hospital, d)
	if q.known.Before(q.week(12)) && d.chance(0.7) {
		m := folicAcid
		if p.bmi >= 30 || l.h.has("diabetes", q.known) || l.h.has("type1", q.known) || l.h.has("epilepsy", q.known) {
			m = folicAcid5
		}
		l.courses = append(l.courses, &course{medicine: m, from: q.known, issued: q.known, by: p.gp, why: q.condition, at: q.confirmed})
	}
	on := func(week int) (time.Time, bool) {
		at := workday(q.week(week).Add(time.Duration(d.IntN(6)) * day))
		return at, l.reached(q, at) && at.After(q.known)
	}
	if at, ok := on(8); ok {
		q.booked = l.visitOn(outpatient, at, "Midwifery clinic: antenatal booking", midwife, d)
	}
	if at, ok := on(9); ok {
		q.bloods = l.visitOn(review, at, "Antenatal bloods", l.place.who(nurseRole, p.practice, d), d)
		q.bloods.panels = []string{"bp", "fbc"}
	}
	for _, scan := range []struct {
		week int
		what string
	}{{12, "Obstetrics clinic: dating scan"}, {20, "Obstetrics clinic: anomaly scan"}} {
		if at, ok := on(scan.week); ok {
			q.scans = append(q.scans, l.visitOn(outpatient, at, scan.what, consultant, d))
		}
	}
	for _, week := range []int{16, 25, 28, 31, 34, 36, 38, 40} {
		at, ok := on(week)
		if !ok || q.children > 0 && (week == 25 || week == 31 || week == 40) || d.chance(0.06) {
			continue
		}
		v := l.visitOn(review, at, fmt.Sprintf("Antenatal check, %d weeks", q.weeks(at)), l.place.who(nurseRole, p.practice, d), d)
		v.panels = []string{"bp"}
		if week == 28 {
			v.panels = []string{"bp", "fbc"}
		}
		q.checks = append(q.checks, v)
	}
	if at, ok := on(18 + d.IntN(10)); ok && d.chance(0.6) { // UKHSA: about 60 in 100
		against := vaccine{name: "Pertussis vaccine in pregnancy", against: []disease{pertussis, diphtheria, tetanus, polio}, dose: 1}
		l.immunisations = append(l.immunisations, &immunisation{against, at, l.place.who(nurseRole, p.practice, d)})
	}
	l.illIn(q, d)
}

// illIn are the illnesses of pregnancy: diabetes in about one of 20, pre-eclampsia in one of 40, anaemia in one of 7.
func (l *life) illIn(q *pregnancy, d dice) {
	p := l.h.p
	for _, x := range []struct {
		code, display, text string
		week                int
		chance              float64
		medicine            medicine
		given               float64
	}{
		{"87522002", "Iron deficiency anaemia", "Anaemia in pregnancy", 28, 0.14, ironTablets, 0.95},
		{"11687002", "Gestational diabetes mellitus", "Diabetes of pregnancy", 27, 0.05 * curve(p.bmi, 22, 0.5, 30, 1.8, 40, 3), metformin, 0.4},
		{"398254007", "Pre-eclampsia", "Pre-eclampsia", 33, 0.025, labetalol, 0.9},
	} {
		ill, at := d.chance(x.chance), workday(q.week(x.week).Add(time.Duration(d.IntN(20))*day))
		known := map[string]string{"87522002": "anaemia", "11687002": "diabetes"}[x.code]
		if !ill || !l.reached(q, at) || l.h.has(known, at) || l.h.has("type1", at) && known == "diabetes" {
			continue
		}
		c := &condition{code: x.code, display: x.display, text: x.text, onset: at, by: p.gp, kept: true}
		if q.over(p.end.Add(-60 * day)) {
			c.ended = q.ended.Add(42 * day).Truncate(day)
		}
		l.problems = append(l.problems, c)
		if d.chance(x.given) {
			l.courses = append(l.courses, &course{medicine: x.medicine, from: at, issued: at, by: p.gp, why: c})
		}
	}
}

// deliver is how it ended, and the check six to eight weeks later.
func (l *life) deliver(q *pregnancy, d dice) {
	p := l.h.p
	if !q.over(p.end.Add(-time.Hour)) {
		return
	}
	switch q.ending {
	case bornAlive:
		by := l.place.who(midwifeRole, hospital, d)
		if q.birth.way != spontaneous {
			by = l.place.who("Obstetrics", hospital, d)
		}
		q.delivered = &visit{kind: admission, reason: "Delivery", by: by, at: q.birth.at.Add(-q.birth.labour), length: q.birth.labour + q.birth.stay, birth: q.birth}
		l.keep(q.delivered)
	case stillborn:
		q.lost = l.visitOn(admission, q.ended.Truncate(day), "Stillbirth", l.place.who("Obstetrics", hospital, d), d)
	case miscarried, ectopic:
		if q.recent {
			q.lost = l.visitOn(emergency, q.ended.Truncate(day), "Early pregnancy unit", l.place.who("Gynaecology", hospital, d), d)
		}
		text := map[ending][3]string{miscarried: {"17369002", "Miscarriage", "Miscarriage"}, ectopic: {"34801009", "Ectopic pregnancy", "Ectopic pregnancy"}}[q.ending]
		c := &condition{code: text[0], display: text[1], text: text[2], onset: q.ended.Truncate(day), ended: q.ended.Add(14 * day).Truncate(day), by: p.gp, at: q.lost, kept: true}
		if !c.ended.Before(p.end) {
			c.ended = time.Time{}
		}
		l.problems = append(l.problems, c)
	}
	on := workday(q.ended.Truncate(day).Add(time.Duration(42+d.IntN(14)) * day))
	if q.recent && (q.ending == bornAlive || q.ending == stillborn) && on.Before(p.end.Add(-day)) && d.chance(0.85) {
		q.postnatal = l.visitOn(surgery, on, "Postnatal check", l.place.who(gpRole, p.practice, d), d)
		q.postnatal.panels = []string{"bp"}
	}
}

// carries reports whether she is pregnant, and for how many weeks.
func (h *health) carries(at time.Time) (weeks int, ok bool) {
	for _, q := range h.pregnancies {
		if q.going(at) && at.Before(q.lmp.Add(300*day)) {
			return q.weeks(at), true
		}
	}
	return 0, false
}
