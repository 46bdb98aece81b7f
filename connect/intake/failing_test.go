package intake

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// census is the toy supplier with people and facts of whom enough is known to be held against the checks.
func census() *Format {
	f := toy()
	f.Columns = map[string][]string{"parent": {"person"}, "nhs-number": {"nhs"}, "birth-date": {"born"}, "postcode": {"postcode"}, "coded": {"code"}, "dated": {"date"}, "ahead": {"date"}, "late": {"recorded"}}
	f.Stages = [][]string{{"people"}, {"facts"}}
	f.Tables = f.Tables[1:]
	f.Tables = slices.DeleteFunc(f.Tables, func(t Table) bool { return t.Name == "problems" })
	day := func(text string) fhir.DateTime {
		d, err := fhir.ParseDateTime(text)
		if text != "" && err != nil {
			panic(err)
		}
		return d
	}
	f.Units = []Unit{
		{Kind: PatientUnit, Makes: []string{"Patient"}, Map: func(m *Mapping) error {
			r := m.Row("people")
			p := &r4.Patient{}
			if n := r.Get("nhs"); n != "" {
				p.Identifier = []r4.Identifier{{System: "https://fhir.nhs.uk/Id/nhs-number", Value: n}}
			}
			if b := r.Get("born"); b != "" {
				d, err := fhir.ParseDate(b)
				if err != nil {
					return r.Bad("born", "%q is no day", b)
				}
				p.BirthDate = d
			}
			if c := r.Get("postcode"); c != "" {
				p.Address = []r4.Address{{PostalCode: c}}
			}
			return m.Put("Patient", p)
		}},
		{Kind: "fact", Makes: []string{"Observation"}, Patient: func(m *Mapping) string { return m.Row("facts").Get("person") }, Map: func(m *Mapping) error {
			r := m.Row("facts")
			system, code, _ := strings.Cut(r.Get("code"), "|")
			o := &r4.Observation{Status: "final", Code: &r4.CodeableConcept{Coding: []r4.Coding{{System: system, Code: code}}}, Subject: m.Ref("Patient", PatientUnit, r.Get("person")), Issued: day(r.Get("recorded"))}
			if from, to, period := strings.Cut(r.Get("date"), "/"); period {
				o.EffectivePeriod = &r4.Period{Start: day(from), End: day(to)}
			} else {
				o.EffectiveDateTime = day(from)
			}
			return m.Put("Observation", o)
		}},
	}
	return f
}

func censusDrop(t testing.TB, d *Desk, name string, files ...toyFile) *Report {
	t.Helper()
	var uploads []Upload
	for _, f := range files {
		uploads = append(uploads, f.upload())
	}
	r, err := d.Extract(context.Background(), census(), "toy", name, uploads, nil)
	if err != nil {
		t.Fatalf("drop %s: %v", name, err)
	}
	return r
}

// failing is the whole list of a check, read in pages of a size, as FILE:LINE KEY COLUMN.
func failing(t testing.TB, d *Desk, format *Format, check string, page int) []string {
	t.Helper()
	out := []string{}
	for after := ""; ; {
		rows, next, err := d.Failing(t.Context(), d.Who, format, "toy", check, "list", after, page)
		if err != nil {
			t.Fatal(err)
		}
		if format != nil && len(rows) > page {
			t.Fatalf("a page of %d rows has %d", page, len(rows))
		}
		for _, r := range rows {
			out = append(out, fmt.Sprintf("%s:%d %s %s", r.File, r.Line, r.Key, r.Column))
		}
		if next == "" {
			return out
		}
		if next == after || len(out) > 10_000 {
			t.Fatalf("the list has no end: after %q comes %q", after, next)
		}
		after = next
	}
}

