package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store"
)

// snapshot is both files of a record, each in a reading transaction of its own. The record's began first: a change is written after its audit
// entry, so the trail has an entry for every change in the record.
type snapshot struct {
	parts [2]struct {
		db   *sql.DB
		conn *sql.Conn
	}
}

// Snapshot holds on to the record at path as it is now, while others go on writing. The write-ahead log grows until it is closed.
func Snapshot(ctx context.Context, path string) (store.Source, store.BackupHead, error) {
	head := store.BackupHead{From: "sqlite"}
	s := &snapshot{}
	for i, p := range []string{path, path + "-audit"} {
		if _, err := os.Stat(p); err != nil {
			return nil, head, errors.Join(fhir.Errorf(fhir.NotFound, "there is no record to be saved: %w", err), s.Close())
		}
		// The reader's connection, which is read-only.
		db := sql.OpenDB(connect(p, false, "FULL", false))
		s.parts[i].db = db
		conn, err := db.Conn(ctx)
		if err == nil {
			s.parts[i].conn = conn
			if _, err = conn.ExecContext(ctx, "BEGIN"); err == nil {
				// The moment is that of the first reading.
				var n int64
				err = conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&n)
			}
		}
		if err == nil && i == 0 {
			err = conn.QueryRowContext(ctx, "SELECT (SELECT max(schema) FROM kith), (SELECT seq FROM feed)").Scan(&head.Schema, &head.Seq)
		}
		if err != nil {
			return nil, head, errors.Join(fhir.Errorf(fhir.Broken, "%s cannot be read: %w", p, err), s.Close())
		}
	}
	return s, head, nil
}

func (s *snapshot) Tables(ctx context.Context) ([]store.TableInfo, error) {
	var out []store.TableInfo
	for i, p := range s.parts {
		rows, err := p.conn.QueryContext(ctx, "SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid")
		if err != nil {
			return nil, err
		}
		err = each(rows, func(r store.Row) error {
			var table, column, typ string
			if err := r.Scan(&table, &column, &typ); err != nil {
				return err
			}
			if store.Unsaved(table) || store.OfAudit(table) != (i == 1) {
				return nil
			}
			kind, ok := map[string]string{"INTEGER": "int", "BIGINT": "int", "TEXT": "text", "BLOB": "blob", "DOUBLE PRECISION": "num"}[strings.ToUpper(typ)]
			if !ok {
				return fmt.Errorf("the column %s of %s has the type %s, which cannot be saved", column, table, typ)
			}
			if len(out) == 0 || out[len(out)-1].Name != table {
				out = append(out, store.TableInfo{Name: table})
			}
			t := &out[len(out)-1]
			t.Columns = append(t.Columns, store.Column{Name: column, Type: kind})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *snapshot) Read(ctx context.Context, t store.TableInfo, row func([]any) error) error {
	part := s.parts[0]
	if store.OfAudit(t.Name) {
		part = s.parts[1]
	}
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	rows, err := part.conn.QueryContext(ctx, "SELECT "+strings.Join(names, ", ")+" FROM "+t.Name)
	if err != nil {
		return err
	}
	values, into := make([]any, len(t.Columns)), make([]any, len(t.Columns))
	for i := range values {
		into[i] = &values[i]
	}
	return each(rows, func(r store.Row) error {
		if err := r.Scan(into...); err != nil {
			return err
		}
		for i, c := range t.Columns {
			values[i] = as(c.Type, values[i])
		}
		return row(values)
	})
}

// as is a value as the column's type has it: SQLite itself keeps whatever it is given.
func as(typ string, v any) any {
	switch v := v.(type) {
	case []byte:
		if typ == "text" {
			return string(v)
		}
	case string:
		if typ == "blob" {
			return []byte(v)
		}
	case int64:
		if typ == "num" {
			return float64(v)
		}
	}
	return v
}

func (s *snapshot) Close() error {
	var err error
	for _, p := range s.parts {
		if p.conn != nil {
			err = errors.Join(err, p.conn.Close())
		}
		if p.db != nil {
			err = errors.Join(err, p.db.Close())
		}
	}
	return err
}

// restoring is a record that is being made beside the place where it will stand.
type restoring struct {
	path     string
	db       [2]*DB
	finished bool
}

// Restore makes a new record at path, where none may be. It stands there once it is whole.
func Restore(ctx context.Context, path string) (store.Target, error) {
	r := &restoring{path: path}
	for i, p := range r.paths() {
		if _, err := os.Stat(p); err == nil {
			return nil, fhir.Errorf(fhir.Conflict, "%s is there already: a backup is restored into a place where there is no record", p)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		r.remove(p + partial) // left by a restore that was broken off
		db, err := open(ctx, p+partial, "OFF")
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		r.db[i] = db
	}
	return r, nil
}

const partial = ".restoring"

func (r *restoring) paths() [2]string { return [2]string{r.path, r.path + "-audit"} }

func (r *restoring) Begin(ctx context.Context, schema int) error {
	d := r.db[0].Dialect()
	err := r.db[0].Write(ctx, func(tx store.Tx) error { return d.Tables(ctx, tx, schema) })
	if err == nil {
		err = r.db[1].Write(ctx, func(tx store.Tx) error { return d.LedgerTables(ctx, tx) })
	}
	return err
}

func (r *restoring) Insert(ctx context.Context, t *store.Table, rows [][]any) error {
	db := r.db[0]
	if store.OfAudit(t.Name) {
		db = r.db[1]
	}
	return db.Faulty(db.Write(ctx, func(tx store.Tx) error { return tx.Insert(ctx, t, rows) }))
}

func (r *restoring) Finish(ctx context.Context) error {
	for i, p := range r.paths() {
		// All of it into the file itself, so that there is only this to be moved.
		if _, err := r.db[i].write.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			return err
		}
		if err := r.db[i].Close(); err != nil {
			return err
		}
		r.db[i] = nil
		if err := syncFile(p + partial); err != nil {
			return err
		}
	}
	// The trail first: a record without its trail must not be there, whenever the power goes.
	paths := r.paths()
	for _, p := range []string{paths[1], paths[0]} {
		if err := os.Link(p+partial, p); err != nil { // which, unlike Rename, never replaces a file
			return err
		}
		if err := os.Remove(p + partial); err != nil {
			return err
		}
	}
	r.finished = true
	return nil
}

func (r *restoring) Close() error {
	var err error
	for i, p := range r.paths() {
		if r.db[i] != nil {
			err = errors.Join(err, r.db[i].Close())
		}
		if !r.finished {
			r.remove(p + partial)
		}
	}
	return err
}

func (r *restoring) remove(path string) {
	for _, end := range []string{"", "-wal", "-shm"} {
		os.Remove(path + end)
	}
}
