package growing

import (
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/words"
)

var (
	noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	kith = access.Actor{ID: "kith/test", Role: access.Kith}
	dee  = access.Actor{ID: "Patient/dee", Name: "Dee Shah", Role: "patient", Patient: "dee", Level: access.P9}
	max  = access.Actor{ID: "Patient/max", Name: "Max Shah", Role: "patient", Patient: "max", Level: access.P9}
	nia  = access.Actor{ID: "Practitioner/nia", Name: "Nurse Nia", Role: "nurse", Organization: "A", Purpose: "TREAT"}
)

type home struct {
	*Service
	trust *trust.Service
	now   time.Time
}

// open is a record with Dee, born on the 20th of December 2015, and her father Max.
func open(t *testing.T, db string) *home {
	t.Helper()
	h := &home{now: noon}
	now := func() time.Time { return h.now }
	door, err := record.Open(t.Context(), record.Options{DB: db, Policy: access.Default(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	h.Service, h.trust = &Service{Door: door, Now: now}, &trust.Service{Door: door, Now: now}
	for _, text := range []string{
		`{"resourceType":"Organization","id":"a","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A"}]}`,
		`{"resourceType":"Patient","id":"dee","name":[{"given":["Dee"],"family":"Shah"}],"birthDate":"2015-12-20","managingOrganization":{"reference":"Organization/a"}}`,
		`{"resourceType":"Patient","id":"max","name":[{"given":["Max"],"family":"Shah"}],"birthDate":"1980-03-01"}`,
		`{"resourceType":"Condition","id":"asthma","code":{"text":"Asthma"},"subject":{"reference":"Patient/dee"},"recordedDate":"2024-03-01"}`,
		`{"resourceType":"Condition","id":"private","meta":{"security":[{"system":"https://kith.care/fhir/CodeSystem/label","code":"not-for-trusted"}]},"code":{"text":"Talked about contraception"},"subject":{"reference":"Patient/dee"},"recordedDate":"2026-03-01"}`,
		`{"resourceType":"Condition","id":"sexual","code":{"coding":[{"system":"http://snomed.info/sct","code":"76272004","display":"Syphilis"}]},"subject":{"reference":"Patient/dee"},"recordedDate":"2026-04-01"}`,
		`{"resourceType":"Appointment","id":"app","status":"booked","serviceType":[{"text":"Asthma clinic"}],"start":"2026-12-01T10:00:00Z","end":"2026-12-01T10:30:00Z","participant":[{"actor":{"reference":"Patient/dee"},"status":"accepted"}]}`,
	} {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Commit(t.Context(), kith, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.trust.Record(t.Context(), kith, "dee", "max", "Her father", []string{"see", "book", "manage"}, noon.AddDate(5, 0, 0), false); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *home) count(t *testing.T, who access.Actor, query string) int {
	t.Helper()
	page, err := h.Door.Find(t.Context(), who, query)
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Matches)
}

func (h *home) sees(t *testing.T, who access.Actor, id string) bool {
	t.Helper()
	_, err := h.Door.Get(t.Context(), who, "Condition", id)
	if err != nil && fhir.KindOf(err) != fhir.NotFound {
		t.Fatal(err)
	}
	return err == nil
}

// From ten to grown up: both are told once before each birthday; after the 11th the father sees nothing until somebody has looked at it with her; from the 16th only
// what she gives; and what was given for a child does not come back at 18.
func TestGrowingUp(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		h := open(t, db)
		if !h.sees(t, max, "asthma") {
			t.Error("a father does not see a child of ten")
		}
		if err := (&need.Service{Door: h.Door, Now: h.Now}).Set(t.Context(), kith, "max", need.Choice{Language: "cy"}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := h.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for query, want := range map[string]int{"CommunicationRequest?recipient=Patient/max": 1, "CommunicationRequest?recipient=Patient/dee": 1, "Task?patient=dee&code=urn:kith:task|trusted-review": 1} {
			if got := h.count(t, kith, query); got != want {
				t.Errorf("%s: %d", query, got)
			}
		}

		for who, want := range map[string]string{"max": "Ffoniwch y feddygfa", "dee": "You are soon 11"} {
			page, err := h.Door.Find(t.Context(), kith, "CommunicationRequest?recipient=Patient/"+who)
			if err != nil || len(page.Matches) != 1 || !strings.Contains(string(page.Matches[0].Body), want) {
				t.Errorf("%s is not told %q: %+v %v", who, want, page, err)
			}
		}
		h.now = time.Date(2026, 12, 20, 12, 0, 0, 0, time.UTC)
		if h.sees(t, max, "asthma") {
			t.Error("a father sees a child of eleven without a review")
		}
		if h.count(t, max, "Appointment?patient=dee") != 1 {
			t.Error("booking ends with the 11th birthday")
		}
		given, err := h.trust.By(t.Context(), nia, "dee")
		if err != nil || len(given) != 1 {
			t.Fatal(given, err)
		}
		if err := h.trust.Review(t.Context(), nia, given[0].ID); err != nil {
			t.Fatal(err)
		}
		if !h.sees(t, max, "asthma") || h.sees(t, max, "private") || h.sees(t, max, "sexual") {
			t.Error("after the review he sees too little or too much")
		}

		h.now = time.Date(2031, 11, 10, 12, 0, 0, 0, time.UTC)
		if n, err := h.Sweep(t.Context()); err != nil || n != 1 {
			t.Errorf("before the 16th birthday %d are told: %v", n, err)
		}
		h.now = time.Date(2031, 11, 20, 12, 0, 0, 0, time.UTC)
		if h.sees(t, max, "asthma") != true {
			t.Error("before the 16th birthday he sees nothing")
		}
	})
}

// What somebody else gave for a child ends on the 16th birthday, and does not begin again on the 18th.
func TestWhatWasGivenForAChildDoesNotComeBack(t *testing.T) {
	h := open(t, "sqlite::memory:")
	h.now = time.Date(2029, 6, 1, 12, 0, 0, 0, time.UTC)
	if err := h.trust.Record(t.Context(), kith, "dee", "max", "Her father", []string{"see"}, h.now.AddDate(5, 0, 0), false); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		day  string
		want bool
	}{{"2031-12-19", true}, {"2031-12-20", false}, {"2033-12-19", false}, {"2033-12-20", false}, {"2034-05-01", false}} {
		day, _ := time.Parse(time.DateOnly, c.day)
		h.now = day.Add(12 * time.Hour)
		if got := h.sees(t, max, "asthma"); got != c.want {
			t.Errorf("on %s he sees it: %v", c.day, got)
		}
	}
	// Somebody writes it down for the adult who cannot give it themselves.
	if err := h.trust.Record(t.Context(), kith, "dee", "max", "Her father, by a court", []string{"see"}, h.now.AddDate(1, 0, 0), false); err != nil {
		t.Fatal(err)
	}
	if !h.sees(t, max, "asthma") {
		t.Error("what was written down for an adult does not hold")
	}
}

// She sees, entry by entry, what her father sees, and that is what he does see. Looking leaves no trace of him. Asking for a change reaches a nurse, once, and not him.
func TestWhoSeesWhat(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		h := open(t, db)
		h.now = time.Date(2028, 6, 1, 12, 0, 0, 0, time.UTC)
		v, err := h.Seen(t.Context(), dee)
		if err != nil || v.Age != 12 || len(v.Helpers) != 1 {
			t.Fatalf("%+v %v", v, err)
		}
		for _, e := range v.Entries {
			if e.Seen[0] != (e.Type == "Appointment") {
				t.Errorf("before a review: %+v", e)
			}
		}
		if err := h.trust.Review(t.Context(), nia, v.Helpers[0].ID); err != nil {
			t.Fatal(err)
		}
		if v, err = h.Seen(t.Context(), dee); err != nil || len(v.Entries) != 4 || v.Hidden != 2 {
			t.Fatalf("%+v %v", v, err)
		}
		for _, e := range v.Entries {
			if want := e.What == "Asthma" || e.What == "Asthma clinic"; e.Seen[0] != want {
				t.Errorf("%+v", e)
			}
		}
		page, err := h.Door.Trail(t.Context(), kith, record.TrailQuery{Patient: "dee", Count: record.MaxCount})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Entries {
			if e.Who == "Patient/max" {
				t.Errorf("the audit says that he looked: %+v", e)
			}
		}
		for range 2 {
			if err := h.Ask(t.Context(), dee, "Not my father, please"); err != nil {
				t.Fatal(err)
			}
		}
		const asked = "Task?patient=dee&code=urn:kith:task|young-person-asks"
		if h.count(t, nia, asked) != 1 || h.count(t, dee, asked) != 1 {
			t.Error("the nurse or she herself does not see what she asked")
		}
		if page, err := h.Door.Find(t.Context(), max, asked); err == nil && len(page.Matches) > 0 {
			t.Error("her father sees that she asked")
		}
		if v, err := h.Seen(t.Context(), dee); err != nil || v.Asked == nil {
			t.Errorf("%+v %v", v.Asked, err)
		}
		if _, err := h.Seen(t.Context(), nia); fhir.KindOf(err) != fhir.Forbidden {
			t.Error(err)
		}
	})
}

func TestNoticesFitATextMessageInBothLanguages(t *testing.T) {
	for _, texts := range []map[int]string{toParent, toChild} {
		for _, text := range texts {
			for _, l := range []string{"en", "cy"} {
				if said := words.In(l).T(text); len([]rune(said)) > 160 {
					t.Errorf("%s: %d letters: %s", l, len([]rune(said)), said)
				}
			}
		}
	}
}
