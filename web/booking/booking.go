// Package booking is the pages of appointments and of waits: seeing, booking, changing and cancelling, for oneself, for somebody who trusts one, and by staff on
// somebody's behalf.
//
// One question stands on a page and nothing needs a script. To book takes four pages from the list of appointments on: what, when, check, done. A page shows what
// care/booking says; it decides nothing.
package booking

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/kith-care/kith/care/booking"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

// Site serves the pages under appointments and waiting. Booking must be set, and what seat.Places says.
type Site struct {
	seat.Places
	Booking *booking.Service
}

// Handler serves the pages.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, show := range map[string]func(http.ResponseWriter, *http.Request, seat.Seat){
		"/appointments": s.list, "/appointments/book": s.need, "/appointments/times": s.times, "/appointments/check": s.check, "/appointments/{id}": s.one,
		"/appointments/{id}/change": s.change, "/appointments/{id}/cancel": s.cancel, "/appointments/{id}/calendar.ics": s.calendar, "/appointments/{id}/print": s.print,
		"/waiting": s.waiting, "/waiting/{id}": s.still, "/waiting/{id}/letter": s.letter,
	} {
		s.Page(mux, http.MethodGet, path, show)
	}
	for path, do := range map[string]func(http.ResponseWriter, *http.Request, seat.Seat){
		"/appointments/times": s.hold, "/appointments/check": s.book, "/appointments/{id}/change": s.askChange, "/appointments/{id}/cancel": s.doCancel, "/appointments/{id}/undo": s.undo, "/waiting/{id}": s.doStill,
	} {
		s.Page(mux, http.MethodPost, path, do)
	}
	return s.Serve(mux, 64<<10)
}

// modeText is a way of being seen.
func modeText(l *words.Lang, m booking.Mode) string {
	switch m {
	case booking.Telephone:
		return l.T("By telephone")
	case booking.Video:
		return l.T("By video")
	}
	return l.T("In person")
}

// needs are what can help somebody at an appointment, with words of a file of a place for those this page does not know.
var needs = []string{"step-free", "hearing-loop", "sign-language", "quiet-room", "longer", "carer"}

func needText(l *words.Lang, code string) string {
	switch code {
	case "step-free":
		return l.T("A way in without steps")
	case "hearing-loop":
		return l.T("A hearing loop")
	case "sign-language":
		return l.T("A British Sign Language interpreter")
	case "quiet-room":
		return l.T("A quiet place to wait")
	case "longer":
		return l.T("More time")
	case "carer":
		return l.T("To bring somebody with me")
	}
	return code
}

// statusText says how an appointment stands, "" where it simply stands.
func statusText(l *words.Lang, a *booking.Appointment) string {
	switch {
	case a.Asked == "declined" && a.Status == "booked":
		return l.T("You have asked to cancel this")
	case a.Asked == "tentative" && a.Status == "booked":
		return l.T("You have asked for another time")
	}
	switch a.Status {
	case "cancelled":
		if a.Refused {
			return l.T("Not booked")
		}
		return l.T("Cancelled")
	case "pending":
		return l.T("Waiting to be confirmed")
	case "waitlist", "proposed":
		return l.T("No date yet")
	case "noshow":
		return l.T("Missed")
	case "fulfilled", "arrived", "checked-in":
		return l.T("Attended")
	}
	return ""
}

// row is an appointment as pages show it.
type row struct {
	*booking.Appointment
	Way, Says string
	NeedTexts []string
}

func rowOf(l *words.Lang, a *booking.Appointment) row {
	r := row{Appointment: a, Says: statusText(l, a)}
	if !a.Elsewhere || a.Mode != booking.InPerson { // other systems do not say when it is in person
		r.Way = modeText(l, a.Mode)
	}
	for _, n := range a.Needs {
		r.NeedTexts = append(r.NeedTexts, needText(l, n))
	}
	return r
}

