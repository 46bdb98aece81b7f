package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"strconv"
)

// The trail leads from a patient or an actor to the audit entries about them. Its rows are written in batches behind the entries: a row
// for every entry at once would cost a reader as much again as the entry. Table trail_place says how far each
// chain has been taken in; what stands behind it is read from the chain itself, so nothing is ever missing from an answer.
var (
	trailTable = &Table{Name: "trail", Columns: []string{"subject", "at", "chain", "n"}, Types: []string{"int", "int", "text", "int"}, Unique: true}
	placeTable = &Table{Name: "trail_place", Columns: []string{"chain", "n"}, Types: []string{"text", "int"}, Replace: "chain"}
)

// flushRows is how many rows of the trail wait at most; they are written in the order of the index.
const flushRows = 8192

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

// trailRow is a row of the trail of this process's chain.
type trailRow struct{ subject, at, n int64 }

// Flush writes the rows of the trail that wait, where there are many or all is said. The caller must be who appends.
func (l *Ledger) Flush(ctx context.Context, all bool) error {
	if len(l.trail) == 0 || !all && len(l.trail) < flushRows {
		return nil
	}
	slices.SortFunc(l.trail, func(a, b trailRow) int {
		switch {
		case a.subject != b.subject:
			if a.subject < b.subject {
				return -1
			}
			return 1
		case a.at != b.at:
			return int(a.at - b.at)
		}
		return int(a.n - b.n)
	})
	rows := make([][]any, len(l.trail))
	for i, r := range l.trail {
		rows[i] = []any{r.subject, r.at, l.chain, r.n}
	}
	err := l.db.Write(ctx, func(tx Tx) error {
		if err := tx.Insert(ctx, trailTable, rows); err != nil {
			return err
		}
		return tx.Insert(ctx, placeTable, [][]any{{l.chain, l.n}})
	})
	if err != nil {
		return l.db.Faulty(err)
	}
	l.trail = l.trail[:0]
	return nil
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
		var rows [][]any
		last, count := b.n, 0
		err := l.db.Query(ctx, "SELECT n, entry FROM audit WHERE chain = ? AND n > ? ORDER BY n LIMIT ?", []any{b.chain, b.n, int64(limit)}, func(r Row) error {
			var entry []byte
			if err := r.Scan(&last, &entry); err != nil {
				return err
			}
			count++
			l.about = subjects(entry, l.about)
			for _, s := range l.about {
				rows = append(rows, []any{s, at(entry), b.chain, last})
			}
			return nil
		})
		if err != nil {
			return false, l.db.Faulty(err)
		}
		err = l.db.Write(ctx, func(tx Tx) error {
			if len(rows) > 0 {
				if err := tx.Insert(ctx, trailTable, rows); err != nil {
					return err
				}
			}
			return tx.Insert(ctx, placeTable, [][]any{{b.chain, last}})
		})
		if err != nil {
			return false, l.db.Faulty(err)
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
		if err != nil {
			break
		}
		before := a.Before
		if before.Chain == "" {
			before = Entry{Chain: "~", At: open, N: open}
		}
		const sql = `SELECT t.chain, t.n, t.at, a.entry FROM (SELECT chain, n, at FROM trail WHERE subject = ? AND at >= ? AND at <= ? AND (at < ? OR chain < ? OR chain = ? AND n < ?)
ORDER BY at DESC, chain DESC, n DESC LIMIT ?) t JOIN audit a ON a.chain = t.chain AND a.n = t.n`
		err = l.db.Query(ctx, sql, []any{s, a.From, to, before.At, before.Chain, before.Chain, before.N, int64(a.Limit)}, func(r Row) error {
			var e Entry
			err := r.Scan(&e.Chain, &e.N, &e.At, &e.Text)
			add(e)
			return err
		})
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
	const moment = 60_000_000
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
