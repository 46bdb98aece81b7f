package access

import (
	"slices"
	"time"

	"github.com/kith-care/kith/fhir/spec"
)

// See decides what an actor may do in one person's record; with a nil circle, with what is in nobody's record.
func (t *Table) See(who *Actor, c *Circle, now Day) *Sight {
	s := &Sight{table: t, hidden: ^Labels(0)}
	if t.Open(who) {
		return &Sight{all: true}
	}
	if !slices.Contains(t.roles, who.Role) {
		s.reason = "Whoever asks has no role here."
		return s
	}
	close := anyone | nobodys
	var dissents bool
	if c != nil {
		close = t.closeness(who, c, now)
		if dissents = t.dissents(who, c, close, now); dissents {
			close &^= treating | own
		}
	}
	var lacksLevel, lacksCloseness bool
	for i := range t.rules {
		r := &t.rules[i]
		switch {
		case r.role != who.Role || len(r.purposes) > 0 && !slices.Contains(r.purposes, who.Purpose):
		case r.close&close == 0:
			lacksCloseness = true
		case who.Level < r.level:
			lacksLevel = true
		default:
			for _, class := range r.classes {
				s.may[class] |= r.actions
			}
		}
	}
	for i := range t.shown {
		if sh := &t.shown[i]; sh.role == who.Role && sh.close&close != 0 {
			s.hidden &^= sh.labels
		}
	}
	switch {
	case c == nil:
	case lacksLevel:
		s.reason, s.unlock = "You have not yet proved who you are well enough for this.", ByProof
	case dissents && t.breaks(who.Role):
		s.reason, s.unlock = "This person does not want their record shared with you.", ByGlass
	case dissents:
		s.reason, s.unlock = "This person does not want their record shared with you.", ByConsent
	case who.Role == "patient":
		s.reason, s.unlock = "This is somebody else’s record.", ByConsent
	case lacksCloseness && t.breaks(who.Role):
		s.reason, s.unlock = "You and your organisation are not caring for this person, as far as the record says.", ByGlass
	case lacksCloseness:
		s.reason, s.unlock = "Your organisation is not caring for this person, as far as the record says.", ByCare
	}
	if c != nil {
		t.consents(s, who, c, close, now)
		s.withheld = c.Restricted && close&(treating|own|self|glass) == 0
	}
	if who.App != nil {
		s.app(who.App, c)
	}
	return s
}

// Open reports whether an actor is a part of this program, from which nothing is hidden.
func (t *Table) Open(who *Actor) bool { return who.Role == Kith && who.App == nil && who.ID != "" }

// Always reports whether what an actor may do with a type does not hang on whose record it is in, refusals aside, nor on labels or
// the queries of an app's scopes: being closer to somebody only ever adds.
func (t *Table) Always(who *Actor, action Action, typ spec.TypeID, today Day) bool {
	if t.Open(who) {
		return true
	}
	labels := Labels(1)<<len(t.labels) - 1
	for _, c := range []*Circle{nil, {}} {
		s := t.See(who, c, today)
		if !s.May(action, typ, labels) || s.scopes != nil && s.reach(action, typ) != freely {
			return false
		}
	}
	return true
}

// Ever says whether an actor may do something with a type in anybody's record at all.
func (t *Table) Ever(who *Actor, action Action, typ spec.TypeID) Decision {
	if t.Open(who) {
		return Decision{Permit: true}
	}
	d := Decision{Reason: "People in your role may not do this."}
	if !slices.Contains(t.roles, who.Role) {
		d.Reason = "Whoever asks has no role here."
	}
	for i := range t.rules {
		r := &t.rules[i]
		if r.role != who.Role || r.actions&action.bit() == 0 || !slices.Contains(r.classes, t.classOf[typ]) || len(r.purposes) > 0 && !slices.Contains(r.purposes, who.Purpose) {
			continue
		}
		if who.Level >= r.level {
			d.Permit = true
			break
		}
		d = Decision{Reason: "You have not yet proved who you are well enough for this.", Unlock: ByProof}
	}
	if d.Permit && who.App != nil {
		s := &Sight{table: t, scopes: who.App.Scopes}
		if s.look(action, typ) == none {
			return Decision{Reason: "This app was not allowed to do this.", Unlock: ByScope}
		}
	}
	if d.Permit {
		return Decision{Permit: true}
	}
	return d
}

// breaks reports whether a role may open a record in an emergency.
func (t *Table) breaks(role string) bool {
	return slices.ContainsFunc(t.rules, func(r rule) bool { return r.role == role && r.close&glass != 0 })
}

// MayBreak reports whether a role may open a record in an emergency.
func (t *Table) MayBreak(role string) bool { return t.breaks(role) }

