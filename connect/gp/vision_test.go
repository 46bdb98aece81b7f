package gp_test

import (
	"io"
	"strings"
	"testing"

	"github.com/kith-care/kith/connect/gp"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/record"
)

// Vision's files have no header, so that values may stand under other columns than ours: telephone numbers were once filed as service numbers because
// three columns were cut off, which leaves as many as an older order has. A header where none should be was a row, and in the second order of staff
// names became kinds.
func TestVisionColumnsThatAreNotOursAreNotFiled(t *testing.T) {
	const patient = "1,R1,19500203,F,ZZ1 1AA,M,G1,G1,R,20100101,,,,,,,A,,PR,Okafor,Ada,Mrs,9990000018,,1 Mill Lane,,,,,01632960001,07700900001,ada@example.org,ZZ004,5,A\n"
	const patientHead = "PID,REFERENCE,DATE_OF_BIRTH,SEX,POSTCODE,MARITAL_STATUS,GP,GP_USUAL,ACTIVE,REGISTERED_DATE,REMOVED_DATE,HA,PCG,SURGERY,MILEAGE,DISPENSING,ETHNIC,DATE_OF_DEATH,PRACTICE,SURNAME,FORENAME,TITLE,NHS_NUMBER,ADDRESS,ADDRESS_1,ADDRESS_2,ADDRESS_3,ADDRESS_4,ADDRESS_5,PHONE_NUMBER,MOBILE_NUMBER,EMAIL,PRACT_NUMBER,SERVICE_ID,ACTION\n"
	for name, c := range map[string]struct {
		table, text, why, query string
	}{
		"as it should be":    {"patient", patient, "", "Patient?family=Okafor&phone=07700900001"},
		"with a header":      {"patient", patientHead + patient, "", "Patient?family=Okafor&phone=07700900001"},
		"header after a BOM": {"patient", "\ufeff" + patientHead + patient, "", "Patient?family=Okafor"},
		"columns cut off":    {"patient", strings.Replace(patient, ",ZZ004,5,A\n", "\n", 1), `"ada@example.org" is no action`, ""},
		"a column more":      {"patient", strings.Replace(patient, "\n", ",\n", 1), "the row has 36 values", ""},
		"UTF-16":             {"patient", "\xff\xfe" + strings.Join(strings.Split(patient, ""), "\x00") + "\x00", "UTF-16", ""},
		"header, other order": {"staff", "ID,SURNAME,FORENAME,TITLE,SEX,GMP_CODE,HCP_TYPE,SERVICE_ID\nG1,Bello,Femi,Dr,M,G123,GP,5\n", "",
			"Practitioner?family=Bello&given=Femi"},
	} {
		desk, err := intake.Open(t.Context(), record.Test(t))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := desk.Feed(t.Context(), intake.Feed{Name: "vision", Kind: "vision"}); err != nil {
			t.Fatal(err)
		}
		file := intake.Upload{Name: "x/FULL_ZZ004_" + c.table + "_data_extract-2026-10-29-000500.csv", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(c.text)), nil }}
		report, err := desk.Extract(t.Context(), gp.Vision(), "vision", "bulk", []intake.Upload{file}, nil)
		if err != nil {
			t.Fatal(err)
		}
		bads, err := desk.Bads(t.Context(), desk.Who, "vision", "", 10)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case c.why == "" && (report.Rows.Filed != 1 || len(bads) > 0):
			t.Errorf("%s: %+v, %v", name, report.Rows, bads)
		case c.why == "":
			first(t, desk, c.query)
		case len(bads) != 1 || !strings.Contains(bads[0].Reason, c.why):
			t.Errorf("%s: %v, want %q", name, bads, c.why)
		}
		if n, err := desk.Door.Count(t.Context(), "Patient"); c.why != "" && n != 0 {
			t.Errorf("%s: %d patients were filed, %v", name, n, err)
		}
	}
}
