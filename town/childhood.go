package town

import (
	"math"
	"time"
)

// childhood is the development checks, with growth.
func (l *life) childhood() {
	p := l.h.p
	for _, c := range []struct {
		age    float64
		reason string
	}{{0.02, "New baby review"}, {0.14, "6 to 8 week check"}, {1, "1 year review"}, {2.2, "2 year review"}, {5, "School entry check"}} {
		on := workday(after(p.born, c.age))
		if years(on, p.end) > 12 || !on.Before(p.end) {
			continue
		}
		l.visit(review, on, c.reason, l.anyNurse(), []string{"growth"})
	}
}

// immunise gives what the schedule of the time offered, and each winter's.
func (l *life) immunise() {
	p := l.h.p
	d := roll(p.town.Seed, p.i, "vaccines")
	keen := d.Float64()
	for _, v := range schedule {
		on := workday(after(p.born, v.age).Add(time.Duration(d.IntN(30)) * day))
		if on.Year() < v.from || !on.Before(p.end) || v.women && !p.female && on.Year() < 2019 || keen > v.uptake+0.05*d.Float64() {
			continue
		}
		l.immunisations = append(l.immunisations, &immunisation{v, on, l.anyNurse()})
	}
	risky := l.h.has("diabetes", p.end) || l.h.has("copd", p.end) || l.h.has("ihd", p.end) || l.h.has("ckd", p.end) || l.h.has("asthma", p.end)
	for year := p.end.Year() - 5; year <= p.end.Year(); year++ {
		on := workday(date(year, 9, 20).Add(time.Duration(d.IntN(70)) * day))
		age := p.age(on)
		uptake := curve(age, 2, 0, 2.1, 0.45, 11, 0.5, 11.1, 0, 64.9, 0, 65, 0.79, 75, 0.84)
		if risky && age > 1 {
			uptake = math.Max(uptake, 0.45)
		}
		if age > 1 && on.Before(p.end) && keen < uptake {
			l.immunisations = append(l.immunisations, &immunisation{vaccine{name: "Influenza vaccine", against: []disease{influenza}, dose: 1}, on, l.anyNurse()})
		}
	}
	for dose, on := range []time.Time{date(2021, 3, 1), date(2021, 5, 20), date(2021, 11, 25)} {
		on = on.Add(time.Duration(math.Max(0, 75-p.age(on))*1.6)*day + time.Duration(d.IntN(20))*day)
		if p.age(on) >= 16 && on.Before(p.end) && keen < [...]float64{0.93, 0.9, 0.75}[dose] {
			l.immunisations = append(l.immunisations, &immunisation{vaccine{name: "COVID-19 vaccine", against: []disease{covid}, dose: dose + 1}, on, l.anyNurse()})
		}
	}
}
