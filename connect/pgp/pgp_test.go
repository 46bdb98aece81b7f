package pgp_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"github.com/kith-care/kith/connect/pgp"
	"github.com/kith-care/kith/connect/pgp/pgptest"
	"github.com/kith-care/kith/fhir"
)

func file(data []byte) func() (io.Reader, error) {
	return func() (io.Reader, error) { return bytes.NewReader(data), nil }
}

func open(r *pgp.Ring, data []byte, most int64) ([]byte, error) {
	in, err := r.Open(file(data), most)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(in)
}

func load(t testing.TB, key, passphrase, signer string) *pgp.Ring {
	t.Helper()
	r, err := pgp.Load(key, passphrase, signer)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// text is some megabytes that compression does not make small.
func text(size int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]byte, size)
	for i := range out {
		out[i] = byte('a' + r.IntN(26))
	}
	return out
}

func TestAFileIsOpenedWithTheKeyOfThePlace(t *testing.T) {
	k := pgptest.New(t)
	plain := text(3 << 20)
	sealed := k.Seal(t, nil, plain)
	secret := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(secret, []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KITH_TEST_PASSPHRASE", "correct horse")
	for _, r := range []*pgp.Ring{load(t, k.Private(t, ""), "", ""), load(t, k.Private(t, "correct horse"), secret, ""), load(t, k.Private(t, "correct horse"), "env:KITH_TEST_PASSPHRASE", "")} {
		if got, err := open(r, sealed, 1<<30); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
	var armoured bytes.Buffer
	w, err := armor.Encode(&armoured, "PGP MESSAGE", nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(sealed)
	w.Close()
	if got, err := open(load(t, k.Private(t, ""), "", ""), armoured.Bytes(), 1<<30); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("armoured: %d bytes, %v", len(got), err)
	}
}

func TestAKeyThatCannotBeUsedIsTold(t *testing.T) {
	k := pgptest.New(t)
	locked := k.Private(t, "correct horse")
	wrong, junk := filepath.Join(t.TempDir(), "wrong"), filepath.Join(t.TempDir(), "junk")
	os.WriteFile(wrong, []byte("battery staple"), 0o600)
	os.WriteFile(junk, []byte("this is no key"), 0o600)
	for _, c := range []struct{ key, passphrase, signer, say string }{
		{"/nowhere/key", "", "", "the key cannot be read"}, {junk, "", "", "holds no key of OpenPGP"}, {k.Public(t), "", "", "holds a public key"}, {locked, "", "", "has a passphrase"},
		{locked, wrong, "", "does not open the key"}, {locked, "/nowhere/phrase", "", "the passphrase of the key cannot be read"}, {locked, "env:KITH_TEST_NOT_THERE", "", "KITH_TEST_NOT_THERE"},
		{k.Private(t, ""), "", junk, "holds no key of OpenPGP"},
	} {
		if _, err := pgp.Load(c.key, c.passphrase, c.signer); err == nil || fhir.KindOf(err) != fhir.Invalid || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s %s: %v, want %q", c.key, c.passphrase, err, c.say)
		}
	}
}

// Hazard: what was altered on its way is filed. Whatever bit of a file changes and wherever it is cut off, reading it to its end fails.
func TestAnAlteredFileIsNeverReadToItsEnd(t *testing.T) {
	k := pgptest.New(t)
	ring := load(t, k.Private(t, ""), "", "")
	plain := text(20_000)
	sealed := k.Seal(t, nil, plain)
	r := rand.New(rand.NewPCG(3, 4))
	for range 400 {
		bad := bytes.Clone(sealed)
		at := r.IntN(len(bad))
		bad[at] ^= 1 << r.IntN(8)
		if got, err := open(ring, bad, 1<<20); err == nil && !bytes.Equal(got, plain) {
			t.Fatalf("byte %d of %d altered: %d other bytes without an error", at, len(bad), len(got))
		} else if err != nil && fhir.KindOf(err) != fhir.Invalid {
			t.Fatalf("byte %d altered: %v", at, err)
		} else if err == nil && at > 300 {
			t.Errorf("byte %d of %d altered, and nothing is said", at, len(bad)) // before that stand numbers of keys, which are not sealed
		}
	}
	for at := 0; at < len(sealed); at += 1 + len(sealed)/300 {
		if got, err := open(ring, sealed[:at], 1<<20); err == nil || errors.Is(err, io.EOF) || fhir.KindOf(err) != fhir.Invalid {
			t.Fatalf("cut off after %d of %d bytes: %d bytes, %v", at, len(sealed), len(got), err)
		}
	}
}

func TestAFileThatIsNotForUsOrNotWhatItSaysIsTold(t *testing.T) {
	k, other := pgptest.New(t), pgptest.New(t)
	ring := load(t, k.Private(t, ""), "", "")
	signed := load(t, k.Private(t, ""), "", other.Public(t))
	for _, c := range []struct {
		what string
		ring *pgp.Ring
		data []byte
		most int64
		say  string
	}{
		{"for another key", ring, other.Seal(t, nil, []byte("x")), 1 << 20, "it is encrypted for key "},
		{"no message", ring, []byte("PatientGuid,OrganisationGuid\n"), 1 << 20, "no message of OpenPGP"},
		{"nothing", ring, nil, 1 << 20, "no message of OpenPGP"},
		{"not encrypted", ring, literal("x"), 1 << 20, "it is not encrypted"},
		{"too much in it", ring, k.Seal(t, nil, make([]byte, 8<<20)), 1 << 20, "larger than is taken"},
		{"just too much", ring, k.Seal(t, nil, make([]byte, 1<<20+1)), 1 << 20, "larger than is taken"},
		{"not signed", signed, k.Seal(t, nil, []byte("x")), 1 << 20, "it is not signed"},
		{"signed by nobody we know", signed, k.Seal(t, pgptest.New(t), []byte("x")), 1 << 20, "which is not the sender's"},
		{"signed by ourselves", signed, k.Seal(t, k, []byte("x")), 1 << 20, "which is not the sender's"},
	} {
		got, err := open(c.ring, c.data, c.most)
		if err == nil || fhir.KindOf(err) != fhir.Invalid || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %d bytes, %v", c.what, len(got), err)
		}
	}
	if got, err := open(signed, k.Seal(t, other, []byte("x")), 1<<20); err != nil || string(got) != "x" {
		t.Errorf("signed by the sender: %q, %v", got, err)
	}
	if got, err := open(ring, k.Seal(t, nil, make([]byte, 1<<20)), 1<<20); err != nil || len(got) != 1<<20 {
		t.Errorf("as much as is taken: %d, %v", len(got), err)
	}
}

