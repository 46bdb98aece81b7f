package match

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store/storetest"
)

// The same number on two people is a question; what the clerk answers stands, whatever the sources write afterwards.
func TestAnAnswerSticks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		town := newTown(t, db, Options{})
		town.says("ZZ001", "ada", "nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03", "sex", "F")
		town.says("ZZ1", "eve", "nhs", "9434765919", "forename", "Eve", "surname", "Grey", "dob", "1988-11-30", "sex", "F")
		town.people(map[string]string{"ada": "ada", "eve": "eve"})
		queue := town.queue()
		if len(queue) != 1 || queue[0].ID != "ada_eve" || !strings.Contains(queue[0].Why, "NHS number") || len(queue[0].Link.Doubt.Parts) < 4 {
			t.Fatalf("the clash of numbers asks: %+v", queue)
		}
		q, err := town.l.Question(t.Context(), clerk, "ada_eve")
		if err != nil || q.Patients[1].ID != "eve" || !bytes.Contains(q.Patients[1].Body, []byte("Grey")) {
			t.Fatal(q, err)
		}
		if err := town.l.Answer(t.Context(), clerk, "ada_eve", false, " "); fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("an answer without a reason: %v", err)
		}
		if err := town.l.Answer(t.Context(), clerk, "ada_nobody", true, "x"); fhir.KindOf(err) != fhir.NotFound {
			t.Errorf("an answer to no question: %v", err)
		}
		if err := town.l.Answer(t.Context(), clerk, "ada_eve", false, "Mrs Grey's number was typed at the wrong desk"); err != nil {
			t.Fatal(err)
		}
		// Both sources now say the very same, which would be proof.
		town.says("ZZ1", "eve", "nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03", "sex", "F")
		town.says("ZZ001", "ada", "nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03", "sex", "F", "phone", "01632 960112")
		town.people(map[string]string{"ada": "ada", "eve": "eve"})
		if queue := town.queue(); len(queue) != 0 {
			t.Errorf("asked again: %+v", queue)
		}
		// The clerk thinks again; and once more. The history keeps all of it.
		for i, same := range []bool{true, false, true} {
			if err := town.l.Answer(t.Context(), clerk, "ada_eve", same, fmt.Sprint("thought again ", i)); err != nil {
				t.Fatal(err)
			}
			want := map[bool]string{true: "ada eve", false: "ada"}[same]
			if got := town.person("ada"); got != want {
				t.Errorf("after answer %d ada is %q, not %q", i, got, want)
			}
		}
		links, err := town.l.Links(t.Context(), clerk, "eve")
		if err != nil || len(links) != 1 || len(links[0].Said) != 4 || links[0].Said[0].Retracted == nil || links[0].Said[3].Retracted != nil || links[0].Said[3].By != clerk.ID {
			t.Errorf("history: %+v %v", links, err)
		}
	})
}

// Taking a link back restores everything byte for byte, and the machine does not make it again.
func TestMergeThenUnmergeLeavesEverythingAsItWas(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		town := newTown(t, db, Options{})
		f := []string{"nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03", "sex", "F"}
		state := func() string {
			var out strings.Builder
			for _, query := range []string{"Patient?_count=100", "Observation?patient=a", "Observation?patient=b", "Observation?patient=c"} {
				page, err := town.door.Find(t.Context(), clerk, query)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range page.Matches {
					fmt.Fprintf(&out, "%s %d %s\n", query, m.Version, m.Body)
				}
			}
			return out.String()
		}
		town.says("ZZ001", "a", f...)
		town.says("ZZ1", "b", "forename", "Una", "surname", "Wynn", "dob", "1999-12-31")
		town.says("ZZC", "c", f...)
		for _, id := range []string{"a", "b", "c"} {
			town.person(id)
		}
		linked := state()
		if got := town.person("a"); got != "a c" {
			t.Fatal(got)
		}
		if err := town.l.Unlink(t.Context(), clerk, "c", "two people, one card"); err != nil {
			t.Fatal(err)
		}
		unlinked := state()
		if err := town.l.Answer(t.Context(), clerk, "a_c", true, "one after all"); err != nil {
			t.Fatal(err)
		}
		if again := state(); again != linked {
			t.Errorf("linked again:\n%s\nwas\n%s", again, linked)
		}
		if err := town.l.Unlink(t.Context(), clerk, "a", "no"); err != nil {
			t.Fatal(err)
		}
		if again := state(); again != unlinked || unlinked == linked {
			t.Errorf("unlinked again:\n%s\nwas\n%s", again, unlinked)
		}
		town.says("ZZC", "c", append(f, "phone", "01632 960113")...)
		town.people(map[string]string{"a": "a", "c": "c"})
		if err := town.l.Unlink(t.Context(), clerk, "a", "again"); fhir.KindOf(err) != fhir.NotFound {
			t.Errorf("taking back what is not there: %v", err)
		}
		if err := town.l.Unlink(t.Context(), clerk, "a", ""); fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("without a reason: %v", err)
		}
	})
}

