package work_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/store"
	"github.com/kith-care/kith/store/postgres"
	"github.com/kith-care/kith/store/sqlite"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/work"
)

func open(t *testing.T, db string) *store.Store {
	t.Helper()
	var s *store.Store
	var err error
	if path, file := strings.CutPrefix(db, "sqlite:"); file {
		s, err = sqlite.Open(t.Context(), path)
	} else {
		s, err = postgres.Open(t.Context(), db)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// clock is a time that tests move.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time       { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) move(d time.Duration) { c.ahead.Add(int64(d)) }

func add(t *testing.T, s *store.Store, names ...string) {
	t.Helper()
	err := s.Write(t.Context(), func(w *store.Writer) error {
		for _, name := range names {
			if err := w.AddJob(t.Context(), store.Job{Queue: "q", Name: name, Due: s.Now()}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// mark counts, in the transaction that ends a job, how often that was.
func mark(ctx context.Context, name string) func(*store.Writer) error {
	return func(w *store.Writer) error {
		v, err := w.BoxGet(ctx, "test", "done", name)
		if err != nil {
			return err
		}
		n, _ := strconv.Atoi(string(v)) // nothing there is 0
		return w.Box(ctx, store.BoxItem{Room: "test", Kind: "done", Key: name, Value: []byte(strconv.Itoa(n + 1))})
	}
}

func marked(t *testing.T, s *store.Store, name string) int {
	t.Helper()
	v, err := s.BoxGet(t.Context(), "test", "done", name)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(string(v)) // nothing there is 0
	return n
}

// run starts workers and answers how they are stopped.
func run(t *testing.T, workers ...*work.Worker) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, k := range workers {
		k.Queue, k.Poll = "q", 10*time.Millisecond
		wg.Go(func() { k.Run(ctx) })
	}
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}

func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("within %v it did not happen that %s", limit, what)
}

func left(t *testing.T, s *store.Store) []store.Job {
	t.Helper()
	jobs, err := s.Jobs(t.Context(), "q", 1000)
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

// Two processes' worth of workers take from one queue: each job is done once.
func TestJobsAreDoneOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		stores := []*store.Store{open(t, db), open(t, db)}
		var names []string
		for i := range 120 {
			names = append(names, fmt.Sprintf("job-%d", i))
		}
		add(t, stores[0], names...)
		var begun atomic.Int64
		var by [2]atomic.Int64
		var workers []*work.Worker
		for i, s := range stores {
			workers = append(workers, &work.Worker{Store: s, Do: func(ctx context.Context, j store.Job) (func(*store.Writer) error, error) {
				begun.Add(1)
				by[i].Add(1)
				time.Sleep(time.Millisecond)
				return mark(ctx, j.Name), nil
			}})
		}
		stop := run(t, workers...)
		within(t, 60*time.Second, "all jobs are done", func() bool { return len(left(t, stores[0])) == 0 })
		stop()
		for _, name := range names {
			if n := marked(t, stores[0], name); n != 1 {
				t.Errorf("%s was done %d times", name, n)
			}
		}
		if begun.Load() != 120 || by[0].Load() == 0 || by[1].Load() == 0 {
			t.Errorf("%d were begun, %d and %d by each", begun.Load(), by[0].Load(), by[1].Load())
		}
	})
}

// A failing job is tried again after ten seconds, then twenty; why it failed stays with it.
func TestFailedJobIsTriedAgainLater(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		s := open(t, db)
		var c clock
		s.Now = c.now
		var tries atomic.Int64
		run(t, &work.Worker{Store: s, Do: func(ctx context.Context, j store.Job) (func(*store.Writer) error, error) {
			if n := tries.Add(1); n <= 3 {
				return nil, fmt.Errorf("the line was busy (%d)", n)
			}
			return mark(ctx, j.Name), nil
		}})
		add(t, s, "call")
		for n, wait := range []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second} {
			why := fmt.Sprintf("the line was busy (%d)", n+1)
			within(t, 20*time.Second, "the try has failed", func() bool { l := left(t, s); return len(l) == 1 && l[0].Failed == why })
			if in := left(t, s)[0].Due.Sub(c.now()); in > wait || in < wait-5*time.Second {
				t.Errorf("after try %d it is due in %v, want %v", n+1, in, wait)
			}
			if got := tries.Load(); got != int64(n+1) {
				t.Errorf("it was tried %d times before it was due again", got)
			}
			c.move(wait)
		}
		within(t, 20*time.Second, "it is done", func() bool { return len(left(t, s)) == 0 })
		if marked(t, s, "call") != 1 || tries.Load() != 4 {
			t.Errorf("done %d times in %d tries", marked(t, s, "call"), tries.Load())
		}
	})
}

