package staff

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
)

//go:embed replay.html
var replayHTML string

var replayPage = page(replayHTML)

// replayView shows what reading a feed's items again would change, before anything is.
type replayView struct {
	Frame                           kit.Frame
	Name, Title                     string
	Said                            string
	Errors                          []field
	From, To                        field
	Tried                           bool
	Nothing                         bool // it would change nothing
	Rows, Same, New, Changed, Taken string
	Changes                         []changeRow
	More                            string // how many changes are not shown
}

// changeRow is one resource that would change.
type changeRow struct {
	Ref, Kind string
	Lines     []diffLine
}

// diffLine is a line that goes or comes.
type diffLine struct {
	Added bool
	Text  string
}

// mostShown is how many changes the page shows, and mostLines how many lines of each.
const (
	mostShown = 20
	mostLines = 40
)

func (s *Site) replaying(w http.ResponseWriter, r *http.Request) {
	f, ok := s.named(w, r)
	if !ok {
		return
	}
	q := r.URL.Query()
	view := replayView{Name: f.Name, Title: cmp.Or(f.Title, f.Name), Said: happened[q.Get("did")], From: field{ID: "from", Value: strings.TrimSpace(q.Get("from"))}, To: field{ID: "to", Value: strings.TrimSpace(q.Get("to"))}}
	view.Frame = s.frame("Replay " + view.Title)
	if view.From.Value == "" && view.To.Value == "" {
		s.Send(w, r, http.StatusOK, replayPage, view)
		return
	}
	from, to := view.span()
	if view.Errors != nil {
		view.Frame.Title = "Error: " + view.Frame.Title
		s.Send(w, r, http.StatusBadRequest, replayPage, view)
		return
	}
	diff, err := s.Feeds.Replay(r.Context(), s.who(r), f.Name, from, to, true)
	if fhir.KindOf(err) == fhir.Unsupported && err != nil {
		view.wrong(&view.From, sentence(err.Error()))
		s.Send(w, r, http.StatusBadRequest, replayPage, view)
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	view.fill(diff)
	s.Send(w, r, http.StatusOK, replayPage, view)
}

// replay does it.
func (s *Site) replay(w http.ResponseWriter, r *http.Request) {
	f, ok := s.named(w, r)
	if !ok {
		return
	}
	view := replayView{Name: f.Name, Title: cmp.Or(f.Title, f.Name), From: field{ID: "from", Value: r.PostFormValue("from")}, To: field{ID: "to", Value: r.PostFormValue("to")}}
	view.Frame = s.frame("Replay " + view.Title)
	from, to := view.span()
	if view.Errors != nil {
		view.Frame.Title = "Error: " + view.Frame.Title
		s.Send(w, r, http.StatusBadRequest, replayPage, view)
		return
	}
	if _, err := s.Feeds.Replay(r.Context(), s.who(r), f.Name, from, to, false); err != nil {
		s.fail(w, r, err)
		return
	}
	kit.See(w, r, "/feeds/"+f.Name+"/replay?"+url.Values{"from": {view.From.Value}, "to": {view.To.Value}, "did": {"replayed"}}.Encode())
}

// span reads the days: from the beginning of the first to the end of the last, by the clock in England.
func (v *replayView) span() (from, to time.Time) {
	from, err := typedDay(v.From.Value)
	if err != nil {
		v.wrong(&v.From, err.Error())
	}
	to, err = typedDay(v.To.Value)
	if err != nil {
		v.wrong(&v.To, err.Error())
	}
	if v.Errors == nil && to.Before(from) {
		v.wrong(&v.To, "The last day comes before the first")
	}
	return from, to.AddDate(0, 0, 1).Add(-time.Microsecond)
}

func (v *replayView) wrong(f *field, message string) {
	f.Error = message
	v.Errors = append(v.Errors, *f)
}

// typedDay reads a whole day as people type it.
func typedDay(typed string) (time.Time, error) {
	text, err := typedDate(typed)
	if err == nil && len(text) == 10 {
		if day, ok := kit.Moment(text); ok {
			return day, nil
		}
	}
	return time.Time{}, fhir.Errorf(fhir.Invalid, "Write the day like 14-Jul-2026 or 14/7/2026")
}

func (v *replayView) fill(diff *intake.Difference) {
	v.Tried, v.Nothing = true, diff.New+diff.Changed+diff.Deleted == 0
	v.Rows, v.Same, v.New, v.Changed, v.Taken = count(diff.Rows), count(diff.Same), count(diff.New), count(diff.Changed), count(diff.Deleted)
	for _, c := range diff.Changes[:min(len(diff.Changes), mostShown)] {
		row := changeRow{Ref: c.Ref, Kind: "Changed", Lines: differences(c.Before, c.After)}
		switch {
		case c.Before == nil && c.After == nil:
			row.Kind = "Not understood"
		case c.Before == nil:
			row.Kind = "New"
		case c.After == nil:
			row.Kind = "Taken back"
		}
		v.Changes = append(v.Changes, row)
	}
	if more := diff.New + diff.Changed + diff.Deleted - len(v.Changes); more > 0 {
		v.More = count(more)
	}
}

// differences are the lines that go and those that come, of two resources written a member a line.
func differences(before, after []byte) []diffLine {
	a, b := lined(before), lined(after)
	// The longest lines that both have, by the usual table; resources of this size are a few hundred lines.
	keep := make([][]int, len(a)+1)
	for i := range keep {
		keep[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				keep[i][j] = keep[i+1][j+1] + 1
			} else {
				keep[i][j] = max(keep[i+1][j], keep[i][j+1])
			}
		}
	}
	var out []diffLine
	for i, j := 0, 0; (i < len(a) || j < len(b)) && len(out) < mostLines; {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && keep[i+1][j] >= keep[i][j+1]:
			out = append(out, diffLine{false, a[i]})
			i++
		default:
			out = append(out, diffLine{true, b[j]})
			j++
		}
	}
	return out
}

// lined writes JSON a member a line, without what differs in any case and without lines that hold brackets alone.
func lined(body []byte) []string {
	if body == nil {
		return nil
	}
	var out bytes.Buffer
	if err := json.Indent(&out, body, "", ""); err != nil {
		return []string{cut(string(body), 500)}
	}
	var lines []string
	for line := range strings.SplitSeq(out.String(), "\n") {
		line = strings.TrimSuffix(line, ",")
		if strings.Trim(line, "{}[]") == "" || strings.HasPrefix(line, `"versionId":`) || strings.HasPrefix(line, `"lastUpdated":`) || len(lines) >= 1000 {
			continue
		}
		lines = append(lines, cut(line, 300))
	}
	return lines
}
