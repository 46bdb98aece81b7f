package account

import (
	_ "embed"
	"net/http"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
)

//go:embed passkey.html
var passkeyHTML string

var passkeyPage = kit.Page(scriptHTML + passkeyHTML)

// passkeyView offers to make a passkey.
type passkeyView struct {
	Frame kit.Frame
	Next  string // where the reader goes without one
	Stale bool   // they signed in too long ago to change how they sign in
	Again string // where they sign in again
	First bool   // they have none yet
}

func (s *Site) newPasskey(w http.ResponseWriter, r *http.Request) {
	if s.AtOrigin(w, r) {
		return
	}
	se, a, err := s.SignIn.Session(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v := passkeyView{Frame: s.frame(r, kit.Lang(r).T("Set up a passkey")), Next: local(r.URL.Query().Get("to")), Stale: !s.SignIn.Fresh(se), Again: "/signin" + toQuery("/account/passkey"), First: len(a.Passkeys) == 0}
	if v.Next == "" {
		v.Next = home(a)
	}
	v.Frame.Signed, v.Frame.Script = "My account", script()
	kit.Scripted(w)
	s.Send(w, r, http.StatusOK, passkeyPage, v)
}

func (s *Site) beginRegistration(w http.ResponseWriter, r *http.Request) {
	options, err := s.SignIn.BeginRegistration(w, r)
	s.answer(w, r, options, err)
}

func (s *Site) finishRegistration(w http.ResponseWriter, r *http.Request) {
	if err := s.SignIn.FinishRegistration(r.Context(), w, r, r.URL.Query().Get("name")); err != nil {
		s.answer(w, r, nil, err)
		return
	}
	s.answer(w, r, []byte(`{"to":"/account?did=added"}`), nil)
}

//go:embed remove.html
var removeHTML string

var removePage = kit.Page(removeHTML)

// removeView asks whether a passkey is really to be removed.
type removeView struct {
	Frame          kit.Frame
	ID, Name, Used string
	Last           bool // they have no other way in
	Stale          bool
	Again          string
}

func (s *Site) onePasskey(w http.ResponseWriter, r *http.Request) {
	se, a, err := s.SignIn.Session(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	for _, p := range a.Passkeys {
		if p.ID() != r.PathValue("id") {
			continue
		}
		v := removeView{Frame: s.frame(r, kit.Lang(r).T("Remove a passkey")), ID: p.ID(), Name: p.Name, Last: len(a.Passkeys) == 1 && len(a.Subjects) == 0, Stale: !s.SignIn.Fresh(se), Again: "/signin" + toQuery("/account/passkey/"+p.ID())}
		if p.Used != nil {
			v.Used = kit.Lang(r).When(*p.Used)
		}
		v.Frame.Signed = "My account"
		s.Send(w, r, http.StatusOK, removePage, v)
		return
	}
	s.say(w, r, http.StatusNotFound, kit.Lang(r).T("Not found"), kit.Lang(r).T("You have no such passkey. You may have removed it already."), way{"/account", kit.Lang(r).T("My account")})
}

func (s *Site) removePasskey(w http.ResponseWriter, r *http.Request) {
	err := s.SignIn.RemovePasskey(r.Context(), r, r.PathValue("id"))
	switch {
	case err == nil:
		kit.See(w, r, "/account?did=removed")
	case fhir.KindOf(err) == fhir.NotFound:
		s.say(w, r, http.StatusNotFound, kit.Lang(r).T("Not found"), kit.Lang(r).T("You have no such passkey. You may have removed it already."), way{"/account", kit.Lang(r).T("My account")})
	case fhir.KindOf(err) == fhir.Conflict:
		s.say(w, r, http.StatusConflict, kit.Lang(r).T("Sign in again first"), kit.Lang(r).T("You signed in a while ago. To change how you sign in, sign in again."), way{"/signin" + toQuery("/account"), kit.Lang(r).T("Sign in again")})
	default:
		s.fail(w, r, err)
	}
}
