// Package trust is about someone I trust: a person lets somebody they choose see their record, book, write messages or
// manage things for them, at any organisation, for some time, and ends it when they like.
//
// What holds is an ordinary FHIR Consent of the category trusted (docs/access.md); this package only writes and reads
// them. A person invites: they are given a code, which whoever they trust enters when they are signed in themselves, so
// that both have agreed, nobody has to know another's NHS number, and nobody learns who is in the record. Or somebody at
// a desk records it, having seen both. What is given to a parent is reviewed with the child (Review).
package trust

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Scopes are what can be given, in the order in which they are shown.
var Scopes = []string{"see", "book", "message", "manage"}

// Service writes and reads who is trusted. Door must be set.
type Service struct {
	Door *record.Door
	Now  func() time.Time // nil for the clock
}

// InvitationLasts is how long an invitation waits to be accepted.
const InvitationLasts = 7 * 24 * time.Hour

// LongestTrust is how long somebody may be trusted without being asked again.
const LongestTrust = 5 * 366 * 24 * time.Hour

// Given is what one person has given another.
type Given struct {
	ID       string // of the Consent
	Patient  string // id of the Patient whose record it is
	Giver    string // their name, as far as the asker may know it
	Trusted  string // id of the Patient who is trusted
	Name     string // what the trusted person is called
	Scopes   []string
	Until    time.Time // zero for no end
	Since    time.Time
	Reviewed time.Time // zero where it never was
	ByPerson bool      // the person gave it themselves
	Active   bool
}

// invitation waits to be accepted.
type invitation struct {
	Patient string
	Name    string // what the giver calls whom they invite
	Scopes  []string
	Until   time.Time
	Expires time.Time
	Born    string // of the giver, which whoever accepts must know
}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// Invite lets somebody be trusted by whoever asks, once they accept with the code that is answered. The errors are Invalid
// where what is given makes no sense, and Forbidden where the asker may not give it.
func (s *Service) Invite(ctx context.Context, who access.Actor, name string, scopes []string, until time.Time) (code string, err error) {
	if who.Patient == "" {
		return "", fhir.Errorf(fhir.Forbidden, "only somebody with a record can let another see it")
	}
	if err := s.check(name, scopes, until); err != nil {
		return "", err
	}
	decision, err := s.Door.Decide(ctx, who, access.Create, "Consent", who.Patient)
	if err != nil {
		return "", err
	}
	if !decision.Permit {
		return "", fhir.Errorf(fhir.Forbidden, "%s", decision.Sentence())
	}
	me, err := s.patient(ctx, who, who.Patient)
	if err != nil {
		return "", err
	}
	code = newCode()
	body, err := json.Marshal(invitation{Patient: who.Patient, Name: strings.TrimSpace(name), Scopes: scopes, Until: until, Expires: s.now().Add(InvitationLasts), Born: me.BirthDate.String()})
	if err != nil {
		return "", err
	}
	_, err = s.Door.Box("trust").Commit(ctx, who, nil, record.BoxItem{Kind: "invitation", Key: hash(code), Value: body})
	return code, err
}

// check holds what is to be given against what makes sense.
func (s *Service) check(name string, scopes []string, until time.Time) error {
	switch name = strings.TrimSpace(name); {
	case name == "" || len(name) > 100:
		return fhir.Errorf(fhir.Invalid, "say who it is, in at most 100 letters").At("name")
	case len(scopes) == 0:
		return fhir.Errorf(fhir.Invalid, "choose what they may do").At("may")
	case !until.After(s.now()):
		return fhir.Errorf(fhir.Invalid, "choose a day that is still to come").At("until")
	case until.After(s.now().Add(LongestTrust)):
		return fhir.Errorf(fhir.Invalid, "choose a day in the next five years").At("until")
	}
	for _, scope := range scopes {
		if !slices.Contains(Scopes, scope) {
			return fhir.Errorf(fhir.Invalid, "%q is nothing that can be given", scope).At("may")
		}
	}
	return nil
}

// alphabet has no letters that are taken for each other. Twelve of them are 59 bits of chance.
const alphabet = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"

func newCode() string {
	b := make([]byte, 0, 14)
	for len(b) < 14 {
		if len(b) == 4 || len(b) == 9 {
			b = append(b, '-')
			continue
		}
		var one [1]byte
		rand.Read(one[:])
		if n := int(one[0]); n < 256-256%len(alphabet) {
			b = append(b, alphabet[n%len(alphabet)])
		}
	}
	return string(b)
}

// hash is under what a code is kept: it is told to nobody again.
func hash(code string) string {
	plain := strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToUpper(code))
	sum := sha256.Sum256([]byte(plain))
	return hex.EncodeToString(sum[:])
}

