package record

import (
	"context"
	_ "embed"
	"net/http"
	"net/url"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/release"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/entry"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

//go:embed preview.html
var previewHTML string

var previewPage = english(previewHTML)

// previewView is a record as its patient sees it, and what they do not see, for staff before they publish.
type previewView struct {
	head
	Done   string
	Hidden []hiddenItem // what the patient does not see
	Shown  []item       // the newest of what they do see
	Orders []orderRow   // tests that were asked for and are not back
	Wrong  []saidWrong  // what they say is wrong and nobody has looked at yet
}

// saidWrong is what somebody says is wrong about an entry.
type saidWrong struct{ Text, On, By, To, Owner string }

// hiddenItem is an entry that its patient does not see.
type hiddenItem struct {
	item
	Why     string
	Release bool // staff may let them see it
	Ref     string
}

// orderRow is a test that was asked for, with when its result is to be seen.
type orderRow struct {
	ID, Title, On string
	Now           release.Rule
}

// patientOf is the patient of a seat as an actor, helped by whoever sits there: the audit names both.
func patientOf(at seat.Seat) access.Actor {
	return access.Actor{ID: "Patient/" + at.Patient, Name: at.Name, Role: "patient", Patient: at.Patient, Level: access.P9, Purpose: "PATRQT", From: at.Who.From, Organization: at.Who.Organization, Helper: at.Who.ID}
}

// asPatient leaves of what staff see what their patient sees as well. Staff never see more by it: what the policy keeps from them is not among what they read.
func (s *Site) asPatient(ctx context.Context, at seat.Seat, f *facts) error {
	kinds := make([]string, 0, len(f.of))
	for kind := range f.of {
		kinds = append(kinds, kind)
	}
	theirs, err := s.readAs(ctx, patientOf(at), at.Patient, kinds...)
	if fhir.KindOf(err) == fhir.Forbidden {
		theirs, err = &facts{of: map[string][]entry.Entry{}}, nil
	}
	if err != nil {
		return err
	}
	for kind, mine := range f.of {
		sees := map[string]bool{}
		for _, e := range theirs.of[kind] {
			sees[e.ID] = true
		}
		kept := mine[:0:0]
		for _, e := range mine {
			hidden := false
			if kind == "Observation" || kind == "DiagnosticReport" {
				if hidden, err = s.Release.Hidden(ctx, e.V); err != nil {
					return err
				}
			}
			if sees[e.ID] && !hidden && !release.Labelled(e.V) {
				kept = append(kept, e)
			}
		}
		f.of[kind] = kept
	}
	return nil
}

const mostShown = 40

// preview shows staff a record as its patient sees it.
func (s *Site) preview(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	all, err := s.read(r.Context(), at, types...)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	theirs := &facts{of: map[string][]entry.Entry{}}
	for kind, list := range all.of {
		theirs.of[kind] = list
	}
	if err := s.asPatient(r.Context(), at, theirs); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := previewView{head: s.head(at, "As the patient sees it", "as-patient"), Done: r.URL.Query().Get("did")}
	sees := map[string]bool{}
	for _, i := range s.items(at, theirs) {
		sees[i.ID] = true
		if len(v.Shown) < mostShown {
			v.Shown = append(v.Shown, i)
		}
	}
	for _, i := range s.items(at, all) {
		if sees[i.ID] {
			continue
		}
		kind, id, _ := strings.Cut(i.ID, "-")
		h := hiddenItem{item: i, Ref: kind + "/" + id, Why: "The policy does not show it to them."}
		if i.Held != "" {
			h.Why, h.Release = i.Held+".", kind == "Observation" || kind == "DiagnosticReport"
		}
		h.Held = ""
		v.Hidden = append(v.Hidden, h)
	}
	for _, e := range entry.NewestFirst(all.of["ServiceRequest"]) {
		if status := e.At("status"); (status == "active" || status == "draft") && len(v.Orders) < 10 {
			i := s.itemOf(at, all, e, e.V.Get("code"))
			v.Orders = append(v.Orders, orderRow{e.ID, i.Title, i.On, release.OrderedOf(e.V)})
		}
	}
	if v.Wrong, err = s.saidWrong(r.Context(), at); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	s.Send(w, r, http.StatusOK, previewPage, v)
}

// saidWrong are the open Tasks about entries that somebody says are wrong; none where the reader may not see Tasks.
func (s *Site) saidWrong(ctx context.Context, at seat.Seat) ([]saidWrong, error) {
	var out []saidWrong
	for m, err := range s.Door.All(ctx, at.Who, "Task?code=urn:kith:task|entry-questioned&status=requested,accepted,in-progress&patient="+url.QueryEscape(at.Patient)) {
		if fhir.KindOf(err) == fhir.Forbidden {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		e, err := entry.Of(m)
		if err != nil {
			return nil, err
		}
		out = append(out, saidWrong{e.At("description"), on(at.Words, e.At("authoredOn")), on(at.Words, e.At("restriction.period.end")), strings.Replace(e.At("focus.reference"), "/", "-", 1), e.At("owner.display")})
	}
	return out, nil
}

// releaseOne lets the patient see a result.
func (s *Site) releaseOne(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	typ, id, ok := strings.Cut(r.PostFormValue("result"), "/")
	if !ok || !fhir.ValidID(id) {
		s.Fail(w, r, at, fhir.Errorf(fhir.Invalid, "say which result"))
		return
	}
	if err := s.theirs(r.Context(), at, typ, id); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	if err := s.Release.Release(r.Context(), at.Who, typ, id); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	kit.See(w, r, at.Base+"/as-patient?did=released")
}

// order says of a test that was asked for when its result is to be seen.
func (s *Site) order(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	id := r.PostFormValue("order")
	if !fhir.ValidID(id) {
		s.Fail(w, r, at, fhir.Errorf(fhir.Invalid, "say which order"))
		return
	}
	err := s.theirs(r.Context(), at, "ServiceRequest", id)
	if err == nil {
		err = s.Release.Order(r.Context(), at.Who, id, release.Rule(r.PostFormValue("when")))
	}
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	kit.See(w, r, at.Base+"/as-patient?did=ordered")
}

// theirs is NotFound where a resource is not of the person whom the page is about.
func (s *Site) theirs(ctx context.Context, at seat.Seat, typ, id string) error {
	stored, err := s.Door.Get(ctx, at.Who, typ, id)
	if err != nil {
		return err
	}
	e, err := entry.Of(stored)
	if err != nil {
		return err
	}
	return s.about(ctx, at, e)
}

// about is the same of an entry that was read.
func (s *Site) about(ctx context.Context, at seat.Seat, e entry.Entry) error {
	person, err := s.Door.Person(ctx, at.Patient)
	if err != nil {
		return err
	}
	for _, one := range append(person, at.Patient) {
		if e.V.Get("subject").Get("reference").Is("Patient/"+one) || e.V.Get("patient").Get("reference").Is("Patient/"+one) {
			return nil
		}
	}
	return fhir.Errorf(fhir.NotFound, "this is not about them")
}
