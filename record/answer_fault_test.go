package record

import (
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store/storetest"
)

// A Consent holds from the answer to its commit on, in the process that wrote it. Once the answer left before what was known of the person was thrown
// away, so that for a moment a search still went by what they had said before.
func TestAConsentHoldsFromItsAnswerOn(t *testing.T) {
	d, err := Open(t.Context(), Options{DB: storetest.SQLite(t), Policy: access.Default()})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	kith := access.Actor{ID: "kith/test", Role: access.Kith}
	planning := access.Actor{ID: "Device/p", Role: "system", Organization: "X", Purpose: "HOPERAT"}
	put := func(text string) {
		t.Helper()
		r, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Commit(t.Context(), kith, []Op{{Method: Update, Type: r.Type(), ID: r.ID(), Resource: r}}); err != nil {
			t.Fatal(err)
		}
	}
	put(`{"resourceType":"Patient","id":"a"}`)
	put(`{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"}}`)
	for i := range 400 {
		status, want := "active", 0
		if i%2 == 1 {
			status, want = "inactive", 1
		}
		put(`{"resourceType":"Consent","id":"c","status":"` + status + `","scope":{"coding":[{"code":"patient-privacy"}]},"category":[{"coding":[{"system":"` + ConsentSystem + `","code":"opt-out"}]}],"patient":{"reference":"Patient/a"},"policyRule":{"text":"x"},"provision":{"type":"deny"}}`)
		page, err := d.Find(t.Context(), planning, "Observation")
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Matches) != want {
			t.Fatalf("after %d changes, with a Consent that is %s: %d matches, want %d", i+1, status, len(page.Matches), want)
		}
	}
}
