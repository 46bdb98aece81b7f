package town

import (
	"fmt"
	"testing"
)

// The bands are published English figures, widened for a town of some thousands: per cent of everyone alive.
// Quality and Outcomes Framework 2023-24 registers, restated for all ages; census of 2021 for ages and ancestries.
func TestProblemsAreAsCommonAsInEngland(t *testing.T) {
	town := Town{Seed: 11, People: 12000}
	place := town.place()
	alive, have := 0, map[string]int{}
	for i := range town.People {
		p := town.draw(i, place)
		if !p.died.IsZero() {
			continue
		}
		alive++
		for _, c := range live(p, place).problems {
			if c.of != nil {
				have[c.of.key]++
			}
		}
	}
	for _, band := range []struct {
		key       string
		low, high float64
	}{
		{"hypertension", 12, 18}, {"diabetes", 4.5, 8}, {"type1", 0.2, 0.7}, {"asthma", 5, 8}, {"copd", 1.3, 2.6}, {"ihd", 2.2, 4.2},
		{"mi", 0.6, 1.6}, {"af", 1.5, 3}, {"heartfailure", 0.6, 1.7}, {"ckd", 2.6, 5.2}, {"stroke", 1, 2.4}, {"depression", 7, 13},
		{"anxiety", 3.5, 7.5}, {"thyroid", 2.5, 5}, {"arthritis", 6, 11}, {"osteoporosis", 1, 3}, {"epilepsy", 0.4, 1.1}, {"dementia", 0.5, 1.4},
		{"rheumatoid", 0.4, 1.1}, {"prostatecancer", 0.4, 1.5}, {"breastcancer", 0.8, 2.2}, {"obesity", 5, 14}, {"schizophrenia", 0.3, 0.9},
	} {
		got := 100 * float64(have[band.key]) / float64(alive)
		if got < band.low || got > band.high {
			t.Errorf("%s: %.2f per cent, expected %.1f to %.1f", band.key, got, band.low, band.high)
		}
	}
}

func TestAgesAndAncestriesAreThoseOfAnEnglishTown(t *testing.T) {
	town := Town{Seed: 5, People: 12000}
	place := town.place()
	share, women := map[string]float64{}, 0.0
	for i := range town.People {
		p := town.draw(i, place)
		each := 100 / float64(town.People)
		share[ageBand(p.age(town.until()))] += each
		share["ancestry "+p.ancestry.code] += each
		if p.female {
			women += each
		}
	}
	share["women"] = women
	for _, band := range []struct {
		what      string
		low, high float64
	}{
		{"0-14", 15, 20}, {"15-24", 9, 14}, {"25-44", 24, 32}, {"45-64", 21, 29}, {"65-79", 11, 17}, {"80+", 4, 7},
		{"women", 49, 53}, {"ancestry A", 70, 78}, {"ancestry H", 2.3, 4.5}, {"ancestry J", 1.8, 3.6}, {"ancestry N", 1.8, 3.6},
	} {
		if got := share[band.what]; got < band.low || got > band.high {
			t.Errorf("%s: %.1f per cent, expected %.0f to %.0f", band.what, got, band.low, band.high)
		}
	}
}

func ageBand(age float64) string {
	for _, b := range [][2]int{{0, 14}, {15, 24}, {25, 44}, {45, 64}, {65, 79}} {
		if int(age) <= b[1] {
			return fmt.Sprintf("%d-%d", b[0], b[1])
		}
	}
	return "80+"
}

// A person in their sixties has a record worth looking at; a child has less.
func TestARecordGrowsWithAge(t *testing.T) {
	facts, people := map[int]int{}, map[int]int{}
	place := sample.place()
	for i := range 2000 {
		p := sample.draw(i, place)
		decade := int(p.age(p.end)) / 10
		people[decade]++
		for range entries(draw(t, sample, i)) {
			facts[decade]++
		}
	}
	mean := func(decade int) int { return facts[decade] / people[decade] }
	if m := mean(6); m < 50 || m > 85 {
		t.Errorf("someone in their sixties has %d entries, not about 60", m)
	}
	if mean(1) >= mean(6) || mean(6) >= mean(8) {
		t.Errorf("entries by decade: %d at 10, %d at 60, %d at 80", mean(1), mean(6), mean(8))
	}
}

// Measurements must agree with each other and with the problems: pages and rules are tried on them.
func TestMeasurementsFollowFromProblems(t *testing.T) {
	place := sample.place()
	var with, without, stage3 []float64
	for i := range 3000 {
		p := sample.draw(i, place)
		l := live(p, place)
		at := p.end.Add(-day)
		if p.age(at) < 40 {
			continue
		}
		_, sugar := l.h.value(measureOf("hba1c"), at, roll(1, i, "x"))
		switch {
		case l.h.has("diabetes", at):
			with = append(with, sugar)
		case !l.h.has("type1", at):
			without = append(without, sugar)
		}
		if l.h.has("ckd", at) {
			_, egfr := l.h.value(measureOf("egfr"), at, roll(1, i, "x"))
			stage3 = append(stage3, egfr)
		}
	}
	if m := mean(with); m < 50 || m > 64 {
		t.Errorf("mean HbA1c in diabetes is %.1f mmol/mol", m)
	}
	if m := mean(without); m < 33 || m > 41 {
		t.Errorf("mean HbA1c without diabetes is %.1f mmol/mol", m)
	}
	if m := mean(stage3); m < 38 || m > 56 {
		t.Errorf("mean eGFR in stage 3 kidney disease is %.1f", m)
	}
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