// listView are all appointments of somebody.
type listView struct {
	Frame        kit.Frame
	Base, Name   string
	Coming, Past []row
}

func (s *Site) list(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	coming, past, err := s.Booking.Appointments(r.Context(), at.Who, at.Patient)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := listView{Frame: s.Frame(at, at.Words.T("Appointments"), ""), Base: at.Base, Name: at.Name}
	for _, a := range coming {
		v.Coming = append(v.Coming, rowOf(at.Words, a))
	}
	for _, a := range past {
		v.Past = append(v.Past, rowOf(at.Words, a))
	}
	s.Send(w, r, http.StatusOK, listPage, v)
}

// oneView is an appointment, and what was just done with it.
type oneView struct {
	Frame      kit.Frame
	Base, Name string
	Row        row
	Done       string // booked, changed, cancelled, asked or undone; "" where nothing was
	Undo       bool
	Standing   bool
	Staff      bool
}

func (s *Site) one(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	a, err := s.Booking.Appointment(r.Context(), at.Who, at.Patient, r.PathValue("id"))
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	now := s.Time()
	v := oneView{Base: at.Base, Name: at.Name, Row: rowOf(at.Words, a), Undo: !a.Until.IsZero(), Standing: a.Standing(now) && a.Asked == "", Staff: at.Staff}
	if did := r.URL.Query().Get("did"); did == "undone" || did != "" && v.Undo {
		v.Done = map[string]string{"book": "booked", "change": "changed", "cancel": "cancelled", "ask": "asked"}[a.Did]
		if did == "undone" {
			v.Done = "undone"
		}
	}
	v.Frame = s.Frame(at, at.Words.T(a.What), "/appointments")
	s.Send(w, r, http.StatusOK, onePage, v)
}

// undo takes back what was done last.
func (s *Site) undo(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	id := r.PathValue("id")
	if _, err := s.Booking.Undo(r.Context(), at.Who, at.Patient, id); err != nil {
		if err == booking.ErrTaken || fhir.KindOf(err) == fhir.Conflict {
			s.Say(w, r, at, http.StatusConflict, at.Words.T("This cannot be undone"), at.Words.T("More than 10 minutes have passed, or somebody has seen to it already. Look at your appointments, or telephone."))
			return
		}
		s.Fail(w, r, at, err)
		return
	}
	kit.See(w, r, at.Base+"/appointments/"+url.PathEscape(id)+"?did=undone")
}

func (s *Site) calendar(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	a, err := s.Booking.Appointment(r.Context(), at.Who, at.Patient, r.PathValue("id"))
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	if !a.Timed {
		s.Say(w, r, at, http.StatusNotFound, at.Words.T("No date yet"), at.Words.T("This appointment has no date yet, so there is nothing for a calendar."))
		return
	}
	place := strings.Join(append([]string{a.Place}, a.Address...), ", ")
	about := modeText(at.Words, a.Mode)
	if a.Telephone != "" {
		about += "\n" + at.Words.T("Telephone %s", a.Telephone)
	}
	h := w.Header()
	h.Set("Content-Type", "text/calendar; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="appointment.ics"`)
	h.Set("Cache-Control", "no-store")
	// A calendar is seen by others: it says that there is an appointment and where, not what for.
	w.Write(a.Calendar(s.Time(), at.Words.T("Appointment"), strings.Trim(place, ", "), about))
}

// printView is an appointment on a sheet of paper.
type printView struct {
	Frame      kit.Frame
	Base, Name string
	Row        row
}

func (s *Site) print(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	a, err := s.Booking.Appointment(r.Context(), at.Who, at.Patient, r.PathValue("id"))
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	s.Send(w, r, http.StatusOK, printPage, printView{s.Frame(at, at.Words.T("Appointment"), "/appointments/"+url.PathEscape(a.ID)), at.Base, at.Name, rowOf(at.Words, a)})
}
