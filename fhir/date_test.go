package fhir

import (
	"testing"
	"time"
)

func TestDateTimeRange(t *testing.T) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Skip("no time zones here: ", err)
	}
	for _, c := range []struct {
		in, low, high string
		place         *time.Location
		precision     Precision
	}{
		{"2020", "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z", time.UTC, Year},
		{"2020-12", "2020-12-01T00:00:00Z", "2021-01-01T00:00:00Z", time.UTC, Month},
		{"2020-02-29", "2020-02-29T00:00:00Z", "2020-03-01T00:00:00Z", time.UTC, Day},
		{"2020-07-01", "2020-06-30T23:00:00Z", "2020-07-01T23:00:00Z", london, Day},
		{"2020-03-29", "2020-03-29T00:00:00Z", "2020-03-29T23:00:00Z", london, Day}, // the clocks go forward
		{"2020-07-01T10", "2020-07-01T10:00:00Z", "2020-07-01T11:00:00Z", time.UTC, Hour},
		{"2020-07-01T10:30", "2020-07-01T10:30:00Z", "2020-07-01T10:31:00Z", time.UTC, Minute},
		{"2020-07-01T10:30+02:00", "2020-07-01T08:30:00Z", "2020-07-01T08:31:00Z", london, Minute},
		{"2020-07-01T10:30:00-05:30", "2020-07-01T16:00:00Z", "2020-07-01T16:00:01Z", time.UTC, Second},
		{"2020-07-01T10:30:00.25Z", "2020-07-01T10:30:00.25Z", "2020-07-01T10:30:00.26Z", time.UTC, Fraction},
		{"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z", "2017-01-01T00:00:01Z", time.UTC, Second},
		{"0001", "0001-01-01T00:00:00Z", "0002-01-01T00:00:00Z", time.UTC, Year},
		{"9999", "9999-01-01T00:00:00Z", "10000-01-01T00:00:00Z", time.UTC, Year},
	} {
		d, err := ParseDateTime(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		low, high := d.LowIn(c.place).Format(time.RFC3339Nano), d.HighIn(c.place).Format(time.RFC3339Nano)
		if low != c.low || high != c.high || d.String() != c.in || d.Precision() != c.precision {
			t.Errorf("%s: got %s as %s to %s, %s", c.in, d, low, high, d.Precision())
		}
	}
}

func TestNotADateTime(t *testing.T) {
	for _, bad := range []string{"", "20", "0000", "2020-13", "2020-00", "2021-02-29", "2020-1-1", "2020-01-01T24:00:00Z", "2020-01-01T10:60",
		"2020-01-01T10:00:00.Z", "2020-01-01T10:00:00+15:00", "2020-01T10:00", "2020-01-01 10:00", "2020-01-01T10:00:00z", "2020-01-01TZ0", "-2020", "2020-01-01Z"} {
		if d, err := ParseDateTime(bad); err == nil {
			t.Errorf("%q was read as %s", bad, d)
		}
	}
	if d, err := ParseDate("2020-01-01T10:00:00Z"); err == nil {
		t.Errorf("a dateTime was read as the date %s", d)
	}
}

func FuzzDateTime(f *testing.F) {
	for _, s := range []string{"2020", "2020-02-29T23:59:60.123456789-14:00", "2020T", "2020-01-01T10"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDateTime(s)
		if err != nil {
			return
		}
		back, err := ParseDateTime(d.String())
		if err != nil || back != d {
			t.Fatalf("%q is written %s, which is not the same", s, d)
		}
		if !d.Low().Before(d.High()) {
			t.Fatalf("%s lasts from %s to %s", d, d.Low(), d.High())
		}
		if _, err := time.Parse(time.RFC3339, s); err == nil && d.Clock.Second < 60 && d.Clock.Places < 9 {
			if want, _ := time.Parse(time.RFC3339, s); !want.Equal(d.Low()) {
				t.Fatalf("%s is %s, want %s", s, d.Low(), want)
			}
		}
	})
}
