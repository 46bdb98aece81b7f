package hl7

import (
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

const ethnicURL = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory"

// patientKey finds the number by which the sender knows a patient in a CX field: its own number before the NHS number,
// since every message of a hospital bears the first and not every one the second.
func (b *builder) patientKey(at string, field Part) (key string, ids []r4.Identifier) {
	best := 0
	for rep := range field.Reps() {
		if rep.Comp(1).Text() == "" {
			continue
		}
		id, k := b.cx(at, rep)
		ids = append(ids, id)
		weight := 3
		switch kind := strings.ToUpper(rep.Comp(5).Text()); {
		case id.System == nhsNumberSystem:
			weight = 2
		case kind == "MR" || kind == "MRN" || kind == "PI":
			weight = 4
		case kind == "SS" || kind == "DL" || kind == "AN" || kind == "VN":
			weight = 1
		}
		if weight > best {
			best, key = weight, k
		}
	}
	return key, ids
}

// startPatient makes the Patient that PID names the one that what follows is about.
func (b *builder) startPatient(pid Segment) (*r4.Patient, *entry, error) {
	at := pid.Place()
	key, ids := b.patientKey(at+"-3", pid.Field(3))
	for _, other := range []int{2, 4} { // before v2.3.1 the numbers stood there
		if k, more := b.patientKey(at, pid.Field(other)); k != "" {
			if key == "" {
				key = k
			}
			for _, id := range more {
				ids = addUnlessValue(ids, id)
			}
		}
	}
	if key == "" {
		return nil, nil, missing(at+"-3", "the patient has no identifier")
	}
	x, e := draft[r4.Patient](b, "Patient", key, at)
	b.patient = e.ref
	b.encounter = Ref{}
	b.speaksOf(e.ref.ID)
	for _, id := range ids {
		x.Identifier = addIdentifier(x.Identifier, id)
	}
	return x, e, nil
}

// addUnlessValue adds an identifier whose value is not there under any system: PID-2 repeats PID-3 without its authority.
func addUnlessValue(list []r4.Identifier, id r4.Identifier) []r4.Identifier {
	for i := range list {
		if list[i].Value == id.Value {
			return list
		}
	}
	return append(list, id)
}

func (b *builder) speaksOf(id string) {
	if !slices.Contains(b.filing.PatientKeys, id) {
		b.filing.PatientKeys = append(b.filing.PatientKeys, id)
	}
}

// pid maps PID, and PD1 where it follows.
func (b *builder) pid(pid, pd1 Segment) error {
	x, e, err := b.startPatient(pid)
	if err != nil {
		return err
	}
	registered, adt := marked(x.Meta, registeredURL), b.code == "ADT" || b.code == "BAR"
	if registered && !adt {
		e.quiet, e.stale = true, false // laboratories and booking systems repeat, often in part, what they were once told
		return nil
	}
	if e.stale {
		return nil
	}
	if adt && !registered {
		if x.Meta == nil {
			x.Meta = &r4.Meta{}
		}
		x.Meta.Extension = append(x.Meta.Extension, r4.Extension{URL: registeredURL, ValueBoolean: ptr(true)})
	}
	at := pid.Place()
	x.Active = ptr(true)
	setList(pid.Field(5), &x.Name, func(p Part) *r4.HumanName { return b.name(at+"-5", p) })
	if aliases := pid.Field(9); !aliases.Empty() && !aliases.Null() {
		for rep := range aliases.Reps() {
			if n := b.name(at+"-9", rep); n != nil && !hasName(x.Name, n) {
				n.Use = or(n.Use, "nickname")
				x.Name = append(x.Name, *n)
			}
		}
	}
	switch birth := pid.Field(7); {
	case birth.Null():
		x.BirthDate = fhir.Date{}
	case !birth.Empty():
		switch d := b.clock.day(at+"-7", birth); {
		case d.Year >= 1850:
			x.BirthDate = d
		case d.Year != 0:
			b.warn(at+"-7", "nobody alive was born on %s: it was left out", d)
		}
	}
	switch sex := pid.Field(8); {
	case sex.Null():
		x.Gender = ""
	case !sex.Empty():
		x.Gender = plain("sex", sex.Text(), "unknown")
	}
	b.ethnicity(x, pid)
	setList(pid.Field(11), &x.Address, b.address)
	b.telecoms(x, pid)
	switch lang := pid.Field(15); {
	case lang.Null():
		x.Communication = nil
	case !lang.Empty():
		if c := b.language(lang); c != nil {
			x.Communication = []r4.PatientCommunication{{Language: c, Preferred: ptr(true)}}
		}
	}
	set(pid.Field(16), &x.MaritalStatus, func(p Part) *r4.CodeableConcept { return b.coded("marital", p) })
	b.death(x, pid)
	if order := pid.Field(25).Text(); order != "" {
		if d, err := fhir.ParseDecimal(order); err == nil {
			if n, whole := d.Int64(); whole && n > 0 && n < 20 {
				x.MultipleBirthInteger, x.MultipleBirthBoolean = ptr(int(n)), nil
			}
		}
	} else if many := pid.Field(24).Text(); many == "Y" || many == "N" {
		x.MultipleBirthInteger, x.MultipleBirthBoolean = nil, ptr(many == "Y")
	}
	if org := b.sender(); org.ID != "" {
		x.ManagingOrganization = org.reference()
	}
	b.practice(x, pd1)
	return nil
}

// language reads a language as R4 wants it, by BCP 47, and keeps the sender's own code beside it.
func (b *builder) language(p Part) *r4.CodeableConcept {
	own := b.concept(p)
	if own == nil {
		return nil
	}
	tag, err := language.Parse(p.Comp(1).Text())
	if err != nil || tag.IsRoot() {
		return &r4.CodeableConcept{Text: or(own.Text, p.Comp(1).Text())}
	}
	own.Coding = append([]r4.Coding{{System: "urn:ietf:bcp:47", Code: tag.String()}}, own.Coding...)
	return own
}

// marked reports whether meta bears an extension.
func marked(m *r4.Meta, url string) bool {
	return m != nil && slices.ContainsFunc(m.Extension, func(e r4.Extension) bool { return e.URL == url })
}

// setList is set for a repeating field: what is sent replaces what was there.
func setList[T any](p Part, to *[]T, read func(Part) *T) {
	switch {
	case p.Null():
		*to = nil
	case !p.Empty():
		var list []T
		for rep := range p.Reps() {
			if v := read(rep); v != nil {
				list = append(list, *v)
			}
		}
		if list != nil {
			*to = list
		}
	}
}

func hasName(list []r4.HumanName, n *r4.HumanName) bool {
	for i := range list {
		if list[i].Family == n.Family && strings.Join(list[i].Given, " ") == strings.Join(n.Given, " ") {
			return true
		}
	}
	return false
}

// fieldTables are the HL7 tables that ours translate from.
var fieldTables = map[string]string{"marital": "0002", "relationship": "0063", "document": "0270"}

// coded reads a coded value by one of our tables, and keeps the sender's own code beside ours.
func (b *builder) coded(table string, p Part) *r4.CodeableConcept {
	own := b.concept(p)
	c, ok := lookup(table, p.Comp(1).Text())
	if !ok || c.system == "" {
		return own
	}
	out := &r4.CodeableConcept{Coding: []r4.Coding{c.coding()}}
	if own != nil {
		out.Text = own.Text
		for i, coding := range own.Coding {
			if i == 0 && p.Comp(3).Text() == "" { // the code is of the field's own table, whose name nobody writes
				if v2 := fieldTables[table]; v2 != "" {
					coding.System = "http://terminology.hl7.org/CodeSystem/v2-" + v2
				} else {
					coding.System = c.system
				}
			}
			if coding.System != c.system || coding.Code != c.code {
				out.Coding = append(out.Coding, coding)
			}
		}
	}
	return out
}

// ethnicity reads PID-22, and PID-10 where a British sender put the category there.
func (b *builder) ethnicity(x *r4.Patient, pid Segment) {
	field := pid.Field(22)
	if field.Empty() {
		if _, ok := codes()["ethnic"][pid.Field(10).Comp(1).Text()]; !ok {
			return
		}
		field = pid.Field(10)
	}
	kept := x.Extension[:0:0]
	for _, ext := range x.Extension {
		if ext.URL != ethnicURL {
			kept = append(kept, ext)
		}
	}
	x.Extension = kept
	if field.Null() {
		return
	}
	if c := b.coded("ethnic", field); c != nil {
		x.Extension = append(x.Extension, r4.Extension{URL: ethnicURL, ValueCodeableConcept: c})
	}
}

// telecoms reads PID-13 (home) and PID-14 (work): each replaces what it sent before.
func (b *builder) telecoms(x *r4.Patient, pid Segment) {
	for i, use := range []string{"home", "work"} {
		field := pid.Field(13 + i)
		if field.Empty() {
			continue
		}
		var kept []r4.ContactPoint
		for _, c := range x.Telecom {
			if (use == "work") != (c.Use == "work") {
				kept = append(kept, c)
			}
		}
		var sent []r4.ContactPoint
		if !field.Null() {
			for rep := range field.Reps() {
				if c := b.telecom(rep, use); c != nil {
					sent = append(sent, *c)
				}
			}
		}
		if use == "home" {
			x.Telecom = append(sent, kept...)
		} else {
			x.Telecom = append(kept, sent...)
		}
	}
}

func (b *builder) death(x *r4.Patient, pid Segment) {
	when, dead := pid.Field(29), pid.Field(30)
	if d := b.clock.dateTime(pid.Place()+"-29", when); d.Year != 0 && dead.Text() != "N" {
		x.DeceasedDateTime, x.DeceasedBoolean = d, nil
		return
	}
	if when.Null() {
		x.DeceasedDateTime = fhir.DateTime{}
	}
	switch {
	case dead.Null() || dead.Text() == "N" && x.DeceasedDateTime.Year != 0:
		x.DeceasedDateTime, x.DeceasedBoolean = fhir.DateTime{}, nil
	case dead.Text() == "Y" && x.DeceasedDateTime.Year == 0:
		x.DeceasedBoolean = ptr(true)
	case dead.Text() == "N":
		x.DeceasedBoolean = nil
	}
}

// nk1 maps NK1: somebody close to the patient.
func (b *builder) nk1(s Segment) {
	at := s.Place()
	name := s.Field(2)
	key := b.patient.ID + "|" + strings.ToLower(name.Comp(1).Text()+"|"+name.Comp(2).Text())
	if id := s.Field(33).Comp(1).Text(); id != "" {
		key = b.patient.ID + "|" + id
	}
	if name.Empty() && s.Field(13).Empty() && s.Field(30).Empty() {
		b.warn(at, "nobody is named")
		return
	}
	if name.Empty() {
		key = b.patient.ID + "|" + strings.ToLower(s.Field(13).Comp(1).Text()+s.Field(30).Comp(1).Text())
	}
	x, e := draft[r4.RelatedPerson](b, "RelatedPerson", key, at)
	if e.stale {
		return
	}
	x.Patient = b.patient.reference()
	x.Active = ptr(true)
	for rep := range s.Field(33).Reps() {
		id, _ := b.cx(at+"-33", rep)
		x.Identifier = addIdentifier(x.Identifier, id)
	}
	setList(name, &x.Name, func(p Part) *r4.HumanName { return b.name(at+"-2", p) })
	if name.Empty() {
		setList(s.Field(30), &x.Name, func(p Part) *r4.HumanName { return b.name(at+"-30", p) })
		if org := s.Field(13).Comp(1).Text(); x.Name == nil && org != "" {
			x.Name = []r4.HumanName{{Text: org}}
		}
	}
	if !s.Field(3).Empty() || !s.Field(7).Empty() {
		x.Relationship = nil
		x.Relationship = addConcept(x.Relationship, b.coded("relationship", s.Field(3)))
		x.Relationship = addConcept(x.Relationship, b.concept(s.Field(7)))
	}
	setList(s.Field(4), &x.Address, b.address)
	var phones []r4.ContactPoint
	for i, use := range []string{"home", "work"} {
		for rep := range s.Field(5 + i).Reps() {
			if c := b.telecom(rep, use); c != nil {
				phones = append(phones, *c)
			}
		}
	}
	if phones != nil || s.Field(5).Null() {
		x.Telecom = phones
	}
	if sex := s.Field(15); !sex.Empty() {
		x.Gender = plain("sex", sex.Text(), "unknown")
	}
	if d := b.clock.day(at+"-16", s.Field(16)); d.Year != 0 {
		x.BirthDate = d
	}
	if from, to := b.clock.day(at+"-8", s.Field(8)), b.clock.day(at+"-9", s.Field(9)); from.Year != 0 || to.Year != 0 {
		x.Period = b.span(at, from, to)
	}
}
