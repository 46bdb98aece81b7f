package patient

import (
	"cmp"
	_ "embed"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

//go:embed requests.html
var requestsHTML string

var requestsPage = kit.Page(requestsHTML)

// asked are the Tasks that come of what people ask for, by their code, with what they are called and where more stands; the address has in
// place of %s what the Task is about.
var asked = map[string]struct{ text, more string }{
	"triage":             {words.Text("Help with a health problem"), "/ask/%s"},
	"details-changed":    {words.Text("A change of name, address or telephone"), "/profile"},
	"social-prescribing": {words.Text("A link worker"), "/near"},
	"repeat-order":       {words.Text("A repeat prescription"), "/prescriptions"},
	"appointment-wish":   {words.Text("To change or cancel an appointment"), "/appointments/%s"},
	"rebook":             {words.Text("Another appointment"), "/appointments"},
	"still-needed":       {words.Text("Your answer about a wait"), "/waiting"},
	"interpreter":        {words.Text("An interpreter"), "/appointments/%s"},
	"entry-questioned":   {words.Text("To put right what is wrong in the record"), "/record"},
	"access-questioned":  {words.Text("To look into who saw the record"), "/seen"},
}

// requestsView is what somebody has asked for, and how each stands.
type requestsView struct {
	Frame kit.Frame
	Base  string
	Open  []requestRow
	Over  []requestRow
}

// requestRow is one request with its steps, each with when it was taken.
type requestRow struct {
	What, Said, More string
	Asked            time.Time
	Due              time.Time // zero where nothing says by when
	Late             bool
	Owner            string
	Taken            bool
	Ended            time.Time // zero while it is open
	Result           string    // what came of it, in words for the person; "" where it is simply done
	Refused          bool
}

// mostRequests is how many that are over are shown.
const mostRequests = 30

// requests shows what somebody has asked for, in whatever way, with by when they hear and how it stands.
func (s *Site) requests(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	v := requestsView{Frame: s.Frame(at, at.Words.T("What you have asked for"), home(at)), Base: at.Base}
	var codes []string
	for code := range asked {
		codes = append(codes, "urn:kith:task|"+code)
	}
	slices.Sort(codes)
	for m, err := range s.Door.All(r.Context(), at.Who, "Task?patient="+url.QueryEscape(at.Patient)+"&code="+url.QueryEscape(strings.Join(codes, ","))) {
		if err != nil {
			s.Fail(w, r, at, err)
			return
		}
		res, err := m.Resource()
		if err != nil {
			s.Fail(w, r, at, err)
			return
		}
		var t r4.Task
		if err := r4.Decode(res, &t); err != nil {
			s.Fail(w, r, at, err)
			return
		}
		if row, ok := s.requestOf(&t, at); ok && row.Ended.IsZero() {
			v.Open = append(v.Open, row)
		} else if ok {
			v.Over = append(v.Over, row)
		}
	}
	newest := func(a, b requestRow) int { return cmp.Or(b.Asked.Compare(a.Asked), cmp.Compare(a.What, b.What)) }
	slices.SortStableFunc(v.Open, newest)
	slices.SortStableFunc(v.Over, newest)
	v.Over = v.Over[:min(len(v.Over), mostRequests)]
	s.Send(w, r, http.StatusOK, requestsPage, v)
}

// requestOf is a Task as whoever asked reads it.
func (s *Site) requestOf(t *r4.Task, at seat.Seat) (row requestRow, ok bool) {
	if t.Code == nil || t.Status == "entered-in-error" {
		return row, false
	}
	for _, c := range t.Code.Coding {
		kind, known := asked[c.Code]
		if c.System != "urn:kith:task" || !known {
			continue
		}
		row = requestRow{What: at.Words.T(kind.text), Asked: t.AuthoredOn.Low(), More: at.Base + kind.more}
		if strings.Contains(kind.more, "%s") {
			id := aboutOf(t)
			if row.More = at.Base + strings.Replace(kind.more, "%s", id, 1); id == "" {
				row.More = ""
			}
		}
	}
	if row.What == "" {
		return row, false
	}
	if t.Restriction != nil && t.Restriction.Period != nil {
		row.Due = t.Restriction.Period.End.Low()
		row.Late = s.Time().After(row.Due)
	}
	for _, in := range t.Input {
		if in.ValueString != "" && row.Said == "" {
			row.Said = in.ValueString
		}
	}
	if t.Owner != nil {
		row.Owner = t.Owner.Display
	}
	switch t.Status {
	case "requested", "received":
	case "accepted", "in-progress", "on-hold", "ready":
		row.Taken = true
	default:
		row.Taken, row.Ended = true, t.LastModified.Low()
		row.Refused = t.Status == "rejected" || t.Status == "failed" || t.Status == "cancelled"
		if t.StatusReason != nil {
			row.Result = t.StatusReason.Text
		}
		for _, o := range t.Output {
			if o.ValueString != "" {
				row.Result = o.ValueString
			}
		}
	}
	return row, true
}

// aboutOf is the id of what a Task is about: the interview that it came of, whose focus is the risk that was found, else its focus.
func aboutOf(t *r4.Task) string {
	for _, ref := range []*r4.Reference{t.ReasonReference, t.Focus} {
		if ref == nil {
			continue
		}
		if r := fhir.ParseReference(ref.Reference); r.Type == "QuestionnaireResponse" || ref == t.Focus {
			return r.ID
		}
	}
	return ""
}
