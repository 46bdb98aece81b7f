package home

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// What the Tasks are called.
const (
	taskSystem   = "urn:kith:task"
	missedCode   = "visit-missed"
	medicineCode = "medicine-missed"
	openStates   = "requested,received,accepted,in-progress,on-hold"
)

// fresh is how old a visit may be that a Task is made of: what a source sends of weeks past is not news.
const fresh = 24 * time.Hour

// expected is a visit that is to come, in the box.
type expected struct {
	Planned time.Time `json:"planned"`
	Source  string    `json:"source,omitempty"` // whose it is
}

// Run follows visits until ctx ends. Any number of processes may.
func (s *Service) Run(ctx context.Context) error {
	return s.box().Follow(ctx, me, record.Following{Name: "home", Types: []string{"Encounter", "MedicationAdministration"}, Do: s.changed, Regularly: s.Passed, Every: cmp.Or(s.Every, 30*time.Second)})
}

// heard is when a provider last said something of any visit.
func (s *Service) heard(ctx context.Context, source string) (time.Time, error) {
	at, err := record.ReadJSON[time.Time](func(kind, key string) ([]byte, error) { return s.box().Get(ctx, kind, key) }, "heard", keyOf(source))
	if err != nil || at == nil {
		return time.Time{}, err
	}
	return *at, nil
}

func keyOf(source string) string { return cmp.Or(source, "none") }

// changed notes which visits are to come, and tells of those that were missed and of medicines that cannot wait and were not given.
func (s *Service) changed(ctx context.Context, changes []record.Stored) (ops []record.Op, items []record.BoxItem, err error) {
	last := map[string]int{}
	for i := range changes {
		last[changes[i].Ref()] = i
	}
	heard := map[string]time.Time{}
	for i := range changes {
		c := &changes[i]
		if last[c.Ref()] != i {
			continue
		}
		if c.Type == "MedicationAdministration" {
			more, err := s.notGiven(ctx, c)
			if err != nil {
				return nil, nil, err
			}
			ops = append(ops, more...)
			continue
		}
		if c.Deleted {
			items = append(items, record.BoxItem{Kind: "expected", Key: c.ID})
			continue
		}
		if !atHome(c) {
			continue
		}
		v, err := visitOf(c)
		if err != nil {
			return nil, nil, err
		}
		if v.said.After(heard[v.source]) {
			heard[v.source] = v.said
		}
		if v.status == "planned" {
			if v.Planned.After(s.now().Add(-fresh)) {
				items = append(items, record.JSONItem("expected", v.ID, expected{v.Planned, v.source}))
			}
			continue
		}
		items = append(items, record.BoxItem{Kind: "expected", Key: v.ID})
		more, err := s.settle(ctx, v, v.said)
		if err != nil {
			return nil, nil, err
		}
		ops = append(ops, more...)
	}
	for source, at := range heard {
		before, err := s.heard(ctx, source)
		if err != nil {
			return nil, nil, err
		}
		if at.After(before) {
			items = append(items, record.JSONItem("heard", keyOf(source), at))
		}
	}
	return ops, items, nil
}

// atHome reports whether an Encounter is a visit at somebody's home. Most are not, and need not be parsed.
func atHome(c *record.Stored) bool {
	if !bytes.Contains(c.Body, []byte(`"HH"`)) {
		return false
	}
	res, err := c.Resource()
	return err == nil && res.Root().Get("class").Get("code").Text() == "HH"
}

// Passed tells of visits that nobody has come to although their provider has said other things since.
func (s *Service) Passed(ctx context.Context) (ops []record.Op, items []record.BoxItem, err error) {
	heard := map[string]time.Time{}
	for after := ""; ; {
		list, err := s.box().List(ctx, "expected", after, 500)
		if err != nil {
			return nil, nil, err
		}
		for _, it := range list {
			after = it.Key
			more, over, err := s.passed(ctx, it, heard)
			if err != nil {
				return nil, nil, err
			}
			ops = append(ops, more...)
			if over {
				items = append(items, record.BoxItem{Kind: "expected", Key: it.Key})
			}
		}
		if len(list) < 500 {
			return ops, items, nil
		}
	}
}

