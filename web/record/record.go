// Package record is the pages of one's own health record, explained: one timeline over everybody who cares for somebody, lists of what they say, results with their
// meaning, letters, vaccinations, plans and social care; and what one takes away of it.
//
// Each entry says in plain words what it is (care/explain), who said so and when, and leads to saying that it is wrong. What is not to be seen yet is not there
// (care/release); staff see it, and see the record as its patient does, before they release it. The pages are the same for oneself, for somebody trusted and for
// staff on somebody's behalf (web/seat).
package record

import (
	"context"
	_ "embed"
	"net/http"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/carry"
	"github.com/kith-care/kith/care/explain"
	"github.com/kith-care/kith/care/release"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/entry"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

// Site serves the pages. All fields but Desk and those of Host must be set.
type Site struct {
	seat.Places
	Glossary *explain.Glossary
	Release  *release.Service
	Carry    *carry.Service
	Desk     *intake.Desk // what feeds are called and when they were heard last; nil for a record without feeds
}

// Paths are the addresses below a place that Handler serves.
func Paths() []string { return []string{"/record", "/record/", "/as-patient", "/as-patient/"} }

// Handler serves the pages at all places from which they are used.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, show := range map[string]func(http.ResponseWriter, *http.Request, seat.Seat){
		"/record": s.timeline, "/record/problems": s.list, "/record/medicines": s.list, "/record/allergies": s.list, "/record/results": s.results, "/record/results/test": s.result,
		"/record/letters": s.letters, "/record/letters/{id}": s.letter, "/record/vaccinations": s.vaccinations, "/record/plans": s.plans, "/record/social-care": s.social,
		"/record/wrong": s.wrong, "/record/summary": s.summary, "/record/summary/document": s.document, "/record/links": s.links, "/record/certificate": s.certificate, "/record/certificate/file": s.certificateFile,
	} {
		s.Page(mux, "GET", path, show)
	}
	s.Page(mux, "POST", "/record/wrong", s.wrong)
	s.Page(mux, "POST", "/record/links", s.links)
	s.Page(mux, "POST", "/record/links/{id}/end", s.end)
	s.Staff(mux, "GET", "/as-patient", s.preview)
	s.Staff(mux, "POST", "/as-patient/release", s.releaseOne)
	s.Staff(mux, "POST", "/as-patient/order", s.order)
	return s.Serve(mux, 64<<10)
}

//go:embed parts.html
var partsHTML string

// page is a page with the parts that these pages share.
func page(text string) *kit.Template { return kit.Page(partsHTML + text) }

// english is the same for staff alone.
func english(text string) *kit.Template { return kit.English(partsHTML + text) }

// types are what is read of a record.
var types = []string{"Condition", "AllergyIntolerance", "MedicationRequest", "MedicationStatement", "Observation", "Encounter", "Immunization", "Procedure", "DiagnosticReport", "DocumentReference",
	"ServiceRequest", "FamilyMemberHistory", "CarePlan", "Goal", "QuestionnaireResponse"}

// facts is what was read of a record.
type facts struct {
	of      map[string][]entry.Entry
	refused map[string]bool // types that whoever looks may not see
	more    bool            // there is more than was read
	held    map[string]release.Choice
}

// read reads types of a record from all its sources, as whoever sits there sees them. A result that is held is there for staff only. The error is Forbidden where
// none of the types may be seen.
func (s *Site) read(ctx context.Context, at seat.Seat, kinds ...string) (*facts, error) {
	f, err := s.readAs(ctx, at.Who, at.Patient, kinds...)
	if err != nil || at.Staff {
		if err == nil {
			f.held, err = s.Release.Held(ctx, at.Patient)
		}
		return f, err
	}
	for _, kind := range []string{"Observation", "DiagnosticReport"} {
		kept := f.of[kind][:0]
		for _, e := range f.of[kind] {
			hidden, err := s.Release.Hidden(ctx, e.V)
			if err != nil {
				return nil, err
			}
			if !hidden {
				kept = append(kept, e)
			}
		}
		f.of[kind] = kept
	}
	return f, nil
}

func (s *Site) readAs(ctx context.Context, who access.Actor, patient string, kinds ...string) (*facts, error) {
	f := &facts{of: map[string][]entry.Entry{}, refused: map[string]bool{}}
	titles := s.titles()
	var refusal error
	for _, kind := range kinds {
		entries, more, err := entry.Read(ctx, s.Door, who, patient, kind, titles)
		if fhir.KindOf(err) == fhir.Forbidden {
			f.refused[kind], refusal = true, err
			continue
		}
		if err != nil {
			return nil, err
		}
		f.of[kind], f.more = entries, f.more || more
	}
	if len(f.refused) == len(kinds) {
		return nil, refusal
	}
	return f, nil
}

func (s *Site) titles() map[string]string {
	titles := map[string]string{}
	if s.Desk != nil {
		for _, f := range s.Desk.Feeds() {
			titles[f.Name] = f.Title
		}
	}
	return titles
}

