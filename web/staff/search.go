package staff

import (
	_ "embed"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
)

//go:embed search.html
var searchHTML string

var searchPage = page(searchHTML)

// searchView is the page on which a person is found.
type searchView struct {
	Frame  kit.Frame
	Name   field
	Born   field
	Number field
	Sort   string   // a key of orders
	Heads  []column // the columns people may be sorted by
	Errors []field  // fields in error, in the order they stand
	Asked  bool     // whether anything was asked
	All    bool     // whether everybody is listed because nothing was asked, as the demonstration does
	People []personRow
	Count  string
	Newer  string // address of the first page, "" on it
	Older  string // address of the next page, "" on the last
}

// field is one field of the form with what was typed in it.
type field = kit.Field

// column is the head of one that can be sorted by.
type column struct{ Text, Address, Sorted string }

// orders are what the list can be sorted by, as the address and as FHIR says it. The first is how it comes.
var orders = []struct{ key, heading, sort, reverse string }{
	{"name", "Name", "family,given", "-family,-given"},
	{"born", "Born", "birthdate", "-birthdate"},
}

// personRow is one line of the results: enough to tell two people of the same name apart.
type personRow struct {
	ID, Name, Born, Age, Gender, Number, Address, Practice, Deceased string
	Systems                                                          string // "in 3 systems" where several keep a record of them
}

const peopleAPage = 25

func (s *Site) search(w http.ResponseWriter, r *http.Request) {
	typed := r.URL.Query()
	view := searchView{Frame: s.frame("Find a person"),
		Name:   field{ID: "name", Value: strings.TrimSpace(typed.Get("name"))},
		Born:   field{ID: "born", Value: strings.TrimSpace(typed.Get("born"))},
		Number: field{ID: "nhs", Value: strings.TrimSpace(typed.Get("nhs"))},
		Sort:   typed.Get("sort"),
	}
	query, asked := view.query()
	view.Asked = asked
	view.All = !asked && view.Frame.MadeUp != nil
	status := http.StatusOK
	switch {
	case view.Errors != nil:
		status = http.StatusBadRequest
		view.Frame.Title = "Error: Find a person"
	case view.Asked || view.All:
		if after := typed.Get("after"); after != "" {
			query += "&_page=" + url.QueryEscape(after)
			view.Newer = view.address("")
		}
		page, err := s.Door.Find(r.Context(), s.who(r), query)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if err := view.list(page, s.Time(), func(id string) ([]string, error) { return s.Door.Person(r.Context(), id) }); err != nil {
			s.fail(w, r, err)
			return
		}
	}
	s.Send(w, r, status, searchPage, view)
}

// query turns what was typed into a FHIR search; what cannot be understood becomes an error beside its field.
func (v *searchView) query() (query string, asked bool) {
	q := url.Values{"_count": {number(peopleAPage)}, "_sort": {v.sort()}, "_total": {"accurate"}}
	if v.Born.Value != "" {
		day, err := typedDate(v.Born.Value)
		if err != nil {
			v.wrong(&v.Born, err)
		}
		q.Set("birthdate", day)
	}
	if v.Number.Value != "" {
		digits, err := kit.NHSNumberDigits(v.Number.Value)
		if err != nil {
			v.wrong(&v.Number, err)
		}
		q.Set("identifier", "https://fhir.nhs.uk/Id/nhs-number|"+digits)
	}
	for word := range strings.FieldsFuncSeq(v.Name.Value, func(c rune) bool { return c == ' ' || c == ',' }) {
		q.Add("name", escape(word))
	}
	return "Patient?" + q.Encode(), v.Name.Value+v.Born.Value+v.Number.Value != ""
}

