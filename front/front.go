// Package front is what every request passes before it comes to a door: encryption, who is at the other end of a proxy, how much one
// client may ask for, and headers that keep browsers from doing what they should not.
//
// It knows nothing of records and decides nothing about them. A client that asks too much is told so, and when to come again (429); one that
// sends or reads too slowly is cut off; nobody can fill the memory with made-up addresses.
package front

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
)

// Front is how requests are let in. The zero value limits nobody and trusts no proxy.
type Front struct {
	Proxies []netip.Prefix // whose X-Forwarded-For is believed
	Address Rate           // per network address; this machine itself is not limited
	Token   Rate           // per access token or session
	AtOnce  int            // requests under way per network address; 0 for any number
	Body    int64          // bytes of a request's body; 0 for any number
	Slow    time.Duration  // how long a client may neither send nor take anything; 0 for ever
	Session []string       // names of cookies that are sessions
	Now     func() time.Time
}

// Wrap puts the front before a handler.
func (f *Front) Wrap(next http.Handler) http.Handler {
	now := f.Now
	if now == nil {
		now = time.Now
	}
	addresses, tokens := newBuckets(f.Address, now), newBuckets(f.Token, now)
	under := newCounter(f.AtOnce)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, secure := f.identify(r)
		headers(w.Header(), secure)
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			host = r.RemoteAddr
		}
		addr, err := netip.ParseAddr(host)
		if err == nil && !addr.IsLoopback() {
			key := addressKey(addr)
			if wait := addresses.take(key); wait > 0 {
				tooMany(w, r, wait, "too many requests come from this address")
				return
			}
			if !under.enter(key) {
				tooMany(w, r, time.Second, "too many requests from this address are under way")
				return
			}
			defer under.leave(key)
		}
		if key := f.tokenKey(r); key != "" {
			if wait := tokens.take(key); wait > 0 {
				tooMany(w, r, wait, "too many requests are made in this name")
				return
			}
		}
		if f.Body > 0 {
			if r.ContentLength > f.Body {
				w.Header().Set("Connection", "close") // what it goes on to send is not read
				refuse(w, r, http.StatusRequestEntityTooLarge, "too-long", "the request is larger than this server takes")
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, f.Body)
		}
		if f.Slow > 0 {
			control := http.NewResponseController(w)
			_ = control.SetWriteDeadline(time.Time{}) // that of the answer before, on the same connection
			r.Body = &steadyBody{r.Body, control, f.Slow}
			w = &steadyWriter{w, control, f.Slow}
		}
		next.ServeHTTP(w, r)
	})
}

// always are the headers that every answer has unless its door says otherwise: it is not kept, not framed, not taken for something else and
// brings no script. The lists are shared by all answers: a header is replaced, never changed in place.
var always = [...]struct {
	name   string
	values []string
}{
	{"X-Content-Type-Options", []string{"nosniff"}},
	{"Referrer-Policy", []string{"no-referrer"}},
	{"Cache-Control", []string{"no-store"}},
	{"Content-Security-Policy", []string{"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"}},
	{"X-Frame-Options", []string{"DENY"}},
	{"Cross-Origin-Opener-Policy", []string{"same-origin"}},
	{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
	{"Permissions-Policy", []string{"camera=(), geolocation=(), microphone=(), payment=(), usb=()"}},
}

func headers(h http.Header, secure bool) {
	for i := range always {
		h[always[i].name] = always[i].values[:1:1]
	}
	if secure {
		h.Set("Strict-Transport-Security", "max-age=63072000")
	}
}

// identify settles where a request comes from and whether it is encrypted. What it says of that itself counts only where it comes from a
// proxy that is trusted; otherwise it is taken away, so that nobody behind believes it.
func (f *Front) identify(r *http.Request) (*http.Request, bool) {
	secure := r.TLS != nil
	forwarded := r.Header.Values("X-Forwarded-For")
	proto := r.Header.Get("X-Forwarded-Proto")
	if len(forwarded) == 0 && proto == "" && r.Header.Get("Forwarded") == "" && r.Header.Get("X-Real-Ip") == "" {
		return r, secure
	}
	r = r.Clone(r.Context())
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-Ip"} {
		r.Header.Del(name)
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !f.trusts(peer.Addr()) {
		return r, secure
	}
	if proto == "https" {
		secure = true
		r.Header.Set("X-Forwarded-Proto", "https")
	}
	// Each proxy puts who it heard from at the end; the last one that is not one of ours is who asks.
	list := strings.Split(strings.Join(forwarded, ","), ",")
	for i := len(list) - 1; i >= 0; i-- {
		addr, err := netip.ParseAddr(strings.TrimSpace(list[i]))
		if err != nil {
			break
		}
		r.RemoteAddr = netip.AddrPortFrom(addr.Unmap(), 0).String()
		if !f.trusts(addr) {
			break
		}
	}
	return r, secure
}

func (f *Front) trusts(addr netip.Addr) bool {
	for _, p := range f.Proxies {
		if p.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}

// addressKey is whose limit an address counts against: of IPv6 the network, since one machine has any number of addresses in it.
func addressKey(addr netip.Addr) string {
	addr = addr.Unmap()
	if addr.Is6() {
		if p, err := addr.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}

// tokenKey is in whose name a request is made, as far as can be seen from outside: a digest, since tokens are kept nowhere.
func (f *Front) tokenKey(r *http.Request) string {
	token := r.Header.Get("Authorization")
	for _, name := range f.Session {
		if token != "" {
			break
		}
		if c, err := r.Cookie(name); err == nil {
			token = c.Value
		}
	}
	if token == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:12])
}

func tooMany(w http.ResponseWriter, r *http.Request, wait time.Duration, why string) {
	seconds := int64((wait + time.Second - 1) / time.Second)
	w.Header().Set("Retry-After", itoa(max(seconds, 1)))
	refuse(w, r, http.StatusTooManyRequests, "throttled", why+": try again in "+itoa(max(seconds, 1))+" s")
}

// refuse answers an error, to programs as an OperationOutcome.
func refuse(w http.ResponseWriter, r *http.Request, status int, code, why string) {
	if r.URL.Path != "/fhir" && !strings.HasPrefix(r.URL.Path, "/fhir/") {
		http.Error(w, why, status)
		return
	}
	w.Header().Set("Content-Type", "application/fhir+json; charset=utf-8")
	w.WriteHeader(status)
	body := fhir.AppendString([]byte(`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"`+code+`","diagnostics":`), why)
	if _, err := w.Write(append(body, "}]}"...)); err != nil {
		slog.Debug("a refusal was not taken", "error", err)
	}
}
