package intake

import (
	"testing"

	"github.com/kith-care/kith/store/storetest"
)

// A full extract that comes after a newer one is passed over: it must not take back what it was never asked about.
func TestALateFullExtractTakesNothingBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := desk(t, db)
		const people = "id,name,deleted\np1,Okafor,\np2,Smith,\n"
		drop(t, d, "1", toyFile{"people_20260101_full.csv", people})
		drop(t, d, "3", toyFile{"people_20260103_full.csv", people + "p3,Late,\n"})
		drop(t, d, "2", toyFile{"people_20260102_full.csv", people})
		if n := count(t, d, "Patient?_count=50"); n != 3 {
			t.Errorf("%d patients, want 3", n)
		}
	})
}
