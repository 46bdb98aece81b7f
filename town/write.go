package town

import (
	"encoding/json"
	"strconv"
	"time"
)

func (b *bundle) organization(o *organization) {
	r := organizationResource{ResourceType: "Organization", ID: o.id, Meta: profile("Organization"), Active: true, Name: o.name,
		Identifier: []identifier{{System: nhsID + "ods-organization-code", Value: o.ods}},
		Type:       []*concept{code(hl7+"organization-type", o.kind, o.kindName)},
		Telecom:    []contactPoint{{"phone", o.phone, "work"}},
		Address:    []address{{"work", []string{o.street}, Name, o.postcode}},
	}
	if o.kind == "dept" {
		r.PartOf = &reference{"Organization/" + b.town + "-org3", Name + " General Hospital"}
	}
	b.add("Organization", o.id, r)
}

func (b *bundle) practitioner(p *practitioner) {
	b.add("Practitioner", p.id, practitionerResource{ResourceType: "Practitioner", ID: p.id, Meta: profile("Practitioner"), Active: true,
		Identifier:    []identifier{{System: nhsID + "sds-user-id", Value: p.number}},
		Name:          []humanName{{"official", p.last, []string{p.first}, []string{p.prefix}}},
		Gender:        gender(p.female),
		Qualification: []qualification{{&concept{Text: p.role}, &reference{"Organization/" + p.at.id, p.at.name}}},
	})
}

func gender(female bool) string {
	if female {
		return "female"
	}
	return "male"
}

// ref is a reference to a member of staff that says who and where, so that a page need not ask.
func (p *practitioner) ref() reference {
	return reference{"Practitioner/" + p.id, p.name() + ", " + p.at.name}
}

func (o *organization) ref() *reference { return &reference{"Organization/" + o.id, o.name} }

func (b *bundle) subject() reference {
	return reference{Reference: "Patient/" + b.town + "-" + strconv.Itoa(b.person)}
}

func (b *bundle) patient(p *person, place *place) {
	id := p.town.PatientID(p.i)
	practice := &place.organizations[p.practice]
	r := patientResource{ResourceType: "Patient", ID: id, Meta: profile("Patient"), Active: p.died.IsZero(),
		Extension: []extension{{URL: ukCore + "Extension-UKCore-EthnicCategory", Concept: code(ukSystem+"UKCore-EthnicCategoryEngland", p.ancestry.code, p.ancestry.display)}},
		Identifier: []identifier{{
			Extension: []extension{{URL: ukCore + "Extension-UKCore-NHSNumberVerificationStatus",
				Concept: code(ukSystem+"UKCore-NHSNumberVerificationStatusEngland", "01", "Number present and verified")}},
			System: nhsID + "nhs-number", Value: p.number,
		}},
		Name:                 []humanName{{"official", p.last, []string{p.first}, []string{p.prefix}}},
		Telecom:              []contactPoint{{"phone", p.house.phone, "home"}},
		Gender:               gender(p.female),
		BirthDate:            ymd(p.born),
		Address:              []address{{"home", []string{p.house.line}, Name, p.house.postcode}},
		GeneralPractitioner:  []reference{p.gp.ref()},
		ManagingOrganization: practice.ref(),
	}
	if p.middle != "" {
		r.Name[0].Given = append(r.Name[0].Given, p.middle)
	}
	if p.age(p.end) >= 16 {
		r.Telecom = append(r.Telecom, contactPoint{"phone", "07700 900" + p.number[5:8], "mobile"})
	}
	if p.married {
		r.MaritalStatus = code(hl7+"v3-MaritalStatus", "M", "Married")
	}
	if !p.died.IsZero() {
		r.Deceased = ymd(p.died)
	}
	b.add("Patient", id, r)
}

