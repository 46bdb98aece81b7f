package home

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

var (
	morning = time.Date(2026, 11, 26, 7, 0, 0, 0, time.UTC)
	kith    = access.Actor{ID: "kith/test", Role: access.Kith}
	ada     = access.Actor{ID: "Patient/ada", Name: "Ada Okafor", Role: "patient", Patient: "ada", Level: access.P9}
	joy     = access.Actor{ID: "Patient/joy", Name: "Joy Okafor", Role: "patient", Patient: "joy", Level: access.P9}
	ben     = access.Actor{ID: "Patient/ben", Name: "Ben Reed", Role: "patient", Patient: "ben", Level: access.P9}
	tina    = access.Actor{ID: "Practitioner/tina", Name: "Tina Holt", Role: "careworker", Organization: "ZZHC", Purpose: "TREAT"}
	nia     = access.Actor{ID: "Practitioner/nia", Name: "Nurse Nia", Role: "nurse", Organization: "A", Purpose: "TREAT"}
)

// house is a record with Ada, who has home care, and a clock that the test moves.
type house struct {
	*Service
	t     *testing.T
	clock atomic.Int64
}

func (h *house) set(clock string) {
	at, err := time.Parse("15:04", clock)
	if err != nil {
		h.t.Fatal(err)
	}
	h.clock.Store(morning.Truncate(24 * time.Hour).Add(time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute).UnixMicro())
}

func open(t *testing.T, db string) *house {
	t.Helper()
	h := &house{t: t}
	h.clock.Store(morning.UnixMicro())
	now := func() time.Time { return time.UnixMicro(h.clock.Load()).UTC() }
	door, err := record.Open(t.Context(), record.Options{DB: db, Policy: access.Default(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	h.Service = &Service{Door: door, Now: now, Every: 10 * time.Millisecond}
	h.put(`{"resourceType":"Organization","id":"a","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A"}]}`,
		`{"resourceType":"Patient","id":"ada","name":[{"given":["Ada"],"family":"Okafor"}],"birthDate":"1950-03-01","managingOrganization":{"reference":"Organization/a"}}`,
		`{"resourceType":"Patient","id":"joy","name":[{"given":["Joy"],"family":"Okafor"}],"birthDate":"1980-03-01"}`,
		`{"resourceType":"Patient","id":"ben","name":[{"given":["Ben"],"family":"Reed"}],"birthDate":"1950-03-01"}`)
	return h
}

func (h *house) put(texts ...string) {
	h.t.Helper()
	for _, text := range texts {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			h.t.Fatal(err)
		}
		if _, err := h.Door.Commit(h.t.Context(), kith, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
			h.t.Fatal(err)
		}
	}
}

// visit is a visit as an agency says it; came and left are "" where nobody has.
func (h *house) visit(id, status, planned, came, left string) {
	h.t.Helper()
	at := func(clock string) string { return "2026-11-26T" + clock + ":00Z" }
	period := `"start":"` + at(planned) + `"`
	if came != "" {
		period = `"start":"` + at(came) + `"`
	}
	if left != "" {
		period += `,"end":"` + at(left) + `"`
	}
	h.put(fmt.Sprintf(`{"resourceType":"Encounter","id":%q,"meta":{"source":"urn:kith:intake:agency/7#line-1"},"status":%q,"class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HH"},"subject":{"reference":"Patient/ada"},
 "extension":[{"url":%q,"valueDateTime":%q}],"participant":[{"individual":{"display":"Tina Holt"}}],"serviceProvider":{"type":"Organization","identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"ZZHC"},"display":"Merrowby Home Care"},"period":{%s}}`,
		id, status, plannedStart, at(planned), period))
}

func (h *house) medicine(id, visit, status, name, reason, at string) {
	h.t.Helper()
	why := ""
	if reason != "" {
		why = `,"statusReason":[{"text":"` + reason + `"}]`
	}
	h.put(fmt.Sprintf(`{"resourceType":"MedicationAdministration","id":%q,"status":%q%s,"medicationCodeableConcept":{"text":%q},"subject":{"reference":"Patient/ada"},"context":{"reference":"Encounter/%s"},"effectivePeriod":{"start":%q}}`, id, status, why, name, visit, at))
}

func (h *house) states(who access.Actor) string {
	h.t.Helper()
	w, err := h.Of(h.t.Context(), who, "ada")
	if err != nil {
		h.t.Fatal(err)
	}
	var out []string
	for _, v := range w.Visits {
		out = append(out, v.ID+" "+string(v.State))
	}
	return strings.Join(out, ", ")
}

func (h *house) tasks() (out []r4.Task) {
	h.t.Helper()
	for m, err := range h.Door.All(h.t.Context(), kith, "Task?code=urn:kith:task|visit-missed,urn:kith:task|medicine-missed") {
		var t r4.Task
		if err == nil {
			err = m.Decode(&t)
		}
		if err != nil {
			h.t.Fatal(err)
		}
		out = append(out, t)
	}
	return out
}

// follow runs the service until the test ends.
func (h *house) follow() {
	ctx, stop := context.WithCancel(h.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); h.Run(ctx) }()
	h.t.Cleanup(func() { stop(); <-done })
}

func (h *house) until(what string, ok func() bool) {
	h.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("it never came to this: %s; %s; %+v", what, h.states(kith), h.tasks())
		}
	}
}

