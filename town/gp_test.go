package town

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
)

func TestTPPColumnsAreTheCatalogues(t *testing.T) {
	known := catalogue(t, "tpp.csv")
	for _, table := range tppTables {
		if table.name == "SRManifest" {
			continue // assumed
		}
		for _, columns := range []string{table.columns, table.older} {
			if columns != "" && !slices.ContainsFunc(known[table.name], func(v []string) bool { return strings.Join(v, ",") == columns }) {
				t.Errorf("%s: no such columns in the catalogue: %s", table.name, columns)
			}
		}
		if strings.Contains(table.older, "RemovedData") {
			t.Errorf("%s: its older form says which rows were removed", table.name)
		}
	}
}

func TestVisionColumnsAreTheCatalogues(t *testing.T) {
	known := catalogue(t, "vision.csv")
	for name, variants := range known {
		i := slices.IndexFunc(visionTables, func(v visionTable) bool { return strings.EqualFold(v.name, name) })
		if i < 0 {
			t.Errorf("the catalogue's table %s is not written", name)
			continue
		}
		for _, columns := range []string{visionTables[i].columns, visionTables[i].older} {
			if columns != "" && !slices.ContainsFunc(variants, func(v []string) bool { return strings.Join(v, ",") == columns }) {
				t.Errorf("%s: no such columns in the catalogue: %s", name, columns)
			}
		}
	}
}

// truthOf returns a feed's facts by key, and Conditions that share a row with something else apart.
func truthOf(t *testing.T, dir, feed string) map[string]trueFact {
	t.Helper()
	want := map[string]trueFact{}
	for _, f := range lines[trueFact](t, filepath.Join(dir, "truth", "facts.ndjson")) {
		if f.Feed != feed {
			continue
		}
		key := f.Key
		if _, twice := want[key]; twice {
			key = f.Kind + " " + key
		}
		if _, twice := want[key]; twice {
			t.Fatalf("%s: %s is in the truth twice", feed, key)
		}
		want[key] = f
	}
	if len(want) < 5000 {
		t.Fatalf("%s: %d facts", feed, len(want))
	}
	return want
}

func TestTPPRowsEndAsTheTruthSays(t *testing.T) {
	dir, _ := written(t, Town{Seed: 4, People: 1500}, Writing{Density: Tenth, Days: 5, Feeds: []string{"tpp-zz003"}})
	drops, _ := filepath.Glob(filepath.Join(dir, "tpp-zz003", "*"))
	if len(drops) != 6 {
		t.Fatalf("%d drops", len(drops))
	}
	rows := map[string]map[string]map[string]string{}
	beyondASCII, removed := false, 0
	for _, drop := range drops {
		paths, _ := filepath.Glob(filepath.Join(drop, "*.csv"))
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			beyondASCII = beyondASCII || bytes.ContainsFunc(data, func(r rune) bool { return r == '\uFFFD' })
			all, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			table := strings.TrimSuffix(filepath.Base(path), ".csv")
			if rows[table] == nil {
				rows[table] = map[string]map[string]string{}
			}
			for _, fields := range all[1:] {
				row := map[string]string{}
				for i, name := range all[0] {
					row[name] = fields[i]
				}
				if row["RemovedData"] == "1" {
					removed++
				}
				rows[table][row["RowIdentifier"]] = row
			}
		}
	}
	if !beyondASCII {
		t.Error("no letter beyond ASCII was written in Windows-1252")
	}
	want := truthOf(t, dir, "tpp-zz003")
	for _, table := range []string{"SRCode", "SREvent", "SRAppointment", "SRRepeatTemplate", "SRPrimaryCareMedication", "SRDrugSensitivity", "SRImmunisation", "SRReferralOut", "SRRecall"} {
		for key, row := range rows[table] {
			f, ok := want[key]
			patient := f.Patient
			absent := row["RemovedData"] == "1" || rows["SRPatient"][patient]["RemovedData"] == "1"
			if !ok || f.Deleted != absent {
				t.Errorf("%s %s: known %t, absent %t, the truth says %t", table, key, ok, absent, f.Deleted)
				continue
			}
			delete(want, key)
			delete(want, "Condition "+key)
			if absent {
				continue
			}
			value := ""
			if row["IsNumeric"] == "TRUE" {
				value = row["NumericValue"]
			}
			on, err := time.Parse("02 Jan 2006 15:04:05", row["DateEvent"]+row["DateStart"])
			if err != nil || patient != row["IDPatient"] || table == "SRCode" && (value != f.Value || f.Code != row["SNOMEDCode"] && f.Code != row["CTV3Code"]) ||
				table != "SRRecall" && ymd(on) != f.Date {
				t.Errorf("%s %s: %v, the truth is %+v: %v", table, key, row, f, err)
			}
		}
	}
	for _, f := range want {
		t.Errorf("the truth says %+v, which was never sent", f)
	}
	shared := map[string]int{}
	for _, row := range rows["SRProblem"] {
		shared[row["IDCode"]]++
	}
	if !slices.Contains(slices.Collect(func(yield func(int) bool) {
		for _, n := range shared {
			if !yield(n) {
				return
			}
		}
	}), 2) {
		t.Error("no two problems share a code")
	}
	if removed == 0 {
		t.Error("nothing was removed")
	}
}

