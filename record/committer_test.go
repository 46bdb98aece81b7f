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
		small := func(id string) int64 {
			res, err := fhir.Parse([]byte(`{"resourceType":"Basic","id":"` + id + `","code":{"text":"x"}}`))
			if err != nil {
				t.Fatal(err)
			}
			made, err := d.Commit(t.Context(), tester, []Op{{Method: Update, Type: "Basic", ID: id, Resource: res}})
			if err != nil {
				t.Fatal(err)
			}
			return made[0].Seq // the place in which it was written; who was answered when is no measure of that
		}
		first := small("first") // a transaction of several large commits may be under way
		small("second")
		if passed := (small("third") - first) / 250; passed > 10 || first > loads*250 {
			t.Errorf("%d large commits went before two small ones, after the first %d of %d", passed, first/250, loads)
		}
		wg.Wait()
		page, err := d.Find(t.Context(), tester, "Basic?_summary=count")
		if err != nil || page.Total != loads*250+3 {
			t.Errorf("%d of %d are there: %v", page.Total, loads*250+3, err)
		}
	})
}

// Whoever sends one small commit upon the other has half of the writer beside a bulk load, not one commit for each large one: while four
// practices' extracts were filed, a hospital once sent two messages a second.
func TestSmallCommitsHaveHalfOfTheWriter(t *testing.T) {
	d := TestOn(t, storetest.SQLite(t))
	var stop atomic.Bool
	var large, small atomic.Int64
	var loads, messages sync.WaitGroup
	for i := range 3 {
		loads.Go(func() {
			for n := 0; !stop.Load(); n++ {
				ops := make([]Op, 1000)
				for j := range ops {
					res, err := fhir.Parse([]byte(fmt.Sprintf(`{"resourceType":"Basic","id":"b%d-%d-%d","code":{"text":"x"}}`, i, n, j)))
					if err != nil {
						t.Error(err)
						return
					}
					ops[j] = Op{Method: Update, Type: "Basic", ID: res.ID(), Resource: res}
				}
				if _, err := d.Commit(t.Context(), tester, ops); err != nil {
					t.Error(err)
					return
				}
				large.Add(1)
			}
		})
	}
	for large.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	messages.Go(func() {
		for range 200 {
			observe(t, d, fmt.Sprint("small", small.Add(1)))
		}
	})
	before := large.Load()
	messages.Wait()
	went := large.Load() - before
	stop.Store(true)
	loads.Wait()
	if went > 100 {
		t.Errorf("%d large commits went beside 200 small ones that came one upon the other", went)
	}
	if went == 0 {
		t.Error("the large ones waited for all small ones")
	}
}