// The day of a visit that nobody makes: planned; not heard of; late once the agency has said something else; missed, with a Task for the agency that names what
// is usually given then; and what was done about it, which the daughter reads.
func TestAVisitThatNobodyMakes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		h := open(t, db)
		h.medicine("before", "y", "completed", "Insulin glargine 100units/ml", "", "2026-11-25T08:10:00Z")
		h.medicine("evening", "y", "completed", "Paracetamol 500mg tablets", "", "2026-11-25T20:10:00Z")
		h.visit("v1", "planned", "08:00", "", "")
		h.visit("v2", "planned", "12:00", "", "")
		h.follow()
		h.until("the agency is heard", func() bool {
			at, err := h.heard(t.Context(), "urn:kith:intake:agency")
			return err == nil && !at.IsZero()
		})
		for _, at := range []struct{ clock, want string }{{"08:29", "v1 planned, v2 planned"}, {"08:30", "v1 unheard, v2 planned"}, {"11:00", "v1 unheard, v2 planned"}} {
			h.set(at.clock)
			if got := h.states(ada); got != at.want {
				t.Errorf("at %s: %s, want %s", at.clock, got, at.want)
			}
		}
		if n := len(h.tasks()); n != 0 {
			t.Errorf("%d Tasks of silence", n)
		}
		h.set("09:00")
		h.visit("other", "in-progress", "08:45", "08:50", "")
		h.until("late", func() bool { return strings.HasPrefix(h.states(ada), "v1 late") })
		h.set("10:01")
		h.visit("other", "finished", "08:45", "08:50", "09:20")
		h.until("missed, and told", func() bool { return len(h.tasks()) == 1 })
		if got := h.states(ada); got != "v1 missed, other done, v2 planned" {
			t.Error(got)
		}
		task := h.tasks()[0]
		if task.Priority != "stat" || !strings.Contains(task.Description, "Insulin glargine") || strings.Contains(task.Description, "Paracetamol") || task.Owner.Identifier == nil || task.Owner.Identifier.Value != "ZZHC" {
			t.Errorf("%+v %+v", task, task.Owner)
		}

		// The agency sees it, and nobody else answers it.
		open, err := h.Queue(t.Context(), tina)
		if err != nil || len(open) != 1 || !open[0].Urgent || !open[0].By.Equal(task.AuthoredOn.Low().Add(time.Hour)) {
			t.Fatalf("%+v %v", open, err)
		}
		if err := h.Take(t.Context(), tina, task.ID); err != nil {
			t.Fatal(err)
		}
		if err := h.Finish(t.Context(), joy, task.ID, "x"); err == nil {
			t.Error("somebody else answers it")
		}
		if err := h.Finish(t.Context(), tina, task.ID, " "); fhir.KindOf(err) != fhir.Invalid {
			t.Error(err)
		}
		if err := h.Finish(t.Context(), tina, task.ID, "Anca came at 10:30 and gave the insulin"); err != nil {
			t.Fatal(err)
		}
		if err := h.Take(t.Context(), tina, task.ID); fhir.KindOf(err) != fhir.Conflict {
			t.Error(err)
		}

		// Her daughter, once trusted, and her practice see the same; strangers nothing.
		if _, err := h.Of(t.Context(), joy, "ada"); err == nil {
			t.Error("somebody whom nobody trusts sees it")
		}
		if err := (&trust.Service{Door: h.Door, Now: h.Now}).Record(t.Context(), kith, "ada", "joy", "Joy", []string{"see"}, h.Now().AddDate(1, 0, 0), true); err != nil {
			t.Fatal(err)
		}
		for _, who := range []access.Actor{joy, nia, tina} {
			w, err := h.Of(t.Context(), who, "ada")
			if err != nil || len(w.Visits) != 3 || w.Visits[0].Answer != "Anca came at 10:30 and gave the insulin" || w.Visits[0].Told.IsZero() || w.Visits[0].Provider != "Merrowby Home Care" || w.Visits[0].Worker != "Tina Holt" {
				t.Errorf("%s: %+v %v", who.ID, w, err)
			}
		}
		if _, err := h.Of(t.Context(), ben, "ada"); err == nil {
			t.Error("a stranger sees it")
		}
	})
}

// Somebody comes after all: the Task is ended, and the visit says how late it was.
func TestSomebodyComesAfterAll(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		h := open(t, db)
		h.visit("v1", "planned", "08:00", "", "")
		h.follow()
		h.set("10:00")
		h.visit("v1", "cancelled", "08:00", "", "")
		h.until("told", func() bool { return len(h.tasks()) == 1 })
		if h.tasks()[0].Priority != "urgent" {
			t.Errorf("%+v", h.tasks()[0])
		}
		h.set("10:20")
		h.visit("v1", "finished", "08:00", "10:05", "10:20")
		h.until("taken back", func() bool { return h.tasks()[0].Status == "cancelled" })
		w, err := h.Of(t.Context(), ada, "ada")
		if err != nil || w.Visits[0].State != Done || w.Visits[0].LateBy != 125*time.Minute {
			t.Errorf("%+v %v", w.Visits, err)
		}
	})
}

