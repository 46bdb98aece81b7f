package gp

import (
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
)

// Vision is the extract of Vision (Cegedim): zips of files without a header. Which of the two known orders of columns a file has is seen from its
// first row; a file that has a header after all is read by it. Columns are those of the catalogue.
func Vision() *intake.Format {
	table := func(name, unit string, need ...string) intake.Table {
		return intake.Table{Name: name, Need: need, Key: value("ID"), Unit: unit, Deleted: visionGone}
	}
	patient := table("patient", intake.PatientUnit, "PID", "DATE_OF_BIRTH")
	patient.Key, patient.Also = value("PID"), []string{"registration"}
	registration := table("registration", "registration")
	registration.Key, registration.Skip = value("PID"), blank("REGISTERED_DATE")
	return &intake.Format{
		Kind:      "vision",
		Recognise: visionFile,
		Columns: map[string][]string{"parent": {"PID"}, "nhs-number": {"NHS_NUMBER"}, "birth-date": {"DATE_OF_BIRTH"}, "postcode": {"POSTCODE"}, "coded": {"CODE"},
			"dated": {"DATE"}, "ahead": {"DATE"}, "late": {"RECORDED_DATE"}},
		Stages: [][]string{{"practice"}, {"staff"}, {"patient"}, {"encounter"}, {"referral"}, {"journal"}},
		Tables: []intake.Table{table("practice", "practice", "ID"), table("staff", "staff", "ID"), patient, registration,
			table("encounter", "encounter", "ID", "PID"), table("referral", "referral", "ID", "PID"), table("journal", "journal", "ID", "PID", "SUBSET")},
		Units: []intake.Unit{
			{Kind: "practice", Makes: []string{"Organization"}, Map: visionPractice},
			{Kind: "staff", Makes: []string{"Practitioner"}, Map: visionStaff},
			{Kind: intake.PatientUnit, Makes: []string{"Patient"}, Map: visionSure(intake.PatientUnit, visionPatient)},
			{Kind: "registration", Makes: []string{"EpisodeOfCare"}, Patient: visionWhose, Map: visionSure("registration", visionRegistration)},
			{Kind: "encounter", Makes: []string{"Encounter"}, Patient: visionWhose, Map: visionSure("encounter", visionEncounter)},
			{Kind: "referral", Makes: []string{"ServiceRequest"}, Patient: visionWhose, Map: visionSure("referral", visionReferral)},
			{Kind: "journal", Makes: []string{"Observation", "MedicationRequest", "Condition", "Immunization", "AllergyIntolerance", "Procedure", "FamilyMemberHistory"}, Patient: visionWhose, Map: visionSure("journal", visionJournal)},
		},
	}
}

var visionName = regexp.MustCompile(`^(FULL|INCREMENTAL|ADDITIONAL)_([A-Za-z0-9]+)_([a-z_]+?)(?:_data)?(?:_extract)?-(\d{4}-\d\d-\d\d-\d{6})\.csv$`)

// visionFile reads INCREMENTAL_F86007_journal_data_extract-2018-08-17-000500.csv. Lists of active users and check sums are not read.
func visionFile(name string, head []byte) (*intake.File, error) {
	base := path.Base(name)
	parts := visionName.FindStringSubmatch(base)
	if parts == nil {
		return nil, nil
	}
	stamp, err := time.ParseInLocation("2006-01-02-150405", parts[4], london.Zone)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "%s: %q is not a time", base, parts[4])
	}
	layouts, ok := visionColumns[parts[3]]
	if !ok {
		return nil, nil
	}
	f := &intake.File{Name: name, Table: parts[3], Stamp: stamp, Full: parts[1] == "FULL", Columns: strings.Split(layouts[0], ",")}
	if err := intake.IsUTF8(head); err != nil {
		return nil, err
	}
	line, _, _ := strings.Cut(strings.TrimPrefix(string(head), "\ufeff"), "\n")
	values := intake.SplitRow(line, ',')
	if len(values) == 0 {
		return f, nil
	}
	if values[0] == f.Columns[0] {
		f.Columns = nil
		return f, nil
	}
	for _, layout := range layouts {
		columns := strings.Split(layout, ",")
		if len(columns) == len(values) && visionFits(columns, values) {
			f.Columns = columns
			return f, nil
		}
	}
	for _, layout := range layouts { // a first row that is broken says nothing
		if columns := strings.Split(layout, ","); len(columns) == len(values) {
			f.Columns = columns
			return f, nil
		}
	}
	return f, nil
}

// visionFits tells two orders of as many columns apart by what stands in SEX.
func visionFits(columns, values []string) bool {
	for i, c := range columns {
		if c == "SEX" && len(values[i]) == 1 {
			return strings.Contains("MFUI", values[i])
		}
	}
	return true
}

// visionSure maps a row whose ACTION can be one: it is a letter, or nothing. In a file without a header anything else says that values do not
// stand under their columns, even where there are as many.
func visionSure(table string, do func(*intake.Mapping) error) func(*intake.Mapping) error {
	return func(m *intake.Mapping) error {
		if r := m.Row(table); r != nil && len(r.Get("ACTION")) > 1 {
			return r.Bad("ACTION", "%q is no action: the file's columns are in no order that is known", r.Get("ACTION"))
		}
		return do(m)
	}
}

