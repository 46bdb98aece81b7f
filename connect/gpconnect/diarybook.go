package gpconnect

import (
	"errors"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// made are the practice's appointments for one of ours, by the slot that each is in.
type made map[string]string

func (d *diary) kind() string { return "diary/" + d.feed.Name }

// slotKey is the practice's id of a Slot of its own, "" for a Slot of anybody else.
func (d *diary) slotKey(id string) (string, error) {
	m, err := d.desk.Door.Get(d.ctx, d.desk.Who, "Slot", id)
	if k := fhir.KindOf(err); k == fhir.NotFound || k == fhir.Gone {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	res, err := m.Resource()
	if err != nil {
		return "", err
	}
	for i := range res.Root().Get("identifier").Items() {
		if i.Get("system").Is(Identifier(d.feed.Name)) {
			return i.Get("value").Text(), nil
		}
	}
	return "", nil
}

// patient is the practice's id of the patient of an appointment, "" where it does not know them.
func (d *diary) patient(a *r4.Appointment) (string, error) {
	for _, p := range a.Participant {
		if p.Actor == nil {
			continue
		}
		ref := fhir.ParseReference(p.Actor.Reference)
		if ref.Type != "Patient" {
			continue
		}
		group, err := d.desk.Door.Person(d.ctx, ref.ID)
		if err != nil {
			return "", err
		}
		for _, id := range group {
			m, err := d.desk.Door.Get(d.ctx, d.desk.Who, "Patient", id)
			if err != nil {
				continue // it was deleted
			}
			res, err := m.Resource()
			if err != nil {
				return "", err
			}
			for i := range res.Root().Get("identifier").Items() {
				if i.Get("system").Is(Identifier(d.feed.Name)) {
					return i.Get("value").Text(), nil
				}
			}
		}
	}
	return "", nil
}

// book books at the practice what is pending here.
func (d *diary) book() error {
	for m, err := range d.desk.Door.All(d.ctx, d.desk.Who, "Appointment?status=pending") {
		if err != nil {
			return err
		}
		a := new(r4.Appointment)
		res, err := m.Resource()
		if err != nil {
			return err
		}
		if err := r4.Decode(res, a); err != nil {
			return err
		}
		if a.Meta == nil || a.Meta.Source != bookedHere || len(a.Slot) != 1 {
			continue
		}
		slot, err := d.slotKey(fhir.ParseReference(a.Slot[0].Reference).ID)
		if err != nil || slot == "" {
			if err != nil {
				return err
			}
			continue
		}
		if err := d.bookOne(a, m.Version, slot); err != nil {
			return err
		}
	}
	return nil
}

func (d *diary) bookOne(a *r4.Appointment, version int64, slot string) error {
	patient, err := d.patient(a)
	if err != nil {
		return err
	}
	if patient == "" {
		return d.settle(a, version, slot, "")
	}
	asked, err := record.ReadJSON[string](d.get, "asking/"+d.feed.Name, a.ID)
	if err != nil {
		return err
	}
	if asked != nil && *asked == slot { // it was asked before and no answer came: its own list says whether it was done
		found, err := d.theirs(patient, a.Start.Low(), func(r *r4.Appointment) bool { return len(r.Slot) > 0 && r.Slot[0].Reference == "Slot/"+slot })
		if err != nil {
			return nil // it is still not there to be asked
		}
		if found != nil {
			return d.settle(a, version, slot, found.ID())
		}
	}
	if _, err := d.box.Commit(d.ctx, d.desk.Who, nil, record.JSONItem("asking/"+d.feed.Name, a.ID, slot)); err != nil {
		return err
	}
	b := Booking{Patient: patient, Slots: []string{slot}, Start: a.Start.Low(), End: a.End.Low(), Description: a.Description}
	if len(a.ReasonCode) > 0 {
		b.Comment = a.ReasonCode[0].Text
	}
	got, err := d.client.Book(d.ctx, b)
	if o, ok := errors.AsType[*Outcome](err); ok && o.Status < 500 {
		return d.settle(a, version, slot, "")
	}
	if err != nil {
		return nil // no answer: the next round looks whether it was done
	}
	return d.settle(a, version, slot, got.ID())
}

// settle writes what the practice said: its id of the appointment, or "" where it refused.
func (d *diary) settle(a *r4.Appointment, version int64, slot, theirs string) error {
	items := []record.BoxItem{{Kind: "asking/" + d.feed.Name, Key: a.ID}}
	if theirs == "" {
		a.Status = "cancelled"
		a.CancelationReason = &r4.CodeableConcept{Coding: []r4.Coding{{System: bookingTags, Code: "refused"}}, Text: "The practice’s system could not give this time"}
	} else {
		list, err := record.ReadJSON[made](d.get, d.kind(), a.ID)
		if err != nil {
			return err
		}
		if list == nil {
			list = &made{}
		}
		(*list)[slot] = theirs
		items = append(items, record.JSONItem(d.kind(), a.ID, list))
		a.Status = "booked"
		a.Identifier = append(a.Identifier, r4.Identifier{System: Identifier(d.feed.Name) + ":appointment", Value: theirs})
	}
	op := d.put("Appointment", a)
	op.Same, op.IfMatch = false, version
	_, err := d.box.Commit(d.ctx, d.desk.Who, []record.Op{op}, items...)
	if k := fhir.KindOf(err); k == fhir.Precondition || k == fhir.Conflict {
		// Somebody changed it here meanwhile. The practice has it: it is remembered, and given back if it is not in this slot any more.
		_, err = d.box.Commit(d.ctx, d.desk.Who, nil, items...)
	}
	return err
}

// theirs is one of a patient's appointments at the practice about a moment, nil where there is none such.
func (d *diary) theirs(patient string, at time.Time, is func(*r4.Appointment) bool) (*fhir.Resource, error) {
	list, err := d.client.Appointments(d.ctx, patient, at, at)
	if err != nil {
		return nil, err
	}
	for _, res := range list {
		x := new(r4.Appointment)
		if res.Type() != "Appointment" || r4.Decode(res, x) != nil || x.Status != "booked" {
			continue
		}
		if is(x) {
			return res, nil
		}
	}
	return nil, nil
}

// leave cancels at the practice what has been left here for so long that it cannot be undone.
func (d *diary) leave() error {
	for after := ""; ; {
		items, err := d.box.List(d.ctx, d.kind(), after, 200)
		if err != nil {
			return err
		}
		for _, it := range items {
			after = it.Key
			if err := d.leaveOne(it.Key); err != nil {
				return err
			}
		}
		if len(items) < 200 {
			return nil
		}
	}
}

func (d *diary) leaveOne(id string) error {
	list, err := record.ReadJSON[made](d.get, d.kind(), id)
	if err != nil || list == nil {
		return err
	}
	m, err := d.desk.Door.Get(d.ctx, d.desk.Who, "Appointment", id)
	if err != nil {
		return err
	}
	a := new(r4.Appointment)
	res, err := m.Resource()
	if err != nil {
		return err
	}
	if err := r4.Decode(res, a); err != nil {
		return err
	}
	if a.Start.Low().Before(d.now) {
		_, err := d.box.Commit(d.ctx, d.desk.Who, nil, record.BoxItem{Kind: d.kind(), Key: id})
		return err
	}
	if d.now.Sub(m.Updated) < leaveThere {
		return nil
	}
	current := ""
	if a.Status == "booked" || a.Status == "pending" {
		if current, err = d.slotKey(fhir.ParseReference(a.Slot[0].Reference).ID); err != nil {
			return err
		}
	}
	patient, err := d.patient(a)
	if err != nil {
		return err
	}
	changed := false
	for slot, theirs := range *list {
		if slot == current {
			continue
		}
		start, err := d.startOf(slot)
		if err != nil {
			return err
		}
		there, err := d.theirs(patient, start, func(x *r4.Appointment) bool { return x.ID == theirs })
		if err != nil {
			return nil // the practice cannot be asked now
		}
		if there != nil {
			if _, err := d.client.Cancel(d.ctx, there, "Cancelled by the patient"); err != nil {
				return nil // it is tried again
			}
		}
		delete(*list, slot)
		changed = true
	}
	if !changed {
		return nil
	}
	item := record.JSONItem(d.kind(), id, list)
	if len(*list) == 0 {
		item.Value = nil
	}
	_, err = d.box.Commit(d.ctx, d.desk.Who, nil, item)
	return err
}

// startOf is when a slot of the practice begins.
func (d *diary) startOf(key string) (time.Time, error) {
	m, err := d.desk.Door.Get(d.ctx, d.desk.Who, "Slot", d.id("Slot", key))
	if err != nil {
		return time.Time{}, err
	}
	res, err := m.Resource()
	if err != nil {
		return time.Time{}, err
	}
	at, err := fhir.ParseDateTime(res.Root().Get("start").Text())
	return at.Low(), err
}
