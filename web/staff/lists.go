package staff

import (
	"cmp"
	_ "embed"
	"net/http"
	"regexp"
	"strings"

	"github.com/kith-care/kith/connect/reconcile"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
)

//go:embed lists.html
var listsHTML string

var listsPage = page(listsHTML)

// listsView is what all sources say of a person's medicines, allergies and problems, in one list each.
type listsView struct {
	Frame   kit.Frame
	Banner  *banner
	Partial string
	Lists   []listOf
}

// listOf is one list.
type listOf struct {
	ID, Heading, Nothing string
	Count                int // of what lasts, statements that there is none left out
	Now, Past            []listRow
}

// listRow is one thing that one or more sources speak of.
type listRow struct {
	Name, Conflict string
	None, Over     bool   // it says that there is nothing of the kind; no source says that it lasts
	Who            string // the sources, with how many entries where one has several
	Said           string // of none: who says so, and since when
	Sources        []listSource
}

// listSource is what one source says of it.
type listSource struct {
	Source, Trace, Words, Status, Since, Until, Detail, Issued string
}

func (s *Site) lists(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if !fhir.ValidID(id) {
		s.missing(w, r, "There is no person at this address.")
		return
	}
	b, err := s.bannerFor(r, id, "lists")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	facts, partial, err := s.facts(r.Context(), s.who(r), id, "AllergyIntolerance", "MedicationRequest", "Condition")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	view := listsView{Frame: s.frame(b.Name + ": all sources"), Banner: b, Partial: partial}
	titles := s.titles()
	for _, l := range []struct {
		kind                 reconcile.Kind
		of, heading, nothing string
	}{
		{reconcile.Allergies, "AllergyIntolerance", "Allergies", "No source says anything of allergies: Not Known."},
		{reconcile.Medicines, "MedicationRequest", "Medicines", "No source names a medicine."},
		{reconcile.Problems, "Condition", "Problems", "No source names a problem."},
	} {
		var resources []*fhir.Resource
		traces := map[string]string{}
		for _, f := range facts[l.of] {
			resources = append(resources, f.V.Resource())
			traces[f.Kind+"/"+f.ID] = f.Trace()
		}
		if _, read := facts[l.of]; !read {
			l.nothing = "Not shown to you."
		}
		list := listOf{ID: string(l.kind), Heading: l.heading, Nothing: l.nothing}
		for _, row := range reconcile.List(l.kind, resources) {
			// An allergy is never put behind anything, whatever its sources say of it now.
			if out := listRowOf(row, titles, traces); out.Over && l.kind != reconcile.Allergies {
				list.Past = append(list.Past, out)
			} else {
				list.Now = append(list.Now, out)
				if !out.None {
					list.Count++
				}
			}
		}
		view.Lists = append(view.Lists, list)
	}
	s.Send(w, r, http.StatusOK, listsPage, view)
}

func listRowOf(row reconcile.Row, titles, traces map[string]string) listRow {
	out := listRow{Name: cmp.Or(row.Name, "without a name"), None: row.None, Over: !row.Active, Conflict: row.Conflict}
	from := map[string]int{}
	var order []string
	for _, src := range row.Sources {
		title := cmp.Or(titles[src.From], src.From)
		one := listSource{Source: title, Trace: traces[src.Ref], Words: cmp.Or(src.Words, "without a name"), Status: sentence(src.Status), Since: day(src.Date), Until: day(src.Ended), Detail: src.Detail}
		if src.Issues > 0 {
			one.Issued = count(src.Issues) + " times, last on " + day(src.Latest)
		}
		if from[src.From] == 0 {
			order = append(order, src.From)
			out.Conflict = strings.ReplaceAll(out.Conflict, src.From+": ", title+": ")
		}
		from[src.From]++
		if row.None && out.Said == "" {
			out.Said = "says " + title
			if one.Since != "" {
				out.Said += ", " + one.Since
			}
		}
		out.Sources = append(out.Sources, one)
	}
	for _, name := range order {
		who := cmp.Or(titles[name], name)
		if n := from[name]; n > 1 {
			who += " (" + count(n) + ")"
		}
		out.Who = strings.TrimPrefix(out.Who+"; "+who, "; ")
	}
	out.Conflict = isoDate.ReplaceAllStringFunc(out.Conflict, func(d string) string { return d[:1] + kit.Date(d[1:]) })
	return out
}

// day writes a date, "" where there is none.
func day(d fhir.DateTime) string {
	if d.Year == 0 {
		return ""
	}
	return kit.Date(d.String())
}

// isoDate is a date as FHIR writes it, with the space before it.
var isoDate = regexp.MustCompile(` \d{4}(-\d\d(-\d\d)?)?\b`)
