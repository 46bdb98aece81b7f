package hl7

import (
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// prescription maps ORC with RXO or RXE: a MedicationRequest. RXE, what the pharmacy made of the order, goes before RXO.
func (b *builder) prescription(orc, rx Segment) *r4.MedicationRequest {
	at := rx.Place()
	give, low, high, units := 1, 2, 3, 4 // RXO
	if rx.Name() == "RXE" {
		give, low, high, units = 2, 3, 4, 5
	}
	code := rx.Field(give)
	if code.Empty() {
		b.warn(at, "no medicine is named")
		return nil
	}
	number, from := orderNumber(orc.Field(2), orc.Field(3))
	if number == "" {
		number = b.patient.ID + "|" + orc.Field(9).Text() + "|" + conceptKey(code)
	}
	x, e := draft[r4.MedicationRequest](b, "MedicationRequest", number, at)
	if e.stale {
		return x
	}
	e.place = at
	if from.Comp(1).Text() != "" {
		x.Identifier = addIdentifier(x.Identifier, b.entity(from.Rep()))
	}
	x.Intent = "order"
	switch control, status := plain("order-control", orc.Field(1).Text(), ""), plain("order-status", orc.Field(5).Text(), ""); {
	case control == "revoked":
		x.Status = "stopped"
	case control == "on-hold" || status == "on-hold" || status == "completed" || status == "entered-in-error":
		x.Status = or(status, control)
	case status == "revoked":
		x.Status = "stopped"
	default:
		x.Status = or(x.Status, "active")
	}
	x.Subject = b.patient.reference()
	if b.encounter.ID != "" {
		x.Encounter = b.encounter.reference()
	}
	x.MedicationCodeableConcept = b.concept(code)
	b.setTime(orc.Place()+"-9", orc.Field(9), &x.AuthoredOn)
	if who := b.practitioner(orc.Place(), orc.Field(12).Rep()); who != nil {
		x.Requester = who
	}
	dose := r4.Dosage{}
	if old := x.DosageInstruction; len(old) == 1 {
		dose = old[0]
	}
	least := b.quantity(at, rx.Field(low).Text(), rx.Field(units))
	most := b.quantity(at, rx.Field(high).Text(), rx.Field(units))
	switch {
	case least != nil && most != nil:
		if r := between(least, most); r != nil {
			dose.DoseAndRate = []r4.DosageDoseAndRate{{DoseRange: r}}
		}
	case least != nil:
		dose.DoseAndRate = []r4.DosageDoseAndRate{{DoseQuantity: least}}
	}
	instructions := rx.Field(7)
	var words []string
	for rep := range instructions.Reps() {
		if t := or(rep.Comp(2).Text(), rep.Comp(1).Text()); t != "" {
			words = append(words, t)
		}
	}
	if words != nil {
		dose.Text = strings.Join(words, "\n")
	}
	if dose.Text != "" || dose.DoseAndRate != nil {
		x.DosageInstruction = []r4.Dosage{dose}
	}
	b.dispense(x, rx)
	return x
}

func (b *builder) dispense(x *r4.MedicationRequest, rx Segment) {
	amount, units, refills := 11, 12, 13
	if rx.Name() == "RXE" {
		amount, units, refills = 10, 11, 12
	}
	d := x.DispenseRequest
	if d == nil {
		d = &r4.MedicationRequestDispenseRequest{}
	}
	if q := b.quantity(rx.Place(), rx.Field(amount).Text(), rx.Field(units)); q != nil && q.Comparator == "" {
		d.Quantity = q
	}
	if text := rx.Field(refills).Text(); text != "" && digitsIn(text) == len(text) {
		d.NumberOfRepeatsAllowed = ptr(integer(rx.Field(refills)))
	}
	if d.Quantity != nil || d.NumberOfRepeatsAllowed != nil {
		x.DispenseRequest = d
	}
}

// route maps RXR below a prescription.
func (b *builder) route(s Segment, x *r4.MedicationRequest) {
	if x == nil {
		return
	}
	if len(x.DosageInstruction) == 0 {
		x.DosageInstruction = []r4.Dosage{{}}
	}
	d := &x.DosageInstruction[0]
	set(s.Field(1), &d.Route, b.concept)
	set(s.Field(2), &d.Site, b.concept)
	set(s.Field(4), &d.Method, b.concept)
	if d.Route == nil && d.Site == nil && d.Method == nil && d.Text == "" && d.DoseAndRate == nil {
		x.DosageInstruction = nil
	}
}

// rxa maps RXA, with ORC before it: a vaccination.
func (b *builder) rxa(orc, s Segment) *r4.Immunization {
	at := s.Place()
	code := s.Field(5)
	if code.Empty() {
		b.warn(at+"-5", "no vaccine is named")
		return nil
	}
	if conceptKey(code) == "998" { // CVX: no vaccine administered; only observations follow
		return nil
	}
	number, from := orderNumber(orc.Field(3), orc.Field(2))
	key := number + "|" + conceptKey(code)
	if number == "" || number == "9999|" { // CDC's number for a history that has none
		key = b.patient.ID + "|" + conceptKey(code) + "|" + s.Field(3).Text()
	}
	x, e := draft[r4.Immunization](b, "Immunization", key, at)
	if e.stale {
		return x
	}
	if from.Comp(1).Text() != "" {
		x.Identifier = addIdentifier(x.Identifier, b.entity(from.Rep()))
	}
	x.Status = plain("immunization-status", s.Field(20).Text(), "completed")
	if s.Field(21).Text() == "D" {
		x.Status = "entered-in-error"
	}
	if x.StatusReason = b.concept(s.Field(18).Rep()); x.StatusReason != nil && s.Field(20).Empty() {
		x.Status = "not-done"
	}
	x.VaccineCode = b.concept(code)
	x.Patient = b.patient.reference()
	if b.encounter.ID != "" {
		x.Encounter = b.encounter.reference()
	}
	x.OccurrenceDateTime, x.OccurrenceString = b.clock.dateTime(at+"-3", s.Field(3)), ""
	if x.OccurrenceDateTime.Year == 0 {
		x.OccurrenceString = "unknown"
	}
	if amount := b.quantity(at, s.Field(6).Text(), s.Field(7)); amount != nil && s.Field(6).Text() != "999" {
		x.DoseQuantity = amount
	}
	switch origin := s.Field(9).Rep(); origin.Comp(1).Text() { // CDC's NIP001
	case "00":
		x.PrimarySource = ptr(true)
	case "":
	default:
		x.PrimarySource = ptr(false)
		x.ReportOrigin = b.concept(origin)
	}
	x.Performer = nil
	for rep := range s.Field(10).Reps() {
		if who := b.practitioner(at, rep); who != nil {
			x.Performer = append(x.Performer, r4.ImmunizationPerformer{Actor: who,
				Function: concept("http://terminology.hl7.org/CodeSystem/v2-0443", "AP", "Administering Provider")})
		}
	}
	setText(s.Field(15), &x.LotNumber)
	if d := b.clock.day(at+"-16", s.Field(16)); d.Year != 0 {
		x.ExpirationDate = d
	}
	if maker := s.Field(17).Rep(); !maker.Empty() {
		if c := b.concept(maker); c != nil {
			x.Manufacturer = &r4.Reference{Type: "Organization", Display: or(c.Text, maker.Text())}
		}
	}
	b.setTime(at+"-22", s.Field(22), &x.Recorded)
	if x.Recorded.Year == 0 {
		b.setTime(orc.Place()+"-9", orc.Field(9), &x.Recorded)
	}
	return x
}

// vaccineRoute maps RXR below a vaccination.
func (b *builder) vaccineRoute(s Segment, x *r4.Immunization) {
	set(s.Field(1), &x.Route, b.concept)
	set(s.Field(2), &x.Site, b.concept)
}

// vaccineFact reads the OBX below RXA that say what FHIR has an element for: funding, dose number.
func (b *builder) vaccineFact(s Segment, x *r4.Immunization) bool {
	switch s.Field(3).Comp(1).Text() {
	case "64994-7": // vaccine fund program eligibility
		x.ProgramEligibility = addConcept(nil, b.concept(s.Field(5)))
	case "30963-3": // source of funding
		x.FundingSource = b.concept(s.Field(5))
	case "30973-2": // dose number in series
		if n := integer(s.Field(5)); n > 0 {
			x.ProtocolApplied = []r4.ImmunizationProtocolApplied{{DoseNumberPositiveInt: &n}}
		}
	case "30956-7", "29768-9", "29769-7", "69764-9": // which leaflet, published and given when
		return b.leaflet(s, x)
	default:
		return false
	}
	return true
}

func (b *builder) leaflet(s Segment, x *r4.Immunization) bool {
	n := len(x.Education)
	if n == 0 || s.Field(3).Comp(1).Text() == "69764-9" || s.Field(3).Comp(1).Text() == "30956-7" {
		title := or(s.Field(5).Comp(2).Text(), s.Field(5).Text())
		for i := range x.Education {
			if x.Education[i].DocumentType == title {
				return true
			}
		}
		if title == "" || s.Field(3).Comp(1).Text() != "69764-9" && s.Field(3).Comp(1).Text() != "30956-7" {
			return false
		}
		x.Education = append(x.Education, r4.ImmunizationEducation{DocumentType: title})
		return true
	}
	var to *fhir.DateTime
	if last := &x.Education[n-1]; s.Field(3).Comp(1).Text() == "29768-9" {
		to = &last.PublicationDate
	} else {
		to = &last.PresentationDate
	}
	b.setTime(s.Place()+"-5", s.Field(5), to)
	return true
}
