package fhirxml

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kith-care/kith/conformance/need"
	"github.com/kith-care/kith/fhir"
)

func TestSyntheaThroughXML(t *testing.T) {
	file, err := os.Open(need.Data(t, "patients", "synthea-r4-A-bulk-data-server.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	bundles := 0
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(header.Name, ".json") {
			continue
		}
		if testing.Short() && bundles >= 5 {
			break
		}
		body, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		bundles++
		if back := throughXML(t, body); canonicalJSON(t, back) != canonicalJSON(t, body) {
			t.Errorf("%s came back different", header.Name)
		}
	}
	if bundles == 0 {
		t.Error("the archive holds no bundle")
	}
}

func throughXML(t *testing.T, body []byte) []byte {
	t.Helper()
	res, err := fhir.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	asXML, err := FromJSON(res)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ToJSON(asXML)
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, asXML)
	}
	return back
}

func canonicalJSON(t *testing.T, body []byte) string {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%v\n%.2000s", err, body)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// The examples and definitions of UK Core are written by many hands, in XML.
func TestUKCoreThroughJSON(t *testing.T) {
	root := need.Data(t, "uk", "ukcore-r4")
	count := 0
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".xml") {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		count++
		asJSON, err := ToJSON(body)
		if strings.HasSuffix(path, "CodeSystem-UKCore-EthnicCategoryScotland.xml") {
			// a stray c was left between two concepts
			if err == nil || !strings.Contains(err.Error(), "CodeSystem.concept[3]: text may stand in a narrative only") {
				t.Errorf("%s: %v", path, err)
			}
			return nil
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		res, err := fhir.Parse(asJSON)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		back, err := FromJSON(res)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		if want, got := canonicalXML(t, body), canonicalXML(t, back); want != got {
			at := 0
			for at < min(len(want), len(got)) && want[at] == got[at] {
				at++
			}
			t.Errorf("%s came back different:\n%.200s\n%.200s", path, want[max(0, at-60):], got[max(0, at-60):])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if count < 200 {
		t.Errorf("only %d files", count)
	}
	t.Logf("%d files", count)
}

// canonicalXML writes a document without what XML or FHIR say means nothing: comments, white space between FHIR's
// elements, the order of elements with different names, prefixes, the order of attributes.
func canonicalXML(t *testing.T, body []byte) string {
	t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(body))
	for {
		token, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			return canonicalElement(t, decoder, start)
		}
	}
}

func canonicalElement(t *testing.T, decoder *xml.Decoder, start xml.StartElement) string {
	t.Helper()
	var head []string
	for _, a := range start.Attr {
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" || a.Name.Space == xsiSpace {
			continue
		}
		value := strings.NewReplacer("\r", " ", "\n", " ", "\t", " ").Replace(a.Value)
		head = append(head, " "+a.Name.Space+"|"+a.Name.Local+"="+value)
	}
	slices.Sort(head)
	type part struct{ name, text string }
	var parts []part
	for {
		token, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			parts = append(parts, part{token.Name.Local, canonicalElement(t, decoder, token)})
		case xml.CharData:
			if start.Name.Space == xhtmlSpace || strings.TrimSpace(string(token)) != "" {
				parts = append(parts, part{"", string(token)})
			}
		case xml.EndElement:
			if start.Name.Space != xhtmlSpace {
				slices.SortStableFunc(parts, func(a, b part) int { return strings.Compare(a.name, b.name) })
			}
			out := "<" + start.Name.Space + "|" + start.Name.Local + strings.Join(head, "") + ">"
			for _, p := range parts {
				out += p.text
			}
			return out + "</>"
		}
	}
}
