package faults

import (
	"context"
	"fmt"
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
			if strings.Contains(string(r.body), "PGSQL") || strings.Contains(string(r.body), "SQLSTATE") {
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
	// Connections that nobody was using when they were cut are not noticed at all.
	for i := range 8 {
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { s.do("GET", "/fhir/Observation?_count=1", "") }) // so that there are several
		}
		wg.Wait()
		c.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'kith' AND state = 'idle'")
		if r := s.do("GET", "/fhir/Observation?_count=1", ""); i%2 == 0 && r.status != 200 {
			t.Errorf("reading after the connections were cut: %v", r)
		}
		if r := s.do("POST", "/fhir/Observation", observation(l.key("create"), "")); r.status != 201 {
			t.Errorf("writing after the connections were cut: %v", r)
		}
	}
	l.verify(t, s)
	s.stop()
	sound(t, c.url)
}

// A commit whose answer is lost has happened. It must not be called a success, and not be tried again behind the client's
// back.
func TestCommitOfUnknownOutcomeIsNotASuccess(t *testing.T) {
	c := newCluster(t, "")
	p := newProxy(t, c)
	s := serve(t, p.url)
	if r := s.do("PUT", "/fhir/Patient/a", `{"resourceType":"Patient","id":"a"}`); r.status != 201 {
		t.Fatal(r)
	}
	// Followers of the feed commit too: a cut that met one of theirs is made again, and what was answered then is there.
	lost, stored := 0, 1
	for i := 0; lost < 5 && i < 100; i++ {
		id := fmt.Sprintf("lost-%d", i)
		p.arm(ofRecord)
		r := s.do("PUT", "/fhir/Patient/"+id, `{"resourceType":"Patient","id":"`+id+`"}`)
		stored++
		if r.status != 201 {
			r.refusal(t, 503, "whether it was is not known")
			lost++
		}
		if b := s.get("/fhir/Patient/" + id); b.Meta.VersionID != "1" {
			t.Errorf("%s has version %s, so it was stored more than once", id, b.Meta.VersionID)
		}
		if r := s.do("PUT", "/fhir/Patient/"+id, `{"resourceType":"Patient","id":"`+id+`"}`, "If-None-Match", "*"); r.status != 412 {
			t.Errorf("trying again on condition: %v", r)
		}
	}
	if lost != 5 || p.cuts.Load() < 5 {
		t.Errorf("%d answers were lost, want 5; %d commits were cut off\n%s", lost, p.cuts.Load(), lines(s.log.String(), "request failed", 5))
	}
	if n := len(s.pages("/fhir/_history")); n != stored {
		t.Errorf("%d changes, want %d", n, stored)
	}
	s.stop()
	sound(t, c.url)
}

// An audit entry whose answer is lost was written. That is found out, its request is answered, and the chain goes on.
func TestAuditOfUnknownOutcome(t *testing.T) {
	c := newCluster(t, "")
	p := newProxy(t, c)
	s := serve(t, p.url)
	if r := s.do("PUT", "/fhir/Patient/a", `{"resourceType":"Patient","id":"a"}`); r.status != 201 {
		t.Fatal(r)
	}
	for range 5 {
		p.arm(ofAudit)
		for range 3 {
			if r := s.do("GET", "/fhir/Patient/a", ""); r.status != 200 {
				t.Error(r)
			}
		}
	}
	if p.cuts.Load() != 5 {
		t.Errorf("%d were cut off, want 5", p.cuts.Load())
	}
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
