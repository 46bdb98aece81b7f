package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kith-care/kith/town"
)

const townUsage = `usage: kith town write --people N --seed S --out DIR [--density full|sixty|tenth|lately] [--days N] [--until DATE] [--feeds FOLDERS] [--gap] [--closing]
       kith town readings --people N --days D --seed S --out DIR

Writes what the systems of Merrowby, a made-up English town, send: the extracts of its general practices and what its other services
send, each in its own format and with its usual faults, one folder a feed and one a drop in it; and in DIR/truth, who is who and what
is so. The same town is the same bytes. docs/town.md says what is written.

--density is how much is known of each person: full (as much as real practices hold, the default up to 20,000 people), sixty (about 60
facts each, the default beyond), tenth (about a tenth of full) or lately (only what was written in the month before the first extracts).

kith town readings writes what people measure at home, some of whom get worse (docs/monitoring.md): readings.csv and plans.json.

  kith town write --people 2000 --seed 1 --density tenth --days 7 --out merrowby

`

func townCommand(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("town", townUsage, stderr)
	people := f.Int("people", 2000, "how many `people` live in the town")
	seed := f.Int64("seed", 1, "which town: the same `number` draws the same people")
	out := f.String("out", "", "the `DIR` to write to; it must be empty or not be there")
	density := f.String("density", "", "full, sixty, tenth or lately")
	days := f.Int("days", 5, "how many daily extracts follow the first, whole one")
	feeds := f.String("feeds", "", "write only these `FOLDERS`, as in emis-zz001,hospital-zz1")
	gap := f.Bool("gap", false, "the third daily extract of the TPP practice is missing; it lies in tpp-zz003-late")
	closing := f.Bool("closing", false, "after the last extract ZZ002 leaves its agreement; the drop that deletes everybody lies in emis-zz002-closing")
	until := f.String("until", "2026-11-01", "the `DATE` of the last extract")
	var word string
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		word, args = args[0], args[1:]
	}
	if code, done := parsed(f, args, stdout); done {
		return code
	}
	last, err := time.Parse(time.DateOnly, *until)
	switch {
	case word != "write" && word != "readings":
		fmt.Fprintf(stderr, "kith town: say what to do: write or readings, not %q\n", word)
		return 2
	case f.NArg() > 0:
		fmt.Fprintf(stderr, "kith town: %q is too much\n", f.Arg(0))
		return 2
	case *out == "":
		fmt.Fprintln(stderr, "kith town: --out says where to write to")
		return 2
	case err != nil:
		fmt.Fprintf(stderr, "kith town: --until is a date such as 2026-11-01, not %q\n", *until)
		return 2
	}
	if word == "readings" {
		if err := townReadings(town.Monitored{Seed: *seed, People: *people, Days: *days, Until: last}, *out); err != nil {
			fmt.Fprintf(stderr, "kith town: %v\n", err)
			return 1
		}
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	bar := newBar(stderr, "writing "+town.Name, int64(*people))
	start := time.Now()
	made := town.Town{Seed: *seed, People: *people, Until: last}
	done, err := made.Write(ctx, *out, town.Writing{Density: town.Density(*density), Days: *days, Feeds: strings.FieldsFunc(*feeds, func(r rune) bool { return r == ',' }), Gap: *gap, Closing: *closing, Progress: func(n int) { bar.set(int64(n)) }})
	bar.end()
	if err != nil {
		fmt.Fprintf(stderr, "kith town: %v\n", err)
		return 1
	}
	took := time.Since(start).Seconds()
	fmt.Fprintf(stdout, "%d people, %d rows, %d facts that are so, %d bad rows in %.1f s (%.0f rows/s): %s\n", done.People, done.Rows, done.Facts, done.Bad, took, float64(done.Rows)/took, *out)
	return 0
}

// townReadings writes readings at home, and what is planned for those who send them.
func townReadings(m town.Monitored, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	readings, err := os.Create(filepath.Join(dir, "readings.csv"))
	if err != nil {
		return err
	}
	plans, err := os.Create(filepath.Join(dir, "plans.json"))
	if err != nil {
		readings.Close()
		return err
	}
	return errors.Join(m.Write(readings, plans), readings.Close(), plans.Close())
}
