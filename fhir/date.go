package fhir

import (
	"strconv"
	"time"
)

// Precision says how far a date or time is known.
type Precision uint8

// The precisions, from coarse to fine. A second may carry any number of fraction digits and is then Fraction.
const (
	Year Precision = iota + 1
	Month
	Day
	Hour
	Minute
	Second
	Fraction
)

var precisionNames = [...]string{"", "year", "month", "day", "hour", "minute", "second", "fraction of a second"}

// String names the precision.
func (p Precision) String() string { return precisionNames[p] }

// Clock is a time of day as far as it is known. The zero Clock is not known at all.
type Clock struct {
	Hour, Minute, Second uint8
	Places               uint8 // digits written after the second
	Nanos                int32
	Known                Precision // 0, or Hour to Fraction
}

// DateTime is a date, or a date with a time of day, as far as it is known: 2020, 2020-03, 2020-03-01 and
// 2020-03-01T10:00:00+01:00 are all DateTimes. https://hl7.org/fhir/R4/datatypes.html#dateTime
type DateTime struct {
	Year       int16
	Month, Day uint8 // 0 where not known
	Clock      Clock
	Zone       int16 // minutes east of UTC
	Zoned      bool
}

// Date is a DateTime without a time of day.
type Date = DateTime

// Time is a time of day.
type Time = Clock

// ParseDate reads YYYY, YYYY-MM or YYYY-MM-DD.
func ParseDate[T ~string | ~[]byte](s T) (Date, error) {
	d, n, ok := scanDate(s)
	if !ok || n != len(s) {
		return Date{}, Errorf(Invalid, "%q is not a date (YYYY, YYYY-MM or YYYY-MM-DD)", shorten(string(s)))
	}
	return d, nil
}

// ParseDateTime reads a date, a dateTime or an instant. It also reads what search and FHIRPath allow beyond those: a
// time that ends after the hour or the minute, a bare T, and a time without a zone. It does not allocate.
func ParseDateTime[T ~string | ~[]byte](s T) (DateTime, error) {
	d, n, ok := scanDate(s)
	if ok && n < len(s) && s[n] == 'T' {
		if n++; n < len(s) {
			var m int
			d.Clock, m, ok = scanClock(s[n:])
			ok = ok && d.Day != 0
			n += m
		}
		if ok && n < len(s) {
			var m int
			d.Zone, m, ok = scanZone(s[n:])
			d.Zoned = ok
			n += m
		}
	}
	if !ok || n != len(s) {
		return DateTime{}, Errorf(Invalid, "%q is not a date or dateTime (YYYY-MM-DDThh:mm:ss+zz:zz)", shorten(string(s)))
	}
	return d, nil
}

// ParseTime reads a time of day, hh to hh:mm:ss.ffff.
func ParseTime[T ~string | ~[]byte](s T) (Time, error) {
	c, n, ok := scanClock(s)
	if !ok || n != len(s) {
		return Time{}, Errorf(Invalid, "%q is not a time of day (hh:mm:ss)", shorten(string(s)))
	}
	return c, nil
}

func scanDate[T ~string | ~[]byte](s T) (d DateTime, n int, ok bool) {
	if len(s) < 4 {
		return d, 0, false
	}
	century, ok1 := pair(s, 0)
	rest, ok2 := pair(s, 2)
	d.Year = int16(century)*100 + int16(rest)
	if !ok1 || !ok2 || d.Year == 0 {
		return d, 0, false
	}
	if len(s) < 5 || s[4] != '-' {
		return d, 4, true
	}
	if d.Month, ok = pair(s, 5); !ok || d.Month < 1 || d.Month > 12 {
		return d, 0, false
	}
	if len(s) < 8 || s[7] != '-' {
		return d, 7, true
	}
	if d.Day, ok = pair(s, 8); !ok || d.Day < 1 || int(d.Day) > DaysIn(int(d.Year), int(d.Month)) {
		return d, 0, false
	}
	return d, 10, true
}

func scanClock[T ~string | ~[]byte](s T) (c Clock, n int, ok bool) {
	if c.Hour, ok = pair(s, 0); !ok || c.Hour > 23 {
		return c, 0, false
	}
	c.Known = Hour
	if len(s) < 3 || s[2] != ':' {
		return c, 2, true
	}
	if c.Minute, ok = pair(s, 3); !ok || c.Minute > 59 {
		return c, 0, false
	}
	c.Known = Minute
	if len(s) < 6 || s[5] != ':' {
		return c, 5, true
	}
	// 60 is a leap second: FHIR allows it.
	if c.Second, ok = pair(s, 6); !ok || c.Second > 60 {
		return c, 0, false
	}
	c.Known = Second
	if len(s) < 9 || s[8] != '.' {
		return c, 8, true
	}
	n = 9
	unit := int32(100_000_000)
	for ; n < len(s) && s[n] >= '0' && s[n] <= '9'; n++ {
		c.Nanos += int32(s[n]-'0') * unit
		unit /= 10
	}
	c.Known, c.Places = Fraction, uint8(min(n-9, 9))
	return c, n, n > 9
}

func scanZone[T ~string | ~[]byte](s T) (minutes int16, n int, ok bool) {
	if s[0] == 'Z' {
		return 0, 1, true
	}
	if s[0] != '+' && s[0] != '-' || len(s) < 6 || s[3] != ':' {
		return 0, 0, false
	}
	h, ok1 := pair(s, 1)
	m, ok2 := pair(s, 4)
	if !ok1 || !ok2 || h > 14 || m > 59 {
		return 0, 0, false
	}
	minutes = int16(h)*60 + int16(m)
	if s[0] == '-' {
		minutes = -minutes
	}
	return minutes, 6, true
}

