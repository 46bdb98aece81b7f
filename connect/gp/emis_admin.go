package gp

import (
	"strings"
	"time"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
)

const emisDay = "2006-01-02"

// emisDate is a day with its precision beside it: EffectiveDate and EffectiveDatePrecision.
func emisDate(m *intake.Mapping, r *intake.Row, column string) (fhir.DateTime, error) {
	precision := r.Get(column + "Precision")
	value := r.Get(column)
	if precision == "YMDT" && len(value) > len(emisDay) {
		return moment(m, r, column, "2006-01-02 15:04:05", strings.Replace(value, "T", " ", 1))
	}
	return calendar(r, column, emisDay, precision)
}

// emisMoment is a day and a time in two columns.
func emisMoment(m *intake.Mapping, r *intake.Row, date, clock string) (fhir.DateTime, error) {
	if r.Get(clock) == "" {
		return calendar(r, date, emisDay, "")
	}
	return moment(m, r, date, "2006-01-02 15:04:05", r.Get(date)+" "+r.Get(clock))
}

func emisLocation(m *intake.Mapping) error {
	r := m.Row("Admin_Location")
	l := &r4.Location{Identifier: source(m, bare(r.Get("LocationGuid"))), Status: "active", Name: r.Get("LocationName"), Type: concepts(text(r.Get("LocationTypeDescription"))), PartOf: m.Ref("Location", "location", bare(r.Get("ParentLocationGuid")))}
	if r.Get("CloseDate") != "" {
		l.Status = "inactive"
	}
	if a := emisAddress(r); a != nil {
		l.Address = &a[0]
		l.Address.Use = ""
	}
	for _, c := range []r4.ContactPoint{{System: "phone", Value: r.Get("PhoneNumber")}, {System: "fax", Value: r.Get("FaxNumber")}, {System: "email", Value: r.Get("EmailAddress")}} {
		if c.Value != "" {
			l.Telecom = append(l.Telecom, c)
		}
	}
	return m.Put("Location", l)
}

func emisAddress(r *intake.Row) []r4.Address {
	a := address(r.Get("Postcode"), r.Get("HouseNameFlatNumber"), r.Get("NumberAndStreet"), r.Get("Village"))
	if town := r.Get("Town"); town != "" || r.Get("County") != "" {
		if a == nil {
			a = []r4.Address{{Use: "home"}}
		}
		a[0].City, a[0].District = town, r.Get("County")
	}
	return a
}

func emisOrganisation(m *intake.Mapping) error {
	r := m.Row("Admin_Organisation")
	if r == nil {
		return m.Wait("organisation", m.Key)
	}
	o := &r4.Organization{Identifier: source(m, m.Key), Active: truth(r.Get("CloseDate") == ""), Type: concepts(text(r.Get("OrganisationType"))), Name: r.Get("OrganisationName"),
		PartOf: m.Ref("Organization", "organisation", bare(r.Get("ParentOrganisationGuid")))}
	if ods := r.Get("ODSCode"); ods != "" {
		o.Identifier = append(o.Identifier, r4.Identifier{System: odsCode, Value: strings.ToUpper(ods)})
	}
	if o.Name == "" {
		o.Name = "Organisation " + m.Key
	}
	return m.Put("Organization", o)
}

func emisUser(m *intake.Mapping) error {
	r := m.Row("Admin_UserInRole")
	id := source(m, m.Key)
	name := r4.HumanName{Family: r.Get("Surname")}
	if g := r.Get("GivenName"); g != "" {
		name.Given = []string{g}
	}
	if t := r.Get("Title"); t != "" {
		name.Prefix = []string{t}
	}
	if err := m.Put("Practitioner", &r4.Practitioner{Identifier: id, Name: []r4.HumanName{name}}); err != nil {
		return err
	}
	start, err := calendar(r, "ContractStartDate", emisDay, "")
	if err != nil {
		return err
	}
	end, err := calendar(r, "ContractEndDate", emisDay, "")
	if err != nil {
		return err
	}
	role := &r4.PractitionerRole{Identifier: id, Active: truth(end.Year == 0), Period: period(start, end), Practitioner: m.Ref("Practitioner", "user", m.Key), Organization: m.Ref("Organization", "organisation", bare(r.Get("OrganisationGuid")))}
	if code := r.Get("JobCategoryCode"); code != "" {
		role.Code = concepts(concept("https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName", code, r.Get("JobCategoryName")))
	} else {
		role.Code = concepts(text(r.Get("JobCategoryName")))
	}
	return m.Put("PractitionerRole", role)
}

// staff refers to a user in role, or to nobody.
func staff(m *intake.Mapping, r *intake.Row, columns ...string) *r4.Reference {
	return m.Ref("Practitioner", "user", bare(r.First(columns...)))
}

