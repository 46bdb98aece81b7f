package trust

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

var (
	noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	ada  = access.Actor{ID: "Patient/ada", Role: "patient", Patient: "ada", Level: access.P9}
	joy  = access.Actor{ID: "Patient/joy", Role: "patient", Patient: "joy", Level: access.P5}
	max  = access.Actor{ID: "Patient/max", Role: "patient", Patient: "max", Level: access.P9}
	desk = access.Actor{ID: "Practitioner/r", Role: "receptionist", Organization: "A"}
	year = noon.AddDate(1, 0, 0)
)

// place is a record with Ada, her daughter Joy, and Dee, who is 13, with her father Max.
func place(t *testing.T, db string) *Service {
	t.Helper()
	now := noon
	s := &Service{Now: func() time.Time { return now }}
	var err error
	if s.Door, err = record.Open(t.Context(), record.Options{DB: db, Policy: access.Default(), Now: s.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Door.Close() })
	var ops []record.Op
	for _, line := range []string{
		`{"resourceType":"Organization","id":"a","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A"}]}`,
		`{"resourceType":"Patient","id":"ada","name":[{"given":["Ada"],"family":"Okafor"}],"birthDate":"1950-03-01","managingOrganization":{"reference":"Organization/a"}}`,
		`{"resourceType":"Patient","id":"joy","name":[{"given":["Joy"],"family":"Okafor"}],"birthDate":"1980-03-01"}`,
		`{"resourceType":"Patient","id":"max","name":[{"given":["Max"],"family":"Shah"}],"birthDate":"1980-03-01","managingOrganization":{"reference":"Organization/a"}}`,
		`{"resourceType":"Patient","id":"dee","name":[{"given":["Dee"],"family":"Shah"}],"birthDate":"2013-06-01","managingOrganization":{"reference":"Organization/a"}}`,
		`{"resourceType":"Appointment","id":"ada-a","status":"booked","participant":[{"actor":{"reference":"Patient/ada"},"status":"accepted"}]}`,
		`{"resourceType":"Observation","id":"dee-o","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/dee"}}`,
	} {
		res, err := fhir.Parse([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, record.Op{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res})
	}
	if _, err := s.Door.Commit(t.Context(), access.Actor{ID: "kith/test", Role: access.Kith}, ops); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Service) sees(t *testing.T, who access.Actor, typ, id string) bool {
	t.Helper()
	_, err := s.Door.Get(t.Context(), who, typ, id)
	if err != nil && fhir.KindOf(err) != fhir.NotFound {
		t.Fatal(err)
	}
	return err == nil
}

func TestAnInvitationIsAccepted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		s := place(t, db)
		code, err := s.Invite(t.Context(), ada, "My daughter Joy", []string{"book"}, year)
		if err != nil {
			t.Fatal(err)
		}
		if len(code) != 14 || strings.ContainsAny(code, "01ILO") {
			t.Errorf("the code is %q", code)
		}
		for name, try := range map[string]struct {
			who        access.Actor
			code, born string
			want       fhir.ErrKind
		}{
			"a code that never was": {joy, "2222-2222-2222", "1950-03-01", fhir.NotFound},
			"a wrong birth date":    {joy, code, "1950-03-02", fhir.NotFound},
			"nobody's account":      {access.Actor{ID: "x", Role: "patient"}, code, "1950-03-01", fhir.Forbidden},
			"not proved":            {access.Actor{ID: "Patient/joy", Role: "patient", Patient: "joy"}, code, "1950-03-01", fhir.Forbidden},
			"the giver":             {ada, code, "1950-03-01", fhir.Invalid},
		} {
			if _, err := s.Accept(t.Context(), try.who, try.code, try.born); fhir.KindOf(err) != try.want || err == nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if s.sees(t, joy, "Appointment", "ada-a") {
			t.Fatal("she sees before she has accepted")
		}
		if _, err := s.Accept(t.Context(), joy, " "+strings.ToLower(strings.ReplaceAll(code, "-", "")), "1950-03-01"); err != nil {
			t.Fatal(err)
		}
		if !s.sees(t, joy, "Appointment", "ada-a") {
			t.Error("she does not see what she was given")
		}
		if _, err := s.Accept(t.Context(), max, code, "1950-03-01"); fhir.KindOf(err) != fhir.NotFound || err == nil {
			t.Errorf("a code holds twice: %v", err)
		}
		given, err := s.By(t.Context(), ada, "ada")
		if err != nil || len(given) != 1 || given[0].Name != "My daughter Joy" || !given[0].Active || !given[0].ByPerson || given[0].Trusted != "joy" {
			t.Fatalf("%+v %v", given, err)
		}
		have, err := s.To(t.Context(), joy)
		if err != nil || len(have) != 1 || have[0].Giver != "Ada Okafor" || have[0].Scopes[0] != "book" {
			t.Fatalf("%+v %v", have, err)
		}
		if err := s.End(t.Context(), max, given[0].ID); fhir.KindOf(err) != fhir.NotFound || err == nil {
			t.Errorf("a stranger ends it: %v", err)
		}
		if err := s.End(t.Context(), ada, given[0].ID); err != nil {
			t.Fatal(err)
		}
		if s.sees(t, joy, "Appointment", "ada-a") {
			t.Error("it is over, and she still sees")
		}
		if have, err := s.To(t.Context(), joy); err != nil || len(have) != 0 {
			t.Errorf("it is over, and still listed: %v %v", have, err)
		}
	})
}

