package community

import (
	"encoding/base64"
	"path"
	"strings"
	"time"

	"github.com/kith-care/kith/connect/fact"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// adastraNeed are the tables and the columns without which nothing can be said of a row, in the order in which they are filed.
var adastraNeed = []struct {
	table string
	need  []string
}{
	{"USERS", []string{"UserRef"}}, {"PROVIDER", []string{"PatientRef", "CaseRef"}}, {"PATIENT", []string{"PatientRef"}}, {"OUTCOMES", []string{"CaseRef", "OutcomeName"}}, {"CASE", []string{"CaseRef", "PatientRef"}},
	{"CONSULTATION", []string{"CaseRef", "ConsultationRef"}}, {"CLINICALCODES", []string{"CaseRef", "ConsultationRef", "ClinicalCode"}}, {"PRESCRIPTIONS", []string{"CaseRef", "ConsultationRef", "DrugName"}},
	{"ELECTRONICPRESCRIPTIONS", []string{"CaseRef", "SubmissionTime"}}, {"CASEQUESTIONS", []string{"CaseRef", "Question"}}, {"NOTES", []string{"CaseRef", "PatientRef", "NoteText"}},
}

// Adastra is the extract of Adastra, which out-of-hours services use: eleven tables, with a header, columns as in the catalogue. Nothing in it says when it
// was made: a date in a file's name counts, or else when it came. Rows are never deleted.
func Adastra() *intake.Format {
	columns := func(names ...string) func(*intake.Row) string {
		return func(r *intake.Row) string {
			var parts []string
			for _, n := range names {
				v := r.Get(n)
				if v == "" && n == names[0] {
					return ""
				}
				parts = append(parts, v)
			}
			return strings.Join(parts, "|")
		}
	}
	f := &intake.Format{
		Kind: "adastra", Recognise: adastraFile, Volatile: []string{"LastEditByUserRef"},
		Columns: map[string][]string{"parent": {"PatientRef", "CaseRef"}, "nhs-number": {"NHSNumber"}, "birth-date": {"DOB"}, "postcode": {"HomeAddressPostcode"}, "coded": {"ClinicalCode", "DMDCode"}},
		Stages:  [][]string{{"USERS"}, {"PROVIDER"}, {"PATIENT"}, {"OUTCOMES", "CASE"}, {"CONSULTATION"}, {"CLINICALCODES"}, {"PRESCRIPTIONS"}, {"ELECTRONICPRESCRIPTIONS"}, {"CASEQUESTIONS"}, {"NOTES"}},
		Units: []intake.Unit{
			{Kind: "user", Makes: []string{"Practitioner"}, Map: adastraUser},
			{Kind: "provider"},
			{Kind: intake.PatientUnit, Makes: []string{"Patient"}, Map: adastraPatient},
			{Kind: "case", Makes: []string{"Encounter", "Task"}, Looked: true, Map: adastraCase,
				Patient: func(m *intake.Mapping) string {
					if r := m.Row("CASE"); r != nil {
						return r.Get("PatientRef")
					}
					return ""
				}},
			{Kind: "consultation", Makes: []string{"DocumentReference"}, Looked: true, Patient: ofCase, Map: adastraConsultation},
			{Kind: "code", Makes: []string{"Condition"}, Patient: ofCase, Map: adastraCode},
			{Kind: "prescription", Makes: []string{"MedicationRequest"}, Patient: ofCase, Map: adastraPrescription},
			{Kind: "electronic", Makes: []string{"Task"}, Patient: ofCase, Map: adastraElectronic},
			{Kind: "questions", Makes: []string{"QuestionnaireResponse"}, Patient: ofCase, Map: adastraQuestions},
			{Kind: "note", Makes: []string{"DocumentReference"}, Map: adastraNote, Patient: func(m *intake.Mapping) string { return m.Row("NOTES").Get("PatientRef") }},
		},
	}
	keys := map[string]func(*intake.Row) string{"USERS": columns("UserRef"), "PROVIDER": columns("CaseRef"), "PATIENT": columns("PatientRef"), "OUTCOMES": columns("CaseRef", "OutcomeName"), "CASE": columns("CaseRef"),
		"CONSULTATION": columns("ConsultationRef"), "CLINICALCODES": columns("ConsultationRef", "ClinicalCode"), "PRESCRIPTIONS": columns("ConsultationRef", "DMDCode", "DrugName", "Dosage"),
		"ELECTRONICPRESCRIPTIONS": columns("CaseRef", "SubmissionTime"), "CASEQUESTIONS": columns("CaseRef", "QuestionSetName", "SortOrder", "Question"), "NOTES": columns("CaseRef", "ReviewDateTime", "NoteText")}
	units := map[string]string{"USERS": "user", "PROVIDER": "provider", "PATIENT": intake.PatientUnit, "OUTCOMES": "case", "CASE": "case", "CONSULTATION": "consultation", "CLINICALCODES": "code",
		"PRESCRIPTIONS": "prescription", "ELECTRONICPRESCRIPTIONS": "electronic", "CASEQUESTIONS": "questions", "NOTES": "note"}
	for _, n := range adastraNeed {
		f.Tables = append(f.Tables, intake.Table{Name: n.table, Need: n.need, Key: keys[n.table], Unit: units[n.table]})
		t := &f.Tables[len(f.Tables)-1]
		switch n.table {
		case "OUTCOMES":
			t.UnitKey = columns("CaseRef")
		case "CASEQUESTIONS":
			t.UnitKey = columns("CaseRef", "QuestionSetName")
		case "PROVIDER":
			t.Also = []string{"practice"}
		case "PATIENT": // a row for each case: which one it is says nothing of the person
			t.Content = columns("PatientRef", "Forename", "Surname", "DOB", "NHSNumber", "NHSNoTraceStatus", "Language", "Gender", "EthnicCode", "HomeAddressBuilding", "HomeAddressStreet", "HomeAddressTown", "HomeAddressLocality",
				"HomeAddressPostcode", "MobilePhone", "HomePhone", "OtherPhone")
		}
	}
	f.Tables = append(f.Tables, intake.Table{Name: "practice", Key: columns("PatientRef"), Unit: intake.PatientUnit, Content: columns("PatientRef", "GPPracticeNatCode", "RegistrationStatus")})
	return f
}

// adastraFile knows a table by the file's name, with or without a date around it.
func adastraFile(name string, _ []byte) (*intake.File, error) {
	base := path.Base(name)
	if !strings.EqualFold(path.Ext(base), ".csv") {
		return nil, nil
	}
	for _, word := range strings.FieldsFunc(strings.ToUpper(strings.TrimSuffix(base, path.Ext(base))), func(c rune) bool { return c < 'A' || c > 'Z' }) {
		for _, n := range adastraNeed {
			if n.table == word {
				return &intake.File{Name: name, Table: word, Stamp: fact.Stamp(base, time.Now())}, nil
			}
		}
	}
	return nil, nil
}

var adastraTimes = []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "02/01/2006 15:04:05", "02/01/2006 15:04"}
var adastraDays = []string{"2006-01-02", "02/01/2006", "2006-01-02 15:04:05", "02/01/2006 15:04:05"}

