package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/optout"
	"github.com/kith-care/kith/record"
)

const optoutUsage = `usage: kith optout --db DATABASE LIST

Takes in the national data opt-out: LIST has one NHS number a line, of all who have opted out of uses beyond their own care. Who stands in
it no more has opted in again. A list with a line that is no NHS number changes nothing. Run it whenever a new list has come.

`

func optoutCommand(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("optout", optoutUsage, stderr)
	db := f.String("db", "sqlite:kith.db", dbHelp)
	if code, done := parsed(f, args, stdout); done {
		return code
	}
	if f.NArg() != 1 {
		fmt.Fprint(stderr, "kith optout: name the list\n\n"+optoutUsage)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	res, err := optOut(ctx, *db, f.Arg(0), stderr)
	if err != nil {
		fmt.Fprintf(stderr, "kith optout: %v\n", err)
		return 1
	}
	fmt.Fprintf(stdout, "%d NHS numbers in the list, %d of them in no record here; %d records opted out, %d opted in again.\n", res.Listed, res.Unknown, res.Out, res.In)
	return 0
}

func optOut(ctx context.Context, db, path string, stderr io.Writer) (optout.Result, error) {
	file, err := os.Open(path)
	if err != nil {
		return optout.Result{}, err
	}
	defer file.Close()
	list, err := optout.Read(file)
	if err != nil {
		return optout.Result{}, fmt.Errorf("%s: %w", path, err)
	}
	door, err := record.Open(ctx, record.Options{DB: db, Policy: access.Default()})
	if err != nil {
		return optout.Result{}, err
	}
	defer door.Close()
	bar := newBar(stderr, "opting out", int64(len(list)))
	defer bar.end()
	return optout.Apply(ctx, door, access.Actor{ID: "kith/optout", Name: "National data opt-out", Role: access.Kith, Purpose: "PATRQT"}, list, time.Now(), func(done, _ int) { bar.set(int64(done)) })
}
