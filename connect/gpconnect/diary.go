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
