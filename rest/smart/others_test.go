package smart_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/kith-care/kith/rest/smart"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/web/apps/appstest"
)

// Clients that we did not write: golang.org/x/oauth2 gets tokens and refreshes them, coreos/go-oidc reads the discovery document and checks
// the id token by the published keys.
func TestClientsOfOthers(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256"} {
		t.Run(alg, func(t *testing.T) {
			p := appstest.Open(t, storetest.SQLite(t))
			c, secret := p.Add(smart.Client{Kind: smart.Secret, SignedBy: alg, Redirects: []string{"https://server.example/cb"}, Scopes: []string{"launch/patient", "patient/Patient.rs", "openid", "fhirUser", "profile", "offline_access"}})
			ctx := t.Context()
			provider, err := oidc.NewProvider(ctx, p.URL)
			if err != nil {
				t.Fatal(err)
			}
			config := oauth2.Config{ClientID: c.ID, ClientSecret: secret, Endpoint: provider.Endpoint(), RedirectURL: c.Redirects[0], Scopes: []string{"launch/patient", "patient/Patient.rs", "openid", "fhirUser", "profile", "offline_access"}}
			verifier := oauth2.GenerateVerifier()
			u, err := url.Parse(config.AuthCodeURL("some-state", oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("aud", p.Base), oidc.Nonce("a-nonce")))
			if err != nil {
				t.Fatal(err)
			}
			token, err := config.Exchange(ctx, p.Allow("lone", u.Query()), oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatal(err)
			}
			raw, _ := token.Extra("id_token").(string)
			id, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: c.ID, SupportedSigningAlgs: []string{alg}}).Verify(ctx, raw)
			if err != nil {
				t.Fatal(err)
			}
			var claims struct{ FHIRUser, Name, Profile string }
			if err := id.Claims(&claims); err != nil || id.Nonce != "a-nonce" || claims.FHIRUser != p.Base+"/Patient/lone" || claims.Name != "Ben Reed" || id.Subject == "" || strings.Contains(id.Subject, "lone") {
				t.Errorf("the id token says %+v %+v (%v)", id, claims, err)
			}
			if _, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: "somebody", SupportedSigningAlgs: []string{alg}}).Verify(ctx, raw); err == nil {
				t.Error("the id token is good for another client")
			}
			read := func(client *http.Client) {
				t.Helper()
				res, err := client.Get(p.Base + "/Patient/lone")
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				if res.StatusCode != 200 {
					t.Errorf("read: %s", res.Status)
				}
			}
			read(config.Client(ctx, token))
			// Its own refreshing, over an access token that is over.
			p.Pass(1 << 40) // some 18 minutes
			stale := *token
			stale.AccessToken, stale.Expiry = "over", p.Now().Add(-1e12*2)
			source := config.TokenSource(ctx, &stale)
			fresh, err := source.Token()
			if err != nil || fresh.AccessToken == token.AccessToken || fresh.RefreshToken == token.RefreshToken {
				t.Fatalf("refreshed to %+v (%v)", fresh, err)
			}
			read(oauth2.NewClient(ctx, oauth2.StaticTokenSource(fresh)))
		})
	}
}

// The same library's client credentials with an assertion that it carries.
func TestBackendByAnotherClient(t *testing.T) {
	p := appstest.Open(t, storetest.SQLite(t))
	es := newSigner(t, jose.ES384, "e")
	c := backend(p, jwks(es), "")
	config := clientcredentials.Config{ClientID: c.ID, TokenURL: p.URL + "/auth/token", Scopes: []string{"system/Patient.rs"}, AuthStyle: oauth2.AuthStyleInParams,
		EndpointParams: url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {es.sign(t, claimsOf(p, c))}}}
	token, err := config.Token(context.WithoutCancel(t.Context()))
	if err != nil || p.Read(token.AccessToken) != 200 {
		t.Fatal(token, err)
	}
}

// An app with a key of its own, launched for a person.
func TestAnAppWithAKey(t *testing.T) {
	p := appstest.Open(t, storetest.SQLite(t))
	rs := newSigner(t, jose.RS384, "r")
	c, _ := p.Add(smart.Client{Kind: smart.Key, Redirects: []string{"https://server.example/cb"}, Scopes: []string{"patient/Patient.rs", "offline_access"}, JWKS: jwks(rs)})
	form := appstest.Exchange(c, p.Allow("lone", p.Ask(c, "patient/Patient.rs offline_access")))
	wants(t, "without assertion", p.Post("/auth/token", form), 401, "invalid_client")
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", rs.sign(t, claimsOf(p, c)))
	got := p.Post("/auth/token", form)
	wants(t, "with assertion", got, 200, "")
	again := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.JSON("refresh_token")}, "client_assertion_type": form["client_assertion_type"], "client_assertion": form["client_assertion"]}
	wants(t, "the same assertion for a refresh", p.Post("/auth/token", again), 401, "invalid_client")
	again.Set("client_assertion", rs.sign(t, claimsOf(p, c)))
	wants(t, "refresh", p.Post("/auth/token", again), 200, "")
}
