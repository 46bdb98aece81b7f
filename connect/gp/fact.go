package gp

import (
	"strings"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// fact is what the coded entries of all suppliers have in common, before it is known what they are.
type fact struct {
	m         *intake.Mapping
	meta      *r4.Meta
	id        []r4.Identifier
	code      *r4.CodeableConcept
	patient   *r4.Reference
	encounter *r4.Reference
	by        *r4.Reference // who is answerable for it
	enteredBy *r4.Reference
	when      fhir.DateTime // when it was so
	recorded  fhir.DateTime // when it was written down
	text      string
	problem   *r4.Reference // the problem it was recorded under
	parent    *r4.Reference // the entry it belongs to
}

// extensions link an entry to the one it belongs to and to its problem, where R4's own elements cannot.
func (f *fact) extensions() []r4.Extension {
	var out []r4.Extension
	if f.parent != nil {
		out = append(out, r4.Extension{URL: "http://hl7.org/fhir/StructureDefinition/event-partOf", ValueReference: f.parent})
	}
	if f.problem != nil {
		out = append(out, r4.Extension{URL: "http://hl7.org/fhir/StructureDefinition/workflow-supportingInfo", ValueReference: f.problem})
	}
	return out
}

func (f *fact) observation(value *r4.Quantity, low, high string) *r4.Observation {
	o := &r4.Observation{Meta: f.meta, Extension: f.extensions(), Identifier: f.id, Status: "final", Code: f.code, Subject: f.patient, Encounter: f.encounter, EffectiveDateTime: f.when,
		Performer: references(f.by), ValueQuantity: value, Note: note(f.text)}
	if !atLeast(f.recorded, fhir.Second) {
		return o
	}
	o.Issued = f.recorded
	if low != "" || high != "" {
		rr := r4.ObservationReferenceRange{}
		if n, err := fhir.ParseDecimal(low); err == nil {
			rr.Low = &r4.Quantity{Value: &n}
		}
		if n, err := fhir.ParseDecimal(high); err == nil {
			rr.High = &r4.Quantity{Value: &n}
		}
		if rr.Low != nil || rr.High != nil {
			o.ReferenceRange = append(o.ReferenceRange, rr)
		}
	}
	return o
}

func atLeast(d fhir.DateTime, p fhir.Precision) bool { return d.Precision() >= p }

func (f *fact) report() *r4.DiagnosticReport {
	r := &r4.DiagnosticReport{Meta: f.meta, Extension: f.extensions(), Identifier: f.id, Status: "final", Code: f.code, Subject: f.patient, Encounter: f.encounter, EffectiveDateTime: f.when,
		Performer: references(f.by), Conclusion: f.text}
	if atLeast(f.recorded, fhir.Second) {
		r.Issued = f.recorded
	}
	return r
}

func (f *fact) condition(categories ...string) *r4.Condition {
	c := &r4.Condition{Meta: f.meta, Extension: f.extensions(), Identifier: f.id, ClinicalStatus: clinical("active"), Code: f.code, Subject: f.patient, Encounter: f.encounter, OnsetDateTime: f.when,
		RecordedDate: f.recorded, Asserter: f.by, Recorder: f.enteredBy, Note: note(f.text)}
	for _, code := range categories {
		c.Category = append(c.Category, *concept(hl7+"condition-category", code, ""))
	}
	return c
}

func (f *fact) procedure() *r4.Procedure {
	p := &r4.Procedure{Meta: f.meta, Extension: f.extensions(), Identifier: f.id, Status: "completed", Code: f.code, Subject: f.patient, Encounter: f.encounter, PerformedDateTime: f.when, Recorder: f.enteredBy, Note: note(f.text)}
	if f.by != nil {
		p.Performer = []r4.ProcedurePerformer{{Actor: f.by}}
	}
	return p
}

func (f *fact) allergy() *r4.AllergyIntolerance {
	return &r4.AllergyIntolerance{Meta: f.meta, Extension: f.extensions(), Identifier: f.id, ClinicalStatus: concept(hl7+"allergyintolerance-clinical", "active", ""),
		VerificationStatus: concept(hl7+"allergyintolerance-verification", "unconfirmed", ""), Code: f.code, Patient: f.patient, Encounter: f.encounter, OnsetDateTime: f.when, RecordedDate: f.recorded,
		Recorder: f.enteredBy, Asserter: f.by, Note: note(f.text)}
}

// immunization is one given; a day that is not known is said in words, since R4 asks for one.
func (f *fact) immunization() *r4.Immunization {
	i := &r4.Immunization{Meta: f.meta, Extension: f.extensions(), Identifier: f.id, Status: "completed", VaccineCode: f.code, Patient: f.patient, Encounter: f.encounter, OccurrenceDateTime: f.when, Recorded: f.recorded,
		PrimarySource: truth(true), Note: note(f.text)}
	if f.when.Year == 0 {
		i.OccurrenceString = "not recorded"
	}
	if f.by != nil {
		i.Performer = []r4.ImmunizationPerformer{{Actor: f.by}}
	}
	return i
}

// family is a disorder of a relative; which relative, the code says at best.
func (f *fact) family() *r4.FamilyMemberHistory {
	return &r4.FamilyMemberHistory{Meta: f.meta, Extension: f.extensions(), Identifier: f.id, Status: "partial", Patient: f.patient, Date: f.when,
		Relationship: concept(hl7+"v3-RoleCode", "FAMMEMB", "family member"),
		Condition:    []r4.FamilyMemberHistoryCondition{{Code: f.code, Note: note(f.text)}}}
}

func (f *fact) request(intent string) *r4.ServiceRequest {
	return &r4.ServiceRequest{Meta: f.meta, Extension: f.extensions(), Identifier: f.id, Status: "active", Intent: intent, Code: f.code, Subject: f.patient, Encounter: f.encounter,
		AuthoredOn: f.when, Requester: f.by, Note: note(f.text)}
}

func (f *fact) specimen() *r4.Specimen {
	s := &r4.Specimen{Meta: f.meta, Extension: f.extensions(), Identifier: f.id, Status: "available", Type: f.code, Subject: f.patient, Note: note(f.text)}
	if f.when.Year != 0 {
		s.Collection = &r4.SpecimenCollection{CollectedDateTime: f.when, Collector: f.by}
	}
	return s
}

// prescription is a medicine ordered once (intent order) or to be ordered again and again (intent plan).
func (f *fact) prescription(intent, dose, quantity, unit string) *r4.MedicationRequest {
	p := &r4.MedicationRequest{Meta: f.meta, Extension: f.extensions(), Identifier: f.id, Status: "active", Intent: intent, MedicationCodeableConcept: f.code, Subject: f.patient, Encounter: f.encounter, AuthoredOn: f.when,
		Requester: f.by, Recorder: f.enteredBy, Note: note(f.text)}
	if f.problem != nil {
		p.ReasonReference = references(f.problem)
		p.Extension = nil
	}
	if dose != "" {
		p.DosageInstruction = []r4.Dosage{{Text: dose}}
	}
	if n, err := fhir.ParseDecimal(quantity); err == nil {
		p.DispenseRequest = &r4.MedicationRequestDispenseRequest{Quantity: &r4.Quantity{Value: &n, Unit: unit}}
	}
	return p
}

// address is where somebody lives.
func address(postcode string, lines ...string) []r4.Address {
	a := r4.Address{Use: "home", PostalCode: strings.ToUpper(postcode)}
	for _, l := range lines {
		if l != "" {
			a.Line = append(a.Line, l)
		}
	}
	if a.PostalCode == "" && a.Line == nil {
		return nil
	}
	return []r4.Address{a}
}

// nhs is an NHS number with what is known of it. https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus
func nhs(number, status string) []r4.Identifier {
	number = strings.ReplaceAll(number, " ", "")
	if number == "" {
		return nil
	}
	id := r4.Identifier{System: nhsNumber, Value: number}
	if status != "" {
		id.Extension = []r4.Extension{{URL: ukCore + "Extension-UKCore-NHSNumberVerificationStatus",
			ValueCodeableConcept: concept(ukCode+"UKCore-NHSNumberVerificationStatusEngland", status, "")}}
	}
	return []r4.Identifier{id}
}

// telecom lists ways to reach somebody; what is empty is left out.
func telecom(home, mobile, email string) []r4.ContactPoint {
	var out []r4.ContactPoint
	for _, c := range []r4.ContactPoint{{System: "phone", Value: home, Use: "home"}, {System: "phone", Value: mobile, Use: "mobile"}, {System: "email", Value: email}} {
		if c.Value != "" {
			out = append(out, c)
		}
	}
	return out
}

// sex is administrative gender as the suppliers write it.
func sex(s string) string {
	switch strings.ToUpper(s) {
	case "M", "MALE", "1":
		return "male"
	case "F", "FEMALE", "2":
		return "female"
	case "I", "INDETERMINATE", "9", "O":
		return "other"
	}
	return "unknown"
}

// period is from one day to another; nil where neither is known.
func period(start, end fhir.DateTime) *r4.Period {
	if start.Year == 0 && end.Year == 0 {
		return nil
	}
	return &r4.Period{Start: start, End: end}
}
