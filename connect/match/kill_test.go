package match

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

const (
	childDB    = "KITH_MATCH_CHILD_DB"
	childLater = "KITH_MATCH_CHILD_LATER"
)

// openLater opens a record in so many minutes, when the lease of a process that was killed has run out.
func openLater(t *testing.T, db string, minutes int) *record.Door {
	t.Helper()
	door, err := record.Open(t.Context(), record.Options{DB: db, Base: "http://kith.test/fhir", Policy: access.Everyone{},
		Now: func() time.Time { return time.Now().Add(time.Duration(minutes) * time.Minute) }})
	if err != nil {
		t.Fatal(err)
	}
	return door
}

// TestChildThatIsKilled is not a test of its own: it is the process that the next one kills.
func TestChildThatIsKilled(t *testing.T) {
	db := os.Getenv(childDB)
	if db == "" {
		return // run by hand or with all tests: there is nothing to be killed in
	}
	later, err := strconv.Atoi(os.Getenv(childLater))
	if err != nil {
		t.Fatal(err)
	}
	door := openLater(t, db, later)
	defer door.Close()
	l, err := NewLinker(door, Options{Behind: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	l.Run(t.Context())
}

// A linker that is killed with -9 again and again links the same people and asks the same questions as one that is not.
func TestKilledLinkerComesToTheSame(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		bodies, _ := sources(44, 900)
		dice := rand.New(rand.NewPCG(44, 1))
		dice.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
		// Both find all there is when they begin, and the last Patient once that is dealt with: what is learnt of sources is counted anew at certain numbers of Patients,
		// so that a linker that meets the record while it grows may judge a pair in doubt otherwise.
		whole := &town{t, record.TestOn(t, storetest.SQLite(t)), nil}
		whole.put(bodies...)
		whole.run(Options{Behind: 1 << 40})
		whole.settle()
		last := patientJSON("zz", "last", "forename", "Ada", "surname", "Okafor", "dob", "1850-02-03")
		whole.put(last)
		whole.settle()

		door := openLater(t, db, 0)
		fill(t, door, bodies)
		if err := door.Close(); err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			child := exec.Command(os.Args[0], "-test.run", "^TestChildThatIsKilled$")
			child.Env = append(os.Environ(), childDB+"="+db, childLater+"="+strconv.Itoa(i))
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(60+dice.IntN(150)) * time.Millisecond)
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			child.Wait()
			door := openLater(t, db, i)
			links, err := door.Box("match").List(t.Context(), linkKind, "", 10_000)
			if err := errors.Join(err, door.Close()); err != nil {
				t.Fatal(err)
			}
			t.Logf("killed with %d links written", len(links))
		}
		door = openLater(t, db, 6)
		defer door.Close()
		killed := &town{t, door, nil}
		defer killed.run(Options{Behind: 1 << 40})()
		killed.settle()
		killed.put(last)
		killed.settle()
		if want, got := whole.groups(), killed.groups(); !reflect.DeepEqual(want, got) {
			for id := range want {
				if want[id] != got[id] {
					t.Errorf("%s is %q, and after being killed %q", id, want[id], got[id])
				}
			}
		}
		if want, got := whole.open(t.Context()), killed.open(t.Context()); want != got {
			t.Errorf("asked %s\nand after being killed %s", want, got)
		}
		for _, id := range []string{"gp-a1", "gp-a2", "gp-a3"} { // the record says what the box says
			if got := killed.person(id); !strings.Contains(" "+killed.groups()[id]+" ", " "+got+" ") {
				t.Errorf("%s: %q in the record, %q in the box", id, got, killed.groups()[id])
			}
		}
	})
}

func (t *town) open(ctx context.Context) string {
	var ids []string
	if err := t.l.each(ctx, queueKind, "", func(it record.BoxItem) error {
		_, id, _ := strings.Cut(it.Key, "_")
		ids = append(ids, id)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// A linker that is killed when it has dealt with changes and has not moved its place is given them again, and asks nothing more by them.
func TestChangesThatComeAgainAskNothingMore(t *testing.T) {
	bodies, _ := sources(44, 900)
	dice := rand.New(rand.NewPCG(44, 1))
	dice.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
	var asked []string
	for _, times := range []int{1, 2} {
		town := &town{t, record.TestOn(t, storetest.SQLite(t)), nil}
		town.put(bodies...)
		var err error
		if town.l, err = NewLinker(town.door, Options{Behind: 1 << 40}); err != nil {
			t.Fatal(err)
		}
		all, err := town.door.Changes(t.Context(), clerk, record.Log{Type: "Patient", Limit: 2 * len(bodies)})
		if err != nil {
			t.Fatal(err)
		}
		for page := range slices.Chunk(all, 200) {
			for range times {
				if err := town.l.changed(t.Context(), page); err != nil {
					t.Fatal(err)
				}
			}
		}
		asked = append(asked, town.open(t.Context()))
	}
	if asked[0] == "" || asked[0] != asked[1] {
		t.Errorf("asked %s\nand when they came again %s", asked[0], asked[1])
	}
}
