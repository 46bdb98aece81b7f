package unusual

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

var start = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

var people = []string{
	`{"resourceType":"Practitioner","id":"doc","name":[{"family":"O'Hara","given":["Séan"]}],"birthDate":"1975-07-14","address":[{"use":"home","line":["4 Mill Lane"],"postalCode":"ZZ9 9AA"}]}`,
	`{"resourceType":"Practitioner","id":"smith","name":[{"family":"Smith","given":["Jo"]}]}`,
	`{"resourceType":"Patient","id":"self","name":[{"family":"OHARA","given":["Séan"]}],"birthDate":"1975-07-14","address":[{"line":["4 Mill Lane"],"postalCode":"ZZ99AA"}]}`,
	`{"resourceType":"Patient","id":"sister","name":[{"family":"O'Hara","given":["Maeve"]}],"birthDate":"1980-01-01"}`,
	`{"resourceType":"Patient","id":"next-door","name":[{"family":"Okafor"}],"address":[{"line":["4, Mill Lane"],"postalCode":"zz9 9aa"}]}`,
	`{"resourceType":"Patient","id":"down-the-road","name":[{"family":"Reed"}],"address":[{"line":["5 Mill Lane"],"postalCode":"ZZ9 9AA"}]}`,
	`{"resourceType":"Patient","id":"smith-too","name":[{"family":"Smith","given":["Ann"]}]}`,
	`{"resourceType":"Patient","id":"singer","name":[{"family":"Star"}]}`,
	`{"resourceType":"Patient","id":"mayor","name":[{"family":"Mayor"}]}`,
	`{"resourceType":"Flag","id":"f","status":"active","code":{"coding":[{"system":"urn:kith:flag","code":"vip"}]},"subject":{"reference":"Patient/singer"}}`,
	`{"resourceType":"List","id":"l","status":"current","mode":"working","code":{"coding":[{"system":"urn:kith:list","code":"vip"}]},"entry":[{"item":{"reference":"Patient/mayor"}}]}`,
}

// story is a record, its clock and a service.
type story struct {
	t   *testing.T
	d   *record.Door
	s   *Service
	now time.Time
}

