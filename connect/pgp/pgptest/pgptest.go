// Package pgptest makes keys and encrypted files for tests.
package pgptest

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Key is a pair of keys of somebody made up.
type Key struct{ entity *openpgp.Entity }

// New makes a pair of keys.
func New(t testing.TB) *Key {
	t.Helper()
	e, err := openpgp.NewEntity("Made up", "", "made.up@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Key{e}
}

// Private writes the private key into a file, locked where there is a passphrase.
func (k *Key) Private(t testing.TB, passphrase string) (path string) {
	t.Helper()
	var raw bytes.Buffer
	must(t, k.entity.SerializePrivateWithoutSigning(&raw, nil))
	if passphrase != "" {
		list, err := openpgp.ReadKeyRing(&raw)
		must(t, err)
		must(t, list[0].EncryptPrivateKeys([]byte(passphrase), nil))
		raw.Reset()
		must(t, list[0].SerializePrivateWithoutSigning(&raw, nil))
	}
	return write(t, "private.key", raw.Bytes())
}

// Public writes the public key into a file, armoured.
func (k *Key) Public(t testing.TB) (path string) {
	t.Helper()
	var out bytes.Buffer
	w, err := armor.Encode(&out, openpgp.PublicKeyType, nil)
	must(t, err)
	must(t, k.entity.Serialize(w))
	must(t, w.Close())
	return write(t, "public.asc", out.Bytes())
}

// Seal encrypts text for the key, compressed, and signed where signer is not nil.
func (k *Key) Seal(t testing.TB, signer *Key, text []byte) []byte {
	t.Helper()
	var by *openpgp.Entity
	if signer != nil {
		by = signer.entity
	}
	var out bytes.Buffer
	w, err := openpgp.Encrypt(&out, []*openpgp.Entity{k.entity}, by, &openpgp.FileHints{IsBinary: true}, &packet.Config{DefaultCompressionAlgo: packet.CompressionZLIB})
	must(t, err)
	_, err = io.Copy(w, bytes.NewReader(text))
	must(t, err)
	must(t, w.Close())
	return out.Bytes()
}

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
