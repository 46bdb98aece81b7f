package record

import (
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/entry"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

//go:embed results.html
var resultsHTML string

//go:embed result.html
var resultHTML string

var resultsPage, resultPage = page(resultsHTML), page(resultHTML)

// resultsView is all tests, each with its latest value.
type resultsView struct {
	head
	Waiting []time.Time
	Groups  []testGroup
	Heard   []heard
}

type testGroup struct {
	ID, Heading string
	Tests       []test
}

// test is what was measured once or often.
type test struct {
	item
	To     string // its own page
	Range  string // where the latest value stands, in words
	Beyond bool   // it is outside of the usual range
	values []entry.Entry
	key    string
	group  string
}

// results lists tests; what they mean stands beside them.
func (s *Site) results(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	f, err := s.read(r.Context(), at, "Observation")
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := resultsView{head: s.head(at, at.Words.T("Test results"), "/results")}
	v.More = f.more
	if v.Waiting, err = s.Release.Waiting(r.Context(), at.Who, at.Patient); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	tests := s.tests(at, f)
	for _, c := range categories(at) {
		g := testGroup{ID: c[0], Heading: c[1]}
		if g.ID == "" {
			g.ID = "other"
		}
		for _, one := range tests {
			if one.group == c[0] {
				g.Tests = append(g.Tests, one)
			}
		}
		if g.Tests != nil {
			v.Groups = append(v.Groups, g)
		}
	}
	if v.Heard, err = s.heardOf(r.Context(), at.Words, f, s.Time()); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	s.Send(w, r, http.StatusOK, resultsPage, v)
}

// categories are the groups of tests, in the order of the page.
func categories(at seat.Seat) [][2]string {
	t := at.Words.T
	return [][2]string{{"laboratory", t("Blood and other laboratory tests")}, {"vital-signs", t("Measurements")}, {"imaging", t("Scans and X-rays")}, {"procedure", t("Procedures")}, {"exam", t("Examinations")},
		{"survey", t("Questionnaires")}, {"social-history", t("Way of life")}, {"", t("Other")}}
}

// tests are the tests of a record, each once, in order of their names.
func (s *Site) tests(at seat.Seat, f *facts) []test {
	by := map[string]*test{}
	var order []string
	for _, e := range entry.NewestFirst(f.of["Observation"]) {
		if cared(e) || worded(e) {
			continue
		}
		key := s.keyOf(e)
		if by[key] == nil {
			by[key] = &test{item: s.itemOf(at, f, e, e.V.Get("code")), key: key, group: s.groupOf(e), To: at.Base + "/record/results/test?" + url.Values{"of": {key}}.Encode()}
			order = append(order, key)
		}
		by[key].values = append(by[key].values, e)
	}
	var out []test
	for _, key := range order {
		one := by[key]
		latest := one.values[0]
		one.Detail, one.DetailLang = valueIn(at, latest)
		one.Flag = flagIn(at, latest)
		one.Range, one.Beyond = rangeIn(at, latest)
		out = append(out, *one)
	}
	slices.SortStableFunc(out, func(a, b test) int { return strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title)) })
	return out
}

// keyOf is what makes two results the same test for a patient: one explanation and one unit. A hospital and a practice code one test in two ways.
func (s *Site) keyOf(e entry.Entry) string {
	if x := s.Glossary.Of(e.Kind, e.V.Get("code")); x != nil {
		unit := e.V.Get("valueQuantity").Get("unit").Text()
		if unit == "" {
			unit = e.V.Get("valueQuantity").Get("code").Text()
		}
		return x.Name + "|" + kit.Unit(unit)
	}
	return entry.TestKey(e.V.Get("code"), kit.Words(e.V.Get("code")))
}

// groupOf is the category that a result is shown under: as its source says, else as the glossary has it.
func (s *Site) groupOf(e entry.Entry) string {
	if c := entry.Category(e); c != "" {
		return c
	}
	if x := s.Glossary.Of(e.Kind, e.V.Get("code")); x != nil {
		return x.Group
	}
	return ""
}

// resultView is one test: its values over time, and what it means.
type resultView struct {
	head
	Test    test
	Chart   template.HTML
	Note    string
	Values  []testValue
	Earlier int // values that are not shown
}

type testValue struct{ On, Value, Lang, Flag, From, Held, Wrong string }

const mostValues = 100

