package town

import (
	"fmt"
	"strings"
	"time"
)

// adastraTables are the files of the out-of-hours service, in their newest columns.
var adastraTables = []struct{ name, columns string }{
	{"CASE", "PatientRef,PriorityName,CaseRef,CaseNo,StartDateTime,EndDateTime,LocationName,CaseTagName,ArrivedPCC,UserRef,ODSCode"},
	{"CASEQUESTIONS", "CaseRef,QuestionSetName,Question,Answer,SortOrder"},
	{"CLINICALCODES", "CaseRef,ConsultationRef,ClinicalCode,Term"},
	{"CONSULTATION", "CaseRef,ConsultationRef,StartDateTime,EndDateTime,Location,ConsultationCaseType,History,Examination,Diagnosis,TreatmentPlan,PatientName,PatientForename,PatientSurname,ProviderType,GMC,UserRef"},
	{"ELECTRONICPRESCRIPTIONS", "CaseRef,ProviderRef,SubmissionTime,AuthorisationTime,CancellationRequestedTime,CancellationConfirmationTime,CancellationReasonCode,CancellationReasonText,PharmacyName,PrescriberNumber,PrescriberName"},
	{"NOTES", "CaseRef,PatientRef,ReviewDateTime,NoteText,Obsolete,Active,UserRef"},
	{"OUTCOMES", "CaseRef,OutcomeName"},
	{"PATIENT", "CaseRef,PatientRef,Forename,Surname,DOB,NHSNumber,NHSNoTraceStatus,Language,Ethnicity,Gender,RegistrationType,HomeAddressType,HomeAddressBuilding,HomeAddressStreet,HomeAddressTown,HomeAddressLocality,HomeAddressPostcode,CurrentAddressType,CurrentAddressBuilding,CurrentAddressStreet,CurrentAddressTown,CurrentAddressLocality,CurrentAddressPostcode,MobilePhone,HomePhone,OtherPhone,EthnicCode,LastEditByUserRef"},
	{"PRESCRIPTIONS", "CaseRef,ConsultationRef,DrugName,Preparation,Dosage,Quantity,DMDCode,Issue"},
	{"PROVIDER", "PatientRef,RegistrationStatus,GPNationalCode,GPName,GPPracticeNatCode,GPPracticeName,GPPracticePostcode,CaseRef"},
	{"USERS", "UserRef,UserName,Forename,Surname,FullName,ProviderRef,ProviderName,ProviderType,ProviderGMC,ProviderNMC"},
}

// The Adastra tables by position in adastraTables.
const (
	adastraCase = iota
	adastraQuestions
	adastraCodes
	adastraConsultation
	adastraElectronic
	adastraNotes
	adastraOutcomes
	adastraPatient
	adastraPrescriptions
	adastraProvider
	adastraUsers
)

// newOutOfHours is the out-of-hours service's feed: Adastra tables as CSV with a header, linked by CaseRef.
func newOutOfHours(t Town, place *place, feed int, cuts []time.Time) *stream {
	s := &stream{feed: feed, name: "outofhours-adastra", from: cuts[0].Add(-streamBack * day), cuts: cuts}
	for _, table := range adastraTables {
		s.parts = append(s.parts, streamPart{table.name + ".csv", table.columns + "\r\n"})
	}
	s.once = func(s *stream, o *outbox) {
		for i := range 6 {
			name := careWorkers[i]
			first, last, _ := strings.Cut(name, " ")
			adastra(s, o, adastraUsers, s.from, fmt.Sprintf("U%d", i+1), strings.ToLower(plain(name)), first, last, "Dr "+name, fmt.Sprintf("PR%d", i+1), "Merrowby Out of Hours", "Doctor", fmt.Sprintf("99900%02d", i+1), "")
		}
	}
	s.rows = func(s *stream, c *chart, o *outbox) []trueRecord { return outOfHours(s, c, o, place) }
	return s
}

func adastra(s *stream, o *outbox, table int, at time.Time, fields ...string) bool {
	var row sheet
	row.csv(fields)
	return s.put(o, table, at, row.data)
}

func second(t time.Time) string { return t.Format("2006-01-02 15:04:05") }

