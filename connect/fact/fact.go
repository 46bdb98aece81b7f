// Package fact has the small parts that every mapping is made of: identifiers, concepts, persons, clock times written in a supplier's way, and
// Sheet, which gathers what one item says and leaves out what the record has already.
package fact

import (
	"regexp"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
)

// Code systems and identifier systems.
const (
	SNOMED    = "http://snomed.info/sct"
	DMD       = "https://dmd.nhs.uk"
	ReadV2    = "http://read.info/readv2"
	LOINC     = "http://loinc.org"
	UCUM      = "http://unitsofmeasure.org"
	NHSNumber = "https://fhir.nhs.uk/Id/nhs-number"
	ODSCode   = "https://fhir.nhs.uk/Id/ods-organization-code"
	UKCore    = "https://fhir.hl7.org.uk/StructureDefinition/"
	UKCode    = "https://fhir.hl7.org.uk/CodeSystem/"
	HL7       = "http://terminology.hl7.org/CodeSystem/"
)

// Source is the identifier by which what a source's key made is found again.
func Source(feed, key string) r4.Identifier {
	return r4.Identifier{System: "urn:kith:source:" + feed, Value: key}
}

// Concept is a coded concept.
func Concept(system, code, display string) *r4.CodeableConcept {
	return &r4.CodeableConcept{Coding: []r4.Coding{{System: system, Code: code, Display: display}}}
}

// Text is a concept in words, nil where there are none.
func Text(s string) *r4.CodeableConcept {
	if s == "" {
		return nil
	}
	return &r4.CodeableConcept{Text: s}
}

// List is a list of one, or of none.
func List[T any](x *T) []T {
	if x == nil {
		return nil
	}
	return []T{*x}
}

// Note is a note, nil where nothing is said.
func Note(s string) []r4.Annotation {
	if s == "" {
		return nil
	}
	return []r4.Annotation{{Text: s}}
}

// Truth points to a boolean.
func Truth(b bool) *bool { return &b }

// Yes reads the ways in which suppliers say true.
func Yes(s string) bool {
	switch strings.ToLower(s) {
	case "true", "1", "y", "yes", "t":
		return true
	}
	return false
}

// Sex is administrative gender as suppliers write it.
func Sex(s string) string {
	switch strings.ToUpper(s) {
	case "M", "MALE", "1":
		return "male"
	case "F", "FEMALE", "2":
		return "female"
	case "I", "INDETERMINATE", "9", "O", "OTHER":
		return "other"
	}
	return "unknown"
}

// Person is who somebody is, as a service knows them. Everything may be missing.
type Person struct {
	NHSNumber, Forename, Surname, Title, Sex string
	Born, Died                               fhir.Date
	Lines                                    []string // of the address
	Town, Postcode                           string
	Phone, Mobile, Email                     string
	Ethnicity                                string // a letter of the 2001 census
	Practice                                 string // ODS code of the general practice
}

// Patient is the person as a source's patient of that key.
func (p Person) Patient(feed, key string) *r4.Patient {
	out := &r4.Patient{Identifier: []r4.Identifier{Source(feed, key)}, BirthDate: p.Born, DeceasedDateTime: p.Died}
	if n := strings.ReplaceAll(p.NHSNumber, " ", ""); n != "" {
		out.Identifier = append(out.Identifier, r4.Identifier{System: NHSNumber, Value: n})
	}
	if p.Sex != "" {
		out.Gender = Sex(p.Sex)
	}
	if p.Surname != "" || p.Forename != "" {
		out.Name = []r4.HumanName{{Use: "official", Family: p.Surname, Given: strings.Fields(p.Forename), Prefix: strings.Fields(p.Title)}}
	}
	a := r4.Address{Use: "home", City: p.Town, PostalCode: strings.ToUpper(p.Postcode)}
	for _, l := range p.Lines {
		if l != "" {
			a.Line = append(a.Line, l)
		}
	}
	if a.PostalCode != "" || a.Line != nil {
		out.Address = []r4.Address{a}
	}
	for _, c := range []r4.ContactPoint{{System: "phone", Value: p.Phone, Use: "home"}, {System: "phone", Value: p.Mobile, Use: "mobile"}, {System: "email", Value: p.Email}} {
		if c.Value != "" {
			out.Telecom = append(out.Telecom, c)
		}
	}
	if len(p.Ethnicity) == 1 {
		out.Extension = append(out.Extension, r4.Extension{URL: UKCore + "Extension-UKCore-EthnicCategory", ValueCodeableConcept: Concept(UKCode+"UKCore-EthnicCategoryEngland", p.Ethnicity, "")})
	}
	if p.Practice != "" {
		out.GeneralPractitioner = []r4.Reference{{Type: "Organization", Identifier: &r4.Identifier{System: ODSCode, Value: p.Practice}}}
	}
	return out
}

