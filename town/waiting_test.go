package town

import (
	"slices"
	"testing"
	"time"
)

// Waits on the town's last day against NHS England's statistics of 2025: 7.4 million pathways among 58 million people, a median of 13 to 14½ weeks, 59 to 62 per cent no longer
// than 18 weeks, 2 to 3 per cent beyond 52.
func TestWaitsAreThoseOfEngland(t *testing.T) {
	town := Town{Seed: 11, People: 20000}
	place := town.place()
	alive, whys, specialties, done := 0.0, map[rtt]float64{}, map[string]float64{}, 0.0
	var weeks, treated []float64
	beds, booked := 0.0, 0.0
	for i := range town.People {
		p := town.draw(i, place)
		if p.died.IsZero() {
			alive++
		}
		for _, w := range live(p, place).pathways {
			switch {
			case w.waits(town.until()):
				weeks = append(weeks, town.until().Sub(w.referred).Hours()/168)
				specialties[w.specialty]++
				if !w.decided.IsZero() && w.decided.Before(town.until()) {
					beds++
				}
				for _, b := range w.bookings {
					if b.kept() && b.made.Before(town.until()) && b.at.After(town.until()) {
						booked++
					}
				}
			case w.stopped.Before(town.until()) && years(w.stopped, town.until()) < 1:
				done++
				whys[w.why]++
				if w.why == rttTreated {
					treated = append(treated, w.stopped.Sub(w.referred).Hours()/168)
				}
			}
		}
	}
	slices.Sort(weeks)
	slices.Sort(treated)
	beyond := func(n float64) float64 {
		k, _ := slices.BinarySearch(weeks, n)
		return 100 * float64(len(weeks)-k) / float64(len(weeks))
	}
	n := float64(len(weeks))
	got := map[string]float64{"waiting per 1,000 people": 1000 * n / alive, "median weeks": weeks[len(weeks)/2],
		"beyond 18 weeks, per cent": beyond(18), "beyond 52 weeks, per cent": beyond(52), "beyond 104 weeks, per cent": beyond(104),
		"weeks to treatment, median": treated[len(treated)/2], "waiting for a bed, per cent": 100 * beds / n, "booked, per cent": 100 * booked / n}
	for why, k := range whys {
		got["ended "+string(why)] = 100 * k / done
	}
	for name, k := range specialties {
		got[name] = 100 * k / n
	}
	hold(t, got, []band{{"waiting per 1,000 people", 85, 145}, {"median weeks", 12, 15.5},
		{"beyond 18 weeks, per cent", 35, 44}, {"beyond 52 weeks, per cent", 1.5, 4}, {"beyond 104 weeks, per cent", 0, 0.3},
		{"weeks to treatment, median", 9, 16}, {"waiting for a bed, per cent", 8, 22}, {"booked, per cent", 10, 45},
		{"ended 30", 70, 92}, {"ended 32", 3, 15}, {"ended 33", 0.4, 4}, {"ended 34", 3, 15}, {"ended 35", 1.5, 6}, {"ended 36", 0.1, 3},
		{"Orthopaedics", 8, 18}, {"Ophthalmology", 6, 16}, {"Ear, nose and throat", 6, 16}, {"Gynaecology", 5, 14}, {"Dermatology", 4, 12},
		{"General surgery", 4, 12}, {"Gastroenterology", 2, 9}, {"Urology", 3, 11},
		{"Cardiology", 3, 11}, {"Neurology", 2, 9}, {"Rheumatology", 2, 9}, {"Respiratory medicine", 1, 8}})
}

// A wait goes forward in time, and nothing of it happens to the unborn or the dead.
func TestAWaitGoesForward(t *testing.T) {
	place := sample.place()
	died := 0
	for i := range sample.People {
		p := sample.draw(i, place)
		for _, w := range live(p, place).pathways {
			fail := func(what string) {
				t.Errorf("person %d, born %s, end %s: %s in %+v", i, ymd(p.born), ymd(p.end), what, *w)
			}
			if w.referred.Before(p.born) || !w.referred.Before(p.end) || w.code != "" && withCheck(w.code[:len(w.code)-1]) != w.code || w.stopped.IsZero() || w.why == "" {
				fail("the beginning")
			}
			last := w.accepted
			for _, b := range w.bookings {
				if b.made.Before(last) || !b.at.After(b.made) || !b.first.After(b.made) ||
					!b.moved.IsZero() && (b.moved.Before(b.made) || b.moved.After(b.first)) || !b.cancelled.IsZero() && b.cancelled.Before(b.made) {
					fail("an appointment")
				}
				if b.kept() && b.at.After(w.stopped) || b.visit != nil && !b.visit.at.Before(p.end) {
					fail("an appointment after the end")
				}
				last = b.made
			}
			for k, o := range w.offers {
				if w.decided.IsZero() || o.made.Before(w.decided) || !o.day.After(o.made) ||
					!o.withdrawn.IsZero() && (o.withdrawn.Before(o.made) || o.withdrawn.After(o.day) || k+1 < len(w.offers) && o.withdrawn.After(w.offers[k+1].made)) {
					fail("an offer")
				}
			}
			if !w.decided.IsZero() && w.decided.Before(w.seen()) || !w.admitted.IsZero() && (w.admitted.Before(w.decided) || w.admitted.After(w.stopped)) {
				fail("the bed")
			}
			if w.accepted.After(w.stopped) && w.why != rttDied {
				fail("the clock stops before the referral is taken")
			}
			if w.why == rttDied {
				died++
				if p.died.IsZero() || w.stopped.Before(p.died) || w.stopped.Sub(p.died) > 7*day {
					fail("a death")
				}
			}
		}
	}
	if died == 0 {
		t.Error("nobody died waiting")
	}
}

// What a practice refers and what the hospital's list holds are one thing: each referral of a pathway has its number, its day and its specialty.
func TestPracticesReferWhatTheHospitalLists(t *testing.T) {
	place := sample.place()
	n := 0
	for i := range 400 {
		c := sample.chart(i, place, Tenth, sample.until().Add(-10*day))
		by := map[string]*fact{}
		for _, f := range c.facts {
			if f.kind == referralFact {
				by[f.value] = f
			}
		}
		for _, w := range c.l.pathways {
			n++
			f := by[w.ubrn]
			if f == nil || !f.when.Equal(w.referred) || f.place != w.specialty || f.code.snomed != w.referral || f.urgent != w.urgent {
				t.Errorf("person %d: the referral of %s to %s is %+v", i, w.referred.Format(time.DateTime), w.specialty, f)
			}
		}
	}
	if n < 300 {
		t.Errorf("%d pathways", n)
	}
}
