package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/hl7"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// waitsIn are the weeks that those whom the record has on a waiting list have waited by a day: referrals that are active.
func waitsIn(t *testing.T, door *record.Door, day time.Time) (weeks []float64, open map[string]bool) {
	t.Helper()
	open = map[string]bool{}
	for next := "ServiceRequest?category=http://snomed.info/sct|3457005&status=active&_count=1000"; next != ""; {
		page, err := door.Find(t.Context(), access.Actor{ID: "test"}, next)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Matches {
			res, err := m.Resource()
			if err != nil {
				t.Fatal(err)
			}
			since, err := fhir.ParseDateTime(res.Root().Get("authoredOn").Text())
			if err != nil {
				t.Fatalf("ServiceRequest/%s: %v", res.ID(), err)
			}
			weeks = append(weeks, day.Sub(since.Low()).Hours()/168)
			for id := range res.Root().Get("identifier").Items() {
				open[id.Get("value").Text()] = true
			}
		}
		next = page.Next
	}
	slices.Sort(weeks)
	return weeks, open
}

// theWaits holds the record's waits against what the messages said last, and against England's.
func theWaits(t *testing.T, door *record.Door, pieces []hl7.Piece, day time.Time) {
	t.Helper()
	weeks, open := waitsIn(t, door, day)
	waits := map[string]bool{}
	for _, p := range pieces {
		kind, rf1 := "", []string(nil)
		for line := range strings.SplitSeq(string(p.Data), "\r") {
			f := strings.Split(line, "|")
			if f[0] == "MSH" {
				kind = f[8]
			} else if f[0] == "RF1" {
				rf1 = f
			}
		}
		if rf1 != nil {
			id, _, _ := strings.Cut(rf1[6], "^")
			waits[id] = kind != "REF^I14" && !strings.Contains(rf1[1], "^3")
		}
	}
	n := 0
	for id, still := range waits {
		if still {
			n++
		}
		if open[id] != still {
			t.Errorf("referral %s: waiting is %v by the messages and %v in the record", id, still, open[id])
		}
	}
	if len(weeks) != n || n < 25 {
		t.Fatalf("%d wait by the messages and %d in the record", n, len(weeks))
	}
	if median := weeks[n/2]; median < 8 || median > 20 {
		t.Errorf("half of those who wait have waited less than %.1f weeks", median)
	}
	t.Logf("%d wait, half of them less than %.1f weeks, the longest %.0f", n, weeks[n/2], weeks[n-1])
}
