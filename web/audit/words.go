package audit

import (
	"slices"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/carry"
	"github.com/kith-care/kith/record"
)

// things is what a resource type is to the person whom it is about.
var things = map[string]string{
	"Patient": "your name, address and other details", "RelatedPerson": "your family and contacts",
	"Observation": "your test results and measurements", "DiagnosticReport": "your test reports", "Specimen": "your samples", "ImagingStudy": "your scans",
	"Condition": "your health problems", "AllergyIntolerance": "your allergies", "Immunization": "your vaccinations", "Procedure": "your operations and treatments", "FamilyMemberHistory": "your family's health",
	"MedicationRequest": "your medicines", "MedicationStatement": "your medicines", "MedicationDispense": "your medicines", "MedicationAdministration": "your medicines", "Medication": "your medicines",
	"Appointment": "your appointments", "Encounter": "your visits and stays", "EpisodeOfCare": "your care", "ServiceRequest": "your referrals and tests", "Communication": "your messages",
	"DocumentReference": "your letters and documents", "Composition": "your letters and documents", "Binary": "your letters and documents", "QuestionnaireResponse": "your forms",
	"CarePlan": "your care plan", "CareTeam": "your care team", "Goal": "your goals", "Flag": "notes of care to take with you", "Task": "work to be done for you", "List": "lists in your record",
	"Consent": "what you have agreed to", "AuditEvent": "who looked at your record", "Coverage": "how your care is paid for", "Device": "your devices", "DeviceUseStatement": "your devices",
}

// verbs is what an action is, for a sentence that begins with who.
var verbs = map[access.Action]string{access.Read: "looked at", access.Search: "looked at", access.Create: "added to", access.Update: "changed", access.Delete: "removed something from"}

// purposes are the codes of v3-PurposeOfUse that are used, in words. https://terminology.hl7.org/ValueSet-v3-PurposeOfUse.html
var purposes = map[string]string{
	"TREAT": "to care for you", "ETREAT": "in an emergency", "BTG": "in an emergency, past the usual limits", "CAREMGT": "to plan your care", "COC": "to join up your care",
	"PATRQT": "because you asked", "FAMRQT": "because your family asked", "PWATRNY": "because somebody you trust asked", "HOPERAT": "to run the service", "PATADMIN": "for office work about your care", "HPAYMT": "to pay for your care",
	"HRESCH": "for research", "PUBHLTH": "for the health of everyone", "HQUALIMP": "to make care better", "PATSFTY": "to keep people safe", "RECORDMGT": "to keep the record in order", "HSYSADMIN": "to look after the computer system", "HLEGAL": "because the law asks for it", "SYSADMIN": "to look after the computer system",
}

// roles is what people who work in care are called.
var roles = map[string]string{"clinician": "doctor or other clinician", "nurse": "nurse", "pharmacist": "pharmacist", "socialworker": "social worker", "careworker": "care worker", "receptionist": "receptionist",
	"administrator": "administrator", "manager": "manager", "privacy": "privacy officer", "operator": "looks after the computer system", "analyst": "analyst", "researcher": "researcher", "patient": "a patient or somebody they trust"}

// computer reports whether an entry is of a program that nobody sat at.
func computer(e *record.TrailEntry) bool {
	if e.Who == carry.Opener {
		return false // somebody opened a link to a summary; no program does by itself
	}
	return e.Role == access.Kith || e.Role == "system" || strings.HasPrefix(e.Who, "kith/")
}

// did says what was done with what, each phrase once and in order.
func did(e *record.TrailEntry) []string {
	if e.Refused != "" {
		return []string{"tried to look at your record and was stopped"}
	}
	if e.Who == carry.Opener {
		return []string{"opened the link and saw your summary"}
	}
	verb := verbs[e.Action]
	switch {
	case strings.HasPrefix(e.What, record.Copied) && e.Action == access.Search:
		verb = "prepared a copy, with those of many others, of"
	case strings.HasPrefix(e.What, record.Copied):
		verb = "took a copy of"
	case strings.HasPrefix(e.What, record.Sent):
		verb = "was sent what is new in"
	case verb == "":
		verb = "used"
	}
	if strings.HasPrefix(e.What, "break glass ") {
		return []string{"opened your record in an emergency, past the usual limits"}
	}
	if strings.Contains(e.What, "link") && !strings.HasPrefix(e.What, "Patient") {
		return []string{"checked which records are yours"}
	}
	if strings.Contains(e.What, "$everything") || strings.Contains(e.What, "/*") {
		return []string{verb + " your whole record"}
	}
	var out []string
	types := record.Types(e.What)
	for _, typ := range types {
		thing := things[typ]
		if thing == "" {
			thing = "other parts of your record"
		}
		if typ == "Patient" && e.Action == access.Search && !strings.HasPrefix(e.What, record.Copied) {
			thing = "your name in a list" // a search that found, among others, this person
		}
		if phrase := verb + " " + thing; !slices.Contains(out, phrase) {
			out = append(out, phrase)
		}
	}
	if len(out) == 0 {
		out = []string{verb + " your record"}
	}
	return out
}

// reason says why in words.
func reason(e *record.TrailEntry) string {
	if e.Purpose == "" {
		return "No reason was given"
	}
	if why := purposes[e.Purpose]; why != "" {
		return strings.ToUpper(why[:1]) + why[1:]
	}
	return "Reason: " + e.Purpose
}
