package gp

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
)

// TPP is the Strategic Reporting extract of SystmOne: a folder yyyyMMdd_HHmm of SR*.csv in Windows-1252.
//
// SRManifest.csv says which files are deltas, and from when to when; it is not in the catalogue, so its columns (FileName, IsDelta, IsReference,
// DateExtractFrom, DateExtractTo) are assumed. A gap between two deltas holds the feed. A folder may hold several practices': rows of another
// (IDOrganisationVisibleTo) are passed over. A removed row may say nothing but its RowIdentifier. Some ten versions of the headers are about; columns
// are found by name, and one that is missing says nothing.
func TPP() *intake.Format {
	table := func(name, unit string, more ...func(*intake.Table)) intake.Table {
		t := intake.Table{Name: name, Need: []string{"RowIdentifier"}, Key: value("RowIdentifier"), Unit: unit, Deleted: tppRemoved, Skip: tppOther}
		for _, m := range more {
			m(&t)
		}
		return t
	}
	of := func(column string) func(*intake.Table) {
		return func(t *intake.Table) { t.UnitKey = value(column) }
	}
	return &intake.Format{
		Kind:        "tpp",
		Recognise:   tppFile,
		Check:       tppManifest,
		Windows1252: true,
		Columns: map[string][]string{"parent": {"IDPatient"}, "nhs-number": {"NHSNumber"}, "birth-date": {"DateBirth"}, "postcode": {"FullPostCode"}, "coded": {"CTV3Code", "IDMultiLexDMD", "ImmsReadCode"},
			"dated": {"DateEvent"}, "ahead": {"DateEvent"}, "late": {"DateEventRecorded"}},
		Stages: [][]string{
			{"SRMapping"}, {"SRConfiguredListOption"}, {"SRCtv3Hierarchy"}, {"SRCtv3ToSnomed"}, {"SRCtv3"}, {"SRMedicationReadCodeDetails"}, {"SRImmunisationContent"}, {"SRCcg"}, {"SRTrust"},
			{"SROrganisation"}, {"SROrganisationBranch"}, {"SRStaffMember"}, {"SRStaffMemberProfile"}, {"SRRota"}, {"SRPatientAddressHistory", "SRPatientContactDetails", "SRPatient"},
			{"SRRecordStatus"}, {"SRPatientRegistration"}, {"SRPatientRelationship"}, {"SRAppointment"}, {"SREvent"}, {"SRProblem", "SRCode"}, {"SRRepeatTemplate"}, {"SRPrimaryCareMedication"},
			{"SRDrugSensitivity"}, {"SRImmunisation"}, {"SRReferralOutStatusDetails", "SRReferralOut"}, {"SRPersonAtRisk"}, {"SRSpecialNotes"}, {"SRRecall"},
		},
		Tables: []intake.Table{
			table("SRMapping", "mapping"), table("SRConfiguredListOption", "list-option"),
			table("SRCtv3Hierarchy", "ctv3-parent", of("Ctv3CodeChild")), table("SRCtv3ToSnomed", "ctv3-snomed", of("Ctv3Code")), table("SRCtv3", "ctv3-term", of("Ctv3Code")),
			table("SRMedicationReadCodeDetails", "drug-code", of("IDMultiLexProduct")), table("SRImmunisationContent", "vaccine"), table("SRCcg", "ccg"), table("SRTrust", "trust"),
			table("SROrganisation", "organisation", of("ID")), table("SROrganisationBranch", "branch"), table("SRStaffMember", "staff"), table("SRStaffMemberProfile", "profile"), table("SRRota", "rota"),
			table("SRPatientAddressHistory", intake.PatientUnit, of("IDPatient")), table("SRPatientContactDetails", intake.PatientUnit, of("IDPatient")), table("SRPatient", intake.PatientUnit),
			table("SRRecordStatus", "record-status", of("IDPatient")), table("SRPatientRegistration", "registration"), table("SRPatientRelationship", "relationship"), table("SRAppointment", "appointment"),
			table("SREvent", "event"), table("SRProblem", "code", func(t *intake.Table) { t.UnitKey = tppProblemOf }), table("SRCode", "code"), table("SRRepeatTemplate", "template"), table("SRPrimaryCareMedication", "medication"),
			table("SRDrugSensitivity", "sensitivity"), table("SRImmunisation", "immunisation"), table("SRReferralOutStatusDetails", "referral", of("IDReferralOut")), table("SRReferralOut", "referral"),
			table("SRPersonAtRisk", "risk"), table("SRSpecialNotes", "note"), table("SRRecall", "recall"),
		},
		Units: []intake.Unit{
			{Kind: "mapping"}, {Kind: "list-option"}, {Kind: "ctv3-parent"}, {Kind: "ctv3-snomed"}, {Kind: "ctv3-term"}, {Kind: "drug-code"}, {Kind: "vaccine"}, {Kind: "ccg"}, {Kind: "trust"},
			{Kind: "organisation", Makes: []string{"Organization"}, Map: tppOrganisation}, {Kind: "branch", Makes: []string{"Location"}, Map: tppBranch},
			{Kind: "staff", Makes: []string{"Practitioner"}, Map: tppStaff}, {Kind: "profile", Makes: []string{"PractitionerRole"}, Map: tppProfile, Looked: true},
			{Kind: "rota", Makes: []string{"Schedule"}, Map: tppRota},
			{Kind: intake.PatientUnit, Makes: []string{"Patient"}, Map: tppPatient},
			{Kind: "record-status", Users: func(r *intake.Row) []string {
				return []string{"EpisodeOfCare?patient=Patient/" + intake.IDOf(r.Feed.Name, "Patient", intake.PatientUnit, r.Get("IDPatient"))}
			}},
			{Kind: "registration", Makes: []string{"EpisodeOfCare"}, Patient: tppWhose, Map: tppRegistration},
			{Kind: "relationship", Makes: []string{"RelatedPerson"}, Patient: tppWhose, Map: tppRelationship},
			{Kind: "appointment", Makes: []string{"Appointment"}, Patient: tppWhose, Map: tppAppointment},
			{Kind: "event", Makes: []string{"Encounter"}, Patient: tppWhose, Map: tppEvent},
			{Kind: "code", Makes: []string{"Observation", "Condition", "Procedure", "FamilyMemberHistory", "AllergyIntolerance"}, Patient: tppWhose, Map: tppCode},
			{Kind: "template", Makes: []string{"MedicationRequest"}, Patient: tppWhose, Map: tppTemplate},
			{Kind: "medication", Makes: []string{"MedicationRequest"}, Patient: tppWhose, Map: tppMedication},
			{Kind: "sensitivity", Makes: []string{"AllergyIntolerance"}, Patient: tppWhose, Map: tppSensitivity},
			{Kind: "immunisation", Makes: []string{"Immunization"}, Patient: tppWhose, Map: tppImmunisation},
			{Kind: "referral", Makes: []string{"ServiceRequest"}, Patient: tppWhose, Map: tppReferral},
			{Kind: "risk", Makes: []string{"Flag"}, Patient: tppWhose, Map: tppRisk}, {Kind: "note", Makes: []string{"Flag"}, Patient: tppWhose, Map: tppNote},
			{Kind: "recall", Makes: []string{"ServiceRequest"}, Patient: tppWhose, Map: tppRecall},
		},
	}
}

