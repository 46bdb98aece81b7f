package match

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// work is one step of matching: what it changes, until it is committed.
type work struct {
	l         *Linker
	s         *state
	edits     map[string]*edit
	order     []string // of the edits
	relations []record.Relation
	todo      []string // Patients to be considered once more
}

func (l *Linker) work() *work { return &work{l: l, s: l.s, edits: map[string]*edit{}} }

// again has Patients considered once more, with whoever else there is.
func (w *work) again(ids ...string) {
	for _, id := range ids {
		if !slices.Contains(w.todo, id) {
			w.todo = append(w.todo, id)
		}
	}
}

// link is a pair to be changed.
func (w *work) link(ctx context.Context, a, b string) (*edit, error) {
	id := pairID(a, b)
	if e := w.edits[id]; e != nil {
		return e, nil
	}
	value, err := w.l.box.Get(ctx, linkKind, id)
	if err != nil {
		return nil, err
	}
	e, err := editOf(id, value)
	if err != nil {
		return nil, err
	}
	w.edits[id] = e
	w.order = append(w.order, id)
	return e, nil
}

// commit writes everything in one transaction.
func (w *work) commit(ctx context.Context, more ...record.BoxItem) error {
	var was, items []record.BoxItem
	for _, id := range w.order {
		before, now, err := w.edits[id].items()
		if err != nil {
			return err
		}
		was, items = append(was, before), append(items, now...)
	}
	items = append(items, more...)
	if len(items) == 0 {
		return nil
	}
	err := w.l.box.Relate(ctx, w.l.o.Who, w.relations, was, items...)
	w.edits, w.order, w.relations = map[string]*edit{}, nil, nil
	return err
}

// consider finds the people of Patients that are new or changed, and of those that are to be looked at again.
func (w *work) consider(ctx context.Context, subjects []subject) error {
	for i := range subjects {
		if err := w.s.know(&subjects[i]); err != nil {
			return err
		}
	}
	for {
		found := w.find(subjects)
		for i := range subjects {
			if err := w.review(ctx, &subjects[i]); err != nil {
				return err
			}
			if err := w.place(ctx, &subjects[i], found[i]); err != nil {
				return err
			}
		}
		if len(w.todo) == 0 {
			return nil
		}
		ids := w.todo
		w.todo, subjects = nil, nil
		for _, id := range ids {
			if _, there := w.s.sources[id]; !there {
				continue
			}
			stored, err := w.l.door.Get(ctx, w.l.o.Who, "Patient", id)
			if kind := fhir.KindOf(err); kind == fhir.Gone || kind == fhir.NotFound {
				continue // its own change is still to come
			}
			if err != nil {
				return err
			}
			s, err := readPatient(stored)
			if err != nil {
				return err
			}
			if err := w.s.know(&s); err != nil {
				return err
			}
			subjects = append(subjects, s)
		}
	}
}

// find asks the index about several people at once.
func (w *work) find(subjects []subject) [][]Candidate {
	found := make([][]Candidate, len(subjects))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(subjects)) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(subjects); i = int(next.Add(1)) - 1 {
				found[i] = w.s.index.find(subjects[i].Person, w.s.links.together)
			}
		})
	}
	wait.Wait()
	return found
}

// place links a Patient with whoever it is one person with, and asks about whoever it may be.
func (w *work) place(ctx context.Context, s *subject, found []Candidate) error {
	for _, other := range s.duplicates {
		if !slices.ContainsFunc(found, func(c Candidate) bool { return c.ID == other }) {
			if c, ok := w.s.index.Weigh(s.Person, other); ok {
				found = append(found, c)
			}
		}
	}
	found = w.contradicted(found)
	for _, c := range found {
		if err := w.settle(ctx, s, c); err != nil {
			return err
		}
	}
	return nil
}

