package need

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/words"
)

func parse[T any](t *testing.T, text string) (out T) {
	t.Helper()
	res, err := fhir.Parse([]byte(text))
	if err == nil {
		err = r4.Decode(res, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const practice = `{"resourceType":"Patient","id":"ada","name":[{"use":"official","prefix":["Mrs"],"given":["Ada"],"family":"Okafor"}],
 "telecom":[{"system":"phone","value":"01632 960100"},{"system":"phone","value":"07700 900123"},{"system":"email","use":"old","value":"old@example.org"},{"system":"email","value":"ada@example.org"}],
 "address":[{"use":"old","line":["1 Old Road"],"city":"Merrowby"},{"use":"home","line":["4a","Mill Lane"],"city":"Merrowby","postalCode":"ZZ1 2BB"}],
 "communication":[{"language":{"coding":[{"code":"en"}]}},{"language":{"coding":[{"code":"cy-GB"}]},"preferred":true}]}`

const hospital = `{"resourceType":"Patient","id":"ada-h","name":[{"family":"OKAFOR"}],"telecom":[{"system":"phone","use":"mobile","value":"07700 900999"}],"address":[{"text":"Elsewhere, Merrowby"}]}`

// What the person chose comes before what sources say; of sources the first that says something counts; what is old does not.
func TestOf(t *testing.T) {
	patients := []r4.Patient{parse[r4.Patient](t, practice), parse[r4.Patient](t, hospital)}
	n := Of(patients, nil)
	want := Need{Choice: Choice{Language: "cy", Format: Standard}, Name: "Mrs Ada Okafor", Email: "ada@example.org", Mobile: "+447700900123", Phone: "+441632960100", Address: []string{"4a Mill Lane", "Merrowby", "ZZ1 2BB"}}
	if !reflect.DeepEqual(n, want) {
		t.Errorf("%+v", n)
	}
	flag := func(status, system, code string) r4.Flag {
		return parse[r4.Flag](t, `{"resourceType":"Flag","status":"`+status+`","code":{"coding":[{"system":"`+system+`","code":"`+code+`"}]},"subject":{"reference":"Patient/ada"}}`)
	}
	n = Of(patients, []r4.Flag{flag("active", System, "language-en"), flag("active", System, "channel-letter"), flag("inactive", System, "format-braille"), flag("active", snomed, easyRead), flag("active", snomed, interpreterNeeded), flag("active", "http://loinc.org", "1")})
	if n.Language != "en" || n.Channel != Letter || n.Format != EasyRead || !n.Interpreter || n.Written() != "en" || n.At(Email) != "ada@example.org" || n.At(Letter) != "4a Mill Lane, Merrowby, ZZ1 2BB" {
		t.Errorf("%+v", n)
	}
	if n := Of([]r4.Patient{parse[r4.Patient](t, `{"resourceType":"Patient","deceasedDateTime":"2026-01-01"}`)}, nil); !n.Died || n.Address != nil || n.At(Text) != "" || n.Format != Standard {
		t.Errorf("somebody who died: %+v", n)
	}
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]string{"07700 900123": "+447700900123", "+44 (0)7700 900-123": "+447700900123", "0044 7700900123": "+447700900123", "+353 1 2345678": "+35312345678", "ring my son": "", "123": "", "7700900123": ""} {
		if got := Number(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	for number, want := range map[string]bool{"+447700900123": true, "+447000900123": false, "+447624900123": true, "+447600900123": false, "+441632960100": false} {
		if mobile(number) != want {
			t.Errorf("%s: mobile is %v", number, !want)
		}
	}
}

// Every language that can be chosen is one that the pages know of, and English and Welsh are among them.
func TestLanguagesAreKnown(t *testing.T) {
	var known []string
	for _, l := range words.All() {
		known = append(known, l.Code)
	}
	for _, code := range Languages {
		if !slices.Contains(known, code) {
			t.Errorf("%s is not known to words", code)
		}
	}
}

var (
	ada  = access.Actor{ID: "Patient/ada", Role: "patient", Patient: "ada", Level: access.P5}
	desk = access.Actor{ID: "Practitioner/nia", Name: "Nia", Role: "receptionist", Organization: "A", Purpose: "TREAT"}
	kith = access.Actor{ID: "kith/test", Role: access.Kith}
)

func place(t *testing.T, db string) *Service {
	t.Helper()
	door, err := record.Open(t.Context(), record.Options{DB: db, Policy: access.Default(), Now: func() time.Time { return time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	for _, text := range []string{`{"resourceType":"Organization","id":"a","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A"}]}`,
		`{"resourceType":"Patient","id":"ada","managingOrganization":{"reference":"Organization/a"}}`, `{"resourceType":"Patient","id":"ada-h"}`, `{"resourceType":"Patient","id":"ben"}`} {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Commit(t.Context(), kith, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
			t.Fatal(err)
		}
	}
	return &Service{Door: door, Now: func() time.Time { return time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC) }}
}

// Set once, by the person or the desk where they are registered, it is there for everybody who must know it; nobody else sets or sees it.
func TestWhatIsSetIsKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		s := place(t, db)
		first := Choice{Language: "cy", Format: LargePrint, Channel: Letter, Interpreter: true}
		if err := s.Set(t.Context(), ada, "ada", first); err != nil {
			t.Fatal(err)
		}
		for _, who := range []access.Actor{ada, desk} {
			n, err := s.Get(t.Context(), who, "ada")
			if err != nil || n.Chosen != first {
				t.Errorf("%s: %+v %v", who.ID, n, err)
			}
		}
		if err := s.Set(t.Context(), desk, "ada", Choice{Format: Braille}); err != nil {
			t.Fatal(err)
		}
		n, err := s.Get(t.Context(), ada, "ada")
		if err != nil || n.Chosen != (Choice{Format: Braille}) {
			t.Errorf("after the desk changed it: %+v %v", n, err)
		}
		ben := access.Actor{ID: "Patient/ben", Role: "patient", Patient: "ben", Level: access.P9}
		if _, err := s.Get(t.Context(), ben, "ada"); fhir.KindOf(err) != fhir.Forbidden {
			t.Errorf("somebody else sees it: %v", err)
		}
		if err := s.Set(t.Context(), ben, "ada", Choice{}); fhir.KindOf(err) != fhir.Forbidden {
			t.Errorf("somebody else sets it: %v", err)
		}
		for _, wrong := range []Choice{{Language: "xx"}, {Format: "gold"}, {Channel: "fax"}} {
			if err := s.Set(t.Context(), ada, "ada", wrong); fhir.KindOf(err) != fhir.Invalid {
				t.Errorf("%+v is taken: %v", wrong, err)
			}
		}
		// It holds for the person, whichever of their Patients is asked about, and is said once.
		if err := s.Door.Link(t.Context(), kith, "ada", "ada-h"); err != nil {
			t.Fatal(err)
		}
		if err := s.Set(t.Context(), kith, "ada-h", Choice{Format: EasyRead}); err != nil {
			t.Fatal(err)
		}
		active := 0
		for m, err := range s.Door.All(t.Context(), kith, "Flag?patient=ada") {
			var f r4.Flag
			if err == nil {
				err = m.Decode(&f)
			}
			if err != nil {
				t.Fatal(err)
			}
			if f.Status == "active" {
				active++
			}
		}
		if n, err := s.Known(t.Context(), kith, "ada"); err != nil || n.Format != EasyRead || active != 1 {
			t.Errorf("%+v, %d Flags: %v", n, active, err)
		}
	})
}
