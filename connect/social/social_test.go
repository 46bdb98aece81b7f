package social

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/kith-care/kith/connect/fact/facttest"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store/storetest"
)

var update = flag.Bool("update", false, "write the goldens again")

var council = intake.Feed{Name: "council", Kind: "cld", Title: "Merrowby Council"}

func submission(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestASubmissionBecomesRequestsAssessmentsServicesAndReviews(t *testing.T) {
	d := facttest.Desk(t, "", council)
	r := facttest.Extract(t, d, CLD(), "council", "q2", "CLD_ZZC_2.csv", submission(t, "q2.csv"))
	if r.Rows.In != 8 || r.Rows.Quarantined != 2 {
		t.Errorf("%+v", r.Rows)
	}
	facttest.Golden(t, "q2.golden", facttest.Text(t, d), *update)
}

// What a later submission leaves out: an event of its year was taken back, one before its year stays, a service ended with the period that last had it.
func TestSubmissionsInAnyOrderEndInTheSameRecord(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		var want string
		for i, order := range [][]string{{"q2.csv", "q3.csv", "q4.csv"}, {"q4.csv", "q3.csv", "q2.csv"}, {"q3.csv", "q2.csv", "q4.csv"}, {"q2.csv", "q4.csv", "q3.csv"}} {
			d := facttest.Desk(t, db, council)
			for _, name := range order {
				facttest.Extract(t, d, CLD(), "council", name, name, submission(t, name))
			}
			before := facttest.Changes(t, d)
			facttest.Extract(t, d, CLD(), "council", "again", "again.csv", submission(t, "q4.csv"))
			if n := facttest.Changes(t, d) - before; n != 0 {
				t.Errorf("%v: the newest submission sent again changes %d resources", order, n)
			}
			got := sorted(string(facttest.Text(t, d)))
			if i == 0 {
				want = got
				ended := facttest.One(t, d, "EpisodeOfCare?identifier=urn:kith:source:council|"+strings.ReplaceAll("ZZC|LA2|Service|2025-02-14||Service User|Long Term Support: Community|Meals", "|", `\|`))
				if end := ended.Root().Get("period").Get("end").Text(); end != "2026-06-30" {
					t.Errorf("the service that q3 lacks ended on %q", end)
				}
				if n := facttest.Count(t, d, "Encounter?date=sa2026-05-04&date=eb2026-05-07"); n != 0 {
					t.Error("the assessment that q3 takes back is still there")
				}
				if n := facttest.Count(t, d, "Encounter?date=sa2025-07-17&date=eb2025-07-20"); n != 1 {
					t.Error("the review before q3's year is gone")
				}
				continue
			}
			if got != want {
				t.Errorf("%v ends otherwise than %v", order, "q2 q3 q4")
			}
		}
	})
}

func sorted(text string) string {
	all := strings.Split(text, "\n}\n")
	for i := range all {
		for j := i; j > 0 && all[j] < all[j-1]; j-- {
			all[j], all[j-1] = all[j-1], all[j]
		}
	}
	return strings.Join(all, "\n")
}

// A service that comes back is open again.
func TestAServiceThatComesBackIsOpenAgain(t *testing.T) {
	d := facttest.Desk(t, "", council)
	q2 := submission(t, "q2.csv")
	for i, text := range []string{q2, submission(t, "q3.csv"), strings.ReplaceAll(q2, "2026-06-30", "2026-12-31")} {
		facttest.Extract(t, d, CLD(), "council", string(rune('a'+i)), string(rune('a'+i))+".csv", text)
	}
	if n := facttest.Count(t, d, "EpisodeOfCare?status=finished"); n != 0 {
		t.Errorf("%d services are closed", n)
	}
}

var agency = intake.Feed{Name: "agency", Kind: VisitsKind, Title: "Home care"}

func TestVisits(t *testing.T) {
	d := facttest.Desk(t, "", agency)
	for _, name := range []string{"visits.csv", "visits.ndjson"} {
		it := facttest.Receive(t, d, "agency", name, []byte(submission(t, name)), Visits)
		if want := map[string]int{"visits.csv": 1, "visits.ndjson": 2}[name]; it.Rows.Quarantined != want {
			t.Errorf("%s: %+v", name, it.Rows)
		}
		if name == "visits.csv" && it.Notes["a time in the hour of a clock change"] == 0 {
			t.Errorf("%s: nobody noticed the hour that comes twice: %v", name, it.Notes)
		}
	}
	facttest.Golden(t, "visits.golden", facttest.Text(t, d), *update)
}

