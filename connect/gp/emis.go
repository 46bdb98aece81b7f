package gp

import (
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
)

// EMIS is the bulk extract of EMIS Web (IM1, version 8).
//
// A GUID is unique within its organisation only, so keys are OrganisationGuid/Guid. Each table is compared with yesterday's on its
// own, so a row may come before its parent. A drop whose folder says bulk or full holds all rows there are. Admin_PatientHistory is not in the
// catalogue: it is assumed to have the columns of Admin_Patient that say when somebody was registered.
func EMIS() *intake.Format {
	clinical := []string{"PatientGuid", "OrganisationGuid"}
	return &intake.Format{
		Kind:      "emis",
		Recognise: emisFile,
		Volatile:  []string{"ProcessingId"},
		Columns: map[string][]string{"parent": {"PatientGuid"}, "nhs-number": {"NhsNumber"}, "birth-date": {"DateOfBirth"}, "postcode": {"Postcode"}, "coded": {"CodeId"},
			"dated": {"EffectiveDate"}, "ahead": {"EffectiveDate"}, "late": {"EnteredDate"}},
		Stages: [][]string{
			{"Agreements_SharingOrganisation"}, {"Coding_ClinicalCode"}, {"Coding_DrugCode"}, {"Admin_Location"}, {"Admin_OrganisationLocation", "Admin_Organisation"},
			{"Admin_UserInRole"}, {"Appointment_SessionUser", "Appointment_Session"}, {"Admin_PatientHistory", "Admin_Patient"}, {"Appointment_Slot"}, {"CareRecord_Consultation"},
			{"Prescribing_DrugRecord"}, {"Prescribing_IssueRecord"}, {"CareRecord_Diary"}, {"CareRecord_ObservationReferral", "CareRecord_Problem", "CareRecord_Observation"},
			{"Audit_PatientAudit"}, {"Audit_RegistrationAudit"},
		},
		Tables: []intake.Table{
			{Name: "Agreements_SharingOrganisation", Need: []string{"OrganisationGuid", "Disabled"}, Key: guid("OrganisationGuid"), Unit: "sharing", Deleted: gone, Hold: emisStopped},
			{Name: "Coding_ClinicalCode", Need: []string{"CodeId", "Term"}, Key: value("CodeId"), Unit: "clinical-code"},
			{Name: "Coding_DrugCode", Need: []string{"CodeId", "Term"}, Key: value("CodeId"), Unit: "drug-code"},
			{Name: "Admin_Location", Need: []string{"LocationGuid"}, Key: guid("LocationGuid"), Unit: "location", Deleted: gone, Order: processing},
			{Name: "Admin_OrganisationLocation", Need: []string{"OrganisationGuid", "LocationGuid"}, Key: pair("OrganisationGuid", "LocationGuid"), Unit: "organisation", UnitKey: guid("OrganisationGuid"), Deleted: gone, Order: processing},
			{Name: "Admin_Organisation", Need: []string{"OrganisationGuid"}, Key: guid("OrganisationGuid"), Unit: "organisation", Order: processing},
			{Name: "Admin_UserInRole", Need: []string{"UserInRoleGuid"}, Key: guid("UserInRoleGuid"), Unit: "user", Order: processing},
			{Name: "Appointment_SessionUser", Need: []string{"SessionGuid", "UserInRoleGuid"}, Key: pair("SessionGuid", "UserInRoleGuid"), Unit: "session", UnitKey: guid("SessionGuid"), Deleted: gone, Order: processing},
			{Name: "Appointment_Session", Need: []string{"AppointmentSessionGuid"}, Key: guid("AppointmentSessionGuid"), Unit: "session", Deleted: gone, Order: processing},
			{Name: "Admin_PatientHistory", Need: []string{"PatientGuid", "OrganisationGuid", "DateOfRegistration"}, Key: registrationKey, Unit: "registration", Deleted: gone, Order: processing},
			{Name: "Admin_Patient", Need: []string{"PatientGuid", "OrganisationGuid", "DateOfBirth"}, Key: own("PatientGuid"), Unit: intake.PatientUnit, Deleted: gone, Order: processing, Also: []string{"registration", "carer"}},
			{Name: "registration", Key: registrationKey, Unit: "registration", Deleted: gone, Order: processing, Skip: blank("DateOfRegistration")},
			{Name: "carer", Key: own("PatientGuid"), Unit: "carer", Deleted: gone, Order: processing, Skip: blank("CarerName")},
			{Name: "Appointment_Slot", Need: []string{"SlotGuid", "AppointmentDate"}, Key: own("SlotGuid"), Unit: "slot", Deleted: gone, Order: processing, Also: []string{"booking"}},
			{Name: "booking", Key: own("SlotGuid"), Unit: "booking", Deleted: gone, Order: processing, Skip: blank("PatientGuid")},
			{Name: "CareRecord_Consultation", Need: append([]string{"ConsultationGuid"}, clinical...), Key: own("ConsultationGuid"), Unit: "consultation", Deleted: gone, Order: processing},
			{Name: "Prescribing_DrugRecord", Need: append([]string{"DrugRecordGuid"}, clinical...), Key: own("DrugRecordGuid"), Unit: "drug", Deleted: gone, Order: processing},
			{Name: "Prescribing_IssueRecord", Need: append([]string{"IssueRecordGuid"}, clinical...), Key: own("IssueRecordGuid"), Unit: "issue", Deleted: gone, Order: processing},
			{Name: "CareRecord_Diary", Need: append([]string{"DiaryGuid"}, clinical...), Key: own("DiaryGuid"), Unit: "diary", Deleted: gone, Order: processing},
			{Name: "CareRecord_ObservationReferral", Need: append([]string{"ObservationGuid"}, clinical...), Key: own("ObservationGuid"), Unit: "observation", Deleted: gone, Order: processing},
			{Name: "CareRecord_Problem", Need: append([]string{"ObservationGuid"}, clinical...), Key: own("ObservationGuid"), Unit: "observation", Deleted: gone, Order: processing},
			{Name: "CareRecord_Observation", Need: append([]string{"ObservationGuid", "CodeId"}, clinical...), Key: own("ObservationGuid"), Unit: "observation", Deleted: gone, Order: processing},
			{Name: "Audit_PatientAudit", Need: append([]string{"ItemGuid", "ModifiedDate"}, clinical...), Key: auditKey, Unit: "audit"},
			{Name: "Audit_RegistrationAudit", Need: append([]string{"ModifiedDate"}, clinical...), Key: auditKey, Unit: "audit"},
		},
		Units: []intake.Unit{
			{Kind: "sharing"},
			{Kind: "clinical-code", Users: emisCodeUsers("urn:kith:emis:code-id")},
			{Kind: "drug-code", Users: emisCodeUsers("urn:kith:emis:drug-code-id")},
			{Kind: "location", Makes: []string{"Location"}, Map: emisLocation},
			{Kind: "organisation", Makes: []string{"Organization"}, Map: emisOrganisation},
			{Kind: "user", Makes: []string{"Practitioner", "PractitionerRole"}, Map: emisUser},
			{Kind: "session", Makes: []string{"Schedule"}, Map: emisSession},
			{Kind: intake.PatientUnit, Makes: []string{"Patient"}, Map: emisPatient},
			{Kind: "registration", Makes: []string{"EpisodeOfCare"}, Patient: emisWhose, Map: emisRegistration},
			{Kind: "carer", Makes: []string{"RelatedPerson"}, Patient: emisWhose, Map: emisCarer},
			{Kind: "slot", Makes: []string{"Slot"}, Map: emisSlot},
			{Kind: "booking", Makes: []string{"Appointment"}, Patient: emisWhose, Map: emisBooking},
			{Kind: "consultation", Makes: []string{"Encounter"}, Patient: emisWhose, Map: emisConsultation},
			{Kind: "drug", Makes: []string{"MedicationRequest", "MedicationStatement"}, Patient: emisWhose, Map: emisDrug},
			{Kind: "issue", Makes: []string{"MedicationRequest"}, Patient: emisWhose, Map: emisIssue},
			{Kind: "diary", Makes: []string{"ServiceRequest"}, Patient: emisWhose, Map: emisDiary},
			{Kind: "observation", Makes: []string{"Observation", "DiagnosticReport", "AllergyIntolerance", "Immunization", "FamilyMemberHistory", "ServiceRequest", "Specimen", "Procedure", "Condition"},
				Patient: emisWhose, Map: emisObservation},
			{Kind: "audit", Makes: []string{"Provenance"}, Patient: emisWhose, Map: emisAudit},
		},
	}
}

