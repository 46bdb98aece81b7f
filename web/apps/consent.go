package apps

import (
	_ "embed"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/rest/smart"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/words"
)

//go:embed consent.html
var consentHTML string

var consentPage = page(consentHTML)

// consentView is what an app wants.
type consentView struct {
	Frame       kit.Frame
	App         app
	Head        string
	Staff       bool
	Self        bool // the record is the reader's own
	For         string
	Born        string
	Patient     string // id
	Other       string // address at which somebody else can be chosen, "" where there is nobody else
	Request     string
	Ticket      string
	Permissions []permission
	Long        string
	Back        string // where the person goes when they have answered
	Errors      []fault
}

// app is what people are told of an app.
type app struct{ ID, Name, Maker, Does, Checked string }

func appOf(c *smart.Client, l *words.Lang) app {
	a := app{ID: c.ID, Name: c.Name, Maker: c.Maker, Does: c.Does}
	if r := c.Reviewed(); r != nil {
		a.Checked = l.T("%s on %s", r.By, l.Date(r.When))
	}
	return a
}

// authorizeForm lets an app begin with a POST: the browser is sent on to the same request as a GET, which brings the session along.
func (s *Site) authorizeForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media != "application/x-www-form-urlencoded" || r.ParseForm() != nil {
		s.refused(w, r, &smart.Refusal{Code: "invalid_request", Text: "the form cannot be read"})
		return
	}
	kit.See(w, r, "/auth/authorize?"+r.PostForm.Encode())
}

// authorize is where an app sends a person.
func (s *Site) authorize(w http.ResponseWriter, r *http.Request) {
	params, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		s.refused(w, r, &smart.Refusal{Code: "invalid_request", Text: "the address cannot be read"})
		return
	}
	ask, err := s.Smart.Check(r.Context(), params)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	who, ok := s.who(w, r)
	if !ok {
		return
	}
	patient, err := s.Smart.For(r.Context(), who, ask, params.Get("for"))
	switch {
	case err != nil:
		s.fail(w, r, err)
	case ask.Choose && patient == "":
		s.choose(w, r, who, ask, params)
	default:
		s.showConsent(w, r, who, ask, patient, nil, nil)
	}
}

// showConsent asks. ticked is what was ticked before, nil for nothing yet; wrong is what was wrong with that.
func (s *Site) showConsent(w http.ResponseWriter, r *http.Request, who access.Actor, ask *smart.Ask, patient string, ticked []string, wrong []fault) {
	l := kit.Lang(r)
	view := consentView{App: appOf(ask.Client, l), Staff: smart.Staff(who), Patient: patient, Self: patient != "" && patient == who.Patient, Request: ask.Query(), Errors: wrong, Back: strings.TrimSuffix(ask.Returns(), ":")}
	if u, err := url.Parse(view.Back); err == nil && u.Host != "" {
		view.Back = u.Host
	}
	if patient != "" && !view.Self {
		var err error
		if view.For, view.Born, err = s.named(r, who, patient); err != nil {
			s.fail(w, r, err)
			return
		}
	}
	if ask.Choose {
		if people, err := s.Smart.Patients(r.Context(), who); err == nil && len(people) != 1 {
			view.Other = "/auth/authorize?" + view.Request
		}
	}
	switch {
	case view.For != "":
		view.Head = l.T("Let %s use %s’s record?", view.App.Name, view.For)
	case view.Staff && !view.Self:
		view.Head = l.T("Let %s use records you may see?", view.App.Name)
	default:
		view.Head = l.T("Let %s use your record?", view.App.Name)
	}
	view.Frame = s.frame(view.Head, who)
	status := http.StatusOK
	if wrong != nil {
		status, view.Frame.Title = http.StatusBadRequest, l.T("Error:")+" "+view.Frame.Title
	}
	view.Permissions = permissions(ask, reader{words: l, staff: view.Staff, self: view.Self, name: view.For}, ticked,
		l.T("Until you disconnect it, or it has not been used for %s. After a year it has to ask you again.", span(l, s.Smart.Offline)),
		l.T("For %s at most. After that it has to ask you again.", span(l, s.Smart.Online)))
	view.Long = l.T("What you allow lasts %s. After that the app has to ask you again.", span(l, s.Smart.Access))
	if slices.Contains(ask.Scopes, "offline_access") || slices.Contains(ask.Scopes, "online_access") {
		view.Long = l.T("What you allow lasts %s, unless you also let the app keep going.", span(l, s.Smart.Access))
	}
	view.Ticket = s.Smart.Ticket(who, ask, patient)
	leadsTo(w, ask.Returns())
	s.Send(w, r, status, consentPage, view)
}

// named is a patient's name and birth date, read as the person who is looking.
func (s *Site) named(r *http.Request, who access.Actor, patient string) (name, born string, err error) {
	if people, err := s.Smart.Patients(r.Context(), who); err == nil {
		for _, p := range people {
			if p.Patient == patient {
				return p.Name, p.Born, nil
			}
		}
	}
	stored, err := s.Door.Get(r.Context(), who, "Patient", patient)
	if err != nil {
		return "", "", err
	}
	res, err := stored.Resource()
	if err != nil {
		return "", "", err
	}
	p := res.Root()
	return kit.Name(p.Get("name")), kit.DateIn(kit.Lang(r), p.Get("birthDate").Text()), nil
}

// consent takes the answer.
func (s *Site) consent(w http.ResponseWriter, r *http.Request) {
	who, ok := s.who(w, r)
	if !ok {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		s.refused(w, r, &smart.Refusal{Code: "invalid_request", Text: "the form cannot be read"})
		return
	}
	params, err := url.ParseQuery(r.PostForm.Get("request"))
	if err != nil {
		s.refused(w, r, &smart.Refusal{Code: "invalid_request", Text: "the request cannot be read"})
		return
	}
	ask, err := s.Smart.Check(r.Context(), params)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	var to string
	patient, ticket := r.PostForm.Get("for"), r.PostForm.Get("ticket")
	boxes := r.PostForm["scope"]
	switch r.PostForm.Get("answer") {
	case "allow":
		to, err = s.Smart.Allow(r.Context(), who, ask, patient, ticket, strings.Fields(strings.Join(boxes, " ")))
	case "deny":
		to, err = s.Smart.Deny(r.Context(), who, ask, patient, ticket)
	default:
		err = fhir.Errorf(fhir.Invalid, "say whether you allow it").At("scope")
	}
	if e, ok := errors.AsType[*fhir.Error](err); ok && e.Kind == fhir.Invalid {
		if boxes == nil {
			boxes = []string{}
		}
		s.showConsent(w, r, who, ask, patient, boxes, []fault{{"scope", strings.TrimSuffix(kit.Refusal(kit.Lang(r), e.Msg, refusals), ".")}})
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	leadsTo(w, ask.Returns())
	s.leave(w, r, to)
}

// span is a length of time in words.
func span(l *words.Lang, d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return l.N(int(d/(24*time.Hour)), "1 day", "%d days")
	case d >= 2*time.Hour:
		return l.N(int(d/time.Hour), "1 hour", "%d hours")
	}
	return l.N(int(d/time.Minute), "1 minute", "%d minutes")
}
