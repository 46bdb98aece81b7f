package hl7

import (
	"slices"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// referral maps RF1 with the PRD below it.
func (b *builder) referral(rf1 Segment, providers []Segment) {
	at := rf1.Place()
	key, from := orderNumber(rf1.Field(6), rf1.Field(11))
	if key == "" {
		key = b.patient.ID + "|" + or(rf1.Field(7).Text(), b.msg.ControlID())
		b.warn(at+"-6", "the referral has no number: it is known by patient and date")
	}
	x, e := draft[r4.ServiceRequest](b, "ServiceRequest", "RF1|"+key, at)
	if e.stale {
		return
	}
	if from.Comp(1).Text() != "" {
		x.Identifier = addIdentifier(x.Identifier, b.entity(from.Rep()))
	}
	if other := rf1.Field(11); !rf1.Field(6).Empty() && other.Comp(1).Text() != "" {
		id := b.entity(other.Rep())
		if strings.EqualFold(other.Comp(2).Text(), "UBRN") {
			id.System = ubrnSystem
		}
		x.Identifier = addIdentifier(x.Identifier, id)
	}
	x.Intent = "order"
	b.referralStatus(x, rf1)
	x.Category = []r4.CodeableConcept{*concept("http://snomed.info/sct", "3457005", "Patient referral")}
	if list := b.concept(rf1.Field(5)); list != nil {
		if rf1.Field(5).Comp(3).Text() == "" && len(list.Coding) > 0 {
			list.Coding[0].System = "http://terminology.hl7.org/CodeSystem/v2-0284"
		}
		x.Category = append(x.Category, *list)
	}
	switch rf1.Field(2).Text() { // table 0280
	case "S":
		x.Priority = "stat"
	case "A":
		x.Priority = "asap"
	case "R":
		x.Priority = "routine"
	case "U":
		x.Priority = "urgent"
	}
	if c := b.concept(rf1.Field(3)); c != nil {
		x.Code = c
	}
	x.Subject = b.patient.reference()
	if b.encounter.ID != "" {
		x.Encounter = b.encounter.reference()
	}
	b.setTime(at+"-7", rf1.Field(7), &x.AuthoredOn)
	if !rf1.Field(8).Empty() {
		var end fhir.DateTime
		b.setTime(at+"-8", rf1.Field(8), &end)
		x.OccurrencePeriod = nil
		if end.Year != 0 {
			x.OccurrencePeriod = b.span(at+"-8", x.AuthoredOn, end)
		}
	}
	if reason := rf1.Field(10); !reason.Empty() {
		x.ReasonCode = nil
		for rep := range reason.Reps() {
			x.ReasonCode = addConcept(x.ReasonCode, b.concept(rep))
		}
	}
	for _, prd := range providers {
		who := b.provider(prd)
		if who == nil {
			continue
		}
		for role := range prd.Field(1).Reps() { // table 0286
			switch role.Comp(1).Text() {
			case "RP":
				x.Requester = who
			case "RT":
				x.Performer = []r4.Reference{*who}
			}
		}
	}
}

const (
	ubrnSystem   = "https://fhir.nhs.uk/Id/UBRN"
	rttSystem    = "https://www.datadictionary.nhs.uk/data_elements/referral_to_treatment_period_status.html"
	statusReason = "http://hl7.org/fhir/StructureDefinition/request-statusReason"
)

// referralStatus reads RF1-1 by table 0283. English senders put the status of the referral-to-treatment period (RTT) beside it, as the
// alternate code: 10 to 21 while the patient waits, 30 to 36 when and why the wait ended. The NHS Data Dictionary lists them.
func (b *builder) referralStatus(x *r4.ServiceRequest, rf1 Segment) {
	field := rf1.Field(1)
	rtt := ""
	if strings.EqualFold(field.Comp(6).Text(), "RTT") {
		rtt = field.Comp(4).Text()
	}
	switch table := strings.ToUpper(field.Text()); {
	case b.event == "I14", table == "R", table == "E", table == "C":
		x.Status = "revoked"
	case len(rtt) == 2 && rtt[0] == '3':
		x.Status = "completed"
	default:
		x.Status = "active"
	}
	x.Extension = slices.DeleteFunc(x.Extension, func(e r4.Extension) bool { return e.URL == statusReason })
	if rtt != "" {
		x.Extension = append(x.Extension, r4.Extension{URL: statusReason, ValueCodeableConcept: concept(rttSystem, rtt, field.Comp(5).Text())})
	}
}

// provider reads PRD: a person by PRD-7, else by name, else the place.
func (b *builder) provider(prd Segment) *r4.Reference {
	name := b.name(prd.Place(), prd.Field(2))
	display := ""
	if name != nil {
		display = oneSpace(strings.Join(name.Prefix, " ") + " " + strings.Join(name.Given, " ") + " " + name.Family)
	}
	number := prd.Field(7)
	if v := number.Comp(1).Text(); v != "" && name != nil {
		system := b.local("id", or(number.Comp(2).Text(), "staff"))
		switch strings.ToUpper(number.Comp(2).Text()) {
		case "GMC":
			system = gmcSystem
		case "GMP":
			system = gmpSystem
		}
		ref := b.once("Practitioner", system+"|"+v, func(key string) {
			x, _ := draft[r4.Practitioner](b, "Practitioner", key, prd.Place())
			x.Active = ptr(true)
			x.Identifier = []r4.Identifier{{System: system, Value: v}}
			x.Name = []r4.HumanName{*name}
		}).reference()
		ref.Display = display
		return ref
	}
	if display == "" {
		display = or(prd.Field(4).Comp(9).Text(), prd.Field(4).Comp(4).Text())
	}
	if display == "" {
		return nil
	}
	return &r4.Reference{Display: display}
}
