package store

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"
)

// FaultKind is what was done to the audit trail.
type FaultKind string

// The kinds of fault.
const (
	Altered    FaultKind = "changed"
	Missing    FaultKind = "missing"
	Inserted   FaultKind = "inserted"
	Reordered  FaultKind = "reordered"
	Rewritten  FaultKind = "rewritten" // changed together with all hashes that follow: only a checkpoint shows it
	Forged     FaultKind = "checkpoint not signed by a known key"
	MarkLost   FaultKind = "checkpoint missing"
	MarkBroken FaultKind = "checkpoint changed"
)

// Fault is one thing that is wrong with the audit trail, and where.
type Fault struct {
	Kind     FaultKind
	Chain    string // "" for a fault of a checkpoint
	From, To int64  // entries, or numbers of checkpoints where Chain is ""
	// After and Before are the times of the last checkpoint that found the trail before From sound and of the first that covers
	// it; zero where there is none.
	After, Before time.Time
	Says          string
}

func (f Fault) String() string {
	what := "checkpoint"
	if f.Chain != "" {
		what = "chain " + f.Chain + ": entry"
	}
	place := fmt.Sprintf("%s %d", what, f.From)
	if f.To > f.From {
		place = fmt.Sprintf("%s %d to %d", what, f.From, f.To)
	}
	text := place + ": " + string(f.Kind)
	if f.Says != "" {
		text += " (" + f.Says + ")"
	}
	if !f.After.IsZero() {
		text += ", after the checkpoint of " + f.After.Format(time.RFC3339)
	}
	if !f.Before.IsZero() {
		text += ", covered by the checkpoint of " + f.Before.Format(time.RFC3339)
	}
	return text
}

// Report is what Check found.
type Report struct {
	Entries, Chains, Marks int64
	Uncovered              int64     // entries that are newer than what any checkpoint says of their chain
	Last                   time.Time // of the last checkpoint that counts
	Keys                   []string  // by which checkpoints are signed
	Faults                 []Fault
}

// Checking is how the audit trail is to be held against its checkpoints.
type Checking struct {
	Keys     []ed25519.PublicKey // whose signatures count; any one's where there are none, which proves less
	Marks    []Mark              // kept elsewhere, such as in the log; those of the ledger come on top
	Progress func(entries int64) // told now and then; may be nil
}

// window is how many entries are looked at to tell a change from an insertion or another order.
const window = 256

// Check reads the whole trail and says everything that is wrong with it. The error is of the database.
func (l *Ledger) Check(ctx context.Context, c Checking) (*Report, error) {
	marks, err := l.Marks(ctx)
	if err != nil {
		return nil, err
	}
	k := &checker{Checking: c, report: &Report{}, claims: map[string][]claim{}}
	k.marks(marks)
	err = l.db.Query(ctx, "SELECT chain, n, entry, hash FROM audit ORDER BY chain, n", nil, func(r Row) error {
		var e ledgerRow
		if err := r.Scan(&e.chain, &e.n, &e.entry, &e.hash); err != nil {
			return err
		}
		k.row(e)
		return nil
	})
	if err != nil {
		return nil, l.db.Faulty(err)
	}
	k.endChain()
	for _, chain := range slices.Sorted(maps.Keys(k.claims)) {
		list := k.claims[chain]
		k.fault(Fault{Kind: Missing, Chain: chain, From: 1, To: list[len(list)-1].n, Before: list[0].at, Says: "the whole chain is gone"})
	}
	return k.report, nil
}

// claim is what a mark says of one chain.
type claim struct {
	n    int64
	hash string
	at   time.Time
}

type ledgerRow struct {
	chain       string
	n           int64
	entry, hash []byte
}

// checker walks the chains one after the other, a window of rows at a time.
type checker struct {
	Checking
	report *Report
	claims map[string][]claim // by chain, in order of n; a chain that was walked is taken out
	last   time.Time          // of the last mark that counts

	chain           string
	rows            []ledgerRow // not yet judged
	next            int64       // the number that should come
	head            []byte
	sound           bool // head is known to be right
	here            []claim
	seen            int              // claims of here that were passed
	good            time.Time        // the last claim that held
	shift           int64            // by how much entries stand before the place that marks knew
	since           int              // faults of this chain since a claim held
	byOld           map[string]int64 // hash of a claim -> its n
	firstAt, lastAt int64
}

