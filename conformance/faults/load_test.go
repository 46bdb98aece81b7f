package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// load is what several clients do at once, and what they were told.
type load struct {
	mu     sync.Mutex
	n      int
	acked  map[string]int    // Type/id -> newest version that was answered
	bodies map[string]string // Type/id/version -> its mark, where answered
	said   map[string]bool   // marks whose request was answered with success
	keys   map[string]int    // key of a conditional create -> how often 201 was answered
	whole  map[string]bool   // key of a transaction -> whether it was answered
	refuse map[int]int       // statuses of what was refused
	lost   int               // requests without an answer
	own    map[int]int       // how often each worker has updated its own Patient
}

func newLoad() *load {
	return &load{acked: map[string]int{}, bodies: map[string]string{}, said: map[string]bool{}, keys: map[string]int{}, whole: map[string]bool{}, refuse: map[int]int{}, own: map[int]int{}}
}

const system = "http://kith.test/mark"

func (l *load) key(kind string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	return fmt.Sprintf("%s-%d", kind, l.n)
}

// run keeps eight clients busy until ctx ends.
func (l *load) run(ctx context.Context, servers ...*server) {
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				l.one(servers[(w+i)%len(servers)], w)
			}
		})
	}
	wg.Wait()
}

func (l *load) one(s *server, worker int) {
	switch rand.IntN(4) {
	case 0:
		mark := l.key("create")
		l.note(s.do("POST", "/fhir/Observation", observation(mark, ""), "Prefer", "return=representation"), mark, 201)
	case 1: // the same condition twice at once
		mark := l.key("once")
		l.mu.Lock()
		l.keys[mark] = 0
		l.mu.Unlock()
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				r := s.do("POST", "/fhir/Observation", observation(mark, ""), "If-None-Exist", "identifier="+system+"|"+mark)
				if l.note(r, mark, 201, 200) && r.status == 201 {
					l.mu.Lock()
					l.keys[mark]++
					l.mu.Unlock()
				}
			})
		}
		wg.Wait()
	case 2:
		l.mu.Lock()
		l.own[worker]++
		sent := l.own[worker]
		l.mu.Unlock()
		mark := fmt.Sprintf("own-%d-%d", worker, sent)
		r := s.do("PUT", fmt.Sprintf("/fhir/Patient/own-%d", worker), fmt.Sprintf(`{"resourceType":"Patient","id":"own-%d","identifier":[{"system":"%s","value":"%s"}]}`, worker, system, mark))
		l.note(r, mark, 200, 201)
	case 3:
		mark := l.key("whole")
		l.mu.Lock()
		l.whole[mark] = false
		l.mu.Unlock()
		r := s.do("POST", "/fhir", transaction(mark))
		if l.note(r, mark, 200) {
			l.mu.Lock()
			l.whole[mark] = true
			l.mu.Unlock()
		}
	}
}

// note keeps what was answered; true where it was a success.
func (l *load) note(r reply, mark string, good ...int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.err != nil {
		l.lost++
		return false
	}
	for _, status := range good {
		if r.status != status {
			continue
		}
		l.said[mark] = true
		_, location, _ := strings.Cut(r.header.Get("Location"), "/fhir/")
		ref, tag, _ := strings.Cut(location, "/_history/")
		if location == "" && r.header.Get("ETag") != "" { // an update
			ref, tag = "Patient/"+mark[:strings.LastIndex(mark, "-")], strings.Trim(r.header.Get("ETag"), `W/"`)
		}
		if ref != "" {
			version := 0
			fmt.Sscan(tag, &version)
			l.acked[ref] = max(l.acked[ref], version)
			l.bodies[ref+"/_history/"+tag] = mark
		}
		return true
	}
	l.refuse[r.status]++
	return false
}

func observation(mark, subject string) string {
	if subject != "" {
		subject = `,"subject":{"reference":"` + subject + `"}`
	}
	return fmt.Sprintf(`{"resourceType":"Observation","status":"final","identifier":[{"system":"%s","value":"%s"}],"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"effectiveDateTime":"2026-05-01T10:00:00Z","valueQuantity":{"value":120,"unit":"mmHg"}%s}`, system, mark, subject)
}

// transaction is a Patient with three Observations.
func transaction(mark string) string {
	b := `{"resourceType":"Bundle","type":"transaction","entry":[` + fmt.Sprintf(`{"fullUrl":"urn:uuid:p","resource":{"resourceType":"Patient","identifier":[{"system":"%s","value":"%s"}]},"request":{"method":"POST","url":"Patient"}}`, system, mark)
	for i := range 3 {
		b += fmt.Sprintf(`,{"fullUrl":"urn:uuid:o%d","resource":%s,"request":{"method":"POST","url":"Observation"}}`, i, observation(mark, "urn:uuid:p"))
	}
	return b + "]}"
}