// tppProblemOf is the code that a problem is of: several problems may share one. A problem without a code stands for itself.
func tppProblemOf(r *intake.Row) string {
	if id := r.Get("IDCode"); id != "" && id != "-1" && id != "0" {
		return id
	}
	if tppRemoved(r) {
		return ""
	}
	return "problem/" + r.Get("RowIdentifier")
}

func tppRemoved(r *intake.Row) bool { return yes(r.Get("RemovedData")) }

// tppOther passes over rows of another practice in the same folder.
func tppOther(r *intake.Row) bool {
	visible := r.Get("IDOrganisationVisibleTo")
	return visible != "" && r.Feed.Organization != "" && !strings.EqualFold(visible, r.Feed.Organization)
}

// tppFile reads SR*.csv in a folder yyyyMMdd_HHmm.
func tppFile(name string, _ []byte) (*intake.File, error) {
	base := path.Base(name)
	table, ok := strings.CutSuffix(base, ".csv")
	if !ok || !strings.HasPrefix(table, "SR") {
		return nil, nil
	}
	if i := strings.IndexByte(table, '_'); i > 0 {
		table = table[:i] // a part of a table that is too large for one file
	}
	f := &intake.File{Name: name, Table: table}
	for dir := path.Dir(name); dir != "." && dir != "/"; dir = path.Dir(dir) {
		at := strings.TrimSuffix(path.Base(dir), ".zip")
		if len(at) > 13 {
			at = at[:13]
		}
		if t, err := time.ParseInLocation("20060102_1504", at, london.Zone); err == nil {
			f.Stamp = t
			break
		}
	}
	if f.Stamp.IsZero() {
		return nil, fhir.Errorf(fhir.Invalid, "%s stands in no folder yyyyMMdd_HHmm, so nobody knows when it was extracted", base)
	}
	return f, nil
}

