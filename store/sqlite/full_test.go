package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store"
)

// A database that may not grow any more refuses what is new, is read on, and goes on once it may grow again. The limit is
// SQLite's own, so this runs where no small disk can be mounted.
func TestFullDatabaseRefusesAndGoesOn(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "record.db")
	db, err := open(ctx, path, "FULL")
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.New(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	pages := func(n int) {
		t.Helper()
		if _, err := db.write.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", n)); err != nil {
			t.Fatal(err)
		}
	}
	pages(200)
	put := func(key string) error {
		return s.Write(ctx, func(w *store.Writer) error {
			return w.Box(ctx, store.BoxItem{Room: "test", Kind: "a", Key: key, Value: []byte(strings.Repeat("x", 5000))})
		})
	}
	stored := 0
	for ; stored < 1000; stored++ {
		if err = put(fmt.Sprint(stored)); err != nil {
			break
		}
	}
	if stored == 0 || fhir.KindOf(err) != fhir.NoRoom || !strings.Contains(fmt.Sprint(err), "the disk of the database is full: nothing was written") {
		t.Fatalf("after %d items: %v", stored, err)
	}
	for i := range stored {
		if v, err := s.BoxGet(ctx, "test", "a", fmt.Sprint(i)); err != nil || len(v) != 5000 {
			t.Fatalf("item %d: %d bytes, %v", i, len(v), err)
		}
	}
	if v, err := s.BoxGet(ctx, "test", "a", fmt.Sprint(stored)); err != nil || v != nil {
		t.Errorf("the refused item is there: %d bytes, %v", len(v), err)
	}
	pages(1000)
	if err := put("after"); err != nil {
		t.Errorf("writing does not go on: %v", err)
	}
	if said, err := Check(ctx, path); err != nil || said != "ok" {
		t.Errorf("the file is damaged: %s %v", said, err)
	}
}

// The chain of the audit goes on behind a refusal, without a gap.
func TestFullLedgerRefusesAndGoesOn(t *testing.T) {
	ctx := t.Context()
	db, err := open(ctx, filepath.Join(t.TempDir(), "audit.db"), "NORMAL")
	if err != nil {
		t.Fatal(err)
	}
	l, err := store.NewLedger(ctx, db, "chain", func(context.Context) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := db.write.ExecContext(ctx, "PRAGMA max_page_count = 60"); err != nil {
		t.Fatal(err)
	}
	appended := int64(0)
	for ; appended < 1000; appended++ {
		if err = l.Append(ctx, [][]byte{[]byte(strings.Repeat("e", 1000))}); err != nil {
			break
		}
	}
	if appended == 0 || fhir.KindOf(err) != fhir.NoRoom {
		t.Fatalf("after %d entries: %v", appended, err)
	}
	if _, err := db.write.ExecContext(ctx, "PRAGMA max_page_count = 1000"); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(ctx, [][]byte{[]byte("a"), []byte("b")}); err != nil {
		t.Fatal(err)
	}
	if err := l.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if n, err := l.Verify(ctx); err != nil || n != appended+2 {
		t.Errorf("%d entries are sound, want %d: %v", n, appended+2, err)
	}
}

// A server that goes down before it had the last entries on disk comes back without them; they are written again.
func TestLostEntriesAreWrittenAgain(t *testing.T) {
	ctx := t.Context()
	db, err := open(ctx, filepath.Join(t.TempDir(), "audit.db"), "NORMAL")
	if err != nil {
		t.Fatal(err)
	}
	l, err := store.NewLedger(ctx, db, "chain", func(context.Context) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	entry := func(e string) {
		t.Helper()
		if err := l.Append(ctx, [][]byte{[]byte(e)}); err != nil {
			t.Fatal(err)
		}
	}
	entry("1")
	if err := l.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	entry("2")
	entry("3")
	if _, err := db.write.ExecContext(ctx, "DELETE FROM audit WHERE n > 1"); err != nil {
		t.Fatal(err)
	}
	entry("4") // behind the gap
	if _, err := l.Verify(ctx); err == nil || !strings.Contains(err.Error(), "entry 2 to 3: missing") {
		t.Errorf("the gap was not found: %v", err)
	}
	if err := l.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if n, err := l.Verify(ctx); err != nil || n != 4 {
		t.Errorf("%d entries are sound, want 4: %v", n, err)
	}
	if _, err := db.write.ExecContext(ctx, "UPDATE audit SET entry = 'x' WHERE n = 2"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Verify(ctx); err == nil || !strings.Contains(err.Error(), "entry 2: changed") {
		t.Errorf("the change was not found: %v", err)
	}
}
