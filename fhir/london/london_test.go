package london

import (
	"testing"
	"time"
)

func TestClockChange(t *testing.T) {
	for _, c := range []struct {
		month             time.Month
		day, hour, minute int
		want              string
		sure              bool
	}{
		{time.January, 5, 9, 30, "2026-01-05T09:30:00Z", true},
		{time.July, 5, 9, 30, "2026-07-05T09:30:00+01:00", true},
		{time.March, 29, 0, 59, "2026-03-29T00:59:00Z", true},
		{time.March, 29, 1, 30, "2026-03-29T02:30:00+01:00", false}, // there was no such time
		{time.March, 29, 2, 0, "2026-03-29T02:00:00+01:00", true},
		{time.October, 25, 0, 59, "2026-10-25T00:59:00+01:00", true},
		{time.October, 25, 1, 30, "2026-10-25T01:30:00+01:00", false}, // it came twice
		{time.October, 25, 2, 0, "2026-10-25T02:00:00Z", true},
	} {
		at, sure := Time(2026, c.month, c.day, c.hour, c.minute, 0)
		if got := at.Format(time.RFC3339); got != c.want || sure != c.sure {
			t.Errorf("%v %d %02d:%02d: %s %v, want %s %v", c.month, c.day, c.hour, c.minute, got, sure, c.want, c.sure)
		}
		if got := DateTime(at).String(); got != c.want {
			t.Errorf("as FHIR %s, want %s", got, c.want)
		}
	}
}
