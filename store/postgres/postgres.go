// Package postgres runs the store on PostgreSQL 15 or later: several processes may serve one database.
//
// Reads take a connection of the pool for one statement each. A write holds the row of table feed from its first
// statement, so writers of all processes follow one another; each brings many requests along in one commit.
package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store"
)

// Open opens the database that a postgres:// URL names and creates or migrates its tables.
func Open(ctx context.Context, url string) (*store.Store, error) {
	db, err := open(ctx, url)
	if err != nil {
		return nil, err
	}
	s, err := store.New(ctx, db)
	if err != nil {
		db.Close()
	}
	return s, err
}

// DB is a pool of connections to one PostgreSQL database.
type DB struct {
	pool *pgxpool.Pool
	mu   sync.Mutex // held by the one writer of this process
}

func open(ctx context.Context, url string) (*DB, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the database URL is not valid: %w", err)
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = 16
	}
	// The keys of the record are spread evenly, so one plan serves all values; planning each time would cost more than
	// most searches.
	config.ConnConfig.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	config.ConnConfig.RuntimeParams["jit"] = "off"
	// A process that is frozen in the middle of a write would keep all others from writing.
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "10s"
	if _, set := config.ConnConfig.RuntimeParams["application_name"]; !set {
		config.ConnConfig.RuntimeParams["application_name"] = "kith"
	}
	config.ConnConfig.StatementCacheCapacity = 1024
	if !strings.Contains(url, "connect_timeout") {
		config.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fhir.Errorf(fhir.Busy, "the database does not answer: %w", err)
	}
	return &DB{pool: pool}, nil
}

// Dialect is PostgreSQL's.
func (db *DB) Dialect() store.Dialect {
	return store.Dialect{
		Name: "postgres", Blob: "BYTEA", Bytewise: `COLLATE "C"`, Lock: " FOR UPDATE",
		Covering:   func(columns string) string { return " INCLUDE (" + columns + ")" },
		Any:        func(column string) string { return column + " = ANY(?)" },
		Ints:       func(v []int64) any { return v },
		Strings:    func(v []string) any { return v },
		Numbers:    "unnest(?::bigint[]) AS numbers (value)",
		Statistics: "ANALYZE res, hash, clin, word, span, also, extra, home, person, box, part",
		Each: func(columns, table, one, many string) string {
			return "SELECT p.* FROM (SELECT ?::bigint AS a) x, unnest(?::bigint[]) AS u(b), LATERAL (SELECT " + columns + " FROM " + table + " WHERE " + one + " = x.a AND " + many + " = u.b OFFSET 0) p"
		},
	}
}

// Query runs a statement on a connection of the pool. Where that was lost while nobody used it, as all are when the server
// is started again, it is asked once more on a new one.
func (db *DB) Query(ctx context.Context, query string, args []any, row func(store.Row) error) error {
	answered := false
	ask := func() error {
		rows, err := db.pool.Query(ctx, numbered(query), args...)
		if err != nil {
			return err
		}
		return each(rows, func(r store.Row) error {
			answered = true
			return row(r)
		})
	}
	err := ask()
	if answered || !lost(err) || ctx.Err() != nil {
		return err
	}
	db.pool.Reset()
	return ask()
}

// lost reports whether a connection that was there is there no more; a server that takes no new ones is another matter.
func lost(err error) bool {
	if err == nil {
		return false
	}
	if pg, answered := errors.AsType[*pgconn.PgError](err); answered {
		return pg.Code == "57P01" || pg.Code == "57P02" || pg.Code == "25P03" // shut down, crashed, was idle for too long
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	return !connecting && (network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "conn closed"))
}

func each(rows pgx.Rows, row func(store.Row) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Write runs f in a transaction, one at a time in this process.
func (db *DB) Write(ctx context.Context, f func(store.Tx) error) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	ctx = context.WithoutCancel(ctx)
	pt, err := db.pool.Begin(ctx)
	if lost(err) {
		db.pool.Reset() // nothing has been written yet
		pt, err = db.pool.Begin(ctx)
	}
	if err != nil {
		return err
	}
	defer pt.Rollback(ctx) // does nothing once committed; where it fails the connection is dropped, which rolls back too
	t := &tx{pt, &pgx.Batch{}}
	if err := f(t); err != nil {
		return err
	}
	if err := t.send(ctx); err != nil {
		return err
	}
	err = pt.Commit(ctx)
	if err == nil || unwritten(err) {
		return err
	}
	return fhir.Errorf(fhir.Busy, "the database went away while this was being stored, and whether it was is not known: look before trying again: %w", err)
}

// unwritten reports whether a failed COMMIT certainly wrote nothing. A FATAL one says that the server is going, which it
// may say after it committed, and pgx calls a connection that broke while the answer was awaited safe to retry.
func unwritten(err error) bool {
	pg, answered := errors.AsType[*pgconn.PgError](err)
	return answered && pg.SeverityUnlocalized == "ERROR" || errors.Is(err, pgx.ErrTxCommitRollback)
}

// Close closes the pool.
func (db *DB) Close() error {
	db.pool.Close()
	return nil
}

// tx sends what needs no answer together with the next statement that does.
type tx struct {
	t     pgx.Tx
	batch *pgx.Batch
}

func (t *tx) send(ctx context.Context) error {
	if t.batch.Len() == 0 {
		return nil
	}
	b := t.batch
	t.batch = &pgx.Batch{}
	return t.t.SendBatch(ctx, b).Close()
}

