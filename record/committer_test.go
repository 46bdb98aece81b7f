package record

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store/storetest"
)

// What somebody waits for does not stand behind a bulk load: while four practices' extracts were filed, the hospital's messages once
// waited for three seconds each.
func TestASmallCommitPassesABulkLoad(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := TestOn(t, db)
		const loads = 90
		var done atomic.Int64
		var wg sync.WaitGroup
		for i := range loads {
			ops := make([]Op, 250)
			for j := range ops {
				res, err := fhir.Parse([]byte(fmt.Sprintf(`{"resourceType":"Basic","id":"b%d-%d","code":{"text":"x"}}`, i, j)))
				if err != nil {
					t.Fatal(err)
				}
				ops[j] = Op{Method: Update, Type: "Basic", ID: res.ID(), Resource: res}
			}
			wg.Go(func() {
				if _, err := d.Commit(t.Context(), tester, ops); err != nil {
					t.Error(err)
				}
				done.Add(1)
			})
		}
		for done.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		observe(t, d, "first") // a transaction of several large commits may be under way
		before := done.Load()
		for i := range 2 {
			observe(t, d, fmt.Sprint("small", i))
		}
		if passed := done.Load() - before; passed > 10 || before == loads {
			t.Errorf("%d large commits went before two small ones, after the first %d of %d", passed, before, loads)
		}
		wg.Wait()
		page, err := d.Find(t.Context(), tester, "Basic?_summary=count")
		if err != nil || page.Total != loads*250 {
			t.Errorf("%d of %d are there: %v", page.Total, loads*250, err)
		}
	})
}
