package plan

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// TestStories plays testdata/*.txtar on both databases, under the policy that Kith comes with. What comes before "-- story --" is for the reader; each line after it
// is one of the following. Ada and Joy are patients and Ada trusts Joy; Nina is a nurse and Phil a pharmacist of Ada's practice, Rita a receptionist there, Xavier a
// nurse of another one.
//
//	now TIME | now +DURATION                                        London's clock
//	WHO writes PART "WORDS" [reading VERSION]                       a part of Ada's plan
//	expect PART "WORDS" by NAME                                     what it says now
//	expect history "PART: WAS -> NOW, NAME"                         among what was changed
//	WHO begins "WORDS" step "STEP" [with PROGRAMME]                 a goal of Ada's
//	WHO checks in OUTCOME [FELT] [sure N]
//	expect week N | expect step smaller
//	WHO coaches | WHO ends
//	expect task "WORDS" for OWNER | expect no task                  of getting in touch, open
//	WHO says "WORDS"                                                closes that Task
//	same | apart                                                    Ada's hospital's Patient is she, or not
//	ada dies
//	stop | start                                                    the program ends, and comes back
//	repeat ID "MEDICINE" issued DAY [DAYS days] [of N]              on repeat, with one issue by the practice
//	issue ID DAY                                                    another
//	WHO orders ID… [because "WHY"] [to "PHARMACY"] [note "WORDS"]
//	WHO refuses ID "WHY" | WHO approves | WHO looks                 the order made last
//	dispense ID prepared | handed                                   the pharmacy says so
//	expect ID can be ordered | is due DAY | is on its way | needs a person
//	expect order STEP…                                              the steps that were reached
//
// A line that ends with "! WORDS" must fail, and say these.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db string) { play(t, db, file) })
		})
	}
}

var (
	people = map[string]access.Actor{
		"ada":    {ID: "Patient/ada", Name: "Ada Okafor", Role: "patient", Patient: "ada", Level: access.P9, Purpose: "PATRQT"},
		"joy":    {ID: "Patient/joy", Name: "Joy Okafor", Role: "patient", Patient: "joy", Level: access.P9, Purpose: "PATRQT"},
		"nina":   {ID: "Practitioner/nina", Name: "Nina Bell", Role: "nurse", Organization: "A81001", Purpose: "TREAT"},
		"phil":   {ID: "Practitioner/phil", Name: "Phil Reed", Role: "clinician", Organization: "A81001", Purpose: "TREAT"},
		"rita":   {ID: "Practitioner/rita", Name: "Rita Shah", Role: "receptionist", Organization: "A81001", Purpose: "TREAT"},
		"xavier": {ID: "Practitioner/xavier", Name: "Xavier", Role: "nurse", Organization: "A81999", Purpose: "TREAT"},
	}
	start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
)

// story is a record, its clock, and a service that runs.
type story struct {
	t    *testing.T
	door *record.Door
	s    *Service
	now  atomic.Int64
	goal string
	task string // of the order made last
	n    int
	stop func()
}

func begin(t *testing.T, db string) *story {
	t.Helper()
	y := &story{t: t}
	y.now.Store(start.UnixNano())
	door, err := record.Open(context.Background(), record.Options{DB: db, Policy: access.Default(), Now: y.clock})
	if err != nil {
		t.Fatal(err)
	}
	y.door, y.s = door, &Service{Door: door, Now: y.clock, Every: 20 * time.Millisecond}
	y.put(`{"resourceType":"Organization","id":"surgery","name":"Merrow Surgery","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A81001"}]}`,
		`{"resourceType":"Organization","id":"chemist","name":"Market Pharmacy","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"FZZ01"}]}`,
		`{"resourceType":"Patient","id":"ada","extension":[{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NominatedPharmacy","valueReference":{"identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"FZZ01"}}}],"name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"1950-03-01","managingOrganization":{"reference":"Organization/surgery"}}`,
		`{"resourceType":"Patient","id":"ada-hospital","name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"1950-03-01"}`,
		`{"resourceType":"Patient","id":"joy","name":[{"family":"Okafor","given":["Joy"]}],"birthDate":"1980-03-01"}`)
	if err := (&trust.Service{Door: door, Now: y.clock}).Record(t.Context(), me, "ada", "joy", "Joy", []string{"see", "manage"}, start.AddDate(1, 0, 0), true); err != nil {
		t.Fatal(err)
	}
	y.start()
	t.Cleanup(func() { y.stop(); door.Close() })
	return y
}

