package conformance

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/kith-care/kith/conformance/need"
	"github.com/kith-care/kith/connect/files"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// importInto imports paths and fails the test for every item that could not be taken.
func importInto(t testing.TB, d *record.Door, idempotent bool, paths ...string) *files.Summary {
	t.Helper()
	im := files.Import{Door: d, Who: tester, Idempotent: idempotent, Bad: func(p files.Problem) { t.Error(p.Error()) }}
	sum, err := im.Run(t.Context(), paths)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// countsIn asks the record how many resources it holds of each type.
func countsIn(t testing.TB, d *record.Door, types []string) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, typ := range types {
		p, err := d.Find(t.Context(), tester, typ+"?_summary=count")
		if err != nil {
			t.Fatal(err)
		}
		out[typ] = int(p.Total)
	}
	return out
}

func compareCounts(t *testing.T, what string, got, want map[string]int) {
	t.Helper()
	types := slices.Concat(sortedKeys(got), sortedKeys(want))
	slices.Sort(types)
	for _, typ := range slices.Compact(types) {
		if got[typ] != want[typ] {
			t.Errorf("%s: %d of type %s, want %d", what, got[typ], typ, want[typ])
		}
	}
}

func TestImportStoresWhatTheCountsSay(t *testing.T) {
	want := expectedCounts(t)
	storetest.Each(t, func(t *testing.T, db string) {
		d := record.TestOn(t, db)
		sum := importInto(t, d, false, need.Data(t, syntheaArchive))
		compareCounts(t, "the summary", sum.Stored, want)
		compareCounts(t, "the record", countsIn(t, d, sortedKeys(want)), want)
	})
}

func TestImportTwiceStoresNothingTwiceAndKeepsEveryByte(t *testing.T) {
	all := originals(t)
	byRef := map[string][]original{} // more than one where the files disagree about a resource
	want := map[string]int{}
	for _, o := range all {
		ref := o.typ + "/" + o.id
		if len(byRef[ref]) == 0 {
			want[o.typ]++
		}
		if !slices.ContainsFunc(byRef[ref], func(x original) bool { return bytes.Equal(x.raw, o.raw) }) {
			byRef[ref] = append(byRef[ref], o)
		}
	}
	disagreed := map[string]int{}
	for _, of := range byRef {
		if len(of) > 1 {
			disagreed[of[0].typ]++
		}
	}
	t.Logf("the files say different things about the same resource: %v", disagreed)
	storetest.Each(t, func(t *testing.T, db string) {
		d := record.TestOn(t, db)
		archive := need.Data(t, syntheaArchive)
		first := importInto(t, d, true, archive)
		for _, o := range all {
			typ := o.typ
			if n := first.Stored[typ] - want[typ]; n < 0 || n > 0 && disagreed[typ] == 0 {
				t.Fatalf("the first run stored %d of type %s, want %d", first.Stored[typ], typ, want[typ])
			}
		}
		second := importInto(t, d, true, archive)
		for typ, n := range second.Stored {
			if disagreed[typ] == 0 {
				t.Errorf("the second run stored %d of type %s", n, typ)
			}
		}
		compareCounts(t, "the record", countsIn(t, d, sortedKeys(want)), want)
		compareBytes(t, d, byRef)
	})
}

