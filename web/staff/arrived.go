package staff

import (
	"cmp"
	_ "embed"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/entry"
	"github.com/kith-care/kith/web/kit"
)

//go:embed arrived.html
var arrivedHTML string

var arrivedPage = page(arrivedHTML)

// arrivedView says what has come of a person, by which feed, and when.
type arrivedView struct {
	Frame   kit.Frame
	Banner  *banner
	Partial string
	Records []recordRow
	Arrived []arrivedRow
}

// recordRow is one source's Patient of the person.
type recordRow struct {
	ID, Name, Born, Number, Address, Source, Trace, Updated string
	Current                                                 bool // the one whose page this is
}

// arrivedRow is what one feed has sent of one kind.
type arrivedRow struct {
	Kind, Source  string
	Count         string
	Span          string // from when until when it is about
	Newest        string // when the newest of it came into the record
	Entries       []line // the newest few
	More          int
	first, last   string
	updated       time.Time
	facts         []fact
	order         int
	withoutSource bool
}

// kindsArrived are the types of resource that the page counts.
var kindsArrived = append(slices.Clone(shown), "Appointment", "ServiceRequest", "EpisodeOfCare", "RelatedPerson", "FamilyMemberHistory", "MedicationAdministration", "Flag", "Specimen", "CarePlan", "QuestionnaireResponse")

// entriesShown is how many entries of a kind and feed the page names.
const entriesShown = 10

func (s *Site) arrived(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if !fhir.ValidID(id) {
		s.missing(w, r, "There is no person at this address.")
		return
	}
	b, err := s.bannerFor(r, id, "arrived")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	view := arrivedView{Frame: s.frame(b.Name + ": what arrived"), Banner: b}
	if view.Records, err = s.records(r, id); err != nil {
		s.fail(w, r, err)
		return
	}
	facts, partial, err := s.facts(r.Context(), s.who(r), id, kindsArrived...)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	view.Partial, view.Arrived = partial, arrivals(facts)
	s.Send(w, r, http.StatusOK, arrivedPage, view)
}

// records are all Patients of a person, as each source has them. Those that may not be read, or are no more, are left out.
func (s *Site) records(r *http.Request, id string) ([]recordRow, error) {
	ids, err := s.Door.Person(r.Context(), id)
	if err != nil {
		return nil, err
	}
	titles := s.titles()
	var out []recordRow
	for _, one := range ids {
		stored, err := s.Door.Get(r.Context(), s.who(r), "Patient", one)
		if k := fhir.KindOf(err); err != nil && (k == fhir.Gone || k == fhir.NotFound || k == fhir.Forbidden) {
			continue
		}
		if err != nil {
			return nil, err
		}
		f, err := entry.Of(stored)
		if err != nil {
			return nil, err
		}
		p := rowOf(f.V.Resource(), s.Time())
		out = append(out, recordRow{ID: one, Name: p.Name, Born: p.Born, Number: p.Number, Address: p.Address, Source: cmp.Or(titles[f.Feed], f.Feed, f.At("meta.source"), "written directly"), Trace: f.Trace(),
			Updated: clock(stored.Updated), Current: one == id})
	}
	slices.SortFunc(out, func(a, b recordRow) int {
		return cmp.Or(strings.Compare(a.Source, b.Source), strings.Compare(a.ID, b.ID))
	})
	return out, nil
}

// arrivals counts facts by kind and feed, in the order of kinds.
func arrivals(facts map[string][]fact) []arrivedRow {
	var out []arrivedRow
	for order, kind := range kindsArrived {
		at := map[string]int{}
		for _, f := range entry.NewestFirst(facts[kind]) {
			i, ok := at[f.Feed]
			if !ok {
				i = len(out)
				at[f.Feed] = i
				out = append(out, arrivedRow{Kind: cmp.Or(kindsOfEntries[kind], kind), Source: cmp.Or(f.From, "written directly"), order: order, withoutSource: f.Feed == ""})
			}
			row := &out[i]
			row.facts = append(row.facts, f)
			if f.Updated.After(row.updated) {
				row.updated = f.Updated
			}
			if when := f.When(); when != "" {
				row.first = when
				row.last = cmp.Or(row.last, when)
			}
		}
	}
	for i := range out {
		row := &out[i]
		row.Count, row.Newest = count(len(row.facts)), clock(row.updated)
		switch first, last := kit.Date(row.first), kit.Date(row.last); {
		case first == last:
			row.Span = cmp.Or(first, "date "+kit.NotKnown)
		default:
			row.Span = first + " – " + last
		}
		for _, f := range row.facts[:min(len(row.facts), entriesShown)] {
			row.Entries = append(row.Entries, entryOf(f))
		}
		row.More = len(row.facts) - len(row.Entries)
	}
	slices.SortStableFunc(out, func(a, b arrivedRow) int {
		return cmp.Or(a.order-b.order, cmp.Compare(boolean(a.withoutSource), boolean(b.withoutSource)), strings.Compare(a.Source, b.Source))
	})
	return out
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}
