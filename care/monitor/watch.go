package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/fhir/reading"
	"github.com/kith-care/kith/record"
)

// changed deals with changes of the record, in their order.
func (s *Service) changed(ctx context.Context, changes []record.Stored) (ops []record.Op, items []record.BoxItem, err error) {
	defer s.orForget(&err)
	t := s.telling(ctx)
	if err := s.mine(ctx, t); err != nil {
		return nil, nil, err
	}
	if err := s.fetch(ctx, changes); err != nil {
		return nil, nil, err
	}
	for i := range changes {
		var err error
		switch c := &changes[i]; c.Type {
		case "Observation":
			err = s.observed(ctx, t, c)
		case "Task":
			err = s.attended(ctx, t, c)
		default:
			err = s.replanned(ctx, c)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", changes[i].Ref(), err)
		}
	}
	return t.done()
}

// orForget drops what is in memory where something failed halfway: what was judged was not told.
func (s *Service) orForget(err *error) {
	if *err != nil {
		s.mark = ""
	}
}

// replanned reads the plans of a person again whose CarePlan, Goal or ServiceRequest changed.
func (s *Service) replanned(ctx context.Context, c *record.Stored) error {
	body := c.Body
	if c.Deleted {
		before, err := s.before(ctx, c)
		if err != nil || before == nil {
			return err
		}
		body = before.Body
	}
	res, err := fhir.Parse(body)
	if err != nil {
		return err
	}
	patient := patientOf(&r4.Reference{Reference: res.Root().Get("subject").Get("reference").Text()})
	if _, watched := s.whose[patient]; patient == "" || !watched && (c.Type != "CarePlan" || !bytes.Contains(body, []byte(PlanSystem))) {
		return nil
	}
	group, err := s.Door.Person(ctx, patient)
	if err != nil {
		return err
	}
	return s.replan(ctx, group)
}

// before is the version before a deletion; nil where it is kept no more.
func (s *Service) before(ctx context.Context, c *record.Stored) (*record.Stored, error) {
	was, err := s.Door.GetVersion(ctx, me, c.Type, c.ID, c.Version-1)
	if k := fhir.KindOf(err); err != nil && (k == fhir.NotFound || k == fhir.Gone) {
		return nil, nil
	}
	return was, err
}

var routeTag = []byte(reading.RouteSystem)

// observed holds a reading against the rules. One from home whose person has no plan waits for a day: who somebody is, or a plan, may come a moment later.
func (s *Service) observed(ctx context.Context, t *telling, c *record.Stored) error {
	body := c.Body
	if c.Deleted {
		was, err := s.before(ctx, c)
		if err != nil || was == nil {
			return err
		}
		body = was.Body
	}
	if len(s.people) == 0 && !bytes.Contains(body, routeTag) {
		return nil
	}
	res, err := fhir.Parse(body)
	if err != nil {
		return err
	}
	patient := patientOf(&r4.Reference{Reference: res.Root().Get("subject").Get("reference").Text()})
	home := bytes.Contains(body, routeTag)
	w, err := s.known(ctx, patient, home)
	if err != nil {
		return err
	}
	var o r4.Observation
	if w == nil {
		if !home || c.Deleted {
			return nil
		}
		if err := r4.Decode(res, &o); err != nil {
			return err
		}
		if until := taken(&o).Add(time.Duration(s.Rules.Late)); s.now().Before(until) {
			t.items = append(t.items, record.BoxItem{Kind: "waiting", Key: c.ID, Value: fmt.Appendf(nil, "%s %d", patient, until.Unix())})
		}
		return nil
	}
	if err := r4.Decode(res, &o); err != nil {
		return err
	}
	o.ID = c.ID
	return s.judge(ctx, t, w, &o, c)
}

// judge takes in an Observation of somebody who is watched.
func (s *Service) judge(ctx context.Context, t *telling, w *watched, o *r4.Observation, c *record.Stored) error {
	if err := s.load(ctx, t, w, c.Seq); err != nil {
		return err
	}
	if total, ok := NEWS2Total(o); ok && !c.Deleted {
		events := w.person.Scored(s.Rules, total, mostPoints(o), taken(o), c.ID, s.now())
		t.touch(w.key)
		return t.events(w, events, c.ID)
	}
	sent := PointsOf(o)
	if c.Deleted || len(sent) == 0 {
		if w.person.Remove(c.ID) {
			t.touch(w.key)
		}
		return nil
	}
	stream := o.ValueSampledData != nil
	for _, one := range sent {
		k := s.Rules.Kinds[one.Kind]
		if k == nil || stream && (k.Keep == 0 || !one.At.After(w.person.Last[one.Kind])) {
			continue
		}
		if stream {
			one.ID = fmt.Sprintf("%s/%d", c.ID, one.At.Unix())
		}
		before := w.person.marks()
		events := w.person.Judge(s.Rules, w.plan, one.Kind, one.Point, s.now())
		if len(events) > 0 || before != w.person.marks() {
			t.touch(w.key)
		}
		if err := t.events(w, events, c.ID); err != nil {
			return err
		}
	}
	w.due = w.person.next(s.Rules, w.plan)
	return nil
}

