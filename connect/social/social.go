// Package social turns what councils and home care agencies send into FHIR R4: Client Level Data (Release 2), the council's quarterly
// account of who asked for care, was assessed, is served and was reviewed, as an intake.Format (cld.go); and visits to people's homes, as
// a Reader (visits.go).
//
// A submission of Client Level Data covers a rolling twelve months and replaces the one before. What the newer one leaves out was taken back,
// unless it lies before the newer one's twelve months; a service that is missing ended when the last period that had it did. The event's
// reference changes from one submission to the next, so an event is known by its person, kind, days and type.
//
// Rules: Kith's feeds specification, section 6, and
// https://www.gov.uk/government/publications/adult-social-care-client-level-data-specification. The order of columns does not matter; what they
// are called is as in the specification. A submission that is sent again for the same period says so by _v2 at the end of its name.
package social

import (
	"strings"

	"github.com/kith-care/kith/connect/fact"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// days are the ways in which councils write a day.
var days = []string{"2006-01-02", "02/01/2006"}

func day(r *intake.Row, column string) (fhir.Date, error) {
	d, err := fact.Day(r.Get(column), days...)
	if err != nil {
		return d, r.Bad(column, "%v", err)
	}
	return d, nil
}

func period(start, end fhir.DateTime) *r4.Period {
	if start.Year == 0 && end.Year == 0 {
		return nil
	}
	return &r4.Period{Start: start, End: end}
}

// answers are the named columns of a row that say something, as items of a questionnaire.
func answers(r *intake.Row, columns ...string) []r4.QuestionnaireResponseItem {
	var out []r4.QuestionnaireResponseItem
	for _, c := range columns {
		v := r.Get(c)
		if v == "" {
			continue
		}
		a := r4.QuestionnaireResponseItemAnswer{ValueString: v}
		if n, err := fhir.ParseDecimal(v); err == nil {
			a = r4.QuestionnaireResponseItemAnswer{ValueDecimal: &n}
		}
		out = append(out, r4.QuestionnaireResponseItem{LinkId: c, Text: strings.ReplaceAll(c, "_", " "), Answer: []r4.QuestionnaireResponseItemAnswer{a}})
	}
	return out
}
