package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// toy is a supplier of four tables: people, what was measured, the problems made of some of it, and codes.
func toy() *Format {
	col := func(name string) func(*Row) string { return func(r *Row) string { return r.Get(name) } }
	deleted := func(r *Row) bool { return r.Get("deleted") == "true" }
	return &Format{
		Kind: "toy",
		Recognise: func(name string, _ []byte) (*File, error) {
			// people_20260101_full.csv
			parts := strings.Split(strings.TrimSuffix(name, ".csv"), "_")
			if len(parts) != 3 {
				return nil, nil
			}
			stamp, err := time.Parse("20060102", parts[1])
			if err != nil {
				return nil, fhir.Errorf(fhir.Invalid, "the name says no date")
			}
			return &File{Name: name, Table: parts[0], Stamp: stamp, Full: parts[2] == "full"}, nil
		},
		Stages: [][]string{{"codes"}, {"people"}, {"problems", "facts"}},
		Tables: []Table{
			{Name: "codes", Need: []string{"code"}, Key: col("code"), Unit: "code"},
			{Name: "people", Need: []string{"id"}, Key: col("id"), Unit: PatientUnit, Deleted: deleted, Hold: func(r *Row) string {
				if r.Get("name") == "STOP" {
					return "the practice stopped sharing"
				}
				return ""
			}},
			{Name: "problems", Need: []string{"id"}, Key: col("id"), Unit: "fact", Deleted: deleted},
			{Name: "facts", Need: []string{"id", "person"}, Key: col("id"), Unit: "fact", Deleted: deleted},
		},
		Units: []Unit{
			{Kind: "code", Users: func(r *Row) []string { return []string{"Observation?code=urn:toy|" + r.Get("code")} }},
			{Kind: PatientUnit, Makes: []string{"Patient"}, Map: func(m *Mapping) error {
				r := m.Row("people")
				return m.Put("Patient", &r4.Patient{Name: []r4.HumanName{{Family: r.Get("name")}}})
			}},
			{Kind: "fact", Makes: []string{"Observation", "Condition"},
				Patient: func(m *Mapping) string {
					if f := m.Row("facts"); f != nil {
						return f.Get("person")
					}
					return ""
				},
				Map: func(m *Mapping) error {
					f := m.Row("facts")
					if f == nil {
						return m.Wait("fact", m.Key)
					}
					code, err := m.Look("codes", f.Get("code"))
					if err != nil {
						return err
					}
					value, err := fhir.ParseDecimal(f.Get("value"))
					if err != nil {
						return f.Bad("value", "%v", err)
					}
					subject := m.Ref("Patient", PatientUnit, f.Get("person"))
					coding := []r4.Coding{{System: "urn:toy", Code: f.Get("code"), Display: code.Get("term")}}
					if err := m.Put("Observation", &r4.Observation{Status: "final", Code: &r4.CodeableConcept{Coding: coding}, Subject: subject, ValueQuantity: &r4.Quantity{Value: &value}}); err != nil {
						return err
					}
					p := m.Row("problems")
					if p == nil {
						return nil
					}
					return m.Put("Condition", &r4.Condition{Subject: subject, Code: &r4.CodeableConcept{Text: p.Get("note"), Coding: coding}})
				}},
		},
	}
}

type toyFile struct{ name, text string }

func (f toyFile) upload() Upload {
	return Upload{Name: f.name, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(f.text)), nil }}
}

func desk(t testing.TB, db string) *Desk {
	t.Helper()
	d, err := Open(context.Background(), record.TestOn(t, db))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Feed(context.Background(), Feed{Name: "toy", Kind: "toy", Title: "Toy Surgery", Organization: "ZZ9"}); err != nil {
		t.Fatal(err)
	}
	return d
}

func drop(t testing.TB, d *Desk, name string, files ...toyFile) *Report {
	t.Helper()
	var uploads []Upload
	for _, f := range files {
		uploads = append(uploads, f.upload())
	}
	r, err := d.Extract(context.Background(), toy(), "toy", name, uploads, nil)
	if err != nil {
		t.Fatalf("drop %s: %v", name, err)
	}
	return r
}

