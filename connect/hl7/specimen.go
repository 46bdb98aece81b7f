package hl7

import (
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// specimen maps an SPM segment; the order it belongs to is request.
func (b *builder) specimen(s Segment, request Ref, orderKey string) Ref {
	id := s.Field(2)
	key := or(id.Comp(2).Text(), id.Comp(1).Text())
	if key == "" {
		key = orderKey + "|" + s.Field(1).Text()
	}
	x, e := draft[r4.Specimen](b, "Specimen", key, s.Place())
	if v := id.Comp(1).Text(); v != "" {
		x.Identifier = []r4.Identifier{b.entity(id.Comp(1))}
	}
	if v := id.Comp(2).Text(); v != "" {
		x.AccessionIdentifier = ptr(b.entity(id.Comp(2)))
	}
	x.Subject = b.patient.reference()
	set(s.Field(4), &x.Type, b.concept)
	if reject := s.Field(21); !reject.Empty() {
		x.Status = "unsatisfactory"
		for one := range reject.Reps() {
			x.Condition = addConcept(x.Condition, b.concept(one))
		}
	} else if x.Status == "" {
		x.Status = "available"
	}
	if s.Field(20).Text() == "N" {
		x.Status = "unavailable"
	}
	if x.Collection == nil {
		x.Collection = &r4.SpecimenCollection{}
	}
	c := x.Collection
	set(s.Field(7), &c.Method, b.concept)
	set(s.Field(8), &c.BodySite, b.concept)
	if q := s.Field(12); !q.Empty() {
		c.Quantity = b.quantity(s.Place()+"-12", q.Comp(1).Text(), q.Comp(2))
	}
	b.period(s.Place()+"-17", s.Field(17), &c.CollectedDateTime, &c.CollectedPeriod)
	if c.CollectedDateTime.Year == 0 && c.CollectedPeriod == nil && c.Method == nil && c.BodySite == nil && c.Quantity == nil {
		x.Collection = nil
	}
	if t := b.clock.dateTime(s.Place()+"-18", s.Field(18)); t.Year != 0 {
		x.ReceivedTime = t
	}
	x.Request = addRef(x.Request, request)
	return e.ref
}

// period reads a DR, or a single time.
func (b *builder) period(at string, p Part, one *fhir.DateTime, both **r4.Period) {
	start, end := b.clock.dateTime(at, p.Comp(1)), b.clock.dateTime(at, p.Comp(2))
	switch {
	case start.Year == 0 && end.Year == 0:
	case end.Year == 0 || start == end:
		*one, *both = start, nil
	default:
		*one, *both = fhir.DateTime{}, b.span(at, start, end)
	}
}

// span makes a period that begins before it ends, as FHIR asks.
func (b *builder) span(at string, start, end fhir.DateTime) *r4.Period {
	if start.Year != 0 && end.Year != 0 && end.High().Before(start.Low()) {
		b.warn(at, "it ends (%s) before it begins (%s): the end was left out", end, start)
		end = fhir.DateTime{}
	}
	if start.Year == 0 && end.Year == 0 {
		return nil
	}
	return &r4.Period{Start: start, End: end}
}
