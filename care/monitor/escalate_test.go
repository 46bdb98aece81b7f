package monitor

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
)

func TestWhoIsOnDuty(t *testing.T) {
	night := Turn{Name: "night", From: "20:00", To: "08:00", Days: []string{"sat"}}
	for at, want := range map[string]bool{
		"2026-10-24T19:59": false, "2026-10-24T20:00": true, // Saturday
		"2026-10-25T00:30": true, "2026-10-25T01:30": true, "2026-10-25T07:59": true, // the night in which the clocks go back belongs to Saturday
		"2026-10-25T08:00": false, "2026-10-25T21:00": false, "2026-10-24T07:00": false,
	} {
		when, err := time.ParseInLocation("2006-01-02T15:04", at, london.Zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := night.onDuty(when); got != want {
			t.Errorf("%s: %v", at, got)
		}
	}
	r := Rota{Turns: []Turn{night}}
	if got := r.at(start); len(got) != 1 || got[0].Name != "night" {
		t.Errorf("nobody is told when nobody is on duty: %+v", got)
	}
	if got := (Rota{}).at(start); len(got) != 1 || got[0].Name == "" {
		t.Errorf("without a rota nobody is told: %+v", got)
	}
}

// To the next after its minutes, and after the last to the first again, more urgent.
func TestATaskGoesRound(t *testing.T) {
	r := Rota{Turns: []Turn{{Who: "Organization/ward", Name: "the ward"}, {Who: "PractitionerRole/doctor", Name: "the doctor", After: Span(5 * time.Minute)}}}
	task := &r4.Task{Status: "requested", Priority: "routine"}
	r.give(task, start)
	for i, want := range []struct {
		owner    string
		after    time.Duration
		priority string
	}{{"Organization/ward", 15 * time.Minute, "routine"}, {"PractitionerRole/doctor", 5 * time.Minute, "routine"}, {"Organization/ward", 15 * time.Minute, "urgent"}} {
		if got := task.Restriction.Period.End.Low().Sub(start); task.Owner.Reference != want.owner || got != want.after || task.Priority != want.priority {
			t.Errorf("step %d: %s, %v, %s", i, task.Owner.Reference, got, task.Priority)
		}
		r.pass(task, start)
	}
}

func TestRotasThatCannotBe(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"turns":[{"who":"Organization/a","name":"A","from":"08:00","to":"20:00","days":["mon"],"after":"10m"}]}`: true,
		`{"turns":[{"after":"10m"}]}`: false, `{"turns":[{"who":"x","from":"8 o'clock"}]}`: false, `{"turns":[{"who":"x","zeal":1}]}`: false, `{"turns":[{"who":"x","after":"soon"}]}`: false,
	} {
		file := filepath.Join(t.TempDir(), "rota.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadRota(file); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
