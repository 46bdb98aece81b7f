package carry

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// Card is a certificate as whoever checks it reads it.
type Card struct {
	Issuer string
	At     time.Time // from when it holds
	Name   string
	Born   string
	Shots  []Shot
}

// Shot is one vaccination of a certificate.
type Shot struct {
	Vaccine string // in words, "" where it has a code alone
	Code    string // system|code, "" where it has words alone
	On      string
	Batch   string
	By      string
}

// health is the payload of a SMART Health Card. https://spec.smarthealth.cards/#modeling-w3c-verifiable-credentials-in-fhir
type health struct {
	Issuer string  `json:"iss"`
	From   float64 `json:"nbf"`
	VC     struct {
		Type    []string `json:"type"`
		Subject struct {
			Version string          `json:"fhirVersion"`
			Bundle  json.RawMessage `json:"fhirBundle"`
		} `json:"credentialSubject"`
	} `json:"vc"`
}

// longestCard is how many letters a certificate has that fits one QR code which telephones read well.
// https://spec.smarthealth.cards/#chunking
const longestCard = 1195

// Cards signs certificates of vaccinations that were given, as many as are needed for each to fit one QR code, the newest vaccination first. Invalid where none
// of them was given.
func (s *Service) Cards(patient *fhir.Resource, shots []*fhir.Resource) ([]string, error) {
	var given []*r4.Immunization
	for _, res := range shots {
		var x r4.Immunization
		if err := r4.Decode(res, &x); err != nil {
			return nil, err
		}
		if x.Status == "completed" && x.OccurrenceDateTime.Year != 0 && x.VaccineCode != nil {
			given = append(given, &x)
		}
	}
	if given == nil {
		return nil, fhir.Errorf(fhir.Invalid, "there is no vaccination to certify")
	}
	slices.SortStableFunc(given, func(a, b *r4.Immunization) int { return b.OccurrenceDateTime.Low().Compare(a.OccurrenceDateTime.Low()) })
	var out []string
	for len(given) > 0 {
		n := min(len(given), 12)
		for ; ; n-- {
			signed, err := s.card(patient, given[:n])
			if err != nil {
				return nil, err
			}
			if len(signed) <= longestCard || n == 1 {
				out = append(out, signed)
				break
			}
		}
		given = given[n:]
	}
	return out, nil
}

// card signs one certificate.
func (s *Service) card(patient *fhir.Resource, shots []*r4.Immunization) (string, error) {
	var p r4.Patient
	if err := r4.Decode(patient, &p); err != nil {
		return "", err
	}
	who := &r4.Patient{BirthDate: p.BirthDate}
	for _, n := range p.Name {
		if n.Use == "official" || who.Name == nil {
			who.Name = []r4.HumanName{{Family: n.Family, Given: n.Given}}
		}
	}
	bundle := &r4.Bundle{Type: "collection"}
	add := func(x any) error {
		res, err := r4.Resource(x)
		bundle.Entry = append(bundle.Entry, r4.BundleEntry{FullUrl: "resource:" + strconv.Itoa(len(bundle.Entry)), Resource: res})
		return err
	}
	if err := add(who); err != nil {
		return "", err
	}
	for _, x := range shots {
		on := x.OccurrenceDateTime
		on.Clock, on.Zone, on.Zoned = fhir.Clock{}, 0, false
		one := &r4.Immunization{Status: "completed", VaccineCode: &r4.CodeableConcept{}, Patient: &r4.Reference{Reference: "resource:0"}, OccurrenceDateTime: on, LotNumber: x.LotNumber}
		if code, ok := worldly(x.VaccineCode); ok {
			one.VaccineCode.Coding = []r4.Coding{code}
		}
		if one.VaccineCode.Coding == nil || len(shots) < 4 {
			one.VaccineCode.Text = wordsOf(x.VaccineCode)
		}
		for _, by := range x.Performer {
			if by.Actor != nil && by.Actor.Display != "" && one.Performer == nil {
				one.Performer = []r4.ImmunizationPerformer{{Actor: &r4.Reference{Display: by.Actor.Display}}}
			}
		}
		if err := add(one); err != nil {
			return "", err
		}
	}
	h := health{Issuer: s.Base, From: float64(s.Now().Unix())}
	h.VC.Type = []string{"https://smarthealth.cards#health-card", "https://smarthealth.cards#immunization"}
	h.VC.Subject.Version, h.VC.Subject.Bundle = "4.0.1", r4.Encode(bundle)
	raw, err := json.Marshal(h)
	if err != nil {
		return "", err
	}
	var small bytes.Buffer
	z, err := flate.NewWriter(&small, flate.BestCompression)
	if err == nil {
		_, err = z.Write(raw)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return "", fhir.Errorf(fhir.Broken, "the certificate cannot be compressed: %w", err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: s.key}, (&jose.SignerOptions{}).WithHeader("zip", "DEF"))
	if err != nil {
		return "", fhir.Errorf(fhir.Broken, "the key of certificates does not sign: %w", err)
	}
	signed, err := signer.Sign(small.Bytes())
	if err != nil {
		return "", fhir.Errorf(fhir.Broken, "the certificate cannot be signed: %w", err)
	}
	return signed.CompactSerialize()
}

