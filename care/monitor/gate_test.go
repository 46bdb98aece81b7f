package monitor

import (
	"bytes"
	"testing"

	"github.com/kith-care/kith/town"
)

// replayed plays made-up people through the rules.
func replayed(t testing.TB, m town.Monitored) *Replay {
	t.Helper()
	var readings, plans bytes.Buffer
	if err := m.Write(&readings, &plans); err != nil {
		t.Fatal(err)
	}
	var h Histories
	if err := h.Read("readings.csv", &readings); err != nil {
		t.Fatal(err)
	}
	all, err := ReadPlans(plans.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return Replaying{Rules: rules(t), Plans: all}.Play(h.All())
}

// The rules were tuned on seeds 1 to 6; this is none of them. docs/monitoring.md has more.
func TestAlertsWithoutFatigue(t *testing.T) {
	r := replayed(t, town.Monitored{Seed: 31, People: 200, Days: 120})
	events := 0
	for _, n := range r.Events {
		events += n
	}
	if r.Days < 20_000 || events < 60 {
		t.Fatalf("only %.0f patient-days and %d deteriorations", r.Days, events)
	}
	t.Logf("%.3f manual alerts a patient-day, %.1f %% caught, %.0f h before; fixed thresholds: %.3f, %.1f %%", r.Kith.ManualDay, 100*r.Kith.Recall, r.Kith.Hours, r.Fixed.ManualDay, 100*r.Fixed.Recall)
	if r.Kith.ManualDay > 0.10 {
		t.Errorf("%.3f manual alerts a patient-day, 0.10 at most: %v", r.Kith.ManualDay, r.Kith.ByRule)
	}
	if r.Kith.Recall < 0.90 {
		t.Errorf("%.1f %% of deteriorations caught before they happened, 90 at least: %v of %v", 100*r.Kith.Recall, r.Caught, r.Events)
	}
	if r.Kith.Precision <= r.Fixed.Precision || r.Kith.Recall <= r.Fixed.Recall {
		t.Errorf("fixed thresholds do as well: %+v, %+v", r.Kith, r.Fixed)
	}
}

// The same numbers are the same people, and another seed is others.
func TestReplayIsTheSameEachTime(t *testing.T) {
	write := func(seed int64) string {
		var readings, plans bytes.Buffer
		if err := (town.Monitored{Seed: seed, People: 5, Days: 60}).Write(&readings, &plans); err != nil {
			t.Fatal(err)
		}
		return readings.String() + plans.String()
	}
	if first, again := write(3), write(3); first != again || first == write(4) {
		t.Error("a seed is not a town")
	}
}
