package record

import (
	_ "embed"
	"net/http"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/entry"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

//go:embed plans.html
var plansHTML string

var plansPage = page(plansHTML)

// plansView is what plans say.
type plansView struct {
	head
	Plans []plan
	Goals []item
	Heard []heard
}

// plan is one plan: what it is for and what it says is to be done.
type plan struct {
	item
	About string
	Steps []string
	Over  bool
}

func (s *Site) plans(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	f, err := s.read(r.Context(), at, "CarePlan", "Goal")
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := plansView{head: s.head(at, at.Words.T("Care plans"), "/plans")}
	v.Plans = s.plansOf(at, f)
	for _, e := range entry.NewestFirst(f.of["Goal"]) {
		i := s.itemOf(at, f, e, e.V.Get("description"))
		if start := on(at.Words, e.At("startDate")); start != "" {
			i.On = start
		}
		v.Goals = append(v.Goals, i)
	}
	if v.Heard, err = s.heardOf(r.Context(), at.Words, f, s.Time()); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	s.Send(w, r, http.StatusOK, plansPage, v)
}

// plansOf are the plans of a record, those that last first.
func (s *Site) plansOf(at seat.Seat, f *facts) []plan {
	var now, over []plan
	for _, e := range entry.NewestFirst(f.of["CarePlan"]) {
		i, ok := s.line(at, f, e)
		if !ok || e.At("status") == "entered-in-error" {
			continue
		}
		i.Kind = ""
		p := plan{item: i, About: e.At("description"), Over: e.At("status") == "completed" || e.At("status") == "revoked"}
		if end := on(at.Words, e.At("period.end")); end != "" {
			p.Detail = at.Words.T("until %s", end)
		}
		for a := range e.V.Get("activity").Items() {
			d := a.Get("detail")
			step := kit.Words(d.Get("code"))
			if what := d.Get("description").Text(); what != "" {
				if step != "" {
					step += ": "
				}
				step += what
			}
			if step != "" {
				p.Steps = append(p.Steps, step)
			}
		}
		for n := range e.V.Get("note").Items() {
			p.Steps = append(p.Steps, n.Get("text").Text())
		}
		if p.Over {
			over = append(over, p)
		} else {
			now = append(now, p)
		}
	}
	return append(now, over...)
}

//go:embed social.html
var socialHTML string

var socialPage = page(socialHTML)

// socialView is social care: what the council arranges and asked, and who came.
type socialView struct {
	head
	Services    []plan
	Assessments []asked
	About       []row
	Visits      []visit
	Heard       []heard
}

// asked is an assessment with its answers.
type asked struct {
	On, Source string
	Rows       []row
}

type row struct{ Label, Value string }

// visit is one visit of a care worker: when it was to be and when it was, and what was done.
type visit struct {
	Day, Planned, Came string
	Late               bool
	Done               string
	Medicines          int
}

const mostVisits = 21

func (s *Site) social(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	f, err := s.read(r.Context(), at, "CarePlan", "QuestionnaireResponse", "Encounter", "Observation", "MedicationAdministration")
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := socialView{head: s.head(at, at.Words.T("Social care"), "/social-care")}
	for _, p := range s.plansOf(at, f) {
		if !strings.HasPrefix(p.ID, "CarePlan-monitor") && p.Meaning != nil && strings.Contains(p.Meaning.key, "council") {
			v.Services = append(v.Services, p)
		}
	}
	for _, e := range entry.NewestFirst(f.of["QuestionnaireResponse"]) {
		a := asked{On: on(at.Words, e.At("authored")), Source: sourceIn(at, e)}
		for one := range e.V.Get("item").Items() {
			a.Rows = append(a.Rows, row{one.Get("text").Text(), answer(one)})
		}
		v.Assessments = append(v.Assessments, a)
	}
	done := map[string]string{}
	for _, e := range entry.NewestFirst(f.of["Observation"]) {
		if !cared(e) {
			continue
		}
		var what []string
		for c := range e.V.Get("component").Items() {
			if value := answerOf(c); value == "Yes" || value == "" {
				what = append(what, kit.Words(c.Get("code")))
			} else if e.At("encounter.reference") == "" && len(v.About) < 20 {
				v.About = append(v.About, row{kit.Words(c.Get("code")), value})
			}
		}
		if visit := e.At("encounter.reference"); visit != "" {
			done[visit] = strings.Join(what, ", ")
		}
	}
	medicines := map[string]int{}
	for _, e := range f.of["MedicationAdministration"] {
		if e.At("status") == "completed" {
			medicines[e.At("context.reference")]++
		}
	}
	for _, e := range entry.NewestFirst(f.of["Encounter"]) {
		if e.At("class.code") == "HH" && len(v.Visits) < mostVisits {
			v.Visits = append(v.Visits, visitOf(at, e, done["Encounter/"+e.ID], medicines["Encounter/"+e.ID]))
		}
	}
	if v.Heard, err = s.heardOf(r.Context(), at.Words, f, s.Time()); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	s.Send(w, r, http.StatusOK, socialPage, v)
}

// late is from when on a visit counts as late.
const late = 15 * time.Minute

func visitOf(at seat.Seat, e entry.Entry, done string, medicines int) visit {
	v := visit{Day: on(at.Words, e.At("period.start")), Done: done, Medicines: medicines}
	came, ok := kit.Moment(e.At("period.start"))
	if ok {
		v.Came = at.Words.Clock(came)
	}
	for x := range e.V.Get("extension").Items() {
		if !strings.HasSuffix(x.Get("url").Text(), "Encounter.plannedStartDate") {
			continue
		}
		if planned, is := kit.Moment(x.Get("valueDateTime").Text()); is {
			v.Planned = at.Words.Clock(planned)
			v.Late = ok && came.Sub(planned) > late
			if v.Day == "" {
				v.Day = at.Words.Date(planned)
			}
		}
	}
	return v
}

// answer is what was answered to an item of a questionnaire.
func answer(item fhir.Value) string {
	var out []string
	for a := range item.Get("answer").Items() {
		if text := answerOf(a); text != "" {
			out = append(out, text)
		}
	}
	return strings.Join(out, ", ")
}

// answerOf is a value in words, whatever kind of value it is.
func answerOf(v fhir.Value) string {
	for _, name := range []string{"valueString", "valueDate", "valueInteger", "valueDecimal"} {
		if text := v.Get(name).Text(); text != "" {
			return text
		}
	}
	switch {
	case v.Get("valueBoolean").Exists():
		return map[bool]string{true: "Yes", false: "No"}[v.Get("valueBoolean").Bool()]
	case v.Get("valueCodeableConcept").Exists():
		return kit.Words(v.Get("valueCodeableConcept"))
	case v.Get("valueCoding").Exists():
		return v.Get("valueCoding").Get("display").Text()
	case v.Get("valueQuantity").Exists():
		return kit.Quantity(v.Get("valueQuantity"))
	}
	return ""
}