// write turns a life into resources: visits first, since the rest refers to them.
func (l *life) write(b *bundle) {
	for _, v := range l.visits {
		b.visit(v)
	}
	for _, c := range l.problems {
		b.condition(c)
	}
	for _, r := range l.allergies {
		b.allergy(r)
	}
	if len(l.allergies) == 0 && roll(l.h.p.town.Seed, l.h.p.i, "no allergies").chance(0.7) {
		b.noAllergies(l)
	}
	for _, c := range l.courses {
		b.medicine(c)
	}
	for _, v := range l.visits {
		l.measure(b, v)
	}
	for _, i := range l.immunisations {
		b.immunisation(i)
	}
	for _, p := range l.procedures {
		b.procedure(p)
	}
	for _, w := range l.pathways {
		b.referral(w, l)
	}
	for _, q := range l.h.pregnancies {
		b.expecting(q)
	}
}

func (b *bundle) visit(v *visit) {
	v.id = b.next("e")
	class := coding{hl7 + "v3-ActCode", "AMB", "ambulatory"}
	kind := &concept{Text: "GP surgery consultation"}
	switch v.kind {
	case telephone:
		class = coding{hl7 + "v3-ActCode", "VR", "virtual"}
		kind = &concept{Coding: []coding{{snomed, "386472008", "Telephone consultation"}}, Text: "Telephone consultation"}
	case review:
		kind = &concept{Text: "Nurse appointment"}
	case emergency:
		class = coding{hl7 + "v3-ActCode", "EMER", "emergency"}
		kind = &concept{Text: "Accident and emergency"}
	case outpatient:
		kind = &concept{Text: "Hospital outpatient clinic"}
	case admission:
		class = coding{hl7 + "v3-ActCode", "IMP", "inpatient encounter"}
		kind = &concept{Text: "Hospital stay"}
	}
	b.add("Encounter", v.id, encounterResource{ResourceType: "Encounter", ID: v.id, Meta: profile("Encounter"), Status: "finished", Class: class, Type: []*concept{kind},
		Subject: b.subject(), Participant: []participant{{v.by.ref()}}, Period: period{clock(v.at), clock(v.at.Add(v.length))},
		ReasonCode: []*concept{{Text: v.reason}}, ServiceProvider: v.by.at.ref()})
}

func encounter(v *visit) *reference {
	if v == nil {
		return nil
	}
	return &reference{Reference: "Encounter/" + v.id}
}

func (b *bundle) condition(c *condition) {
	c.id = b.next("c")
	category := code(hl7+"condition-category", "encounter-diagnosis", "Encounter Diagnosis")
	if c.of != nil {
		category = code(hl7+"condition-category", "problem-list-item", "Problem List Item")
	}
	status, ended := "active", ""
	if !c.ended.IsZero() {
		status, ended = "resolved", ymd(c.ended)
	}
	b.add("Condition", c.id, conditionResource{ResourceType: "Condition", ID: c.id, Meta: profile("Condition"),
		ClinicalStatus: code(hl7+"condition-clinical", status, ""), VerificationStatus: code(hl7+"condition-ver-status", "confirmed", ""),
		Category: []*concept{category}, Code: &concept{Coding: []coding{{snomed, c.code, c.display}}, Text: c.text}, Subject: b.subject(),
		Encounter: encounter(c.at), Onset: ymd(c.onset), Abatement: ended, RecordedDate: ymd(c.onset), Recorder: c.by.ref()})
}

func (b *bundle) allergy(r *reaction) {
	criticality, severity := "low", "mild"
	if r.severe {
		criticality, severity = "high", "severe"
	}
	kind := "allergy"
	id := b.next("a")
	b.add("AllergyIntolerance", id, allergyResource{ResourceType: "AllergyIntolerance", ID: id, Meta: profile("AllergyIntolerance"),
		ClinicalStatus: code(hl7+"allergyintolerance-clinical", "active", ""), VerificationStatus: code(hl7+"allergyintolerance-verification", "confirmed", ""),
		Type: kind, Category: []string{r.category}, Criticality: criticality, Code: &concept{Coding: []coding{{snomed, r.code, r.display}}, Text: r.text},
		Patient: b.subject(), RecordedDate: ymd(r.since), Recorder: r.by.ref(),
		Reaction: []allergyReaction{{[]*concept{code(snomed, r.rCode, r.allergy.reaction)}, severity}}})
}

