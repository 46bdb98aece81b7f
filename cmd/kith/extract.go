package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/community"
	"github.com/kith-care/kith/connect/devices"
	"github.com/kith-care/kith/connect/documents"
	"github.com/kith-care/kith/connect/gp"
	"github.com/kith-care/kith/connect/gpconnect"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/connect/push"
	"github.com/kith-care/kith/connect/social"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

const extractUsage = `usage: kith extract --feed NAME --kind KIND [--db DATABASE] PATH…

Files extracts of tables into a record, as their source sends them: files, folders (one drop each), or zips. Everything is kept as
it came before it is read. Rows that say nothing new are recognised; rows that cannot be understood are quarantined with their reason,
rows whose parent is missing are parked until it comes; extracts may come in any order. A drop that broke off goes on
when the command is run again. The exit code is 1 where rows were quarantined or the feed is held for a person to look at.

`

// formats are the languages of extracts that are understood, by kind.
func formats() map[string]*intake.Format {
	all := map[string]*intake.Format{}
	for _, f := range []*intake.Format{gp.EMIS(), gp.TPP(), gp.Vision(), social.CLD(), community.Adastra(), community.Mapped()} {
		all[f.Kind] = f
	}
	return all
}

// readers are the languages of items that are no tables, by kind.
func readers() map[string]intake.Reader {
	return map[string]intake.Reader{"documents": documents.File, "gpconnect": gpconnect.Read, social.VisitsKind: social.Visits, devices.Kind: devices.Read,
		push.Kind: push.Resources, push.MessageKind: push.Message}
}

