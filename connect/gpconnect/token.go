package gpconnect

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
)

// Requester is who asks: the system, the organisation and the person. The JWT of every request carries them.
type Requester struct {
	Issuer       string // address of the asking system
	Device       string // what it is called
	Version      string
	Model        string
	Organization string // name
	ODS          string
	UserID       string // in the asking system
	SDSUserID    string // of the Spine's directory; UNK where there is none
	SDSRole      string // role profile id; UNK where there is none
	JobRole      string // SDS job role code, such as R8000
	Family       string
	Given        string
	Prefix       string
}

// tokenLife is how long a token may be used. https://developer.nhs.uk/apis/gpconnect-1-6-0/integration_cross_organisation_audit_and_provenance.html
const tokenLife = 5 * time.Minute

type claims struct {
	Issuer       string          `json:"iss"`
	Subject      string          `json:"sub"`
	Audience     string          `json:"aud"`
	Expires      int64           `json:"exp"`
	Issued       int64           `json:"iat"`
	Reason       string          `json:"reason_for_request"`
	Scope        string          `json:"requested_scope"`
	Device       json.RawMessage `json:"requesting_device"`
	Organization json.RawMessage `json:"requesting_organization"`
	Practitioner json.RawMessage `json:"requesting_practitioner"`
}

// token makes the JWT of a request. GP Connect's tokens are not signed, since the Spine vouches for the connection; with a key it is
// signed by RS256.
func (r Requester) token(audience, scope string, now time.Time, key *rsa.PrivateKey) (string, error) {
	unknown := func(s string) string {
		if s == "" {
			return "UNK"
		}
		return s
	}
	practitioner := object(word("resourceType", "Practitioner"), word("id", unknown(r.UserID)),
		has("identifier", list(
			object(word("system", "https://fhir.nhs.uk/Id/sds-user-id"), word("value", unknown(r.SDSUserID))),
			object(word("system", "https://fhir.nhs.uk/Id/sds-role-profile-id"), word("value", unknown(r.SDSRole))),
			object(word("system", r.Issuer+"/user-id"), word("value", unknown(r.UserID))))),
		has("name", list(object(word("family", r.Family), has("given", list(str(r.Given))), has("prefix", list(str(r.Prefix)))))))
	if r.JobRole != "" {
		practitioner.put("practitionerRole", list(object(has("role", concept(stu3NHS+"CodeSystem/CareConnect-SDSJobRoleName-1", r.JobRole, "")))))
	}
	c := claims{Issuer: r.Issuer, Subject: unknown(r.UserID), Audience: audience, Issued: now.Unix(), Expires: now.Add(tokenLife).Unix(), Reason: "directcare", Scope: scope,
		Device:       object(word("resourceType", "Device"), has("identifier", list(object(word("system", r.Issuer+"/device"), word("value", unknown(r.Device))))), word("model", unknown(r.Model)), word("version", unknown(r.Version))).append(nil),
		Organization: object(word("resourceType", "Organization"), has("identifier", list(object(word("system", odsCode), word("value", r.ODS)))), word("name", r.Organization)).append(nil),
		Practitioner: practitioner.append(nil)}
	body, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	head := `{"alg":"none","typ":"JWT"}`
	if key != nil {
		head = `{"alg":"RS256","typ":"JWT"}`
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(head)) + "." + base64.RawURLEncoding.EncodeToString(body)
	if key == nil {
		return text + ".", nil
	}
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// caller is who asks us, as their token says.
type caller struct {
	actor access.Actor
	ods   string
	scope string
}

// clockSkew is how far another system's clock may be off.
const clockSkew = time.Minute

// readToken checks a JWT and takes from it who asks. With keys, it must be signed by the one of its issuer.
func readToken(token, audience string, now time.Time, keys map[string]*rsa.PublicKey) (*caller, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, fhir.Errorf(fhir.Invalid, "the JWT has %d parts, not 3", len(parts))
	}
	var raw [3][]byte
	for i, p := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.DecodeString(strings.TrimRight(p, "=")); err != nil {
			return nil, fhir.Errorf(fhir.Invalid, "part %d of the JWT is not base64url", i+1)
		}
	}
	var head struct {
		Alg string `json:"alg"`
	}
	var c claims
	if json.Unmarshal(raw[0], &head) != nil || json.Unmarshal(raw[1], &c) != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the JWT is not JSON")
	}
	if keys != nil {
		key := keys[c.Issuer]
		sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		if key == nil || head.Alg != "RS256" || rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw[2]) != nil {
			return nil, fhir.Errorf(fhir.Forbidden, "the JWT is not signed by a system known here")
		}
	}
	switch {
	case c.Issuer == "" || c.Subject == "" || c.Audience == "":
		return nil, fhir.Errorf(fhir.Invalid, "the JWT lacks iss, sub or aud")
	case audience != "" && strings.TrimRight(c.Audience, "/") != strings.TrimRight(audience, "/"):
		return nil, fhir.Errorf(fhir.Invalid, "the JWT is for %s, not for %s", c.Audience, audience)
	case c.Expires <= c.Issued || c.Issued < c.Expires-int64(tokenLife/time.Second): // their difference may be more than a number holds
		return nil, fhir.Errorf(fhir.Invalid, "the JWT lasts from %d to %d: it must last 300 seconds at most", c.Issued, c.Expires)
	case now.After(time.Unix(c.Expires, 0).Add(clockSkew)):
		return nil, fhir.Errorf(fhir.Invalid, "the JWT has expired")
	case time.Unix(c.Issued, 0).After(now.Add(clockSkew)):
		return nil, fhir.Errorf(fhir.Invalid, "the JWT is from the future")
	case c.Reason != "directcare":
		return nil, fhir.Errorf(fhir.Forbidden, "reason_for_request is %q: only directcare is served", c.Reason)
	}
	return c.caller()
}

