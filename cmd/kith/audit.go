package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/kith-care/kith/store"
	"github.com/kith-care/kith/store/postgres"
	"github.com/kith-care/kith/store/sqlite"
)

const auditUsage = `usage: kith audit verify [--db DATABASE] [--key PUBLIC] [--checkpoints FILE]
       kith audit list [--db DATABASE] [--patient ID] [--actor ID] [--since TIME] [--until TIME] [--count N]
       kith audit unusual [--db DATABASE] [--since TIME] [--rules FILE]

verify reads the whole audit trail and says what was changed, taken out, put in or moved, and where; its exit code is 1 where
anything was. --key is the public key that the server printed, or a file with it; without it the file beside the database is
taken, which whoever could change the database could change too. --checkpoints names a log of the server, kept elsewhere: the
checkpoints in it count as those of the database do, so that not even cutting off both ends together goes unseen.

list shows entries, the newest first. unusual says what a privacy officer should look at, and writes nothing.

`

func auditCommand(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		fmt.Fprint(stdout, auditUsage)
		if len(args) == 0 {
			return 2
		}
		return 0
	}
	switch args[0] {
	case "verify":
		return auditVerify(args[1:], stdout, stderr)
	case "list":
		return auditList(args[1:], stdout, stderr)
	case "unusual":
		return auditUnusual(args[1:], stdout, stderr)
	}
	fmt.Fprintf(stderr, "kith audit: there is no %q: it is verify, list or unusual\n", args[0])
	return 2
}

func auditVerify(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("audit verify", auditUsage, stderr)
	db := databaseFlag(f, "sqlite:kith.db")
	key := f.String("key", "", "`PUBLIC` key that checkpoints must be signed with, or a file with it; several with commas")
	from := f.String("checkpoints", "", "`FILE` with checkpoints kept elsewhere, such as the server's log")
	if code, done := parsed(f, args, stdout); done {
		return code
	}
	report, err := verifyAudit(context.Background(), *db, *key, *from, stdout, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "kith audit verify: %v\n", err)
		return 2
	}
	for _, fault := range report.Faults {
		fmt.Fprintln(stdout, fault)
	}
	fmt.Fprintf(stdout, "%d entries in %d chains, %d checkpoints", report.Entries, report.Chains, report.Marks)
	if report.Marks > 0 {
		fmt.Fprintf(stdout, ", the last of %s; signed by %s", report.Last.Format(time.RFC3339), strings.Join(report.Keys, ", "))
	}
	fmt.Fprintln(stdout)
	switch {
	case report.Marks == 0 && report.Entries > 0:
		fmt.Fprintln(stdout, "No checkpoint covers the trail: what was cut off at an end cannot be seen.")
	case report.Uncovered > 0:
		fmt.Fprintf(stdout, "%d entries are newer than any checkpoint of their chain: of these, what was cut off at the end cannot be seen.\n", report.Uncovered)
	}
	if len(report.Faults) > 0 {
		fmt.Fprintf(stdout, "The audit trail is NOT sound: %d faults.\n", len(report.Faults))
		return 1
	}
	fmt.Fprintln(stdout, "The audit trail is sound.")
	return 0
}

func verifyAudit(ctx context.Context, db, key, from string, stdout, stderr io.Writer) (*store.Report, error) {
	c := store.Checking{Progress: func(n int64) { fmt.Fprintf(stderr, "%d entries read\n", n) }}
	var err error
	if key == "" {
		if _, err := os.Stat(auditKeyFile(db) + ".pub"); err == nil {
			key = auditKeyFile(db) + ".pub"
			fmt.Fprintf(stdout, "Checkpoints are held against the key in %s; --key takes one from elsewhere.\n", key)
		} else {
			fmt.Fprintln(stdout, "No --key was given, so any key's signature counts: this proves less.")
		}
	}
	if c.Keys, err = publicKeys(key); err != nil {
		return nil, err
	}
	if from != "" {
		text, err := os.ReadFile(from)
		if err != nil {
			return nil, err
		}
		if c.Marks, err = store.ParseMarks(text); err != nil {
			return nil, err
		}
		if len(c.Marks) == 0 {
			return nil, fmt.Errorf("%s has no checkpoint in it", from)
		}
	}
	ledger, err := openLedger(ctx, db)
	if err != nil {
		return nil, err
	}
	report, err := ledger.Check(ctx, c)
	return report, errors.Join(err, ledger.Close())
}

// openLedger opens the audit trail of a record that is there.
func openLedger(ctx context.Context, db string) (*store.Ledger, error) {
	if path, ok := strings.CutPrefix(db, "sqlite:"); ok {
		if _, err := os.Stat(path + "-audit"); err != nil {
			return nil, fmt.Errorf("there is no audit trail beside the database: %w", err)
		}
		return sqlite.OpenLedger(ctx, path, "")
	}
	return postgres.OpenLedger(ctx, db, "")
}
