package smart

import (
	"bytes"
	"context"
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
)

// cache remembers what tokens say, so that a request costs no read of the database. One item of the box, the epoch, changes whenever anything
// is taken back in any process; it is read again every few seconds, and when it has changed everything is forgotten.
type cache struct {
	mu      sync.RWMutex
	of      map[[32]byte]*live
	origins map[string]bool // of pages that may call us; nil when not known
	gen     int             // how often all was forgotten

	checking sync.Mutex
	epoch    []byte
	checked  atomic.Int64 // when the epoch was read, in nanoseconds since start
}

// live is an access token that is good.
type live struct {
	who         access.Actor
	client      *Client
	grant       Grant
	scope       string
	identity    bool // the app was told who the person is
	made, until time.Time
}

const (
	recheck   = 4 * time.Second
	cacheSize = 100_000
)

// start makes a moment of the monotonic clock a number.
var start = time.Now()

func (k *cache) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.of, k.origins = nil, nil
	k.gen++
}

// current makes sure that nothing is remembered that was taken back more than a few seconds ago.
func (s *Service) current(ctx context.Context) error {
	k := &s.tokens
	if at := k.checked.Load(); at != 0 && time.Since(start)-time.Duration(at) < recheck {
		return nil
	}
	k.checking.Lock()
	defer k.checking.Unlock()
	if at := k.checked.Load(); at != 0 && time.Since(start)-time.Duration(at) < recheck {
		return nil
	}
	at := time.Since(start)
	now, err := s.box.Get(ctx, kindEpoch, "1")
	if err != nil {
		return err
	}
	if !bytes.Equal(now, k.epoch) {
		k.epoch = now
		k.forget()
		s.jwks.forgetAll()
	}
	k.checked.Store(int64(at))
	return nil
}

// tokenSize is how many characters a token of ours has.
const tokenSize = 43

// Challenge is a request that must identify itself better, as RFC 6750 (section 3) answers it.
type Challenge struct{ Code, Text string }

// Error is the sentence.
func (c *Challenge) Error() string { return c.Text }

// Unwrap is what it is to who knows nothing of tokens: a refusal.
func (c *Challenge) Unwrap() error { return fhir.Errorf(fhir.Forbidden, "%s", c.Text) }

var errToken = &Challenge{"invalid_token", "the access token is not known, was taken back, or is over"}

type actorKey struct{}

