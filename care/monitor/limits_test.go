package monitor

import (
	"testing"

	"github.com/kith-care/kith/fhir/r4"
)

func number64(v float64) *float64 { return &v }

// A limit of the service is reached at its number, one of the person's own beyond it; both pressures count, and staff read which.
func TestLimitsAtTheirEdges(t *testing.T) {
	k := rules(t).Kinds["pressure"]
	service := Limit{High: number64(180), High2: number64(120)}
	own := Limit{Over: number64(160), Over2: number64(100), Under: number64(100), Under2: number64(50), Own: true}
	plan := &Plan{Gender: "female"}
	for _, c := range []struct {
		l        *Limit
		up, down float64
		words    string // "" where it is not breached
	}{
		{&service, 179, 119, ""}, {&service, 180, 90, "180/90, the service's limit is 180/120"}, {&service, 150, 120, "150/120, the service's limit is 180/120"},
		{&own, 160, 100, ""}, {&own, 161, 90, "161/90, her limit is 160/100"}, {&own, 150, 101, "150/101, her limit is 160/100"}, {&own, 100, 50, ""},
		{&own, 99, 60, "99/60, her limit is 100 mmHg"}, {&own, 110, 49, "110/49, her limit is a lower pressure of 50"},
	} {
		pt := Point{Value: c.up, Value2: c.down, Two: true}
		if got := c.l.breached(pt); got != (c.words != "") {
			t.Errorf("%v/%v: breached %v", c.up, c.down, got)
		} else if got && plan.beyond(k, pt, c.l) != c.words {
			t.Errorf("%q, want %q", plan.beyond(k, pt, c.l), c.words)
		}
	}
}

// Targets in other units are turned into ours; one in a unit that nobody can read is no limit, and the service's stay.
func TestOwnLimitsInOtherUnits(t *testing.T) {
	s := &Service{Rules: rules(t)}
	target := func(code, unit, high string) r4.GoalTarget {
		return r4.GoalTarget{Measure: &r4.CodeableConcept{Coding: []r4.Coding{{System: loinc, Code: code}}}, DetailRange: &r4.Range{High: &r4.Quantity{Value: dec(t, high), Unit: unit, Code: unit}}}
	}
	plan := &Plan{Kinds: map[string]*PlanKind{}}
	s.own(plan, &r4.Goal{ID: "a", Target: []r4.GoalTarget{target("8480-6", "kPa", "21.3"), target("29463-7", "[stone_av]", "12.5"), target("15074-8", "mg/dL", "180"), target("8867-4", "kg", "90")}})
	for kind, want := range map[string]float64{"pressure": 159.8, "weight": 79.4, "glucose": 10.0} {
		if l := plan.Kinds[kind].Limits; len(l) != 1 || round(*l[0].Over, 1) != want || !l[0].Own {
			t.Errorf("%s: %+v, want %v", kind, l, want)
		}
	}
	if l := plan.limits("heart-rate", s.Rules); len(l) == 0 || l[0].Own {
		t.Errorf("a pulse in kilograms is a limit: %+v", l)
	}
}
