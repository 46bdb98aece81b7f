package front

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// tlsConfig is what holds for every certificate: TLS 1.2 at least, with the ciphers that Go deems safe.
func tlsConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
}

// Files serves the certificate in two PEM files. They are read again when they change; where what is there then cannot be used, the
// certificate before stays in use and the log says so.
func Files(cert, key string) (*tls.Config, error) {
	f := &files{cert: cert, key: key}
	if err := f.load(); err != nil {
		return nil, err
	}
	c := tlsConfig()
	c.GetCertificate = f.get
	return c, nil
}

type files struct {
	cert, key string

	mu     sync.Mutex
	now    *tls.Certificate
	stamp  string    // of the files that now was read from, or that could not be used
	looked time.Time // when the files were last looked at
}

func (f *files) stampNow() (string, error) {
	var b strings.Builder
	for _, path := range []string{f.cert, f.key} {
		info, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%d %d ", info.ModTime().UnixNano(), info.Size())
	}
	return b.String(), nil
}

func (f *files) load() error {
	stamp, err := f.stampNow()
	if err != nil {
		return fmt.Errorf("the certificate cannot be read: %w", err)
	}
	if stamp == f.stamp {
		return nil
	}
	f.stamp = stamp
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("the certificate in %s and %s cannot be used: %w", f.cert, f.key, err)
	}
	if time.Now().After(pair.Leaf.NotAfter) {
		return fmt.Errorf("the certificate in %s ran out on %s", f.cert, pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	f.now = &pair
	return nil
}

func (f *files) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) > time.Second {
		f.looked = time.Now()
		if err := f.load(); err != nil {
			slog.Error("the new certificate is not used, the one before is", "error", err)
		}
	}
	return f.now, nil
}

// ACME gets certificates for domains from a certificate authority such as Let's Encrypt and renews them. They are kept in the folder cache. The authority
// asks back on port 443 (TLS-ALPN-01), so no other port need be open. directory is the authority's address, "" for
// Let's Encrypt; by client it is asked, nil for the usual one.
func ACME(domains []string, cache, directory string, client *http.Client) (*tls.Config, error) {
	if cache == "" {
		return nil, fmt.Errorf("certificates must be kept somewhere, or each start would ask for new ones until the authority gives no more")
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return nil, err
	}
	m := &autocert.Manager{Prompt: autocert.AcceptTOS, HostPolicy: func(_ context.Context, host string) error {
		for _, d := range domains {
			if strings.EqualFold(d, host) {
				return nil
			}
		}
		return fmt.Errorf("%q is not among the domains of this server", host)
	}, Cache: autocert.DirCache(cache)}
	m.Client = &acme.Client{DirectoryURL: directory, HTTPClient: client}
	if directory == "" {
		m.Client.DirectoryURL = autocert.DefaultACMEDirectory
	}
	c := m.TLSConfig()
	c.MinVersion = tls.VersionTLS12
	return c, nil
}
