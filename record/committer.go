package record

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store"
)

// committer writes the commits that are waiting as one transaction, so that one wait for the disk serves them all. What somebody waits for
// does not stand behind a bulk load: large commits have a queue of their own, and each kind has the writer half of the time.
type committer struct {
	d     *Door
	quick chan *pending
	bulk  chan *pending
	quit  chan struct{}
	ended chan struct{} // closed when the last commit has been answered

	mu      sync.Mutex
	wake    chan struct{} // closed at the next change
	looked  int64         // up to this change of the feed, defined is right
	defined atomic.Int64  // the newest change to a SearchParameter, of all processes
}

type pending struct {
	c     *commit
	reply chan answer
}

type answer struct {
	results []Result
	err     error
}

const (
	batchOps  = 4000                 // bounds what one transaction takes from a queue
	largeFrom = 200                  // operations and rows from which a commit is large
	lately    = time.Second          // so long after a small commit each large one is a transaction of its own, so that the next need not wait for several
	upon      = 5 * time.Millisecond // how soon after an answer the next small commit comes from somebody who sends one upon the other; ten times as long after a long one
)

// size is how much there is to write.
func (p *pending) size() int { return len(p.c.steps) + len(p.c.parts) }

func newCommitter(d *Door) *committer {
	k := &committer{d: d, quick: make(chan *pending, 1024), bulk: make(chan *pending, 1024), quit: make(chan struct{}), ended: make(chan struct{}), wake: make(chan struct{})}
	go k.run()
	return k
}

func (k *committer) stop() {
	close(k.quit)
	<-k.ended
}

func (k *committer) submit(ctx context.Context, c *commit) ([]Result, error) {
	p := &pending{c, make(chan answer, 1)}
	queue := k.quick
	if p.size() >= largeFrom {
		queue = k.bulk
	}
	select {
	case queue <- p:
	case <-k.quit:
		return nil, errClosing
	case <-ctx.Done():
		return nil, fhir.Errorf(fhir.Busy, "the request was given up: %w", ctx.Err())
	}
	// From here on the commit may happen, so its answer is waited for.
	select {
	case a := <-p.reply:
		return a.results, a.err
	case <-k.ended:
		select {
		case a := <-p.reply:
			return a.results, a.err
		default:
			return nil, errClosing
		}
	}
}

var errClosing = fhir.Errorf(fhir.Busy, "the record is being closed")

func (k *committer) run() {
	defer close(k.ended)
	var last time.Time // of a small commit
	quick := func(p *pending) {
		k.write(gather(p, k.quick, batchOps))
		last = time.Now()
	}
	for turn := time.Duration(0); ; {
		// Small commits have the writer for as long as the large one before took, if they come one upon the other: whoever sends
		// messages and waits for each answer must not wait behind a large commit each time.
		for end := time.Now().Add(turn); turn > 0 && time.Now().Before(end); {
			select {
			case p := <-k.quick:
				quick(p)
				continue
			case <-time.After(min(max(turn/20, upon), 10*upon)):
			case <-k.quit:
				return // what still waits in a queue was not begun, and is answered so
			}
			break
		}
		turn = 0
		var p *pending
		select {
		case p = <-k.bulk:
		default:
			select {
			case <-k.quit:
				return
			case p := <-k.quick:
				quick(p)
				continue
			case p = <-k.bulk:
			}
		}
		began, busy := time.Now(), time.Since(last) < lately
		most := batchOps
		if busy {
			most = 0
		}
		k.write(gather(p, k.bulk, most))
		if busy || len(k.quick) > 0 {
			turn = time.Since(began)
		}
	}
}

// gather takes what waits in a queue behind a commit, up to so much together.
func gather(p *pending, queue chan *pending, most int) []*pending {
	batch := []*pending{p}
	for n := p.size(); n < most; {
		select {
		case p := <-queue:
			batch = append(batch, p)
			n += p.size()
			continue
		default:
		}
		break
	}
	return batch
}

