package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"strconv"

	"github.com/kith-care/kith/fhir"
)

// The trail leads from a patient or an actor to the audit entries about them. Its rows are written in batches behind the entries, and one
// row holds all entries of a batch that have a subject: a row for every entry at once would cost a reader nearly as much as the entry itself.
// Table trail_place says how far each chain has been taken in; what stands behind that is read from the chain, so nothing is ever missing
// from an answer.
var (
	trailTable = &Table{Name: "trail", Columns: []string{"subject", "at", "chain", "n", "more"}, Types: []string{"int", "int", "int", "int", "blob"}, Unique: true}
	placeTable = &Table{Name: "trail_place", Columns: []string{"chain", "number", "n"}, Types: []string{"text", "int", "int"}, Replace: "chain"}
)

const (
	chunkRows = 256            // written at a time, so that no reader waits long
	groupSpan = 60 * 1_000_000 // microseconds between the first and the last entry of one row, at most
)

// Entry is one audit entry and where it stands.
type Entry struct {
	Chain string
	N, At int64
	Text  []byte
}

// ActorSubject is by what the trail finds the entries of an actor: a number below 0. Two actors may share one, so
// entries found by it must be looked at.
func ActorSubject(id string) int64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	return -int64(binary.BigEndian.Uint64(h.Sum(nil))>>1) - 1
}

// at is the time of an entry, which is its first member.
func at(entry []byte) int64 {
	rest, ok := bytes.CutPrefix(entry, []byte(`{"at":`))
	if !ok {
		return 0
	}
	n, i := int64(0), 0
	for ; i < len(rest) && rest[i] >= '0' && rest[i] <= '9'; i++ {
		n = n*10 + int64(rest[i]-'0')
	}
	return n
}

// subjects are whom an entry is about and by: numbers of patients, and ActorSubject of who. A quote in a string is
// escaped, so these members cannot be inside one.
func subjects(entry []byte, into []int64) []int64 {
	into = into[:0]
	if i := bytes.Index(entry, []byte(`,"who":"`)); i >= 0 {
		who := entry[i+8:]
		if end := bytes.IndexByte(who, '"'); end > 0 {
			into = append(into, ActorSubject(string(who[:end])))
		}
	}
	if i := bytes.LastIndex(entry, []byte(`,"patients":[`)); i >= 0 {
		list := entry[i+13:]
		if end := bytes.IndexByte(list, ']'); end > 0 {
			for part := range bytes.SplitSeq(list[:end], []byte(",")) {
				if n, err := strconv.ParseInt(string(part), 10, 64); err == nil {
					into = append(into, n)
				}
			}
		}
	}
	return into
}

// note remembers rows of the trail for entries that were just written.
func (l *Ledger) note(rows [][]any) {
	for _, row := range rows {
		n, entry := row[1].(int64), row[2].([]byte)
		l.about = subjects(entry, l.about)
		when := at(entry)
		for _, s := range l.about {
			l.trail = append(l.trail, trailRow{s, when, n})
		}
	}
}

// trailRow says that an entry of this process's chain has a subject.
type trailRow struct{ subject, at, n int64 }

// Waiting is how many rows of the trail wait to be written.
func (l *Ledger) Waiting() int { return len(l.trail) }

// Batch is rows of the trail to be written beside the appending of entries.
type Batch struct {
	l    *Ledger
	n    int64
	rows []trailRow
}

// TakeBatch takes the rows that wait; the caller must be who appends. One batch at a time may be taken, and given back where it could
// not be written.
func (l *Ledger) TakeBatch() *Batch {
	b := &Batch{l, l.n, l.trail}
	l.trail = nil
	return b
}

// GiveBack has the rows wait again; the caller must be who appends.
func (l *Ledger) GiveBack(b *Batch) { l.trail = append(b.rows, l.trail...) }

// Write writes the batch. It may run beside whoever appends.
func (b *Batch) Write(ctx context.Context) error {
	if len(b.rows) == 0 {
		return nil
	}
	return b.l.writeTrail(ctx, b.l.chain, b.n, b.rows)
}

// writeTrail writes rows about entries of a chain, and that the chain has been taken in up to n.
func (l *Ledger) writeTrail(ctx context.Context, chain string, n int64, list []trailRow) error {
	slices.SortFunc(list, func(a, b trailRow) int {
		return cmp.Or(cmp.Compare(a.subject, b.subject), cmp.Compare(b.n, a.n)) // the newest of a subject first
	})
	number := int64(0)
	err := l.db.Write(ctx, func(tx Tx) error {
		found, err := one(ctx, tx, "SELECT number FROM trail_place WHERE chain = ?", []any{chain}, &number)
		if err != nil || found {
			return err
		}
		if _, err := one(ctx, tx, "SELECT coalesce(max(number), 0) + 1 FROM trail_place", nil, &number); err != nil {
			return err
		}
		return tx.Insert(ctx, placeTable, [][]any{{chain, number, int64(0)}})
	})
	rows := make([][]any, 0, min(len(list), chunkRows))
	for i := 0; i < len(list) && err == nil; {
		first := list[i]
		var more []byte
		last := first.n
		for i++; i < len(list) && list[i].subject == first.subject && first.at-list[i].at < groupSpan; i++ {
			if list[i].n != last {
				more = binary.AppendUvarint(more, uint64(last-list[i].n))
				last = list[i].n
			}
		}
		rows = append(rows, []any{first.subject, first.at, number, first.n, more})
		if len(rows) == chunkRows || i == len(list) {
			err = l.db.Write(ctx, func(tx Tx) error { return tx.Insert(ctx, trailTable, rows) })
			rows = rows[:0]
		}
	}
	if err == nil {
		err = l.db.Write(ctx, func(tx Tx) error {
			_, err := tx.Exec(ctx, "UPDATE trail_place SET n = ? WHERE chain = ? AND n < ?", n, chain, n)
			return err
		})
	}
	return l.db.Faulty(err)
}

