package town

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/validate"
)

func TestAdastraColumnsAreTheCatalogues(t *testing.T) {
	known := catalogue(t, "adastra.csv")
	for _, table := range adastraTables {
		variants := known[table.name]
		if len(variants) == 0 || strings.Join(variants[len(variants)-1], ",") != table.columns {
			t.Errorf("%s: its newest columns in the catalogue are %v", table.name, variants)
		}
		delete(known, table.name)
	}
	for name := range known {
		t.Errorf("the catalogue's table %s is not written", name)
	}
}

// table reads a CSV with a header; later rows of the same key replace earlier ones.
func table(t *testing.T, path, key string) map[string]map[string]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	all := map[string]map[string]string{}
	for _, fields := range rows[1:] {
		row := map[string]string{}
		for i, name := range rows[0] {
			row[name] = fields[i]
		}
		all[row[key]] = row
	}
	return all
}

func TestServicesEndAsTheTruthSays(t *testing.T) {
	dir, _ := written(t, Town{Seed: 4, People: 3000}, Writing{Density: Sixty, Days: 2, Feeds: []string{"homecare-zzhc", "devices", "outofhours-adastra", "community-zzct", councilName}})
	want := map[string]map[string]trueFact{}
	for _, f := range lines[trueFact](t, filepath.Join(dir, "truth", "facts.ndjson")) {
		if want[f.Feed] == nil {
			want[f.Feed] = map[string]trueFact{}
		}
		want[f.Feed][f.Kind+" "+f.Key] = f
	}
	found := func(feed, kind, key string) trueFact {
		f, ok := want[feed][kind+" "+key]
		if !ok {
			t.Errorf("%s sent %s %s, which the truth does not know", feed, kind, key)
		}
		delete(want[feed], kind+" "+key)
		return f
	}

	visits := table(t, filepath.Join(dir, "homecare-zzhc", "visits.csv"), "visit_id")
	for id, row := range visits {
		f := found("homecare-zzhc", "Encounter", id)
		if row["planned_start"][:10] != f.Date || row["client_ref"] != f.Patient {
			t.Errorf("visit %v, the truth is %+v", row, f)
		}
		for i, name := range strings.Split(row["medicines_given"], "; ") {
			if name != "" {
				found("homecare-zzhc", "MedicationAdministration", id+"-m"+strconv.Itoa(i+1))
			}
		}
	}
	seen := map[string]bool{}
	for _, v := range lines[struct {
		VisitID        string   `json:"visitId"`
		MedicinesGiven []string `json:"medicinesGiven"`
	}](t, filepath.Join(dir, "homecare-zzhc", "visits.ndjson")) {
		if seen[v.VisitID] {
			continue // written up again
		}
		seen[v.VisitID] = true
		found("homecare-zzhc", "Encounter", v.VisitID)
		for i := range v.MedicinesGiven {
			found("homecare-zzhc", "MedicationAdministration", v.VisitID+"-m"+strconv.Itoa(i+1))
		}
	}
	for id, row := range table(t, filepath.Join(dir, "community-zzct", "contacts.csv"), "contact_id") {
		f := found("community-zzct", "Encounter", id)
		if on, err := time.Parse("02/01/2006", row["contact_date"]); err != nil || ymd(on) != f.Date {
			t.Errorf("contact %v, the truth is %+v", row, f)
		}
	}
	folder := filepath.Join(dir, "outofhours-adastra")
	for ref := range table(t, filepath.Join(folder, "CASE.csv"), "CaseRef") {
		found("outofhours-adastra", "Encounter", ref)
	}
	for ref, row := range table(t, filepath.Join(folder, "CLINICALCODES.csv"), "ConsultationRef") {
		if f := found("outofhours-adastra", "Condition", ref); f.Code != row["ClinicalCode"] {
			t.Errorf("code %v, the truth is %+v", row, f)
		}
	}
	for ref, row := range table(t, filepath.Join(folder, "PRESCRIPTIONS.csv"), "ConsultationRef") {
		found("outofhours-adastra", "MedicationRequest", ref+"-"+row["DMDCode"])
	}
	readingsEnd(t, dir, found)
	submissionsEnd(t, dir, want[councilName])
	for _, feed := range []string{"homecare-zzhc", "community-zzct", "outofhours-adastra", "devices"} {
		for key := range want[feed] {
			t.Errorf("the truth says %s of %s, which was never sent", key, feed)
		}
	}
	if len(visits) < 1000 {
		t.Errorf("%d visits at home", len(visits))
	}
}

