package carry

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

func parse(t testing.TB, text string) *fhir.Resource {
	t.Helper()
	res, err := fhir.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

const patientText = `{"resourceType":"Patient","id":"p","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"},{"system":"urn:kith:source:x","value":"1"}],"name":[{"use":"official","family":"Okafor","given":["Ada"]}],"birthDate":"1950-02-01","gender":"female","telecom":[{"system":"phone","value":"01632 960000"}],"generalPractitioner":[{"reference":"Organization/o"}]}`

// summary is one of a person in whose record everything refers to other things.
func summary(t testing.TB) *Summary {
	return &Summary{
		Patient:      parse(t, patientText),
		Problems:     []Item{{parse(t, `{"resourceType":"Condition","id":"c","meta":{"source":"urn:kith:intake:emis/x"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"44054006","display":"Type 2 diabetes mellitus"},{"system":"urn:kith:emis:code-id","code":"253038"}]},"subject":{"reference":"Patient/other"},"encounter":{"reference":"Encounter/e"},"onsetDateTime":"2014-03-01","recorder":{"reference":"Practitioner/d"}}`), "Type 2 diabetes", "", "1 March 2014", "Mill Lane <Surgery>"}},
		Medicines:    []Item{{parse(t, `{"resourceType":"MedicationRequest","id":"m","status":"active","intent":"plan","medicationReference":{"reference":"Medication/x","display":"Metformin 500mg tablets"},"subject":{"reference":"Patient/p"},"authoredOn":"2026-01-01","dosageInstruction":[{"text":"One twice a day"}]}`), "Metformin 500mg tablets", "One twice a day", "", ""}},
		Results:      []Item{{parse(t, `{"resourceType":"Observation","id":"r","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"59261-8"}]},"subject":{"reference":"Patient/p"},"performer":[{"reference":"Organization/lab"}],"effectiveDateTime":"2026-10-01","valueQuantity":{"value":53.0,"unit":"mmol/mol","system":"http://unitsofmeasure.org","code":"mmol/mol"}}`), "HbA1c", "53.0 mmol/mol", "1 October 2026", ""}},
		Vaccinations: []Item{{parse(t, flu), "Flu vaccine", "", "1 October 2025", ""}},
		Procedures:   []Item{{parse(t, `{"resourceType":"Procedure","id":"o","status":"completed","code":{"text":"Hip replacement"},"subject":{"reference":"Patient/p"},"performer":[{"actor":{"reference":"Practitioner/d"}}],"performedDateTime":"2020"}`), "New hip", "", "2020", ""}},
	}
}

const flu = `{"resourceType":"Immunization","id":"i","status":"completed","vaccineCode":{"coding":[{"system":"http://snomed.info/sct","code":"86198006","display":"Influenza vaccination"}]},"patient":{"reference":"Patient/p"},"occurrenceDateTime":"2025-10-01T09:00:00+01:00","lotNumber":"AB12","performer":[{"actor":{"reference":"Practitioner/n","display":"Nurse Joy"}}]}`

type place struct {
	door *record.Door
	s    *Service
	now  time.Time
}

func open(t testing.TB, db string) *place {
	t.Helper()
	p := &place{now: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return p.now }
	var err error
	if p.door, err = record.Open(t.Context(), record.Options{DB: db, Base: "https://kith.test/fhir", Policy: access.Default(), Now: clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.door.Close() })
	res := parse(t, patientText)
	if _, err := p.door.Commit(t.Context(), me, []record.Op{{Method: record.Update, Type: "Patient", ID: "p", Resource: res}}); err != nil {
		t.Fatal(err)
	}
	if p.s, err = Open(t.Context(), Options{Door: p.door, Base: "https://kith.test", Name: "Merrowby", Now: clock}); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestASummaryIsAValidDocumentThatStandsAlone(t *testing.T) {
	s := open(t, "sqlite::memory:").s
	doc, err := s.Document(summary(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(t.Context(), doc); err != nil {
		t.Error(err)
	}
	text := string(doc.Bytes())
	for _, never := range []string{"Practitioner", "Encounter", "Organization/lab", "Patient/other", "urn:kith", "01632", "Medication/x"} {
		if strings.Contains(text, never) {
			t.Errorf("the document holds %s", never)
		}
	}
	for _, want := range []string{`"type":"document"`, `60591-5`, `11450-4`, `48765-2`, `10160-0`, `"emptyReason"`, `That does not mean that there is nothing`, `"9990000018"`, `Metformin 500mg tablets`, `&lt;Surgery&gt;`, `"value":53.0`} {
		if !strings.Contains(text, want) {
			t.Errorf("the document has no %s", want)
		}
	}
	first := doc.Root().Get("entry").First().Get("resource")
	if !first.Get("resourceType").Is("Composition") {
		t.Error("a document begins with its Composition")
	}
	// Every reference leads to an entry.
	full := map[string]bool{}
	for e := range doc.Root().Get("entry").Items() {
		full[strings.TrimPrefix(e.Get("fullUrl").Text(), "https://kith.test/fhir/")] = true
	}
	for section := range first.Get("section").Items() {
		for e := range section.Get("entry").Items() {
			if !full[e.Get("reference").Text()] {
				t.Errorf("%s leads nowhere", e.Get("reference").Text())
			}
		}
	}
	empty := &Summary{Patient: parse(t, patientText)}
	if doc, err = s.Document(empty); err != nil {
		t.Fatal(err)
	}
	if err := Check(t.Context(), doc); err != nil {
		t.Errorf("of a person of whom nothing is known: %v", err)
	}
	if _, err := s.Document(&Summary{Patient: parse(t, patientText), Results: []Item{{Resource: parse(t, `{"resourceType":"Basic","id":"b"}`)}}}); fhir.KindOf(err) != fhir.Invalid {
		t.Error(err)
	}
}

var ada = access.Actor{ID: "Patient/p", Name: "Ada Okafor", Role: "patient", Patient: "p", Level: access.P9, Purpose: "PATRQT"}

func TestALinkLeadsToTheSummaryUntilItEnds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db)
		ctx := t.Context()
		doc, err := p.s.Document(summary(t))
		if err != nil {
			t.Fatal(err)
		}
		token, link, err := p.s.Make(ctx, ada, Ask{Patient: "p", Label: "Holiday", Life: 24 * time.Hour, Document: doc})
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := p.s.Read(ctx, token, "", "192.0.2.1")
		if err != nil || !bytes.Equal(got.Bytes(), doc.Bytes()) {
			t.Fatalf("it does not lead to the summary: %v", err)
		}
		raw, err := p.door.Box(Room).Get(ctx, kindLink, link.ID)
		if err != nil || bytes.Contains(raw, []byte("Metformin")) || bytes.Contains(raw, []byte(token)) {
			t.Errorf("whoever has the database reads the summary: %v", err)
		}
		page, smart, err := p.s.Address(token, &link)
		if err != nil || page != "https://kith.test/shared/"+token || !strings.HasPrefix(smart, "shlink:/") {
			t.Errorf("%s %s %v", page, smart, err)
		}
		// A program reads it with what stands in the SMART Health Link, and nothing else.
		var says payload
		raw, err = base64.RawURLEncoding.DecodeString(strings.TrimPrefix(smart, "shlink:/"))
		if err == nil {
			err = json.Unmarshal(raw, &says)
		}
		if err != nil || says.URL != "https://kith.test/shared/"+link.ID+"/manifest" || says.Exp != link.Until.Unix() || says.Label != "Holiday" || len(says.URL) > 128 || len(says.Key) != 43 {
			t.Errorf("%+v %v", says, err)
		}
		sealed, _, err := p.s.Fetch(ctx, link.ID, "", "192.0.2.2", "Hospital of Paris")
		if err != nil {
			t.Fatal(err)
		}
		key, err := base64.RawURLEncoding.DecodeString(says.Key)
		if err != nil {
			t.Fatal(err)
		}
		if content, err := unseal(sealed, key); err != nil || !bytes.Equal(content, doc.Bytes()) {
			t.Errorf("a program does not read it: %v", err)
		}
		links, err := p.s.Links(ctx, "p")
		if err != nil || len(links) != 1 || links[0].Views != 2 || links[0].Label != "Holiday" || links[0].Last.IsZero() {
			t.Errorf("%+v %v", links, err)
		}
		// The person sees in the trail that it was opened.
		trail, err := p.door.Trail(ctx, ada, record.TrailQuery{Patient: "p", Count: 10})
		if err != nil || len(trail.Entries) == 0 || trail.Entries[0].Name != "Somebody with the link “Holiday”: Hospital of Paris" {
			t.Errorf("%+v %v", trail, err)
		}
		for name, wrong := range map[string]string{"another token": strings.Repeat("A", 43), "no token": "x"} {
			if _, _, err := p.s.Read(ctx, wrong, "", ""); fhir.KindOf(err) != fhir.NotFound {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := p.s.Revoke(ctx, ada, "q", link.ID); fhir.KindOf(err) != fhir.NotFound {
			t.Errorf("somebody else ends it: %v", err)
		}
		if err := p.s.Revoke(ctx, ada, "p", link.ID); err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.s.Read(ctx, token, "", ""); fhir.KindOf(err) != fhir.NotFound {
			t.Errorf("revoked, it leads on: %v", err)
		}
		token, _, err = p.s.Make(ctx, ada, Ask{Patient: "p", Life: time.Hour, Document: doc})
		if err != nil {
			t.Fatal(err)
		}
		p.now = p.now.Add(time.Hour)
		if _, _, err := p.s.Read(ctx, token, "", ""); fhir.KindOf(err) != fhir.NotFound {
			t.Errorf("its time is over, and it leads on: %v", err)
		}
		if err := p.s.forget(ctx); err != nil {
			t.Fatal(err)
		}
		if kept, err := p.s.get(ctx, idOf(token)); err != nil || kept.Sealed != "" {
			t.Errorf("what it led to is still kept: %v", err)
		}
	})
}

func TestAPasscodeMayBeWrongFiveTimes(t *testing.T) {
	p := open(t, "sqlite::memory:")
	ctx := t.Context()
	doc, err := p.s.Document(summary(t))
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := p.s.Make(ctx, ada, Ask{Patient: "p", Life: time.Hour, Passcode: "482913", Document: doc})
	if err != nil {
		t.Fatal(err)
	}
	if asks, err := p.s.Asks(ctx, token); err != nil || !asks {
		t.Errorf("%v %v", asks, err)
	}
	if _, _, err := p.s.Read(ctx, token, "482913", ""); err != nil {
		t.Error(err)
	}
	for left := mostTries - 1; left >= 0; left-- {
		_, _, err := p.s.Read(ctx, token, "000000", "")
		var wrong Wrong
		if !errors.As(err, &wrong) || wrong.Left != left {
			t.Errorf("%v, want %d left", err, left)
		}
	}
	if _, _, err := p.s.Read(ctx, token, "482913", ""); fhir.KindOf(err) != fhir.NotFound {
		t.Errorf("after five wrong ones the right one opens it: %v", err)
	}
}

func TestLinksThatAreNotMade(t *testing.T) {
	p := open(t, "sqlite::memory:")
	doc := parse(t, `{"resourceType":"Bundle","type":"document"}`)
	for says, ask := range map[string]Ask{
		"30 days":    {Patient: "p", Life: 31 * 24 * time.Hour, Document: doc},
		"passcode":   {Patient: "p", Life: time.Hour, Passcode: "123", Document: doc},
		"80 letters": {Patient: "p", Life: time.Hour, Label: strings.Repeat("a", 81), Document: doc},
	} {
		if _, _, err := p.s.Make(t.Context(), ada, ask); fhir.KindOf(err) != fhir.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	for range mostLinks {
		if _, _, err := p.s.Make(t.Context(), ada, Ask{Patient: "p", Life: time.Hour, Document: doc}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := p.s.Make(t.Context(), ada, Ask{Patient: "p", Life: time.Hour, Document: doc}); fhir.KindOf(err) != fhir.Conflict {
		t.Errorf("one more: %v", err)
	}
}

func TestACertificateIsCheckedByItsKeyAlone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db)
		cards, err := p.s.Cards(parse(t, patientText), []*fhir.Resource{parse(t, flu), parse(t, strings.Replace(flu, "completed", "not-done", 1))})
		if err != nil || len(cards) != 1 {
			t.Fatalf("%d: %v", len(cards), err)
		}
		file, err := File(cards)
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"letters": cards[0], "numbers": Numeric(cards[0]), "file": string(file)} {
			c, err := p.s.Verify(text)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if c.Name != "Ada Okafor" || c.Born != "1950-02-01" || len(c.Shots) != 1 || c.Shots[0] != (Shot{"Influenza vaccination", "http://snomed.info/sct|86198006", "2025-10-01", "AB12", "Nurse Joy"}) || c.Issuer != "https://kith.test" {
				t.Errorf("%s: %+v", name, c)
			}
		}
		other, err := newKey()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(cards[0], p.s.Base, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{other.Public()}}, p.now); fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("by another key: %v", err)
		}
		if _, err := Verify(cards[0], "https://other.test", p.s.Keys(), p.now); err == nil || !strings.Contains(err.Error(), "another issuer") {
			t.Error(err)
		}
		// Another process signs with the same key.
		again, err := Open(t.Context(), Options{Door: p.door, Base: "https://kith.test", Now: p.s.Now})
		if err != nil || again.key.KeyID != p.s.key.KeyID {
			t.Errorf("another key: %v", err)
		}
	})
}

