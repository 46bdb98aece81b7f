package staff

import (
	_ "embed"
	"net/http"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/triage"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
)

//go:embed requests.html
var requestsHTML string

var requestsPage = page(requestsHTML)

// requestsView is the one queue of those who asked for help on the web, on the telephone or at the desk.
type requestsView struct {
	Frame kit.Frame
	Said  string
	Rows  []requestRow
}

type requestRow struct {
	Task, Address, Name string
	Level               string
	Urgent              bool
	About, Words        string
	Way                 string
	Since, By           string
	Late, Taken         bool
	Owner               string
}

// channels are how a request came, in words.
var channels = map[triage.Channel]string{triage.Web: "on the web", triage.Telephone: "by telephone", triage.Desk: "at the desk"}

// tasked are what was just done to a Task, as the address says it.
var tasked = map[string]string{"take": "You have taken it. Say when it is done.", "done": "It is done, and has left the list."}

func (s *Site) requests(w http.ResponseWriter, r *http.Request) {
	who := s.who(r)
	queue, err := triage.Queue(r.Context(), s.Door, who)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v := requestsView{Frame: s.frame("Requests"), Said: tasked[r.URL.Query().Get("did")]}
	for i := range queue {
		q := &queue[i]
		row := requestRow{Task: q.Task, Address: "/person/" + q.Patient, Name: "Name " + kit.NotKnown, Level: q.Level.Title(), Urgent: q.Level >= triage.Emergency, About: q.About, Words: q.Words, Way: channels[q.Channel],
			Since: brief(q.Since, s.Time()), Taken: q.Taken, Owner: q.Owner}
		if !q.By.IsZero() {
			row.By, row.Late = brief(q.By, s.Time()), s.Time().After(q.By)
		}
		switch p, err := s.patient(r, q.Patient); {
		case err == nil:
			row.Name = rowOf(p, s.Time()).Name
		case fhir.KindOf(err) != fhir.NotFound && fhir.KindOf(err) != fhir.Gone:
			s.fail(w, r, err)
			return
		}
		v.Rows = append(v.Rows, row)
	}
	s.Send(w, r, http.StatusOK, requestsPage, v)
}

// changeTask has whoever is looking take a Task, or says that it is done; back leads to the list it stands on.
func (s *Site) changeTask(back string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, did := s.who(r), r.PostFormValue("did")
		if tasked[did] == "" {
			s.missing(w, r, "There is no page at this address.")
			return
		}
		op := record.Op{Method: record.Patch, Type: "Task", ID: r.PathValue("id"), Patch: func(res *fhir.Resource) (*fhir.Resource, error) { return s.taskAfter(res, did, who) }}
		_, err := s.Door.Commit(r.Context(), who, []record.Op{op})
		switch k := fhir.KindOf(err); {
		case err == nil:
			kit.See(w, r, back+"?did="+did)
		case k == fhir.NotFound || k == fhir.Gone:
			s.missing(w, r, "This is no longer on the list.")
		default:
			s.fail(w, r, err)
		}
	}
}

// taskAfter is a Task after it was taken or done. What somebody else has done already is not undone.
func (s *Site) taskAfter(res *fhir.Resource, did string, who access.Actor) (*fhir.Resource, error) {
	var task r4.Task
	if err := r4.Decode(res, &task); err != nil {
		return nil, err
	}
	switch task.Status {
	case "requested", "received", "accepted", "in-progress", "on-hold":
	default:
		return nil, fhir.Errorf(fhir.Conflict, "somebody has done this already")
	}
	now := fhir.DateTimeOf(s.Time().UTC())
	task.Status, task.LastModified = map[string]string{"take": "accepted", "done": "completed"}[did], now
	name := who.Name
	if name == "" {
		name = "somebody at this machine"
	}
	if task.Owner = (&r4.Reference{Display: name}); fhir.ParseReference(who.ID).Type == "Practitioner" {
		task.Owner.Reference = who.ID
	}
	return r4.Resource(&task)
}
