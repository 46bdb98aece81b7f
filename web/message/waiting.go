package message

import (
	_ "embed"
	"net/http"
	"time"

	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/care/message"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

//go:embed waiting.html
var waitingHTML string

var waitingPage = kit.English(waitingHTML)

// waitingView is what waits for staff, and what did not reach people.
type waitingView struct {
	Frame    kit.Frame
	Said     string
	Rows     []waitingRow
	Failures []failureRow
}

type waitingRow struct {
	Task, Address, Name string
	What, Words         string
	Since, By           string
	Late, Taken         bool
	Answer              bool // it is done by answering
	Owner               string
}

type failureRow struct{ At, Address, Name, Channel, Why string }

// whats are what waits, in words.
var whats = map[string]string{"message-answer": "Answer", "message-reach": "Reach them", "message-unknown": "Find out whose it is"}

// done are what was just done, as the address says it.
var done = map[string]string{"take": "You have taken it.", "done": "It is done, and has left the list."}

// channelNames are ways to reach somebody, as staff say them.
var channelNames = map[string]string{"app": "these pages", "email": "e-mail", "text": "text message", "letter": "letter", "telephone": "telephone"}

// waiting is the list for staff.
func (s *Site) waiting(w http.ResponseWriter, r *http.Request) {
	at := seat.Seat{Base: "/", Staff: true, Words: words.In("en")}
	who, err := s.Who(r)
	at.Who = who
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	items, err := s.Messages.Waiting(r.Context(), who)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	failed, err := s.Messages.Failures(r.Context(), who, "", failureDays)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := waitingView{Frame: s.Host.Frame("Messages", false, s.Signed), Said: done[r.URL.Query().Get("did")], Failures: failureRows(failed)}
	names := map[string]string{}
	name := func(patient string) (string, error) {
		if _, known := names[patient]; !known && patient != "" {
			text, err := s.nameOf(r, at, patient)
			if err != nil {
				return "", err
			}
			names[patient] = text
		}
		return names[patient], nil
	}
	now := s.Time()
	for _, i := range items {
		row := waitingRow{Task: i.Task, Name: "Nobody knows who", What: whats[i.Code], Words: i.Words, Since: brief(i.Since), Taken: i.Taken, Owner: i.Owner, Answer: i.Code == "message-answer"}
		if !i.Due.IsZero() {
			row.By, row.Late = brief(i.Due), now.After(i.Due)
		}
		if i.Patient != "" {
			if row.Name, err = name(i.Patient); err != nil {
				s.Fail(w, r, at, err)
				return
			}
			row.Address = "/person/" + i.Patient + "/messages"
			if i.Thread != "" {
				row.Address += "/" + i.Thread
			}
		}
		v.Rows = append(v.Rows, row)
	}
	for n := range v.Failures {
		patient := failed[n].Patient
		if v.Failures[n].Name, err = name(patient); err != nil {
			s.Fail(w, r, at, err)
			return
		}
		v.Failures[n].Address = "/person/" + patient + "/messages"
	}
	s.Send(w, r, http.StatusOK, waitingPage, v)
}

// nameOf is what a patient is called, as far as the reader may know it.
func (s *Site) nameOf(r *http.Request, at seat.Seat, patient string) (string, error) {
	m, err := s.Door.Get(r.Context(), at.Who, "Patient", patient)
	if k := fhir.KindOf(err); err != nil && (k == fhir.NotFound || k == fhir.Gone) {
		return "Name " + kit.NotKnown, nil
	}
	if err != nil {
		return "", err
	}
	res, err := m.Resource()
	if err != nil {
		return "", err
	}
	return signin.NameOf(res.Root()), nil
}

func failureRows(all []message.Failure) (out []failureRow) {
	for _, f := range all {
		why := kit.Sentence(f.Why)
		if f.Unsure {
			why = "Perhaps sent: " + why
		}
		out = append(out, failureRow{At: f.At.In(london.Zone).Format("02-Jan-2006 15:04"), Channel: kit.Capital(channelNames[f.Channel]), Why: why})
	}
	return out
}

// attend takes something up, or says that it is done.
func (s *Site) attend(w http.ResponseWriter, r *http.Request) {
	at := seat.Seat{Base: "/", Staff: true, Words: words.In("en")}
	who, err := s.Who(r)
	at.Who = who
	did := r.PostFormValue("did")
	switch {
	case err != nil:
	case did == "take":
		err = s.Messages.Claim(r.Context(), who, r.PathValue("task"))
	case did == "done":
		err = s.Messages.Done(r.Context(), who, r.PathValue("task"), "")
	default:
		err = fhir.Errorf(fhir.NotFound, "there is no page at this address")
	}
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	kit.See(w, r, "/messages?did="+did)
}

// brief is a moment as staff read it.
func brief(t time.Time) string { return t.In(london.Zone).Format("02-Jan 15:04") }
