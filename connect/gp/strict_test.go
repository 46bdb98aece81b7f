package gp_test

import (
	"context"
	"testing"

	"github.com/kith-care/kith/connect/gp"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/record"
)

// A practice whose feed is strict loses nothing that is right: all that is made of a whole extract validates in full.
func TestWhatIsMadeOfAWholeExtractValidates(t *testing.T) {
	dir := write(t, 60, 3)
	desk, err := intake.Open(t.Context(), record.TestOn(t, "sqlite::memory:"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := desk.Feed(t.Context(), intake.Feed{Name: "emis-zz001", Kind: "emis", Organization: "ZZ001", Warn: true}); err != nil {
		t.Fatal(err)
	}
	if rows := file(t, desk, dir); rows < 5000 {
		t.Fatalf("%d rows say little", rows)
	}
	rows, _, err := desk.Failing(context.Background(), desk.Who, gp.EMIS(), "emis-zz001", "valid", "list", "", 5)
	if err != nil || len(rows) > 0 {
		t.Errorf("%+v, %v", rows, err)
	}
	asked := 0
	items, err := desk.Items(t.Context(), "emis-zz001", 0, 200)
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range items {
		asked += it.Notes[intake.Checked+"valid as FHIR R4"]
	}
	if asked < 5000 {
		t.Errorf("%d resources were validated", asked)
	}
}
