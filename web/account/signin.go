package account

import (
	_ "embed"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
)

//go:embed signin.html
var signInHTML string

var signInPage = kit.Page(scriptHTML + signInHTML)

// signInView is the ways in.
type signInView struct {
	Frame     kit.Frame
	To        string
	Over      bool // a session came to its end
	Out       bool // the reader has just signed out
	Providers []providerRow
}

type providerRow struct{ Title, Address string }

func (s *Site) signIn(w http.ResponseWriter, r *http.Request) {
	if s.AtOrigin(w, r) {
		return
	}
	q := r.URL.Query()
	view := signInView{Frame: s.frame(r, kit.Lang(r).T("Sign in")), To: local(q.Get("to")), Over: q.Get("over") != "", Out: q.Get("out") != ""}
	view.Frame.Script = script()
	for _, p := range s.SignIn.Providers() {
		view.Providers = append(view.Providers, providerRow{p.Title, "/signin/with/" + p.Name + toQuery(view.To)})
	}
	kit.Scripted(w)
	s.Send(w, r, http.StatusOK, signInPage, view)
}

func toQuery(to string) string {
	if to == "" {
		return ""
	}
	return "?" + url.Values{"to": {to}}.Encode()
}

func (s *Site) beginPasskey(w http.ResponseWriter, r *http.Request) {
	options, err := s.SignIn.BeginPasskey(w, local(r.URL.Query().Get("to")))
	s.answer(w, r, options, err)
}

func (s *Site) finishPasskey(w http.ResponseWriter, r *http.Request) {
	in, err := s.SignIn.FinishPasskey(r.Context(), w, r)
	if err != nil {
		s.answer(w, r, nil, err)
		return
	}
	s.SignIn.SetCookie(w, in)
	text, err := json.Marshal(struct {
		To string `json:"to"`
	}{after(in)})
	s.answer(w, r, text, err)
}

// after is where somebody goes who has signed in: staff with several roles choose one first.
func after(in *signin.SignedIn) string {
	to := local(in.To)
	if in.Account.Kind == signin.Staff && in.Session.Role < 0 {
		return "/signin/role" + toQuery(to)
	}
	if to == "" {
		to = home(in.Account)
	}
	return to
}

// answer answers the script.
func (s *Site) answer(w http.ResponseWriter, r *http.Request, text []byte, err error) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	if err != nil {
		var e *fhir.Error
		if !errors.As(err, &e) {
			e = &fhir.Error{Kind: fhir.Broken}
		}
		said := kit.Refusal(kit.Lang(r), e.Msg, refusals)
		if status := statusOf(e.Kind); status >= 500 {
			s.Logger().ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "error", err)
			if e.Kind == fhir.Broken {
				said = kit.Lang(r).T("Something went wrong. This is our fault and has been logged.")
			}
		}
		text, _ = json.Marshal(struct {
			Error string `json:"error"`
		}{said})
		w.WriteHeader(statusOf(e.Kind))
	}
	w.Write(text) // the reader has gone away where this fails
}

// visit sends somebody to sign in elsewhere.
func (s *Site) visit(w http.ResponseWriter, r *http.Request) {
	if s.AtOrigin(w, r) {
		return
	}
	to, err := s.SignIn.Visit(r.Context(), w, r.PathValue("name"), local(r.URL.Query().Get("to")))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	kit.See(w, r, to)
}

// back is where somebody comes back to.
func (s *Site) back(w http.ResponseWriter, r *http.Request) {
	in, err := s.SignIn.Back(r.Context(), w, r, r.PathValue("name"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.SignIn.SetCookie(w, in)
	kit.See(w, r, after(in))
}

func (s *Site) signOut(w http.ResponseWriter, r *http.Request) {
	if err := s.SignIn.SignOut(r.Context(), r); err != nil {
		s.fail(w, r, err)
		return
	}
	s.SignIn.ClearCookie(w)
	// What pages of this site a browser still holds is thrown away with the session.
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	kit.See(w, r, "/signin?out=yes")
}