func moment(m *intake.Mapping, r *intake.Row, column string) (fhir.DateTime, error) {
	at, sure, err := fact.Moment(r.Get(column), adastraTimes...)
	if err != nil {
		return at, r.Bad(column, "%v", err)
	}
	if !sure {
		m.Note("a time in the hour of a clock change")
	}
	return at, nil
}

// early is noticed of an end that is left out, since it would lie before the start.
const early = "an end before the start, left out"

// span is from StartDateTime to EndDateTime.
func span(m *intake.Mapping, r *intake.Row) (start, end fhir.DateTime, err error) {
	if start, err = moment(m, r, "StartDateTime"); err != nil {
		return start, end, err
	}
	if end, err = moment(m, r, "EndDateTime"); err != nil {
		return start, end, err
	}
	_, sureStart, _ := fact.Moment(r.Get("StartDateTime"), adastraTimes...)
	_, sureEnd, _ := fact.Moment(r.Get("EndDateTime"), adastraTimes...)
	if end, err = fact.Order(start, end, sureStart && sureEnd); err != nil {
		m.Note(early) // what the clinician found must not be lost for it
		end = fhir.DateTime{}
	}
	return start, end, nil
}

// anyRow is the row of a unit that has one table.
func anyRow(m *intake.Mapping) *intake.Row {
	for _, n := range adastraNeed {
		if r := m.Row(n.table); r != nil {
			return r
		}
	}
	return nil
}

// ofCase is whose case a row belongs to; "" while the case is not there.
func ofCase(m *intake.Mapping) string {
	c, err := m.Try("CASE", anyRow(m).Get("CaseRef"))
	if err != nil || c == nil {
		return ""
	}
	return c.Get("PatientRef")
}

