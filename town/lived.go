package town

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// gpCode is what general practice uses for a measure.
var gpCode = map[string]string{"weight": "27113001", "height": "50373000", "bmi": "60621009", "pulse": "78564009", "temperature": "386725007", "spo2": "103228002",
	"peakflow": "18491006", "sodium": "1000661000000107", "potassium": "1000651000000109", "urea": "1000971000000107", "creatinine": "1000731000000107",
	"egfr": "1011481000000105", "hba1c": "999791000000106", "cholesterol": "1005671000000105", "hdl": "1005681000000107", "triglyceride": "1005691000000109",
	"haemoglobin": "1022431000000105", "white": "1022541000000102", "platelets": "1022651000000100", "mcv": "1022491000000106", "alt": "1018251000000107",
	"alp": "1000621000000104", "bilirubin": "999691000000104", "albumin": "1000821000000103", "tsh": "1022791000000101", "ferritin": "993381000000106",
	"psa": "1030791000000100", "crp": "1001371000000100", "urate": "1000481000000100"}

// panelHead is the code under which a panel's results hang; the others hang under nothing.
var panelHead = map[string]string{"ue": "1019991000000103", "fbc": "26604007", "lft": "1031121000000106"}

var vaccineCode = map[string]string{"Influenza vaccine": "86198006", "MMR vaccine": "38598009", "6-in-1 vaccine (DTaP/IPV/Hib/HepB)": "1082441000000108",
	"Meningococcal B vaccine": "720539004", "Pneumococcal conjugate vaccine": "434751000124102", "Pneumococcal polysaccharide vaccine": "12866006",
	"Shingles vaccine": "722215002", "HPV vaccine": "428570002", "4-in-1 pre-school booster (DTaP/IPV)": "414001002", "3-in-1 teenage booster (Td/IPV)": "866186002",
	"Meningococcal ACWY vaccine": "871874000", "Pertussis vaccine in pregnancy": "956951000000104"}

var ethnicCode = map[string]string{"A": "92391000000108", "B": "92401000000106", "C": "92411000000108", "D": "92421000000102", "E": "92431000000100", "F": "92441000000109",
	"G": "92451000000107", "H": "92461000000105", "J": "92471000000103", "K": "92481000000101", "L": "92491000000104", "M": "92501000000105", "N": "92511000000107",
	"P": "92521000000101", "R": "92531000000104", "S": "92541000000108", "Z": "92551000000106"}

var referralCode = map[string]string{"Cardiology": "183519002", "General surgery": "183521007", "Orthopaedics": "183542009", "Ophthalmology": "183548008",
	"Gastroenterology": "306170007", "Psychiatry": "415260000", "Urology": "183523005", "Gynaecology": "183549000", "Ear, nose and throat": "183543004", "Dermatology": "183518005",
	"Neurology": "183522000", "Rheumatology": "183524004", "Respiratory medicine": "183525003", "Diabetes and endocrinology": "183526002"}

// lived turns a life into facts.
func (c *chart) lived() {
	d := roll(c.p.town.Seed, c.p.i, "written down")
	if code := ethnicCode[c.b.ethnicity]; code != "" {
		c.add(&fact{kind: observationFact, code: coded(code), when: c.b.joined.Add(10 * time.Hour), precision: byDay, by: c.p.gp})
	}
	visits, illness := map[*visit]*fact{}, map[*condition]*fact{}
	for _, v := range c.l.visits {
		visits[v] = c.visited(v, d)
	}
	for _, x := range c.l.problems {
		f := &fact{kind: conditionFact, code: coded(x.code), when: x.onset.Add(9 * time.Hour), precision: byDay, by: x.by, in: visits[x.at],
			isProblem: x.of != nil || d.chance(0.35) || x.kept, significant: x.of != nil || x.kept}
		if f.code.category == symptoms {
			f.kind = observationFact
		}
		if x.at != nil {
			f.when, f.precision = x.at.at, exact
		} else if d.chance(0.12) {
			f.precision = pick(d, []precision{byMonth, byYear})
		}
		if x.by.at.ods == "ZZ1" { // the practice hears of it by letter
			f.by, f.recorded = c.p.gp, workday(f.when.Truncate(day).Add(time.Duration(2+d.IntN(8))*day)).Add(11*time.Hour)
		}
		if f.isProblem {
			f.ended = x.ended
		}
		if d.chance(0.3) {
			f.text = c.remark(d)
		}
		if f.recorded.Before(c.p.end) {
			illness[x] = c.add(f)
		}
	}
	for _, x := range c.l.allergies {
		f := &fact{kind: allergyFact, code: coded(x.code), when: x.since.Add(10 * time.Hour), precision: byDay, by: x.by, text: "Reaction: " + x.reaction}
		if d.chance(0.1) {
			f.precision = byYear
		}
		c.add(f)
	}
	if len(c.l.allergies) == 0 && roll(c.p.town.Seed, c.p.i, "no allergies").chance(0.7) {
		c.add(&fact{kind: allergyFact, code: coded("716186003"), when: workday(after(c.p.born, 0.8*c.p.age(c.p.end))).Add(10 * time.Hour), precision: byDay, by: c.p.gp})
	}
	for _, x := range c.l.immunisations {
		code := vaccineCode[x.name]
		if x.name == "COVID-19 vaccine" {
			code = [...]string{"1324681000000101", "1324691000000104", "1362591000000103"}[x.dose-1]
		}
		c.add(&fact{kind: immunisationFact, code: coded(code), when: x.on.Add(10 * time.Hour), precision: byDay, by: x.by, text: fmt.Sprintf("%s, batch %c%04d", x.name, 'A'+d.IntN(26), d.IntN(10000))})
	}
	for _, x := range c.l.procedures {
		f := &fact{kind: procedureFact, code: coded(x.code), when: x.on.Add(12 * time.Hour), precision: byDay, by: c.p.gp, recorded: workday(x.on.Add(9 * day)).Add(15 * time.Hour)}
		if x.at == nil {
			f.precision = byYear
		}
		if f.recorded.Before(c.p.end) {
			c.add(f)
		}
	}
	for _, x := range c.l.courses {
		c.prescribed(x, illness[x.why], visits[x.at], d)
	}
	c.family(d)
	c.referrals(illness, d)
	for _, q := range c.l.h.pregnancies {
		c.expects(q, visits, illness[q.condition])
	}
}

