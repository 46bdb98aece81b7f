package fhirpath

import "slices"

func exists(c *call, s *scope, in Collection) (Collection, error) {
	if len(c.args) == 0 {
		return truth(len(in) > 0), nil
	}
	inner := s.copy()
	for i, it := range in {
		ok, err := c.criterion(inner.again(s, it, i))
		if err != nil || ok {
			return truth(ok), err
		}
	}
	return truth(false), nil
}

// criterion evaluates the first argument: true, or else false also where it is empty.
func (c *call) criterion(s *scope) (bool, error) {
	if err := s.spend(1); err != nil {
		return false, err
	}
	out, err := c.args[0].eval(s)
	if err != nil {
		return false, err
	}
	t, err := truthOf(out)
	return t == yes, err
}

func all(c *call, s *scope, in Collection) (Collection, error) {
	inner := s.copy()
	for i, it := range in {
		if ok, err := c.criterion(inner.again(s, it, i)); err != nil || !ok {
			return truth(false), err
		}
	}
	return truth(true), nil
}

// flags is allTrue() and its kin: what they say of the numbers of true and false.
func flags(verdict func(yes, no int) bool) func(*call, *scope, Collection) (Collection, error) {
	return func(c *call, s *scope, in Collection) (Collection, error) {
		trues, falses := 0, 0
		for _, it := range in {
			v, ok := it.system()
			switch {
			case !ok || v.kind != Boolean:
				return nil, s.fail("%s() takes booleans, not %s", c.name, it.Type())
			case v.n != 0:
				trues++
			default:
				falses++
			}
		}
		return truth(verdict(trues, falses)), nil
	}
}

func subsetOf(c *call, s *scope, in Collection) (Collection, error) {
	other, err := c.arg(0, s)
	if err != nil {
		return nil, err
	}
	return s.within(in, other)
}

func supersetOf(c *call, s *scope, in Collection) (Collection, error) {
	other, err := c.arg(0, s)
	if err != nil {
		return nil, err
	}
	return s.within(other, in)
}

func (s *scope) within(part, whole Collection) (Collection, error) {
	for _, it := range part {
		if found, err := s.holds(whole, it); err != nil || !found {
			return truth(false), err
		}
	}
	return truth(true), nil
}

func isDistinct(_ *call, s *scope, in Collection) (Collection, error) {
	out, err := s.distinct(in)
	return truth(len(out) == len(in)), err
}

func not(_ *call, _ *scope, in Collection) (Collection, error) {
	t, err := truthOf(in)
	return t.not().items(), err
}

func where(c *call, s *scope, in Collection) (Collection, error) {
	var out Collection
	inner := s.copy()
	for i, it := range in {
		ok, err := c.criterion(inner.again(s, it, i))
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, it)
		}
	}
	return out, nil
}

// project is select().
func project(c *call, s *scope, in Collection) (Collection, error) {
	var out Collection
	inner := s.copy()
	for i, it := range in {
		part, err := c.args[0].eval(inner.again(s, it, i))
		if err != nil {
			return nil, err
		}
		if err := s.spend(1 + len(part)); err != nil {
			return nil, err
		}
		out = append(out, part...)
	}
	return out, nil
}

func repeat(c *call, s *scope, in Collection) (Collection, error) {
	var out Collection
	for queue := in; len(queue) > 0; {
		found, err := project(c, s, queue)
		if err != nil {
			return nil, err
		}
		queue = nil
		for _, it := range found {
			known, err := s.holds(out, it)
			if err != nil {
				return nil, err
			}
			if !known {
				out = append(out, it)
				queue = append(queue, it)
			}
		}
	}
	return out, nil
}

// repeatAll is repeat() without leaving out what was there before; one that does not end is refused.
func repeatAll(c *call, s *scope, in Collection) (Collection, error) {
	var out Collection
	for queue := in; len(queue) > 0; {
		found, err := project(c, s, queue)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
		queue = found
	}
	return out, nil
}

func aggregate(c *call, s *scope, in Collection) (Collection, error) {
	total, err := c.arg(1, s)
	for i, it := range in {
		if err != nil {
			return nil, err
		}
		inner := s.with(it, i)
		inner.total = total
		if err = s.spend(1); err == nil {
			total, err = c.args[0].eval(inner)
		}
	}
	return total, err
}

// sum adds the items up from the first; empty where one has no value or two cannot be added.
func sum(c *call, s *scope, in Collection) (Collection, error) {
	total, ok, err := s.fold(in, c.name, func(total, v value) (value, bool, error) { return s.calculate("+", total, v) })
	return one(computed(total), ok), err
}