// readingsEnd reads what devices sent. The bytes are read as the Bluetooth specification says, not as they were written.
func readingsEnd(t *testing.T, dir string, found func(feed, kind, key string) trueFact) {
	t.Helper()
	type point struct {
		Header struct {
			ID string `json:"id"`
		} `json:"header"`
		Body struct {
			Systolic struct {
				Value json.Number `json:"value"`
			} `json:"systolic_blood_pressure"`
		} `json:"body"`
	}
	seen := map[string]bool{}
	for _, p := range lines[point](t, filepath.Join(dir, "devices", "openmhealth.ndjson")) {
		if seen[p.Header.ID] {
			continue
		}
		seen[p.Header.ID] = true
		f := found("devices", "Observation", p.Header.ID)
		if s := p.Body.Systolic.Value.String(); s != "" && !strings.HasPrefix(f.Value, s+"/") {
			t.Errorf("a pressure of %s, the truth is %+v", s, f)
		}
	}
	type caught struct{ ID, Characteristic, Value string }
	kinds, lostClock := map[string]int{}, false
	for _, c := range lines[caught](t, filepath.Join(dir, "devices", "bluetooth.ndjson")) {
		if seen[c.ID] {
			continue
		}
		seen[c.ID] = true
		f := found("devices", "Observation", c.ID)
		b, err := hex.DecodeString(c.Value)
		if err != nil {
			t.Fatal(err)
		}
		kinds[c.Characteristic]++
		u16 := func(i int) int { return int(b[i]) | int(b[i+1])<<8 }
		got, year := "", 0
		switch c.Characteristic {
		case "2A35":
			got, year = strconv.Itoa(u16(1))+"/"+strconv.Itoa(u16(3)), u16(7)
		case "2A9D":
			got, year = strconv.FormatFloat(float64(u16(1))/200, 'f', 1, 64), u16(3)
		case "2A5E":
			got, year = strconv.Itoa(u16(1)), u16(5)
		}
		if got != f.Value {
			t.Errorf("%s %s is %s, the truth is %+v", c.Characteristic, c.Value, got, f)
		}
		lostClock = lostClock || year == 2000
	}
	if kinds["2A35"] == 0 || kinds["2A9D"] == 0 || kinds["2A5E"] == 0 || !lostClock {
		t.Errorf("characteristics %v, a lost clock %t", kinds, lostClock)
	}
}

// submissionsEnd replaces the first submission by the second where both cover, and compares.
func submissionsEnd(t *testing.T, dir string, want map[string]trueFact) {
	t.Helper()
	paths, _ := filepath.Glob(filepath.Join(dir, councilName, "*", "*.csv"))
	if len(paths) != 2 {
		t.Fatalf("%d submissions", len(paths))
	}
	have := map[string]map[string]string{}
	stopped := 0
	for n, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		if err != nil || strings.Join(rows[0], ",") != clientLevelColumns {
			t.Fatalf("%s: %v", path, err)
		}
		now, start := map[string]map[string]string{}, ""
		for _, fields := range rows[1:] {
			row := map[string]string{}
			for i, name := range rows[0] {
				row[name] = fields[i]
			}
			start = row["Reporting_Period_Start_Date"]
			end := row["Event_End_Date"]
			if row["Event_Type"] == "Service" {
				end = ""
			}
			detail := row["Request_Route_of_Access"] + row["Assessment_Type"] + row["Service_Type"] + row["Review_Reason"]
			kind := map[string]string{"Request": "ServiceRequest", "Assessment": "Encounter", "Service": "EpisodeOfCare", "Review": "Encounter"}[row["Event_Type"]]
			now[kind+" "+strings.Join([]string{row["LA_Code"], row["LA_Person_Unique_Identifier"], row["Event_Type"], row["Event_Start_Date"], end, row["Client_Type"], detail, row["Service_Component"]}, "|")] = row
		}
		for key, row := range have {
			if n == 1 && now[key] == nil && row["Event_Type"] != "Service" && row["Event_Start_Date"] >= start {
				row["gone"] = "yes"
			}
			if n == 1 && now[key] == nil && row["Event_Type"] == "Service" && row["Event_End_Date"] == "" {
				stopped++
			}
		}
		for key, row := range now {
			have[key] = row
		}
	}
	for key, row := range have {
		f, ok := want[key]
		if !ok || f.Deleted != (row["gone"] == "yes") {
			t.Errorf("%s: known %t, gone %q, the truth is %+v", key, ok, row["gone"], f)
		}
		delete(want, key)
	}
	for key := range want {
		t.Errorf("the truth says %s, which was never submitted", key)
	}
	if len(have) < 100 || stopped == 0 {
		t.Errorf("%d events, %d services that stopped without an end", len(have), stopped)
	}
}

// Every message of the pharmacy and the optician must be valid R4 and hold what the truth says.
func TestHighStreetMessagesAreValid(t *testing.T) {
	dir, _ := written(t, Town{Seed: 4, People: 900}, Writing{Density: Sixty, Days: 2, Feeds: []string{"pharmacy-zzph1"}})
	want := map[string]trueFact{}
	for _, f := range lines[trueFact](t, filepath.Join(dir, "truth", "facts.ndjson")) {
		want[f.Kind+"/"+f.Key] = f
	}
	paths, _ := filepath.Glob(filepath.Join(dir, "*-zz[po][hp]1", "*.json"))
	kinds := map[string]int{}
	var validator validate.Validator
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.Parse(data)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		issues, err := validator.Full(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		for _, issue := range issues {
			if issue.Severity == validate.Error {
				t.Fatalf("%s: %s: %s", path, issue.Expression, issue.Message)
			}
		}
		for e := range r.Root().Get("entry").Items() {
			res := e.Get("resource")
			kinds[res.Get("resourceType").Text()]++
			delete(want, res.Get("resourceType").Text()+"/"+res.Get("id").Text())
		}
	}
	for key := range want {
		t.Errorf("the truth says %s, which no message holds", key)
	}
	for _, kind := range []string{"MessageHeader", "Immunization", "Condition", "Observation", "ServiceRequest", "Encounter"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s: %v", kind, kinds)
		}
	}
}

