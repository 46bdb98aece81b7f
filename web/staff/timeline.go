package staff

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kith-care/kith/web/entry"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/words"
)

// line is one entry of the timeline: what happened on a day, who said so, when it was recorded.
type line struct {
	On, At, Kind, Show string
	Text, Detail, Flag string
	Source, Recorded   string
	Trace              string // address of where it came from, "" where it came by no feed
	moment             int64
	together           string // lines with the same are one: the results of one sample
}

// lineKinds are what the timeline can be narrowed to.
var lineKinds = []struct{ show, text string }{
	{"visits", "Visits"}, {"results", "Results"}, {"problems", "Problems"}, {"medicines", "Medicines"}, {"allergies", "Allergies"},
	{"vaccines", "Vaccinations"}, {"procedures", "Procedures"}, {"documents", "Reports and documents"},
}

// linesOf turns all facts into lines, newest first; what has no date comes last and says so.
func linesOf(facts map[string][]fact) []line {
	var lines []line
	for _, kind := range shown {
		for _, f := range facts[kind] {
			lines = append(lines, lineOf(f))
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		switch {
		case a.moment != b.moment:
			return int(max(-1, min(1, b.moment-a.moment)))
		case a.Show != b.Show:
			return strings.Compare(a.Show, b.Show)
		}
		return strings.Compare(a.together, b.together)
	})
	return gather(lines)
}

// gather makes one line of the results of one sample.
func gather(lines []line) []line {
	var out []line
	for _, l := range lines {
		if last := len(out) - 1; l.together != "" && last >= 0 && out[last].together == l.together {
			out[last].Text += "; " + l.Text
			continue
		}
		out = append(out, l)
	}
	return out
}

func lineOf(f fact) line {
	l := line{Source: f.Source(), Trace: f.Trace(), Recorded: f.Recorded(), On: kit.Date(f.When()), At: kit.Clock(f.When())}
	if t, ok := kit.Moment(f.When()); ok {
		l.moment = t.Unix()
	} else {
		l.moment, l.On = -1<<62, "date "+kit.NotKnown
	}
	switch f.Kind {
	case "Encounter":
		l.Show, l.Kind = "visits", cmp.Or(kit.Words(kit.FirstOf(f.V.Get("type"))), visitClass(f.At("class.code")), "Visit")
		l.Text = kit.Words(kit.FirstOf(f.V.Get("reasonCode")))
		if status := f.At("status"); status != "finished" {
			l.Flag = capital(status)
		}
	case "Observation":
		l.observation(f)
	case "Condition":
		l.Show, l.Kind, l.Text = "problems", "Problem", cmp.Or(kit.Words(f.V.Get("code")), "Problem without a name")
		if until := f.At("abatementDateTime"); until != "" {
			l.Detail = "until " + kit.Date(until)
		}
		if f.Has("verificationStatus", "refuted") {
			l.Flag = "Ruled out"
		}
	case "MedicationRequest", "MedicationStatement":
		l.Show, l.Kind, l.Text, l.Detail = "medicines", "Prescription", entry.Medicine(f.V), entry.Dose(f.V)
		if f.Kind == "MedicationStatement" {
			l.Kind = "Medicine"
		}
		if status := f.At("status"); status == "stopped" || status == "cancelled" {
			l.Flag = capital(status)
		}
	case "AllergyIntolerance":
		l.Show, l.Kind, l.Text = "allergies", "Allergy", kit.Words(f.V.Get("code"))
		if f.Has("verificationStatus", "refuted") {
			l.Flag = "Ruled out"
		}
	case "Immunization":
		l.Show, l.Kind, l.Text = "vaccines", "Vaccination", kit.Words(f.V.Get("vaccineCode"))
		if n := kit.FirstOf(f.V.Get("protocolApplied")).Get("doseNumberPositiveInt").Text(); n != "" {
			l.Detail = "dose " + n
		}
		if f.At("status") == "not-done" {
			l.Flag = "Not given"
		}
	case "Procedure":
		l.Show, l.Kind, l.Text = "procedures", "Procedure", kit.Words(f.V.Get("code"))
		if f.At("status") == "not-done" {
			l.Flag = "Not done"
		}
	case "DiagnosticReport":
		l.Show, l.Kind, l.Text, l.Detail = "documents", "Report", kit.Words(f.V.Get("code")), f.At("conclusion")
	default:
		l.Show, l.Kind, l.Text = "documents", "Document", cmp.Or(f.At("description"), kit.Words(f.V.Get("type")))
	}
	if l.Text == "" {
		l.Text = "reason " + kit.NotKnown
		if l.Show != "visits" {
			l.Text = "what it was is " + kit.NotKnown
		}
	}
	return l
}

func (l *line) observation(f fact) {
	l.Show, l.Kind = "results", "Measurement"
	switch entry.Category(f) {
	case "laboratory":
		l.Kind = "Laboratory"
	case "social-history":
		l.Kind = "Way of life"
	case "survey":
		l.Kind = "Questionnaire"
	}
	l.Text = cmp.Or(kit.Words(f.V.Get("code")), "Test without a name") + " " + entry.ValueOf(words.In("en"), f.V)
	if flag := entry.FlagOf(f); flag != "" {
		l.Text += " (" + strings.ToLower(flag) + ")"
	}
	l.together = f.When() + l.Kind + l.Source + l.Recorded
}

func visitClass(code string) string {
	return map[string]string{"AMB": "Appointment", "EMER": "Emergency", "IMP": "Hospital stay", "VR": "Remote consultation", "HH": "Home visit"}[code]
}
