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
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

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
	Later      string // address of later times, "" where there are none
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
		from := offers[shownTimes-1].Start
		if from.Equal(offers[0].Start) {
			from = from.Add(time.Second) // a page of one time alone would lead to itself
		}
		later.Set("from", from.UTC().Format(time.RFC3339))
		v.Later = at.Base + "/appointments/times?" + later.Encode()
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
