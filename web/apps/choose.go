package apps

import (
	_ "embed"
	"maps"
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

//go:embed choose.html
var chooseHTML string

var choosePage = page(chooseHTML)

// chooseView asks for whom an app is to be connected.
type chooseView struct {
	Frame  kit.Frame
	App    app
	Staff  bool
	Hidden []hidden // the request, carried along
	People []choice
	NHS    string
	Born   string
	None   bool // nobody was found
	Errors faults
}

// Wrong is what is wrong with a field.
func (v chooseView) Wrong(id string) *fault { return v.Errors.of(id) }

type hidden struct{ Name, Value string }

// choice is one person to choose.
type choice struct{ ID, Patient, Name, More string }

// choose lets a patient say for whom of those they look after the app is, and staff find a patient by NHS number and birth date.
func (s *Site) choose(w http.ResponseWriter, r *http.Request, who access.Actor, ask *smart.Ask, params url.Values) {
	l := kit.Lang(r)
	view := chooseView{App: appOf(ask.Client, l), Staff: smart.Staff(who), NHS: strings.TrimSpace(params.Get("nhs")), Born: strings.TrimSpace(params.Get("born"))}
	carried, _ := url.ParseQuery(ask.Query()) // made by Encode
	for _, name := range slices.Sorted(maps.Keys(carried)) {
		view.Hidden = append(view.Hidden, hidden{name, carried.Get(name)})
	}
	status := http.StatusOK
	view.Frame = s.frame(l.T("Who is %s for?", view.App.Name), who)
	if view.Staff {
		if params.Has("nhs") || params.Has("born") {
			if err := s.find(r, who, &view); err != nil {
				s.fail(w, r, err)
				return
			}
		}
	} else {
		people, err := s.Smart.Patients(r.Context(), who)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		for _, p := range people {
			c := choice{Patient: p.Patient, Name: p.Name}
			c.More, _ = l.Again(p.Relation, words.Text("trusts you"))
			if p.Patient == who.Patient {
				c.Name, c.More = l.T("You"), p.Name
			}
			view.add(c)
		}
		if params.Has("for") {
			view.Errors = faults{{"for", l.T("Choose who the app is for")}}
		}
	}
	if view.Errors != nil {
		status, view.Frame.Title = http.StatusBadRequest, l.T("Error:")+" "+view.Frame.Title
	}
	s.Send(w, r, status, choosePage, view)
}

func (v *chooseView) add(c choice) {
	c.ID = "for"
	if n := len(v.People); n > 0 {
		c.ID += "-" + c.Patient
	}
	v.People = append(v.People, c)
}

// find looks for a patient as the person who is looking. Both things must be known, so that nobody leafs through a list of people.
func (s *Site) find(r *http.Request, who access.Actor, view *chooseView) error {
	number, err := kit.NHSNumberDigits(view.NHS)
	if err != nil || number == "" {
		view.Errors = append(view.Errors, fault{"nhs", kit.Lang(r).T("Enter an NHS number of 10 digits, like 999 000 0018")})
	}
	born, ok := typedDate(view.Born)
	if !ok {
		view.Errors = append(view.Errors, fault{"born", kit.Lang(r).T("Enter a birth date, like 14-Jul-1945")})
	}
	if view.Errors != nil {
		return nil
	}
	page, err := s.Door.Find(r.Context(), who, "Patient?identifier="+url.QueryEscape("https://fhir.nhs.uk/Id/nhs-number|"+number)+"&birthdate="+born+"&_count=20")
	if err != nil {
		if fhir.KindOf(err) == fhir.Forbidden {
			view.None = true
			return nil
		}
		return err
	}
	for i := range page.Matches {
		res, err := page.Matches[i].Resource()
		if err != nil {
			return err
		}
		p := res.Root()
		view.add(choice{Patient: res.ID(), Name: kit.Name(p.Get("name")), More: kit.Lang(r).T("Born %s", kit.DateIn(kit.Lang(r), p.Get("birthDate").Text()))})
	}
	view.None = len(page.Matches) == 0
	return nil
}

// typedDate reads a date in the ways people write one.
func typedDate(typed string) (string, bool) {
	for _, layout := range []string{"2-Jan-2006", "2/1/2006", "2 January 2006", "2 Jan 2006", "2006-01-02"} {
		if t, err := time.Parse(layout, typed); err == nil {
			return t.Format("2006-01-02"), true
		}
	}
	return "", false
}
