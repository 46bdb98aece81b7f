// Package idp is a provider of OpenID Connect inside Kith, for trying out and for places that have none: it says who somebody is in the words of NHS
// login (patients) and of CIS2 (staff), so that a place which later takes one of these changes an address and nothing else.
// https://openid.net/specs/openid-connect-core-1_0.html
//
// Its people are either a list of the caller's, whom anybody may sign in as (the made-up people of a demonstration), or people kept here with a
// password. It knows one flow: authorization code with PKCE (S256). Codes are used once, within a minute; one that is used twice takes the token
// back that the first use got. Codes, tokens and passwords are kept as hashes. It is no authorisation server for apps: what it gives out opens its own user
// information and nothing else.
package idp

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/kith-care/kith/access/secret"
	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Options are how the provider is set up. Door, Issuer and Show must be set.
type Options struct {
	Door    *record.Door
	Issuer  string   // its address: https://kith.example/idp
	Clients []Client // who may ask
	// People are those whom anybody may sign in as, by choosing them from a list: for made-up people only. nil where people have passwords.
	People  func() []Person
	Show    func(w http.ResponseWriter, r *http.Request, status int, v View) // writes the sign-in page
	From    func(r *http.Request) string                                     // the address a request comes from; nil for that of the connection
	Now     func() time.Time                                                 // nil for the clock
	Secrets *secret.Keeper                                                   // keeps signing keys encrypted; nil keeps them as they are
}

// Client is a program that may ask who somebody is.
type Client struct {
	ID        string
	Secret    string   // "" for one that has none and proves itself by PKCE alone
	Redirects []string // addresses that people may be sent back to, exactly
	ES256     bool     // tokens are signed by ES256, otherwise by RS256
}

// Person is one who can sign in here. Number, Born, Proofing and Phone are of patients; User and Roles of staff.
type Person struct {
	Subject  string
	Given    string `json:",omitempty"`
	Family   string
	Staff    bool   `json:",omitempty"`
	Number   string `json:",omitempty"` // NHS number
	Born     string `json:",omitempty"` // 1945-07-14
	Proofing string `json:",omitempty"` // P0, P5 or P9
	Phone    string `json:",omitempty"`
	User     string `json:",omitempty"` // of CIS2: nhsid_useruid
	Roles    []Role `json:",omitempty"`
}

// Role is one role of staff, as CIS2 has it.
type Role struct {
	Organisation string `json:"org_code"`
	Code         string `json:"role_code"`
	Title        string `json:"role_name"`
}

// Name is the person's name as people say it.
func (p Person) Name() string { return strings.TrimSpace(p.Given + " " + p.Family) }

// View is what the sign-in page shows.
type View struct {
	People  []Person // to choose from; nil where people have passwords
	Staff   bool     // the client asks for staff
	Request url.Values
	User    string // what was typed
	Error   string
	Broken  string // the request makes no sense: there is nothing to fill in
}

// Provider is the provider.
type Provider struct {
	o     Options
	box   record.Box
	brake signin.Brake
	rsa   *rsa.PrivateKey
	ec    *ecdsa.PrivateKey
}

// Open prepares the provider. It makes its keys where there are none yet.
func Open(ctx context.Context, o Options) (*Provider, error) {
	if u, err := url.Parse(o.Issuer); err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fhir.Errorf(fhir.Invalid, "the issuer %q is no address", o.Issuer)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.From == nil {
		o.From = func(r *http.Request) string { return r.RemoteAddr }
	}
	p := &Provider{o: o, box: o.Door.Box("idp")}
	p.brake = signin.Brake{Box: p.box, Now: o.Now}
	return p, p.openKeys(ctx)
}

// purpose is what the keys are sealed for.
const purpose = "idp/signing"

// keys are the private keys, in PKCS #8.
type keys struct{ RSA, EC []byte }

