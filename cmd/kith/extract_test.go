package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Rows in quarantine were once only counted: who ran the command could not see which, nor why.
func TestExtractSaysWhyRowsAreInQuarantine(t *testing.T) {
	dir := t.TempDir()
	const head = "ID,SURNAME,FORENAME,TITLE,SEX,GMP_CODE,HCP_TYPE,SERVICE_ID\n"
	name := filepath.Join(dir, "FULL_ZZ004_staff_data_extract-2026-10-29-000500.csv")
	extract := func(text string) (int, string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		code := extractCommand([]string{"--feed", "v", "--kind", "vision", "--db", "sqlite:" + filepath.Join(dir, "k.db"), name}, &out, &errs)
		if errs.Len() > 0 {
			t.Errorf("%s", &errs)
		}
		return code, out.String()
	}
	if code, out := extract(head + "G0,Ncube,Jo,Dr,F,G1,GP,5\n"); code != 0 || strings.Contains(out, "first") {
		t.Errorf("a good file gives %d: %s", code, out)
	}
	code, out := extract(head + "G1,Bello,Femi,Dr,M,G123,GP,5\nG2,Okafor\n,Nobody,,,,,,\nG3,Ade\n")
	if code != 1 || !strings.Contains(out, "2 quarantined, first "+filepath.Base(name)+" line 3: the row has 2 values, the header 8\n") ||
		!strings.Contains(out, "1 quarantined, first "+filepath.Base(name)+" line 4: the row has no key") {
		t.Errorf("exit %d: %s", code, out)
	}
}
