package community

import (
	"strings"

	"github.com/kith-care/kith/connect/fact"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// unit is a row of a mapped table on its way to becoming resources.
type unit struct {
	mp *Map
	t  *MapTable
	m  *intake.Mapping
	r  *intake.Row
}

func (u *unit) get(element string) string { return u.t.get(u.r, element) }

// bad is a fault in the column of an element.
func (u *unit) bad(element string, err error) error {
	return u.r.Bad(strings.Join(u.t.Columns[element], ", "), "%v", err)
}

var letters = strings.NewReplacer("yyyy", "2006", "yy", "06", "MMM", "Jan", "MM", "01", "dd", "02", "HH", "15", "mm", "04", "ss", "05")

// layouts are ways of writing as package time has them.
func layouts(ways []string) []string {
	out := make([]string, len(ways))
	for i, w := range ways {
		out[i] = letters.Replace(w)
	}
	return out
}

func (mp *Map) days() []string {
	if mp.Days == nil {
		return []string{"2006-01-02", "02/01/2006"}
	}
	return layouts(mp.Days)
}

func (mp *Map) times() []string {
	if mp.Times == nil {
		return []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "02/01/2006 15:04:05", "02/01/2006 15:04"}
	}
	return layouts(mp.Times)
}

// moment is a clock time, or a day where the column has no more. Sure is false in the hour of a clock change.
func (u *unit) moment(element string) (at fhir.DateTime, sure bool, err error) {
	v := u.get(element)
	if d, err := fact.Day(v, u.mp.days()...); err == nil {
		return d, true, nil
	}
	if at, sure, err = fact.Moment(v, u.mp.times()...); err != nil {
		return at, sure, u.bad(element, err)
	}
	if !sure {
		u.m.Note("a time in the hour of a clock change")
	}
	return at, sure, nil
}

// span is from start to end.
func (u *unit) span() (*r4.Period, error) {
	start, sureStart, err := u.moment("start")
	if err != nil {
		return nil, err
	}
	end, sureEnd, err := u.moment("end")
	if err != nil {
		return nil, err
	}
	if end, err = fact.Order(start, end, sureStart && sureEnd); err != nil {
		u.m.Note(early)
		end = fhir.DateTime{}
	}
	if start.Year == 0 && end.Year == 0 {
		return nil, nil
	}
	return &r4.Period{Start: start, End: end}, nil
}

func (u *unit) patient() *r4.Reference {
	return u.m.Ref("Patient", intake.PatientUnit, u.get("person"))
}

// clinician is who was there: known by name only.
func (u *unit) clinician() *r4.Reference {
	if name := u.get("clinician"); name != "" {
		return &r4.Reference{Type: "Practitioner", Display: name}
	}
	return nil
}

func (u *unit) team() *r4.Reference {
	name := u.get("team")
	if name == "" && u.m.Feed.Organization == "" {
		return nil
	}
	ref := &r4.Reference{Type: "Organization", Display: name}
	if ods := u.m.Feed.Organization; ods != "" {
		ref.Identifier = &r4.Identifier{System: fact.ODSCode, Value: ods}
	}
	return ref
}

// reason is a code with its words; the system is SNOMED CT where the map does not say.
func (u *unit) reason(code, system, words string) *r4.CodeableConcept {
	if c := u.get(code); c != "" {
		s := u.get(system)
		if s == "" {
			s = fact.SNOMED
		}
		return fact.Concept(s, c, u.get(words))
	}
	return fact.Text(u.get(words))
}

func (u *unit) put() error {
	switch u.t.Kind {
	case "contact":
		return u.contact()
	case "caseload":
		return u.caseload()
	case "assessment":
		return u.assessment()
	}
	return u.plan()
}

// other refers to what another table of the map makes, by its kind.
func (u *unit) other(kind, typ, key string) *r4.Reference {
	for _, t := range u.mp.Tables {
		if t.Kind == kind {
			return u.m.Ref(typ, t.Name, key)
		}
	}
	return nil
}

