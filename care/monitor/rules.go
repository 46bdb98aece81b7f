package monitor

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"os"
	"time"

	"github.com/kith-care/kith/fhir"
)

//go:embed service.json
var serviceJSON []byte

// Rules are the service's: data, with who wrote them, from where, and when they are to be looked at again.
type Rules struct {
	Author, Source, Version, Review string
	Baseline                        BaselineRules
	Missing                         struct{ Times, StaffTimes float64 } // of the expected interval: until the person is asked, and until staff are
	Late                            Span                                // a reading older than this is kept and counts, and raises nothing
	Kinds                           map[string]*KindRules               // by Series kind
	Glucose                         GlucoseRules
}

// BaselineRules say how somebody's own normal is found, and what is out of it.
type BaselineRules struct {
	Days, Least int     // a median of so many days, from so many readings on
	Longest     int     // of so many days at most, where the readings of fewer are too few
	Lag         int     // days before the reading at which those end, so that what has begun does not hide itself
	Scale       float64 // of the median absolute deviation, to be a standard deviation
	Z           float64 // how far out a reading is out
	Raise, Of   int     // so many of the last so many
	Calm        float64 // how near is calm
	Clear       int     // so many calm readings end an episode
	K, H, Cap   float64 // CUSUM: what is allowed each time, what raises, and what one reading adds at most, so that none raises alone
	TrendDays   int     // readings of so many days count for CUSUM
	Sitting     Span    // readings nearer together than this are one
}

// KindRules are those of one kind of reading.
type KindRules struct {
	Name, Unit string
	Places     int
	Harm       string  // up or down: where harm is; "" where a personal baseline says nothing
	Floor      float64 // the least deviation that is believed, in the unit
	OwnConfirm int     // how many readings beyond a person's own limit raise
	OwnWithin  Span
	Keep       Span // of what streams: only so much is kept in memory
	Limits     []Limit
	Average    *AverageRules
}

// Limit is a number that a reading should not reach. The first of a list that a reading breaches holds.
type Limit struct {
	Priority    string   `json:"priority"` // stat, urgent or routine
	High        *float64 `json:"high,omitempty"`
	High2       *float64 `json:"high2,omitempty"` // of the lower pressure
	Low         *float64 `json:"low,omitempty"`
	Low2        *float64 `json:"low2,omitempty"`
	Over        *float64 `json:"over,omitempty"` // like High, but High itself is allowed
	Over2       *float64 `json:"over2,omitempty"`
	Under       *float64 `json:"under,omitempty"`
	Under2      *float64 `json:"under2,omitempty"`
	Confirm     int      `json:"confirm,omitempty"` // so many readings, 1 for the first
	Within      Span     `json:"within,omitempty"`  // in so long; if none comes, it is raised without
	Source      string   `json:"source"`            // whose it is: a guideline, or Goal/…
	Advice      string   `json:"advice,omitempty"`
	Tell        string   `json:"tell,omitempty"` // to the person, at once, where the reading comes from them
	Own         bool     `json:"own,omitempty"`  // the person's own
	Description string   `json:"-"`
}

// AverageRules are those of an average over days.
type AverageRules struct {
	Days, Least int // of so many days, with readings on so many after the first
	High, High2 float64
	Every       int // days before it is said again
	Stages      []struct {
		Stage       int
		High, High2 float64
	} // the highest first
	Source string
}

// Span is a time as people write it: 15m, 28h.
type Span time.Duration

// UnmarshalJSON reads 15m.
func (s *Span) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	*s = Span(d)
	return err
}

// MarshalJSON writes 15m0s.
func (s Span) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).String()) }

// ReadRules reads rules from a file, the service's of this program where it is "".
func ReadRules(file string) (*Rules, error) {
	text := serviceJSON
	if file != "" {
		var err error
		if text, err = os.ReadFile(file); err != nil {
			return nil, err
		}
	}
	r := &Rules{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the rules of monitoring cannot be read: %w", err)
	}
	return r, r.check()
}

// Texts are what the rules say to people at home, which is translated (words): the names of kinds, and what to do about a reading.
func (r *Rules) Texts() []string {
	var out []string
	for _, k := range r.Kinds {
		out = append(out, k.Name)
		for i := range k.Limits {
			if k.Limits[i].Tell != "" {
				out = append(out, k.Limits[i].Tell)
			}
		}
	}
	return out
}

func (r *Rules) check() error {
	b := r.Baseline
	switch {
	case r.Author == "" || r.Source == "" || r.Version == "" || r.Review == "":
		return fhir.Errorf(fhir.Invalid, "the rules of monitoring must say their author, source, version and review date")
	case b.Days < 1 || b.Longest < b.Days || b.Lag < 0 || b.Least < 3 || b.Scale <= 0 || b.Z <= 0 || b.Raise < 1 || b.Of < b.Raise || b.Calm <= 0 || b.Clear < 1 || b.H <= 0 || b.Cap <= b.K || b.TrendDays < 1:
		return fhir.Errorf(fhir.Invalid, "the rules of a personal baseline are not whole: %+v", b)
	case r.Missing.Times < 1 || r.Missing.StaffTimes < r.Missing.Times || r.Late <= 0:
		return fhir.Errorf(fhir.Invalid, "missing and late must say when a reading is missing, and when one comes too late to act on")
	}
	for name, k := range r.Kinds {
		if k.Name == "" || k.Floor <= 0 || k.Harm != "" && k.Harm != "up" && k.Harm != "down" || k.OwnConfirm < 1 || k.OwnConfirm > 1 && k.OwnWithin <= 0 {
			return fhir.Errorf(fhir.Invalid, "the rules of %s are not whole", name)
		}
		for _, l := range k.Limits {
			if l.Priority != "stat" && l.Priority != "urgent" && l.Priority != "routine" || l.Source == "" || l.Confirm < 1 || l.Confirm > 1 && l.Within <= 0 {
				return fhir.Errorf(fhir.Invalid, "a limit of %s must have a priority (stat, urgent, routine), a source, and how it is confirmed", name)
			}
		}
	}
	return nil
}

// breached reports whether a reading reaches the limit.
func (l *Limit) breached(p Point) bool {
	over := func(v float64, limit *float64, itself bool) bool {
		return limit != nil && (v > *limit || itself && v == *limit)
	}
	under := func(v float64, limit *float64, itself bool) bool {
		return limit != nil && (v < *limit || itself && v == *limit)
	}
	return over(p.Value, l.High, true) || over(p.Value, l.Over, false) || under(p.Value, l.Low, true) || under(p.Value, l.Under, false) ||
		p.Two && (over(p.Value2, l.High2, true) || over(p.Value2, l.Over2, false) || under(p.Value2, l.Low2, true) || under(p.Value2, l.Under2, false))
}

// Plan is what is measured of one person, how often, and their own limits.
type Plan struct {
	ID      string // CarePlan/…
	Patient string // the Patient it is about
	Kinds   map[string]*PlanKind
	Gender  string // of the person, for words
	Name    string // of the person: Mrs Okafor
}

// PlanKind is one kind of reading of a plan.
type PlanKind struct {
	Every  time.Duration `json:"-"`                // the expected interval; 0 for no expectation
	Limits []Limit       `json:"limits,omitempty"` // the person's own; they come before the service's
	Since  time.Time     `json:"-"`                // from when readings are expected
}

// limits are the person's own, or else the service's.
func (p *Plan) limits(kind string, r *Rules) []Limit {
	if p != nil {
		if k := p.Kinds[kind]; k != nil && len(k.Limits) > 0 {
			return k.Limits
		}
	}
	return r.Kinds[kind].Limits
}
