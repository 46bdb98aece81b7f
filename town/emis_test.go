package town

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/conformance/need"
)

// catalogue reads the columns of a supplier's tables: table, then variant, then columns.
func catalogue(t *testing.T, name string) map[string][][]string {
	t.Helper()
	in, err := os.Open(need.Data(t, "gp-extracts", "column-catalogue", name))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	rows, err := csv.NewReader(in).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	tables, last := map[string][][]string{}, ""
	for _, r := range rows[1:] {
		if key := r[1] + "/" + r[2]; key != last {
			tables[r[1]] = append(tables[r[1]], nil)
			last = key
		}
		v := tables[r[1]]
		v[len(v)-1] = append(v[len(v)-1], r[5])
	}
	return tables
}

func TestEMISColumnsAreTheCatalogues(t *testing.T) {
	known := catalogue(t, "emis.csv")
	for _, table := range emisTables {
		if table.name == "PatientHistory" {
			continue // assumed
		}
		for _, columns := range []string{table.columns, table.older} {
			if columns == "" {
				continue
			}
			if !slices.ContainsFunc(known[table.name], func(v []string) bool { return strings.Join(v, ",") == columns }) {
				t.Errorf("%s_%s: no such columns in the catalogue: %s", table.schema, table.name, columns)
			}
		}
		delete(known, table.name)
	}
	for name := range known {
		t.Errorf("the catalogue's table %s is not written", name)
	}
}

// written writes a small town once for all tests that read it.
func written(t *testing.T, town Town, w Writing) (dir string, done Written) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "out")
	done, err := town.Write(t.Context(), dir, w)
	if err != nil {
		t.Fatal(err)
	}
	return dir, done
}

func lines[T any](t *testing.T, path string) (all []T) {
	t.Helper()
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	s := bufio.NewScanner(in)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var x T
		if err := json.Unmarshal(s.Bytes(), &x); err != nil {
			t.Fatalf("%s: %v: %s", path, err, s.Text())
		}
		all = append(all, x)
	}
	return all
}

// A reader that knows nothing but the files must end with the truth: the last row of each key by ProcessingId, less what
// was deleted, less what belongs to a deleted patient.
func TestEMISRowsEndAsTheTruthSays(t *testing.T) {
	dir, done := written(t, Town{Seed: 4, People: 1500}, Writing{Density: Tenth, Days: 5, Feeds: []string{"emis-zz001", "emis-zz002"}})
	bad := map[string]bool{}
	outcomes := map[string]int{}
	for _, b := range lines[trueBad](t, filepath.Join(dir, "truth", "bad.ndjson")) {
		bad[fmt.Sprint(b.File, ":", b.Line)] = true
		outcomes[b.Why]++
	}
	facts := lines[trueFact](t, filepath.Join(dir, "truth", "facts.ndjson"))
	if int64(len(facts)) != done.Facts {
		t.Errorf("%d lines of truth, %d counted", len(facts), done.Facts)
	}
	deleted := map[string]int{}
	for _, feed := range []string{"emis-zz001", "emis-zz002"} {
		r := emisReader{t: t, dir: dir, bad: bad, rows: map[string]map[string]emisRow{}, terms: map[string]emisRow{}}
		r.read(feed)
		if len(r.patients()) < 200 {
			t.Errorf("%s has %d patients of 1,500", feed, len(r.patients()))
		}
		want, seen := map[string]trueFact{}, map[string]string{}
		for _, f := range facts {
			if f.Feed != feed {
				continue
			}
			if f.Kind == "Condition" { // two truths may share a row
				want["Condition "+f.Key] = f
			} else if old, twice := seen[f.Key]; twice {
				t.Fatalf("%s: %s is in the truth twice: %s and %s", feed, f.Key, old, f.Kind)
			} else {
				want[f.Key], seen[f.Key] = f, f.Kind
			}
			if f.Deleted {
				deleted[feed]++
			}
		}
		r.compare(feed, want)
	}
	for _, why := range []string{"the row is cut short", "30 February is not a date", "the slot names a patient nobody knows"} {
		if outcomes[why] == 0 {
			t.Errorf("no bad row says %q", why)
		}
	}
	if deleted["emis-zz001"] == 0 || deleted["emis-zz002"] == 0 {
		t.Errorf("nothing was deleted: %v", deleted)
	}
}

type emisRow map[string]string

// emisReader replays a feed's drops.
type emisReader struct {
	t     *testing.T
	dir   string
	bad   map[string]bool
	rows  map[string]map[string]emisRow // table → GUID → last row
	terms map[string]emisRow            // CodeId → code
	gone  map[string]bool
}

func (r *emisReader) read(feed string) {
	drops, _ := filepath.Glob(filepath.Join(r.dir, feed, "*"))
	slices.SortFunc(drops, func(a, b string) int {
		if filepath.Base(a) == "bulk" {
			return -1
		}
		return strings.Compare(a, b)
	})
	r.gone = map[string]bool{}
	for _, drop := range drops {
		paths, _ := filepath.Glob(filepath.Join(drop, "*.csv"))
		if len(paths) != len(emisTables) {
			r.t.Errorf("%s has %d files", drop, len(paths))
		}
		for _, path := range paths {
			r.file(path)
		}
	}
}

