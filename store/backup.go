package store

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"math"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/kith-care/kith/fhir"
)

// A backup is one stream of tables and rows, the same for both databases, so that what was saved from one can be restored into the
// other: a line that says what it is, for each table its name, columns and rows, and at the end how many rows there were
// and the SHA-256 of all that came before. All of it is compressed. Whoever reads it to its end knows that it is whole.

// Column is a column of a table, with its type: int, num, text or blob.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// TableInfo is a table as it stands in a database.
type TableInfo struct {
	Name    string   `json:"table"`
	Columns []Column `json:"columns"`
}

// Source is a database at one moment.
type Source interface {
	// Tables are all tables to be saved, those of the audit trail last.
	Tables(ctx context.Context) ([]TableInfo, error)
	// Read calls row for each row: nil, int64, float64, string or []byte a column, valid during the call.
	Read(ctx context.Context, t TableInfo, row func([]any) error) error
	Close() error
}

// Target takes the tables of a backup into an empty database, all or none of them.
type Target interface {
	// Begin makes empty tables of a schema.
	Begin(ctx context.Context, schema int) error
	Insert(ctx context.Context, t *Table, rows [][]any) error
	// Finish puts what was inserted in its place, after which it is there for good.
	Finish(ctx context.Context) error
	// Close gives up what was not finished.
	Close() error
}

// BackupHead is the first line of a backup.
type BackupHead struct {
	Format int       `json:"kith-backup"`
	Schema int       `json:"schema"`
	Made   time.Time `json:"made"`
	From   string    `json:"from"` // the kind of database
	Seq    int64     `json:"seq"`  // the last change in it
}

// BackupSummary is what a backup holds.
type BackupSummary struct {
	BackupHead
	Rows   map[string]int64 `json:"rows"` // by table
	SHA256 string           `json:"sha256"`
}

const backupFormat = 1

// Unsaved reports whether a table says nothing that a restored record needs: leases, and what is made of other tables.
func Unsaved(table string) bool {
	return table == "lease" || table == "trail" || table == "trail_place"
}

// OfAudit reports whether a table belongs to the audit trail.
func OfAudit(table string) bool { return table == "audit" || table == "audit_mark" }

// The parts of a backup, by their first byte.
const (
	partTableHead = 'T'
	partRow       = 'R'
	partEnd       = 'Z'
)

// Backup writes what a source holds. Progress, where it is not nil, is told the table and how many rows of it are written.
func Backup(ctx context.Context, w io.Writer, from Source, head BackupHead, progress func(table string, rows int64)) (*BackupSummary, error) {
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, err
	}
	e := &backupWriter{sum: sha256.New()}
	e.w = bufio.NewWriterSize(io.MultiWriter(z, e.sum), 1<<16)
	head.Format = backupFormat
	summary := &BackupSummary{BackupHead: head, Rows: map[string]int64{}}
	e.json(head)
	tables, err := from.Tables(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		e.byte(partTableHead)
		e.json(t)
		rows := int64(0)
		err := from.Read(ctx, t, func(values []any) error {
			e.byte(partRow)
			for _, v := range values {
				e.value(v)
			}
			if rows++; rows%100_000 == 0 && progress != nil {
				progress(t.Name, rows)
			}
			return e.err
		})
		if err != nil {
			return nil, err
		}
		summary.Rows[t.Name] = rows
	}
	e.byte(partEnd)
	if err := e.flush(); err != nil {
		return nil, err
	}
	summary.SHA256 = hex.EncodeToString(e.sum.Sum(nil))
	e.json(summary)
	if err := e.flush(); err != nil {
		return nil, err
	}
	return summary, z.Close()
}

// backupWriter remembers the first error.
type backupWriter struct {
	w       *bufio.Writer
	sum     hash.Hash
	scratch []byte
	err     error
}

func (e *backupWriter) write(b []byte) {
	if e.err == nil {
		_, e.err = e.w.Write(b)
	}
}

func (e *backupWriter) byte(b byte) {
	if e.err == nil {
		e.err = e.w.WriteByte(b)
	}
}

func (e *backupWriter) flush() error {
	if e.err == nil {
		e.err = e.w.Flush()
	}
	return e.err
}

func (e *backupWriter) bytes(b []byte) {
	e.scratch = binary.AppendUvarint(e.scratch[:0], uint64(len(b)))
	e.write(e.scratch)
	e.write(b)
}

