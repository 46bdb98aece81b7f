package smart

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// keyAge is after what time a new key is made. It signs when every process has published it; the one before is published for as long again.
const (
	keyAge    = 90 * 24 * time.Hour
	keyWaits  = 2 * time.Hour // longer than Run takes to notice what another process has made
	keyRetire = 2 * keyAge
)

// keyring is what this server signs with. RS256 is what SMART asks for; ES256 is for clients that prefer it.
type keyring struct {
	signing []ownKey // newest first
	ticket  []byte   // of the tickets of consent screens
}

// ownKey is a key as it is kept.
type ownKey struct {
	JWK  jose.JSONWebKey
	Made time.Time
}

// ticketKey is the id of the key of tickets.
const ticketKey = "ticket"

type ticketSecret struct{ Secret []byte }

// loadKeys reads the keys, and makes those that are missing or have become old. Of several processes that make them at the same
// time one wins.
func (s *Service) loadKeys(ctx context.Context) error {
	for range 5 {
		ring, was, err := s.readKeys(ctx)
		if err != nil {
			return err
		}
		var fresh []record.BoxItem
		for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.ES256} {
			if newest := ring.newest(alg); newest == nil || s.Now().Sub(newest.Made) > keyAge {
				key, err := newKey(alg, s.Now())
				if err != nil {
					return err
				}
				fresh = append(fresh, s.sealed(key.JWK.KeyID, key))
				// Whoever else makes a key of this month makes it under the same name, so that one of them fails.
				was = append(was, absent(kindKey, key.JWK.KeyID))
			}
		}
		for _, k := range ring.signing {
			if s.Now().Sub(k.Made) > keyRetire {
				fresh = append(fresh, absent(kindKey, k.JWK.KeyID))
			}
		}
		if ring.ticket == nil {
			secret := make32()
			fresh = append(fresh, s.sealed(ticketKey, ticketSecret{secret}))
			was = append(was, absent(kindKey, ticketKey))
		}
		if fresh == nil {
			s.keys.Store(ring)
			return nil
		}
		err = s.swap(ctx, self, was, fresh...)
		if err != nil && fhir.KindOf(err) != fhir.Conflict {
			return err
		}
	}
	return fhir.Errorf(fhir.Busy, "the signing keys keep being changed by others")
}

// self is this part of the program as an actor.
var self = access.Actor{ID: "kith/smart", Role: access.Kith, Purpose: "HSYSADMIN"}

func make32() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

// sealed is an item that holds a secret.
func (s *Service) sealed(key string, v any) record.BoxItem {
	it := item(kindKey, key, v)
	it.Value = s.Secrets.Keep(purposeOf(key), it.Value)
	return it
}

// purposeOf is what a key is sealed for.
func purposeOf(key string) string { return "smart/" + key }

func (s *Service) readKeys(ctx context.Context) (*keyring, []record.BoxItem, error) {
	ring := &keyring{}
	var was []record.BoxItem
	err := s.each(ctx, kindKey, "", func(it record.BoxItem) (bool, error) {
		value, err := s.Secrets.Read(purposeOf(it.Key), it.Value)
		if err != nil {
			return false, err
		}
		if it.Key == ticketKey {
			var k ticketSecret
			err := json.Unmarshal(value, &k)
			ring.ticket = k.Secret
			return true, err
		}
		var k ownKey
		if err := json.Unmarshal(value, &k); err != nil {
			return false, fhir.Errorf(fhir.Broken, "the signing key %s cannot be read: %w", it.Key, err)
		}
		ring.signing = append(ring.signing, k)
		was = append(was, it)
		return true, nil
	})
	slices.SortStableFunc(ring.signing, func(a, b ownKey) int { return b.Made.Compare(a.Made) })
	return ring, was, err
}

func (r *keyring) newest(alg jose.SignatureAlgorithm) *ownKey {
	for i := range r.signing {
		if r.signing[i].JWK.Algorithm == string(alg) {
			return &r.signing[i]
		}
	}
	return nil
}

// signs is the key to sign with: the newest that has been published for a while, or what there is.
func (r *keyring) signs(alg jose.SignatureAlgorithm, now time.Time) (key *ownKey) {
	for i := range r.signing {
		if r.signing[i].JWK.Algorithm == string(alg) {
			key = &r.signing[i]
			if now.Sub(key.Made) >= keyWaits {
				break
			}
		}
	}
	return key
}

func newKey(alg jose.SignatureAlgorithm, now time.Time) (ownKey, error) {
	var private any
	var err error
	if alg == jose.RS256 {
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return ownKey{}, fhir.Errorf(fhir.Broken, "no signing key could be made: %w", err)
	}
	id := strings.ToLower(string(alg)) + "-" + now.UTC().Format("2006-01-02")
	return ownKey{jose.JSONWebKey{Key: private, KeyID: id, Algorithm: string(alg), Use: "sig"}, now.UTC()}, nil
}

// publicKeys is the JSON Web Key Set by which others check what we sign.
func (s *Service) publicKeys(w http.ResponseWriter, r *http.Request) {
	var set jose.JSONWebKeySet
	for _, k := range s.keys.Load().signing {
		set.Keys = append(set.Keys, k.JWK.Public())
	}
	s.answer(w, http.StatusOK, set)
}

// idClaims are what an id token says beside the standard claims.
type idClaims struct {
	jwt.Claims
	Nonce    string `json:"nonce,omitempty"`
	FHIRUser string `json:"fhirUser,omitempty"`
	Name     string `json:"name,omitempty"`
	Profile  string `json:"profile,omitempty"`
}

// idToken says who the person is who signed in. https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-identity-data
func (s *Service) idToken(c *Client, g *Grant, scopes []string, now time.Time) (string, error) {
	key := s.keys.Load().signs(jose.SignatureAlgorithm(c.SignedBy), now)
	if key == nil {
		return "", fhir.Errorf(fhir.Broken, "there is no key for %s", c.SignedBy)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(c.SignedBy), Key: key.JWK}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fhir.Errorf(fhir.Broken, "the signing key %s does not sign: %w", key.JWK.KeyID, err)
	}
	claims := idClaims{Claims: jwt.Claims{Issuer: s.Issuer(), Subject: subject(g.Who), Audience: jwt.Audience{c.ID}, IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(s.Access))}, Nonce: g.Nonce}
	if strings.Contains(g.Who.ID, "/") {
		if slices.Contains(scopes, scopeUser) {
			claims.FHIRUser = s.Base + "/" + g.Who.ID
		}
		if slices.Contains(scopes, scopeProfile) {
			claims.Profile = s.Base + "/" + g.Who.ID
		}
	}
	if slices.Contains(scopes, scopeProfile) {
		claims.Name = g.Who.Name
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

// subject names a person to apps, the same one always, without saying who they are.
func subject(who access.Actor) string { return hashed("subject " + who.ID)[:22] }
