package match

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// Five sources keep a Patient of Ada Okafor; she is one person. Her daughters are twins, and her husband's son has his name.
func TestFiveSourcesKnowOnePerson(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		town := newTown(t, db, Options{})
		home := []string{"address", "4 Orchard Close", "postcode", "ZZ1 4AB", "town", "Merrowby"}
		with := func(f ...string) []string { return append(f, home...) }
		town.says("ZZ001", "gp", with("nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "maiden", "Thornley", "dob", "1950-02-03", "sex", "F", "phone", "01632 960111")...)
		town.says("ZZ1", "hospital", "nhs", "943 476 5919", "forename", "ADA", "surname", "OKAFOR", "dob", "1950-02-03", "sex", "F")
		town.says("ZZ003", "oldgp", "forename", "Ada", "surname", "Thornley", "dob", "1950-02-03", "sex", "F", "address", "4 Orchard Cl", "postcode", "ZZ14AB")
		town.says("ZZC", "council", with("forename", "Ada", "surname", "Okafer", "dob", "1950-02-03", "sex", "F")...)
		town.says("ZZHC", "agency", "forename", "Ada", "surname", "Okafor", "dob", "1950-03-02", "sex", "F", "postcode", "ZZ1 4AB", "address", "4 Orchard Close", "phone", "01632960111")
		for i, twin := range []string{"Ella", "Maud"} {
			town.says("ZZ001", fmt.Sprint("twin-gp", i), with("forename", twin, "surname", "Penwick", "dob", "2019-05-06", "sex", "F")...)
			town.says("ZZ1", fmt.Sprint("twin-h", i), with("forename", twin, "surname", "Penwick", "dob", "2019-05-06", "sex", "F")...)
		}
		town.says("ZZ001", "father", with("forename", "Edgar", "surname", "Penwick", "dob", "1975-02-01", "sex", "M")...)
		town.says("ZZ1", "son", with("forename", "Edgar", "surname", "Penwick", "dob", "2004-11-17", "sex", "M")...)
		ada := "agency council gp hospital oldgp"
		town.people(map[string]string{"gp": ada, "hospital": ada, "oldgp": ada, "council": ada, "agency": ada,
			"twin-gp0": "twin-gp0 twin-h0", "twin-h0": "twin-gp0 twin-h0", "twin-gp1": "twin-gp1 twin-h1", "twin-h1": "twin-gp1 twin-h1", "father": "father", "son": "son"})
		links, err := town.l.Links(t.Context(), clerk, "hospital")
		if err != nil || len(links) == 0 {
			t.Fatal(links, err)
		}
		for _, l := range links {
			if s := l.standing(); l.Linked && (s == nil || s.By != "kith/match" || s.Settings == "" || len(s.Parts) == 0 || s.When.IsZero()) {
				t.Errorf("the link %s does not say who made it and why: %+v", l.ID(), s)
			}
		}
		if l := links[0]; l.ID() != "gp_hospital" || l.Said[0].Rule != ByNumber {
			t.Errorf("the hospital's number and birth date: %+v", l)
		}
	})
}

// A link that a change no longer supports becomes a question and stands until it is answered; a corrected NHS number undoes what rested
// on it at once.
func TestALinkThatNoLongerHoldsIsAsked(t *testing.T) {
	town := newTown(t, storetest.SQLite(t), Options{})
	ada := []string{"forename", "Ada", "surname", "Okafor", "dob", "1950-02-03", "sex", "F", "address", "4 Orchard Close", "postcode", "ZZ1 4AB"}
	town.says("ZZ001", "a", ada...)
	town.says("ZZ1", "b", ada...)
	town.people(map[string]string{"a": "a b"})
	town.says("ZZ1", "b", "forename", "Una", "surname", "Wynn", "dob", "1999-12-31", "sex", "F", "address", "9 Mill Lane", "postcode", "ZZ7 2QQ")
	town.people(map[string]string{"a": "a b"})
	queue := town.queue()
	if len(queue) != 1 || !strings.Contains(queue[0].Why, "no longer") {
		t.Fatalf("the link that no longer holds asks: %+v", queue)
	}
	if err := town.l.Answer(t.Context(), clerk, queue[0].ID, false, "the hospital had merged two people"); err != nil {
		t.Fatal(err)
	}
	town.people(map[string]string{"a": "a", "b": "b"})

	town.says("ZZ001", "c", "nhs", "9434765919", "forename", "Eve", "surname", "Grey", "dob", "1988-11-30")
	town.says("ZZ1", "d", "nhs", "9434765919", "forename", "Maud", "surname", "Larkin", "dob", "1988-11-30")
	town.people(map[string]string{"c": "c d"})
	town.says("ZZ1", "d", "nhs", "4000745212", "forename", "Maud", "surname", "Larkin", "dob", "1988-11-30")
	town.people(map[string]string{"c": "c", "d": "d"})
	links, err := town.l.Links(t.Context(), clerk, "c")
	if err != nil || len(links) != 1 || links[0].Said[0].Retracted == nil || !strings.Contains(links[0].Said[0].Retracted.Why, "corrected") {
		t.Errorf("%+v %v", links, err)
	}
}