// marks judges the marks and takes what those that count say.
func (k *checker) marks(list []Mark) {
	byN := map[int64]*Mark{}
	counted := map[string]bool{}
	keys := map[string]bool{}
	var usable []*Mark
	take := func(m *Mark) bool {
		if !m.signed(k.Keys) {
			k.fault(Fault{Kind: Forged, From: m.N, To: m.N, Says: "key " + m.Key})
			return false
		}
		if !counted[m.sum()] {
			counted[m.sum()], keys[m.Key] = true, true
			usable = append(usable, m)
		}
		return true
	}
	expected, prev := int64(1), ""
	for i := range list {
		m := &list[i]
		if m.N > expected {
			k.fault(Fault{Kind: MarkLost, From: expected, To: m.N - 1})
			prev = m.Prev
		}
		if take(m) {
			byN[m.N] = m
			if m.Prev != prev {
				k.fault(Fault{Kind: MarkBroken, From: m.N, To: m.N, Says: "it does not follow the one before"})
			}
		}
		expected, prev = m.N+1, m.sum()
	}
	slices.SortFunc(k.Marks, func(a, b Mark) int { return int(a.N - b.N) })
	for i := range k.Marks {
		m := &k.Marks[i]
		switch here := byN[m.N]; {
		case !take(m):
		case here == nil && m.N >= expected:
			k.fault(Fault{Kind: MarkLost, From: m.N, To: m.N, Says: "it was kept elsewhere, made at " + m.Time().Format(time.RFC3339)})
		case here != nil && here.sum() != m.sum():
			k.fault(Fault{Kind: MarkBroken, From: m.N, To: m.N, Says: "another one of this number was kept elsewhere"})
		}
	}
	for _, m := range usable {
		if m.Time().After(k.last) {
			k.last = m.Time()
		}
		for _, h := range m.Chains {
			k.claims[h.Chain] = append(k.claims[h.Chain], claim{h.N, h.Hash, m.Time()})
		}
	}
	for _, list := range k.claims {
		slices.SortFunc(list, func(a, b claim) int {
			if a.n != b.n {
				return int(a.n - b.n)
			}
			return a.at.Compare(b.at)
		})
	}
	k.report.Marks, k.report.Last, k.report.Keys = int64(len(usable)), k.last, slices.Sorted(maps.Keys(keys))
}

func (k *checker) fault(f Fault) {
	if f.Chain != "" {
		k.since++
		if f.Before.IsZero() {
			f.After = k.good
			// The first claim that reaches as far as the fault.
			if i := sort.Search(len(k.here), func(i int) bool { return k.here[i].n >= f.From }); i < len(k.here) {
				f.Before = k.here[i].at
			}
		}
	}
	k.report.Faults = append(k.report.Faults, f)
}

func (k *checker) row(e ledgerRow) {
	if e.chain != k.chain {
		k.endChain()
		k.chain, k.next, k.head, k.sound = e.chain, 1, make([]byte, sha256.Size), true
		k.here, k.seen, k.good, k.shift, k.since = k.claims[e.chain], 0, time.Time{}, 0, 0
		k.firstAt, k.lastAt = at(e.entry), 0
		k.byOld = map[string]int64{}
		for _, c := range k.here {
			k.byOld[c.hash] = c.n
		}
		delete(k.claims, e.chain)
		k.report.Chains++
	}
	k.lastAt = max(k.lastAt, at(e.entry))
	k.report.Entries++
	if k.Progress != nil && k.report.Entries%100_000 == 0 {
		k.Progress(k.report.Entries)
	}
	if k.rows = append(k.rows, e); len(k.rows) > window {
		k.judge()
	}
}

// judge judges the first of the rows that wait, and as many more as it must.
func (k *checker) judge() {
	r := k.rows[0]
	if r.n < k.next {
		k.fault(Fault{Kind: Inserted, Chain: r.chain, From: r.n, To: r.n, Says: "no entry has this number"})
		k.rows = k.rows[1:]
		return
	}
	if r.n > k.next {
		k.fault(Fault{Kind: Missing, Chain: r.chain, From: k.next, To: r.n - 1})
		k.sound = false // what r follows is gone, so r cannot be checked, and its hash is taken as it stands
	}
	if !k.sound || follows(k.head, r) {
		k.accept(r, r.hash)
		return
	}
	if j := k.follower(k.head); j > 0 {
		k.misplaced(j)
		return
	}
	head, says := r.hash, ""
	computed := link(k.head, r.entry)
	if len(k.rows) > 1 && !follows(r.hash, k.rows[1]) && follows(computed, k.rows[1]) {
		head, says = computed, "its hash; the entry itself is as it was"
	}
	k.fault(Fault{Kind: Altered, Chain: r.chain, From: r.n, To: r.n, Says: says})
	k.accept(r, head)
}

func follows(head []byte, r ledgerRow) bool { return bytes.Equal(link(head, r.entry), r.hash) }

// follower is the place among the rows that wait of the one that follows a hash, -1 where none does.
func (k *checker) follower(head []byte) int {
	return slices.IndexFunc(k.rows, func(r ledgerRow) bool { return follows(head, r) })
}

