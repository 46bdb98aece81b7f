package staff

import (
	"cmp"
	_ "embed"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/kith-care/kith/connect/match"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/entry"
	"github.com/kith-care/kith/web/kit"
)

//go:embed question.html
var questionHTML string

var questionPage = page(questionHTML)

// questionView is one question: two records side by side, and what speaks for and against.
type questionView struct {
	Frame   kit.Frame
	ID      string
	Version int // of the link, so that nobody answers what has changed since they read it
	Why     string
	Open    bool
	Odds    string
	A, B    sideOf
	Fields  []fieldRow
	Parts   []fieldRow // what weighs without being a field of either
	With    []another  // other records of the two people: what they say was weighed as well
	History []saidRow
	Errors  []field
	Same    field
	Reason  field
}

// sideOf is one of the two records.
type sideOf struct{ ID, Name, Source, Trace, Practice, Deceased string }

// another is one more record, by its number in a list.
type another struct {
	N  int
	ID string
}

// fieldRow is one thing known of both, and what it weighs.
type fieldRow struct{ Name, A, B, Level, Words, Bits string }

// saidRow is one statement about two records, newest first.
type saidRow struct{ When, By, What, Rule, Odds, Reason, Retracted string }

func (s *Site) question(w http.ResponseWriter, r *http.Request) {
	s.showQuestion(w, r, questionView{})
}

// showQuestion shows the question that the address names. What view holds already is what the person answered, and what was wrong with it.
func (s *Site) showQuestion(w http.ResponseWriter, r *http.Request, view questionView) {
	if s.Linker == nil {
		s.missing(w, r, "Nobody is linked in this record.")
		return
	}
	q, err := s.Linker.Question(r.Context(), s.who(r), r.PathValue("id"))
	switch k := fhir.KindOf(err); {
	case err != nil && (k == fhir.NotFound || k == fhir.Invalid):
		s.missing(w, r, "There is no question at this address.")
		return
	case err != nil:
		s.fail(w, r, err)
		return
	}
	view.Frame, view.ID, view.Version, view.Why, view.Open = s.frame("Are these one person?"), q.ID, q.Link.Version, sentence(q.Why), q.Link.Doubt != nil
	view.Same.ID, view.Reason.ID = "same", "reason"
	status := http.StatusOK
	if view.Errors != nil {
		status, view.Frame.Title = http.StatusBadRequest, "Error: Are these one person?"
	}
	var parts []match.Part
	if d := q.Link.Doubt; d != nil {
		parts, view.With, view.Odds = d.Parts, others(d.With), odds(d.Weight)
	} else if n := len(q.Link.Said); n > 0 {
		said := q.Link.Said[n-1]
		parts, view.With, view.Odds = said.Parts, others(said.With), odds(said.Weight)
	}
	if err := view.sides(q.Patients, parts, s.titles()); err != nil {
		s.fail(w, r, err)
		return
	}
	view.History = history(&q.Link)
	s.Send(w, r, status, questionPage, view)
}

func others(ids []string) (out []another) {
	for i, id := range ids {
		out = append(out, another{i + 1, id})
	}
	return out
}

// fieldsCompared are the fields of matching, in the order in which they are shown.
var fieldsCompared = []struct{ key, name string }{{"nhs", "NHS No."}, {"surname", "Surname"}, {"forename", "Forename"}, {"dob", "Born"}, {"sex", "Gender"}, {"postcode", "Postcode"},
	{"address", "Address"}, {"town", "Town"}, {"phone", "Telephone"}, {"email", "Email"}}

// otherParts are what weighs beside the fields.
var otherParts = map[string]string{"prior": "Before anything is compared", "names": "Names", "household": "One household", "family": "Twins and relatives"}

func (v *questionView) sides(patients [2]*record.Stored, parts []match.Part, titles map[string]string) error {
	var values [2]map[string]string
	for i, side := range []*sideOf{&v.A, &v.B} {
		f, err := entry.Of(patients[i])
		if err != nil {
			return err
		}
		values[i] = compared(f.V)
		*side = sideOf{ID: f.ID, Name: kit.Name(f.V.Get("name")), Source: cmp.Or(titles[f.Feed], f.Feed, f.At("meta.source"), "written directly"), Trace: f.Trace(), Practice: practice(f.V), Deceased: deceased(f.V)}
	}
	weighed := map[string]match.Part{}
	for _, p := range parts {
		weighed[p.Field] = p
	}
	for _, f := range fieldsCompared {
		row := fieldRow{Name: f.name, A: cmp.Or(values[0][f.key], kit.NotKnown), B: cmp.Or(values[1][f.key], kit.NotKnown), Level: "Not compared", Words: "Says nothing"}
		if p, ok := weighed[f.key]; ok {
			row.Level, row.Words, row.Bits = sentence(p.Level), weight(p.Bits), bits(p.Bits)
			delete(weighed, f.key)
		}
		v.Fields = append(v.Fields, row)
	}
	for _, p := range parts {
		if _, left := weighed[p.Field]; left {
			v.Parts = append(v.Parts, fieldRow{Name: cmp.Or(otherParts[p.Field], p.Field), Level: sentence(p.Level), Words: weight(p.Bits), Bits: bits(p.Bits)})
		}
	}
	return nil
}