// compareBytes reads the whole record and compares each resource with the file it came from, byte for byte, without id
// and meta, and with references to other entries rewritten.
func compareBytes(t *testing.T, d *record.Door, byRef map[string][]original) {
	t.Helper()
	seen := map[string]bool{}
	bad := 0
	for after := int64(0); ; {
		some, err := d.Changes(t.Context(), tester, record.Log{After: after, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if len(some) == 0 {
			break
		}
		for i := range some {
			s := &some[i]
			after = s.Seq
			of, ok := byRef[s.Ref()]
			if !ok || s.Version != 1 && len(of) == 1 {
				t.Errorf("%s version %d is in the record and in no file", s.Ref(), s.Version)
				continue
			}
			seen[s.Ref()] = true
			got := without(t, s.Body, "id", "meta")
			same := func(o original) bool { return bytes.Equal(got, without(t, o.raw, "id", "meta")) }
			if !slices.ContainsFunc(of, same) {
				if bad++; bad < 4 {
					t.Errorf("%s of %s came back as\n%s\nand went in as\n%s", s.Ref(), of[0].file, got, of[0].raw)
				}
			}
			if m := asMap(t, s.Body); m["id"] != s.ID || m["meta"].(map[string]any)["versionId"] != strconv.FormatInt(s.Version, 10) {
				t.Errorf("%s says it is %v, %v", s.Ref(), m["id"], m["meta"])
			}
		}
	}
	if len(seen) != len(byRef) {
		t.Errorf("%d resources came back of %d", len(seen), len(byRef))
	}
	t.Logf("%d resources compared byte for byte", len(seen))
}

func TestImportOfLines(t *testing.T) {
	folder := need.Data(t, syntheaLines)
	want, byRef := map[string]int{}, map[string][]original{}
	names, err := filepath.Glob(filepath.Join(folder, "*.ndjson.gz"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s has no files: %v", folder, err)
	}
	for _, name := range names {
		for line := range bytes.Lines(unzip(t, name)) {
			m := asMap(t, line)
			o := original{file: name, typ: m["resourceType"].(string), id: m["id"].(string), raw: bytes.TrimSpace(line)}
			want[o.typ]++
			byRef[o.typ+"/"+o.id] = []original{o}
		}
	}
	storetest.Each(t, func(t *testing.T, db string) {
		d := record.TestOn(t, db)
		sum := importInto(t, d, true, folder)
		compareCounts(t, "the summary", sum.Stored, want)
		compareCounts(t, "the record", countsIn(t, d, sortedKeys(want)), want)
		if second := importInto(t, d, true, folder); len(second.Stored) != 0 {
			t.Errorf("the second run stored %v", second.Stored)
		}
		compareBytes(t, d, byRef)
	})
}

func unzip(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(z); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is wrong with one item is reported with file and entry, and the items around it are stored.
func TestImportReportsBadItemsAndGoesOn(t *testing.T) {
	storetest.Each(t, importReportsBadItems)
}

func importReportsBadItems(t *testing.T, db string) {
	d := record.TestOn(t, db)
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	patient := func(id string) string { return `{"resourceType":"Patient","id":"` + id + `"}` }
	entry := func(url, res string) string {
		return `{"fullUrl":"` + url + `","resource":` + res + `,"request":{"method":"POST","url":"Patient"}}`
	}
	write("01-good.json", patient("a"))
	write("02-bad.json", `{"resourceType":"Patient","id":"b"`)
	write("03-lines.ndjson", patient("c")+"\n{\"resourceType\":\n\n"+patient("d")+"\n"+`{"resourceType":"Pateint","id":"e"}`+"\n"+patient("f"))
	write("04-unknown.json", `{"resourceType":"Starship","id":"x"}`)
	write("05-transaction.json", `{"resourceType":"Bundle","type":"transaction","entry":[`+entry("urn:uuid:1", `{"resourceType":"Patient","active":true}`)+`,`+entry("urn:uuid:2", `{"resourceType":"Patient","active":"yes"}`)+`]}`)
	write("06-batch.json", `{"resourceType":"Bundle","type":"batch","entry":[`+entry("urn:uuid:3", `{"resourceType":"Patient","active":"yes"}`)+`,`+entry("urn:uuid:4", `{"resourceType":"Patient","active":true}`)+`]}`)
	write("07-twice.json", `{"resourceType":"Patient","id":"g","id":"h"}`)
	write("08-latin.json", "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"Ok\xe9\"}]}")
	write("09-good.xml", `<Patient xmlns="http://hl7.org/fhir"><id value="i"/></Patient>`)
	write("10-bad.xml", `<Patient xmlns="http://hl7.org/fhir"><id value="i"></Patient>`)
	write("11-empty.json", ``)
	write("12-notes.txt", `not ours`)
	write("13-dangling.json", `{"resourceType":"Bundle","type":"transaction","entry":[`+entry("urn:uuid:5", `{"resourceType":"Patient","managingOrganization":{"reference":"urn:uuid:none"}}`)+`]}`)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write([]byte(strings.Repeat(patient("z")+"\n", 1000)))
	w.Close()
	write("14-cut.ndjson.gz", z.String()[:z.Len()-20])
	z.Reset()
	w = gzip.NewWriter(&z)
	tw := tar.NewWriter(w)
	for _, f := range [][2]string{{"in/k.json", patient("k")}, {"in/bad.json", `]`}, {"in/l.json", patient("l")}} {
		tw.WriteHeader(&tar.Header{Name: f[0], Mode: 0o600, Size: int64(len(f[1]))})
		tw.Write([]byte(f[1]))
	}
	tw.Close()
	w.Close()
	write("15-all.tar.gz", z.String())
	write("16-last.json", patient("m"))

	var mu sync.Mutex
	problems := map[string]string{}
	im := files.Import{Door: d, Who: tester, Bad: func(p files.Problem) {
		mu.Lock()
		defer mu.Unlock()
		name, _ := filepath.Rel(dir, p.File)
		if p.Line > 0 {
			name += ":" + string(rune('0'+p.Line))
		}
		if p.Entry >= 0 {
			name += "#" + string(rune('0'+p.Entry))
		}
		problems[name] = p.Error()
	}}
	sum, err := im.Run(t.Context(), []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"02-bad.json", "03-lines.ndjson:2", "03-lines.ndjson:5", "04-unknown.json", "05-transaction.json#1", "06-batch.json#0", "07-twice.json", "08-latin.json", "10-bad.xml", "11-empty.json", "13-dangling.json#0", "14-cut.ndjson.gz", "15-all.tar.gz/in/bad.json"}
	if got := sortedKeys(problems); !slices.Equal(got, want) {
		t.Errorf("problems with %v,\nwant %v", got, want)
	}
	for _, name := range sortedKeys(problems) {
		t.Log(problems[name])
	}
	if sum.Bad != len(want) {
		t.Errorf("%d bad items counted, want %d", sum.Bad, len(want))
	}
	// Of the transaction nothing is there, of the batch one; the others are a, c, d, f, i, k, l, m and the z before the cut.
	for _, id := range []string{"a", "c", "d", "f", "i", "k", "l", "m"} {
		if _, err := d.Get(t.Context(), tester, "Patient", id); err != nil {
			t.Error(err)
		}
	}
	p, err := d.Find(t.Context(), tester, "Patient?active=true")
	if err != nil || len(p.Matches) != 1 {
		t.Errorf("%d active patients (%v), want the one of the batch", len(p.Matches), err)
	}
}
