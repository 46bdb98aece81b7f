package record_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/kith-care/kith/store"
	"github.com/kith-care/kith/store/postgres"
	"github.com/kith-care/kith/store/sqlite"
	"github.com/kith-care/kith/store/storetest"
)

// A trail of a million entries by 500 people about 50,000: the newest of one patient, of one actor and of a moment, and all of it checked.
func BenchmarkTrailOfAMillion(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { trailOfAMillion(b, storetest.SQLite(b)) })
	b.Run("postgres", func(b *testing.B) { trailOfAMillion(b, storetest.Postgres(b)) })
}

func trailOfAMillion(b *testing.B, db string) {
	const entries = 1_000_000
	ctx := context.Background()
	var l *store.Ledger
	var err error
	if path, ok := strings.CutPrefix(db, "sqlite:"); ok {
		l, err = sqlite.OpenLedger(ctx, path, "bench")
	} else {
		l, err = postgres.OpenLedger(ctx, db, "bench")
	}
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for n := 0; n < entries; {
		var batch [][]byte
		for range 250 {
			batch = append(batch, fmt.Appendf(nil, `{"at":%d,"who":"Practitioner/%d","name":"Dr A. Jessop","role":"clinician","org":"M81001","why":"TREAT","from":"10.1.2.3:4000","action":"R","what":"Patient/p%d","patients":[%d]}`, 1_700_000_000_000_000+n*1000, n%500, n*7%50_000, n*7%50_000+1))
			n++
		}
		if err := l.Append(ctx, batch); err != nil {
			b.Fatal(err)
		}
		if l.Waiting() > 32768 || n == entries {
			if err := l.TakeBatch().Write(ctx); err != nil {
				b.Fatal(err)
			}
			if err := l.Sync(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	find := func(name string, ask func(i int) store.Ask, want int) {
		b.Run(name, func(b *testing.B) {
			for i := range b.N {
				found, err := l.Find(ctx, ask(i))
				if err != nil || len(found) != want {
					b.Fatalf("%d entries, want %d: %v", len(found), want, err)
				}
			}
		})
	}
	find("patient", func(i int) store.Ask { return store.Ask{Subjects: []int64{int64(i*7%50_000 + 1)}, Limit: 50} }, 20)
	find("actor", func(i int) store.Ask {
		return store.Ask{Subjects: []int64{store.ActorSubject(fmt.Sprintf("Practitioner/%d", i%500))}, Limit: 50}
	}, 50)
	find("minute", func(i int) store.Ask {
		from := int64(1_700_000_000_000_000 + i*1_000_000%900_000_000)
		return store.Ask{From: from, To: from + 60_000_000, Limit: 50}
	}, 50)
	b.Run("check", func(b *testing.B) {
		for range b.N {
			report, err := l.Check(ctx, store.Checking{})
			if err != nil || report.Entries != entries || len(report.Faults) > 0 {
				b.Fatalf("%+v %v", report, err)
			}
		}
	})
}
