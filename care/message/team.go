package message

import (
	"context"
	"slices"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// Team is somebody a person can write to.
type Team struct {
	Ref, Name string
	Under     string // the organisation of a service, "" for an organisation itself
}

const odsSystem = "https://fhir.nhs.uk/Id/ods-organization-code"

// Teams are those who take messages of a person: the services so marked of the organisations that look after them, and organisations of which no service is
// marked. The one where they are registered stands first. Which organisations these are is known to this room even where the asker may not read why.
func (s *Service) Teams(ctx context.Context, who access.Actor, patient string) ([]Team, error) {
	decision, err := s.Door.Decide(ctx, who, access.Create, "Communication", patient)
	if err != nil {
		return nil, err
	}
	if !decision.Permit {
		return nil, fhir.Errorf(fhir.Forbidden, "%s", decision.Sentence())
	}
	as := me
	as.Helper, as.From = who.ID, who.From
	orgs, err := s.organisations(ctx, as, patient)
	if err != nil {
		return nil, err
	}
	var out []Team
	for _, ref := range orgs {
		o, ok, err := get[r4.Organization](ctx, s, as, ref)
		if err != nil {
			return nil, err
		}
		if !ok || o.Name == "" {
			continue
		}
		own := []Team{}
		for m, err := range s.Door.All(ctx, as, "HealthcareService?organization="+ref+"&characteristic="+TeamSystem+"|"+TeamCode) {
			if err != nil {
				return nil, err
			}
			var h r4.HealthcareService
			if err := m.Decode(&h); err != nil {
				return nil, err
			}
			if h.Active == nil || *h.Active {
				own = append(own, Team{"HealthcareService/" + h.ID, h.Name, o.Name})
			}
		}
		slices.SortFunc(own, func(a, b Team) int { return strings.Compare(a.Name, b.Name) })
		if len(own) == 0 {
			own = []Team{{Ref: ref, Name: o.Name}}
		}
		out = append(out, own...)
	}
	return out, nil
}

// organisations look after somebody: where they are registered, then where they are or were seen.
func (s *Service) organisations(ctx context.Context, as access.Actor, patient string) ([]string, error) {
	var out []string
	add := func(r *r4.Reference) {
		if r != nil && strings.HasPrefix(r.Reference, "Organization/") && !slices.Contains(out, r.Reference) {
			out = append(out, r.Reference)
		}
	}
	for m, err := range s.Door.All(ctx, as, "EpisodeOfCare?patient="+patient+"&status=active") {
		if err != nil {
			return nil, err
		}
		var e r4.EpisodeOfCare
		if err := m.Decode(&e); err != nil {
			return nil, err
		}
		add(e.ManagingOrganization)
	}
	group, err := s.Door.Person(ctx, patient)
	if err != nil {
		return nil, err
	}
	for _, id := range append([]string{patient}, group...) {
		p, _, err := get[r4.Patient](ctx, s, as, "Patient/"+id)
		if err != nil {
			return nil, err
		}
		for i := range p.GeneralPractitioner {
			add(&p.GeneralPractitioner[i])
		}
		add(p.ManagingOrganization)
	}
	since := s.now().AddDate(0, -6, 0).Format("2006-01-02")
	for m, err := range s.Door.All(ctx, as, "Encounter?patient="+patient+"&date=ge"+since) {
		if err != nil {
			return nil, err
		}
		var e r4.Encounter
		if err := m.Decode(&e); err != nil {
			return nil, err
		}
		add(e.ServiceProvider)
	}
	return out, nil
}

// organisationOf is the organisation of a team or an organisation's own reference.
func (s *Service) organisationOf(ctx context.Context, ref string) (*r4.Organization, error) {
	if strings.HasPrefix(ref, "HealthcareService/") {
		h, _, err := get[r4.HealthcareService](ctx, s, me, ref)
		if err != nil || h.ProvidedBy == nil {
			return nil, err
		}
		ref = h.ProvidedBy.Reference
	}
	o, ok, err := get[r4.Organization](ctx, s, me, ref)
	if err != nil || !ok {
		return nil, err
	}
	return &o, nil
}