func TestOneSourceAndSupersededNumbers(t *testing.T) {
	town := newTown(t, storetest.SQLite(t), Options{})
	ada := []string{"forename", "Ada", "surname", "Okafor", "dob", "1950-02-03", "sex", "F", "address", "4 Orchard Close", "postcode", "ZZ1 4AB"}
	town.says("ZZ001", "a", ada...)
	adah := append([]string{"forename", "Adah"}, ada[2:]...) // who may be her sister
	town.says("ZZ001", "b", adah...)
	town.people(map[string]string{"a": "a", "b": "b"})
	if q := town.queue(); len(q) != 1 || !strings.Contains(q[0].Why, "one source") {
		t.Fatalf("two of one source: %+v", q)
	}
	town.says("ZZ001", "b", append(adah, "duplicate-of", "a")...)
	town.people(map[string]string{"a": "a b"})
	if q := town.queue(); len(q) != 0 {
		t.Errorf("still asked: %+v", q)
	}
	// The national register answered with another number: the old one is kept, and finds her.
	town.says("ZZ001", "new", "nhs", "4000745212", "old-nhs", "9434765919", "forename", "Eve", "surname", "Grey", "dob", "1988-11-30")
	town.says("ZZ1", "old", "nhs", "9434765919", "forename", "Eva", "surname", "Brown", "dob", "1988-11-30")
	town.people(map[string]string{"new": "new old"})
	// A number whose trace found a conflict is no proof of anything.
	town.says("ZZC", "doubtful", "untraced-nhs", "4000745212", "forename", "Ida", "surname", "Moss", "dob", "1988-11-30")
	town.people(map[string]string{"doubtful": "doubtful"})
	// Numbers of made-up people are nobody's in a record of real ones.
	town.says("ZZ001", "t1", "nhs", "9990000018", "forename", "Jo", "surname", "Fern", "dob", "1977-07-07")
	town.says("ZZ1", "t2", "nhs", "9990000018", "forename", "Sam", "surname", "Holt", "dob", "1977-07-07")
	town.people(map[string]string{"t1": "t1"})
}

// A deleted Patient is nobody's any more; those it held together are looked at again.
func TestDeletedPatientsAreUnlinked(t *testing.T) {
	town := newTown(t, storetest.SQLite(t), Options{})
	f := []string{"nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03"}
	town.says("ZZ001", "a", f...)
	town.says("ZZ1", "b", f...)
	town.says("ZZC", "c", f...)
	town.people(map[string]string{"a": "a b c"})
	if _, err := town.door.Commit(t.Context(), clerk, []record.Op{{Method: record.Delete, Type: "Observation", ID: "o-a"}, {Method: record.Delete, Type: "Patient", ID: "a"}}); err != nil {
		t.Fatal(err)
	}
	town.settle()
	if got := town.person("b"); got != "b" && got != "b c" {
		t.Error(got)
	}
	town.people(map[string]string{"b": "b c", "c": "b c"})
}

// Three sources in one order and in another, one by one and all at once, and again after the process was killed: nearly the same people,
// none wrong.
func TestOrderAndBatchComeToTheSamePeople(t *testing.T) {
	bodies, who := sources(41, 700)
	var first map[string]string
	for i, o := range []Options{{Behind: 1 << 40}, {Behind: 1 << 40}, {Behind: 100}} {
		town := newTown(t, storetest.SQLite(t), o)
		mixed := slices.Clone(bodies)
		rand.New(rand.NewPCG(uint64(i), 1)).Shuffle(len(mixed), func(a, b int) { mixed[a], mixed[b] = mixed[b], mixed[a] })
		town.put(mixed...)
		town.settle()
		c := town.score(who)
		t.Logf("run %d: %d right, %d wrong, %d missed, %d asked", i, c.Right, c.Wrong, c.Missed, len(town.queue()))
		if c.Wrong > 0 || c.Recall() < .95 {
			t.Errorf("run %d: %+v", i, c)
		}
		groups := town.groups()
		if first == nil {
			first = groups
		}
		differ := 0
		for id, group := range first {
			if groups[id] != group {
				differ++
			}
		}
		if differ > len(first)/30 {
			t.Errorf("run %d: %d of %d Patients are other people than in the first order", i, differ, len(first))
		}
	}
}

