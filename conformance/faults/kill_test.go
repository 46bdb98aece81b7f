package faults

import (
	"context"
	"testing"
	"time"

	"github.com/kith-care/kith/store/storetest"
)

// The process is killed in the middle of its work, again and again. What was answered is there afterwards, what was not
// is there as a whole or not at all.
func TestKilledUnderLoad(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		l := newLoad()
		for range 4 {
			s := serve(t, db)
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				l.run(ctx, s)
				close(done)
			}()
			time.Sleep(1200 * time.Millisecond)
			s.kill()
			stop()
			<-done
		}
		if l.lost == 0 {
			t.Error("no request was under way when the process was killed: the test shows nothing")
		}
		s := serve(t, db)
		l.verify(t, s)
		s.stop()
		sound(t, db)
	})
}

// An operator stops the process under load: what is under way is answered, and nothing breaks off.
func TestStoppedUnderLoad(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		l := newLoad()
		s := serve(t, db)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			l.run(ctx, s)
			close(done)
		}()
		time.Sleep(1200 * time.Millisecond)
		s.stop()
		stop()
		<-done
		if len(l.refuse) > 0 {
			t.Errorf("requests under way were refused: %v", l.refuse)
		}
		after := serve(t, db)
		l.verify(t, after)
		l.nothingUnanswered(t, after)
		after.stop()
		sound(t, db)
	})
}