// hash is a digest of all that is in the record, what the record itself adds aside.
func hash(t testing.TB, d *Desk) string {
	t.Helper()
	var all []string
	for _, typ := range []string{"Patient", "Observation", "Condition"} {
		for next := typ + "?_count=500"; next != ""; {
			page, err := d.Door.Find(t.Context(), d.Who, next)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range page.Matches {
				res, err := m.Resource()
				if err != nil {
					t.Fatal(err)
				}
				meta := res.Root().Get("meta")
				text := strings.ReplaceAll(string(m.Body), string(meta.Raw()), meta.Get("source").Text())
				all = append(all, text)
			}
			next = page.Next
		}
	}
	sort.Strings(all)
	sum := sha256.Sum256([]byte(strings.Join(all, "\n")))
	return fmt.Sprint(len(all), " ", hex.EncodeToString(sum[:6]))
}

func count(t testing.TB, d *Desk, query string) int {
	t.Helper()
	page, err := d.Door.Find(t.Context(), d.Who, query)
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Matches)
}

const codes = "code,term\nbp,Blood pressure\nhr,Heart rate\n"

// night is one toy extract: bulks and deltas that contain every trap once.
func nights() map[string][]toyFile {
	return map[string][]toyFile{
		"1": {{"codes_20260101_full.csv", codes},
			{"people_20260101_full.csv", "id,name,deleted\np1,Okafor,\np2,Smith,\np3,\"O\"\"Neil, Jr\",\n"},
			{"facts_20260101_full.csv", "id,person,code,value,deleted\nf1,p1,bp,120,\nf2,p2,hr,70,\nf3,p3,hr,80.50,\n"},
			{"problems_20260101_full.csv", "id,note,deleted\nf1,Hypertension,\n"}},
		"2": {{"people_20260102_delta.csv", "id,name,deleted\np2,Smith-Jones,\n"},
			{"facts_20260102_delta.csv", "deleted,value,code,person,id,extra\n,125,bp,p1,f1,x\n,99,bp,p4,f4,x\n"}},
		"3": {{"people_20260103_delta.csv", "id,name,deleted\np4,Late,\np3,,true\n"},
			{"problems_20260103_delta.csv", "id,note,deleted\nf2,Palpitations,\nf5,Before its fact,\n"}},
		"4": {{"facts_20260104_delta.csv", "id,person,code,value,deleted\nf5,p1,xx,1,\nf1,p1,bp,126,\n"},
			{"people_20260104_delta.csv", "id,name,deleted\np3,Back again,\n"}},
		"5": {{"codes_20260105_full.csv", codes + "xx,New code\n"},
			{"problems_20260105_delta.csv", "id,note,deleted\nf1,,true\n"}},
		"6": {{"codes_20260106_full.csv", strings.Replace(codes, "Heart rate", "Pulse", 1) + "xx,New code\n"},
			{"people_20260106_full.csv", "id,name,deleted\np1,Okafor,\np2,Smith-Jones,\np3,Back again,\np4,Late,\n"},
			{"facts_20260106_full.csv", "id,person,code,value,deleted\nf1,p1,bp,126,\nf2,p2,hr,70,\nf3,p3,hr,80.50,\nf5,p1,xx,1,\nf6,p1,hr,60,\n"},
			{"problems_20260106_full.csv", "id,note,deleted\nf2,Palpitations,\nf5,Before its fact,\n"}},
	}
}

func TestExtractsInAnyOrderEndInTheSameRecord(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := desk(t, db)
		all := nights()
		order := []string{"1", "2", "3", "4", "5", "6"}
		for _, n := range order {
			drop(t, d, n, all[n]...)
		}
		want := hash(t, d)
		if got := count(t, d, "Observation?code=urn:toy|hr"); got != 3 {
			t.Errorf("%d heart rates, want 3", got)
		}
		if got := count(t, d, "Condition?_count=50"); got != 2 {
			t.Errorf("%d conditions, want 2", got)
		}
		for _, n := range order { // and again: nothing changes
			drop(t, d, n+" again", all[n]...)
		}
		if got := hash(t, d); got != want {
			t.Errorf("sending everything again gives %s, not %s", got, want)
		}
		if !strings.HasPrefix(db, "sqlite") {
			return
		}
		for seed := range uint64(40) {
			shuffled := slices.Clone(order)
			rand.New(rand.NewPCG(seed, 1)).Shuffle(6, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			d := desk(t, "sqlite::memory:")
			for _, n := range shuffled {
				drop(t, d, n, all[n]...)
			}
			if got := hash(t, d); got != want {
				t.Errorf("order %v gives %s, want %s", shuffled, got, want)
			}
		}
	})
}

