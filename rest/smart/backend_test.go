package smart_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/kith-care/kith/rest/smart"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/web/apps/appstest"
)

// signer makes assertions as a backend service does.
type signer struct {
	alg jose.SignatureAlgorithm
	key jose.JSONWebKey
}

func newSigner(t testing.TB, alg jose.SignatureAlgorithm, kid string) signer {
	var private any
	var err error
	if alg == jose.ES384 {
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	} else {
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return signer{alg, jose.JSONWebKey{Key: private, KeyID: kid, Algorithm: string(alg)}}
}

func jwks(keys ...signer) []byte {
	var set jose.JSONWebKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, k.key.Public())
	}
	out, _ := json.Marshal(set)
	return out
}

func (s signer) sign(t testing.TB, claims jwt.Claims) string {
	t.Helper()
	by, err := jose.NewSigner(jose.SigningKey{Algorithm: s.alg, Key: s.key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(by).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var jtis atomic.Int64

func claimsOf(p *appstest.Place, c smart.Client) jwt.Claims {
	return jwt.Claims{Issuer: c.ID, Subject: c.ID, Audience: jwt.Audience{p.URL + "/auth/token"}, Expiry: jwt.NewNumericDate(p.Now().Add(4 * time.Minute)), ID: "jti-" + time.Duration(jtis.Add(1)).String()}
}

func asks(assertion, scope string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "scope": {scope}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion}}
}

func backend(p *appstest.Place, keys []byte, at string) smart.Client {
	c, _ := p.Add(smart.Client{Name: "Export", Kind: smart.Backend, Scopes: []string{"system/Patient.rs", "system/Observation.rs"}, JWKS: keys, JWKSURI: at, Organization: "ZZ001", Purpose: "HRESCH"})
	return c
}

func TestABackendServiceGetsAToken(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := appstest.Open(t, db)
		rs, es := newSigner(t, jose.RS384, "r"), newSigner(t, jose.ES384, "e")
		c := backend(p, jwks(rs, es), "")
		for _, by := range []signer{rs, es} {
			got := p.Post("/auth/token", asks(by.sign(t, claimsOf(p, c)), "system/Patient.rs system/Condition.rs"))
			if got.Status != 200 || got.JSON("scope") != "system/Patient.rs" || got.JSON("expires_in") != "300" || got.JSON("refresh_token") != "" || got.JSON("patient") != "" {
				t.Fatalf("%s: %d %s", by.alg, got.Status, got.Body)
			}
			who, ok, err := p.Smart.Who(request(t, "/fhir/Patient", got.JSON("access_token")))
			if err != nil || !ok || who.Role != "system" || who.Organization != "ZZ001" || who.Purpose != "HRESCH" || who.ID != "client/"+c.ID || who.App == nil || len(who.App.Scopes) != 1 {
				t.Errorf("who %+v %v %v", who, ok, err)
			}
			if p.Read(got.JSON("access_token")) != 200 {
				t.Error("the token does not open the record")
			}
			p.Pass(5 * time.Minute)
			if p.Read(got.JSON("access_token")) != 401 {
				t.Error("the token works after five minutes")
			}
		}

		refused := func(name, assertion, code string) {
			t.Helper()
			status := map[string]int{"invalid_client": 401}[code]
			if status == 0 {
				status = 400
			}
			wants(t, name, p.Post("/auth/token", asks(assertion, "system/Patient.rs")), status, code)
		}
		with := func(change func(*jwt.Claims)) string {
			cl := claimsOf(p, c)
			change(&cl)
			return rs.sign(t, cl)
		}
		once := rs.sign(t, claimsOf(p, c))
		if got := p.Post("/auth/token", asks(once, "system/Patient.rs")); got.Status != 200 {
			t.Fatal(got.Body)
		}
		refused("replay", once, "invalid_client")
		refused("expired", with(func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(p.Now().Add(-time.Minute)) }), "invalid_client")
		refused("good for ten minutes", with(func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(p.Now().Add(10 * time.Minute)) }), "invalid_client")
		refused("no exp", with(func(c *jwt.Claims) { c.Expiry = nil }), "invalid_client")
		refused("no jti", with(func(c *jwt.Claims) { c.ID = "" }), "invalid_client")
		refused("wrong audience", with(func(c *jwt.Claims) { c.Audience = jwt.Audience{"https://other.example/token"} }), "invalid_client")
		refused("FHIR base as audience", with(func(c *jwt.Claims) { c.Audience = jwt.Audience{p.Base} }), "invalid_client")
		refused("no audience", with(func(c *jwt.Claims) { c.Audience = nil }), "invalid_client")
		refused("another's sub", with(func(c *jwt.Claims) { c.Subject = "somebody" }), "invalid_client")
		refused("another's iss", with(func(c *jwt.Claims) { c.Issuer, c.Subject = "somebody", "somebody" }), "invalid_client")
		refused("of tomorrow", with(func(c *jwt.Claims) { c.NotBefore = jwt.NewNumericDate(p.Now().Add(2 * time.Minute)) }), "invalid_client")
		refused("no JWT", "abc", "invalid_client")
		refused("too long", strings.Repeat("a", 20<<10), "invalid_client")

		stranger := newSigner(t, jose.RS384, "r") // the right name, another key
		refused("another's key", stranger.sign(t, claimsOf(p, c)), "invalid_client")
		nameless := rs
		nameless.key.KeyID = ""
		refused("no kid", nameless.sign(t, claimsOf(p, c)), "invalid_client")
		unknown := rs
		unknown.key.KeyID = "x"
		refused("unknown kid", unknown.sign(t, claimsOf(p, c)), "invalid_client")
		crossed := newSigner(t, jose.ES384, "r") // an EC signature in the name of the RSA key
		refused("key of another kind", crossed.sign(t, claimsOf(p, c)), "invalid_client")
		other := rs
		other.alg, other.key.Algorithm = jose.RS256, "RS256"
		refused("RS256", other.sign(t, claimsOf(p, c)), "invalid_client")
		refused("algorithm none", unsigned(t, claimsOf(p, c)), "invalid_client")
		for name, secret := range publicAsSecret(t, rs.key.Key.(crypto.Signer).Public(), jwks(rs, es)) {
			for _, alg := range []jose.SignatureAlgorithm{jose.HS256, jose.HS384} {
				refused("key confusion: "+string(alg)+" by "+name, signer{alg, jose.JSONWebKey{Key: secret, KeyID: "r", Algorithm: string(alg)}}.sign(t, claimsOf(p, c)), "invalid_client")
			}
		}
		// The same where the client's keys do not say by which algorithm they sign.
		bare := rs
		bare.key.Algorithm = ""
		open := backend(p, jwks(bare), "")
		if got := p.Post("/auth/token", asks(rs.sign(t, claimsOf(p, open)), "system/Patient.rs")); got.Status != 200 {
			t.Error(got.Body)
		}
		refused("RS256 by a key without algorithm", other.sign(t, claimsOf(p, open)), "invalid_client")
		refused("none for a key without algorithm", unsigned(t, claimsOf(p, open)), "invalid_client")
		for name, secret := range publicAsSecret(t, rs.key.Key.(crypto.Signer).Public(), jwks(bare)) {
			refused("key confusion without algorithm, by "+name, signer{jose.HS256, jose.JSONWebKey{Key: secret, KeyID: "r", Algorithm: "HS256"}}.sign(t, claimsOf(p, open)), "invalid_client")
		}
		form := asks(rs.sign(t, claimsOf(p, c)), "system/Patient.rs")
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")
		wants(t, "another type", p.Post("/auth/token", form), 401, "invalid_client")
		form = asks(rs.sign(t, claimsOf(p, c)), "system/Patient.rs")
		form.Set("client_id", "somebody")
		wants(t, "another client_id", p.Post("/auth/token", form), 401, "invalid_client")
		wants(t, "more than registered", p.Post("/auth/token", asks(rs.sign(t, claimsOf(p, c)), "system/Condition.rs patient/Patient.rs")), 400, "invalid_scope")
		wants(t, "a code", p.Post("/auth/token", url.Values{"grant_type": {"authorization_code"}, "code": {"x"}, "client_assertion_type": form["client_assertion_type"], "client_assertion": {rs.sign(t, claimsOf(p, c))}}), 400, "unauthorized_client")
		wants(t, "only its name", p.Post("/auth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {c.ID}, "scope": {"system/Patient.rs"}}), 401, "invalid_client")

		// Revoked: nothing works any more.
		token := p.Post("/auth/token", asks(rs.sign(t, claimsOf(p, c)), "system/Patient.rs")).JSON("access_token")
		if _, err := p.Smart.Decide(t.Context(), appstest.Accounts["olga"], c.ID, smart.Revoked, "it ended"); err != nil {
			t.Fatal(err)
		}
		if p.Read(token) != 401 {
			t.Error("the token of a revoked client works")
		}
		refused("revoked", rs.sign(t, claimsOf(p, c)), "invalid_client")
	})
}

