package town

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// person is who someone is, before anything happens to them.
type person struct {
	town     Town
	i        int
	female   bool
	born     time.Time
	died     time.Time // zero for the living
	end      time.Time // when the record ends: death or the town's day
	ancestry *ancestry
	prefix   string
	first    string
	middle   string
	last     string
	married  bool
	number   string
	house    house
	street   int
	home     int  // number of the household
	role     int  // in it, as member.role
	at       int  // who of it
	mates    int  // how many live there
	couple   bool // lives with a partner
	practice int
	gp       *practitioner
	births   []birth // of a mother, oldest first
	birth    *birth  // of a child whose mother lives in the household, nil for others
	mother   int     // who she is

	// What health follows from.
	smoker smoking
	bmi    float64 // in middle age
	height float64 // cm, grown up
	luck   float64 // about 1; people with one illness tend to have another
}

type house struct {
	line, postcode, phone string
}

type smoking int

const (
	never smoking = iota
	former
	current
)

func (p *person) age(at time.Time) float64 { return years(p.born, at) }

// inward are the letters that end a postcode.
const inward = "ABDEFGHJLNPQRSTUWXYZ"

// A block is a few households that together have this many people, so that anyone can be drawn without the rest.
const blockSize = 24

// member is a person's place in a household.
type member struct {
	age    float64
	female bool
	role   int // 0 the first adult, 1 the second, 2 a child, 3 someone who shares the house
}

// draw returns person i.
func (t Town) draw(i int, place *place) *person {
	home, mates, at := t.household(i)
	me := mates[at]
	d := roll(t.Seed, i, "person")
	h := roll(t.Seed, home, "household")

	p := &person{town: t, i: i, female: me.female, number: nhsNumber(t.Seed, i)}
	until := t.until()
	p.born = t.bornOn(me.age)
	p.ancestry = &ancestries[h.weighted(shares()...)]
	lastName := family(h, p.ancestry.names)
	p.home, p.role, p.at, p.mates = home, me.role, at, len(mates)
	street := h.IntN(len(streets))
	p.street = street
	p.practice = practices[street*len(practices)/len(streets)]
	p.house = house{
		line:     fmt.Sprintf("%d %s", 1+home%140, streets[street]),
		postcode: fmt.Sprintf("ZZ%d %d%c%c", 1+street/9, 1+street%9, inward[h.IntN(len(inward))], inward[home%len(inward)]),
		phone:    fmt.Sprintf("01632 960%03d", h.IntN(100)+100*(home%10)),
	}
	p.couple = me.role < 2 && len(mates) > 1 && mates[1].role == 1
	p.family(t.births(home, mates), mates, at)
	p.married = me.role < 2 && len(mates) > 1 && mates[1].role == 1 && h.chance(0.8)
	p.last = lastName
	if me.role == 3 || me.role == 1 && !p.married {
		if me.role == 3 {
			p.ancestry = &ancestries[d.weighted(shares()...)]
		}
		p.last = family(d, p.ancestry.names)
	}
	p.first, p.middle = first(d, p.ancestry.names, p.female, p.born.Year()), first(d, p.ancestry.names, p.female, p.born.Year())
	if me.role == 2 && !p.female && roll(t.Seed, i, "junior").chance(0.03) {
		for k := range at {
			if mates[k].role < 2 && !mates[k].female { // named after his father
				p.first = t.draw(i-at+k, place).first
			}
		}
	}
	if p.middle == p.first || d.chance(0.25) {
		p.middle = ""
	}
	p.prefix = prefix(p, me.age)
	p.gp = place.who(gpRole, p.practice, h)
	p.nature(d, me.age)
	p.fate(d, me.age, until)
	return p
}

// family finds the births of a mother, or that of a child.
func (p *person) family(births []birth, mates []member, at int) {
	mother := motherIn(mates)
	if at == mother {
		p.births = births
	}
	for i := range births {
		if slices.Contains(births[i].babies, at) {
			p.birth, p.mother = &births[i], p.i-at+mother
		}
	}
}

// twin reports whether a child was born on the day of the one before.
func (t Town) twin(home int, mates []member, at int) bool {
	return at > 0 && at < len(mates) && mates[at].role == 2 && mates[at-1].role == 2 && roll(t.Seed, home*8+at, "twins").chance(0.03)
}

func prefix(p *person, age float64) string {
	switch {
	case !p.female && age < 16:
		return "Master"
	case !p.female:
		return "Mr"
	case p.married:
		return "Mrs"
	case age < 40:
		return "Miss"
	}
	return "Ms"
}

