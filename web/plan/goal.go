package plan

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/kith-care/kith/care/plan"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

// goalRow is a goal as pages show it.
type goalRow struct {
	*plan.Goal
	Now   *plan.Week
	Weeks int
}

func rowOf(g *plan.Goal) goalRow {
	row := goalRow{Goal: g, Now: g.WeekOf()}
	if g.Programme != nil {
		row.Weeks = len(g.Programme.Weeks)
	}
	return row
}

// sure asks how sure somebody is, on a scale of our own.
func sure(l *words.Lang, chosen string) []choice {
	pairs := []string{"0", l.T("0, not sure at all")}
	for n := 1; n < 10; n++ {
		pairs = append(pairs, strconv.Itoa(n), strconv.Itoa(n))
	}
	return choices("sure", chosen, append(pairs, "10", l.T("10, quite sure"), "-1", l.T("I do not know"))...)
}

// sureOf reads an answer to it.
func sureOf(typed string) (int, bool) {
	n, err := strconv.Atoi(typed)
	return n, err == nil && n >= -1 && n <= 10
}

// begin asks what somebody wants, for one small step unless a programme has it, and how sure they are; then the goal is made. What was answered goes along in
// the form, so that nothing is kept of a goal that is not made.
func (s *Site) begin(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	if !s.parsed(w, r, at) {
		return
	}
	t := at.Words.T
	name := r.Form.Get("programme")
	p := s.Book.Programme(name)
	if p == nil {
		name = ""
	}
	said, step := strings.TrimSpace(r.PostFormValue("words")), strings.TrimSpace(r.PostFormValue("step"))
	asked := r.PostFormValue("asked")
	q := question{Action: "/plan/goal/new", Hidden: []hidden{{"programme", name}}}
	first := func(wrong string) question {
		q := q
		q.Head, q.Hint, q.Field = t("What do you want to be able to do?"), t("In your own words. For example: walk to the shop, sleep through the night."), kit.Field{ID: "words", Value: said, Error: wrong}
		q.Hidden = append(q.Hidden, hidden{"asked", "words"})
		if p != nil {
			q.Lead = t(p.Title)
		}
		return q
	}
	second := func(wrong string) question {
		q := q
		q.Head, q.Hint, q.Field = t("What is one small step this week?"), t("Something you can do, and how often. For example: walk to the gate every morning."), kit.Field{ID: "step", Value: step, Error: wrong}
		q.Hidden = append(q.Hidden, hidden{"asked", "step"}, hidden{"words", said})
		q.Lead = said
		return q
	}
	third := func(wrong string) question {
		q := q
		q.Head, q.Hint, q.Field, q.Choices = t("How sure are you that you can do this?"), t("0 is not sure at all, 10 is quite sure."), kit.Field{ID: "sure", Error: wrong}, sure(at.Words, "")
		q.Hidden = append(q.Hidden, hidden{"asked", "sure"}, hidden{"words", said}, hidden{"step", step})
		if q.Lead = step; p != nil {
			q.Lead = t(p.Weeks[0].Title)
		}
		q.Button = t("Begin")
		return q
	}
	n, known := sureOf(r.PostFormValue("sure"))
	switch {
	case r.Method == http.MethodGet:
		s.ask(w, r, at, first(""), "/plan", http.StatusOK)
	case said == "":
		s.ask(w, r, at, first(t("Write what you want to be able to do")), "/plan", http.StatusBadRequest)
	case len([]rune(said)) > mostWords:
		s.ask(w, r, at, first(t("Write no more than 2,000 letters")), "/plan", http.StatusBadRequest)
	case asked == "words" && p == nil:
		s.ask(w, r, at, second(""), "/plan", http.StatusOK)
	case step == "" && p == nil:
		s.ask(w, r, at, second(t("Write one small step")), "/plan", http.StatusBadRequest)
	case len([]rune(step)) > mostWords:
		s.ask(w, r, at, second(t("Write no more than 2,000 letters")), "/plan", http.StatusBadRequest)
	case asked != "sure":
		s.ask(w, r, at, third(""), "/plan", http.StatusOK)
	case !known:
		s.ask(w, r, at, third(t("Choose how sure you are")), "/plan", http.StatusBadRequest)
	default:
		id, err := s.Plan.Begin(r.Context(), at.Who, at.Patient, plan.NewGoal{Words: said, Step: step, Programme: name, Confidence: n})
		if err != nil {
			s.Fail(w, r, at, err)
			return
		}
		kit.See(w, r, at.Base+"/plan/goal/"+url.PathEscape(id)+"?did=begun")
	}
}

// goalView is a goal, what to do now, and how it went.
type goalView struct {
	Frame      kit.Frame
	Base, Name string
	Row        goalRow
	Did        string
	Moved      string
	Staff      bool
	Checks     []checkRow
}

type checkRow struct {
	plan.Check
	Went, FeltText string
}

