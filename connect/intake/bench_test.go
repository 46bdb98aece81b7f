package intake

import (
	"fmt"
	"testing"

	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// BenchmarkFailing counts and lists the failing rows of a feed of a million rows, of which three in ten fail something.
func BenchmarkFailing(b *testing.B) {
	for name, db := range map[string]func(testing.TB) string{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			d := desk(b, db(b))
			f := must(d.Named("toy"))(b)
			const batch = 20_000
			for from := range 1_000_000 / batch {
				parts := make([]record.Part, batch)
				for i := range parts {
					n := int64(from*batch + i)
					key := digestOf(fmt.Sprint(n))
					parts[i] = record.Part{Feed: f.Number, Unit: key, Part: key, Table: 1, Content: key, Item: 1 + n/100_000, Line: n % 100_000, State: record.RowFiled}
					if n%10 < 3 {
						parts[i].Fails = 1<<isCoded | n%2<<hasDate
					}
				}
				if _, err := d.box.File(b.Context(), d.Who, nil, parts); err != nil {
					b.Fatal(err)
				}
			}
			b.Run("count", func(b *testing.B) {
				for b.Loop() {
					if fails, err := d.Fails(b.Context(), f); err != nil || fails["coded"] != 300_000 {
						b.Fatal(fails, err)
					}
				}
			})
			b.Run("page", func(b *testing.B) {
				for b.Loop() {
					values, err := d.box.FailValues(b.Context(), f.Number)
					if err != nil || len(values) != 2 {
						b.Fatal(values, err)
					}
					for _, fails := range values {
						parts, err := d.box.FailingParts(b.Context(), f.Number, fails, record.Part{Item: 5, Line: 50_000}, 50)
						if err != nil || len(parts) != 50 {
							b.Fatal(len(parts), err)
						}
					}
				}
			})
		})
	}
}
