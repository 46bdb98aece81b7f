package patient

import (
	_ "embed"
	"html/template"
	"net/http"
	"time"

	"github.com/kith-care/kith/care/triage"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

//go:embed outcome.html
var outcomeHTML string

var outcomePage = kit.Page(outcomeHTML)

// outcomeView says how soon, what to do, why, and what would change it.
type outcomeView struct {
	Frame     kit.Frame
	Base      string // of the addresses
	Requests  string // address of what was asked for, and how it stands
	Near      string // address of what is near and may help
	Title     string
	Level     string
	Urgent    bool
	Call      *call
	Do        []string
	Next      string
	SafetyNet []string
	Reasons   []reason
	Weighed   []string
	Facts     []string
	Changes   []string
	From      *triage.Source
	Pack      string
	Text      string
	At        time.Time
}

// call is whom to ring.
type call struct {
	Address template.URL // of ours, so a telephone number is let through
	Text    string
}

func call999(l *words.Lang) *call { return &call{"tel:999", l.T("Call 999")} }

type reason struct {
	Says string
	From triage.Source
}

// next says what happens without the person's doing, by level.
var next = map[triage.Level]string{
	triage.Routine:   words.Text("Your request has gone to your practice. They will look at it and offer you an appointment, or another kind of help, within 7 days."),
	triage.SameDay:   words.Text("Your request has gone to your practice as one for today. If you have not heard from them in 2 hours, telephone them, or call 111."),
	triage.Emergency: words.Text("Your practice has been told that you were asked to go to A&E. Do not wait for them."),
	triage.Call999:   words.Text("Your practice has been told that you were asked to call 999. Do not wait for them."),
}

// mostWeighed is how many contributions are named.
const mostWeighed = 4

// outcome shows what came of an interview.
func (s *Site) outcome(w http.ResponseWriter, r *http.Request, at seat.Seat, c *triage.Case) {
	o, t := c.Outcome, at.Words.T
	v := outcomeView{Frame: s.Frame(at, t(o.Title), ""), Base: at.Base + "/ask", Requests: at.Base + "/requests", Near: at.Base + "/near?about=" + o.Pack, Title: t(o.Title), Level: o.LevelName, Urgent: o.Level >= triage.Emergency, Do: each(o.Do, t), SafetyNet: each(o.SafetyNet, t),
		From: o.AdviceSource, Pack: o.Pack + " " + o.Version, Text: c.Text, At: c.At}
	if at.Staff {
		v.Frame.Back.To = at.Base + "/front"
	}
	if text, ok := next[o.Level]; ok {
		v.Next = t(text)
	}
	switch o.Level {
	case triage.Call999:
		v.Call = call999(at.Words)
	case triage.SameDay:
		v.Call = &call{"tel:111", t("Call 111")}
	}
	for _, f := range o.Floors {
		v.Reasons = append(v.Reasons, reason{t(f.Says), f.Source})
	}
	for _, b := range o.Contributions {
		if len(v.Weighed) < mostWeighed && b.Points > 0 {
			v.Weighed = append(v.Weighed, s.Triage.Book.Explain(b, t))
		}
	}
	for _, f := range o.Facts {
		text := kit.Capital(t(f.Name))
		if f.Words != "" {
			text += ": " + f.Words
		}
		v.Facts = append(v.Facts, text)
	}
	for _, ch := range o.Changes {
		with := t("If you had %s: %s", t(ch.Name), t(ch.Level.Title()))
		if ch.To == "no" {
			with = t("Without %s: %s", t(ch.Name), t(ch.Level.Title()))
		}
		v.Changes = append(v.Changes, with)
	}
	s.Send(w, r, http.StatusOK, outcomePage, v)
}

// each puts every one of some texts into the reader's language.
func each(texts []string, t func(string, ...any) string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = t(text)
	}
	return out
}
