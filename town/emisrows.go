package town

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// chartRows writes what a practice says of one person in all drops, and the truth of it.
type emisRows struct {
	*emis
	c       *chart
	o       *outbox
	v       view
	stays   []stay
	patient string
	person  string
	closing bool // the practice has left the agreement, and all its patients are deleted
}

// write writes a person's rows; nothing where the practice never knew them.
func (e *emis) write(c *chart, o *outbox, records []trueRecord) []trueRecord {
	x := emisRows{emis: e, c: c, o: o, stays: c.p.registered(c.b, e.practice), patient: guid(e.town.Seed, 'P', c.p.i, 0), person: personName(c.p.i)}
	if x.stays == nil {
		return records
	}
	x.v = c.view(e.practice, x.stays, e.bulk)
	end := e.cuts[len(e.cuts)-1]
	if x.v.from.After(end) || !x.v.erased.IsZero() && x.v.erased.Before(x.v.from) {
		return records
	}
	for drop, now := range e.cuts {
		before := time.Time{}
		if drop > 0 {
			before = e.cuts[drop-1]
		}
		if x.v.erasedBy(before) {
			break
		}
		o.serial = int64(c.p.i)*60_000 + 10_000_000
		x.registration(drop, before, now)
		if x.v.erasedBy(now) {
			if x.v.from.After(before) {
				return records // came and went between two extracts
			}
			break // the children's deletes never come
		}
		if !x.stays[0].from.After(now) {
			x.spoilt(drop)
		}
		for _, f := range c.facts {
			if differs, gone := x.v.changes(f, before, now); differs {
				x.fact(f, drop, now, gone)
			}
		}
	}
	x.truth(end)
	return append(records, trueRecord{e.name, x.patient, c.p.number, x.v.erasedBy(end)})
}

// view of a practice: about one patient in 2,000 a day is deleted outright, because they were registered by mistake.
func (c *chart) view(practice int, stays []stay, bulk time.Time) view {
	v := view{from: stays[0].from, to: stays[len(stays)-1].to, arrived: !c.b.changed.IsZero() && practice == c.p.practice}
	d := roll(c.p.town.Seed, c.p.i, "erased")
	if at := bulk.Add(time.Duration(d.ExpFloat64() * 2000 * float64(day))); at.Before(c.p.end) {
		v.erased = at
	}
	if !v.arrived && v.to.IsZero() && len(stays) == 1 && v.from.Before(bulk.Add(-30*day)) {
		v.from = c.p.born // everything the person has was written here
	}
	return v
}

// registration writes Admin_Patient and its history when they differ from the drop before.
func (x *emisRows) registration(drop int, before, now time.Time) {
	p, b := x.c.p, x.c.b
	from := x.stays[0].from
	if from.After(now) {
		return
	}
	changed := !from.Before(before) || x.v.erasedBy(now) || x.closing
	for _, at := range x.events() {
		changed = changed || at.After(before) && !at.After(now)
	}
	if !changed {
		return
	}
	on := x.v.last(now)
	h := p.lives(b, on.Add(-10*day))
	number, street, ok := strings.Cut(h.line, " ")
	if !ok || number[0] < '0' || number[0] > '9' {
		number, street = h.line, ""
	}
	sex, died, left := "M", "", ""
	if p.female {
		sex = "F"
	}
	if !p.died.IsZero() && p.died.Add(3*day).Before(now) && x.v.to.IsZero() {
		died, left = ymd(p.died), ymd(p.died.Add(3*day))
	}
	if x.v.to.After(time.Time{}) && !x.v.to.After(now) {
		left = ymd(x.v.to)
	}
	current := x.stays[0].from
	for _, s := range x.stays {
		if !s.from.After(now) {
			current = s.from
		}
	}
	home, residence := h.phone, ""
	if b.careHome {
		residence = "CH" + strconv.Itoa(1+p.i%len(careHomes))
	}
	mobile := ""
	if p.age(p.end) >= 16 {
		mobile = b.mobile
	}
	deleted := strconv.FormatBool(x.v.erasedBy(now) || x.closing)
	e := x.emis
	e.row(x.o, drop, emisPatient, x.patient, e.org(), e.user(p.gp), sex, ymd(p.born), died, p.prefix, p.first, p.middle, p.surname(b, on.Add(-20*day)), ymd(current), p.number,
		strconv.Itoa(10_000+p.i), "Regular", "false", number, street, "", Name, "Merrowshire", h.postcode, residence, "Number present and verified", b.carer, b.carerIs,
		guid(e.town.Seed, 'N', p.i, 0), left, deleted, strconv.FormatBool(b.sensitive), "false", b.email, home, mobile, "", "", "", e.serial(x.o, drop))
	for i, s := range x.stays {
		if s.from.After(now) || i > 0 && x.v.erasedBy(now) {
			continue
		}
		to := ""
		if !s.to.IsZero() && !s.to.After(now) {
			to = ymd(s.to)
		} else if i == len(x.stays)-1 {
			to = left
		}
		e.row(x.o, drop, emisPatientHistory, x.patient, e.org(), ymd(s.from), to, "Regular", "false", deleted, e.serial(x.o, drop))
	}
	mode := "Update"
	if !from.Before(before) {
		mode = "Insert"
	}
	e.row(x.o, drop, emisRegistrationAudit, x.patient, e.org(), ymd(on), "09:00:00", e.user(p.gp), mode, e.serial(x.o, drop))
}

