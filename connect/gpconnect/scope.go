package gpconnect

import (
	"slices"
	"strings"

	"github.com/kith-care/kith/fhir"
)

// Section is one part of a structured record.
type Section string

// The sections of a structured record.
const (
	Allergies      Section = "allergies"
	Medication     Section = "medication"
	Consultations  Section = "consultations"
	Problems       Section = "problems"
	Immunisations  Section = "immunisations"
	Uncategorised  Section = "uncategorised"
	Investigations Section = "investigations"
	Referrals      Section = "referrals"
	Diary          Section = "diary"
)

// section is how a section is asked for and answered.
type section struct {
	name  Section
	param string // of the request
	list  string // SNOMED CT code of its list in the answer
	title string
}

// sections in the order of the specification. https://developer.nhs.uk/apis/gpconnect-1-6-0/accessrecord_structured_development_retrieve_patient_record.html
var sections = []section{
	{Allergies, "includeAllergies", "886921000000105", "Allergies and adverse reactions"},
	{Medication, "includeMedication", "933361000000108", "Medications and medical devices"},
	{Consultations, "includeConsultations", "1149501000000101", "List of consultations"},
	{Problems, "includeProblems", "717711000000103", "Problems"},
	{Immunisations, "includeImmunisations", "1102181000000102", "Immunisations"},
	{Uncategorised, "includeUncategorisedData", "826501000000100", "Miscellaneous record"},
	{Investigations, "includeInvestigations", "887191000000108", "Investigations and results"},
	{Referrals, "includeReferrals", "792931000000107", "Outbound referral"},
	{Diary, "includeDiaryEntries", "714311000000108", "Patient recall administration"},
}

const (
	endedAllergies = "1103671000000101"
	consultation   = "325851000000107"
	topic          = "25851000000105"
	heading        = "24781000000107"
)

// sectionOf is the section a list code stands for.
func sectionOf(code string) (Section, bool) {
	for _, s := range sections {
		if s.list == code {
			return s.name, true
		}
	}
	return "", false
}

// Scope is what is asked for. The zero Scope is all there is.
type Scope struct {
	Sections   []Section // none for all
	NoResolved bool      // of allergies, active ones only
	NoIssues   bool      // of medicines, what is authorised but not each issue
	From       fhir.Date // medicines that were in use on or after this day
}

// Has reports whether a section is asked for.
func (s Scope) Has(name Section) bool {
	return len(s.Sections) == 0 || slices.Contains(s.Sections, name)
}

// String is the scope in one word, as ParseScope reads it.
func (s Scope) String() string {
	words := []string{"all"}
	if len(s.Sections) > 0 {
		words = nil
		for _, name := range s.Sections {
			words = append(words, string(name))
		}
	}
	if s.NoResolved {
		words = append(words, "no-resolved")
	}
	if s.NoIssues {
		words = append(words, "no-issues")
	}
	if s.From.Year != 0 {
		words = append(words, "from="+s.From.String())
	}
	return strings.Join(words, ",")
}

// ParseScope reads what String writes.
func ParseScope(text string) (Scope, error) {
	var s Scope
	for word := range strings.SplitSeq(text, ",") {
		from, isFrom := strings.CutPrefix(word, "from=")
		switch {
		case word == "all":
		case word == "no-resolved":
			s.NoResolved = true
		case word == "no-issues":
			s.NoIssues = true
		case isFrom:
			d, err := fhir.ParseDate(from)
			if err != nil {
				return s, fhir.Errorf(fhir.Invalid, "%q is no day from which medicines are asked for", from)
			}
			s.From = d
		case slices.ContainsFunc(sections, func(x section) bool { return string(x.name) == word }):
			s.Sections = append(s.Sections, Section(word))
		default:
			return s, fhir.Errorf(fhir.Invalid, "%q is no section of a structured record", word)
		}
	}
	return s, nil
}

// reach is a scope with what of it was answered: what may be taken back where it is not there any more.
type reach struct {
	Scope
	answered []Section
}

func (r reach) has(name Section) bool { return r.Has(name) && slices.Contains(r.answered, name) }

func (r reach) all(names ...Section) bool {
	for _, name := range names {
		if !r.has(name) {
			return false
		}
	}
	return true
}

// covers reports whether an answer would hold a resource if the source still had it. Where that is not certain, it does not: what is
// kept too long is put right by the next whole answer, what is retracted wrongly is missed.
func (r reach) covers(res *fhir.Resource) bool {
	root := res.Root()
	switch res.Type() {
	case "AllergyIntolerance":
		return r.has(Allergies) && !r.NoResolved
	case "MedicationRequest":
		return r.has(Medication) && (!r.NoIssues || root.Get("intent").Is("plan")) && r.since(root.Get("authoredOn"))
	case "MedicationStatement":
		return r.has(Medication) && r.since(root.Get("effectivePeriod").Get("start"))
	case "Encounter":
		return r.has(Consultations)
	case "Condition":
		return r.has(Problems)
	case "Immunization":
		return r.has(Immunisations)
	case "Observation":
		return r.all(Uncategorised, Investigations)
	case "DiagnosticReport", "Specimen":
		return r.has(Investigations)
	case "ServiceRequest":
		if tagged(root) == "ReferralRequest" {
			return r.has(Referrals)
		}
		if root.Get("intent").Is("plan") {
			return r.has(Diary)
		}
		return r.all(Investigations, Diary)
	case "DocumentReference", "Procedure", "FamilyMemberHistory", "QuestionnaireResponse":
		return r.all(Consultations, Problems, Uncategorised, Investigations, Referrals)
	case "List":
		return r.coversList(root)
	}
	return false
}

func (r reach) coversList(root fhir.Value) bool {
	for c := range root.Get("code").Get("coding").Items() {
		code := c.Get("code").Text()
		if name, ok := sectionOf(code); ok {
			return r.has(name)
		}
		switch code {
		case endedAllergies:
			return r.has(Allergies) && !r.NoResolved
		case consultation, topic, heading:
			return r.has(Consultations)
		}
	}
	return false
}

// since reports whether a moment is not before From.
func (r reach) since(at fhir.Value) bool {
	if r.From.Year == 0 {
		return true
	}
	when, err := fhir.ParseDateTime(at.Text())
	return err == nil && !when.High().Before(r.From.Low())
}

// tagged is the type of STU3 that a ServiceRequest was.
func tagged(root fhir.Value) string {
	for t := range root.Get("meta").Get("tag").Items() {
		if t.Get("system").Is(kindTag) {
			return t.Get("code").Text()
		}
	}
	return ""
}
