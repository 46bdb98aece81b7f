package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/record"
)

// auditList shows entries for whoever investigates on the machine itself. That somebody looked is an entry too.
func auditList(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("audit list", auditUsage, stderr)
	db := databaseFlag(f, "sqlite:kith.db")
	patient := f.String("patient", "", "`ID` of a Patient: entries about whoever that is, under all their Patients")
	actor := f.String("actor", "", "`ID` of who looked, such as Practitioner/1")
	since := f.String("since", "", "`TIME`: 2026-11-26, 2026-11-26T09:30:00Z, or 24h ago as 24h")
	until := f.String("until", "", "`TIME`, likewise")
	count := f.Int("count", 100, "`N` entries at most")
	if code, done := parsed(f, args, stdout); done {
		return code
	}
	err := func() error {
		q := record.TrailQuery{Patient: *patient, Actor: *actor, Count: *count}
		var err error
		if q.From, err = timeOf(*since, time.Now()); err != nil {
			return err
		}
		if q.To, err = timeOf(*until, time.Now()); err != nil {
			return err
		}
		ctx := context.Background()
		door, err := record.Open(ctx, record.Options{DB: *db, Policy: access.Everyone{}})
		if err != nil {
			return err
		}
		defer door.Close()
		page, err := door.Trail(ctx, access.Actor{ID: "kith/audit", Name: "kith audit list", Role: access.Kith, Purpose: "PATSFTY"}, q)
		if err != nil {
			return err
		}
		lines := json.NewEncoder(stdout)
		for i := range page.Entries {
			if err := lines.Encode(&page.Entries[i]); err != nil {
				return err
			}
		}
		return nil
	}()
	if err != nil {
		fmt.Fprintf(stderr, "kith audit list: %v\n", err)
		return 1
	}
	return 0
}

// timeOf reads a time as people give it on a command line; zero for nothing.
func timeOf(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write 2026-11-26, 2026-11-26T09:30:00Z, or 24h for a day ago", text)
}
