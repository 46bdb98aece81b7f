package gpconnect

import "strings"

const (
	repeatInformation = gpcExt + "MedicationRepeatInformation-1"
	statusReason      = gpcExt + "MedicationStatusReason-1"
	prescriptionType  = gpcExt + "PrescriptionType-1"
	courseOfTherapy   = hl7Terms + "medicationrequest-course-of-therapy"
)

// medicationRequestUp: how often it may be repeated, why it stopped and what kind of course it is have elements in R4; the
// extensions hold what the elements cannot.
func medicationRequestUp(m *mapping, n *node) {
	m.context(n)
	agent(m, "MedicationRequest", n)
	if n.get("status") == nil {
		n.put("status", str("unknown"))
	}
	if n.get("medicationCodeableConcept") == nil && n.get("medicationReference") == nil {
		n.put("medicationCodeableConcept", object(word("text", "not stated")))
	}
	if r := n.extended(repeatInformation); r != nil {
		r.put("url", str(ukExt+"MedicationRepeatInformation"))
		for _, part := range r.get("extension").items() {
			switch part.text("url") {
			case "numberOfRepeatPrescriptionsIssued":
				part.put("url", str("numberOfPrescriptionsIssued"))
				part.rename("valuePositiveInt", "valueUnsignedInt")
			case "numberOfRepeatPrescriptionsAllowed":
				part.rename("valuePositiveInt", "valueUnsignedInt")
				d := n.get("dispenseRequest")
				if _, v := valueOf(part); v != nil && d != nil && d.get("numberOfRepeatsAllowed") == nil {
					d.put("numberOfRepeatsAllowed", v)
				}
			}
		}
	}
	if r := n.extended(statusReason); r != nil && n.get("statusReason") == nil {
		n.put("statusReason", partOf(r, "statusReason").copy())
	}
	if _, kind := valueOf(n.extended(prescriptionType)); kind != nil {
		n.put("courseOfTherapyType", course(kind))
	}
	for _, d := range n.get("dosageInstruction").items() {
		dose(d)
	}
	s := n.get("substitution")
	if allowed := s.get("allowed"); allowed != nil {
		s.put("allowed", nil)
		s.put("allowedBoolean", allowed)
	}
}

// course is the type of a course of treatment in R4's words, with the practice's own kept.
func course(kind *node) *node {
	c := kind.copy()
	code := kind.text("coding", "code")
	to := map[string]string{"acute": "acute", "acute-handwritten": "acute", "repeat": "continuous", "repeat-dispensing": "continuous-repeat-dispensing", "automatic": "continuous"}[code]
	switch {
	case to == "":
	case strings.HasPrefix(to, "continuous-"):
		c.put("coding", list(append([]*node{coding(ukCode+"MedicationRequestCourseOfTherapy", to, "")}, c.get("coding").items()...)...))
	default:
		c.put("coding", list(append([]*node{coding(courseOfTherapy, to, "")}, c.get("coding").items()...)...))
	}
	return c
}

func medicationRequestDown(_ *giving, n *node) {
	n.rename("encounter", "context")
	agentDown(n)
	if r := n.extended(ukExt + "MedicationRepeatInformation"); r != nil {
		r.put("url", str(repeatInformation))
		for _, part := range r.get("extension").items() {
			if part.text("url") == "numberOfPrescriptionsIssued" {
				part.put("url", str("numberOfRepeatPrescriptionsIssued"))
			}
		}
	}
	c := n.take("courseOfTherapyType")
	if n.extended(prescriptionType) == nil {
		code, display := "acute", "Acute"
		switch c.text("coding", "code") {
		case "continuous":
			code, display = "repeat", "Repeat"
		case "continuous-repeat-dispensing":
			code, display = "repeat-dispensing", "Repeat dispensing"
		}
		n.add("extension", extension(prescriptionType, "CodeableConcept", concept(stu3NHS+"CodeSystem/CareConnect-PrescriptionType-1", code, display)))
	}
	if why := n.take("statusReason"); why != nil && n.extended(statusReason) == nil {
		n.add("extension", object(word("url", statusReason), has("extension", list(extension("statusReason", "CodeableConcept", why)))))
	}
	for _, d := range n.get("dosageInstruction").items() {
		doseDown(d)
	}
	s := n.get("substitution")
	if allowed := s.get("allowedBoolean"); allowed != nil {
		s.put("allowedBoolean", nil)
		s.put("allowed", allowed)
	}
	if d := n.get("dispenseRequest"); d != nil {
		for _, name := range []string{"initialFill", "dispenseInterval"} {
			d.put(name, nil)
		}
	}
	n.one("category")
}

// medicationStatementUp: whether it is taken is part of the status in R4; where it is not known, as always here, the word
// is kept as an extension.
func medicationStatementUp(m *mapping, n *node) {
	switch taken := n.take("taken"); taken.text() {
	case "":
	case "n":
		n.put("status", str("not-taken"))
	default:
		n.add("extension", extension(crossVersion+"MedicationStatement.taken", "Code", taken))
	}
	n.rename("reasonNotTaken", "statusReason")
	if n.get("medicationCodeableConcept") == nil && n.get("medicationReference") == nil {
		n.put("medicationCodeableConcept", object(word("text", "not stated")))
	}
	for _, d := range n.get("dosage").items() {
		dose(d)
	}
}

func medicationStatementDown(_ *giving, n *node) {
	taken := "unk"
	if _, v := valueOf(n.takeExtension(crossVersion + "MedicationStatement.taken")); v != nil {
		taken = v.text()
	}
	switch n.text("status") {
	case "not-taken":
		n.put("status", str("completed"))
		taken = "n"
	case "on-hold", "intended", "active", "completed", "entered-in-error", "stopped":
	default:
		n.put("status", str("completed"))
	}
	n.put("taken", str(taken))
	for _, d := range n.get("dosage").items() {
		doseDown(d)
	}
}

// medicationUp: whether it is a brand or over the counter is not said in R4.
func medicationUp(*mapping, *node) {}

// doses are the members of a dosage that R4 moved into doseAndRate.
var doses = []string{"doseRange", "doseQuantity", "rateRatio", "rateRange", "rateQuantity"}

func dose(d *node) {
	amount := object()
	for _, name := range doses {
		if v := d.take(name); v != nil {
			amount.put(name, v)
		}
	}
	if !amount.empty() {
		d.add("doseAndRate", amount)
	}
}

func doseDown(d *node) {
	amount := d.take("doseAndRate").first()
	for _, name := range doses {
		if v := amount.get(name); v != nil {
			d.put(name, v)
		}
	}
}
