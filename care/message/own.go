package message

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// changed gives what came an owner and puts what must reach somebody into the queue.
func (s *Service) changed(ctx context.Context, changes []record.Stored) ([]record.Op, []record.BoxItem, error) {
	var ops []record.Op
	seen := map[string]bool{}
	for i := range changes {
		c := &changes[i]
		if c.Deleted {
			continue
		}
		if c.Type == "CommunicationRequest" {
			if err := s.requested(ctx, c); err != nil {
				return nil, nil, err
			}
			continue
		}
		var m r4.Communication
		if err := c.Decode(&m); err != nil {
			return nil, nil, err
		}
		if err := s.told(ctx, &m, c.Created); err != nil {
			return nil, nil, err
		}
		thread, patient := threadOf(&m), patientOf(m.Subject)
		if thread == "" || !fhir.ValidID(thread) || patient == "" || coded(m.Category, kindSystem, kindDelivery) || coded(m.Category, kindSystem, kindPhotograph) || seen[thread] {
			continue
		}
		seen[thread] = true
		o, err := s.owned(ctx, patient, thread)
		if err != nil {
			return nil, nil, err
		}
		ops = append(ops, o...)
	}
	return ops, nil, nil
}

// owned is the change of a thread's Task: there is one while the person waits for an answer.
func (s *Service) owned(ctx context.Context, patient, thread string) ([]record.Op, error) {
	t, err := s.Thread(ctx, me, patient, thread)
	if fhir.KindOf(err) == fhir.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	id := idOf("answer-", thread)
	task, there, err := get[r4.Task](ctx, s, me, "Task/"+id)
	if err != nil {
		return nil, err
	}
	open := there && (task.Status == "requested" || task.Status == "accepted" || task.Status == "in-progress")
	now := s.now()
	switch {
	case !t.Waits() && !open:
		return nil, nil
	case !t.Waits():
		return []record.Op{change("Task", id, func(task *r4.Task) {
			task.Status, task.LastModified = "completed", fhir.DateTimeOf(now)
		})}, nil
	case open && task.Focus != nil && task.Focus.Reference == "Communication/"+t.Entries[len(t.Entries)-1].ID:
		return nil, nil
	case open:
		return []record.Op{change("Task", id, func(task *r4.Task) {
			task.Focus, task.LastModified = &r4.Reference{Reference: "Communication/" + t.Entries[len(t.Entries)-1].ID}, fhir.DateTimeOf(now)
		})}, nil
	}
	owner := s.desk()
	if t.TeamRef != "" {
		owner = &r4.Reference{Reference: t.TeamRef, Display: t.Team}
		if o, err := s.organisationOf(ctx, t.TeamRef); err != nil {
			return nil, err
		} else if o != nil {
			owner = &r4.Reference{Reference: "Organization/" + o.ID, Display: t.Team}
		}
	}
	first := firstWaiting(t)
	next := &r4.Task{ID: id, Status: "requested", Intent: "order", Priority: "routine", Code: taskOf(answerCode, "Answer this message"), Description: t.Subject, GroupIdentifier: &r4.Identifier{System: threadSystem, Value: thread},
		Focus: &r4.Reference{Reference: "Communication/" + t.Entries[len(t.Entries)-1].ID}, For: &r4.Reference{Reference: "Patient/" + patient}, AuthoredOn: fhir.DateTimeOf(first), LastModified: fhir.DateTimeOf(now), Requester: &r4.Reference{Display: me.Name}, Owner: owner,
		Restriction: &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(first.Add(s.waits().Answer))}}}
	o, err := op("Task", id, next)
	return []record.Op{o}, err
}

// firstWaiting is when the person wrote what has not been answered.
func firstWaiting(t *Thread) time.Time {
	at := t.Last()
	for _, e := range slices.Backward(t.Entries) {
		if !e.FromPerson || e.Close {
			break
		}
		at = e.At
	}
	return at
}

func taskOf(code, words string) *r4.CodeableConcept {
	return &r4.CodeableConcept{Coding: []r4.Coding{{System: taskSystem, Code: code}}, Text: words}
}

// desk is who owns what belongs to nobody.
func (s *Service) desk() *r4.Reference {
	if s.Desk != "" {
		return &r4.Reference{Reference: s.Desk, Display: "the desk"}
	}
	return &r4.Reference{Display: s.name() + ", the desk"}
}

func (s *Service) name() string {
	if s.Name == "" {
		return "Kith"
	}
	return s.Name
}

// regularly hands what nobody has taken up in time to the desk.
func (s *Service) regularly(ctx context.Context) ([]record.Op, []record.BoxItem, error) {
	now := s.now()
	var ops []record.Op
	for m, err := range s.Door.All(ctx, me, "Task?code="+taskSystem+"|"+answerCode+","+taskSystem+"|"+unknownCode+","+taskSystem+"|"+reachCode+"&status=requested,accepted&priority=routine") {
		if err != nil {
			return nil, nil, err
		}
		var t r4.Task
		if err := m.Decode(&t); err != nil {
			return nil, nil, err
		}
		if t.Restriction == nil || t.Restriction.Period == nil || !t.Restriction.Period.End.Low().Before(now) {
			continue
		}
		ops = append(ops, change("Task", t.ID, func(t *r4.Task) {
			if t.Priority != "routine" || t.Status != "requested" && t.Status != "accepted" {
				return
			}
			words := "Nobody has answered in time."
			if t.Status == "requested" {
				words = "Nobody has taken this up in time. It goes to the desk."
				t.Owner = s.desk()
			}
			t.Priority, t.LastModified = "urgent", fhir.DateTimeOf(now)
			t.Note = append(t.Note, r4.Annotation{Text: words, Time: fhir.DateTimeOf(now)})
		}))
	}
	return ops, nil, nil
}

