package booking

import (
	"context"
	"time"

	"github.com/kith-care/kith/record"
)

// openEvery is how often Slots are made further ahead.
const openEvery = time.Hour

// atOnce is how many Slots are written in one commit.
const atOnce = 500

// Open makes the directory and the Slots of our own clinics as far ahead as the sessions say, and answers how many Slots it made. Slots that are there are left
// as they are; those that are free and no longer in the sessions are taken away.
func (s *Service) Open(ctx context.Context) (int, error) {
	if s.Sessions == nil {
		return 0, nil
	}
	types, resources := s.Sessions.directory(s.now())
	var ops []record.Op
	for i, x := range resources {
		op, err := put(types[i], "", 0, x)
		if err != nil {
			return 0, err
		}
		op.ID, op.IfNone, op.Same = op.Resource.ID(), false, true
		ops = append(ops, op)
	}
	if err := s.inParts(ctx, ops); err != nil {
		return 0, err
	}
	from := s.now()
	before := from.AddDate(0, 0, 7*s.Sessions.Weeks)
	made := 0
	for i := range s.Sessions.Clinics {
		n, err := s.open(ctx, &s.Sessions.Clinics[i], from, before)
		made += n
		s.back(nil)
		if err != nil {
			return made, err
		}
	}
	return made, nil
}

func (s *Service) open(ctx context.Context, c *Clinic, from, before time.Time) (int, error) {
	there := map[string]*record.Stored{}
	query := "Slot?schedule=Schedule/" + prefix + c.ID + "&start=ge" + instant(from) + "&start=lt" + instant(before)
	for m, err := range s.Door.All(ctx, me, query) {
		if err != nil {
			return 0, err
		}
		there[m.ID] = m
	}
	var ops []record.Op
	for _, slot := range s.Sessions.Slots(c, from, before) {
		if there[slot.ID] != nil {
			delete(there, slot.ID)
			continue
		}
		op, err := put("Slot", slot.ID, 0, slot)
		if err != nil {
			return 0, err
		}
		ops = append(ops, op)
	}
	made := len(ops)
	for id, m := range there {
		res, err := m.Resource()
		if err != nil {
			return 0, err
		}
		if res.Root().Get("status").Is("free") {
			ops = append(ops, record.Op{Method: record.Delete, Type: "Slot", ID: id, IfMatch: m.Version})
		}
	}
	return made, s.inParts(ctx, ops)
}

func (s *Service) inParts(ctx context.Context, ops []record.Op) error {
	for len(ops) > 0 {
		n := min(len(ops), atOnce)
		// Another process may make the same Slots: then they are there, and whoever comes next looks again.
		if _, err := s.Door.Commit(ctx, me, ops[:n]); err != nil && !lost(err) {
			return err
		}
		ops = ops[n:]
	}
	return nil
}

// instant writes a moment as searches take it.
func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }
