package apps

import (
	"net/url"
	"slices"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/rest/smart"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/words"
)

// permission is one thing that a person may tick: the scopes that say it, in words.
type permission struct {
	ID     string
	Scopes string // separated by spaces
	Words  string
	Hint   string
	Ticked bool
}

// reader is for whom a permission is put into words.
type reader struct {
	words *words.Lang
	staff bool
	self  bool   // the patient is the reader
	name  string // of the patient, "" where it is not settled

	review bool // it is read by whoever reviews the app
}

// things are resources in words that patients and staff use. What is not among them is called by its FHIR name.
// https://hl7.org/fhir/R4/resourcelist.html
var things = map[string]string{
	"AllergyIntolerance": words.Text("allergies"), "Appointment": words.Text("appointments"), "AppointmentResponse": words.Text("answers to appointments"), "AuditEvent": words.Text("the log of who has looked"), "Binary": words.Text("files"), "CarePlan": words.Text("care plans"),
	"CareTeam": words.Text("the people who give care"), "Claim": words.Text("claims"), "ClinicalImpression": words.Text("clinicians’ findings"), "Communication": words.Text("messages"), "CommunicationRequest": words.Text("requests for messages"), "Composition": words.Text("documents"),
	"Condition": words.Text("health problems and diagnoses"), "Consent": words.Text("choices about sharing"), "Coverage": words.Text("payment details"), "Device": words.Text("medical devices"), "DeviceRequest": words.Text("orders of devices"), "DiagnosticReport": words.Text("test reports and letters about scans"),
	"DocumentReference": words.Text("letters and documents"), "Encounter": words.Text("visits and hospital stays"), "EpisodeOfCare": words.Text("times under the care of a service"), "FamilyMemberHistory": words.Text("family health history"), "Flag": words.Text("warnings"),
	"Goal": words.Text("goals"), "HealthcareService": words.Text("services"), "ImagingStudy": words.Text("scans and X-rays"), "Immunization": words.Text("vaccinations"), "ImmunizationRecommendation": words.Text("vaccinations due"), "List": words.Text("lists"), "Location": words.Text("places"),
	"Media": words.Text("photos and recordings"), "Medication": words.Text("names of medicines"), "MedicationAdministration": words.Text("medicines given by staff"), "MedicationDispense": words.Text("dispensed medicines"), "MedicationRequest": words.Text("prescribed medicines"),
	"MedicationStatement": words.Text("medicines in use"), "NutritionOrder": words.Text("diets"), "Observation": words.Text("test results and measurements"), "Organization": words.Text("organisations"), "Patient": words.Text("name, birth date, address and other details"), "Person": words.Text("details of people"),
	"Practitioner": words.Text("names of staff"), "PractitionerRole": words.Text("roles of staff"), "Procedure": words.Text("operations and treatments"), "Provenance": words.Text("where entries come from"), "Questionnaire": words.Text("forms"), "QuestionnaireResponse": words.Text("answers to forms"),
	"RelatedPerson": words.Text("family and carers"), "RiskAssessment": words.Text("risk assessments"), "Schedule": words.Text("timetables of clinics"), "ServiceRequest": words.Text("referrals and ordered tests"), "Slot": words.Text("free appointments"), "Specimen": words.Text("samples"), "Subscription": words.Text("notices of changes"),
	"Task": words.Text("tasks"),
}

// categories are the values of category that apps narrow by, in words.
// https://hl7.org/fhir/R4/valueset-observation-category.html
var categories = map[string]string{
	"laboratory": words.Text("laboratory results"), "vital-signs": words.Text("measurements such as blood pressure and weight"), "social-history": words.Text("smoking, alcohol and other habits"), "survey": words.Text("answers to questionnaires"), "imaging": words.Text("findings of scans"),
	"exam": words.Text("findings of examinations"), "therapy": words.Text("results of therapy"), "activity": words.Text("exercise and activity"), "procedure": words.Text("findings of procedures"), "problem-list-item": words.Text("the list of problems"), "encounter-diagnosis": words.Text("diagnoses of visits"),
	"health-concern": words.Text("health concerns"), "medication": words.Text("medicines"), "food": words.Text("food"), "environment": words.Text("the environment"), "biologic": words.Text("biological products"), "community": words.Text("medicines taken at home"), "inpatient": words.Text("those in hospital"),
	"outpatient": words.Text("those of outpatients"), "clinical-note": words.Text("clinical notes"),
}

// permissions puts what an app wants into words, one thing each. ticked says what is ticked; nil is everything.
func permissions(a *smart.Ask, who reader, ticked []string, offline, online string) []permission {
	var out []permission
	add := func(scopes, said, hint string) {
		id := "scope"
		if len(out) > 0 {
			id += "-" + string(rune('0'+len(out)/10)) + string(rune('0'+len(out)%10))
		}
		out = append(out, permission{id, scopes, said, hint, ticked == nil || slices.Contains(ticked, scopes)})
	}
	var identity []string
	for _, text := range a.Scopes {
		switch sc, ok := smart.OnResources(text); {
		case ok:
			said, hint := who.say(sc)
			add(text, said, hint)
		case text == "openid" || text == "fhirUser" || text == "profile":
			identity = append(identity, text)
		}
	}
	if identity != nil {
		add(strings.Join(identity, " "), who.words.T("Know who you are"), who.words.T("The app is told your name and can recognise you when you come back."))
	}
	if slices.Contains(a.Scopes, "offline_access") {
		add("offline_access", who.words.T("Keep going when you are not using it"), offline)
	}
	if slices.Contains(a.Scopes, "online_access") {
		add("online_access", who.words.T("Keep going while you are using it"), online)
	}
	return out
}

