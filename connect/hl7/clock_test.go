package hl7

import (
	"strings"
	"testing"
	"time"
)

// The clocks go forward on 29 March 2026 and back on 25 October 2026.
func TestTimesAcrossTheClockChange(t *testing.T) {
	for _, c := range []struct{ sent, text, want, warns string }{
		{"20260115093000", "20260115093000", "2026-01-15T09:30:00Z", ""},
		{"20260715093000", "20260715093000", "2026-07-15T09:30:00+01:00", ""},
		{"20260715093000", "202607150930", "2026-07-15T09:30:00+01:00", ""},
		{"20260715093000", "2026071509", "2026-07-15T09:00:00+01:00", ""},
		{"20260715093000", "20260715", "2026-07-15", ""},
		{"20260715093000", "202607", "2026-07", ""},
		{"20260715093000", "20260715093000.123", "2026-07-15T09:30:00.123+01:00", ""},
		{"20260715093000", "202607152400", "2026-07-16T00:00:00+01:00", ""},
		{"20260715093000", "20260715093000+0000", "2026-07-15T09:30:00Z", ""},
		// forward: 01:30 did not happen
		{"20260329030000", "20260329005959", "2026-03-29T00:59:59Z", ""},
		{"20260329030000", "20260329013000", "2026-03-29T02:30:00+01:00", "did not happen"},
		{"20260329030000", "20260329020000", "2026-03-29T02:00:00+01:00", ""},
		// back: 01:30 happened twice; without more to go by, the first is meant
		{"20261026090000", "20261025013000", "2026-10-25T01:30:00+01:00", "happened twice"},
		{"20261026090000", "20261025005959", "2026-10-25T00:59:59+01:00", ""},
		{"20261026090000", "20261025020000", "2026-10-25T02:00:00Z", ""},
		// the message was sent between the two: the first; soon after the second: the second
		{"20261025013100+0100", "20261025013000", "2026-10-25T01:30:00+01:00", "happened twice"},
		{"20261025013100+0000", "20261025013000", "2026-10-25T01:30:00Z", "happened twice"},
		// an offset that London never has is everybody's
		{"20260715093000-0500", "20260715093000", "2026-07-15T09:30:00-05:00", ""},
		// London's own offset of the day is no claim about other days
		{"20260715093000+0100", "20260115093000", "2026-01-15T09:30:00Z", ""},
		{"20260715093000", "2026x", "", "no date"},
		{"20260715093000", "20261315", "", "no date"},
	} {
		m := parse(t, `MSH|^~\&|LAB|ZZ1|||`+c.sent+"||ORU^R01|1|P|2.4\nNTE|1||"+c.text)
		var warned []string
		clock := clockOf(m, nil, time.Time{}, func(at, format string, args ...any) { warned = append(warned, format) })
		got := ""
		if d := clock.dateTime("NTE-3", m.First("NTE").Field(3)); d.Year != 0 {
			got = d.String()
		}
		if got != c.want || (c.warns != "") != (len(warned) > 0) || c.warns != "" && !strings.Contains(warned[0], c.warns) {
			t.Errorf("%s in a message of %s is %s, want %s; warnings %q", c.text, c.sent, got, c.want, warned)
		}
	}
}
