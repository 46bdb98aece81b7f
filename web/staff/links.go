package staff

import (
	"cmp"
	_ "embed"
	"net/http"
	"slices"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
)

//go:embed links.html
var linksHTML string

var linksTemplate = page(linksHTML)

// linksView is which records are joined as one person, by whose word, and how to take one out.
type linksView struct {
	Frame   kit.Frame
	Banner  *banner
	Said    string
	Errors  []field
	Records []recordRow
	Which   field // the record to take out
	Reason  field
	Links   []linkRow
}

// linkRow is what has been said of two records.
type linkRow struct {
	Address, A, B, State string
	History              []saidRow
}

func (s *Site) linksPage(w http.ResponseWriter, r *http.Request) {
	view := linksView{}
	if r.URL.Query().Get("did") == "apart" {
		view.Said = "The record was taken out and stands alone again. The others are as they were before it was joined."
	}
	s.showLinks(w, r, view)
}

func (s *Site) showLinks(w http.ResponseWriter, r *http.Request, view linksView) {
	id := r.PathValue("id")
	if s.Linker == nil {
		s.missing(w, r, "Nobody is linked in this record.")
		return
	}
	if !fhir.ValidID(id) {
		s.missing(w, r, "There is no person at this address.")
		return
	}
	var err error
	if view.Banner, err = s.bannerFor(r, id, "links"); err != nil {
		s.fail(w, r, err)
		return
	}
	view.Frame, view.Which.ID, view.Reason.ID = s.frame(view.Banner.Name+": joined records"), "which", "reason"
	status := http.StatusOK
	if view.Errors != nil {
		status, view.Frame.Title = http.StatusBadRequest, "Error: "+view.Frame.Title
	}
	if view.Records, err = s.records(r, id); err != nil {
		s.fail(w, r, err)
		return
	}
	if view.Links, err = s.linkRows(r, view.Records); err != nil {
		s.fail(w, r, err)
		return
	}
	s.Send(w, r, status, linksTemplate, view)
}

// linkRows are all links of the records that are joined, also those that were taken back.
func (s *Site) linkRows(r *http.Request, records []recordRow) ([]linkRow, error) {
	name := map[string]string{}
	for _, p := range records {
		name[p.ID] = p.Source
	}
	seen := map[string]bool{}
	var out []linkRow
	for _, p := range records {
		links, err := s.Linker.Links(r.Context(), s.who(r), p.ID)
		if err != nil {
			return nil, err
		}
		for i := range links {
			l := &links[i]
			if seen[l.ID()] {
				continue
			}
			seen[l.ID()] = true
			row := linkRow{Address: "/matches/" + l.ID(), A: cmp.Or(name[l.A], "another record ("+l.A+")"), B: cmp.Or(name[l.B], "another record ("+l.B+")"), State: "Apart", History: history(l)}
			switch {
			case l.Doubt != nil:
				row.State = "Open question"
			case l.Linked:
				row.State = "Joined"
			}
			out = append(out, row)
		}
	}
	slices.SortStableFunc(out, func(a, b linkRow) int {
		return cmp.Or(strings.Compare(b.State, a.State), strings.Compare(a.A+a.B, b.A+b.B))
	})
	return out, nil
}

// unlink takes one of the person's records out.
func (s *Site) unlink(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if s.Linker == nil || !fhir.ValidID(id) {
		s.missing(w, r, "There is no person at this address.")
		return
	}
	view := linksView{Which: field{ID: "which", Value: r.PostFormValue("which")}, Reason: field{ID: "reason", Value: strings.TrimSpace(r.PostFormValue("reason"))}}
	joined, err := s.Door.Person(r.Context(), id)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if !slices.Contains(joined, view.Which.Value) {
		view.wrong(&view.Which, "Choose the record that is somebody else’s")
	}
	if view.Reason.Value == "" || len(view.Reason.Value) > 500 {
		view.wrong(&view.Reason, "Write in a sentence how you know")
	}
	if view.Errors == nil {
		switch err := s.Linker.Unlink(r.Context(), s.who(r), view.Which.Value, view.Reason.Value); {
		case err == nil:
			kit.See(w, r, "/person/"+id+"/links?did=apart")
			return
		case fhir.KindOf(err) == fhir.Conflict || fhir.KindOf(err) == fhir.NotFound:
			view.wrong(&view.Which, sentence(err.Error()))
		default:
			s.fail(w, r, err)
			return
		}
	}
	s.showLinks(w, r, view)
}

func (v *linksView) wrong(f *field, message string) {
	f.Error = message
	v.Errors = append(v.Errors, *f)
}
