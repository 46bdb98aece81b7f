// Package work does things later and elsewhere than where they were asked for: followers of the change feed, and jobs
// in queues.
//
// A Follower sees every change once, in order, and never loses its place: what it writes and how far it has come are
// one transaction. A Worker takes jobs from a queue, tries a failed one again after a while, longer each time, and gives
// it up to a person after the last try. A job that is to recur puts itself back with a later time.
//
// Several processes may run the same followers and workers on one database. Each follower is run by whoever holds its
// lease; the lease carries a fencing number that is checked in the transaction that saves the place, so a process that
// was asleep when its lease ran out cannot write any more. What a follower does outside the database it must mark with
// (follower, seq), since a crash between doing and saving repeats it.
package work

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/store"
)

// Follower runs Do on every change of some types, in the order of the feed.
type Follower struct {
	Store *store.Store
	Name  string
	Types []spec.TypeID // nil for all
	// Do deals with a batch of changes. It writes by calling commit once, with what it writes; the place is saved in the
	// same transaction, so commit must be called even where there is nothing to write.
	Do func(ctx context.Context, changes []*store.Version, commit Commit) error
	// Wake answers a channel that is closed at the next change in this process; nil to look every Poll.
	Wake func() <-chan struct{}
	// Read reads changes after one, at most limit; nil for whole versions. What needs less says so here.
	Read  func(ctx context.Context, after int64, limit int) ([]*store.Version, error)
	Poll  time.Duration // how often to look for changes of other processes; 0 for 250 ms
	Batch int           // changes at a time; 0 for 200
	Lease time.Duration // how long a silent holder keeps its lease; 0 for 10 s
	// Regularly, unless nil, is called every so often by the process that follows, also where nothing has changed: what comes of time passing is then written by
	// the same hand as what comes of changes. It may call commit once.
	Regularly func(ctx context.Context, commit Commit) error
	Every     time.Duration // how often; 0 for 10 s
}

// Commit writes in one transaction with the follower's place. It fails with ErrLost where the lease has gone to another
// process, and nothing is written then.
type Commit func(write func(*store.Writer) error) error

// ErrLost says that another process has taken over.
var ErrLost = errors.New("the lease has passed to another process")

// Holder is a name for this process that no other has.
func Holder() string {
	b := make([]byte, 6)
	rand.Read(b)
	host, _ := os.Hostname() // a name for people; the random part is what makes it unique
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), hex.EncodeToString(b))
}

// Run follows until ctx ends. Failures are logged and tried again, at most every ten seconds.
func (f *Follower) Run(ctx context.Context) {
	holder := Holder()
	poll, lease := orDefault(f.Poll, 250*time.Millisecond), orDefault(f.Lease, 10*time.Second)
	defer func() {
		// The context has ended; giving the lease back lets another process go on at once.
		if err := f.Store.DropLease(context.WithoutCancel(ctx), "follower/"+f.Name, holder); err != nil {
			slog.Warn("a lease was not given back and must run out", "follower", f.Name, "error", err)
		}
	}()
	if f.Regularly != nil {
		poll = min(poll, orDefault(f.Every, 10*time.Second))
	}
	pause := poll
	var fence int64
	var renew, regular time.Time
	for ctx.Err() == nil {
		var wake <-chan struct{}
		if f.Wake != nil {
			wake = f.Wake()
		}
		more, err := false, error(nil)
		if time.Now().After(renew) {
			if fence, err = f.Store.TakeLease(ctx, "follower/"+f.Name, holder, lease); err == nil && fence != 0 {
				renew = time.Now().Add(lease / 3)
			}
		}
		if err == nil && fence != 0 && f.Regularly != nil && time.Now().After(regular) {
			regular = time.Now().Add(orDefault(f.Every, 10*time.Second))
			err = f.regularly(ctx, holder, fence)
		}
		if err == nil && fence != 0 {
			more, err = f.step(ctx, holder, fence)
		}
		switch {
		case errors.Is(err, ErrLost):
			fence, renew = 0, time.Time{}
		case err != nil && ctx.Err() == nil:
			slog.Error("a follower failed and will try again", "follower", f.Name, "error", err)
			pause = min(pause*2, 10*time.Second)
			wake = nil
		default:
			pause = poll
		}
		if more {
			continue
		}
		wait(ctx, wake, pause)
	}
}

func wait(ctx context.Context, wake <-chan struct{}, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-timer.C:
	}
}

// step deals with one batch. More is true where there may be another at once.
func (f *Follower) step(ctx context.Context, holder string, fence int64) (more bool, err error) {
	place, err := f.Store.Place(ctx, f.Name)
	if err != nil {
		return false, err
	}
	batch := f.Batch
	if batch == 0 {
		batch = 200
	}
	read := f.Read
	if read == nil {
		read = func(ctx context.Context, after int64, limit int) ([]*store.Version, error) {
			return f.Store.Changes(ctx, store.Log{After: after, Limit: limit})
		}
	}
	changes, err := read(ctx, place, batch)
	if err != nil || len(changes) == 0 {
		return false, err
	}
	last := changes[len(changes)-1].Rid
	mine := changes[:0:0]
	for _, v := range changes {
		if f.wants(v) {
			mine = append(mine, v)
		}
	}
	saved := false
	save := f.commit(ctx, holder, fence, last)
	commit := func(write func(*store.Writer) error) error {
		err := save(write)
		saved = err == nil
		return err
	}
	if len(mine) == 0 {
		return len(changes) == batch, commit(nil)
	}
	if err := f.Do(ctx, mine, commit); err != nil {
		return false, err
	}
	if !saved {
		return false, fmt.Errorf("the follower %s did not commit its place", f.Name)
	}
	return len(changes) == batch, nil
}

// commit writes in one transaction with the place given, while the lease is held.
func (f *Follower) commit(ctx context.Context, holder string, fence, place int64) Commit {
	return func(write func(*store.Writer) error) error {
		return f.Store.Write(ctx, func(w *store.Writer) error {
			held, err := w.HoldsLease(ctx, "follower/"+f.Name, holder, fence)
			if err != nil {
				return err
			}
			if !held {
				return ErrLost
			}
			if write != nil {
				if err := write(w); err != nil {
					return err
				}
			}
			return w.SavePlace(ctx, f.Name, place, fence)
		})
	}
}

func (f *Follower) regularly(ctx context.Context, holder string, fence int64) error {
	place, err := f.Store.Place(ctx, f.Name)
	if err != nil {
		return err
	}
	return f.Regularly(ctx, f.commit(ctx, holder, fence, place))
}

func (f *Follower) wants(v *store.Version) bool {
	if v.Op == store.Erased {
		return false
	}
	for _, t := range f.Types {
		if t == v.Type {
			return true
		}
	}
	return f.Types == nil
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
