package sqlite

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store"
)

// listed is a source with one small table, for what a reader must withstand.
type listed struct{}

func (listed) Tables(context.Context) ([]store.TableInfo, error) {
	return []store.TableInfo{{Name: "box", Columns: []store.Column{{Name: "room", Type: "text"}, {Name: "kind", Type: "text"}, {Name: "key", Type: "text"}, {Name: "value", Type: "blob"}}}}, nil
}

func (listed) Read(_ context.Context, _ store.TableInfo, row func([]any) error) error {
	return errors.Join(row([]any{"a", "b", "c", []byte("d")}), row([]any{"a", "b", "e", []byte{}}))
}

func (listed) Close() error { return nil }

func smallBackup(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := store.Backup(t.Context(), &out, listed{}, store.BackupHead{Schema: store.Schema, From: "sqlite"}, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Whatever is done to an unencrypted backup, nothing is restored of it.
func TestDamagedBackupRestoresNothing(t *testing.T) {
	whole := smallBackup(t)
	path := filepath.Join(t.TempDir(), "r.db")
	try := func(b []byte) error {
		target, err := Restore(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer target.Close()
		_, err = store.Restore(t.Context(), bytes.NewReader(b), target, nil)
		return err
	}
	for i := 0; i < len(whole); i += 7 {
		bad := bytes.Clone(whole)
		bad[i] ^= 0x10
		if err := try(bad); fhir.KindOf(err) != fhir.Invalid && fhir.KindOf(err) != fhir.Unsupported {
			t.Errorf("byte %d altered: %v", i, err)
		}
		if err := try(whole[:i]); fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("cut off at %d: %v", i, err)
		}
	}
	if err := try(whole); err != nil {
		t.Errorf("the whole one: %v", err)
	}
	if _, err := Restore(t.Context(), path); fhir.KindOf(err) != fhir.Conflict {
		t.Errorf("a record that is there: %v", err)
	}
}

// nowhere takes everything.
type nowhere struct{}

func (nowhere) Begin(context.Context, int) error                    { return nil }
func (nowhere) Insert(context.Context, *store.Table, [][]any) error { return nil }
func (nowhere) Finish(context.Context) error                        { return nil }
func (nowhere) Close() error                                        { return nil }

func FuzzRestore(f *testing.F) {
	f.Add(smallBackup(f))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = store.Restore(t.Context(), bytes.NewReader(b), nowhere{}, nil)
	})
}

// A record is for its owner alone, whatever the umask says; so are the files beside it.
func TestRecordsAreNotReadableByOthers(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), filepath.Join(dir, "r.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l, err := OpenLedger(t.Context(), filepath.Join(dir, "r.db"), "chain")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Append(t.Context(), [][]byte{[]byte("e")}); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 4 {
		t.Fatalf("%v %v", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v: %v", f.Name(), info.Mode(), err)
		}
	}
}
