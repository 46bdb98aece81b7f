// Package storetest gives a test each database that Kith keeps records in, so that every behaviour is tried on both.
package storetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/kith-care/kith/conformance/need"

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
