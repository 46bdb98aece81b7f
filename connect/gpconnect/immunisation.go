package gpconnect

import "strings"

// immunizationUp: what was not given is a status, when it was recorded an element. R4 asks for an occurrence, so a day that is not
// known is said in words. Suppliers that know the procedure and not the product send an unknown product: the vaccine is then what the
// procedure says, so that it is found.
func immunizationUp(m *mapping, n *node) {
	if n.take("notGiven").is("true") {
		n.put("status", str("not-done"))
	}
	n.rename("date", "occurrenceDateTime")
	if n.get("occurrenceDateTime") == nil {
		n.put("occurrenceString", str("not recorded"))
	}
	if _, recorded := valueOf(n.takeExtension(ccExt + "DateRecorded-1")); recorded != nil {
		n.put("recorded", recorded)
	}
	vaccine := n.get("vaccineCode")
	if _, procedure := valueOf(n.extended(ukExt + "VaccinationProcedure")); procedure != nil && !known(vaccine) {
		if vaccine == nil {
			vaccine = object(has("text", procedure.get("text").copy()))
		}
		vaccine.put("coding", list(append(procedure.get("coding").copy().items(), vaccine.get("coding").items()...)...))
		n.put("vaccineCode", vaccine)
	}
	for _, p := range n.get("practitioner").items() {
		p.rename("role", "function")
	}
	n.rename("practitioner", "performer")
	if why := n.take("explanation"); why != nil {
		n.put("reasonCode", why.get("reason"))
		n.put("statusReason", why.get("reasonNotGiven").first())
	}
	n.rename("vaccinationProtocol", "protocolApplied")
	for _, p := range n.get("protocolApplied").items() {
		p.rename("doseSequence", "doseNumberPositiveInt")
		if p.get("doseNumberPositiveInt") == nil {
			p.put("doseNumberString", str("not recorded"))
		}
		p.rename("seriesDoses", "seriesDosesPositiveInt")
		for _, name := range []string{"description", "doseStatus", "doseStatusReason"} {
			for _, v := range p.take(name).items() {
				p.add("extension", m.kept("Immunization.vaccinationProtocol."+name, v))
			}
		}
	}
}

// known reports whether a vaccine has a code that says which.
func known(vaccine *node) bool {
	for _, c := range vaccine.get("coding").items() {
		if !strings.HasSuffix(c.text("system"), "NullFlavor") && c.text("code") != "" {
			return true
		}
	}
	return false
}

func immunizationDown(_ *giving, n *node) {
	n.put("notGiven", truth(n.text("status") == "not-done"))
	if n.text("status") == "not-done" {
		n.put("status", str("completed"))
	}
	n.rename("occurrenceDateTime", "date")
	n.put("occurrenceString", nil)
	if recorded := n.take("recorded"); recorded != nil {
		n.add("extension", extension(ccExt+"DateRecorded-1", "DateTime", recorded))
	}
	if n.extended(ccExt+"VaccinationProcedure-1") == nil && known(n.get("vaccineCode")) {
		n.add("extension", extension(ccExt+"VaccinationProcedure-1", "CodeableConcept", n.get("vaccineCode").copy()))
	}
	for _, p := range n.get("performer").items() {
		p.rename("function", "role")
	}
	n.rename("performer", "practitioner")
	why := object(has("reason", n.take("reasonCode")))
	if not := n.take("statusReason"); not != nil {
		why.put("reasonNotGiven", list(not))
	}
	if !why.empty() {
		n.put("explanation", why)
	}
	n.rename("protocolApplied", "vaccinationProtocol")
	for _, p := range n.get("vaccinationProtocol").items() {
		p.rename("doseNumberPositiveInt", "doseSequence")
		p.put("doseNumberString", nil)
		p.rename("seriesDosesPositiveInt", "seriesDoses")
		for _, name := range []string{"description", "doseStatus", "doseStatusReason"} {
			if _, v := valueOf(p.takeExtension(crossVersion + "Immunization.vaccinationProtocol." + name)); v != nil {
				p.put(name, v)
			}
		}
		if p.get("doseStatus") == nil {
			p.put("doseStatus", list(concept("http://hl7.org/fhir/vaccination-protocol-dose-status", "count", "Counts"))) // STU3 asks for one
		}
	}
}
