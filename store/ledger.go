package store

import (
	"context"
	"crypto/sha256"
	"fmt"
)

// Ledger is the table of audit entries: each process appends its own chain, in which every entry's hash covers the one
// before. Entries survive the process when Append returns and the machine when Sync has.
type Ledger struct {
	db    DB
	chain string
	n     int64
	head  []byte
	sync  func(context.Context) error
}

var auditTable = &Table{Name: "audit", Columns: []string{"chain", "n", "entry", "hash"}, Types: []string{"text", "int", "blob", "blob"}}

// NewLedger opens the ledger on db and begins the chain of this process. sync makes what is written durable.
func NewLedger(ctx context.Context, db DB, chain string, sync func(context.Context) error) (*Ledger, error) {
	l := &Ledger{db: db, chain: chain, head: make([]byte, sha256.Size), sync: sync}
	d := db.Dialect()
	err := db.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS audit (chain TEXT NOT NULL, n BIGINT NOT NULL, entry "+d.Blob+" NOT NULL, hash "+d.Blob+" NOT NULL, PRIMARY KEY (chain, n))")
		return err
	})
	return l, db.Faulty(err)
}

// Append writes entries in their order. It must not be called by two goroutines at once.
func (l *Ledger) Append(ctx context.Context, entries [][]byte) error {
	rows := make([][]any, len(entries))
	n, head := l.n, l.head
	for i, e := range entries {
		n++
		head = link(head, e)
		rows[i] = []any{l.chain, n, e, head}
	}
	err := l.db.Write(ctx, func(tx Tx) error {
		return tx.Insert(ctx, auditTable, rows)
	})
	if err == nil {
		l.n, l.head = n, head
	}
	return l.db.Faulty(err)
}

func link(head, entry []byte) []byte {
	h := sha256.New()
	h.Write(head)
	h.Write(entry)
	return h.Sum(nil)
}

// Sync makes what was appended survive the machine.
func (l *Ledger) Sync(ctx context.Context) error { return l.sync(ctx) }

// Head names the chain, how many entries it has, and the hash of the last.
func (l *Ledger) Head() (chain string, n int64, hash []byte) { return l.chain, l.n, l.head }

// Close closes the ledger's database.
func (l *Ledger) Close() error { return l.db.Close() }

// Verify reads every chain from its beginning and answers how many entries are sound. The error names the first that
// is not: changed, missing or out of order.
func (l *Ledger) Verify(ctx context.Context) (int64, error) {
	var total, n int64
	chain, head := "", []byte(nil)
	err := l.db.Query(ctx, "SELECT chain, n, entry, hash FROM audit ORDER BY chain, n", nil, func(r Row) error {
		var c string
		var i int64
		var entry, hash []byte
		if err := r.Scan(&c, &i, &entry, &hash); err != nil {
			return err
		}
		if c != chain {
			chain, n, head = c, 0, make([]byte, sha256.Size)
		}
		n++
		if i != n {
			return fmt.Errorf("chain %s: entry %d is missing", c, n)
		}
		head = link(head, entry)
		if string(head) != string(hash) {
			return fmt.Errorf("chain %s: entry %d has been changed", c, i)
		}
		total++
		return nil
	})
	return total, err
}

// Entries calls f for each audit entry, oldest first by chain.
func (l *Ledger) Entries(ctx context.Context, f func(entry []byte) error) error {
	return l.db.Query(ctx, "SELECT entry FROM audit ORDER BY chain, n", nil, func(r Row) error {
		var e []byte
		if err := r.Scan(&e); err != nil {
			return err
		}
		return f(e)
	})
}
