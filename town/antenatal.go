package town

import (
	"fmt"
	"time"
)

// expects writes what a practice notes of a pregnancy beside its visits and the problem: how far on she is, what was found, how
// it ended. Of pregnancies of long ago only the end is noted.
func (c *chart) expects(q *pregnancy, visits map[*visit]*fact, problem *fact) {
	d := roll(c.p.town.Seed, c.p.i, "noted of "+ymd(q.lmp))
	finding := func(v *visit, code, text string) *fact {
		return c.hears(&fact{kind: observationFact, code: coded(code), when: v.at.Add(4 * time.Minute), by: v.by, in: visits[v], problem: problem, text: text})
	}
	if v := q.confirmed; v != nil {
		finding(v, "250423000", "")
		finding(v, "21840007", "LMP "+q.lmp.Format("02/01/2006"))
		finding(v, "161714006", "EDD "+q.due().Format("02/01/2006"))
		c.hears(&fact{kind: referralFact, code: coded("183547003"), when: v.at.Add(6 * time.Minute), by: v.by, in: visits[v], problem: problem, place: "Obstetrics", value: ubrn(d),
			text: fmt.Sprintf("Please book for antenatal care: gravida %d para %d, EDD %s", q.before+1, q.children, q.due().Format("02/01/2006"))})
	}
	if v := q.booked; v != nil { // the midwife is the hospital's, and writes to the practice
		c.hears(&fact{kind: observationFact, code: coded("169711001"), when: v.at, by: c.p.gp, recorded: answered(v.at, 3), problem: problem,
			text: fmt.Sprintf("Gravida %d para %d", q.before+1, q.children)})
	}
	if v := q.bloods; v != nil {
		c.blood(v, visits[v], problem, d)
	}
	for i, v := range q.scans {
		text := "Dating scan: " + q.said(v.at) + " weeks, fetal heart seen, EDD " + q.due().Format("02/01/2006")
		if i > 0 || q.weeks(v.at) > 16 {
			text = "Anomaly scan: " + q.said(v.at) + " weeks, no abnormality seen"
		}
		c.hears(&fact{kind: reportFact, code: coded("16310003"), when: v.at, by: c.p.gp, recorded: answered(v.at, 2), problem: problem, text: text})
	}
	for _, v := range q.checks {
		finding(v, "424619006", "")
		f := finding(v, "57036006", "")
		if f != nil {
			f.value, f.unit = fmt.Sprint(q.weeks(v.at)), "weeks"
		}
	}
	c.ended(q, problem, d)
	if v := q.postnatal; v != nil {
		finding(v, "169762003", "")
	}
	if q.ended.IsZero() && q.recent {
		on := workday(c.p.end.Add(time.Duration(5+d.IntN(20)) * day))
		asked := c.p.end.Add(-time.Duration(30+d.IntN(300)) * time.Hour)
		if asked.After(q.known.Add(day)) {
			c.hears(&fact{kind: diaryFact, code: coded("424619006"), when: on, precision: byDay, recorded: asked, by: c.p.gp, problem: problem})
		}
	}
}

// hears adds a fact unless it was entered after the record ends.
func (c *chart) hears(f *fact) *fact {
	entered := f.recorded
	if entered.IsZero() {
		entered = f.when.Add(7 * time.Minute)
	}
	if !entered.Before(c.p.end) {
		return nil
	}
	return c.add(f)
}

// answered is when a letter or a report is entered that was written that many days after a visit.
func answered(at time.Time, days int) time.Time {
	return workday(at.Truncate(day).Add(time.Duration(days) * day)).Add(13*time.Hour + 20*time.Minute)
}

func ubrn(d dice) string { return fmt.Sprintf("%012d", 100000000000+d.Int64N(899999999999)) }

// blood is what is found at booking. Groups as NHS Blood and Transplant gives them for England; a person keeps theirs.
func (c *chart) blood(v *visit, visit, problem *fact, d dice) {
	own := roll(c.p.town.Seed, c.p.i, "blood group")
	group := [...]string{"58460004", "112144000", "112149005", "165743006"}[own.weighted(48, 38, 10, 4)]
	rhesus := "165747007"
	if own.chance(0.15) {
		rhesus = "165746003"
	}
	for _, code := range []string{group, rhesus, "165815009", "165806002"} {
		c.hears(&fact{kind: observationFact, code: coded(code), when: v.at.Add(5 * time.Minute), by: v.by, in: visit, problem: problem,
			recorded: workday(v.at.Truncate(day).Add(time.Duration(2+d.IntN(3)) * day)).Add(16 * time.Hour)})
	}
}

// ended writes the end as the hospital's letter tells it.
func (c *chart) ended(q *pregnancy, problem *fact, d dice) {
	if !q.over(c.p.end) {
		return
	}
	told := answered(q.ended, 3+d.IntN(6))
	say := func(kind factKind, code, text string) {
		c.hears(&fact{kind: kind, code: coded(code), when: q.ended, precision: byDay, by: c.p.gp, recorded: told, problem: problem, text: text})
	}
	switch q.ending {
	case bornAlive:
		outcome := "169826009"
		if len(q.birth.babies) > 1 {
			outcome = "169828005"
		}
		say(procedureFact, wayCode(q.birth), "")
		say(observationFact, outcome, fmt.Sprintf("Born at %s weeks", q.said(q.ended)))
	case stillborn:
		say(procedureFact, "177184002", "")
		say(observationFact, "169827000", fmt.Sprintf("At %s weeks", q.said(q.ended)))
	case terminated:
		say(procedureFact, "386639001", fmt.Sprintf("At %s weeks", q.said(q.ended)))
	}
}

// wayCode is the procedure by which a baby came: instruments are forceps for one in two.
func wayCode(b *birth) string {
	if b.way == instrumental && b.days%2 == 0 {
		return "302383004"
	}
	return [...]string{spontaneous: "177184002", instrumental: "61586001", planned: "177141003", urgent: "274130007"}[b.way]
}