func (u *unit) contact() error {
	p, err := u.span()
	if err != nil {
		return err
	}
	if p == nil {
		return u.r.Bad(strings.Join(u.t.Columns["start"], ", "), "the contact does not say when it was")
	}
	class := u.get("class")
	if classes[class] == "" {
		if class != "" {
			u.m.Note("a place of contact that the map does not know: %s", class)
		}
		class = "AMB"
	}
	e := &r4.Encounter{Identifier: source(u.m, u.m.Key), Status: "finished", Class: &r4.Coding{System: fact.HL7 + "v3-ActCode", Code: class, Display: classes[class]}, Type: fact.List(fact.Text(u.get("type"))),
		ServiceType: fact.Text(u.get("team")), Subject: u.patient(), Period: p, ReasonCode: fact.List(u.reason("reasonCode", "reasonSystem", "reason")), ServiceProvider: u.team(),
		EpisodeOfCare: fact.List(u.other("caseload", "EpisodeOfCare", u.get("caseload")))}
	if s := u.get("status"); s != "" {
		if e.Status = s; !known("contact", s) {
			u.m.Note("a state of contact that the map does not know: %s", s)
			e.Status = "unknown"
		}
	}
	if c := u.clinician(); c != nil {
		e.Participant = []r4.EncounterParticipant{{Individual: c}}
	}
	if minutes := u.get("minutes"); minutes != "" {
		n, err := fhir.ParseDecimal(minutes)
		if err != nil || n.Sign() < 0 {
			return u.r.Bad(strings.Join(u.t.Columns["minutes"], ", "), "%q is no number of minutes", minutes)
		}
		e.Length = &r4.Quantity{Value: &n, Unit: "min", System: fact.UCUM, Code: "min"}
	}
	if o := u.get("outcome"); o != "" {
		e.Hospitalization = &r4.EncounterHospitalization{DischargeDisposition: fact.Text(o)}
	}
	if n := u.get("note"); n != "" {
		e.Extension = append(e.Extension, r4.Extension{URL: "http://hl7.org/fhir/StructureDefinition/note", ValueAnnotation: &fact.Note(n)[0]})
	}
	return u.m.Put("Encounter", e)
}

func known(kind, status string) bool {
	for _, s := range statuses[kind] {
		if s == status {
			return true
		}
	}
	return false
}

// status is what a row says it is in, or what follows from whether it has ended.
func (u *unit) status(p *r4.Period, going, over string) string {
	s := u.get("status")
	if known(u.t.Kind, s) {
		return s
	}
	if s != "" {
		u.m.Note("a state of a %s that the map does not know: %s", u.t.Kind, s)
	}
	if p != nil && p.End.Year != 0 {
		return over
	}
	return going
}

func (u *unit) caseload() error {
	p, err := u.span()
	if err != nil {
		return err
	}
	e := &r4.EpisodeOfCare{Identifier: source(u.m, u.m.Key), Status: u.status(p, "active", "finished"), Patient: u.patient(), Period: p, ManagingOrganization: u.team(), CareManager: u.clinician()}
	for _, c := range []*r4.CodeableConcept{fact.Text(u.get("type")), u.reason("reasonCode", "reasonSystem", "reason")} {
		e.Type = append(e.Type, fact.List(c)...)
	}
	return u.m.Put("EpisodeOfCare", e)
}

