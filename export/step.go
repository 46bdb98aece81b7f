package export

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/record"
)

// pieceNumbers is how many versions a piece of a file holds: so many people at most stand in one entry of the audit.
const pieceNumbers = 1000

// blockSize is how many Patients are looked for together.
const blockSize = 500

// clearAtOnce is how many pieces are thrown away in one transaction.
const clearAtOnce = 500

// Run prepares extracts, one step at a time, until ctx ends, beside all other processes that do.
func (s *Service) Run(ctx context.Context) error {
	s.box().Work(ctx, record.Queue{Parallel: 1, Poll: s.Poll, Limit: or(s.Limit, 30*time.Second), Do: s.do, GiveUp: s.giveUp})
	return nil
}

// do does one step of a job.
func (s *Service) do(ctx context.Context, due record.Job) (record.Settle, error) {
	get := func(kind, key string) ([]byte, error) { return s.box().Get(ctx, kind, key) }
	j, err := record.ReadJSON[job](get, kindJob, due.Name)
	switch {
	case err != nil || j == nil:
		return nil, err
	case j.State != running:
		if j.State != removed && s.now().Before(j.Until) {
			return s.again(j.ID, j.Until), nil
		}
		return s.clear(ctx, j)
	}
	began := time.Now()
	w := &writing{s: s, ctx: ctx, job: j, who: j.Who}
	if s.Still != nil {
		if w.who, err = s.Still(ctx, j.Who); err != nil && !final(err) {
			return nil, err
		} else if err != nil {
			fail(j, err)
		}
	}
	for first := true; j.State == running && (first || time.Since(began) < or(s.Step, time.Second) && len(w.items) < 200); first = false {
		if err := w.slice(); err != nil {
			if !final(err) {
				return nil, err
			}
			fail(j, err)
		}
	}
	w.flush()
	next := s.now() // behind those that wait already
	if j.State != running {
		j.Until = s.now().Add(s.keep())
		next = j.Until
	}
	return func(get func(kind, key string) ([]byte, error)) (record.Noted, error) {
		now, err := record.ReadJSON[job](get, kindJob, j.ID)
		if err != nil || now == nil || now.State != running {
			return record.Noted{}, err // it was deleted meanwhile, and whoever did put the job into the queue
		}
		return record.Noted{Items: append(w.items, record.JSONItem(kindJob, j.ID, j)), Jobs: []record.Job{{Name: j.ID, Due: next}}}, nil
	}, nil
}

// again puts a job back into the queue.
func (s *Service) again(id string, due time.Time) record.Settle {
	return func(func(kind, key string) ([]byte, error)) (record.Noted, error) {
		return record.Noted{Jobs: []record.Job{{Name: id, Due: due}}}, nil
	}
}

// final reports whether trying again would not help.
func final(err error) bool {
	switch fhir.KindOf(err) {
	case fhir.Broken, fhir.Busy, fhir.NoRoom:
		return false
	}
	return true
}

func fail(j *job, err error) {
	j.State, j.Kind, j.Why = failed, fhir.KindOf(err), "the export broke off"
	if e, ok := errors.AsType[*fhir.Error](err); ok && e.Kind != fhir.Broken {
		j.Why = e.Msg
	}
}

// giveUp writes down that a job failed for the last time.
func (s *Service) giveUp(due record.Job, why error) record.Settle {
	return func(get func(kind, key string) ([]byte, error)) (record.Noted, error) {
		j, err := record.ReadJSON[job](get, kindJob, due.Name)
		if err != nil || j == nil {
			return record.Noted{}, err
		}
		slog.Error("an export was given up", "export", j.ID, "error", why)
		if j.State == running {
			fail(j, why)
			j.Until = s.now().Add(s.keep())
		}
		return record.Noted{Items: []record.BoxItem{record.JSONItem(kindJob, j.ID, j)}, Jobs: []record.Job{{Name: j.ID, Due: j.Until}}}, nil
	}
}

// clear throws away what is kept of a job, a part at a time.
func (s *Service) clear(ctx context.Context, j *job) (record.Settle, error) {
	var items []record.BoxItem
	pieces, err := s.box().List(ctx, kindPiece, j.ID+" ", clearAtOnce)
	if err != nil {
		return nil, err
	}
	for _, p := range pieces {
		if !strings.HasPrefix(p.Key, j.ID+" ") {
			break
		}
		items = append(items, gone(kindPiece, p.Key))
	}
	return func(get func(kind, key string) ([]byte, error)) (record.Noted, error) {
		if len(items) == clearAtOnce {
			return record.Noted{Items: items, Jobs: []record.Job{{Name: j.ID}}}, nil
		}
		key := j.Who.Key()
		mine, err := record.ReadJSON[owned](get, kindOwner, key)
		if err != nil {
			return record.Noted{}, err
		}
		out := append(slices.Clone(items), gone(kindJob, j.ID), gone(kindPeople, j.ID))
		if mine != nil {
			if mine.Jobs = slices.DeleteFunc(mine.Jobs, func(id string) bool { return id == j.ID }); len(mine.Jobs) == 0 {
				out = append(out, gone(kindOwner, key))
			} else {
				out = append(out, record.JSONItem(kindOwner, key, mine))
			}
		}
		return record.Noted{Items: out}, nil
	}, nil
}

