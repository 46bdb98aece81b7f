package store

import (
	"context"
	"time"
)

// TakeLease takes or renews the lease called name for a holder, for ttl. It answers the lease's fencing number, which
// grows each time the lease passes to another holder, or 0 where somebody else holds it.
func (s *Store) TakeLease(ctx context.Context, name, holder string, ttl time.Duration) (fence int64, err error) {
	err = s.Write(ctx, func(w *Writer) error {
		now := s.Now().UnixMicro()
		var who string
		var last, expires int64
		found, err := one(ctx, w.tx, "SELECT holder, fence, expires FROM lease WHERE name = ?", []any{name}, &who, &last, &expires)
		if err != nil {
			return err
		}
		until := now + ttl.Microseconds()
		switch {
		case !found:
			fence = 1
			_, err = w.tx.Exec(ctx, "INSERT INTO lease (name, holder, fence, expires) VALUES (?, ?, ?, ?)", name, holder, fence, until)
		case who == holder && expires > now:
			fence = last
			_, err = w.tx.Exec(ctx, "UPDATE lease SET expires = ? WHERE name = ?", until, name)
		case expires <= now:
			fence = last + 1
			_, err = w.tx.Exec(ctx, "UPDATE lease SET holder = ?, fence = ?, expires = ? WHERE name = ?", holder, fence, until, name)
		}
		return err
	})
	return fence, err
}

// DropLease gives a lease back before it runs out, so that another can go on at once.
func (s *Store) DropLease(ctx context.Context, name, holder string) error {
	return s.Write(ctx, func(w *Writer) error {
		_, err := w.tx.Exec(ctx, "UPDATE lease SET expires = 0 WHERE name = ? AND holder = ?", name, holder)
		return err
	})
}

// HoldsLease reports, inside the transaction, whether a holder still has a lease under that fencing number. A holder
// that was stopped for long and then goes on finds here that somebody else has taken over.
func (w *Writer) HoldsLease(ctx context.Context, name, holder string, fence int64) (bool, error) {
	var n int64
	return one(ctx, w.tx, "SELECT fence FROM lease WHERE name = ? AND holder = ? AND fence = ?", []any{name, holder, fence}, &n)
}

// Place is the last change that a follower has dealt with, 0 before the first.
func (s *Store) Place(ctx context.Context, follower string) (int64, error) {
	var seq int64
	_, err := one(ctx, s.db, "SELECT seq FROM place WHERE follower = ?", []any{follower}, &seq)
	return seq, s.db.Faulty(err)
}

// SavePlace writes a follower's place in the transaction of what it wrote.
func (w *Writer) SavePlace(ctx context.Context, follower string, seq, fence int64) error {
	n, err := w.tx.Exec(ctx, "UPDATE place SET seq = ?, fence = ? WHERE follower = ?", seq, fence, follower)
	if err != nil || n > 0 {
		return err
	}
	_, err = w.tx.Exec(ctx, "INSERT INTO place (follower, seq, fence) VALUES (?, ?, ?)", follower, seq, fence)
	return err
}

// Job is a piece of work that survives the process.
type Job struct {
	ID          int64
	Queue, Name string // one job of a name stands in a queue at a time
	Body        []byte
	Due         time.Time
	Tries       int    // how often it was begun before
	Failed      string // why it failed last
}

// AddJob puts a job into its queue, in the transaction of what it is about. Where one of that name waits already, its
// body and time are replaced.
func (w *Writer) AddJob(ctx context.Context, j Job) error {
	if j.Body == nil {
		j.Body = []byte{}
	}
	n, err := w.tx.Exec(ctx, "UPDATE job SET body = ?, due = ?, tries = 0, failed = '' WHERE queue = ? AND name = ?", j.Body, j.Due.UnixMicro(), j.Queue, j.Name)
	if err != nil || n > 0 {
		return err
	}
	_, err = w.tx.Exec(ctx, "INSERT INTO job (id, queue, name, body, due, tries, holder, expires, failed) SELECT coalesce(max(id), 0) + 1, ?, ?, ?, ?, 0, '', 0, '' FROM job", j.Queue, j.Name, j.Body, j.Due.UnixMicro())
	return err
}

