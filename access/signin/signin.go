// Package signin is who somebody is: accounts of patients and staff, the ways in which they sign in, and their sessions.
//
// There are three ways in. A passkey (passkey.go) is the first: nothing to remember, nothing to type, and nothing that can be given away
// to a page that only looks like ours. Another place's sign-in by OpenID Connect (oidc.go) is the second: NHS login for patients, CIS2 and the like
// for staff. A one-use code printed at the desk (code.go) is the third, for people without photo ID or smartphone, vouched for by staff who have seen
// them (vouch.go).
//
// All state stands in the record's box "signin", so it has the record's transactions and backup, holds across processes, and is in the
// audit. Of what lets somebody in (codes, session cookies) only hashes are kept. Guessing is slowed for each account and each address (brake.go).
//
// Who turns a request into the access.Actor that the record decides about. What an actor may see is not decided here.
package signin

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Options are how people sign in. Door and Origin must be set; every other zero value is the usual.
type Options struct {
	Door      *record.Door
	Origin    string         // what browsers have in their address bar: https://kith.example, or http://localhost:8080 to try out
	Name      string         // of the place, shown by authenticators; "" for Kith
	Providers []Provider     // whose sign-in is taken, by OpenID Connect
	Proxies   []netip.Prefix // machines in front of us that say in X-Forwarded-For who asks

	IdleStaff   time.Duration // a session ends when it was not used for so long; 0 for 30 minutes
	IdlePatient time.Duration // 0 for 20 minutes
	Absolute    time.Duration // a session ends so long after sign-in; 0 for 12 hours
	Rotate      time.Duration // a session's cookie is replaced after so long; 0 for 15 minutes
	PaperLife   time.Duration // a printed code can be used for so long; 0 for 14 days
	DeskLife    time.Duration // a code that is used at the desk at once; 0 for 10 minutes

	Now  func() time.Time // nil for the clock
	HTTP *http.Client     // asks providers; nil for one with a limit of time
}

// Service signs people in.
type Service struct {
	o         Options
	box       record.Box
	seal      cipher.AEAD // closes what a browser carries from one step to the next
	codeKey   []byte      // codes are kept as their HMAC under this key
	web       *webauthn.WebAuthn
	secure    bool // cookies go over TLS only
	providers map[string]*provider
	cache     cache
}

// Open prepares sign-in to a record. It makes the keys of this record's sign-in where there are none yet.
func Open(ctx context.Context, o Options) (*Service, error) {
	origin, err := url.Parse(o.Origin)
	if err != nil || origin.Host == "" || origin.Scheme != "https" && origin.Scheme != "http" || strings.Trim(origin.Path, "/") != "" {
		return nil, fhir.Errorf(fhir.Invalid, "the origin %q is not an address such as https://kith.example", o.Origin)
	}
	if origin.Scheme == "http" && !loopback(origin.Hostname()) {
		return nil, fhir.Errorf(fhir.Invalid, "the origin %s has no TLS: sessions and passkeys need https, or an address of this machine alone", o.Origin)
	}
	// A passkey is bound to a name, never to a number, so on this machine it is bound to localhost.
	host := origin.Host
	if _, err := netip.ParseAddr(strings.Trim(origin.Hostname(), "[]")); err == nil {
		if !loopback(origin.Hostname()) {
			return nil, fhir.Errorf(fhir.Invalid, "the origin %s is a number: passkeys need a name", o.Origin)
		}
		host = "localhost"
		if port := origin.Port(); port != "" {
			host += ":" + port
		}
	}
	o.Origin = origin.Scheme + "://" + host
	defaults(&o)
	s := &Service{o: o, box: o.Door.Box("signin"), secure: origin.Scheme == "https", providers: map[string]*provider{}, cache: cache{entries: map[string]*entry{}}}
	if err := s.openKeys(ctx); err != nil {
		return nil, err
	}
	if s.web, err = relyingParty(o); err != nil {
		return nil, err
	}
	for _, p := range o.Providers {
		if err := p.check(); err != nil {
			return nil, err
		}
		if s.providers[p.Name] != nil {
			return nil, fhir.Errorf(fhir.Invalid, "two providers are called %s", p.Name)
		}
		s.providers[p.Name] = &provider{Provider: p, s: s}
	}
	return s, nil
}

func defaults(o *Options) {
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{{&o.IdleStaff, 30 * time.Minute}, {&o.IdlePatient, 20 * time.Minute}, {&o.Absolute, 12 * time.Hour}, {&o.Rotate, 15 * time.Minute}, {&o.PaperLife, 14 * 24 * time.Hour}, {&o.DeskLife, 10 * time.Minute}} {
		if *d.value <= 0 {
			*d.value = d.usual
		}
	}
	if o.Name == "" {
		o.Name = "Kith"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: 15 * time.Second}
	}
}

// openKeys reads the keys of this record's sign-in, the same for every process.
func (s *Service) openKeys(ctx context.Context) error {
	fresh := make([]byte, 64)
	rand.Read(fresh)
	var key []byte
	err := s.box.Decide(ctx, func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
		have, err := read("key", "steps")
		if have != nil || err != nil {
			key = have
			return record.Noted{}, err
		}
		key = fresh
		return record.Noted{Items: []record.BoxItem{{Kind: "key", Key: "steps", Value: fresh}}}, nil
	})
	if err != nil {
		return err
	}
	if len(key) != 64 {
		return fhir.Errorf(fhir.Broken, "the keys of sign-in are damaged")
	}
	block, err := aes.NewCipher(key[:32])
	if err != nil {
		return err
	}
	s.codeKey = key[32:]
	s.seal, err = cipher.NewGCM(block)
	return err
}

// Origin is the address under which browsers reach the pages.
func (s *Service) Origin() string { return s.o.Origin }

// Providers are those whose sign-in is taken, in the order of the options.
func (s *Service) Providers() []Provider { return s.o.Providers }

// Run removes what has expired, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(15 * time.Minute)
	defer tick.Stop()
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// From is the address a request comes from: the last one that no proxy of ours has.
func (s *Service) From(r *http.Request) string {
	from := addressOf(r.RemoteAddr)
	if len(s.o.Proxies) == 0 || !s.proxy(from) {
		return from.String()
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		if from = hop.Unmap(); !s.proxy(from) {
			break
		}
	}
	return from.String()
}

func (s *Service) proxy(a netip.Addr) bool {
	for _, p := range s.o.Proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func addressOf(remote string) netip.Addr {
	if ap, err := netip.ParseAddrPort(remote); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	return netip.IPv4Unspecified()
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && a.IsLoopback()
}

// self is this part of the program, for what it reads of the record by itself.
func self() access.Actor {
	return access.Actor{ID: "kith/signin", Name: "Sign-in", Role: access.Kith, Purpose: "TREAT"}
}

// stranger is somebody who has not signed in.
func stranger(from string) access.Actor { return access.Actor{ID: "anonymous", From: from} }

// cache holds sessions in memory, so that a request costs no reading of the database.
type cache struct {
	mu      sync.Mutex
	entries map[string]*entry
	dropped int // how many times something was dropped
}
