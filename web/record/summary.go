package record

import (
	"context"
	_ "embed"
	"net/http"

	"github.com/kith-care/kith/care/carry"
	"github.com/kith-care/kith/connect/reconcile"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/entry"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

//go:embed summary.html
var summaryHTML string

var summaryPage = page(summaryHTML)

// summaryView is a summary as it is read and printed.
type summaryView struct {
	head
	Person string
	Born   string
	Number string
	Parts  []carry.Part
	Made   string
}

// summaryTypes are what a summary is made of.
var summaryTypes = []string{"Condition", "AllergyIntolerance", "MedicationRequest", "Immunization", "Observation", "Procedure"}

// mostResults is how many tests a summary holds, the newest of each.
const mostResults = 30

// taken is the summary of a record as whoever sits there may take it away. Staff take what the patient sees, and no more.
func (s *Site) taken(ctx context.Context, at seat.Seat) (*carry.Summary, error) {
	f, err := s.read(ctx, at, summaryTypes...)
	if err != nil {
		return nil, err
	}
	if at.Staff {
		if err := s.asPatient(ctx, at, f); err != nil {
			return nil, err
		}
	}
	stored, err := s.Door.Get(ctx, at.Who, "Patient", at.Patient)
	if err != nil {
		return nil, err
	}
	sum := &carry.Summary{}
	if sum.Patient, err = stored.Resource(); err != nil {
		return nil, err
	}
	list := func(kind reconcile.Kind, of string) (now, past []carry.Item) {
		n, p := s.rows(at, f, kind, of)
		by := map[string]entry.Entry{}
		for _, e := range f.of[of] {
			by[e.Kind+"-"+e.ID] = e
		}
		for i, items := range [][]item{n, p} {
			for _, one := range items {
				e := by[one.ID]
				it := carry.Item{Resource: e.V.Resource(), Words: spelled(one), Detail: one.Detail, When: one.On, From: one.Source}
				if i == 0 {
					now = append(now, it)
				} else {
					past = append(past, it)
				}
			}
		}
		return now, past
	}
	sum.Problems, sum.Past = list(reconcile.Problems, "Condition")
	sum.Medicines, _ = list(reconcile.Medicines, "MedicationRequest")
	sum.Allergies, _ = list(reconcile.Allergies, "AllergyIntolerance")
	for _, e := range given(f.of["Immunization"]) {
		if e.At("status") == "completed" {
			i := s.itemOf(at, f, e, e.V.Get("vaccineCode"))
			sum.Vaccinations = append(sum.Vaccinations, carry.Item{Resource: e.V.Resource(), Words: spelled(i), When: i.On, From: i.Source})
		}
	}
	for _, one := range s.tests(at, f) {
		if (one.group == "laboratory" || one.group == "vital-signs") && len(sum.Results) < mostResults {
			sum.Results = append(sum.Results, carry.Item{Resource: one.values[0].V.Resource(), Words: spelled(one.item), Detail: one.Detail, When: one.On, From: one.Source})
		}
	}
	for _, e := range entry.NewestFirst(f.of["Procedure"]) {
		if e.At("status") == "completed" {
			i := s.itemOf(at, f, e, e.V.Get("code"))
			sum.Procedures = append(sum.Procedures, carry.Item{Resource: e.V.Resource(), Words: spelled(i), When: i.On, From: i.Source})
		}
	}
	return sum, nil
}

// spelled is what an entry is called in plain words, with the term that professionals read.
func spelled(i item) string {
	if i.Term != "" {
		return i.Title + " (" + i.Term + ")"
	}
	return i.Title
}

// summary shows the summary: to read, to print, and the ways to take it away.
func (s *Site) summary(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	sum, err := s.taken(r.Context(), at)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := summaryOf(at, sum)
	v.head = s.head(at, at.Words.T("Take it with you"), "/summary")
	v.Made = at.Words.Date(s.Time())
	s.Send(w, r, http.StatusOK, summaryPage, v)
}

func summaryOf(at seat.Seat, sum *carry.Summary) summaryView {
	p := sum.Patient.Root()
	v := summaryView{Person: kit.Name(p.Get("name")), Born: on(at.Words, p.Get("birthDate").Text()), Number: kit.NHSNumberOf(p)}
	titles := map[string]string{"Allergies": at.Words.T("Allergies"), "Medicines": at.Words.T("Medicines"), "Health problems": at.Words.T("Health problems"), "Vaccinations": at.Words.T("Vaccinations"),
		"Operations and procedures": at.Words.T("Procedures"), "Results": at.Words.T("Test results"), "Past health problems": at.Words.T("Health problems that are over")}
	for _, part := range sum.Parts() {
		part.Title = titles[part.Title]
		v.Parts = append(v.Parts, part)
	}
	return v
}

// document sends the summary as an International Patient Summary.
func (s *Site) document(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	doc, err := s.documentOf(r.Context(), at)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	w.Header().Set("Content-Type", "application/fhir+json; charset=utf-8")
	w.Header().Set("Content-Disposition", "attachment; filename=patient-summary.json")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(doc.Bytes()) // who asked has gone away where this fails
}

// documentOf is the summary as a document. It is in English whatever the reader reads: who it is for is somebody else.
func (s *Site) documentOf(ctx context.Context, at seat.Seat) (*fhir.Resource, error) {
	at.Words = words.In("en")
	sum, err := s.taken(ctx, at)
	if err != nil {
		return nil, err
	}
	doc, err := s.Carry.Document(sum)
	if err != nil {
		return nil, err
	}
	return doc, carry.Check(ctx, doc)
}