// about is what rows of a case share: the patient and the encounter. It parks a row whose case is not there.
func about(m *intake.Mapping, r *intake.Row) (c *intake.Row, patient, encounter *r4.Reference, err error) {
	if c, err = m.Look("CASE", r.Get("CaseRef")); err != nil {
		return nil, nil, nil, err
	}
	if c == nil {
		return nil, nil, nil, r.Bad("CaseRef", "the row does not say which case it is of")
	}
	return c, m.Ref("Patient", intake.PatientUnit, c.Get("PatientRef")), m.Ref("Encounter", "case", c.Get("CaseRef")), nil
}

func source(m *intake.Mapping, key string) []r4.Identifier {
	return []r4.Identifier{fact.Source(m.Feed.Name, key)}
}

func adastraUser(m *intake.Mapping) error {
	r := m.Row("USERS")
	p := &r4.Practitioner{Identifier: source(m, m.Key), Name: []r4.HumanName{{Text: r.First("FullName", "UserName"), Family: r.Get("Surname"), Given: strings.Fields(r.Get("Forename"))}}}
	if gmc := r.Get("ProviderGMC"); gmc != "" {
		p.Identifier = append(p.Identifier, r4.Identifier{System: "https://fhir.hl7.org.uk/Id/gmc-number", Value: gmc})
	}
	if nmc := r.Get("ProviderNMC"); nmc != "" {
		p.Identifier = append(p.Identifier, r4.Identifier{System: "https://fhir.hl7.org.uk/Id/nmc-number", Value: nmc})
	}
	if kind := r.Get("ProviderType"); kind != "" {
		p.Qualification = []r4.PractitionerQualification{{Code: fact.Text(kind)}}
	}
	return m.Put("Practitioner", p)
}

func adastraPatient(m *intake.Mapping) error {
	r := m.Row("PATIENT")
	if r == nil {
		return m.Wait(intake.PatientUnit, m.Key)
	}
	born, err := fact.Day(r.Get("DOB"), adastraDays...)
	if err != nil {
		return r.Bad("DOB", "%v", err)
	}
	p := fact.Person{NHSNumber: r.Get("NHSNumber"), Forename: r.Get("Forename"), Surname: r.Get("Surname"), Sex: r.Get("Gender"), Born: born, Town: r.Get("HomeAddressTown"), Postcode: r.Get("HomeAddressPostcode"),
		Lines: []string{strings.TrimSpace(r.Get("HomeAddressBuilding") + " " + r.Get("HomeAddressStreet")), r.Get("HomeAddressLocality")}, Phone: r.First("HomePhone", "OtherPhone"), Mobile: r.Get("MobilePhone"), Ethnicity: r.Get("EthnicCode")}
	if practice := m.Row("practice"); practice != nil {
		p.Practice = practice.Get("GPPracticeNatCode")
	}
	return m.Put("Patient", p.Patient(m.Feed.Name, m.Key))
}

// adastraCase is a call to the service, and what the general practice is asked to do after it.
func adastraCase(m *intake.Mapping) error {
	r := m.Row("CASE")
	if r == nil {
		return m.Wait("case", m.Key)
	}
	start, end, err := span(m, r)
	if err != nil {
		return err
	}
	if start.Year == 0 {
		return r.Bad("StartDateTime", "the case does not say when it began")
	}
	patient := m.Ref("Patient", intake.PatientUnit, r.Get("PatientRef"))
	e := &r4.Encounter{Identifier: source(m, m.Key), Status: "finished", Class: &r4.Coding{System: fact.HL7 + "v3-ActCode", Code: "AMB", Display: "ambulatory"}, Type: fact.List(fact.Text(r.Get("CaseTagName"))),
		ServiceType: fact.Text("Out of hours"), Priority: fact.Text(r.Get("PriorityName")), Subject: patient, Period: &r4.Period{Start: start, End: end}}
	if r.Get("EndDateTime") == "" {
		e.Status = "in-progress"
	}
	if no := r.Get("CaseNo"); no != "" {
		e.Identifier = append(e.Identifier, r4.Identifier{System: "urn:kith:source:" + m.Feed.Name + ":case", Value: no})
	}
	if at := r.Get("LocationName"); at != "" {
		e.Location = []r4.EncounterLocation{{Location: &r4.Reference{Display: at}}}
	}
	if by := m.Ref("Practitioner", "user", r.Get("UserRef")); by != nil {
		e.Participant = []r4.EncounterParticipant{{Individual: by}}
	}
	if ods := r.Get("ODSCode"); ods != "" {
		e.ServiceProvider = organisation(ods)
	}
	var outcomes []string
	for _, o := range m.Rows("OUTCOMES") {
		outcomes = append(outcomes, o.Get("OutcomeName"))
	}
	said := strings.Join(outcomes, "; ")
	if said != "" {
		e.Hospitalization = &r4.EncounterHospitalization{DischargeDisposition: fact.Text(said)}
	}
	if err := m.Put("Encounter", e); err != nil {
		return err
	}
	if low := strings.ToLower(said); !strings.Contains(low, "own gp") && !strings.Contains(low, "follow up") && !strings.Contains(low, "follow-up") {
		return nil
	}
	at := end
	if at.Year == 0 {
		at = start
	}
	task := &r4.Task{Identifier: source(m, m.Key), Status: "requested", Intent: "order", Code: fact.Text("Follow up after out of hours"), Description: "Out of hours: " + said, For: patient, Focus: m.Ref("Encounter", "case", m.Key), AuthoredOn: at}
	gp, err := m.Try("PROVIDER", m.Key)
	if err != nil {
		return err
	}
	if gp != nil && gp.Get("GPPracticeNatCode") != "" {
		task.Owner = organisation(gp.Get("GPPracticeNatCode"))
		task.Owner.Display = gp.Get("GPPracticeName")
	}
	return m.Put("Task", task)
}

