package idp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/record"
)

const tokenLife = 10 * time.Minute

// session is what an access token stands for: it opens the user information, nothing else.
type session struct {
	Client  string
	Scopes  []string
	Person  Person
	Expires time.Time
}

// token turns a code into tokens. https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		fail(w, http.StatusBadRequest, "invalid_request", "the form is not understood")
		return
	}
	c, ok := p.authenticated(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Basic realm="idp"`)
		fail(w, http.StatusUnauthorized, "invalid_client", "the client is not known, or its secret is wrong")
		return
	}
	if r.PostForm.Get("grant_type") != "authorization_code" {
		fail(w, http.StatusBadRequest, "unsupported_grant_type", "only authorization_code is served")
		return
	}
	var g grant
	var wrong string
	bearer := random()
	err := p.box.Decide(r.Context(), func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
		wrong = "the code is not known, was used, has expired, or belongs to another request"
		key := hashOf(r.PostForm.Get("code"))
		value, err := read("code", key)
		if err != nil || value == nil {
			return record.Noted{}, err
		}
		g = grant{}
		if err := json.Unmarshal(value, &g); err != nil {
			return record.Noted{}, err
		}
		if g.Token != "" {
			// The code has been seen by two: what the first got is taken back.
			return record.Noted{Items: []record.BoxItem{{Kind: "token", Key: g.Token}}, Who: access.Actor{ID: "idp/" + g.Person.Subject, From: p.o.From(r)}, Action: access.Create, What: "token for " + c.ID, Refusal: "the code was used twice"}, nil
		}
		if !p.o.Now().Before(g.Expires) || g.Client != c.ID || g.Redirect != r.PostForm.Get("redirect_uri") || !proves(r.PostForm.Get("code_verifier"), g.Challenge) {
			return record.Noted{}, nil
		}
		wrong = ""
		token, err := expiring("token", bearer, session{c.ID, g.Scopes, g.Person, p.o.Now().Add(tokenLife).UTC()})
		if err != nil {
			return record.Noted{}, err
		}
		g.Token = token.Key
		used, err := expiring("code", r.PostForm.Get("code"), g)
		return record.Noted{Items: []record.BoxItem{token, used}}, err
	})
	if err != nil {
		slog.ErrorContext(r.Context(), "the built-in provider failed", "error", err)
		fail(w, http.StatusServiceUnavailable, "temporarily_unavailable", "try again")
		return
	}
	if wrong != "" {
		fail(w, http.StatusBadRequest, "invalid_grant", wrong)
		return
	}
	id, err := p.idToken(c, g)
	if err != nil {
		slog.ErrorContext(r.Context(), "the built-in provider failed", "error", err)
		fail(w, http.StatusInternalServerError, "server_error", "the token could not be signed")
		return
	}
	w.Header().Set("Pragma", "no-cache")
	writeJSON(w, http.StatusOK, struct {
		Access  string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires int    `json:"expires_in"`
		ID      string `json:"id_token"`
		Scope   string `json:"scope"`
	}{bearer, "Bearer", int(tokenLife / time.Second), id, strings.Join(g.Scopes, " ")})
}

// proves reports whether a verifier is the one whose challenge was given. https://www.rfc-editor.org/rfc/rfc7636#section-4.6
func proves(verifier, challenge string) bool {
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

// authenticated is the client that a request comes from.
func (p *Provider) authenticated(r *http.Request) (*Client, bool) {
	id, secret, basic := r.BasicAuth()
	if basic {
		var err1, err2 error
		id, err1 = url.QueryUnescape(id)
		secret, err2 = url.QueryUnescape(secret)
		if err1 != nil || err2 != nil {
			return nil, false
		}
	} else {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	c := p.client(id)
	if c == nil {
		return nil, false
	}
	have, want := sha256.Sum256([]byte(secret)), sha256.Sum256([]byte(c.Secret))
	return c, subtle.ConstantTimeCompare(have[:], want[:]) == 1
}

// claims are what is said of a person, as NHS login and CIS2 say it. What a scope does not ask for is left out.
type claims struct {
	Subject  string `json:"sub"`
	Nonce    string `json:"nonce,omitempty"`
	AuthTime int64  `json:"auth_time,omitempty"`
	Vectors  string `json:"vot,omitempty"`
	Proofing string `json:"identity_proofing_level,omitempty"`
	Number   string `json:"nhs_number,omitempty"`
	Born     string `json:"birthdate,omitempty"`
	Family   string `json:"family_name,omitempty"`
	Given    string `json:"given_name,omitempty"`
	Name     string `json:"name,omitempty"`
	Phone    string `json:"phone_number,omitempty"`
	User     string `json:"nhsid_useruid,omitempty"`
	Roles    []Role `json:"nhsid_nrbac_roles,omitempty"`
}

func claimsOf(one Person, scopes []string) claims {
	has := func(scope string) bool { return slices.Contains(scopes, scope) }
	c := claims{Subject: one.Subject}
	if one.Staff {
		c.User = one.User
		if has("profile") {
			c.Name, c.Family, c.Given = one.Name(), one.Family, one.Given
		}
		if has("nationalrbacaccess") {
			c.Roles = one.Roles
		}
		return c
	}
	if one.Proofing != "" {
		c.Proofing, c.Vectors = one.Proofing, one.Proofing+".Cp.Cd"
	}
	if has("profile") {
		c.Number, c.Born, c.Family = one.Number, one.Born, one.Family
	}
	if has("profile_extended") {
		c.Given = one.Given
	}
	if has("phone") {
		c.Phone = one.Phone
	}
	return c
}

// idToken signs who somebody is. As with NHS login, most of what is known stands in the user information.
func (p *Provider) idToken(c *Client, g grant) (string, error) {
	key := jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: p.rsa, KeyID: keyID(p.rsa.Public())}}
	if c.ES256 {
		key = jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.ec, KeyID: keyID(p.ec.Public())}}
	}
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	said := claimsOf(g.Person, []string{"openid"})
	said.Nonce, said.AuthTime = g.Nonce, g.At.Unix()
	now := p.o.Now()
	return jwt.Signed(signer).Claims(said).Claims(jwt.Claims{Issuer: p.o.Issuer, Subject: g.Person.Subject, Audience: jwt.Audience{c.ID}, IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(5 * time.Minute)), ID: random()[:22]}).Serialize()
}

func (p *Provider) userInfo(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	value, err := p.box.Get(r.Context(), "token", hashOf(token))
	var s session
	if !ok || err != nil || value == nil || json.Unmarshal(value, &s) != nil || !p.o.Now().Before(s.Expires) {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		fail(w, http.StatusUnauthorized, "invalid_token", "the token is not known or has expired")
		return
	}
	writeJSON(w, http.StatusOK, claimsOf(s.Person, s.Scopes))
}

func fail(w http.ResponseWriter, status int, code, why string) {
	writeJSON(w, status, struct {
		Error string `json:"error"`
		Why   string `json:"error_description"`
	}{code, why})
}
