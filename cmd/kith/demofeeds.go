package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/feeds"
	"github.com/kith-care/kith/connect/hl7"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/town"
)

// townDays is how much of the town's time passes while the demonstration is looked at: the first extracts are of so many days before
// the day of the first start.
const townDays = 28

// demoFeeds are the town's feeds. Those that are read from a folder have the folder that town writes.
var demoFeeds = []intake.Feed{
	{Name: "emis-zz001", Kind: "emis", Organization: "ZZ001", Title: "Mill Lane Surgery (EMIS Web)"},
	{Name: "emis-zz002", Kind: "emis", Organization: "ZZ002", Title: "Station Road Medical Centre (EMIS Web)"},
	{Name: "tpp-zz003", Kind: "tpp", Organization: "ZZ003", Title: "Canal Side Health Centre (SystmOne)"},
	{Name: "vision-zz004", Kind: "vision", Organization: "ZZ004", Title: "Holme Rise Practice (Vision)"},
	{Name: "council-zzc", Kind: "cld", Organization: "ZZC", Title: town.Name + " Council (Client Level Data)", Limit: 120 * 24 * time.Hour},
	{Name: "homecare-zzhc", Kind: "visits", Organization: "ZZHC", Title: town.Name + " Home Care"},
	{Name: "outofhours-adastra", Kind: "adastra", Organization: "ZZOOH", Title: "Out of hours (Adastra)"},
	{Name: "community-zzct", Kind: "community", Map: "contacts", Organization: "ZZCT", Title: town.Name + " Community Trust"},
	{Name: "pharmacy-zzph1", Kind: "message", Organization: "ZZPH1", Title: "The pharmacy in Market Street"},
	{Name: "optician-zzop1", Kind: "message", Organization: "ZZOP1", Title: "The optician in Market Street"},
	{Name: "devices", Kind: "devices", Title: "Readings at home"},
	{Name: "hospital-zz1", Kind: "hl7", Organization: "ZZ1", Title: town.Name + " General Hospital", Limit: 12 * time.Hour},
}

// fill starts the town's feeds and, once they have said what there is to say, lets its time pass.
func (d *demo) fill(ctx context.Context, door *record.Door, board *feeds.Service) {
	p := &passing{demo: d, door: door, board: board, made: town.Town{Seed: d.want.Seed, People: d.want.People, Until: d.want.Until}}
	err := p.begin(ctx)
	if d.filled != nil {
		close(d.filled)
	}
	if err == nil {
		err = p.plans(ctx)
	}
	if err == nil {
		err = p.results(ctx)
	}
	if err == nil {
		err = p.appointments(ctx)
	}
	if err == nil {
		err = p.talks(ctx)
	}
	if err == nil {
		err = p.intentions(ctx)
	}
	if err == nil && d.speed > 0 {
		err = p.live(ctx)
	}
	p.hospital.Close()
	if err != nil && ctx.Err() == nil {
		why := err.Error()
		d.failed.Store(&why)
		fmt.Fprintf(d.stderr, "kith demo: %s could not go on: %v\n", town.Name, err)
	}
}

// passing is a town whose time passes.
type passing struct {
	*demo
	door     *record.Door
	board    *feeds.Service
	made     town.Town
	hospital hl7.Client
}

func (p *passing) folder(name string) string { return filepath.Join(p.data, "feeds", name) }

func (p *passing) bulkDay() time.Time { return p.made.Until.AddDate(0, 0, -p.want.Days) }

// begin writes what the town's systems send first, makes its feeds known and waits until all of it is filed.
func (p *passing) begin(ctx context.Context) error {
	start := time.Now()
	total, err := p.write(ctx)
	if err != nil {
		return err
	}
	practice, err := p.answering(ctx)
	if err != nil {
		return err
	}
	for _, f := range append(slices.Clone(demoFeeds), practice...) {
		switch {
		case f.Kind == "hl7":
			f.Address = "127.0.0.1:0"
		case f.Folder == "":
			f.Folder = p.folder(f.Name)
		}
		if _, err := p.board.Desk.Feed(ctx, f); err != nil {
			return err
		}
	}
	sent := make(chan error, 1)
	go func() { sent <- p.messages(ctx) }()
	bar := newBar(p.stderr, "filling "+town.Name, total)
	defer bar.end()
	for ctx.Err() == nil {
		looking := time.Now()
		done, whole, err := p.filed(ctx)
		if err != nil {
			return err
		}
		looked := time.Since(looking) // of a large town, long enough to hold up what is being filed
		bar.set(done)
		p.done.Store(int64(float64(p.want.People) * float64(min(done, total)) / float64(total)))
		select {
		case err := <-sent:
			if err != nil {
				return err
			}
			sent = nil
		default:
		}
		if whole && sent == nil {
			p.done.Store(int64(p.want.People))
			fmt.Fprintf(p.stdout, "%s is filled: %d people in %.1f s.\n", town.Name, p.want.People, time.Since(start).Seconds())
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(max(200*time.Millisecond, 20*looked)):
		}
	}
	return ctx.Err()
}

