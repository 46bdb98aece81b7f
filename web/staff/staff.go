// Package staff is the pages for people who work in health and care: find a person, see their record, what every source says of them and where
// it came from; the feeds, how they stand and what they could not file; the questions about who is one person.
//
// A page reads the record through the door as the person who is looking, in FHIR's own search language, turns what it
// finds into one typed view (the .go) and fills one template (the .html); a golden shows what comes out. Pages are
// dense, work without script and keep their state in the address.
//
// What the record does not say is shown as "Not Known", never left out; what could not be read, was left out or is old
// is said to be so, because a page that looks complete is believed.
package staff

import (
	_ "embed"
	"errors"
	"net/http"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/feeds"
	"github.com/kith-care/kith/connect/match"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
)

// Site serves the pages. Door must be set.
type Site struct {
	kit.Host
	Door   *record.Door
	Feeds  *feeds.Service                   // what the feeds' pages show; nil for a record without feeds
	Linker *match.Linker                    // who is one person, and the questions about it; nil where nobody is linked
	Who    func(*http.Request) access.Actor // who is looking; nil for an unnamed person on this machine
	Signed bool                             // whoever is looking has signed in, and finds their account on every page
}

// Handler serves all pages and /static/. What changes something is a POST, answered with the address of the page to look at next; whoever
// serves it must refuse those that come from pages of others (http.CrossOriginProtection).
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.search)
	mux.HandleFunc("GET /person/{id}", s.person)
	mux.HandleFunc("GET /person/{id}/open", s.opening)
	mux.HandleFunc("POST /person/{id}/open", s.open)
	mux.HandleFunc("GET /person/{id}/trusted", s.trusted)
	mux.HandleFunc("POST /person/{id}/trusted", s.changeTrusted)
	mux.HandleFunc("GET /person/{id}/lists", s.lists)
	mux.HandleFunc("GET /person/{id}/arrived", s.arrived)
	mux.HandleFunc("GET /person/{id}/links", s.linksPage)
	mux.HandleFunc("POST /person/{id}/links", s.unlink)
	mux.HandleFunc("GET /trace/{type}/{id}", s.trace)
	mux.HandleFunc("GET /matches", s.matches)
	mux.HandleFunc("GET /matches/{id}", s.question)
	mux.HandleFunc("POST /matches/{id}", s.answer)
	mux.HandleFunc("GET /requests", s.requests)
	mux.HandleFunc("POST /requests/{id}", s.changeTask("/requests"))
	mux.HandleFunc("GET /ward", s.ward)
	mux.HandleFunc("POST /ward/{id}", s.changeTask("/ward"))
	mux.HandleFunc("GET /feeds", s.feeds)
	mux.HandleFunc("GET /feeds/{name}", s.feed)
	mux.HandleFunc("POST /feeds/{name}/upload", s.upload)
	mux.HandleFunc("POST /feeds/{name}/hold", s.hold)
	mux.HandleFunc("GET /feeds/{name}/release", s.releasing)
	mux.HandleFunc("POST /feeds/{name}/release", s.release)
	mux.HandleFunc("GET /feeds/{name}/replay", s.replaying)
	mux.HandleFunc("POST /feeds/{name}/replay", s.replay)
	mux.HandleFunc("GET /feeds/{name}/checks/{check}", s.check)
	mux.HandleFunc("GET /feeds/{name}/checks/{check}/csv", s.checkCSV)
	mux.HandleFunc("GET /feeds/{name}/items/{number}", s.item)
	mux.HandleFunc("GET /feeds/{name}/items/{number}/raw", s.raw)
	mux.Handle("GET /static/", kit.Static())
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.missing(w, r, "There is no page at this address.")
	})
	return kit.Secure(mux)
}

//go:embed parts.html
var partsHTML string

// page parses a page with the parts that several share.
func page(text string) *kit.Template { return kit.English(partsHTML + text) }

//go:embed missing.html
var missingHTML string

var missingPage = page(missingHTML)

// missingView is a page that cannot be shown, and why.
type missingView struct {
	Frame  kit.Frame
	Head   string
	Reason string
}

func (s *Site) missing(w http.ResponseWriter, r *http.Request, reason string) {
	s.Send(w, r, http.StatusNotFound, missingPage, missingView{s.frame("Not found"), "Not found", reason})
}

// fail shows an error in words for the reader; what only operators understand goes to the log.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	var e *fhir.Error
	if !errors.As(err, &e) {
		e = &fhir.Error{Kind: fhir.Broken}
	}
	view := missingView{Frame: s.frame("Something went wrong"), Head: "Something went wrong", Reason: "This is our fault and has been logged. Try again, and use another source for the record until this works."}
	status := http.StatusInternalServerError
	switch e.Kind {
	case fhir.NotFound:
		s.missing(w, r, "Nobody with this address is in the record.")
		return
	case fhir.Gone:
		status, view = http.StatusGone, missingView{s.frame("No longer here"), "No longer here", "What stood at this address has been removed, or the list it belongs to is out of date."}
	case fhir.Invalid, fhir.Unsupported:
		status, view = http.StatusBadRequest, missingView{s.frame("Not understood"), "This address is not understood", "Begin again with a new search."}
	case fhir.Forbidden:
		if strings.HasPrefix(r.URL.Path, "/person/") && !strings.HasSuffix(r.URL.Path, "/open") {
			s.closed(w, r, glassView{})
			return
		}
		status, view = http.StatusForbidden, missingView{s.frame("No access"), "You do not have access to this record", e.Msg}
	case fhir.Conflict:
		status, view = http.StatusConflict, missingView{s.frame("Not done"), "This was not done", sentence(e.Msg)}
	case fhir.NoRoom:
		status, view = http.StatusInsufficientStorage, missingView{s.frame("Not available"), "The record cannot be read at the moment", "The disk is full. Tell whoever looks after this machine."}
	case fhir.Busy:
		status, view = http.StatusServiceUnavailable, missingView{s.frame("Not available"), "The record cannot be read at the moment", "Try again in a minute. Nothing you saw before has been lost."}
		w.Header().Set("Retry-After", "10")
	}
	if status >= 500 {
		s.Logger().ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "error", err)
	}
	s.Send(w, r, status, missingPage, view)
}

func (s *Site) frame(title string) kit.Frame {
	return s.Frame(title, false, s.Signed)
}

func (s *Site) who(r *http.Request) access.Actor {
	if s.Who != nil {
		return s.Who(r)
	}
	return access.Actor{ID: "kith/page", Role: access.Kith, Purpose: "TREAT", From: r.RemoteAddr}
}
