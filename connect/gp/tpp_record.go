package gp

import (
	"strings"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// tppFact reads what the clinical tables have in common.
func tppFact(m *intake.Mapping, r *intake.Row) (*fact, error) {
	f := &fact{m: m, id: source(m, m.Key), patient: tppPatientRef(m, r)}
	if event := r.Get("IDEvent"); event != "0" && event != "-1" {
		f.encounter = m.Ref("Encounter", "event", event)
	}
	var err error
	if f.by, err = tppBy(m, r, "IDDoneBy", ""); err != nil {
		return nil, err
	}
	if f.enteredBy, err = tppBy(m, r, "", "IDProfileEnteredBy"); err != nil {
		return nil, err
	}
	if f.by == nil && r.Get("TextualEventDoneBy") != "" {
		f.by = &r4.Reference{Display: r.Get("TextualEventDoneBy")}
	}
	if f.recorded, err = tppTime(m, r, "DateEventRecorded"); err != nil {
		return nil, err
	}
	if f.when, err = tppTime(m, r, "DateEvent"); err != nil {
		return nil, err
	}
	if f.when.Year == 0 {
		f.when = f.recorded
	}
	return f, nil
}

// tppConcept is a CTV3 code with the SNOMED concept that TPP gives, or that its own map gives where the row has none. Codes of the shape of
// CTV3 are kept as they are.
func tppConcept(m *intake.Mapping, ctv3Code, words, concept, conceptWords string) (*r4.CodeableConcept, error) {
	if ctv3Code == "" && concept == "" {
		return nil, nil
	}
	if words == "" {
		row, err := m.Try("SRCtv3", ctv3Code)
		if err != nil {
			return nil, err
		}
		if row != nil {
			words = row.Get("Ctv3Text")
		}
	}
	if concept == "" || concept == "0" || concept == "-1" {
		concept = ""
		row, err := m.Try("SRCtv3ToSnomed", ctv3Code)
		if err != nil {
			return nil, err
		}
		if row != nil {
			concept = row.Get("SnomedCode")
		}
	}
	c := &r4.CodeableConcept{Text: words}
	if c.Text == "" {
		c.Text = conceptWords
	}
	if concept != "" {
		if conceptWords == "" {
			conceptWords = words
		}
		c.Coding = append(c.Coding, r4.Coding{System: snomed, Code: concept, Display: conceptWords})
	}
	if ctv3Code != "" {
		c.Coding = append(c.Coding, r4.Coding{System: ctv3, Code: ctv3Code, Display: words, UserSelected: truth(true)})
	}
	return c, m.Standard(c, ctv3)
}

// tppRoots are what the codes below them are about: the heads of CTV3's hierarchy.
var tppRoots = map[string]string{"X0003": "condition", "XaBVZ": "procedure", "12...": "family history", "XaBVX": "allergy", "XaBVJ": "finding"}

// tppSort says what a CTV3 code is about, by its ancestors in SRCtv3Hierarchy; where the hierarchy does not know it, by its chapter.
func tppSort(m *intake.Mapping, code string) (string, error) {
	at, seen, known := []string{code}, map[string]bool{}, false
	for len(at) > 0 && len(seen) < 200 { // a few levels; a circle ends
		next := at[0]
		at = at[1:]
		if seen[next] {
			continue
		}
		seen[next] = true
		if sort := tppRoots[next]; sort != "" {
			return sort, nil
		}
		parents, err := m.All("SRCtv3Hierarchy", next)
		if err != nil {
			return "", err
		}
		for _, p := range parents {
			known = true
			at = append(at, p.Get("Ctv3CodeParent"))
		}
	}
	if known || code == "" || code[0] == 'X' || code[0] == 'Y' {
		return "", nil // codes that begin with X or Y have no chapter of their own
	}
	return readSort(code), nil
}

func tppEvent(m *intake.Mapping) error {
	r := m.Row("SREvent")
	f, err := tppFact(m, r)
	if err != nil {
		return err
	}
	method, err := tppWord(m, r, "ContactMethod")
	if err != nil {
		return err
	}
	e := &r4.Encounter{Identifier: f.id, Status: "finished", Class: &r4.Coding{System: hl7 + "v3-ActCode", Code: "AMB", Display: "ambulatory"}, Subject: f.patient, Period: period(f.when, f.when),
		ServiceProvider: tppOrg(m, r.First("IDOrganisation", "IDOrganisationDoneAt")), Type: concepts(text(method))}
	if yes(r.Get("EventIncomplete")) {
		e.Status = "in-progress"
	}
	if f.by != nil {
		e.Participant = []r4.EncounterParticipant{{Individual: f.by}}
	}
	if b := m.Ref("Location", "branch", r.Get("IDBranch")); b != nil && r.Get("IDBranch") != "-1" {
		e.Location = []r4.EncounterLocation{{Location: b}}
	}
	return m.Put("Encounter", e)
}

// tppValue is the number of a code, nil where there is none. Zero and minus one without a unit stand for nothing.
func tppValue(r *intake.Row) (*r4.Quantity, error) {
	value := r.Get("NumericValue")
	if value == "" || r.Has("IsNumeric") && r.Get("IsNumeric") != "" && !yes(r.Get("IsNumeric")) {
		return nil, nil
	}
	q := quantity(value, r.Get("NumericUnit"))
	if q == nil {
		return nil, r.Bad("NumericValue", "%q is not a number", value)
	}
	if n, whole := q.Value.Int64(); whole && (n == 0 || n == -1) && r.Get("NumericUnit") == "" {
		return nil, nil
	}
	switch c := r.Get("NumericComparator"); c {
	case "<", "<=", ">", ">=":
		q.Comparator = c
	}
	return q, nil
}

func tppCode(m *intake.Mapping) error {
	r := m.Row("SRCode")
	problems := m.Rows("SRProblem")
	if r == nil {
		if strings.HasPrefix(m.Key, "problem/") && len(problems) > 0 {
			return tppBareProblem(m, problems[0])
		}
		return m.Wait("code", m.Key) // a problem whose code has not come
	}
	f, err := tppFact(m, r)
	if err != nil {
		return err
	}
	if f.code, err = tppConcept(m, r.Get("CTV3Code"), r.Get("CTV3Text"), r.Get("SNOMEDCode"), r.Get("SNOMEDText")); err != nil {
		return err
	}
	if f.code == nil {
		return r.Bad("CTV3Code", "the entry has no code")
	}
	made, err := tppEntry(m, r, f, problems)
	if err != nil || made == "Condition" || len(problems) == 0 {
		return err
	}
	c := f.condition()
	if err := tppProblems(m, c, problems); err != nil {
		return err
	}
	return m.Put("Condition", c)
}

// tppEntry makes the entry itself and says as what.
func tppEntry(m *intake.Mapping, r *intake.Row, f *fact, problems []*intake.Row) (made string, err error) {
	q, err := tppValue(r)
	if err != nil {
		return "", err
	}
	if q != nil {
		return "Observation", m.Put("Observation", f.observation(q, "", ""))
	}
	sort, err := tppSort(m, r.Get("CTV3Code"))
	if err != nil {
		return "", err
	}
	switch sort {
	case "procedure":
		return "Procedure", m.Put("Procedure", f.procedure())
	case "condition":
		c := f.condition("encounter-diagnosis")
		if err := tppProblems(m, c, problems); err != nil {
			return "", err
		}
		return "Condition", m.Put("Condition", c)
	case "family history":
		return "FamilyMemberHistory", m.Put("FamilyMemberHistory", f.family())
	case "allergy":
		return "AllergyIntolerance", m.Put("AllergyIntolerance", f.allergy())
	}
	return "Observation", m.Put("Observation", f.observation(nil, "", ""))
}

// tppProblems adds to a condition what the problem list says of it. Where several problems share the code, one that has not ended says
// that it lasts; else the last end counts.
func tppProblems(m *intake.Mapping, c *r4.Condition, problems []*intake.Row) error {
	if len(problems) == 0 {
		return nil
	}
	c.Category = append(category("condition-category", "problem-list-item"), c.Category...)
	lasts := false
	for _, p := range problems {
		c.Identifier = append(c.Identifier, r4.Identifier{System: "urn:kith:source:" + m.Feed.Name + ":problem", Value: p.Get("RowIdentifier")})
		end, err := tppDate(m, p, "DateEnd")
		if err != nil {
			return err
		}
		lasts = lasts || end.Year == 0
		if end.Year != 0 && (c.AbatementDateTime.Year == 0 || end.Low().After(c.AbatementDateTime.Low())) {
			c.AbatementDateTime = end
		}
		severity, err := tppWord(m, p, "Severity")
		if err != nil {
			return err
		}
		if c.Severity == nil {
			c.Severity = text(severity)
		}
	}
	if lasts {
		c.AbatementDateTime = fhir.DateTime{}
	} else {
		c.ClinicalStatus = clinical("resolved")
	}
	return nil
}

// tppBareProblem is a problem that points to no code.
func tppBareProblem(m *intake.Mapping, r *intake.Row) error {
	f, err := tppFact(m, r)
	if err != nil {
		return err
	}
	f.id = source(m, r.Get("RowIdentifier"))
	if f.code, err = tppConcept(m, r.Get("CTV3Code"), "", "", ""); err != nil {
		return err
	}
	if f.code == nil {
		return r.Bad("CTV3Code", "the problem has no code")
	}
	c := f.condition()
	if err := tppProblems(m, c, []*intake.Row{r}); err != nil {
		return err
	}
	return m.Put("Condition", c)
}

// tppDrug is a medicine by its dm+d code, where MultiLex has one, and its name.
func tppDrug(r *intake.Row) *r4.CodeableConcept {
	c := &r4.CodeableConcept{Text: r.Get("NameOfMedication")}
	if code := r.Get("IDMultiLexDMD"); code != "" && code != "0" && code != "-1" {
		c.Coding = append(c.Coding, r4.Coding{System: dmd, Code: code, Display: c.Text})
	}
	if product := r.Get("IDMultiLexProduct"); product != "" && product != "0" && product != "-1" {
		c.Coding = append(c.Coding, r4.Coding{System: "urn:kith:tpp:multilex-product", Code: product, Display: c.Text, UserSelected: truth(true)})
	}
	if c.Text == "" && c.Coding == nil {
		c.Text = "not coded"
	}
	return c
}

func tppTemplate(m *intake.Mapping) error {
	r := m.Row("SRRepeatTemplate")
	f, err := tppFact(m, r)
	if err != nil {
		return err
	}
	start, err := tppDate(m, r, "DateMedicationTemplateStart")
	if err != nil {
		return err
	}
	end, err := tppDate(m, r, "DateMedicationTemplateEnd")
	if err != nil {
		return err
	}
	if start.Year != 0 {
		f.when = start
	}
	f.code = tppDrug(r)
	plan := f.prescription("plan", r.Get("MedicationDosage"), "", "")
	plan.CourseOfTherapyType = emisPrescription("Repeat")
	tppSupply(plan, r.Get("MedicationQuantity"))
	if n := number(r.Get("MaxIssues")); n > 0 {
		if plan.DispenseRequest == nil {
			plan.DispenseRequest = &r4.MedicationRequestDispenseRequest{}
		}
		plan.DispenseRequest.NumberOfRepeatsAllowed = &n
	}
	if end.Year != 0 {
		plan.Status = "completed"
	}
	return m.Put("MedicationRequest", plan)
}

// tppSupply reads a quantity such as "28 tablets".
func tppSupply(p *r4.MedicationRequest, words string) {
	amount, unit, _ := strings.Cut(words, " ")
	if n, err := fhir.ParseDecimal(amount); err == nil {
		p.DispenseRequest = &r4.MedicationRequestDispenseRequest{Quantity: &r4.Quantity{Value: &n, Unit: unit}}
	} else if words != "" {
		p.Note = append(p.Note, r4.Annotation{Text: "quantity: " + words})
	}
}

func tppMedication(m *intake.Mapping) error {
	r := m.Row("SRPrimaryCareMedication")
	f, err := tppFact(m, r)
	if err != nil {
		return err
	}
	start, err := tppDate(m, r, "DateMedicationStart")
	if err != nil {
		return err
	}
	if start.Year != 0 {
		f.when = start
	}
	f.code = tppDrug(r)
	order := f.prescription("order", r.Get("MedicationDosage"), "", "")
	order.Status = "completed"
	tppSupply(order, r.Get("MedicationQuantity"))
	if id := r.Get("IDRepeatTemplate"); id != "-1" && id != "0" {
		order.BasedOn = references(m.Ref("MedicationRequest", "template", id))
	}
	if yes(r.Get("IsHospitalMedication")) || yes(r.Get("IsOtherMedication")) {
		order.ReportedBoolean = truth(true)
	}
	return m.Put("MedicationRequest", order)
}

func tppSensitivity(m *intake.Mapping) error {
	r := m.Row("SRDrugSensitivity")
	f, err := tppFact(m, r)
	if err != nil {
		return err
	}
	start, err := tppDate(m, r, "DateStarted")
	if err != nil {
		return err
	}
	end, err := tppDate(m, r, "DateEnded")
	if err != nil {
		return err
	}
	if start.Year != 0 {
		f.when = start
	}
	id := r.Get("IDDrugCode")
	f.code = &r4.CodeableConcept{}
	drug, err := m.Try("SRMedicationReadCodeDetails", id)
	if err != nil {
		return err
	}
	if drug != nil {
		f.code.Text = drug.Get("DrugReadCodeDesc")
		f.code.Coding = append(f.code.Coding, r4.Coding{System: ctv3, Code: drug.Get("DrugReadCode"), Display: f.code.Text})
	}
	if id != "" {
		f.code.Coding = append(f.code.Coding, r4.Coding{System: "urn:kith:tpp:multilex-product", Code: id, UserSelected: truth(true)})
	}
	if f.code.Text == "" && f.code.Coding == nil {
		return r.Bad("IDDrugCode", "the sensitivity does not say to what")
	}
	a := f.allergy()
	a.Category = []string{"medication"}
	if end.Year != 0 {
		a.ClinicalStatus = concept(hl7+"allergyintolerance-clinical", "resolved", "")
	}
	return m.Put("AllergyIntolerance", a)
}

func tppImmunisation(m *intake.Mapping) error {
	r := m.Row("SRImmunisation")
	f, err := tppFact(m, r)
	if err != nil {
		return err
	}
	if f.code, err = tppConcept(m, r.Get("ImmsReadCode"), "", r.Get("ImmsSNOMEDCode"), ""); err != nil {
		return err
	}
	content, err := m.Try("SRImmunisationContent", r.Get("IDImmunisationContent"))
	if err != nil {
		return err
	}
	if f.code == nil {
		f.code = &r4.CodeableConcept{}
	}
	if content != nil {
		f.code.Text = content.Get("Name")
	}
	if f.code.Text == "" && f.code.Coding == nil {
		f.code.Text = "not coded"
	}
	i := f.immunization()
	i.LotNumber = r.Get("VaccBatchNumber")
	site, err := tppWord(m, r, "Location")
	if err != nil {
		return err
	}
	i.Site = text(site)
	if expires, err := tppDate(m, r, "DateExpiry"); err == nil {
		i.ExpirationDate = expires
	}
	status, err := tppWord(m, r, "VaccinationStatus")
	if err != nil {
		return err
	}
	if s := strings.ToLower(status); strings.Contains(s, "refus") || strings.Contains(s, "declin") || strings.Contains(s, "not given") {
		i.Status = "not-done"
	}
	if part := r.Get("VaccPart"); part != "" {
		i.Note = append(i.Note, r4.Annotation{Text: "part: " + part})
	}
	return m.Put("Immunization", i)
}

func tppReferral(m *intake.Mapping) error {
	r := m.Row("SRReferralOut")
	if r == nil {
		return m.Wait("referral", m.Key)
	}
	f, err := tppFact(m, r)
	if err != nil {
		return err
	}
	if f.code, err = tppConcept(m, r.Get("PrimaryDiagnosis"), "", r.Get("SNOMEDPrimaryDiagnosis"), ""); err != nil {
		return err
	}
	s := f.request("order")
	s.Code, s.ReasonCode = text(r.First("ServiceOffered", "TypeOfReferral")), concepts(f.code)
	if kind, err := tppOption(m, r, "TypeOfReferral"); err != nil {
		return err
	} else if kind != "" {
		s.Code = text(kind)
	}
	s.Category = concepts(concept(snomed, "3457005", "Referral"))
	reason, err := tppOption(m, r, "Reason")
	if err != nil {
		return err
	}
	s.Note = append(s.Note, note(reason)...)
	urgency, err := tppOption(m, r, "Urgency")
	if err != nil {
		return err
	}
	s.Priority = emisUrgency[strings.ToLower(urgency)]
	if to := r.Get("RecipientID"); to != "" && to != "-1" {
		s.Performer = []r4.Reference{{Identifier: &r4.Identifier{System: odsCode, Value: to}}}
	}
	for _, d := range m.Rows("SRReferralOutStatusDetails") {
		word, err := tppOption(m, d, "StatusOfReferralOut")
		if err != nil {
			return err
		}
		at, err := tppTime(m, d, "DateEvent")
		if err != nil {
			return err
		}
		switch w := strings.ToLower(word); {
		case strings.Contains(w, "discharg"), strings.Contains(w, "ended"), strings.Contains(w, "complet"):
			s.Status = "completed"
		case strings.Contains(w, "reject"), strings.Contains(w, "cancel"):
			s.Status = "revoked"
		}
		s.Note = append(s.Note, r4.Annotation{Time: at, Text: word})
	}
	return m.Put("ServiceRequest", s)
}

func tppRecall(m *intake.Mapping) error {
	r := m.Row("SRRecall")
	f, err := tppFact(m, r)
	if err != nil {
		return err
	}
	kind, err := tppOption(m, r, "RecallType")
	if err != nil {
		return err
	}
	f.code = text(strings.TrimSpace("Recall " + kind))
	s := f.request("plan")
	if s.OccurrenceDateTime, err = tppDate(m, r, "DateRecall"); err != nil {
		return err
	}
	status, err := tppWord(m, r, "RecallStatus")
	if err != nil {
		return err
	}
	switch w := strings.ToLower(status); {
	case strings.Contains(w, "seen"), strings.Contains(w, "complet"), strings.Contains(w, "attended"):
		s.Status = "completed"
	case strings.Contains(w, "cancel"), strings.Contains(w, "refus"):
		s.Status = "revoked"
	}
	return m.Put("ServiceRequest", s)
}
