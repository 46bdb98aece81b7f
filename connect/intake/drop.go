package intake

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Upload is a file of a drop: a night's extract arrives as many.
type Upload struct {
	Name string
	Open func() (io.ReadCloser, error) // called twice: for its digest, then to keep it
	// Wrong says why what is in it cannot be read, nil where it can: it is kept, in quarantine.
	Wrong error
	zip   *Upload // the zip that holds it, nil for none
}

// Report is what became of a drop.
type Report struct {
	Drop    string
	Rows    Rows
	Types   map[string]int
	Items   []*Item
	Ignored []string // files that are nothing a format reads
	Known   []string // files that were filed or quarantined before
	Held    string   // why the feed is held, "" where it is not
}

// Add counts what became of an item.
func (r *Report) Add(it *Item) {
	r.Rows.Add(it.Rows)
	for t, n := range it.Types {
		r.Types[t] += n
	}
}

// Extract keeps the files of a drop and files what is in them. Files that came before are recognised; a drop that broke off goes
// on by sending it again, or by Resume. Progress, unless nil, is told how many rows have been read.
func (d *Desk) Extract(ctx context.Context, format *Format, feed, drop string, uploads []Upload, progress func(rows int64)) (*Report, error) {
	report := &Report{Drop: drop, Types: map[string]int{}}
	named, err := d.Named(feed)
	if err != nil {
		return nil, err
	}
	if format, err = format.of(named); err != nil {
		return nil, err
	}
	var kept []int64
	for _, u := range uploads {
		keep := func() (*Item, bool, error) { return d.keepUpload(ctx, format, feed, drop, u) }
		if inner, sealed := sealedName(u.Name); sealed {
			keep = func() (*Item, bool, error) { return d.keepSealed(ctx, format, named, drop, u, inner) }
		}
		it, again, err := keep()
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", u.Name, err)
		case it == nil:
			report.Ignored = append(report.Ignored, u.Name)
		case it.Status == Pending:
			kept = append(kept, it.Number)
		case again:
			report.Known = append(report.Known, u.Name)
		default: // it cannot be read as a whole
			report.Items = append(report.Items, it)
			report.Add(it)
		}
	}
	if err := d.Resume(ctx, format, feed, report, progress); err != nil {
		return report, err
	}
	return report, d.filedElsewhere(ctx, report, kept)
}

// filedElsewhere adds to a report what was kept and filed before its own turn came: whoever watches the feed resumes it too.
func (d *Desk) filedElsewhere(ctx context.Context, report *Report, kept []int64) error {
	for _, number := range kept {
		if slices.ContainsFunc(report.Items, func(it *Item) bool { return it.Number == number }) {
			continue
		}
		it, err := d.Item(ctx, number)
		if err != nil {
			return err
		}
		if it.Status != Pending {
			report.Items = append(report.Items, it)
			report.Add(it)
		}
	}
	return nil
}

// keepUpload keeps one file, nil where it is nothing that is read. Again is true where it came before.
func (d *Desk) keepUpload(ctx context.Context, format *Format, feed, drop string, u Upload) (it *Item, again bool, err error) {
	digest, size, head, err := digestUpload(u)
	if err != nil && u.zip != nil && corrupt(err) {
		broken := *u.zip
		broken.Wrong = fhir.Errorf(fhir.Invalid, "%s cannot be unpacked: %w", u.Name, err)
		return d.keepUpload(ctx, format, feed, drop, broken)
	}
	if err != nil {
		return nil, false, err
	}
	if have, err := d.seen(ctx, feed, digest, u.Name); err != nil || have != nil {
		return have, true, err
	}
	f, err := format.Recognise(u.Name, head)
	if u.Wrong != nil {
		err = u.Wrong
	}
	if err == nil && f == nil {
		return nil, false, nil
	}
	it = &Item{Number: d.number(), Feed: feed, Name: u.Name, Drop: drop, SHA256: digest, Size: size, Received: d.Now().UTC(), Status: Pending}
	in, openErr := u.Open()
	if openErr != nil {
		return nil, false, openErr
	}
	defer in.Close()
	if err := d.keepChunks(ctx, it.Number, in); err != nil {
		return nil, false, err
	}
	if err == nil {
		err = it.describe(format, f, head)
	}
	if err != nil {
		// It should be read and cannot: kept, and told.
		it.Meta = nil
		return it, false, d.Quarantine(ctx, it, Bad{Reason: err.Error()})
	}
	_, err = d.box.Commit(ctx, d.Who, nil, it.boxes()...)
	return it, false, err
}

