package record

import (
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
)

// How a FHIR Consent is read. Who is trusted and what somebody refuses are ordinary Consents, so that any system can
// write and read them; only what kind of consent it is and what someone trusted may do are codes of ours.
// docs/access.md shows one of each.
const (
	ConsentSystem = "https://kith.care/fhir/CodeSystem/consent-category" // trusted, sharing, opt-out, research, emergency-access
	TrustSystem   = "https://kith.care/fhir/CodeSystem/trust"            // see, book, message, manage
)

// accountSystem names somebody by their account, of whom there is no Practitioner.
const accountSystem = "https://kith.care/fhir/account"

var consentKinds = map[string]access.ConsentKind{"trusted": access.Trusted, "sharing": access.Sharing, "opt-out": access.OptOut, "research": access.Research, "emergency-access": access.Glass}

// restrictedCode marks a Patient whose whereabouts are withheld, as PDS does.
// https://digital.nhs.uk/services/personal-demographics-service/restricting-access-to-a-patients-demographic-record
const confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"

// patientOf adds what a Patient says of the person.
func patientOf(circle *access.Circle, p *fhir.Resource) {
	root := p.Root()
	if born, err := fhir.ParseDateTime(root.Get("birthDate").Text()); err == nil {
		circle.Born = born.Low()
	}
	for label := range root.Get("meta").Get("security").Items() {
		if label.Get("system").Is(confidentiality) && (label.Get("code").Is("R") || label.Get("code").Is("V")) {
			circle.Restricted = true
		}
	}
}

// kindOf is what a Consent is about, 0 where it is nothing that bears on access.
func kindOf(consent fhir.Value) access.ConsentKind {
	for category := range consent.Get("category").Items() {
		for coding := range category.Get("coding").Items() {
			if coding.Get("system").Is(ConsentSystem) {
				if kind := consentKinds[coding.Get("code").Text()]; kind != 0 {
					return kind
				}
			}
		}
	}
	for coding := range consent.Get("scope").Get("coding").Items() {
		switch coding.Get("code").Text() {
		case "research":
			return access.Research
		case "patient-privacy":
			return access.Sharing
		}
	}
	return 0
}

// consentsOf are the rules of a Consent: one of its provision and one of each provision inside.
func consentsOf(res *fhir.Resource, persons []string, organization func(id string) string, label func(system, code string) access.Labels) []access.Consent {
	root := res.Root()
	kind := kindOf(root)
	if kind == 0 || !root.Get("status").Is("active") {
		return nil
	}
	base := access.Consent{ID: res.ID(), Kind: kind, Deny: kind == access.OptOut}
	for performer := range root.Get("performer").Items() {
		if ref := fhir.ParseReference(performer.Get("reference").Text()); ref.Type == "Patient" && slices.Contains(persons, ref.ID) {
			base.ByPerson = true
		}
	}
	for v := range root.Get("verification").Items() {
		if at, ok := day(v.Get("verificationDate")); ok && v.Get("verified").Bool() && at.After(base.Reviewed) {
			base.Reviewed = at
		}
	}
	var out []access.Consent
	var walk func(p fhir.Value, from access.Consent)
	walk = func(p fhir.Value, from access.Consent) {
		c := from
		if t := p.Get("type").Text(); t != "" {
			c.Deny = t == "deny"
		}
		if at, ok := day(p.Get("period").Get("start")); ok {
			c.Since = at
		}
		if end, err := fhir.ParseDateTime(p.Get("period").Get("end").Text()); err == nil {
			c.Until = end.High()
		}
		c.Patients, c.Actor, c.Organization = nil, "", ""
		for actor := range p.Get("actor").Items() {
			ref := fhir.ParseReference(actor.Get("reference").Get("reference").Text())
			switch ref.Type {
			case "Patient":
				c.Patients = append(c.Patients, ref.ID)
			case "Organization":
				c.Organization = organization(ref.ID)
			case "":
				switch id := actor.Get("reference").Get("identifier"); id.Get("system").Text() {
				case odsSystem:
					c.Organization = id.Get("value").Text()
				case accountSystem:
					c.Actor = id.Get("value").Text()
				}
			default:
				c.Actor = ref.Type + "/" + ref.ID
			}
		}
		for action := range p.Get("action").Items() {
			for coding := range action.Get("coding").Items() {
				if coding.Get("system").Is(TrustSystem) {
					c.Scopes = append(c.Scopes, coding.Get("code").Text())
				}
			}
		}
		for class := range p.Get("class").Items() {
			if typ := class.Get("code").Text(); typ != "" {
				c.Types = append(c.Types, typ[strings.LastIndexByte(typ, '/')+1:])
			}
		}
		for mark := range p.Get("securityLabel").Items() {
			c.Labels |= label(mark.Get("system").Text(), mark.Get("code").Text())
		}
		named := len(c.Patients) > 0 || c.Actor != "" || c.Organization != ""
		// A rule that lets somebody in must say whom: one that names nobody whom we know lets nobody in.
		if c.Deny || named {
			out = append(out, c)
		}
		inner := base
		inner.Since, inner.Until, inner.Deny = c.Since, c.Until, !c.Deny
		for nested := range p.Get("provision").Items() {
			walk(nested, inner)
		}
	}
	if p := root.Get("provision"); p.Exists() {
		walk(p, base)
	} else if base.Deny {
		out = append(out, base)
	}
	return out
}

func day(v fhir.Value) (time.Time, bool) {
	d, err := fhir.ParseDateTime(v.Text())
	if err != nil {
		return time.Time{}, false
	}
	return d.Low(), true
}