// write commits a batch. Where the database refuses the whole of it, each request is tried alone: one that cannot be
// stored must not take the others with it.
func (k *committer) write(batch []*pending) {
	ctx := context.Background()
	answers := make([]answer, len(batch))
	var from, to int64
	var all []*store.Version // what was written
	err := k.d.store.Write(ctx, func(w *store.Writer) error {
		var entries [][]byte
		all = all[:0]
		for i, p := range batch {
			results, written, err := k.apply(ctx, w, p.c)
			if _, fatal := errors.AsType[*storeError](err); fatal {
				return err
			}
			answers[i] = answer{results, err}
			all = append(all, written...)
			entry, err := k.d.audit.commitEntry(ctx, w, p.c, written, err)
			if err != nil {
				return err
			}
			entries = append(entries, entry)
		}
		from, to = w.Base(), w.Seq()
		return k.d.audit.writeAll(ctx, entries)
	})
	if err != nil && len(batch) > 1 && fhir.KindOf(err) != fhir.Busy {
		for _, p := range batch {
			k.write([]*pending{p})
		}
		return
	}
	if err == nil {
		k.d.circles.drop(all) // before anybody reads that it was done: a Consent holds from its answer on
	}
	for i, p := range batch {
		if err != nil {
			answers[i] = answer{nil, err}
		}
		p.reply <- answers[i]
	}
	if err == nil {
		k.wrote(from, to, batch)
		k.announce()
	}
}

// storeError is a failure of the database, not of a request.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

func fatal(err error) error {
	if err == nil {
		return nil
	}
	return &storeError{err}
}

// apply checks everything a commit takes for granted, then writes it: nothing is written where a check fails.
func (k *committer) apply(ctx context.Context, w *store.Writer, c *commit) ([]Result, []*store.Version, error) {
	if c.catalogue != k.d.catalogue.Load() {
		return nil, nil, errMoved // a search parameter has come: the keys must be made again
	}
	if err := k.sameParameters(ctx, w, c); err != nil {
		return nil, nil, err
	}
	e := k.d.eyes(ctx, w, &c.who, access.Search)
	for _, l := range c.lookups {
		if err := k.again(ctx, w, e, l); err != nil {
			return nil, nil, err
		}
	}
	heads, err := w.Heads(ctx, c.refs())
	if err != nil {
		return nil, nil, fatal(err)
	}
	if err := e.newcomers(c, heads); err != nil {
		return nil, nil, err
	}
	for i := range c.steps {
		if err := k.check(c, &c.steps[i], heads, e); err != nil {
			if errors.Is(err, errMoved) {
				return nil, nil, err
			}
			return nil, nil, &OpError{i, err}
		}
	}
	results := make([]Result, len(c.steps))
	var written []*store.Version
	for i := range c.steps {
		r, vs, err := k.put(ctx, w, &c.steps[i], heads)
		if err != nil {
			return nil, nil, fatal(err)
		}
		results[i] = r
		written = append(written, vs...)
	}
	for _, it := range c.items {
		if err := w.Box(ctx, it); err != nil {
			return nil, nil, fatal(err)
		}
	}
	if err := w.PutParts(ctx, c.parts); err != nil {
		return nil, nil, fatal(err)
	}
	return results, written, nil
}

// sameParameters checks that a commit was indexed by all the search parameters there are. Another process may have been
// given one: what is written without its keys would never be found by it.
func (k *committer) sameParameters(ctx context.Context, w *store.Writer, c *commit) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.looked != w.Base() {
		newest, err := w.LatestOf(ctx, searchParameterType)
		if err != nil {
			return fatal(err)
		}
		k.defined.Store(newest)
		k.looked = w.Base()
	}
	if c.defined < k.defined.Load() {
		return errMoved
	}
	return nil
}

// wrote notes that the feed went from one change to another by commits of this process alone, so that it need not look
// for new search parameters of others.
func (k *committer) wrote(from, to int64, batch []*pending) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range batch {
		if params, _ := touched(p.c); params {
			return
		}
	}
	if k.looked == from {
		k.looked = to
	}
}

// again asks a lookup once more inside the transaction.
func (k *committer) again(ctx context.Context, w *store.Writer, e *eyes, l lookup) error {
	q, err := k.d.conditional(ctx, e, l.query)
	if err != nil {
		return err
	}
	found, err := w.Search(ctx, q.Plan())
	if err != nil {
		return fatal(err)
	}
	if len(found.Rows) != len(l.refs) {
		return errMoved
	}
	for i, v := range found.Rows {
		if l.refs[i] != (store.Ref{Type: v.Type, ID: v.ID}) {
			return errMoved
		}
	}
	return nil
}

