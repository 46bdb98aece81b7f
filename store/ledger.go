package store

import (
	"context"
	"crypto/sha256"

	"github.com/kith-care/kith/fhir"
)

// Ledger is the table of audit entries: each process appends its own chain, in which every entry's hash covers the one
// before. Entries survive the process when Append returns and the machine when Sync has.
type Ledger struct {
	db    DB
	chain string
	n     int64
	head  []byte
	sync  func(context.Context) error

	doubt    bool    // the last Append failed, and may have written all the same
	unsynced [][]any // rows that the machine may still lose, while this process has them

	trail []trailRow // rows of the trail that are still to be written
	about []int64    // used again and again
}

var (
	auditTable = &Table{Name: "audit", Columns: []string{"chain", "n", "entry", "hash"}, Types: []string{"text", "int", "blob", "blob"}}
	lostTable  = &Table{Name: auditTable.Name, Columns: auditTable.Columns, Types: auditTable.Types, Unique: true}
)

// NewLedger opens the ledger on db and begins the chain of this process. sync makes what is written durable.
func NewLedger(ctx context.Context, db DB, chain string, sync func(context.Context) error) (*Ledger, error) {
	l := &Ledger{db: db, chain: chain, head: make([]byte, sha256.Size), sync: sync}
	d := db.Dialect()
	err := db.Write(ctx, func(tx Tx) error {
		return d.LedgerTables(ctx, tx)
	})
	return l, db.Faulty(err)
}

// Append writes entries in their order. It must not be called by two goroutines at once.
func (l *Ledger) Append(ctx context.Context, entries [][]byte) error {
	if err := l.settle(ctx); err != nil {
		return l.db.Faulty(err)
	}
	rows := make([][]any, len(entries))
	n, head := l.n, l.head
	for i, e := range entries {
		n++
		head = link(head, e)
		rows[i] = []any{l.chain, n, e, head}
	}
	for try := 0; ; try++ {
		err := l.db.Write(ctx, func(tx Tx) error {
			return tx.Insert(ctx, auditTable, rows)
		})
		if err == nil {
			l.n, l.head = n, head
			l.unsynced = append(l.unsynced, rows...)
			l.note(rows)
			return nil
		}
		l.doubt = true
		err = l.db.Faulty(err)
		if try > 0 || fhir.KindOf(err) != fhir.Busy || l.settle(ctx) != nil {
			return err
		}
		if l.n == n {
			return nil // they were written, and only the answer was lost
		}
	}
}

// settle finds out, after an Append that failed, whether its entries were written all the same: a connection can be lost
// between the commit and its answer. Entries that are there stay, and the chain goes on behind them.
func (l *Ledger) settle(ctx context.Context) error {
	if !l.doubt {
		return nil
	}
	n, head := l.n, l.head
	var rows [][]any
	err := l.db.Query(ctx, "SELECT n, entry, hash FROM audit WHERE chain = ? AND n > ? ORDER BY n", []any{l.chain, l.n}, func(r Row) error {
		var entry []byte
		if err := r.Scan(&n, &entry, &head); err != nil {
			return err
		}
		rows = append(rows, []any{l.chain, n, entry, head})
		return nil
	})
	if err == nil {
		l.n, l.head, l.unsynced, l.doubt = n, head, append(l.unsynced, rows...), false
		l.note(rows)
	}
	return err
}

func link(head, entry []byte) []byte {
	h := sha256.New()
	h.Write(head)
	h.Write(entry)
	return h.Sum(nil)
}

// Sync makes what was appended survive the machine. Where a database of another machine went down in between and came
// back without the last entries, they are written again.
func (l *Ledger) Sync(ctx context.Context) error {
	if err := l.sync(ctx); err != nil {
		return l.db.Faulty(err)
	}
	if len(l.unsynced) == 0 {
		return nil
	}
	var there int
	first := l.unsynced[0][1]
	if _, err := one(ctx, l.db, "SELECT count(*) FROM audit WHERE chain = ? AND n >= ? AND n <= ?", []any{l.chain, first, l.n}, &there); err != nil {
		return l.db.Faulty(err)
	}
	if there < len(l.unsynced) {
		err := l.db.Write(ctx, func(tx Tx) error { return tx.Insert(ctx, lostTable, l.unsynced) })
		if err == nil {
			err = l.sync(ctx)
		}
		if err != nil {
			return l.db.Faulty(err)
		}
	}
	l.unsynced = l.unsynced[:0]
	return nil
}

// Head names the chain, how many entries it has, and the hash of the last.
func (l *Ledger) Head() (chain string, n int64, hash []byte) { return l.chain, l.n, l.head }

// Close closes the ledger's database.
func (l *Ledger) Close() error { return l.db.Close() }

// Verify reads the whole trail and answers how many entries it has. The error names the first fault.
func (l *Ledger) Verify(ctx context.Context) (int64, error) {
	report, err := l.Check(ctx, Checking{})
	if err != nil {
		return 0, err
	}
	if len(report.Faults) > 0 {
		return report.Entries, fhir.Errorf(fhir.Broken, "%s", report.Faults[0])
	}
	return report.Entries, nil
}

// Rows calls f for each entry of a chain, the oldest first, with its hash.
func (l *Ledger) Rows(ctx context.Context, chain string, f func(n int64, entry, hash []byte) error) error {
	return l.db.Query(ctx, "SELECT n, entry, hash FROM audit WHERE chain = ? ORDER BY n", []any{chain}, func(r Row) error {
		var n int64
		var entry, hash []byte
		if err := r.Scan(&n, &entry, &hash); err != nil {
			return err
		}
		return f(n, entry, hash)
	})
}