func emisSession(m *intake.Mapping) error {
	r := m.Row("Appointment_Session")
	if r == nil {
		return m.Wait("session", m.Key)
	}
	start, err := emisMoment(m, r, "StartDate", "StartTime")
	if err != nil {
		return err
	}
	end, err := emisMoment(m, r, "EndDate", "EndTime")
	if err != nil {
		return err
	}
	s := &r4.Schedule{Identifier: source(m, m.Key), Active: truth(true), ServiceType: concepts(text(r.Get("SessionTypeDescription"))), ServiceCategory: concepts(text(r.Get("SessionCategoryDisplayName"))),
		PlanningHorizon: period(start, end), Comment: r.Get("Description")}
	for _, u := range m.Rows("Appointment_SessionUser") {
		s.Actor = append(s.Actor, *staff(m, u, "UserInRoleGuid"))
	}
	s.Actor = append(s.Actor, references(m.Ref("Location", "location", bare(r.Get("LocationGuid"))))...)
	if s.Actor == nil {
		s.Actor = references(m.Ref("Organization", "organisation", bare(r.Get("OrganisationGuid"))))
		if s.Actor == nil {
			return r.Bad("OrganisationGuid", "the session names nobody who holds it, no place and no organisation")
		}
	}
	return m.Put("Schedule", s)
}

// emisStatus is the NHS number verification status by the words that EMIS uses.
// https://www.datadictionary.nhs.uk/attributes/nhs_number_status_indicator_code.html
var emisStatus = map[string]string{"number present and verified": "01", "number present but not traced": "02", "trace required": "03", "trace attempted - no match or multiple match found": "04",
	"trace needs to be resolved - (nhs number or patient detail conflict)": "05", "trace in progress": "06", "number not present and trace not required": "07", "trace postponed (baby under six weeks old)": "08"}

func emisPatient(m *intake.Mapping) error {
	r := m.Row("Admin_Patient")
	born, err := calendar(r, "DateOfBirth", emisDay, "")
	if err != nil {
		return err
	}
	died, err := calendar(r, "DateOfDeath", emisDay, "")
	if err != nil {
		return err
	}
	status := r.Get("NHSNumberStatus")
	if code, ok := emisStatus[strings.ToLower(status)]; ok {
		status = code
	} else if len(status) != 2 {
		status = ""
	}
	p := &r4.Patient{Meta: restricted(yes(r.Get("SpineSensitive")) || yes(r.Get("IsConfidential"))), Identifier: append(nhs(r.Get("NhsNumber"), status), source(m, bare(r.Get("PatientGuid")))...),
		Active: truth(r.Get("DateOfDeactivation") == ""), Gender: sex(r.Get("Sex")), BirthDate: born, DeceasedDateTime: died, Address: emisAddress(r),
		Telecom: telecom(r.Get("HomePhone"), r.Get("MobilePhone"), r.Get("EmailAddress")), ManagingOrganization: m.Ref("Organization", "organisation", bare(r.Get("OrganisationGuid")))}
	if n := r.Get("PatientNumber"); n != "" {
		p.Identifier = append(p.Identifier, r4.Identifier{System: "urn:kith:source:" + m.Feed.Name + ":patient-number", Value: n})
	}
	name := r4.HumanName{Use: "official", Family: r.Get("Surname")}
	name.Given = append(strings.Fields(r.Get("GivenName")), strings.Fields(r.Get("MiddleNames"))...)
	if t := r.Get("Title"); t != "" {
		name.Prefix = []string{t}
	}
	p.Name = []r4.HumanName{name}
	p.GeneralPractitioner = references(staff(m, r, "UsualGpUserInRoleGuid"))
	if gp := r.First("ExternalUsualGP", "ExternalUsusalGP"); gp != "" && p.GeneralPractitioner == nil {
		p.GeneralPractitioner = []r4.Reference{{Display: gp}}
	}
	if r.Get("DummyType") != "" && !strings.EqualFold(r.Get("DummyType"), "false") {
		p.Meta = withTag(p.Meta, "test patient of the supplier")
	}
	return m.Put("Patient", p)
}

func withTag(meta *r4.Meta, what string) *r4.Meta {
	if meta == nil {
		meta = &r4.Meta{}
	}
	meta.Tag = append(meta.Tag, r4.Coding{System: "urn:kith:tag", Display: what})
	return meta
}

func emisRegistration(m *intake.Mapping) error {
	r := m.Row("registration")
	if r == nil {
		r = m.Row("Admin_PatientHistory")
	}
	start, err := calendar(r, "DateOfRegistration", emisDay, "")
	if err != nil {
		return err
	}
	end, err := calendar(r, "DateOfDeactivation", emisDay, "")
	if err != nil {
		return err
	}
	status := "active"
	if end.Year != 0 {
		status = "finished"
	}
	return m.Put("EpisodeOfCare", &r4.EpisodeOfCare{Identifier: source(m, m.Key), Status: status, Type: concepts(emisRegistered(r.Get("PatientTypeDescription"))), Patient: m.Ref("Patient", intake.PatientUnit, within(r, r.Get("PatientGuid"))),
		ManagingOrganization: m.Ref("Organization", "organisation", bare(r.Get("OrganisationGuid"))), Period: period(start, end)})
}

