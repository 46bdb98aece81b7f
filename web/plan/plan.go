// Package plan is the pages of the care plan in somebody's own words, of goals with a health coach, and of repeat prescriptions; and for staff the lists of orders
// that wait and of people who have gone quiet.
//
// One question stands on a page and nothing needs a script. To order a repeat takes three pages: choose, check, done. A page shows what care/plan says; it decides
// nothing.
package plan

import (
	"net/http"
	"strings"
	"time"

	"github.com/kith-care/kith/care/near"
	"github.com/kith-care/kith/care/plan"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

// Site serves the pages under plan and prescriptions at every place, and /prescriptions and /coaching for staff. Plan must be set, and what seat.Places says.
type Site struct {
	seat.Places
	Plan *plan.Service
	Book *plan.Book               // the programmes shown
	Near *near.Service            // the pharmacies one can choose from; nil for none
	From func(feed string) string // what a feed is called, "" where it is not known; nil for not known
}

// Handler serves the pages.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, show := range map[string]func(http.ResponseWriter, *http.Request, seat.Seat){
		"/plan": s.show, "/plan/change/{part}": s.change, "/plan/history": s.history, "/plan/goal/new": s.begin, "/plan/goal/{id}": s.goal, "/plan/goal/{id}/check": s.check, "/plan/goal/{id}/step": s.step,
		"/plan/programmes": s.programmes, "/plan/programmes/{name}": s.programme,
	} {
		s.Page(mux, http.MethodGet, path, show)
	}
	for path, do := range map[string]func(http.ResponseWriter, *http.Request, seat.Seat){
		"/plan/change/{part}": s.change, "/plan/goal/new": s.begin, "/plan/goal/{id}/check": s.check, "/plan/goal/{id}/step": s.step, "/plan/goal/{id}/end": s.end,
	} {
		s.Page(mux, http.MethodPost, path, do)
	}
	// Who orders for somebody at the desk sees what is prescribed for that alone (access/policy.txt).
	s.Asked(mux, http.MethodGet, "/prescriptions", s.repeats)
	s.Asked(mux, http.MethodGet, "/prescriptions/check", s.checkOrder)
	s.Asked(mux, http.MethodPost, "/prescriptions/check", s.checkOrder)
	s.Asked(mux, http.MethodGet, "/prescriptions/{id}", s.order)
	s.Staff(mux, http.MethodPost, "/plan/goal/{id}/coach", s.coach)
	mux.HandleFunc("GET /prescriptions", s.queue)
	mux.HandleFunc("POST /prescriptions/{id}", s.answer)
	mux.HandleFunc("GET /coaching", s.quiet)
	mux.HandleFunc("POST /coaching/{id}", s.reached)
	return s.Serve(mux, 64<<10)
}

// partText is what a part of a plan is called, and what helps to write it.
func partText(l *words.Lang, part plan.Part) (head, hint string) {
	switch part {
	case plan.Matters:
		return l.T("What matters to me"), l.T("What makes a good day? What should everyone who cares for you know about you?")
	case plan.Want:
		return l.T("What I want"), l.T("What do you want to do, or to go on doing? What do you not want?")
	case plan.Helps:
		return l.T("What helps when I am bad"), l.T("What can you do yourself? Who should be called, and when?")
	case plan.Agreed:
		return l.T("What we have agreed"), l.T("One thing on each line: what, who does it, and by when.")
	case plan.Team:
		return l.T("Who helps me"), l.T("One person on each line, with what they do and their telephone number. This does not let anyone see your record.")
	}
	return "", ""
}

// planView is somebody's plan, what they want and what others have planned with them.
type planView struct {
	Frame       kit.Frame
	Base, Name  string
	Did         string
	Parts       []partRow
	Goals, Past []goalRow
	Others      []plan.Other
	Written     bool
}

type partRow struct {
	Part  plan.Part
	Head  string
	Said  plan.Said
	Lines []plan.Said // of what is a list
}

