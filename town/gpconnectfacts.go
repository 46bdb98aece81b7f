package town

import (
	"fmt"
	"strings"
	"time"
)

// consultation is an Encounter; what was entered in it hangs on lists of its own.
func (s *structured) consultation(f *fact, id string) {
	ends := f.when.Add(8 * time.Minute)
	part := func(code, display string) node {
		return object("type", list(conceptOf(stu3+"CodeSystem/GPConnect-ParticipantType-1", code, display)), "individual", s.ref(f.by))
	}
	s.add("Encounter", id, "GPC-Encounter-1", "identifier", crossID(id), "status", "finished", "type", list(object("text", f.place)), "subject", s.subject(),
		"participant", list(part("PPRF", "primary performer"), part("REC", "recorder")), "period", object("start", clock(f.when), "end", clock(ends)),
		"length", object("value", 8, "unit", "min", "system", ucum, "code", "min"), "serviceProvider", refTo("Organization", s.place.organizations[s.practice].id))
	s.say(f, "Encounter")
}

func (s *structured) problem(f *fact, id string) {
	status, ended := "active", ""
	if !f.ended.IsZero() && !f.ended.After(s.at) {
		status, ended = "resolved", ymd(f.ended)
	}
	weight := object("url", stu3HL7+"StructureDefinition/Extension-CareConnect-ProblemSignificance-1", "valueCode", map[bool]string{true: "major", false: "minor"}[f.significant])
	s.add("Condition", id, "GPC-ProblemHeader-Condition-1", "extension", list(weight), "identifier", crossID(id), "clinicalStatus", status,
		"category", list(conceptOf("http://hl7.org/fhir/condition-category", "problem-list-item", "Problem List Item")), "code", meaning(f), "subject", s.subject(), "context", s.visit(f),
		"onsetDateTime", ymd(f.when), "abatementDateTime", ended, "assertedDate", clock(f.recorded), "asserter", s.ref(f.by), "note", notes(f.text))
	s.file(f, "Condition", "Problems")
	s.say(f, "Condition")
}

func (s *structured) immunisation(f *fact, id string) {
	_, batch, _ := strings.Cut(f.text, "batch ")
	s.add("Immunization", id, "GPC-Immunization-1", "extension", list(
		object("url", stu3HL7+"StructureDefinition/Extension-CareConnect-DateRecorded-1", "valueDateTime", clock(f.recorded)),
		object("url", stu3HL7+"StructureDefinition/Extension-CareConnect-VaccinationProcedure-1", "valueCodeableConcept", meaning(f))),
		"identifier", crossID(id), "status", "completed", "notGiven", false, "vaccineCode", object("coding", list(object("system", "http://hl7.org/fhir/v3/NullFlavor", "code", "UNK")), "text", f.code.term),
		"patient", s.subject(), "date", ymd(f.when), "primarySource", true, "lotNumber", batch, "practitioner", list(object("actor", s.ref(f.by))))
	s.file(f, "Immunization", "Immunisations")
	s.say(f, "Immunization")
}

// degraded medicines came from another system by GP2GP and lost their code: one in twenty.
func (s *structured) degraded(f *fact) bool { return (f.drug.n*7+s.c.p.i)%20 == 3 }

func (s *structured) medicine(f *fact, id string) {
	plan := f
	if f.kind == issueFact {
		plan = f.of
	}
	drug := "med-" + fmt.Sprint(f.drug.n)
	if s.degraded(f) {
		drug += "-degraded"
	}
	if !s.drugs[f.drug.n] {
		s.drugs[f.drug.n] = true
		code := conceptOf(snomed, f.drug.id, f.drug.name)
		if s.degraded(f) {
			code = object("coding", list(coded1(snomed, degraded, "Transfer-degraded medication entry")), "text", f.drug.name)
		}
		s.add("Medication", drug, "GPC-Medication-1", "code", code)
	}
	kind, display := "acute", "Acute"
	if f.repeat {
		kind, display = "repeat", "Repeat"
	}
	typed := object("url", stu3+"StructureDefinition/Extension-CareConnect-GPC-PrescriptionType-1", "valueCodeableConcept", conceptOf(stu3+"CodeSystem/CareConnect-PrescriptionType-1", kind, display))
	ended, status := f.ended, "active"
	if ended.IsZero() || ended.After(s.at) {
		ended = time.Time{}
	}
	if !f.repeat || !ended.IsZero() {
		status = "completed"
	}
	days := max(plan.step, 28)
	stop := f.when.Add(time.Duration(days) * day)
	dispense := object("validityPeriod", object("start", clock(f.when), "end", clock(stop)),
		"quantity", object("extension", list(object("url", stu3+"StructureDefinition/Extension-CareConnect-GPC-MedicationQuantityText-1", "valueString", f.quantity+" "+f.unit))),
		"expectedSupplyDuration", object("value", days, "unit", "day", "system", ucum, "code", "d"), "performer", refTo("Organization", s.place.organizations[s.practice].id))
	usual := []any{"identifier", crossID(id), "groupIdentifier", object("value", "M-"+fmt.Sprint(plan.n))}
	if f.kind == issueFact {
		if !s.there(plan) {
			return
		}
		usual = append(usual, "basedOn", list(refTo("MedicationRequest", s.id(plan))), "status", "completed", "intent", "order")
	} else {
		usual = append(usual, "status", status, "intent", "plan")
	}
	usual = append(usual, "medicationReference", refTo("Medication", drug), "subject", s.subject(), "context", s.visit(f), "authoredOn", clock(f.when), "recorder", s.ref(f.by),
		"dosageInstruction", list(object("text", f.dose)), "dispenseRequest", dispense)
	extensions := list(typed)
	if f.kind == planFact {
		extensions = list(object("url", stu3+"StructureDefinition/Extension-CareConnect-GPC-MedicationRepeatInformation-1",
			"extension", list(object("url", "numberOfRepeatPrescriptionsIssued", "valuePositiveInt", max(1, f.issued(s.at))))), typed)
	}
	s.add("MedicationRequest", id, "GPC-MedicationRequest-1", append([]any{"extension", extensions}, usual...)...)
	s.say(f, "MedicationRequest")
	if f.kind == issueFact {
		return
	}
	statement := "ms-" + id
	period := object("start", clock(f.when))
	if !ended.IsZero() {
		period = object("start", clock(f.when), "end", clock(ended))
	}
	s.add("MedicationStatement", statement, "GPC-MedicationStatement-1", "identifier", crossID(statement), "basedOn", list(refTo("MedicationRequest", id)), "status", status,
		"medicationReference", refTo("Medication", drug), "effectivePeriod", period, "dateAsserted", clock(f.when), "subject", s.subject(), "taken", "unk", "dosage", list(object("text", f.dose)))
	ref := object("item", refTo("MedicationStatement", statement))
	s.lists["Medications and medical devices"] = append(s.lists["Medications and medical devices"], ref)
}

