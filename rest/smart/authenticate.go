package smart

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	maxAssertion  = 16 << 10
)

// signedBy are the algorithms of assertions, as SMART has them. That none and the HMACs are not among them is what keeps a public
// key from being used as a secret. https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html
var signedBy = []jose.SignatureAlgorithm{jose.RS384, jose.ES384}

var errClient = refuse("invalid_client", "the client is not known, not approved, or did not prove that it is itself")

// authenticate finds out which client asks. A public client only names itself; all others prove that they are themselves, in the one way
// that they are registered for.
func (s *Service) authenticate(ctx context.Context, r *http.Request, form url.Values) (*Client, error) {
	id, secret, basic := r.BasicAuth()
	assertion := form.Get("client_assertion")
	ways := 0
	for _, used := range []bool{basic, form.Get("client_secret") != "", assertion != ""} {
		if used {
			ways++
		}
	}
	if ways > 1 {
		return nil, refuse("invalid_request", "prove who the client is in one way, not in several")
	}
	switch {
	case basic:
		var bad1, bad2 error
		id, bad1 = url.QueryUnescape(id)
		secret, bad2 = url.QueryUnescape(secret)
		if bad1 != nil || bad2 != nil || form.Get("client_id") != "" && form.Get("client_id") != id {
			return nil, errClient
		}
	case assertion != "":
		return s.byAssertion(ctx, form, assertion)
	default:
		id, secret = form.Get("client_id"), form.Get("client_secret")
		if id == "" && secret == "" && form.Get("grant_type") == "refresh_token" {
			// SMART does not have public apps name themselves when they refresh; the token says whose it is.
			var held refresh
			if _, err := s.get(ctx, kindRefresh, hashed(form.Get("refresh_token")), &held); err != nil {
				return nil, err
			}
			if id = held.Client; id == "" {
				return nil, errRefresh
			}
		}
	}
	c, err := s.approved(ctx, id)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Kind == Public && secret == "", c.Kind == Secret && c.hasSecret(secret):
		return c, nil
	}
	return nil, errClient
}

// approved is a client that may ask for something.
func (s *Service) approved(ctx context.Context, id string) (*Client, error) {
	if !fhir.ValidID(id) {
		return nil, errClient
	}
	c, err := s.Client(ctx, id)
	switch {
	case err != nil && fhir.KindOf(err) == fhir.NotFound, err == nil && c.State != Approved:
		return nil, errClient
	case err != nil:
		return nil, err
	}
	return &c, nil
}