// write writes the town's first extracts, once, and answers how many bytes they have.
func (p *passing) write(ctx context.Context) (int64, error) {
	dir := filepath.Join(p.data, "feeds")
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		half := dir + ".half"
		if err := os.RemoveAll(half); err != nil {
			return 0, err
		}
		if _, err := p.made.Write(ctx, half, town.Writing{Density: p.want.Density, Days: p.want.Days, Ahead: p.want.Days}); err != nil {
			return 0, err
		}
		if err := os.Rename(half, dir); err != nil {
			return 0, err
		}
	}
	total := int64(1)
	for _, f := range demoFeeds {
		if f.Kind == "hl7" {
			continue
		}
		err := filepath.Walk(p.folder(f.Name), func(_ string, info os.FileInfo, err error) error {
			if err == nil && !info.IsDir() {
				total += info.Size()
			}
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	return total, nil
}

// filed is how many bytes of what the feeds have sent are filed, and whether that is all there is.
func (p *passing) filed(ctx context.Context) (done int64, whole bool, err error) {
	whole = true
	for _, f := range demoFeeds {
		if f.Kind == "hl7" {
			continue
		}
		items, err := p.board.Desk.Items(ctx, f.Name, 0, 500)
		if err != nil {
			return 0, false, err
		}
		waiting := false
		for _, it := range items {
			if it.Status == intake.Pending {
				waiting = true
				continue
			}
			done += it.Size
		}
		seen, err := p.board.Seen(ctx, f.Name)
		if err != nil {
			return 0, false, err
		}
		whole = whole && seen && !waiting
	}
	return done, whole && p.board.Rounds(asked) > 0, nil
}

// sentMark is the file that says how many of the hospital's messages were sent.
func (p *passing) sentMark() string { return filepath.Join(p.data, "hospital-sent") }

// messages sends the hospital's messages of the past over MLLP: those about one patient one after the other, as the hospital did, those about
// different patients over several connections, and one about two patients when all before it have been answered.
func (p *passing) messages(ctx context.Context) error {
	raw, err := os.ReadFile(filepath.Join(p.folder("hospital-zz1"), "messages.hl7"))
	if err != nil {
		return err
	}
	pieces, err := hl7.Split(raw)
	if err != nil {
		return err
	}
	done := 0
	if mark, err := os.ReadFile(p.sentMark()); err == nil {
		if done, err = strconv.Atoi(strings.TrimSpace(string(mark))); err != nil {
			return fmt.Errorf("%s is damaged: %w", p.sentMark(), err)
		}
	}
	lines := make([]hl7.Client, 8)
	defer func() {
		for i := range lines {
			lines[i].Close()
		}
	}()
	for done < len(pieces) && ctx.Err() == nil {
		end := min(done+1000, len(pieces))
		if err := p.together(ctx, lines, pieces[done:end]); err != nil {
			return err
		}
		// What is sent twice after a stop in between is answered as it was the first time.
		if err := os.WriteFile(p.sentMark(), []byte(strconv.Itoa(end)), 0o644); err != nil {
			return err
		}
		done = end
	}
	return ctx.Err()
}

// together sends some messages over several connections.
func (p *passing) together(ctx context.Context, lines []hl7.Client, pieces []hl7.Piece) error {
	send := make([][][]byte, len(lines))
	flush := func() error {
		var all sync.WaitGroup
		errs := make([]error, len(lines))
		for i := range lines {
			all.Go(func() {
				for _, data := range send[i] {
					if errs[i] = p.sendOn(ctx, &lines[i], data); errs[i] != nil {
						return
					}
				}
			})
		}
		all.Wait()
		for i := range send {
			send[i] = send[i][:0]
		}
		return errors.Join(errs...)
	}
	for _, piece := range pieces {
		if piece.Junk {
			continue
		}
		line, alone := lineOf(piece.Data, len(lines))
		if alone {
			if err := flush(); err != nil {
				return err
			}
		}
		send[line] = append(send[line], piece.Data)
		if alone {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// lineOf says over which connection a message goes, by whom it is about; alone where it is about two patients, or where that cannot be read.
func lineOf(data []byte, lines int) (line int, alone bool) {
	m, err := hl7.Parse(data)
	if err != nil {
		return 0, true
	}
	patients := 0
	h := fnv.New32a()
	for s := range m.All() {
		switch s.Name() {
		case "PID":
			patients++
			io.WriteString(h, s.Field(3).Text())
		case "MRG":
			patients = 2
		}
	}
	return int(h.Sum32() % uint32(lines)), patients != 1
}

// message sends one message of the hospital. What the record refuses is on the console; here only a lost connection counts.
func (p *passing) message(ctx context.Context, data []byte) error {
	return p.sendOn(ctx, &p.hospital, data)
}

func (p *passing) sendOn(ctx context.Context, line *hl7.Client, data []byte) error {
	for p.board.Bound("hospital-zz1") == nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	line.Addr = p.board.Bound("hospital-zz1").String()
	_, err := line.Send(ctx, data)
	return err
}

// answering starts the system of the practice that sends nothing and must be asked, and answers its feed.
func (p *passing) answering(ctx context.Context) ([]intake.Feed, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	handler := &town.GPConnect{Town: p.made, Density: p.want.Density, Bulk: p.bulkDay()}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(l)
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	list, err := p.registered()
	return []intake.Feed{{Name: asked, Kind: "gpconnect", Organization: "ZZ005", Title: "Windmill Surgery (GP Connect)", Address: "http://" + l.Addr().String(), Folder: list}}, err
}

// asked is the feed of the practice that must be asked.
const asked = "gpconnect-zz005"

// registered writes the list of whom that practice is asked for, and answers its folder: those of whom it would answer.
func (p *passing) registered() (string, error) {
	files, err := os.ReadDir(p.folder(asked))
	if err != nil {
		return "", err
	}
	var list strings.Builder
	for _, f := range files {
		if number, ok := strings.CutSuffix(f.Name(), ".json"); ok {
			fmt.Fprintln(&list, number)
		}
	}
	dir := filepath.Join(p.data, "registered")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "patients.txt"), []byte(list.String()), 0o644)
}

// playedMark is the file that says up to when the town's time has passed.
func (p *passing) playedMark() string { return filepath.Join(p.data, "played-until") }

// live lets the town's time pass: each night's extracts come into their folders, and messages, visits and readings as they happen.
func (p *passing) live(ctx context.Context) error {
	played := p.bulkDay()
	if mark, err := os.ReadFile(p.playedMark()); err == nil {
		if played, err = time.Parse(time.RFC3339Nano, strings.TrimSpace(string(mark))); err != nil {
			return fmt.Errorf("%s is damaged: %w", p.playedMark(), err)
		}
	}
	kinds := map[string]intake.Feed{}
	for _, f := range demoFeeds {
		kinds[f.Name] = f
	}
	began, clock := time.Now(), played
	for e := range p.made.Live(ctx, p.bulkDay(), p.want.Density, 0) {
		if !e.When.After(played) {
			continue
		}
		wait := time.Duration(float64(e.When.Sub(clock))/p.speed) - time.Since(began)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(wait, 0)):
		}
		if err := p.deliver(ctx, kinds[e.Feed], e); err != nil {
			return err
		}
		if err := os.WriteFile(p.playedMark(), []byte(e.When.Format(time.RFC3339Nano)), 0o644); err != nil {
			return err
		}
	}
	if ctx.Err() == nil {
		fmt.Fprintf(p.stdout, "%s has come to %s: nothing more happens there.\n", town.Name, p.made.Until.Format("2 January 2006"))
	}
	return nil
}

// deliver brings an event where its feed takes it.
func (p *passing) deliver(ctx context.Context, f intake.Feed, e town.Event) error {
	switch {
	case f.Name == "":
		return nil
	case f.Kind == "hl7":
		return p.message(ctx, bytes.Trim(e.Bytes, "\x0b\x1c\r\n"))
	case p.board.Formats[f.Kind] != nil && wholeFile(f.Kind):
		path := filepath.Join(p.data, "feeds", filepath.FromSlash(e.Name))
		if !strings.HasPrefix(e.Name, f.Name+"/") {
			path = filepath.Join(p.folder(f.Name), filepath.FromSlash(e.Name))
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, e.Bytes, 0o644)
	}
	who := access.Actor{ID: "kith/demo", Role: access.Kith}
	name := e.When.Format("20060102T150405") + " " + filepath.Base(e.Name)
	_, err := p.board.Accept(ctx, who, f.Name, name, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(e.Bytes)), nil })
	return err
}

// wholeFile reports whether a feed's systems send whole files each night.
func wholeFile(kind string) bool { return kind == "emis" || kind == "tpp" || kind == "vision" }
