package booking

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/care/booking"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

// needView asks what is to be booked.
type needView struct {
	Frame      kit.Frame
	Errors     []kit.Field
	Base, Name string
	Own        bool
	Need       kit.Field
	Choices    []choice
}

type choice struct {
	ID, Value, Text, Hint string
	Checked               bool
}

// need asks what is to be booked; the answer leads to times.
func (s *Site) need(w http.ResponseWriter, r *http.Request, at seat.Seat) { s.showNeed(w, r, at, "") }

func (s *Site) showNeed(w http.ResponseWriter, r *http.Request, at seat.Seat, wrong string) {
	list, err := s.Booking.Needs(r.Context(), at.Who, at.Patient)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	title := at.Words.T("What do you need an appointment for?")
	v := needView{Base: at.Base, Name: at.Name, Own: at.Own(), Need: kit.Field{ID: "need", Error: wrong}}
	status := http.StatusOK
	if wrong != "" {
		status, v.Errors, title = http.StatusBadRequest, []kit.Field{v.Need}, at.Words.T("Error:")+" "+title
	}
	v.Frame = s.Frame(at, title, "/appointments")
	for i, n := range list {
		c := choice{ID: "need", Value: n.ID, Text: n.Name}
		if i > 0 {
			c.ID += "-" + strconv.Itoa(i+1)
		}
		if !n.Since.IsZero() {
			c.Hint = at.Words.T("You were referred on %s", at.Words.Date(n.Since))
		}
		v.Choices = append(v.Choices, c)
	}
	s.Send(w, r, status, needPage, v)
}

// parsed reads a form; one that is larger than it can be is told so.
func (s *Site) parsed(w http.ResponseWriter, r *http.Request, at seat.Seat) bool {
	if err := r.ParseForm(); err != nil {
		s.Say(w, r, at, http.StatusBadRequest, at.Words.T("This does not work"), at.Words.T("What was sent is too long, or broke off. Go back and try again."))
		return false
	}
	return true
}

// checkView is what is about to be booked, and what the clinic should know.
type checkView struct {
	Frame                  kit.Frame
	Errors                 []kit.Field
	Base, Name             string
	Own                    bool
	Offer                  *booking.Held
	Until                  time.Time
	Ways                   []choice
	Way                    string // the only one, where there is no choice
	Change, Key            string
	From                   *row // what is moved
	Effects                []string
	Reason, Telephone      kit.Field
	Interpreter            kit.Field
	Needs                  []choice
	AsksTelephone, Confirm bool
}

// check shows what was chosen before it is booked.
func (s *Site) check(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	s.showCheck(w, r, at, r.URL.Query(), nil, http.StatusOK)
}

func (s *Site) showCheck(w http.ResponseWriter, r *http.Request, at seat.Seat, q url.Values, wrong []kit.Field, status int) {
	l := at.Words
	held, err := s.Booking.Held(r.Context(), at.Who, at.Patient, q.Get("slot"))
	if errors.Is(err, booking.ErrTaken) {
		s.showTimes(w, r, at, q, l.T("Somebody else has just taken that time. Here are the next times."), http.StatusConflict)
		return
	}
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := checkView{Base: at.Base, Name: at.Name, Own: at.Own(), Offer: held, Until: held.Until, Change: q.Get("change"), Errors: wrong, Confirm: held.Confirm,
		Reason: kit.Field{ID: "reason", Value: q.Get("reason")}, Telephone: kit.Field{ID: "telephone", Value: q.Get("telephone")}, Interpreter: kit.Field{ID: "interpreter", Value: q.Get("interpreter")}}
	for _, f := range wrong {
		switch f.ID {
		case "reason":
			v.Reason.Error = f.Error
		case "telephone":
			v.Telephone.Error = f.Error
		case "interpreter":
			v.Interpreter.Error = f.Error
		}
	}
	chosen := q["need"]
	if v.Change != "" {
		if !s.moves(w, r, at, &v, &chosen, q) {
			return
		}
	} else if !q.Has("sent") {
		if v.Interpreter.Value, err = s.Booking.InterpreterOf(r.Context(), at.Who, at.Patient); err != nil {
			s.Fail(w, r, at, err)
			return
		}
	}
	for i, m := range held.Modes {
		v.Ways = append(v.Ways, choice{ID: "way-" + strconv.Itoa(i+1), Value: string(m), Text: modeText(l, m), Checked: q.Get("way") == string(m) || q.Get("way") == "" && i == 0})
		v.AsksTelephone = v.AsksTelephone || m != booking.InPerson
	}
	if len(v.Ways) == 1 {
		v.Way, v.Ways = v.Ways[0].Text, nil
	}
	for i, code := range needs {
		v.Needs = append(v.Needs, choice{ID: "need-" + strconv.Itoa(i+1), Value: code, Text: needText(l, code), Checked: slices.Contains(chosen, code)})
	}
	title := l.T("Check your appointment")
	if len(wrong) > 0 {
		title = l.T("Error:") + " " + title
	}
	back := url.Values{"need": {held.Need}}
	if v.Change != "" {
		back.Set("change", v.Change)
	}
	v.Frame = s.Frame(at, title, "/appointments/times?"+back.Encode())
	s.Send(w, r, status, checkPage, v)
}

