package monitor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/fhir/reading"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

var nurse = access.Actor{ID: "Practitioner/bell", Name: "Nurse Bell", Role: "nurse", Purpose: "TREAT"}

// TestStories plays testdata/*.txtar on both databases. What comes before "-- story --" is for the reader; each line after it is one of
//
//	patient ID GENDER TITLE FAMILY         somebody
//	same ID ID                             two Patients are one person
//	plan ID KIND every DURATION [between LOW HIGH | under VALUE[/VALUE]]
//	usual ID KIND DAYS VALUE [SPREAD]      readings of the days before now, one every morning
//	now TIME | now +DURATION               London's clock
//	reading ID WORDS [by ROUTE] [irregular] [at TIME]
//	score ID TOTAL [single]                a NEWS2 that a nurse worked out; single: one measurement scores 3
//	expect task OWNER "WORDS" | expect no task | expect flag | expect no flag
//	take up | complete [usual]             a nurse deals with the newest alert
//	stop | start                           the program is killed, and comes back
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

// story is a record, its clock, and monitoring.
type story struct {
	t    *testing.T
	door *record.Door
	now  atomic.Int64
	n    int
	stop func()
}

func play(t *testing.T, db, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, lines, ok := strings.Cut(string(text), "-- story --\n")
	if !ok {
		t.Fatal("no story")
	}
	y := begin(t, db)
	for i, line := range strings.Split(lines, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if err := y.do(line); err != nil {
			t.Fatalf("%s, line %d of the story, %s: %v", file, i+1, line, err)
		}
	}
}

func begin(t *testing.T, db string) *story {
	t.Helper()
	y := &story{t: t}
	y.now.Store(start.UnixNano())
	door, err := record.Open(context.Background(), record.Options{DB: db, Policy: access.Everyone{}, Now: y.clock})
	if err != nil {
		t.Fatal(err)
	}
	y.door = door
	y.start()
	t.Cleanup(func() { y.stop(); door.Close() })
	return y
}

func (y *story) clock() time.Time { return time.Unix(0, y.now.Load()).UTC() }

func (y *story) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	s := &Service{Door: y.door, Rules: rules(y.t), Now: y.clock, Every: 25 * time.Millisecond, Rota: Rota{Turns: []Turn{{Who: "Organization/ward", Name: "the ward"}, {Who: "Organization/doctor", Name: "the duty doctor"}}}}
	go func() { defer close(done); s.Run(ctx) }()
	y.stop = func() { cancel(); <-done }
}

func (y *story) put(resources ...string) {
	y.t.Helper()
	for _, text := range resources {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			y.t.Fatalf("%v: %s", err, text)
		}
		if _, err := y.door.Commit(y.t.Context(), nurse, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
			y.t.Fatal(err)
		}
	}
}

func (y *story) do(line string) error {
	f := strings.Fields(line)
	switch f[0] {
	case "patient":
		y.put(fmt.Sprintf(`{"resourceType":"Patient","id":%q,"gender":%q,"name":[{"prefix":[%q],"family":%q}]}`, f[1], f[2], f[3], f[4]))
	case "same":
		return y.door.Link(y.t.Context(), nurse, f[1], f[2])
	case "plan":
		return y.plan(f[1:])
	case "usual":
		return y.usual(f[1:])
	case "now":
		return y.at(f[1])
	case "reading":
		return y.reading(f[1], strings.TrimSpace(strings.TrimPrefix(line, "reading "+f[1])))
	case "score":
		y.n++
		most := 2
		if len(f) > 3 {
			most = 3
		}
		y.put(fmt.Sprintf(`{"resourceType":"Observation","id":"score-%d","status":"final","code":{"coding":[{"system":"http://snomed.info/sct","code":"1104051000000101"}]},"subject":{"reference":"Patient/%s"},"effectiveDateTime":%q,"valueQuantity":{"value":%s},"component":[{"code":{"text":"a part"},"valueQuantity":{"value":%d}}]}`,
			y.n, f[1], y.clock().Format(time.RFC3339), f[2], most))
	case "expect":
		return y.expect(strings.TrimPrefix(line, "expect "))
	case "take", "complete":
		return y.deal(line)
	case "stop":
		y.stop()
		y.stop = func() {}
	case "start":
		y.start()
	default:
		return fmt.Errorf("nobody knows %q", f[0])
	}
	return nil
}

