package carer

import (
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
	taskSystem = "urn:kith:task"
	taskCode   = "carer-task"
	tickCode   = "carer-tick"
	kindSystem = "https://kith.care/fhir/CodeSystem/carer-kind"
	tickSystem = "https://kith.care/fhir/carer-tick"
)

// mostText is how much can be written of one thing, in letters.
const mostText = 200

// shownDays is of how many days what was done is read.
const shownDays = 2

// tick is that something was done.
type tick struct {
	by string
	at time.Time
}

// tasks are what was added to somebody's list, and the ticks of the last days.
func (s *Service) tasks(ctx context.Context, who access.Actor, patient string) (out []Item, ticks map[string]tick, err error) {
	ticks = map[string]tick{}
	since := s.now().AddDate(0, 0, -shownDays)
	// Whoever may make Tasks for the person keeps their list; that they may is decided before.
	for m, err := range s.Door.All(ctx, acting(who), "Task?patient="+patient+"&code="+taskSystem+"|"+taskCode+","+taskSystem+"|"+tickCode+"&status=requested,accepted,completed") {
		if err != nil {
			return nil, nil, err
		}
		var t r4.Task
		if err := m.Decode(&t); err != nil {
			return nil, nil, err
		}
		done := t.Status == "completed"
		if done && t.LastModified.Low().Before(since) {
			continue
		}
		if t.Code.Coding[0].Code == tickCode {
			for _, id := range t.Identifier {
				if id.System == tickSystem && done {
					ticks[id.Value] = tick{t.Owner.Display, t.LastModified.Low()}
				}
			}
			continue
		}
		out = append(out, s.itemOf(&t, who))
	}
	return out, ticks, nil
}

func (s *Service) itemOf(t *r4.Task, who access.Actor) Item {
	it := Item{Key: t.ID, Kind: "other", Text: t.Description, Own: true, Due: t.AuthoredOn.Low(), Daily: t.Intent == "plan"}
	for _, in := range t.Input {
		if in.ValueCoding != nil && in.ValueCoding.System == kindSystem {
			it.Kind = in.ValueCoding.Code
		}
	}
	if t.Restriction != nil && t.Restriction.Period != nil && t.Restriction.Period.End.Year != 0 {
		it.Due = t.Restriction.Period.End.Low()
	}
	if t.Requester != nil {
		it.Asked = t.Requester.Display
	}
	if t.Owner != nil && t.Owner.Reference != "" {
		it.Whose, it.Mine = t.Owner.Display, t.Owner.Reference == who.ID
	}
	if t.Status == "completed" {
		it.Done, it.At = true, t.LastModified.Low()
		if t.Owner != nil {
			it.By = t.Owner.Display
		}
	}
	return it
}

// New is what somebody adds to a list.
type New struct {
	Kind  string // of Kinds
	Text  string
	Due   time.Time // zero for today
	Daily bool      // each day, until it is taken away
	Mine  bool      // whoever adds it does it
}

// Add puts something on the list of a person. Invalid where it says nothing, Forbidden where one may not.
func (s *Service) Add(ctx context.Context, who access.Actor, patient string, n New) (key string, err error) {
	n.Text = strings.TrimSpace(n.Text)
	switch {
	case n.Text == "":
		return "", fhir.Errorf(fhir.Invalid, "write what is to be done").At("text")
	case len([]rune(n.Text)) > mostText:
		return "", fhir.Errorf(fhir.Invalid, "write no more than 200 letters").At("text")
	case !slices.ContainsFunc(Kinds, func(k Kind) bool { return k.Code == n.Kind }):
		return "", fhir.Errorf(fhir.Invalid, "choose what it is").At("kind")
	}
	if err := s.may(ctx, who, patient); err != nil {
		return "", err
	}
	now := fhir.DateTimeOf(s.now().UTC().Truncate(time.Second))
	t := &r4.Task{Status: "requested", Intent: "order", Priority: "routine", AuthoredOn: now, LastModified: now, For: &r4.Reference{Reference: "Patient/" + patient}, Requester: authorOf(who), Description: n.Text,
		Code:  &r4.CodeableConcept{Coding: []r4.Coding{{System: taskSystem, Code: taskCode}}, Text: "For a carer to do"},
		Owner: &r4.Reference{Display: "Carers"}, Input: []r4.TaskInput{{Type: &r4.CodeableConcept{Text: "Kind"}, ValueCoding: &r4.Coding{System: kindSystem, Code: n.Kind}}}}
	if n.Daily {
		t.Intent = "plan"
	}
	if n.Mine {
		t.Owner, t.Status = authorOf(who), "accepted"
	}
	if !n.Due.IsZero() {
		t.Restriction = &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(n.Due.UTC())}}
	}
	res, err := r4.Resource(t)
	if err != nil {
		return "", err
	}
	done, err := s.Door.Commit(ctx, acting(who), []record.Op{{Method: record.Create, Type: "Task", Resource: res}})
	if err != nil {
		return "", err
	}
	return done[0].ID, nil
}

