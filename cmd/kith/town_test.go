package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTownWrites(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "merrowby")
	var out, errs bytes.Buffer
	if code := run([]string{"town", "write", "--people", "60", "--density", "tenth", "--days", "2", "--out", dir}, &out, &errs); code != 0 {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	if !strings.Contains(out.String(), "rows/s") {
		t.Errorf("it says %q", out.String())
	}
	for _, path := range []string{"emis-zz001/bulk", "emis-zz002/2026-11-01", "hospital-zz1/messages.hl7", "truth/people.ndjson", "truth/facts.ndjson", "truth/bad.ndjson"} {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(path))); err != nil {
			t.Error(err)
		}
	}
}

func TestTownRefusesWhatItCannotDo(t *testing.T) {
	for _, x := range []struct {
		args string
		code int
		says string
	}{
		{"", 2, "say what to do"}, {"read", 2, `not "read"`}, {"write", 2, "--out says where"}, {"write --out x --until yesterday", 2, `not "yesterday"`}, {"write --out x more", 2, `"more" is too much`},
		{"write --people 0 --out x", 1, "1 to 1500000 people"}, {"write --density thick --out x", 1, `not "thick"`}, {"write --feeds emis --out x", 1, `no feed "emis"`}, {"--help", 0, "usage: kith town write"},
	} {
		var out, errs bytes.Buffer
		code := run(append([]string{"town"}, strings.Fields(x.args)...), &out, &errs)
		if said := out.String() + errs.String(); code != x.code || !strings.Contains(said, x.says) {
			t.Errorf("kith town %s: exit %d: %s", x.args, code, said)
		}
	}
	if _, err := os.Stat("x"); err == nil {
		t.Error("something was written")
	}
}