// writing is one step under way.
type writing struct {
	s      *Service
	ctx    context.Context
	job    *job
	who    access.Actor // whoever asked, as they are now
	people []string     // whom the job is about, once they were read
	open   []int64      // of the last file, not in a piece yet
	items  []record.BoxItem
}

// slice goes one slice further.
func (w *writing) slice() error {
	j := w.job
	if j.At.Type >= len(j.Types) {
		j.State = finished
		return nil
	}
	typ := j.Types[j.At.Type]
	x := record.Extract{Type: typ, Filters: j.Filters[typ], Seq: j.Seq, After: j.At.After, Personal: j.Personal, Deleted: j.At.Deleted, Why: record.Copied + " " + j.ID}
	blocks := 1
	if j.People > 0 {
		if err := w.readPeople(); err != nil {
			return err
		}
		x.Patients = w.people
		if len(spec.Compartment("Patient").Params(typ)) > 0 && !j.At.Deleted {
			blocks = (len(w.people) + blockSize - 1) / blockSize
			from := j.At.Block * blockSize
			x.Patients = w.people[from:min(from+blockSize, len(w.people))]
			x.Earlier = func(id string) (bool, error) {
				_, before := slices.BinarySearch(w.people[:from], id)
				return before, nil
			}
		}
	}
	got, err := w.s.Door.Extract(w.ctx, w.who, x)
	if err != nil {
		return err
	}
	w.add(typ, got.Numbers)
	switch j.At.After = got.After; {
	case !got.Last:
	case j.At.Block+1 < blocks:
		j.At.Block, j.At.After = j.At.Block+1, j.From
	case j.Since && !j.At.Deleted:
		j.At = place{Type: j.At.Type, Deleted: true, After: j.From}
	default:
		j.At = place{Type: j.At.Type + 1, After: j.From}
	}
	return nil
}

func (w *writing) readPeople() error {
	if w.people != nil {
		return nil
	}
	text, err := w.s.box().Get(w.ctx, kindPeople, w.job.ID)
	if err == nil && len(text) == 0 {
		err = fhir.Errorf(fhir.Broken, "the people of export %s are not there", w.job.ID)
	}
	w.people = strings.Split(string(text), "\n")
	return err
}

// add puts versions into the file of their type, or begins another.
func (w *writing) add(typ string, numbers []int64) {
	for len(numbers) > 0 {
		f := w.last()
		if f == nil || f.Type != typ || f.Deleted != w.job.At.Deleted || f.Count >= or(w.s.Lines, 100_000) {
			w.flush()
			w.job.Files = append(w.job.Files, file{Type: typ, Deleted: w.job.At.Deleted})
			f = w.last()
		}
		n := min(len(numbers), or(w.s.Lines, 100_000)-f.Count, pieceNumbers-len(w.open))
		w.open = append(w.open, numbers[:n]...)
		f.Count += n
		if numbers = numbers[n:]; len(w.open) == pieceNumbers {
			w.flush()
		}
	}
}

func (w *writing) last() *file {
	if n := len(w.job.Files); n > 0 {
		return &w.job.Files[n-1]
	}
	return nil
}

// flush makes a piece of what is open.
func (w *writing) flush() {
	if len(w.open) == 0 {
		return
	}
	f := w.last()
	w.items = append(w.items, record.BoxItem{Kind: kindPiece, Key: pieceKey(w.job.ID, len(w.job.Files)-1, f.Pieces), Value: packed(w.open)})
	f.Pieces++
	w.open = w.open[:0]
}

func pieceKey(job string, file, piece int) string {
	return fmt.Sprintf("%s %06d %06d", job, file, piece)
}

// packed are numbers in a row: how far each is from the one before. They need not grow where a file has several blocks of people.
func packed(numbers []int64) []byte {
	out := make([]byte, 0, 2*len(numbers))
	before := int64(0)
	for _, n := range numbers {
		out = binary.AppendVarint(out, n-before)
		before = n
	}
	return out
}

// unpacked is the inverse of packed. The error is Broken where the bytes are no such row.
func unpacked(b []byte) ([]int64, error) {
	var out []int64
	at := int64(0)
	for len(b) > 0 {
		d, n := binary.Varint(b)
		if n <= 0 {
			return nil, fhir.Errorf(fhir.Broken, "a piece of an export is damaged")
		}
		at += d
		out, b = append(out, at), b[n:]
	}
	return out, nil
}
