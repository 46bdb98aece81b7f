package town

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// background is what a person's life is like besides their health: what services write down about them, and get wrong.
type background struct {
	ethnicity   string // 2001 census category, A to S and Z
	language    string // ISO 639-1
	interpreter bool
	decile      int    // of deprivation, 1 the most deprived
	area        string // in place of an LSOA

	nickname string    // "" where nobody uses one
	maiden   string    // surname before the wedding, "" for none
	wedding  time.Time // when it changed
	email    string

	moved     time.Time // when they came to live where they do, zero for long ago
	before    house     // where they lived until then
	changed   time.Time // when they changed practice, zero for never
	from      int       // the practice they left
	returned  bool      // they had left their practice for two years and came back
	noAbode   bool
	careHome  bool
	carer     string // who looks after them, unpaid: "" for nobody
	carerIs   string // spouse, daughter …
	proxy     bool   // somebody may act for them
	cares     int    // hours a week they look after someone themselves
	sensitive bool   // withheld from sharing
	mobile    string
	joined    time.Time // first registered with their practice
}

// careHomes of Merrowby take the old who cannot live alone.
var careHomes = []house{
	{"Larch Grove Nursing Home", "ZZ3 1LG", "01632 960180"},
	{"The Beeches, Priory Close", "ZZ1 5PC", "01632 960181"},
}

var languages = map[string]string{"polish": "pl", "indian": "pa", "muslim": "ur", "african": "yo", "chinese": "zh"}

var nicknames = map[string]string{"Margaret": "Peggy", "Elizabeth": "Betty", "Patricia": "Pat", "Susan": "Sue", "Christine": "Chris", "Deborah": "Debbie", "Jacqueline": "Jackie",
	"Judith": "Judy", "Michael": "Mick", "Robert": "Bob", "Stephen": "Steve", "Andrew": "Andy", "David": "Dave", "Christopher": "Chris", "James": "Jim", "Matthew": "Matt",
	"Daniel": "Dan", "Richard": "Dick", "Thomas": "Tom", "Benjamin": "Ben", "Jonathan": "Jon", "Joseph": "Joe", "Rebecca": "Becky", "Victoria": "Vicky", "Jennifer": "Jenny",
	"Samantha": "Sam", "Nicola": "Nicky", "Joshua": "Josh", "Frederick": "Fred", "Kenneth": "Ken", "Ronald": "Ron", "Leonard": "Len", "Stanley": "Stan", "Raymond": "Ray",
	"Geoffrey": "Geoff", "Douglas": "Doug", "Philip": "Phil", "Kathleen": "Kath", "Dorothy": "Dot", "Gillian": "Gill", "Lesley": "Les", "Mohammed": "Mo", "Samuel": "Sam"}

