package monitor

import "time"

// State is what is remembered of one person beside their readings; it stands in the box.
type State struct {
	Episode  *Episode             `json:"episode,omitempty"`
	Past     []Episode            `json:"past,omitempty"`
	Rechecks map[string]Recheck   `json:"rechecks,omitempty"` // by kind: a reading that waits to be confirmed
	Asked    map[string]time.Time `json:"asked,omitempty"`    // by kind: since when a reading is missing and the person was asked
	Told     map[string]time.Time `json:"told,omitempty"`     // by kind: since when staff know that it is missing
	Averaged map[string]time.Time `json:"averaged,omitempty"` // by kind: when an average was last said to be too high
}

// Episode is a time in which somebody is not as they usually are. There is one at a time of one person.
type Episode struct {
	ID        string               `json:"id"` // of the Observation that opened it
	Opened    time.Time            `json:"opened"`
	Closed    time.Time            `json:"closed,omitzero"`
	Kept      bool                 `json:"kept,omitempty"` // a person closed it: its readings count to what is normal
	Priority  string               `json:"priority"`
	Kinds     map[string]time.Time `json:"kinds"`     // what is out, since when
	Baselines map[string]*Baseline `json:"baselines"` // as they were when it opened
}

// Recheck is a reading beyond a limit that must be confirmed by another.
type Recheck struct {
	Point    string    `json:"point"`
	At       time.Time `json:"at"`
	Deadline time.Time `json:"deadline"`
	Limit    Limit     `json:"limit"`
	Words    string    `json:"words"`
	N        int       `json:"n"` // readings beyond it so far
}

// Event is something to be told.
type Event struct {
	At       time.Time `json:"at"`
	Kind     string    `json:"kind"`
	Rule     string    `json:"rule"`               // limit, unconfirmed, personal, trend, together, average, irregular, missing, came, recheck or clear
	Since    time.Time `json:"since,omitzero"`     // of missing: since when anything is
	Priority string    `json:"priority,omitempty"` // stat, urgent or routine
	Manual   bool      `json:"manual"`             // staff are told; else the person is
	Quiet    bool      `json:"quiet,omitempty"`    // it is added to what is open
	Opens    bool      `json:"opens,omitempty"`    // it opens an episode
	Closes   bool      `json:"closes,omitempty"`   // the episode is over
	Episode  string    `json:"episode,omitempty"`
	Words    string    `json:"words"`
	Points   []string  `json:"points,omitempty"`
	Limit    *Limit    `json:"limit,omitempty"`
	Baseline *Baseline `json:"baseline,omitempty"`
	Z        []float64 `json:"z,omitempty"`
	Trend    float64   `json:"trend,omitempty"`
}

// ranks orders priorities.
var ranks = map[string]int{"": 0, "routine": 1, "urgent": 2, "stat": 3}

// close ends the episode. Kept says that a person found its readings to be what is normal now.
func (p *Person) close(at time.Time, kept bool) {
	e := *p.Episode
	e.Closed, e.Kept = at, kept
	p.Past, p.Episode = append(p.Past, e), nil
	for _, s := range p.Series {
		for i := range s.sittings {
			s.sittings[i].episode = within(p.Past, s.sittings[i].at)
		}
	}
}

// forget drops episodes that no reading in memory can be of.
func (s *State) forget(before time.Time) {
	for len(s.Past) > 0 && s.Past[0].Closed.Before(before) {
		s.Past = s.Past[1:]
	}
}

// lastClosed is when the last episode ended; zero where there was none.
func (s *State) lastClosed() time.Time {
	if n := len(s.Past); n > 0 {
		return s.Past[n-1].Closed
	}
	return time.Time{}
}