// owned says whose a thing is: a thing as such ("your %s"), one that names a place in a record ("%s in your record"), and all of a record. %[2]s is the name
// of the patient.
type owned struct{ plain, in, all, booked string }

var (
	ownRecord = owned{words.Text("your %s"), words.Text("%s in your record"), words.Text("everything in your record"), words.Text("appointments for you")}
	namedOnes = owned{words.Text("%[2]s’s %[1]s"), words.Text("%[1]s in %[2]s’s record"), words.Text("everything in %s’s record"), words.Text("appointments for %s")}
	aPatients = owned{words.Text("the patient’s %s"), words.Text("%s in the patient’s record"), words.Text("everything in the patient’s record"), words.Text("appointments for the patient")}
	ofProgram = everybody(words.Text("%s of all patients whom its organisation may see"))
	ofPerson  = everybody(words.Text("%s of all patients whom the person may see"))
	ofStaff   = everybody(words.Text("%s of all patients you may see"))
	ofFamily  = everybody(words.Text("%s of you and of people you look after"))
)

func everybody(of string) owned { return owned{plain: of, in: of} }

// whose says whose a scope is on.
func (r reader) whose(context string) owned {
	switch {
	case context == "patient" && r.self:
		return ownRecord
	case context == "patient" && r.name != "":
		return namedOnes
	case context == "patient":
		return aPatients
	case r.review && context == "system":
		return ofProgram
	case r.review:
		return ofPerson
	case r.staff:
		return ofStaff
	}
	return ofFamily
}

// say says what one scope lets an app do, and what of.
func (r reader) say(sc access.Scope) (said, hint string) {
	l, of := r.words, r.whose(sc.Context)
	put := func(pattern, thing string) string {
		if strings.Contains(pattern, "%[2]s") {
			return l.T(pattern, thing, r.name)
		}
		return l.T(pattern, thing)
	}
	named := func(text string) string { // that has a place for the name alone, or none
		if strings.Contains(text, "%s") {
			return l.T(text, r.name)
		}
		return l.T(text)
	}
	thing, known := things[sc.Type]
	deeds := deedsOf(sc.May, words.Text("see"), words.Text("add"), words.Text("change"), words.Text("delete"))
	var what string
	switch {
	case sc.Type == "Appointment":
		deeds = deedsOf(sc.May, words.Text("see"), words.Text("book"), words.Text("change"), words.Text("cancel"))
		if what = named(of.booked); of.booked == "" {
			what = put(of.plain, l.T("appointments"))
		}
	case sc.Type == "*":
		if what = named(of.all); of.all == "" {
			what = put(of.plain, l.T("everything in the records"))
		}
	case !known:
		what = put(of.plain, l.T("entries of the kind “%s”", sc.Type))
	case strings.HasPrefix(thing, "the ") || strings.HasPrefix(thing, "where "):
		what = put(of.in, l.T(thing))
	default:
		what = put(of.plain, l.T(thing))
	}
	return kit.Capital(list(l, deeds) + " " + what), narrowed(l, sc.Query)
}

// deedsOf are what the letters of a scope let an app do.
func deedsOf(may, see, add, change, remove string) (out []string) {
	if strings.ContainsAny(may, "rs") {
		out = append(out, see)
	}
	for _, v := range []struct{ letter, word string }{{"c", add}, {"u", change}, {"d", remove}} {
		if strings.Contains(may, v.letter) {
			out = append(out, v.word)
		}
	}
	return out
}

// last are deeds at the end of a list of several.
var last = map[string]string{"add": words.Text("%s and add"), "change": words.Text("%s and change"), "delete": words.Text("%s and delete"), "book": words.Text("%s and book"), "cancel": words.Text("%s and cancel")}

// list joins deeds.
func list(l *words.Lang, deeds []string) string {
	text := l.T(deeds[0])
	for i, deed := range deeds[1:] {
		if i == len(deeds)-2 {
			text = l.T(last[deed], text)
		} else {
			text += ", " + l.T(deed)
		}
	}
	return text
}

// narrowed says which of the things only.
func narrowed(l *words.Lang, query string) string {
	if query == "" {
		return ""
	}
	params, err := url.ParseQuery(query)
	if err != nil {
		return l.T("Only those that match %s.", query)
	}
	var parts []string
	for name, values := range params {
		for _, v := range values {
			of := ""
			for one := range strings.SplitSeq(v, ",") {
				code := one[strings.LastIndexByte(one, '|')+1:]
				said := name + " " + one
				if in, ok := categories[code]; ok && name == "category" {
					said = l.T(in)
				}
				if of != "" {
					said = l.T("%s or %s", of, said)
				}
				of = said
			}
			parts = append(parts, of)
		}
	}
	slices.Sort(parts)
	if parts == nil {
		return ""
	}
	all := parts[0]
	for _, part := range parts[1:] {
		all = l.T("%s, and of these only %s", all, part)
	}
	return l.T("Only %s.", all)
}
