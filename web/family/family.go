// Package family is the pages for families and helpers: the window on home care, what carers do for somebody, registering as a carer, who sees what of a young
// person's record, and the sheet of what staff did on somebody's behalf. For home-care offices it has the list of visits that were missed.
//
// There is no script: a page says as of when it is, with a link that asks again. What may be seen and done is decided behind care and the record.
package family

import (
	"net/http"

	"github.com/kith-care/kith/care/behalf"
	"github.com/kith-care/kith/care/carer"
	"github.com/kith-care/kith/care/growing"
	"github.com/kith-care/kith/care/home"
	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/web/seat"
)

// Site serves the pages. All services must be set.
type Site struct {
	seat.Places
	Visits  *home.Service
	Carers  *carer.Service
	Growing *growing.Service
	Behalf  *behalf.Service
	Needs   *need.Service
}

// Handler serves the pages. What changes something is a POST; whoever serves it must refuse those that come from pages of others.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	s.Page(mux, "GET", "/visits", s.visits)
	s.Page(mux, "GET", "/tasks", s.tasks)
	s.Page(mux, "POST", "/tasks", s.tick)
	s.Page(mux, "GET", "/tasks/new", s.add)
	s.Page(mux, "POST", "/tasks/new", s.add)
	for _, method := range []string{"GET", "POST"} {
		s.Own(mux, method, "/carer", s.carer)
		mux.HandleFunc(method+" /for/{person}/carer", s.Trusted(s.carer))
		s.Own(mux, method, "/growing", s.growing)
	}
	s.Staff(mux, "GET", "/front/print", s.print)
	mux.HandleFunc("GET /visits", s.office)
	mux.HandleFunc("POST /visits/{task}", s.answer)
	return s.Serve(mux, 64<<10)
}

// from is the path of the page that a seat's others hang from.
func from(at seat.Seat) string {
	if at.Staff {
		return "/front"
	}
	return ""
}
