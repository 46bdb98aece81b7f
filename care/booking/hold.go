package booking

import (
	"context"
	"slices"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// hold is a Slot kept for somebody for a while. Who it is for stands in the box: others see busy-tentative and no more.
type hold struct {
	Patient     string    `json:"patient"`
	Until       time.Time `json:"until"`
	Appointment string    `json:"appointment,omitempty"` // kept so that leaving this appointment's time can be undone
}

// Held is a Slot that is kept for somebody, or that they could still have.
type Held struct {
	Offer
	Until time.Time // zero where it is not kept for them, and is free
}

// Held is a Slot as a patient has it now, without keeping it any longer. ErrTaken where somebody else has it.
func (s *Service) Held(ctx context.Context, who access.Actor, patient, slot string) (*Held, error) {
	if err := s.may(ctx, who, access.Create, patient); err != nil {
		return nil, err
	}
	o, h, err := s.bookable(ctx, patient, slot)
	if err != nil {
		return nil, err
	}
	out := &Held{Offer: *o}
	if h != nil && s.now().Before(h.Until) {
		out.Until = h.Until
	}
	return out, nil
}

// ErrTaken is in the errors of whoever came second.
var ErrTaken = fhir.Errorf(fhir.Conflict, "somebody else has just taken this time")

// Hold keeps a Slot for a patient while a form is filled in. Whoever holds one and takes another gives the first back. ErrTaken where somebody else was first.
func (s *Service) Hold(ctx context.Context, who access.Actor, patient, slot string) (*Held, error) {
	if err := s.may(ctx, who, access.Create, patient); err != nil {
		return nil, err
	}
	o, h, err := s.bookable(ctx, patient, slot)
	if err != nil {
		return nil, err
	}
	until := s.now().Add(HoldFor)
	if h != nil {
		until = h.Until // looking again is no way to keep it for ever
	}
	if h == nil || !s.now().Before(until) {
		until = s.now().Add(HoldFor)
		op, err := turned(o.slot, o.version, "busy-tentative")
		if err != nil {
			return nil, err
		}
		items := []record.BoxItem{record.JSONItem("hold", slot, hold{Patient: patient, Until: until}), record.JSONItem("holder", patient, slot)}
		ops := []record.Op{op}
		back, gone, err := s.givenBack(ctx, patient, slot)
		if err != nil {
			return nil, err
		}
		if _, err := s.box().Commit(ctx, acting(who), append(ops, back...), append(items, gone...)...); err != nil {
			if lost(err) {
				s.given(o.slot, o.version)
				return nil, ErrTaken
			}
			return nil, err
		}
		s.given(o.slot, o.version)
		if len(back) > 0 {
			s.back(nil)
		}
	}
	return &Held{Offer: *o, Until: until}, nil
}

// Release gives back a Slot that a patient holds; one that they do not hold is left as it is.
func (s *Service) Release(ctx context.Context, who access.Actor, patient, slot string) error {
	if err := s.may(ctx, who, access.Create, patient); err != nil {
		return err
	}
	ops, items, err := s.freed(ctx, slot, patient)
	if err != nil || len(items) == 0 {
		return err
	}
	if _, err = s.box().Commit(ctx, acting(who), ops, append(items, record.BoxItem{Kind: "holder", Key: patient})...); err != nil && lost(err) {
		return nil // somebody has it, or it is free already
	}
	s.back(nil)
	return err
}

// bookable is a Slot as a patient can have it now: free, or held for them; h is their hold. ErrTaken where somebody else has it.
func (s *Service) bookable(ctx context.Context, patient, id string) (*Offer, *hold, error) {
	slot := new(r4.Slot)
	stored, err := s.get(ctx, "Slot", id, slot)
	if absent(err) {
		return nil, nil, ErrTaken
	}
	if err != nil {
		return nil, nil, err
	}
	var mine *hold
	switch slot.Status {
	case "free":
	case "busy-tentative":
		h, err := s.holdOf(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		over := h != nil && !s.now().Before(h.Until) // it has ended, and nobody has tidied up yet
		if h == nil || !over && (h.Patient != patient || h.Appointment != "") {
			return nil, nil, ErrTaken
		}
		if h.Patient == patient && h.Appointment == "" {
			mine = h
		}
	default:
		s.given(slot, stored.Version)
		return nil, nil, ErrTaken
	}
	p, err := s.of(ctx, patient)
	if err != nil {
		return nil, nil, err
	}
	o, ok, err := s.offer(ctx, p, slot, stored.Version)
	switch {
	case err != nil:
		return nil, nil, err
	case !ok:
		return nil, nil, fhir.Errorf(fhir.NotFound, "Slot/%s is not for this patient", id)
	case !o.Start.After(s.now()):
		return nil, nil, fhir.Errorf(fhir.Conflict, "this time has begun already")
	}
	return &o, mine, nil
}

func (s *Service) holdOf(ctx context.Context, slot string) (*hold, error) {
	return record.ReadJSON[hold](func(kind, key string) ([]byte, error) { return s.box().Get(ctx, kind, key) }, "hold", slot)
}

// turned is the change of a Slot's status, where it is still as it was read. Only a free Slot is among those of its day (FoundBy).
func turned(slot *r4.Slot, version int64, status string) (record.Op, error) {
	out := *slot
	out.Status, out.Identifier = status, slices.Clone(slot.Identifier)
	for i := range out.Identifier {
		if id := &out.Identifier[i]; id.System == FreeSystem || id.System == TakenSystem {
			id.System = TakenSystem
			if status == "free" {
				id.System = FreeSystem
			}
		}
	}
	return put("Slot", slot.ID, version, &out)
}

// freed is what makes a Slot free again that a patient holds ("" for whoever does, once the hold is over), with what the box then forgets; nothing where it is not
// so held. The Slot is read before its hold: somebody who takes it in between changes its version.
func (s *Service) freed(ctx context.Context, id, patient string) (ops []record.Op, items []record.BoxItem, err error) {
	slot := new(r4.Slot)
	stored, err := s.get(ctx, "Slot", id, slot)
	gone := absent(err)
	if err != nil && !gone {
		return nil, nil, err
	}
	h, err := s.holdOf(ctx, id)
	if err != nil || h == nil || patient != "" && h.Patient != patient || patient == "" && s.now().Before(h.Until) {
		return nil, nil, err
	}
	if !gone && slot.Status == "busy-tentative" {
		op, err := turned(slot, stored.Version, "free")
		if err != nil {
			return nil, nil, err
		}
		ops = append(ops, op)
	}
	return ops, []record.BoxItem{{Kind: "hold", Key: id}}, nil
}

// givenBack is what gives back the Slot that a patient holds besides this one.
func (s *Service) givenBack(ctx context.Context, patient, but string) ([]record.Op, []record.BoxItem, error) {
	last, err := record.ReadJSON[string](func(kind, key string) ([]byte, error) { return s.box().Get(ctx, kind, key) }, "holder", patient)
	if err != nil || last == nil || *last == but {
		return nil, nil, err
	}
	h, err := s.holdOf(ctx, *last)
	if err != nil || h == nil || h.Appointment != "" {
		return nil, nil, err
	}
	return s.freed(ctx, *last, patient)
}

// Sweep ends holds, and the possibility to undo, that are over. It answers how many Slots became free.
func (s *Service) Sweep(ctx context.Context) (int, error) {
	n := 0
	for after := ""; ; {
		items, err := s.box().List(ctx, "hold", after, 500)
		if err != nil {
			return n, err
		}
		for _, it := range items {
			after = it.Key
			h, err := s.holdOf(ctx, it.Key)
			if err != nil {
				return n, err
			}
			if h == nil || s.now().Before(h.Until) {
				continue
			}
			ops, items, err := s.freed(ctx, it.Key, "")
			if err != nil {
				return n, err
			}
			if len(items) == 0 {
				continue
			}
			switch _, err := s.box().Commit(ctx, me, ops, items...); {
			case err == nil:
				n += len(ops)
			case !lost(err): // somebody took it meanwhile: the hold is theirs
				return n, err
			}
		}
		if len(items) < 500 {
			break
		}
	}
	if n > 0 {
		s.back(nil)
	}
	return n, s.forget(ctx)
}