// events are when the registration changed, as the practice heard of it.
func (x *emisRows) events() []time.Time {
	p, b := x.c.p, x.c.b
	var at []time.Time
	for _, s := range x.stays {
		at = append(at, s.from, s.to)
	}
	if !p.died.IsZero() && x.v.to.IsZero() {
		at = append(at, p.died.Add(3*day+time.Second))
	}
	for _, t := range []struct {
		on   time.Time
		late int
	}{{b.wedding, 20}, {b.moved, 10}} {
		if !t.on.IsZero() && (x.v.to.IsZero() || t.on.Add(time.Duration(t.late)*day).Before(x.v.to)) {
			at = append(at, t.on.Add(time.Duration(t.late)*day))
		}
	}
	return at
}

func (x *emisRows) guid(f *fact) string {
	if f == nil {
		return ""
	}
	return guid(x.town.Seed, 'F', x.c.p.i, f.n)
}

// has is the GUID of a fact the practice holds; one it does not hold is not named.
func (x *emisRows) has(f *fact) string {
	if f == nil {
		return ""
	}
	if _, ok := x.v.holds(f); !ok {
		return ""
	}
	return x.guid(f)
}

// emisDate is the date column and EffectiveDatePrecision.
func emisDate(f *fact) (on, precision string) {
	switch f.precision {
	case byYear:
		return f.when.Format("2006") + "-01-01", "Y"
	case byMonth:
		return f.when.Format("2006-01") + "-01", "YM"
	case byDay:
		return ymd(f.when), "YMD"
	}
	return ymd(f.when), "YMDT"
}

func hms(t time.Time) string { return t.Format("15:04:05") }

// fact writes the rows of one fact.
func (x *emisRows) fact(f *fact, drop int, now time.Time, gone bool) {
	e, o := x.emis, x.o
	id, org, user := x.guid(f), e.org(), e.user(f.by)
	on, precision := emisDate(f)
	entered, time := ymd(f.recorded), hms(f.recorded)
	deleted := strconv.FormatBool(gone)
	switch f.kind {
	case consultationFact:
		e.row(o, drop, emisConsultation, id, x.patient, org, on, precision, entered, time, user, user, x.has(f.of), f.place, "", "true", deleted, "false", e.serial(o, drop))
	case slotFact:
		x.slot(f, drop, now, deleted)
	case planFact:
		cancelled, active := "", "true"
		if !f.ended.IsZero() && !f.ended.After(x.v.last(now)) {
			cancelled, active = ymd(f.ended), "false"
		}
		kind, allowed := "Acute", "1"
		if f.repeat {
			kind, allowed = "Repeat", "99"
		} else if f.when.Before(now.Add(-30 * day)) {
			active = "false"
		}
		e.row(o, drop, emisDrugRecord, id, x.patient, org, on, precision, entered, time, user, user, f.drug.codeID(), f.dose, f.quantity, f.unit, x.has(f.problem), kind, active, cancelled,
			strconv.Itoa(f.issued(x.v.last(now))), allowed, "false", deleted, e.serial(o, drop))
	case issueFact:
		days := "28"
		if f.of.step > 0 {
			days = strconv.Itoa(f.of.step)
		}
		e.row(o, drop, emisIssueRecord, id, x.patient, org, x.has(f.of), on, precision, entered, time, user, user, f.drug.codeID(), f.dose, f.quantity, f.unit, x.has(f.problem), days,
			fmt.Sprintf("%d.%02d", 1+f.drug.n%9, f.drug.n*37%100), "false", deleted, e.serial(o, drop))
	case diaryFact:
		active := strconv.FormatBool(f.when.After(now))
		e.row(o, drop, emisDiary, id, x.patient, org, on, precision, entered, time, user, user, f.code.codeID(), f.code.term, f.text, "", "", deleted, "false", active, strconv.FormatBool(active == "false"),
			"", e.serial(o, drop))
	default:
		x.observation(f, drop, now, on, precision, gone)
	}
}

