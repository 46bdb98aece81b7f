package main

import (
	"bufio"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kith-care/kith/connect/match"
)

const matchUsage = `usage: kith match A.csv [B.csv] --map id=COLUMN,forename=COLUMN,… --out pairs.csv

Finds the rows that are about the same person: within one file, or between two. Any CSV file with a header will do.

--map says which column holds which field. Fields: id, nhs, forename, surname, dob, sex, postcode, address, town, phone,
email; any of them. Several columns make one field with +, as in address=line_1+line_2. After | stands a further value of the
field, such as an earlier one: postcode=now|before, surname=married|maiden. Without id, rows are named by their number. Dates are yyyy-mm-dd, yyyymmdd or dd/mm/yyyy. Where the columns of B have other names, give --map-b as well.

--out has the columns id_a, id_b, weight and decision. The weight is the log2 odds, in bits, that the two rows are one person;
from 5 (32 to 1) a pair is a link. Pairs for a person to look at (review) and pairs that were compared and are apart (non-link) are
written with --all only; the report counts them. Nothing needs tuning: how much a field says is learned from the files.
docs/matching.md says how.

  kith match patients.csv --map id=no,forename=first,surname=last,dob=born,postcode=pc --out pairs.csv
  kith match a.csv b.csv --map id=id,nhs=nhs_number,dob=dob --out pairs.csv --save-settings frozen.json
  kith match a.csv b.csv --map id=id,nhs=nhs_number,dob=dob --out pairs.csv --settings frozen.json

`

// matching is what kith match was asked for.
type matching struct {
	files                                  []string
	mapA, mapB, out, settings, save, truth string
	all, testNumbers                       bool
	explainA, explainB                     string
	people                                 [2][]match.Person
	truths                                 [2]map[string]string
	pairs, learned                         *output
}

func matchCommand(args []string, stdout, stderr io.Writer) int {
	var c matching
	f := flagsOf("match", matchUsage, stderr)
	f.StringVar(&c.mapA, "map", "", "which `FIELD=COLUMN,…` hold what")
	f.StringVar(&c.mapB, "map-b", "", "the same for B, where its columns have other names")
	f.StringVar(&c.out, "out", "", "the `FILE` to write the pairs to; - is standard output, the report then goes to standard error")
	f.BoolVar(&c.all, "all", false, "write all pairs that were compared, not only links")
	f.StringVar(&c.settings, "settings", "", "decide by this `FILE` of settings and learn nothing")
	f.StringVar(&c.save, "save-settings", "", "write what was learned to this `FILE`")
	f.StringVar(&c.truth, "truth", "", "the `COLUMN` that says who a row really is: precision and recall are printed; it is not used otherwise")
	f.BoolVar(&c.testNumbers, "test-numbers", false, "the people are made up: NHS numbers that begin with 999 count")
	f.StringVar(&c.explainA, "explain", "", "print what each field says about the pair of this `ID` and the one of --with")
	f.StringVar(&c.explainB, "with", "", "the other `ID` of --explain")
	if code, done := parsed(f, flagsFirst(f, args), stdout); done {
		return code
	}
	c.files = f.Args()
	switch {
	case len(c.files) == 0 || len(c.files) > 2:
		fmt.Fprintf(stderr, "kith match: name one CSV file or two, not %d\n", len(c.files))
		return 2
	case c.mapA == "":
		fmt.Fprintln(stderr, "kith match: --map is needed: which column holds which field")
		return 2
	case c.out == "" && c.explainA == "":
		fmt.Fprintln(stderr, "kith match: --out is needed: where to write the pairs")
		return 2
	case (c.explainA == "") != (c.explainB == ""):
		fmt.Fprintln(stderr, "kith match: --explain and --with name one pair together")
		return 2
	}
	report := stdout
	if c.out == "-" {
		report = stderr
	}
	if err := c.run(stdout, report, stderr); err != nil {
		fmt.Fprintf(stderr, "kith match: %v\n", err)
		return 1
	}
	return 0
}

// flagsFirst lets flags stand after the files they are about, as people write them.
func flagsFirst(f *flag.FlagSet, args []string) []string {
	var flags, files []string
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			files = append(files, args[i+1:]...)
			break
		}
		if len(a) < 2 || a[0] != '-' {
			files = append(files, a)
			continue
		}
		flags = append(flags, a)
		known := f.Lookup(strings.TrimLeft(a, "-"))
		if known == nil {
			continue // --name=value, or wrong, which Parse will say
		}
		if b, ok := known.Value.(interface{ IsBoolFlag() bool }); (!ok || !b.IsBoolFlag()) && i+1 < len(args) {
			i++
			flags = append(flags, args[i])
		}
	}
	return append(append(flags, "--"), files...)
}

