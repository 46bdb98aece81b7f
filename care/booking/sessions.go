package booking

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
)

// Sessions is what a place's own clinics offer, as a person writes it (docs/booking.md).
type Sessions struct {
	Weeks    int        `yaml:"weeks"` // how far ahead Slots are made; 0 for 6
	Offer    []Offering `yaml:"services"`
	Places   []Place    `yaml:"places"`
	Clinics  []Clinic   `yaml:"clinics"`
	Closed   []string   `yaml:"closed"` // days on which nobody works, such as 2026-12-25
	byOffer  map[string]*Offering
	byPlace  map[string]*Place
	closedOn map[string]bool
}

// Offering is a thing that can be booked, in plain words.
type Offering struct {
	ID       string   `yaml:"id"`
	Name     string   `yaml:"name"`     // "See a GP"
	For      For      `yaml:"for"`      // who may book it
	Kind     string   `yaml:"kind"`     // gp, hospital or community
	Referral []string `yaml:"referral"` // SNOMED CT codes of the referrals with which it is booked, where it is for referred
	Bring    string   `yaml:"bring"`    // what to do before or bring along
}

// For says who may book something.
type For string

// Who may book.
const (
	Registered For = "registered" // whoever is registered at the practice
	Referred   For = "referred"   // whoever waits with such a referral
	Anyone     For = "anyone"
)

// Place is where clinics are held.
type Place struct {
	ID        string   `yaml:"id"`
	Name      string   `yaml:"name"`
	ODS       string   `yaml:"ods"` // of the organisation
	Street    string   `yaml:"street"`
	Town      string   `yaml:"town"`
	Postcode  string   `yaml:"postcode"`
	Telephone string   `yaml:"telephone"`
	Access    []string `yaml:"access"` // step-free, hearing-loop, quiet-room, …
}

// Clinic is one person's or one room's sessions for one service.
type Clinic struct {
	ID           string    `yaml:"id"`
	Service      string    `yaml:"service"`
	Place        string    `yaml:"place"`
	With         string    `yaml:"with"`         // "Dr Femi Adebayo"
	Practitioner string    `yaml:"practitioner"` // Practitioner/ID where the record knows them
	Languages    []string  `yaml:"languages"`    // spoken besides English: cy, pl, ur, …
	Sessions     []Session `yaml:"sessions"`
}

// Session is one half-day of a week, by London's clock.
type Session struct {
	Days    []string `yaml:"days"` // mon to sun
	From    string   `yaml:"from"` // 09:00
	To      string   `yaml:"to"`
	Minutes int      `yaml:"minutes"` // of one Slot
	Modes   []Mode   `yaml:"modes"`   // ways of being seen that can be chosen; none for in person
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ReadSessions reads a file of sessions. Invalid, with the name of what is wrong, where it cannot be kept to.
func ReadSessions(path string) (*Sessions, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the sessions cannot be read: %w", err)
	}
	s, err := ParseSessions(text)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "%s: %w", path, err)
	}
	return s, nil
}

// ParseSessions is ReadSessions of a text.
func ParseSessions(text []byte) (*Sessions, error) {
	s := new(Sessions)
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(s); err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the sessions are no YAML of the form of docs/booking.md: %w", err)
	}
	return s, s.Check()
}

var shortID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// Check says what is wrong with sessions, and makes them ready to use.
func (s *Sessions) Check() error {
	s.Weeks = cmp.Or(s.Weeks, 6)
	s.byOffer, s.byPlace, s.closedOn = map[string]*Offering{}, map[string]*Place{}, map[string]bool{}
	if s.Weeks < 1 || time.Duration(s.Weeks)*7*24*time.Hour > farthest {
		return fhir.Errorf(fhir.Invalid, "weeks is 1 to 12, not %d", s.Weeks)
	}
	for _, day := range s.Closed {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return fhir.Errorf(fhir.Invalid, "closed: %q is no day such as 2026-12-25", day)
		}
		s.closedOn[day] = true
	}
	for i := range s.Offer {
		o := &s.Offer[i]
		switch {
		case !shortID.MatchString(o.ID) || s.byOffer[o.ID] != nil:
			return fhir.Errorf(fhir.Invalid, "service %q: an id is up to 40 small letters, digits and -, and stands once", o.ID)
		case o.Name == "":
			return fhir.Errorf(fhir.Invalid, "service %s has no name", o.ID)
		case o.For != Registered && o.For != Referred && o.For != Anyone:
			return fhir.Errorf(fhir.Invalid, "service %s is for registered, referred or anyone, not %q", o.ID, o.For)
		case o.For == Referred && len(o.Referral) == 0:
			return fhir.Errorf(fhir.Invalid, "service %s is for people who are referred and does not say with which codes", o.ID)
		case o.Kind != "gp" && o.Kind != "hospital" && o.Kind != "community":
			return fhir.Errorf(fhir.Invalid, "service %s is of kind gp, hospital or community, not %q", o.ID, o.Kind)
		}
		s.byOffer[o.ID] = o
	}
	for i := range s.Places {
		p := &s.Places[i]
		if !shortID.MatchString(p.ID) || s.byPlace[p.ID] != nil || p.Name == "" {
			return fhir.Errorf(fhir.Invalid, "place %q: an id is up to 40 small letters, digits and -, and stands once; a place has a name", p.ID)
		}
		s.byPlace[p.ID] = p
	}
	seen := map[string]bool{}
	for i := range s.Clinics {
		c := &s.Clinics[i]
		switch {
		case !shortID.MatchString(c.ID) || seen[c.ID]:
			return fhir.Errorf(fhir.Invalid, "clinic %q: an id is up to 40 small letters, digits and -, and stands once", c.ID)
		case s.byOffer[c.Service] == nil:
			return fhir.Errorf(fhir.Invalid, "clinic %s: there is no service %q", c.ID, c.Service)
		case s.byPlace[c.Place] == nil:
			return fhir.Errorf(fhir.Invalid, "clinic %s: there is no place %q", c.ID, c.Place)
		}
		seen[c.ID] = true
		for _, one := range c.Sessions {
			if err := one.check(); err != nil {
				return fhir.Errorf(fhir.Invalid, "clinic %s: %w", c.ID, err)
			}
		}
	}
	return nil
}

