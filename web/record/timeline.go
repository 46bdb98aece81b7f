package record

import (
	_ "embed"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/entry"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

//go:embed timeline.html
var timelineHTML string

var timelinePage = page(timelineHTML)

// timelineView is everything in one list, the newest first.
type timelineView struct {
	head
	Waiting      []time.Time // days by which results that are there will be talked about
	Kinds, From  []way
	Items        []item
	Total        int
	Newer, Older string
	Heard        []heard
}

const itemsAPage = 30

// timeline shows everything of a record. ?show= narrows it to a kind, ?from= to a source, ?page= goes back in time.
func (s *Site) timeline(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	f, err := s.read(r.Context(), at, types...)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := timelineView{head: s.head(at, at.Words.T("Health record"), "")}
	v.More = f.more
	if v.Waiting, err = s.Release.Waiting(r.Context(), at.Who, at.Patient); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	if v.Heard, err = s.heardOf(r.Context(), at.Words, f, s.Time()); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v.narrow(s.items(at, f), at, r.URL.Query(), s.titles())
	s.Send(w, r, http.StatusOK, timelinePage, v)
}

// items are all entries of a record, the newest first. The numbers of one sample are one item.
func (s *Site) items(at seat.Seat, f *facts) []item {
	var out []item
	for _, kind := range types {
		for _, e := range f.of[kind] {
			if i, ok := s.line(at, f, e); ok {
				if i.Flag == "" && i.moment > s.Time().Unix() {
					i.Flag = at.Words.T("Planned")
				}
				out = append(out, i)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b item) int {
		switch {
		case a.moment != b.moment && a.moment > b.moment:
			return -1
		case a.moment != b.moment:
			return 1
		}
		return strings.Compare(a.Kind, b.Kind)
	})
	return out
}

// line is an entry as the timeline shows it; ok is false for what stands on another page only.
func (s *Site) line(at seat.Seat, f *facts, e entry.Entry) (item, bool) {
	t := at.Words.T
	of := func(show, kind string, concept fhir.Value) item {
		i := s.itemOf(at, f, e, concept)
		i.show, i.Kind = show, kind
		return i
	}
	var i item
	switch e.Kind {
	case "Encounter":
		concept := kit.FirstOf(e.V.Get("type"))
		if !concept.Exists() {
			concept = e.V.Get("serviceType")
		}
		i = of("visits", t("Visit"), concept)
		reason := kit.FirstOf(e.V.Get("reasonCode"))
		if x := s.Glossary.Of("Encounter", reason); x != nil {
			i.Detail = t(x.Name)
		} else {
			i.Detail, i.DetailLang = strings.TrimPrefix(kit.Words(reason), "code "), recorded(at)
		}
	case "Observation":
		if cared(e) {
			return i, false
		}
		i = of("results", t("Result"), e.V.Get("code"))
		if worded(e) {
			i.show, i.Kind = "notes", t("Note")
		} else {
			i.Detail, i.DetailLang = valueIn(at, e)
			i.Flag = flagIn(at, e)
		}
	case "Condition":
		i = of("problems", t("Health problem"), e.V.Get("code"))
		if until := on(at.Words, e.At("abatementDateTime")); until != "" {
			i.Detail = t("until %s", until)
		}
		if e.Has("verificationStatus", "refuted") {
			i.Flag = t("Ruled out")
		}
	case "MedicationRequest", "MedicationStatement":
		if e.BasedOn() != "" {
			return i, false // an issue of what stands there already
		}
		i = of("medicines", t("Medicine"), e.V.Get("medicationCodeableConcept"))
		i.Title, i.Term, i.Detail = entry.Medicine(e.V), "", entry.Dose(e.V)
		i.TitleLang, i.DetailLang = recorded(at), recorded(at)
	case "AllergyIntolerance":
		i = of("allergies", t("Allergy"), e.V.Get("code"))
		if e.Has("verificationStatus", "refuted") {
			i.Flag = t("Ruled out")
		}
	case "Immunization":
		i = of("vaccinations", t("Vaccination"), e.V.Get("vaccineCode"))
		if e.At("status") == "not-done" {
			i.Flag = t("Not given")
		}
	case "Procedure":
		i = of("procedures", t("Procedure"), e.V.Get("code"))
		if e.At("status") == "not-done" {
			i.Flag = t("Not done")
		}
	case "DiagnosticReport":
		i = of("results", t("Report"), e.V.Get("code"))
		i.Detail, i.DetailLang = e.At("conclusion"), recorded(at)
	case "DocumentReference":
		i = of("letters", t("Letter"), e.V.Get("type"))
		i.Letter = at.Base + "/record/letters/" + e.ID
	case "ServiceRequest":
		i = of("referrals", t("Referral or test asked for"), e.V.Get("code"))
	case "FamilyMemberHistory":
		i = of("notes", t("Family"), kit.FirstOf(e.V.Get("condition")).Get("code"))
	case "CarePlan":
		i = of("plans", t("Care plan"), kit.FirstOf(e.V.Get("category")))
		if title := e.At("title"); title != "" {
			i.Title, i.TitleLang = title, recorded(at)
		}
	default:
		return i, false
	}
	if i.Title == "" {
		i.Title, i.TitleLang = i.Kind, ""
	}
	return i, true
}

// shows are what a timeline can be narrowed to, with the text for each.
func shows(at seat.Seat) [][2]string {
	t := at.Words.T
	return [][2]string{{"visits", t("Visits")}, {"results", t("Test results")}, {"problems", t("Health problems")}, {"medicines", t("Medicines")}, {"allergies", t("Allergies")}, {"vaccinations", t("Vaccinations")},
		{"procedures", t("Procedures")}, {"letters", t("Letters and documents")}, {"referrals", t("Referrals and tests asked for")}, {"plans", t("Care plans")}, {"notes", t("Notes")}}
}

// narrow fills in the items that an address asks for, and the addresses of the others.
func (v *timelineView) narrow(items []item, at seat.Seat, query url.Values, titles map[string]string) {
	show, from := query.Get("show"), query.Get("from")
	address := func(show, from string, page int) string {
		q := url.Values{}
		if show != "" {
			q.Set("show", show)
		}
		if from != "" {
			q.Set("from", from)
		}
		if page > 1 {
			q.Set("page", strconv.Itoa(page))
		}
		if len(q) == 0 {
			return at.Base + "/record"
		}
		return at.Base + "/record?" + q.Encode()
	}
	kinds, feeds := map[string]bool{}, map[string]bool{}
	var wanted []item
	for _, i := range items {
		kinds[i.show], feeds[i.feed] = true, true
		if (show == "" || i.show == show) && (from == "" || i.feed == from) {
			wanted = append(wanted, i)
		}
	}
	v.Kinds = []way{{address("", from, 1), at.Words.T("Everything"), show == ""}}
	for _, k := range shows(at) {
		if kinds[k[0]] {
			v.Kinds = append(v.Kinds, way{address(k[0], from, 1), k[1], show == k[0]})
		}
	}
	v.From = []way{{address(show, "", 1), at.Words.T("Everyone"), from == ""}}
	for feed := range feeds {
		if feed != "" {
			name := titles[feed]
			if name == "" {
				name = feed
			}
			v.From = append(v.From, way{address(show, feed, 1), name, from == feed})
		}
	}
	slices.SortFunc(v.From[1:], func(a, b way) int { return strings.Compare(a.Text, b.Text) })
	page, _ := strconv.Atoi(query.Get("page"))
	page = min(max(page, 1), len(wanted)/itemsAPage+1)
	first := (page - 1) * itemsAPage
	last := min(first+itemsAPage, len(wanted))
	v.Items, v.Total = wanted[first:last], len(wanted)
	if page > 1 {
		v.Newer = address(show, from, page-1)
	}
	if last < len(wanted) {
		v.Older = address(show, from, page+1)
	}
}
