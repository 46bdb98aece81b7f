package booking

import (
	"context"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// undo is what was done last to an appointment, and how it was before.
type undo struct {
	What  string    `json:"what"`
	Until time.Time `json:"until"`
	Was   []byte    `json:"was,omitempty"`  // the appointment before
	Slot  string    `json:"slot,omitempty"` // that it took
}

const undoBook, undoChange, undoCancel, undoAsk = "book", "change", "cancel", "ask"

func (s *Service) undoable(appointment string, u undo) record.BoxItem {
	u.Until = s.now().Add(UndoFor)
	return record.JSONItem("undo", appointment, u)
}

func (s *Service) undoOf(ctx context.Context, appointment string) (*undo, error) {
	u, err := record.ReadJSON[undo](func(kind, key string) ([]byte, error) { return s.box().Get(ctx, kind, key) }, "undo", appointment)
	if err != nil || u == nil || !s.now().Before(u.Until) {
		return nil, err
	}
	return u, nil
}

// Undo takes back the last thing that was done to an appointment, within ten minutes: what was cancelled stands again at its old time, what was moved is where it was,
// what was booked is cancelled.
func (s *Service) Undo(ctx context.Context, who access.Actor, patient, id string) (*Appointment, error) {
	a, version, err := s.mine(ctx, who, access.Update, patient, id)
	if err != nil {
		return nil, err
	}
	u, err := s.undoOf(ctx, id)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return nil, fhir.Errorf(fhir.Conflict, "it is too late to undo this: ten minutes have passed")
	}
	items := []record.BoxItem{{Kind: "undo", Key: id}}
	var ops []record.Op
	switch u.What {
	case undoAsk:
		if err := s.unask(ctx, who, a, items); err != nil {
			return nil, err
		}
		return s.shown(ctx, a)
	case undoBook:
		free, err := s.free(ctx, u.Slot)
		if err != nil {
			return nil, err
		}
		a.Status, a.CancelationReason = "cancelled", &r4.CodeableConcept{Coding: []r4.Coding{{System: cancelSystem, Code: "pat"}}, Text: "Booking undone"}
		task, err := s.dropped(ctx, named("interpreter", id))
		if err != nil {
			return nil, err
		}
		ops = append(append(ops, free...), task...)
	default:
		was, err := fhir.Parse(u.Was)
		if err != nil {
			return nil, fhir.Errorf(fhir.Broken, "what Appointment/%s was before cannot be read: %w", id, err)
		}
		a = new(r4.Appointment)
		if err := r4.Decode(was, a); err != nil {
			return nil, err
		}
		back, kept, err := s.takesBack(ctx, a)
		if err != nil {
			return nil, err
		}
		ops, items = append(ops, back...), append(items, kept...)
		if u.What == undoChange {
			free, err := s.free(ctx, u.Slot)
			if err != nil {
				return nil, err
			}
			ops = append(ops, free...)
		}
		task, err := s.dropped(ctx, named("rebook", id))
		if err != nil {
			return nil, err
		}
		ops = append(ops, task...)
		if language := interpreterFor(a); language != "" {
			ops = append(ops, s.interpreter(a, language, patient))
		}
	}
	op, err := put("Appointment", id, version, a)
	if err != nil {
		return nil, err
	}
	if _, err := s.box().Commit(ctx, acting(who), append(ops, op), items...); err != nil {
		return nil, err
	}
	s.back(nil)
	return s.shown(ctx, a)
}

// free makes a Slot that an appointment took free again.
func (s *Service) free(ctx context.Context, id string) ([]record.Op, error) {
	slot := new(r4.Slot)
	stored, err := s.get(ctx, "Slot", id, slot)
	if absent(err) {
		return nil, nil
	}
	if err != nil || slot.Status != "busy" {
		return nil, err
	}
	op, err := turned(slot, stored.Version, "free")
	return []record.Op{op}, err
}

// takesBack makes the Slots that were kept for an appointment its own again. Conflict where one is no longer kept.
func (s *Service) takesBack(ctx context.Context, a *r4.Appointment) (ops []record.Op, items []record.BoxItem, err error) {
	for i := range a.Slot {
		id := idOf(&a.Slot[i], "Slot")
		slot := new(r4.Slot)
		stored, err := s.get(ctx, "Slot", id, slot)
		if err != nil && !absent(err) {
			return nil, nil, err
		}
		h, e := s.holdOf(ctx, id)
		if e != nil {
			return nil, nil, e
		}
		if absent(err) || slot.Status != "busy-tentative" || h == nil || h.Appointment != a.ID {
			return nil, nil, ErrTaken
		}
		op, err := turned(slot, stored.Version, "busy")
		if err != nil {
			return nil, nil, err
		}
		ops, items = append(ops, op), append(items, record.BoxItem{Kind: "hold", Key: id})
	}
	return ops, items, nil
}

// dropped cancels a Task that is not needed any more and that nobody has begun.
func (s *Service) dropped(ctx context.Context, id string) ([]record.Op, error) {
	t := new(r4.Task)
	stored, err := s.get(ctx, "Task", id, t)
	if absent(err) {
		return nil, nil
	}
	if err != nil || t.Status != "requested" {
		return nil, err
	}
	t.Status, t.LastModified = "cancelled", fhir.DateTimeOf(s.now().UTC().Truncate(time.Second))
	op, err := put("Task", id, stored.Version, t)
	return []record.Op{op}, err
}

// forget drops what can no longer be undone.
func (s *Service) forget(ctx context.Context) error {
	for after := ""; ; {
		items, err := s.box().List(ctx, "undo", after, 500)
		if err != nil {
			return err
		}
		var over []record.BoxItem
		for _, it := range items {
			after = it.Key
			if u, err := s.undoOf(ctx, it.Key); err == nil && u == nil {
				over = append(over, record.BoxItem{Kind: "undo", Key: it.Key})
			}
		}
		if len(over) > 0 {
			if _, err := s.box().Commit(ctx, me, nil, over...); err != nil {
				return err
			}
		}
		if len(items) < 500 {
			return nil
		}
	}
}
