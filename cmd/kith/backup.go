package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store"
	"github.com/kith-care/kith/store/postgres"
	"github.com/kith-care/kith/store/sqlite"
)

const backupUsage = `usage: kith backup --to FILE [--db DATABASE] [--recipient AGE1… | --recipients-file FILE | --unencrypted]

Saves the record, its audit trail and all that belongs to it as they are at one moment, while a server goes on writing. The file is compressed and
encrypted with age (https://age-encryption.org) for the recipients; whoever has the matching identity can restore it, on
SQLite or on PostgreSQL. FILE is there once it is whole; - is standard output.

`

func backupCommand(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("backup", backupUsage, stderr)
	db := databaseFlag(f, "sqlite:kith.db")
	to := f.String("to", "", "the `FILE` to write")
	recipient := f.String("recipient", "", "public age `KEY` of who may restore it, age1…; several with commas")
	recipients := f.String("recipients-file", "", "`FILE` with public age keys, one a line")
	plain := f.Bool("unencrypted", false, "do not encrypt: only for a disk that is encrypted itself")
	if code, done := parsed(f, args, stdout); done {
		return code
	}
	err := func() error {
		if *to == "" {
			return errors.New("--to is needed: which file to write")
		}
		keys, err := readRecipients(*recipient, *recipients)
		if err != nil {
			return err
		}
		if len(keys) == 0 && !*plain {
			return errors.New("say for whom it is encrypted (--recipient or --recipients-file), or --unencrypted")
		}
		report := stdout
		if *to == "-" {
			report = stderr
		}
		return backupTo(context.Background(), *db, *to, keys, stdout, report, stderr)
	}()
	if err != nil {
		fmt.Fprintf(stderr, "kith backup: %v\n", err)
		return 1
	}
	return 0
}

func readRecipients(list, file string) ([]age.Recipient, error) {
	var out []age.Recipient
	if list != "" {
		keys, err := age.ParseRecipients(strings.NewReader(strings.ReplaceAll(list, ",", "\n")))
		if err != nil {
			return nil, fmt.Errorf("--recipient: %w", err)
		}
		out = keys
	}
	if file != "" {
		text, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer text.Close()
		keys, err := age.ParseRecipients(text)
		if err != nil {
			return nil, fmt.Errorf("--recipients-file: %w", err)
		}
		out = append(out, keys...)
	}
	return out, nil
}

// backupTo writes a backup to a file under another name, then gives it its own: a file of that name is whole.
func backupTo(ctx context.Context, db, to string, keys []age.Recipient, stdout, report, progress io.Writer) error {
	if err := noteBackup(ctx, db, fmt.Sprintf("backup to %s for %d recipients", to, len(keys))); err != nil {
		return err
	}
	if to == "-" {
		summary, err := writeBackup(ctx, db, stdout, keys, progress)
		if err == nil {
			reportBackup(report, summary)
		}
		return err
	}
	if _, err := os.Stat(to); err == nil {
		return fmt.Errorf("%s is there already", to)
	}
	temp, err := os.CreateTemp(filepath.Dir(to), ".kith-backup-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	summary, err := writeBackup(ctx, db, temp, keys, progress)
	if e := errors.Join(temp.Sync(), temp.Close()); err == nil {
		err = e
	}
	if err == nil {
		err = os.Link(temp.Name(), to)
	}
	if err != nil {
		return err
	}
	reportBackup(report, summary)
	return nil
}

// noteBackup writes to the audit trail that everything was taken: a backup is the largest disclosure there is.
func noteBackup(ctx context.Context, db, what string) error {
	if path, ok := strings.CutPrefix(db, "sqlite:"); ok {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("there is no record to be saved: %w", err)
		}
	}
	chain := fmt.Sprintf("backup-%d", time.Now().UnixNano())
	var ledger *store.Ledger
	var err error
	if path, ok := strings.CutPrefix(db, "sqlite:"); ok {
		ledger, err = sqlite.OpenLedger(ctx, path, chain)
	} else {
		ledger, err = postgres.OpenLedger(ctx, db, chain)
	}
	if err != nil {
		return err
	}
	entry := fmt.Appendf(nil, `{"at":%d,"who":"kith/backup","role":%q,"action":"R","what":`, time.Now().UnixMicro(), access.Kith)
	entry = append(fhir.AppendString(entry, what), '}')
	err = ledger.Append(ctx, [][]byte{entry})
	if err == nil {
		err = ledger.Sync(ctx)
	}
	return errors.Join(err, ledger.Close())
}

