package match

import (
	"slices"
	"strings"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// https://simplifier.net/guide/uk-core-implementation-guide
const (
	nhsSystem     = "https://fhir.nhs.uk/Id/nhs-number"
	verification  = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
	ethnicity     = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory"
	noEthnicGroup = "not stated"
)

// subject is a source's Patient as far as matching goes.
type subject struct {
	Person
	source     string   // the feed, or whoever else keeps the Patient; "" where nobody says
	duplicates []string // Patients that the source says are the same person
}

// subjectOf reads a Patient.
//
// An NHS number counts unless its verification status says that the trace failed or found a conflict (04, 05) or that there is none
// (07). Numbers, names and addresses that are old count as further values: a superseded number still finds its person.
func subjectOf(p *r4.Patient) subject {
	s := subject{Person: Person{ID: p.ID}, source: sourceOf(p)}
	s.numbers(p.Identifier)
	s.names(p.Name)
	s.Values[DOB] = p.BirthDate.String()
	s.Values[Sex] = p.Gender
	s.addresses(p.Address)
	for _, t := range p.Telecom {
		f := Phone
		switch t.System {
		case "email":
			f = Email
		case "phone", "sms", "":
		default:
			continue
		}
		s.say(f, t.Value, t.Use == "old")
	}
	for _, l := range p.Link {
		if l.Other == nil {
			continue
		}
		if ref := fhir.ParseReference(l.Other.Reference); ref.Type == "Patient" && ref.ID != p.ID {
			s.duplicates = append(s.duplicates, ref.ID)
		}
	}
	return s
}

// sourceOf is who keeps a Patient: the feed it came by, the system that meta.source names, or the organisation that manages it.
func sourceOf(p *r4.Patient) string {
	if p.Meta != nil && p.Meta.Source != "" {
		if feed, _, ok := intake.SourceOf(p.Meta.Source); ok {
			return feed
		}
		source, _, _ := strings.Cut(p.Meta.Source, "#")
		return source
	}
	if p.ManagingOrganization != nil {
		if p.ManagingOrganization.Reference != "" {
			return p.ManagingOrganization.Reference
		}
		if id := p.ManagingOrganization.Identifier; id != nil {
			return id.System + "|" + id.Value
		}
	}
	return ""
}

// say keeps a value as the field's own where it is the first that is not old, and beside it otherwise.
func (s *subject) say(f Field, text string, old bool) {
	text = strings.TrimSpace(text)
	if text == "" || text == s.Values[f] {
		return
	}
	if v := (Value{f, text}); s.Values[f] != "" || old {
		if !slices.Contains(s.Also, v) {
			s.Also = append(s.Also, v)
		}
		return
	}
	s.Values[f] = text
}

func (s *subject) numbers(identifiers []r4.Identifier) {
	for _, old := range []bool{false, true} {
		for _, id := range identifiers {
			if id.System == nhsSystem && (id.Use == "old") == old && !doubtful(id.Extension) {
				s.say(NHS, id.Value, old)
			}
		}
	}
}

func doubtful(extensions []r4.Extension) bool {
	for _, e := range extensions {
		if e.URL != verification || e.ValueCodeableConcept == nil {
			continue
		}
		for _, c := range e.ValueCodeableConcept.Coding {
			switch c.Code {
			case "04", "05", "07":
				return true
			}
		}
	}
	return false
}

// names takes the official name first, then the usual one; a maiden or old surname, and what someone is called, stand beside them.
func (s *subject) names(names []r4.HumanName) {
	order := map[string]int{"official": 0, "usual": 1, "": 2, "nickname": 3, "temp": 4, "maiden": 5, "old": 6, "anonymous": 7}
	sorted := slices.Clone(names)
	slices.SortStableFunc(sorted, func(a, b r4.HumanName) int { return order[a.Use] - order[b.Use] })
	for _, n := range sorted {
		if n.Use == "anonymous" {
			continue
		}
		past := n.Use == "maiden" || n.Use == "old"
		family, given := n.Family, ""
		if len(n.Given) > 0 {
			given = n.Given[0]
		}
		if family == "" && given == "" && n.Text != "" {
			if w := strings.Fields(n.Text); len(w) > 1 {
				given, family = w[0], w[len(w)-1]
			}
		}
		s.say(Surname, family, past)
		s.say(Forename, given, past)
	}
}

func (s *subject) addresses(addresses []r4.Address) {
	for _, past := range []bool{false, true} {
		for _, a := range addresses {
			if (a.Use == "old" || a.Use == "temp") != past {
				continue
			}
			s.say(Postcode, a.PostalCode, past)
			s.say(Address, strings.Join(a.Line, " "), past)
			s.say(Town, a.City, past)
		}
	}
}

// ethnicGroup is the code of a Patient's ethnic category.
func ethnicGroup(p *r4.Patient) string {
	for _, e := range p.Extension {
		if e.URL == ethnicity && e.ValueCodeableConcept != nil {
			for _, c := range e.ValueCodeableConcept.Coding {
				return c.Code
			}
		}
	}
	return noEthnicGroup
}