func TestTPPGapIsSentLate(t *testing.T) {
	dir, _ := written(t, Town{Seed: 4, People: 60}, Writing{Density: Tenth, Days: 5, Gap: true, Feeds: []string{"tpp-zz003"}})
	here, _ := filepath.Glob(filepath.Join(dir, "tpp-zz003", "*"))
	late, _ := filepath.Glob(filepath.Join(dir, "tpp-zz003-late", "*"))
	if len(here) != 5 || len(late) != 1 {
		t.Errorf("%d drops, %d late", len(here), len(late))
	}
}

// visionRowsOf reads the rows of a table, unzipped, in order of drops.
func visionRowsOf(t *testing.T, dir, table string) (all []map[string]string) {
	t.Helper()
	i := slices.IndexFunc(visionTables, func(v visionTable) bool { return v.name == table })
	drops, _ := filepath.Glob(filepath.Join(dir, "vision-zz004", "*"))
	slices.SortFunc(drops, func(a, b string) int {
		return strings.Compare(strings.Replace(a, "bulk", "0", 1), strings.Replace(b, "bulk", "0", 1))
	})
	for _, drop := range drops {
		zips, _ := filepath.Glob(filepath.Join(drop, "*_"+visionTables[i].zip+"_*.zip"))
		if len(zips) != 1 {
			t.Fatalf("%s has %d zips of %s", drop, len(zips), visionTables[i].zip)
		}
		data, err := os.ReadFile(zips[0])
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range unzipped(t, data) {
			if !strings.Contains(name, "_"+table+"_data_extract") {
				continue
			}
			c := csv.NewReader(strings.NewReader(text))
			c.FieldsPerRecord = -1
			rows, err := c.ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for _, fields := range rows {
				names := strings.Split(visionTables[i].columns, ",")
				if len(fields) != len(names) {
					names = strings.Split(visionTables[i].older, ",")
				}
				if len(fields) != len(names) {
					t.Fatalf("%s has %d columns", name, len(fields))
				}
				row := map[string]string{"drop": filepath.Base(drop)}
				for k, name := range names {
					row[name] = fields[k]
				}
				all = append(all, row)
			}
		}
	}
	return all
}

func unzipped(t *testing.T, data []byte) map[string]string {
	t.Helper()
	all := map[string]string{}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f.Name, ".zip") {
			for name, inner := range unzipped(t, text) {
				all[name] = inner
			}
			continue
		}
		all[f.Name] = string(text)
	}
	return all
}

