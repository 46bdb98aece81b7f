// Package patient is the pages that people use for themselves: asking for help and sending readings.
//
// One question stands on a page, nothing needs a script, and what was answered travels in the form, so that going back is going back. A page shows
// what care/triage and care/monitor say; it decides nothing.
package patient

import (
	_ "embed"
	"errors"
	"net/http"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/monitor"
	"github.com/kith-care/kith/care/triage"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
)

// Site serves the pages under /my/ask and /my/readings. All fields but those of Host must be set.
type Site struct {
	kit.Host
	Door   *record.Door
	Triage *triage.Service
	Rules  *monitor.Rules                            // by which readings are judged
	Who    func(*http.Request) (access.Actor, error) // the patient who is looking
}

// Handler serves the pages. What changes something is a POST; whoever serves it must refuse those that come from pages of
// others (http.CrossOriginProtection).
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /my/ask", s.ask)
	mux.HandleFunc("POST /my/ask", s.ask)
	mux.HandleFunc("GET /my/ask/{id}/about", s.about)
	mux.HandleFunc("POST /my/ask/{id}/about", s.about)
	mux.HandleFunc("GET /my/ask/{id}", s.question)
	mux.HandleFunc("POST /my/ask/{id}", s.question)
	mux.HandleFunc("GET /my/readings", s.readings)
	mux.HandleFunc("POST /my/readings", s.readings)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.say(w, r, http.StatusNotFound, "Not found", "There is no page at this address.")
	})
	return kit.Secure(http.MaxBytesHandler(mux, 64<<10))
}

//go:embed say.html
var sayHTML string

var sayPage = kit.Page(sayHTML)

type sayView struct {
	Frame        kit.Frame
	Head, Reason string
}

func (s *Site) say(w http.ResponseWriter, r *http.Request, status int, head, reason string) {
	s.Send(w, r, status, sayPage, sayView{s.Frame(head, true, true), head, reason})
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
	case fhir.Conflict:
		s.say(w, r, http.StatusConflict, "Begin again", kit.Sentence(e.Msg))
	case fhir.Busy, fhir.NoRoom:
		w.Header().Set("Retry-After", "10")
		s.say(w, r, http.StatusServiceUnavailable, "Not now", "This does not work at the moment. Try again in a minute. If it cannot wait, call 111, or 999 in an emergency.")
	default:
		s.Logger().ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "error", err)
		s.say(w, r, http.StatusInternalServerError, "Something went wrong", "This is our fault and has been logged. Try again, or telephone your practice. If it cannot wait, call 111, or 999 in an emergency.")
	}
}
