package match

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// place links a Patient with whoever it is one person with, and asks about whoever it may be.
func (w *work) place(ctx context.Context, s *subject, found []Candidate) error {
	for _, other := range s.duplicates {
		if !slices.ContainsFunc(found, func(c Candidate) bool { return c.ID == other }) {
			if c, ok := w.s.index.Weigh(s.Person, other); ok {
				found = append(found, c)
			}
		}
	}
	for _, c := range found {
		if err := w.settle(ctx, s.ID, c); err != nil {
			return err
		}
	}
	return nil
}

// reopen has the questions about some Patients weighed once more.
func (w *work) reopen(ids ...string) {
	for _, id := range ids {
		for _, p := range w.s.links[id] {
			if link := pairID(id, p.other); p.flags&(doubted|answered|linked) == doubted && !slices.Contains(w.reopened, link) {
				w.reopened = append(w.reopened, link)
			}
		}
	}
}

// reconsider answers what questions it can by what was linked since they were asked.
func (w *work) reconsider(ctx context.Context) error {
	for len(w.reopened) > 0 {
		again := w.reopened
		w.reopened = nil
		for _, link := range again {
			a, b, _ := strings.Cut(link, "_")
			if w.s.links.between(a, b)&doubted == 0 {
				continue
			}
			c, ok := w.s.index.weighPeople([]string{a}, []string{b}, w.s.share(a, b))
			if !ok {
				continue
			}
			if err := w.settle(ctx, a, c.Candidate); err != nil {
				return err
			}
		}
	}
	return nil
}

// weigh is what all Patients of two people say of their being one. c is of one Patient of each.
func (w *work) weigh(c Candidate, mine, theirs []string) verdict {
	if c.Certain {
		return verdict{Candidate: c}
	}
	v, ok := w.s.index.weighPeople(mine, theirs, w.s.share(slices.Concat(mine, theirs)...))
	if !ok {
		return verdict{Candidate: c}
	}
	v.ID = c.ID
	return v
}

// settle does what the rules say of one pair.
func (w *work) settle(ctx context.Context, id string, c Candidate) error {
	mine, theirs := w.s.links.person(id), w.s.links.person(c.ID)
	if slices.Contains(mine, c.ID) || w.s.links.said(mine, theirs) {
		return nil // they are, or a person has said that they are not
	}
	v := w.weigh(c, mine, theirs)
	declared := slices.Contains(w.s.same[id], c.ID) || slices.Contains(w.s.same[c.ID], id)
	rule := ""
	switch {
	case v.Certain:
		rule = ByNumber
	case declared && v.Weight >= w.l.o.Settings.Review && !v.Clash:
		rule = BySource
	case v.Decision == One:
		rule = ByWeight
	}
	contested := rule == "" && w.alike(&c, id) && len(mine)+len(theirs) > 2 // the two alone are, their people are not
	if rule == "" && v.Decision != Ask && !declared && !contested {
		return nil
	}
	if rule == "" && !declared && !contested && v.Weight < w.l.o.Settings.Link && w.s.index.clash(id, c.ID) {
		return nil // two numbers are two people, where nothing strong says otherwise: nobody's time is taken for it
	}
	if contested {
		v.Candidate = c
	}
	with := slices.DeleteFunc(slices.Concat(mine, theirs), func(other string) bool { return other == id || other == c.ID })
	slices.Sort(with)
	if why := w.doubt(&v, rule, declared, contested, mine, theirs); why != "" {
		if w.s.links.asked(mine, theirs) {
			return nil
		}
		return w.ask(ctx, id, v.Candidate, with, why)
	}
	return w.join(ctx, id, v.Candidate, with, rule)
}

// alike reports whether a Patient and a candidate are one person, were there no other Patients. What they say together becomes the
// candidate's.
func (w *work) alike(c *Candidate, id string) bool {
	if !c.Certain {
		if v, ok := w.s.index.weighPeople([]string{id}, []string{c.ID}, w.s.share(id, c.ID)); ok {
			*c = v.Candidate
		}
	}
	return c.Decision == One
}

// doubt is why two people are a question, "" where they are linked.
func (w *work) doubt(v *verdict, rule string, declared, contested bool, mine, theirs []string) string {
	switch {
	case v.Clash:
		return "the NHS number is the same, but the birth date or both names are not"
	case rule == "" && declared:
		return "their source says that they are one person, but little else does"
	case contested:
		return "alike, but not like the others of their person"
	case rule == "" && v.Weight >= w.l.o.Settings.Link:
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
			if w.s.sources[a] == w.s.sources[b] && !v.sure {
				return "both are Patients of one source, which does not say that they are one person"
			}
			if w.s.index.clash(a, b) {
				return "they have different NHS numbers"
			}
		}
	}
	if w.rival(v, mine, theirs) || w.rival(v, theirs, mine) {
		return "nearly as like somebody else, or unlike in what should agree"
	}
	return ""
}

// rival reports whether a person without NHS number is nearly as like somebody who contradicts the other. Whoever has a number can be
// one person with several who have none.
func (w *work) rival(v *verdict, person, other []string) bool {
	if w.s.index.numbered(person) {
		return false
	}
	var seen []string
	for _, id := range person {
		for _, c := range w.s.index.nearest(id) {
			if slices.Contains(person, c.ID) || slices.Contains(other, c.ID) || slices.Contains(seen, c.ID) {
				continue
			}
			third := w.s.links.person(c.ID)
			seen = append(seen, third...)
			u := w.weigh(c, person, third)
			if v.Weight-u.Weight < w.l.o.Settings.Gap && (w.s.links.said(other, third) || w.s.index.apart(other, third)) {
				return true
			}
		}
	}
	return false
}
