package release

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

func rules(t testing.TB) *Rules {
	t.Helper()
	r, err := Read(Shipped())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func parse(t testing.TB, text string) *fhir.Resource {
	t.Helper()
	res, err := fhir.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestResultsFallIntoTheirClass(t *testing.T) {
	r := rules(t)
	for code, want := range map[string]string{
		`{"coding":[{"system":"http://loinc.org","code":"2857-1"}]}`:                         "tumour marker",
		`{"coding":[{"system":"urn:kith:code:hospital-zz1:local","code":"PSA"}]}`:            "tumour marker",
		`{"text":"Skin biopsy, left arm"}`:                                                   "tissue",
		`{"text":"Cytology (cervical)"}`:                                                     "tissue",
		`{"text":"Autobiopsych score"}`:                                                      "",
		`{"coding":[{"system":"http://loinc.org","code":"59261-8"}],"text":"HbA1c"}`:         "",
		`{"coding":[{"system":"http://example.org","code":"2857-1","display":"Something"}]}`: "",
	} {
		got := ""
		if c := r.Of(parse(t, `{"resourceType":"Observation","code":`+code+`}`).Root()); c != nil {
			got = c.Name
		}
		if got != want {
			t.Errorf("%s: %q, want %q", code, got, want)
		}
	}
	if r.Of(parse(t, `{"resourceType":"Condition","code":{"text":"biopsy"}}`).Root()) != nil {
		t.Error("a Condition is no result")
	}
}

func TestChoices(t *testing.T) {
	issued := time.Date(2026, 3, 20, 10, 0, 0, 0, time.UTC)
	talk := &Class{Name: "x", Rule: Talk, Days: 10, Tell: true}
	for _, c := range []struct {
		name    string
		class   *Class
		ordered Rule
		after   time.Duration
		held    bool
		by      string
	}{
		{"in no class", nil, "", 0, false, ""},
		{"a class that shows at once", &Class{Rule: Now}, "", 0, false, ""},
		{"held", talk, "", 0, true, "2026-03-30T23:59:00+01:00"}, // the clocks went forward in between
		{"the last minute", talk, "", 10*24*time.Hour + 12*time.Hour, true, "2026-03-30T23:59:00+01:00"},
		{"its time is over", talk, "", 11 * 24 * time.Hour, false, ""},
		{"the order says now", talk, Now, 0, false, ""},
		{"the order says talk", nil, Talk, 0, true, "2026-03-30T23:59:00+01:00"},
		{"years ago", talk, "", 5 * 365 * 24 * time.Hour, false, ""},
	} {
		got, held := Choose(c.class, c.ordered, issued, issued.Add(c.after))
		if held != c.held || held && got.By.In(london.Zone).Format(time.RFC3339) != c.by {
			t.Errorf("%s: %v %+v", c.name, held, got)
		}
	}
}

func TestFaultsOfRulesAreNamed(t *testing.T) {
	text := string(Shipped())
	for old, says := range map[string][2]string{
		"rule: talk\n  days: 14": {"rule: never\n  days: 14", `not "never"`},
		"days: 14":               {"days: 400", "1 to 60 days"},
		"loinc:2857-1":           {"icd:2857-1", "is no code"},
		"author: Kith authors":   {"", "must say their author"},
		"tell: false":            {"tel: false", "tel"},
	} {
		if _, err := Read([]byte(strings.Replace(text, old, says[0], 1))); err == nil || !strings.Contains(err.Error(), says[1]) {
			t.Errorf("%s: %v", says[0], err)
		}
	}
}

// place is a record with a patient, their doctor and the watch.
type place struct {
	t    testing.TB
	door *record.Door
	s    *Service
	now  time.Time
}

var (
	patient = access.Actor{ID: "Patient/p", Role: "patient", Patient: "p", Level: access.P9, Purpose: "PATRQT"}
	doctor  = access.Actor{ID: "Practitioner/d", Role: "clinician", Organization: "A1", Purpose: "TREAT"}
)

func open(t testing.TB, db string) *place {
	p := &place{t: t, now: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return p.now }
	policy, err := access.Parse(strings.NewReader(access.DefaultText))
	if err != nil {
		t.Fatal(err)
	}
	if p.door, err = record.Open(t.Context(), record.Options{DB: db, Policy: policy, Now: clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.door.Close() })
	p.s = &Service{Door: p.door, Rules: rules(t), Now: clock}
	p.put(`{"resourceType":"Organization","id":"o","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A1"}],"name":"Mill Lane"}`)
	p.put(`{"resourceType":"Patient","id":"p","name":[{"family":"Okafor"}],"generalPractitioner":[{"reference":"Organization/o"}]}`)
	return p
}

func (p *place) put(text string) {
	p.t.Helper()
	res := parse(p.t, text)
	if _, err := p.door.Commit(p.t.Context(), me, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
		p.t.Fatal(err)
	}
}

// until waits for what the watch does.
func (p *place) until(what string, holds func() bool) {
	p.t.Helper()
	for range 400 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.t.Fatal("it did not come to this: " + what)
}

func (p *place) sees(who access.Actor, typ, id string) bool {
	_, err := p.door.Get(p.t.Context(), who, typ, id)
	return err == nil
}

const psa = `{"resourceType":"Observation","id":"psa","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"2857-1"}]},"subject":{"reference":"Patient/p"},"issued":"2026-11-26T08:00:00Z","valueQuantity":{"value":9.1}}`

func TestAResultIsHeldUntilItIsReleasedOrItsTimeComes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db)
		p.put(psa)
		p.put(strings.NewReplacer(`"id":"psa"`, `"id":"late"`).Replace(psa))
		p.put(strings.NewReplacer(`"id":"psa"`, `"id":"old"`, "2026-11-26T08", "2024-11-26T08").Replace(psa))
		p.put(strings.NewReplacer(`"id":"psa"`, `"id":"sugar"`, "2857-1", "59261-8").Replace(psa))
		if hidden, err := p.s.Hidden(t.Context(), parse(t, psa).Root()); err != nil || !hidden {
			t.Errorf("in the moment before it is labelled it is shown: %v", err)
		}
		ctx, end := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.s.Run(ctx) }()
		t.Cleanup(func() { end(); <-done })
		p.until("the patient does not see it", func() bool { return !p.sees(patient, "Observation", "psa") && !p.sees(patient, "Observation", "late") })
		if !p.sees(patient, "Observation", "old") || !p.sees(patient, "Observation", "sugar") {
			t.Error("an old result, or one of no class, is held")
		}
		if !p.sees(doctor, "Observation", "psa") {
			t.Error("the doctor does not see what is held from the patient")
		}
		days, err := p.s.Waiting(ctx, patient, "p")
		if err != nil || len(days) != 1 || days[0].In(london.Zone).Format(time.DateOnly) != "2026-12-06" {
			t.Errorf("what the patient is told: %v, %v", days, err)
		}
		for _, other := range []access.Actor{doctor, {ID: "Patient/q", Role: "patient", Patient: "q", Level: access.P9}, {ID: "Patient/p", Role: "patient", Patient: "p", Level: access.P5}} {
			if days, err := p.s.Waiting(ctx, other, "p"); err != nil || days != nil {
				t.Errorf("%s of level %d is told: %v, %v", other.ID, other.Level, days, err)
			}
		}
		if err := p.s.Release(ctx, patient, "Observation", "psa"); err == nil {
			t.Error("a patient releases their own result")
		}
		if err := p.s.Release(ctx, doctor, "Observation", "psa"); err != nil {
			t.Fatal(err)
		}
		if !p.sees(patient, "Observation", "psa") {
			t.Error("released, and not seen")
		}
		// Its source sends it once more, without knowing of any label.
		p.put(strings.Replace(psa, "9.1", "9.2", 1))
		place, err := p.door.Seq(ctx)
		if err != nil {
			t.Fatal(err)
		}
		p.until("the watch has seen it", func() bool { at, err := p.door.Place(ctx, "release"); return err == nil && at >= place })
		if !p.sees(patient, "Observation", "psa") {
			t.Error("sent once more, it is held again")
		}
		p.now = p.now.AddDate(0, 0, 12)
		ops, items, err := p.s.due(ctx)
		if err != nil || len(ops) != 1 || len(items) != 2 {
			t.Fatalf("%d changes, %d items: %v", len(ops), len(items), err)
		}
		if _, err := p.door.Box(Room).Commit(ctx, me, ops, items...); err != nil {
			t.Fatal(err)
		}
		if !p.sees(patient, "Observation", "late") {
			t.Error("its time has come, and it is not seen")
		}
		if days, err := p.s.Waiting(ctx, patient, "p"); err != nil || len(days) > 0 {
			t.Errorf("still told: %v, %v", days, err)
		}
	})
}

