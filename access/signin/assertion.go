package signin

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/kith-care/kith/fhir"
)

// assertion is our signature in place of a secret: a token that says who we are, good for one minute.
// https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication
func (p *provider) assertion(audience string) (string, error) {
	text, err := secret(p.Key)
	if err != nil {
		return "", err
	}
	key, algorithm, err := readKey([]byte(text))
	if err != nil {
		return "", err
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	if p.KeyID != "" {
		options = options.WithHeader("kid", p.KeyID)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		return "", fhir.Errorf(fhir.Broken, "provider %s: the key does not sign: %w", p.Name, err)
	}
	now := p.s.o.Now()
	return jwt.Signed(signer).Claims(jwt.Claims{Issuer: p.ClientID, Subject: p.ClientID, Audience: jwt.Audience{audience}, ID: randomID(), IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Minute))}).Serialize()
}

// readKey reads a private key in PEM: RSA signs as RS512, which NHS login asks for, a P-256 key as ES256.
func readKey(text []byte) (crypto.Signer, jose.SignatureAlgorithm, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, "", fhir.Errorf(fhir.Invalid, "the key is not written in PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		if parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
			return nil, "", fhir.Errorf(fhir.Invalid, "the key is neither PKCS #8 nor PKCS #1")
		}
	}
	switch key := parsed.(type) {
	case *rsa.PrivateKey:
		return key, jose.RS512, nil
	case *ecdsa.PrivateKey:
		if key.Curve.Params().BitSize == 256 {
			return key, jose.ES256, nil
		}
	}
	return nil, "", fhir.Errorf(fhir.Invalid, "the key is neither RSA nor P-256")
}
