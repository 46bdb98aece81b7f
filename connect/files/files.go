// Package files reads FHIR from files into the record: bundles, single resources and NDJSON, plain or in .gz, .tar or
// .tar.gz, one file or whole folders.
//
// What a file holds is seen from its content. An item that cannot be taken is reported with its file and entry and
// does not stop the rest. A transaction bundle is one commit, so either all of it is stored or none.
package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/fhirxml"
	"github.com/kith-care/kith/record"
)

// Import reads files into a record.
type Import struct {
	Door *record.Door
	Who  access.Actor
	// Idempotent stores each item under an id made from its source's own identity, so that importing it again changes
	// nothing, or updates what has changed.
	Idempotent bool
	Workers    int // 0 for 4
	// Progress is told how many bytes of the files have been read.
	Progress func(read int64)
	// Bad is told of each item that could not be taken. It is called by one goroutine at a time.
	Bad func(Problem)
}

// Problem is an item that could not be taken.
type Problem struct {
	File  string // with the name inside an archive: "all.tar.gz/a.json"
	Line  int    // of NDJSON, from 1; 0 for any other file
	Entry int    // of a bundle, from 0; -1 for the whole
	Err   error
}

// Error is the problem in one line.
func (p Problem) Error() string {
	where, what := p.File, p.Err.Error()
	if p.Line > 0 {
		where += fmt.Sprintf(", line %d", p.Line)
		what = strings.Replace(what, "(line 1, column ", "(column ", 1) // of the line, as if it were a file
	}
	if p.Entry >= 0 {
		where += fmt.Sprintf(", entry %d", p.Entry)
	}
	return where + ": " + what
}

// Summary is what an import did.
type Summary struct {
	Stored    map[string]int // new resources and new versions, by type
	Unchanged map[string]int // there already, by type
	Bad       int
	Files     int
	Bytes     int64
}

// MaxItem is the size of the largest single file or line that is read, in bytes.
const MaxItem = 256 << 20

// Size is the bytes of all files below the paths.
func Size(paths []string) (int64, error) {
	total := int64(0)
	for _, p := range paths {
		err := filepath.WalkDir(p, func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			total += info.Size()
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	return total, nil
}

// item is a part of a file that is handled by itself: a whole file, or some lines of one.
type item struct {
	file string
	line int // of NDJSON, 0 for a whole file
	data []byte
	more []item // lines that are committed together with this one where they can
}

// Lines are committed by so many, or so many bytes, at a time: one commit for each would wait for the disk too often.
const (
	linesTogether = 100
	bytesTogether = 1 << 20
)

// Run imports all files below the paths. The error is of what ends the import; what is wrong with single items is told
// to Bad and counted.
func (im *Import) Run(ctx context.Context, paths []string) (*Summary, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	run := &run{Import: im, sum: Summary{Stored: map[string]int{}, Unchanged: map[string]int{}}, items: make(chan item, 2)}
	workers := im.Workers
	if workers <= 0 {
		workers = 4
	}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for it := range run.items {
				if err := run.item(ctx, it); err != nil {
					cancel(err)
				}
			}
		})
	}
	err := run.walk(ctx, paths)
	close(run.items)
	wg.Wait()
	run.sum.Bytes = run.read.Load()
	if cause := context.Cause(ctx); err == nil || errors.Is(err, context.Canceled) {
		err = cause
	}
	return &run.sum, err
}

type run struct {
	*Import
	items chan item
	read  atomic.Int64
	mu    sync.Mutex
	sum   Summary
}

// bad tells of an item, or of an entry of it where that is not -1.
func (r *run) bad(it item, entry int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Bad++
	if r.Bad != nil {
		r.Bad(Problem{it.file, it.line, entry, err})
	}
}

// item commits one item. Only what ends the import is an error.
func (r *run) item(ctx context.Context, it item) error {
	if ctx.Err() != nil {
		return nil
	}
	var ops []record.Op
	var from []item // of each op
	for _, one := range append([]item{it}, it.more...) {
		res, err := parse(one.data)
		if err != nil {
			r.bad(one, -1, err)
			continue
		}
		if res.Type() == "Bundle" && isCarrier(res) {
			if err := r.bundle(ctx, one, res); err != nil {
				return err
			}
			continue
		}
		ops, from = append(ops, r.single(res)), append(from, one)
	}
	if len(ops) > 1 {
		results, err := r.Door.Commit(ctx, r.Who, ops)
		if err == nil {
			r.count(results)
			return nil
		}
	}
	// Together they could not be stored: one of them is at fault, and the others must not suffer for it.
	for i, op := range ops {
		if err := r.commit(ctx, from[i], []record.Op{op}, []int{-1}); err != nil {
			return err
		}
	}
	return nil
}