// nature draws what health follows from. Smoking and weight are those of the Health Survey for England, roughly.
func (p *person) nature(d dice, age float64) {
	p.luck = math.Exp(d.around(-0.18, 0.6))
	smoke := curve(age, 15, 0, 18, 9, 25, 16, 45, 15, 65, 11, 80, 5) / 100
	quit := curve(age, 20, 2, 30, 12, 50, 25, 70, 36, 85, 38) / 100
	if !p.female {
		smoke, quit = smoke*1.15, quit*1.15
	}
	switch x := d.Float64(); {
	case x < smoke:
		p.smoker = current
	case x < smoke+quit:
		p.smoker = former
	}
	p.bmi = 27.4 * math.Exp(d.around(-0.02, 0.18))
	p.height = d.around(175.5, 6.8)
	if p.female {
		p.height = d.around(162, 6.3)
	}
	p.height -= math.Max(0, 0.08*(age-50))
}

// fate lets some of the old have died in the last four years.
func (p *person) fate(d dice, age float64, until time.Time) {
	p.end = until
	if d.chance(curve(age, 55, 0.4, 65, 1.6, 75, 5, 85, 14, 95, 30) / 100) {
		p.died = after(until, -0.05-3.9*d.Float64())
		if n := len(p.births); n > 0 && p.died.Before(p.births[n-1].at.Add(60*day)) {
			p.died = time.Time{} // she has had a child since
			return
		}
		p.end = p.died
	}
}

// household returns the number of person i's home, who lives there, and which of them is i.
func (t Town) household(i int) (home int, mates []member, at int) {
	block, place := i/blockSize, i%blockSize
	d := roll(t.Seed, block, "block")
	for n, left := 0, blockSize; ; n++ {
		mates = settle(d, left)
		left -= len(mates)
		if place < len(mates) {
			home = block*blockSize + n
			t.spaced(home, mates)
			return home, mates, place
		}
		place -= len(mates)
	}
}

// settle draws one household of at most left people, in about the proportions of the 2021 census.
func settle(d dice, left int) []member {
	adult := func(low, high float64, female bool, role int) member {
		return member{low + d.Float64()*(high-low), female, role}
	}
	old := func() float64 { return 66 + 27*math.Pow(d.Float64(), 1.6) }
	couple := func(first float64) []member {
		woman := d.chance(0.5)
		other := !woman
		if d.chance(0.03) {
			other = woman
		}
		return []member{{first, woman, 0}, {math.Max(19, d.around(first, 3)), other, 1}}
	}
	children := func(who []member, most int, low, high float64) []member {
		oldest := who[0].age - 19 // nobody is a parent before that
		mother := motherIn(who)
		for range min(1+d.weighted(38, 46, 16), most) {
			if a := low + d.Float64()*(high-low); a < oldest {
				if mother >= 0 {
					a = likelier(a, low, math.Min(high, oldest), who[mother].age)
				}
				who = append(who, member{a, d.chance(0.49), 2})
			}
		}
		return who
	}
	kind := d.weighted(15, 14, 16, 16, 23, 11, 11, 4)
	if left == 1 {
		kind = d.weighted(15, 14)
	}
	switch kind {
	case 0:
		return []member{{old(), d.chance(0.68), 0}}
	case 1:
		return []member{adult(25, 68, d.chance(0.43), 0)}
	case 2:
		return couple(old())
	case 3:
		return couple(25 + 41*math.Pow(d.Float64(), 0.75))
	case 4:
		return children(couple(math.Min(54, math.Max(22, d.around(39, 7.5)))), left-2, 0, 18)
	case 5:
		return children(couple(47+18*d.Float64()), left-2, 16, 28)
	case 6:
		return children([]member{adult(21, 50, d.chance(0.86), 0)}, left-1, 0, 18)
	}
	who := []member{}
	for range min(2+d.IntN(3), left) {
		who = append(who, adult(18, 36, d.chance(0.5), 3))
	}
	return who
}

// curve interpolates between points (x, y, x, y, …) and is level outside them.
func curve(x float64, points ...float64) float64 {
	if x <= points[0] {
		return points[1]
	}
	for i := 2; i < len(points); i += 2 {
		if x <= points[i] {
			return points[i-1] + (points[i+1]-points[i-1])*(x-points[i-2])/(points[i]-points[i-2])
		}
	}
	return points[len(points)-1]
}
