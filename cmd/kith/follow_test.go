package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/monitor"
	"github.com/kith-care/kith/connect/devices"
	"github.com/kith-care/kith/connect/feeds"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/connect/match"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// reader reads the record for the story.
var reader = access.Actor{ID: "kith/story", Name: "The story", Role: access.Kith, Purpose: "TREAT"}

// TestFollowAReading plays testdata/follow/pressure.txtar, with the policy that Kith comes with, on both databases.
func TestFollowAReading(t *testing.T) {
	text, err := os.ReadFile("../../testdata/follow/pressure.txtar")
	if err != nil {
		t.Fatal(err)
	}
	_, lines, _ := strings.Cut(string(text), "-- story --\n")
	storetest.Each(t, func(t *testing.T, db string) {
		y := beginFollowing(t, db)
		for line := range strings.SplitSeq(lines, "\n") {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			if err := y.do(line); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
	})
}

// following is a place with a door for devices, matching and monitoring.
type following struct {
	t    *testing.T
	door *record.Door
	http *httptest.Server
	now  atomic.Int64
}

func beginFollowing(t *testing.T, db string) *following {
	t.Helper()
	y := &following{t: t}
	y.now.Store(time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC).UnixNano())
	policy, err := policyOf("")
	if err != nil {
		t.Fatal(err)
	}
	door, err := record.Open(context.Background(), record.Options{DB: db, Policy: policy, TestNumbers: true, Now: y.clock})
	if err != nil {
		t.Fatal(err)
	}
	y.door = door
	desk, err := intake.Open(t.Context(), door)
	if err != nil {
		t.Fatal(err)
	}
	desk.Now = y.clock
	if _, err := desk.Feed(t.Context(), intake.Feed{Name: "devices", Kind: devices.Kind, Title: "Readings at home"}); err != nil {
		t.Fatal(err)
	}
	linker, err := match.NewLinker(door, match.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := monitor.ReadRules("")
	if err != nil {
		t.Fatal(err)
	}
	rota := monitor.Rota{Turns: []monitor.Turn{{Who: "Organization/ward", Name: "the ward"}, {Who: "PractitionerRole/duty-doctor", Name: "the duty doctor"}}}
	watch := &monitor.Service{Door: door, Rules: rules, Rota: rota, Now: y.clock, Every: 50 * time.Millisecond}
	board := &feeds.Service{Desk: desk, Readers: readers(), Every: 50 * time.Millisecond, Now: y.clock}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { board.Run(ctx) })
	running.Go(func() { linker.Run(ctx) })
	running.Go(func() { watch.Run(ctx) })
	y.http = httptest.NewServer(http.StripPrefix("/push", board.Push()))
	t.Cleanup(func() { y.http.Close(); cancel(); running.Wait(); door.Close() })
	return y
}

func (y *following) clock() time.Time { return time.Unix(0, y.now.Load()).UTC() }

func (y *following) do(line string) error {
	f := strings.Fields(line)
	switch f[0] {
	case "now":
		if d, ok := strings.CutPrefix(f[1], "+"); ok {
			by, err := time.ParseDuration(d)
			y.now.Add(int64(by))
			return err
		}
		at, err := time.ParseInLocation("2006-01-02T15:04", f[1], london.Zone)
		y.now.Store(at.UnixNano())
		return err
	case "practice":
		return y.put(fmt.Sprintf(`{"resourceType":"Patient","id":%q,"identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":%q}],"gender":%q,"name":[{"use":"official","prefix":[%q],"given":[%q],"family":%q}],"birthDate":%q}`, f[1], f[2], f[3], f[4], f[5], f[6], f[7]))
	case "plan":
		up, down, _ := strings.Cut(f[3], "/")
		target := func(code, v string) string {
			return fmt.Sprintf(`{"measure":{"coding":[{"system":"http://loinc.org","code":%q}]},"detailRange":{"high":{"value":%s,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}}`, code, v)
		}
		return errors.Join(
			y.put(fmt.Sprintf(`{"resourceType":"Goal","id":%q,"lifecycleStatus":"active","description":{"text":"Blood pressure"},"subject":{"reference":"Patient/%s"},"target":[%s,%s]}`, f[1], f[1], target("8480-6", up), target("8462-4", down))),
			y.put(fmt.Sprintf(`{"resourceType":"CarePlan","id":%q,"status":"active","intent":"plan","category":[{"coding":[{"system":%q,"code":%q}]}],"subject":{"reference":"Patient/%s"},"goal":[{"reference":"Goal/%s"}],"activity":[{"detail":{"status":"scheduled","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"scheduledTiming":{"repeat":{"frequency":2,"period":1,"periodUnit":"d"}}}}]}`,
				f[1], monitor.PlanSystem, monitor.PlanCode, f[1], f[1])))
	case "account":
		return y.send("/push/devices", http.StatusOK, fmt.Sprintf("user_id,nhs_number,forename,surname,date_of_birth,postcode,email\n%s,%s,%s,%s,%s,ZZ1 1AA,\n", f[1], f[2], f[3], f[4], f[5]))
	case "cuff":
		up, _ := strconv.Atoi(f[2])
		down, _ := strconv.Atoi(f[3])
		at := time.Date(2026, 11, 20, 9, 29, 0, 0, time.UTC)
		b := []byte{0x02, byte(up), byte(up >> 8), byte(down), byte(down >> 8), 0xff, 0x07, byte(at.Year()), byte(at.Year() >> 8), byte(at.Month()), byte(at.Day()), byte(at.Hour()), byte(at.Minute()), 0}
		return y.send("/push/devices/batch", http.StatusAccepted, fmt.Sprintf(`{"id":"c1","user":%q,"name":"Cuff","characteristic":"2A35","value":%q,"received":"2026-11-20T09:30:00Z"}`+"\n"+`{"id":"c2","user":%q,"characteristic":"2A35","value":"00ff07ff07ff07","received":"2026-11-20T09:30:00Z"}`, f[1], hex.EncodeToString(b), f[1]))
	case "expect":
		return y.eventually(func() error { return y.expect(f[1:], line) })
	}
	return fmt.Errorf("nobody knows %q", f[0])
}