func extreme(sign int) func(*call, *scope, Collection) (Collection, error) {
	return func(c *call, s *scope, in Collection) (Collection, error) {
		best, ok, err := s.fold(in, c.name, func(best, v value) (value, bool, error) {
			order, known, ok := s.compare(v, best)
			switch {
			case !ok:
				return best, false, s.fail("%s() cannot compare %s with %s", c.name, v.kind, best.kind)
			case order*sign > 0:
				return v, known, nil
			}
			return best, known, nil
		})
		return one(computed(best), ok), err
	}
}

func average(c *call, s *scope, in Collection) (Collection, error) {
	total, ok, err := s.fold(in, c.name, func(total, v value) (value, bool, error) { return s.calculate("+", total, v) })
	if err != nil || !ok {
		return nil, err
	}
	mean, ok, err := s.calculate("/", total, value{kind: Integer, n: int64(len(in))})
	return one(computed(mean), ok), err
}

func (s *scope) fold(in Collection, name string, step func(total, v value) (value, bool, error)) (total value, ok bool, err error) {
	for i, it := range in {
		v, ok, err := s.single(Collection{it}, name+"()")
		if err != nil || !ok {
			return value{}, false, err
		}
		if i == 0 {
			total = v
			continue
		}
		if total, ok, err = step(total, v); err != nil || !ok {
			return value{}, false, err
		}
	}
	return total, len(in) > 0, nil
}

func single(_ *call, s *scope, in Collection) (Collection, error) {
	if len(in) > 1 {
		return nil, s.fail("single() found %d items", len(in))
	}
	return in, nil
}

func skip(c *call, s *scope, in Collection) (Collection, error) {
	n, ok, err := c.number(0, s)
	if err != nil || !ok {
		return nil, err
	}
	return in[min(max(n, 0), int64(len(in))):], nil
}

func take(c *call, s *scope, in Collection) (Collection, error) {
	n, ok, err := c.number(0, s)
	if err != nil || !ok {
		return nil, err
	}
	return in[:min(max(n, 0), int64(len(in)))], nil
}

func intersect(c *call, s *scope, in Collection) (Collection, error) {
	other, err := c.arg(0, s)
	if err != nil {
		return nil, err
	}
	var out Collection
	for _, it := range in {
		found, err := s.holds(other, it)
		if err != nil {
			return nil, err
		}
		if found {
			out = append(out, it)
		}
	}
	return s.distinct(out)
}

func exclude(c *call, s *scope, in Collection) (Collection, error) {
	other, err := c.arg(0, s)
	if err != nil {
		return nil, err
	}
	var out Collection
	for _, it := range in {
		found, err := s.holds(other, it)
		if err != nil {
			return nil, err
		}
		if !found {
			out = append(out, it)
		}
	}
	return out, nil
}

func unite(c *call, s *scope, in Collection) (Collection, error) {
	other, err := c.arg(0, s)
	if err != nil {
		return nil, err
	}
	return s.distinct(slices.Concat(in, other))
}

// concat is combine(); its second parameter asks for the order, which is kept anyway.
func concat(c *call, s *scope, in Collection) (Collection, error) {
	other, err := c.arg(0, s)
	if err != nil {
		return nil, err
	}
	return slices.Concat(in, other), s.spend(len(in) + len(other))
}

func coalesce(c *call, s *scope, _ Collection) (Collection, error) {
	for i := range c.args {
		if out, err := c.arg(i, s); err != nil || len(out) > 0 {
			return out, err
		}
	}
	return nil, nil
}

// iif evaluates only the branch it takes.
func iif(c *call, s *scope, in Collection) (Collection, error) {
	if len(in) > 1 {
		return nil, s.fail("iif() takes a single item, not %d", len(in))
	}
	inner := s.copy()
	if c.input != nil && len(in) == 1 {
		inner.this = in
	}
	out, err := c.args[0].eval(inner.fork())
	if err != nil {
		return nil, err
	}
	if len(out) == 1 && out[0].hasValue() {
		if v, ok := out[0].system(); !ok || v.kind != Boolean {
			return nil, s.fail("the criterion of iif() must be true or false, not %s", describe(out))
		}
	}
	t, err := truthOf(out)
	switch {
	case err != nil:
		return nil, err
	case t == yes && out[0].hasValue():
		return c.args[1].eval(inner.fork())
	case len(c.args) == 3:
		return c.args[2].eval(inner.fork())
	}
	return nil, nil
}