// visited writes a visit to the practice as slot, consultation and what was measured; one to the hospital as its letter.
func (c *chart) visited(v *visit, d dice) *fact {
	if v.by.at.ods == "ZZ1" {
		f := &fact{kind: observationFact, code: coded("185268003"), when: v.at, by: c.p.gp, text: v.reason,
			recorded: workday(v.at.Truncate(day).Add(time.Duration(2+d.IntN(9)) * day)).Add(14 * time.Hour)}
		if f.recorded.Before(c.p.end) {
			c.add(f)
		}
		return nil
	}
	place := map[visitKind]string{surgery: "GP Surgery", telephone: "Telephone consultation", review: "Nurse clinic"}[v.kind]
	slot := c.slot(v.at, v.by, int(v.length/time.Minute), false, d)
	visit := c.add(&fact{kind: consultationFact, when: v.at, by: v.by, place: place, of: slot, text: v.reason})
	m := roll(c.p.town.Seed, c.p.i, "measured "+v.at.Format("20060102 1504"))
	for _, panel := range v.panels {
		c.panel(panel, v, visit, m)
	}
	return visit
}

// slot is the appointment, booked some days before.
func (c *chart) slot(at time.Time, by *practitioner, minutes int, missed bool, d dice) *fact {
	booked := workday(at.Truncate(day).Add(-time.Duration(d.IntN(15)) * day)).Add(9 * time.Hour)
	if booked.After(at) || booked.Before(c.p.born) {
		booked = at
	}
	return c.add(&fact{kind: slotFact, when: at, recorded: booked, by: by, minutes: max(minutes, 5), missed: missed, ended: at.Add(time.Duration(minutes) * time.Minute)})
}

// panel writes what a panel shows at a visit.
func (c *chart) panel(panel string, v *visit, visit *fact, d dice) {
	at, recorded := v.at.Add(5*time.Minute), v.at.Add(9*time.Minute)
	if blood(panel) {
		if !v.tests.IsZero() {
			at = v.tests
		}
		recorded = workday(at.Truncate(day).Add(day)).Add(time.Duration(16*60+d.IntN(180)) * time.Minute)
		if recorded.After(c.p.end) {
			return
		}
	}
	switch panel {
	case "bp":
		s, dia := c.l.h.pressure(at, d)
		head := c.add(&fact{kind: observationFact, code: coded("75367002"), when: at, recorded: recorded, by: v.by, in: visit})
		c.add(&fact{kind: observationFact, code: coded("72313002"), when: at, recorded: recorded, by: v.by, in: visit, of: head, value: fmt.Sprint(s), unit: "mmHg"})
		c.add(&fact{kind: observationFact, code: coded("1091811000000102"), when: at, recorded: recorded, by: v.by, in: visit, of: head, value: fmt.Sprint(dia), unit: "mmHg"})
		return
	case "smoking":
		code := [...]string{"266919005", "8517006", "77176002"}[c.p.smoker]
		c.add(&fact{kind: observationFact, code: coded(code), when: at, recorded: recorded, by: v.by, in: visit})
		return
	}
	var head *fact
	if code := panelHead[panel]; code != "" {
		head = c.add(&fact{kind: reportFact, code: coded(code), when: at, recorded: recorded, by: v.by, in: visit})
	}
	for _, key := range panels[panel] {
		m := measureOf(key)
		number, _ := c.l.h.value(m, at, d)
		low, high := m.limits(c.p)
		unit := m.unit
		if key == "white" || key == "platelets" {
			unit = "10*9/L"
		}
		c.add(&fact{kind: observationFact, code: coded(gpCode[key]), when: at, recorded: recorded, by: v.by, in: visit, of: head, value: number, unit: unit, low: low, high: high})
	}
}

