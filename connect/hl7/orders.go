package hl7

import (
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// orderNumber is a placer or filler number with who gave it, as a key.
func orderNumber(parts ...Part) (key string, from Part) {
	for _, p := range parts {
		if v := p.Comp(1).Text(); v != "" {
			return v + "|" + strings.ToLower(or(p.Comp(3).Text(), p.Comp(2).Text())), p
		}
	}
	return "", Part{}
}

// order maps ORC and OBR: what was asked for and, where results come with it, the report.
func (b *builder) order(orc, obr Segment, results bool) *group {
	g := &group{orc: orc, obr: obr, seen: map[string]int{}}
	lead := obr
	if !lead.Exists() {
		lead = orc
	}
	at := lead.Place()
	code := conceptKey(obr.Field(4))
	placer, placerAt := orderNumber(obr.Field(2), orc.Field(2))
	filler, fillerAt := orderNumber(obr.Field(3), orc.Field(3))
	fallback := b.patient.ID + "|" + obr.Field(7).Text() + "|" + obr.Field(1).Text()
	if placer == "" && filler == "" {
		b.warn(at, "the order has neither a placer nor a filler number: it is known by patient, code and time")
	}
	g.key = or(filler, or(placer, fallback)) + "|" + code
	g.category = b.section(obr)
	if placer != "" || filler != "" || obr.Exists() {
		b.serviceRequest(g, or(placer, or(filler, fallback))+"|"+code, placerAt, fillerAt)
	}
	if results && obr.Exists() {
		b.report(g, placerAt, fillerAt)
	}
	return g
}

// section is OBR-24 as a category.
func (b *builder) section(obr Segment) *r4.CodeableConcept {
	v := obr.Field(24).Text()
	if v == "" {
		return nil
	}
	if c, ok := lookup("section", v); ok {
		return &r4.CodeableConcept{Coding: []r4.Coding{c.coding()}}
	}
	return &r4.CodeableConcept{Coding: []r4.Coding{{System: "http://terminology.hl7.org/CodeSystem/v2-0074", Code: oneSpace(v)}}}
}

func (b *builder) serviceRequest(g *group, key string, placer, filler Part) {
	lead := g.obr
	if !lead.Exists() {
		lead = g.orc
	}
	x, e := draft[r4.ServiceRequest](b, "ServiceRequest", key, lead.Place())
	g.request = e.ref
	if e.stale {
		return
	}
	for _, id := range []struct {
		p             Part
		code, display string
	}{{placer, "PLAC", "Placer Identifier"}, {filler, "FILL", "Filler Identifier"}} {
		if id.p.Comp(1).Text() != "" {
			one := b.entity(id.p.Rep())
			if strings.IndexByte(id.p.text, id.p.delims().Component) < 0 {
				one.System = b.local("id", strings.ToLower(id.code))
			}
			one.Type = concept("http://terminology.hl7.org/CodeSystem/v2-0203", id.code, id.display)
			x.Identifier = addIdentifier(x.Identifier, one)
		}
	}
	x.Intent = "order"
	x.Subject = b.patient.reference()
	if b.encounter.ID != "" {
		x.Encounter = b.encounter.reference()
	}
	b.requestStatus(x, g)
	if c := b.concept(g.obr.Field(4)); c != nil {
		x.Code = c
	}
	if g.category != nil {
		x.Category = []r4.CodeableConcept{*g.category}
	}
	if p := priority(or(g.obr.Field(27).Comp(6).Text(), or(g.obr.Field(5).Text(), g.orc.Field(7).Comp(6).Text()))); p != "" {
		x.Priority = p
	}
	b.setTime(g.orc.Place()+"-9", g.orc.Field(9), &x.AuthoredOn)
	for _, p := range []Part{g.obr.Field(16), g.orc.Field(12)} {
		if who := b.practitioner(lead.Place(), p.Rep()); who != nil {
			x.Requester = who
			break
		}
	}
	if want := b.clock.dateTime(g.obr.Place()+"-36", g.obr.Field(36)); want.Year != 0 {
		x.OccurrenceDateTime = want
	} else if want := b.clock.dateTime(g.obr.Place()+"-27", g.obr.Field(27).Comp(4)); want.Year != 0 {
		x.OccurrenceDateTime = want
	} else if want := b.clock.dateTime(g.obr.Place()+"-6", g.obr.Field(6)); want.Year != 0 {
		x.OccurrenceDateTime = want
	}
	if reasons := g.obr.Field(31); !reasons.Empty() {
		x.ReasonCode = nil
		for rep := range reasons.Reps() {
			x.ReasonCode = addConcept(x.ReasonCode, b.concept(rep))
		}
	} else if words := g.obr.Field(13).Text(); words != "" {
		x.ReasonCode = []r4.CodeableConcept{{Text: words}}
	}
}

// priority reads HL7 table 0485.
func priority(v string) string {
	switch strings.ToUpper(v) {
	case "S":
		return "stat"
	case "A":
		return "asap"
	case "U", "UR":
		return "urgent"
	case "R", "T", "P":
		return "routine"
	}
	return ""
}

// requestStatus follows ORC-5, else ORC-1, else what the results say.
func (b *builder) requestStatus(x *r4.ServiceRequest, g *group) {
	byStatus := plain("order-status", g.orc.Field(5).Text(), "")
	byControl := plain("order-control", g.orc.Field(1).Text(), "")
	switch {
	case byControl == "revoked" || byControl == "on-hold":
		x.Status = byControl
	case byStatus != "":
		x.Status = byStatus
	case byControl != "":
		x.Status = byControl
	case b.code == "ORU" || b.code == "OUL":
		switch plain("report-status", g.obr.Field(25).Text(), "") {
		case "final", "corrected", "amended":
			x.Status = "completed"
		case "cancelled":
			x.Status = "revoked"
		default:
			x.Status = or(x.Status, "active")
		}
	default:
		x.Status = or(x.Status, "active")
	}
}

func (b *builder) report(g *group, placer, filler Part) {
	at := g.obr.Place()
	x, e := draft[r4.DiagnosticReport](b, "DiagnosticReport", g.key, at)
	g.report, g.stale = e.ref, e.stale
	if e.stale {
		return
	}
	for i, p := range []Part{filler, placer} {
		if p.Comp(1).Text() != "" {
			one := b.entity(p.Rep())
			if strings.IndexByte(p.text, p.delims().Component) < 0 {
				one.System = b.local("id", []string{"fill", "plac"}[i])
			}
			one.Type = concept("http://terminology.hl7.org/CodeSystem/v2-0203", []string{"FILL", "PLAC"}[i], []string{"Filler Identifier", "Placer Identifier"}[i])
			x.Identifier = addIdentifier(x.Identifier, one)
		}
	}
	x.BasedOn = addRef(x.BasedOn, g.request)
	x.Status = plain("report-status", g.obr.Field(25).Text(), "unknown")
	if c := b.concept(g.obr.Field(4)); c != nil {
		x.Code = c
	} else if x.Code == nil {
		x.Code = &r4.CodeableConcept{Text: "Report"}
	}
	if g.category != nil {
		x.Category = []r4.CodeableConcept{*g.category}
	}
	x.Subject = b.patient.reference()
	if b.encounter.ID != "" {
		x.Encounter = b.encounter.reference()
	}
	b.obrPeriod(g.obr, &x.EffectiveDateTime, &x.EffectivePeriod)
	if issued := b.clock.dateTime(at+"-22", g.obr.Field(22)); issued.Clock.Known != 0 {
		x.Issued = issued
	}
	if who := b.interpreter(at, g.obr.Field(32)); who != nil {
		x.ResultsInterpreter = []r4.Reference{*who}
	}
	if org := b.sender(); org.ID != "" {
		x.Performer = []r4.Reference{*org.reference()}
	}
}

// interpreter reads OBR-32: an NDL, whose first component is a name in subcomponents, or an XCN as older senders write it.
func (b *builder) interpreter(at string, p Part) *r4.Reference {
	p = p.Rep()
	d := p.delims()
	first := p.Comp(1)
	if d.Sub == 0 || strings.IndexByte(first.text, d.Sub) < 0 {
		return b.practitioner(at, p)
	}
	parts := make([]string, 0, 9)
	for i := range 9 {
		parts = append(parts, first.Sub(i+1).text)
	}
	return b.practitioner(at, Part{strings.Join(parts, string(rune(d.Component))), p.msg})
}

// obrPeriod is when the specimen was taken or the examination made: OBR-7 to OBR-8.
func (b *builder) obrPeriod(obr Segment, one *fhir.DateTime, both **r4.Period) {
	at := obr.Place() + "-7"
	start, end := b.clock.dateTime(at, obr.Field(7)), b.clock.dateTime(obr.Place()+"-8", obr.Field(8))
	if start.Year == 0 {
		return
	}
	if end.Year == 0 || end == start || !end.Low().After(start.Low()) {
		*one, *both = start, nil
		return
	}
	*one, *both = fhir.DateTime{}, b.span(at, start, end)
}

// source makes a Specimen of OBR-15, where a lab sends no SPM.
func (b *builder) source(g *group) {
	field := g.obr.Field(15)
	if field.Empty() || g.specimen.ID != "" {
		return
	}
	x, e := draft[r4.Specimen](b, "Specimen", g.key+"|OBR-15", g.obr.Place())
	g.specimen = e.ref
	if e.stale {
		return
	}
	x.Subject = b.patient.reference()
	x.Status = or(x.Status, "available")
	kind := field.Comp(1)
	c := r4.CodeableConcept{Text: or(kind.Sub(2).Text(), kind.Text())}
	if v := kind.Sub(1).Text(); v != "" {
		c.Coding = []r4.Coding{{System: b.system(kind.Sub(3).Text(), v), Code: oneSpace(v), Display: kind.Sub(2).Text()}}
	}
	if c.Text != "" || c.Coding != nil {
		x.Type = &c
	}
	x.Collection = nil
	if when := b.clock.dateTime(g.obr.Place()+"-7", g.obr.Field(7)); when.Year != 0 {
		x.Collection = &r4.SpecimenCollection{CollectedDateTime: when}
		if site := field.Comp(4).Text(); site != "" {
			x.Collection.BodySite = &r4.CodeableConcept{Text: site}
		}
	}
	if got := b.clock.dateTime(g.obr.Place()+"-14", g.obr.Field(14)); got.Year != 0 {
		x.ReceivedTime = got
	}
	x.Request = addRef(x.Request, g.request)
	b.useSpecimen(g)
}

// useSpecimen names the specimen in the report and the request.
func (b *builder) useSpecimen(g *group) {
	if e := b.byRef[g.report]; e != nil {
		x := e.x.(*r4.DiagnosticReport)
		x.Specimen = addRef(x.Specimen, g.specimen)
	}
	if e := b.byRef[g.request]; e != nil {
		x := e.x.(*r4.ServiceRequest)
		x.Specimen = addRef(x.Specimen, g.specimen)
	}
}

// tq1 maps TQ1: priority and when.
func (b *builder) tq1(s Segment, g *group) {
	e := b.byRef[g.request]
	if e == nil {
		return
	}
	x := e.x.(*r4.ServiceRequest)
	if p := priority(s.Field(9).Text()); p != "" {
		x.Priority = p
	}
	start, end := b.clock.dateTime(s.Place()+"-7", s.Field(7)), b.clock.dateTime(s.Place()+"-8", s.Field(8))
	switch {
	case start.Year == 0 && end.Year == 0:
	case end.Year == 0:
		x.OccurrenceDateTime, x.OccurrencePeriod = start, nil
	default:
		if period := b.span(s.Place(), start, end); period != nil {
			x.OccurrenceDateTime, x.OccurrencePeriod = fhir.DateTime{}, period
		}
	}
}
