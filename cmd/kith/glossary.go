package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"text/tabwriter"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/explain"
	"github.com/kith-care/kith/record"
)

const glossaryUsage = `usage: kith glossary coverage [--db DATABASE] [--glossary DIR] [--show N]
       kith glossary check [--glossary DIR]

The glossary explains in plain words what stands in a record (docs/record.md). coverage reads a whole record and prints how much of each
kind of thing is explained, by place and by term, and the terms that nothing explains, the most frequent first. check reads the glossary
alone and names what is wrong with it.

`

func glossaryCommand(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("glossary", glossaryUsage, stderr)
	db := databaseFlag(f, "sqlite:kith.db")
	own := f.String("glossary", "", "a `DIR` with entries of the place, which take the place of ours")
	show := f.Int("show", 20, "how many terms without an explanation to show")
	if code, done := parsed(f, flagsFirst(f, args), stdout); done {
		return code
	}
	if f.NArg() != 1 || f.Arg(0) != "coverage" && f.Arg(0) != "check" {
		fmt.Fprintln(stderr, "kith glossary: say coverage or check")
		return 2
	}
	g, err := glossaryOf(*own)
	if err == nil && f.Arg(0) == "coverage" {
		err = printCoverage(stdout, g, *db, *show)
	}
	if err != nil {
		fmt.Fprintf(stderr, "kith glossary: %v\n", err)
		return 1
	}
	if f.Arg(0) == "check" {
		fmt.Fprintf(stdout, "%d entries, nothing wrong\n", len(g.Entries))
	}
	return 0
}

// glossaryOf is the glossary that comes with Kith, with a place's own entries where it has a folder of them.
func glossaryOf(dir string) (*explain.Glossary, error) {
	folders := []fs.FS{explain.Shipped()}
	if dir != "" {
		folders = append(folders, os.DirFS(dir))
	}
	return explain.Load(folders...)
}

func printCoverage(w io.Writer, g *explain.Glossary, db string, show int) error {
	ctx := context.Background()
	door, err := record.Open(ctx, record.Options{DB: db, Policy: access.Everyone{}})
	if err != nil {
		return err
	}
	defer door.Close()
	c, err := g.Cover(ctx, door, access.Actor{ID: "kith/glossary", Name: "kith glossary", Role: access.Kith, Purpose: "HOPERAT"})
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tcoded places\texplained\t%\tterms\texplained\t%\tin words only\texplained\t")
	for _, k := range append(c.Kinds, c.All) {
		fmt.Fprintf(t, "%s\t%d\t%d\t%.1f\t%d\t%d\t%.1f\t%d\t%d\t\n", k.Kind, k.Entries, k.Explained, explain.Share(k.Explained, k.Entries), k.Terms, k.ExplainedTerms,
			explain.Share(k.ExplainedTerms, k.Terms), k.Uncoded, k.UncodedKnown)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for i, m := range c.Missing {
		if i == 0 {
			fmt.Fprintln(w, "\nwithout an explanation:")
		}
		if i == show {
			fmt.Fprintf(w, "  and %d more\n", len(c.Missing)-i)
			break
		}
		fmt.Fprintf(w, "%6d  %s: %s (%s)\n", m.Times, m.Kind, m.Words, m.Code)
	}
	return nil
}
