package staff

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/record"
)

// The supplier gets where each row stands and what is wrong, and nothing of what stands in it.
func TestAListForTheSupplierSaysNothingOfPeople(t *testing.T) {
	h, p := console(t)
	status, body, header := get(t, h, "/feeds/emis-zz001/checks/nhs-number/csv")
	if status != http.StatusOK || header.Get("Content-Type") != "text/csv; charset=utf-8" || header.Get("Content-Disposition") != `attachment; filename=emis-zz001-nhs-number-2026-11-01.csv` || header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", status, header)
	}
	const file = "bulk-20261030/291_Admin_Patient_20261030010000_5F0E6A10-0000-4000-8000-0000000000A1.csv"
	if want := "file,line,key,column,reason\r\n" + file + `,4,10000000-0000-4000-8000-000000000001/20000000-0000-4000-8000-000000000003,NhsNumber,"there is no NHS number, or none that is right"` + "\r\n"; body != want {
		t.Errorf("the list is %q, want %q", body, want)
	}
	// Whatever stands in the rows of the place's people, no list has it.
	for _, f := range p.Feeds.Desk.Feeds() {
		for _, c := range intake.Checks() {
			_, list, _ := get(t, h, "/feeds/"+f.Name+"/checks/"+c.Name+"/csv")
			_, page, _ := get(t, h, "/feeds/"+f.Name+"/checks/"+c.Name)
			for _, of := range []string{"Okafor", "Reed", "Lund", "Brandt", "9990000", "1945-07-14", "19-8-62", "1999-01-01", "ZZ1 1", "Mill Lane,", "Quay"} {
				if strings.Contains(list, of) || strings.Contains(between(page, "<main", "</main>"), of) {
					t.Errorf("%s, %s: the list says %s", f.Name, c.Name, of)
				}
			}
		}
	}
	_, body, _ = get(t, h, "/feeds/hospital-zz1/checks/coded/csv")
	if want := "file,line,key,column,reason\r\nORU^R01 C0002,,,OBR[1],the code leads to none of SNOMED CT or dm+d\r\nORU^R01 C0002,,,OBX[1],the code leads to none of SNOMED CT or dm+d\r\nORU^R01 C0002,,,OBX[2],the code leads to none of SNOMED CT or dm+d\r\n"; body != want {
		t.Errorf("of messages: %q", body)
	}
	for _, path := range []string{"/feeds/emis-zz001/checks/colour", "/feeds/emis-zz001/checks/colour/csv", "/feeds/nobody/checks/coded", "/feeds/nobody/checks/coded/csv"} {
		if status, _, _ := get(t, h, path); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
	for _, path := range []string{"/feeds/emis-zz001/checks/coded?after=x", "/feeds/hospital-zz1/checks/coded?after=-1.1"} {
		if status, _, _ := get(t, h, path); status != http.StatusBadRequest {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestASpreadsheetShowsAListAndCalculatesNothing(t *testing.T) {
	for in, want := range map[string]string{"": "", "a": "a", "=1+1": "'=1+1", "+44": "'+44", "-5": "'-5", "@x": "'@x", "\tx": "'\tx", "{a}": "{a}"} {
		if got := cell(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// A feed that is validated in full says so on its page, and lists what does not validate.
func TestAFeedSaysWhetherItIsValidated(t *testing.T) {
	h, p := console(t)
	for _, c := range []struct {
		set intake.Feed
		say string
	}{{intake.Feed{Strict: true}, "what does not validate is refused"}, {intake.Feed{Warn: true}, "what does not validate is filed and listed"}, {intake.Feed{}, ""}} {
		c.set.Name, c.set.Kind, c.set.Title, c.set.Organization = "emis-zz001", "emis", "Mill Lane Surgery (EMIS Web)", "ZZ001"
		if _, err := p.Feeds.Desk.Feed(t.Context(), c.set); err != nil {
			t.Fatal(err)
		}
		_, body, _ := get(t, h, "/feeds/emis-zz001")
		if got := between(body, `Validated in full</th><td>`, "<"); got != c.say {
			t.Errorf("the page says %q, want %q", got, c.say)
		}
	}
}

// A long list comes in pages that can be followed to its end, and in one file.
func TestALongListIsFollowedToItsEnd(t *testing.T) {
	h, p := console(t)
	const header = "ObservationGuid,PatientGuid,OrganisationGuid,CodeId,EffectiveDate,EffectiveDatePrecision,EnteredDate,EnteredTime,ClinicianUserInRoleGuid,ObservationType,Value,NumericUnit,AssociatedText,Deleted,ProcessingId\r\n"
	var b strings.Builder
	b.WriteString(header)
	const n = 2345
	for i := range n { // of a patient who has not come
		fmt.Fprintf(&b, "{30000000-0000-4000-8000-%012d},{20000000-0000-4000-8000-0000000000FF},{10000000-0000-4000-8000-000000000001},3,2026-10-30,YMD,2026-10-30,09:30:00,,Observation,127,mmHg,,false,112\r\n", i)
	}
	if status, _, next := send(t, h, "/feeds/emis-zz001/upload", observationFile, b.String()); status != http.StatusSeeOther {
		t.Fatalf("status %d, %s", status, next)
	}
	const path = "/feeds/emis-zz001/checks/parent"
	_, body, _ := get(t, h, path)
	says(t, body, "2,348 rows, newest file first") // three were there before
	if !strings.Contains(body, `href="/feeds/emis-zz001/checks/parent?after=`) || strings.Contains(body, "Back to the first") {
		t.Fatal("the first page does not lead on, or leads back")
	}
	rows, pages := 0, 0
	row := regexp.MustCompile(`data-label="Line"`)
	for next := path; next != ""; pages++ {
		_, body, _ := get(t, h, next)
		rows += len(row.FindAllString(body, -1))
		m := regexp.MustCompile(`href="([^"]+)" rel="next"`).FindStringSubmatch(body)
		if next = ""; m != nil {
			next = strings.ReplaceAll(m[1], "&amp;", "&")
		}
		if pages > 100 {
			t.Fatal("the pages have no end")
		}
	}
	if rows != n+3 || pages != 47 {
		t.Errorf("%d rows on %d pages", rows, pages)
	}
	before := disclosures(t, p.Door)
	_, list, _ := get(t, h, path+"/csv")
	if lines := strings.Count(list, "\r\n"); lines != n+4 {
		t.Errorf("the file has %d lines", lines)
	}
	if now := disclosures(t, p.Door); now-before != 3 {
		t.Errorf("the download of three pieces left %d entries in the audit", now-before)
	}
	says(t, list, observationFile+",2,10000000-0000-4000-8000-000000000001/30000000-0000-4000-8000-000000000000,PatientGuid,", fmt.Sprintf(",%d,", n+1))
}

// disclosures is how many entries the audit has.
func disclosures(t *testing.T, door *record.Door) int64 {
	t.Helper()
	n, err := door.VerifyAudit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}
