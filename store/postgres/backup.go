package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store"
)

// snapshot is a database as of one moment, which PostgreSQL keeps for as long as the transaction lasts.
type snapshot struct {
	conn *pgx.Conn
	tx   pgx.Tx
}

// Snapshot holds on to the record as it is now, while others go on writing.
func Snapshot(ctx context.Context, url string) (store.Source, store.BackupHead, error) {
	head := store.BackupHead{From: "postgres"}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, head, fhir.Errorf(fhir.Invalid, "the database URL is not valid: %w", err)
	}
	config.RuntimeParams["application_name"] = "kith backup"
	config.RuntimeParams["idle_in_transaction_session_timeout"] = "0" // the disk that the backup goes to may be slow
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, head, fhir.Errorf(fhir.Busy, "the database does not answer: %w", err)
	}
	s := &snapshot{conn: conn}
	if s.tx, err = conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}); err == nil {
		err = s.tx.QueryRow(ctx, "SELECT (SELECT max(schema) FROM kith), (SELECT seq FROM feed)").Scan(&head.Schema, &head.Seq)
	}
	if err != nil {
		return nil, head, errors.Join(fhir.Errorf(fhir.NotFound, "there is no record to be saved: %w", err), s.Close())
	}
	return s, head, nil
}

func (s *snapshot) Tables(ctx context.Context) ([]store.TableInfo, error) {
	rows, err := s.tx.Query(ctx, `SELECT c.relname, a.attname, format_type(a.atttypid, NULL) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname IN ('audit', 'audit_mark'), c.relname COLLATE "C", a.attnum`)
	if err != nil {
		return nil, err
	}
	var out []store.TableInfo
	return out, each(rows, func(r store.Row) error {
		var table, column, typ string
		if err := r.Scan(&table, &column, &typ); err != nil {
			return err
		}
		if store.Unsaved(table) {
			return nil
		}
		kind, ok := map[string]string{"integer": "int", "bigint": "int", "text": "text", "bytea": "blob", "double precision": "num"}[typ]
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
}

func (s *snapshot) Read(ctx context.Context, t store.TableInfo, row func([]any) error) error {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	rows, err := s.tx.Query(ctx, "SELECT "+strings.Join(names, ", ")+" FROM "+t.Name, pgx.QueryResultFormats{pgx.BinaryFormatCode})
	if err != nil {
		return err
	}
	defer rows.Close()
	kinds := rows.FieldDescriptions()
	values := make([]any, len(t.Columns))
	for rows.Next() {
		for i, raw := range rows.RawValues() {
			if values[i], err = value(kinds[i].DataTypeOID, raw); err != nil {
				return fmt.Errorf("column %s of %s: %w", names[i], t.Name, err)
			}
		}
		if err := row(values); err != nil {
			return err
		}
	}
	return rows.Err()
}

// value reads a value in PostgreSQL's binary form. Bytes are the connection's, and valid until the next row.
func value(oid uint32, raw []byte) (any, error) {
	switch {
	case raw == nil:
		return nil, nil
	case oid == pgtype.Int8OID && len(raw) == 8:
		return int64(binary.BigEndian.Uint64(raw)), nil
	case oid == pgtype.Int4OID && len(raw) == 4:
		return int64(int32(binary.BigEndian.Uint32(raw))), nil
	case oid == pgtype.Float8OID && len(raw) == 8:
		return math.Float64frombits(binary.BigEndian.Uint64(raw)), nil
	case oid == pgtype.TextOID:
		return string(raw), nil
	case oid == pgtype.ByteaOID:
		return raw, nil
	}
	return nil, fmt.Errorf("a value of type %d and %d bytes cannot be saved", oid, len(raw))
}

func (s *snapshot) Close() error {
	ctx := context.Background()
	if s.tx != nil {
		_ = s.tx.Rollback(ctx) // it only read
	}
	return s.conn.Close(ctx)
}

// restoring is one transaction that makes a whole record.
type restoring struct {
	db *DB
	pt pgx.Tx
	t  *tx
}

// Restore makes a record in an empty database. It is there once it is whole.
func Restore(ctx context.Context, url string) (store.Target, error) {
	db, err := open(ctx, url)
	if err != nil {
		return nil, err
	}
	r := &restoring{db: db}
	if r.pt, err = db.pool.Begin(ctx); err != nil {
		return nil, errors.Join(db.Faulty(err), r.Close())
	}
	r.t = &tx{r.pt, &pgx.Batch{}}
	var tables int64
	err = r.pt.QueryRow(ctx, "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace").Scan(&tables)
	if err == nil && tables > 0 {
		err = fhir.Errorf(fhir.Conflict, "the database has %d tables already: a backup is restored into an empty database", tables)
	}
	if err == nil {
		_, err = r.pt.Exec(ctx, "SET LOCAL idle_in_transaction_session_timeout = 0")
	}
	if err != nil {
		return nil, errors.Join(db.Faulty(err), r.Close())
	}
	return r, nil
}

func (r *restoring) Begin(ctx context.Context, schema int) error {
	d := r.db.Dialect()
	err := d.Tables(ctx, r.t, schema)
	if err == nil {
		err = d.LedgerTables(ctx, r.t)
	}
	return r.db.Faulty(err)
}

func (r *restoring) Insert(ctx context.Context, t *store.Table, rows [][]any) error {
	_, err := r.pt.CopyFrom(ctx, pgx.Identifier{t.Name}, t.Columns, pgx.CopyFromRows(rows))
	return r.db.Faulty(err)
}

func (r *restoring) Finish(ctx context.Context) error {
	if statistics := r.db.Dialect().Statistics; statistics != "" {
		if _, err := r.pt.Exec(ctx, statistics); err != nil {
			return r.db.Faulty(err)
		}
	}
	return r.db.Faulty(r.pt.Commit(ctx))
}

func (r *restoring) Close() error {
	if r.pt != nil {
		_ = r.pt.Rollback(context.Background()) // does nothing once it is committed
	}
	return r.db.Close()
}
