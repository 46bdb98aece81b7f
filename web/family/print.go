package family

import (
	_ "embed"
	"net/http"
	"time"

	"github.com/kith-care/kith/care/behalf"
	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

//go:embed print.html
var printHTML string

var printPage = kit.Page(printHTML)

// printView is the sheet that a person takes home of what staff did with them.
type printView struct {
	Frame      kit.Frame
	Name, With string
	At         time.Time
	Other      string // a format that paper cannot be, for staff to read
	Rows       []printRow
	Help       string
}

type printRow struct {
	behalf.Entry
	What  string // the kind in words
	Next  string // what happens next
	Timed bool
}

var printKinds = map[behalf.Kind]string{behalf.Appointment: words.Text("Appointment"), behalf.Request: words.Text("Request"), behalf.Message: words.Text("Message"), behalf.Reading: words.Text("Test or measurement"), behalf.Medicine: words.Text("Medicine"),
	behalf.Need: words.Text("How we reach you"), behalf.Trusted: words.Text("People I trust")}

// otherFormats are what staff must make otherwise.
var otherFormats = map[need.Format]string{need.Braille: "They need Braille: send this as a message, and its letter is made as a Braille file.", need.Audio: "They need it spoken: read this to them.", need.BSL: "They use British Sign Language: go through this by video relay."}

// print shows it in the language and format that the person needs, whatever the member of staff reads in.
func (s *Site) print(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	done, err := s.Behalf.Done(r.Context(), at.Who, at.Patient, behalf.Since(s.Time(), london.Zone))
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	n, err := s.Needs.Get(r.Context(), at.Who, at.Patient)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	l := words.In(n.Written())
	r = kit.SetIn(kit.Speak(r, l), printed(n.Format))
	v := printView{Frame: s.Host.Frame(l.T("What we did today"), true, false), Name: at.Name, With: at.Who.Name, At: s.Time(), Other: otherFormats[n.Format], Help: s.Help}
	v.Frame.Back = kit.Way{To: at.Base + "/front", Text: l.T("Back")}
	for _, e := range done {
		v.Rows = append(v.Rows, printRow{e, l.T(printKinds[e.Kind]), next(&e, l), e.Kind == behalf.Appointment})
	}
	s.Send(w, r, http.StatusOK, printPage, v)
}

// printed is how a page is set for somebody who needs a format.
func printed(f need.Format) kit.Format {
	switch f {
	case need.LargePrint:
		return kit.Large
	case need.EasyRead:
		return kit.Easy
	}
	return kit.Standard
}

// next is what happens next with something that was done.
func next(e *behalf.Entry, l *words.Lang) string {
	switch {
	case e.Kind == behalf.Appointment && e.Ended:
		return l.T("This appointment is cancelled. You need do nothing.")
	case e.Kind == behalf.Appointment:
		return l.T("Please come at this time. If you cannot, tell us as soon as you can.")
	case e.Kind == behalf.Request && e.Ended, e.Kind == behalf.Trusted && e.Ended:
		return l.T("This is over. You need do nothing.")
	case e.Kind == behalf.Request && !e.Complete && !e.By.IsZero():
		return l.T("You hear from us by %s.", l.When(e.By))
	case e.Kind == behalf.Request && !e.Complete:
		return l.T("You hear from us.")
	case e.Kind == behalf.Message:
		return l.T("The answer comes to your messages, or as you asked us to reach you.")
	case e.Kind == behalf.Reading:
		return l.T("Somebody looks at it if it is not as it should be.")
	case e.Kind == behalf.Medicine:
		return l.T("Your practice looks at it and tells you when you can fetch it.")
	}
	return l.T("You need do nothing.")
}
