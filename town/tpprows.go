package town

import (
	"strconv"
	"strings"
	"time"
)

// tppRows writes one person.
type tppRows struct {
	*tpp
	c       *chart
	o       *outbox
	v       view
	stays   []stay
	patient string
	d       dice
}

// id is a RowIdentifier: different for every row of every table.
func (x *tppRows) id(n, table int) string {
	return strconv.FormatInt((int64(x.c.p.i+1)*100_000+int64(n))*100+int64(table), 10)
}

func (x *tpp) write(c *chart, o *outbox, records []trueRecord) []trueRecord {
	r := &tppRows{tpp: x, c: c, o: o, stays: c.p.registered(c.b, x.practice), d: roll(x.town.Seed, c.p.i, "tpp")}
	if r.stays == nil {
		return records
	}
	r.patient = r.id(0, tppPatient)
	r.v = c.view(x.practice, r.stays, x.bulk)
	end := x.cuts[len(x.cuts)-1]
	if r.v.from.After(end) || r.stays[0].from.After(end) {
		return records
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
			r.row(o, drop, tppPatient, "RowIdentifier", r.patient, "RemovedData", "1")
			break
		}
		r.registration(drop, before, now)
		for _, f := range c.facts {
			differs, gone := r.v.changes(f, before, now)
			switch {
			case differs && gone:
				r.remove(f, drop)
			case differs || x.base+drop == tppRebulk && r.standsIn(f) == tppCode && r.v.present(f, now):
				r.fact(f, drop, now, differs)
			}
		}
	}
	r.truth(end)
	return append(records, trueRecord{x.name, r.patient, c.p.number, r.v.erasedBy(end)})
}

// standsIn is the table of a fact, -1 for a short course's plan, which SystmOne does not have.
func (x *tppRows) standsIn(f *fact) int {
	switch f.kind {
	case consultationFact:
		return tppEvent
	case slotFact:
		return tppAppointment
	case planFact:
		if !f.repeat {
			return -1
		}
		return tppRepeatTemplate
	case issueFact:
		return tppPrimaryCareMedication
	case immunisationFact:
		return tppImmunisation
	case referralFact:
		return tppReferralOut
	case diaryFact:
		return tppRecall
	case allergyFact:
		if _, ok := tppAllergens[f.code.snomed]; ok {
			return tppDrugSensitivity
		}
	}
	return tppCode
}

// of is the id of a fact's row, "" where the practice does not hold it.
func (x *tppRows) of(f *fact) string {
	if f == nil {
		return ""
	}
	if _, ok := x.v.holds(f); !ok || x.standsIn(f) < 0 {
		return ""
	}
	return x.id(f.n, x.standsIn(f))
}

// remove asks for a row to be removed: nothing but its id is filled in.
func (x *tppRows) remove(f *fact, drop int) {
	if table := x.standsIn(f); table >= 0 {
		x.row(x.o, drop, table, "RowIdentifier", x.id(f.n, table), "RemovedData", "1")
	}
}

// usual are the columns that most tables share.
func (x *tppRows) usual(f *fact, table int, more ...string) []string {
	by := x.profiles[f.by]
	name := ""
	if f.by != nil {
		name = f.by.name()
	}
	pairs := []string{"RowIdentifier", x.id(f.n, table), "DateEventRecorded", tppTime(f.recorded), "DateEvent", tppTime(f.when), "IDProfileEnteredBy", by, "IDDoneBy", "", "TextualEventDoneBy", name,
		"IDOrganisationDoneAt", x.ods(), "IDEvent", x.of(f.in), "IDPatient", x.patient, "IDOrganisation", x.ods(), "IDOrganisationRegisteredAt", x.ods()}
	return append(pairs, more...)
}

