// Package unusual finds in the audit trail what a privacy officer should look at: staff who looked at themselves, at somebody of
// their name or their street, at people whom many would like to look at, at many more people than is usual, or past the usual
// limits. Each finding becomes a Task that says why and names the entries; the same finding of the same day becomes one.
//
// It decides nothing: most of what it finds will have a good reason. What counts as unusual is data (rules.json). One process at a time goes
// through the trail, a minute behind, from where the last one left off.
package unusual

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Service looks for unusual access. Door and Rules must be set.
type Service struct {
	Door  *record.Door
	Rules *Rules
	Owner string           // the privacy officer's organisation, by name
	Every time.Duration    // 0 for a minute
	Now   func() time.Time // nil for the clock
}

// Finding is one thing to look at.
type Finding struct {
	Rule    string // self, family, neighbour, vip, volume, break-glass
	Who     string // of the actor, with Name
	Name    string
	Patient string // "" of volume
	Day     string
	Why     string
	Entries []string // places in the trail
}

// id is the same for the same finding of the same day.
func (f *Finding) id() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{f.Rule, f.Who, f.Patient, f.Day}, "\x00")))
	return "unusual-" + hex.EncodeToString(sum[:12])
}

var me = access.Actor{ID: "kith/unusual", Name: "Kith, unusual access", Role: access.Kith, Purpose: "PATSFTY"}

// behind is how far behind the trail is read: entries that wait for the same write may be that much out of order.
const behind = time.Minute

// Run looks until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	every := s.Every
	if every == 0 {
		every = time.Minute
	}
	s.Door.Recur(ctx, "unusual", every, s.Once)
	return ctx.Err()
}

// Once looks at what has come into the trail since the last time.
func (s *Service) Once(ctx context.Context) error {
	box := s.Door.Box("unusual")
	to := s.now().Add(-behind)
	from := to.Add(-24 * time.Hour)
	text, err := box.Get(ctx, "place", "trail")
	if err != nil {
		return err
	}
	if text != nil {
		micros, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil {
			return fhir.Errorf(fhir.Broken, "the place in the trail is %q, which is no time", text)
		}
		from = time.UnixMicro(micros + 1)
	}
	if !from.Before(to) {
		return nil
	}
	found, err := s.Look(ctx, from, to)
	if err != nil {
		return err
	}
	for i := range found {
		if err := s.task(ctx, &found[i]); err != nil {
			return err
		}
	}
	_, err = box.Commit(ctx, me, nil, record.BoxItem{Kind: "place", Key: "trail", Value: strconv.AppendInt(nil, to.UnixMicro(), 10)})
	return err
}

