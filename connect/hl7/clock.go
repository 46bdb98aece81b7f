package hl7

import (
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
)

// clock reads the times of one message. A time without an offset is in the message's own place: Europe/London, unless
// MSH-7 bears an offset that London does not have at that moment, which is then everybody's (HL7 v2.8 chapter 2A.3.22).
type clock struct {
	place *time.Location
	near  time.Time // when the message was sent, or came: what decides which of two equal hours is meant
	warn  func(at, format string, args ...any)
}

// recent is how long before its message an event may lie for the message's time to say which hour it was in.
const recent = 3 * time.Hour

// dateTime reads TS or DTM as far as it is known: YYYY[MM[DD[HH[MM[SS[.S…]]]]]][±ZZZZ]. A time without minutes or seconds
// gets zeros, since FHIR has no coarser time.
func (c *clock) dateTime(at string, p Part) fhir.DateTime {
	text := p.Text()
	if text == "" {
		return fhir.DateTime{}
	}
	d, ok := c.parse(at, text)
	if !ok {
		c.warn(at, "%q is no date or time and was left out", text)
	}
	return d
}

// day reads the day of a date or time as it is written, whatever its zone.
func (c *clock) day(at string, p Part) fhir.Date {
	text := p.Text()
	digits := text[:digitsIn(text)]
	if text == "" {
		return fhir.Date{}
	}
	d, ok := dayOf(digits[:min(8, len(digits))])
	if !ok {
		c.warn(at, "%q is no date and was left out", text)
	}
	return d
}

// moment is dateTime as a moment, false where the day or the time of day is not known.
func (c *clock) moment(p Part) (time.Time, bool) {
	quiet := clock{c.place, c.near, func(string, string, ...any) {}}
	d, ok := quiet.parse("", p.Text())
	if !ok || d.Day == 0 {
		return time.Time{}, false
	}
	return d.LowIn(c.place), true
}

func (c *clock) parse(at, text string) (fhir.DateTime, bool) {
	n := digitsIn(text)
	digits, rest := text[:n], text[n:]
	day, ok := dayOf(digits[:min(8, n)])
	if !ok || n > 14 || n%2 != 0 {
		return fhir.DateTime{}, false
	}
	nanos, places := 0, 0
	if strings.HasPrefix(rest, ".") {
		places = digitsIn(rest[1:])
		if places > 9 {
			return fhir.DateTime{}, false
		}
		nanos, _ = strconv.Atoi((rest[1:1+places] + "000000000")[:9])
		rest = rest[1+places:]
	}
	offset, zoned, ok := zone(strings.TrimSpace(rest))
	if !ok {
		return fhir.DateTime{}, false
	}
	if n <= 8 {
		return day, true
	}
	digits = (digits + "0000")[:14]
	hour, _ := strconv.Atoi(digits[8:10])
	minute, _ := strconv.Atoi(digits[10:12])
	second, _ := strconv.Atoi(digits[12:14])
	if hour == 24 && minute == 0 && second == 0 { // midnight at the day's end
		next := time.Date(int(day.Year), time.Month(day.Month), int(day.Day)+1, 0, 0, 0, 0, time.UTC)
		day, hour = fhir.DateOf(next), 0
	}
	if hour > 23 || minute > 59 || second > 59 {
		return fhir.DateTime{}, false
	}
	local := time.Date(int(day.Year), time.Month(day.Month), int(day.Day), hour, minute, second, nanos, time.UTC)
	if !zoned {
		local, offset = c.settle(at, local)
	}
	d := fhir.DateOf(local)
	d.Clock = fhir.Clock{Hour: uint8(local.Hour()), Minute: uint8(local.Minute()), Second: uint8(local.Second()),
		Known: fhir.Second}
	if places > 0 {
		d.Clock.Places, d.Clock.Nanos, d.Clock.Known = uint8(places), int32(nanos), fhir.Fraction
	}
	d.Zone, d.Zoned = int16(offset/60), true
	return d, true
}

