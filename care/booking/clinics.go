package booking

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir/r4"
)

// clinic is what is known of a Schedule: what is done there, by whom, where.
type clinic struct {
	service, name string   // what can be booked: its code and plain words
	who           string   // "Dr Femi Adebayo"
	practitioner  string   // Practitioner/ID, "" where it is not known
	offering      string   // HealthcareService/ID
	location      string   // Location/ID
	place         string   // its name
	address       []string // lines, the postcode last
	town          string
	postcode      string
	telephone     string
	organization  r4.Reference
	ods           string
	kind          string // gp, hospital or community
	bring         string
	languages     []string // besides English
	access        []string
	by            For
	referrals     []string // with which it is booked
}

// freshFor is how long what is known of clinics is kept.
const freshFor = time.Minute

// offerings are the clinics that people can choose from.
func (s *Service) offerings(ctx context.Context) ([]*clinic, error) {
	s.mu.Lock()
	list, fresh := s.offered, s.now().Sub(s.read) < freshFor && s.offered != nil
	s.mu.Unlock()
	if fresh {
		return list, nil
	}
	list = []*clinic{}
	for m, err := range s.Door.All(ctx, me, "HealthcareService?active=true&service-type="+ServiceSystem+"|") {
		if err != nil {
			return nil, err
		}
		var h r4.HealthcareService
		if err := m.Decode(&h); err != nil {
			return nil, err
		}
		c := new(clinic)
		c.reads(&h)
		list = append(list, c)
	}
	s.mu.Lock()
	s.offered, s.clinics, s.read = list, map[string]*clinic{}, s.now()
	s.mu.Unlock()
	return list, nil
}

// reads takes from a HealthcareService what it says.
func (c *clinic) reads(h *r4.HealthcareService) {
	c.offering, c.bring = "HealthcareService/"+h.ID, h.ExtraDetails
	c.service, c.name = codeIn(h.Type, ServiceSystem)
	c.kind, _ = codeIn(h.Category, kindSystem)
	if h.ProvidedBy != nil {
		c.organization = r4.Reference{Type: h.ProvidedBy.Type, Identifier: h.ProvidedBy.Identifier, Reference: h.ProvidedBy.Reference, Display: h.ProvidedBy.Display}
		if id := h.ProvidedBy.Identifier; id != nil && id.System == odsSystem {
			c.ods = id.Value
		}
	}
	c.by = Anyone
	for _, e := range h.Eligibility {
		if e.Code == nil {
			continue
		}
		for _, k := range e.Code.Coding {
			switch k.System {
			case ForSystem:
				c.by = For(k.Code)
			case "http://snomed.info/sct":
				c.referrals = append(c.referrals, k.Code)
			}
		}
	}
	for _, k := range h.Communication {
		for _, l := range k.Coding {
			c.languages = append(c.languages, l.Code)
		}
	}
	for _, k := range h.Characteristic {
		if code, _ := codeIn([]r4.CodeableConcept{k}, accessSystem); code != "" {
			c.access = append(c.access, code)
		}
	}
	if len(h.Location) > 0 {
		c.location, c.place = h.Location[0].Reference, h.Location[0].Display
	}
}

