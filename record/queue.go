package record

import (
	"context"
	"time"

	"github.com/kith-care/kith/store"
	"github.com/kith-care/kith/work"
)

// Job is a piece of work that a room does later. It survives the process.
type Job struct {
	Name  string    // one job of a name stands in a room's queue; it is replaced by another of that name
	Due   time.Time // zero for now
	Once  bool      // where one of that name stands already, it is left as it is
	Tries int       // how often it was begun before
}

// Queue is how a room does its jobs. Do must be set.
type Queue struct {
	// Do does a job. What it answers beside the error is written in the transaction that removes the job, which may put it back with
	// a later time; nil writes nothing. After an error the job is tried again, later each time.
	Do func(ctx context.Context, j Job) (Settle, error)
	// GiveUp answers what is written of a job that failed for the last time.
	GiveUp   func(j Job, why error) Settle
	Parallel int           // jobs at once; 0 for 4
	Limit    time.Duration // how long one job may take, 0 for a minute. Twice that after a process was killed, another does its jobs.
	Poll     time.Duration // how often to look, 0 for 250 ms
	Tries    int           // how often a job is tried, 0 for 12, which is about a day
}

// Permanent is an error of a job that trying again will not mend.
func Permanent(err error) error { return work.Permanent{Err: err} }

func (b Box) add(ctx context.Context, w *store.Writer, j Job) error {
	if j.Due.IsZero() {
		j.Due = b.d.now()
	}
	job := store.Job{Queue: b.room, Name: j.Name, Due: j.Due}
	if j.Once {
		return w.AddJobOnce(ctx, job)
	}
	return w.AddJob(ctx, job)
}

// Work does the room's jobs until ctx ends, beside all other processes that do.
func (b Box) Work(ctx context.Context, q Queue) {
	k := work.Worker{Store: b.d.store, Queue: b.room, Parallel: q.Parallel, Poll: q.Poll, Limit: q.Limit, Tries: q.Tries}
	k.Do = func(ctx context.Context, j store.Job) (func(*store.Writer) error, error) {
		f, err := q.Do(ctx, Job{Name: j.Name, Due: j.Due, Tries: j.Tries})
		if err != nil || f == nil {
			return nil, err
		}
		return func(w *store.Writer) error { return b.settle(context.WithoutCancel(ctx), w, f) }, nil
	}
	if q.GiveUp != nil {
		k.GiveUp = func(w *store.Writer, j store.Job, why error) error {
			return b.settle(context.Background(), w, q.GiveUp(Job{Name: j.Name, Due: j.Due, Tries: j.Tries}, why))
		}
	}
	k.Run(ctx)
}
