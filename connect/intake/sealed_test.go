package intake

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kith-care/kith/connect/pgp"
	"github.com/kith-care/kith/connect/pgp/pgptest"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store/storetest"
)

// sealedAs is a toy file as its supplier encrypts it.
func sealedAs(t testing.TB, k *pgptest.Key, f toyFile) toyFile {
	t.Helper()
	return toyFile{f.name + ".gpg", string(k.Seal(t, nil, []byte(f.text)))}
}

func tryDrop(t testing.TB, d *Desk, name string, files ...toyFile) (*Report, error) {
	t.Helper()
	var uploads []Upload
	for _, f := range files {
		uploads = append(uploads, f.upload())
	}
	return d.Extract(t.Context(), toy(), "toy", name, uploads, nil)
}

// pieces is how many pieces are kept of an item, or of a number that is none.
func pieces(t testing.TB, d *Desk, number int64) int {
	t.Helper()
	items, err := d.box.List(t.Context(), rawKind(number), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	return len(items)
}

func TestAnEncryptedExtractIsFiledAsAPlainOne(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		k := pgptest.New(t)
		d := desk(t, db)
		set(t, d, Feed{PGPKey: k.Private(t, "")})
		night := nights()["1"]
		var files []toyFile
		for _, f := range night {
			files = append(files, sealedAs(t, k, f))
		}
		r, err := tryDrop(t, d, "1", files...)
		if err != nil || r.Rows.Filed != 9 || count(t, d, "Observation") != 3 {
			t.Fatalf("%+v, %v", r, err)
		}
		got := hash(t, d)
		// What arrived stays as it came; the item beside it is what was in it.
		items := must(d.Items(t.Context(), "toy", 0, 100))(t)
		if len(items) != 8 {
			t.Fatalf("%d items", len(items))
		}
		kept := 0
		for _, it := range items {
			raw := must(d.Raw(t.Context(), it))(t)
			for i := range night {
				if it.Name == files[i].name && string(raw) == files[i].text && it.Status == Filed && len(it.Notes) == 1 || it.Name == night[i].name && string(raw) == night[i].text && it.Status == Filed {
					kept++
				}
			}
		}
		if kept != 8 {
			t.Errorf("%d of 8 items are as they came", kept)
		}
		// The same again, also encrypted once more, changes nothing; a row is traced to the file it was in.
		r, err = tryDrop(t, d, "1 again", files...)
		if err != nil || len(r.Known) != 4 || len(r.Items) != 0 {
			t.Errorf("the same again: %+v, %v", r, err)
		}
		r, err = tryDrop(t, d, "1 once more", sealedAs(t, k, night[1]), night[2])
		if err != nil || len(r.Known) != 2 || hash(t, d) != got {
			t.Errorf("encrypted once more: %+v, %v", r, err)
		}
		o := must(d.Trace(t.Context(), d.Who, "Observation", IDOf("toy", "Observation", "fact", "f2")))(t)
		if len(o) != 1 || o[0].Item.Name != night[2].name || o[0].Line != 3 || !strings.HasPrefix(o[0].Text, "f2,p2,hr,70") {
			t.Errorf("traced to %+v", o)
		}
		plain := desk(t, "sqlite::memory:")
		drop(t, plain, "1", night...)
		if hash(t, plain) != got {
			t.Error("the plain extract makes another record")
		}
	})
}

// Hazard: a part of a file that was altered is filed. It is quarantined whole, nothing of what was in it stays, and what comes with it is filed.
func TestAnAlteredExtractIsQuarantinedWhole(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		k := pgptest.New(t)
		d := desk(t, db)
		set(t, d, Feed{PGPKey: k.Private(t, "")})
		var b strings.Builder
		b.WriteString("id,name,deleted\n")
		for i := range 400_000 {
			fmt.Fprintf(&b, "q%d,%x,\n", i, digestOf(fmt.Sprint(i)))
		}
		bad := sealedAs(t, k, toyFile{"people_20260101_full.csv", b.String()})
		for name, text := range map[string]string{"altered near its end": bad.text[:len(bad.text)-100] + string([]byte{bad.text[len(bad.text)-100] ^ 1}) + bad.text[len(bad.text)-99:], "cut off": bad.text[:len(bad.text)-30], "cut in half": bad.text[:len(bad.text)/2]} {
			before := d.number()
			r, err := tryDrop(t, d, name, toyFile{bad.name, text}, toyFile{"codes_20260101_full.csv", codes + name + ",x\n"})
			if err != nil || r.Rows.Filed+r.Rows.Unchanged != 3 || r.Rows.Quarantined != 1 {
				t.Fatalf("%s: %+v, %v", name, r, err)
			}
			it := r.Items[0]
			if it.Status != Quarantined || !strings.Contains(it.Reason, "damaged, altered or cut off") || pieces(t, d, it.Number) == 0 {
				t.Errorf("%s: %+v", name, it)
			}
			if n := count(t, d, "Patient"); n != 0 {
				t.Errorf("%s: %d people filed", name, n)
			}
			raws := 0
			items := must(d.Items(t.Context(), "toy", 0, 100))(t)
			for _, it := range items {
				if it.Number > before {
					raws++
				}
			}
			if raws != 2 {
				t.Errorf("%s: %d items, want the file and the codes", name, raws)
			}
		}
		if r, err := tryDrop(t, d, "whole", sealedAs(t, k, toyFile{"people_20260102_full.csv", "id,name,deleted\np1,Okafor,\n"})); err != nil || r.Rows.Filed != 1 {
			t.Errorf("a whole one afterwards: %+v, %v", r, err)
		}
	})
}

