// Package facttest gives the tests of feeds a desk over a real record, and the record as text that can be held against a golden.
package facttest

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/validate"
)

// Desk is a desk over a new record, on a database (of storetest.Each; "" for one in memory), with the feeds made known.
func Desk(t testing.TB, db string, feeds ...intake.Feed) *intake.Desk {
	t.Helper()
	door := (*record.Door)(nil)
	if db == "" {
		door = record.Test(t)
	} else {
		door = record.TestOn(t, db)
	}
	d, err := intake.Open(t.Context(), door)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range feeds {
		if _, err := d.Feed(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// Extract files one drop: names of files and what is in them, in pairs.
func Extract(t testing.TB, d *intake.Desk, format *intake.Format, feed, drop string, files ...string) *intake.Report {
	t.Helper()
	var uploads []intake.Upload
	for i := 0; i < len(files); i += 2 {
		uploads = append(uploads, intake.Upload{Name: files[i], Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(files[i+1])), nil }})
	}
	r, err := d.Extract(t.Context(), format, feed, drop, uploads, nil)
	if err != nil {
		t.Fatalf("drop %s: %v", drop, err)
	}
	return r
}

// Receive files one item that is no table.
func Receive(t testing.TB, d *intake.Desk, feed, name string, raw []byte, read intake.Reader) *intake.Item {
	t.Helper()
	it, err := d.Receive(t.Context(), feed, name, raw, read)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return it
}

// Changes is how many changes the record has had.
func Changes(t testing.TB, d *intake.Desk) int64 {
	t.Helper()
	n, err := d.Door.Seq(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Count is how many resources a search finds.
func Count(t testing.TB, d *intake.Desk, query string) int {
	t.Helper()
	n := 0
	for _, err := range d.Door.All(t.Context(), d.Who, query) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// One is the only resource that a search finds.
func One(t testing.TB, d *intake.Desk, query string) *fhir.Resource {
	t.Helper()
	page, err := d.Door.Find(t.Context(), d.Who, query)
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Matches) != 1 {
		t.Fatalf("%s finds %d resources, not one", query, len(page.Matches))
	}
	res, err := page.Matches[0].Resource()
	if err != nil {
		t.Fatal(err)
	}
	return res
}

var stamps = regexp.MustCompile(`"(versionId|lastUpdated)":"[^"]*",?`)
var items = regexp.MustCompile(`(urn:kith:intake:[a-z0-9-]+/)\d+#`)

// Text is all that is in the record now, in the order in which it came, without what the record adds. Each resource must be valid R4.
func Text(t testing.TB, d *intake.Desk) []byte {
	t.Helper()
	changes, err := d.Door.Changes(t.Context(), d.Who, record.Log{Limit: 10000})
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]int{}
	for i, c := range changes {
		last[c.Ref()] = i
	}
	var out bytes.Buffer
	for i, c := range changes {
		if last[c.Ref()] != i || c.Deleted {
			continue
		}
		res, err := c.Resource()
		if err != nil {
			t.Fatal(err)
		}
		issues, err := d.Door.Validate(t.Context(), d.Who, res)
		if err != nil {
			t.Fatal(err)
		}
		for _, issue := range issues {
			if issue.Severity == validate.Error {
				t.Errorf("%s: %v", c.Ref(), issue)
			}
		}
		body := items.ReplaceAll(stamps.ReplaceAll(res.Bytes(), nil), []byte("${1}N#"))
		body = bytes.ReplaceAll(body, []byte(",}"), []byte("}"))
		if err := json.Indent(&out, body, "", " "); err != nil {
			t.Fatalf("%s: %v: %s", c.Ref(), err, body)
		}
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// Golden holds text against a file of testdata, or writes it.
func Golden(t testing.TB, name string, got []byte, update bool) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		line := 1
		for i := range min(len(want), len(got)) {
			if want[i] != got[i] {
				break
			}
			if want[i] == '\n' {
				line++
			}
		}
		t.Errorf("%s differs from line %d on (go test -update writes it again)", path, line)
	}
}
