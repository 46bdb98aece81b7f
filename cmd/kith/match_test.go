package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMatchTwoFilesAndOne(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	kith := func(args ...string) (code int, out, errs string) {
		var stdout, stderr bytes.Buffer
		code = run(append([]string{"match"}, args...), &stdout, &stderr)
		return code, stdout.String(), stderr.String()
	}
	a := file("a.csv", "no,nhs,first,last,born,who\n1,943 476 5919,Ada,Okafor,1950-02-03,o\n2,,Eve,Grey,1988-11-30,g\n")
	b := file("b.csv", "key,number,given,family,dob,who\nx,9434765919,A.,Okafor,19500203,o\ny,9434765919,Una,Wynn,19991231,w\n")
	out := filepath.Join(dir, "pairs.csv")
	frozen := filepath.Join(dir, "frozen.json")
	mapA, mapB := "id=no,nhs=nhs,forename=first,surname=last,dob=born", "id=key,nhs=number,forename=given,surname=family,dob=dob"

	code, report, errs := kith(a, b, "--map", mapA, "--map-b", mapB, "--out", out, "--truth", "who", "--save-settings", frozen)
	if code != 0 || !strings.Contains(report, "truth: 1 right, 0 wrong, 0 missed: precision 1.00000, recall 1.00000, F1 1.00000") || !strings.Contains(report, "4 rows: 1 links, 1 to review") {
		t.Fatalf("exit %d\n%s%s", code, report, errs)
	}
	pairs, _ := os.ReadFile(out)
	if lines := strings.Split(strings.TrimSpace(string(pairs)), "\n"); len(lines) != 2 || lines[0] != "id_a,id_b,weight,decision" || !strings.HasPrefix(lines[1], "1,x,") || !strings.HasSuffix(lines[1], ",link") {
		t.Errorf("pairs:\n%s", pairs)
	}

	code, all, _ := kith("--settings", frozen, "--map", mapA, "--map-b", mapB, "--out", "-", "--all", a, b)
	if code != 0 || !strings.Contains(all, "1,y,") || !strings.Contains(all, ",review\n") || strings.Contains(all, "field") {
		t.Errorf("exit %d: the number with another's birth should be a question:\n%s", code, all)
	}

	code, why, _ := kith(a, b, "--settings", frozen, "--map", mapA, "--map-b", mapB, "--explain", "1", "--with", "x")
	if code != 0 || !strings.Contains(why, "forename") || !strings.Contains(why, "initial") || !strings.Contains(why, "weight") {
		t.Errorf("exit %d: explanation:\n%s", code, why)
	}

	one := file("one.csv", "no,first,last,born\n1,Ada,Okafor,1950-02-03\n2,Ada,Okafor,1950-02-03\n3,Eve,Grey,1988-11-30\n")
	code, pairsOne, _ := kith(one, "--map", "id=no,forename=first,surname=last,dob=born", "--out", "-")
	if code != 0 || !strings.Contains(pairsOne, "1,2,") || strings.Contains(pairsOne, "3") && strings.Contains(pairsOne, ",3,") {
		t.Errorf("exit %d: one file:\n%s", code, pairsOne)
	}

	for _, c := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{}, "name one CSV file or two", 2},
		{[]string{a}, "--map is needed", 2},
		{[]string{a, "--map", mapA}, "--out is needed", 2},
		{[]string{a, "--map", "id=no,hat=first", "--out", out}, `there is no field "hat"`, 1},
		{[]string{a, "--map", "id=no,forename=hat", "--out", out}, `a.csv: line 1: there is no column "hat"`, 1},
		{[]string{filepath.Join(dir, "none.csv"), "--map", mapA, "--out", out}, "none.csv", 1},
		{[]string{a, "--map", mapA, "--out", out, "--settings", a}, "settings are not readable", 1},
		{[]string{a, "--map", mapA, "--out", out, "--explain", "1"}, "--explain and --with", 2},
		{[]string{a, "--map", mapA, "--out", filepath.Join(dir, "no", "such", "folder")}, "no such file", 1},
		{[]string{file("torn.csv", "no,first\n1\n"), "--map", mapA, "--out", filepath.Join(dir, "no", "such", "folder")}, "--out: ", 1}, // told before anything is read
		{[]string{a, "--map", mapA, "--out", dir}, "is a directory", 1},
		{[]string{a, b, "--map", mapA, "--map-b", mapB, "--out", b}, "b.csv is read, so it cannot be written", 1},
		{[]string{a, "--map", mapA, "--out", out, "--settings", frozen, "--save-settings", frozen}, "frozen.json is read, so it cannot be written", 1},
		{[]string{a, "--map", mapA, "--out", "/dev/full"}, "no space left", 1},
	} {
		if code, _, errs := kith(c.args...); code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%v: exit %d, %q, want %d and %q", c.args, code, errs, c.code, c.want)
		}
	}
	// What went wrong on the way once left half a file, or none, where a whole one had been; and --out over a file that was read took that.
	if again, _ := os.ReadFile(out); !bytes.Equal(again, pairs) {
		t.Errorf("pairs after commands that failed:\n%s\nwant:\n%s", again, pairs)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.part")); left != nil {
		t.Errorf("left behind: %v", left)
	}
	if text, _ := os.ReadFile(b); !strings.HasPrefix(string(text), "key,") {
		t.Errorf("a file that was read is now %q", text)
	}
	if code, help, _ := kith("--help"); code != 0 || !strings.Contains(help, "--map") || !strings.Contains(help, "-truth") {
		t.Errorf("exit %d: help:\n%s", code, help)
	}
}
