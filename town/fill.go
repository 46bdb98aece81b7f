package town

import (
	"math"
	"time"
)

// What a full record holds of each kind, a patient: specification of feeds §10.
const (
	fullConsultations = 135
	fullObservations  = 551
	fullIssues        = 161
	fullPlans         = 42
	fullSlots         = 36
	fullProblems      = 21
	fullDiaries       = 6
	fullReferrals     = 3
)

// often written findings, and those written beside a consultation for no clinical reason.
var (
	usual = []string{"49727002", "267036007", "16001004", "162397003", "271807003", "422587007", "267102003", "48694002", "366979004", "161891005", "57676002", "162214009",
		"29857009", "21522001", "25064002", "84229001", "404640003", "14760008"}
	paperwork = []string{"185317003", "185349003", "308335008", "25656009", "182836005", "445450000", "183616001", "185268003", "714311000000108", "407612004", "185882007",
		"EMISNQPR12", "EMISNQTE15", "EMISNQDO3", "EMISNQCO7", "^ESCTHO66", "413129005", "171207006", "170744004", "281399006"}
	bloodPanels = []string{"ue", "fbc", "lft", "lipids", "hba1c", "tft", "crp", "ferritin"}
)

// fill adds the rest of a record: the contacts, results and prescriptions of many years, of which a life holds only the
// last few. Their number follows the density; who has more of them follows age and luck.
func (c *chart) fill(density Density) {
	d := roll(c.p.town.Seed, c.p.i, "filled")
	share := density.share() * c.p.busy()
	have := map[factKind]int{}
	ill := 0
	for _, f := range c.facts {
		have[f.kind]++
		if f.isProblem {
			ill++
		}
	}
	c.oldProblems(d, c.some(d, fullProblems*share)-ill)
	c.oldVisits(d, c.some(d, fullConsultations*share)-have[consultationFact], c.some(d, fullSlots*share)-have[slotFact],
		c.some(d, fullObservations*share)-len(c.facts)+have[consultationFact]+have[slotFact]+have[planFact]+have[diaryFact])
	c.oldPlans(d, c.some(d, fullPlans*share)-have[planFact])
	for range c.some(d, fullReferrals*share) - have[referralFact] {
		f := c.old(d, referralFact, pick(d, []string{"183519002", "183521007", "183542009", "183543004", "183548008", "306170007", "103696004", "415260000", "183523005"}))
		f.value, f.place, f.text = "", "Other", "Thank you for your opinion on this problem"
	}
	for range c.some(d, fullDiaries*share) - have[diaryFact] {
		f := c.old(d, diaryFact, pick(d, []string{"182836005", "413129005", "22631000000109", "268527000", "183616001"}))
		f.when, f.precision = workday(f.when.Add(time.Duration(30+d.IntN(330))*day).Truncate(day)), byDay
	}
	c.issues(share)
	c.ordered()
}

// some is a whole number that is x on average.
func (c *chart) some(d dice, x float64) int {
	whole, part := math.Modf(x)
	if d.chance(part) {
		whole++
	}
	return int(whole)
}

// past is a moment of the person's life in practice hours, likelier of late.
func (c *chart) past(d dice) time.Time {
	age := c.p.age(c.p.end)
	back := math.Min(age, 35) * (1 - math.Sqrt(1-d.Float64()))
	at := workday(after(c.p.end, -back)).Add(8*time.Hour + time.Duration(d.IntN(620))*time.Minute)
	if at.Before(c.p.born) {
		at = c.p.born.Add(10 * time.Hour)
	}
	if !at.Before(c.p.end) {
		at = c.p.end.Add(-30 * time.Hour)
	}
	return at
}

func (c *chart) old(d dice, kind factKind, code string) *fact {
	return c.add(&fact{kind: kind, code: coded(code), when: c.past(d), by: c.l.anyGP()})
}

// oldProblems are those of the past, most of them minor and over.
func (c *chart) oldProblems(d dice, n int) {
	for range n {
		x := &illnesses[d.IntN(len(illnesses))]
		f := c.old(d, conditionFact, x.code)
		if f.code.category == symptoms {
			f.kind = observationFact
		}
		f.precision, f.isProblem = byDay, true
		if ended := f.when.Add(time.Duration(7+d.IntN(60)) * day); ended.Before(c.p.end) && d.chance(0.9) {
			f.ended = ended
		}
	}
}

