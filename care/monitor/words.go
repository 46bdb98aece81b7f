package monitor

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir/london"
)

// words is a reading as staff say it: 182/104, 91 %.
func (k *KindRules) words(p Point) string {
	if p.Two {
		return k.number(p.Value) + "/" + k.number(p.Value2)
	}
	return k.of(p.Value)
}

func (k *KindRules) number(v float64) string { return strconv.FormatFloat(v, 'f', k.Places, 64) }

// of is a number with its unit.
func (k *KindRules) of(v float64) string { return k.number(v) + " " + k.Unit }

// theirs is whose: her, his or their.
func (p *Plan) theirs() string {
	if p != nil {
		switch p.Gender {
		case "female":
			return "her"
		case "male":
			return "his"
		}
	}
	return "their"
}

// beyond says a reading and the limit that it reaches.
func (p *Plan) beyond(k *KindRules, pt Point, l *Limit) string {
	whose := "the service's"
	if l.Own {
		whose = p.theirs()
	}
	text := k.words(pt)
	if !pt.Two {
		text = k.Name + " " + text
	}
	text += ", " + whose + " limit is " + l.words(k, pt)
	if l.Advice != "" {
		text += " (" + l.Advice + ")"
	}
	return text
}

// words is the side of the limit that the reading is on.
func (l *Limit) words(k *KindRules, pt Point) string {
	first := func(limits ...*float64) *float64 {
		for _, v := range limits {
			if v != nil {
				return v
			}
		}
		return nil
	}
	up, down := first(l.High, l.Over), first(l.Low, l.Under)
	up2, down2 := first(l.High2, l.Over2), first(l.Low2, l.Under2)
	switch {
	case pt.Two && up != nil && up2 != nil && (pt.Value >= *up || pt.Value2 >= *up2):
		return k.number(*up) + "/" + k.number(*up2)
	case up != nil && pt.Value >= *up:
		return k.of(*up)
	case down != nil && pt.Value <= *down:
		return k.of(*down)
	case up2 != nil && pt.Value2 >= *up2:
		return "a lower pressure of " + k.number(*up2)
	case down2 != nil:
		return "a lower pressure of " + k.number(*down2)
	}
	return "reached"
}

// unlike says how a reading is unlike the person's usual ones.
func (p *Plan) unlike(k *KindRules, v float64, b *Baseline, out, of int) string {
	side := "above"
	if v < b.Median {
		side = "below"
	}
	return fmt.Sprintf("%s %s, %s %s %s usual %s (%d of the last %d readings)", k.Name, k.of(v), k.of(math.Abs(v-b.Median)), side, p.theirs(), k.number(b.Median), out, of)
}

// creeping says that readings have moved away little by little.
func (p *Plan) creeping(k *KindRules, v float64, b *Baseline) string {
	way := "up"
	if v < b.Median {
		way = "down"
	}
	return fmt.Sprintf("%s has crept %s to %s, %s usual is %s", k.Name, way, k.of(v), p.theirs(), k.number(b.Median))
}

// both says several kinds with what is usual of each.
func (p *Plan) both(of *Person, r *Rules, kinds []string) string {
	var parts []string
	for _, kind := range kinds {
		k, sittings := r.Kinds[kind], of.Series[kind].sittings
		n := len(sittings)
		if b := baselineOf(sittings[:n-1], sittings[n-1].at, k, &r.Baseline); b != nil {
			parts = append(parts, fmt.Sprintf("%s %s (usually %s)", k.Name, k.of(sittings[n-1].value()), k.number(b.Median)))
		}
	}
	return strings.Join(parts, ", ") + ": together unlike " + p.theirs() + " usual"
}

func (m *HomeMean) words() string {
	return fmt.Sprintf("average at home %.0f/%.0f over %d days", m.Systolic, m.Diastolic, m.Days)
}

// clock is a time as London's clocks show it.
func clock(t time.Time) string { return t.In(london.Zone).Format("Monday 2 January, 15:04") }

// spoken is a length of time in words.
func spoken(d time.Duration) string {
	count := func(n int, word string) string {
		if n == 1 {
			return "1 " + word
		}
		return fmt.Sprintf("%d %ss", n, word)
	}
	switch {
	case d >= 48*time.Hour:
		return count(int(d/(24*time.Hour)), "day")
	case d >= 2*time.Hour || d == time.Hour:
		return count(int(d/time.Hour), "hour")
	}
	return count(int(d/time.Minute), "minute")
}

func round(v float64, places int) float64 {
	p := math.Pow(10, float64(places))
	return math.Round(v*p) / p
}
