package gpconnect

// kind is one type of resource in both versions of FHIR.
type kind struct {
	r4      string
	up      func(m *mapping, n *node) // STU3 to R4, after references and extensions are done
	down    func(g *giving, n *node)  // R4 to STU3
	patient string                    // the element that says whose it is, "" where it is nobody's
	profile string                    // of Care Connect, in what we answer
	single  []string                  // elements that are lists in R4's neighbours but single here, such as identifier
	stu3    string                    // the elements STU3 has, besides those of every resource; "" where they are R4's
}

// kinds are the types that GP Connect sends or that practices are known to send beside them.
var kinds = map[string]kind{
	"Patient": {r4: "Patient", up: patientUp, down: patientDown, profile: "GPC-Patient-1",
		stu3: "identifier active name telecom gender birthDate deceasedBoolean deceasedDateTime address maritalStatus multipleBirthBoolean multipleBirthInteger photo contact communication generalPractitioner managingOrganization link"},
	"Organization":      {r4: "Organization", profile: "GPC-Organization-1"},
	"Practitioner":      {r4: "Practitioner", profile: "GPC-Practitioner-1"},
	"PractitionerRole":  {r4: "PractitionerRole", profile: "GPC-PractitionerRole-1"},
	"Location":          {r4: "Location", down: locationDown, profile: "GPC-Location-1"},
	"HealthcareService": {r4: "HealthcareService", up: serviceUp, profile: "HealthcareService-1"},
	"RelatedPerson":     {r4: "RelatedPerson", patient: "patient"},
	"EpisodeOfCare":     {r4: "EpisodeOfCare", patient: "patient"},
	"Flag":              {r4: "Flag", patient: "subject"},
	"Device":            {r4: "Device"},
	"AllergyIntolerance": {r4: "AllergyIntolerance", up: allergyUp, down: allergyDown, patient: "patient", profile: "GPC-AllergyIntolerance-1",
		stu3: "identifier clinicalStatus verificationStatus type category criticality code patient onsetDateTime onsetAge onsetPeriod onsetRange onsetString assertedDate recorder asserter lastOccurrence note reaction"},
	"Condition": {r4: "Condition", up: conditionUp, down: conditionDown, patient: "subject", profile: "GPC-ProblemHeader-Condition-1",
		stu3: "identifier clinicalStatus verificationStatus category severity code bodySite subject context onsetDateTime onsetAge onsetPeriod onsetRange onsetString abatementDateTime abatementAge abatementPeriod abatementRange abatementString assertedDate asserter stage evidence note"},
	"Encounter": {r4: "Encounter", up: encounterUp, down: encounterDown, patient: "subject", profile: "GPC-Encounter-1",
		stu3: "identifier status statusHistory class classHistory type priority subject episodeOfCare incomingReferral participant appointment period length reason diagnosis account hospitalization location serviceProvider partOf"},
	"Immunization": {r4: "Immunization", up: immunizationUp, down: immunizationDown, patient: "patient", profile: "GPC-Immunization-1",
		stu3: "identifier status notGiven vaccineCode patient encounter date primarySource reportOrigin location manufacturer lotNumber expirationDate site route doseQuantity practitioner note explanation reaction vaccinationProtocol"},
	"MedicationRequest": {r4: "MedicationRequest", up: medicationRequestUp, down: medicationRequestDown, patient: "subject", profile: "GPC-MedicationRequest-1", single: []string{"groupIdentifier"},
		stu3: "identifier definition basedOn groupIdentifier status intent category priority medicationCodeableConcept medicationReference subject context supportingInformation authoredOn requester recorder reasonCode reasonReference note dosageInstruction dispenseRequest substitution priorPrescription detectedIssue eventHistory"},
	"MedicationStatement": {r4: "MedicationStatement", up: medicationStatementUp, down: medicationStatementDown, patient: "subject", profile: "GPC-MedicationStatement-1",
		stu3: "identifier basedOn partOf context status category medicationCodeableConcept medicationReference effectiveDateTime effectivePeriod dateAsserted informationSource subject derivedFrom taken reasonNotTaken reasonCode reasonReference note dosage"},
	"Medication": {r4: "Medication", up: medicationUp, profile: "GPC-Medication-1"},
	"Observation": {r4: "Observation", up: observationUp, down: observationDown, patient: "subject", profile: "GPC-Observation-1",
		stu3: "identifier basedOn status category code subject context effectiveDateTime effectivePeriod issued performer valueQuantity valueCodeableConcept valueString valueBoolean valueRange valueRatio valueSampledData valueTime valueDateTime valuePeriod dataAbsentReason interpretation comment bodySite method specimen device referenceRange related component"},
	"DiagnosticReport": {r4: "DiagnosticReport", up: reportUp, down: reportDown, patient: "subject", profile: "GPC-DiagnosticReport-1",
		stu3: "identifier basedOn status category code subject context effectiveDateTime effectivePeriod issued performer specimen result imagingStudy image conclusion codedDiagnosis presentedForm"},
	"Specimen": {r4: "Specimen", up: specimenUp, down: specimenDown, patient: "subject", profile: "GPC-Specimen-1"},
	"ProcedureRequest": {r4: "ServiceRequest", up: procedureRequestUp, down: procedureRequestDown, patient: "subject", profile: "GPC-ProcedureRequest-1",
		stu3: "identifier definition basedOn replaces requisition status intent priority doNotPerform category code subject context occurrenceDateTime occurrencePeriod occurrenceTiming asNeededBoolean asNeededCodeableConcept authoredOn requester performerType performer reasonCode reasonReference supportingInfo specimen bodySite note relevantHistory"},
	"ReferralRequest": {r4: "ServiceRequest", up: referralUp, down: referralDown, patient: "subject", profile: "GPC-ReferralRequest-1",
		stu3: "identifier definition basedOn replaces groupIdentifier status intent type priority serviceRequested subject context occurrenceDateTime occurrencePeriod authoredOn requester specialty recipient reasonCode reasonReference description supportingInfo note relevantHistory"},
	"DocumentReference": {r4: "DocumentReference", up: documentUp, down: documentDown, patient: "subject", profile: "GPC-DocumentReference-1",
		stu3: "masterIdentifier identifier status docStatus type class subject created indexed author authenticator custodian relatesTo description securityLabel content context"},
	"List":                  {r4: "List", patient: "subject", profile: "GPC-List-1"},
	"Composition":           {r4: "Composition", patient: "subject", single: []string{"identifier"}},
	"Procedure":             {r4: "Procedure", up: procedureUp, patient: "subject"},
	"FamilyMemberHistory":   {r4: "FamilyMemberHistory", up: familyUp, patient: "patient"},
	"QuestionnaireResponse": {r4: "QuestionnaireResponse", up: questionnaireUp, patient: "subject", single: []string{"identifier"}},
	"Appointment": {r4: "Appointment", up: appointmentUp, down: appointmentDown, profile: "GPC-Appointment-1",
		stu3: "identifier status serviceCategory serviceType specialty appointmentType reason indication priority description supportingInformation start end minutesDuration slot created comment incomingReferral participant requestedPeriod"},
	"Slot":     {r4: "Slot", up: slotUp, down: slotDown, profile: "GPC-Slot-1"},
	"Schedule": {r4: "Schedule", up: scheduleUp, down: scheduleDown, profile: "GPC-Schedule-1"},
}

