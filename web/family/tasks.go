package family

import (
	_ "embed"
	"net/http"
	"strings"
	"time"

	"github.com/kith-care/kith/care/carer"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

//go:embed tasks.html
var tasksHTML string

//go:embed add.html
var addHTML string

var tasksPage, addPage = kit.Page(tasksHTML), kit.Page(addHTML)

// tasksView is what carers do for somebody.
type tasksView struct {
	Frame      kit.Frame
	Base, Name string
	Own, Staff bool
	Said       string
	Open, Done []taskRow
}

type taskRow struct {
	carer.Item
	Title    string // the kind in words
	Appoint  bool   // it has an hour
	Readings bool   // it is done by sending a reading
}

// taskSaid is what was just done, as the address says it.
var taskSaid = map[string]string{"tick": words.Text("It is ticked off."), "untick": words.Text("It is on the list again."), "take": words.Text("You do this. The others see it."), "leave": words.Text("Anybody can do this now."), "remove": words.Text("It is off the list."), "added": words.Text("It is on the list.")}

func (s *Site) tasks(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	items, err := s.Carers.List(r.Context(), at.Who, at.Patient)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := tasksView{Frame: s.Frame(at, at.Words.T("Things to do for a carer"), from(at)), Base: at.Base, Name: at.Name, Own: at.Own(), Staff: at.Staff}
	if said, ok := taskSaid[r.URL.Query().Get("did")]; ok {
		v.Said = at.Words.T(said)
	}
	for _, it := range items {
		row := taskRow{Item: it, Appoint: it.Kind == "bring" && !it.Own, Readings: it.Kind == "measure"}
		for _, k := range carer.Kinds {
			if k.Code == it.Kind && it.Kind != "other" {
				row.Title = at.Words.T(k.Title)
			}
		}
		if it.Kind == carer.Visit {
			row.Title, row.Appoint = at.Words.T("Look in on them"), true
		}
		if it.Done {
			v.Done = append(v.Done, row)
		} else {
			v.Open = append(v.Open, row)
		}
	}
	s.Send(w, r, http.StatusOK, tasksPage, v)
}

// tick changes one thing on the list.
func (s *Site) tick(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	key, do := r.PostFormValue("key"), r.PostFormValue("do")
	change := map[string]func() error{
		"tick":   func() error { return s.Carers.Tick(r.Context(), at.Who, at.Patient, key) },
		"untick": func() error { return s.Carers.Untick(r.Context(), at.Who, at.Patient, key) },
		"take":   func() error { return s.Carers.Take(r.Context(), at.Who, at.Patient, key) },
		"leave":  func() error { return s.Carers.Leave(r.Context(), at.Who, at.Patient, key) },
		"remove": func() error { return s.Carers.Remove(r.Context(), at.Who, at.Patient, key) },
	}[do]
	if change == nil || !fhir.ValidID(strings.ReplaceAll(key, ".", "-")) {
		s.Fail(w, r, at, fhir.Errorf(fhir.NotFound, "there is nothing of this name on the list"))
		return
	}
	if err := change(); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	kit.See(w, r, at.Base+"/tasks?did="+do)
}

// addView asks what is to be done.
type addView struct {
	Frame      kit.Frame
	Base, Name string
	Staff      bool
	Errors     []kit.Field
	Kind, Text kit.Field
	Date       kit.DateField
	Kinds      []choice
	Daily      bool
	Mine       bool
}

type choice struct {
	ID, Code, Title string
	Chosen          bool
}

func (s *Site) add(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	t := at.Words.T
	v := addView{Frame: s.Frame(at, t("Add something to do"), "/tasks"), Base: at.Base, Name: at.Name, Staff: at.Staff, Kind: kit.Field{ID: "kind", Value: r.PostFormValue("kind")}, Text: kit.Field{ID: "text", Value: strings.TrimSpace(r.PostFormValue("text"))},
		Date: kit.DateOf(r, "due"), Daily: r.PostFormValue("daily") != "", Mine: r.PostFormValue("mine") != ""}
	for i, k := range carer.Kinds {
		id := "kind"
		if i > 0 {
			id += "-" + k.Code
		}
		v.Kinds = append(v.Kinds, choice{id, k.Code, t(k.Title), v.Kind.Value == k.Code})
	}
	if r.Method != http.MethodPost {
		s.Send(w, r, http.StatusOK, addPage, v)
		return
	}
	if v.Kind.Value == "" {
		v.Kind.Error = t("Choose what it is")
		v.Errors = append(v.Errors, v.Kind)
	}
	switch n := len([]rune(v.Text.Value)); {
	case n == 0:
		v.Text.Error = t("Write what is to be done")
	case n > 200:
		v.Text.Error = t("Write no more than 200 letters")
	}
	if v.Text.Error != "" {
		v.Errors = append(v.Errors, v.Text)
	}
	due, wrong := s.day(v.Date)
	if wrong != "" {
		v.Date.Error = t(wrong)
		v.Errors = append(v.Errors, kit.Field{ID: v.Date.ID, Error: v.Date.Error})
	}
	if v.Errors != nil {
		v.Frame.Title = t("Error:") + " " + v.Frame.Title
		s.Send(w, r, http.StatusBadRequest, addPage, v)
		return
	}
	if _, err := s.Carers.Add(r.Context(), at.Who, at.Patient, carer.New{Kind: v.Kind.Value, Text: v.Text.Value, Due: due, Daily: v.Daily, Mine: v.Mine && !at.Staff}); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	kit.See(w, r, at.Base+"/tasks?did=added")
}

// day is a day to come that somebody typed, noon of it in London; zero where they typed none. wrong says what is wrong with it.
func (s *Site) day(d kit.DateField) (at time.Time, wrong string) {
	if d.Day == "" && d.Month == "" && d.Year == "" {
		return at, ""
	}
	for _, layout := range []string{"2 1 2006", "2 January 2006", "2 Jan 2006"} {
		if day, err := time.ParseInLocation(layout, d.Day+" "+d.Month+" "+d.Year, london.Zone); err == nil {
			at = day.Add(12 * time.Hour)
		}
	}
	now := s.Time()
	switch {
	case at.IsZero():
		return at, words.Text("There is no such day: check the day and the month")
	case at.Before(now.Add(-24*time.Hour)) || at.After(now.AddDate(1, 0, 0)):
		return at, words.Text("Choose a day from today to a year ahead")
	}
	return at, ""
}
