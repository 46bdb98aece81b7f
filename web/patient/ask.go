package patient

import (
	_ "embed"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/kith-care/kith/care/triage"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

//go:embed ask.html
var askHTML string

var askPage = kit.Page(askHTML)

// askView is one step of asking for help: in one's own words, what it is about, or a question.
type askView struct {
	Frame  kit.Frame
	Errors []kit.Field
	Base   string // of the addresses
	Other  bool   // it is about somebody else than who answers
	Staff  bool
	Step   string // text, about or question
	ID     string // of the interview
	Urgent string // what to do at once, where what was said so far is an emergency; "" nearly always
	Call   *call
	Text   kit.Field
	Way    kit.Field // of staff: telephone or desk

	Key      string // of the question, so that an answer is not taken for one to another
	Question string
	Screen   bool // it asks about dangers
	Boxes    bool // several answers can be given
	Answer   kit.Field
	Choices  []choice
}

type choice struct {
	ID, Value, Text string
	Or              bool // "or" stands before it
}

// Values of choices that are neither a finding's nor a band's number.
const yes, no, none, unsure = "yes", "no", "none", "unsure"

// mostText is how many characters somebody may write.
const mostText = 2000

// show sends a step; one with something wrong says so first.
func (s *Site) show(w http.ResponseWriter, r *http.Request, at seat.Seat, title string, v askView) {
	back := ""
	switch {
	case v.Step != "text":
		back = "/ask"
	case at.Staff:
		back = "/front"
	}
	v.Frame, v.Base, v.Other, v.Staff = s.Frame(at, title, back), at.Base+"/ask", !at.Own(), at.Staff
	status := http.StatusOK
	for _, f := range []kit.Field{v.Text, v.Way, v.Answer} {
		if f.Error != "" {
			status, v.Frame.Title = http.StatusBadRequest, at.Words.T("Error:")+" "+title
			v.Errors = append(v.Errors, f)
		}
	}
	s.Send(w, r, status, askPage, v)
}

// ways are how somebody can ask through staff.
var ways = map[string]triage.Channel{"telephone": triage.Telephone, "desk": triage.Desk}

// ask takes what somebody says in their own words.
func (s *Site) ask(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	t := at.Words.T
	_, tooLong := errors.AsType[*http.MaxBytesError](r.ParseForm())
	v := askView{Step: "text", Text: kit.Field{ID: "text", Value: strings.TrimSpace(r.PostFormValue("text"))}, Way: kit.Field{ID: "way", Value: r.PostFormValue("way")}}
	channel := triage.Web
	if at.Staff {
		channel = ways[v.Way.Value]
	}
	switch {
	case r.Method != http.MethodPost:
		s.show(w, r, at, t("Ask for help"), v)
		return
	case tooLong || len([]rune(v.Text.Value)) > mostText:
		v.Text.Error = t("Write no more than 2,000 letters")
	case v.Text.Value == "" && !at.Own():
		v.Text.Error = t("Write what they need help with")
	case v.Text.Value == "":
		v.Text.Error = t("Write what you need help with")
	}
	if channel == "" && !tooLong {
		v.Way.Error = t("Choose how they ask")
	}
	if v.Text.Error != "" || v.Way.Error != "" {
		s.show(w, r, at, t("Ask for help"), v)
		return
	}
	c, err := s.Triage.Start(r.Context(), at.Who, at.Patient, v.Text.Value, channel)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	to := at.Base + "/ask/" + c.ID
	if c.Outcome == nil {
		to += "/about"
	}
	kit.See(w, r, to)
}

// about has the person confirm what it is about.
func (s *Site) about(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	t := at.Words.T
	id, v := r.PathValue("id"), askView{Step: "about", Answer: kit.Field{ID: "answer"}}
	if chosen := r.PostFormValue("answer"); chosen != "" {
		if _, err := s.Triage.Choose(r.Context(), at.Who, id, chosen); err != nil {
			s.Fail(w, r, at, err)
			return
		}
		kit.See(w, r, at.Base+"/ask/"+id)
		return
	}
	c, err := s.caseOf(r, at, id)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	if r.Method == http.MethodPost {
		v.Answer.Error = t("Choose what it is about")
	}
	offered := triage.Offered(c.Candidates)
	last := len(offered) - 1 // the general one
	for _, p := range offered[:last] {
		v.add(p.Name, t(p.Title))
	}
	switch general := offered[last].Name; {
	case last == 0:
		v.add(general, t("Something else: ask me some general questions"))
	default:
		v.add(general, t("None of these"))
		v.Choices[len(v.Choices)-1].Or = true
	}
	v.ID, v.Text.Value = id, c.Text
	v.warn(c, at.Words)
	s.show(w, r, at, t("What is it most about?"), v)
}

// warn says what to do at once where what was said so far is an emergency.
func (v *askView) warn(c *triage.Case, l *words.Lang) {
	switch c.SoFar {
	case triage.Call999:
		v.Urgent, v.Call = l.T("From what you have told us, this may be an emergency. Call 999 now. Do not go on with the questions first."), call999(l)
	case triage.Emergency:
		v.Urgent = l.T("From what you have told us, you may need to go to A&E now. If you get worse, call 999. The questions take about a minute.")
	}
}

// caseOf is an interview about the person of the address.
func (s *Site) caseOf(r *http.Request, at seat.Seat, id string) (*triage.Case, error) {
	c, err := s.Triage.Case(r.Context(), at.Who, id)
	if err == nil && c.Patient != at.Patient {
		return nil, fhir.Errorf(fhir.NotFound, "QuestionnaireResponse/%s is about somebody else", id)
	}
	return c, err
}

// add offers a choice; the first has the id that an error leads to.
func (v *askView) add(value, text string) {
	id := "answer"
	if n := len(v.Choices); n > 0 {
		id += "-" + strconv.Itoa(n+1)
	}
	v.Choices = append(v.Choices, choice{ID: id, Value: value, Text: text})
}

// question puts the next question, takes its answer, and at the end shows the outcome.
func (s *Site) question(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	c, err := s.caseOf(r, at, r.PathValue("id"))
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := askView{Step: "question", Answer: kit.Field{ID: "answer"}}
	if r.Method == http.MethodPost && c.Ask != nil && r.PostFormValue("key") == c.Ask.Key() {
		said, band, wrong := read(r.PostForm["answer"], c.Ask)
		if wrong == "" {
			if _, err = s.Triage.Answer(r.Context(), at.Who, c.ID, c.Ask.Key(), said, band); err != nil && fhir.KindOf(err) != fhir.Conflict {
				s.Fail(w, r, at, err)
				return
			}
			kit.See(w, r, at.Base+"/ask/"+c.ID) // an answer that was sent twice was taken once
			return
		}
		v.Answer.Error = at.Words.T(wrong)
	}
	if c.Outcome != nil {
		s.outcome(w, r, at, c)
		return
	}
	v.ID, v.Key, v.Question, v.Screen, v.Boxes = c.ID, c.Ask.Key(), at.Words.T(c.Ask.Text), c.Ask.Screen, c.Ask.Boxes != nil
	v.choices(c.Ask, at.Words)
	v.warn(c, at.Words)
	s.show(w, r, at, v.Question, v)
}

// choices are the answers that a question can have.
func (v *askView) choices(q *triage.Ask, l *words.Lang) {
	switch {
	case q.Bands != nil:
		for i, b := range q.Bands {
			v.add(strconv.Itoa(i), kit.Capital(l.T(b.Name)))
		}
	case q.Boxes != nil:
		for i, text := range q.Boxes {
			v.add(strconv.Itoa(i), kit.Capital(l.T(text)))
		}
		v.add(none, l.T("None of these"))
		v.Choices[len(v.Choices)-1].Or = true
	default:
		v.add(yes, l.T("Yes"))
		v.add(no, l.T("No"))
	}
	v.add(unsure, l.T("I’m not sure"))
}

// read is what was chosen, as triage.Service.Answer takes it; wrong is a sentence for the reader where it is no answer.
func read(chosen []string, q *triage.Ask) (said []triage.Tri, band int, wrong string) {
	said, band = make([]triage.Tri, len(q.Items)), -1
	number := func(text string, below int) int {
		if n, err := strconv.Atoi(text); err == nil && n >= 0 && n < below {
			return n
		}
		return -1
	}
	if q.Boxes == nil {
		switch {
		case len(chosen) != 1:
			return nil, 0, words.Text("Choose an answer")
		case chosen[0] == unsure:
			return said, band, ""
		case q.Bands != nil:
			if band = number(chosen[0], len(q.Bands)); band < 0 {
				return nil, 0, words.Text("Choose an answer")
			}
			return said, band, ""
		}
		said[0] = map[string]triage.Tri{yes: triage.Yes, no: triage.No}[chosen[0]]
		if said[0] == triage.Unknown {
			return nil, 0, words.Text("Choose an answer")
		}
		return said, band, ""
	}
	switch {
	case len(chosen) == 0:
		return nil, 0, words.Text("Tick what you have, or “None of these”")
	case slices.Contains(chosen, none) && len(chosen) > 1:
		return nil, 0, words.Text("Tick either what you have, or “None of these”")
	}
	rest := triage.No // what is not ticked
	if slices.Contains(chosen, unsure) {
		rest = triage.Unknown
	}
	for i := range said {
		said[i] = rest
	}
	for _, text := range chosen {
		if i := number(text, len(said)); i >= 0 {
			said[i] = triage.Yes
		} else if text != none && text != unsure {
			return nil, 0, words.Text("Tick what you have, or “None of these”")
		}
	}
	return said, band, ""
}