// fact writes the rows of a fact. One that is new also brings the rows that stand beside it.
func (x *tppRows) fact(f *fact, drop int, now time.Time, differs bool) {
	table := x.standsIn(f)
	write := func(table int, more ...string) { x.row(x.o, drop, table, x.usual(f, table, more...)...) }
	switch table {
	case -1:
	case tppEvent:
		method := map[string]string{"Telephone consultation": "162", "Administration": "163", "Externally entered": "163"}[f.place]
		if method == "" {
			method = "161"
		}
		write(table, "ContactEventLocation", f.place, "ContactMethod", method, "EventIncomplete", "FALSE", "ClinicalEvent", "TRUE", "IDBranch", "600", "IDEvent", "")
	case tppAppointment:
		status, arrived, seen := "131", "", ""
		if f.when.Before(now) {
			status = "132"
			if f.missed {
				status = "133"
			} else {
				arrived, seen = tppTime(f.when.Add(-5*time.Minute)), tppTime(f.when.Add(4*time.Minute))
			}
		}
		write(table, "DateStart", tppTime(f.when), "DateEnd", tppTime(f.ended), "AppointmentStatus", status, "DateAppointmentBooked", tppTime(f.recorded), "DatePatientArrival", arrived, "DatePatientSeen", seen,
			"FollowUpAppointment", "FALSE", "TelephoneAppointment", "FALSE", "IDProfileClinician", x.profiles[f.by], "IDRota", x.rota(f.by, f.when))
	case tppRepeatTemplate:
		ended := ""
		if !f.ended.IsZero() && !f.ended.After(x.v.last(now)) {
			ended = tppTime(f.ended)
		}
		write(table, "IDMultiLexProduct", strconv.Itoa(100+f.drug.n), "IDMultiLexDMD", f.drug.id, "NameOfMedication", f.drug.name, "DateMedicationTemplateStart", tppTime(f.when), "DateMedicationTemplateEnd", ended,
			"MedicationDosage", f.dose, "MedicationQuantity", f.quantity+" "+f.unit, "MaxIssues", "12", "CourseLengthPerIssue", strconv.Itoa(f.step), "DrugStatus", "Repeat")
	case tppPrimaryCareMedication:
		write(table, "IDMultiLexProduct", strconv.Itoa(100+f.drug.n), "IDMultiLexDMD", f.drug.id, "NameOfMedication", f.drug.name, "DateMedicationStart", tppTime(f.when), "DateMedicationEnd", tppTime(f.when.Add(28*day)),
			"MedicationDosage", f.dose, "MedicationQuantity", f.quantity+" "+f.unit, "IsRepeatMedication", trueFalse(f.repeat), "IsOtherMedication", "FALSE", "IsDentalMedication", "FALSE", "IsHospitalMedication", "FALSE",
			"IDRepeatTemplate", x.of(f.of))
	case tppDrugSensitivity:
		write(table, "DateStarted", tppTime(f.when), "FormulationSpecific", "FALSE", "IDDrugCode", tppAllergens[f.code.snomed][0])
	case tppImmunisation:
		_, batch, _ := strings.Cut(f.text, "batch ")
		write(table, "IDImmunisationContent", strconv.Itoa(2000+f.code.n), "Dose", "0.5", "Location", "Left deltoid", "Method", "Intramuscular", "DateExpiry", tppTime(f.when.Add(300*day)), "ImmsReadCode", f.code.ctv3,
			"ImmsSNOMEDCode", f.code.snomed, "VaccPart", "1", "VaccBatchNumber", batch, "VaccinationStatus", "181")
	case tppReferralOut:
		urgency := map[bool]string{true: "Urgent", false: "Routine"}[f.urgent]
		write(table, "TypeOfReferral", f.code.term, "Reason", f.text, "IDProfileReferrer", x.profiles[f.by], "ServiceOffered", f.place, "ReReferral", "FALSE", "Urgency", urgency, "RecipientID", "ZZ1", "RecipientIDType", "Organisation")
		write(tppReferralOutStatusDetails, "StatusOfReferralOut", "171", "IDReferralOut", x.id(f.n, table))
	case tppRecall:
		status := "Outstanding"
		if f.when.Before(now) {
			status = "Completed"
		}
		write(table, "DateEvent", tppTime(f.recorded), "DateRecall", tppTime(f.when), "RecallType", f.code.term, "RecallInitialStatus", "Outstanding", "RecallStatus", status, "RecallStatusDate", tppTime(f.recorded))
	default:
		x.code(f, drop, now, differs)
	}
}

func trueFalse(b bool) string {
	if b {
		return "TRUE"
	}
	return "FALSE"
}