func (y *following) put(text string) error {
	res, err := fhir.Parse([]byte(text))
	if err != nil {
		return err
	}
	_, err = y.door.Commit(y.t.Context(), reader, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}})
	return err
}

func (y *following) send(path string, status int, body string) error {
	res, err := http.Post(y.http.URL+path, "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != status {
		return fmt.Errorf("answered %s", res.Status)
	}
	return nil
}

func (y *following) eventually(ok func() error) (err error) {
	for range 200 {
		if err = ok(); err == nil {
			return nil
		}
		time.Sleep(25 * time.Millisecond)
	}
	return err
}

func (y *following) expect(f []string, line string) error {
	_, words, _ := strings.Cut(line, `"`)
	words = strings.TrimSuffix(strings.TrimSpace(words), `"`)
	tasks, err := y.tasks()
	if err != nil {
		return err
	}
	switch f[0] {
	case "one":
		group, err := y.door.Person(y.t.Context(), "okafor")
		if err != nil || len(group) != 2 {
			return fmt.Errorf("the person is %v %v", group, err)
		}
		return nil
	case "reading":
		page, err := y.door.Find(y.t.Context(), reader, "Observation?patient=okafor&_tag=urn:kith:route|"+f[3])
		if err != nil || len(page.Matches) != 1 {
			return fmt.Errorf("there are %v readings: %v", page, err)
		}
		up, down, _ := strings.Cut(f[1], "/")
		if body := string(page.Matches[0].Body); !strings.Contains(body, `"value":`+up) || !strings.Contains(body, `"value":`+down) {
			return fmt.Errorf("it says %s", body)
		}
		return nil
	case "task":
		for _, task := range tasks {
			said := task.Description
			if task.BusinessStatus != nil {
				said += " " + task.BusinessStatus.Text
			}
			if task.Owner.Reference == f[1] && strings.Contains(said, words) {
				return nil
			}
			err = fmt.Errorf("there is %q of %s", said, task.Owner.Reference)
		}
		return errors.Join(errors.New("there is no such task"), err)
	case "tasks":
		time.Sleep(300 * time.Millisecond)
		if tasks, err = y.tasks(); err != nil || fmt.Sprint(len(tasks)) != f[1] {
			return fmt.Errorf("there are %d tasks: %v", len(tasks), err)
		}
		return nil
	case "why":
		if len(tasks) == 0 {
			return errors.New("there is no task")
		}
		w := httptest.NewRecorder()
		mux := http.NewServeMux()
		mux.HandleFunc("GET /debug/why/Task/{id}", whyTask(y.door))
		mux.ServeHTTP(w, httptest.NewRequest("GET", "/debug/why/Task/"+tasks[0].ID, nil))
		if !strings.Contains(w.Body.String(), words) || !strings.Contains(tasks[0].ReasonCode.Text, words) {
			return fmt.Errorf("the reason is %s, for staff %q", w.Body, tasks[0].ReasonCode.Text)
		}
		return nil
	case "board":
		rows, err := monitor.Board(y.t.Context(), y.door, reader, y.clock())
		if err != nil || fmt.Sprint(len(rows)) != f[1] || !strings.Contains(rows[0].Reason, words) || rows[0].Name != "Mrs Okafor" {
			return fmt.Errorf("the board shows %+v %v", rows, err)
		}
		return nil
	}
	return fmt.Errorf("nobody knows what to expect: %s", f[0])
}

// tasks are the alerts that are open.
func (y *following) tasks() (out []r4.Task, err error) {
	for m, err := range y.door.All(y.t.Context(), reader, "Task?status=requested&code=urn:kith:task|monitor-alert") {
		if err != nil {
			return nil, err
		}
		res, err := m.Resource()
		if err != nil {
			return nil, err
		}
		var task r4.Task
		if err := r4.Decode(res, &task); err != nil {
			return nil, err
		}
		out = append(out, task)
	}
	return out, nil
}