// byAssertion authenticates a client by a JWT that it signed. Everything that is wrong with it gets the same answer, with a word for
// the developer about what; nothing of that helps somebody without the key.
func (s *Service) byAssertion(ctx context.Context, form url.Values, text string) (*Client, error) {
	bad := func(why string) (*Client, error) { return nil, refuse("invalid_client", "the client assertion "+why) }
	if form.Get("client_assertion_type") != assertionType {
		return bad("has not the type " + assertionType)
	}
	if len(text) > maxAssertion {
		return bad("is too long")
	}
	token, err := jwt.ParseSigned(text, signedBy)
	if err != nil || len(token.Headers) != 1 {
		return bad("is no JWT signed by RS384 or ES384")
	}
	var claims jwt.Claims
	if err := token.UnsafeClaimsWithoutVerification(&claims); err != nil { // only to know whose key to check it by
		return bad("cannot be read")
	}
	id := claims.Issuer
	if id == "" || claims.Subject != id || form.Get("client_id") != "" && form.Get("client_id") != id {
		return bad("must name the client as iss and as sub")
	}
	c, err := s.approved(ctx, id)
	if err != nil {
		return nil, err
	}
	if c.Kind != Key && c.Kind != Backend {
		return nil, errClient
	}
	head := token.Headers[0]
	if head.KeyID == "" {
		return bad("names no key (kid)")
	}
	key, err := s.keyOf(ctx, c, head.KeyID, head.Algorithm)
	if err != nil {
		return nil, err
	}
	claims = jwt.Claims{}
	if err := token.Claims(key, &claims); err != nil {
		return bad("is not signed by the key it names")
	}
	now := s.Now()
	switch {
	case !slices.Contains(claims.Audience, s.tokenURL()):
		return bad("is for somebody else: aud must be " + s.tokenURL())
	case claims.Expiry == nil || !now.Before(claims.Expiry.Time().Add(skew)):
		return bad("is over (exp)")
	case claims.Expiry.Time().After(now.Add(assertionLife + skew)):
		return bad("is good for longer than five minutes (exp)")
	case claims.NotBefore != nil && claims.NotBefore.Time().After(now.Add(skew)), claims.IssuedAt != nil && claims.IssuedAt.Time().After(now.Add(skew)):
		return bad("is of a time to come (nbf, iat)")
	case claims.ID == "" || len(claims.ID) > 500:
		return bad("has no jti")
	}
	used := id + " " + hashed(claims.ID)
	err = s.swap(ctx, self, []record.BoxItem{absent(kindJTI, used)}, item(kindJTI, used, expiring{claims.Expiry.Time().Add(2 * skew)}))
	if err != nil && fhir.KindOf(err) == fhir.Conflict {
		return bad("was used before (jti)")
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// validKeys checks what a client registers as its keys.
func validKeys(c *Client) error {
	wrong := func(format string, args ...any) error { return fhir.Errorf(fhir.Invalid, format, args...).At("keys") }
	signs := c.Kind == Key || c.Kind == Backend
	switch {
	case !signs && (c.JWKS != nil || c.JWKSURI != ""):
		return wrong("a client of kind %s has no keys", c.Kind)
	case !signs:
		return nil
	case (c.JWKS == nil) == (c.JWKSURI == ""):
		return wrong("give its public keys (JWKS) or the address where they are found, one of the two")
	case c.JWKSURI != "":
		u, err := url.Parse(c.JWKSURI)
		if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && loopbackHost(u.Hostname())) {
			return wrong("the address %q of its keys is not one of https", c.JWKSURI)
		}
		return nil
	}
	if len(c.JWKS) > maxForm {
		return wrong("its keys take more than %d bytes", maxForm)
	}
	set, err := readJWKS(c.JWKS)
	if err != nil {
		return wrong("its keys cannot be used: %w", err)
	}
	if len(set) == 0 {
		return wrong("among its keys is none for RS384 or ES384 with a kid")
	}
	return nil
}

// readJWKS reads the keys of a set that can sign an assertion. Other keys are passed over, as RFC 7517 (section 5) has it; a private
// key is refused, because whoever sent it has given it away.
func readJWKS(data []byte) ([]jose.JSONWebKey, error) {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "this is no JSON Web Key Set")
	}
	var out []jose.JSONWebKey
	for _, one := range raw.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(one) != nil || !k.Valid() {
			continue
		}
		if !k.IsPublic() {
			return nil, fhir.Errorf(fhir.Invalid, "the key %q is a private key or a secret: it must never be given to others, and be replaced", k.KeyID)
		}
		if key, isRSA := k.Key.(*rsa.PublicKey); isRSA && key.N.BitLen() < 2048 {
			continue
		}
		if k.KeyID == "" || k.Use != "" && k.Use != "sig" {
			continue
		}
		if k.Algorithm == "" || slices.Contains(signedBy, jose.SignatureAlgorithm(k.Algorithm)) {
			out = append(out, k)
		}
	}
	return out, nil
}

// keyOf is the key of a client by its id, for an algorithm.
func (s *Service) keyOf(ctx context.Context, c *Client, kid, alg string) (*jose.JSONWebKey, error) {
	pick := func(set []jose.JSONWebKey) *jose.JSONWebKey {
		for i := range set {
			if set[i].KeyID == kid && (set[i].Algorithm == "" || set[i].Algorithm == alg) {
				return &set[i]
			}
		}
		return nil
	}
	unknown := refuse("invalid_client", "the client assertion names a key that the client does not have for that algorithm")
	if c.JWKS != nil {
		set, err := readJWKS(c.JWKS)
		if key := pick(set); err == nil && key != nil {
			return key, nil
		}
		return nil, unknown
	}
	set, fetched := s.jwks.get(c.ID, c.JWKSURI)
	key := pick(set)
	// A key that is not there may be new, so it is looked for again, but not more often than every half minute.
	if age := s.Now().Sub(fetched); key != nil && age < 5*time.Minute || key == nil && age < 30*time.Second {
		if key == nil {
			return nil, unknown
		}
		return key, nil
	}
	set, err := s.fetchKeys(ctx, c.JWKSURI)
	s.jwks.put(c.ID, c.JWKSURI, set, s.Now())
	if err != nil {
		return nil, refuse("invalid_client", "the keys of the client could not be read from "+c.JWKSURI)
	}
	if key := pick(set); key != nil {
		return key, nil
	}
	return nil, unknown
}

func (s *Service) fetchKeys(ctx context.Context, address string) ([]jose.JSONWebKey, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	q.Header.Set("Accept", "application/json")
	res, err := s.HTTP.Do(q)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := readAtMost(res.Body, maxForm)
	if err != nil || res.StatusCode != http.StatusOK {
		return nil, fhir.Errorf(fhir.Busy, "%s answers %s", address, strings.TrimSpace(res.Status))
	}
	return readJWKS(body)
}
