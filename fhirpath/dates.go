package fhirpath

import (
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
)

// compareMoments orders two dates or dateTimes, or two times, precision by precision; not known where one ends before
// they differ, or where only one has a zone and the other could lie on either side of it.
// https://hl7.org/fhirpath/#datetime-equality
func compareMoments(a, b value, zone *time.Location) (order int, known bool) {
	x, y := a.t, b.t
	if x.Clock.Known != 0 && y.Clock.Known != 0 && x.Zoned != y.Zoned && zone == nil {
		return compareUnzoned(x, y)
	}
	if x.Clock.Known != 0 && y.Clock.Known != 0 && (x.Zoned || y.Zoned) {
		x, y = inUTC(x, zone), inUTC(y, zone)
	}
	p, q := fields(x, a.kind), fields(y, b.kind)
	for i := range p {
		switch {
		case p[i] == unset && q[i] == unset:
			return 0, true
		case p[i] == unset || q[i] == unset:
			return 0, false
		case p[i] < q[i]:
			return -1, true
		case p[i] > q[i]:
			return 1, true
		}
	}
	return 0, true
}

// compareUnzoned compares where one side has no zone: known only if no zone on earth could change the answer.
func compareUnzoned(x, y fhir.DateTime) (order int, known bool) {
	early, late := 14*time.Hour, 12*time.Hour // a bare time is that much earlier or later in UTC
	if !y.Zoned {
		order, known = compareUnzoned(y, x)
		return -order, known
	}
	switch {
	case !x.High().Add(late).After(y.Low()):
		return -1, true
	case !y.High().After(x.Low().Add(-early)):
		return 1, true
	}
	return 0, false
}

const unset = int64(-1)

// fields are the parts from year or hour down; seconds and their fraction are one.
func fields(t fhir.DateTime, k Kind) [6]int64 {
	f := [6]int64{unset, unset, unset, unset, unset, unset}
	if k != Time {
		f[0] = int64(t.Year)
		if t.Month != 0 {
			f[1] = int64(t.Month)
		}
		if t.Day != 0 {
			f[2] = int64(t.Day)
		}
	} else {
		f[0], f[1], f[2] = 0, 0, 0
	}
	c := t.Clock
	if c.Known >= fhir.Hour {
		f[3] = int64(c.Hour)
	}
	if c.Known >= fhir.Minute {
		f[4] = int64(c.Minute)
	}
	if c.Known >= fhir.Second {
		f[5] = int64(c.Second)*1e9 + int64(c.Nanos)
	}
	return f
}

func inUTC(t fhir.DateTime, zone *time.Location) fhir.DateTime {
	if zone == nil {
		zone = time.UTC
	}
	return withTime(t, t.LowIn(zone))
}

// withTime is d moved to a moment, as precise as before.
func withTime(d fhir.DateTime, at time.Time) fhir.DateTime {
	d.Year = int16(at.Year())
	if d.Month != 0 {
		d.Month = uint8(at.Month())
	}
	if d.Day != 0 {
		d.Day = uint8(at.Day())
	}
	d.Clock.Hour, d.Clock.Minute, d.Clock.Second, d.Clock.Nanos = uint8(at.Hour()), uint8(at.Minute()), uint8(at.Second()), int32(at.Nanosecond())
	return d
}

// addDuration adds a quantity of time by the calendar. https://hl7.org/fhirpath/#datetime-arithmetic
func (s *scope) addDuration(v, q value, minus bool) (value, error) {
	if q.both {
		q = q.asCalendar()
	}
	unit := q.s
	if !q.calendar {
		unit = calendarOf[q.s]
		if unit == "" || unit == "year" || unit == "month" {
			return value{}, s.fail("a calendar duration such as 1 year can be added to a %s, not '%s'", v.kind, q.s)
		}
	}
	amount := signed(q.d, minus)
	if v.kind == Time {
		if unit == "year" || unit == "month" || unit == "week" || unit == "day" {
			return value{}, s.fail("a %s cannot be added to a Time", unit)
		}
		return addToTime(v, amount, unit), nil
	}
	n, places := wholeUnits(amount, unit)
	if n > 1e15 || n < -1e15 {
		return value{}, s.fail("the year is out of range")
	}
	t := v.t
	months, span := int64(0), time.Duration(0)
	switch precision := t.Precision(); {
	case precision == fhir.Year:
		months = 12 * perYear(n, unit)
	case precision == fhir.Month:
		months = perMonth(n, unit)
	case unit == "year":
		months = 12 * n
	case unit == "month":
		months = n
	default:
		days, rest := splitDays(n, unit)
		if precision == fhir.Day {
			rest = 0
		}
		if days > 4e6 || days < -4e6 {
			return value{}, s.fail("the year is out of range")
		}
		span = time.Duration(rest)
		t = withTime(t, bare(t).AddDate(0, 0, int(days)))
	}
	if months != 0 {
		total := int64(t.Year)*12 + int64(max(t.Month, 1)) - 1 + months
		year, month := floorDiv(total, 12), total-12*floorDiv(total, 12)+1
		if year < 1 || year > 9999 {
			return value{}, s.fail("the year is out of range")
		}
		t.Year = int16(year)
		if t.Month != 0 {
			t.Month = uint8(month)
		}
		if t.Day != 0 {
			t.Day = uint8(min(int(t.Day), fhir.DaysIn(int(year), int(month))))
		}
	}
	if span != 0 {
		t = addSpan(t, span, places)
	}
	if t.Year < 1 || t.Year > 9999 {
		return value{}, s.fail("the year is out of range")
	}
	v.t = t
	return v, nil
}

