package carry

import (
	"cmp"
	"context"
	"html"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/validate"
)

// Item is one thing of a summary: the resource that says it, and the same in words.
type Item struct {
	Resource *fhir.Resource
	Words    string // what it is
	Detail   string // dose, reaction, value
	When     string
	From     string // who says so
}

// Summary is what goes into an International Patient Summary. The resources are as the record has them.
type Summary struct {
	Patient      *fhir.Resource
	Problems     []Item // Condition
	Past         []Item // Condition, over
	Medicines    []Item // MedicationRequest or MedicationStatement
	Allergies    []Item // AllergyIntolerance
	Vaccinations []Item // Immunization
	Results      []Item // Observation
	Procedures   []Item // Procedure
}

// part is a section of the document. https://hl7.org/fhir/uv/ips/STU1.1/StructureDefinition-Composition-uv-ips.html
type part struct {
	title, loinc, display string
	items                 []Item
	must                  bool // it stands there even where nothing is known
}

// Part is a section as people read it.
type Part struct {
	Title string
	Items []Item
}

func (s *Summary) parts() []part {
	return []part{
		{"Allergies", "48765-2", "Allergies and adverse reactions Document", s.Allergies, true},
		{"Medicines", "10160-0", "History of Medication use Narrative", s.Medicines, true},
		{"Health problems", "11450-4", "Problem list - Reported", s.Problems, true},
		{"Vaccinations", "11369-6", "History of Immunization Narrative", s.Vaccinations, false},
		{"Operations and procedures", "47519-4", "History of Procedures Document", s.Procedures, false},
		{"Results", "30954-2", "Relevant diagnostic tests/laboratory data Narrative", s.Results, false},
		{"Past health problems", "11348-0", "History of Past illness Narrative", s.Past, false},
	}
}

// Parts are the sections that say something, and those that must be there, in the order of the document.
func (s *Summary) Parts() []Part {
	var out []Part
	for _, p := range s.parts() {
		if p.must || len(p.items) > 0 {
			out = append(out, Part{p.title, p.items})
		}
	}
	return out
}

// nothing is what a section says that has no entries: an empty one could be taken for "none".
const nothing = "Nothing is recorded here. That does not mean that there is nothing."

// Document makes the FHIR document as of now. Each entry is rebuilt for it: it is about the one Patient of the document, and refers to nothing that is not in
// it. Invalid where a resource cannot be read as what its section holds.
func (s *Service) Document(sum *Summary) (*fhir.Resource, error) {
	now := fhir.DateTimeOf(s.Now().UTC().Truncate(time.Second))
	b := &r4.Bundle{Type: "document", Timestamp: now, Identifier: &r4.Identifier{System: s.Base + "/summary", Value: s.Door.NewID()},
		Meta: &r4.Meta{Profile: []string{"http://hl7.org/fhir/uv/ips/StructureDefinition/Bundle-uv-ips"}}}
	var patient r4.Patient
	if err := r4.Decode(sum.Patient, &patient); err != nil {
		return nil, err
	}
	who := &r4.Patient{ID: patient.ID, Gender: patient.Gender, BirthDate: patient.BirthDate, DeceasedBoolean: patient.DeceasedBoolean, DeceasedDateTime: patient.DeceasedDateTime}
	for _, id := range patient.Identifier {
		if id.System == "https://fhir.nhs.uk/Id/nhs-number" {
			who.Identifier = append(who.Identifier, r4.Identifier{System: id.System, Value: id.Value})
			break
		}
	}
	for _, n := range patient.Name {
		if n.Use != "old" && n.Use != "nickname" {
			who.Name = append(who.Name, r4.HumanName{Use: n.Use, Text: n.Text, Family: n.Family, Given: n.Given, Prefix: n.Prefix})
			break
		}
	}
	subject := &r4.Reference{Reference: "Patient/" + who.ID}
	author := &r4.Organization{ID: "author", Name: cmp.Or(s.Name, "Kith")}
	made := r4.Reference{Reference: "Organization/author", Display: author.Name}
	c := &r4.Composition{ID: "summary", Status: "final", Type: concept("http://loinc.org", "60591-5", "Patient summary Document"), Subject: subject, Date: now, Author: []r4.Reference{made}, Custodian: &made,
		Title: "Patient summary", Confidentiality: "N", Meta: &r4.Meta{Profile: []string{"http://hl7.org/fhir/uv/ips/StructureDefinition/Composition-uv-ips"}}}
	var entries []any
	for _, p := range sum.parts() {
		if len(p.items) == 0 && !p.must {
			continue
		}
		section := r4.CompositionSection{Title: p.title, Code: concept("http://loinc.org", p.loinc, p.display), Text: &r4.Narrative{Status: "generated", Div: narrative(p.items)}}
		if len(p.items) == 0 {
			section.EmptyReason = concept("http://terminology.hl7.org/CodeSystem/list-empty-reason", "unavailable", "Unavailable")
			section.EmptyReason.Text = nothing
		}
		for _, it := range p.items {
			entry, err := alone(it.Resource, subject)
			if err != nil {
				return nil, err
			}
			section.Entry = append(section.Entry, r4.Reference{Reference: it.Resource.Type() + "/" + it.Resource.ID()})
			entries = append(entries, entry)
		}
		c.Section = append(c.Section, section)
	}
	for _, x := range append([]any{c, who, author}, entries...) {
		res, err := r4.Resource(x)
		if err != nil {
			return nil, err
		}
		full := s.Base + "/fhir/" + res.Type() + "/" + res.ID()
		b.Entry = append(b.Entry, r4.BundleEntry{FullUrl: full, Resource: res})
	}
	return r4.Resource(b)
}