// The same visits in another file change nothing; a visit written up again with fewer medicines takes the others back.
func TestVisitsAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := facttest.Desk(t, db, agency)
		text := submission(t, "visits.csv")
		facttest.Receive(t, d, "agency", "a.csv", []byte(text), Visits)
		before := facttest.Changes(t, d)
		facttest.Receive(t, d, "agency", "b.csv", []byte("\ufeff"+text), Visits)
		if n := facttest.Changes(t, d) - before; n != 0 {
			t.Errorf("the same visits change %d resources", n)
		}
		if n := facttest.Count(t, d, "MedicationAdministration?_count=50"); n != 3 {
			t.Fatalf("%d medicines", n)
		}
		facttest.Receive(t, d, "agency", "c.csv", []byte(strings.Replace(text, "Paracetamol 500mg tablets; Amlodipine 5mg tablets", "Paracetamol 500mg tablets", 1)), Visits)
		if n := facttest.Count(t, d, "MedicationAdministration?_count=50"); n != 2 {
			t.Errorf("%d medicines after the visit was written up again, want 2", n)
		}
	})
}

// The same submission with its days written the other way once stood beside the first; that of another council took its place; one in UTF-16 or without its
// columns was not even kept.
func TestASubmissionThatIsNotOursTakesNothingsPlace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		feed := council
		feed.Organization = "ZZC"
		d := facttest.Desk(t, db, feed)
		q4 := submission(t, "q4.csv")
		good := facttest.Extract(t, d, CLD(), "council", "good", "q4.csv", q4)
		want := facttest.Text(t, d)
		if len(want) == 0 || good.Rows.Filed == 0 {
			t.Fatalf("%+v", good.Rows)
		}
		other := regexp.MustCompile(`(\d{4})-(\d\d)-(\d\d)`).ReplaceAllString(q4, "$3/$2/$1")
		r := facttest.Extract(t, d, CLD(), "council", "days", "q4_v2.csv", strings.Replace(other, "\n", "\n\r\n", 1))
		if r.Rows.Filed != good.Rows.Filed || r.Rows.Quarantined != good.Rows.Quarantined {
			t.Errorf("days as dd/MM/yyyy: %+v, want as before: %+v", r.Rows, good.Rows)
		}
		if got := facttest.Text(t, d); sorted(string(got)) != sorted(string(want)) {
			t.Errorf("days as dd/MM/yyyy give another record:\n%s\nwant:\n%s", got, want)
		}
		header, _, _ := strings.Cut(q4, "\n")
		for name, c := range map[string]struct{ text, why string }{
			"another council": {strings.ReplaceAll(q4, "ZZC,", "ZZD,"), `the submission is of "ZZD", the feed of "ZZC"`},
			"UTF-16":          {"\xff\xfe" + strings.Join(strings.Split(q4, ""), "\x00") + "\x00", "UTF-16"},
			"no event type":   {strings.Replace(q4, "Event_Type", "Type", 1), "there is no column Event_Type"},
			"semicolons":      {strings.ReplaceAll(q4, ",", ";"), "there is no column"},
			"empty":           {"", "the file is empty"},
			"no rows":         {header + "\n", "does not say what the submission covers"},
		} {
			r := facttest.Extract(t, d, CLD(), "council", name, name+"_v9.csv", c.text)
			if len(r.Items) != 1 || r.Items[0].Status != intake.Quarantined || !strings.Contains(r.Items[0].Reason, c.why) {
				t.Errorf("%s: %+v, want %q", name, r, c.why)
			}
		}
		lines := strings.SplitAfter(q4, "\n")
		lines[2] = strings.Replace(lines[2], "ZZC,", "ZZD,", 1)
		r = facttest.Extract(t, d, CLD(), "council", "mixed", "q4_v10.csv", strings.Join(lines, ""))
		if r.Rows.Quarantined != good.Rows.Quarantined+1 {
			t.Errorf("a row of another council: %+v", r.Rows)
		}
	})
}

