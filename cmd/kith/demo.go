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
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/idp"
	"github.com/kith-care/kith/connect/feeds"
	"github.com/kith-care/kith/connect/match"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/town"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/staff"
)

const demoUsage = `usage: kith demo [--addr HOST:PORT] [--data DIR] [--people N] [--seed S] [--density D] [--days N] [--speed N] [--auth on] [--words DIR]

Serves Merrowby, a made-up English town: people with problems, medicines, results and visits, none of whom exists. What one sees came in
as the town's systems send it: extracts of five practices, the hospital's messages, home care, devices, the council; the records of one
person were matched. The first start fills the record while it is served already; then four weeks of the town pass, --speed times as fast as they would,
up to the day of the first start. Later starts go on from there. Pages are at /, the feeds at /feeds, FHIR R4 is at /fhir. Nobody has to sign in, so it works
on loopback addresses only. With --auth on one signs in as one of its people, or as staff of any role, and sees what they may see. Remove DIR to begin again.

`

// townOf is which town a folder holds. It is written before the town is, and never changes.
type townOf struct {
	Seed   int64     `json:"seed"`
	People int       `json:"people"`
	Until  time.Time `json:"until"` // the day of the first start: the day its records end

	Density town.Density `json:"density"` // how much is known of each person
	Days    int          `json:"days"`    // how many days of messages came before the first extracts, and pass while one looks
}

func demoCommand(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("demo", demoUsage, stderr)
	addr := f.String("addr", "127.0.0.1:8080", "`HOST:PORT` to serve on")
	data := f.String("data", "kith-demo", "`DIR` that keeps the record")
	people := f.Int("people", 2000, "how many `people` live in the town")
	speed := f.Float64("speed", 3600, "how many `seconds` of the town pass in one, after it is filled; 0 for none")
	density := f.String("density", string(town.Tenth), "how much is known of each person: full, sixty, `tenth` or lately (only what was written in the last month)")
	days := f.Int("days", townDays, "how many `days` of the town pass: the first extracts are of so many days before the first start")
	seed := f.Int64("seed", 1, "which town: the same `number` draws the same people")
	auth := f.String("auth", "off", "on: one signs in, as whoever of the town one likes")
	own := f.String("words", "", "a `DIR` with words of a place, to see a translation on its pages (docs/languages.md)")
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
	if *speed < 0 || *speed > 1e6 {
		fmt.Fprintf(stderr, "kith demo: --speed is 0 to 1000000, not %v\n", *speed)
		return 2
	}
	if !slices.Contains(town.Densities, town.Density(*density)) {
		fmt.Fprintf(stderr, "kith demo: --density is full, sixty, tenth or lately, not %q\n", *density)
		return 2
	}
	if *days < 1 || *days > 365 {
		fmt.Fprintf(stderr, "kith demo: --days is 1 to 365, not %d\n", *days)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	d := demo{addr: *addr, data: *data, auth: *auth, words: *own, speed: *speed, want: townOf{*seed, *people, time.Now().UTC().Truncate(24 * time.Hour), town.Density(*density), *days}, stdout: stdout, stderr: stderr}
	if err := d.run(ctx); err != nil {
		fmt.Fprintf(stderr, "kith demo: %v\n", err)
		return 1
	}
	return 0
}

// demo is a server that fills its record with a town.
type demo struct {
	addr, data     string
	auth           string  // on or off; "" is off
	words          string  // folder with words of a place, "" for none
	speed          float64 // of the town's clock, 0 to stand still once it is filled
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
	s := serving{addr: d.addr, db: "sqlite:" + filepath.Join(d.data, "kith.db"), auth: d.auth, words: d.words, testNumbers: true, every: time.Second, pause: time.Millisecond, asid: "200000000001", practiceASID: "200000000002", organisation: "ZZC", name: town.Name + " Shared Record", madeUp: d.madeUp, helpLine: "01632 960000", madeUpNear: merrowby,
		out: outgoing{mailServer: shown, textGateway: shown, letters: lettersOf(d.data), address: "The Town Hall;Market Street;" + town.Name}}
	sessions, err := townSessions(town.Town{Seed: d.want.Seed, People: d.want.People, Until: d.want.Until})
	if err != nil {
		return err
	}
	s.sessions = sessions
	if s.auth == "" {
		s.auth = "off"
	}
	if s.auth == "on" {
		people, err := madeUpPeople(town.Town{Seed: d.want.Seed, People: d.want.People, Until: d.want.Until})
		if err != nil {
			return err
		}
		s.people = func() []idp.Person { return people }
	}
	return s.run(ctx, d.stdout, d.fill)
}

// settle finds out which town the folder holds, or decides it. A folder that holds another is left alone.
func (d *demo) settle() error {
	if d.want.Days == 0 {
		d.want.Density, d.want.Days = town.Tenth, townDays
	}
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
	if have.Days == 0 { // written before there was a choice
		have.Density, have.Days = town.Tenth, townDays
	}
	if want := d.want; have.Seed != want.Seed || have.People != want.People || have.Density != want.Density || have.Days != want.Days {
		return fmt.Errorf("%s holds town %d with %d people, %s, %d days, not town %d with %d people, %s, %d days: name another --data, or remove it", d.data, have.Seed, have.People, have.Density, have.Days, want.Seed, want.People, want.Density, want.Days)
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

// says is what pages say where the people are made up. A record for made-up people says that it is one whoever serves it.
func (s *serving) says(door *record.Door) func() *kit.MadeUp {
	if s.madeUp == nil && door.TestNumbers() {
		return func() *kit.MadeUp { return &kit.MadeUp{Place: "this record"} }
	}
	return s.madeUp
}

// pages serves the pages of signing in, and those for staff at every address that nothing else has.
func (s *serving) pages(mux *http.ServeMux, door *record.Door, board *feeds.Service, linker *match.Linker, people *entrance) {
	site := &staff.Site{Door: door, Feeds: board, Linker: linker, Signed: people != nil, Who: func(r *http.Request) access.Actor {
		who, err := people.who(r)
		if err != nil {
			return access.Actor{From: r.RemoteAddr}
		}
		return who
	}, Host: kit.Host{MadeUp: s.says(door)}}
	mux.Handle("/", people.pages(mux)(site.Handler()))
}
