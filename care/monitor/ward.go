package monitor

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Row is one patient of the virtual ward.
type Row struct {
	Patient  string // id
	Name     string
	Priority string // stat, urgent or routine: the highest of what is open
	Reason   string // of the most urgent
	Task     string // its id
	Since    time.Time
	NEWS2    *int // the newest total of two days; nil where there is none
	Trend    int  // by how much it changed from the one before
	Overdue  []string
	Owner    string
	Taken    bool      // they have taken it up
	Next     string    // what is to be done next
	By       time.Time // and until when, before it goes to the next on the rota; zero for no limit
}

// Board is the virtual ward as somebody may see it: one row a patient with something open, the most urgent first, then who has waited longest. It reads the
// open Tasks once and the newest scores once.
func Board(ctx context.Context, door *record.Door, who access.Actor, now time.Time) ([]Row, error) {
	rows := map[string]*Row{}
	codes := taskSystem + "|" + alertCode + "," + taskSystem + "|" + missingCode + "," + taskSystem + "|" + reviewCode
	for m, err := range door.All(ctx, who, "Task?code="+codes+"&status=requested,received,accepted,in-progress") {
		if err != nil {
			return nil, err
		}
		var task r4.Task
		if err := m.Decode(&task); err != nil {
			return nil, err
		}
		if patient := patientOf(task.For); patient != "" {
			if rows[patient] == nil {
				rows[patient] = &Row{Patient: patient, Name: task.For.Display}
			}
			rows[patient].take(&task)
		}
	}
	if err := scored(ctx, door, who, now, rows); err != nil {
		return nil, err
	}
	out := make([]Row, 0, len(rows))
	for _, key := range sorted(rows) {
		out = append(out, *rows[key])
	}
	slices.SortStableFunc(out, func(a, b Row) int {
		if d := ranks[b.Priority] - ranks[a.Priority]; d != 0 {
			return d
		}
		return a.Since.Compare(b.Since)
	})
	return out, nil
}

// take adds an open Task to a row.
func (r *Row) take(task *r4.Task) {
	words := strings.TrimPrefix(task.Description, r.Name+": ")
	if coded(task.Code, taskSystem, missingCode) {
		r.Overdue = append(r.Overdue, words)
	}
	if r.Task != "" && ranks[task.Priority] <= ranks[r.Priority] {
		return
	}
	r.Priority, r.Reason, r.Task, r.Since = task.Priority, words, task.ID, task.AuthoredOn.Low()
	if task.Owner != nil {
		r.Owner = task.Owner.Display
	}
	r.Next, r.By, r.Taken = "Look at it", time.Time{}, false
	switch task.Status {
	case "accepted", "in-progress":
		r.Next, r.Taken = "Say what came of it", true
	default:
		if task.Restriction != nil && task.Restriction.Period != nil {
			r.By = task.Restriction.Period.End.Low()
		}
		if task.Priority == "stat" {
			r.Next = "Call the person now"
		}
	}
}

// scored adds the newest NEWS2 of each patient on the board, and how it changed.
func scored(ctx context.Context, door *record.Door, who access.Actor, now time.Time, rows map[string]*Row) error {
	const days = 2
	if len(rows) == 0 {
		return nil
	}
	from := now.AddDate(0, 0, -days).UTC().Format(time.DateOnly)
	seen := map[string]int{}
	for m, err := range door.All(ctx, who, "Observation?code="+snomed+"|"+news2.Total+"&date=ge"+from+"&_sort=-date") {
		if err != nil {
			return err
		}
		var o r4.Observation
		if err := m.Decode(&o); err != nil {
			return err
		}
		r := rows[patientOf(o.Subject)]
		total, ok := NEWS2Total(&o)
		if r == nil || !ok {
			continue
		}
		switch seen[r.Patient]++; seen[r.Patient] {
		case 1:
			r.NEWS2 = &total
		case 2:
			r.Trend = *r.NEWS2 - total
		}
	}
	return nil
}