func TestOrphansWaitAndComeWithTheirParent(t *testing.T) {
	d := desk(t, "sqlite::memory:")
	r := drop(t, d, "a", toyFile{"facts_20260101_delta.csv", "id,person,code,value,deleted\nf1,p1,bp,120,\n"})
	if r.Rows.Parked != 1 || count(t, d, "Observation") != 0 {
		t.Fatalf("an orphan was not parked: %+v", r.Rows)
	}
	drop(t, d, "b", toyFile{"people_20260102_delta.csv", "id,name,deleted\np1,Okafor,\n"})
	if count(t, d, "Observation") != 0 {
		t.Fatal("it was filed without its code")
	}
	drop(t, d, "c", toyFile{"codes_20260103_full.csv", codes})
	if count(t, d, "Observation") != 1 {
		t.Fatal("it was not filed when its parents had come")
	}
	drop(t, d, "d", toyFile{"people_20260104_delta.csv", "id,name,deleted\np1,,true\n"})
	if count(t, d, "Observation") != 0 || count(t, d, "Patient") != 0 {
		t.Fatal("taking a patient back left something behind")
	}
	drop(t, d, "e", toyFile{"people_20260105_delta.csv", "id,name,deleted\np1,Okafor,\n"})
	if count(t, d, "Observation") != 1 {
		t.Fatal("what had come with the patient did not come back")
	}
}

func TestBadRowsAreQuarantinedAndTheOthersFiled(t *testing.T) {
	d := desk(t, "sqlite::memory:")
	r := drop(t, d, "a", toyFile{"codes_20260101_full.csv", codes}, toyFile{"people_20260101_full.csv", "id,name,deleted\np1,Okafor,\n,Nobody,\n"},
		toyFile{"facts_20260101_full.csv", "id,person,code,value,deleted\nf1,p1,bp,120,\nf2,p1,bp,high,\nf3,p1\nf4,p1,hr,\"61\n,\nf5,p1,hr,62,\n\xff,p1,hr,1,\n"})
	bad, err := d.Bads(t.Context(), d.Who, "toy", "", 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range bad {
		got = append(got, fmt.Sprintf("%s:%d %s %s", b.Table, b.Line, b.Column, b.Reason))
	}
	want := []string{
		"people:3  the row has no key: nothing says what it is about",
		"facts:4  the row has 2 values, the header 5",
		"facts:5  the row has 4 values, the header 5",
		"facts:6  the row has 2 values, the header 5",
		"facts:8  the row is not UTF-8",
		`facts:3 value "high" is not a decimal number`,
	}
	sort.Strings(got)
	sort.Strings(want)
	if len(got) != len(want) {
		t.Errorf("quarantined:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if r.Rows.Quarantined != 6 || count(t, d, "Observation") != 2 {
		t.Errorf("%+v, %d observations", r.Rows, count(t, d, "Observation"))
	}
	// A better version of the row takes it out of quarantine.
	drop(t, d, "b", toyFile{"facts_20260102_delta.csv", "id,person,code,value,deleted\nf2,p1,bp,131,\n"})
	if bad, _ := d.Bads(t.Context(), d.Who, "toy", "", 100); len(bad) != 5 {
		t.Errorf("%d rows in quarantine after one was mended, want 5", len(bad))
	}
	if count(t, d, "Observation") != 3 {
		t.Error("the mended row was not filed")
	}
	// A broken version of a good row leaves what is there.
	drop(t, d, "c", toyFile{"facts_20260103_delta.csv", "id,person,code,value,deleted\nf2,p1,bp,n/a,\n"})
	if count(t, d, "Observation") != 3 {
		t.Error("a broken row took a good one away")
	}
}

// A full extract of which rows could not be read once took back everybody whose row it was.
func TestAFullExtractThatCannotBeReadTakesNothingBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := desk(t, db)
		const people = "id,name,deleted\np1,Okafor,\np2,Bello,\np3,Ncube,\n"
		drop(t, d, "a", toyFile{"people_20260101_full.csv", people})
		for i, text := range []string{
			"id,name,deleted\np1,Okafor,,\np2,Bello,,\np3,Ncube,,\n",              // a column more in every row
			"id,name,deleted\np1,Okafor,\np2,Bello\n",                             // broken off
			"id,name,deleted\np1,Okafor,\n\xff,Bello,\np3,Ncube,\n",               // another character set
			"id,name,deleted\np1,Okafor,\np\x002,Bello,\n\x00p\x003,Ncube,\x00\n", // UTF-16 after the header
		} {
			r := drop(t, d, fmt.Sprint("b", i), toyFile{fmt.Sprintf("people_2026010%d_full.csv", i+2), text})
			if n := count(t, d, "Patient"); n != 3 || r.Rows.Quarantined == 0 || r.Held != "" {
				t.Errorf("%q: %d of 3 people left, %+v, held %q", text, n, r.Rows, r.Held)
			}
		}
		// Nor does a file without rows: it says that everybody has gone, which a person must confirm.
		r := drop(t, d, "c", toyFile{"people_20260107_full.csv", "id,name,deleted\n"})
		if n := count(t, d, "Patient"); n != 3 || !strings.Contains(r.Held, "leaves out 3 of 3 rows") {
			t.Errorf("after a file without rows: %d of 3 people left, held %q", n, r.Held)
		}
	})
}

