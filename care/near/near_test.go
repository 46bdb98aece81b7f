package near

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

const town = `
directory: Merrowby
reviewed: "2026-11-26"
services:
  - {name: Walking for health, what: A gentle walk with others, kinds: [move, company], helps: [low-mood], town: Merrowby, postcode: ZZ2 1AA, when: Tuesdays at 10am, phone: 01632 960100}
  - {name: Debt advice desk, what: Help with bills and debts, kinds: [money], town: Merrowby, postcode: ZZ1 5QB, web: "https://example.org/debt"}
  - {name: Memory clinic, what: Tests of memory, kinds: [health], self: false}
`

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func nearOn(t *testing.T, db string) *Service {
	t.Helper()
	now := func() time.Time { return noon }
	door, err := record.Open(t.Context(), record.Options{DB: db, Policy: access.Default(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	var ops []record.Op
	for _, text := range []string{
		`{"resourceType":"Organization","id":"surgery","name":"Merrow Surgery","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A81001"}]}`,
		`{"resourceType":"Patient","id":"ada","name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"1950-03-01","managingOrganization":{"reference":"Organization/surgery"}}`,
		`{"resourceType":"HealthcareService","id":"sessions","active":true,"name":"See a GP"}`,
		`{"resourceType":"Patient","id":"joy","name":[{"family":"Okafor","given":["Joy"]}],"birthDate":"1990-03-01"}`,
	} {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, record.Op{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res})
	}
	if _, err := door.Commit(t.Context(), me, ops); err != nil {
		t.Fatal(err)
	}
	if n, err := Load(t.Context(), door, strings.NewReader(town)); n != 3 || err != nil {
		t.Fatalf("%d entries: %v", n, err)
	}
	return &Service{Door: door, Now: now}
}

func TestOnSQLite(t *testing.T)   { everything(t, "sqlite::memory:") }
func TestOnPostgres(t *testing.T) { everything(t, storetest.Postgres(t)) }

func everything(t *testing.T, db string) {
	s := nearOn(t, db)
	t.Run("found, the nearest first", s.found)
	t.Run("what is gone from the file is gone", s.reloaded)
	t.Run("asked for, taken, ended", s.referred)
	t.Run("many at once are one", s.raced)
}

func names(entries []Entry, err error) string {
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name)
	}
	return strings.Join(out, "; ")
}

func (s *Service) found(t *testing.T) {
	for q, want := range map[Query]string{
		{}:                                 "Debt advice desk; Memory clinic; Walking for health",
		{Postcode: "zz2 1bb"}:              "Walking for health; Debt advice desk; Memory clinic",
		{Words: "WALK"}:                    "Walking for health",
		{Words: "debt bill"}:               "Debt advice desk",
		{Words: "alk"}:                     "",
		{Kind: "money"}:                    "Debt advice desk",
		{Helps: "low-mood"}:                "Walking for health",
		{Kind: "money", Helps: "low-mood"}: "",
	} {
		if got := names(s.Find(t.Context(), q)); got != want {
			t.Errorf("%+v: %s, not %s", q, got, want)
		}
	}
	all, _ := s.Find(t.Context(), Query{Words: "walking"})
	if e := all[0]; e.When != "Tuesdays at 10am" || e.Address != "Merrowby, ZZ2 1AA" || e.Phone != "01632 960100" || !e.Self {
		t.Errorf("%+v", e)
	}
	if e, err := s.One(t.Context(), all[0].ID); err != nil || e.Name != "Walking for health" {
		t.Error(e, err)
	}
	if _, err := s.One(t.Context(), "nothing"); fhir.KindOf(err) != fhir.NotFound {
		t.Error(err)
	}
}