// closeness is how close an actor is to a person now.
func (t *Table) closeness(who *Actor, c *Circle, now time.Time) closeness {
	close := anyone
	if c.Is(who.Patient) {
		close |= self
	}
	for i := range c.Ties {
		tie := &c.Ties[i]
		if !tie.holds(who, now) {
			continue
		}
		close |= treating
		if tie.Kind <= Team {
			close |= own
		}
	}
	for i := range c.Consents {
		consent := &c.Consents[i]
		if consent.Deny || !consent.holds(now) || !consent.names(who) {
			continue
		}
		switch consent.Kind {
		case Trusted:
			for _, scope := range t.trusted(consent, c, now) {
				close |= closenesses[scope]
			}
		case Sharing:
			close |= treating
		case Research:
			close |= agreed
		case Glass:
			close |= glass
		}
	}
	return close
}

// trusted are the scopes that hold of somebody's consent for a person of that age: what a parent may do for a child ends
// in stages, unless somebody has looked at it again, and then unless the young person agrees.
func (t *Table) trusted(consent *Consent, c *Circle, now time.Time) []string {
	age := c.age(now)
	if age < 0 {
		age = 1 << 20 // unknown: as for an adult
	}
	st := &t.stages[0]
	for i := range t.stages {
		if age >= t.stages[i].from {
			st = &t.stages[i]
		}
	}
	if st.person && !consent.ByPerson {
		return nil
	}
	// What somebody else gave for a child, which ended in a stage of the person's own, does not come back once the child is grown up: an adult who cannot give it
	// has somebody write it down again.
	if born := c.Born.AddDate(st.from, 0, 0); !consent.ByPerson && t.afterOwn(st) && !c.Born.IsZero() && !consent.Since.IsZero() && consent.Since.Before(born) && consent.Reviewed.Before(born) {
		return nil
	}
	reviewed := st.from == 0 || c.Born.IsZero() || !consent.Reviewed.Before(c.Born.AddDate(st.from, 0, 0))
	if st.person && consent.ByPerson {
		reviewed = true
	}
	var out []string
	for _, scope := range consent.Scopes {
		if slices.Contains(st.always, scope) || reviewed && slices.Contains(st.review, scope) {
			out = append(out, scope)
		}
	}
	return out
}

// afterOwn reports whether a stage comes after one in which only what the person gave held.
func (t *Table) afterOwn(st *stage) bool {
	return slices.ContainsFunc(t.stages, func(s stage) bool { return s.person && s.from < st.from })
}

// consents takes away what the person has refused.
func (t *Table) consents(s *Sight, who *Actor, c *Circle, close closeness, now time.Time) {
	for i := range c.Consents {
		consent := &c.Consents[i]
		if !consent.Deny || !consent.holds(now) {
			continue
		}
		switch consent.Kind {
		case OptOut:
			if slices.Contains(t.optOut, who.Purpose) {
				s.nothing("This person has opted out of uses beyond their own care.")
				return
			}
		case Research:
			if close&agreed == 0 && slices.Contains(t.optOut, who.Purpose) {
				s.nothing("This person does not want to take part in research.")
				return
			}
		case Sharing:
			if !t.refuses(consent, who, close) {
				continue
			}
			s.hidden |= consent.Labels
			for _, name := range consent.Types {
				if typ, ok := spec.Resource(name); ok {
					if s.taken == nil {
						s.taken = map[spec.TypeID]bool{}
					}
					s.taken[typ] = true
				}
			}
		}
	}
}

// refuses reports whether a refusal to share is about an actor who is so close. The practice where somebody is registered
// keeps its own record, unless it is named.
func (t *Table) refuses(consent *Consent, who *Actor, close closeness) bool {
	if consent.Kind != Sharing || !slices.Contains(t.dissent, who.Role) || close&(glass|self) != 0 {
		return false
	}
	if len(consent.Patients) == 0 && consent.Actor == "" && consent.Organization == "" {
		return close&own == 0
	}
	return consent.names(who)
}

// dissents reports whether a person has refused to share all of their record with an actor.
func (t *Table) dissents(who *Actor, c *Circle, close closeness, now time.Time) bool {
	return slices.ContainsFunc(c.Consents, func(consent Consent) bool {
		return consent.Deny && consent.Labels == 0 && consent.Types == nil && consent.holds(now) && t.refuses(&consent, who, close)
	})
}

// nothing takes everything away.
func (s *Sight) nothing(reason string) {
	*s = Sight{table: s.table, hidden: ^Labels(0), reason: reason}
}

// app holds a sight to what the app through which somebody asks was allowed.
func (s *Sight) app(app *Client, c *Circle) {
	s.scopes = []Scope{}
	for _, scope := range app.Scopes {
		if scope.Context == "patient" && (app.Patient == "" || c != nil && !c.Is(app.Patient)) {
			if app.Patient != "" {
				s.confined = true
			}
			continue
		}
		s.scopes = append(s.scopes, scope)
	}
}