func (y *story) at(when string) error {
	if d, ok := strings.CutPrefix(when, "+"); ok {
		by, err := time.ParseDuration(d)
		if err != nil {
			return err
		}
		y.settle()
		y.now.Add(int64(by))
		return nil
	}
	t, err := time.ParseInLocation("2006-01-02T15:04", when, london.Zone)
	if err == nil {
		y.now.Store(t.UnixNano())
	}
	return err
}

func (y *story) plan(f []string) error {
	every, err := time.ParseDuration(f[3])
	if err != nil {
		return err
	}
	code, targets := map[string]string{"pressure": "85354-9", "weight": "29463-7", "saturation": "59408-5", "heart-rate": "8867-4", "glucose": "15074-8"}[f[1]], ""
	target := func(code, low, high string) {
		unit := map[string]string{"29463-7": "kg", "59408-5": "%", "8867-4": "/min"}[code]
		if unit == "" {
			unit = "mm[Hg]"
		}
		bound := func(name, v string) string {
			if v == "" {
				return ""
			}
			return fmt.Sprintf(`%q:{"value":%s,"unit":%q,"system":"http://unitsofmeasure.org","code":%q}`, name, v, unit, unit)
		}
		parts := strings.Trim(bound("low", low)+","+bound("high", high), ",")
		targets += fmt.Sprintf(`,{"measure":{"coding":[{"system":"http://loinc.org","code":%q}]},"detailRange":{%s}}`, code, parts)
	}
	if len(f) > 4 && f[4] == "under" {
		up, down, two := strings.Cut(f[5], "/")
		if two {
			target("8480-6", "", up)
			target("8462-4", "", down)
		} else {
			target(code, "", up)
		}
	} else if len(f) > 4 {
		target(code, f[5], f[6])
	}
	id := f[0] + "-" + f[1]
	y.put(fmt.Sprintf(`{"resourceType":"ServiceRequest","id":%q,"status":"active","intent":"order","subject":{"reference":"Patient/%s"},"code":{"coding":[{"system":"http://loinc.org","code":%q}]},"occurrenceTiming":{"repeat":{"frequency":1,"period":%s,"periodUnit":"h"}}}`,
		id, f[0], code, strconv.FormatFloat(every.Hours(), 'f', -1, 64)))
	goal := ""
	if targets != "" {
		y.put(fmt.Sprintf(`{"resourceType":"Goal","id":%q,"lifecycleStatus":"active","description":{"text":"limits"},"subject":{"reference":"Patient/%s"},"target":[%s]}`, id, f[0], targets[1:]))
		goal = fmt.Sprintf(`"goal":[{"reference":"Goal/%s"}],`, id)
	}
	y.put(fmt.Sprintf(`{"resourceType":"CarePlan","id":%q,"status":"active","intent":"plan","category":[{"coding":[{"system":"urn:kith:plan","code":"monitoring"}]}],"subject":{"reference":"Patient/%s"},"period":{"start":%q},%s"activity":[{"reference":{"reference":"ServiceRequest/%s"}}]}`,
		id, f[0], y.clock().Format(time.RFC3339), goal, id))
	y.settle()
	return nil
}

func (y *story) usual(f []string) error {
	days, err := strconv.Atoi(f[2])
	if err != nil {
		return err
	}
	v, err := strconv.ParseFloat(f[3], 64)
	if err != nil {
		return err
	}
	spread := 0.0
	if len(f) > 4 {
		spread, _ = strconv.ParseFloat(f[4], 64)
	}
	unit := map[string]string{"weight": "kg", "saturation": "%", "heart-rate": "/min"}[f[1]]
	for d := days; d > 0; d-- {
		value := strconv.FormatFloat(v+spread*float64([]int{0, 1, -1, 0, 1, -1, 0}[d%7]), 'f', 1, 64)
		q := reading.Of(reading.Named(f[1]), reading.Number(value), reading.Unit{Shown: unit, Code: unit})
		y.send(f[0], reading.Device, y.clock().AddDate(0, 0, -d), false, q)
	}
	y.settle()
	return nil
}