// lag is a chain whose entries behind a number are not in the trail.
type lag struct {
	chain string
	n     int64
}

func lags(ctx context.Context, q Queryer) ([]lag, error) {
	heads, err := headsOf(ctx, q)
	if err != nil {
		return nil, err
	}
	place := map[string]int64{}
	err = q.Query(ctx, "SELECT chain, n FROM trail_place", nil, func(r Row) error {
		var l lag
		err := r.Scan(&l.chain, &l.n)
		place[l.chain] = l.n
		return err
	})
	var out []lag
	for chain, h := range heads {
		if place[chain] < h.N {
			out = append(out, lag{chain, place[chain]})
		}
	}
	return out, err
}

// CatchUp takes entries into the trail that other processes did not: those of an older Kith, and the last ones of a process that was killed.
// It takes at most limit of each chain and answers whether any chain has more. A chain still being written by another process may be taken in twice,
// which does no harm.
func (l *Ledger) CatchUp(ctx context.Context, limit int) (more bool, err error) {
	behind, err := lags(ctx, l.db)
	if err != nil {
		return false, l.db.Faulty(err)
	}
	for _, b := range behind {
		if b.chain == l.chain {
			continue
		}
		var list []trailRow
		last, count := b.n, 0
		err := l.db.Query(ctx, "SELECT n, entry FROM audit WHERE chain = ? AND n > ? ORDER BY n LIMIT ?", []any{b.chain, b.n, int64(limit)}, func(r Row) error {
			var entry []byte
			if err := r.Scan(&last, &entry); err != nil {
				return err
			}
			count++
			l.about = subjects(entry, l.about)
			for _, s := range l.about {
				list = append(list, trailRow{s, at(entry), last})
			}
			return nil
		})
		if err != nil {
			return false, l.db.Faulty(err)
		}
		if err := l.writeTrail(ctx, b.chain, last, list); err != nil {
			return false, err
		}
		more = more || count == limit
	}
	return more, nil
}

// Ask is a question to the trail.
type Ask struct {
	Subjects []int64 // entries about or by any of these; all entries where there is none
	From, To int64   // microseconds, both included; 0 for no end
	Before   Entry   // entries before this one in the order of the answer; the zero Entry for the newest
	Limit    int
}

func (a *Ask) holds(e *Entry, about []int64) bool {
	if e.At < a.From || a.To != 0 && e.At > a.To || !later(a.Before, *e) {
		return false
	}
	return len(a.Subjects) == 0 || slices.ContainsFunc(about, func(s int64) bool { return slices.Contains(a.Subjects, s) })
}

// later reports whether a stands before b in an answer, which has the newest first. The zero Entry stands before all.
func later(a, b Entry) bool {
	switch {
	case a.Chain == "":
		return true
	case a.At != b.At:
		return a.At > b.At
	case a.Chain != b.Chain:
		return a.Chain > b.Chain
	}
	return a.N > b.N
}

// Find answers entries, the newest first. Each is there once, however many subjects it has.
func (l *Ledger) Find(ctx context.Context, a Ask) ([]Entry, error) {
	found := map[lag]Entry{}
	add := func(e Entry) { found[lag{e.Chain, e.N}] = e }
	// What is not in the trail yet is looked at first: meanwhile it may come to be in it, and would then be found there too.
	behind, err := lags(ctx, l.db)
	if err == nil {
		for _, b := range behind {
			if err = l.scan(ctx, a, b, add); err != nil {
				break
			}
		}
	}
	to := int64(open)
	if a.To != 0 {
		to = a.To
	}
	if a.Before.Chain != "" {
		to = min(to, a.Before.At)
	}
	if err == nil && len(a.Subjects) == 0 {
		err = l.period(ctx, a, to, add)
	}
	for _, s := range a.Subjects {
		if err == nil {
			err = l.of(ctx, a, s, to, add)
		}
	}
	if err != nil {
		return nil, l.db.Faulty(err)
	}
	out := make([]Entry, 0, len(found))
	for _, e := range found {
		out = append(out, e)
	}
	slices.SortFunc(out, func(x, y Entry) int {
		if later(x, y) {
			return -1
		}
		return 1
	})
	return out[:min(len(out), a.Limit)], nil
}

