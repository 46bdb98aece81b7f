package record

import (
	_ "embed"
	"net/http"
	"strings"

	"github.com/kith-care/kith/connect/reconcile"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/entry"
	"github.com/kith-care/kith/web/seat"
)

//go:embed list.html
var listHTML string

var listPage = page(listHTML)

// listView is one list of what all sources say of one kind of thing.
type listView struct {
	head
	Lead      string // what is said before the list
	Now, Past []item
	NowHead   string
	PastHead  string
	Nothing   string // what is said of an empty list
	Heard     []heard
}

// list shows problems, medicines or allergies, by the last part of the address.
func (s *Site) list(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	t := at.Words.T
	path := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/'):]
	var v listView
	var kind reconcile.Kind
	var of string
	switch path {
	case "/problems":
		kind, of = reconcile.Problems, "Condition"
		v = listView{head: s.head(at, t("Health problems"), path), NowHead: t("Now"), PastHead: t("Over"), Nothing: t("No health problem is recorded.")}
	case "/medicines":
		kind, of = reconcile.Medicines, "MedicationRequest"
		v = listView{head: s.head(at, t("Medicines"), path), NowHead: t("You take now"), PastHead: t("Stopped"), Nothing: t("No medicine is recorded."),
			Lead: t("What you buy yourself is not in this list. Tell your team about it.")}
	default:
		kind, of = reconcile.Allergies, "AllergyIntolerance"
		v = listView{head: s.head(at, t("Allergies"), path), NowHead: t("What is recorded"), PastHead: t("No longer, or ruled out"), Nothing: t("Nothing is recorded of allergies. That does not mean that you have none: tell your team.")}
	}
	f, err := s.read(r.Context(), at, of)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v.More = f.more
	v.Now, v.Past = s.rows(at, f, kind, of)
	if v.Heard, err = s.heardOf(r.Context(), at.Words, f, s.Time()); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	s.Send(w, r, http.StatusOK, listPage, v)
}

// rows are what all sources say of a kind, each thing once: what lasts, and what is over.
func (s *Site) rows(at seat.Seat, f *facts, kind reconcile.Kind, of string) (now, past []item) {
	t := at.Words.T
	by := map[string]entry.Entry{}
	var resources []*fhir.Resource
	for _, e := range f.of[of] {
		by[e.Kind+"/"+e.ID] = e
		resources = append(resources, e.V.Resource())
	}
	element := "code"
	if kind == reconcile.Medicines {
		element = "medicationCodeableConcept"
	}
	for _, row := range reconcile.List(kind, resources) {
		first := by[row.Sources[0].Ref]
		i := s.itemOf(at, f, first, first.V.Get(element))
		if kind == reconcile.Medicines {
			i.Title, i.Term, i.TitleLang = row.Name, "", recorded(at)
		}
		i.Detail, i.DetailLang = row.Sources[0].Detail, recorded(at)
		if latest := on(at.Words, row.Sources[0].Latest.String()); row.Sources[0].Latest.Year != 0 && latest != "" {
			i.Also = append(i.Also, t("Given out last on %s", latest))
		}
		if row.Sources[0].Ended.Year != 0 {
			i.Also = append(i.Also, t("until %s", on(at.Words, row.Sources[0].Ended.String())))
		}
		said := map[string]bool{first.Source(): true}
		for _, source := range row.Sources[1:] {
			e := by[source.Ref]
			if !said[e.Source()] {
				said[e.Source()] = true
				i.Also = append(i.Also, t("Also from %s, %s", e.Source(), on(at.Words, e.When())))
			}
		}
		if row.Conflict != "" {
			i.Conflict = s.named(row.Conflict)
		}
		if row.Active {
			now = append(now, i)
		} else {
			past = append(past, i)
		}
	}
	return now, past
}

// named puts what people call a feed in the place of its name.
func (s *Site) named(text string) string {
	for name, title := range s.titles() {
		text = strings.ReplaceAll(text, name+":", title+":")
	}
	return text
}
