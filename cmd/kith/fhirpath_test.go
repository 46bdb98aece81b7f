package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFHIRPathCommand(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	inJSON := write("p.json", "\ufeff"+`{"resourceType":"Patient","name":[{"given":["Ngozi",null],"_given":[null,{"id":"x"}]}],"birthDate":"1957-03-04","multipleBirthInteger":2}`)
	inXML := write("p.xml", "\n"+`<Patient xmlns="http://hl7.org/fhir"><name><given value="Ngozi"/></name><birthDate value="1957-03-04"/></Patient>`)
	broken := write("broken.json", `{"resourceType":`)
	for _, c := range []struct {
		args             []string
		code             int
		stdout, stderrIs string
	}{
		{[]string{"name.given", inJSON}, 0, `[{"type":"FHIR.string","value":"Ngozi"}]`, ""},
		{[]string{"--paths", "name.given", inJSON}, 0, `[{"type":"FHIR.string","path":"Patient.name[0].given[0]","value":"Ngozi"}]`, ""},
		{[]string{"Patient.birthDate | name.given.count()", inXML}, 0, `[{"type":"FHIR.date","value":"1957-03-04"},{"type":"System.Integer","value":1}]`, ""},
		{[]string{"multipleBirth + 0.50", inJSON}, 0, `[{"type":"System.Decimal","value":2.50}]`, ""},
		{[]string{"4 days | 1L | @2020-01", inJSON}, 0, `[{"type":"System.Quantity","value":"4 days"},{"type":"System.Long","value":"1"},{"type":"System.Date","value":"2020-01"}]`, ""},
		{[]string{"Patient.photo", inJSON}, 0, `[]`, ""},
		{[]string{"name.trace('names').given", inJSON}, 0, `[{"type":"FHIR.string","value":"Ngozi"}]`, `names: [{"type":"FHIR.HumanName","value":{"given":["Ngozi",null],"_given":[null,{"id":"x"}]}}]`},
		{[]string{"name.", inJSON}, 1, "", "kith fhirpath: FHIRPath, character 6: a name is missing before the end"},
		{[]string{"name.given.single().length() + 'x'", inJSON}, 1, "", "kith fhirpath: FHIRPath: single() found 2 items"},
		{[]string{"name", broken}, 1, "", "kith fhirpath: " + broken + ": "},
		{[]string{"name", filepath.Join(folder, "none.json")}, 1, "", "kith fhirpath: open "},
		{[]string{"name"}, 2, "", "kith fhirpath: an EXPRESSION and a FILE are needed"},
		{[]string{"--nonsense", "name", inJSON}, 2, "", "kith fhirpath: flag provided but not defined"},
		{[]string{"--help"}, 0, "kith fhirpath evaluates", ""},
	} {
		var stdout, stderr bytes.Buffer
		code := fhirpathCommand(c.args, &stdout, &stderr)
		if code != c.code || !strings.HasPrefix(stdout.String(), c.stdout) || !strings.HasPrefix(stderr.String(), c.stderrIs) || strings.Count(stderr.String(), "\n") > 1 {
			t.Errorf("%q: exit %d\n%s%s", c.args, code, stdout.String(), stderr.String())
		}
	}
}
