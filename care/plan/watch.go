package plan

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Run watches goals until ctx ends: who has gone quiet becomes a Task, who is heard of again closes it. Any number of processes may; one at a time does.
func (s *Service) Run(ctx context.Context) error {
	every := s.Every
	if every == 0 {
		every = time.Minute
	}
	return s.box().Follow(ctx, me, record.Following{Name: "plan", Types: []string{"Goal"}, Do: s.changed, Regularly: s.regularly, Every: every})
}

// The box remembers of each person when they will have been quiet for too long, twice: "person" by who, "due" by when, so that only who is due is looked at.

// changed looks at people whose goals were changed. Every check-in changes its goal.
func (s *Service) changed(ctx context.Context, changes []record.Stored) (ops []record.Op, items []record.BoxItem, err error) {
	var seen []string
	for i := range changes {
		patient, err := s.whose(ctx, &changes[i])
		if err != nil {
			return nil, nil, err
		}
		if patient == "" || slices.Contains(seen, patient) {
			continue
		}
		seen = append(seen, patient)
		more, kept, err := s.look(ctx, patient)
		if err != nil {
			return nil, nil, err
		}
		ops, items = append(ops, more...), append(items, kept...)
	}
	return ops, items, nil
}

// whose is the person a changed goal is about, "" where it is no goal with check-ins.
func (s *Service) whose(ctx context.Context, m *record.Stored) (string, error) {
	if m.Deleted {
		before, err := s.Door.GetVersion(ctx, me, "Goal", m.ID, m.Version-1)
		if absent(err) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		m = before
	}
	var g r4.Goal
	if err := m.Decode(&g); err != nil {
		return "", err
	}
	if !inCategory(g.Category, PlanSystem, CoachGoal) || patientOf(g.Subject) == "" {
		return "", nil
	}
	return s.whole(ctx, patientOf(g.Subject))
}

// dueKey orders by time, then tells people apart.
func dueKey(at time.Time, person string) string {
	return at.UTC().Format("2006-01-02T15:04:05Z") + "/" + person
}

// look reads when somebody was last heard of, makes or closes their Task, and remembers when to look again.
func (s *Service) look(ctx context.Context, person string) (ops []record.Op, items []record.BoxItem, err error) {
	book, err := s.book()
	if err != nil {
		return nil, nil, err
	}
	now := s.now() // before anything is read, so that what is read is not older
	had, err := s.box().Get(ctx, "person", person)
	if err != nil {
		return nil, nil, err
	}
	if had != nil {
		items = append(items, record.BoxItem{Kind: "due", Key: string(had)}, record.BoxItem{Kind: "person", Key: person})
	}
	h, err := s.listen(ctx, person)
	if err != nil {
		return nil, nil, err
	}
	if h == nil {
		ops, err = s.closed(ctx, person, "No goal goes on any more", "")
		return ops, items, err
	}
	at := quietAt(h.last, book.Rules.QuietDays)
	if now.Before(at) {
		key := dueKey(at, person)
		items = append(items, record.BoxItem{Kind: "due", Key: key, Value: []byte(person)}, record.BoxItem{Kind: "person", Key: person, Value: []byte(key)})
		ops, err = s.closed(ctx, person, "They were heard of again", "")
		return ops, items, err
	}
	op, err := quietTask(h, &book.Rules, s.Coach, now)
	if err != nil {
		return nil, nil, err
	}
	ops, err = s.closed(ctx, person, "They were heard of again", h.spell())
	return append(ops, op), items, err
}

// mostDue is how many people are looked at at once.
const mostDue = 100

// regularly looks at those whose time has come.
func (s *Service) regularly(ctx context.Context) (ops []record.Op, items []record.BoxItem, err error) {
	due, err := s.box().List(ctx, "due", "", mostDue)
	if err != nil {
		return nil, nil, err
	}
	now := dueKey(s.now(), "")
	for _, it := range due {
		if at, _, _ := strings.Cut(it.Key, "/"); at+"/" > now {
			break
		}
		more, kept, err := s.look(ctx, string(it.Value))
		if err != nil {
			return nil, nil, fhir.Errorf(fhir.KindOf(err), "whether %s has gone quiet: %w", it.Value, err)
		}
		ops, items = append(ops, more...), append(items, kept...)
		if len(kept) == 0 || !slices.ContainsFunc(kept, func(k record.BoxItem) bool { return k.Kind == "due" && k.Key == it.Key }) {
			items = append(items, record.BoxItem{Kind: "due", Key: it.Key}) // of somebody who is remembered otherwise
		}
	}
	return ops, items, nil
}
