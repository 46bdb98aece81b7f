// Package account is the pages of signing in: the ways in, the code from the desk, the choice of a role, what somebody can change about how they sign
// in, and the desk where staff vouch for people who have no smartphone and no photo ID, and help back in those who have lost their way in.
//
// Every page works without script. The one script there is (static/passkey.js) asks the browser for a passkey; where there is none, or no script, the page
// shows the other ways. Guard stands before all pages: it shows a page to those who may see such a page at all, and says to the others what would
// unlock it (gate.go).
package account

import (
	_ "embed"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
)

// Site serves the pages. SignIn and Door must be set.
type Site struct {
	kit.Host
	SignIn *signin.Service
	Door   *record.Door
}

// Handler serves /signin, /signout, /account and /desk. What changes something is a POST; whoever serves it must refuse those that come from pages of
// others (http.CrossOriginProtection), and put Guard before it.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /signin", s.signIn)
	mux.HandleFunc("POST /signin/passkey/begin", s.beginPasskey)
	mux.HandleFunc("POST /signin/passkey", s.finishPasskey)
	mux.HandleFunc("GET /signin/code", s.askCode)
	mux.HandleFunc("POST /signin/code", s.takeCode)
	mux.HandleFunc("GET /signin/with/{name}", s.visit)
	mux.HandleFunc("GET /signin/back/{name}", s.back)
	mux.HandleFunc("GET /signin/role", s.askRole)
	mux.HandleFunc("POST /signin/role", s.takeRole)
	mux.HandleFunc("POST /signout", s.signOut)
	mux.HandleFunc("GET /account", s.account)
	mux.HandleFunc("POST /account/everywhere", s.everywhere)
	mux.HandleFunc("GET /account/passkey", s.newPasskey)
	mux.HandleFunc("POST /account/passkey/begin", s.beginRegistration)
	mux.HandleFunc("POST /account/passkey", s.finishRegistration)
	mux.HandleFunc("GET /account/passkey/{id}", s.onePasskey)
	mux.HandleFunc("POST /account/passkey/{id}", s.removePasskey)
	mux.HandleFunc("GET /account/join", s.askJoin)
	mux.HandleFunc("POST /account/join", s.takeJoin)
	mux.HandleFunc("GET /account/static/", serveScript)
	mux.HandleFunc("GET /desk/vouch", s.desk)
	mux.HandleFunc("POST /desk/vouch", s.desk)
	mux.HandleFunc("GET /desk/recover", s.desk)
	mux.HandleFunc("POST /desk/recover", s.desk)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.say(w, r, http.StatusNotFound, kit.Lang(r).T("Not found"), kit.Lang(r).T("There is no page at this address."))
	})
	return kit.Secure(limited(mux))
}

// limited bounds what a form may send.
func limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 128<<10)
		next.ServeHTTP(w, r)
	})
}

//go:embed say.html
var sayHTML string

var sayPage = kit.Page(sayHTML)

// sayView is a page that says one thing.
type sayView struct {
	Frame  kit.Frame
	Head   string
	Reason string
	Ways   []way
}

// way is where the reader can go on.
type way struct{ To, Text string }

func (s *Site) say(w http.ResponseWriter, r *http.Request, status int, head, reason string, ways ...way) {
	if len(ways) == 0 {
		ways = []way{{"/signin", kit.Lang(r).T("Sign in")}}
	}
	s.Send(w, r, status, sayPage, sayView{Frame: s.frame(r, head), Head: head, Reason: reason, Ways: ways})
}

// fail says in words what went wrong; what only operators understand goes to the log.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	if why, is := signin.IsNoSession(err); is {
		s.toSignIn(w, r, why)
		return
	}
	var e *fhir.Error
	if !errors.As(err, &e) {
		e = &fhir.Error{Kind: fhir.Broken}
	}
	status := statusOf(e.Kind)
	if status >= 500 {
		s.Logger().ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "error", err)
	}
	switch {
	case e.Kind == fhir.Broken:
		s.say(w, r, status, kit.Lang(r).T("Something went wrong"), kit.Lang(r).T("This is our fault and has been logged. Try again, or ask at the desk of your practice."))
	case e.Kind == fhir.NoRoom:
		s.say(w, r, status, kit.Lang(r).T("Not now"), kit.Lang(r).T("The disk is full. Tell whoever looks after this machine."))
	default:
		s.say(w, r, status, kit.Lang(r).T("This does not work"), kit.Refusal(kit.Lang(r), e.Msg, refusals))
	}
}

func statusOf(k fhir.ErrKind) int {
	switch k {
	case fhir.Invalid, fhir.Unsupported, fhir.Unprocessable:
		return http.StatusBadRequest
	case fhir.NotFound:
		return http.StatusNotFound
	case fhir.Gone:
		return http.StatusGone
	case fhir.Forbidden:
		return http.StatusForbidden
	case fhir.Conflict:
		return http.StatusConflict
	case fhir.Busy:
		return http.StatusServiceUnavailable
	case fhir.NoRoom:
		return http.StatusInsufficientStorage
	}
	return http.StatusInternalServerError
}

// frame is what stands around a page: the ways to staff's pages for staff who work in a role, the way to the account for whoever has signed in.
func (s *Site) frame(r *http.Request, title string) kit.Frame {
	who, err := s.SignIn.Who(r)
	return s.Frame(title, err != nil || who.Role == "patient", err == nil)
}

// toSignIn sends somebody to sign in, and then back to where they are.
func (s *Site) toSignIn(w http.ResponseWriter, r *http.Request, why string) {
	q := url.Values{}
	if r.Method == http.MethodGet {
		if to := local(r.URL.RequestURI()); to != "" && to != "/" {
			q.Set("to", to)
		}
	}
	if why != "" && why != notSignedIn {
		q.Set("over", "yes")
	}
	address := "/signin"
	if len(q) > 0 {
		address += "?" + q.Encode()
	}
	kit.See(w, r, address)
}

const notSignedIn = "you are not signed in"

// local is an address if it is a path of this site, "" otherwise: nobody is sent anywhere else after signing in.
func local(to string) string {
	if len(to) == 0 || len(to) > 1000 || to[0] != '/' || strings.HasPrefix(to, "//") {
		return ""
	}
	for _, c := range to {
		if c <= ' ' || c == '\\' || c == 0x7f || c > 0x7e {
			return ""
		}
	}
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Path == "" || strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, "\\") {
		return ""
	}
	if u.Path == "/signin" || strings.HasPrefix(u.Path, "/signin/") || u.Path == "/signout" {
		return ""
	}
	return to
}

// home is where somebody goes who wanted to go nowhere else.
func home(a *signin.Account) string {
	if a.Kind == signin.Staff {
		return "/"
	}
	return hub.Path
}

// AtOrigin sends a browser that calls this machine by its number to its name: a passkey is bound to the name.
func (s *Site) AtOrigin(w http.ResponseWriter, r *http.Request) (sent bool) {
	origin, err := url.Parse(s.SignIn.Origin())
	if err != nil || origin.Hostname() != "localhost" || r.Method != http.MethodGet {
		return false
	}
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil || port != origin.Port() {
		return false
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return false
	}
	kit.See(w, r, s.SignIn.Origin()+r.URL.RequestURI())
	return true
}

func day(t time.Time) string { return t.In(london.Zone).Format("2 January 2006") }

func clock(t time.Time) string { return t.In(london.Zone).Format("2 January 2006, 15:04") }

// field is one thing that is asked.
type field = kit.Field