// code writes an SRCode row, and the problems that stand on it: now and then two.
func (x *tppRows) code(f *fact, drop int, now time.Time, differs bool) {
	value, unit, numeric := "", "", "FALSE"
	switch {
	case f.kind == observationFact && f.value != "":
		value, unit, numeric = f.at(now), f.unit, "TRUE"
	case f.n%7 == 0:
		value = "0" // a placeholder, not a value
	case f.n%7 == 1:
		value = "-1"
	}
	episode := map[bool]string{true: "121", false: ""}[f.isProblem]
	x.row(x.o, drop, tppCode, x.usual(f, tppCode, "CTV3Code", f.code.ctv3, "CTV3Text", f.code.term, "SNOMEDCode", f.code.snomed, "SNOMEDText", x.snomedText(f), "NumericComparator", "", "IsNumeric", numeric,
		"NumericValue", value, "NumericUnit", unit, "EpisodeType", episode)...)
	if !f.isProblem || !differs {
		return
	}
	ended := ""
	if !f.ended.IsZero() && !f.ended.After(x.v.last(now)) {
		ended = tppTime(f.ended)
	}
	severity := map[bool]string{true: "141", false: "142"}[f.significant]
	x.row(x.o, drop, tppProblem, x.usual(f, tppProblem, "CTV3Code", f.code.ctv3, "DateEnd", ended, "Severity", severity, "IDCode", x.id(f.n, tppCode))...)
	if f.n%9 == 0 {
		second := x.usual(f, tppProblem, "CTV3Code", f.code.ctv3, "DateEnd", ended, "Severity", severity, "IDCode", x.id(f.n, tppCode))
		second[1] = x.id(f.n, 99)
		x.row(x.o, drop, tppProblem, second...)
	}
}

func (x *tppRows) snomedText(f *fact) string {
	if f.code.snomed == "" {
		return ""
	}
	return f.code.term
}

// registration writes the person when anything about them changed.
func (x *tppRows) registration(drop int, before, now time.Time) {
	p, b := x.c.p, x.c.b
	from := x.stays[0].from
	if from.After(now) {
		return
	}
	e := emisRows{c: x.c, v: x.v, stays: x.stays}
	changed := !from.Before(before)
	for _, at := range e.events() {
		changed = changed || at.After(before) && !at.After(now)
	}
	if !changed {
		return
	}
	on := x.v.last(now)
	o, patient := x.o, x.patient
	gender, died := "M", time.Time{}
	if p.female {
		gender = "F"
	}
	if !p.died.IsZero() && p.died.Add(3*day).Before(now) && x.v.to.IsZero() {
		died = p.died
	}
	previous := ""
	surname := accented(p.surname(b, on.Add(-20*day)))
	if b.maiden != "" && surname == accented(p.last) {
		previous = b.maiden
	}
	x.row(o, drop, tppPatient, "RowIdentifier", patient, "Title", p.prefix, "FirstName", p.first, "MiddleNames", p.middle, "Surname", surname, "PreviousSurname", previous, "NHSNumber", p.number,
		"DateBirth", tppMinute(p.born), "DateDeath", tppMinute(died), "BirthPlace", Name, "Gender", gender, "SpeaksEnglish", trueFalse(!b.interpreter), "EmailAddress", b.email, "TestPatient", "FALSE", "SpineMatched", "TRUE")
	x.address(drop, on)
	for i, contact := range []string{p.house.phone, b.mobile} {
		if contact != "" && (i == 0 || p.age(p.end) >= 16) {
			x.row(o, drop, tppPatientContactDetails, "RowIdentifier", x.id(i, tppPatientContactDetails), "DateEventRecorded", tppTime(from), "DateEvent", tppTime(from), "ContactType", strconv.Itoa(101+i), "ContactNumber", contact,
				"IDPatient", patient, "IDOrganisation", x.ods(), "IDOrganisationRegisteredAt", x.ods())
		}
	}
	for i, s := range x.stays {
		if s.from.After(now) {
			continue
		}
		to, status := "", "Applied"
		if !s.to.IsZero() && !s.to.After(now) {
			to, status = tppTime(s.to), "Deducted"
		} else if i == len(x.stays)-1 && !died.IsZero() {
			to, status = tppTime(died.Add(3*day)), "Deducted"
		}
		x.row(o, drop, tppPatientRegistration, "RowIdentifier", x.id(i, tppPatientRegistration), "DateEventRecorded", tppTime(s.from), "DateRegistration", tppTime(s.from), "DateDeRegistration", to,
			"RegistrationStatus", status, "IDPatient", patient, "IDOrganisation", x.ods(), "IDOrganisationRegisteredAt", x.ods())
		x.row(o, drop, tppRecordStatus, "RowIdentifier", x.id(i, tppRecordStatus), "DateEvent", tppTime(s.from), "DateEventRecorded", tppTime(s.from), "MedicalRecordStatus", map[string]string{"Applied": "GMS", "Deducted": "Left"}[status],
			"IDPatient", patient, "IDOrganisation", x.ods(), "IDOrganisationRegisteredAt", x.ods())
	}
	if b.carer != "" {
		x.row(o, drop, tppPatientRelationship, "RowIdentifier", x.id(0, tppPatientRelationship), "DateEventRecorded", tppTime(from), "DateEvent", tppTime(from), "RelationshipType", tppRelation[b.carerIs], "PersonalGuardianOrProxy", trueFalse(b.proxy),
			"NextOfKin", "TRUE", "CaresForPatient", "TRUE", "PrincipalCarerForPatient", "TRUE", "InterpreterRequired", trueFalse(b.interpreter), "RelationshipWithName", b.carer, "IDPatient", patient, "IDOrganisation", x.ods())
	}
	if x.d.chance(0.01) && p.age(p.end) > 70 {
		x.row(o, drop, tppPersonAtRisk, "RowIdentifier", x.id(0, tppPersonAtRisk), "DateAdded", tppTime(from.Add(9*time.Hour)), "ProtectionPlan", "Adult safeguarding plan", "IDPatient", patient, "IDOrganisation", x.ods(), "ReasonForPlan", "Neglect")
	}
	if b.interpreter {
		x.row(o, drop, tppSpecialNotes, "RowIdentifier", x.id(0, tppSpecialNotes), "DateEventRecorded", tppTime(from), "DateStart", tppTime(from), "Type", "Communication", "Note", "Needs an interpreter ("+b.language+"); café interpreter costs £40", "IDPatient", patient)
	}
}

