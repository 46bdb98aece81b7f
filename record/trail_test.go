package record_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// The trail answers who looked at somebody, under any of their Patients, whether or not the index has been written yet, page by page and
// without gaps or repeats.
func TestTrailOfAPerson(t *testing.T) { storetest.Each(t, trailOfAPerson) }

func trailOfAPerson(t *testing.T, db string) {
	now := auditStart
	open := func() *record.Door {
		d, err := record.Open(t.Context(), record.Options{DB: db, Policy: access.Everyone{}, Now: func() time.Time { now = now.Add(time.Second); return now }})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := open()
	for _, id := range []string{"a1", "a2", "b"} {
		res, _ := fhir.Parse(fmt.Appendf(nil, `{"resourceType":"Patient","id":%q}`, id))
		if _, err := d.Commit(t.Context(), tester, []record.Op{{Method: record.Update, Type: "Patient", ID: id, Resource: res}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Link(t.Context(), tester, "a1", "a2"); err != nil {
		t.Fatal(err)
	}
	look := func(n int, by, id string) {
		who := access.Actor{ID: by, Name: "Dr A. Jessop", Role: "clinician", Organization: "M81001", Purpose: "TREAT", From: "10.1.2.3:4000", Helper: "Practitioner/9", App: &access.Client{ID: "app1"}}
		for range n {
			if _, err := d.Get(t.Context(), who, "Patient", id); err != nil {
				t.Fatal(err)
			}
		}
	}
	look(30, "Practitioner/1", "a1")
	look(5, "Practitioner/2", "a2")
	middle := now
	look(7, "Practitioner/1", "b")
	end := now
	if err := d.Close(); err != nil { // which writes the index
		t.Fatal(err)
	}
	d = open()
	defer func() { d.Close() }()
	look(4, "Practitioner/2", "a1") // not in the index yet

	all := func(q record.TrailQuery) (out []record.TrailEntry) {
		t.Helper()
		for {
			page, err := d.Trail(t.Context(), access.Actor{ID: "Practitioner/privacy", Role: "privacy"}, q)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, page.Entries...)
			if q.Page = page.Next; page.Next == "" {
				return out
			}
			if q.Count > 0 && len(page.Entries) != q.Count {
				t.Errorf("a page of %d, want %d", len(page.Entries), q.Count)
			}
		}
	}
	for _, count := range []int{7, 39, 100} {
		got := all(record.TrailQuery{Patient: "a2", From: auditStart.Add(5 * time.Second), To: now, Count: count})
		seen := map[string]bool{}
		for i, e := range got {
			if seen[e.ID] || i > 0 && e.At.After(got[i-1].At) {
				t.Errorf("entry %d is repeated or out of order: %+v", i, e)
			}
			seen[e.ID] = true
		}
		looks := slices.DeleteFunc(got, func(e record.TrailEntry) bool { return e.Who != "Practitioner/1" && e.Who != "Practitioner/2" })
		if len(looks) != 39 {
			t.Errorf("%d a page: %d looks at the person, want 39", count, len(looks))
		}
	}
	if got := all(record.TrailQuery{Actor: "Practitioner/1", Count: 10}); len(got) != 37 {
		t.Errorf("Practitioner/1 did %d things, want 37", len(got))
	}
	if got := all(record.TrailQuery{Actor: "Practitioner/2", Patient: "a1", Count: 2}); len(got) != 9 {
		t.Errorf("Practitioner/2 looked %d times, want 9", len(got))
	}
	if got := all(record.TrailQuery{From: middle.Add(time.Microsecond), To: end, Count: 3}); len(got) != 7 || got[0].Patients[0] != "b" {
		t.Errorf("%d entries of that time, want 7", len(got))
	}
	if got := all(record.TrailQuery{Patient: "nobody"}); len(got) != 0 {
		t.Errorf("of nobody there are %d", len(got))
	}
	e := all(record.TrailQuery{Actor: "Practitioner/1", Count: 1000})[36]
	if e.Name != "Dr A. Jessop" || e.Organization != "M81001" || e.Helper != "Practitioner/9" || e.App != "app1" || e.What != "Patient/a1" || !slices.Equal(e.Patients, []string{"a1"}) || e.Purpose != "TREAT" {
		t.Errorf("an entry says %+v", e)
	}
	if one, err := d.TrailEntry(t.Context(), tester, e.ID); err != nil || one.At != e.At {
		t.Errorf("by its place: %+v %v", one, err)
	}
	if _, err := d.TrailEntry(t.Context(), tester, "x.1"); fhir.KindOf(err) != fhir.NotFound {
		t.Errorf("no such place: %v", err)
	}
	if _, err := d.Trail(t.Context(), tester, record.TrailQuery{Page: "x"}); fhir.KindOf(err) != fhir.Invalid {
		t.Errorf("no such page: %v", err)
	}
}

// Reading the trail is decided about, and stands in it.
func TestReadingTheTrailIsDecidedAndAudited(t *testing.T) {
	db := storetest.SQLite(t)
	d := record.TestOn(t, db)
	res, _ := fhir.Parse([]byte(`{"resourceType":"Patient","id":"a"}`))
	if _, err := d.Commit(t.Context(), tester, []record.Op{{Method: record.Update, Type: "Patient", ID: "a", Resource: res}}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Trail(t.Context(), access.Actor{ID: "Practitioner/p"}, record.TrailQuery{Patient: "a"}); err != nil {
		t.Fatal(err)
	}
	page, err := d.Trail(t.Context(), tester, record.TrailQuery{Patient: "a"})
	if err != nil || len(page.Entries) != 2 || page.Entries[0].Who != "Practitioner/p" || !strings.HasPrefix(page.Entries[0].What, "AuditEvent") {
		t.Errorf("%+v %v", page, err)
	}
	id := page.Entries[0].ID
	shut, err := record.Open(t.Context(), record.Options{DB: db, Policy: access.Nobody{}})
	if err != nil {
		t.Fatal(err)
	}
	defer shut.Close()
	if _, err := shut.Trail(t.Context(), tester, record.TrailQuery{Patient: "a"}); fhir.KindOf(err) != fhir.Forbidden {
		t.Errorf("nobody may: %v", err)
	}
	if _, err := shut.TrailEntry(t.Context(), tester, id); fhir.KindOf(err) != fhir.Forbidden {
		t.Errorf("nobody may read one: %v", err)
	}
}

// By the policy Kith comes with, the whole trail is for privacy officers, and somebody's own for themselves where it is certain who they are.
func TestWhoMayReadTheTrail(t *testing.T) {
	policy := access.Default()
	d, err := record.Open(t.Context(), record.Options{DB: "sqlite::memory:", Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	kith := access.Actor{ID: "kith/test", Role: access.Kith}
	for _, id := range []string{"a", "b"} {
		res, _ := fhir.Parse(fmt.Appendf(nil, `{"resourceType":"Patient","id":%q,"name":[{"family":"Okafor"}]}`, id))
		if _, err := d.Commit(t.Context(), kith, []record.Op{{Method: record.Update, Type: "Patient", ID: id, Resource: res}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Find(t.Context(), kith, "Patient?name=okafor"); err != nil { // shows both
		t.Fatal(err)
	}
	page, err := d.Trail(t.Context(), kith, record.TrailQuery{Patient: "a"})
	if err != nil {
		t.Fatal(err)
	}
	both := page.Entries[0].ID
	for _, c := range []struct {
		role, is  string
		level     access.Level
		all, a, b bool
	}{
		{role: "privacy", all: true, a: true, b: true},
		{role: "patient", is: "a", level: access.P9, a: true},
		{role: "patient", is: "a", level: access.P5},
		{role: "clinician"}, {role: "nurse"}, {role: "receptionist"}, {role: "manager"}, {role: "operator"}, {role: "analyst"}, {role: "researcher"}, {role: "nonsense"},
	} {
		who := access.Actor{ID: "Practitioner/1", Role: c.role, Organization: "A81001", Purpose: "PATSFTY", Patient: c.is, Level: c.level, From: "10.0.0.1"}
		if c.is != "" {
			who.ID, who.Purpose = "Patient/"+c.is, "PATRQT"
		}
		for patient, want := range map[string]bool{"": c.all, "a": c.a, "b": c.b} {
			page, err := d.Trail(t.Context(), who, record.TrailQuery{Patient: patient})
			if (err == nil) != want || err != nil && fhir.KindOf(err) != fhir.Forbidden && fhir.KindOf(err) != fhir.NotFound {
				t.Errorf("%s, level %d, the trail of %q: %v", c.role, c.level, patient, err)
			}
			if c.is != "" && err == nil && strings.Contains(fmt.Sprint(page.Entries), " b]") {
				t.Errorf("%s sees whom else an entry shows: %v", c.role, page.Entries)
			}
		}
		e, err := d.TrailEntry(t.Context(), who, both)
		if (err == nil) != (c.all || c.a || c.b) {
			t.Errorf("%s, level %d, one entry: %v", c.role, c.level, err)
		}
		if err == nil && !c.all && (!slices.Equal(e.Patients, []string{"a"}) || strings.Contains(e.What, "okafor")) {
			t.Errorf("%s sees of an entry of two people %+v", c.role, e)
		}
	}
}

// R4 has put Tasks into nobody's compartment; the trail files them under whom they are for all the same, however the Task came and whoever reads it.
func TestTasksAreInTheTrailOfWhomTheyAreFor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d, err := record.Open(t.Context(), record.Options{DB: db, Policy: access.Everyone{}})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		put := func(text string) record.Op {
			res, err := fhir.Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			return record.Op{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}
		}
		who := access.Actor{ID: "Practitioner/1", Role: "clinician", Organization: "A", Purpose: "TREAT"}
		task := `{"resourceType":"Task","id":"%s","status":"requested","intent":"order","for":{"reference":"Patient/%s"},"requester":{"reference":"Patient/b"}}`
		// The Patient comes in the same transaction as the Task.
		if _, err := d.Commit(t.Context(), who, []record.Op{put(`{"resourceType":"Patient","id":"a"}`), put(`{"resourceType":"Patient","id":"b"}`), put(fmt.Sprintf(task, "t", "a"))}); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Commit(t.Context(), who, []record.Op{put(fmt.Sprintf(task, "u", "a"))}); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Get(t.Context(), who, "Task", "t"); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Find(t.Context(), who, "Task?status=requested"); err != nil {
			t.Fatal(err)
		}
		of := func(patient string) (out []string) {
			page, err := d.Trail(t.Context(), tester, record.TrailQuery{Patient: patient})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Entries {
				if e.Who == who.ID {
					out = append(out, string(e.Action)+" "+e.What)
				}
			}
			return out
		}
		// What was asked of everybody, and a transaction about two, may name others: of these the types alone are said.
		if got := strings.Join(of("a"), "\n"); got != "E Task\nR Task/t\nC Task/u\nC Patient, Task" {
			t.Errorf("of whom they are for:\n%s", got)
		}
		page, err := d.Trail(t.Context(), tester, record.TrailQuery{Patient: "a", Changes: true})
		if err != nil || len(page.Entries) != 2 || page.Entries[0].Action != access.Create || page.Entries[1].Action != access.Create {
			t.Errorf("what was changed: %v %v", page.Entries, err)
		}
		if got := of("b"); len(got) != 1 {
			t.Errorf("of who asked: %v", got)
		}
	})
}
