package home

import (
	"encoding/json"
	"os"
	"strings"
	"sync"
	"time"

	_ "embed"

	"github.com/kith-care/kith/fhir"
)

//go:embed rules.json
var shipped []byte

// Rules are when a visit is late or missed, and which medicines cannot wait. They are data, which a place agrees with its providers.
type Rules struct {
	Author   string       `json:"author"`
	Version  string       `json:"version"`
	Review   string       `json:"review"`
	Reviewer string       `json:"reviewer"` // a clinician who has signed them, "" while nobody has
	Sources  []Source     `json:"sources"`
	Note     string       `json:"note"`
	Grace    int          `json:"graceMinutes"`  // a visit is late so many minutes after its planned start
	Missed   int          `json:"missedMinutes"` // and missed after so many
	Answer   int          `json:"answerMinutes"` // within so many the provider says what was done about it
	Days     int          `json:"usualDays"`     // what was given in so many days before at that time is usually given then
	Around   int          `json:"usualMinutes"`  // within so many minutes of it
	Critical []CriticalOf `json:"critical"`
}

// Source is where a rule comes from.
type Source struct{ Title, URL string }

// CriticalOf is a group of medicines of which no dose may be late, told by words in their names, in small letters.
type CriticalOf struct {
	Name  string   `json:"name"`
	Words []string `json:"words"`
}

// Usual are the rules that Kith comes with. They are shared, and not to be changed.
var Usual = sync.OnceValue(func() *Rules {
	r, err := parse(shipped)
	if err != nil {
		panic("home: " + err.Error()) // they are built in, and a test reads them
	}
	return r
})

// ReadRules reads the rules of a place.
func ReadRules(file string) (*Rules, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parse(text)
}

func parse(text []byte) (*Rules, error) {
	r := new(Rules)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the rules of home care cannot be read: %w", err)
	}
	switch {
	case r.Author == "" || r.Version == "" || r.Review == "" || len(r.Sources) == 0:
		return nil, fhir.Errorf(fhir.Invalid, "the rules of home care say no author, version, review or source")
	case r.Grace <= 0 || r.Missed <= r.Grace || r.Answer <= 0 || r.Days <= 0 || r.Around <= 0:
		return nil, fhir.Errorf(fhir.Invalid, "the rules of home care need graceMinutes, missedMinutes beyond it, answerMinutes, usualDays and usualMinutes")
	}
	return r, nil
}

// State is how a visit stands.
type State string

// The states.
const (
	Planned   State = "planned"
	Late      State = "late"    // nobody has come, and the provider would have said so
	Unheard   State = "unheard" // it should have begun, and the provider has said nothing since
	Here      State = "here"    // somebody is there
	Done      State = "done"
	Missed    State = "missed" // nobody came
	Cancelled State = "cancelled"
)

// state is how a visit stands now. heard is when its provider last said anything of any visit: what they have not yet said is not known to be missed.
func (r *Rules) state(v *Visit, heard, now time.Time) State {
	switch v.status {
	case "finished":
		return Done
	case "in-progress", "arrived", "onleave":
		return Here
	case "cancelled":
		// What was called off before it should have begun is no visit that was missed.
		if v.said.Before(v.Planned) {
			return Cancelled
		}
		return Missed
	case "entered-in-error":
		return Cancelled
	}
	late, missed := v.Planned.Add(minutes(r.Grace)), v.Planned.Add(minutes(r.Missed))
	switch {
	case v.Planned.IsZero() || now.Before(late):
		return Planned
	case heard.Before(late):
		return Unheard
	case now.Before(missed) || heard.Before(missed):
		return Late
	}
	return Missed
}

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

// CannotWait is the group of a medicine of which no dose may be late, "" for any other.
func (r *Rules) CannotWait(medicine string) string {
	name := strings.ToLower(medicine)
	for _, c := range r.Critical {
		for _, w := range c.Words {
			if strings.Contains(name, w) {
				return c.Name
			}
		}
	}
	return ""
}
