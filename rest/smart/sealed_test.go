package smart

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/kith-care/kith/access/secret"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Whoever has the database, but not the key file, has no signing key.
func TestSigningKeysAreSealed(t *testing.T) {
	door := record.Test(t)
	keeper, err := secret.Open(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := Open(t.Context(), Options{Door: door, Base: "http://localhost/fhir", Secrets: keeper})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := door.Box("smart").List(t.Context(), kindKey, "", 10)
	if err != nil || len(kept) != 3 {
		t.Fatal(len(kept), err)
	}
	for _, it := range kept {
		if bytes.Contains(it.Value, []byte("{")) && bytes.Contains(it.Value, []byte(`"kty"`)) || bytes.Contains(it.Value, []byte("Secret")) {
			t.Errorf("%s stands in the database as it is", it.Key)
		}
	}
	second, err := Open(t.Context(), Options{Door: door, Base: "http://localhost/fhir", Secrets: keeper})
	if err != nil || second.keys.Load().signing[0].JWK.KeyID != first.keys.Load().signing[0].JWK.KeyID || !bytes.Equal(second.keys.Load().ticket, first.keys.Load().ticket) {
		t.Errorf("another process has other keys: %v", err)
	}
	if _, err := Open(t.Context(), Options{Door: door, Base: "http://localhost/fhir"}); fhir.KindOf(err) != fhir.Invalid || err == nil {
		t.Errorf("it opens without the key: %v", err)
	}
	other, err := secret.Open(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Door: door, Base: "http://localhost/fhir", Secrets: other}); err == nil {
		t.Error("it opens with another key")
	}
	plain := record.Test(t)
	if _, err := Open(t.Context(), Options{Door: plain, Base: "http://localhost/fhir"}); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Door: plain, Base: "http://localhost/fhir", Secrets: keeper}); err != nil {
		t.Errorf("what was kept before there was a key is lost: %v", err)
	}
}