// sort returns the order in FHIR's words, and fills in the heads that change it.
func (v *searchView) sort() (by string) {
	by = orders[0].sort
	chosen, down := strings.CutPrefix(v.Sort, "-")
	now := *v
	for i, o := range orders {
		head := column{Text: o.heading, Sorted: "none"}
		now.Sort = o.key
		switch {
		case chosen == o.key && down:
			by, head.Sorted = o.reverse, "descending"
		case chosen == o.key || chosen == "" && i == 0:
			by, head.Sorted, now.Sort = o.sort, "ascending", "-"+o.key
		}
		head.Address = now.address("")
		v.Heads = append(v.Heads, head)
	}
	return by
}

func (v *searchView) wrong(f *field, err error) {
	f.Error = err.Error()
	v.Errors = append(v.Errors, *f)
}

// escape keeps characters that mean something in a FHIR search from meaning it.
func escape(word string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `|`, `\|`, `$`, `\$`).Replace(word)
}

// typedDate reads a date as people type it: 14-Jul-1945, 14/7/1945, 14 July 1945, 1945-07-14, Jul-1945 or 1945.
func typedDate(typed string) (string, error) {
	text := strings.NewReplacer("/", "-", ".", "-", " ", "-").Replace(strings.TrimSpace(typed))
	for _, form := range []struct{ layout, out string }{
		{"2-Jan-2006", "2006-01-02"}, {"2-January-2006", "2006-01-02"}, {"2-1-2006", "2006-01-02"}, {"2006-1-2", "2006-01-02"},
		{"Jan-2006", "2006-01"}, {"January-2006", "2006-01"}, {"1-2006", "2006-01"}, {"2006", "2006"},
	} {
		if t, err := time.Parse(form.layout, text); err == nil {
			return t.Format(form.out), nil
		}
	}
	return "", fhir.Errorf(fhir.Invalid, "Write the date of birth like 14-Jul-1945 or 14/7/1945, or only the year")
}

// list fills in the rows. A person of whom several systems keep a record is one row of a page; one person's records stand together, since they
// have one name.
func (v *searchView) list(page *record.Page, now time.Time, person func(id string) ([]string, error)) error {
	shown := map[string]bool{}
	joined := false
	for i := range page.Matches {
		group, err := person(page.Matches[i].ID)
		if err != nil {
			return err
		}
		joined = joined || len(group) > 1
		if shown[page.Matches[i].ID] {
			continue
		}
		for _, id := range group {
			shown[id] = true
		}
		r, err := page.Matches[i].Resource()
		if err != nil {
			return err
		}
		row := rowOf(r, now)
		if len(group) > 1 {
			row.Systems = "in " + number(len(group)) + " systems"
		}
		v.People = append(v.People, row)
	}
	switch {
	case page.Total == 1:
		v.Count = "1 person"
	case page.Total > 1 && joined:
		v.Count = thousands(page.Total) + " records of people"
	case page.Total > 1:
		v.Count = thousands(page.Total) + " people"
	case page.Total == record.Unknown:
		v.Count = "More people than are counted"
	}
	if _, params, ok := strings.Cut(page.Next, "?"); ok {
		next, err := url.ParseQuery(params)
		if err != nil {
			return err
		}
		v.Older = v.address(next.Get("_page"))
	}
	return nil
}

func rowOf(r *fhir.Resource, now time.Time) personRow {
	p := r.Root()
	row := personRow{ID: r.ID(), Name: kit.Name(p.Get("name")), Born: kit.NotKnown, Gender: kit.Gender(p.Get("gender").Text()),
		Number: kit.NHSNumberOf(p), Address: address(p), Practice: practice(p), Deceased: deceased(p)}
	if born := p.Get("birthDate").Text(); born != "" {
		row.Born, row.Age = kit.Date(born), kit.Age(born, lastDay(p, now))
	}
	return row
}

// address is the page's own, with everything that was typed in it and where the list goes on.
func (v *searchView) address(after string) string {
	q := url.Values{}
	for _, f := range []field{v.Name, v.Born, v.Number, {ID: "sort", Value: v.Sort}, {ID: "after", Value: after}} {
		if f.Value != "" {
			q.Set(f.ID, f.Value)
		}
	}
	if len(q) == 0 {
		return "/"
	}
	return "/?" + q.Encode()
}