// wentText is how it went, in words.
func wentText(l *words.Lang, o plan.Outcome) string {
	switch o {
	case plan.Done:
		return l.T("I did it")
	case plan.Partly:
		return l.T("I did some of it")
	case plan.Not:
		return l.T("I did not do it")
	}
	return ""
}

func feltText(l *words.Lang, f plan.Felt) string {
	switch f {
	case plan.TooHard:
		return l.T("Too hard")
	case plan.JustRight:
		return l.T("Just right")
	case plan.TooEasy:
		return l.T("Too easy")
	}
	return ""
}

func movedText(l *words.Lang, m plan.Move) string {
	switch m {
	case plan.On:
		return l.T("You go on to the next step of the programme.")
	case plan.Back:
		return l.T("You go back to an easier step. That is fine: go on from there when you are ready.")
	}
	return l.T("You stay on this step. There is no hurry.")
}

func (s *Site) goal(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	g, err := s.Plan.Goal(r.Context(), at.Who, at.Patient, r.PathValue("id"))
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := goalView{Frame: s.Frame(at, g.Words, "/plan"), Base: at.Base, Name: at.Name, Row: rowOf(g), Staff: at.Staff}
	switch r.URL.Query().Get("did") {
	case "begun":
		v.Did = at.Words.T("You have begun")
	case "checked":
		if v.Did = at.Words.T("Thank you for checking in"); g.Programme != nil && len(g.Checks) > 0 {
			v.Moved = movedText(at.Words, g.Checks[0].Move)
		}
	case "saved":
		v.Did = at.Words.T("Saved")
	}
	for _, c := range g.Checks {
		v.Checks = append(v.Checks, checkRow{c, wentText(at.Words, c.Outcome), feltText(at.Words, c.Felt)})
	}
	s.Send(w, r, http.StatusOK, goalPage, v)
}

// check asks how it went, how hard it was where a programme can change, and how sure somebody is now.
func (s *Site) check(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	if !s.parsed(w, r, at) {
		return
	}
	t, id := at.Words.T, r.PathValue("id")
	g, err := s.Plan.Goal(r.Context(), at.Who, at.Patient, id)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	if !g.Ended.IsZero() {
		s.Say(w, r, at, http.StatusConflict, t("This goal has come to its end"), t("You can begin another one."))
		return
	}
	back := "/plan/goal/" + url.PathEscape(id)
	version := r.PostFormValue("version")
	if r.Method == http.MethodGet {
		version = strconv.FormatInt(g.Version, 10)
	}
	went, felt, said, asked := r.PostFormValue("went"), r.PostFormValue("felt"), strings.TrimSpace(r.PostFormValue("more")), r.PostFormValue("asked")
	q := question{Action: back + "/check", Hidden: []hidden{{"version", version}}, Lead: g.Step}
	if week := g.WeekOf(); week != nil {
		q.Lead = t(week.Title)
	}
	first := func(wrong string) question {
		q := q
		q.Head, q.Field = t("How did it go?"), kit.Field{ID: "went", Error: wrong}
		q.Choices = choices("went", went, "done", wentText(at.Words, plan.Done), "partly", wentText(at.Words, plan.Partly), "not", wentText(at.Words, plan.Not))
		q.More, q.MoreValue = t("Do you want to say more? You can leave this empty."), said
		q.Hidden = append(q.Hidden, hidden{"asked", "went"})
		return q
	}
	second := func(wrong string) question {
		q := q
		q.Head, q.Field = t("How hard was it?"), kit.Field{ID: "felt", Error: wrong}
		q.Choices = choices("felt", felt, "too-hard", feltText(at.Words, plan.TooHard), "just-right", feltText(at.Words, plan.JustRight), "too-easy", feltText(at.Words, plan.TooEasy), "unknown", t("I do not know"))
		q.Hidden = append(q.Hidden, hidden{"asked", "felt"}, hidden{"went", went}, hidden{"more", said})
		return q
	}
	third := func(wrong string) question {
		q := q
		q.Head, q.Hint, q.Field, q.Choices = t("How sure are you that you can do the next step?"), t("0 is not sure at all, 10 is quite sure."), kit.Field{ID: "sure", Error: wrong}, sure(at.Words, "")
		q.Hidden = append(q.Hidden, hidden{"asked", "sure"}, hidden{"went", went}, hidden{"felt", felt}, hidden{"more", said})
		q.Button = t("Send")
		return q
	}
	n, known := sureOf(r.PostFormValue("sure"))
	outcome := plan.Outcome(went)
	switch {
	case r.Method == http.MethodGet:
		s.ask(w, r, at, first(""), back, http.StatusOK)
	case outcome != plan.Done && outcome != plan.Partly && outcome != plan.Not:
		s.ask(w, r, at, first(t("Choose how it went")), back, http.StatusBadRequest)
	case len([]rune(said)) > mostWords:
		s.ask(w, r, at, first(t("Write no more than 2,000 letters")), back, http.StatusBadRequest)
	case asked == "went" && g.Programme != nil:
		s.ask(w, r, at, second(""), back, http.StatusOK)
	case asked == "felt" && felt == "":
		s.ask(w, r, at, second(t("Choose how hard it was")), back, http.StatusBadRequest)
	case asked != "sure":
		s.ask(w, r, at, third(""), back, http.StatusOK)
	case !known:
		s.ask(w, r, at, third(t("Choose how sure you are")), back, http.StatusBadRequest)
	default:
		if felt == "unknown" {
			felt = ""
		}
		read, _ := strconv.ParseInt(version, 10, 64) // what is no number was never a version
		_, err := s.Plan.CheckIn(r.Context(), at.Who, at.Patient, id, read, plan.Check{Outcome: outcome, Felt: plan.Felt(felt), Confidence: n, Words: said})
		s.went(w, r, at, id, "checked", err)
	}
}

