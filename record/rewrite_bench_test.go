package record

import (
	"fmt"
	"testing"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store/storetest"
)

// A resource that has been written ten thousand times is written as fast as one that is new: a pharmacy's own Organization once came with every
// message, and each message took longer than the one before.
func BenchmarkRewrite(b *testing.B) {
	for _, versions := range []int{1, 10_000} {
		b.Run(fmt.Sprint(versions), func(b *testing.B) {
			d := TestOn(b, storetest.SQLite(b))
			n := 0
			write := func(id string, times int) {
				ops := make([]Op, 0, times)
				for range times {
					n++
					res, err := fhir.Parse([]byte(fmt.Sprintf(`{"resourceType":"Organization","id":%q,"name":"version %d"}`, id, n)))
					if err != nil {
						b.Fatal(err)
					}
					ops = append(ops, Op{Method: Update, Type: "Organization", ID: id, Resource: res})
				}
				for _, op := range ops {
					if _, err := d.Commit(b.Context(), tester, []Op{op}); err != nil {
						b.Fatal(err)
					}
				}
			}
			write("a", versions)
			for b.Loop() {
				write("a", 1)
			}
		})
	}
}
