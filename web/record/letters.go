package record

import (
	_ "embed"
	"net/http"

	"github.com/kith-care/kith/care/carry"
	"github.com/kith-care/kith/web/entry"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

//go:embed letters.html
var lettersHTML string

//go:embed letter.html
var letterHTML string

var lettersPage, letterPage = page(lettersHTML), page(letterHTML)

// lettersView is all letters and documents, the newest first.
type lettersView struct {
	head
	Letters []item
	Heard   []heard
}

func (s *Site) letters(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	f, err := s.read(r.Context(), at, "DocumentReference")
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := lettersView{head: s.head(at, at.Words.T("Letters and documents"), "/letters")}
	v.More = f.more
	for _, e := range entry.NewestFirst(f.of["DocumentReference"]) {
		if i, ok := s.line(at, f, e); ok {
			i.Kind = ""
			v.Letters = append(v.Letters, i)
		}
	}
	if v.Heard, err = s.heardOf(r.Context(), at.Words, f, s.Time()); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	s.Send(w, r, http.StatusOK, lettersPage, v)
}

// letterView is one letter: its words, or a file where it has none.
type letterView struct {
	head
	Letter item
	Text   string
	Kind   string // of a file that a page cannot show
}

func (s *Site) letter(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	stored, err := s.Door.Get(r.Context(), at.Who, "DocumentReference", r.PathValue("id"))
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	e, err := entry.Of(stored)
	if err == nil {
		err = s.about(r.Context(), at, e)
	}
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	e.From = s.titles()[e.Feed]
	letter, err := s.Carry.Letter(r.Context(), at.Who, e.V)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	if r.URL.Query().Get("file") != "" && letter.Bytes != nil {
		sendLetter(w, letter)
		return
	}
	v := letterView{Text: letter.Text}
	v.Letter, _ = s.line(at, &facts{}, e)
	v.Letter.Letter, v.Letter.Kind = "", ""
	v.head = s.head(at, v.Letter.Title, "/letters")
	v.Frame.Back.To = at.Base + "/record/letters"
	if letter.Text == "" && letter.Bytes != nil {
		v.Kind = letter.Kind
	}
	s.Send(w, r, http.StatusOK, letterPage, v)
}

// sendLetter sends a file to be kept, never to be shown within our own pages: who wrote it is somebody else.
func sendLetter(w http.ResponseWriter, letter *carry.Letter) {
	kind := letter.Kind
	if kind != "application/pdf" && kind != "image/png" && kind != "image/jpeg" {
		kind = "application/octet-stream"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", "attachment; filename=letter")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(letter.Bytes) // who asked has gone away where this fails
}

//go:embed vaccinations.html
var vaccinationsHTML string

var vaccinationsPage = page(vaccinationsHTML)

// vaccinationsView is what somebody was given, and what may go onto a certificate.
type vaccinationsView struct {
	head
	Given []item
	Other []item // not given
	Heard []heard
}

func (s *Site) vaccinations(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	f, err := s.read(r.Context(), at, "Immunization")
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := vaccinationsView{head: s.head(at, at.Words.T("Vaccinations"), "/vaccinations")}
	v.More = f.more
	for _, e := range given(f.of["Immunization"]) {
		i, _ := s.line(at, f, e)
		i.Kind = ""
		if n := kit.FirstOf(e.V.Get("protocolApplied")).Get("doseNumberPositiveInt").Text(); n != "" {
			i.Detail = at.Words.T("dose %s", n)
		}
		if e.At("status") == "not-done" {
			v.Other = append(v.Other, i)
		} else {
			v.Given = append(v.Given, i)
		}
	}
	if v.Heard, err = s.heardOf(r.Context(), at.Words, f, s.Time()); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	s.Send(w, r, http.StatusOK, vaccinationsPage, v)
}

// given are vaccinations, the newest first, each once: several sources know of one vaccination, which is the same code on the same day.
func given(all []entry.Entry) []entry.Entry {
	seen := map[string]bool{}
	var out []entry.Entry
	for _, e := range entry.NewestFirst(all) {
		day := e.When()
		key := e.At("status") + "|" + day[:min(len(day), 10)] + "|" + entry.TestKey(e.V.Get("vaccineCode"), kit.Words(e.V.Get("vaccineCode")))
		for c := range e.V.Get("vaccineCode").Get("coding").Items() {
			if c.Get("system").Is("http://snomed.info/sct") {
				key = e.At("status") + "|" + day[:min(len(day), 10)] + "|" + c.Get("code").Text()
			}
		}
		if !seen[key] {
			seen[key] = true
			out = append(out, e)
		}
	}
	return out
}
