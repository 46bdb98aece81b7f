package monitor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/fhir/reading"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// Ended again and again in the middle of its work, and begun anew each time, monitoring comes to the same Tasks and Flags as undisturbed.
func TestEndedAtAnyMomentItComesToTheSame(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		want := outcomeOf(t, storetest.SQLite(t), false)
		if got := outcomeOf(t, db, true); got != want {
			t.Errorf("undisturbed:\n%s\nended again and again:\n%s", want, got)
		}
		if !strings.Contains(want, "requested") || strings.Count(want, "\n") < 20 {
			t.Errorf("nothing was told: %s", want)
		}
	})
}

// outcomeOf plays forty people's readings, and says what was told.
func outcomeOf(t *testing.T, db string, disturbed bool) string {
	y := begin(t, db)
	const people = 40
	for i := range people {
		y.put(fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","name":[{"given":["Ann"],"family":"N%d"}]}`, i, i),
			fmt.Sprintf(`{"resourceType":"CarePlan","id":"c%d","status":"active","intent":"plan","category":[{"coding":[{"system":"urn:kith:plan","code":"monitoring"}]}],"subject":{"reference":"Patient/p%d"}}`, i, i))
	}
	y.settle()
	luck := rand.New(rand.NewPCG(1, 2))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for disturbed && ctx.Err() == nil {
			y.stop()
			y.start()
			time.Sleep(time.Duration(60+rand.IntN(250)) * time.Millisecond)
		}
	}()
	for range 12 {
		for i := range people {
			up := 120 + luck.IntN(75)
			y.send(fmt.Sprint("p", i), reading.Device, y.clock(), false, reading.Of(reading.Systolic, reading.Number(fmt.Sprint(up)), reading.Unit{Shown: "mmHg", Code: "mm[Hg]"}), reading.Of(reading.Diastolic, reading.Number("80"), reading.Unit{Shown: "mmHg", Code: "mm[Hg]"}))
		}
		y.waitFor()
		y.now.Add(int64(20 * time.Minute))
	}
	stop()
	<-done
	y.settle()
	var out []string
	for m, err := range y.door.All(t.Context(), nurse, "Task") {
		if err != nil {
			t.Fatal(err)
		}
		var task r4.Task
		if err := m.Decode(&task); err != nil {
			t.Fatal(err)
		}
		if coded(task.Code, taskSystem, alertCode) {
			out = append(out, fmt.Sprintf("%s %s %s %s", task.ID, task.Status, task.Priority, task.ReasonReference.Reference))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// waitFor waits until all readings are looked at, whoever does.
func (y *story) waitFor() {
	y.t.Helper()
	for range 12_000 {
		if behind, err := y.door.Behind(y.t.Context(), follower); err != nil {
			y.t.Fatal(err)
		} else if behind == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	y.t.Fatal("monitoring did not get to the end")
}

// A reading was judged, and the next change of the batch failed: when both come again, the reading is told as if it were new.
func TestWhatFailedHalfwayIsToldTheNextTime(t *testing.T) {
	door := record.Test(t)
	s := &Service{Door: door, Rules: rules(t), Now: func() time.Time { return start }}
	var changes []record.Stored
	for _, text := range []string{`{"resourceType":"Patient","id":"p"}`,
		`{"resourceType":"Goal","id":"g","lifecycleStatus":"active","description":{"text":"x"},"subject":{"reference":"Patient/p"},"target":[{"measure":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"detailRange":{"high":{"value":160,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}}]}`,
		`{"resourceType":"CarePlan","id":"c","status":"active","intent":"plan","category":[{"coding":[{"system":"urn:kith:plan","code":"monitoring"}]}],"subject":{"reference":"Patient/p"},"goal":[{"reference":"Goal/g"}]}`,
		strings.NewReplacer("13.3,\"unit\":\"kPa\"", "182,\"unit\":\"mmHg\"", `"code":"kPa"`, `"code":"mm[Hg]"`, `"status":"final"`, `"id":"o","status":"final"`).Replace(pressureText)} {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		results, err := door.Commit(t.Context(), me, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}})
		if err != nil {
			t.Fatal(err)
		}
		stored, err := door.Get(t.Context(), me, res.Type(), res.ID())
		if err != nil {
			t.Fatal(err)
		}
		stored.Seq = results[0].Seq
		changes = append(changes, *stored)
	}
	ops, items, err := s.changed(t.Context(), changes[2:3])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.box.Commit(t.Context(), me, ops, items...); err != nil { // this process wrote last
		t.Fatal(err)
	}
	broken := record.Stored{Type: "Task", ID: "x", Seq: changes[3].Seq + 1, Body: []byte(`{"resourceType":"Task", monitor-alert`)}
	if _, _, err := s.changed(t.Context(), append(changes[3:4:4], broken)); err == nil {
		t.Fatal("what cannot be read was read")
	}
	ops, items, err = s.changed(t.Context(), changes[3:])
	if err != nil || len(ops) != 2 || len(items) == 0 {
		t.Errorf("%d operations, %d items, %v; want a Task and a Flag", len(ops), len(items), err)
	}
}
