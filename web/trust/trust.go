// Package trust is the pages about someone I trust: whom a person has let see their record or act for them, giving it with a code, taking it
// back, and entering a code that somebody gave. One question stands on a page; all of it works without script.
package trust

import (
	_ "embed"
	"net/http"
	"slices"

	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

// Site serves the pages under /my/trusted. Trust must be set.
type Site struct {
	seat.Places
	Trust *trust.Service
}

// Handler serves the pages. What changes something is a POST; whoever serves it must refuse those that come from pages of
// others (http.CrossOriginProtection).
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	s.Own(mux, "GET", "/trusted", s.mine)
	s.Own(mux, "POST", "/trusted/{id}/end", s.end)
	s.Own(mux, "GET", "/trusted/new", s.invite)
	s.Own(mux, "POST", "/trusted/new", s.invite)
	s.Own(mux, "GET", "/trusted/accept", s.accept)
	s.Own(mux, "POST", "/trusted/accept", s.accept)
	return s.Serve(mux, 64<<10)
}

//go:embed mine.html
var mineHTML string

var minePage = kit.Page(mineHTML)

// field is one question with what was answered.
type field = kit.Field

// mays are what can be given, as the giver and as the trusted person read it.
var mays = map[string][2]string{
	"see":     {words.Text("See my health record"), words.Text("see their health record")},
	"book":    {words.Text("Book, change and cancel appointments for me"), words.Text("book appointments for them")},
	"message": {words.Text("Write and read messages for me"), words.Text("write and read messages for them")},
	"manage":  {words.Text("Ask for prescriptions and fill in forms for me"), words.Text("ask for prescriptions and fill in forms for them")},
}

// mineView is whom a person trusts, and who trusts them.
type mineView struct {
	Frame kit.Frame
	Did   string
	Given []givenRow
	Over  []givenRow
	To    []givenRow
}

type givenRow struct {
	ID, Name, Until string
	May             []string
}

func (s *Site) mine(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	given, err := s.Trust.By(r.Context(), at.Who, at.Patient)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	to, err := s.Trust.To(r.Context(), at.Who)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := mineView{Frame: s.Frame(at, at.Words.T("People I trust"), "")}
	if text := did[r.URL.Query().Get("did")]; text != "" {
		v.Did = at.Words.T(text)
	}
	for i := range given {
		row := rowOf(&given[i], given[i].Name, 0, at.Words)
		if given[i].Active {
			v.Given = append(v.Given, row)
		} else {
			v.Over = append(v.Over, row)
		}
	}
	for i := range to {
		v.To = append(v.To, rowOf(&to[i], to[i].Giver, 1, at.Words))
	}
	s.Send(w, r, http.StatusOK, minePage, v)
}

// did are what was just done, as the address says it.
var did = map[string]string{"ended": words.Text("They can no longer see anything or act for you."), "back": words.Text("You have given it back."), "accepted": words.Text("Done. You can act for them from now on.")}

func rowOf(g *trust.Given, name string, side int, l *words.Lang) givenRow {
	row := givenRow{ID: g.ID, Name: name}
	for _, scope := range g.Scopes {
		if text, ok := mays[scope]; ok {
			row.May = append(row.May, l.T(text[side]))
		}
	}
	if !g.Until.IsZero() {
		row.Until = l.Date(g.Until)
	}
	return row
}

func (s *Site) end(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	id := r.PathValue("id")
	if !fhir.ValidID(id) {
		s.Say(w, r, at, http.StatusNotFound, at.Words.T("Not found"), at.Words.T("There is no page at this address."))
		return
	}
	if err := s.Trust.End(r.Context(), at.Who, id); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	what := "ended"
	if r.PostFormValue("back") != "" {
		what = "back"
	}
	kit.See(w, r, "/my/trusted?did="+what)
}

// known are the values among some that are known.
func known(values, all []string) []string {
	var out []string
	for _, v := range all {
		if slices.Contains(values, v) {
			out = append(out, v)
		}
	}
	return out
}
