package carer

import (
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

var (
	noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	kith = access.Actor{ID: "kith/test", Role: access.Kith}
	ada  = access.Actor{ID: "Patient/ada", Name: "Ada Okafor", Role: "patient", Patient: "ada", Level: access.P9}
	joy  = access.Actor{ID: "Patient/joy", Name: "Joy Okafor", Role: "patient", Patient: "joy", Level: access.P9}
	sam  = access.Actor{ID: "Patient/sam", Name: "Sam Okafor", Role: "patient", Patient: "sam", Level: access.P9}
	ben  = access.Actor{ID: "Patient/ben", Name: "Ben Reed", Role: "patient", Patient: "ben", Level: access.P9}
	nia  = access.Actor{ID: "Practitioner/nia", Name: "Nurse Nia", Role: "nurse", Organization: "A", Purpose: "TREAT"}
)

type list struct {
	*Service
	now time.Time
}

func open(t *testing.T, db string) *list {
	t.Helper()
	l := &list{now: noon}
	now := func() time.Time { return l.now }
	door, err := record.Open(t.Context(), record.Options{DB: db, Policy: access.Default(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	for _, text := range []string{
		`{"resourceType":"Organization","id":"a","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A"}]}`,
		`{"resourceType":"Patient","id":"ada","name":[{"given":["Ada"],"family":"Okafor"}],"birthDate":"1950-03-01","managingOrganization":{"reference":"Organization/a"}}`,
		`{"resourceType":"Patient","id":"joy","name":[{"given":["Joy"],"family":"Okafor"}],"birthDate":"1980-03-01"}`,
		`{"resourceType":"Patient","id":"sam","name":[{"given":["Sam"],"family":"Okafor"}],"birthDate":"1982-03-01"}`,
		`{"resourceType":"Patient","id":"ben","name":[{"given":["Ben"],"family":"Reed"}],"birthDate":"1982-03-01"}`,
		`{"resourceType":"RelatedPerson","id":"daughter","patient":{"reference":"Patient/ada"}}`,
		`{"resourceType":"CarePlan","id":"p","status":"active","intent":"plan","category":[{"coding":[{"system":"urn:kith:plan","code":"monitoring"}]}],"subject":{"reference":"Patient/ada"},"activity":[{"detail":{"status":"in-progress","code":{"text":"Blood pressure"},"scheduledTiming":{"repeat":{"frequency":2,"period":1,"periodUnit":"d"}}}},{"detail":{"status":"in-progress","code":{"text":"Weight"},"scheduledTiming":{"repeat":{"frequency":1,"period":1,"periodUnit":"wk"}}}},{"detail":{"status":"cancelled","code":{"text":"Pulse"},"scheduledTiming":{"repeat":{"frequency":1,"period":1,"periodUnit":"d"}}}}]}`,
		`{"resourceType":"CarePlan","id":"q","status":"active","intent":"plan","subject":{"reference":"Patient/ada"},"activity":[{"detail":{"status":"in-progress","code":{"text":"Walk with her"},"performer":[{"reference":"RelatedPerson/daughter"}]}},{"detail":{"status":"in-progress","code":{"text":"The nurse dresses the wound"}}}]}`,
		`{"resourceType":"Appointment","id":"eyes","status":"booked","serviceType":[{"text":"Eye clinic"}],"start":"2026-12-01T10:00:00Z","end":"2026-12-01T10:30:00Z","participant":[{"actor":{"reference":"Patient/ada"},"status":"accepted"}]}`,
		`{"resourceType":"Appointment","id":"call","status":"booked","description":"By telephone","extension":[{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-DeliveryChannel","valueCodeableConcept":{"coding":[{"code":"telephone"}]}}],"start":"2026-12-02T10:00:00Z","end":"2026-12-02T10:30:00Z","participant":[{"actor":{"reference":"Patient/ada"},"status":"accepted"}]}`,
	} {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Commit(t.Context(), kith, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
			t.Fatal(err)
		}
	}
	l.Service = &Service{Door: door, Now: now}
	trusts := &trust.Service{Door: door, Now: now}
	for _, who := range []string{"joy", "sam"} {
		if err := trusts.Record(t.Context(), kith, "ada", who, who, []string{"see", "book", "manage"}, noon.AddDate(1, 0, 0), true); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// said is the list in short: what is done has a tick and who did it.
func (l *list) said(t *testing.T, who access.Actor) string {
	t.Helper()
	items, err := l.List(t.Context(), who, "ada")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, it := range items {
		text := it.Kind + " " + it.Text
		if it.Whose != "" && !it.Done {
			text += " (" + it.Whose + ")"
		}
		if it.Done {
			text = "✓ " + text + " by " + it.By
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

func (l *list) key(t *testing.T, text string) string {
	t.Helper()
	items, err := l.List(t.Context(), ada, "ada")
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range items {
		if it.Text == text {
			return it.Key
		}
	}
	t.Fatalf("%q is not on the list", text)
	return ""
}

// What is due follows from plans and appointments; two carers share what one adds; a tick holds for the day; staff add what they ask for.
func TestSeveralCarersShareAList(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		l := open(t, db)
		const due = "other Walk with her"
		start := l.said(t, joy)
		for _, want := range []string{"measure Blood pressure", "measure Weight", due, "bring Eye clinic"} {
			if !strings.Contains(start, want) {
				t.Errorf("%q is not in %s", want, start)
			}
		}
		for _, not := range []string{"Pulse", "dresses", "By telephone"} {
			if strings.Contains(start, not) {
				t.Errorf("%q is in %s", not, start)
			}
		}
		key, err := l.Add(t.Context(), nia, "ada", New{Kind: "medicine", Text: "Eye drops at night", Daily: true})
		if err != nil {
			t.Fatal(err)
		}
		once, err := l.Add(t.Context(), joy, "ada", New{Kind: "other", Text: "Fetch the tablets", Due: noon.AddDate(0, 0, 1), Mine: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := l.said(t, sam); !strings.Contains(got, "other Fetch the tablets (Joy Okafor)") || !strings.Contains(got, "medicine Eye drops at night;") {
			t.Error(got)
		}
		for _, step := range []func() error{
			func() error { return l.Leave(t.Context(), joy, "ada", once) },
			func() error { return l.Take(t.Context(), sam, "ada", once) },
			func() error { return l.Tick(t.Context(), sam, "ada", once) },
			func() error { return l.Tick(t.Context(), joy, "ada", key) },
			func() error { return l.Tick(t.Context(), joy, "ada", l.key(t, "Blood pressure")) },
			func() error { return l.Tick(t.Context(), sam, "ada", l.key(t, "Blood pressure")) }, // it was ticked already
		} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		got := l.said(t, ada)
		for _, want := range []string{"✓ other Fetch the tablets by Sam Okafor", "✓ medicine Eye drops at night by Joy Okafor", "✓ measure Blood pressure by Joy Okafor"} {
			if !strings.Contains(got, want) {
				t.Errorf("%q is not in %s", want, got)
			}
		}
		if err := l.Untick(t.Context(), joy, "ada", key); err != nil {
			t.Fatal(err)
		}
		if got := l.said(t, nia); strings.Contains(got, "✓ medicine") {
			t.Error(got)
		}
		l.now = noon.AddDate(0, 0, 1)
		if got := l.said(t, joy); strings.Contains(got, "✓ measure") || !strings.Contains(got, "✓ other Fetch") {
			t.Errorf("the next day: %s", got)
		}
		if err := l.Remove(t.Context(), sam, "ada", key); err != nil {
			t.Fatal(err)
		}
		if got := l.said(t, joy); strings.Contains(got, "Eye drops") {
			t.Error(got)
		}

		// Strangers neither see nor change it, and wrong things are named.
		if _, err := l.List(t.Context(), ben, "ada"); fhir.KindOf(err) != fhir.Forbidden {
			t.Error(err)
		}
		if _, err := l.Add(t.Context(), ben, "ada", New{Kind: "other", Text: "x"}); fhir.KindOf(err) != fhir.Forbidden {
			t.Error(err)
		}
		if err := l.Tick(t.Context(), joy, "ada", "nothing"); fhir.KindOf(err) != fhir.NotFound {
			t.Error(err)
		}
		if err := l.Take(t.Context(), ben, "ben", once); fhir.KindOf(err) != fhir.NotFound {
			t.Errorf("a Task of somebody else is changed through one's own list: %v", err)
		}
		for _, wrong := range []New{{Kind: "other"}, {Kind: "other", Text: strings.Repeat("x", 201)}, {Kind: "nothing", Text: "x"}} {
			if _, err := l.Add(t.Context(), joy, "ada", wrong); fhir.KindOf(err) != fhir.Invalid {
				t.Errorf("%+v: %v", wrong, err)
			}
		}
	})
}

// Somebody registers as a carer, twice: one Flag, one Task for their practice, one RelatedPerson in the record of whom they care for.
func TestRegisteringAsACarer(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		l := open(t, db)
		if c, err := l.Known(t.Context(), joy); err != nil || c.Registered {
			t.Errorf("%+v %v", c, err)
		}
		for range 2 {
			if err := l.Register(t.Context(), joy, "ada"); err != nil {
				t.Fatal(err)
			}
		}
		if c, err := l.Known(t.Context(), joy); err != nil || !c.Registered || !c.Since.Equal(noon) {
			t.Errorf("%+v %v", c, err)
		}
		for query, want := range map[string]int{"Flag?patient=joy": 1, "Task?patient=joy&code=urn:kith:task|carer-registered": 1, "RelatedPerson?patient=ada&relationship=CAREGIVER": 1} {
			page, err := l.Door.Find(t.Context(), kith, query)
			if err != nil || len(page.Matches) != want {
				t.Errorf("%s: %d, %v", query, len(page.Matches), err)
			}
		}
		if err := l.Register(t.Context(), ben, "ada"); fhir.KindOf(err) != fhir.Forbidden {
			t.Errorf("a stranger becomes her carer: %v", err)
		}
		if err := l.Register(t.Context(), nia, ""); fhir.KindOf(err) != fhir.Forbidden {
			t.Error(err)
		}
	})
}
