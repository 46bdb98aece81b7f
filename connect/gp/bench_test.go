package gp_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/kith-care/kith/connect/gp"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/town"
)

// write makes the EMIS extracts of a made-up practice and answers their folder.
func write(t testing.TB, people, days int) string {
	t.Helper()
	dir := t.TempDir()
	made := town.Town{Seed: 3, People: people}
	if _, err := made.Write(context.Background(), dir, town.Writing{Density: "full", Days: days, Feeds: []string{"emis-zz001"}}); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "emis-zz001")
}

func file(t testing.TB, desk *intake.Desk, dir string) (rows int) {
	t.Helper()
	drops, err := intake.Drops(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range drops {
		report, err := desk.Extract(context.Background(), gp.EMIS(), "emis-zz001", d.Name, d.Files, nil)
		if err != nil {
			t.Fatal(err)
		}
		rows += report.Rows.In
	}
	return rows
}

// BenchmarkEMIS files a practice's bulk extract, then sends it again under other names: new rows, and rows that say nothing new. Of a strict feed all
// that is made is validated in full besides.
func BenchmarkEMIS(b *testing.B) {
	dir := write(b, 1200, 1)
	for _, c := range []struct {
		name   string
		db     func(testing.TB) string
		strict bool
	}{{"sqlite", storetest.SQLite, false}, {"sqlite-strict", storetest.SQLite, true}, {"postgres", storetest.Postgres, false}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				door := record.TestOn(b, c.db(b))
				desk, err := intake.Open(context.Background(), door)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := desk.Feed(context.Background(), intake.Feed{Name: "emis-zz001", Kind: "emis", Organization: "ZZ001", Strict: c.strict}); err != nil {
					b.Fatal(err)
				}
				start := time.Now()
				rows := file(b, desk, dir)
				b.ReportMetric(float64(rows)/time.Since(start).Seconds(), "new-rows/s")
				again := b.TempDir()
				if err := copyAll(dir, again); err != nil {
					b.Fatal(err)
				}
				start = time.Now()
				rows = file(b, desk, again)
				b.ReportMetric(float64(rows)/time.Since(start).Seconds(), "same-rows/s")
			}
		})
	}
}
