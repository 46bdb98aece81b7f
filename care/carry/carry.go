// Package carry is what people take away of their record: a summary that any hospital in the world can read, a link to it that ends by itself, and a signed
// certificate of their vaccinations.
//
// The summary (summary.go) is an International Patient Summary: a FHIR document. https://hl7.org/fhir/uv/ips/STU1.1/
// A link (link.go) leads to a summary as it was when the link was made. It is kept encrypted; the key is in the link alone, so that whoever has the database
// has no summary. Programs read it as a SMART Health Link. https://docs.smarthealthit.org/smart-health-links/spec
// The certificate (card.go) is a SMART Health Card, which anybody can check by the keys at /.well-known/jwks.json. https://spec.smarthealth.cards/
//
// What goes into any of them is handed in by whoever asks, as the record showed it to them: nothing here looks into a record, so nothing here can show more.
package carry

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/secret"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Options are how the room is opened. Door and Base must be set.
type Options struct {
	Door    *record.Door
	Base    string         // the address of the server as others see it, without /fhir and without a last slash
	Name    string         // whose record it is: the author of summaries
	Secrets *secret.Keeper // keeps the signing key encrypted; nil keeps it as it is
	Now     func() time.Time
}

// Service makes summaries, links and certificates.
type Service struct {
	Options
	box record.Box
	key jose.JSONWebKey
}

// me is this part of the program.
var me = access.Actor{ID: "kith/carry", Name: "Links and certificates", Role: access.Kith, Purpose: "PATRQT"}

// Room is the name of the box in which links and the signing key stand.
const Room = "carry"

const (
	kindKey  = "key"
	kindLink = "link" // by id
	kindOf   = "of"   // PATIENT/id, to find the links of a person
	keyName  = "card"
)

// Open makes the room ready; the key that signs certificates is made where there is none. Of several processes that make one at the same time, one wins.
func Open(ctx context.Context, o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Base = strings.TrimSuffix(o.Base, "/")
	s := &Service{Options: o, box: o.Door.Box(Room)}
	// A key that is there is only read: a place whose disk is full still serves what it has.
	have, err := s.box.Get(ctx, kindKey, keyName)
	if err != nil {
		return nil, err
	}
	if have != nil {
		return s, s.readKey(have)
	}
	made, err := newKey()
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(made)
	if err != nil {
		return nil, err
	}
	err = s.box.Decide(ctx, func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
		have, err := read(kindKey, keyName)
		if err != nil {
			return record.Noted{}, err
		}
		if have != nil { // another process was first
			return record.Noted{}, s.readKey(have)
		}
		s.key = made
		return record.Noted{Items: []record.BoxItem{{Kind: kindKey, Key: keyName, Value: s.Secrets.Keep("carry/"+keyName, raw)}}}, nil
	})
	return s, err
}

// readKey opens the key of certificates.
func (s *Service) readKey(sealed []byte) error {
	raw, err := s.Secrets.Read("carry/"+keyName, sealed)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &s.key); err != nil {
		return fhir.Errorf(fhir.Broken, "the key of certificates cannot be read: %w", err)
	}
	return nil
}

// newKey makes an ES256 key that is named by its thumbprint, as SMART Health Cards ask. https://spec.smarthealth.cards/#generating-and-resolving-cryptographic-keys
func newKey() (jose.JSONWebKey, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return jose.JSONWebKey{}, fhir.Errorf(fhir.Broken, "no signing key could be made: %w", err)
	}
	key := jose.JSONWebKey{Key: private, Algorithm: string(jose.ES256), Use: "sig"}
	public := key.Public()
	print, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return jose.JSONWebKey{}, fhir.Errorf(fhir.Broken, "the signing key has no thumbprint: %w", err)
	}
	key.KeyID = base64.RawURLEncoding.EncodeToString(print)
	return key, nil
}

// Keys are the public keys by which certificates are checked, for /.well-known/jwks.json.
func (s *Service) Keys() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.key.Public()}}
}

func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