func writeBackup(ctx context.Context, db string, w io.Writer, keys []age.Recipient, progress io.Writer) (*store.BackupSummary, error) {
	source, head, err := snapshotOf(ctx, db)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	out := bufio.NewWriterSize(w, 1<<16)
	var sealed io.WriteCloser
	into := io.Writer(out)
	if len(keys) > 0 {
		if sealed, err = age.Encrypt(out, keys...); err != nil {
			return nil, err
		}
		into = sealed
	}
	head.Made = time.Now().UTC()
	summary, err := store.Backup(ctx, into, source, head, progressOf(progress, "saved"))
	if err == nil && sealed != nil {
		err = sealed.Close()
	}
	if err == nil {
		err = out.Flush()
	}
	return summary, err
}

func progressOf(w io.Writer, done string) func(string, int64) {
	return func(table string, rows int64) { fmt.Fprintf(w, "%s: %d rows %s\n", table, rows, done) }
}

func snapshotOf(ctx context.Context, db string) (store.Source, store.BackupHead, error) {
	if path, ok := strings.CutPrefix(db, "sqlite:"); ok {
		return sqlite.Snapshot(ctx, path)
	}
	return postgres.Snapshot(ctx, db)
}

func reportBackup(w io.Writer, s *store.BackupSummary) {
	fmt.Fprintf(w, "schema %d, to change %d of %s: %d resources' versions, %d audit entries, SHA-256 %s\n", s.Schema, s.Seq, s.Made.Format(time.RFC3339), s.Rows["res"], s.Rows["audit"], s.SHA256)
}

const restoreUsage = `usage: kith restore --from FILE --db DATABASE [--identity FILE] [--erasures FROM]

Makes a record of a backup in a place where there is none: a new SQLite file, or an empty PostgreSQL database. A backup of
either can be restored into either. It is restored whole or not at all.

What was erased after the backup was made is erased again: --erasures names the database that was in use until now, or a file
with a line "Type/id why" for each. Without it, say --no-erasures.

`

func restoreCommand(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("restore", restoreUsage, stderr)
	db := databaseFlag(f, "")
	from := f.String("from", "", "the `FILE` of the backup, - for standard input")
	identity := f.String("identity", "", "`FILE` with the age identity that it was encrypted for")
	erasures := f.String("erasures", "", "`FROM` which database or file to take what was erased since")
	none := f.Bool("no-erasures", false, "nothing was erased since, or nothing is known of it")
	if code, done := parsed(f, args, stdout); done {
		return code
	}
	err := func() error {
		switch {
		case *from == "":
			return errors.New("--from is needed: which backup")
		case *db == "":
			return errors.New("--db is needed: where to restore to")
		case *erasures == "" && !*none:
			return errors.New("say what was erased since the backup (--erasures), or --no-erasures")
		}
		return restoreFrom(context.Background(), *from, *db, *identity, *erasures, stdout, stderr)
	}()
	if err != nil {
		fmt.Fprintf(stderr, "kith restore: %v\n", err)
		return 1
	}
	return 0
}

