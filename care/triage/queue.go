package triage

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Request is one that somebody must look at, whichever way it came.
type Request struct {
	Task    string // its id
	Patient string // id
	Level   Level
	About   string // the complaint
	Words   string // the person's own
	Channel Channel
	Since   time.Time
	By      time.Time // by when it is to be looked at
	Taken   bool      // somebody has it
	Owner   string
}

// Queue is what waits, as somebody may see it: the most urgent first, then what is to be looked at first.
func Queue(ctx context.Context, door *record.Door, who access.Actor) ([]Request, error) {
	var out []Request
	for m, err := range door.All(ctx, who, "Task?code=urn:kith:task|triage&status=requested,received,accepted,in-progress") {
		if err != nil {
			return nil, err
		}
		var task r4.Task
		res, err := m.Resource()
		if err != nil {
			return nil, err
		}
		if err := r4.Decode(res, &task); err != nil {
			return nil, err
		}
		out = append(out, requestOf(&task))
	}
	slices.SortStableFunc(out, func(a, b Request) int {
		return cmp.Or(cmp.Compare(b.Level, a.Level), a.By.Compare(b.By), a.Since.Compare(b.Since))
	})
	return out, nil
}

func requestOf(task *r4.Task) Request {
	r := Request{Task: task.ID, Since: task.AuthoredOn.Low(), Taken: task.Status == "accepted" || task.Status == "in-progress"}
	r.About, _, _ = strings.Cut(task.Description, ": ")
	if task.For != nil {
		r.Patient = strings.TrimPrefix(task.For.Reference, "Patient/")
	}
	if task.Owner != nil {
		r.Owner = task.Owner.Display
	}
	if task.Restriction != nil && task.Restriction.Period != nil {
		r.By = task.Restriction.Period.End.Low()
	}
	if task.Code != nil {
		for _, c := range task.Code.Coding {
			if level, err := ParseLevel(c.Code); c.System == urn+"level" && err == nil {
				r.Level = level
			}
		}
	}
	for _, in := range task.Input {
		switch {
		case in.ValueCoding != nil && in.ValueCoding.System == urn+"channel":
			r.Channel = Channel(in.ValueCoding.Code)
		case in.ValueString != "":
			r.Words = in.ValueString
		}
	}
	return r
}
