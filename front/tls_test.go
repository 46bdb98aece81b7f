package front

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority signs certificates.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) sign(serial int64, names []string, public crypto.PublicKey, until time.Time) []byte {
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, a.cert, public, a.key)
	if err != nil {
		panic(err)
	}
	return der
}

func (a *authority) write(t *testing.T, dir string, serial int64, until time.Time) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: a.sign(serial, []string{"kith.test"}, private.Public(), until)}, key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// hello connects and answers the serial number of the certificate that was shown.
func hello(addr, name string, a *authority, most uint16) (int64, error) {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	conn, err := tls.Dial("tcp", addr, &tls.Config{ServerName: name, RootCAs: roots, MaxVersion: most})
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
}

func listen(t *testing.T, c *tls.Config) string {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: fine}
	go server.Serve(tls.NewListener(inner, c))
	t.Cleanup(func() { server.Close() })
	return inner.Addr().String()
}

func TestCertificatesAreReadAgainWhenTheyChange(t *testing.T) {
	a, dir := newAuthority(t), t.TempDir()
	cert, key := a.write(t, dir, 7, time.Now().Add(time.Hour))
	c, err := Files(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	addr := listen(t, c)
	if n, err := hello(addr, "kith.test", a, 0); n != 7 || err != nil {
		t.Errorf("certificate %d %v", n, err)
	}
	if _, err := hello(addr, "kith.test", a, tls.VersionTLS11); err == nil {
		t.Error("TLS 1.1 was spoken")
	}
	becomes := func(want int64) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			n, err := hello(addr, "kith.test", a, 0)
			if n == want && err == nil {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("certificate %d %v, want %d", n, err, want)
			}
		}
	}
	a.write(t, dir, 8, time.Now().Add(time.Hour))
	becomes(8)
	// Half a file, as while it is written, does not take the server down.
	if err := os.WriteFile(cert, []byte("-----BEGIN"), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond)
	becomes(8)
	a.write(t, dir, 9, time.Now().Add(time.Hour))
	becomes(9)
	a.write(t, dir, 10, time.Now().Add(-time.Minute))
	if _, err := Files(cert, key); err == nil || !strings.Contains(err.Error(), "ran out") {
		t.Errorf("a certificate that ran out: %v", err)
	}
}

// acmeStub is the least that a certificate authority says in ACME: whoever asks owns the name. https://www.rfc-editor.org/rfc/rfc8555
func acmeStub(t *testing.T, a *authority) (directory string, issued *int) {
	issued = new(int)
	var url string
	names := []string{}
	var der []byte
	payload := func(r *http.Request, into any) {
		var jws struct{ Payload string }
		if err := json.NewDecoder(r.Body).Decode(&jws); err != nil {
			t.Error(err)
		}
		b, err := base64.RawURLEncoding.DecodeString(jws.Payload)
		if err == nil && len(b) > 0 && into != nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			t.Error(err)
		}
	}
	order := func(w http.ResponseWriter, status string, code int) {
		w.Header().Set("Location", url+"/order/1")
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"status":%q,"identifiers":[{"type":"dns","value":%q}],"authorizations":[%q],"finalize":%q,"certificate":%q}`, status, names[0], url+"/authz/1", url+"/finalize/1", url+"/cert/1")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/dir", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"newNonce":%q,"newAccount":%q,"newOrder":%q}`, url+"/nonce", url+"/account", url+"/order")
	})
	mux.HandleFunc("/nonce", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/account", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", url+"/account/1")
		w.WriteHeader(201)
		fmt.Fprint(w, `{"status":"valid"}`)
	})
	mux.HandleFunc("/order", func(w http.ResponseWriter, r *http.Request) {
		var o struct{ Identifiers []struct{ Value string } }
		payload(r, &o)
		names = []string{o.Identifiers[0].Value}
		order(w, "ready", 201)
	})
	mux.HandleFunc("/order/1", func(w http.ResponseWriter, r *http.Request) { order(w, "ready", 200) })
	mux.HandleFunc("/authz/1", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"status":"valid","identifier":{"type":"dns","value":%q},"challenges":[]}`, names[0])
	})
	mux.HandleFunc("/finalize/1", func(w http.ResponseWriter, r *http.Request) {
		var f struct{ CSR string }
		payload(r, &f)
		b, err := base64.RawURLEncoding.DecodeString(f.CSR)
		if err != nil {
			t.Error(err)
		}
		csr, err := x509.ParseCertificateRequest(b)
		if err != nil {
			t.Error(err)
			return
		}
		*issued++
		der = a.sign(100, names, csr.PublicKey, time.Now().Add(50*time.Minute))
		order(w, "valid", 200)
	})
	mux.HandleFunc("/cert/1", func(w http.ResponseWriter, r *http.Request) {
		pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: der})
		pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
	})
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		w.Header().Set("Replay-Nonce", fmt.Sprint("nonce", n))
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	url = server.URL
	return url + "/dir", issued
}

func TestCertificatesFromAnAuthorityAreFetchedAndKept(t *testing.T) {
	a, cache := newAuthority(t), filepath.Join(t.TempDir(), "certificates")
	directory, issued := acmeStub(t, a)
	for range 2 { // the second start finds it in the cache
		c, err := ACME([]string{"kith.test"}, cache, directory, nil)
		if err != nil {
			t.Fatal(err)
		}
		addr := listen(t, c)
		if n, err := hello(addr, "kith.test", a, 0); n != 100 || err != nil {
			t.Errorf("certificate %d %v", n, err)
		}
		if _, err := hello(addr, "elsewhere.test", a, 0); err == nil {
			t.Error("a certificate was fetched for a name that is not this server's")
		}
	}
	if *issued != 1 {
		t.Errorf("%d certificates were issued, want 1", *issued)
	}
	if info, err := os.Stat(cache); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the cache: %v %v", info, err)
	}
	if _, err := ACME([]string{"kith.test"}, "", directory, nil); err == nil {
		t.Error("no cache was taken")
	}
}