// Two who accept with one code at once: one is trusted.
func TestACodeHoldsOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		s := place(t, db)
		code, err := s.Invite(t.Context(), ada, "Somebody", []string{"see"}, year)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			all.Go(func() {
				who := joy
				if i%2 == 1 {
					who = max
				}
				_, errs[i] = s.Accept(t.Context(), who, code, "1950-03-01")
			})
		}
		all.Wait()
		accepted := 0
		for _, err := range errs {
			if err == nil {
				accepted++
			}
		}
		if accepted != 1 {
			t.Errorf("accepted %d times: %v", accepted, errs)
		}
		if given, err := s.By(t.Context(), ada, "ada"); err != nil || len(given) != 1 {
			t.Errorf("%v %v", given, err)
		}
	})
}

func TestWhatCannotBeGiven(t *testing.T) {
	s := place(t, "sqlite::memory:")
	for name, try := range map[string]struct {
		who    access.Actor
		name   string
		scopes []string
		until  time.Time
		want   fhir.ErrKind
	}{
		"nobody":                            {ada, " ", []string{"see"}, year, fhir.Invalid},
		"a very long name":                  {ada, strings.Repeat("x", 101), []string{"see"}, year, fhir.Invalid},
		"nothing":                           {ada, "Joy", nil, year, fhir.Invalid},
		"everything":                        {ada, "Joy", []string{"everything"}, year, fhir.Invalid},
		"until yesterday":                   {ada, "Joy", []string{"see"}, noon.AddDate(0, 0, -1), fhir.Invalid},
		"for ever":                          {ada, "Joy", []string{"see"}, noon.AddDate(20, 0, 0), fhir.Invalid},
		"by who has not shown who they are": {joy, "Ada", []string{"see"}, year, fhir.Forbidden},
		"by staff":                          {desk, "Joy", []string{"see"}, year, fhir.Forbidden},
	} {
		if _, err := s.Invite(t.Context(), try.who, try.name, try.scopes, try.until); fhir.KindOf(err) != try.want || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An invitation that nobody accepts is over after a week.
func TestAnInvitationEnds(t *testing.T) {
	s := place(t, "sqlite::memory:")
	now := noon
	s.Now = func() time.Time { return now }
	code, err := s.Invite(t.Context(), ada, "Joy", []string{"see"}, year)
	if err != nil {
		t.Fatal(err)
	}
	now = noon.Add(InvitationLasts)
	if _, err := s.Accept(t.Context(), joy, code, "1950-03-01"); fhir.KindOf(err) != fhir.NotFound || err == nil {
		t.Errorf("it is still accepted: %v", err)
	}
}

// A parent's trust is recorded at the desk, and after the 11th birthday it needs a review since.
func TestADeskRecordsAndReviews(t *testing.T) {
	s := place(t, "sqlite::memory:")
	if err := s.Record(t.Context(), access.Actor{ID: "Practitioner/x", Role: "receptionist", Organization: "B"}, "dee", "max", "Her father", []string{"see", "book"}, year, false); fhir.KindOf(err) != fhir.Forbidden || err == nil {
		t.Errorf("another practice records it: %v", err)
	}
	if err := s.Record(t.Context(), desk, "dee", "dee", "Herself", []string{"see"}, year, false); fhir.KindOf(err) != fhir.Invalid || err == nil {
		t.Errorf("herself: %v", err)
	}
	if err := s.Record(t.Context(), desk, "dee", "max", "Her father", []string{"see", "book"}, year, false); err != nil {
		t.Fatal(err)
	}
	if !s.sees(t, max, "Observation", "dee-o") {
		t.Error("what was reviewed today does not hold")
	}
	given, err := s.By(t.Context(), desk, "dee")
	if err != nil || len(given) != 1 {
		t.Fatal(given, err)
	}
	// As it would be had it been recorded before she was 11 and never looked at again.
	if err := s.patch(t.Context(), desk, given[0].ID, fhir.PatchOp{Op: "replace", Path: "/verification/0/verificationDate", Value: []byte(`"2020-01-01"`)}); err != nil {
		t.Fatal(err)
	}
	if s.sees(t, max, "Observation", "dee-o") {
		t.Error("he sees a teenager's record that nobody has reviewed")
	}
	if err := s.Review(t.Context(), desk, given[0].ID); err != nil {
		t.Fatal(err)
	}
	if !s.sees(t, max, "Observation", "dee-o") {
		t.Error("the review changes nothing")
	}
	if err := s.End(t.Context(), max, given[0].ID); err != nil {
		t.Errorf("whoever is trusted cannot give it back: %v", err)
	}
}