// Day reads a day in the first layout (of package time) that fits; "" gives no day.
func Day(value string, layouts ...string) (fhir.Date, error) {
	if value == "" {
		return fhir.Date{}, nil
	}
	for _, l := range layouts {
		if t, err := time.Parse(l, value); err == nil {
			if t.Year() < 1850 || t.Year() > 2150 {
				return fhir.Date{}, fhir.Errorf(fhir.Invalid, "%q cannot be a date in a life", value)
			}
			return fhir.DateOf(t), nil
		}
	}
	return fhir.Date{}, fhir.Errorf(fhir.Invalid, "%q is not a date (%s)", value, spoken(layouts))
}

// Moment reads a clock time of London in the first layout that fits, or a time that says its offset; "" gives none. Sure is false in the hour
// of a clock change.
func Moment(value string, layouts ...string) (at fhir.DateTime, sure bool, err error) {
	if value == "" {
		return at, true, nil
	}
	for _, l := range layouts {
		t, err := time.Parse(l, value)
		if err != nil {
			continue
		}
		if t.Year() < 1850 || t.Year() > 2150 {
			return at, true, fhir.Errorf(fhir.Invalid, "%q cannot be a time in a life", value)
		}
		when, sure := london.Time(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second())
		return london.DateTime(when), sure, nil
	}
	if t, err := time.Parse(time.RFC3339, value); err == nil && t.Year() >= 1850 && t.Year() <= 2150 {
		d, err := fhir.ParseDateTime(value)
		return d, true, err
	}
	return at, true, fhir.Errorf(fhir.Invalid, "%q is not a time (%s)", value, spoken(layouts))
}

// spoken says a layout as people write it.
func spoken(layouts []string) string {
	r := strings.NewReplacer("2006", "yyyy", "Jan", "MMM", "01", "MM", "02", "dd", "15", "HH", "04", "mm", "05", "ss")
	var out []string
	for _, l := range layouts {
		out = append(out, r.Replace(l))
	}
	return strings.Join(out, " or ")
}

var inName = regexp.MustCompile(`(\d{4})-?(\d\d)-?(\d\d)(?:[-_T ]?(\d\d):?(\d\d):?(\d\d)?)?`)

// Stamp is the London time that the name of a file says; where it says none, now.
func Stamp(name string, now time.Time) time.Time {
	for _, p := range inName.FindAllStringSubmatch(name, -1) {
		n := make([]int, len(p))
		for i, digits := range p[1:] {
			for _, c := range digits {
				n[i] = n[i]*10 + int(c-'0')
			}
		}
		if n[0] < 1990 || n[0] > 2150 || n[1] < 1 || n[1] > 12 || n[2] < 1 || n[2] > fhir.DaysIn(n[0], n[1]) || n[3] > 23 || n[4] > 59 || n[5] > 59 {
			continue
		}
		at, _ := london.Time(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5])
		return at
	}
	return now
}

// Order sees that what ends does not end before it began. Where one of the two is a clock time in the hour of a clock change (sure is false), the
// end is taken for an hour later: it was the second time that the hour came, or the clock had not been put forward yet.
func Order(start, end fhir.DateTime, sure bool) (fhir.DateTime, error) {
	if start.Year == 0 || end.Year == 0 || !end.High().Before(start.Low()) {
		return end, nil
	}
	if later := end.Low().Add(time.Hour); !sure && end.Precision() >= fhir.Minute && !later.Before(start.Low()) {
		return london.DateTime(later), nil
	}
	return end, fhir.Errorf(fhir.Invalid, "it ends on %s, before it began on %s", end, start)
}
