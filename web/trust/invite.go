package trust

import (
	_ "embed"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/web/kit"
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
}{{"month", "1 month", 1, 0}, {"half", "6 months", 6, 0}, {"year", "1 year", 0, 1}, {"five", "5 years", 0, 5}}

func (s *Site) invite(w http.ResponseWriter, r *http.Request) {
	who, ok := s.who(w, r)
	if !ok {
		return
	}
	if err := r.ParseForm(); err != nil {
		s.say(w, r, http.StatusBadRequest, "Not understood", "Begin again from the start.")
		return
	}
	v := inviteView{Ask: "name", Name: field{ID: "name", Value: strings.TrimSpace(r.PostFormValue("name"))}}
	may := known(r.PostForm["may"], trust.Scopes)
	long := r.PostFormValue("long")
	var until time.Time
	for i, scope := range trust.Scopes {
		v.May = append(v.May, choice{numbered("may", i), scope, words[scope][0], len(known([]string{scope}, may)) > 0})
	}
	for i, span := range spans {
		v.Long = append(v.Long, choice{numbered("long", i), span.key, span.text, span.key == long})
		if span.key == long {
			until = s.Time().AddDate(span.years, span.months, 0)
		}
	}
	for _, scope := range may {
		v.Given = append(v.Given, words[scope][0])
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
		v.Name.Error = "Enter a name, in at most 100 letters"
		wrong(v.Name)
	case asked == "name":
		v.Ask = "may"
	case len(may) == 0:
		v.Ask, v.Wrong = "may", field{ID: "may", Error: "Choose at least one thing"}
		wrong(v.Wrong)
	case asked == "may":
		v.Ask = "until"
	case until.IsZero():
		v.Ask, v.Wrong = "until", field{ID: "long", Error: "Choose for how long"}
		wrong(v.Wrong)
	case asked != "check":
		v.Ask = "check"
	default:
		code, err := s.Trust.Invite(r.Context(), who, v.Name.Value, may, until)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		v.Ask, v.Code = "code", code
		v.Lasts = s.Time().Add(trust.InvitationLasts).In(london.Zone).Format("Monday 2 January")
	}
	if !until.IsZero() {
		v.Until = until.In(london.Zone).Format("2 January 2006")
	}
	title := map[string]string{"name": "Who do you trust?", "may": "What may they do?", "until": "For how long?", "check": "Check your answers", "code": "Give them this code"}[v.Ask]
	if v.Errors != nil {
		title = "Error: " + title
	}
	v.Frame = s.frame(title)
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

func (s *Site) accept(w http.ResponseWriter, r *http.Request) {
	who, ok := s.who(w, r)
	if !ok {
		return
	}
	v := acceptView{Code: field{ID: "code", Value: strings.TrimSpace(r.PostFormValue("code"))}, Date: kit.DateOf(r, "born")}
	status := http.StatusOK
	switch asked := r.PostFormValue("asked"); {
	case asked == "":
	case v.Code.Value == "" || len(v.Code.Value) > 40:
		v.Code.Error = "Enter the code that you were given"
		status, v.Errors = http.StatusUnprocessableEntity, []field{v.Code}
	case asked == "code":
		v.Born = true
	default:
		v.Born = true
		born, wrong := v.Date.Born(s.Time())
		if wrong == "" {
			_, err := s.Trust.Accept(r.Context(), who, v.Code.Value, born)
			var e *fhir.Error
			switch {
			case err == nil:
				kit.See(w, r, "/my/trusted?did=accepted")
				return
			case errors.As(err, &e) && (e.Kind == fhir.NotFound || e.Kind == fhir.Invalid):
				wrong = kit.Sentence(e.Msg)
			default:
				s.fail(w, r, err)
				return
			}
		}
		v.Date.Error = wrong
		status, v.Errors = http.StatusUnprocessableEntity, []field{{ID: "born", Error: wrong}}
	}
	title := "What is the code?"
	if v.Born {
		title = "What is their date of birth?"
	}
	if v.Errors != nil {
		title = "Error: " + title
	}
	v.Frame = s.frame(title)
	s.Send(w, r, status, acceptPage, v)
}