// marks change whenever what must be remembered does without an event: a reading that no longer waits for another.
func (p *Person) marks() [4]int {
	return [4]int{len(p.Rechecks), len(p.Asked), len(p.Told), len(p.Past)}
}

// mostLoaded is of how many people readings are held in memory.
const mostLoaded = 5000

// load reads what is known of a person, as it was before a change of the feed, unless it is in memory.
func (s *Service) load(ctx context.Context, t *telling, w *watched, before int64) error {
	if w.person != nil {
		return nil
	}
	if s.loaded++; s.loaded > mostLoaded {
		s.loaded = 1
		for key, other := range s.people {
			if !t.touched[key] {
				other.person = nil
			}
		}
	}
	state, err := s.stateOf(w.key, w.group, t)
	if err != nil {
		return err
	}
	p := &Person{State: state}
	if w.fetched == nil {
		if w.fetched, err = s.read(ctx, w.key, before); err != nil {
			return err
		}
	}
	for _, one := range w.fetched {
		p.Load(s.Rules, one.Kind, one.Point)
	}
	w.person, w.fetched = p, nil
	w.due = p.next(s.Rules, w.plan)
	return nil
}

// readers is how many people's readings are read at once.
const readers = 4

// fetch reads, several at once, the readings of before of those whom changes are about and who are not in memory: after the program began that is everybody.
func (s *Service) fetch(ctx context.Context, changes []record.Stored) error {
	type one struct {
		w      *watched
		before int64
	}
	var all []one
	seen := map[*watched]bool{}
	for i := range changes {
		c := &changes[i]
		if c.Type != "Observation" || c.Deleted {
			continue
		}
		res, err := fhir.Parse(c.Body)
		if err != nil {
			return err
		}
		w := s.people[s.whose[strings.TrimPrefix(res.Root().Get("subject").Get("reference").Text(), "Patient/")]]
		if w != nil && w.person == nil && !seen[w] {
			seen[w] = true
			all = append(all, one{w, c.Seq})
		}
	}
	var wait sync.WaitGroup
	errs := make([]error, readers)
	for n := range readers {
		wait.Go(func() {
			for i := n; i < len(all) && errs[n] == nil; i += readers {
				all[i].w.fetched, errs[n] = s.read(ctx, all[i].w.key, all[i].before)
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// read is what somebody sent before a change of the feed, as far back as a baseline needs.
func (s *Service) read(ctx context.Context, key string, before int64) ([]Sent, error) {
	out := []Sent{}
	from := s.now().Add(-s.Rules.Baseline.keepDays())
	query := "Observation?patient=" + key + "&date=ge" + from.UTC().Format(time.DateOnly) + "&code=" + strings.Join(watchedCodes, ",")
	for m, err := range s.Door.All(ctx, me, query) {
		if err != nil {
			return nil, err
		}
		if m.Seq >= before {
			continue // it comes by the feed
		}
		var o r4.Observation
		if err := m.Decode(&o); err != nil {
			return nil, err
		}
		for _, one := range PointsOf(&o) {
			if k := s.Rules.Kinds[one.Kind]; k != nil && (o.ValueSampledData == nil || k.Keep > 0 && s.now().Sub(one.At) < time.Duration(k.Keep)) {
				out = append(out, one)
			}
		}
	}
	return out, nil
}

// watchedCodes are the codes of readings that are judged.
var watchedCodes = []string{loinc + "|85354-9", loinc + "|8867-4", loinc + "|29463-7", loinc + "|59408-5", loinc + "|2708-6", loinc + "|8310-5", loinc + "|9279-1", loinc + "|15074-8", loinc + "|2339-0"}

// attended closes the episode whose Task a person has dealt with. Where they say that the readings are usual for the person, they count to what is normal
// from now on.
func (s *Service) attended(ctx context.Context, t *telling, c *record.Stored) error {
	if c.Deleted || !bytes.Contains(c.Body, []byte(alertCode)) {
		return nil
	}
	var task r4.Task
	if err := c.Decode(&task); err != nil {
		return err
	}
	switch task.Status {
	case "completed", "cancelled", "failed", "rejected", "entered-in-error":
	default:
		return nil
	}
	w := s.people[s.whose[patientOf(task.For)]]
	if w == nil {
		return nil
	}
	if err := s.load(ctx, t, w, c.Seq); err != nil {
		return err
	}
	e := w.person.Episode
	if e == nil || taskID(e.ID) != task.ID {
		return nil
	}
	w.person.close(s.now(), coded(task.BusinessStatus, outcomeSystem, "usual"))
	t.touch(w.key)
	t.lower(e.ID, s.now())
	w.due = w.person.next(s.Rules, w.plan)
	return nil
}
