package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/files"
	"github.com/kith-care/kith/record"
)

const importUsage = `usage: kith import [--db DATABASE] [--idempotent] PATH…

Reads FHIR R4 into a record: transaction and other bundles, single resources and NDJSON, as JSON or XML, plain or in
.gz, .tar or .tar.gz, files or folders. A transaction is stored as a whole or not at all. An item that cannot be taken
is reported with its file and entry and does not stop the rest; the exit code is then 1.

`

func importCommand(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("import", importUsage, stderr)
	db := databaseFlag(f, "sqlite:kith.db")
	idempotent := f.Bool("idempotent", false, "store each item under an id made from its source's identity, so that importing it again does not duplicate it")
	base := f.String("base", "http://127.0.0.1:8080/fhir", "the `URL` of the record: references under it become relative in searches")
	testNumbers := f.Bool("test-numbers", false, testNumbersHelp)
	workers := f.Int("workers", 4, "how many items to prepare at once")
	if code, done := parsed(f, args, stdout); done {
		return code
	}
	if f.NArg() == 0 {
		fmt.Fprintln(stderr, "kith import: name at least one file or folder")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	total, err := files.Size(f.Args())
	if err != nil {
		fmt.Fprintf(stderr, "kith import: %v\n", err)
		return 1
	}
	door, err := record.Open(ctx, record.Options{DB: *db, Base: *base, Policy: access.Everyone{}, TestNumbers: *testNumbers})
	if err != nil {
		fmt.Fprintf(stderr, "kith import: %v\n", err)
		return 1
	}
	defer door.Close()
	bar := newBar(stderr, "importing", total)
	im := &files.Import{Door: door, Who: access.Actor{ID: "kith/import", Role: access.Kith, Purpose: "TREAT"}, Idempotent: *idempotent, Workers: *workers,
		Progress: bar.set, Bad: func(p files.Problem) { bar.line(p.Error()) }}
	start := time.Now()
	sum, err := im.Run(ctx, f.Args())
	bar.end()
	printSummary(stdout, sum, time.Since(start))
	switch {
	case err != nil:
		fmt.Fprintf(stderr, "kith import: %v\n", err)
		return 1
	case sum.Files == 0 && sum.Bad == 0:
		fmt.Fprintf(stderr, "kith import: there is nothing to import in %s\n", strings.Join(f.Args(), ", "))
		return 1
	case sum.Bad > 0:
		return 1
	}
	return 0
}

func printSummary(w io.Writer, sum *files.Summary, took time.Duration) {
	types := slices.Sorted(maps.Keys(sum.Stored))
	for t := range sum.Unchanged {
		if _, ok := sum.Stored[t]; !ok {
			types = append(types, t)
		}
	}
	slices.Sort(types)
	stored, unchanged := 0, 0
	fmt.Fprintf(w, "%-28s %10s %10s\n", "type", "stored", "unchanged")
	for _, t := range types {
		fmt.Fprintf(w, "%-28s %10d %10d\n", t, sum.Stored[t], sum.Unchanged[t])
		stored += sum.Stored[t]
		unchanged += sum.Unchanged[t]
	}
	fmt.Fprintf(w, "%-28s %10d %10d\n", "all", stored, unchanged)
	fmt.Fprintf(w, "%d files, %d items refused, %.1f s, %.0f resources/s\n", sum.Files, sum.Bad, took.Seconds(), float64(stored+unchanged)/took.Seconds())
}

// bar is a progress bar on a terminal, and a line now and then elsewhere.
type bar struct {
	mu     sync.Mutex
	w      io.Writer
	what   string
	total  int64
	shown  time.Time
	tty    bool
	drawn  bool
	latest int64
}

func newBar(w io.Writer, what string, total int64) *bar {
	b := &bar{w: w, what: what, total: max(total, 1)}
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil {
			b.tty = info.Mode()&os.ModeCharDevice != 0
		}
	}
	return b
}

func (b *bar) set(done int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.latest = done
	every := 100 * time.Millisecond
	if !b.tty {
		every = 5 * time.Second
	}
	if b.shown.IsZero() {
		b.shown = time.Now()
	}
	if time.Since(b.shown) < every {
		return
	}
	b.shown = time.Now()
	b.draw()
}

func (b *bar) draw() {
	const width = 40
	share := float64(min(b.latest, b.total)) / float64(b.total)
	if !b.tty {
		fmt.Fprintf(b.w, "%s: %3.0f %%\n", b.what, share*100)
		return
	}
	full := int(share * width)
	fmt.Fprintf(b.w, "\r%s [%-*s] %3.0f %%", b.what, width, "########################################"[:full], share*100)
	b.drawn = true
}

// line writes a message above the bar.
func (b *bar) line(s string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.drawn {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
	fmt.Fprintln(b.w, s)
}

func (b *bar) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.drawn {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}

// rows shows a count whose end is not known.
func (b *bar) rows(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.latest = n
	every := 200 * time.Millisecond
	if !b.tty {
		every = 10 * time.Second
	}
	if b.shown.IsZero() {
		b.shown = time.Now()
	}
	if time.Since(b.shown) < every {
		return
	}
	b.shown = time.Now()
	if !b.tty {
		fmt.Fprintf(b.w, "%s: %d rows\n", b.what, n)
		return
	}
	fmt.Fprintf(b.w, "\r%s: %d rows", b.what, n)
	b.drawn = true
}