func TestVisionRowsEndAsTheTruthSays(t *testing.T) {
	dir, _ := written(t, Town{Seed: 4, People: 1500}, Writing{Density: Tenth, Days: 5, Feeds: []string{"vision-zz004"}})
	want := truthOf(t, dir, "vision-zz004")
	gone := map[string]bool{}
	for _, row := range visionRowsOf(t, dir, "patient") {
		gone[row["PID"]] = row["ACTION"] == "D"
	}
	if len(gone) < 200 {
		t.Fatalf("%d patients", len(gone))
	}
	last, bad, actions := map[string]map[string]string{}, 0, map[string]int{}
	for _, table := range []string{"encounter", "referral", "journal"} {
		for _, row := range visionRowsOf(t, dir, table) {
			actions[row["ACTION"]]++
			if row["DATE"] == "20210931" {
				bad++
				continue
			}
			last[row["ID"]] = row
		}
	}
	for key, row := range last {
		f, ok := want[key]
		absent := row["ACTION"] == "D" || gone[row["PID"]]
		if !ok || f.Deleted != absent {
			t.Errorf("%s: known %t, absent %t, the truth says %t", key, ok, absent, f.Deleted)
			continue
		}
		delete(want, key)
		if absent {
			continue
		}
		value := row["VALUE1"]
		if row["VALUE2"] != "" {
			value += "/" + row["VALUE2"]
		}
		code := row["CODE"]
		for _, name := range []string{"SNOMED_CODE", "DMD_CODE"} {
			if row[name] != "" {
				code = row[name]
			}
		}
		if strings.ReplaceAll(f.Date, "-", "") != row["DATE"] || f.Patient != row["PID"] || code != f.Code || row["DMD_CODE"] == "" && f.Value != "" && f.Value != value {
			t.Errorf("%s: %v, the truth is %+v", key, row, f)
		}
	}
	for _, f := range want {
		t.Errorf("the truth says %+v, which was never sent", f)
	}
	if bad == 0 || actions["D"] == 0 || actions["C"] == 0 {
		t.Errorf("%d bad rows, actions %v", bad, actions)
	}
}

