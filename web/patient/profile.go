package patient

import (
	_ "embed"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

//go:embed profile.html
var profileHTML string

//go:embed change.html
var changeHTML string

var profilePage, changePage = kit.Page(profileHTML), kit.Page(changeHTML)

// profileView is what each place knows of a person: one card a source, since they may differ and each is right or wrong by itself.
type profileView struct {
	Frame   kit.Frame
	Base    string
	Name    string // of whom it is, where they do not read it
	Told    bool   // a change was just sent
	Sources []profileSource
}

type profileSource struct {
	Place string
	Rows  []profileRow
}

type profileRow struct{ Label, Value string }

// profile shows who somebody is to each place that keeps a record of theirs.
func (s *Site) profile(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	t := at.Words.T
	v := profileView{Frame: s.Frame(at, t("Name, address and practice"), home(at)), Base: at.Base, Name: at.Name, Told: r.URL.Query().Get("did") == "told"}
	page, err := s.Door.Find(r.Context(), at.Who, "Patient?_id="+url.QueryEscape(at.Patient)+"&_count=50")
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	all, err := s.Door.Person(r.Context(), at.Patient)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	found := page.Matches
	for _, id := range all {
		if id == at.Patient {
			continue
		}
		if other, err := s.Door.Get(r.Context(), at.Who, "Patient", id); err == nil {
			found = append(found, *other)
		}
	}
	for _, one := range found {
		res, err := one.Resource()
		if err != nil {
			s.Fail(w, r, at, err)
			return
		}
		v.Sources = append(v.Sources, s.sourceOf(r, at, res.Root()))
	}
	s.Send(w, r, http.StatusOK, profilePage, v)
}

// home is the path of the page that a seat's others hang from.
func home(at seat.Seat) string {
	if at.Staff {
		return "/front"
	}
	return ""
}

func (s *Site) sourceOf(r *http.Request, at seat.Seat, p fhir.Value) profileSource {
	t := at.Words.T
	out := profileSource{Place: s.placeOf(r, at, p)}
	add := func(label string, values ...string) {
		values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
		if len(values) > 0 {
			out.Rows = append(out.Rows, profileRow{label, strings.Join(values, ", ")})
		}
	}
	add(t("Name"), kit.Name(p.Get("name")))
	if born, err := time.Parse(time.DateOnly, p.Get("birthDate").Text()); err == nil {
		add(t("Date of birth"), at.Words.Date(born))
	}
	if number := kit.NHSNumberOf(p); number != kit.NotKnown {
		add(t("NHS number"), number)
	}
	for a := range p.Get("address").Items() {
		if a.Get("use").Is("old") {
			continue
		}
		var lines []string
		for l := range a.Get("line").Items() {
			lines = append(lines, l.Text())
		}
		add(t("Address"), append(lines, a.Get("city").Text(), a.Get("district").Text(), a.Get("postalCode").Text())...)
		break
	}
	var phones, mails []string
	for c := range p.Get("telecom").Items() {
		switch {
		case c.Get("use").Is("old"):
		case c.Get("system").Is("phone"), c.Get("system").Is("sms"):
			phones = append(phones, c.Get("value").Text())
		case c.Get("system").Is("email"):
			mails = append(mails, c.Get("value").Text())
		}
	}
	add(t("Telephone"), phones...)
	add(t("E-mail"), mails...)
	return out
}

// placeOf names the place whose record it is.
func (s *Site) placeOf(r *http.Request, at seat.Seat, p fhir.Value) string {
	ref := p.Get("managingOrganization")
	if text := ref.Get("display").Text(); text != "" {
		return text
	}
	if to := fhir.ParseReference(ref.Get("reference").Text()); to.Type == "Organization" {
		if stored, err := s.Door.Get(r.Context(), at.Who, to.Type, to.ID); err == nil {
			if res, err := stored.Resource(); err == nil && res.Root().Get("name").Text() != "" {
				return res.Root().Get("name").Text()
			}
		}
	}
	if text := kit.FirstOf(p.Get("generalPractitioner")).Get("display").Text(); text != "" {
		return text
	}
	return at.Words.T("A place that did not give its name")
}

// changeView asks what has changed.
type changeView struct {
	Frame   kit.Frame
	Base    string
	Errors  []kit.Field
	What    kit.Field
	Text    kit.Field
	Choices []choice
}

// whats are what can have changed.
var whats = []struct{ value, text string }{
	{"address", words.Text("My address")}, {"telephone", words.Text("My telephone number")}, {"email", words.Text("My e-mail address")}, {"name", words.Text("My name")},
	{"wrong", words.Text("Something about me is wrong")},
}

// mostChange is how long it may be told, in letters.
const mostChange = 500

// answerDays is within how many days somebody answers.
const answerDays = 5

// change tells the practice that something has changed or is wrong: a Task for a person, since what a practice's system says is the practice's to change.
func (s *Site) change(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	t := at.Words.T
	v := changeView{Frame: s.Frame(at, t("What has changed?"), "/profile"), Base: at.Base, What: kit.Field{ID: "what", Value: r.PostFormValue("what")}, Text: kit.Field{ID: "text", Value: strings.TrimSpace(r.PostFormValue("text"))}}
	var said string
	for i, one := range whats {
		c := choice{ID: "what", Value: one.value, Text: t(one.text)}
		if i > 0 {
			c.ID += "-" + one.value
		}
		v.Choices = append(v.Choices, c)
		if one.value == v.What.Value {
			said = one.text
		}
	}
	if r.Method != http.MethodPost {
		s.Send(w, r, http.StatusOK, changePage, v)
		return
	}
	if said == "" {
		v.What.Error = t("Choose what has changed")
		v.Errors = append(v.Errors, v.What)
	}
	switch n := len([]rune(v.Text.Value)); {
	case n == 0:
		v.Text.Error = t("Write what it is now")
	case n > mostChange:
		v.Text.Error = t("Write no more than 500 letters")
	}
	if v.Text.Error != "" {
		v.Errors = append(v.Errors, v.Text)
	}
	if len(v.Errors) > 0 {
		v.Frame.Title = t("Error:") + " " + v.Frame.Title
		s.Send(w, r, http.StatusBadRequest, changePage, v)
		return
	}
	if err := s.tell(r, at, said, v.Text.Value); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	kit.See(w, r, at.Base+"/profile?did=told")
}

// tell makes the Task. Whoever may see the page may tell of it: the Task is written by this program, and names who asked.
func (s *Site) tell(r *http.Request, at seat.Seat, what, text string) error {
	now := s.Time().UTC()
	ref := &r4.Reference{Reference: "Patient/" + at.Patient}
	by := &r4.Reference{Reference: at.Who.ID, Display: at.Who.Name}
	task := &r4.Task{Status: "requested", Intent: "order", Priority: "routine", AuthoredOn: fhir.DateTimeOf(now), LastModified: fhir.DateTimeOf(now), For: ref, Requester: by,
		Code:        &r4.CodeableConcept{Coding: []r4.Coding{{System: "urn:kith:task", Code: "details-changed"}}, Text: "What is known of a person has changed"},
		Description: what + ": " + text, Owner: &r4.Reference{Display: "Reception"}, Restriction: &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(now.AddDate(0, 0, answerDays))}}}
	if !strings.Contains(at.Who.ID, "/") || strings.HasPrefix(at.Who.ID, "kith/") {
		task.Requester = &r4.Reference{Display: at.Who.Name}
	}
	res, err := fhir.Parse(r4.Encode(task))
	if err != nil {
		return err
	}
	_, err = s.Door.Commit(r.Context(), access.Actor{ID: "kith/profile", Role: access.Kith, Helper: at.Who.ID, Purpose: "PATRQT"}, []record.Op{{Method: record.Create, Type: "Task", Resource: res}})
	return err
}
