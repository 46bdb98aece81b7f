package gpconnect

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// The words in which appointments are spoken of between this room and whoever books: docs/booking.md.
const (
	bookable     = "https://kith.care/fhir/CodeSystem/bookable"
	bookableBy   = "https://kith.care/fhir/CodeSystem/bookable-by"
	placeKind    = "https://kith.care/fhir/CodeSystem/place-kind"
	bookingTags  = "https://kith.care/fhir/CodeSystem/booking"
	slotsFree    = "https://kith.care/fhir/slots-free"
	bookedHere   = "urn:kith:booking"
	askSlots     = 10 * time.Minute // between two questions for a practice's free slots
	leaveThere   = 10 * time.Minute // so long what is left here can be undone, and stands at the practice
	gpService    = "gp"
	gpServiceSay = "See a GP"
)

// diary keeps a practice's appointments in step: its free slots are offered here, and what is booked here is booked there.
//
// Whoever books here makes an Appointment that is pending, since the practice's system must say yes. It is asked once; where no answer came, its own list of
// appointments says whether it was done. What it refuses is cancelled here. What was cancelled or moved here is cancelled there once it can no longer be undone.
type diary struct {
	ctx    context.Context
	desk   *intake.Desk
	feed   *intake.Feed
	box    record.Box
	client *Client
	now    time.Time
}

func (d *diary) id(typ, key string) string { return intake.ID(d.feed.Name, typ, "diary\x00"+key) }

func (d *diary) meta() *r4.Meta {
	return &r4.Meta{Source: "urn:kith:intake:" + d.feed.Name + "/diary", Tag: []r4.Coding{{System: bookingTags, Code: "confirm"}}}
}

// once does what there is to do.
func (d *diary) once() error {
	if err := d.book(); err != nil {
		return err
	}
	if err := d.leave(); err != nil {
		return err
	}
	last, err := record.ReadJSON[time.Time](d.get, "slots", d.feed.Name)
	if err != nil || last != nil && d.now.Sub(*last) < askSlots {
		return err
	}
	if err := d.slots(); err != nil {
		return err
	}
	_, err = d.box.Commit(d.ctx, d.desk.Who, nil, record.JSONItem("slots", d.feed.Name, d.now))
	return err
}

func (d *diary) get(kind, key string) ([]byte, error) { return d.box.Get(d.ctx, kind, key) }

// slots brings the practice's free slots of the next two weeks. One that it no longer has is busy here; one that we gave away stays so.
func (d *diary) slots() error {
	answer, err := d.client.Slots(d.ctx, d.now, d.now.Add(longestSearch))
	if _, refused := errors.AsType[*Outcome](err); refused {
		return nil // a practice that gives no appointments to be booked from outside
	}
	if err != nil {
		return err
	}
	there := map[string]bool{}
	ops := []record.Op{d.put("HealthcareService", d.service())}
	for _, res := range answer {
		switch res.Type() {
		case "Location":
			x := new(r4.Location)
			if err := r4.Decode(res, x); err != nil {
				return err
			}
			x.Identifier, x.ID, x.Meta, x.ManagingOrganization, x.PartOf = d.source(x.ID), d.id("Location", x.ID), d.meta(), nil, nil
			ops = append(ops, d.put("Location", x))
		case "Schedule":
			x := new(r4.Schedule)
			if err := r4.Decode(res, x); err != nil {
				return err
			}
			x.Identifier, x.ID, x.Meta = d.source(x.ID), d.id("Schedule", x.ID), d.meta()
			x.Actor = append(d.actors(x.Actor, answer), r4.Reference{Reference: "HealthcareService/" + d.id("HealthcareService", gpService)})
			ops = append(ops, d.put("Schedule", x))
		}
	}
	for _, res := range answer {
		if res.Type() != "Slot" {
			continue
		}
		x := new(r4.Slot)
		if err := r4.Decode(res, x); err != nil {
			return err
		}
		op, err := d.slot(x)
		if err != nil {
			return err
		}
		there[x.ID] = true
		if op != nil {
			ops = append(ops, *op)
		}
	}
	gone, err := d.goneFree(there)
	if err != nil {
		return err
	}
	for ops = append(ops, gone...); len(ops) > 0; ops = ops[min(len(ops), 500):] {
		if _, err := d.desk.Door.Commit(d.ctx, d.desk.Who, ops[:min(len(ops), 500)]); err != nil {
			return err
		}
	}
	return nil
}

func (d *diary) source(key string) []r4.Identifier {
	return []r4.Identifier{{System: Identifier(d.feed.Name), Value: key}}
}

