package scores

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/kith-care/kith/fhir"
)

// HealthCheck says whether somebody may be invited to an NHS Health Check on a day: aged 40 to 74, with none of the excluded conditions, and none within five
// years. Value is 1 where they may, else 0, and Band says why. Last is the last check, zero where there was none.
func HealthCheck(age Age, has []Fact, last time.Time, lastFrom string, on time.Time) (*Result, error) {
	t := table.HealthCheck
	r := result("NHS Health Check", t.Source, age.input())
	why := ""
	for _, f := range has {
		if !slices.Contains(t.Excluded, f.Name) {
			return nil, fhir.Errorf(fhir.Unprocessable, "%q is none of the conditions that count for an NHS Health Check", f.Name)
		}
		r.Inputs = append(r.Inputs, Input{f.Name, "yes", "", f.From})
		why = "not eligible: " + f.Name
	}
	if !last.IsZero() {
		r.Inputs = append(r.Inputs, Input{"last NHS Health Check", last.Format(time.DateOnly), "", lastFrom})
	}
	switch next := last.AddDate(t.Years, 0, 0); {
	case age.Years < t.From || age.Years > t.To:
		why = fmt.Sprintf("not eligible: aged %d, and it is for people of %d to %d", age.Years, t.From, t.To)
	case why == "" && !last.IsZero() && on.Before(next):
		why = "not due before " + next.Format("2 January 2006")
	}
	if why == "" {
		r.Value, why = fhir.MakeDecimal(1, 0), "may be invited"
	}
	r.Band = why
	return r, nil
}

// CodeLists are the deficits of the electronic frailty index with their codes, as a place supplies them: a deficit's name, to codes written system|code.
type CodeLists map[string][]string

// Entry is a coded entry of a record.
type Entry struct{ Code, From string } // Code is written system|code

// Frailty is the electronic frailty index: of the 36 deficits, how many there are, as a fraction with three decimals. The bands begin above 0.12, 0.24 and 0.36.
func Frailty(age Age, lists CodeLists, entries []Entry) (*Result, error) {
	t := table.Frailty
	switch {
	case len(lists) != t.Deficits:
		return nil, fhir.Errorf(fhir.Unprocessable, "the frailty index has %d deficits, and there are code lists for %d: a fraction of fewer is another index", t.Deficits, len(lists))
	case age.Years < t.Youngest:
		return nil, fhir.Errorf(fhir.Unprocessable, "the frailty index was made for people of %d and older", t.Youngest)
	}
	deficits := map[string]string{}
	for name, codes := range lists {
		for _, c := range codes {
			deficits[c] = name
		}
	}
	r := result("Electronic frailty index", t.Source, age.input())
	var found []string
	for _, e := range entries {
		name := deficits[e.Code]
		if name == "" || slices.Contains(found, name) {
			continue
		}
		found = append(found, name)
		r.Inputs = append(r.Inputs, Input{name, e.Code, "", e.From})
	}
	n, of := int64(len(found)), int64(t.Deficits)
	r.Value, r.Band = fhir.DecimalOf(big.NewRat(n, of), 3), t.Otherwise
	if i := slices.IndexFunc(t.Above, func(b band) bool { return float64(n)/float64(of) > b.From }); i >= 0 {
		r.Band = t.Above[i].Band
	}
	return r, nil
}