// parse reads JSON or XML; files from Windows often begin with a byte order mark.
func parse(data []byte) (*fhir.Resource, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '<' {
		var err error
		if data, err = fhirxml.ToJSON(data); err != nil {
			return nil, err
		}
	}
	return fhir.Parse(data)
}

// isCarrier reports whether a bundle carries resources to be stored one by one; documents and messages are stored as
// they are.
func isCarrier(bundle *fhir.Resource) bool {
	switch bundle.Root().Get("type").Text() {
	case "transaction", "batch", "collection", "searchset", "history":
		return true
	}
	return false
}

// single is the operation that stores one resource under its own id, or a new one where it has none.
func (r *run) single(res *fhir.Resource) record.Op {
	op := record.Op{Method: record.Create, Type: res.Type(), Resource: res}
	if id := res.ID(); id != "" {
		op.Method, op.ID, op.Same = record.Update, id, r.Idempotent
	} else if r.Idempotent {
		op.Method, op.ID, op.Same = record.Update, identity(res, ""), true
	}
	return op
}

func (r *run) bundle(ctx context.Context, it item, bundle *fhir.Resource) error {
	atomic := bundle.Root().Get("type").Is("transaction")
	var ops []record.Op
	var of []int
	i := -1
	for e := range bundle.Root().Get("entry").Items() {
		i++
		op, err := r.entry(e, atomic)
		if err != nil {
			r.bad(it, i, err)
			if atomic {
				return nil
			}
			continue
		}
		if !atomic {
			if err := r.commit(ctx, it, []record.Op{op}, []int{i}); err != nil {
				return err
			}
			continue
		}
		ops, of = append(ops, op), append(of, i)
	}
	if len(ops) == 0 {
		return nil
	}
	return r.commit(ctx, it, ops, of)
}

func (r *run) entry(e fhir.Value, atomic bool) (record.Op, error) {
	res := e.Get("resource").Resource()
	if res == nil {
		return record.Op{}, errors.New("the entry has no resource")
	}
	op := r.single(res)
	op.FullURL = e.Get("fullUrl").Text()
	op.Closed = atomic
	req := e.Get("request")
	if !req.Exists() {
		return op, nil
	}
	path, query, _ := strings.Cut(req.Get("url").Text(), "?")
	typ, id, _ := strings.Cut(path, "/")
	switch method := req.Get("method").Text(); method {
	case "POST":
		if r.Idempotent {
			op.Method, op.ID, op.Same = record.Update, identity(res, op.FullURL), true
			break
		}
		op.Method, op.ID, op.IfNoneExist = record.Create, "", req.Get("ifNoneExist").Text()
	case "PUT":
		op.Method, op.ID, op.Query, op.Same = record.Update, id, query, r.Idempotent
	default:
		return op, fmt.Errorf("an import takes POST and PUT, not %s", method)
	}
	if typ != res.Type() {
		return op, fmt.Errorf("the resource is a %s, but its request says %s", res.Type(), typ)
	}
	return op, nil
}

// commit stores operations together; of says which entry of the item each is, or -1.
func (r *run) commit(ctx context.Context, it item, ops []record.Op, of []int) error {
	results, err := r.Door.Commit(ctx, r.Who, ops)
	if err != nil {
		entry := -1
		if len(of) == 1 {
			entry = of[0]
		}
		if at, ok := errors.AsType[*record.OpError](err); ok {
			entry, err = of[at.Index], at.Err
		}
		if k := fhir.KindOf(err); k == fhir.Busy || k == fhir.Broken || k == fhir.NoRoom {
			return fmt.Errorf("%s: %w", it.file, err)
		}
		r.bad(it, entry, err)
		return nil
	}
	r.count(results)
	return nil
}

func (r *run) count(results []record.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, res := range results {
		if res.Outcome == record.Matched {
			r.sum.Unchanged[res.Type]++
		} else {
			r.sum.Stored[res.Type]++
		}
	}
}