func (c *matching) run(stdout, report, progress io.Writer) error {
	start := time.Now()
	if err := c.begin(); err != nil {
		return err
	}
	defer c.pairs.drop()
	defer c.learned.drop()
	if err := c.read(); err != nil {
		return err
	}
	roster, err := match.New(c.people[0], c.people[1], c.testNumbers)
	if err != nil {
		return err
	}
	read := time.Since(start)
	c.people = [2][]match.Person{}
	settings, err := c.settle(roster, progress)
	if err != nil {
		return err
	}
	if c.explainA != "" {
		return explainPair(stdout, roster, settings, c.explainA, c.explainB)
	}
	bar := newBar(progress, "comparing", 1)
	found := roster.Run(settings, c.all, bar.of)
	bar.end()
	if err := c.write(stdout, roster, found); err != nil {
		return err
	}
	reportWeights(report, roster, settings)
	var n [3]int
	for _, p := range found {
		n[p.Decision]++
	}
	fmt.Fprintf(report, "\n%d rows: %d links, %d to review; read in %.1f s, all in %.1f s\n", roster.Len(), n[match.One], n[match.Ask], read.Seconds(), time.Since(start).Seconds())
	if c.truth != "" {
		s := roster.Check(found, c.truths[0], c.truths[1])
		fmt.Fprintf(report, "truth: %d right, %d wrong, %d missed: precision %.5f, recall %.5f, F1 %.5f\n", s.Right, s.Wrong, s.Missed, s.Precision(), s.Recall(), s.F1())
	}
	return nil
}

// begin begins the files that will be written.
func (c *matching) begin() (err error) {
	read := append(slices.Clone(c.files), c.settings)
	if c.out != "" && c.out != "-" && c.explainA == "" {
		if c.pairs, err = newOutput(c.out, read...); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
	}
	if c.save != "" {
		if c.learned, err = newOutput(c.save, append(read, c.out)...); err != nil {
			c.pairs.drop()
			return fmt.Errorf("--save-settings: %w", err)
		}
	}
	return nil
}

func (c *matching) read() error {
	for i, name := range c.files {
		text, flag := c.mapA, "--map"
		if i == 1 && c.mapB != "" {
			text, flag = c.mapB, "--map-b"
		}
		columns, err := match.ParseMap(text)
		if err != nil {
			return fmt.Errorf("%s: %w", flag, err)
		}
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		c.people[i], c.truths[i], err = match.ReadCSV(bufio.NewReaderSize(file, 1<<20), filepath.Base(name), columns, c.truth)
		file.Close()
		if err != nil {
			return err
		}
		if c.people[i] == nil {
			c.people[i] = []match.Person{} // a second file without rows is still a second file
		}
	}
	return nil
}

func (c *matching) settle(roster *match.Roster, progress io.Writer) (*match.Settings, error) {
	var settings *match.Settings
	if c.settings != "" {
		file, err := os.Open(c.settings)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		if settings, err = match.ReadSettings(file); err != nil {
			return nil, fmt.Errorf("%s: %w", c.settings, err)
		}
	} else {
		bar := newBar(progress, "learning", 1)
		settings = roster.Learn(bar.of)
		bar.end()
	}
	if c.save == "" {
		return settings, nil
	}
	return settings, c.learned.keep(settings.Write)
}

func (c *matching) write(stdout io.Writer, roster *match.Roster, found []match.Scored) error {
	write := func(w io.Writer) error {
		out := csv.NewWriter(w)
		out.Write([]string{"id_a", "id_b", "weight", "decision"})
		for _, p := range found {
			if c.all || p.Decision == match.One {
				out.Write([]string{roster.ID(p.A), roster.ID(p.B), strconv.FormatFloat(float64(p.Weight), 'f', 2, 32), p.Decision.String()})
			}
		}
		out.Flush()
		return out.Error()
	}
	if c.out == "-" {
		return write(stdout)
	}
	return c.pairs.keep(write)
}

// of moves a bar whose whole is told with each step.
func (b *bar) of(done, total int64) {
	b.mu.Lock()
	b.total = max(total, 1)
	b.mu.Unlock()
	b.set(done)
}

func explainPair(w io.Writer, roster *match.Roster, settings *match.Settings, a, b string) error {
	one, other, err := roster.Find(a, b)
	if err != nil {
		return err
	}
	parts, weight := roster.Explain(settings, one, other)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range parts {
		fmt.Fprintf(t, "%s\t%s\t%+.2f\n", p.Field, p.Level, p.Bits)
	}
	fmt.Fprintf(t, "weight\t\t%+.2f\n", weight)
	return t.Flush()
}

func reportWeights(w io.Writer, roster *match.Roster, settings *match.Settings) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "field\tagreement\tm\tu\tbits")
	for f, line := range roster.Weights(settings) {
		for _, l := range line {
			fmt.Fprintf(t, "%s\t%s\t%.4f\t%.6f\t%s\n", match.Field(f), l.Name, l.M, l.U, l.Bits)
		}
		if n := roster.Silent[f]; n > 0 {
			fmt.Fprintf(t, "%s\tnot usable in %d rows\t\t\t\n", match.Field(f), n)
		}
	}
	t.Flush()
	fmt.Fprintf(w, "\n%.4f true pairs for each person expected; names swapped in %.2f %% of them; families guarded against: %t; link from %.1f bits, review from %.1f\n",
		settings.Share, settings.Swapped*100, settings.Households, settings.Link, settings.Review)
}
