package store

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
)

// Dialect is the words in which the two databases differ.
type Dialect struct {
	Name      string
	Blob      string // type of a byte string
	Bytewise  string // how text is made to compare byte by byte
	Clustered string // put after a table whose rows live in its primary key
	// Covering writes that a primary key also holds other columns; nil where all of a row lives in it.
	Covering func(columns string) string
	// Any writes a test that column is one of the values of a list argument; Ints and Strings make that argument.
	Any     func(column string) string
	Ints    func([]int64) any
	Strings func([]string) any
	Lock    string // put after the select that takes the feed
	// Each writes a query of the rows of a table where one column is a given number and another one of a list of numbers, the
	// arguments in this order. It is looked up value by value, whatever the database knows of the table when it makes its plan.
	Each func(columns, table, one, many string) string
	// Numbers is a list argument as a table of one column, value.
	Numbers string
	// Statistics is the statement that counts what the tables hold, for a database that plans by it; "" where none is needed.
	Statistics string
}

func (d Dialect) covering(columns string) string {
	if d.Covering == nil {
		return ""
	}
	return d.Covering(columns)
}

// Table is a table that many rows are inserted into at once.
type Table struct {
	Name    string
	Columns []string
	Types   []string // int, num, text or blob, per column
	Unique  bool     // a row that is there already is left alone
	Replace string   // the columns of the primary key, where a row that is there already is replaced; "" to refuse it
}

// Conflict is what an insert says of rows that are there already, in both databases' words.
func (t *Table) Conflict() string {
	switch {
	case t.Unique:
		return " ON CONFLICT DO NOTHING"
	case t.Replace == "":
		return ""
	}
	var set []string
	for _, c := range t.Columns {
		set = append(set, c+" = excluded."+c)
	}
	return " ON CONFLICT (" + t.Replace + ") DO UPDATE SET " + strings.Join(set, ", ")
}

// Insert statements of the tables that a write fills.
var (
	resTable = &Table{Name: "res", Columns: []string{"rid", "idh", "type", "id", "version", "op", "patient", "until", "updated", "keys", "dict", "splice", "body"},
		Types: []string{"int", "int", "int", "text", "int", "int", "int", "int", "int", "blob", "int", "int", "blob"}}
	hashTable  = &Table{Name: "hash", Columns: []string{"h", "rid", "num"}, Types: []string{"int", "int", "num"}, Unique: true}
	clinTable  = &Table{Name: "clin", Columns: []string{"patient", "h", "date", "rid"}, Types: []string{"int", "int", "int", "int"}, Unique: true}
	wordTable  = &Table{Name: "word", Columns: []string{"param", "text", "rid"}, Types: []string{"int", "text", "int"}, Unique: true}
	spanTable  = &Table{Name: "span", Columns: []string{"param", "lo", "hi", "rid"}, Types: []string{"int", "int", "int", "int"}, Unique: true}
	alsoTable  = &Table{Name: "also", Columns: []string{"patient", "type", "rid"}, Types: []string{"int", "int", "int"}, Unique: true}
	extraTable = &Table{Name: "extra", Columns: []string{"param", "rid", "keys"}, Types: []string{"int", "int", "blob"}, Unique: true}
	tallyTable = &Table{Name: "tally", Columns: []string{"h", "rid", "n"}, Types: []string{"int", "int", "int"}, Unique: true}
	homeTable  = &Table{Name: "home", Columns: []string{"patient", "id"}, Types: []string{"int", "text"}}
	boxTable   = &Table{Name: "box", Columns: []string{"room", "kind", "key", "value"}, Types: []string{"text", "text", "text", "blob"}, Replace: "room, kind, key"}
	partTable  = &Table{Name: "part", Columns: strings.Split("feed unit part tab content stamp item line place size state waits made fails", " "),
		Types: slices.Repeat([]string{"int"}, 14), Replace: "feed, unit, part"}
	personTable   = &Table{Name: "person", Columns: []string{"person", "patient", "from_seq", "until_seq"}, Types: []string{"int", "int", "int", "int"}, Replace: "patient, from_seq"}
	relinkedTable = &Table{Name: "relinked", Columns: []string{"seq", "patient"}, Types: []string{"int", "int"}, Unique: true}
	closedTable   = &Table{Name: "closed", Columns: []string{"rid", "at"}, Types: []string{"int", "int"}, Unique: true}
)