func (t *tx) Query(ctx context.Context, query string, args []any, row func(store.Row) error) error {
	if err := t.send(ctx); err != nil {
		return err
	}
	rows, err := t.t.Query(ctx, numbered(query), args...)
	if err != nil {
		return err
	}
	return each(rows, row)
}

// Exec runs a statement. The last one of a write, which moves the feed, goes out with the rows that wait.
func (t *tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if strings.HasPrefix(query, "UPDATE feed") {
		t.batch.Queue(numbered(query), args...)
		return 1, t.send(ctx)
	}
	if err := t.send(ctx); err != nil {
		return 0, err
	}
	tag, err := t.t.Exec(ctx, numbered(query), args...)
	return tag.RowsAffected(), err
}

// Insert queues rows as one statement with an array per column; many rows go by COPY.
func (t *tx) Insert(ctx context.Context, table *store.Table, rows [][]any) error {
	if len(rows) >= 2000 && table.Conflict() == "" {
		if err := t.send(ctx); err != nil {
			return err
		}
		_, err := t.t.CopyFrom(ctx, pgx.Identifier{table.Name}, table.Columns, pgx.CopyFromRows(rows))
		return err
	}
	args := make([]any, len(table.Columns))
	for c, typ := range table.Types {
		args[c] = column(typ, c, rows)
	}
	t.batch.Queue(insertSQL(table), args...)
	return nil
}

func column(typ string, c int, rows [][]any) any {
	switch typ {
	case "int":
		out := make([]int64, len(rows))
		for i, row := range rows {
			out[i] = row[c].(int64)
		}
		return out
	case "text":
		out := make([]string, len(rows))
		for i, row := range rows {
			out[i] = row[c].(string)
		}
		return out
	}
	if typ == "num" {
		out := make([]*float64, len(rows))
		for i, row := range rows {
			if n, ok := row[c].(float64); ok {
				out[i] = &n
			}
		}
		return out
	}
	out := make([][]byte, len(rows))
	for i, row := range rows {
		if row[c] != nil {
			out[i] = row[c].([]byte)
		}
	}
	return out
}

func insertSQL(t *store.Table) string {
	types := map[string]string{"int": "::bigint[]", "num": "::float8[]", "text": "::text[]", "blob": "::bytea[]"}
	var args []string
	for i, typ := range t.Types {
		args = append(args, "$"+strconv.Itoa(i+1)+types[typ])
	}
	return "INSERT INTO " + t.Name + " (" + strings.Join(t.Columns, ",") + ") SELECT * FROM unnest(" + strings.Join(args, ",") + ")" + t.Conflict()
}

var numberedCache sync.Map // the statements of this program are few

// numbered writes ? as $1, $2 …
func numbered(query string) string {
	if q, ok := numberedCache.Load(query); ok {
		return q.(string)
	}
	var b strings.Builder
	n := 0
	for i := range len(query) {
		if query[i] == '?' {
			n++
			b.WriteString("$" + strconv.Itoa(n))
			continue
		}
		b.WriteByte(query[i])
	}
	numberedCache.Store(query, b.String())
	return b.String()
}

// Faulty classifies an error by PostgreSQL's code. https://www.postgresql.org/docs/15/errcodes-appendix.html
func (db *DB) Faulty(err error) error {
	if err == nil {
		return nil
	}
	if _, ours := errors.AsType[*fhir.Error](err); ours {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fhir.Errorf(fhir.Busy, "the request was given up before the database answered: %w", err)
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		if _, network := errors.AsType[net.Error](err); network || pgconn.SafeToRetry(err) || strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "EOF") || strings.Contains(err.Error(), "connect") {
			return fhir.Errorf(fhir.Busy, "the database does not answer: try again: %w", err)
		}
		return fhir.Errorf(fhir.Broken, "the database failed: %w", err)
	}
	switch pg.Code[:2] {
	case "08", "57", "40", "55":
		return fhir.Errorf(fhir.Busy, "the database is not available: try again: %w", err)
	case "53":
		if pg.Code == "53100" {
			return fhir.Errorf(fhir.NoRoom, "the disk of the database is full: nothing was written: %w", err)
		}
		return fhir.Errorf(fhir.Busy, "the database has no room for more: try again: %w", err)
	}
	return fhir.Errorf(fhir.Broken, "the database failed: %w", err)
}

// OpenLedger opens the audit ledger in the same database, on connections of its own that do not wait for the disk at
// each entry; Sync waits once for all of them.
func OpenLedger(ctx context.Context, url, chain string) (*store.Ledger, error) {
	db, err := open(ctx, url)
	if err != nil {
		return nil, err
	}
	config := db.pool.Config()
	db.pool.Close()
	config.MaxConns = 2
	config.ConnConfig.RuntimeParams["synchronous_commit"] = "off"
	if db.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	return store.NewLedger(ctx, db, chain, func(ctx context.Context) error {
		// A commit that waits for the disk takes all earlier ones there with it.
		return db.Write(ctx, func(t store.Tx) error {
			_, err := t.Exec(ctx, "SET LOCAL synchronous_commit = on")
			if err == nil {
				_, err = t.Exec(ctx, "SELECT pg_logical_emit_message(true, 'kith', '')")
			}
			return err
		})
	})
}
