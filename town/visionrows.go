package town

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// visionRows writes one person.
type visionRows struct {
	*vision
	c       *chart
	o       *outbox
	v       view
	stays   []stay
	patient string
	bp      map[*fact][2]*fact // a pressure's two halves stand in one row
	lastIn  map[*fact]int      // the last drop a fact's row stands in
}

func (x *vision) write(c *chart, o *outbox, records []trueRecord) []trueRecord {
	r := &visionRows{vision: x, c: c, o: o, stays: c.p.registered(c.b, x.practice), bp: map[*fact][2]*fact{}, lastIn: map[*fact]int{}}
	if r.stays == nil {
		return records
	}
	r.patient = strconv.Itoa(3_000_000 + c.p.i)
	r.v = c.view(x.practice, r.stays, x.bulk)
	end := x.cuts[len(x.cuts)-1]
	if r.v.from.After(end) || r.stays[0].from.After(end) {
		return records
	}
	for _, f := range c.facts {
		if side := pressureHalf(f); side >= 0 {
			halves := r.bp[f.of]
			halves[side] = f
			r.bp[f.of] = halves
		}
	}
	for drop, now := range x.cuts {
		before := time.Time{}
		if drop > 0 {
			before = x.cuts[drop-1]
		}
		if r.v.erasedBy(before) {
			break
		}
		if r.v.erasedBy(now) {
			if r.stays[0].from.After(before) {
				return records
			}
			r.row(o, drop, visionPatient, "PID", r.patient, "ACTION", "D")
			break
		}
		r.registration(drop, before, now)
		r.facts(drop, before, now)
	}
	r.truth(end)
	return append(records, trueRecord{x.name, r.patient, c.p.number, r.v.erasedBy(end)})
}

// pressureHalf is 0 for a systolic pressure, 1 for a diastolic one, -1 for all else.
func pressureHalf(f *fact) int {
	switch {
	case f.code == nil || f.of == nil:
	case f.code.snomed == "72313002":
		return 0
	case f.code.snomed == "1091811000000102":
		return 1
	}
	return -1
}

// facts writes what changed between two extracts. A half of a pressure brings the whole row.
func (x *visionRows) facts(drop int, before, now time.Time) {
	for _, f := range x.c.facts {
		if pressureHalf(f) >= 0 || x.standsIn(f) < 0 {
			continue
		}
		differs, gone := x.v.changes(f, before, now)
		if halves, ok := x.bp[f]; ok && !differs && x.v.present(f, now) {
			for _, half := range halves {
				edited := x.v.happened(half.edited)
				differs = differs || !edited.IsZero() && edited.After(before) && !edited.After(now)
			}
		}
		if !differs {
			continue
		}
		seen, _ := x.v.holds(f)
		action := "C"
		switch {
		case gone:
			action = "D"
		case seen.After(before):
			action = "A"
		}
		x.fact(f, drop, now, action)
		x.lastIn[f] = drop
	}
}

// standsIn is the table of a fact; Vision's extract has no appointments.
func (x *visionRows) standsIn(f *fact) int {
	switch f.kind {
	case consultationFact:
		return visionEncounter
	case referralFact:
		return visionReferral
	case slotFact:
		return -1
	}
	return visionJournal
}

// id is the ID of a fact's row.
func (x *visionRows) id(f *fact) string {
	return strconv.FormatInt(int64(x.c.p.i+1)*100_000+int64(f.n), 10)
}

// links name the encounter, the problem and the plan a row belongs to; the letters are assumed.
func (x *visionRows) links(f *fact) string {
	var links []string
	for _, l := range []struct {
		to     *fact
		letter string
	}{{f.in, "E"}, {f.problem, "P"}, {f.of, "A"}} {
		if l.to == nil || l.letter == "A" && f.kind != issueFact {
			continue
		}
		if _, ok := x.v.holds(l.to); ok {
			links = append(links, x.id(l.to)+l.letter)
		}
	}
	return strings.Join(links, "|")
}

func visionDay(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("20060102")
}

