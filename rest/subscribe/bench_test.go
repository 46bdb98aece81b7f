package subscribe_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/kith-care/kith/store/storetest"
)

// Notifications a second to an endpoint on this machine, each decided, audited, sent and noted before the next; how long one change takes until it was told.
func BenchmarkTold(b *testing.B) {
	for _, kind := range []struct {
		name string
		db   func(testing.TB) string
	}{{"sqlite", storetest.SQLite}, {"postgres", storetest.Postgres}} {
		b.Run(kind.name, func(b *testing.B) {
			p := open(b, kind.db(b))
			p.service.Poll = 0
			p.run()
			h := newHook(b)
			p.becomes("a", p.subscribe("a", text("Observation", h.url, withResource)), "active")
			const n = 500
			p.observe("warm", "ada", "1", "")
			eventually(b, func() bool { return len(h.requests()) == 1 })
			b.ResetTimer()
			for b.Loop() {
				for i := range n {
					p.observe(fmt.Sprintf("o%d", i), "ada", "1", "")
				}
				began := time.Now()
				before := len(h.requests())
				last := fmt.Sprintf("PUT /Observation/o%d", n-1)
				for {
					if got := h.requests(); len(got) > 0 && got[len(got)-1] == last {
						break
					}
					time.Sleep(time.Millisecond)
				}
				if sent := len(h.requests()) - before; sent > 50 {
					b.ReportMetric(float64(sent)/time.Since(began).Seconds(), "told/s")
				}
				h.mu.Lock()
				h.got = h.got[:0]
				h.mu.Unlock()
			}
			b.StopTimer()
			var waited time.Duration
			for i := range 20 {
				time.Sleep(300 * time.Millisecond)
				began := time.Now()
				p.observe(fmt.Sprintf("single%d", i), "ada", "1", "")
				for len(h.requests()) <= i {
					time.Sleep(time.Millisecond)
				}
				waited += time.Since(began)
			}
			b.ReportMetric(float64(waited.Milliseconds())/20, "ms-until-told")
		})
	}
}