// A stray quote once swallowed the visits after it; a visit that was sent alone and could not be filed was answered as filed.
func TestAVisitThatCannotBeReadCostsItselfOnly(t *testing.T) {
	d := facttest.Desk(t, "", agency)
	const head, visit = "Visit_ID,client_ref,planned_start,note\n", "%s,C1,2026-08-30 0%d:00,%s\n"
	text := head + fmt.Sprintf(visit, "v1", 8, "well") + fmt.Sprintf(visit, "v2", 9, `"not, well`) + fmt.Sprintf(visit, "v3", 9, "\xff") + fmt.Sprintf(visit, "v4", 9, "well")
	it := facttest.Receive(t, d, "agency", "visits.csv", []byte(text), Visits)
	if n := facttest.Count(t, d, "Encounter"); n != 2 || it.Rows.In != 4 || it.Rows.Quarantined != 2 {
		t.Errorf("%d visits, %+v; want two filed and two in quarantine", n, it.Rows)
	}
	for name, c := range map[string]struct{ text, why string }{
		"one that cannot be filed": {head + fmt.Sprintf(visit, "", 8, ""), "line 2: the visit says no visit id"},
		"one line of JSON":         {`{"visitId":5}`, "line 1: the visit is no JSON of a visit"},
		"UTF-16":                   {"\xff\xfev\x00i\x00", "UTF-16"},
		"other columns":            {"a;b\n", `there is no column visit_id; the columns are "a;b"`},
	} {
		if _, err := d.Receive(t.Context(), "agency", name, []byte(c.text), Visits); fhir.KindOf(err) != fhir.Invalid || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want %q", name, err, c.why)
		}
	}
}

func FuzzVisits(f *testing.F) {
	for _, name := range []string{"visits.csv", "visits.ndjson"} {
		f.Add([]byte(submission(f, name)))
	}
	f.Add([]byte("[{}]"))
	f.Add([]byte("visit_id,client_ref,planned_start\n\"a,b"))
	d := facttest.Desk(f, "", agency)
	feed, err := d.Named("agency")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := Visits(t.Context(), d, feed, &intake.Item{Number: 1, Name: "x"}, raw)
		if err == nil && r.Rows.In < len(r.Bad) {
			t.Errorf("%d rows, %d of them bad", r.Rows.In, len(r.Bad))
		}
	})
}

func FuzzCLDFile(f *testing.F) {
	f.Add("CLD_ZZC.csv", []byte(submission(f, "q2.csv")))
	f.Add("x_v2.csv", []byte("LA_Person_Unique_Identifier,Event_Type,Reporting_Period_End_Date\na,b,30/06/2026\n"))
	f.Fuzz(func(t *testing.T, name string, head []byte) {
		if file, err := cldFile(name, head, "ZZC"); err == nil && file != nil && file.Stamp.IsZero() {
			t.Error("a submission without a time")
		}
	})
}

// What was not given is filed with why, and whose visit it was; written up again as given, it is no longer not given.
func TestMedicinesThatWereNotGiven(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		care := agency
		care.Organization = "ZZHC"
		d := facttest.Desk(t, db, care)
		const head = "visit_id,client_ref,planned_start,arrived,left,medicines_given,medicines_not_given\n"
		facttest.Receive(t, d, "agency", "a.csv", []byte(head+"V1,C1,2026-08-28 08:00,2026-08-28 08:05,2026-08-28 08:20,Senna,Insulin: None left; Paracetamol\n"), Visits)
		not := facttest.One(t, d, "MedicationAdministration?status=not-done&identifier=V1-n1")
		if got := not.Root().Get("medicationCodeableConcept").Get("text").Text(); got != "Insulin" || !strings.Contains(string(not.Bytes()), "None left") {
			t.Errorf("%s", not.Bytes())
		}
		if n := facttest.Count(t, d, "MedicationAdministration?status=not-done"); n != 2 {
			t.Errorf("%d were not given", n)
		}
		if visit := facttest.One(t, d, "Encounter?class=HH"); !strings.Contains(string(visit.Bytes()), `"value":"ZZHC"`) || !strings.Contains(string(visit.Bytes()), "Home care") {
			t.Errorf("%s", visit.Bytes())
		}
		facttest.Receive(t, d, "agency", "b.ndjson", []byte(`{"visitId":"V1","client":{"ref":"C1"},"plannedStart":"2026-08-28 08:00","arrived":"2026-08-28 08:05","left":"2026-08-28 08:30","medicinesGiven":["Senna","Insulin"],"medicinesNotGiven":["Paracetamol: Not wanted"]}`), Visits)
		if n := facttest.Count(t, d, "MedicationAdministration?status=not-done"); n != 1 {
			t.Errorf("after it was written up again %d were not given", n)
		}
	})
}