func begin(t *testing.T, db string) *story {
	t.Helper()
	y := &story{t: t, now: start}
	d, err := record.Open(t.Context(), record.Options{DB: db, Policy: access.Everyone{}, Now: func() time.Time { y.now = y.now.Add(time.Millisecond); return y.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	y.d = d
	for _, text := range people {
		y.put(text)
	}
	rules, err := ReadRules("")
	if err != nil {
		t.Fatal(err)
	}
	rules.Volume = map[string]Limit{"receptionist": {Hour: 5, Day: 8}, "": {}}
	y.s = &Service{Door: d, Rules: rules, Owner: "Merrowby", Now: func() time.Time { return y.now }}
	return y
}

func (y *story) put(text string) {
	y.t.Helper()
	res, err := fhir.Parse([]byte(text))
	if err != nil {
		y.t.Fatal(err)
	}
	if _, err := y.d.Commit(y.t.Context(), me, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
		y.t.Fatal(err)
	}
}

func (y *story) look(who access.Actor, patient string) {
	y.t.Helper()
	if _, err := y.d.Get(y.t.Context(), who, "Patient", patient); err != nil {
		y.t.Fatal(err)
	}
}

func (y *story) findings() (out []string) {
	y.t.Helper()
	found, err := y.s.Look(y.t.Context(), start, y.now)
	if err != nil {
		y.t.Fatal(err)
	}
	for _, f := range found {
		out = append(out, strings.TrimSpace(f.Rule+" "+f.Patient))
	}
	return out
}

var (
	doc   = access.Actor{ID: "Practitioner/doc", Name: "Dr S. O'Hara", Role: "clinician", Purpose: "TREAT"}
	smith = access.Actor{ID: "Practitioner/smith", Name: "Jo Smith", Role: "receptionist", Purpose: "PATADMIN"}
)

func TestWhatIsUnusual(t *testing.T) { storetest.Each(t, whatIsUnusual) }

func whatIsUnusual(t *testing.T, db string) {
	with := func(who access.Actor, change func(*access.Actor)) access.Actor { change(&who); return who }
	y := begin(t, db)
	for _, c := range []struct {
		name string
		do   func()
		want []string
	}{
		{"somebody unknown to them", func() { y.look(doc, "smith-too") }, nil},
		{"themselves, by name and birth date", func() { y.look(doc, "self") }, []string{"self self"}},
		{"themselves, by the Patient they are", func() { y.look(with(smith, func(a *access.Actor) { a.Patient = "next-door" }), "next-door") }, []string{"self next-door"}},
		{"their sister", func() { y.look(doc, "sister") }, []string{"family sister"}},
		{"a name that everybody has", func() { y.look(smith, "smith-too") }, nil},
		{"the same house", func() { y.look(doc, "next-door") }, []string{"neighbour next-door"}},
		{"another house", func() { y.look(doc, "down-the-road") }, nil},
		{"somebody flagged", func() { y.look(doc, "singer") }, []string{"vip singer"}},
		{"somebody listed", func() { y.look(smith, "mayor") }, []string{"vip mayor"}},
		{"past the limits", func() { y.look(with(doc, func(a *access.Actor) { a.Purpose = "BTG" }), "smith-too") }, []string{"break-glass smith-too"}},
		{"a list in which they happen to be", func() {
			if _, err := y.d.Find(t.Context(), doc, "Patient?_count=20"); err != nil {
				t.Fatal(err)
			}
		}, nil},
		{"a program", func() { y.look(access.Actor{ID: "kith/feeds", Role: access.Kith}, "self") }, nil},
		{"a patient at home", func() { y.look(access.Actor{ID: "Patient/self", Role: "patient", Patient: "self"}, "self") }, nil},
	} {
		y.now = y.now.Add(48 * time.Hour)
		from := y.now
		c.do()
		found, err := y.s.Look(t.Context(), from, y.now)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range found {
			got = append(got, f.Rule+" "+f.Patient)
			if f.Why == "" || len(f.Entries) == 0 {
				t.Errorf("%s: no reason or no entries: %+v", c.name, f)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestManyMorePeopleThanUsual(t *testing.T) {
	y := begin(t, "sqlite::memory:")
	for i := range 12 {
		y.put(fmt.Sprintf(`{"resourceType":"Patient","id":"n%d","name":[{"family":"N%d"}]}`, i, i))
	}
	for i := range 5 {
		y.look(smith, fmt.Sprint("n", i))
		y.look(smith, fmt.Sprint("n", i)) // the same person again does not count
	}
	if got := y.findings(); len(got) != 0 {
		t.Errorf("as many as usual: %v", got)
	}
	y.look(smith, "n5")
	if got := y.findings(); !slices.Equal(got, []string{"volume"}) {
		t.Errorf("one more in the hour: %v", got)
	}
	y.now = y.now.Add(2 * time.Hour)
	for i := 6; i < 9; i++ {
		y.look(smith, fmt.Sprint("n", i))
	}
	found, err := y.s.Look(t.Context(), start, y.now)
	if err != nil || len(found) != 1 || !strings.Contains(found[0].Why, "9 people on this day; 8 is usual") {
		t.Errorf("over the day: %+v %v", found, err)
	}
}

// A finding becomes one Task, however often it is looked at and whatever became of the Task.
func TestFindingsBecomeTasksOnce(t *testing.T) { storetest.Each(t, findingsBecomeTasks) }

func findingsBecomeTasks(t *testing.T, db string) {
	y := begin(t, db)
	once := func(want int) {
		t.Helper()
		y.now = y.now.Add(5 * time.Minute)
		if err := y.s.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
		page, err := y.d.Find(t.Context(), me, "Task?code=urn:kith:task|unusual-access")
		if err != nil || len(page.Matches) != want {
			t.Fatalf("%d Tasks, want %d: %v", len(page.Matches), want, err)
		}
	}
	once(0)
	y.look(doc, "sister")
	y.look(doc, "sister")
	once(1)
	once(1)
	y.look(doc, "sister") // the same day
	once(1)
	page, err := y.d.Find(t.Context(), me, "Task?patient=sister")
	if err != nil || len(page.Matches) != 1 {
		t.Fatal(err)
	}
	text := string(page.Matches[0].Body)
	for _, want := range []string{"same family name", `"AuditEvent/`, `"display":"Merrowby"`, `"end":"2026-11-25`, "Rules of 2026-11-26"} {
		if !strings.Contains(text, want) {
			t.Errorf("the Task does not say %q: %s", want, text)
		}
	}
	y.now = y.now.Add(24 * time.Hour)
	y.look(doc, "sister")
	once(2)
}

func TestRulesThatCannotBe(t *testing.T) {
	for name, text := range map[string]string{"no source": `{"version":"1","author":"x","due":"1h","most":1}`, "another member": `{"version":"1","author":"x","source":"y","due":"1h","most":1,"zeal":true}`,
		"no time": `{"version":"1","author":"x","source":"y","due":"soon","most":1}`, "neighbours by what": `{"version":"1","author":"x","source":"y","due":"1h","most":1,"neighbour":{"on":true,"by":"ear"}}`, "no JSON": `x`} {
		file := filepath.Join(t.TempDir(), "rules.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadRules(file); fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadRules("/nowhere"); err == nil {
		t.Error("rules that are not there were read")
	}
}
