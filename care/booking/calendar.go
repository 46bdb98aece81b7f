package booking

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Calendar is an appointment as a calendar file (RFC 5545): times in UTC, lines of 75 bytes at most, an alarm a day and an hour before. title, place and about are
// in the reader's language and say no more than they want their calendar to know.
func (a *Appointment) Calendar(now time.Time, title, place, about string) []byte {
	var b strings.Builder
	line := func(name, value string) { fold(&b, name+":"+value) }
	utc := func(t time.Time) string { return t.UTC().Format("20060102T150405Z") }
	status, method := "CONFIRMED", "PUBLISH"
	switch a.Status {
	case "cancelled", "noshow", "entered-in-error":
		status, method = "CANCELLED", "CANCEL"
	case "pending", "proposed", "waitlist":
		status = "TENTATIVE"
	}
	line("BEGIN", "VCALENDAR")
	line("VERSION", "2.0")
	line("PRODID", "-//Kith//Appointments//EN")
	line("METHOD", method)
	line("BEGIN", "VEVENT")
	line("UID", a.ID+"@kith")
	line("SEQUENCE", strconv.FormatInt(max(a.Version-1, 0), 10))
	line("DTSTAMP", utc(now))
	line("DTSTART", utc(a.Start))
	line("DTEND", utc(a.End))
	line("SUMMARY", escaped(title))
	if place != "" {
		line("LOCATION", escaped(place))
	}
	if about != "" {
		line("DESCRIPTION", escaped(about))
	}
	line("STATUS", status)
	line("CLASS", "PRIVATE")
	if status != "CANCELLED" {
		for _, before := range []string{"-P1D", "-PT1H"} {
			line("BEGIN", "VALARM")
			line("ACTION", "DISPLAY")
			line("DESCRIPTION", escaped(title))
			line("TRIGGER", before)
			line("END", "VALARM")
		}
	}
	line("END", "VEVENT")
	line("END", "VCALENDAR")
	return []byte(b.String())
}

// escaped is TEXT of RFC 5545, §3.3.11.
var escaper = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`)

func escaped(text string) string { return escaper.Replace(text) }

// fold ends a line and folds it where it is longer than 75 bytes, never within a letter (§3.1).
func fold(b *strings.Builder, text string) {
	const most = 75
	room := most
	for len(text) > room {
		cut := room
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		b.WriteString(text[:cut] + "\r\n ")
		text, room = text[cut:], most-1
	}
	b.WriteString(text + "\r\n")
}
