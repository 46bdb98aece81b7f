package message

import (
	"crypto/rand"
	_ "embed"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/message"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

//go:embed thread.html
var threadHTML string

// partsHTML are the parts of a form that writes: who it is from, the words, the photograph.
//
//go:embed parts.html
var partsHTML string

var threadPage = kit.Page(partsHTML + threadHTML)

// threadView is one conversation, and the form to go on with it.
type threadView struct {
	Frame     kit.Frame
	Base      string
	ID        string
	Name      string // whose it is, where they do not read it
	Subject   string
	Team      string
	Sent      bool
	Kept      bool // a photograph was just put into the record
	MayKeep   bool // whoever reads may put photographs into the record
	Closed    bool
	Answers   bool   // somebody reads what is written here
	Continues string // the conversation that was closed before, "" for none
	Entries   []entryView
	Errors    []kit.Field
	Words     kit.Field
	Photo     kit.Field
	Staff     bool
	ForThem   bool
	Once      string
}

type entryView struct {
	Own    bool // written by whoever reads, or for them
	From   string
	By     string // who wrote it down
	Medium string
	At     time.Time
	Read   time.Time
	Words  string
	Close  bool
	Photos []photoView
}

type photoView struct {
	ID     string
	Number int
}

// thread shows a conversation; by POST it takes a reply.
func (s *Site) thread(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	t, err := s.Messages.Thread(r.Context(), at.Who, at.Patient, r.PathValue("thread"))
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := s.threadView(at, t)
	did := r.URL.Query().Get("did")
	v.Sent, v.Kept = did == "sent", did == "kept"
	if at.Staff {
		decision, err := s.Door.Decide(r.Context(), at.Who, access.Create, "DocumentReference", at.Patient)
		if err != nil {
			s.Fail(w, r, at, err)
			return
		}
		v.MayKeep = decision.Permit
	}
	status := http.StatusOK
	if r.Method == http.MethodPost {
		f, err := read(r)
		v.Words.Value, v.ForThem = lines(f.Get("words")), f.Get("as") == "them"
		if once := f.Get("once"); len(once) == len(v.Once) {
			v.Once = once
		}
		to := ""
		if err == nil {
			to, err = s.Messages.Write(r.Context(), at.Who, message.Draft{Patient: at.Patient, Thread: t.ID, Words: v.Words.Value, Photos: f.photos, Once: v.Once, ForThem: at.Staff && v.ForThem})
		}
		if err == nil {
			kit.See(w, r, at.Base+"/messages/"+to+"?did=sent")
			return
		}
		var typed bool
		if v.Errors, typed = wrong(at, err, &v.Words, &v.Photo); !typed {
			s.Fail(w, r, at, err)
			return
		}
		v.Frame.Title, status = at.Words.T("Error:")+" "+v.Frame.Title, http.StatusBadRequest
	}
	if !at.Staff && r.Method == http.MethodGet {
		// Whoever may read it here and not change it, such as an app, leaves no receipt.
		if err := s.Messages.Seen(r.Context(), at.Who, t, true); err != nil && fhir.KindOf(err) != fhir.Forbidden {
			s.Fail(w, r, at, err)
			return
		}
	}
	s.Send(w, r, status, threadPage, v)
}

func (s *Site) threadView(at seat.Seat, t *message.Thread) threadView {
	subject := t.Subject
	if subject == "" {
		subject = at.Words.T("A message")
	}
	v := threadView{Frame: s.Frame(at, subject, "/messages"), Base: at.Base, ID: t.ID, Name: at.Name, Subject: subject, Team: t.Team, Closed: t.Closed, Answers: t.Answerable(), Continues: t.Continues, Staff: at.Staff, Once: rand.Text(),
		Words: kit.Field{ID: "words"}, Photo: kit.Field{ID: "photo"}}
	for _, e := range t.Entries {
		one := entryView{Own: e.FromPerson, From: e.From, By: e.By, At: e.At, Read: e.Read, Words: e.Words, Close: e.Close}
		if one.From == "" && !e.FromPerson {
			one.From = t.Team
		}
		if one.From == "" && !at.Own() {
			one.From = at.Name
		}
		switch e.Medium {
		case "email":
			one.Medium = at.Words.T("by e-mail")
		case "text":
			one.Medium = at.Words.T("by text message")
		}
		for _, id := range e.Photos {
			one.Photos = append(one.Photos, photoView{id, len(one.Photos) + 1})
		}
		v.Entries = append(v.Entries, one)
	}
	return v
}

// photo is a photograph of a conversation.
func (s *Site) photo(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	raw, err := s.Messages.Picture(r.Context(), at.Who, at.Patient, r.PathValue("id"))
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "image/jpeg")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(raw)))
	if _, err := w.Write(raw); err != nil && r.Context().Err() == nil && !errors.Is(err, http.ErrBodyNotAllowed) {
		s.Logger().InfoContext(r.Context(), "a photograph was not taken to its end", "error", err)
	}
}

// keepPhoto puts a photograph into the person's clinical record.
func (s *Site) keepPhoto(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	if err := s.Messages.Keep(r.Context(), at.Who, at.Patient, r.PathValue("id")); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	kit.See(w, r, at.Base+"/messages/"+url.PathEscape(r.PathValue("thread"))+"?did=kept")
}
