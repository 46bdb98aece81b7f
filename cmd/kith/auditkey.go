package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/automate/unusual"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store"
	"github.com/kith-care/kith/web/audit"
	webtrust "github.com/kith-care/kith/web/trust"
)

// auditKeyFile is where the key that signs checkpoints of the audit trail is kept where nothing else is said: beside a
// database that is a file, else in the folder the server runs in.
func auditKeyFile(db string) string {
	if path, ok := strings.CutPrefix(db, "sqlite:"); ok {
		return path + "-audit-key"
	}
	return "kith-audit-key"
}

// secretKeyFile is where the key that keeps secrets is, likewise.
func secretKeyFile(db string) string {
	if path, ok := strings.CutPrefix(db, "sqlite:"); ok {
		return path + "-secret-key"
	}
	return "kith-secret-key"
}

const secretKeyHelp = "`FILE` (or env:NAME) with the key that keeps signing keys encrypted in the database, made where it is not there (default beside the database)"

// or is the first text that is not empty.
func or(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// auditKey reads the place's key, or makes one that only its owner may read, with the public half in a file beside it. A key that
// others may read is refused: with it, a trail that was changed could be signed again.
func auditKey(file string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return newAuditKey(file)
	}
	if err != nil {
		return nil, fmt.Errorf("the key of the audit trail cannot be read: %w", err)
	}
	if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the key of the audit trail, %s, can be read by others (its mode is %04o): make it 0600", file, info.Mode().Perm())
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key in PEM", file)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s holds no private key: %w", file, err)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds a key of another kind than Ed25519", file)
	}
	return key, nil
}

func newAuditKey(file string) (ed25519.PrivateKey, error) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	// Written whole under another name first: two processes that start at once must end up with one key.
	temp, err := os.CreateTemp(filepath.Dir(file), ".audit-key-*")
	if err != nil {
		return nil, fmt.Errorf("no key of the audit trail can be made: %w", err)
	}
	defer os.Remove(temp.Name())
	err = pem.Encode(temp, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if e := errors.Join(temp.Sync(), temp.Close()); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	if err := os.Link(temp.Name(), file); errors.Is(err, fs.ErrExist) {
		return auditKey(file)
	} else if err != nil {
		return nil, err
	}
	return key, os.WriteFile(file+".pub", []byte(store.PublicKey(public)+"\n"), 0o644)
}

// sealAudit has the audit trail signed from now on, and says by which key.
func (s *serving) sealAudit(ctx context.Context, door *record.Door, stdout io.Writer) error {
	file := s.reach.auditKey
	if file == "" {
		file = auditKeyFile(s.db)
	}
	if s.db == "sqlite::memory:" {
		return nil
	}
	key, err := auditKey(file)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "Checkpoints of the audit trail are signed; the public key is %s\n", store.PublicKey(key.Public().(ed25519.PublicKey)))
	return door.SealAudit(ctx, key)
}

// auditPages serves who looked at whose record, to whoever the gates let through.
func (s *serving) auditPages(mux *http.ServeMux, door *record.Door, people *entrance) {
	site := &audit.Site{Places: s.places(door, people), Privacy: s.name + ", privacy officer"}
	handler := site.Handler()
	if people != nil {
		handler = people.site.Guard(handler)
	}
	for _, path := range []string{"/my/seen", "/my/seen/", "/audit"} {
		mux.Handle(path, handler)
	}
}

// trustPages serves whom somebody trusts, to people who have signed in to their record.
func (s *serving) trustPages(mux *http.ServeMux, door *record.Door, people *entrance) {
	if people == nil {
		return
	}
	site := &webtrust.Site{Places: s.places(door, people), Trust: &trust.Service{Door: door}}
	handler := people.site.Guard(site.Handler())
	mux.Handle("/my/trusted", handler)
	mux.Handle("/my/trusted/", handler)
}

// watch looks for unusual access.
func (s *serving) watch(door *record.Door) (*unusual.Service, error) {
	rules, err := unusual.ReadRules(s.reach.unusual)
	return &unusual.Service{Door: door, Rules: rules, Owner: s.name + ", privacy officer"}, err
}

// publicKeys reads what --key says: public keys or files that hold one, with commas between them.
func publicKeys(list string) ([]ed25519.PublicKey, error) {
	var out []ed25519.PublicKey
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		key, err := store.ParseKey(item)
		if err != nil {
			text, fileErr := os.ReadFile(item)
			if fileErr != nil {
				return nil, fmt.Errorf("--key: %w; and no such file can be read: %w", err, fileErr)
			}
			if key, err = store.ParseKey(string(text)); err != nil {
				return nil, fmt.Errorf("--key: the file %s: %w", item, err)
			}
		}
		out = append(out, key)
	}
	return out, nil
}