func (x *visionRows) fact(f *fact, drop int, now time.Time, action string) {
	table, id := x.standsIn(f), x.id(f)
	if action == "D" {
		x.row(x.o, drop, table, "PID", x.patient, "ID", id, "ACTION", "D")
		return
	}
	kind := "G"
	if f.by != nil && f.by.role == nurseRole {
		kind = "N"
	}
	usual := []string{"PID", x.patient, "ID", id, "DATE", visionDay(f.when), "HCP", x.users[f.by], "HCP_TYPE", kind, "LINKS", x.links(f), "ACTION", action}
	switch table {
	case visionEncounter:
		x.row(x.o, drop, table, append(usual, "SESSION", f.place, "LOCATION", "Surgery", "TIME", f.when.Format("1504"), "DURATION", "10", "TRAVEL", "0", "PRACT_NUMBER", "1")...)
	case visionReferral:
		x.row(x.o, drop, table, append(usual, "TO_HCP", "ZZ1", "SPECIALTY", f.place, "UNIT", "ZZ1", "TYPE", map[bool]string{true: "U", false: "R"}[f.urgent], "ACTION_DATE", visionDay(f.when))...)
	default:
		x.journal(f, drop, now, usual)
	}
}

// read is the CODE column: Read v2, or the practice's own where a fact has no SNOMED code.
func (x *visionRows) read(f *fact) string {
	switch {
	case f.drug != nil:
		return drugRead(f.drug)
	case f.code.snomed == "":
		return fmt.Sprintf("TR%03d", f.code.n%1000)
	}
	return f.code.read2
}

// drugRead is a code of the form of Read's chapter of drugs.
func drugRead(d *drug) string {
	return fmt.Sprintf("%c%c%c%d.", 'b'+d.n/20%8, 'a'+d.n%20, 'x', d.n%9+1)
}

func (x *visionRows) subset(f *fact) string {
	switch {
	case f.kind == planFact && f.repeat:
		return "R"
	case f.kind == planFact:
		return "A"
	case f.kind == issueFact:
		return "S"
	case f.isProblem:
		return "P"
	case f.kind == immunisationFact:
		return "I"
	case f.kind == allergyFact:
		return "L"
	case f.kind == observationFact && (f.value != "" || x.bp[f][0] != nil):
		return "T"
	}
	return "M"
}

// journal writes a row of the journal, which holds everything coded.
func (x *visionRows) journal(f *fact, drop int, now time.Time, usual []string) {
	usual = append(usual, "RECORDED_DATE", visionDay(f.recorded), "CODE", x.read(f), "SUBSET", x.subset(f), "TIME", f.when.Format("1504"), "TEXT", f.text, "GMS", "N")
	switch {
	case f.drug != nil:
		ended := ""
		if !f.ended.IsZero() && !f.ended.After(x.v.last(now)) {
			ended = visionDay(f.ended)
		}
		usual = append(usual, "BNF", fmt.Sprintf("%02d%02d%02d", 1+f.drug.n%15, 1+f.drug.n%7, 1+f.drug.n%4), "RUBRIC", f.drug.name, "DRUG_FORM", f.unit, "DRUG_PACKSIZE", f.quantity, "DMD_CODE", f.drug.id,
			"TEXT", f.dose, "VALUE1_NAME", "Quantity", "VALUE1", f.quantity, "VALUE1_UNITS", f.unit, "END_DATE", ended)
	default:
		usual = append(usual, "SNOMED_CODE", f.code.snomed, "RUBRIC", f.code.term, "ENTITY", map[bool]string{true: "BP", false: ""}[x.bp[f][0] != nil])
		if f.kind == observationFact && f.value != "" {
			usual = append(usual, "VALUE1_NAME", f.code.term, "VALUE1", f.at(now), "VALUE1_UNITS", f.unit)
		}
		if b := x.bp[f]; b[0] != nil && b[1] != nil {
			usual = append(usual, "VALUE1_NAME", "Systolic", "VALUE1", b[0].at(now), "VALUE1_UNITS", "mmHg", "VALUE2_NAME", "Diastolic", "VALUE2", b[1].at(now), "VALUE2_UNITS", "mmHg")
		}
		if f.isProblem {
			episode, ended := "F", ""
			if !f.ended.IsZero() && !f.ended.After(x.v.last(now)) {
				episode, ended = "O", visionDay(f.ended)
			}
			usual = append(usual, "EPISODE", episode, "END_DATE", ended, "SEVERITY", map[bool]string{true: "1", false: "3"}[f.significant])
		}
		if f.kind == immunisationFact {
			_, batch, _ := strings.Cut(f.text, "batch ")
			usual = append(usual, "IMMS_STATUS", "Given", "IMMS_COMPOUND", f.code.term, "IMMS_SOURCE", "Practice", "IMMS_BATCH", batch, "IMMS_METHOD", "Intramuscular", "IMMS_SITE", "Left deltoid")
		}
	}
	if drop == 0 && f.n == 7 && x.c.p.i%40 < 2 {
		x.o.spoil(x.key(drop, visionJournal), "quarantined", "31 September is not a date")
		bad := append([]string(nil), usual...)
		bad[3], bad[5] = strconv.FormatInt(int64(x.c.p.i+1)*100_000+99_999, 10), "20210931"
		x.row(x.o, drop, visionJournal, bad...)
	}
	x.row(x.o, drop, visionJournal, usual...)
}

