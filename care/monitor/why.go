package monitor

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Why is the reason of a Task, with everything that the rules looked at.
type Why struct {
	Task   string  `json:"task"`
	Rules  string  `json:"rules"`  // their version
	Source string  `json:"source"` // where they come from
	Events []Event `json:"events"` // the first raised it; the others came to it
}

// because is the reason of an event in words, for staff.
func (s *Service) because(e *Event) string {
	var text string
	switch e.Rule {
	case "limit", "unconfirmed":
		text = "Beyond a limit of the service (" + e.Limit.Source + ")"
		if e.Limit.Own {
			text = "Beyond a limit set for this person (" + e.Limit.Source + ")"
		}
		if e.Limit.Confirm > 1 && e.Rule == "limit" {
			text += fmt.Sprintf(", confirmed by %d readings", len(e.Points))
		}
	case "personal":
		text = fmt.Sprintf("Unlike what is usual for this person: a median of %.1f over %d readings, from which they are seldom more than %.1f away", e.Baseline.Median, e.Baseline.N, s.Rules.Baseline.Z*e.Baseline.Scale)
	case "trend":
		text = fmt.Sprintf("Away from what is usual for this person, little by little: a median of %.1f over %d readings; the sum of what is out is %.1f, from %.0f on it is told", e.Baseline.Median, e.Baseline.N, e.Trend, s.Rules.Baseline.H)
	case "together":
		text = "Several readings of one time, taken together, are unlike what is usual for this person"
	case news2Kind:
		text = "The score asks for it (" + news2.Source + ")"
	case "missing":
		text = fmt.Sprintf("Readings that were planned have not come; one is missing from %.1f times the planned interval on", s.Rules.Missing.Times)
	case "recheck":
		text = "A reading beyond a limit is to be confirmed by another"
	case "average":
		text = "The average of some days is beyond a limit (" + e.Limit.Source + ")"
	case "irregular":
		text = "With an irregular pulse automated blood pressures are not used (NICE NG136)"
	default:
		text = e.Rule
	}
	return text + ". Rules of " + s.Rules.Version + ", " + s.Rules.Author + "."
}

// why keeps the reason of a Task, behind what was kept of it before.
func (t *telling) why(id string) (record.BoxItem, error) {
	w := Why{Task: "Task/" + id}
	value, err := t.s.box.Get(t.ctx, "why", id)
	if err == nil && value != nil {
		err = json.Unmarshal(value, &w)
	}
	if err != nil {
		return record.BoxItem{}, err
	}
	w.Rules, w.Source = t.s.Rules.Version, t.s.Rules.Source
	const most = 50
	w.Events = append(w.Events, t.whys[id]...)
	w.Events = w.Events[max(len(w.Events)-most, 0):]
	value, err = json.Marshal(w)
	return record.BoxItem{Kind: "why", Key: id, Value: value}, err
}

// Explain is why a Task is there. Who asks is in the audit.
func Explain(ctx context.Context, door *record.Door, who access.Actor, task string) (*Why, error) {
	value, err := door.Box("monitor").Show(ctx, who, "why", task)
	if err != nil {
		return nil, err
	}
	if value == nil {
		return nil, fhir.Errorf(fhir.NotFound, "monitoring knows nothing of Task/%s", task)
	}
	w := &Why{}
	return w, json.Unmarshal(value, w)
}
