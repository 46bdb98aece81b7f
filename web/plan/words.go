package plan

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/care/plan"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

// mostWords is how many letters one text may have.
const mostWords = 2000

// change asks for one part of a plan. What was typed is never lost: where somebody else was first, both texts stand on the page.
func (s *Site) change(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	part := plan.Part(r.PathValue("part"))
	if !slices.Contains(plan.Parts, part) {
		s.Say(w, r, at, http.StatusNotFound, at.Words.T("Not found"), at.Words.T("There is no page at this address."))
		return
	}
	p, err := s.Plan.Plan(r.Context(), at.Who, at.Patient)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	q := question{Action: "/plan/change/" + string(part), Field: kit.Field{ID: "text", Value: p.Says[part].Text}, Long: true, Button: at.Words.T("Save"), Hidden: []hidden{{"version", strconv.FormatInt(p.Version, 10)}}}
	q.Head, q.Hint = partText(at.Words, part)
	if !at.Own() && part != plan.Agreed && part != plan.Team {
		q.Hint += " " + at.Words.T("Write it in the person’s own words.")
	}
	if r.Method != http.MethodPost {
		s.ask(w, r, at, q, "/plan", http.StatusOK)
		return
	}
	if !s.parsed(w, r, at) {
		return
	}
	q.Field.Value = r.PostFormValue("text")
	if len([]rune(q.Field.Value)) > mostWords {
		q.Field.Error = at.Words.T("Write no more than 2,000 letters")
		q.Hidden[0].Value = r.PostFormValue("version")
		s.ask(w, r, at, q, "/plan", http.StatusBadRequest)
		return
	}
	version, err := strconv.ParseInt(r.PostFormValue("version"), 10, 64)
	if err != nil || version < 0 || version > p.Version {
		version = 0
	}
	err = s.Plan.Save(r.Context(), at.Who, at.Patient, part, q.Field.Value, version)
	switch {
	case err == nil:
		kit.See(w, r, at.Base+"/plan?did=saved#"+string(part))
	case errors.Is(err, plan.ErrChanged):
		if p, err = s.Plan.Plan(r.Context(), at.Who, at.Patient); err != nil {
			s.Fail(w, r, at, err)
			return
		}
		said := p.Says[part]
		q.Now, q.Hidden[0].Value = &said, strconv.FormatInt(p.Version, 10)
		q.Field.Error = at.Words.T("Somebody else has changed this while you were writing. Read what they wrote, change yours, and save again.")
		s.ask(w, r, at, q, "/plan", http.StatusConflict)
	default:
		s.Fail(w, r, at, err)
	}
}

// historyView is what was changed in a plan.
type historyView struct {
	Frame      kit.Frame
	Base, Name string
	Rows       []changeRow
}

type changeRow struct {
	At    time.Time
	By    string
	Parts []changedPart
}

type changedPart struct{ Head, Was, Now string }

func (s *Site) history(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	all, err := s.Plan.History(r.Context(), at.Who, at.Patient)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := historyView{Frame: s.Frame(at, at.Words.T("What was changed"), "/plan"), Base: at.Base, Name: at.Name}
	for _, c := range all {
		row := changeRow{At: c.At, By: c.By}
		for _, p := range c.Parts {
			head, _ := partText(at.Words, p.Part)
			row.Parts = append(row.Parts, changedPart{head, strings.TrimSpace(p.Was), strings.TrimSpace(p.Now)})
		}
		v.Rows = append(v.Rows, row)
	}
	s.Send(w, r, http.StatusOK, historyPage, v)
}
