package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
)

// Rota is who is told, first to last: data.
type Rota struct {
	Author, Source, Version, Review string
	Turns                           []Turn
}

// Turn is one place of a rota.
type Turn struct {
	Who   string   // a reference: Organization/ward, PractitionerRole/duty-doctor
	Name  string   // as staff say it: the duty doctor
	Days  []string // mon … sun; none for all
	From  string   // by London's clock: 08:00; "" for all day
	To    string   // 20:00; before From where it goes through the night
	After Span     // how long until the next is told; 0 for 15 minutes
}

// after is how long the turn has.
func (t *Turn) after() time.Duration {
	if t.After == 0 {
		return 15 * time.Minute
	}
	return time.Duration(t.After)
}

// ReadRota reads a rota from a file.
func ReadRota(file string) (Rota, error) {
	var r Rota
	text, err := os.ReadFile(file)
	if err != nil {
		return r, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, fhir.Errorf(fhir.Invalid, "the rota cannot be read: %w", err)
	}
	for i, t := range r.Turns {
		if t.Who == "" && t.Name == "" {
			return r, fhir.Errorf(fhir.Invalid, "turn %d of the rota says not who", i+1)
		}
		for _, clock := range []string{t.From, t.To} {
			if _, err := time.Parse("15:04", clock); clock != "" && err != nil {
				return r, fhir.Errorf(fhir.Invalid, "turn %d of the rota: %q is no time such as 08:00", i+1, clock)
			}
		}
	}
	return r, nil
}

// onDuty reports whether it is the turn's time, by London's clock, whatever the clocks do that night.
func (t *Turn) onDuty(at time.Time) bool {
	at = at.In(london.Zone)
	clock, day := at.Format("15:04"), at
	in := true
	if t.From != "" && t.To != "" {
		if t.From <= t.To {
			in = clock >= t.From && clock < t.To
		} else if in = clock >= t.From || clock < t.To; clock < t.To {
			day = at.AddDate(0, 0, -1) // the night belongs to the day it began on
		}
	}
	if len(t.Days) == 0 {
		return in
	}
	name := strings.ToLower(day.Weekday().String()[:3])
	for _, d := range t.Days {
		if strings.EqualFold(d, name) {
			return in
		}
	}
	return false
}

// at are the turns on duty, in order; where nobody is, all: better somebody off duty than nobody.
func (r Rota) at(now time.Time) (out []Turn) {
	for _, t := range r.Turns {
		if t.onDuty(now) {
			out = append(out, t)
		}
	}
	if out == nil {
		out = r.Turns
	}
	if out == nil {
		out = []Turn{{Name: "the monitoring team"}}
	}
	return out
}

// give makes the first on the rota the owner of a new Task.
func (r Rota) give(task *r4.Task, now time.Time) {
	first := r.at(now)[0]
	task.Owner = first.reference()
	task.Restriction = &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(now.Add(first.after()))}}
}

func (t *Turn) reference() *r4.Reference { return &r4.Reference{Reference: t.Who, Display: t.Name} }

// pass hands a Task that nobody has taken up to the next on the rota; after the last, to the first again.
func (r Rota) pass(task *r4.Task, now time.Time) {
	turns := r.at(now)
	step := 0
	if task.BusinessStatus != nil {
		for _, c := range task.BusinessStatus.Coding {
			if c.System == stepSystem {
				fmt.Sscanf(c.Code, "%d", &step)
			}
		}
	}
	step++
	before := "nobody"
	if task.Owner != nil {
		before = task.Owner.Display
	}
	next := turns[step%len(turns)]
	task.Owner = next.reference()
	task.BusinessStatus = &r4.CodeableConcept{Coding: []r4.Coding{{System: stepSystem, Code: fmt.Sprint(step)}}, Text: "not yet seen by " + before}
	if ranks[task.Priority] < ranks["urgent"] && step >= len(turns) {
		task.Priority = "urgent"
	}
	task.Restriction = &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(now.Add(next.after()).UTC())}}
	note("Not yet seen by "+before+": now for "+next.Name+".", now)(task)
}

// escalate hands on what nobody has taken up in time.
func (s *Service) escalate(ctx context.Context, t *telling) error {
	now := s.now()
	for m, err := range s.Door.All(ctx, me, "Task?status=requested&code="+taskSystem+"|"+alertCode) {
		if err != nil {
			return err
		}
		var task r4.Task
		if err := m.Decode(&task); err != nil {
			return err
		}
		if task.Restriction == nil || task.Restriction.Period == nil || task.Restriction.Period.End.Low().After(now) {
			continue
		}
		t.change(task.ID, func(task *r4.Task) {
			if task.Status == "requested" && task.Restriction != nil && !task.Restriction.Period.End.Low().After(now) { // nobody has taken it up meanwhile
				s.Rota.pass(task, now)
			}
		})
	}
	return nil
}