// outOfHours writes the calls of one person: about one for every six people a year, in evenings, nights and weekends.
func outOfHours(s *stream, c *chart, o *outbox, place *place) []trueRecord {
	p, d := c.p, roll(c.p.town.Seed, c.p.i, "out of hours")
	patient := fmt.Sprintf("AP%07d", p.i)
	who, wrote := identity{}, false
	for n, at := 0, s.from; ; n++ {
		at = at.Add(time.Duration(d.ExpFloat64() * 365 * 6 / (0.3 + 0.7*curve(p.age(p.end), 0, 3, 5, 1.5, 30, 0.8, 70, 1.2, 85, 2)) * float64(day)))
		start := at.Truncate(day).Add(19*time.Hour + time.Duration(d.IntN(600))*time.Minute) // after seven, through the night
		if !s.within(start.Add(4*time.Hour)) || !start.Add(4*time.Hour).Before(p.end) || start.Before(p.born) {
			break
		}
		x := &illnesses[d.IntN(len(illnesses))]
		if !wrote {
			who = c.known("out of hours", start, 0.12)
		}
		ref, consult := fmt.Sprintf("C%07d%02d", p.i, n), fmt.Sprintf("K%07d%02d", p.i, n)
		user := fmt.Sprintf("U%d", 1+d.IntN(6))
		end := start.Add(time.Duration(40+d.IntN(160)) * time.Minute)
		adastra(s, o, adastraCase, start, patient, pick(d, []string{"Routine", "Urgent", "Emergency"}), ref, fmt.Sprint(100000+p.i*10+n), second(start), second(end), "Merrowby Primary Care Centre", "111", second(start.Add(35*time.Minute)), user, "ZZOOH")
		number, street := who.house.number()
		adastra(s, o, adastraPatient, start, ref, patient, who.first, who.last, ymd(who.born), who.nhs, map[bool]string{true: "Traced", false: "Not traced"}[who.nhs != ""], c.b.language, p.ancestry.display, map[bool]string{true: "Female", false: "Male"}[p.female],
			"Registered", "Home", number, street, Name, "", who.house.postcode, "Current", number, street, Name, "", who.house.postcode, who.mobile, who.house.phone, "", c.b.ethnicity, user)
		g := &place.organizations[p.practice]
		adastra(s, o, adastraProvider, start, patient, "Registered", "G9"+p.gp.number[5:], p.gp.name(), g.ods, g.name, g.postcode, ref)
		adastra(s, o, adastraQuestions, start, ref, "Initial assessment", "Is the patient breathing normally?", "Yes", "1")
		adastra(s, o, adastraQuestions, start, ref, "Initial assessment", "How long has this been going on?", pick(d, []string{"Since this morning", "2 days, \"on and off\"", "A week"}), "2")
		seen := start.Add(45 * time.Minute)
		adastra(s, o, adastraConsultation, seen, ref, consult, second(seen), second(end), "Merrowby Primary Care Centre", pick(d, []string{"Telephone", "Centre", "Home visit"}), c.remark(d), "Temp 37.4, pulse 88,\nno rash", x.text,
			"Safety net advice given, see own GP if no better", who.first+" "+who.last, who.first, who.last, "Doctor", "9990001", user)
		code := coded(x.code)
		adastra(s, o, adastraCodes, seen, ref, consult, code.read2, code.term)
		if len(x.medicines) > 0 && !(x.medicines[0].penicillin && c.l.allergic("Penicillin")) {
			m := x.medicines[0]
			adastra(s, o, adastraPrescriptions, end, ref, consult, m.name, m.unit, m.dose, m.quantity, drugBook[m.name].id, "Issued")
			adastra(s, o, adastraElectronic, end, ref, "PR1", second(end), second(end.Add(time.Minute)), "", "", "", "", "Mill Lane Pharmacy", "9990001", "Dr "+careWorkers[0])
			o.say(&trueFact{Feed: s.name, Patient: patient, Person: personName(p.i), Kind: "MedicationRequest", Key: consult + "-" + drugBook[m.name].id, System: dmd, Code: drugBook[m.name].id, Date: ymd(seen)})
		}
		if c.b.proxy && c.b.carer != "" {
			adastra(s, o, adastraNotes, start, ref, patient, second(start.Add(90*day)), "Speak to "+c.b.carer+" ("+c.b.carerIs+") first", "0", "1", user)
		}
		adastra(s, o, adastraOutcomes, end, ref, pick(d, []string{"Advice only", "Referred to own GP", "Treatment complete", "Sent to A&E"}))
		o.say(&trueFact{Feed: s.name, Patient: patient, Person: personName(p.i), Kind: "Encounter", Key: ref, Date: ymd(start)})
		o.say(&trueFact{Feed: s.name, Patient: patient, Person: personName(p.i), Kind: "Condition", Key: consult, System: readTwo, Code: code.read2, Date: ymd(seen)})
		wrote = true
	}
	if !wrote {
		return nil
	}
	return []trueRecord{{Feed: s.name, Key: patient, NHS: who.nhs}}
}