// contradicted makes questions of candidates whom somebody said to be two people and of whom neither is clearly the better.
func (w *work) contradicted(found []Candidate) []Candidate {
	found = slices.Clone(found)
	for i := range found {
		for j := range found {
			if i == j || found[i].Decision != One || found[i].Certain || found[i].Weight-found[j].Weight >= w.l.o.Settings.Gap || found[j].Decision == Apart {
				continue
			}
			if w.s.links.said(w.s.links.person(found[i].ID), w.s.links.person(found[j].ID)) {
				found[i].Decision = Ask
			}
		}
	}
	return found
}

// settle does what the rules say of one pair.
func (w *work) settle(ctx context.Context, s *subject, c Candidate) error {
	mine, theirs := w.s.links.person(s.ID), w.s.links.person(c.ID)
	if slices.Contains(mine, c.ID) || w.s.links.said(mine, theirs) {
		return nil // they are, or a person has said that they are not
	}
	declared := slices.Contains(s.duplicates, c.ID) || slices.Contains(w.s.same[c.ID], s.ID)
	rule := ""
	switch {
	case c.Certain:
		rule = ByNumber
	case declared && c.Weight >= w.l.o.Settings.Review && !c.Clash:
		rule = BySource
	case c.Decision == One:
		rule = ByWeight
	}
	if rule == "" && c.Decision != Ask && !declared {
		return nil
	}
	if rule == "" && !declared && c.Weight < w.l.o.Settings.Link && w.s.index.clash(s.ID, c.ID) {
		return nil // two numbers are two people, where nothing strong says otherwise: nobody's time is taken for it
	}
	if why := w.doubt(s, &c, rule, declared, mine, theirs); why != "" {
		if w.s.links.asked(mine, theirs) {
			return nil
		}
		return w.ask(ctx, s.ID, c, why)
	}
	return w.join(ctx, s.ID, c, rule)
}

// doubt is why a pair is a question, "" where it is a link.
func (w *work) doubt(s *subject, c *Candidate, rule string, declared bool, mine, theirs []string) string {
	switch {
	case c.Clash:
		return "the NHS number is the same, but the birth date or both names are not"
	case rule == "" && declared:
		return "their source says that they are one person, but little else does"
	case rule == "" && c.Weight >= w.l.o.Settings.Link:
		return "nearly as like somebody else, or unlike in what should agree"
	case rule == "":
		return "alike, but not enough"
	case len(mine)+len(theirs) > largestPerson:
		return fmt.Sprintf("they would be one person of %d Patients", len(mine)+len(theirs))
	case rule != ByWeight:
		return ""
	}
	for _, a := range mine {
		for _, b := range theirs {
			if w.s.sources[a] == w.s.sources[b] {
				return "both are Patients of one source, which does not say that they are one person"
			}
			if w.s.index.clash(a, b) {
				return "they have different NHS numbers"
			}
		}
	}
	return ""
}

func (w *work) ask(ctx context.Context, id string, c Candidate, why string) error {
	e, err := w.link(ctx, id, c.ID)
	if err != nil {
		return err
	}
	e.Doubt = &Doubt{Since: w.l.o.Now().UTC(), Why: why, Weight: c.Weight, Parts: c.Parts, Settings: w.l.version}
	w.s.links.set(e.A, e.B, flagsOf(e.Link))
	return nil
}

