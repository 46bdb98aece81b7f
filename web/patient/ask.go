package patient

import (
	_ "embed"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/kith-care/kith/care/triage"
	"github.com/kith-care/kith/web/kit"
)

//go:embed ask.html
var askHTML string

var askPage = kit.Page(askHTML)

// askView is one step of asking for help.
type askView struct {
	Frame  kit.Frame
	Errors []kit.Field
	Step   string // text, about or question
	Text   kit.Field
	Pack   string
	Said   []string // answers so far, each as step.String
	Number int      // of the question

	Asked    string // the question by its findings, so that an answer is not taken for one to another
	Question string
	Wrong    kit.Field
	Kind     string // boxes or radios
	Choices  []choice
}

type choice struct {
	ID, Value, Text string
	Divider         bool // "or" stands before it
}

// mostText is how many characters somebody may write.
const mostText = 2000

func (s *Site) ask(w http.ResponseWriter, r *http.Request) {
	who, ok := s.who(w, r)
	if !ok {
		return
	}
	v := askView{Frame: s.Frame("Ask for help", true, true), Step: "text", Text: kit.Field{ID: "text"}}
	if r.Method == http.MethodGet {
		s.Send(w, r, http.StatusOK, askPage, v)
		return
	}
	v.Text.Value = strings.TrimSpace(r.PostFormValue("text"))
	switch {
	case v.Text.Value == "":
		v.Text.Error = "Write what you need help with"
	case len([]rune(v.Text.Value)) > mostText:
		v.Text.Error = "Write no more than 2,000 characters"
	}
	if v.Text.Error != "" || r.PostFormValue("undo") == "text" {
		s.show(w, r, v)
		return
	}
	in, err := s.Triage.Begin(r.Context(), who, v.Text.Value)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v.Pack = r.PostFormValue("pack")
	if v.Pack == "" && !in.Urgent() {
		s.about(w, r, v, in)
		return
	}
	if i := slices.IndexFunc(in.Candidates, func(p *triage.Pack) bool { return p.Name == v.Pack }); i >= 0 {
		in.Choose(in.Candidates[i])
	}
	v.Pack = in.Pack.Name
	said := r.PostForm["said"]
	if r.PostFormValue("undo") != "" && len(said) > 0 {
		said = said[:len(said)-1]
	}
	q := in.Next()
	for _, line := range said {
		if q == nil || !replay(in, q, line) {
			break // the packs or the record have changed meanwhile: it goes on from there
		}
		v.Said = append(v.Said, line)
		q = in.Next()
	}
	if q != nil && r.PostFormValue("question") == ids(in, q) && r.PostFormValue("undo") == "" {
		line, wrong := answered(r, q)
		if wrong != "" {
			v.Wrong.Error = wrong
		} else if line = ids(in, q) + "|" + line; replay(in, q, line) {
			v.Said = append(v.Said, line)
			q = in.Next()
		}
	}
	if q == nil {
		id, err := s.Triage.Settle(r.Context(), who, in, triage.Web)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		kit.See(w, r, "/my/ask/"+id)
		return
	}
	s.question(w, r, v, in, q)
}

// show sends a step; one with something wrong says so first.
func (s *Site) show(w http.ResponseWriter, r *http.Request, v askView) {
	status := http.StatusOK
	for _, f := range []kit.Field{v.Text, v.Wrong} {
		if f.Error != "" {
			status = http.StatusBadRequest
			v.Errors = append(v.Errors, f)
			v.Frame.Title = "Error: " + v.Frame.Title
		}
	}
	s.Send(w, r, status, askPage, v)
}

// mostCandidates is how many complaints are offered beside "none of these".
const mostCandidates = 4

// about asks which complaint it is.
func (s *Site) about(w http.ResponseWriter, r *http.Request, v askView, in *triage.Interview) {
	v.Step, v.Wrong.ID = "about", "pack-1"
	last := len(in.Candidates) - 1
	for i, p := range in.Candidates {
		if i < mostCandidates && i < last {
			v.Choices = append(v.Choices, choice{ID: "pack-" + strconv.Itoa(i+1), Value: p.Name, Text: p.Title})
		}
	}
	if len(v.Choices) == 0 {
		v.Choices = append(v.Choices, choice{ID: "pack-1", Value: in.Candidates[last].Name, Text: "Go on with some general questions"})
	} else {
		v.Choices = append(v.Choices, choice{ID: "pack-none", Value: in.Candidates[last].Name, Text: "None of these", Divider: true})
	}
	if r.PostFormValue("step") == "about" {
		v.Wrong.Error = "Choose what it is about"
	}
	s.show(w, r, v)
}

// question shows the question to be asked now.
func (s *Site) question(w http.ResponseWriter, r *http.Request, v askView, in *triage.Interview, q *triage.Ask) {
	v.Step, v.Question, v.Number, v.Kind = "question", q.Text, len(v.Said)+1, "radios"
	v.Frame.Title = q.Text
	add := func(value, text string) {
		id := "answer"
		if len(v.Choices) > 0 {
			id += "-" + strconv.Itoa(len(v.Choices)+1)
		}
		v.Choices = append(v.Choices, choice{ID: id, Value: value, Text: text})
	}
	switch {
	case q.Bands != nil:
		for i, b := range q.Bands {
			add(strconv.Itoa(i+1), kit.Capital(b.Name))
		}
	case q.Boxes != nil:
		v.Kind = "boxes"
		for i, text := range q.Boxes {
			add(strconv.Itoa(i+1), kit.Capital(text))
		}
		add("none", "None of these")
		v.Choices[len(v.Choices)-1].Divider = true
	default:
		add("y", "Yes")
		add("n", "No")
	}
	add("?", "I’m not sure")
	v.Wrong.ID, v.Asked = "answer", ids(in, q)
	s.show(w, r, v)
}

// answered is what the form says to a question, in the words of triage.Ask.Read.
func answered(r *http.Request, q *triage.Ask) (line, wrong string) {
	chosen := r.PostForm["answer"]
	if q.Boxes == nil {
		if len(chosen) != 1 {
			return "", "Choose an answer"
		}
		return chosen[0], ""
	}
	none, unsure := slices.Contains(chosen, "none"), slices.Contains(chosen, "?")
	switch {
	case len(chosen) == 0:
		return "", "Tick what you have, or “None of these”"
	case none && len(chosen) > 1:
		return "", "Tick either what you have, or “None of these”"
	case unsure && len(chosen) > 1:
		chosen = slices.DeleteFunc(chosen, func(v string) bool { return v == "?" }) // what is ticked is known
	}
	return strings.Join(chosen, ","), ""
}

// ids names a question by the findings it asks about.
func ids(in *triage.Interview, q *triage.Ask) string {
	var out []string
	for _, n := range q.Items {
		out = append(out, in.Book.Lexicon.Findings[n].ID)
	}
	return strings.Join(out, ",")
}

// replay gives an answer as it was kept: the question's findings, a bar, and what was answered.
func replay(in *triage.Interview, q *triage.Ask, line string) bool {
	question, answer, _ := strings.Cut(line, "|")
	if question != ids(in, q) {
		return false
	}
	yes, number, ok := q.Read(answer)
	if ok {
		in.Answer(q, yes, number)
	}
	return ok
}