// literal is a message of OpenPGP that is not encrypted: a packet of literal data, without a name or a date.
func literal(text string) []byte {
	body := "b\x00\x00\x00\x00\x00" + text
	return append([]byte{0xcb, byte(len(body))}, body...)
}

// That the store could not be read is not the file's fault: nothing is quarantined for it.
func TestAFileThatCannotBeReadIsNoDamagedFile(t *testing.T) {
	k := pgptest.New(t)
	ring := load(t, k.Private(t, ""), "", "")
	sealed := k.Seal(t, nil, text(200_000))
	for _, after := range []int{0, 100, 50_000} {
		gone := fhir.Errorf(fhir.Busy, "the database is away")
		in, err := ring.Open(func() (io.Reader, error) {
			return io.MultiReader(bytes.NewReader(sealed[:after]), iotest.ErrReader(gone)), nil
		}, 1<<20)
		if err == nil {
			_, err = io.ReadAll(in)
		}
		if fhir.KindOf(err) != fhir.Busy {
			t.Errorf("after %d bytes: %v", after, err)
		}
	}
}

// A file of any size needs the same memory.
func TestALargeFileIsNotHeldInMemory(t *testing.T) {
	k := pgptest.New(t)
	ring := load(t, k.Private(t, ""), "", "")
	sealed := k.Seal(t, nil, make([]byte, 256<<20)) // 256 MB that compress to little
	in, err := ring.Open(file(sealed), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most, read := uint64(0), int64(0)
	for buf := make([]byte, 1<<20); err == nil; {
		var n int
		n, err = in.Read(buf)
		if read += int64(n); read%(16<<20) == 0 {
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapInuse)
		}
	}
	if err != io.EOF || read != 256<<20 {
		t.Fatalf("%d bytes, %v", read, err)
	}
	if grown := int64(most) - int64(before.HeapInuse); grown > 32<<20 {
		t.Errorf("the heap grew by %d MB", grown>>20)
	}
}

func FuzzOpen(f *testing.F) {
	k := pgptest.New(f)
	ring := load(f, k.Private(f, ""), "", "")
	sealed := k.Seal(f, nil, []byte("id,name\np1,Okafor\n"))
	f.Add(sealed)
	f.Add(sealed[:len(sealed)/2])
	f.Add(literal("x"))
	f.Add([]byte("-----BEGIN PGP MESSAGE-----\n\nabcd\n-----END PGP MESSAGE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := open(ring, data, 1<<20)
		if err == nil && string(got) != "id,name\np1,Okafor\n" {
			t.Fatalf("%q came out of %s", got, fmt.Sprintf("%x", data))
		}
		if err != nil && fhir.KindOf(err) != fhir.Invalid {
			t.Fatal(err)
		}
	})
}
