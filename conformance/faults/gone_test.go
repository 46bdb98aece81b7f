package faults

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// PostgreSQL goes down under load and comes back, several times. Meanwhile everything is refused with 503; afterwards all
// goes on in the same process, and what was answered is there.
func TestDatabaseGoneAndBack(t *testing.T) {
	c := newCluster(t, "")
	s := serve(t, c.url)
	l := newLoad()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		l.run(ctx, s)
		close(done)
	}()
	time.Sleep(time.Second)
	for range 3 {
		c.stop()
		for _, r := range []reply{s.do("GET", "/fhir/Patient/own-0", ""), s.do("GET", "/fhir/Observation?code=8480-6", ""), s.do("GET", "/fhir/_history", ""),
			s.do("POST", "/fhir/Observation", observation("gone", "")), s.do("PUT", "/fhir/Patient/gone", `{"resourceType":"Patient","id":"gone"}`), s.do("POST", "/fhir", transaction("gone"))} {
			r.refusal(t, 503, "")
			if r.header.Get("Retry-After") == "" {
				t.Errorf("503 without Retry-After: %v", r)
			}
			if strings.Contains(string(r.body), "socket") || strings.Contains(string(r.body), "SQLSTATE") {
				t.Errorf("the answer shows the inside of the program: %v", r)
			}
		}
		if r := s.do("GET", "/health", ""); r.status != 503 {
			t.Errorf("/health without a database: %v", r)
		}
		if r := s.do("GET", "/fhir/metadata", ""); r.status != 200 {
			t.Errorf("what needs no database is not served: %v", r)
		}
		c.start()
		within(t, 15*time.Second, "/health is well again", func() bool { return s.do("GET", "/health", "").status == 200 })
		within(t, 15*time.Second, "writing goes on", func() bool {
			return s.do("POST", "/fhir/Observation", observation(l.key("back"), "")).status == 201
		})
		time.Sleep(700 * time.Millisecond)
	}
	stop()
	<-done
	for status := range l.refuse {
		if status != 503 {
			t.Errorf("%d requests were refused with %d, not 503\n%s", l.refuse[status], status, lines(s.log.String(), "request failed", 5))
		}
	}
	if l.refuse[503] == 0 || l.lost > 0 {
		t.Errorf("refused with 503: %d; without any answer: %d", l.refuse[503], l.lost)
	}
	l.verify(t, s)
	s.stop()
	sound(t, c.url)
}

// lines are the first n lines with a word in them.
func lines(text, word string, n int) string {
	var out []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) && len(out) < n {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

// Connections are cut in the middle of transactions, while the server itself stays. Nobody is told of a success that is
// none, nothing is written twice.
func TestConnectionCutInTheMiddle(t *testing.T) {
	c := newCluster(t, "")
	s := serve(t, c.url)
	l := newLoad()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		l.run(ctx, s)
		close(done)
	}()
	cut := 0
	for range 12 {
		time.Sleep(150 * time.Millisecond)
		n := 0
		fmt.Sscan(c.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'kith'"), &n)
		cut += n
	}
	stop()
	<-done
	for status := range l.refuse {
		if status != 503 {
			t.Errorf("%d requests were refused with %d, not 503\n%s", l.refuse[status], status, lines(s.log.String(), "request failed", 5))
		}
	}
	if cut < 12 {
		t.Errorf("only %d connections were cut", cut)
	}
	l.verify(t, s)
	s.stop()
	sound(t, c.url)
}

// A commit whose answer is lost may have happened. It must not be called a success, and not be tried again behind the
// client's back: PostgreSQL is stopped while each commit waits for a standby that never answers, so that every one of
// them is durable, and none was confirmed.
func TestCommitOfUnknownOutcomeIsNotASuccess(t *testing.T) {
	c := newCluster(t, "")
	s := serve(t, c.url)
	if r := s.do("PUT", "/fhir/Patient/a", `{"resourceType":"Patient","id":"a"}`); r.status != 201 {
		t.Fatal(r)
	}
	c.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	c.sql("SELECT pg_reload_conf()")
	time.Sleep(300 * time.Millisecond)
	answers := make(chan reply, 1)
	go func() { answers <- s.do("PUT", "/fhir/Patient/b", `{"resourceType":"Patient","id":"b"}`) }()
	within(t, 10*time.Second, "a commit waits", func() bool {
		return c.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") != "0"
	})
	time.Sleep(300 * time.Millisecond)
	c.stop()
	r := <-answers
	r.refusal(t, 503, "not known")
	if err := os.WriteFile(filepath.Join(c.data(), "postgresql.auto.conf"), nil, 0o600); err != nil { // where ALTER SYSTEM writes
		t.Fatal(err)
	}
	c.start()
	within(t, 15*time.Second, "/health is well again", func() bool { return s.do("GET", "/health", "").status == 200 })
	within(t, 15*time.Second, "reading goes on", func() bool { return s.do("GET", "/fhir/Patient/a", "").status == 200 })
	if b := s.get("/fhir/Patient/b"); b.Meta.VersionID != "1" {
		t.Errorf("the commit of unknown outcome was made again: version %s", b.Meta.VersionID)
	}
	within(t, 15*time.Second, "writing goes on", func() bool {
		return s.do("PUT", "/fhir/Patient/c", `{"resourceType":"Patient","id":"c"}`).status == 201
	})
	s.stop()
	sound(t, c.url)
}

// A hundred clients ask for the same thing to be created where it is not there, at once: one is created. With two
// processes on one PostgreSQL too.
func TestHundredCreatesOfOne(t *testing.T) {
	for name, servers := range pairs(t) {
		t.Run(name, func(t *testing.T) {
			running := servers(t)
			for round := range 3 {
				mark := fmt.Sprintf("one-%d", round)
				var created, matched atomic.Int64
				var wg sync.WaitGroup
				ready := make(chan struct{})
				for i := range 100 {
					wg.Go(func() {
						<-ready
						r := running[i%len(running)].do("POST", "/fhir/Patient", fmt.Sprintf(`{"resourceType":"Patient","identifier":[{"system":"%s","value":"%s"}]}`, system, mark), "If-None-Exist", "identifier="+system+"|"+mark)
						switch r.status {
						case 201:
							created.Add(1)
						case 200:
							matched.Add(1)
						default:
							t.Error(r)
						}
					})
				}
				close(ready)
				wg.Wait()
				if created.Load() != 1 || matched.Load() != 99 {
					t.Errorf("created %d, matched %d, want 1 and 99", created.Load(), matched.Load())
				}
				if n := running[0].total("/fhir/Patient?identifier=" + system + "|" + mark + "&_summary=count"); n != 1 {
					t.Errorf("%d are there", n)
				}
			}
		})
	}
}
