package account

import (
	_ "embed"
	"net/http"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
)

//go:embed join.html
var joinHTML string

var joinPage = kit.Page(joinHTML)

// joinView asks whether the account that this browser was signed in to before is of the same person.
type joinView struct {
	Frame  kit.Frame
	To     string
	Name   string // of that account
	With   string // whose sign-in it was
	Join   field
	Errors []field
}

func (s *Site) askJoin(w http.ResponseWriter, r *http.Request) {
	s.showJoin(w, r, joinView{To: local(r.URL.Query().Get("to"))})
}

func (s *Site) showJoin(w http.ResponseWriter, r *http.Request, v joinView) {
	from, err := s.SignIn.Offered(r)
	if fhir.KindOf(err) == fhir.NotFound && err != nil {
		kit.See(w, r, "/account/passkey"+toQuery(v.To))
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v.Name, v.Join.ID = from.Name, "join"
	var with []string
	for _, u := range from.Subjects {
		with = append(with, s.titleOf(u.Provider))
	}
	v.With = strings.Join(with, ", ")
	title, status := kit.Lang(r).T("Is this you too?"), http.StatusOK
	if v.Errors != nil {
		title, status = kit.Lang(r).T("Error:")+" "+title, http.StatusBadRequest
	}
	v.Frame = s.frame(r, title)
	s.Send(w, r, status, joinPage, v)
}

func (s *Site) takeJoin(w http.ResponseWriter, r *http.Request) {
	v := joinView{To: local(r.PostFormValue("to"))}
	said := r.PostForm.Get("join")
	if said != "yes" && said != "no" {
		v.Join.Error = kit.Lang(r).T("Say whether this is you too")
		v.Errors = []field{{ID: "join", Error: v.Join.Error}}
		s.showJoin(w, r, v)
		return
	}
	if err := s.SignIn.Join(r.Context(), w, r, said == "yes"); err != nil {
		s.fail(w, r, err)
		return
	}
	kit.See(w, r, "/account/passkey"+toQuery(v.To))
}
