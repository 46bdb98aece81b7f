package plan

import (
	"time"

	"github.com/kith-care/kith/fhir/london"
)

// Outcome is how it went since the last check-in.
type Outcome string

// The outcomes.
const (
	Done   Outcome = "done"
	Partly Outcome = "partly"
	Not    Outcome = "not"
)

// Felt is how hard it was.
type Felt string

// What it can feel like; "" where it was not said.
const (
	TooHard   Felt = "too-hard"
	JustRight Felt = "just-right"
	TooEasy   Felt = "too-easy"
)

// Move is what a check-in leads to.
type Move string

// The moves. On from the last step stays there.
const (
	Stay Move = "stay"
	On   Move = "on"
	Back Move = "back"
)

// moveOf is where a programme goes from a step that began at one time, by a check-in at another. What is too hard goes back at once. It goes on when the
// week is over and it was done, or sooner where it was too easy, but never by the day: that is how people hurt themselves.
func (r *Rules) moveOf(step, steps int, began, at time.Time, outcome Outcome, felt Felt) Move {
	days := daysBetween(began, at)
	switch {
	case felt == TooHard && step > 1:
		return Back
	case felt == TooHard, outcome == Not:
		return Stay
	case step >= steps:
		return Stay
	case felt == TooEasy && days >= r.EasyDays:
		return On
	case outcome == Done && days >= r.WeekDays:
		return On
	}
	return Stay
}

// daysBetween is how many days of London's calendar lie between two moments.
func daysBetween(from, to time.Time) int {
	day := func(t time.Time) time.Time {
		y, m, d := t.In(london.Zone).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(day(to).Sub(day(from)).Hours() / 24)
}

// quietAt is when somebody who was last heard of at a time has been quiet for so many days: the same time by London's clock, also where the clocks have
// changed in between.
func quietAt(last time.Time, days int) time.Time {
	l := last.In(london.Zone)
	at, _ := london.Time(l.Year(), l.Month(), l.Day()+days, l.Hour(), l.Minute(), l.Second())
	return at.UTC()
}