// clinicOf is what is known of a Schedule. What cannot be read of it is left empty: a Slot can be booked all the same.
func (s *Service) clinicOf(ctx context.Context, schedule string) (*clinic, error) {
	if _, err := s.offerings(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	c := s.clinics[schedule]
	s.mu.Unlock()
	if c != nil {
		return c, nil
	}
	c = &clinic{by: Anyone}
	var sched r4.Schedule
	if _, err := s.get(ctx, "Schedule", schedule, &sched); err != nil {
		if absent(err) {
			return c, nil
		}
		return nil, err
	}
	for i := range sched.Actor {
		a := &sched.Actor[i]
		if id := idOf(a, "HealthcareService"); id != "" {
			var h r4.HealthcareService
			if _, err := s.get(ctx, "HealthcareService", id, &h); err == nil {
				c.reads(&h)
			} else if !absent(err) {
				return nil, err
			}
		}
	}
	c.who = sched.Comment
	for i := range sched.Actor {
		a := &sched.Actor[i]
		switch {
		case idOf(a, "Location") != "":
			c.location, c.place = a.Reference, a.Display
		case idOf(a, "Practitioner") != "" || idOf(a, "PractitionerRole") != "":
			c.practitioner = a.Reference
			if a.Display != "" {
				c.who = a.Display
			}
		case a.Reference == "" && a.Display != "":
			c.who = a.Display
		}
	}
	if err := s.locate(ctx, c); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.clinics[schedule] = c
	s.mu.Unlock()
	return c, nil
}

// locate reads where a clinic is held.
func (s *Service) locate(ctx context.Context, c *clinic) error {
	id := idOf(&r4.Reference{Reference: c.location}, "Location")
	if id == "" {
		return nil
	}
	var l r4.Location
	if _, err := s.get(ctx, "Location", id, &l); err != nil {
		if absent(err) {
			return nil
		}
		return err
	}
	if l.Name != "" {
		c.place = l.Name
	}
	if a := l.Address; a != nil {
		c.town, c.postcode = a.City, a.PostalCode
		for _, line := range append(slices.Clone(a.Line), a.City, a.PostalCode) {
			if line != "" {
				c.address = append(c.address, line)
			}
		}
	}
	for _, t := range l.Telecom {
		if t.System == "phone" && c.telephone == "" {
			c.telephone = t.Value
		}
	}
	return nil
}

// person is what booking must know of somebody.
type person struct {
	group        []string          // the Patients who are the person
	practices    []string          // ODS codes of where they are registered
	referrals    map[string]string // code of an active referral → ServiceRequest/ID
	referredFrom map[string]time.Time
	postcode     string
	town         string
	interpreter  string // language of the interpreter they need, "" for none
}

// of finds out about a patient what decides what they can book. It is read with Kith's own eyes: whoever books for somebody need not see their referrals.
func (s *Service) of(ctx context.Context, patient string) (*person, error) {
	p := &person{referrals: map[string]string{}, referredFrom: map[string]time.Time{}}
	var err error
	if p.group, err = s.Door.Person(ctx, patient); err != nil {
		return nil, err
	}
	organizations := map[string]bool{}
	for _, id := range p.group {
		var x r4.Patient
		if _, err := s.get(ctx, "Patient", id, &x); err != nil {
			if absent(err) {
				continue
			}
			return nil, err
		}
		p.says(&x, organizations)
	}
	for m, err := range s.Door.All(ctx, me, "EpisodeOfCare?patient=Patient/"+patient+"&status=active") {
		if err != nil {
			return nil, err
		}
		var e r4.EpisodeOfCare
		if err := m.Decode(&e); err != nil {
			return nil, err
		}
		p.registered(e.ManagingOrganization, organizations)
	}
	for id := range organizations {
		var o r4.Organization
		if _, err := s.get(ctx, "Organization", id, &o); err != nil {
			if absent(err) {
				continue
			}
			return nil, err
		}
		for _, i := range o.Identifier {
			if i.System == odsSystem && !slices.Contains(p.practices, i.Value) {
				p.practices = append(p.practices, i.Value)
			}
		}
	}
	for m, err := range s.Door.All(ctx, me, referralQuery("patient=Patient/"+patient+"&status=active")) {
		if err != nil {
			return nil, err
		}
		var r r4.ServiceRequest
		if err := m.Decode(&r); err != nil {
			return nil, err
		}
		if r.Code != nil && isWait(&r) {
			for _, c := range r.Code.Coding {
				p.referrals[c.Code], p.referredFrom[c.Code] = "ServiceRequest/"+r.ID, r.AuthoredOn.Low()
			}
		}
	}
	slices.Sort(p.practices)
	return p, nil
}

const interpreterURL = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"

// says takes from a Patient where they live, where they are registered and whether they need an interpreter.
func (p *person) says(x *r4.Patient, organizations map[string]bool) {
	p.registered(x.ManagingOrganization, organizations)
	for i := range x.GeneralPractitioner {
		p.registered(&x.GeneralPractitioner[i], organizations)
	}
	for _, a := range x.Address {
		if a.Use != "old" && a.PostalCode != "" && p.postcode == "" {
			p.postcode, p.town = a.PostalCode, a.City
		}
	}
	needed := false
	for _, e := range x.Extension {
		if e.URL == interpreterURL && e.ValueBoolean != nil {
			needed = *e.ValueBoolean
		}
	}
	for _, c := range x.Communication {
		for _, e := range c.Extension {
			for _, inner := range append(e.Extension, e) {
				if strings.HasSuffix(strings.ToLower(inner.URL), "interpreterrequired") && inner.ValueBoolean != nil && *inner.ValueBoolean {
					needed = true
				}
			}
		}
		if needed && p.interpreter == "" {
			p.interpreter = textOf(c.Language)
		}
	}
}

func (p *person) registered(ref *r4.Reference, organizations map[string]bool) {
	if id := idOf(ref, "Organization"); id != "" {
		organizations[id] = true
	} else if ref != nil && ref.Identifier != nil && ref.Identifier.System == odsSystem && !slices.Contains(p.practices, ref.Identifier.Value) {
		p.practices = append(p.practices, ref.Identifier.Value)
	}
}

// canBook reports whether somebody can book at a clinic; referral is the ServiceRequest with which they do, "" where none is needed.
func (p *person) canBook(c *clinic) (referral string, ok bool) {
	switch c.by {
	case Registered:
		return "", slices.Contains(p.practices, c.ods)
	case Referred:
		for _, code := range c.referrals {
			if ref := p.referrals[code]; ref != "" {
				return ref, true
			}
		}
		return "", false
	}
	return "", true
}

// district is the first half of a postcode: ZZ1 of ZZ1 1AA.
func district(postcode string) string {
	out, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(postcode)), " ")
	return out
}

// nearness is how near a clinic is, as far as addresses say: 0 their own practice, 1 the same postcode district, 2 the same town, 3 elsewhere.
func (p *person) nearness(c *clinic) int {
	switch {
	case slices.Contains(p.practices, c.ods):
		return 0
	case p.postcode != "" && district(p.postcode) == district(c.postcode):
		return 1
	case p.town != "" && strings.EqualFold(p.town, c.town):
		return 2
	}
	return 3
}