// emisFile reads {pid}_{Schema}_{Table}_{yyyyMMddHHmmss}_{AgreementGuid}.csv.
func emisFile(name string, _ []byte) (*intake.File, error) {
	base := path.Base(name)
	stem, ok := strings.CutSuffix(base, ".csv")
	parts := strings.Split(stem, "_")
	if !ok || len(parts) != 5 {
		return nil, nil
	}
	stamp, err := time.ParseInLocation("20060102150405", parts[3], london.Zone)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "%s: %q is not a time (yyyyMMddHHmmss)", base, parts[3])
	}
	table := parts[1] + "_" + parts[2]
	folder := strings.ToLower(path.Dir(name))
	return &intake.File{Name: name, Table: table, Stamp: stamp, Full: strings.HasPrefix(table, "Coding_") || strings.Contains(folder, "bulk") || strings.Contains(folder, "full")}, nil
}

func bare(guid string) string { return strings.ToUpper(strings.Trim(guid, "{}")) }

func value(column string) func(*intake.Row) string {
	return func(r *intake.Row) string { return r.Get(column) }
}

func blank(column string) func(*intake.Row) bool {
	return func(r *intake.Row) bool { return r.Get(column) == "" }
}

func guid(column string) func(*intake.Row) string {
	return func(r *intake.Row) string { return bare(r.Get(column)) }
}