// A file whose header lacks what its table needs once waited for ever, and all that came after it.
func TestAFileThatCannotBeReadHoldsUpNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := desk(t, db)
		people := toyFile{"people_20260101_full.csv", "id,name,deleted\np1,Okafor,\n"}
		facts := toyFile{"facts_20260101_full.csv", "id,person,code,value,deleted\nf1,p1,bp,120,\n"}
		for name, c := range map[string]struct{ text, why string }{
			"renamed": {"ident,name,deleted\np1,Okafor,\n", "there is no column id; the columns are ident, name, deleted"},
			"binary":  {"\x00\x1b[31m\x01\x02", `there is no column id; the columns are \x00\x1b[31m\x01\x02`},
			"utf16":   {"\xff\xfei\x00d\x00", "UTF-16"},
			"empty":   {"", "the file is empty"},
		} {
			r := drop(t, d, name, toyFile{"people_20260101_full.csv", c.text})
			if len(r.Items) != 1 || r.Items[0].Status != Quarantined || !strings.Contains(r.Items[0].Reason, c.why) || r.Rows.Quarantined != 1 {
				t.Errorf("%s: %+v", name, r)
			}
		}
		r := drop(t, d, "whole", toyFile{"codes_20260101_full.csv", codes}, people, facts)
		if r.Rows.Filed != 4 || count(t, d, "Patient") != 1 || count(t, d, "Observation") != 1 {
			t.Errorf("after them: %+v", r)
		}
		if r := drop(t, d, "whole", people, facts, toyFile{"people_20260101_full.csv", ""}); len(r.Known) != 3 || len(r.Items) != 0 {
			t.Errorf("sent again: %+v", r)
		}
		if bad, err := d.Bads(t.Context(), d.Who, "toy", "", 10); len(bad) != 4 || err != nil {
			t.Errorf("%v in quarantine, %v", bad, err)
		}
	})
}

func TestAFeedIsHeldUntilAPersonSaysGoOn(t *testing.T) {
	d := desk(t, "sqlite::memory:")
	var people, less strings.Builder
	people.WriteString("id,name,deleted\n")
	less.WriteString("id,name,deleted\n")
	for i := range 2000 {
		fmt.Fprintf(&people, "p%d,Name%d,\n", i, i)
		if i%2 == 0 {
			fmt.Fprintf(&less, "p%d,Name%d,\n", i, i)
		}
	}
	drop(t, d, "a", toyFile{"people_20260101_full.csv", people.String()})
	r := drop(t, d, "b", toyFile{"people_20260102_full.csv", less.String()})
	if r.Held == "" || !strings.Contains(r.Held, "1000 of 2000") {
		t.Fatalf("half a practice went missing and nobody was asked: %q", r.Held)
	}
	page, _ := d.Door.Find(t.Context(), d.Who, "Patient?_summary=count")
	if page.Total != 2000 {
		t.Fatalf("%d patients while the feed is held", page.Total)
	}
	if err := d.Release(t.Context(), access.Actor{ID: "Practitioner/1"}, "toy"); err != nil {
		t.Fatal(err)
	}
	if err := d.Resume(t.Context(), toy(), "toy", nil, nil); err != nil {
		t.Fatal(err)
	}
	if page, _ = d.Door.Find(t.Context(), d.Who, "Patient?_summary=count"); page.Total != 1000 {
		t.Fatalf("%d patients after the feed was released, want 1000", page.Total)
	}
	if r := drop(t, d, "c", toyFile{"people_20260103_delta.csv", "id,name,deleted\np1,STOP,\n"}); r.Held == "" {
		t.Error("a row that says stop did not stop the feed")
	}
}