func (s *Site) show(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	ctx := r.Context()
	p, err := s.Plan.Plan(ctx, at.Who, at.Patient)
	var goals []plan.Goal
	if err == nil {
		goals, err = s.Plan.Goals(ctx, at.Who, at.Patient)
	}
	var others []plan.Other
	if err == nil {
		others, err = s.Plan.Others(ctx, at.Who, at.Patient)
	}
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := planView{Frame: s.Frame(at, at.Words.T("Care plan and goals"), home(at)), Base: at.Base, Name: at.Name, Others: others, Written: p.Version > 0}
	for i := range v.Others {
		if o := &v.Others[i]; o.From == "" && s.From != nil {
			o.From = s.From(o.Feed)
		}
	}
	if r.URL.Query().Get("did") == "saved" {
		v.Did = at.Words.T("Saved")
	}
	for _, part := range plan.Parts {
		row := partRow{Part: part, Said: p.Says[part]}
		row.Head, _ = partText(at.Words, part)
		switch part {
		case plan.Agreed:
			row.Lines = p.Agreed
		case plan.Team:
			for l := range strings.SplitSeq(row.Said.Text, "\n") {
				if l != "" {
					row.Lines = append(row.Lines, plan.Said{Text: l})
				}
			}
		}
		v.Parts = append(v.Parts, row)
	}
	for i := range goals {
		row := rowOf(&goals[i])
		if goals[i].Ended.IsZero() {
			v.Goals = append(v.Goals, row)
		} else {
			v.Past = append(v.Past, row)
		}
	}
	s.Send(w, r, http.StatusOK, planPage, v)
}

// home is the path of the page that a seat's others hang from.
func home(at seat.Seat) string {
	if at.Staff {
		return "/front"
	}
	return ""
}

// question is one question on a page.
type question struct {
	Frame      kit.Frame
	Errors     []kit.Field
	Base, Name string
	Action     string
	Hidden     []hidden
	Head, Hint string
	Field      kit.Field
	Long       bool     // several lines
	Choices    []choice // instead of writing
	More       string   // what can be written beside the choices, "" for nothing
	MoreValue  string
	Button     string
	Now        *plan.Said // what somebody else wrote meanwhile
	Lead       string     // above the question
	Cancel     string     // address to leave by
}

type hidden struct{ Name, Value string }

type choice struct {
	ID, Value, Text string
	Checked         bool
}

// choices are radios; the first bears the field's own id, which an error leads to.
func choices(id, chosen string, pairs ...string) (out []choice) {
	for i := 0; i+1 < len(pairs); i += 2 {
		c := choice{ID: id, Value: pairs[i], Text: pairs[i+1], Checked: pairs[i] == chosen}
		if i > 0 {
			c.ID += "-" + pairs[i]
		}
		out = append(out, c)
	}
	return out
}

// ask shows a question; with an error it says so.
func (s *Site) ask(w http.ResponseWriter, r *http.Request, at seat.Seat, q question, back string, status int) {
	q.Frame = s.Frame(at, q.Head, back)
	q.Base, q.Name = at.Base, at.Name
	if q.Field.Error != "" {
		q.Errors = []kit.Field{q.Field}
		q.Frame.Title = at.Words.T("Error:") + " " + q.Frame.Title
	}
	if q.Button == "" {
		q.Button = at.Words.T("Continue")
	}
	if q.Cancel == "" {
		q.Cancel = at.Base + back
	}
	s.Send(w, r, status, questionPage, q)
}

// parsed reads a form, or says that it cannot be read.
func (s *Site) parsed(w http.ResponseWriter, r *http.Request, at seat.Seat) bool {
	if err := r.ParseForm(); err != nil {
		s.Fail(w, r, at, fhir.Errorf(fhir.Invalid, "the form cannot be read"))
		return false
	}
	return true
}

// day is a day in words; "" for none.
func day(l *words.Lang, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return l.Date(t)
}