// oldVisits are consultations with what was found at them; some were booked in the appointment book.
func (c *chart) oldVisits(d dice, n, slots, observations int) {
	n = max(n, 0)
	each := float64(max(observations, 0)) / float64(max(n, 1))
	for range n {
		at := c.past(d)
		by := c.l.anyGP()
		place := pick(d, []string{"GP Surgery", "GP Surgery", "GP Surgery", "Telephone consultation", "Nurse clinic", "Home visit", "Administration", "Externally entered"})
		if place == "Nurse clinic" {
			by = c.l.anyNurse()
		}
		var slot *fact
		if slots > 0 && place != "Administration" && place != "Externally entered" {
			slots--
			slot = c.slot(at, by, 10, d.chance(0.05), d)
			if slot.missed {
				c.add(&fact{kind: observationFact, code: coded("281399006"), when: at, by: by})
				continue
			}
		}
		in := c.add(&fact{kind: consultationFact, when: at, by: by, place: place, of: slot, text: "Consultation"})
		v := &visit{at: at, by: by}
		for left := c.some(d, each); left > 0; {
			left -= c.found(d, v, in)
		}
	}
	for range slots {
		c.slot(c.past(d), c.l.anyNurse(), 10, d.chance(0.06), d)
	}
}

// found writes one finding, or a panel of results, and returns how many facts that were.
func (c *chart) found(d dice, v *visit, in *fact) int {
	before := len(c.facts)
	switch x := d.Float64(); {
	case x < 0.07:
		c.panel(pick(d, bloodPanels), v, in, d)
		if len(c.facts) == before {
			return 1
		}
	case x < 0.17:
		c.panel("bp", v, in, d)
	case x < 0.27:
		c.panel(pick(d, []string{"weight", "fever", "peakflow", "spo2", "smoking"}), v, in, d)
	case x < 0.29:
		c.add(&fact{kind: requestFact, code: coded(pick(d, []string{"167252002", "165317007", "168537006"})), when: v.at, by: v.by, in: in})
	case x < 0.30:
		c.add(&fact{kind: specimenFact, code: coded("119297000"), when: v.at, by: v.by, in: in})
	case x < 0.32:
		c.add(&fact{kind: reportFact, code: coded(pick(d, []string{"399208008", "16310003", "401294003"})), when: v.at, by: v.by, in: in, text: "Normal"})
	case x < 0.34:
		c.add(&fact{kind: observationFact, code: coded("1082641000000106"), when: v.at, by: v.by, in: in, value: c.units(d), unit: "units/week"})
	case x < 0.62:
		f := c.add(&fact{kind: observationFact, code: coded(pick(d, usual)), when: v.at, by: v.by, in: in})
		if d.chance(0.5) {
			f.text = c.remark(d)
		}
	default:
		f := c.add(&fact{kind: observationFact, code: coded(pick(d, paperwork)), when: v.at, by: v.by, in: in})
		if f.code.category == management {
			f.kind = reportFact
		}
		if d.chance(0.1) {
			f.precision = byDay
		}
	}
	return len(c.facts) - before
}

func (c *chart) units(d dice) string {
	return []string{"0", "2", "4", "6", "10", "14", "18", "28"}[d.IntN(8)]
}

// oldPlans are short courses of the past.
func (c *chart) oldPlans(d dice, n int) {
	for range n {
		m := pick(d, oldAcutes)
		if m.penicillin && c.l.allergic("Penicillin") {
			m = insteadOfPenicillin
		}
		at := c.past(d)
		last := at.Add(time.Duration(28*d.IntN(4)) * day)
		if !last.Before(c.p.end) {
			last = at
		}
		c.add(&fact{kind: planFact, drug: drugBook[m.name], when: at, precision: byDay, by: c.l.anyGP(), dose: m.dose, quantity: m.quantity, unit: m.unit, step: 28, last: last})
	}
}

// issues writes the prescriptions of each plan: all of them in a full record, the latest ones in a thin one.
func (c *chart) issues(share float64) {
	var plans []*fact
	repeats := 0
	for _, f := range c.facts {
		if f.kind == planFact {
			plans = append(plans, f)
			if f.repeat {
				repeats++
			}
		}
	}
	most := int(math.Max(2, (fullIssues*share-float64(len(plans)-repeats))/math.Max(1, float64(repeats))))
	for _, plan := range plans {
		n := plan.issued(plan.last)
		for k := max(0, n-most); k < n; k++ {
			at := plan.when.Add(time.Duration(k*plan.step) * day)
			c.add(&fact{kind: issueFact, drug: plan.drug, when: at, precision: byDay, recorded: at.Add(time.Duration(20+k%300) * time.Minute), by: plan.by, of: plan, problem: plan.problem,
				dose: plan.dose, quantity: plan.quantity, unit: plan.unit, repeat: plan.repeat, in: plan.in})
		}
	}
}
