// Package storetest gives a test each database that Kith keeps records in, so that every behaviour is tried on both.
package storetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/kith-care/kith/conformance/need"

	"github.com/kith-care/kith/store"
	"github.com/kith-care/kith/store/postgres"
	"github.com/kith-care/kith/store/sqlite"
)

// Each runs f on a new SQLite file and on a new PostgreSQL database, each named as record.Options.DB takes it.
//
// PostgreSQL is the server of KITH_TEST_POSTGRES, whose user may create databases; where it is not set that half is
// skipped, or fails under KITH_REQUIRE=all.
func Each(t *testing.T, f func(t *testing.T, db string)) {
	t.Run("sqlite", func(t *testing.T) { f(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { f(t, Postgres(t)) })
}

// SQLite names a new SQLite file.
func SQLite(t testing.TB) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "record.db")
}

// Postgres names a new PostgreSQL database, dropped when the test ends.
func Postgres(t testing.TB) string {
	t.Helper()
	server := os.Getenv("KITH_TEST_POSTGRES")
	if server == "" {
		need.Skip(t, "the PostgreSQL half: KITH_TEST_POSTGRES names no server (scripts/postgres go test … starts one)")
	}
	b := make([]byte, 6)
	rand.Read(b)
	name := "kith_test_" + hex.EncodeToString(b)
	run(t, server, "CREATE DATABASE "+name)
	t.Cleanup(func() { run(t, server, "DROP DATABASE "+name+" WITH (FORCE)") })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// Intact has the database check its own structures. PostgreSQL has no such check without an extension; there every row
// is read.
func Intact(t testing.TB, db string) {
	t.Helper()
	path, file := strings.CutPrefix(db, "sqlite:")
	if !file {
		run(t, db, "SELECT count(hashtextextended(r::text, 0)) FROM res r")
		run(t, db, "SELECT count(hashtextextended(a::text, 0)) FROM audit a")
		return
	}
	for _, p := range []string{path, path + "-audit"} {
		if said, err := sqlite.Check(context.Background(), p); err != nil || said != "ok" {
			t.Errorf("%s is damaged: %s (%v)", p, said, err)
		}
	}
}

// Ledger opens the audit trail beside the record, or in it.
func Ledger(ctx context.Context, db string) (*store.Ledger, error) {
	if path, file := strings.CutPrefix(db, "sqlite:"); file {
		return sqlite.OpenLedger(ctx, path, "")
	}
	return postgres.OpenLedger(ctx, db, "")
}

// Tamper runs a statement on the database of the audit trail, as somebody could who has its file or its password.
func Tamper(t testing.TB, db, statement string) {
	t.Helper()
	path, file := strings.CutPrefix(db, "sqlite:")
	if !file {
		run(t, db, statement)
		return
	}
	if err := sqlite.Run(context.Background(), path+"-audit", statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// Rehash puts another text into an entry of a chain and makes its hash and all that follow anew, as somebody would who knows how the
// trail is made.
func Rehash(t testing.TB, db, chain string, n int64, text []byte) {
	t.Helper()
	ledger, err := Ledger(context.Background(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	var head []byte
	err = ledger.Rows(context.Background(), chain, func(i int64, entry, hash []byte) error {
		if i == n {
			entry = text
		}
		if i >= n {
			h := sha256.New()
			h.Write(head)
			h.Write(entry)
			hash = h.Sum(nil)
			literal := func(b []byte) string {
				if strings.HasPrefix(db, "sqlite:") {
					return "x'" + hex.EncodeToString(b) + "'"
				}
				return "'\\x" + hex.EncodeToString(b) + "'"
			}
			Tamper(t, db, fmt.Sprintf("UPDATE audit SET entry = %s, hash = %s WHERE chain = '%s' AND n = %d", literal(entry), literal(hash), chain, i))
		}
		head = hash
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func run(t testing.TB, server, sql string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatal(err)
	}
}
