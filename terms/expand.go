package terms

import (
	"context"

	"github.com/kith-care/kith/fhir"
)

// Expansion is the list of codes in a value set.
type Expansion struct {
	URL, Version string
	Concepts     []Concept
	// Missing names the code systems and value sets that could not be listed; Concepts is then not all of it.
	Missing []string
}

// MaxExpansion is how many codes an expansion may have.
const MaxExpansion = 100_000

// Expand lists the codes of a value set, each once, in the order of its definition. The error is NotFound where the value
// set itself is not known here, TooCostly where it has more than MaxExpansion codes.
func (t *Terms) Expand(ctx context.Context, valueSet string) (*Expansion, error) {
	v, err := t.set(ctx, valueSet)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, fhir.Errorf(fhir.NotFound, "the value set %q is not known here", valueSet)
	}
	e := expander{terms: t, ctx: ctx, out: &Expansion{URL: v.url, Version: v.version}, seen: map[[2]string]bool{}, missing: map[string]bool{}, via: visit{steps: maxExpansionSteps}}
	if err := e.set(valueSet, v, nil); err != nil {
		return nil, err
	}
	return e.out, nil
}

type expander struct {
	terms   *Terms
	ctx     context.Context
	out     *Expansion
	seen    map[[2]string]bool
	missing map[string]bool
	via     visit
}

// keep is a condition a code must meet besides being in the component at hand.
type keep func(Concept) (truth, error)

// set adds the codes of v that meet all conditions and are not excluded.
func (e *expander) set(canonical string, v *valueSet, conditions []keep) error {
	if err := e.via.enter(canonical); err != nil {
		return err
	}
	defer e.via.leave()
	for i := range v.exclude {
		c := &v.exclude[i]
		conditions = append(conditions[:len(conditions):len(conditions)], func(one Concept) (truth, error) {
			return e.ask(func(via *visit) (truth, error) {
				is, err := e.terms.inComponent(e.ctx, c, one.System, one.Code, via)
				switch is {
				case yes:
					return no, err
				case no:
					return yes, err
				}
				return unknown, err
			})
		})
	}
	for i := range v.include {
		if err := e.component(&v.include[i], conditions); err != nil {
			return err
		}
	}
	return nil
}

func (e *expander) component(c *component, conditions []keep) error {
	sets := c.sets
	if c.system == "" && len(sets) > 0 {
		// the first value set is listed, the others keep or drop its codes
		v, err := e.terms.set(e.ctx, sets[0])
		if err != nil {
			return err
		}
		if v == nil {
			e.miss(sets[0])
			return nil
		}
		return e.set(sets[0], v, e.members(conditions, sets[1:]))
	}
	conditions = e.members(conditions, sets)
	if c.listed {
		return e.listed(c, conditions)
	}
	s, err := e.terms.system(e.ctx, c.canonical())
	if err != nil {
		return err
	}
	if s == nil {
		e.miss(c.system)
		return nil
	}
	if s.partial {
		e.miss(c.system)
	}
	for i := range s.concepts {
		at := &s.concepts[i]
		is := yes
		for _, f := range c.filters {
			one, err := e.terms.passes(e.ctx, s, at, f)
			if err != nil {
				return err
			}
			is = min(is, one)
			if one == no {
				is = no
				break
			}
		}
		if err := e.offer(s.public(at), is, conditions); err != nil {
			return err
		}
	}
	return nil
}

// members adds "is in each of these value sets" to the conditions.
func (e *expander) members(conditions []keep, sets []string) []keep {
	for _, set := range sets {
		conditions = append(conditions[:len(conditions):len(conditions)], func(one Concept) (truth, error) {
			return e.ask(func(via *visit) (truth, error) { return e.terms.contains(e.ctx, set, one.System, one.Code, via) })
		})
	}
	return conditions
}

// ask puts a question about one code: it has a way of its own, but what it costs counts for the whole expansion.
func (e *expander) ask(question func(*visit) (truth, error)) (truth, error) {
	via := visit{steps: e.via.steps}
	is, err := question(&via)
	e.via.steps = via.steps
	return is, err
}

// listed offers the codes a component names, with the display of their system where it gives none.
func (e *expander) listed(c *component, conditions []keep) error {
	s, err := e.terms.system(e.ctx, c.canonical())
	if err != nil {
		return err
	}
	for _, one := range c.codes {
		if s != nil {
			if at := s.find(one.Code); at != nil {
				own := one.Display
				one = s.public(at)
				if own != "" {
					one.Display = own
				}
			}
		}
		if err := e.offer(one, yes, conditions); err != nil {
			return err
		}
	}
	return nil
}

// offer adds a concept that meets all conditions and is not yet there.
func (e *expander) offer(c Concept, is truth, conditions []keep) error {
	for _, ok := range conditions {
		if is == no {
			return nil
		}
		one, err := ok(c)
		if err != nil {
			return err
		}
		if one != yes {
			is = one
		}
	}
	switch {
	case is == no || e.seen[[2]string{c.System, c.Code}]:
		return nil
	case is == unknown:
		e.miss(c.System)
		return nil
	case len(e.out.Concepts) == MaxExpansion:
		return fhir.Errorf(fhir.TooCostly, "the value set %s has more than %d codes", e.out.URL, MaxExpansion)
	}
	e.seen[[2]string{c.System, c.Code}] = true
	e.out.Concepts = append(e.out.Concepts, c)
	return nil
}

func (e *expander) miss(url string) {
	if !e.missing[url] {
		e.missing[url] = true
		e.out.Missing = append(e.out.Missing, url)
	}
}