func organisation(ods string) *r4.Reference {
	return &r4.Reference{Type: "Organization", Identifier: &r4.Identifier{System: fact.ODSCode, Value: ods}}
}

// plain is a document of plain text.
func plain(title, body string, at fhir.DateTime) []r4.DocumentReferenceContent {
	return []r4.DocumentReferenceContent{{Attachment: &r4.Attachment{ContentType: "text/plain; charset=utf-8", Language: "en-GB", Title: title, Data: base64.StdEncoding.EncodeToString([]byte(body)), Creation: at}}}
}

// adastraConsultation is what the clinician wrote.
func adastraConsultation(m *intake.Mapping) error {
	r := m.Row("CONSULTATION")
	_, patient, encounter, err := about(m, r)
	if err != nil {
		return err
	}
	start, end, err := span(m, r)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, part := range [][2]string{{"History", "History"}, {"Examination", "Examination"}, {"Diagnosis", "Diagnosis"}, {"Treatment plan", "TreatmentPlan"}} {
		if v := r.Get(part[1]); v != "" {
			b.WriteString(part[0] + ": " + v + "\n")
		}
	}
	d := &r4.DocumentReference{Identifier: source(m, m.Key), Status: "current", Type: fact.Text("Out of hours consultation"), Category: fact.List(fact.Text(r.Get("ConsultationCaseType"))), Subject: patient, Date: start,
		Author: fact.List(m.Ref("Practitioner", "user", r.Get("UserRef"))), Description: r.Get("Diagnosis"), Content: plain("Out of hours consultation", b.String(), start),
		Context: &r4.DocumentReferenceContext{Encounter: fact.List(encounter)}}
	if start.Year != 0 {
		d.Context.Period = &r4.Period{Start: start, End: end}
	}
	return m.Put("DocumentReference", d)
}

// when is when a row's consultation began, or its case.
func when(m *intake.Mapping, r, c *intake.Row) (fhir.DateTime, *intake.Row, error) {
	k, err := m.Look("CONSULTATION", r.Get("ConsultationRef"))
	if err != nil {
		return fhir.DateTime{}, nil, err
	}
	if k != nil && k.Get("StartDateTime") != "" {
		at, err := moment(m, k, "StartDateTime")
		return at, k, err
	}
	at, err := moment(m, c, "StartDateTime")
	return at, k, err
}

func adastraCode(m *intake.Mapping) error {
	r := m.Row("CLINICALCODES")
	c, patient, encounter, err := about(m, r)
	if err != nil {
		return err
	}
	code := r.Get("ClinicalCode")
	if code == "" {
		return r.Bad("ClinicalCode", "the row has no code")
	}
	at, k, err := when(m, r, c)
	if err != nil {
		return err
	}
	system := fact.ReadV2
	if len(code) > 5 && strings.Trim(code, "0123456789") == "" {
		system = fact.SNOMED
	}
	x := &r4.Condition{Identifier: source(m, r.Get("ConsultationRef")), ClinicalStatus: fact.Concept(fact.HL7+"condition-clinical", "active", ""), Category: fact.List(fact.Concept(fact.HL7+"condition-category", "encounter-diagnosis", "")),
		Code: fact.Concept(system, code, r.Get("Term")), Subject: patient, Encounter: encounter, RecordedDate: at}
	if k != nil {
		x.Recorder = m.Ref("Practitioner", "user", k.Get("UserRef"))
	}
	return m.Put("Condition", x)
}

