package gp

import (
	"strings"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

func visionPractice(m *intake.Mapping) error {
	r := m.Row("practice")
	o := &r4.Organization{Identifier: source(m, m.Key), Active: truth(true), Name: r.Get("NAME")}
	if ods := r.Get("IDENTIFIER"); ods != "" {
		o.Identifier = append(o.Identifier, r4.Identifier{System: odsCode, Value: ods})
	}
	if a := address(r.Get("POSTCODE"), visionLines(r)...); a != nil {
		a[0].Use = "work"
		o.Address = a
	}
	for _, c := range []r4.ContactPoint{{System: "phone", Value: r.Get("PHONE")}, {System: "email", Value: r.Get("EMAIL")}, {System: "fax", Value: r.Get("FAX")}} {
		if c.Value != "" {
			o.Telecom = append(o.Telecom, c)
		}
	}
	if o.Name == "" {
		return r.Bad("NAME", "the practice has no name")
	}
	return m.Put("Organization", o)
}

func visionLines(r *intake.Row) []string {
	lines := []string{r.Get("ADDRESS_1"), r.Get("ADDRESS_2"), r.Get("ADDRESS_3"), r.Get("ADDRESS_4"), r.Get("ADDRESS_5")}
	if strings.Join(lines, "") == "" {
		return []string{r.Get("ADDRESS")}
	}
	return lines
}

func visionStaff(m *intake.Mapping) error {
	r := m.Row("staff")
	p := &r4.Practitioner{Identifier: source(m, m.Key), Name: []r4.HumanName{{Family: r.Get("SURNAME"), Given: strings.Fields(r.Get("FORENAME")), Prefix: strings.Fields(r.Get("TITLE"))}}, Gender: sex(r.Get("SEX"))}
	if code := r.Get("GMP_CODE"); code != "" {
		p.Identifier = append(p.Identifier, r4.Identifier{System: gmpCode, Value: code})
	}
	if kind := r.Get("HCP_TYPE"); kind != "" {
		p.Qualification = []r4.PractitionerQualification{{Code: text(kind)}}
	}
	return m.Put("Practitioner", p)
}

// visionMarital is UK Core's marital status by Vision's letters, after Endeavour's map.
var visionMarital = map[string]string{"M": "M", "S": "S", "D": "D", "W": "W", "P": "L", "C": "T", "E": "L"}

func visionPatient(m *intake.Mapping) error {
	r := m.Row("patient")
	born, err := visionDate(r, "DATE_OF_BIRTH")
	if err != nil {
		return err
	}
	died, err := visionDate(r, "DATE_OF_DEATH")
	if err != nil {
		return err
	}
	p := &r4.Patient{Identifier: append(nhs(r.Get("NHS_NUMBER"), ""), source(m, m.Key)...), Active: truth(visionActive(r)), Gender: sex(r.Get("SEX")), BirthDate: born, DeceasedDateTime: died,
		Name:    []r4.HumanName{{Use: "official", Family: r.Get("SURNAME"), Given: strings.Fields(r.Get("FORENAME")), Prefix: strings.Fields(r.Get("TITLE"))}},
		Telecom: telecom(r.Get("PHONE_NUMBER"), r.Get("MOBILE_NUMBER"), r.Get("EMAIL")), Address: address(r.Get("POSTCODE"), visionLines(r)...),
		GeneralPractitioner: references(m.Ref("Practitioner", "staff", r.First("GP_USUAL", "GP")))}
	if code := visionMarital[r.Get("MARITAL_STATUS")]; code != "" {
		p.MaritalStatus = concept(hl7+"v3-MaritalStatus", code, "")
	}
	if code := visionEthnicity(r.Get("ETHNIC")); code != "" {
		p.Extension = append(p.Extension, r4.Extension{URL: ukCore + "Extension-UKCore-EthnicCategory", ValueCodeableConcept: concept(ukCode+"UKCore-EthnicCategoryEngland", code, "")})
	}
	return m.Put("Patient", p)
}

// visionEthnicity is the 2001 category (A to Z), where the column holds one.
func visionEthnicity(s string) string {
	if len(s) == 1 && s[0] >= 'A' && s[0] <= 'Z' {
		return s
	}
	return ""
}

// visionActive says whether somebody is on the list: R registered, T temporary, P private, S something else served; L left, D dead.
func visionActive(r *intake.Row) bool {
	a := r.Get("ACTIVE")
	return a != "L" && a != "D" && r.Get("REMOVED_DATE") == ""
}

func visionRegistration(m *intake.Mapping) error {
	r := m.Row("registration")
	start, err := visionDate(r, "REGISTERED_DATE")
	if err != nil {
		return err
	}
	end, err := visionDate(r, "REMOVED_DATE")
	if err != nil {
		return err
	}
	kind := map[string]string{"R": "Regular", "T": "Temporary", "P": "Private"}[r.Get("ACTIVE")]
	e := &r4.EpisodeOfCare{Identifier: source(m, m.Key), Status: "active", Type: concepts(emisRegistered(kind)), Patient: m.Ref("Patient", intake.PatientUnit, r.Get("PID")), Period: period(start, end)}
	if !visionActive(r) {
		e.Status = "finished"
	}
	return m.Put("EpisodeOfCare", e)
}

func visionFact(m *intake.Mapping, r *intake.Row) (*fact, error) {
	f := &fact{m: m, id: source(m, m.Key), patient: m.Ref("Patient", intake.PatientUnit, r.Get("PID")), encounter: m.Ref("Encounter", "encounter", visionLink(r, "E")), by: visionStaffRef(m, r), text: r.Get("TEXT")}
	f.problem = m.Ref("Condition", "journal", visionLink(r, "P"))
	var err error
	if f.when, err = visionTime(m, r); err != nil {
		return nil, err
	}
	f.recorded, err = visionDate(r, "RECORDED_DATE")
	return f, err
}

func visionEncounter(m *intake.Mapping) error {
	r := m.Row("encounter")
	f, err := visionFact(m, r)
	if err != nil {
		return err
	}
	e := &r4.Encounter{Identifier: f.id, Status: "finished", Class: &r4.Coding{System: hl7 + "v3-ActCode", Code: "AMB", Display: "ambulatory"}, Type: concepts(text(r.Get("SESSION"))), Subject: f.patient, Period: period(f.when, f.when)}
	if place := r.Get("LOCATION"); place != "" {
		e.Location = []r4.EncounterLocation{{Location: &r4.Reference{Display: place}}}
	}
	if f.by != nil {
		e.Participant = []r4.EncounterParticipant{{Individual: f.by}}
	}
	if minutes := quantity(r.Get("DURATION"), "min"); minutes != nil && minutes.Value.Sign() > 0 {
		e.Length = minutes
	}
	return m.Put("Encounter", e)
}

func visionReferral(m *intake.Mapping) error {
	r := m.Row("referral")
	f, err := visionFact(m, r)
	if err != nil {
		return err
	}
	s := f.request("order")
	s.Category = concepts(concept(snomed, "3457005", "Referral"))
	s.Code = text(r.Get("SPECIALTY"))
	if r.Get("TYPE") == "U" {
		s.Priority = "urgent"
	} else if r.Get("TYPE") == "R" {
		s.Priority = "routine"
	}
	if to := r.First("UNIT", "TO_HCP"); to != "" {
		s.Performer = []r4.Reference{{Identifier: &r4.Identifier{System: odsCode, Value: to}}}
	}
	return m.Put("ServiceRequest", s)
}

// visionCode is the row's code as it was entered, Read v2 or local, with the SNOMED concept or dm+d product that Vision gives.
func visionCode(r *intake.Row, medicine bool) *r4.CodeableConcept {
	c := &r4.CodeableConcept{Text: r.Get("RUBRIC")}
	if code := r.Get("SNOMED_CODE"); code != "" && code != "0" {
		c.Coding = append(c.Coding, r4.Coding{System: snomed, Code: code, Display: c.Text})
	}
	if code := r.Get("DMD_CODE"); medicine && code != "" && code != "0" {
		c.Coding = append(c.Coding, r4.Coding{System: dmd, Code: code, Display: c.Text})
	}
	if code := r.Get("CODE"); code != "" {
		system := readV2
		if len(strings.TrimRight(code, ".")) > 5 || strings.ContainsAny(code, "#%_") {
			system = "urn:kith:vision:local-code"
		}
		c.Coding = append(c.Coding, r4.Coding{System: system, Code: code, Display: c.Text, UserSelected: truth(true)})
	}
	if c.Text == "" && c.Coding == nil {
		return nil
	}
	return c
}

func visionJournal(m *intake.Mapping) error {
	r := m.Row("journal")
	f, err := visionFact(m, r)
	if err != nil {
		return err
	}
	subset := r.Get("SUBSET")
	medicine := subset == "A" || subset == "R" || subset == "S"
	if f.code = visionCode(r, medicine); f.code == nil {
		return r.Bad("CODE", "the entry has neither a code nor words")
	}
	if err := m.Standard(f.code, readV2); err != nil {
		return err
	}
	end, err := visionDate(r, "END_DATE")
	if err != nil {
		return err
	}
	switch subset {
	case "A", "R", "S":
		return visionMedicine(m, r, f, end)
	case "P":
		return visionProblem(m, r, f, end)
	case "I":
		return visionImmunisation(m, r, f)
	case "L":
		return m.Put("AllergyIntolerance", f.allergy())
	case "T":
		return visionTest(m, r, f)
	}
	switch readSort(r.Get("CODE")) {
	case "procedure":
		return m.Put("Procedure", f.procedure())
	case "family history":
		return m.Put("FamilyMemberHistory", f.family())
	}
	return visionTest(m, r, f)
}

// visionMedicine is an acute or repeat prescription (a plan), or one issue of it (an order).
func visionMedicine(m *intake.Mapping, r *intake.Row, f *fact, end fhir.DateTime) error {
	dose := f.text
	f.text = ""
	intent := "plan"
	if r.Get("SUBSET") == "S" {
		intent = "order"
	}
	amount, unit := r.Get("VALUE1"), r.First("VALUE1_UNITS", "DRUG_FORM")
	p := f.prescription(intent, dose, amount, unit)
	switch r.Get("SUBSET") {
	case "S":
		p.Status = "completed"
		id := visionLink(r, "A")
		if id == "" {
			id = visionLink(r, "R")
		}
		p.BasedOn = references(m.Ref("MedicationRequest", "journal", id))
	case "A":
		p.CourseOfTherapyType = emisPrescription("Acute")
	case "R":
		p.CourseOfTherapyType = emisPrescription("Repeat")
	}
	if end.Year != 0 {
		p.Status = "completed"
	}
	return m.Put("MedicationRequest", p)
}

func visionProblem(m *intake.Mapping, r *intake.Row, f *fact, end fhir.DateTime) error {
	f.problem = nil
	c := f.condition("problem-list-item")
	if end.Year != 0 {
		c.AbatementDateTime, c.ClinicalStatus = end, clinical("resolved")
	}
	if s := r.Get("SEVERITY"); s != "" {
		c.Severity = text("Vision severity " + s)
	}
	return m.Put("Condition", c)
}

func visionImmunisation(m *intake.Mapping, r *intake.Row, f *fact) error {
	i := f.immunization()
	i.LotNumber, i.Site, i.Route = r.Get("IMMS_BATCH"), text(r.Get("IMMS_SITE")), text(r.Get("IMMS_METHOD"))
	switch s := strings.ToLower(r.Get("IMMS_STATUS")); {
	case strings.Contains(s, "refus"), strings.Contains(s, "declin"), strings.Contains(s, "not"):
		i.Status = "not-done"
	}
	if why := r.Get("IMMS_REASON"); why != "" {
		i.ReasonCode = concepts(text(why))
	}
	return m.Put("Immunization", i)
}

// visionTest is a result. Two values are two parts of one, such as a blood pressure.
func visionTest(m *intake.Mapping, r *intake.Row, f *fact) error {
	first, second := r.Get("VALUE1"), r.Get("VALUE2")
	q := quantity(first, r.Get("VALUE1_UNITS"))
	if first != "" && q == nil {
		f.text = strings.TrimSpace(r.Get("VALUE1_NAME") + " " + first + " " + f.text)
	}
	if second == "" {
		return m.Put("Observation", f.observation(q, "", ""))
	}
	o := f.observation(nil, "", "")
	for _, v := range []struct{ name, value, unit string }{{r.Get("VALUE1_NAME"), first, r.Get("VALUE1_UNITS")}, {r.Get("VALUE2_NAME"), second, r.Get("VALUE2_UNITS")}} {
		c := r4.ObservationComponent{Code: visionPart(v.name), ValueQuantity: quantity(v.value, v.unit)}
		if c.ValueQuantity == nil {
			c.ValueString = v.value
		}
		o.Component = append(o.Component, c)
	}
	return m.Put("Observation", o)
}

// visionPart names a part of a result; the two pressures get their codes.
func visionPart(name string) *r4.CodeableConcept {
	c := text(name)
	if c == nil {
		return text("value")
	}
	switch n := strings.ToLower(name); {
	case strings.Contains(n, "systolic"):
		c.Coding = []r4.Coding{{System: snomed, Code: "271649006", Display: "Systolic blood pressure"}, {System: "http://loinc.org", Code: "8480-6"}}
	case strings.Contains(n, "diastolic"):
		c.Coding = []r4.Coding{{System: snomed, Code: "271650006", Display: "Diastolic blood pressure"}, {System: "http://loinc.org", Code: "8462-4"}}
	}
	return c
}