func (s *Service) reloaded(t *testing.T) {
	less := strings.Replace(town, "  - {name: Memory clinic", "  - {name: Memory café", 1)
	if n, err := Load(t.Context(), s.Door, strings.NewReader(less)); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	fresh := &Service{Door: s.Door, Now: s.Now}
	if got := names(fresh.Find(t.Context(), Query{})); got != "Debt advice desk; Memory café; Walking for health" {
		t.Error(got)
	}
	for bad, want := range map[string]string{
		"directory: x": "needs directory",
		"directory: x\nreviewed: y\nservices: [{name: a, what: b, kinds: [nothing]}]":                                   `"nothing" is no kind`,
		"directory: x\nreviewed: y\nservices: [{name: a, what: b, kinds: [other]}, {name: A, what: b, kinds: [other]}]": "stands there twice",
		"directory: x\nreviewed: y\nservices: [{name: a, what: b, kinds: [other], web: 'javascript:alert(1)'}]":         "no address of a page",
		"directory: [": "cannot be read",
	} {
		if _, err := Load(t.Context(), s.Door, strings.NewReader(bad)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func (s *Service) referred(t *testing.T) {
	ctx := t.Context()
	ada := access.Actor{ID: "Patient/ada", Name: "Ada Okafor", Role: "patient", Patient: "ada", Level: access.P9, Purpose: "PATRQT"}
	joy := access.Actor{ID: "Patient/joy", Name: "Joy Okafor", Role: "patient", Patient: "joy", Level: access.P9, Purpose: "PATRQT"}
	rita := access.Actor{ID: "Practitioner/rita", Name: "Rita", Role: "receptionist", Organization: "A81001", Purpose: "TREAT"}
	other := access.Actor{ID: "Practitioner/x", Name: "X", Role: "receptionist", Organization: "A81999", Purpose: "TREAT"}
	for who, kind := range map[*access.Actor]fhir.ErrKind{&joy: fhir.Forbidden, &other: fhir.Forbidden} {
		if _, err := s.Refer(ctx, *who, "ada", []string{"company"}, "", ""); fhir.KindOf(err) != kind {
			t.Errorf("%s asks for Ada: %v", who.Name, err)
		}
	}
	for _, wants := range [][]string{nil, {"company", "gold"}} {
		if _, err := s.Refer(ctx, ada, "ada", wants, "", ""); fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("%v: %v", wants, err)
		}
	}
	if err := (&trust.Service{Door: s.Door, Now: s.Now}).Record(ctx, me, "ada", "joy", "Joy", []string{"manage"}, noon.AddDate(1, 0, 0), true); err != nil {
		t.Fatal(err)
	}
	walk, _ := s.Find(ctx, Query{Words: "walking"})
	task, err := s.Refer(ctx, joy, "ada", []string{"company", "move"}, "She is alone since Tom died", walk[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Refer(ctx, ada, "ada", []string{"money"}, "", ""); fhir.KindOf(err) != fhir.Conflict {
		t.Errorf("asked twice: %v", err)
	}
	queue, err := s.Queue(ctx, rita)
	if err != nil || len(queue) != 1 || queue[0].Task != task || queue[0].By != "Joy Okafor" || queue[0].Service != "Walking for health" || queue[0].Words != "She is alone since Tom died" || !queue[0].Due.Equal(noon.AddDate(0, 0, 7)) {
		t.Fatalf("%+v %v", queue, err)
	}
	if queue, err := s.Queue(ctx, other); err != nil || len(queue) != 0 {
		t.Errorf("another practice sees it: %+v %v", queue, err)
	}
	if err := s.Take(ctx, other, task); err == nil {
		t.Error("another practice takes it")
	}
	if err := s.Take(ctx, rita, task); err != nil {
		t.Fatal(err)
	}
	if of, err := s.Of(ctx, ada, "ada"); err != nil || len(of) != 1 || !of[0].Taken || of[0].Owner != "Rita" || !of[0].Ended.IsZero() {
		t.Fatalf("%+v %v", of, err)
	}
	if err := s.Finish(ctx, rita, task, "nothing", ""); fhir.KindOf(err) != fhir.Invalid {
		t.Error(err)
	}
	if err := s.Finish(ctx, rita, task, "joined", "You walk on Tuesdays"); err != nil {
		t.Fatal(err)
	}
	if of, err := s.Of(ctx, ada, "ada"); err != nil || of[0].End != "joined" || of[0].EndWords != "You walk on Tuesdays" || !of[0].Ended.Equal(noon) {
		t.Fatalf("%+v %v", of, err)
	}
	if err := s.Take(ctx, rita, task); fhir.KindOf(err) != fhir.Conflict {
		t.Errorf("taken after its end: %v", err)
	}
	page, err := s.Door.Find(ctx, me, "ServiceRequest?patient=ada&status=completed")
	if err != nil || len(page.Matches) != 1 {
		t.Errorf("the request is not completed: %v", err)
	}
}

func (s *Service) raced(t *testing.T) {
	joy := access.Actor{ID: "Patient/joy", Name: "Joy Okafor", Role: "patient", Patient: "joy", Level: access.P9, Purpose: "PATRQT"}
	var all sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 20 {
		all.Go(func() {
			_, err := s.Refer(context.WithoutCancel(t.Context()), joy, "joy", []string{"food"}, "", "")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made++
			} else if fhir.KindOf(err) != fhir.Conflict {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made != 1 {
		t.Errorf("%d link workers were asked", made)
	}
}

func TestHowFarPostcodesAre(t *testing.T) {
	for pair, want := range map[[2]string]int{{"ZZ1 5QB", "zz15aa"}: 0, {"ZZ1 5QB", "ZZ1 6AA"}: 1, {"ZZ1 5QB", "ZZ12 5AA"}: 2, {"ZZ1 5QB", "Z1 5QB"}: 3, {"", "ZZ1 5QB"}: 3, {"ZZ1", "ZZ1 5QB"}: 3} {
		if got := Far(pair[0], pair[1]); got != want {
			t.Errorf("%s to %s: %d, not %d", pair[0], pair[1], got, want)
		}
	}
}
