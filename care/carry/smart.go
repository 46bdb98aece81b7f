package carry

import (
	"encoding/base64"
	"encoding/json"

	"github.com/go-jose/go-jose/v4"

	"github.com/kith-care/kith/fhir"
)

// seal encrypts as SMART Health Links ask: JWE, direct encryption, A256GCM. https://docs.smarthealthit.org/smart-health-links/spec#encrypting-and-decrypting-files
func seal(content, key []byte) (string, error) {
	e, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: key}, (&jose.EncrypterOptions{Compression: jose.DEFLATE}).WithContentType("application/fhir+json"))
	if err != nil {
		return "", fhir.Errorf(fhir.Broken, "the summary cannot be encrypted: %w", err)
	}
	sealed, err := e.Encrypt(content)
	if err != nil {
		return "", fhir.Errorf(fhir.Broken, "the summary cannot be encrypted: %w", err)
	}
	return sealed.CompactSerialize()
}

func unseal(sealed string, key []byte) ([]byte, error) {
	o, err := jose.ParseEncryptedCompact(sealed, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return nil, fhir.Errorf(fhir.Broken, "what a link leads to cannot be read: %w", err)
	}
	out, err := o.Decrypt(key)
	if err != nil {
		return nil, fhir.Errorf(fhir.NotFound, "this link leads to nothing")
	}
	return out, nil
}

// payload is what a SMART Health Link says. https://docs.smarthealthit.org/smart-health-links/spec#construct-a-smart-health-link-payload
type payload struct {
	URL   string `json:"url"`
	Key   string `json:"key"`
	Exp   int64  `json:"exp"`
	Flag  string `json:"flag,omitempty"`
	Label string `json:"label,omitempty"`
	V     int    `json:"v"`
}

// Address is the address of a link: a page for people, and after the # the SMART Health Link for programs.
func (s *Service) Address(token string, link *Link) (page, smart string, err error) {
	p := payload{URL: s.Base + "/shared/" + link.ID + "/manifest", Key: token, Exp: link.Until.Unix(), Label: link.Label, V: 1}
	if link.Coded {
		p.Flag = "P"
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return "", "", err
	}
	return s.Base + "/shared/" + token, "shlink:/" + base64.RawURLEncoding.EncodeToString(raw), nil
}
