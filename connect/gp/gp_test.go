package gp_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kith-care/kith/connect/gp"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// copyAll copies a folder of extracts under a line's difference, as a re-bulk is: the same rows in other files.
func copyAll(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		out := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
			return err
		}
		return os.WriteFile(out, append(data, '\n'), 0o644)
	})
}

const emisHead = "ObservationGuid,PatientGuid,OrganisationGuid,EffectiveDate,EffectiveDatePrecision,EnteredDate,EnteredTime,ClinicianUserInRoleGuid,EnteredByUserInRoleGuid,ParentObservationGuid,CodeId,ProblemGuid,AssociatedText,ConsultationGuid,Value,NumericUnit,ObservationType,NumericRangeLow,NumericRangeHigh,DocumentGuid,Deleted,IsConfidential,ProcessingId\n"

// emisDrop files a few rows as one EMIS extract.
func emisDrop(t *testing.T, desk *intake.Desk, name, stamp string, tables map[string]string) *intake.Report {
	t.Helper()
	var files []intake.Upload
	for _, table := range []string{"Coding_ClinicalCode", "Admin_Patient", "CareRecord_Problem", "CareRecord_Observation", "Agreements_SharingOrganisation"} {
		if text, ok := tables[table]; ok {
			files = append(files, intake.Upload{Name: "x/291_" + table + "_" + stamp + "_A.csv", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }})
		}
	}
	report, err := desk.Extract(context.Background(), gp.EMIS(), "emis", name, files, nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func emisDesk(t *testing.T) *intake.Desk {
	t.Helper()
	desk, err := intake.Open(context.Background(), record.Test(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := desk.Feed(context.Background(), intake.Feed{Name: "emis", Kind: "emis"}); err != nil {
		t.Fatal(err)
	}
	return desk
}

const (
	onePatient = "PatientGuid,OrganisationGuid,DateOfBirth,Surname,GivenName,Sex\n{p1},{o},1950-02-03,Okafor,Ada,F\n"
	oneCode    = "CodeId,Term,ReadTermId,SnomedCTConceptId,EmisCodeCategoryDescription\n1,Type 2 diabetes,C10F.,%s,\"Conditions, Operations, Procedures\"\n"
	oneEntry   = emisHead + "{b1},{p1},{o},2020-01-02,YMD,2020-01-02,10:00:00,,,,1,,,,,,Observation,,,,false,false,1\n"
)

func first(t *testing.T, desk *intake.Desk, query string) *fhir.Resource {
	t.Helper()
	page, err := desk.Door.Find(t.Context(), desk.Who, query)
	if err != nil || len(page.Matches) != 1 {
		t.Fatalf("%s: %d matches, %v", query, len(page.Matches), err)
	}
	res, err := page.Matches[0].Resource()
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// A supplier's own mapping is not trusted blindly: where the place has a map of its own, that comes first and both are kept.
func TestOurOwnMapComesFirst(t *testing.T) {
	desk := emisDesk(t)
	m := `{"resourceType":"ConceptMap","id":"codes","url":"urn:kith:conceptmap:supplier-codes","status":"active","group":[{"source":"http://read.info/readv2","target":"http://snomed.info/sct","element":[{"code":"C10F.","target":[{"code":"44054006","equivalence":"equivalent"}]}]}]}`
	res, err := fhir.Parse([]byte(m))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := desk.Door.Commit(t.Context(), desk.Who, []record.Op{{Method: record.Update, Type: "ConceptMap", ID: "codes", Resource: res}}); err != nil {
		t.Fatal(err)
	}
	report := emisDrop(t, desk, "1", "20260101020000", map[string]string{"Coding_ClinicalCode": fmt.Sprintf(oneCode, "73211009"), "Admin_Patient": onePatient, "CareRecord_Observation": oneEntry})
	var codes []string
	for c := range first(t, desk, "Condition").Root().Get("code").Get("coding").Items() {
		codes = append(codes, c.Get("code").Text())
	}
	if fmt.Sprint(codes) != "[44054006 73211009 C10F. 1]" {
		t.Errorf("the codes are %v", codes)
	}
	noted := 0
	for _, it := range report.Items {
		noted += it.Notes["our map and the supplier's differ: C10F. is 44054006 or 73211009"]
	}
	if noted != 1 {
		t.Errorf("the difference was noted %d times", noted)
	}
}

// When the supplier says that a code means something else, what was coded with it is made again.
func TestACodeThatChangesIsMadeAgain(t *testing.T) {
	desk := emisDesk(t)
	emisDrop(t, desk, "1", "20260101020000", map[string]string{"Coding_ClinicalCode": fmt.Sprintf(oneCode, "73211009"), "Admin_Patient": onePatient, "CareRecord_Observation": oneEntry})
	emisDrop(t, desk, "2", "20260102020000", map[string]string{"Coding_ClinicalCode": fmt.Sprintf(oneCode, "44054006")})
	first(t, desk, "Condition?code=http://snomed.info/sct|44054006")
}

// A practice that stops sharing is not emptied before somebody has said so.
func TestAPracticeThatStopsSharingIsHeld(t *testing.T) {
	desk := emisDesk(t)
	emisDrop(t, desk, "1", "20260101020000", map[string]string{"Coding_ClinicalCode": fmt.Sprintf(oneCode, "44054006"), "Admin_Patient": onePatient, "CareRecord_Observation": oneEntry})
	report := emisDrop(t, desk, "2", "20260102020000", map[string]string{"Agreements_SharingOrganisation": "OrganisationGuid,IsActivated,LastModifiedDate,Disabled,Deleted\n{o},true,2026-01-01,true,false\n",
		"Admin_Patient": "PatientGuid,OrganisationGuid,DateOfBirth,Surname,GivenName,Sex,Deleted\n{p1},{o},1950-02-03,Okafor,Ada,F,true\n"})
	if !strings.Contains(report.Held, "stopped sharing") {
		t.Fatalf("the feed is not held: %q", report.Held)
	}
	first(t, desk, "Patient")
	if err := desk.Release(t.Context(), desk.Who, "emis"); err != nil {
		t.Fatal(err)
	}
	if err := desk.Resume(t.Context(), gp.EMIS(), "emis", nil, nil); err != nil {
		t.Fatal(err)
	}
	if page, err := desk.Door.Find(t.Context(), desk.Who, "Condition"); err != nil || len(page.Matches) != 0 {
		t.Errorf("after the release %d conditions are left, %v", len(page.Matches), err)
	}
}
