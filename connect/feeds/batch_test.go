package feeds

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/devices"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// A batch is answered once it is kept, though nothing files it yet; later it is filed, once, however often it is sent.
func TestABatchIsKeptBeforeItIsAnswered(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		door := record.TestOn(t, db)
		desk, err := intake.Open(t.Context(), door)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []intake.Feed{{Name: "home", Kind: devices.Kind}, {Name: "hospital", Kind: "hl7"}} {
			if _, err := desk.Feed(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		s := &Service{Desk: desk, Readers: map[string]intake.Reader{devices.Kind: devices.Read}, Every: time.Hour}
		server := httptest.NewServer(s.Push())
		defer server.Close()
		post := func(path, body string) int {
			t.Helper()
			res, err := http.Post(server.URL+path, "application/json", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			return res.StatusCode
		}
		batch := func(n int) string {
			var b strings.Builder
			for i := range 50 {
				fmt.Fprintf(&b, `{"id":"%d-%d","user":"u%d","route":"device","time":"2026-11-20T09:30:00Z","kind":"heart-rate","value":%d,"unit":"/min"}`+"\n", n, i, i%7, 60+i)
			}
			return b.String()
		}
		for n := range 3 {
			for range 2 {
				if got := post("/home/batch", batch(n)); got != http.StatusAccepted {
					t.Fatalf("answered %d", got)
				}
			}
		}
		pending, err := desk.PendingItems(t.Context(), "home", 0, 100)
		if err != nil || len(pending) != 3 {
			t.Fatalf("%d batches are kept: %v", len(pending), err)
		}
		who := access.Actor{ID: "test", Role: access.Kith}
		count := func() int64 {
			page, err := door.Find(t.Context(), who, "Observation?_count=1000&_total=accurate")
			if err != nil {
				t.Fatal(err)
			}
			return page.Total
		}
		if n := count(); n != 0 {
			t.Errorf("%d are filed by nobody", n)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() {
			if err := s.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		defer running.Wait()
		defer cancel()
		until := func(want int64) {
			t.Helper()
			for range 400 {
				if count() == want {
					return
				}
				time.Sleep(25 * time.Millisecond)
			}
			t.Fatalf("%d are filed, want %d", count(), want)
		}
		until(150)
		if got := post("/home/batch", batch(3)); got != http.StatusAccepted { // it wakes who files, who would sleep for an hour
			t.Fatalf("answered %d", got)
		}
		until(200)
		if got := post("/home/batch", batch(3)); got != http.StatusAccepted {
			t.Errorf("the same again is answered %d", got)
		}
		time.Sleep(200 * time.Millisecond)
		until(200)
		for path, want := range map[string]int{"/nowhere/batch": http.StatusNotFound, "/hospital/batch": http.StatusBadRequest} {
			if got := post(path, batch(0)); got != want {
				t.Errorf("%s is answered %d, want %d", path, got, want)
			}
		}
		s.queue("home").waiting.Store(mostWaiting)
		if got := post("/home/batch", batch(9)); got != http.StatusServiceUnavailable {
			t.Errorf("with too many waiting it is answered %d", got)
		}
	})
}