// Any letter of a certificate that is changed makes it worthless.
func TestACertificateThatWasChangedIsNone(t *testing.T) {
	p := open(t, "sqlite::memory:")
	cards, err := p.s.Cards(parse(t, patientText), []*fhir.Resource{parse(t, flu)})
	if err != nil {
		t.Fatal(err)
	}
	signed := cards[0]
	for i := 0; i < len(signed)-2; i += 7 { // the last letter holds bits that mean nothing
		if signed[i] == '.' {
			continue
		}
		other := byte('A')
		if signed[i] == 'A' {
			other = 'B'
		}
		if _, err := p.s.Verify(signed[:i] + string(other) + signed[i+1:]); err == nil {
			t.Errorf("letter %d may be changed", i)
		}
	}
	if _, err := p.s.Cards(parse(t, patientText), nil); fhir.KindOf(err) != fhir.Invalid {
		t.Error(err)
	}
}

func TestManyVaccinationsAreSeveralCertificatesThatEachFitACode(t *testing.T) {
	p := open(t, "sqlite::memory:")
	var shots []*fhir.Resource
	for i := range 40 {
		shots = append(shots, parse(t, strings.NewReplacer("2025-10-01", time.Date(1980+i, 10, 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), "86198006", "8619800"+string(rune('0'+i%10))).Replace(flu)))
	}
	cards, err := p.s.Cards(parse(t, patientText), shots)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, card := range cards {
		if len(card) > longestCard {
			t.Errorf("a certificate of %d letters", len(card))
		}
		c, err := p.s.Verify(Numeric(card))
		if err != nil {
			t.Fatal(err)
		}
		n += len(c.Shots)
		svg, err := QR(Numeric(card), "Certificate")
		if err != nil || !strings.Contains(string(svg), `aria-label="Certificate"`) {
			t.Error(err)
		}
	}
	if n != 40 || len(cards) < 2 {
		t.Errorf("%d vaccinations in %d certificates", n, len(cards))
	}
	if _, err := QR(strings.Repeat("a", 5000), ""); fhir.KindOf(err) != fhir.Invalid {
		t.Error(err)
	}
}

func FuzzVerify(f *testing.F) {
	p := open(f, "sqlite::memory:")
	cards, err := p.s.Cards(parse(f, patientText), []*fhir.Resource{parse(f, flu)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(Numeric(cards[0]))
	f.Add("shc:/1234")
	f.Add(`{"verifiableCredential":["a.b.c"]}`)
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := p.s.Verify(text); err == nil && c.Issuer != "https://kith.test" {
			t.Errorf("%q: %+v", text, c)
		}
	})
}