func (u *unit) assessment() error {
	at, _, err := u.moment("start")
	if err != nil {
		return err
	}
	contact := u.other("contact", "Encounter", u.get("contact"))
	value, words := u.get("value"), u.get("text")
	if value != "" || words != "" {
		o := &r4.Observation{Identifier: source(u.m, u.m.Key), Status: "final", Category: fact.List(fact.Concept(fact.HL7+"observation-category", "survey", "Survey")), Code: u.reason("code", "system", "name"), Subject: u.patient(),
			Encounter: contact, EffectiveDateTime: at, Performer: fact.List(u.clinician()), Note: fact.Note(u.get("note"))}
		if o.Code == nil {
			return u.r.Bad(strings.Join(u.t.Columns["name"], ", "), "the assessment does not say of what it is")
		}
		switch n, err := fhir.ParseDecimal(value); {
		case value != "" && err != nil:
			return u.r.Bad(strings.Join(u.t.Columns["value"], ", "), "%q is no number", value)
		case value != "":
			o.ValueQuantity = &r4.Quantity{Value: &n, Unit: u.get("unit")}
			if _, err := fhir.ParseUnit(u.get("unit")); err == nil && u.get("unit") != "" {
				o.ValueQuantity.System, o.ValueQuantity.Code = fact.UCUM, u.get("unit")
			}
		default:
			o.ValueString = words
		}
		if err := u.m.Put("Observation", o); err != nil {
			return err
		}
	}
	q := &r4.QuestionnaireResponse{Identifier: &source(u.m, u.m.Key)[0], Status: "completed", Subject: u.patient(), Encounter: contact, Authored: at, Author: u.clinician()}
	for _, a := range u.t.Answers {
		if v := u.r.Get(a.Column); v != "" {
			q.Item = append(q.Item, r4.QuestionnaireResponseItem{LinkId: a.Column, Text: a.Text, Answer: []r4.QuestionnaireResponseItemAnswer{{ValueString: v}}})
		}
	}
	if q.Item == nil {
		if value == "" && words == "" {
			return u.r.Bad("", "the assessment has neither a value nor an answer")
		}
		return nil
	}
	return u.m.Put("QuestionnaireResponse", q)
}

func (u *unit) plan() error {
	p, err := u.span()
	if err != nil {
		return err
	}
	c := &r4.CarePlan{Identifier: source(u.m, u.m.Key), Status: u.status(p, "active", "completed"), Intent: "plan", Title: u.get("title"), Description: u.get("goal"), Subject: u.patient(), Period: p, Author: u.clinician(),
		Note: fact.Note(u.get("note")), SupportingInfo: fact.List(u.other("caseload", "EpisodeOfCare", u.get("caseload")))}
	if a := u.get("activity"); a != "" {
		state := "in-progress"
		if c.Status == "completed" {
			state = "completed"
		}
		c.Activity = []r4.CarePlanActivity{{Detail: &r4.CarePlanActivityDetail{Status: state, Description: a}}}
	}
	return u.m.Put("CarePlan", c)
}

// patient is who somebody is by all tables that say so: the table of persons first, then whatever fills its gaps.
func (mp *Map) patient(m *intake.Mapping) error {
	var p fact.Person
	fill := func(to *string, v string) {
		if *to == "" {
			*to = v
		}
	}
	for _, persons := range []bool{true, false} {
		for i := range mp.Tables {
			t := &mp.Tables[i]
			name := t.Name
			if t.Kind != "person" {
				name += " person"
			}
			r := m.Row(name)
			if r == nil || (t.Kind == "person") != persons {
				continue
			}
			u := &unit{mp, t, m, r}
			for _, x := range []struct {
				element string
				to      *string
			}{{"nhs", &p.NHSNumber}, {"forename", &p.Forename}, {"surname", &p.Surname}, {"title", &p.Title}, {"sex", &p.Sex}, {"town", &p.Town}, {"postcode", &p.Postcode}, {"phone", &p.Phone}, {"mobile", &p.Mobile},
				{"email", &p.Email}, {"ethnicity", &p.Ethnicity}, {"practice", &p.Practice}} {
				fill(x.to, u.get(x.element))
			}
			for _, x := range []struct {
				element string
				to      *fhir.Date
			}{{"born", &p.Born}, {"died", &p.Died}} {
				d, err := fact.Day(u.get(x.element), mp.days()...)
				if err != nil {
					return u.bad(x.element, err)
				}
				if x.to.Year == 0 {
					*x.to = d
				}
			}
			if p.Lines == nil && u.get("line1")+u.get("line2") != "" {
				p.Lines = []string{u.get("line1"), u.get("line2")}
			}
		}
	}
	return m.Put("Patient", p.Patient(m.Feed.Name, m.Key))
}