// Check holds a document against R4; what it says is wrong is a fault of ours.
func Check(ctx context.Context, doc *fhir.Resource) error {
	issues, err := (&validate.Validator{}).Full(ctx, doc)
	if err != nil {
		return err
	}
	for _, i := range issues {
		if i.Severity == validate.Error {
			return fhir.Errorf(fhir.Broken, "the summary is not valid at %s: %s", i.Expression, i.Message)
		}
	}
	return nil
}

func concept(system, code, display string) *r4.CodeableConcept {
	return &r4.CodeableConcept{Coding: []r4.Coding{{System: system, Code: code, Display: display}}}
}

// alone is a resource that refers to nothing but the patient of the document.
func alone(res *fhir.Resource, subject *r4.Reference) (any, error) {
	switch res.Type() {
	case "Condition":
		var x r4.Condition
		err := r4.Decode(res, &x)
		return &r4.Condition{ID: x.ID, ClinicalStatus: x.ClinicalStatus, VerificationStatus: x.VerificationStatus, Category: x.Category, Severity: x.Severity, Code: codes(x.Code), Subject: subject,
			OnsetDateTime: x.OnsetDateTime, OnsetPeriod: x.OnsetPeriod, AbatementDateTime: x.AbatementDateTime, AbatementPeriod: x.AbatementPeriod, RecordedDate: x.RecordedDate}, err
	case "AllergyIntolerance":
		var x r4.AllergyIntolerance
		err := r4.Decode(res, &x)
		return &r4.AllergyIntolerance{ID: x.ID, ClinicalStatus: x.ClinicalStatus, VerificationStatus: x.VerificationStatus, Type: x.Type, Category: x.Category, Criticality: x.Criticality, Code: codes(x.Code), Patient: subject,
			OnsetDateTime: x.OnsetDateTime, RecordedDate: x.RecordedDate, Reaction: x.Reaction}, err
	case "MedicationRequest":
		var x r4.MedicationRequest
		err := r4.Decode(res, &x)
		out := &r4.MedicationRequest{ID: x.ID, Status: x.Status, Intent: x.Intent, MedicationCodeableConcept: codes(x.MedicationCodeableConcept), Subject: subject, AuthoredOn: x.AuthoredOn, DosageInstruction: x.DosageInstruction}
		if out.MedicationCodeableConcept == nil && x.MedicationReference != nil {
			out.MedicationCodeableConcept = &r4.CodeableConcept{Text: cmp.Or(x.MedicationReference.Display, "Medicine without a name")}
		}
		return out, err
	case "MedicationStatement":
		var x r4.MedicationStatement
		err := r4.Decode(res, &x)
		out := &r4.MedicationStatement{ID: x.ID, Status: x.Status, MedicationCodeableConcept: codes(x.MedicationCodeableConcept), Subject: subject, EffectiveDateTime: x.EffectiveDateTime, EffectivePeriod: x.EffectivePeriod,
			DateAsserted: x.DateAsserted, Dosage: x.Dosage}
		if out.MedicationCodeableConcept == nil && x.MedicationReference != nil {
			out.MedicationCodeableConcept = &r4.CodeableConcept{Text: cmp.Or(x.MedicationReference.Display, "Medicine without a name")}
		}
		return out, err
	case "Immunization":
		var x r4.Immunization
		err := r4.Decode(res, &x)
		for i := range x.ProtocolApplied {
			x.ProtocolApplied[i].Authority = nil
		}
		return &r4.Immunization{ID: x.ID, Status: x.Status, StatusReason: x.StatusReason, VaccineCode: codes(x.VaccineCode), Patient: subject, OccurrenceDateTime: x.OccurrenceDateTime, OccurrenceString: x.OccurrenceString,
			LotNumber: x.LotNumber, Site: x.Site, Route: x.Route, ProtocolApplied: x.ProtocolApplied}, err
	case "Observation":
		var x r4.Observation
		err := r4.Decode(res, &x)
		return &r4.Observation{ID: x.ID, Status: x.Status, Category: x.Category, Code: codes(x.Code), Subject: subject, EffectiveDateTime: x.EffectiveDateTime, EffectivePeriod: x.EffectivePeriod, EffectiveInstant: x.EffectiveInstant, Issued: x.Issued,
			ValueQuantity: x.ValueQuantity, ValueCodeableConcept: x.ValueCodeableConcept, ValueString: x.ValueString, ValueBoolean: x.ValueBoolean, ValueInteger: x.ValueInteger, ValueRange: x.ValueRange, ValueRatio: x.ValueRatio,
			ValueTime: x.ValueTime, ValueDateTime: x.ValueDateTime, ValuePeriod: x.ValuePeriod, DataAbsentReason: x.DataAbsentReason, Interpretation: x.Interpretation, ReferenceRange: x.ReferenceRange, Component: x.Component}, err
	case "Procedure":
		var x r4.Procedure
		err := r4.Decode(res, &x)
		return &r4.Procedure{ID: x.ID, Status: x.Status, StatusReason: x.StatusReason, Category: x.Category, Code: codes(x.Code), Subject: subject, PerformedDateTime: x.PerformedDateTime, PerformedPeriod: x.PerformedPeriod,
			PerformedString: x.PerformedString, BodySite: x.BodySite}, err
	}
	return nil, fhir.Errorf(fhir.Invalid, "a summary does not hold %s", res.Type())
}

