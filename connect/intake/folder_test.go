package intake

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kith-care/kith/store/storetest"
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
		if err == nil && len(drops) == 1 && len(drops[0].Files) == 1 {
			err = drops[0].Files[0].Wrong
		}
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
	if drops, err := Drops(path); err != nil || len(drops) != 1 || len(drops[0].Files) != 1 || !strings.Contains(fmt.Sprint(drops[0].Files[0].Wrong), "secret.zip/a.csv is encrypted") {
		t.Errorf("an encrypted file: %v, %v", drops, err)
	}
}

// A zip that was cut or damaged once held up every drop of its feed, those before it too.
func TestAZipThatCannotBeOpenedHoldsUpNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d, dir := desk(t, db), t.TempDir()
		put := func(name string, data []byte) {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		people := func(n int) []byte { return fmt.Appendf(nil, "id,name,deleted\np%d,Okafor,\n", n) }
		whole := zipOf(t, "people_20260102_delta.csv", 0, people(2))
		damaged := bytes.Replace(whole, []byte("Okafor"), []byte("Okafur"), 1) // zipOf writes no check sum, so a member must not be unpackable
		damaged[bytes.Index(damaged, []byte("PK\x01\x02"))+10] = 99
		put("1/people_20260101_delta.csv", people(1))
		put("2/cut.zip", whole[:len(whole)-30])
		put("2/damaged.zip", damaged)
		put("2/people_20260103_delta.csv", people(3))
		put("3/text.zip", []byte("<html>you are logged out</html>"))
		put("4/people_20260104_delta.csv", people(4))
		why := ""
		plain := func(files []Upload) []Upload { // the toy format reads names without folders
			for i := range files {
				files[i].Name = filepath.Base(files[i].Name)
			}
			return files
		}
		for range 2 { // the second time changes nothing
			drops, err := Drops(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, drop := range drops {
				r, err := d.Extract(t.Context(), toy(), "toy", drop.Name, plain(drop.Files), nil)
				if err != nil {
					t.Fatalf("%s: %v", drop.Name, err)
				}
				for _, it := range r.Items {
					why += it.Reason + "\n"
				}
			}
		}
		if n := count(t, d, "Patient"); n != 3 {
			t.Errorf("%d people were filed, want the three outside of the zips", n)
		}
		for _, want := range []string{"cut.zip is not a whole zip", "people_20260102_delta.csv cannot be unpacked", "text.zip is not a whole zip"} {
			if strings.Count(why, want) != 1 {
				t.Errorf("told: %q, want once %q", why, want)
			}
		}
		put("2/cut.zip", whole) // when it comes whole, it is filed
		drops, err := Drops(filepath.Join(dir, "2"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Extract(t.Context(), toy(), "toy", "2", plain(drops[0].Files), nil); err != nil {
			t.Fatal(err)
		}
		if n := count(t, d, "Patient"); n != 4 {
			t.Errorf("%d people after the zip came whole, want 4", n)
		}
	})
}