// Whoever hands a file in is told what became of it, though the feed's watcher filed it first: they were once told of nothing.
func TestWhatAnotherFiledIsReported(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := desk(t, db)
		first, second := toyFile{"people_20260101_delta.csv", "id,name,deleted\np1,Okafor,\n"}.upload(), toyFile{"people_20260102_delta.csv", "id,name,deleted\np2,Smith,\n"}.upload()
		open := second.Open
		second.Open = func() (io.ReadCloser, error) {
			if err := d.Resume(t.Context(), toy(), "toy", nil, nil); err != nil {
				t.Error(err)
			}
			return open()
		}
		r, err := d.Extract(t.Context(), toy(), "toy", "a", []Upload{first, second}, nil)
		if err != nil || r.Rows.Filed != 2 || len(r.Items) != 2 {
			t.Errorf("%+v %v", r, err)
		}
	})
}

func TestReplayShowsWhatAMappingChanges(t *testing.T) {
	d := desk(t, "sqlite::memory:")
	drop(t, d, "1", nights()["1"]...)
	changed := toy()
	old := changed.Units[1].Map
	changed.Units[1].Map = func(m *Mapping) error {
		if m.Key == "p1" {
			return m.Put("Patient", &r4.Patient{Name: []r4.HumanName{{Family: "Renamed"}}})
		}
		return old(m)
	}
	before := hash(t, d)
	diff, err := d.Replay(t.Context(), changed, "toy", time.Time{}, time.Now().Add(time.Hour), true)
	if err != nil {
		t.Fatal(err)
	}
	if diff.Changed != 1 || diff.New != 0 || diff.Deleted != 0 || diff.Same != 6 || len(diff.Changes) != 1 || !bytes.Contains(diff.Changes[0].After, []byte("Renamed")) {
		t.Errorf("a dry replay says %+v", diff)
	}
	if hash(t, d) != before {
		t.Error("a dry replay changed the record")
	}
	if diff, err = d.Replay(t.Context(), changed, "toy", time.Time{}, time.Now().Add(time.Hour), false); err != nil || diff.Changed != 1 {
		t.Errorf("a replay says %+v, %v", diff, err)
	}
	if count(t, d, "Patient?family=renamed") != 1 {
		t.Error("a replay did not change the record")
	}
}

func TestTraceLeadsToTheRow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := desk(t, db)
		drop(t, d, "1", nights()["1"]...)
		page, err := d.Door.Find(t.Context(), d.Who, "Condition")
		if err != nil || len(page.Matches) != 1 {
			t.Fatal(err)
		}
		origins, err := d.Trace(t.Context(), d.Who, "Condition", page.Matches[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range origins {
			got = append(got, fmt.Sprintf("%s:%d %s", o.Item.Name, o.Line, o.Text))
		}
		sort.Strings(got)
		if strings.Join(got, ";") != "facts_20260101_full.csv:2 f1,p1,bp,120,;problems_20260101_full.csv:2 f1,Hypertension," {
			t.Errorf("trace: %q", got)
		}
		p, err := d.Provenance(t.Context(), d.Who, "Condition", page.Matches[0].ID)
		if err != nil || len(p.Entity) != 2 {
			t.Fatalf("%+v, %v", p, err)
		}
		res, err := fhir.Parse(r4.Encode(p))
		if err != nil {
			t.Fatal(err)
		}
		issues, err := d.Door.Validate(t.Context(), d.Who, res)
		for _, i := range issues {
			if i.Severity != "warning" {
				t.Errorf("the provenance is not valid: %v", i)
			}
		}
		if err != nil {
			t.Error(err)
		}
	})
}