// passed is what is to be told of one visit that was to come; over says that it is waited for no longer. heard is when providers last said something, as far as it was
// asked: one that sends its visits at night has a day of them of which nothing is known, and they need not be read again and again.
func (s *Service) passed(ctx context.Context, it record.BoxItem, heard map[string]time.Time) (ops []record.Op, over bool, err error) {
	x, err := record.ReadJSON[expected](func(string, string) ([]byte, error) { return it.Value, nil }, it.Kind, it.Key)
	if err != nil {
		return nil, false, err
	}
	missed := x.Planned.Add(minutes(s.rules().Missed))
	if s.now().Before(missed) {
		return nil, false, nil
	}
	said, asked := heard[x.Source]
	if !asked {
		if said, err = s.heard(ctx, x.Source); err != nil {
			return nil, false, err
		}
		heard[x.Source] = said
	}
	if said.Before(missed) {
		return nil, s.now().Sub(x.Planned) > fresh, nil
	}
	m, err := s.Door.Get(ctx, me, "Encounter", it.Key)
	if k := fhir.KindOf(err); err != nil {
		return nil, k == fhir.NotFound || k == fhir.Gone, ignore(err)
	}
	v, err := visitOf(m)
	if err != nil {
		return nil, false, err
	}
	if s.rules().state(v, said, s.now()) != Missed {
		return nil, s.now().Sub(v.Planned) > fresh, nil
	}
	ops, err = s.settle(ctx, v, said)
	return ops, true, err
}

func ignore(err error) error {
	if k := fhir.KindOf(err); k == fhir.NotFound || k == fhir.Gone {
		return nil
	}
	return err
}

// settle makes the Task of a visit that was missed, and ends the one of a visit that was made after all.
func (s *Service) settle(ctx context.Context, v *Visit, heard time.Time) ([]record.Op, error) {
	if s.now().Sub(v.at()) > 7*fresh {
		return nil, nil // no Task was made of it, or it was dealt with long ago
	}
	state := s.rules().state(v, heard, s.now())
	id := taskID(missedCode, v.ID)
	m, err := s.Door.Get(ctx, me, "Task", id)
	if err != nil && ignore(err) != nil {
		return nil, err
	}
	there := err == nil
	switch {
	case state == Missed && !there && s.now().Sub(v.Planned) < fresh:
		return s.missed(ctx, v, id)
	case (state == Done || state == Here) && there:
		var t r4.Task
		if err := m.Decode(&t); err != nil || !slices.Contains(strings.Split(openStates, ","), t.Status) {
			return nil, err
		}
		t.Status, t.LastModified = "cancelled", fhir.DateTimeOf(s.now().UTC())
		t.StatusReason = &r4.CodeableConcept{Text: "Somebody came after all"}
		res, err := r4.Resource(&t)
		return []record.Op{{Method: record.Update, Type: "Task", ID: id, Resource: res, IfMatch: m.Version}}, err
	}
	return nil, nil
}

func (s *Service) missed(ctx context.Context, v *Visit, id string) ([]record.Op, error) {
	usual, urgent, err := s.usually(ctx, v)
	if err != nil {
		return nil, err
	}
	words := "Nobody came to the visit planned for " + clock(v.Planned) + ". Find out how they are, and tell them and their family."
	if len(usual) > 0 {
		words += " Usually given then: " + strings.Join(usual, ", ") + "."
	}
	priority := "urgent"
	if urgent != "" {
		priority = "stat"
		words += " Of these cannot wait: " + urgent + "."
	}
	return s.task(id, missedCode, "A home care visit was missed", priority, words, v, "Encounter/"+v.ID)
}

