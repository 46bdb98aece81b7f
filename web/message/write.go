package message

import (
	"crypto/rand"
	_ "embed"
	"net/http"
	"slices"

	"github.com/kith-care/kith/care/message"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

//go:embed write.html
var writeHTML string

var writePage = kit.Page(partsHTML + writeHTML)

// writeView asks who a new message is for, then what it says.
type writeView struct {
	Frame   kit.Frame
	Base    string
	Errors  []kit.Field
	Choose  bool // to whom is still to be chosen
	Teams   []teamChoice
	To      kit.Field
	Team    string // what is chosen is called
	Subject kit.Field
	Words   kit.Field
	Photo   kit.Field
	Staff   bool
	ForThem bool
	Once    string
}

type teamChoice struct{ ID, Ref, Name, Under string }

// write is the pages of a new message.
func (s *Site) write(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	teams, err := s.Messages.Teams(r.Context(), at.Who, at.Patient)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	t := at.Words.T
	if len(teams) == 0 {
		s.Say(w, r, at, http.StatusOK, t("Write a message"), t("No organisation that looks after you takes messages here yet. Telephone your practice."))
		return
	}
	v := writeView{Base: at.Base, Staff: at.Staff, Once: rand.Text(), To: kit.Field{ID: "to"}, Subject: kit.Field{ID: "subject"}, Words: kit.Field{ID: "words"}, Photo: kit.Field{ID: "photo"}}
	v.To.Value = r.URL.Query().Get("to")
	status := http.StatusOK
	if r.Method == http.MethodPost {
		f, err := read(r)
		v.To.Value, v.Subject.Value, v.Words.Value, v.ForThem = f.Get("to"), f.Get("subject"), lines(f.Get("words")), f.Get("as") == "them"
		if once := f.Get("once"); len(once) == len(v.Once) {
			v.Once = once
		}
		thread := ""
		if err == nil {
			thread, err = s.Messages.Write(r.Context(), at.Who, message.Draft{Patient: at.Patient, To: v.To.Value, Subject: v.Subject.Value, Words: v.Words.Value, Photos: f.photos, Once: v.Once, ForThem: at.Staff && v.ForThem})
		}
		if err == nil {
			kit.See(w, r, at.Base+"/messages/"+thread+"?did=sent")
			return
		}
		var typed bool
		if v.Errors, typed = wrong(at, err, &v.Words, &v.Subject, &v.Photo, &v.To); !typed {
			s.Fail(w, r, at, err)
			return
		}
		status = http.StatusBadRequest
	}
	s.show(w, r, at, status, &v, teams)
}

// show shows which question is open: the team first, where there is more than one.
func (s *Site) show(w http.ResponseWriter, r *http.Request, at seat.Seat, status int, v *writeView, teams []message.Team) {
	if len(teams) == 1 && v.To.Value == "" {
		v.To.Value = teams[0].Ref
	}
	back := "/messages"
	i := slices.IndexFunc(teams, func(t message.Team) bool { return t.Ref == v.To.Value })
	if i >= 0 {
		v.Team = teams[i].Name
		if len(teams) > 1 {
			back = "/messages/new"
		}
	} else {
		v.Choose = true
		if r.URL.Query().Has("chosen") {
			v.To.Error = at.Words.T("Choose who the message is for")
			v.Errors, status = []kit.Field{v.To}, http.StatusBadRequest
		}
		for n, t := range teams {
			one := teamChoice{ID: "to", Ref: t.Ref, Name: t.Name, Under: t.Under}
			if n > 0 {
				one.ID += "-" + string(rune('a'+n%26)) + string(rune('a'+n/26))
			}
			v.Teams = append(v.Teams, one)
		}
	}
	title := at.Words.T("Write a message")
	if len(v.Errors) > 0 {
		title = at.Words.T("Error:") + " " + title
	}
	v.Frame = s.Frame(at, title, back)
	s.Send(w, r, status, writePage, v)
}
