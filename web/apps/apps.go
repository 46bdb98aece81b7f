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
	"github.com/kith-care/kith/words"
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
		l := kit.Lang(r)
		s.Send(w, r, http.StatusForbidden, missingPage, missingView{Frame: s.frame(l.T("No access"), who), Head: l.T("You do not have access to this page"), Reason: l.T("Apps are looked after by operators and managers.")})
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
	l := kit.Lang(r)
	e, _ := errors.AsType[*fhir.Error](err)
	if e == nil {
		e = &fhir.Error{Kind: fhir.Broken}
	}
	status, head, reason := http.StatusInternalServerError, l.T("Something went wrong"), l.T("This is our fault and has been logged. Try again in a minute.")
	switch e.Kind {
	case fhir.NotFound, fhir.Gone:
		status, head, reason = http.StatusNotFound, l.T("Not found"), kit.Refusal(l, e.Msg, refusals)
	case fhir.Forbidden:
		status, head, reason = http.StatusForbidden, l.T("You cannot do this"), kit.Refusal(l, e.Msg, refusals)
	case fhir.Conflict, fhir.Invalid, fhir.Unsupported:
		status, head, reason = http.StatusConflict, l.T("This was not done"), kit.Refusal(l, e.Msg, refusals)
	case fhir.Busy, fhir.NoRoom:
		status, head, reason = http.StatusServiceUnavailable, l.T("Not now"), l.T("This does not work at the moment. Try again in a minute.")
		w.Header().Set("Retry-After", "10")
	}
	if status >= 500 {
		s.Logger().ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "error", err)
	}
	s.Send(w, r, status, missingPage, missingView{Frame: s.frame(head, access.Actor{Role: "patient"}), Head: head, Reason: reason})
}

// refused shows why an app cannot be connected, or lets the app hear of it where it is known to be the app that asked.
func (s *Site) refused(w http.ResponseWriter, r *http.Request, refusal *smart.Refusal) {
	if refusal.To != "" {
		s.leave(w, r, refusal.To)
		return
	}
	l := kit.Lang(r)
	head := l.T("This app cannot be connected")
	s.Send(w, r, http.StatusBadRequest, missingPage, missingView{Frame: s.frame(head, access.Actor{Role: "patient"}), Head: head,
		Reason: l.T("It is not set up rightly, or we do not know it. You have not shared anything. Tell whoever makes the app what stands below."), Code: refusal.Code + ": " + refusal.Text})
}

// refusals are what rest/smart says to people whom it refuses; %s is what varies. They are said again in the reader's language (kit.Refusal).
var refusals = []string{
	words.Text("this page was shown to somebody else or too long ago: open the app again"),
	words.Text("somebody else opened this app, or it was opened too long ago: open it again"),
	words.Text("you cannot connect an app for this person"),
	words.Text("say for whom the app is"),
	words.Text("say whether you allow it"),
	words.Text("tick what the app may do, or do not allow it"),
	words.Text("this launch was used already: open the app again"),
	words.Text("%s is not approved"),
	words.Text("%s has no launch address, so it cannot be opened from here"),
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
