package gp

import (
	"strings"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir/r4"
)

// emisFact reads what the clinical tables have in common. The row's code is looked up by the caller.
func emisFact(m *intake.Mapping, r *intake.Row, guidColumn string) (*fact, error) {
	f := &fact{m: m, meta: restricted(yes(r.Get("IsConfidential"))), id: source(m, bare(r.Get(guidColumn))), patient: m.Ref("Patient", intake.PatientUnit, within(r, r.Get("PatientGuid"))),
		encounter: m.Ref("Encounter", "consultation", within(r, r.Get("ConsultationGuid"))),
		by:        staff(m, r, "ClinicianUserInRoleGuid", "ClinicanUserInRoleGuid"), enteredBy: staff(m, r, "EnteredByUserInRoleGuid"), text: r.Get("AssociatedText")}
	var err error
	if f.when, err = emisDate(m, r, "EffectiveDate"); err != nil {
		return nil, err
	}
	f.recorded, err = emisMoment(m, r, "EnteredDate", "EnteredTime")
	return f, err
}

// emisCode is a clinical code with everything the supplier says it is. The concept that EMIS maps it to comes first; the code as it was entered stays beside it.
func emisCode(m *intake.Mapping, id string) (c *r4.CodeableConcept, read, sort string, err error) {
	row, err := m.Look("Coding_ClinicalCode", id)
	if err != nil || row == nil {
		return nil, "", "", err
	}
	c = &r4.CodeableConcept{Text: row.Get("Term")}
	if concept := row.Get("SnomedCTConceptId"); concept != "" && concept != "0" {
		c.Coding = append(c.Coding, r4.Coding{System: snomed, Code: concept, Display: row.Get("Term")})
	}
	read = row.Get("ReadTermId")
	if read != "" {
		c.Coding = append(c.Coding, r4.Coding{System: readV2, Code: read, Display: row.Get("Term")})
	}
	c.Coding = append(c.Coding, r4.Coding{System: "urn:kith:emis:code-id", Code: id, Display: row.Get("Term"), UserSelected: truth(true)})
	return c, read, strings.ToLower(row.Get("EmisCodeCategoryDescription")), m.Standard(c, readV2)
}

func emisDrugCode(m *intake.Mapping, id string) (*r4.CodeableConcept, error) {
	row, err := m.Look("Coding_DrugCode", id)
	if err != nil {
		return nil, err
	}
	if row == nil {
		return &r4.CodeableConcept{Text: "not coded"}, nil
	}
	c := &r4.CodeableConcept{Text: row.Get("Term")}
	if product := row.Get("DmdProductCodeId"); product != "" && product != "0" {
		c.Coding = append(c.Coding, r4.Coding{System: dmd, Code: product, Display: row.Get("Term")})
	}
	c.Coding = append(c.Coding, r4.Coding{System: "urn:kith:emis:drug-code-id", Code: id, Display: row.Get("Term"), UserSelected: truth(true)})
	return c, nil
}

func emisConsultation(m *intake.Mapping) error {
	r := m.Row("CareRecord_Consultation")
	f, err := emisFact(m, r, "ConsultationGuid")
	if err != nil {
		return err
	}
	kind, _, _, err := emisCode(m, r.Get("ConsultationSourceCodeId"))
	if err != nil {
		return err
	}
	if kind == nil {
		kind = text(r.Get("ConsultationSourceTerm"))
	}
	status := "finished"
	if r.Has("Complete") && !yes(r.Get("Complete")) {
		status = "in-progress"
	}
	e := &r4.Encounter{Meta: f.meta, Identifier: f.id, Status: status, Class: &r4.Coding{System: hl7 + "v3-ActCode", Code: "AMB", Display: "ambulatory"}, Type: concepts(kind), Subject: f.patient, Period: period(f.when, f.when),
		ServiceProvider: m.Ref("Organization", "organisation", bare(r.Get("OrganisationGuid"))), Appointment: references(m.Ref("Appointment", "booking", within(r, r.Get("AppointmentSlotGuid"))))}
	if f.by != nil {
		e.Participant = []r4.EncounterParticipant{{Individual: f.by}}
	}
	return m.Put("Encounter", e)
}