// headSize is how much of a file Recognise sees: more than any header.
const headSize = 64 << 10

func digestUpload(u Upload) (digest string, size int64, head []byte, err error) {
	in, err := u.Open()
	if err != nil {
		return "", 0, nil, err
	}
	defer in.Close()
	h := sha256.New()
	head = make([]byte, headSize)
	n, err := io.ReadFull(in, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return "", 0, nil, err
	}
	head = head[:n]
	h.Write(head)
	rest, err := io.Copy(h, in)
	return hex.EncodeToString(h.Sum(nil)), int64(n) + rest, head, err
}

// keepChunks stores what arrives piece by piece, so that a large file needs no memory.
func (d *Desk) keepChunks(ctx context.Context, item int64, in io.Reader) error {
	buf := make([]byte, 16*chunkSize)
	for first := int64(0); ; {
		n, err := io.ReadFull(in, buf)
		if n > 0 || first == 0 {
			boxes, e := rawItems(item, buf[:n])
			if e != nil {
				return e
			}
			for i := range boxes {
				boxes[i].Key = chunkKey(first + int64(i))
			}
			first += int64(len(boxes))
			if _, e := d.box.Commit(ctx, d.Who, nil, boxes...); e != nil {
				return e
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// reader reads an item from its pieces.
func (d *Desk) reader(ctx context.Context, it *Item) (io.Reader, error) {
	return &chunkReader{d: d, ctx: ctx, item: it.Number, left: it.Size}, nil
}

type chunkReader struct {
	d             *Desk
	ctx           context.Context
	item, n, left int64
	data          []byte
}

// Read gives what is left of a piece, then the next.
func (c *chunkReader) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		if c.left <= 0 {
			return 0, io.EOF
		}
		data, err := c.d.chunk(c.ctx, c.item, c.n)
		if err != nil {
			return 0, err
		}
		c.n++
		c.data = data
		c.left -= int64(len(data))
	}
	n := copy(p, c.data)
	c.data = c.data[n:]
	return n, nil
}

// describe notes in the item what its format needs to read it again.
// A file that lacks what its table needs is an error here, before anything waits for it: it must not hold up what comes after it.
func (it *Item) describe(format *Format, f *File, head []byte) error {
	comma := f.Comma
	if comma == 0 {
		comma = ','
	}
	it.Header = slices.Clone(f.Columns)
	if f.Columns == nil {
		var err error
		if it.Header, err = (&scanner{in: bytes.NewReader(head), comma: comma}).columns(format.table(f.Table), format.Windows1252); err != nil {
			return err
		}
	}
	it.Meta = map[string]string{"table": f.Table, "stamp": f.Stamp.UTC().Format(time.RFC3339Nano), "full": strconv.FormatBool(f.Full), "comma": string(comma)}
	if format.Windows1252 {
		it.Meta["charset"] = "windows-1252"
	}
	if f.Columns != nil {
		it.Meta["header"] = "none"
	}
	if !f.From.IsZero() {
		it.Meta["from"] = f.From.UTC().Format(time.RFC3339Nano)
	}
	return nil
}

// file is the item as its format described it.
func (it *Item) file() (*File, error) {
	f := &File{Name: it.Name, Table: it.Meta["table"], Full: it.Meta["full"] == "true", Item: it}
	if c := it.Meta["comma"]; c != "" {
		f.Comma = c[0]
	}
	if it.Meta["header"] == "none" {
		f.Columns = it.Header
	}
	var err error
	if f.Stamp, err = time.Parse(time.RFC3339Nano, it.Meta["stamp"]); err != nil {
		return nil, fhir.Errorf(fhir.Broken, "item %d does not say when it was made", it.Number)
	}
	if from := it.Meta["from"]; from != "" {
		if f.From, err = time.Parse(time.RFC3339Nano, from); err != nil {
			return nil, fhir.Errorf(fhir.Broken, "item %d does not say from when it is", it.Number)
		}
	}
	return f, nil
}

// Resume files whatever a feed has pending, drop by drop, the oldest extract first.
func (d *Desk) Resume(ctx context.Context, format *Format, feed string, report *Report, progress func(rows int64)) error {
	lock := d.lock(feed)
	lock.Lock()
	defer lock.Unlock()
	if report == nil {
		report = &Report{Types: map[string]int{}}
	}
	drops, err := d.pendingDrops(ctx, feed)
	if err != nil {
		return err
	}
	for _, files := range drops {
		f, err := d.Named(feed)
		if err != nil {
			return err
		}
		if f.Held != "" && !f.Awaits {
			report.Held = f.Held
			return nil
		}
		its, err := format.of(f)
		if err != nil {
			return err
		}
		x := d.newExtract(ctx, its, f)
		x.progress = progress
		err = x.drop(files)
		if h, ok := errors.AsType[*held](err); ok {
			report.Held = h.why
			return d.hold(ctx, feed, h)
		}
		if err != nil {
			return err
		}
		for _, file := range files {
			report.Items = append(report.Items, file.Item)
			report.Add(file.Item)
		}
	}
	return nil
}

func (d *Desk) lock(feed string) *sync.Mutex {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running[feed] == nil {
		d.running[feed] = &sync.Mutex{}
	}
	return d.running[feed]
}

// pendingDrops are the files that wait, those that came together in one list, by when the extract was made.
func (d *Desk) pendingDrops(ctx context.Context, feed string) ([][]*File, error) {
	byDrop := map[string][]*File{}
	for after := int64(0); ; {
		items, err := d.PendingItems(ctx, feed, after, 200)
		if err != nil {
			return nil, err
		}
		for _, it := range items {
			after = it.Number
			if it.Meta == nil {
				continue // it was only just kept
			}
			f, err := it.file()
			if err != nil {
				return nil, err
			}
			byDrop[it.Drop] = append(byDrop[it.Drop], f)
		}
		if len(items) < 200 {
			break
		}
	}
	var drops [][]*File
	for _, files := range byDrop {
		sortFiles(files)
		drops = append(drops, files)
	}
	sortDrops(drops)
	return drops, nil
}

func sortFiles(files []*File) {
	slices.SortFunc(files, func(a, b *File) int {
		if c := a.Stamp.Compare(b.Stamp); c != 0 {
			return c
		}
		return cmp.Compare(a.Name, b.Name)
	})
}

func sortDrops(drops [][]*File) {
	slices.SortFunc(drops, func(a, b []*File) int { return a[len(a)-1].Stamp.Compare(b[len(b)-1].Stamp) })
}

// workers is how many batches are made at once.
const workers = 3

// drop files one drop. Where it breaks off, its items stay pending and the next try finds what is done already.
func (x *extract) drop(files []*File) error {
	if x.format.Check != nil && !x.feed.Confirmed && x.dry == nil {
		hold, err := x.format.Check(x.feed, files, func(f *File) (io.Reader, error) { return x.desk.reader(x.ctx, f.Item) })
		if err != nil {
			return err
		}
		if hold != "" {
			return &held{why: hold, awaits: true}
		}
		if x.feed.Awaits { // and now it is there
			if err := x.desk.change(x.ctx, x.feed.Name, func(f *Feed) { f.Held, f.Awaits = "", false }); err != nil {
				return err
			}
		}
	}
	if x.dry == nil && !x.force {
		if err := x.recall(); err != nil {
			return err
		}
	}
	for _, stage := range x.format.Stages {
		if err := x.stage(stage, files); err != nil {
			return err
		}
	}
	if x.dry != nil || x.force {
		return nil
	}
	if err := x.remake(); err != nil {
		return err
	}
	if err := x.cascade(); err != nil {
		return err
	}
	if x.newly {
		if err := x.retryParked(); err != nil {
			return err
		}
	}
	if err := x.sweep(files); err != nil {
		return err
	}
	return x.finish(files)
}

// stage files the tables of one stage.
func (x *extract) stage(tables []string, files []*File) error {
	heldBack := map[int64]*work{}
	var order []*work
	p := newPool(x)
	for i, table := range tables {
		last := i == len(tables)-1
		for _, f := range files {
			if f.Table != table {
				continue
			}
			err := x.read(f, func(rows []*Row) error {
				x.tell(len(rows))
				if !last {
					rows, err := x.fresh(rows)
					order = x.group(rows, heldBack, order)
					return err
				}
				return p.do(func() error {
					rows, err := x.fresh(rows)
					if err != nil {
						return err
					}
					works := x.group(rows, map[int64]*work{}, nil)
					if len(heldBack) > 0 {
						x.mu.Lock()
						for _, w := range works {
							if h := heldBack[w.of]; h != nil {
								w.rows = append(w.rows, h.rows...)
								h.rows = nil
							}
						}
						x.mu.Unlock()
					}
					return x.file(works)
				})
			})
			if err := errors.Join(err, p.wait()); err != nil {
				return err
			}
		}
	}
	rest := slices.DeleteFunc(order, func(w *work) bool { return w.rows == nil })
	for some := range slices.Chunk(rest, batchRows) {
		if err := p.do(func() error { return x.file(some) }); err != nil {
			break
		}
	}
	return p.wait()
}

func (x *extract) tell(rows int) {
	x.done += int64(rows)
	if x.progress != nil {
		x.progress(x.done)
	}
}

// pool makes several batches at once. Its first error ends it.
type pool struct {
	free   chan struct{}
	wg     sync.WaitGroup
	mu     sync.Mutex
	failed error
}

func newPool(*extract) *pool { return &pool{free: make(chan struct{}, workers)} }

func (p *pool) do(f func() error) error {
	p.free <- struct{}{}
	p.mu.Lock()
	err := p.failed
	p.mu.Unlock()
	if err != nil {
		<-p.free
		return err
	}
	p.wg.Go(func() {
		defer func() { <-p.free }()
		if err := f(); err != nil {
			p.mu.Lock()
			if p.failed == nil {
				p.failed = err
			}
			p.mu.Unlock()
		}
	})
	return nil
}

func (p *pool) wait() error {
	p.wg.Wait()
	return p.failed
}

// moved says that a table has grown or shrunk by more than a tenth from one full extract to the next.
func moved(said, table string, before, now int64) string {
	if before < 100 || now*10 >= before*9 && now*10 <= before*11 {
		return said
	}
	if said != "" {
		said += "; "
	}
	return said + fmt.Sprintf("%s had %d rows and now has %d", table, before, now)
}

// finish writes that the items are filed, and how far the feed has come.
func (x *extract) finish(files []*File) error {
	var boxes []record.BoxItem
	for _, f := range files {
		it := *f.Item
		it.Status, it.Finished = Filed, x.desk.Now().UTC()
		if n := x.rows[f]; n != nil {
			it.Rows, it.Types, it.Notes = *n, x.types[f], x.notes[f]
		}
		boxes = append(boxes, it.update()...)
		*f.Item = it
	}
	owed, err := x.owed()
	if err != nil {
		return err
	}
	for _, key := range owed {
		boxes = append(boxes, record.BoxItem{Kind: x.owedKind(), Key: key})
	}
	if _, err := x.desk.box.Commit(x.ctx, x.desk.Who, nil, boxes...); err != nil {
		return err
	}
	return x.desk.change(x.ctx, x.feed.Name, func(f *Feed) {
		f.Confirmed = false
		if slices.ContainsFunc(files, func(file *File) bool { return file.Full && file.Table != "" }) {
			f.Moved = ""
		}
		for _, file := range files {
			if x.tables[file.Table] == nil {
				continue
			}
			until := file.To
			if until.IsZero() {
				until = file.Stamp
			}
			f.Until = max(f.Until, until.UnixMicro())
			if file.Full {
				f.Full[file.Table] = max(f.Full[file.Table], file.Stamp.UnixMicro())
			}
			if file.Full && x.rows[file] != nil && x.units[x.tables[file.Table].Unit].Map != nil {
				f.Moved = moved(f.Moved, file.Table, f.Rows[file.Table], int64(x.rows[file].In))
				f.Rows[file.Table] = int64(x.rows[file].In)
			}
		}
	})
}