func adastraPrescription(m *intake.Mapping) error {
	r := m.Row("PRESCRIPTIONS")
	c, patient, encounter, err := about(m, r)
	if err != nil {
		return err
	}
	at, k, err := when(m, r, c)
	if err != nil {
		return err
	}
	dmd := r.Get("DMDCode")
	medicine := fact.Text(r.Get("DrugName"))
	if dmd != "" {
		medicine = fact.Concept(fact.DMD, dmd, r.Get("DrugName"))
	}
	x := &r4.MedicationRequest{Identifier: source(m, r.Get("ConsultationRef")+"-"+r.First("DMDCode", "DrugName")), Status: "completed", Intent: "order", MedicationCodeableConcept: medicine, Subject: patient, Encounter: encounter, AuthoredOn: at}
	if k != nil {
		x.Requester = m.Ref("Practitioner", "user", k.Get("UserRef"))
	}
	if dose := r.Get("Dosage"); dose != "" {
		x.DosageInstruction = []r4.Dosage{{Text: dose}}
	}
	if q := r.Get("Quantity"); q != "" {
		n, err := fhir.ParseDecimal(q)
		if err != nil {
			return r.Bad("Quantity", "%q is no number", q)
		}
		x.DispenseRequest = &r4.MedicationRequestDispenseRequest{Quantity: &r4.Quantity{Value: &n, Unit: r.Get("Preparation")}}
	}
	return m.Put("MedicationRequest", x)
}

// adastraElectronic is a prescription on its way to a pharmacy: a task, done or called off.
func adastraElectronic(m *intake.Mapping) error {
	r := m.Row("ELECTRONICPRESCRIPTIONS")
	_, patient, encounter, err := about(m, r)
	if err != nil {
		return err
	}
	sent, err := moment(m, r, "SubmissionTime")
	if err != nil {
		return err
	}
	signed, err := moment(m, r, "AuthorisationTime")
	if err != nil {
		return err
	}
	gone, err := moment(m, r, "CancellationConfirmationTime")
	if err != nil {
		return err
	}
	t := &r4.Task{Identifier: source(m, m.Key), Status: "in-progress", Intent: "order", Code: fact.Text("Electronic prescription"), For: patient, Encounter: encounter, AuthoredOn: sent, LastModified: signed,
		Description: strings.TrimSpace("Electronic prescription to " + r.Get("PharmacyName"))}
	if by := r.Get("PrescriberName"); by != "" {
		t.Requester = &r4.Reference{Type: "Practitioner", Display: by}
	}
	switch {
	case gone.Year != 0:
		t.Status, t.LastModified, t.StatusReason = "cancelled", gone, fact.Text(r.First("CancellationReasonText", "CancellationReasonCode"))
	case signed.Year != 0:
		t.Status = "completed"
	}
	return m.Put("Task", t)
}

func adastraQuestions(m *intake.Mapping) error {
	rows := m.Rows("CASEQUESTIONS")
	c, patient, encounter, err := about(m, rows[0])
	if err != nil {
		return err
	}
	at, err := moment(m, c, "StartDateTime")
	if err != nil {
		return err
	}
	q := &r4.QuestionnaireResponse{Identifier: &source(m, m.Key)[0], Status: "completed", Subject: patient, Encounter: encounter, Authored: at}
	for _, r := range rows {
		item := r4.QuestionnaireResponseItem{LinkId: r.First("SortOrder", "Question"), Text: r.Get("Question")}
		if a := r.Get("Answer"); a != "" {
			item.Answer = []r4.QuestionnaireResponseItemAnswer{{ValueString: a}}
		}
		q.Item = append(q.Item, item)
	}
	return m.Put("QuestionnaireResponse", q)
}

// adastraNote is a special note: what the next clinician should know of the patient.
func adastraNote(m *intake.Mapping) error {
	r := m.Row("NOTES")
	at, err := moment(m, r, "ReviewDateTime")
	if err != nil {
		return err
	}
	d := &r4.DocumentReference{Identifier: source(m, r.Get("CaseRef")+"|"+r.Get("ReviewDateTime")), Status: "current", Type: fact.Text("Special note"), Subject: m.Ref("Patient", intake.PatientUnit, r.Get("PatientRef")), Date: at,
		Author: fact.List(m.Ref("Practitioner", "user", r.Get("UserRef"))), Content: plain("Special note", r.Get("NoteText"), at), Context: &r4.DocumentReferenceContext{Encounter: fact.List(m.Ref("Encounter", "case", r.Get("CaseRef")))}}
	if fact.Yes(r.Get("Obsolete")) || r.Has("Active") && r.Get("Active") != "" && !fact.Yes(r.Get("Active")) {
		d.Status = "superseded"
	}
	return m.Put("DocumentReference", d)
}
