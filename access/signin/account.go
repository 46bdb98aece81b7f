package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Kind is what somebody signs in as.
type Kind string

// The kinds of account. Somebody who is both has two.
const (
	Patient Kind = "patient"
	Staff   Kind = "staff"
)

// Account is one person who can sign in.
type Account struct {
	ID           string
	Kind         Kind
	Name         string
	Born         string       `json:",omitempty"` // 1945-07-14; asked with a one-use code
	Patient      string       `json:",omitempty"` // id of their Patient in the record
	Level        access.Level `json:",omitempty"` // of patients: how well it is known who they are
	Why          string       `json:",omitempty"` // how the level was reached, or why it is no higher, for the person to read
	Practitioner string       `json:",omitempty"` // of staff: Practitioner/…
	Roles        []Role       `json:",omitempty"` // of staff
	Subjects     []Subject    `json:",omitempty"` // who they are for providers of OpenID Connect
	Passkeys     []Passkey    `json:",omitempty"`
	Code         *Code        `json:",omitempty"` // the one code that can be used now
	Epoch        int          `json:",omitempty"` // sessions of an earlier one are over
	Made         time.Time
	Ended        *time.Time `json:",omitempty"` // nobody signs in any more
}

// Role is one role in one organisation.
type Role struct {
	Role         string // of the policy: clinician, receptionist, …
	Organization string // ODS code
	Name         string `json:",omitempty"` // of the organisation or the post, for people to read
	Issuer       string `json:",omitempty"` // the provider that says so, "" where an operator does
}

// Subject is who somebody is for a provider.
type Subject struct {
	Provider, Issuer, Subject string
	Since                     time.Time
}

// Passkey is a credential of WebAuthn, with the name its owner knows it by.
type Passkey struct {
	Name       string
	Made       time.Time
	Used       *time.Time `json:",omitempty"`
	Credential webauthn.Credential
}

// staffRoles are the words that StaffRoles gives out.
var staffRoles = []string{"clinician", "nurse", "pharmacist", "socialworker", "careworker", "receptionist", "administrator", "manager", "privacy", "operator", "analyst", "researcher"}

// StaffRoles are the roles that an account of staff can have, in the words of the policy.
func StaffRoles() []string { return slices.Clone(staffRoles) }

// NewAccount is what must be known to make an account.
type NewAccount struct {
	Kind         Kind
	Name, Born   string
	Patient      string
	Level        access.Level
	Why          string
	Practitioner string
	Roles        []Role
}

func (n NewAccount) check() error {
	if strings.TrimSpace(n.Name) == "" || len(n.Name) > 200 {
		return fhir.Errorf(fhir.Invalid, "an account needs the name of its owner, of at most 200 letters")
	}
	if n.Born != "" {
		if _, err := time.Parse(time.DateOnly, n.Born); err != nil {
			return fhir.Errorf(fhir.Invalid, "the date of birth %q is not written like 1945-07-14", n.Born)
		}
	}
	switch n.Kind {
	case Patient:
		if len(n.Roles) > 0 || n.Practitioner != "" {
			return fhir.Errorf(fhir.Invalid, "a patient has no roles: whoever also works here has a second account")
		}
		if n.Level != access.P0 && n.Level != access.P5 && n.Level != access.P9 {
			return fhir.Errorf(fhir.Invalid, "the level is 0, 5 or 9, not %d", n.Level)
		}
		if n.Level == access.P9 && n.Patient == "" {
			return fhir.Errorf(fhir.Invalid, "level P9 needs the Patient whom the account belongs to")
		}
	case Staff:
		if n.Patient != "" || n.Level != 0 {
			return fhir.Errorf(fhir.Invalid, "staff have no Patient and no level: whoever is also a patient has a second account")
		}
		if len(n.Roles) == 0 {
			return fhir.Errorf(fhir.Invalid, "staff need at least one role in an organisation")
		}
	default:
		return fhir.Errorf(fhir.Invalid, "an account is of a patient or of staff, not %q", n.Kind)
	}
	return checkRoles(n.Roles)
}

