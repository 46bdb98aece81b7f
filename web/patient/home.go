package patient

import (
	_ "embed"
	"net/http"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

//go:embed home.html
var homeHTML string

var homePage = kit.Page(homeHTML)

// homeView is the page that all others hang from: one way to each thing that can be done.
type homeView struct {
	Frame  kit.Frame
	Name   string // of whoever reads it, or whom it is about
	Other  bool   // it is about somebody else than who reads it
	Staff  bool
	Person string    // address of the person's record, for staff
	Next   *homeNext // the next appointment, where there is one
	Unread int       // threads with something new
	Base   string    // of the addresses
	Parts  []homePart
	For    []actsFor
}

type homeNext struct {
	ID, What, Place string
	At              time.Time
}

type homePart struct {
	ID, Title string
	Links     []homeLink
}

type homeLink struct{ To, Text, Hint string }

// actsFor is somebody whom the reader may act for.
type actsFor struct{ To, Name string }

// offered is one thing that can be done; own is what nobody does for somebody else.
type offered struct {
	path, text, hint string
	own              bool
}

// parts is what the front door offers.
var parts = []struct {
	id, title string
	links     []offered
}{
	{"help", words.Text("Get help"), []offered{
		{"/ask", words.Text("Ask about a health problem"), words.Text("Tell us what is wrong. You get an answer in a few minutes."), false},
		{"/requests", words.Text("What you have asked for"), words.Text("How it stands, and by when you hear."), false},
		{"/near", words.Text("What is near me"), words.Text("Services, groups and people who can help."), false},
	}},
	{"care", words.Text("Appointments and messages"), []offered{
		{"/appointments", words.Text("Appointments"), words.Text("Book, change or cancel, at your practice or hospital."), false},
		{"/waiting", words.Text("Waiting lists"), words.Text("How long it may be, and what you can do."), false},
		{"/messages", words.Text("Messages and letters"), words.Text("From everyone who cares for you, in one place."), false},
	}},
	{"record", words.Text("Health record"), []offered{
		{"/record", words.Text("Health record"), words.Text("Everything in one list, explained."), false},
		{"/record/results", words.Text("Test results"), words.Text("What they are and what they mean."), false},
		{"/prescriptions", words.Text("Medicines and repeat prescriptions"), words.Text("Order, and see where an order is."), false},
		{"/record/vaccinations", words.Text("Vaccinations"), words.Text("What was given, and a certificate."), false},
		{"/seen", words.Text("Who has looked at my record"), words.Text("Everyone who did, and why."), true},
	}},
	{"home", words.Text("Care at home"), []offered{
		{"/readings", words.Text("Readings"), words.Text("Blood pressure, weight, oxygen and more."), false},
		{"/plan", words.Text("Care plan and goals"), words.Text("What matters to you, and the next step."), false},
		{"/visits", words.Text("Home care visits"), words.Text("Who is coming, who has been, and medicines given."), false},
	}},
	{"about", words.Text("About you"), []offered{
		{"/profile", words.Text("Name, address and practice"), words.Text("What is known, and how to change it."), false},
		{"/needs", words.Text("How we reach you"), words.Text("Language, large print, text or letter."), false},
		{"/trusted", words.Text("People I trust"), words.Text("Let family or a carer see your record or act for you."), true},
	}},
}

// home shows what there is to do.
func (s *Site) home(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	if followed, err := s.follow(w, r, at); err != nil || followed {
		if err != nil {
			s.Fail(w, r, at, err)
		}
		return
	}
	t := at.Words.T
	v := homeView{Name: at.Name, Other: !at.Own(), Staff: at.Staff, Base: at.Base}
	if err := s.news(r, at, &v); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	if at.Own() {
		v.Name, _, _ = strings.Cut(at.Who.Name, " ")
	}
	for _, p := range parts {
		part := homePart{ID: p.id, Title: t(p.title)}
		for _, l := range p.links {
			if !l.own || at.Own() {
				part.Links = append(part.Links, homeLink{at.Base + l.path, t(l.text), t(l.hint)})
			}
		}
		v.Parts = append(v.Parts, part)
	}
	switch {
	case at.Staff:
		v.Frame = s.Frame(at, "On behalf of "+at.Name, "")
	case at.Trusted:
		v.Frame = s.Frame(at, t("Acting for %s", at.Name), "")
		v.Frame.Back.To = "/my"
	default:
		v.Frame = s.Frame(at, t("Home"), "")
		v.Frame.Back = kit.Way{}
		to, err := s.Trust.To(r.Context(), at.Who)
		if err != nil {
			s.Fail(w, r, at, err)
			return
		}
		for _, g := range to {
			if g.Active {
				v.For = append(v.For, actsFor{"/for/" + g.Patient, g.Giver})
			}
		}
	}
	s.Send(w, r, http.StatusOK, homePage, v)
}

// follow has pages follow what a person once said they need, where they have chosen nothing in this browser yet.
func (s *Site) follow(w http.ResponseWriter, r *http.Request, at seat.Seat) (followed bool, err error) {
	if s.Needs == nil || !at.Own() || kit.Chosen(r) {
		return false, nil
	}
	n, err := s.Needs.Get(r.Context(), at.Who, at.Patient)
	switch {
	case fhir.KindOf(err) == fhir.Forbidden && err != nil:
		return false, nil // an account whose record is still locked
	case err != nil || !seat.Follows(r, n):
		return false, err
	}
	seat.Follow(w, r, n)
	kit.See(w, r, at.Base)
	return true, nil
}

// news fills in what is new and what comes next, as far as whoever looks may see it.
func (s *Site) news(r *http.Request, at seat.Seat, v *homeView) error {
	if s.Booking != nil {
		coming, _, err := s.Booking.Appointments(r.Context(), at.Who, at.Patient)
		if err != nil && fhir.KindOf(err) != fhir.Forbidden {
			return err
		}
		for _, a := range coming {
			if a.Standing(s.Time()) {
				v.Next = &homeNext{a.ID, a.What, a.Place, a.Start}
				break
			}
		}
	}
	if s.Messages != nil {
		n, err := s.Messages.Unread(r.Context(), at.Who, at.Patient)
		if err != nil && fhir.KindOf(err) != fhir.Forbidden {
			return err
		}
		v.Unread = n
	}
	return nil
}