// Who turns a request's access token into an actor; false where it has none. Tokens are taken from the Authorization header only. Behind
// Protect it is whom that has identified, by token or session.
func (s *Service) Who(r *http.Request) (access.Actor, bool, error) {
	if who, ok := r.Context().Value(actorKey{}).(access.Actor); ok {
		return who, true, nil
	}
	if strings.Contains(r.URL.RawQuery, "access_token") && r.URL.Query().Has("access_token") {
		return access.Actor{}, false, &Challenge{"invalid_request", "an access token belongs into the Authorization header, not into the address, which is logged"}
	}
	header := r.Header["Authorization"]
	if len(header) == 0 {
		return access.Actor{}, false, nil
	}
	scheme, text, _ := strings.Cut(header[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return access.Actor{}, false, &Challenge{"invalid_request", "identify yourself by a Bearer token"}
	}
	if len(header) > 1 {
		return access.Actor{}, false, &Challenge{"invalid_request", "there are two Authorization headers"}
	}
	if err := s.current(r.Context()); err != nil {
		return access.Actor{}, false, err
	}
	t, err := s.lookUp(r.Context(), text)
	if err != nil {
		return access.Actor{}, false, err
	}
	if t == nil {
		return access.Actor{}, false, errToken
	}
	who := t.who
	who.From = s.From(r)
	return who, true, nil
}

// lookUp is what an access token stands for, nil where it is not good.
func (s *Service) lookUp(ctx context.Context, text string) (*live, error) {
	if len(text) != tokenSize {
		return nil, nil
	}
	var b [tokenSize]byte
	copy(b[:], text)
	sum := sha256.Sum256(b[:])
	k := &s.tokens
	k.mu.RLock()
	t, gen := k.of[sum], k.gen
	k.mu.RUnlock()
	if t == nil {
		var err error
		if t, err = s.readToken(ctx, text); err != nil || t == nil {
			return nil, err
		}
		k.mu.Lock()
		if k.gen == gen { // otherwise something was taken back while this was read
			if k.of == nil || len(k.of) >= cacheSize {
				k.of = map[[32]byte]*live{}
			}
			k.of[sum] = t
		}
		k.mu.Unlock()
	}
	if !s.Now().Before(t.until) {
		return nil, nil
	}
	return t, nil
}

// readToken reads a token, its grant and its client, which must all be good.
func (s *Service) readToken(ctx context.Context, text string) (*live, error) {
	var b bearer
	raw, err := s.get(ctx, kindAccess, hashed(text), &b)
	if err != nil || raw.Value == nil {
		return nil, err
	}
	var g Grant
	raw, err = s.get(ctx, kindGrant, b.Grant, &g)
	if err != nil || raw.Value == nil || !g.Ended.IsZero() {
		return nil, err
	}
	c, err := s.approved(ctx, b.Client)
	if err != nil {
		if _, refused := err.(*Refusal); refused {
			return nil, nil
		}
		return nil, err
	}
	t := &live{who: g.Who, client: c, grant: g, scope: strings.Join(b.Scopes, " "), made: b.Made, until: b.Until}
	t.identity = slices.Contains(b.Scopes, scopeUser) && slices.Contains(b.Scopes, scopeOpenID) && strings.Contains(g.Who.ID, "/")
	t.who.App = &access.Client{ID: c.ID, Scopes: resourceScopes(b.Scopes), Patient: g.Patient, Grant: g.ID}
	return t, nil
}

// Protect serves the FHIR interface to apps and to our own pages: it names who asks to what is behind it, answers a bad token itself
// as RFC 6750 says, and lets pages of registered apps in (CORS). Whoever has neither token nor session gets 401, except for
// what says nothing of anybody.
func (s *Service) Protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.preflight(w, r, "GET, HEAD, POST, PUT, PATCH, DELETE") {
			return
		}
		if r.URL.Path == "/fhir/metadata" {
			next.ServeHTTP(w, r)
			return
		}
		who, known, err := s.Who(r)
		if err == nil && !known {
			var mine access.Actor
			if mine, err = s.Session(r); err == nil && mine.ID != "" {
				next.ServeHTTP(w, as(r, mine))
				return
			}
			if fhir.KindOf(err) == fhir.Forbidden {
				err = nil
			}
		}
		if err == nil && !known {
			err = &Challenge{"", "sign in, or send an access token"}
		}
		if err != nil {
			s.challenge(w, err)
			return
		}
		next.ServeHTTP(&scopeWriter{w}, as(r, who))
	})
}

// as is a request of somebody who was identified, so that it is not done again.
func as(r *http.Request, who access.Actor) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), actorKey{}, who))
}

// challenge answers a request that is not identified, as a FHIR client expects it.
func (s *Service) challenge(w http.ResponseWriter, err error) {
	status, code := http.StatusServiceUnavailable, "transient"
	text := "try again in a moment"
	if c, ok := err.(*Challenge); ok {
		status, code, text = http.StatusUnauthorized, "login", c.Text
		say := `Bearer realm="` + s.Base + `"`
		if c.Code != "" {
			say += `, error="` + c.Code + `", error_description="` + c.Text + `"`
		}
		if c.Code == "invalid_request" {
			status = http.StatusBadRequest
		}
		w.Header().Set("WWW-Authenticate", say)
	} else if fhir.KindOf(err) == fhir.Broken {
		status, code, text = http.StatusInternalServerError, "exception", "something went wrong on the server"
	}
	h := w.Header()
	h.Set("Content-Type", "application/fhir+json; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	body := fhir.AppendString([]byte(`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"`+code+`","diagnostics":`), text)
	w.Write(append(body, "}]}"...)) // the client has gone away where this fails
}

// scopeWriter says with a 403 that the app's scopes may be what is missing.
type scopeWriter struct{ http.ResponseWriter }

// WriteHeader adds the header that RFC 6750 wants.
func (w *scopeWriter) WriteHeader(status int) {
	if status == http.StatusForbidden {
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", error_description="neither the app's scopes nor the person's own access allow this"`)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the writer inside.
func (w *scopeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