func restoreFrom(ctx context.Context, from, db, identity, erasures string, stdout, progress io.Writer) error {
	// Read before anything is made, since this is what a restore must not lack.
	since, err := erasuresOf(ctx, erasures)
	if err != nil {
		return err
	}
	in := io.Reader(os.Stdin)
	if from != "-" {
		file, err := os.Open(from)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	opened, err := unsealed(in, identity)
	if err != nil {
		return err
	}
	var target store.Target
	if path, ok := strings.CutPrefix(db, "sqlite:"); ok {
		target, err = sqlite.Restore(ctx, path)
	} else {
		target, err = postgres.Restore(ctx, db)
	}
	if err != nil {
		return err
	}
	summary, err := store.Restore(ctx, opened, target, progressOf(progress, "restored"))
	if err = errors.Join(err, target.Close()); err != nil {
		return err
	}
	reportBackup(stdout, summary)
	return afterRestore(ctx, db, since, summary, stdout)
}

// unsealed opens a backup that is encrypted; one that is not is read as it is.
func unsealed(in io.Reader, identity string) (io.Reader, error) {
	buffered := bufio.NewReaderSize(in, 1<<16)
	const magic = "age-encryption.org/"
	if head, _ := buffered.Peek(len(magic)); string(head) != magic {
		return buffered, nil
	}
	if identity == "" {
		return nil, errors.New("the backup is encrypted: --identity names the file with the age identity that opens it")
	}
	file, err := os.Open(identity)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	ids, err := age.ParseIdentities(file)
	if err != nil {
		return nil, fmt.Errorf("--identity: %w", err)
	}
	return age.Decrypt(buffered, ids...)
}

// erasuresOf reads what was erased from a database, or from a file with a line for each.
func erasuresOf(ctx context.Context, from string) ([]store.Erasure, error) {
	if from == "" {
		return nil, nil
	}
	if strings.HasPrefix(from, "sqlite:") || strings.Contains(from, "://") {
		var s *store.Store
		var err error
		if path, ok := strings.CutPrefix(from, "sqlite:"); ok {
			if _, err := os.Stat(path); err != nil {
				return nil, fmt.Errorf("--erasures: %w", err)
			}
			s, err = sqlite.Open(ctx, path)
		} else {
			s, err = postgres.Open(ctx, from)
		}
		if err != nil {
			return nil, err
		}
		list, err := s.Erasures(ctx)
		return list, errors.Join(err, s.Close())
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return nil, fmt.Errorf("--erasures: %w", err)
	}
	var out []store.Erasure
	for line := range strings.Lines(string(text)) {
		ref, why, _ := strings.Cut(strings.TrimSpace(line), " ")
		if ref == "" {
			continue
		}
		if !strings.Contains(ref, "/") || why == "" {
			return nil, fmt.Errorf("--erasures: the line %q is not \"Type/id why\"", strings.TrimSpace(line))
		}
		out = append(out, store.Erasure{Ref: ref, Why: why})
	}
	return out, nil
}

// afterRestore erases again what was erased since, and holds the audit trail that came back against its checkpoints.
func afterRestore(ctx context.Context, db string, since []store.Erasure, summary *store.BackupSummary, stdout io.Writer) error {
	before, err := erasuresOf(ctx, db)
	if err != nil {
		return err
	}
	done := map[int64]bool{} // versions that were erased before the backup was made
	for _, e := range before {
		done[e.Rid] = true
	}
	door, err := record.Open(ctx, record.Options{DB: db, Policy: access.Everyone{}})
	if err != nil {
		return err
	}
	defer door.Close()
	again := 0
	seen := map[string]bool{}
	for _, e := range since {
		// Each version has a line. One that came after the backup is not in it.
		if seen[e.Ref] || done[e.Rid] || e.Rid > summary.Seq {
			continue
		}
		seen[e.Ref] = true
		typ, id, _ := strings.Cut(e.Ref, "/")
		err := door.Erase(ctx, access.Actor{ID: "kith/restore", Role: access.Kith}, typ, id, e.Why)
		if fhir.KindOf(err) == fhir.NotFound {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s, which was erased, came back with the backup and could not be erased again: %w", e.Ref, err)
		}
		again++
	}
	fmt.Fprintf(stdout, "%d resources that were erased since are erased again\n", again)
	report, err := door.CheckAudit(ctx, record.AuditChecking{})
	if err != nil {
		return err
	}
	for _, f := range report.Faults {
		fmt.Fprintln(stdout, f)
	}
	if len(report.Faults) > 0 {
		return fmt.Errorf("the record is restored, but its audit trail is not sound")
	}
	fmt.Fprintf(stdout, "The audit trail is sound: %d entries, %d checkpoints.\n", report.Entries, report.Marks)
	return nil
}
