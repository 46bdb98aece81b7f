package record

import (
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
	"github.com/kith-care/kith/fhir/r4"
	kith "github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/entry"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

//go:embed wrong.html
var wrongHTML string

var wrongPage = page(wrongHTML)

// wrongView asks what is wrong with one entry.
type wrongView struct {
	head
	About  string
	Item   item
	Errors []kit.Field
	Why    kit.Field
	Told   bool
	By     time.Time
}

const (
	mostLetters = 2000
	dueDays     = 10 // to look at what somebody says is wrong
)

// wrong lets somebody say that an entry is wrong: a Task for whoever made it, with a day by which it is looked at. Nothing in the record changes by it.
func (s *Site) wrong(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	about := r.FormValue("about")
	typ, id, ok := strings.Cut(about, "/")
	if !ok || !slices.Contains(types, typ) || !fhir.ValidID(id) {
		s.Fail(w, r, at, fhir.Errorf(fhir.NotFound, "there is no such entry"))
		return
	}
	stored, err := s.Door.Get(r.Context(), at.Who, typ, id)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	e, err := entry.Of(stored)
	if err == nil {
		err = s.about(r.Context(), at, e)
	}
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	if hidden, err := s.Release.Hidden(r.Context(), e.V); err != nil || hidden && !at.Staff {
		if err == nil {
			err = fhir.Errorf(fhir.NotFound, "there is no such entry")
		}
		s.Fail(w, r, at, err)
		return
	}
	e.From = s.titles()[e.Feed]
	v := wrongView{head: s.head(at, at.Words.T("What is wrong?"), "-"), About: about, Why: kit.Field{ID: "why"}, By: s.Time().AddDate(0, 0, dueDays)}
	v.Frame.Back.To = at.Base + "/record"
	i, shown := s.line(at, &facts{}, e)
	if !shown {
		i = s.itemOf(at, &facts{}, e, e.V.Get("code"))
	}
	v.Item = i
	status := http.StatusOK
	if r.Method == http.MethodPost {
		v.Why.Value = strings.TrimSpace(r.PostFormValue("why"))
		switch {
		case v.Why.Value == "":
			v.Why.Error = at.Words.T("Write what is wrong")
		case len([]rune(v.Why.Value)) > mostLetters:
			v.Why.Error = at.Words.T("What you write must be 2,000 letters or fewer")
		default:
			if err := s.tell(r, at, e, v.Why.Value); err != nil {
				s.Fail(w, r, at, err)
				return
			}
			kit.See(w, r, at.Base+"/record/wrong?"+url.Values{"about": {about}, "did": {"told"}}.Encode())
			return
		}
		v.Errors = []kit.Field{v.Why}
		v.Frame.Title = at.Words.T("Error:") + " " + v.Frame.Title
		status = http.StatusBadRequest
	}
	v.Told = r.FormValue("did") == "told"
	s.Send(w, r, status, wrongPage, v)
}

// tell makes the Task, if whoever says so may make one: it is written by this program in their name, as they may not see what stands there already. The same words about the same entry make one.
func (s *Site) tell(r *http.Request, at seat.Seat, e entry.Entry, why string) error {
	now := s.Time().UTC().Truncate(time.Second)
	sum := sha256.Sum256([]byte(at.Patient + "\x00" + e.Kind + "/" + e.ID + "\x00" + why))
	t := &r4.Task{ID: "wrong-" + hex.EncodeToString(sum[:10]), Status: "requested", Intent: "order", Priority: "routine", AuthoredOn: fhir.DateTimeOf(now), LastModified: fhir.DateTimeOf(now),
		Code:        &r4.CodeableConcept{Coding: []r4.Coding{{System: "urn:kith:task", Code: "entry-questioned"}}, Text: "A patient says that an entry of their record is wrong"},
		Description: "They say: " + why, Focus: &r4.Reference{Reference: e.Kind + "/" + e.ID}, For: &r4.Reference{Reference: "Patient/" + at.Patient},
		Owner:       &r4.Reference{Display: e.Source()},
		Restriction: &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(now.AddDate(0, 0, dueDays))}}}
	if strings.Contains(at.Who.ID, "/") {
		t.Requester = &r4.Reference{Reference: at.Who.ID}
	}
	res, err := r4.Resource(t)
	if err != nil {
		return err
	}
	if d, err := s.Door.Decide(r.Context(), at.Who, access.Create, "Task", at.Patient); err != nil || !d.Permit {
		if err == nil {
			err = fhir.Errorf(fhir.Forbidden, "%s", d.Sentence())
		}
		return err
	}
	by := access.Actor{ID: "kith/record", Role: access.Kith, Helper: at.Who.ID, Purpose: "PATRQT", From: at.Who.From}
	_, err = s.Door.Commit(r.Context(), by, []kith.Op{{Method: kith.Update, Type: "Task", ID: t.ID, Resource: res, IfNone: true}})
	if fhir.KindOf(err) == fhir.Precondition {
		return nil // it was said before
	}
	return err
}
