package family

import (
	_ "embed"
	"net/http"
	"time"

	"github.com/kith-care/kith/care/home"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

//go:embed visits.html
var visitsHTML string

var visitsPage = kit.Page(visitsHTML)

// visitsView is the window on somebody's home care.
type visitsView struct {
	Frame    kit.Frame
	Base     string
	Name     string // whose it is, where they do not read it
	Own      bool
	At       time.Time
	Heard    time.Time
	Known    bool // a provider has said something
	Wrong    []visitRow
	Days     []visitDay
	Services []home.Help
}

type visitDay struct {
	ID    string
	Day   time.Time
	Today bool
	Rows  []visitRow
}

type visitRow struct {
	home.Visit
	When                                                       time.Time // planned, or when somebody came
	Planned, Late, Unheard, Here, Done, Missed, Cancelled, Was bool
	Minutes                                                    int // how late it was
	NotGiven                                                   []home.Medicine
	Given                                                      []home.Medicine
}

// visits shows it as it is now.
func (s *Site) visits(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	window, err := s.Visits.Of(r.Context(), at.Who, at.Patient)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := visitsView{Frame: s.Frame(at, at.Words.T("Home care visits"), from(at)), Base: at.Base, Name: at.Name, Own: at.Own(), At: window.At, Heard: window.Heard, Known: !window.Heard.IsZero(), Services: window.Services}
	today := window.At.In(london.Zone).Format(time.DateOnly)
	for _, one := range window.Visits {
		row := visitRowOf(one)
		day := row.When.In(london.Zone).Format(time.DateOnly)
		if len(v.Days) == 0 || v.Days[len(v.Days)-1].ID != "day-"+day {
			v.Days = append(v.Days, visitDay{ID: "day-" + day, Day: row.When, Today: day == today})
		}
		d := &v.Days[len(v.Days)-1]
		d.Rows = append(d.Rows, row)
		if row.Missed || row.Late || urgent(row.NotGiven) {
			v.Wrong = append(v.Wrong, row)
		}
	}
	s.Send(w, r, http.StatusOK, visitsPage, v)
}

func urgent(all []home.Medicine) bool {
	for _, m := range all {
		if m.Urgent != "" {
			return true
		}
	}
	return false
}

func visitRowOf(v home.Visit) visitRow {
	row := visitRow{Visit: v, When: v.Planned, Planned: v.State == home.Planned, Late: v.State == home.Late, Unheard: v.State == home.Unheard, Here: v.State == home.Here, Done: v.State == home.Done, Missed: v.State == home.Missed,
		Cancelled: v.State == home.Cancelled, Minutes: int(v.LateBy.Minutes())}
	if row.When.IsZero() {
		row.When = v.Came
	}
	row.Was = row.Here || row.Done
	for _, m := range v.Medicines {
		if m.Given {
			row.Given = append(row.Given, m)
		} else {
			row.NotGiven = append(row.NotGiven, m)
		}
	}
	return row
}
