package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/feeds"
	"github.com/kith-care/kith/connect/match"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/town"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/staff"
)

const demoUsage = `usage: kith demo [--addr HOST:PORT] [--data DIR] [--people N] [--seed S]

Serves Merrowby, a made-up English town: people with problems, medicines, results and visits, none of whom exists. The
first start fills the record while it is served already; later starts find it there. Pages are at /, FHIR R4 is at
/fhir. Nobody has to sign in, so it works on loopback addresses only. Remove DIR to begin again.

`

// townOf is which town a folder holds. It is written before the town is, and never changes.
type townOf struct {
	Seed   int64     `json:"seed"`
	People int       `json:"people"`
	Until  time.Time `json:"until"` // the day of the first start: the day its records end
}

func demoCommand(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("demo", demoUsage, stderr)
	addr := f.String("addr", "127.0.0.1:8080", "`HOST:PORT` to serve on")
	data := f.String("data", "kith-demo", "`DIR` that keeps the record")
	people := f.Int("people", 2000, "how many `people` live in the town")
	seed := f.Int64("seed", 1, "which town: the same `number` draws the same people")
	if code, done := parsed(f, args, stdout); done {
		return code
	}
	if f.NArg() > 0 {
		fmt.Fprintf(stderr, "kith demo: %q is too much\n", f.Arg(0))
		return 2
	}
	if *people < 1 || *people > town.MostPeople {
		fmt.Fprintf(stderr, "kith demo: --people is 1 to %d, not %d\n", town.MostPeople, *people)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	d := demo{addr: *addr, data: *data, want: townOf{*seed, *people, time.Now().UTC().Truncate(24 * time.Hour)}, stdout: stdout, stderr: stderr}
	if err := d.run(ctx); err != nil {
		fmt.Fprintf(stderr, "kith demo: %v\n", err)
		return 1
	}
	return 0
}

// demo is a server that fills its record with a town.
type demo struct {
	addr, data     string
	want           townOf
	stdout, stderr io.Writer
	done           atomic.Int64
	failed         atomic.Pointer[string]
	filled         chan struct{} // closed when all people are there, or filling has failed; nil where nobody waits
}

func (d *demo) run(ctx context.Context) error {
	if err := os.MkdirAll(d.data, 0o755); err != nil {
		return err
	}
	if err := d.settle(); err != nil {
		return err
	}
	s := serving{addr: d.addr, db: "sqlite:" + filepath.Join(d.data, "kith.db"), auth: "off", testNumbers: true, madeUp: d.madeUp}
	return s.run(ctx, d.stdout, d.fill)
}

// settle finds out which town the folder holds, or decides it. A folder that holds another is left alone.
func (d *demo) settle() error {
	path := filepath.Join(d.data, "town.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(d.data, "kith.db")); err == nil {
			return fmt.Errorf("%s holds a record that is not a made-up town: name another --data", d.data)
		}
		text, err = json.Marshal(d.want)
		if err != nil {
			return err
		}
		return os.WriteFile(path, text, 0o644)
	}
	if err != nil {
		return err
	}
	var have townOf
	if err := json.Unmarshal(text, &have); err != nil {
		return fmt.Errorf("%s cannot be read: %w", path, err)
	}
	if have.Seed != d.want.Seed || have.People != d.want.People {
		return fmt.Errorf("%s holds town %d with %d people, not town %d with %d: name another --data, or remove it", d.data, have.Seed, have.People, d.want.Seed, d.want.People)
	}
	d.want = have
	return nil
}

func (d *demo) madeUp() *kit.MadeUp {
	m := &kit.MadeUp{Place: town.Name, Done: int(d.done.Load()), Total: d.want.People}
	if why := d.failed.Load(); why != nil {
		m.Failed = *why
	}
	return m
}

// fill puts in whoever is missing. Each person is one transaction, so nobody is ever there by half.
func (d *demo) fill(ctx context.Context, door *record.Door, _ *feeds.Service) {
	if d.filled != nil {
		defer close(d.filled)
	}
	if err := d.missing(ctx, door); err != nil && ctx.Err() == nil {
		why := err.Error()
		d.failed.Store(&why)
		fmt.Fprintf(d.stderr, "kith demo: %s could not be filled: %v\n", town.Name, err)
	}
}

func (d *demo) missing(ctx context.Context, door *record.Door) error {
	who := access.Actor{ID: "kith/demo", Role: "system"}
	page, err := door.Find(ctx, who, "Patient?_summary=count")
	if err != nil {
		return err
	}
	if page.Total >= int64(d.want.People) {
		d.done.Store(int64(d.want.People))
		return nil
	}
	made := town.Town{Seed: d.want.Seed, People: d.want.People, Until: d.want.Until}
	shared, err := made.Shared()
	if err != nil {
		return err
	}
	if err := put(ctx, door, who, shared); err != nil {
		return err
	}
	bar := newBar(d.stderr, "filling "+town.Name, int64(d.want.People))
	defer bar.end()
	start, before := time.Now(), page.Total
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for {
				i := int(next.Add(1) - 1)
				if i >= d.want.People || ctx.Err() != nil {
					return
				}
				if err := d.person(ctx, door, who, made, i, before > 0); err != nil {
					stop(fmt.Errorf("person %d: %w", i, err))
					return
				}
				bar.set(d.done.Add(1))
			}
		})
	}
	workers.Wait()
	if ctx.Err() == nil {
		fmt.Fprintf(d.stdout, "%s is filled: %d people in %.1f s.\n", town.Name, d.want.People, time.Since(start).Seconds())
	}
	return context.Cause(ctx)
}

// person puts one person in; look says that some are there already, from a start that was broken off.
func (d *demo) person(ctx context.Context, door *record.Door, who access.Actor, made town.Town, i int, look bool) error {
	if look {
		_, err := door.Get(ctx, who, "Patient", made.PatientID(i))
		var e *fhir.Error
		if err == nil || !errors.As(err, &e) || e.Kind != fhir.NotFound {
			return err
		}
	}
	bundle, err := made.Person(i)
	if err != nil {
		return err
	}
	return put(ctx, door, who, bundle)
}

// put commits a transaction of PUTs.
func put(ctx context.Context, door *record.Door, who access.Actor, bundle []byte) error {
	b, err := fhir.Parse(bundle)
	if err != nil {
		return err
	}
	var ops []record.Op
	for e := range b.Root().Get("entry").Items() {
		r := e.Get("resource").Resource()
		ops = append(ops, record.Op{Method: record.Update, Type: r.Type(), ID: r.ID(), Resource: r})
	}
	_, err = door.Commit(ctx, who, ops)
	return err
}

// pages serves the pages for staff, at every address that nothing else has. A record for made-up people says that it is
// one whoever serves it.
func (s *serving) pages(mux *http.ServeMux, door *record.Door, board *feeds.Service, linker *match.Linker) {
	madeUp := s.madeUp
	if madeUp == nil && door.TestNumbers() {
		madeUp = func() *kit.MadeUp { return &kit.MadeUp{Place: "this record"} }
	}
	site := &staff.Site{Door: door, Feeds: board, Linker: linker, MadeUp: madeUp, Who: func(r *http.Request) access.Actor {
		who, err := whoIs(r)
		if err != nil {
			return access.Actor{From: r.RemoteAddr}
		}
		return who
	}}
	mux.Handle("/", site.Handler())
}