func same(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

const (
	peopleHead = "id,nhs,born,postcode,deleted\n"
	factsHead  = "id,person,code,date,recorded,deleted\n"
	coded      = "http://snomed.info/sct|271649006"
)

func TestRowsThatDoNotPassAreListedUntilTheyAreRight(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := desk(t, db)

		censusDrop(t, d, "1", toyFile{people, peopleHead + "p1,,1950-02-03,BS1 1AA,\np2,9990000018,,,\np3,9990000026,1960-01-01,BS1 1AB,\np4,x,soon,,\np5,x,later,,\n"},
			toyFile{facts, factsHead + "f1,p1,urn:local|1,2026-01-01,,\nf2,p3," + coded + ",,,\nf3,p3," + coded + ",2026-03-01,,\nf4,p9," + coded + ",2026-01-01,,\nf5,p3," + coded + ",2026-01-01,2001-01-01T00:00:00Z,\n"})
		list := func(check string) []string { t.Helper(); return failing(t, d, census(), check, 1) }
		same(t, "understood", list("understood"), people+":5 p4 born", people+":6 p5 born")
		same(t, "parent", list("parent"), facts+":5 f4 person")
		same(t, "NHS number", list("nhs-number"), people+":2 p1 nhs")
		same(t, "birth date", list("birth-date"), people+":3 p2 born")
		same(t, "postcode", list("postcode"), people+":3 p2 postcode")
		same(t, "coded", list("coded"), facts+":2 f1 code")
		same(t, "dated", list("dated"), facts+":3 f2 date")
		same(t, "ahead", list("ahead"), facts+":4 f3 date")
		same(t, "late, of a full extract", list("late"))
		fails, err := d.Fails(t.Context(), must(d.Named("toy"))(t))
		if err != nil || fmt.Sprint(fails) != "map[ahead:1 birth-date:1 coded:1 dated:1 nhs-number:1 parent:1 postcode:1]" {
			t.Errorf("counted %v, %v", fails, err)
		}

		// Made again as they are, they fail as they did.
		if _, err := d.Replay(t.Context(), census(), "toy", time.Time{}, time.Now().Add(time.Hour), false); err != nil {
			t.Fatal(err)
		}
		same(t, "postcode after a replay", list("postcode"), people+":3 p2 postcode")

		// p1 is put right, p2 half, p9 comes, f1 and f3 are taken back, f6 comes late.
		const more, late = "people_20260106_delta.csv", "facts_20260106_delta.csv"
		censusDrop(t, d, "2", toyFile{more, peopleHead + "p1,9990000034,1950-02-03,BS1 1AA,\np2,9990000018,1970-01-01,,\np9,9990000042,1970-01-01,BS1 1AA,\n"},
			toyFile{late, factsHead + "f1,p1,urn:local|1,2026-01-01,,true\nf3,p3," + coded + ",2026-03-01,,true\nf6,p3," + coded + ",2025-12-01,2025-12-20T10:00:00Z,\nf7,p3," + coded + ",2025-12-01,2026-01-04T10:00:00Z,\n"})
		same(t, "NHS number put right", list("nhs-number"))
		same(t, "birth date put right", list("birth-date"))
		same(t, "postcode still missing", list("postcode"), more+":3 p2 postcode")
		same(t, "the parent came", list("parent"))
		same(t, "coded, taken back", list("coded"))
		same(t, "ahead, taken back", list("ahead"))
		same(t, "late", list("late"), late+":4 f6 recorded")
		again(t, d)
		same(t, "late, after a replay", list("late"), late+":4 f6 recorded")

		// A full extract that says the same leaves it; one that leaves rows out takes them off the lists.
		censusDrop(t, d, "3", toyFile{"facts_20260107_full.csv", factsHead + "f6,p3," + coded + ",2025-12-01,2025-12-20T10:00:00Z,\n"})
		same(t, "late, said again", list("late"), late+":4 f6 recorded")
		same(t, "dated, left out", list("dated"))
		censusDrop(t, d, "4", toyFile{"facts_20260108_delta.csv", factsHead + "f6,p3," + coded + ",2025-12-01,2025-12-21T10:00:00Z,\n"},
			toyFile{"people_20260108_delta.csv", peopleHead + "p2,,,,true\np5,,,,true\np4,9990000050,1960-01-01,BS1 1AB,\n"})
		same(t, "late, changed", list("late"))
		same(t, "postcode of somebody taken back", list("postcode"))
		same(t, "understood at last", list("understood"))
		if fails, err := d.Fails(t.Context(), must(d.Named("toy"))(t)); err != nil || len(fails) != 0 {
			t.Errorf("counted %v, %v", fails, err)
		}
	})
}

// must is a value that cannot fail in a test.
func must[T any](x T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
}

// Rows that fail different checks together are one list: the newest file first, each file by line, whatever the size of its pages.
func TestAListHasOneOrderInPagesOfAnySize(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := desk(t, db)
		r := rand.New(rand.NewPCG(7, 7))
		var want []string
		for file := range 3 {
			var b strings.Builder
			b.WriteString(peopleHead)
			name := fmt.Sprintf("people_2026010%d_delta.csv", file+1)
			var mine []string
			for i := range 60 {
				key := fmt.Sprintf("q%d%02d", file, i)
				nhs, born, code := "9990000018", "1950-01-01", "BS1 1AA"
				if r.IntN(3) == 0 {
					nhs = ""
				}
				if r.IntN(3) == 0 {
					born = ""
				}
				if r.IntN(2) == 0 {
					code = ""
					mine = append(mine, fmt.Sprintf("%s:%d %s postcode", name, i+2, key))
				}
				fmt.Fprintf(&b, "%s,%s,%s,%s,\n", key, nhs, born, code)
			}
			want = append(mine, want...)
			censusDrop(t, d, name, toyFile{name, b.String()})
		}
		for _, page := range []int{1, 7, 25, len(want), len(want) + 1} {
			same(t, fmt.Sprintf("pages of %d", page), failing(t, d, census(), "postcode", page), want...)
		}
		for _, after := range []string{"x", "1.2", "-1.2.3", "0.0.0"} {
			if _, _, err := d.Failing(t.Context(), d.Who, census(), "toy", "postcode", "list", after, 10); fhir.KindOf(err) != fhir.Invalid {
				t.Errorf("after %q: %v", after, err)
			}
		}
	})
}

