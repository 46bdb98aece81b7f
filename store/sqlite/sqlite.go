// Package sqlite runs the store on one SQLite file, the default: nothing to install, one writer and many readers.
//
// The file is in write-ahead mode with full synchronisation, so an answered write survives the loss of power. One
// connection writes; the others read and never wait for it.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store"
)

// Open opens or creates the database at path. ":memory:" is a database of its own that is gone when it is closed.
func Open(ctx context.Context, path string) (*store.Store, error) {
	db, err := open(ctx, path, "FULL")
	if err != nil {
		return nil, err
	}
	s, err := store.New(ctx, db)
	if err != nil {
		db.Close()
	}
	db.reserve = true
	return s, err
}

// OpenLedger opens the audit ledger in a file of its own, beside the record's at path.
func OpenLedger(ctx context.Context, path, chain string) (*store.Ledger, error) {
	if path == ":memory:" {
		db, err := open(ctx, path, "OFF")
		if err != nil {
			return nil, err
		}
		return store.NewLedger(ctx, db, chain, func(context.Context) error { return nil })
	}
	path += "-audit"
	db, err := open(ctx, path, "NORMAL")
	if err != nil {
		return nil, err
	}
	return store.NewLedger(ctx, db, chain, func(context.Context) error { return syncFile(path + "-wal") })
}

// syncFile makes the write-ahead log durable: every commit is in it before it is in the file itself.
func syncFile(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil // checkpointed and removed
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// Check has SQLite check the structure of a file and its indexes. It says "ok", or what is damaged.
func Check(ctx context.Context, path string) (said string, err error) {
	db, err := open(ctx, path, "FULL")
	if err != nil {
		return "", err
	}
	defer db.Close()
	err = db.Query(ctx, "PRAGMA integrity_check", nil, func(r store.Row) error { return r.Scan(&said) })
	return said, err
}

// Run runs one statement on a file, for tests that do what nobody should.
func Run(ctx context.Context, path, statement string) error {
	db, err := open(ctx, path, "FULL")
	if err != nil {
		return err
	}
	_, err = db.write.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}

// DB is one SQLite file.
type DB struct {
	path string // "" in memory
	// reserve says that writing stops while there is still some room on the disk, so that what is there can be read on:
	// reading needs room for its audit entries.
	reserve bool

	read  *sql.DB
	write *sql.Conn
	wdb   *sql.DB
	mu    sync.Mutex // held by the one writer
	stmts sync.Map   // SQL -> *sql.Stmt for readers
	wst   map[string]*sql.Stmt
}

// memory counts in-memory databases, so that each has a name of its own.
var memory = struct {
	sync.Mutex
	n int
}{}

func open(ctx context.Context, path, sync string) (*DB, error) {
	name := path
	inMemory := path == ":memory:"
	if inMemory {
		memory.Lock()
		memory.n++
		name = fmt.Sprintf("kith-memory-%d", memory.n)
		memory.Unlock()
	}
	if !inMemory {
		if err := private(path); err != nil {
			return nil, fhir.Errorf(fhir.Broken, "the database %s cannot be opened: %w", path, err)
		}
	}
	wdb := sql.OpenDB(connect(name, inMemory, sync, true))
	wdb.SetMaxOpenConns(1)
	conn, err := wdb.Conn(ctx)
	if err != nil {
		wdb.Close()
		return nil, fhir.Errorf(fhir.Broken, "the database %s cannot be opened: %w", path, err)
	}
	read := wdb
	if !inMemory {
		read = sql.OpenDB(connect(name, inMemory, sync, false))
		read.SetMaxOpenConns(max(4, runtime.NumCPU()*2))
		read.SetMaxIdleConns(max(4, runtime.NumCPU()*2))
	}
	db := &DB{read: read, wdb: wdb, write: conn, wst: map[string]*sql.Stmt{}}
	if !inMemory {
		db.path = path
	}
	return db, nil
}

// private makes a file that only its owner can read, where there is none; SQLite gives the files beside it the same mode. What is there keeps the
// mode that its owner gave it.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// pragmas are the settings of every connection: 64 MB of page cache for the writer, 16 for each reader.
func pragmas(sync string, writer bool) []string {
	cache := "-16000"
	if writer {
		cache = "-64000"
	}
	list := []string{"busy_timeout(30000)", "cache_size(" + cache + ")", "temp_store(MEMORY)"}
	if writer {
		list = append(list, "journal_mode(WAL)", "synchronous("+sync+")", "journal_size_limit(67108864)", "wal_autocheckpoint(4000)")
	}
	return list
}

// Dialect is SQLite's.
func (db *DB) Dialect() store.Dialect {
	return store.Dialect{
		Name: "sqlite", Blob: "BLOB", Clustered: " WITHOUT ROWID",
		Any:     func(column string) string { return column + " IN (SELECT value FROM json_each(?))" },
		Ints:    func(v []int64) any { b, _ := json.Marshal(v); return string(b) },
		Strings: func(v []string) any { b, _ := json.Marshal(v); return string(b) },
		Numbers: "json_each(?)",
		Each: func(columns, table, one, many string) string {
			return "SELECT " + columns + " FROM " + table + " WHERE " + one + " = ? AND " + many + " IN (SELECT value FROM json_each(?))"
		},
	}
}

// Query runs a statement on a reading connection.
func (db *DB) Query(ctx context.Context, query string, args []any, row func(store.Row) error) error {
	if db.read == db.wdb { // in memory: one connection serves all
		db.mu.Lock()
		defer db.mu.Unlock()
		return (&tx{db}).Query(ctx, query, args, row)
	}
	st, ok := db.stmts.Load(query)
	if !ok {
		made, err := db.read.PrepareContext(ctx, query)
		if err != nil {
			return fmt.Errorf("%w in %s", err, query)
		}
		if st, ok = db.stmts.LoadOrStore(query, made); ok {
			made.Close()
		}
	}
	rows, err := st.(*sql.Stmt).QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	return each(rows, row)
}

func each(rows *sql.Rows, row func(store.Row) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Write runs f in a transaction of the writing connection.
func (db *DB) Write(ctx context.Context, f func(store.Tx) error) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := db.roomLeft(); err != nil {
		return err
	}
	// Once begun, a transaction ends by itself: a caller who goes away must not leave it open.
	ctx = context.WithoutCancel(ctx)
	t := &tx{db}
	if _, err := t.Exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f(t)
	if err == nil {
		_, err = t.Exec(ctx, "COMMIT")
	}
	if err != nil {
		if _, back := t.Exec(ctx, "ROLLBACK"); back != nil && !strings.Contains(back.Error(), "no transaction") {
			return errors.Join(err, back)
		}
	}
	return err
}

// mostReserve is how much of a large disk is kept free, in bytes; of a small one it is a quarter.
const mostReserve = 64 << 20

func (db *DB) roomLeft() error {
	if !db.reserve {
		return nil
	}
	if free, size, ok := room(db.path); ok && free < min(mostReserve, size/4) {
		return fhir.Errorf(fhir.NoRoom, "the disk of the database is full but for %d MB, which are kept so that the record can be read: nothing was written", free>>20)
	}
	return nil
}

// Close closes all connections.
func (db *DB) Close() error {
	for _, st := range db.wst {
		st.Close()
	}
	err := db.write.Close()
	if e := db.wdb.Close(); err == nil {
		err = e
	}
	if db.read != db.wdb {
		if e := db.read.Close(); err == nil {
			err = e
		}
	}
	return err
}

// tx is the writing connection while a transaction is open on it.
type tx struct{ db *DB }

func (t *tx) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if st := t.db.wst[query]; st != nil {
		return st, nil
	}
	st, err := t.db.write.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("%w in %s", err, query)
	}
	t.db.wst[query] = st
	return st, nil
}