// noAllergies records that someone asked: nothing recorded is not the same as none known.
func (b *bundle) noAllergies(l *life) {
	id := b.next("a")
	p := l.h.p
	b.add("AllergyIntolerance", id, allergyResource{ResourceType: "AllergyIntolerance", ID: id, Meta: profile("AllergyIntolerance"),
		ClinicalStatus: code(hl7+"allergyintolerance-clinical", "active", ""), VerificationStatus: code(hl7+"allergyintolerance-verification", "confirmed", ""),
		Code: &concept{Coding: []coding{{snomed, "716186003", "No known allergy"}}, Text: "No known allergies"}, Patient: b.subject(),
		RecordedDate: ymd(workday(after(p.born, 0.8*p.age(p.end)))), Recorder: p.gp.ref()})
}

func (b *bundle) medicine(c *course) {
	id := b.next("m")
	therapy := code(hl7+"medicationrequest-course-of-therapy", "acute", "Short course (acute) therapy")
	status := "completed"
	var valid *period
	if c.repeat {
		therapy = code(hl7+"medicationrequest-course-of-therapy", "continuous", "Continuous long term therapy")
		status = "active"
		valid = &period{Start: ymd(c.from)}
		if c.stopped {
			status = "stopped"
			valid.End = ymd(c.issued)
		}
	}
	r := medicationRequestResource{ResourceType: "MedicationRequest", ID: id, Meta: profile("MedicationRequest"), Status: status, Intent: "order",
		Category:   []*concept{code(hl7+"medicationrequest-category", "community", "Community")},
		Medication: &concept{Text: c.name}, Subject: b.subject(), Encounter: encounter(c.at), AuthoredOn: ymd(c.issued), Requester: c.by.ref(),
		CourseOfTherapy: therapy, Dosage: []dosage{{c.dose}},
		Dispense: &dispense{valid, &quantity{Value: json.Number(c.quantity), Unit: c.unit}}}
	if c.why != nil {
		r.ReasonReference = []reference{{"Condition/" + c.why.id, c.why.text}}
	}
	b.add("MedicationRequest", id, r)
}

// measure writes what a visit's panels show: vital signs at the visit, blood when it was taken, from the laboratory.
func (l *life) measure(b *bundle, v *visit) {
	d := roll(l.h.p.town.Seed, l.h.p.i, "measure "+v.id)
	for _, panel := range v.panels {
		at, by, issued := v.at.Add(5*time.Minute), v.by.ref(), clock(v.at.Add(v.length))
		if blood(panel) {
			if !v.tests.IsZero() {
				at = v.tests
			}
			by = *l.place.organizations[laboratory].ref()
			issued = clock(at.Add(time.Duration(20+d.IntN(12)) * time.Hour))
		}
		switch panel {
		case "bp":
			b.pressure(l.h, v, at, issued, by, d)
		case "smoking":
			b.smoking(l.h.p, v, at, issued, by)
		default:
			for _, key := range panels[panel] {
				b.measured(l.h, measureOf(key), blood(panel), v, at, issued, by, d)
			}
		}
	}
}

func (b *bundle) measured(h *health, m *measure, blood bool, v *visit, at time.Time, issued string, by reference, d dice) {
	number, x := h.value(m, at, d)
	category := code(hl7+"observation-category", "vital-signs", "Vital Signs")
	kind := profile("Observation-VitalSigns")
	if blood {
		category, kind = code(hl7+"observation-category", "laboratory", "Laboratory"), profile("Observation-Lab")
	}
	value := m.quantity(number)
	if m.key == "egfr" && x > 90 { // laboratories do not report how far above 90
		value.Value, value.Comparator = "90", ">"
	}
	id := b.next("o")
	r := observationResource{ResourceType: "Observation", ID: id, Meta: kind, Status: "final", Category: []*concept{category},
		Code: &concept{Coding: []coding{{loinc, m.loinc, m.display}}, Text: m.short}, Subject: b.subject(), Encounter: encounter(v),
		Effective: clock(at), Issued: issued, Performer: []reference{by}, Quantity: value}
	low, high := m.limits(h.p)
	if low != "" || high != "" {
		limits := referenceRange{}
		flag := ""
		if low != "" {
			limits.Low = m.quantity(low)
			if n, _ := strconv.ParseFloat(low, 64); x < n {
				flag = "L"
			}
		}
		if high != "" {
			limits.High = m.quantity(high)
			if n, _ := strconv.ParseFloat(high, 64); x > n {
				flag = "H"
			}
		}
		r.Range = []referenceRange{limits}
		if flag != "" {
			r.Interpretation = []*concept{code(hl7+"v3-ObservationInterpretation", flag, map[string]string{"L": "Low", "H": "High"}[flag])}
		}
	}
	b.add("Observation", id, r)
}

