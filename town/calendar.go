package town

import "time"

const day = 24 * time.Hour

func date(year, month, dayOfMonth int) time.Time {
	return time.Date(year, time.Month(month), dayOfMonth, 0, 0, 0, 0, time.UTC)
}

// years returns the time from a to b in years.
func years(a, b time.Time) float64 { return b.Sub(a).Hours() / (365.2425 * 24) }

// after returns the day that many years after t.
func after(t time.Time, n float64) time.Time {
	return t.Add(time.Duration(n * 365.2425 * float64(day))).Truncate(day)
}

// workday moves a day at the weekend to the Monday.
func workday(t time.Time) time.Time {
	switch t.Weekday() {
	case time.Saturday:
		return t.Add(2 * day)
	case time.Sunday:
		return t.Add(day)
	}
	return t
}

// clock writes a moment as a clock in England shows it: 2024-05-03T09:40:00+01:00. Days are kept in UTC.
func clock(t time.Time) string {
	if summer(t) {
		return t.Format("2006-01-02T15:04:05") + "+01:00"
	}
	return t.Format("2006-01-02T15:04:05") + "+00:00"
}

// summer reports whether a clock that shows t is an hour ahead: from one o'clock of the last Sunday of March to that of
// October, whose second hour from one to two, shown twice, is taken to be the later.
func summer(t time.Time) bool {
	last := func(m int) time.Time {
		d := date(t.Year(), m, 31)
		return d.Add(-time.Duration(d.Weekday()) * day)
	}
	return !t.Before(last(3).Add(time.Hour)) && t.Before(last(10).Add(time.Hour))
}

func ymd(t time.Time) string { return t.Format("2006-01-02") }