func (t *tx) Query(ctx context.Context, query string, args []any, row func(store.Row) error) error {
	st, err := t.stmt(ctx, query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	return each(rows, row)
}

func (t *tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if strings.HasPrefix(query, "CREATE") {
		_, err := t.db.write.ExecContext(ctx, query)
		return 0, err
	}
	st, err := t.stmt(ctx, query)
	if err != nil {
		return 0, err
	}
	r, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Insert writes rows by statements of up to 32 rows each: a call into SQLite costs more than the row it writes.
func (t *tx) Insert(ctx context.Context, table *store.Table, rows [][]any) error {
	const most = 32
	var args []any
	for len(rows) > 0 {
		n := 1
		if len(rows) >= most {
			n = most
		} else if len(rows) >= 8 {
			n = 8
		}
		args = args[:0]
		for _, row := range rows[:n] {
			args = append(args, row...)
		}
		if _, err := t.Exec(ctx, insertSQL(table, n), args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func insertSQL(t *store.Table, rows int) string {
	group := "(?" + strings.Repeat(",?", len(t.Columns)-1) + ")"
	return "INSERT INTO " + t.Name + " (" + strings.Join(t.Columns, ",") + ") VALUES " + group + strings.Repeat(","+group, rows-1) + t.Conflict()
}

// Faulty classifies an error by SQLite's result code.
func (db *DB) Faulty(err error) error {
	if err == nil {
		return nil
	}
	if _, ours := errors.AsType[*fhir.Error](err); ours {
		return err
	}
	switch s := err.Error(); {
	case strings.Contains(s, "database or disk is full"), strings.Contains(s, "no space left"), strings.Contains(s, "disk I/O error") && db.full():
		return fhir.Errorf(fhir.NoRoom, "the disk of the database is full: nothing was written: %w", err)
	case strings.Contains(s, "locked"), strings.Contains(s, "busy"):
		return fhir.Errorf(fhir.Busy, "the database is busy: try again: %w", err)
	}
	return fhir.Errorf(fhir.Broken, "the database failed: %w", err)
}

// full reports whether the file system has no room left: growing the shared memory of the write-ahead log on a full disk
// is reported as a failed disk.
func (db *DB) full() bool {
	free, _, ok := room(db.path)
	return ok && free < 1<<20
}

// connector opens connections and gives each its settings.
type connector struct {
	dsn     string
	pragmas []string
}

// Driver is SQLite's.
func (c connector) Driver() driver.Driver { return sqliteDriver }

// Connect opens one connection.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := sqliteDriver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	for _, p := range c.pragmas {
		if _, err := conn.(driver.ExecerContext).ExecContext(ctx, "PRAGMA "+p, nil); err != nil {
			conn.Close()
			return nil, fmt.Errorf("PRAGMA %s: %w", p, err)
		}
	}
	return conn, nil
}

func connect(name string, memory bool, sync string, writer bool) connector {
	mode := "rwc"
	switch {
	case memory:
		mode = "memory"
	case !writer:
		mode = "ro"
	}
	return connector{"file:" + (&url.URL{Path: name}).EscapedPath() + "?mode=" + mode, pragmas(sync, writer)}
}
