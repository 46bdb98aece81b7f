package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

var loader = access.Actor{ID: "kith/load", Role: access.Kith}

// A backup that is made while others write is the record as it was at one moment: every transaction is in it whole or not at all, every change has its
// audit entry, and the trail is sound. What was saved from either database can be restored into either.
func TestRestoringUnderLoad(t *testing.T) {
	kinds := map[string]func(testing.TB) string{"sqlite": storetest.SQLite, "postgres": storetest.Postgres}
	for from, source := range kinds {
		for to, target := range kinds {
			t.Run(from+"-to-"+to, func(t *testing.T) { restoringUnderLoad(t, source(t), target(t)) })
		}
	}
}

func restoringUnderLoad(t *testing.T, db, into string) {
	dir := t.TempDir()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(dir, "identity.txt")
	if err := os.WriteFile(keyFile, []byte(identity.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	door := record.TestOn(t, db)
	key, err := auditKey(filepath.Join(dir, "audit-key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := door.SealAudit(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	commit(t, door, "gone", "kept")

	// Four writers of transactions of three, and readers.
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	var written atomic.Int64
	for w := range 4 {
		work.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				id := fmt.Sprintf("w%d-%d", w, i)
				commit(t, door, id+"-a", id+"-b", id+"-c")
				written.Add(3)
				if _, err := door.Get(t.Context(), loader, "Patient", id+"-a"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	waitFor(t, func() bool { return written.Load() > 300 })
	file := filepath.Join(dir, "backup.kith")
	var out, errs bytes.Buffer
	var before, during int64
	for try := 0; during == 0 && try < 30; try++ { // a backup that nothing was written beside would prove nothing: another is made
		if err := os.RemoveAll(file); err != nil {
			t.Fatal(err)
		}
		before = written.Load()
		if code := backupCommand([]string{"--db", db, "--to", file, "--recipient", identity.Recipient().String()}, &out, &errs); code != 0 {
			t.Fatalf("backup: %d %s", code, errs.String())
		}
		during = written.Load() - before
	}
	if err := door.Erase(t.Context(), loader, "Patient", "gone", "they asked for it"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return written.Load() > before+during+100 })
	stop()
	work.Wait()

	// The wrong key, a file that was cut off or altered, and a place that is not empty are refused and leave nothing.
	restoreArgs := func(file string) []string {
		return []string{"--from", file, "--db", into, "--identity", keyFile, "--erasures", db}
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string][]byte{"cut off": whole[:len(whole)*2/3], "altered": flipped(whole, len(whole)/2), "followed by more": append(bytes.Clone(whole), "more"...)} {
		bad := filepath.Join(dir, "bad")
		if err := os.WriteFile(bad, wrong, 0o600); err != nil {
			t.Fatal(err)
		}
		errs.Reset()
		if code := restoreCommand(restoreArgs(bad), &out, &errs); code != 1 || errs.Len() == 0 {
			t.Errorf("a backup that is %s: %d %s", name, code, errs.String())
		}
	}
	out.Reset()
	errs.Reset()
	if code := restoreCommand(restoreArgs(file), &out, &errs); code != 0 {
		t.Fatalf("restore: %d %s", code, errs.String())
	}
	if !strings.Contains(out.String(), "1 resources that were erased since are erased again") || !strings.Contains(out.String(), "The audit trail is sound") {
		t.Errorf("restore said %s", out.String())
	}
	if code := restoreCommand(restoreArgs(file), &out, &errs); code != 1 || !strings.Contains(errs.String(), "already") {
		t.Errorf("a second restore into the same place: %d %s", code, errs.String())
	}

	back := record.TestOn(t, into)
	compare(t, door, back)
	t.Logf("%d resources were written while the backup was made", during)
	if during == 0 {
		t.Error("nothing was written while the backup was made: this proved nothing")
	}
	commit(t, back, "afterwards") // the record goes on
}

func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// commit writes Patients in one transaction.
func commit(t *testing.T, d *record.Door, ids ...string) {
	t.Helper()
	var ops []record.Op
	for _, id := range ids {
		res, err := fhir.Parse(fmt.Appendf(nil, `{"resourceType":"Patient","id":%q,"name":[{"family":"Okafor"}],"birthDate":"1961-04-02"}`, id))
		if err != nil {
			t.Error(err)
			return
		}
		ops = append(ops, record.Op{Method: record.Update, Type: "Patient", ID: id, Resource: res})
	}
	if _, err := d.Commit(context.WithoutCancel(t.Context()), loader, ops); err != nil {
		t.Error(err)
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("this takes too long")
		}
	}
}

// compare holds a restored record against the one it was saved from.
func compare(t *testing.T, was, now *record.Door) {
	t.Helper()
	ctx := t.Context()
	seen := map[string]int{}
	last, count := int64(0), 0
	for {
		changes, err := now.Changes(ctx, loader, record.Log{After: last, Limit: 500})
		if err != nil {
			t.Fatal(err)
		}
		if len(changes) == 0 {
			break
		}
		for _, c := range changes {
			if c.Seq != last+1 {
				t.Fatalf("the feed goes from %d to %d", last, c.Seq)
			}
			last = c.Seq
			count++
			if c.Deleted || c.ID == "kept" || c.ID == "" {
				continue
			}
			group, _, _ := cutLast(c.ID)
			seen[group]++
			there, err := was.GetVersion(ctx, loader, c.Type, c.ID, c.Version)
			if err != nil || !bytes.Equal(there.Body, c.Body) {
				t.Errorf("%s differs: %v", c.Ref(), err)
			}
		}
	}
	for group, n := range seen {
		if n != 3 {
			t.Errorf("of the transaction %s there are %d of 3", group, n)
		}
	}
	if count < 300 {
		t.Errorf("only %d changes were restored", count)
	}
	if _, err := now.Get(ctx, loader, "Patient", "gone"); fhir.KindOf(err) != fhir.NotFound {
		t.Errorf("what was erased came back: %v", err)
	}
	page, err := now.Find(ctx, loader, "Patient?family=okafor&birthdate=1961-04-02&_total=accurate&_count=1")
	if err != nil || int(page.Total) != 3*len(seen)+1 {
		t.Errorf("a search finds %v of %d: %v", page, 3*len(seen)+1, err)
	}
	report, err := now.CheckAudit(ctx, record.AuditChecking{})
	if err != nil || len(report.Faults) > 0 || report.Marks == 0 || report.Entries < int64(len(seen)) {
		t.Errorf("the trail that was restored: %+v %v", report, err)
	}
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '-')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// Whoever takes everything stands in the trail, and says for whom it is encrypted, or that it is not.
func TestBackupIsAudited(t *testing.T) { storetest.Each(t, backupIsAudited) }

func backupIsAudited(t *testing.T, db string) {
	door := record.TestOn(t, db)
	commit(t, door, "a")
	dir := t.TempDir()
	backup := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		code := run(append([]string{"backup", "--db", db}, args...), &out, &errs)
		return code, out.String() + errs.String()
	}
	for _, c := range [][]string{{}, {"--to", filepath.Join(dir, "x")}, {"--to", filepath.Join(dir, "x"), "--recipient", "nobody"}, {"--to", filepath.Join(dir, "x"), "--recipients-file", "/nowhere"}} {
		if code, said := backup(c...); code != 1 || said == "" {
			t.Errorf("%v: %d %s", c, code, said)
		}
	}
	file := filepath.Join(dir, "b")
	if code, said := backup("--to", file, "--unencrypted"); code != 0 || !strings.Contains(said, "SHA-256") {
		t.Errorf("%d %s", code, said)
	}
	if code, said := backup("--to", file, "--unencrypted"); code != 1 || !strings.Contains(said, "is there already") {
		t.Errorf("twice: %d %s", code, said)
	}
	page, err := door.Trail(t.Context(), loader, record.TrailQuery{Actor: "kith/backup"})
	if err != nil || len(page.Entries) == 0 || !strings.Contains(page.Entries[0].What, file) || !strings.Contains(page.Entries[0].What, "0 recipients") {
		t.Errorf("%+v %v", page, err)
	}
	var out, errs bytes.Buffer
	for _, c := range [][]string{{"--from", file}, {"--db", "sqlite:" + filepath.Join(dir, "r.db")}, {"--from", file, "--db", "sqlite:" + filepath.Join(dir, "r.db")}, {"--from", "/nowhere", "--db", "sqlite:" + filepath.Join(dir, "r.db"), "--no-erasures"}} {
		if code := restoreCommand(c, &out, &errs); code != 1 {
			t.Errorf("%v: %d", c, code)
		}
	}
	// Erasures may also be named in a file.
	list := filepath.Join(dir, "erased")
	if err := os.WriteFile(list, []byte("Patient/a they asked for it\nPatient/never-there likewise\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	into := "sqlite:" + filepath.Join(dir, "r.db")
	if code := restoreCommand([]string{"--from", file, "--db", into, "--erasures", list}, &out, &errs); code != 0 {
		t.Fatalf("%s", errs.String())
	}
	back := record.TestOn(t, into)
	if _, err := back.Get(t.Context(), loader, "Patient", "a"); fhir.KindOf(err) != fhir.NotFound {
		t.Errorf("what was erased came back: %v", err)
	}
}