func (m *measure) quantity(number string) *quantity {
	return &quantity{Value: json.Number(number), Unit: m.unit, System: ucum, Code: m.ucum}
}

func (b *bundle) pressure(h *health, v *visit, at time.Time, issued string, by reference, d dice) {
	s, dia := h.pressure(at, d)
	mmHg := func(n int) *quantity {
		return &quantity{Value: json.Number(strconv.Itoa(n)), Unit: "mmHg", System: ucum, Code: "mm[Hg]"}
	}
	id := b.next("o")
	b.add("Observation", id, observationResource{ResourceType: "Observation", ID: id, Meta: profile("Observation-VitalSigns-BloodPressure"), Status: "final",
		Category: []*concept{code(hl7+"observation-category", "vital-signs", "Vital Signs")},
		Code: &concept{Coding: []coding{{loinc, "85354-9", "Blood pressure panel with all children optional"}, {snomed, "75367002", "Blood pressure"}},
			Text: "Blood pressure"},
		Subject: b.subject(), Encounter: encounter(v), Effective: clock(at), Issued: issued, Performer: []reference{by},
		Component: []component{
			{&concept{Coding: []coding{{loinc, "8480-6", "Systolic blood pressure"}, {snomed, "72313002", "Systolic arterial pressure"}}, Text: "Systolic"}, mmHg(s)},
			{&concept{Coding: []coding{{loinc, "8462-4", "Diastolic blood pressure"}, {snomed, "1091811000000102", "Diastolic arterial pressure"}}, Text: "Diastolic"}, mmHg(dia)},
		}})
}

func (b *bundle) smoking(p *person, v *visit, at time.Time, issued string, by reference) {
	status := [...]coding{{snomed, "266919005", "Never smoked tobacco"}, {snomed, "8517006", "Ex-smoker"}, {snomed, "77176002", "Smoker"}}[p.smoker]
	id := b.next("o")
	b.add("Observation", id, observationResource{ResourceType: "Observation", ID: id, Meta: profile("Observation"), Status: "final",
		Category: []*concept{code(hl7+"observation-category", "social-history", "Social History")},
		Code:     &concept{Coding: []coding{{loinc, "72166-2", "Tobacco smoking status"}}, Text: "Smoking"},
		Subject:  b.subject(), Encounter: encounter(v), Effective: clock(at), Issued: issued, Performer: []reference{by},
		Concept: &concept{Coding: []coding{status}, Text: status.Display}})
}

func (b *bundle) immunisation(i *immunisation) {
	id := b.next("i")
	var against []*concept
	for _, x := range i.against {
		against = append(against, code(snomed, x.code, x.display))
	}
	b.add("Immunization", id, immunizationResource{ResourceType: "Immunization", ID: id, Meta: profile("Immunization"), Status: "completed",
		VaccineCode: &concept{Text: i.name}, Patient: b.subject(), Occurrence: ymd(i.on), Recorded: ymd(i.on), Primary: true,
		Performer: []performer{{i.by.ref()}}, Protocol: []protocolDoses{{against, i.dose}}})
}

func (b *bundle) procedure(p *done) {
	id := b.next("p")
	b.add("Procedure", id, procedureResource{ResourceType: "Procedure", ID: id, Meta: profile("Procedure"), Status: "completed",
		Code: &concept{Coding: []coding{{snomed, p.code, p.display}}, Text: p.text}, Subject: b.subject(), Encounter: encounter(p.at),
		Performed: ymd(p.on), Performer: []performer{{p.by.ref()}}})
}