func (y *story) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); y.s.Run(ctx) }()
	y.stop = func() { cancel(); <-done }
}

func play(t *testing.T, db, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, all, ok := strings.Cut(string(text), "-- story --\n")
	if !ok {
		t.Fatal("no story")
	}
	y := begin(t, db)
	for i, line := range strings.Split(all, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		what, fails, must := strings.Cut(line+" ", " ! ")
		err := y.do(what)
		switch {
		case !must && err != nil:
			t.Fatalf("%s, line %d of the story, %s: %v", file, i+1, line, err)
		case must && (err == nil || !strings.Contains(err.Error(), strings.TrimSpace(fails))):
			t.Fatalf("%s, line %d of the story, %s: %v", file, i+1, line, err)
		}
	}
}

func (y *story) clock() time.Time { return time.Unix(0, y.now.Load()).UTC() }

func (y *story) put(resources ...string) {
	y.t.Helper()
	for _, text := range resources {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			y.t.Fatalf("%v: %s", err, text)
		}
		if _, err := y.door.Commit(y.t.Context(), me, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
			y.t.Fatal(err)
		}
	}
}

// fields cuts a line into words; what stands in quotation marks is one.
func fields(line string) (out []string) {
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			out = append(out, strings.ReplaceAll(part, `\n`, "\n"))
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}

// after is the word after another one, "" where that is not there.
func after(f []string, word string) string {
	for i := 0; i+1 < len(f); i++ {
		if f[i] == word {
			return f[i+1]
		}
	}
	return ""
}

func (y *story) do(line string) error {
	f, ctx := fields(line), y.t.Context()
	who, known := people[f[0]]
	switch {
	case f[0] == "now":
		return y.at(f[1])
	case f[0] == "stop":
		y.stop()
		y.stop = func() {}
	case f[0] == "start":
		y.start()
	case f[0] == "same":
		return y.door.Link(ctx, me, "ada", "ada-hospital")
	case f[0] == "apart":
		return y.door.Unlink(ctx, me, "ada-hospital")
	case strings.TrimSpace(line) == "ada dies":
		y.put(`{"resourceType":"Patient","id":"ada","deceasedBoolean":true,"name":[{"family":"Okafor"}],"managingOrganization":{"reference":"Organization/surgery"}}`)
	case f[0] == "repeat" || f[0] == "issue":
		return y.medicine(f)
	case f[0] == "dispense":
		return y.dispense(f)
	case f[0] == "expect":
		return y.expect(f[1:])
	case !known:
		return fmt.Errorf("nobody knows %q", f[0])
	default:
		return y.does(who, f[1], f)
	}
	return nil
}

func (y *story) at(when string) error {
	if d, ok := strings.CutPrefix(when, "+"); ok {
		by, err := time.ParseDuration(d)
		if err != nil {
			return err
		}
		y.now.Add(int64(by))
		return nil
	}
	t, err := time.ParseInLocation("2006-01-02T15:04", when, london.Zone)
	y.now.Store(t.UnixNano())
	return err
}

