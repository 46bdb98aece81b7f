// Package audit is the pages about who looked at whose record: for a patient, in plain words, with a way to say that something
// looks wrong; for privacy officers, a search of the whole trail and what looks unusual.
//
// Both read the trail through the door, which decides whether they may and notes that they did. A patient sees of an entry only what concerns
// themselves.
package audit

import (
	"net/http"
	"time"

	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

// Site serves the pages.
type Site struct {
	seat.Places
	Privacy string        // the name of the organisation whose privacy officer looks into what looks wrong; "" for "Privacy officer"
	Due     time.Duration // how long the privacy officer has; 0 for five days
}

// Handler serves /my/seen and /audit.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	s.Own(mux, "GET", "/seen", s.looked)
	s.Own(mux, "GET", "/seen/wrong", s.wrong)
	s.Own(mux, "POST", "/seen/wrong", s.report)
	mux.HandleFunc("GET /audit", s.officer)
	return s.Serve(mux, 64<<10)
}

// fail says to staff what went wrong.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	s.Fail(w, r, staff, err)
}

// staff is from where the trail is searched.
var staff = seat.Seat{Staff: true, Words: words.In("en")}
