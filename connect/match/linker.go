package match

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Linker finds, for every Patient that a source writes, the person it is about.
//
// It follows the changes of Patients. Where it is sure, it links (see the Rules); where it is not, it puts a question into a queue
// for a person, whose answer stands for good. Each link and each answer is kept with who made it, when, why and by what weights
// (Link). One process of those that run matches at a time. Everything is written so that doing it again changes nothing, so a process
// that is killed leaves nothing half done.
type Linker struct {
	o       Options
	door    *record.Door
	box     record.Box
	version string
	known   sync.Mutex // the settings are in the box
	kept    bool

	mu sync.Mutex // one batch of changes at a time
	s  *state     // nil before the first
}

// Options of a Linker; the zero value works.
type Options struct {
	Who         access.Actor                       // in whose name it reads and links; zero for the system's own
	Settings    *Settings                          // nil for Default
	Deprivation func(p *r4.Patient) (group string) // of the Report: where an address is known to lie; nil where nobody knows
	Behind      int64                              // from how many new Patients it matches all at once instead of one by one; 0 for 10,000
	Now         func() time.Time
}

// state is what the process that matches holds in memory.
type state struct {
	index   *Index
	seen    int64 // the last change in the index
	batched int64 // up to where all were matched at once
	dealt   int64 // up to where links or questions were last written
	links   graph
	sources map[string]string   // of Patients
	same    map[string][]string // Patients that a source says are one person
	said    map[string]bool     // what people did elsewhere, that is dealt with
	newest  string              // of those, by key
	learnt  learnt
	fresh   bool // it was learnt anew and is not in the box yet
}

// NewLinker makes a linker for a record.
func NewLinker(door *record.Door, o Options) (*Linker, error) {
	if o.Who.ID == "" {
		o.Who = access.Actor{ID: "kith/match", Name: "Matching", Role: access.Kith, Purpose: "PATADMIN"}
	}
	if o.Settings == nil {
		o.Settings = Default()
	}
	if err := o.Settings.check(); err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the linker cannot use these settings: %w", err)
	}
	if o.Behind == 0 {
		o.Behind = 10_000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	var text bytes.Buffer
	if err := o.Settings.Write(&text); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text.Bytes())
	return &Linker{o: o, door: door, box: door.Box("match"), version: hex.EncodeToString(sum[:6])}, nil
}

// Run reads the Patients that were dealt with before, then follows those that are new or changed until ctx ends.
func (l *Linker) Run(ctx context.Context) error {
	if err := l.warm(ctx); err != nil && ctx.Err() == nil {
		slog.Warn("matching has not read the Patients there are and will at the next change", "error", err)
	}
	return l.door.Follow(ctx, l.o.Who, "match", []string{"Patient"}, func(ctx context.Context, changes []record.Stored) ([]record.Op, error) {
		err := l.changed(ctx, changes)
		if err != nil && ctx.Err() == nil && fhir.KindOf(err) == fhir.Conflict {
			err = l.changed(ctx, changes) // somebody answered a question at this moment: what they said is read, and counts
		}
		return nil, err
	})
}

// farBehind reports whether so many Patients are new that matching all at once is the faster way.
func (l *Linker) farBehind(ctx context.Context) (bool, error) {
	there, err := l.door.Count(ctx, "Patient")
	known := int64(l.s.index.Len())
	return there-known > max(l.o.Behind, known/20), err
}

// warm fills the index at the start, so that the first change, or a process that takes over, need not wait for it.
func (l *Linker) warm(ctx context.Context) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() {
		if err != nil {
			l.s = nil
		}
	}()
	if err := l.begin(ctx); err != nil {
		return err
	}
	if err := l.place(ctx); err != nil {
		return err
	}
	return l.catchUp(ctx, max(l.s.dealt, l.s.batched), nil)
}

// keepSettings puts the settings where links can point at them.
func (l *Linker) keepSettings(ctx context.Context) error {
	l.known.Lock()
	defer l.known.Unlock()
	if l.kept {
		return nil
	}
	there, err := l.box.Get(ctx, settingsKind, l.version)
	if err == nil && there == nil {
		var text bytes.Buffer
		if err = l.o.Settings.Write(&text); err == nil {
			err = l.box.Relate(ctx, l.o.Who, nil, nil, record.BoxItem{Kind: settingsKind, Key: l.version, Value: text.Bytes()})
		}
	}
	l.kept = err == nil
	return err
}

