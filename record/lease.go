package record

import (
	"context"
	"log/slog"
	"time"

	"github.com/kith-care/kith/work"
)

// Recur calls do every so often until ctx ends, by one process at a time of all that serve the record. Failures are logged, and what was to
// be done is done the next time.
func (d *Door) Recur(ctx context.Context, name string, every time.Duration, do func(context.Context) error) {
	holder, lease := work.Holder(), "recur/"+name
	ttl := max(2*every, time.Minute)
	defer func() {
		// The context has ended; giving the lease back lets another process go on at once.
		if err := d.store.DropLease(context.WithoutCancel(ctx), lease, holder); err != nil {
			slog.Warn("a lease was not given back and must run out", "lease", lease, "error", err)
		}
	}()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		fence, err := d.store.TakeLease(ctx, lease, holder, ttl)
		if err == nil && fence != 0 {
			err = do(ctx)
		}
		if err != nil && ctx.Err() == nil {
			slog.Error("what recurs failed and will be tried again", "name", name, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
