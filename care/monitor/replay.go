package monitor

import (
	_ "embed"
	"encoding/json"
	"slices"
	"time"
)

//go:embed thumb.json
var thumbJSON []byte

// thumb are the fixed thresholds that the rules are compared with.
type thumb struct {
	Author, Source, Version, Review string
	Gain                            struct {
		KG   float64
		Days int
	}
	Limits map[string]Limit
}

// History is what one person sent in, in order of time, and what happened to them.
type History struct {
	Person   string
	Readings []Sent
	Events   []Deterioration
}

// Sent is one reading of a history.
type Sent struct {
	Kind string
	Point
}

// Deterioration is something that happened to a person, which monitoring should have seen coming.
type Deterioration struct {
	At   time.Time
	Name string
}

// Replaying is how histories are played.
type Replaying struct {
	Rules    *Rules
	Plans    map[string]*Plan // by person; nil for nobody's own limits and no expectations
	Attended time.Duration    // how long staff take to deal with an episode and close it; 0 for 72 hours
	Before   time.Duration    // how long before an event an alert counts as having seen it; 0 for 14 days
}

// Outcome is how a set of rules did.
type Outcome struct {
	Alerts    int            `json:"alerts"` // everything that was said to anybody
	Manual    int            `json:"manual"` // what a member of staff was told
	ByRule    map[string]int `json:"byRule"` // manual alerts
	PerDay    float64        `json:"alertsPerPatientDay"`
	ManualDay float64        `json:"manualPerPatientDay"`
	True      int            `json:"true"` // of the manual alerts about a deterioration, those before one
	False     int            `json:"false"`
	Caught    int            `json:"caught"`
	Precision float64        `json:"precision"`
	Recall    float64        `json:"recall"`
	Hours     float64        `json:"medianHoursBefore"` // from the first alert to the event
}

// Replay is what became of histories under the rules, and under fixed thresholds.
type Replay struct {
	Rules  string         `json:"rules"` // their version
	People int            `json:"people"`
	Days   float64        `json:"patientDays"`
	Events map[string]int `json:"deteriorations"`
	Kith   Outcome        `json:"kith"`
	Fixed  Outcome        `json:"fixedThresholds"`
	Caught map[string]int `json:"caughtByKind"`

	kith, fixed tally
}

// tally gathers alerts.
type tally struct {
	Outcome
	hours []float64
}

// told is a manual alert about somebody's health.
type told struct {
	at   time.Time
	rule string
}

// Play plays histories as they would have come.
func (y Replaying) Play(histories []History) *Replay {
	if y.Attended == 0 {
		y.Attended = 72 * time.Hour
	}
	if y.Before == 0 {
		y.Before = 14 * 24 * time.Hour
	}
	r := &Replay{Rules: y.Rules.Version, Events: map[string]int{}, Caught: map[string]int{}}
	r.kith.ByRule, r.fixed.ByRule = map[string]int{}, map[string]int{}
	rules := &thumb{}
	if err := json.Unmarshal(thumbJSON, rules); err != nil {
		panic(err) // it is built in
	}
	for i := range histories {
		h := &histories[i]
		if len(h.Readings) == 0 {
			continue
		}
		r.People++
		r.Days += h.Readings[len(h.Readings)-1].At.Sub(h.Readings[0].At).Hours()/24 + 1
		for _, e := range h.Events {
			r.Events[e.Name]++
		}
		alerts := r.kith.play(y, h)
		for i, caught := range r.kith.score(h.Events, alerts, y.Before) {
			if caught {
				r.Caught[h.Events[i].Name]++
			}
		}
		r.fixed.score(h.Events, r.fixed.fixed(rules, h), y.Before)
	}
	events := 0
	for _, n := range r.Events {
		events += n
	}
	r.Kith, r.Fixed = r.kith.outcome(r.Days, events), r.fixed.outcome(r.Days, events)
	return r
}

// play plays one history and answers what staff were told of the person's health.
func (t *tally) play(y Replaying, h *History) (alerts []told) {
	p, plan, left := &Person{}, y.Plans[h.Person], h.Events
	take := func(events []Event) {
		for _, e := range events {
			if e.Quiet || e.Closes {
				continue
			}
			t.Alerts++
			if !e.Manual {
				continue
			}
			t.Manual++
			t.ByRule[e.Rule]++
			if e.Rule != "missing" && e.Rule != "average" && e.Rule != "irregular" {
				alerts = append(alerts, told{e.At, e.Rule})
			}
		}
	}
	for _, s := range h.Readings {
		for len(left) > 0 && !left[0].At.After(s.At) { // in hospital: whatever was open is dealt with
			take(p.Due(y.Rules, plan, left[0].At))
			if p.Episode != nil {
				p.close(left[0].At, false)
			}
			left = left[1:]
		}
		if e := p.Episode; e != nil && s.At.Sub(e.Opened) > y.Attended {
			p.close(e.Opened.Add(y.Attended), false)
		}
		take(p.Due(y.Rules, plan, s.At))
		take(p.Judge(y.Rules, plan, s.Kind, s.Point, s.At))
	}
	return alerts
}

// fixed are the alerts of fixed thresholds: one a person and day at most.
func (t *tally) fixed(rules *thumb, h *History) (alerts []told) {
	var weights []Point
	day := ""
	for _, s := range h.Readings {
		rule := ""
		if l, ok := rules.Limits[s.Kind]; ok && l.breached(s.Point) {
			rule = s.Kind
		}
		if s.Kind == "weight" {
			if weights = append(weights, s.Point); Gain(weights, rules.Gain.Days) >= rules.Gain.KG {
				rule = "weight"
			}
		}
		if on := s.At.Format(time.DateOnly); rule != "" && on != day {
			day = on
			t.Alerts++
			t.Manual++
			t.ByRule[rule]++
			alerts = append(alerts, told{s.At, rule})
		}
	}
	return alerts
}

// score holds alerts against what happened: an alert is right in the time before an event, and an event is caught where one came then.
func (t *tally) score(events []Deterioration, alerts []told, before time.Duration) (caught []bool) {
	caught = make([]bool, len(events))
	for _, a := range alerts {
		right := false
		for i, e := range events {
			if !a.at.Before(e.At) || e.At.Sub(a.at) > before {
				continue
			}
			if right = true; !caught[i] {
				caught[i] = true
				t.Caught++
				t.hours = append(t.hours, e.At.Sub(a.at).Hours())
			}
		}
		if right {
			t.True++
		} else {
			t.False++
		}
	}
	return caught
}

func (t *tally) outcome(days float64, events int) Outcome {
	o := t.Outcome
	if days > 0 {
		o.PerDay, o.ManualDay = float64(o.Alerts)/days, float64(o.Manual)/days
	}
	if n := o.True + o.False; n > 0 {
		o.Precision = float64(o.True) / float64(n)
	}
	if events > 0 {
		o.Recall = float64(o.Caught) / float64(events)
	}
	if len(t.hours) > 0 {
		o.Hours = median(slices.Clone(t.hours))
	}
	return o
}
