package family

import (
	_ "embed"
	"net/http"
	"strings"

	"github.com/kith-care/kith/care/growing"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

//go:embed growing.html
var growingHTML string

var growingPage = kit.Page(growingHTML)

// growingView is who sees what of a young person's record.
type growingView struct {
	Frame   kit.Frame
	Own     bool // they are 16 or more and decide themselves
	Said    bool
	Errors  []kit.Field
	Text    kit.Field
	Helpers []helperRow
	Seen    []seenRow
	Hidden  int
	growing.View
}

type helperRow struct {
	Name  string
	May   []string
	Waits bool
}

// seenRow is one thing in the record, and who sees it.
type seenRow struct {
	growing.Entry
	Kind string
	By   []string // names
}

// may are what can be given, as the giver reads it.
var may = map[string]string{"see": words.Text("See my health record"), "book": words.Text("Book, change and cancel appointments for me"), "message": words.Text("Write and read messages for me"), "manage": words.Text("Ask for prescriptions and fill in forms for me")}

var kinds = map[string]string{"Condition": words.Text("Health problem"), "Observation": words.Text("Test or measurement"), "MedicationRequest": words.Text("Medicine"), "Encounter": words.Text("Visit"), "Immunization": words.Text("Vaccination"),
	"DocumentReference": words.Text("Letter"), "Appointment": words.Text("Appointment")}

func (s *Site) growing(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	text := kit.Field{ID: "text", Value: strings.TrimSpace(r.PostFormValue("text"))}
	if r.Method == http.MethodPost {
		if len([]rune(text.Value)) > 1000 {
			text.Error = at.Words.T("Write no more than 1,000 letters")
			s.showGrowing(w, r, at, text, http.StatusBadRequest)
			return
		}
		if err := s.Growing.Ask(r.Context(), at.Who, text.Value); err != nil {
			s.Fail(w, r, at, err)
			return
		}
		kit.See(w, r, at.Base+"/growing?did=asked")
		return
	}
	s.showGrowing(w, r, at, text, http.StatusOK)
}

func (s *Site) showGrowing(w http.ResponseWriter, r *http.Request, at seat.Seat, text kit.Field, status int) {
	t := at.Words.T
	seen, err := s.Growing.Seen(r.Context(), at.Who)
	if err == nil && (seen.Age < growing.Review || seen.Age >= growing.Adult) {
		err = fhir.Errorf(fhir.NotFound, "this page is for people of 11 to 17")
	}
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := growingView{Frame: s.Frame(at, t("Who can see my record"), ""), Own: seen.Age >= growing.Own, Said: r.URL.Query().Get("did") == "asked", Text: text, View: *seen, Hidden: seen.Hidden}
	if text.Error != "" {
		v.Errors = []kit.Field{text}
		v.Frame.Title = t("Error:") + " " + v.Frame.Title
	}
	for _, h := range seen.Helpers {
		row := helperRow{Name: h.Name, Waits: h.Waits}
		for _, scope := range h.Scopes {
			if said, ok := may[scope]; ok {
				row.May = append(row.May, t(said))
			}
		}
		v.Helpers = append(v.Helpers, row)
	}
	for _, e := range seen.Entries {
		row := seenRow{Entry: e, Kind: t(kinds[e.Type])}
		for i, yes := range e.Seen {
			if yes {
				row.By = append(row.By, seen.Helpers[i].Name)
			}
		}
		v.Seen = append(v.Seen, row)
	}
	s.Send(w, r, status, growingPage, v)
}
