package home

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
)

// Open is something about a visit that its provider has to do something about.
type Open struct {
	Task    string // id
	Patient string // id
	Title   string
	Words   string
	Urgent  bool // it cannot wait at all
	At, By  time.Time
	Late    bool
	Owner   string
	Taken   bool
}

// Queue is what is open about visits, as one of the staff may see it: what is due first.
func (s *Service) Queue(ctx context.Context, who access.Actor) (out []Open, err error) {
	for m, err := range s.Door.All(ctx, who, "Task?code="+taskSystem+"|"+missedCode+","+taskSystem+"|"+medicineCode+"&status="+openStates) {
		if err != nil {
			return nil, err
		}
		var t r4.Task
		if err := m.Decode(&t); err != nil {
			return nil, err
		}
		o := Open{Task: t.ID, Title: textOf(t.Code), Words: t.Description, Urgent: t.Priority == "stat", At: t.AuthoredOn.Low(), Taken: t.Status != "requested"}
		if t.For != nil {
			o.Patient = strings.TrimPrefix(t.For.Reference, "Patient/")
		}
		if t.Owner != nil {
			o.Owner = t.Owner.Display
		}
		if t.Restriction != nil && t.Restriction.Period != nil {
			o.By = t.Restriction.Period.End.Low()
			o.Late = o.By.Before(s.now())
		}
		out = append(out, o)
	}
	slices.SortStableFunc(out, func(a, b Open) int { return cmp.Or(a.By.Compare(b.By), cmp.Compare(a.Task, b.Task)) })
	return out, nil
}

// mostWords is how much can be written about it, in letters.
const mostWords = 500

// Take makes somebody the one who looks after it.
func (s *Service) Take(ctx context.Context, who access.Actor, task string) error {
	return s.change(ctx, who, task, func(t *r4.Task) { t.Status = "accepted" })
}

// Finish says what was done about it, in words that the person and their family read.
func (s *Service) Finish(ctx context.Context, who access.Actor, task, words string) error {
	words = strings.TrimSpace(words)
	switch {
	case words == "":
		return fhir.Errorf(fhir.Invalid, "write what was done")
	case len([]rune(words)) > mostWords:
		return fhir.Errorf(fhir.Invalid, "what is written must have at most 500 letters")
	}
	return s.change(ctx, who, task, func(t *r4.Task) {
		t.Status = "completed"
		t.Output = []r4.TaskOutput{{Type: &r4.CodeableConcept{Text: "What was done"}, ValueString: words}}
	})
}

func (s *Service) change(ctx context.Context, who access.Actor, task string, do func(*r4.Task)) error {
	stored, err := s.Door.Get(ctx, who, "Task", task)
	if err != nil {
		return err
	}
	var t r4.Task
	if err := stored.Decode(&t); err != nil {
		return err
	}
	if t.Code == nil || len(t.Code.Coding) == 0 || t.Code.Coding[0].Code != missedCode && t.Code.Coding[0].Code != medicineCode || t.For == nil {
		return fhir.Errorf(fhir.NotFound, "Task/%s is about no visit", task)
	}
	if !slices.Contains(strings.Split(openStates, ","), t.Status) {
		return fhir.Errorf(fhir.Conflict, "this has been dealt with already")
	}
	d, err := s.Door.Decide(ctx, who, access.Update, "Task", t.For.Reference)
	if err != nil {
		return err
	}
	if !d.Permit {
		return fhir.Errorf(fhir.Forbidden, "%s", d.Reason)
	}
	do(&t)
	// The organisation stays its owner, so that its people go on seeing the record; who took it stands beside.
	if t.Owner != nil && who.Name != "" {
		t.Owner.Display = who.Name
	}
	t.LastModified = fhir.DateTimeOf(s.now().UTC())
	res, err := r4.Resource(&t)
	if err != nil {
		return err
	}
	return s.put(ctx, who, task, stored.Version, res)
}

// clock is a moment on London's clocks, such as 8:00 on Thursday 26 November.
func clock(t time.Time) string { return t.In(london.Zone).Format("15:04 on Monday 2 January") }
