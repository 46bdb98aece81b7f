package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/automate/unusual"
	"github.com/kith-care/kith/record"
)

// auditUnusual says what a privacy officer would be told of, and writes no Task: it is how thresholds are tried out.
func auditUnusual(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("audit unusual", auditUsage, stderr)
	db := databaseFlag(f, "sqlite:kith.db")
	since := f.String("since", "24h", "`TIME` from which on to look")
	file := f.String("rules", "", "`FILE` with rules, instead of the usual ones")
	if code, done := parsed(f, args, stdout); done {
		return code
	}
	err := func() error {
		from, err := timeOf(*since, time.Now())
		if err != nil {
			return err
		}
		rules, err := unusual.ReadRules(*file)
		if err != nil {
			return err
		}
		ctx := context.Background()
		door, err := record.Open(ctx, record.Options{DB: *db, Policy: access.Everyone{}})
		if err != nil {
			return err
		}
		defer door.Close()
		found, err := (&unusual.Service{Door: door, Rules: rules}).Look(ctx, from, time.Now())
		if err != nil {
			return err
		}
		for _, f := range found {
			fmt.Fprintf(stdout, "%s %s: %s", f.Day, f.Rule, f.Why)
			if f.Patient != "" {
				fmt.Fprintf(stdout, " Patient/%s.", f.Patient)
			}
			fmt.Fprintf(stdout, " Entries: %v\n", f.Entries)
		}
		fmt.Fprintf(stdout, "%d findings by the rules of %s (%s). No Task was written.\n", len(found), rules.Version, rules.Author)
		return nil
	}()
	if err != nil {
		fmt.Fprintf(stderr, "kith audit unusual: %v\n", err)
		return 1
	}
	return 0
}
