package faults

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/kith-care/kith/store/storetest"
)

// pairs are the ways in which Kith serves: one process on either database, or two on one PostgreSQL.
func pairs(t *testing.T) map[string]func(t *testing.T) []*server {
	return map[string]func(t *testing.T) []*server{
		"sqlite":   func(t *testing.T) []*server { return []*server{serve(t, storetest.SQLite(t))} },
		"postgres": func(t *testing.T) []*server { return []*server{serve(t, storetest.Postgres(t))} },
		"two":      two,
	}
}

func two(t *testing.T) []*server {
	db := storetest.Postgres(t)
	return []*server{serve(t, db), serve(t, db)}
}

// Two processes serve one PostgreSQL, both under load; one is killed. The other goes on, and the record is whole.
func TestOneOfTwoIsKilled(t *testing.T) {
	db := storetest.Postgres(t)
	a, b := serve(t, db), serve(t, db)
	l := newLoad()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		l.run(ctx, a, b)
		close(done)
	}()
	time.Sleep(time.Second)
	a.kill()
	time.Sleep(500 * time.Millisecond)
	stop()
	<-done
	if len(l.refuse) > 0 {
		t.Errorf("refused: %v\n%s", l.refuse, lines(b.log.String(), "request failed", 5))
	}
	l.verify(t, b)
	b.stop()
	sound(t, db)
}

// One of two processes is frozen while it holds the right to write, as a virtual machine can be. The other must not wait
// for ever, and the frozen one goes on when it wakes, without having written anything by half.
func TestOneOfTwoIsFrozen(t *testing.T) {
	c := newCluster(t, "")
	a, b := serve(t, c.url), serve(t, c.url)
	l := newLoad()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		l.run(ctx, a)
		close(done)
	}()
	within(t, 60*time.Second, "it is frozen in the middle of a write", func() bool {
		if err := a.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
		if c.sql("SELECT count(*) FROM pg_stat_activity a JOIN pg_locks k USING (pid) WHERE a.application_name = 'kith' AND a.state = 'idle in transaction' AND k.relation = 'feed'::regclass AND k.mode = 'RowShareLock'") != "0" {
			return true
		}
		if err := a.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		return false
	})
	frozen := time.Now()
	if r := b.do("PUT", "/fhir/Patient/meanwhile", `{"resourceType":"Patient","id":"meanwhile","identifier":[{"system":"`+system+`","value":"meanwhile"}]}`); r.status != 201 {
		t.Errorf("the other cannot write: %v", r)
	}
	t.Logf("the other wrote after %.1f s", time.Since(frozen).Seconds())
	if err := a.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	within(t, 20*time.Second, "the woken one writes again", func() bool {
		return a.do("POST", "/fhir/Observation", observation(l.key("woken"), "")).status == 201
	})
	stop()
	<-done
	for status := range l.refuse {
		if status != 503 {
			t.Errorf("%d requests were refused with %d", l.refuse[status], status)
		}
	}
	l.verify(t, b)
	a.stop()
	b.stop()
	sound(t, c.url)
}

// A search parameter that one process is given can be searched by in the other, and what the other writes is found by it
// from the first moment on.
func TestSearchParameterReachesTheOtherProcess(t *testing.T) {
	servers := two(t)
	a, b := servers[0], servers[1]
	person := func(s *server, id, nickname string) {
		t.Helper()
		if r := s.do("PUT", "/fhir/Patient/"+id, fmt.Sprintf(`{"resourceType":"Patient","id":"%s","name":[{"use":"nickname","text":"%s"}]}`, id, nickname)); r.status != 201 {
			t.Fatal(r)
		}
	}
	for i := range 30 {
		person(b, fmt.Sprintf("before-%d", i), "Mo")
	}
	a.do("GET", "/fhir/Patient?nickname=Mo", "").refusal(t, 400, "nickname")
	definition := `{"resourceType":"SearchParameter","id":"nickname","url":"http://kith.test/nickname","name":"Nickname","status":"active","description":"what somebody is called","code":"nickname","base":["Patient"],"type":"string","expression":"Patient.name.where(use='nickname').text"}`
	if r := a.do("PUT", "/fhir/SearchParameter/nickname", definition); r.status != 201 {
		t.Fatal(r)
	}
	within(t, 15*time.Second, "the parameter can be searched by", func() bool { return a.do("GET", "/fhir/Patient?nickname=Mo", "").status == 200 })
	// The other process may not have heard of it yet; what it writes now must be found all the same.
	for i := range 40 {
		person(b, fmt.Sprintf("after-%d", i), "Mo")
		if i%10 == 0 {
			time.Sleep(20 * time.Millisecond)
		}
	}
	for _, s := range servers {
		within(t, 15*time.Second, "the parameter can be searched by", func() bool { return s.do("GET", "/fhir/Patient?nickname=Mo", "").status == 200 })
		if n := len(s.pages("/fhir/Patient?nickname=Mo")); n != 70 {
			t.Errorf("found %d, want 70", n)
		}
	}
	if r := b.do("DELETE", "/fhir/SearchParameter/nickname", ""); r.status != 204 {
		t.Fatal(r)
	}
	for _, s := range servers {
		within(t, 15*time.Second, "the parameter is gone", func() bool { return s.do("GET", "/fhir/Patient?nickname=Mo", "").status == 400 })
	}
}