// pair reads the two digits at s[i].
func pair[T ~string | ~[]byte](s T, i int) (uint8, bool) {
	if len(s) < i+2 {
		return 0, false
	}
	a, b := s[i]-'0', s[i+1]-'0'
	return a*10 + b, a <= 9 && b <= 9
}

// DaysIn is the number of days of a month, 1 to 12.
func DaysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// Precision says how far the date is known.
func (d DateTime) Precision() Precision {
	switch {
	case d.Clock.Known != 0:
		return d.Clock.Known
	case d.Day != 0:
		return Day
	case d.Month != 0:
		return Month
	case d.Year != 0:
		return Year
	}
	return 0
}

// Low is the first moment d may stand for. Where d has no zone it is read in UTC.
func (d DateTime) Low() time.Time { return d.LowIn(time.UTC) }

// High is the first moment after those d may stand for. Where d has no zone it is read in UTC.
func (d DateTime) High() time.Time { return d.HighIn(time.UTC) }

// LowIn is Low, but read in a place where d has no zone of its own.
func (d DateTime) LowIn(place *time.Location) time.Time {
	return d.at(place, int(d.Year), max(int(d.Month), 1), max(int(d.Day), 1), int(d.Clock.Hour), int(d.Clock.Minute), int(d.Clock.Second), int(d.Clock.Nanos))
}

// HighIn is High, but read in a place where d has no zone of its own.
func (d DateTime) HighIn(place *time.Location) time.Time {
	switch d.Precision() {
	case Year:
		return d.at(place, int(d.Year)+1, 1, 1, 0, 0, 0, 0)
	case Month:
		return d.at(place, int(d.Year), int(d.Month)+1, 1, 0, 0, 0, 0)
	case Day:
		return d.at(place, int(d.Year), int(d.Month), int(d.Day)+1, 0, 0, 0, 0)
	}
	return d.LowIn(place).Add(d.Clock.unit())
}

func (d DateTime) at(place *time.Location, year, month, day, hour, minute, second, nanos int) time.Time {
	if d.Zoned {
		t := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
		return t.Add(-time.Duration(d.Zone) * time.Minute)
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, nanos, place).UTC()
}

// unit is how long the last known part of a clock lasts.
func (c Clock) unit() time.Duration {
	switch c.Known {
	case Hour:
		return time.Hour
	case Minute:
		return time.Minute
	case Second:
		return time.Second
	}
	unit := time.Second
	for range c.Places {
		unit /= 10
	}
	return unit
}

// DateTimeOf is t in its own zone, to the millisecond.
func DateTimeOf(t time.Time) DateTime {
	_, offset := t.Zone()
	d := DateOf(t)
	d.Zone, d.Zoned = int16(offset/60), true
	millis := int32(t.Nanosecond() / 1e6 * 1e6)
	d.Clock = Clock{Hour: uint8(t.Hour()), Minute: uint8(t.Minute()), Second: uint8(t.Second()), Nanos: millis, Places: 3, Known: Fraction}
	return d
}

// DateOf is the day of t in its own zone.
func DateOf(t time.Time) Date {
	return Date{Year: int16(t.Year()), Month: uint8(t.Month()), Day: uint8(t.Day())}
}

// String writes d as far as it is known.
func (d DateTime) String() string { return string(d.AppendText(make([]byte, 0, 32))) }

// AppendText appends d as far as it is known.
func (d DateTime) AppendText(b []byte) []byte {
	b = appendPadded(b, int(d.Year), 4)
	if d.Month != 0 {
		b = appendPadded(append(b, '-'), int(d.Month), 2)
	}
	if d.Day != 0 {
		b = appendPadded(append(b, '-'), int(d.Day), 2)
	}
	if d.Clock.Known == 0 {
		return b
	}
	b = d.Clock.AppendText(append(b, 'T'))
	if !d.Zoned {
		return b
	}
	zone := int(d.Zone)
	if zone == 0 {
		return append(b, 'Z')
	}
	sign := byte('+')
	if zone < 0 {
		sign, zone = '-', -zone
	}
	b = appendPadded(append(b, sign), zone/60, 2)
	return appendPadded(append(b, ':'), zone%60, 2)
}

// String writes c as far as it is known.
func (c Clock) String() string { return string(c.AppendText(make([]byte, 0, 16))) }

// AppendText appends c as far as it is known.
func (c Clock) AppendText(b []byte) []byte {
	if c.Known >= Hour {
		b = appendPadded(b, int(c.Hour), 2)
	}
	if c.Known >= Minute {
		b = appendPadded(append(b, ':'), int(c.Minute), 2)
	}
	if c.Known >= Second {
		b = appendPadded(append(b, ':'), int(c.Second), 2)
	}
	if c.Known == Fraction {
		nanos := int(c.Nanos)
		for range 9 - c.Places {
			nanos /= 10
		}
		b = appendPadded(append(b, '.'), nanos, int(c.Places))
	}
	return b
}

func appendPadded(b []byte, n, width int) []byte {
	for unit := 10; width > 1; width-- {
		if n < unit {
			for range width - 1 {
				b = append(b, '0')
			}
			break
		}
		unit *= 10
	}
	return strconv.AppendInt(b, int64(n), 10)
}
