package hl7

import (
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

const (
	clinicalSystem     = "http://terminology.hl7.org/CodeSystem/condition-clinical"
	verificationSystem = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
	categorySystem     = "http://terminology.hl7.org/CodeSystem/condition-category"
	allergyClinical    = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
	allergyVerified    = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
)

// conceptKey is what of a coded value tells it from another: its code, or its words.
func conceptKey(p Part) string {
	return strings.ToLower(or(p.Comp(1).Text(), or(p.Comp(4).Text(), oneSpace(p.Comp(2).Text()))))
}

// dg1 maps DG1: a diagnosis of the stay.
func (b *builder) dg1(s Segment) {
	at := s.Place()
	code := s.Field(3)
	text := or(s.Field(4).Text(), code.Comp(2).Text())
	if code.Empty() && text == "" {
		b.warn(at, "no diagnosis is named")
		return
	}
	key := or(s.Field(20).Comp(1).Text(), b.patient.ID+"|"+b.encounter.ID+"|"+conceptKey(code)+"|"+s.Field(6).Text())
	if conceptKey(code) == "" {
		key += "|" + strings.ToLower(text)
	}
	x, e := draft[r4.Condition](b, "Condition", "DG1|"+key, at)
	if e.stale {
		return
	}
	if v := s.Field(20).Comp(1).Text(); v != "" {
		x.Identifier = addIdentifier(x.Identifier, b.entity(s.Field(20)))
	}
	x.Subject = b.patient.reference()
	x.Encounter = b.encounter.reference()
	x.Category = []r4.CodeableConcept{*concept(categorySystem, "encounter-diagnosis", "Encounter Diagnosis")}
	x.Code = b.concept(code)
	if x.Code == nil {
		x.Code = &r4.CodeableConcept{}
	}
	x.Code.Text = or(x.Code.Text, text)
	x.ClinicalStatus = concept(clinicalSystem, "active", "Active")
	switch s.Field(6).Text() { // table 0052
	case "W":
		x.VerificationStatus = concept(verificationSystem, "provisional", "Provisional")
	default:
		x.VerificationStatus = concept(verificationSystem, "confirmed", "Confirmed")
	}
	if s.Field(21).Text() == "D" { // table 0206: deleted
		x.ClinicalStatus = nil
		x.VerificationStatus = concept(verificationSystem, "entered-in-error", "Entered in Error")
	}
	b.setTime(at+"-5", s.Field(5), &x.OnsetDateTime)
	b.setTime(at+"-19", s.Field(19), &x.RecordedDate)
	if who := b.practitioner(at, s.Field(16).Rep()); who != nil {
		x.Asserter = who
	}
	b.diagnosed(s, e.ref)
}

// diagnosed puts a diagnosis into its stay, with its rank.
func (b *builder) diagnosed(s Segment, condition Ref) {
	stay := b.byRef[b.encounter]
	if stay == nil || stay.stale || b.code != "ADT" && b.code != "BAR" {
		return
	}
	x, said := stay.x.(*r4.Encounter), condition.String()
	for i := range x.Diagnosis {
		if x.Diagnosis[i].Condition != nil && x.Diagnosis[i].Condition.Reference == said {
			return
		}
	}
	d := r4.EncounterDiagnosis{Condition: condition.reference()}
	const system = "http://terminology.hl7.org/CodeSystem/diagnosis-role"
	switch s.Field(6).Text() {
	case "A":
		d.Use = concept(system, "AD", "Admission diagnosis")
	case "F":
		d.Use = concept(system, "DD", "Discharge diagnosis")
	}
	if n := integer(s.Field(15)); n > 0 {
		d.Rank = &n
	}
	x.Diagnosis = append(x.Diagnosis, d)
}

func integer(p Part) int {
	d, err := fhir.ParseDecimal(p.Text())
	if err != nil {
		return 0
	}
	n, whole := d.Int64()
	if !whole || n < 0 || n > 1<<30 {
		return 0
	}
	return int(n)
}

// prb maps PRB: a problem of the problem list (PPR messages, and ADT of some senders).
func (b *builder) prb(s Segment) {
	at := s.Place()
	code := s.Field(3)
	if code.Empty() {
		b.warn(at, "no problem is named")
		return
	}
	x, e := draft[r4.Condition](b, "Condition", "PRB|"+b.patient.ID+"|"+or(s.Field(4).Comp(1).Text(), conceptKey(code)), at)
	if e.stale {
		return
	}
	if s.Field(4).Comp(1).Text() != "" {
		x.Identifier = addIdentifier(x.Identifier, b.entity(s.Field(4)))
	}
	x.Subject = b.patient.reference()
	x.Category = []r4.CodeableConcept{*concept(categorySystem, "problem-list-item", "Problem List Item")}
	x.Code = b.concept(code)
	b.setTime(at+"-16", s.Field(16), &x.OnsetDateTime)
	b.setTime(at+"-2", s.Field(2), &x.RecordedDate)
	x.ClinicalStatus = concept(clinicalSystem, "active", "Active")
	if x.VerificationStatus == nil {
		x.VerificationStatus = concept(verificationSystem, "confirmed", "Confirmed")
	}
	if t := b.clock.dateTime(at+"-9", s.Field(9)); t.Year != 0 {
		x.ClinicalStatus = concept(clinicalSystem, "resolved", "Resolved")
		x.AbatementDateTime = t
	}
	if s.Field(1).Text() == "DE" {
		x.ClinicalStatus = nil
		x.VerificationStatus = concept(verificationSystem, "entered-in-error", "Entered in Error")
	}
}

// al1 maps AL1, and IAM whose fields are the same but for two: an allergy. None is ever removed because a later message
// does not list it.
func (b *builder) al1(s Segment) {
	at := s.Place()
	iam := s.Name() == "IAM"
	code := s.Field(3)
	if code.Empty() {
		b.warn(at, "no substance is named")
		return
	}
	key := b.patient.ID + "|" + conceptKey(code)
	if id := s.Field(7).Comp(1).Text(); iam && id != "" {
		key = b.patient.ID + "|" + id
	}
	x, e := draft[r4.AllergyIntolerance](b, "AllergyIntolerance", key, at)
	if e.stale {
		return
	}
	x.Patient = b.patient.reference()
	if b.encounter.ID != "" && x.Encounter == nil {
		x.Encounter = b.encounter.reference()
	}
	if iam && s.Field(7).Comp(1).Text() != "" {
		x.Identifier = addIdentifier(x.Identifier, b.entity(s.Field(7)))
	}
	x.Code = b.concept(code)
	if c := plain("allergy-category", s.Field(2).Text(), ""); c != "" {
		x.Category = []string{c}
	}
	switch s.Field(2).Text() {
	case "DA", "FA", "MA", "EA", "AA", "PA", "LA":
		x.Type = "allergy"
	}
	x.ClinicalStatus = concept(allergyClinical, "active", "Active")
	x.VerificationStatus = concept(allergyVerified, "confirmed", "Confirmed")
	if c := plain("allergy-criticality", s.Field(4).Text(), ""); c != "" {
		x.Criticality = c
	}
	severity := plain("reaction-severity", s.Field(4).Text(), "")
	var reaction r4.AllergyIntoleranceReaction
	for rep := range s.Field(5).Reps() {
		c := b.concept(rep)
		if c != nil && len(c.Coding) == 1 && rep.Comp(2).Text() == "" && rep.Comp(3).Text() == "" {
			c = &r4.CodeableConcept{Text: rep.Text()} // AL1-5 is words
		}
		reaction.Manifestation = addConcept(reaction.Manifestation, c)
	}
	if reaction.Manifestation != nil {
		reaction.Severity = severity
		x.Reaction = []r4.AllergyIntoleranceReaction{reaction}
	} else if s.Field(5).Null() {
		x.Reaction = nil
	}
	if !iam {
		b.setTime(at+"-6", s.Field(6), &x.OnsetDateTime)
		return
	}
	b.setTime(at+"-11", s.Field(11), &x.OnsetDateTime)
	b.setTime(at+"-20", s.Field(20), &x.RecordedDate)
	switch s.Field(17).Text() { // table 0438
	case "U":
		x.VerificationStatus = concept(allergyVerified, "unconfirmed", "Unconfirmed")
	case "S":
		x.VerificationStatus = concept(allergyVerified, "unconfirmed", "Unconfirmed")
	case "I", "D":
		x.ClinicalStatus = concept(allergyClinical, "inactive", "Inactive")
	case "E":
		x.ClinicalStatus, x.VerificationStatus = nil, concept(allergyVerified, "entered-in-error", "Entered in Error")
	}
	if s.Field(6).Text() == "D" {
		x.ClinicalStatus, x.VerificationStatus = nil, concept(allergyVerified, "entered-in-error", "Entered in Error")
	}
}

// pr1 maps PR1: a procedure of the stay.
func (b *builder) pr1(s Segment) {
	at := s.Place()
	code, words := s.Field(3), s.Field(4).Text()
	if code.Empty() && words == "" {
		b.warn(at, "no procedure is named")
		return
	}
	when := s.Field(5)
	key := or(s.Field(19).Comp(1).Text(), b.patient.ID+"|"+b.encounter.ID+"|"+or(conceptKey(code), words)+"|"+when.Text())
	x, e := draft[r4.Procedure](b, "Procedure", key, at)
	if e.stale {
		return
	}
	if s.Field(19).Comp(1).Text() != "" {
		x.Identifier = addIdentifier(x.Identifier, b.entity(s.Field(19)))
	}
	x.Status = "completed"
	if s.Field(20).Text() == "D" {
		x.Status = "entered-in-error"
	}
	x.Subject = b.patient.reference()
	x.Encounter = b.encounter.reference()
	x.Code = b.concept(code)
	if x.Code == nil {
		x.Code = &r4.CodeableConcept{}
	}
	x.Code.Text = or(x.Code.Text, words)
	b.setTime(at+"-5", when, &x.PerformedDateTime)
	x.Performer = nil
	for _, n := range []int{11, 8, 12} {
		for rep := range s.Field(n).Reps() {
			if who := b.practitioner(at, rep); who != nil {
				x.Performer = append(x.Performer, r4.ProcedurePerformer{Actor: who})
			}
		}
	}
}