// codes is a term with the codes that mean something elsewhere: a supplier's own numbers stay behind.
func codes(c *r4.CodeableConcept) *r4.CodeableConcept {
	if c == nil {
		return nil
	}
	out := &r4.CodeableConcept{Text: c.Text}
	for _, coding := range c.Coding {
		if strings.HasPrefix(coding.System, "http") && !strings.Contains(coding.System, "NullFlavor") {
			out.Coding = append(out.Coding, r4.Coding{System: coding.System, Code: coding.Code, Display: coding.Display})
		}
	}
	if out.Text == "" && out.Coding == nil {
		for _, coding := range c.Coding {
			out.Text = cmp.Or(out.Text, coding.Display, coding.Code)
		}
	}
	return out
}

// narrative is a section in words, as XHTML.
func narrative(items []Item) string {
	if len(items) == 0 {
		return `<div xmlns="http://www.w3.org/1999/xhtml"><p>` + nothing + `</p></div>`
	}
	var b strings.Builder
	b.WriteString(`<div xmlns="http://www.w3.org/1999/xhtml"><ul>`)
	for _, it := range items {
		b.WriteString("<li>" + html.EscapeString(it.Words))
		for _, more := range []string{it.Detail, it.When, it.From} {
			if more != "" {
				b.WriteString(", " + html.EscapeString(more))
			}
		}
		b.WriteString("</li>")
	}
	b.WriteString("</ul></div>")
	return b.String()
}
