package booking

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/kith-care/kith/care/booking"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

// effects are sentences that say what leaving an appointment leads to: moving it, or cancelling it.
func effects(l *words.Lang, e booking.Effect, moving bool) (out []string) {
	say := func(text string) { out = append(out, text) }
	switch {
	case e.Wish && moving:
		say(l.T("This appointment is in the hospital’s or practice’s own system. We will ask them for another time. Your appointment stands until they tell you a new time."))
	case e.Wish:
		say(l.T("This appointment is in the hospital’s or practice’s own system. We will ask them to cancel it. It stands until they say that it is cancelled."))
	case moving:
		say(l.T("You keep your old time until you have booked the new one."))
	default:
		say(l.T("Your appointment is cancelled at once. Somebody else can have the time."))
	}
	if e.Waiting {
		say(l.T("You stay on the waiting list. Your wait still counts from %s.", l.Date(e.Since)))
		if !moving && e.First {
			say(l.T("This is your first appointment for this referral. You will be offered another one."))
		} else if !moving {
			say(l.T("You will be offered another appointment."))
		}
	} else if !moving && !e.Wish {
		say(l.T("If you still need it, you can book again. There may be no time as soon as this one."))
	}
	if e.Before > 0 {
		say(l.N(e.Before, "You have cancelled %d time before. The hospital may ask you and your GP if you still need this.", "You have cancelled %d times before. The hospital may ask you and your GP if you still need this."))
	}
	if e.Late {
		say(l.T("It is less than 24 hours before your appointment. It may be too late for somebody else to have the time."))
	}
	if e.Undo {
		say(l.T("You can undo this for 10 minutes."))
	}
	return out
}

// leaveView says what leaving an appointment leads to, and asks.
type leaveView struct {
	Frame      kit.Frame
	Errors     []kit.Field
	Base, Name string
	Row        row
	Effects    []string
	Key        string
	Why        []choice
	Words      kit.Field
	Wish       bool
}

// leave shows one of the two pages.
func (s *Site) leave(w http.ResponseWriter, r *http.Request, at seat.Seat, page *kit.Template, title string, moving bool, wrong *kit.Field, status int) {
	id := r.PathValue("id")
	a, err := s.Booking.Appointment(r.Context(), at.Who, at.Patient, id)
	var e booking.Effect
	if err == nil {
		e, err = s.Booking.Effect(r.Context(), at.Who, at.Patient, id)
	}
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	if !a.Standing(s.Time()) {
		s.Say(w, r, at, http.StatusConflict, at.Words.T("This cannot be changed"), at.Words.T("This appointment has begun, is over, or is cancelled."))
		return
	}
	if moving && !e.Wish {
		kit.See(w, r, at.Base+"/appointments/times?"+url.Values{"need": {a.Need}, "change": {id}}.Encode())
		return
	}
	v := leaveView{Base: at.Base, Name: at.Name, Row: rowOf(at.Words, a), Effects: effects(at.Words, e, moving), Key: e.Key(), Wish: e.Wish, Words: kit.Field{ID: "words", Value: r.PostFormValue("words")}}
	if wrong != nil {
		v.Errors, title = []kit.Field{*wrong}, at.Words.T("Error:")+" "+title
		if wrong.ID == "words" {
			v.Words.Error = wrong.Error
		}
	}
	for i, code := range booking.Why {
		c := choice{ID: "why", Value: code, Text: whyText(at.Words, code)}
		if i > 0 {
			c.ID += "-" + strconv.Itoa(i+1)
		}
		v.Why = append(v.Why, c)
	}
	v.Frame = s.Frame(at, title, "/appointments/"+url.PathEscape(id))
	s.Send(w, r, status, page, v)
}

// whyText is why somebody cancels.
func whyText(l *words.Lang, code string) string {
	switch code {
	case "pat-fb":
		return l.T("I feel better")
	case "pat-cpp":
		return l.T("I am seen somewhere else")
	case "pat-mt":
		return l.T("I cannot get there")
	case "pat-lt":
		return l.T("The time does not suit me")
	case "pat-dec":
		return l.T("Somebody has died")
	}
	return l.T("Another reason")
}

func (s *Site) cancel(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	s.leave(w, r, at, cancelPage, at.Words.T("Cancel your appointment"), false, nil, http.StatusOK)
}

// changed says that what was agreed to is no longer so.
func changed(l *words.Lang) *kit.Field {
	return &kit.Field{ID: "effects", Error: l.T("What this leads to has changed. Read it again before you go on.")}
}

func (s *Site) doCancel(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	if !s.parsed(w, r, at) {
		return
	}
	id, why := r.PathValue("id"), r.PostFormValue("why")
	_, err := s.Booking.Cancel(r.Context(), at.Who, at.Patient, id, r.PostFormValue("key"), known(why))
	switch {
	case err == nil:
		kit.See(w, r, at.Base+"/appointments/"+url.PathEscape(id)+"?did=it")
	case errors.Is(err, booking.ErrEffect):
		s.leave(w, r, at, cancelPage, at.Words.T("Cancel your appointment"), false, changed(at.Words), http.StatusConflict)
	default:
		s.Fail(w, r, at, err)
	}
}

// known is a reason of the list, "" for anything else.
func known(why string) string {
	for _, code := range booking.Why {
		if code == why {
			return code
		}
	}
	return ""
}

func (s *Site) change(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	s.leave(w, r, at, askPage, at.Words.T("Ask for another time"), true, nil, http.StatusOK)
}

// askChange asks another system's people for another time.
func (s *Site) askChange(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	if !s.parsed(w, r, at) {
		return
	}
	id, said := r.PathValue("id"), strings.TrimSpace(r.PostFormValue("words"))
	title := at.Words.T("Ask for another time")
	switch n := len([]rune(said)); {
	case n == 0:
		s.leave(w, r, at, askPage, title, true, &kit.Field{ID: "words", Error: at.Words.T("Write which days and times suit you")}, http.StatusBadRequest)
		return
	case n > 500:
		s.leave(w, r, at, askPage, title, true, &kit.Field{ID: "words", Error: at.Words.T("Write no more than 500 letters")}, http.StatusBadRequest)
		return
	}
	_, err := s.Booking.Ask(r.Context(), at.Who, at.Patient, id, r.PostFormValue("key"), said)
	switch {
	case err == nil:
		kit.See(w, r, at.Base+"/appointments/"+url.PathEscape(id)+"?did=it")
	case errors.Is(err, booking.ErrEffect):
		s.leave(w, r, at, askPage, title, true, changed(at.Words), http.StatusConflict)
	default:
		s.Fail(w, r, at, err)
	}
}