// errCode is the same for a code that never was, is over or was used, and for a wrong birth date.
var errCode = fhir.Errorf(fhir.NotFound, "there is no invitation with this code and date of birth: check both, or ask for a new one")

// Accept makes whoever asks trusted by the person whose invitation it was. A code holds once.
func (s *Service) Accept(ctx context.Context, who access.Actor, code, born string) (*Given, error) {
	if who.Patient == "" {
		return nil, fhir.Errorf(fhir.Forbidden, "sign in with an account that is matched to your own record first")
	}
	if who.Level < access.P5 {
		return nil, fhir.Errorf(fhir.Forbidden, "%s", access.Decision{Reason: "You have not yet proved who you are well enough for this.", Unlock: access.ByProof}.Sentence())
	}
	key := hash(code)
	body, err := s.Door.Box("trust").Get(ctx, "invitation", key)
	if err != nil {
		return nil, err
	}
	var in invitation
	if body == nil || json.Unmarshal(body, &in) != nil || !s.now().Before(in.Expires) || strings.TrimSpace(born) != in.Born {
		return nil, errCode
	}
	if same, err := s.Door.Person(ctx, in.Patient); err != nil || slices.Contains(same, who.Patient) {
		return nil, fhir.Errorf(fhir.Invalid, "this is your own invitation: give the code to the person you trust").At("code")
	}
	given := Given{ID: key[:40], Patient: in.Patient, Trusted: who.Patient, Name: in.Name, Scopes: in.Scopes, Until: in.Until, Since: s.now(), ByPerson: true, Active: true}
	err = s.write(ctx, given, record.Create, record.BoxItem{Kind: "invitation", Key: key}, who)
	if fhir.KindOf(err) == fhir.Conflict && err != nil {
		return nil, errCode // somebody else was quicker with the same code
	}
	return &given, err
}

// write writes the Consent. Whoever gave it was decided about when they did; accepting is done in the name of both.
func (s *Service) write(ctx context.Context, g Given, method record.Method, item record.BoxItem, accepting access.Actor) error {
	res, err := fhir.Parse(r4.Encode(consentOf(&g)))
	if err != nil {
		return err
	}
	who := access.Actor{ID: "kith/trust", Name: "Invitation accepted", Role: access.Kith, Purpose: "PATRQT", Helper: accepting.ID, From: accepting.From}
	_, err = s.Door.Box("trust").Commit(ctx, who, []record.Op{{Method: method, Type: "Consent", ID: g.ID, Resource: res}}, item)
	return err
}

// consentOf is the Consent by which somebody is trusted.
func consentOf(g *Given) *r4.Consent {
	coded := func(system, code string) r4.CodeableConcept {
		return r4.CodeableConcept{Coding: []r4.Coding{{System: system, Code: code}}}
	}
	scope := coded("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy")
	c := &r4.Consent{ID: g.ID, Status: "active", Scope: &scope, Category: []r4.CodeableConcept{coded(record.ConsentSystem, "trusted")}, Patient: &r4.Reference{Reference: "Patient/" + g.Patient}, DateTime: fhir.DateTimeOf(g.Since),
		PolicyRule: &r4.CodeableConcept{Text: "Someone I trust"},
		Provision: &r4.ConsentProvision{Type: "permit", Period: &r4.Period{Start: fhir.DateTimeOf(g.Since)},
			Actor: []r4.ConsentProvisionActor{{Role: &r4.CodeableConcept{Text: g.Name}, Reference: &r4.Reference{Reference: "Patient/" + g.Trusted, Display: g.Name}}}}}
	if !g.Active {
		c.Status = "inactive"
	}
	if !g.Until.IsZero() {
		c.Provision.Period.End = fhir.DateTimeOf(g.Until)
	}
	if g.ByPerson {
		c.Performer = []r4.Reference{{Reference: "Patient/" + g.Patient}}
	}
	if !g.Reviewed.IsZero() {
		yes := true
		c.Verification = []r4.ConsentVerification{{Verified: &yes, VerificationDate: fhir.DateTimeOf(g.Reviewed)}}
	}
	for _, scope := range g.Scopes {
		c.Provision.Action = append(c.Provision.Action, coded(record.TrustSystem, scope))
	}
	return c
}

// patient reads a Patient as somebody sees it.
func (s *Service) patient(ctx context.Context, who access.Actor, id string) (*r4.Patient, error) {
	stored, err := s.Door.Get(ctx, who, "Patient", id)
	if err != nil {
		return nil, err
	}
	res, err := stored.Resource()
	if err != nil {
		return nil, err
	}
	var p r4.Patient
	return &p, r4.Decode(res, &p)
}
