package audit

import (
	_ "embed"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
)

//go:embed officer.html
var officerHTML string

var officerPage = kit.English(officerHTML)

// officerView is the whole trail for a privacy officer, narrowed by what they typed.
type officerView struct {
	Frame                    kit.Frame
	Patient, Actor, From, To field
	Asked                    bool
	Entries                  []officerRow
	Older                    string
	Tasks                    []taskRow
	Errors                   []field
}

// field is one thing that may be typed.
type field struct{ ID, Label, Hint, Value, Error string }

type officerRow struct {
	When, Who, ID, Role, Organisation, What, Why, Refused string
	Patients                                              []string
}

type taskRow struct{ Ref, Title, Says, Since, Due string }

func (s *Site) officer(w http.ResponseWriter, r *http.Request) {
	who, err := s.Who(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if who.Patient != "" && who.Role == "patient" {
		s.fail(w, r, fhir.Errorf(fhir.Forbidden, "This page is for privacy officers. Who looked at your own record stands under Who looked at your record."))
		return
	}
	q := r.URL.Query()
	view := officerView{Frame: s.Host.Frame("Audit", false, s.Signed), Patient: field{ID: "patient", Label: "Person", Hint: "The id of the person’s record", Value: strings.TrimSpace(q.Get("patient"))}, Actor: field{ID: "actor", Label: "Member of staff or program", Hint: "For example Practitioner/1", Value: strings.TrimSpace(q.Get("actor"))},
		From: field{ID: "from", Label: "First day", Hint: "For example 20-Nov-2026", Value: strings.TrimSpace(q.Get("from"))}, To: field{ID: "to", Label: "Last day", Hint: "For example 21-Nov-2026", Value: strings.TrimSpace(q.Get("to"))}}
	ask := record.TrailQuery{Patient: strings.TrimPrefix(view.Patient.Value, "Patient/"), Actor: view.Actor.Value, Count: 100, Page: q.Get("page")}
	if ask.Patient != "" && !fhir.ValidID(ask.Patient) {
		view.Patient.Error = "Enter the id of a person's record, as it stands in the address of their page"
	}
	var bad bool
	if ask.From, bad = dayOf(view.From.Value, 0); bad {
		view.From.Error = "Enter the first day as in 20-Nov-2026"
	}
	if ask.To, bad = dayOf(view.To.Value, 24*time.Hour-time.Microsecond); bad {
		view.To.Error = "Enter the last day as in 20-Nov-2026"
	}
	for _, f := range []field{view.Patient, view.Actor, view.From, view.To} {
		if f.Error != "" {
			view.Errors = append(view.Errors, f)
		}
	}
	view.Asked = view.Patient.Value+view.Actor.Value+view.From.Value+view.To.Value != ""
	status := http.StatusOK
	if len(view.Errors) > 0 {
		status = http.StatusBadRequest
		view.Frame.Title = "Error: Audit"
	} else if view.Asked {
		if err := s.rows(r, who, ask, &view); err != nil {
			s.fail(w, r, err)
			return
		}
	}
	if view.Tasks, err = s.tasks(r, who); err != nil {
		s.fail(w, r, err)
		return
	}
	s.Send(w, r, status, officerPage, view)
}

func (s *Site) rows(r *http.Request, who access.Actor, ask record.TrailQuery, view *officerView) error {
	page, err := s.Door.Trail(r.Context(), who, ask)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for i := range page.Entries {
		e := &page.Entries[i]
		row := officerRow{When: e.At.In(london.Zone).Format("02-Jan-2006 15:04:05"), Who: e.Name, ID: e.Who, Role: e.Role, What: e.What, Why: reason(e, staff.Words), Refused: e.Refused, Patients: e.Patients}
		if row.Who == "" {
			row.Who = "Not Known"
		}
		if deed := deeds[e.Action]; deed != "" {
			row.What = staff.Words.T(deed, e.What)
		}
		if e.Organization != "" {
			if row.Organisation, err = s.organisation(r.Context(), e.Organization, names); err != nil {
				return err
			}
		}
		view.Entries = append(view.Entries, row)
	}
	if page.Next != "" {
		v := url.Values{"patient": {view.Patient.Value}, "actor": {view.Actor.Value}, "from": {view.From.Value}, "to": {view.To.Value}, "page": {page.Next}}
		view.Older = "/audit?" + v.Encode()
	}
	return nil
}

// tasks are what privacy officers have to look into.
func (s *Site) tasks(r *http.Request, who access.Actor) ([]taskRow, error) {
	page, err := s.Door.Find(r.Context(), who, "Task?code=urn:kith:task|unusual-access,urn:kith:task|access-questioned,urn:kith:task|break-glass&status=requested,received,accepted,in-progress&_sort=-authored-on&_count=50")
	if err != nil {
		return nil, err
	}
	var out []taskRow
	for i := range page.Matches {
		res, err := page.Matches[i].Resource()
		if err != nil {
			return nil, err
		}
		var t r4.Task
		if err := r4.Decode(res, &t); err != nil {
			return nil, err
		}
		row := taskRow{Ref: page.Matches[i].Ref(), Says: t.Description, Since: t.AuthoredOn.Low().In(london.Zone).Format("02-Jan-2006")}
		if t.Code != nil {
			row.Title = t.Code.Text
		}
		if t.Restriction != nil && t.Restriction.Period != nil {
			row.Due = t.Restriction.Period.End.Low().In(london.Zone).Format("02-Jan-2006")
		}
		out = append(out, row)
	}
	return out, nil
}

// dayOf reads a day as pages write it or as forms do; bad where it is neither, zero where nothing was typed.
func dayOf(text string, later time.Duration) (at time.Time, bad bool) {
	if text == "" {
		return time.Time{}, false
	}
	for _, layout := range []string{"2-Jan-2006", "2006-01-02", "2/1/2006"} {
		if t, err := time.ParseInLocation(layout, text, london.Zone); err == nil {
			return t.Add(later), false
		}
	}
	return time.Time{}, true
}