// went leads back to a goal after a change, or says why there was none.
func (s *Site) went(w http.ResponseWriter, r *http.Request, at seat.Seat, id, did string, err error) {
	switch {
	case errors.Is(err, plan.ErrChanged):
		s.Say(w, r, at, http.StatusConflict, at.Words.T("This has changed in the meantime"), at.Words.T("Somebody has checked in or changed this goal since you looked, or you sent it twice. Go back and look at it again."))
	case err != nil:
		s.Fail(w, r, at, err)
	default:
		kit.See(w, r, at.Base+"/plan/goal/"+url.PathEscape(id)+"?did="+did)
	}
}

// step asks for another small step.
func (s *Site) step(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	if !s.parsed(w, r, at) {
		return
	}
	t, id := at.Words.T, r.PathValue("id")
	g, err := s.Plan.Goal(r.Context(), at.Who, at.Patient, id)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	back := "/plan/goal/" + url.PathEscape(id)
	q := question{Action: back + "/step", Lead: g.Words, Head: t("What is one small step this week?"), Hint: t("Make it so small that you are quite sure you can do it."), Field: kit.Field{ID: "step", Value: g.Step}, Button: t("Save"), Hidden: []hidden{{"version", strconv.FormatInt(g.Version, 10)}}}
	if r.Method == http.MethodGet {
		s.ask(w, r, at, q, back, http.StatusOK)
		return
	}
	q.Field.Value, q.Hidden[0].Value = strings.TrimSpace(r.PostFormValue("step")), r.PostFormValue("version")
	switch n := len([]rune(q.Field.Value)); {
	case n == 0:
		q.Field.Error = t("Write one small step")
	case n > mostWords:
		q.Field.Error = t("Write no more than 2,000 letters")
	}
	if q.Field.Error != "" {
		s.ask(w, r, at, q, back, http.StatusBadRequest)
		return
	}
	s.went(w, r, at, id, "saved", s.Plan.ChangeStep(r.Context(), at.Who, at.Patient, id, versionOf(r), q.Field.Value))
}

// versionOf is the version that a form was made from; -1, which none has, where it says none.
func versionOf(r *http.Request) int64 {
	n, err := strconv.ParseInt(r.PostFormValue("version"), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

func (s *Site) end(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	if s.parsed(w, r, at) {
		id := r.PathValue("id")
		s.went(w, r, at, id, "saved", s.Plan.End(r.Context(), at.Who, at.Patient, id, versionOf(r), r.PostFormValue("reached") == "yes"))
	}
}

func (s *Site) coach(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	if s.parsed(w, r, at) {
		id := r.PathValue("id")
		s.went(w, r, at, id, "saved", s.Plan.BeCoach(r.Context(), at.Who, at.Patient, id, versionOf(r)))
	}
}

// programmesView are the programmes one can begin.
type programmesView struct {
	Frame             kit.Frame
	Base, Name        string
	Exercise, Reading []*plan.Programme
}

func (s *Site) programmes(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	v := programmesView{Frame: s.Frame(at, at.Words.T("Programmes"), "/plan"), Base: at.Base, Name: at.Name}
	for _, p := range s.Book.Programmes {
		if p.Kind == "exercise" {
			v.Exercise = append(v.Exercise, p)
		} else {
			v.Reading = append(v.Reading, p)
		}
	}
	s.Send(w, r, http.StatusOK, programmesPage, v)
}

type programmeView struct {
	Frame      kit.Frame
	Base, Name string
	*plan.Programme
	Until string // day by which it is reviewed again
	Past  bool   // that day has passed
}

func (s *Site) programme(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	p := s.Book.Programme(r.PathValue("name"))
	if p == nil {
		s.Say(w, r, at, http.StatusNotFound, at.Words.T("Not found"), at.Words.T("There is no page at this address."))
		return
	}
	v := programmeView{Frame: s.Frame(at, at.Words.T(p.Title), "/plan/programmes"), Base: at.Base, Name: at.Name, Programme: p}
	if by, ok := kit.Moment(p.ReviewBy); ok {
		v.Until, v.Past = day(at.Words, by), s.Time().After(by)
	}
	s.Send(w, r, http.StatusOK, programmePage, v)
}