// verify holds the record against what was answered: everything is there, nothing by half, nothing twice.
func (l *load) verify(t *testing.T, s *server) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	// The whole feed first: it says what there is.
	current, versions := map[string]*resource{}, map[string]int{}
	feed := s.pages("/fhir/_history?_count=500")
	for _, e := range feed {
		if e.Resource == nil {
			t.Fatalf("a change without a resource in a record where nothing was deleted: %+v", e)
		}
		ref := e.Resource.ref()
		version := 0
		fmt.Sscan(e.Resource.Meta.VersionID, &version)
		if before, seen := versions[ref]; seen && version != before-1 {
			t.Errorf("the history of %s goes from version %d to %d", ref, before, version)
		}
		if versions[ref] = version; current[ref] == nil {
			current[ref] = e.Resource
		}
	}
	marks := map[string][]string{} // mark -> the types of current resources that bear it
	byType := map[string]int{}
	for ref, r := range current {
		if versions[ref] != 1 {
			t.Errorf("the first version of %s is missing from the history", ref)
		}
		byType[r.ResourceType]++
		for _, id := range r.Identifier {
			marks[id.Value] = append(marks[id.Value], r.ResourceType)
		}
	}
	t.Logf("%d changes, %d resources; %d answered, %d requests without answer, refused %v", len(feed), len(current), len(l.bodies), l.lost, l.refuse)
	if len(l.bodies) == 0 {
		t.Fatal("the load did nothing")
	}
	l.verifyAnswered(t, s, current)
	for mark, times := range l.keys {
		if n := len(marks[mark]); n > 1 || times > 1 || times > n {
			t.Errorf("the conditional create %s: answered 201 %d times, there %d times", mark, times, n)
		}
	}
	for mark, answered := range l.whole {
		if n := len(marks[mark]); n != 0 && n != 4 || answered && n == 0 {
			t.Errorf("the transaction %s (answered: %v) is there with %d of 4 resources", mark, answered, n)
		}
	}
	for typ, n := range byType {
		if total := s.total("/fhir/" + typ + "?_summary=count"); total != n {
			t.Errorf("the counter of %s says %d, the feed %d", typ, total, n)
		}
		if found := len(s.pages("/fhir/" + typ + "?_count=500&_elements=id")); found != n {
			t.Errorf("a search for every %s finds %d, the feed has %d", typ, found, n)
		}
	}
	if counted, found := s.total("/fhir/Observation?code=http://loinc.org|8480-6&_summary=count"), byType["Observation"]; counted != found {
		t.Errorf("the counter of the code says %d, there are %d", counted, found)
	}
	sampled := 0
	for ref, r := range current { // in no order: a sample
		if sampled++; sampled > 150 {
			break
		}
		mark := r.Identifier[0].Value
		found := s.pages("/fhir/" + r.ResourceType + "?identifier=" + system + "|" + mark)
		there := false
		for _, e := range found {
			there = there || e.Resource.ref() == ref && e.Resource.Meta.VersionID == r.Meta.VersionID
		}
		if !there {
			t.Errorf("%s with the mark %s is not found by it (found %d others)", ref, mark, len(found))
		}
		if b := s.get("/fhir/" + ref); b.Meta.VersionID != r.Meta.VersionID {
			t.Errorf("%s reads as version %s, the feed says %s", ref, b.Meta.VersionID, r.Meta.VersionID)
		}
		if strings.HasPrefix(mark, "whole-") && r.ResourceType == "Patient" {
			if n := len(s.pages("/fhir/Observation?patient=" + r.ID + "&code=http://loinc.org|8480-6&_sort=-date")); n != 3 {
				t.Errorf("%s has %d of its 3 Observations", ref, n)
			}
		}
	}
}

// nothingUnanswered checks that whatever was stored was also answered.
func (l *load) nothingUnanswered(t *testing.T, s *server) {
	t.Helper()
	for _, e := range s.pages("/fhir/_history?_count=500") {
		if mark := e.Resource.Identifier[0].Value; !l.said[mark] {
			t.Errorf("%s with the mark %s was stored, but its request was not answered", e.Resource.ref(), mark)
		}
	}
}

func (l *load) verifyAnswered(t *testing.T, s *server, current map[string]*resource) {
	for ref, version := range l.acked {
		r := current[ref]
		if r == nil {
			t.Errorf("%s was answered and is not there", ref)
			continue
		}
		have := 0
		if fmt.Sscan(r.Meta.VersionID, &have); have < version {
			t.Errorf("%s was answered with version %d and has version %d", ref, version, have)
		}
	}
	read := 0
	for at, mark := range l.bodies {
		if read++; read > 400 {
			break
		}
		b := s.get("/fhir/" + at)
		if len(b.Identifier) != 1 || b.Identifier[0].Value != mark {
			t.Errorf("%s was answered with the mark %s and has %v", at, mark, b.Identifier)
		}
	}
}

// sound opens the record itself, with no server on it: the numbers of the feed, the chains of the audit and the
// database's own structures.
func sound(t *testing.T, db string) {
	t.Helper()
	d, err := record.Open(t.Context(), record.Options{DB: db, Policy: access.Everyone{}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	next := int64(1)
	for {
		changes, err := d.Changes(t.Context(), access.Actor{ID: "test"}, record.Log{After: next - 1, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if c.Seq != next {
				t.Fatalf("the feed has a gap or a repeat: change %d stands where %d should", c.Seq, next)
			}
			next++
		}
		if len(changes) < 1000 {
			break
		}
	}
	entries, err := d.VerifyAudit(t.Context())
	if err != nil {
		t.Errorf("the audit is not sound: %v", err)
	}
	t.Logf("the feed has changes 1 to %d, the audit %d entries", next-1, entries)
	storetest.Intact(t, db)
}