// compared are a Patient's values of the fields, several of one with semicolons.
func compared(p fhir.Value) map[string]string {
	all := map[string][]string{}
	add := func(key, value, use string) {
		if value == "" {
			return
		}
		if use == "old" || use == "maiden" || use == "temp" {
			value += " (earlier)"
		}
		for _, have := range all[key] {
			if have == value {
				return
			}
		}
		all[key] = append(all[key], value)
	}
	for id := range p.Get("identifier").Items() {
		if id.Get("system").Is("https://fhir.nhs.uk/Id/nhs-number") {
			add("nhs", kit.NHSNumber(id.Get("value").Text()), id.Get("use").Text())
		}
	}
	for n := range p.Get("name").Items() {
		use := n.Get("use").Text()
		add("surname", n.Get("family").Text(), use)
		var given []string
		for g := range n.Get("given").Items() {
			given = append(given, g.Text())
		}
		add("forename", strings.Join(given, " "), use)
	}
	add("dob", kit.Date(p.Get("birthDate").Text()), "")
	if g := p.Get("gender").Text(); g != "" {
		add("sex", kit.Gender(g), "")
	}
	for a := range p.Get("address").Items() {
		use := a.Get("use").Text()
		var lines []string
		for l := range a.Get("line").Items() {
			lines = append(lines, l.Text())
		}
		add("address", strings.Join(lines, ", "), use)
		add("town", a.Get("city").Text(), use)
		add("postcode", a.Get("postalCode").Text(), use)
	}
	for t := range p.Get("telecom").Items() {
		switch t.Get("system").Text() {
		case "email":
			add("email", t.Get("value").Text(), t.Get("use").Text())
		case "phone", "sms":
			add("phone", t.Get("value").Text(), t.Get("use").Text())
		}
	}
	out := map[string]string{}
	for key, values := range all {
		out[key] = strings.Join(values, "; ")
	}
	return out
}

// weight says in words what a number of bits is worth: one bit doubles the odds.
func weight(bits float64) string {
	says := [...]string{"Says little", "Speaks %s", "Speaks strongly %s", "Speaks very strongly %s"}
	side := "for it"
	if bits < 0 {
		side = "against it"
	}
	strength := 0
	for _, from := range []float64{1, 3, 7} {
		if math.Abs(bits) >= from {
			strength++
		}
	}
	return strings.Replace(says[strength], "%s", side, 1)
}

func bits(b float64) string {
	text := strconv.FormatFloat(math.Abs(b), 'f', 1, 64)
	switch {
	case text == "0.0":
		return "0.0"
	case b < 0:
		return "−" + text
	}
	return "+" + text
}

// odds writes a weight, the binary logarithm of the odds that two are one person, as people speak of odds.
func odds(weight float64) string {
	ratio := math.Abs(weight)
	text := "Over a million"
	if ratio < 20 {
		n := int64(math.Round(math.Exp2(ratio)))
		if n >= 100 {
			digits := int64(math.Pow(10, math.Floor(math.Log10(float64(n)))-1))
			n = n / digits * digits
		}
		text = "About " + thousands(n)
	}
	if weight < 0 {
		return text + " to 1 against"
	}
	return text + " to 1 for"
}

// rules says by what a link was made.
var rules = map[string]string{match.ByNumber: "NHS number and birth date agree", match.ByWeight: "all fields together", match.BySource: "their source says so", match.ByPerson: "a person"}

func history(l *match.Link) (out []saidRow) {
	for i := len(l.Said) - 1; i >= 0; i-- {
		a := l.Said[i]
		row := saidRow{When: clock(a.When), By: a.By, What: "One person", Rule: cmp.Or(rules[a.Rule], a.Rule), Odds: strings.ToLower(odds(a.Weight)), Reason: a.Reason}
		if !a.Same {
			row.What = "Two people"
		}
		if a.Retracted != nil {
			row.Retracted = "taken back on " + clock(a.Retracted.When) + " by " + a.Retracted.By + ": " + a.Retracted.Why
		}
		out = append(out, row)
	}
	return out
}

func (s *Site) answer(w http.ResponseWriter, r *http.Request) {
	if s.Linker == nil {
		s.missing(w, r, "Nobody is linked in this record.")
		return
	}
	view := questionView{Same: field{ID: "same", Value: r.PostFormValue("same")}, Reason: field{ID: "reason", Value: strings.TrimSpace(r.PostFormValue("reason"))}}
	if view.Same.Value != "yes" && view.Same.Value != "no" {
		view.wrong(&view.Same, "Say whether they are one person")
	}
	if view.Reason.Value == "" || len(view.Reason.Value) > 500 {
		view.wrong(&view.Reason, "Write in a sentence how you know")
	}
	id := r.PathValue("id")
	if view.Errors == nil {
		q, err := s.Linker.Question(r.Context(), s.who(r), id)
		if err == nil && r.PostFormValue("version") != strconv.Itoa(q.Link.Version) {
			view.wrong(&view.Same, "Something has changed since you read this: read it again, then answer")
		}
	}
	if view.Errors != nil {
		s.showQuestion(w, r, view)
		return
	}
	err := s.Linker.Answer(r.Context(), s.who(r), id, view.Same.Value == "yes", view.Reason.Value)
	switch k := fhir.KindOf(err); {
	case err == nil:
		kit.See(w, r, "/matches?did="+map[string]string{"yes": "same", "no": "different"}[view.Same.Value])
	case k == fhir.Conflict:
		view.wrong(&view.Same, sentence(err.Error()))
		s.showQuestion(w, r, view)
	case k == fhir.NotFound || k == fhir.Invalid:
		s.missing(w, r, "There is no question at this address.")
	default:
		s.fail(w, r, err)
	}
}

func (v *questionView) wrong(f *field, message string) {
	f.Error = message
	v.Errors = append(v.Errors, *f)
}