// wholeUnits cuts an amount to whole units, seconds to whole nanoseconds. Places is how many decimals they had.
func wholeUnits(amount fhir.Decimal, unit string) (n int64, places uint8) {
	switch unit {
	case "second":
		amount, places = amount.Mul(fhir.MakeDecimal(1, -9)), uint8(min(max(amount.Trim().Scale(), 0), 9))
	case "millisecond":
		amount, places = amount.Mul(fhir.MakeDecimal(1, -6)), 3
	}
	n, ok := amount.Trunc(0).Int64()
	if !ok {
		return 1e18, 0
	}
	return n, places
}

var unitHours = map[string]int64{"week": 168, "day": 24, "hour": 1}

// perYear and perMonth turn a finer duration into whole years or months: 365 and 30 days.
func perYear(n int64, unit string) int64 {
	switch unit {
	case "year":
		return n
	case "month":
		return n / 12
	}
	days, _ := splitDays(n, unit)
	return days / 365
}

func perMonth(n int64, unit string) int64 {
	switch unit {
	case "year":
		return n * 12
	case "month":
		return n
	}
	days, _ := splitDays(n, unit)
	return days / 30
}

// splitDays is a duration of weeks and less as whole days and the nanoseconds left.
func splitDays(n int64, unit string) (days, nanos int64) {
	const day = int64(24 * time.Hour)
	switch unit {
	case "week":
		return n * 7, 0
	case "day":
		return n, 0
	case "hour":
		return n / 24, n % 24 * int64(time.Hour)
	case "minute":
		return n / 1440, n % 1440 * int64(time.Minute)
	}
	return n / day, n % day
}

// addSpan adds less than a day to a date with a time of day, as far as its precision reaches.
func addSpan(t fhir.DateTime, span time.Duration, places uint8) fhir.DateTime {
	switch t.Clock.Known {
	case fhir.Hour:
		span = span.Truncate(time.Hour)
	case fhir.Minute:
		span = span.Truncate(time.Minute)
	}
	out := withTime(t, bare(t).Add(span))
	return moreExact(out, places)
}

// moreExact gives a time to the second the decimals that were added to it.
func moreExact(t fhir.DateTime, places uint8) fhir.DateTime {
	if t.Clock.Known >= fhir.Second && t.Clock.Nanos != 0 && places > t.Clock.Places {
		t.Clock.Known, t.Clock.Places = fhir.Fraction, max(places, 3)
	}
	return t
}

// bare is the local reading of a dateTime, its zone left aside; a leap second counts as the one before.
func bare(t fhir.DateTime) time.Time {
	c := t.Clock
	return time.Date(int(t.Year), time.Month(max(t.Month, 1)), int(max(t.Day, 1)), int(c.Hour), int(c.Minute), int(min(c.Second, 59)), int(c.Nanos), time.UTC)
}