// observation writes the row of a coded entry, and those that go with a problem or a referral.
func (x *emisRows) observation(f *fact, drop int, now time.Time, on, precision string, gone bool) {
	e, o := x.emis, x.o
	id, org, user := x.guid(f), e.org(), e.user(f.by)
	entered, deleted := ymd(f.recorded), strconv.FormatBool(gone)
	kind := map[factKind]string{allergyFact: "Allergy", immunisationFact: "Immunisation", familyFact: "Family history", referralFact: "Referral", requestFact: "Test Request", reportFact: "Investigation"}[f.kind]
	value := ""
	if f.kind == observationFact {
		value = f.at(now)
	}
	if kind == "" {
		kind = map[bool]string{true: "Value", false: "Observation"}[value != ""]
	}
	write := func(value, serial string) {
		e.row(o, drop, emisObservation, id, x.patient, org, on, precision, entered, hms(f.recorded), user, user, x.has(f.of), f.code.codeID(), x.has(f.problem), f.text, x.has(f.in),
			value, f.unitOf(value), kind, f.low, f.high, "", deleted, "false", serial)
	}
	edited := drop > 0 && value != "" && !f.edited.IsZero() && f.edited.After(e.cuts[drop-1]) && !f.edited.After(now)
	if edited && f.n%3 == 0 { // corrected twice in a day, and the rows stand in the wrong order: ProcessingId decides
		first, second := e.serial(o, drop), e.serial(o, drop)
		write(value, second)
		write(f.was+"1", first)
	} else {
		write(value, e.serial(o, drop))
	}
	if drop > 0 && (edited || gone) {
		mode := map[bool]string{true: "Delete", false: "Update"}[gone]
		e.row(o, drop, emisPatientAudit, id, x.patient, org, ymd(now.Add(-time.Hour)), "16:20:00", user, "Observation", mode, e.serial(o, drop))
	}
	if f.isProblem {
		status, ended, ep := "Active Problem", "", ""
		if !f.ended.IsZero() && !f.ended.After(x.v.last(now)) {
			status, ended, ep = "Past Problem", ymd(f.ended), "YMD"
		}
		weight := map[bool]string{true: "Significant Problem", false: "Minor Problem"}[f.significant]
		e.row(o, drop, emisProblem, id, x.patient, org, "", deleted, f.text, ended, ep, "", entered, "YMD", user, "", status, weight, e.serial(o, drop))
	}
	if f.kind == referralFact {
		urgency := map[bool]string{true: "Urgent", false: "Routine"}[f.urgent]
		e.row(o, drop, emisObservationReferral, id, x.patient, org, guid(e.town.Seed, 'O', hospital, 0), urgency, "Assessment", "Written", "", "", "", "", org, f.value, "", "", "", "", "", "", e.serial(o, drop))
	}
}

func (f *fact) unitOf(value string) string {
	if value == "" {
		return ""
	}
	return f.unit
}

