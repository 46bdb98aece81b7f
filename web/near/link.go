package near

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/care/near"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

//go:embed link.html
var linkHTML string

//go:embed social.html
var socialHTML string

var linkPage, socialPage = kit.Page(linkHTML), kit.English(socialHTML)

// linkView asks what would help.
type linkView struct {
	Frame   kit.Frame
	Base    string
	Other   bool
	Errors  []kit.Field
	Want    kit.Field
	Text    kit.Field
	Service string
	About   string // the service they ask about
	Wants   []wantRow
}

type wantRow struct {
	ID, Code, Title string
	Ticked          bool
}

func (s *Site) link(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	t := at.Words.T
	v := linkView{Frame: s.Frame(at, t("Ask for a link worker"), "/near"), Base: at.Base, Other: !at.Own(), Want: kit.Field{ID: "want"}, Text: kit.Field{ID: "text"}, Service: r.URL.Query().Get("service")}
	r.ParseForm() // what cannot be parsed is nothing ticked
	if r.Method == http.MethodPost {
		v.Service, v.Text.Value = r.PostFormValue("service"), strings.TrimSpace(r.PostFormValue("text"))
	}
	if v.Service != "" {
		e, err := s.Near.One(r.Context(), v.Service)
		if err != nil {
			s.Fail(w, r, at, err)
			return
		}
		v.About = e.Name
	}
	for i, one := range near.Wants {
		row := wantRow{ID: "want", Code: one.Code, Title: t(one.Title), Ticked: slices.Contains(r.PostForm["want"], one.Code)}
		if i > 0 {
			row.ID += "-" + one.Code
		}
		v.Wants = append(v.Wants, row)
	}
	if r.Method != http.MethodPost {
		s.Send(w, r, http.StatusOK, linkPage, v)
		return
	}
	if len(r.PostForm["want"]) == 0 {
		v.Want.Error = t("Choose at least one thing that would help")
		v.Errors = append(v.Errors, v.Want)
	}
	if len([]rune(v.Text.Value)) > 1000 {
		v.Text.Error = t("Write no more than 1,000 letters")
		v.Errors = append(v.Errors, v.Text)
	}
	if len(v.Errors) == 0 {
		_, err := s.Near.Refer(r.Context(), at.Who, at.Patient, r.PostForm["want"], v.Text.Value, v.Service)
		switch {
		case err == nil:
			kit.See(w, r, at.Base+"/near?did=asked")
			return
		case fhir.KindOf(err) == fhir.Conflict:
			s.Say(w, r, at, http.StatusConflict, t("A link worker has been asked already"), t("They get in touch within 7 days. You can see how it stands on the page “What is near me”."))
			return
		default:
			s.Fail(w, r, at, err)
			return
		}
	}
	v.Frame.Title = t("Error:") + " " + v.Frame.Title
	s.Send(w, r, http.StatusBadRequest, linkPage, v)
}

// socialView is what link workers have before them.
type socialView struct {
	Frame kit.Frame
	Said  string
	Wrong string
	Rows  []socialRow
	Ends  []near.End
}

type socialRow struct {
	Task, Patient, Name, Words, About, By, Owner string
	Wants                                        []string
	Since, Due                                   string
	Late, Taken                                  bool
}

var said = map[string]string{"taken": "You have taken it. Get in touch, then say what came of it.", "ended": "It has come to its end, and the person can read what came of it."}

func (s *Site) social(w http.ResponseWriter, r *http.Request) {
	s.showSocial(w, r, http.StatusOK, "")
}

func (s *Site) showSocial(w http.ResponseWriter, r *http.Request, status int, wrong string) {
	at := seat.Seat{Staff: true, Words: words.In("en")}
	who, err := s.Who(r)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	queue, err := s.Near.Queue(r.Context(), who)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := socialView{Frame: s.Host.Frame("Social prescribing", false, s.Signed), Said: said[r.URL.Query().Get("did")], Wrong: wrong, Ends: near.Ends}
	now := s.Time()
	for i := range queue {
		f := &queue[i]
		row := socialRow{Task: f.Task, Patient: f.Patient, Name: "Name " + kit.NotKnown, Words: f.Words, About: f.Service, By: f.By, Owner: f.Owner, Since: kit.Date(f.At.Format(time.DateOnly)), Due: kit.Date(f.Due.Format(time.DateOnly)), Late: now.After(f.Due), Taken: f.Taken}
		for _, one := range near.Wants {
			if slices.Contains(f.Wants, one.Code) {
				row.Wants = append(row.Wants, one.Title)
			}
		}
		switch stored, err := s.Door.Get(r.Context(), who, "Patient", f.Patient); {
		case err == nil:
			res, err := stored.Resource()
			if err != nil {
				s.Fail(w, r, at, err)
				return
			}
			row.Name = signin.NameOf(res.Root())
		case fhir.KindOf(err) != fhir.NotFound && fhir.KindOf(err) != fhir.Gone:
			s.Fail(w, r, at, err)
			return
		}
		v.Rows = append(v.Rows, row)
	}
	s.Send(w, r, status, socialPage, v)
}

// socialChange takes a referral, or says what came of it.
func (s *Site) socialChange(w http.ResponseWriter, r *http.Request) {
	at := seat.Seat{Staff: true, Words: words.In("en")}
	who, err := s.Who(r)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	did := "taken"
	if end := r.PostFormValue("end"); r.PostFormValue("take") != "" {
		err = s.Near.Take(r.Context(), who, r.PathValue("id"))
	} else if did = "ended"; end == "" {
		s.showSocial(w, r, http.StatusBadRequest, "Choose what came of it")
		return
	} else {
		err = s.Near.Finish(r.Context(), who, r.PathValue("id"), end, r.PostFormValue("words"))
	}
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	kit.See(w, r, "/social?did="+did)
}
