package town

import (
	"slices"
	"testing"
)

// The bands are ONS, Births in England and Wales 2023: live births a year per 1,000 women of an age, widened for what thirty thousand people
// can show. Every birth of the town's last ten years counts whose child and mother live in one household.
func TestBirthsAreThoseOfEngland(t *testing.T) {
	town := Town{Seed: 11, People: 30000}
	place := town.place()
	births, women, age, all, twins, early := map[int]float64{}, map[int]float64{}, 0.0, 0.0, 0.0, 0.0
	children, hers := 0.0, 0.0
	for i := range town.People {
		p := town.draw(i, place)
		for back := range 10 {
			if age := p.age(town.until()) - float64(back); p.female && age >= 15 && age < 50 {
				women[int(age)/5*5]++
			}
		}
		if p.role == 2 && p.age(town.until()) < 10 {
			children++
			if p.birth != nil {
				hers++
			}
		}
		for _, b := range p.births {
			all++
			age += p.age(b.at)
			if len(b.babies) > 1 {
				twins++
			}
			if b.days < 37*7 {
				early++
			}
			if years(b.at, town.until()) < 10 {
				births[int(p.age(b.at))/5*5] += float64(len(b.babies))
			}
		}
	}
	rate := map[string]float64{"mean age": age / all, "children with a mother at home, per cent": 100 * hers / children,
		"multiple per 1,000": 1000 * twins / all, "before 37 weeks, per cent": 100 * early / all}
	for band, n := range births {
		rate[map[int]string{15: "15-19", 20: "20-24", 25: "25-29", 30: "30-34", 35: "35-39", 40: "40-44", 45: "45-49"}[band]] = 1000 * n / women[band]
	}
	hold(t, rate, []band{{"15-19", 2, 11}, {"20-24", 27, 46}, {"25-29", 62, 88}, {"30-34", 76, 104}, {"35-39", 47, 68}, {"40-44", 10, 20}, {"45-49", 0.1, 3},
		{"mean age", 30, 32.2}, {"multiple per 1,000", 10, 18}, {"before 37 weeks, per cent", 6, 10}, {"children with a mother at home, per cent", 88, 99.5}})
}

type band struct {
	what      string
	low, high float64
}

func hold(t *testing.T, got map[string]float64, bands []band) {
	t.Helper()
	for _, b := range bands {
		if x := got[b.what]; x < b.low || x > b.high {
			t.Errorf("%s: %.2f, expected %.1f to %.1f", b.what, x, b.low, b.high)
		} else {
			t.Logf("%s: %.2f", b.what, x)
		}
	}
}

// A mother's record has a pregnancy for each birth of a child of hers who lives with her; the child's birthday is the day it ended.
func TestMotherAndChildAgree(t *testing.T) {
	town := Town{Seed: 3, People: 4000}
	place := town.place()
	agreed, twins := 0, 0
	for i := range town.People {
		child := town.draw(i, place)
		if child.birth == nil {
			continue
		}
		mother := town.draw(child.mother, place)
		if !mother.female || mother.home != child.home || !mother.died.IsZero() && mother.died.Before(child.born) {
			t.Fatalf("person %d is not the mother of %d", child.mother, i)
		}
		if !child.birth.at.Truncate(day).Equal(child.born) {
			t.Errorf("person %d has their birthday on %s and was born on %s", i, ymd(child.born), child.birth.at)
		}
		said := 0
		l := live(mother, place)
		for _, q := range l.h.pregnancies {
			if q.birth == nil || !q.ended.Equal(child.birth.at) || !slices.Equal(q.birth.babies, child.birth.babies) {
				continue
			}
			said++
			if n := q.weeks(q.ended); n < 24 || n > 42 {
				t.Errorf("person %d was born at %d weeks", i, n)
			}
			if q.condition == nil || !q.condition.ended.Equal(q.ended) && mother.end.After(q.ended) {
				t.Errorf("the record of %d does not say that the pregnancy ended with the birth of %d", child.mother, i)
			}
		}
		if said != 1 {
			t.Errorf("the record of %d has %d pregnancies for the birth of %d on %s", child.mother, said, i, ymd(child.born))
		}
		agreed++
		if len(child.birth.babies) > 1 {
			twins++
			if other := town.draw(i+1, place); child.birth.babies[0] == slices.Min(child.birth.babies) && other.birth != nil && other.birth.at.Equal(child.birth.at) && !other.born.Equal(child.born) {
				t.Errorf("twins %d and %d have two birthdays", i, i+1)
			}
		}
	}
	if agreed < 700 || twins < 4 {
		t.Errorf("%d children, %d of them twins, have a mother in the town", agreed, twins)
	}
}

// No two pregnancies overlap, nothing is said of one before it is known, and the rates are those of England: 20 terminations a year per 1,000 women of 15 to 44
// (Abortion Statistics 2022), of which the practice hears of three in five; a miscarriage for every seven births; and one woman in thirty is known to be pregnant.
func TestPregnanciesAreAsCommonAsInEngland(t *testing.T) {
	town := Town{Seed: 11, People: 20000}
	place := town.place()
	n, women := map[string]float64{}, 0.0
	for i := range town.People {
		p := town.draw(i, place)
		if !p.female || !p.died.IsZero() {
			continue
		}
		if age := p.age(p.end); age >= 15 && age < 45 {
			women++
		}
		last := p.born
		for _, q := range live(p, place).h.pregnancies {
			if q.lmp.Before(last) || q.known.Before(q.lmp) || q.known.After(p.end) || !q.ended.IsZero() && q.ended.Before(q.lmp.Add(28*day)) {
				t.Fatalf("person %d: a pregnancy from %s, known %s, ended %s, after %s", i, ymd(q.lmp), ymd(q.known), ymd(q.ended), ymd(last))
			}
			last = q.ended
			switch {
			case q.ended.IsZero():
				n["goes on"]++
				last = q.due()
			case years(q.ended, p.end) > 5:
			case q.ending == bornAlive:
				n["births"] += 0.2
			case q.ending == terminated:
				n["terminations"] += 0.2
			case q.ending == miscarried:
				n["miscarriages"] += 0.2
			case q.ending == stillborn:
				n["stillbirths"] += 0.2
			}
		}
	}
	each := 1000 / women
	hold(t, map[string]float64{"births": n["births"] * each, "terminations": n["terminations"] * each, "miscarriages": n["miscarriages"] / n["births"], "stillbirths": 1000 * n["stillbirths"] / n["births"],
		"pregnant now": n["goes on"] * each}, []band{{"births", 42, 62}, {"terminations", 8.5, 15}, {"miscarriages", 0.10, 0.19}, {"stillbirths", 1, 9}, {"pregnant now", 24, 42}})
}
