package staff

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
)

// What several pages say about a person.

// lastDay is the day a person's age is counted to: today, or the day they died.
func lastDay(patient fhir.Value, now time.Time) time.Time {
	if died, ok := kit.Moment(patient.Get("deceasedDateTime").Text()); ok {
		return died
	}
	return now
}

// deceased returns the date of death, "date Not Known" where only the fact is recorded, "" for the living.
func deceased(patient fhir.Value) string {
	if d := patient.Get("deceasedDateTime").Text(); d != "" {
		return kit.Date(d)
	}
	if patient.Get("deceasedBoolean").Bool() {
		return "date " + kit.NotKnown
	}
	return ""
}

// address is where someone lives, on one line.
func address(patient fhir.Value) string {
	var a fhir.Value
	for item := range patient.Get("address").Items() {
		if use := item.Get("use"); use.Is("old") || use.Is("billing") {
			continue
		}
		if !a.Exists() || item.Get("use").Is("home") && !a.Get("use").Is("home") {
			a = item
		}
	}
	var parts []string
	for line := range a.Get("line").Items() {
		parts = append(parts, line.Text())
	}
	for _, name := range []string{"city", "district", "postalCode"} {
		if text := a.Get(name).Text(); text != "" {
			parts = append(parts, text)
		}
	}
	if len(parts) == 0 && a.Get("text").Text() != "" {
		return a.Get("text").Text()
	}
	if len(parts) == 0 {
		return kit.NotKnown
	}
	return strings.Join(parts, ", ")
}

// practiceOf is the name of the organisation whose Patient it is, looked up where the Patient refers to it by id alone.
func (s *Site) practiceOf(r *http.Request, patient fhir.Value) string {
	name := practice(patient)
	ref := fhir.ParseReference(patient.Get("managingOrganization").Get("reference").Text())
	if name != kit.NotKnown || ref.Type != "Organization" {
		return name
	}
	stored, err := s.Door.Get(r.Context(), s.who(r), ref.Type, ref.ID)
	if err != nil {
		return name // it has not come yet, or may not be read: the person's own record is what the page is for
	}
	organization, err := stored.Resource()
	if err != nil {
		return name
	}
	return cmp.Or(organization.Root().Get("name").Text(), name)
}

func practice(patient fhir.Value) string {
	if d := patient.Get("managingOrganization").Get("display").Text(); d != "" {
		return d
	}
	if d := kit.FirstOf(patient.Get("generalPractitioner")).Get("display").Text(); d != "" {
		return d
	}
	return kit.NotKnown
}

func telephone(patient fhir.Value) string {
	var numbers []string
	for t := range patient.Get("telecom").Items() {
		if t.Get("system").Is("phone") && !t.Get("use").Is("old") && t.Get("value").Text() != "" {
			numbers = append(numbers, t.Get("value").Text())
		}
	}
	if numbers == nil {
		return kit.NotKnown
	}
	return strings.Join(numbers, ", ")
}

// said returns who a reference names.
func number(n int) string { return strconv.Itoa(n) }

// thousands writes 1234 as 1,234.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
