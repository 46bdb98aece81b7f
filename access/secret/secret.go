// Package secret keeps secrets that must be read again, such as signing keys and the secrets of clients, encrypted where they are stored: whoever
// has the database or a backup of it, but not the key file, has none of them. What need only be recognised (tokens, codes) is stored as a
// hash instead.
//
// A Keeper seals for a purpose, which says what the secret is and whose (such as "signing-key/2026-11"); what was sealed for one purpose does not open for another, so
// that sealed bytes cannot be moved about. Keys are derived from the master key by HKDF, one for each sealed value, so
// that no two encryptions ever share a key and nonce.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kith-care/kith/fhir"
)

// Keeper seals and unseals. It may be used by many goroutines.
type Keeper struct {
	keys []master // the first seals, all unseal
}

type master struct {
	id  [4]byte
	key []byte
}

const (
	keySize  = 32
	saltSize = 32
	version  = 1
	overhead = 1 + 4 + saltSize + 16
)

// Open reads the keys in a file, one a line in base64, and makes a file with one that only its owner can read where there is none. The first key seals; the
// others open what was sealed before the key was changed. "env:NAME" reads them from an environment variable instead. A file that others can read is refused.
func Open(keyFile string) (*Keeper, error) {
	var text []byte
	if name, ok := strings.CutPrefix(keyFile, "env:"); ok {
		if text = []byte(os.Getenv(name)); len(text) == 0 {
			return nil, fhir.Errorf(fhir.Invalid, "the environment variable %s holds no key", name)
		}
	} else {
		var err error
		if text, err = os.ReadFile(keyFile); errors.Is(err, fs.ErrNotExist) {
			if text, err = create(keyFile); err != nil {
				return nil, fmt.Errorf("no key for secrets can be made: %w", err)
			}
		} else if err != nil {
			return nil, fmt.Errorf("the key for secrets cannot be read: %w", err)
		}
		if info, err := os.Stat(keyFile); err != nil || info.Mode().Perm()&0o077 != 0 {
			return nil, fhir.Errorf(fhir.Invalid, "the key for secrets, %s, can be read by others: make its mode 0600", keyFile)
		}
	}
	k := &Keeper{}
	for line := range strings.FieldsSeq(string(text)) {
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(key) != keySize {
			return nil, fhir.Errorf(fhir.Invalid, "%s holds a line that is no key: keys are 32 bytes in base64", keyFile)
		}
		k.keys = append(k.keys, newMaster(key))
	}
	if len(k.keys) == 0 {
		return nil, fhir.Errorf(fhir.Invalid, "%s holds no key", keyFile)
	}
	return k, nil
}

func newMaster(key []byte) master {
	m := master{key: key}
	sum := sha256.Sum256(append([]byte("kith secret key id "), key...))
	copy(m.id[:], sum[:])
	return m
}

// create makes a key file whole or not at all: of two processes that start at once, both use the first one's.
func create(path string) ([]byte, error) {
	key := make([]byte, keySize)
	rand.Read(key)
	temp, err := os.CreateTemp(filepath.Dir(path), ".secret-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(temp.Name())
	_, err = temp.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if e := errors.Join(temp.Sync(), temp.Close()); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	if err := os.Link(temp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path)
}

// Seal encrypts a secret for a purpose.
func (k *Keeper) Seal(purpose string, plaintext []byte) []byte {
	m := k.keys[0]
	out := make([]byte, 0, overhead+len(plaintext))
	out = append(append(out, version), m.id[:]...)
	salt := make([]byte, saltSize)
	rand.Read(salt)
	out = append(out, salt...)
	// Each value has a key of its own, so the nonce may be the same for all.
	aead := m.aead(salt)
	return aead.Seal(out, make([]byte, aead.NonceSize()), plaintext, []byte(purpose))
}

// Unseal decrypts what Seal made for the same purpose. The error says nothing of the secret.
func (k *Keeper) Unseal(purpose string, sealed []byte) ([]byte, error) {
	if len(sealed) < overhead || sealed[0] != version {
		return nil, fhir.Errorf(fhir.Broken, "the secret %q is not sealed as secrets are", purpose)
	}
	for _, m := range k.keys {
		if string(m.id[:]) != string(sealed[1:5]) {
			continue
		}
		aead := m.aead(sealed[5 : 5+saltSize])
		plaintext, err := aead.Open(nil, make([]byte, aead.NonceSize()), sealed[5+saltSize:], []byte(purpose))
		if err != nil {
			return nil, fhir.Errorf(fhir.Broken, "the secret %q was changed, or sealed for something else", purpose)
		}
		return plaintext, nil
	}
	return nil, fhir.Errorf(fhir.Broken, "the secret %q was sealed with a key that is not among those this server has", purpose)
}

// Stale reports whether something was sealed with an older key than the first, and should be sealed again.
func (k *Keeper) Stale(sealed []byte) bool {
	return len(sealed) < overhead || string(sealed[1:5]) != string(k.keys[0].id[:])
}

// aead is AES-256-GCM with a key of this salt's own.
func (m master) aead(salt []byte) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, m.key, salt, "kith secret v1", keySize)
	if err != nil {
		panic("secret: " + err.Error()) // only for lengths that are wrong in this file
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("secret: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("secret: " + err.Error())
	}
	return aead
}

// Keep is Seal where there is a key. Without one the value is kept as it is: for tests, and for records that nobody signs in to.
func (k *Keeper) Keep(purpose string, value []byte) []byte {
	if k == nil {
		return value
	}
	return k.Seal(purpose, value)
}

// Read is the value that Keep made, also one that was kept before there was a key; such values begin as JSON does.
func (k *Keeper) Read(purpose string, kept []byte) ([]byte, error) {
	switch {
	case len(kept) == 0 || kept[0] != version:
		return kept, nil
	case k == nil:
		return nil, fhir.Errorf(fhir.Invalid, "the secret %q is sealed, and the key that opens it is not given", purpose)
	}
	return k.Unseal(purpose, kept)
}