func checkRoles(roles []Role) error {
	for _, r := range roles {
		if !slices.Contains(staffRoles, r.Role) {
			return fhir.Errorf(fhir.Invalid, "there is no role %q; there are: %s", r.Role, strings.Join(staffRoles, ", "))
		}
		if !validODS(r.Organization) {
			return fhir.Errorf(fhir.Invalid, "%q is no ODS code of an organisation", r.Organization)
		}
	}
	return nil
}

// validODS reports whether a text can be an ODS code: 3 to 12 capital letters and digits.
func validODS(s string) bool {
	if len(s) < 3 || len(s) > 12 {
		return false
	}
	for _, c := range s {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// Add makes an account. A Patient has one account at most.
func (s *Service) Add(ctx context.Context, by access.Actor, n NewAccount) (*Account, error) {
	if err := n.check(); err != nil {
		return nil, err
	}
	if n.Patient != "" {
		if _, err := s.o.Door.Get(ctx, by, "Patient", n.Patient); err != nil {
			return nil, err
		}
	}
	var a *Account
	err := s.box.Decide(ctx, func(read reader) (record.Noted, error) {
		var err error
		var items []record.BoxItem
		a, items, err = s.newAccount(read, n)
		return record.Noted{Items: items, Who: by, Action: access.Create, What: "account of " + n.describe() + idOf(a)}, err
	})
	return a, err
}

func idOf(a *Account) string {
	if a == nil {
		return ""
	}
	return " (account/" + a.ID + ")"
}

func (n NewAccount) describe() string {
	if n.Kind == Patient {
		if n.Patient == "" {
			return "a patient"
		}
		return "Patient/" + n.Patient
	}
	return "staff " + n.Name
}

// newAccount makes an account inside a transaction.
func (s *Service) newAccount(read reader, n NewAccount) (*Account, []record.BoxItem, error) {
	a := &Account{ID: randomID(), Kind: n.Kind, Name: strings.TrimSpace(n.Name), Born: n.Born, Patient: n.Patient, Level: n.Level, Why: n.Why, Practitioner: n.Practitioner, Roles: n.Roles, Made: s.o.Now().UTC()}
	var items []record.BoxItem
	if n.Patient != "" {
		have, err := read("patient", n.Patient)
		if err != nil {
			return nil, nil, err
		}
		if have != nil {
			return nil, nil, fhir.Errorf(fhir.Conflict, "Patient/%s has an account already: %s", n.Patient, have)
		}
		items = append(items, record.BoxItem{Kind: "patient", Key: n.Patient, Value: []byte(a.ID)})
	}
	item, err := a.item()
	return a, append(items, item), err
}

// reader reads an item of the box inside a transaction.
type reader = func(kind, key string) ([]byte, error)

func (a *Account) item() (record.BoxItem, error) {
	value, err := json.Marshal(a)
	return record.BoxItem{Kind: "account", Key: a.ID, Value: value}, err
}

// readAccount reads an account; NotFound where there is none.
func readAccount(read reader, id string) (*Account, error) {
	value, err := read("account", id)
	if err != nil {
		return nil, err
	}
	if value == nil {
		return nil, fhir.Errorf(fhir.NotFound, "there is no account %s", id)
	}
	var a Account
	if err := json.Unmarshal(value, &a); err != nil {
		return nil, fhir.Errorf(fhir.Broken, "account %s is damaged: %w", id, err)
	}
	return &a, nil
}

// plain reads outside a transaction.
func (s *Service) plain(ctx context.Context) reader {
	return func(kind, key string) ([]byte, error) { return s.box.Get(ctx, kind, key) }
}

// Account reads one; NotFound where there is none.
func (s *Service) Account(ctx context.Context, id string) (*Account, error) {
	return readAccount(s.plain(ctx), id)
}

// Accounts are all accounts in order of their id, after one, at most limit.
func (s *Service) Accounts(ctx context.Context, after string, limit int) ([]Account, error) {
	items, err := s.box.List(ctx, "account", after, limit)
	if err != nil {
		return nil, err
	}
	out := make([]Account, len(items))
	for i, it := range items {
		if err := json.Unmarshal(it.Value, &out[i]); err != nil {
			return nil, fhir.Errorf(fhir.Broken, "account %s is damaged: %w", it.Key, err)
		}
	}
	return out, nil
}

// OfPatient is the account of any of the Patients who are one person; nil where they have none.
func (s *Service) OfPatient(ctx context.Context, patient string) (*Account, error) {
	group, err := s.o.Door.Person(ctx, patient)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(group, patient) {
		group = append(group, patient)
	}
	for _, id := range group {
		have, err := s.box.Get(ctx, "patient", id)
		if err != nil {
			return nil, err
		}
		if have != nil {
			return s.Account(ctx, string(have))
		}
	}
	return nil, nil
}

// change reads an account, changes it and writes it, in one transaction. f says what goes into the audit and what else is written.
func (s *Service) change(ctx context.Context, id string, f func(read reader, a *Account) (record.Noted, error)) (*Account, error) {
	var a *Account
	err := s.box.Decide(ctx, func(read reader) (record.Noted, error) {
		var err error
		if a, err = readAccount(read, id); err != nil {
			return record.Noted{}, err
		}
		n, err := f(read, a)
		if err != nil {
			return record.Noted{}, err
		}
		item, err := a.item()
		n.Items = append(n.Items, item)
		return n, err
	})
	if err != nil {
		return nil, err
	}
	s.cache.forget(id)
	return a, nil
}

// End closes an account for good: its sessions are over, its ways in are removed. What it did stays in the audit.
func (s *Service) End(ctx context.Context, by access.Actor, id string) error {
	_, err := s.change(ctx, id, func(_ reader, a *Account) (record.Noted, error) {
		if a.Ended != nil {
			return record.Noted{}, fhir.Errorf(fhir.Gone, "account %s was ended on %s", id, a.Ended.Format(time.DateOnly))
		}
		// A provider's subject still leads to the account, so that whoever was taken away is not let in anew by signing in there.
		subjects := a.Subjects
		a.Subjects = nil
		n := record.Noted{Items: s.strip(a), Who: by, Action: access.Delete, What: "account/" + id + " of " + a.Name + " ended"}
		a.Subjects = subjects
		if a.Patient != "" {
			n.Items = append(n.Items, record.BoxItem{Kind: "patient", Key: a.Patient})
		}
		now := s.o.Now().UTC()
		a.Ended = &now
		return n, nil
	})
	return err
}

// strip takes from an account every way in, and ends its sessions.
func (s *Service) strip(a *Account) (items []record.BoxItem) {
	for _, p := range a.Passkeys {
		items = append(items, record.BoxItem{Kind: "credential", Key: credentialKey(p.Credential.ID)})
	}
	for _, u := range a.Subjects {
		items = append(items, record.BoxItem{Kind: "subject", Key: subjectKey(u.Issuer, u.Subject)})
	}
	if a.Code != nil {
		items = append(items, record.BoxItem{Kind: "code", Key: a.Code.Hash})
	}
	a.Passkeys, a.Subjects, a.Code = nil, nil, nil
	a.Epoch++
	return items
}

// SetRoles gives staff their roles anew. Roles that a provider says are not touched.
func (s *Service) SetRoles(ctx context.Context, by access.Actor, id string, roles []Role) error {
	if err := checkRoles(roles); err != nil {
		return err
	}
	_, err := s.change(ctx, id, func(_ reader, a *Account) (record.Noted, error) {
		if a.Kind != Staff {
			return record.Noted{}, fhir.Errorf(fhir.Invalid, "account %s is of a patient, who has no roles", id)
		}
		kept := slices.DeleteFunc(slices.Clone(a.Roles), func(r Role) bool { return r.Issuer == "" })
		a.Roles = append(kept, roles...)
		a.Epoch++ // a session carries one of the old roles
		return record.Noted{Who: by, Action: access.Update, What: "account/" + id + " has roles " + rolesText(a.Roles)}, nil
	})
	return err
}

func rolesText(roles []Role) string {
	var out []string
	for _, r := range roles {
		out = append(out, r.Role+" at "+r.Organization)
	}
	return strings.Join(out, ", ")
}

// randomID is a name of 128 bits of chance.
func randomID() string {
	var b [16]byte
	rand.Read(b[:])
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

func credentialKey(id []byte) string {
	sum := sha256.Sum256(id)
	return hex.EncodeToString(sum[:])
}
