package social

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/connect/fact/facttest"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/store/storetest"
)

// visitLines are many visits of some people, a line each. One in a hundred cannot be read, and some are written up again later on.
func visitLines(n int) []string {
	lines := make([]string, n)
	for i := range lines {
		id, left := i, "08:40"
		if i%50 == 49 {
			id, left = i-40, "08:45"
		}
		lines[i] = fmt.Sprintf(`{"visitId":"V%d","client":{"ref":"C%d","forename":"Ada","surname":"Okafor","dateOfBirth":"1938-10-22","postcode":"ZZ1 2FF"},"worker":{"ref":"W%d"},"plannedStart":"2026-03-02 08:15","plannedEnd":"2026-03-02 08:45","arrived":"2026-03-02 08:17","left":"2026-03-02 %s","tasksDone":["Breakfast"],"medicinesGiven":["Amlodipine 5mg tablets","Paracetamol 500mg tablets"]}`,
			id, i%97, i%11, left)
		if i%100 == 42 {
			lines[i] = `{"visitId":"V`
		}
	}
	return lines
}

// A file longer than memory should hold is filed in parts, and comes to what the same lines in small files come to: 147 MB of visits once
// took 9 GB.
func TestALongFileIsFiledInParts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		lines := visitLines(3000)
		small := facttest.Desk(t, "", agency)
		bad := 0
		for i := 0; i < len(lines); i += 250 {
			bad += facttest.Receive(t, small, "agency", fmt.Sprint(i), []byte(strings.Join(lines[i:i+250], "\n")), Visits).Rows.Quarantined
		}
		d := facttest.Desk(t, db, agency)
		it := facttest.Receive(t, d, "agency", "visits.ndjson", []byte(strings.Join(lines, "\n")), Visits)
		if it.Rows.In != len(lines) || it.Rows.Quarantined != bad || it.Rows.Filed != len(lines)-bad || bad != 30 {
			t.Errorf("%d bad in pieces; whole: %+v", bad, it.Rows)
		}
		bads, err := d.Bads(t.Context(), d.Who, "agency", "", 100)
		if err != nil || len(bads) != bad || bads[bad-1].Line != 2943 {
			t.Errorf("%d in quarantine, %v", len(bads), err)
		}
		for typ, want := range map[string]int{"Patient": 97, "Practitioner": 11, "Encounter": -1, "MedicationAdministration": -1, "Observation": -1} {
			if want < 0 {
				want = facttest.Count(t, small, typ+"?_count=1000")
			}
			if got := facttest.Count(t, d, typ+"?_count=1000"); got != want || got == 0 {
				t.Errorf("%d of %s, want %d", got, typ, want)
			}
		}
		for _, d := range []*intake.Desk{small, d} { // what was written up again counts as it was said last
			if n := facttest.Count(t, d, "Encounter?date=ge2026-03-02T08:44:00Z&_count=1000"); n != 60 {
				t.Errorf("%d visits end at a quarter to nine, want 60", n)
			}
		}
		diff, err := d.ReplayItems(t.Context(), Visits, "agency", time.Time{}, time.Now().Add(time.Hour), true)
		if err != nil || diff.Rows != len(lines) {
			t.Errorf("%+v %v", diff, err)
		}
	})
}