// behind draws a person's background.
func (p *person) behind() *background {
	d := roll(p.town.Seed, p.i, "background")
	until := p.town.until()
	age := p.age(p.end)
	b := &background{ethnicity: p.ancestry.code, language: "en"}
	switch { // the two categories that ancestries leave out
	case b.ethnicity == "D" && d.chance(0.3):
		b.ethnicity = "E"
	case b.ethnicity == "N" && d.chance(0.1):
		b.ethnicity = "P"
	}
	if code := languages[p.ancestry.names]; code != "" && d.chance(curve(age, 10, 0.15, 40, 0.45, 80, 0.6)) {
		b.language, b.interpreter = code, d.chance(curve(age, 15, 0.05, 50, 0.2, 80, 0.5))
	}
	b.decile = 1 + (p.street*7+3)%10
	b.area = fmt.Sprintf("ZZ01%06d", 100+p.street)
	if d.chance(0.3) {
		b.nickname = nicknames[p.first]
	}
	other := family(d, "british")
	if p.married && p.female && d.chance(0.85) && other != p.last {
		b.maiden = other
		b.wedding = after(p.born, 24+10*d.Float64())
		if age < 45 && d.chance(0.2) {
			b.wedding = after(until, -2.8*d.Float64())
		}
		if !b.wedding.Before(p.end) || p.age(b.wedding) < 18 {
			b.maiden = ""
		}
	}
	b.mobile = "07700 900" + p.number[5:8]
	if age > 14 && d.chance(curve(age, 15, 0.5, 30, 0.8, 65, 0.5, 85, 0.15)) {
		// No two people have one address: whoever gives them out sees to that.
		b.email = strings.ToLower(plain(p.first)+"."+plain(p.last)) + fmt.Sprint(p.born.Year()%100) + strconv.FormatInt(int64(p.i), 36) + "@example.org"
	}
	if d.chance(0.09) { // the whole household would move; here one of them does, which is the harder case
		b.moved = workday(after(until, -3*d.Float64()))
		street := d.IntN(len(streets))
		b.before = house{fmt.Sprintf("%d %s", 1+d.IntN(140), streets[street]), fmt.Sprintf("ZZ%d %d%c%c", 1+street/9, 1+street%9, inward[d.IntN(20)], inward[d.IntN(20)]), p.house.phone}
		if !b.moved.Before(p.end) || b.moved.Before(p.born) {
			b.moved = time.Time{}
		}
	}
	b.joined = after(p.born, max(0, age-4-30*d.Float64()))
	if d.chance(0.045) {
		b.changed = workday(after(until, -3*d.Float64()))
		b.from = practices[(p.street*len(practices)/len(streets)+1+d.IntN(len(practices)-1))%len(practices)]
		if !b.changed.Before(p.end.Add(-10*day)) || p.age(b.changed) < 0.3 {
			b.changed = time.Time{}
		}
	} else if d.chance(0.01) && age > 25 {
		b.returned = true
	}
	b.noAbode = age > 18 && age < 65 && d.chance(0.003)
	b.careHome = d.chance(curve(age, 70, 0, 80, 0.04, 90, 0.18))
	if d.chance(curve(age, 40, 0.01, 65, 0.05, 75, 0.12, 85, 0.3)) {
		b.carerIs = pick(d, []string{"Daughter", "Son", "Spouse", "Friend", "Neighbour"})
		female := b.carerIs == "Daughter" || d.chance(0.5)
		if b.carerIs == "Son" {
			female = false
		}
		b.carer = first(d, p.ancestry.names, female, p.born.Year()+27) + " " + pick(d, []string{p.last, other})
		b.proxy = d.chance(0.4)
	}
	if age < 12 {
		b.proxy = true
	}
	if d.chance(curve(age, 16, 0.01, 30, 0.05, 55, 0.14, 75, 0.1, 90, 0.04)) {
		b.cares = 2 + d.IntN(60)
	}
	b.sensitive = d.chance(0.003)
	return b
}

// plain leaves the letters of a name.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, s)
}

// surname is the name they went by at a time.
func (p *person) surname(b *background, at time.Time) string {
	if b.maiden != "" && at.Before(b.wedding) {
		return b.maiden
	}
	return p.last
}

// lives is where they lived at a time.
func (p *person) lives(b *background, at time.Time) house {
	switch {
	case !b.moved.IsZero() && at.Before(b.moved):
		return b.before
	case b.noAbode:
		return house{"No fixed abode", "ZZ99 3VZ", ""}
	case b.careHome:
		return careHomes[p.i%len(careHomes)]
	}
	return p.house
}

// stays are the times a person was registered with a practice; an open end is zero.
type stay struct{ from, to time.Time }

// registered returns the stays with a practice, oldest first; none where they never were.
func (p *person) registered(b *background, practice int) []stay {
	switch {
	case practice == p.practice && !b.changed.IsZero():
		return []stay{{from: b.changed}}
	case practice == p.practice && b.returned:
		left := after(b.joined, 0.4*years(b.joined, p.end))
		back := after(left, min(2, 0.3*years(b.joined, p.end)))
		return []stay{{b.joined, left}, {from: back}}
	case practice == p.practice:
		return []stay{{from: b.joined}}
	case !b.changed.IsZero() && practice == b.from:
		return []stay{{b.joined, b.changed}}
	}
	return nil
}
