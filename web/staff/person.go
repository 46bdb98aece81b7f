package staff

import (
	"context"
	_ "embed"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/entry"
	"github.com/kith-care/kith/web/kit"
)

//go:embed person.html
var personHTML string

var personPage = page(personHTML)

// personView is a person's record on one page.
type personView struct {
	Frame         kit.Frame
	Banner        banner
	Opened        string          // until when an opening in an emergency lasts, "" for none just made
	Kept          map[string]bool // types that the reader may not see
	Partial       string          // what is not on the page, "" when everything is
	Problems      []row
	Past          []row // problems that are over
	Medicines     []row
	Stopped       []row
	Results       []resultGroup
	ResultsCount  int
	Timeline      []line
	TimelineTotal int
	Filters       []filter
	Newer, Older  string
	Showing       string // "1 to 40 of 132"
}

// banner says whose record this is, on every page about them.
type banner struct {
	ID, Name, Born, Age, Gender, Number string
	Deceased, DiedAged                  string
	Address, Telephone, Practice        string
	Allergies                           []row
	NoneKnown                           string // what was recorded when somebody asked and there were none
	AllergiesKept                       bool   // the reader may not see them
	Tabs                                []tab
}

// row is a problem, a medicine or an allergy.
type row struct {
	Text, Detail, Flag, Severe string
	Since, Until               string
	Ago                        string // how long ago Since was, from a year on, of a medicine
	Source, Recorded           string
	Trace                      string // address of where it came from, "" where it came by no feed
}

// tab is another page about the same person.
type tab struct {
	Text, Address string
	Current       bool
}

// tabsOf are the pages about a person, of which one is being looked at. Apps can be opened only where somebody signs in.
func (s *Site) tabsOf(id, current string) []tab {
	tabs := []tab{{Text: "Record"}, {"All sources in one list", "lists", false}, {"What arrived and from where", "arrived", false}, {"Joined records", "links", false}, {"Who they trust", "trusted", false}, {"Ask for help for them", "ask", false}}
	for i := range tabs {
		tabs[i].Current = tabs[i].Address == current
		tabs[i].Address = strings.TrimSuffix("/person/"+id+"/"+tabs[i].Address, "/")
	}
	if s.Signed {
		tabs = append(tabs, tab{Text: "Open an app", Address: "/apps/open/" + id})
	}
	return tabs
}

type filter struct {
	Text, Address string
	Count         int
	Current       bool
}

const (
	linesAPage = 40
)

// shown are the types of resource the page reads, each with the search parameter that leads to the patient.
var shown = []string{"Condition", "AllergyIntolerance", "MedicationRequest", "MedicationStatement", "Observation", "Encounter", "Immunization",
	"Procedure", "DiagnosticReport", "DocumentReference"}

func (s *Site) person(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if !fhir.ValidID(id) {
		s.missing(w, r, "There is no person at this address.")
		return
	}
	patient, err := s.patient(r, id)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	facts, partial, err := s.facts(r.Context(), s.who(r), id, shown...)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	now := s.Time()
	view := personView{Banner: bannerOf(patient, facts, now), Partial: partial, Kept: map[string]bool{}, Opened: openUntil(r.URL.Query().Get("open"))}
	view.Frame = s.frame(view.Banner.Name)
	view.Banner.Practice, view.Banner.Tabs = s.practiceOf(r, patient.Root()), s.tabsOf(id, "")
	for _, kind := range shown {
		_, read := facts[kind]
		view.Kept[kind] = !read
	}
	view.Problems, view.Past = problemRows(facts)
	view.Medicines, view.Stopped = medicineRows(facts, now)
	view.Results = resultGroups(facts, now)
	for _, g := range view.Results {
		view.ResultsCount += len(g.Rows)
	}
	view.timeline(linesOf(facts), r.URL)
	s.Send(w, r, http.StatusOK, personPage, view)
}

func (s *Site) patient(r *http.Request, id string) (*fhir.Resource, error) {
	stored, err := s.Door.Get(r.Context(), s.who(r), "Patient", id)
	if err != nil {
		return nil, err
	}
	return stored.Resource()
}

