// Package town is Merrowby, an English town that does not exist: the place everything in Kith is tried on.
//
// A Town is drawn from a seed. Households live in streets, people have names, ages and ancestries as an English town's
// have, are registered with one of five practices and go to one hospital. From age, sex, ancestry, weight and smoking
// come problems at about the English prevalence; from problems come medicines, reviews, blood tests and clinics; from
// age come immunisations; from bad luck come coughs and sprained ankles. Children have the mothers they live with, and
// whoever is referred waits as long as people in England do.
//
// Every person can be drawn alone (Person), in the same bytes each time, so a town of 2,000 and a town of 200,000 cost
// no memory. A person is one FHIR transaction in the manner of UK Core, with ids made from seed and number: sending it
// twice changes nothing. NHS numbers are of the 999 range, which is never issued; postcodes begin with ZZ, which is
// nowhere; telephone numbers are those kept for drama. Codes are SNOMED CT and LOINC, units UCUM; medicines are named as
// a prescription names them, without codes.
//
// The numbers are plausible, not evidence: nothing may be concluded from Merrowby about England.
package town

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/kith-care/kith/fhir"
)

// MostPeople is how many NHS numbers with a right check digit a town can give out.
const MostPeople = 1_500_000

// Town is a made-up town. The same fields give the same bytes.
type Town struct {
	Seed   int64     // which town
	People int       // how many live there, at most MostPeople
	Until  time.Time // the day its records end; zero means 1 November 2026
}

// Shared returns the town's organisations and practitioners as one transaction Bundle. It must be sent before any person.
func (t Town) Shared() ([]byte, error) {
	place := t.place()
	b := &bundle{town: t.name()}
	for i := range place.organizations {
		b.organization(&place.organizations[i])
	}
	for i := range place.staff {
		b.practitioner(&place.staff[i])
	}
	return b.json()
}

// Person returns person i (from 0) and everything recorded about them as one transaction Bundle. It fails with
// fhir.NotFound where the town has no such person.
func (t Town) Person(i int) ([]byte, error) {
	if t.People > MostPeople {
		return nil, fhir.Errorf(fhir.Invalid, "a town has at most %d people, not %d", MostPeople, t.People)
	}
	if i < 0 || i >= t.People {
		return nil, fhir.Errorf(fhir.NotFound, "the town has people 0 to %d, not %d", t.People-1, i)
	}
	place := t.place()
	p := t.draw(i, place)
	life := live(p, place)
	b := &bundle{town: t.name(), person: i}
	b.patient(p, place)
	life.write(b)
	return b.json()
}

// PatientID returns the id of person i's Patient.
func (t Town) PatientID(i int) string { return t.name() + "-" + strconv.Itoa(i) }

// name begins every id, so that two towns can live in one record.
func (t Town) name() string { return "t" + strconv.FormatUint(uint64(t.Seed), 36) }

func (t Town) until() time.Time {
	if t.Until.IsZero() {
		return date(2026, 11, 1)
	}
	return t.Until.UTC().Truncate(day)
}

// bundle gathers a transaction.
type bundle struct {
	town    string
	person  int
	entries []entry
	count   map[string]int
}

type entry struct {
	Resource any     `json:"resource"`
	Request  request `json:"request"`
}

type request struct {
	Method string `json:"method"`
	URL    string `json:"url"`
}

// add puts a resource in under its own id.
func (b *bundle) add(kind, id string, resource any) {
	b.entries = append(b.entries, entry{resource, request{"PUT", kind + "/" + id}})
}

// next returns the id of the person's next resource of a kind: t1-42-o7 is the seventh Observation of person 42.
func (b *bundle) next(letter string) string {
	if b.count == nil {
		b.count = map[string]int{}
	}
	b.count[letter]++
	return fmt.Sprintf("%s-%d-%s%d", b.town, b.person, letter, b.count[letter])
}

func (b *bundle) json() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		ResourceType string  `json:"resourceType"`
		Type         string  `json:"type"`
		Entry        []entry `json:"entry"`
	}{"Bundle", "transaction", b.entries})
	if err != nil {
		return nil, fhir.Errorf(fhir.Broken, "a made-up person could not be written: %v", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
