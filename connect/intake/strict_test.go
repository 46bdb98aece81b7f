package intake

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// backwards is a fact whose end comes before its start, which R4 forbids (per-1) although every element of it is right.
const backwards = "f2,p1," + coded + ",2026-01-05/2026-01-02,,\n"

const people, facts = "people_20260105_full.csv", "facts_20260105_full.csv"

// unlike are a person and two facts, of which one does not validate.
var unlike = []toyFile{{people, peopleHead + "p1,9990000018,1950-02-03,BS1 1AA,\n"}, {facts, factsHead + "f1,p1," + coded + ",2026-01-01,,\n" + backwards}}

// set changes how the toy feed is set.
func set(t testing.TB, d *Desk, f Feed) {
	t.Helper()
	f.Name, f.Kind, f.Title, f.Organization = "toy", "toy", "Toy Surgery", "ZZ9"
	if _, err := d.Feed(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// again replays everything.
func again(t testing.TB, d *Desk) {
	t.Helper()
	if _, err := d.Replay(t.Context(), census(), "toy", time.Time{}, time.Now().Add(time.Hour), false); err != nil {
		t.Fatal(err)
	}
}

// Unless a feed asks, nothing of it is validated in full; where it warns, what does not validate is filed, and listed for as long as it warns.
func TestWhatDoesNotValidateIsListedWhereAFeedWarns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := desk(t, db)
		r := censusDrop(t, d, "1", unlike...)
		if r.Rows.Filed != 3 || count(t, d, "Observation") != 2 {
			t.Errorf("not asked: %+v", r.Rows)
		}
		same(t, "not asked", failing(t, d, census(), "valid", 10))

		set(t, d, Feed{Warn: true})
		again(t, d)
		same(t, "warned", failing(t, d, census(), "valid", 10), facts+":3 f2 ")
		if count(t, d, "Observation") != 2 {
			t.Error("what is warned of is not in the record")
		}
		set(t, d, Feed{})
		again(t, d)
		same(t, "no longer asked", failing(t, d, census(), "valid", 10))
	})
}

// What a strict feed refuses is in quarantine with the reason, and filed once the feed no longer refuses it.
func TestWhatDoesNotValidateIsQuarantinedWhereAFeedIsStrict(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := desk(t, db)
		set(t, d, Feed{Strict: true})
		r := censusDrop(t, d, "1", unlike...)
		if r.Rows.Filed != 2 || r.Rows.Quarantined != 1 || count(t, d, "Observation") != 1 {
			t.Errorf("strict: %+v, %d in the record", r.Rows, count(t, d, "Observation"))
		}
		same(t, "strict", failing(t, d, census(), "understood", 10), facts+":3 f2 ")
		bads, err := d.Bads(t.Context(), d.Who, "toy", "", 10)
		if err != nil || len(bads) != 1 || !strings.Contains(bads[0].Reason, "the Observation it makes is refused: it does not validate") || !strings.Contains(bads[0].Reason, "per-1") {
			t.Errorf("the reason: %+v %v", bads, err)
		}
		set(t, d, Feed{})
		again(t, d)
		if count(t, d, "Observation") != 2 {
			t.Error("what is no longer refused is not filed")
		}
		same(t, "strict no longer", failing(t, d, census(), "understood", 10))
	})
}

// A row that was filed and is refused when it is made again is in quarantine, keeps what it made, and leaves quarantine when it is no longer refused.
func TestARowThatIsRefusedLaterLeavesQuarantine(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := desk(t, db)
		censusDrop(t, d, "1", unlike...)
		set(t, d, Feed{Strict: true})
		for range 2 {
			again(t, d)
			same(t, "refused", failing(t, d, census(), "understood", 10), facts+":3 f2 ")
			if count(t, d, "Observation") != 2 {
				t.Error("what was filed before is gone")
			}
		}
		set(t, d, Feed{})
		again(t, d)
		same(t, "no longer refused", failing(t, d, census(), "understood", 10))
	})
}

// A message of a strict feed is refused as a whole, with the place; of one that warns it is filed and listed. Both also when it is read again.
func TestAMessageThatDoesNotValidateIsAsTheFeedIsSet(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := desk(t, db)
		asked := 0
		read := func(_ context.Context, _ *Desk, f *Feed, it *Item, raw []byte) (*Reading, error) {
			asked++
			out := &Reading{}
			for i, end := range strings.Fields(string(raw)) {
				o := &r4.Observation{ID: ID("toy", "Observation", end), Status: "final", Code: &r4.CodeableConcept{Text: "x"}, Meta: &r4.Meta{Source: Source(f.Name, it.Number, "line["+string(rune('1'+i))+"]")},
					EffectivePeriod: &r4.Period{Start: must(fhir.ParseDateTime("2026-01-05"))(t), End: must(fhir.ParseDateTime(end))(t)}}
				out.Ops = append(out.Ops, record.Op{Method: record.Update, Type: "Observation", ID: o.ID, Resource: must(fhir.Parse(r4.Encode(o)))(t)})
			}
			return out, nil
		}
		set(t, d, Feed{Strict: true})
		it, err := d.Receive(t.Context(), "toy", "m1", []byte("2026-01-06 2026-01-01"), read)
		if err == nil || it.Status != Quarantined || !strings.Contains(it.Reason, "line[2]") || !strings.Contains(it.Reason, "per-1") || count(t, d, "Observation") != 0 {
			t.Errorf("%+v, %v: %d in the record", it, err, count(t, d, "Observation"))
		}
		diff, err := d.ReplayItems(t.Context(), read, "toy", time.Time{}, time.Now().Add(time.Hour), false)
		if err != nil || len(diff.Changes) != 1 || !strings.Contains(diff.Changes[0].Ref, "per-1") || count(t, d, "Observation") != 0 {
			t.Errorf("read again: %+v, %v", diff, err)
		}
		set(t, d, Feed{})
		diff, err = d.ReplayItems(t.Context(), read, "toy", time.Time{}, time.Now().Add(time.Hour), false)
		if err != nil || diff.New != 2 || count(t, d, "Observation") != 2 {
			t.Errorf("read again once it is no longer strict: %+v, %v", diff, err)
		}
		same(t, "no longer refused", failing(t, d, nil, "understood", 10))
		if it := must(d.Items(t.Context(), "toy", 0, 1))(t)[0]; it.Status != Filed || it.Reason != "" || it.Rows != (Rows{In: 2, Filed: 2}) {
			t.Errorf("after it was read again: %+v", it)
		}
		asked = 2
		set(t, d, Feed{Warn: true})
		if _, err := d.Receive(t.Context(), "toy", "m2", []byte("2026-01-07 2026-01-02"), read); err != nil {
			t.Fatal(err)
		}
		same(t, "warned", failing(t, d, nil, "valid", 10), "m2:0  line[2]")
		if it := must(d.Items(t.Context(), "toy", 0, 1))(t)[0]; it.Notes[Checked+"valid as FHIR R4"] != 2 || it.Notes[Failed+"valid as FHIR R4"] != 1 {
			t.Errorf("counted %v", it.Notes)
		}
		set(t, d, Feed{})
		if _, err := d.Receive(t.Context(), "toy", "m3", []byte("2026-01-02"), read); err != nil || asked != 4 {
			t.Errorf("%v, read %d times", err, asked)
		}
		if it := must(d.Items(t.Context(), "toy", 0, 1))(t)[0]; it.Notes[Checked+"valid as FHIR R4"] != 0 {
			t.Errorf("validated although nobody asked: %v", it.Notes)
		}
	})
}