func emisDrug(m *intake.Mapping) error {
	r := m.Row("Prescribing_DrugRecord")
	f, err := emisFact(m, r, "DrugRecordGuid")
	if err != nil {
		return err
	}
	if f.code, err = emisDrugCode(m, r.Get("CodeId")); err != nil {
		return err
	}
	cancelled, err := calendar(r, "CancellationDate", emisDay, "")
	if err != nil {
		return err
	}
	f.problem = m.Ref("Condition", "observation", within(r, r.Get("ProblemObservationGuid")))
	plan := f.prescription("plan", r.Get("Dosage"), r.Get("Quantity"), r.Get("QuantityUnit"))
	if kind := r.Get("PrescriptionType"); kind != "" {
		plan.CourseOfTherapyType = emisPrescription(kind)
	}
	if n := number(r.Get("NumberOfIssuesAuthorised")); n > 0 {
		if plan.DispenseRequest == nil {
			plan.DispenseRequest = &r4.MedicationRequestDispenseRequest{}
		}
		plan.DispenseRequest.NumberOfRepeatsAllowed = &n
	}
	state := "active"
	switch {
	case cancelled.Year != 0:
		plan.Status, state = "stopped", "stopped"
	case r.Has("IsActive") && !yes(r.Get("IsActive")):
		plan.Status, state = "completed", "completed"
	}
	if err := m.Put("MedicationRequest", plan); err != nil {
		return err
	}
	s := &r4.MedicationStatement{Meta: restricted(yes(r.Get("IsConfidential"))), Identifier: f.id, BasedOn: references(m.Ref("MedicationRequest", "drug", m.Key)), Status: state, MedicationCodeableConcept: f.code, Subject: f.patient,
		EffectivePeriod: period(f.when, cancelled), DateAsserted: f.recorded, InformationSource: f.by, ReasonReference: plan.ReasonReference, Dosage: plan.DosageInstruction}
	return m.Put("MedicationStatement", s)
}

func emisIssue(m *intake.Mapping) error {
	r := m.Row("Prescribing_IssueRecord")
	f, err := emisFact(m, r, "IssueRecordGuid")
	if err != nil {
		return err
	}
	if f.code, err = emisDrugCode(m, r.Get("CodeId")); err != nil {
		return err
	}
	f.problem = m.Ref("Condition", "observation", within(r, r.Get("ProblemObservationGuid")))
	order := f.prescription("order", r.Get("Dosage"), r.Get("Quantity"), r.Get("QuantityUnit"))
	order.Status = "completed"
	order.BasedOn = references(m.Ref("MedicationRequest", "drug", within(r, r.Get("DrugRecordGuid"))))
	if days := quantity(r.Get("CourseDurationInDays"), "days"); days != nil && days.Value.Sign() > 0 {
		if order.DispenseRequest == nil {
			order.DispenseRequest = &r4.MedicationRequestDispenseRequest{}
		}
		order.DispenseRequest.ExpectedSupplyDuration = days
	}
	return m.Put("MedicationRequest", order)
}

func emisDiary(m *intake.Mapping) error {
	r := m.Row("CareRecord_Diary")
	f, err := emisFact(m, r, "DiaryGuid")
	if err != nil {
		return err
	}
	if f.code, _, _, err = emisCode(m, r.Get("CodeId")); err != nil {
		return err
	}
	if f.code == nil {
		f.code = text(r.Get("OriginalTerm"))
	}
	plan := f.request("plan")
	plan.OccurrenceDateTime, plan.AuthoredOn = f.when, f.recorded
	switch {
	case yes(r.Get("IsComplete")):
		plan.Status = "completed"
	case r.Has("IsActive") && !yes(r.Get("IsActive")):
		plan.Status = "revoked"
	}
	return m.Put("ServiceRequest", plan)
}

// reports are the categories whose entries without a value are reports of an investigation.
var reports = map[string]bool{"biochemistry": true, "cytology": true, "haematology": true, "immunology": true, "microbiology": true, "radiology": true, "health management": true}

// emisObservation makes what an entry of the record is: see the specification's table for CareRecord_Observation.
func emisObservation(m *intake.Mapping) error {
	r := m.Row("CareRecord_Observation")
	if r == nil {
		return m.Wait("observation", m.Key) // a problem or a referral points to an entry that has not come
	}
	f, err := emisFact(m, r, "ObservationGuid")
	if err != nil {
		return err
	}
	code, read, sort, err := emisCode(m, r.Get("CodeId"))
	if err != nil {
		return err
	}
	if f.code = code; code == nil {
		return r.Bad("CodeId", "the entry has no code")
	}
	f.parent = m.Ref("Observation", "observation", within(r, r.Get("ParentObservationGuid")))
	f.problem = m.Ref("Condition", "observation", within(r, r.Get("ProblemGuid")))
	if made, err := emisEntry(m, r, f, read, sort); err != nil || made == "Condition" {
		return err
	}
	if m.Row("CareRecord_Problem") == nil {
		return nil
	}
	c := f.condition()
	if err := emisProblem(m, c); err != nil {
		return err
	}
	return m.Put("Condition", c)
}

