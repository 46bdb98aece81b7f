package main

import (
	"context"
	"fmt"
	"io"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/record"
)

const explainUsage = `usage: kith explain [--db DATABASE] 'Type?query'

Shows how a search is answered: where candidates come from, the SQL with its arguments' places, and the database's own
plan for it.

  kith explain --db sqlite:kith.db 'Observation?patient=1&code=http://loinc.org|8480-6&_sort=-date'

`

func explainCommand(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("explain", explainUsage, stderr)
	db := databaseFlag(f, "sqlite::memory:")
	if code, done := parsed(f, args, stdout); done {
		return code
	}
	if f.NArg() != 1 {
		f.Usage()
		return 2
	}
	ctx := context.Background()
	door, err := record.Open(ctx, record.Options{DB: *db, Policy: access.Everyone{}})
	if err == nil {
		defer door.Close()
		var e *record.Explanation
		if e, err = door.Explain(ctx, f.Arg(0)); err == nil {
			fmt.Fprintf(stdout, "plan: %s\n\n%s\n\n%s\n", e.Plan, e.SQL, e.Database)
			return 0
		}
	}
	fmt.Fprintf(stderr, "kith explain: %v\n", err)
	return 1
}

const migrateUsage = `usage: kith migrate --db DATABASE

Makes the tables of an empty database, or brings those of an older Kith to this version's schema. A database of a newer
Kith is refused and left as it is.

`

func migrateCommand(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("migrate", migrateUsage, stderr)
	db := databaseFlag(f, "sqlite:kith.db")
	testNumbers := f.Bool("test-numbers", false, testNumbersHelp)
	if code, done := parsed(f, args, stdout); done {
		return code
	}
	door, err := record.Open(context.Background(), record.Options{DB: *db, TestNumbers: *testNumbers})
	if err != nil {
		fmt.Fprintf(stderr, "kith migrate: %v\n", err)
		return 1
	}
	if err := door.Close(); err != nil {
		fmt.Fprintf(stderr, "kith migrate: %v\n", err)
		return 1
	}
	fmt.Fprintf(stdout, "the database has schema %d\n", record.Schema)
	return 0
}