// An extract that breaks off anywhere goes on where it was, and nothing is filed twice.
func TestAnExtractThatBreaksOffGoesOn(t *testing.T) {
	whole := desk(t, "sqlite::memory:")
	var facts strings.Builder
	facts.WriteString("id,person,code,value,deleted\n")
	for i := range 5000 {
		fmt.Fprintf(&facts, "f%d,p%d,bp,%d,\n", i, 1+i%3, i)
	}
	files := append(slices.Clone(nights()["1"][:2]), toyFile{"facts_20260101_full.csv", facts.String()})
	drop(t, whole, "1", files...)
	want := hash(t, whole)
	d := desk(t, "sqlite::memory:")
	broken := 0
	for {
		ctx, cancel := context.WithCancel(context.Background())
		f := toy()
		var left atomic.Int64
		left.Store(int64(700 + 400*broken))
		old := f.Units[2].Map
		f.Units[2].Map = func(m *Mapping) error {
			if left.Add(-1) == 0 {
				cancel()
				return errors.New("killed")
			}
			return old(m)
		}
		var uploads []Upload
		for _, f := range files {
			uploads = append(uploads, f.upload())
		}
		_, err := d.Extract(ctx, f, "toy", "1", uploads, nil)
		cancel()
		if err == nil {
			break
		}
		broken++
	}
	if got := hash(t, d); got != want || broken < 3 {
		t.Errorf("broken off %d times: %s, want %s", broken, got, want)
	}
	page, err := d.Door.Find(t.Context(), d.Who, "Observation?_id="+ID("toy", "Observation", "fact\x00f17"))
	if err != nil || len(page.Matches) != 1 || page.Matches[0].Version != 1 {
		t.Errorf("a resource was written more than once: %+v %v", page, err)
	}
}

// A drop that breaks off once people and codes are filed owes what they lead to: what came with somebody who was taken back, what waited for somebody new, what made use
// of a code's words. Filed again, these rows say nothing new, and it is done all the same.
func TestWhatIsOwedWhenAnExtractBreaksOffIsDone(t *testing.T) {
	first := []toyFile{{"codes_20260101_full.csv", codes}, {"people_20260101_full.csv", "id,name,deleted\np1,Okafor,\np3,O'Neil,\n"},
		{"facts_20260101_full.csv", "id,person,code,value,deleted\nf1,p1,bp,120,\nf2,p1,hr,70,\nf3,p3,hr,80,\nf4,p9,hr,60,\n"}, {"problems_20260101_full.csv", "id,note,deleted\nf3,Palpitations,\n"}}
	second := []toyFile{{"codes_20260102_delta.csv", "code,term\nhr,Pulse\n"}, {"people_20260102_delta.csv", "id,name,deleted\np3,,true\np9,New,\n"}, {"facts_20260102_delta.csv", "id,person,code,value,deleted\nf9,p1,bp,125,\n"}}
	storetest.Each(t, func(t *testing.T, db string) {
		whole := desk(t, "sqlite::memory:")
		drop(t, whole, "1", first...)
		drop(t, whole, "2", second...)
		d := desk(t, db)
		drop(t, d, "1", first...)
		broken := toy()
		broken.Units[2].Map = func(m *Mapping) error {
			if m.Key == "f9" {
				return errors.New("killed")
			}
			return toy().Units[2].Map(m)
		}
		var uploads []Upload
		for _, f := range second {
			uploads = append(uploads, f.upload())
		}
		if _, err := d.Extract(t.Context(), broken, "toy", "2", uploads, nil); err == nil {
			t.Fatal("it did not break off")
		}
		if n := count(t, d, "Observation?patient="+ID("toy", "Patient", PatientUnit+"\x00p3")); n == 0 {
			t.Fatal("nothing is owed any more: the test breaks off too late")
		}
		if _, err := d.Extract(t.Context(), toy(), "toy", "2", uploads, nil); err != nil {
			t.Fatal(err)
		}
		if got, want := hash(t, d), hash(t, whole); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		owed, err := d.box.List(t.Context(), "owed/toy", "", 10)
		if err != nil || len(owed) > 0 {
			t.Errorf("still owed: %v %v", owed, err)
		}
	})
}