// of finds the newest entries about one subject up to a time.
func (l *Ledger) of(ctx context.Context, a Ask, subject, to int64, add func(Entry)) error {
	chains := map[int64]string{}
	err := l.db.Query(ctx, "SELECT number, chain FROM trail_place", nil, func(r Row) error {
		var number int64
		var chain string
		err := r.Scan(&number, &chain)
		chains[number] = chain
		return err
	})
	if err != nil {
		return err
	}
	if to < open-groupSpan {
		to += groupSpan // a row stands at the time of its newest entry
	}
	const sql = `SELECT at, chain, n, more FROM trail WHERE subject = ? AND at >= ? AND (at < ? OR at = ? AND (chain < ? OR chain = ? AND n < ?))
ORDER BY at DESC, chain DESC, n DESC LIMIT ?`
	var times []int64 // of what was found, to know when there is enough
	most := 4         // rows at a time: one may hold many entries, or only one
	for lastAt, lastChain, lastN := to, int64(open), int64(open); ; {
		most = min(2*most, a.Limit+64)
		want, rows := map[int64][]int64{}, 0
		err := l.db.Query(ctx, sql, []any{subject, a.From, lastAt, lastAt, lastChain, lastChain, lastN, int64(most)}, func(r Row) error {
			var more []byte
			if err := r.Scan(&lastAt, &lastChain, &lastN, &more); err != nil {
				return err
			}
			rows++
			n := lastN
			list := append(want[lastChain], n)
			for len(more) > 0 {
				by, size := binary.Uvarint(more)
				if size <= 0 {
					return fhir.Errorf(fhir.Broken, "the index of the audit trail is damaged at entry %d of chain %s", lastN, chains[lastChain])
				}
				n, more = n-int64(by), more[size:]
				list = append(list, n)
			}
			want[lastChain] = list
			return nil
		})
		if err != nil || rows == 0 {
			return err
		}
		for number, list := range want {
			err := l.db.Query(ctx, "SELECT n, entry FROM audit WHERE chain = ? AND "+l.db.Dialect().Any("n"), []any{chains[number], l.db.Dialect().Ints(list)}, func(r Row) error {
				e := Entry{Chain: chains[number]}
				if err := r.Scan(&e.N, &e.Text); err != nil {
					return err
				}
				if e.At = at(e.Text); a.holds(&e, a.Subjects) {
					add(e)
					times = append(times, e.At)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		if len(times) >= a.Limit {
			slices.Sort(times)
			if times[len(times)-a.Limit] > lastAt {
				return nil
			}
		}
	}
}

// Entry is the entry at a place, nil where there is none.
func (l *Ledger) Entry(ctx context.Context, chain string, n int64) (*Entry, error) {
	e := &Entry{Chain: chain, N: n}
	found, err := one(ctx, l.db, "SELECT entry FROM audit WHERE chain = ? AND n = ?", []any{chain, n}, &e.Text)
	if err != nil || !found {
		return nil, l.db.Faulty(err)
	}
	e.At = at(e.Text)
	return e, nil
}

// scan reads what of a chain is not in the trail.
func (l *Ledger) scan(ctx context.Context, a Ask, b lag, add func(Entry)) error {
	var about []int64
	return l.db.Query(ctx, "SELECT n, entry FROM audit WHERE chain = ? AND n > ? ORDER BY n", []any{b.chain, b.n}, func(r Row) error {
		e := Entry{Chain: b.chain}
		if err := r.Scan(&e.N, &e.Text); err != nil {
			return err
		}
		e.At, about = at(e.Text), subjects(e.Text, about)
		if a.holds(&e, about) {
			add(e)
		}
		return nil
	})
}

// period finds the newest entries of each chain up to a time. Entries of a chain stand nearly in the order of their times: those that waited
// for the same write may be a moment apart.
func (l *Ledger) period(ctx context.Context, a Ask, to int64, add func(Entry)) error {
	const moment = 10_000_000
	heads, err := headsOf(ctx, l.db)
	if err != nil {
		return err
	}
	for chain, h := range heads {
		// The first entry after the period, by halving.
		lo, hi := int64(1), h.N+1
		for limit := to + moment; limit > 0 && lo < hi; {
			mid := (lo + hi) / 2
			var entry []byte
			if _, err := one(ctx, l.db, "SELECT entry FROM audit WHERE chain = ? AND n = ?", []any{chain, mid}, &entry); err != nil {
				return err
			}
			if at(entry) <= limit {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		count, stop := 0, false
		for last := lo; !stop && last > 1; {
			n := 0
			err := l.db.Query(ctx, "SELECT n, entry FROM audit WHERE chain = ? AND n < ? ORDER BY n DESC LIMIT ?", []any{chain, last, int64(a.Limit + 100)}, func(r Row) error {
				e := Entry{Chain: chain}
				if err := r.Scan(&e.N, &e.Text); err != nil {
					return err
				}
				e.At, last = at(e.Text), e.N
				n++
				if a.holds(&e, nil) {
					add(e)
					count++
				}
				stop = stop || e.At < a.From-moment
				return nil
			})
			if err != nil {
				return err
			}
			stop = stop || n == 0 || count > a.Limit+50
		}
	}
	return nil
}