func (one *Session) check() error {
	from, to := clock(one.From), clock(one.To)
	switch {
	case from < 0 || to <= from:
		return fhir.Errorf(fhir.Invalid, "a session is from and to a clock time such as 09:00, not %q to %q", one.From, one.To)
	case one.Minutes < 5 || one.Minutes > 240:
		return fhir.Errorf(fhir.Invalid, "a Slot is 5 to 240 minutes, not %d", one.Minutes)
	case len(one.Days) == 0:
		return fhir.Errorf(fhir.Invalid, "a session is on no day")
	}
	for _, day := range one.Days {
		if !slices.Contains(weekdays, day) {
			return fhir.Errorf(fhir.Invalid, "a day is mon to sun, not %q", day)
		}
	}
	for _, m := range one.Modes {
		if !slices.Contains(Modes, m) {
			return fhir.Errorf(fhir.Invalid, "a mode is in-person, telephone or video, not %q", m)
		}
	}
	return nil
}

// clock is minutes after midnight of 09:00, −1 where it is none.
func clock(text string) int {
	h, m, ok := strings.Cut(text, ":")
	hour, err1 := strconv.Atoi(h)
	minute, err2 := strconv.Atoi(m)
	if !ok || err1 != nil || err2 != nil || hour < 0 || hour > 24 || minute < 0 || minute > 59 || hour == 24 && minute > 0 {
		return -1
	}
	return hour*60 + minute
}

// prefix begins the ids of what is made from sessions.
const prefix = "kb-"

