package message

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"

	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

//go:embed needs.html
var needsHTML string

//go:embed need.html
var needHTML string

var needsPage, needPage = kit.Page(needsHTML), kit.Page(needHTML)

// needsView is how somebody is to be reached, and where.
type needsView struct {
	Frame kit.Frame
	Base  string
	Name  string // of whom it is, where they do not read it
	Kept  bool
	Rows  []needRow // what they chose
	Where []needRow // what the record has
}

type needRow struct{ Question, Label, Value string }

// needView asks one of the questions.
type needView struct {
	Frame   kit.Frame
	Base    string
	Errors  []kit.Field
	Answer  kit.Field
	Action  string
	Title   string
	Hint    string
	Choices []needChoice
}

type needChoice struct {
	ID, Value, Text string
	Chosen, Or      bool
}

// questions are what is asked, in order.
var questions = []string{"channel", "format", "language", "interpreter"}

// asked are the questions in words.
var asked = map[string]struct{ label, title, hint string }{
	"channel":     {words.Text("How we contact you first"), words.Text("How do you want us to contact you first?"), words.Text("If you do not see it, we try another way.")},
	"format":      {words.Text("How we write to you"), words.Text("How do you want us to write to you?"), words.Text("This is for letters, messages and these pages.")},
	"language":    {words.Text("Your language"), words.Text("Which language do you want to use?"), words.Text("We write in English or Welsh. For other languages we can book an interpreter.")},
	"interpreter": {words.Text("An interpreter"), words.Text("Do you need an interpreter?"), words.Text("This includes British Sign Language.")},
}

// channelWords and formatWords are the answers in words.
var (
	channelWords = map[need.Channel]string{need.App: words.Text("Messages on these pages"), need.Email: words.Text("E-mail"), need.Text: words.Text("Text message"), need.Letter: words.Text("Letter"), need.Telephone: words.Text("Telephone call")}
	formatWords  = map[need.Format]string{need.Standard: words.Text("Standard print"), need.LargePrint: words.Text("Large print"), need.EasyRead: words.Text("Easy read"), need.Braille: words.Text("Braille"), need.BSL: words.Text("British Sign Language by video"), need.Audio: words.Text("Audio recording")}
)

func (s *Site) needs(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	n, err := s.Needs.Get(r.Context(), at.Who, at.Patient)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	t := at.Words.T
	v := needsView{Frame: s.Frame(at, t("How we reach you"), home(at)), Base: at.Base, Name: at.Name, Kept: r.URL.Query().Get("did") == "kept"}
	for _, q := range questions {
		v.Rows = append(v.Rows, needRow{q, t(asked[q].label), answerWords(at.Words, q, said(&n, q))})
	}
	for _, row := range []needRow{{Label: t("E-mail"), Value: n.Email}, {Label: t("Mobile telephone"), Value: n.Mobile}, {Label: t("Telephone"), Value: n.Phone}, {Label: t("Address"), Value: strings.Join(n.Address, ", ")}} {
		if row.Value == "" {
			row.Value = t("We do not know one")
		}
		v.Where = append(v.Where, row)
	}
	s.Send(w, r, http.StatusOK, needsPage, v)
}

// said is the answer that holds for a question, "" for none.
func said(n *need.Need, question string) string {
	switch question {
	case "channel":
		return string(n.Channel)
	case "format":
		return string(n.Format)
	case "language":
		return n.Language
	}
	if n.Interpreter {
		return "yes"
	}
	return "no"
}

// answerWords is an answer in the reader's language.
func answerWords(l *words.Lang, question, answer string) string {
	switch {
	case question == "channel" && answer != "":
		return l.T(channelWords[need.Channel(answer)])
	case question == "format" && answer != "":
		return l.T(formatWords[need.Format(answer)])
	case question == "language" && answer != "":
		for _, one := range words.All() {
			if one.Code == answer {
				return one.Name
			}
		}
		return answer
	case question == "interpreter":
		if answer == "yes" {
			return l.T("Yes")
		}
		return l.T("No")
	}
	return l.T("You have not said")
}

// choices are the answers to a question.
func choices(l *words.Lang, question, chosen string) []needChoice {
	var values []string
	switch question {
	case "channel":
		for _, c := range need.Channels {
			values = append(values, string(c))
		}
	case "format":
		for _, f := range need.Formats {
			values = append(values, string(f))
		}
	case "language":
		values = slices.Clone(need.Languages)
	case "interpreter":
		values = []string{"yes", "no"}
	}
	var out []needChoice
	for i, value := range values {
		id := "answer"
		if i > 0 {
			id += "-" + value
		}
		out = append(out, needChoice{ID: id, Value: value, Text: answerWords(l, question, value), Chosen: value == chosen})
	}
	if question == "channel" || question == "language" {
		out = append(out, needChoice{ID: "answer-none", Value: "none", Text: l.T("I do not mind"), Or: true})
	}
	return out
}

// ask asks one question; by POST it keeps the answer.
func (s *Site) ask(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	q := r.PathValue("question")
	about, known := asked[q]
	t := at.Words.T
	if !known {
		s.Say(w, r, at, http.StatusNotFound, t("Not found"), t("There is no page at this address."))
		return
	}
	n, err := s.Needs.Get(r.Context(), at.Who, at.Patient)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := needView{Frame: s.Frame(at, t(about.title), "/needs"), Base: at.Base, Action: at.Base + "/needs/" + q, Title: t(about.title), Hint: t(about.hint), Answer: kit.Field{ID: "answer"}, Choices: choices(at.Words, q, said(&n, q))}
	status := http.StatusOK
	if r.Method == http.MethodPost {
		answer := r.PostFormValue("answer")
		if slices.ContainsFunc(v.Choices, func(c needChoice) bool { return c.Value == answer }) {
			s.keep(w, r, at, n.Chosen, q, answer)
			return
		}
		v.Answer.Error = t("Choose an answer")
		v.Errors, status = []kit.Field{v.Answer}, http.StatusBadRequest
		v.Frame.Title = t("Error:") + " " + v.Frame.Title
	}
	s.Send(w, r, status, needPage, v)
}

// keep keeps an answer. Where somebody chose for themselves, these pages follow at once.
func (s *Site) keep(w http.ResponseWriter, r *http.Request, at seat.Seat, c need.Choice, question, answer string) {
	if answer == "none" {
		answer = ""
	}
	switch question {
	case "channel":
		c.Channel = need.Channel(answer)
	case "format":
		c.Format = need.Format(answer)
	case "language":
		c.Language = answer
	case "interpreter":
		c.Interpreter = answer == "yes"
	}
	if err := s.Needs.Set(r.Context(), at.Who, at.Patient, c); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	if at.Own() && (question == "language" || question == "format") {
		seat.Follow(w, r, need.Need{Choice: c})
	}
	kit.See(w, r, at.Base+"/needs?did=kept")
}
