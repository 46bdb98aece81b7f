package words

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/kith-care/kith/fhir/london"
)

// clockWords are how a language says the time of day. AM and PM follow the number.
type clockWords struct{ AM, PM, Midday, Midnight, At string }

// english is the language that texts are written in.
func english() *Lang {
	l := &Lang{Code: "en", Name: "English", English: "English", Dir: "ltr", tag: language.English, clock: clockWords{"am", "pm", "midday", "midnight", "%s at %s"}}
	for d := time.Sunday; d <= time.Saturday; d++ {
		l.days = append(l.days, d.String())
	}
	for m := time.January; m <= time.December; m++ {
		l.months = append(l.months, m.String())
	}
	return l
}

// Date is a day in London, such as 3 August 2026. https://service-manual.nhs.uk/content/numbers-measurements-dates-time
func (l *Lang) Date(t time.Time) string {
	t = t.In(london.Zone)
	return strconv.Itoa(t.Day()) + " " + l.months[t.Month()-1] + " " + strconv.Itoa(t.Year())
}

// Day is a day in London with its name, such as Monday 3 August.
func (l *Lang) Day(t time.Time) string {
	t = t.In(london.Zone)
	return l.days[t.Weekday()] + " " + strconv.Itoa(t.Day()) + " " + l.months[t.Month()-1]
}

// Clock is a time of day in London, such as 2:30pm, 9am, midday.
func (l *Lang) Clock(t time.Time) string {
	t = t.In(london.Zone)
	hour, minute := t.Hour(), t.Minute()
	switch {
	case hour == 0 && minute == 0:
		return l.clock.Midnight
	case hour == 12 && minute == 0:
		return l.clock.Midday
	}
	half := l.clock.AM
	if hour >= 12 {
		half = l.clock.PM
	}
	if hour %= 12; hour == 0 {
		hour = 12
	}
	text := strconv.Itoa(hour)
	if minute > 0 {
		text += ":" + strconv.Itoa(100 + minute)[1:]
	}
	return text + half
}

// When is a moment in London, such as Monday 3 August at 2:30pm.
func (l *Lang) When(t time.Time) string {
	return strings.Replace(strings.Replace(l.clock.At, "%s", l.Day(t), 1), "%s", l.Clock(t), 1)
}

// Month is the name of a month.
func (l *Lang) Month(m time.Month) string { return l.months[m-1] }