// own is a GUID within the row's organisation.
func own(column string) func(*intake.Row) string {
	return func(r *intake.Row) string { return within(r, r.Get(column)) }
}

func within(r *intake.Row, guid string) string {
	if guid == "" {
		return ""
	}
	return bare(r.Get("OrganisationGuid")) + "/" + bare(guid)
}

func pair(a, b string) func(*intake.Row) string {
	return func(r *intake.Row) string {
		if r.Get(a) == "" || r.Get(b) == "" {
			return ""
		}
		return bare(r.Get(a)) + "/" + bare(r.Get(b))
	}
}

func registrationKey(r *intake.Row) string {
	if r.Get("PatientGuid") == "" || r.Get("DateOfRegistration") == "" {
		return ""
	}
	return within(r, r.Get("PatientGuid")) + "/" + r.Get("DateOfRegistration")
}

func auditKey(r *intake.Row) string {
	if r.Get("PatientGuid") == "" {
		return ""
	}
	return strings.Join([]string{within(r, r.Get("PatientGuid")), bare(r.Get("ItemGuid")), r.Get("ModeType"), r.Get("ModifiedDate"), r.Get("ModifiedTime")}, "/")
}

func gone(r *intake.Row) bool { return yes(r.Get("Deleted")) }

func processing(r *intake.Row) int64 {
	n, err := strconv.ParseInt(r.Get("ProcessingId"), 10, 64)
	if err != nil {
		return 0 // a file without it goes by its lines
	}
	return n
}

// emisStopped says that a practice has stopped sharing: the mass delete that follows must not happen unseen.
func emisStopped(r *intake.Row) string {
	if yes(r.Get("Disabled")) {
		return "EMIS says that organisation " + r.Get("OrganisationGuid") + " has stopped sharing. What follows would delete its patients. Ask the practice; release the feed only where that is meant"
	}
	return ""
}

func emisWhose(m *intake.Mapping) string {
	for _, table := range []string{"Admin_PatientHistory", "registration", "carer", "booking", "CareRecord_Consultation", "Prescribing_DrugRecord", "Prescribing_IssueRecord", "CareRecord_Diary",
		"CareRecord_Observation", "CareRecord_Problem", "CareRecord_ObservationReferral", "Audit_PatientAudit", "Audit_RegistrationAudit"} {
		if r := m.Row(table); r != nil {
			return within(r, r.Get("PatientGuid"))
		}
	}
	return ""
}

// emisCodeUsers finds what was made with a code, to be made again when the code is said to mean something else.
func emisCodeUsers(system string) func(*intake.Row) []string {
	return func(r *intake.Row) []string {
		of := "=" + system + "|" + r.Get("CodeId")
		if system == "urn:kith:emis:drug-code-id" {
			return []string{"MedicationRequest?code" + of, "MedicationStatement?code" + of}
		}
		var all []string
		for _, typ := range []string{"Observation", "DiagnosticReport", "AllergyIntolerance", "ServiceRequest", "Procedure", "Condition", "FamilyMemberHistory"} {
			all = append(all, typ+"?code"+of)
		}
		return append(all, "Immunization?vaccine-code"+of, "Specimen?type"+of)
	}
}
