package town

import "strconv"

// truePerson is a line of truth/people.ndjson: who someone is, and every system's name for them.
type truePerson struct {
	Person      string       `json:"person"`
	Records     []trueRecord `json:"records"`
	Born        string       `json:"born"`
	Died        string       `json:"died,omitempty"`
	Sex         string       `json:"sex"`
	Ethnicity   string       `json:"ethnicity"`
	Language    string       `json:"language"`
	Area        string       `json:"area"`
	Deprivation int          `json:"deprivation"`
	Household   int          `json:"household"`
}

// trueRecord is one system's record of a person.
type trueRecord struct {
	Feed    string `json:"feed"`
	Key     string `json:"key"`
	NHS     string `json:"nhs,omitempty"`
	Deleted bool   `json:"deleted,omitempty"`
}

// trueFact is a line of truth/facts.ndjson: what a right reader ends with after all drops.
type trueFact struct {
	Feed    string `json:"feed"`
	Patient string `json:"patient"`
	Person  string `json:"person"`
	Kind    string `json:"kind"`
	Key     string `json:"key"`
	System  string `json:"system,omitempty"`
	Code    string `json:"code,omitempty"`
	Value   string `json:"value,omitempty"`
	Unit    string `json:"unit,omitempty"`
	Date    string `json:"date,omitempty"`
	Ended   string `json:"ended,omitempty"` // of a service that stopped without saying so
	Deleted bool   `json:"deleted,omitempty"`
}

// trueBad is a line of truth/bad.ndjson: a row that must not be filed, and what must become of it.
type trueBad struct {
	Feed    string `json:"feed"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Outcome string `json:"outcome"` // quarantined, or parked for want of a parent that never comes
	Why     string `json:"why"`
}

const (
	dmd     = "https://dmd.nhs.uk"
	readTwo = "http://read.info/readv2"
	ctv3    = "http://read.info/ctv3"
)

func personName(i int) string { return "p" + strconv.Itoa(i) }

// say adds a fact to the truth. Lines are appended by hand: a full practice has millions.
func (o *outbox) say(f *trueFact) {
	b := o.facts
	member := func(name, value string) {
		if value == "" {
			return
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), name...), `":`...)
		b = strconv.AppendQuote(b, value)
	}
	b = append(b, '{')
	member("feed", f.Feed)
	member("patient", f.Patient)
	member("person", f.Person)
	member("kind", f.Kind)
	member("key", f.Key)
	member("system", f.System)
	member("code", f.Code)
	member("value", f.Value)
	member("unit", f.Unit)
	member("date", f.Date)
	member("ended", f.Ended)
	if f.Deleted {
		b = append(b, `,"deleted":true`...)
	}
	o.facts = append(b, '}', '\n')
	o.told++
}

// dated writes a clinical date as exactly as it is known, to the day.
func (f *fact) dated() string {
	switch f.precision {
	case byYear:
		return f.when.Format("2006")
	case byMonth:
		return f.when.Format("2006-01")
	}
	return ymd(f.when)
}

// becomes is the FHIR resource type a coded row of a practice should end as, by category and value (EMIS table of the
// specification of feeds, §1).
func (f *fact) becomes() string {
	switch f.kind {
	case consultationFact:
		return "Encounter"
	case planFact, issueFact:
		return "MedicationRequest"
	case slotFact:
		return "Appointment"
	case diaryFact, referralFact, requestFact:
		return "ServiceRequest"
	case allergyFact:
		return "AllergyIntolerance"
	case immunisationFact:
		return "Immunization"
	case familyFact:
		return "FamilyMemberHistory"
	case specimenFact:
		return "Specimen"
	}
	if f.value != "" {
		return "Observation"
	}
	switch f.code.category {
	case biochemistry, haematology, microbiology, radiology, management:
		return "DiagnosticReport"
	case conditions:
		return "Condition"
	case procedures:
		return "Procedure"
	}
	return "Observation"
}
