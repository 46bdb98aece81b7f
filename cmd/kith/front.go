package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/kith-care/kith/front"
)

// reach is how the server is reached: encrypted or not, through which proxies, and how much one client may ask for.
type reach struct {
	cert, key              string
	acme, cache, directory string
	insecure               bool
	proxies                string
	addressRate, tokenRate float64
	atOnce                 int
	body                   int64
	auditKey, unusual      string
}

func (e *reach) flags(f *flag.FlagSet) {
	f.StringVar(&e.cert, "tls-cert", "", "`FILE` with the certificate and those above it in PEM, read again when it changes")
	f.StringVar(&e.key, "tls-key", "", "`FILE` with its private key in PEM")
	f.StringVar(&e.acme, "acme", "", "`DOMAIN,…` to get certificates for from Let's Encrypt; the server must be reached on port 443 under these names")
	f.StringVar(&e.cache, "acme-cache", "kith-certificates", "`FOLDER` that keeps these certificates")
	f.StringVar(&e.directory, "acme-directory", "", "`URL` of another certificate authority that speaks ACME")
	f.BoolVar(&e.insecure, "insecure-http", false, "serve without encryption on other addresses than loopback ones: behind a proxy that encrypts, on a network that nobody else is on")
	f.StringVar(&e.proxies, "trusted-proxy", "", "`NETWORK,…` (as 10.0.0.0/8) of the proxies whose X-Forwarded-For is believed")
	f.Float64Var(&e.addressRate, "rate-address", 500, "`REQUESTS` a second from one address in the long run, and four times as many at once; 0 for any number")
	f.Float64Var(&e.tokenRate, "rate-token", 100, "`REQUESTS` a second with one access token or session, likewise; 0 for any number")
	f.IntVar(&e.atOnce, "at-once", 256, "`REQUESTS` under way from one address; 0 for any number")
	f.Int64Var(&e.body, "most-body", 4<<30, "`BYTES` of a request at most; the doors have narrower limits of their own")
	f.StringVar(&e.auditKey, "audit-key", "", "`FILE` with the key that signs checkpoints of the audit trail, made where it is not there (default beside the database)")
	f.StringVar(&e.unusual, "unusual-rules", "", "`FILE` with what counts as unusual access, instead of the usual rules")
}

// tls is how connections are encrypted, nil where they are not.
func (e *reach) tls() (*tls.Config, error) {
	switch {
	case (e.cert == "") != (e.key == ""):
		return nil, errors.New("--tls-cert and --tls-key belong together")
	case e.cert != "" && e.acme != "":
		return nil, errors.New("--tls-cert and --acme are two ways to the same thing: give one")
	case e.cert != "":
		return front.Files(e.cert, e.key)
	case e.acme != "":
		return front.ACME(strings.Split(e.acme, ","), e.cache, e.directory, nil)
	}
	return nil, nil
}

func (e *reach) networks() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for text := range strings.SplitSeq(e.proxies, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("--trusted-proxy takes networks such as 10.0.0.0/8: %w", err)
		}
		out = append(out, p)
	}
	return out, nil
}

// open checks that the server may be reached as it is told, and answers how to let requests in: listener and handler are
// wrapped, and scheme is http or https.
func (e *reach) open(addr string) (wrapListener func(net.Listener) net.Listener, wrap func(http.Handler) http.Handler, scheme string, err error) {
	config, err := e.tls()
	if err != nil {
		return nil, nil, "", err
	}
	if config == nil && !e.insecure && !loopback(addr) {
		return nil, nil, "", fmt.Errorf("without encryption Kith serves on loopback addresses only (127.0.0.1, localhost, ::1), not on %s: give --tls-cert and --tls-key, or --acme, or --insecure-http behind a proxy that encrypts", addr)
	}
	proxies, err := e.networks()
	if err != nil {
		return nil, nil, "", err
	}
	f := &front.Front{Proxies: proxies, Address: front.Rate{PerSecond: e.addressRate, Burst: int(4 * e.addressRate)}, Token: front.Rate{PerSecond: e.tokenRate, Burst: int(4 * e.tokenRate)},
		AtOnce: e.atOnce, Body: e.body, Slow: 30 * time.Second, Session: sessionCookies}
	wrapListener = func(l net.Listener) net.Listener {
		l = front.Crowd(l, 4*e.atOnce, proxies)
		if config != nil {
			l = tls.NewListener(l, config)
		}
		return l
	}
	scheme = "http"
	if config != nil {
		scheme = "https"
	}
	return wrapListener, f.Wrap, scheme, nil
}

// sessionCookies are the cookies by which somebody is known.
var sessionCookies = []string{"__Host-kith-session", "kith-session", "__Host-kith", "kith"}