// Slots are those of a clinic that begin from one moment on and before another, in order. A session is as long as its clock says, so on the night when
// clocks change it has an hour of Slots more or less.
func (s *Sessions) Slots(c *Clinic, from, before time.Time) []*r4.Slot {
	var out []*r4.Slot
	o, ods := s.byOffer[c.Service], s.byPlace[c.Place].ODS
	for day := from.In(london.Zone).AddDate(0, 0, -1); day.Before(before.AddDate(0, 0, 1)); day = day.AddDate(0, 0, 1) {
		if s.closedOn[day.Format(time.DateOnly)] {
			continue
		}
		for _, one := range c.Sessions {
			if !slices.Contains(one.Days, weekdays[day.Weekday()]) {
				continue
			}
			at := func(minutes int) time.Time {
				t, _ := london.Time(day.Year(), day.Month(), day.Day(), minutes/60, minutes%60, 0)
				return t
			}
			length := time.Duration(one.Minutes) * time.Minute
			for start, end := at(clock(one.From)), at(clock(one.To)); !start.Add(length).After(end); start = start.Add(length) {
				if start.Before(from) || !start.Before(before) {
					continue
				}
				slot := &r4.Slot{ID: fmt.Sprintf("%s%s-%s", prefix, c.ID, start.UTC().Format("20060102t1504")), Meta: ours(), Identifier: []r4.Identifier{{System: FreeSystem, Value: FoundBy(o.ID, ods, start)}}, ServiceType: []r4.CodeableConcept{o.concept()},
					Schedule: &r4.Reference{Reference: "Schedule/" + prefix + c.ID}, Status: "free", Start: london.DateTime(start), End: london.DateTime(start.Add(length))}
				modes := one.Modes
				if len(modes) == 0 {
					modes = []Mode{InPerson}
				}
				for _, m := range modes {
					slot.Extension = append(slot.Extension, m.extension())
				}
				out = append(out, slot)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *r4.Slot) int { return a.Start.Low().Compare(b.Start.Low()) })
	return slices.CompactFunc(out, func(a, b *r4.Slot) bool { return a.ID == b.ID })
}

// FoundBy is the value of the identifier that the free Slots of one day have together: the service, the organisation's ODS code ("-" for none) and the day in London.
// The record keeps an index of identifiers, so days that are full cost next to nothing to look through, and nobody looks through another practice's.
func FoundBy(service, ods string, start time.Time) string {
	return service + "." + cmp.Or(ods, "-") + "." + start.In(london.Zone).Format(time.DateOnly)
}

func (o *Offering) concept() r4.CodeableConcept {
	return r4.CodeableConcept{Coding: []r4.Coding{{System: ServiceSystem, Code: o.ID, Display: o.Name}}, Text: o.Name}
}

func (m Mode) extension() r4.Extension {
	return r4.Extension{URL: ChannelURL, ValueCodeableConcept: &r4.CodeableConcept{Coding: []r4.Coding{{System: channelSystem, Code: string(m)}}}}
}

// modesOf are the ways of being seen that a Slot or Appointment names; in person where it names none.
func modesOf(extensions []r4.Extension) []Mode {
	var out []Mode
	for _, e := range extensions {
		if e.URL != ChannelURL || e.ValueCodeableConcept == nil {
			continue
		}
		for _, c := range e.ValueCodeableConcept.Coding {
			if m := Mode(c.Code); slices.Contains(Modes, m) {
				out = append(out, m)
			}
		}
	}
	if out == nil {
		return []Mode{InPerson}
	}
	return out
}

// directory are the Location of each place, and the HealthcareService and Schedule of each clinic.
func (s *Sessions) directory(now time.Time) (types []string, resources []any) {
	active := true
	add := func(typ string, x any) { types, resources = append(types, typ), append(resources, x) }
	for i := range s.Places {
		p := &s.Places[i]
		l := &r4.Location{ID: prefix + p.ID, Meta: ours(), Status: "active", Name: p.Name, Mode: "instance", ManagingOrganization: p.organization()}
		if p.Street+p.Town+p.Postcode != "" {
			l.Address = &r4.Address{City: p.Town, PostalCode: p.Postcode}
			if p.Street != "" {
				l.Address.Line = []string{p.Street}
			}
		}
		if p.Telephone != "" {
			l.Telecom = []r4.ContactPoint{{System: "phone", Value: p.Telephone}}
		}
		add("Location", l)
	}
	for i := range s.Clinics {
		c := &s.Clinics[i]
		p, o := s.byPlace[c.Place], s.byOffer[c.Service]
		h := &r4.HealthcareService{ID: prefix + c.ID, Meta: ours(), Active: &active, ProvidedBy: p.organization(), Type: []r4.CodeableConcept{o.concept()}, Name: o.Name, ExtraDetails: o.Bring,
			Location:    []r4.Reference{{Reference: "Location/" + prefix + p.ID, Display: p.Name}},
			Category:    []r4.CodeableConcept{{Coding: []r4.Coding{{System: kindSystem, Code: o.Kind}}}},
			Eligibility: []r4.HealthcareServiceEligibility{{Code: &r4.CodeableConcept{Coding: []r4.Coding{{System: ForSystem, Code: string(o.For)}}}}}}
		for _, code := range o.Referral {
			h.Eligibility = append(h.Eligibility, r4.HealthcareServiceEligibility{Code: &r4.CodeableConcept{Coding: []r4.Coding{{System: "http://snomed.info/sct", Code: code}}}})
		}
		for _, a := range p.Access {
			h.Characteristic = append(h.Characteristic, r4.CodeableConcept{Coding: []r4.Coding{{System: accessSystem, Code: a}}})
		}
		for _, l := range c.Languages {
			h.Communication = append(h.Communication, r4.CodeableConcept{Coding: []r4.Coding{{System: "urn:ietf:bcp:47", Code: l}}})
		}
		add("HealthcareService", h)
		sched := &r4.Schedule{ID: prefix + c.ID, Meta: ours(), Active: &active, ServiceType: []r4.CodeableConcept{o.concept()}, Comment: c.With,
			Actor: []r4.Reference{{Reference: "HealthcareService/" + h.ID, Display: o.Name}, {Reference: "Location/" + prefix + p.ID, Display: p.Name}}}
		if c.With != "" || c.Practitioner != "" {
			sched.Actor = append(sched.Actor, r4.Reference{Reference: c.Practitioner, Display: c.With})
		}
		add("Schedule", sched)
	}
	return types, resources
}

const (
	kindSystem   = "https://kith.care/fhir/CodeSystem/place-kind"   // gp, hospital, community
	accessSystem = "https://kith.care/fhir/CodeSystem/place-access" // step-free, hearing-loop, …
)

// organization refers to the organisation by its code: the record has it from several feeds under ids of theirs.
func (p *Place) organization() *r4.Reference {
	if p.ODS == "" {
		return &r4.Reference{Display: p.Name}
	}
	return &r4.Reference{Type: "Organization", Identifier: &r4.Identifier{System: odsSystem, Value: p.ODS}, Display: p.Name}
}