// The last try, an error that will not mend, and a panic: each ends in its own way, and none takes other jobs with it.
func TestJobsThatAreGivenUp(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		s := open(t, db)
		var c clock
		s.Now = c.now
		var mu sync.Mutex
		tries := map[string]int{}
		do := func(ctx context.Context, j store.Job) (func(*store.Writer) error, error) {
			mu.Lock()
			tries[j.Name]++
			mu.Unlock()
			switch j.Name {
			case "permanent":
				return nil, fmt.Errorf("telling: %w", work.Permanent{Err: errors.New("there is no such number")})
			case "panic":
				panic("nobody thought of this")
			case "failing":
				return nil, errors.New("not today")
			}
			return mark(ctx, j.Name), nil
		}
		stop := run(t, &work.Worker{Store: s, Do: do, Tries: 2})
		add(t, s, "permanent", "panic", "failing", "well")
		for range 3 {
			time.Sleep(200 * time.Millisecond)
			c.move(time.Minute)
		}
		within(t, 20*time.Second, "three stand there for a person to look at", func() bool {
			n := 0
			for _, j := range left(t, s) {
				if j.Due.Equal(work.Never) {
					n++
				}
			}
			return n == 3
		})
		stop()
		if n := marked(t, s, "well"); n != 1 {
			t.Errorf("the job beside them was done %d times", n)
		}
		want := map[string]int{"permanent": 1, "panic": 2, "failing": 2, "well": 1}
		for name, n := range want {
			if tries[name] != n {
				t.Errorf("%s was tried %d times, want %d", name, tries[name], n)
			}
		}
		for _, j := range left(t, s) {
			if j.Name == "panic" && j.Failed != "the job broke: nobody thought of this" {
				t.Errorf("the panic is kept as %q", j.Failed)
			}
		}

		var given sync.Map
		stop = run(t, &work.Worker{Store: s, Do: do, GiveUp: func(w *store.Writer, j store.Job, why error) error {
			given.Store(j.Name, why.Error())
			return mark(t.Context(), "given up")(w)
		}})
		add(t, s, "permanent") // again, under the name that stands there
		within(t, 20*time.Second, "it is given up", func() bool { return marked(t, s, "given up") == 1 })
		stop()
		if why, _ := given.Load("permanent"); why != "telling: there is no such number" {
			t.Errorf("given up because %q", why)
		}
		if n := len(left(t, s)); n != 2 {
			t.Errorf("%d jobs are left, want the two that nobody asked for again", n)
		}
	})
}

// A job that is to recur puts itself back with a later time, in the transaction that ends it.
func TestJobThatPutsItselfBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		s := open(t, db)
		var c clock
		s.Now = c.now
		var runs atomic.Int64
		run(t, &work.Worker{Store: s, Do: func(ctx context.Context, j store.Job) (func(*store.Writer) error, error) {
			runs.Add(1)
			return func(w *store.Writer) error {
				j.Due = j.Due.Add(24 * time.Hour)
				return w.AddJob(ctx, j)
			}, nil
		}})
		add(t, s, "nightly")
		first := left(t, s)
		for day := range 4 {
			within(t, 20*time.Second, "it has run today", func() bool { return runs.Load() == int64(day+1) })
			time.Sleep(50 * time.Millisecond)
			if runs.Load() != int64(day+1) {
				t.Errorf("it ran %d times on day %d", runs.Load(), day+1)
			}
			within(t, 20*time.Second, "it stands there again", func() bool {
				l := left(t, s)
				return len(l) == 1 && l[0].Tries == 0 && (len(first) == 0 || l[0].Due.Sub(first[0].Due).Round(time.Hour) == time.Duration(day+1)*24*time.Hour)
			})
			c.move(24 * time.Hour)
		}
	})
}

// A job that takes longer than it may is another's, and what the slow one would have written is not written.
func TestSlowJobIsTakenOver(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		s := open(t, db)
		var runs atomic.Int64
		release := make(chan struct{})
		stop := run(t, &work.Worker{Store: s, Limit: 100 * time.Millisecond, Do: func(ctx context.Context, j store.Job) (func(*store.Writer) error, error) {
			if runs.Add(1) == 1 {
				<-release // it does not even look at its context
				return nil, errors.New("too late")
			}
			return mark(context.WithoutCancel(ctx), j.Name), nil
		}})
		add(t, s, "slow")
		within(t, 20*time.Second, "another has done it", func() bool { return marked(t, s, "slow") == 1 })
		close(release)
		stop()
		if n := len(left(t, s)); n != 0 || marked(t, s, "slow") != 1 || runs.Load() != 2 {
			t.Errorf("%d left, done %d times in %d runs", n, marked(t, s, "slow"), runs.Load())
		}
	})
}

// The process that holds a job is killed. After the time it was given, another does it.
func TestJobOfAKilledProcess(t *testing.T) {
	if db := os.Getenv("KITH_TEST_JOB"); db != "" {
		k := &work.Worker{Store: open(t, db), Queue: "q", Limit: time.Second, Do: func(ctx context.Context, j store.Job) (func(*store.Writer) error, error) {
			fmt.Println("took", j.Name)
			select {} // until killed
		}}
		k.Run(t.Context())
		return
	}
	storetest.Each(t, func(t *testing.T, db string) {
		s := open(t, db)
		add(t, s, "orphan")
		child := exec.Command(os.Args[0], "-test.run=^TestJobOfAKilledProcess$")
		child.Env = append(os.Environ(), "KITH_TEST_JOB="+db)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for lines.Scan() && !strings.HasPrefix(lines.Text(), "took") {
		}
		taken := time.Now()
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		child.Wait() // it was killed: its exit says nothing
		run(t, &work.Worker{Store: s, Do: func(ctx context.Context, j store.Job) (func(*store.Writer) error, error) {
			return mark(ctx, j.Name), nil
		}})
		within(t, 20*time.Second, "it is done here", func() bool { return marked(t, s, "orphan") == 1 })
		if after := time.Since(taken); after < 1500*time.Millisecond {
			t.Errorf("it was taken over after %v, before its holder's time was up", after)
		}
		if len(left(t, s)) != 0 {
			t.Error("it still stands in the queue")
		}
	})
}