func emisCarer(m *intake.Mapping) error {
	r := m.Row("carer")
	return m.Put("RelatedPerson", &r4.RelatedPerson{Identifier: source(m, m.Key), Active: truth(true), Patient: m.Ref("Patient", intake.PatientUnit, within(r, r.Get("PatientGuid"))),
		Relationship: concepts(carerOf(r.Get("CarerRelation"))), Name: []r4.HumanName{{Text: r.Get("CarerName")}}})
}

// carerOf is a relationship in the supplier's words.
func carerOf(words string) *r4.CodeableConcept {
	c := &r4.CodeableConcept{Coding: []r4.Coding{{System: snomed, Code: "133932002", Display: "Caregiver"}}, Text: words}
	return c
}

func slotTimes(m *intake.Mapping, r *intake.Row) (start, end fhir.DateTime, minutes int, err error) {
	clock := r.Get("AppointmentStartTime")
	if clock == "" {
		return start, end, 0, r.Bad("AppointmentStartTime", "the slot does not say when it begins")
	}
	start, err = emisMoment(m, r, "AppointmentDate", "AppointmentStartTime")
	if err != nil {
		return
	}
	minutes = number(r.Get("PlannedDurationInMinutes"))
	end = london.DateTime(start.Low().Add(time.Duration(minutes) * time.Minute))
	return
}

func number(s string) int {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' || n > 1e6 {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

func emisSlot(m *intake.Mapping) error {
	r := m.Row("Appointment_Slot")
	start, end, _, err := slotTimes(m, r)
	if err != nil {
		return err
	}
	schedule := m.Ref("Schedule", "session", bare(r.Get("SessionGuid")))
	if schedule == nil {
		return r.Bad("SessionGuid", "the slot does not say in which session it is")
	}
	status := "free"
	if r.Get("PatientGuid") != "" {
		status = "busy"
	}
	return m.Put("Slot", &r4.Slot{Identifier: source(m, bare(r.Get("SlotGuid"))), Schedule: schedule, Status: status, Start: start, End: end})
}

func emisBooking(m *intake.Mapping) error {
	r := m.Row("booking")
	start, end, minutes, err := slotTimes(m, r)
	if err != nil {
		return err
	}
	status := "booked"
	switch {
	case yes(r.Get("DidNotAttend")):
		status = "noshow"
	case r.Get("LeftTime") != "":
		status = "fulfilled"
	case r.Get("SendInTime") != "":
		status = "arrived"
	}
	a := &r4.Appointment{Identifier: source(m, bare(r.Get("SlotGuid"))), Status: status, Start: start, End: end, Slot: references(m.Ref("Slot", "slot", m.Key)),
		Participant: []r4.AppointmentParticipant{{Actor: m.Ref("Patient", intake.PatientUnit, within(r, r.Get("PatientGuid"))), Status: "accepted"}}}
	if minutes > 0 {
		a.MinutesDuration = &minutes
	}
	return m.Put("Appointment", a)
}

// emisAudit says who changed what and when in the source system.
func emisAudit(m *intake.Mapping) error {
	r := m.Row("Audit_PatientAudit")
	if r == nil {
		r = m.Row("Audit_RegistrationAudit")
	}
	at, err := emisMoment(m, r, "ModifiedDate", "ModifiedTime")
	if err != nil {
		return err
	}
	if !atLeast(at, fhir.Second) {
		at = london.DateTime(at.LowIn(london.Zone))
	}
	who := staff(m, r, "UserInRoleGuid")
	if who == nil {
		who = &r4.Reference{Display: "not said"}
	}
	return m.Put("Provenance", &r4.Provenance{Target: references(emisItem(m, r)), Recorded: at, Activity: text(r.Get("ModeType")), Agent: []r4.ProvenanceAgent{{Who: who}}})
}

// emisItem is what an audit row is about, by its type; the patient where it is nothing that becomes one resource.
func emisItem(m *intake.Mapping, r *intake.Row) *r4.Reference {
	key := within(r, r.Get("ItemGuid"))
	switch strings.ToLower(r.Get("ItemType")) {
	case "consultation":
		return m.Ref("Encounter", "consultation", key)
	case "medication record", "drug record":
		return m.Ref("MedicationRequest", "drug", key)
	case "issue record", "medication issue":
		return m.Ref("MedicationRequest", "issue", key)
	case "diary":
		return m.Ref("ServiceRequest", "diary", key)
	}
	return m.Ref("Patient", intake.PatientUnit, within(r, r.Get("PatientGuid")))
}