// migrations bring the database from one schema version to the next. They only ever grow, and each must leave the
// tables usable by the version before it: expand, back-fill, contract.
var migrations = []string{
	1: `
CREATE TABLE feed (one INTEGER PRIMARY KEY, seq {int} NOT NULL, updated {int} NOT NULL);
INSERT INTO feed VALUES (1, 0, 0);
CREATE TABLE res (rid {int} PRIMARY KEY, idh {int} NOT NULL, type {int} NOT NULL, id TEXT NOT NULL, version {int} NOT NULL, op {int} NOT NULL,
  patient {int} NOT NULL, until {int} NOT NULL, updated {int} NOT NULL, keys {blob}, dict {int} NOT NULL, splice {int} NOT NULL, body {blob});
CREATE INDEX res_id ON res (idh, rid);
CREATE INDEX res_type ON res (type, rid);
CREATE INDEX res_patient ON res (patient, type, rid) WHERE patient > 0;
CREATE TABLE hash (h {int} NOT NULL, rid {int} NOT NULL, num DOUBLE PRECISION, PRIMARY KEY (h, rid){covering num}){clustered};
CREATE TABLE clin (patient {int} NOT NULL, h {int} NOT NULL, date {int} NOT NULL, rid {int} NOT NULL, PRIMARY KEY (patient, h, date, rid)){clustered};
CREATE TABLE word (param {int} NOT NULL, text TEXT {bytewise} NOT NULL, rid {int} NOT NULL, PRIMARY KEY (param, text, rid)){clustered};
CREATE TABLE span (param {int} NOT NULL, lo {int} NOT NULL, hi {int} NOT NULL, rid {int} NOT NULL, PRIMARY KEY (param, lo, hi, rid)){clustered};
CREATE TABLE also (patient {int} NOT NULL, type {int} NOT NULL, rid {int} NOT NULL, PRIMARY KEY (patient, type, rid)){clustered};
CREATE TABLE extra (param {int} NOT NULL, rid {int} NOT NULL, keys {blob} NOT NULL, PRIMARY KEY (param, rid)){clustered};
CREATE TABLE tally (h {int} NOT NULL, rid {int} NOT NULL, n {int} NOT NULL, PRIMARY KEY (h, rid)){clustered};
CREATE TABLE home (patient {int} PRIMARY KEY, id TEXT {bytewise} NOT NULL UNIQUE);
CREATE TABLE person (person {int} NOT NULL, patient {int} NOT NULL, from_seq {int} NOT NULL, until_seq {int} NOT NULL, PRIMARY KEY (patient, from_seq));
CREATE INDEX person_person ON person (person);
CREATE TABLE closed (rid {int} PRIMARY KEY, at {int} NOT NULL);
CREATE TABLE box (room TEXT NOT NULL, kind TEXT NOT NULL, key TEXT {bytewise} NOT NULL, value {blob} NOT NULL, PRIMARY KEY (room, kind, key));
CREATE TABLE lease (name TEXT PRIMARY KEY, holder TEXT NOT NULL, fence {int} NOT NULL, expires {int} NOT NULL);
CREATE TABLE place (follower TEXT PRIMARY KEY, seq {int} NOT NULL, fence {int} NOT NULL);
CREATE TABLE job (id {int} PRIMARY KEY, queue TEXT NOT NULL, name TEXT NOT NULL, body {blob} NOT NULL, due {int} NOT NULL, tries {int} NOT NULL, holder TEXT NOT NULL, expires {int} NOT NULL, failed TEXT NOT NULL);
CREATE INDEX job_due ON job (queue, due);
CREATE UNIQUE INDEX job_name ON job (queue, name);
CREATE TABLE erased (rid {int} PRIMARY KEY, ref TEXT NOT NULL, at {int} NOT NULL, why TEXT NOT NULL);
`,
	2: `
CREATE TABLE part (feed {int} NOT NULL, unit {int} NOT NULL, part {int} NOT NULL, tab {int} NOT NULL, content {int} NOT NULL, stamp {int} NOT NULL,
  item {int} NOT NULL, line {int} NOT NULL, place {int} NOT NULL, size {int} NOT NULL, state {int} NOT NULL, waits {int} NOT NULL, made {int} NOT NULL, PRIMARY KEY (feed, unit, part)){clustered};
CREATE INDEX part_waits ON part (feed, waits) WHERE waits <> 0;
`,
	3: `
ALTER TABLE part ADD COLUMN fails {int} NOT NULL DEFAULT 0;
CREATE INDEX part_fails ON part (feed, fails, item DESC, line, part) WHERE fails <> 0;
`,
	4: `
CREATE TABLE relinked (seq {int} NOT NULL, patient {int} NOT NULL, PRIMARY KEY (seq, patient)){clustered};
`,
}

// Schema is the schema version that this program writes.
var Schema = len(migrations) - 1

func (s *Store) migrate(ctx context.Context) error {
	err := s.db.Write(ctx, func(tx Tx) error {
		if _, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS kith (schema INTEGER NOT NULL)"); err != nil {
			return err
		}
		have := 0
		if _, err := one(ctx, tx, "SELECT max(schema) FROM (SELECT schema FROM kith UNION ALL SELECT 0) AS s", nil, &have); err != nil {
			return err
		}
		if have > Schema {
			return fhir.Errorf(fhir.Unsupported, "the database has schema %d and this program knows %d: it was written by a newer Kith", have, Schema)
		}
		for v := have + 1; v <= Schema; v++ {
			if err := s.run(ctx, tx, migrations[v]); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "INSERT INTO kith VALUES ("+strconv.Itoa(v)+")"); err != nil {
				return err
			}
		}
		return nil
	})
	return s.db.Faulty(err)
}

func (s *Store) run(ctx context.Context, tx Tx, script string) error {
	script = strings.NewReplacer("{int}", "BIGINT", "{blob}", s.d.Blob, "{bytewise}", s.d.Bytewise, "{clustered}", s.d.Clustered, "{covering num}", s.d.covering("num")).Replace(script)
	if s.d.Name == "sqlite" {
		script = strings.ReplaceAll(script, "BIGINT", "INTEGER")
	}
	for stmt := range strings.SplitSeq(script, ";\n") {
		if strings.TrimSpace(stmt) == "" {
			continue
		}
		if _, err := tx.Exec(ctx, stmt); err != nil {
			return fhir.Errorf(fhir.Broken, "the statement %q failed: %w", strings.TrimSpace(stmt), err)
		}
	}
	return nil
}

// KeepClosed is how long the keys of a replaced version are kept for searches that began before.
const KeepClosed = 24 * time.Hour