// result shows one test.
func (s *Site) result(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	f, err := s.read(r.Context(), at, "Observation")
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	tests := s.tests(at, f)
	i := slices.IndexFunc(tests, func(one test) bool { return one.key == r.URL.Query().Get("of") })
	if i < 0 {
		s.Fail(w, r, at, fhir.Errorf(fhir.NotFound, "there is no such result"))
		return
	}
	one := tests[i]
	if one.Meaning != nil {
		one.Meaning.Open = true
	}
	v := resultView{head: s.head(at, one.Title, "/results"), Test: one}
	v.Frame.Back.To = at.Base + "/record/results"
	v.Chart, v.Note = entry.ChartOf(at.Words, one.Title, one.values)
	for _, e := range one.values[:min(len(one.values), mostValues)] {
		shown := s.itemOf(at, f, e, e.V.Get("code"))
		value, lang := valueIn(at, e)
		v.Values = append(v.Values, testValue{shown.On, value, lang, flagIn(at, e), shown.Source, shown.Held, shown.Wrong})
	}
	v.Earlier = len(one.values) - len(v.Values)
	s.Send(w, r, http.StatusOK, resultPage, v)
}

// valueIn is what was found, and its language where that is not the reader's: numbers are of every language.
func valueIn(at seat.Seat, e entry.Entry) (value, lang string) {
	for _, member := range []string{"valueString", "valueCodeableConcept"} {
		if e.V.Get(member).Exists() {
			lang = recorded(at)
		}
	}
	return entry.ValueOf(at.Words, e.V), lang
}

// flagIn is what the laboratory said of a value, and that it is not final.
func flagIn(at seat.Seat, e entry.Entry) string {
	t := at.Words.T
	said := map[string]string{"High": t("High"), "Very high": t("Very high"), "Low": t("Low"), "Very low": t("Very low"), "Abnormal": t("Not as usual"), "Very abnormal": t("Very unusual"),
		"Not final": t("Not final yet"), "Corrected": t("Corrected")}
	var out []string
	for part := range strings.SplitSeq(entry.FlagOf(e), ", ") {
		if part != "" {
			out = append(out, said[part])
		}
	}
	return strings.Join(out, ", ")
}

// rangeIn says in words where a value stands in the range that its laboratory gave with it; "" where it gave none. Nothing is called good or bad: that is for
// whoever knows the person.
func rangeIn(at seat.Seat, e entry.Entry) (words string, beyond bool) {
	t := at.Words.T
	limits := entry.RangeOf(e.V)
	if limits == "" {
		return "", false
	}
	r := kit.FirstOf(e.V.Get("referenceRange"))
	value, err := strconv.ParseFloat(e.V.Get("valueQuantity").Get("value").Text(), 64)
	if err != nil || e.V.Get("valueQuantity").Get("comparator").Exists() || r.Get("text").Exists() {
		return t("The laboratory gives as the usual range: %s.", limits), false
	}
	low, lowOK := bound(r.Get("low"), e.V)
	high, highOK := bound(r.Get("high"), e.V)
	switch {
	case !lowOK && !highOK:
		return t("The laboratory gives as the usual range: %s.", limits), false
	case lowOK && value < low:
		return t("This is below the usual range, which is %s.", spoken(at, r)), true
	case highOK && value > high:
		return t("This is above the usual range, which is %s.", spoken(at, r)), true
	}
	return t("This is within the usual range, which is %s.", spoken(at, r)), false
}

// bound is a limit in the unit of the value; ok is false where it has another.
func bound(limit, v fhir.Value) (x float64, ok bool) {
	q := v.Get("valueQuantity")
	if !limit.Exists() || limit.Get("unit").Text() != q.Get("unit").Text() && limit.Get("code").Text() != q.Get("code").Text() && limit.Get("unit").Exists() {
		return 0, false
	}
	x, err := strconv.ParseFloat(limit.Get("value").Text(), 64)
	return x, err == nil
}

// spoken writes a range in words.
func spoken(at seat.Seat, r fhir.Value) string {
	low, high := kit.Digits(r.Get("low").Get("value").Text()), kit.Digits(r.Get("high").Get("value").Text())
	switch {
	case low != "" && high != "":
		return at.Words.T("%s to %s", low, high)
	case low != "":
		return at.Words.T("%s or more", low)
	}
	return at.Words.T("%s or less", high)
}
