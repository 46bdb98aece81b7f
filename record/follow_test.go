package record

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store/storetest"
)

// note answers, for each Observation, one Basic named after it: doing it twice would make a second version.
func note(t testing.TB, who string) func(context.Context, []Stored) ([]Op, error) {
	return func(_ context.Context, changes []Stored) ([]Op, error) {
		var ops []Op
		for _, c := range changes {
			r, err := fhir.Parse([]byte(fmt.Sprintf(`{"resourceType":"Basic","id":"saw-%s","code":{"text":"%s"}}`, c.ID, who)))
			if err != nil {
				return nil, err
			}
			ops = append(ops, Op{Method: Update, Type: "Basic", ID: "saw-" + c.ID, Resource: r})
		}
		return ops, nil
	}
}

func observe(t testing.TB, d *Door, id string) {
	put(t, d, `{"resourceType":"Observation","id":"`+id+`","status":"final","code":{"text":"x"}}`)
}

func TestFollowerSeesEachChangeOnce(t *testing.T) { storetest.Each(t, followerSeesEachChangeOnce) }

func followerSeesEachChangeOnce(t *testing.T, db string) {
	d := TestOn(t, db)
	observe(t, d, "before")
	var mu sync.Mutex
	failures := 2
	follow := func(ctx context.Context) {
		err := d.Follow(ctx, tester, "notes", []string{"Observation"}, func(ctx context.Context, changes []Stored) ([]Op, error) {
			mu.Lock()
			defer mu.Unlock()
			if failures > 0 {
				failures--
				return nil, errors.New("not now")
			}
			return note(t, "a")(ctx, changes)
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	// What is done is done once; it may be begun more often, where a machine is so slow that the lease runs out.
	count := func() int {
		p, err := d.Find(t.Context(), tester, "Basic?_count=100")
		if err != nil {
			t.Fatal(err)
		}
		return len(p.Matches)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { follow(ctx) })
	for i := range 20 {
		observe(t, d, fmt.Sprintf("o%d", i))
		put(t, d, fmt.Sprintf(`{"resourceType":"Patient","id":"p%d"}`, i))
	}
	eventually(t, func() bool { return count() == 21 })
	stop()
	wg.Wait()
	observe(t, d, "while-away")
	ctx, stop = context.WithCancel(t.Context())
	wg.Go(func() { follow(ctx) })
	eventually(t, func() bool { return count() == 22 })
	stop()
	wg.Wait()
	p, err := d.Find(t.Context(), tester, "Basic?_count=100")
	if err != nil || len(p.Matches) != 22 {
		t.Fatalf("%d notes, want 22 (%v)", len(p.Matches), err)
	}
	for _, m := range p.Matches {
		if m.Version != 1 {
			t.Errorf("%s was written %d times", m.ID, m.Version)
		}
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for range 600 {
		if ok() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("it did not happen within 30 seconds")
}

// TestKilledHolder runs a follower in another process, kills that process without warning, and goes on here: every
// change must have been dealt with exactly once.
func TestKilledHolder(t *testing.T) {
	if db := os.Getenv("KITH_TEST_FOLLOW"); db != "" {
		followUntilKilled(t, db)
		return
	}
	storetest.Each(t, killedHolder)
}

func followUntilKilled(t *testing.T, db string) {
	d := TestOn(t, db)
	fmt.Println("following")
	if err := d.Follow(t.Context(), tester, "notes", []string{"Observation"}, func(ctx context.Context, changes []Stored) ([]Op, error) {
		fmt.Println("saw", len(changes))
		time.Sleep(30 * time.Millisecond) // so that it is killed before, while or after it commits
		return note(t, "child")(ctx, changes)
	}); err != nil {
		t.Fatal(err)
	}
}

func killedHolder(t *testing.T, db string) {
	d := TestOn(t, db)
	for i := range 30 {
		observe(t, d, fmt.Sprintf("o%d", i))
	}
	child := exec.Command(os.Args[0], "-test.run=^TestKilledHolder$")
	child.Env = append(os.Environ(), "KITH_TEST_FOLLOW="+db)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "saw") {
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	child.Wait() // it was killed: its exit says nothing
	for i := range 10 {
		observe(t, d, fmt.Sprintf("later%d", i))
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() {
		done <- d.Follow(ctx, access.Actor{ID: "here"}, "notes", []string{"Observation"}, note(t, "here"))
	}()
	eventually(t, func() bool {
		p, err := d.Find(t.Context(), tester, "Basic?_summary=count")
		return err == nil && p.Total == 40
	})
	time.Sleep(300 * time.Millisecond)
	stop()
	<-done
	changes, err := d.Changes(t.Context(), tester, Log{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range changes {
		if c.Seq != int64(i+1) {
			t.Fatalf("the feed has a gap or a repeat at %d: change %d", i+1, c.Seq)
		}
		if c.Type == "Basic" && c.Version != 1 {
			t.Errorf("%s was dealt with %d times", c.ID, c.Version)
		}
	}
}