func (w *work) join(ctx context.Context, id string, c Candidate, rule string) error {
	e, err := w.link(ctx, id, c.ID)
	if err != nil {
		return err
	}
	e.Doubt, e.Linked = nil, true
	e.Said = append(e.Said, Assertion{Same: true, Rule: rule, By: w.l.o.Who.ID, When: w.l.o.Now().UTC(), Weight: c.Weight, Parts: c.Parts, Settings: w.l.version})
	w.relations = append(w.relations, record.Relation{One: []string{id, c.ID}})
	w.s.links.set(e.A, e.B, flagsOf(e.Link))
	// Questions between Patients who are one person by now need no answer.
	group := w.s.links.person(id)
	for _, a := range group {
		for _, p := range slices.Clone(w.s.links[a]) {
			if p.flags&(doubted|linked) == doubted && a < p.other && slices.Contains(group, p.other) {
				if err := w.close(ctx, a, p.other); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// close takes back a question.
func (w *work) close(ctx context.Context, a, b string) error {
	e, err := w.link(ctx, a, b)
	if err != nil {
		return err
	}
	e.Doubt = nil
	w.s.links.set(e.A, e.B, flagsOf(e.Link))
	return nil
}

// review holds the machine's own links and questions of a changed Patient against what it is now. A link that no longer holds is asked
// about, and stands meanwhile. It is taken back at once only where it rested on an NHS number that has been corrected.
func (w *work) review(ctx context.Context, s *subject) error {
	for _, p := range slices.Clone(w.s.links[s.ID]) {
		if p.flags&answered != 0 || p.flags&(linked|doubted) == 0 {
			continue
		}
		c, there := w.s.index.Weigh(s.Person, p.other)
		if !there {
			continue
		}
		if p.flags&linked == 0 {
			if c.Decision == Apart && !slices.Contains(s.duplicates, p.other) && !slices.Contains(w.s.same[p.other], s.ID) {
				if err := w.close(ctx, s.ID, p.other); err != nil {
					return err
				}
			}
			continue
		}
		holds := c.Certain || c.Decision == One && !c.Clash
		switch {
		case holds && p.flags&doubted != 0:
			if err := w.close(ctx, s.ID, p.other); err != nil {
				return err
			}
			continue
		case holds:
			continue
		}
		e, err := w.link(ctx, s.ID, p.other)
		if err != nil {
			return err
		}
		switch by := e.standing(); {
		case by != nil && by.Rule == ByNumber && w.s.index.clash(s.ID, p.other):
			if err := w.undo(ctx, e, "the NHS number was corrected and is another's now"); err != nil {
				return err
			}
		case by != nil && by.Rule == BySource && !c.Clash:
		case p.flags&doubted == 0:
			if err := w.ask(ctx, s.ID, c, "they were linked, but what the Patient says now no longer supports it"); err != nil {
				return err
			}
		}
	}
	return nil
}

// undo takes back a link that the machine made, and has everybody of that person considered again.
func (w *work) undo(ctx context.Context, e *edit, why string) error {
	before := w.s.links.person(e.A)
	e.retract(w.l.o.Who.ID, w.l.o.Now().UTC(), why)
	e.Doubt = nil
	w.s.links.set(e.A, e.B, flagsOf(e.Link))
	w.relations = append(w.relations, apart(before, w.s.links)...)
	for _, id := range before {
		w.again(id)
	}
	return nil
}

// apart are the relations that make the Patients of one person into the people that they are by the links left.
func apart(before []string, links graph) []record.Relation {
	out := []record.Relation{{Apart: before}}
	for _, person := range links.parts(before) {
		if len(person) > 1 {
			out = append(out, record.Relation{One: person})
		}
	}
	return out
}

// vanished ends the links of a Patient that was deleted.
func (w *work) vanished(ctx context.Context, id string) error {
	before := w.s.links.person(id)
	broken := false
	for _, p := range slices.Clone(w.s.links[id]) {
		if p.flags&(linked|doubted) == 0 {
			continue
		}
		e, err := w.link(ctx, id, p.other)
		if err != nil {
			return err
		}
		e.Doubt = nil
		if e.Linked {
			e.retract(w.l.o.Who.ID, w.l.o.Now().UTC(), "Patient/"+id+" was deleted")
			broken = true
		}
		w.s.links.set(e.A, e.B, flagsOf(e.Link))
	}
	w.s.forget(id)
	if broken {
		w.relations = append(w.relations, apart(before, w.s.links)...)
		for _, other := range before {
			if other != id {
				w.again(other)
			}
		}
	}
	return nil
}