func (e *backupWriter) json(v any) {
	b, err := json.Marshal(v)
	if err != nil && e.err == nil {
		e.err = err
	}
	e.bytes(b)
}

func (e *backupWriter) value(v any) {
	switch v := v.(type) {
	case nil:
		e.byte(0)
	case int64:
		e.scratch = binary.AppendVarint(append(e.scratch[:0], 1), v)
		e.write(e.scratch)
	case float64:
		e.scratch = binary.BigEndian.AppendUint64(append(e.scratch[:0], 2), math.Float64bits(v))
		e.write(e.scratch)
	case string:
		e.byte(3)
		e.bytes([]byte(v))
	case []byte:
		e.byte(4)
		e.bytes(v)
	default:
		e.err = fmt.Errorf("a %T cannot be saved", v)
	}
}

// backupReader reads what backupWriter wrote, with the sum of what it has read.
type backupReader struct {
	r   *bufio.Reader
	sum hash.Hash
}

// ReadByte reads one byte.
func (d *backupReader) ReadByte() (byte, error) {
	b, err := d.r.ReadByte()
	if err == nil {
		d.sum.Write([]byte{b})
	}
	return b, err
}

const mostBackupValue = 1 << 30

func (d *backupReader) bytes() ([]byte, error) {
	n, err := binary.ReadUvarint(d)
	if err != nil {
		return nil, err
	}
	if n > mostBackupValue {
		return nil, fmt.Errorf("a value of %d bytes", n)
	}
	// A length that is wrong must not take memory that is not there: what is there is read, piece by piece.
	var b []byte
	for left := int(n); left > 0; {
		piece := min(left, 1<<20)
		at := len(b)
		b = append(b, make([]byte, piece)...)
		if _, err := io.ReadFull(d.r, b[at:]); err != nil {
			return nil, err
		}
		left -= piece
	}
	d.sum.Write(b)
	if b == nil {
		b = []byte{}
	}
	return b, nil
}

func (d *backupReader) json(into any) error {
	b, err := d.bytes()
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

func (d *backupReader) value(typ string) (any, error) {
	tag, err := d.ReadByte()
	if err != nil {
		return nil, err
	}
	var v any
	have := ""
	switch tag {
	case 0:
		return nil, nil
	case 1:
		have = "int"
		v, err = binary.ReadVarint(d)
	case 2:
		have = "num"
		var b [8]byte
		if _, err = io.ReadFull(d.r, b[:]); err == nil {
			d.sum.Write(b[:])
			v = math.Float64frombits(binary.BigEndian.Uint64(b[:]))
		}
	case 3:
		have = "text"
		var b []byte
		b, err = d.bytes()
		v = string(b)
	case 4:
		have = "blob"
		v, err = d.bytes()
	}
	if err == nil && have != typ {
		err = fmt.Errorf("a value of type %q in a column of type %q", have, typ)
	}
	return v, err
}

// Restore puts a backup into an empty database, whole or not at all.
func Restore(ctx context.Context, r io.Reader, to Target, progress func(table string, rows int64)) (*BackupSummary, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(1<<23), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	d := &backupReader{bufio.NewReaderSize(z, 1<<16), sha256.New()}
	summary, err := refill(ctx, d, to, progress)
	if err != nil {
		return nil, err
	}
	if _, err := d.r.ReadByte(); err != io.EOF {
		return nil, broken(fmt.Errorf("something follows its end"))
	}
	return summary, to.Finish(ctx)
}

func broken(err error) error {
	return fhir.Errorf(fhir.Invalid, "the backup is damaged, cut off, or no backup; nothing was restored: %w", err)
}

func refill(ctx context.Context, d *backupReader, to Target, progress func(string, int64)) (*BackupSummary, error) {
	var head BackupHead
	if err := d.json(&head); err != nil {
		return nil, broken(err)
	}
	if head.Format != backupFormat || head.Schema > Schema || head.Schema < 1 {
		return nil, fhir.Errorf(fhir.Unsupported, "the backup has format %d and schema %d; this program knows format %d and schemas up to %d", head.Format, head.Schema, backupFormat, Schema)
	}
	if err := to.Begin(ctx, head.Schema); err != nil {
		return nil, err
	}
	rows := map[string]int64{}
	var table *Table
	var batch [][]any
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := to.Insert(ctx, table, batch)
		batch, size = batch[:0], 0
		return err
	}
	for {
		part, err := d.ReadByte()
		if err != nil {
			return nil, broken(err)
		}
		switch {
		case part == partTableHead:
			if err := flush(); err != nil {
				return nil, err
			}
			var t TableInfo
			if err := d.json(&t); err != nil {
				return nil, broken(err)
			}
			if !plainName(t.Name) || Unsaved(t.Name) {
				return nil, broken(fmt.Errorf("a table called %q", t.Name))
			}
			table = &Table{Name: t.Name}
			for _, c := range t.Columns {
				if !plainName(c.Name) {
					return nil, broken(fmt.Errorf("a column called %q", c.Name))
				}
				table.Columns, table.Types = append(table.Columns, c.Name), append(table.Types, c.Type)
			}
			rows[t.Name] = 0
		case part == partRow && table != nil:
			row := make([]any, len(table.Columns))
			for i, typ := range table.Types {
				if row[i], err = d.value(typ); err != nil {
					return nil, broken(err)
				}
				if b, ok := row[i].([]byte); ok {
					size += len(b)
				}
			}
			batch = append(batch, row)
			if rows[table.Name]++; rows[table.Name]%100_000 == 0 && progress != nil {
				progress(table.Name, rows[table.Name])
			}
			if len(batch) >= 4000 || size > 8<<20 {
				if err := flush(); err != nil {
					return nil, err
				}
			}
		case part == partEnd:
			if err := flush(); err != nil {
				return nil, err
			}
			sum := hex.EncodeToString(d.sum.Sum(nil))
			var said BackupSummary
			if err := d.json(&said); err != nil {
				return nil, broken(err)
			}
			if said.SHA256 != sum {
				return nil, broken(fmt.Errorf("its sum is %s, and it says %s", sum, said.SHA256))
			}
			for name, n := range said.Rows {
				if rows[name] != n {
					return nil, broken(fmt.Errorf("%d rows of %s, and it says %d", rows[name], name, n))
				}
			}
			return &said, nil
		default:
			return nil, broken(fmt.Errorf("a part of kind %q", part))
		}
	}
}

