// Package patient is the pages that people use for themselves: asking for help and sending readings. Staff ask in somebody's name, at the desk or on the
// telephone, on the same pages under /person.
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

// Site serves the pages under /my/ask, /my/readings and /person/ID/ask. All fields but those of Host must be set.
type Site struct {
	kit.Host
	Door   *record.Door
	Triage *triage.Service
	Rules  *monitor.Rules                            // by which readings are judged
	Who    func(*http.Request) (access.Actor, error) // who is looking
	Signed bool                                      // whoever is looking has signed in, and finds their account on every page
}

// Handler serves the pages. What changes something is a POST; whoever serves it must refuse those that come from pages of
// others (http.CrossOriginProtection).
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, base := range []string{"/my/ask", "/person/{person}/ask"} {
		for path, show := range map[string]func(http.ResponseWriter, *http.Request, seat){"": s.ask, "/{id}/about": s.about, "/{id}": s.question} {
			page := func(w http.ResponseWriter, r *http.Request) {
				if at, ok := s.seat(w, r); ok {
					show(w, r, at)
				}
			}
			mux.HandleFunc("GET "+base+path, page)
			mux.HandleFunc("POST "+base+path, page)
		}
	}
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
	s.Send(w, r, status, sayPage, sayView{s.Frame(head, true, s.Signed), head, reason})
}

// seat is from where somebody asks for help: about themselves, or staff about somebody.
type seat struct {
	who     access.Actor
	patient string
	base    string // of the addresses
	staff   bool
}

// seat is where the request comes from; what is shown otherwise has been sent.
func (s *Site) seat(w http.ResponseWriter, r *http.Request) (seat, bool) {
	person := r.PathValue("person")
	if person == "" {
		who, ok := s.who(w, r)
		return seat{who, who.Patient, "/my/ask", false}, ok
	}
	who, err := s.Who(r)
	switch {
	case err != nil:
		s.fail(w, r, err)
	case who.Role == "patient" || !fhir.ValidID(person):
		s.say(w, r, http.StatusNotFound, "Not found", "There is no page at this address.")
	default:
		return seat{who, person, "/person/" + person + "/ask", true}, true
	}
	return seat{}, false
}

// frame is the frame of a page for whoever sits there.
func (s *Site) frame(title string, at seat) kit.Frame { return s.Frame(title, !at.staff, s.Signed) }

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
