package hl7

import (
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// appointment maps SCH with the AIS, AIG, AIL and AIP below it.
func (b *builder) appointment(sch Segment, resources []Segment, notes []Segment) error {
	at := sch.Place()
	filler, fillerAt := orderNumber(sch.Field(2))
	placer, placerAt := orderNumber(sch.Field(1))
	if filler == "" && placer == "" {
		return missing(at+"-1", "the appointment has neither a placer nor a filler number")
	}
	// The placer's number is kept through a booking's life; the filler's is given when it is booked.
	x, e := draft[r4.Appointment](b, "Appointment", or(placer, filler), at)
	if e.stale {
		return nil
	}
	for i, p := range []Part{placerAt, fillerAt} {
		if p.Comp(1).Text() != "" {
			id := b.entity(p.Rep())
			id.Type = concept("http://terminology.hl7.org/CodeSystem/v2-0203", []string{"PLAC", "FILL"}[i], []string{"Placer Identifier", "Filler Identifier"}[i])
			if strings.IndexByte(p.text, p.delims().Component) < 0 {
				id.System = b.local("id", []string{"plac", "fill"}[i])
			}
			x.Identifier = addIdentifier(x.Identifier, id)
		}
	}
	b.appointmentStatus(x, sch)
	if reason := b.concept(sch.Field(7)); reason != nil {
		x.ReasonCode = []r4.CodeableConcept{*reason}
	}
	set(sch.Field(8), &x.AppointmentType, b.concept)
	if x.Status == "cancelled" || x.Status == "noshow" {
		if c := b.concept(sch.Field(6)); c != nil {
			x.CancelationReason = c
		}
	} else {
		x.CancelationReason = nil // app-4
	}
	b.appointmentTime(x, sch, resources)
	var said []string
	for _, nte := range notes {
		for rep := range nte.Field(3).Reps() {
			if t := rep.Whole(); t != "" && !slices.Contains(said, t) {
				said = append(said, t)
			}
		}
	}
	if said != nil {
		x.Comment = strings.Join(said, "\n")
	}
	b.attendance(x, resources)
	for _, order := range []Part{sch.Field(26), sch.Field(27)} { // the referral it is for, where that is known
		if key, _ := orderNumber(order); key != "" {
			if ref := (Ref{"ServiceRequest", ID(b.cfg.Feed, "ServiceRequest", "RF1|"+key)}); b.current(ref.Type, ref.ID) != nil {
				x.BasedOn = addRef(x.BasedOn, ref)
			}
		}
	}
	for _, s := range resources {
		if s.Name() == "AIS" {
			b.ais(x, s, or(placer, filler))
		}
	}
	return nil
}

// appointmentStatus follows the trigger; SCH-25 says more of one that stands.
func (b *builder) appointmentStatus(x *r4.Appointment, sch Segment) {
	said := plain("appointment-status", sch.Field(25).Text(), "")
	switch b.event {
	case "S12", "S13", "S14":
		x.Status = or(said, "booked")
	case "S15", "S16":
		x.Status = "cancelled"
	case "S17":
		x.Status = "entered-in-error"
	case "S26":
		x.Status = "noshow"
	default:
		x.Status = or(said, or(x.Status, "booked"))
	}
}

// appointmentTime takes the time from SCH-11, TQ1 or the earliest AIS, AIG, AIL or AIP.
func (b *builder) appointmentTime(x *r4.Appointment, sch Segment, resources []Segment) {
	start, end := b.clock.dateTime(sch.Place()+"-11", sch.Field(11).Comp(4)), b.clock.dateTime(sch.Place()+"-11", sch.Field(11).Comp(5))
	if tq := b.msg.First("TQ1"); tq.Exists() && !tq.Field(7).Empty() {
		start, end = b.clock.dateTime(tq.Place()+"-7", tq.Field(7)), b.clock.dateTime(tq.Place()+"-8", tq.Field(8))
	}
	minutes := b.minutes(sch.Field(9), sch.Field(10))
	for _, s := range resources {
		startField := map[string]int{"AIS": 4, "AIG": 8, "AIL": 6, "AIP": 6}[s.Name()]
		when := b.clock.dateTime(s.Place(), s.Field(startField))
		if start.Clock.Known == 0 && when.Clock.Known != 0 {
			start = when
			if m := b.minutes(s.Field(startField+3), s.Field(startField+4)); m > 0 {
				minutes = m
			}
		}
	}
	if start.Clock.Known != 0 {
		x.Start, x.End = start, end
		if end.Clock.Known == 0 || !end.Low().After(start.Low()) {
			x.End = fhir.DateTimeOf(start.Low().Add(time.Duration(max(minutes, 0)) * time.Minute).In(b.clock.place))
		}
		if gap := int(x.End.Low().Sub(x.Start.Low()).Minutes()); gap > 0 {
			x.MinutesDuration = &gap
		}
	}
	if x.Start.Year == 0 && x.Status != "proposed" && x.Status != "cancelled" && x.Status != "waitlist" { // app-3
		b.warn(sch.Place(), "the appointment is %s but has no time: filed as proposed", x.Status)
		x.Status = "proposed"
	}
}

// minutes reads a duration and its unit, minutes where none is given.
func (b *builder) minutes(amount, unit Part) int {
	n := integer(amount)
	switch strings.ToLower(unit.Comp(1).Text()) {
	case "s", "sec", "secs":
		return n / 60
	case "h", "hr", "hour", "hours":
		return n * 60
	case "d", "day", "days":
		return n * 24 * 60
	}
	return n
}

// attendance lists who and what takes part.
func (b *builder) attendance(x *r4.Appointment, resources []Segment) {
	var list []r4.AppointmentParticipant
	add := func(actor *r4.Reference, kind *r4.CodeableConcept) {
		if actor == nil {
			return
		}
		for i := range list {
			if list[i].Actor.Reference != "" && list[i].Actor.Reference == actor.Reference || list[i].Actor.Reference == "" && list[i].Actor.Display == actor.Display {
				return
			}
		}
		p := r4.AppointmentParticipant{Actor: actor, Status: "accepted"}
		if x.Status == "proposed" || x.Status == "pending" {
			p.Status = "needs-action"
		}
		if kind != nil {
			p.Type = []r4.CodeableConcept{*kind}
		}
		list = append(list, p)
	}
	add(b.patient.reference(), nil)
	for _, s := range resources {
		switch s.Name() {
		case "AIP":
			for rep := range s.Field(3).Reps() {
				add(b.practitioner(s.Place(), rep), b.concept(s.Field(4)))
			}
		case "AIL":
			for rep := range s.Field(3).Reps() {
				add(b.location(s.Place(), rep), nil)
			}
		case "AIG":
			if c := b.concept(s.Field(3)); c != nil {
				add(&r4.Reference{Display: or(c.Text, s.Field(3).Text())}, b.concept(s.Field(4)))
			}
		}
	}
	x.Participant = list
}

// ais maps AIS: the service that was booked, as the appointment's service type and a request it is based on.
func (b *builder) ais(x *r4.Appointment, s Segment, key string) {
	c := b.concept(s.Field(3))
	if c == nil {
		return
	}
	x.ServiceType = addConcept(x.ServiceType, c)
	if b.patient.ID == "" {
		return // a request must be for somebody
	}
	r, e := draft[r4.ServiceRequest](b, "ServiceRequest", "AIS|"+key+"|"+s.Field(1).Text()+"|"+conceptKey(s.Field(3)), s.Place())
	if !e.stale {
		r.Intent = "order"
		r.Status = "active"
		switch x.Status {
		case "cancelled", "noshow":
			r.Status = "revoked"
		case "entered-in-error":
			r.Status = "entered-in-error"
		case "fulfilled":
			r.Status = "completed"
		}
		if s.Field(2).Text() == "D" {
			r.Status = "revoked"
		}
		r.Code = c
		r.Subject = b.patient.reference()
		if x.Start.Year != 0 {
			r.OccurrenceDateTime = x.Start
		}
	}
	x.BasedOn = addRef(x.BasedOn, e.ref)
}