// unsigned is a token that says that it needs no signature.
func unsigned(t *testing.T, claims jwt.Claims) string {
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return b64([]byte(`{"alg":"none","typ":"JWT","kid":"r"}`)) + "." + b64(body) + "."
}

// publicAsSecret is what of a public key somebody could use as the secret of an HMAC.
func publicAsSecret(t *testing.T, public any, set []byte) map[string][]byte {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"DER": der, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "JWKS": set}
}

// Keys that a client publishes are read again when it has a new one, and not for every assertion that names none.
func TestKeysThatAClientPublishes(t *testing.T) {
	p := appstest.Open(t, storetest.SQLite(t))
	one, two := newSigner(t, jose.RS384, "one"), newSigner(t, jose.ES384, "two")
	var read atomic.Int64
	var set atomic.Value
	set.Store(jwks(one))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		read.Add(1)
		if r.URL.Path != "/keys" {
			http.Redirect(w, r, "/keys", http.StatusFound)
			return
		}
		w.Write(set.Load().([]byte))
	}))
	t.Cleanup(server.Close)
	c := backend(p, nil, server.URL+"/keys")
	status := func(s signer) int {
		return p.Post("/auth/token", asks(s.sign(t, claimsOf(p, c)), "system/Patient.rs")).Status
	}
	for range 2 {
		if status(one) != 200 || read.Load() != 1 {
			t.Errorf("read %d times", read.Load())
		}
	}
	set.Store(jwks(two))
	for range 5 {
		if status(two) != 401 {
			t.Error("a key was known before it was read")
		}
	}
	if read.Load() != 1 {
		t.Errorf("an unknown key had them read %d times", read.Load())
	}
	p.Pass(31 * time.Second)
	if status(two) != 200 || status(one) != 401 || read.Load() != 2 {
		t.Errorf("the new key is not taken, or the old one is; read %d times", read.Load())
	}
	moved := backend(p, nil, server.URL+"/moved")
	if got := p.Post("/auth/token", asks(two.sign(t, claimsOf(p, moved)), "system/Patient.rs")); got.Status != 401 {
		t.Errorf("a redirect was followed: %d", got.Status)
	}
}