// usually are the medicines given at this time of day in the days before, and the groups among them that cannot wait.
func (s *Service) usually(ctx context.Context, v *Visit) (names []string, urgent string, err error) {
	r := s.rules()
	from := v.Planned.AddDate(0, 0, -r.Days)
	var groups []string
	for m, err := range s.Door.All(ctx, me, "MedicationAdministration?patient="+v.Patient+"&status=completed&effective-time=ge"+from.UTC().Format(time.RFC3339)+"&effective-time=lt"+v.Planned.UTC().Format(time.RFC3339)) {
		if err != nil {
			return nil, "", err
		}
		var a r4.MedicationAdministration
		if err := m.Decode(&a); err != nil {
			return nil, "", err
		}
		at := a.EffectiveDateTime
		if a.EffectivePeriod != nil {
			at = a.EffectivePeriod.Start
		}
		name := textOf(a.MedicationCodeableConcept)
		if at.Year == 0 || name == "" || !sameTime(at.Low(), v.Planned, minutes(r.Around)) || slices.Contains(names, name) {
			continue
		}
		names = append(names, name)
		if g := r.CannotWait(name); g != "" && !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	slices.Sort(names)
	slices.Sort(groups)
	return names, strings.Join(groups, ", "), nil
}

// sameTime reports whether two moments are at about the same time of day.
func sameTime(a, b time.Time, about time.Duration) bool {
	apart := a.Sub(b) % (24 * time.Hour)
	if apart < 0 {
		apart += 24 * time.Hour
	}
	return apart <= about || 24*time.Hour-apart <= about
}

// notGiven makes the Task of a medicine that cannot wait and was not given.
func (s *Service) notGiven(ctx context.Context, c *record.Stored) ([]record.Op, error) {
	if c.Deleted || !bytes.Contains(c.Body, []byte("not-done")) {
		return nil, nil
	}
	var a r4.MedicationAdministration
	if err := c.Decode(&a); err != nil {
		return nil, err
	}
	one := s.medicine(&a)
	if a.Status != "not-done" || one.Urgent == "" || a.Context == nil || a.Subject == nil {
		return nil, nil
	}
	m, err := s.Door.Get(ctx, me, "Encounter", strings.TrimPrefix(a.Context.Reference, "Encounter/"))
	if err != nil {
		return nil, ignore(err)
	}
	v, err := visitOf(m)
	id := taskID(medicineCode, c.ID)
	if err != nil || !atHome(m) || s.now().Sub(v.at()) > fresh {
		return nil, err
	}
	if _, err := s.Door.Get(ctx, me, "Task", id); err == nil || ignore(err) != nil {
		return nil, ignore(err)
	}
	words := one.Name + " was not given at the visit of " + clock(v.at())
	if one.Reason != "" {
		words += ": " + one.Reason
	}
	return s.task(id, medicineCode, "A medicine that cannot wait was not given", "stat", words+". Ask their practice, a pharmacist or 111 what to do now.", v, "MedicationAdministration/"+c.ID)
}

// task is a Task for the provider of a visit.
func (s *Service) task(id, code, title, priority, words string, v *Visit, focus string) ([]record.Op, error) {
	now := fhir.DateTimeOf(s.now().UTC().Truncate(time.Second))
	owner := &r4.Reference{Display: cmp.Or(s.Owner, "Home care office")}
	if v.owner != nil {
		owner = v.owner
	}
	t := &r4.Task{ID: id, Status: "requested", Intent: "order", Priority: priority, AuthoredOn: now, LastModified: now, For: &r4.Reference{Reference: "Patient/" + v.Patient}, Focus: &r4.Reference{Reference: focus},
		Code: &r4.CodeableConcept{Coding: []r4.Coding{{System: taskSystem, Code: code}}, Text: title}, Description: words, Owner: owner,
		Restriction: &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(s.now().UTC().Truncate(time.Second).Add(minutes(s.rules().Answer)))}}}
	res, err := r4.Resource(t)
	return []record.Op{{Method: record.Update, Type: "Task", ID: id, Resource: res, IfNone: true}}, err
}

// taskID is the id of the Task about one thing, so that it is made once.
func taskID(code, about string) string {
	sum := sha256.Sum256([]byte(code + "\x00" + about))
	return code + "-" + hex.EncodeToString(sum[:10])
}

// put writes a Task in the name of who changed it.
func (s *Service) put(ctx context.Context, who access.Actor, id string, version int64, res *fhir.Resource) error {
	as := access.Actor{ID: who.ID, Name: who.Name, Role: access.Kith, Organization: who.Organization, Purpose: who.Purpose, From: who.From, Helper: who.Helper}
	_, err := s.Door.Commit(ctx, as, []record.Op{{Method: record.Update, Type: "Task", ID: id, Resource: res, IfMatch: version}})
	return err
}