// reading sends what somebody measured, by whatever way.
func (y *story) reading(patient, words string) error {
	route, irregular, at := reading.Device, false, y.clock()
	if rest, when, ok := strings.Cut(words, " at "); ok {
		t, err := time.ParseInLocation("2006-01-02T15:04", when, london.Zone)
		if err != nil {
			return err
		}
		words, at = rest, t
	}
	if rest, ok := strings.CutSuffix(words, " irregular"); ok {
		words, irregular = rest, true
	}
	if rest, by, ok := strings.Cut(words, " by "); ok {
		words, route = rest, reading.Route(by)
	}
	measures, err := reading.Words(words)
	if err != nil {
		return err
	}
	y.send(patient, route, at, irregular, measures...)
	return nil
}

func (y *story) send(patient string, route reading.Route, at time.Time, irregular bool, measures ...reading.Measure) {
	y.t.Helper()
	y.n++
	id := fmt.Sprintf("reading-%d", y.n)
	r := reading.Reading{Subject: &r4.Reference{Reference: "Patient/" + patient}, Start: london.DateTime(at), Measures: measures, Irregular: irregular, Route: route, Ref: func(string) *r4.Reference { return &r4.Reference{Reference: "Observation/" + id} }}
	parts, _, err := r.Observations()
	if err != nil {
		y.t.Fatal(err)
	}
	for _, p := range parts {
		if p.Observation.ID = id; p.Name != "" {
			p.Observation.ID += "-" + p.Name
		}
		y.put(string(r4.Encode(p.Observation)))
	}
}

// settle waits until everything is looked at, also what comes of time passing.
func (y *story) settle() {
	y.t.Helper()
	for range 400 {
		behind, err := y.door.Behind(y.t.Context(), follower)
		if err != nil {
			y.t.Fatal(err)
		}
		time.Sleep(30 * time.Millisecond)
		if behind == 0 {
			time.Sleep(60 * time.Millisecond)
			return
		}
	}
	y.t.Fatal("monitoring did not get to the end")
}

// open are the Tasks for somebody that are not done, the newest first.
func (y *story) open() (out []r4.Task) {
	y.t.Helper()
	for m, err := range y.door.All(y.t.Context(), nurse, "Task?status=requested,accepted&_sort=-_lastUpdated") {
		if err != nil {
			y.t.Fatal(err)
		}
		var task r4.Task
		if err := m.Decode(&task); err != nil {
			y.t.Fatal(err)
		}
		out = append(out, task)
	}
	return out
}

// expect waits a little for what should be: the record is watched beside the story.
func (y *story) expect(what string) (err error) {
	y.settle()
	for range 100 {
		if err = y.is(what); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

func (y *story) is(what string) error {
	if what == "flag" || what == "no flag" {
		n := 0
		for m, err := range y.door.All(y.t.Context(), nurse, "Flag") {
			if err != nil {
				return err
			}
			var f r4.Flag
			if err := m.Decode(&f); err != nil {
				return err
			}
			if f.Status == "active" {
				n++
			}
		}
		if (n > 0) != (what == "flag") {
			return fmt.Errorf("there are %d active flags", n)
		}
		return nil
	}
	tasks := y.open()
	if what == "no task" {
		if len(tasks) > 0 {
			return fmt.Errorf("there is %q for %s", tasks[0].Description, tasks[0].Owner.Display)
		}
		return nil
	}
	rest := strings.TrimPrefix(what, "task ")
	owner, words, _ := strings.Cut(rest, " ")
	words = strings.Trim(words, `"`)
	var have []string
	for _, task := range tasks {
		who := strings.TrimPrefix(strings.TrimPrefix(task.Owner.Reference, "Organization/"), "Patient/")
		text := task.Description
		if task.BusinessStatus != nil {
			text += " (" + task.BusinessStatus.Text + ")"
		}
		for _, n := range task.Note {
			text += " | " + n.Text
		}
		if who == owner && strings.Contains(text, words) {
			return nil
		}
		have = append(have, who+": "+text)
	}
	return fmt.Errorf("there is no such task, only %q", have)
}

func (y *story) deal(line string) error {
	for _, task := range y.open() {
		if !coded(task.Code, taskSystem, alertCode) {
			continue
		}
		task.Status = map[bool]string{true: "accepted", false: "completed"}[line == "take up"]
		if strings.HasSuffix(line, "usual") {
			task.BusinessStatus = &r4.CodeableConcept{Coding: []r4.Coding{{System: outcomeSystem, Code: "usual"}}}
		}
		task.Meta = nil
		y.put(string(r4.Encode(&task)))
		y.settle()
		return nil
	}
	return fmt.Errorf("there is no alert")
}