func TestRegistrationsThatAreRefused(t *testing.T) {
	p := appstest.Open(t, storetest.SQLite(t))
	rs := newSigner(t, jose.RS384, "r")
	private, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{rs.key}})
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	small := jwks(signer{jose.RS384, jose.JSONWebKey{Key: weak, KeyID: "w", Algorithm: "RS384"}})
	good := smart.Client{Name: "App", Maker: "Acme", Does: "Shows results", Kind: smart.Public, Redirects: []string{"https://app.example/cb"}, Scopes: []string{"patient/Patient.rs"}}
	system := smart.Client{Name: "App", Maker: "Acme", Does: "Counts", Kind: smart.Backend, Scopes: []string{"system/Patient.rs"}, JWKS: jwks(rs), Organization: "ZZ001", Purpose: "TREAT"}
	for name, one := range map[string]struct {
		of     smart.Client
		change func(*smart.Client)
		path   string
	}{
		"no name":             {good, func(c *smart.Client) { c.Name = " " }, "name"},
		"a name of two lines": {good, func(c *smart.Client) { c.Name = "A\nB" }, "name"},
		"no address":          {good, func(c *smart.Client) { c.Redirects = nil }, "redirects"},
		"http":                {good, func(c *smart.Client) { c.Redirects = []string{"http://app.example/cb"} }, "redirects"},
		"star":                {good, func(c *smart.Client) { c.Redirects = []string{"https://*.example/cb"} }, "redirects"},
		"fragment":            {good, func(c *smart.Client) { c.Redirects = []string{"https://app.example/cb#x"} }, "redirects"},
		"script":              {good, func(c *smart.Client) { c.Redirects = []string{"javascript:alert(1)"} }, "redirects"},
		"data":                {good, func(c *smart.Client) { c.Redirects = []string{"data:text/html,x"} }, "redirects"},
		"user":                {good, func(c *smart.Client) { c.Redirects = []string{"https://a@app.example/cb"} }, "redirects"},
		"relative":            {good, func(c *smart.Client) { c.Redirects = []string{"/cb"} }, "redirects"},
		"scheme of a server":  {good, func(c *smart.Client) { c.Kind, c.Redirects = smart.Secret, []string{"org.example.app:/cb"} }, "redirects"},
		"launch by http":      {good, func(c *smart.Client) { c.Launch = "http://app.example/launch" }, "launch"},
		"no scopes":           {good, func(c *smart.Client) { c.Scopes = nil }, "scopes"},
		"unknown scope":       {good, func(c *smart.Client) { c.Scopes = []string{"everything"} }, "scopes"},
		"unknown type":        {good, func(c *smart.Client) { c.Scopes = []string{"patient/Nonsense.rs"} }, "scopes"},
		"system for people":   {good, func(c *smart.Client) { c.Scopes = []string{"system/Patient.rs"} }, "scopes"},
		"people for system":   {system, func(c *smart.Client) { c.Scopes = []string{"patient/Patient.rs"} }, "scopes"},
		"no organisation":     {system, func(c *smart.Client) { c.Organization = "" }, "organization"},
		"no keys":             {system, func(c *smart.Client) { c.JWKS = nil }, "keys"},
		"two ways to keys":    {system, func(c *smart.Client) { c.JWKSURI = "https://app.example/keys" }, "keys"},
		"keys by http":        {system, func(c *smart.Client) { c.JWKS, c.JWKSURI = nil, "http://app.example/keys" }, "keys"},
		"private key":         {system, func(c *smart.Client) { c.JWKS = private }, "keys"},
		"weak key":            {system, func(c *smart.Client) { c.JWKS = small }, "keys"},
		"keys of a public":    {good, func(c *smart.Client) { c.JWKS = jwks(rs) }, "keys"},
		"unknown kind":        {good, func(c *smart.Client) { c.Kind = "trusted" }, "kind"},
		"HS256":               {good, func(c *smart.Client) { c.SignedBy = "HS256" }, "signedBy"},
		"strange id":          {good, func(c *smart.Client) { c.ID = "a b" }, "id"},
	} {
		c := one.of
		one.change(&c)
		_, _, err := p.Smart.Register(t.Context(), appstest.Accounts["olga"], c)
		if err == nil || !strings.HasPrefix(err.Error(), one.path+": ") {
			t.Errorf("%s: %v, want %s", name, err, one.path)
		}
	}
	kept, _, err := p.Smart.Register(t.Context(), appstest.Accounts["olga"], good)
	if err != nil {
		t.Fatal(err)
	}
	good.ID = kept.ID
	if _, _, err := p.Smart.Register(t.Context(), appstest.Accounts["olga"], good); err == nil {
		t.Error("one id was registered twice")
	}
}
