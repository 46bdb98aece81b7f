// Package behalf is what staff did with somebody, at the desk or on the telephone, in one sitting: for the sheet of paper that the person takes home.
//
// The audit trail knows who did what to whose record; what was made or changed is read from the record. Nothing is kept anew, so that the sheet cannot say anything
// else than the record.
package behalf

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Service reads what was done. Door must be set.
type Service struct {
	Door *record.Door
	Now  func() time.Time // nil for the clock
}

var me = access.Actor{ID: "kith/behalf", Name: "Kith, on somebody's behalf", Role: access.Kith, Purpose: "PATRQT"}

// Kind is what sort of thing was done.
type Kind string

// The kinds, in the order in which they are listed.
const (
	Appointment Kind = "appointment"
	Request     Kind = "request" // something that a person or team has to answer
	Message     Kind = "message"
	Reading     Kind = "reading"
	Medicine    Kind = "medicine"
	Need        Kind = "need" // how they are reached
	Trusted     Kind = "trusted"
)

var order = []Kind{Appointment, Request, Message, Reading, Medicine, Need, Trusted}

// Entry is one thing that was done.
type Entry struct {
	Kind     Kind
	Title    string // as the record calls it
	Words    string // what was written or measured
	Start    time.Time
	Place    string
	Ended    bool      // an appointment that was cancelled
	By       time.Time // of a request: by when it is answered; zero where it does not say
	Owner    string    // who has it
	Complete bool      // it needs nothing more
}

// Since is the beginning of the sitting: the day in London on which it is.
func Since(now time.Time, zone *time.Location) time.Time {
	y, m, d := now.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}

// onBehalf is the purpose for which staff act on somebody's behalf (web/seat); what they do to care for somebody is not on the sheet.
const onBehalf = "PATRQT"

// mostPages bounds how much of the trail is read: a day has no more.
const mostPages = 20

// Done is what one of the staff did with a person since a moment. Forbidden where they may not see the person.
func (s *Service) Done(ctx context.Context, who access.Actor, patient string, since time.Time) ([]Entry, error) {
	if d, err := s.Door.Decide(ctx, who, access.Read, "Patient", patient); err != nil || !d.Permit {
		if err == nil {
			err = fhir.Errorf(fhir.Forbidden, "%s", d.Sentence())
		}
		return nil, err
	}
	as := me
	as.Helper, as.Organization = who.ID, who.Organization
	refs, err := s.touched(ctx, as, who, patient, since)
	if err != nil {
		return nil, err
	}
	group, err := s.Door.Person(ctx, patient)
	if err != nil {
		return nil, err
	}
	var out []Entry
	for _, ref := range refs {
		m, err := s.Door.Get(ctx, as, ref.Type, ref.ID)
		if k := fhir.KindOf(err); err != nil && (k == fhir.NotFound || k == fhir.Gone) {
			continue // it was taken back
		}
		if err != nil {
			return nil, err
		}
		e, ok, err := entryOf(m, group)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)), a.Start.Compare(b.Start))
	})
	return merged(out), nil
}

