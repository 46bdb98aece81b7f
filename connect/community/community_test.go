package community

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/connect/fact/facttest"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store/storetest"
)

var update = flag.Bool("update", false, "write the goldens again")

// drops are the folders of testdata: one drop each, of the feed's kind and map.
var drops = map[string]intake.Feed{
	"adastra":       {Name: "ooh", Kind: "adastra", Title: "Out of hours"},
	"contacts":      {Name: "trust", Kind: "community", Title: "Community trust", Map: "contacts", Organization: "ZZCT"},
	"mental-health": {Name: "mind", Kind: "community", Title: "Mental health trust", Map: "mental-health"},
	"hospice":       {Name: "hospice", Kind: "community", Title: "Hospice", Map: "testdata/own-map.json"},
}

func format(feed intake.Feed) *intake.Format {
	if feed.Kind == "adastra" {
		return Adastra()
	}
	return Mapped()
}

// files are the names and contents of a folder, in pairs.
func files(t testing.TB, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/" + folder + "/*")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: no files: %v", folder, err)
	}
	var out []string
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, filepath.Base(p), string(text))
	}
	return out
}

func TestEachDropBecomesWhatItsGoldenSays(t *testing.T) {
	for folder, feed := range drops {
		t.Run(folder, func(t *testing.T) {
			d := facttest.Desk(t, "", feed)
			facttest.Extract(t, d, format(feed), feed.Name, "1", files(t, folder)...)
			bads, err := d.Bads(t.Context(), d.Who, feed.Name, "", 50)
			if err != nil {
				t.Fatal(err)
			}
			out := facttest.Text(t, d)
			for _, b := range bads {
				out = append(out, "quarantined "+b.File+" "+b.Column+": "+b.Reason+"\n"...)
			}
			if len(bads) == 0 {
				t.Error("each drop has a row that cannot be filed, and none was quarantined")
			}
			facttest.Golden(t, folder+".golden", out, *update)
		})
	}
}

// The same tables under other names and on another day say nothing new.
func TestTheSameTablesAgainChangeNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		for folder, feed := range drops {
			d := facttest.Desk(t, db, feed)
			all := files(t, folder)
			facttest.Extract(t, d, format(feed), feed.Name, "1", all...)
			before := facttest.Changes(t, d)
			for i := 0; i < len(all); i += 2 {
				all[i] = strings.Replace(all[i], "20260901", "20260902", 1)
				all[i+1] += "\n"
			}
			facttest.Extract(t, d, format(feed), feed.Name, "2", all...)
			if n := facttest.Changes(t, d) - before; n != 0 || before == 0 {
				t.Errorf("%s: %d changes, then %d", folder, before, n)
			}
		}
	})
}

// What belongs to a case waits for it, whatever comes first.
func TestRowsOfACaseWaitForIt(t *testing.T) {
	feed := drops["adastra"]
	d := facttest.Desk(t, "", feed)
	all := files(t, "adastra")
	for i := len(all) - 2; i >= 0; i -= 2 {
		facttest.Extract(t, d, Adastra(), feed.Name, all[i], all[i:i+2]...)
	}
	whole := facttest.Desk(t, "", feed)
	facttest.Extract(t, whole, Adastra(), feed.Name, "1", all...)
	for _, typ := range []string{"Patient", "Practitioner", "Encounter", "Condition", "DocumentReference", "MedicationRequest", "Task", "QuestionnaireResponse"} {
		if a, b := facttest.Count(t, d, typ), facttest.Count(t, whole, typ); a != b || b == 0 {
			t.Errorf("%s: %d table by table backwards, %d together", typ, a, b)
		}
	}
}

func TestMapsThatComeWithKithAreRight(t *testing.T) {
	if len(Maps()) < 3 {
		t.Fatalf("maps: %v", Maps())
	}
	for _, name := range Maps() {
		if _, err := MapOf(&intake.Feed{Name: "x", Map: name}); err != nil {
			t.Error(err)
		}
	}
}

func TestAMapThatIsWrongSaysWhere(t *testing.T) {
	good := `{"tables":[{"name":"contacts","file":"c*.csv","kind":"contact","columns":{"id":"i","person":"p","start":"s","status":"t"},"values":{"status":{"a":"finished"}}}]}`
	if _, err := ParseMap([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`"id":"i",`, ``, `which column is "id"`},
		{`"start":"s"`, `"start":"s","colour":"c"`, `no element "colour"`},
		{`"finished"`, `"over"`, `"over" is none of`},
		{`"kind":"contact"`, `"kind":"visit"`, `not "visit"`},
		{`"file":"c*.csv"`, `"file":"[c"`, `how files are called`},
		{`"tables"`, `"table"`, `unknown field`},
		{`"name":"contacts"`, `"name":"Contacts 1"`, `cannot name a table`},
		{`"status":{"a"`, `"class":{"a"`, `no column`},
	} {
		_, err := ParseMap([]byte(strings.Replace(good, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.new, err, c.want)
		}
	}
	for _, name := range []string{"", "no-such-map"} {
		d := facttest.Desk(t, "", intake.Feed{Name: "x", Kind: "community", Title: "X", Map: name})
		if _, err := d.Extract(t.Context(), Mapped(), "x", "1", nil, nil); fhir.KindOf(err) != fhir.Invalid || !strings.Contains(err.Error(), "hospice") {
			t.Errorf("map %q: %v", name, err)
		}
	}
}

func FuzzParseMap(f *testing.F) {
	for _, name := range Maps() {
		data, _ := kept.ReadFile("maps/" + name + ".json")
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseMap(data)
		if err != nil {
			return
		}
		if format := m.Format(); len(format.Tables) < len(m.Tables) {
			t.Error("a table is lost")
		}
		if _, err := m.recognise("contacts.csv", nil); err != nil {
			t.Error(err)
		}
	})
}

func FuzzContacts(f *testing.F) {
	f.Add(files(f, "contacts")[1])
	feed := drops["contacts"]
	f.Fuzz(func(t *testing.T, text string) {
		d := facttest.Desk(t, "", feed)
		r, err := d.Extract(t.Context(), Mapped(), feed.Name, "1", []intake.Upload{{Name: "contacts.csv", Open: reader(text)}}, nil)
		if err == nil && r.Rows.Filed+r.Rows.Quarantined+r.Rows.Older+r.Rows.Parked+r.Rows.Unchanged < r.Rows.In {
			t.Errorf("%+v", r.Rows)
		}
	})
}

// A file that writes the month first is kept out as a whole: of sixty-eight rows thirty were once refused and thirty-eight filed under another day.
func TestAFileThatWritesTheMonthFirstIsKeptOut(t *testing.T) {
	feed := drops["contacts"]
	const head = "contact_id,client_id,surname,forename,dob,contact_date,contact_time,duration_mins\n"
	row := func(i int, layout string) string {
		day := time.Date(2026, 3, 1+i, 0, 0, 0, 0, time.UTC)
		return fmt.Sprintf("C%d,P1,Penrose,Andrew,1954-04-02,%s,10:30,30\n", i, day.Format(layout))
	}
	for name, c := range map[string]struct {
		layout string
		days   int
		kept   bool
	}{"English": {"02/01/2006", 28, true}, "American": {"01/02/2006", 28, false}, "ISO": {"2006-01-02", 28, true}, "two slips": {"02/01/2006", 20, true}, "nobody can tell": {"01/02/2006", 12, true}} {
		text := head
		for i := range c.days {
			text += row(i, c.layout)
		}
		if name == "two slips" {
			text += "S1,P1,Penrose,Andrew,1954-04-02,03/22/2026,10:30,30\nS2,P1,Penrose,Andrew,1954-04-02,03/23/2026,10:30,30\n"
		}
		d := facttest.Desk(t, "", feed)
		r := facttest.Extract(t, d, format(feed), feed.Name, "1", "contacts.csv", text)
		if kept := r.Items[0].Status != intake.Quarantined; kept != c.kept {
			t.Errorf("%s: %+v", name, r.Items[0])
		}
		if !c.kept && (facttest.Count(t, d, "Encounter") != 0 || !strings.Contains(r.Items[0].Reason, `line 14: contact_date: "03/13/2026" has the month before the day`)) {
			t.Errorf("%s: %d filed; %s", name, facttest.Count(t, d, "Encounter"), r.Items[0].Reason)
		}
	}
}
