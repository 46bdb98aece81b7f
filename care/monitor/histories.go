package monitor

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/fhir/reading"
)

// Histories reads what people sent in, in any order, from CSV (person,time,kind,value,unit[,value2][,deterioration]), NDJSON of Observations, or a Bundle.
//
// A row of CSV without a value says that something happened to the person: deterioration is its name. Units are UCUM's; kPa, lb, stone and mg/dL are
// turned into our own.
type Histories struct {
	people map[string]*History
	n      int
}

// Read takes in one file.
func (h *Histories) Read(name string, in io.Reader) error {
	buffered := bufio.NewReader(in)
	first, err := buffered.Peek(1)
	if err != nil {
		return fhir.Errorf(fhir.Invalid, "%s is empty", name)
	}
	if first[0] == '{' {
		return h.fhir(name, buffered)
	}
	return h.table(name, buffered)
}

// All are the histories read, in order of name, each in order of time.
func (h *Histories) All() []History {
	out := make([]History, 0, len(h.people))
	for _, name := range sorted(h.people) {
		one := h.people[name]
		slices.SortStableFunc(one.Readings, func(a, b Sent) int { return a.At.Compare(b.At) })
		slices.SortFunc(one.Events, func(a, b Deterioration) int { return a.At.Compare(b.At) })
		out = append(out, *one)
	}
	return out
}

func (h *Histories) of(person string) *History {
	if h.people == nil {
		h.people = map[string]*History{}
	}
	one := h.people[person]
	if one == nil {
		one = &History{Person: person}
		h.people[person] = one
	}
	return one
}