// Look finds what is unusual in a time, and writes nothing.
func (s *Service) Look(ctx context.Context, from, to time.Time) ([]Finding, error) {
	l := &looking{s: s, people: map[string]*someone{}, vips: map[string]bool{}, by: map[string]*Finding{}, active: map[string]*record.TrailEntry{}}
	for q := (record.TrailQuery{From: from, To: to, Count: record.MaxCount}); ; {
		page, err := s.Door.Trail(ctx, me, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Entries {
			if err := l.entry(ctx, &page.Entries[i]); err != nil {
				return nil, err
			}
		}
		if q.Page = page.Next; page.Next == "" {
			break
		}
	}
	if err := l.volume(ctx, from); err != nil {
		return nil, err
	}
	slices.SortFunc(l.found, func(a, b *Finding) int {
		return strings.Compare(a.Day+a.Who+a.Rule+a.Patient, b.Day+b.Who+b.Rule+b.Patient)
	})
	out := make([]Finding, len(l.found))
	for i, f := range l.found {
		out[i] = *f
	}
	return out, nil
}

// looking is one walk through the trail.
type looking struct {
	s      *Service
	people map[string]*someone // by reference
	vips   map[string]bool     // by Patient
	by     map[string]*Finding
	found  []*Finding
	active map[string]*record.TrailEntry // an entry of each actor of each day
}

const mostEntries = 20

func (l *looking) find(e *record.TrailEntry, rule, patient, why string) {
	f := &Finding{Rule: rule, Who: e.Who, Name: e.Name, Patient: patient, Day: e.At.UTC().Format(time.DateOnly), Why: why}
	if have := l.by[f.id()]; have != nil {
		f = have
	} else {
		l.by[f.id()] = f
		l.found = append(l.found, f)
	}
	if len(f.Entries) < mostEntries {
		f.Entries = append(f.Entries, e.ID)
	}
}

// staff reports whether an entry is of a member of staff.
func staff(e *record.TrailEntry) bool {
	return e.Role != access.Kith && e.Role != "system" && e.Role != "patient" && !strings.HasPrefix(e.Who, "kith/")
}

func (l *looking) entry(ctx context.Context, e *record.TrailEntry) error {
	if !staff(e) || len(e.Patients) == 0 || e.Refused != "" {
		return nil
	}
	rules := l.s.Rules
	if key := e.Who + " " + e.At.UTC().Format(time.DateOnly); l.active[key] == nil {
		l.active[key] = e
	}
	name := e.Name
	if name == "" {
		name = e.Who
	}
	for _, patient := range e.Patients {
		if slices.Contains(rules.BreakGlass, e.Purpose) {
			l.find(e, "break-glass", patient, name+" went past the usual limits to see this record (purpose "+e.Purpose+").")
		}
	}
	if len(e.Patients) > rules.Most {
		return nil // a list, in which nobody was looked for
	}
	who, err := l.person(ctx, e.Who)
	if err != nil {
		return err
	}
	for _, patient := range e.Patients {
		them, err := l.person(ctx, "Patient/"+patient)
		if err != nil {
			return err
		}
		own := rules.Self && e.Is != ""
		if own {
			person, err := l.s.Door.Person(ctx, e.Is)
			if err != nil {
				return err
			}
			own = slices.Contains(person, patient)
		}
		switch {
		case own || rules.Self && who.sameAs(them):
			l.find(e, "self", patient, name+" looked at their own record with the access that they have as staff.")
		case rules.relatives(who, them):
			l.find(e, "family", patient, name+" looked at the record of somebody of the same family name.")
		}
		if !who.sameAs(them) && rules.neighbours(who, them) {
			l.find(e, "neighbour", patient, name+" looked at the record of somebody who lives at the same "+rules.Neighbour.By+".")
		}
		vip, err := l.vip(ctx, patient)
		if err != nil {
			return err
		}
		if vip {
			l.find(e, "vip", patient, name+" looked at the record of somebody whose record is watched.")
		}
	}
	return nil
}

// volume counts whom those looked at that were active, in each hour and over the day.
func (l *looking) volume(ctx context.Context, from time.Time) error {
	for _, e := range l.active {
		limit := l.s.Rules.limit(e.Role)
		if limit.Hour == 0 && limit.Day == 0 {
			continue
		}
		begin := e.At.UTC().Truncate(24 * time.Hour)
		hours := map[time.Time]map[string]bool{}
		day := map[string]bool{}
		for q := (record.TrailQuery{Actor: e.Who, From: begin, To: begin.Add(24*time.Hour - time.Microsecond), Count: record.MaxCount}); ; {
			page, err := l.s.Door.Trail(ctx, me, q)
			if err != nil {
				return err
			}
			for i := range page.Entries {
				p := &page.Entries[i]
				if p.Refused != "" || len(p.Patients) > l.s.Rules.Most {
					continue
				}
				hour := p.At.UTC().Truncate(time.Hour)
				if hours[hour] == nil {
					hours[hour] = map[string]bool{}
				}
				for _, id := range p.Patients {
					hours[hour][id], day[id] = true, true
				}
			}
			if q.Page = page.Next; page.Next == "" {
				break
			}
		}
		most, when := 0, time.Time{}
		for hour, people := range hours {
			if len(people) > most || len(people) == most && hour.Before(when) {
				most, when = len(people), hour
			}
		}
		name := e.Name
		if name == "" {
			name = e.Who
		}
		switch {
		case limit.Day > 0 && len(day) > limit.Day:
			l.find(e, "volume", "", fmt.Sprintf("%s looked at the records of %d people on this day; %d is usual at most in this role (%s).", name, len(day), limit.Day, e.Role))
		case limit.Hour > 0 && most > limit.Hour:
			l.find(e, "volume", "", fmt.Sprintf("%s looked at the records of %d people in the hour from %s UTC; %d is usual at most in this role (%s).", name, most, when.Format("15:04"), limit.Hour, e.Role))
		}
	}
	return nil
}

// vip reports whether a person's record is watched.
func (l *looking) vip(ctx context.Context, patient string) (bool, error) {
	if v, ok := l.vips[patient]; ok {
		return v, nil
	}
	var queries []string
	if l.s.Rules.VIP.Flag != "" {
		queries = append(queries, "Flag?_count=50&patient="+patient)
	}
	if l.s.Rules.VIP.List != "" {
		queries = append(queries, "List?status=current&_count=1&code="+url.QueryEscape(l.s.Rules.VIP.List)+"&item=Patient/"+patient)
	}
	found := false
	for _, query := range queries {
		page, err := l.s.Door.Find(ctx, me, query)
		if err != nil {
			return false, err
		}
		for i := range page.Matches {
			res, err := page.Matches[i].Resource()
			if err != nil {
				return false, err
			}
			found = found || res.Type() == "List" || res.Root().Get("status").Is("active") && coded(res.Root().Get("code"), l.s.Rules.VIP.Flag)
		}
	}
	l.vips[patient] = found
	return found, nil
}

func coded(concept fhir.Value, want string) bool {
	for c := range concept.Get("coding").Items() {
		if c.Get("system").Text()+"|"+c.Get("code").Text() == want {
			return true
		}
	}
	return false
}

// person reads what is compared of a Practitioner or Patient; nothing is known of others, nor of one who is not in the record.
func (l *looking) person(ctx context.Context, ref string) (*someone, error) {
	if p := l.people[ref]; p != nil {
		return p, nil
	}
	p := &someone{}
	l.people[ref] = p
	typ, id, ok := strings.Cut(ref, "/")
	if !ok || typ != "Practitioner" && typ != "Patient" || !fhir.ValidID(id) {
		return p, nil
	}
	stored, err := l.s.Door.Get(ctx, me, typ, id)
	if k := fhir.KindOf(err); err != nil && (k == fhir.NotFound || k == fhir.Gone) {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	res, err := stored.Resource()
	if err != nil {
		return nil, err
	}
	root := res.Root()
	for n := range root.Get("name").Items() {
		if !n.Get("use").Is("old") && p.family == "" {
			p.family, p.given = fold(n.Get("family").Text()), fold(n.Get("given").First().Text())
		}
	}
	p.born = root.Get("birthDate").Text()
	for i := range root.Get("identifier").Items() {
		if i.Get("system").Is("https://fhir.nhs.uk/Id/nhs-number") {
			p.number = i.Get("value").Text()
		}
	}
	for a := range root.Get("address").Items() {
		if !a.Get("use").Is("old") && !a.Get("use").Is("work") {
			p.homes = append(p.homes, home{fold(a.Get("postalCode").Text()), fold(a.Get("line").First().Text())})
		}
	}
	return p, nil
}

// fold makes spellings comparable: small letters and digits only.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\'' || r == '’' || r == '.' || r == ',' {
			return -1
		}
		return r
	}, strings.ToLower(s))
}