// A corrected result that is held comes from its source without the label, and is labelled again.
func TestACorrectedResultStaysHeld(t *testing.T) {
	p := open(t, "sqlite::memory:")
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.s.Run(ctx) }()
	t.Cleanup(func() { end(); <-done })
	p.put(psa)
	p.until("it is held", func() bool { return !p.sees(patient, "Observation", "psa") })
	p.put(strings.Replace(psa, "9.1", "9.3", 1))
	p.until("it is held again", func() bool { return !p.sees(patient, "Observation", "psa") })
}

func TestWhoeverOrdersATestChooses(t *testing.T) {
	p := open(t, "sqlite::memory:")
	p.put(`{"resourceType":"ServiceRequest","id":"r","status":"active","intent":"order","code":{"text":"HbA1c"},"subject":{"reference":"Patient/p"}}`)
	sugar := strings.NewReplacer(`"id":"psa"`, `"id":"sugar"`, "2857-1", "59261-8", `"status":"final"`, `"status":"final","basedOn":[{"reference":"ServiceRequest/r"}]`).Replace(psa)
	if hidden, err := p.s.Hidden(t.Context(), parse(t, sugar).Root()); err != nil || hidden {
		t.Errorf("held, though nobody chose it: %v", err)
	}
	if err := p.s.Order(t.Context(), doctor, "r", Talk); err != nil {
		t.Fatal(err)
	}
	if hidden, err := p.s.Hidden(t.Context(), parse(t, sugar).Root()); err != nil || !hidden {
		t.Errorf("not held, though the order says to talk first: %v", err)
	}
	if err := p.s.Order(t.Context(), doctor, "r", Now); err != nil {
		t.Fatal(err)
	}
	if hidden, err := p.s.Hidden(t.Context(), parse(t, sugar).Root()); err != nil || hidden {
		t.Errorf("held, though the order says now: %v", err)
	}
	if err := p.s.Order(t.Context(), doctor, "r", "never"); fhir.KindOf(err) != fhir.Invalid {
		t.Error(err)
	}
}

