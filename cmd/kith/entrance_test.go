package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/feeds"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

func TestWithoutEncryptionOnlyThisMachineIsServed(t *testing.T) {
	for _, c := range []struct {
		addr string
		e    reach
		want string // in the error, "" for none
	}{
		{"127.0.0.1:0", reach{}, ""},
		{"0.0.0.0:0", reach{}, "without encryption"},
		{":8443", reach{}, "without encryption"},
		{"0.0.0.0:0", reach{insecure: true}, ""},
		{"0.0.0.0:0", reach{cert: "a"}, "belong together"},
		{"0.0.0.0:0", reach{cert: "/nowhere", key: "/nowhere"}, "cannot be read"},
		{"0.0.0.0:0", reach{cert: "a", key: "b", acme: "kith.test"}, "two ways"},
		{"0.0.0.0:0", reach{acme: "kith.test", cache: t.TempDir()}, ""},
		{"127.0.0.1:0", reach{proxies: "10.0.0.1"}, "--trusted-proxy"},
	} {
		_, _, _, err := c.e.open(c.addr)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %+v: %v, want %q", c.addr, c.e, err, c.want)
		}
	}
}

func TestServingEncrypted(t *testing.T) {
	dir := t.TempDir()
	// A certificate for 127.0.0.1, as the standard library brings it for tests.
	borrowed := httptest.NewTLSServer(http.NotFoundHandler())
	pair := borrowed.TLS.Certificates[0]
	client := borrowed.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // to where people sign in, under another name
	borrowed.Close()
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, keyFile: {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	addr := freeAddr(t)
	s := serving{addr: addr, db: "sqlite:" + filepath.Join(dir, "kith.db"), auth: "on", reach: reach{cert: certFile, key: keyFile, addressRate: 100, tokenRate: 100, atOnce: 10, body: 1 << 20}}
	var out bytes.Buffer
	ctx, stop := context.WithCancel(t.Context())
	ready, done := make(chan bool), make(chan error, 1)
	go func() {
		done <- s.run(ctx, &out, func(context.Context, *record.Door, *feeds.Service) { close(ready) })
	}()
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	for _, path := range []string{"/fhir/metadata", "/health", "/", "/nowhere"} {
		res, err := client.Get("https://" + addr + path)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		h := res.Header
		if h.Get("Strict-Transport-Security") == "" || h.Get("X-Content-Type-Options") != "nosniff" || strings.Contains(h.Get("Content-Security-Policy"), "unsafe") || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %v", path, h)
		}
	}
	if res, err := http.Get("http://" + addr + "/health"); err == nil {
		if res.Body.Close(); res.StatusCode != http.StatusBadRequest {
			t.Errorf("unencrypted: %d", res.StatusCode)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "https://"+addr) || !strings.Contains(out.String(), "the public key is") {
		t.Errorf("it said %s", out.String())
	}
	info, err := os.Stat(filepath.Join(dir, "kith.db-audit-key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key of the audit trail: %v %v", info, err)
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// kith audit verify says that all is well, and where it is not.
func TestAuditVerifyCommand(t *testing.T) { storetest.Each(t, auditVerifyCommand) }

func auditVerifyCommand(t *testing.T, db string) {
	keyFile := filepath.Join(t.TempDir(), "key")
	key, err := auditKey(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	d, err := record.Open(t.Context(), record.Options{DB: db, Policy: access.Everyone{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.SealAudit(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	commit(t, d, "a", "b")
	for range 5 {
		if _, err := d.Get(t.Context(), loader, "Patient", "a"); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.MarkAudit(t.Context()); err != nil {
		t.Fatal(err)
	}
	// While it is open, what its database loses of the last tenth of a second is written again from memory.
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	verify := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		code := run(append([]string{"audit", "verify", "--db", db}, args...), &out, &errs)
		return code, out.String() + errs.String()
	}
	if code, said := verify("--key", keyFile+".pub"); code != 0 || !strings.Contains(said, "The audit trail is sound") {
		t.Errorf("%d %s", code, said)
	}
	storetest.Tamper(t, db, "DELETE FROM audit WHERE n > 4")
	if code, said := verify("--key", keyFile+".pub"); code != 1 || !strings.Contains(said, "entry 5 to 6: missing (the end of the chain is cut off)") || !strings.Contains(said, "covered by the checkpoint of") {
		t.Errorf("%d %s", code, said)
	}
	if code, said := verify("--key", "nonsense"); code != 2 || !strings.Contains(said, "no public key") {
		t.Errorf("%d %s", code, said)
	}
	var out, errs bytes.Buffer
	if code := run([]string{"audit", "list", "--db", db, "--patient", "a", "--since", "1h", "--count", "2"}, &out, &errs); code != 0 || strings.Count(out.String(), "\n") != 2 || !strings.Contains(out.String(), `"what":"Patient/a"`) {
		t.Errorf("list: %d %s%s", code, out.String(), errs.String())
	}
}

func TestAuditKeyThatOthersCanReadIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	a, err := auditKey(file)
	if err != nil {
		t.Fatal(err)
	}
	b, err := auditKey(file)
	if err != nil || !a.Equal(b) {
		t.Errorf("the key was made anew: %v", err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := auditKey(file); err == nil || !strings.Contains(err.Error(), "0600") {
		t.Errorf("a key that others can read: %v", err)
	}
}

// A password belongs into the environment or a file; one among the arguments is warned of, and help prints none.
func TestDatabaseIsNamedWithoutItsPassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "db")
	if err := os.WriteFile(file, []byte("postgres://u:secret@h/n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KITH_DB", "file:"+file)
	var errs bytes.Buffer
	f := flagsOf("x", "", &errs)
	db := databaseFlag(f, "sqlite:kith.db")
	if *db != "postgres://u:secret@h/n" {
		t.Errorf("from the environment: %q", *db)
	}
	f.PrintDefaults()
	if strings.Contains(errs.String(), "secret") {
		t.Errorf("help prints the password: %s", errs.String())
	}
	if err := f.Parse([]string{"--db", "postgres://u:secret@h/other"}); err != nil || !strings.HasSuffix(*db, "other") {
		t.Errorf("%q %v", *db, err)
	}
	if !strings.Contains(errs.String(), "KITH_DB") || strings.Contains(errs.String(), "secret") {
		t.Errorf("the warning: %s", errs.String())
	}
	if err := f.Parse([]string{"--db", "file:/nowhere"}); err == nil {
		t.Error("a file that is not there was taken")
	}
}