func (h *Histories) table(name string, in io.Reader) error {
	r := csv.NewReader(in)
	r.FieldsPerRecord = -1
	head, err := r.Read()
	if err != nil {
		return fhir.Errorf(fhir.Invalid, "%s: line 1: %w", name, err)
	}
	column := map[string]int{}
	for i, c := range head {
		column[strings.ToLower(strings.TrimSpace(c))] = i
	}
	for _, c := range []string{"person", "time", "kind", "value", "unit"} {
		if _, ok := column[c]; !ok {
			return fhir.Errorf(fhir.Invalid, "%s: line 1: there is no column %s", name, c)
		}
	}
	for line := 2; ; line++ {
		row, err := r.Read()
		if err == io.EOF {
			return nil
		}
		get := func(c string) string {
			if i, ok := column[c]; ok && i < len(row) {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		if err == nil {
			err = h.row(get)
		}
		if err != nil {
			return fhir.Errorf(fhir.Invalid, "%s: line %d: %w", name, line, err)
		}
	}
}

func (h *Histories) row(get func(string) string) error {
	at, err := time.Parse(time.RFC3339, get("time"))
	if err != nil {
		return fmt.Errorf("time: %q is not like 2026-11-20T09:30:00Z", get("time"))
	}
	if get("person") == "" {
		return errors.New("there is no person")
	}
	one := h.of(get("person"))
	if what := get("deterioration"); what != "" {
		one.Events = append(one.Events, Deterioration{at, what})
	}
	if get("value") == "" {
		return nil
	}
	kind, unit := get("kind"), reading.Unit{Shown: get("unit"), Code: get("unit")}
	p := Point{ID: fmt.Sprint("row-", h.n), At: at}
	h.n++
	kinds := []*reading.Kind{reading.Named(kind)}
	if kind == "pressure" {
		kinds = []*reading.Kind{reading.Systolic, reading.Diastolic}
	}
	if kinds[0] == nil {
		return fmt.Errorf("kind: %q is nothing that is measured here", kind)
	}
	for i, k := range kinds {
		text := get([]string{"value", "value2"}[i])
		v, err := fhir.ParseDecimal(text)
		if err != nil {
			return fmt.Errorf("%q is no number", text)
		}
		if _, err := k.Judge(v, unit); err != nil {
			return err
		}
		own, _ := k.In(v, unit)
		if i == 0 {
			p.Value = own.Float64()
		} else {
			p.Value2, p.Two = own.Float64(), true
		}
	}
	one.Readings = append(one.Readings, Sent{kind, p})
	return nil
}

// fhir reads a Bundle, or Observations one a line.
func (h *Histories) fhir(name string, in io.Reader) error {
	all, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	if json.Valid(all) {
		return h.resource(name, all)
	}
	for line := range bytes.Lines(all) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := h.resource(name, line); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *Histories) resource(name string, text []byte) error {
	res, err := fhir.Parse(text)
	if err != nil {
		return fhir.Errorf(fhir.Invalid, "%s: %w", name, err)
	}
	switch res.Type() {
	case "Bundle":
		for e := range res.Root().Get("entry").Items() {
			if inner := e.Get("resource"); inner.Exists() {
				if err := h.resource(name, inner.Raw()); err != nil {
					return err
				}
			}
		}
	case "Observation":
		var o r4.Observation
		if err := r4.Decode(res, &o); err != nil {
			return fhir.Errorf(fhir.Invalid, "%s: %w", name, err)
		}
		if o.Subject == nil || o.Subject.Reference == "" {
			return fhir.Errorf(fhir.Invalid, "%s: an Observation says not whose it is", name)
		}
		one := h.of(o.Subject.Reference)
		for _, p := range PointsOf(&o) {
			if p.ID == "" {
				p.ID = fmt.Sprint("row-", h.n)
			}
			h.n++
			one.Readings = append(one.Readings, p)
		}
	}
	return nil
}

// PointsOf are the readings of an Observation, in our own units: a pressure is one of two numbers, a day of a stream one for each value.
func PointsOf(o *r4.Observation) (out []Sent) {
	p := Point{ID: o.ID, At: taken(o), Irregular: reading.WasIrregular(o)}
	if p.At.IsZero() {
		return nil
	}
	if o.ValueSampledData != nil {
		return streamed(o)
	}
	pressure := p
	for _, m := range reading.Measures(o) {
		own, ok := m.Own()
		if !ok {
			continue // a number in a unit we cannot read goes to a person, not to an alarm
		}
		switch m.Kind {
		case reading.Systolic:
			pressure.Value = own.Float64()
		case reading.Diastolic:
			pressure.Value2, pressure.Two = own.Float64(), true
		default:
			one := p
			one.Value = own.Float64()
			out = append(out, Sent{m.Kind.Name, one})
		}
	}
	if pressure.Two && pressure.Value > 0 {
		out = append(out, Sent{"pressure", pressure})
	}
	return out
}

// taken is when the reading was taken: the end of what took a while.
func taken(o *r4.Observation) time.Time {
	switch {
	case o.EffectiveDateTime.Year != 0:
		return o.EffectiveDateTime.Low()
	case o.EffectiveInstant.Year != 0:
		return o.EffectiveInstant.Low()
	case o.EffectivePeriod != nil && o.EffectivePeriod.End.Year != 0:
		return o.EffectivePeriod.End.Low()
	case o.EffectivePeriod != nil && o.EffectivePeriod.Start.Year != 0:
		return o.EffectivePeriod.Start.Low()
	}
	return time.Time{}
}

// streamed are the values of a day of a stream, each with its own time.
func streamed(o *r4.Observation) (out []Sent) {
	k, s := reading.Coded(o.Code), o.ValueSampledData
	if k == nil || s.Origin == nil || s.Period == nil || o.EffectivePeriod == nil || o.EffectivePeriod.Start.Year == 0 || s.Dimensions == nil || *s.Dimensions != 1 {
		return nil
	}
	apart, ok := s.Period.Int64()
	if !ok || apart <= 0 {
		return nil
	}
	begin := o.EffectivePeriod.Start.Low()
	for i, text := range strings.Fields(s.Data) {
		v, err := fhir.ParseDecimal(text)
		if err != nil {
			continue // E, L and U are no values
		}
		if s.Factor != nil {
			v = v.Mul(*s.Factor)
		}
		if s.Origin.Value != nil {
			v = v.Add(*s.Origin.Value)
		}
		if own, ok := k.In(v, reading.Unit{Shown: s.Origin.Unit, Code: s.Origin.Code}); ok {
			out = append(out, Sent{k.Name, Point{ID: fmt.Sprintf("%s/%d", o.ID, i), At: begin.Add(time.Duration(int64(i)*apart) * time.Millisecond), Value: own.Float64()}})
		}
	}
	return out
}

// ReadPlans reads what is planned for people, for Replaying: {"people": {"name": {"kinds": {"weight": {"every": "24h", "limits": […]}}}}}.
func ReadPlans(text []byte) (map[string]*Plan, error) {
	var said struct {
		People map[string]struct {
			Gender string
			Kinds  map[string]struct {
				Every  Span
				Limits []Limit
			}
		}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&said); err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the limits cannot be read: %w", err)
	}
	plans := map[string]*Plan{}
	for person, p := range said.People {
		plan := &Plan{Gender: p.Gender, Kinds: map[string]*PlanKind{}}
		for kind, k := range p.Kinds {
			plan.Kinds[kind] = &PlanKind{Every: time.Duration(k.Every), Limits: k.Limits}
		}
		plans[person] = plan
	}
	return plans, nil
}
