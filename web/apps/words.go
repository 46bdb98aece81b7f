package apps

import (
	"net/url"
	"slices"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/rest/smart"
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
	staff bool
	self  bool   // the patient is the reader
	name  string // of the patient, "" where it is not settled

	review bool // it is read by whoever reviews the app
}

// things are resources in words that patients and staff use. What is not among them is called by its FHIR name.
// https://hl7.org/fhir/R4/resourcelist.html
var things = map[string]string{
	"AllergyIntolerance": "allergies", "Appointment": "appointments", "AppointmentResponse": "answers to appointments", "AuditEvent": "the log of who has looked", "Binary": "files", "CarePlan": "care plans",
	"CareTeam": "the people who give care", "Claim": "claims", "ClinicalImpression": "clinicians’ findings", "Communication": "messages", "CommunicationRequest": "requests for messages", "Composition": "documents",
	"Condition": "health problems and diagnoses", "Consent": "choices about sharing", "Coverage": "payment details", "Device": "medical devices", "DeviceRequest": "orders of devices", "DiagnosticReport": "test reports and letters about scans",
	"DocumentReference": "letters and documents", "Encounter": "visits and hospital stays", "EpisodeOfCare": "times under the care of a service", "FamilyMemberHistory": "family health history", "Flag": "warnings",
	"Goal": "goals", "HealthcareService": "services", "ImagingStudy": "scans and X-rays", "Immunization": "vaccinations", "ImmunizationRecommendation": "vaccinations due", "List": "lists", "Location": "places",
	"Media": "photos and recordings", "Medication": "names of medicines", "MedicationAdministration": "medicines given by staff", "MedicationDispense": "dispensed medicines", "MedicationRequest": "prescribed medicines",
	"MedicationStatement": "medicines in use", "NutritionOrder": "diets", "Observation": "test results and measurements", "Organization": "organisations", "Patient": "name, birth date, address and other details", "Person": "details of people",
	"Practitioner": "names of staff", "PractitionerRole": "roles of staff", "Procedure": "operations and treatments", "Provenance": "where entries come from", "Questionnaire": "forms", "QuestionnaireResponse": "answers to forms",
	"RelatedPerson": "family and carers", "RiskAssessment": "risk assessments", "Schedule": "timetables of clinics", "ServiceRequest": "referrals and ordered tests", "Slot": "free appointments", "Specimen": "samples", "Subscription": "notices of changes",
	"Task": "tasks",
}

// categories are the values of category that apps narrow by, in words.
// https://hl7.org/fhir/R4/valueset-observation-category.html
var categories = map[string]string{
	"laboratory": "laboratory results", "vital-signs": "measurements such as blood pressure and weight", "social-history": "smoking, alcohol and other habits", "survey": "answers to questionnaires", "imaging": "findings of scans",
	"exam": "findings of examinations", "therapy": "results of therapy", "activity": "exercise and activity", "procedure": "findings of procedures", "problem-list-item": "the list of problems", "encounter-diagnosis": "diagnoses of visits",
	"health-concern": "health concerns", "medication": "medicines", "food": "food", "environment": "the environment", "biologic": "biological products", "community": "medicines taken at home", "inpatient": "those in hospital",
	"outpatient": "those of outpatients", "clinical-note": "clinical notes",
}

// permissions puts what an app wants into words, one thing each. ticked says what is ticked; nil is everything.
func permissions(a *smart.Ask, who reader, ticked []string, offline, online string) []permission {
	var out []permission
	add := func(scopes, words, hint string) {
		id := "scope"
		if len(out) > 0 {
			id += "-" + string(rune('0'+len(out)/10)) + string(rune('0'+len(out)%10))
		}
		out = append(out, permission{id, scopes, words, hint, ticked == nil || slices.Contains(ticked, scopes)})
	}
	var identity []string
	for _, text := range a.Scopes {
		switch sc, ok := smart.OnResources(text); {
		case ok:
			words, hint := who.words(sc)
			add(text, words, hint)
		case text == "openid" || text == "fhirUser" || text == "profile":
			identity = append(identity, text)
		}
	}
	if identity != nil {
		add(strings.Join(identity, " "), "Know who you are", "The app is told your name and can recognise you when you come back.")
	}
	if slices.Contains(a.Scopes, "offline_access") {
		add("offline_access", "Keep going when you are not using it", offline)
	}
	if slices.Contains(a.Scopes, "online_access") {
		add("online_access", "Keep going while you are using it", online)
	}
	return out
}

// words says what one scope lets an app do, and what of.
func (r reader) words(sc access.Scope) (words, hint string) {
	thing, known := things[sc.Type]
	whose, last := r.whose(sc.Context)
	if sc.Type == "Appointment" {
		return r.appointments(sc, whose, last), narrowed(sc.Query)
	}
	switch {
	case sc.Type == "*":
		thing = "everything in " + strings.TrimSpace(whose+"record") + last
		if whose == "" {
			thing = "everything in the records" + last
		}
	case !known:
		thing = whose + "entries of the kind “" + sc.Type + "”" + last
	case strings.HasPrefix(thing, "the ") || strings.HasPrefix(thing, "who ") || strings.HasPrefix(thing, "where "):
		if whose != "" {
			last = " in " + strings.TrimSpace(whose) + " record"
		}
		thing += last
	default:
		thing = whose + thing + last
	}
	return list(verbs(sc.May, "See", "add", "change", "delete")) + " " + thing, narrowed(sc.Query)
}

// whose says whose record a scope is on, before or after the thing.
func (r reader) whose(context string) (before, after string) {
	switch {
	case context == "patient" && r.self:
		return "your ", ""
	case context == "patient" && r.name != "":
		return r.name + "’s ", ""
	case context == "patient":
		return "the patient’s ", ""
	case r.review && context == "system":
		return "", " of all patients whom its organisation may see"
	case r.review:
		return "", " of all patients whom the person may see"
	case r.staff:
		return "", " of all patients you may see"
	}
	return "", " of you and of people you look after"
}

func (r reader) appointments(sc access.Scope, whose, last string) string {
	switch {
	case sc.Context == "patient" && r.self:
		last = " for you"
	case sc.Context == "patient" && r.name != "":
		last = " for " + r.name
	case sc.Context == "patient":
		last = " for the patient"
	}
	if sc.May == "c" {
		return "Book appointments" + last
	}
	return list(verbs(sc.May, "See", "book", "change", "cancel")) + " appointments" + last
}

// verbs are what the letters of a scope let an app do.
func verbs(may, see, add, change, remove string) (out []string) {
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

// list joins words as a sentence begins.
func list(words []string) string {
	text := words[0]
	for i, w := range words[1:] {
		if i == len(words)-2 {
			text += " and " + w
		} else {
			text += ", " + w
		}
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// narrowed says which of the things only.
func narrowed(query string) string {
	if query == "" {
		return ""
	}
	params, err := url.ParseQuery(query)
	if err != nil {
		return "Only those that match " + query + "."
	}
	var parts []string
	for name, values := range params {
		for _, v := range values {
			var of []string
			for one := range strings.SplitSeq(v, ",") {
				code := one[strings.LastIndexByte(one, '|')+1:]
				if in, ok := categories[code]; ok && name == "category" {
					of = append(of, in)
				} else {
					of = append(of, name+" "+one)
				}
			}
			parts = append(parts, strings.Join(of, " or "))
		}
	}
	slices.Sort(parts)
	return "Only " + strings.Join(parts, ", and of these only ") + "."
}
