// Package trust is the pages about someone I trust: whom a person has let see their record or act for them, giving it with a code, taking it
// back, and entering a code that somebody gave. One question stands on a page; all of it works without script.
package trust

import (
	_ "embed"
	"errors"
	"net/http"
	"slices"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/web/kit"
)

// Site serves the pages under /my/trusted. Trust and Who must be set.
type Site struct {
	kit.Host
	Trust *trust.Service
	Who   func(*http.Request) (access.Actor, error) // the patient who is looking
}

// Handler serves the pages. What changes something is a POST; whoever serves it must refuse those that come from pages of
// others (http.CrossOriginProtection).
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /my/trusted", s.mine)
	mux.HandleFunc("POST /my/trusted/{id}/end", s.end)
	mux.HandleFunc("GET /my/trusted/new", s.invite)
	mux.HandleFunc("POST /my/trusted/new", s.invite)
	mux.HandleFunc("GET /my/trusted/accept", s.accept)
	mux.HandleFunc("POST /my/trusted/accept", s.accept)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.say(w, r, http.StatusNotFound, "Not found", "There is no page at this address.")
	})
	return kit.Secure(http.MaxBytesHandler(mux, 64<<10))
}

//go:embed say.html
var sayHTML string

//go:embed mine.html
var mineHTML string

var (
	sayPage  = kit.Page(sayHTML)
	minePage = kit.Page(mineHTML)
)

// field is one question with what was answered.
type field = kit.Field

type sayView struct {
	Frame        kit.Frame
	Head, Reason string
}

func (s *Site) say(w http.ResponseWriter, r *http.Request, status int, head, reason string) {
	s.Send(w, r, status, sayPage, sayView{s.frame(head), head, reason})
}

// words are what can be given, as the giver and as the trusted person read it.
var words = map[string][2]string{
	"see":     {"See my health record", "see their health record"},
	"book":    {"Book, change and cancel appointments for me", "book appointments for them"},
	"message": {"Write and read messages for me", "write and read messages for them"},
	"manage":  {"Ask for prescriptions and fill in forms for me", "ask for prescriptions and fill in forms for them"},
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
	ID, Name, Until, Ended string
	May                    []string
}

func (s *Site) mine(w http.ResponseWriter, r *http.Request) {
	who, ok := s.who(w, r)
	if !ok {
		return
	}
	given, err := s.Trust.By(r.Context(), who, who.Patient)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	to, err := s.Trust.To(r.Context(), who)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v := mineView{Frame: s.frame("People I trust"), Did: did[r.URL.Query().Get("did")]}
	for i := range given {
		row := s.row(&given[i], given[i].Name, 0)
		if given[i].Active {
			v.Given = append(v.Given, row)
		} else {
			v.Over = append(v.Over, row)
		}
	}
	for i := range to {
		v.To = append(v.To, s.row(&to[i], to[i].Giver, 1))
	}
	s.Send(w, r, http.StatusOK, minePage, v)
}

// did are what was just done, as the address says it.
var did = map[string]string{"ended": "They can no longer see anything or act for you.", "back": "You have given it back.", "accepted": "Done. You can act for them from now on."}

func (s *Site) row(g *trust.Given, name string, side int) givenRow {
	row := givenRow{ID: g.ID, Name: name}
	for _, scope := range g.Scopes {
		if text, ok := words[scope]; ok {
			row.May = append(row.May, text[side])
		}
	}
	if !g.Until.IsZero() {
		row.Until = g.Until.In(london.Zone).Format("2 January 2006")
	}
	return row
}

func (s *Site) end(w http.ResponseWriter, r *http.Request) {
	who, ok := s.who(w, r)
	if !ok {
		return
	}
	id := r.PathValue("id")
	if !fhir.ValidID(id) {
		s.say(w, r, http.StatusNotFound, "Not found", "There is no page at this address.")
		return
	}
	if err := s.Trust.End(r.Context(), who, id); err != nil {
		s.fail(w, r, err)
		return
	}
	what := "ended"
	if r.PostFormValue("back") != "" {
		what = "back"
	}
	kit.See(w, r, "/my/trusted?did="+what)
}

// who is the patient who is looking; what is shown otherwise has been sent.
func (s *Site) who(w http.ResponseWriter, r *http.Request) (access.Actor, bool) {
	who, err := s.Who(r)
	switch {
	case err != nil:
		s.fail(w, r, err)
	case who.Patient == "":
		s.say(w, r, http.StatusForbidden, "Not for you", "This page is for people who have a health record here and have signed in to it.")
	default:
		return who, true
	}
	return who, false
}

func (s *Site) frame(title string) kit.Frame {
	return s.Frame(title, true, true)
}

// fail says in words what went wrong; what only operators understand goes to the log.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	var e *fhir.Error
	if !errors.As(err, &e) {
		e = &fhir.Error{Kind: fhir.Broken}
	}
	switch e.Kind {
	case fhir.Forbidden:
		s.say(w, r, http.StatusForbidden, "You cannot do this", kit.Sentence(e.Msg))
	case fhir.NotFound, fhir.Gone:
		s.say(w, r, http.StatusNotFound, "Not found", "What stood here is over, or never was.")
	case fhir.Busy, fhir.NoRoom:
		w.Header().Set("Retry-After", "10")
		s.say(w, r, http.StatusServiceUnavailable, "Not now", "This does not work at the moment. Try again in a minute.")
	default:
		s.Logger().ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "error", err)
		s.say(w, r, http.StatusInternalServerError, "Something went wrong", "This is our fault and has been logged. Try again, or ask at the desk of your practice.")
	}
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
