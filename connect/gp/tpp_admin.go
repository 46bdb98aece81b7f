package gp

import (
	"strings"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

const (
	tppSeconds = "02 Jan 2006 15:04:05"
	tppMinutes = "02 Jan 2006 15:04"
	tppDay     = "02 Jan 2006"
)

// tppTime reads a date as TPP writes it, with its clock time where it has one. Midnight to the second is a day.
func tppTime(m *intake.Mapping, r *intake.Row, column string) (fhir.DateTime, error) {
	value := r.Get(column)
	switch {
	case value == "":
		return fhir.DateTime{}, nil
	case strings.HasSuffix(value, " 00:00:00"):
		return calendar(r, column, tppDay+" 00:00:00", "")
	case strings.HasSuffix(value, " 00:00") && len(value) == len(tppMinutes):
		return calendar(r, column, tppDay+" 00:00", "")
	case len(value) == len(tppDay):
		return calendar(r, column, tppDay, "")
	case len(value) == len(tppMinutes):
		return moment(m, r, column, tppMinutes, value)
	}
	return moment(m, r, column, tppSeconds, value)
}

// tppDate is the day of a date and time.
func tppDate(m *intake.Mapping, r *intake.Row, column string) (fhir.DateTime, error) {
	d, err := tppTime(m, r, column)
	d.Clock, d.Zone, d.Zoned = fhir.Clock{}, 0, false
	return d, err
}

func tppWhose(m *intake.Mapping) string {
	for _, table := range []string{"SRPatientRegistration", "SRPatientRelationship", "SRAppointment", "SREvent", "SRCode", "SRProblem", "SRRepeatTemplate", "SRPrimaryCareMedication", "SRDrugSensitivity",
		"SRImmunisation", "SRReferralOut", "SRReferralOutStatusDetails", "SRPersonAtRisk", "SRSpecialNotes", "SRRecall"} {
		if r := m.Row(table); r != nil {
			return r.Get("IDPatient")
		}
	}
	return ""
}

func tppPatientRef(m *intake.Mapping, r *intake.Row) *r4.Reference {
	return m.Ref("Patient", intake.PatientUnit, r.Get("IDPatient"))
}

// tppWord resolves an entry of a coded list.
func tppWord(m *intake.Mapping, r *intake.Row, column string) (string, error) {
	id := r.Get(column)
	row, err := m.Try("SRMapping", id)
	if err != nil || row == nil {
		return id, err
	}
	return row.Get("Mapping"), nil
}

// tppOption resolves an entry of a list that practices configure.
func tppOption(m *intake.Mapping, r *intake.Row, column string) (string, error) {
	id := r.Get(column)
	row, err := m.Try("SRConfiguredListOption", id)
	if err != nil || row == nil {
		return tppWord(m, r, column)
	}
	return row.Get("ConfiguredListOption"), nil
}

func tppOrganisation(m *intake.Mapping) error {
	r := m.Row("SROrganisation")
	o := &r4.Organization{Identifier: append(source(m, r.Get("RowIdentifier")), r4.Identifier{System: odsCode, Value: m.Key}), Active: truth(!yes(r.Get("MadeObsolete"))), Name: r.Get("Name")}
	if o.Name == "" {
		o.Name = "Organisation " + m.Key
	}
	if a := address(r.Get("FullPostCode"), r.Get("HouseName"), strings.TrimSpace(r.Get("HouseNumber")+" "+r.Get("NameOfRoad")), r.Get("NameOfLocality")); a != nil {
		a[0].Use, a[0].City, a[0].District = "work", r.Get("NameOfTown"), r.Get("NameOfCounty")
		o.Address = a
	}
	for _, c := range []r4.ContactPoint{{System: "phone", Value: r.Get("Telephone")}, {System: "fax", Value: r.Get("Fax")}} {
		if c.Value != "" {
			o.Telecom = append(o.Telecom, c)
		}
	}
	return m.Put("Organization", o)
}

func tppOrg(m *intake.Mapping, ods string) *r4.Reference {
	return m.Ref("Organization", "organisation", ods)
}

func tppBranch(m *intake.Mapping) error {
	r := m.Row("SROrganisationBranch")
	l := &r4.Location{Identifier: source(m, m.Key), Status: "active", Name: r.Get("BranchName"), ManagingOrganization: tppOrg(m, r.Get("IDOrganisation"))}
	if yes(r.Get("BranchObsolete")) {
		l.Status = "inactive"
	}
	if a := address(r.Get("PostCode"), r.Get("HouseName"), strings.TrimSpace(r.Get("HouseNumber")+" "+r.Get("RoadName")), r.Get("Locality")); a != nil {
		l.Address = &a[0]
		l.Address.Use, l.Address.City = "work", r.Get("Town")
	}
	return m.Put("Location", l)
}

func tppStaff(m *intake.Mapping) error {
	r := m.Row("SRStaffMember")
	p := &r4.Practitioner{Identifier: source(m, m.Key), Active: truth(!yes(r.Get("Obsolete"))), Name: []r4.HumanName{{Text: r.Get("StaffName")}}}
	if id := r.Get("IDSmartCard"); id != "" {
		p.Identifier = append(p.Identifier, r4.Identifier{System: sdsUser, Value: id})
	}
	return m.Put("Practitioner", p)
}

func tppProfile(m *intake.Mapping) error {
	r := m.Row("SRStaffMemberProfile")
	start, err := tppDate(m, r, "DateEmploymentStart")
	if err != nil {
		return err
	}
	end, err := tppDate(m, r, "DateEmploymentEnd")
	if err != nil {
		return err
	}
	role := &r4.PractitionerRole{Identifier: source(m, m.Key), Active: truth(end.Year == 0), Period: period(start, end), Practitioner: m.Ref("Practitioner", "staff", r.Get("IDStaffMember")), Organization: tppOrg(m, r.Get("IDOrganisation")), Code: concepts(text(r.Get("StaffRole")))}
	if code := r.Get("GmpID"); code != "" {
		role.Identifier = append(role.Identifier, r4.Identifier{System: gmpCode, Value: code})
	}
	return m.Put("PractitionerRole", role)
}

// tppBy is who did something: a member of staff, or one by their profile.
func tppBy(m *intake.Mapping, r *intake.Row, staffColumn, profileColumn string) (*r4.Reference, error) {
	if id := r.Get(staffColumn); id != "" && id != "-1" && id != "0" {
		return m.Ref("Practitioner", "staff", id), nil
	}
	id := r.Get(profileColumn)
	if id == "" || id == "-1" || id == "0" {
		return nil, nil
	}
	profile, err := m.Try("SRStaffMemberProfile", id)
	if err != nil || profile == nil {
		return m.Ref("PractitionerRole", "profile", id), err
	}
	return m.Ref("Practitioner", "staff", profile.Get("IDStaffMember")), nil
}

func tppRota(m *intake.Mapping) error {
	r := m.Row("SRRota")
	start, err := tppDate(m, r, "DateStart")
	if err != nil {
		return err
	}
	s := &r4.Schedule{Identifier: source(m, m.Key), Active: truth(true), ServiceType: concepts(text(r.Get("RotaType"))), Comment: r.Get("Name"), PlanningHorizon: period(start, fhir.DateTime{})}
	s.Actor = append(s.Actor, references(m.Ref("PractitionerRole", "profile", r.Get("IDProfileOwner")))...)
	s.Actor = append(s.Actor, references(m.Ref("Location", "branch", r.Get("IDBranch")))...)
	if s.Actor == nil {
		s.Actor = []r4.Reference{{Display: r.First("Location", "Name", "RowIdentifier")}}
	}
	return m.Put("Schedule", s)
}

func tppPatient(m *intake.Mapping) error {
	r := m.Row("SRPatient")
	if r == nil {
		return m.Wait(intake.PatientUnit, m.Key) // an address or a telephone number whose owner has not come
	}
	born, err := tppDate(m, r, "DateBirth")
	if err != nil {
		return err
	}
	died, err := tppDate(m, r, "DateDeath")
	if err != nil {
		return err
	}
	status := ""
	if r.Has("SpineMatched") {
		status = "02"
		if yes(r.Get("SpineMatched")) {
			status = "01"
		}
	}
	p := &r4.Patient{Identifier: append(nhs(r.Get("NHSNumber"), status), source(m, m.Key)...), Active: truth(true), Gender: sex(r.Get("Gender")), BirthDate: born, DeceasedDateTime: died, Telecom: telecom("", "", r.Get("EmailAddress"))}
	name := r4.HumanName{Use: "official", Family: r.Get("Surname"), Given: append(strings.Fields(r.Get("FirstName")), strings.Fields(r.Get("MiddleNames"))...)}
	if t := r.Get("Title"); t != "" {
		name.Prefix = []string{t}
	}
	p.Name = append(p.Name, name)
	if old := r.Get("PreviousSurname"); old != "" && old != name.Family {
		p.Name = append(p.Name, r4.HumanName{Use: "old", Family: old, Given: name.Given})
	}
	if yes(r.Get("TestPatient")) {
		p.Meta = withTag(p.Meta, "test patient of the supplier")
	}
	for _, a := range m.Rows("SRPatientAddressHistory") {
		if err := tppAddress(m, p, a); err != nil {
			return err
		}
	}
	for _, c := range m.Rows("SRPatientContactDetails") {
		kind, err := tppWord(m, c, "ContactType")
		if err != nil {
			return err
		}
		if number := c.Get("ContactNumber"); number != "" {
			p.Telecom = append(p.Telecom, tppContact(kind, number))
		}
	}
	return m.Put("Patient", p)
}

func tppContact(kind, number string) r4.ContactPoint {
	c := r4.ContactPoint{System: "phone", Value: number, Use: "home"}
	switch kind = strings.ToLower(kind); {
	case strings.Contains(kind, "mobile"):
		c.Use = "mobile"
	case strings.Contains(kind, "work"):
		c.Use = "work"
	case strings.Contains(kind, "mail"):
		c.System, c.Use = "email", ""
	case strings.Contains(kind, "fax"):
		c.System = "fax"
	}
	return c
}

func tppAddress(m *intake.Mapping, p *r4.Patient, r *intake.Row) error {
	from, err := tppDate(m, r, "DateEvent")
	if err != nil {
		return err
	}
	to, err := tppDate(m, r, "DateTo")
	if err != nil {
		return err
	}
	kind, err := tppWord(m, r, "AddressType")
	if err != nil {
		return err
	}
	a := address(r.Get("FullPostCode"), r.Get("NameOfBuilding"), strings.TrimSpace(r.Get("NumberOfBuilding")+" "+r.Get("NameOfRoad")), r.Get("NameOfLocality"))
	if a == nil {
		return nil
	}
	a[0].City, a[0].District, a[0].Period = r.Get("NameOfTown"), r.Get("NameOfCounty"), period(from, to)
	switch {
	case to.Year != 0:
		a[0].Use = "old"
	case strings.Contains(strings.ToLower(kind), "temporary"):
		a[0].Use = "temp"
	}
	p.Address = append(p.Address, a...)
	return nil
}

func tppRegistration(m *intake.Mapping) error {
	r := m.Row("SRPatientRegistration")
	start, err := tppDate(m, r, "DateRegistration")
	if err != nil {
		return err
	}
	end, err := tppDate(m, r, "DateDeRegistration")
	if err != nil {
		return err
	}
	kind, err := tppWord(m, r, "RegistrationStatus")
	if err != nil {
		return err
	}
	e := &r4.EpisodeOfCare{Identifier: source(m, m.Key), Status: "active", Type: concepts(text(kind)), Patient: tppPatientRef(m, r), ManagingOrganization: tppOrg(m, r.First("IDOrganisationRegisteredAt", "IDOrganisation")), Period: period(start, end)}
	if end.Year != 0 {
		e.Status = "finished"
	}
	statuses, err := m.All("SRRecordStatus", r.Get("IDPatient"))
	if err != nil {
		return err
	}
	for _, s := range statuses {
		if s.Get("IDOrganisation") != r.Get("IDOrganisation") {
			continue
		}
		word, err := tppWord(m, s, "MedicalRecordStatus")
		if err != nil {
			return err
		}
		at, err := tppDate(m, s, "DateEvent")
		if err != nil {
			return err
		}
		e.Extension = append(e.Extension, r4.Extension{URL: "urn:kith:extension:record-status", ValueString: strings.TrimSpace(at.String() + " " + word)})
	}
	return m.Put("EpisodeOfCare", e)
}

func tppRelationship(m *intake.Mapping) error {
	r := m.Row("SRPatientRelationship")
	kind, err := tppWord(m, r, "RelationshipType")
	if err != nil {
		return err
	}
	end, err := tppDate(m, r, "DateEnded")
	if err != nil {
		return err
	}
	born, err := tppDate(m, r, "RelationshipWithDateOfBirth")
	if err != nil {
		return err
	}
	p := &r4.RelatedPerson{Identifier: source(m, m.Key), Active: truth(end.Year == 0), Patient: tppPatientRef(m, r), Relationship: concepts(text(kind)), BirthDate: born,
		Telecom: telecom(r.Get("RelationshipWithTelephone"), r.Get("RelationshipWithMobileTelephone"), r.Get("RelationshipWithEmailAddress")), Period: period(fhir.DateTime{}, end),
		Address: address(r.Get("RelationshipWithPostCode"), r.Get("RelationshipWithHouseName"), strings.TrimSpace(r.Get("RelationshipWithHouseNumber")+" "+r.Get("RelationshipWithRoad")))}
	if n := r.Get("RelationshipWithName"); n != "" {
		p.Name = []r4.HumanName{{Text: n}}
	}
	for _, flag := range []struct{ column, code, display string }{{"NextOfKin", "NOK", ""}, {"PrincipalCarerForPatient", "133932002", "Caregiver"}, {"CaresForPatient", "133932002", "Caregiver"}, {"HasParentalResponsibility", "GUARD", ""}, {"PersonalGuardianOrProxy", "GUARD", ""}} {
		if !yes(r.Get(flag.column)) {
			continue
		}
		system := hl7 + "v3-RoleCode"
		if flag.display != "" {
			system = snomed
		} else if flag.code == "NOK" {
			system = hl7 + "v2-0131"
			flag.code = "N"
		}
		p.Relationship = append(p.Relationship, *concept(system, flag.code, flag.display))
	}
	return m.Put("RelatedPerson", p)
}

func tppAppointment(m *intake.Mapping) error {
	r := m.Row("SRAppointment")
	start, err := tppTime(m, r, "DateStart")
	if err != nil {
		return err
	}
	end, err := tppTime(m, r, "DateEnd")
	if err != nil {
		return err
	}
	word, err := tppWord(m, r, "AppointmentStatus")
	if err != nil {
		return err
	}
	if !atLeast(start, fhir.Second) {
		return r.Bad("DateStart", "the appointment does not say when it begins")
	}
	status := "booked"
	switch w := strings.ToLower(word); {
	case r.Get("DateAppointmentCancelled") != "" || strings.Contains(w, "cancel"):
		status = "cancelled"
	case strings.Contains(w, "not attend") || strings.Contains(w, "dna"):
		status = "noshow"
	case strings.Contains(w, "finish") || strings.Contains(w, "attended") || strings.Contains(w, "left"):
		status = "fulfilled"
	case strings.Contains(w, "arrived") || strings.Contains(w, "progress") || strings.Contains(w, "waiting"):
		status = "arrived"
	}
	a := &r4.Appointment{Identifier: source(m, m.Key), Status: status, Start: start, End: end, Description: r.Get("RotaName"), Participant: []r4.AppointmentParticipant{{Actor: tppPatientRef(m, r), Status: "accepted"}}}
	if !atLeast(end, fhir.Second) {
		a.End = start
	}
	if by := m.Ref("Practitioner", "staff", r.Get("IDClinician")); by != nil {
		a.Participant = append(a.Participant, r4.AppointmentParticipant{Actor: by, Status: "accepted"})
	}
	if booked, err := tppTime(m, r, "DateAppointmentBooked"); err == nil {
		a.Created = booked
	}
	return m.Put("Appointment", a)
}

func tppRisk(m *intake.Mapping) error {
	r := m.Row("SRPersonAtRisk")
	start, err := tppDate(m, r, "DateAdded")
	if err != nil {
		return err
	}
	end, err := tppDate(m, r, "DateRemoved")
	if err != nil {
		return err
	}
	plan, err := tppOption(m, r, "ProtectionPlan")
	if err != nil {
		return err
	}
	c := text(strings.TrimSpace("Person at risk: " + plan))
	return m.Put("Flag", tppFlag(m, r, c, "safety", start, end))
}

func tppFlag(m *intake.Mapping, r *intake.Row, code *r4.CodeableConcept, category string, start, end fhir.DateTime) *r4.Flag {
	f := &r4.Flag{Identifier: source(m, m.Key), Status: "active", Category: concepts(concept(hl7+"flag-category", category, "")), Code: code, Subject: tppPatientRef(m, r), Period: period(start, end)}
	if end.Year != 0 {
		f.Status = "inactive"
	}
	return f
}

func tppNote(m *intake.Mapping) error {
	r := m.Row("SRSpecialNotes")
	start, err := tppDate(m, r, "DateStart")
	if err != nil {
		return err
	}
	end, err := tppDate(m, r, "DateDeleted")
	if err != nil {
		return err
	}
	if end.Year == 0 {
		if end, err = tppDate(m, r, "DateExpired"); err != nil {
			return err
		}
	}
	kind, err := tppOption(m, r, "Type")
	if err != nil {
		return err
	}
	c := text(strings.Trim(kind+": "+r.Get("Note"), ": "))
	if c == nil {
		return r.Bad("Note", "the note says nothing")
	}
	return m.Put("Flag", tppFlag(m, r, c, "clinical", start, end))
}