// emisEntry makes the entry itself and says as what.
func emisEntry(m *intake.Mapping, r *intake.Row, f *fact, read, sort string) (made string, err error) {
	kind := strings.ToLower(r.Get("ObservationType"))
	of := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(sort, w) || strings.Contains(kind, w) {
				return true
			}
		}
		return false
	}
	referral := m.Row("CareRecord_ObservationReferral")
	switch value := r.Get("Value"); {
	case value != "":
		q := quantity(value, r.Get("NumericUnit"))
		if q == nil {
			return "", r.Bad("Value", "%q is not a number", value)
		}
		return "Observation", m.Put("Observation", f.observation(q, r.Get("NumericRangeLow"), r.Get("NumericRangeHigh")))
	case referral != nil:
		return "ServiceRequest", emisReferral(m, referral, f)
	case reports[sort]:
		return "DiagnosticReport", m.Put("DiagnosticReport", f.report())
	case of("allergy"):
		return "AllergyIntolerance", m.Put("AllergyIntolerance", f.allergy())
	case of("immunisation"):
		return "Immunization", m.Put("Immunization", f.immunization())
	case of("family history"):
		return "FamilyMemberHistory", m.Put("FamilyMemberHistory", f.family())
	case of("referral", "investigation request", "investigation requests", "test request"):
		return "ServiceRequest", m.Put("ServiceRequest", f.request("order"))
	case of("specimen"):
		return "Specimen", m.Put("Specimen", f.specimen())
	case strings.Contains(sort, "condition") && readSort(read) == "procedure", sort == "procedure", sort == "operations":
		return "Procedure", m.Put("Procedure", f.procedure())
	case strings.Contains(sort, "condition"):
		c := f.condition("encounter-diagnosis")
		if m.Row("CareRecord_Problem") != nil {
			if err := emisProblem(m, c); err != nil {
				return "", err
			}
		}
		return "Condition", m.Put("Condition", c)
	}
	return "Observation", m.Put("Observation", f.observation(nil, "", ""))
}

// emisProblem adds to a condition what the problem list says of it.
func emisProblem(m *intake.Mapping, c *r4.Condition) error {
	r := m.Row("CareRecord_Problem")
	c.Category = append(category("condition-category", "problem-list-item"), c.Category...)
	ended, err := emisDate(m, r, "EndDate")
	if err != nil {
		return err
	}
	if ended.Year != 0 {
		c.AbatementDateTime, c.ClinicalStatus = ended, clinical("resolved")
	} else if strings.EqualFold(r.Get("ProblemStatusDescription"), "Past Problem") {
		c.ClinicalStatus = clinical("inactive")
	}
	if code, ok := emisSignificance[strings.ToLower(r.Get("SignificanceDescription"))]; ok {
		c.Severity = concept(snomed, code, r.Get("SignificanceDescription"))
	}
	c.Note = append(c.Note, note(r.Get("Comment"))...)
	if parent := r.Get("ParentProblemObservationGuid"); parent != "" {
		c.Extension = append(c.Extension, r4.Extension{URL: "http://hl7.org/fhir/StructureDefinition/condition-related", ValueReference: m.Ref("Condition", "observation", within(r, parent))})
	}
	return nil
}

func emisReferral(m *intake.Mapping, r *intake.Row, f *fact) error {
	s := f.request("order")
	if n := r.Get("ReferralUBRN"); n != "" {
		s.Identifier = append(s.Identifier, r4.Identifier{System: ubrn, Value: n})
	}
	s.Category = concepts(concept(snomed, "3457005", "Referral"))
	if kind := r.Get("ReferralServiceType"); kind != "" {
		s.OrderDetail = append(s.OrderDetail, *text(kind))
	}
	if mode := r.Get("ReferralMode"); mode != "" {
		s.OrderDetail = append(s.OrderDetail, *text(mode))
	}
	s.Priority = emisUrgency[strings.ToLower(r.Get("ReferralUrgency"))]
	if s.Priority == "" && r.Get("ReferralUrgency") != "" {
		s.Note = append(s.Note, r4.Annotation{Text: "urgency: " + r.Get("ReferralUrgency")})
	}
	s.Performer = references(m.Ref("Organization", "organisation", bare(r.Get("ReferralTargetOrganisationGuid"))))
	if r.Get("ReferralEndDate") != "" || r.Get("ReferralEpisodeClosureDate") != "" {
		s.Status = "completed"
	}
	return m.Put("ServiceRequest", s)
}