// settle finds the offset of a local time, in seconds. In October an hour happens twice: of its two readings the later
// one that is not after the message is meant, where the message is recent; else the first, in summer time. In March an
// hour does not happen: the sender's clock had not been put forward, so the moment is read in winter time and written as
// what the clocks showed.
func (c *clock) settle(at string, local time.Time) (time.Time, int) {
	_, before := local.Add(-12 * time.Hour).In(c.place).Zone()
	_, after := local.Add(12 * time.Hour).In(c.place).Zone()
	if before == after {
		_, off := local.Add(-time.Duration(before) * time.Second).In(c.place).Zone()
		return local, off
	}
	first := local.Add(-time.Duration(max(before, after)) * time.Second) // by the summer offset
	second := local.Add(-time.Duration(min(before, after)) * time.Second)
	_, offFirst := first.In(c.place).Zone()
	_, offSecond := second.In(c.place).Zone()
	switch {
	case offFirst == offSecond:
		return local, offFirst
	case offFirst < offSecond: // the gap: neither reading comes back to the same clock
		shown := second.In(c.place)
		_, off := shown.Zone()
		c.warn(at, "%s did not happen: the clocks went forward; read as %s", local.Format("2006-01-02 15:04"), shown.Format("15:04 MST"))
		return time.Date(shown.Year(), shown.Month(), shown.Day(), shown.Hour(), shown.Minute(), shown.Second(), local.Nanosecond(), time.UTC), off
	}
	meant, off := first, offFirst
	if age := c.near.Sub(second); !c.near.IsZero() && age >= -time.Minute && age < recent {
		meant, off = second, offSecond
	}
	c.warn(at, "%s happened twice, when the clocks went back; read as %s", local.Format("2006-01-02 15:04"), meant.In(c.place).Format("15:04 MST"))
	return local, off
}

func digitsIn(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// dayOf reads YYYY, YYYYMM or YYYYMMDD.
func dayOf(digits string) (fhir.Date, bool) {
	switch len(digits) {
	case 4:
	case 6:
		digits = digits[:4] + "-" + digits[4:]
	case 8:
		digits = digits[:4] + "-" + digits[4:6] + "-" + digits[6:]
	default:
		return fhir.Date{}, false
	}
	d, err := fhir.ParseDate(digits)
	return d, err == nil && d.Year > 0
}

// zone reads ±ZZZZ in seconds.
func zone(s string) (offset int, zoned, ok bool) {
	if s == "" {
		return 0, false, true
	}
	if len(s) != 5 || s[0] != '+' && s[0] != '-' || digitsIn(s[1:]) != 4 {
		return 0, false, false
	}
	h, _ := strconv.Atoi(s[1:3])
	m, _ := strconv.Atoi(s[3:])
	if h > 14 || m > 59 {
		return 0, false, false
	}
	offset = h*3600 + m*60
	if s[0] == '-' {
		offset = -offset
	}
	return offset, true, true
}

// clockOf makes the clock of a message from MSH-7.
func clockOf(m *Message, place *time.Location, received time.Time, warn func(at, format string, args ...any)) *clock {
	if place == nil {
		place = london.Zone
	}
	c := &clock{place: place, near: received, warn: func(string, string, ...any) {}}
	text := m.At(0).Field(7).Text()
	if sent, ok := c.parse("MSH-7", text); ok && sent.Day != 0 {
		moment := sent.LowIn(place)
		if _, zoned, _ := zone(strings.TrimSpace(strings.TrimLeft(text, "0123456789."))); zoned {
			c.near = moment
			if _, off := moment.In(place).Zone(); off != int(sent.Zone)*60 {
				c.place = time.FixedZone("", int(sent.Zone)*60)
			}
		} else if c.near.IsZero() {
			c.near = moment
		}
	}
	c.warn = warn
	return c
}