func (y *story) does(who access.Actor, what string, f []string) error {
	ctx := y.t.Context()
	version := func() int64 {
		m, err := y.door.Get(ctx, me, "Goal", y.goal)
		if err != nil {
			y.t.Fatal(err)
		}
		return m.Version
	}
	switch what {
	case "writes":
		p, err := y.s.Plan(ctx, who, "ada")
		if err != nil {
			return err
		}
		at := p.Version
		if v := after(f, "reading"); v != "" {
			fmt.Sscan(v, &at)
		}
		return y.s.Save(ctx, who, "ada", Part(f[2]), f[3], at)
	case "begins":
		id, err := y.s.Begin(ctx, who, "ada", NewGoal{Words: f[2], Step: after(f, "step"), Programme: after(f, "with"), Confidence: -1})
		y.goal = id
		return err
	case "checks":
		c := Check{Outcome: Outcome(f[3]), Confidence: -1}
		for _, felt := range []Felt{TooHard, JustRight, TooEasy} {
			if strings.Contains(strings.Join(f, " "), string(felt)) {
				c.Felt = felt
			}
		}
		if n := after(f, "sure"); n != "" {
			fmt.Sscan(n, &c.Confidence)
		}
		_, err := y.s.CheckIn(ctx, who, "ada", y.goal, version(), c)
		return err
	case "coaches":
		return y.s.BeCoach(ctx, who, "ada", y.goal, version())
	case "ends":
		return y.s.End(ctx, who, "ada", y.goal, version(), true)
	case "says":
		q, err := y.s.QuietPeople(ctx, who)
		if err != nil || len(q) != 1 {
			return fmt.Errorf("%d people are quiet: %v", len(q), err)
		}
		return y.s.EndQuiet(ctx, who, q[0].Task, f[2])
	case "orders":
		return y.orders(who, f)
	case "looks", "approves", "refuses":
		return y.answers(who, what, f)
	}
	return fmt.Errorf("nobody can %q", what)
}

func (y *story) expect(f []string) error {
	ctx := y.t.Context()
	switch f[0] {
	case "task", "no":
		return y.until(func() (string, error) {
			q, err := y.s.QuietPeople(ctx, people["nina"])
			if err != nil || f[0] == "no" && len(q) == 0 {
				return "", err
			}
			if f[0] == "task" && len(q) == 1 && strings.Contains(q[0].Words, f[1]) && q[0].Owner == f[3] {
				return "", nil
			}
			return fmt.Sprintf("%+v", q), nil
		})
	case "week":
		g, err := y.s.Goal(ctx, people["ada"], "ada", y.goal)
		if err == nil && fmt.Sprint(g.Week) != f[1] {
			err = fmt.Errorf("it is week %d", g.Week)
		}
		return err
	case "step":
		g, err := y.s.Goal(ctx, people["ada"], "ada", y.goal)
		if err == nil && !g.Next {
			err = fmt.Errorf("no smaller step is offered")
		}
		return err
	case "history":
		all, err := y.s.History(ctx, people["ada"], "ada")
		if err != nil {
			return err
		}
		var said []string
		for _, c := range all {
			for _, p := range c.Parts {
				said = append(said, fmt.Sprintf("%s: %s -> %s, %s", p.Part, p.Was, p.Now, c.By))
			}
		}
		if !strings.Contains(strings.Join(said, "\n")+"\n", f[1]+"\n") {
			return fmt.Errorf("it says %q", said)
		}
		return nil
	case "matters", "want", "helps", "agreed", "team":
		p, err := y.s.Plan(ctx, people["nina"], "ada")
		if err != nil {
			return err
		}
		if is := p.Says[Part(f[0])]; is.Text != f[1] || is.By != strings.Join(f[3:], " ") {
			return fmt.Errorf("it says %+v", is)
		}
		return nil
	case "order":
		return y.steps(f[1:])
	}
	return y.repeat(f[0], f[1:])
}

// until asks again until nothing is amiss, or for ten seconds: what follows changes does so in a moment. Where nothing is amiss it must stay so a while.
func (y *story) until(wrong func() (string, error)) error {
	good := 0
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(30 * time.Millisecond) {
		is, err := wrong()
		if err != nil {
			return err
		}
		if is == "" {
			if good++; good == 5 {
				return nil
			}
			continue
		}
		if good = 0; time.Now().After(end) {
			return fmt.Errorf("there is %s", is)
		}
	}
}
