// Package growing is about young people and those who act for them. What a parent may do for a child ends in stages (access/policy.txt: 11 and 16): from the 11th
// birthday only what somebody has looked at again with both, from the 16th only what the young person gives themselves.
//
// Nobody should find that out at a locked page. Before each of these birthdays both are told, and the practice has a Task to talk with them (watch.go). A young
// person sees who can see what, entry by entry, and asks a person to change it (Service.Seen, Service.Ask).
// RCGP, Proxy access: https://elearning.rcgp.org.uk/mod/book/view.php?id=13458 (ages 11 and 16).
package growing

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Service tells of birthdays and shows young people who sees what. Door must be set.
type Service struct {
	Door  *record.Door
	Owner string           // who has the Tasks of talking with young people, "" for "Practice nurse"
	Now   func() time.Time // nil for the clock
}

var me = access.Actor{ID: "kith/growing", Name: "Kith, growing up", Role: access.Kith, Purpose: "TREAT"}

// Stages are the birthdays that change who may act for somebody, as the policy Kith comes with has them.
const (
	Review = 11 // what others gave for a child holds on only once it was looked at again
	Own    = 16 // only what the young person gives holds
	Adult  = 18
)

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// Age is somebody's age in whole years on a day, -1 where the day of birth is not known to the day.
func Age(born fhir.DateTime, today time.Time) int {
	if born.Precision() < fhir.Day {
		return -1
	}
	from := born.Low()
	years := today.Year() - from.Year()
	if today.Month() < from.Month() || today.Month() == from.Month() && today.Day() < from.Day() {
		years--
	}
	return years
}

// Helper is somebody who may act for a young person.
type Helper struct {
	trust.Given
	Waits bool // it does not hold for their age: it was given by somebody else and not looked at since
}

// Entry is something in the record of a young person, and who of those that act for them sees it.
type Entry struct {
	At   time.Time
	What string // what it is
	Type string // resource type
	Seen []bool // by each of View.Helpers
}

// View is what a young person sees of who sees what.
type View struct {
	Age     int
	Helpers []Helper
	Entries []Entry // the newest first
	Hidden  int     // of them, how many none of the helpers sees
	Asked   *Asked  // what they asked to be changed and is not done, nil for nothing
}

// Asked is that a person was asked to change something.
type Asked struct {
	At, By time.Time
}

// shownTypes are what stands in a record that a parent might see, each with the field of its day.
var shownTypes = []struct{ typ, sort string }{{"Condition", "-recorded-date"}, {"Observation", "-date"}, {"MedicationRequest", "-authoredon"}, {"Encounter", "-date"}, {"Immunization", "-date"}, {"DocumentReference", "-date"}, {"Appointment", "-date"}}

// shownEach is how many entries of each type are shown.
const shownEach = 15

// Seen is who sees what of the record of whoever asks. Forbidden to anybody but the person.
func (s *Service) Seen(ctx context.Context, who access.Actor) (*View, error) {
	if who.Patient == "" {
		return nil, fhir.Errorf(fhir.Forbidden, "only the person themselves sees this")
	}
	p, err := s.patient(ctx, who, who.Patient)
	if err != nil {
		return nil, err
	}
	v := &View{Age: Age(p.BirthDate, s.now())}
	given, err := (&trust.Service{Door: s.Door, Now: s.Now}).By(ctx, who, who.Patient)
	if err != nil {
		return nil, err
	}
	for _, g := range given {
		if !g.Active {
			continue
		}
		d, err := s.Door.Decide(ctx, seenAs(&g), access.Read, "Patient", who.Patient)
		if err != nil {
			return nil, err
		}
		v.Helpers = append(v.Helpers, Helper{Given: g, Waits: !d.Permit})
	}
	if err := s.entries(ctx, who, v); err != nil {
		return nil, err
	}
	v.Asked, err = s.asked(ctx, who)
	return v, err
}

// seenAs is somebody trusted as they look at the record.
func seenAs(g *trust.Given) access.Actor {
	return access.Actor{ID: "Patient/" + g.Trusted, Name: g.Name, Role: "patient", Patient: g.Trusted, Level: access.P9, Purpose: "PATRQT"}
}

func (s *Service) entries(ctx context.Context, who access.Actor, v *View) error {
	if len(v.Helpers) == 0 {
		return nil
	}
	for _, of := range shownTypes {
		page, err := s.Door.Find(ctx, who, of.typ+"?patient="+who.Patient+"&_sort="+of.sort+"&_count="+strconv.Itoa(shownEach))
		if err != nil {
			return err
		}
		first := len(v.Entries)
		for i := range page.Matches {
			e, err := entryOf(&page.Matches[i])
			if err != nil {
				return err
			}
			v.Entries = append(v.Entries, e)
		}
		for h := range v.Helpers {
			seen, err := s.Door.Sees(ctx, seenAs(&v.Helpers[h].Given), page.Matches)
			if err != nil {
				return err
			}
			for i, yes := range seen {
				v.Entries[first+i].Seen = append(v.Entries[first+i].Seen, yes)
			}
		}
	}
	for i := range v.Entries {
		if !slices.Contains(v.Entries[i].Seen, true) {
			v.Hidden++
		}
	}
	slices.SortStableFunc(v.Entries, func(a, b Entry) int { return b.At.Compare(a.At) })
	return nil
}

