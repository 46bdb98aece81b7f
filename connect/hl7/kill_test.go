package hl7

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-care/kith/store/storetest"
)

// TestMain lets the test program be the listener that is killed.
func TestMain(m *testing.M) {
	if db := os.Getenv("KITH_HL7_LISTEN"); db != "" {
		listen(db)
		return
	}
	os.Exit(m.Run())
}

// childT is what a listener needs of a test.
type childT struct{ testing.TB }

func (childT) Helper()                  {}
func (childT) Cleanup(func())           {}
func (childT) Context() context.Context { return context.Background() }
func (childT) Fatal(args ...any)        { fmt.Fprintln(os.Stderr, args...); os.Exit(1) }

func listen(db string) {
	f := open(childT{}, db, "zz1")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		childT{}.Fatal(err)
	}
	fmt.Println("listening on", ln.Addr())
	childT{}.Fatal(f.Serve(context.Background(), ln, nil, nil))
}

// start runs the listener in a process of its own.
func start(t *testing.T, db string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "KITH_HL7_LISTEN="+db)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the listener said %q: %v", line, err)
	}
	return cmd, strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
}

// A listener is killed four times in the middle of a feed; senders send again what was not acknowledged. Nothing is lost
// and nothing is there twice.
func TestKilledInMidFeedNothingIsLostOrRepeated(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		const senders, each = 4, 150
		var mu sync.Mutex
		cmd, addr := start(t, db)
		where := func() string { mu.Lock(); defer mu.Unlock(); return addr }
		var all sync.WaitGroup
		retries := 0
		for s := range senders {
			all.Go(func() {
				c := &Client{Addr: where(), Within: 10 * time.Second}
				defer func() { _ = c.Close() }()
				for i := range each {
					for try := 0; ; try++ {
						a, err := c.Send(t.Context(), result(s*each+i, i%7))
						if err == nil && a.Accepted() {
							break
						}
						if err == nil || try > 500 {
							t.Errorf("message %d of sender %d: %v %v", i, s, a, err)
							return
						}
						mu.Lock()
						retries++
						mu.Unlock()
						time.Sleep(20 * time.Millisecond)
						_ = c.Close()
						c = &Client{Addr: where(), Within: 10 * time.Second}
					}
				}
			})
		}
		for range 4 {
			time.Sleep(150 * time.Millisecond)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			mu.Lock()
			cmd, addr = start(t, db)
			mu.Unlock()
		}
		all.Wait()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		f := open(t, db, "zz1")
		got := counts(t, f.desk.Door)
		if got["Observation"] != senders*each*4 || got["DiagnosticReport"] != senders*each || got["Patient"] != 7 {
			t.Errorf("of %d messages there are %s", senders*each, list(got))
		}
		if log := changes(t, f.desk.Door); got["Observation"]+got["DiagnosticReport"] > log {
			t.Errorf("%d changes", log)
		}
		for id, s := range everything(t, f.desk.Door, "Observation?_count=1000") {
			if s.Version != 1 {
				t.Errorf("Observation/%s was written %d times", id, s.Version)
			}
		}
		if pending, err := f.desk.PendingItems(t.Context(), "zz1", 0, 10); err != nil || len(pending) > 0 {
			t.Errorf("%d messages are pending: %v", len(pending), err)
		}
		t.Logf("%d messages, %d sent again", senders*each, retries)
	})
}
