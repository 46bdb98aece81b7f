package audit

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

//go:embed looked.html
var lookedHTML string

//go:embed wrong.html
var wrongHTML string

var lookedPage, wrongPage = kit.Page(lookedHTML), kit.Page(wrongHTML)

// lookedView is who looked at one person's record, newest first.
type lookedView struct {
	Frame kit.Frame
	Said  bool // that something looks wrong was just said
	Days  []day
	Older string
}

type day struct {
	Name      string
	Looks     []*look
	Computers []*look
}

// look is what one person, for one organisation, in one role and for one reason, did on one day.
type look struct {
	Who, Role, Organisation, App, Why, When string
	Did                                     []string
	Wrong                                   string // the address where one says that it looks wrong
	Self                                    bool

	first, last time.Time
}

const looksAPage = 300

func (s *Site) looked(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	page, err := s.Door.Trail(r.Context(), at.Who, record.TrailQuery{Patient: at.Patient, Count: looksAPage, Page: r.URL.Query().Get("page")})
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	view := lookedView{Frame: s.Frame(at, at.Words.T("Who looked at your record"), ""), Said: r.URL.Query().Get("did") == "told"}
	if page.Next != "" {
		view.Older = "/my/seen?" + url.Values{"page": {page.Next}}.Encode()
	}
	if view.Days, err = s.days(r.Context(), at, page.Entries); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	s.Send(w, r, http.StatusOK, lookedPage, view)
}

// days groups entries.
func (s *Site) days(ctx context.Context, at seat.Seat, entries []record.TrailEntry) ([]day, error) {
	names := map[string]string{}
	var out []day
	by := map[string]*look{}
	for i := range entries {
		e := &entries[i]
		name := dayOfYear(at.Words, e.At)
		if len(out) == 0 || out[len(out)-1].Name != name {
			out = append(out, day{Name: name})
			clear(by)
		}
		d := &out[len(out)-1]
		key := strings.Join([]string{e.Who, e.Role, e.Organization, e.App, e.Purpose, e.Helper}, "\x00")
		l := by[key]
		if l == nil {
			var err error
			if l, err = s.lookOf(ctx, at.Words, e, names); err != nil {
				return nil, err
			}
			l.Self = e.Who == at.Who.ID || e.Is != "" && e.Is == at.Patient
			if l.Self {
				l.Who, l.Role, l.Organisation, l.Wrong = at.Words.T("You"), "", "", ""
			}
			by[key] = l
			if computer(e) {
				d.Computers = append(d.Computers, l)
			} else {
				d.Looks = append(d.Looks, l)
			}
		}
		l.first = e.At // entries come newest first
		for _, phrase := range did(e, at.Words) {
			if !slices.Contains(l.Did, phrase) {
				l.Did = append(l.Did, phrase)
			}
		}
		first, last := at.Words.Clock(l.first), at.Words.Clock(l.last)
		if l.When = first; first != last {
			l.When = at.Words.T("%s to %s", first, last)
		}
	}
	return out, nil
}

// dayOfYear is a day with its name and year, such as Friday 20 November 2026.
func dayOfYear(l *words.Lang, t time.Time) string {
	return l.Day(t) + t.In(london.Zone).Format(" 2006")
}

func (s *Site) lookOf(ctx context.Context, in *words.Lang, e *record.TrailEntry, names map[string]string) (*look, error) {
	l := &look{Role: in.T(roles[e.Role]), Why: reason(e, in), Wrong: "/my/seen/wrong?" + url.Values{"entry": {e.ID}}.Encode(), last: e.At}
	l.Who, _ = in.Again(e.Name, words.Text("Somebody with the link “%s”"))
	if l.Who == "" {
		l.Who = in.T("Somebody whose name is not known")
	}
	if computer(e) {
		l.Role, l.Who = "", in.T(programs[e.Who])
		if l.Who == "" {
			l.Who = in.T("The computer system")
			if e.Name != "" {
				l.Who = e.Name
			}
		}
	}
	if e.Organization != "" {
		var err error
		if l.Organisation, err = s.organisation(ctx, e.Organization, names); err != nil {
			return nil, err
		}
	}
	if e.App != "" {
		l.App = e.App
	}
	return l, s.behalf(ctx, in, l, e)
}