// changed deals with changes of Patients. Where it fails, what is in memory may be ahead of the box, so it is made again.
func (l *Linker) changed(ctx context.Context, changes []record.Stored) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() {
		if err != nil {
			l.s = nil
		}
	}()
	if err := l.keepSettings(ctx); err != nil {
		return err
	}
	if l.s == nil {
		if err := l.begin(ctx); err != nil {
			return err
		}
	}
	if err := l.hear(ctx); err != nil {
		return err
	}
	if err := l.place(ctx); err != nil {
		return err
	}
	last := changes[len(changes)-1].Seq
	if err := l.catchUp(ctx, changes[0].Seq-1, nil); err != nil {
		return err
	}
	if last <= l.s.batched {
		return nil
	}
	// What was dealt with already comes again where a process was killed between that and moving its place in the feed. Judged anew, with the links of the whole of it in
	// sight, it could ask more than it did.
	changes = slices.DeleteFunc(slices.Clone(changes), func(c record.Stored) bool { return c.Seq <= l.s.dealt })
	if len(changes) == 0 {
		return nil
	}
	if far, err := l.farBehind(ctx); err != nil {
		return err
	} else if far {
		now, err := l.door.Seq(ctx)
		if err != nil {
			return err
		}
		return l.together(ctx, now)
	}
	subjects, gone, err := readPatients(changes)
	if err != nil {
		return err
	}
	w := l.work()
	for id := range gone {
		if err := w.vanished(ctx, id); err != nil {
			return err
		}
	}
	if err := w.consider(ctx, subjects); err != nil {
		return err
	}
	l.s.seen = max(l.s.seen, last)
	if len(w.order) == 0 && !l.s.fresh {
		return nil
	}
	return w.commit(ctx, record.BoxItem{Kind: placeKind, Key: "each", Value: strconv.AppendInt(nil, last, 10)})
}

// begin reads the links there are.
func (l *Linker) begin(ctx context.Context) error {
	index, err := NewIndex(l.o.Settings, l.door.TestNumbers())
	if err != nil {
		return fhir.Errorf(fhir.Broken, "no index: %w", err)
	}
	s := &state{index: index, links: graph{}, sources: map[string]string{}, same: map[string][]string{}, said: map[string]bool{}}
	if err := l.each(ctx, saidKind, "", func(it record.BoxItem) error { s.said[it.Key], s.newest = true, it.Key; return nil }); err != nil {
		return err
	}
	err = l.each(ctx, linkKind, "", func(it record.BoxItem) error {
		e, err := editOf(it.Key, it.Value)
		if err == nil {
			s.links.set(e.A, e.B, flagsOf(e.Link))
		}
		return err
	})
	if err != nil {
		return err
	}
	l.s = s
	return nil
}

// each walks the items of a kind whose keys begin with prefix.
func (l *Linker) each(ctx context.Context, kind, prefix string, do func(record.BoxItem) error) error {
	for after := prefix; ; {
		items, err := l.box.List(ctx, kind, after, 1000)
		if err != nil {
			return err
		}
		for _, it := range items {
			if !strings.HasPrefix(it.Key, prefix) {
				return nil
			}
			if err := do(it); err != nil {
				return err
			}
			after = it.Key
		}
		if len(items) < 1000 {
			return nil
		}
	}
}

// late is how far the clocks of two processes may differ: what people said is looked through again so far back.
const late = 5 * time.Minute

// hear takes in what people said since, in this process or another.
func (l *Linker) hear(ctx context.Context) error {
	after := ""
	if l.s.newest != "" {
		var micros int64
		if _, err := fmt.Sscanf(l.s.newest, "%d", &micros); err != nil {
			return fhir.Errorf(fhir.Broken, "an entry of what was said has the key %q: %w", l.s.newest, err)
		}
		after = fmt.Sprintf("%019d", micros-late.Microseconds())
	}
	var again []string
	for {
		items, err := l.box.List(ctx, saidKind, after, 1000)
		if err != nil {
			return err
		}
		for _, it := range items {
			after = it.Key
			if l.s.said[it.Key] {
				continue
			}
			for id := range strings.FieldsSeq(string(it.Value)) {
				value, err := l.box.Get(ctx, linkKind, id)
				if err != nil {
					return err
				}
				e, err := editOf(id, value)
				if err != nil {
					return err
				}
				l.s.links.set(e.A, e.B, flagsOf(e.Link))
				again = append(again, e.A, e.B)
			}
			l.s.said[it.Key], l.s.newest = true, max(l.s.newest, it.Key)
		}
		if len(items) < 1000 {
			break
		}
	}
	if l.s.seen == 0 || len(again) == 0 {
		return nil
	}
	w := l.work()
	w.again(again...)
	if err := w.consider(ctx, nil); err != nil {
		return err
	}
	return w.commit(ctx)
}

