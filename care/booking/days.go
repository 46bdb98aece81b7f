package booking

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir/r4"
)

// A day of a practice has some hundreds of free Slots, and when booking opens everybody looks at the same day. So what a day has is kept for a moment: a Slot
// that this process gives away is gone from it at once, one that another process gives away a moment later. What is kept is what is offered, never what is
// booked: that asks for the Slot's version in the record.

// dayFor is how long the free Slots of a day are kept, and mostDays of how many days.
const (
	dayFor   = 2 * time.Second
	mostDays = 5000
)

// freeDay are the free Slots of one value of FoundBy.
type freeDay struct {
	read  time.Time
	slots []freeSlot
}

type freeSlot struct {
	*r4.Slot
	version int64
	start   time.Time
}

// freeOn are the free Slots of days, in no order.
func (s *Service) freeOn(ctx context.Context, days []string) ([]freeSlot, error) {
	kept := func() (out []freeSlot, unknown []string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, day := range days {
			if d := s.days[day]; d != nil && s.now().Sub(d.read) < dayFor {
				out = append(out, d.slots...)
			} else {
				unknown = append(unknown, day)
			}
		}
		return out, unknown
	}
	out, unknown := kept()
	if len(unknown) == 0 {
		return out, nil
	}
	s.reading.Lock() // one reads, the others have what it read
	defer s.reading.Unlock()
	if out, unknown = kept(); len(unknown) == 0 {
		return out, nil
	}
	fresh := map[string]*freeDay{}
	terms := make([]string, len(unknown))
	for i, day := range unknown {
		fresh[day] = &freeDay{read: s.now()}
		terms[i] = url.QueryEscape(FreeSystem + "|" + day)
	}
	for m, err := range s.Door.All(ctx, me, "Slot?identifier="+strings.Join(terms, ",")+"&status=free") {
		if err != nil {
			return nil, err
		}
		slot := new(r4.Slot)
		if err := m.Decode(slot); err != nil {
			return nil, err
		}
		one := freeSlot{slot, m.Version, slot.Start.Low()}
		out = append(out, one)
		if d := fresh[dayOf(slot)]; d != nil {
			d.slots = append(d.slots, one)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.days == nil || len(s.days)+len(fresh) > mostDays {
		s.days = map[string]*freeDay{}
	}
	gone := func(one freeSlot) bool { // it was given away while this was read
		g, ok := s.gone[one.ID]
		return ok && g.version >= one.version
	}
	for day, d := range fresh {
		d.slots = slices.DeleteFunc(d.slots, gone)
		s.days[day] = d
	}
	maps.DeleteFunc(s.gone, func(_ string, g givenAway) bool { return s.now().Sub(g.at) > goneFor })
	return slices.DeleteFunc(out, gone), nil
}

// dayOf is the value of FoundBy that a Slot bears, "" for none.
func dayOf(slot *r4.Slot) string {
	for _, id := range slot.Identifier {
		if id.System == FreeSystem || id.System == TakenSystem {
			return id.Value
		}
	}
	return ""
}

// givenAway is a Slot that is free no more, as it was when it was last free or later.
type givenAway struct {
	version int64
	at      time.Time
}

// goneFor is how long it is remembered that a Slot was given away: longer than reading a day takes.
const goneFor = 30 * time.Second

// given takes a Slot out of what is kept.
func (s *Service) given(slot *r4.Slot, version int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone == nil {
		s.gone = map[string]givenAway{}
	}
	s.gone[slot.ID] = givenAway{version, s.now()}
	if d := s.days[dayOf(slot)]; d != nil { // whoever was handed the list before keeps it as it was
		d.slots = slices.DeleteFunc(slices.Clone(d.slots), func(one freeSlot) bool { return one.ID == slot.ID })
	}
}

// back forgets what is kept of the day of a Slot that is free again; of all days for nil.
func (s *Service) back(slot *r4.Slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slot == nil {
		s.days = nil
		return
	}
	delete(s.days, dayOf(slot))
}