// prescribed writes a course as a plan and its issues.
func (c *chart) prescribed(x *course, why, visit *fact, d dice) {
	plan := &fact{kind: planFact, drug: drugBook[x.name], when: x.from.Add(11 * time.Hour), precision: byDay, by: x.by, in: visit, problem: why,
		dose: x.dose, quantity: x.quantity, unit: x.unit, repeat: x.repeat, last: x.from.Add(11 * time.Hour)}
	if x.repeat {
		plan.step = 28
		if d.chance(0.3) {
			plan.step = 56
		}
		plan.last = x.issued.Add(12 * time.Hour)
		if plan.last.Before(plan.when) {
			plan.last = plan.when
		}
		if x.stopped {
			plan.ended = plan.last.Add(2 * day)
		}
	}
	if x.by.at.ods == "ZZ1" {
		plan.by = c.p.gp
	}
	if !plan.when.Before(c.p.end) {
		return
	}
	c.add(plan)
}

// family writes what relatives had.
func (c *chart) family(d dice) {
	if c.p.age(c.p.end) < 18 {
		return
	}
	for _, x := range []struct {
		code   string
		chance float64
		text   string
	}{{"160303001", 0.16, "Mother"}, {"266897007", 0.14, "Father, in his fifties"}, {"160377001", 0.1, "Brother"}, {"429740004", 0.07, "Aunt"}} {
		if d.chance(x.chance) {
			c.add(&fact{kind: familyFact, code: coded(x.code), when: workday(after(c.p.born, 18+0.8*d.Float64()*(c.p.age(c.p.end)-18))).Add(10 * time.Hour), precision: byDay, by: c.p.gp, text: x.text})
		}
	}
}

// referrals begin the pathways; a review of a lasting problem is put in the diary.
func (c *chart) referrals(illness map[*condition]*fact, d dice) {
	for _, w := range c.l.pathways {
		c.hears(&fact{kind: referralFact, code: coded(w.referral), when: w.referred, by: c.p.gp, text: "Thank you for seeing this patient: " + w.text, place: w.specialty, urgent: w.urgent, value: w.ubrn})
		for _, b := range w.bookings {
			if b.missed {
				c.hears(&fact{kind: observationFact, code: coded("281399006"), when: b.at, by: c.p.gp, recorded: answered(b.at, 4), text: w.specialty + " clinic"})
			}
		}
	}
	for _, x := range c.l.problems {
		if x.of == nil || x.of.watch == "" || illness[x] == nil {
			continue
		}
		code := map[string]string{"asthma": "170777000", "diabetes": "170599006", "type1": "170599006", "hypertension": "170578008", "ihd": "390906007"}[x.of.key]
		if code == "" {
			code = "182836005"
		}
		on := workday(c.p.end.Add(time.Duration(20+d.IntN(300)) * day))
		asked := workday(on.Add(-365 * day)).Add(12 * time.Hour)
		if asked.Before(x.onset) {
			continue
		}
		c.add(&fact{kind: diaryFact, code: coded(code), when: on, precision: byDay, recorded: asked, by: x.by, problem: illness[x]})
	}
}

var remarks = []string{
	"Feels well in himself", "Advised to come back if no better in a week", `Says "it comes and goes, mostly at night"`,
	"Discussed options, risks and benefits; leaflet given", "Sleeping badly, work is difficult", "Seen with daughter, who is worried",
	"Examined:\nchest clear, no wheeze\nabdomen soft", "Wife reports he is \"not himself\", forgetful", "Temp normal, pulse regular, well perfused",
	"To bring sample, ring for result, see nurse in 2/52", "Pain 6/10, worse on stairs,\nbetter with rest", "Café worker, on her feet all day", "Paid £12 for an over-the-counter cream, no help",
}

// remark is free text as people type it: quotes, commas and new lines included.
func (c *chart) remark(d dice) string {
	s := pick(d, remarks)
	if c.p.female {
		s = strings.NewReplacer("himself", "herself", "Wife reports he", "Husband reports she", "his", "her").Replace(s)
	}
	return s
}

// ordered puts facts in the order they were recorded and numbers them again, so that a later town day only adds.
func (c *chart) ordered() {
	slices.SortStableFunc(c.facts, func(a, b *fact) int { return a.recorded.Compare(b.recorded) })
	for i, f := range c.facts {
		f.n = i
	}
}
