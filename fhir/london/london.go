// Package london reads clock times as people in Britain write them: without saying whether it is summer.
//
// Twice a year that leaves a question. The hour from 01:00 to 02:00 comes twice when the clocks go back: the first, in summer time,
// is meant, and Sure is false. It does not come at all when they go forward: then the time is read as winter time, an hour later by
// the clock, and Sure is false. https://www.gov.uk/when-do-the-clocks-change
package london

import (
	"time"
	_ "time/tzdata" // a server may have no time zones of its own

	"github.com/kith-care/kith/fhir"
)

// Zone is Europe/London.
var Zone = zone()

func zone() *time.Location {
	l, err := time.LoadLocation("Europe/London")
	if err != nil {
		panic(err) // it is built in
	}
	return l
}

// Time is the moment of a clock time. Sure is false in the hour that comes twice and in the one that does not come.
func Time(year int, month time.Month, day, hour, minute, second int) (at time.Time, sure bool) {
	winter := time.Date(year, month, day, hour, minute, second, 0, time.UTC)
	summer := winter.Add(-time.Hour)
	inWinter, inSummer := offset(winter) == 0, offset(summer) == 3600
	switch {
	case inSummer:
		return summer.In(Zone), !inWinter
	case inWinter:
		return winter.In(Zone), true
	}
	return winter.In(Zone), false
}

// offset is how far London's clocks are ahead at a moment, in seconds.
func offset(at time.Time) int {
	_, seconds := at.In(Zone).Zone()
	return seconds
}

// DateTime is a moment as London's clocks show it, to the second, as FHIR writes it.
func DateTime(t time.Time) fhir.DateTime {
	d := fhir.DateTimeOf(t.In(Zone))
	d.Clock.Known, d.Clock.Places, d.Clock.Nanos = fhir.Second, 0, 0
	return d
}
