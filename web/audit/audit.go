// Package audit is the pages about who looked at whose record: for a patient, in plain words, with a way to say that something
// looks wrong; for privacy officers, a search of the whole trail and what looks unusual.
//
// Both read the trail through the door, which decides whether they may and notes that they did. A patient sees of an entry only what concerns
// themselves.
package audit

import (
	_ "embed"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
)

// Site serves the pages. Door and Who must be set.
type Site struct {
	kit.Host
	Door    *record.Door
	Who     func(*http.Request) (access.Actor, error) // an error of kind Forbidden where nobody has signed in
	Privacy string                                    // the name of the organisation whose privacy officer looks into what looks wrong; "" for "Privacy officer"
	Signed  bool                                      // pages lead to the reader's account
	Due     time.Duration                             // how long the privacy officer has; 0 for five days
}

// Handler serves /my/seen and /audit.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /my/seen", s.looked)
	mux.HandleFunc("GET /my/seen/wrong", s.wrong)
	mux.HandleFunc("POST /my/seen/wrong", s.report)
	mux.HandleFunc("GET /audit", s.officer)
	return kit.Secure(mux)
}

//go:embed missing.html
var missingHTML string

var missingPage = kit.Page(missingHTML)

type missingView struct {
	Frame        kit.Frame
	Head, Reason string
}

// fail shows an error in words for the reader.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, head, reason := http.StatusInternalServerError, "Sorry, something went wrong", "This is our fault. Try again later."
	var e *fhir.Error
	if errors.As(err, &e) {
		switch e.Kind {
		case fhir.Forbidden:
			status, head, reason = http.StatusForbidden, "You cannot see this page", e.Msg
		case fhir.NotFound, fhir.Gone:
			status, head, reason = http.StatusNotFound, "Page not found", "What you asked for is not here. Go back and try again."
		case fhir.Invalid, fhir.Unsupported:
			status, head, reason = http.StatusBadRequest, "This address is not understood", "Go back and try again."
		case fhir.Busy, fhir.NoRoom:
			status, head, reason = http.StatusServiceUnavailable, "Sorry, this is not working at the moment", "Try again in a few minutes."
		}
	}
	if status >= 500 {
		s.Logger().ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "error", err)
	}
	s.Send(w, r, status, missingPage, missingView{s.frame(head, strings.HasPrefix(r.URL.Path, "/my/")), head, reason})
}

func (s *Site) frame(title string, plain bool) kit.Frame {
	return s.Frame(title, plain, s.Signed)
}
