package staff

import (
	_ "embed"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/web/kit"
)

//go:embed trusted.html
var trustedHTML string

var trustedPage = page(trustedHTML)

// trustedView is whom a person trusts, and the form by which somebody at a desk records it for them.
type trustedView struct {
	Frame  kit.Frame
	Banner *banner
	Said   string
	Given  []trustedRow
	Number field // of whom is trusted
	Born   field
	Name   field
	May    field
	Chosen map[string]bool
	Long   field
	By     field
	Errors []field
}

type trustedRow struct {
	ID, Name, May, Until, Since, Reviewed, By string
	Active                                    bool
}

// trustWords are what can be given, in the words of staff.
var trustWords = map[string]string{"see": "see the record", "book": "book appointments", "message": "messages", "manage": "prescriptions and forms"}

// trustSaid is what was just done, as the address says it.
var trustSaid = map[string]string{"recorded": "It is recorded, and holds from now on.", "reviewed": "It has been reviewed today.", "ended": "It is over, everywhere."}

func (s *Site) trusted(w http.ResponseWriter, r *http.Request) {
	s.showTrusted(w, r, trustedView{Chosen: map[string]bool{}, Long: field{Value: "year"}})
}

func (s *Site) showTrusted(w http.ResponseWriter, r *http.Request, v trustedView) {
	id := r.PathValue("id")
	if !fhir.ValidID(id) {
		s.missing(w, r, "There is no person at this address.")
		return
	}
	var err error
	if v.Banner, err = s.bannerFor(r, id, "trusted"); err != nil {
		s.fail(w, r, err)
		return
	}
	given, err := s.trust().By(r.Context(), s.who(r), id)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	for i := range given {
		v.Given = append(v.Given, trustedRowOf(&given[i]))
	}
	v.Number.ID, v.Born.ID, v.Name.ID, v.May.ID, v.Long.ID, v.By.ID = "nhs", "born", "name", "may", "long", "by"
	v.Said = trustSaid[r.URL.Query().Get("did")]
	v.Frame = s.frame("Who " + v.Banner.Name + " trusts")
	status := http.StatusOK
	if v.Errors != nil {
		status = http.StatusUnprocessableEntity
		v.Frame.Title = "Error: " + v.Frame.Title
	}
	s.Send(w, r, status, trustedPage, v)
}

func trustedRowOf(g *trust.Given) trustedRow {
	row := trustedRow{ID: g.ID, Name: g.Name, Active: g.Active, Reviewed: "never", By: "recorded for them"}
	var may []string
	for _, scope := range g.Scopes {
		may = append(may, trustWords[scope])
	}
	row.May = strings.Join(may, ", ")
	day := func(t time.Time) string { return kit.Date(t.In(london.Zone).Format(time.DateOnly)) }
	if !g.Until.IsZero() {
		row.Until = day(g.Until)
	}
	if !g.Since.IsZero() {
		row.Since = day(g.Since)
	}
	if !g.Reviewed.IsZero() {
		row.Reviewed = day(g.Reviewed)
	}
	if g.ByPerson {
		row.By = "given by themselves"
	}
	return row
}

// changeTrusted records, reviews or ends what a person has given.
func (s *Site) changeTrusted(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if err := r.ParseForm(); err != nil || !fhir.ValidID(id) {
		s.missing(w, r, "There is no person at this address.")
		return
	}
	which, did := r.PostFormValue("which"), ""
	var err error
	switch r.PostFormValue("do") {
	case "end":
		did, err = "ended", s.trust().End(r.Context(), s.who(r), which)
	case "review":
		did, err = "reviewed", s.trust().Review(r.Context(), s.who(r), which)
	default:
		s.recordTrusted(w, r, id)
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	kit.See(w, r, "/person/"+id+"/trusted?did="+did)
}

// trustSpans are for how long somebody may be trusted, in months.
var trustSpans = map[string]int{"month": 1, "half": 6, "year": 12, "five": 60}

func (s *Site) recordTrusted(w http.ResponseWriter, r *http.Request, id string) {
	typed := func(name string) field { return field{ID: name, Value: strings.TrimSpace(r.PostFormValue(name))} }
	v := trustedView{Number: typed("nhs"), Born: typed("born"), Name: typed("name"), May: field{ID: "may"}, Long: typed("long"), By: typed("by"), Chosen: map[string]bool{}}
	wrong := func(f *field, message string) {
		f.Error = message
		v.Errors = append(v.Errors, *f)
	}
	digits, err := kit.NHSNumberDigits(v.Number.Value)
	if v.Number.Value == "" || err != nil {
		wrong(&v.Number, "Enter the NHS number of whom is trusted, 10 digits")
	}
	born, err := typedDate(v.Born.Value)
	if v.Born.Value == "" || err != nil {
		wrong(&v.Born, "Enter their date of birth, such as 14-Jul-1945")
	}
	if v.Name.Value == "" || len(v.Name.Value) > 100 {
		wrong(&v.Name, "Enter who it is to the person, such as her daughter Joy")
	}
	var may []string
	for _, scope := range r.PostForm["may"] {
		if slices.Contains(trust.Scopes, scope) {
			may, v.Chosen[scope] = append(may, scope), true
		}
	}
	if may == nil {
		wrong(&v.May, "Choose what they may do")
	}
	months := trustSpans[v.Long.Value]
	if months == 0 {
		wrong(&v.Long, "Choose for how long")
	}
	if v.By.Value != "person" && v.By.Value != "other" {
		wrong(&v.By, "Say who gives it")
	}
	if v.Errors != nil {
		s.showTrusted(w, r, v)
		return
	}
	page, err := s.Door.Find(r.Context(), s.who(r), "Patient?_count=2&identifier=https://fhir.nhs.uk/Id/nhs-number%7C"+digits+"&birthdate="+url.QueryEscape(born))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if len(page.Matches) == 0 {
		wrong(&v.Number, "Nobody in the record has this NHS number and date of birth")
		s.showTrusted(w, r, v)
		return
	}
	err = s.trust().Record(r.Context(), s.who(r), id, page.Matches[0].ID, v.Name.Value, may, s.Time().AddDate(0, months, 0), v.By.Value == "person")
	switch {
	case err == nil:
		kit.See(w, r, "/person/"+id+"/trusted?did=recorded")
	case fhir.KindOf(err) == fhir.Invalid:
		wrong(&v.Number, sentence(err.Error()))
		s.showTrusted(w, r, v)
	default:
		s.fail(w, r, err)
	}
}

func (s *Site) trust() *trust.Service { return &trust.Service{Door: s.Door, Now: s.Now} }
