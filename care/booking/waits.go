package booking

import (
	"slices"
	"time"
)

// wait is one person's wait: from when they were referred until they were seen, or until they are still waiting or left the list in another way.
type wait struct {
	from, to time.Time // to is when it ended, or the moment of which all is known
	seen     bool      // it ended with being seen; else it is only known to have lasted so long
}

// LeastPeople is how many people must have been seen before anything is said of how long others wait.
const LeastPeople = 20

// window is how far back waits count: those of earlier years say little of today's.
const window = 365 * 24 * time.Hour

// Curve is how many are still waiting so many days after they were referred, by the waits of one service in the last year.
type Curve struct {
	days  []int     // on which somebody was seen, ascending
	still []float64 // share who still wait after that day, descending
	spans []span
	Seen  int       // people who were seen in the year
	From  time.Time // of which time it is: from here
	To    time.Time // to here
}

// span are the days of a wait on which it is in view.
type span struct{ in, out int }

// curveOf is the estimate of Kaplan and Meier over a period: everybody counts on the days of their wait that lie in the last year, so that those still waiting
// count as long as they have waited, those who left the list in another way until they left, and those who began earlier from when they came into view. What ended
// before the first end that is known is not in the record, so the period does not begin before it.
// Kaplan EL, Meier P. Nonparametric estimation from incomplete observations. J Am Stat Assoc 1958;53:457–81;
// Brenner H, Gefeller O. Deriving more up-to-date estimates of long-term patient survival. J Clin Epidemiol 1997;50:211–6 (period analysis).
// ok is false where fewer than LeastPeople were seen.
func curveOf(list []wait, now time.Time) (c Curve, ok bool) {
	first := now
	for _, w := range list {
		if w.seen && w.to.Before(first) {
			first = w.to
		}
	}
	c.From, c.To = now.Add(-window), now
	if first.After(c.From) {
		c.From = first
	}
	events := map[int]int{}
	for _, w := range list {
		if w.to.Before(c.From) || w.to.After(now) || !w.to.After(w.from) {
			continue
		}
		in := max(0, daysOf(c.From.Sub(w.from)))
		out := daysOf(w.to.Sub(w.from))
		c.spans = append(c.spans, span{in, out})
		if w.seen {
			events[out]++
			c.Seen++
		}
	}
	if c.Seen < LeastPeople {
		return c, false
	}
	for day := range events {
		c.days = append(c.days, day)
	}
	slices.Sort(c.days)
	share := 1.0
	for _, day := range c.days {
		atRisk := 0
		for _, s := range c.spans {
			if s.in <= day && s.out >= day {
				atRisk++
			}
		}
		share *= 1 - float64(events[day])/float64(atRisk)
		c.still = append(c.still, share)
	}
	return c, true
}

func daysOf(d time.Duration) int { return int(d / (24 * time.Hour)) }

// at is the share who still wait after so many days.
func (c *Curve) at(day int) float64 {
	share := 1.0
	for i, d := range c.days {
		if d > day {
			break
		}
		share = c.still[i]
	}
	return share
}

// By is after how many days from the referral a share of those who have already waited so long have been seen; waited is −1 for everybody from the beginning. ok is
// false where fewer than LeastPeople are known who waited longer, or where the waits that are known do not reach so far: then it is longer than Longest.
func (c *Curve) By(share float64, waited int) (days int, ok bool) {
	if waited >= 0 && c.beyond(waited) < LeastPeople {
		return 0, false
	}
	have := c.at(waited)
	for i, d := range c.days {
		if d > waited && c.still[i] <= have*(1-share)+1e-12 {
			return d, true
		}
	}
	return 0, false
}

// beyond is how many are known to have waited longer than so many days.
func (c *Curve) beyond(waited int) int {
	n := 0
	for _, s := range c.spans {
		if s.out > waited {
			n++
		}
	}
	return n
}

// Longest is the longest wait that ended, in days.
func (c *Curve) Longest() int {
	if len(c.days) == 0 {
		return 0
	}
	return c.days[len(c.days)-1]
}