func (r *emisReader) file(path string) {
	parts := strings.Split(filepath.Base(path), "_")
	if len(parts) != 5 {
		r.t.Fatalf("%s has %d parts", path, len(parts))
	}
	table := parts[2]
	if r.rows[table] == nil {
		r.rows[table] = map[string]emisRow{}
	}
	in, err := os.Open(path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer in.Close()
	c := csv.NewReader(in)
	c.FieldsPerRecord = -1
	header, err := c.Read()
	if err != nil {
		r.t.Fatal(err)
	}
	rel, _ := filepath.Rel(r.dir, path)
	for {
		fields, err := c.Read()
		if err != nil {
			return
		}
		line, _ := c.FieldPos(0)
		if r.bad[fmt.Sprint(rel, ":", line)] {
			continue
		}
		if len(fields) != len(header) {
			r.t.Fatalf("%s:%d has %d fields, the header %d, and the truth does not call it bad", rel, line, len(fields), len(header))
		}
		row := emisRow{}
		for i, name := range header {
			row[name] = fields[i]
			if strings.HasSuffix(name, "Date") && fields[i] != "" {
				if _, err := time.Parse(time.DateOnly, fields[i]); err != nil {
					r.t.Fatalf("%s:%d: %s is %s", rel, line, name, fields[i])
				}
			}
		}
		r.keep(table, row)
	}
}

func (r *emisReader) keep(table string, row emisRow) {
	key := row[strings.TrimSuffix(table, "Record")+"Guid"]
	switch table {
	case "ClinicalCode", "DrugCode":
		r.terms[row["CodeId"]] = row
		return
	case "Problem", "ObservationReferral":
		key = row["ObservationGuid"]
	case "DrugRecord", "IssueRecord":
		key = row[table+"Guid"]
	}
	if key == "" {
		return
	}
	old, had := r.rows[table][key]
	if had && serialOf(old) > serialOf(row) {
		return
	}
	r.rows[table][key] = row
}

func serialOf(row emisRow) int64 {
	n, _ := strconv.ParseInt(row["ProcessingId"], 10, 64)
	return n
}

func (r *emisReader) patients() (alive []string) {
	for key, row := range r.rows["Patient"] {
		if row["Deleted"] == "false" {
			alive = append(alive, key)
		}
	}
	return alive
}

func (r *emisReader) compare(feed string, want map[string]trueFact) {
	t := r.t
	found := 0
	check := func(key string, row emisRow, system, code, value string) {
		f, ok := want[key]
		absent := row["Deleted"] == "true" || r.rows["Patient"][row["PatientGuid"]]["Deleted"] != "false"
		if !ok {
			t.Errorf("%s: %s was sent, and the truth does not know it", feed, key)
			return
		}
		delete(want, key)
		found++
		if f.Deleted != absent {
			t.Errorf("%s: %s: absent %t, the truth says %t", feed, key, absent, f.Deleted)
		}
		date := row["EffectiveDate"]
		if row["AppointmentDate"] != "" {
			date = row["AppointmentDate"]
		}
		switch row["EffectiveDatePrecision"] {
		case "Y":
			date = date[:4]
		case "YM":
			date = date[:7]
		}
		if !f.Deleted && (f.System != system || f.Code != code || f.Value != value || f.Date != date || f.Patient != row["PatientGuid"]) {
			t.Errorf("%s: %s is %s|%s = %s on %s, the truth is %+v", feed, key, system, code, value, date, f)
		}
	}
	for table, rows := range r.rows {
		for key, row := range rows {
			switch table {
			case "Observation", "Diary":
				term := r.terms[row["CodeId"]]
				system, code := snomed, term["SnomedCTConceptId"]
				if code == "" {
					system, code = readTwo, term["ReadTermId"]
				}
				if f, ok := want[key]; ok || want["Condition "+key].Key == "" {
					_ = f
					check(key, row, system, code, row["Value"])
				}
				if want["Condition "+key].Key != "" {
					check("Condition "+key, row, system, code, "")
				}
			case "DrugRecord", "IssueRecord":
				check(key, row, dmd, r.terms[row["CodeId"]]["DmdProductCodeId"], "")
			case "Consultation", "Slot":
				check(key, row, "", "", "")
			case "Problem", "ObservationReferral":
				if _, ok := r.rows["Observation"][key]; !ok {
					t.Errorf("%s: %s %s has no observation", feed, table, key)
				}
			}
		}
	}
	for key, f := range want {
		t.Errorf("%s: the truth says %+v, and %s was never sent", feed, f, key)
	}
	if found < 10_000 {
		t.Errorf("%s: %d facts", feed, found)
	}
}

func TestCheckDigitsOfCodesAreRight(t *testing.T) {
	for i := range clinicals {
		c := &clinicals[i]
		if n := len(c.snomed); n > 0 && withCheck(c.snomed[:n-1]) != c.snomed {
			t.Errorf("%s, %s: its check digit is wrong", c.snomed, c.term)
		}
		if len(c.read2) < 5 || len(c.ctv3) != 5 {
			t.Errorf("%s: Read %q, CTV3 %q", c.term, c.read2, c.ctv3)
		}
	}
}

// The same town and writing must be the same bytes, however many work at it.
func TestWritingTwiceIsTheSameBytes(t *testing.T) {
	town, w := Town{Seed: 9, People: 300}, Writing{Density: Tenth, Days: 3}
	a, _ := written(t, town, w)
	b, _ := written(t, town, w)
	n := 0
	err := filepath.WalkDir(a, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		n++
		rel, _ := filepath.Rel(a, path)
		one, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		other, err := os.ReadFile(filepath.Join(b, rel))
		if err != nil {
			return err
		}
		if string(one) != string(other) {
			t.Errorf("%s differs", rel)
		}
		return nil
	})
	if err != nil || n < 50 {
		t.Errorf("%d files: %v", n, err)
	}
}
