package signin

import (
	"context"
	"slices"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Seen is one thing by which staff at the desk know who stands before them, and how much it weighs: 2 are enough.
type Seen struct {
	Key, Words string
	Weight     int
}

// seenAtDesk are the ways of the NHS good practice guidance on identity verification: vouching by somebody who knows the person, photo ID, or
// two documents, or a document and answers that only they know.
var seenAtDesk = []Seen{
	{"photo", "Photo ID, such as a passport, driving licence or bus pass with a photo", 2},
	{"known", "I know this person myself, and have for some time", 2},
	{"letter", "A letter from a bank, the council or a hospital with their name and address", 1},
	{"document", "A birth or marriage certificate, or a benefits letter", 1},
	{"questions", "They answered questions about their record that others would not know", 1},
}

// SeenAtDesk are the things that can be seen, in the order in which a page asks for them.
func SeenAtDesk() []Seen { return slices.Clone(seenAtDesk) }

// Enough reports whether what was seen shows who somebody is. A thing that is not in SeenAtDesk counts for nothing.
func Enough(seen []string) bool {
	weight := 0
	for _, s := range seenAtDesk {
		if slices.Contains(seen, s.Key) {
			weight += s.Weight
		}
	}
	return weight >= 2
}

// deskRoles may vouch for people and help them back in.
var deskRoles = []string{"receptionist", "administrator", "nurse", "clinician"}

// DeskRoles are the roles of those who may stand at the desk.
func DeskRoles() []string { return slices.Clone(deskRoles) }

// MayVouch reports whether an actor may give out codes at the desk.
func MayVouch(who access.Actor) bool {
	return slices.Contains(deskRoles, who.Role) && who.Organization != ""
}

// MayVouchFor reports, by its error, whether an actor may give out a code for one person. A code opens that person's record, so it is given out where the
// person is known: by those who may change what their Patient says of them, which is where they are registered, treated or cared for.
func (s *Service) MayVouchFor(ctx context.Context, who access.Actor, patient string) error {
	if !MayVouch(who) {
		return fhir.Errorf(fhir.Forbidden, "people are vouched for by front-line staff of an organisation: your role is not one of theirs")
	}
	if who.Patient != "" {
		return fhir.Errorf(fhir.Forbidden, "nobody vouches for themselves")
	}
	decision, err := s.o.Door.Decide(ctx, who, access.Update, "Patient", patient)
	if err == nil && !decision.Permit {
		err = fhir.Errorf(fhir.Forbidden, "this person is not known at %s, so they are vouched for where they are registered or treated: %s", who.Organization, decision.Reason)
	}
	return err
}

// Vouching is what staff at the desk say of a person before them.
type Vouching struct {
	Patient string   // id of their Patient
	Seen    []string // keys of SeenAtDesk
	Here    bool     // the code is used at the desk at once; otherwise it goes home on paper
	Recover bool     // they had a way in and lost it, or somebody else has it: every old way in is removed
	Why     string   // of recovery: what happened
}

// Vouch makes the account of a person whom staff have seen, or finds it, and gives out a one-use code for it. The account then has level P9.
func (s *Service) Vouch(ctx context.Context, by access.Actor, v Vouching) (*Printed, error) {
	if err := s.MayVouchFor(ctx, by, v.Patient); err != nil {
		if fhir.KindOf(err) != fhir.Forbidden {
			return nil, err
		}
		if note := s.box.Note(ctx, by, access.Update, "vouching for Patient/"+short(v.Patient, 64), err.Error()); note != nil {
			return nil, note
		}
		return nil, err
	}
	if !Enough(v.Seen) {
		return nil, fhir.Errorf(fhir.Invalid, "what was seen is not enough to be sure who this is")
	}
	if v.Recover && strings.TrimSpace(v.Why) == "" {
		return nil, fhir.Errorf(fhir.Invalid, "write what happened")
	}
	stored, err := s.o.Door.Get(ctx, by, "Patient", v.Patient)
	if err != nil {
		return nil, err
	}
	res, err := stored.Resource()
	if err != nil {
		return nil, err
	}
	name, born := NameOf(res.Root()), res.Root().Get("birthDate").Text()
	if len(born) != len("1945-07-14") {
		return nil, fhir.Errorf(fhir.Conflict, "the record does not know this person's full date of birth, which is asked with the code")
	}
	have, err := s.OfPatient(ctx, v.Patient)
	if err != nil {
		return nil, err
	}
	if have == nil && v.Recover {
		return nil, fhir.Errorf(fhir.Conflict, "this person has no account yet: vouch for them instead")
	}
	life := s.o.PaperLife
	if v.Here {
		life = s.o.DeskLife
	}
	p := &Printed{}
	err = s.box.Decide(ctx, func(read reader) (record.Noted, error) {
		n := record.Noted{Who: by, Action: access.Update}
		a, what := (*Account)(nil), "vouched for Patient/"+v.Patient
		if have == nil {
			made, items, err := s.newAccount(read, NewAccount{Kind: Patient, Name: name, Born: born, Patient: v.Patient, Level: access.P9})
			if err != nil {
				return n, err
			}
			a, n.Items, n.Action = made, items, access.Create
		} else {
			now, err := readAccount(read, have.ID)
			if err != nil {
				return n, err
			}
			a = now
		}
		if v.Recover {
			what = "recovery for Patient/" + v.Patient + " because: " + short(v.Why, 300)
			n.Items = append(n.Items, s.strip(a)...)
		}
		a.Level, a.Born = access.P9, born
		a.Why = "Staff at " + by.Organization + " saw you in person on " + s.o.Now().UTC().Format("2 January 2006")
		text, items := s.giveCode(a, by, life)
		item, err := a.item()
		n.Items = append(append(n.Items, items...), item)
		n.What = what + "; account/" + a.ID + "; seen: " + strings.Join(v.Seen, ", ") + "; one-use code until " + a.Code.Expires.Format("2006-01-02T15:04Z")
		p.Text, p.Account, p.Expires = text, a, a.Code.Expires
		return n, err
	})
	if err != nil {
		return nil, err
	}
	s.cache.forget(p.Account.ID)
	return p, nil
}

// NameOf is a Patient's name as people say it.
func NameOf(p fhir.Value) string {
	for n := range p.Get("name").Items() {
		var parts []string
		for g := range n.Get("given").Items() {
			parts = append(parts, g.Text())
		}
		if f := n.Get("family").Text(); f != "" {
			parts = append(parts, f)
		}
		if len(parts) > 0 {
			return strings.Join(parts, " ")
		}
		if t := n.Get("text").Text(); t != "" {
			return t
		}
	}
	return "Patient"
}