func (s *structured) request(f *fact, id string) {
	intent, kind := "order", "Investigations and results"
	if f.kind == diaryFact {
		intent, kind = "plan", "Patient recall administration"
	}
	s.add("ProcedureRequest", id, "GPC-ProcedureRequest-1", "identifier", crossID(id), "status", "active", "intent", intent, "code", meaning(f), "subject", s.subject(), "context", s.visit(f),
		"occurrenceDateTime", ymd(f.when), "authoredOn", clock(f.recorded), "requester", object("agent", s.ref(f.by)))
	s.file(f, "ProcedureRequest", kind)
	s.say(f, "ServiceRequest")
}

func (s *structured) report(f *fact, id string) {
	var results []node
	for _, child := range s.children[f] {
		results = append(results, refTo("Observation", s.id(child)))
	}
	s.add("DiagnosticReport", id, "GPC-DiagnosticReport-1", "identifier", crossID(id), "status", "final", "code", meaning(f), "subject", s.subject(), "context", s.visit(f), "effectiveDateTime", clock(f.when),
		"issued", clock(f.recorded), "performer", list(object("actor", refTo("Organization", s.place.organizations[s.practice].id))), "result", list(results...), "conclusion", f.text)
	s.file(f, "DiagnosticReport", "Investigations and results")
	s.say(f, "DiagnosticReport")
}

// observation writes everything else coded: values, findings, diagnoses that nobody made a problem.
func (s *structured) observation(f *fact, id string, want asked) {
	result := f.of != nil && f.of.kind == reportFact && s.there(f.of)
	if pressureHalf(f) >= 0 && f.of != nil && s.there(f.of) || result && !want.investigations || !result && !want.other {
		return
	}
	usual := []any{"identifier", crossID(id), "status", map[bool]string{true: "final", false: "unknown"}[result], "code", meaning(f), "subject", s.subject(), "context", s.visit(f), "effectiveDateTime", clock(f.when),
		"issued", clock(f.recorded), "performer", list(s.ref(f.by))}
	line := trueFact{}
	if f.value != "" && f.kind == observationFact {
		line.Value, line.Unit = f.at(s.at), f.unit
		usual = append(usual, "valueQuantity", object("value", number(line.Value), "unit", f.unit))
	}
	var parts []node
	var values []string
	for _, half := range s.children[f] {
		if pressureHalf(half) >= 0 {
			values = append(values, half.at(s.at))
			parts = append(parts, object("code", meaning(half), "valueQuantity", object("value", number(half.at(s.at)), "unit", half.unit)))
		}
	}
	if len(values) == 2 {
		line.Value, line.Unit = values[0]+"/"+values[1], "mmHg"
	}
	usual = append(usual, "component", list(parts...), "comment", f.text)
	if f.low != "" || f.high != "" {
		limit := func(v string) node {
			if v == "" {
				return nil
			}
			return object("value", number(v), "unit", f.unit)
		}
		pairs := []any{}
		if l := limit(f.low); l != nil {
			pairs = append(pairs, "low", l)
		}
		if h := limit(f.high); h != nil {
			pairs = append(pairs, "high", h)
		}
		usual = append(usual, "referenceRange", list(object(pairs...)))
	}
	s.add("Observation", id, "GPC-Observation-1", usual...)
	if !result {
		s.file(f, "Observation", "Uncategorised data")
	}
	said := s.say(f, "Observation")
	said.Value, said.Unit = line.Value, line.Unit
}