// visionColumns are the known orders of columns, the newest first.
var visionColumns = map[string][]string{
	"encounter": {"PID,ID,DATE,HCP,HCP_TYPE,SESSION,LOCATION,TIME,DURATION,TRAVEL,LINKS,PRACT_NUMBER,SERVICE_ID,ACTION"},
	"journal": {"PID,ID,DATE,RECORDED_DATE,CODE,SNOMED_CODE,BNF_CODE,HCP,HCP_TYPE,GMS,EPISODE,TEXT,RUBRIC,DRUG_FORM,DRUG_STRENGTH,DRUG_PACKSIZE,DMD_CODE,IMMS_STATUS,IMMS_COMPOUND,IMMS_SOURCE,IMMS_BATCH,IMMS_REASON,IMMS_METHOD,IMMS_SITE,ENTITY,VALUE1_NAME,VALUE1,VALUE1_UNITS,VALUE2_NAME,VALUE2,VALUE2_UNITS,END_DATE,TIME,CONTEXT,CERTAINTY,SEVERITY,LINKS,LINKS_EXT,SERVICE_ID,ACTION,SUBSET,DOCUMENT_ID",
		"PID,ID,DATE,RECORDED_DATE,CODE,BNF_CODE,HCP,HCP_TYPE,GMS,EPISODE,TEXT,RUBRIC,VALUE1,VALUE2,END_DATE,TIME,CONTEXT,CERTAINTY,SEVERITY,LINKS,SERVICE_ID,SUBSET,ACTION"},
	"patient": {"PID,REFERENCE,DATE_OF_BIRTH,SEX,POSTCODE,MARITAL_STATUS,GP,GP_USUAL,ACTIVE,REGISTERED_DATE,REMOVED_DATE,HA,PCG,SURGERY,MILEAGE,DISPENSING,ETHNIC,DATE_OF_DEATH,PRACTICE,SURNAME,FORENAME,TITLE,NHS_NUMBER,ADDRESS,ADDRESS_1,ADDRESS_2,ADDRESS_3,ADDRESS_4,ADDRESS_5,PHONE_NUMBER,MOBILE_NUMBER,EMAIL,PRACT_NUMBER,SERVICE_ID,ACTION",
		"PID,REFERENCE,DATE_OF_BIRTH,SEX,POSTCODE,MARITAL_STATUS,GP,GP_USUAL,ACTIVE,REGISTERED_DATE,REMOVED_DATE,HA,PCG,SURGERY,MILEAGE,DISPENSING,ETHNIC,DATE_OF_DEATH,PRACTICE,SURNAME,FORENAME,TITLE,NHS_NUMBER,ADDRESS,ADDRESS_1,ADDRESS_2,ADDRESS_3,ADDRESS_4,ADDRESS_5,PRACT_NUMBER,SERVICE_ID,ACTION"},
	"practice": {"ID,NAME,IDENTIFIER,HA,ADDRESS,ADDRESS_1,ADDRESS_2,ADDRESS_3,ADDRESS_4,ADDRESS_5,POSTCODE,PHONE,EMAIL,FAX"},
	"referral": {"PID,ID,DATE,HCP,HCP_TYPE,TO_HCP,SPECIALTY,UNIT,TYPE,CONTRACTOR,CONTRACT,ACTION_DATE,LINKS,SERVICE_ID,ACTION"},
	"staff":    {"ID,HCP_TYPE,GMP_CODE,SURNAME,FORENAME,TITLE,SEX,SERVICE_ID", "ID,SURNAME,FORENAME,TITLE,SEX,GMP_CODE,HCP_TYPE,SERVICE_ID"},
}

func visionGone(r *intake.Row) bool { return r.Get("ACTION") == "D" }

func visionWhose(m *intake.Mapping) string {
	for _, table := range []string{"registration", "encounter", "referral", "journal"} {
		if r := m.Row(table); r != nil {
			return r.Get("PID")
		}
	}
	return ""
}

const visionDay = "20060102"

func visionDate(r *intake.Row, column string) (fhir.DateTime, error) {
	value := r.Get(column)
	switch { // a day or a month that is not known is 00
	case len(value) == 8 && strings.HasSuffix(value, "0000"):
		d, err := fhir.ParseDate(value[:4])
		if err != nil {
			return d, r.Bad(column, "%q is not a date (yyyyMMdd)", value)
		}
		return d, nil
	case len(value) == 8 && strings.HasSuffix(value, "00"):
		d, err := fhir.ParseDate(value[:4] + "-" + value[4:6])
		if err != nil {
			return d, r.Bad(column, "%q is not a date (yyyyMMdd)", value)
		}
		return d, nil
	}
	return calendar(r, column, visionDay, "")
}

// visionTime is a day with its clock time, where the row has one.
func visionTime(m *intake.Mapping, r *intake.Row) (fhir.DateTime, error) {
	clock := r.Get("TIME")
	if len(clock) != 4 || len(r.Get("DATE")) != 8 || strings.HasSuffix(r.Get("DATE"), "00") {
		return visionDate(r, "DATE")
	}
	return moment(m, r, "TIME", visionDay+"1504", r.Get("DATE")+clock)
}

func visionStaffRef(m *intake.Mapping, r *intake.Row) *r4.Reference {
	return m.Ref("Practitioner", "staff", r.First("HCP", "HCP_CODE"))
}

// visionLink is the row of a kind that LINKS points to: 500000A|49900134E|49900135P names a prescription, an encounter and a problem.
func visionLink(r *intake.Row, kind string) string {
	for _, link := range strings.FieldsFunc(r.Get("LINKS"), func(c rune) bool { return c == '|' || c == ' ' || c == ';' }) {
		if id, ok := strings.CutSuffix(link, kind); ok {
			return id
		}
		if id, ok := strings.CutPrefix(link, kind); ok {
			return id
		}
	}
	return ""
}
