package triage

import (
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/validate"
)

var okafor = []string{
	`{"resourceType":"Patient","id":"okafor","gender":"female","birthDate":"1967-03-04"}`,
	`{"resourceType":"MedicationRequest","id":"m1","status":"active","intent":"order","authoredOn":"2026-10-01","subject":{"reference":"Patient/okafor"},"medicationReference":{"reference":"Medication/apixaban"}}`,
	`{"resourceType":"Medication","id":"apixaban","code":{"text":"Apixaban 5mg tablets"}}`,
	`{"resourceType":"Condition","id":"c1","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"49436004"}]},"subject":{"reference":"Patient/okafor"}}`,
	`{"resourceType":"Patient","id":"smith","gender":"male","birthDate":"1967-03-04"}`,
}

// triageOn is the service on a database with Mrs Okafor, who takes apixaban, and Mr Smith, of whom nothing is known.
func triageOn(t *testing.T, db string) *Service {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC) }
	door, err := record.Open(t.Context(), record.Options{DB: db, Base: "http://kith.test/fhir", Policy: access.Default(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := door.Close(); err != nil {
			t.Error(err)
		}
	})
	var ops []record.Op
	for _, text := range okafor {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, record.Op{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res})
	}
	if _, err := door.Commit(t.Context(), me, ops); err != nil {
		t.Fatal(err)
	}
	return &Service{Door: door, Book: shippedBook(t), Now: now}
}

func patientActor(id string, level access.Level) access.Actor {
	return access.Actor{ID: "Patient/" + id, Name: id, Role: "patient", Patient: id, Level: level, Purpose: "PATRQT"}
}

// toEnd answers no to everything, each time as another process would that has only the record.
func toEnd(t *testing.T, s *Service, who access.Actor, c *Case) *Case {
	t.Helper()
	for c.Ask != nil {
		other := &Service{Door: s.Door, Book: s.Book, Now: s.Now}
		yes := make([]Tri, len(c.Ask.Items))
		for i := range yes {
			yes[i] = No
		}
		key := c.Ask.Key()
		next, err := other.Answer(t.Context(), who, c.ID, key, yes, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Answer(t.Context(), who, c.ID, key, yes, 0); fhir.KindOf(err) != fhir.Conflict {
			t.Fatalf("answered twice: %v", err)
		}
		c = next
	}
	return c
}

func TestAnInterviewIsKeptAndEndsInOneQueue(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		s := triageOn(t, db)
		who := patientActor("okafor", access.P9)
		for _, channel := range []Channel{Web, Telephone, Desk} {
			c, err := s.Start(t.Context(), who, "okafor", "I banged my head on a cupboard", channel)
			if err != nil {
				t.Fatal(err)
			}
			c = toEnd(t, s, who, c)
			if c.Outcome.Level != Emergency || c.Task == "" || len(c.Outcome.Facts) == 0 || c.Outcome.Facts[0].From != "MedicationRequest/m1" {
				t.Fatalf("%s: level %s, Task %q, facts %v", channel, c.Outcome.Level, c.Task, c.Outcome.Facts)
			}
		}
		page, err := s.Door.Find(t.Context(), me, "Task?code=urn:kith:task|triage&patient=okafor")
		if err != nil || len(page.Matches) != 3 {
			t.Fatalf("the queue has %d: %v", len(page.Matches), err)
		}
		for _, channel := range []string{"web", "telephone", "desk"} {
			found := false
			for i := range page.Matches {
				found = found || strings.Contains(string(page.Matches[i].Body), `"code":"`+channel+`"`)
			}
			if !found {
				t.Errorf("no Task of the queue is of %s", channel)
			}
		}
		for _, query := range []string{"QuestionnaireResponse?status=completed", "RiskAssessment?subject=Patient/okafor", "RequestGroup?subject=Patient/okafor", "Provenance?_count=10", "Task?patient=okafor"} {
			page, err := s.Door.Find(t.Context(), me, query)
			if err != nil || len(page.Matches) != 3 {
				t.Fatalf("%s finds %d: %v", query, len(page.Matches), err)
			}
			res, err := page.Matches[0].Resource()
			if err != nil {
				t.Fatal(err)
			}
			issues, err := s.Door.Validate(t.Context(), me, res)
			if err != nil {
				t.Fatal(err)
			}
			if err := validate.Err(issues); err != nil {
				t.Errorf("%s: %v\n%s", query, err, page.Matches[0].Body)
			}
			if strings.HasPrefix(query, "Provenance") && !strings.Contains(string(page.Matches[0].Body), "urn:kith:triage:"+"head-injury:plan|"+s.Book.Pack("head-injury").Version) {
				t.Errorf("the Provenance does not pin the pack: %s", page.Matches[0].Body)
			}
		}
	})
}

func TestTheSameWordsWithAnotherRecord(t *testing.T) {
	s := triageOn(t, "sqlite::memory:")
	level := func(id string) Level {
		who := patientActor(id, access.P9)
		c, err := s.Start(t.Context(), who, id, "I banged my head on a cupboard", Web)
		if err != nil {
			t.Fatal(err)
		}
		return toEnd(t, s, who, c).Outcome.Level
	}
	if with, without := level("okafor"), level("smith"); with != Emergency || without >= Emergency {
		t.Errorf("with apixaban %s, without %s", with, without)
	}
}

// A floor rests on the record also where the person may not read it yet, and then does not tell them what it rests on.
func TestFactsAreToldOnlyToThoseWhoMayReadThem(t *testing.T) {
	s := triageOn(t, "sqlite::memory:")
	who := patientActor("okafor", access.P5)
	c, err := s.Start(t.Context(), who, "okafor", "I banged my head on a cupboard", Web)
	if err != nil {
		t.Fatal(err)
	}
	if c = toEnd(t, s, who, c); c.Outcome.Level != Emergency || len(c.Outcome.Facts) != 0 {
		t.Errorf("level %s, facts %v", c.Outcome.Level, c.Outcome.Facts)
	}
	if _, err := s.Start(t.Context(), who, "smith", "I have a headache", Web); fhir.KindOf(err) != fhir.Forbidden && fhir.KindOf(err) != fhir.NotFound {
		t.Errorf("somebody else's triage: %v", err)
	}
	if _, err := s.Case(t.Context(), patientActor("smith", access.P9), c.ID); fhir.KindOf(err) != fhir.Forbidden && fhir.KindOf(err) != fhir.NotFound {
		t.Errorf("somebody else's interview: %v", err)
	}
}

func TestAnotherPackIsChosenBeforeTheFirstAnswer(t *testing.T) {
	s := triageOn(t, "sqlite::memory:")
	who := patientActor("smith", access.P9)
	c, err := s.Start(t.Context(), who, "smith", "I have a headache and a sore throat", Desk)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = s.Choose(t.Context(), who, c.ID, "sore-throat"); err != nil || c.Pack.Name != "sore-throat" {
		t.Fatalf("chosen: %v %v", c, err)
	}
	yes := make([]Tri, len(c.Ask.Items))
	if c, err = s.Answer(t.Context(), who, c.ID, c.Ask.Key(), yes, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Choose(t.Context(), who, c.ID, "headache"); fhir.KindOf(err) != fhir.Conflict {
		t.Errorf("chosen after an answer: %v", err)
	}
	if _, err := s.Choose(t.Context(), who, c.ID, "nothing"); fhir.KindOf(err) != fhir.NotFound {
		t.Errorf("a pack that there is not: %v", err)
	}
}
