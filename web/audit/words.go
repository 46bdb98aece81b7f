package audit

import (
	"slices"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/carry"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/words"
)

// things is what a resource type is to the person whom it is about.
var things = map[string]string{
	"Patient": words.Text("your name, address and other details"), "RelatedPerson": words.Text("your family and contacts"),
	"Observation": words.Text("your test results and measurements"), "DiagnosticReport": words.Text("your test reports"), "Specimen": words.Text("your samples"), "ImagingStudy": words.Text("your scans"),
	"Condition": words.Text("your health problems"), "AllergyIntolerance": words.Text("your allergies"), "Immunization": words.Text("your vaccinations"), "Procedure": words.Text("your operations and treatments"), "FamilyMemberHistory": words.Text("your family's health"),
	"MedicationRequest": words.Text("your medicines"), "MedicationStatement": words.Text("your medicines"), "MedicationDispense": words.Text("your medicines"), "MedicationAdministration": words.Text("your medicines"), "Medication": words.Text("your medicines"),
	"Appointment": words.Text("your appointments"), "Encounter": words.Text("your visits and stays"), "EpisodeOfCare": words.Text("your care"), "ServiceRequest": words.Text("your referrals and tests"), "Communication": words.Text("your messages"),
	"DocumentReference": words.Text("your letters and documents"), "Composition": words.Text("your letters and documents"), "Binary": words.Text("your letters and documents"), "QuestionnaireResponse": words.Text("your forms"),
	"CarePlan": words.Text("your care plan"), "CareTeam": words.Text("your care team"), "Goal": words.Text("your goals"), "Flag": words.Text("notes of care to take with you"), "Task": words.Text("work to be done for you"), "List": words.Text("lists in your record"),
	"Consent": words.Text("what you have agreed to"), "AuditEvent": words.Text("who looked at your record"), "Coverage": words.Text("how your care is paid for"), "Device": words.Text("your devices"), "DeviceUseStatement": words.Text("your devices"),
}

// deeds is what an action is, for a sentence that begins with who; what it was done with follows.
var deeds = map[access.Action]string{access.Read: words.Text("looked at %s"), access.Search: words.Text("looked at %s"), access.Create: words.Text("added to %s"), access.Update: words.Text("changed %s"),
	access.Delete: words.Text("removed something from %s")}

// purposes are the codes of v3-PurposeOfUse that are used, in words. https://terminology.hl7.org/ValueSet-v3-PurposeOfUse.html
var purposes = map[string]string{
	"TREAT": words.Text("to care for you"), "ETREAT": words.Text("in an emergency"), "BTG": words.Text("in an emergency, past the usual limits"), "CAREMGT": words.Text("to plan your care"), "COC": words.Text("to join up your care"),
	"PATRQT": words.Text("because you asked"), "FAMRQT": words.Text("because your family asked"), "PWATRNY": words.Text("because somebody you trust asked"), "HOPERAT": words.Text("to run the service"), "PATADMIN": words.Text("for office work about your care"), "HPAYMT": words.Text("to pay for your care"),
	"HRESCH": words.Text("for research"), "PUBHLTH": words.Text("for the health of everyone"), "HQUALIMP": words.Text("to make care better"), "PATSFTY": words.Text("to keep people safe"), "RECORDMGT": words.Text("to keep the record in order"), "HSYSADMIN": words.Text("to look after the computer system"), "HLEGAL": words.Text("because the law asks for it"), "SYSADMIN": words.Text("to look after the computer system"),
}

// roles is what people who work in care are called.
var roles = map[string]string{"clinician": words.Text("doctor or other health worker"), "nurse": words.Text("nurse"), "pharmacist": words.Text("pharmacist"), "socialworker": words.Text("social worker"), "careworker": words.Text("care worker"), "receptionist": words.Text("receptionist"),
	"administrator": words.Text("administrator"), "manager": words.Text("manager"), "privacy": words.Text("privacy officer"), "operator": words.Text("looks after the computer system"), "analyst": words.Text("analyst"), "researcher": words.Text("researcher"), "patient": words.Text("a patient or somebody they trust")}

// computer reports whether an entry is of a program that nobody sat at. A part of this program that acts in somebody's name is that somebody.
func computer(e *record.TrailEntry) bool {
	if e.Who == carry.Opener {
		return false // somebody opened a link to a summary; no program does by itself
	}
	if strings.HasPrefix(e.Who, "Practitioner/") || strings.HasPrefix(e.Who, "Patient/") {
		return false
	}
	return e.Role == access.Kith || e.Role == "system" || strings.HasPrefix(e.Who, "kith/")
}

// did says what was done with what in a language, each phrase once and in order.
func did(e *record.TrailEntry, l *words.Lang) []string {
	if e.Refused != "" {
		return []string{l.T("tried to look at your record and was stopped")}
	}
	if e.Who == carry.Opener {
		return []string{l.T("opened the link and saw your summary")}
	}
	deed := deeds[e.Action]
	switch {
	case strings.HasPrefix(e.What, record.Copied) && e.Action == access.Search:
		deed = words.Text("prepared a copy, with those of many others, of %s")
	case strings.HasPrefix(e.What, record.Copied):
		deed = words.Text("took a copy of %s")
	case strings.HasPrefix(e.What, record.Sent):
		deed = words.Text("was sent what is new in %s")
	case deed == "":
		deed = words.Text("used %s")
	}
	if strings.HasPrefix(e.What, "break glass ") {
		return []string{l.T("opened your record in an emergency, past the usual limits")}
	}
	if strings.Contains(e.What, "link") && !strings.HasPrefix(e.What, "Patient") {
		return []string{l.T("checked which records are yours")}
	}
	if strings.Contains(e.What, "$everything") || strings.Contains(e.What, "/*") {
		return []string{l.T(deed, l.T("your whole record"))}
	}
	var out []string
	types := record.Types(e.What)
	for _, typ := range types {
		thing := things[typ]
		if thing == "" {
			thing = words.Text("other parts of your record")
		}
		if typ == "Patient" && e.Action == access.Search && !strings.HasPrefix(e.What, record.Copied) {
			thing = words.Text("your name in a list") // a search that found, among others, this person
		}
		if phrase := l.T(deed, l.T(thing)); !slices.Contains(out, phrase) {
			out = append(out, phrase)
		}
	}
	if len(out) == 0 {
		out = []string{l.T(deed, l.T("your record"))}
	}
	return out
}

// reason says why in words of a language.
func reason(e *record.TrailEntry, l *words.Lang) string {
	if e.Purpose == "" {
		return l.T("No reason was given")
	}
	if why := purposes[e.Purpose]; why != "" {
		return kit.Capital(l.T(why))
	}
	return l.T("Reason: %s", e.Purpose)
}