// A process that was killed after it wrote and before it saved its place does everything once more, which must change nothing.
func TestDoingItAgainChangesNothing(t *testing.T) {
	bodies, _ := sources(42, 150)
	town := newTown(t, storetest.SQLite(t), Options{Behind: 1 << 40})
	town.put(bodies...)
	town.settle()
	dump := func() string {
		var out strings.Builder
		for _, kind := range []string{linkKind, ofKind, queueKind} {
			if err := town.l.each(t.Context(), kind, "", func(it record.BoxItem) error { fmt.Fprintf(&out, "%s %s %s\n", kind, it.Key, it.Value); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		return out.String()
	}
	before := dump()
	changes, err := town.door.Changes(t.Context(), clerk, record.Log{Type: "Patient", Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range []Options{{Behind: 1 << 40}, {Behind: 1}, {Behind: 1}} { // one by one, and all at once
		again, err := NewLinker(town.door, o)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 { // as if the batch had not been finished
			if err := town.l.box.Relate(t.Context(), clerk, nil, nil, record.BoxItem{Kind: placeKind, Key: "batch"}); err != nil {
				t.Fatal(err)
			}
		}
		for part := range slices.Chunk(changes, 200) {
			if err := again.changed(t.Context(), part); err != nil {
				t.Fatal(err)
			}
		}
		if i == 1 { // seen all at once, some are clearer than they were one by one; but only the first time
			before = dump()
		}
		if after := dump(); after != before {
			a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
			for i := range b {
				if i >= len(a) || a[i] != b[i] {
					t.Fatalf("with %+v: %d lines became %d; the first is\n%.600s", o.Behind, len(a), len(b), b[i])
				}
			}
		}
	}
}

func TestReportCountsGroups(t *testing.T) {
	town := newTown(t, storetest.SQLite(t), Options{Now: func() time.Time { return time.Date(2026, 2, 2, 12, 0, 0, 0, time.UTC) }})
	f := []string{"nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03", "ethnicity", "N"}
	town.says("ZZ001", "a", f...)
	town.says("ZZ1", "b", f...)
	town.says("ZZC", "c", "forename", "Una", "surname", "Wynn", "dob", "2025", "ethnicity", "A")
	rates, err := town.l.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := "[{age 00 to 04 1 0 0} {age 65 to 84 2 2 0} {deprivation not known 3 2 0} {ethnicity A 1 0 0} {ethnicity N 2 2 0}]"
	if got := fmt.Sprint(rates); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// BenchmarkLinker matches what three sources say of people, one by one and all at once: 5,000 Patients a second are asked for after a
// bulk load.
func BenchmarkLinker(b *testing.B) {
	for _, c := range []struct {
		name   string
		people int
		behind int64
		db     func(testing.TB) string
	}{
		{"one-by-one/sqlite", 10_000, 1 << 40, storetest.SQLite}, {"at-once/sqlite", 50_000, 1000, storetest.SQLite},
		{"one-by-one/postgres", 10_000, 1 << 40, storetest.Postgres}, {"at-once/postgres", 50_000, 1000, storetest.Postgres},
	} {
		b.Run(c.name, func(b *testing.B) {
			bodies, who := sources(43, c.people)
			rand.New(rand.NewPCG(1, 1)).Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
			for b.Loop() {
				door := record.TestOn(b, c.db(b))
				fill(b, door, bodies)
				l, err := NewLinker(door, Options{Behind: c.behind})
				if err != nil {
					b.Fatal(err)
				}
				last, err := door.Seq(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				ctx, cancel := context.WithCancel(b.Context())
				ended := make(chan bool)
				used, start := processorTime(), time.Now()
				go func() {
					defer close(ended)
					l.Run(ctx)
				}()
				for done := false; !done; time.Sleep(5 * time.Millisecond) {
					l.mu.Lock()
					done = l.s != nil && l.s.seen >= last
					l.mu.Unlock()
				}
				took, spent := time.Since(start), processorTime()-used
				score := (&town{nil, door, l}).score(who) // before it is stopped: what it holds in memory may be given up then
				cancel()
				<-ended
				queue, err := l.box.List(b.Context(), queueKind, "", 1_000_000)
				if err != nil {
					b.Fatal(err)
				}
				b.Logf("%d Patients: %d right, %d wrong, %d missed, %d asked", len(bodies), score.Right, score.Wrong, score.Missed, len(queue))
				b.ReportMetric(float64(len(bodies))/took.Seconds(), "Patients/s")
				b.ReportMetric(spent.Seconds(), "cpu-s")
			}
		})
	}
}