func (p *Provider) openKeys(ctx context.Context) error {
	value, err := p.box.Get(ctx, "key", "signing")
	if err != nil {
		return err
	}
	if value == nil {
		fresh, err := makeKeys()
		if err != nil {
			return err
		}
		err = p.box.Decide(ctx, func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
			// Another process may have been first: its keys count.
			have, err := read("key", "signing")
			if value = have; have != nil || err != nil {
				return record.Noted{}, err
			}
			value = p.o.Secrets.Keep(purpose, fresh)
			return record.Noted{Items: []record.BoxItem{{Kind: "key", Key: "signing", Value: value}}}, nil
		})
		if err != nil {
			return err
		}
	}
	if value, err = p.o.Secrets.Read(purpose, value); err != nil {
		return err
	}
	var k keys
	if err := json.Unmarshal(value, &k); err != nil {
		return fhir.Errorf(fhir.Broken, "the keys of the built-in provider are damaged: %w", err)
	}
	a, err := x509.ParsePKCS8PrivateKey(k.RSA)
	if err != nil {
		return fhir.Errorf(fhir.Broken, "the keys of the built-in provider are damaged: %w", err)
	}
	b, err := x509.ParsePKCS8PrivateKey(k.EC)
	if err != nil {
		return fhir.Errorf(fhir.Broken, "the keys of the built-in provider are damaged: %w", err)
	}
	var okA, okB bool
	p.rsa, okA = a.(*rsa.PrivateKey)
	p.ec, okB = b.(*ecdsa.PrivateKey)
	if !okA || !okB {
		return fhir.Errorf(fhir.Broken, "the keys of the built-in provider are of another kind")
	}
	return nil
}

func makeKeys() ([]byte, error) {
	a, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	b, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	var k keys
	if k.RSA, err = x509.MarshalPKCS8PrivateKey(a); err != nil {
		return nil, err
	}
	if k.EC, err = x509.MarshalPKCS8PrivateKey(b); err != nil {
		return nil, err
	}
	return json.Marshal(k)
}

// Handler serves the provider, relative to its issuer.
func (p *Provider) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.configuration)
	mux.HandleFunc("GET /jwks", p.jwks)
	mux.HandleFunc("GET /authorize", p.page)
	mux.HandleFunc("POST /authorize", p.signIn)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", p.userInfo)
	mux.HandleFunc("POST /userinfo", p.userInfo)
	return mux
}

func (p *Provider) configuration(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, struct {
		Issuer      string   `json:"issuer"`
		Authorize   string   `json:"authorization_endpoint"`
		Token       string   `json:"token_endpoint"`
		UserInfo    string   `json:"userinfo_endpoint"`
		JWKS        string   `json:"jwks_uri"`
		Responses   []string `json:"response_types_supported"`
		Modes       []string `json:"response_modes_supported"`
		Grants      []string `json:"grant_types_supported"`
		Subjects    []string `json:"subject_types_supported"`
		Algorithms  []string `json:"id_token_signing_alg_values_supported"`
		Scopes      []string `json:"scopes_supported"`
		Claims      []string `json:"claims_supported"`
		Methods     []string `json:"token_endpoint_auth_methods_supported"`
		PKCE        []string `json:"code_challenge_methods_supported"`
		IssInAnswer bool     `json:"authorization_response_iss_parameter_supported"`
	}{p.o.Issuer, p.o.Issuer + "/authorize", p.o.Issuer + "/token", p.o.Issuer + "/userinfo", p.o.Issuer + "/jwks", []string{"code"}, []string{"query"}, []string{"authorization_code"}, []string{"public"},
		[]string{"RS256", "ES256"}, []string{"openid", "profile", "profile_extended", "phone", "nationalrbacaccess"},
		[]string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "vot", "identity_proofing_level", "nhs_number", "birthdate", "family_name", "given_name", "name", "phone_number", "nhsid_useruid", "nhsid_nrbac_roles"},
		[]string{"none", "client_secret_basic", "client_secret_post"}, []string{"S256"}, true})
}

func (p *Provider) jwks(w http.ResponseWriter, _ *http.Request) {
	set := jose.JSONWebKeySet{}
	for _, k := range []struct {
		key       crypto.PublicKey
		algorithm jose.SignatureAlgorithm
	}{{p.rsa.Public(), jose.RS256}, {p.ec.Public(), jose.ES256}} {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.key, KeyID: keyID(k.key), Algorithm: string(k.algorithm), Use: "sig"})
	}
	writeJSON(w, http.StatusOK, set)
}

// keyID is the thumbprint of a key, so that a key that was replaced has another name. https://www.rfc-editor.org/rfc/rfc7638
func keyID(key crypto.PublicKey) string {
	sum, err := (&jose.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "" // not for the two kinds of key there are
	}
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

func (p *Provider) client(id string) *Client {
	if i := slices.IndexFunc(p.o.Clients, func(c Client) bool { return c.ID == id }); i >= 0 {
		return &p.o.Clients[i]
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "the answer could not be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(text) // the client has gone away where this fails
}