// entryOf says in a few words what a resource is, as it stands there.
func entryOf(m *record.Stored) (Entry, error) {
	res, err := m.Resource()
	if err != nil {
		return Entry{}, err
	}
	root := res.Root()
	e := Entry{Type: m.Type, At: m.Updated}
	for _, name := range []string{"effectiveDateTime", "occurrenceDateTime", "recordedDate", "onsetDateTime", "authoredOn", "start", "date", "issued"} {
		if at, err := fhir.ParseDateTime(root.Get(name).Text()); err == nil && at.Year != 0 {
			e.At = at.Low()
			break
		}
	}
	if at, err := fhir.ParseDateTime(root.Get("period").Get("start").Text()); err == nil && at.Year != 0 {
		e.At = at.Low()
	}
	for _, name := range []string{"code", "vaccineCode", "medicationCodeableConcept", "type", "serviceType"} {
		c := root.Get(name)
		if name == "type" || name == "serviceType" {
			for item := range c.Items() {
				c = item
				break
			}
		}
		if e.What = named(c); e.What != "" {
			return e, nil
		}
	}
	e.What = root.Get("description").Text()
	return e, nil
}

func named(c fhir.Value) string {
	if text := c.Get("text").Text(); text != "" {
		return text
	}
	for k := range c.Get("coding").Items() {
		if d := k.Get("display").Text(); d != "" {
			return d
		}
	}
	return ""
}

// The Task by which a young person asks a person to change who sees what.
const (
	taskSystem = "urn:kith:task"
	askCode    = "young-person-asks"
	reviewCode = "trusted-review"
	openStates = "requested,received,accepted,in-progress,on-hold"
	askDays    = 5 // working days are not counted: the practice is asked within a week
)

// mostWords is how much can be written, in letters.
const mostWords = 1000

func (s *Service) asked(ctx context.Context, who access.Actor) (*Asked, error) {
	page, err := s.Door.Find(ctx, me, "Task?patient="+who.Patient+"&code="+taskSystem+"|"+askCode+"&status="+openStates+"&_count=1")
	if err != nil || len(page.Matches) == 0 {
		return nil, err
	}
	var t r4.Task
	if err := page.Matches[0].Decode(&t); err != nil {
		return nil, err
	}
	return &Asked{At: t.AuthoredOn.Low(), By: t.Restriction.Period.End.Low()}, nil
}

// Ask asks a person at the practice to talk about who sees what. Only the young person does, and nobody who acts for them sees that they did: the Task is labelled
// so, which keeps it from receptionists too, so that a nurse has it. Asking twice makes one.
func (s *Service) Ask(ctx context.Context, who access.Actor, text string) error {
	text = strings.TrimSpace(text)
	switch {
	case who.Patient == "":
		return fhir.Errorf(fhir.Forbidden, "only the person themselves asks for this")
	case len([]rune(text)) > mostWords:
		return fhir.Errorf(fhir.Invalid, "write no more than 1,000 letters").At("text")
	}
	d, err := s.Door.Decide(ctx, who, access.Create, "Task", who.Patient)
	if err != nil {
		return err
	}
	if !d.Permit {
		return fhir.Errorf(fhir.Forbidden, "%s", d.Sentence())
	}
	now := fhir.DateTimeOf(s.now().UTC().Truncate(time.Second))
	self := &r4.Reference{Reference: "Patient/" + who.Patient}
	t := &r4.Task{Meta: private(), Status: "requested", Intent: "order", Priority: "urgent", AuthoredOn: now, LastModified: now, For: self, Requester: &r4.Reference{Reference: "Patient/" + who.Patient, Display: who.Name}, Owner: &r4.Reference{Display: cmp.Or(s.Owner, "Practice nurse")},
		Code:        &r4.CodeableConcept{Coding: []r4.Coding{{System: taskSystem, Code: askCode}}, Text: "A young person asks who may see their record"},
		Description: "Talk with them alone. Change or end what others may do at their page “Who they trust”, and mark what is private.",
		Restriction: &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(s.now().UTC().Truncate(time.Second).AddDate(0, 0, askDays))}}}
	if text != "" {
		t.Input = []r4.TaskInput{{Type: &r4.CodeableConcept{Text: "In their own words"}, ValueString: text}}
	}
	res, err := r4.Resource(t)
	if err != nil {
		return err
	}
	as := me
	as.Helper = who.ID
	_, err = s.Door.Commit(ctx, as, []record.Op{{Method: record.Create, Type: "Task", Resource: res, IfNoneExist: "patient=" + who.Patient + "&code=" + taskSystem + "|" + askCode + "&status=" + openStates}})
	return err
}

// private labels what nobody who is trusted sees.
func private() *r4.Meta {
	return &r4.Meta{Security: []r4.Coding{{System: "https://kith.care/fhir/CodeSystem/label", Code: "not-for-trusted"}}}
}

func (s *Service) patient(ctx context.Context, who access.Actor, id string) (*r4.Patient, error) {
	m, err := s.Door.Get(ctx, who, "Patient", id)
	if err != nil {
		return nil, err
	}
	p := new(r4.Patient)
	return p, m.Decode(p)
}

func idFrom(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "growing-" + hex.EncodeToString(sum[:12])
}