// place reads how far matching has come, and what was learnt by then. The follower's own place may be a little further.
func (l *Linker) place(ctx context.Context) error {
	return errors.Join(read(ctx, l, "batch", &l.s.batched), read(ctx, l, "each", &l.s.dealt), read(ctx, l, "learnt", &l.s.learnt))
}

// read reads into what stands under a key of places, and leaves it alone where nothing does.
func read[T any](ctx context.Context, l *Linker, key string, into *T) error {
	value, err := l.box.Get(ctx, placeKind, key)
	if err != nil || value == nil {
		return err
	}
	if err := json.Unmarshal(value, into); err != nil {
		return fhir.Errorf(fhir.Broken, "how far matching has come cannot be read (%s): %w", key, err)
	}
	return nil
}

// readPatients are the newest of some changes, and the ids of Patients that are no more.
func readPatients(changes []record.Stored) (subjects []subject, gone map[string]bool, err error) {
	newest := map[string]int{}
	for i, c := range changes {
		newest[c.ID] = i
	}
	gone = map[string]bool{}
	for i, c := range changes {
		if newest[c.ID] != i || c.ID == "" {
			continue
		}
		if c.Deleted {
			gone[c.ID] = true
			continue
		}
		s, err := readPatient(&c)
		if err != nil {
			return nil, nil, err
		}
		subjects = append(subjects, s)
	}
	return subjects, gone, nil
}

func readPatient(c *record.Stored) (subject, error) {
	res, err := c.Resource()
	if err != nil {
		return subject{}, err
	}
	var p r4.Patient
	if err := r4.Decode(res, &p); err != nil {
		return subject{}, fhir.Errorf(fhir.Broken, "Patient/%s cannot be read for matching: %w", c.ID, err)
	}
	p.ID = c.ID
	return subjectOf(&p), nil
}

// know puts a Patient into memory.
func (s *state) know(p *subject) error {
	s.sources[p.ID] = p.source
	if p.duplicates != nil {
		s.same[p.ID] = p.duplicates
	} else {
		delete(s.same, p.ID)
	}
	return s.index.Add(p.Person)
}

func (s *state) forget(id string) {
	s.index.Remove(id)
	delete(s.sources, id)
	delete(s.same, id)
}

// catchUp fills the index with Patients as they are at change upTo, and tells each to also.
func (l *Linker) catchUp(ctx context.Context, upTo int64, also map[string]subject) error {
	if l.s.seen >= upTo {
		return nil
	}
	from, told := l.s.seen, time.Now()
	for l.s.seen < upTo {
		changes, err := l.door.Changes(ctx, l.o.Who, record.Log{Type: "Patient", After: l.s.seen, Limit: 1000})
		if err != nil {
			return err
		}
		for i := range changes {
			if changes[i].Seq > upTo {
				changes = changes[:i]
				break
			}
		}
		if len(changes) == 0 {
			l.s.seen = upTo
			break
		}
		subjects, gone, err := readMany(changes)
		if err != nil {
			return err
		}
		for id := range gone {
			l.s.forget(id)
			delete(also, id)
		}
		for i := range subjects {
			if err := l.s.know(&subjects[i]); err != nil {
				return err
			}
			if also != nil {
				also[subjects[i].ID] = subjects[i]
			}
		}
		l.s.seen = changes[len(changes)-1].Seq
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			slog.Info("matching is reading the Patients there are", "patients", l.s.index.Len(), "change", l.s.seen, "of", upTo)
		}
	}
	if n := l.s.index.Len(); from == 0 && n > 1000 {
		slog.Info("matching knows all Patients", "patients", n)
	}
	return nil
}

// readMany is readPatients by all processors.
func readMany(changes []record.Stored) (subjects []subject, gone map[string]bool, err error) {
	newest := map[string]int{}
	for i, c := range changes {
		newest[c.ID] = i
	}
	var current []record.Stored
	for i, c := range changes {
		if newest[c.ID] == i {
			current = append(current, c)
		}
	}
	workers := runtime.GOMAXPROCS(0)
	parts, lost, errs := make([][]subject, workers), make([]map[string]bool, workers), make([]error, workers)
	size := (len(current) + workers - 1) / workers
	var wait sync.WaitGroup
	for w := range workers {
		part := current[min(w*size, len(current)):min((w+1)*size, len(current))]
		wait.Go(func() { parts[w], lost[w], errs[w] = readPatients(part) })
	}
	wait.Wait()
	gone = map[string]bool{}
	for w := range workers {
		subjects = append(subjects, parts[w]...)
		maps.Copy(gone, lost[w])
	}
	return subjects, gone, errors.Join(errs...)
}

// BehindBy is how many changes of the record the linker has not looked at yet.
func (l *Linker) BehindBy(ctx context.Context) (int64, error) { return l.door.Behind(ctx, "match") }
