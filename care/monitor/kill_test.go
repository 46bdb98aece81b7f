package monitor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/fhir/reading"
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
		if err := decode(m, &task); err != nil {
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
