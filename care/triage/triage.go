// Package triage answers somebody who asks for help: how soon, from whom, and why.
//
// A person says in their own words what is wrong. A lexicon of findings (findings/*.yaml) hears what is present, what is absent
// and for how long (hear.go); packs (packs/*.yaml), one for each complaint, say what follows. A pack has floors, which set a
// minimum whatever else is so (floor.go), and a score, which is an ordinal logistic model with integer weights (score.go). The
// level chosen is the one with the least expected cost, where seeing somebody too late costs λ times the square of how much too
// late and seeing them too early costs as many steps as it is too early. What is not known is bounds: questions are asked while
// the best and the worst case would end differently (ask.go). Facts of the record count like answers (facts.yaml, facts.go).
//
// Findings, facts and packs are data with author, sources, version and date of review; docs/triage.md says how they are written.
// Nothing here reads a clock or a record by itself but facts.go, so the same answers always give the same level and the
// same reasons.
package triage

import (
	"slices"

	"github.com/kith-care/kith/fhir"
)

// Level is how soon somebody needs help, and where: the greater, the sooner.
type Level int

// The levels. Of published comparisons of symptom checkers, SelfCare is "self-care", Routine and SameDay are "non-emergency", Emergency and
// Call999 are "emergency".
const (
	SelfCare  Level = iota // the person can look after it themselves, told how and when to ask again
	Routine                // a GP, pharmacist or other service within seven days
	SameDay                // somebody to see or call them today
	Emergency              // an emergency department now
	Call999                // an ambulance
)

// Levels is how many levels there are.
const Levels = 5

var levelNames = [Levels]string{"self-care", "routine", "same-day", "emergency", "call-999"}
var levelTitles = [Levels]string{"Look after it yourself", "See somebody within a week", "Get help today", "Go to A&E now", "Call 999"}

// String is the level's name in packs: self-care, routine, same-day, emergency, call-999.
func (l Level) String() string { return levelNames[l] }

// Title is the level in words for the person.
func (l Level) Title() string { return levelTitles[l] }

// Group is the level's group in published comparisons: 0 self-care, 1 non-emergency, 2 emergency.
func (l Level) Group() int { return [Levels]int{0, 1, 1, 2, 2}[l] }

// ParseLevel reads a level's name.
func ParseLevel(name string) (Level, error) {
	if i := slices.Index(levelNames[:], name); i >= 0 {
		return Level(i), nil
	}
	return 0, fhir.Errorf(fhir.Invalid, "there is no level %q: it is one of self-care, routine, same-day, emergency, call-999", name)
}
