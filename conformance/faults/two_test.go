package faults

import (
	"context"
	"fmt"
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