// Item is one thing that waits for staff.
type Item struct {
	Task    string
	Patient string // id, "" where nobody knows whose it is
	Name    string // of the patient
	Code    string // message-answer, message-reach or message-unknown
	Words   string
	Thread  string
	Owner   string
	Mine    bool // whoever asks has taken it up
	Taken   bool
	Urgent  bool
	Since   time.Time
	Due     time.Time
}

// Waiting is what waits for staff, as far as the asker may see it: what is most overdue first.
func (s *Service) Waiting(ctx context.Context, who access.Actor) ([]Item, error) {
	var out []Item
	for m, err := range s.Door.All(ctx, who, "Task?code="+taskSystem+"|"+answerCode+","+taskSystem+"|"+reachCode+","+taskSystem+"|"+unknownCode+"&status=requested,accepted") {
		if err != nil {
			return nil, err
		}
		var t r4.Task
		if err := m.Decode(&t); err != nil {
			return nil, err
		}
		out = append(out, s.item(ctx, who, &t))
	}
	slices.SortStableFunc(out, func(a, b Item) int { return a.Due.Compare(b.Due) })
	return out, nil
}

func (s *Service) item(ctx context.Context, who access.Actor, t *r4.Task) Item {
	i := Item{Task: t.ID, Words: t.Description, Taken: t.Status == "accepted", Urgent: t.Priority == "urgent", Since: timeOf(t.AuthoredOn)}
	for _, code := range []string{answerCode, reachCode, unknownCode} {
		if t.Code != nil && coded([]r4.CodeableConcept{*t.Code}, taskSystem, code) {
			i.Code = code
		}
	}
	if t.GroupIdentifier != nil {
		i.Thread = t.GroupIdentifier.Value
	}
	if t.Owner != nil {
		i.Owner, i.Mine = t.Owner.Display, i.Taken && t.Owner.Reference == who.ID
	}
	if t.Restriction != nil && t.Restriction.Period != nil {
		i.Due = timeOf(t.Restriction.Period.End)
	}
	i.Patient = patientOf(t.For)
	return i
}

// Claim takes up what waits. Conflict where somebody else has.
func (s *Service) Claim(ctx context.Context, who access.Actor, task string) error {
	t, err := s.taskOf(ctx, who, task)
	if err != nil {
		return err
	}
	if t.Status == "accepted" && t.Owner != nil && t.Owner.Reference == who.ID {
		return nil
	}
	taken := fhir.Errorf(fhir.Conflict, "somebody else has taken this up already")
	if t.Status != "requested" {
		return taken
	}
	o := change("Task", task, func(t *r4.Task) {
		t.Status, t.LastModified = "accepted", fhir.DateTimeOf(s.now())
		t.Owner, _ = senderOf(who, &Draft{})
		if t.Owner.Reference == "" {
			t.Owner = &r4.Reference{Type: "Practitioner", Reference: "", Display: who.Name}
		}
	})
	m, err := s.Door.Get(ctx, who, "Task", task)
	if err != nil {
		return err
	}
	o.IfMatch = m.Version
	if _, err := s.Door.Commit(ctx, who, []record.Op{o}); stands(err) {
		return taken
	} else if err != nil {
		return err
	}
	if patient := patientOf(t.For); t.GroupIdentifier != nil && patient != "" {
		thread, err := s.Thread(ctx, who, patient, t.GroupIdentifier.Value)
		if err != nil {
			return err
		}
		return s.Seen(ctx, who, thread, false)
	}
	return nil
}

// Done ends what waits and needs no answer here: somebody was reached, or a reply was dealt with.
func (s *Service) Done(ctx context.Context, who access.Actor, task, note string) error {
	if _, err := s.taskOf(ctx, who, task); err != nil {
		return err
	}
	_, err := s.Door.Commit(ctx, who, []record.Op{change("Task", task, func(t *r4.Task) {
		t.Status, t.LastModified = "completed", fhir.DateTimeOf(s.now())
		if note = strings.TrimSpace(note); note != "" {
			t.Note = append(t.Note, r4.Annotation{Text: note, Time: fhir.DateTimeOf(s.now()), AuthorString: who.Name})
		}
	})})
	return err
}

// taskOf is a Task of this room.
func (s *Service) taskOf(ctx context.Context, who access.Actor, id string) (*r4.Task, error) {
	none := fhir.Errorf(fhir.NotFound, "there is no such task")
	if !fhir.ValidID(id) {
		return nil, none
	}
	t, ok, err := get[r4.Task](ctx, s, who, "Task/"+id)
	if err != nil {
		return nil, err
	}
	if !ok || t.Code == nil || !slices.ContainsFunc([]string{answerCode, reachCode, unknownCode}, func(c string) bool { return coded([]r4.CodeableConcept{*t.Code}, taskSystem, c) }) {
		return nil, none
	}
	return &t, nil
}