// meaning is what an entry means, in plain words.
type meaning struct {
	Name             string // in the reader's language
	What, Self, Help string // in English, as the glossary has it
	key              string // the name in English
	Link             string // of the page it was written from; "" until somebody has checked it
	Reviewer, Review string
	Open             bool
}

// meaningOf explains a term of an entry, nil where nothing does.
func (s *Site) meaningOf(at seat.Seat, e entry.Entry, concept fhir.Value) *meaning {
	x := s.Glossary.Of(e.Kind, concept)
	if x == nil {
		return nil
	}
	m := &meaning{Name: at.Words.T(x.Name), key: x.Name, What: x.What, Self: x.Self, Help: x.Help}
	if x.File.Reviewer != "none yet" {
		m.Link, m.Reviewer, m.Review = x.Link(), x.File.Reviewer, x.File.Review
	}
	return m
}

// item is one entry as a page shows it.
type item struct {
	ID           string // Type-id, an anchor
	Title, Term  string // in plain words, and as the record has it where that differs
	TitleLang    string // the language of Title where it is not the reader's
	DetailLang   string
	Kind, Detail string
	Flag         string
	On           string
	Source       string
	Also         []string // what others say of the same
	Conflict     string
	Held         string // of what is not shown to the patient yet, for staff
	Meaning      *meaning
	Wrong        string // where one says that it is wrong
	Letter       string // where it can be read

	moment int64
	show   string // what the timeline can be narrowed to
	feed   string
}

// itemOf begins an item of an entry: what it is called, when, who says so.
func (s *Site) itemOf(at seat.Seat, f *facts, e entry.Entry, concept fhir.Value) item {
	i := item{ID: e.Kind + "-" + e.ID, Term: kit.Words(concept), On: on(at.Words, e.When()), Source: sourceIn(at, e), Meaning: s.meaningOf(at, e, concept), feed: e.Feed, moment: -1 << 62}
	if rest, ok := strings.CutPrefix(i.Term, "code "); ok {
		i.Term = rest
	}
	if t, ok := kit.Moment(e.When()); ok {
		i.moment = t.Unix()
	}
	if i.On == "" {
		i.On = at.Words.T("date not known")
	}
	i.Title, i.TitleLang = i.Term, recorded(at)
	if i.Meaning != nil {
		i.Title = i.Meaning.Name
		if at.Words.Has(i.Meaning.key) {
			i.TitleLang = ""
		}
		if strings.EqualFold(i.Title, i.Term) {
			i.Term = ""
		}
	} else {
		i.Term = ""
	}
	i.Wrong = at.Base + "/record/wrong?about=" + e.Kind + "/" + e.ID
	if c, held := f.held[e.Kind+"/"+e.ID]; held || at.Staff && release.Labelled(e.V) {
		i.Held = "Not shown to the patient yet"
		if !c.By.IsZero() {
			i.Held += ", at the latest on " + at.Words.Date(c.By)
		}
	}
	return i
}

// recorded is the language of what sources wrote, where it is not the reader's. https://www.w3.org/TR/WCAG22/#language-of-parts
func recorded(at seat.Seat) string {
	if at.Words.Code == "en" {
		return ""
	}
	return "en-GB"
}

// sourceIn is who said so, or which system it came from.
func sourceIn(at seat.Seat, e entry.Entry) string {
	if source := e.Source(); source != entry.NoSource {
		return source
	}
	return at.Words.T("somebody not known")
}

// way is a link between these pages.
type way struct {
	To, Text string
	Current  bool
}

// ways are the pages of a record, of which one is being looked at.
func ways(at seat.Seat, current string) []way {
	t := at.Words.T
	list := []way{{"", t("Timeline"), false}, {"/problems", t("Health problems"), false}, {"/medicines", t("Medicines"), false}, {"/allergies", t("Allergies"), false}, {"/results", t("Test results"), false},
		{"/letters", t("Letters and documents"), false}, {"/vaccinations", t("Vaccinations"), false}, {"/plans", t("Care plans"), false}, {"/social-care", t("Social care"), false}, {"/summary", t("Take it with you"), false}}
	for i := range list {
		list[i].Current = list[i].To == current
		list[i].To = at.Base + "/record" + list[i].To
	}
	if at.Staff {
		list = append(list, way{at.Base + "/as-patient", "As the patient sees it", current == "as-patient"})
	}
	return list
}

// head is what stands above every page of a record.
type head struct {
	Frame kit.Frame
	Title string
	Name  string // whose record it is, where it is not the reader's
	Ways  []way
	Base  string
	Own   bool
	Staff bool
	More  bool // the record holds more than was read
}

func (s *Site) head(at seat.Seat, title, current string) head {
	h := head{Frame: s.Frame(at, title, ""), Title: title, Name: at.Name, Ways: ways(at, current), Base: at.Base, Own: at.Own(), Staff: at.Staff}
	if at.Staff {
		h.Frame.Back.To = at.Base + "/front"
	}
	return h
}
