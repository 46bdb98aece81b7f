package files

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// FuzzImport imports any file, plain or packed: what cannot be taken is a problem of that item, never of the program.
func FuzzImport(f *testing.F) {
	patient := []byte(`{"resourceType":"Patient","id":"a"}`)
	f.Add("a.json", patient)
	f.Add("a.ndjson", append(append(bytes.Clone(patient), '\n'), patient...))
	f.Add("a.json", []byte(`{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}]}`))
	f.Add("a.json", []byte(`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","identifier":[{"system":"a","value":"b"}]}}]}`))
	f.Add("a.xml", []byte(`<Patient xmlns="http://hl7.org/fhir"><id value="a"/></Patient>`))
	f.Add("a.json.gz", packed(f, patient))
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "x/a.json", Size: int64(len(patient)), Mode: 0o600}); err != nil {
		f.Fatal(err)
	}
	if _, err := w.Write(patient); err != nil {
		f.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add("a.tar", archive.Bytes())
	f.Add("a.tar.gz", packed(f, archive.Bytes()))
	door := record.TestOn(f, "sqlite::memory:")
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		path := filepath.Join(t.TempDir(), "in"+filepath.Ext(filepath.Base(name)))
		if os.WriteFile(path, data, 0o600) != nil {
			return // no name for a file
		}
		for _, again := range []bool{false, true} {
			im := Import{Door: door, Who: access.Actor{ID: "tester"}, Idempotent: again, Bad: func(p Problem) {
				if fhir.KindOf(p.Err) == fhir.Busy {
					t.Errorf("%v", p)
				}
			}}
			if _, err := im.Run(t.Context(), []string{path}); err != nil {
				t.Errorf("one bad item stopped the whole: %v", err)
			}
		}
	})
}

func packed(f *testing.F, data []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(data); err != nil {
		f.Fatal(err)
	}
	if err := z.Close(); err != nil {
		f.Fatal(err)
	}
	return out.Bytes()
}