// What a clerk says in one process counts in the other that matches, and in the one that takes over from it.
func TestAnotherProcessHearsTheAnswer(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		town := newTown(t, db, Options{})
		pages, err := NewLinker(town.door, Options{}) // serves the staff page and follows nothing
		if err != nil {
			t.Fatal(err)
		}
		town.says("ZZ001", "a", "nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03")
		town.says("ZZ1", "b", "nhs", "9434765919", "forename", "Eve", "surname", "Grey", "dob", "1988-11-30")
		if err := pages.Answer(t.Context(), clerk, "a_b", false, "two people"); err != nil {
			t.Fatal(err)
		}
		ada := []string{"nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03"}
		town.says("ZZ1", "b", ada...)
		town.people(map[string]string{"a": "a", "b": "b"})
		first := town.l
		town.run(Options{}) // a second process, which waits for the lease
		second := town.l
		town.l = first
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			second.mu.Lock()
			ready := second.s != nil
			second.mu.Unlock()
			if ready {
				break
			}
		}
		town.says("ZZC", "c", "forename", "Una", "surname", "Wynn", "dob", "1999-12-31")
		second.mu.Lock()
		defer second.mu.Unlock()
		if second.s == nil || second.s.index.Len() < 1 {
			t.Error("the process that waits has not read who is there")
		} else if second.s.sources["c"] != "" {
			t.Error("two processes matched at once")
		}
	})
}

// The order of the queue, pages of it, and what cannot be asked of it.
func TestQueueHasPages(t *testing.T) {
	town := newTown(t, storetest.SQLite(t), Options{})
	for i := range 3 {
		n := []string{"9434765919", "4000745212", "4010232137"}[i]
		town.says("ZZ001", fmt.Sprint("a", i), "nhs", n, "forename", "Ada", "surname", "Okafor", "dob", fmt.Sprint("195", i, "-02-03"))
		town.says("ZZ1", fmt.Sprint("b", i), "nhs", n, "forename", "Eve", "surname", "Grey", "dob", fmt.Sprint("198", i, "-11-30"))
	}
	var ids []string
	for after := ""; ; {
		page, err := town.l.Queue(t.Context(), clerk, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range page {
			ids = append(ids, q.ID)
			after = q.Place
		}
		if len(page) < 2 {
			break
		}
	}
	if got := strings.Join(ids, " "); got != "a0_b0 a1_b1 a2_b2" {
		t.Errorf("the queue is %s", got)
	}
	for _, limit := range []int{0, 1001} {
		if _, err := town.l.Queue(t.Context(), clerk, "", limit); fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("a page of %d: %v", limit, err)
		}
	}
	for _, id := range []string{"", "a0", "b0_a0", "a0_b0_c", "a b_c"} {
		if _, err := town.l.Question(t.Context(), clerk, id); fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("question %q: %v", id, err)
		}
	}
	if _, err := NewLinker(town.door, Options{Settings: &Settings{}}); fhir.KindOf(err) != fhir.Invalid {
		t.Errorf("settings that are none: %v", err)
	}
}
