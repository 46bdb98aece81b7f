package devices

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/fact/facttest"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

func sensed(id string, at time.Time, value string) string {
	return fmt.Sprintf(`{"id":%q,"user":"hm-1","route":"device","name":"Sensor","stream":true,"time":%q,"kind":"glucose","value":%s,"unit":"mmol/L"}`+"\n", id, at.Format(time.RFC3339), value)
}

func values(t *testing.T, d *intake.Desk, query string) []string {
	t.Helper()
	o := facttest.One(t, d, query)
	return strings.Fields(o.Root().Get("valueSampledData").Get("data").Text())
}

// A sensor's day is one Observation that grows as values come; the same value again changes nothing, and it is in all that is known of the person.
func TestADayOfAStreamGrows(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := facttest.Desk(t, db, feed)
		facttest.Receive(t, d, "home", "people.csv", read(t, "people.csv"), Read)
		at := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
		facttest.Receive(t, d, "home", "1", []byte(sensed("a", at, "5.6")+sensed("b", at.Add(5*time.Minute), "5.8")), Read)
		facttest.Receive(t, d, "home", "2", []byte(sensed("c", at.Add(15*time.Minute), "6.1")), Read)
		got := values(t, d, "Observation?code=15074-8")
		if len(got) != 100 || strings.Join(got[95:], " ") != "E 5.6 5.8 E 6.1" {
			t.Errorf("%d values, the last %v", len(got), got[max(0, len(got)-5):])
		}
		before := facttest.Changes(t, d)
		facttest.Receive(t, d, "home", "3", []byte(sensed("c", at.Add(15*time.Minute), "6.1")+sensed("a", at, "5.6")), Read)
		if n := facttest.Changes(t, d) - before; n != 0 {
			t.Errorf("the same values again change %d resources", n)
		}
		facttest.Receive(t, d, "home", "4", []byte(sensed("d", at.AddDate(0, 0, 1), "7.0")), Read)
		if n := facttest.Count(t, d, "Observation?code=15074-8"); n != 2 {
			t.Errorf("two days are %d Observations", n)
		}
		who := access.Actor{ID: "test", Role: access.Kith}
		o := facttest.One(t, d, "Observation?code=15074-8&date=2026-11-21")
		patient := strings.TrimPrefix(o.Root().Get("subject").Get("reference").Text(), "Patient/")
		page, err := d.Door.Everything(t.Context(), who, patient, record.Everything{Count: 100})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, m := range append(page.Matches, page.Included...) {
			if strings.Contains(string(m.Body), "valueSampledData") {
				n++
			}
		}
		if n != 2 {
			t.Errorf("$everything has %d days of the stream", n)
		}
	})
}

func TestStreamsOnTheDaysTheClocksChange(t *testing.T) {
	for day, want := range map[string]int{"2026-03-29": 23 * 12, "2026-10-25": 25 * 12, "2026-11-20": 24 * 12} {
		d := facttest.Desk(t, "", feed)
		begin, err := time.ParseInLocation(time.DateOnly, day, london.Zone)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		n := 0
		for at := begin; at.Before(begin.AddDate(0, 0, 1)); at = at.Add(5 * time.Minute) {
			b.WriteString(sensed(fmt.Sprint(n), at, "6.0"))
			n++
		}
		facttest.Receive(t, d, "home", "x", []byte(b.String()), Read)
		if got := values(t, d, "Observation?code=15074-8"); len(got) != want || n != want {
			t.Errorf("%s has %d values of %d, want %d", day, len(got), n, want)
		}
	}
}

// Items that add to one day at the same moment all count: whoever was overtaken reads again.
func TestTwoAtOnceAddToOneDay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := facttest.Desk(t, db, feed)
		facttest.Receive(t, d, "home", "people.csv", read(t, "people.csv"), Read)
		at := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
		const n = 12
		var wait sync.WaitGroup
		for i := range n {
			wait.Go(func() {
				text := []byte(sensed(fmt.Sprint(i), at.Add(time.Duration(i)*5*time.Minute), fmt.Sprintf("5.%d", i)))
				for range 10 { // whoever keeps being overtaken is pending, and tried again
					if _, err := d.Receive(t.Context(), "home", fmt.Sprint("batch ", i), text, Read); err == nil {
						return
					}
				}
				t.Errorf("value %d was not filed", i)
			})
		}
		wait.Wait()
		got := values(t, d, "Observation?code=15074-8")
		if len(got) != n || strings.Contains(strings.Join(got, " "), "E") {
			t.Errorf("of %d values there are %v", n, got)
		}
	})
}

// What is said on the telephone or written in a message becomes the Observation that the cuff would have made.
func TestWhatIsSaidIsWhatIsMeasured(t *testing.T) {
	d := facttest.Desk(t, "", feed)
	lines := `{"id":"r1","user":"hm-1","route":"text","time":"2026-11-20T09:30","text":"182/104 pulse 76"}
{"id":"r2","user":"hm-1","route":"telephone","by":"Nurse Bell","time":"2026-11-20T09:30:00Z","kind":"pressure","value":182,"value2":104,"unit":"mm[Hg]"}
{"id":"r3","user":"hm-1","route":"paper","time":"2026-11-20T09:30","kind":"weight","value":12.5,"unit":"[stone_av]"}
{"id":"r4","user":"hm-1","route":"pigeon","time":"2026-11-20T09:30","text":"182/104"}
{"id":"r5","user":"hm-1","route":"form","time":"2026-11-20T09:30","kind":"weight","value":80}
{"id":"r6","user":"hm-1","route":"form","time":"soon","kind":"weight","value":80,"unit":"kg"}
`
	it := facttest.Receive(t, d, "home", "said", []byte(lines), Read)
	if it.Rows.Filed != 3 || it.Rows.Quarantined != 3 {
		t.Errorf("%+v", it.Rows)
	}
	for query, want := range map[string]int{"Observation?code=85354-9": 2, "Observation?code=8867-4": 1, "Observation?_tag=urn:kith:route|telephone": 1, "Observation?_tag=urn:kith:route|paper&code=29463-7": 1} {
		if n := facttest.Count(t, d, query); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
	o := facttest.One(t, d, "Observation?_tag=urn:kith:route|telephone")
	var r r4.Observation
	if err := r4.Decode(o, &r); err != nil {
		t.Fatal(err)
	}
	if r.Performer[0].Display != "Nurse Bell" || r.Note[0].Text != "Told on the telephone." {
		t.Errorf("%+v %+v", r.Performer, r.Note)
	}
}