func extractCommand(args []string, stdout, stderr io.Writer) int {
	kinds := formats()
	names := strings.Join(slices.Sorted(maps.Keys(kinds)), ", ")
	f := flagsOf("extract", extractUsage, stderr)
	db := databaseFlag(f, "sqlite:kith.db")
	feed := f.String("feed", "", "the `NAME` of the feed: lower case letters, digits, dashes")
	kind := f.String("kind", "", "its `KIND`: "+names)
	title := f.String("title", "", "what people call it, such as Mill Lane Surgery (default the feed's name)")
	ods := f.String("organisation", "", "the `ODS` code of whose record it is")
	columns := f.String("map", "", "the `MAP` of columns of a community feed: one that is known, or a file (docs/around.md)")
	release := f.Bool("release", false, "let a feed go on that is held, and do what it is held for")
	testNumbers := f.Bool("test-numbers", false, testNumbersHelp)
	if code, done := parsed(f, args, stdout); done {
		return code
	}
	format := kinds[*kind]
	if format == nil {
		fmt.Fprintf(stderr, "kith extract: --kind is one of %s, not %q\n", names, *kind)
		return 2
	}
	if *feed == "" || f.NArg() == 0 && !*release {
		fmt.Fprintln(stderr, "kith extract: name a --feed and at least one file or folder")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	door, err := record.Open(ctx, record.Options{DB: *db, Policy: access.Everyone{}, TestNumbers: *testNumbers})
	if err != nil {
		fmt.Fprintf(stderr, "kith extract: %v\n", err)
		return 1
	}
	defer door.Close()
	e := extracting{feed: intake.Feed{Name: *feed, Kind: *kind, Title: *title, Organization: *ods, Map: *columns}, format: format, release: *release, stdout: stdout, stderr: stderr}
	code, err := e.run(ctx, door, f.Args())
	if err != nil {
		fmt.Fprintf(stderr, "kith extract: %v\n", err)
		return 1
	}
	return code
}

type extracting struct {
	feed           intake.Feed
	format         *intake.Format
	release        bool
	stdout, stderr io.Writer
}

func (e *extracting) run(ctx context.Context, door *record.Door, paths []string) (code int, err error) {
	desk, err := intake.Open(ctx, door)
	if err != nil {
		return 1, err
	}
	if err := e.known(ctx, desk); err != nil {
		return 1, err
	}
	if e.release {
		if err := desk.Release(ctx, access.Actor{ID: "kith/extract", Role: access.Kith}, e.feed.Name); err != nil {
			return 1, err
		}
		report := &intake.Report{Drop: "held", Types: map[string]int{}}
		if err := desk.Resume(ctx, e.format, e.feed.Name, report, nil); err != nil {
			return 1, err
		}
		code = e.print(report, 0)
		if err := e.reasons(ctx, desk, report); err != nil {
			return 1, err
		}
	}
	for _, path := range paths {
		drops, err := intake.Drops(path)
		if err != nil {
			return 1, err
		}
		if len(drops) == 0 {
			return 1, fmt.Errorf("there is no file in %s", path)
		}
		for _, d := range drops {
			start := time.Now()
			bar := newBar(e.stderr, d.Name, 0)
			report, err := desk.Extract(ctx, e.format, e.feed.Name, d.Name, d.Files, func(rows int64) { bar.rows(rows) })
			bar.end()
			if err != nil {
				return 1, fmt.Errorf("%s: %w", d.Name, err)
			}
			code = max(code, e.print(report, time.Since(start)))
			if err := e.reasons(ctx, desk, report); err != nil {
				return 1, err
			}
		}
	}
	return code, nil
}

// known makes the feed known. Of one that is known already, what is not said stays as it is.
func (e *extracting) known(ctx context.Context, desk *intake.Desk) error {
	f := intake.Feed{Name: e.feed.Name}
	if have, err := desk.Named(e.feed.Name); err == nil {
		f = *have
	} else if fhir.KindOf(err) != fhir.NotFound {
		return err
	}
	f.Kind = e.feed.Kind
	f.Organization = cmp.Or(e.feed.Organization, f.Organization)
	f.Map = cmp.Or(e.feed.Map, f.Map)
	f.Title = cmp.Or(e.feed.Title, f.Title, f.Name)
	_, err := desk.Feed(ctx, f)
	return err
}

// reasons prints why rows of a drop are in quarantine: the most frequent first, each with the first place.
func (e *extracting) reasons(ctx context.Context, desk *intake.Desk, r *intake.Report) error {
	type reason struct {
		first intake.Bad
		rows  int
	}
	found, left := map[string]*reason{}, r.Rows.Quarantined
	files := map[int64]bool{}
	for _, it := range r.Items {
		files[it.Number] = it.Status != intake.Quarantined // why a whole file is, has been said
	}
	const page = 1000
	for after := ""; left > 0; {
		bads, err := desk.Bads(ctx, desk.Who, e.feed.Name, after, page)
		if err != nil {
			return err
		}
		for _, b := range bads {
			after = b.Key
			if !files[b.Item] {
				continue
			}
			left--
			key := b.Table + "|" + cmp.Or(b.Column, b.Reason) // reasons of one column differ in the value that they show
			if found[key] == nil {
				found[key] = &reason{first: b}
			}
			if n := found[key]; b.Line < n.first.Line {
				n.first = b
			}
			found[key].rows++
		}
		if len(bads) < page {
			break
		}
	}
	all := slices.SortedFunc(maps.Values(found), func(a, b *reason) int {
		return cmp.Or(cmp.Compare(b.rows, a.rows), cmp.Compare(a.first.File, b.first.File), cmp.Compare(a.first.Line, b.first.Line))
	})
	for _, n := range all[:min(most, len(all))] {
		b := n.first
		fmt.Fprintf(e.stdout, "  %d quarantined, first %s line %d: %s\n", n.rows, b.File, b.Line, strings.TrimPrefix(b.Column+": "+b.Reason, ": "))
	}
	if len(all) > most {
		fmt.Fprintf(e.stdout, "  and %d more reasons\n", len(all)-most)
	}
	return nil
}

// most is how many files and reasons a drop's report names.
const most = 5

func (e *extracting) print(r *intake.Report, took time.Duration) (code int) {
	n := r.Rows
	switch {
	case len(r.Items) > 0:
		fmt.Fprintf(e.stdout, "%s: %d rows in %.1f s (%.0f/s): %d filed, %d unchanged, %d retracted, %d parked, %d quarantined, %d superseded", r.Drop, n.In, took.Seconds(),
			float64(n.In)/max(took.Seconds(), 0.001), n.Filed, n.Unchanged, n.Retracted, n.Parked, n.Quarantined, n.Older)
	case len(r.Known) > 0:
		fmt.Fprintf(e.stdout, "%s: nothing new: its %d files came before", r.Drop, len(r.Known))
	case r.Held != "":
		fmt.Fprintf(e.stdout, "%s: kept, not filed", r.Drop)
	case len(r.Ignored) > 0:
		fmt.Fprintf(e.stdout, "%s: nothing in it is read as %s", r.Drop, e.feed.Kind)
		code = 1
	default:
		fmt.Fprintf(e.stdout, "%s: nothing to file", r.Drop)
	}
	if len(r.Ignored) > 0 {
		fmt.Fprintf(e.stdout, "; %d files not read, such as %s", len(r.Ignored), r.Ignored[0])
	}
	fmt.Fprintln(e.stdout)
	whole := slices.DeleteFunc(slices.Clone(r.Items), func(it *intake.Item) bool { return it.Status != intake.Quarantined })
	for _, it := range whole[:min(most, len(whole))] {
		fmt.Fprintf(e.stdout, "  quarantined: %s: %s\n", it.Name, it.Reason)
	}
	if len(whole) > most {
		fmt.Fprintf(e.stdout, "  and %d more files\n", len(whole)-most)
	}
	if r.Held != "" {
		fmt.Fprintf(e.stdout, "  the feed is held: %s (kith extract --release goes on)\n", r.Held)
		return 1
	}
	if n.Quarantined > 0 {
		return 1
	}
	return code
}
