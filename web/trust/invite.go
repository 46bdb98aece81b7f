package trust

import (
	_ "embed"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

//go:embed invite.html
var inviteHTML string

var invitePage = kit.Page(inviteHTML)

// inviteView asks one question after another: who, what, how long; then whether all is right; and at the end it shows the
// code. What was answered before goes along in the form.
type inviteView struct {
	Frame  kit.Frame
	Ask    string // name, may, until or check; code at the end
	Name   field
	May    []choice
	Long   []choice
	Wrong  field // of the question with several answers
	Until  string
	Given  []string // what is given, in words
	Code   string
	Lasts  string // until when the code holds
	Errors []field
}

type choice struct {
	ID, Value, Text string
	Chosen          bool
}

// spans are for how long something may be given.
var spans = []struct {
	key, text     string
	months, years int
}{{"month", words.Text("1 month"), 1, 0}, {"half", words.Text("6 months"), 6, 0}, {"year", words.Text("1 year"), 0, 1}, {"five", words.Text("5 years"), 0, 5}}

func (s *Site) invite(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	t := at.Words.T
	if err := r.ParseForm(); err != nil {
		s.Say(w, r, at, http.StatusBadRequest, t("This does not work"), t("Begin again from the start."))
		return
	}
	v := inviteView{Ask: "name", Name: field{ID: "name", Value: strings.TrimSpace(r.PostFormValue("name"))}}
	may := known(r.PostForm["may"], trust.Scopes)
	long := r.PostFormValue("long")
	var until time.Time
	for i, scope := range trust.Scopes {
		v.May = append(v.May, choice{numbered("may", i), scope, t(mays[scope][0]), len(known([]string{scope}, may)) > 0})
	}
	for i, span := range spans {
		v.Long = append(v.Long, choice{numbered("long", i), span.key, t(span.text), span.key == long})
		if span.key == long {
			until = s.Time().AddDate(span.years, span.months, 0)
		}
	}
	for _, scope := range may {
		v.Given = append(v.Given, t(mays[scope][0]))
	}
	status := http.StatusOK
	wrong := func(f field) {
		status = http.StatusUnprocessableEntity
		v.Errors = append(v.Errors, f)
	}
	asked := r.PostFormValue("asked")
	switch {
	case asked == "":
	case v.Name.Value == "" || len(v.Name.Value) > 100:
		v.Name.Error = t("Enter a name, in at most 100 letters")
		wrong(v.Name)
	case asked == "name":
		v.Ask = "may"
	case len(may) == 0:
		v.Ask, v.Wrong = "may", field{ID: "may", Error: t("Choose at least one thing")}
		wrong(v.Wrong)
	case asked == "may":
		v.Ask = "until"
	case until.IsZero():
		v.Ask, v.Wrong = "until", field{ID: "long", Error: t("Choose for how long")}
		wrong(v.Wrong)
	case asked != "check":
		v.Ask = "check"
	default:
		code, err := s.Trust.Invite(r.Context(), at.Who, v.Name.Value, may, until)
		if err != nil {
			s.Fail(w, r, at, err)
			return
		}
		v.Ask, v.Code = "code", code
		v.Lasts = at.Words.Day(s.Time().Add(trust.InvitationLasts))
	}
	if !until.IsZero() {
		v.Until = at.Words.Date(until)
	}
	title := map[string]string{"name": t("Who do you trust?"), "may": t("What may they do?"), "until": t("For how long?"), "check": t("Check your answers"), "code": t("Give them this code")}[v.Ask]
	if v.Errors != nil {
		title = t("Error:") + " " + title
	}
	v.Frame = s.Frame(at, title, "/trusted")
	if v.Ask == "code" {
		v.Frame.Back = kit.Way{} // the code is shown once
	}
	s.Send(w, r, status, invitePage, v)
}

func numbered(name string, i int) string {
	if i == 0 {
		return name
	}
	return name + "-" + string(rune('0'+i))
}

//go:embed accept.html
var acceptHTML string

var acceptPage = kit.Page(acceptHTML)

// acceptView asks for the code, then for the giver's date of birth.
type acceptView struct {
	Frame  kit.Frame
	Born   bool
	Code   field
	Date   kit.DateField
	Errors []field
}

func (s *Site) accept(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	t := at.Words.T
	v := acceptView{Code: field{ID: "code", Value: strings.TrimSpace(r.PostFormValue("code"))}, Date: kit.DateOf(r, "born")}
	status := http.StatusOK
	switch asked := r.PostFormValue("asked"); {
	case asked == "":
	case v.Code.Value == "" || len(v.Code.Value) > 40:
		v.Code.Error = t("Enter the code that you were given")
		status, v.Errors = http.StatusUnprocessableEntity, []field{v.Code}
	case asked == "code":
		v.Born = true
	default:
		v.Born = true
		born, wrong := v.Date.Born(s.Time(), at.Words)
		if wrong == "" {
			_, err := s.Trust.Accept(r.Context(), at.Who, v.Code.Value, born)
			var e *fhir.Error
			switch {
			case err == nil:
				kit.See(w, r, "/my/trusted?did=accepted")
				return
			case errors.As(err, &e) && (e.Kind == fhir.NotFound || e.Kind == fhir.Invalid):
				wrong = refused(e, at.Words)
			default:
				s.Fail(w, r, at, err)
				return
			}
		}
		v.Date.Error = wrong
		status, v.Errors = http.StatusUnprocessableEntity, []field{{ID: "born", Error: wrong}}
	}
	title := t("What is the code?")
	if v.Born {
		title = t("What is their date of birth?")
	}
	if v.Errors != nil {
		title = t("Error:") + " " + title
	}
	back := "/trusted"
	if v.Born {
		back = "/trusted/accept"
	}
	v.Frame = s.Frame(at, title, back)
	s.Send(w, r, status, acceptPage, v)
}

// refused says why a code is not taken, in the reader's language.
func refused(e *fhir.Error, l *words.Lang) string {
	if e.Kind == fhir.NotFound {
		return l.T("This code and date of birth do not go together, or the code has been used or is out of date")
	}
	return seat.Refusal(l, e.Msg)
}
