package family

import (
	_ "embed"
	"net/http"
	"net/url"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/care/home"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

//go:embed office.html
var officeHTML string

var officePage = kit.English(officeHTML)

// officeView is what is open about visits, for whoever has to do something about it.
type officeView struct {
	Frame       kit.Frame
	Said, Wrong string
	Rows        []officeRow
}

type officeRow struct {
	home.Open
	Name, Since, Due string
}

var officeSaid = map[string]string{"taken": "It is yours.", "done": "It is done. They and their family can read what you wrote."}

func (s *Site) office(w http.ResponseWriter, r *http.Request) {
	s.showOffice(w, r, officeSaid[r.URL.Query().Get("did")], "")
}

func (s *Site) showOffice(w http.ResponseWriter, r *http.Request, said, wrong string) {
	at := seat.Seat{Staff: true, Words: words.In("en")}
	who, err := s.worker(r)
	var open []home.Open
	if err == nil {
		open, err = s.Visits.Queue(r.Context(), who)
	}
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := officeView{Frame: s.Host.Frame("Visits to put right", false, s.Signed), Said: said, Wrong: wrong}
	for _, o := range open {
		row := officeRow{Open: o, Name: "Somebody", Since: o.At.In(london.Zone).Format("2-Jan-2006 15:04"), Due: o.By.In(london.Zone).Format("2-Jan-2006 15:04")}
		if stored, err := s.Door.Get(r.Context(), who, "Patient", o.Patient); err == nil {
			if res, err := stored.Resource(); err == nil {
				row.Name = signin.NameOf(res.Root())
			}
		}
		v.Rows = append(v.Rows, row)
	}
	status := http.StatusOK
	if wrong != "" {
		v.Frame.Title, status = "Error: "+v.Frame.Title, http.StatusBadRequest
	}
	s.Send(w, r, status, officePage, v)
}

func (s *Site) worker(r *http.Request) (access.Actor, error) {
	who, err := s.Who(r)
	if err == nil && who.Role == "patient" {
		err = fhir.Errorf(fhir.NotFound, "there is no page at this address")
	}
	return who, err
}

// answer takes one, or says what was done about it.
func (s *Site) answer(w http.ResponseWriter, r *http.Request) {
	who, err := s.worker(r)
	task, did := r.PathValue("task"), "done"
	switch {
	case err != nil:
	case r.PostFormValue("take") != "":
		did, err = "taken", s.Visits.Take(r.Context(), who, task)
	case strings.TrimSpace(r.PostFormValue("words")) == "":
		s.showOffice(w, r, "", "Write what was done")
		return
	default:
		err = s.Visits.Finish(r.Context(), who, task, r.PostFormValue("words"))
	}
	if err != nil {
		s.Fail(w, r, seat.Seat{Staff: true, Words: words.In("en")}, err)
		return
	}
	kit.See(w, r, "/visits?"+url.Values{"did": {did}}.Encode())
}
