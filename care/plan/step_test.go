package plan

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/kith-care/kith/fhir/london"
)

func TestWhenSomebodyIsQuiet(t *testing.T) {
	for from, want := range map[string]string{
		"2026-11-02T09:30": "2026-11-09T09:30",
		"2026-10-22T09:30": "2026-10-29T09:30", // the clocks go back: 169 hours
		"2026-03-26T09:30": "2026-04-02T09:30", // and forward: 167
		"2026-10-18T01:30": "2026-10-25T01:30", // an hour that comes twice: the first
		"2026-03-22T01:30": "2026-03-29T02:30", // an hour that does not come
		"2026-12-28T23:59": "2027-01-04T23:59",
	} {
		at, err := time.ParseInLocation("2006-01-02T15:04", from, london.Zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := quietAt(at, 7).In(london.Zone).Format("2006-01-02T15:04"); got != want {
			t.Errorf("last heard of %s: quiet at %s, not %s", from, got, want)
		}
	}
}

func TestWhereAProgrammeGoes(t *testing.T) {
	r := &Rules{WeekDays: 7, EasyDays: 3}
	for _, one := range []struct {
		step, days int
		outcome    Outcome
		felt       Felt
		want       Move
	}{
		{1, 7, Done, "", On}, {1, 6, Done, "", Stay}, {1, 3, Done, TooEasy, On}, {1, 2, Done, TooEasy, Stay}, {1, 9, Partly, "", Stay}, {1, 9, Partly, TooEasy, On}, {1, 9, Not, TooEasy, Stay},
		{2, 0, Done, TooHard, Back}, {1, 9, Done, TooHard, Stay}, {2, 9, Not, "", Stay}, {8, 9, Done, JustRight, Stay}, {8, 9, Done, TooEasy, Stay}, {8, 1, Not, TooHard, Back},
	} {
		if got := r.moveOf(one.step, 8, start, start.AddDate(0, 0, one.days), one.outcome, one.felt); got != one.want {
			t.Errorf("%+v: %s", one, got)
		}
	}
}

func TestWhatOneLooksAtFirst(t *testing.T) {
	book, err := Load(Shipped())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Tramadol 50mg capsules": "controlled", "Zomorph 10mg m/r capsules": "controlled", "PREGABALIN 75mg": "controlled", "Methotrexate 2.5mg tablets": "monitored", "Sodium valproate 200mg": "monitored", "Ramipril 5mg": "", "Amlodipine 5mg": "", "Clonazepam/lithium": "controlled"} {
		got := ""
		if m := book.askFirst(name); m != nil {
			got = m.Kind
		}
		if got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
}

func TestWhenARepeatIsDue(t *testing.T) {
	rules := &RepeatRules{UsualDays: 28, EarlyDays: 7}
	noon := func(day string) time.Time {
		at, _ := time.ParseInLocation("2006-01-02 15:04", day+" 12:00", london.Zone)
		return at
	}
	for _, one := range []struct {
		last string
		days int
		now  string
		want string // from when, "" for now
	}{
		{"2026-11-02", 0, "2026-11-22", "2026-11-23"}, {"2026-11-02", 0, "2026-11-23", ""}, {"2026-11-02", 56, "2026-11-23", "2026-12-21"},
		{"2026-11-02", 7, "2026-11-04", "2026-11-06"}, // of a week's supply not the whole week early
		{"2026-10-19", 0, "2026-11-08", "2026-11-09"}, // over the change of the clocks
	} {
		r := &Repeat{Last: noon(one.last), Days: one.days}
		r.due(rules, noon(one.now))
		got := ""
		if r.Early() {
			got = r.From.In(london.Zone).Format(time.DateOnly)
		}
		if got != one.want {
			t.Errorf("%+v: %q", one, got)
		}
	}
	r := &Repeat{}
	if r.due(rules, start); r.Early() {
		t.Error("what was never issued is not due")
	}
}

func TestWorkingDays(t *testing.T) {
	for from, want := range map[string]string{"2026-11-02": "2026-11-04", "2026-11-05": "2026-11-09", "2026-11-06": "2026-11-10", "2026-11-07": "2026-11-10"} {
		at, _ := time.Parse(time.DateOnly, from)
		if got := workingDays(at.Add(12*time.Hour), 2).Format(time.DateOnly); got != want {
			t.Errorf("%s: %s, not %s", from, got, want)
		}
	}
}

func TestWhatIsWrongWithAProgrammeIsSaid(t *testing.T) {
	rules, err := shipped.ReadFile("programmes/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const head = "kind: exercise\ntitle: X\nwhat: Y\nversion: '1'\nauthor: Z\nreviewed: '2026-11-26'\nreview_by: '2027-11-26'\nsources: [{title: S, url: 'https://example.org'}]\n"
	const safe = "before: [b]\nstop: [s]\n"
	for text, want := range map[string]string{
		head: "no weeks",
		head + "weeks: [{title: A, times: 1, do: [b]}]":                                                 "before and stop",
		head + safe + "weeks: [{title: A, do: [b]}]":                                                    "how many times",
		head + safe + "weeks: [{title: A, times: 1, read: [{title: T, url: 'javascript:alert(1)'}]}]":   "https address",
		head + safe + "colour: red":                                                                     "colour",
		strings.Replace(head, "2027", "2025", 1) + safe + "weeks: [{title: A, times: 1, do: [b]}]":      "review_by",
		strings.Replace(head, "exercise", "dance", 1) + safe + "weeks: [{title: A, times: 1, do: [b]}]": "exercise or reading",
		strings.Replace(head, "author: Z\n", "", 1) + safe + "weeks: [{title: A, times: 1, do: [b]}]":   "author",
	} {
		if _, err := Load(fstest.MapFS{"rules.yaml": {Data: rules}, "x.yaml": {Data: []byte(text)}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v, not %s", text, err, want)
		}
	}
}