// Services know people by other names, dates and addresses than practices do, at about the rates that are promised.
func TestServicesGetPeopleWrong(t *testing.T) {
	town := Town{Seed: 12, People: 6000}
	place, at := town.place(), town.until()
	rates := map[string]float64{}
	for i := range town.People {
		c := &chart{p: town.draw(i, place)}
		c.b = c.p.behind()
		for service, without := range map[string]float64{"hospital": 0.08, "council": 0.15, "community": 0.1} {
			x := c.known(service, at, without)
			each := 100 / float64(town.People)
			if x.bare {
				rates[service] += each
			}
			if service == "hospital" {
				for what, is := range map[string]bool{"misspelt": x.misspelt, "swapped": x.swapped, "baby": x.baby, "nickname": !x.misspelt && !x.baby && x.first != c.p.first} {
					if is {
						rates[what] += each
					}
				}
				if !c.b.changed.IsZero() {
					rates["moved practice"] += each
				}
			}
		}
	}
	for what, band := range map[string][2]float64{"hospital": {7, 9}, "council": {14, 16}, "community": {9, 11}, "misspelt": {2, 5}, "swapped": {0.1, 0.8}, "baby": {0.05, 0.6}, "nickname": {0.8, 8}, "moved practice": {2, 6}} {
		if rates[what] < band[0] || rates[what] > band[1] {
			t.Errorf("%s: %.2f per cent, expected %v", what, rates[what], band)
		}
	}
}

func TestNHSNumbersBeyondTheFirstRange(t *testing.T) {
	seen := map[string]bool{}
	for _, i := range []int{899_999, 900_000, 900_001, MostPeople - 1} {
		n := nhsNumber(3, i)
		if !rightNumber(n) || seen[n] || (n[:3] == "999") != (i < 900_000) {
			t.Errorf("person %d is %s", i, n)
		}
		seen[n] = true
	}
}

func TestWritingRefusesWhatItCannotDo(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "here"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		people int
		dir    string
		w      Writing
		says   string
	}{
		{0, "a", Writing{}, "1 to 1500000 people"}, {10, full, Writing{}, "is not empty"}, {10, "a", Writing{Days: -1}, "daily extracts"}, {10, "a", Writing{Density: "thick"}, `not "thick"`},
		{10, filepath.Join(full, "here", "x"), Writing{}, "cannot be written to"}, {10, filepath.Join(t.TempDir(), "a"), Writing{Feeds: []string{"emis"}}, `no feed "emis"`},
	} {
		if _, err := (Town{People: x.people}).Write(t.Context(), x.dir, x.w); err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%+v: %v, not %q", x, err, x.says)
		}
	}
}

// A town is written with the memory of a few people, and fast enough for a demonstration to begin with it.
func TestWritingStaysSmall(t *testing.T) {
	start := time.Now()
	dir := filepath.Join(t.TempDir(), "out")
	var most uint64
	done, err := (Town{Seed: 2, People: 2000}).Write(t.Context(), dir, Writing{Density: Tenth, Days: 2, Progress: func(n int) {
		if n%320 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rows in %.1f s, at most %d MB in use", done.Rows, time.Since(start).Seconds(), most>>20)
	if most > 300<<20 || time.Since(start) > 60*time.Second {
		t.Errorf("%d MB, %s", most>>20, time.Since(start))
	}
}

func BenchmarkFullPractice(b *testing.B) {
	var rows int64
	for b.Loop() {
		done, err := (Town{Seed: 1, People: 5000}).Write(b.Context(), filepath.Join(b.TempDir(), "out"), Writing{Density: Full, Days: 1, Feeds: []string{"emis-zz001"}})
		if err != nil {
			b.Fatal(err)
		}
		rows += done.Rows
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}

// Twins share a birthday and a surname, and some sons bear their father's name: what makes people hard to tell apart.
func TestSomePeopleAreHardToTellApart(t *testing.T) {
	town := Town{Seed: 12, People: 20_000}
	place := town.place()
	twins, juniors := 0, 0
	mates := []*person{}
	for i := range town.People {
		p := town.draw(i, place)
		if len(mates) > 0 && mates[0].home != p.home {
			mates = mates[:0]
		}
		for _, m := range mates {
			if m.role == 2 && p.role == 2 && m.born.Equal(p.born) && m.last == p.last {
				twins++
			}
			if m.role < 2 && p.role == 2 && !m.female && !p.female && m.first == p.first {
				juniors++
			}
		}
		mates = append(mates, p)
	}
	if twins < 15 || twins > 120 || juniors < 20 || juniors > 200 {
		t.Errorf("%d pairs of twins, %d sons of one name with their fathers", twins, juniors)
	}
}