func (c *claims) caller() (*caller, error) {
	who, err := claimed("requesting_practitioner", "Practitioner", c.Practitioner)
	if err != nil {
		return nil, err
	}
	if id := who.text("id"); id != c.Subject {
		return nil, fhir.Errorf(fhir.Invalid, "sub of the JWT is %q, but its requesting_practitioner is %q", c.Subject, id)
	}
	org, err := claimed("requesting_organization", "Organization", c.Organization)
	if err != nil {
		return nil, err
	}
	if _, err := claimed("requesting_device", "Device", c.Device); err != nil {
		return nil, err
	}
	out := &caller{scope: c.Scope, actor: access.Actor{ID: c.Issuer + "/" + c.Subject, Role: "system", Purpose: "TREAT"}}
	for _, id := range org.get("identifier").items() {
		if id.text("system") == odsCode {
			out.ods = id.text("value")
		}
	}
	if out.ods == "" {
		return nil, fhir.Errorf(fhir.Invalid, "requesting_organization has no ODS code")
	}
	out.actor.Organization = out.ods
	for _, id := range who.get("identifier").items() {
		if v := id.text("value"); id.text("system") == "https://fhir.nhs.uk/Id/sds-user-id" && v != "" && v != "UNK" {
			out.actor.ID = id.text("system") + "|" + v
		}
	}
	name := who.get("name").first()
	words := []string{name.text("prefix"), name.get("given").first().text(), name.text("family")}
	if p := name.get("prefix").first(); p != nil {
		words[0] = p.text()
	}
	out.actor.Name = strings.Join(strings.Fields(strings.Join(words, " ")), " ")
	if org := org.text("name"); org != "" {
		out.actor.Name += " (" + org + ", " + out.ods + ")"
	} else {
		out.actor.Name += " (" + out.ods + ")"
	}
	return out, nil
}

func claimed(name, typ string, raw json.RawMessage) (*node, error) {
	res, err := fhir.Parse(bytes.TrimSpace(raw))
	if err != nil || res.Type() != typ {
		return nil, fhir.Errorf(fhir.Invalid, "%s of the JWT is no %s", name, typ)
	}
	return treeOf(res.Root()), nil
}
