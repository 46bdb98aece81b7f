package record

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/search"
	"github.com/kith-care/kith/store"
)

// ward is a record of one person with many ties and resources, and somebody who cares for them.
func ward(b *testing.B) (*Door, access.Actor, []*store.Version) {
	b.Helper()
	d, err := Open(b.Context(), Options{DB: "sqlite::memory:", Base: "http://kith.test/fhir", Policy: access.Default()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { d.Close() })
	lines := []string{`Organization/a {"identifier":[{"system":"` + odsSystem + `","value":"A"}]}`, `Patient/p {"birthDate":"1950-01-01","managingOrganization":{"reference":"Organization/a"}}`}
	for i := range 40 {
		lines = append(lines, fmt.Sprintf(`Encounter/e%d {"status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/p"},"period":{"start":"2026-%02d-01"},"serviceProvider":{"reference":"Organization/a"}}`, i, i%12+1))
	}
	for i := range 200 {
		lines = append(lines, fmt.Sprintf(`Observation/o%d {"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"coding":[{"system":"http://snomed.info/sct","code":"1000731000000107","display":"Serum creatinine level"}]},"subject":{"reference":"Patient/p"},"encounter":{"reference":"Encounter/e%d"},"effectiveDateTime":"2026-01-01T10:00:00Z","performer":[{"reference":"Practitioner/x"}],"valueQuantity":{"value":%d,"unit":"umol/L","system":"http://unitsofmeasure.org","code":"umol/L"}}`, i, i%40, 50+i))
	}
	var ops []Op
	for _, line := range lines {
		name, body, _ := strings.Cut(line, " ")
		typ, id, _ := strings.Cut(name, "/")
		res, err := fhir.Parse([]byte(`{"resourceType":"` + typ + `","id":"` + id + `",` + body[1:]))
		if err != nil {
			b.Fatal(err)
		}
		ops = append(ops, Op{Method: Update, Type: typ, ID: id, Resource: res})
	}
	if _, err := d.Commit(b.Context(), access.Actor{ID: "kith/test", Role: access.Kith}, ops); err != nil {
		b.Fatal(err)
	}
	rows, _, err := d.store.Compartment(b.Context(), "p", nil, 0, 0, 1000)
	if err != nil {
		b.Fatal(err)
	}
	return d, access.Actor{ID: "Practitioner/x", Role: "clinician", Organization: "A", Purpose: "TREAT"}, rows
}

// One decision for a request and a person, whose circle is at hand.
func BenchmarkDecide(b *testing.B) {
	d, who, rows := ward(b)
	patient := rows[0].Patient
	e := d.eyes(b.Context(), nil, &who, access.Search)
	if err := e.meet([]int64{patient}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		e := d.eyes(b.Context(), nil, &who, access.Search)
		if err := e.meet([]int64{patient}); err != nil {
			b.Fatal(err)
		}
	}
}

// The policy alone, on a circle with forty ties.
func BenchmarkSee(b *testing.B) {
	c := &access.Circle{Patients: []string{"p"}, Born: time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC)}
	for range 40 {
		c.Ties = append(c.Ties, access.Tie{Kind: access.Visit, Organization: "Z"})
	}
	c.Ties = append(c.Ties, access.Tie{Kind: access.Registration, Organization: "A"})
	who := access.Actor{ID: "Practitioner/x", Role: "clinician", Organization: "A"}
	p, now := access.Default(), time.Now()
	for b.Loop() {
		p.See(&who, c, now)
	}
}

// Each resource held against what was decided.
func BenchmarkSees(b *testing.B) {
	d, who, rows := ward(b)
	e := d.eyes(b.Context(), nil, &who, access.Search)
	if err := e.meet([]int64{rows[0].Patient}); err != nil {
		b.Fatal(err)
	}
	var candidates []search.Row
	for _, v := range rows {
		if v.Type.String() == "Observation" {
			candidates = append(candidates, search.Row{Type: v.Type, ID: v.ID, Keys: v.Keys})
		}
	}
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		if ok, known, err := e.Sees(&candidates[i%len(candidates)], rows[0].Patient); !ok || !known || err != nil {
			b.Fatal("not seen")
		}
	}
}

// A circle gathered from the record.
func BenchmarkCircle(b *testing.B) {
	d, _, rows := ward(b)
	for b.Loop() {
		d.circles.mu.Lock()
		d.circles.of = map[int64]known{}
		d.circles.mu.Unlock()
		if _, err := d.circles.learn(b.Context(), nil, []int64{rows[0].Patient}); err != nil {
			b.Fatal(err)
		}
	}
}

// A read and a search of one person, decided about and not: what access control adds to each, beside what is the same.
func BenchmarkDecided(b *testing.B) {
	d, who, _ := ward(b)
	for _, asked := range []struct {
		name string
		who  access.Actor
	}{{"open", access.Actor{ID: "kith/test", Name: who.Name, Role: access.Kith, Organization: who.Organization, Purpose: who.Purpose}}, {"decided", who}} {
		b.Run("read/"+asked.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := d.Get(b.Context(), asked.who, "Observation", "o7"); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("newest/"+asked.name, func(b *testing.B) {
			for b.Loop() {
				if p, err := d.Find(b.Context(), asked.who, "Observation?patient=p&code=http://snomed.info/sct|1000731000000107&_sort=-date&_count=1"); err != nil || len(p.Matches) != 1 {
					b.Fatal(err)
				}
			}
		})
	}
}