// worldly is the code of a vaccine that is understood elsewhere.
func worldly(c *r4.CodeableConcept) (r4.Coding, bool) {
	for _, coding := range c.Coding {
		if coding.System == "http://snomed.info/sct" || coding.System == "http://hl7.org/fhir/sid/cvx" {
			return r4.Coding{System: coding.System, Code: coding.Code}, true
		}
	}
	return r4.Coding{}, false
}

func wordsOf(c *r4.CodeableConcept) string {
	text := c.Text
	for _, coding := range c.Coding {
		text = cmp.Or(text, coding.Display)
	}
	return cmp.Or(text, "Vaccination")
}

// Numeric writes a certificate as its QR code does: shc:/ and two digits a letter. https://spec.smarthealth.cards/#encoding-chunks-as-qr-codes
func Numeric(signed string) string {
	b := []byte("shc:/")
	for i := range len(signed) {
		n := signed[i] - 45
		b = append(b, '0'+n/10, '0'+n%10)
	}
	return string(b)
}

// fromNumeric is the certificate in what a QR code says.
func fromNumeric(text string) (string, bool) {
	digits, ok := strings.CutPrefix(text, "shc:/")
	if !ok || len(digits)%2 != 0 || strings.Trim(digits, "0123456789") != "" {
		return "", false
	}
	out := make([]byte, 0, len(digits)/2)
	for i := 0; i < len(digits); i += 2 {
		out = append(out, (digits[i]-'0')*10+digits[i+1]-'0'+45)
	}
	return string(out), true
}

// largestCard bounds what a certificate may grow to when it is unpacked.
const largestCard = 256 << 10

// Verify checks a certificate against the keys of its issuer: what a QR code says, the letters of the certificate, or the file that holds it. Invalid with
// a sentence that says why where it is not one that they signed.
func Verify(text string, issuer string, keys jose.JSONWebKeySet, now time.Time) (*Card, error) {
	text = strings.TrimSpace(text)
	var file struct {
		Cards []string `json:"verifiableCredential"`
	}
	if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &file) == nil && len(file.Cards) > 0 {
		text = file.Cards[0]
	}
	if signed, ok := fromNumeric(text); ok {
		text = signed
	}
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "this is no certificate, or not all of one")
	}
	if len(signed.Signatures) != 1 {
		return nil, fhir.Errorf(fhir.Invalid, "this is no certificate")
	}
	var small []byte
	for _, key := range keys.Key(signed.Signatures[0].Header.KeyID) {
		if small, err = signed.Verify(key.Key); err == nil {
			break
		}
	}
	if small == nil {
		return nil, fhir.Errorf(fhir.Invalid, "this was not signed by %s, or was changed since", issuer)
	}
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(small)), largestCard))
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "this certificate cannot be unpacked")
	}
	var h health
	if err := json.Unmarshal(raw, &h); err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "this certificate cannot be read")
	}
	c := &Card{Issuer: h.Issuer, At: time.Unix(int64(h.From), 0)}
	switch {
	case h.Issuer != issuer:
		return nil, fhir.Errorf(fhir.Invalid, "this names another issuer, %s", h.Issuer)
	case c.At.After(now.Add(5 * time.Minute)):
		return nil, fhir.Errorf(fhir.Invalid, "this certificate is not valid yet")
	}
	bundle, err := fhir.Parse(h.VC.Subject.Bundle)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "what this certificate says cannot be read")
	}
	for e := range bundle.Root().Get("entry").Items() {
		switch res := e.Get("resource"); res.Get("resourceType").Text() {
		case "Patient":
			var p r4.Patient
			if err := r4.DecodeValue(res, &p); err == nil && len(p.Name) > 0 {
				c.Name, c.Born = strings.TrimSpace(strings.Join(p.Name[0].Given, " ")+" "+p.Name[0].Family), p.BirthDate.String()
			}
		case "Immunization":
			var x r4.Immunization
			if err := r4.DecodeValue(res, &x); err != nil {
				return nil, fhir.Errorf(fhir.Invalid, "what this certificate says cannot be read")
			}
			shot := Shot{On: x.OccurrenceDateTime.String(), Batch: x.LotNumber}
			if x.VaccineCode != nil {
				shot.Vaccine = x.VaccineCode.Text
				for _, coding := range x.VaccineCode.Coding {
					shot.Vaccine = cmp.Or(shot.Vaccine, coding.Display)
					shot.Code = cmp.Or(shot.Code, coding.System+"|"+coding.Code)
				}
			}
			if len(x.Performer) > 0 && x.Performer[0].Actor != nil {
				shot.By = x.Performer[0].Actor.Display
			}
			c.Shots = append(c.Shots, shot)
		}
	}
	return c, nil
}

// VerifyBy is Verify with the keys as they stand at the issuer's /.well-known/jwks.json.
func VerifyBy(text, issuer string, keys []byte, now time.Time) (*Card, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(keys, &set); err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "these are no keys: %w", err)
	}
	return Verify(text, issuer, set, now)
}

// Verify checks one of our own certificates.
func (s *Service) Verify(text string) (*Card, error) { return Verify(text, s.Base, s.Keys(), s.Now()) }

// File is the certificates as the file that telephones and health apps take, .smart-health-card. https://spec.smarthealth.cards/#via-file-download
func File(cards []string) ([]byte, error) {
	return json.Marshal(struct {
		Cards []string `json:"verifiableCredential"`
	}{cards})
}
