package staff

import (
	"cmp"
	_ "embed"
	"net/http"

	"github.com/kith-care/kith/web/kit"
)

//go:embed release.html
var releaseHTML string

var releasePage = page(releaseHTML)

// releaseView asks whether a feed is really to go on.
type releaseView struct {
	Frame       kit.Frame
	Name, Title string
	Held        string
}

func (s *Site) releasing(w http.ResponseWriter, r *http.Request) {
	f, ok := s.named(w, r)
	if !ok {
		return
	}
	title := cmp.Or(f.Title, f.Name)
	s.Send(w, r, http.StatusOK, releasePage, releaseView{s.frame("Release " + title), f.Name, title, f.Held})
}

// release lets a feed go on if it is still held for the reason that the person read.
func (s *Site) release(w http.ResponseWriter, r *http.Request) {
	f, ok := s.named(w, r)
	if !ok {
		return
	}
	title := cmp.Or(f.Title, f.Name)
	if f.Held == "" || r.PostFormValue("held") != f.Held {
		s.Send(w, r, http.StatusConflict, releasePage, releaseView{s.frame("Not released: " + title), f.Name, title, f.Held})
		return
	}
	if err := s.Feeds.Desk.Release(r.Context(), s.who(r), f.Name); err != nil {
		s.fail(w, r, err)
		return
	}
	kit.See(w, r, "/feeds/"+f.Name+"?did=released")
}
