package record

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store"
)

// auditor writes one entry a request. Entries that arrive together are written together; each is in the ledger before
// its request is answered, and durable within syncEvery.
type auditor struct {
	ledger *store.Ledger
	now    func() time.Time
	queue  chan auditJob
	done   sync.WaitGroup
	quit   chan struct{}
	key    atomic.Pointer[ed25519.PrivateKey] // signs checkpoints; nil for none
	sealed chan chan error                    // asks for a checkpoint now

	// about answers whose records versions are in, in order: the numbers of the Patients; nil where there are no versions.
	about func(ctx context.Context, w *store.Writer, versions []*store.Version) ([]int64, error)
}

type auditJob struct {
	entries [][]byte
	reply   chan error
}

const (
	syncEvery = 100 * time.Millisecond
	markEvery = time.Minute     // checkpoints go to the log, which leaves the machine: what they cover cannot be changed unseen
	flushWait = 2 * time.Second // how long rows of the index wait, and how many
	flushRows = 32768
)

func newAuditor(l *store.Ledger, now func() time.Time) *auditor {
	a := &auditor{ledger: l, now: now, queue: make(chan auditJob, 256), quit: make(chan struct{}), sealed: make(chan chan error)}
	a.done.Add(1)
	go a.run()
	return a
}

func (a *auditor) run() {
	defer a.done.Done()
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	dirty := false
	marked, flushed := time.Now(), time.Now()
	first := true  // this process has made no checkpoint yet
	behind := true // other chains may not be in the index
	var writing *store.Batch
	wrote := make(chan indexed, 1)
	var failing error
	mark := func() error {
		marked = time.Now()
		made, err := a.mark(first)
		first = first && !made
		return err
	}
	for {
		select {
		case j := <-a.queue:
			jobs := []auditJob{j}
			for len(jobs) < 256 {
				select {
				case j := <-a.queue:
					jobs = append(jobs, j)
					continue
				default:
				}
				break
			}
			err := failing
			if err == nil {
				var entries [][]byte
				for i := range jobs {
					entries = append(entries, jobs[i].entries...)
				}
				err = a.ledger.Append(context.Background(), entries)
				dirty = true
			}
			for _, j := range jobs {
				j.reply <- err
			}
		case <-tick.C:
			if dirty || failing != nil {
				// Nothing is answered while the ledger cannot be made durable.
				failing = a.ledger.Sync(context.Background())
				dirty = false
			}
			if failing != nil {
				continue
			}
			if idle := time.Since(flushed) >= flushWait; writing == nil && (idle || a.ledger.Waiting() > flushRows) {
				flushed, writing = time.Now(), a.ledger.TakeBatch()
				go func(batch *store.Batch, behind bool) { wrote <- a.index(batch, behind) }(writing, behind && idle)
			}
			if time.Since(marked) >= markEvery {
				behind = true // other processes may have been killed
				if err := mark(); err != nil {
					slog.Error("no audit checkpoint could be made", "error", err)
				}
			}
		case w := <-wrote:
			if w.err != nil {
				slog.Error("the index of the audit trail was not written and will be tried again", "error", w.err)
				a.ledger.GiveBack(writing)
			}
			writing, behind = nil, w.more
		case reply := <-a.sealed:
			reply <- mark()
		case <-a.quit:
			if dirty {
				_ = a.ledger.Sync(context.Background()) // closing: the entries survive the process either way
			}
			if writing != nil {
				if w := <-wrote; w.err != nil {
					a.ledger.GiveBack(writing)
				}
			}
			if err := a.ledger.TakeBatch().Write(context.Background()); err != nil {
				slog.Warn("the index of the audit trail was not written; the next process makes it", "error", err)
			}
			if a.key.Load() == nil {
				return
			}
			if err := mark(); err != nil {
				slog.Error("the last audit checkpoint could not be made", "error", err)
			}
			return
		}
	}
}

// indexed is what became of a batch of the index.
type indexed struct {
	more bool
	err  error
}

// index writes a batch of the index beside the entries, and where told takes in what other processes have left.
func (a *auditor) index(batch *store.Batch, behind bool) indexed {
	if err := batch.Write(context.Background()); err != nil {
		return indexed{behind, err}
	}
	if !behind {
		return indexed{}
	}
	more, err := a.ledger.CatchUp(context.Background(), 5000)
	if err != nil {
		slog.Error("the index of the audit trail could not be brought up to date", "error", err)
	}
	return indexed{more: more}
}