// Of a message the places are listed; what a later message says instead is judged there, and what was deleted nowhere.
func TestPlacesInMessagesThatDoNotPassAreListed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := desk(t, db)
		read := func(_ context.Context, _ *Desk, f *Feed, it *Item, raw []byte) (*Reading, error) {
			out := &Reading{}
			for i, line := range strings.Fields(string(raw)) {
				key, code, _ := strings.Cut(line, "=")
				o := &r4.Observation{ID: ID("toy", "Observation", key), Status: "final", Code: &r4.CodeableConcept{Text: code}, EffectiveDateTime: fhir.DateTimeOf(it.Received)}
				if code == "gone" {
					out.Ops = append(out.Ops, record.Op{Method: record.Delete, Type: "Observation", ID: o.ID})
					continue
				}
				if code != "local" {
					o.Code.Coding = []r4.Coding{{System: "http://snomed.info/sct", Code: code}}
				}
				o.Meta = &r4.Meta{Source: Source(f.Name, it.Number, fmt.Sprintf("line[%d]", i+1))}
				out.Ops = append(out.Ops, record.Op{Method: record.Update, Type: "Observation", ID: o.ID, Resource: must(fhir.Parse(r4.Encode(o)))(t)})
			}
			return out, nil
		}
		send := func(name, text string) {
			t.Helper()
			if _, err := d.Receive(t.Context(), "toy", name, []byte(text), read); err != nil {
				t.Fatal(err)
			}
		}
		send("m1", "a=local b=271649006 c=local d=local")
		send("m2", "a=271649006 d=gone e=local")
		for _, page := range []int{1, 2, 10} {
			same(t, "coded", failing(t, d, nil, "coded", page), "m2:0  line[3]", "m1:0  line[3]")
		}
		it := must(d.Items(t.Context(), "toy", 0, 1))(t)[0]
		if it.Notes[Checked+"coded in SNOMED CT or dm+d"] != 2 || it.Notes[Failed+"coded in SNOMED CT or dm+d"] != 1 {
			t.Errorf("counted %v", it.Notes)
		}
		send("m3", "c=271649006 e=271649006")
		same(t, "coded, put right", failing(t, d, nil, "coded", 10))
	})
}

// Hazard: a list that is sent away says who somebody is, or what they have.
func TestAListSaysNoMoreThanFindsTheRow(t *testing.T) {
	for key, want := range map[string]string{"ZZ001/20000000-0000-4000-8000-000000000109": "ZZ001/20000000-0000-4000-8000-000000000109", "9990000018": "", "ZZ/9990000018": "", "9990000019": "9990000019",
		"19990000018": "19990000018", "case-7|Diazepam|5 mg": "case-7", "": ""} {
		if got := unnamed(key); got != want {
			t.Errorf("%q is listed as %q, want %q", key, got, want)
		}
	}
	if got := (Bad{Reason: `"31 Elm Road" is no "postcode"`}).General(); got != "…" {
		t.Errorf("the reason says %q", got)
	}
	if got := (Bad{Reason: `the day "soon" cannot be read`}).General(); got != "the day … cannot be read" {
		t.Errorf("the reason says %q", got)
	}
	door, err := record.Open(t.Context(), record.Options{DB: "sqlite::memory:", Policy: access.Default()})
	if err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	d := must(Open(t.Context(), door))(t)
	if _, err := d.Feed(t.Context(), Feed{Name: "toy", Kind: "toy"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range Checks() {
		if _, _, err := d.Failing(t.Context(), access.Actor{ID: "x"}, census(), "toy", c.Name, "list", "", 10); fhir.KindOf(err) != fhir.Forbidden {
			t.Errorf("%s is shown to whom nothing is: %v", c.Name, err)
		}
	}
	if _, _, err := d.Failing(t.Context(), d.Who, census(), "toy", "colour", "list", "", 10); fhir.KindOf(err) != fhir.NotFound {
		t.Errorf("a check nobody knows: %v", err)
	}
}
