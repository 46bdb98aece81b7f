package record_test

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// A read by id with its audit entry, over 20,000 people, asked by several at once: what the audit costs shows here.
func BenchmarkReadAudited(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { readAudited(b, storetest.SQLite(b)) })
	b.Run("postgres", func(b *testing.B) { readAudited(b, storetest.Postgres(b)) })
}

func readAudited(b *testing.B, db string) {
	const people = 20_000
	d := record.TestOn(b, db)
	var ops []record.Op
	for i := range people {
		res, err := fhir.Parse(fmt.Appendf(nil, `{"resourceType":"Patient","id":"p%d","name":[{"family":"Okafor"}]}`, i))
		if err != nil {
			b.Fatal(err)
		}
		ops = append(ops, record.Op{Method: record.Update, Type: "Patient", ID: res.ID(), Resource: res})
		if len(ops) == 2000 {
			if _, err := d.Commit(b.Context(), access.Actor{ID: "kith/bench", Role: access.Kith}, ops); err != nil {
				b.Fatal(err)
			}
			ops = ops[:0]
		}
	}
	var n atomic.Int64
	b.SetParallelism(8)
	b.ReportAllocs()
	b.ResetTimer()
	start := cpu()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			who := access.Actor{ID: fmt.Sprintf("Practitioner/%d", n.Add(1)%500), Name: "Dr A. Jessop", Role: "clinician", Organization: "M81001", Purpose: "TREAT", From: "10.1.2.3:4000"}
			if _, err := d.Get(b.Context(), who, "Patient", fmt.Sprintf("p%d", rand.IntN(people))); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64((cpu()-start).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// cpu is the processor time of this process: other work on the machine does not disturb it.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