func TestGPConnectAnswersAsThePracticeDoes(t *testing.T) {
	town := Town{Seed: 4, People: 600}
	g := &GPConnect{Town: town}
	ask := func(number string, headers ...string) (int, string) {
		body := fmt.Sprintf(`{"resourceType":"Parameters","parameter":[{"name":"patientNHSNumber","valueIdentifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"%s"}},{"name":"includeAllergies","part":[{"name":"includeResolvedAllergies","valueBoolean":true}]},{"name":"includeMedication","part":[{"name":"includePrescriptionIssues","valueBoolean":false}]}]}`, number)
		r := httptest.NewRequest(http.MethodPost, "/Patient/$gpc.getstructuredrecord", strings.NewReader(body))
		for _, h := range []string{"Ssp-TraceID", "Ssp-From", "Ssp-To", "Ssp-InteractionID"} {
			r.Header.Set(h, "x")
		}
		r.Header.Set("Ssp-InteractionID", structuredInteraction)
		r.Header.Set("Authorization", "Bearer x")
		for _, h := range headers {
			r.Header.Del(h)
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	place := town.place()
	alive, dead := "", ""
	for i := range town.People {
		p := town.draw(i, place)
		b := p.behind()
		if p.practice != windmill || !b.changed.IsZero() || b.sensitive {
			continue
		}
		if p.died.IsZero() {
			alive = p.number
		} else {
			dead = p.number
		}
	}
	code, body := ask(alive)
	r, err := fhir.Parse([]byte(body))
	if code != 200 || err != nil || r.Type() != "Bundle" {
		t.Fatalf("%d, %v: %.300s", code, err, body)
	}
	kinds := map[string]int{}
	for e := range r.Root().Get("entry").Items() {
		kinds[e.Get("resource").Get("resourceType").Text()]++
	}
	if kinds["Patient"] != 1 || kinds["List"] != 2 || kinds["Observation"] != 0 || kinds["Organization"] != 1 {
		t.Errorf("asked for allergies and medicines, got %v", kinds)
	}
	if code, body := ask(dead); code != 404 || !strings.Contains(body, "PATIENT_NOT_FOUND") {
		t.Errorf("of someone who died: %d %s", code, body)
	}
	if code, body := ask("9990000001"); code != 400 || !strings.Contains(body, "INVALID_NHS_NUMBER") {
		t.Errorf("of a wrong number: %d %s", code, body)
	}
	if code, body := ask(alive, "Ssp-From"); code != 400 || !strings.Contains(body, "Ssp-From") {
		t.Errorf("without Ssp-From: %d %s", code, body)
	}
}

func TestGPConnectFilesHoldTheTruth(t *testing.T) {
	dir, _ := written(t, Town{Seed: 4, People: 900}, Writing{Density: Tenth, Days: 2, Feeds: []string{"gpconnect-zz005"}})
	want := truthOf(t, dir, "gpconnect-zz005")
	paths, _ := filepath.Glob(filepath.Join(dir, "gpconnect-zz005", "*.json"))
	lost := 0
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.Parse(data)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		ids := map[string]bool{}
		for e := range r.Root().Get("entry").Items() {
			res := e.Get("resource")
			ids[res.Get("resourceType").Text()+"/"+res.Get("id").Text()] = true
			delete(want, res.Get("id").Text())
		}
		for ref := range references(r.Root()) {
			if !ids[ref] {
				t.Errorf("%s refers to %s, which it does not hold", path, ref)
			}
		}
		lost += strings.Count(string(data), degraded)
	}
	for _, f := range want {
		t.Errorf("the truth says %+v, which no file holds", f)
	}
	if lost == 0 {
		t.Error("no medicine lost its code")
	}
}

// A practice that leaves deletes everybody; a reader that applied it would lose a practice.
func TestClosingDeletesEveryPatientOfThePractice(t *testing.T) {
	dir, _ := written(t, Town{Seed: 4, People: 400}, Writing{Density: Tenth, Days: 2, Closing: true, Feeds: []string{"emis-zz002", "emis-zz002-closing"}})
	r := emisReader{t: t, dir: dir, rows: map[string]map[string]emisRow{}, terms: map[string]emisRow{}}
	for _, b := range lines[trueBad](t, filepath.Join(dir, "truth", "bad.ndjson")) {
		if r.bad == nil {
			r.bad = map[string]bool{}
		}
		r.bad[fmt.Sprint(b.File, ":", b.Line)] = true
	}
	r.read("emis-zz002")
	before := len(r.patients())
	r.read("emis-zz002-closing")
	if after := r.patients(); before < 40 || len(after) != 0 {
		t.Errorf("%d patients before, %d after", before, len(after))
	}
	sharing, err := filepath.Glob(filepath.Join(dir, "emis-zz002-closing", "*", "*_SharingOrganisation_*"))
	if err != nil || len(sharing) != 1 {
		t.Fatalf("%v %v", sharing, err)
	}
	if text, err := os.ReadFile(sharing[0]); err != nil || !strings.Contains(string(text), ",true,false") {
		t.Errorf("the agreement is %s: %v", text, err)
	}
}

func FuzzStructuredRequest(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Parameters","parameter":[{"name":"patientNHSNumber","valueIdentifier":{"value":"9990000018"}},{"name":"includeMedication","part":[{"name":"medicationSearchFromDate","valueDate":"2020-01-01"}]}]}`))
	f.Add([]byte(`{"resourceType":"Parameters","parameter":[{"name":"includeAll"}]}`))
	f.Add([]byte(`{"resourceType":"Bundle"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		number, _, err := understood(body)
		if err == nil && number == "" {
			t.Errorf("%q asks for nobody and is understood", body)
		}
	})
}
