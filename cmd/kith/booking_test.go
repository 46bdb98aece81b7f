package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/town"
)

// kith slots says what a file offers, makes it once, and names what is wrong.
func TestSlotsCommand(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "sessions.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	call := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := run(append([]string{"slots"}, args...), &out, &out)
		return code, out.String()
	}
	write("weeks: 1\nservices: [{id: gp, name: See a GP, for: registered, kind: gp}]\nplaces: [{id: p, name: Practice, ods: ZZ001}]\nclinics: [{id: c, service: gp, place: p, sessions: [{days: [mon, tue, wed, thu, fri, sat, sun], from: \"00:00\", to: \"24:00\", minutes: 60}]}]\n")
	if code, said := call(file); code != 0 || !strings.Contains(said, "1 services, 1 places, 1 clinics, Slots 1 weeks ahead") {
		t.Errorf("%d: %s", code, said)
	}
	db := "sqlite:" + filepath.Join(dir, "kith.db")
	if code, said := call("--db", db, file); code != 0 || !strings.Contains(said, "Slots are new") || strings.Contains(said, "\n0 Slots") {
		t.Errorf("%d: %s", code, said)
	}
	if code, said := call("--db", db, file); code != 0 || !strings.Contains(said, "\n0 Slots are new") {
		t.Errorf("made again: %d: %s", code, said)
	}
	write("services: [{id: gp, name: See a GP, for: all, kind: gp}]")
	if code, said := call(file); code != 1 || !strings.Contains(said, "sessions.yaml: service gp is for registered, referred or anyone") {
		t.Errorf("%d: %s", code, said)
	}
	if code, _ := call(); code != 2 {
		t.Errorf("without a file: %d", code)
	}
}

// Every practice of the town has times with its own GPs and nurses on a working day, and the hospital clinics for those who are referred.
func TestTownSessions(t *testing.T) {
	s, err := townSessions(town.Town{Seed: 1, People: 10})
	if err != nil {
		t.Fatal(err)
	}
	monday := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	slots := map[string]int{}
	for i := range s.Clinics {
		c := &s.Clinics[i]
		slots[c.Service+" "+c.Place] += len(s.Slots(c, monday, monday.AddDate(0, 0, 7)))
	}
	for _, want := range []string{"gp zz001", "gp zz002", "gp zz003", "gp zz004", "gp zz005", "nurse zz001", "blood-test zzct", "physio zzct", "orthopaedics zz1", "cardiology zz1"} {
		if slots[want] == 0 {
			t.Errorf("there are no times for %s", want)
		}
	}
}
