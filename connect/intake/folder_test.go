package intake

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// zipOf is a zip with one file in it.
func zipOf(t *testing.T, name string, flags uint16, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	in, err := w.CreateRaw(&zip.FileHeader{Name: name, Flags: flags, Method: zip.Store, CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// How deep zips lie in each other was counted by names that end in .zip: with .ZIP, one that holds itself was opened for ever. What is encrypted was
// filed as it stood where it was not compressed.
func TestZipsThatAreNotOpened(t *testing.T) {
	nested := []byte("id\n1\n")
	for i, name := range []string{"a.csv", "1.ZIP", "2.ZIP", "3.ZIP"} {
		nested = zipOf(t, name, 0, nested)
		path := filepath.Join(t.TempDir(), "outer.ZIP")
		if err := os.WriteFile(path, nested, 0o600); err != nil {
			t.Fatal(err)
		}
		drops, err := Drops(path)
		switch {
		case i < deepest && (err != nil || len(drops) != 1 || len(drops[0].Files) != 1 || !strings.HasSuffix(drops[0].Files[0].Name, "a.csv")):
			t.Errorf("%d zips inside each other: %v, %v", i+1, drops, err)
		case i >= deepest && (err == nil || !strings.Contains(err.Error(), "no more than 3 zips inside each other")):
			t.Errorf("%d zips inside each other: %v", i+1, err)
		}
	}
	path := filepath.Join(t.TempDir(), "secret.zip")
	if err := os.WriteFile(path, zipOf(t, "a.csv", 1, []byte("0123456789abc")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Drops(path); err == nil || !strings.Contains(err.Error(), "secret.zip/a.csv is encrypted") {
		t.Errorf("an encrypted file: %v", err)
	}
}