// programs are parts of this program, as a patient may call them.
var programs = map[string]string{
	"kith/access":    words.Text("The computer system, checking who may see what"),
	"kith/account":   words.Text("The computer system, at sign in"),
	"kith/behalf":    words.Text("The computer system, printing what was done with you"),
	"kith/booking":   words.Text("The computer system, booking appointments"),
	"kith/carry":     words.Text("The computer system, making copies that you asked for"),
	"kith/documents": words.Text("The computer system, taking in letters"),
	"kith/extract":   words.Text("The computer system, making copies that were asked for"),
	"kith/growing":   words.Text("The computer system, checking what parents may see"),
	"kith/home":      words.Text("The computer system, following home care visits"),
	"kith/import":    words.Text("The computer system, taking in records"),
	"kith/intake":    words.Text("The computer system, taking in records"),
	"kith/looked":    words.Text("The computer system, passing on what you said"),
	"kith/match":     words.Text("The computer system, checking which records are yours"),
	"kith/message":   words.Text("The computer system, sending messages"),
	"kith/monitor":   words.Text("The computer system, looking at your readings"),
	"kith/near":      words.Text("The computer system, finding services near you"),
	"kith/need":      words.Text("The computer system, keeping how to reach you"),
	"kith/optout":    words.Text("The computer system, keeping what you do not share"),
	"kith/page":      words.Text("The computer system, showing a page"),
	"kith/plan":      words.Text("The computer system, with your plans and prescriptions"),
	"kith/profile":   words.Text("The computer system, passing on what you said"),
	"kith/record":    words.Text("The computer system, passing on what you said"),
	"kith/release":   words.Text("The computer system, checking when you see results"),
	"kith/signin":    words.Text("The computer system, at sign in"),
	"kith/text":      words.Text("The computer system, reading your text messages"),
	"kith/triage":    words.Text("The computer system, asking about a health problem"),
	"kith/trust":     words.Text("The computer system, keeping whom you trust"),
	"kith/unusual":   words.Text("The computer system, watching for looks that are not usual"),
}

// organisation is the name of the organisation with an ODS code, the code itself where the record does not know it.
func (s *Site) organisation(ctx context.Context, code string, names map[string]string) (string, error) {
	if name, ok := names[code]; ok {
		return name, nil
	}
	names[code] = code
	page, err := s.Door.Find(ctx, access.Actor{ID: "kith/page", Role: access.Kith, Purpose: "HOPERAT"}, "Organization?identifier="+url.QueryEscape("https://fhir.nhs.uk/Id/ods-organization-code|"+code)+"&_count=1")
	if err != nil || len(page.Matches) == 0 {
		return code, err
	}
	res, err := page.Matches[0].Resource()
	if err != nil {
		return code, err
	}
	if name := res.Root().Get("name").Text(); name != "" {
		names[code] = name
	}
	return names[code], nil
}

// wrongView asks what looks wrong about one look.
type wrongView struct {
	Frame kit.Frame
	Entry string
	Look  *look
	Day   string
	Error string
	Text  string
}

// entry is the entry that an address names, which must be about the person who asks.
func (s *Site) entry(r *http.Request, who access.Actor, id string) (*record.TrailEntry, error) {
	e, err := s.Door.TrailEntry(r.Context(), who, id)
	if err != nil {
		return nil, err
	}
	person, err := s.Door.Person(r.Context(), who.Patient)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(e.Patients, func(id string) bool { return slices.Contains(person, id) }) {
		return nil, fhir.Errorf(fhir.NotFound, "this is not about you")
	}
	return e, nil
}