// facts reads what a page shows of a person, by type, from all records of theirs; a type that the reader may not see at all has no
// entry. partial says what was left out. The error is Forbidden where none of the types may be seen.
func (s *Site) facts(ctx context.Context, who access.Actor, id string, kinds ...string) (facts map[string][]fact, partial string, err error) {
	facts = map[string][]fact{}
	titles := s.titles()
	var cut, kept []string
	var refusal error
	for _, kind := range kinds {
		read, more, err := entry.Read(ctx, s.Door, who, id, kind, titles)
		switch {
		case err != nil && fhir.KindOf(err) == fhir.Forbidden:
			kept, refusal = append(kept, kind), err
			continue
		case err != nil:
			return nil, "", err
		case more:
			cut = append(cut, kind)
		}
		facts[kind] = read
	}
	if len(kept) == len(kinds) {
		return nil, "", refusal
	}
	var said []string
	if cut != nil {
		said = append(said, "This page does not show everything: only the first "+thousands(entry.Most)+" entries of each of these were read: "+strings.Join(cut, ", ")+".")
	}
	if kept != nil {
		said = append(said, "These are not shown to people in your role: "+strings.Join(kept, ", ")+".")
	}
	if !s.Door.SeesAll(who) {
		said = append(said, "Entries that are sensitive, or that somebody does not share, are shown to some and not to others: there may be more than you see.")
	}
	return facts, strings.Join(said, " "), nil
}

func bannerOf(patient *fhir.Resource, facts map[string][]fact, now time.Time) banner {
	p := patient.Root()
	r := rowOf(patient, now)
	b := banner{ID: r.ID, Name: r.Name, Born: r.Born, Age: r.Age, Gender: r.Gender, Number: r.Number, Address: r.Address, Practice: r.Practice,
		Telephone: telephone(p), Deceased: r.Deceased}
	if b.Deceased != "" {
		b.DiedAged, b.Age = r.Age, ""
		if p.Get("deceasedDateTime").Text() == "" {
			b.DiedAged = ""
		}
	}
	allergies, read := facts["AllergyIntolerance"]
	b.AllergiesKept = !read
	b.Allergies, b.NoneKnown = allergyRows(allergies)
	return b
}

// timeline fills in the page of lines that the address asks for, and the addresses of the others.
func (v *personView) timeline(lines []line, at *url.URL) {
	want := at.Query().Get("show")
	address := func(show string, page int) string {
		q := url.Values{}
		if show != "" {
			q.Set("show", show)
		}
		if page > 1 {
			q.Set("page", strconv.Itoa(page))
		}
		if len(q) == 0 {
			return at.Path + "#timeline"
		}
		return at.Path + "?" + q.Encode() + "#timeline"
	}
	counts := map[string]int{}
	var wanted []line
	for _, l := range lines {
		counts[l.Show]++
		if want == "" || l.Show == want {
			wanted = append(wanted, l)
		}
	}
	v.Filters = []filter{{"Everything", address("", 1), len(lines), want == ""}}
	for _, k := range lineKinds {
		if counts[k.show] > 0 {
			v.Filters = append(v.Filters, filter{k.text, address(k.show, 1), counts[k.show], want == k.show})
		}
	}
	page, _ := strconv.Atoi(at.Query().Get("page"))
	page = max(page, 1)
	from := min((page-1)*linesAPage, len(wanted))
	to := min(from+linesAPage, len(wanted))
	v.Timeline, v.TimelineTotal = wanted[from:to], len(wanted)
	if page > 1 {
		v.Newer = address(want, page-1)
	}
	if to < len(wanted) {
		v.Older = address(want, page+1)
	}
	if len(wanted) > linesAPage && to > from {
		v.Showing = number(from+1) + " to " + number(to) + " of " + number(len(wanted))
	}
}

// openUntil is a time of day as an address carries it, "" for anything else.
func openUntil(s string) string {
	if _, err := time.Parse("15.04", s); err != nil {
		return ""
	}
	return s
}