// address writes where the person lives, and where they lived before.
func (x *tppRows) address(drop int, on time.Time) {
	p, b := x.c.p, x.c.b
	known := on.Add(-10 * day)
	write := func(n int, h house, from, to time.Time) {
		number, road, ok := strings.Cut(h.line, " ")
		building := ""
		if !ok || number[0] < '0' || number[0] > '9' {
			building, number, road = h.line, "", ""
		}
		x.row(x.o, drop, tppPatientAddressHistory, "RowIdentifier", x.id(n, tppPatientAddressHistory), "DateEventRecorded", tppTime(from), "DateEvent", tppTime(from), "NameOfBuilding", building, "NumberOfBuilding", number,
			"NameOfRoad", road, "NameOfTown", Name, "FullPostCode", h.postcode, "DateTo", tppTime(to), "AddressType", "111", "IDPatient", x.patient, "IDOrganisation", x.ods())
	}
	if !b.moved.IsZero() && !known.Before(b.moved) {
		write(0, b.before, x.stays[0].from, b.moved)
		write(1, p.lives(b, known), b.moved, time.Time{})
		return
	}
	write(0, p.lives(b, known), x.stays[0].from, time.Time{})
}

// accented is how SystmOne, which can, spells a surname that others write without its accent.
func accented(s string) string {
	if right, ok := map[string]string{"Nowak": "Nowák", "Sobczak": "Sóbczak", "Ionescu": "Ionéscu", "Keane": "Kéane", "Lacey": "Lacéy"}[s]; ok {
		return right
	}
	return s
}

// truth says what must be there, and what must not, after the last drop.
func (x *tppRows) truth(end time.Time) {
	for _, f := range x.c.facts {
		seen, ok := x.v.holds(f)
		table := x.standsIn(f)
		if !ok || seen.After(end) || table < 0 {
			continue
		}
		deleted := x.v.happened(f.deleted)
		gone := !deleted.IsZero() && !deleted.After(end)
		if gone && !everWritten(x.cuts, seen, deleted) {
			continue
		}
		line := trueFact{Feed: x.name, Patient: x.patient, Person: personName(x.c.p.i), Kind: x.kind(f, table), Key: x.id(f.n, table), Deleted: gone || x.v.erasedBy(end)}
		if !line.Deleted {
			line.Date = ymd(f.when)
			switch table {
			case tppCode, tppImmunisation, tppRepeatTemplate, tppPrimaryCareMedication:
				line.System, line.Code = f.coding(ctv3)
				if line.System == ctv3 {
					line.Code = f.code.ctv3
				}
			case tppDrugSensitivity:
				line.System, line.Code = ctv3, tppAllergens[f.code.snomed][1]
			}
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

// kind is the resource a row becomes: of SRCode by where its code stands in CTV3.
func (x *tppRows) kind(f *fact, table int) string {
	if table == tppCode && f.kind != allergyFact && f.kind != familyFact {
		if f.value != "" {
			return "Observation"
		}
		switch f.code.category {
		case conditions:
			return "Condition"
		case procedures:
			return "Procedure"
		}
		return "Observation"
	}
	return f.becomes()
}
