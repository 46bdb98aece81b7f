package patient

import (
	_ "embed"
	"html/template"
	"net/http"

	"github.com/kith-care/kith/care/triage"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/web/kit"
)

//go:embed outcome.html
var outcomeHTML string

var outcomePage = kit.Page(outcomeHTML)

// outcomeView says how soon, what to do, why, and what would change it.
type outcomeView struct {
	Frame     kit.Frame
	Base      string // of the addresses
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
	Text, At  string
}

// call is whom to ring.
type call struct {
	Address template.URL // of ours, so a telephone number is let through
	Text    string
}

var call999 = &call{"tel:999", "Call 999"}

type reason struct {
	Says string
	From triage.Source
}

// next says what happens without the person's doing, by level.
var next = map[triage.Level]string{
	triage.Routine:   "Your request has gone to your practice. They will look at it and offer you an appointment, or another kind of help, within 7 days.",
	triage.SameDay:   "Your request has gone to your practice as one for today. If you have not heard from them in 2 hours, telephone them, or call 111.",
	triage.Emergency: "Your practice has been told that you were asked to go to A&E. Do not wait for them.",
	triage.Call999:   "Your practice has been told that you were asked to call 999. Do not wait for them.",
}

// mostWeighed is how many contributions are named.
const mostWeighed = 4

// outcome shows what came of an interview.
func (s *Site) outcome(w http.ResponseWriter, r *http.Request, at seat, c *triage.Case) {
	o := c.Outcome
	v := outcomeView{Frame: s.frame(o.Title, at), Base: at.base, Title: o.Title, Level: o.LevelName, Urgent: o.Level >= triage.Emergency, Do: o.Do, SafetyNet: o.SafetyNet, Next: next[o.Level],
		From: o.AdviceSource, Pack: o.Pack + " " + o.Version, Text: c.Text, At: c.At.In(london.Zone).Format("2 January 2006, 15:04")}
	switch o.Level {
	case triage.Call999:
		v.Call = call999
	case triage.SameDay:
		v.Call = &call{"tel:111", "Call 111"}
	}
	for _, f := range o.Floors {
		v.Reasons = append(v.Reasons, reason{f.Says, f.Source})
	}
	for _, b := range o.Contributions {
		if len(v.Weighed) < mostWeighed && b.Points > 0 {
			v.Weighed = append(v.Weighed, b.Words)
		}
	}
	for _, f := range o.Facts {
		text := kit.Capital(f.Name)
		if f.Words != "" {
			text += ": " + f.Words
		}
		v.Facts = append(v.Facts, text)
	}
	for _, ch := range o.Changes {
		with := "if you had "
		if ch.To == "no" {
			with = "without "
		}
		v.Changes = append(v.Changes, kit.Capital(with)+ch.Name+": "+ch.Level.Title())
	}
	s.Send(w, r, http.StatusOK, outcomePage, v)
}