// coded makes a concept of what was a code, in the system that R4 requires.
func coded(n *node, name, system string) {
	if code := n.get(name); code != nil && code.isText {
		n.put(name, concept(system, code.text(), ""))
	}
}

// uncoded makes a code of a concept again: of its coding in a system.
func uncoded(n *node, name, system string) {
	for _, c := range n.get(name, "coding").items() {
		if s := c.text("system"); s == system || s == stu3System(system) {
			n.put(name, str(c.text("code")))
			return
		}
	}
	n.put(name, nil)
}

// agent makes R4's requester of STU3's, which says besides for whom somebody acts.
func agent(m *mapping, path string, n *node) {
	r := n.get("requester")
	who := r.get("agent")
	if who == nil {
		if r != nil && r.get("reference") == nil && r.get("display") == nil {
			n.put("requester", nil)
		}
		return
	}
	if behalf := r.get("onBehalfOf"); behalf != nil {
		n.add("extension", m.kept(path+".requester.onBehalfOf", behalf))
	}
	n.put("requester", who)
}

func agentDown(n *node) {
	if r := n.take("requester"); r != nil {
		n.put("requester", object(has("agent", r)))
	}
}

// replaced gives a status its R4 name.
func replaced(n *node, name string, names map[string]string) {
	if to := names[n.text(name)]; to != "" {
		n.put(name, str(to))
	}
}