func (c *commit) refs() []store.Ref {
	refs := make([]store.Ref, 0, len(c.steps))
	for i := range c.steps {
		s := &c.steps[i]
		if !s.fresh && s.ref.ID != "" {
			refs = append(refs, s.ref)
		}
		refs = append(refs, s.several...)
	}
	return refs
}

// check holds a step against what is current, as whoever commits sees it.
func (k *committer) check(c *commit, s *step, heads map[store.Ref]*store.Version, e *eyes) error {
	if err := e.blind(s, heads); err != nil {
		return err
	}
	head := heads[s.ref]
	there := head != nil && head.Op < store.Delete
	if want, ok := c.versions[s.ref]; ok && (!there || head.Version != want) {
		return errMoved
	}
	op := s.op
	if op.Same && there != (s.same != nil) || s.same != nil && head.Version != s.same.Version {
		return errMoved
	}
	switch {
	case op.IfMatch != 0 && !there:
		return fhir.Errorf(fhir.Precondition, "%s is not there, so its version cannot be %d", s.ref, op.IfMatch)
	case op.IfMatch != 0 && head.Version != op.IfMatch:
		return fhir.Errorf(fhir.Precondition, "%s was changed by someone else while you were editing: it has version %d, not %d", s.ref, head.Version, op.IfMatch)
	case op.IfNone && there:
		return fhir.Errorf(fhir.Precondition, "%s is there already", s.ref)
	case op.Method == Create && there && s.matched == nil && op.ID != "":
		return fhir.Errorf(fhir.Conflict, "%s is there already", s.ref)
	}
	return e.permitStep(s, heads)
}

func (k *committer) put(ctx context.Context, w *store.Writer, s *step, heads map[store.Ref]*store.Version) (Result, []*store.Version, error) {
	head := heads[s.ref]
	switch {
	case s.matched != nil, s.equal:
		return Result{Outcome: Matched, Stored: *stored(head)}, nil, nil
	case s.op.Method == Delete:
		return k.delete(ctx, w, s, heads)
	}
	op, outcome := store.Create, Created
	if head != nil && head.Op < store.Delete {
		op, outcome = store.Update, Updated
	}
	v, err := w.Put(ctx, s.prepared, head, op)
	if err != nil {
		return Result{}, nil, err
	}
	r := Result{Outcome: outcome, Stored: *stored(v)}
	r.Body = s.prepared.Body(v.Version, v.Updated)
	return r, []*store.Version{v}, nil
}

func (k *committer) delete(ctx context.Context, w *store.Writer, s *step, heads map[store.Ref]*store.Version) (Result, []*store.Version, error) {
	refs := s.several
	if refs == nil && s.ref.ID != "" {
		refs = []store.Ref{s.ref}
	}
	r := Result{Outcome: Unchanged, Stored: Stored{Type: s.op.Type, ID: s.ref.ID}}
	var written []*store.Version
	for _, ref := range refs {
		head := heads[ref]
		if head == nil || head.Op >= store.Delete {
			continue
		}
		v, err := w.Delete(ctx, head)
		if err != nil {
			return r, nil, err
		}
		r = Result{Outcome: Deleted, Stored: *stored(v)}
		written = append(written, v)
	}
	return r, written, nil
}

// commitEntry is the audit entry of a commit: what was changed, or why it was refused.
func (a *auditor) commitEntry(ctx context.Context, w *store.Writer, c *commit, written []*store.Version, err error) ([]byte, error) {
	what, action, refusal := "", access.Update, ""
	for i, v := range written {
		if i == 8 {
			what += ", …"
			break
		}
		if i > 0 {
			what += ", "
		}
		what += v.Ref()
	}
	if len(written) > 0 {
		switch written[0].Op {
		case store.Create:
			action = access.Create
		case store.Delete:
			action = access.Delete
		}
	}
	if err != nil {
		refusal = err.Error()
	}
	patients, err := a.about(ctx, w, written)
	return a.entry(c.who, action, what, refusal, patients), err
}

// writeAll writes entries before the commit they belong to: a change that is stored is never without its entry.
func (a *auditor) writeAll(ctx context.Context, entries [][]byte) error {
	return a.write(ctx, entries...)
}

// announce wakes whoever follows the feed in this process.
func (k *committer) announce() {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.wake)
	k.wake = make(chan struct{})
}