// plainName reports whether a name can stand in a statement as it is.
func plainName(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && c != '_' {
			return false
		}
	}
	return s != ""
}

// Tables makes the tables of a schema in an empty database, as a restore needs them: without the rows that a new record begins with.
func (d Dialect) Tables(ctx context.Context, tx Tx, schema int) error {
	s := &Store{d: d}
	if _, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS kith (schema INTEGER NOT NULL)"); err != nil {
		return err
	}
	for v := 1; v <= schema; v++ {
		if err := s.run(ctx, tx, migrations[v]); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, "DELETE FROM feed")
	return err
}

// LedgerTables makes the tables of the audit trail where they are not there.
func (d Dialect) LedgerTables(ctx context.Context, tx Tx) error {
	for _, sql := range []string{
		"CREATE TABLE IF NOT EXISTS audit (chain TEXT NOT NULL, n BIGINT NOT NULL, entry " + d.Blob + " NOT NULL, hash " + d.Blob + " NOT NULL, PRIMARY KEY (chain, n))",
		"CREATE TABLE IF NOT EXISTS audit_mark (n BIGINT NOT NULL PRIMARY KEY, whole BIGINT NOT NULL, body " + d.Blob + " NOT NULL, sig " + d.Blob + " NOT NULL)",
		"CREATE TABLE IF NOT EXISTS trail (subject BIGINT NOT NULL, at BIGINT NOT NULL, chain BIGINT NOT NULL, n BIGINT NOT NULL, more " + d.Blob + ", PRIMARY KEY (subject, at, chain, n))" + d.Clustered,
		"CREATE TABLE IF NOT EXISTS trail_place (chain TEXT NOT NULL PRIMARY KEY, number BIGINT NOT NULL UNIQUE, n BIGINT NOT NULL)",
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// Erasure is one resource that was erased for good.
type Erasure struct {
	Rid     int64
	Ref     string
	Updated int64 // microseconds
	Why     string
}

// Erasures are all erasures there have been, oldest first.
func (s *Store) Erasures(ctx context.Context) ([]Erasure, error) {
	var out []Erasure
	err := s.db.Query(ctx, "SELECT rid, ref, at, why FROM erased ORDER BY at, rid", nil, func(r Row) error {
		var e Erasure
		err := r.Scan(&e.Rid, &e.Ref, &e.Updated, &e.Why)
		out = append(out, e)
		return err
	})
	return out, s.db.Faulty(err)
}
