package signin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// mostPasskeys bounds what one account keeps, mostBody what a browser sends of one.
const (
	mostPasskeys = 20
	mostBody     = 64 << 10
)

// freshFor is how long after signing in somebody may change their ways in without signing in again.
const freshFor = 30 * time.Minute

// relyingParty is us, for authenticators. Every passkey must be discoverable, so that signing in needs no name, and must have made sure of
// its user, so that a lost telephone opens nothing. https://www.w3.org/TR/webauthn-3/
func relyingParty(o Options) (*webauthn.WebAuthn, error) {
	origin, err := url.Parse(o.Origin)
	if err != nil {
		return nil, err
	}
	return webauthn.New(&webauthn.Config{
		RPID: origin.Hostname(), RPDisplayName: o.Name, RPOrigins: []string{o.Origin},
		AttestationPreference:  protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired},
	})
}

// owner is an account as authenticators know it.
type owner struct{ a *Account }

// WebAuthnID is the account's id: chance, so that it says nothing of its owner.
func (o owner) WebAuthnID() []byte { return []byte(o.a.ID) }

// WebAuthnName is shown where one chooses between passkeys.
func (o owner) WebAuthnName() string { return o.a.Name }

// WebAuthnDisplayName is the same.
func (o owner) WebAuthnDisplayName() string { return o.a.Name }

// WebAuthnCredentials are the passkeys that sign in.
func (o owner) WebAuthnCredentials() []webauthn.Credential {
	out := make([]webauthn.Credential, len(o.a.Passkeys))
	for i, p := range o.a.Passkeys {
		out[i] = p.Credential
	}
	return out
}

// ceremony is the step of a passkey.
type ceremony struct {
	Session webauthn.SessionData
	Account string // of registration
	To      string // of sign-in
}

// BeginPasskey answers what a browser asks an authenticator to sign in, as JSON; the rest goes along in a cookie.
func (s *Service) BeginPasskey(w http.ResponseWriter, to string) ([]byte, error) {
	options, session, err := s.web.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, err
	}
	return s.beginCeremony(w, "passkey", options, ceremony{Session: *session, To: to})
}

func (s *Service) beginCeremony(w http.ResponseWriter, purpose string, options any, c ceremony) ([]byte, error) {
	sealed, err := s.sealStep(purpose, c)
	if err != nil {
		return nil, err
	}
	s.setStep(w, purpose, sealed)
	return json.Marshal(options)
}

var errPasskey = fhir.Errorf(fhir.Forbidden, "this passkey does not sign in here: it may have been removed, or it belongs to another place")

// FinishPasskey signs in with what the authenticator answered.
func (s *Service) FinishPasskey(ctx context.Context, w http.ResponseWriter, r *http.Request) (*SignedIn, error) {
	var c ceremony
	st, err := s.openStep("passkey", s.takeStep(w, r, "passkey"), &c)
	if err != nil {
		return nil, err
	}
	answer, err := protocol.ParseCredentialRequestResponseBody(io.LimitReader(r.Body, mostBody))
	if err != nil {
		return nil, s.passkeyFailed(ctx, r, "", "its answer could not be read")
	}
	id := string(answer.Response.UserHandle)
	if !validID(id) {
		return nil, s.passkeyFailed(ctx, r, "", "it names no account")
	}
	var in *SignedIn
	var refusal string
	err = s.box.Decide(ctx, func(read reader) (record.Noted, error) {
		in, refusal = nil, ""
		used, err := useUp(read, st)
		if err != nil {
			return record.Noted{}, err
		}
		a, err := readAccount(read, id)
		if err != nil {
			if fhir.KindOf(err) == fhir.NotFound {
				refusal = "there is no such account"
				return record.Noted{}, nil
			}
			return record.Noted{}, err
		}
		_, credential, err := s.web.ValidatePasskeyLogin(func(rawID, handle []byte) (webauthn.User, error) { return owner{a}, nil }, c.Session, answer)
		if err != nil {
			refusal = "it was not accepted: " + detail(err)
			return record.Noted{}, nil
		}
		if a.Ended != nil {
			refusal = "the account was ended"
			return record.Noted{}, nil
		}
		if credential.Authenticator.CloneWarning {
			refusal = "its counter went back: there may be a copy of it"
			return record.Noted{}, nil
		}
		name := ""
		for i := range a.Passkeys {
			if p := &a.Passkeys[i]; string(p.Credential.ID) == string(credential.ID) {
				now := s.o.Now().UTC()
				p.Credential, p.Used, name = *credential, &now, p.Name
			}
		}
		var items []record.BoxItem
		if in, items, err = s.begin(read, r, a, "passkey"); err != nil {
			return record.Noted{}, err
		}
		return record.Noted{Items: append(items, used), Who: in.Actor, Action: access.Create, What: "sign-in by passkey " + name + " to account/" + a.ID}, nil
	})
	if err != nil {
		return nil, err
	}
	if refusal != "" {
		return nil, s.passkeyFailed(ctx, r, id, refusal)
	}
	in.To = c.To
	s.settle(in)
	return in, nil
}

// detail is what the library says was wrong, for the audit.
func detail(err error) string {
	var e *protocol.Error
	if errors.As(err, &e) {
		return e.Details
	}
	return err.Error()
}

func (s *Service) passkeyFailed(ctx context.Context, r *http.Request, id, why string) error {
	what := "sign-in by passkey"
	if id != "" {
		what += " to account/" + id
	}
	if err := s.box.Note(ctx, stranger(s.From(r)), access.Create, what, why); err != nil {
		return err
	}
	return errPasskey
}

