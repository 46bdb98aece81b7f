package town

import (
	"strings"
	"time"
)

// identity is what a service has written down of who someone is. Practices know people; everyone else types in what was
// said at a desk.
type identity struct {
	nhs                            string // "" where the service has none
	title, first, middle, last     string
	born                           time.Time
	house                          house
	mobile, email                  string
	baby                           bool // "Baby Smith": not yet named
	stale, misspelt, swapped, bare bool // what is wrong with it
}

// known returns how a service knows a person at a time. without is how often it has no NHS number.
func (c *chart) known(service string, at time.Time, without float64) identity {
	p, b := c.p, c.b
	d := roll(p.town.Seed, p.i, "known to "+service)
	x := identity{nhs: p.number, title: p.prefix, first: p.first, middle: p.middle, last: p.surname(b, at.Add(-60*day)), born: p.born, house: p.lives(b, at.Add(-30*day)), mobile: b.mobile, email: b.email}
	if d.chance(without) {
		x.nhs, x.bare = "", true
	}
	if d.chance(0.2) { // written down years ago and never asked again
		x.house, x.last, x.stale = p.lives(b, at.Add(-900*day)), p.surname(b, at.Add(-900*day)), true
	}
	if b.nickname != "" && d.chance(0.4) {
		x.first = b.nickname
	}
	switch {
	case d.chance(0.02):
		x.last, x.misspelt = misspell(d, x.last), true
	case d.chance(0.015):
		x.first, x.misspelt = misspell(d, x.first), true
	}
	if day := x.born.Day(); day <= 12 && day != int(x.born.Month()) && d.chance(0.01) {
		x.born, x.swapped = date(x.born.Year(), day, int(x.born.Month())), true
	}
	if p.age(at) < 0.15 {
		x.first, x.middle, x.baby = "Baby", "", true
	}
	if d.chance(0.4) {
		x.middle = ""
	}
	if p.age(at) < 16 {
		x.mobile = ""
	}
	return x
}

// misspell doubles, drops or swaps a letter.
func misspell(d dice, name string) string {
	if len(name) < 4 {
		return name
	}
	i := 1 + d.IntN(len(name)-2)
	switch d.IntN(3) {
	case 0:
		return name[:i] + name[i:i+1] + name[i:]
	case 1:
		return name[:i] + name[i+1:]
	}
	return name[:i] + name[i+1:i+2] + name[i:i+1] + name[i+2:]
}

// number splits the house number from the street.
func (h house) number() (number, street string) {
	number, street, ok := strings.Cut(h.line, " ")
	if !ok || number[0] < '0' || number[0] > '9' {
		return "", h.line
	}
	return number, street
}
