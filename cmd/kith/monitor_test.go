package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// Readings of made-up people are written, and played: the figures stand beside those of fixed thresholds.
func TestReadingsAreWrittenAndReplayed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "readings")
	var out, said bytes.Buffer
	if code := run([]string{"town", "readings", "--people", "30", "--days", "90", "--seed", "7", "--out", dir}, &out, &said); code != 0 {
		t.Fatalf("%d %s", code, said.String())
	}
	args := []string{"monitor", "replay", "--limits", filepath.Join(dir, "plans.json"), filepath.Join(dir, "readings.csv")}
	if code := run(append(args[:2:2], append([]string{"--json"}, args[2:]...)...), &out, &said); code != 0 {
		t.Fatalf("%d %s", code, said.String())
	}
	var r struct {
		People      int
		PatientDays float64
		Kith, Fixed struct {
			Manual int
			Recall float64
		}
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || r.People != 30 || r.PatientDays < 2000 || r.Kith.Manual == 0 || r.Kith.Recall == 0 {
		t.Errorf("%+v %v", r, err)
	}
	out.Reset()
	if code := run(args, &out, &said); code != 0 || !strings.Contains(out.String(), "fixed thresholds") || !strings.Contains(out.String(), "manual/day") {
		t.Errorf("%d %s %s", code, out.String(), said.String())
	}
	for _, bad := range [][]string{{"monitor"}, {"monitor", "replay"}, {"monitor", "play", "x"}, {"monitor", "replay", "/nowhere"}, {"monitor", "replay", "--limits", "/nowhere", args[4]}, {"monitor", "replay", "--rules", args[3], args[4]}, {"town", "readings"}} {
		if code := run(bad, &out, &said); code == 0 {
			t.Errorf("%v is accepted", bad)
		}
	}
}