// A medicine that cannot wait and was not given makes a Task at once; another does not; both are shown.
func TestAMedicineThatWasNotGiven(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		h := open(t, db)
		h.follow()
		h.set("08:30")
		h.visit("v1", "finished", "08:00", "08:05", "08:25")
		h.put(`{"resourceType":"Observation","id":"did","status":"final","code":{"text":"What was done at a home care visit"},"subject":{"reference":"Patient/ada"},"encounter":{"reference":"Encounter/v1"},"component":[{"code":{"text":"Washed and dressed"},"valueBoolean":true}],"note":[{"text":"In good spirits"}]}`)
		h.medicine("m1", "v1", "completed", "Amlodipine 5mg tablets", "", "2026-11-26T08:05:00Z")
		h.medicine("m2", "v1", "not-done", "Paracetamol 500mg tablets", "Not wanted", "2026-11-26T08:05:00Z")
		h.medicine("m3", "v1", "not-done", "Co-careldopa 25mg/100mg tablets", "None left", "2026-11-26T08:05:00Z")
		h.until("told", func() bool { return len(h.tasks()) == 1 })
		if task := h.tasks()[0]; task.Priority != "stat" || !strings.Contains(task.Description, "Co-careldopa") || !strings.Contains(task.Description, "None left") {
			t.Errorf("%+v", task)
		}
		w, err := h.Of(t.Context(), ada, "ada")
		if err != nil {
			t.Fatal(err)
		}
		v := w.Visits[0]
		if len(v.Medicines) != 3 || !v.Medicines[0].Given || v.Medicines[1].Urgent == "" || v.Medicines[1].Reason != "None left" || v.Medicines[2].Urgent != "" || len(v.Did) != 1 || v.Note != "In good spirits" {
			t.Errorf("%+v", v)
		}
	})
}

// What a source sends of weeks past makes no Tasks.
func TestOldVisitsAreNoNews(t *testing.T) {
	h := open(t, "sqlite::memory:")
	h.put(`{"resourceType":"Encounter","id":"old","status":"cancelled","class":{"code":"HH"},"subject":{"reference":"Patient/ada"},"period":{"start":"2026-11-01T08:00:00Z"}}`)
	h.put(`{"resourceType":"Encounter","id":"clinic","status":"cancelled","class":{"code":"AMB"},"subject":{"reference":"Patient/ada"},"period":{"start":"2026-11-26T06:00:00Z"}}`)
	h.follow()
	h.visit("v1", "finished", "06:00", "06:05", "06:25")
	h.until("followed", func() bool {
		at, err := h.heard(t.Context(), "urn:kith:intake:agency")
		return err == nil && !at.IsZero()
	})
	if n := len(h.tasks()); n != 0 {
		t.Errorf("%d Tasks", n)
	}
}

func TestStates(t *testing.T) {
	r := Usual()
	at := func(clock string) time.Time { c, _ := time.Parse("15:04", clock); return c }
	for _, c := range []struct {
		status, said, heard, now string
		want                     State
	}{
		{"planned", "07:00", "07:00", "09:59", Planned}, {"planned", "07:00", "10:29", "10:30", Unheard}, {"planned", "07:00", "10:30", "10:30", Late}, {"planned", "07:00", "11:00", "12:30", Late}, {"planned", "07:00", "12:00", "12:00", Missed},
		{"cancelled", "09:00", "09:00", "12:00", Cancelled}, {"cancelled", "10:30", "10:30", "12:00", Missed}, {"in-progress", "10:05", "10:05", "10:10", Here}, {"finished", "10:30", "10:30", "12:00", Done}, {"entered-in-error", "10:30", "10:30", "12:00", Cancelled},
	} {
		v := &Visit{status: c.status, said: at(c.said), Planned: at("10:00")}
		if got := r.state(v, at(c.heard), at(c.now)); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestRules(t *testing.T) {
	r := Usual()
	for name, want := range map[string]string{"NovoRapid FlexPen": "Insulin", "Co-Careldopa 25mg/100mg": "Medicine for Parkinson's", "Apixaban 5mg tablets": "Medicine against clots", "Paracetamol 500mg tablets": "", "Amlodipine 5mg tablets": "", "Senna 7.5mg tablets": ""} {
		if got := r.CannotWait(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, wrong := range []string{`{`, `{"author":"x"}`, strings.Replace(string(shipped), `"missedMinutes": 120`, `"missedMinutes": 20`, 1), strings.Replace(string(shipped), `"sources": [`, `"sources2": [`, 1)} {
		if _, err := parse([]byte(wrong)); err == nil {
			t.Errorf("taken: %.60s", wrong)
		}
	}
}
