package staff

import (
	_ "embed"
	"net/http"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/web/kit"
)

//go:embed glass.html
var glassHTML string

var glassPage = page(glassHTML)

// glassView says why a record is closed to the reader, and lets those open it who may in an emergency.
type glassView struct {
	Frame   kit.Frame
	ID      string
	Name    string
	Born    string
	Number  string
	Why     string // why it is closed
	MayOpen bool
	Reason  field
	Errors  []field
}

// closed shows that a record is closed to the reader, and how it would open.
func (s *Site) closed(w http.ResponseWriter, r *http.Request, view glassView) {
	view.ID = r.PathValue("id")
	patient, err := s.patient(r, view.ID)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	decision, err := s.Door.Decide(r.Context(), s.who(r), access.Search, "Condition", view.ID)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	row := rowOf(patient, s.Time())
	view.Name, view.Born, view.Number = row.Name, row.Born, row.Number
	view.Why, view.MayOpen = decision.Reason, decision.Unlock == access.ByGlass
	if !view.MayOpen {
		view.Why = decision.Sentence()
	}
	view.Reason.ID = "reason"
	view.Frame = s.frame("Closed: " + view.Name)
	status := http.StatusForbidden
	if view.Errors != nil {
		status = http.StatusUnprocessableEntity
	}
	s.Send(w, r, status, glassPage, view)
}

func (s *Site) opening(w http.ResponseWriter, r *http.Request) {
	if !fhir.ValidID(r.PathValue("id")) {
		s.missing(w, r, "There is no person at this address.")
		return
	}
	decision, err := s.Door.Decide(r.Context(), s.who(r), access.Search, "Condition", r.PathValue("id"))
	switch {
	case err != nil:
		s.fail(w, r, err)
	case decision.Permit:
		kit.See(w, r, "/person/"+r.PathValue("id"))
	default:
		s.closed(w, r, glassView{})
	}
}

// open opens a record in an emergency.
func (s *Site) open(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if !fhir.ValidID(id) {
		s.missing(w, r, "There is no person at this address.")
		return
	}
	reason := field{ID: "reason", Value: strings.TrimSpace(r.PostFormValue("reason"))}
	if len(reason.Value) > 500 {
		reason.Error = "Write at most 500 letters"
		s.closed(w, r, glassView{Reason: reason, Errors: []field{reason}})
		return
	}
	until, err := s.Door.BreakGlass(r.Context(), s.who(r), id, reason.Value)
	switch {
	case err == nil:
		kit.See(w, r, "/person/"+id+"?open="+until.In(london.Zone).Format("15.04"))
	case fhir.KindOf(err) == fhir.Invalid:
		reason.Error = "Say why, in a sentence: the person will read it"
		s.closed(w, r, glassView{Reason: reason, Errors: []field{reason}})
	default:
		s.fail(w, r, err)
	}
}