// registration writes the patient when anything about them changed.
func (x *visionRows) registration(drop int, before, now time.Time) {
	p, b := x.c.p, x.c.b
	from := x.stays[0].from
	if from.After(now) {
		return
	}
	e := emisRows{c: x.c, v: x.v, stays: x.stays}
	changed, action := !from.Before(before), "C"
	if changed {
		action = "A"
	}
	for _, at := range e.events() {
		changed = changed || at.After(before) && !at.After(now)
	}
	if !changed {
		return
	}
	on := x.v.last(now)
	h := p.lives(b, on.Add(-10*day))
	active, removed, died, sex, marital := "R", "", "", "M", ""
	if p.female {
		sex = "F"
	}
	if p.married {
		marital = "M"
	}
	current := from
	for _, s := range x.stays {
		if !s.from.After(now) {
			current = s.from
		}
	}
	if last := x.stays[len(x.stays)-1]; !last.to.IsZero() && !last.to.After(now) {
		active, removed = "L", visionDay(last.to)
	}
	if !p.died.IsZero() && p.died.Add(3*day).Before(now) && x.v.to.IsZero() {
		active, removed, died = "D", visionDay(p.died.Add(3*day)), visionDay(p.died)
	}
	ethnic := ""
	if c := ethnicCode[b.ethnicity]; c != "" {
		ethnic = coded(c).read2
	}
	mobile := ""
	if p.age(p.end) >= 16 {
		mobile = b.mobile
	}
	x.row(x.o, drop, visionPatient, "PID", x.patient, "REFERENCE", "V"+strconv.Itoa(p.i), "DATE_OF_BIRTH", visionDay(p.born), "SEX", sex, "POSTCODE", h.postcode, "MARITAL_STATUS", marital, "GP", x.users[p.gp], "GP_USUAL", x.users[p.gp],
		"ACTIVE", active, "REGISTERED_DATE", visionDay(current), "REMOVED_DATE", removed, "ETHNIC", ethnic, "DATE_OF_DEATH", died, "PRACTICE", x.ods(), "SURNAME", strings.ToUpper(p.surname(b, on.Add(-20*day))), "FORENAME", p.first,
		"TITLE", p.prefix, "NHS_NUMBER", p.number, "ADDRESS", "", "ADDRESS_1", h.line, "ADDRESS_3", Name, "PHONE_NUMBER", h.phone, "MOBILE_NUMBER", mobile, "EMAIL", b.email, "PRACT_NUMBER", "1", "ACTION", action)
	x.row(x.o, drop, visionCheckSum, "PID", x.patient, "SUM", strconv.Itoa(len(x.c.facts)*37))
}

// truth says what must be there, and what must not, after the last drop. A pressure is one Observation, "132/84". A row
// last sent in the older columns has neither SNOMED nor dm+d.
func (x *visionRows) truth(end time.Time) {
	for _, f := range x.c.facts {
		drop, sent := x.lastIn[f]
		if !sent {
			continue
		}
		line := trueFact{Feed: x.name, Patient: x.patient, Person: personName(x.c.p.i), Kind: x.kind(f), Key: x.id(f), Deleted: !x.v.present(f, end) || x.v.erasedBy(end)}
		if !line.Deleted {
			line.Date = ymd(f.when)
			if x.standsIn(f) == visionJournal {
				line.System, line.Code = f.coding(readTwo)
				if line.System == readTwo || x.old(drop, visionJournal) == 1 {
					line.System, line.Code = readTwo, x.read(f)
				}
			}
			if f.kind == observationFact && f.value != "" && !f.isProblem {
				line.Value, line.Unit = f.at(end), f.unit
			}
			if b := x.bp[f]; b[0] != nil && b[1] != nil {
				line.Value, line.Unit = b[0].at(end)+"/"+b[1].at(end), "mmHg"
			}
			if x.old(drop, visionJournal) == 1 && x.standsIn(f) == visionJournal {
				line.Unit = ""
			}
		}
		x.o.say(&line)
	}
}

// kind is the resource a row becomes: by SUBSET, then by Read v2.
func (x *visionRows) kind(f *fact) string {
	switch {
	case f.isProblem:
		return "Condition"
	case f.kind == familyFact, f.kind == procedureFact, f.kind == consultationFact, f.kind == referralFact, f.drug != nil, f.kind == immunisationFact, f.kind == allergyFact:
		return f.becomes()
	}
	return "Observation"
}
