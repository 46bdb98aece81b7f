package staff

import (
	_ "embed"
	"net/http"
	"net/url"

	"github.com/kith-care/kith/connect/match"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
)

//go:embed matches.html
var matchesHTML string

var matchesPage = page(matchesHTML)

// matchesView is the queue of questions: are these two records of one person?
type matchesView struct {
	Frame        kit.Frame
	Said         string
	Questions    []questionRow
	Newer, Older string
}

// questionRow is a question with enough of both to choose it.
type questionRow struct {
	Address, A, B, Why, Odds, Since string
}

const questionsAPage = 20

var answered = map[string]string{"same": "Your answer was saved: one person. Their records are read together from now on.", "different": "Your answer was saved: two people. Nobody will be asked again."}

func (s *Site) matches(w http.ResponseWriter, r *http.Request) {
	if s.Linker == nil {
		s.missing(w, r, "Nobody is linked in this record.")
		return
	}
	q := r.URL.Query()
	view := matchesView{Frame: s.frame("Who is who"), Said: answered[q.Get("did")]}
	queue, err := s.Linker.Queue(r.Context(), s.who(r), q.Get("after"), questionsAPage+1)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if q.Get("after") != "" {
		view.Newer = "/matches"
	}
	if len(queue) > questionsAPage {
		queue = queue[:questionsAPage]
		view.Older = "/matches?" + url.Values{"after": {queue[questionsAPage-1].Place}}.Encode()
	}
	for _, asked := range queue {
		row, err := s.questionRow(r, &asked)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		view.Questions = append(view.Questions, row)
	}
	s.Send(w, r, http.StatusOK, matchesPage, view)
}

func (s *Site) questionRow(r *http.Request, asked *match.Asked) (questionRow, error) {
	row := questionRow{Address: "/matches/" + asked.ID, Why: sentence(asked.Why), Since: clock(asked.Since)}
	if asked.Link.Doubt != nil {
		row.Odds = odds(asked.Link.Doubt.Weight)
	}
	for id, into := range map[string]*string{asked.Link.A: &row.A, asked.Link.B: &row.B} {
		patient, err := s.patient(r, id)
		switch k := fhir.KindOf(err); {
		case err != nil && (k == fhir.Gone || k == fhir.NotFound):
			*into = "a record that was removed"
		case err != nil:
			return row, err
		default:
			p := rowOf(patient, s.Time())
			*into = p.Name + ", " + p.Born
		}
	}
	return row, nil
}
