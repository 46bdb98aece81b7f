package match

import (
	"context"
	"slices"

	"github.com/kith-care/kith/record"
)

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
			v := w.weigh(c, w.s.links.person(s.ID), w.s.links.person(p.other))
			if v.Decision == Apart && !slices.Contains(s.duplicates, p.other) && !slices.Contains(w.s.same[p.other], s.ID) {
				if err := w.close(ctx, s.ID, p.other); err != nil {
					return err
				}
			}
			continue
		}
		holds := c.Certain || c.Decision == One && !c.Clash || w.belongs(s.ID)
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
			if err := w.ask(ctx, s.ID, c, nil, "they were linked, but what the Patient says now no longer supports it"); err != nil {
				return err
			}
		}
	}
	return nil
}

// belongs reports whether a Patient is like all the others of its person together.
func (w *work) belongs(id string) bool {
	others := w.s.links.person(id)[1:]
	if len(others) < 2 {
		return false
	}
	v, there := w.s.index.weighPeople([]string{id}, others, w.s.share(w.s.links.person(id)...))
	return there && v.Decision == One && !v.Clash
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
