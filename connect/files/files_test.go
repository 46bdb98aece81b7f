package files

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

var tester = access.Actor{ID: "Practitioner/tester"}

// runFiles imports files given by name and content.
func runFiles(t *testing.T, d *record.Door, idempotent bool, contents map[string]string) (*Summary, []string) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range contents {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var problems []string
	read := int64(0)
	im := Import{Door: d, Who: tester, Idempotent: idempotent, Bad: func(p Problem) { problems = append(problems, p.Error()) }, Progress: func(n int64) { read = n }}
	sum, err := im.Run(t.Context(), []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	if size, err := Size([]string{dir}); err != nil || read > size || sum.Bytes != read {
		t.Errorf("%d bytes read and %d counted of %d, %v", read, sum.Bytes, size, err)
	}
	return sum, problems
}

// What a file holds is seen from its content, whatever its packing and kind.
func TestKindsOfFiles(t *testing.T) {
	d := record.Test(t)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte(`{"resourceType":"Patient","id":"packed"}`))
	z.Close()
	sum, problems := runFiles(t, d, false, map[string]string{
		"a.json":         "\ufeff" + `{"resourceType":"Patient","id":"mark"}`,
		"b.json.gz":      packed.String(),
		"c.jsonl":        `{"resourceType":"Patient","id":"line1"}` + "\r\n\r\n" + `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"line2"}}]}`,
		"d.XML":          `<?xml version="1.0" encoding="UTF-8"?><Patient xmlns="http://hl7.org/fhir"><id value="xml"/></Patient>`,
		"deep/er/e.json": `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"collected"}},{"fullUrl":"x"}]}`,
		"f.json":         `{"resourceType":"Bundle","id":"letter","type":"document","entry":[{"resource":{"resourceType":"Composition","id":"inside","status":"final","type":{"text":"x"},"date":"2020","author":[{"display":"x"}],"title":"x"}}]}`,
		"g.json":         `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient"},"request":{"method":"DELETE","url":"Patient/1"}}]}`,
		"h.json":         `{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient","id":"put"},"request":{"method":"PUT","url":"Patient/put"}},{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Observation"}}]}`,
		".hidden/i.json": `{"resourceType":"Patient","id":"hidden"}`,
		"notes.txt":      "not a resource",
	})
	for _, id := range []string{"mark", "packed", "line1", "line2", "xml", "collected", "put"} {
		if _, err := d.Get(t.Context(), tester, "Patient", id); err != nil {
			t.Error(err)
		}
	}
	if _, err := d.Get(t.Context(), tester, "Bundle", "letter"); err != nil {
		t.Error(err)
	}
	for _, ref := range []string{"Patient/hidden", "Composition/inside"} {
		typ, id, _ := strings.Cut(ref, "/")
		if _, err := d.Get(t.Context(), tester, typ, id); fhir.KindOf(err) != fhir.NotFound {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if len(problems) != 3 || sum.Bad != 3 || sum.Stored["Patient"] != 7 || sum.Files != 8 {
		t.Errorf("%+v, %q", sum, problems)
	}
}

// What is wrong in a line was told as of an entry, counted from 0, in line 1; a line that is too long was held in memory whole, and ended the file.
func TestWhatIsWrongInALineNamesTheLine(t *testing.T) {
	d := record.Test(t)
	_, problems := runFiles(t, d, false, map[string]string{"a.ndjson": `{"resourceType":"Patient","id":"a"}` + "\n\n{oops\n" +
		`{"resourceType":"Patient","id":"b","birthDate":5}` + "\n" +
		`{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient","id":"c"}},{"resource":{"resourceType":"Hat"}}]}` + "\n"})
	slices.Sort(problems)
	want := []string{"a.ndjson, line 3: not valid JSON: a member must start with its name in quotes (column 2)", "a.ndjson, line 4: Patient.birthDate: 5 is no date", "a.ndjson, line 5, entry 1: there is no resource type"}
	if len(problems) != len(want) {
		t.Fatalf("%q", problems)
	}
	for i := range want {
		if !strings.Contains(problems[i], want[i]) {
			t.Errorf("%q, want %q", problems[i], want[i])
		}
	}
	in := bufio.NewReaderSize(strings.NewReader("one\n"+strings.Repeat("x", 100)+"\n"+strings.Repeat("y", 40)+"\n"+strings.Repeat("z", 100)), 16)
	var lines []string
	for {
		line, err := readLine(in, 50)
		lines = append(lines, fmt.Sprintf("%.3s %d %v", line, len(line), err))
		if err == io.EOF {
			break
		}
	}
	if got := fmt.Sprintf("%q", lines); got != fmt.Sprintf("%q", []string{"one 4 <nil>", " 0 " + errLong.Error(), "yyy 41 <nil>", " 0 " + errLong.Error(), " 0 EOF"}) {
		t.Errorf("lines read: %s", got)
	}
}

// Imported again, an item is stored under the same id, whatever names it: its bundle, its own id, its identifier, or
// nothing but what it says.
func TestIdempotentImport(t *testing.T) {
	d := record.Test(t)
	files := map[string]string{
		"a.json": `{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:5d4b9df1-93ae-3bc9-b680-03249990e558","resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}},{"fullUrl":"http://elsewhere.test/fhir/Observation/o9","resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"urn:uuid:5d4b9df1-93ae-3bc9-b680-03249990e558"}},"request":{"method":"POST","url":"Observation"}}]}`,
		"b.json": `{"resourceType":"Organization","identifier":[{"system":"s","value":"1"}]}`,
		"c.json": `{"resourceType":"Basic","code":{"text":"no name at all"}}`,
		"d.json": `{"resourceType":"Patient","id":"own"}`,
	}
	first, problems := runFiles(t, d, true, files)
	if len(problems) != 0 || first.Stored["Patient"] != 2 || first.Stored["Observation"] != 1 || first.Stored["Organization"] != 1 || first.Stored["Basic"] != 1 {
		t.Fatalf("%+v, %q", first, problems)
	}
	second, problems := runFiles(t, d, true, files)
	if len(problems) != 0 || len(second.Stored) != 0 || second.Unchanged["Patient"] != 2 {
		t.Errorf("the second time: %+v, %q", second, problems)
	}
	// What has changed at its source is a new version, under the same id.
	files["b.json"] = `{"resourceType":"Organization","identifier":[{"system":"s","value":"1"}],"name":"New"}`
	third, _ := runFiles(t, d, true, files)
	p, err := d.Find(t.Context(), tester, "Organization")
	if err != nil || len(p.Matches) != 1 || p.Matches[0].Version != 2 || third.Stored["Organization"] != 1 {
		t.Errorf("after a change: %+v, %+v, %v", third, p, err)
	}
	s, err := d.Get(t.Context(), tester, "Observation", "o9")
	if err != nil || !strings.Contains(string(s.Body), `"Patient/5d4b9df1-93ae-3bc9-b680-03249990e558"`) {
		t.Errorf("%v, %v", s, err)
	}
}
