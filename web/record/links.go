package record

import (
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/kith-care/kith/care/carry"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

//go:embed links.html
var linksHTML string

//go:embed made.html
var madeHTML string

var linksPage, madePage = page(linksHTML), page(madeHTML)

// linksView is the links of a person, and a form for another.
type linksView struct {
	head
	Errors      []kit.Field
	Label, Code kit.Field
	Life        string
	Lives       []choice
	Links       []linkRow
	Ended       bool
}

type choice struct {
	Value, Text string
	Is          bool
}

type linkRow struct {
	Label, Made, Until, Last string
	Views                    int
	Coded, Ended             bool
	End                      string // where it is ended
}

// madeView is a link that was just made: the only time that it is shown.
type madeView struct {
	head
	Address string
	Smart   string
	QR      template.HTML
	Until   time.Time
	Coded   bool
}

var lives = map[string]time.Duration{"day": 24 * time.Hour, "week": 7 * 24 * time.Hour, "month": 30 * 24 * time.Hour}

// links shows the links of a person, and makes one.
func (s *Site) links(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	t := at.Words.T
	if at.Trusted {
		s.Fail(w, r, at, fhir.Errorf(fhir.Forbidden, "%s", t("Only the person can make a link to their record.")))
		return
	}
	v := linksView{head: s.head(at, t("Links to your summary"), "-"), Label: kit.Field{ID: "label", Value: strings.TrimSpace(r.PostFormValue("label"))}, Code: kit.Field{ID: "code"}, Life: r.PostFormValue("life"), Ended: r.URL.Query().Get("did") == "ended"}
	v.Frame.Back.To = at.Base + "/record/summary"
	if lives[v.Life] == 0 {
		v.Life = "week"
	}
	status := http.StatusOK
	if r.Method == http.MethodPost {
		made, err := s.make(r, at, &v)
		switch {
		case fhir.KindOf(err) == fhir.Invalid || fhir.KindOf(err) == fhir.Conflict:
			v.Code.Error = kit.Sentence(err.Error())
		case err != nil:
			s.Fail(w, r, at, err)
			return
		case made != nil:
			s.Send(w, r, http.StatusOK, madePage, made)
			return
		}
		for _, f := range []kit.Field{v.Label, v.Code} {
			if f.Error != "" {
				v.Errors = append(v.Errors, f)
			}
		}
		v.Frame.Title = t("Error:") + " " + v.Frame.Title
		status = http.StatusBadRequest
	}
	v.Lives = []choice{{"day", t("1 day"), v.Life == "day"}, {"week", t("1 week"), v.Life == "week"}, {"month", t("30 days"), v.Life == "month"}}
	links, err := s.Carry.Links(r.Context(), at.Patient)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	for i := range links {
		l := &links[i]
		row := linkRow{Label: l.Label, Made: at.Words.When(l.Made), Until: at.Words.When(l.Until), Views: l.Views, Coded: l.Coded, Ended: l.Ended(s.Time()), End: at.Base + "/record/links/" + l.ID + "/end"}
		if row.Label == "" {
			row.Label = t("Link")
		}
		if !l.Last.IsZero() {
			row.Last = at.Words.When(l.Last)
		}
		v.Links = append(v.Links, row)
	}
	s.Send(w, r, status, linksPage, v)
}

// make makes a link as a form asks; nil where something in it is wrong.
func (s *Site) make(r *http.Request, at seat.Seat, v *linksView) (*madeView, error) {
	t := at.Words.T
	code := strings.TrimSpace(r.PostFormValue("code"))
	if len([]rune(v.Label.Value)) > 80 {
		v.Label.Error = t("The name must be 80 letters or fewer")
	}
	if n := len([]rune(code)); n > 0 && n < 6 || n > 80 {
		v.Code.Error = t("The passcode must have 6 letters or numbers, or more")
	}
	if v.Label.Error != "" || v.Code.Error != "" {
		return nil, nil
	}
	doc, err := s.documentOf(r.Context(), at)
	if err != nil {
		return nil, err
	}
	token, link, err := s.Carry.Make(r.Context(), at.Who, carry.Ask{Patient: at.Patient, Label: v.Label.Value, Life: lives[v.Life], Passcode: code, Document: doc})
	if err != nil {
		return nil, err
	}
	made := &madeView{head: s.head(at, t("Your link"), "-"), Until: link.Until, Coded: link.Coded}
	made.Frame.Back.To = at.Base + "/record/links"
	if made.Address, made.Smart, err = s.Carry.Address(token, &link); err != nil {
		return nil, err
	}
	made.QR, err = carry.QR(made.Address+"#"+made.Smart, t("The link as a QR code"))
	return made, err
}

// end ends a link.
func (s *Site) end(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	var err error
	if at.Trusted {
		err = fhir.Errorf(fhir.Forbidden, "%s", at.Words.T("Only the person can make a link to their record."))
	}
	if err == nil {
		err = s.Carry.Revoke(r.Context(), at.Who, at.Patient, r.PathValue("id"))
	}
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	kit.See(w, r, at.Base+"/record/links?did=ended")
}

// wrongCode reports how often a passcode may still be tried, where that was what was wrong.
func wrongCode(err error) (left int, is bool) {
	var w carry.Wrong
	if errors.As(err, &w) {
		return w.Left, true
	}
	return 0, false
}