// tppManifest reads SRManifest: whether each file is a delta, and whether one is missing. Where it is not there, cannot be read, or
// speaks of other files than there are, nobody knows what is missing, so the feed is held. Its word that a file is whole is not trusted
// blindly: a whole file that leaves out much holds the feed before anything is taken back.
func tppManifest(feed *intake.Feed, files []*intake.File, open func(*intake.File) (io.Reader, error)) (hold string, err error) {
	listed := map[string]bool{}
	for _, m := range files {
		if m.Table != "SRManifest" {
			continue
		}
		in, err := open(m)
		if err != nil {
			return "", err
		}
		rows := csv.NewReader(in)
		rows.FieldsPerRecord = -1
		rows.LazyQuotes = true
		head, err := rows.Read()
		if err != nil {
			return fmt.Sprintf("%s cannot be read: %v", m.Name, err), nil
		}
		at := map[string]int{}
		for i, c := range head {
			at[strings.TrimSpace(strings.TrimPrefix(c, "\ufeff"))] = i
		}
		for _, c := range []string{"FileName", "IsDelta", "DateExtractFrom", "DateExtractTo"} {
			if _, ok := at[c]; !ok {
				return fmt.Sprintf("%s has no column %s, so nobody knows whether a delta is missing", m.Name, c), nil
			}
		}
		for {
			row, err := rows.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return fmt.Sprintf("%s: %v", m.Name, err), nil
			}
			if len(row) != len(head) {
				line, _ := rows.FieldPos(0)
				return fmt.Sprintf("%s: line %d has %d values, the header %d", m.Name, line, len(row), len(head)), nil
			}
			get := func(column string) string { return strings.TrimSpace(row[at[column]]) }
			listed[tppListedName(get("FileName"))] = true
			if why := tppListed(feed, files, get); why != "" && hold == "" {
				hold = why
			}
		}
	}
	return cmp.Or(hold, tppUnlisted(files, listed)), nil
}

// tppListedName is how a file and its line in the manifest are known to be the same.
func tppListedName(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".csv") }

// tppUnlisted says which file and which line of the manifest stand alone, "" for none.
func tppUnlisted(files []*intake.File, listed map[string]bool) string {
	if len(listed) == 0 {
		return "the drop has no SRManifest.csv that lists its files, so nobody knows whether a delta is missing"
	}
	there := map[string]bool{}
	for _, f := range files {
		name := tppListedName(path.Base(f.Name))
		there[name], there[strings.ToLower(f.Table)] = true, true
		if f.Table != "SRManifest" && !listed[name] && !listed[strings.ToLower(f.Table)] {
			return fmt.Sprintf("SRManifest.csv does not list %s", f.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		if !there[name] {
			return fmt.Sprintf("SRManifest.csv lists %s.csv, which is not there or cannot be read", name)
		}
	}
	return ""
}

// tppListed notes what the manifest says of one file, and gives a reason to hold the feed where a delta is missing before it.
func tppListed(feed *intake.Feed, files []*intake.File, get func(string) string) string {
	name := strings.TrimSuffix(get("FileName"), ".csv")
	for _, f := range files {
		if tppListedName(path.Base(f.Name)) != tppListedName(name) {
			continue
		}
		f.Full = get("IsDelta") == "N"
		f.From, f.To = tppInstant(get("DateExtractFrom")), tppInstant(get("DateExtractTo"))
		if !f.Full && feed.Until != 0 && !f.From.IsZero() && f.From.UnixMicro() > feed.Until {
			return fmt.Sprintf("a delta is missing: the last one went up to %s, and %s begins at %s. Ask TPP for what is between, or release the feed to go on without it",
				time.UnixMicro(feed.Until).In(london.Zone).Format("2 January 2006 15:04"), name, f.From.Format("2 January 2006 15:04"))
		}
	}
	return ""
}

func tppInstant(s string) time.Time {
	for _, layout := range []string{tppSeconds, tppMinutes, "2006-01-02 15:04:05", "20060102_1504"} {
		if t, err := time.ParseInLocation(layout, s, london.Zone); err == nil {
			return t
		}
	}
	return time.Time{}
}
