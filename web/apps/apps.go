// Package apps is the pages about apps that are not ours: the consent screen of /auth/authorize, which says in plain
// English what an app wants and lets a person allow all, some or nothing of it; the apps somebody has connected, with one
// button to disconnect each; and for operators and managers the register of apps, where each is reviewed.
//
// The protocol is rest/smart's: these pages show what it has checked and hand back what was ticked. They work without
// script and keep their state in the address.
package apps

import (
	_ "embed"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/rest/smart"
	"github.com/kith-care/kith/web/kit"
)

// Site serves the pages. Door and Smart must be set.
type Site struct {
	kit.Host
	Door  *record.Door
	Smart *smart.Service
}

// Handler serves the pages. What changes something is a POST; whoever serves it must refuse those that come from pages of
// others (http.CrossOriginProtection), save that to /auth/authorize, which changes nothing: an app may begin with it.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /auth/authorize", s.authorize)
	mux.HandleFunc("POST /auth/authorize", s.authorizeForm)
	mux.HandleFunc("POST /auth/consent", s.consent)
	mux.HandleFunc("GET /apps", s.connected)
	mux.HandleFunc("POST /apps/disconnect/{client}", s.disconnect)
	mux.HandleFunc("GET /apps/open/{patient}", s.openable)
	mux.HandleFunc("POST /apps/open/{patient}", s.open)
	mux.HandleFunc("GET /clients", s.clients)
	mux.HandleFunc("GET /clients/new", s.registering)
	mux.HandleFunc("POST /clients/new", s.register)
	mux.HandleFunc("GET /clients/{id}", s.client)
	mux.HandleFunc("POST /clients/{id}", s.decide)
	return kit.Secure(mux)
}

//go:embed parts.html
var partsHTML string

// page parses a page with the parts that several share.
func page(text string) *kit.Template { return kit.Page(partsHTML + text) }

//go:embed missing.html
var missingHTML string

var missingPage = page(missingHTML)

// missingView is a page that cannot be shown, and why.
type missingView struct {
	Frame  kit.Frame
	Head   string
	Reason string
	Code   string // for whoever made the app
}

// fault is one thing that is wrong with a form.
type fault struct{ ID, Error string }

type faults []fault

// of is what is wrong with one field, nil for nothing.
func (f faults) of(id string) *fault {
	for i := range f {
		if f[i].ID == id {
			return &f[i]
		}
	}
	return nil
}

// who is who is signed in. Where nobody is, they are sent to sign in and come back; then ok is false.
func (s *Site) who(w http.ResponseWriter, r *http.Request) (who access.Actor, ok bool) {
	who, err := s.Smart.Session(r)
	if err != nil && fhir.KindOf(err) != fhir.Forbidden {
		s.fail(w, r, err)
		return who, false
	}
	if err != nil || who.ID == "" {
		to := r.URL.Path
		if r.Method != http.MethodGet {
			to = "/apps"
		} else if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		kit.See(w, r, "/signin?to="+url.QueryEscape(to))
		return who, false
	}
	return who, true
}

// clerk reports whether somebody looks after the register of apps.
func clerk(who access.Actor) bool { return who.Role == "operator" || who.Role == "manager" }

// clerk is who is signed in, where they look after the register of apps.
func (s *Site) clerk(w http.ResponseWriter, r *http.Request) (access.Actor, bool) {
	who, ok := s.who(w, r)
	if ok && !clerk(who) {
		s.Send(w, r, http.StatusForbidden, missingPage, missingView{Frame: s.frame("No access", who), Head: "You do not have access to this page", Reason: "Apps are looked after by operators and managers."})
		return who, false
	}
	return who, ok
}

// fail shows an error in words for the reader; what only operators understand goes to the log.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	if refusal, ok := errors.AsType[*smart.Refusal](err); ok {
		s.refused(w, r, refusal)
		return
	}
	view := missingView{Frame: s.frame("Something went wrong", access.Actor{Role: "patient"}), Head: "Something went wrong", Reason: "This is our fault and has been logged. Try again in a minute."}
	status := http.StatusInternalServerError
	e, _ := errors.AsType[*fhir.Error](err)
	if e == nil {
		e = &fhir.Error{Kind: fhir.Broken}
	}
	switch e.Kind {
	case fhir.NotFound, fhir.Gone:
		status, view.Frame.Title, view.Head, view.Reason = http.StatusNotFound, "Not found", "Not found", kit.Sentence(e.Msg)
	case fhir.Forbidden:
		status, view.Frame.Title, view.Head, view.Reason = http.StatusForbidden, "No access", "You cannot do this", kit.Sentence(e.Msg)
	case fhir.Conflict, fhir.Invalid, fhir.Unsupported:
		status, view.Frame.Title, view.Head, view.Reason = http.StatusConflict, "Not done", "This was not done", kit.Sentence(e.Msg)
	case fhir.Busy, fhir.NoRoom:
		status, view.Frame.Title, view.Head, view.Reason = http.StatusServiceUnavailable, "Not available", "This does not work at the moment", "Try again in a minute."
		w.Header().Set("Retry-After", "10")
	}
	if status >= 500 {
		s.Logger().ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "error", err)
	}
	s.Send(w, r, status, missingPage, view)
}

// refused shows why an app cannot be connected, or lets the app hear of it where it is known to be the app that asked.
func (s *Site) refused(w http.ResponseWriter, r *http.Request, refusal *smart.Refusal) {
	if refusal.To != "" {
		s.leave(w, r, refusal.To)
		return
	}
	s.Send(w, r, http.StatusBadRequest, missingPage, missingView{Frame: s.frame("App not connected", access.Actor{Role: "patient"}), Head: "This app cannot be connected",
		Reason: "It is not set up rightly, or we do not know it. You have not shared anything. Tell whoever makes the app what stands below.", Code: refusal.Code + ": " + refusal.Text})
}

// leave sends somebody to an app.
func (s *Site) leave(w http.ResponseWriter, r *http.Request, to string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// leadsTo lets the forms of a page lead on to an app: browsers hold the policy against the address a form ends at.
func leadsTo(w http.ResponseWriter, origins ...string) {
	h := w.Header()
	slices.Sort(origins)
	h.Set("Content-Security-Policy", strings.Replace(h.Get("Content-Security-Policy"), "form-action 'self'", "form-action 'self' "+strings.Join(slices.Compact(origins), " "), 1))
}

// frame is the frame of a page for somebody; patients do not see the links that are for staff.
func (s *Site) frame(title string, who access.Actor) kit.Frame {
	return s.Frame(title, !smart.Staff(who), who.ID != "")
}

func day(t time.Time) string { return t.In(london.Zone).Format("2 January 2006") }
