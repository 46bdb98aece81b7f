package hl7

import (
	"slices"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// visitKey is the number by which the sender knows a stay, "" where it gives none: PV1-19, PV1-50, the account of PID-18;
// else the patient and the hour of admission.
func (b *builder) visitKey(pid, pv1 Segment) (key string, ids []r4.Identifier) {
	for _, field := range []Part{pv1.Field(19), pv1.Field(50)} {
		if field.Comp(1).Text() != "" {
			id, k := b.cx(pv1.Place()+"-19", field.Rep())
			ids = append(ids, id)
			if key == "" {
				key = "visit|" + k
			}
		}
	}
	if account := pid.Field(18); account.Comp(1).Text() != "" {
		id, k := b.cx(pid.Place()+"-18", account.Rep())
		if id.Type == nil {
			id.Type = &r4.CodeableConcept{Coding: []r4.Coding{{System: "http://terminology.hl7.org/CodeSystem/v2-0203", Code: "AN"}}}
		}
		ids = append(ids, id)
		if key == "" {
			key = "account|" + k
		}
	}
	if at, ok := b.clock.moment(pv1.Field(44)); key == "" && ok && b.patient.ID != "" {
		key = "admitted|" + b.patient.ID + "|" + at.UTC().Format("20060102150405")
	}
	return key, ids
}

// pv1 maps PV1 and PV2: the stay. Only ADT and its kin say what state it is in; a result only makes it known.
func (b *builder) pv1(pid, pv1, pv2 Segment) {
	key, ids := b.visitKey(pid, pv1)
	if key == "" {
		if !pv1.Field(3).Empty() {
			b.warn(pv1.Place(), "the stay has neither a number nor a time of admission and was not filed")
		}
		return
	}
	at := pv1.Place()
	adt := b.code == "ADT" || b.code == "BAR"
	if !adt || b.event == "A44" || b.event == "A45" {
		// Of a stay that is known, what a result says is older than what ADT said; and what moves is moved whole
		// (Filing.Merges), so that it can be put back whole.
		if ref := (Ref{"Encounter", ID(b.cfg.Feed, "Encounter", key)}); b.current(ref.Type, ref.ID) != nil {
			b.encounter = ref
			return
		}
	}
	x, e := draft[r4.Encounter](b, "Encounter", key, at)
	b.encounter = e.ref
	if e.stale {
		return
	}
	for _, id := range ids {
		x.Identifier = addIdentifier(x.Identifier, id)
	}
	x.Subject = b.patient.reference()
	when := b.eventTime()
	b.class(x, pv1, when)
	b.status(x, pv1, when, adt)
	b.participants(x, pv1)
	b.places(x, pv1, pv2, when)
	set(pv1.Field(10), &x.ServiceType, b.conceptOf("0069"))
	set(pv1.Field(4), &x.Priority, b.conceptOf("0007"))
	setList(pv2.Field(3), &x.ReasonCode, b.concept)
	b.expected(x, pv2)
	b.hospitalization(x, pv1)
	if t := pv1.Field(18); !t.Empty() {
		if c := b.conceptOf("0018")(t); c != nil {
			x.Type = []r4.CodeableConcept{*c}
		}
	}
	if org := b.sender(); org.ID != "" {
		x.ServiceProvider = org.reference()
	}
}

// expected keeps PV2-8 and PV2-9, the days a bed is planned for, as R5's elements.
// https://build.fhir.org/ig/HL7/v2-to-fhir/ConceptMap-segment-pv2-to-encounter.html
func (b *builder) expected(x *r4.Encounter, pv2 Segment) {
	for i, name := range []string{"plannedStartDate", "plannedEndDate"} {
		p, url := pv2.Field(8+i), "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter."+name
		if p.Empty() {
			continue
		}
		var at fhir.DateTime
		b.setTime(pv2.Place(), p, &at)
		x.Extension = slices.DeleteFunc(x.Extension, func(e r4.Extension) bool { return e.URL == url })
		if at.Year != 0 {
			x.Extension = append(x.Extension, r4.Extension{URL: url, ValueDateTime: at})
		}
	}
}

// eventTime is when the event was, so far as the message knows.
func (b *builder) eventTime() fhir.DateTime {
	evn := b.msg.First("EVN")
	for _, p := range []Part{evn.Field(6), evn.Field(2), b.msg.At(0).Field(7)} {
		if _, ok := b.clock.moment(p); ok {
			return b.clock.dateTime("EVN[1]", p)
		}
	}
	return fhir.DateTime{}
}

func (b *builder) class(x *r4.Encounter, pv1 Segment, when fhir.DateTime) {
	field := pv1.Field(2)
	if field.Empty() && x.Class != nil {
		return
	}
	var class r4.Coding
	c, ok := lookup("class", field.Text())
	switch {
	case ok:
		class = c.coding()
	case field.Text() == "":
		class = r4.Coding{System: "http://terminology.hl7.org/CodeSystem/v2-0004", Code: "U"}
	default:
		class = r4.Coding{System: b.local("code", "0004"), Code: oneSpace(field.Text()), Display: field.Comp(2).Text()}
	}
	if x.Class != nil && (x.Class.Code != class.Code || x.Class.System != class.System) && when.Year != 0 {
		since := fhir.DateTime{}
		if n := len(x.ClassHistory); n > 0 && x.ClassHistory[n-1].Period != nil {
			since = x.ClassHistory[n-1].Period.End
		} else if x.Period != nil {
			since = x.Period.Start
		}
		if period := b.span(pv1.Place()+"-2", since, when); period != nil {
			x.ClassHistory = append(x.ClassHistory, r4.EncounterClassHistory{Class: x.Class, Period: period})
		}
	}
	x.Class = &class
}

// status sets state and period by the trigger event.
func (b *builder) status(x *r4.Encounter, pv1 Segment, when fhir.DateTime, adt bool) {
	if x.Period == nil {
		x.Period = &r4.Period{}
	}
	at := pv1.Place()
	b.setTime(at+"-44", pv1.Field(44), &x.Period.Start)
	b.setTime(at+"-45", pv1.Field(45), &x.Period.End)
	next := x.Status
	if c, ok := lookup("event", b.event); ok && adt {
		next = c.code
	} else if next == "" {
		next = "unknown"
		if x.Period.End.Year != 0 {
			next = "finished"
		}
	}
	switch b.event {
	case "A01", "A04":
		if adt && x.Period.Start.Year == 0 {
			x.Period.Start = when
		}
	case "A03":
		if adt && x.Period.End.Year == 0 {
			x.Period.End = when
		}
	case "A13": // the discharge did not happen
		x.Period.End = fhir.DateTime{}
	case "A08", "A31", "A28":
		if adt && x.Status == "finished" && pv1.Field(45).Null() {
			next = "in-progress"
		}
	}
	if b.event == "A03" && adt {
		for i := range x.Location {
			if x.Location[i].Status == "active" {
				b.leaveBed(&x.Location[i], x.Period.End)
			}
		}
	}
	if x.Status != "" && x.Status != next && when.Year != 0 {
		since := x.Period.Start
		if n := len(x.StatusHistory); n > 0 && x.StatusHistory[n-1].Period != nil {
			since = x.StatusHistory[n-1].Period.End
		}
		if period := b.span(at, since, when); period != nil {
			x.StatusHistory = append(x.StatusHistory, r4.EncounterStatusHistory{Status: x.Status, Period: period})
		}
	}
	x.Status = next
	x.Period = b.span(at, x.Period.Start, x.Period.End)
}

func (b *builder) participants(x *r4.Encounter, pv1 Segment) {
	roles := []struct {
		field         int
		code, display string
	}{{7, "ATND", "attender"}, {8, "REF", "referrer"}, {9, "CON", "consultant"}, {17, "ADM", "admitter"}}
	const system = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
	for _, role := range roles {
		field := pv1.Field(role.field)
		if field.Empty() {
			continue
		}
		var kept []r4.EncounterParticipant
		for _, p := range x.Participant {
			if len(p.Type) != 1 || len(p.Type[0].Coding) == 0 || p.Type[0].Coding[0].Code != role.code {
				kept = append(kept, p)
			}
		}
		for rep := range field.Reps() {
			if field.Null() {
				break
			}
			if who := b.practitioner(pv1.Place(), rep); who != nil {
				kept = append(kept, r4.EncounterParticipant{Type: []r4.CodeableConcept{*concept(system, role.code, role.display)}, Individual: who})
			}
		}
		x.Participant = kept
	}
}

// places keeps the way of the patient through the beds: the bed that is left is completed, the new one active.
func (b *builder) places(x *r4.Encounter, pv1, pv2 Segment, when fhir.DateTime) {
	ref := b.location(pv1.Place(), pv1.Field(3))
	switch b.event {
	case "A03", "A11", "A23", "A27", "A38":
		if ref == nil || len(x.Location) > 0 {
			return
		}
	case "A12", "A13", "A32": // the transfer, or the discharge, did not happen: back to the bed before
		b.undoTransfer(x, ref)
		return
	}
	status := "active"
	switch {
	case b.event == "A05" || b.event == "A14":
		status = "planned"
	case x.Status == "finished" || x.Status == "cancelled":
		status = "completed"
	}
	if ref == nil {
		if b.event == "A15" {
			if to := b.location(pv2.Place(), pv2.Field(1)); to != nil {
				x.Location = append(x.Location, r4.EncounterLocation{Location: to, Status: "planned"})
			}
		}
		return
	}
	for i := range x.Location {
		l := &x.Location[i]
		if l.Location != nil && l.Location.Reference == ref.Reference && l.Status == status {
			return
		}
		switch {
		case l.Status == "active":
			b.leaveBed(l, when)
		case l.Status == "planned" && status == "active":
			l.Status = "completed"
			if l.Location != nil && l.Location.Reference == ref.Reference {
				l.Status, l.Period = "active", b.span(pv1.Place(), when, fhir.DateTime{})
				return
			}
		}
	}
	now := r4.EncounterLocation{Location: ref, Status: status}
	start := when
	if len(x.Location) == 0 && x.Period != nil && x.Period.Start.Year != 0 {
		start = x.Period.Start
	}
	if status == "active" && (b.code == "ADT" || b.code == "BAR") {
		now.Period = b.span(pv1.Place(), start, fhir.DateTime{})
	}
	x.Location = append(x.Location, now)
}

func (b *builder) leaveBed(l *r4.EncounterLocation, when fhir.DateTime) {
	l.Status = "completed"
	if when.Year == 0 {
		return
	}
	if l.Period == nil {
		l.Period = &r4.Period{}
	}
	l.Period = b.span("PV1[1]-3", l.Period.Start, when)
}

func (b *builder) undoTransfer(x *r4.Encounter, back *r4.Reference) {
	n := len(x.Location)
	if n == 0 {
		if back != nil {
			x.Location = []r4.EncounterLocation{{Location: back, Status: "active"}}
		}
		return
	}
	if last := &x.Location[n-1]; last.Status == "active" && back != nil && last.Location.Reference != back.Reference {
		x.Location = x.Location[:n-1]
	}
	for i := len(x.Location) - 1; i >= 0; i-- {
		l := &x.Location[i]
		if back == nil || l.Location != nil && l.Location.Reference == back.Reference {
			l.Status = "active"
			if l.Period != nil {
				l.Period.End = fhir.DateTime{}
				if l.Period.Start.Year == 0 {
					l.Period = nil
				}
			}
			return
		}
	}
	x.Location = append(x.Location, r4.EncounterLocation{Location: back, Status: "active"})
}

// location reads a PL: ward, room, bed, facility.
func (b *builder) location(at string, p Part) *r4.Reference {
	if p.Empty() || p.Null() {
		return nil
	}
	ward, room, bed, facility := p.Comp(1).Text(), p.Comp(2).Text(), p.Comp(3).Text(), p.Comp(4).Text()
	building, floor := p.Comp(7).Text(), p.Comp(8).Text()
	var parts []string
	for _, part := range []string{ward, room, bed} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	name := strings.Join(parts, ", ")
	name = or(name, or(p.Comp(9).Text(), or(facility, building)))
	if name == "" {
		return nil
	}
	key := strings.ToLower(strings.Join([]string{or(facility, b.facility), ward, room, bed}, "|"))
	if len(parts) == 0 {
		key += "|" + strings.ToLower(name)
	}
	ref := b.once("Location", key, func(key string) {
		x, _ := draft[r4.Location](b, "Location", key, at)
		x.Status = "active"
		x.Mode = "instance"
		x.Name = name
		x.Identifier = []r4.Identifier{{System: b.local("id", "location"), Value: key}}
		x.Description = oneSpace(strings.Join([]string{facility, building, floor}, " "))
		kind := [2]string{"wa", "Ward"}
		switch {
		case bed != "":
			kind = [2]string{"bd", "Bed"}
		case room != "":
			kind = [2]string{"ro", "Room"}
		case ward == "":
			kind = [2]string{"bu", "Building"}
		}
		x.PhysicalType = concept("http://terminology.hl7.org/CodeSystem/location-physical-type", kind[0], kind[1])
	})
	out := ref.reference()
	out.Display = name
	return out
}

func (b *builder) hospitalization(x *r4.Encounter, pv1 Segment) {
	h := x.Hospitalization
	if h == nil {
		h = &r4.EncounterHospitalization{}
	}
	set(pv1.Field(14), &h.AdmitSource, b.conceptOf("0023"))
	set(pv1.Field(13), &h.ReAdmission, b.conceptOf("0092"))
	set(pv1.Field(36), &h.DischargeDisposition, b.conceptOf("0112"))
	if to := pv1.Field(37); !to.Empty() {
		h.Destination = nil
		if name := or(to.Comp(1).Text(), to.Comp(2).Text()); name != "" {
			h.Destination = &r4.Reference{Type: "Location", Display: name}
		}
	}
	if diet := b.concept(pv1.Field(38)); diet != nil {
		h.DietPreference = []r4.CodeableConcept{*diet}
	}
	if pre := pv1.Field(5); pre.Comp(1).Text() != "" {
		id, _ := b.cx(pv1.Place()+"-5", pre.Rep())
		h.PreAdmissionIdentifier = &id
	}
	if b.event == "A13" {
		h.DischargeDisposition, h.Destination = nil, nil
	}
	x.Hospitalization = nil
	if h.AdmitSource != nil || h.ReAdmission != nil || h.DischargeDisposition != nil || h.Destination != nil || h.DietPreference != nil || h.PreAdmissionIdentifier != nil {
		x.Hospitalization = h
	}
}