// mark makes a signed checkpoint of the trail and logs it; without a key it logs the head of this process's chain.
func (a *auditor) mark(first bool) (made bool, err error) {
	key := a.key.Load()
	if key == nil {
		if chain, n, hash := a.ledger.Head(); n > 0 {
			slog.Info("audit head", "chain", chain, "entries", n, "hash", hex.EncodeToString(hash))
		}
		return false, nil
	}
	m, short, err := a.ledger.Mark(context.Background(), a.now(), *key, first)
	if short != nil {
		slog.Error("the audit trail has been tampered with", "error", short)
	}
	if m != nil && err == nil {
		slog.Info("audit checkpoint", "number", m.N, "checkpoint", m.String())
	}
	return m != nil, err
}

func (a *auditor) close() error {
	close(a.quit)
	a.done.Wait()
	return a.ledger.Close()
}

func (a *auditor) write(ctx context.Context, entries ...[]byte) error {
	reply := make(chan error, 1)
	select {
	case a.queue <- auditJob{entries, reply}:
	case <-a.quit:
		return fhir.Errorf(fhir.Busy, "the record is being closed")
	case <-ctx.Done():
		return fhir.Errorf(fhir.Busy, "the request was given up: %w", ctx.Err())
	}
	select {
	case err := <-reply:
		if fhir.KindOf(err) == fhir.NoRoom {
			return fhir.Errorf(fhir.NoRoom, "the disk of the audit is full, so nothing was disclosed or changed: %w", err)
		}
		if err != nil {
			return fhir.Errorf(fhir.Busy, "the audit entry could not be written, so nothing was disclosed or changed: %w", err)
		}
		return nil
	case <-a.quit:
		return fhir.Errorf(fhir.Busy, "the record is being closed")
	}
}

// VerifyAudit reads the whole audit and answers how many entries it has. The error names the first that was changed, is
// missing, or is out of order.
func (d *Door) VerifyAudit(ctx context.Context) (int64, error) { return d.audit.ledger.Verify(ctx) }

// disclosed writes that versions were shown to somebody.
func (a *auditor) disclosed(ctx context.Context, who access.Actor, action access.Action, what string, versions ...*store.Version) error {
	return a.note(ctx, who, action, what, "", versions)
}

// refused writes that somebody asked and was refused, whose records they asked for, and answers the refusal.
func (a *auditor) refused(ctx context.Context, who access.Actor, action access.Action, what string, err error, versions ...*store.Version) error {
	return errors.Join(err, a.note(ctx, who, action, what, err.Error(), versions))
}

// refusedAs writes that somebody asked and why they were refused, and answers what they are told, which may be less.
func (a *auditor) refusedAs(ctx context.Context, who access.Actor, action access.Action, what string, why access.Decision, told error, versions ...*store.Version) error {
	return errors.Join(told, a.note(ctx, who, action, what, why.Reason, versions))
}

// note writes one entry outside a transaction.
func (a *auditor) note(ctx context.Context, who access.Actor, action access.Action, what, refusal string, versions []*store.Version) error {
	patients, err := a.about(ctx, nil, versions)
	if err != nil {
		return err
	}
	return a.write(ctx, a.entry(who, action, what, refusal, patients))
}

// entry is one line of JSON: when, who, in which role and why, what was asked, whose records were shown (by number; nil where
// nothing was shown, empty where it was in nobody's), and the refusal if there was one.
func (a *auditor) entry(who access.Actor, action access.Action, what, refusal string, patients []int64) []byte {
	b := make([]byte, 0, 160+len(what))
	b = append(b, `{"at":`...)
	b = strconv.AppendInt(b, a.now().UnixMicro(), 10)
	b = appendMember(b, "who", who.ID)
	b = appendMember(b, "name", who.Name)
	b = appendMember(b, "role", who.Role)
	b = appendMember(b, "org", who.Organization)
	b = appendMember(b, "is", who.Patient)
	b = appendMember(b, "helper", who.Helper)
	if who.App != nil {
		b = appendMember(b, "app", who.App.ID)
	}
	b = appendMember(b, "why", who.Purpose)
	b = appendMember(b, "from", who.From)
	b = appendMember(b, "action", string(action))
	b = appendMember(b, "what", what)
	b = appendMember(b, "refused", refusal)
	if patients != nil {
		b = append(b, `,"patients":[`...)
		for i, n := range patients {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(b, n, 10)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func appendMember(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":`...)
	return fhir.AppendString(b, value)
}