// addToTime adds to a time of day, round the clock.
func addToTime(v value, amount fhir.Decimal, unit string) value {
	n, places := wholeUnits(amount, unit)
	_, nanos := splitDays(n, unit)
	t := v.t
	t.Year, t.Month, t.Day = 2000, 1, 2
	t = addSpan(t, time.Duration(nanos), places)
	v.t = fhir.DateTime{Clock: t.Clock}
	return v
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// boundary is lowBoundary() and highBoundary() of a date, dateTime or time, to a number of digits.
func momentBoundary(v value, digits int, high bool) (value, bool) {
	t := v.t
	if v.kind == Time {
		if digits != 2 && digits != 4 && digits != 6 && digits != 9 {
			return value{}, false
		}
		t.Clock = fillClock(t.Clock, high)
		v.t.Clock = cutClock(t.Clock, digits)
		return v, true
	}
	switch digits {
	case 4, 6, 8:
	case 10, 12, 14, 17:
		if v.kind == Date {
			return value{}, false
		}
	default:
		return value{}, false
	}
	if t.Month == 0 {
		t.Month = 1
		if high {
			t.Month = 12
		}
	}
	if t.Day == 0 {
		t.Day = 1
		if high {
			t.Day = uint8(fhir.DaysIn(int(t.Year), int(t.Month)))
		}
	}
	if digits <= 8 {
		t.Clock, t.Zoned, t.Zone = fhir.Clock{}, false, 0
		if digits < 8 {
			t.Day = 0
		}
		if digits < 6 {
			t.Month = 0
		}
		v.t = t
		return v, true
	}
	t.Clock = cutClock(fillClock(t.Clock, high), digits-8)
	if !t.Zoned {
		t.Zoned, t.Zone = true, 14*60
		if high {
			t.Zone = -12 * 60
		}
	}
	v.t = t
	return v, true
}

func fillClock(c fhir.Clock, high bool) fhir.Clock {
	last := func(n uint8) uint8 {
		if high {
			return n
		}
		return 0
	}
	if c.Known < fhir.Hour {
		c.Hour = last(23)
	}
	if c.Known < fhir.Minute {
		c.Minute = last(59)
	}
	if c.Known < fhir.Second {
		c.Second = last(59)
	}
	millis := c.Nanos / 1e6
	if high && c.Places < 3 {
		unit := int32(1000)
		for range c.Places {
			unit /= 10
		}
		millis += unit - 1
	}
	c.Nanos = millis * 1e6
	return c
}

func cutClock(c fhir.Clock, digits int) fhir.Clock {
	switch digits {
	case 2:
		return fhir.Clock{Hour: c.Hour, Known: fhir.Hour}
	case 4:
		return fhir.Clock{Hour: c.Hour, Minute: c.Minute, Known: fhir.Minute}
	case 6:
		return fhir.Clock{Hour: c.Hour, Minute: c.Minute, Second: c.Second, Known: fhir.Second}
	}
	c.Known, c.Places = fhir.Fraction, 3
	return c
}

// momentDigits is precision() of a date, dateTime or time.
func momentDigits(v value) int64 {
	n := int64(0)
	for _, c := range v.String() {
		if c == 'T' && v.kind != Time {
			continue
		}
		if c == '+' || c == 'Z' {
			break
		}
		if c >= '0' && c <= '9' {
			n++
		}
	}
	if v.t.Zoned && v.t.Zone < 0 {
		n -= 4
	}
	return n
}

// boundaries counts what lies between two moments: whole periods (duration) or borders crossed (difference).
func (s *scope) boundaries(a, b value, unit string, whole bool) (int64, bool, error) {
	unit = calendarUnits[strings.ToLower(unit)]
	if unit == "" {
		return 0, false, s.fail("the precision is one of year, month, week, day, hour, minute, second, millisecond")
	}
	x, y := a.t, b.t
	if a.kind == Time {
		x.Year, x.Month, x.Day, y.Year, y.Month, y.Day = 2000, 1, 1, 2000, 1, 1
	} else if x.Zoned && y.Zoned && (whole || unitHours[unit] <= 1) {
		x, y = inUTC(x, nil), inUTC(y, nil)
	}
	if need := precisionFor[unit]; x.Precision() < need || y.Precision() < need {
		return 0, false, nil
	}
	from, to := bare(x), bare(y)
	if !whole {
		from, to = floorTo(from, unit), floorTo(to, unit)
	}
	if unit == "year" || unit == "month" {
		n := int64(to.Year()-from.Year())*12 + int64(to.Month()) - int64(from.Month())
		if whole && n > 0 && from.AddDate(0, int(n), 0).After(to) {
			n--
		} else if whole && n < 0 && from.AddDate(0, int(n), 0).Before(to) {
			n++
		}
		if unit == "year" {
			n /= 12
		}
		return n, true, nil
	}
	return (to.UnixMilli() - from.UnixMilli()) / calendarMillis[unit], true, nil
}

var precisionFor = map[string]fhir.Precision{"year": fhir.Year, "month": fhir.Month, "week": fhir.Day, "day": fhir.Day,
	"hour": fhir.Hour, "minute": fhir.Minute, "second": fhir.Second, "millisecond": fhir.Second}

func floorTo(t time.Time, unit string) time.Time {
	switch unit {
	case "year":
		return time.Date(t.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	case "month":
		return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	case "week":
		day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
		return day.AddDate(0, 0, -int(day.Weekday()))
	}
	return t.Truncate(time.Duration(calendarMillis[unit]) * time.Millisecond)
}
