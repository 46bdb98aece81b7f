// Package store keeps every version of every resource, with the keys by which it is found, in SQLite or PostgreSQL.
//
// One row is one version and one change: its number rid grows with every write, so the rows in order of rid are the
// change feed, the rows of one resource are its history, and a search "as of rid n" is a search at a moment. A row
// holds its keys (package search) for rechecking and its body, compressed. Beside it stand a few small tables that lead
// to rows: by value (key), by patient and code in clinical order (clin), by text (word), by date (span), by custom
// parameter (extra). An update closes the old row and leaves its entries for a day, so that pages already begun go on.
//
// Writers take the row of table feed first. Commits therefore happen in the order of their numbers, without gaps, on
// both databases and from any number of processes; and whatever a writer looks up (does this identifier exist? which
// version is current?) stays true until it commits.
//
// The SQL is written once, in this folder, with the few words in which the two databases differ taken from a Dialect.
// Packages sqlite and postgres only open a database and run statements.
package store

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// Store is an open database.
type Store struct {
	db     DB
	d      Dialect
	codec  *codec
	homes  *homes
	linked atomic.Bool // some patients are one person

	related atomic.Int64 // how often patients became one person, by this process
	counted atomic.Int64 // when the tables were last counted, in changes
	Now     func() time.Time
}

// DB runs statements on one database.
type DB interface {
	Queryer
	// Write runs f in a transaction that it commits where f returns nil. One Write at a time runs in a process.
	Write(ctx context.Context, f func(Tx) error) error
	Dialect() Dialect
	// Faulty classifies an error of the database: Busy where it may pass, NoRoom where the disk is full.
	Faulty(err error) error
	Close() error
}

// Queryer reads.
type Queryer interface {
	// Query calls row for each row of the answer until it returns an error. Placeholders are ?.
	Query(ctx context.Context, sql string, args []any, row func(Row) error) error
}

// Tx reads and writes in one transaction.
type Tx interface {
	Queryer
	Exec(ctx context.Context, sql string, args ...any) (int64, error)
	// Insert adds many rows. Each row has a value per column.
	Insert(ctx context.Context, t *Table, rows [][]any) error
}

// Row is a row of an answer. A []byte scanned from it is the caller's to keep.
type Row interface{ Scan(dest ...any) error }

// Op is what a change did.
type Op uint8

// The changes. From Delete on a row has no body and no search finds it.
const (
	Create Op = iota + 1
	Update
	Delete
	Erased
)

// Version is one version of one resource.
type Version struct {
	Rid     int64 // its number in the feed
	Type    spec.TypeID
	ID      string
	Version int64
	Op      Op
	Updated int64 // microseconds since 1970
	Patient int64 // number of the home patient, 0 for none
	Until   int64 // the change that replaced it, open where it is current
	Keys    []byte
	Body    []byte // as JSON, with meta.versionId and meta.lastUpdated; nil from Delete on
}

// Time is when the version was written.
func (v *Version) Time() time.Time { return time.UnixMicro(v.Updated).UTC() }

// Current reports whether nothing has replaced the version.
func (v *Version) Current() bool { return v.Until == open && v.Op < Delete }

// Ref is Type/id.
func (v *Version) Ref() string { return v.Type.String() + "/" + v.ID }

// open is Until of a version that nothing has replaced.
const open = 1<<63 - 1

// New makes a store on db, creating or migrating its tables.
func New(ctx context.Context, db DB) (*Store, error) {
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, d: db.Dialect(), codec: c, homes: newHomes(), Now: time.Now}
	if err := s.migrate(ctx); err != nil {
		return nil, err
	}
	return s, s.LoadLinks(ctx)
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// Seq is the number of the last change.
func (s *Store) Seq(ctx context.Context) (int64, error) { return seqOf(ctx, s.db) }

// Healthy reports whether the database answers.
func (s *Store) Healthy(ctx context.Context) error {
	_, err := s.Seq(ctx)
	return s.db.Faulty(err)
}

func seqOf(ctx context.Context, q Queryer) (seq int64, err error) {
	err = q.Query(ctx, "SELECT seq FROM feed", nil, func(r Row) error { return r.Scan(&seq) })
	return seq, err
}

// one runs a query that answers at most one row and reports whether it did.
func one(ctx context.Context, q Queryer, sql string, args []any, dest ...any) (bool, error) {
	found := false
	err := q.Query(ctx, sql, args, func(r Row) error {
		found = true
		return r.Scan(dest...)
	})
	return found, err
}

func notFound(ref string) error {
	return fhir.Errorf(fhir.NotFound, "there is no %s", ref)
}

// CountTables has the database count its tables anew when they have doubled since it last did. A plan that was made while a table was empty would
// read all of it until then, and nobody else counts in the first minutes of a bulk load.
func (s *Store) CountTables(ctx context.Context) error {
	if s.d.Statistics == "" {
		return nil
	}
	seq, err := s.Seq(ctx)
	if err != nil {
		return s.db.Faulty(err)
	}
	now := seq + 10*s.related.Load()
	if now < 2*s.counted.Load()+1000 {
		return nil
	}
	s.counted.Store(now)
	return s.db.Faulty(s.db.Query(ctx, s.d.Statistics, nil, func(Row) error { return nil }))
}
