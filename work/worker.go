package work

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/kith-care/kith/store"
)

// Worker does the jobs of one queue.
type Worker struct {
	Store *store.Store
	Queue string
	// Do does a job. What it answers beside the error is written in the transaction that removes the job.
	Do       func(ctx context.Context, j store.Job) (write func(*store.Writer) error, err error)
	Parallel int           // jobs at once; 0 for 4
	Poll     time.Duration // how often to look; 0 for 250 ms
	Limit    time.Duration // how long one job may take; 0 for a minute
	Tries    int           // how often a job is tried; 0 for 12, which is about a day
	// GiveUp is told of a job that failed for the last time, in the transaction that removes it; nil keeps the job in the
	// queue, due in a hundred years, for a person to look at.
	GiveUp func(w *store.Writer, j store.Job, why error) error
}

// Never is when a job is due that has been given up.
var Never = time.Date(2126, 1, 1, 0, 0, 0, 0, time.UTC)

// Permanent wraps an error that trying again will not mend.
type Permanent struct{ Err error }

func (p Permanent) Error() string { return p.Err.Error() }

// Unwrap is the error itself.
func (p Permanent) Unwrap() error { return p.Err }

// Run works until ctx ends and the jobs under way are done.
func (k *Worker) Run(ctx context.Context) {
	parallel := k.Parallel
	if parallel == 0 {
		parallel = 4
	}
	holder := Holder()
	free := make(chan struct{}, parallel)
	var wg sync.WaitGroup
	for ctx.Err() == nil {
		n := parallel - len(free)
		var jobs []store.Job
		var err error
		if n > 0 {
			jobs, err = k.Store.TakeJobs(ctx, k.Queue, holder, n, 2*k.limit())
		}
		if err != nil && ctx.Err() == nil {
			slog.Error("a queue could not be read", "queue", k.Queue, "error", err)
		}
		for _, j := range jobs {
			free <- struct{}{}
			wg.Go(func() {
				defer func() { <-free }()
				k.one(context.WithoutCancel(ctx), j, holder)
			})
		}
		if len(jobs) == 0 {
			wait(ctx, nil, orDefault(k.Poll, 250*time.Millisecond))
		}
	}
	wg.Wait()
}

func (k *Worker) limit() time.Duration { return orDefault(k.Limit, time.Minute) }

// one does a job and writes what became of it.
func (k *Worker) one(ctx context.Context, j store.Job, holder string) {
	ctx, cancel := context.WithTimeout(ctx, k.limit())
	defer cancel()
	write, why := k.try(ctx, j)
	end := context.WithoutCancel(ctx)
	err := k.Store.Write(end, func(w *store.Writer) error {
		if why != nil {
			return k.failed(end, w, j, holder, why)
		}
		mine, err := w.FinishJob(end, j, holder)
		if err != nil || !mine {
			return err // it took too long and is another's now: what it would have written is theirs to write
		}
		if write != nil {
			return write(w)
		}
		return nil
	})
	if err != nil {
		slog.Error("what became of a job could not be written: it will be done again", "queue", k.Queue, "job", j.Name, "error", err)
	}
}

// try runs Do and turns a panic into a failure of this job alone.
func (k *Worker) try(ctx context.Context, j store.Job) (write func(*store.Writer) error, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the job broke: %v", p)
			slog.Error("a job broke", "queue", k.Queue, "job", j.Name, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	return k.Do(ctx, j)
}

func (k *Worker) failed(ctx context.Context, w *store.Writer, j store.Job, holder string, why error) error {
	tries := k.Tries
	if tries == 0 {
		tries = 12
	}
	_, permanent := errors.AsType[Permanent](why)
	if j.Tries+1 < tries && !permanent {
		return w.RetryJob(ctx, j, holder, k.Store.Now().Add(Backoff(j.Tries)), why.Error())
	}
	slog.Error("a job was given up", "queue", k.Queue, "job", j.Name, "error", why)
	if k.GiveUp == nil {
		return w.RetryJob(ctx, j, holder, Never, why.Error())
	}
	mine, err := w.FinishJob(ctx, j, holder)
	if err != nil || !mine {
		return err
	}
	return k.GiveUp(w, j, why)
}

// Backoff is how long to wait after a try: 10 s, doubled each time, at most six hours.
func Backoff(tries int) time.Duration {
	return min(10*time.Second<<min(tries, 20), 6*time.Hour)
}
