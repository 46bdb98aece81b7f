package main

import (
	"io/fs"
	"net/http"
	"os"

	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/care/booking"
	"github.com/kith-care/kith/care/message"
	"github.com/kith-care/kith/care/monitor"
	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/care/triage"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/patient"
	"github.com/kith-care/kith/web/seat"
)

// triage is what asks people who need help, by the packs Kith comes with and those of the place.
func (s *serving) triage(door *record.Door) (*triage.Service, error) {
	folders := []fs.FS{triage.Shipped()}
	if s.packs != "" {
		folders = append(folders, os.DirFS(s.packs))
	}
	book, err := triage.Load(folders...)
	if err != nil {
		return nil, err
	}
	return &triage.Service{Door: door, Book: book, Owner: s.name + ", triage"}, nil
}

// patientPages serves asking for help and sending readings, to people who have signed in to their record, and asking in somebody's name to staff.
func (s *serving) patientPages(mux *http.ServeMux, door *record.Door, asking *triage.Service, rules *monitor.Rules, messages *message.Service, appointments *booking.Service, people *entrance) {
	site := &patient.Site{Places: s.places(door, people), Triage: asking, Rules: rules, Trust: &trust.Service{Door: door}, Needs: &need.Service{Door: door}, Messages: messages, Booking: appointments}
	s.atSeats(mux, people, site.Handler(), "", "/ask", "/ask/", "/readings", "/requests", "/profile", "/profile/change", "/front")
}

// places is from where the pages of the front door are used.
func (s *serving) places(door *record.Door, people *entrance) seat.Places {
	return seat.Places{Door: door, Who: people.who, Signed: people != nil, Help: s.helpLine, Host: kit.Host{MadeUp: s.says(door)}}
}

// atSeats serves pages of the front door at all places from which they are used (web/seat), behind what says who may see a page at all. The empty path is the
// one that others hang from, which for staff stands at /front.
func (s *serving) atSeats(mux *http.ServeMux, people *entrance, handler http.Handler, paths ...string) {
	if people != nil {
		handler = people.site.Guard(handler)
	}
	for _, path := range paths {
		mux.Handle("/my"+path, handler)
		mux.Handle("/for/{id}"+path, handler)
		if path != "" {
			mux.Handle("/person/{id}"+path, handler)
		}
	}
}
