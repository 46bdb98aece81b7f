package booking

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

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

// timesView offers free times.
type timesView struct {
	Frame      kit.Frame
	Errors     []kit.Field
	Base, Name string
	Own        bool
	Need, What string
	Change     string   // id of the appointment that is moved, "" where one is booked
	Effects    []string // of moving it
	Taken      bool
	Days       []dayView
	Later      string // query of later times, "" where there are none
	Filter     filter
	Filtered   bool // something is asked for besides the need
}

type dayView struct {
	Day   time.Time
	Times []timeView
}

type timeView struct {
	Slot             string
	At               time.Time
	With, Place, Way string
}

// filter is what times are looked for, as the form has it.
type filter struct {
	Where, Part, Way []choice
	Days             []choice
	Lang, Access     []choice
}

// placeAccess is what a place can have that somebody looks for.
var placeAccess = []string{"step-free", "hearing-loop", "quiet-room"}

// shownTimes are the times on one page.
const shownTimes = 30

// wanted reads what times are looked for.
func wanted(q url.Values) booking.Wanted {
	out := booking.Wanted{Need: q.Get("need"), Where: booking.Where(q.Get("where")), Part: booking.Part(q.Get("part")), Mode: booking.Mode(q.Get("way")), Language: q.Get("language"), Count: shownTimes + 1}
	for _, d := range q["day"] {
		if n, err := strconv.Atoi(d); err == nil && n >= 0 && n < 7 {
			out.Days = append(out.Days, time.Weekday(n))
		}
	}
	for _, a := range q["access"] {
		if slices.Contains(placeAccess, a) {
			out.Access = append(out.Access, a)
		}
	}
	if t, err := time.Parse(time.RFC3339, q.Get("from")); err == nil {
		out.From = t
	}
	return out
}

// times offers free times for what is asked in the query.
func (s *Site) times(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	s.showTimes(w, r, at, r.URL.Query(), "", http.StatusOK)
}

func (s *Site) showTimes(w http.ResponseWriter, r *http.Request, at seat.Seat, q url.Values, wrong string, status int) {
	l := at.Words
	if q.Get("need") == "" {
		s.showNeed(w, r, at, l.T("Choose what you need an appointment for"))
		return
	}
	v := timesView{Base: at.Base, Name: at.Name, Own: at.Own(), Need: q.Get("need"), Change: q.Get("change")}
	back := "/appointments/book"
	want := wanted(q)
	if v.Change != "" {
		back = "/appointments/" + url.PathEscape(v.Change)
		e, err := s.Booking.Effect(r.Context(), at.Who, at.Patient, v.Change)
		if err != nil {
			s.Fail(w, r, at, err)
			return
		}
		v.Effects = effects(l, e, true)
	}
	offers, err := s.Booking.Find(r.Context(), at.Who, at.Patient, want)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	title := l.T("Choose a time")
	if wrong != "" {
		v.Errors, title = []kit.Field{{ID: "times", Error: wrong}}, l.T("Error:")+" "+title
	}
	if len(offers) > shownTimes {
		later := maybeCopy(q)
		later.Set("from", offers[shownTimes-1].Start.UTC().Format(time.RFC3339))
		v.Later = later.Encode()
		offers = offers[:shownTimes]
	}
	for _, o := range offers {
		v.What = o.Name
		if n := len(v.Days); n == 0 || l.Day(v.Days[n-1].Day) != l.Day(o.Start) {
			v.Days = append(v.Days, dayView{Day: o.Start})
		}
		one := timeView{Slot: o.Slot, At: o.Start, With: o.With, Place: o.Place}
		var ways []string
		for i, m := range o.Modes {
			way := modeText(l, m)
			if i > 0 {
				first, size := utf8.DecodeRuneInString(way)
				way = string(unicode.ToLower(first)) + way[size:]
			}
			ways = append(ways, way)
		}
		one.Way = strings.Join(ways, l.T(" or "))
		day := &v.Days[len(v.Days)-1]
		day.Times = append(day.Times, one)
	}
	v.filter(at, want)
	v.Frame = s.Frame(at, title, back)
	s.Send(w, r, status, timesPage, v)
}

func maybeCopy(q url.Values) url.Values {
	out := url.Values{}
	for k, list := range q {
		out[k] = slices.Clone(list)
	}
	out.Del("slot")
	return out
}

// filter fills in the form by which times are looked for.
func (v *timesView) filter(at seat.Seat, want booking.Wanted) {
	l := at.Words
	list := func(name, chosen string, pairs ...string) (out []choice) {
		for i := 0; i < len(pairs); i += 2 {
			c := choice{ID: name + "-" + strconv.Itoa(i/2+1), Value: pairs[i], Text: pairs[i+1], Checked: pairs[i] == chosen}
			v.Filtered = v.Filtered || c.Checked && i > 0
			out = append(out, c)
		}
		return out
	}
	v.Filter.Where = list("where", string(want.Where), "", l.T("Anywhere"), "practice", l.T("At my practice"), "near", l.T("Near my home"), "town", l.T("In my town"))
	v.Filter.Part = list("part", string(want.Part), "", l.T("Any time of day"), "morning", l.T("Morning"), "afternoon", l.T("Afternoon"), "evening", l.T("Evening"))
	v.Filter.Way = list("way", string(want.Mode), "", l.T("Any way"), "in-person", l.T("In person"), "telephone", l.T("By telephone"), "video", l.T("By video"))
	v.Filter.Lang = list("language", want.Language, "", l.T("Any language"), "cy", l.T("Somebody who speaks Welsh"))
	for i, code := range placeAccess {
		c := choice{ID: "access-" + strconv.Itoa(i+1), Value: code, Text: needText(l, code), Checked: slices.Contains(want.Access, code)}
		v.Filtered = v.Filtered || c.Checked
		v.Filter.Access = append(v.Filter.Access, c)
	}
	monday := time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC)
	for i := range 7 {
		day := monday.AddDate(0, 0, i)
		name, _, _ := strings.Cut(l.Day(day), " ")
		c := choice{ID: "day-" + strconv.Itoa(i+1), Value: strconv.Itoa(int(day.Weekday())), Text: name, Checked: slices.Contains(want.Days, day.Weekday())}
		v.Filtered = v.Filtered || c.Checked
		v.Filter.Days = append(v.Filter.Days, c)
	}
}

// hold keeps the time that was chosen while the rest is asked.
func (s *Site) hold(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	if !s.parsed(w, r, at) {
		return
	}
	slot := r.PostFormValue("slot")
	if slot == "" {
		s.showTimes(w, r, at, r.PostForm, at.Words.T("Choose a time"), http.StatusBadRequest)
		return
	}
	_, err := s.Booking.Hold(r.Context(), at.Who, at.Patient, slot)
	if errors.Is(err, booking.ErrTaken) {
		s.showTimes(w, r, at, r.PostForm, at.Words.T("Somebody else has just taken that time. Here are the next times."), http.StatusConflict)
		return
	}
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	q := url.Values{"slot": {slot}}
	for _, k := range []string{"change", "way", "need"} {
		if v := r.PostFormValue(k); v != "" {
			q.Set(k, v)
		}
	}
	kit.See(w, r, at.Base+"/appointments/check?"+q.Encode())
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
