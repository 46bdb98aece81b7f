package bulk_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// An export of 200,000 Observations of 2,000 people: how fast, in how much memory, and how long one reader waits meanwhile. Run with -benchtime 1x.
func BenchmarkExportOfMany(b *testing.B) {
	const people, each = 2000, 100
	for _, kind := range []struct {
		name string
		db   func(testing.TB) string
	}{{"sqlite", storetest.SQLite}, {"postgres", storetest.Postgres}} {
		b.Run(kind.name, func(b *testing.B) {
			p := open(b, kind.db(b), access.Default())
			p.exports.Poll, p.exports.Lines, p.exports.Kept = 0, 0, 1000
			p.who["all"] = access.Actor{ID: "client/all", Role: "system", Organization: "X", Purpose: "PUBHLTH", App: &access.Client{ID: "all", Scopes: service("system/*.rs").App.Scopes}}
			for i := range people {
				ops := []record.Op{put(b, fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","birthDate":"1950-01-01"}`, i))}
				for k := range each {
					ops = append(ops, put(b, fmt.Sprintf(`{"resourceType":"Observation","id":"o%[1]d-%[2]d","identifier":[{"system":"https://lab.example/result","value":"%[1]d-%[2]d"}],"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"%[2]d-0","display":"Systolic blood pressure"}]},"subject":{"reference":"Patient/p%[1]d"},"effectiveDateTime":"2026-01-01T10:00:00Z","valueQuantity":{"value":120,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}`, i, k)))
				}
				if _, err := p.door.Commit(b.Context(), theSystem, ops); err != nil {
					b.Fatal(err)
				}
			}
			p.run()
			read := func(until func() bool) []time.Duration {
				var took []time.Duration
				for i := 0; !until(); i++ {
					began := time.Now()
					if status, _, text := p.ask("all", "GET", fmt.Sprintf("Patient/p%d", i%people), ""); status != 200 {
						b.Fatal(status, text)
					}
					took = append(took, time.Since(began))
					time.Sleep(2 * time.Millisecond)
				}
				slices.Sort(took)
				return took
			}
			began := time.Now()
			idle := read(func() bool { return time.Since(began) > 2*time.Second })
			peak, done := watchMemory()
			b.ResetTimer()
			for b.Loop() {
				var prepared atomic.Bool
				var m manifest
				began := time.Now()
				at := p.start("all", "$export?_type=Observation", "")
				go func() {
					m = p.wait("all", at)
					prepared.Store(true)
				}()
				busy := read(prepared.Load)
				took := time.Since(began)
				began = time.Now()
				for _, f := range m.Output {
					fetch(b, f.URL, "identity")
				}
				b.ReportMetric(people*each/took.Seconds(), "prepared/s")
				b.ReportMetric(people*each/time.Since(began).Seconds(), "fetched/s")
				b.ReportMetric(float64(busy[len(busy)/2].Microseconds()), "µs-read-busy-median")
				b.ReportMetric(float64(busy[len(busy)*95/100].Microseconds()), "µs-read-busy-p95")
			}
			done()
			b.ReportMetric(float64(idle[len(idle)/2].Microseconds()), "µs-read-idle-median")
			b.ReportMetric(float64(idle[len(idle)*95/100].Microseconds()), "µs-read-idle-p95")
			b.ReportMetric(float64(*peak)/(1<<20), "MB-heap-peak")
		})
	}
}

func put(t testing.TB, text string) record.Op {
	r, err := fhir.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return record.Op{Method: record.Update, Type: r.Type(), ID: r.ID(), Resource: r}
}
