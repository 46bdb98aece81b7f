package trust

import (
	"context"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// By is what one person has given others, the newest first, also what is over.
func (s *Service) By(ctx context.Context, who access.Actor, patient string) ([]Given, error) {
	return s.find(ctx, who, "Consent?patient=Patient/"+patient+"&category="+record.ConsentSystem+"|trusted&_sort=-_lastUpdated")
}

// To is what others have given whoever asks, and holds now.
func (s *Service) To(ctx context.Context, who access.Actor) ([]Given, error) {
	if who.Patient == "" {
		return nil, nil
	}
	mine, err := s.Door.Person(ctx, who.Patient)
	if err != nil {
		return nil, err
	}
	refs := make([]string, len(mine))
	for i, id := range mine {
		refs[i] = "Patient/" + id
	}
	// Whoever was given no more than to book may not read the Consent, but may know that they were: their own name is in it.
	kith := access.Actor{ID: "kith/trust", Role: access.Kith, Purpose: "PATRQT", Helper: who.ID, From: who.From}
	all, err := s.find(ctx, kith, "Consent?status=active&category="+record.ConsentSystem+"|trusted&actor="+strings.Join(refs, ","))
	if err != nil {
		return nil, err
	}
	var out []Given
	for _, g := range all {
		decision, err := s.Door.Decide(ctx, who, access.Read, "Patient", g.Patient)
		if err != nil {
			return nil, err
		}
		if !decision.Permit || !g.Active {
			continue // over, or not for a child of this age
		}
		p, err := s.patient(ctx, who, g.Patient)
		if err != nil {
			return nil, err
		}
		g.Giver = nameOf(p)
		out = append(out, g)
	}
	return out, nil
}

func (s *Service) find(ctx context.Context, who access.Actor, query string) ([]Given, error) {
	var out []Given
	for m, err := range s.Door.All(ctx, who, query) {
		if err != nil {
			return nil, err
		}
		g, err := s.read(m)
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, nil
}

// read reads what a Consent gives.
func (s *Service) read(m *record.Stored) (Given, error) {
	res, err := m.Resource()
	if err != nil {
		return Given{}, err
	}
	var c r4.Consent
	if err := r4.Decode(res, &c); err != nil {
		return Given{}, err
	}
	g := Given{ID: c.ID, Active: c.Status == "active"}
	if c.DateTime.Year != 0 {
		g.Since = c.DateTime.Low()
	}
	if c.Patient != nil {
		g.Patient = fhir.ParseReference(c.Patient.Reference).ID
	}
	for _, p := range c.Performer {
		g.ByPerson = g.ByPerson || p.Reference == "Patient/"+g.Patient
	}
	for _, v := range c.Verification {
		if at := v.VerificationDate.Low(); v.Verified != nil && *v.Verified && at.After(g.Reviewed) {
			g.Reviewed = at
		}
	}
	p := c.Provision
	if p == nil {
		return g, nil
	}
	if p.Period != nil && p.Period.End.Year != 0 {
		g.Until = p.Period.End.High()
		g.Active = g.Active && s.now().Before(g.Until)
	}
	for _, a := range p.Actor {
		if a.Reference != nil {
			g.Trusted, g.Name = fhir.ParseReference(a.Reference.Reference).ID, a.Reference.Display
		}
		if g.Name == "" && a.Role != nil {
			g.Name = a.Role.Text
		}
	}
	for _, action := range p.Action {
		for _, coding := range action.Coding {
			if coding.System == record.TrustSystem {
				g.Scopes = append(g.Scopes, coding.Code)
			}
		}
	}
	return g, nil
}

// End ends what was given, at once and everywhere. The person may, whoever they trusted may give it back, and so may staff who may write consents.
func (s *Service) End(ctx context.Context, who access.Actor, id string) error {
	kith := access.Actor{ID: "kith/trust", Name: "Trust given back", Role: access.Kith, Purpose: "PATRQT", Helper: who.ID, From: who.From}
	stored, err := s.Door.Get(ctx, kith, "Consent", id)
	if err != nil {
		return err
	}
	g, err := s.read(stored)
	if err != nil {
		return err
	}
	as := who
	if mine, err := s.Door.Person(ctx, who.Patient); err == nil && who.Patient != "" && contains(mine, g.Trusted) {
		as = kith
	} else if decision, err := s.Door.Decide(ctx, who, access.Update, "Consent", g.Patient); err != nil {
		return err
	} else if !decision.Permit {
		return fhir.Errorf(fhir.NotFound, "there is no Consent/%s", id)
	}
	return s.patch(ctx, as, id, fhir.PatchOp{Op: "replace", Path: "/status", Value: []byte(`"inactive"`)})
}

// Review notes that somebody has looked at it again with the person, so that it holds in the stage of childhood that they have reached.
func (s *Service) Review(ctx context.Context, who access.Actor, id string) error {
	at := fhir.DateTimeOf(s.now()).String()
	v := []byte(`[{"verified":true,"verificationDate":"` + at + `"}]`)
	return s.patch(ctx, who, id, fhir.PatchOp{Op: "add", Path: "/verification", Value: v})
}

// Record writes down at a desk that a person trusts another, both of whom somebody there has seen. person says that the person gave it
// themselves, not somebody with responsibility for them.
func (s *Service) Record(ctx context.Context, who access.Actor, patient, trusted, name string, scopes []string, until time.Time, person bool) error {
	if err := s.check(name, scopes, until); err != nil {
		return err
	}
	if same, err := s.Door.Person(ctx, patient); err != nil || contains(same, trusted) {
		return fhir.Errorf(fhir.Invalid, "nobody needs to be trusted with their own record").At("trusted")
	}
	now := s.now()
	res, err := fhir.Parse(r4.Encode(consentOf(&Given{Patient: patient, Trusted: trusted, Name: strings.TrimSpace(name), Scopes: scopes, Until: until, Since: now, Reviewed: now, ByPerson: person, Active: true})))
	if err != nil {
		return err
	}
	_, err = s.Door.Commit(ctx, who, []record.Op{{Method: record.Create, Type: "Consent", Resource: res}})
	return err
}

func (s *Service) patch(ctx context.Context, who access.Actor, id string, ops ...fhir.PatchOp) error {
	_, err := s.Door.Commit(ctx, who, []record.Op{{Method: record.Patch, Type: "Consent", ID: id, Patch: func(r *fhir.Resource) (*fhir.Resource, error) { return r.Patch(ops) }}})
	return err
}

func nameOf(p *r4.Patient) string {
	if len(p.Name) == 0 {
		return "somebody without a name"
	}
	n := p.Name[0]
	if n.Text != "" {
		return n.Text
	}
	return strings.TrimSpace(strings.Join(n.Given, " ") + " " + n.Family)
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}