// AddJobOnce is AddJob where no job of that name stands in the queue; one that does keeps its body, its time and how often it was tried.
func (w *Writer) AddJobOnce(ctx context.Context, j Job) error {
	var id int64
	stands, err := one(ctx, w.tx, "SELECT id FROM job WHERE queue = ? AND name = ?", []any{j.Queue, j.Name}, &id)
	if err != nil || stands {
		return err
	}
	return w.AddJob(ctx, j)
}

// TakeJobs takes up to n due jobs of a queue for a holder, the longest due first. Whoever takes a job has ttl to finish
// it; then it is anyone's again.
func (s *Store) TakeJobs(ctx context.Context, queue, holder string, n int, ttl time.Duration) (jobs []Job, err error) {
	now := s.Now().UnixMicro()
	due := false
	// Most of the time there is nothing to do, and finding that out must not make writers wait.
	err = s.db.Query(ctx, "SELECT id FROM job WHERE queue = ? AND due <= ? AND expires <= ? LIMIT 1", []any{queue, now, now}, func(r Row) error {
		due = true
		var id int64
		return r.Scan(&id)
	})
	if err != nil || !due {
		return nil, s.db.Faulty(err)
	}
	err = s.Write(ctx, func(w *Writer) error {
		err := w.tx.Query(ctx, "SELECT id, name, body, due, tries, failed FROM job WHERE queue = ? AND due <= ? AND expires <= ? ORDER BY due, id LIMIT ?", []any{queue, now, now, int64(n)}, func(r Row) error {
			j := Job{Queue: queue}
			var due, tries int64
			err := r.Scan(&j.ID, &j.Name, &j.Body, &due, &tries, &j.Failed)
			j.Due, j.Tries = time.UnixMicro(due), int(tries)
			jobs = append(jobs, j)
			return err
		})
		for _, j := range jobs {
			if err == nil {
				_, err = w.tx.Exec(ctx, "UPDATE job SET holder = ?, expires = ?, tries = tries + 1 WHERE id = ?", holder, now+ttl.Microseconds(), j.ID)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return jobs, nil
}

// FinishJob removes a job that its holder has done; false where it was no longer the holder's.
func (w *Writer) FinishJob(ctx context.Context, j Job, holder string) (bool, error) {
	n, err := w.tx.Exec(ctx, "DELETE FROM job WHERE id = ? AND holder = ? AND tries = ?", j.ID, holder, int64(j.Tries+1))
	return n > 0, err
}

// RetryJob gives a job back, to be tried again at a time; why is kept with it. Nothing happens where the job has been
// taken again since.
func (w *Writer) RetryJob(ctx context.Context, j Job, holder string, due time.Time, why string) error {
	_, err := w.tx.Exec(ctx, "UPDATE job SET holder = '', expires = 0, due = ?, failed = ? WHERE id = ? AND holder = ? AND tries = ?", due.UnixMicro(), why, j.ID, holder, int64(j.Tries+1))
	return err
}

// Jobs are the jobs of a queue, the next due first.
func (s *Store) Jobs(ctx context.Context, queue string, limit int) ([]Job, error) {
	var jobs []Job
	err := s.db.Query(ctx, "SELECT id, name, body, due, tries, failed FROM job WHERE queue = ? ORDER BY due, id LIMIT ?", []any{queue, int64(limit)}, func(r Row) error {
		j := Job{Queue: queue}
		var due, tries int64
		err := r.Scan(&j.ID, &j.Name, &j.Body, &due, &tries, &j.Failed)
		j.Due, j.Tries = time.UnixMicro(due), int(tries)
		jobs = append(jobs, j)
		return err
	})
	return jobs, s.db.Faulty(err)
}