// What could not be read to its end leaves no pieces of what was in it behind.
func TestNothingStaysOfWhatCouldNotBeOpened(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		k := pgptest.New(t)
		d := desk(t, db)
		ring := must(pgp.Load(k.Private(t, ""), "", ""))(t)
		text := make([]byte, 9<<20)
		for i := range text {
			text[i] = byte(digestOf(fmt.Sprint(i / 8)))
		}
		sealed := k.Seal(t, nil, text)
		outer := &Item{Number: d.number(), Size: int64(len(sealed))}
		if err := d.keepChunks(t.Context(), outer.Number, bytes.NewReader(sealed)); err != nil {
			t.Fatal(err)
		}
		inner := &Item{Number: d.number()}
		if _, err := d.unseal(t.Context(), ring, outer, inner, 8<<20); fhir.KindOf(err) != fhir.Invalid || inner.Size < 4<<20 {
			t.Fatalf("%v after %d bytes", err, inner.Size)
		}
		if n := pieces(t, d, inner.Number); n != 0 {
			t.Errorf("%d pieces stay", n)
		}
		head, err := d.unseal(t.Context(), ring, outer, inner, 9<<20)
		if err != nil || len(head) != headSize || pieces(t, d, inner.Number) != 36 {
			t.Errorf("%v, %d pieces", err, pieces(t, d, inner.Number))
		}
	})
}

// A key that is missing stops the drop before anything is kept, and it goes on by itself; one that is another's is told, and the file is taken when it comes again.
func TestAnExtractWithoutItsKeyIsTriedAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		k := pgptest.New(t)
		d := desk(t, db)
		file := sealedAs(t, k, toyFile{"people_20260101_full.csv", "id,name,deleted\np1,Okafor,\n"})
		if _, err := tryDrop(t, d, "1", file); fhir.KindOf(err) != fhir.Invalid || !strings.Contains(err.Error(), "has no key") {
			t.Errorf("no key: %v", err)
		}
		set(t, d, Feed{PGPKey: filepath.Join(t.TempDir(), "none")})
		if _, err := tryDrop(t, d, "1", file); fhir.KindOf(err) != fhir.Invalid || !strings.Contains(err.Error(), "the key cannot be read") {
			t.Errorf("no file: %v", err)
		}
		if items := must(d.Items(t.Context(), "toy", 0, 10))(t); len(items) != 0 {
			t.Errorf("%d items were kept", len(items))
		}
		set(t, d, Feed{PGPKey: pgptest.New(t).Private(t, "")})
		for range 2 {
			r, err := tryDrop(t, d, "1", file)
			if err != nil || len(r.Items) != 1 || r.Items[0].Status != Quarantined || !strings.Contains(r.Items[0].Reason, "it is encrypted for key ") {
				t.Fatalf("another's key: %+v, %v", r, err)
			}
		}
		secret := filepath.Join(t.TempDir(), "secret")
		os.WriteFile(secret, []byte("correct horse"), 0o600)
		set(t, d, Feed{PGPKey: k.Private(t, "correct horse"), PGPPassphrase: secret})
		r, err := tryDrop(t, d, "1", file)
		if err != nil || r.Rows.Filed != 1 || count(t, d, "Patient") != 1 {
			t.Errorf("the right key: %+v, %v", r, err)
		}
		if bads, err := d.Bads(t.Context(), d.Who, "toy", "", 10); err != nil || len(bads) != 0 {
			t.Errorf("still in quarantine: %+v, %v", bads, err)
		}
		if items := must(d.Items(t.Context(), "toy", 0, 10))(t); len(items) != 2 {
			t.Errorf("%d items, want the file and what was in it", len(items))
		}
	})
}

// Encrypted files may come in a zip, and what is in them may be nothing that a feed reads, or have no right header.
func TestWhatIsInAnEncryptedFileIsHeldAgainstTheFormat(t *testing.T) {
	k := pgptest.New(t)
	d := desk(t, "sqlite::memory:")
	set(t, d, Feed{PGPKey: k.Private(t, "")})
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range []toyFile{sealedAs(t, k, toyFile{"people_20260101_full.csv", "id,name,deleted\np1,Okafor,\n"}), sealedAs(t, k, toyFile{"notes.csv", "hello"}), sealedAs(t, k, toyFile{"facts_20260101_full.csv", "colour\nred\n"}),
		sealedAs(t, k, toyFile{"people_noday_full.csv", "id\n"})} {
		w, err := z.Create(f.name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, f.text)
	}
	z.Close()
	files, err := Opened("night.zip", func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil })
	if err != nil || len(files) != 4 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	f := toy()
	f.Recognise = func(name string, head []byte) (*File, error) { return toy().Recognise(filepath.Base(name), head) }
	r, err := d.Extract(t.Context(), f, "toy", "1", files, nil)
	if err != nil || r.Rows.Filed != 1 || len(r.Known) != 1 || len(r.Items) != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	for i, say := range map[int]string{0: "there is no column id", 1: "the name says no date"} {
		if it := r.Items[i]; it.Status != Quarantined || !strings.Contains(it.Reason, say) || !strings.HasSuffix(it.Name, ".gpg") {
			t.Errorf("%+v does not say %q", it, say)
		}
	}
}
