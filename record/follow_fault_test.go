package record

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/store/storetest"
)

// Two processes follow under one name while both write: each change is dealt with once, by whoever holds the lease, and
// when the holder ends the other goes on at once.
func TestTwoFollowOneDoes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		doors := []*Door{TestOn(t, db), TestOn(t, db)}
		var by [2]atomic.Int64
		var stops [2]context.CancelFunc
		var wg sync.WaitGroup
		for i, d := range doors {
			ctx, stop := context.WithCancel(t.Context())
			stops[i] = stop
			wg.Go(func() {
				// Ends with ctx, which is what it answers.
				d.Follow(ctx, tester, "notes", []string{"Observation"}, func(ctx context.Context, changes []Stored) ([]Op, error) {
					by[i].Add(int64(len(changes)))
					return note(t, fmt.Sprint(i))(ctx, changes)
				})
			})
		}
		defer wg.Wait()
		defer func() { stops[0](); stops[1]() }()
		write := func(from, to int) {
			var writers sync.WaitGroup
			for i, d := range doors {
				writers.Go(func() {
					for n := from + i; n < to; n += 2 {
						observe(t, d, fmt.Sprintf("o%d", n))
					}
				})
			}
			writers.Wait()
		}
		noted := func(want int64) func() bool {
			return func() bool {
				p, err := doors[0].Find(t.Context(), tester, "Basic?_summary=count")
				return err == nil && p.Total == want
			}
		}
		write(0, 40)
		eventually(t, noted(40))
		first, other := 0, 1
		if by[1].Load() > by[0].Load() {
			first, other = 1, 0
		}
		if by[other].Load() != 0 {
			t.Errorf("both followed: %d and %d changes", by[0].Load(), by[1].Load())
		}
		stops[first]()
		began := time.Now()
		write(40, 60)
		eventually(t, noted(60))
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("the other went on after %v, as if the lease had not been given back", took)
		}
		if by[other].Load() == 0 {
			t.Error("the other did nothing")
		}
		p, err := doors[1].Find(t.Context(), tester, "Basic?_count=100")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range p.Matches {
			if m.Version != 1 {
				t.Errorf("%s was written %d times", m.ID, m.Version)
			}
		}
	})
}
