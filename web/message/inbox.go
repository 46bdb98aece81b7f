package message

import (
	_ "embed"
	"net/http"
	"time"

	"github.com/kith-care/kith/care/message"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

//go:embed inbox.html
var inboxHTML string

var inboxPage = kit.Page(inboxHTML)

// inboxView is all that was written to somebody and by them, whoever wrote it.
type inboxView struct {
	Frame    kit.Frame
	Base     string
	Name     string // whose it is, where they do not read it
	Closed   bool   // a conversation was just closed
	Unread   int
	Rows     []inboxRow
	Failures []failureRow // for staff: what did not reach the person
}

type inboxRow struct {
	ID, Subject, Team string
	New, Waits, Over  bool
	Last              time.Time
	Start             string // of what was written last
}

// shownStart is how much of a message stands in the list, in characters.
const shownStart = 100

// failureDays is of how many days staff see what did not reach somebody.
const failureDays = 30

func (s *Site) inbox(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	threads, err := s.Messages.Threads(r.Context(), at.Who, at.Patient)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := inboxView{Frame: s.Frame(at, at.Words.T("Messages"), home(at)), Base: at.Base, Name: at.Name, Closed: r.URL.Query().Get("did") == "closed"}
	for i := range threads {
		row := rowOf(&threads[i])
		if row.Subject == "" {
			row.Subject = at.Words.T("A message")
		}
		if row.New {
			v.Unread++
		}
		v.Rows = append(v.Rows, row)
	}
	if at.Staff {
		failed, err := s.Messages.Failures(r.Context(), at.Who, at.Patient, failureDays)
		if err != nil {
			s.Fail(w, r, at, err)
			return
		}
		v.Failures = failureRows(failed)
	}
	s.Send(w, r, http.StatusOK, inboxPage, v)
}

func rowOf(t *message.Thread) inboxRow {
	last := t.Entries[len(t.Entries)-1]
	row := inboxRow{ID: t.ID, Subject: t.Subject, Team: t.Team, New: t.Unread(true) > 0, Waits: t.Waits(), Over: t.Closed, Last: t.Last(), Start: last.Words}
	if runes := []rune(row.Start); len(runes) > shownStart {
		row.Start = string(runes[:shownStart]) + "…"
	}
	return row
}
