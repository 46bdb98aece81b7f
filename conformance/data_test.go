// Package conformance holds the whole of Kith against data and rules that none of us wrote: real files are imported,
// read back and searched, and every answer is compared with what a plain reading of the same files says.
//
// Nothing here asks package search or fhirpath what is right. The files are read by encoding/json into maps, and what
// the specification says is written down once more in the tests.
package conformance

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/conformance/need"
)

var tester = access.Actor{ID: "Practitioner/tester", Role: "test"}

const (
	syntheaArchive = "patients/synthea-r4-A-bulk-data-server.tar.gz"
	syntheaCounts  = "patients/synthea-r4-A-bulk-data-server.counts.json"
	syntheaLines   = "patients/synthea-r4-A-ndjson"
)

// expectedCounts are the resources by type of the Synthea bundles, and the one Group that stands beside them.
func expectedCounts(t testing.TB) map[string]int {
	t.Helper()
	data, err := os.ReadFile(need.Data(t, syntheaCounts))
	if err != nil {
		t.Fatal(err)
	}
	var counts struct {
		ResourceCounts map[string]int `json:"resource_counts"`
	}
	if err := json.Unmarshal(data, &counts); err != nil {
		t.Fatal(err)
	}
	counts.ResourceCounts["Group"]++
	return counts.ResourceCounts
}

// original is one resource as it stands in a file of the archive.
type original struct {
	file, fullURL string
	typ, id       string // id: of its fullUrl, or its own
	raw           []byte
}

// originals reads the resources of all files of the archive, in the order of the files.
func originals(t testing.TB) []original {
	t.Helper()
	f, err := os.Open(need.Data(t, syntheaArchive))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var out []original
	archive := tar.NewReader(z)
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, entriesOf(t, h.Name, data)...)
	}
}

func entriesOf(t testing.TB, file string, data []byte) []original {
	t.Helper()
	var b struct {
		ResourceType, ID string
		Entry            []struct {
			FullURL  string
			Resource json.RawMessage
		}
	}
	if err := json.Unmarshal(data, &b); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if b.ResourceType != "Bundle" {
		return []original{{file: file, typ: b.ResourceType, id: b.ID, raw: bytes.TrimSpace(data)}}
	}
	types := map[string]string{} // of each fullUrl
	var out []original
	for _, e := range b.Entry {
		var head struct{ ResourceType string }
		if err := json.Unmarshal(e.Resource, &head); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		types[e.FullURL] = head.ResourceType
		out = append(out, original{file, e.FullURL, head.ResourceType, strings.TrimPrefix(e.FullURL, "urn:uuid:"), e.Resource})
	}
	// A reference to another entry becomes a reference to what the entry is stored as.
	for i := range out {
		out[i].raw = urnReference.ReplaceAllFunc(out[i].raw, func(m []byte) []byte {
			parts := urnReference.FindSubmatch(m)
			typ, ok := types["urn:uuid:"+string(parts[2])]
			if !ok {
				return m
			}
			return slices.Concat(parts[1], []byte(`"`+typ+"/"), parts[2], []byte(`"`))
		})
	}
	return out
}

var urnReference = regexp.MustCompile(`("reference"\s*:\s*)"urn:uuid:([^"]+)"`)

// without is a JSON object with members of the top level cut out, each with the comma before it, and every other byte
// as it was.
func without(t testing.TB, raw []byte, names ...string) []byte {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.Token(); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	var out []byte
	from, end := int64(0), dec.InputOffset()
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if slices.Contains(names, name.(string)) {
			out = append(out, raw[from:end]...)
			from = dec.InputOffset()
		}
		end = dec.InputOffset()
	}
	return append(out, raw[from:]...)
}

// asMap reads a resource into plain maps, with numbers as they are written.
func asMap(t testing.TB, raw []byte) map[string]any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return m
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
