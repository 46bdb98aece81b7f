package account

import (
	_ "embed"
	"net/http"
	"strings"
	"time"

	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/web/kit"
)

//go:embed code.html
var codeHTML string

var codePage = kit.Page(codeHTML)

// codeView asks for the code, then for the date of birth: one question a page.
type codeView struct {
	Frame  kit.Frame
	To     string
	Born   bool // the second question
	Code   field
	Date   kit.DateField
	Errors []field
}

func (s *Site) askCode(w http.ResponseWriter, r *http.Request) {
	if s.AtOrigin(w, r) {
		return
	}
	s.showCode(w, r, http.StatusOK, codeView{To: local(r.URL.Query().Get("to")), Code: field{ID: "code"}})
}

func (s *Site) showCode(w http.ResponseWriter, r *http.Request, status int, v codeView) {
	title := kit.Lang(r).T("What is your code?")
	if v.Born {
		title = kit.Lang(r).T("What is your date of birth?")
	}
	if len(v.Errors) > 0 {
		title = kit.Lang(r).T("Error:") + " " + title
	}
	v.Frame = s.frame(r, title)
	s.Send(w, r, status, codePage, v)
}

func (s *Site) takeCode(w http.ResponseWriter, r *http.Request) {
	v := codeView{To: local(r.PostFormValue("to")), Code: field{ID: "code", Value: strings.TrimSpace(r.PostFormValue("code"))}, Date: kit.DateOf(r, "born")}
	v.Date.Own = true
	wrong := func(e field) {
		if v.Born {
			v.Date.Error = e.Error
		} else {
			v.Code.Error = e.Error
		}
		v.Errors = []field{e}
		s.showCode(w, r, http.StatusBadRequest, v)
	}
	if v.Code.Value == "" {
		wrong(field{ID: "code", Error: kit.Lang(r).T("Enter your code")})
		return
	}
	if !signin.LooksLikeCode(v.Code.Value) {
		wrong(field{ID: "code", Error: kit.Lang(r).T("A code has 12 letters and numbers. Check it against your paper")})
		return
	}
	v.Born = true
	if r.PostForm.Get("asked") != "born" {
		s.showCode(w, r, http.StatusOK, v)
		return
	}
	iso, bad := v.Date.Born(s.Time(), kit.Lang(r))
	if bad != "" {
		wrong(field{ID: "born", Error: bad})
		return
	}
	_, before, err := s.SignIn.Session(r)
	if err != nil {
		before = nil // nobody was signed in, as usual
	}
	in, err := s.SignIn.Redeem(r.Context(), r, v.Code.Value, iso)
	if until, slowed := signin.Slowed(err); slowed {
		v.Errors = []field{{ID: "born", Error: kit.Lang(r).T("There were too many wrong tries. You can try again at %s", until.In(london.Zone).Add(time.Minute-time.Second).Format("15:04"))}}
		v.Date.Error = v.Errors[0].Error
		s.showCode(w, r, http.StatusTooManyRequests, v)
		return
	}
	if fhir.KindOf(err) == fhir.Forbidden && err != nil {
		v.Errors = []field{{ID: "born", Error: kit.Lang(r).T("This code and date of birth do not go together, or the code has been used or is out of date")}}
		v.Date.Error = v.Errors[0].Error
		s.showCode(w, r, http.StatusForbidden, v)
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.SignIn.SetCookie(w, in)
	if offered, err := s.SignIn.OfferJoin(w, before, in); err != nil {
		s.fail(w, r, err)
		return
	} else if offered {
		kit.See(w, r, "/account/join"+toQuery(v.To))
		return
	}
	// The code is used up: the next time needs another way in, so it is offered now.
	kit.See(w, r, "/account/passkey"+toQuery(v.To))
}