// misplaced deals with row j following where row 0 stands: rows before it came in between, or all stand in another order.
func (k *checker) misplaced(j int) {
	first, order, taken, most := k.rows[0], []int{j}, map[int]bool{j: true}, j
	early := false // a row before j follows one behind it
	for !early || len(order) <= most {
		next := k.follower(k.rows[order[len(order)-1]].hash)
		if next < 0 || taken[next] {
			break
		}
		order, taken[next], most, early = append(order, next), true, max(most, next), early || next < j
	}
	if !early {
		k.fault(Fault{Kind: Inserted, Chain: first.chain, From: first.n, To: k.rows[j-1].n})
		k.rows = k.rows[j:]
		k.accept(k.rows[0], k.rows[0].hash)
		return
	}
	last := k.rows[most]
	k.fault(Fault{Kind: Reordered, Chain: first.chain, From: first.n, To: last.n})
	end := k.rows[order[len(order)-1]]
	k.rows = k.rows[most:]
	k.accept(ledgerRow{first.chain, last.n, end.entry, end.hash}, end.hash)
	k.sound = len(order) > most // where some rows belong nowhere, what comes next cannot be checked
}

// accept goes on behind a row, and holds what marks say of it against it.
func (k *checker) accept(r ledgerRow, head []byte) {
	k.head, k.sound, k.next = head, true, r.n+1
	if len(k.rows) > 0 {
		k.rows = k.rows[1:]
	}
	if len(k.here) == 0 {
		return
	}
	hash := hex.EncodeToString(head)
	if was, ok := k.byOld[hash]; ok && was-r.n != k.shift {
		k.moved(r, was-r.n-k.shift)
		k.shift = was - r.n
	}
	for k.seen < len(k.here) && k.here[k.seen].n <= r.n {
		c := k.here[k.seen]
		k.seen++
		switch {
		case c.n == r.n && c.hash == hash:
			k.good, k.since = c.at, 0
		case c.n == r.n && k.since == 0 && k.shift == 0:
			from := int64(1)
			if i := sort.Search(len(k.here), func(i int) bool { return !k.here[i].at.Before(k.good) }); !k.good.IsZero() && i < len(k.here) {
				from = k.here[i].n + 1
			}
			k.fault(Fault{Kind: Rewritten, Chain: k.chain, From: from, To: r.n, After: k.good, Before: c.at, Says: "all hashes were made again, and differ from the checkpoint's"})
		}
	}
}

// moved says that entries stand by a number before (or, below 0, behind) where marks knew them.
func (k *checker) moved(r ledgerRow, by int64) {
	kind, says := Missing, fmt.Sprintf("%d entries were taken out before entry %d and what follows was numbered anew", by, r.n)
	if by < 0 {
		kind, says = Inserted, fmt.Sprintf("%d entries were put in before entry %d and what follows was numbered anew", -by, r.n)
	}
	// The fault that was found at the place itself says where; it was only not known what had been done.
	if n := len(k.report.Faults); n > 0 && k.report.Faults[n-1].Chain == k.chain && k.since > 0 {
		f := &k.report.Faults[n-1]
		if f.Kind == Altered {
			f.Kind, f.Says = kind, says
		}
		return
	}
	k.fault(Fault{Kind: kind, Chain: k.chain, From: r.n, To: r.n, Says: says})
}

// endChain judges what still waits and holds the end of the chain against the marks.
func (k *checker) endChain() {
	if k.chain == "" {
		return
	}
	for len(k.rows) > 0 {
		k.judge()
	}
	end := k.next - 1
	claimed, newest := int64(0), time.Time{}
	if n := len(k.here); n > 0 {
		claimed, newest = k.here[n-1].n, k.here[n-1].at
	}
	switch {
	case claimed > end+k.shift:
		i := sort.Search(len(k.here), func(i int) bool { return k.here[i].n > end })
		k.fault(Fault{Kind: Missing, Chain: k.chain, From: end + 1, To: claimed - k.shift, After: k.good, Before: k.here[i].at, Says: "the end of the chain is cut off"})
	case k.covered(newest, claimed, end):
		k.fault(Fault{Kind: Inserted, Chain: k.chain, From: claimed + 1, To: end, Before: k.last, Says: "by their own time checkpoints must know them, and none does"})
	default:
		k.report.Uncovered += max(end+k.shift-claimed, 0)
	}
	k.chain = ""
}

// covered reports whether entries behind what marks say of a chain claim to be older than the last mark, by more than an
// entry takes to be written.
func (k *checker) covered(newest time.Time, claimed, end int64) bool {
	if end <= claimed || k.last.IsZero() || k.shift != 0 {
		return false
	}
	last := k.last.Add(-time.Minute).UnixMicro()
	if newest.IsZero() { // no mark knows the chain at all
		return k.firstAt > 0 && k.firstAt < last
	}
	return k.lastAt > 0 && k.lastAt < last
}