// task writes a finding for a privacy officer; one that was written before, whatever became of it, is left alone.
func (s *Service) task(ctx context.Context, f *Finding) error {
	due, err := time.ParseDuration(s.Rules.Due)
	if err != nil {
		return err
	}
	now := s.now().UTC()
	owner := s.Owner
	if owner == "" {
		owner = "Privacy officer"
	}
	t := &r4.Task{ID: f.id(), Status: "requested", Intent: "order", Priority: "routine", AuthoredOn: fhir.DateTimeOf(now), LastModified: fhir.DateTimeOf(now),
		Code:        &r4.CodeableConcept{Coding: []r4.Coding{{System: "urn:kith:task", Code: "unusual-access"}, {System: "urn:kith:unusual", Code: f.Rule}}, Text: "Unusual access: " + f.Rule},
		Description: f.Why + " Most such access has a good reason. Rules of " + s.Rules.Version + ", " + s.Rules.Author + ".",
		Requester:   &r4.Reference{Display: me.Name}, Owner: &r4.Reference{Display: owner}, Restriction: &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(now.Add(due))}}}
	if f.Rule == "break-glass" || f.Rule == "vip" {
		t.Priority = "urgent"
	}
	if f.Patient != "" {
		t.For = &r4.Reference{Reference: "Patient/" + f.Patient}
	}
	for _, id := range f.Entries {
		t.Input = append(t.Input, r4.TaskInput{Type: &r4.CodeableConcept{Text: "Entry of the audit trail"}, ValueReference: &r4.Reference{Reference: "AuditEvent/" + id}})
	}
	res, err := fhir.Parse(r4.Encode(t))
	if err != nil {
		return err
	}
	_, err = s.Door.Commit(ctx, me, []record.Op{{Method: record.Update, Type: "Task", ID: t.ID, Resource: res, IfNone: true}})
	if fhir.KindOf(err) == fhir.Precondition {
		return nil
	}
	return err
}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}