// moves fills in what is moved and what that leads to; where it cannot be, that has been sent.
func (s *Site) moves(w http.ResponseWriter, r *http.Request, at seat.Seat, v *checkView, chosen *[]string, q url.Values) bool {
	a, err := s.Booking.Appointment(r.Context(), at.Who, at.Patient, v.Change)
	var e booking.Effect
	if err == nil {
		e, err = s.Booking.Effect(r.Context(), at.Who, at.Patient, v.Change)
	}
	if err != nil {
		s.Fail(w, r, at, err)
		return false
	}
	from := rowOf(at.Words, a)
	v.From, v.Key, v.Effects = &from, e.Key(), effects(at.Words, e, true)
	if !q.Has("sent") { // what was said of the old time is so of the new one too
		v.Reason.Value, v.Interpreter.Value, *chosen = a.Reason, a.Language, a.Needs
	}
	return true
}

// book books what was checked, or moves an appointment to it.
func (s *Site) book(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	if !s.parsed(w, r, at) {
		return
	}
	l, f := at.Words, r.PostForm
	said := func(name string) string { return strings.TrimSpace(f.Get(name)) }
	req := booking.Request{Slot: f.Get("slot"), Mode: booking.Mode(f.Get("way")), Reason: said("reason"), Interpreter: said("interpreter"), Telephone: said("telephone")}
	for _, n := range f["need"] {
		if slices.Contains(needs, n) {
			req.Needs = append(req.Needs, n)
		}
	}
	f.Set("sent", "1")
	var wrong []kit.Field
	if len([]rune(req.Reason)) > 500 {
		wrong = append(wrong, kit.Field{ID: "reason", Error: l.T("Write no more than 500 letters")})
	}
	if len([]rune(req.Interpreter)) > 60 {
		wrong = append(wrong, kit.Field{ID: "interpreter", Error: l.T("Write the name of the language, such as Polish")})
	}
	if t := req.Telephone; t != "" && (len(t) > 30 || strings.Trim(t, "0123456789 +()-") != "") {
		wrong = append(wrong, kit.Field{ID: "telephone", Error: l.T("Write a telephone number, such as 07700 900123")})
	}
	if len(wrong) > 0 {
		s.showCheck(w, r, at, f, wrong, http.StatusBadRequest)
		return
	}
	var a *booking.Appointment
	var err error
	change := f.Get("change")
	if change != "" {
		a, err = s.Booking.Change(r.Context(), at.Who, at.Patient, change, f.Get("key"), req)
	} else {
		a, err = s.Booking.Book(r.Context(), at.Who, at.Patient, req)
	}
	switch {
	case err == nil:
		kit.See(w, r, at.Base+"/appointments/"+url.PathEscape(a.ID)+"?did=it")
	case errors.Is(err, booking.ErrTaken):
		q := url.Values{"need": {f.Get("what")}, "change": {change}}
		s.showTimes(w, r, at, q, l.T("Somebody else has just taken that time. Here are the next times."), http.StatusConflict)
	case errors.Is(err, booking.ErrEffect):
		s.showCheck(w, r, at, f, []kit.Field{{ID: "effects", Error: l.T("What this leads to has changed. Read it again before you go on.")}}, http.StatusConflict)
	case errors.Is(err, booking.ErrClash):
		q := url.Values{"need": {f.Get("what")}, "change": {change}}
		if e := s.Booking.Release(r.Context(), at.Who, at.Patient, req.Slot); e != nil {
			s.Fail(w, r, at, e)
			return
		}
		s.showTimes(w, r, at, q, l.T("You have another appointment at that time. Choose another time."), http.StatusConflict)
	case fhir.KindOf(err) == fhir.Invalid:
		s.showCheck(w, r, at, f, []kit.Field{{ID: "reason", Error: kit.Sentence(err.Error())}}, http.StatusBadRequest)
	default:
		s.Fail(w, r, at, err)
	}
}