// Tick notes that something was done, by whoever says so. Ticking it again changes nothing.
func (s *Service) Tick(ctx context.Context, who access.Actor, patient, key string) error {
	it, err := s.find(ctx, who, patient, key)
	if err != nil || it.Done {
		return err
	}
	if it.Own && !it.Daily {
		return s.change(ctx, who, patient, key, func(t *r4.Task) { t.Status, t.Owner = "completed", authorOf(who) })
	}
	name := tickOf(it, s.today())
	now := fhir.DateTimeOf(s.now().UTC().Truncate(time.Second))
	t := &r4.Task{ID: tickID(patient, name), Identifier: []r4.Identifier{{System: tickSystem, Value: name}}, Status: "completed", Intent: "order", AuthoredOn: now, LastModified: now, For: &r4.Reference{Reference: "Patient/" + patient},
		Code: &r4.CodeableConcept{Coding: []r4.Coding{{System: taskSystem, Code: tickCode}}, Text: "Done by a carer"}, Description: it.Text, Owner: authorOf(who)}
	res, err := r4.Resource(t)
	if err != nil {
		return err
	}
	_, err = s.Door.Commit(ctx, acting(who), []record.Op{{Method: record.Update, Type: "Task", ID: t.ID, Resource: res}})
	return err
}

func tickID(patient, name string) string {
	sum := sha256.Sum256([]byte("tick\x00" + patient + "\x00" + name))
	return "tick-" + hex.EncodeToString(sum[:12])
}

// Untick takes back that something was done.
func (s *Service) Untick(ctx context.Context, who access.Actor, patient, key string) error {
	it, err := s.find(ctx, who, patient, key)
	if err != nil || !it.Done {
		return err
	}
	if it.Own && !it.Daily {
		return s.change(ctx, who, patient, key, func(t *r4.Task) { t.Status, t.Owner = "requested", &r4.Reference{Display: "Carers"} })
	}
	return s.patch(ctx, who, patient, tickID(patient, tickOf(it, s.today())), tickCode, func(t *r4.Task) { t.Status = "cancelled" })
}

// Take makes whoever asks the one who does it, so that the others know; Leave makes it anybody's again.
func (s *Service) Take(ctx context.Context, who access.Actor, patient, key string) error {
	return s.change(ctx, who, patient, key, func(t *r4.Task) { t.Status, t.Owner = "accepted", authorOf(who) })
}

// Leave makes something that somebody took anybody's again.
func (s *Service) Leave(ctx context.Context, who access.Actor, patient, key string) error {
	return s.change(ctx, who, patient, key, func(t *r4.Task) { t.Status, t.Owner = "requested", &r4.Reference{Display: "Carers"} })
}

// Remove takes something that was added off the list.
func (s *Service) Remove(ctx context.Context, who access.Actor, patient, key string) error {
	return s.change(ctx, who, patient, key, func(t *r4.Task) { t.Status = "cancelled" })
}

func (s *Service) change(ctx context.Context, who access.Actor, patient, id string, do func(*r4.Task)) error {
	return s.patch(ctx, who, patient, id, taskCode, do)
}

// patch changes a Task of the list.
func (s *Service) patch(ctx context.Context, who access.Actor, patient, id, code string, do func(*r4.Task)) error {
	if err := s.may(ctx, who, patient); err != nil {
		return err
	}
	m, err := s.Door.Get(ctx, acting(who), "Task", id)
	if err != nil {
		return err
	}
	var t r4.Task
	if err := m.Decode(&t); err != nil {
		return err
	}
	group, err := s.Door.Person(ctx, patient)
	if err != nil {
		return err
	}
	if t.Code == nil || len(t.Code.Coding) == 0 || t.Code.Coding[0].Code != code || !slices.Contains(group, idIn(t.For, "Patient")) || t.Status == "cancelled" {
		return fhir.Errorf(fhir.NotFound, "there is nothing of this name on the list")
	}
	do(&t)
	t.LastModified = fhir.DateTimeOf(s.now().UTC().Truncate(time.Second))
	res, err := r4.Resource(&t)
	if err != nil {
		return err
	}
	_, err = s.Door.Commit(ctx, acting(who), []record.Op{{Method: record.Update, Type: "Task", ID: id, Resource: res, IfMatch: m.Version}})
	if k := fhir.KindOf(err); err != nil && k == fhir.Precondition {
		return fhir.Errorf(fhir.Conflict, "somebody else changed this at the same moment")
	}
	return err
}

func ignore(err error) error {
	switch fhir.KindOf(err) {
	case fhir.NotFound, fhir.Gone, fhir.Forbidden:
		return nil
	}
	return err
}