// merged leaves out what says the same twice: an answer to a question changes the same request again.
func merged(all []Entry) []Entry {
	var out []Entry
	for _, e := range all {
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

// touched are the resources that somebody wrote about a person, the earliest first.
func (s *Service) touched(ctx context.Context, as, who access.Actor, patient string, since time.Time) (out []fhir.Reference, err error) {
	q := record.TrailQuery{Patient: patient, From: since, Changes: true, Count: record.MaxCount}
	for range mostPages {
		page, err := s.Door.Trail(ctx, as, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Entries {
			e := &page.Entries[i]
			mine := e.Who == who.ID && e.Purpose == onBehalf || e.Helper == who.ID
			if !mine || e.Refused != "" || e.Action != access.Create && e.Action != access.Update {
				continue
			}
			for _, word := range strings.FieldsFunc(e.What, func(r rune) bool { return r == ' ' || r == ',' }) {
				if ref := fhir.ParseReference(word); ref.Type != "" && ref.ID != "" && !slices.ContainsFunc(out, func(o fhir.Reference) bool { return o.Type == ref.Type && o.ID == ref.ID }) {
					out = append(out, ref)
				}
			}
		}
		if q.Page = page.Next; q.Page == "" {
			break
		}
	}
	slices.Reverse(out)
	return out, nil
}

// entryOf is what a resource says on the sheet; false where it says nothing that the person needs, or is not about them.
func entryOf(m *record.Stored, group []string) (e Entry, ok bool, err error) {
	res, err := m.Resource()
	if err != nil {
		return e, false, err
	}
	about := func(ref *r4.Reference) bool {
		return ref != nil && slices.Contains(group, strings.TrimPrefix(ref.Reference, "Patient/"))
	}
	switch m.Type {
	case "Appointment":
		var a r4.Appointment
		if err := r4.Decode(res, &a); err != nil {
			return e, false, err
		}
		e = Entry{Kind: Appointment, Start: timeOf(a.Start), Ended: a.Status == "cancelled", Complete: true}
		mine := false
		for _, p := range a.Participant {
			mine = mine || about(p.Actor)
			if p.Actor != nil && !about(p.Actor) && p.Actor.Display != "" && e.Place == "" {
				e.Place = p.Actor.Display
			}
		}
		for i := range a.ServiceType {
			e.Title = textOf(&a.ServiceType[i])
		}
		e.Title = cmp.Or(e.Title, a.Description)
		return e, mine && (a.Status == "booked" || a.Status == "pending" || a.Status == "cancelled"), nil
	case "Task":
		var t r4.Task
		if err := r4.Decode(res, &t); err != nil {
			return e, false, err
		}
		// What was written in a message stands there as the message.
		if t.Code != nil && len(t.Code.Coding) > 0 && strings.HasPrefix(t.Code.Coding[0].Code, "message") {
			return e, false, nil
		}
		e = Entry{Kind: Request, Title: textOf(t.Code), Words: t.Description, Complete: t.Status == "completed", Ended: t.Status == "cancelled"}
		if t.Owner != nil {
			e.Owner = t.Owner.Display
		}
		if t.Restriction != nil && t.Restriction.Period != nil {
			e.By = timeOf(t.Restriction.Period.End)
		}
		return e, about(t.For), nil
	case "Communication":
		var c r4.Communication
		if err := r4.Decode(res, &c); err != nil {
			return e, false, err
		}
		e = Entry{Kind: Message, Title: textOf(c.Topic), Complete: true}
		for _, p := range c.Payload {
			e.Words = strings.TrimSpace(e.Words + " " + p.ContentString)
		}
		for _, r := range c.Recipient {
			e.Owner = r.Display
		}
		return e, about(c.Subject) && e.Words != "", nil
	case "Observation":
		var o r4.Observation
		if err := r4.Decode(res, &o); err != nil {
			return e, false, err
		}
		e = Entry{Kind: Reading, Title: textOf(o.Code), Start: timeOf(o.EffectiveDateTime), Complete: true}
		var said []string
		if v := quantity(o.ValueQuantity); v != "" {
			said = append(said, v)
		}
		for _, c := range o.Component {
			if v := quantity(c.ValueQuantity); v != "" {
				said = append(said, textOf(c.Code)+" "+v)
			}
		}
		e.Words = strings.Join(said, ", ")
		return e, about(o.Subject) && e.Words != "", nil
	case "MedicationRequest":
		var r r4.MedicationRequest
		if err := r4.Decode(res, &r); err != nil {
			return e, false, err
		}
		return Entry{Kind: Medicine, Title: textOf(r.MedicationCodeableConcept)}, about(r.Subject), nil
	case "Flag":
		var f r4.Flag
		if err := r4.Decode(res, &f); err != nil {
			return e, false, err
		}
		return Entry{Kind: Need, Title: textOf(f.Code), Complete: true}, about(f.Subject) && f.Status == "active", nil
	case "Consent":
		var c r4.Consent
		if err := r4.Decode(res, &c); err != nil {
			return e, false, err
		}
		e = Entry{Kind: Trusted, Complete: true, Ended: c.Status != "active"}
		if c.Provision != nil {
			for _, a := range c.Provision.Actor {
				if a.Reference != nil {
					e.Title = a.Reference.Display
				}
			}
		}
		return e, about(c.Patient) && e.Title != "", nil
	}
	return e, false, nil
}

func timeOf(d fhir.DateTime) time.Time {
	if d.Year == 0 {
		return time.Time{}
	}
	return d.Low()
}

func quantity(q *r4.Quantity) string {
	if q == nil || q.Value == nil {
		return ""
	}
	return strings.TrimSpace(q.Value.String() + " " + cmp.Or(q.Unit, q.Code))
}

func textOf(c *r4.CodeableConcept) string {
	switch {
	case c == nil:
		return ""
	case c.Text != "":
		return c.Text
	case len(c.Coding) > 0:
		return cmp.Or(c.Coding[0].Display, c.Coding[0].Code)
	}
	return ""
}