func (s *Site) wrong(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	s.ask(w, r, at, r.URL.Query().Get("entry"), http.StatusOK, "", "")
}

func (s *Site) ask(w http.ResponseWriter, r *http.Request, at seat.Seat, id string, status int, text, problem string) {
	e, err := s.entry(r, at.Who, id)
	var l *look
	if err == nil {
		l, err = s.lookOf(r.Context(), at.Words, e, map[string]string{})
	}
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	l.Did = did(e, at.Words)
	title := at.Words.T("What looks wrong?")
	if problem != "" {
		title = at.Words.T("Error:") + " " + title
	}
	s.Send(w, r, status, wrongPage, wrongView{s.Frame(at, title, "/seen"), id, l, at.Words.When(e.At), problem, text})
}

const mostWords = 2000

// report makes a Task for the privacy officer. Saying the same twice makes one.
func (s *Site) report(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	if err := r.ParseForm(); err != nil {
		s.Say(w, r, at, http.StatusBadRequest, at.Words.T("This does not work"), at.Words.T("Begin again from the start."))
		return
	}
	id, text := r.PostForm.Get("entry"), strings.TrimSpace(r.PostForm.Get("why"))
	if len([]rune(text)) > mostWords {
		s.ask(w, r, at, id, http.StatusUnprocessableEntity, text, at.Words.T("What you write must be 2,000 letters or fewer"))
		return
	}
	e, err := s.entry(r, at.Who, id)
	if err == nil {
		err = s.tell(r.Context(), at.Who, e, text)
	}
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	http.Redirect(w, r, "/my/seen?did=told", http.StatusSeeOther)
}

func (s *Site) tell(ctx context.Context, who access.Actor, e *record.TrailEntry, text string) error {
	sum := sha256.Sum256([]byte(who.Patient + "\x00" + e.ID))
	due := s.Due
	if due == 0 {
		due = 5 * 24 * time.Hour
	}
	now := s.Time().UTC()
	owner := s.Privacy
	if owner == "" {
		owner = "Privacy officer"
	}
	t := &r4.Task{ID: "looked-" + hex.EncodeToString(sum[:10]), Status: "requested", Intent: "order", Priority: "urgent", AuthoredOn: fhir.DateTimeOf(now), LastModified: fhir.DateTimeOf(now),
		Code:        &r4.CodeableConcept{Coding: []r4.Coding{{System: "urn:kith:task", Code: "access-questioned"}}, Text: "A patient says that somebody looked at their record wrongly"},
		Description: "The patient says that this looks wrong: " + e.At.Format(time.RFC3339) + ", " + e.Name + " (" + e.Who + "), " + strings.Join(did(e, staff.Words), ", ") + ".",
		For:         &r4.Reference{Reference: "Patient/" + who.Patient}, Requester: &r4.Reference{Reference: "Patient/" + who.Patient}, Owner: &r4.Reference{Display: owner},
		Restriction: &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(now.Add(due))}},
		Input:       []r4.TaskInput{{Type: &r4.CodeableConcept{Text: "Entry of the audit trail"}, ValueReference: &r4.Reference{Reference: "AuditEvent/" + e.ID}}}}
	if text != "" {
		t.Note = []r4.Annotation{{AuthorReference: &r4.Reference{Reference: "Patient/" + who.Patient}, Time: fhir.DateTimeOf(now), Text: text}}
	}
	res, err := fhir.Parse(r4.Encode(t))
	if err != nil {
		return err
	}
	_, err = s.Door.Commit(ctx, access.Actor{ID: "kith/looked", Role: access.Kith, Helper: who.ID, Purpose: "PATRQT"}, []record.Op{{Method: record.Update, Type: "Task", ID: t.ID, Resource: res, IfNone: true}})
	if fhir.KindOf(err) == fhir.Precondition {
		return nil // it was said before
	}
	return err
}
