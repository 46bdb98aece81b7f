package town

import (
	"math"
	"slices"
	"sort"
	"time"
)

// birth is a delivery in a household. Mother and child are drawn apart; both read it from their household, so that they agree.
type birth struct {
	babies []int     // who was born: places in the household
	at     time.Time // by the clock on the wall
	days   int       // since the last period began
	way    way
	labour time.Duration // in hospital before
	stay   time.Duration // in hospital after
}

// way is how a baby came.
type way byte

const (
	spontaneous way = iota
	instrumental
	planned // caesarean section
	urgent  // caesarean section
)

// fertility is births a year per 1,000 women by age, as of 2023 in England and Wales: under 20 about 8, 20 to 24 about 38,
// 25 to 29 about 75, 30 to 34 about 93, 35 to 39 about 58, 40 to 44 about 15; in all 1.44 children a woman, at 31 on average. ONS, Births in England and Wales.
var fertility = []float64{15, 0, 16, 2, 18, 9, 20, 25, 23, 42, 26, 68, 29, 88, 31, 96, 33, 92, 36, 70, 39, 42, 42, 16, 45, 3, 48, 0}

func fertile(age float64) float64 { return curve(age, fertility...) }

// fertileBy is what fertility adds up to by each tenth of a year of age.
var fertileBy = func() (sum [490]float64) {
	for i := 1; i < len(sum); i++ {
		sum[i] = sum[i-1] + fertile((float64(i)-0.5)/10)
	}
	return sum
}()

func fertileUntil(age float64) float64 {
	x := math.Max(0, math.Min(age*10, float64(len(fertileBy)-1)))
	i := min(int(x), len(fertileBy)-2)
	return fertileBy[i] + (x-float64(i))*(fertileBy[i+1]-fertileBy[i])
}

// likelier moves a child's age within low and top to where the mother was likelier to have one. The eldest stays the eldest.
func likelier(age, low, top, mother float64) float64 {
	from, to := fertileUntil(mother-top), fertileUntil(mother-low)
	if to <= from || top <= low {
		return age
	}
	want := to - (age-low)/(top-low)*(to-from)
	i := min(max(sort.SearchFloat64s(fertileBy[:], want), 1), len(fertileBy)-1)
	at := float64(i)
	if step := fertileBy[i] - fertileBy[i-1]; step > 0 {
		at -= (fertileBy[i] - want) / step
	}
	return math.Max(low, math.Min(top, mother-at/10))
}

// motherIn returns the place of the woman whose the children of a household are, -1 for nobody.
func motherIn(mates []member) int {
	return slices.IndexFunc(mates, func(m member) bool { return m.role < 2 && m.female })
}

// apart is how many years lie between two births of one mother at least.
const apart = 1.15

// spaced gives twins one age and lets other children of a household be as far apart as pregnancies are.
func (t Town) spaced(home int, mates []member) {
	var leaders []int
	for k := range mates {
		switch {
		case mates[k].role != 2:
		case t.twin(home, mates, k):
			mates[k].age = mates[k-1].age
		default:
			leaders = append(leaders, k)
		}
	}
	slices.SortStableFunc(leaders, func(a, b int) int { return int(math.Copysign(1, mates[a].age-mates[b].age)) })
	for i, k := range leaders {
		if i > 0 {
			mates[k].age = math.Max(mates[k].age, mates[leaders[i-1]].age+apart)
		}
		for j := k + 1; j < len(mates) && t.twin(home, mates, j); j++ {
			mates[j].age = mates[k].age
		}
	}
}

// bornOn is the birthday of someone of an age on the town's last day.
func (t Town) bornOn(age float64) time.Time {
	return t.until().Add(-time.Duration(age * 365.2425 * float64(day))).Truncate(day)
}

// births are the deliveries of a household's mother, oldest first. A child that she would have had before 15 or after 47
// is somebody else's.
func (t Town) births(home int, mates []member) []birth {
	mother := motherIn(mates)
	if mother < 0 {
		return nil
	}
	var all []birth
	for k := range mates {
		age := mates[mother].age - mates[k].age
		switch {
		case mates[k].role != 2 || age < 15 || age >= 48:
		case t.twin(home, mates, k):
			if n := len(all); n > 0 {
				all[n-1].babies = append(all[n-1].babies, k)
			}
		default:
			b := t.delivery(roll(t.Seed, home*8+k, "birth"), t.bornOn(mates[k].age), t.twin(home, mates, k+1))
			b.babies = []int{k}
			all = append(all, b)
		}
	}
	slices.SortStableFunc(all, func(a, b birth) int { return a.at.Compare(b.at) })
	return all
}

// delivery draws how a birth went. One baby in thirteen comes before 37 weeks; of a hundred deliveries 25 were caesarean
// sections in 2008 and 42 in 2023, 11 with forceps or ventouse. NHS Maternity Statistics, England.
func (t Town) delivery(d dice, on time.Time, twins bool) birth {
	b := birth{days: int(7 * curve(d.Float64(), 0, 27, 0.012, 32, 0.077, 37, 0.2, 38.3, 0.45, 39.4, 0.75, 40.4, 0.95, 41.4, 1, 42))}
	section := curve(float64(on.Year()), 2008, 0.25, 2016, 0.28, 2020, 0.33, 2023, 0.42)
	if twins {
		b.days -= 16
		section += 0.25
	}
	b.days = max(b.days, 7*24)
	b.way = way(d.weighted(0.89-section, 0.11, 0.43*section, 0.57*section))
	switch b.way {
	case planned:
		b.at = on.Add(9*time.Hour + time.Duration(d.IntN(84))*5*time.Minute)
		b.labour, b.stay = 2*time.Hour, time.Duration(30+d.IntN(40))*time.Hour
	case urgent:
		b.at = on.Add(time.Duration(1+d.IntN(286)) * 5 * time.Minute)
		b.labour, b.stay = time.Duration(3+d.IntN(22))*time.Hour, time.Duration(36+d.IntN(50))*time.Hour
	default:
		b.at = on.Add(time.Duration(1+d.IntN(286)) * 5 * time.Minute)
		b.labour, b.stay = time.Duration(2+d.IntN(14))*time.Hour, time.Duration(9+d.IntN(36))*time.Hour
	}
	return b
}
