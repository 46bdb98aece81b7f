package smart_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/kith-care/kith/rest/smart"
	"github.com/kith-care/kith/web/apps/appstest"
)

// Whatever is asked, nobody is sent anywhere but to sign in or to the app that is registered, and a request never fails.
func FuzzAuthorisationRequest(f *testing.F) {
	p := appstest.Open(f, "sqlite::memory:")
	c := public(p)
	right := p.Ask(c, "patient/Patient.rs openid")
	f.Add(right.Encode())
	f.Add(strings.Replace(right.Encode(), "app.example", "evil.example", 1))
	f.Add(right.Encode() + "&redirect_uri=https://evil.example/&launch=x&for=ada&nhs=1&born=2")
	f.Add("%zz&;=&client_id=" + c.ID)
	f.Fuzz(func(t *testing.T, query string) {
		q := httptest.NewRequest("GET", "/auth/authorize", nil)
		q.URL.RawQuery = query
		for _, as := range []string{"", "lone", "sam"} {
			if as != "" {
				q.Header.Set("Cookie", "session="+as)
			}
			w := httptest.NewRecorder()
			p.Handler.ServeHTTP(w, q)
			to := w.Header().Get("Location")
			if w.Code >= 500 || to != "" && !strings.HasPrefix(to, "https://app.example/callback?") && !strings.HasPrefix(to, "/signin?") {
				t.Errorf("%q as %q: %d to %s", query, as, w.Code, to)
			}
		}
	})
}

// Whatever is posted, nobody gets a token without a code, a refresh token or a signed assertion of theirs, and a request never fails.
func FuzzTokenRequest(f *testing.F) {
	p := appstest.Open(f, "sqlite::memory:")
	c := public(p)
	rs := newSigner(f, jose.RS384, "r")
	system := backend(p, jwks(rs), "")
	over := claimsOf(p, system)
	over.Expiry = nil
	f.Add(appstest.Exchange(c, "guessed").Encode(), "")
	f.Add(asks(rs.sign(f, over), "system/Patient.rs").Encode(), "")
	f.Add("grant_type=refresh_token&refresh_token=x", basic(c.ID, ""))
	f.Add("grant_type=client_credentials&client_assertion=e30.e30.&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "Basic %%%")
	f.Fuzz(func(t *testing.T, form, authorization string) {
		q := httptest.NewRequest("POST", "/auth/token", strings.NewReader(form))
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if authorization != "" {
			q.Header.Set("Authorization", authorization)
		}
		w := httptest.NewRecorder()
		p.Smart.Handler().ServeHTTP(w, q)
		if w.Code != 400 && w.Code != 401 {
			t.Errorf("%q, %q: %d %s", form, authorization, w.Code, w.Body)
		}
	})
}

// Keys of clients are read from outside: whatever stands there, no secret and no private key becomes one to check by.
func FuzzJWKS(f *testing.F) {
	rs, es := newSigner(f, jose.RS384, "r"), newSigner(f, jose.ES384, "e")
	p := appstest.Open(f, "sqlite::memory:")
	f.Add(jwks(rs, es))
	f.Add([]byte(`{"keys":[{"kty":"oct","kid":"r","k":"c2VjcmV0"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"},null,{}]}`))
	f.Fuzz(func(t *testing.T, set []byte) {
		_, _, err := p.Smart.Register(t.Context(), appstest.Accounts["olga"], smart.Client{Name: "App", Maker: "Acme", Does: "Counts", Kind: smart.Backend, Scopes: []string{"system/Patient.rs"}, JWKS: set, Organization: "ZZ001", Purpose: "TREAT"})
		if err == nil && strings.Contains(string(set), `"oct"`) && !strings.Contains(string(set), `"RSA"`) && !strings.Contains(string(set), `"EC"`) {
			t.Errorf("%s is taken as public keys", set)
		}
	})
}
