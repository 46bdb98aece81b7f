// Package smart is the authorisation server for apps: OAuth 2.1 as SMART App Launch 2.2 and SMART Backend Services
// profile it. https://hl7.org/fhir/smart-app-launch/STU2.2/
//
// An app is registered and approved by somebody who reviewed it (client.go). It sends a person to /auth/authorize
// (ask.go); the person reads in plain English what it wants and allows all, some or nothing of it (allow.go, pages in
// web/apps). The app exchanges the code for tokens (token.go, refresh.go); a backend service gets its token by a
// signed assertion (authenticate.go, backend.go). Who (who.go) turns a token into an access.Actor with the scopes it was
// given; what these let it see is decided by access, in the record.
//
// Codes and tokens are 256 random bits, kept as SHA-256 only. Everything of this room stands in record.Box("smart"),
// changed by compare-and-set, so that several processes on one database agree: a code or assertion is used once among
// all of them, and what one revokes is refused by the others within five seconds.
package smart

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/secret"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Options are how an authorisation server is opened. Door and Base must be set.
type Options struct {
	Door *record.Door
	Base string // the FHIR base as others see it, without a last slash: "https://kith.example/fhir"

	// Session says who is signed in at our own pages. An Actor without ID, or an error of kind Forbidden, is nobody. Nil is
	// nobody ever: only backend services get anything.
	Session func(*http.Request) (access.Actor, error)
	// Still asks again for an actor as of now when an app refreshes its tokens. An error of kind Forbidden, NotFound or
	// Gone ends what the app was given. Nil leaves actors as they were.
	Still func(context.Context, access.Actor) (access.Actor, error)
	// People are those for whom somebody who signed in as a patient may connect an app, themselves first. Nil is
	// themselves only.
	People func(context.Context, access.Actor) ([]Person, error)
	// CheckScope says whether type and query of a scope make sense. Nil checks the type only.
	CheckScope func(access.Scope) error

	// Secrets keeps signing keys encrypted; nil keeps them as they are.
	Secrets *secret.Keeper

	// From is the network address of a request, nil for that of the connection.
	From func(*http.Request) string

	Access  time.Duration // how long an access token is good for, 0 for ten minutes, an hour at most
	Offline time.Duration // how long a refresh token of offline_access is good for without being used, 0 for 90 days
	Online  time.Duration // how long refresh tokens of online_access go on after consent, 0 for twelve hours
	Now     func() time.Time
	HTTP    *http.Client // fetches the keys of clients; nil for one with a limit of five seconds that follows no redirect
}

// Person is somebody whose record an app may be connected to.
type Person struct {
	Patient  string // id
	Name     string
	Born     string // for people to read, may be ""
	Relation string // "" for the person themselves, otherwise such as "trusts you"
}

// Service is an open authorisation server.
type Service struct {
	Options
	box    record.Box
	keys   atomic.Pointer[keyring]
	tokens cache
	jwks   keyCache
}

// Lifetimes that are not for choosing.
const (
	codeLife      = time.Minute
	launchLife    = 5 * time.Minute
	ticketLife    = 30 * time.Minute // how long somebody may read a consent screen
	assertionLife = 5 * time.Minute
	backendLife   = 5 * time.Minute // https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html: SHOULD be 300 s at most
	skew          = 30 * time.Second
	longest       = 365 * 24 * time.Hour // no grant goes on for longer without the person being asked again
	maxForm       = 64 << 10
)

// Open makes ready the authorisation server of a record; its signing keys are made where there are none.
func Open(ctx context.Context, o Options) (*Service, error) {
	if o.Access == 0 {
		o.Access = 10 * time.Minute
	}
	if o.Offline == 0 {
		o.Offline = 90 * 24 * time.Hour
	}
	if o.Online == 0 {
		o.Online = 12 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Access < 0 || o.Access > time.Hour {
		return nil, fhir.Errorf(fhir.Invalid, "an access token is good for an hour at most, not %s", o.Access)
	}
	if o.Offline < 0 || o.Offline > longest || o.Online < 0 || o.Online > longest {
		return nil, fhir.Errorf(fhir.Invalid, "refresh tokens are good for a year at most")
	}
	if o.Session == nil {
		o.Session = func(*http.Request) (access.Actor, error) { return access.Actor{}, nil }
	}
	if o.From == nil {
		o.From = func(r *http.Request) string { return r.RemoteAddr }
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	o.Base = strings.TrimSuffix(o.Base, "/")
	s := &Service{Options: o, box: o.Door.Box("smart")}
	if err := s.loadKeys(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Issuer is the name of this server in tokens, and where its discovery document is found: the base without /fhir.
func (s *Service) Issuer() string { return strings.TrimSuffix(s.Base, "/fhir") }

func (s *Service) tokenURL() string { return s.Issuer() + "/auth/token" }

// Handler serves what apps call by themselves, at the addresses of Calls. The pages of /auth/authorize are those of web/apps.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/auth/token", s.form(s.token))
	mux.HandleFunc("/auth/introspect", s.form(s.introspect))
	mux.HandleFunc("/auth/revoke", s.form(s.revoke))
	mux.HandleFunc("/auth/jwks", s.public(s.publicKeys))
	mux.HandleFunc("/.well-known/openid-configuration", s.public(s.openIDConfiguration))
	mux.HandleFunc("/.well-known/oauth-authorization-server", s.public(s.openIDConfiguration))
	mux.HandleFunc("/fhir/.well-known/smart-configuration", s.public(s.smartConfiguration))
	return mux
}

// Calls are the addresses that Handler serves.
func Calls() []string {
	return []string{"/auth/token", "/auth/introspect", "/auth/revoke", "/auth/jwks", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/fhir/.well-known/smart-configuration"}
}

// Guard keeps pages of other sites from acting in their reader's name, and lets through what cannot: calls that look at no cookie. A request
// to /fhir with an Authorization header is answered by its token alone (Protect), and a POST to /auth/authorize changes nothing.
func (s *Service) Guard(guard *http.CrossOriginProtection, next http.Handler) http.Handler {
	for _, path := range append(Calls(), "POST /auth/authorize") {
		guard.AddInsecureBypassPattern(path)
	}
	guarded := guard.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["Authorization"]) > 0 && (r.URL.Path == "/fhir" || strings.HasPrefix(r.URL.Path, "/fhir/")) {
			next.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// newToken makes 256 random bits, as text.
func newToken() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// hashed is how a token or secret is kept.
func hashed(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
