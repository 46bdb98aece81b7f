package kit

import (
	"fmt"
	"time"

	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/words"
)

// Date writes a FHIR date or dateTime as 14-Jul-1945, Jul-1945 or 1945, as precisely as it is known.
func Date(text string) string {
	if len(text) >= 10 {
		if t, err := time.Parse("2006-01-02", text[:10]); err == nil {
			if m, err := time.Parse(time.RFC3339, text); err == nil {
				t = m.In(london.Zone)
			}
			return t.Format("02-Jan-2006")
		}
	}
	if t, err := time.Parse("2006-01", text); err == nil {
		return t.Format("Jan-2006")
	}
	return text
}

// DateIn writes a FHIR date in a language, such as 14 July 1945; as Date does where it is not known to the day.
func DateIn(l *words.Lang, text string) string {
	if t, err := time.ParseInLocation("2006-01-02", text, london.Zone); err == nil {
		return l.Date(t)
	}
	return Date(text)
}

// Clock writes the time of day of a dateTime, "" where it has none.
func Clock(text string) string {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return ""
	}
	return t.In(london.Zone).Format("15:04")
}

// Moment returns the first instant a FHIR date or dateTime can mean; ok is false where it is neither.
func Moment(text string) (t time.Time, ok bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02", "2006-01", "2006"} {
		if t, err := time.ParseInLocation(layout, text, london.Zone); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// Age writes the age on a day: 81y from two years on, 14m under two, 5w under three months, 3d under four weeks.
func Age(born string, on time.Time) string {
	b, ok := Moment(born)
	if !ok || on.Before(b) {
		return ""
	}
	on = on.In(london.Zone)
	months := (on.Year()-b.Year())*12 + int(on.Month()) - int(b.Month())
	if len(born) >= 10 && on.Day() < b.Day() {
		months--
	}
	switch days := int(on.Sub(b).Hours() / 24); {
	case len(born) < 7: // only the year is known
		return fmt.Sprintf("about %dy", on.Year()-b.Year())
	case days < 28:
		return fmt.Sprintf("%dd", days)
	case months < 3:
		return fmt.Sprintf("%dw", days/7)
	case months < 24:
		return fmt.Sprintf("%dm", months)
	}
	return fmt.Sprintf("%dy", months/12)
}

// Ago says in words how long ago something was, from a year on: a value from 2019 must not look like today's.
func Ago(text string, now time.Time) string {
	t, ok := Moment(text)
	if !ok {
		return ""
	}
	switch months := int(now.Sub(t).Hours() / 24 / 30.44); {
	case months < 12:
		return ""
	case months < 24:
		return "over a year ago"
	default:
		return fmt.Sprintf("%d years ago", months/12)
	}
}
