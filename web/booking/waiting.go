package booking

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kith-care/kith/care/booking"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

// waitingView are the waits of somebody, in words.
type waitingView struct {
	Frame      kit.Frame
	Base, Name string
	Waits      []waitView
	Sent       bool
}

type waitView struct {
	*booking.Waiting
	Long string   // how long they have waited
	By   []string // by when
	From string   // where the figures are from
	Said string   // what they said when they were asked
}

func (s *Site) waiting(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	list, err := s.Booking.Waits(r.Context(), at.Who, at.Patient)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := waitingView{Frame: s.Frame(at, at.Words.T("What you are waiting for"), ""), Base: at.Base, Name: at.Name, Sent: r.URL.Query().Get("did") == "sent"}
	for _, one := range list {
		v.Waits = append(v.Waits, waitOf(at.Words, one))
	}
	s.Send(w, r, http.StatusOK, waitingPage, v)
}

// waitOf says a wait in words.
func waitOf(l *words.Lang, one *booking.Waiting) waitView {
	v := waitView{Waiting: one, Long: long(l, one.Days)}
	switch one.Said {
	case booking.StillNeeded:
		v.Said = l.T("On %s you said that you still need this.", l.Date(one.Checked))
	case booking.NotNeeded:
		v.Said = l.T("On %s you said that you do not need this any more. Somebody will talk to you. You are still on the list.", l.Date(one.Checked))
	case booking.TalkToMe:
		v.Said = l.T("On %s you asked to talk to somebody. You are still on the list.", l.Date(one.Checked))
	}
	k := one.Likely
	if k == nil {
		v.By = []string{l.T("Too few people have been seen to say how long it takes. We say nothing from fewer than 20.")}
		return v
	}
	switch {
	case !k.Half.IsZero() && !k.Most.IsZero():
		v.By = append(v.By, l.T("Of people who have waited as long as you, half are seen by %s.", l.Date(k.Half)), l.T("9 out of 10 are seen by %s.", l.Date(k.Most)))
	case !k.Half.IsZero():
		v.By = append(v.By, l.T("Of people who have waited as long as you, half are seen by %s.", l.Date(k.Half)), l.T("Some wait longer than anybody we know of: we cannot say by when 9 out of 10 are seen."))
	default:
		v.By = append(v.By, l.T("Few people have waited as long as you. We cannot say by when you will be seen. Ask the hospital."))
	}
	switch {
	case k.HalfWeeks > 0 && k.MostWeeks > 0:
		v.By = append(v.By, l.T("Of everybody who is referred, half are seen within %d weeks and 9 out of 10 within %d weeks.", k.HalfWeeks, k.MostWeeks))
	case k.HalfWeeks > 0:
		v.By = append(v.By, l.T("Of everybody who is referred, half are seen within %d weeks.", k.HalfWeeks))
	}
	v.From = l.N(k.People, "From what the hospital told this record: %d person seen from %s to %s, and everybody who is still waiting.", "From what the hospital told this record: %d people seen from %s to %s, and everybody who is still waiting.", l.Date(k.From), l.Date(k.To))
	return v
}

// long is a number of days in the unit that people count waits in.
func long(l *words.Lang, days int) string {
	if days < 14 {
		return l.N(days, "%d day", "%d days")
	}
	return l.N(days/7, "%d week", "%d weeks")
}

// stillView asks somebody who waits whether they still need it. The letter has the same questions.
type stillView struct {
	Frame         kit.Frame
	Errors        []kit.Field
	Base, Name    string
	Wait          waitView
	Answer        kit.Field
	Words         kit.Field
	Yes, No, Talk bool
	Staff         bool
	Today         time.Time
	Ways          []choice // of staff: how they were told
}

// waitFor is one wait of the person; where there is none that has been sent.
func (s *Site) waitFor(w http.ResponseWriter, r *http.Request, at seat.Seat) (*stillView, bool) {
	list, err := s.Booking.Waits(r.Context(), at.Who, at.Patient)
	if err == nil {
		for _, one := range list {
			if one.ID == r.PathValue("id") {
				return &stillView{Base: at.Base, Name: at.Name, Wait: waitOf(at.Words, one), Staff: at.Staff, Today: s.Time(), Answer: kit.Field{ID: "answer"}, Words: kit.Field{ID: "words"}}, true
			}
		}
		err = fhir.Errorf(fhir.NotFound, "there is no such wait")
	}
	s.Fail(w, r, at, err)
	return nil, false
}

func (s *Site) still(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	if v, ok := s.waitFor(w, r, at); ok {
		s.showStill(w, r, at, v)
	}
}

func (s *Site) showStill(w http.ResponseWriter, r *http.Request, at seat.Seat, v *stillView) {
	title, status := at.Words.T("Do you still need this?"), http.StatusOK
	for _, f := range []kit.Field{v.Answer, v.Words} {
		if f.Error != "" {
			v.Errors, status = append(v.Errors, f), http.StatusBadRequest
		}
	}
	if len(v.Errors) > 0 {
		title = at.Words.T("Error:") + " " + title
	}
	if v.Staff {
		by := r.PostFormValue("by")
		v.Ways = []choice{{ID: "by", Value: string(booking.ByTelephone), Text: "On the telephone", Checked: by != string(booking.ByLetter)}, {ID: "by-2", Value: string(booking.ByLetter), Text: "On the form of the letter", Checked: by == string(booking.ByLetter)}}
	}
	v.Frame = s.Frame(at, title, "/waiting")
	s.Send(w, r, status, stillPage, v)
}

func (s *Site) doStill(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	if !s.parsed(w, r, at) {
		return
	}
	v, ok := s.waitFor(w, r, at)
	if !ok {
		return
	}
	c := booking.Choice(r.PostFormValue("answer"))
	v.Yes, v.No, v.Talk = c == booking.StillNeeded, c == booking.NotNeeded, c == booking.TalkToMe
	v.Words.Value = strings.TrimSpace(r.PostFormValue("words"))
	if !v.Yes && !v.No && !v.Talk {
		v.Answer.Error = at.Words.T("Choose an answer")
	}
	if len([]rune(v.Words.Value)) > 500 {
		v.Words.Error = at.Words.T("Write no more than 500 letters")
	}
	if v.Answer.Error != "" || v.Words.Error != "" {
		s.showStill(w, r, at, v)
		return
	}
	by := booking.ByWeb
	if at.Staff {
		by = booking.ByTelephone
		if r.PostFormValue("by") == string(booking.ByLetter) {
			by = booking.ByLetter
		}
	}
	if err := s.Booking.Answer(r.Context(), at.Who, at.Patient, v.Wait.ID, c, v.Words.Value, by); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	kit.See(w, r, at.Base+"/waiting?did=sent")
}

// letter is the same form on paper: whoever gets it back enters it on the page of the person.
func (s *Site) letter(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	if v, ok := s.waitFor(w, r, at); ok {
		v.Frame = s.Frame(at, at.Words.T("Do you still need this?"), "/waiting/"+url.PathEscape(v.Wait.ID))
		s.Send(w, r, http.StatusOK, letterPage, v)
	}
}