func (d *diary) put(typ string, x any) record.Op {
	res, err := r4.Resource(x)
	if err != nil {
		panic("gpconnect: " + err.Error()) // it was read from JSON a moment ago
	}
	return record.Op{Method: record.Update, Type: typ, ID: res.ID(), Resource: res, Same: true}
}

// service is what can be booked at the practice, by those who are registered there.
func (d *diary) service() *r4.HealthcareService {
	active := true
	return &r4.HealthcareService{ID: d.id("HealthcareService", gpService), Meta: d.meta(), Active: &active, Name: gpServiceSay, ProvidedBy: &r4.Reference{Type: "Organization", Identifier: &r4.Identifier{System: odsCode, Value: d.feed.Organization}, Display: d.feed.Title},
		Type: []r4.CodeableConcept{d.what()}, Category: []r4.CodeableConcept{{Coding: []r4.Coding{{System: placeKind, Code: gpService}}}}, Eligibility: []r4.HealthcareServiceEligibility{{Code: &r4.CodeableConcept{Coding: []r4.Coding{{System: bookableBy, Code: "registered"}}}}}}
}

func (d *diary) what() r4.CodeableConcept {
	return r4.CodeableConcept{Coding: []r4.Coding{{System: bookable, Code: gpService, Display: gpServiceSay}}, Text: gpServiceSay}
}

// actors are who holds a schedule and where: places by our own ids, people by their names.
func (d *diary) actors(was []r4.Reference, answer []*fhir.Resource) (out []r4.Reference) {
	for _, ref := range was {
		r := fhir.ParseReference(ref.Reference)
		for _, res := range answer {
			if res.Type() != r.Type || res.ID() != r.ID {
				continue
			}
			switch r.Type {
			case "Location":
				out = append(out, r4.Reference{Reference: "Location/" + d.id("Location", r.ID), Display: res.Root().Get("name").Text()})
			case "Practitioner":
				n := res.Root().Get("name").First()
				out = append(out, r4.Reference{Type: "Practitioner", Display: strings.TrimSpace(n.Get("prefix").First().Text() + " " + n.Get("given").First().Text() + " " + n.Get("family").Text())})
			}
		}
	}
	return out
}

// slot is what makes a slot of the practice one of ours: nothing where it is here as it is there, or where we gave it away.
func (d *diary) slot(x *r4.Slot) (*record.Op, error) {
	key := x.ID
	x.ID, x.Meta, x.Status = d.id("Slot", key), d.meta(), "free"
	x.Schedule = &r4.Reference{Reference: "Schedule/" + d.id("Schedule", fhir.ParseReference(x.Schedule.Reference).ID)}
	x.ServiceType = append([]r4.CodeableConcept{d.what()}, x.ServiceType...)
	x.Identifier = append(d.source(key), r4.Identifier{System: slotsFree, Value: gpService + "." + d.feed.Organization + "." + x.Start.Low().In(london.Zone).Format(time.DateOnly)})
	have, err := d.desk.Door.Get(d.ctx, d.desk.Who, "Slot", x.ID)
	if k := fhir.KindOf(err); err != nil && k != fhir.NotFound && k != fhir.Gone {
		return nil, err
	}
	op := d.put("Slot", x)
	op.Same = false
	if err != nil {
		return &op, nil
	}
	res, err := have.Resource()
	if err != nil {
		return nil, err
	}
	if !res.Root().Get("status").Is("busy") {
		return nil, nil // free here too, or held by somebody
	}
	page, err := d.desk.Door.Find(d.ctx, d.desk.Who, "Appointment?slot=Slot/"+x.ID+"&status=booked,pending&_count=1")
	if err != nil || len(page.Matches) > 0 {
		return nil, err // the practice does not know yet
	}
	op.IfMatch = have.Version
	return &op, nil
}

// goneFree makes busy what is free here and no longer at the practice.
func (d *diary) goneFree(there map[string]bool) (ops []record.Op, err error) {
	query := "Slot?identifier=" + url.QueryEscape(Identifier(d.feed.Name)) + "%7C&status=free&start=ge" + d.now.UTC().Format(time.RFC3339) + "&start=lt" + d.now.Add(longestSearch).UTC().Format(time.RFC3339)
	for m, err := range d.desk.Door.All(d.ctx, d.desk.Who, query) {
		if err != nil {
			return nil, err
		}
		if there[m.ID] {
			continue
		}
		op, err := turned(m, "busy")
		if err != nil {
			return nil, err
		}
		ops = append(ops, op)
	}
	return ops, nil
}

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
