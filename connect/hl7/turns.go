package hl7

import (
	"slices"
	"sync"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// turns lets whoever comes first for a key go first.
type turns struct {
	mu    sync.Mutex
	lines map[string]*line
}

type line struct {
	busy    bool
	waiting []chan struct{}
}

// take waits until no one else has any of the keys and gives what ends that. Keys are taken in one order by all, so that
// nobody waits for somebody who waits for them.
func (t *turns) take(keys []string) (release func()) {
	keys = slices.Clone(keys)
	slices.Sort(keys)
	keys = slices.Compact(keys)
	for _, k := range keys {
		t.wait(k)
	}
	return func() {
		for _, k := range keys {
			t.pass(k)
		}
	}
}

func (t *turns) wait(key string) {
	t.mu.Lock()
	if t.lines == nil {
		t.lines = map[string]*line{}
	}
	l := t.lines[key]
	if l == nil {
		l = &line{}
		t.lines[key] = l
	}
	if !l.busy {
		l.busy = true
		t.mu.Unlock()
		return
	}
	mine := make(chan struct{})
	l.waiting = append(l.waiting, mine)
	t.mu.Unlock()
	<-mine
}

// pass hands a key to the next in line.
func (t *turns) pass(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lines[key]
	if len(l.waiting) == 0 {
		delete(t.lines, key)
		return
	}
	close(l.waiting[0])
	l.waiting = l.waiting[1:]
}

// known remembers resources that the feed wrote last. It only saves reading: every write says which version it changes,
// and where that is no longer so, everything here is forgotten.
type known struct {
	mu       sync.Mutex
	new, old map[Ref]held // two generations, so that what is used stays
}

const knownAtMost = 10000

func (k *known) get(ref Ref) (held, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if h, ok := k.new[ref]; ok {
		return h, true
	}
	h, ok := k.old[ref]
	if ok {
		k.put(ref, h) // it is wanted still
	}
	return h, ok
}

func (k *known) put(ref Ref, h held) {
	if k.new == nil || len(k.new) >= knownAtMost {
		k.new, k.old = make(map[Ref]held), k.new
	}
	k.new[ref] = h
}

// add remembers a resource as it is, where nobody has learnt better since.
func (k *known) add(ref Ref, h held) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if have, ok := k.new[ref]; !ok || have.version <= h.version {
		k.put(ref, h)
	}
}

func (k *known) forget() {
	k.mu.Lock()
	k.new, k.old = nil, nil
	k.mu.Unlock()
}

// learn remembers what was written.
func (k *known) learn(ops []record.Op, results []record.Result) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, r := range results {
		ref := Ref{r.Type, r.ID}
		if ops[i].Method == record.Delete || r.Body == nil {
			delete(k.new, ref)
			delete(k.old, ref)
			continue
		}
		if res, err := fhir.Parse(r.Body); err == nil {
			k.put(ref, held{res: res, version: r.Version})
		}
	}
}
