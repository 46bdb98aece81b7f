package secret

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestSecretsOpenForTheirPurposeOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	k, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v %v", info.Mode(), err)
	}
	sealed := k.Seal("client/1", []byte("open sesame"))
	if bytes.Contains(sealed, []byte("sesame")) || bytes.Equal(sealed, k.Seal("client/1", []byte("open sesame"))) {
		t.Error("sealed twice the same, or not at all")
	}
	again, err := Open(file) // another process
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := again.Unseal("client/1", sealed); err != nil || string(plain) != "open sesame" {
		t.Errorf("%q %v", plain, err)
	}
	if _, err := k.Unseal("client/2", sealed); err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("for another purpose: %v", err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := k.Unseal("client/1", bad); err == nil {
			t.Errorf("byte %d changed, and it opened", i)
		}
	}
	for i := range len(sealed) {
		if _, err := k.Unseal("client/1", sealed[:i]); err == nil {
			t.Errorf("cut off at %d, and it opened", i)
		}
	}
	if plain, err := k.Unseal("x", k.Seal("x", nil)); err != nil || len(plain) != 0 {
		t.Errorf("an empty secret: %q %v", plain, err)
	}
}

// A new key is put before the old one; what was sealed with the old one still opens and is known to be old.
func TestKeysAreChanged(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	first, err := Open(a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(b); err != nil {
		t.Fatal(err)
	}
	sealed := first.Seal("p", []byte("x"))
	old, _ := os.ReadFile(a)
	young, _ := os.ReadFile(b)
	if err := os.WriteFile(a, append(young, old...), 0o600); err != nil {
		t.Fatal(err)
	}
	both, err := Open(a)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := both.Unseal("p", sealed); err != nil || string(plain) != "x" || !both.Stale(sealed) || both.Stale(both.Seal("p", plain)) {
		t.Errorf("%q %v", plain, err)
	}
	other, _ := Open(b)
	if _, err := other.Unseal("p", sealed); err == nil || !strings.Contains(err.Error(), "not among those") {
		t.Errorf("without the old key: %v", err)
	}
	t.Setenv("KITH_TEST_SECRET", string(old))
	env, err := Open("env:KITH_TEST_SECRET")
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := env.Unseal("p", sealed); err != nil || string(plain) != "x" {
		t.Errorf("from the environment: %q %v", plain, err)
	}
}

func TestKeyFilesThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	good, err := Open(filepath.Join(dir, "good"))
	if err != nil || good == nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(filepath.Join(dir, "good"))
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
	}{"empty": {"", 0o600}, "short": {"AAAA\n", 0o600}, "no base64": {"!!!\n", 0o600}, "open": {string(text), 0o644}} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(file); err == nil || c.text != "" && strings.Contains(err.Error(), strings.TrimSpace(c.text)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open("env:KITH_TEST_NOTHING"); err == nil {
		t.Error("no variable, and it opened")
	}
	if _, err := Open(filepath.Join(dir, "nowhere", "key")); err == nil {
		t.Error("no folder, and it opened")
	}
}

// Of several processes that start at once all end up with one key.
func TestOneKeyIsMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	keepers := make([]*Keeper, 8)
	var wg sync.WaitGroup
	for i := range keepers {
		wg.Go(func() { keepers[i], _ = Open(file) })
	}
	wg.Wait()
	sealed := keepers[0].Seal("p", []byte("x"))
	for i, k := range keepers {
		if _, err := k.Unseal("p", sealed); err != nil {
			t.Errorf("process %d has another key: %v", i, err)
		}
	}
}

func FuzzUnseal(f *testing.F) {
	k := &Keeper{keys: []master{newMaster(make([]byte, keySize))}}
	f.Add("p", k.Seal("p", []byte("x")))
	f.Fuzz(func(t *testing.T, purpose string, sealed []byte) {
		if plain, err := k.Unseal(purpose, sealed); err == nil && len(plain) != len(sealed)-overhead {
			t.Errorf("%d bytes out of %d", len(plain), len(sealed))
		}
	})
}