// slot writes an appointment: booked, then kept or missed.
func (x *emisRows) slot(f *fact, drop int, now time.Time, deleted string) {
	sent, left, missed, wait, took := "", "", "false", "", ""
	if f.when.Before(now) {
		if f.missed {
			missed = "true"
		} else {
			sent, left, wait, took = hms(f.when.Add(4*time.Minute)), hms(f.when.Add(time.Duration(4+f.minutes)*time.Minute)), "4", strconv.Itoa(f.minutes)
		}
	}
	user := x.user(f.by)
	x.row(x.o, drop, emisSlot, x.guid(f), ymd(f.when), hms(f.when), strconv.Itoa(f.minutes), x.patient, sent, left, missed, wait, "", took, x.org(), x.session(user, f.when), "", deleted, x.serial(x.o, drop))
}

// spoilt adds rows that must not be filed beside those that must, with a GUID of their own.
func (x *emisRows) spoilt(drop int) {
	e, o := x.emis, x.o
	d := roll(e.town.Seed, x.c.p.i, "spoilt"+strconv.Itoa(e.base+drop))
	if !d.chance(map[bool]float64{true: 0.02, false: 0.002}[e.base+drop == 0]) {
		return
	}
	id, code := guid(e.town.Seed, 'X', x.c.p.i, e.base+drop), coded("185317003").codeID()
	switch d.IntN(3) {
	case 0:
		o.spoil(e.key(drop, emisObservation), "quarantined", "the row is cut short")
		e.row(o, drop, emisObservation, id, x.patient, e.org(), ymd(e.cuts[drop].Add(-2*day)), "YMD")
	case 1:
		o.spoil(e.key(drop, emisObservation), "quarantined", "30 February is not a date")
		e.row(o, drop, emisObservation, id, x.patient, e.org(), "2026-02-30", "YMD", "2026-02-28", "10:00:00", e.user(x.c.p.gp), e.user(x.c.p.gp), "", code, "", "", "", "", "", "Observation", "", "", "",
			"false", "false", e.serial(o, drop))
	case 2:
		o.spoil(e.key(drop, emisSlot), "parked", "the slot names a patient nobody knows")
		e.row(o, drop, emisSlot, id, ymd(e.cuts[drop].Add(-3*day)), "10:00:00", "10", guid(e.town.Seed, 'X', x.c.p.i, 99_999), "", "", "false", "", "", "", e.org(),
			e.session(e.user(x.c.p.gp), e.cuts[drop].Add(-3*day)), "", "false", e.serial(o, drop))
	}
}

// truth says what must be there, and what must not, after the last drop.
func (x *emisRows) truth(end time.Time) {
	for _, f := range x.c.facts {
		seen, ok := x.v.holds(f)
		if !ok || seen.After(end) {
			continue
		}
		deleted := x.v.happened(f.deleted)
		gone := !deleted.IsZero() && !deleted.After(end)
		if gone && !everWritten(x.cuts, seen, deleted) {
			continue
		}
		line := trueFact{Feed: x.name, Patient: x.patient, Person: x.person, Kind: f.becomes(), Key: x.guid(f), Deleted: gone || x.v.erasedBy(end)}
		if !line.Deleted {
			line.Date = f.dated()
			line.System, line.Code = f.coding(readTwo)
			if f.kind == observationFact {
				line.Value = f.at(end)
				line.Unit = f.unitOf(line.Value)
			}
		}
		x.o.say(&line)
		if f.isProblem && line.Kind != "Condition" {
			line.Kind, line.Value, line.Unit = "Condition", "", ""
			x.o.say(&line)
		}
	}
}

// everWritten reports whether a fact stood in some drop between being seen and being deleted.
func everWritten(cuts []time.Time, seen, deleted time.Time) bool {
	for _, cut := range cuts {
		if !seen.After(cut) && deleted.After(cut) {
			return true
		}
	}
	return false
}

// coding is the standard code where there is one, else the supplier's in its own system.
func (f *fact) coding(local string) (system, code string) {
	switch {
	case f.drug != nil:
		return dmd, f.drug.id
	case f.code == nil:
		return "", ""
	case f.code.snomed != "":
		return snomed, f.code.snomed
	}
	return local, f.code.read2
}
