package staff

import (
	_ "embed"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/care/monitor"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/web/kit"
)

//go:embed ward.html
var wardHTML string

var wardPage = page(wardHTML)

// wardView is the virtual ward: one row a patient with something open, the most urgent first.
type wardView struct {
	Frame kit.Frame
	Said  string
	Rows  []wardRow
}

type wardRow struct {
	Task, Address, Name string
	Priority            string
	Urgent              bool
	Reason, Since       string
	Score, Trend        string
	Overdue             []string
	Owner               string
	Next, By            string
	Late, Taken         bool // by has passed; somebody has it
}

// priorities are the words for a Task's.
var priorities = map[string]string{"stat": "Now", "asap": "Very soon", "urgent": "Today", "routine": "Routine"}

func (s *Site) ward(w http.ResponseWriter, r *http.Request) {
	rows, err := monitor.Board(r.Context(), s.Door, s.who(r), s.Time())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v := wardView{Frame: s.frame("Virtual ward"), Said: tasked[r.URL.Query().Get("did")]}
	for i := range rows {
		v.Rows = append(v.Rows, s.wardRow(&rows[i]))
	}
	s.Send(w, r, http.StatusOK, wardPage, v)
}

func (s *Site) wardRow(b *monitor.Row) wardRow {
	row := wardRow{Address: "/person/" + b.Patient, Name: b.Name, Priority: priorities[b.Priority], Urgent: b.Priority == "stat", Reason: kit.Capital(b.Reason), Since: brief(b.Since, s.Time()),
		Overdue: b.Overdue, Owner: b.Owner, Next: b.Next, Task: b.Task, Taken: b.Taken}
	if row.Name == "" {
		row.Name = "Name " + kit.NotKnown
	}
	if b.NEWS2 != nil {
		row.Score = strconv.Itoa(*b.NEWS2)
		switch {
		case b.Trend > 0:
			row.Trend = "up " + strconv.Itoa(b.Trend)
		case b.Trend < 0:
			row.Trend = "down " + strconv.Itoa(-b.Trend)
		}
	}
	if !b.By.IsZero() {
		row.By, row.Late = "by "+brief(b.By, s.Time()), s.Time().After(b.By)
	}
	return row
}

// brief is a time of today by the clock alone, and any other with its day.
func brief(t, now time.Time) string {
	t, now = t.In(london.Zone), now.In(london.Zone)
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04")
	}
	return strings.TrimSpace(t.Format("02-Jan 15:04"))
}
