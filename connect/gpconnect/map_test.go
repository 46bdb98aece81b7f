package gpconnect

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/conformance/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/validate"
)

var update = flag.Bool("update", false, "write the goldens again")

// refused are the records that must not be filed, with what the reason must name.
var refused = map[string][]string{
	"duplicated-resource-bundle.json":                      {"entry", "Patient"},
	"gpc-access-structured-with-no-patient.json":           {"entry", "Patient"},
	"malformedStructuredRecordMissingPatientResource.json": {"entry", "Patient"},
	"malformedDateStructuredRecord.json":                   {"entry[", "onset"},
	"test-binary.json":                                     {"Binary"},
}

// templated are the marks of the template language in which one record of the data is written.
var templated = regexp.MustCompile(`(?ms)^\s*\{\{#patient\}\}.*?\{\{/patient\}\}|^\s*\{\{[#^/]\w+\}\}\s*$`)

// asked stands where that record repeats the NHS number it was asked for.
var asked = regexp.MustCompile(`\{\{jsonPath request.body '[^']*'\}\}`)

// records are the structured records of the real data, by file.
func records(t testing.TB) map[string][]byte {
	root := need.Data(t, "uk", "gp2gp")
	out := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".json" {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		out[name] = asked.ReplaceAll(templated.ReplaceAll(data, nil), []byte("9690937286"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("only %d records", len(out))
	}
	return out
}

// Every record of the data is mapped to R4 that is right, or refused with the entry and the element.
func TestRealRecordsMap(t *testing.T) {
	door := record.Test(t)
	seen := map[string]int{}
	all := records(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		data := all[name]
		r, err := Map(data, Config{Feed: "medicus-zz005", Item: 7})
		if words, bad := refused[filepath.Base(name)]; bad {
			if err == nil {
				t.Errorf("%s is taken", name)
				continue
			}
			for _, w := range words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%s: the reason does not name %s: %v", name, w, err)
				}
			}
			t.Logf("%s: %v", name, err)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, f := range r.Resources {
			seen[f.Kind]++
			issues, err := door.Validate(t.Context(), access.Actor{}, f.Resource)
			if err != nil {
				t.Fatal(err)
			}
			for _, issue := range issues {
				if issue.Severity == validate.Error {
					t.Errorf("%s, %s: %s/%s: %v", name, f.Place, f.Kind, f.Key, issue)
				}
			}
		}
		for _, l := range r.Left {
			t.Logf("%s: %s is left: %s", name, l.Place, l.Reason)
		}
		for _, n := range slices.Sorted(maps.Keys(r.Notes)) {
			t.Logf("%s: %s (%d)", name, n, r.Notes[n])
		}
	}
	t.Log(seen)
}

// coding is one code of a source with where it stood.
type sourceCoding struct{ kind, key, path, system, code, display string }

// codings collects every code of the entries of a bundle.
func codings(t testing.TB, data []byte) []sourceCoding {
	var bundle struct {
		Entry []struct{ Resource map[string]any }
	}
	if err := json.Unmarshal(data, &bundle); err != nil {
		t.Fatal(err)
	}
	var out []sourceCoding
	var walk func(kind, key, path string, v any)
	walk = func(kind, key, path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if inner, _ := v["resourceType"].(string); inner != "" && path != inner {
				kind, path = inner, inner
				key, _ = v["id"].(string)
			}
			for name, kid := range v {
				if name == "coding" {
					for _, c := range kid.([]any) {
						c := c.(map[string]any)
						s, _ := c["system"].(string)
						k, _ := c["code"].(string)
						d, _ := c["display"].(string)
						out = append(out, sourceCoding{kind, key, path, s, k, d})
					}
				}
				walk(kind, key, path+"."+name, kid)
			}
		case []any:
			for _, kid := range v {
				walk(kind, key, path, kid)
			}
		}
	}
	for _, e := range bundle.Entry {
		kind, _ := e.Resource["resourceType"].(string)
		key, _ := e.Resource["id"].(string)
		walk(kind, key, kind, e.Resource)
	}
	return out
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; -update writes it again", path)
	}
}

var _ = context.Background
var _ = fmt.Sprint
var _ = fhir.Parse
