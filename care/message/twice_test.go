package message

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/kith-care/kith/store/storetest"
)

// Two processes that serve one record send each thing once between them.
func TestTwoProcessesSendOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		y := begin(t, db)
		const people = 40
		other := *y.s
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); other.Run(ctx) }()
		defer func() { stop(); <-done }()
		for i := range people {
			id := fmt.Sprint("p", i)
			y.patient([]string{id, "Okafor", "email", id + "@example.org"})
			if _, err := y.s.Write(t.Context(), nurse, Draft{Patient: id, To: "Organization/a", Subject: "Your test", Words: "It is normal"}); err != nil {
				t.Fatal(err)
			}
		}
		for range 400 { // all wait in their inbox
			page, err := y.door.Find(t.Context(), nurse, "Communication?category="+kindSystem+"|"+kindDelivery+"&_count=100")
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Matches) == people {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		y.settle()
		y.now.Add(int64(25 * time.Hour))
		for range 200 {
			time.Sleep(50 * time.Millisecond)
			y.out.mu.Lock()
			n := len(y.out.mails)
			y.out.mu.Unlock()
			if n >= people {
				break
			}
		}
		y.settle()
		if len(y.out.mails) != people || y.out.twice {
			t.Errorf("%d mails were sent, one of them twice: %v", len(y.out.mails), y.out.twice)
		}
	})
}
