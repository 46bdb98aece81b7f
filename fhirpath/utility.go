package fhirpath

import (
	"slices"

	"github.com/kith-care/kith/fhir"
)

func trace(c *call, s *scope, in Collection) (Collection, error) {
	name, _, err := c.text(0, s)
	if err != nil {
		return nil, err
	}
	shown := in
	if len(c.args) > 1 {
		shown = nil
		for i, it := range in {
			part, err := c.args[1].eval(s.with(it, i))
			if err != nil {
				return nil, err
			}
			shown = append(shown, part...)
		}
	}
	if s.env.Trace != nil {
		s.env.Trace(name, slices.Clone(shown))
	}
	return in, nil
}

// defineVariable makes %name known to what follows in the same expression.
func defineVariable(c *call, s *scope, in Collection) (Collection, error) {
	name, ok, err := c.text(0, s)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, s.fail("defineVariable() needs a name")
	}
	for b := s.vars; b != nil; b = b.next {
		if b.name == name {
			return nil, s.fail("the variable %%%s is already defined", name)
		}
	}
	if _, taken := s.env.Vars[name]; taken || slices.Contains(ownVariables, name) {
		return nil, s.fail("the variable %%%s is already defined", name)
	}
	value := in
	if len(c.args) > 1 {
		inner := s.copy()
		inner.this = in
		if value, err = c.args[1].eval(inner); err != nil {
			return nil, err
		}
	}
	s.vars = &binding{name, value, s.vars}
	return in, nil
}

var ownVariables = []string{"context", "resource", "rootResource", "ucum", "sct", "loinc"}

func now(c *call, s *scope, _ Collection) (Collection, error) {
	t := fhir.DateTimeOf(s.clock())
	switch c.name {
	case "today":
		return Collection{computed(dateOf(t))}, nil
	case "timeOfDay":
		return Collection{computed(value{kind: Time, t: fhir.DateTime{Clock: t.Clock}})}, nil
	}
	return Collection{computed(value{kind: DateTime, t: t})}, nil
}

func childrenOf(_ *call, s *scope, in Collection) (Collection, error) {
	var out Collection
	for _, it := range in {
		out = appendChildren(out, it)
	}
	return out, s.spend(len(out))
}

// descendants gives the children, then their children, and so on.
func descendants(_ *call, s *scope, in Collection) (Collection, error) {
	var out Collection
	for _, it := range in {
		out = appendChildren(out, it)
	}
	for i := 0; i < len(out); i++ {
		out = appendChildren(out, out[i])
	}
	return out, s.spend(len(out))
}

func typeOf(_ *call, _ *scope, in Collection) (Collection, error) {
	var out Collection
	for _, it := range in {
		space, name := it.typeName()
		out = append(out, computed(value{kind: TypeInfo, s: name, space: space}))
	}
	return out, nil
}

// pathname says where the items stand in their resource.
func pathname(_ *call, _ *scope, in Collection) (Collection, error) {
	var out Collection
	for _, it := range in {
		if it.sys == nil {
			out = append(out, text(it.Path()))
		}
	}
	return out, nil
}

// component is yearOf() and its kin; empty for anything that is no date or time or is not known so far.
func component(c *call, s *scope, in Collection) (Collection, error) {
	if err := s.atMostOne(c, in); err != nil || len(in) == 0 {
		return nil, err
	}
	v, ok := in[0].system()
	if !ok {
		return nil, nil
	}
	if v.kind == String {
		if v = readString(DateTime, v.s); v.kind == String {
			v = readString(Time, v.s)
		}
	}
	t := v.t
	dated, timed := v.isMoment(), v.kind == Time || v.kind == DateTime
	whole := func(n int, known bool) (Collection, error) { return one(integer(int64(n)), known), nil }
	switch c.name {
	case "yearOf":
		return whole(int(t.Year), dated)
	case "monthOf":
		return whole(int(t.Month), dated && t.Month != 0)
	case "dayOf":
		return whole(int(t.Day), dated && t.Day != 0)
	case "hourOf":
		return whole(int(t.Clock.Hour), timed && t.Clock.Known >= fhir.Hour)
	case "minuteOf":
		return whole(int(t.Clock.Minute), timed && t.Clock.Known >= fhir.Minute)
	case "secondOf":
		return whole(int(t.Clock.Second), timed && t.Clock.Known >= fhir.Second)
	case "millisecondOf":
		return whole(int(t.Clock.Nanos/1e6), timed && t.Clock.Known == fhir.Fraction)
	case "dateOf":
		return one(computed(dateOf(t)), dated), nil
	case "timeOf":
		return one(computed(value{kind: Time, t: fhir.DateTime{Clock: t.Clock}}), v.kind == DateTime && t.Clock.Known != 0), nil
	}
	hours, _ := fhir.MakeDecimal(int64(t.Zone), 0).Div(fhir.MakeDecimal(60, 0), 8)
	return one(decimal(hours.Pad(1)), v.kind == DateTime && t.Zoned), nil
}

// between is duration(other, precision), whole periods, and difference(other, precision), borders crossed.
func between(c *call, s *scope, in Collection) (Collection, error) {
	a, ok1, err := s.single(in, c.name+"()")
	if err != nil {
		return nil, err
	}
	other, err := c.arg(0, s)
	if err != nil {
		return nil, err
	}
	b, ok2, err := s.single(other, c.name+"()")
	if err != nil {
		return nil, err
	}
	unit, ok3, err := c.text(1, s)
	if err != nil || !ok1 || !ok2 || !ok3 {
		return nil, err
	}
	if !(a.isMoment() && b.isMoment() || a.kind == Time && b.kind == Time) {
		return nil, s.fail("%s() takes two dates or two times, not %s and %s", c.name, a.kind, b.kind)
	}
	n, known, err := s.boundaries(a, b, unit, c.name == "duration")
	return one(integer(n), known), err
}
