package intake

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// A long item is read to its end before anything of it is filed, so that a fault there leaves nothing half-written; and one that broke off
// while it was filed comes to the same when it is filed again.
func TestAnItemInPartsIsFiledWholeOrNotAtAll(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := desk(t, db)
		fault := fhir.Errorf(fhir.Invalid, "the last line cannot be read")
		walked := 0
		broken := error(nil) // of the third walk's second part: as if the process was killed there
		read := func(_ context.Context, _ *Desk, f *Feed, it *Item, raw []byte) (*Reading, error) {
			return &Reading{Parts: func(yield func(*Reading, error) bool) {
				walked++
				for part := range 3 {
					if broken != nil && walked == 4 && part == 1 {
						yield(nil, broken)
						return
					}
					r := &Reading{Rows: Rows{In: 2, Filed: 1, Quarantined: 1}, Bad: []Bad{{Line: int64(part), Reason: "bad"}}, Notes: map[string]int{"noticed": 1}}
					p := &r4.Patient{ID: ID(f.Name, "Patient", fmt.Sprint(string(raw), part)), Name: []r4.HumanName{{Family: "Okafor"}}}
					res, err := fhir.Parse(r4.Encode(p))
					if err == nil && string(raw) == "faulty" && part == 2 {
						err = fault
					}
					r.Ops = []record.Op{{Method: record.Update, Type: "Patient", ID: p.ID, Resource: res}}
					if !yield(r, err) {
						return
					}
				}
			}}, nil
		}
		it, err := d.Receive(t.Context(), "toy", "faulty", []byte("faulty"), read)
		if !errors.Is(err, fault) || it.Status != Quarantined || count(t, d, "Patient?_count=9") != 0 || walked != 1 {
			t.Errorf("a fault at the end: %v, %+v, %d patients", err, it, count(t, d, "Patient?_count=9"))
		}
		broken = fhir.Errorf(fhir.Busy, "the database is gone")
		walked = 2
		it, err = d.Receive(t.Context(), "toy", "whole", []byte("whole"), read)
		if fhir.KindOf(err) != fhir.Busy || it.Status != Pending {
			t.Errorf("broken off: %v, %+v", err, it)
		}
		broken = nil
		if err := d.ResumeItems(t.Context(), "toy", read); err != nil {
			t.Fatal(err)
		}
		it, err = d.Item(t.Context(), it.Number)
		if err != nil || it.Status != Filed || it.Rows.In != 6 || it.Rows.Quarantined != 3 || it.Types["Patient"] != 3 || it.Notes["noticed"] != 3 {
			t.Errorf("%v %+v", err, it)
		}
		if n := count(t, d, "Patient?_count=9"); n != 3 {
			t.Errorf("%d patients", n)
		}
		bads, err := d.Bads(t.Context(), d.Who, "toy", "", 10)
		if err != nil || len(bads) != 4 { // one of the item that was refused
			t.Errorf("%d in quarantine, %v", len(bads), err)
		}
	})
}