func TestLabelsOfOthersStay(t *testing.T) {
	for _, meta := range []string{``, `"meta":{"source":"x"},`, `"meta":{"security":[{"system":"a","code":"b"}]},`} {
		res := parse(t, `{"resourceType":"Observation",`+meta+`"status":"final"}`)
		with, err := withLabel(res)
		if err != nil || !Labelled(with.Root()) {
			t.Fatalf("%s: %v", meta, err)
		}
		if without, err := withoutLabel(with); err != nil || Labelled(without.Root()) || strings.Contains(meta, "security") != otherLabels(without.Root()) {
			t.Errorf("%s: %s, %v", meta, without.Bytes(), err)
		}
	}
}

// Where results are marked as they come, nobody sees one in the moment before it is held: not its first version, not a corrected one. What was released stays so, and
// what its source sends once more unchanged is no change.
func TestAResultIsHeldFromItsFirstMoment(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db)
		p.s.Marks() // and nobody follows
		ctx := t.Context()
		p.put(psa)
		if p.sees(patient, "Observation", "psa") || !p.sees(doctor, "Observation", "psa") {
			t.Fatal("it is seen by the patient, or not by the doctor")
		}
		p.put(strings.Replace(psa, "9.1", "9.3", 1))
		if p.sees(patient, "Observation", "psa") {
			t.Error("corrected, it is seen")
		}
		history, err := p.door.GetVersion(ctx, patient, "Observation", "psa", 1)
		if err == nil {
			t.Errorf("its first version is seen: %s", history.Body)
		}
		again := func() bool {
			res := parse(t, strings.Replace(psa, "9.1", "9.3", 1))
			done, err := p.door.Commit(ctx, me, []record.Op{{Method: record.Update, Type: "Observation", ID: "psa", Resource: res, Same: true}})
			if err != nil {
				t.Fatal(err)
			}
			return done[0].Version == 2
		}
		if !again() {
			t.Error("sent once more unchanged, it is another version")
		}
		p.put(strings.NewReplacer(`"id":"psa"`, `"id":"sugar"`, "2857-1", "59261-8").Replace(psa))
		p.put(strings.NewReplacer(`"id":"psa"`, `"id":"old"`, "2026-11-26T08", "2024-11-26T08").Replace(psa))
		if !p.sees(patient, "Observation", "sugar") || !p.sees(patient, "Observation", "old") {
			t.Error("a result of no class, or an old one, is held")
		}
		if err := p.s.Release(ctx, doctor, "Observation", "psa"); err != nil {
			t.Fatal(err)
		}
		p.put(strings.Replace(psa, "9.1", "9.4", 1))
		if !p.sees(patient, "Observation", "psa") {
			t.Error("released and sent once more, it is held again")
		}
		// An order that chose otherwise counts from the first moment too, where it was there before.
		p.put(`{"resourceType":"ServiceRequest","id":"order","status":"active","intent":"order","subject":{"reference":"Patient/p"},"extension":[{"url":"` + OrderExtension + `","valueCode":"talk"}]}`)
		p.put(strings.NewReplacer(`"id":"psa"`, `"id":"asked","basedOn":[{"reference":"ServiceRequest/order"}]`, "2857-1", "59261-8").Replace(psa))
		if p.sees(patient, "Observation", "asked") {
			t.Error("its order says to talk first, and it is seen")
		}
	})
}
