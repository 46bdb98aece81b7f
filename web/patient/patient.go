// Package patient is the hub of the front door and the pages that people use from day to day: asking for help, readings, what is known about them. Staff and people whom
// somebody trusts use the same pages in their name (web/seat).
//
// One question stands on a page, nothing needs a script, and what was answered travels in the form, so that going back is going back. A page shows
// what care/triage and care/monitor say; it decides nothing.
package patient

import (
	"net/http"

	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/care/booking"
	"github.com/kith-care/kith/care/message"
	"github.com/kith-care/kith/care/monitor"
	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/care/triage"
	"github.com/kith-care/kith/web/seat"
)

// Site serves the pages at /my, /for/ID and /person/ID. Triage and Rules must be set.
type Site struct {
	seat.Places
	Triage *triage.Service
	Rules  *monitor.Rules // by which readings are judged
	Trust  *trust.Service // who acts for whom
	// What the hub tells; nil for nothing of it.
	Needs    *need.Service
	Messages *message.Service
	Booking  *booking.Service
}

// Handler serves the pages. What changes something is a POST; whoever serves it must refuse those that come from pages of
// others (http.CrossOriginProtection).
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, show := range map[string]func(http.ResponseWriter, *http.Request, seat.Seat){"/ask": s.ask, "/ask/{id}/about": s.about, "/ask/{id}": s.question, "/readings": s.readings} {
		s.Page(mux, "GET", path, show)
		s.Page(mux, "POST", path, show)
	}
	s.Own(mux, "GET", "", s.home)
	mux.HandleFunc("GET /for/{person}", s.Trusted(s.home))
	s.Staff(mux, "GET", "/front", s.home)
	s.Page(mux, "GET", "/requests", s.requests)
	s.Page(mux, "GET", "/profile", s.profile)
	s.Page(mux, "GET", "/profile/change", s.change)
	s.Page(mux, "POST", "/profile/change", s.change)
	return s.Serve(mux, 64<<10)
}