// Fresh reports whether somebody has signed in so lately that they may change their ways in.
func (s *Service) Fresh(se *Session) bool { return s.o.Now().Sub(se.Began) < freshFor }

var errNotFresh = fhir.Errorf(fhir.Conflict, "you signed in a while ago: to change how you sign in, sign in again first")

// BeginRegistration answers what a browser asks an authenticator to make a passkey for the account of the request's session.
func (s *Service) BeginRegistration(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	e, err := s.find(r.Context(), r)
	if err != nil {
		return nil, err
	}
	if !s.Fresh(e.session) {
		return nil, errNotFresh
	}
	if len(e.account.Passkeys) >= mostPasskeys {
		return nil, fhir.Errorf(fhir.Conflict, "you have %d passkeys already: remove one first", mostPasskeys)
	}
	var have []protocol.CredentialDescriptor
	for _, p := range e.account.Passkeys {
		have = append(have, p.Credential.Descriptor())
	}
	options, session, err := s.web.BeginRegistration(owner{e.account}, webauthn.WithExclusions(have))
	if err != nil {
		return nil, err
	}
	return s.beginCeremony(w, "register", options, ceremony{Session: *session, Account: e.account.ID})
}

// FinishRegistration keeps the passkey that an authenticator has made, under a name for its owner.
func (s *Service) FinishRegistration(ctx context.Context, w http.ResponseWriter, r *http.Request, name string) error {
	e, err := s.find(ctx, r)
	if err != nil {
		return err
	}
	var c ceremony
	st, err := s.openStep("register", s.takeStep(w, r, "register"), &c)
	if err != nil {
		return err
	}
	if c.Account != e.account.ID || !s.Fresh(e.session) {
		return errNotFresh
	}
	refused := fhir.Errorf(fhir.Invalid, "the passkey was not made in a way that can be trusted: try again, or with another device")
	answer, err := protocol.ParseCredentialCreationResponseBody(io.LimitReader(r.Body, mostBody))
	if err != nil {
		return refused
	}
	if name = strings.TrimSpace(short(name, 60)); name == "" {
		name = DeviceName(r.UserAgent())
	}
	who := e.actor(s.From(r))
	_, err = s.change(ctx, e.account.ID, func(read reader, a *Account) (record.Noted, error) {
		used, err := useUp(read, st)
		if err != nil {
			return record.Noted{}, err
		}
		if a.Epoch != e.session.Epoch || a.Ended != nil {
			return record.Noted{}, errNoSession("you are not signed in any more")
		}
		if len(a.Passkeys) >= mostPasskeys {
			return record.Noted{}, fhir.Errorf(fhir.Conflict, "you have %d passkeys already: remove one first", mostPasskeys)
		}
		credential, err := s.web.CreateCredential(owner{a}, c.Session, answer)
		if err != nil {
			return record.Noted{}, fhir.Errorf(fhir.Invalid, "%s", refused.Msg)
		}
		key := credentialKey(credential.ID)
		if have, err := read("credential", key); err != nil || have != nil {
			return record.Noted{}, errors.Join(err, fhir.Errorf(fhir.Conflict, "this passkey is in use already"))
		}
		// What the maker of a device says of it is not kept: it is not asked for, and would tell devices apart.
		credential.Attestation = webauthn.CredentialAttestation{}
		a.Passkeys = append(a.Passkeys, Passkey{Name: name, Made: s.o.Now().UTC(), Credential: *credential})
		return record.Noted{Items: []record.BoxItem{used, {Kind: "credential", Key: key, Value: []byte(a.ID)}}, Who: who, Action: access.Update, What: "passkey " + name + " added to account/" + a.ID}, nil
	})
	return err
}

// RemovePasskey removes one of the passkeys of the request's account, named by PasskeyID.
func (s *Service) RemovePasskey(ctx context.Context, r *http.Request, id string) error {
	e, err := s.find(ctx, r)
	if err != nil {
		return err
	}
	if !s.Fresh(e.session) {
		return errNotFresh
	}
	who := e.actor(s.From(r))
	_, err = s.change(ctx, e.account.ID, func(_ reader, a *Account) (record.Noted, error) {
		for i, p := range a.Passkeys {
			if p.ID() == id {
				a.Passkeys = append(a.Passkeys[:i:i], a.Passkeys[i+1:]...)
				return record.Noted{Items: []record.BoxItem{{Kind: "credential", Key: credentialKey(p.Credential.ID)}}, Who: who, Action: access.Update, What: "passkey " + p.Name + " removed from account/" + a.ID}, nil
			}
		}
		return record.Noted{}, fhir.Errorf(fhir.NotFound, "you have no such passkey")
	})
	return err
}

// ID names a passkey on pages.
func (p Passkey) ID() string { return credentialKey(p.Credential.ID)[:16] }

// DeviceName says what sort of device a browser says it is on: what a passkey is called when its owner gives it no name.
func DeviceName(agent string) string {
	for _, d := range [...][2]string{{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android phone"}, {"Windows", "Windows computer"}, {"Macintosh", "Mac"}, {"Linux", "Linux computer"}} {
		if strings.Contains(agent, d[0]) {
			return d[1]
		}
	}
	return "A device"
}

// validID reports whether a text can be the id of an account.
func validID(s string) bool {
	if len(s) != 26 {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}
